//! `mirror diff`.

use mirror_fixtures::{Extra, Repository, pypi, samples};

use crate::support::{Ran, Site};

fn repository() -> Repository {
    samples::plain(3).with(Extra::Updateinfo)
}

/// A site with two generations: a package updated, one removed, one added.
fn two() -> Site {
    let mut repository = repository();
    let site = Site::of(&repository);
    assert_eq!(site.sync("").code, Some(0));
    change(&mut repository);
    site.rewrite(&repository);
    assert_eq!(site.sync("").code, Some(0));
    site
}

fn change(repository: &mut Repository) {
    repository.update(samples::plain_package(0, "2"));
    repository.remove("plain-0001");
    for number in 7..10 {
        repository.add(samples::plain_package(number, "1"));
    }
}

/// Without the times of publication.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(" of 20") {
            out += before;
            out += " of [TIME]";
            rest = after.split_once(" UTC").unwrap().1;
        }
        out += rest;
    }
    out
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(ran.out.lines().last().unwrap()).unwrap()
}

/// The first advisories name other packages than before.
const CHANGES: &str = "\
updated  plain-0000.noarch  1.0-1 → 1.0-2
removed  plain-0001.noarch  1.0-1
added    plain-0007.noarch  1.0-1
added    plain-0008.noarch  1.0-1
added    plain-0009.noarch  1.0-1

DEMO-2024:0001 (changed)  security  Important  CVE-2024-0001  plain-0000 update
DEMO-2024:0002 (changed)  bugfix    None                      plain-0002 update
DEMO-2024:0003 (changed)  security  Important  CVE-2024-0003  plain-0007 update
DEMO-2024:0004            bugfix    None                      plain-0008 update
DEMO-2024:0005            security  Important  CVE-2024-0005  plain-0009 update
";

#[test]
fn shows_what_the_last_change_brought() {
    let site = two();
    let ran = site.run("diff --root mirror");
    let text = timeless(&ran.text());
    assert!(
        text.starts_with(
            "up: generation 1 of [TIME] → generation 2 of [TIME]\n\
             1 updated, 3 added, 1 removed, 5 advisories\n\n"
        ),
        "{text}"
    );
    assert!(text.contains(CHANGES), "{text}");
    for same in ["diff --root mirror up", "diff --root mirror up@1", "diff --root mirror up@1 up@2"]
    {
        assert_eq!(site.run(same).out, ran.out, "{same}");
    }
    let back = site.run("diff --root mirror up@2 up/@1");
    assert!(back.out.contains("downgraded  plain-0000.noarch  1.0-2 → 1.0-1\n"), "{}", back.out);
    let none = site.run("diff --root mirror up@2");
    assert!(none.out.ends_with("\nthe same packages and advisories\n"), "{}", none.out);
}

#[test]
fn gives_markdown_and_json() {
    let site = two();
    let ran = site.run("diff --root mirror up --format markdown");
    let row = "| plain-0000.noarch | updated | 1.0-1 | 1.0-2 |\n";
    assert!(ran.out.contains(&format!("|---|---|---|---|\n{row}")), "{}", ran.out);
    assert!(ran.out.contains("\n| advisory | type | severity | CVEs | title |\n"), "{}", ran.out);
    let report = json(&site.run("diff --root mirror up --json"));
    assert_eq!(report["event"], "report");
    assert_eq!(
        (&report["old"]["generation"], &report["new"]["generation"]),
        (&1.into(), &2.into())
    );
    let updated = &report["packages"][0];
    assert_eq!((&updated["name"], &updated["change"]), (&"plain-0000".into(), &"updated".into()));
    assert_eq!((&updated["old"], &updated["new"]), (&"1.0-1".into(), &"1.0-2".into()));
    assert_eq!(report["advisories"].as_array().unwrap().len(), 5);
    assert_eq!(report["advisories"][4]["cves"][0], "CVE-2024-0005");
}

#[test]
fn asks_upstream_and_publishes_nothing() {
    let mut repository = repository();
    let site = Site::of(&repository);
    assert_eq!(site.sync("").code, Some(0));
    let same = site.run("diff --root mirror --upstream");
    assert!(same.out.ends_with("→ upstream now\nthe same packages and advisories\n"), "{same:?}");
    change(&mut repository);
    site.rewrite(&repository);
    site.upstream.clear_requests();
    let ran = site.run("diff --root mirror up --upstream");
    assert!(ran.out.contains("1 updated, 3 added, 1 removed, 5 advisories\n"), "{ran:?}");
    let requests = site.upstream.requests();
    assert!(requests.iter().all(|request| !request.path.contains(".rpm")), "{requests:?}");
    let report = json(&site.run("diff --root mirror up --upstream --json"));
    assert_eq!(report["new"]["generation"], serde_json::Value::Null);
    assert!(site.run("status --root mirror up").out.contains("generation  1"), "as it was");
    // What was read is there for the sync that follows.
    site.upstream.clear_requests();
    assert_eq!(site.sync("").code, Some(0));
    let requests = site.upstream.requests();
    assert!(requests.iter().all(|request| !request.path.contains("primary")), "{requests:?}");
}

#[test]
fn says_what_cannot_be_compared() {
    let site = two();
    assert_eq!(
        site.run("diff --root mirror up@9").text(),
        "error: up: no generation 9 is kept\nhint: 1, 2 of up can be published; see `mirror \
         status up`\nexit 2\n"
    );
    let ran = site.run("diff --root mirror upp@1");
    assert!(ran.err.ends_with("hint: did you mean up?\n") && ran.code == Some(2), "{ran:?}");
    repository().write(site.served("../other"));
    let other = format!("sync --url {}/other/ --path other --root mirror", site.upstream.url());
    assert_eq!(site.run(&other).code, Some(0));
    assert_eq!(
        site.run("diff --root mirror").text(),
        "error: which tree is not said, and there are several\nhint: name one of other, up\nexit 2\n"
    );
    let ran = site.run("diff --root mirror other up");
    assert!(ran.out.starts_with("other: generation 1 of 20"), "{}", ran.out);
    assert!(ran.out.contains(" → up: generation 2 of 20"), "{}", ran.out);
}

#[test]
fn names_the_files_of_python_packages() {
    let site = Site::of_index(&pypi::samples::demo());
    for set in ["words", "x"] {
        let ran = site.pypi(&format!("{set} --target el9 --set {set}"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let ran = site.run("diff --root mirror");
    assert!(
        ran.out.ends_with("\n1 added\n\nadded  x  0  x-0-py3-none-any.whl\n"),
        "{}",
        ran.text()
    );
    let ran = site.run("diff --root mirror --upstream");
    assert_eq!(ran.code, Some(2), "what was asked for is not known here: {}", ran.text());
}
