use std::io::Write as _;

use proptest::prelude::*;

use super::*;

const METADATA: &[u8] = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";

/// An archive under construction, of which a test can make any field wrong.
#[derive(Clone)]
struct Archive {
    members: Vec<Content>,
    prefix: Vec<u8>,
    comment: Vec<u8>,
    zip64: bool,
}

#[derive(Clone)]
struct Content {
    name: Vec<u8>,
    local_name: Vec<u8>,
    data: Vec<u8>,
    compressed: Vec<u8>,
    method: u16,
    flags: u16,
    local_extra: Vec<u8>,
    extra: Vec<u8>,
    is_later: bool,
}

fn stored(name: &str, data: &[u8]) -> Content {
    Content {
        name: name.into(),
        local_name: name.into(),
        data: data.to_vec(),
        compressed: data.to_vec(),
        method: 0,
        flags: 0,
        local_extra: vec![],
        extra: vec![],
        is_later: false,
    }
}

fn deflated(name: &str, data: &[u8]) -> Content {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(data).unwrap();
    Content { compressed: encoder.finish().unwrap(), method: 8, ..stored(name, data) }
}

fn archive(members: &[Content]) -> Archive {
    Archive { members: members.to_vec(), prefix: vec![], comment: vec![], zip64: false }
}

fn wheel() -> Archive {
    archive(&[
        stored("demo/__init__.py", &[b'#'; 5000]),
        deflated("demo-1.0.dist-info/METADATA", METADATA),
        stored("demo-1.0.dist-info/RECORD", b""),
    ])
}

fn put(out: &mut Vec<u8>, numbers: &[(u64, usize)]) {
    for (number, len) in numbers {
        out.extend(&number.to_le_bytes()[..*len]);
    }
}

impl Archive {
    fn bytes(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        for member in &self.members {
            let mut crc = flate2::Crc::new();
            crc.update(&member.data);
            let (crc, offset) = (u64::from(crc.sum()), out.len() as u64);
            let (len, size) = (member.compressed.len() as u64, member.data.len() as u64);
            let flags = u64::from(member.flags) | if member.is_later { 8 } else { 0 };
            let local = if member.is_later { (0, 0, 0) } else { (crc, len, size) };
            out.extend(b"PK\x03\x04\x14\0");
            put(&mut out, &[(flags, 2), (member.method.into(), 2), (0, 4)]);
            put(&mut out, &[(local.0, 4), (local.1, 4), (local.2, 4)]);
            put(
                &mut out,
                &[(member.local_name.len() as u64, 2), (member.local_extra.len() as u64, 2)],
            );
            out.extend(&member.local_name);
            out.extend(&member.local_extra);
            out.extend(&member.compressed);
            if member.is_later {
                out.extend(b"PK\x07\x08");
                put(&mut out, &[(crc, 4), (len, 4), (size, 4)]);
            }
            let long = u64::from(u32::MAX);
            let mut extra = member.extra.clone();
            if self.zip64 {
                put(&mut extra, &[(1, 2), (24, 2), (size, 8), (len, 8), (offset, 8)]);
            }
            let at = |value| if self.zip64 { long } else { value };
            directory.extend(b"PK\x01\x02\x14\0\x14\0");
            put(&mut directory, &[(flags, 2), (member.method.into(), 2), (0, 4), (crc, 4)]);
            put(&mut directory, &[(at(len), 4), (at(size), 4)]);
            put(&mut directory, &[(member.name.len() as u64, 2), (extra.len() as u64, 2), (0, 2)]);
            put(&mut directory, &[(0, 8), (at(offset), 4)]);
            directory.extend(&member.name);
            directory.extend(&extra);
        }
        let (start, len) = (out.len() as u64, directory.len() as u64);
        let count = self.members.len() as u64;
        out.extend(&directory);
        if self.zip64 {
            let end = out.len() as u64;
            out.extend(b"PK\x06\x06");
            put(&mut out, &[(44, 8), (45, 2), (45, 2), (0, 4), (0, 4), (count, 8), (count, 8)]);
            put(&mut out, &[(len, 8), (start, 8)]);
            out.extend(b"PK\x06\x07");
            put(&mut out, &[(0, 4), (end, 8), (1, 4)]);
        }
        let at = |value, none| if self.zip64 { none } else { value };
        out.extend(b"PK\x05\x06");
        put(&mut out, &[(0, 2), (0, 2), (at(count, 0xffff), 2), (at(count, 0xffff), 2)]);
        put(&mut out, &[(at(len, 0xffff_ffff), 4), (at(start, 0xffff_ffff), 4)]);
        put(&mut out, &[(self.comment.len() as u64, 2)]);
        out.extend(&self.comment);
        out
    }
}

