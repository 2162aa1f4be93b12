//! What stands beside the packages of a part of a repository: advisories, module streams, and what SUSE
//! and installers add.

use std::num::NonZeroUsize;

use mirror_core::report::Outcome;
use mirror_core::source::rpm::{ByAdvisory, Selection};
use mirror_fixtures::{Extra, samples};

use super::{content, elements, globs, packages, repomd, run, select, without};
use crate::support::{Site, read_repository, source};

fn extra(kind: &str, content: &str) -> Extra {
    let name = format!("{kind}.xml");
    Extra::Content { kind: kind.to_owned(), name, content: content.as_bytes().to_vec() }
}

/// Advisories, each of an id and the build `name version` that it names.
fn advisories(list: &[(&str, &str)]) -> String {
    let update = |(id, build): &(&str, &str)| {
        let (name, version) = build.split_once(' ').unwrap();
        format!(
            "<update type='security'><id>{id}</id><message>of {id}</message><pkglist><collection>\
             <package name='{name}' version='{version}' release='1' epoch='0' arch='noarch'/>\
             </collection></pkglist></update>"
        )
    };
    format!("<updates>{}</updates>", list.iter().map(update).collect::<String>())
}

fn document(site: &Site, kind: &str) -> String {
    read_repository(&site.tree()).unwrap();
    content(&site.tree(), repomd(&site.tree()).record(kind).unwrap()).0
}

#[tokio::test]
async fn an_advisory_stays_where_a_newer_build_mends_what_it_mends() {
    let list = [
        ("OLD", "tool 1.9"),
        ("NEW", "tool 1.10"),
        ("LATER", "tool 1.11"),
        ("EPOCH", "epoch 9.0"),
        ("GONE", "single 1.0"),
    ];
    let site = Site::new(&samples::versions().with(extra("updateinfo", &advisories(&list))));
    let newest_only = NonZeroUsize::new(1);
    let selection = Selection { newest_only, ..without(&["single"]) };
    assert_eq!(select(&site, selection).await.outcome, Outcome::Published);
    let text = document(&site, "updateinfo");
    let ids: Vec<_> = list
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| text.contains(&format!("<id>{id}</id>")))
        .collect();
    assert_eq!(ids, ["OLD", "NEW", "EPOCH"], "{text}");
    assert!(text.contains("<message>of OLD</message>"), "{text}");
}

#[tokio::test]
async fn builds_are_the_same_as_rpm_says_in_selection_and_filter() {
    let site = Site::new(
        &samples::versions().with(extra("updateinfo", &advisories(&[("A", "tool 1.010")]))),
    );
    let by_id = ByAdvisory { ids: vec!["A".to_owned()], ..ByAdvisory::default() };
    let selection = Selection { advisories: by_id, ..Selection::default() };
    assert_eq!(select(&site, selection).await.outcome, Outcome::Published);
    assert_eq!(packages(&site.tree()).len(), 1);
    assert!(document(&site, "updateinfo").contains("<id>A</id>"));
}

#[tokio::test]
async fn of_two_lists_of_advisories_the_first_counts() {
    let lists = [[("A", "tool 1.9")], [("B", "single 1.0")]];
    let repository = lists.iter().enumerate().fold(samples::versions(), |repository, (n, list)| {
        let (kind, content) = ("updateinfo".to_owned(), advisories(list).into_bytes());
        repository.with(Extra::Content { kind, name: format!("updateinfo-{n}.xml"), content })
    });
    let site = Site::new(&repository);
    let advisories = ByAdvisory { security: true, ..ByAdvisory::default() };
    let selection = Selection { advisories, ..Selection::default() };
    assert_eq!(select(&site, selection).await.outcome, Outcome::Published);
    assert!(packages(&site.tree())[0].contains("tool-1.9-1"), "{:?}", packages(&site.tree()));
    assert_eq!(packages(&site.tree()).len(), 1);
}

#[tokio::test]
async fn what_suse_says_of_packages_is_said_of_those_that_are_left() {
    let list = |packages: &[String]| {
        let of = |pkgid: &String| {
            format!(
                "<package pkgid=\"{pkgid}\" name=\"n\" arch=\"noarch\"><keyword>{pkgid}</keyword></package>\n"
            )
        };
        let packages: String = packages.iter().map(of).collect();
        format!("<susedata xmlns=\"http://x.example/\" packages=\"3\">\n{packages}</susedata>\n")
    };
    let plain = samples::plain(3);
    let folder = tempfile::tempdir().unwrap();
    let pkgids: Vec<_> =
        plain.write(folder.path()).packages().map(|package| package.sha256.clone()).collect();
    let site = Site::new(
        &plain
            .with(extra("susedata", &list(&pkgids)))
            .with(extra("susedata.de", &list(&pkgids[1..]))),
    );
    let report = select(&site, without(&["plain-0001"])).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(report.warnings, [""; 0], "one that says less says what it says");
    for (kind, expected) in [("susedata", 2), ("susedata.de", 1)] {
        let (head, packages, _) = elements(&document(&site, kind));
        assert_eq!(packages.len(), expected, "{kind}");
        assert!(head.contains(&format!("packages=\"{expected}\"")), "{head}");
        assert!(!packages.concat().contains(&pkgids[1]), "{kind}");
    }
}

#[tokio::test]
async fn treeinfo_vouches_for_no_metadata_that_was_made_anew() {
    let images: [(&str, &[u8]); 1] = [("images/boot.iso", b"boot")];
    let site = Site::new(&samples::plain(3).treeinfo("BaseOS", &images));
    let file = site.written.dir.join(".treeinfo");
    let digest = format!("[checksums]\nrepodata/repomd.xml = sha256:{}\n", "0".repeat(64));
    let theirs = std::fs::read_to_string(&file).unwrap().replace("[checksums]\n", &digest);
    std::fs::write(&file, &theirs).unwrap();
    let image = theirs.lines().find(|line| line.starts_with("images/boot.iso = sha256:")).unwrap();
    let source = || source(&site.upstream.url()).with_treeinfo(true);
    let report = run(&site, source().select(without(&["plain-0001"]))).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    let ours = std::fs::read_to_string(site.tree().join(".treeinfo")).unwrap();
    assert!(!ours.contains("repodata/repomd.xml") && ours.contains(image), "{ours}");
    let lines = theirs.lines().filter(|line| !line.starts_with("repodata/"));
    assert_eq!(ours.lines().collect::<Vec<_>>(), lines.collect::<Vec<_>>());
    // Upstream's own stays as it is.
    assert_eq!(run(&site, source()).await.outcome, Outcome::Published);
    assert_eq!(std::fs::read_to_string(site.tree().join(".treeinfo")).unwrap(), theirs);
}

#[tokio::test]
async fn the_order_of_patterns_makes_no_new_generation() {
    let site = Site::new(&samples::plain(3));
    let of = |patterns: &[&str]| Selection { include: globs(patterns), ..Selection::default() };
    select(&site, of(&["plain-0001", "plain-0002"])).await;
    let report = select(&site, of(&["plain-0002", "plain-0001", "plain-0002"])).await;
    assert_eq!((report.outcome, report.generation), (Outcome::Unchanged, Some(1)), "{report:#?}");
}
