//! `mirror sync` of an upstream of the fixtures.

use std::fs;
use std::process::Command;

use mirror_fixtures::{Fault, Package, Repository, samples};

use crate::support::{Ran, Site};

/// The objects of a run with `--json`.
fn objects(ran: &Ran) -> Vec<serde_json::Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn mirrors_updates_and_rests() {
    let mut repository = samples::plain(3);
    let site = Site::of(&repository);
    let ran = site.sync("");
    assert_eq!(
        ran.out,
        "\
up  published   7 files, 8.46 KiB: 3 new; unsigned
received [SIZE] in 9 requests, [TIME]
"
    );
    assert_eq!(ran.code, Some(0));
    for file in repository.write(site.served(".")).files {
        let published = fs::read(site.path("mirror/up").join(&file.path)).unwrap();
        assert!(published == fs::read(site.served(&file.path)).unwrap(), "{}", file.path);
    }

    site.upstream.clear_requests();
    let ran = site.sync("");
    assert_eq!(
        ran.out,
        "\
up  unchanged   7 files, 8.46 KiB; unsigned
received [SIZE] in 1 request, [TIME]
"
    );
    assert_eq!((ran.code, site.upstream.requests().len()), (Some(0), 1));

    repository.add(Package::new("added", "1.0", "1"));
    repository.update(samples::plain_package(0, "2"));
    repository.remove("plain-0001");
    site.rewrite(&repository);
    let ran = site.sync("");
    assert!(ran.out.contains("KiB: 1 new, 1 updated, 1 gone; unsigned\n"), "{}", ran.out);
}

#[test]
fn tells_a_log_each_step_and_each_retry() {
    let site = Site::of(&samples::plain(2));
    site.upstream.fault("up/Packages/p/plain-0000-1.0-1.noarch.rpm", Fault::Status(503)).times(1);
    let ran = site.sync("");
    let err: Vec<&str> = ran.err.lines().collect();
    assert_eq!(err.len(), 5, "{}", ran.err);
    assert_eq!(err[0], "up: reading metadata");
    assert!(err[1].starts_with("up: 6 files, 4 to fetch ("), "{}", err[1]);
    let url = "[URL]/up/Packages/p/plain-0000-1.0-1.noarch.rpm: 503 Service Unavailable";
    assert!(err[2].starts_with("up: trying again in ") && err[2].contains(url), "{}", err[2]);
    assert_eq!(err[3..], ["up: publishing", "up: generation 1 is published"]);
}

#[test]
fn quiet_is_silent() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("--quiet").text(), "exit 0\n");
    // But for what went wrong.
    site.upstream.fault("up/repodata/repomd.xml", Fault::Status(404));
    assert_eq!(
        site.sync("-q").text(),
        "\
error: up: failed: [URL]/up/repodata/repomd.xml: 404 Not Found, expected 200 OK; generation 1 \
         stays published
hint: no repository is there: the URL has to be that of the folder that holds repodata/repomd.xml
exit 1
"
    );
}

#[test]
fn a_dry_run_shows_the_plan_and_publishes_nothing() {
    let site = Site::of(&samples::plain(3));
    let ran = site.sync("--dry-run");
    assert_eq!(
        ran.out,
        "\
up  planned     7 files, 8.46 KiB: 5 files to fetch (6.23 KiB), 3 new; unsigned
dry run: nothing was published, 5 files to fetch (6.23 KiB)
"
    );
    assert_eq!(ran.code, Some(0));
    assert!(!site.path("mirror/up").exists());
}

#[test]
fn a_file_that_upstream_lacks_is_named_and_nothing_is_published() {
    let site = Site::of(&samples::plain(3));
    site.upstream.fault("up/Packages/p/plain-0001-1.0-1.noarch.rpm", Fault::Status(404));
    let ran = site.sync("");
    assert_eq!(
        ran.out,
        "\
up  incomplete  1 of 7 files missing; nothing is published yet
  [URL]/up/Packages/p/plain-0001-1.0-1.noarch.rpm: 404 Not Found, expected 200 OK
received [SIZE] in 16 requests, [TIME]
"
    );
    let hint = ran.err.lines().last().unwrap();
    assert!(hint.starts_with("hint: upstream lists files that it does not have"), "{hint}");
    assert_eq!(ran.code, Some(3));
    assert!(!site.path("mirror/up/repodata").exists());
}

