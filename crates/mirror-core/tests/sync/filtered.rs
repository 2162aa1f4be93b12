//! Parts of repositories: the metadata lists exactly the tree, in upstream's own records.

mod beside;
mod hostile;
mod layouts;
mod missing;
mod nothing;

use std::fs;
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use mirror_core::format::compression::{Compression as Kind, decoder};
use mirror_core::format::rpm::repomd::{Record, Repomd};
use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, TreeReport};
use mirror_core::signature::Verdict;
use mirror_core::source::rpm::{Check, Glob, RpmSource, Selection, Trust};
use mirror_core::store::Repaired;
use mirror_core::{Job, Mirror, Mode, Target};
use mirror_fixtures::upstream::Fault;
use mirror_fixtures::{Checksum, Compression, Extra, Gpg, samples};

use super::support::{self, Site, listing, patient, read_repository, source};
use super::verify::{repair, verify};

fn globs(patterns: &[&str]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::new(pattern).unwrap()).collect()
}

fn without(patterns: &[&str]) -> Selection {
    Selection { exclude: globs(patterns), ..Selection::default() }
}

async fn run(site: &Site, source: RpmSource) -> TreeReport {
    let job = Job::new(source, TreePath::new("demo").unwrap());
    support::sync(&site.root(), &[job]).await.unwrap().trees.remove(0)
}

async fn select(site: &Site, selection: Selection) -> TreeReport {
    run(site, source(&site.upstream.url()).select(selection)).await
}

fn repomd(folder: &Path) -> Repomd {
    Repomd::read(&*fs::read(folder.join("repodata/repomd.xml")).unwrap()).unwrap()
}

fn content(folder: &Path, record: &Record) -> (String, Kind) {
    let file = BufReader::new(fs::File::open(folder.join(&record.href)).unwrap());
    let mut opened = decoder(file, 1 << 30).unwrap();
    let mut text = String::new();
    opened.read_to_string(&mut text).unwrap();
    (text, opened.get_ref().compression())
}

/// A document taken apart: what is before the first package, each of them, and what is behind the last.
fn elements(text: &str) -> (String, Vec<String>, String) {
    let Some(start) = text.find("<package ") else {
        let (head, end) = text.rsplit_once('\n').unwrap();
        return (format!("{head}\n"), Vec::new(), format!("\n{end}"));
    };
    let end = text.rfind("</package>").unwrap() + "</package>".len();
    let packages = text[start..end].split_inclusive("</package>");
    let packages = packages.map(|element| element.trim().to_owned()).collect();
    (text[..start].to_owned(), packages, text[end..].to_owned())
}

/// Asserts that each list of the tree has upstream's elements of the packages that are `left`, byte for
/// byte, in upstream's order, and nothing else; that repomd.xml says of upstream what it said; and that a
/// client reads it all.
fn assert_carried_over(site: &Site, left: impl Fn(&str) -> bool) {
    let (theirs, ours) = (repomd(&site.written.dir), repomd(&site.tree()));
    assert_eq!((&ours.revision, &ours.tags), (&theirs.revision, &theirs.tags));
    for kind in ["primary", "filelists", "other"] {
        let (theirs, ours) = (theirs.record(kind).unwrap(), ours.record(kind).unwrap());
        assert_eq!(ours.timestamp, theirs.timestamp);
        let (upstream, compressed) = content(&site.written.dir, theirs);
        let (text, own) = content(&site.tree(), ours);
        assert_eq!(own, compressed, "{kind}");
        assert_eq!(ours.open_size.unwrap_or(text.len() as u64), text.len() as u64);
        let (head, upstream, end) = elements(&upstream);
        let expected: Vec<_> = upstream.iter().filter(|element| left(element)).cloned().collect();
        let count = format!("packages=\"{}\"", upstream.len());
        assert!(head.contains(&count), "{head}");
        let head = head.replace(&count, &format!("packages=\"{}\"", expected.len()));
        assert_eq!(elements(&text), (head, expected, end), "{kind}");
    }
    read_repository(&site.tree()).unwrap();
}

fn kinds(folder: &Path) -> Vec<String> {
    repomd(folder).records.into_iter().map(|record| record.kind).collect()
}

fn packages(folder: &Path) -> Vec<String> {
    let (text, _) = content(folder, repomd(folder).record("primary").unwrap());
    let hrefs =
        text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    hrefs.collect()
}

