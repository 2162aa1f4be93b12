//! Source distributions: what they say of themselves, without running anything.
//!
//! The archive (`.tar.gz`, `.tar.bz2`, `.tar.xz`, `.zip`) is streamed once. [`Sdist`] keeps the few
//! members that say something: `PKG-INFO`, `pyproject.toml`, and setuptools' `requires.txt`, `setup.cfg`
//! and `setup.py`; nothing is unpacked, links and devices are never followed, and everything is bounded.
//!
//! [`Sdist::metadata`] says what the release needs, [`Sdist::build_system`] what it takes to build it.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};

use super::Requirement;
use super::excerpt;
use super::metadata::{self, Fault, Metadata, MetadataError, specifiers};
use super::requirement;
use super::zip::{self, Directory, Step, Window, ZipError};
use crate::format::compression::decoder;
use crate::limits;

mod found;
mod setup;
mod tar;

use found::{Found, Wanted};
pub use tar::TarError;

/// Why a source distribution was not understood. The caller adds its name.
#[derive(Debug, thiserror::Error)]
pub enum SdistError {
    /// The archive's bytes could not be had: an error of the reader, a decoder's refusal included.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A tar archive that is none, or a hostile one.
    #[error("{0}")]
    Tar(#[from] TarError),
    /// A zip archive that is none, or a hostile one.
    #[error("{0}")]
    Zip(#[from] ZipError),
    /// A member that is needed is no regular file.
    #[error("member {path:?} is no regular file: links and devices are not followed")]
    NoFile {
        /// The member.
        path: String,
    },
    /// A member that is needed occurs twice.
    #[error("has two members for one file: {first:?} and {second:?}")]
    Twice {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// Over a bound of [`crate::limits`].
    #[error("is too large: expected at most {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// Its `PKG-INFO` is none, or another release's.
    #[error("PKG-INFO {0}")]
    Metadata(#[from] MetadataError),
    /// Its `pyproject.toml` is malformed.
    #[error("pyproject.toml is malformed: {reason}")]
    PyProject {
        /// What was expected, and found.
        reason: String,
    },
}

/// What a source distribution says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sdist {
    /// `PKG-INFO`, core metadata.
    pub pkg_info: Option<Vec<u8>>,
    /// `pyproject.toml`.
    pub pyproject: Option<String>,
    /// `*.egg-info/requires.txt`, what setuptools found the requirements to be on the machine of
    /// whoever made the archive.
    pub requires_txt: Option<String>,
    /// `setup.cfg`, in which setuptools is told what a build asks for.
    pub setup_cfg: Option<String>,
    /// `setup.py`, likewise; it is read, and never run.
    pub setup_py: Option<String>,
}

/// What a release needs, and how certain that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticMetadata {
    /// The metadata, of which each field that does not parse is a fault.
    pub metadata: Metadata,
    /// Where the requirements come from.
    pub origin: Origin,
}

/// Where the requirements of a source distribution come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `PKG-INFO` of version 2.2 or later that names none of them dynamic (PEP 643).
    PkgInfo,
    /// `[project]` of `pyproject.toml` that names none of them dynamic (PEP 621).
    PyProject,
    /// The best that there is: setuptools' `requires.txt`, or an older `PKG-INFO`. A build may find
    /// others, and this deserves a warning.
    Guess,
}

/// What it takes to build a wheel (PEP 518, PEP 517).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildSystem {
    /// What is installed before; setuptools and wheel where nothing is said. With what `setup.cfg` asks
    /// for, where setuptools builds.
    pub requires: Vec<Requirement>,
    /// What `setup.py` asks for beside (`setup_requires`), where it has that as a list.
    pub asked: Vec<Requirement>,
    /// There may be more that `setup.cfg` and `setup.py` ask for: only running them tells.
    pub is_open: bool,
    /// The backend, an object's path; `None` is setuptools' of old.
    pub backend: Option<String>,
    /// The backend is part of the archive (`backend-path`): it may ask for more when it runs.
    pub is_local: bool,
    /// The requirements that did not parse.
    pub faults: Vec<Fault>,
}

impl Sdist {
    /// Reads a tar archive, however it is compressed.
    pub fn read_tar(reader: impl BufRead, project: &PackageName) -> Result<Self, SdistError> {
        let mut found = Found::default();
        let mut archive = tar::Archive::new(decoder(reader, limits::SDIST_OPEN_SIZE)?);
        while let Some(member) = archive.next()? {
            let Some(wanted) =
                std::str::from_utf8(&member.path).ok().and_then(|path| Wanted::new(path, project))
            else {
                continue;
            };
            let is_bounded = wanted.kind.bounded(member.size);
            if !wanted.kind.is_needed() && (!member.is_file || is_bounded.is_err()) {
                continue;
            }
            if !member.is_file {
                let path = excerpt(&wanted.path);
                return Err(SdistError::NoFile { path });
            }
            let content = is_bounded.and_then(|()| Ok(archive.content()?))?;
            found.take(wanted, content)?;
        }
        found.finish()
    }

