//! Selection by advisories.

use mirror_core::Job;
use mirror_core::error::Kind;
use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, TreeReport};
use mirror_core::source::rpm::{ByAdvisory, Location, RpmSource, Selection};
use mirror_core::store::View;
use mirror_fixtures::{Extra, samples};

use super::support::{Site, sync};

async fn run(site: &Site, advisories: ByAdvisory) -> TreeReport {
    let location = Location::Bases(vec![site.upstream.url().parse().unwrap()]);
    let selection = Selection { advisories, ..Selection::default() };
    let source = RpmSource::new(location).select(selection);
    let job = Job::new(source, TreePath::new("demo").unwrap());
    sync(&site.root(), &[job]).await.unwrap().trees.remove(0)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn what_no_advisory_has_is_named() {
    let site = Site::new(&samples::plain(2).with(Extra::Updateinfo));
    let asked = ByAdvisory {
        ids: names(&["DEMO-2024:0001", "DEMO-2024:0009"]),
        cves: names(&["CVE-2024-0001", "CVE-2024-9"]),
        ..ByAdvisory::default()
    };
    let report = run(&site, asked).await;
    assert_eq!(report.outcome, Outcome::Failed);
    let failure = &report.failures[0];
    assert!(
        failure.reason.ends_with("has no advisory for DEMO-2024:0009, CVE-2024-9"),
        "{}",
        failure.reason
    );
    assert_eq!(failure.kind, Kind::Advisory);

    let without = Site::new(&samples::plain(2));
    let security = ByAdvisory { security: true, ..ByAdvisory::default() };
    let report = run(&without, security).await;
    let reason = &report.failures[0].reason;
    assert!(reason.ends_with("lists no advisories (updateinfo)"), "{reason}");
}

#[tokio::test]
async fn what_advisories_name_is_all_that_is_taken() {
    let site = Site::new(&samples::plain(2).with(Extra::Updateinfo));
    let all = names(&["demo-2024:0001", "DEMO-2024:0002"]);
    let report = run(&site, ByAdvisory { ids: all, ..ByAdvisory::default() }).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn other_packages_are_left_out_of_tree_and_metadata() {
    let site = Site::new(&samples::plain(3).with(Extra::Updateinfo));
    // Those of the first and the third package are about security.
    let report = run(&site, ByAdvisory { security: true, ..ByAdvisory::default() }).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(packages(&site), ["plain-0000-1.0-1.noarch.rpm", "plain-0002-1.0-1.noarch.rpm"]);
    let cve = ByAdvisory { cves: names(&["CVE-2024-0003"]), ..ByAdvisory::default() };
    let report = run(&site, cve.clone()).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(packages(&site), ["plain-0002-1.0-1.noarch.rpm"]);
    assert_eq!(run(&site, cve).await.outcome, Outcome::Unchanged);
}

/// The packages of the tree, once all that its metadata lists was found in it.
fn packages(site: &Site) -> Vec<String> {
    super::support::read_repository(&site.tree()).unwrap();
    let tree = TreePath::new("demo").unwrap();
    let published = View::glance(&site.root()).published(&tree).unwrap().unwrap();
    let names = published.manifest.entries.iter().map(|entry| entry.path.file_name().to_owned());
    names.filter(|name| name.ends_with(".rpm")).collect()
}
