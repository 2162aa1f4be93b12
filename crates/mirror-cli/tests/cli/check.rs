//! `mirror check` of RPM repositories.

use std::fs;

use mirror_fixtures::{Package, Repository, samples, tool};

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

/// Packages that share files: some that agree on them, some that do not, and some that say so.
fn sharing() -> Vec<Package> {
    let package = |name: &str, content: &str| {
        let package = Package::new(name, "1", "1").file("/usr/bin/tool", content);
        package.file("/usr/share/same", "same").directory("/usr/share/tool")
    };
    vec![
        package("one", "one").link("/usr/bin/t", "tool"),
        package("like", "one").link("/usr/bin/t", "tool"),
        package("other", "two").link("/usr/bin/t", "elsewhere"),
        package("excluded", "three").conflicts("one").conflicts("like").conflicts("other"),
        package("older", "four").requires("excluded"),
        Package::new("ghost", "1", "1").ghost("/usr/bin/tool"),
        Package::new("all", "1", "1").requires("one").requires("other").requires("ghost"),
    ]
}

#[test]
fn names_packages_that_bring_the_same_file_with_different_content() {
    let site = Site::empty();
    Repository::new().packages(sharing()).write(site.path("mirror/one"));
    let ran = site.run("check one --root mirror");
    assert_eq!(
        ran.text(),
        "one  7 packages\n  \
         installable on x86_64\n  \
         not at once: excluded-1-1.noarch and older-1-1.noarch, which both bring /usr/bin/tool\n  \
         not at once: like-1-1.noarch and other-1-1.noarch, which both bring /usr/bin/t and 1 more\n  \
         not at once: one-1-1.noarch and other-1-1.noarch, which both bring /usr/bin/t and 1 more\n\
         exit 0\n"
    );
    let ran = site.run("check one --root mirror --packages all like");
    assert!(
        ran.out.contains(
            "\n  all on x86_64: one-1-1.noarch and other-1-1.noarch both bring /usr/bin/t and 1 more, \
             with different content\n"
        ),
        "{}",
        ran.out
    );
    assert_eq!(ran.code, Some(3));
}

#[test]
fn says_of_shared_files_what_rpm_says() {
    let Some(rpm) = tool("rpm") else { return };
    let site = Site::empty();
    let written = Repository::new().packages(sharing()).write(site.path("mirror/one"));
    let paths: Vec<_> = written.packages().map(|package| package.path.clone()).collect();
    let ran = site.run("check one --root mirror --json");
    let report: serde_json::Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let overlaps = report["repositories"][0]["overlaps"].as_array().unwrap();
    let names =
        |file: &str| file.trim_start_matches("Packages/").split("-1-1").next().unwrap().to_owned();
    for (at, one) in paths.iter().enumerate() {
        for other in &paths[at + 1..] {
            let root = site.path("root");
            let ran = std::process::Command::new(&rpm)
                .arg("--root")
                .arg(fs::create_dir_all(&root).map(|()| root).unwrap())
                .args(["-i", "--test", "--nodeps", "--nosignature"])
                .args([one, other].map(|path| site.path("mirror/one").join(path)))
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&ran.stderr).contains("conflicts with file");
            let pair = [names(one), names(other)];
            // Those that say so themselves are not named.
            let is_said =
                pair.contains(&"excluded".to_owned()) && !pair.contains(&"older".to_owned());
            let is_needed =
                pair.contains(&"older".to_owned()) && !pair.contains(&"excluded".to_owned());
            let ours = overlaps.iter().any(|overlap| {
                let packages = overlap["packages"].to_string();
                pair.iter().all(|name| packages.contains(&format!("\"{name}-1-1")))
            });
            assert_eq!(ours, told && !is_said && !is_needed, "{pair:?}: {ran:?}");
        }
    }
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

#[test]
fn what_an_earlier_generation_still_serves_is_no_finding() {
    let (mut repository, site) = (samples::plain(3), Site::of(&samples::plain(3)));
    assert_eq!(site.sync("").code, Some(0));
    repository.update(samples::plain_package(1, "2"));
    site.rewrite(&repository);
    assert_eq!(site.sync("").code, Some(0));
    let ran = site.run("check --root mirror");
    assert_eq!(ran.text(), "up  3 packages\n  installable on x86_64\nexit 0\n");
}

#[test]
fn a_package_for_all_architectures_is_proved_for_each_once() {
    let site = Site::empty();
    let broken = || Package::new("broken", "1", "1").requires("none");
    for tree in ["one", "two"] {
        Repository::new().package(broken()).write(site.path(&format!("mirror/{tree}")));
    }
    let ran = site.run("check one two --root mirror");
    assert!(
        ran.out.contains("  broken-1-1.noarch on x86_64: nothing provides none"),
        "{}",
        ran.out
    );
    assert_eq!(ran.code, Some(3));
}

#[test]
fn finds_any_file_that_is_asked_for() {
    let site = Site::empty();
    let words = Package::new("words", "1", "1").file("/usr/share/dict/words", "a\n");
    Repository::new().package(words).write(site.path("mirror/one"));
    let ran = site.run("check one --root mirror --packages /usr/share/dict/words");
    assert_eq!(ran.text(), "one  1 package\n  installable on x86_64\nexit 0\n");
}

#[test]
fn asks_for_the_newest_and_for_all_at_once() {
    let site = Site::empty();
    let packages = [
        Package::new("tool", "1", "1"),
        Package::new("tool", "2", "1").requires("none"),
        Package::new("one", "1", "1").requires("shared = 1"),
        Package::new("other", "1", "1").requires("shared = 2"),
        Package::new("shared", "1", "1"),
        Package::new("shared", "2", "1"),
    ];
    Repository::new().packages(packages).write(site.path("mirror/one"));
    let ran = site.run("check one --root mirror --packages tool");
    assert!(
        ran.out.contains(
            "  tool on x86_64: tool-2-1.noarch cannot be installed with the rest: \
             tool-1-1.noarch is taken, which dnf refuses unless best=False\n"
        ),
        "{}",
        ran.out
    );
    assert_eq!(ran.code, Some(3));
    assert_eq!(site.run("check one --root mirror --packages one").code, Some(0));
    let ran = site.run("check one --root mirror --packages one other");
    assert!(ran.out.contains("  all of these together: "), "{}", ran.out);
    assert!(
        ran.out.contains("shared-1-1.noarch and shared-2-1.noarch cannot be installed together"),
        "{}",
        ran.out
    );
    assert_eq!(ran.code, Some(3));
}
