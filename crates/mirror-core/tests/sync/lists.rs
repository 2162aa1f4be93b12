//! What leads to a repository, and what lies beside it: mirror lists, metalinks, `.treeinfo`.

use std::sync::Arc;

use mirror_core::digest::Sha256;
use mirror_core::path::TreePath;
use mirror_core::report::Outcome;
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::{Job, Mirror, Mode};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::{Fault, Upstream};
use tokio_util::sync::CancellationToken;

use super::support::{Site, options};

async fn run(site: &Site, source: RpmSource) -> mirror_core::report::TreeReport {
    let job = Job::new(source, TreePath::new("demo").unwrap());
    super::support::sync(&site.root(), &[job]).await.unwrap().trees.remove(0)
}

#[tokio::test]
async fn a_mirror_list_leads_to_mirrors_and_the_next_one_takes_over() {
    let site = Site::new(&samples::plain(4));
    let broken = Upstream::serve(&site.written.dir);
    let lost = &site.written.package("plain-0002").path;
    broken.fault(lost, Fault::Status(404));
    let named =
        format!("# mirrors\nrsync://nowhere/x\n{}\n{}/\n", broken.url(), site.upstream.url());
    let lists = Upstream::serve_files([("list", named)]);
    let source = RpmSource::new(Location::MirrorList(lists.url_of("list").parse().unwrap()));
    let report = run(&site, source).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    site.assert_equal_to_upstream();
    assert_eq!(site.upstream.count(lost), 1, "the second mirror gave what the first lacks");
    let blobs = super::support::listing(&site.root().join(".mirror/blobs"));
    let blobs = blobs.into_keys().filter(|path| path.is_file()).count();
    assert_eq!(blobs, site.written.files.len(), "the list itself is not kept");
}

#[tokio::test]
async fn what_most_mirrors_lack_is_not_asked_of_all_of_them() {
    let site = Site::new(&samples::plain(1));
    let mirrors: Vec<_> = (0..5).map(|_| Upstream::serve(&site.written.dir)).collect();
    let bases = mirrors.iter().map(|mirror| mirror.url().parse().unwrap()).collect();
    let report = run(&site, RpmSource::new(Location::Bases(bases))).await;
    assert_eq!(report.outcome, Outcome::Published);
    let asked = mirrors.iter().map(|m| m.count("repodata/repomd.xml.asc")).sum::<usize>();
    assert_eq!(asked, 3);
}

#[tokio::test]
async fn a_metalink_leads_to_mirrors() {
    let site = Site::new(&samples::plain(2));
    let repomd = std::fs::read(site.written.dir.join("repodata/repomd.xml")).unwrap();
    let metalink = format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">
<size>{}</size><verification><hash type="sha256">{}</hash></verification>
<resources maxconnections="1">
<url protocol="http" type="http" preference="100">{}/repodata/repomd.xml</url>
</resources></file></files></metalink>"#,
        repomd.len(),
        Sha256::of(&repomd),
        site.upstream.url()
    );
    let lists = Upstream::serve_files([("metalink", metalink)]);
    let source = RpmSource::new(Location::Metalink(lists.url_of("metalink").parse().unwrap()));
    assert_eq!(run(&site, source).await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn a_tree_that_an_installer_boots_from_comes_with_its_files() {
    let images = [("images/pxeboot/vmlinuz", &b"kernel"[..]), ("images/boot.iso", &b"iso"[..])];
    let site = Site::new(&samples::plain(2).treeinfo("BaseOS", &images));
    let source = || super::support::source(&site.upstream.url()).with_treeinfo(true);
    let report = run(&site, source()).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    for (path, content) in images {
        assert_eq!(site.sha256(path), Some(Sha256::of(content).hex()), "{path}");
    }
    assert!(site.sha256(".treeinfo").is_some());
    site.upstream.clear_requests();
    assert_eq!(run(&site, source()).await.outcome, Outcome::Unchanged);
    // Without the option it is another tree: the files go, after their grace.
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
}

#[tokio::test]
async fn another_selection_is_never_no_change() {
    let site = Site::new(&samples::plain(2));
    site.sync().await;
    let mirror = Mirror::open(&site.root(), options()).await.unwrap();
    let source = super::support::source(&site.upstream.url()).with_treeinfo(true);
    let job = Job::new(source, TreePath::new("demo").unwrap());
    let cancel = CancellationToken::new();
    let report = mirror.sync(&[job], Mode::Apply, Arc::new(()), &cancel).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Published);
    assert_eq!(report.trees[0].warnings.len(), 1, "there is no .treeinfo: {report:#?}");
}
