//! Whether a tree of Python packages holds what its sets ask for.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use super::library::{Known, Tree, Unproved};
use super::record::{self, FileRecord, Record, SetRecord};
use super::tree::{each_page, said};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::format::pypi::page::write::FILES;
use crate::limits;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The sets, by name.
    pub sets: BTreeMap<String, CheckedSet>,
    /// The packages.
    pub files: usize,
    /// Files that are missing, and pages and metadata that are not what they should be.
    pub faults: Vec<Fault>,
    /// What cannot be installed from the tree alone.
    pub unproved: Vec<Unproved>,
}

/// What a set is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedSet {
    /// How many targets it has.
    pub targets: usize,
    /// How many versions its exact lists and locks list.
    pub listed: usize,
    /// How many of its files are missing.
    pub missing: usize,
    /// Whether there is more to it than those lists: requirements, which are resolved.
    pub resolved: bool,
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

/// Holds the tree in `folder` against its own record: each file is there, the pages and the metadata
/// beside the packages are what that record makes them, and each set can be installed from it alone,
/// for each of its targets, with what it takes to build source distributions. The packages are not
/// hashed: that is what `verify` does.
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
    let mut faults = Vec::new();
    let files = record.files.len();
    faults.extend(wrong_pages(folder, &record)?);
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
    let is_missing = |name: &&String| !record.files.contains_key(*name);
    let checked = |set: &SetRecord| CheckedSet {
        targets: set.target_count(),
        listed: set.listed.len(),
        missing: set.files.iter().filter(is_missing).count(),
        resolved: set.words().next().is_some(),
    };
    let sets = record.sets.iter().map(|(name, set)| (name.clone(), checked(set))).collect();
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

/// The pages that are not what the record stands for, and metadata that is not the packages'.
fn wrong_pages(folder: &Path, record: &Record) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let mut hold = |path: String, reason: Option<String>| {
        faults.extend(reason.map(|reason| Fault { path, reason }));
    };
    each_page(record, |path, expected| {
        let found = File::open(folder.join(path));
        let found = found.and_then(|file| read(file, expected.len() as u64 + 1));
        hold(
            path.to_owned(),
            match found {
                Err(error) => Some(error.to_string()),
                Ok(found) => differs(expected.as_bytes(), &found),
            },
        );
        Ok(())
    })?;
    for (name, file) in &record.files {
        let Some(expected) = &file.metadata else { continue };
        let path = format!("{FILES}/{name}.metadata");
        let found = File::open(folder.join(&path));
        let found = found.and_then(|file| read(file, limits::CORE_METADATA_SIZE + 1));
        hold(
            path,
            match found.map(|bytes| Sha256::of(&bytes).hex()) {
                Err(error) => Some(error.to_string()),
                Ok(found) if found == *expected => None,
                Ok(found) => Some(format!("expected sha256 {expected}, found {found}")),
            },
        );
    }
    Ok(faults)
}

/// Bytes of a page that are shown around where it differs.
const EXCERPT: usize = 60;

/// Where a page differs from what it should be: its first line that does.
fn differs(expected: &[u8], found: &[u8]) -> Option<String> {
    if expected == found {
        return None;
    }
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let line = expected[..same].split(|byte| *byte == b'\n').count();
    // A page in JSON is one long line: what is a little before the place says where it is.
    let start = same.saturating_sub(EXCERPT / 3);
    let start = expected[start..same]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(start, |at| start + at + 1);
    let excerpt = |bytes: &[u8]| {
        let rest = &bytes[start.min(bytes.len())..];
        let rest = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(&rest[..rest.len().min(EXCERPT)]).into_owned()
    };
    let (expected, found) = (excerpt(expected), excerpt(found));
    Some(format!("line {line}: expected {expected:?}, found {found:?}"))
}
