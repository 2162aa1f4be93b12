//! The metadata that a folder has already.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::walk::Found;
use crate::digest::{Algorithm, Digest};
use crate::error::{Error, Result};
use crate::format::compression::{Compression, Decoder, decoder};
use crate::format::rpm::FormatError;
use crate::format::rpm::blocks::{Entries, Join, Kind, Packages, Root};
use crate::format::rpm::record::Document;
use crate::format::rpm::repomd::{Record, Repomd};
use crate::limits;
use crate::path::RepoPath;
use crate::store;

/// The folder of metadata in a repository.
pub(super) const REPODATA: &str = "repodata";

/// The entry point in it.
pub(super) const REPOMD: &str = "repomd.xml";

/// An opened document.
type Opened = BufReader<Decoder<BufReader<File>>>;

/// The documents side by side.
pub(super) type Carried = Join<Opened, Opened, Opened>;

/// What `repodata` holds.
#[derive(Debug)]
pub(super) struct Existing {
    folder: PathBuf,
    pub(super) repomd: Repomd,
}

/// A package that is listed.
#[derive(Debug)]
struct Known {
    size: u64,
    time: i64,
    algorithm: Algorithm,
    /// Its place in primary.
    place: usize,
}

/// Which packages can be listed as they are.
#[derive(Debug, Default)]
pub(super) struct Reusable {
    /// For each package, whether it can.
    pub(super) packages: Vec<bool>,
    /// Whether these are all that there is and all that there was.
    pub(super) is_everything: bool,
}

impl Existing {
    /// Reads the entry point of `output`; `None` where there is none.
    pub(super) fn read(output: &Path) -> Result<Option<Self>> {
        let folder = output.join(REPODATA);
        let path = folder.join(REPOMD);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if store::is_absent(&error) => return Ok(None),
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        let repomd = Repomd::read(BufReader::new(file))
            .map_err(|error| Error::metadata(&path.display().to_string(), error))?;
        Ok(Some(Self { folder, repomd }))
    }

    /// The file of a record, which has to be what the record says; else what is wrong.
    pub(super) fn verified(&self, record: &Record) -> Result<PathBuf, String> {
        let name = record.href.strip_prefix("repodata/").filter(|name| !name.contains('/'));
        let is_safe = RepoPath::new(&record.href).is_ok() && record.base.is_none();
        let Some(name) = name.filter(|_| is_safe) else {
            return Err(format!("lies at {:?}, expected a file in {REPODATA}", record.href));
        };
        let path = self.folder.join(name);
        let expected = record.checksum.ok_or("is listed without a digest")?;
        let (_, found) =
            store::hash_by(&path, Some(expected.algorithm())).map_err(|error| error.to_string())?;
        if found != expected {
            return Err(format!("is {found}, expected {expected} as listed"));
        }
        Ok(path)
    }

    /// Whether every file is what its record says.
    pub(super) fn is_whole(&self) -> bool {
        self.repomd.records.iter().all(|record| self.verified(record).is_ok())
    }

    /// Finds out which packages of `found` are listed as they are: at the same place, of the same size
    /// and time, with a digest of the same kind. One that was changed since the metadata was begun, or
    /// maybe, may have been read before that.
    ///
    /// They have to come in the same order, so that the old documents are read along with the new ones
    /// being written: those that do not are not among them.
    pub(super) fn reusable(
        &self,
        found: &[Found],
        algorithm: Algorithm,
    ) -> Result<Reusable, String> {
        for document in Document::ALL {
            self.verified(self.record(document)?)?;
        }
        let path = self.verified(self.record(Document::Primary)?)?;
        let begun = fs::metadata(&path).map_err(|error| error.to_string())?;
        let begun = (begun.mtime(), begun.mtime_nsec());
        let (known, listed) = known(open(&path)?).map_err(|error| error.to_string())?;
        let mut place = None;
        let mut is_everything = listed == found.len();
        let packages = found.iter().map(|found| {
            let same = known.get(found.href.as_str()).and_then(Option::as_ref).filter(|known| {
                let state = (known.size, known.time, known.algorithm);
                state == (found.size, found.time, algorithm) && found.is_before(begun)
            });
            is_everything &= same.is_some();
            let next = same.filter(|known| place.is_none_or(|place| known.place > place));
            place = next.map(|known| known.place).or(place);
            next.is_some()
        });
        let packages = packages.collect();
        Ok(Reusable { packages, is_everything })
    }

