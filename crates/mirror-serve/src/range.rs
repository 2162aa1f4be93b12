//! Byte ranges (RFC 9110, section 14): which parts of a file a `Range` header selects.
//!
//! A server may ignore any `Range`. This one does where the header is not one it understands, where
//! it asks for more parts than [`MAX_RANGES`] or for more bytes than the file has (ranges that
//! overlap, whose only use is to tire the server), and for an empty file, which has no byte to name.

use std::ops::Range;

use crate::config::MAX_RANGES;

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it, with status 200.
    Whole,
    /// These parts, none empty, each within the file, in the order of the request.
    Parts(Vec<Range<u64>>),
    /// Nothing that the file has: status 416.
    Unsatisfiable,
}

/// The selection that the header's `value` makes in a file of `size` bytes.
pub(crate) fn select(value: &str, size: u64) -> Selection {
    let Some(specs) = byte_specs(value) else {
        return Selection::Whole;
    };
    if size == 0 {
        return Selection::Whole;
    }
    let mut parts = Vec::new();
    let mut total = 0_u64;
    let mut asked = 0;
    for spec in specs.split(',').map(trim) {
        if spec.is_empty() {
            continue; // an empty list element: RFC 9110, section 5.6.1.2
        }
        asked += 1;
        if asked > MAX_RANGES {
            return Selection::Whole;
        }
        match resolve(spec, size) {
            Some(part) if part.is_empty() => {}
            Some(part) => {
                total = total.saturating_add(part.end - part.start);
                parts.push(part);
            }
            None => return Selection::Whole,
        }
    }
    if asked == 0 || total > size {
        return Selection::Whole;
    }
    if parts.is_empty() {
        return Selection::Unsatisfiable;
    }
    Selection::Parts(parts)
}

/// What follows `bytes=`; `None` where the unit is another.
fn byte_specs(value: &str) -> Option<&str> {
    let (unit, specs) = value.split_once('=')?;
    trim(unit).eq_ignore_ascii_case("bytes").then_some(specs)
}

/// One `first-last`, `first-` or `-length` within `size` bytes: empty where the file has none of
/// it, `None` where it is no range at all.
fn resolve(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let length = number(last)?;
        return Some(size.saturating_sub(length)..size);
    }
    let first = number(first)?;
    let end = if last.is_empty() {
        size
    } else {
        let last = number(last)?;
        if last < first {
            return None;
        }
        last.saturating_add(1).min(size)
    };
    Some(first.min(size)..end)
}

/// A decimal number; one beyond 64 bits is beyond every file and means the same as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // a list of one range is what is meant
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(list: &[Range<u64>]) -> Selection {
        Selection::Parts(list.to_vec())
    }

    #[test]
    fn selects_what_rfc_9110_says() {
        assert_eq!(select("bytes=0-99", 1000), parts(&[0..100]));
        assert_eq!(select("bytes=900-", 1000), parts(&[900..1000]));
        assert_eq!(select("bytes=900-5000", 1000), parts(&[900..1000]));
        assert_eq!(select("bytes=-100", 1000), parts(&[900..1000]));
        assert_eq!(select("bytes=-5000", 1000), parts(&[0..1000]));
        assert_eq!(select("BYTES = 5-5", 1000), parts(&[5..6]));
        assert_eq!(select("bytes=0-0, ,5-6,", 1000), parts(&[0..1, 5..7]));
        assert_eq!(select("bytes=7-8,2000-,0-0", 1000), parts(&[7..9, 0..1]));
        assert_eq!(select("bytes=0-99999999999999999999999", 10), parts(&[0..10]));
        assert_eq!(select("bytes=1000-", 1000), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-0", 1000), Selection::Unsatisfiable);
        assert_eq!(select("bytes=99999999999999999999999-", 1000), Selection::Unsatisfiable);
    }

    #[test]
    fn ignores_what_is_no_byte_range() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=x",
            "bytes=-",
            "bytes=1",
            "bytes=5-4",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes=1--2",
            "bytes=0-1,x",
            "lines=0-1",
            "bytes=0x1-2",
        ] {
            assert_eq!(select(value, 1000), Selection::Whole, "{value:?}");
        }
    }

    #[test]
    fn sends_the_whole_file_rather_than_tire_itself() {
        assert_eq!(select("bytes=0-,0-", 1000), Selection::Whole);
        assert_eq!(select("bytes=0-5", 0), Selection::Whole);
        let many = |n: u64| {
            let list: Vec<_> = (0..n).map(|i| format!("{0}-{0}", i * 2)).collect();
            select(&format!("bytes={}", list.join(",")), 1_000_000)
        };
        assert!(matches!(many(MAX_RANGES as u64), Selection::Parts(p) if p.len() == MAX_RANGES));
        assert_eq!(many(MAX_RANGES as u64 + 1), Selection::Whole);
    }

    proptest! {
        #[test]
        fn never_selects_outside_the_file(value in "(bytes=)?[-0-9, ]{0,30}", size in 0_u64..200) {
            if let Selection::Parts(parts) = select(&value, size) {
                let total: u64 = parts.iter().map(|p| p.end - p.start).sum();
                prop_assert!(total <= size && !parts.is_empty());
                prop_assert!(parts.iter().all(|p| p.start < p.end && p.end <= size));
            }
        }
    }
}
