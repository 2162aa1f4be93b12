//! Damage on this side: healed by the next run, which fetches only what is lost.

use std::fs;
use std::os::unix::fs::symlink;

use mirror_core::report::Outcome;
use mirror_fixtures::samples;

use super::support::Site;

#[tokio::test]
async fn heals_what_was_changed_removed_or_replaced() {
    let site = Site::new(&samples::plain(6));
    site.sync().await;
    let path = |number| site.tree().join(&site.written.package(&format!("plain-000{number}")).path);
    let changed = fs::read(path(0)).unwrap();
    fs::write(path(0), changed.iter().rev().copied().collect::<Vec<_>>()).unwrap();
    fs::remove_file(path(1)).unwrap();
    fs::remove_file(path(2)).unwrap();
    symlink("/etc/passwd", path(2)).unwrap();
    fs::remove_file(path(3)).unwrap();
    fs::create_dir_all(path(3).join("deep")).unwrap();
    fs::write(path(4), "shorter").unwrap();
    fs::remove_file(site.tree().join("repodata/repomd.xml")).unwrap();
    site.upstream.clear_requests();
    let report = site.sync_tree().await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(report.generation, Some(1), "what is mended is no new generation");
    site.assert_equal_to_upstream();
    // Of those that lost their blob as well: a published file is the blob's own inode.
    let fetched: Vec<_> =
        site.upstream.requests().into_iter().filter(|r| r.path.ends_with(".rpm")).collect();
    assert_eq!(fetched.len(), 2, "{fetched:#?}");
    site.upstream.clear_requests();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
    assert_eq!(site.upstream.requests().len(), 1);
}

#[tokio::test]
async fn heals_a_mode_that_keeps_a_web_server_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new(&samples::plain(2));
    site.sync().await;
    let path = site.tree().join(&site.written.package("plain-0001").path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    site.sync().await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
}

#[tokio::test]
async fn a_lost_state_costs_reading_and_no_transfer() {
    let site = Site::new(&samples::plain(4));
    site.sync().await;
    fs::remove_file(site.root().join(".mirror/state")).unwrap();
    site.upstream.clear_requests();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
    assert_eq!(site.upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_tree_that_another_tool_filled_is_taken_over() {
    let site = Site::new(&samples::plain(4));
    for file in site.written.packages() {
        let to = site.tree().join(&file.path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(site.written.dir.join(&file.path), to).unwrap();
    }
    let damaged = site.tree().join(&site.written.package("plain-0002").path);
    fs::write(&damaged, "half").unwrap();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
    let fetched = site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count();
    assert_eq!(fetched, 1);
    // Its files are blobs now: losing one from the tree costs no transfer.
    fs::remove_file(site.tree().join(&site.written.package("plain-0001").path)).unwrap();
    site.upstream.clear_requests();
    site.sync().await;
    site.assert_equal_to_upstream();
    assert!(!site.upstream.requests().iter().any(|r| r.path.ends_with(".rpm")));
}

/// Copies all of upstream but what `skip` names, as another tool would have.
fn fill(site: &Site, skip: &str) {
    for file in &site.written.files {
        if !file.path.starts_with(skip) {
            let to = site.tree().join(&file.path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(site.written.dir.join(&file.path), to).unwrap();
        }
    }
}

#[tokio::test]
async fn whatever_the_digests_what_is_there_is_not_fetched() {
    use mirror_fixtures::Checksum;
    for checksum in [Checksum::Sha256, Checksum::Sha, Checksum::Sha512] {
        // With its metadata and without.
        for (skip, fetched) in [("none", 0), ("repodata/", 3)] {
            let site = Site::new(&samples::plain(4).checksum(checksum));
            fill(&site, skip);
            let report = site.sync_tree().await;
            assert_eq!(report.outcome, Outcome::Published);
            site.assert_equal_to_upstream();
            let entry_point = |path: &str| path.contains("repodata/repomd.xml");
            let requests = site.upstream.requests();
            let requests = requests.iter().filter(|request| !entry_point(&request.path));
            assert_eq!(requests.count(), fetched, "{checksum:?} {skip}");
            assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
        }
    }
}

#[tokio::test]
async fn links_within_a_tree_that_another_tool_made_are_replaced_by_what_they_lead_to() {
    for checksum in [mirror_fixtures::Checksum::Sha256, mirror_fixtures::Checksum::Sha] {
        let site = Site::new(&samples::plain(4).checksum(checksum));
        fill(&site, "none");
        let path = |n: u32| site.tree().join(&site.written.package(&format!("plain-000{n}")).path);
        let pool = site.tree().join("pool");
        fs::create_dir(&pool).unwrap();
        fs::rename(path(0), pool.join("zero")).unwrap();
        symlink("../../pool/zero", path(0)).unwrap();
        // Out of the tree: not followed, whatever is there.
        let outside = site.root().join("outside");
        fs::rename(path(1), &outside).unwrap();
        symlink(&outside, path(1)).unwrap();
        fs::hard_link(path(2), pool.join("two")).unwrap();
        fs::rename(site.tree().join("repodata"), pool.join("repodata")).unwrap();
        symlink("pool/repodata", site.tree().join("repodata")).unwrap();
        assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
        site.assert_equal_to_upstream();
        for path in [path(0), path(1), site.tree().join("repodata")] {
            assert!(!fs::symlink_metadata(path).unwrap().is_symlink());
        }
        let requests = site.upstream.requests();
        let fetched: Vec<_> = requests.iter().filter(|r| !r.path.contains("repomd.xml")).collect();
        assert_eq!(fetched.len(), 1, "{fetched:#?}");
        assert!(fetched[0].path.ends_with("plain-0001-1.0-1.noarch.rpm"));
    }
}