/// An archive of those members.
pub(in crate::format::pypi) fn stored_archive(members: &[(&str, &str)]) -> Vec<u8> {
    let members: Vec<_> =
        members.iter().map(|(name, text)| stored(name, text.as_bytes())).collect();
    archive(&members).bytes()
}

/// What a client gets by fetching what it is told to, beginning with that much of the end; and how
/// many pieces it fetched.
fn fetch(archive: &[u8], tail: usize) -> Result<(Vec<u8>, usize), ZipError> {
    let mut steps = 1;
    let mut start = archive.len().saturating_sub(tail);
    let size = archive.len() as u64;
    let piece = |range: &Range<u64>| {
        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
        usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
    };
    let directory = loop {
        let window = Window { start: start as u64, bytes: &archive[start..] };
        match Directory::read(window, size, is_metadata)? {
            Step::Done(directory) => break directory,
            Step::Need(range) => {
                assert_eq!(range.end, start as u64);
                start = piece(&range).start;
                steps += 1;
                assert!(steps < 5);
            }
        }
    };
    let member = directory.metadata(&"demo".parse().unwrap(), &"1.0".parse().unwrap())?;
    let mut window = start..archive.len();
    loop {
        let view = Window { start: window.start as u64, bytes: &archive[window.clone()] };
        match member.read(view, 1 << 20)? {
            Step::Done(content) => return Ok((content, steps)),
            Step::Need(range) => {
                window = piece(&range);
                steps += 1;
                assert!(steps < 7);
            }
        }
    }
}

fn metadata(archive: &Archive) -> Result<Vec<u8>, String> {
    let bytes = archive.bytes();
    let whole = fetch(&bytes, bytes.len());
    for tail in [22, 100, 300, 16 << 10] {
        let part = fetch(&bytes, tail);
        assert_eq!(part.map(|(content, _)| content), whole.clone().map(|(content, _)| content));
    }
    whole.map(|(content, _)| content).map_err(|error| error.to_string())
}

#[test]
fn finds_the_metadata_in_few_pieces() {
    let bytes = wheel().bytes();
    assert_eq!(fetch(&bytes, 16 << 10).unwrap(), (METADATA.to_vec(), 1));
    // The end, the directory, the member.
    assert_eq!(fetch(&bytes, 150).unwrap(), (METADATA.to_vec(), 3));
    for change in [
        |wheel: &mut Archive| wheel.zip64 = true,
        |wheel: &mut Archive| wheel.comment = b"a comment PK\x05".to_vec(),
        |wheel: &mut Archive| wheel.comment = vec![b'x'; 0xffff],
        |wheel: &mut Archive| wheel.prefix = vec![b'x'; 100],
        |wheel: &mut Archive| wheel.members[1].is_later = true,
        |wheel: &mut Archive| wheel.members[1].local_extra = vec![0; 500],
        |wheel: &mut Archive| wheel.members[1].extra = b"\x55\x54\x05\0\x01abcd\0\0".to_vec(),
        |wheel: &mut Archive| wheel.members[1] = stored("demo-1.0.dist-info/METADATA", METADATA),
        |wheel: &mut Archive| {
            wheel.members.push(stored("demo/_vendor/x-1.dist-info/METADATA", b""));
        },
        |wheel: &mut Archive| wheel.members.extend([stored("a/", b""), stored("a/", b"")]),
    ] {
        let mut wheel = wheel();
        change(&mut wheel);
        assert_eq!(metadata(&wheel).unwrap(), METADATA);
    }
}

