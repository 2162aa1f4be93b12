//! The records of a zip archive: where the directory is, and what it says of each member.

use std::ops::Range;

use memchr::memmem;

use super::{Step, Window, ZipError, ambiguous, excerpt};
use crate::limits;

/// Flags of a member (4.4.4).
pub(super) const ENCRYPTED: u16 = 1;
pub(super) const DESCRIPTOR: u16 = 1 << 3;
pub(super) const STRONGLY_ENCRYPTED: u16 = 1 << 6;
pub(super) const UTF8: u16 = 1 << 11;
pub(super) const MASKED: u16 = 1 << 13;
/// Those that readers go by.
pub(super) const DECISIVE: u16 = ENCRYPTED | DESCRIPTOR | STRONGLY_ENCRYPTED | UTF8 | MASKED;

/// Compression methods (4.4.5).
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// Sizes of the records' fixed parts, in bytes.
const END: u64 = 22;
const LOCATOR: u64 = 20;
const END64: u64 = 56;

/// The longest comment behind the archive's end, in bytes.
const COMMENT: u64 = 0xffff;

/// Extra fields (4.5.2, 4.6.9).
const ZIP64: u16 = 1;
const UNICODE_PATH: u16 = 0x7075;

/// Little-endian numbers, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The record that begins with `signature`, which is passed over.
    fn record(bytes: &'a [u8], signature: [u8; 4]) -> Option<Self> {
        bytes.strip_prefix(&signature).map(Self)
    }
}

/// Where the directory is, and how many members it has.
pub(super) struct End {
    pub(super) directory: Range<u64>,
    pub(super) count: u64,
}

impl End {
    /// Finds and reads the record at the archive's end (4.3.16), and the longer one that stands
    /// before it in large archives (4.3.14).
    pub(super) fn read(window: Window<'_>, size: u64) -> Result<Step<Self>, ZipError> {
        if size < END {
            return Err(ZipError::NoArchive("expected at least 22 bytes"));
        }
        let Some(at) = find_end(window, size)? else {
            let from = size.saturating_sub(END + COMMENT);
            if window.start <= from {
                return Err(ZipError::NoArchive("expected a record of its directory at its end"));
            }
            return Ok(Step::Need(from..window.start));
        };
        // What may belong to a large archive's end comes before.
        let from = at.saturating_sub(LOCATOR + END64);
        if from < window.start {
            return Ok(Step::Need(from..window.start));
        }
        let short = || ZipError::NoArchive("expected a whole record of its directory at its end");
        let end = ShortEnd::read(window, at).ok_or_else(short)?;
        let end = match at.checked_sub(LOCATOR) {
            Some(locator_at) => match Locator::read(window, locator_at) {
                Some(locator) => long_end(window, locator_at, &locator, &end)?,
                None => end.alone(at)?,
            },
            None => end.alone(at)?,
        };
        if end.directory.end - end.directory.start > limits::ZIP_DIRECTORY {
            let what = "bytes of a zip directory";
            return Err(ZipError::Limit { what, limit: limits::ZIP_DIRECTORY });
        }
        if end.count > limits::ARCHIVE_MEMBERS as u64 {
            let limit = limits::ARCHIVE_MEMBERS as u64;
            return Err(ZipError::Limit { what: "members of an archive", limit });
        }
        Ok(Step::Done(end))
    }
}

/// Where the last record of the archive is, as far as the window reaches. Its comment must reach the
/// archive's end and hold no second record, nor may one further ahead have such a comment: readers
/// look for it from either side.
fn find_end(window: Window<'_>, size: u64) -> Result<Option<u64>, ZipError> {
    let from = size.saturating_sub(END + COMMENT).max(window.start);
    let Some(bytes) = window.get(&(from..size)) else { return Ok(None) };
    let mut found = None;
    let mut is_last = true;
    for at in memmem::rfind_iter(bytes, b"PK\x05\x06") {
        let Some(len) = bytes.get(at + 20..at + 22) else {
            is_last = false;
            continue;
        };
        let len = usize::from(u16::from_le_bytes([len[0], len[1]]));
        let reaches_end = at + 22 + len == bytes.len();
        if is_last && !reaches_end {
            return Err(ambiguous("something stands behind its end"));
        }
        if reaches_end && found.is_some() {
            return Err(ambiguous("it has two ends"));
        }
        if reaches_end {
            found = Some(from + at as u64);
        }
        is_last = false;
    }
    Ok(found)
}

