//! Groups, modules and advisories beside the packages, and what is kept of the past.

use mirror_core::index::{Extra, Retain};
use mirror_fixtures::{Extra as Kind, Repository};

use super::*;

/// A repository with metadata of other kinds, as another tool made it.
fn with_others() -> Folder {
    let folder = Folder::new(&[]);
    let kinds = [Kind::Comps, Kind::Modules, Kind::Updateinfo, Kind::Productid];
    let mut repository = Repository::new()
        .package(Package::new("member", "1.0", "1.module_demo+1").arch("x86_64"))
        .with(Kind::UnknownKind("weather".to_owned()));
    for kind in kinds {
        repository = repository.with(kind);
    }
    repository.write(folder.dir.path());
    folder
}

fn kinds(folder: &Folder) -> Vec<String> {
    folder.repomd().records.into_iter().map(|record| record.kind).collect()
}

#[test]
fn what_is_there_of_other_kinds_is_kept() {
    let folder = with_others();
    let others = |folder: &Folder| {
        let records = folder.repomd().records.into_iter();
        let mut others: Vec<_> = records
            .filter(|record| !["primary", "filelists", "other"].contains(&&*record.kind))
            .collect();
        others.sort_by(|a, b| a.kind.cmp(&b.kind));
        others
    };
    let before = others(&folder);
    assert!(before.len() >= 5, "{before:?}");
    folder.add("", &samples::plain_package(1, "1"));
    fs::write(folder.path("repodata/notes.txt"), "ours").unwrap();
    let indexed = folder.index(&options()).unwrap();
    assert_eq!(others(&folder), before);
    assert!(indexed.kinds.contains(&"weather".to_owned()));
    for record in before {
        assert!(folder.path(&record.href).is_file(), "{}", record.href);
    }
    assert_eq!(fs::read_to_string(folder.path("repodata/notes.txt")).unwrap(), "ours");
}

#[test]
fn a_file_that_is_listed_twice_is_kept_whole() {
    let folder = with_others();
    let path = folder.path("repodata/repomd.xml");
    let text = fs::read_to_string(&path).unwrap();
    let (_, rest) = text.split_once("  <data type=\"weather\">").unwrap();
    let record = rest.split_once("</data>\n").unwrap().0;
    let twin = format!("  <data type=\"climate\">{record}</data>\n</repomd>");
    fs::write(&path, text.replace("</repomd>", &twin)).unwrap();
    let before = folder.document("weather");
    folder.add("", &samples::plain_package(1, "1"));
    folder.index(&options()).unwrap();
    assert_eq!([folder.document("weather"), folder.document("climate")], [&*before, &*before]);
}

#[test]
fn what_cannot_be_kept_is_an_error_until_it_is_dropped() {
    let folder = with_others();
    let weather = folder.repomd().record("weather").unwrap().href.clone();
    fs::write(folder.path(&weather), "changed").unwrap();
    let before = fs::read(folder.path("repodata/repomd.xml")).unwrap();
    let error = folder.index(&options()).unwrap_err();
    assert!(matches!(&error, Error::NotKept { kind, .. } if kind == "weather"), "{error}");
    assert_eq!(fs::read(folder.path("repodata/repomd.xml")).unwrap(), before);
    let extra = Extra { discard: vec!["weather".to_owned()], ..Extra::default() };
    folder.index(&Options { extra, ..options() }).unwrap();
    assert!(!kinds(&folder).contains(&"weather".to_owned()));
}

