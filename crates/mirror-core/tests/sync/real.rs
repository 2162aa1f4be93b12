//! Repositories that nobody on this project made, where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};

use mirror_core::Job;
use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, TreeReport};
use mirror_core::signature::{Keys, Verdict};
use mirror_core::source::rpm::{Check, KeyFile, Trust};
use mirror_fixtures::upstream::Upstream;

use super::support::{job, source, sync};

/// The folder of real repositories, beside the workspace or where `MIRROR_REAL_DATA` says.
#[allow(clippy::print_stderr)]
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MIRROR_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real"),
        PathBuf::from,
    );
    let found = folder.join("rpm").join(name);
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("skipped: no real data at {}", found.display());
    None
}

/// The repositories below a folder: what holds a `repodata/repomd.xml`.
fn repositories(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("repodata/repomd.xml").exists() {
        found.push(folder.to_owned());
    }
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            repositories(&entry.path(), found);
        }
    }
}

async fn mirror(repository: &Path, root: &Path) -> TreeReport {
    let upstream = Upstream::serve(repository);
    sync(root, &[job(&upstream.url(), "tree")]).await.unwrap().trees.remove(0)
}

#[tokio::test]
async fn names_what_azurelinux_lists_and_does_not_have() {
    let Some(folder) = real("azurelinux") else { return };
    let mut found = Vec::new();
    repositories(&folder, &mut found);
    let root = tempfile::tempdir().unwrap();
    let report = mirror(&found[0], root.path()).await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert_eq!(report.failures.len(), 8, "{:#?}", report.failures);
    assert!(report.failures.iter().all(|failure| failure.reason.contains("404 Not Found")));
    assert!(!root.path().join("tree").exists());
}

#[tokio::test]
async fn mirrors_the_zoo_whole() {
    let Some(folder) = real("zoo-katello") else { return };
    let mut found = Vec::new();
    repositories(&folder, &mut found);
    assert!(found.len() >= 4, "{found:?}");
    for repository in found {
        let root = tempfile::tempdir().unwrap();
        let report = mirror(&repository, root.path()).await;
        assert_eq!(report.outcome, Outcome::Published, "{}: {report:#?}", repository.display());
        for entry in fs::read_dir(root.path().join("tree/repodata")).unwrap().flatten() {
            let theirs = fs::read(repository.join("repodata").join(entry.file_name())).unwrap();
            assert_eq!(fs::read(entry.path()).unwrap(), theirs, "{}", entry.path().display());
        }
    }
}

#[tokio::test]
async fn reads_repositories_of_which_only_the_metadata_is_there() {
    for (name, weak) in [("suse-md", true), ("centos9-baseos-md", false)] {
        let Some(folder) = real(name) else { return };
        let mut found = Vec::new();
        repositories(&folder, &mut found);
        for repository in found {
            let root = tempfile::tempdir().unwrap();
            let report = mirror(&repository, root.path()).await;
            assert_eq!(report.outcome, Outcome::Incomplete, "{}", repository.display());
            assert!(report.files > 20, "{report:#?}");
            // Whatever is listed and missing is named, each file once, in order.
            assert!(report.failures.iter().all(|failure| failure.path.is_some()));
            assert!(report.failures.is_sorted_by(|a, b| a.path < b.path));
            assert_eq!(weak, report.weakly_verified > 0, "{}", repository.display());
        }
    }
}

fn trust(key: &Path, check: Check) -> Trust {
    let content = fs::read(key).unwrap();
    let keys = Keys::read(&content).unwrap();
    let pinned = keys.fingerprints().copied().collect();
    let keys = vec![KeyFile { name: "key".into(), content: content.into() }];
    Trust { check, pinned, keys, ..Trust::default() }
}

async fn judged(repository: &Path, trust: Trust) -> TreeReport {
    let upstream = Upstream::serve(repository);
    let root = tempfile::tempdir().unwrap();
    let source = source(&upstream.url()).trust(trust);
    let job = Job::new(source, TreePath::new("tree").unwrap());
    sync(root.path(), &[job]).await.unwrap().trees.remove(0)
}

#[tokio::test]
async fn takes_the_signature_of_a_repository_with_a_signing_key() {
    let Some(folder) = real("librepo-testdata") else { return };
    let repository = folder.join("test_data/repo_yum_01");
    let key = repository.join("repodata/repomd.xml.key");
    let report = judged(&repository, trust(&key, Check::Require)).await;
    let verdict = report.signature.unwrap().to_string();
    assert!(verdict.starts_with("good, by repository signing key"), "{verdict}");
    // Another repository's key.
    let other = repository.join("repodata/repomd.xml_bad.key.asc");
    let report = judged(&repository, trust(&other, Check::IfPresent)).await;
    assert!(report.failures[0].reason.contains("signed by "), "{report:#?}");
}

#[tokio::test]
async fn says_why_signatures_of_2008_do_not_count() {
    let Some(folder) = real("suse-md") else { return };
    for name in ["11.0-update", "obs_virtualbox_11_1", "OBS_zypp_svn-11.1"] {
        let repository = folder.join(name);
        let key = repository.join("repodata/repomd.xml.key");
        let report = judged(&repository, trust(&key, Check::IfPresent)).await;
        let reason = &report.failures[0].reason;
        assert!(reason.ends_with("with DSA, which is too weak"), "{reason}");
        // Where nobody asked for it, they are mirrored as they are.
        let report = judged(&repository, Trust::default()).await;
        assert!(matches!(report.signature, Some(Verdict::NotJudged { .. })), "{report:#?}");
    }
}
