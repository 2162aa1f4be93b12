//! Requirements files, in pip's full syntax.
//!
//! [`Reading`] reads a file and those that it includes (`-r`, `-c`), and asks its caller for the bytes
//! of each, so that nothing here waits or opens a file:
//!
//! ```
//! use mirror_core::format::pypi::input::Location;
//! use mirror_core::format::pypi::requirements::{Reading, Role};
//!
//! let mut reading = Reading::new(&|_| None);
//! reading.add(Location::parse("requirements.txt")?, Role::Requirements);
//! while let Some(file) = reading.wanted() {
//!     // Read it from a disk or over HTTP, wherever `file.location` is.
//!     assert_eq!(file.location.to_string(), "requirements.txt");
//!     reading.take(b"requests[socks]>=2 ; python_version < '3.14'\n")?;
//! }
//! let requirements = reading.finish();
//! assert_eq!(requirements.entries[0].text, "requests[socks]>=2 ; python_version < '3.14'");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The judge of what a file means is pip 26. In what pip drops without a word, this reader differs:
//! a requirement that stands behind an option on its line, and a second `-r` of a line, are errors;
//! options without effect where they stand are noted; an `--extra-index-url` outlives an `--index-url`
//! that follows it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use pep440_rs::{Operator, Version};
use pep508_rs::{MarkerTree, PackageName, VersionOrUrl};

use super::Requirement;
use super::direct::Direct;
use super::input::{Fault, InputError, Location, Note, Place};
use crate::digest::Digest;
use crate::limits;

mod control;
mod decode;
#[cfg(test)]
mod judge;
mod line;
mod lines;
mod options;
#[cfg(test)]
mod tests;

pub use control::{FormatControl, Formats, ReleaseControl};
pub use lines::Variable;

/// What is wanted, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// What is wanted, in the order of the files.
    pub entries: Vec<Entry>,
    /// What bounds the versions of what is wanted, and of what that needs.
    pub constraints: Vec<Entry>,
    /// The options of all files.
    pub options: Options,
    /// What is odd or without effect.
    pub notes: Vec<Note>,
}

/// A requirement or constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is wanted.
    pub wanted: Wanted,
    /// The digests of `--hash`, any one of which the file must have; none: any file will do.
    pub hashes: Vec<Digest>,
    /// Where it stands.
    pub at: Place,
    /// The user's own words: the line as written, without options, variables as they were; shortened.
    pub text: String,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A project, from the indexes. It holds no URL.
    Project(Requirement),
    /// A file, from where it is.
    File(Direct),
}

impl Entry {
    /// The project, where that is known before the file is read.
    pub fn name(&self) -> Option<&PackageName> {
        match &self.wanted {
            Wanted::Project(requirement) => Some(&requirement.name),
            Wanted::File(direct) => direct.name.as_ref(),
        }
    }

    /// Where it is wanted.
    pub fn marker(&self) -> &MarkerTree {
        match &self.wanted {
            Wanted::Project(requirement) => &requirement.marker,
            Wanted::File(direct) => &direct.marker,
        }
    }

    /// The only version that will do: that of an `==` without a star or of an `===`, with nothing
    /// beside it.
    pub fn pinned(&self) -> Option<&Version> {
        match &self.wanted {
            Wanted::File(direct) => direct.version.as_ref(),
            Wanted::Project(requirement) => {
                let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &requirement.version_or_url
                else {
                    return None;
                };
                let mut specifiers = specifiers.iter();
                let (Some(one), None) = (specifiers.next(), specifiers.next()) else { return None };
                matches!(one.operator(), Operator::Equal | Operator::ExactEqual)
                    .then(|| one.version())
            }
        }
    }

    fn has_digest(&self) -> bool {
        let of_url = matches!(&self.wanted, Wanted::File(direct) if !direct.digests.is_empty());
        of_url || !self.hashes.is_empty()
    }
}

/// The options of requirements files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The index; the last one that is named.
    pub index_url: Option<Said<Location>>,
    /// Further indexes.
    pub extra_index_urls: Vec<Said<Location>>,
    /// Whether no index is asked, those of other places included.
    pub no_index: bool,
    /// Folders and pages with links to files. Where a relative path is below the folder of the file
    /// that names it ([`Said::beside`]), that is meant, else one of the working directory.
    pub find_links: Vec<Said<Location>>,
    /// `host` or `host:port`, whose certificate need not be good.
    pub trusted_hosts: Vec<Said<String>>,
    /// `--no-binary` and `--only-binary`.
    pub formats: FormatControl,
    /// `--pre`, `--all-releases` and `--only-final`.
    pub releases: ReleaseControl,
    /// Whether an older wheel is better than a newer source distribution.
    pub prefer_binary: bool,
    /// Whether each requirement must have a digest; `None`: where one has.
    pub require_hashes: Option<bool>,
}

/// A value and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub at: Place,
}

impl Said<Location> {
    /// The place of a relative path beside the file that names it; `None` for others.
    pub fn beside(&self) -> Option<Location> {
        let (Location::Path(path), Location::Path(file)) = (&self.value, &*self.at.file) else {
            return None;
        };
        let folder = file.parent().unwrap_or(Path::new(""));
        path.is_relative().then(|| Location::Path(folder.join(path)))
    }
}

/// What a file's requirements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// What is wanted (`-r`).
    Requirements,
    /// What bounds the versions of what is wanted (`-c`).
    Constraints,
}

/// A file that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Where it is.
    pub location: Arc<Location>,
    /// What its requirements are.
    pub role: Role,
    /// The line that includes it; `None` where the caller named it.
    pub at: Option<Place>,
}

