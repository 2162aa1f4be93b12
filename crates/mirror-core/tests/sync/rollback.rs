//! Rollback: an earlier generation is published again and held, for a whole group or not at all.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mirror_core::report::Outcome;
use mirror_core::store::{Current, Retention, View};
use mirror_core::{CancellationToken, Error, Mirror, Mode, Result, Rollback, Target};
use mirror_fixtures::{Written, WrittenKind, samples};

use super::support::{PATIENCE, Site, job, listing, patient, sync};

async fn rollback(root: &Path, name: &str, to: Option<u64>) -> Result<Rollback> {
    let mirror = Mirror::open(root, patient()).await.unwrap();
    let target = Target { name: Some(name.to_owned()), to };
    mirror.rollback(&target, Mode::Apply, &()).await
}

async fn release(root: &Path) -> usize {
    Mirror::open(root, patient()).await.unwrap().release(None).unwrap().len()
}

fn current(root: &Path, tree: &str) -> Current {
    View::glance(root).current(&tree.parse().unwrap()).unwrap().unwrap()
}

async fn is_clean(root: &Path) -> bool {
    let cancel = CancellationToken::new();
    let check = mirror_core::verify(root, &[], PATIENCE, Arc::new(()), &cancel).await.unwrap();
    assert!(check.is_clean(), "{check:#?}");
    true
}

/// A site with three generations and what upstream was at each.
async fn three() -> (Site, Vec<Vec<(String, Vec<u8>)>>) {
    let mut repository = samples::every_kind();
    let mut site = Site::new(&repository);
    let mut states = Vec::new();
    for number in 1..=3 {
        assert_eq!(site.sync_tree().await.generation, Some(number));
        states.push(content(&site.written));
        repository.add(samples::plain_package(u32::try_from(number).unwrap() as usize, "9"));
        site.write(&repository);
    }
    (site, states)
}

fn content(written: &Written) -> Vec<(String, Vec<u8>)> {
    let files = written.files.iter().filter(|file| file.kind != WrittenKind::Other);
    files.map(|f| (f.path.clone(), fs::read(written.dir.join(&f.path)).unwrap())).collect()
}

fn assert_holds(tree: &Path, state: &[(String, Vec<u8>)]) {
    for (path, content) in state {
        assert!(fs::read(tree.join(path)).unwrap() == *content, "{path}");
    }
}

#[tokio::test]
async fn goes_back_holds_and_goes_forward_again() {
    let (site, states) = three().await;
    let back = rollback(&site.root(), "demo", None).await.unwrap();
    assert!(back.done);
    assert_eq!((back.trees[0].from, back.trees[0].to), (3, 2));
    assert_holds(&site.tree(), &states[1]);
    assert!(is_clean(&site.root()).await);

    // Upstream moved on, and nothing changes.
    site.upstream.clear_requests();
    let before = listing(&site.tree());
    let report = site.sync_tree().await;
    assert_eq!((report.outcome, report.generation), (Outcome::Held, Some(2)));
    assert_eq!(site.upstream.requests().len(), 0);
    assert_eq!(listing(&site.tree()), before);

    // Further back, and to where it came from.
    assert_eq!(rollback(&site.root(), "demo", None).await.unwrap().trees[0].to, 1);
    assert_holds(&site.tree(), &states[0]);
    assert!(rollback(&site.root(), "demo", Some(3)).await.unwrap().done);
    assert_holds(&site.tree(), &states[2]);
    rollback(&site.root(), "demo", Some(1)).await.unwrap();
    let error = rollback(&site.root(), "demo", None).await.unwrap_err();
    assert_eq!(error.to_string(), "demo: no generation before 1 is kept");
    assert!(is_clean(&site.root()).await);

    assert_eq!((release(&site.root()).await, release(&site.root()).await), (1, 0));
    let now = current(&site.root(), "demo");
    assert_eq!((now.id, now.held), (1, false), "it stays until something newer is published");
    let report = site.sync_tree().await;
    assert_eq!((report.outcome, report.generation), (Outcome::Published, Some(4)));
    site.assert_equal_to_upstream();
    assert_eq!(current(&site.root(), "demo"), Current { id: 4, since: None, held: false });
    assert!(is_clean(&site.root()).await);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn a_published_generation_can_be_held_as_it_is() {
    let (site, states) = three().await;
    assert!(rollback(&site.root(), "demo", Some(3)).await.unwrap().done);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Held);
    assert_holds(&site.tree(), &states[2]);
    release(&site.root()).await;
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
}

#[tokio::test]
async fn what_is_published_is_kept_whatever_its_age() {
    let (mut site, states) = three().await;
    rollback(&site.root(), "demo", Some(1)).await.unwrap();
    release(&site.root()).await;
    let retention = Retention { generations: 1, grace: Duration::ZERO, prune: true };
    let run = async |site: &Site| {
        let allow = mirror_core::Allow { older: true, shrink: true };
        let options = mirror_core::Options { retention, allow, ..patient() };
        let mirror = Mirror::open(&site.root(), options).await.unwrap();
        let (jobs, cancel) = ([site.job()], CancellationToken::new());
        mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap()
    };
    // What it was released from is the one in grace now.
    run(&site).await;
    let kept = View::glance(&site.root()).generations(&"demo".parse().unwrap()).unwrap();
    assert!(kept.contains(&4) && kept.contains(&1), "{kept:?}");
    for (path, content) in &states[0] {
        if !path.ends_with("repomd.xml") && path.starts_with("repodata/") {
            assert!(fs::read(site.tree().join(path)).unwrap() == *content, "{path}");
        }
    }
    site.write(&samples::plain(2));
    run(&site).await;
    let kept = View::glance(&site.root()).generations(&"demo".parse().unwrap()).unwrap();
    assert_eq!(kept, [4, 5]);
    assert!(is_clean(&site.root()).await);
}

