//! The headers of a package file, as bytes: what is signed, and where in it a tag's value lies.
//!
//! A package is a lead of 96 bytes, a *signature header*, the *header*, and the payload (rpm's
//! `docs/manual/format_v4.md`). A header is eight bytes of magic, the number of its entries and the
//! size of its store, the entries (tag, type, offset, count) and the store that they point into. Its
//! first entry may be a *region*: it spans the entries up to a trailer in the store, and what stands
//! behind the region was added later. Signatures are over the bytes, so the bytes are kept; nothing is
//! looked up but what somebody asks for, and nothing is merged from one header into another
//! (CVE-2021-20271).
//!
//! Bounds are those of rpm 4.18 (`lib/header.c`): what it refuses to install is refused here.

use std::io::{self, Read};

use super::FormatError;
use crate::limits;

/// Bytes of the lead.
pub const LEAD_LEN: u64 = 96;

/// The first bytes of a package file.
pub const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// The first bytes of a header: three of magic and its version, and four that are reserved.
const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

/// Bytes before the entries: the magic and two numbers.
const INTRO_LEN: usize = 16;

/// Bytes of an entry.
const ENTRY_LEN: usize = 16;

/// Types of entries.
const NUMBERS_8: u32 = 2;
const NUMBERS_16: u32 = 3;
const NUMBERS_32: u32 = 4;
const NUMBERS_64: u32 = 5;
const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRINGS: u32 = 8;
const TRANSLATED: u32 = 9;

/// Which of the two headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The one before the header, which holds its signatures and is itself not signed.
    Signature,
    /// The one that says what the package is.
    Main,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature header",
            Self::Main => "header",
        }
    }

    /// The tags that its region may have. Old tools wrote the second one into the trailer.
    fn regions(self) -> [u32; 2] {
        match self {
            Self::Signature => [62, 61],
            Self::Main => [63, 61],
        }
    }

    fn most_entries(self) -> usize {
        match self {
            Self::Signature => limits::SIGNATURE_HEADER_ENTRIES,
            Self::Main => limits::HEADER_ENTRIES,
        }
    }

    fn largest_store(self) -> usize {
        match self {
            Self::Signature => limits::SIGNATURE_HEADER_STORE,
            Self::Main => limits::HEADER_STORE,
        }
    }
}

/// A header as it lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawHeader {
    kind: Kind,
    bytes: Vec<u8>,
    entries: usize,
    /// How many entries count: those of the region where there is one.
    counted: usize,
}

/// The value of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    tag: u32,
    kind: u32,
    count: usize,
    /// The store from where the value begins.
    data: &'a [u8],
}

/// Reads a package's lead. Of what it says nothing counts but that this is a package.
pub fn read_lead(reader: &mut impl Read) -> Result<(), FormatError> {
    let mut lead = [0; 96];
    fill(reader, &mut lead, "lead")?;
    if lead[..4] != LEAD_MAGIC {
        return Err(FormatError::Root { expected: "RPM package", found: found(&lead) });
    }
    Ok(())
}

impl RawHeader {
    /// Reads a header, to its last byte. What is said of sizes is believed only up to their bounds,
    /// and memory is taken only for what is there.
    pub fn read(reader: &mut impl Read, kind: Kind) -> Result<Self, FormatError> {
        let mut intro = [0; INTRO_LEN];
        fill(reader, &mut intro, kind.name())?;
        if intro[..8] != MAGIC {
            let expected = kind.name();
            return Err(FormatError::Root { expected, found: found(&intro) });
        }
        let entries = number(&intro[8..]);
        let store = number(&intro[12..]);
        for (found, limit, what) in [
            (entries, kind.most_entries(), "entries of a header"),
            (store, kind.largest_store(), "bytes in a header's store"),
        ] {
            if found > limit {
                return Err(FormatError::Limit { what, limit: limit as u64 });
            }
        }
        let len = entries * ENTRY_LEN + store;
        let mut bytes = intro.to_vec();
        reader.take(len as u64).read_to_end(&mut bytes)?;
        if bytes.len() < INTRO_LEN + len {
            return Err(cut_short(kind.name()));
        }
        let mut header = Self { kind, bytes, entries, counted: entries };
        header.check()?;
        Ok(header)
    }

