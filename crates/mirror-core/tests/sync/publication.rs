//! What is published, what it costs, and what the past leaves.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use mirror_core::path::TreePath;
use mirror_core::plan::Changes;
use mirror_core::report::Outcome;
use mirror_core::store::Retention;
use mirror_core::{Mirror, Mode};
use mirror_fixtures::{WrittenKind, samples};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::support::{Recorder, Site, listing, options};

#[tokio::test]
async fn mirrors_every_kind_of_metadata_byte_for_byte() {
    let site = Site::new(&samples::every_kind().signed("signature", "key"));
    let report = site.sync_tree().await;
    assert_eq!(report.outcome, Outcome::Published, "{report:?}");
    assert_eq!(report.generation, Some(1));
    site.assert_equal_to_upstream();
    for file in site.written.files.iter().filter(|file| file.kind != WrittenKind::Other) {
        let found = fs::metadata(site.tree().join(&file.path)).unwrap();
        assert_eq!(found.permissions().mode() & 0o7777, 0o644, "{}", file.path);
        let folder = fs::metadata(site.tree().join(&file.path).parent().unwrap()).unwrap();
        assert_eq!(folder.permissions().mode() & 0o7777, 0o755, "{}", file.path);
        let theirs = fs::metadata(site.written.dir.join(&file.path)).unwrap();
        assert_eq!(found.mtime(), theirs.mtime(), "{}: upstream's time", file.path);
    }
    let state = fs::metadata(site.root().join(".mirror")).unwrap();
    assert_eq!(state.permissions().mode() & 0o7777, 0o700);
    assert!(!site.tree().join(".mirror-stage").exists());
}