#[tokio::test]
async fn a_part_of_a_repository_lists_what_it_holds() {
    for (compression, checksum) in [
        (Compression::Gzip, Checksum::Sha256),
        (Compression::Xz, Checksum::Sha512),
        (Compression::Zstd, Checksum::Sha),
        (Compression::Bzip2, Checksum::Sha256),
        (Compression::None, Checksum::Sha256),
    ] {
        let repository = samples::plain(6).compression(compression).checksum(checksum);
        let site = Site::new(&repository);
        let report = select(&site, without(&["plain-0001", "*-0002"])).await;
        assert_eq!(report.outcome, Outcome::Published, "{report:?}");
        assert_eq!((report.changes.new, report.files), (4, 4 + 3 + 1));
        assert_eq!(report.warnings, [""; 0]);
        assert_carried_over(&site, |e| !e.contains("plain-0001") && !e.contains("plain-0002"));
        let ours = repomd(&site.tree());
        let strong = ["sha256", "sha512"][usize::from(checksum == Checksum::Sha512)];
        for record in &ours.records {
            let digest = record.checksum.unwrap();
            assert_eq!(digest.algorithm().name(), strong);
            let name = format!("repodata/{}-{}.xml", digest.hex(), record.kind);
            assert!(record.href.starts_with(&name), "{}", record.href);
        }
        let asked = site.upstream.requests();
        assert!(!asked.iter().any(|request| request.path.contains("plain-0001")), "{asked:#?}");
    }
}

#[tokio::test]
async fn every_selection_publishes() {
    let site = Site::new(&samples::versions());
    let newest = Selection { newest_only: std::num::NonZeroUsize::new(1), ..Selection::default() };
    assert_eq!(select(&site, newest).await.outcome, Outcome::Published);
    let kept = ["tool-1.10-1", "epoch-1.0-1", "caret-1.0^git1", "single-1.0"];
    assert_eq!(packages(&site.tree()).len(), kept.len());
    assert!(packages(&site.tree()).iter().all(|p| kept.iter().any(|kept| p.contains(kept))));
    read_repository(&site.tree()).unwrap();

    let site = Site::new(&samples::streams());
    let newest = Selection { newest_only: std::num::NonZeroUsize::new(1), ..Selection::default() };
    assert_eq!(select(&site, newest.clone()).await.outcome, Outcome::Published);
    let kept = ["member-1.1-", "member-2.1-", "tool-1.10-"];
    assert_eq!(packages(&site.tree()).len(), kept.len());
    assert!(packages(&site.tree()).iter().all(|p| kept.iter().any(|kept| p.contains(kept))));
    let (modules, _) = content(&site.tree(), repomd(&site.tree()).record("modules").unwrap());
    assert_eq!(modules.matches("document: modulemd\n").count(), 2, "{modules}");
    assert!(modules.contains("modulemd-defaults") && !modules.contains("member-0:1.0-"));

    // Where it is not known which packages are of which stream, none is taken for another.
    let broken = samples::versions().with(Extra::Content {
        kind: "modules".to_owned(),
        name: "modules.yaml".to_owned(),
        content: b"---\ndocument: modulemd\nversion: 2\ndata: [\n...\n".to_vec(),
    });
    let unknown = Site::new(&broken);
    let report = select(&unknown, newest).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
    let reason = &report.failures[0].reason;
    assert!(reason.contains("it is not known which packages are of modules"), "{reason}");

    let site = Site::new(&samples::versions());
    let include = Selection { include: globs(&["tool", "single"]), ..Selection::default() };
    assert_eq!(select(&site, include).await.outcome, Outcome::Published);
    assert_carried_over(&site, |e| {
        e.contains(">tool<") || e.contains("\"tool\"") || e.contains("single")
    });

    let site = Site::new(&samples::multilib());
    let arch = Selection { arches: vec!["x86_64".into()], ..Selection::default() };
    assert_eq!(select(&site, arch).await.outcome, Outcome::Published);
    assert_carried_over(&site, |e| !e.contains("<arch>src<") && !e.contains("arch=\"src\""));
}

