//! Groups of trees: published together or not at all.

use mirror_core::report::Outcome;
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Fault;

use super::support::{Site, job, sync};

#[tokio::test]
async fn a_missing_package_holds_back_its_group_and_no_other() {
    let (a, b, c) = (
        Site::new(&samples::plain(3)),
        Site::new(&samples::odd_names()),
        Site::new(&samples::multilib()),
    );
    let lost = a.written.package("plain-0001").path.clone();
    a.upstream.fault(&lost, Fault::Status(404));
    let jobs = [
        job(&a.upstream.url(), "g/a").in_group("g"),
        job(&b.upstream.url(), "g/b").in_group("g"),
        job(&c.upstream.url(), "c"),
    ];
    let report = sync(&a.root(), &jobs).await.unwrap();
    let outcomes: Vec<_> = report.trees.iter().map(|tree| tree.outcome).collect();
    assert_eq!(outcomes, [Outcome::Incomplete, Outcome::HeldBack, Outcome::Published]);
    let failure = &report.trees[0].failures[0];
    assert_eq!(failure.path.as_ref().unwrap().as_str(), lost);
    let url = a.upstream.url_of(&lost);
    assert_eq!(failure.reason, format!("{url}: 404 Not Found, expected 200 OK"));
    assert!(!a.root().join("g").exists(), "nothing of the group is published");

    // What was verified is not lost: only the missing package is fetched.
    a.upstream.clear_faults();
    for site in [&a, &b, &c] {
        site.upstream.clear_requests();
    }
    let report = sync(&a.root(), &jobs).await.unwrap();
    let outcomes: Vec<_> = report.trees.iter().map(|tree| tree.outcome).collect();
    assert_eq!(outcomes, [Outcome::Published, Outcome::Published, Outcome::Unchanged]);
    let packages: Vec<_> = [&a, &b, &c]
        .iter()
        .flat_map(|site| site.upstream.requests())
        .filter(|request| request.path.ends_with(".rpm"))
        .collect();
    assert_eq!(packages.len(), 1, "{packages:#?}");
}

#[tokio::test]
async fn what_an_upstream_says_ends_no_other_upstreams_run() {
    let (a, b) = (Site::new(&samples::plain(1)), Site::new(&samples::odd_names()));
    // A login that cannot be one is a fault, and not of this host.
    let odd = "http://a%3Ab:c@127.0.0.1:9/".to_owned();
    a.upstream.fault("repodata/repomd.xml", Fault::RedirectTo(odd));
    let jobs = [job(&a.upstream.url(), "a"), job(&b.upstream.url(), "b")];
    let report = sync(&a.root(), &jobs).await.unwrap();
    let outcomes: Vec<_> = report.trees.iter().map(|tree| tree.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Published]);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_read_leaves_the_old_generation() {
    let site = Site::new(&samples::plain(3));
    site.sync().await;
    site.upstream.fault("repodata/repomd.xml", Fault::Replace(b"<html>log in</html>".to_vec()));
    let report = site.sync_tree().await;
    assert_eq!((report.outcome, report.generation), (Outcome::Failed, Some(1)));
    let url = site.upstream.url_of("repodata/repomd.xml");
    assert!(report.failures[0].reason.starts_with(&url), "{:?}", report.failures);
    site.assert_equal_to_upstream();
}
