//! Folders of packages and their metadata, with createrepo_c as the judge.

mod crash;
mod extra;
mod update;

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use mirror_core::digest::Algorithm;
use mirror_core::error::Error;
use mirror_core::format::compression::{Compression, decoder};
use mirror_core::format::rpm::repomd::Repomd;
use mirror_core::index::{Indexed, Links, Options, Outcome, Selection, index};
use mirror_core::pattern::Glob;
use mirror_core::report::{Event, Reporter};
use mirror_core::{CancellationToken, Result};
use mirror_fixtures::{Package, samples, tool};
use tempfile::TempDir;

/// When the metadata of these tests is made.
const TIME: i64 = 1_750_000_000;

/// A folder of packages.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new(packages: &[Package]) -> Self {
        let folder = Self { dir: tempfile::tempdir().unwrap() };
        for package in packages {
            folder.add("", package);
        }
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Adds a package that has been there for long.
    fn add(&self, folder: &str, package: &Package) -> PathBuf {
        let path = self.path(folder).join(package.rpm_name());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, package.build()).unwrap();
        age(&path, 1000);
        path
    }

    fn index(&self, options: &Options) -> Result<Indexed> {
        index(&[self.dir.path().to_owned()], options, &(), &CancellationToken::new())
    }

    fn repomd(&self) -> Repomd {
        let file = File::open(self.path("repodata/repomd.xml")).unwrap();
        Repomd::read(BufReader::new(file)).unwrap()
    }

    /// A document, decompressed.
    fn document(&self, kind: &str) -> String {
        let repomd = self.repomd();
        let record = repomd.record(kind).unwrap_or_else(|| panic!("no {kind}"));
        let file = File::open(self.path(&record.href)).unwrap();
        let mut text = String::new();
        decoder(BufReader::new(file), 1 << 30).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn documents(&self) -> [String; 3] {
        ["primary", "filelists", "other"].map(|kind| self.document(kind))
    }

    /// The names in `repodata`, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("repodata")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Makes a file look as if it was changed so many seconds ago.
fn age(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn options() -> Options {
    Options { compression: Some(Compression::Gzip), ..Options::at(TIME) }
}

/// Packages with all that metadata speaks of.
fn rich() -> Vec<Package> {
    vec![
        Package::new("zebra", "1.0~rc1", "1.el10")
            .arch("x86_64")
            .epoch(2)
            .summary("Stripes & <dots>")
            .description("Two lines,\n  \"quoted\" & with é.")
            .requires("libone >= 1:2.0-3")
            .requires("/usr/bin/zebra")
            .requires("/usr/share/zebra/link")
            .requires("(one or two)")
            .requires("twice = 1")
            .requires("twice < 3")
            .requires("twice = 1")
            .requires("libc.so.6(GLIBC_2.14)(64bit)")
            .requires("libc.so.6(GLIBC_2.2.5)(64bit)")
            .requires("libc.so.6()(64bit)")
            .requires("stripes = 1.0")
            .provides("stripes = 1.0")
            .conflicts("lion > 3")
            .conflicts("tiger = bad:1")
            .obsoletes("horse <= 0.9")
            .recommends("grass")
            .suggests("wäter")
            .supplements("savanna")
            .enhances("zoo")
            .file("/usr/bin/zebra", "#!/bin/sh\n")
            .file("/usr/share/zebra/a & b", "x")
            .config("/etc/zebra.conf", "stripes=yes\n")
            .directory("/usr/share/zebra")
            .link("/usr/share/zebra/link", "a & b")
            .ghost("/var/log/zebra.log")
            .post_install("true")
            .changelog("Zoë \"Z\" <z@example.com> - 1.0-3", 1_700_000_000, "- third\n- & more")
            .changelog("Me <me@example.com> - 1.0-2  ", 1_700_000_000, "- second")
            .changelog("Me <me@example.com> - 1.0-1", 1_700_000_000, "- first"),
        Package::new("apple", "1", "1").file_name("z+apple ^1~ü%&.rpm"),
        Package::new("Pear", "2", "1").arch("i686").payload_size(5000),
        Package::new("source", "1", "1").arch("src").file("/source.spec", "Name: x\n"),
    ]
}

/// Runs createrepo_c, and gives what it says.
fn createrepo(folder: &Folder, arguments: &[&str]) -> [String; 3] {
    let output = Command::new("createrepo_c")
        .args(["--quiet", "--no-database", "--general-compress-type=gz"])
        .args(arguments)
        .arg(folder.dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let documents = folder.documents();
    fs::remove_dir_all(folder.path("repodata")).unwrap();
    documents
}

#[test]
fn metadata_is_that_of_createrepo_c_to_the_byte() {
    if tool("createrepo_c").is_none() {
        return;
    }
    let folder = Folder::new(&rich());
    for package in rich() {
        folder.add("deep/er", &package);
    }
    for number in 0..20 {
        folder.add("deep", &samples::plain_package(number, "1"));
    }
    for (algorithm, name) in
        [(Algorithm::Sha256, "sha256"), (Algorithm::Sha1, "sha"), (Algorithm::Sha512, "sha512")]
    {
        let theirs = createrepo(&folder, &["--checksum", name, "--changelog-limit", "2"]);
        folder.index(&Options { algorithm, changelogs: 2, ..options() }).unwrap();
        for (ours, theirs) in folder.documents().iter().zip(&theirs) {
            // Element by element, so that a failure can be read.
            for (ours, theirs) in ours.split("<package ").zip(theirs.split("<package ")) {
                assert_eq!(ours, theirs);
            }
            assert_eq!(ours, theirs);
        }
        fs::remove_dir_all(folder.path("repodata")).unwrap();
    }
}

#[test]
fn packages_that_rpmbuild_makes_are_described_as_by_createrepo_c() {
    let (Some(rpmbuild), Some(_)) = (tool("rpmbuild"), tool("createrepo_c")) else { return };
    let folder = Folder::new(&[]);
    let spec = b"Name: built\nEpoch: 3\nVersion: 1.0\nRelease: 1\nSummary: Caf\xe9 by rpmbuild\n\
        License: MIT\nGroup: Some/Group\nPackager: P\xf6ter\nVendor: V\nURL: http://example.com/\n\
        BuildArch: noarch\nRequires(pre): a\nRequires(post): b\nRequires(preun): c\nRequires: a\n\
        Requires: libc.so.6(GLIBC_2.4)\nRequires: libc.so.6\nProvides: it = 1:2-3\nRecommends: d\n\
        Suggests: e\nSupplements: f\nEnhances: g\nConflicts: h < 1\nObsoletes: i > 2\n\
        Requires: (j if k)\n\n\
        %description\nIt is\nbuilt.\n\n%install\nmkdir -p %{buildroot}/etc/d %{buildroot}/usr/sbin\n\
        touch %{buildroot}/etc/d/f %{buildroot}/usr/sbin/s\n\n%post\ntrue\n\n%files\n%dir /etc/d\n\
        %config /etc/d/f\n/usr/sbin/s\n%ghost /var/g\n\n%changelog\n\
        * Tue Jan 02 2024 Me <me@example.com> - 2\n- more\n\n\
        * Tue Jan 02 2024 Me <me@example.com> - 1\n- first\n";
    let spec_path = folder.path("built.spec");
    fs::write(&spec_path, spec).unwrap();
    let output = Command::new(rpmbuild)
        .args(["-ba", "--quiet", "--define"])
        .arg(format!("_topdir {}", folder.path("top").display()))
        .args(["--define", "_invalid_encoding_terminates_build 0"])
        .arg(&spec_path)
        .env("HOME", folder.dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let theirs = createrepo(&folder, &[]);
    let indexed = folder.index(&options()).unwrap();
    assert_eq!(indexed.packages, 2, "{indexed:?}");
    assert_eq!(folder.documents(), theirs);
}

#[test]
fn what_cannot_be_listed_is_named_and_left_out() {
    let folder = Folder::new(&[samples::plain_package(1, "1"), samples::plain_package(2, "1")]);
    let whole = samples::plain_package(3, "1").summary("rings a bell: X").build();
    fs::write(folder.path("cut.rpm"), &whole[..1000]).unwrap();
    fs::write(folder.path("empty.rpm"), "").unwrap();
    fs::write(folder.path("page.rpm"), b"<html>".repeat(100)).unwrap();
    let at = whole.windows(7).position(|bytes| bytes == b"bell: X").unwrap();
    let bell = [&whole[..at + 6], b"\x07", &whole[at + 7..]].concat();
    fs::write(folder.path("bell.rpm"), bell).unwrap();
    fs::create_dir(folder.path("folder.rpm")).unwrap();
    symlink("nowhere", folder.path("link.rpm")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("fifo.rpm")).status().unwrap().success());
    fs::write(folder.path("back\\slash.rpm"), &whole).unwrap();

    let indexed = folder.index(&options()).unwrap();
    assert_eq!((indexed.packages, indexed.outcome), (2, Outcome::Published));
    let reasons = [
        ("back\\slash.rpm", "control character, a backslash"),
        ("bell.rpm", "its header has the control character 0x07 in its summary"),
        ("cut.rpm", "its header ends after the file"),
        ("empty.rpm", "its lead ends after the file"),
        ("fifo.rpm", "is no file"),
        ("link.rpm", "is a link that leads nowhere"),
        ("page.rpm", "is no RPM package document: found \"<html><h\""),
    ];
    assert_eq!(indexed.refused.len(), reasons.len(), "{:#?}", indexed.refused);
    for (refused, (path, reason)) in indexed.refused.iter().zip(reasons) {
        assert_eq!(refused.path, path);
        assert!(refused.reason.contains(reason), "{refused:?}");
    }
    for document in folder.documents() {
        assert!(document.contains(" packages=\"2\">"), "{document}");
        assert_eq!(document.matches("<package ").count(), 2);
    }

    // Whoever wants all or nothing gets nothing.
    let before = fs::read(folder.path("repodata/repomd.xml")).unwrap();
    folder.add("", &samples::plain_package(4, "1"));
    let error = folder.index(&Options { strict: true, ..options() }).unwrap_err();
    assert!(matches!(error, Error::NotListed { .. }), "{error}");
    assert_eq!(fs::read(folder.path("repodata/repomd.xml")).unwrap(), before);
    assert!(!folder.path(".repodata").exists());
}

#[test]
fn what_this_host_cannot_read_ends_the_run() {
    let folder = Folder::new(&[samples::plain_package(1, "1")]);
    folder.index(&options()).unwrap();
    let before = fs::read(folder.path("repodata/repomd.xml")).unwrap();
    folder.add("", &samples::plain_package(2, "1"));
    // A file that any user can open, and that nobody can read.
    symlink("/proc/self/mem", folder.path("broken.rpm")).unwrap();
    let error = folder.index(&options()).unwrap_err();
    assert!(error.to_string().contains("broken.rpm: cannot read: "), "{error}");
    assert!(error.is_local());
    assert_eq!(fs::read(folder.path("repodata/repomd.xml")).unwrap(), before);
    assert!(!folder.path(".repodata").exists());

    fs::remove_file(folder.path("broken.rpm")).unwrap();
    symlink("round.rpm", folder.path("round.rpm")).unwrap();
    let indexed = folder.index(&options()).unwrap();
    assert_eq!(indexed.packages, 2);
    assert!(indexed.refused[0].reason.contains("leads nowhere"), "{:?}", indexed.refused);
}

/// Removes files when the run has found them and is about to read.
struct Removing(Vec<PathBuf>);

impl Reporter for Removing {
    fn on_event(&self, event: &Event<'_>) {
        if matches!(event, Event::Verifying { .. }) {
            self.0.iter().for_each(|path| fs::remove_file(path).unwrap());
        }
    }
}

#[test]
fn what_goes_while_a_run_is_at_work_is_as_if_it_had_not_been_there() {
    let folder = Folder::new(&[samples::plain_package(1, "1")]);
    let gone = folder.add("", &samples::plain_package(2, "1"));
    let target = folder.path("target");
    fs::write(&target, samples::plain_package(3, "1").build()).unwrap();
    symlink("target", folder.path("link.rpm")).unwrap();
    let reporter = Removing(vec![gone, target]);
    let folders = [folder.dir.path().to_owned()];
    let indexed = index(&folders, &options(), &reporter, &CancellationToken::new()).unwrap();
    assert_eq!(indexed.packages, 1);
    let [refused] = &indexed.refused[..] else { panic!("{:?}", indexed.refused) };
    assert_eq!(refused.path, "link.rpm", "a link is left over");
    assert!(folder.document("primary").contains(" packages=\"1\">"));
}

#[test]
fn the_same_packages_give_the_same_bytes_and_are_written_once() {
    let (one, two) = (Folder::new(&rich()), Folder::new(&rich()));
    for package in rich() {
        let name = package.rpm_name();
        let time = fs::metadata(one.path(&name)).unwrap().modified().unwrap();
        File::options().write(true).open(two.path(&name)).unwrap().set_modified(time).unwrap();
    }
    for compression in Compression::ALL {
        let options = Options { compression: Some(compression), ..Options::at(TIME) };
        for folder in [&one, &two] {
            assert_eq!(folder.index(&options).unwrap().outcome, Outcome::Published);
        }
        let repomd = |folder: &Folder| fs::read(folder.path("repodata/repomd.xml")).unwrap();
        assert_eq!(repomd(&one), repomd(&two), "{compression:?}");
        let later = Options { time: TIME + 60, ..options };
        let before = repomd(&one);
        assert_eq!(one.index(&later).unwrap().outcome, Outcome::Unchanged);
        assert_eq!(repomd(&one), before);
        assert!(!one.path(".repodata").exists());
    }
}

#[test]
fn the_compression_is_that_of_the_oldest_clients() {
    let package = |release: &str| Package::new("a", "1", release);
    for (releases, compression) in [
        (&["1.el9", "1.el8_4"][..], "gzip"),
        (&["1.el9", "1.el10"], "zstd"),
        (&["1.fc40"], "zstd"),
        (&["1.el7"], "gzip"),
    ] {
        let folder = Folder::new(&releases.iter().map(|one| package(one)).collect::<Vec<_>>());
        let indexed = folder.index(&Options::at(TIME)).unwrap();
        assert_eq!(indexed.compression, compression, "{releases:?}");
    }
}

#[test]
fn patterns_and_lists_say_what_is_listed() {
    let folder = Folder::new(&[]);
    for number in 1..4 {
        folder.add("some", &samples::plain_package(number, "1"));
        folder.add("other", &samples::plain_package(number, "1").arch("src"));
    }
    let names = |selection: Selection| {
        folder.index(&Options { selection, ..options() }).unwrap();
        let primary = folder.document("primary");
        let hrefs = primary.split("href=\"").skip(1);
        hrefs.map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let globs = |globs: &[&str]| globs.iter().map(|one| Glob::new(one).unwrap()).collect();
    let two = ["other/plain-0002-1.0-1.src.rpm", "some/plain-0002-1.0-1.noarch.rpm"];
    let selection = Selection { include: globs(&["plain-0002*"]), ..Selection::default() };
    assert_eq!(names(selection), [two[1], two[0]]);
    let selection = Selection {
        include: globs(&["plain-0002*"]),
        exclude: globs(&["*.src.rpm"]),
        ..Selection::default()
    };
    assert_eq!(names(selection), [two[1]]);
    let list = Some(vec![two[0].to_owned(), "absent.rpm".to_owned()]);
    let selection = Selection { list, ..Selection::default() };
    assert_eq!(names(selection.clone()), [two[0]]);
    let indexed = folder.index(&Options { selection, ..options() }).unwrap();
    assert_eq!(indexed.refused[0].path, "absent.rpm");
}

#[test]
fn a_list_names_what_lies_in_the_folders() {
    let folder = Folder::new(&[]);
    let name = samples::plain_package(1, "1").rpm_name();
    for sub in ["some", "other"] {
        folder.add(sub, &samples::plain_package(1, "1"));
    }
    symlink(&name, folder.path("some/link.rpm")).unwrap();
    let run = |folders: &[&str], list: &[&str], links| {
        let folders: Vec<_> = folders.iter().map(|one| folder.path(one)).collect();
        let list = Some(list.iter().map(|&one| one.to_owned()).collect());
        let selection = Selection { list, links, ..Selection::default() };
        let output = Some(folder.dir.path().to_owned());
        let options = Options { output, selection, ..options() };
        let indexed = index(&folders, &options, &(), &CancellationToken::new()).unwrap();
        let refused: Vec<_> = indexed.refused.iter().map(|one| one.path.clone()).collect();
        (indexed.packages, refused)
    };
    let [some, other] = ["some", "other"].map(|sub| format!("{sub}/{name}"));
    assert_eq!(run(&["some"], &[&name], Links::Follow), (1, vec![]));
    assert!(folder.document("primary").contains(&format!("href=\"{some}\"")));
    assert_eq!(run(&["some"], &[&some], Links::Follow), (0, vec![format!("some/{some}")]));
    assert_eq!(run(&["some", "other"], &[&some, &other], Links::Follow), (2, vec![]));
    let outside = folder.path(&other).to_str().unwrap().to_owned();
    assert_eq!(run(&["some"], &[&outside], Links::Follow), (0, vec![other]));
    assert_eq!(run(&["some"], &["link.rpm"], Links::Follow), (1, vec![]));
    assert_eq!(run(&["some"], &["link.rpm"], Links::Skip), (0, vec!["some/link.rpm".to_owned()]));
}

#[test]
fn links_are_followed_to_their_ends_and_told_where_they_lead_out() {
    let elsewhere = Folder::new(&[samples::plain_package(1, "1"), samples::plain_package(2, "1")]);
    let folder = Folder::new(&[]);
    folder.add("pool", &samples::plain_package(3, "1"));
    symlink(elsewhere.dir.path(), folder.path("linked")).unwrap();
    symlink(elsewhere.path("plain-0001-1.0-1.noarch.rpm"), folder.path("one.rpm")).unwrap();
    symlink("pool/plain-0003-1.0-1.noarch.rpm", folder.path("three.rpm")).unwrap();
    symlink("..", folder.path("pool/loop")).unwrap();
    symlink("pool", folder.path("again")).unwrap();
    let indexed = folder.index(&options()).unwrap();
    assert_eq!(indexed.packages, 5, "{}", folder.document("primary"));
    let warned = |part: &str| indexed.warnings.iter().any(|warning| warning.contains(part));
    assert!(warned("packages that are links out of the folder: 3"), "{:?}", indexed.warnings);
    assert!(
        warned("plain-0003-0:1.0-1.noarch is there 2 times, in files that are the same"),
        "{:?}",
        indexed.warnings
    );

    let selection = Selection { links: Links::Skip, ..Selection::default() };
    let indexed = folder.index(&Options { selection, ..options() }).unwrap();
    assert_eq!((indexed.packages, indexed.warnings.len()), (1, 0));
}

#[test]
fn builds_that_differ_are_warned_of() {
    let folder = Folder::new(&[]);
    folder.add("a", &Package::new("twin", "1", "1").file("/a", "one"));
    folder.add("b", &Package::new("twin", "1", "1").file("/a", "two"));
    let indexed = folder.index(&options()).unwrap();
    assert_eq!(
        indexed.warnings,
        ["twin-0:1-1.noarch is there 2 times, in files that differ: a/twin-1-1.noarch.rpm, \
          b/twin-1-1.noarch.rpm"]
    );
}

#[test]
fn several_folders_are_one_repository() {
    let folder = Folder::new(&[]);
    folder.add("a", &samples::plain_package(1, "1"));
    folder.add("b/c", &samples::plain_package(2, "1"));
    folder.add("not", &samples::plain_package(3, "1"));
    let output = Some(folder.dir.path().to_owned());
    let options = Options { output, ..options() };
    let run = |folders: &[PathBuf]| index(folders, &options, &(), &CancellationToken::new());
    let indexed = run(&[folder.path("a"), folder.path("b")]).unwrap();
    assert_eq!(indexed.packages, 2);
    let primary = folder.document("primary");
    assert!(primary.contains("href=\"b/c/plain-0002-1.0-1.noarch.rpm\""), "{primary}");
    let other = Folder::new(&[]);
    let error = run(&[other.dir.path().to_owned()]).unwrap_err();
    assert!(matches!(error, Error::OutsideOf { .. }), "{error}");
}

#[test]
fn trees_of_a_mirror_are_left_to_it() {
    let folder = Folder::new(&[]);
    fs::create_dir_all(folder.path(".mirror/generations/rocky/baseos")).unwrap();
    fs::write(folder.path(".mirror/generations/rocky/baseos/1"), "").unwrap();
    folder.add("rocky/baseos/Packages", &samples::plain_package(1, "1"));
    folder.add("own", &samples::plain_package(1, "1"));
    let run = |path: &str| index(&[folder.path(path)], &options(), &(), &CancellationToken::new());
    for inside in ["rocky/baseos", "rocky/baseos/Packages"] {
        let error = run(inside).unwrap_err();
        assert!(
            matches!(&error, Error::OfMirror { tree, .. } if tree == "rocky/baseos"),
            "{error}"
        );
        assert!(!folder.path(inside).join("repodata").exists());
    }
    assert_eq!(run("own").unwrap().packages, 1);
}

#[test]
fn a_run_that_is_cancelled_changes_nothing() {
    let folder = Folder::new(&rich());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let ended = index(&[folder.dir.path().to_owned()], &options(), &(), &cancel);
    assert!(matches!(ended, Err(Error::Cancelled)));
    assert_eq!(fs::read_dir(folder.dir.path()).unwrap().count(), rich().len());
}

#[test]
fn events_tell_what_is_done() {
    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);
    impl Reporter for Log {
        fn on_event(&self, event: &Event<'_>) {
            let word = match event {
                Event::Resolving { .. } => "resolving".to_owned(),
                Event::Verifying { files, .. } => format!("reading {files}"),
                Event::Read { .. } => "read".to_owned(),
                Event::Failed { path, .. } => format!("failed {path}"),
                Event::Publishing { .. } => "publishing".to_owned(),
                other => format!("{other:?}"),
            };
            self.0.lock().unwrap().push(word);
        }
    }
    let folder = Folder::new(&[samples::plain_package(1, "1")]);
    fs::write(folder.path("bad.rpm"), "").unwrap();
    let log = Log::default();
    let folders = [folder.dir.path().to_owned()];
    index(&folders, &options(), &log, &CancellationToken::new()).unwrap();
    let log = log.0.into_inner().unwrap();
    assert_eq!(log[..2], ["resolving", "reading 2"]);
    assert_eq!(log.iter().filter(|word| *word == "read").count(), 2);
    assert!(log.contains(&"failed bad.rpm".to_owned()));
    assert_eq!(log.last().unwrap(), "publishing");
}

/// A text of one letter is a decompression bomb to whoever reads the metadata.
#[test]
fn no_package_makes_metadata_that_cannot_be_read() {
    let letters = |count: usize| "a".repeat(count);
    let folder = Folder::new(&[
        Package::new("long", "1", "1").description(&letters(18 << 20)),
        samples::plain_package(1, "1"),
    ]);
    let indexed = folder.index(&options()).unwrap();
    assert_eq!((indexed.packages, indexed.refused.len()), (1, 1));
    let reason = "is too large: expected at most 3145728 bytes of one text of a package";
    assert_eq!(indexed.refused[0].reason, reason);

    for number in 0..35 {
        let package = Package::new(&format!("wordy-{number}"), "1", "1");
        folder.add("", &package.description(&letters(500_000)));
    }
    let options = Options { compression: Some(Compression::Zstd), ..options() };
    let indexed = folder.index(&options).unwrap();
    assert_eq!((indexed.packages, indexed.refused.len()), (36, 1));
    assert!(indexed.warnings[0].starts_with("primary: is plain, for as zstd"), "{indexed:?}");
    assert!(folder.document("primary").contains("packages=\"36\""));
    let update = Options { update: true, ..options.clone() };
    assert_eq!(folder.index(&update).unwrap().reused, 36);

    // What repeats itself from far away is found by some and not by others.
    let folder = Folder::new(&[]);
    let numbers = (0..8_000_u32).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761)));
    let text: String = numbers.collect();
    for number in 0..320 {
        let package = Package::new(&format!("alike-{number}"), "1", "1");
        folder.add("", &package.changelog("me", 1, &text[..55_000]));
    }
    let indexed = folder.index(&options).unwrap();
    assert!(indexed.warnings[0].starts_with("other: is gzip, for as zstd"), "{indexed:?}");
    assert_eq!(folder.document("other").matches("<changelog").count(), 320);
}
