//! Trees below a root: apart from each other, one for each upstream, one writer at a time.

use mirror_core::path::TreePath;
use mirror_core::report::Outcome;
use mirror_core::{Error, Mirror};
use mirror_fixtures::samples;

use super::support::{Site, job, options, sync};

#[tokio::test]
async fn trees_never_contain_one_another() {
    let site = Site::new(&samples::plain(1));
    let url = site.upstream.url();
    let error = sync(&site.root(), &[job(&url, "a/b"), job(&url, "a")]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "tree a/b lies within tree a, expected trees apart from each other"
    );
    sync(&site.root(), &[job(&url, "a/b")]).await.unwrap();
    let other = Site::new(&samples::plain(1));
    let error = sync(&site.root(), &[job(&other.upstream.url(), "a/b/c")]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "tree a/b/c lies within tree a/b, expected trees apart from each other"
    );
}

#[tokio::test]
async fn the_root_itself_can_be_the_tree() {
    let site = Site::new(&samples::plain(2));
    let report = sync(&site.root(), &[job(&site.upstream.url(), ".")]).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Published);
    assert!(site.root().join("repodata/repomd.xml").exists());
    let report = sync(&site.root(), &[job(&site.upstream.url(), ".")]).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn an_upstream_moves_only_when_told() {
    let site = Site::new(&samples::plain(2));
    site.sync().await;
    let moved = job(&site.upstream.url(), "new/place");
    let error = sync(&site.root(), std::slice::from_ref(&moved)).await.unwrap_err();
    let url = site.upstream.url();
    let shown = format!("rpm {} is published at demo, not at new/place", url.trim_end_matches('/'));
    assert_eq!(error.to_string(), shown);
    {
        let mirror = Mirror::open(&site.root(), options()).await.unwrap();
        let to = TreePath::new("new/place").unwrap();
        assert!(mirror.move_tree(&moved.source.identity(), &to).unwrap());
    }
    site.upstream.clear_requests();
    let report = sync(&site.root(), &[moved]).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Unchanged);
    assert_eq!(site.upstream.requests().len(), 1);
    assert!(!site.tree().exists());
    let status = mirror_core::store::View::glance(&site.root()).status().unwrap();
    let trees: Vec<_> = status.trees.iter().map(|tree| tree.tree.as_str()).collect();
    assert_eq!(trees, ["new/place"], "the old place is forgotten");
}

#[tokio::test]
async fn one_process_at_a_time_and_the_other_says_who() {
    let site = Site::new(&samples::plain(1));
    let held = Mirror::open(&site.root(), options()).await.unwrap();
    let error = Mirror::open(&site.root(), options()).await.unwrap_err();
    let Error::Locked { pid, since, .. } = &error else { panic!("{error}") };
    assert_eq!(*pid, std::process::id().to_string());
    assert!(since.starts_with("20") && since.ends_with('Z'), "{since}");
    let mut patient = options();
    patient.lock = mirror_core::store::LockWait::AtMost(std::time::Duration::from_secs(5));
    let root = site.root();
    let waiting = Mirror::open(&root, patient);
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        drop(held);
    };
    let (opened, ()) = tokio::join!(waiting, release);
    opened.unwrap();
}
