//! What lock files have in common: an exact list of files, which needs no resolving.
//!
//! A lock is mirrored as it lists: each file of each package, for whatever platform, extra or group it
//! was locked. Whatever is no file of an index is refused by name, but for the projects that the lock
//! was made for: they are on the user's disk, and noted.

use std::sync::Arc;

use pep440_rs::Version;
use pep508_rs::PackageName;
use serde::de::DeserializeOwned;

use super::filename::{DistFilename, FilenameError};
use super::input::{Fault, InputError, Lines, Location, Note, Place, shown};
use super::requirement::package_name;
use crate::digest::{Digest, DigestError};
use crate::limits;

/// A lock file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// The packages, in the file's order; some may be listed several times, for several platforms.
    pub packages: Vec<Locked>,
    /// What was left out, and what is odd.
    pub notes: Vec<Note>,
}

/// A package of a lock file, with its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The project.
    pub name: PackageName,
    /// Its version; `None` where the lock leaves that to the source distribution.
    pub version: Option<Version>,
    /// Where it is installed, as written (PEP 751 has markers that requirements have not).
    pub marker: Option<String>,
    /// The index that it was locked from; `None` for files that were named by themselves.
    pub index: Option<Location>,
    /// Its files; at least one.
    pub files: Vec<LockedFile>,
    /// Where it stands.
    pub at: Place,
}

/// A file that is to be mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedFile {
    /// Its name: one of the package's project, and of its version.
    pub filename: String,
    /// Where it is; relative paths start from where the lock file's own does.
    pub location: Location,
    /// Its digests, strongest first. None: the lock was made from a source that gives none.
    pub digests: Vec<Digest>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// A package as it is read, before it is checked.
pub(super) struct Draft<'a> {
    pub(super) name: PackageName,
    pub(super) version: Option<Version>,
    pub(super) at: Place,
    pub(super) lock: &'a Location,
    pub(super) files: Vec<LockedFile>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        name: &str,
        version: Option<&str>,
        at: Place,
        lock: &'a Location,
    ) -> Result<Self, InputError> {
        let value = |key: &str, expected, found: &str| {
            at.wrong(Fault::Value { key: key.to_owned(), expected, found: shown(found) })
        };
        let parsed =
            package_name(name).ok_or_else(|| value("name", "the name of a project", name))?;
        let version = version.map(|text| {
            text.parse::<Version>()
                .map_err(|_| value(&format!("version of {parsed}"), "a version", text))
        });
        let version = version.transpose()?;
        Ok(Self { name: parsed, version, at, lock, files: Vec::new() })
    }

    /// For messages: `requests 2.31.0`.
    pub(super) fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.to_string(),
        }
    }

    pub(super) fn wrong(&self, fault: Fault) -> InputError {
        self.at.wrong(fault)
    }

    /// Where `reference` is: a URL, or a path from the lock file's folder.
    pub(super) fn locate(&self, reference: &str) -> Result<Location, InputError> {
        self.lock.join(reference).map_err(|fault| self.wrong(fault))
    }

    /// Adds a file; its name is the last part of its location where none is given.
    pub(super) fn add(
        &mut self,
        filename: Option<String>,
        location: Location,
        mut digests: Vec<Digest>,
        size: Option<u64>,
    ) -> Result<(), InputError> {
        if self.files.len() == limits::LOCKED {
            let fault = Fault::Limit { what: "files of a package", limit: limits::LOCKED };
            return Err(self.wrong(fault));
        }
        let filename = filename.or_else(|| location.filename()).unwrap_or_default();
        let wrong = |error| Err(self.wrong(Fault::Filename(error)));
        let read = match DistFilename::parse(&filename, &self.name) {
            Ok(Some(read)) => read,
            Ok(None) => return wrong(FilenameError::Kind(shown(&filename))),
            Err(FilenameError::Unsafe(name)) => return wrong(FilenameError::Unsafe(shown(&name))),
            Err(error) => return wrong(error),
        };
        if let Some(expected) = self.version.as_ref().filter(|version| *version != read.version()) {
            return wrong(FilenameError::OtherVersion { filename, expected: expected.clone() });
        }
        super::direct::strongest_first(&mut digests);
        self.files.push(LockedFile { filename, location, digests, size });
        Ok(())
    }

    pub(super) fn finish(
        self,
        marker: Option<String>,
        index: Option<Location>,
    ) -> Result<Locked, InputError> {
        if self.files.is_empty() {
            let table = self.title();
            return Err(self.wrong(Fault::Missing { table, key: "sdist, wheels or other file" }));
        }
        let Self { name, version, at, files, .. } = self;
        Ok(Locked { name, version, marker, index, files, at })
    }
}

/// The digests among them that are known here; there must be one.
pub(super) fn known_digests<'a>(
    hashes: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Digest>, Fault> {
    let mut digests = Vec::new();
    let mut unknown = None;
    for (algorithm, hex) in hashes {
        match Digest::parse(algorithm, hex) {
            Ok(digest) => digests.push(digest),
            Err(error @ DigestError::UnknownAlgorithm(_)) => unknown = Some((algorithm, error)),
            Err(error) => {
                let text = shown(&format!("{algorithm}:{hex}"));
                return Err(Fault::Hash { text, reason: error.to_string() });
            }
        }
    }
    match unknown {
        Some((algorithm, error)) if digests.is_empty() => {
            Err(Fault::Hash { text: shown(algorithm), reason: error.to_string() })
        }
        _ => Ok(digests),
    }
}

/// Reads TOML of that shape. Values that an error quotes have lost their logins.
pub(super) fn read_toml<T: DeserializeOwned>(
    file: &Arc<Location>,
    lines: &Lines,
    text: &str,
) -> Result<T, InputError> {
    let limit = limits::INPUT_SIZE;
    if text.len() > limit {
        return Err(Place::file(file).wrong(Fault::Limit { what: "bytes", limit }));
    }
    toml::from_str(text).map_err(|error| {
        let at = match error.span() {
            Some(span) => lines.place(file, span.start),
            None => Place::file(file),
        };
        at.wrong(Fault::Toml { reason: shown(error.message()) })
    })
}
