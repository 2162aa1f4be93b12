use std::process::Command;

use mirror_fixtures::tool;

use super::*;

/// Tag, type, count and bytes.
type Given<'a> = (u32, u32, u32, &'a [u8]);

/// A header of entries (tag, type, offset, count) over a store.
fn header(entries: &[[u32; 4]], store: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for number in [entries.len(), store.len()] {
        bytes.extend(u32::try_from(number).unwrap().to_be_bytes());
    }
    bytes.extend(entries.iter().flatten().flat_map(|number| number.to_be_bytes()));
    bytes.extend(store);
    bytes
}

fn trailer(tag: u32, spanned: u32) -> Vec<u8> {
    let back = (spanned * 16).wrapping_neg();
    [tag, BINARY, back, 16].iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Entries and store of what is given, laid out as it has to be; within a region, where one is named.
fn laid_out(given: &[Given<'_>], region: Option<u32>) -> (Vec<[u32; 4]>, Vec<u8>) {
    let (mut entries, mut store) = (Vec::new(), Vec::new());
    for (tag, kind, count, data) in given {
        let alignment = match *kind {
            NUMBERS_16 => 2,
            NUMBERS_32 => 4,
            NUMBERS_64 => 8,
            _ => 1_usize,
        };
        store.resize(store.len().next_multiple_of(alignment), 0);
        entries.push([*tag, *kind, u32::try_from(store.len()).unwrap(), *count]);
        store.extend_from_slice(data);
    }
    if let Some(tag) = region {
        entries.insert(0, [tag, BINARY, u32::try_from(store.len()).unwrap(), 16]);
        store.extend(trailer(tag, u32::try_from(entries.len()).unwrap()));
    }
    (entries, store)
}

fn read(bytes: &[u8]) -> Result<RawHeader, String> {
    RawHeader::read(&mut &bytes[..], Kind::Signature).map_err(|error| error.to_string())
}

#[test]
fn gives_what_its_region_spans() {
    let given: [Given<'_>; 2] = [(278, 8, 2, b"one\0two\0"), (1000, 6, 1, b"three\0")];
    let (mut entries, mut store) = laid_out(&given, Some(62));
    entries.push([1001, 6, u32::try_from(store.len()).unwrap(), 1]);
    store.extend(b"later\0");
    let found = read(&header(&entries, &store)).unwrap();
    assert_eq!(found.get(278).unwrap().unwrap().texts(2).unwrap(), ["one", "two"]);
    assert_eq!(found.get(1000).unwrap().unwrap().text().unwrap(), "three");
    assert_eq!(found.get(1001).unwrap(), None, "behind the region");
    assert!(found.get(278).unwrap().unwrap().texts(1).is_err(), "over the bound");
    assert!(found.get(278).unwrap().unwrap().binary().is_err());
    assert_eq!(found.bytes().len(), 16 + 64 + store.len());
}

#[test]
fn refuses_what_is_too_large_or_something_else() {
    for (bytes, reason) in [
        (header(&[[1000, 6, 0, 1]; 33], b"\0"), "at most 32 entries"),
        ([&MAGIC[..], &[0, 0, 0, 1, 0xff, 0, 0, 0]].concat(), "at most 67108864 bytes"),
        ([&MAGIC[..], &[0, 0, 0, 1, 3, 0, 0, 0]].concat(), "ends after the file"),
        (b"<html><head></head></html>".to_vec(), "found \"<html><h\""),
        (b"short".to_vec(), "ends after the file"),
    ] {
        let error = read(&bytes).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    let (entries, store) = laid_out(&[(1000, 6, 1, b"x\0"), (1000, 6, 1, b"y\0")], None);
    let twice = read(&header(&entries, &store)).unwrap();
    assert!(twice.get(1000).unwrap_err().to_string().contains("tag 1000 twice"));
}

/// What a package needs to be one for rpm, of every type.
const PACKAGE: [Given<'_>; 10] = [
    (1000, STRING, 1, b"name\0"),
    (1001, STRING, 1, b"1\0"),
    (1002, STRING, 1, b"2\0"),
    (1004, TRANSLATED, 1, b"summary\0"),
    (1009, NUMBERS_32, 1, &[0, 0, 0, 5]),
    (1022, STRING, 1, b"noarch\0"),
    (1030, NUMBERS_16, 2, &[0x81, 0, 0x81, 0]),
    (1116, NUMBERS_32, 2, &[0; 8]),
    (1117, STRINGS, 2, b"a\0b\0"),
    (1118, STRINGS, 1, b"/\0"),
];

/// A header that may be wrong: entries, store, and what is said of it.
struct Case {
    name: &'static str,
    kind: Kind,
    bytes: Vec<u8>,
    /// Part of the reason; `None` where it is sound.
    reason: Option<&'static str>,
}

/// A change of entries and store.
type Change<'a> = &'a dyn Fn(&mut Vec<[u32; 4]>, &mut Vec<u8>);

fn cases() -> Vec<Case> {
    const SIGNATURE: [Given<'_>; 2] = [(1000, 4, 1, b"1234"), (1007, 4, 1, b"5678")];
    let mut cases = Vec::new();
    let mut add = |kind, name, reason, region: Option<u32>, change: Change<'_>| {
        let given = if kind == Kind::Main { &PACKAGE[..] } else { &SIGNATURE };
        let (mut entries, mut store) = laid_out(given, region);
        change(&mut entries, &mut store);
        cases.push(Case { name, kind, bytes: header(&entries, &store), reason });
    };
    let end = |store: &Vec<u8>| u32::try_from(store.len()).unwrap();
    let put = |store: &mut Vec<u8>, trailer: Vec<u8>| {
        let at = store.len() - 16;
        store.splice(at.., trailer);
    };
    let beyond = Some("reach beyond its end");
    let behind = Some("do not begin behind what is before them");
    let (no_type, no_tag) = (Some("which is no type"), Some("which is no tag"));
    let (none, region) = (Some("which is none"), Some("a region that does not fit it"));
    let more = Some("has entries behind its region");
    let main = &mut |name, reason, change: Change<'_>| {
        add(Kind::Main, name, reason, Some(63), change);
    };
    main("sound", None, &|_, _| ());
    main("a type of none", no_type, &|entries, _| entries[1][1] = 0);
    main("an unknown type", no_type, &|entries, _| entries[1][1] = 10);
    main("no items", none, &|entries, _| entries[1][3] = 0);
    main("a text of two", none, &|entries, _| entries[1][3] = 2);
    main("a tag of regions", no_tag, &|entries, _| entries[1][0] = 61);
    main("a tag below all", no_tag, &|entries, _| entries[1][0] = 0);
    main("a negative tag", no_tag, &|entries, _| entries[1][0] = u32::MAX);
    main("an overlap", behind, &|entries, _| entries[2][2] = 0);
    main("an overlap of a byte", behind, &|entries, _| entries[2][2] -= 1);
    main("another order", behind, &|entries, _| entries.swap(1, 2));
    main("numbers that are not aligned", behind, &|entries, _| entries[5][2] += 1);
    main("a negative offset", behind, &|entries, _| entries[1][2] = u32::MAX);
    main("an offset beyond", behind, &|entries, _| entries[1][2] = 10_000);
    main("very many items", beyond, &|entries, _| entries[5][3] = u32::MAX);
    main("many items", beyond, &|entries, _| entries[5][3] = 1 << 30);
    main("an array of three", behind, &|entries, _| entries[9][3] = 3);
    main("an array that does not end", beyond, &|entries, _| entries[9][3] = 300);
    main("bytes behind", more, &|_, store| store.extend([0; 8]));
    main("an entry behind", more, &|entries, store| {
        entries.push([5009, NUMBERS_8, end(store), 1]);
        store.push(0);
    });
    main("a region of text", region, &|entries, _| entries[0][1] = STRING);
    main("a region of 15 bytes", region, &|entries, _| entries[0][3] = 15);
    main("a region elsewhere", region, &|entries, _| entries[0][2] = 10);
    main("a region beyond", region, &|entries, _| entries[0][2] = 10_000);
    main("a trailer of old tools", region, &|_, store| put(store, trailer(61, 11)));
    main("a trailer of none", region, &|_, store| put(store, trailer(63, 0)));
    main("a trailer of some", more, &|_, store| put(store, trailer(63, 5)));
    main("a trailer of more", region, &|_, store| put(store, trailer(63, 12)));
    main("a gap before the trailer", Some("does not end behind"), &|entries, store| {
        let at = store.len() - 16;
        store.splice(at..at, [0; 8]);
        entries[0][2] += 8;
    });
    main("a gap", behind, &|entries, store| {
        store.splice(0..0, [0; 8]);
        for entry in entries {
            entry[2] += 8;
        }
    });
    add(Kind::Main, "a region of signatures", no_tag, Some(62), &|_, _| ());
    add(Kind::Main, "a region of old tools", no_tag, Some(61), &|_, _| ());
    add(Kind::Main, "no entries", Some("has no entries"), None, &|entries, store| {
        entries.clear();
        store.clear();
    });
    add(Kind::Main, "no region", None, None, &|_, _| ());
    add(Kind::Main, "a text without an end", beyond, None, &|_, store| {
        store.pop();
    });
    add(Kind::Main, "bytes behind all", Some("bytes in its store"), None, &|_, store| {
        store.extend([0; 4]);
    });
    let signature = &mut |name, reason, change: Change<'_>| {
        add(Kind::Signature, name, reason, Some(62), change);
    };
    signature("signatures", None, &|_, _| ());
    signature("signatures of old tools", None, &|_, store| put(store, trailer(61, 3)));
    signature("an entry added", None, &|entries, store| {
        entries.push([1008, BINARY, end(store), 3]);
        store.extend(b"abc");
    });
    signature("an entry added in place", behind, &|entries, _| {
        entries.push([1008, BINARY, 0, 3]);
    });
    signature("an entry added behind a gap", behind, &|entries, store| {
        store.extend([0; 4]);
        entries.push([1008, BINARY, end(store), 3]);
        store.extend(b"abc");
    });
    signature("bytes added", Some("bytes in its store"), &|_, store| store.extend([0; 4]));
    signature("an overlap of signatures", behind, &|entries, _| entries[2][2] = 0);
    add(Kind::Signature, "signatures without a region", None, None, &|_, _| ());
    add(Kind::Signature, "signatures in a region of the header", no_tag, Some(63), &|_, _| ());
    cases
}

#[test]
fn headers_are_laid_out_in_one_way() {
    for Case { name, kind, bytes, reason } in cases() {
        let found = RawHeader::read(&mut &bytes[..], kind).map_err(|error| error.to_string());
        match (&found, reason) {
            (Ok(_), None) => {}
            (Err(error), Some(reason)) => assert!(error.contains(reason), "{name}: {error}"),
            _ => panic!("{name}: {found:?}, expected {reason:?}"),
        }
    }
}

#[test]
fn rpm_reads_what_is_read_here_and_refuses_what_is_refused() {
    let Some(rpm) = tool("rpm") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.rpm");
    let sound = |kind| {
        let mut sound = cases().into_iter().filter(move |case| case.kind == kind);
        sound.next().unwrap().bytes
    };
    for case in cases() {
        let (signature, main) = match case.kind {
            Kind::Signature => (case.bytes, sound(Kind::Main)),
            Kind::Main => (sound(Kind::Signature), case.bytes),
        };
        let mut package = vec![0; 96];
        package[..5].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb, 3]);
        // It is for any architecture and system, and its signatures are those of rpm 3 and later.
        package[8..14].copy_from_slice(b"\0\x01n-1-2"[..6].try_into().unwrap());
        package[78..80].copy_from_slice(&[0, 5]);
        package.extend(&signature);
        package.resize(package.len().next_multiple_of(8), 0);
        package.extend(&main);
        std::fs::write(&path, &package).unwrap();
        let output = Command::new(&rpm)
            .args(["-qp", "--nosignature", "--nodigest"])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), case.reason.is_none(), "{}: {said}", case.name);
    }
}