#[test]
fn json_is_a_line_for_each_event_and_the_report() {
    let site = Site::of(&samples::plain(2));
    let ran = site.sync("--json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let objects = objects(&ran);
    let names: Vec<_> = objects.iter().map(|object| object["event"].as_str().unwrap()).collect();
    assert_eq!(names[0], "resolving");
    assert_eq!(names[names.len() - 3..], ["publishing", "published", "report"]);
    let report = objects.last().unwrap();
    assert_eq!(report["complete"], true);
    assert_eq!(report["trees"][0]["outcome"], "published");
    // What came of each file adds up to what it is.
    let path = "Packages/p/plain-0001-1.0-1.noarch.rpm";
    let of = |name: &'static str| {
        objects.iter().filter(move |object| object["event"] == name && object["path"] == path)
    };
    let came: i64 = of("progress").map(|object| object["bytes"].as_i64().unwrap()).sum();
    assert_eq!(of("fetched").next().unwrap()["size"].as_i64(), Some(came));
}

#[test]
fn json_tells_an_error_too() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    let ran = site.run(&format!(
        "sync --url {}/up/ --path elsewhere --root mirror --json",
        site.upstream.url()
    ));
    let last = objects(&ran).pop().unwrap();
    assert_eq!(last["event"], "error");
    assert_eq!(last["message"], "rpm [URL]/up is published at up, not at elsewhere");
    assert!(last["hint"].as_str().unwrap().starts_with("--move"));
    assert_eq!(ran.code, Some(2));
}

#[test]
fn a_tree_moves_only_when_told_to() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    let arguments = format!("sync --url {}/up/ --path a/b --root mirror", site.upstream.url());
    assert_eq!(
        site.run(&arguments).text(),
        "\
error: rpm [URL]/up is published at up, not at a/b
hint: --move moves the tree from up to a/b; nodes then need the new URL
exit 2
"
    );
    let ran = site.run(&format!("{arguments} --move"));
    assert!(ran.err.starts_with("a/b: moved from up\n"), "{}", ran.err);
    assert_eq!(ran.code, Some(0));
    assert!(site.path("mirror/a/b/repodata/repomd.xml").exists());
    assert!(!site.path("mirror/up").exists());
}

#[test]
fn trees_lie_apart() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    let ran = site
        .run(&format!("sync --url {}/other/ --path up/more --root mirror", site.upstream.url()));
    assert_eq!(
        ran.text(),
        "\
error: tree up/more lies within tree up, expected trees apart from each other
hint: give it a path outside of the other tree, or another --root
exit 2
"
    );
}

#[test]
fn a_selection_that_drops_packages_is_published() {
    let site = Site::of(&samples::every_kind());
    let ran = site.sync("--exclude source");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let said = "up: warning: the metadata is made anew for what is left, without prestodelta, which \
                clients do not need\n";
    assert!(ran.err.contains(said), "{}", ran.text());
    assert!(ran.out.contains(": 2 new;"), "{}", ran.text());
    let again = site.sync("--exclude source");
    assert!(again.out.contains("unchanged") && !again.err.contains("warning"), "{}", again.text());
    // Another selection is another tree, of which most is there.
    let ran = site.sync("--exclude source member");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let ran = site.sync("");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
}

#[test]
fn what_upstream_lost_is_named_and_the_rest_published_where_that_is_allowed() {
    let site = Site::of(&samples::plain(3));
    let lost = "Packages/p/plain-0001-1.0-1.noarch.rpm";
    fs::remove_file(site.served(lost)).unwrap();
    let ran = site.sync("");
    assert_eq!(ran.code, Some(3), "{}", ran.text());
    assert!(
        ran.err.contains("; --allow-missing publishes the rest without them"),
        "{}",
        ran.text()
    );
    for _ in 0..2 {
        let ran = site.sync("--allow-missing");
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        let said = format!("up: warning: {lost}: left out, since upstream lists it and lacks it: ");
        assert_eq!(ran.err.matches(&said).count(), 1, "{}", ran.text());
    }
}

#[test]
fn the_root_comes_from_option_then_environment() {
    let site = Site::of(&samples::plain(1));
    let arguments = format!("sync --url {}/up/ --path up -q", site.upstream.url());
    let with = |more: &str| {
        let mut command = site.command(&format!("{arguments} {more}"));
        command.env("MIRROR_ROOT", "from-environment").output().unwrap();
    };
    with("--root from-option");
    assert!(site.path("from-option/up").exists() && !site.path("from-environment").exists());
    with("");
    assert!(site.path("from-environment/up").exists());
    assert!(site.run(&arguments).code == Some(0) && site.path("mirror/up").exists());
}

