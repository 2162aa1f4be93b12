//! What a transfer costs that breaks, and what it leaves; that it ends well is in `matrix`.

use std::sync::Arc;
use std::time::Duration;

use mirror_core::report::Outcome;
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::{Error, Job, Mirror, Mode};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Fault;
use mirror_fixtures::{Package, Repository};
use tokio_util::sync::CancellationToken;

use super::support::{Recorder, Site, options};

fn large() -> Repository {
    let package = Package::new("large", "1", "1").payload_size(2 << 20);
    samples::plain(3).package(package)
}

#[tokio::test]
async fn a_transfer_that_breaks_goes_on_where_it_broke() {
    let site = Site::new(&large());
    let path = site.written.package("large").path.clone();
    site.upstream.fault(&path, Fault::CutAt(300_000)).times(3);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    let ranges: Vec<_> = site
        .upstream
        .requests()
        .iter()
        .filter(|request| request.path.ends_with(&path))
        .map(|request| request.header("range").map(str::to_owned))
        .collect();
    let expected = [None, Some("bytes=300000-"), Some("bytes=600000-"), Some("bytes=900000-")];
    assert_eq!(ranges, expected.map(|range| range.map(str::to_owned)));
    let if_range =
        site.upstream.requests().iter().filter_map(|r| r.header("if-range").map(drop)).count();
    assert_eq!(if_range, 3, "only the same file is gone on with");
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn cancelled_by_token_or_by_drop_a_run_is_gone_on_with() {
    for by_token in [true, false] {
        let site = Site::new(&large());
        let path = site.written.package("large").path.clone();
        site.upstream.fault(&path, Fault::HangAt(700_000)).times(1);
        {
            let mirror = Mirror::open(&site.root(), options()).await.unwrap();
            let cancel = CancellationToken::new();
            let jobs = [site.job()];
            let run = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel);
            let reached = async {
                for _ in 0..400 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    if site.upstream.body_bytes() >= 700_000 {
                        break;
                    }
                }
                // The client takes what the server has sent.
                tokio::time::sleep(Duration::from_millis(100)).await;
                cancel.cancel();
            };
            if by_token {
                let (result, ()) = tokio::join!(run, reached);
                assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
            } else {
                tokio::select! {
                    _ = run => panic!("the run ended"),
                    () = reached => {}
                }
            }
        }
        assert!(!site.tree().exists());
        site.upstream.clear_requests();
        assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
        let requests = site.upstream.requests();
        let range = requests.iter().find(|r| r.path.ends_with(&path)).unwrap().header("range");
        assert_eq!(range, Some("bytes=700000-"), "by token: {by_token}");
        site.assert_equal_to_upstream();
    }
}

#[tokio::test]
async fn a_server_that_ends_anywhere_and_always_begins_anew_is_given_up() {
    let site = Site::new(&large());
    let path = site.written.package("large").path.clone();
    for attempt in 0..60 {
        let end = if attempt % 2 == 0 { 100_000 } else { 1_000_000 };
        let fault = Fault::All(vec![Fault::IgnoreRange, Fault::CutAt(end)]);
        site.upstream.fault(&path, fault).times(1);
    }
    assert_eq!(site.sync_tree().await.outcome, Outcome::Incomplete);
    assert!(site.upstream.count(&path) < 10, "{}", site.upstream.count(&path));
}

#[tokio::test]
async fn a_range_that_is_shorter_than_asked_for_is_gone_on_with() {
    let site = Site::new(&large());
    let path = site.written.package("large").path.clone();
    site.upstream.fault(&path, Fault::CutAt(300_000)).times(1);
    site.upstream.fault(&path, Fault::ShortRange(400_000));
    let report = site.sync().await;
    assert!(report.is_complete(), "{report:#?}");
    site.assert_equal_to_upstream();
    let sizes: u64 = site.written.files.iter().map(|file| file.size).sum();
    assert_eq!(report.received, sizes, "no byte came twice");
}

#[tokio::test]
async fn what_has_no_digest_is_never_a_mixture_of_two_mirrors() {
    let (old, new) = (Site::new(&samples::plain(2)), Site::new(&samples::plain(3)));
    old.upstream.fault("repodata/repomd.xml", Fault::CutAt(900)).times(1);
    let bases = [&old, &new].map(|site| site.upstream.url().parse().unwrap());
    let source = RpmSource::new(Location::Bases(bases.into()));
    let job = Job::new(source, "demo".parse().unwrap());
    let report = super::support::sync(&new.root(), &[job]).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Published, "{report:#?}");
    new.assert_equal_to_upstream();
}

#[tokio::test]
async fn what_is_told_of_a_transfer_adds_up_to_its_size() {
    let faults = [
        vec![Fault::CutAt(300_000)],
        vec![Fault::CutAt(300_000), Fault::IgnoreRange],
        vec![Fault::CutAt(300_000), Fault::WrongBytesInRange],
        vec![Fault::CutAt(300_000), Fault::RangeNotSatisfiable],
        vec![Fault::CutAt(300_000), Fault::WrongContentRange],
        vec![Fault::FlipByte(9)],
    ];
    for faults in faults {
        let site = Site::new(&large());
        let path = site.written.package("large").path.clone();
        for fault in &faults {
            site.upstream.fault(&path, fault.clone()).times(1);
        }
        let mirror = Mirror::open(&site.root(), options()).await.unwrap();
        let (jobs, recorder) = ([site.job()], Arc::new(Recorder::default()));
        let cancel = CancellationToken::new();
        mirror.sync(&jobs, Mode::Apply, recorder.clone(), &cancel).await.unwrap();
        site.assert_equal_to_upstream();
        let mut told = 0;
        for line in recorder.lines() {
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            if event["path"] != *path {
                continue;
            }
            told += event["bytes"].as_i64().or(event["resumed"].as_i64()).unwrap_or_default();
            if let Some(size) = event["size"].as_i64().filter(|_| event["event"] == "fetched") {
                assert_eq!(told, size, "{faults:?}");
            }
        }
        assert!(told > 2 << 20, "{faults:?}");
    }
}

#[tokio::test]
async fn a_part_that_was_damaged_is_not_what_a_failure_names() {
    let site = Site::new(&samples::plain(1));
    let package = site.written.package("plain-0000");
    let parts = site.root().join(".mirror/parts");
    std::fs::create_dir_all(&parts).unwrap();
    let part = parts.join(format!("sha256-{}.0.part", package.sha256));
    std::fs::write(part, vec![0; usize::try_from(package.size).unwrap()]).unwrap();
    site.upstream.fault(&package.path, Fault::Status(404));
    let report = site.sync_tree().await;
    let url = site.upstream.url_of(&package.path);
    assert_eq!(report.failures[0].reason, format!("{url}: 404 Not Found, expected 200 OK"));
}

#[tokio::test]
async fn what_cannot_be_gone_on_with_leaves_no_part() {
    let site = Site::new(&samples::plain(3));
    let lost = site.written.package("plain-0001").path.clone();
    site.upstream.fault(&lost, Fault::Status(404));
    // Upstream has neither signature nor key, which are asked for.
    assert_eq!(site.sync_tree().await.outcome, Outcome::Incomplete);
    let parts = std::fs::read_dir(site.root().join(".mirror/parts")).unwrap();
    let names: Vec<_> = parts.map(|part| part.unwrap().file_name()).collect();
    assert!(names.is_empty(), "{names:?}");
}
