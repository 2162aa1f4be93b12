//! `mirror check` of RPM repositories.

use std::fs;

use mirror_fixtures::{Package, Repository};

use crate::support::Site;

/// Two repositories that are used together: what one requires is partly in the other.
fn site() -> Site {
    let site = Site::empty();
    let app = Package::new("app", "1", "1").requires("lib >= 2").requires("/usr/share/dict/words");
    let words = Package::new("words", "1", "1").file("/usr/share/dict/words", "a\n");
    Repository::new().packages([app, words]).write(site.path("mirror/one"));
    Repository::new().package(Package::new("lib", "2", "1")).write(site.path("mirror/two"));
    site
}

#[test]
fn proves_repositories_together_and_each_by_itself() {
    let site = site();
    let ran = site.run("check one two --root mirror");
    let together = "one, two  3 packages\n  installable on x86_64\nexit 0\n";
    assert_eq!(ran.text(), together);
    // Of a copy without a state, those are used together that lie beside each other.
    assert_eq!(site.run("check --root mirror").text(), together);
    let ran = site.run("check one --root mirror");
    assert!(
        ran.out.ends_with(
            "  not installable on x86_64: 1\n  \
             app-1-1.noarch on x86_64: nothing provides lib >= 2, needed by app-1-1.noarch\n"
        ),
        "{}",
        ran.out
    );
    assert!(ran.err.starts_with("hint: name trees that are used together"), "{}", ran.err);
    assert_eq!(ran.code, Some(3));
    let ran = site.run("check one --root mirror --packages words w* nothing --json");
    let report: serde_json::Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let unproved = report["repositories"][0]["unproved"].as_array().unwrap();
    assert_eq!((unproved.len(), &unproved[0]["package"]), (1, &"nothing".into()));
    assert_eq!((&report["good"], ran.code), (&false.into(), Some(3)));
}

#[test]
fn holds_metadata_and_files_against_each_other() {
    let site = site();
    let folder = site.path("mirror/one");
    let package = |name: &str| {
        let written = Repository::new().package(Package::new(name, "1", "1"));
        let path = written.write(site.path(&format!("other/{name}")));
        let path = path.packages().next().unwrap().path.clone();
        site.path(&format!("other/{name}")).join(path)
    };
    let stranger = package("stranger");
    let mut listed: Vec<_> = walk(&folder).into_iter().filter(|path| is_rpm(path)).collect();
    listed.sort();
    fs::remove_file(&listed[0]).unwrap();
    fs::write(&listed[1], "short").unwrap();
    fs::copy(stranger, folder.join("stranger.rpm")).unwrap();
    let ran = site.run("check one two --root mirror");
    for part in
        ["listed, and not there\n", "bytes, found 5\n", "stranger.rpm: there, and not listed\n"]
    {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    assert_eq!(ran.code, Some(3));
    let ran = site.run("check three --root mirror");
    assert_eq!(
        ran.text(),
        "error: mirror: neither a repository nor a tree of Python packages at three\n\
         hint: `mirror sync` and `mirror pypi` make one; name another tree, or another --root\n\
         exit 2\n"
    );
}

#[test]
fn names_builds_with_several_contents() {
    let site = site();
    let lib = Package::new("lib", "2", "1").summary("another");
    Repository::new().package(lib).write(site.path("mirror/three"));
    let ran = site.run("check two three --root mirror");
    assert!(
        ran.out.contains("  lib-2-1.noarch: more than one content (three, two)\n"),
        "{}",
        ran.out
    );
}

fn is_rpm(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|end| end == "rpm")
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
