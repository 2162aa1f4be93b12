//! Pruning by hand: what nothing names, and trees that are named.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mirror_core::path::TreePath;
use mirror_core::report::Outcome;
use mirror_core::store::{Pruning, Retention};
use mirror_core::{Mirror, Options};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Fault;

use super::support::{PATIENCE, Recorder, Site, job, listing, patient, sync};

/// An hour of grace.
const HOUR: Duration = Duration::from_hours(1);

async fn prune(root: &Path, trees: &[&str], grace: Duration) -> (Pruning, Vec<String>) {
    let retention = Retention { generations: 2, grace, prune: true };
    let mirror = Mirror::open(root, Options { retention, ..patient() }).await.unwrap();
    let trees: Vec<TreePath> = trees.iter().map(|tree| tree.parse().unwrap()).collect();
    let pruning = mirror.pruning(&trees).unwrap();
    let left = mirror.prune(pruning.clone()).await.unwrap();
    assert!(mirror.pruning(&[]).unwrap().is_empty(), "at once");
    (pruning, left)
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    listing(folder).into_keys().filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn drops_what_no_kept_generation_names_and_no_more() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    for number in 0..4 {
        site.sync().await;
        repository.update(samples::plain_package(0, &format!("{}", number + 2)));
        site.write(&repository);
    }
    let unnamed = site.root().join(".mirror/blobs/sha256/aa").join("aa".repeat(32));
    fs::create_dir_all(unnamed.parent().unwrap()).unwrap();
    fs::write(&unnamed, "12345").unwrap();
    let part = |name: &str, age: u64| {
        let path = site.root().join(".mirror/parts").join(name);
        fs::write(&path, "123").unwrap();
        let time = std::time::SystemTime::now() - Duration::from_secs(age);
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
        path
    };
    let (old, young) = (part("old.part", 7200), part("young.part", 60));
    // What a publication left that was killed, of a tree that was never published.
    let attempt = site.root().join(".mirror/generations/never");
    fs::create_dir_all(&attempt).unwrap();
    fs::write(attempt.join("1.new"), "half").unwrap();

    let (pruning, _) = prune(&site.root(), &[], HOUR).await;
    assert_eq!(pruning.generations, [], "all are in grace");
    assert_eq!((pruning.parts.files, pruning.stages.len()), (1, 1));
    assert!(!unnamed.exists() && !old.exists() && young.exists());
    assert_eq!(pruning.freed, 8);
    assert!(trees_are_clean(&site.root()).await);
    let (pruning, _) = prune(&site.root(), &[], Duration::ZERO).await;
    assert_eq!(pruning.generations, [("demo".to_owned(), vec![1, 2])]);
    assert!(!young.exists() && trees_are_clean(&site.root()).await);
}

async fn trees_are_clean(root: &Path) -> bool {
    let (wait, cancel) = (PATIENCE, mirror_core::CancellationToken::new());
    let check = mirror_core::verify(root, &[], wait, std::sync::Arc::new(()), &cancel).await;
    check.unwrap().is_clean()
}

#[tokio::test]
async fn a_tree_goes_only_when_it_is_named() {
    let site = Site::new(&samples::plain(3));
    let url = site.upstream.url();
    sync(&site.root(), &[job(&url, "x/a"), job(&url, "x/b")]).await.unwrap();
    sync(&site.root(), &[job(&url, "x/b")]).await.unwrap();
    assert!(prune(&site.root(), &[], HOUR).await.0.is_empty());
    assert!(site.root().join("x/a/repodata/repomd.xml").exists());

    let (pruning, left) = prune(&site.root(), &["x/a"], HOUR).await;
    assert_eq!((pruning.trees[0].0.as_str(), pruning.freed), ("x/a", 0), "the other has it all");
    assert_eq!(left, [""; 0]);
    assert!(!site.root().join("x/a").exists() && trees_are_clean(&site.root()).await);

    fs::write(site.root().join("x/b/mine"), "mine").unwrap();
    let (pruning, left) = prune(&site.root(), &["x/b"], HOUR).await;
    assert!(pruning.freed > 0);
    assert_eq!(left, ["x/b"]);
    assert_eq!(files(&site.root().join("x")), [site.root().join("x/b/mine")]);
    assert_eq!(files(&site.root().join(".mirror/blobs")), [""; 0].map(Path::new));
    assert_eq!(files(&site.root().join(".mirror/generations")), [""; 0].map(Path::new));
    let report = sync(&site.root(), &[job(&url, "x/b")]).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Published);
}

