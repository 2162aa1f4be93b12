//! Upstreams that change, move on while they are read, or lose packages.

use std::fs;
use std::sync::{Arc, Mutex};

use mirror_core::report::{Event, Outcome, Report, Reporter};
use mirror_core::resolve::rpm::PackageSet;
use mirror_core::source::rpm::{Closure, RpmSource};
use mirror_core::{Mirror, Mode, Target};
use mirror_fixtures::upstream::Fault;
use mirror_fixtures::{Package, Repository};
use tokio_util::sync::CancellationToken;

use super::{Ran, Sites, package, pair, set, sites};
use crate::support::{Recorder, listing, patient};

fn lib(version: &str) -> Package {
    Package::new("lib", version, "1")
}

#[tokio::test]
async fn what_is_unchanged_takes_one_request_for_each_and_writes_nothing() {
    let sites = sites();
    sites.run(set(&["app"])).await;
    let blobs = listing(&sites.root().join(".mirror/blobs"));
    for _ in 0..2 {
        sites.clear_requests();
        let ran = sites.run(set(&["app"])).await;
        assert_eq!(ran.outcomes(), [Outcome::Unchanged; 2], "{:#?}", ran.report);
        assert_eq!(sites.requests(), [1, 1]);
        assert!(ran.answers.is_empty());
    }
    assert_eq!(listing(&sites.root().join(".mirror/blobs")), blobs);

    // Another wish is another choice.
    let ran = sites.run(set(&["app", "other"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 2]);
    assert_eq!(
        sites.packages("base"),
        ["docs-1-1", "lib-2-1", "locale-1-1", "shell-1-1", "words-1-1"]
    );
}

#[tokio::test]
async fn where_one_repository_changes_all_are_chosen_anew() {
    let (mut base, apps) = pair();
    let mut sites = Sites::new(&[("base", base.clone()), ("apps", apps)]);
    sites.run(set(&["app"])).await;
    base.add(lib("3"));
    sites.write("base", &base);
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Published, Outcome::Unchanged], "{:#?}", ran.report);
    assert_eq!(sites.packages("base"), ["docs-1-1", "lib-3-1", "words-1-1"]);
    sites.assert_sound();
    sites.clear_requests();
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Unchanged; 2]);
    assert_eq!(sites.requests(), [1, 1]);

    // What cannot be had any more leaves what there was.
    base.remove("words");
    sites.write("base", &base);
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Failed; 2]);
    assert_eq!(sites.packages("base"), ["docs-1-1", "lib-3-1", "words-1-1"]);
}

#[tokio::test]
async fn a_repository_that_is_taken_whole_is_upstreams_own_and_known_again() {
    let whole =
        Repository::new().packages([lib("2"), package("words").file("/usr/share/dict/words", "a")]);
    let (_, apps) = pair();
    let sites = Sites::new(&[("base", whole), ("apps", apps)]);
    sites.run(set(&["app", "locale*", "shell"])).await;
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 2], "{:#?}", ran.report);
    let repomd = |folder: &std::path::Path| fs::read(folder.join("repodata/repomd.xml")).unwrap();
    assert_eq!(repomd(&sites.root().join("base")), repomd(&sites.written("base").dir));
    sites.clear_requests();
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Unchanged; 2]);
    assert_eq!(sites.requests(), [1, 1]);
}

#[tokio::test]
async fn what_was_damaged_is_chosen_and_brought_again() {
    let sites = sites();
    sites.run(set(&["app"])).await;
    let lib = sites.root().join("base").join(&sites.written("base").package("words").path);
    fs::write(&lib, "damaged").unwrap();
    let closure = Arc::new(Closure::new(vec![set(&["app"])]));
    let jobs = sites.jobs(&closure, |_, source| source);
    let (recorder, cancel) = (Arc::new(Recorder::default()), CancellationToken::new());
    let mirror = Mirror::open(&sites.root(), patient()).await.unwrap();
    let report =
        mirror.sync(&jobs, Mode::Apply, Arc::clone(&recorder) as _, &cancel).await.unwrap();
    drop(mirror);
    assert!(report.is_complete(), "{report:#?}");
    // That the others were not read at first is nobody's fault.
    assert!(
        !recorder.lines().iter().any(|line| line.contains("\"failed\"")),
        "{:#?}",
        recorder.lines()
    );
    sites.assert_sound();
    assert_eq!(sites.packages("base"), ["docs-1-1", "lib-2-1", "words-1-1"]);
    sites.clear_requests();
    assert_eq!(sites.run(set(&["app"])).await.outcomes(), [Outcome::Unchanged; 2]);
    assert_eq!(sites.requests(), [1, 1]);
}

