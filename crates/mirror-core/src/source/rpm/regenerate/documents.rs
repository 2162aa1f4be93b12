//! Primary, filelists and other with the packages that are left.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;

use super::names::Names;
use super::{Fate, Left};
use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::format::compression::{decoder, read_ahead, write_behind};
use crate::format::rpm::FormatError;
use crate::format::rpm::blocks::{self, Entries, Packages, relocated};
use crate::format::rpm::metadata_file::{MetadataFile, Written};
use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::primary::read_packages;
use crate::limits;
use crate::source::Pipe;

/// How a document is to be written again.
#[derive(Debug, Clone)]
pub(super) struct Rewriting {
    /// What kind it is.
    pub(super) document: blocks::Kind,
    pub(super) left: Arc<Left>,
    /// The packages of which upstream's document says nothing.
    pub(super) unsaid: Arc<Unsaid>,
    /// What its digests are made with.
    pub(super) algorithm: Algorithm,
}

/// A document that was written again.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) written: Written,
    /// How many packages it has.
    pub(super) packages: u64,
    /// The pkgids of which it has none.
    pub(super) lacking: HashSet<Box<str>>,
    /// What a primary says of what is left.
    pub(super) names: Names,
}

/// Packages by their pkgids.
pub(super) type Unsaid = BTreeMap<Box<str>, Nevra>;

/// What ends the rewriting: the reading, or the writing.
#[derive(Debug)]
enum Stop {
    Read(FormatError),
    Write(io::Error),
    Moved(String),
}

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl Rewriting {
    /// Writes upstream's document, which errors call `url`, again into `pipe`, as it is compressed: with
    /// `packages` as its count. Three threads do it: one decompresses, one takes apart, one compresses.
    pub(super) fn write(
        &self,
        upstream: File,
        url: &str,
        packages: u64,
        pipe: Pipe,
    ) -> Result<Rewritten> {
        let read = |error| Error::metadata(url, FormatError::Read(error));
        let write = |error| Error::io("write", Path::new("repodata"))(error);
        let upstream = BufReader::with_capacity(256 << 10, upstream);
        let opened = decoder(upstream, limits::METADATA_OPEN_SIZE).map_err(read)?;
        let compression = opened.get_ref().compression();
        let file = MetadataFile::new(pipe, compression, None, self.algorithm).map_err(write)?;
        let (mut names, mut lacking) = (Names::default(), HashSet::new());
        let (packages, file) = write_behind(file, |out| {
            read_ahead(opened, |from| match self.document {
                blocks::Kind::Primary => self.copy_packages(from, out, packages, &mut names),
                _ => self.copy_entries(from, out, packages, &mut lacking),
            })
        });
        // Where writing failed, the copying did for that reason alone.
        let file = file.map_err(write)?;
        let packages = packages.map_err(|stop| match stop {
            Stop::Read(error) => Error::metadata(url, error),
            Stop::Write(error) => write(error),
            Stop::Moved(reason) => Error::Metadata { file: url.to_owned(), source: reason.into() },
        })?;
        let (_, written) = file.finish().map_err(write)?;
        Ok(Rewritten { written, packages, lacking, names })
    }

    fn copy_packages(
        &self,
        from: impl BufRead,
        mut out: impl Write,
        packages: u64,
        names: &mut Names,
    ) -> Result<u64, Stop> {
        let mut from = Packages::new(from)?;
        from.root().write_start(&mut out, packages)?;
        let mut copied = 0;
        // There are as many as were listed: it is the same file.
        let mut fates = self.left.fates.iter();
        while let Some((package, element)) = from.next()? {
            let fate = fates.next().unwrap_or(&Fate::Out);
            names.note(&package, *fate != Fate::Out);
            match fate {
                Fate::Out => continue,
                Fate::As => out.write_all(element)?,
                Fate::At(href) => {
                    let moved = relocated(element, href).ok_or_else(|| {
                        let name = crate::format::rpm::excerpt(package.name);
                        Stop::Moved(format!(
                            "package {name} has its location in a way that cannot be rewritten"
                        ))
                    })?;
                    out.write_all(&moved)?;
                }
            }
            out.write_all(b"\n")?;
            copied += 1;
        }
        from.root().write_end(&mut out)?;
        Ok(copied)
    }

    fn copy_entries(
        &self,
        from: impl BufRead,
        mut out: impl Write,
        packages: u64,
        lacking: &mut HashSet<Box<str>>,
    ) -> Result<u64, Stop> {
        let mut from = Entries::new(from, self.document)?;
        from.root().write_start(&mut out, packages)?;
        let mut copied = 0;
        let mut left: HashMap<&str, u32> =
            self.left.pkgids.iter().map(|(pkgid, count)| (&**pkgid, *count)).collect();
        while let Some((pkgid, element)) = from.next()? {
            // One that is listed more often than its package adds nothing.
            let Some(count) = left.get_mut(pkgid).filter(|count| **count > 0) else { continue };
            *count -= 1;
            out.write_all(element)?;
            out.write_all(b"\n")?;
            copied += 1;
        }
        for (pkgid, package) in &*self.unsaid {
            from.root().write_nothing_of(&mut out, pkgid, package)?;
            out.write_all(b"\n")?;
            copied += 1;
        }
        // One element is enough for a file that is listed twice.
        let is_whole = |(pkgid, count): &(&str, u32)| self.left.pkgids.get(*pkgid) == Some(count);
        lacking.extend(left.into_iter().filter(is_whole).map(|(pkgid, _)| pkgid.into()));
        from.root().write_end(&mut out)?;
        Ok(copied)
    }
}

/// The packages of the primary document `upstream` that are `lacking` elsewhere.
pub(super) fn unsaid(upstream: File, url: &str, lacking: &HashSet<Box<str>>) -> Result<Unsaid> {
    let read = |error| Error::metadata(url, error);
    let upstream = BufReader::with_capacity(256 << 10, upstream);
    let opened = decoder(upstream, limits::METADATA_OPEN_SIZE);
    let opened = opened.map_err(|error| read(FormatError::Read(error)))?;
    let mut unsaid = Unsaid::new();
    let reading = read_packages(opened, |package| {
        let pkgid = package.checksum.hex();
        if lacking.contains(&*pkgid) {
            let evr = Evr::new(package.epoch, package.version, package.release);
            let (name, arch) = (package.name.to_owned(), package.arch.to_owned());
            unsaid.insert(pkgid.into(), Nevra { name, evr, arch });
        }
        Ok::<_, FormatError>(())
    });
    reading.map_err(read)?;
    Ok(unsaid)
}