#[tokio::test]
async fn what_an_unfinished_sync_fetched_stays() {
    let site = Site::new(&samples::plain(3));
    site.upstream.fault(&site.written.package("plain-0000").path, Fault::Status(404));
    assert_eq!(site.sync_tree().await.outcome, Outcome::Incomplete);
    let (pruning, _) = prune(&site.root(), &[], HOUR).await;
    assert!(pruning.blobs.files == 0 && pruning.waiting.files > 2, "{pruning:?}");
    site.upstream.clear_faults();
    site.upstream.clear_requests();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    assert_eq!(site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count(), 1);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_keeps_all_content() {
    let site = Site::new(&samples::plain(2));
    site.sync().await;
    fs::write(site.root().join(".mirror/generations/demo/1"), "").unwrap();
    let (pruning, _) = prune(&site.root(), &[], HOUR).await;
    assert!(pruning.unknown.unwrap().contains("damaged"));
    assert!(!files(&site.root().join(".mirror/blobs")).is_empty());
}

#[tokio::test]
async fn a_tree_that_never_was_is_forgotten() {
    let site = Site::new(&samples::plain(1));
    let url = site.upstream.url();
    sync(&site.root(), &[job(&url, "a/b")]).await.unwrap();
    let absent = format!("{url}/absent/");
    sync(&site.root(), &[job(&absent, "a")]).await.unwrap_err();
    sync(&site.root(), &[job(&absent, "typo")]).await.unwrap();
    let trees = || {
        let status = mirror_core::store::View::glance(&site.root()).status().unwrap();
        status.trees.into_iter().map(|tree| tree.tree).collect::<Vec<_>>()
    };
    assert_eq!(trees(), ["a/b", "typo"]);
    assert_eq!(prune(&site.root(), &["typo"], HOUR).await.0.trees.len(), 1);
    assert_eq!(trees(), ["a/b"]);
    assert!(trees_are_clean(&site.root()).await);
}

#[tokio::test]
async fn what_a_killed_sync_fetched_stays() {
    let site = Site::new(&samples::plain(3));
    let last = site.written.package("plain-0000").path.clone();
    site.upstream.fault(&last, Fault::HangBeforeHeaders).times(1);
    {
        let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
        let (jobs, cancel) = ([site.job()], mirror_core::CancellationToken::new());
        let events = std::sync::Arc::new(Recorder::default());
        let run = mirror.sync(&jobs, mirror_core::Mode::Apply, events.clone(), &cancel);
        let others = async {
            let is_fetched = |line: &String| line.contains("fetched") && line.contains(".rpm");
            for _ in 0..1000 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                if events.lines().iter().filter(|line| is_fetched(line)).count() == 2 {
                    break;
                }
            }
        };
        tokio::select! {
            _ = run => panic!("the run ended"),
            () = others => {}
        }
    }
    let status = mirror_core::store::View::glance(&site.root()).status().unwrap();
    assert_eq!(status.trees[0].last_run.as_ref().unwrap().outcome, "begun");
    let (pruning, _) = prune(&site.root(), &[], HOUR).await;
    assert!(pruning.blobs.files == 0 && pruning.waiting.files > 2, "{pruning:?}");
    site.upstream.clear_requests();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    assert_eq!(site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count(), 1);
}

#[tokio::test]
async fn what_a_killed_publication_had_brought_outlives_a_run_that_fails() {
    let site = Site::new(&samples::plain(3));
    site.sync().await;
    // As if it had been killed before its journal was written.
    let generation = site.root().join(".mirror/generations/demo/1");
    fs::rename(&generation, generation.with_extension("new")).unwrap();
    site.upstream.fault("repodata/repomd.xml", Fault::Status(404));
    assert_eq!(site.sync_tree().await.outcome, Outcome::Failed);
    let (pruning, _) = prune(&site.root(), &[], HOUR).await;
    assert_eq!((pruning.stages.len(), pruning.blobs.files), (1, 0), "{pruning:?}");
    site.upstream.clear_faults();
    site.upstream.clear_requests();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    let lists = ["repomd.xml", "repomd.xml.asc", "repomd.xml.key"];
    for request in site.upstream.requests() {
        assert!(lists.iter().any(|list| request.path.ends_with(list)), "{}", request.path);
    }
}

#[tokio::test]
async fn a_held_generation_whose_manifest_is_damaged_keeps_all_it_has() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    for number in 0..3 {
        site.sync().await;
        repository.update(samples::plain_package(0, &format!("{}", number + 2)));
        site.write(&repository);
    }
    {
        let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
        let target = mirror_core::Target { name: None, to: Some(1) };
        mirror.rollback(&target, mirror_core::Mode::Apply, &()).await.unwrap();
    }
    let manifest = site.root().join(".mirror/generations/demo/1");
    fs::write(&manifest, "").unwrap();
    let before = (files(&site.tree()), files(&site.root().join(".mirror/blobs")));
    let (pruning, _) = prune(&site.root(), &[], Duration::ZERO).await;
    assert_eq!(pruning.generations, []);
    assert!(manifest.exists());
    assert_eq!((files(&site.tree()), files(&site.root().join(".mirror/blobs"))), before);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Held);
}
