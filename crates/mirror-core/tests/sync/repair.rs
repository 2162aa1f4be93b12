//! Repair: nothing is given up before what replaces it is there, and it can be interrupted.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror_core::report::{Event, Outcome, Reporter};
use mirror_core::store::{Check, Repaired};
use mirror_core::{CancellationToken, Error, Mirror};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Fault;

use super::support::{Site, job, patient, sync};
use super::verify::{repair, verify};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn blob(site: &Site, hex: &str) -> PathBuf {
    site.root().join(".mirror/blobs/sha256").join(&hex[..2]).join(hex)
}

/// `TREE WORD PATH` of each finding; a blob's is `WORD` alone.
fn found(check: &Check) -> Vec<String> {
    let trees = check.trees.iter().flat_map(|tree| {
        let line = |f: &mirror_core::store::Finding| {
            format!("{} {} {}", tree.tree, f.problem.word(), f.path)
        };
        tree.findings.iter().map(line).collect::<Vec<_>>()
    });
    trees.chain(check.state.iter().map(|f| f.problem.word().to_owned())).collect()
}

/// A site with two generations, of which only the first has a package; returns its path and digest.
async fn site_with_a_past() -> (Site, String, String) {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    site.sync().await;
    let first = site.written.package("plain-0000").clone();
    repository.update(samples::plain_package(0, "2"));
    site.write(&repository);
    site.sync().await;
    (site, first.path, first.sha256)
}

#[tokio::test]
async fn what_is_damaged_stays_until_what_replaces_it_is_there() {
    let (site, past, sha256) = site_with_a_past().await;
    let lost = fs::read(site.tree().join(&past)).unwrap();
    // No tree has it any more, so the blob is all that there is of it.
    fs::remove_file(site.tree().join(&past)).unwrap();
    let (blob, package) = (blob(&site, &sha256), site.written.package("plain-0001").clone());
    let file = site.tree().join(&package.path);
    for path in [&blob, &file] {
        fs::write(path, "damaged").unwrap();
    }
    for path in [&past, &package.path] {
        site.upstream.fault(path, Fault::Status(503));
    }
    let before = [&blob, &file].map(|path| fs::metadata(path).unwrap().ino());
    let check = repair(&site.root()).await;
    assert_eq!(check.findings().count(), 2);
    for finding in check.findings() {
        assert!(matches!(finding.repaired, Some(Repaired::Not(_))), "{finding:?}");
    }
    for (path, inode) in [&blob, &file].into_iter().zip(before) {
        assert_eq!(fs::read(path).unwrap(), b"damaged");
        assert_eq!(fs::metadata(path).unwrap().ino(), inode);
    }
    // What the store was thought to hold is known to be damaged: no sync takes it for whole.
    assert_eq!(found(&verify(&site.root()).await), found(&check));

    site.upstream.clear_faults();
    fs::write(site.written.dir.join(&past), lost).unwrap();
    let check = repair(&site.root()).await;
    assert!(check.is_clean(), "{check:#?}");
    assert!(verify(&site.root()).await.is_clean());
}

#[tokio::test]
async fn blobs_that_lie_in_one_anothers_places_are_both_kept() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    site.sync().await;
    let [a, b] = ["plain-0000", "plain-0001"].map(|name| site.written.package(name).clone());
    for number in [0, 1] {
        repository.update(samples::plain_package(number, "2"));
    }
    site.write(&repository);
    site.sync().await;
    for path in [&a.path, &b.path] {
        fs::remove_file(site.tree().join(path)).unwrap();
    }
    let aside = site.root().join(".mirror/aside");
    let (a, b) = (blob(&site, &a.sha256), blob(&site, &b.sha256));
    fs::rename(&a, &aside).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(&aside, &b).unwrap();
    site.upstream.clear_requests();
    let check = repair(&site.root()).await;
    assert_eq!((found(&check), check.is_clean()), (vec!["changed".to_owned(); 2], true));
    assert!(verify(&site.root()).await.is_clean());
    assert_eq!(site.upstream.requests().len(), 0, "neither was lost");
}

