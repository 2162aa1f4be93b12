//! `mirror pypi`.

mod inputs;
mod places;
mod several;
mod words;

use std::fs;
use std::process::Command;

use mirror_fixtures::pypi::{Index, Release, samples};
use mirror_fixtures::{samples as rpm, tool};

use crate::servers::embedded;
use crate::support::{Ran, Site, assert_snapshot};

/// The lines of `--json` that tell of this event.
fn lines(out: &str, event: &str) -> Vec<serde_json::Value> {
    let all = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    all.filter(|line| line["event"] == event).collect()
}

/// All that was printed but for what came: how much is asked for ahead of need differs from run to run.
fn without_amounts(ran: &Ran) -> String {
    let text = ran.text();
    text.split_inclusive('\n').filter(|line| !line.starts_with("received ")).collect()
}

/// The names of the packages that are published.
fn published(site: &Site) -> Vec<String> {
    let folder = fs::read_dir(site.path("mirror/pypi/files"));
    let files = folder.unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = files.filter(|name| !name.ends_with(".metadata")).collect();
    files.sort();
    files
}

#[test]
fn mirrors_what_is_needed_and_says_how_to_use_it() {
    let site = Site::of_index(&samples::demo());
    let ran = site.pypi("hello[all] --python 3.11 --base-url http://mirror.example:8080");
    assert_snapshot("pypi.txt", &without_amounts(&ran));
    let again = site.pypi("hello[all] --python 3.11 --quiet");
    assert_eq!(again.text(), "exit 0\n");
}

#[test]
fn a_dry_run_shows_what_is_chosen_and_why() {
    let site = Site::of_index(&samples::demo());
    fs::write(site.path("reqs.txt"), "hello\nsource-helped # needs a build\n").unwrap();
    let ran = site.pypi("-r reqs.txt --python 3.10 --target el9 --dry-run");
    assert_snapshot("pypi-dry-run.txt", &ran.text());
    assert!(!site.path("mirror/pypi").exists());
    let ran = site.pypi("-r reqs.txt --python 3.10 --dry-run --json");
    let answer = &lines(&ran.out, "answer")[0];
    assert_eq!(
        (&answer["set"], &answer["target"]),
        (&"reqs".into(), &"Python 3.10 on manylinux_2_28_x86_64".into())
    );
    let chosen = answer["chosen"].as_array().unwrap();
    let helper = chosen.iter().find(|one| one["name"] == "build-helper").unwrap();
    assert_eq!((&helper["version"], &helper["build"]), (&"1.0".into(), &true.into()));
    let greeting = chosen.iter().find(|one| one["name"] == "greeting").unwrap();
    assert_eq!(greeting["files"][0]["filename"], "greeting-2.1-py3-none-any.whl");
    assert_eq!(greeting["requested_by"].as_array().unwrap().len(), 1);
    assert_eq!(lines(&ran.out, "report").len(), 1);
}

#[test]
fn what_is_odd_is_said_in_every_run() {
    let site = Site::of_index(&samples::demo());
    let odd = "hello 1.1 has no extra nothing";
    for _ in 0..2 {
        let ran = site.pypi("hello[nothing] --python 3.11 3.12");
        let line = format!("\nwarning: set cli: {odd}\n");
        assert_eq!(ran.err.matches(&line).count(), 1, "{}", ran.text());
    }
    let ran = site.pypi("hello[nothing] --python 3.11 3.12 --json");
    let answers = lines(&ran.out, "answer");
    assert!(
        answers.len() == 2 && answers.iter().all(|answer| answer["notes"][0] == odd),
        "{}",
        ran.out
    );
    let ran = site.pypi("hello[nothing] --python 3.11 3.12 --dry-run");
    assert_eq!(ran.out.matches(&format!("  note: {odd}\n")).count(), 2, "{}", ran.text());
}

