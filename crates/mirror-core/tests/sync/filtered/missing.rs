//! Packages that upstream lists and lost.

use mirror_core::report::{Outcome, TreeReport};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::{Fault, Upstream};

use super::{assert_carried_over, packages, run, without};
use crate::support::{Recorder, Site, listing, patient, read_repository, source};
use mirror_core::path::TreePath;
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::{Job, Mirror, Mode};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const LOST: [&str; 2] = ["plain-0002", "plain-0004"];

fn lose(site: &Site) {
    for name in LOST {
        std::fs::remove_file(site.written.dir.join(&site.written.package(name).path)).unwrap();
    }
}

async fn tolerant(site: &Site) -> TreeReport {
    run(site, source(&site.upstream.url()).allow_missing(true)).await
}

fn is_left(element: &str) -> bool {
    !LOST.iter().any(|name| element.contains(name))
}

#[tokio::test]
async fn the_rest_is_published_and_what_is_lost_is_asked_for_again() {
    let mut repository = samples::plain(6);
    let mut site = Site::new(&repository);
    lose(&site);
    let strict = run(&site, source(&site.upstream.url())).await;
    assert_eq!((strict.outcome, strict.failures.len()), (Outcome::Incomplete, 2));
    assert!(!site.tree().join("repodata").exists());

    let report = tolerant(&site).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert!(report.failures.is_empty());
    assert_eq!(report.warnings.len(), 2, "{report:#?}");
    for (warning, name) in report.warnings.iter().zip(LOST) {
        let path = &site.written.package(name).path;
        let url = site.upstream.url_of(path);
        let lost = "left out, since upstream lists it and lacks it";
        assert_eq!(*warning, format!("{path}: {lost}: {url}: 404 Not Found, expected 200 OK"));
    }
    assert_carried_over(&site, is_left);
    let (events, report) = told(&site, true).await;
    assert_eq!(report.outcome, Outcome::Unchanged, "{report:#?}");
    assert_eq!(failed(&events), 0, "{events:#?}");

    // A rerun asks for them, and for nothing else.
    let before = listing(&site.root().join(".mirror/blobs"));
    site.upstream.clear_requests();
    let again = tolerant(&site).await;
    assert_eq!((again.outcome, again.warnings.len()), (Outcome::Unchanged, 2), "{again:#?}");
    let asked: Vec<_> = site.upstream.requests().iter().map(|r| r.path.clone()).collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(listing(&site.root().join(".mirror/blobs")), before);

    // Without being told so, nobody does without.
    let strict = run(&site, source(&site.upstream.url())).await;
    assert_eq!((strict.outcome, strict.failures.len()), (Outcome::Incomplete, 2));
    assert_carried_over(&site, is_left);

    // One is there again, then all.
    let found = site.written.package(LOST[0]).path.clone();
    let rpms = repository.write(site.root().parent().unwrap().join("again"));
    std::fs::copy(rpms.dir.join(&found), site.written.dir.join(&found)).unwrap();
    let report = tolerant(&site).await;
    assert_eq!((report.outcome, report.warnings.len()), (Outcome::Published, 1), "{report:#?}");
    assert_carried_over(&site, |element| !element.contains(LOST[1]));
    repository.touch();
    site.write(&repository);
    assert_eq!(tolerant(&site).await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
}

/// What a run says, and what comes of it.
async fn told(site: &Site, allow: bool) -> (Vec<String>, TreeReport) {
    let recorder = Arc::new(Recorder::default());
    let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
    let source = source(&site.upstream.url()).allow_missing(allow);
    let job = Job::new(source, TreePath::new("demo").unwrap());
    let reporter = Arc::clone(&recorder);
    let report = mirror.sync(&[job], Mode::Apply, reporter, &CancellationToken::new()).await;
    (recorder.lines(), report.unwrap().trees.remove(0))
}

fn failed(events: &[String]) -> usize {
    events.iter().filter(|event| event.contains("\"event\":\"failed\"")).count()
}

#[tokio::test]
async fn what_is_done_without_has_not_failed() {
    let site = Site::new(&samples::plain(6));
    lose(&site);
    let (events, report) = told(&site, true).await;
    assert_eq!((report.outcome, report.warnings.len()), (Outcome::Published, 2), "{report:#?}");
    assert_eq!(failed(&events), 0, "{events:#?}");
    // What could be done without, and is not, has.
    let strict = Site::new(&samples::plain(6));
    lose(&strict);
    let (events, report) = told(&strict, false).await;
    assert_eq!((report.outcome, failed(&events)), (Outcome::Incomplete, 2), "{events:#?}");
    let refused = Site::new(&samples::plain(3));
    let paths: Vec<_> = refused.written.packages().map(|package| package.path.clone()).collect();
    for path in &paths {
        std::fs::remove_file(refused.written.dir.join(path)).unwrap();
    }
    let (events, report) = told(&refused, true).await;
    assert_eq!((report.outcome, failed(&events)), (Outcome::Incomplete, 3), "{events:#?}");
}

#[tokio::test]
async fn a_selection_and_what_is_lost_go_together() {
    let site = Site::new(&samples::plain(6));
    lose(&site);
    let source = source(&site.upstream.url()).select(without(&["plain-0000", LOST[0]]));
    let report = run(&site, source.allow_missing(true)).await;
    assert_eq!((report.outcome, report.warnings.len()), (Outcome::Published, 1), "{report:#?}");
    assert_carried_over(&site, |element| is_left(element) && !element.contains("plain-0000"));
}

#[tokio::test]
async fn only_what_no_mirror_has_is_lost() {
    for fault in [Fault::Status(503), Fault::Status(403), Fault::FlipByte(100)] {
        let site = Site::new(&samples::plain(3));
        site.upstream.fault(&site.written.package("plain-0001").path, fault);
        let report = tolerant(&site).await;
        assert_eq!(report.outcome, Outcome::Incomplete, "{report:#?}");
        assert!(!site.tree().join("repodata").exists());
    }
    // A mirror that does not answer may have it.
    let site = Site::new(&samples::plain(3));
    let lost = site.written.package("plain-0001").path.clone();
    std::fs::remove_file(site.written.dir.join(&lost)).unwrap();
    let other = Upstream::serve(&site.written.dir);
    other.fault(&lost, Fault::CloseBeforeAnswer);
    let bases = [&site.upstream, &other].map(|upstream| upstream.url().parse().unwrap());
    let source = || RpmSource::new(Location::Bases(bases.to_vec())).allow_missing(true);
    let report = run(&site, source()).await;
    assert_eq!(report.outcome, Outcome::Incomplete, "{report:#?}");
    other.clear_faults();
    let report = run(&site, source()).await;
    assert_eq!((report.outcome, report.warnings.len()), (Outcome::Published, 1), "{report:#?}");
    read_repository(&site.tree()).unwrap();
}

#[tokio::test]
async fn an_upstream_that_lost_everything_is_none() {
    let site = Site::new(&samples::plain(3));
    let all: Vec<_> = site.written.packages().map(|package| package.path.clone()).collect();
    for path in &all {
        std::fs::remove_file(site.written.dir.join(path)).unwrap();
    }
    let report = tolerant(&site).await;
    assert_eq!((report.outcome, report.failures.len()), (Outcome::Incomplete, 3), "{report:#?}");

    // And one that lost most of what is published is looked at first.
    let site = Site::new(&samples::plain(6));
    tolerant(&site).await;
    let repository = {
        let mut repository = samples::plain(6);
        (0..6).for_each(|n| repository.update(samples::plain_package(n, "2")));
        repository
    };
    let mut site = site;
    site.write(&repository);
    for package in site.written.packages().skip(2) {
        std::fs::remove_file(site.written.dir.join(&package.path)).unwrap();
    }
    let report = tolerant(&site).await;
    assert_eq!((report.outcome, report.failures.len()), (Outcome::Incomplete, 4), "{report:#?}");
    assert_eq!(packages(&site.tree()).len(), 6);
}