#[test]
fn the_folder_may_be_spelled_otherwise_than_the_file() {
    let name: PackageName = "foo-bar-baz".parse().unwrap();
    let version: Version = "1.0+a.1".parse().unwrap();
    for stem in
        ["foo_bar_baz-1.0+a.1", "Foo.Bar-baz-1.0.0+a.1", "foo-bar_baz-1.0_a.1", "foo_bar_baz-v?"]
    {
        assert!(fits(&format!("{stem}.dist-info/METADATA"), &name, &version), "{stem}");
    }
    for stem in
        ["foo_bar-1.0+a.1", "foo_bar_baz-1.1", "foo_bar_baz", "-1.0", "foo_bar_baz_x-1.0+a.1"]
    {
        assert!(!fits(&format!("{stem}.dist-info/METADATA"), &name, &version), "{stem}");
    }
}

#[test]
fn there_is_one_folder_of_that_release() {
    let with = |members: &[Content]| metadata(&archive(members)).unwrap_err();
    assert_eq!(
        with(&[stored("demo/METADATA", METADATA)]),
        "has no metadata of demo 1.0: expected a member *.dist-info/METADATA, found none"
    );
    assert_eq!(
        with(&[stored("other-1.0.dist-info/METADATA", METADATA)]),
        "has no metadata of demo 1.0: expected a member *.dist-info/METADATA of it, found \
         \"other-1.0.dist-info/METADATA\""
    );
    assert_eq!(
        with(&[
            stored("demo-1.0.dist-info/METADATA", METADATA),
            stored("Demo-1.0.dist-info/METADATA", METADATA)
        ]),
        "has no metadata of demo 1.0: expected a member *.dist-info/METADATA, found \
         \"demo-1.0.dist-info/METADATA\" and \"Demo-1.0.dist-info/METADATA\""
    );
}

#[test]
fn refuses_what_readers_may_disagree_about() {
    let inner = wheel().bytes();
    for (expected, change) in [
        (
            "two members are called \"x\"",
            (|wheel: &mut Archive| {
                wheel.members.extend([stored("x", b"1"), stored("x", b"2")]);
            }) as fn(&mut Archive),
        ),
        ("has another name in its header", |wheel| wheel.members[1].local_name[0] = b'x'),
        ("has another name in its header", |wheel| wheel.members[1].local_name.push(b'x')),
        ("two ends", |wheel| {
            // The last record, whose comment reaches the end, is the other one's comment.
            wheel.comment = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        }),
        ("a member is called \"\"", |wheel| wheel.members[0].name.clear()),
        ("a member is called \"a\u{fffd}b\"", |wheel| wheel.members[0].name = b"a\0b".to_vec()),
        ("has a second name", |wheel| {
            wheel.members[0].extra = b"\x75\x70\x06\0\x01\0\0\0\0x".to_vec();
        }),
        ("extra fields of \"demo/__init__.py\" are cut short", |wheel| {
            wheel.members[0].extra = b"\x01\0\xff\0".to_vec();
        }),
        ("has its sizes twice", |wheel| {
            wheel.members[1].extra = b"\x01\0\0\0\x01\0\0\0".to_vec();
        }),
        ("ends before the size that is given for it", |wheel| {
            wheel.members[1].compressed.push(0);
        }),
    ] {
        let mut wheel = wheel();
        change(&mut wheel);
        let error = metadata(&wheel).unwrap_err();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
    let error = |bytes: &[u8]| fetch(bytes, bytes.len()).unwrap_err().to_string();
    let mut behind = inner.clone();
    behind.push(0);
    assert!(error(&behind).contains("something stands behind its end"));
    // Another archive before, whose offsets then mean something else.
    assert!(
        error(&[&inner[..], &inner[..]].concat()).contains("expected its directory to end at byte")
    );
    let end = inner.len() - 22;
    for (at, by, expected) in [
        (8, 1, "several volumes"),
        (4, 1, "several volumes"),
        (12, 1, "expected its directory to end at byte"),
        (16, 1, "expected its directory to end at byte"),
    ] {
        let mut bytes = inner.clone();
        bytes[end + at] += by;
        assert!(error(&bytes).contains(expected), "{}", error(&bytes));
    }
    for (count, expected) in
        [(2, "expected 2 members, found more"), (4, "expected 4 members, found 3")]
    {
        let mut bytes = inner.clone();
        bytes[end + 8] = count;
        bytes[end + 10] = count;
        assert!(error(&bytes).contains(expected), "{}", error(&bytes));
    }
}

#[test]
fn refuses_two_ends_that_contradict_each_other() {
    let bytes = Archive { zip64: true, ..wheel() }.bytes();
    let end = bytes.len() - 22;
    for (at, expected) in [
        (end + 8, "two ends contradict"),
        (end + 16, "two ends contradict"),
        (end - 20 + 8, "right before the locator"),
        (end - 20, "expected its directory to end"),
        (end - 20 - 56, "where the locator says"),
        (end - 20 - 56 + 4, "zip64 extensions"),
        (end - 20 - 56 + 24, "several volumes"),
        (end - 20 - 56 + 40, "expected its directory to end"),
        (end - 20 - 56 + 55, "expected its directory to end"),
    ] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let error = fetch(&bytes, bytes.len()).unwrap_err().to_string();
        assert!(error.contains(expected), "{at}: {error}");
    }
}