    /// The documents side by side, whose elements are to be put into documents of our own.
    pub(super) fn join(&self) -> Result<Carried, String> {
        let open = |document| open(&self.verified(self.record(document)?)?);
        let [primary, filelists, other] = Document::ALL;
        for (document, kind) in [(filelists, Kind::Filelists), (other, Kind::Other)] {
            let entries = Entries::new(open(document)?, kind).map_err(|error| error.to_string())?;
            fits(document, entries.root())?;
        }
        let packages = Packages::new(open(primary)?).map_err(|error| error.to_string())?;
        fits(primary, packages.root())?;
        Join::new(open(primary)?, open(filelists)?, open(other)?).map_err(|error| error.to_string())
    }

    /// The records of the documents, if they are in that form.
    pub(super) fn documents(
        &self,
        compression: Compression,
        algorithm: Algorithm,
    ) -> Option<[Record; 3]> {
        let record = |document| {
            let record = self.record(document).ok()?;
            let of_form = Compression::from_name(&record.href) == compression
                && record.checksum.is_some_and(|digest| digest.algorithm() == algorithm);
            of_form.then(|| record.clone())
        };
        let [primary, filelists, other] = Document::ALL;
        Some([record(primary)?, record(filelists)?, record(other)?])
    }

    fn record(&self, document: Document) -> Result<&Record, String> {
        let kind = document.kind();
        self.repomd.record(kind).ok_or_else(|| format!("{REPOMD} lists no {kind}"))
    }
}

fn open(path: &Path) -> Result<Opened, String> {
    let open = || decoder(BufReader::new(File::open(path)?), limits::METADATA_OPEN_SIZE);
    open().map_err(|error| format!("{}: {error}", path.display()))
}

/// Whether a document's elements mean the same in ours: their prefixes stand for the same.
fn fits(document: Document, root: &Root) -> Result<(), String> {
    let written = |write: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| {
        let mut bytes = Vec::new();
        write(&mut bytes).map(|()| bytes).map_err(|error| error.to_string())
    };
    let theirs = written(&|out| root.write_start(out, 0))?;
    let ours = written(&|out| document.write_start(out, 0))?;
    if theirs == ours { Ok(()) } else { Err(format!("{} has a root of its own", document.kind())) }
}

/// The packages of a primary by their paths, and how many it lists in all. `None` is known of one that
/// has to be read: it is listed without a size or time, or twice.
fn known(document: Opened) -> Result<(HashMap<String, Option<Known>>, usize), FormatError> {
    let mut packages = Packages::new(document)?;
    let mut known = HashMap::new();
    let mut place = 0;
    while let Some((package, element)) = packages.next()? {
        place += 1;
        // One that lies elsewhere is not ours to look at.
        if package.base.is_some() {
            continue;
        }
        let state = package.size.zip(file_time(element));
        let algorithm = Digest::algorithm(&package.checksum);
        let state = state.map(|(size, time)| Known { size, time, algorithm, place });
        known.entry(package.href.to_owned()).and_modify(|known| *known = None).or_insert(state);
    }
    Ok((known, place))
}

/// The time of the file, as the element says it. No text and no attribute holds a `<`.
fn file_time(element: &[u8]) -> Option<i64> {
    let at = memchr::memmem::find(element, b"<time")?;
    let tag = &element[at..];
    let tag = &tag[..memchr::memchr(b'>', tag)?];
    let value = memchr::memmem::find(tag, b" file=").map(|at| &tag[at + b" file=".len()..])?;
    let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let end = memchr::memchr(*quote, value)?;
    std::str::from_utf8(&value[..end]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_of_a_file() {
        let time = |text: &str| file_time(text.as_bytes());
        assert_eq!(time("<package><time file=\"12\" build=\"3\"/></package>"), Some(12));
        assert_eq!(time("<package><time build='3' file='-12'/></package>"), Some(-12));
        assert_eq!(time("<package><time build=\"3\"/> file=\"4\"</package>"), None);
        assert_eq!(time("<package/>"), None);
    }
}
