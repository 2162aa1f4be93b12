//! What a repository holds, as its metadata says: its packages and advisories.

use std::fs::File;
use std::io::BufReader;

use crate::compare::{Contents, Package};
use crate::error::{Error, Result};
use crate::format::compression::decoder;
use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::primary::read_packages;
use crate::format::rpm::repomd::{Record, Repomd};
use crate::format::rpm::updateinfo::Advisories;
use crate::format::rpm::{FormatError, excerpt};
use crate::limits;

/// Where the entry point of a repository is in its tree.
pub(crate) const REPOMD: &str = "repodata/repomd.xml";

/// The metadata that is read.
pub(crate) fn needed(repomd: &Repomd) -> impl Iterator<Item = &Record> {
    repomd.records.iter().filter(|record| is_needed(&record.kind))
}

fn is_needed(kind: &str) -> bool {
    matches!(kind, "primary" | "updateinfo")
}

/// Reads an entry point.
pub(crate) fn entry_point(file: File) -> Result<Repomd> {
    Repomd::read(BufReader::new(file)).map_err(|error| Error::metadata(REPOMD, error))
}

/// Reads what is [`needed`], which `open` opens. Blocks.
pub(crate) fn read(
    repomd: &Repomd,
    mut open: impl FnMut(&Record) -> Result<File>,
) -> Result<Contents> {
    let (mut packages, mut advisories) = (Vec::new(), Advisories::default());
    let mut has_packages = false;
    for record in needed(repomd) {
        // Of several, clients take the first.
        let is_primary = record.kind == "primary";
        if is_primary && std::mem::replace(&mut has_packages, true) {
            continue;
        }
        let broken = |error: FormatError| Error::metadata(&excerpt(&record.href), error);
        let file = BufReader::with_capacity(256 << 10, open(record)?);
        let reader = decoder(file, limits::METADATA_OPEN_SIZE);
        let reader = reader.map_err(|error| broken(error.into()))?;
        if !is_primary {
            advisories.read(reader).map_err(broken)?;
            continue;
        }
        let read = read_packages(reader, |package| {
            let evr = Evr::new(package.epoch, package.version, package.release);
            let (name, arch) = (package.name.to_owned(), package.arch.to_owned());
            let nevra = Nevra { name, evr, arch };
            packages.push(Package { nevra, sha256: package.checksum.as_sha256() });
            Ok::<_, FormatError>(())
        });
        read.map_err(broken)?;
    }
    Ok(Contents::Rpm { packages, advisories })
}