    /// Reads a zip archive.
    pub fn read_zip(
        reader: &mut (impl Read + Seek),
        project: &PackageName,
    ) -> Result<Self, SdistError> {
        let size = reader.seek(SeekFrom::End(0))?;
        let mut piece = |range: std::ops::Range<u64>| -> io::Result<Vec<u8>> {
            reader.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            reader.take(range.end - range.start).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let mut start = size.saturating_sub(zip::TAIL);
        let directory = loop {
            // What is asked for adjoins what is there, and its size is bounded.
            let tail = piece(start..size)?;
            let keep = |name: &str| Wanted::new(name, project).is_some();
            match Directory::read(Window { start, bytes: &tail }, size, keep)? {
                Step::Need(range) => start = range.start,
                Step::Done(directory) => break directory,
            }
        };
        let mut found = Found::default();
        for member in directory.members() {
            let Some(wanted) = Wanted::new(&member.name, project) else { continue };
            match wanted.kind.bounded(member.size()) {
                Err(_) if !wanted.kind.is_needed() => continue,
                bounded => bounded?,
            }
            let mut window = (0, Vec::new());
            let mut content = None;
            // As many steps as there are, for an archive that does not change meanwhile.
            for _ in 0..3 {
                let bytes = &window.1[..];
                match member.read(Window { start: window.0, bytes }, wanted.kind.limit())? {
                    Step::Need(range) => window = (range.start, piece(range)?),
                    Step::Done(done) => {
                        content = Some(done);
                        break;
                    }
                }
            }
            let content = content.ok_or(ZipError::NoArchive("expected it not to change"))?;
            found.take(wanted, content)?;
        }
        found.finish()
    }

    /// What that release needs.
    ///
    /// Of the sources in [`Origin`]'s order the first that is there and certain; else the best guess.
    pub fn metadata(
        &self,
        name: &PackageName,
        version: &Version,
    ) -> Result<StaticMetadata, SdistError> {
        let pkg_info = self.pkg_info.as_deref().map(Metadata::read).transpose()?;
        if let Some(metadata) = &pkg_info {
            metadata.expect(name, version)?;
        }
        if let Some(metadata) = pkg_info.as_ref().filter(|metadata| metadata.is_static()) {
            return Ok(StaticMetadata { metadata: metadata.clone(), origin: Origin::PkgInfo });
        }
        let mut metadata = Metadata {
            metadata_version: (1, 0),
            name: name.clone(),
            version: version.clone(),
            requires_python: pkg_info.as_ref().and_then(|info| info.requires_python.clone()),
            requires_dist: Vec::new(),
            provides_extra: Vec::new(),
            dynamic: Vec::new(),
            faults: Vec::new(),
        };
        if let Some(project) = self.table("project")?
            && project_requirements(&project, &mut metadata)?
        {
            return Ok(StaticMetadata { metadata, origin: Origin::PyProject });
        }
        match (&self.requires_txt, pkg_info) {
            (Some(text), _) => requires_txt(text, &mut metadata)?,
            (None, Some(info)) => metadata = info,
            (None, None) => {}
        }
        Ok(StaticMetadata { metadata, origin: Origin::Guess })
    }

    /// What it takes to build it.
    pub fn build_system(&self) -> Result<BuildSystem, SdistError> {
        let mut system = match self.table("build-system")? {
            Some(table) => build_system(&table)?,
            None => BuildSystem {
                requires: ["setuptools", "wheel"]
                    .into_iter()
                    .flat_map(requirement::parse)
                    .collect(),
                ..BuildSystem::default()
            },
        };
        let module = system.backend.as_deref().map(|path| path.split(['.', ':']).next());
        if let None | Some(Some("setuptools" | "pbr")) = module {
            let cfg = self.setup_cfg.as_deref().map(setup::of_cfg).unwrap_or_default();
            let py = self.setup_py.as_deref().map(setup::of_py).unwrap_or_default();
            system.requires.extend(cfg.requires);
            system.asked = py.requires;
            system.is_open = cfg.is_open || py.is_open;
        }
        Ok(system)
    }

    /// A table of `pyproject.toml`.
    fn table(&self, name: &'static str) -> Result<Option<toml::Table>, SdistError> {
        let Some(text) = &self.pyproject else { return Ok(None) };
        let mut document = text
            .parse::<toml::Table>()
            .map_err(|error| malformed(&format!("{} in {name}", error.message())))?;
        match document.remove(name) {
            None => Ok(None),
            Some(toml::Value::Table(table)) => Ok(Some(table)),
            Some(_) => Err(kind(name, "a table")),
        }
    }
}

/// What `[build-system]` says (PEP 518, PEP 517).
fn build_system(table: &toml::Table) -> Result<BuildSystem, SdistError> {
    let mut system = BuildSystem::default();
    let requires =
        table.get("requires").ok_or_else(|| malformed("[build-system] has no `requires`"))?;
    for text in texts(requires, "build-system.requires")? {
        match metadata::requirement(text) {
            Ok(requirement) => system.requires.push(requirement),
            Err(reason) => system.faults.push(fault("build-system.requires", text, &reason)),
        }
    }
    if let Some(backend) = table.get("build-backend") {
        let text = backend.as_str().ok_or_else(|| kind("build-system.build-backend", "a text"))?;
        system.backend = Some(excerpt(text));
    }
    if let Some(path) = table.get("backend-path") {
        system.is_local = !texts(path, "build-system.backend-path")?.is_empty();
    }
    Ok(system)
}

/// Takes what `[project]` says (PEP 621); false where it leaves to the build what the release needs.
fn project_requirements(
    project: &toml::Table,
    metadata: &mut Metadata,
) -> Result<bool, SdistError> {
    let dynamic = match project.get("dynamic") {
        Some(value) => texts(value, "project.dynamic")?,
        None => Vec::new(),
    };
    if dynamic.iter().any(|field| matches!(*field, "dependencies" | "optional-dependencies")) {
        return Ok(false);
    }
    if let Some(python) = project.get("requires-python") {
        let text = python.as_str().ok_or_else(|| kind("project.requires-python", "a text"))?;
        match specifiers(text) {
            Ok(specifiers) => metadata.requires_python = Some(specifiers),
            Err(reason) => metadata.faults.push(fault("project.requires-python", text, &reason)),
        }
    }
    if let Some(dependencies) = project.get("dependencies") {
        for text in texts(dependencies, "project.dependencies")? {
            take("project.dependencies", text, None, metadata)?;
        }
    }
    if let Some(extras) = project.get("optional-dependencies") {
        let what = "project.optional-dependencies";
        let extras = extras.as_table().ok_or_else(|| kind(what, "a table"))?;
        for (extra, dependencies) in extras {
            let Some(extra) = extra_name(extra, metadata) else { continue };
            for text in texts(dependencies, what)? {
                take(what, text, Some(&extra), metadata)?;
            }
        }
    }
    Ok(true)
}

/// Takes setuptools' `requires.txt`: requirements, one a line, in sections `[EXTRA:MARKER]` of which
/// either part may be missing.
fn requires_txt(text: &str, metadata: &mut Metadata) -> Result<(), SdistError> {
    const WHAT: &str = "requires.txt";
    let mut extra = None;
    let mut is_known = true;
    let mut marker = "";
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let (name, condition) = section.split_once(':').unwrap_or((section, ""));
            marker = condition.trim();
            extra = match name.trim() {
                "" => None,
                name => extra_name(name, metadata),
            };
            is_known = extra.is_some() || name.trim().is_empty();
            continue;
        }
        if !is_known {
            continue;
        }
        let text = match (line.split_once(';'), marker) {
            (_, "") => line.to_owned(),
            (None, marker) => format!("{line} ; {marker}"),
            (Some((line, own)), marker) => format!("{line} ; ({own}) and ({marker})"),
        };
        take(WHAT, &text, extra.as_ref(), metadata)?;
    }
    Ok(())
}

