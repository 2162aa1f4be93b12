//! A tree of Python packages is a tree as any other: verified, repaired, rolled back, interrupted.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use mirror_core::report::Outcome;
use mirror_core::{Mirror, Mode, Target};
use mirror_fixtures::pypi::{Release, samples};

use super::faults::read_tree;
use super::support::{Site, With as _, contents};
use crate::support::{listing, patient};
use crate::verify::{repair, verify};

#[tokio::test]
async fn it_is_verified_and_repaired_without_its_index() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["hello", "source-helped"])]).await.good();
    assert!(verify(&site.root()).await.is_clean());
    for path in listing(&site.tree()).into_keys().filter(|path| path.is_file()) {
        // Packages, and what was made of them, are blobs.
        assert!(fs::metadata(&path).unwrap().nlink() >= 2, "{}", path.display());
    }
    let before = contents(&site.tree());
    for path in ["index.html", "hello/index.v1_json", "sets.json"] {
        fs::remove_file(site.tree().join(path)).unwrap();
    }
    fs::remove_file(site.tree().join("files/greeting-2.1-py3-none-any.whl.metadata")).unwrap();
    assert_eq!(verify(&site.root()).await.trees[0].findings.len(), 4);
    site.upstream.clear_requests();
    repair(&site.root()).await;
    assert!(contents(&site.tree()) == before);
    assert!(verify(&site.root()).await.is_clean());
    assert_eq!(site.upstream.requests().len(), 0);
}

/// A package whose every copy is damaged comes from where it came from first.
#[tokio::test]
async fn a_package_that_is_lost_is_fetched_again_by_a_repair() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["hello"])]).await.good();
    let before = contents(&site.tree());
    let path = site.tree().join("files/greeting-2.1-py3-none-any.whl");
    fs::write(&path, "damaged").unwrap();
    assert!(!verify(&site.root()).await.is_clean());
    site.upstream.clear_requests();
    repair(&site.root()).await;
    assert!(contents(&site.tree()) == before);
    let asked: BTreeSet<_> = site.upstream.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(asked, BTreeSet::from(["files/greeting-2.1-py3-none-any.whl".to_owned()]));
}

#[tokio::test]
async fn it_is_rolled_back_to_what_it_was_and_held() {
    let mut site = Site::new(samples::demo());
    let set = |site: &Site| vec![site.set(&["hello"])];
    site.sync(set(&site)).await.good();
    let old = read_tree(&site.tree()).unwrap();
    site.change(|index| {
        let hello = Release::new("hello", "1.2").requires("greeting<3").requires("native");
        index.add(hello.requires("words"));
    });
    site.sync(set(&site)).await.good();
    let new = read_tree(&site.tree()).unwrap();
    assert!(old != new);
    let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
    let target = Target { name: Some("pypi".to_owned()), to: None };
    mirror.rollback(&target, Mode::Apply, &()).await.unwrap();
    drop(mirror);
    assert_eq!(read_tree(&site.tree()).unwrap(), old);
    let run = site.sync(set(&site)).await;
    assert_eq!(run.tree().outcome, Outcome::Held);
    Mirror::open(&site.root(), patient()).await.unwrap().release(None).unwrap();
    site.sync(set(&site)).await.good();
    assert_eq!(read_tree(&site.tree()).unwrap(), new);
}

/// Wherever a run is broken off, what a client reads is old or new, and the next run completes it.
#[tokio::test]
async fn a_run_that_is_broken_off_leaves_the_old_tree_and_the_next_one_completes_it() {
    let mut site = Site::new(samples::demo());
    let set = |site: &Site| {
        vec![site.set(&["hello", "source-helped"]).targets(&["3.11 manylinux_2_34_x86_64"])]
    };
    site.sync(set(&site)).await.good();
    let old = read_tree(&site.tree()).unwrap();
    site.change(|index| index.add(Release::new("hello", "1.2").requires("dots.in.name")));
    site.upstream.set_latency(Duration::from_millis(2));
    let mut ends = BTreeSet::new();
    for milliseconds in (0..120).step_by(8) {
        let run = tokio::time::timeout(Duration::from_millis(milliseconds), site.sync(set(&site)));
        ends.insert(run.await.is_ok());
        // Who was dropped finishes what cannot be broken off; the next one waits for the lock.
        let found = read_tree(&site.tree()).unwrap();
        assert!(found == old || found.contains("hello-1.2-py3-none-any.whl"), "{found:?}");
    }
    assert!(ends.contains(&false));
    let run = site.sync(set(&site)).await;
    assert!(run.report.is_complete(), "{}", run.words());
    assert!(read_tree(&site.tree()).unwrap().contains("hello-1.2-py3-none-any.whl"));
    assert!(verify(&site.root()).await.is_clean());
}
