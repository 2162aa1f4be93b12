//! Which files of a folder are packages to be listed.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::{Links, Refused, Selection};
use crate::error::{Error, Result};
use crate::limits;
use crate::path::{RESERVED, RepoPath};
use crate::store;

/// What the name of a package file ends in.
const EXTENSION: &str = ".rpm";

/// Why a link is no package.
pub(super) const LEADS_NOWHERE: &str = "is a link that leads nowhere";

/// A package file.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path below the repository.
    pub(super) href: RepoPath,
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its size in bytes.
    pub(super) size: u64,
    /// When it was changed last, in seconds since 1970.
    pub(super) time: i64,
    /// And in nanoseconds of that second.
    pub(super) nanoseconds: i64,
}

impl Found {
    /// Whether it was changed last before that instant, in seconds and nanoseconds. A time without
    /// nanoseconds is one of a file system or tool that has none: any in its second is meant.
    pub(super) fn is_before(&self, (seconds, nanoseconds): (i64, i64)) -> bool {
        match self.nanoseconds {
            0 => self.time < seconds,
            own => (self.time, own) < (seconds, nanoseconds),
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The packages, in the order in which they are listed.
    pub(super) found: Vec<Found>,
    /// What is called a package and cannot be one.
    pub(super) refused: Vec<Refused>,
    /// How many packages lie outside of the repository, by way of links, and one of them.
    pub(super) outside: (u64, Option<String>),
}

/// Looks for packages in `folders`, which lie below `output`.
///
/// Links to files are followed, and links to folders once all real folders are known, each folder once:
/// so loops end, and a package has the path that needs no link where it has one.
pub(super) fn walk(output: &Path, folders: &[PathBuf], selection: &Selection) -> Result<Walked> {
    let mut walk = Walk { output, selection, walked: Walked::default(), seen: HashSet::new() };
    if let Some(list) = &selection.list {
        // With several folders none of them is the one that is meant.
        let base = if let [folder] = folders { folder } else { output };
        for name in list {
            walk.named(&base.join(name), folders)?;
        }
    } else {
        let mut linked = Vec::new();
        for folder in folders {
            // One that was named has to be there; those below it may go.
            fs::metadata(folder).map_err(Error::io("look at", folder))?;
            walk.folder(folder, Way::Plain, &mut linked)?;
        }
        while !linked.is_empty() {
            linked.sort();
            for folder in std::mem::take(&mut linked) {
                walk.folder(&folder, Way::Linked, &mut linked)?;
            }
        }
    }
    let mut walked = walk.walked;
    walked.found.sort_by(|a, b| order(&a.href).cmp(&order(&b.href)));
    walked.found.dedup_by(|a, b| a.href == b.href);
    Ok(walked)
}

/// As createrepo_c: by the bytes of the name, then of the folder.
fn order(href: &RepoPath) -> (&str, &str) {
    let (folder, name) = href.as_str().rsplit_once('/').unwrap_or(("", href.as_str()));
    (name, folder)
}

/// How a package was come by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Through real folders.
    Plain,
    /// Maybe by a link.
    Linked,
}

struct Walk<'a> {
    output: &'a Path,
    selection: &'a Selection,
    walked: Walked,
    /// Folders that were walked, by device and inode.
    seen: HashSet<(u64, u64)>,
}

