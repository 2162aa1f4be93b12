//! The formats, held against repositories that nobody on this project made.
//!
//! The data is no part of the project: it lies in `../shared/real` beside the workspace's root, or
//! where `MIRROR_REAL_DATA` says. Where it is absent these tests pass, and say that they were skipped.

#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![allow(clippy::case_sensitive_file_extension_comparisons)] // the data is what it is

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use mirror_core::digest::{Digest, Sha256};
use mirror_core::format::compression::decoder;
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::comps::Comps;
use mirror_core::format::rpm::header::Headers;
use mirror_core::format::rpm::metalink::Metalink;
use mirror_core::format::rpm::modules::{self, Broken, Modules};
use mirror_core::format::rpm::record::{Document, Listing, Record};
use mirror_core::format::rpm::repofile::{RepoFile, Variables};
use mirror_core::format::rpm::repomd::Repomd;
use mirror_core::format::rpm::treeinfo::TreeInfo;
use mirror_core::format::rpm::updateinfo::{self, Advisory, read_advisories};
use mirror_core::format::rpm::{blocks, filelists, mirrorlist, other, primary, version};
use mirror_core::limits;
use mirror_fixtures::tool;

/// The folder of real data, if it is here.
fn real() -> Option<PathBuf> {
    let folder = std::env::var_os("MIRROR_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real"),
        PathBuf::from,
    );
    if folder.join("rpm").is_dir() {
        return Some(folder.join("rpm"));
    }
    eprintln!("skipped: no real data at {}", folder.display());
    None
}

