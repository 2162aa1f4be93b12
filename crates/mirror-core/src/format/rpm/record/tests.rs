use std::fmt::Write as _;

use mirror_fixtures::Package;
use proptest::prelude::*;

use super::*;
use crate::digest::Sha256;
use crate::limits;

fn headers(package: &Package) -> Headers {
    Headers::read(&package.build()[..]).unwrap()
}

/// The three elements of a package, one behind the other.
fn elements(package: &Package) -> String {
    listed(package).unwrap()
}

fn listed(package: &Package) -> Result<String, String> {
    let bytes = package.build();
    let headers = Headers::read(&bytes[..]).unwrap();
    let record = Record::read(&headers, 10).unwrap();
    let checksum = Sha256::of(&bytes).into();
    let size = bytes.len() as u64;
    let listing = Listing { record: &record, checksum, size, time: 7, href: "a b&c/ü.rpm" };
    let mut out = Vec::new();
    for document in Document::ALL {
        listing.write(document, &mut out).map_err(|error| error.to_string())?;
    }
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn lists_a_package_as_createrepo_c_does() {
    let package = Package::new("a", "1.0", "2")
        .arch("x86_64")
        .epoch(3)
        .description("Ends <here>\n\"so\"")
        .requires("/usr/bin/a")
        .requires("/usr/share/a")
        .requires("(b or c)")
        .requires("b >= 1:2-3")
        .requires("libc.so.6(GLIBC_2.4)(64bit)")
        .requires("libc.so.6(GLIBC_2.14)(64bit)")
        .requires("d")
        .conflicts("e = x:1")
        .recommends("ž")
        .file("/usr/bin/a", "")
        .file("/usr/share/a", "")
        .directory("/usr/share/d")
        .ghost("/etc/g")
        .changelog("Zoë \"Z\" <z@example.com> - 2  ", 50, "- second")
        .changelog("A - 1", 50, "- first");
    let text = elements(&package);
    let id = Sha256::of(&package.build()).hex();
    let headers = headers(&package);
    let (start, end) = (headers.range().start, headers.range().end);
    for part in [
        "<version epoch=\"3\" ver=\"1.0\" rel=\"2\"/>\n".to_owned(),
        format!("  <checksum type=\"sha256\" pkgid=\"YES\">{id}</checksum>\n"),
        "<description>Ends &lt;here&gt;\n\"so\"</description>\n  <packager></packager>\n".into(),
        "<time file=\"7\" build=\"1704067200\"/>\n".into(),
        "<location href=\"a b&amp;c/&#xFC;.rpm\"/>\n".into(),
        format!("<rpm:header-range start=\"{start}\" end=\"{end}\"/>\n"),
        "    <rpm:requires>\n      <rpm:entry name=\"(b or c)\"/>\n      \
         <rpm:entry name=\"/usr/share/a\"/>\n      \
         <rpm:entry name=\"b\" flags=\"GE\" epoch=\"1\" ver=\"2\" rel=\"3\"/>\n      \
         <rpm:entry name=\"d\"/>\n      \
         <rpm:entry name=\"libc.so.6(GLIBC_2.14)(64bit)\"/>\n    </rpm:requires>\n    \
         <rpm:recommends>\n      <rpm:entry name=\"&#x17E;\"/>\n    </rpm:recommends>\n    "
            .into(),
        "<file type=\"ghost\">/etc/g</file>\n".into(),
        format!("<package pkgid=\"{id}\" name=\"a\" arch=\"x86_64\">\n"),
        "  <file type=\"dir\">/usr/share/d</file>\n".into(),
        "  <changelog author=\"A - 1\" date=\"50\">- first</changelog>\n  \
         <changelog author=\"Zo&#xEB; &quot;Z&quot; &lt;z@example.com&gt; - 2\" date=\"51\">- second</changelog>\n"
            .into(),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
}

#[test]
fn takes_as_much_of_a_changelog_as_is_asked_for() {
    let mut package = Package::new("a", "1", "1");
    for number in 0..20 {
        package = package.changelog(&format!("author {number}"), 1000 - number, "x");
    }
    let headers = headers(&package);
    let authors = |most| {
        let record = Record::read(&headers, most).unwrap();
        let authors = record.changelog.iter().map(|change| change.author.to_string());
        authors.collect::<Vec<_>>()
    };
    assert_eq!(authors(2), ["author 1", "author 0"]);
    assert_eq!((authors(0).len(), authors(usize::MAX).len()), (0, 20));
}

#[test]
fn tells_source_packages() {
    let package = Package::new("a", "1", "1").arch("src").file("/a.spec", "");
    let headers = headers(&package);
    let record = Record::read(&headers, 10).unwrap();
    assert_eq!((&*record.arch, &*record.source_rpm), ("src", ""));
    assert_eq!(record.nevra(), "a-0:1-1.src");
}

#[test]
fn a_package_that_is_cut_short_is_named_so() {
    let bytes = Package::new("a", "1", "1").file("/usr/bin/a", "").build();
    let whole = Headers::read(&bytes[..]).unwrap().range().end;
    let whole = usize::try_from(whole).unwrap();
    for len in (0..whole).step_by(100).chain([whole - 1]) {
        let error = Headers::read(&bytes[..len]).unwrap_err().to_string();
        assert!(error.contains("ends after the file"), "{len}: {error}");
    }
    assert!(Headers::read(&bytes[..whole]).is_ok());
}

/// The header of a package with entries of one's own: tag, type, count and bytes.
fn package_of(entries: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let header = |entries: &[(u32, u32, u32, &[u8])]| {
        let mut store = Vec::new();
        let mut index = Vec::new();
        for (tag, kind, count, data) in entries {
            let alignment = if (3..=5).contains(kind) { 1 << (kind - 2) } else { 1 };
            store.resize(store.len().next_multiple_of(alignment), 0);
            let offset = u32::try_from(store.len()).unwrap();
            index.extend([*tag, *kind, offset, *count].iter().flat_map(|n| n.to_be_bytes()));
            store.extend_from_slice(data);
        }
        let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        for number in [entries.len(), store.len()] {
            bytes.extend(u32::try_from(number).unwrap().to_be_bytes());
        }
        [bytes, index, store].concat()
    };
    let mut bytes = vec![0xed, 0xab, 0xee, 0xdb];
    bytes.resize(96, 0);
    // Its bytes, and what its size is rounded up to.
    bytes.extend(header(&[(1000, 4, 1, &[0; 4])]));
    bytes.extend([0; 4]);
    bytes.extend(header(entries));
    bytes
}

const NAMED: [(u32, u32, u32, &[u8]); 4] = [
    (1000, 6, 1, b"name\0"),
    (1001, 6, 1, b"1\0"),
    (1002, 6, 1, b"2\0"),
    (1022, 6, 1, b"noarch\0"),
];

fn with(entries: &[(u32, u32, u32, &[u8])]) -> Result<String, String> {
    let headers = Headers::read(&package_of(&[&NAMED, entries].concat())[..]);
    let headers = headers.map_err(|error| error.to_string())?;
    let record = Record::read(&headers, 10).map_err(|error| error.to_string())?;
    let mut text = format!("{} {} ", record.nevra(), record.source_rpm);
    for file in &record.files {
        write!(text, "{} ", file.path).unwrap();
    }
    Ok(text)
}

#[test]
fn packages_that_lie_are_refused_with_the_lie() {
    assert_eq!(with(&[]).unwrap(), "name-0:1-2.noarch (none) ");
    let number = |n: u32| n.to_be_bytes();
    let (big, one) = (number(u32::MAX), number(1));
    for (entries, reason) in [
        (vec![(1004, 6, 1, &b"bell\x07\0"[..])], "control character 0x07 in its summary"),
        (vec![(1117, 8, 1, b"a\0"), (1118, 8, 1, b"/\0")], "lacks the folders of its files"),
        (
            vec![(1117, 8, 1, b"a\0"), (1118, 8, 1, b"/\0"), (1116, 4, 1, &one)],
            "a file in folder 1, and 1 folders",
        ),
        (
            vec![(1117, 8, 1, b"a\0"), (1118, 8, 1, b"/\0"), (1116, 4, 1, &big)],
            "a file in folder 4294967295",
        ),
        (vec![(1027, 8, 1, b"/a\0"), (1030, 3, 2, b"1234")], "has 2 modes for 1 files"),
        (vec![(1027, 8, 2, b"/a\0")], "reach beyond its end"),
        (vec![(1027, 8, u32::MAX, b"/a\0")], "reach beyond its end"),
        (vec![(1027, 4, 1, b"/abc")], "expected texts"),
        (vec![(1003, 6, 1, b"1\0")], "expected numbers"),
        (vec![(1049, 8, 1, b"a\0"), (1048, 4, 2, &[0; 8]), (1050, 8, 1, b"\0")], "of requires"),
        (vec![(1080, 4, 1, &one)], "1 times, 0 authors and 0 texts"),
        (vec![(1000, 6, 1, b"other\0")], "holds tag 1000 twice"),
    ] {
        let error = with(&entries).unwrap_err();
        assert!(error.contains(reason), "{error}, expected {reason}");
    }
    let long = [vec![b'x'; 300], vec![0]].concat();
    for (name, reason) in [
        (&b"\0"[..], "its header lacks its name"),
        (b"a b\0", "its header has blanks in its name, \"a b\""),
        (&long, "is too large: expected at most 255 bytes in a package's name"),
    ] {
        let bytes = package_of(&[&[(1000, 6, 1, name)], &NAMED[1..]].concat());
        let headers = Headers::read(&bytes[..]).unwrap();
        let error = Record::read(&headers, 10).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn one_long_folder_does_not_fill_the_memory() {
    let folder = [vec![b'/'; 4000], vec![0]].concat();
    let files = 70_000_u32;
    let names = b"a\0".repeat(files as usize);
    let indexes = vec![0; 4 * files as usize];
    let entries = [(1116, 4, files, &indexes[..]), (1117, 8, files, &names), (1118, 8, 1, &folder)];
    let error = with(&entries).unwrap_err();
    assert!(error.contains(&format!("at most {} bytes of paths", limits::PACKAGE_TEXT)), "{error}");
    let folder = [vec![b'/'; limits::FILE_PATH], vec![0]].concat();
    let entries = [(1116, 4, 1, &indexes[..4]), (1117, 8, 1, &b"a\0"[..]), (1118, 8, 1, &folder)];
    assert!(with(&entries).unwrap_err().contains("at most 4096 bytes of a file's path"));
}

#[test]
fn what_is_listed_is_bounded_in_number_and_length() {
    // Less than each tag may have, and too much in sum.
    let count = u32::try_from(limits::LISTED_ITEMS / 4).unwrap();
    let (names, flags) = (b"a\0".repeat(count as usize), vec![0; 4 * count as usize]);
    let of = |tags: tag::Dependency| {
        [(tags[0], 8, count, &names[..]), (tags[1], 4, count, &flags), (tags[2], 8, count, &names)]
    };
    let kinds = [tag::PROVIDES, tag::CONFLICTS, tag::OBSOLETES, tag::SUGGESTS, tag::ENHANCES];
    let error = with(&kinds.map(of).concat()).unwrap_err();
    assert!(error.contains("at most 1000000 files, dependencies and changelog entries"), "{error}");
    let long = |len: usize| [vec![b'a'; len], vec![0]].concat();
    let (name, zero) = (long(limits::RICH_LEN + 1), [0; 4]);
    let entries = [(1047, 8, 1, &name[..]), (1112, 4, 1, &zero[..]), (1113, 8, 1, &b"\0"[..])];
    assert!(with(&entries).unwrap_err().contains("at most 65536 bytes of a dependency"));
    for (text, is_short) in [("a", true), ("<", false)] {
        let text = text.repeat(limits::LISTED_TEXT / 2);
        let written = listed(&Package::new("a", "1", "1").description(&text));
        let expected = "at most 3145728 bytes of one text";
        assert!(written.map_or_else(|error| error.contains(expected), |_| is_short));
    }
    let last = u64::MAX.to_be_bytes();
    let entries = [(1080, 5, 1, &last[..]), (1081, 8, 1, &b"a\0"[..]), (1082, 8, 1, &b"x\0"[..])];
    assert!(with(&entries).unwrap_err().contains("has the time 18446744073709551615"));
}

#[test]
fn packages_of_rpm_3_name_their_files_whole() {
    let found = with(&[(1027, 8, 2, b"/a/b\0/c\0"), (1106, 4, 1, &[0, 0, 0, 0])]).unwrap();
    assert_eq!(found, "name-0:1-2.noarch  /a/b /c ");
}

proptest! {
    #[test]
    fn reads_back_what_was_built(
        name in "[a-z][a-z0-9+.]{0,8}",
        version in "[0-9][0-9.~^]{0,6}",
        release in "[0-9][a-z0-9.]{0,6}",
        epoch in proptest::option::of(0..1000_u32),
        summary in "\\PC{1,40}",
        requires in proptest::collection::vec("[a-z]{1,4}( (=|<|<=|>|>=) ([0-9]:)?[0-9]{1,2}(-[0-9])?)?", 0..6),
        files in proptest::collection::btree_set("(/[a-zé ]{1,5}){1,3}/f[0-9]", 0..6),
        times in proptest::collection::vec(0..4_u32, 0..6),
    ) {
        let mut package = Package::new(&name, &version, &release).summary(&summary);
        if let Some(epoch) = epoch {
            package = package.epoch(epoch);
        }
        for requirement in &requires {
            package = package.requires(requirement);
        }
        for file in &files {
            package = package.file(file, "");
        }
        for time in &times {
            package = package.changelog("me", *time, "x");
        }
        let nevra = package.nevra();
        let headers = headers(&package);
        let record = Record::read(&headers, usize::MAX).unwrap();
        prop_assert_eq!(record.nevra(), nevra);
        prop_assert_eq!(&*record.summary, &summary);
        let mut found: Vec<_> = record.files.iter().map(|file| file.path.to_string()).collect();
        found.sort();
        prop_assert_eq!(found, files.into_iter().collect::<Vec<_>>());
        for dependency in &record.requires {
            let version = match (&*dependency.epoch, &*dependency.release) {
                ("" | "0", "") => dependency.version.to_string(),
                ("" | "0", release) => format!("{}-{release}", dependency.version),
                (epoch, "") => format!("{epoch}:{}", dependency.version),
                (epoch, release) => format!("{epoch}:{}-{release}", dependency.version),
            };
            let text = dependency.comparison.map_or_else(
                || dependency.name.to_string(),
                |comparison| format!("{} {} {version}", dependency.name, comparison.sign()),
            );
            let without = |text: &str| text.replace(" 0:", " ");
            prop_assert!(requires.iter().any(|wanted| without(wanted) == text), "{}", text);
        }
        prop_assert_eq!(record.changelog.len(), times.len());
    }
}

proptest! {
    /// As the fuzz target does, from a package that has everything.
    #[test]
    fn whatever_is_changed_is_refused_or_is_metadata(
        changes in proptest::collection::vec((0..100_000_usize, proptest::num::u8::ANY), 1..6),
        cut in 0..100_000_usize,
    ) {
        let package = Package::new("a", "1.0", "2")
            .requires("b >= 1:2-3")
            .provides("c = 1")
            .file("/usr/bin/a", "")
            .ghost("/etc/g")
            .changelog("Me - 2", 50, "- first");
        let mut bytes = package.build();
        let headers = usize::try_from(headers(&package).range().end).unwrap();
        bytes.truncate(headers);
        for (at, byte) in changes {
            bytes[at % headers] = byte;
        }
        crate::fuzzing::rpm_header(&bytes);
        bytes.truncate(cut % headers);
        crate::fuzzing::rpm_header(&bytes);
    }
}
