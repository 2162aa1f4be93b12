//! rpm's rules, each on a repository of a few packages.

use std::fmt::Write as _;

use super::*;

/// A repository, one package a line: `name-evr.arch`, then what it provides (`+`), requires (`>`),
/// conflicts with (`!`), obsoletes (`~`), recommends (`?`), suggests (`s`), supplements (`^`) and
/// its files (`f`), each behind a `|`.
fn repository(lines: &str) -> Pool {
    repositories(&[lines])
}

pub(super) fn repositories(all: &[&str]) -> Pool {
    let mut pool = Pool::new("x86_64");
    for lines in all {
        let repository = pool.add_repository("test");
        let document = document(lines);
        let mut number = 0;
        read_packages(document.as_bytes(), |package, relations| {
            pool.add(repository, number, &package, relations).unwrap();
            number += 1;
            Ok::<_, FormatError>(())
        })
        .unwrap();
    }
    pool.finish();
    pool
}

pub(super) fn document(lines: &str) -> String {
    let mut text = "<metadata xmlns='http://linux.duke.edu/metadata/common' \
                    xmlns:rpm='http://linux.duke.edu/metadata/rpm'>"
        .to_owned();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split('|').map(str::trim);
        let nevra: crate::format::rpm::nevra::Nevra = parts.next().unwrap().parse().unwrap();
        let (name, arch, evr) = (nevra.name, nevra.arch, nevra.evr);
        let (epoch, version, release) = (evr.epoch, evr.version, evr.release);
        let digest = crate::digest::Sha256::of(line.as_bytes());
        let _ = write!(
            text,
            "<package type='rpm'><name>{name}</name><arch>{arch}</arch>\
             <version epoch='{epoch}' ver='{version}' rel='{release}'/>\
             <checksum type='sha256'>{digest}</checksum><location href='{name}.rpm'/><format>"
        );
        for part in parts {
            let (sign, rest) = part.split_at(1);
            let rest = rest.trim().replace('<', "&lt;");
            let element = match sign {
                "+" => "provides",
                ">" => "requires",
                "!" => "conflicts",
                "~" => "obsoletes",
                "?" => "recommends",
                "s" => "suggests",
                "^" => "supplements",
                _ => {
                    let _ = write!(text, "<file>{rest}</file>");
                    continue;
                }
            };
            let words: Vec<&str> = rest.split(' ').collect();
            let entry = match words[..] {
                [name, sign, evr] if !rest.starts_with('(') => {
                    let sign = match sign {
                        "&lt;" => "LT",
                        "&lt;=" => "LE",
                        "=" => "EQ",
                        ">=" => "GE",
                        _ => "GT",
                    };
                    let evr = crate::format::rpm::rich::evr(evr).unwrap();
                    let (epoch, version, release) = (evr.epoch, evr.version, evr.release);
                    let release = match &*release {
                        "" => String::new(),
                        release => format!("rel='{release}'"),
                    };
                    format!(
                        "name='{name}' flags='{sign}' epoch='{epoch}' ver='{version}' {release}"
                    )
                }
                _ => format!("name='{rest}'"),
            };
            let _ = write!(text, "<rpm:{element}><rpm:entry {entry}/></rpm:{element}>");
        }
        text += "</format></package>";
    }
    text + "</metadata>"
}

fn goal(pool: &Pool, names: &[&str]) -> Goal {
    let roots = names.iter().flat_map(|name| pool.roots(name).unwrap()).collect();
    Goal { roots, weak: Weak::No, installed: Vec::new() }
}

fn names(pool: &Pool, solution: &Solution) -> Vec<String> {
    let ids = solution.packages.iter().map(|chosen| chosen.id);
    ids.map(|id| pool.nevra(id).to_string().replace("-1-1.noarch", "")).collect()
}

/// What is chosen, which must hold by itself.
fn chosen(pool: &Pool, asked: &[&str]) -> Vec<String> {
    with(pool, &goal(pool, asked))
}