#[tokio::test]
async fn mirrors_odd_names_and_old_checksums() {
    let site = Site::new(&samples::odd_names());
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
    for checksum in [mirror_fixtures::Checksum::Sha, mirror_fixtures::Checksum::Sha512] {
        let site = Site::new(&samples::plain(3).checksum(checksum));
        let report = site.sync_tree().await;
        assert_eq!(report.outcome, Outcome::Published);
        // All but repomd.xml, which nothing vouches for.
        let weak = if checksum == mirror_fixtures::Checksum::Sha { 6 } else { 0 };
        assert_eq!(report.weakly_verified, weak);
        site.assert_equal_to_upstream();
        site.upstream.clear_requests();
        assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
        assert_eq!(site.upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_unchanged_upstream_costs_one_request_and_a_note() {
    let site = Site::new(&samples::plain(20));
    site.sync().await;
    let before = listing(&site.root());
    site.upstream.clear_requests();
    let report = site.sync().await;
    assert_eq!(report.trees[0].outcome, Outcome::Unchanged);
    assert_eq!(report.trees[0].generation, Some(1));
    assert_eq!((report.requests, site.upstream.requests().len()), (1, 1));
    // The lock says who held it, the body passed through a part, and the run is noted.
    let written: Vec<_> = listing(&site.root())
        .into_iter()
        .filter(|(path, seen)| before.get(path) != Some(seen))
        .map(|(path, _)| path.strip_prefix(site.root()).unwrap().to_owned())
        .collect();
    let expected =
        [".mirror", ".mirror/lock", ".mirror/parts", ".mirror/runs"].map(std::path::PathBuf::from);
    assert_eq!(written, expected);
}

#[tokio::test]
async fn fetches_only_what_changed() {
    let mut repository = samples::plain(20);
    let mut site = Site::new(&repository);
    site.sync().await;
    repository.update(samples::plain_package(3, "2"));
    repository.add(samples::plain_package(20, "1"));
    repository.remove("plain-0007");
    site.write(&repository);
    site.upstream.clear_requests();
    let report = site.sync_tree().await;
    assert_eq!(report.outcome, Outcome::Published);
    assert_eq!(report.changes, Changes { new: 1, updated: 1, gone: 1, dropped: 0 });
    assert_eq!(report.generation, Some(2));
    site.assert_equal_to_upstream();
    let packages = site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count();
    assert_eq!(packages, 2, "{:#?}", site.upstream.requests());
}

#[tokio::test]
async fn content_of_two_repositories_is_fetched_once_and_linked() {
    let site = Site::new(&samples::plain(5));
    let other = Site::new(&samples::plain(8));
    let jobs = [
        super::support::job(&site.upstream.url(), "a"),
        super::support::job(&other.upstream.url(), "b"),
    ];
    let report = super::support::sync(&site.root(), &jobs).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    let packages =
        |site: &Site| site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count();
    assert_eq!(packages(&site) + packages(&other), 8);
    let path = &site.written.package("plain-0002").path;
    let inode = |tree: &str| fs::metadata(site.root().join(tree).join(path)).unwrap().ino();
    assert_eq!(inode("a"), inode("b"));
}

#[tokio::test]
async fn what_left_upstream_stays_for_a_generation_of_grace() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    let gone = site.written.package("plain-0000").path.clone();
    let old_primary = site.written.metadata("primary").path.clone();
    let retention = Retention { grace: Duration::ZERO, ..Retention::default() };
    let mut options = options();
    options.retention = retention;
    let sync = async |site: &Site| {
        let mirror = Mirror::open(&site.root(), options.clone()).await.unwrap();
        let cancel = CancellationToken::new();
        mirror.sync(&[site.job()], Mode::Apply, Arc::new(()), &cancel).await.unwrap()
    };
    sync(&site).await;
    repository.remove("plain-0000");
    site.write(&repository);
    sync(&site).await;
    assert!(site.tree().join(&gone).exists(), "a client may still read the old metadata");
    assert!(site.tree().join(&old_primary).exists());
    repository.touch();
    repository.add(samples::plain_package(9, "1"));
    site.write(&repository);
    sync(&site).await;
    assert!(!site.tree().join(&gone).exists());
    assert!(!site.tree().join(&old_primary).exists());
    site.assert_equal_to_upstream();
    // Its content is kept with its manifest, for a rollback, until that goes too.
    let blobs = |site: &Site| {
        let blobs = listing(&site.root().join(".mirror/blobs"));
        blobs.keys().filter(|path| path.is_file()).count()
    };
    let before = blobs(&site);
    repository.add(samples::plain_package(10, "1"));
    site.write(&repository);
    sync(&site).await;
    // One package, three metadata files and repomd.xml came. The first generation went, and with it
    // what only it named: one package, three metadata files and repomd.xml.
    assert_eq!(blobs(&site), before);
    let mirror = Mirror::open(&site.root(), options.clone()).await.unwrap();
    let tree = TreePath::new("demo").unwrap();
    assert_eq!(mirror.store().generations(&tree).unwrap(), [2, 3, 4]);
}

#[tokio::test]
async fn grace_lasts_a_day_whatever_the_number_of_runs() {
    let mut repository = samples::plain(2);
    let mut site = Site::new(&repository);
    let first = site.written.metadata("primary").path.clone();
    for _ in 0..5 {
        site.sync().await;
        repository.touch();
        repository.update(samples::plain_package(0, &repository.len().to_string()));
        site.write(&repository);
    }
    site.sync().await;
    assert!(site.tree().join(first).exists());
}

#[tokio::test]
async fn a_dry_run_publishes_nothing_and_its_metadata_is_not_fetched_again() {
    let site = Site::new(&samples::plain(4));
    let mirror = Mirror::open(&site.root(), options()).await.unwrap();
    let cancel = CancellationToken::new();
    let jobs = [site.job()];
    let report = mirror.sync(&jobs, Mode::DryRun, Arc::new(()), &cancel).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Planned);
    assert_eq!(report.trees[0].changes, Changes { new: 4, ..Changes::default() });
    assert!(report.trees[0].fetch_bytes > 0);
    assert!(!site.tree().exists());
    site.upstream.clear_requests();
    let recorder = Arc::new(Recorder::default());
    mirror.sync(&jobs, Mode::Apply, recorder.clone(), &cancel).await.unwrap();
    assert_eq!(site.upstream.count(&site.written.metadata("primary").path), 0);
    site.assert_equal_to_upstream();
    let published: Vec<_> =
        recorder.lines().into_iter().filter(|line| line.contains("publish")).collect();
    assert_eq!(
        published,
        [
            r#"{"event":"publishing","group":"demo"}"#,
            r#"{"event":"published","tree":"demo","generation":1}"#
        ]
    );
}
