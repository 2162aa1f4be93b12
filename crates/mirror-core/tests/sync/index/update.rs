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
fn a_package_is_read_again_that_changed_since_the_metadata_was_begun() {
    let folder = indexed();
    let path = folder.path("plain/plain-0001-1.0-1.noarch.rpm");
    // The others are older.
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - 100;
    let at = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    File::options().write(true).open(&path).unwrap().set_modified(at(5)).unwrap();
    folder.index(&updating()).unwrap();
    let primary = folder.path(&folder.repomd().record("primary").unwrap().href);
    let reused = |time: SystemTime, begun: SystemTime| {
        for (path, time) in [(&path, time), (&primary, begun)] {
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
        let indexed = folder.index(&updating()).unwrap();
        assert_eq!(indexed.outcome, Outcome::Unchanged);
        indexed.reused
    };
    assert_eq!(reused(at(5), at(6)), 14, "of the same second, and before");
    assert_eq!(reused(at(6), at(6)), 13, "maybe later");
    assert_eq!(reused(at(7), at(6)), 13, "later");
    assert_eq!(reused(at(0), at(6)), 13, "by a clock of seconds, maybe later");
}

#[test]
fn a_package_that_was_built_just_now_is_read_once() {
    let folder = indexed();
    let path = folder.add("", &package(20, "1"));
    let now = SystemTime::now();
    File::options().write(true).open(&path).unwrap().set_modified(now).unwrap();
    assert_eq!(folder.index(&updating()).unwrap().reused, 14);
    assert_eq!(folder.index(&updating()).unwrap().reused, 15);
}

#[test]
fn a_path_that_is_listed_twice_is_read() {
    let folder = indexed();
    let repomd = folder.path("repodata/repomd.xml");
    let primary = folder.document("primary");
    let element = |name: &str| {
        let at = primary.find(&format!("<name>{name}</name>")).unwrap();
        let start = primary[..at].rfind("<package").unwrap();
        let end = at + primary[at..].find("</package>\n").unwrap() + "</package>\n".len();
        primary[start..end].to_owned()
    };
    let (one, two) = (element("plain-0001"), element("plain-0002"));
    let href = |element: &str| {
        element.split_once("href=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
    };
    // Another package at its path, as listed; and one that lies elsewhere.
    let pkgid = two.split_once("pkgid=\"YES\">").unwrap().1.split_once('<').unwrap().0.to_owned();
    let stranger = two.replace(&href(&two), &href(&one)).replace(&pkgid, &"0".repeat(64));
    let elsewhere = stranger.replace("<location", "<location xml:base=\"http://example.com/\"");
    for (extra, reused) in [(stranger, 13), (elsewhere, 14)] {
        let text = primary
            .replace(&one, &format!("{extra}{one}"))
            .replace("packages=\"14\"", "packages=\"15\"");
        fs::write(folder.path("repodata/primary.xml"), &text).unwrap();
        let record = fs::read_to_string(&repomd).unwrap();
        let mut listed = folder.repomd();
        let sum = mirror_core::digest::Sha256::of(text.as_bytes());
        for record in &mut listed.records {
            if record.kind == "primary" {
                record.href = "repodata/primary.xml".to_owned();
                record.checksum = Some(sum.into());
                (record.open_checksum, record.open_size) = (None, None);
                record.size = Some(text.len() as u64);
            }
        }
        let mut bytes = Vec::new();
        listed.write(&mut bytes).unwrap();
        fs::write(&repomd, bytes).unwrap();
        let indexed = folder.index(&updating()).unwrap();
        assert_eq!((indexed.packages, indexed.reused), (14, reused));
        assert_eq!(folder.document("primary"), primary);
        fs::write(&repomd, record).unwrap();
    }
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
