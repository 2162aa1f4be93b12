use super::*;
use crate::format::pypi::filename::WheelFilename;
use crate::resolve::pypi::Distribution;

fn target(python: &str, platform: &str) -> Target {
    Target::new(python.parse().unwrap(), platform.parse().unwrap())
}

fn tags(python: &str, platform: &str) -> Vec<String> {
    let Target { python, platform, .. } = target(python, platform);
    SupportedTags::new(&python, &platform).iter().collect()
}

/// Beside each target the number of tags that `packaging.tags` (26.3) lists for it and the SHA-256
/// of their list, one a line: `cpython_tags` and `compatible_tags` over `_manylinux.platform_tags`
/// (which is told the glibc) or `mac_platforms`, with `linux_ARCH` behind the levels.
#[test]
fn lists_the_tags_that_packaging_lists() {
    for (python, platform, count, digest) in [
        (
            "3.11",
            "manylinux_2_28_x86_64",
            714,
            "d4b8df81c19ae364274f377de56eb56e0d052108a6ae5bbdf62f92dd3a903531",
        ),
        (
            "3.6",
            "manylinux2014_aarch64",
            54,
            "3a9bff8e344bd66a5ed817a0b6a5f2b1ea809a973319eae286bceae776a65072",
        ),
        (
            "3.12",
            "macosx_12_0_arm64",
            474,
            "9489299ab43cfcaf958120ddd81219ab69b2428282606884f5ad77b1ee2c337f",
        ),
        (
            "3.12",
            "macosx_10_15_x86_64",
            1959,
            "fe28ef81efdcd75bb6e0bea1441d4328e36c34b11056381a0bd39cc4c12a9e1e",
        ),
        (
            "3.13",
            "macosx_14_0_x86_64",
            2974,
            "8ebc8ffdda62e97266face981f8f2f6d5b43392f15716782a2977d078c89100f",
        ),
        (
            "3.10",
            "win_amd64",
            36,
            "8a96519f3c633d60ea3f78f2cf4ed449237006a287ffcb95d57a16451553c0d7",
        ),
        (
            "3.12",
            "musllinux_1_2_x86_64",
            123,
            "3a76d8d82692e240ac450d80dc131de4a1abe5bfca4d60950f9ffceb5d3947dd",
        ),
        (
            "3.14t",
            "manylinux_2_39_x86_64",
            1226,
            "7b77f2218ec43623dd47ad17129d6efdb41c219e6e19ff69750752b028a38b6d",
        ),
    ] {
        let tags = tags(python, platform);
        assert_eq!(tags.len(), count, "{python} {platform}");
        let list = tags.join("\n");
        assert_eq!(
            crate::digest::Sha256::of(list.as_bytes()).hex(),
            digest,
            "{python} {platform}: {list}"
        );
    }
}

#[test]
fn takes_the_wheels_that_fit_and_knows_the_best() {
    let environment = target("3.11.4", "manylinux_2_28_x86_64").environments().remove(0);
    let rank = |tags: &str| {
        let wheel = WheelFilename::parse(&format!("foo-1.0-{tags}.whl")).unwrap();
        environment.tags.rank(&wheel.tags)
    };
    let ordered = [
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-cp311-manylinux_2_12_x86_64.manylinux2010_x86_64",
        "cp311-cp311-linux_x86_64",
        "cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "py3-none-manylinux1_x86_64",
        "py311-none-any",
        "py2.py3-none-any",
    ];
    assert!(ordered.map(rank).is_sorted_by(|a, b| a.is_some() && a < b), "{:?}", ordered.map(rank));
    for tags in [
        "cp311-cp311-manylinux_2_34_x86_64",
        "cp311-cp311-manylinux_2_17_aarch64",
        "cp311-cp311t-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp312-abi3-manylinux_2_17_x86_64",
        "py2-none-any",
        "py312-none-any",
        "cp311-cp311-musllinux_1_2_x86_64",
        "cp311-cp311-win_amd64",
    ] {
        assert_eq!(rank(tags), None, "{tags}");
    }
    // The rank is the place in the order, for each tag of it.
    let mut last = None;
    for tag in environment.tags.iter() {
        let rank = rank(&tag);
        assert!(rank > last, "{tag}");
        last = rank;
    }
}

#[test]
fn knows_the_names_of_pip_and_uv() {
    for (name, expected) in [
        ("linux", "manylinux_2_28_x86_64"),
        ("linux_x86_64", "manylinux_2_28_x86_64"),
        ("aarch64", "manylinux_2_28_aarch64"),
        ("manylinux1_i686", "manylinux_2_5_i686"),
        ("x86_64-manylinux_2_34", "manylinux_2_34_x86_64"),
        ("aarch64-manylinux2014", "manylinux_2_17_aarch64"),
        ("aarch64-unknown-linux-gnu", "manylinux_2_28_aarch64"),
        ("x86_64-unknown-linux-musl", "musllinux_1_2_x86_64"),
        ("aarch64-apple-darwin", "macosx_13_0_arm64"),
        ("x86_64-pc-windows-msvc", "win_amd64"),
        ("win32", "win32"),
    ] {
        assert_eq!(name.parse::<Platform>().unwrap().to_string(), expected, "{name}");
    }
    for name in [
        "",
        "manylinux_2_28",
        "manylinux_2_4_x86_64",
        "manylinux_3_1_x86_64",
        "linux_vax",
        "manylinux_2_028000_x86_64",
        "macosx_10_9_arm64",
        "solaris",
        "x86_64-",
        "manylinux_2_+28_x86_64",
    ] {
        assert!(name.parse::<Platform>().is_err(), "{name}");
    }
    for name in ["3", "2.7", "3.x", "3.11.", "3.11.4.1", "3.51", "3.11t", "pypy3.13t", "3.+11", ""]
    {
        assert!(name.parse::<Python>().is_err(), "{name}");
    }
    for name in ["3.11", "3.11.13", "3.13t", "3.13.1t", "pypy3.10"] {
        assert_eq!(name.parse::<Python>().unwrap().to_string(), name);
    }
}

