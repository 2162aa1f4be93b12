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
use crate::format::rpm::modules::Modules;
use crate::format::rpm::nevra::Nevra;
use crate::format::rpm::{excerpt, updateinfo};
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
                // Clients go on to a newer build where one is there.
                let is_left = |package: &updateinfo::Package| {
                    package.nevra().is_some_and(|build| names.has_or_newer(&build))
                };
                updateinfo::filter(reader, writer, is_left).map(|filtered| nameless(&filtered))
            }
            Side::Modules => {
                let is_left = |package: &Nevra| names.has(package);
                let mut modules = Modules::read(reader)?;
                let filtered = modules.retain(is_left);
                let uncut = modules.cut_profiles(|stream, name| {
                    let mut own = stream.artifacts.iter().filter(|a| a.name == name).peekable();
                    let is_own = own.peek().is_some();
                    names.is_gone(name, is_own) && !own.any(is_left)
                });
                modules.write(writer).map_err(FormatError::Write)?;
                let broken = filtered.broken.into_iter().take(BROKEN_SHOWN);
                let broken =
                    broken.map(|what| format!("a document is carried over unread: {what}"));
                Ok(broken.chain(uncut.into_iter().take(BROKEN_SHOWN)).collect())
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
