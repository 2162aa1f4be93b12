//! `mirror prune`.

use std::fs;
use std::process::Command;

use mirror_fixtures::samples;

use crate::support::Site;

#[test]
fn says_what_it_drops_and_wants_to_be_told() {
    let site = Site::of(&samples::plain(2));
    assert_eq!(site.sync("").code, Some(0));
    assert_eq!(site.run("prune --root mirror").text(), "nothing to drop\nexit 0\n");
    let blob = site.path("mirror/.mirror/blobs/sha256/aa");
    fs::create_dir_all(&blob).unwrap();
    fs::write(blob.join("aa".repeat(32)), "12345").unwrap();
    let plan = "content that nothing names: 1 file, 5 B\nthis frees 5 B\n";
    let ran = site.run("prune --root mirror --dry-run");
    assert_eq!(ran.text(), format!("{plan}nothing was dropped\nexit 0\n"));
    assert_eq!(
        site.run("prune --root mirror").text(),
        format!(
            "{plan}error: nobody is here to be asked whether that is to be dropped\nhint: --yes \
             drops it, --dry-run only shows it\nexit 2\n"
        )
    );
    let ran = site.run("prune --root mirror --yes");
    assert_eq!(ran.text(), format!("{plan}dropped; 5 B freed\nexit 0\n"));
}

#[test]
fn says_that_the_configuration_still_lists_what_is_dropped() {
    let site = Site::of(&samples::plain(1));
    let config = format!("[[repo]]\nurl = \"{}/up/\"\npath = \"up\"\n", site.upstream.url());
    fs::write(site.path("mirror.toml"), config).unwrap();
    assert_eq!(site.run("sync").code, Some(0));
    let said = "hint: take it out of mirror.toml as well, or the next sync fetches it again\n";
    let dropped = site.run("prune --tree up --yes");
    assert!(dropped.err.ends_with(said), "{}", dropped.err);
    assert_eq!(site.run("sync").code, Some(0));
    fs::write(site.path("mirror.toml"), "").unwrap();
    assert_eq!(site.run("prune --tree up --yes").err, "");
}

#[test]
fn a_terminal_is_asked() {
    if mirror_fixtures::tool("script").is_none() {
        return;
    }
    let site = Site::of(&samples::plain(2));
    assert_eq!(site.sync("").code, Some(0));
    for (answer, dropped) in [("n", false), ("y", true)] {
        let binary = env!("CARGO_BIN_EXE_mirror");
        let line = format!("{binary} prune --root mirror --tree up");
        let shell = format!("echo {answer} | script -qec '{line}' /dev/null");
        let output =
            Command::new("sh").args(["-c", &shell]).current_dir(site.path(".")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("drop it? [y/N] "), "{text}");
        assert_eq!(text.contains("dropped; "), dropped, "{text}");
        assert_eq!(site.path("mirror/up").exists(), !dropped);
    }
    assert_eq!(site.run("status --root mirror").code, Some(1), "nothing is left");
}
