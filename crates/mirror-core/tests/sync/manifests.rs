//! Kept manifests that are lost, damaged or out of reach: that tree's fault, and no other's; and what
//! an upstream is held against is not forgotten with them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror_core::error::Kind;
use mirror_core::report::{Outcome, TreeReport};
use mirror_core::store::{Finding, Problem, View};
use mirror_core::{CancellationToken, Job, Mirror, Mode, Result, Rollback, Target};
use mirror_fixtures::samples;

use super::support::{PATIENCE, Site, job, listing, patient, read_repository, sync};

fn manifest(root: &Path, tree: &str, name: &str) -> PathBuf {
    root.join(".mirror/generations").join(tree).join(name)
}

/// A file that nobody can read, not even root.
fn put_out_of_reach(path: &Path) {
    fs::remove_file(path).unwrap();
    symlink(path, path).unwrap();
}

/// Two trees, of which `demo` has two generations.
async fn two() -> (Site, Site, [Job; 2]) {
    let mut repository = samples::plain(9);
    let (mut site, other) =
        (Site::new(&repository.clone().revision(1)), Site::new(&samples::odd_names()));
    let jobs = [site.job(), job(&other.upstream.url(), "other")];
    sync(&site.root(), &jobs).await.unwrap();
    repository.add(samples::plain_package(9, "1"));
    site.write(&repository.revision(2));
    sync(&site.root(), &jobs).await.unwrap();
    (site, other, jobs)
}

async fn run(root: &Path, jobs: &[Job]) -> Vec<TreeReport> {
    sync(root, jobs).await.unwrap().trees
}

fn outcomes(trees: &[TreeReport]) -> Vec<Outcome> {
    trees.iter().map(|tree| tree.outcome).collect()
}

async fn rollback(root: &Path, name: &str, to: Option<u64>) -> Result<Rollback> {
    let mirror = Mirror::open(root, patient()).await.unwrap();
    mirror.rollback(&Target { name: Some(name.to_owned()), to }, Mode::Apply, &()).await
}