#[tokio::test]
async fn what_upstream_lost_is_done_without_where_something_else_will_do() {
    let (mut base, apps) = pair();
    base.add(lib("3"));
    let sites = Sites::new(&[("base", base.clone()), ("apps", apps)]);
    let lost = |name: &str| {
        let nevra = format!("{name}.noarch.rpm");
        let written = sites.written("base");
        let path = written.packages().find(|file| file.path.ends_with(&nevra)).unwrap();
        written.dir.join(&path.path)
    };
    let tolerant = |_: &str, source: RpmSource| source.allow_missing(true);
    let kept = fs::read(lost("lib-3-1")).unwrap();
    fs::remove_file(lost("lib-3-1")).unwrap();
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Incomplete, Outcome::HeldBack]);

    let ran = sites.run_with(vec![set(&["app"])], tolerant).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 2], "{:#?}", ran.report);
    assert_eq!(sites.packages("base"), ["docs-1-1", "lib-2-1", "words-1-1"]);
    assert_eq!(ran.report.trees[0].warnings.len(), 1, "{:#?}", ran.report);
    sites.assert_sound();
    // It is asked for again, and for nothing else where it is lost still.
    sites.clear_requests();
    let ran = sites.run_with(vec![set(&["app"])], tolerant).await;
    assert_eq!(ran.outcomes(), [Outcome::Unchanged; 2], "{:#?}", ran.report);
    assert_eq!(sites.requests(), [2, 1]);
    fs::write(lost("lib-3-1"), kept).unwrap();
    let ran = sites.run_with(vec![set(&["app"])], tolerant).await;
    assert!(ran.report.is_complete(), "{:#?}", ran.report);
    assert_eq!(sites.packages("base"), ["docs-1-1", "lib-3-1", "words-1-1"]);

    // Where nothing else will do, that is why it fails.
    let ran = {
        let (base, apps) = pair();
        let sites = Sites::new(&[("base", base), ("apps", apps)]);
        let written = sites.written("base");
        fs::remove_file(written.dir.join(&written.package("words").path)).unwrap();
        sites.run_with(vec![set(&["app"])], tolerant).await
    };
    assert_eq!(ran.outcomes(), [Outcome::Incomplete, Outcome::HeldBack], "{:#?}", ran.report);
    let said = ran.report.trees[0].failures.iter().any(|failure| {
        failure.reason.contains("nothing provides /usr/share/dict/words")
            && failure.reason.contains("lost by upstream")
    });
    assert!(said, "{:#?}", ran.report);
}

/// Writes a repository anew when a file of it was fetched for the first time.
struct Moves<'a> {
    at: (&'a str, &'a str),
    then: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
}

impl Reporter for Moves<'_> {
    fn on_event(&self, event: &Event<'_>) {
        let is_it = match event {
            Event::Fetched { tree, path, .. } => *tree == self.at.0 && path.contains(self.at.1),
            Event::Resolved { tree, .. } => *tree == self.at.0 && self.at.1.is_empty(),
            _ => false,
        };
        if is_it && let Some(then) = self.then.lock().unwrap().take() {
            then();
        }
    }
}

/// Runs, and when `path` of the base was fetched the first time that moves on; with an empty path, when
/// it is resolved.
async fn run_while_base_moves(path: &'static str, sets: Vec<PackageSet>) -> (Sites, Ran) {
    let (mut base, apps) = pair();
    let sites = Sites::new(&[("base", base.clone()), ("apps", apps)]);
    base.remove("lib");
    base.add(lib("3"));
    let closure = Arc::new(Closure::new(sets));
    let jobs = sites.jobs(&closure, |_, source| source);
    let mirror = Mirror::open(&sites.root(), patient()).await.unwrap();
    let folder = sites.written("base").dir.clone();
    let moves = Moves {
        at: ("base", path),
        then: Mutex::new(Some(Box::new(move || drop(base.write(&folder))))),
    };
    let cancel = CancellationToken::new();
    let report: Report = mirror.sync(&jobs, Mode::Apply, Arc::new(moves), &cancel).await.unwrap();
    (sites, Ran { report, answers: closure.answers() })
}

