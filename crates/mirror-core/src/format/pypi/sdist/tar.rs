//! A reader of tar archives that goes past everything but what it is asked for.
//!
//! POSIX ustar and pax, and what GNU tar writes for long names. Names and sizes come from wherever a
//! later header puts them, so that nothing is taken for a header that is content. Each header is
//! bounded, and memory does not grow with the archive.

use std::io::{self, Read};

use crate::format::pypi::excerpt;
use crate::limits;

/// The unit of the format, in bytes.
const BLOCK: usize = 512;

/// Largest header of a long name or of pax records, in bytes (largest seen: 2 kB).
const LONG_HEADER: u64 = 1 << 20;

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The archive's bytes could not be had.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Ends in the middle.
    #[error("is a tar archive that is cut short at byte {0}")]
    CutShort(u64),
    /// No header where one should be.
    #[error("is no tar archive: expected {expected} at byte {position}, found {found}")]
    Header {
        /// Where the header begins, in bytes from the start of the archive once decompressed.
        position: u64,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// Over a bound of [`crate::limits`].
    #[error("is too large: expected at most {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
}

/// A member.
pub(super) struct Member {
    /// Its path, as the archive spells it.
    pub(super) path: Vec<u8>,
    /// Not a folder, link or device.
    pub(super) is_file: bool,
    /// Of its content, in bytes.
    pub(super) size: u64,
}

/// An archive, read from its start.
pub(super) struct Archive<R> {
    reader: R,
    /// In bytes from the start.
    position: u64,
    /// Bytes of the member's content that have not been read.
    left: u64,
    /// Bytes behind the content that fill its last block.
    padding: u64,
    members: usize,
}

/// What headers said of the member that follows.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Read> Archive<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, position: 0, left: 0, padding: 0, members: 0 }
    }

    /// The next member; `None` at the archive's end.
    pub(super) fn next(&mut self) -> Result<Option<Member>, TarError> {
        let mut ahead = Ahead::default();
        loop {
            self.skip()?;
            let position = self.position;
            let Some(block) = self.block()? else {
                // Two empty blocks should have come, and some tools forget them.
                return match (self.members, ahead.path, ahead.size) {
                    (0, ..) => Err(header(position, "a header", "nothing")),
                    (_, None, None) => Ok(None),
                    _ => Err(TarError::CutShort(position)),
                };
            };
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            check_sum(&block, position)?;
            let size = number(&block[124..136]).ok_or_else(|| {
                header(position, "a size", &String::from_utf8_lossy(&block[124..136]))
            })?;
            self.members += 1;
            if self.members > limits::ARCHIVE_MEMBERS {
                let limit = limits::ARCHIVE_MEMBERS as u64;
                return Err(TarError::Limit { what: "members of an archive", limit });
            }
            match block[156] {
                b'L' => {
                    let mut path = self.long_header(size)?;
                    path.truncate(path.iter().position(|b| *b == 0).unwrap_or(path.len()));
                    set(&mut ahead.path, path, position)?;
                }
                b'K' => drop(self.long_header(size)?),
                b'x' => {
                    let records = self.long_header(size)?;
                    let (path, size) = pax(&records, position)?;
                    if let Some(path) = path {
                        set(&mut ahead.path, path, position)?;
                    }
                    if let Some(size) = size {
                        set(&mut ahead.size, size, position)?;
                    }
                }
                b'g' => {
                    let records = self.long_header(size)?;
                    if !matches!(pax(&records, position)?, (None, None)) {
                        let expected = "global records without a path or size";
                        return Err(header(position, expected, "one"));
                    }
                }
                b'S' => return Err(header(position, "members without holes", "a sparse one")),
                kind => {
                    let size = ahead.size.unwrap_or(size);
                    // Links and devices have no content, whatever their size says.
                    let has_content = !matches!(kind, b'1'..=b'6');
                    self.enter(if has_content { size } else { 0 }, position)?;
                    let path = ahead.path.unwrap_or_else(|| path(&block));
                    let is_folder = path.ends_with(b"/");
                    let is_file = matches!(kind, 0 | b'0' | b'7') && !is_folder;
                    return Ok(Some(Member { path, is_file, size }));
                }
            }
        }
    }

    /// The content of the member that was given last. Its size is to be looked at before.
    pub(super) fn content(&mut self) -> Result<Vec<u8>, TarError> {
        let mut content = Vec::new();
        let read = (&mut self.reader).take(self.left).read_to_end(&mut content)? as u64;
        self.position += read;
        self.left -= read;
        if self.left > 0 { Err(TarError::CutShort(self.position)) } else { Ok(content) }
    }

    fn long_header(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > LONG_HEADER {
            return Err(TarError::Limit { what: "bytes of a tar header", limit: LONG_HEADER });
        }
        self.enter(size, self.position)?;
        self.content()
    }

    fn enter(&mut self, size: u64, position: u64) -> Result<(), TarError> {
        let block = BLOCK as u64;
        let wrong = || header(position, "a size of less than 2^63 bytes", "more");
        size.checked_next_multiple_of(block).filter(|size| *size < 1 << 63).ok_or_else(wrong)?;
        self.left = size;
        self.padding = (block - size % block) % block;
        Ok(())
    }

    /// Goes behind the member's content and the padding.
    fn skip(&mut self) -> Result<(), TarError> {
        let all = self.left + self.padding;
        let skipped = io::copy(&mut (&mut self.reader).take(all), &mut io::sink())?;
        self.position += skipped;
        // The padding of the last member may be missing, as the end may.
        if skipped < self.left {
            return Err(TarError::CutShort(self.position));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(TarError::CutShort(self.position + filled as u64)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.position += BLOCK as u64;
        Ok(Some(block))
    }
}

fn header(position: u64, expected: &'static str, found: &str) -> TarError {
    TarError::Header { position, expected, found: excerpt(found) }
}

/// Two headers that say the same thing of one member are read differently by different tools.
fn set<T>(place: &mut Option<T>, value: T, position: u64) -> Result<(), TarError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(header(position, "one name and size of a member", "two")),
    }
}

