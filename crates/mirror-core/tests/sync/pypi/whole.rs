//! Files that are fetched whole to read what they need, and what becomes of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mirror_core::Mode;
use mirror_core::report::Outcome;
use mirror_core::source::pypi::PypiSource;
use mirror_fixtures::Fault;
use mirror_fixtures::pypi::{Hash, Index, Offer, Release, Sdist, samples};

use super::support::Site;

/// Two versions that are passed over for what they need, and the one that is taken; of a server
/// that has no metadata and answers no ranges.
fn site() -> Site {
    let index = Index::new().offer(Offer::No).release(samples::tiny_backend());
    let wheel = |version| Release::new("lib", version);
    let source = |version| Release::new("src", version).sdist(Sdist::new());
    let index = index
        .releases([wheel("1.0"), wheel("1.1").requires("gone"), wheel("1.2").requires("gone")])
        .releases([source("1.0"), source("1.1").requires("gone")]);
    let site = Site::new(index);
    site.upstream.fault_all(Fault::IgnoreRange);
    site
}

const TAKEN: [&str; 3] =
    ["lib-1.0-py3-none-any.whl", "src-1.0.tar.gz", "tiny_backend-1.0-py3-none-any.whl"];
const PASSED_OVER: [&str; 3] =
    ["lib-1.1-py3-none-any.whl", "lib-1.2-py3-none-any.whl", "src-1.1.tar.gz"];

/// Which of these files the store holds.
fn held(site: &Site, names: &[&str]) -> BTreeSet<String> {
    let hex = |name: &str| Hash::Sha256.hex(&site.index.file(name).bytes);
    let blob = |root: &Path, hex: &str| root.join(".mirror/blobs/sha256").join(&hex[..2]).join(hex);
    let held = names.iter().filter(|name| blob(&site.root(), &hex(name)).exists());
    held.map(|&name| name.to_owned()).collect()
}

/// The files that were asked for, each as often as it was.
fn asked(site: &Site) -> Vec<String> {
    let paths = site.upstream.requests().into_iter().map(|request| request.path);
    let mut files: Vec<_> =
        paths.filter_map(|path| path.strip_prefix("files/").map(str::to_owned)).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_was_read_and_not_chosen_goes_and_is_not_fetched_again() {
    let site = site();
    site.sync(vec![site.set(&["lib", "src"])]).await.good();
    assert_eq!(held(&site, &TAKEN).len(), TAKEN.len());
    assert_eq!(held(&site, &PASSED_OVER), BTreeSet::new());
    let first = asked(&site);
    for name in TAKEN.iter().chain(&PASSED_OVER) {
        // A server that takes no notice of ranges is found out by one question.
        let times = first.iter().filter(|path| path == name).count();
        assert!((1..=2).contains(&times), "{name}: {first:?}");
    }

    site.upstream.clear_requests();
    let run = site.sync(vec![site.set(&["lib", "src"])]).await;
    assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
    assert_eq!(asked(&site), Vec::<String>::new());

    // What was chosen before and is not any more is of the generation before.
    site.sync(vec![site.set(&["lib"])]).await.good();
    assert_eq!(held(&site, &TAKEN).len(), TAKEN.len());
    assert_eq!(asked(&site), Vec::<String>::new());
}

/// What a run stores that publishes nothing is there for the next one, which lets it go.
#[tokio::test]
async fn what_a_dry_run_fetched_is_used_by_the_run_after_it() {
    let site = site();
    let source = PypiSource::new(vec![site.set(&["lib", "src"])]);
    site.run(source, Mode::DryRun).await;
    assert_eq!(held(&site, &PASSED_OVER).len(), PASSED_OVER.len());
    site.upstream.clear_requests();
    site.sync(vec![site.set(&["lib", "src"])]).await.good();
    assert_eq!(asked(&site), Vec::<String>::new());
    assert_eq!(held(&site, &TAKEN).len(), TAKEN.len());
    assert_eq!(held(&site, &PASSED_OVER), BTreeSet::new());
}

/// A run that fails keeps what it has.
#[tokio::test]
async fn what_a_failed_run_fetched_stays() {
    let site = site();
    site.upstream.fault("files/src-1.0.tar.gz", Fault::Status(503));
    let run = site.sync(vec![site.set(&["lib", "src"])]).await;
    assert!(run.bad().contains("503"), "{}", run.bad());
    let before = asked(&site);
    site.upstream.clear_faults();
    site.upstream.fault_all(Fault::IgnoreRange);
    site.upstream.clear_requests();
    site.sync(vec![site.set(&["lib", "src"])]).await.good();
    let again = asked(&site);
    let twice: Vec<_> =
        again.iter().filter(|name| !name.starts_with("src-1.0") && before.contains(name)).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(held(&site, &PASSED_OVER), BTreeSet::new());
}

/// On a disk of which some twenty megabytes are free: a source that does not end takes the room of
/// nobody else.
pub(crate) async fn room(root: &Path) {
    let mut site = site();
    site.index = std::mem::take(&mut site.index).without_sizes();
    site.upstream.set_files(site.index.files());
    site.upstream.fault("files/src-1.1.tar.gz", Fault::EndlessBody);
    let run = site.sync_to(root, vec![site.set(&["lib", "src"])]).await;
    let (reason, all) = (run.bad(), "all that the disk has for it, and its size is not listed");
    assert!(reason.contains("src-1.1.tar.gz: over ") && reason.contains(all), "{reason}");
    let parts = fs::read_dir(root.join(".mirror/parts")).unwrap();
    let left: u64 = parts.map(|part| part.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(left, 0, "what is of no use gives its room back");
    site.upstream.clear_faults();
    let run = site.sync_to(root, vec![site.set(&["lib", "src"])]).await;
    assert_eq!(run.tree().outcome, Outcome::Published, "{}", run.words());
}
