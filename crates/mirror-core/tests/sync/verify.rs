//! Verify and repair: every byte held against the manifest, and only what differs fetched again.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mirror_core::report::Outcome;
use mirror_core::store::{Check, LockWait, Repaired};
use mirror_core::{CancellationToken, Error, Mirror};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Fault;

use super::support::{PATIENCE, Site, job, listing, options, patient, sync};

pub(super) async fn verify(root: &Path) -> Check {
    let cancel = CancellationToken::new();
    mirror_core::verify(root, &[], PATIENCE, Arc::new(()), &cancel).await.unwrap()
}

pub(super) async fn repair(root: &Path) -> Check {
    let mirror = Mirror::open(root, patient()).await.unwrap();
    mirror.repair(&[], Arc::new(()), &CancellationToken::new()).await.unwrap()
}

/// `WORD PATH` of each finding of the first tree.
fn found(check: &Check) -> Vec<String> {
    let findings = check.trees[0].findings.iter();
    findings.map(|finding| format!("{} {}", finding.problem.word(), finding.path)).collect()
}

/// Changes a byte and nothing else that a file system would tell: not even its times.
fn rot(path: &Path) {
    let before = fs::metadata(path).unwrap();
    let mut content = fs::read(path).unwrap();
    content[0] ^= 1;
    fs::write(path, content).unwrap();
    fs::File::open(path).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(path).unwrap();
    assert_eq!((before.size(), before.mtime_nsec()), (after.size(), after.mtime_nsec()));
}

#[tokio::test]
async fn a_whole_mirror_is_clean_and_each_inode_is_read_once() {
    let site = Site::new(&samples::every_kind().signed("signature", "key"));
    site.sync().await;
    let before = listing(&site.root());
    let check = verify(&site.root()).await;
    assert!(check.is_clean(), "{check:#?}");
    assert_eq!(check.trees[0].generation, Some(1));
    let blobs = listing(&site.root().join(".mirror/blobs"));
    let contents = blobs.keys().filter(|path| path.is_file());
    assert_eq!(check.bytes, contents.map(|path| fs::metadata(path).unwrap().len()).sum::<u64>());
    let mut after = listing(&site.root());
    // Who waits for it is told who it is.
    after.extend(before.clone().into_iter().filter(|(path, _)| path.ends_with(".mirror/lock")));
    assert_eq!(after, before, "nothing is written");
}