/// The sum of the header's bytes, its own field taken for spaces; old tools added signed ones.
fn check_sum(block: &[u8; BLOCK], position: u64) -> Result<(), TarError> {
    let (mut unsigned, mut signed) = (0_u64, 0_i64);
    for (index, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&index) { b' ' } else { *byte };
        unsigned += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    match number(&block[148..156]) {
        Some(sum) if sum == unsigned || i64::try_from(sum) == Ok(signed) => Ok(()),
        _ => Err(header(position, "a header", "another sum of its bytes")),
    }
}

/// An octal number, or (GNU) a binary one whose first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        if *first != 0x80 {
            return None;
        }
        return rest.iter().try_fold(0_u64, |number, byte| {
            number.checked_mul(256).map(|number| number | u64::from(*byte))
        });
    }
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches(|c| c == ' ' || c == '\0');
    if text.is_empty() {
        return Some(0);
    }
    let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if is_octal { u64::from_str_radix(text, 8).ok() } else { None }
}

/// The header's own path: the name, behind the prefix that POSIX has.
fn path(block: &[u8; BLOCK]) -> Vec<u8> {
    let text =
        |field: &[u8]| -> Vec<u8> { field.iter().copied().take_while(|byte| *byte != 0).collect() };
    let name = text(&block[..100]);
    if &block[257..263] != b"ustar\0" || block[345] == 0 {
        return name;
    }
    let mut path = text(&block[345..500]);
    path.push(b'/');
    path.extend(name);
    path
}

/// The path and size of pax records, each `LEN KEY=VALUE\n`, where they have them.
fn pax(mut records: &[u8], position: u64) -> Result<(Option<Vec<u8>>, Option<u64>), TarError> {
    let wrong = || header(position, "pax records", "something else");
    let mut path = None;
    let mut size = None;
    while !records.is_empty() {
        let digits = records.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let len = std::str::from_utf8(&records[..digits]).ok().and_then(|text| text.parse().ok());
        let len: usize = len.ok_or_else(wrong)?;
        let (record, rest) = records.split_at_checked(len).ok_or_else(wrong)?;
        records = rest;
        let record =
            record.get(digits + 1..).and_then(|r| r.strip_suffix(b"\n")).ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => set(&mut path, value.to_vec(), position)?,
            b"size" => {
                let text = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                set(&mut size, text.ok_or_else(wrong)?, position)?;
            }
            // GNU's sparse files have their size and name elsewhere.
            key if key.starts_with(b"GNU.sparse.") => {
                return Err(header(position, "members without holes", "a sparse one"));
            }
            _ => {}
        }
    }
    Ok((path, size))
}
