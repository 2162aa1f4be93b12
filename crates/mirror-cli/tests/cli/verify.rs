//! `mirror verify`.

use std::fs;

use mirror_fixtures::samples;

use crate::support::{Site, signal, wait_until};

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
    fs::remove_file(site.path("mirror/up/notes")).unwrap();
    assert_eq!(site.run("verify --root mirror -q").text(), "exit 0\n");
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