fn with(pool: &Pool, goal: &Goal) -> Vec<String> {
    let solution = goal.solve(pool, &|| false).unwrap();
    if goal.installed.is_empty() {
        let set = solution.packages.iter().map(|chosen| chosen.id).collect();
        assert_eq!(faults(pool, &set), []);
    }
    let mut names = names(pool, &solution);
    names.sort();
    names
}

fn refused(pool: &Pool, asked: &[&str]) -> Vec<Problem> {
    match goal(pool, asked).solve(pool, &|| false) {
        Err(SolveError::Unsolvable(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn versions_match_as_rpm_has_it() {
    let pool = repository(
        "lib-1:2-3.noarch
         a-1-1.noarch | > lib = 1:2
         b-1-1.noarch | > lib >= 2
         c-1-1.noarch | > lib < 1:2-4
         d-1-1.noarch | > lib = 2-3
         e-1-1.noarch | > lib > 1:2-3
         f-1-1.noarch | > lib = 1:2-3
         g-1-1.noarch | > virtual = 5
         h-1-1.noarch | + virtual
         i-1-1.noarch | > odd >= 1-2
         j-1-1.noarch | + odd = 1",
    );
    for good in ["a", "b", "c", "f"] {
        assert_eq!(chosen(&pool, &[good]), [good, "lib-1:2-3.noarch"], "{good}");
    }
    assert_eq!(chosen(&pool, &["g"]), ["g", "h"]);
    assert_eq!(chosen(&pool, &["i"]), ["i", "j"]);
    for bad in ["d", "e"] {
        assert_eq!(refused(&pool, &[bad]).len(), 1, "{bad}");
    }
    assert_eq!(
        refused(&pool, &["d"])[0].to_string(),
        "d: nothing provides lib = 2-3, needed by d-1-1.noarch: there is lib-1:2-3.noarch"
    );
}

#[test]
fn rich_dependencies_are_formulas() {
    let pool = repository(
        "and-1-1.noarch | > (x and y)
         or-1-1.noarch | > (none or y)
         if-1-1.noarch | > (x if y)
         else-1-1.noarch | > (x if none else y)
         with-1-1.noarch | > (cap >= 2 with cap < 3)
         without-1-1.noarch | > (cap without x)
         unless-1-1.noarch | > (y unless x)
         nested-1-1.noarch | > ((x and none) or (y if z))
         both-1-1.noarch | ! (x and y)
         idle-1-1.noarch | ! (x if y)
         broken-1-1.noarch | > (x and
         x-1-1.noarch | + cap = 2
         y-1-1.noarch | + cap = 1
         z-1-1.noarch",
    );
    assert_eq!(chosen(&pool, &["and"]), ["and", "x", "y"]);
    assert_eq!(chosen(&pool, &["or"]), ["or", "y"]);
    assert_eq!(chosen(&pool, &["if"]), ["if"]);
    assert_eq!(chosen(&pool, &["if", "y"]), ["if", "x", "y"]);
    assert_eq!(chosen(&pool, &["else"]), ["else", "y"]);
    assert_eq!(chosen(&pool, &["with"]), ["with", "x"]);
    assert_eq!(chosen(&pool, &["without"]), ["without", "y"]);
    assert_eq!(chosen(&pool, &["unless"]), ["unless", "y"]);
    assert_eq!(refused(&pool, &["unless", "x"]).len(), 1);
    assert_eq!(chosen(&pool, &["nested"]), ["nested"]);
    assert_eq!(chosen(&pool, &["nested", "z"]), ["nested", "y", "z"]);
    assert_eq!(chosen(&pool, &["both", "x"]), ["both", "x"]);
    assert_eq!(refused(&pool, &["both", "x", "y"]).len(), 1);
    // `x if y` holds wherever y is not: only y without x is left.
    assert_eq!(chosen(&pool, &["idle", "y"]), ["idle", "y"]);
    assert_eq!(refused(&pool, &["idle", "x", "y"]).len(), 1);
    assert!(
        refused(&pool, &["broken"])[0]
            .to_string()
            .contains("(x and is no rich dependency: expected")
    );
}

#[test]
fn what_does_not_go_together_is_not_taken_together() {
    let pool = repository(
        "a-1-1.noarch | ! cap
         b-1-1.noarch | + cap
         c-1-1.noarch | + cap | ! cap
         d-1-1.noarch | + cap | ! cap
         new-1-1.noarch | ~ old < 2
         old-1-1.noarch
         old-2-1.noarch | > new
         user-1-1.noarch | > (a or b) | > cap
         kernel-1-1.noarch
         kernel-2-1.noarch
         k1-1-1.noarch | > kernel = 1
         k2-1-1.noarch | > kernel = 2
         o1-1-1.noarch | > old = 1",
    );
    assert_eq!(chosen(&pool, &["c"]), ["c"], "with itself it goes");
    let problems = refused(&pool, &["a", "b"]);
    assert_eq!(problems[0].asked, ["b", "a"]);
    assert_eq!(problems[0].lines, ["a-1-1.noarch conflicts with cap, provided by b-1-1.noarch"]);
    assert_eq!(refused(&pool, &["c", "d"]).len(), 1);
    assert_eq!(chosen(&pool, &["user"]), ["b", "user"]);
    assert_eq!(chosen(&pool, &["k1", "k2"]).len(), 4, "two kernels beside each other");
    let problems = refused(&pool, &["o1", "new", "b", "a"]);
    assert_eq!(problems.len(), 2, "each is told: {problems:?}");
    assert!(
        problems[0].to_string().contains("new-1-1.noarch obsoletes old < 2"),
        "{}",
        problems[0]
    );
    let problem = refused(&pool, &["o1", "old = 2"]).remove(0).to_string();
    assert!(problem.contains("old-1-1.noarch and old-2-1.noarch cannot be installed together"));
}

#[test]
fn prefers_what_dnf_prefers() {
    let pool = repository(
        "lib-1-1.x86_64 | + cap
         lib-2-1.x86_64 | + cap
         lib-2-1.i686 | + cap
         lib32-1-1.x86_64 | > lib(32)
         only-1-1.i686 | + lib(32)
         tool-1-1.x86_64 | > cap
         b-1-1.noarch | + pick
         a-1-1.noarch | + pick
         pick1-1-1.noarch | > pick
         pick2-1-1.noarch | > pick | ? b
         replaced-1-1.noarch
         successor-1-1.noarch | ~ replaced | + replaced = 1",
    );
    assert_eq!(chosen(&pool, &["tool"]), ["lib-2-1.x86_64", "tool-1-1.x86_64"]);
    assert_eq!(chosen(&pool, &["lib.i686"]), ["lib-2-1.i686"]);
    assert_eq!(chosen(&pool, &["lib", "lib.i686"]), ["lib-2-1.i686", "lib-2-1.x86_64"]);
    assert_eq!(chosen(&pool, &["lib32"]), ["lib32-1-1.x86_64", "only-1-1.i686"]);
    assert_eq!(chosen(&pool, &["pick1"]), ["a", "pick1"]);
    assert_eq!(chosen(&pool, &["pick2"]), ["b", "pick2"]);
    assert_eq!(chosen(&pool, &["replaced"]), ["successor"]);
}

#[test]
fn weak_dependencies_never_make_a_goal_fail() {
    let pool = repository(
        "a-1-1.noarch | ? b | ? none | ? broken | ? (c if d) | ? rival
         b-1-1.noarch | ? e
         broken-1-1.noarch | > none
         c-1-1.noarch
         d-1-1.noarch
         e-1-1.noarch
         f-1-1.noarch | ^ (a and b)
         g-1-1.noarch | ^ d
         rival-1-1.noarch | ! a",
    );
    let weak = |asked: &[&str]| with(&pool, &Goal { weak: Weak::Yes, ..goal(&pool, asked) });
    assert_eq!(chosen(&pool, &["a"]), ["a"]);
    assert_eq!(weak(&["a"]), ["a", "b", "e", "f"]);
    assert_eq!(weak(&["a", "d"]), ["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn counts_what_a_host_has() {
    let pool = repository(
        "base-1-1.noarch | + cap = 1
         base-2-1.noarch | + cap = 2
         other-1-1.noarch | + cap = 2
         a-1-1.noarch | > cap
         b-1-1.noarch | > cap >= 2
         broken-1-1.noarch | > none
         c-1-1.noarch | > broken
         d-1-1.noarch | > base >= 2",
    );
    let installed = |name: &str| pool.roots(name).unwrap()[0].packages.clone();
    let after = |have: &str, asked: &str| {
        let installed = installed(have);
        with(&pool, &Goal { installed, ..goal(&pool, &[asked]) })
    };
    assert_eq!(after("base-1-1", "a"), ["a"]);
    assert_eq!(after("base-1-1", "b"), ["b", "other"], "nothing is updated without need");
    assert_eq!(after("base-1-1", "d"), ["base-2-1.noarch", "d"]);
    assert_eq!(after("broken", "c"), ["c"], "what was broken before stays so");
}

#[test]
fn says_why_each_package_is_in_and_what_is_passed_over() {
    let pool = repository(
        "a-1-1.noarch | > b >= 1
         a-2-1.noarch | > none
         b-1-1.noarch",
    );
    let solution = goal(&pool, &["a"]).solve(&pool, &|| false).unwrap();
    let words: Vec<_> = solution.packages.iter().map(|c| (&c.asked[..], c.needed.len())).collect();
    assert_eq!(words, [(&["a".to_owned()][..], 0), (&[][..], 1)]);
    assert_eq!(solution.packages[1].needed[0].dependency, "b >= 1");
    assert_eq!(
        solution.notes,
        ["a-2-1.noarch cannot be installed with the rest: a-1-1.noarch is taken"]
    );
}

#[test]
fn finds_what_users_ask_for() {
    let pool = repository(
        "python3.11-1-1.noarch | + python3 = 3.11 | f /usr/bin/python3
         python3-libs-1-1.noarch
         hidden-1-1.aarch64",
    );
    let texts = |text: &str| -> Vec<String> {
        let roots = pool.roots(text).unwrap();
        roots.into_iter().map(|root| pool.name(root.packages[0]).to_owned()).collect()
    };
    assert_eq!(texts("python3*"), ["python3-libs", "python3.11"]);
    for text in
        ["python3.11", "python3.11-1-1.noarch", "python3 >= 3", "/usr/bin/python3", "python3"]
    {
        assert_eq!(texts(text), ["python3.11"], "{text}");
    }
    let error = |text: &str| pool.roots(text).unwrap_err().to_string();
    assert_eq!(
        error("hiden"),
        "nothing is called hiden, and nothing provides it: did you mean hidden?"
    );
    assert_eq!(
        error("hidden"),
        "hidden: all 1 matching packages are left out: for another architecture"
    );
}

#[test]
fn proves_what_can_be_installed() {
    let pool = repository(
        "a-1-1.noarch | > b
         b-1-1.noarch | > c
         c-1-1.noarch | > d = 2
         d-1-1.noarch
         e-1-1.noarch | ! f
         f-1-1.noarch
         g-1-1.noarch | > e | > f",
    );
    let all: Vec<PackageId> = pool.ids().collect();
    let proof = prove(&pool, &all, &|| false).unwrap();
    assert_eq!(proof.proved, 3);
    let unproved: Vec<_> =
        proof.unproved.iter().map(|unproved| unproved.problem.to_string()).collect();
    assert_eq!(
        unproved[0],
        "a-1-1.noarch: a-1-1.noarch requires b; b-1-1.noarch requires c; nothing provides d = 2, \
         needed by c-1-1.noarch: there is d-1-1.noarch"
    );
    assert!(unproved[3].contains("e-1-1.noarch conflicts with f"), "{unproved:?}");
    assert_eq!(unproved.len(), 4);
}

#[test]
fn the_first_repository_goes_before_the_others_for_the_same_build() {
    let pool =
        repositories(&["a-1-1.noarch", "a-1-1.noarch\na-2-1.noarch | > none\nb-1-1.noarch | > a"]);
    let solution = goal(&pool, &["b"]).solve(&pool, &|| false).unwrap();
    let from: Vec<usize> = solution.packages.iter().map(|c| pool.repository(c.id)).collect();
    assert_eq!(from, [0, 1]);
}

#[test]
fn ends_where_it_is_told_to_and_withstands_crowds() {
    let line = |n| format!("p{n}-1-1.noarch | + cap | ! cap | > (p{} or cap)", (n + 1) % 600);
    let lines: Vec<String> = (0..600).map(line).collect();
    let pool = repository(&lines.join("\n"));
    assert_eq!(chosen(&pool, &["p7"]), ["p7"]);
    assert_eq!(refused(&pool, &["p7", "p9"]).len(), 1);
    let goal = goal(&pool, &["cap"]);
    assert_eq!(goal.solve(&pool, &|| true).map(|s| s.packages.len()), Ok(1), "too short to ask");
}

#[test]
fn conditions_in_conditions_are_written_once_each() {
    let nested = |word: &str, depth: usize| {
        (0..depth).fold("b".to_owned(), |inner, _| format!("(a {word} {inner} else b)"))
    };
    let [deep, deeper] = [nested("if", 31), nested("unless", 31)];
    let pool = repository(&format!(
        "x-1-1.noarch | > {deep}
         y-1-1.noarch | > {deeper} | ^ {deep}
         z-1-1.noarch | ! {deep} | ? {deeper}
         a-1-1.noarch
         b-1-1.noarch",
    ));
    let all: Vec<PackageId> = pool.ids().collect();
    assert_eq!(prove(&pool, &all, &|| false).unwrap().unproved, []);
}

#[test]
fn what_rpm_can_do_is_asked_of_no_package() {
    let pool = repository(
        "a-1-1.noarch | > rpmlib(PayloadIsZstd) <= 5.4.18-1 | > (b and rpmlib(RichDependencies))
         b-1-1.noarch",
    );
    assert_eq!(chosen(&pool, &["a"]), ["a", "b"]);
}

#[test]
fn another_word_size_goes_with_the_same_build_where_that_takes_part() {
    let pool = repository(
        "tool-1-1.x86_64 | > lib32 | > lib64
         less-1-1.x86_64 | > lib32
         maybe-1-1.x86_64 | > lib32 | ? lib64
         pair-1-1.x86_64 | > both32
         lib-1-1.i686 | + lib32
         lib-2-1.x86_64 | + lib64
         both-1-1.i686 | + both32
         both-1-1.x86_64
         half-1-1.i686 | + half32
         half-1-1.x86_64 | > none
         bad-1-1.x86_64 | > half32",
    );
    assert_eq!(
        refused(&pool, &["tool"])[0].to_string(),
        "tool: tool-1-1.x86_64 requires lib32; lib-1-1.i686 is for another word size, and the same \
         build for x86_64 is not there"
    );
    assert_eq!(chosen(&pool, &["less"]), ["less-1-1.x86_64", "lib-1-1.i686"]);
    assert_eq!(refused(&pool, &["maybe"]).len(), 1);
    assert_eq!(chosen(&pool, &["pair"]), ["both-1-1.i686", "both-1-1.x86_64", "pair-1-1.x86_64"]);
    // What is asked for itself is free.
    assert_eq!(chosen(&pool, &["half.i686"]), ["half-1-1.i686"]);
    let all: Vec<PackageId> = pool.ids().collect();
    let unproved = prove(&pool, &all, &|| false).unwrap().unproved;
    let unproved: Vec<_> = unproved.iter().map(|one| pool.name(one.id)).collect();
    assert_eq!(unproved, ["tool", "maybe", "half", "bad"]);
    let roots: Vec<Root> = pool.ids().map(|id| root(&pool, id)).collect();
    let answers = prove_each(&pool, &roots, &|| false).unwrap();
    let refused = answers.iter().zip(pool.ids());
    let refused = refused.filter(|(answer, _)| matches!(answer, Answered::Unsolvable(_)));
    assert_eq!(refused.map(|(_, id)| pool.name(id)).collect::<Vec<_>>(), unproved);
}

fn root(pool: &Pool, id: PackageId) -> Root {
    Root { text: pool.nevra(id).to_string(), packages: vec![id], only_with: None }
}

#[test]
fn only_what_may_be_there_several_times_goes_beside_its_own_name() {
    let pool = repository(
        "module-1-1.noarch | + installonlypkg(kernel-module)
         module-2-1.noarch
         module-3-1.noarch | + installonlypkg(kernel-module)
         a-1-1.noarch | > module = 1 | > module = 2
         b-1-1.noarch | > module = 1 | > module = 3",
    );
    assert_eq!(
        refused(&pool, &["a"])[0].lines,
        [
            "a-1-1.noarch requires module = 1",
            "a-1-1.noarch requires module = 2",
            "module-1-1.noarch and module-2-1.noarch cannot be installed together"
        ]
    );
    assert_eq!(chosen(&pool, &["b"]).len(), 3);
}

#[test]
fn long_chains_are_told_in_a_few_lines() {
    let line = |n| format!("p{n}-1-1.noarch | > p{}", n + 1);
    let lines: Vec<String> = (0..1500).map(line).collect();
    let pool = repository(&lines.join("\n"));
    let all: Vec<PackageId> = pool.ids().collect();
    let unproved = prove(&pool, &all, &|| false).unwrap().unproved;
    assert_eq!(unproved.len(), 1500);
    assert!(unproved.iter().all(|one| (1..=11).contains(&one.problem.lines.len())));
    let lines = &unproved[1400].problem.lines;
    assert_eq!(lines[0], "p1400-1-1.noarch requires p1401");
    assert_eq!(lines[5], "and 90 steps more");
    assert_eq!(lines[10], "nothing provides p1500, needed by p1499-1-1.noarch");
}

#[test]
fn no_refusal_is_without_a_reason() {
    let pool = repository(
        "own-1-1.noarch | + a | ! (a or b)
         not-1-1.noarch | > (y unless x) | > x
         x-1-1.noarch
         y-1-1.noarch",
    );
    assert_eq!(
        refused(&pool, &["own"])[0].lines,
        ["own-1-1.noarch conflicts with (a or b), provided by itself"]
    );
    let lines = refused(&pool, &["not"]).remove(0).lines;
    assert_eq!(
        lines.last().unwrap(),
        "not-1-1.noarch requires (y unless x), and x-1-1.noarch is what it excludes"
    );
}

#[test]
fn names_in_reasons_are_shown_harmlessly() {
    let pool = repository("a-1-1.noarch | > no\u{202e}ne");
    let lines = refused(&pool, &["a"]).remove(0).lines;
    assert_eq!(lines, ["nothing provides no\\u{202e}ne, needed by a-1-1.noarch"]);
}

#[test]
fn a_version_that_is_named_is_meant_as_rpm_compares_it() {
    let pool = repository(
        "old-1-1.noarch
         new-1-1.noarch | ~ old",
    );
    assert_eq!(chosen(&pool, &["old"]), ["new"]);
    for text in ["old-1", "old-01-1", "old-1-1.noarch"] {
        assert_eq!(chosen(&pool, &[text]), ["old"], "{text}");
    }
    assert_eq!(
        pool.roots("z*").unwrap_err().to_string(),
        "nothing is called z*, and nothing provides it"
    );
}