/// The record that every archive ends with.
struct ShortEnd {
    disk: u16,
    directory_disk: u16,
    count_here: u16,
    count: u16,
    size: u32,
    offset: u32,
}

impl ShortEnd {
    fn read(window: Window<'_>, at: u64) -> Option<Self> {
        let mut fields = Fields::record(window.get(&(at..at + END))?, *b"PK\x05\x06")?;
        Some(Self {
            disk: fields.u16()?,
            directory_disk: fields.u16()?,
            count_here: fields.u16()?,
            count: fields.u16()?,
            size: fields.u32()?,
            offset: fields.u32()?,
        })
    }

    /// The end, where no longer record says more. It stands right behind the directory.
    fn alone(&self, at: u64) -> Result<End, ZipError> {
        if self.disk != 0 || self.directory_disk != 0 || self.count_here != self.count {
            return Err(ZipError::Unsupported("several volumes".to_owned()));
        }
        let directory = u64::from(self.offset)..u64::from(self.offset) + u64::from(self.size);
        if directory.end != at {
            return Err(ambiguous(format!(
                "expected its directory to end at byte {at}, found {}",
                directory.end
            )));
        }
        Ok(End { directory, count: self.count.into() })
    }
}

/// Where the longer record is (4.3.15).
struct Locator {
    disk: u32,
    offset: u64,
    disks: u32,
}

impl Locator {
    fn read(window: Window<'_>, at: u64) -> Option<Self> {
        let mut fields = Fields::record(window.get(&(at..at + LOCATOR))?, *b"PK\x06\x07")?;
        Some(Self { disk: fields.u32()?, offset: fields.u64()?, disks: fields.u32()? })
    }
}

/// The longer record, which stands right before its locator and agrees with what the short one says.
fn long_end(
    window: Window<'_>,
    locator_at: u64,
    locator: &Locator,
    short: &ShortEnd,
) -> Result<End, ZipError> {
    let at = locator_at.checked_sub(END64).filter(|at| *at == locator.offset);
    let Some(at) = at else {
        return Err(ambiguous("expected its zip64 record right before the locator"));
    };
    let record = window.get(&(at..locator_at)).and_then(|r| Fields::record(r, *b"PK\x06\x06"));
    let read = |mut fields: Fields<'_>| {
        let len = fields.u64()?;
        fields.bytes(4)?;
        let disks = (fields.u32()?, fields.u32()?);
        Some((len, disks, fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?))
    };
    let Some((len, disks, count_here, count, size, offset)) = record.and_then(read) else {
        return Err(ambiguous("expected its zip64 record where the locator says"));
    };
    if disks != (0, 0) || locator.disk != 0 || locator.disks > 1 || count_here != count {
        return Err(ZipError::Unsupported("several volumes".to_owned()));
    }
    // Its length counts from behind the field itself.
    if len != END64 - 12 {
        return Err(ZipError::Unsupported("zip64 extensions".to_owned()));
    }
    let agrees = |short: u64, none: u64, long: u64| short == none || short == long;
    if !agrees(short.count.into(), u16::MAX.into(), count)
        || !agrees(short.count_here.into(), u16::MAX.into(), count)
        || !agrees(short.size.into(), u32::MAX.into(), size)
        || !agrees(short.offset.into(), u32::MAX.into(), offset)
        || !agrees(short.disk.into(), u16::MAX.into(), 0)
        || !agrees(short.directory_disk.into(), u16::MAX.into(), 0)
    {
        return Err(ambiguous("its two ends contradict each other"));
    }
    match offset.checked_add(size) {
        Some(end) if end == at => Ok(End { directory: offset..end, count }),
        _ => Err(ambiguous(format!("expected its directory to end at byte {at}"))),
    }
}

/// What the directory says of a member (4.3.12).
pub(super) struct CentralRecord<'a> {
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
}

