//! Metadata that is broken, or lies, beside a selection.

use std::collections::BTreeMap;
use std::fs;

use mirror_core::digest::Sha256;
use mirror_core::report::{Outcome, TreeReport};

use mirror_fixtures::{Compression, Extra, samples};

use super::{elements, packages, repomd, run, without};
use crate::support::{Site, read_repository, source};

/// Upstream with a document of that kind changed, and listed as it is; what comes of a part of it, over
/// a published root.
async fn with(kind: &str, change: impl Fn(&str) -> Vec<u8>) -> (Site, TreeReport) {
    let site = Site::new(&samples::plain(4).compression(Compression::None));
    let part_of = |url: &str| source(url).select(without(&["plain-0003"]));
    run(&site, part_of(&site.upstream.url())).await;
    let before = fs::read(site.tree().join("repodata/repomd.xml")).unwrap();
    let mut files: BTreeMap<String, Vec<u8>> = site
        .written
        .files
        .iter()
        .map(|file| (file.path.clone(), fs::read(site.written.dir.join(&file.path)).unwrap()))
        .collect();
    let listed = site.written.metadata(kind);
    let content = change(std::str::from_utf8(&files[&listed.path]).unwrap());
    let sum = Sha256::of(&content).hex();
    let entry = String::from_utf8(files["repodata/repomd.xml"].clone()).unwrap();
    let said = format!("<size>{}</size>", listed.size);
    let entry = entry.replace(&listed.sha256, &sum);
    let entry = entry.replace(&said, &format!("<size>{}</size>", content.len()));
    files.remove(&listed.path);
    files.insert(listed.path.replace(&listed.sha256, &sum), content);
    files.insert("repodata/repomd.xml".into(), entry.into_bytes());
    site.upstream.set_files(files);
    let report = run(&site, part_of(&site.upstream.url())).await;
    if report.outcome != Outcome::Published {
        let after = fs::read(site.tree().join("repodata/repomd.xml")).unwrap();
        assert_eq!(after, before, "nothing that was published changes");
    }
    read_repository(&site.tree()).unwrap();
    (site, report)
}

