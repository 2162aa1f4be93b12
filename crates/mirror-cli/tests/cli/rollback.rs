//! `mirror rollback` and `mirror status`.

use std::fs;

use mirror_fixtures::samples;

use crate::support::{Ran, Site};

/// A site with two generations.
fn two() -> Site {
    let mut repository = samples::plain(2);
    let site = Site::of(&repository);
    assert_eq!(site.sync("").code, Some(0));
    repository.add(samples::plain_package(2, "1"));
    site.rewrite(&repository);
    assert_eq!(site.sync("").code, Some(0));
    site
}

/// Without ages and dates.
fn timeless(ran: &Ran) -> String {
    let mut text = String::new();
    for word in ran.out.split_inclusive([' ', '\n']) {
        let plain = word.trim_end();
        let is_age = plain.len() > 1 && plain.trim_end_matches(['s', 'm']).parse::<u32>().is_ok();
        let is_date = plain.starts_with("20") && plain.len() == 10;
        let is_time = plain.len() == 5 && plain.as_bytes()[2] == b':';
        text += &match (is_age && plain.parse::<u32>().is_err(), is_date || is_time) {
            (true, _) => word.replace(plain, "[AGE]"),
            (_, true) => word.replace(plain, "[TIME]"),
            _ => word.to_owned(),
        };
    }
    text
}

#[test]
fn goes_back_holds_and_is_released() {
    let site = two();
    let ran = site.run("rollback --root mirror --dry-run");
    assert!(ran.out.ends_with("dry run: nothing was published\n"), "{}", ran.out);
    let ran = site.run("rollback --root mirror");
    assert_eq!(
        timeless(&ran),
        "up  held        generation 1 of [TIME] [TIME] UTC, was 2, 6 files\n"
    );
    assert!(ran.err.ends_with("hint: `mirror rollback --release up` lets syncs go on\n"));
    assert_eq!(ran.code, Some(0));
    site.upstream.clear_requests();
    let ran = site.sync("");
    assert!(
        ran.out.starts_with(
            "up  held        at generation 1, 6 files, 6.43 KiB; `mirror rollback --release up` \
             lets syncs go on\n"
        ),
        "{}",
        ran.out
    );
    assert_eq!((ran.code, site.upstream.requests().len()), (Some(0), 0));
    let ran = site.run("rollback --root mirror --release");
    assert_eq!((ran.out.as_str(), ran.code), ("up  released\n", Some(0)));
    assert_eq!(site.run("rollback --root mirror --release up").out, "nothing is held\n");
    assert!(site.sync("").out.contains("published"));
}

#[test]
fn the_only_state_has_none_before_it() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    assert_eq!(
        site.run("rollback --root mirror").text(),
        "error: up: no generation before 1 is kept\nhint: only what is published is kept: there is \
         no other state to go back to\nexit 2\n"
    );
}

#[test]
fn says_what_cannot_be() {
    let site = two();
    assert_eq!(
        site.run("rollback --root mirror up --to 9").text(),
        "error: up: no generation 9 is kept\nhint: 1, 2 of up can be published; see `mirror \
         status up`\nexit 2\n"
    );
    assert_eq!(
        site.run("rollback --root mirror upp").text(),
        "error: no tree and no group upp is published here\nhint: did you mean up?\nexit 2\n"
    );
    fs::remove_dir_all(site.path("mirror/.mirror/blobs")).unwrap();
    fs::remove_dir_all(site.path("mirror/up/repodata")).unwrap();
    let ran = site.run("rollback --root mirror");
    assert!(ran.out.contains("\n  missing: repodata/repomd.xml\n"), "{}", ran.out);
    assert!(ran.err.contains("is gone; nothing was changed\nhint: "), "{}", ran.err);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn status_shows_what_there_is_and_what_went_wrong() {
    let site = two();
    let url = site.upstream.url();
    let absent = format!("sync --url {url}/absent/ --path absent --root mirror -q");
    assert_eq!(site.run(&absent).code, Some(1));
    let ran = site.run("status --root mirror");
    assert_eq!(
        timeless(&ran).replace("  [AGE]", " [AGE]"),
        "\
TREE    GENERATION  AGE  FILES      SIZE  LAST RUN
absent  none          -      0       0 B  failed, [AGE] ago
up      2           [AGE]      7  8.46 KiB  published, [AGE] ago
absent: [URL]/absent/repodata/repomd.xml: 404 Not Found, expected 200 OK
content kept: 11 files, 11.18 KiB, 1.51 KiB of it in no tree
"
    );
    let ran = site.run("status --root mirror up");
    assert!(ran.out.contains("\n  upstream    rpm [URL]/up\n  group       up\n"), "{}", ran.out);
    assert_eq!(ran.out.matches(" ago  ").count(), 2, "{}", ran.out);
    let ran = site.run("status --root mirror --json");
    let status: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(status["trees"][1]["kept"][0]["id"], 1);
    assert_eq!(status["trees"][0]["last_run"]["outcome"], "failed");
}