#[tokio::test]
async fn what_drops_nothing_stays_bit_for_bit() {
    let site = Site::new(&samples::plain(5));
    assert_eq!(select(&site, without(&["other*"])).await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
    // And back again.
    assert_eq!(select(&site, without(&["plain-0001"])).await.outcome, Outcome::Published);
    assert_carried_over(&site, |element| !element.contains("plain-0001"));
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn the_same_upstream_and_selection_give_the_same_bytes_and_one_request() {
    let mut repository = samples::plain(20);
    let mut site = Site::new(&repository);
    let selection = || without(&["plain-0003"]);
    select(&site, selection()).await;
    let first = fs::read(site.tree().join("repodata/repomd.xml")).unwrap();
    let before = listing(&site.root());
    site.upstream.clear_requests();
    let report = select(&site, selection()).await;
    assert_eq!((report.outcome, report.generation), (Outcome::Unchanged, Some(1)));
    assert_eq!(site.upstream.requests().len(), 1);
    let written: Vec<_> = listing(&site.root())
        .into_iter()
        .filter(|(path, seen)| before.get(path) != Some(seen))
        .map(|(path, _)| path.strip_prefix(site.root()).unwrap().to_owned())
        .collect();
    let expected =
        [".mirror", ".mirror/lock", ".mirror/parts", ".mirror/runs"].map(std::path::PathBuf::from);
    assert_eq!(written, expected);

    let other = Site::new(&repository);
    select(&other, selection()).await;
    assert_eq!(fs::read(other.tree().join("repodata/repomd.xml")).unwrap(), first);

    // Upstream moves on: what is new comes, and nothing else.
    repository.update(samples::plain_package(5, "2"));
    site.write(&repository);
    site.upstream.clear_requests();
    let report = select(&site, selection()).await;
    assert_eq!((report.outcome, report.changes.updated), (Outcome::Published, 1));
    assert_carried_over(&site, |element| !element.contains("plain-0003"));
    let packages = site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count();
    assert_eq!(packages, 1, "{:#?}", site.upstream.requests());
}

#[tokio::test]
async fn nothing_of_upstreams_own_lists_stays_behind() {
    let site = Site::new(&samples::plain(20));
    select(&site, without(&["plain-0003"])).await;
    let (theirs, ours) = (repomd(&site.written.dir), repomd(&site.tree()));
    let blob = |sha256: &str| {
        let path = format!(".mirror/blobs/sha256/{}/{sha256}", &sha256[..2]);
        site.root().join(path).exists()
    };
    for (theirs, ours) in theirs.records.iter().zip(&ours.records) {
        assert!(!blob(&theirs.checksum.unwrap().hex()), "{}", theirs.kind);
        assert!(blob(&ours.checksum.unwrap().hex()), "{}", ours.kind);
    }
}

#[tokio::test]
async fn what_lists_no_packages_is_carried_over_and_what_cannot_be_filtered_is_left_out() {
    let opaque = |kind: &str, name: &str| Extra::Content {
        kind: kind.to_owned(),
        name: name.to_owned(),
        content: kind.as_bytes().to_vec(),
    };
    let repository = samples::every_kind()
        .with(opaque("primary_db", "primary.sqlite"))
        .with(opaque("filelists_zck", "filelists.xml.zck"));
    let site = Site::new(&repository);
    let report = select(&site, without(&["source"])).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:?}");
    assert_eq!(
        report.warnings,
        ["the metadata is made anew for what is left, without filelists_zck, prestodelta, \
          primary_db, which clients do not need"]
    );
    assert_carried_over(&site, |element| {
        !element.contains(">source<") && !element.contains("\"source\"")
    });
    assert_eq!(
        kinds(&site.tree()),
        [
            "primary",
            "filelists",
            "other",
            "group",
            "group_gz",
            "modules",
            "productid",
            "updateinfo",
            "weather"
        ]
    );
    for kind in ["productid", "weather"] {
        let of = |folder: &Path| repomd(folder).record(kind).cloned().unwrap();
        assert_eq!(of(&site.tree()), of(&site.written.dir));
    }
    let other = select(&site, without(&["source", "member"])).await;
    assert_eq!((other.outcome, other.warnings.len()), (Outcome::Published, 0), "said once");
}

#[tokio::test]
async fn no_signature_of_upstreams_lies_beside_metadata_of_our_own() {
    let Some(gpg) = Gpg::new() else { return };
    let gpg = Arc::new(gpg);
    let key = gpg.make("vendor", "ed25519", "never", &[]);
    let signer = gpg.signer(&key);
    let mut repository = samples::plain(4).signed_by(&signer);
    let mut site = Site::new(&repository);
    let trust =
        Trust { pinned: vec![key.parse().unwrap()], check: Check::Require, ..Trust::default() };
    let run_it = async |site: &Site| {
        let source = source(&site.upstream.url()).select(without(&["plain-0001"]));
        run(site, source.trust(trust.clone())).await
    };
    let report = run_it(&site).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:?}");
    assert!(matches!(report.signature, Some(Verdict::Good { .. })), "{report:?}");
    for name in ["repomd.xml.asc", "repomd.xml.key"] {
        assert!(!site.tree().join("repodata").join(name).exists(), "{name}");
    }
    // The signature is asked for too, since it may be another; and nothing is written.
    let before = listing(&site.root().join(".mirror/blobs"));
    site.upstream.clear_requests();
    assert_eq!(run_it(&site).await.outcome, Outcome::Unchanged);
    assert_eq!(site.upstream.requests().len(), 2, "{:#?}", site.upstream.requests());
    assert_eq!(listing(&site.root().join(".mirror/blobs")), before);

    // What upstream's keys guard, they guard here.
    repository.touch();
    let tampered = repository.clone().signed(b"no signature".to_vec(), b"".to_vec());
    site.write(&tampered);
    assert_eq!(run_it(&site).await.outcome, Outcome::Failed);
    site.write(&repository);
    assert_eq!(run_it(&site).await.outcome, Outcome::Published);
}

