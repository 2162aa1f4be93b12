//! How the values of a header lie in its store, held to what rpm holds them to.
//!
//! Where programs read one header differently, one of them can be shown something that the others do not
//! see. So the store is the values one behind the other, in the order of the entries and with nothing
//! between them but what aligns numbers; and the region's trailer. rpm refuses all else (`lib/header.c`:
//! `hdrblobVerifyRegion`, `hdrblobVerifyInfo`, `hdrblobImport`).
//!
//! Stricter than rpm: a trailer that a value overlaps while as many bytes are left over elsewhere.

use super::{
    BINARY, ENTRY_LEN, Kind, NUMBERS_8, NUMBERS_16, NUMBERS_32, NUMBERS_64, RawHeader, STRING,
    STRINGS, TRANSLATED, Value, number, number_u32,
};
use crate::format::rpm::FormatError;

/// The tags below it are those of regions and of a table that no header has any more.
const FIRST_TAG: u32 = 100;

/// The tag after the last one: rpm takes tags for signed numbers.
const END_OF_TAGS: u32 = 1 << 31;

/// Bytes of a region's trailer, which is an entry.
const TRAILER_LEN: usize = ENTRY_LEN;

/// A region: entries that were there when the header was made, and are signed as they are.
struct Region {
    /// How many entries it spans, its own included.
    spanned: usize,
    /// Where in the store its trailer lies.
    trailer: usize,
}

/// Checks how a header is laid out; gives how many of its entries count.
pub(super) fn check(header: &RawHeader) -> Result<usize, FormatError> {
    if header.entries == 0 {
        return Err(header.wrong("has no entries".to_owned()));
    }
    let store = header.store().len();
    let region = region(header)?;
    let mut trailer = region.as_ref().map(|region| region.trailer);
    let mut end = 0;
    let mut pass_trailer = |end: &mut usize| {
        if trailer == Some(*end) {
            *end += TRAILER_LEN;
            trailer = None;
        }
        trailer.is_none()
    };
    for at in usize::from(region.is_some())..header.entries {
        pass_trailer(&mut end);
        let (value, offset) = (header.value(at), header.offset(at));
        let wrong = |what: &str| {
            let Value { tag, kind, count, .. } = value;
            let what = format!("has {count} items of type {kind} of tag {tag}, {what}");
            Err(header.wrong(what))
        };
        if !(FIRST_TAG..END_OF_TAGS).contains(&value.tag) {
            return wrong("which is no tag");
        }
        let Some(alignment) = alignment(value.kind) else { return wrong("which is no type") };
        if offset != end.next_multiple_of(alignment) {
            return wrong("which do not begin behind what is before them");
        }
        end = match len(&value) {
            Some(len) if len > 0 => offset + len,
            Some(_) => return wrong("which is none"),
            None => return wrong("which reach beyond its end"),
        };
    }
    if !pass_trailer(&mut end) {
        return Err(header.wrong("has a region that does not end behind a value".to_owned()));
    }
    if end != store {
        let reason = format!("has {store} bytes in its store, expected {end}");
        return Err(header.wrong(reason));
    }
    Ok(region.map_or(header.entries, |region| region.spanned))
}

/// The region; `None` where there is none, as in packages of rpm 3.
fn region(header: &RawHeader) -> Result<Option<Region>, FormatError> {
    let first = header.value(0);
    if first.tag != header.kind.region() {
        return Ok(None);
    }
    let wrong = || Err(header.wrong("has a region that does not fit it".to_owned()));
    let (BINARY, TRAILER_LEN, Some(trailer)) =
        (first.kind, first.count, first.data.get(..TRAILER_LEN))
    else {
        return wrong();
    };
    // The trailer is an entry whose offset leads back to the first one.
    let back = number(&trailer[8..12]).wrapping_neg() & 0xffff_ffff;
    let is_one = header.kind.trailers().contains(&number_u32(trailer))
        && number_u32(&trailer[4..]) == BINARY
        && number(&trailer[12..]) == TRAILER_LEN
        && back.is_multiple_of(ENTRY_LEN);
    let spanned = back / ENTRY_LEN;
    if !is_one || spanned == 0 || spanned > header.entries {
        return wrong();
    }
    // A header is signed as a whole, so nothing may stand behind its region.
    let behind = first.data.len() - TRAILER_LEN;
    if header.kind == Kind::Main && !(spanned == header.entries && behind == 0) {
        return Err(header.wrong("has entries behind its region".to_owned()));
    }
    Ok(Some(Region { spanned, trailer: header.offset(0) }))
}

/// What the offset of a value of that type is a multiple of; `None` where there is no such type.
fn alignment(kind: u32) -> Option<usize> {
    match kind {
        NUMBERS_8 | STRING | BINARY | STRINGS | TRANSLATED => Some(1),
        NUMBERS_16 => Some(2),
        NUMBERS_32 => Some(4),
        NUMBERS_64 => Some(8),
        _ => None,
    }
}

/// The bytes of a value; `None` where there are not as many in the store.
fn len(value: &Value<'_>) -> Option<usize> {
    let len = match value.kind {
        STRING | STRINGS | TRANSLATED => {
            if value.kind == STRING && value.count != 1 {
                return Some(0);
            }
            let mut ends = memchr::memchr_iter(0, value.data);
            match value.count {
                0 => 0,
                count => ends.nth(count - 1)? + 1,
            }
        }
        kind => value.count.checked_mul(alignment(kind)?)?,
    };
    (len <= value.data.len()).then_some(len)
}