#[test]
fn a_root_that_cannot_be_made_is_named() {
    let site = Site::empty();
    fs::write(site.path("file"), "").unwrap();
    let ran = site.run(&format!("sync --url {}/up/ --path up --root file", site.upstream.url()));
    assert_eq!(
        ran.text(),
        "\
error: file/.mirror: cannot make the folder: Not a directory (os error 20)
exit 1
"
    );
}

#[test]
fn bars_are_drawn_on_a_terminal_and_gone_at_the_end() {
    if mirror_fixtures::tool("script").is_none() {
        return;
    }
    let large = Package::new("large", "1.0", "1").payload_size(2_000_000);
    let site = Site::of(&Repository::new().package(large));
    let slow = Fault::SlowBytes { per_second: 1_500_000 };
    site.upstream.fault("up/Packages/l/large-1.0-1.noarch.rpm", slow);
    let arguments = site.sync_arguments("");
    let line = format!("stty cols 100 rows 30; {} {arguments}", env!("CARGO_BIN_EXE_mirror"));
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(site.path("."))
        .envs([("TERM", "xterm"), ("NO_COLOR", "1")])
        .output()
        .unwrap();
    let ran = site.ran(output);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("  large-1.0-1.noarch.rpm  "), "{}", ran.out);
    assert!(ran.out.contains("[====="), "{}", ran.out);
    let screen = ran.out.rsplit('\x1b').next().unwrap();
    assert!(screen.contains("up  published   5 files, "), "{screen:?}");
    assert!(
        screen.ends_with("\nhint: serve it with `mirror serve --root mirror`\r\n"),
        "{screen:?}"
    );
}

#[test]
fn a_bare_sync_does_what_the_configuration_lists() {
    let site = Site::of(&samples::plain(2));
    let url = site.upstream.url();
    let config = format!(
        "root = \"from-file\"\n\n\
         [[repo]]\nurl = \"{url}/up/\"\npath = \"a\"\ngroup = \"both\"\n\n\
         [[repo]]\nurl = \"{url}/absent/\"\npath = \"b\"\ngroup = \"both\"\n"
    );
    fs::write(site.path("mirror.toml"), config).unwrap();
    let ran = site.run("sync");
    assert_eq!(
        ran.out,
        "\
a  held back   complete, but group both is not; nothing is published yet
b  failed      [URL]/absent/repodata/repomd.xml: 404 Not Found, expected 200 OK; nothing is \
         published yet
received [SIZE] in 10 requests, [TIME]
"
    );
    assert_eq!(ran.code, Some(3));
    let config = fs::read_to_string(site.path("mirror.toml")).unwrap();
    fs::write(site.path("mirror.toml"), config.replace("group = \"both\"\n", "")).unwrap();
    let ran = site.run("sync");
    assert!(ran.out.starts_with("a  published   6 files, "), "{}", ran.out);
    assert_eq!(ran.code, Some(3));
    assert!(site.path("from-file/a/repodata/repomd.xml").exists());
}

#[test]
fn what_is_suspicious_is_published_only_when_told() {
    let site = Site::of(&samples::plain(5).revision(1_700_000_000));
    assert_eq!(site.sync("").code, Some(0));
    site.rewrite(&samples::plain(5).revision(1_600_000_000));
    let ran = site.sync("");
    assert!(ran.out.contains("older than the published one"), "{}", ran.out);
    assert!(ran.out.contains("; generation 1 stays published\n"), "{}", ran.out);
    assert!(ran.err.contains("hint: a mirror that lags"), "{}", ran.err);
    assert_eq!(ran.code, Some(1));
    assert_eq!(site.sync("--allow-older").code, Some(0));
    site.rewrite(&samples::plain(2).revision(1_800_000_000));
    let ran = site.sync("--dry-run");
    assert!(ran.out.contains("upstream drops 3 of 5 packages"), "{}", ran.out);
    assert!(ran.err.contains("--allow-shrink publishes it\n"), "{}", ran.err);
    assert_eq!(ran.code, Some(1));
    assert_eq!(site.sync("--allow-shrink").code, Some(0));
}