fn count(site: &Site, kind: &str) -> (String, usize) {
    let (text, _) = super::content(&site.tree(), repomd(&site.tree()).record(kind).unwrap());
    let (head, packages, _) = elements(&text);
    let said = head.split("packages=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (said, packages.len())
}

#[tokio::test]
async fn broken_lists_publish_nothing_and_are_named() {
    for (from, to, said) in [
        ("</filelists>", "", "found the end of the document"),
        ("<file>", "<file><unclosed>", "is not well-formed XML"),
        ("pkgid=", "other=", "has no pkgid"),
        ("<file>", "<file>\u{1}", "characters that XML excludes"),
        ("<filelists ", "<otherdata ", "is no filelists document: found <otherdata>"),
        ("<file>", "<file>&bomb;", "refers to &bomb;"),
    ] {
        let (site, report) = with("filelists", |text| text.replacen(from, to, 1).into()).await;
        assert_eq!(report.outcome, Outcome::Failed, "{to}: {report:#?}");
        let reason = &report.failures[0].reason;
        assert!(reason.contains(said), "{to}: {reason}");
        assert!(reason.starts_with(&site.upstream.url()) && reason.contains("-filelists.xml"));
    }
    let (_, report) = with("other", |text| text.as_bytes()[..text.len() / 2].to_vec()).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
    let (_, report) = with("filelists", |_| b"\xfd7zXZ\0 and no more".to_vec()).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
}

#[tokio::test]
async fn lists_that_lie_are_put_right() {
    // Other packages than primary's, and one of its own missing.
    let (site, report) = with("filelists", |text| {
        let (head, mut packages, end) = elements(text);
        let stranger = packages[0].replace("pkgid=\"", "pkgid=\"00");
        packages[1] = stranger;
        format!("{head}{}{end}", packages.join("\n")).into()
    })
    .await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert!(report.warnings[0].ends_with("lists 2 of the 3 packages that are left"), "{report:#?}");
    assert_eq!(count(&site, "filelists"), ("3".into(), 3));
    let lists = repomd(&site.tree());
    let (text, _) = super::content(&site.tree(), lists.record("filelists").unwrap());
    let said = "name=\"plain-0001\" arch=\"noarch\"><version epoch=\"0\" ver=\"1.0\" rel=\"1\"/></package>";
    assert_eq!(text.matches(said).count(), 1, "{text}");
    assert!(!text.contains("pkgid=\"00"), "what is not taken");
    assert_eq!(count(&site, "other"), ("3".into(), 3));

    // The same one over and over.
    let (site, report) = with("other", |text| {
        let (head, packages, end) = elements(text);
        let many = vec![packages[0].clone(); 9].join("\n");
        format!("{head}{many}\n{}{end}", packages.join("\n")).into()
    })
    .await;
    // What is left is what it was; that upstream is another is known all the same.
    assert_eq!((report.outcome, report.generation), (Outcome::Unchanged, Some(1)), "{report:#?}");
    assert_eq!(count(&site, "other"), ("3".into(), 3));
    site.upstream.clear_requests();
    let source = source(&site.upstream.url()).select(without(&["plain-0003"]));
    assert_eq!(run(&site, source).await.outcome, Outcome::Unchanged);
    assert_eq!(site.upstream.requests().len(), 1);

    for lie in ["99", "-1", "none"] {
        let (site, report) = with("primary", |text| {
            text.replacen("packages=\"4\"", &format!("packages=\"{lie}\""), 1).into()
        })
        .await;
        assert!(report.outcome.is_good(), "{report:#?}");
        assert_eq!(count(&site, "primary"), ("3".into(), 3));
    }
}

#[tokio::test]
async fn the_same_build_and_the_same_file_listed_twice_stay_twice() {
    let (site, report) = with("primary", |text| {
        let (head, mut packages, end) = elements(text);
        // The same file at the same place, and another file of the same name and version.
        packages.push(packages[0].clone());
        let other = packages[1].replace("<name>plain-0001", "<name>plain-0002");
        packages.push(other);
        format!("{head}{}{end}", packages.join("\n")).into()
    })
    .await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(packages(&site.tree()).len(), 5);
    assert_eq!(count(&site, "primary"), ("5".into(), 5));
    assert_eq!(count(&site, "filelists"), ("3".into(), 3));
    assert_eq!(report.warnings.len(), 3, "{report:#?}");
}

#[tokio::test]
async fn what_is_written_oddly_is_carried_over_and_smuggles_nothing() {
    let (site, report) = with("filelists", |text| {
        text.replacen(
            "<file>",
            "<!-- </package><package pkgid='x'> --><file><![CDATA[/a&b]]></file><file>",
            1,
        )
        .into()
    })
    .await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    let (text, _) = super::content(&site.tree(), repomd(&site.tree()).record("filelists").unwrap());
    assert!(text.contains("<file>/a&amp;b</file>") && !text.contains("<!"), "{text}");
}

#[tokio::test]
async fn what_is_odd_beside_the_packages_is_told() {
    let content = |kind: &str, name: &str, content: &str| Extra::Content {
        kind: kind.to_owned(),
        name: name.to_owned(),
        content: content.as_bytes().to_vec(),
    };
    let advisory = "<updates><update type=\"security\"><title>no name</title></update></updates>";
    let modules = "---\ndocument: modulemd-translations\nversion: 1\ndata: [\n...\n";
    let repository = samples::plain(2)
        .with(content("updateinfo", "updateinfo.xml", advisory))
        .with(content("modules", "modules.yaml", modules));
    let site = Site::new(&repository);
    let report = run(&site, source(&site.upstream.url()).select(without(&["plain-0001"]))).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    let told = |what: &str| report.warnings.iter().any(|warning| warning.contains(what));
    assert!(
        told("clients cannot name an advisory without an id (\"no name\")"),
        "{:#?}",
        report.warnings
    );
    assert!(told("modules.yaml") && told("a document is carried over unread: "));
}
