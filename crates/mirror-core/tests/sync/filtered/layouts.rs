//! Packages and metadata that lie elsewhere than below the repository.

use std::fs;

use mirror_core::report::Outcome;
use mirror_fixtures::upstream::Upstream;
use mirror_fixtures::{Layout, WrittenKind, samples};

use super::{elements, packages, repomd, run, without};
use crate::support::{Site, read_repository, source};

#[tokio::test]
async fn packages_of_another_host_are_mirrored_and_listed_where_they_are() {
    let pool = tempfile::tempdir().unwrap();
    let beside = samples::plain(4).write(pool.path());
    let other = Upstream::serve(&beside.dir);
    let site = Site::new(&samples::plain(4).xml_base(&other.url()));
    for package in site.written.packages() {
        fs::remove_file(site.written.dir.join(&package.path)).unwrap();
    }
    let report = run(&site, source(&site.upstream.url())).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    let expected: Vec<_> =
        (0..4).map(|n| format!("Packages/plain-000{n}-1.0-1.noarch.rpm")).collect();
    assert_eq!(packages(&site.tree()), expected);
    read_repository(&site.tree()).unwrap();
    let (ours, _) = super::content(&site.tree(), repomd(&site.tree()).record("primary").unwrap());
    let (theirs, _) =
        super::content(&site.written.dir, repomd(&site.written.dir).record("primary").unwrap());
    assert!(!ours.contains("xml:base"), "{ours}");
    // Nothing but the places is another.
    let plain = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("<location"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(plain(&ours), plain(&theirs));
    site.upstream.clear_requests();
    let again = run(&site, source(&site.upstream.url())).await;
    assert_eq!((again.outcome, site.upstream.requests().len()), (Outcome::Unchanged, 1));

    let report = run(&site, source(&site.upstream.url()).select(without(&["plain-0002"]))).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(packages(&site.tree()).len(), 3);
    read_repository(&site.tree()).unwrap();
}

#[tokio::test]
async fn a_pool_beside_the_repository_is_mirrored() {
    let site = Site::new(&samples::plain(4).layout(Layout::Folder("../pool".into())));
    // The repository is a folder of what is served.
    let upstream = Upstream::serve(site.written.dir.parent().unwrap());
    let name = site.written.dir.file_name().unwrap().to_str().unwrap().to_owned();
    let url = upstream.url_of(&format!("{name}/"));
    let report = run(&site, source(&url)).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert!(packages(&site.tree()).iter().all(|path| path.starts_with("Packages/plain-")));
    read_repository(&site.tree()).unwrap();
}

#[tokio::test]
async fn two_packages_of_one_name_lie_apart() {
    let site = Site::new(&samples::plain(2));
    // The second one's file has the first one's name, in another folder.
    let (first, second) = (site.written.package("plain-0000"), site.written.package("plain-0001"));
    let file = |path: &str| fs::read(site.written.dir.join(path)).unwrap();
    let name = first.path.rsplit('/').next().unwrap();
    let mut files: std::collections::BTreeMap<String, Vec<u8>> = site
        .written
        .files
        .iter()
        .filter(|file| matches!(file.kind, WrittenKind::EntryPoint | WrittenKind::Metadata(_)))
        .map(|f| (format!("repo/{}", f.path), file(&f.path)))
        .collect();
    files.insert(format!("a/{name}"), file(&first.path));
    files.insert(format!("b/{name}"), file(&second.path));
    let primary = site.written.metadata("primary");
    let (text, _) =
        super::content(&site.written.dir, repomd(&site.written.dir).record("primary").unwrap());
    let text = text
        .replace(&format!("href=\"{}\"", first.path), &format!("href=\"../a/{name}\""))
        .replace(&format!("href=\"{}\"", second.path), &format!("href=\"../b/{name}\""));
    let entry = String::from_utf8(file("repodata/repomd.xml")).unwrap();
    let entry =
        entry.replace(&primary.sha256, &mirror_core::digest::Sha256::of(text.as_bytes()).hex());
    let href = format!("repo/{}", primary.path);
    files.remove(&href);
    files.insert(
        href.replace(&primary.sha256, &mirror_core::digest::Sha256::of(text.as_bytes()).hex()),
        text.into_bytes(),
    );
    files.insert("repo/repodata/repomd.xml".into(), entry.into_bytes());
    let upstream = Upstream::serve_files(files);
    let report = run(&site, source(&upstream.url_of("repo/"))).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    let expected: Vec<_> =
        [first, second].map(|file| format!("Packages/{}/{name}", &file.sha256[..16])).into();
    assert_eq!(packages(&site.tree()), expected);
    read_repository(&site.tree()).unwrap();
    let (text, _) = super::content(&site.tree(), repomd(&site.tree()).record("filelists").unwrap());
    assert_eq!(elements(&text).1.len(), 2);
}
