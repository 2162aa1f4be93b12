use super::*;

#[test]
fn takes_the_newest_that_fits() {
    let index = Memory::new(
        "app-1.0-py3-none-any.whl: lib>=2&<4
         lib-1.0-py3-none-any.whl
         lib-3.0-py3-none-any.whl
         lib-4.0-py3-none-any.whl",
    );
    let resolution = resolve(&inputs(&["app"]), &environment(), &index).unwrap();
    let lib = &resolution.picks[1];
    assert_eq!((lib.name().as_ref(), lib.version().to_string()), ("lib", "3.0".to_owned()));
    let by = Requester::Package("app".parse().unwrap(), None);
    assert_eq!(lib.requested_by, [Request { by, requirement: "lib>=2,<4".to_owned() }]);
    let by = Requester::User("list.txt line 1".to_owned());
    assert_eq!(resolution.picks[0].requested_by, [Request { by, requirement: "app".to_owned() }]);
}

#[test]
fn goes_back_to_an_older_version_where_the_newest_does_not_fit() {
    let index = Memory::new(
        "app-2.0-py3-none-any.whl: lib>=2
         app-1.0-py3-none-any.whl: lib
         lib-2.0-py3-none-any.whl
         lib-1.0-py3-none-any.whl",
    );
    let files = ["app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"];
    assert_eq!(chosen(&index, &inputs(&["app", "lib<2"])), files);
    let constrained = Inputs { constraints: asked(&["lib<2", "other==1"]), ..inputs(&["app"]) };
    assert_eq!(chosen(&index, &constrained), files);
}

#[test]
fn extras_bring_what_they_need_and_may_name_each_other() {
    let index = Memory::new(
        "app-2.0-py3-none-any.whl extra all extra web extra db: web; extra == 'web', db>=2; extra == 'db', app[web&db]; extra == 'all'
         app-1.0-py3-none-any.whl
         web-1.0-py3-none-any.whl
         db-2.0-py3-none-any.whl: app
         db-1.0-py3-none-any.whl",
    );
    assert_eq!(chosen(&index, &inputs(&["app"])), ["app-2.0-py3-none-any.whl"]);
    let all = ["app-2.0-py3-none-any.whl", "db-2.0-py3-none-any.whl", "web-1.0-py3-none-any.whl"];
    assert_eq!(chosen(&index, &inputs(&["app[all]"])), all);
    // The extra and its project are of one version.
    let old = resolve(&inputs(&["app[web]", "app<2"]), &environment(), &index).unwrap();
    assert_eq!(old.picks.len(), 1);
    assert_eq!(old.notes, ["app 1.0 has no extra web"]);
    assert_eq!(old.picks[0].extras, BTreeSet::from(["web".parse().unwrap()]));
}

#[test]
fn cycles_are_fine() {
    let index = Memory::new(
        "a-1.0-py3-none-any.whl: b
         b-1.0-py3-none-any.whl: c, b
         c-1.0-py3-none-any.whl: a",
    );
    assert_eq!(chosen(&index, &inputs(&["a"])).len(), 3);
}

#[test]
fn markers_are_the_targets() {
    let index = Memory::new(
        "app-1.0-py3-none-any.whl: new; python_version >= '3.12', win; sys_platform == 'win32', lin; sys_platform == 'linux'
         lin-1.0-py3-none-any.whl",
    );
    let files = ["app-1.0-py3-none-any.whl", "lin-1.0-py3-none-any.whl"];
    assert_eq!(chosen(&index, &inputs(&["app", "gone; os_name == 'nt'"])), files);
}

