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
use crate::format::rpm::FormatError;
use crate::format::rpm::comps::Comps;
use crate::format::rpm::metadata_file::MetadataFile;
use crate::format::rpm::modules::Modules;
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
    let Extra { comps, modules: streams, updateinfo, discard } = &options.extra;
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
    if let Some(modules) = given(streams, modules)? {
        let stem = "modules.yaml";
        let write = |modules: &Modules, out: Out<'_>| modules.write(out);
        put.document("modules", stem, form(compression), &modules, write)?;
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

/// Reads what was given, which has to be of that kind: each file to those before it.
fn given<T>(
    paths: &[PathBuf],
    read: impl Fn(Option<T>, &Path) -> Result<T>,
) -> Result<Option<Given<'_, T>>> {
    let mut all = None;
    for path in paths {
        all = Some(read(all, path)?);
    }
    Ok(all.map(|all| match paths {
        [one] => Given::One(one),
        _ => Given::Merged(all),
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

fn groups(all: Option<Comps>, path: &Path) -> Result<Comps> {
    let comps = Comps::read(open(path)?).map_err(wrong(path))?;
    let Some(mut all) = all else { return Ok(comps) };
    all.merge(comps);
    Ok(all)
}

fn advisories(all: Option<Advisories>, path: &Path) -> Result<Advisories> {
    let mut all = all.unwrap_or_default();
    all.read(open(path)?).map_err(wrong(path))?;
    Ok(all)
}

/// Other than what upstreams have, what is given has to be sound.
fn modules(all: Option<Modules>, path: &Path) -> Result<Modules> {
    let modules = Modules::read(open(path)?).map_err(wrong(path))?;
    if let Some(broken) = modules.broken().next() {
        return Err(Error::metadata(&path.display().to_string(), broken.clone()));
    }
    let mut all = all.unwrap_or_default();
    all.merge(&modules);
    Ok(all)
}

fn wrong(path: &Path) -> impl Fn(FormatError) -> Error {
    let file = path.display().to_string();
    move |error| Error::metadata(&file, error)
}

/// A file that was given, decompressed.
fn open(path: &Path) -> Result<impl io::BufRead + use<>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    decoder(BufReader::new(file), limits::METADATA_OPEN_SIZE).map_err(Error::io("read", path))
}
