//! Whether a tree of Python packages holds what its sets ask for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use super::library::{Known, Tree, Unproved};
use super::record::{self, FileRecord, Record};
use super::tree::said;
use crate::error::{Error, Result};
use crate::format::pypi::page::write::{FILES, href};
use crate::format::pypi::page::{Form, Page};
use crate::limits;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The sets, each with the number of its targets.
    pub sets: BTreeMap<String, usize>,
    /// The packages.
    pub files: usize,
    /// Files that are missing, and pages that say something else than what is there.
    pub faults: Vec<Fault>,
    /// What cannot be installed from the tree alone.
    pub unproved: Vec<Unproved>,
}

/// A file that is not as the tree's record has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Its path in the tree.
    pub path: String,
    /// What was expected, and found.
    pub reason: String,
}

impl Checked {
    /// Whether all is as it should be.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty() && self.unproved.is_empty()
    }
}

/// Holds the tree in `folder` against its own record: each file is there, each page lists what is
/// there, and each set can be installed from it alone, for each of its targets, with what it takes to
/// build source distributions. Contents are not hashed: that is what `verify` does.
///
/// `None` where the folder is no tree of Python packages. Nothing but the folder is read, so that a
/// copy of a tree can be checked where it is.
pub fn check(folder: &Path) -> Result<Option<Checked>> {
    let path = folder.join(record::NAME);
    let bytes = match File::open(&path) {
        Ok(file) => read(file, limits::RECORD_SIZE + 1).map_err(Error::io("read", &path))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", &path)(error)),
    };
    let mut record = Record::read(&bytes, &path.display().to_string())?;
    let sets = record.sets.iter().map(|(name, set)| (name.clone(), set.target_count())).collect();
    let mut faults = Vec::new();
    let files = record.files.len();
    faults.extend(wrong_pages(folder, &record));
    let mut known: HashMap<String, Known> = HashMap::new();
    record.files.retain(|name, file| match open(folder, name, file) {
        Ok(opened) => {
            known.insert(name.clone(), said(opened, name, file).known);
            true
        }
        Err(reason) => {
            faults.push(Fault { path: format!("{FILES}/{name}"), reason });
            false
        }
    });
    faults.sort();
    let tree = Tree::new(&record, known);
    let unproved = record.sets.iter().flat_map(|(name, set)| tree.prove(name, set)).collect();
    Ok(Some(Checked { sets, files, faults, unproved }))
}

fn read(file: File, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open(folder: &Path, name: &str, record: &FileRecord) -> Result<File, String> {
    let path = folder.join(FILES).join(name);
    let found = fs::symlink_metadata(&path).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("expected a file, found something else".to_owned());
    }
    if found.len() != record.size {
        return Err(format!("expected {} bytes, found {}", record.size, found.len()));
    }
    File::open(&path).map_err(|error| error.to_string())
}

/// The pages that do not list what the record has.
fn wrong_pages(folder: &Path, record: &Record) -> Vec<Fault> {
    let mut projects: BTreeMap<&str, Vec<(&str, &FileRecord)>> = BTreeMap::new();
    for (name, file) in &record.files {
        projects.entry(&file.project).or_default().push((name, file));
    }
    let mut faults = Vec::new();
    for (project, files) in &projects {
        for (name, form) in [("index.html", Form::Html), ("index.v1_json", Form::Json)] {
            let path = format!("{project}/{name}");
            let found = File::open(folder.join(&path)).and_then(|file| {
                read(file, limits::PAGE_SIZE + 1).map(|bytes| Page::read(form, &bytes))
            });
            let reason = match found {
                Err(error) => Some(error.to_string()),
                Ok(Err(error)) => Some(error.to_string()),
                Ok(Ok(page)) => differs(&page, files),
            };
            faults.extend(reason.map(|reason| Fault { path, reason }));
        }
    }
    faults
}

/// How a page differs from what it should list.
fn differs(page: &Page, files: &[(&str, &FileRecord)]) -> Option<String> {
    let listed: HashMap<&str, _> =
        page.files.iter().map(|file| (file.filename.as_str(), file)).collect();
    for (name, record) in files {
        let Some(file) = listed.get(name) else { return Some(format!("does not list {name}")) };
        let sha256 = record.sha256().map(Into::into);
        if sha256.is_none_or(|sha256| !file.digests.contains(&sha256)) {
            return Some(format!("lists {name} with another digest than the file's"));
        }
        if file.url != href(name) {
            return Some(format!("leads for {name} to {}, expected {}", file.url, href(name)));
        }
    }
    let known: HashSet<&str> = files.iter().map(|(name, _)| *name).collect();
    let stray = page.files.iter().find(|file| !known.contains(file.filename.as_str()));
    stray.map(|file| format!("lists {}, which no set has", file.filename))
}
