//! Metadata of our own, for a tree that is not what upstream's says: of which a selection left packages
//! out, or upstream lost some, or where some lie elsewhere than at upstream.
//!
//! It is made of upstream's own records. The documents that list packages are written again with the
//! elements of those that are left, each carried over byte for byte but for its `location` where that is
//! another ([`documents`]). What names packages, and is useful without those that are gone, is filtered.
//! What lists none is carried over as it is. And what says the same once more, in a form that cannot be
//! filtered, is left out: databases, zchunk, and deltas, which clients can do without ([`kinds`]).
//!
//! `repomd.xml` has upstream's revision, tags and times, and the order of createrepo_c; files are
//! compressed as upstream's are. So the same upstream and selection give the same bytes, on any host.
//! Upstream's signature says nothing of it, and is not published; a key of the site's own may sign it.

mod documents;
mod kinds;
mod names;
mod side;
#[cfg(feature = "signatures")]
mod signed;

use std::collections::HashMap;
use std::sync::Arc;

use self::documents::{Rewriting, Rewritten};
use self::kinds::Part;
use self::names::Names;
use self::side::Filtering;
use super::packages;
use super::records;
use super::resolve::{REPOMD, Resolving};
use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::format::rpm::blocks;
use crate::format::rpm::excerpt;
use crate::format::rpm::metadata_file::Written;
use crate::format::rpm::repomd::{Record, Repomd};
use crate::limits;
use crate::manifest::{Entry, Origin, Role};
use crate::part::Expected;
use crate::source::Stored;

/// What is left of a repository's packages.
#[derive(Debug)]
pub(super) struct Left {
    /// For each package in the order of primary: whether it is left, and its location where that is to
    /// be rewritten.
    pub(super) fates: Vec<Fate>,
    /// How many of them have each pkgid.
    pub(super) pkgids: HashMap<Box<str>, u32>,
    /// How many are left.
    pub(super) packages: u64,
}

/// What becomes of a package's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is left out.
    Out,
    /// It is carried over.
    As,
    /// The same, with this location.
    At(Box<str>),
}

impl Left {
    /// Of `listed`, those that are `taken`.
    pub(super) fn new(listed: &packages::Listed, taken: &[bool]) -> Self {
        let mut fates: Vec<Fate> =
            taken.iter().map(|taken| if *taken { Fate::As } else { Fate::Out }).collect();
        for at in listed.moved.iter().copied().filter(|at| taken[*at]) {
            fates[at] = Fate::At(listed.entries[at].path.as_str().into());
        }
        let mut pkgids: HashMap<Box<str>, u32> = HashMap::new();
        let mut packages = 0;
        for (entry, _) in listed.entries.iter().zip(taken).filter(|(_, taken)| **taken) {
            let pkgid = entry.digest.map(|digest| digest.hex()).unwrap_or_default();
            *pkgids.entry(pkgid.into()).or_default() += 1;
            packages += 1;
        }
        Self { fates, pkgids, packages }
    }
}

