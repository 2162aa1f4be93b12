use super::*;

/// What is said of requirements that have no solution.
fn lines(index: &str, requirements: &[&str]) -> Vec<String> {
    explanation(&Memory::new(index), &inputs(requirements)).lines
}

#[test]
fn names_the_culprits_in_the_words_of_those_who_ask() {
    let releases = |version| {
        format!(
            "app-{version}-py3-none-any.whl: mid>={version}
             mid-{version}-py3-none-any.whl: lib>=2, good
            "
        )
    };
    let others = "lib-1.0-py3-none-any.whl
         lib-2.0-py3-none-any.whl
         good-1.0-py3-none-any.whl
         unrelated-1.0-py3-none-any.whl: good";
    let index = Memory::new(&((10..40).map(releases).collect::<String>() + others));
    let explanation = explanation(&index, &inputs(&["unrelated", "app>=12", "lib<2"]));
    assert_eq!(
        explanation.lines,
        [
            "you require app>=12 (list.txt line 2)",
            "you require lib<2 (list.txt line 3)",
            "app 12 to 39 (28 versions) require mid 12 to 39 (28 versions)",
            "mid 12 to 39 (28 versions) require lib>=2",
        ]
    );
    let culprits: Vec<_> = explanation.culprits.iter().map(AsRef::as_ref).collect();
    assert_eq!(culprits, ["app", "lib", "mid"]);
}

#[test]
fn says_what_is_on_no_index() {
    assert_eq!(
        lines("app-1.0-py3-none-any.whl: gone>=1", &["app"]),
        ["you require app (list.txt line 1)", "app 1.0 requires gone>=1", "gone is on no index",]
    );
}

#[test]
fn says_why_the_versions_that_fit_are_left_out() {
    let index = "lib-1.0-py3-none-any.whl
         lib-2.0-py3-none-any.whl python >=3.12
         lib-2.1-py3-none-any.whl python >=3.12
         lib-3.0-cp312-cp312-win_amd64.whl
         lib-4.0-py3-none-any.whl runs <3
         lib-5.0-py3-none-any.whl yanked";
    for (requirement, expected) in [
        ("lib==2.*", "lib 2.0 and 2.1: for Python >=3.12"),
        ("lib==3.0", "lib 3.0: no wheel for this target and no source distribution"),
        ("lib==4.0", "lib 4.0: for Python <3"),
        ("lib>=5", "lib 5.0: withdrawn, or a pre-release"),
        ("lib>=6", "no version of lib fits; the newest is 5.0"),
    ] {
        let asked = format!("you require {requirement} (list.txt line 1)");
        assert_eq!(lines(index, &[requirement]), [asked, expected.to_owned()]);
    }
}

#[test]
fn says_which_of_several_asks_for_what_does_not_exist() {
    assert_eq!(
        lines("app-1.0-py3-none-any.whl: lib\nlib-1.0-py3-none-any.whl", &["app", "lib>=6"]),
        ["you require lib>=6 (list.txt line 2)", "no version of lib fits; the newest is 1.0"]
    );
}

#[test]
fn names_constraints_and_extras() {
    let index = Memory::new(
        "app-1.0-py3-none-any.whl extra web: lib>=2; extra == 'web'
         lib-1.0-py3-none-any.whl
         lib-2.0-py3-none-any.whl",
    );
    let inputs = Inputs { constraints: asked(&["lib<2"]), ..inputs(&["app[web]"]) };
    assert_eq!(
        explanation(&index, &inputs).lines,
        [
            "you require app[web] (list.txt line 1)",
            "you constrain lib<2 (list.txt line 1)",
            "app[web] 1.0 requires lib>=2",
        ]
    );
}

#[test]
fn a_deep_proof_is_short_to_read() {
    // A chain of thousands of steps: neither the proof nor its end may recurse.
    let step = |step| format!("p{step}-1.0-py3-none-any.whl: p{}\n", step + 1);
    let index = (0..3000).map(step).collect::<String>();
    let explanation = explanation(&Memory::new(&index), &inputs(&["p0"]));
    assert!(explanation.lines.len() <= 9, "{:?}", explanation.lines);
    assert_eq!(explanation.lines[0], "you require p0 (list.txt line 1)");
}
