//! Zip archives, read from their end, as far as it takes to get a few small members out.
//!
//! A wheel is a zip archive, and its metadata is one of its members. An index that does not offer the
//! metadata by itself still answers range requests, so that some kilobytes of the archive's end are
//! enough: the directory of the members stands there, and most tools put the metadata last. Nothing
//! here fetches: [`Directory::read`] and [`Member::read`] are given what has been fetched so far, a
//! [`Window`], and answer with a result or with the range that they still [`Need`](Step::Need).
//!
//! Zip has many redundant fields, and tools differ in which they believe: one archive can be two,
//! depending on who reads it (CVE-2025-54368, CVE-2025-13327). An archive that two readers could take
//! for different ones is refused: what stands in it twice must agree, nothing may lie between,
//! before or behind its parts where a reader could look, and no name occurs twice.
//!
//! The format is PKWARE's APPNOTE.TXT 6.3.10, to whose sections comments refer.

use std::collections::HashSet;
use std::io::Read;
use std::ops::Range;

use pep440_rs::Version;
use pep508_rs::PackageName;

use super::excerpt;

mod records;

use records::{CentralRecord, End, LocalRecord};

/// How much of an archive's end is worth fetching at first, in bytes: with it the directory, and
/// mostly the metadata, of nearly every wheel.
pub const TAIL: u64 = 16 << 10;

/// A contiguous piece of an archive.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Where it begins, in bytes from the archive's start.
    pub start: u64,
    /// The piece.
    pub bytes: &'a [u8],
}

impl<'a> Window<'a> {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }

    /// The bytes of `range`, where they are within the window.
    fn get(&self, range: &Range<u64>) -> Option<&'a [u8]> {
        let from = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..to)
    }
}

/// The answer of a reader that sees a part of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// These bytes of the archive are needed (and to be put together with what was there, if they
    /// adjoin it): call again with a window that has them.
    Need(Range<u64>),
    /// The result.
    Done(T),
}

/// Why an archive was refused. The caller adds its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// Not a zip archive, or one that is cut short.
    #[error("is no whole zip archive: {0}")]
    NoArchive(&'static str),
    /// Fields that contradict each other, or leave room for something that readers may differ in.
    #[error("is a zip archive that readers may disagree about: {0}")]
    Ambiguous(String),
    /// Something that the format has and wheels do not.
    #[error("is a zip archive with {0}, which is not supported")]
    Unsupported(String),
    /// Over a bound of [`crate::limits`].
    #[error("is too large: expected at most {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// A wheel without the metadata of its own release.
    #[error("has no metadata of {expected}: {reason}")]
    NoMetadata {
        /// The release that the file's name says.
        expected: String,
        /// What is there instead.
        reason: String,
    },
    /// A member whose content is not what the directory says.
    #[error("member {name:?} is damaged: {reason}")]
    Damaged {
        /// The member.
        name: String,
        /// What was expected, and found.
        reason: String,
    },
}

/// The members of an archive that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    members: Vec<Member>,
}

/// A member of an archive, as its directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
    /// Where the next member, or the directory, begins.
    end: u64,
}

