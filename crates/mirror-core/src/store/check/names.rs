//! The names below the root, held against what the kept manifests name.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::listing::{FILE, FOLDER, Listing, Modes, folders_of, leads_out, outermost, wrong_kind};
use super::{Checking, Item, Owner, Tree, blob_finding, blob_name};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::manifest::StoredEntry;
use crate::path::TreePath;
use crate::store::finding::{Finding, Problem, Repaired, TreeCheck};
use crate::store::list;

/// What the kept generations of a tree name.
struct Known {
    /// The files of the published one.
    entries: Vec<StoredEntry>,
    /// Those of the others, and what they may hold.
    past: HashMap<String, Vec<Sha256>>,
    /// Whether every manifest could be read: else nothing can be said to be foreign.
    is_whole: bool,
}

impl Checking<'_> {
    /// Holds the names of a tree against its manifests, and notes what is to be read.
    pub(super) fn list_tree(&mut self, path: &TreePath) -> Result<()> {
        let number = self.trees.len();
        let current = match self.view.current(path) {
            Err(error) => {
                self.damaged(error)?;
                None
            }
            Ok(current) => current,
        };
        let mut report = TreeCheck {
            tree: path.to_string(),
            generation: current.as_ref().map(|current| current.id),
            files: 0,
            bytes: 0,
            findings: Vec::new(),
        };
        let Known { entries, past, is_whole } = self.known(path, &mut report)?;
        let known: HashSet<&str> = folders_of(entries.iter().map(|entry| entry.path.as_str()))
            .chain(folders_of(past.keys().map(String::as_str)))
            .collect();
        let mut listing = Listing::of(self.view.root(), path, &known, self.modes);
        report.findings.append(&mut listing.findings);
        // Several trees may lie in a folder.
        listing.above.retain(|finding| self.above.insert(finding.path.clone()));
        report.findings.append(&mut listing.above);
        let base = path.under(self.view.root());
        for (at, entry) in entries.iter().enumerate() {
            let Some(found) = listing.take(entry.path.as_str()) else {
                if !listing.is_unknown(entry.path.as_str()) {
                    report.findings.push(Finding::of(entry, Problem::Missing));
                }
                continue;
            };
            let full = entry.path.under(&base);
            if let Some(problem) = wrong_kind(&full, &found, "file") {
                report.findings.push(Finding::of(entry, problem));
                continue;
            }
            report.findings.extend(self.modes.judge(&full, &found, FILE, entry.path.as_str()));
            self.want(full, &found, Owner::Entry { tree: number, entry: at });
        }
        let mut foreign: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        if is_whole {
            let folders = listing.folders.keys();
            let folders = folders.filter(|name| !name.is_empty() && !known.contains(name.as_str()));
            for name in folders {
                foreign.entry(outermost(name, &known)).or_default();
            }
        }
        for (name, found) in std::mem::take(&mut listing.files) {
            let full = base.join(&name);
            if let Some(allowed) = past.get(&name) {
                if let Some(problem) = wrong_kind(&full, &found, "file") {
                    report.findings.push(self.of_the_past(name, allowed, problem));
                } else {
                    report.findings.extend(self.modes.judge(&full, &found, FILE, &name));
                    let allowed = allowed.clone();
                    self.want(full, &found, Owner::Past { tree: number, path: name, allowed });
                }
            } else if known.contains(name.as_str()) {
                if let Some(problem) = wrong_kind(&full, &found, "folder") {
                    report.findings.push(Finding::new(name, problem));
                }
            } else if let Some(target) = leads_out(self.view.root(), &full, &found) {
                report.findings.push(Finding::new(name, Problem::Outward { target }));
            } else if is_whole {
                let sum = foreign.entry(outermost(&name, &known)).or_default();
                sum.0 += 1;
                sum.1 += found.len();
            }
        }
        for (name, (files, bytes)) in foreign {
            // A folder where a file should be is found already.
            if entries.binary_search_by(|entry| entry.path.as_str().cmp(&name)).is_ok() {
                continue;
            }
            let is_folder = listing.folders.contains_key(&name);
            let name = if is_folder { format!("{name}/") } else { name };
            report.findings.push(Finding::new(name, Problem::Foreign { files, bytes }));
        }
        self.trees.push(Tree { entries, report });
        Ok(())
    }

    /// What the kept generations of a tree name.
    fn known(&mut self, path: &TreePath, report: &mut TreeCheck) -> Result<Known> {
        let current = report.generation;
        let mut entries = Vec::new();
        let mut past: HashMap<String, Vec<Sha256>> = HashMap::new();
        let mut is_whole = true;
        let mut ids = self.view.generations(path)?;
        // One that is gone is told of too.
        ids.extend(current.filter(|current| !ids.contains(current)));
        for id in ids {
            let is_current = current == Some(id);
            let generation = match self.view.generation(path, id) {
                Ok(generation) => generation,
                Err(error) => {
                    self.damaged(error)?;
                    is_whole = false;
                    if is_current {
                        report.generation = None;
                    }
                    continue;
                }
            };
            for entry in &generation.manifest.entries {
                let who = || (format!("generation {id} of {path}"), entry.clone());
                self.named.entry(entry.sha256).or_insert_with(who);
            }
            if is_current {
                report.files = generation.manifest.entries.len() as u64;
                report.bytes = generation.manifest.size();
                entries = generation.manifest.entries;
            } else {
                for entry in generation.manifest.entries {
                    past.entry(entry.path.to_string()).or_default().push(entry.sha256);
                }
            }
        }
        Ok(Known { entries, past, is_whole })
    }

    /// Notes a file of the state that is not what was written, or cannot be read.
    pub(super) fn damaged(&mut self, error: Error) -> Result<()> {
        let (file, reason) = match error {
            Error::Damaged { path, reason } => (path, reason),
            Error::Io { action, path, source } => (path, format!("cannot {action}: {source}")),
            error => return Err(error),
        };
        let file = file.strip_prefix(self.view.root()).unwrap_or(&file).to_string_lossy();
        self.state.push(Finding::new(file, Problem::Damaged { reason }));
        Ok(())
    }

    /// Notes the blobs that are to be read, and those that are not there.
    pub(super) fn list_blobs(&mut self, all: bool) -> Result<()> {
        let folder = self.view.folder().join("blobs/sha256");
        let (mut there, mut closed) = (HashSet::new(), HashSet::new());
        for shelf in list(&folder)? {
            let Some(blobs) = self.list_shelf(&shelf.path())? else {
                closed.insert(shelf.file_name());
                continue;
            };
            for blob in blobs {
                let name = blob.file_name();
                let Some(sha256) = name.to_str().and_then(Sha256::from_hex) else { continue };
                if !all && !self.named.contains_key(&sha256) {
                    continue;
                }
                let path = blob.path();
                let found = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
                there.insert(sha256);
                if let Some(problem) = wrong_kind(&path, &found, "file") {
                    let wanted = self.named.get(&sha256);
                    self.state.push(blob_finding(&sha256, problem, wanted));
                    continue;
                }
                // Where it is a tree's file too, that was told.
                if !self.by_inode.contains_key(&(found.dev(), found.ino())) {
                    let name = blob_name(&sha256, self.named.get(&sha256));
                    self.state.extend(self.modes.judge(&path, &found, FILE, &name));
                }
                self.want(path, &found, Owner::Blob(sha256));
            }
        }
        let is_closed = |sha256: &Sha256| closed.iter().any(|shelf| *shelf == sha256.hex()[..2]);
        let mut missing: Vec<_> = self
            .named
            .iter()
            .filter(|(sha256, _)| !there.contains(*sha256) && !is_closed(sha256))
            .collect();
        missing.sort_by(|(_, (_, a)), (_, (_, b))| a.path.cmp(&b.path));
        let missing = missing
            .into_iter()
            .map(|(sha256, wanted)| blob_finding(sha256, Problem::Missing, Some(wanted)));
        self.state.extend(missing);
        Ok(())
    }

    /// The blobs in a folder; `None` where that cannot be listed.
    fn list_shelf(&mut self, path: &Path) -> Result<Option<Vec<fs::DirEntry>>> {
        let source = match list(path) {
            Err(Error::Io { source, .. }) => source,
            listed => return listed.map(Some),
        };
        let name = path.strip_prefix(self.view.root()).unwrap_or(path).to_string_lossy();
        let problem = Problem::Unreadable { reason: source.to_string() };
        let mut finding = Finding::new(name, problem);
        let mut listed = None;
        if self.modes == Modes::Mend {
            let set = fs::set_permissions(path, fs::Permissions::from_mode(FOLDER));
            listed = list(path).ok();
            finding.repaired = Some(match (&listed, set) {
                (Some(_), _) => Repaired::Done,
                (None, Err(error)) => Repaired::Not(error.to_string()),
                (None, Ok(())) => Repaired::Not(source.to_string()),
            });
        }
        self.state.push(finding);
        Ok(listed)
    }

    fn want(&mut self, path: PathBuf, found: &Metadata, owner: Owner) {
        let next = self.items.len();
        let at = *self.by_inode.entry((found.dev(), found.ino())).or_insert(next);
        if at == next {
            self.items.push(Item { path, size: found.len(), owners: vec![owner] });
        } else {
            self.items[at].owners.push(owner);
        }
    }
}
