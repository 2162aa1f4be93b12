//! Pruning by hand: what nothing names any more, told first and then dropped.
//!
//! A tree goes only when it is named: that the configuration no longer lists it may be a slip.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::files::remove_any;
use super::publish::remove_files;
use super::tree::TreeFolders;
use super::{Retention, Store, list, stage_path};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::manifest::StoredEntry;
use crate::path::TreePath;

/// Files and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, found: &Metadata) {
        self.files += 1;
        self.bytes += found.size();
    }
}

/// What can be dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Pruning {
    /// The trees that were named, with what was published of them.
    pub trees: Vec<(String, Amount)>,
    /// Generations that are no longer kept: the tree, and their numbers.
    pub generations: Vec<(String, Vec<u64>)>,
    /// Content that nothing else names.
    pub blobs: Amount,
    /// Downloads that were interrupted longer ago than the grace.
    pub parts: Amount,
    /// What interrupted publications left, below the root.
    pub stages: Vec<String>,
    /// Content that no generation names, and that a sync fetched which is not finished: it stays.
    pub waiting: Amount,
    /// Why no content is dropped: a manifest that cannot be read may name any.
    pub unknown: Option<String>,
    /// Bytes that are free afterwards; what has another name somewhere frees nothing.
    pub freed: u64,
    #[serde(skip)]
    remove: Vec<TreePath>,
    #[serde(skip)]
    attempts: Vec<TreePath>,
    /// Files that only generations past their grace left in the trees.
    #[serde(skip)]
    retired: Vec<(TreePath, Vec<StoredEntry>)>,
    #[serde(skip)]
    past: Vec<PathBuf>,
    #[serde(skip)]
    content: Vec<PathBuf>,
    #[serde(skip)]
    old_parts: Vec<PathBuf>,
}

impl Pruning {
    /// Whether there is nothing to drop.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
            && self.generations.is_empty()
            && self.blobs.files == 0
            && self.parts.files == 0
            && self.stages.is_empty()
    }
}

/// Counts what becomes free: an inode does when its last name goes.
#[derive(Default)]
struct Names(HashMap<(u64, u64), (u64, u64, u64)>);

impl Names {
    fn goes(&mut self, found: &Metadata) {
        let names = (0, found.nlink(), found.size());
        self.0.entry((found.dev(), found.ino())).or_insert(names).0 += 1;
    }

    fn freed(&self) -> u64 {
        let freed = self.0.values().filter(|(gone, names, _)| gone >= names);
        freed.map(|(_, _, size)| size).sum()
    }
}