/// All files whose path satisfies `wanted`, in order.
fn files(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = real().into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(path.to_str().unwrap()) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn named(part: &'static str) -> Vec<PathBuf> {
    files(move |path| path.contains(part) && !path.ends_with(".zck") && !is_snippet(path))
}

/// Pieces of documents, and documents broken on purpose.
fn is_snippet(path: &str) -> bool {
    path.contains("repodata_snippets") || path.contains("modified_repo_files")
}

fn content(path: &Path) -> Vec<u8> {
    let mut content = Vec::new();
    decoder(BufReader::new(File::open(path).unwrap()), limits::METADATA_OPEN_SIZE)
        .unwrap()
        .read_to_end(&mut content)
        .unwrap();
    content
}

type Packages = Result<(primary::Summary, Vec<String>), FormatError>;

fn packages(document: &[u8]) -> Packages {
    let mut packages = Vec::new();
    let summary = primary::read_packages(document, |package| {
        packages.push(format!("{package:?}"));
        Ok::<_, FormatError>(())
    })?;
    Ok((summary, packages))
}

/// The same, by the full reader: a comment in the head is nothing for the fast one.
fn packages_by_full_reader(document: &[u8]) -> Packages {
    let text = String::from_utf8_lossy(document);
    packages(text.replacen("<metadata", "<!-- --><metadata", 1).as_bytes())
}

#[test]
fn every_primary_is_read_and_counted_right_by_both_readers() {
    let mut total = 0;
    for path in named("primary.xml") {
        let document = content(&path);
        let (summary, fast) = packages(&document).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(summary.declared, Some(summary.packages), "{path:?}");
        assert_eq!(packages_by_full_reader(&document).unwrap(), (summary, fast), "{path:?}");
        total += summary.packages;
    }
    eprintln!("{total} packages");
}

#[test]
fn odd_primaries_mean_the_same_to_both_readers() {
    for path in files(|path| path.contains("modified_repo_files") && path.contains("primary")) {
        let document = content(&path);
        match (packages(&document), packages_by_full_reader(&document)) {
            (Ok(fast), Ok(full)) => assert_eq!(fast, full, "{path:?}"),
            (fast, full) => {
                eprintln!("{path:?}: {:?}", fast.as_ref().err().map(ToString::to_string));
                assert_eq!(fast.is_ok(), full.is_ok(), "{path:?}");
            }
        }
    }
}

/// The document again, made of its elements as filters carry them over.
fn carried(document: &[u8], kind: blocks::Kind) -> Vec<u8> {
    let mut elements = Vec::new();
    let mut take = |element: &[u8]| {
        elements.extend_from_slice(element);
        elements.push(b'\n');
    };
    let (root, count) = if kind == blocks::Kind::Primary {
        let mut packages = blocks::Packages::new(document).unwrap();
        while let Some((_, element)) = packages.next().unwrap() {
            take(element);
        }
        (packages.root().clone(), packages.summary().packages)
    } else {
        let mut entries = blocks::Entries::new(document, kind).unwrap();
        while let Some((_, element)) = entries.next().unwrap() {
            take(element);
        }
        (entries.root().clone(), entries.summary().packages)
    };
    let mut out = Vec::new();
    root.write_start(&mut out, count).unwrap();
    out.extend_from_slice(&elements);
    root.write_end(&mut out).unwrap();
    out
}

#[test]
fn lists_of_packages_are_carried_over_byte_for_byte() {
    // Made by older versions or other tools: other indents and orders around the elements.
    let foreign =
        ["/repo_00/", "/repo_01/", "/repo_02/", "/suse-md/", "/zoo-katello/", "/yum_mock/"];
    for (kind, part) in [
        (blocks::Kind::Primary, "primary.xml"),
        (blocks::Kind::Filelists, "filelists.xml"),
        (blocks::Kind::Other, "other.xml"),
    ] {
        for path in named(part) {
            let document = content(&path);
            let again = carried(&document, kind);
            let name = path.display();
            if foreign.iter().any(|part| path.to_str().unwrap().contains(part)) {
                assert!(carried(&again, kind) == again, "{name} is another the second time");
            } else {
                assert!(again == document.trim_ascii_end(), "{name} is another");
            }
        }
    }
}

#[test]
fn every_repomd_is_read_and_those_of_createrepo_c_are_written_back_to_the_byte() {
    // Made by other tools, by older versions, or by hand: other indents and orders.
    let foreign =
        ["/repo_01/", "/repo_02/", "/yum_mock/", "/repo_yum_", "/suse-md/", "/zoo-katello/"];
    for path in files(|path| path.ends_with("/repomd.xml")) {
        let document = content(&path);
        let repomd = Repomd::read(&document[..]).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let primary = repomd.record("primary").unwrap();
        assert!(primary.checksum.is_some(), "{path:?}");
        let mut out = Vec::new();
        repomd.write(&mut out).unwrap();
        assert_eq!(Repomd::read(&out[..]).unwrap(), repomd);
        if !foreign.iter().any(|part| path.to_str().unwrap().contains(part)) {
            assert!(out == document, "{path:?} is written differently");
        }
    }
}

#[test]
fn versions_have_rpms_order() {
    let Some(real) = real() else { return };
    let pairs = fs::read(real.join("sig-go-rpm/vercmp.json")).unwrap();
    let pairs: Vec<serde_json::Value> = serde_json::from_slice(&pairs).unwrap();
    assert!(!pairs.is_empty());
    for pair in &pairs {
        let (a, b) = (pair["a"].as_str().unwrap(), pair["b"].as_str().unwrap());
        let order = version::compare(a, b) as i64;
        assert_eq!(Some(order), pair["expect"].as_i64(), "{a:?} and {b:?}");
    }
}

#[test]
fn every_filelists_and_other_is_read_and_counted_right() {
    let (mut files, mut changes) = (0, 0);
    for path in named("filelists.xml") {
        let summary = filelists::read_packages(&content(&path)[..], |_, of_package| {
            files += of_package.len();
            Ok::<_, FormatError>(())
        })
        .unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(summary.declared, Some(summary.packages), "{path:?}");
    }
    for path in named("other.xml") {
        let summary = other::read_packages(&content(&path)[..], |_, log| {
            changes += log.changes().len();
            Ok::<_, FormatError>(())
        })
        .unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(summary.declared, Some(summary.packages), "{path:?}");
    }
    eprintln!("{files} files, {changes} changes");
}

#[test]
fn filelists_tell_the_packages_that_the_primary_tells() {
    let Some(real) = real() else { return };
    for folder in ["azurelinux", "centos9-baseos-md", "zoo-katello/zoo"] {
        let repodata = real.join(folder).join("repodata");
        let document = |part: &str| {
            let mut found = fs::read_dir(&repodata).unwrap().map(|entry| entry.unwrap().path());
            content(&found.find(|path| path.to_str().unwrap().contains(part)).unwrap())
        };
        let mut in_primary = Vec::new();
        primary::read_packages(&document("-primary.xml")[..], |p| {
            in_primary.push((p.checksum.hex(), p.name.to_owned(), p.version.to_owned()));
            Ok::<_, FormatError>(())
        })
        .unwrap();
        let mut in_filelists = Vec::new();
        filelists::read_packages(&document("-filelists.xml")[..], |id, _| {
            in_filelists.push((id.pkgid.clone(), id.name.clone(), id.version.clone()));
            Ok::<_, FormatError>(())
        })
        .unwrap();
        in_primary.sort();
        in_filelists.sort();
        assert!(in_primary == in_filelists, "{folder}");
    }
}

/// The elements of a document, by pkgid.
fn elements(document: &[u8], kind: blocks::Kind) -> HashMap<String, String> {
    let text = |element: &[u8]| String::from_utf8(element.to_vec()).unwrap();
    let mut found = HashMap::new();
    if kind == blocks::Kind::Primary {
        let mut packages = blocks::Packages::new(document).unwrap();
        while let Some((package, element)) = packages.next().unwrap() {
            found.insert(package.checksum.hex(), text(element));
        }
    } else {
        let mut entries = blocks::Entries::new(document, kind).unwrap();
        while let Some((pkgid, element)) = entries.next().unwrap() {
            found.insert(pkgid.to_owned(), text(element));
        }
    }
    found
}

/// The documents of a repository, as elements by pkgid.
fn described(repodata: &Path) -> [HashMap<String, String>; 3] {
    [
        ("primary.xml", blocks::Kind::Primary),
        ("filelists.xml", blocks::Kind::Filelists),
        ("other.xml", blocks::Kind::Other),
    ]
    .map(|(part, kind)| {
        let mut found = fs::read_dir(repodata).unwrap().map(|entry| entry.unwrap().path());
        elements(&content(&found.find(|path| path.to_str().unwrap().contains(part)).unwrap()), kind)
    })
}

/// Holds what we say of packages against what others say, and counts those that they know.
fn same(theirs: &[HashMap<String, String>; 3], packages: &[PathBuf]) -> usize {
    let mut same = 0;
    for path in packages {
        let bytes = fs::read(path).unwrap();
        let checksum: Digest = Sha256::of(&bytes).into();
        let Some(primary) = theirs[0].get(&checksum.hex()) else { continue };
        let headers = Headers::read(&bytes[..]).unwrap();
        let record = Record::read(&headers, 10).unwrap();
        let between = |start: &str| {
            let rest = primary.split_once(start).unwrap().1;
            rest.split_once('"').unwrap().0.to_owned()
        };
        // Where it lies and since when is another's to say.
        let (href, time) = (between("href=\""), between("<time file=\"").parse().unwrap());
        let size = bytes.len() as u64;
        let listing = Listing { record: &record, checksum, size, time, href: &href };
        for (document, theirs) in Document::ALL.into_iter().zip(theirs) {
            let mut ours = Vec::new();
            listing.write(document, &mut ours).unwrap();
            let ours = String::from_utf8(ours).unwrap();
            let theirs = &theirs[&checksum.hex()];
            assert_eq!(ours.trim_end(), theirs.trim_end(), "{}", path.display());
        }
        same += 1;
    }
    same
}

#[test]
fn packages_are_described_as_upstream_describes_them() {
    let Some(real) = real() else { return };
    let theirs = described(&real.join("azurelinux/repodata"));
    let packages = files(|path| path.contains("azurelinux/packages") && path.ends_with(".rpm"));
    assert_eq!(same(&theirs, &packages), 105);
}

#[test]
fn packages_are_described_as_createrepo_c_describes_them() {
    if real().is_none() || tool("createrepo_c").is_none() {
        return;
    }
    // Before 1.0 it did not know that what comes before a transaction is needed then.
    let packages = files(|path| {
        path.ends_with(".rpm") && !path.contains("librepo") && !path.contains("/Archer-")
    });
    let dir = tempfile::tempdir().unwrap();
    for (number, path) in packages.iter().enumerate() {
        fs::copy(path, dir.path().join(format!("{number}.rpm"))).unwrap();
    }
    let made =
        Command::new("createrepo_c").args(["--quiet", "--no-database"]).arg(dir.path()).output();
    let made = made.unwrap();
    // Its rpm refuses those of a newer format, and ends with 2.
    assert!(matches!(made.status.code(), Some(0 | 2)), "{made:?}");
    let count = same(&described(&dir.path().join("repodata")), &packages);
    eprintln!("{count} of {} packages", packages.len());
    assert!(count > 150, "{count}");
}

#[test]
fn every_package_has_headers_that_are_understood() {
    let mut read = 0;
    for path in files(|path| path.ends_with(".rpm") && !path.contains("librepo")) {
        let headers = Headers::read(BufReader::new(File::open(&path).unwrap()));
        let headers = headers.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let record = Record::read(&headers, 10);
        let record = record.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(!record.nevra().is_empty());
        read += 1;
    }
    eprintln!("{read} packages");
}

#[test]
fn metalinks_are_taken_and_refused_as_by_librepo() {
    for path in files(|path| path.contains("/metalink") && !path.ends_with(".py")) {
        let text = path.to_str().unwrap();
        let result = Metalink::read(&content(&path)[..], "repomd.xml");
        let refused = text.contains("really_bad") || text.contains("badfilename");
        assert_eq!(result.is_err(), refused, "{text}: {result:?}");
        let Ok(metalink) = result else { continue };
        assert_eq!(metalink.alternates.is_empty(), !text.contains("alternates"), "{text}");
        // Their digests are no hexadecimal: librepo takes them, and then refuses every file.
        let bad = ["badchecksum", "nourls", "static/metalink/metalink_with_alternates"];
        let bad = bad.iter().any(|part| text.contains(part));
        assert_eq!(metalink.current.digest().is_err(), bad, "{text}");
        let preferences = metalink.urls.iter().map(|url| url.preference);
        assert!(preferences.is_sorted_by(|a, b| a >= b), "{text}");
    }
}

#[test]
fn every_mirror_list_repo_file_and_treeinfo_is_read() {
    for path in files(|path| path.contains("/mirrorlist")) {
        mirrorlist::read(&content(&path)[..]).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    }
    let variables = Variables::from_pairs([("releasever", "17"), ("basearch", "x86_64")]);
    for path in files(|path| path.ends_with(".repo")) {
        let file = RepoFile::read(&content(&path)[..]).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert!(!file.repos.is_empty());
        for repo in &file.repos {
            let repo = repo.substitute(&variables).unwrap();
            repo.boolean("gpgcheck").unwrap();
            assert!(repo.list("baseurl").all(|url| !url.contains('$')), "{repo:?}");
            assert!(!format!("{repo:?}").contains("pass,"), "{repo:?}");
        }
    }
    for path in files(|path| path.ends_with("/.treeinfo")) {
        let tree = TreeInfo::read(&content(&path)[..]).unwrap();
        assert_eq!(tree.files.len(), 3, "{path:?}");
    }
}

#[test]
fn compressed_files_open_to_their_plain_twins() {
    let Some(real) = real() else { return };
    let folder = real.join("createrepo_c-testdata/compressed_files");
    for name in ["00_plain.txt", "01_plain.txt"] {
        let plain = content(&folder.join(name));
        for extension in ["gz", "bz2", "xz", "zst"] {
            let opened = content(&folder.join(format!("{name}.{extension}")));
            assert_eq!(opened, plain, "{name}.{extension}");
        }
    }
}

fn advisories(document: &[u8]) -> Result<Vec<Advisory>, FormatError> {
    let mut advisories = Vec::new();
    read_advisories(document, |advisory| {
        advisories.push(advisory);
        Ok::<_, FormatError>(())
    })?;
    Ok(advisories)
}

#[test]
fn advisories_are_the_same_once_written() {
    let mut count = 0;
    for path in named("updateinfo") {
        let document = content(&path);
        let Ok(read) = advisories(&document) else {
            assert_eq!(document.len(), 0, "{}", path.display());
            continue;
        };
        let mut out = Vec::new();
        let filtered = updateinfo::filter(&*document, &mut out, |_| true).unwrap();
        assert_eq!(filtered.kept, read.len() as u64);
        assert_eq!(advisories(&out).unwrap(), read, "{}", path.display());
        count += read.len();
    }
    assert!(real().is_none() || count > 100, "{count} advisories");
}

#[test]
fn groups_are_the_same_once_written() {
    let (mut count, mut packages) = (0, 0);
    for path in named("comps").into_iter().filter(|path| path.to_str().unwrap().contains(".xml")) {
        let comps = Comps::read(&*content(&path)).unwrap();
        let mut out = Vec::new();
        comps.write(&mut out).unwrap();
        assert_eq!(Comps::read(&*out).unwrap(), comps, "{}", path.display());
        count += 1;
        packages += comps.groups().map(|group| group.packages.len()).sum::<usize>();
        for environment in comps.environments() {
            assert!(comps.meant(&format!("@^{}", environment.id)).is_some());
        }
    }
    assert!(
        real().is_none() || (count > 10 && packages > 300),
        "{count} files, {packages} packages"
    );
}

#[test]
fn streams_are_known_and_broken_documents_take_no_other_with_them() {
    let (mut streams, mut artifacts) = (0, 0);
    for path in
        files(|path| path.contains("modules") && path.contains(".yaml") && !path.contains(".zck"))
    {
        let document = content(&path);
        let all = Modules::read(&*document).unwrap();
        let mut out = Vec::new();
        let filtered = modules::filter(&*document, &mut out, |_| true).unwrap();
        assert_eq!(filtered.dropped, 0, "{}", path.display());
        streams += all.streams().count();
        artifacts += all.streams().map(|stream| stream.artifacts.len()).sum::<usize>();
        assert_eq!(all.membership().is_err(), all.broken().any(Broken::may_list_packages));
        if path.ends_with("f29.yaml") || path.ends_with("f29-updates.yaml") {
            assert_eq!(all.broken().next(), None, "{}", path.display());
        }
        if path.ends_with("good_and_bad.yaml") {
            assert_eq!((all.streams().count(), all.broken().count()), (2, 1));
        }
    }
    assert!(real().is_none() || (streams > 150 && artifacts > 1_000), "{streams}, {artifacts}");
}
