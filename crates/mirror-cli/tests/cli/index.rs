//! `mirror index`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mirror_fixtures::{Package, samples, tool};

use crate::judges::Dnf;
use crate::support::Site;

/// A folder of packages in the site.
fn packages(site: &Site, folder: &str, packages: &[Package]) {
    for package in packages {
        let path = site.path(folder).join(package.rpm_name());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, package.build()).unwrap();
    }
}

fn plain() -> Vec<Package> {
    (0..3).map(|number| samples::plain_package(number, "1")).collect()
}

/// What was printed, without how long it took.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| match line.rsplit_once(" in ") {
        Some((read, _)) if line.starts_with("read ") => format!("{read} in [TIME]\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn tells_what_is_listed_and_what_is_not() {
    let site = Site::empty();
    packages(&site, "rpms", &plain());
    let ran = site.run("index rpms");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(
        timeless(&ran.out),
        "\
rpms  published  3 packages, 5.56 KiB: primary, filelists, other (zstd)
read 3 packages in [TIME]
"
    );
    assert!(ran.err.contains("rpms: reading 3 files"), "{}", ran.err);
    let ran = site.run("index rpms --quiet");
    assert_eq!((ran.text().as_str(), ran.code), ("exit 0\n", Some(0)));
    assert!(site.run("index rpms").out.contains("rpms  unchanged  3 packages"));

    fs::write(site.path("rpms/bad.rpm"), "no package").unwrap();
    let ran = site.run("index rpms --for el8 --comps missing.xml");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("error: missing.xml: cannot open"), "{}", ran.err);
    let ran = site.run("index rpms --for el8");
    assert_eq!(ran.code, Some(3), "{}", ran.text());
    assert!(ran.out.contains("  left out: bad.rpm: its lead ends after the file\n"), "{}", ran.out);
    assert!(ran.out.contains("filelists, other (gzip)"), "{}", ran.out);
    assert!(ran.err.contains("--exclude"), "{}", ran.err);
    let ran = site.run("index rpms --strict");
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(ran.err.contains("error: bad.rpm: its lead"), "{}", ran.err);
    let ran = site.run("index rpms --exclude bad* --quiet");
    assert_eq!(ran.text(), "exit 0\n");
}

#[test]
fn names_of_files_say_nothing_to_the_terminal() {
    let site = Site::empty();
    packages(&site, "rpms", &plain());
    let name = "a\x1b[31mred\u{9b}2J\n  left out: fake.rpm: is fine.rpm";
    fs::write(site.path("rpms").join(name), "no package").unwrap();
    for (options, code) in [("", 3), ("--quiet", 3), ("--strict", 1), ("--json", 3)] {
        let ran = site.run(&format!("index rpms {options}"));
        assert_eq!(ran.code, Some(code), "{}", ran.text());
        for text in [&ran.out, &ran.err] {
            assert!(!text.contains(['\x1b', '\u{9b}']), "{options}: {text:?}");
            assert!(!text.contains("\n  left out: fake"), "{options}: {text:?}");
        }
        let told = match options {
            "--json" => "a\\u001b[31mred\\u009b2J\\n  left",
            _ => "a\\u{1b}[31mred\\u{9b}2J\\n  left",
        };
        assert!(ran.text().contains(told), "{options}: {}", ran.text());
    }
}

#[test]
fn what_is_no_folder_of_packages_is_named_with_what_to_do() {
    let site = Site::empty();
    packages(&site, "rpms", &plain());
    std::os::unix::fs::symlink("elsewhere", site.path("rpms/repodata")).unwrap();
    for (folder, error, hint) in [
        ("absent", "absent: cannot enter: No such file or directory", "mkdir -p absent"),
        ("rpms/plain-0000-1.0-1.noarch.rpm", "is a file, expected a folder", "--include"),
        ("rpms", "repodata: is a symbolic link, expected a folder", "move what is there away"),
    ] {
        let ran = site.run(&format!("index {folder}"));
        assert!(matches!(ran.code, Some(1 | 2)), "{}", ran.text());
        assert!(ran.err.contains(error) && ran.err.contains(hint), "{}", ran.text());
        assert_eq!(ran.out, "");
    }
    assert!(!site.path("rpms/.repodata").exists());
}

#[test]
fn json_ends_with_the_report() {
    let site = Site::empty();
    packages(&site, "rpms", &plain());
    let ran = site.run("index rpms --json");
    let last = ran.out.lines().next_back().unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(report["event"], "report");
    assert_eq!(report["complete"], true);
    assert_eq!(report["outcome"], "published");
    assert_eq!(report["packages"], 3);
    assert!(ran.out.lines().count() > 3, "{}", ran.out);
    let ran = site.run("index nowhere --json");
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("\"event\":\"error\""), "{}", ran.out);
}

