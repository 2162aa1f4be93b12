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
//! Bounds and layout are those of rpm 4.18: what it refuses to read is refused here. Besides that, a tag
//! that is asked for and is there twice: rpm takes any one of the two.

use std::io::{self, Read};

use super::FormatError;
use crate::limits;

mod layout;

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

    /// The tag of its region.
    fn region(self) -> u32 {
        match self {
            Self::Signature => 62,
            Self::Main => 63,
        }
    }

    /// The tags that the trailer of its region may have: old tools wrote another one into that of
    /// signatures.
    fn trailers(self) -> &'static [u32] {
        match self {
            Self::Signature => &[62, 61],
            Self::Main => &[63],
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
        header.counted = layout::check(&header)?;
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

    fn entry(&self, at: usize) -> &[u8] {
        &self.bytes[INTRO_LEN + at * ENTRY_LEN..][..ENTRY_LEN]
    }

    fn store(&self) -> &[u8] {
        &self.bytes[INTRO_LEN + self.entries * ENTRY_LEN..]
    }

    /// Where in the store a value begins.
    fn offset(&self, at: usize) -> usize {
        number(&self.entry(at)[8..])
    }

    fn value(&self, at: usize) -> Value<'_> {
        let entry = self.entry(at);
        Value {
            tag: number_u32(entry),
            kind: number_u32(&entry[4..]),
            count: number(&entry[12..]),
            data: self.store().get(self.offset(at)..).unwrap_or_default(),
        }
    }

    fn wrong(&self, reason: String) -> FormatError {
        FormatError::Binary { what: self.kind.name(), reason }
    }
}

impl<'a> Value<'a> {
    /// How many items it has.
    pub fn count(&self) -> usize {
        self.count
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
mod tests;
