//! One package file: read once, digested and described.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::walk::{Found, LEADS_NOWHERE};
use crate::CancellationToken;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::{Error, Result};
use crate::format::rpm::FormatError;
use crate::format::rpm::header::Headers;
use crate::format::rpm::record::{Document, Listing, Record};
use crate::store;

/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;

/// How often a package is read that changes meanwhile.
const ATTEMPTS: usize = 3;

/// A package as it is listed.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its elements, as [`Document::ALL`] has them.
    pub(super) elements: [Vec<u8>; 3],
    /// `NAME-EPOCH:VERSION-RELEASE.ARCH`.
    pub(super) nevra: String,
    /// The digest of the file.
    pub(super) checksum: Digest,
}

impl Entry {
    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.elements.iter().map(Vec::len).sum()
    }
}

/// How packages are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) changelogs: usize,
    pub(super) cancel: &'a CancellationToken,
}

/// What a file was found to be.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A package.
    Entry(Entry),
    /// None that can be listed, and why.
    Refused(String),
    /// It went since it was found: as if it had not been there.
    Gone,
}

impl Outcome {
    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        if let Self::Entry(entry) = self { entry.size() } else { 0 }
    }
}

/// Reads a package. That the host cannot read it is an error: the package may be well.
pub(super) fn read(found: &Found, terms: Terms<'_>) -> Result<Outcome> {
    for _ in 0..ATTEMPTS {
        if terms.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match attempt(found, terms) {
            Ok(entry) => return Ok(Outcome::Entry(entry)),
            Err(Fault::Changed) => {}
            Err(Fault::Cancelled) => return Err(Error::Cancelled),
            Err(Fault::Refused(reason)) => return Ok(Outcome::Refused(reason)),
            Err(Fault::Unreadable(error)) if store::is_absent(&error) => {
                // A link may be left over.
                let is_gone = fs::symlink_metadata(&found.path).is_err();
                let refused = || Outcome::Refused(format!("{LEADS_NOWHERE}: {error}"));
                return Ok(if is_gone { Outcome::Gone } else { refused() });
            }
            Err(Fault::Unreadable(error)) => return Err(Error::io("read", &found.path)(error)),
        }
    }
    Ok(Outcome::Refused(format!("changed each time that it was read, {ATTEMPTS} times")))
}

/// Why an attempt gave no package.
enum Fault {
    Changed,
    Cancelled,
    Refused(String),
    /// By this host.
    Unreadable(io::Error),
}

fn attempt(found: &Found, terms: Terms<'_>) -> Result<Entry, Fault> {
    // Something that is no file by now is not waited for.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&found.path);
    let file = file.map_err(Fault::Unreadable)?;
    let before = file.metadata().map_err(Fault::Unreadable)?;
    if !before.is_file() {
        return Err(Fault::Refused("is no file".to_owned()));
    }
    let digested = Digested { file, hasher: Hasher::new(Some(terms.algorithm)), len: 0 };
    let mut reader = BufReader::with_capacity(BUFFER, digested);
    let headers = Headers::read(&mut reader);
    let headers = match headers {
        Ok(headers) => headers,
        // Half a package may be the one that is being copied there.
        Err(_) if has_changed(&found.path, reader.get_ref(), &before) => {
            return Err(Fault::Changed);
        }
        Err(FormatError::Read(error)) => return Err(Fault::Unreadable(error)),
        Err(error) => return Err(Fault::Refused(error.to_string())),
    };
    loop {
        let len = reader.fill_buf().map_err(Fault::Unreadable)?.len();
        if len == 0 {
            break;
        }
        reader.consume(len);
        if terms.cancel.is_cancelled() {
            return Err(Fault::Cancelled);
        }
    }
    let digested = reader.into_inner();
    if digested.len != before.len() || has_changed(&found.path, &digested, &before) {
        return Err(Fault::Changed);
    }
    let refused = |error: FormatError| Fault::Refused(error.to_string());
    let record = Record::read(&headers, terms.changelogs).map_err(refused)?;
    let listing = Listing {
        record: &record,
        checksum: digested.hasher.finish().1,
        size: before.len(),
        time: before.mtime(),
        href: found.href.as_str(),
    };
    let mut elements = [const { Vec::new() }; 3];
    for (document, element) in Document::ALL.into_iter().zip(&mut elements) {
        listing.write(document, element).map_err(refused)?;
    }
    Ok(Entry { elements, nevra: record.nevra(), checksum: listing.checksum })
}

/// Whether the file is another than it was, or another one has its name.
fn has_changed(path: &Path, digested: &Digested, before: &Metadata) -> bool {
    let state = |found: &Metadata| {
        (found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec())
    };
    let is_same = |found: io::Result<Metadata>| found.is_ok_and(|now| state(&now) == state(before));
    !is_same(digested.file.metadata()) || !is_same(fs::metadata(path))
}

/// A file that is digested as it is read.
struct Digested {
    file: File,
    hasher: Hasher,
    len: u64,
}

impl Read for Digested {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.len += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    /// A file that is being read.
    fn digested(path: &Path) -> (Digested, Metadata) {
        let file = File::open(path).unwrap();
        let before = file.metadata().unwrap();
        (Digested { file, hasher: Hasher::new(None), len: 0 }, before)
    }

    #[test]
    fn sees_that_a_file_changed_while_it_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rpm");
        fs::write(&path, "package").unwrap();
        let (reading, before) = digested(&path);
        assert!(!has_changed(&path, &reading, &before));
        let past = SystemTime::now() - Duration::from_secs(100);
        File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
        assert!(has_changed(&path, &reading, &before), "written to");

        let (reading, before) = digested(&path);
        fs::write(dir.path().join("new"), "PACKAGE").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(has_changed(&path, &reading, &before), "replaced");
        let (reading, before) = digested(&path);
        fs::remove_file(&path).unwrap();
        assert!(has_changed(&path, &reading, &before), "removed");
    }
}
