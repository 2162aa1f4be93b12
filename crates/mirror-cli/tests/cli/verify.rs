//! `mirror verify`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use mirror_fixtures::{samples, tool};

use crate::support::{Ran, Site, signal, wait_until};

const PACKAGE: &str = "Packages/p/plain-0001-1.0-1.noarch.rpm";

/// Without how long it took.
fn timeless(text: &str) -> String {
    text.lines().map(|line| line.split(" in 0s").next().unwrap().to_owned() + "\n").collect()
}

#[test]
fn says_what_is_wrong_and_puts_it_right() {
    let site = Site::of(&samples::plain(3));
    assert_eq!(site.sync("").code, Some(0));
    let ran = site.run("verify --root mirror");
    assert_eq!(
        timeless(&ran.out),
        "up       clean        generation 1, 7 files, 8.46 KiB\nread 7 files (8.46 KiB)\n"
    );
    assert_eq!(ran.code, Some(0));

    fs::write(site.path("mirror/up").join(PACKAGE), "gone bad").unwrap();
    fs::write(site.path("mirror/up/notes"), "mine").unwrap();
    let ran = site.run("verify --root mirror up");
    assert!(
        ran.out.starts_with(&format!(
            "up       2 findings   generation 1, 7 files, 8.46 KiB\n  \
             changed     {PACKAGE}: found 8 bytes, expected "
        )),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("\n  foreign     notes: 1 file, 4 B\n"), "{}", ran.out);
    assert!(ran.err.contains("hint: `mirror verify --repair` puts this right"), "{}", ran.err);
    assert_eq!(ran.code, Some(3));

    let ran = site.run("verify --root mirror --repair");
    assert!(ran.out.contains("; repaired\n"), "{}", ran.out);
    assert!(!ran.err.contains("--repair"), "{}", ran.err);
    assert_eq!(ran.code, Some(3), "what is foreign stays");
    let ran = site.run("verify --root mirror --allow-foreign");
    assert!(ran.out.starts_with("up       clean "), "{}", ran.out);
    assert!(ran.out.contains("\n  foreign     notes: 1 file, 4 B; allowed\n"), "{}", ran.out);
    assert!(ran.code == Some(0) && !ran.err.contains("hint:"), "{}", ran.err);
    let ran = site.run("verify --root mirror --allow-foreign --json");
    let report: serde_json::Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let finding = &report["trees"][0]["findings"][0];
    assert_eq!((finding["problem"].as_str(), &finding["allowed"]), (Some("foreign"), &true.into()));
    assert_eq!((&report["clean"], ran.code), (&true.into(), Some(0)));
    fs::remove_file(site.path("mirror/up/notes")).unwrap();
    assert_eq!(site.run("verify --root mirror -q").text(), "exit 0\n");
}

/// The binary as somebody who may not read what its permissions keep everyone from: where the tests
/// run as root, without what root may do beyond its own files.
fn run_as_owner(site: &Site, arguments: &str) -> Option<Ran> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        return Some(site.run(arguments));
    }
    let mut command = Command::new(tool("setpriv")?);
    command.args(["--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"]);
    let binary = site.command(arguments);
    command.arg(binary.get_program()).args(binary.get_args());
    command.current_dir(site.path(".")).env_clear().env("COLUMNS", "100");
    Some(site.ran(command.output().unwrap()))
}