impl Directory {
    /// Reads the directory of an archive of `size` bytes, of which `window` is the end, and gives the
    /// members that `keep` wants by their names.
    ///
    /// At most two steps go before the result: the end's own record may lie further ahead than the
    /// window reaches, and so may the directory.
    pub fn read(
        window: Window<'_>,
        size: u64,
        keep: impl Fn(&str) -> bool,
    ) -> Result<Step<Self>, ZipError> {
        if window.end() != size {
            return Err(ZipError::NoArchive("expected its end, found another part"));
        }
        let end = match End::read(window, size)? {
            Step::Need(range) => return Ok(Step::Need(range)),
            Step::Done(end) => end,
        };
        let Some(records) = window.get(&end.directory) else {
            return Ok(Step::Need(end.directory.start..window.start));
        };
        let mut members = Vec::new();
        let mut names = HashSet::new();
        let mut offsets = Vec::new();
        let mut rest = records;
        while !rest.is_empty() {
            if offsets.len() as u64 == end.count {
                return Err(ambiguous(format!(
                    "expected {} members, found more in its directory",
                    end.count
                )));
            }
            let record = CentralRecord::read(&mut rest)?;
            if record.offset >= end.directory.start {
                return Err(ambiguous("a member begins behind the directory"));
            }
            offsets.push(record.offset);
            // A folder has no content that could differ.
            if !record.name.ends_with(b"/") && !names.insert(record.name) {
                let name = excerpt(&String::from_utf8_lossy(record.name));
                return Err(ambiguous(format!("two members are called {name:?}")));
            }
            if let Ok(name) = std::str::from_utf8(record.name)
                && keep(name)
            {
                members.push(Member::new(name, &record));
            }
        }
        if offsets.len() as u64 != end.count {
            let found = offsets.len();
            return Err(ambiguous(format!("expected {} members, found {found}", end.count)));
        }
        offsets.sort_unstable();
        if offsets.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ambiguous("two members begin at the same byte"));
        }
        for member in &mut members {
            let next = offsets.partition_point(|offset| *offset <= member.offset);
            member.end = offsets.get(next).copied().unwrap_or(end.directory.start);
        }
        Ok(Step::Done(Self { members }))
    }

    /// The members that were kept.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The metadata of a wheel whose directory was read with [`is_metadata`].
    ///
    /// There must be one `*.dist-info` folder, of that project and version however it spells them
    /// (older tools did not escape names as they should).
    pub fn metadata(&self, name: &PackageName, version: &Version) -> Result<&Member, ZipError> {
        let no =
            |reason: String| ZipError::NoMetadata { expected: format!("{name} {version}"), reason };
        let expected = "expected a member *.dist-info/METADATA";
        match self.members.as_slice() {
            [] => Err(no(format!("{expected}, found none"))),
            [member] if fits(&member.name, name, version) => Ok(member),
            [member] => Err(no(format!("{expected} of it, found {:?}", excerpt(&member.name)))),
            [first, second, ..] => Err(no(format!(
                "{expected}, found {:?} and {:?}",
                excerpt(&first.name),
                excerpt(&second.name)
            ))),
        }
    }
}

/// Whether a member's name is that of a wheel's metadata.
pub fn is_metadata(name: &str) -> bool {
    name.strip_suffix(".dist-info/METADATA").is_some_and(|stem| !stem.contains('/'))
}

/// Whether `STEM.dist-info/METADATA` is of that release. A version that does not parse is left to
/// the metadata itself to say.
fn fits(path: &str, name: &PackageName, version: &Version) -> bool {
    let stem = path.strip_suffix(".dist-info/METADATA").unwrap_or(path);
    stem.match_indices('-').any(|(at, _)| {
        let (project, release) = (&stem[..at], &stem[at + 1..]);
        project.parse::<PackageName>().is_ok_and(|project| project == *name)
            && match release.replace('_', "+").parse::<Version>() {
                Ok(release) => release == *version,
                Err(_) => release.parse::<Version>().map_or(true, |release| release == *version),
            }
    })
}

/// More than the directory says of a member's header that is fetched with it, in bytes: the header's
/// extra field is not in the directory.
const EXTRA: u64 = 64;

impl Member {
    fn new(name: &str, record: &CentralRecord<'_>) -> Self {
        Self {
            name: name.to_owned(),
            flags: record.flags,
            method: record.method,
            crc: record.crc,
            compressed: record.compressed,
            size: record.size,
            offset: record.offset,
            end: record.offset,
        }
    }

