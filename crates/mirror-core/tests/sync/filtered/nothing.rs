//! Selections that take nothing, of one repository and of one of several.

use mirror_core::error::Kind;
use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, Report};
use mirror_core::source::rpm::{ByAdvisory, Selection};
use mirror_core::{Job, Mirror, Mode};
use mirror_fixtures::{Extra, samples};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use super::{assert_carried_over, globs, packages, select, without};
use crate::support::{self, Site, source};

fn only(patterns: &[&str]) -> Selection {
    Selection { include: globs(patterns), ..Selection::default() }
}

fn advisories(ids: &[&str], cves: &[&str]) -> Selection {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let advisories = ByAdvisory { security: false, ids: names(ids), cves: names(cves) };
    Selection { advisories, ..Selection::default() }
}

fn security() -> Selection {
    let advisories = ByAdvisory { security: true, ..ByAdvisory::default() };
    Selection { advisories, ..Selection::default() }
}

#[tokio::test]
async fn a_selection_of_nothing_leaves_what_is_published() {
    let site = Site::new(&samples::plain(3));
    assert_eq!(select(&site, without(&["plain-0001"])).await.outcome, Outcome::Published);
    let aarch64 = Selection { arches: vec!["src".into()], ..Selection::default() };
    for nothing in [only(&["none-such"]), without(&["*"]), aarch64] {
        let report = select(&site, nothing).await;
        assert_eq!((report.outcome, report.generation), (Outcome::Failed, Some(1)), "{report:#?}");
        let failure = &report.failures[0];
        assert_eq!(failure.reason, "the selection takes none of 3 packages");
        assert_eq!((report.failures.len(), failure.kind), (1, Kind::Selection));
        assert_carried_over(&site, |element| !element.contains("plain-0001"));
    }
    // It is so where nothing is published, too.
    let new = Site::new(&samples::plain(3));
    assert_eq!(select(&new, only(&["none-such"])).await.outcome, Outcome::Failed);
    assert!(!new.tree().exists());
    // An upstream without packages has none to take.
    let empty = Site::new(&samples::plain(0));
    assert_eq!(select(&empty, only(&["none-such"])).await.outcome, Outcome::Published);
}

/// Two repositories that are asked the same, in the groups `groups`.
struct Two {
    plain: Site,
    versions: Site,
    groups: [&'static str; 2],
}

impl Two {
    fn new(groups: [&'static str; 2]) -> Self {
        let plain = samples::plain(3).with(Extra::Updateinfo);
        Self { plain: Site::new(&plain), versions: Site::new(&samples::versions()), groups }
    }

    async fn select(&self, selection: &Selection) -> Report {
        let job = |site: &Site, tree, group| {
            let source = source(&site.upstream.url()).select(selection.clone());
            Job::new(source, TreePath::new(tree).unwrap()).in_group(group)
        };
        let jobs = [
            job(&self.plain, "demo", self.groups[0]),
            job(&self.versions, "other", self.groups[1]),
        ];
        support::sync(&self.plain.root(), &jobs).await.unwrap()
    }
}

fn outcomes(report: &Report) -> Vec<Outcome> {
    report.trees.iter().map(|tree| tree.outcome).collect()
}

#[tokio::test]
async fn what_one_repository_of_several_has_is_enough() {
    for groups in [["g", "g"], ["a", "b"]] {
        let asked = [
            only(&["plain-0001"]),
            advisories(&["DEMO-2024:0001"], &[]),
            advisories(&[], &["CVE-2024-0001"]),
            security(),
        ];
        for selection in asked {
            let two = Two::new(groups);
            let report = two.select(&selection).await;
            assert_eq!(outcomes(&report), [Outcome::Published; 2], "{report:#?}");
            assert!(!packages(&two.plain.tree()).is_empty());
            assert_eq!(packages(&two.plain.root().join("other")), [""; 0]);
            assert_eq!(report.trees[0].warnings, [""; 0]);
            let warning = &report.trees[1].warnings[0];
            assert!(warning.ends_with("packages: it is published empty"), "{warning}");
            assert!(warning.starts_with("the selection takes none of "), "{warning}");
            assert_eq!(outcomes(&two.select(&selection).await), [Outcome::Unchanged; 2]);
        }
    }
}

#[tokio::test]
async fn what_no_repository_has_is_an_error_of_all() {
    let two = Two::new(["g", "g"]);
    two.select(&Selection::default()).await;
    let asked = [
        (only(&["none-such"]), "the selection takes none of 3 packages"),
        (advisories(&["DEMO-2024:0001", "NO-1"], &["CVE-9"]), "has no advisory for NO-1, CVE-9"),
    ];
    for (selection, reason) in asked {
        let report = two.select(&selection).await;
        assert_eq!(outcomes(&report), [Outcome::Failed, Outcome::HeldBack], "{report:#?}");
        let said = &report.trees[0].failures[0].reason;
        assert!(said.ends_with(reason), "{said}");
        two.plain.assert_equal_to_upstream();
    }
    // Each pattern is looked at, and told of once.
    let report = two.select(&only(&["plain-0001", "none-such", "tool"])).await;
    assert_eq!(outcomes(&report), [Outcome::Published; 2], "{report:#?}");
    assert_eq!(report.trees[0].warnings, ["no package fits none-such"]);
    assert_eq!(report.trees[1].warnings, [""; 0]);
}

#[tokio::test]
async fn what_is_unchanged_was_found() {
    let mut two = Two::new(["g", "g"]);
    let selection = only(&["plain-0001", "plain-0002"]);
    two.select(&selection).await;
    let mut versions = samples::versions();
    versions.touch();
    two.versions.write(&versions);
    let report = two.select(&selection).await;
    assert_eq!(report.trees[0].outcome, Outcome::Unchanged, "{report:#?}");
    assert!(report.trees[1].failures.is_empty());
    assert_eq!(report.trees[1].warnings.len(), 1, "{report:#?}");
}

#[tokio::test]
async fn where_nothing_is_to_mend_nothing_is_published_but_over_packages() {
    let mut bugfix = samples::plain(2);
    bugfix = bugfix.with(Extra::Content {
        kind: "updateinfo".to_owned(),
        name: "updateinfo.xml".to_owned(),
        content: b"<updates><update type='bugfix'><id>B</id></update></updates>".to_vec(),
    });
    let site = Site::new(&bugfix);
    let report = select(&site, security()).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    let empty = "the selection takes none of 2 packages: it is published empty";
    assert_eq!(report.warnings, [empty]);

    let site = Site::new(&bugfix);
    site.sync().await;
    let report = select(&site, security()).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
    let failure = &report.failures[0];
    assert_eq!(failure.reason, "the selection takes none of 2 packages, and 2 are published");
    assert_eq!(failure.kind, Kind::Shrinks);
    let mut options = support::patient();
    options.allow.shrink = true;
    let mirror = Mirror::open(&site.root(), options).await.unwrap();
    let source = source(&site.upstream.url()).select(security());
    let job = Job::new(source, TreePath::new("demo").unwrap());
    let report = mirror.sync(&[job], Mode::Apply, Arc::new(()), &CancellationToken::new()).await;
    let tree = report.unwrap().trees.remove(0);
    assert_eq!((tree.outcome, &*tree.warnings), (Outcome::Published, &[empty.to_owned()][..]));
}
