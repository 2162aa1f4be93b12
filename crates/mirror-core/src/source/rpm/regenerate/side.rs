//! What names packages beside the lists of them: groups, advisories and modules, filtered to what is
//! left.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;

use super::names::Names;
use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::format::compression::decoder;
use crate::format::rpm::FormatError;
use crate::format::rpm::comps::Comps;
use crate::format::rpm::metadata_file::{MetadataFile, Written};
use crate::format::rpm::nevra::Nevra;
use crate::format::rpm::{excerpt, modules, updateinfo};
use crate::limits;
use crate::source::Pipe;

/// How many broken documents of a stream of modules are told of.
const BROKEN_SHOWN: usize = 5;

/// A kind of document that names packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Groups of packages.
    Comps,
    /// Advisories.
    Updateinfo,
    /// Streams of modules.
    Modules,
}

/// How a document is to be filtered.
#[derive(Debug, Clone)]
pub(super) struct Filtering {
    pub(super) side: Side,
    pub(super) names: Arc<Names>,
    /// What its digests are made with.
    pub(super) algorithm: Algorithm,
}

impl Filtering {
    /// Writes upstream's document, which errors call `url`, into `pipe`, as it is compressed. Gives what
    /// is odd about it, too.
    pub(super) fn write(
        &self,
        upstream: File,
        url: &str,
        pipe: Pipe,
    ) -> Result<(Written, Vec<String>)> {
        let read = |error| Error::metadata(url, error);
        let write = |error| Error::io("write", Path::new("repodata"))(error);
        let upstream = BufReader::with_capacity(256 << 10, upstream);
        let opened = decoder(upstream, limits::METADATA_OPEN_SIZE)
            .map_err(|error| read(FormatError::Read(error)))?;
        let compression = opened.get_ref().compression();
        let mut file = MetadataFile::new(pipe, compression, None, self.algorithm).map_err(write)?;
        let odd = self.filter(opened, &mut file).map_err(|error| match error {
            FormatError::Write(error) => write(error),
            error => read(error),
        })?;
        let (_, written) = file.finish().map_err(write)?;
        Ok((written, odd))
    }

    fn filter(&self, reader: impl BufRead, writer: impl Write) -> Result<Vec<String>, FormatError> {
        let names = &self.names;
        match self.side {
            Side::Comps => {
                let mut comps = Comps::read(reader)?;
                comps.retain(|name| names.may_be_named(name));
                comps.write(writer).map_err(FormatError::Write)?;
                Ok(Vec::new())
            }
            Side::Updateinfo => {
                let is_left = |package: &updateinfo::Package| {
                    let updateinfo::Package { name, epoch, version, release, arch, .. } = package;
                    names.has([name, epoch, version, release, arch])
                };
                updateinfo::filter(reader, writer, is_left).map(|filtered| nameless(&filtered))
            }
            Side::Modules => {
                let is_left = |package: &Nevra| {
                    let Nevra { name, evr, arch } = package;
                    let epoch = evr.epoch.to_string();
                    names.has([name, &epoch, &evr.version, &evr.release, arch])
                };
                let filtered = modules::filter(reader, writer, is_left)?;
                let broken = filtered.broken.into_iter().take(BROKEN_SHOWN);
                Ok(broken
                    .map(|what| format!("a document is carried over unread: {what}"))
                    .collect())
            }
        }
    }
}

/// Says which advisories clients cannot name.
fn nameless(filtered: &updateinfo::Filtered) -> Vec<String> {
    let first = filtered.first_without_id.as_deref().unwrap_or_default();
    match filtered.without_id {
        0 => Vec::new(),
        1 => vec![format!("clients cannot name an {}", excerpt(first))],
        count => {
            vec![format!("clients cannot name {count} advisories, the first an {}", excerpt(first))]
        }
    }
}
