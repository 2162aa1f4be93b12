//! Paths that lead elsewhere, and such as cannot be.

use super::{Files, Kind, LARGE, PRIMARY, REPOMD, Row, edit, edit_listed, fatal, new};

/// Puts another location for the package `large`.
fn at(files: &mut Files, attributes: &str) {
    edit_listed(files, PRIMARY, |text| {
        let old = format!("href=\"{LARGE}\"");
        assert!(text.contains(&old));
        text.replacen(&old, attributes, 1)
    });
}

fn package(name: &str, kind: Kind, attributes: impl Into<String>) -> Row {
    let attributes = attributes.into();
    Row::new(format!("a package's path: {name}"), kind, move |ground| {
        let mut files = new();
        at(&mut files, &attributes);
        // What is asked for is there, so that nothing but the path can be refused.
        let content = files[LARGE].clone();
        for path in ["etc/passwd", "x.rpm", "pool/x.rpm", "repodata/x.rpm", "beside/file"] {
            files.insert(path.into(), content.clone());
        }
        ground.serve(files);
    })
}

fn record(name: &str, kind: Kind, attributes: &'static str) -> Row {
    Row::new(format!("a record's path: {name}"), kind, move |ground| {
        let mut files = new();
        edit(&mut files, REPOMD, |text| {
            text.replacen(&format!("href=\"{PRIMARY}\""), attributes, 1)
        });
        let content = files[PRIMARY].clone();
        files.insert("primary.xml".into(), content);
        ground.serve(files);
    })
}

pub(super) fn rows() -> Vec<Row> {
    let rule = |rule: &str| fatal(PRIMARY, rule);
    let dots = "has a `.` or `..` component";
    let bad = "has a control character, a backslash or an encoded slash";
    let url = "is a URL, expected a relative path";
    let long = "is too long";
    let mut rows = vec![
        package("up", rule(dots), "href=\"../x.rpm\""),
        package("up and into a pool", rule(dots), "href=\"../pool/x.rpm\""),
        package("up from within", rule(dots), "href=\"a/../../../beside/file\""),
        package("up, encoded", rule(dots), "href=\"%2e%2e/x.rpm\""),
        package("up, encoded in part", rule(dots), "href=\".%2E/x.rpm\""),
        package("up, with an encoded slash", rule(bad), "href=\"..%2fx.rpm\""),
        package("up, with backslashes", rule(bad), "href=\"..\\..\\beside\\file\""),
        package("up, with encoded backslashes", rule(bad), "href=\"..%5c..%5cx.rpm\""),
        package("absolute", rule("is absolute"), "href=\"/etc/passwd\""),
        package("two slashes", rule("is absolute"), "href=\"//127.0.0.1/x.rpm\""),
        package("a URL", rule(url), "href=\"http://127.0.0.1/x.rpm\""),
        package("a file's URL", rule(url), "href=\"file:///etc/passwd\""),
        package("a file's URL with one slash", rule(url), "href=\"file:/etc/passwd\""),
        package("NUL", rule(""), "href=\"x.rpm&#0;\""),
        package("NUL, encoded", rule(bad), "href=\"x%00.rpm\""),
        package("a line's end", rule(bad), "href=\"x&#10;y.rpm\""),
        package("nothing", rule("has no location"), "href=\"\""),
        package(
            "one name that is too long",
            rule(long),
            format!("href=\"{}.rpm\"", "x".repeat(300)),
        ),
        package("too long in all", rule(long), format!("href=\"{}.rpm\"", "abcdef/".repeat(200))),
        package("a folder", rule("has an empty component"), "href=\"Packages/\""),
        package(
            "repomd.xml",
            rule("package large lies in repodata/"),
            "href=\"repodata/repomd.xml\"",
        ),
        package("in repodata", rule("package large lies in repodata/"), "href=\"repodata/x.rpm\""),
        package("in our own folder", rule("reserved"), "href=\".mirror/state\""),
        package("our own stage", rule("reserved"), "href=\".mirror-stage/x.rpm\""),
        package("our own stage, encoded", rule("reserved"), "href=\"%2emirror-stage/x.rpm\""),
        package(
            "at another place",
            rule(
                "lies at another place (xml:base \"http://127.0.0.1/\"), which needs generated metadata",
            ),
            "xml:base=\"http://127.0.0.1/\" href=\"x.rpm\"",
        ),
        package(
            "below another package",
            fatal(REPOMD, "is listed as a file and as a folder"),
            "href=\"Packages/p/plain-0001-1.0-1.noarch.rpm/x.rpm\"",
        ),
        package("the folder of the metadata", rule("lies in repodata/"), "href=\"repodata\""),
        Row::new("a package's path: with a dot before it", Kind::Healed, |ground| {
            let mut files = new();
            at(&mut files, &format!("href=\"./{LARGE}\""));
            ground.serve(files);
        }),
    ];
    let rule = |rule: &str| fatal(REPOMD, rule);
    let place = "expected a file directly in repodata/";
    rows.extend([
        record("up", rule(dots), "href=\"../primary.xml\""),
        record("up from within", rule(dots), "href=\"repodata/../primary.xml\""),
        record("up, encoded", rule(dots), "href=\"repodata/%2e%2e/primary.xml\""),
        record("absolute", rule("is absolute"), "href=\"/primary.xml\""),
        record("a URL", rule(url), "href=\"http://127.0.0.1/primary.xml\""),
        record("a file's URL", rule(url), "href=\"file:///etc/passwd\""),
        record("backslashes", rule(bad), "href=\"repodata\\primary.xml\""),
        record("nothing", rule("has no location"), "href=\"\""),
        record("an empty component", rule("empty component"), "href=\"repodata//primary.xml\""),
        record("outside of repodata", rule(place), "href=\"primary.xml\""),
        record("below repodata", rule(place), "href=\"repodata/a/primary.xml\""),
        record("our own stage", rule("reserved"), "href=\"repodata/.mirror-stage\""),
        record("repomd.xml", rule("primary takes the name of"), "href=\"repodata/repomd.xml\""),
        record(
            "the signature",
            rule("primary takes the name of"),
            "href=\"repodata/repomd.xml.asc\"",
        ),
        record(
            "at another place",
            rule("primary lies at another place (xml:base \"http://127.0.0.1/\")"),
            "xml:base=\"http://127.0.0.1/\" href=\"repodata/primary.xml\"",
        ),
    ]);
    rows
}