    /// The header with its magic: what a signature of the header is over.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value of `tag`; `None` where the header has none. An error where it has two: programs
    /// would not agree on which one counts.
    pub fn get(&self, tag: u32) -> Result<Option<Value<'_>>, FormatError> {
        let mut values =
            (0..self.counted).map(|at| self.value(at)).filter(|value| value.tag == tag);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(self.wrong(format!("holds tag {tag} twice"))),
        }
    }

    /// Every entry has to lie in the store, and the region has to be one.
    fn check(&mut self) -> Result<(), FormatError> {
        for at in 0..self.entries {
            let value = self.value(at);
            if value.data.len() < value.least_len() {
                let (tag, count) = (value.tag, value.count);
                return Err(self
                    .wrong(format!("has {count} items of tag {tag}, which reach beyond its end")));
            }
        }
        if let Some(spanned) = self.region()? {
            self.counted = spanned;
        }
        Ok(())
    }

    /// How many entries the region spans, the region's own included; `None` where there is none, as
    /// in packages of rpm 3.
    fn region(&self) -> Result<Option<usize>, FormatError> {
        if self.entries == 0 {
            return Ok(None);
        }
        let regions = self.kind.regions();
        let first = self.value(0);
        if first.tag != regions[0] {
            return Ok(None);
        }
        let wrong = || Err(self.wrong("has a region that does not fit it".to_owned()));
        let (BINARY, ENTRY_LEN, Some(trailer)) =
            (first.kind, first.count, first.data.get(..ENTRY_LEN))
        else {
            return wrong();
        };
        // The trailer is an entry whose offset leads back to the first one.
        let back = number(&trailer[8..12]).wrapping_neg() & 0xffff_ffff;
        let is_one = regions.contains(&number_u32(trailer))
            && number_u32(&trailer[4..]) == BINARY
            && number(&trailer[12..]) == ENTRY_LEN
            && back.is_multiple_of(ENTRY_LEN);
        let spanned = back / ENTRY_LEN;
        // A header is signed as a whole, so nothing may stand behind its region.
        let behind = first.data.len() - ENTRY_LEN;
        let is_whole = spanned == self.entries && behind == 0;
        if !is_one || spanned == 0 || spanned > self.entries {
            return wrong();
        }
        if self.kind == Kind::Main && !is_whole {
            return Err(self.wrong("has entries behind its region".to_owned()));
        }
        Ok(Some(spanned))
    }

    fn value(&self, at: usize) -> Value<'_> {
        let entry = &self.bytes[INTRO_LEN + at * ENTRY_LEN..][..ENTRY_LEN];
        let store = &self.bytes[INTRO_LEN + self.entries * ENTRY_LEN..];
        Value {
            tag: number_u32(entry),
            kind: number_u32(&entry[4..]),
            count: number(&entry[12..]),
            data: store.get(number(&entry[8..])..).unwrap_or_default(),
        }
    }

    fn wrong(&self, reason: String) -> FormatError {
        FormatError::Binary { what: self.kind.name(), reason }
    }
}

impl<'a> Value<'a> {
    /// Bytes that its items take at the least.
    fn least_len(&self) -> usize {
        let size = match self.kind {
            NUMBERS_16 => 2,
            NUMBERS_32 => 4,
            NUMBERS_64 => 8,
            _ => 1,
        };
        // One of nothing lies nowhere, and is none.
        self.count.max(1).saturating_mul(size)
    }

    /// Its bytes, if it is of bytes.
    pub fn binary(&self) -> Result<&'a [u8], FormatError> {
        match (self.kind, self.data.get(..self.count)) {
            (BINARY, Some(bytes)) if !bytes.is_empty() => Ok(bytes),
            _ => Err(self.wrong("bytes")),
        }
    }

    /// Its text, if it is one text.
    pub fn text(&self) -> Result<&'a str, FormatError> {
        match (self.kind, &self.texts(1)?[..]) {
            (STRING, [text]) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    /// Its number, if it is one of 32 bits.
    pub fn number(&self) -> Result<u32, FormatError> {
        match (self.kind, self.count) {
            (NUMBERS_32, 1) => Ok(number_u32(self.data)),
            _ => Err(self.wrong("a number of 32 bits")),
        }
    }

    /// Its texts, if it is of texts, `most` at the most.
    pub fn texts(&self, most: usize) -> Result<Vec<&'a str>, FormatError> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| self.wrong("UTF-8"));
        self.strings(most)?.into_iter().map(text).collect()
    }

    /// The bytes of its texts, if it is of texts, `most` at the most: old packages have theirs in
    /// other encodings.
    pub fn strings(&self, most: usize) -> Result<Vec<&'a [u8]>, FormatError> {
        if !matches!(self.kind, STRING | STRINGS | TRANSLATED) || self.count == 0 {
            return Err(self.wrong("texts"));
        }
        if self.count > most {
            let what = "texts of one tag of a header";
            return Err(FormatError::Limit { what, limit: most as u64 });
        }
        let mut rest = self.data;
        let mut strings = Vec::with_capacity(self.count);
        for _ in 0..self.count {
            let end = memchr::memchr(0, rest).ok_or_else(|| self.wrong("texts that end"))?;
            strings.push(&rest[..end]);
            rest = &rest[end + 1..];
        }
        Ok(strings)
    }

    /// The first of its texts, if it is of texts: of translations, the one that needs no locale.
    pub fn first(&self) -> Result<&'a [u8], FormatError> {
        if !matches!(self.kind, STRING | STRINGS | TRANSLATED) {
            return Err(self.wrong("texts"));
        }
        let end = memchr::memchr(0, self.data).ok_or_else(|| self.wrong("texts that end"))?;
        Ok(&self.data[..end])
    }

    /// Its numbers, if it is of numbers.
    pub fn numbers(
        &self,
    ) -> Result<impl ExactSizeIterator<Item = u64> + Clone + use<'a>, FormatError> {
        let size = match self.kind {
            NUMBERS_8 => 1,
            NUMBERS_16 => 2,
            NUMBERS_32 => 4,
            NUMBERS_64 => 8,
            _ => return Err(self.wrong("numbers")),
        };
        let bytes = self.count.checked_mul(size).and_then(|len| self.data.get(..len));
        let bytes = bytes.ok_or_else(|| self.wrong("numbers"))?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(bytes.chunks_exact(size).map(number))
    }

    fn wrong(&self, expected: &str) -> FormatError {
        let (tag, kind, count) = (self.tag, self.kind, self.count);
        let reason = format!("has {count} items of type {kind} in tag {tag}, expected {expected}");
        FormatError::Binary { what: "header", reason }
    }
}

