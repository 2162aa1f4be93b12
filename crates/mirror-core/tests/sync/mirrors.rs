//! Several mirrors, dead ones, slow ones and overloaded ones: what is known of a host holds for all
//! files of a run.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use mirror_core::report::{Outcome, Reporter, TreeReport};
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::{Job, Mirror, Mode, Options};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::{Fault, Upstream};
use mirror_fixtures::{Package, Repository};
use tokio_util::sync::CancellationToken;

use super::support::{Recorder, Site, options};

/// A URL where nothing listens.
fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Mirrors `site` from these bases.
async fn sync_from(site: &Site, bases: &[&str], options: Options) -> TreeReport {
    let bases = bases.iter().map(|base| base.parse().unwrap()).collect();
    let source = RpmSource::new(Location::Bases(bases));
    run(site, source, options).await
}

async fn run(site: &Site, source: RpmSource, options: Options) -> TreeReport {
    run_telling(site, source, options, Arc::new(())).await
}

async fn run_telling(
    site: &Site,
    source: RpmSource,
    options: Options,
    reporter: Arc<dyn Reporter>,
) -> TreeReport {
    let jobs = [Job::new(source, "demo".parse().unwrap())];
    let mirror = Mirror::open(&site.root(), options).await.unwrap();
    let cancel = CancellationToken::new();
    let report = mirror.sync(&jobs, Mode::Apply, reporter, &cancel).await;
    report.unwrap().trees.remove(0)
}

/// Many packages: more than files at once.
fn many() -> Repository {
    samples::plain(60)
}

#[tokio::test]
async fn a_dead_mirror_is_found_out_once_and_not_for_each_file() {
    let site = Site::new(&many());
    let hung = Upstream::serve(&site.written.dir);
    hung.fault_all(Fault::HangBeforeHeaders);
    let mut options = options();
    // Thirty times as long it is left alone: longer than the run, on a busy machine too.
    options.fetch.first_byte_timeout = Duration::from_millis(1500);
    let bases = [dead(), hung.url(), site.upstream.url()];
    let bases: Vec<&str> = bases.iter().map(String::as_str).collect();
    let report = sync_from(&site, &bases, options).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    site.assert_equal_to_upstream();
    // The signature and the key, which upstream does not have, are not asked for there either.
    assert_eq!(hung.requests().len(), 1, "{:#?}", hung.requests());
}

#[tokio::test]
async fn a_dead_upstream_ends_the_run_however_many_files_there_are() {
    for fault in [Fault::CloseBeforeAnswer, Fault::Status(503), Fault::HangBeforeHeaders] {
        let site = Site::new(&many());
        let is_slow = fault == Fault::HangBeforeHeaders;
        for package in site.written.files.iter().filter(|file| file.path.ends_with(".rpm")) {
            site.upstream.fault(&package.path, fault.clone());
        }
        let mut options = options();
        options.fetch.connections = 8;
        options.fetch.attempts = 2;
        options.fetch.backoff = Duration::from_millis(50);
        // Long enough to be worth avoiding.
        options.fetch.first_byte_timeout = Duration::from_millis(1001);
        let report = sync_from(&site, &[&site.upstream.url()], options).await;
        assert_eq!(report.outcome, Outcome::Incomplete);
        assert_eq!(report.failures.len(), 60, "each is named");
        let asked = site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count();
        // Eight at once use up two attempts each; the others ask once, or not at all.
        assert!(asked < 8 * 2 + 60 + 8, "{fault:?}: {asked}");
        if is_slow {
            assert!(asked <= 8 * 2, "{asked}");
            let reason = &report.failures.last().unwrap().reason;
            assert!(reason.contains("not asked for again after "), "{reason}");
        }
        site.upstream.clear_faults();
        assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
        site.assert_equal_to_upstream();
    }
}

#[tokio::test]
async fn every_package_failing_once_is_survived() {
    for fault in [
        Fault::CloseBeforeAnswer,
        Fault::Status(500),
        Fault::Status(503),
        Fault::RetryAfter(429, "0".into()),
        Fault::CutAt(700),
        Fault::FlipByte(9),
    ] {
        let site = Site::new(&many());
        for package in site.written.files.iter().filter(|file| file.path.ends_with(".rpm")) {
            site.upstream.fault(&package.path, fault.clone()).times(1);
        }
        let mut options = options();
        options.fetch.connections = 16;
        let report = sync_from(&site, &[&site.upstream.url()], options).await;
        assert_eq!(report.outcome, Outcome::Published, "{fault:?}: {report:#?}");
        site.assert_equal_to_upstream();
    }
}

#[tokio::test]
async fn one_that_gave_another_file_is_no_way_around_a_wait() {
    let site = Site::new(&samples::plain(1));
    let other = Upstream::serve(&site.written.dir);
    let files = &site.written.files;
    let package = &files.iter().find(|file| file.path.ends_with(".rpm")).unwrap().path;
    other.fault(package, Fault::FlipByte(9));
    site.upstream.fault(package, Fault::Status(503)).times(2);
    let mut options = options();
    options.fetch.backoff = Duration::from_millis(50);
    let bases = [other.url(), site.upstream.url()].map(|url| url.parse().unwrap());
    let source = RpmSource::new(Location::Bases(bases.into()));
    let recorder = Arc::new(Recorder::default());
    let report = run_telling(&site, source, options, Arc::<Recorder>::clone(&recorder)).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    // Whichever was asked first: in the end only the one that fails is left to ask.
    let lines = recorder.lines();
    let mut retries = lines.iter().filter(|line| line.contains("\"retrying\""));
    let last: serde_json::Value = serde_json::from_str(retries.next_back().unwrap()).unwrap();
    assert!(last["after_ms"].as_u64().unwrap() >= 25, "{lines:#?}");
}

