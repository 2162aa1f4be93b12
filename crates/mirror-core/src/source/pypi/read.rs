//! What files that are here say of themselves.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use crate::error::Cause;
use crate::format::pypi::metadata::Metadata;
use crate::format::pypi::sdist::Sdist;
use crate::format::pypi::zip::{Directory, Step, TAIL, Window, ZipError, is_metadata};
use crate::format::pypi::{PackageName, Version};
use crate::limits;
use crate::resolve::pypi as resolve;

/// A wheel's METADATA.
pub(super) fn wheel(
    file: &mut File,
    name: &PackageName,
    version: &Version,
) -> Result<Vec<u8>, Cause> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut piece = |range: Range<u64>| -> io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        file.by_ref().take(range.end - range.start).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let mut start = size.saturating_sub(TAIL);
    let mut tail = piece(start..size)?;
    let directory = loop {
        match Directory::read(Window { start, bytes: &tail }, size, is_metadata)? {
            Step::Need(range) => {
                start = range.start;
                tail = piece(start..size)?;
            }
            Step::Done(directory) => break directory,
        }
    };
    let member = directory.metadata(name, version)?;
    let mut window = (start, tail);
    for _ in 0..STEPS {
        let bytes = &window.1[..];
        match member.read(Window { start: window.0, bytes }, limits::CORE_METADATA_SIZE)? {
            Step::Need(range) => window = (range.start, piece(range)?),
            Step::Done(content) => return Ok(content),
        }
    }
    Err(CHANGED.into())
}

/// As many steps as there are for an archive that does not change meanwhile.
pub(super) const STEPS: usize = 3;
pub(super) const CHANGED: ZipError = ZipError::NoArchive("expected it not to change");

/// What a source distribution says.
pub(super) fn sdist(file: File, filename: &str, name: &PackageName) -> Result<Sdist, Cause> {
    let mut file = BufReader::with_capacity(256 << 10, file);
    let is_zip = filename.len() > 4 && filename[filename.len() - 4..].eq_ignore_ascii_case(".zip");
    Ok(if is_zip { Sdist::read_zip(&mut file, name)? } else { Sdist::read_tar(file, name)? })
}

/// The metadata of a release; an error where the document is not that.
pub(super) fn metadata(
    document: &[u8],
    name: &PackageName,
    version: &Version,
) -> Result<Metadata, String> {
    let metadata = Metadata::read(document).map_err(|error| error.to_string())?;
    metadata.expect(name, version).map_err(|error| error.to_string())?;
    Ok(metadata)
}

/// Metadata as resolution sees it; an error where a field that bears on that does not parse.
pub(super) fn usable(metadata: Metadata) -> Result<resolve::Metadata, String> {
    if let Some(fault) = metadata.faults.first() {
        return Err(fault.to_string());
    }
    Ok(resolve::Metadata {
        requires_python: metadata.requires_python,
        requires_dist: metadata.requires_dist,
        provides_extra: metadata.provides_extra,
    })
}