/// Reads the bytes between the signature header and the header: it is padded to eight.
pub fn read_padding(reader: &mut impl Read, signature: &RawHeader) -> Result<(), FormatError> {
    let padding = signature.bytes.len().next_multiple_of(8) - signature.bytes.len();
    let mut bytes = [0; 8];
    fill(reader, &mut bytes[..padding], "signature header")
}

fn fill(reader: &mut impl Read, bytes: &mut [u8], what: &'static str) -> Result<(), FormatError> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_short(what),
        _ => error.into(),
    })
}

fn cut_short(what: &'static str) -> FormatError {
    FormatError::Binary { what, reason: "ends after the file".to_owned() }
}

fn number_u32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn number(bytes: &[u8]) -> usize {
    number_u32(bytes) as usize
}

/// The first bytes of what is something else, for messages.
fn found(bytes: &[u8]) -> String {
    if let Some(text) = bytes.get(..8).and_then(|bytes| std::str::from_utf8(bytes).ok())
        && text.chars().all(|c| !c.is_control())
    {
        return format!("{text:?}");
    }
    format!("{:02x?}", bytes.get(..8).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn read(bytes: &[u8]) -> Result<RawHeader, String> {
        RawHeader::read(&mut &bytes[..], Kind::Signature).map_err(|error| error.to_string())
    }

    /// A region of `spanned` entries whose trailer lies at the start of the store.
    fn trailer(spanned: u32) -> Vec<u8> {
        let back = (spanned * 16).wrapping_neg();
        [62, BINARY, back, 16].iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn gives_what_its_region_spans() {
        let store = [b"one\0two\0".as_slice(), &trailer(3), b"later\0"].concat();
        let entries = [[62, 7, 8, 16], [278, 8, 0, 2], [1000, 6, 0, 1], [1001, 6, 24, 1]];
        let found = read(&header(&entries, &store)).unwrap();
        assert_eq!(found.get(278).unwrap().unwrap().texts(2).unwrap(), ["one", "two"]);
        assert_eq!(found.get(1000).unwrap().unwrap().text().unwrap(), "one");
        assert_eq!(found.get(1001).unwrap(), None, "behind the region");
        assert!(found.get(278).unwrap().unwrap().texts(1).is_err(), "over the bound");
        assert!(found.get(278).unwrap().unwrap().binary().is_err());
        assert_eq!(found.bytes().len(), 16 + 64 + store.len());
    }

    #[test]
    fn refuses_what_lies_about_itself() {
        let region = |spanned| header(&[[62, 7, 0, 16]], &trailer(spanned));
        assert!(read(&region(1)).is_ok());
        for (bytes, reason) in [
            (region(2), "region"),
            (region(0), "region"),
            (header(&[[62, 7, 1, 16]], &trailer(1)), "beyond its end"),
            (header(&[[1000, 6, 0, 1]], b""), "beyond its end"),
            (header(&[[1000, 4, 0, u32::MAX]], b"1234"), "beyond its end"),
            (header(&[[1000, 7, u32::MAX, 1]], b"1234"), "beyond its end"),
            (header(&[[1, 6, 0, 1]; 33], b"\0"), "at most 32 entries"),
            ([&MAGIC[..], &[0, 0, 0, 1, 0xff, 0, 0, 0]].concat(), "at most 67108864 bytes"),
            ([&MAGIC[..], &[0, 0, 0, 1, 3, 0, 0, 0]].concat(), "ends after the file"),
            (b"<html><head></head></html>".to_vec(), "found \"<html><h\""),
            (b"short".to_vec(), "ends after the file"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let twice = read(&header(&[[1000, 6, 0, 1], [1000, 6, 0, 1]], b"x\0")).unwrap();
        assert!(twice.get(1000).unwrap_err().to_string().contains("tag 1000 twice"));
        let open = read(&header(&[[1000, 6, 0, 1]], b"x")).unwrap();
        assert!(open.get(1000).unwrap().unwrap().text().is_err(), "a text without an end");
    }
}
