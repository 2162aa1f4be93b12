//! Byte ranges, one and several.

use std::ops::Range;

use proptest::prelude::*;

use crate::support::{Answer, Site, noise};

/// The parts of a `multipart/byteranges` answer, as range and bytes.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let kind = answer.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut rest = answer.body.as_slice();
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    loop {
        rest = rest.strip_prefix(delimiter.as_bytes()).expect("a delimiter");
        if rest == b"--\r\n" {
            return parts;
        }
        let end = rest.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let range = head.split("Content-Range: ").nth(1).unwrap().to_owned();
        assert!(head.contains("\r\nContent-Type: application/octet-stream\r\n"), "{head}");
        let (span, _) = range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
        let (first, last) = span.split_once('-').unwrap();
        let length = last.parse::<usize>().unwrap() - first.parse::<usize>().unwrap() + 1;
        parts.push((range, rest[end + 4..end + 4 + length].to_vec()));
        rest = &rest[end + 4 + length..];
    }
}

#[test]
fn one_range_comes_as_it_is() {
    let site = Site::new();
    site.write("f.rpm", "0123456789");
    for (asked, told, body) in [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=2-5", "bytes 2-5/10", "2345"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=-99", "bytes 0-9/10", "0123456789"),
        ("bytes=5-99", "bytes 5-9/10", "56789"),
        ("bytes=8-9,99-", "bytes 8-9/10", "89"),
    ] {
        let answer = site.get_with("/f.rpm", &[("Range", asked)]);
        assert_eq!((answer.status, answer.text()), (206, body), "{asked}");
        assert_eq!(answer.header("content-range"), Some(told));
        assert_eq!(answer.header("content-length").unwrap(), body.len().to_string());
        assert_eq!(answer.header("content-type"), Some("application/x-rpm"));
        assert!(answer.header("etag").is_some() && answer.header("last-modified").is_some());
    }
}

#[test]
fn a_range_beyond_the_end_is_refused_with_the_size() {
    let site = Site::new();
    site.write("f", "0123456789");
    for asked in ["bytes=10-", "bytes=-0", "bytes=10-20,30-"] {
        let answer = site.get_with("/f", &[("Range", asked)]);
        assert_eq!(answer.status, 416, "{asked}");
        assert_eq!(answer.header("content-range"), Some("bytes */10"), "{asked}");
    }
}

#[test]
fn what_is_no_byte_range_is_ignored() {
    let site = Site::new();
    site.write("f", "0123456789").write("empty", "");
    for asked in ["bytes=5-2", "lines=0-1", "bytes=a", "bytes=0-,0-"] {
        let answer = site.get_with("/f", &[("Range", asked)]);
        assert_eq!((answer.status, answer.text()), (200, "0123456789"), "{asked}");
        assert_eq!(answer.header("content-range"), None);
    }
    let twice = [("Range", "bytes=0-0"), ("Range", "bytes=2-2")];
    assert_eq!(site.get_with("/f", &twice).status, 200);
    assert_eq!(site.ask("HEAD", "/f", &[("Range", "bytes=0-0")]).status, 200);
    assert_eq!(site.get_with("/empty", &[("Range", "bytes=0-")]).status, 200);
    assert_eq!(site.get_with("/empty", &[("Range", "bytes=-5")]).status, 200);
}

#[test]
fn a_range_of_other_content_is_not_given() {
    let site = Site::new();
    site.write("f", "0123456789");
    let old = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    std::fs::File::open(site.path("f")).unwrap().set_modified(old).unwrap();
    let first = site.get("/f");
    let etag = first.header("etag").unwrap();
    let modified = first.header("last-modified").unwrap();
    let status =
        |value: &str| site.get_with("/f", &[("Range", "bytes=1-2"), ("If-Range", value)]).status;
    assert_eq!(status(etag), 206);
    assert_eq!(status(modified), 206);
    assert_eq!(status(&format!("W/{etag}")), 200);
    assert_eq!(status("\"other\""), 200);
    assert_eq!(status("Sun, 06 Nov 1994 08:49:37 GMT"), 200);
    // Not even a 416: the range is that of another file.
    let beyond = [("Range", "bytes=99-"), ("If-Range", "\"other\"")];
    assert_eq!(site.get_with("/f", &beyond).text(), "0123456789");
}

#[test]
fn several_ranges_come_as_parts() {
    let site = Site::new();
    let content = noise(1_000_000);
    site.write("f", &content);
    let asked = "bytes=0-9, 500000-799999 ,-5,9999999-";
    let answer = site.get_with("/f", &[("Range", asked)]);
    assert_eq!(answer.status, 206);
    assert_eq!(answer.header("content-range"), None);
    assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
    assert_eq!(
        parts(&answer),
        [
            ("bytes 0-9/1000000".into(), content[..10].to_vec()),
            ("bytes 500000-799999/1000000".into(), content[500_000..800_000].to_vec()),
            ("bytes 999995-999999/1000000".into(), content[999_995..].to_vec()),
        ]
    );
}

/// What RFC 9110 says of a list of ranges within a file, told apart from how the server does it.
fn expected(asked: &[(Option<usize>, Option<usize>)], size: usize) -> Vec<Range<usize>> {
    asked
        .iter()
        .filter_map(|range| match *range {
            (Some(first), Some(more)) => Some(first..(first + more + 1).min(size)),
            (Some(first), None) => Some(first..size),
            (None, Some(length)) => Some(size.saturating_sub(length)..size),
            (None, None) => None,
        })
        .filter(|range| range.start < range.end)
        .collect()
}

#[test]
fn every_range_is_the_slice_that_it_names() {
    // Over a piece boundary of the server, and not a multiple of it.
    const SIZE: usize = 300_007;
    let site = Site::new();
    let content = noise(SIZE);
    site.write("f", &content);
    let number =
        || prop_oneof![0..SIZE + 10, 0_usize..20, SIZE - 20..SIZE + 20, 131_060_usize..131_090];
    let range = (prop::option::weighted(0.8, number()), prop::option::of(number()))
        .prop_filter("a range has one end", |r| r.0.is_some() || r.1.is_some());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&prop::collection::vec(range, 1..4), |asked| {
            let list: Vec<String> = asked
                .iter()
                .map(|range| match *range {
                    (Some(first), Some(more)) => format!("{first}-{}", first + more),
                    (Some(first), None) => format!("{first}-"),
                    (None, length) => format!("-{}", length.unwrap()),
                })
                .collect();
            let answer = site.get_with("/f", &[("Range", &format!("bytes={}", list.join(",")))]);
            let slices = expected(&asked, SIZE);
            let total: usize = slices.iter().map(ExactSizeIterator::len).sum();
            if slices.is_empty() {
                prop_assert_eq!(answer.status, 416);
            } else if total > SIZE {
                prop_assert_eq!(answer.status, 200);
                prop_assert!(answer.body == content);
            } else if let [slice] = slices.as_slice() {
                prop_assert_eq!(answer.status, 206);
                prop_assert!(answer.body == content[slice.clone()]);
            } else {
                prop_assert_eq!(answer.status, 206);
                let found = parts(&answer);
                prop_assert_eq!(found.len(), slices.len());
                for ((_, body), slice) in found.iter().zip(slices) {
                    prop_assert!(*body == content[slice]);
                }
            }
            Ok(())
        })
        .unwrap();
}