    /// The member's size, in bytes, as the directory says.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The member's content, at most `limit` bytes, from a window that has it.
    ///
    /// At most two steps go before the result: the second only where the member has an unusually long
    /// extra field before its content.
    pub fn read(&self, window: Window<'_>, limit: u64) -> Result<Step<Vec<u8>>, ZipError> {
        if self.size > limit || self.compressed > limit {
            let what = "bytes of metadata in a zip archive";
            return Err(ZipError::Limit { what, limit });
        }
        if self.flags & (records::ENCRYPTED | records::STRONGLY_ENCRYPTED | records::MASKED) != 0 {
            return Err(ZipError::Unsupported("encrypted members".to_owned()));
        }
        if !matches!(self.method, records::STORED | records::DEFLATED) {
            let method = self.method;
            return Err(ZipError::Unsupported(format!("members of compression method {method}")));
        }
        let header = LocalRecord::SIZE + self.name.len() as u64;
        let least = self.offset.saturating_add(header).saturating_add(self.compressed);
        if least > self.end {
            return Err(self.damaged("expected its content before the next member begins"));
        }
        let need = self.offset..least.saturating_add(EXTRA).min(self.end);
        let Some(bytes) = window.get(&(self.offset..self.offset + header)) else {
            return Ok(Step::Need(need));
        };
        let local = LocalRecord::read(bytes).ok_or_else(|| self.damaged("expected a header"))?;
        self.compare(&local)?;
        let start = self.offset + header + u64::from(local.extra);
        let range = start..start + self.compressed;
        if range.end > self.end {
            return Err(self.damaged("expected its content before the next member begins"));
        }
        let Some(content) = window.get(&range) else {
            return Ok(Step::Need(self.offset..range.end));
        };
        let content = match self.method {
            records::STORED => content.to_vec(),
            _ => self.inflate(content)?,
        };
        if content.len() as u64 != self.size {
            let (expected, found) = (self.size, content.len());
            return Err(self.damaged(&format!("expected {expected} bytes, found {found}")));
        }
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        if crc.sum() != self.crc {
            let (expected, found) = (self.crc, crc.sum());
            return Err(self.damaged(&format!("expected CRC {expected:08x}, found {found:08x}")));
        }
        Ok(Step::Done(content))
    }

    /// What the header says again must be the same; sizes and CRC may be left to a descriptor behind
    /// the content (4.4.4, bit 3).
    fn compare(&self, local: &LocalRecord<'_>) -> Result<(), ZipError> {
        let is_later = self.flags & records::DESCRIPTOR != 0;
        let same = |local: u32, directory: u64| {
            u64::from(local) == directory || local == u32::MAX || (is_later && local == 0)
        };
        let what = if local.name != self.name.as_bytes() {
            "name"
        } else if local.method != self.method {
            "compression method"
        } else if (local.flags ^ self.flags) & records::DECISIVE != 0 {
            "flags"
        } else if !same(local.compressed, self.compressed) || !same(local.size, self.size) {
            "size"
        } else if local.crc != self.crc && !(is_later && local.crc == 0) {
            "CRC"
        } else {
            return Ok(());
        };
        let name = excerpt(&self.name);
        Err(ambiguous(format!(
            "member {name:?} has another {what} in its header than in the directory"
        )))
    }

    fn inflate(&self, content: &[u8]) -> Result<Vec<u8>, ZipError> {
        let mut decoder = flate2::bufread::DeflateDecoder::new(content);
        let mut out = Vec::new();
        let result = decoder.by_ref().take(self.size + 1).read_to_end(&mut out);
        result.map_err(|error| self.damaged(&error.to_string()))?;
        // One byte more than there should be has been asked for, so the end has been seen.
        if out.len() as u64 == self.size && decoder.total_in() != self.compressed {
            return Err(ambiguous(format!(
                "the content of member {:?} ends before the size that is given for it",
                excerpt(&self.name)
            )));
        }
        Ok(out)
    }

    fn damaged(&self, reason: &str) -> ZipError {
        ZipError::Damaged { name: excerpt(&self.name), reason: excerpt(reason) }
    }
}

fn ambiguous(reason: impl Into<String>) -> ZipError {
    ZipError::Ambiguous(reason.into())
}

#[cfg(test)]
pub(super) mod tests;