#[tokio::test]
async fn an_older_and_a_shrunken_upstream_are_refused() {
    let mut repository = samples::plain(9);
    let old = repository.clone();
    repository.touch();
    let mut site = Site::new(&repository);
    let selection = || without(&["plain-0001"]);
    select(&site, selection()).await;
    site.write(&old);
    let report = select(&site, selection()).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.failures[0].reason.contains("older"), "{report:?}");

    for number in 2..8 {
        repository.remove(&format!("plain-000{number}"));
    }
    site.write(&repository);
    let report = select(&site, selection()).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.failures[0].reason.contains("6 of 8"), "{report:?}");
    assert_eq!(packages(&site.tree()).len(), 8);
}

#[tokio::test]
async fn verify_repair_and_rollback_need_no_upstream() {
    let mut repository = samples::plain(5);
    let mut site = Site::new(&repository);
    select(&site, without(&["plain-0001"])).await;
    let first = fs::read(site.tree().join("repodata/repomd.xml")).unwrap();
    repository.update(samples::plain_package(2, "2"));
    site.write(&repository);
    select(&site, without(&["plain-0001"])).await;
    assert!(verify(&site.root()).await.findings().next().is_none());

    // Of a file with a blob the blob is taken.
    let primary = repomd(&site.tree()).record("primary").unwrap().href.clone();
    site.upstream.fault_all(Fault::Status(503));
    fs::remove_file(site.tree().join(&primary)).unwrap();
    let check = repair(&site.root()).await;
    assert!(check.findings().all(|finding| finding.repaired == Some(Repaired::Done)), "{check:?}");
    read_repository(&site.tree()).unwrap();

    // One that is lost altogether is made anew by the next sync, which is said.
    let hex = repomd(&site.tree()).record("primary").unwrap().checksum.unwrap().hex();
    let blob = site.root().join(format!(".mirror/blobs/sha256/{}/{hex}", &hex[..2]));
    for path in [&blob, &site.tree().join(&primary)] {
        fs::write(path, "damaged").unwrap();
    }
    site.upstream.clear_faults();
    let check = repair(&site.root()).await;
    let said: Vec<_> = check.findings().filter_map(|finding| finding.repaired.clone()).collect();
    let not = format!("{primary}: made here, so no upstream has it; the next sync makes it anew");
    assert!(said.contains(&Repaired::Not(not)), "{said:?}");
    let report = select(&site, without(&["plain-0001"])).await;
    assert!(report.outcome.is_good(), "{report:?}");
    read_repository(&site.tree()).unwrap();
    assert!(verify(&site.root()).await.findings().next().is_none());

    let mirror = Mirror::open(&site.root(), patient()).await.unwrap();
    site.upstream.fault_all(Fault::Status(503));
    let target = Target { name: Some("demo".into()), to: None };
    mirror.rollback(&target, Mode::Apply, &()).await.unwrap();
    drop(mirror);
    assert_eq!(fs::read(site.tree().join("repodata/repomd.xml")).unwrap(), first);
    read_repository(&site.tree()).unwrap();
}
