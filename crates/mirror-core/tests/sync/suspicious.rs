//! What a sync refuses unless it is told otherwise: an older state, and a much smaller one.

use std::sync::Arc;

use mirror_core::report::{Outcome, TreeReport};
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::{Allow, CancellationToken, Job, Mirror, Mode, Options, Target};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::{Fault, Upstream};

use super::support::{self, Site, listing, patient};

async fn sync(site: &Site, allow: Allow, mode: Mode) -> TreeReport {
    let mirror = Mirror::open(&site.root(), Options { allow, ..patient() }).await.unwrap();
    let (jobs, cancel) = ([site.job()], CancellationToken::new());
    let mut report = mirror.sync(&jobs, mode, Arc::new(()), &cancel).await.unwrap();
    report.trees.remove(0)
}

#[tokio::test]
async fn an_older_state_is_refused() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository.clone().revision(1_700_000_000));
    repository.add(samples::plain_package(3, "1"));
    site.write(&repository.clone().revision(1_700_000_100));
    site.sync().await;
    let before = listing(&site.tree());
    repository.remove("plain-0003");
    site.write(&repository.clone().revision(1_700_000_000));
    for mode in [Mode::DryRun, Mode::Apply] {
        let report = sync(&site, Allow::default(), mode).await;
        assert_eq!((report.outcome, report.generation), (Outcome::Failed, Some(1)));
        let reason = &report.failures[0].reason;
        let begin =
            format!("{}: revision 1700000000 of ", site.upstream.url_of("repodata/repomd.xml"));
        assert!(reason.starts_with(&begin), "{reason}");
        assert!(reason.contains(", older than the published one, revision 1700000100 of "));
    }
    assert_eq!(listing(&site.tree()), before);
    let allow = Allow { older: true, ..Allow::default() };
    assert_eq!(sync(&site, allow, Mode::Apply).await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn a_much_smaller_state_is_refused() {
    let mut site = Site::new(&samples::plain(9));
    site.sync().await;
    let before = listing(&site.tree());
    site.write(&samples::plain(4));
    for mode in [Mode::DryRun, Mode::Apply] {
        let report = sync(&site, Allow::default(), mode).await;
        assert_eq!((report.outcome, report.generation), (Outcome::Failed, Some(1)));
        assert_eq!(
            report.failures[0].reason,
            "upstream drops 5 of 9 packages, more than half of what is published"
        );
    }
    assert_eq!(listing(&site.tree()), before);
    // Half of them is not more than half.
    site.write(&samples::plain(5));
    assert_eq!(sync(&site, Allow::default(), Mode::Apply).await.outcome, Outcome::Published);
    site.write(&samples::plain(1));
    let allow = Allow { shrink: true, ..Allow::default() };
    assert_eq!(sync(&site, allow, Mode::Apply).await.outcome, Outcome::Published);
}

#[tokio::test]
async fn after_a_rollback_the_newer_state_is_no_surprise() {
    let repository = samples::plain(3);
    let mut site = Site::new(&repository.clone().revision(1_700_000_000));
    site.sync().await;
    site.write(&samples::plain(9).revision(1_700_000_100));
    site.sync().await;
    {
        let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
        mirror.rollback(&Target::default(), Mode::Apply, &()).await.unwrap();
        mirror.release(None).unwrap();
    }
    let report = sync(&site, Allow::default(), Mode::Apply).await;
    assert_eq!((report.outcome, report.generation), (Outcome::Published, Some(3)));
}

#[tokio::test]
async fn a_mirror_that_lags_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let state = |name: &str, packages, revision| {
        samples::plain(packages).revision(revision).write(folder.path().join(name)).dir
    };
    let old = state("old", 3, 1_700_000_000);
    let now = state("now", 4, 1_700_000_100);
    let next = state("next", 5, 1_700_000_200);
    let mirrors = [Upstream::serve(&now), Upstream::serve(&now)];
    let bases = mirrors.iter().map(|mirror| mirror.url().parse().unwrap()).collect();
    let job = Job::new(RpmSource::new(Location::Bases(bases)), "demo".parse().unwrap());
    let root = folder.path().join("root");
    let run = async || {
        let report = support::sync(&root, std::slice::from_ref(&job)).await.unwrap();
        report.trees.into_iter().next().unwrap()
    };
    assert_eq!(run().await.outcome, Outcome::Published);
    mirrors[0].set_root(&old);
    let report = run().await;
    assert_eq!((report.outcome, report.warnings.len()), (Outcome::Unchanged, 1), "{report:#?}");
    assert!(report.warnings[0].starts_with(&mirrors[0].url_of("repodata/repomd.xml")));
    mirrors[1].set_root(&next);
    let report = run().await;
    assert_eq!((report.outcome, report.files), (Outcome::Published, 9), "{report:#?}");
    mirrors[1].set_root(&old);
    let report = run().await;
    assert_eq!(report.outcome, Outcome::Failed);
    let reason = &report.failures[0].reason;
    assert!(reason.starts_with(&mirrors[0].url()) && reason.contains("older than"), "{reason}");
}

#[tokio::test]
async fn what_was_odd_before_an_upstream_was_read_again_is_not_forgotten() {
    let site = Site::new(&samples::plain(3));
    let listed = site.written.metadata("filelists").size;
    let path = site.written.dir.join("repodata/repomd.xml");
    let text = std::fs::read_to_string(&path).unwrap();
    let lie = text.replacen(
        &format!("<size>{listed}</size>"),
        &format!("<size>{}</size>", listed + 9),
        1,
    );
    assert_ne!(lie, text);
    std::fs::write(&path, lie).unwrap();
    let late = site.written.package("plain-0001").path.clone();
    site.upstream.fault(&late, Fault::Status(404)).times(1);
    let report = site.sync_tree().await;
    assert_eq!((report.outcome, site.upstream.count(&late)), (Outcome::Published, 2));
    let said = format!("{listed} bytes, listed with {}", listed + 9);
    let warnings: Vec<_> = report.warnings.iter().filter(|w| w.ends_with(&said)).collect();
    assert_eq!(warnings.len(), 1, "{:#?}", report.warnings);
}