#[test]
fn what_has_no_solution_is_told_for_each_set_and_nothing_is_published() {
    let site = Site::of_index(&samples::demo());
    let ran = site.pypi("hello>=1.1 greeting<2 --python 3.11 3.12");
    assert_snapshot("pypi-unsolved.txt", &without_amounts(&ran));
    assert!(!site.path("mirror/pypi/files").exists());
}

#[test]
fn sets_share_a_tree_and_go_one_by_one() {
    let site = Site::of_index(&samples::demo());
    assert_eq!(site.pypi("words --target el9 --quiet").text(), "exit 0\n");
    assert_eq!(site.pypi("native --python 3.12 --set tools --quiet").text(), "exit 0\n");
    let native = "native-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
    assert_eq!(published(&site), [native, "words-5-py3-none-any.whl"]);
    let ran = site.run("pypi --list-sets --root mirror");
    let sets = ran.out.lines().filter(|line| !line.starts_with(' '));
    let listed: Vec<_> = sets.map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(listed, ["cli", "tools"]);
    let tools = ran.out.split("tools  1 file").nth(1).unwrap();
    assert!(
        tools.contains("\n  for Python 3.12 on ") && tools.ends_with("\n  native\n"),
        "{tools}"
    );

    let ran = site.run("pypi --remove-set tool --root mirror");
    assert_eq!(ran.text(), "error: tree pypi has no set tool\nhint: did you mean tools?\nexit 2\n");
    let ran = site.run("pypi --remove-set cli --root mirror");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let ran = site.run("pypi --list-sets --root mirror --json");
    let set: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&set["name"], &set["files"]), (&"tools".into(), &1.into()));
    assert_eq!(site.run("pypi --remove-set tools --root mirror").code, Some(0));
    assert_eq!(site.run("pypi --list-sets --root mirror").text(), "pypi: no sets\nexit 0\n");
    let ran = site.run("pypi --list-sets --root mirror --tree other");
    assert_eq!(
        ran.text(),
        "error: mirror: no tree of Python packages at other\n\
         hint: `mirror pypi` makes one; name another tree, or another --root\nexit 2\n"
    );
}

#[test]
fn a_bare_sync_makes_repositories_and_sets() {
    let site = Site::of(&rpm::plain(1));
    let index = mirror_fixtures::Upstream::serve_files(samples::demo().files());
    let config = format!(
        "root = \"mirror\"\n\
         [[repo]]\nurl = \"{}/up/\"\npath = \"up\"\n\
         [pypi]\nindex_url = \"{}/simple/\"\ntarget = \"el9\"\n\
         [pypi.one]\nrequirements = [\"words\"]\n\
         [pypi.two]\nfiles = \"lists/two.txt\"\npython = \"3.12\"\n",
        site.upstream.url(),
        index.url()
    );
    fs::write(site.path("mirror.toml"), config).unwrap();
    fs::create_dir(site.path("lists")).unwrap();
    fs::write(site.path("lists/two.txt"), "greeting<3\n").unwrap();
    let ran = site.run("sync");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert!(ran.out.starts_with("up    published"), "{}", ran.out);
    assert!(ran.out.contains("\npypi  published"), "{}", ran.out);
    assert_eq!(published(&site), ["greeting-2.1-py3-none-any.whl", "words-5-py3-none-any.whl"]);
    assert!(ran.err.contains("set two: for Python 3.12 on manylinux_2_28_x86_64\n"), "{}", ran.err);

    // One of them alone, and all of them without the repositories.
    fs::write(site.path("lists/two.txt"), "greeting<2\n").unwrap();
    let before = site.upstream.requests().len();
    let ran = site.run("pypi --set two --allow-shrink");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(published(&site)[0], "greeting-1.0-py3-none-any.whl");
    let ran = site.run("pypi --json");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(lines(&ran.out, "set").len(), 2);
    assert_eq!(site.upstream.requests().len(), before, "the repository was not asked");
    let ran = site.run("pypi words --set two --dry-run --json");
    assert_eq!(
        ran.err,
        "warning: mirror.toml:10: [pypi.two] makes this set too, and its next run replaces what this one \
         made\n"
    );
    let ran = site.run("pypi --set tow");
    assert!(ran.text().contains("hint: did you mean two?"), "{}", ran.text());
}

