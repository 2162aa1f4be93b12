//! Upstreams that lie: what is fatal is named with the file that says so and publishes nothing; what
//! is harmless is a warning.

use std::fmt::Write as _;
use std::fs;

use mirror_core::digest::Sha256;
use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, TreeReport};
use mirror_core::{Job, Mirror, Mode};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Upstream;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::support::{options, source};

/// A package of primary.xml, with what a test changes.
struct Package<'a> {
    checksum: &'a str,
    size: &'a str,
    location: &'a str,
}

const CONTENT: &[u8] = b"a package";
const NO_PACKAGE: &[Package<'_>] = &[];

impl Default for Package<'_> {
    fn default() -> Self {
        Self { checksum: "HEX", size: "package=\"9\"", location: "href=\"x.rpm\"" }
    }
}

fn primary(packages: &[Package<'_>], count: usize) -> String {
    let mut text = format!(
        "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"{count}\">\n"
    );
    for (number, Package { checksum, size, location }) in packages.iter().enumerate() {
        let hex = Sha256::of(CONTENT).hex();
        let checksum = match *checksum {
            "" => String::new(),
            given => format!("<checksum type=\"sha256\">{}</checksum>", given.replace("HEX", &hex)),
        };
        let _ = writeln!(
            text,
            "<package type=\"rpm\"><name>p{number}</name><arch>noarch</arch>\
             <version epoch=\"0\" ver=\"1\" rel=\"1\"/>{checksum}<size {size}/>\
             <location {location}/></package>"
        );
    }
    text + "</metadata>\n"
}

/// A record of repomd.xml; `more` stands behind its location.
fn record(kind: &str, href: &str, content: &str, size: usize) -> String {
    let hex = Sha256::of(content.as_bytes()).hex();
    format!(
        "<data type=\"{kind}\"><checksum type=\"sha256\">{hex}</checksum>\
         <location href=\"{href}\"/><size>{size}</size></data>"
    )
}

fn repomd(records: &str) -> String {
    format!("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">{records}</repomd>")
}

struct Case {
    root: TempDir,
    upstream: Upstream,
    report: TreeReport,
}

/// Mirrors an upstream that has these documents and one package.
async fn mirror(repomd: String, primary: String) -> Case {
    let root = tempfile::tempdir().unwrap();
    let files = [
        ("repodata/repomd.xml", repomd.into_bytes()),
        ("repodata/p.xml", primary.clone().into_bytes()),
        ("repodata/q.xml", primary.into_bytes()),
        ("x.rpm", CONTENT.to_vec()),
        ("dir/y.rpm", CONTENT.to_vec()),
    ];
    let upstream = Upstream::serve_files(files);
    let mirror = Mirror::open(root.path(), options()).await.unwrap();
    let jobs = [Job::new(source(&upstream.url()), TreePath::new("tree").unwrap())];
    let cancel = CancellationToken::new();
    let run = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await;
    let report = run.unwrap().trees.remove(0);
    Case { root, upstream, report }
}

impl Case {
    /// Asserts that it failed with this text behind the file's URL, and left nothing.
    fn assert_refused(&self, file: &str, reason: &str) {
        assert_eq!(self.report.outcome, Outcome::Failed, "{reason}: {:#?}", self.report);
        let expected = format!("{}/{file}: {reason}", self.upstream.url());
        assert_eq!(self.report.failures[0].reason, expected);
        assert!(!self.root.path().join("tree").exists());
        let asked = |r: &mirror_fixtures::upstream::Request| r.path.ends_with(".rpm");
        assert!(!self.upstream.requests().iter().any(asked), "{reason}: packages were asked for");
    }
}

#[tokio::test]
async fn what_repomd_says_is_not_trusted() {
    let good = primary(&[Package::default()], 1);
    let size = good.len();
    let whole = |href: &str| repomd(&record("primary", href, &good, size));
    let bad_path = |path: &str, rule: &str| (whole(path), format!("path {path:?} {rule}"));
    let hex = Sha256::of(good.as_bytes()).hex();
    let place = "expected a file directly in repodata/";
    let cases = [
        bad_path("../p.xml", "has a `.` or `..` component"),
        bad_path("/p.xml", "is absolute, expected a relative path"),
        bad_path("repodata/%2e%2e/p.xml", "has a `.` or `..` component"),
        bad_path("repodata//p.xml", "has an empty component"),
        bad_path("http://127.0.0.1/p.xml", "is a URL, expected a relative path"),
        bad_path("repodata/.mirror-stage", "uses a name that is reserved (.mirror…)"),
        (whole("p.xml"), format!("primary lies at \"p.xml\", {place}")),
        (whole("repodata/a/p.xml"), format!("primary lies at \"repodata/a/p.xml\", {place}")),
        (whole("repodata/repomd.xml"), "primary takes the name of repodata/repomd.xml".into()),
        (
            whole("repodata/repomd.xml.asc"),
            "primary takes the name of repodata/repomd.xml.asc".into(),
        ),
        (
            repomd("<data type=\"primary\"><location href=\"repodata/p.xml\"/></data>"),
            "primary has no checksum".into(),
        ),
        (
            repomd(&record("filelists", "repodata/p.xml", &good, size)),
            "no primary metadata is listed".into(),
        ),
        (repomd(""), "no primary metadata is listed".into()),
        (
            repomd(&format!(
                "<data type=\"primary\"><checksum type=\"sha256\">{hex}</checksum>\
                 <location xml:base=\"http://elsewhere/\" href=\"repodata/p.xml\"/></data>"
            )),
            "primary lies at another place (xml:base \"http://elsewhere/\"), which needs generated \
             metadata"
                .into(),
        ),
        (
            repomd(&record("primary", "repodata/p.xml", &good, 9 << 30)),
            "primary is said to have over 8 GiB".into(),
        ),
        (
            repomd(
                &(record("primary", "repodata/p.xml", &good, size)
                    + &record("odd\nkind", "repodata/p.xml", "other", size)),
            ),
            format!(
                "path repodata/p.xml is listed as sha256:{hex} and as sha256:{}",
                Sha256::of(b"other").hex()
            ),
        ),
    ];
    for (repomd, reason) in cases {
        mirror(repomd, good.clone()).await.assert_refused("repodata/repomd.xml", &reason);
    }
}

#[tokio::test]
async fn what_primary_says_is_not_trusted() {
    let at = |location| vec![Package { location, ..Package::default() }];
    let hex = Sha256::of(CONTENT).hex();
    let other = "0".repeat(64);
    let path = |path: &str, rule: &str| format!("path {path:?} {rule}");
    let cases = [
        (at("href=\"../x.rpm\""), path("../x.rpm", "has a `.` or `..` component")),
        (at("href=\"a/../../x.rpm\""), path("a/../../x.rpm", "has a `.` or `..` component")),
        (at("href=\"/etc/passwd\""), path("/etc/passwd", "is absolute, expected a relative path")),
        (
            at("href=\".mirror/state\""),
            path(".mirror/state", "uses a name that is reserved (.mirror…)"),
        ),
        (
            at("href=\"repodata/repomd.xml\""),
            "package p0 lies in repodata/ (repodata/repomd.xml)".into(),
        ),
        (at("href=\"./repodata/x.rpm\""), "package p0 lies in repodata/ (repodata/x.rpm)".into()),
        (
            at("xml:base=\"http://elsewhere/\" href=\"x.rpm\""),
            "package p0 lies at another place (xml:base \"http://elsewhere/\"), which needs \
             generated metadata"
                .into(),
        ),
        (
            vec![Package { size: "package=\"1099511627777\"", ..Package::default() }],
            "package p0 is said to have over 1 TiB".into(),
        ),
    ];
    for (packages, reason) in cases {
        let primary = primary(&packages, packages.len());
        let repomd = repomd(&record("primary", "repodata/p.xml", &primary, primary.len()));
        mirror(repomd, primary).await.assert_refused("repodata/p.xml", &reason);
    }
    // What only the whole list shows is named with repomd.xml, which stands for it.
    let cases = [
        (
            vec![Package::default(), Package { checksum: &other, ..Package::default() }],
            format!("path x.rpm is listed as sha256:{hex} and as sha256:{other}"),
        ),
        (
            [at("href=\"x.rpm\""), at("href=\"x.rpm/y.rpm\"")].into_iter().flatten().collect(),
            "path x.rpm is listed as a file and as a folder".into(),
        ),
        (at("href=\"repodata\""), String::new()),
    ];
    for (packages, reason) in cases {
        let primary = primary(&packages, packages.len());
        let repomd = repomd(&record("primary", "repodata/p.xml", &primary, primary.len()));
        let case = mirror(repomd, primary).await;
        if reason.is_empty() {
            assert_eq!(case.report.outcome, Outcome::Failed);
            continue;
        }
        case.assert_refused("repodata/repomd.xml", &reason);
    }
}

#[tokio::test]
async fn a_package_without_what_identifies_it_is_refused() {
    for (package, wanted) in [
        (Package { checksum: "", ..Package::default() }, "checksum"),
        (Package { checksum: "12", ..Package::default() }, "checksum"),
        (Package { location: "", ..Package::default() }, "location"),
    ] {
        let primary = primary(&[package], 1);
        let repomd = repomd(&record("primary", "repodata/p.xml", &primary, primary.len()));
        let case = mirror(repomd, primary).await;
        assert_eq!(case.report.outcome, Outcome::Failed);
        let reason = &case.report.failures[0].reason;
        let file = format!("{}/repodata/p.xml: ", case.upstream.url());
        assert!(reason.starts_with(&file) && reason.contains(wanted), "{reason}");
        assert!(!case.root.path().join("tree").exists());
    }
}

#[tokio::test]
async fn what_does_no_harm_is_published_with_a_warning() {
    let upper = Sha256::of(CONTENT).hex().to_uppercase();
    let good = vec![Package::default()];
    let cases = [
        (good, 99, 0, Some("says 99 packages, lists 1")),
        (vec![Package { checksum: &upper, ..Package::default() }], 1, 0, None),
        (vec![Package { size: "package=\"12\"", ..Package::default() }], 1, 0, Some("9 bytes")),
        (vec![Package { size: "package=\"-1\"", ..Package::default() }], 1, 0, None),
        (vec![Package { size: "", ..Package::default() }], 1, 0, None),
        (vec![Package::default(), Package::default()], 2, 0, None),
        (vec![Package { location: "href=\"./x.rpm\"", ..Package::default() }], 1, 0, None),
        (vec![Package::default()], 1, 7, Some("bytes, listed with")),
        (NO_PACKAGE.iter().map(|_| Package::default()).collect(), 0, 0, None),
    ];
    for (number, (packages, count, off, warning)) in cases.into_iter().enumerate() {
        let primary = primary(&packages, count);
        // The same file under two kinds is one file.
        let size = primary.len() + off;
        let record = |kind| record(kind, "repodata/p.xml", &primary, size);
        let repomd = repomd(&(record("primary") + &record("weather\u{85}")));
        let case = mirror(repomd, primary).await;
        assert_eq!(case.report.outcome, Outcome::Published, "{number}: {:#?}", case.report);
        let tree = case.root.path().join("tree");
        assert!(tree.join("repodata/p.xml").exists());
        if !packages.is_empty() {
            assert_eq!(fs::read(tree.join("x.rpm")).unwrap(), CONTENT);
        }
        match warning {
            None => assert!(case.report.warnings.is_empty(), "{number}: {:#?}", case.report),
            Some(warning) => {
                let found = case.report.warnings.iter().any(|found| found.contains(warning));
                assert!(found, "{number}: {:#?}", case.report);
            }
        }
    }
}

#[tokio::test]
async fn a_package_that_is_larger_than_listed_is_refused() {
    let primary = primary(&[Package { size: "package=\"4\"", ..Package::default() }], 1);
    let repomd = repomd(&record("primary", "repodata/p.xml", &primary, primary.len()));
    let case = mirror(repomd, primary).await;
    assert_eq!(case.report.outcome, Outcome::Incomplete);
    let url = case.upstream.url_of("x.rpm");
    assert_eq!(case.report.failures[0].reason, format!("{url}: 9 bytes, expected 4"));
    assert!(!case.root.path().join("tree").exists());
}

#[tokio::test]
async fn what_becomes_hostile_leaves_what_was_published() {
    let site = super::support::Site::new(&samples::plain(2));
    site.sync().await;
    let before = super::support::listing(&site.tree());
    let good = primary(&[Package { location: "href=\"../x\"", ..Package::default() }], 1);
    site.upstream.set_files([
        ("repodata/repomd.xml", repomd(&record("primary", "repodata/p.xml", &good, good.len()))),
        ("repodata/p.xml", good),
    ]);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Failed);
    assert_eq!(super::support::listing(&site.tree()), before);
}
