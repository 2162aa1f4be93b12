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

/// The package lies elsewhere on a host that answers.
fn at_another_place(name: &str, attributes: fn(&str) -> String) -> Row {
    Row::new(format!("a package's path: {name}"), Kind::Moved("Packages/x.rpm"), move |ground| {
        let mut files = new();
        let base = format!("{}/", ground.upstream.url().trim_end_matches('/'));
        at(&mut files, &attributes(&base));
        let content = files[LARGE].clone();
        files.insert("pool/x.rpm".into(), content);
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
        for path in ["primary.xml", "repodata/a/primary.xml"] {
            files.insert(path.into(), content.clone());
        }
        ground.serve(files);
    })
}

pub(super) fn rows() -> Vec<Row> {
    let rule = |rule: &str| fatal(PRIMARY, rule);
    let dots = "has a `.` or `..` component";
    let bad = "has a control character, a backslash or an encoded slash";
    let url = "is a URL, expected a relative path";
    let long = "is too long";
    let scheme = "expected an http or https URL";
    let mut rows = vec![
        package("up", Kind::Moved("Packages/x.rpm"), "href=\"../x.rpm\""),
        package("up and into a pool", Kind::Moved("Packages/x.rpm"), "href=\"../pool/x.rpm\""),
        package("up from within", Kind::Moved("Packages/file"), "href=\"a/../../../beside/file\""),
        package("up, encoded", rule(dots), "href=\"%2e%2e/x.rpm\""),
        package("up, encoded in part", rule(dots), "href=\".%2E/x.rpm\""),
        package("up, with an encoded slash", rule(bad), "href=\"..%2fx.rpm\""),
        package("up, with backslashes", rule(bad), "href=\"..\\..\\beside\\file\""),
        package("up, with encoded backslashes", rule(bad), "href=\"..%5c..%5cx.rpm\""),
        package("absolute", Kind::Moved("Packages/passwd"), "href=\"/etc/passwd\""),
        package("two slashes", Kind::Moved("Packages/x.rpm"), "href=\"//pool/x.rpm\""),
        package(
            "another file of that name",
            Kind::Moved("Packages/x.rpm"),
            "href=\"a/./../x.rpm\"",
        ),
        at_another_place("a URL", |base| format!("href=\"{base}pool/x.rpm\"")),
        at_another_place("at another place", |base| {
            format!("xml:base=\"{base}pool/\" href=\"x.rpm\"")
        }),
        package("a file's URL", rule(scheme), "href=\"file:///etc/passwd\""),
        package(
            "at another place of the disk",
            rule(scheme),
            "xml:base=\"file:///etc/\" href=\"passwd\"",
        ),
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
        package("a folder", rule("is empty"), "href=\"Packages/\""),
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
    rows.extend([
        record("up", Kind::Moved(LARGE), "href=\"../primary.xml\""),
        record("up from within", Kind::Moved(LARGE), "href=\"repodata/../primary.xml\""),
        record("up, encoded", rule(dots), "href=\"repodata/%2e%2e/primary.xml\""),
        record("absolute", Kind::Moved(LARGE), "href=\"/primary.xml\""),
        record("a file's URL", rule(scheme), "href=\"file:///etc/passwd\""),
        record("backslashes", rule(bad), "href=\"repodata\\primary.xml\""),
        record("nothing", rule("has no location"), "href=\"\""),
        record("an empty component", Kind::Moved(LARGE), "href=\"repodata//primary.xml\""),
        record("outside of repodata", Kind::Moved(LARGE), "href=\"primary.xml\""),
        record("below repodata", Kind::Moved(LARGE), "href=\"repodata/a/primary.xml\""),
        record("our own stage", rule("reserved"), "href=\"repodata/.mirror-stage\""),
        record("repomd.xml", rule("primary takes the name of"), "href=\"repodata/repomd.xml\""),
        record(
            "the signature",
            rule("primary takes the name of"),
            "href=\"repodata/repomd.xml.asc\"",
        ),
        record(
            "at another place of the disk",
            rule("primary lies at another place, \"file:///\""),
            "xml:base=\"file:///\" href=\"repodata/primary.xml\"",
        ),
        Row::new("a record's path: at another place", Kind::Moved(LARGE), |ground| {
            let mut files = new();
            let base = ground.upstream.url();
            edit(&mut files, REPOMD, |text| {
                let place = format!("xml:base=\"{base}\" href=\"{PRIMARY}\"");
                text.replacen(&format!("href=\"{PRIMARY}\""), &place, 1)
            });
            ground.serve(files);
        }),
    ]);
    rows
}