impl Store {
    /// What can be dropped, with the trees `remove` and all that only they name.
    pub fn pruning(&self, remove: &[TreePath], retention: &Retention) -> Result<Pruning> {
        let mut pruning = Pruning { remove: remove.to_vec(), ..Pruning::default() };
        let mut names = Names::default();
        let mut wanted: HashSet<Sha256> = HashSet::new();
        let published = self.trees()?;
        let runs = self.view().last_runs();
        for tree in remove.iter().filter(|tree| !published.contains(tree)) {
            // All that there is of it is that runs failed.
            if runs.contains_key(tree.as_str()) {
                pruning.trees.push((tree.to_string(), Amount::default()));
            }
        }
        for tree in published {
            if remove.contains(&tree) {
                let amount = self.count_tree(&tree, &mut names)?;
                pruning.trees.push((tree.to_string(), amount));
                continue;
            }
            let past = self.past_generations(&tree, retention)?;
            let (mut dropped, mut kept_paths) = (Vec::new(), HashSet::new());
            let mut is_known = true;
            for id in self.generations(&tree)? {
                let path = self.generations_of(&tree).join(id.to_string());
                if past.contains(&path) {
                    dropped.push(id);
                    continue;
                }
                match self.generation(&tree, id) {
                    Ok(kept) => {
                        wanted.extend(kept.manifest.entries.iter().map(|e| e.sha256));
                        kept_paths.extend(kept.manifest.entries.into_iter().map(|e| e.path));
                    }
                    Err(error) if error.is_of_one_file() => {
                        pruning.unknown = Some(error.to_string());
                        is_known = false;
                    }
                    Err(error) => return Err(error),
                }
            }
            let mut retired = Vec::new();
            let gone = if is_known { &dropped[..] } else { &[] };
            for generation in self.kept(&tree, gone)?.generations {
                let entries = generation.manifest.entries.into_iter();
                retired.extend(entries.filter(|entry| !kept_paths.contains(&entry.path)));
            }
            retired.sort_by(|a, b| a.path.cmp(&b.path));
            retired.dedup_by(|a, b| a.path == b.path);
            for entry in &retired {
                if let Ok(found) = fs::symlink_metadata(entry.path.under(&tree.under(&self.root))) {
                    names.goes(&found);
                }
            }
            pruning.retired.push((tree.clone(), retired));
            if !dropped.is_empty() {
                pruning.generations.push((tree.to_string(), dropped));
            }
            pruning.past.extend(past);
        }
        let mut attempted = HashSet::new();
        for tree in self.attempted()? {
            if !remove.contains(&tree) {
                attempted.extend(self.attempted_content(&tree)?);
            }
            let path = stage_path().under(&tree.under(&self.root));
            let path = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy();
            pruning.stages.push(path.into_owned());
            pruning.attempts.push(tree);
        }
        self.find_parts(&mut pruning, retention.grace, &mut names)?;
        if pruning.unknown.is_none() {
            let is_unfinished = runs.values().any(|run| {
                run.is_unfinished() && !remove.iter().any(|tree| tree.as_str() == run.tree)
            });
            // Fetched and never published, or published as far as its links.
            let is_waited_for = |sha256: Option<Sha256>, found: &Metadata| {
                is_unfinished
                    && (found.nlink() == 1 || sha256.is_some_and(|name| attempted.contains(&name)))
                    && !is_changed_before(found, retention.grace)
            };
            self.find_blobs(&mut pruning, &wanted, is_waited_for, &mut names)?;
        }
        pruning.freed = names.freed();
        Ok(pruning)
    }

    /// Drops what was found. Whoever is interrupted does the rest the next time.
    ///
    /// Returns the folders of trees that hold something else, and stay.
    pub fn prune(&self, pruning: &Pruning) -> Result<Vec<String>> {
        for tree in &pruning.attempts {
            let kept = self.kept(tree, &self.generations(tree)?)?;
            self.clear_attempts(tree, &kept, None)?;
        }
        let mut left = Vec::new();
        let published = self.trees()?;
        for tree in pruning.remove.iter().filter(|tree| published.contains(tree)) {
            if !self.remove_tree(tree)? {
                left.push(tree.to_string());
            }
        }
        for (tree, entries) in &pruning.retired {
            remove_files(self, &mut TreeFolders::new(&self.root, tree), entries.iter())?;
        }
        for path in &pruning.content {
            let Ok(found) = fs::symlink_metadata(path) else { continue };
            remove_any(path)?;
            self.state().forget(&found);
        }
        // After what only they name, so that who was interrupted finds it again.
        for path in pruning.past.iter().chain(&pruning.old_parts) {
            remove_any(path)?;
        }
        remove_empty_below(&self.folder.join("generations"))?;
        self.forget_runs(&pruning.remove)?;
        self.sync(std::iter::empty())?;
        Ok(left)
    }

    fn count_tree(&self, tree: &TreePath, names: &mut Names) -> Result<Amount> {
        let mut amount = Amount::default();
        let mut seen = HashSet::new();
        let base = tree.under(&self.root);
        for generation in self.kept(tree, &self.generations(tree)?)?.generations {
            for entry in generation.manifest.entries {
                if !seen.insert(entry.path.clone()) {
                    continue;
                }
                if let Ok(found) = fs::symlink_metadata(entry.path.under(&base))
                    && found.is_file()
                {
                    amount.add(&found);
                    names.goes(&found);
                }
            }
        }
        Ok(amount)
    }

