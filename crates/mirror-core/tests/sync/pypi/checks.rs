//! What a check of a tree finds.

use std::fs;

use mirror_core::source::pypi::{Checked, check};
use mirror_fixtures::pypi::samples;

use super::support::Site;

fn checked(site: &Site) -> Checked {
    check(&site.tree()).unwrap().unwrap()
}

/// What is found wrong, as `PATH: REASON`.
fn faults(site: &Site) -> Vec<String> {
    let faults = checked(site).faults.into_iter();
    faults.map(|fault| format!("{}: {}", fault.path, fault.reason)).collect()
}

/// Replaces a file by another, as an editor does: the old content has other names.
fn write(site: &Site, path: &str, content: &str) {
    let path = site.tree().join(path);
    fs::remove_file(&path).unwrap();
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn every_page_and_every_piece_of_metadata_is_looked_at() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["hello==1.1", "withdrawn==1.1"])]).await.good();
    assert_eq!(faults(&site), Vec::<String>::new());
    for (path, from, to, line) in [
        ("index.html", ">hello<", ">hell<", "line 10: "),
        ("index.v1_json", "\"hello\"", "\"hell\"", "line 1: "),
        (
            "hello/index.html",
            "data-requires-python=\"&gt;=3.8\"",
            "data-requires-python=\"&gt;=3.9\"",
            "line 10: ",
        ),
        ("hello/index.v1_json", "core-metadata", "metadata", "line 1: "),
        ("withdrawn/index.html", "data-yanked", "data-taken", "line 10: "),
        (
            "files/hello-1.1-py3-none-any.whl.metadata",
            "Name: hello",
            "Name: hallo",
            "expected sha256 ",
        ),
    ] {
        let good = site.text(path);
        assert!(good.contains(from), "{path}: {good}");
        write(&site, path, &good.replacen(from, to, 1));
        let found = faults(&site);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}: {line}")), "{found:?}");
        fs::remove_file(site.tree().join(path)).unwrap();
        let found = faults(&site);
        assert!(found[0].starts_with(&format!("{path}: No such file")), "{found:?}");
        fs::write(site.tree().join(path), good).unwrap();
    }
    write(&site, "hello/index.html", "");
    let found = faults(&site);
    assert_eq!(found, ["hello/index.html: line 1: expected \"<!DOCTYPE html>\", found \"\""]);
}