#[tokio::test]
async fn a_damaged_manifest_lets_no_older_or_smaller_state_in() {
    let (mut site, _other, jobs) = two().await;
    fs::write(manifest(&site.root(), "demo", "2"), "garbage").unwrap();
    let before = listing(&site.tree());
    for (packages, revision, said) in
        [(9, 0, "older than the published one"), (3, 3, "drops 6 of 9")]
    {
        site.write(&samples::plain(packages).revision(revision));
        let trees = run(&site.root(), &jobs).await;
        assert_eq!(outcomes(&trees), [Outcome::Failed, Outcome::Unchanged]);
        assert!(trees[0].failures[0].reason.contains(said), "{:#?}", trees[0]);
        assert_eq!(listing(&site.tree()), before);
    }
    site.write(&samples::plain(10).revision(3));
    let trees = run(&site.root(), &jobs).await;
    assert_eq!((trees[0].outcome, trees[0].generation), (Outcome::Published, Some(3)));
    let warning = &trees[0].warnings[0];
    assert!(warning.ends_with("are held against generation 1"), "{warning}");
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn where_no_manifest_is_left_that_is_said() {
    let site = Site::new(&samples::plain(2));
    site.sync().await;
    fs::write(manifest(&site.root(), "demo", "1"), "garbage").unwrap();
    let report = site.sync_tree().await;
    assert_eq!((report.outcome, report.generation), (Outcome::Published, Some(2)));
    assert!(report.warnings[0].contains("there is no other to hold"), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_generation_that_is_published_and_gone_is_replaced_unless_it_is_held() {
    let (site, _other, jobs) = two().await;
    rollback(&site.root(), "demo", Some(1)).await.unwrap();
    fs::remove_file(manifest(&site.root(), "demo", "1")).unwrap();
    let before = listing(&site.tree());
    let trees = run(&site.root(), &jobs).await;
    assert_eq!(outcomes(&trees), [Outcome::Held, Outcome::Unchanged]);
    assert!(trees[0].warnings[0].ends_with("demo/1: damaged, it is gone"), "{:#?}", trees[0]);
    assert_eq!(listing(&site.tree()), before);
    let status = View::glance(&site.root()).status().unwrap();
    assert!(status.trees[0].damaged.as_ref().unwrap().ends_with("it is gone"));
    let cancel = CancellationToken::new();
    let check = mirror_core::verify(&site.root(), &[], PATIENCE, Arc::new(()), &cancel).await;
    let check = check.unwrap();
    assert!(check.findings().any(|found| found.path == ".mirror/generations/demo/1"));
    let is_foreign = |found: &Finding| matches!(found.problem, Problem::Foreign { .. });
    assert!(!check.findings().any(is_foreign), "{check:#?}");

    Mirror::open(&site.root(), patient()).await.unwrap().release(Some("demo")).unwrap();
    let trees = run(&site.root(), &jobs).await;
    assert_eq!((trees[0].outcome, trees[0].generation), (Outcome::Published, Some(3)));
    assert!(trees[0].warnings[0].ends_with("are held against generation 2"), "{:#?}", trees[0]);
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn a_manifest_out_of_reach_is_its_trees_fault_alone() {
    for name in ["2", "1", "current"] {
        let (site, mut other, jobs) = two().await;
        if name == "current" {
            rollback(&site.root(), "demo", Some(2)).await.unwrap();
        }
        put_out_of_reach(&manifest(&site.root(), "demo", name));
        // Content that the trees share gets and loses links.
        let before: Vec<_> = listing(&site.tree()).into_keys().collect();
        // The other one publishes, prunes and tidies up.
        for packages in [4, 5, 6, 7] {
            other.write(&samples::plain(packages));
            let mirror_options = mirror_core::Options {
                retention: mirror_core::store::Retention {
                    generations: 1,
                    grace: std::time::Duration::ZERO,
                    prune: true,
                },
                allow: mirror_core::Allow { older: true, shrink: true },
                ..patient()
            };
            let mirror = Mirror::open(&site.root(), mirror_options).await.unwrap();
            let cancel = CancellationToken::new();
            let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
            let expected = if name == "1" { Outcome::Unchanged } else { Outcome::Failed };
            assert_eq!(outcomes(&report.trees), [expected, Outcome::Published], "{name}");
            if expected == Outcome::Failed {
                let failure = &report.trees[0].failures[0];
                assert_eq!(failure.kind, Kind::Unreadable);
                let path = manifest(&site.root(), "demo", name).display().to_string();
                assert!(failure.reason.starts_with(&path), "{}", failure.reason);
            }
        }
        assert!(listing(&site.tree()).into_keys().eq(before));
        read_repository(&site.tree()).unwrap();
        let status = View::glance(&site.root()).status().unwrap();
        let damaged = status.trees[0].damaged.as_ref().unwrap();
        assert!(damaged.contains(&format!("demo/{name}: cannot")), "{damaged}");
        assert!(status.trees[1].damaged.is_none());
    }
}

#[tokio::test]
async fn other_trees_can_be_rolled_back() {
    let (site, mut other, jobs) = two().await;
    other.write(&samples::plain(5));
    let options = mirror_core::Options {
        allow: mirror_core::Allow { older: true, shrink: true },
        ..patient()
    };
    let mirror = Mirror::open(&site.root(), options).await.unwrap();
    let cancel = CancellationToken::new();
    mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
    drop(mirror);
    let pointer = manifest(&site.root(), "demo", "current");
    fs::write(&pointer, "garbage").unwrap();
    assert!(rollback(&site.root(), "other", None).await.unwrap().done);
    let error = rollback(&site.root(), "demo", Some(1)).await.unwrap_err();
    assert!(error.to_string().contains("demo/current: damaged"), "{error}");
    // All that can be released are.
    let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
    let error = mirror.release(None).unwrap_err();
    assert!(error.to_string().contains("demo/current: damaged"), "{error}");
    assert!(!View::glance(&site.root()).current(&"other".parse().unwrap()).unwrap().unwrap().held);
    drop(mirror);
    fs::remove_file(pointer).unwrap();
    // The published one is out of reach: there is a way back from it all the same.
    put_out_of_reach(&manifest(&site.root(), "demo", "2"));
    let back = rollback(&site.root(), "demo", None).await.unwrap();
    assert_eq!((back.done, back.trees[0].from, back.trees[0].to), (true, 2, 1));
}
