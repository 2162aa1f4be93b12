//! What is listed already and has not changed.

use super::*;

fn updating() -> Options {
    Options { update: true, ..options() }
}

fn package(number: usize, release: &str) -> Package {
    samples::plain_package(number, release)
}

/// A folder that was indexed once.
fn indexed() -> Folder {
    let folder = Folder::new(&rich());
    for number in 0..10 {
        folder.add("plain", &package(number, "1"));
    }
    folder.index(&options()).unwrap();
    folder
}

#[test]
fn what_has_not_changed_is_not_read_again_and_gives_the_same_bytes() {
    let folder = indexed();
    let indexed = folder.index(&updating()).unwrap();
    assert_eq!((indexed.outcome, indexed.reused), (Outcome::Unchanged, 14));

    fs::remove_file(folder.path("plain/plain-0003-1.0-1.noarch.rpm")).unwrap();
    folder.add("plain", &package(4, "2"));
    let changed = folder.path("plain/plain-0005-1.0-1.noarch.rpm");
    fs::write(&changed, package(5, "3").build()).unwrap();
    age(&changed, 500);
    let indexed = folder.index(&updating()).unwrap();
    assert_eq!((indexed.packages, indexed.reused), (14, 12), "{indexed:?}");
    let updated = fs::read(folder.path("repodata/repomd.xml")).unwrap();
    fs::remove_dir_all(folder.path("repodata")).unwrap();
    folder.index(&options()).unwrap();
    assert_eq!(fs::read(folder.path("repodata/repomd.xml")).unwrap(), updated);
}

#[test]
fn a_package_that_is_as_young_as_the_metadata_is_read() {
    let folder = indexed();
    let path = folder.path("plain/plain-0001-1.0-1.noarch.rpm");
    let now = SystemTime::now();
    File::options().write(true).open(&path).unwrap().set_modified(now).unwrap();
    folder.index(&options()).unwrap();
    // Its time is the metadata's, to the second or later: it may have changed since it was read.
    let indexed = folder.index(&updating()).unwrap();
    assert_eq!((indexed.outcome, indexed.reused), (Outcome::Unchanged, 13));
}

#[test]
fn other_forms_are_made_from_what_is_listed() {
    let folder = indexed();
    let options = Options { compression: Some(Compression::Zstd), ..updating() };
    let before = folder.documents();
    let indexed = folder.index(&options).unwrap();
    assert_eq!((indexed.outcome, indexed.reused), (Outcome::Published, 14));
    assert_eq!(folder.documents(), before);
    // Another digest of the packages needs their bytes.
    let options = Options { algorithm: Algorithm::Sha512, ..updating() };
    assert_eq!(folder.index(&options).unwrap().reused, 0);
}

#[test]
fn metadata_that_is_damaged_is_not_believed() {
    let folder = indexed();
    let other = folder.repomd().record("other").unwrap().href.clone();
    let bytes = fs::read(folder.path(&other)).unwrap();
    fs::write(folder.path(&other), &bytes[..bytes.len() - 1]).unwrap();
    let indexed = folder.index(&updating()).unwrap();
    assert_eq!(indexed.reused, 0);
    assert!(indexed.warnings[0].starts_with("all packages are read: "), "{:?}", indexed.warnings);
    // What was made is what was to be there, and takes the damaged file's place.
    assert_eq!(fs::read(folder.path(&other)).unwrap(), bytes);
}

#[test]
fn what_createrepo_c_listed_is_carried_over() {
    if tool("createrepo_c").is_none() {
        return;
    }
    let folder = indexed();
    fs::remove_dir_all(folder.path("repodata")).unwrap();
    let output = Command::new("createrepo_c").arg("--quiet").arg(folder.dir.path()).output();
    assert!(output.unwrap().status.success());
    let indexed = folder.index(&updating()).unwrap();
    assert_eq!((indexed.outcome, indexed.reused), (Outcome::Unchanged, 14));
    let theirs = folder.documents();
    folder.add("plain", &package(11, "1"));
    let indexed = folder.index(&updating()).unwrap();
    assert_eq!(indexed.reused, 14);
    let databases = "primary_db, filelists_db, other_db: not made anew";
    assert!(indexed.warnings[0].contains(databases), "{:?}", indexed.warnings);
    for (ours, theirs) in folder.documents().iter().zip(theirs) {
        for element in theirs.split_inclusive("</package>\n").skip(1) {
            assert!(element.starts_with("</") || ours.contains(element), "{element}");
        }
    }
}