    /// The trees that a publication was begun for, published before or not.
    fn attempted(&self) -> Result<Vec<TreePath>> {
        let mut trees = self.trees()?;
        trees.retain(|tree| {
            fs::symlink_metadata(stage_path().under(&tree.under(&self.root))).is_ok()
        });
        let top = self.folder.join("generations");
        let mut folders = vec![top.clone()];
        while let Some(folder) = folders.pop() {
            for entry in list(&folder)? {
                let path = entry.path();
                if entry_is_folder(&entry) {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "new") {
                    let tree = folder.strip_prefix(&top).unwrap_or(&folder).to_string_lossy();
                    let tree = if tree.is_empty() { ".".into() } else { tree };
                    trees.extend(TreePath::new(&tree));
                }
            }
        }
        trees.sort();
        trees.dedup();
        Ok(trees)
    }

    fn find_parts(&self, pruning: &mut Pruning, grace: Duration, names: &mut Names) -> Result<()> {
        for part in list(&self.parts())? {
            let path = part.path();
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            if found.is_file() && is_older(&found, grace) {
                pruning.parts.add(&found);
                names.goes(&found);
                pruning.old_parts.push(path);
            }
        }
        Ok(())
    }

    fn find_blobs(
        &self,
        pruning: &mut Pruning,
        wanted: &HashSet<Sha256>,
        is_waited_for: impl Fn(Option<Sha256>, &Metadata) -> bool,
        names: &mut Names,
    ) -> Result<()> {
        for shelf in list(&self.folder.join("blobs/sha256"))? {
            // What lies behind a link is not ours to drop.
            if !entry_is_folder(&shelf) {
                continue;
            }
            for blob in list(&shelf.path())? {
                let path = blob.path();
                let name = blob.file_name();
                let sha256 = name.to_str().and_then(Sha256::from_hex);
                if sha256.is_some_and(|sha256| wanted.contains(&sha256)) {
                    continue;
                }
                let found = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
                if is_waited_for(sha256, &found) {
                    pruning.waiting.add(&found);
                    continue;
                }
                pruning.blobs.add(&found);
                names.goes(&found);
                pruning.content.push(path);
            }
        }
        Ok(())
    }

    /// Removes a tree, what clients ask for first, and its generations last. False where its folder
    /// holds something else and stays.
    fn remove_tree(&self, tree: &TreePath) -> Result<bool> {
        let kept = self.kept(tree, &self.generations(tree)?)?.generations;
        let mut folders = TreeFolders::new(&self.root, tree);
        let mut entries: Vec<_> =
            kept.iter().flat_map(|generation| &generation.manifest.entries).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.role));
        remove_files(self, &mut folders, entries.into_iter())?;
        remove_any(&stage_path().under(folders.base()))?;
        let base = tree.under(&self.root);
        let is_gone = remove_empty(&base, &self.root);
        remove_any(&self.generations_of(tree))?;
        Ok(is_gone || base == self.root)
    }
}

/// Removes a folder and those that it lies in as far as they are empty, up to `top`; false where the
/// first is not.
fn remove_empty(folder: &Path, top: &Path) -> bool {
    for (number, folder) in folder.ancestors().take_while(|at| *at != top).enumerate() {
        match fs::remove_dir(folder) {
            Ok(()) => {}
            // Someone was interrupted between it and the one that it lay in.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return number > 0,
        }
    }
    true
}

/// Removes the folders below `folder` that hold no file, however deep.
fn remove_empty_below(folder: &Path) -> Result<()> {
    for entry in list(folder)? {
        if entry_is_folder(&entry) {
            remove_empty_below(&entry.path())?;
            // One that holds something stays.
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

fn entry_is_folder(entry: &fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}

fn is_older(found: &Metadata, age: Duration) -> bool {
    let modified = found.modified().ok();
    modified.and_then(|time| time.elapsed().ok()).is_some_and(|elapsed| elapsed >= age)
}

fn is_changed_before(found: &Metadata, age: Duration) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let changed = u64::try_from(found.ctime()).unwrap_or(0);
    now.as_secs().saturating_sub(changed) >= age.as_secs()
}