/// An extra, which is remembered.
fn extra_name(text: &str, metadata: &mut Metadata) -> Option<ExtraName> {
    // A name that is none cannot be asked for.
    let extra = requirement::extra_name(text)?;
    let is_known = metadata.provides_extra.contains(&extra);
    if !is_known && metadata.provides_extra.len() < limits::RELEASE_FIELDS {
        metadata.provides_extra.push(extra.clone());
    }
    Some(extra)
}

fn take(
    what: &'static str,
    text: &str,
    extra: Option<&ExtraName>,
    metadata: &mut Metadata,
) -> Result<(), SdistError> {
    if metadata.requires_dist.len() + metadata.faults.len() >= limits::RELEASE_FIELDS {
        let limit = limits::RELEASE_FIELDS as u64;
        return Err(SdistError::Limit { what: "requirements", limit });
    }
    match metadata::requirement(text) {
        Ok(requirement) => metadata.requires_dist.push(match extra {
            Some(extra) => requirement.with_extra_marker(extra),
            None => requirement,
        }),
        Err(reason) => metadata.faults.push(fault(what, text, &reason)),
    }
    Ok(())
}

fn texts<'a>(value: &'a toml::Value, what: &'static str) -> Result<Vec<&'a str>, SdistError> {
    let list = value.as_array().and_then(|list| list.iter().map(toml::Value::as_str).collect());
    list.ok_or_else(|| kind(what, "a list of texts"))
}

fn kind(what: &str, expected: &str) -> SdistError {
    malformed(&format!("expected {expected} as {what}, found something else"))
}

fn malformed(reason: &str) -> SdistError {
    SdistError::PyProject { reason: excerpt(reason) }
}

fn fault(field: &'static str, value: &str, reason: &str) -> Fault {
    Fault { field, value: excerpt(value), reason: excerpt(reason) }
}

#[cfg(test)]
mod tests;
