//! A run: what is listed as it is, what is read, and what comes of it.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::thread;

use super::builder::{Builder, Built, Twice};
use super::documents::{Documents, Form};
use super::existing::{Existing, Reusable};
use super::read::{self, Terms};
use super::stage::Stage;
use super::walk::Found;
use super::{Indexed, Options, Outcome, Refused, extra, ordered, signed};
use crate::CancellationToken;
use crate::error::{Error, Result};
use crate::format::rpm::record::Document;
use crate::format::rpm::repomd::{Record, Repomd};
use crate::report::{Event, Reporter};

/// How many warnings of one kind are told.
const MOST_WARNINGS: usize = 20;

/// A run on one repository.
pub(super) struct Run<'a> {
    options: &'a Options,
    name: &'a str,
    reporter: &'a dyn Reporter,
    cancel: &'a CancellationToken,
    form: Form,
    found: Vec<Found>,
    refused: Vec<Refused>,
    warnings: Vec<String>,
}

/// The documents, as they were made or are there.
struct Listed {
    records: [Record; 3],
    packages: u64,
    bytes: u64,
    reused: u64,
    is_new: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        options: &'a Options,
        name: &'a str,
        reporter: &'a dyn Reporter,
        cancel: &'a CancellationToken,
        form: Form,
        found: Vec<Found>,
    ) -> Self {
        let (refused, warnings) = (Vec::new(), Vec::new());
        Self { options, name, reporter, cancel, form, found, refused, warnings }
    }

    /// Makes the metadata in `stage`, and publishes it where it says something new.
    pub(super) fn make(
        mut self,
        stage: Stage,
        existing: Option<&Existing>,
        output: &Path,
    ) -> Result<Indexed> {
        if self.found.is_empty() {
            self.warn("holds no packages to be listed".to_owned());
        }
        let listed = self.list(&stage, existing)?;
        let extra = extra::put(&stage, self.options, self.form.compression, existing)?;
        let old = existing.map(|existing| &existing.repomd);
        let mut records = Vec::from(listed.records);
        if listed.is_new {
            self.warn_of_dropped(old);
        } else {
            // What was made of the same packages is as good as it was.
            records = old.map(derived).unwrap_or_default();
        }
        records.extend(extra);
        sort(&mut records);
        let is_same = existing.is_some_and(|existing| {
            says_the_same(&existing.repomd.records, &records)
                && existing.is_whole()
                && signed::is_signed_alike(self.options, output)
        });
        let kinds = records.iter().map(|record| record.kind.clone()).collect();
        if is_same {
            drop(stage);
        } else {
            if signed::is_dropped(self.options, output) {
                self.warn(format!(
                    "{}: dropped, for it signs the old metadata; --sign-key signs the new",
                    signed::SIGNATURE
                ));
            }
            self.reporter.on_event(&Event::Publishing { group: self.name });
            if !listed.is_new {
                for record in old.map(derived).iter().flatten() {
                    extra::keep(&stage, existing, record)?;
                }
            }
            let revision = self.options.revision.clone();
            let revision = revision.unwrap_or_else(|| self.options.time.to_string());
            let tags = old.map(|old| old.tags.clone()).unwrap_or_default();
            let repomd = Repomd { revision: Some(revision), tags, records };
            stage.publish(&repomd, self.options)?;
        }
        let outcome = if is_same { Outcome::Unchanged } else { Outcome::Published };
        self.refused.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Indexed {
            folder: output.to_owned(),
            outcome,
            packages: listed.packages,
            bytes: listed.bytes,
            reused: listed.reused,
            compression: self.form.compression.name(),
            kinds,
            refused: self.refused,
            warnings: self.warnings,
        })
    }

    /// Lists the packages in the stage, or finds that the documents there are list them.
    fn list(&mut self, stage: &Stage, existing: Option<&Existing>) -> Result<Listed> {
        let existing = existing.filter(|_| self.options.update);
        let reusable =
            existing.map(|existing| existing.reusable(&self.found, self.options.algorithm));
        let reusable = match reusable {
            Some(Ok(reusable)) => reusable,
            Some(Err(reason)) => {
                self.warn(format!("all packages are read: {reason}"));
                Reusable::default()
            }
            None => Reusable::default(),
        };
        let bytes = self.found.iter().map(|found| found.size).sum();
        let packages = self.found.len() as u64;
        if reusable.is_everything
            && let Some(records) = existing.and_then(|existing| {
                existing.documents(self.form.compression, self.options.algorithm)
            })
        {
            return Ok(Listed { records, packages, bytes, reused: packages, is_new: false });
        }
        let mut reused = reusable.packages;
        reused.resize(self.found.len(), false);
        let found = std::mem::take(&mut self.found);
        let join = existing.filter(|_| reused.contains(&true)).map(Existing::join);
        let join = match join {
            Some(Ok(join)) => Some(join),
            Some(Err(reason)) => {
                self.warn(format!("all packages are read: {reason}"));
                reused.fill(false);
                None
            }
            None => None,
        };
        let documents = Documents::begin(stage.new_repodata(), self.form, packages)?;
        let mut builder = Builder::new(documents, join);
        self.read_all(&found, &reused, &mut builder)?;
        let Built { written, packages, bytes, reused, twice } = builder.finish()?;
        self.warn_of_twice(&twice);
        let mut records = Vec::new();
        for (document, written) in Document::ALL.into_iter().zip(written) {
            let kind = document.kind();
            if written.compression != self.form.compression {
                let (wanted, instead) = (self.form.compression.name(), written.compression.name());
                self.warn(format!(
                    "{kind}: is {instead}, for as {wanted} it would be so small that clients may take \
                     it for a decompression bomb"
                ));
            }
            let record = written.record(kind, &format!("{kind}.xml"), self.options.time);
            stage.name(kind, &record.href)?;
            records.push(record);
        }
        // There are three documents.
        let records = records.try_into().map_err(|_| Error::Cancelled)?;
        Ok(Listed { records, packages, bytes, reused, is_new: true })
    }

    /// Reads the packages that cannot be reused, and lists all of them in order.
    fn read_all(&mut self, found: &[Found], reused: &[bool], builder: &mut Builder) -> Result<()> {
        let to_read: Vec<usize> = (0..found.len()).filter(|at| !reused[*at]).collect();
        let bytes = to_read.iter().map(|at| found[*at].size).sum();
        let (name, reporter) = (self.name, self.reporter);
        let files = to_read.len() as u64;
        if files > 0 {
            reporter.on_event(&Event::Verifying { tree: name, files, bytes });
        }
        let terms = Terms {
            algorithm: self.options.algorithm,
            changelogs: self.options.changelogs,
            cancel: self.cancel,
        };
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut next = 0;
        ordered::in_order(
            to_read.len(),
            threads,
            |number| {
                let found = &found[to_read[number]];
                let read = read::read(found, terms);
                reporter.on_event(&Event::Read { tree: name, size: found.size });
                read
            },
            |read| read.as_ref().map_or(0, read::Outcome::size),
            |number, entry| {
                let at = to_read[number];
                self.carry_over(found, next..at, terms, builder)?;
                next = at + 1;
                self.take(&found[at], entry?, builder)
            },
        )?;
        self.carry_over(found, next..found.len(), terms, builder)
    }

    /// Lists what was listed already.
    fn carry_over(
        &mut self,
        found: &[Found],
        range: Range<usize>,
        terms: Terms<'_>,
        builder: &mut Builder,
    ) -> Result<()> {
        for found in &found[range] {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            // One that is not listed as it should be is read as well.
            if !builder.carry_over(found) {
                let entry = read::read(found, terms)?;
                self.take(found, entry, builder)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, found: &Found, read: read::Outcome, builder: &mut Builder) -> Result<()> {
        match read {
            read::Outcome::Entry(entry) => builder.add(found, entry),
            read::Outcome::Gone => {}
            read::Outcome::Refused(reason) => {
                self.refuse(Refused { path: found.href.to_string(), reason })?;
            }
        }
        Ok(())
    }

    /// Takes note of a package that is not listed.
    pub(super) fn refuse(&mut self, refused: Refused) -> Result<()> {
        let Refused { path, reason } = &refused;
        self.reporter.on_event(&Event::Failed { tree: self.name, path, reason });
        if self.options.strict {
            let Refused { path, reason } = refused;
            return Err(Error::NotListed { path, reason });
        }
        self.refused.push(refused);
        Ok(())
    }

    pub(super) fn warn(&mut self, message: String) {
        self.reporter.on_event(&Event::Warning { tree: self.name, message: &message });
        self.warnings.push(message);
    }

    /// Of what there may be much.
    fn warn_of_twice(&mut self, twice: &[Twice]) {
        for warning in twice.iter().take(MOST_WARNINGS) {
            self.warn(warning.to_string());
        }
        if let Some(more) = twice.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
            self.warn(format!("builds that are there more than once: {more} more"));
        }
    }

    /// Databases and the like are made of packages that were listed before.
    fn warn_of_dropped(&mut self, old: Option<&Repomd>) {
        let records = old.iter().flat_map(|old| &old.records);
        let derived = records.map(|record| &*record.kind).filter(|kind| extra::is_derived(kind));
        let dropped: Vec<_> =
            derived.filter(|kind| Document::ALL.iter().all(|one| one.kind() != *kind)).collect();
        if !dropped.is_empty() {
            let dropped = dropped.join(", ");
            self.warn(format!(
                "{dropped}: not made anew; clients read primary, filelists and other"
            ));
        }
    }
}

/// The records of what is made of the packages.
fn derived(repomd: &Repomd) -> Vec<Record> {
    repomd.records.iter().filter(|record| extra::is_derived(&record.kind)).cloned().collect()
}

/// As createrepo_c: the documents of packages first, then by kind.
fn sort(records: &mut [Record]) {
    let rank = |record: &Record| {
        Document::ALL.iter().position(|document| document.kind() == record.kind).unwrap_or(3)
    };
    records.sort_by(|a, b| (rank(a), &a.kind).cmp(&(rank(b), &b.kind)));
}

/// Whether two lists of records differ in times and order at the most.
fn says_the_same(old: &[Record], new: &[Record]) -> bool {
    let told = |records: &[Record]| {
        let mut records = records.to_vec();
        for record in &mut records {
            record.timestamp = None;
        }
        sort(&mut records);
        records
    };
    told(old) == told(new)
}