#[tokio::test]
async fn one_that_moves_on_while_it_is_read_is_chosen_from_as_it_is_then() {
    // Before the choice, after it, and when packages are fetched.
    for path in ["repomd.xml", "filelists", ""] {
        let (sites, ran) = run_while_base_moves(path, vec![set(&["app"])]).await;
        assert_eq!(ran.outcomes(), [Outcome::Published; 2], "{path}: {:#?}", ran.report);
        assert_eq!(sites.packages("base"), ["docs-1-1", "lib-3-1", "words-1-1"], "{path}");
        assert_eq!(sites.packages("apps"), ["app-1-1"], "{path}");
        sites.assert_sound();
        sites.clear_requests();
        assert_eq!(sites.run(set(&["app"])).await.outcomes(), [Outcome::Unchanged; 2], "{path}");
        assert_eq!(sites.requests(), [1, 1], "{path}");
    }
}

#[tokio::test]
async fn a_move_that_changes_what_others_give_is_followed_by_them() {
    // `lib` needs `other` of the other repository, which was settled by then.
    for path in ["filelists", ""] {
        let (mut base, apps) = pair();
        let sites = Sites::new(&[("base", base.clone()), ("apps", apps)]);
        base.remove("lib");
        base.add(lib("3").requires("other"));
        let closure = Arc::new(Closure::new(vec![set(&["app"])]));
        let jobs = sites.jobs(&closure, |_, source| source);
        let mirror = Mirror::open(&sites.root(), patient()).await.unwrap();
        let folder = sites.written("base").dir.clone();
        let moves = Moves {
            at: ("base", path),
            then: Mutex::new(Some(Box::new(move || drop(base.write(&folder))))),
        };
        let cancel = CancellationToken::new();
        let report = mirror.sync(&jobs, Mode::Apply, Arc::new(moves), &cancel).await.unwrap();
        assert!(report.is_complete(), "{path}: {report:#?}");
        assert_eq!(sites.packages("apps"), ["app-1-1", "other-1-1"], "{path}");
        sites.assert_sound();
    }
}

#[tokio::test]
async fn one_that_never_stands_still_ends_in_bounded_time() {
    let sites = sites();
    let base = sites.upstream("base");
    base.fault(&sites.written("base").metadata("other").path, Fault::FlipByte(30));
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes()[0], Outcome::Failed, "{:#?}", ran.report);
    assert!(!ran.outcomes().contains(&Outcome::Published));
    assert!(!sites.root().join("apps/repodata").exists());
}

#[tokio::test]
async fn the_same_sources_serve_run_after_run() {
    let (mut base, apps) = pair();
    let mut sites = Sites::new(&[("base", base.clone()), ("apps", apps)]);
    let closure = Arc::new(Closure::new(vec![set(&["app"])]));
    let jobs = sites.jobs(&closure, |_, source| source);
    let cancel = CancellationToken::new();
    let run = async || {
        let mirror = Mirror::open(&sites.root(), patient()).await.unwrap();
        let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
        Ran { report, answers: closure.answers() }
    };
    assert_eq!(run().await.outcomes(), [Outcome::Published; 2]);
    assert_eq!(run().await.outcomes(), [Outcome::Unchanged; 2]);
    // One that was rolled back is held, and nobody waits for it.
    let mirror = Mirror::open(&sites.root(), patient()).await.unwrap();
    let target = Target { name: Some("site".into()), to: None };
    let back = mirror.rollback(&target, Mode::Apply, &()).await;
    drop(mirror);
    assert!(back.is_err(), "there is nothing to go back to: {back:?}");
    base.add(lib("3"));
    sites.write("base", &base);
    let mirror = Mirror::open(&sites.root(), patient()).await.unwrap();
    let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    mirror.rollback(&target, Mode::Apply, &()).await.unwrap();
    let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
    let outcomes: Vec<_> = report.trees.iter().map(|tree| tree.outcome).collect();
    assert_eq!(outcomes, [Outcome::Held; 2]);
    drop(mirror);
    assert_eq!(sites.packages("base"), ["docs-1-1", "lib-2-1", "words-1-1"]);
}
