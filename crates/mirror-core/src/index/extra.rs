//! Metadata beside the packages' own: groups, modules, advisories, and whatever else a folder has.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use super::documents::{Form, finish};
use super::existing::Existing;
use super::stage::Stage;
use super::{Extra, Options};
use crate::error::{Error, Result};
use crate::format::compression::{Compression, decoder};
use crate::format::rpm::comps::Comps;
use crate::format::rpm::metadata_file::MetadataFile;
use crate::format::rpm::repomd::Record;
use crate::format::rpm::updateinfo::Advisories;
use crate::limits;

/// Kinds that are made of the packages, and are wrong once these are others.
const DERIVED: [&str; 4] = ["primary", "filelists", "other", "filelists-ext"];

/// What the kinds of one content are called by those who have it in several forms.
const FORMS: [&str; 6] = ["_gz", "_xz", "_zst", "_bz2", "_zck", "_db"];

/// The kind without its form: `group` of `group_gz`.
fn content(kind: &str) -> &str {
    FORMS.iter().find_map(|form| kind.strip_suffix(form)).unwrap_or(kind)
}

/// Whether a kind is made of the packages, as `primary` and `primary_db`.
pub(super) fn is_derived(kind: &str) -> bool {
    DERIVED.contains(&content(kind))
}

/// Puts what was given into `stage`, and keeps what is there of other kinds.
pub(super) fn put(
    stage: &Stage,
    options: &Options,
    compression: Compression,
    existing: Option<&Existing>,
) -> Result<Vec<Record>> {
    let Extra { comps, modules, updateinfo, discard } = &options.extra;
    let mut put = Put { stage, options, records: Vec::new() };
    let form = |compression| Form { compression, algorithm: options.algorithm };
    if let Some(comps) = given(comps, groups)? {
        // The oldest of the clients that take gzip take groups only as they are.
        let (plain, packed) = match compression {
            Compression::Gzip => (Compression::None, Some(compression)),
            other => (other, None),
        };
        put.document("group", "comps.xml", form(plain), &comps, |comps, out| comps.write(out))?;
        if let Some(packed) = packed {
            put.document("group_gz", "comps.xml", form(packed), &comps, |comps, out| {
                comps.write(out)
            })?;
        }
    }
    if let Some(modules) = given(modules.as_slice(), |_| Ok(()))? {
        let stem = "modules.yaml";
        put.document("modules", stem, form(compression), &modules, |(), _| Ok(()))?;
    }
    if let Some(advisories) = given(updateinfo, advisories)? {
        let stem = "updateinfo.xml";
        put.document("updateinfo", stem, form(compression), &advisories, |all, out| {
            all.write(out)
        })?;
    }
    let mut records = put.records;
    let given: Vec<_> = records.iter().map(|record| content(&record.kind).to_owned()).collect();
    for record in existing.iter().flat_map(|existing| &existing.repomd.records) {
        let kind = content(&record.kind);
        let is_dropped = discard.iter().any(|name| name == kind || *name == record.kind);
        if is_derived(kind) || is_dropped || given.iter().any(|given| given == kind) {
            continue;
        }
        keep(stage, existing, record)?;
        records.push(record.clone());
    }
    Ok(records)
}

/// Keeps the file of a record as it is.
pub(super) fn keep(stage: &Stage, existing: Option<&Existing>, record: &Record) -> Result<()> {
    let Some(existing) = existing else { return Ok(()) };
    let path = existing.verified(record).map_err(|reason| Error::NotKept {
        kind: record.kind.clone(),
        file: record.href.clone(),
        reason,
    })?;
    stage.keep(&path)
}

struct Put<'a> {
    stage: &'a Stage,
    options: &'a Options,
    records: Vec<Record>,
}

/// What was given of a kind: one file, which is taken as it is, or several that were made one.
enum Given<'a, T> {
    One(&'a Path),
    Merged(T),
}

/// Reads what was given, which has to be of that kind.
fn given<T>(paths: &[PathBuf], read: fn(&[PathBuf]) -> Result<T>) -> Result<Option<Given<'_, T>>> {
    let merged = match paths {
        [] => return Ok(None),
        paths => read(paths)?,
    };
    Ok(Some(match paths {
        [one] => Given::One(one),
        _ => Given::Merged(merged),
    }))
}

/// What a document is written to.
type Out<'f> = &'f mut MetadataFile<BufWriter<File>>;

impl Put<'_> {
    fn document<T>(
        &mut self,
        kind: &str,
        stem: &str,
        form: Form,
        given: &Given<'_, T>,
        write: impl FnOnce(&T, Out<'_>) -> io::Result<()>,
    ) -> Result<()> {
        let staged = self.stage.path(kind);
        let mut file = form.create(&staged)?;
        let written = match given {
            Given::One(path) => io::copy(&mut open(path)?, &mut file).map(drop),
            Given::Merged(merged) => write(merged, &mut file),
        };
        let written = written.and_then(|()| finish(file)).map_err(Error::io("write", &staged))?;
        let record = written.record(kind, stem, self.options.time);
        self.stage.name(kind, &record.href)?;
        self.records.push(record);
        Ok(())
    }
}

/// The groups of some files as one.
fn groups(paths: &[PathBuf]) -> Result<Comps> {
    let read = |path: &PathBuf| {
        let wrong = |error| Error::metadata(&path.display().to_string(), error);
        Comps::read(open(path)?).map_err(wrong)
    };
    let (first, others) = paths.split_first().ok_or(Error::Cancelled)?;
    others.iter().try_fold(read(first)?, |mut all, path| {
        all.merge(read(path)?);
        Ok(all)
    })
}

/// The advisories of some files as one.
fn advisories(paths: &[PathBuf]) -> Result<Advisories> {
    let mut all = Advisories::default();
    for path in paths {
        let wrong = |error| Error::metadata(&path.display().to_string(), error);
        all.read(open(path)?).map_err(wrong)?;
    }
    Ok(all)
}

/// A file that was given, decompressed.
fn open(path: &Path) -> Result<impl io::BufRead + use<>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    decoder(BufReader::new(file), limits::METADATA_OPEN_SIZE).map_err(Error::io("read", path))
}