#[tokio::test]
async fn folders_above_a_tree_are_opened_and_the_root_is_left_as_it_is() {
    let site = Site::new(&samples::plain(2));
    let url = site.upstream.url();
    sync(&site.root(), &[job(&url, "deep/er/a"), job(&url, "deep/b")]).await.unwrap();
    let [deep, deeper] = ["deep", "deep/er"].map(|path| site.root().join(path));
    for path in [&deep, &deeper, &site.root()] {
        set_mode(path, 0o700);
    }
    let expected = ["deep/b mode deep", "deep/er/a mode deep/er"];
    let check = verify(&site.root()).await;
    assert_eq!(found(&check), expected, "each once");
    assert_eq!(mode(&deep), 0o700, "verify changes nothing");
    assert_eq!((found(&check), repair(&site.root()).await.is_clean()), (found(&check), true));
    assert_eq!([&deep, &deeper, &site.root()].map(|path| mode(path)), [0o755, 0o755, 0o700]);
    assert!(verify(&site.root()).await.is_clean());
}

#[tokio::test]
async fn what_is_still_served_of_the_past_is_mended_too() {
    let (site, past, sha256) = site_with_a_past().await;
    let path = site.tree().join(&past);
    fs::remove_file(&path).unwrap();
    symlink("/etc/passwd", &path).unwrap();
    set_mode(&blob(&site, &sha256), 0o600);
    site.upstream.clear_requests();
    let check = repair(&site.root()).await;
    assert_eq!(found(&check), [format!("demo link {past}"), "mode".to_owned()]);
    assert!(check.is_clean() && verify(&site.root()).await.is_clean());
    assert_eq!(site.sha256(&past), Some(sha256));
    assert_eq!(site.upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_journal_that_cannot_be_finished_is_damaged() {
    let site = Site::new(&samples::plain(1));
    site.sync().await;
    let journal = site.root().join(".mirror/journal");
    for (text, word) in [("mirror-journal 1\nend\n", "unfinished"), ("garbage", "damaged")] {
        fs::write(&journal, text).unwrap();
        let check = verify(&site.root()).await;
        assert_eq!((found(&check), check.is_clean()), (vec![word.to_owned()], false));
        assert_eq!(check.state[0].path, ".mirror/journal");
    }
}

/// Cancels at the first finding.
struct Impatient(CancellationToken);

impl Reporter for Impatient {
    fn on_event(&self, event: &Event<'_>) {
        if matches!(event, Event::Found { .. }) {
            self.0.cancel();
        }
    }
}

#[tokio::test]
async fn a_repair_that_is_interrupted_does_not_go_on_and_the_next_one_ends_it() {
    let site = Site::new(&samples::plain(4));
    site.sync().await;
    let path = site.tree().join(&site.written.package("plain-0000").path);
    fs::remove_file(&path).unwrap();
    let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
    let cancel = CancellationToken::new();
    let ended = mirror.repair(&[], Arc::new(Impatient(cancel.clone())), &cancel).await;
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    drop(mirror);
    assert!(!path.exists());
    assert!(repair(&site.root()).await.is_clean());
    assert!(path.exists());
}

#[tokio::test]
async fn foreign_files_may_be_allowed() {
    let site = Site::new(&samples::plain(2));
    site.sync().await;
    fs::write(site.tree().join("notes"), "mine").unwrap();
    let mut check = verify(&site.root()).await;
    assert!(!check.is_clean());
    check.allow_foreign();
    assert_eq!((found(&check), check.is_clean()), (vec!["demo foreign notes".to_owned()], true));
    // Within the root and to nothing, and out of the root: a web server may follow that one.
    symlink("notes", site.tree().join("inward")).unwrap();
    symlink("nowhere", site.tree().join("dangling")).unwrap();
    symlink("circle", site.tree().join("circle")).unwrap();
    symlink("/etc/passwd", site.tree().join("outward")).unwrap();
    let mut check = verify(&site.root()).await;
    check.allow_foreign();
    let open: Vec<_> = check.findings().filter(|finding| finding.is_open()).collect();
    assert_eq!((open.len(), open[0].problem.word(), check.findings().count()), (1, "outward", 5));
    fs::remove_file(site.tree().join("outward")).unwrap();
    fs::remove_file(site.tree().join("repodata/repomd.xml")).unwrap();
    let mut check = verify(&site.root()).await;
    check.allow_foreign();
    assert!(!check.is_clean(), "nothing else is");
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
}
