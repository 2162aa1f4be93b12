//! The list that is being made.

use std::collections::{HashMap, hash_map};
use std::fmt;

use super::documents::Documents;
use super::existing::Carried;
use super::read::Entry;
use super::walk::Found;
use crate::digest::Digest;
use crate::error::Result;
use crate::format::rpm::metadata_file::Written;

/// How many places of a build are told.
const MOST_PATHS: usize = 3;

/// What is being listed.
pub(super) struct Builder {
    documents: Documents,
    /// The documents that are there, up to the last package that was taken from them.
    carried: Option<Carried>,
    /// Where each build was found first, what it is, and where in `twice` there are more.
    by_nevra: HashMap<String, (Digest, String, Option<usize>)>,
    packages: u64,
    bytes: u64,
    reused: u64,
    twice: Vec<Twice>,
}

/// What was listed.
pub(super) struct Built {
    /// The documents.
    pub(super) written: [Written; 3],
    /// Packages.
    pub(super) packages: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Those that were listed already.
    pub(super) reused: u64,
    /// Those that are there twice.
    pub(super) twice: Vec<Twice>,
}

/// A build that is there more than once.
pub(super) struct Twice {
    nevra: String,
    paths: Vec<String>,
    differ: bool,
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nevra, paths, differ } = self;
        let what = if *differ { "in files that differ" } else { "in files that are the same" };
        let (shown, more) = paths.split_at(paths.len().min(MOST_PATHS));
        write!(f, "{nevra} is there {} times, {what}: {}", paths.len(), shown.join(", "))?;
        if more.is_empty() { Ok(()) } else { write!(f, " and {} more", more.len()) }
    }
}

impl Builder {
    pub(super) fn new(documents: Documents, carried: Option<Carried>) -> Self {
        let (by_nevra, twice) = (HashMap::new(), Vec::new());
        Self { documents, carried, by_nevra, packages: 0, bytes: 0, reused: 0, twice }
    }

    /// Lists a package that was read.
    pub(super) fn add(&mut self, found: &Found, entry: Entry) {
        let [primary, filelists, other] = &entry.elements;
        self.documents.add([primary, filelists, other]);
        self.count(found, entry.nevra, entry.checksum);
    }

    /// Lists a package as it is listed already; false where it is not there, or not in all documents.
    pub(super) fn carry_over(&mut self, found: &Found) -> bool {
        let Some(carried) = &mut self.carried else { return false };
        while let Ok(Some(joined)) = carried.next() {
            let package = &joined.package;
            if package.base.is_some() || package.href != found.href.as_str() {
                continue;
            }
            let (Some(filelists), Some(other)) = (joined.filelists, joined.other) else {
                return false;
            };
            self.documents.add([joined.primary, filelists, other]);
            let epoch = if package.epoch.is_empty() { "0" } else { package.epoch };
            let (name, version, release) = (package.name, package.version, package.release);
            let nevra = format!("{name}-{epoch}:{version}-{release}.{}", package.arch);
            let checksum = package.checksum;
            self.reused += 1;
            self.count(found, nevra, checksum);
            return true;
        }
        // It ended early, or is damaged: from here on all is read.
        self.carried = None;
        false
    }

    fn count(&mut self, found: &Found, nevra: String, checksum: Digest) {
        self.packages += 1;
        self.bytes += found.size;
        match self.by_nevra.entry(nevra) {
            hash_map::Entry::Vacant(entry) => {
                entry.insert((checksum, found.href.to_string(), None));
            }
            hash_map::Entry::Occupied(mut entry) => {
                let nevra = entry.key().clone();
                let (first, path, at) = entry.get_mut();
                let at = *at.get_or_insert_with(|| {
                    let paths = vec![std::mem::take(path)];
                    self.twice.push(Twice { nevra, paths, differ: false });
                    self.twice.len() - 1
                });
                self.twice[at].differ |= *first != checksum;
                self.twice[at].paths.push(found.href.to_string());
            }
        }
    }

    /// Ends the documents.
    pub(super) fn finish(self) -> Result<Built> {
        let Self { documents, packages, bytes, reused, twice, .. } = self;
        Ok(Built { written: documents.finish()?, packages, bytes, reused, twice })
    }
}
