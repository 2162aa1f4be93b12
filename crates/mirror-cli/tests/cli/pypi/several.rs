//! Several sets of which one fails.

use std::fs;

use mirror_fixtures::pypi::samples;

use super::{lines, published, without_amounts};
use crate::support::{Site, assert_snapshot};

/// Three sets in `mirror.toml`; the one in the middle asks for this.
fn configure(site: &Site, middle: &str) {
    configure_with(site, middle, "");
}

fn configure_with(site: &Site, middle: &str, more: &str) {
    let config = format!(
        "root = \"mirror\"\n\
         [pypi]\nindex_url = \"{}/simple/\"\ntarget = \"el9\"\n\
         [pypi.site]\nrequirements = [\"words\"]\n\
         [pypi.web]\nrequirements = [{middle}]\npython = [\"3.11\", \"3.12\"]\n{more}\
         [pypi.zoo]\nrequirements = [\"x\"]\n",
        site.upstream.url()
    );
    fs::write(site.path("mirror.toml"), config).unwrap();
}

const UNSOLVABLE: &str = "\"hello>=1.1\", \"greeting<2\"";

#[test]
fn a_set_that_fails_is_named_and_the_others_are_published() {
    let site = Site::of_index(&samples::demo());
    configure(&site, UNSOLVABLE);
    let ran = site.run("sync");
    assert_snapshot("pypi-set-failed.txt", &without_amounts(&ran));
    assert_eq!(published(&site), ["words-5-py3-none-any.whl", "x-0-py3-none-any.whl"]);

    configure(&site, "\"greeting<2\"");
    assert_eq!(site.run("pypi --quiet").text(), "exit 0\n");
    configure(&site, UNSOLVABLE);
    let ran = site.run("pypi --quiet");
    assert_snapshot("pypi-set-failed-quiet.txt", &ran.text());
    assert!(site.run("status").out.contains("incomplete"), "{}", site.run("status").text());

    let ran = site.run("pypi --json");
    assert_eq!(ran.code, Some(3), "{}", ran.text());
    let report = &lines(&ran.out, "report")[0];
    assert_eq!(
        (&report["complete"], &report["trees"][0]["outcome"]),
        (&false.into(), &"unchanged".into())
    );
    let failed = &report["trees"][0]["failed_sets"];
    assert_eq!(failed.as_array().unwrap().len(), 1);
    assert_eq!((&failed[0]["set"], &failed[0]["is_published"]), (&"web".into(), &true.into()));
    assert_eq!(failed[0]["reason"], "no solution for 2 of 2 targets");
    assert_eq!(lines(&ran.out, "set-failed")[0]["set"], "web");

    let ran = site.run("pypi --dry-run");
    assert_eq!(ran.code, Some(3), "{}", ran.text());
    assert!(ran.out.contains("\n  set web: failed; what it had stays\n"), "{}", ran.text());
    assert!(ran.err.contains("\nerror: set web: no solution for "), "{}", ran.text());
}

/// What stands in one set's way comes with what to do about it.
#[test]
fn an_index_that_is_down_is_told_with_its_set() {
    let site = Site::of_index(&samples::demo());
    let index = "index_url = \"http://127.0.0.1:9/simple/\"\n";
    configure_with(&site, "\"hello\"", index);
    let ran = site.run("sync --retries 0");
    assert_eq!(ran.code, Some(3), "{}", ran.text());
    assert!(ran.err.contains("\nerror: set web: http://127.0.0.1:9/simple/"), "{}", ran.text());
    assert!(ran.err.contains("hint: nothing listens there"), "{}", ran.text());
}

/// The reasons stand once, below all else.
#[test]
fn the_reasons_are_said_once_whatever_the_targets() {
    let site = Site::of_index(&samples::demo());
    let pythons = "3.11.1 3.12.1 3.12.2 3.12.3 3.12.4 3.12.5";
    let ran = site.pypi(&format!("python==2.0 --python {pythons}"));
    assert_snapshot("pypi-targets-failed.txt", &without_amounts(&ran));
}