#[test]
fn the_target_decides_the_file() {
    let index = Memory::new(
        "lib-1.0.tar.gz
         lib-1.0-py3-none-any.whl
         lib-1.0-cp311-cp311-manylinux_2_17_x86_64.whl
         lib-1.0-1-cp311-cp311-manylinux_2_17_x86_64.whl
         lib-1.0-cp311-cp311-manylinux_2_34_x86_64.whl
         lib-1.0-cp312-cp312-manylinux_2_17_x86_64.whl
         lib-2.0-cp312-cp312-manylinux_2_17_x86_64.whl
         lib-3.0-py3-none-any.whl python >=3.12
         lib-4.0-py3-none-any.whl runs >=3.12
         sdist-1.0.zip
         sdist-1.0.tar.gz
         sdist-0.9-py3-none-any.whl",
    );
    let best = "lib-1.0-1-cp311-cp311-manylinux_2_17_x86_64.whl";
    assert_eq!(chosen(&index, &inputs(&["lib", "sdist"])), [best, "sdist-1.0.tar.gz"]);
    let with = |change: fn(&mut Policy)| {
        let mut inputs = inputs(&["lib", "sdist"]);
        change(&mut inputs.policy);
        chosen(&index, &inputs)
    };
    let names = |name: &str| BTreeSet::from([name.parse().unwrap()]);
    let wheels = [best, "sdist-0.9-py3-none-any.whl"];
    assert_eq!(with(|policy| policy.only_binary.all = true), wheels);
    assert_eq!(with(|policy| policy.prefer_binary = Prefer::Wheels), wheels);
    let sources = ["lib-1.0.tar.gz", "sdist-1.0.tar.gz"];
    assert_eq!(with(|policy| policy.no_binary.all = true), sources);
    let mut mixed = inputs(&["lib", "sdist"]);
    mixed.policy.only_binary.all = true;
    mixed.policy.no_binary.named = names("lib");
    assert_eq!(chosen(&index, &mixed), ["lib-1.0.tar.gz", "sdist-0.9-py3-none-any.whl"]);
}

#[test]
fn pre_releases_are_taken_where_they_are_named_or_alone() {
    let index = Memory::new(
        "lib-1.0-py3-none-any.whl
         lib-2.0b1-py3-none-any.whl
         only-1.0a1-py3-none-any.whl
         only-1.0a2-py3-none-any.whl
         app-1.0-py3-none-any.whl: lib>=2.0a1
         not-1.0-py3-none-any.whl: lib!=2.0b1&>=1",
    );
    let (old, new) = (["lib-1.0-py3-none-any.whl"], ["lib-2.0b1-py3-none-any.whl"]);
    for requirement in ["lib", "lib>=1", "lib!=2.0a0"] {
        assert_eq!(chosen(&index, &inputs(&[requirement])), old, "{requirement}");
    }
    for requirement in ["lib>=2.0a1", "lib==2.0b1", "lib<=2.0b1"] {
        assert_eq!(chosen(&index, &inputs(&[requirement])), new, "{requirement}");
    }
    assert_eq!(chosen(&index, &inputs(&["only"])), ["only-1.0a2-py3-none-any.whl"]);
    assert_eq!(chosen(&index, &inputs(&["app"]))[1..], new);
    assert_eq!(chosen(&index, &inputs(&["not"]))[..1], old);
    let mut all = inputs(&["lib"]);
    all.policy.pre_releases = PreReleases::Allow;
    assert_eq!(chosen(&index, &all), new);
}

#[test]
fn what_was_withdrawn_is_taken_where_it_is_asked_for_exactly() {
    let index = Memory::new(
        "lib-1.0-py3-none-any.whl
         lib-2.0-py3-none-any.whl yanked
         half-1.0-py3-none-any.whl yanked
         half-1.0.tar.gz
         app-1.0-py3-none-any.whl: lib>=1",
    );
    assert_eq!(chosen(&index, &inputs(&["lib>=1"])), ["lib-1.0-py3-none-any.whl"]);
    assert_eq!(chosen(&index, &inputs(&["half"])), ["half-1.0.tar.gz"]);
    let resolution = resolve(&inputs(&["app", "lib==2.0"]), &environment(), &index).unwrap();
    assert_eq!(resolution.picks[1].version().to_string(), "2.0");
    assert_eq!(resolution.notes, ["lib 2.0 was withdrawn: broken"]);
}

#[test]
fn what_a_release_names_is_good_for_the_others() {
    let index = Memory::new(
        "lib-1.0-py3-none-any.whl
         lib-1.5-py3-none-any.whl yanked
         lib-2.0b1-py3-none-any.whl
         pre-1.0-py3-none-any.whl: lib>=2.0a1
         pin-1.0-py3-none-any.whl: lib==1.5
         any-1.0-py3-none-any.whl: lib",
    );
    for (requirement, file) in [
        ("any", "lib-1.0-py3-none-any.whl"),
        ("pre", "lib-2.0b1-py3-none-any.whl"),
        ("pin", "lib-1.5-py3-none-any.whl"),
    ] {
        assert_eq!(chosen(&index, &inputs(&["any", requirement, "lib>=1"]))[1], file);
    }
    let lines = explanation(&index, &inputs(&["pre", "pin"])).lines;
    assert!(lines.contains(&"pre 1.0 requires lib>=2.0a1".to_owned()), "{lines:?}");
    assert!(lines.contains(&"pin 1.0 requires lib==1.5".to_owned()), "{lines:?}");
}