#[tokio::test]
async fn an_overloaded_host_is_asked_for_less_at_once() {
    let site = Site::new(&many());
    site.upstream.fault_all(Fault::Delay(Duration::from_millis(10)));
    for package in site.written.files.iter().filter(|file| file.path.ends_with(".rpm")) {
        site.upstream.fault(&package.path, Fault::Status(429)).times(1);
    }
    let mut options = options();
    options.fetch.connections = 32;
    let report = sync_from(&site, &[&site.upstream.url()], options).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert!(site.upstream.busiest() <= 32);
}

#[tokio::test]
async fn a_pause_that_one_file_was_asked_for_holds_for_all() {
    let site = Site::new(&many());
    let first = &site.written.files.iter().find(|file| file.path.ends_with(".rpm")).unwrap().path;
    site.upstream.fault(first, Fault::RetryAfter(503, "3600".into())).times(1);
    let mut options = options();
    options.fetch.connections = 2;
    options.fetch.longest_backoff = Duration::from_millis(400);
    let recorder = Arc::new(Recorder::default());
    let jobs = [site.job()];
    let mirror = Mirror::open(&site.root(), options).await.unwrap();
    let cancel = CancellationToken::new();
    let report = mirror.sync(&jobs, Mode::Apply, recorder.clone(), &cancel).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    // An hour is asked for, and the longest wait given; nobody begins meanwhile.
    let lines = recorder.lines();
    let told = lines.iter().position(|line| line.contains("\"retrying\"")).unwrap();
    assert!(lines[told].contains("\"after_ms\":400"), "{}", lines[told]);
    let fetched = lines[told..].iter().filter(|line| line.contains("\"fetched\"")).count();
    assert!(fetched > 2, "the others followed");
}

#[tokio::test]
async fn a_slow_first_mirror_is_found_out() {
    let large = |n: u32| Package::new(&format!("large-{n}"), "1", "1").payload_size(200_000);
    let repository = (0..24).fold(Repository::new(), |all, n| all.package(large(n)));
    let site = Site::new(&repository);
    let slow = Upstream::serve(&site.written.dir);
    for package in site.written.files.iter().filter(|file| file.path.ends_with(".rpm")) {
        slow.fault(&package.path, Fault::SlowBytes { per_second: 400_000 });
    }
    let mut options = options();
    options.fetch.connections = 4;
    let report = sync_from(&site, &[&slow.url(), &site.upstream.url()], options).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    site.assert_equal_to_upstream();
    let from = |upstream: &Upstream| {
        upstream.requests().iter().filter(|request| request.path.ends_with(".rpm")).count()
    };
    assert!(
        from(&slow) < 6 && from(&site.upstream) > 18,
        "{} {}",
        from(&slow),
        from(&site.upstream)
    );
}

#[tokio::test]
async fn a_transfer_that_crawls_goes_on_at_a_faster_mirror() {
    let large = Package::new("large", "1", "1").payload_size(2 << 20);
    let site = Site::new(&samples::plain(8).package(large));
    let slow = Upstream::serve(&site.written.dir);
    let path = site.written.package("large").path.clone();
    slow.fault(&path, Fault::SlowBytes { per_second: 40_000 });
    let mut options = options();
    options.fetch.speed_window = Duration::from_secs(1);
    // Small files make the slow one look the better one.
    site.upstream.fault_all(Fault::Delay(Duration::from_millis(50)));
    let report = sync_from(&site, &[&site.upstream.url(), &slow.url()], options).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    site.assert_equal_to_upstream();
    let asked = site.upstream.requests();
    let rest = asked.iter().find(|request| request.path.ends_with(&path)).unwrap();
    assert!(rest.header("range").is_some(), "what had come was kept: {rest:?}");
}

#[tokio::test]
async fn mirrors_that_lack_a_file_are_bounded() {
    let site = Site::new(&samples::plain(2));
    let mirrors: Vec<_> = (0..30).map(|_| Upstream::serve(&site.written.dir)).collect();
    let lost = &site.written.package("plain-0001").path;
    for mirror in &mirrors {
        mirror.fault(lost, Fault::Status(404));
    }
    let urls: Vec<_> = mirrors.iter().map(Upstream::url).collect();
    let bases: Vec<&str> = urls.iter().map(String::as_str).collect();
    let report = sync_from(&site, &bases, options()).await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert_eq!(report.failures.len(), 1, "{report:#?}");
    let asked: usize = mirrors.iter().map(|mirror| mirror.count(lost)).sum();
    assert_eq!(asked, 2 * mirror_core::fetch::MIRRORS_PER_FILE, "and once more at the end");
}

#[tokio::test]
async fn no_file_is_asked_for_more_than_a_few_times_where_all_mirrors_fail() {
    let site = Site::new(&samples::plain(2));
    let mirrors: Vec<_> = (0..30).map(|_| Upstream::serve(&site.written.dir)).collect();
    let lost = &site.written.package("plain-0001").path;
    for mirror in &mirrors {
        mirror.fault(lost, Fault::Status(500));
    }
    let urls: Vec<_> = mirrors.iter().map(Upstream::url).collect();
    let bases: Vec<&str> = urls.iter().map(String::as_str).collect();
    let report = sync_from(&site, &bases, options()).await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    let asked: usize = mirrors.iter().map(|mirror| mirror.count(lost)).sum();
    assert_eq!(asked, 6, "twice the attempts of one");
}