#[tokio::test]
async fn all_trees_of_a_group_go_back_together() {
    let mut first = samples::plain(3);
    let mut a = Site::new(&first);
    let b = Site::new(&samples::odd_names());
    let jobs = |a: &Site| {
        let of = |url: &str, tree| job(url, tree).in_group("g");
        [of(&a.upstream.url(), "g/a"), of(&b.upstream.url(), "g/b"), job(&b.upstream.url(), "c")]
    };
    sync(&a.root(), &jobs(&a)).await.unwrap();
    first.update(samples::plain_package(0, "2"));
    a.write(&first);
    sync(&a.root(), &jobs(&a)).await.unwrap();

    // As a shell completes it.
    let back = rollback(&a.root(), "g/", None).await.unwrap();
    let steps: Vec<_> = back.trees.iter().map(|tree| (tree.from, tree.to)).collect();
    assert_eq!(steps, [(2, 1), (1, 1)]);
    let report = sync(&a.root(), &jobs(&a)).await.unwrap();
    let outcomes: Vec<_> = report.trees.iter().map(|tree| tree.outcome).collect();
    assert_eq!(outcomes, [Outcome::Held, Outcome::Held, Outcome::Unchanged]);
    assert!(report.is_complete());
    let error = rollback(&a.root(), "g", Some(1)).await.unwrap_err();
    assert!(matches!(error, Error::AmbiguousGeneration { .. }), "{error}");
    let error = rollback(&a.root(), "h", None).await.unwrap_err();
    let Error::NoSuchGroup { known, .. } = &error else { panic!("{error}") };
    assert_eq!(*known, ["c", "g", "g/a", "g/b"]);
    assert_eq!(release(&a.root()).await, 2);
}

#[tokio::test]
async fn without_all_its_content_nothing_changes() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    site.sync().await;
    let gone = site.written.package("plain-0001").clone();
    repository.remove("plain-0001");
    site.write(&repository);
    site.sync().await;
    let blob = site.root().join(".mirror/blobs/sha256").join(&gone.sha256[..2]).join(&gone.sha256);
    fs::remove_file(blob).unwrap();
    fs::remove_file(site.tree().join(&gone.path)).unwrap();
    let before = listing(&site.tree());
    let back = rollback(&site.root(), "demo", None).await.unwrap();
    assert!(!back.done && !back.is_possible());
    assert_eq!(back.trees[0].missing[0].as_str(), gone.path);
    assert_eq!(listing(&site.tree()), before);
    assert!(!current(&site.root(), "demo").held);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let (site, _) = three().await;
    let before = listing(&site.root());
    let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
    let target = Target::default();
    let back = mirror.rollback(&target, Mode::DryRun, &()).await.unwrap();
    assert!(!back.done && back.is_possible());
    let mut after = listing(&site.root());
    after.extend(before.clone().into_iter().filter(|(path, _)| path.ends_with("lock")));
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_generation_is_a_file_under_its_number() {
    let (site, _) = three().await;
    let folder = site.root().join(".mirror/generations/demo");
    for name in ["007", "+8", "18446744073709551615"] {
        fs::write(folder.join(name), "").unwrap();
    }
    fs::create_dir(folder.join("9")).unwrap();
    assert_eq!(
        View::glance(&site.root()).generations(&"demo".parse().unwrap()).unwrap(),
        [1, 2, 3]
    );
    assert_eq!(site.sync_tree().await.generation, Some(4));
}

#[tokio::test]
async fn where_it_is_not_known_whether_a_tree_is_held_nothing_of_it_changes() {
    let (site, states) = three().await;
    let other = Site::new(&samples::odd_names());
    let jobs = [site.job(), job(&other.upstream.url(), "other")];
    sync(&site.root(), &jobs[1..]).await.unwrap();
    rollback(&site.root(), "demo", Some(1)).await.unwrap();
    let pointer = site.root().join(".mirror/generations/demo/current");
    fs::write(&pointer, "garbage").unwrap();
    let report = sync(&site.root(), &jobs).await.unwrap();
    let outcomes: Vec<_> = report.trees.iter().map(|tree| tree.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Unchanged]);
    assert!(report.trees[0].failures[0].reason.contains("demo/current: damaged"));
    assert_holds(&site.tree(), &states[0]);
    let shown = View::glance(&site.root()).status().unwrap();
    assert!(shown.trees[0].damaged.as_ref().unwrap().contains("current"));
    let cancel = CancellationToken::new();
    let check = mirror_core::verify(&site.root(), &[], PATIENCE, Arc::new(()), &cancel).await;
    let found: Vec<_> = check.unwrap().findings().map(|found| found.path.clone()).collect();
    assert_eq!(found, [".mirror/generations/demo/current"]);
    // What the hint says.
    fs::remove_file(&pointer).unwrap();
    assert!(rollback(&site.root(), "demo", Some(1)).await.unwrap().done);
    assert!(is_clean(&site.root()).await && current(&site.root(), "demo").held);
}