#[test]
fn every_version_or_the_newest_ones() {
    let many = (1..=5).map(|minor| Release::new("many", &format!("1.{minor}")).requires("absent"));
    let site = Site::of_index(&Index::new().releases(many));
    let ran = site.pypi("--all-versions many>=1.2 --newest-only=2 --target el9 --quiet");
    assert_eq!(ran.text(), "exit 0\n");
    assert_eq!(published(&site), ["many-1.4-py3-none-any.whl", "many-1.5-py3-none-any.whl"]);
}

#[test]
fn files_without_a_digest_are_taken_where_that_is_allowed() {
    let site = Site::of_index(&Index::new().hashes(&[]).release(Release::new("bare", "1.0")));
    let ran = site.pypi("bare --target el9");
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(ran.err.contains("\nhint: nothing shows whether such a file"), "{}", ran.err);
    let ran = site.pypi("bare --target el9 --allow-unhashed");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert!(ran.out.contains("warning: 1 file verified by a weak digest"), "{}", ran.out);
}

/// The judge of it all: pip installs what was mirrored, and from nowhere else.
#[test]
fn pip_installs_from_what_was_mirrored() {
    let Some(python) = tool("python3") else { return };
    let version = "import sys, pip; print('%d.%d' % sys.version_info[:2])";
    let output = Command::new(&python).args(["-I", "-c", version]).output().unwrap();
    if !output.status.success() {
        println!("skipped: there is no pip");
        return;
    }
    let version = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let site = Site::of_index(&samples::demo());
    let ran = site.pypi(&format!("hello[color] source-helped --python {version} --quiet"));
    assert_eq!(ran.text(), "exit 0\n");
    site.upstream.set_files(Vec::<(&str, Vec<u8>)>::new());
    let serving = embedded(&site);
    let target = site.path("installed");
    let output = Command::new(&python)
        .args(["-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install"])
        .args(["--no-cache-dir", "--no-compile", "--target"])
        .arg(&target)
        .args(["--index-url", &format!("{}pypi/", serving.url), "hello[color]", "source-helped"])
        .env("HOME", site.path("."))
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    for name in ["hello-1.1", "greeting-2.1", "paint-1.2", "numbers_like-1.9", "source_helped-1.0"]
    {
        assert!(target.join(format!("{name}.dist-info")).exists(), "{name}: {err}");
    }
}

/// As `rsync --exclude .mirror` brings it to a web server.
#[test]
fn a_copy_without_the_state_is_proved_by_what_is_there() {
    let site = Site::of_index(&samples::demo());
    assert_eq!(site.pypi("words --target el10 --quiet").text(), "exit 0\n");
    fs::rename(site.path("mirror/.mirror"), site.path("state")).unwrap();
    let ran = site.run("check --root mirror");
    assert_eq!(ran.text(), "pypi  1 package file\n  cli: installable for 1 target\nexit 0\n");
}

/// Another version of the project may do for the requirement, but its page leads to the missing one.
#[test]
fn a_set_with_a_missing_file_is_not_called_installable() {
    let site = Site::of_index(&samples::demo());
    assert_eq!(site.pypi("hello --target el10 --quiet").text(), "exit 0\n");
    let old = site.pypi("hello==1.0 --set old --target el10 --quiet");
    assert_eq!(old.text(), "exit 0\n");
    fs::remove_file(site.path("mirror/pypi/files/hello-1.1-py3-none-any.whl")).unwrap();
    let said = site.run("check --root mirror").text();
    assert!(said.contains("  cli: not installable as it is: 1 file missing\n"), "{said}");
    assert!(said.contains("  old: installable for 1 target\n"), "{said}");
    assert!(said.ends_with("exit 3\n"), "{said}");
}