#[test]
fn wrong_usage_is_told_with_what_to_do() {
    let site = Site::empty();
    packages(&site, "a", &plain());
    packages(&site, "b", &plain());
    for (arguments, parts) in [
        ("index", &["<DIR>..."][..]),
        ("index a b", &["2 folders", "--out DIR"]),
        ("index a --out b", &["lies outside of the repository", "--out"]),
        ("index a --for rhel", &["expected a release such as el8"]),
        ("index a --compress-type zip", &["expected gz, zstd"]),
        ("index a --checksum md5", &["expected sha1, sha256"]),
        ("index a --exclude [", &["--exclude: pattern"]),
        ("index a --package-list none", &["none: "]),
    ] {
        let ran = site.run(arguments);
        assert_eq!(ran.code, Some(2), "{}", ran.text());
        for part in parts {
            assert!(ran.err.contains(part), "{arguments}: {}", ran.err);
        }
    }
    let mut command = site.command("index a");
    let ran = site.ran(command.env("SOURCE_DATE_EPOCH", "soon").output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    assert!(!site.path("a/repodata").exists());
    fs::create_dir(site.path("a/repodata")).unwrap();
    fs::write(site.path("a/repodata/repomd.xml"), "<html>").unwrap();
    let ran = site.run("index a");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("hint: move that repodata away"), "{}", ran.err);
    fs::create_dir(site.path("a/.repodata")).unwrap();
    let ran = site.run("index a");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("createrepo_c makes that folder"), "{}", ran.err);
}

#[test]
fn the_time_is_that_of_the_source_where_it_is_given() {
    let site = Site::empty();
    packages(&site, "rpms", &plain());
    let mut command = site.command("index rpms");
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    assert_eq!(site.ran(command.output().unwrap()).code, Some(0));
    let repomd = fs::read_to_string(site.path("rpms/repodata/repomd.xml")).unwrap();
    assert!(repomd.contains("<revision>1700000000</revision>"), "{repomd}");
    assert_eq!(repomd.matches("<timestamp>1700000000</timestamp>").count(), 3);
}

#[test]
fn a_tree_of_a_mirror_is_left_to_it() {
    let site = Site::of(&samples::plain(2));
    assert_eq!(site.sync("").code, Some(0));
    let ran = site.run("index mirror/up");
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    assert!(ran.err.contains("belongs to tree up of the mirror"), "{}", ran.err);
    let mode = |path: &str| fs::metadata(site.path(path)).unwrap().permissions().mode() & 0o7777;
    packages(&site, "mirror/own", &plain());
    assert_eq!(site.run("index mirror/own").code, Some(0));
    assert_eq!(mode("mirror/own/repodata"), 0o755);
    assert_eq!(mode("mirror/own/repodata/repomd.xml"), 0o644);
}

#[test]
fn dnf_installs_from_an_indexed_folder() {
    let Some(program) = tool("dnf") else { return };
    let site = Site::empty();
    let comps = site.path("comps.xml");
    let mut trees = Vec::new();
    for kind in ["gz", "zstd", "xz", "bz2", "none"] {
        let needed = format!("base-{kind} >= 1:2");
        packages(
            &site,
            &format!("rpms/{kind}/deep"),
            &[
                Package::new(&format!("top-{kind}"), "1", "1").requires(&needed).file("/opt/x", ""),
                Package::new(&format!("base-{kind}"), "2", "1").epoch(1).file_name("b+a ~^s%e.rpm"),
            ],
        );
        fs::write(
            &comps,
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<comps>\n<group><id>g-{kind}</id>\
                 <name>Group {kind}</name><default>true</default><uservisible>true</uservisible>\
                 <packagelist><packagereq type=\"mandatory\">top-{kind}</packagereq></packagelist>\
                 </group>\n</comps>\n"
            ),
        )
        .unwrap();
        let ran = site.run(&format!("index rpms/{kind} --compress-type {kind} --comps comps.xml"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        trees.push(kind);
    }
    let server = format!("file://{}/", site.path("rpms").display());
    let dnf = Dnf::new(program, &server, &trees);
    dnf.run(&["makecache"]);
    dnf.run(&["install", "top-zstd"]);
    assert!(dnf.root().join("opt/x").is_file());
    let found = dnf.run(&["-C", "repoquery", "--qf=%{repoid} %{name}-%{evr} %{location}"]);
    let groups = dnf.run(&["-C", "group", "list"]);
    for kind in trees {
        let line = format!("{kind} base-{kind}-1:2-1 deep/b+a ~^s%e.rpm");
        assert!(found.contains(&line), "{found}");
        assert!(groups.contains(&format!("Group {kind}")), "{groups}");
    }
}