#[tokio::test]
async fn finds_every_kind_of_damage_and_repairs_it() {
    let site = Site::new(&samples::plain(9));
    site.sync().await;
    let name = |n: u32| site.written.package(&format!("plain-{n:04}")).path.clone();
    let path = |n: u32| site.tree().join(name(n));
    rot(&path(0));
    fs::remove_file(path(1)).unwrap();
    fs::remove_file(path(2)).unwrap();
    symlink("/etc/passwd", path(2)).unwrap();
    fs::remove_file(path(3)).unwrap();
    fs::create_dir_all(path(3).join("deep")).unwrap();
    fs::write(path(4), "shorter").unwrap();
    fs::set_permissions(path(5), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(site.tree().join("notes.txt"), "mine").unwrap();
    fs::create_dir_all(site.tree().join("old/deep")).unwrap();
    fs::write(site.tree().join("old/deep/a"), "12").unwrap();
    fs::set_permissions(site.tree().join("repodata"), fs::Permissions::from_mode(0o700)).unwrap();

    let mut expected = vec![
        format!("changed {}", name(0)),
        format!("missing {}", name(1)),
        format!("link {}", name(2)),
        format!("wrong kind {}", name(3)),
        format!("changed {}", name(4)),
        format!("mode {}", name(5)),
        "foreign notes.txt".to_owned(),
        "foreign old/".to_owned(),
        "mode repodata".to_owned(),
    ];
    expected.sort();
    let sorted = |check: &Check| {
        let mut found = found(check);
        found.sort();
        found
    };
    let check = verify(&site.root()).await;
    assert_eq!(sorted(&check), expected);
    assert_eq!(check.state, [], "their blobs are the same inodes");

    site.upstream.clear_requests();
    let check = repair(&site.root()).await;
    assert_eq!(sorted(&check), expected);
    for finding in check.findings() {
        let foreign = finding.problem.word() == "foreign";
        assert_eq!(finding.repaired == Some(Repaired::Done), !foreign, "{finding:?}");
    }
    assert_eq!(site.upstream.requests().len(), 2, "only what was lost is fetched");
    let lost: u64 = [0, 4].iter().map(|n| fs::metadata(path(*n)).unwrap().len()).sum();
    assert_eq!(check.received, lost);
    site.assert_equal_to_upstream();
    let check = verify(&site.root()).await;
    assert_eq!(found(&check), ["foreign notes.txt", "foreign old/"]);
    assert!(site.tree().join("old/deep/a").exists(), "what is foreign is not touched");
    site.upstream.clear_requests();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
    assert!(!site.tree().join(".mirror-stage").exists());
}

#[tokio::test]
async fn what_another_tree_holds_is_not_fetched() {
    let site = Site::new(&samples::plain(3));
    let url = site.upstream.url();
    sync(&site.root(), &[job(&url, "a"), job(&url, "b")]).await.unwrap();
    let package = site.written.package("plain-0001").path.clone();
    // A copy of its own in the second tree, and nothing of the first.
    let (a, b) = (site.root().join("a").join(&package), site.root().join("b").join(&package));
    let content = fs::read(&a).unwrap();
    fs::remove_file(&b).unwrap();
    fs::write(&b, content).unwrap();
    rot(&a);
    site.upstream.clear_requests();
    for trees in [vec![], vec!["a".parse().unwrap()]] {
        let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
        let check = mirror.repair(&trees, Arc::new(()), &CancellationToken::new()).await.unwrap();
        assert!(check.is_clean(), "{check:#?}");
        assert_eq!(check.trees[0].findings.len(), 1);
        assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
        fs::copy(&b, b.with_extension("copy")).unwrap();
        fs::rename(b.with_extension("copy"), &b).unwrap();
        rot(&a);
    }
    assert_eq!(site.upstream.requests().len(), 0);
}

#[tokio::test]
async fn what_upstream_no_longer_has_is_named_and_the_rest_is_repaired() {
    let mut repository = samples::plain(4);
    let mut site = Site::new(&repository);
    site.sync().await;
    let [lost, kept] = [0, 1].map(|n| site.written.package(&format!("plain-{n:04}")).path.clone());
    repository.remove("plain-0000");
    site.write(&repository);
    fs::remove_file(site.written.dir.join(&lost)).ok();
    for path in [&lost, &kept] {
        rot(&site.tree().join(path));
    }
    rot(&site.tree().join("repodata/repomd.xml"));
    let check = repair(&site.root()).await;
    assert!(!check.is_clean());
    for finding in &check.trees[0].findings {
        let is_kept = finding.path == kept;
        match finding.repaired.as_ref().unwrap() {
            Repaired::Done => assert!(is_kept, "{finding:?}"),
            Repaired::Not(reason) => {
                assert!(!is_kept && reason.starts_with(&site.upstream.url()), "{reason}");
            }
        }
    }
    // The state no longer takes it for whole, so a sync goes on.
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn a_damaged_manifest_and_lost_blobs_are_found() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    site.sync().await;
    let first = site.written.package("plain-0000").clone();
    repository.update(samples::plain_package(0, "2"));
    site.write(&repository);
    site.sync().await;
    let blob = |hex: &str| site.root().join(".mirror/blobs/sha256").join(&hex[..2]).join(hex);
    fs::remove_file(blob(&first.sha256)).unwrap();
    let check = verify(&site.root()).await;
    // The tree still holds it, for who reads the older metadata.
    assert_eq!((check.trees[0].findings.len(), check.state.len()), (0, 1));
    assert_eq!(check.state[0].problem.word(), "missing");
    site.upstream.clear_requests();
    assert!(repair(&site.root()).await.is_clean());
    assert_eq!(site.upstream.requests().len(), 0);
    assert!(verify(&site.root()).await.is_clean());

    fs::write(site.root().join(".mirror/generations/demo/2"), "mirror-generation 1\n").unwrap();
    let check = verify(&site.root()).await;
    assert_eq!((check.trees[0].generation, check.state[0].problem.word()), (None, "damaged"));
    assert!(!repair(&site.root()).await.is_clean());
}

#[tokio::test]
async fn readers_keep_writers_out_and_not_each_other() {
    let site = Site::new(&samples::plain(1));
    site.sync().await;
    let one = mirror_core::store::View::open(&site.root(), PATIENCE).await.unwrap();
    assert!(verify(&site.root()).await.is_clean());
    let error = Mirror::open(&site.root(), options()).await.unwrap_err();
    drop(one);
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    let held = Mirror::open(&site.root(), patient()).await.unwrap();
    let cancel = CancellationToken::new();
    let wait = LockWait::AtMost(Duration::ZERO);
    let refused = mirror_core::verify(&site.root(), &[], wait, Arc::new(()), &cancel).await;
    assert!(matches!(refused, Err(Error::Locked { .. })));
    drop(held);
}

#[tokio::test]
async fn a_link_where_the_tree_should_be_is_repaired_and_said_to_be() {
    let site = Site::new(&samples::plain(2));
    let jobs = [job(&site.upstream.url(), "deep/demo")];
    sync(&site.root(), &jobs).await.unwrap();
    let elsewhere = site.root().join("elsewhere");
    fs::rename(site.root().join("deep"), &elsewhere).unwrap();
    symlink(&elsewhere, site.root().join("deep")).unwrap();
    assert!(found(&verify(&site.root()).await).contains(&"link deep".to_owned()));
    site.upstream.clear_requests();
    let check = repair(&site.root()).await;
    assert!(check.is_clean(), "{check:#?}");
    assert!(verify(&site.root()).await.is_clean());
    assert_eq!(site.upstream.requests().len(), 0);
    assert!(elsewhere.join("demo/repodata/repomd.xml").exists());
}

#[tokio::test]
async fn content_that_no_tree_has_yet_is_dropped_when_it_is_spoilt() {
    let site = Site::new(&samples::plain(3));
    site.upstream.fault(&site.written.package("plain-0000").path, Fault::Status(404));
    assert_eq!(site.sync_tree().await.outcome, Outcome::Incomplete);
    let other = Site::new(&samples::odd_names());
    sync(&site.root(), &[job(&other.upstream.url(), "x")]).await.unwrap();
    let hex = &site.written.package("plain-0001").sha256;
    let blob = site.root().join(".mirror/blobs/sha256").join(&hex[..2]).join(hex);
    rot(&blob);
    assert_eq!(verify(&site.root()).await.state[0].problem.word(), "changed");
    let check = repair(&site.root()).await;
    assert!(check.is_clean(), "{check:#?}");
    assert!(!blob.exists() && verify(&site.root()).await.is_clean());
}