#[test]
fn what_is_given_takes_the_place_of_what_is_there() {
    let folder = with_others();
    let (comps, updateinfo) = (folder.document("group"), folder.document("updateinfo"));
    let path = |name: &str, text: &str| {
        let path = folder.path(name);
        fs::write(&path, text).unwrap();
        path
    };
    let comps = path("comps.xml", &comps.replace("Minimal", "Smallest"));
    let first = path("first.xml", &updateinfo);
    let second = path("second.xml", &updateinfo.replace("DEMO-2024", "DEMO-2025"));
    let modules = path("modules.yaml", &folder.document("modules"));
    let extra = Extra {
        comps: vec![comps.clone()],
        modules: vec![modules.clone(), modules],
        updateinfo: vec![first, second],
        discard: Vec::new(),
    };
    for compression in [Compression::Gzip, Compression::Zstd] {
        let compression = Some(compression);
        let options = Options { compression, extra: extra.clone(), ..options() };
        let indexed = folder.index(&options).unwrap();
        assert!(folder.document("group").contains("Smallest"));
        let updateinfo = folder.document("updateinfo");
        assert!(updateinfo.contains("DEMO-2024") && updateinfo.contains("DEMO-2025"));
        let modules = folder.document("modules");
        assert_eq!(modules.matches("document: modulemd\n").count(), 2, "{modules}");
        let packed = indexed.kinds.iter().filter(|kind| *kind == "group_gz").count();
        assert_eq!(packed, usize::from(compression == Some(Compression::Gzip)));
        assert_eq!(folder.index(&options).unwrap().outcome, Outcome::Unchanged);
    }
    let broken = path("broken.yaml", "---\ndocument: modulemd\nversion: [\n...\n");
    for (extra, reason) in [
        (
            Extra { updateinfo: vec![comps], ..Extra::default() },
            "comps.xml: is no updateinfo document",
        ),
        (
            Extra { modules: vec![broken], ..Extra::default() },
            "broken.yaml: the document in line 1 ",
        ),
    ] {
        let error = folder.index(&Options { extra, ..options() }).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_signature_that_is_not_made_anew_is_warned_of() {
    let folder = Folder::new(&[samples::plain_package(1, "1")]);
    folder.index(&options()).unwrap();
    let signature = folder.path("repodata/repomd.xml.asc");
    fs::write(&signature, "of another key").unwrap();
    assert_eq!(folder.index(&options()).unwrap().warnings, [""; 0], "nothing is dropped");
    assert!(signature.exists());
    folder.add("", &samples::plain_package(2, "1"));
    let warnings = folder.index(&options()).unwrap().warnings;
    assert!(warnings[0].contains("repomd.xml.asc: dropped"), "{warnings:?}");
    assert!(!signature.exists());
}

#[test]
fn earlier_documents_stay_for_those_who_read_them() {
    let primaries = |folder: &Folder| {
        let names = folder.names();
        names.into_iter().filter(|name| name.ends_with("-primary.xml.gz")).collect::<Vec<_>>()
    };
    let folder = Folder::new(&[]);
    let mut made = Vec::new();
    for number in 0..4 {
        folder.add("", &samples::plain_package(number, "1"));
        folder.index(&options()).unwrap();
        let href = folder.repomd().record("primary").unwrap().href.clone();
        age(&folder.path(&href), 1000 - number as u64 * 10);
        made.push(href.strip_prefix("repodata/").unwrap().to_owned());
        let mut expected = made[made.len().saturating_sub(2)..].to_vec();
        expected.sort();
        assert_eq!(primaries(&folder), expected, "after {number}");
    }
    // A run that changes nothing takes nothing away.
    folder.index(&options()).unwrap();
    assert_eq!(primaries(&folder).len(), 2);
    let retained = |number: usize, states, age| {
        folder.add("", &samples::plain_package(number, "1"));
        let retain = Retain { states, age };
        folder.index(&Options { retain, ..options() }).unwrap();
        primaries(&folder).len()
    };
    assert_eq!(retained(4, 0, Duration::from_secs(100_000)), 3);
    assert_eq!(retained(5, 0, Duration::ZERO), 1);
}

#[test]
fn earlier_states_go_as_a_whole() {
    let folder = Folder::new(&[samples::plain_package(0, "1")]);
    let kinds = |folder: &Folder, kind: &str| {
        folder.names().iter().filter(|name| name.contains(kind)).count()
    };
    let advisories = folder.path("advisories.xml");
    fs::write(&advisories, "<updates></updates>").unwrap();
    let extra = Extra { updateinfo: vec![advisories], ..Extra::default() };
    folder.index(&Options { extra, ..options() }).unwrap();
    let extra = Extra { discard: vec!["updateinfo".to_owned()], ..Extra::default() };
    folder.index(&Options { extra, ..options() }).unwrap();
    assert_eq!(kinds(&folder, "updateinfo"), 1, "of the state before");
    let mut count = Vec::new();
    for number in 1..5 {
        folder.add("", &samples::plain_package(number, "1"));
        let retain = Retain { states: 2, age: Duration::ZERO };
        folder.index(&Options { retain, ..options() }).unwrap();
        count.push((kinds(&folder, "updateinfo"), kinds(&folder, "primary"), folder.names().len()));
    }
    // The state of advisories goes with the third that comes after it; a state has three documents, and
    // those that are over keep their entry points.
    assert_eq!(count, [(1, 2, 10), (0, 3, 12), (0, 3, 12), (0, 3, 12)]);
}

#[test]
fn documents_with_simple_names_go_with_their_state() {
    if tool("createrepo_c").is_none() {
        return;
    }
    let folder = Folder::new(&[samples::plain_package(0, "1")]);
    let made = Command::new("createrepo_c")
        .args(["--quiet", "--no-database", "--simple-md-filenames", "--general-compress-type=gz"])
        .arg(folder.dir.path())
        .status();
    assert!(made.unwrap().success());
    let simple = || folder.names().iter().filter(|name| name.starts_with("primary")).count();
    assert_eq!(simple(), 1);
    for (number, expected) in [(1, 1), (2, 0)] {
        folder.add("", &samples::plain_package(number, "1"));
        folder.index(&options()).unwrap();
        assert_eq!(simple(), expected);
    }
}

#[test]
fn repodata_has_to_be_a_folder() {
    let folder = Folder::new(&[samples::plain_package(0, "1")]);
    let elsewhere = Folder::new(&[]);
    symlink(elsewhere.dir.path(), folder.path("repodata")).unwrap();
    let error = folder.index(&options()).unwrap_err();
    let said = "repodata: is a symbolic link, expected a folder";
    assert!(error.to_string().ends_with(said), "{error}");
    assert!(folder.path("repodata").is_symlink());
    assert_eq!(fs::read_dir(elsewhere.dir.path()).unwrap().count(), 0);
    fs::remove_file(folder.path("repodata")).unwrap();
    fs::write(folder.path("repodata"), "ours").unwrap();
    assert!(folder.index(&options()).unwrap_err().to_string().contains("is a file"));
}