#[test]
fn specifiers_read_versions_as_the_standard_has_it() {
    let index = Memory::new(
        "lib-1.0-py3-none-any.whl
         lib-1.0+cu12-py3-none-any.whl
         lib-1.0.post1-py3-none-any.whl
         lib-1.1.0-py3-none-any.whl
         lib-1!0.1-py3-none-any.whl",
    );
    for (requirement, version) in [
        ("lib==1.0", "1.0+cu12"),
        ("lib==1.0+cu12", "1.0+cu12"),
        ("lib===1.0", "1.0"),
        ("lib<=1.0", "1.0+cu12"),
        ("lib~=1.0", "1.1.0"),
        ("lib~=1.0.0", "1.0.post1"),
        ("lib==1.0.*", "1.0.post1"),
        ("lib>1.0,<2", "1.1.0"),
        ("lib<18446744073709551615", "1.1.0"),
        ("lib!=18446744073709551615.*", "1!0.1"),
        ("lib", "1!0.1"),
    ] {
        let resolution = resolve(&inputs(&[requirement]), &environment(), &index).unwrap();
        assert_eq!(resolution.picks[0].version().to_string(), version, "{requirement}");
    }
}

#[test]
fn digests_restrict_the_files() {
    let index = Memory::new(
        "lib-1.0-py3-none-any.whl digest aa
         lib-1.0.tar.gz digest bb
         lib-2.0-py3-none-any.whl digest cc",
    );
    let mut hashed = inputs(&["lib"]);
    hashed.hashes.insert("lib".parse().unwrap(), vec![digest("bb"), digest("dd")]);
    assert_eq!(chosen(&index, &hashed), ["lib-1.0.tar.gz"]);
}

#[test]
fn a_url_stands_for_its_project() {
    let index = Memory::new(
        "app-1.0-py3-none-any.whl: lib>=2
         lib-3.0-py3-none-any.whl
         lib-2.0-py3-none-any.whl",
    );
    let url = "lib @ https://files.example/lib-2.0-py3-none-any.whl";
    let files = ["app-1.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"];
    assert_eq!(chosen(&index, &inputs(&["app", url])), files);
    let two = inputs(&[url, "lib @ https://files.example/lib-3.0-py3-none-any.whl"]);
    let error = resolve(&two, &environment(), &index).unwrap_err().to_string();
    assert!(error.starts_with("lib is asked for at two URLs: https://"), "{error}");
}

#[test]
fn passes_over_versions_that_cannot_be_used() {
    let index = Memory::new(
        "lib-3.0-py3-none-any.whl: !
         lib-2.0-py3-none-any.whl: other @ https://files.example/other-1.0-py3-none-any.whl
         lib-1.0-py3-none-any.whl",
    );
    assert_eq!(chosen(&index, &inputs(&["lib"])), ["lib-1.0-py3-none-any.whl"]);
}

#[test]
fn takes_no_url_of_a_release_unless_the_user_gives_it_too() {
    let index = Memory::new(
        "lib-2.0-py3-none-any.whl extra web: other @ https://files.example/other-1.0-py3-none-any.whl ; extra == 'web'
         lib-1.0-py3-none-any.whl
         other-1.0-py3-none-any.whl
         other-2.0-py3-none-any.whl",
    );
    assert_eq!(chosen(&index, &inputs(&["lib[web]"])), ["lib-1.0-py3-none-any.whl"]);
    let url = "other @ https://files.example/other-1.0-py3-none-any.whl";
    let files = ["lib-2.0-py3-none-any.whl", "other-1.0-py3-none-any.whl"];
    assert_eq!(chosen(&index, &inputs(&["lib[web]", url])), files);
}

#[test]
fn says_beforehand_what_will_be_asked_for() {
    let release = |version| {
        format!("app-{version}-py3-none-any.whl: lib=={version}\nlib-{version}-py3-none-any.whl\n")
    };
    let index = Memory::new(&(1..=40).map(release).collect::<String>());
    assert_eq!(chosen(&index, &inputs(&["app", "lib<=5"])).len(), 2);
    let (read, expected) = (index.read.into_inner().unwrap(), index.expected.into_inner().unwrap());
    let unique: BTreeSet<_> = read.iter().cloned().collect();
    assert_eq!(unique.len(), read.len(), "everything is read once");
    let surprising: Vec<_> = unique.difference(&expected).collect();
    // The first few versions of a search are not expected; the rest comes in batches.
    assert!(surprising.len() <= 5, "{surprising:?}");
    let wasted: Vec<_> = expected.difference(&unique).collect();
    assert!(wasted.len() <= 32, "{wasted:?}");
}