impl Walk<'_> {
    /// Walks a folder; links to folders are noted for later.
    fn folder(&mut self, folder: &Path, way: Way, linked: &mut Vec<PathBuf>) -> Result<()> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let Some(found) = there(fs::metadata(&folder), "look at", &folder)? else { continue };
            if !self.seen.insert((found.dev(), found.ino())) {
                continue;
            }
            let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            for entry in there(entries, "list", &folder)?.unwrap_or_default() {
                let path = entry.path();
                let Some(kind) = there(entry.file_type(), "look at", &path)? else { continue };
                if kind.is_dir() {
                    // Ours, and those of a metadata maker at work.
                    let name = entry.file_name();
                    let name = name.as_encoded_bytes();
                    if !name.starts_with(RESERVED.as_bytes()) && name != b".repodata" {
                        folders.push(path);
                    }
                } else if kind.is_symlink() {
                    self.link(path, linked)?;
                } else if is_package(&path)
                    && let Some(found) = there(entry.metadata(), "look at", &path)?
                {
                    self.take(path, way, &found)?;
                }
            }
        }
        Ok(())
    }

    fn link(&mut self, path: PathBuf, linked: &mut Vec<PathBuf>) -> Result<()> {
        if self.selection.links == Links::Skip {
            return Ok(());
        }
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => linked.push(path),
            Ok(found) if is_package(&path) => self.take(path, Way::Linked, &found)?,
            Ok(_) => {}
            Err(error) if store::is_absent(&error) || is_loop(&error) => {
                if is_package(&path) && fs::symlink_metadata(&path).is_ok() {
                    self.refuse(&path, format!("{LEADS_NOWHERE}: {error}"));
                }
            }
            Err(error) => return Err(Error::io("look at", &path)(error)),
        }
        Ok(())
    }

    /// A package that the list names.
    fn named(&mut self, path: &Path, folders: &[PathBuf]) -> Result<()> {
        const LISTED: &str = "is in the list of packages";
        let Some(folder) = folders.iter().find(|folder| path.starts_with(folder)) else {
            self.refuse(path, format!("{LISTED}, and lies outside of the folders"));
            return Ok(());
        };
        if self.selection.links == Links::Skip && is_behind_link(path, folder) {
            self.refuse(path, format!("{LISTED}, and links are passed over"));
            return Ok(());
        }
        match fs::metadata(path) {
            Ok(found) => self.take(path.to_owned(), Way::Linked, &found),
            Err(error) if !store::is_absent(&error) && !is_loop(&error) => {
                Err(Error::io("look at", path)(error))
            }
            Err(error) => {
                self.refuse(path, format!("{LISTED}, and cannot be found: {error}"));
                Ok(())
            }
        }
    }

    fn take(&mut self, path: PathBuf, way: Way, found: &Metadata) -> Result<()> {
        let href = path.strip_prefix(self.output).unwrap_or(&path);
        let Some(href) = href.to_str() else {
            self.refuse(
                &path,
                "has a name that is no UTF-8, which metadata cannot hold".to_owned(),
            );
            return Ok(());
        };
        if !self.selection.takes(href) {
            return Ok(());
        }
        if !found.is_file() {
            self.refuse(&path, "is no file".to_owned());
            return Ok(());
        }
        let href = match RepoPath::new(href) {
            Ok(href) => href,
            Err(error) => {
                self.refuse(&path, format!("cannot be listed: its path {}", error.reason));
                return Ok(());
            }
        };
        if found.len() > limits::PAYLOAD_SIZE {
            self.refuse(
                &path,
                format!("has {} bytes, over the bound of {}", found.len(), limits::PAYLOAD_SIZE),
            );
            return Ok(());
        }
        if self.walked.found.len() == limits::PACKAGES {
            let what =
                format!("holds over {} packages, the bound of a repository", limits::PACKAGES);
            return Err(Error::metadata(&self.output.display().to_string(), what));
        }
        if way == Way::Linked {
            self.note_outside(&path, &href);
        }
        let (size, time, nanoseconds) = (found.len(), found.mtime(), found.mtime_nsec());
        self.walked.found.push(Found { href, path, size, time, nanoseconds });
        Ok(())
    }

    /// Takes note of what a web server may not serve, as it lies elsewhere.
    fn note_outside(&mut self, path: &Path, href: &RepoPath) {
        if fs::canonicalize(path).is_ok_and(|real| !real.starts_with(self.output)) {
            self.walked.outside.0 += 1;
            self.walked.outside.1.get_or_insert_with(|| href.to_string());
        }
    }

    fn refuse(&mut self, path: &Path, reason: String) {
        let path = path.strip_prefix(self.output).unwrap_or(path);
        let path = path.to_string_lossy().into_owned();
        if self.selection.takes(&path) {
            self.walked.refused.push(Refused { path, reason });
        }
    }
}

/// What was found of a file or folder; `None` where it went since its name was read. Any other fault is
/// the host's, and says nothing of what is there.
fn there<T>(found: io::Result<T>, action: &'static str, path: &Path) -> Result<Option<T>> {
    match found {
        Err(error) if store::is_absent(&error) => Ok(None),
        found => found.map(Some).map_err(Error::io(action, path)),
    }
}

/// Whether a link lies on the way from `folder` to `path`.
fn is_behind_link(path: &Path, folder: &Path) -> bool {
    path.ancestors().take_while(|part| *part != folder).any(Path::is_symlink)
}

/// Whether links lead to one another.
fn is_loop(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

fn is_package(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(EXTENSION.as_bytes()))
}

impl Selection {
    /// Whether a package at that path is wanted.
    fn takes(&self, href: &str) -> bool {
        let name = href.rsplit('/').next().unwrap_or(href);
        let fits = |globs: &[crate::pattern::Glob]| {
            globs.iter().any(|glob| glob.matches(href) || glob.matches(name))
        };
        (self.include.is_empty() || fits(&self.include)) && !fits(&self.exclude)
    }
}
