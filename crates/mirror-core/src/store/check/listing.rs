//! What lies below a tree's folder: its names, kinds and permissions, and no content.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::path::{RESERVED, TreePath};
use crate::store::finding::{Finding, Problem, Repaired};
use crate::store::is_absent;

/// The permissions of published files.
pub(super) const FILE: u32 = 0o644;

/// Those of folders.
pub(super) const FOLDER: u32 = 0o755;

/// What a check does about wrong permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modes {
    /// They are told.
    Tell,
    /// They are put right before anything is read: what they kept from being read may be whole.
    Mend,
}

impl Modes {
    /// What is wrong with the permissions of what was found at `path`, which is called `name`.
    pub(super) fn judge(
        self,
        path: &Path,
        found: &Metadata,
        expected: u32,
        name: &str,
    ) -> Option<Finding> {
        let mode = found.permissions().mode() & 0o7777;
        if mode == expected {
            return None;
        }
        let octal = |mode: u32| format!("{mode:04o}");
        let problem = Problem::Mode { expected: octal(expected), found: octal(mode) };
        let mut finding = Finding::new(name, problem);
        if self == Self::Mend {
            let set = fs::set_permissions(path, Permissions::from_mode(expected));
            finding.repaired = Some(match set {
                Ok(()) => Repaired::Done,
                Err(error) => Repaired::Not(error.to_string()),
            });
        }
        Some(finding)
    }
}

/// What lies below a folder; no link is followed.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    modes: Modes,
    /// Folders that files of the tree belong in.
    known: &'a HashSet<&'a str>,
    /// By their paths below it; the folder itself is empty.
    pub(super) folders: BTreeMap<String, Metadata>,
    /// All that is no folder.
    pub(super) files: BTreeMap<String, Metadata>,
    /// What is wrong with folders.
    pub(super) findings: Vec<Finding>,
    /// What is wrong with the permissions of those that the tree lies in, below the root.
    pub(super) above: Vec<Finding>,
    /// Folders of which it cannot be known what is in them.
    closed: HashSet<String>,
}

impl<'a> Listing<'a> {
    /// Lists the tree at `path`, in which files belong in the folders `known`.
    pub(super) fn of(
        root: &Path,
        path: &TreePath,
        known: &'a HashSet<&'a str>,
        modes: Modes,
    ) -> Self {
        let mut listing = Self {
            modes,
            known,
            folders: BTreeMap::new(),
            files: BTreeMap::new(),
            findings: Vec::new(),
            above: Vec::new(),
            closed: HashSet::new(),
        };
        if listing.comes_to(root, path) {
            listing.folder(&path.under(root), "");
        }
        listing
    }

    /// Looks at the folders that the tree lies in, the root not among them: whether it can be
    /// reached through folders alone.
    fn comes_to(&mut self, root: &Path, tree: &TreePath) -> bool {
        let mut folder = root.to_owned();
        let mut names = tree.components().peekable();
        while let Some(name) = names.next() {
            folder.push(name);
            let path = folder.strip_prefix(root).unwrap_or(&folder).to_string_lossy();
            let found = match fs::symlink_metadata(&folder) {
                Ok(found) => found,
                Err(error) if is_absent(&error) => return false,
                Err(error) => {
                    self.close("", &path, &error);
                    return false;
                }
            };
            if let Some(problem) = wrong_kind(&folder, &found, "folder") {
                self.findings.push(Finding::new(path, problem));
                return false;
            }
            // The tree's own folder is looked at as all that are in it.
            if names.peek().is_some() {
                self.above.extend(self.modes.judge(&folder, &found, FOLDER, &path));
            }
        }
        true
    }

    fn folder(&mut self, folder: &Path, path: &str) {
        let found = match fs::symlink_metadata(folder) {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return,
            Err(error) => return self.close(path, path, &error),
        };
        if path.is_empty() || self.known.contains(path) {
            self.findings.extend(self.modes.judge(folder, &found, FOLDER, path));
        }
        self.folders.insert(path.to_owned(), found);
        let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return,
            Err(error) => return self.close(path, path, &error),
        };
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A stage is cleared away by the next sync.
            if path.is_empty() && name.starts_with(RESERVED) {
                continue;
            }
            let below = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            let full = entry.path();
            match entry.metadata() {
                Ok(found) if found.is_dir() => self.folder(&full, &below),
                Ok(found) => drop(self.files.insert(below, found)),
                Err(error) if is_absent(&error) => {}
                // A folder that may be listed and not entered.
                Err(error) => return self.close(path, path, &error),
            }
        }
    }

    /// Notes that what is in the folder `path` cannot be known; `name` is what it is called.
    fn close(&mut self, path: &str, name: &str, error: &io::Error) {
        self.closed.insert(path.to_owned());
        let problem = Problem::Unreadable { reason: error.to_string() };
        self.findings.push(Finding::new(name, problem));
    }

    /// Whether something may be at `path` all the same where the listing has nothing.
    pub(super) fn is_unknown(&self, path: &str) -> bool {
        !self.closed.is_empty()
            && [""].into_iter().chain(folders_of([path])).any(|folder| self.closed.contains(folder))
    }

    /// What is at `path`, which is then no longer in the listing; a folder stays.
    pub(super) fn take(&mut self, path: &str) -> Option<Metadata> {
        self.files.remove(path).or_else(|| self.folders.get(path).cloned())
    }
}

/// The folders that these paths lie in.
pub(super) fn folders_of<'a>(
    paths: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = &'a str> {
    let paths = paths.into_iter();
    paths.flat_map(|path| path.match_indices('/').map(move |(end, _)| &path[..end]))
}

/// The outermost folder of `path` that nothing known lies in, else the path itself.
pub(super) fn outermost(path: &str, known: &HashSet<&str>) -> String {
    let mut ends = folders_of([path]);
    ends.find(|folder| !known.contains(folder)).unwrap_or(path).to_owned()
}

/// Where a link leads that a web server may follow to what lies outside of the root; `None` for one
/// that leads to what is below it or to nothing, and for what is no link.
pub(super) fn leads_out(root: &Path, path: &Path, found: &Metadata) -> Option<String> {
    if !found.is_symlink() {
        return None;
    }
    let is_within = match (fs::canonicalize(path), fs::canonicalize(root)) {
        (Ok(target), Ok(root)) => target.starts_with(root),
        // Who serves may see more than we do; nothing and a circle are the same to all.
        (Err(error), _) => error.kind() != io::ErrorKind::PermissionDenied,
        _ => false,
    };
    let target = || fs::read_link(path).unwrap_or_default().to_string_lossy().into_owned();
    (!is_within).then(target)
}

/// That something else is at `path` than a file or a folder, whichever is expected.
pub(super) fn wrong_kind(path: &Path, found: &Metadata, expected: &'static str) -> Option<Problem> {
    let kind = found.file_type();
    let name = if kind.is_file() {
        "file"
    } else if kind.is_dir() {
        "folder"
    } else if kind.is_symlink() {
        let target = fs::read_link(path).unwrap_or_default();
        return Some(Problem::Link { target: target.to_string_lossy().into_owned() });
    } else {
        "special file"
    };
    (name != expected).then_some(Problem::WrongKind { expected, found: name })
}