impl<'a> CentralRecord<'a> {
    /// Reads the record at the start of `rest`, and goes behind it.
    pub(super) fn read(rest: &mut &'a [u8]) -> Result<Self, ZipError> {
        let Some(mut fields) = Fields::record(rest, *b"PK\x01\x02") else {
            return Err(ambiguous("expected a member in its directory, found something else"));
        };
        let (record, extra) = Self::fields(&mut fields)
            .ok_or_else(|| ambiguous("a member reaches behind its directory"))?;
        *rest = fields.0;
        record.with_extra(extra)
    }

    fn fields(fields: &mut Fields<'a>) -> Option<(Self, &'a [u8])> {
        fields.bytes(4)?; // The versions that made it and that it takes.
        let flags = fields.u16()?;
        let method = fields.u16()?;
        fields.bytes(4)?; // Its time.
        let crc = fields.u32()?;
        let (compressed, size) = (fields.u32()?, fields.u32()?);
        let lens = (fields.u16()?, fields.u16()?, fields.u16()?);
        fields.bytes(8)?; // Its volume and attributes.
        let offset = fields.u32()?;
        let name = fields.bytes(lens.0.into())?;
        let extra = fields.bytes(lens.1.into())?;
        fields.bytes(lens.2.into())?;
        let record = Self {
            name,
            flags,
            method,
            crc,
            compressed: compressed.into(),
            size: size.into(),
            offset: offset.into(),
        };
        Some((record, extra))
    }

    /// Takes numbers of more than 32 bits from the extra field (4.5.3), and looks at what could make
    /// the name another.
    fn with_extra(mut self, mut extra: &'a [u8]) -> Result<Self, ZipError> {
        let named = || excerpt(&String::from_utf8_lossy(self.name));
        if self.name.is_empty() || self.name.contains(&0) {
            return Err(ambiguous(format!("a member is called {:?}", named())));
        }
        if self.name.len() > limits::PATH_LEN {
            let what = "bytes of a member's name";
            return Err(ZipError::Limit { what, limit: limits::PATH_LEN as u64 });
        }
        let mut zip64 = None;
        // What is too short to be a field pads.
        while let Some((header, rest)) = extra.split_first_chunk::<4>() {
            let id = u16::from_le_bytes([header[0], header[1]]);
            let len = u16::from_le_bytes([header[2], header[3]]);
            let Some((data, rest)) = rest.split_at_checked(len.into()) else {
                return Err(ambiguous(format!("extra fields of {:?} are cut short", named())));
            };
            extra = rest;
            if id == UNICODE_PATH && data.get(5..) != Some(self.name) {
                return Err(ambiguous(format!("member {:?} has a second name", named())));
            }
            if id == ZIP64 && zip64.replace(data).is_some() {
                return Err(ambiguous(format!("member {:?} has its sizes twice", named())));
            }
        }
        let long = u64::from(u32::MAX);
        if [self.size, self.compressed, self.offset].contains(&long) {
            let missing = ambiguous(format!("member {:?} lacks its zip64 sizes", named()));
            let mut fields = Fields(zip64.unwrap_or_default());
            for number in [&mut self.size, &mut self.compressed, &mut self.offset] {
                if *number == long {
                    let Some(value) = fields.u64() else { return Err(missing) };
                    *number = value;
                }
            }
        }
        Ok(self)
    }
}

/// What stands before a member's content (4.3.7), up to the extra field.
pub(super) struct LocalRecord<'a> {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u32,
    pub(super) size: u32,
    pub(super) name: &'a [u8],
    pub(super) extra: u16,
}

impl<'a> LocalRecord<'a> {
    /// Of the part before the name, in bytes.
    pub(super) const SIZE: u64 = 30;

    /// Reads the record and as much of the name as `bytes` have.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::record(bytes, *b"PK\x03\x04")?;
        fields.bytes(2)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.bytes(4)?;
        let (crc, compressed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name, extra) = (fields.u16()?, fields.u16()?);
        // A name of another length cannot be that of the directory.
        let name = if usize::from(name) == fields.0.len() { fields.0 } else { &[] };
        Some(Self { flags, method, crc, compressed, size, name, extra })
    }
}