#[test]
fn content_is_held_against_the_directory() {
    let error = |change: fn(&mut Archive)| {
        let mut wheel = wheel();
        change(&mut wheel);
        metadata(&wheel).unwrap_err()
    };
    assert_eq!(
        error(|wheel| wheel.members[1].data = vec![b'x'; 5]),
        "member \"demo-1.0.dist-info/METADATA\" is damaged: expected 5 bytes, found 6"
    );
    assert!(
        error(|wheel| wheel.members[1].data = vec![b'x'; METADATA.len()]).contains("expected CRC")
    );
    assert!(error(|wheel| wheel.members[1].data.push(0)).contains("expected 47 bytes, found 46"));
    assert!(
        error(|wheel| wheel.members[1].data = vec![0; 2 << 20])
            .contains("expected at most 1048576")
    );
    assert!(error(|wheel| wheel.members[1].flags = 1).contains("with encrypted members"));
    assert!(
        error(|wheel| wheel.members[1].method = 12).contains("members of compression method 12")
    );
    assert!(error(|wheel| wheel.members[1].compressed = vec![0xff; 50]).contains("is damaged"));
    let bomb = deflated("demo-1.0.dist-info/METADATA", &vec![0; 1 << 20]);
    let bomb = Content { data: METADATA.to_vec(), ..bomb };
    assert!(
        metadata(&archive(&[bomb]))
            .unwrap_err()
            .contains("is damaged: expected 46 bytes, found 47")
    );
}

#[test]
fn refuses_what_is_no_archive() {
    let error = |bytes: &[u8]| fetch(bytes, 1000).unwrap_err().to_string();
    assert_eq!(error(b""), "is no whole zip archive: expected at least 22 bytes");
    assert!(error(&vec![b'x'; 70_000]).contains("expected a record of its directory at its end"));
    let bytes = wheel().bytes();
    assert!(
        error(&bytes[..bytes.len() - 1]).contains("expected a record of its directory at its end")
    );
    let window = Window { start: 0, bytes: &bytes[..100] };
    assert!(Directory::read(window, 200, is_metadata).unwrap_err().to_string().contains("its end"));
}

proptest! {
    #[test]
    fn damage_is_refused_or_without_consequence(
        at in any::<proptest::sample::Index>(),
        bit in 0..8_u8,
        tail in 22..6000_usize,
        zip64 in any::<bool>(),
    ) {
        let mut bytes = Archive { zip64, ..wheel() }.bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok((content, _)) = fetch(&bytes, tail) {
            prop_assert_eq!(content, METADATA);
        }
    }

    #[test]
    fn no_archive_makes_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), count in any::<u16>()) {
        bytes.extend(b"PK\x01\x02");
        bytes.extend([0; 42]);
        let start = bytes.len() - 46;
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        put(&mut bytes, &[(count.into(), 2), (count.into(), 2), (46, 4), (start as u64, 4), (0, 2)]);
        let _ = fetch(&bytes, 10_000);
    }
}