#[test]
fn what_nobody_may_read_may_be_whole() {
    let site = Site::of(&samples::plain(3));
    assert_eq!(site.sync("").code, Some(0));
    let set = |path: &str, mode| {
        fs::set_permissions(site.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    let file = format!("mirror/up/{PACKAGE}");
    for path in [&file, "mirror/up/repodata"] {
        set(path, 0);
    }
    site.upstream.clear_requests();
    let Some(ran) = run_as_owner(&site, "verify --root mirror") else { return };
    let found: Vec<_> = ran.out.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        found,
        [
            &format!("  mode        {PACKAGE}: found 0000, expected 0644"),
            &format!("  unreadable  {PACKAGE}: Permission denied (os error 13)"),
            "  mode        repodata: found 0000, expected 0755",
            "  unreadable  repodata: Permission denied (os error 13)",
        ],
        "and nothing in it is said to be missing"
    );
    assert_eq!(ran.code, Some(3));
    let ran = run_as_owner(&site, "verify --root mirror --repair").unwrap();
    assert_eq!(ran.out.matches("; repaired\n").count(), 2, "{}", ran.out);
    assert!(ran.code == Some(0) && !ran.err.contains("hint:"), "{}", ran.err);
    assert_eq!(site.upstream.requests().len(), 0, "it was whole");
    assert_eq!(run_as_owner(&site, "verify --root mirror -q").unwrap().text(), "exit 0\n");

    // A folder between the root and a tree, in which nothing can be seen.
    let moved = site.sync_arguments("--move").replace("--path up", "--path deep/up");
    assert_eq!(site.run(&moved).code, Some(0));
    set("mirror/deep", 0);
    let ran = run_as_owner(&site, "verify --root mirror deep/up").unwrap();
    assert!(ran.out.contains("\n  mode        deep: found 0000, expected 0755\n"), "{}", ran.out);
    assert!(!ran.out.contains("missing"), "{}", ran.out);
    let ran = run_as_owner(&site, "verify --root mirror --repair").unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert_eq!(run_as_owner(&site, "verify --root mirror -q").unwrap().text(), "exit 0\n");
}

#[test]
fn json_ends_with_the_report() {
    let site = Site::of(&samples::plain(2));
    assert_eq!(site.sync("").code, Some(0));
    fs::remove_file(site.path("mirror/up").join(PACKAGE)).unwrap();
    let ran = site.run("verify --root mirror --json");
    let lines: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["event"] == "found" && line["path"] == PACKAGE));
    let report = lines.last().unwrap();
    assert_eq!(
        (report["event"].as_str(), report["clean"].as_bool()),
        (Some("report"), Some(false))
    );
    let finding = &report["trees"][0]["findings"][0];
    assert_eq!(finding["problem"], "missing");
    assert_eq!(ran.code, Some(3));
}

#[test]
fn a_tree_that_is_not_there_is_an_error_that_names_the_near_one() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(
        site.run("verify").text(),
        "\
error: ./mirror: no mirror here
hint: make one with `mirror sync --root ./mirror`, or name another folder with --root
exit 1
"
    );
    assert_eq!(site.sync("").code, Some(0));
    assert_eq!(
        site.run("verify --root mirror upp").text(),
        "error: no tree upp is published here\nhint: did you mean up?\nexit 2\n"
    );
}

#[test]
fn waits_for_a_sync_or_says_who_it_is() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    site.upstream.clear_requests();
    site.upstream.fault("up/repodata/repomd.xml", mirror_fixtures::Fault::HangBeforeHeaders);
    let mut holder = site.command(&site.sync_arguments("")).spawn().unwrap();
    wait_until("the sync holds the root", || !site.upstream.requests().is_empty());
    let ran = site.run("verify --root mirror");
    let begin = format!("error: mirror: locked by process {}, running since 20", holder.id());
    assert!(ran.err.starts_with(&begin), "{}", ran.err);
    signal(&holder, "INT");
    holder.wait().unwrap();
    assert_eq!(site.run("verify --root mirror --lock-wait=60").code, Some(0));
}

#[test]
fn a_damaged_hold_is_named_with_what_to_do() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    fs::write(site.path("mirror/.mirror/generations/up/current"), "garbage").unwrap();
    let hint = "\nhint: remove that file, and the newest generation counts";
    let ran = site.sync("");
    assert!(
        ran.out.contains("not what this version writes; what is published stays\n"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains(hint) && ran.code == Some(1), "{}", ran.err);
    let ran = site.run("verify --root mirror");
    assert!(ran.out.starts_with("up       unknown "), "{}", ran.out);
    assert!(ran.err.contains(hint) && !ran.err.contains("--repair"), "{}", ran.err);
    assert_eq!((ran.code, site.run("status --root mirror").code), (Some(3), Some(0)));
}

#[test]
fn a_damaged_journal_is_named_with_what_to_do() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    fs::write(site.path("mirror/.mirror/journal"), "garbage").unwrap();
    let hint = "\nhint: how far a publication came is not known: move that file away";
    for (command, code) in [("status", 0), ("verify", 3), ("verify --repair", 1), ("prune", 1)] {
        let ran = site.run(&format!("{command} --root mirror"));
        assert!(ran.err.contains(hint), "{command}: {}", ran.err);
        assert!(!ran.text().contains("finishes"), "{command}: {}", ran.text());
        assert_eq!(ran.code, Some(code), "{command}");
    }
    fs::remove_file(site.path("mirror/.mirror/journal")).unwrap();
    assert_eq!(site.run("verify --root mirror -q").text(), "exit 0\n");
}