/// A reading of files that include one another. See the [module](self).
pub struct Reading<'a> {
    variable: Variable<'a>,
    /// Files that the caller named and that were not begun.
    named: VecDeque<Include>,
    /// The file that is waited for.
    wanted: Option<Include>,
    /// The files that are being read, the innermost last.
    open: Vec<Open>,
    files: usize,
    read: Requirements,
}

/// A file that is being read.
struct Open {
    file: Arc<Location>,
    role: Role,
    lines: std::vec::IntoIter<lines::Logical>,
}

impl<'a> Reading<'a> {
    /// A reading that puts in the values of `variable`.
    pub fn new(variable: Variable<'a>) -> Self {
        Self {
            variable,
            named: VecDeque::new(),
            wanted: None,
            open: Vec::new(),
            files: 0,
            read: Requirements::default(),
        }
    }

    /// Adds a file, after those that were added before.
    pub fn add(&mut self, location: Location, role: Role) {
        self.named.push_back(Include { location: Arc::new(location), role, at: None });
    }

    /// Adds a requirement that the user named elsewhere, such as on the command line.
    pub fn add_requirement(&mut self, text: &str, at: &Place) -> Result<(), InputError> {
        match line::requirement(text, text, Vec::new(), at) {
            Ok(entry) => self.read.entries.push(entry),
            Err(fault) => return Err(at.wrong(fault)),
        }
        Ok(())
    }

    /// The file whose bytes [`Reading::take`] needs next; `None`: all were read.
    pub fn wanted(&mut self) -> Option<Include> {
        if self.wanted.is_none() {
            self.wanted = self.named.pop_front();
        }
        self.wanted.clone()
    }

    /// Takes the content of the file that was wanted, and reads on until another one is.
    ///
    /// A fault of any line ends the reading.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        let Some(Include { location, role, at }) = self.wanted.take() else { return Ok(()) };
        let whole = Place::file(&location);
        self.files += 1;
        for (what, is_over, limit) in [
            ("bytes", bytes.len() > limits::INPUT_SIZE, limits::INPUT_SIZE),
            ("files", self.files > limits::INPUT_FILES, limits::INPUT_FILES),
            (
                "files within one another",
                self.open.len() >= limits::INPUT_DEPTH,
                limits::INPUT_DEPTH,
            ),
        ] {
            if is_over {
                return Err(at.unwrap_or(whole).wrong(Fault::Limit { what, limit }));
            }
        }
        let text = decode::decode(bytes).map_err(|fault| whole.wrong(fault))?;
        let lines: Vec<_> = lines::logical(&text, self.variable).collect();
        self.open.push(Open { file: location, role, lines: lines.into_iter() });
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), InputError> {
        while let Some(open) = self.open.last_mut() {
            let Some(line) = open.lines.next() else {
                self.open.pop();
                continue;
            };
            let at = Place::line(&open.file, line.number);
            let role = open.role;
            let include = line::read(&line, role, &at, &mut self.read);
            if let Some((reference, role)) = include.map_err(|fault| at.wrong(fault))? {
                self.wanted = Some(self.include(&reference, role, &at).map_err(|f| at.wrong(f))?);
                break;
            }
            if self.read.entries.len() + self.read.constraints.len() > limits::REQUIREMENTS {
                let limit = limits::REQUIREMENTS;
                return Err(at.wrong(Fault::Limit { what: "requirements", limit }));
            }
        }
        Ok(())
    }

    fn include(&self, reference: &str, role: Role, at: &Place) -> Result<Include, Fault> {
        let location = at.file.join(reference)?;
        let key = location.key();
        if let Some(first) = self.open.iter().position(|open| open.file.key() == key) {
            let open = self.open[first..].iter().map(|open| Arc::clone(&open.file));
            let files = open.chain([Arc::new(location)]).collect();
            return Err(Fault::Cycle { files });
        }
        Ok(Include { location: Arc::new(location), role, at: Some(at.clone()) })
    }

    /// What was read.
    pub fn finish(self) -> Requirements {
        self.read
    }
}

impl Requirements {
    /// Whether the files are an exact list: each requirement is of one version (or one file), with the
    /// digests of the files that will do. Nothing needs to be resolved then.
    ///
    /// As for pip, one `--hash` asks for all (a digest in a URL does not), and so does
    /// `--require-hashes`: an error names what lacks
    /// one. `--no-require-hashes` takes that back. A constraint of the same project may give version
    /// and digests.
    pub fn is_exact(&self) -> Result<bool, InputError> {
        let hashed = self.entries.iter().find(|entry| !entry.hashes.is_empty());
        let reason = match (self.options.require_hashes, hashed) {
            (Some(false), _) | (None, None) => return Ok(false),
            (Some(true), _) => "--require-hashes asks for it".to_owned(),
            (None, Some(entry)) => format!("{} has a --hash", entry.at),
        };
        for entry in &self.entries {
            let constraints = || {
                let all = self.constraints.iter();
                all.filter(|other| other.name().is_some() && other.name() == entry.name())
            };
            let is_file = matches!(entry.wanted, Wanted::File(_));
            let is_pinned =
                is_file || entry.pinned().is_some() || constraints().any(|c| c.pinned().is_some());
            let has_digest = entry.has_digest() || constraints().any(Entry::has_digest);
            let lacks = match (is_pinned, has_digest) {
                (true, true) => continue,
                (false, _) => "is not pinned with ==",
                (_, false) => "has no --hash",
            };
            return Err(entry.at.wrong(Fault::NotExact {
                text: entry.text.clone(),
                lacks,
                reason,
            }));
        }
        Ok(!self.entries.is_empty())
    }
}
