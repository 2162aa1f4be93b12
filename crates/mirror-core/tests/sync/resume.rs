//! A transfer goes on where it ended: across retries, mirrors and runs, and never as a mixture.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirror_core::report::Outcome;
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::{Job, Mirror, Mode};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::{Fault, Upstream};
use mirror_fixtures::{Package, Repository};
use tokio_util::sync::CancellationToken;

use super::support::{Site, options};

fn large() -> Repository {
    samples::plain(1).package(Package::new("large", "1", "1").payload_size(2 << 20))
}

fn ranges(upstream: &Upstream, path: &str) -> Vec<Option<String>> {
    let requests = upstream.requests();
    let of = requests.iter().filter(|request| request.path == path);
    of.map(|request| request.header("range").map(str::to_owned)).collect()
}

#[tokio::test]
async fn another_mirror_goes_on_where_the_first_one_broke() {
    let site = Site::new(&large());
    let path = site.written.package("large").path.clone();
    let other = Upstream::serve(&site.written.dir);
    for upstream in [&site.upstream, &other] {
        upstream.fault(&path, Fault::CutAt(500_000)).times(1);
    }
    let bases = [site.upstream.url(), other.url()].map(|url| url.parse().unwrap());
    let source = RpmSource::new(Location::Bases(bases.into()));
    let job = Job::new(source, "demo".parse().unwrap());
    let report = super::support::sync(&site.root(), &[job]).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    site.assert_equal_to_upstream();
    let mut all = ranges(&site.upstream, &path);
    all.extend(ranges(&other, &path));
    // Which of them is asked first, and again, is a matter of moments.
    assert_eq!(all.iter().filter(|range| range.is_none()).count(), 1, "{all:?}");
    assert!(all.contains(&Some("bytes=500000-".to_owned())), "{all:?}");
    let sizes: u64 = site.written.files.iter().map(|file| file.size).sum();
    assert_eq!(report.received, sizes, "no byte came twice");
}

#[tokio::test]
async fn a_body_without_a_length_that_is_cut_is_gone_on_with() {
    let site = Site::new(&large());
    let path = site.written.package("large").path.clone();
    let cut = Fault::All(vec![Fault::UntilClose, Fault::CutAt(500_000)]);
    site.upstream.fault(&path, cut).times(2);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
    let expected = [None, Some("bytes=500000-".to_owned()), Some("bytes=1000000-".to_owned())];
    assert_eq!(ranges(&site.upstream, &path), expected);
}

#[tokio::test]
async fn a_file_that_changed_between_two_ranges_begins_anew() {
    let site = Site::new(&large());
    let path = site.written.package("large").path.clone();
    let other = |fault| Fault::All(vec![Fault::ChangingEtag, fault]);
    site.upstream.fault(&path, other(Fault::CutAt(500_000))).times(1);
    site.upstream.fault(&path, other(Fault::IgnoreIfRange)).times(1);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
    assert_eq!(ranges(&site.upstream, &path).last(), Some(&None));
}

#[tokio::test]
async fn a_small_step_each_time_gets_there() {
    let site = Site::new(&large());
    let path = site.written.package("large").path.clone();
    site.upstream.fault(&path, Fault::CutFurther { step: 50_000 });
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published, "far over the attempts");
    site.assert_equal_to_upstream();
    assert!(site.upstream.count(&path) > 40);
}

#[tokio::test]
async fn a_limited_rate_is_kept_and_is_not_taken_for_a_stall() {
    let site = Site::new(&large());
    let mut options = options();
    options.fetch.limit_rate = NonZeroU64::new(1_000_000);
    // Under this rate each transfer is slower than what is acceptable of a server.
    options.fetch.lowest_speed = 2_000_000;
    options.fetch.speed_window = Duration::from_secs(1);
    let mirror = Mirror::open(&site.root(), options).await.unwrap();
    let (jobs, cancel, begun) = ([site.job()], CancellationToken::new(), Instant::now());
    let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    assert!(begun.elapsed() >= Duration::from_millis(1_800), "{:?}", begun.elapsed());
    let path = &site.written.package("large").path;
    assert_eq!(site.upstream.count(path), 1, "nothing was given up");
}