#[test]
fn a_bare_python_has_two_ends() {
    let pythons = |python| {
        let ends = target(python, "linux").environments();
        ends.iter().map(|end| end.python.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(pythons("3.11"), ["3.11.0", "3.11.99"]);
    assert_eq!(pythons("3.11.13"), ["3.11.13"]);
}

#[test]
fn judges_markers_by_the_target() {
    let holds = |python, platform, marker: &str| {
        let environment = target(python, platform).environments().remove(0);
        let requirement: crate::format::pypi::Requirement =
            format!("foo; {marker}").parse().unwrap();
        requirement.evaluate_markers(&environment.markers, &[])
    };
    for (platform, marker) in [
        ("manylinux_2_28_aarch64", "os_name == 'posix' and platform_machine == 'aarch64'"),
        ("musllinux_1_2_x86_64", "sys_platform == 'linux' and platform_system == 'Linux'"),
        ("macosx_11_0_arm64", "sys_platform == 'darwin' and platform_machine == 'arm64'"),
        (
            "win_amd64",
            "os_name == 'nt' and platform_system == 'Windows' and platform_machine == 'AMD64'",
        ),
        ("linux", "python_version == '3.9' and python_full_version == '3.9.7'"),
        (
            "linux",
            "implementation_name == 'cpython' and platform_python_implementation == 'CPython'",
        ),
        ("linux", "python_version < '3.10' and extra != 'foo'"),
    ] {
        assert!(holds("3.9.7", platform, marker), "{platform}: {marker}");
    }
    assert!(holds("pypy3.10", "linux", "implementation_name == 'pypy'"));
    assert!(!holds("3.10", "linux", "python_version < '3.9'"));
}

#[test]
fn distributions_stand_for_their_targets() {
    let targets = |name, pythons: &[Python]| {
        let targets = Distribution::targets(name, pythons).unwrap();
        targets.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(targets("el10", &[]), ["Python 3.12 on manylinux_2_39_x86_64 (el10)"]);
    let on_arm = "Python 3.10 on manylinux_2_35_aarch64 (ubuntu22.04-aarch64)";
    assert_eq!(targets("ubuntu22.04-aarch64", &[]), [on_arm]);
    let own = ["Python 3.6 on manylinux_2_28_x86_64 (el8)"];
    assert_eq!(targets("el8", &["3.6".parse().unwrap()]), own);
    let error = Distribution::targets("el7", &[]).unwrap_err().to_string();
    assert!(error.contains("el8 el9 el10"), "{error}");
    assert!(Distribution::targets("el9-vax", &[]).is_err());
}

/// No node of EL 9 has Python 3.9.0, which projects leave out (`!=3.9.0`).
#[test]
fn a_distributions_python_begins_with_what_was_shipped_first() {
    let ends = |name, python: &str| {
        let pythons: Vec<Python> = python.parse().into_iter().collect();
        let targets = Distribution::targets(name, &pythons).unwrap();
        let ends = targets.iter().flat_map(Target::environments);
        ends.map(|end| end.python.to_string()).collect::<Vec<_>>()
    };
    let el9 = ["3.9.10", "3.9.99", "3.11.2", "3.11.99", "3.12.1", "3.12.99"];
    assert_eq!(ends("el9", ""), el9);
    assert_eq!(ends("el8-aarch64", "3.6"), ["3.6.8", "3.6.99"]);
    // The distribution has none such, or a full version says it all.
    assert_eq!(ends("el9", "3.10"), ["3.10.0", "3.10.99"]);
    assert_eq!(ends("debian13", "3.13t"), ["3.13.0", "3.13.99"]);
    assert_eq!(ends("el9", "3.9.1"), ["3.9.1"]);
    for known in Distribution::ALL {
        assert!(known.pythons.iter().chain(known.others).all(|(_, patch)| *patch < LAST_PATCH));
    }
}

#[test]
fn what_several_names_stand_for_is_one_target_of_all_of_them() {
    let named = |name| Distribution::targets(name, &[]).unwrap();
    let targets = Target::distinct([named("el10"), named("ubuntu24.04"), named("el10")].concat());
    let [one] = &targets[..] else { panic!("{targets:?}") };
    assert_eq!(one.to_string(), "Python 3.12 on manylinux_2_39_x86_64 (el10, ubuntu24.04)");
    assert_eq!(one.environments()[0].python.to_string(), "3.12.3");
    let bare = target("3.12", "manylinux_2_39_x86_64");
    let [one] = &Target::distinct([targets[0].clone(), bare])[..] else { panic!() };
    assert_eq!(one.environments()[0].python.to_string(), "3.12.0");
}