impl Resolving<'_> {
    /// Lists metadata of our own for what is `left`, made of what `repomd` lists; `primary` is stored
    /// already.
    pub(super) async fn regenerate(
        &mut self,
        repomd: &Repomd,
        listed: &[records::Listed],
        primary: Stored,
        left: Left,
    ) -> Result<()> {
        let left = Arc::new(left);
        let algorithm = match repomd.record("primary").and_then(|primary| primary.checksum) {
            Some(digest) if digest.algorithm() == Algorithm::Sha384 => Algorithm::Sha384,
            Some(digest) if digest.algorithm() == Algorithm::Sha512 => Algorithm::Sha512,
            _ => Algorithm::Sha256,
        };
        let mut made: Vec<Record> = Vec::with_capacity(listed.len());
        let mut left_out = Vec::new();
        let mut names = Arc::default();
        // Primary first: it says whom the others name.
        let mut files: Vec<_> = listed.iter().collect();
        files.sort_by(|a, b| kinds::order(&a.record.kind, &b.record.kind));
        for file in files {
            let kind = &file.record.kind;
            // Clients take the first of a kind.
            if made.iter().any(|record| record.kind == *kind) {
                continue;
            }
            match kinds::part(kind) {
                Part::Packages(document) => {
                    let source = match document {
                        blocks::Kind::Primary => primary,
                        _ => self.fetch_listed(file).await?,
                    };
                    let (left, unsaid) = (Arc::clone(&left), Arc::default());
                    let rewriting = Rewriting { document, left, unsaid, algorithm };
                    let (record, found) = self.rewrite(file, [source, primary], rewriting).await?;
                    if document == blocks::Kind::Primary {
                        names = Arc::new(found);
                    }
                    made.push(record);
                }
                Part::Side(side) if !names.is_all() => {
                    let names = Arc::clone(&names);
                    let filtering = Filtering { side, names, algorithm };
                    made.push(self.filter(file, filtering).await?);
                }
                Part::Side(_) | Part::Whole => {
                    self.entries.push(file.entry());
                    let href = file.path.to_string();
                    made.push(Record { href, base: None, ..file.record.clone() });
                }
                Part::None => left_out.push(excerpt(kind)),
            }
        }
        self.tell_left_out(&left_out);
        let made = Repomd { records: made, ..repomd.clone() };
        self.add_repomd(&made)
    }

    /// Brings one of upstream's files into the store, of which the tree gets what is made of it.
    pub(super) async fn fetch_listed(&self, file: &records::Listed) -> Result<Stored> {
        let expected = Expected { size: file.record.size, digest: Some(file.digest) };
        let limit = limits::metadata_size(file.record.size);
        let urls = file.remote.urls(&file.path);
        let stored = self.context.fetch(&file.record.href, urls, expected, limit).await?;
        self.context.let_go(stored.sha256);
        Ok(stored)
    }

    /// Writes a document that lists packages again, with those that are left, and gives its record.
    async fn rewrite(
        &mut self,
        file: &records::Listed,
        [source, primary]: [Stored; 2],
        mut rewriting: Rewriting,
    ) -> Result<(Record, Names)> {
        let url = self.url(&file.record.href);
        let mut packages = rewriting.left.packages;
        let mut is_told = rewriting.document == blocks::Kind::Susedata;
        let (stored, Rewritten { written, names, .. }) = loop {
            let (upstream, of, said) =
                (self.context.open(&source.sha256)?, rewriting.clone(), url.clone());
            let write = move |pipe| of.write(upstream, &said, packages, pipe);
            let (stored, rewritten) = self.context.make(&file.record.kind, write).await?;
            if rewritten.packages == packages {
                break (stored, rewritten);
            }
            // The count stands before what is counted: it is said anew.
            self.context.let_go(stored.sha256);
            packages = rewritten.packages;
            if std::mem::replace(&mut is_told, true) {
                continue;
            }
            self.context.warn(format!(
                "{url}: lists {packages} of the {} packages that are left",
                rewriting.left.packages
            ));
            // Clients take a package of which nothing is said for one without files.
            if rewriting.document != blocks::Kind::Primary {
                let (file, url) = (self.context.open(&primary.sha256)?, url.clone());
                let lacking = rewritten.lacking;
                let reading = move || documents::unsaid(file, &url, &lacking);
                let read = tokio::task::spawn_blocking(reading).await;
                rewriting.unsaid = Arc::new(read.map_err(|error| Error::Client(error.into()))??);
                packages += rewriting.unsaid.len() as u64;
            }
        };
        Ok((self.add_written(file, stored, &written)?, names))
    }

    /// Writes a document that names packages again, with those that are left, and gives its record.
    async fn filter(&mut self, file: &records::Listed, filtering: Filtering) -> Result<Record> {
        let url = self.url(&file.record.href);
        let source = self.fetch_listed(file).await?;
        let upstream = self.context.open(&source.sha256)?;
        let said = url.clone();
        let make = move |pipe| filtering.write(upstream, &said, pipe);
        let (stored, (written, odd)) = self.context.make(&file.record.kind, make).await?;
        for what in odd {
            self.context.warn(format!("{url}: {what}"));
        }
        self.add_written(file, stored, &written)
    }

    /// Adds an entry for a document that was made of upstream's, and gives its record.
    fn add_written(
        &mut self,
        file: &records::Listed,
        stored: Stored,
        written: &Written,
    ) -> Result<Record> {
        let stem = file.stem();
        let stem = stem.strip_suffix(kinds::extension(stem)).unwrap_or(stem);
        let record = written.record(&file.record.kind, stem, 0);
        self.add_made(&record.href, stored, Role::Metadata)?;
        Ok(Record { timestamp: file.record.timestamp, ..record })
    }

    fn add_repomd(&mut self, repomd: &Repomd) -> Result<()> {
        let mut content = Vec::new();
        let written = repomd.write(&mut content);
        written.map_err(Error::io("write", std::path::Path::new(REPOMD)))?;
        let stored = self.context.add(REPOMD, &mut &*content, &Expected::default())?;
        self.add_made(REPOMD, stored, Role::EntryPoint)?;
        #[cfg(feature = "signatures")]
        self.add_signature(&content, stored)?;
        Ok(())
    }

    /// Adds an entry for a file that only we have.
    pub(super) fn add_made(&mut self, path: &str, stored: Stored, role: Role) -> Result<()> {
        // It stays where this is what is published in the end.
        self.context.let_go(stored.sha256);
        self.entries.push(Entry {
            path: packages::path(&self.url(REPOMD), path)?,
            size: Some(stored.size),
            digest: Some(stored.sha256.into()),
            origin: Origin::Stored { sha256: stored.sha256, remote: None },
            role,
            subject: None,
            unverified: None,
        });
        Ok(())
    }

    /// Says what is left out, when it is for the first time.
    fn tell_left_out(&self, kinds: &[String]) {
        let before = self.context.published().is_some_and(|before| before.made_from.is_some());
        if !before && !kinds.is_empty() {
            self.context.warn(format!(
                "the metadata is made anew for what is left, without {}, which clients do not need",
                kinds.join(", ")
            ));
        }
    }
}
