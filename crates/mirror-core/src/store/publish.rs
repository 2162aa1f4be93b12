//! Publication: a group of trees becomes what its manifests say, together.
//!
//! 1. What has a new name is added: payload into the tree, the folder that is switched as a whole
//!    into a hidden stage beside it, together with the metadata of generations in grace.
//! 2. Each file system is synced once.
//! 3. The replacements of all trees are written to the journal.
//! 4. They are done back to back, and the journal goes.
//! 5. What no generation in grace names is retired; what no kept generation names is dropped.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::files::{self, Placed, make_folder, place, remove_any, sync_file_system};
use super::generation::{self, Generation};
use super::journal::{self, Op};
use super::tree::TreeFolders;
use super::{Store, is_absent, make_blob_folder, stage_path};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::manifest::{Role, StoredEntry, StoredManifest};
use crate::path::{RepoPath, TreePath};

/// A tree that is to hold a manifest.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The tree.
    pub tree: TreePath,
    /// What it is to hold; each file's content is in the store.
    pub manifest: StoredManifest,
    /// For each entry, whether it is in the tree already.
    pub in_place: Vec<bool>,
}

/// A tree that holds its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its generation.
    pub generation: u64,
    /// Whether that is a new one; a tree that was only repaired keeps its own.
    pub is_new: bool,
}

/// How long the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Generations of a tree whose manifest and content are kept, the published one among them.
    pub generations: usize,
    /// How long what a publication replaced is still served, beside the one before it.
    pub grace: Duration,
    /// Whether content that no kept generation names is dropped.
    pub prune: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Self { generations: 3, grace: Duration::from_secs(24 * 3600), prune: true }
    }
}

impl Store {
    /// Publishes a group of trees together; see the module's steps.
    pub fn publish(&self, group: &[Publication], retention: &Retention) -> Result<Vec<Published>> {
        let now = Timestamp::now();
        let mut ops = Vec::new();
        let mut works = Vec::new();
        for publication in group {
            let mut work = Work::new(self, publication, retention, now)?;
            work.add_new_names()?;
            work.stage_switched()?;
            ops.append(&mut work.ops);
            works.push(work);
        }
        for work in &works {
            ops.extend(work.write_generation(now)?);
        }
        self.sync(&works)?;
        journal::write(&self.folder, &ops)?;
        journal::finish(&self.root, &self.folder)?;
        for work in &mut works {
            work.retire()?;
        }
        let dropped: Vec<_> = works.iter_mut().flat_map(Work::drop_generations).collect();
        if retention.prune {
            self.drop_unnamed(&dropped)?;
        }
        self.note_links(&works)?;
        Ok(works.iter().map(|work| work.published).collect())
    }

    /// Once per file system, not once per file.
    fn sync(&self, works: &[Work<'_>]) -> Result<()> {
        let mut devices = HashSet::new();
        let folders = works.iter().map(|work| work.folders.base());
        for folder in [self.folder.as_path()].into_iter().chain(folders) {
            let found = fs::metadata(folder).map_err(Error::io("look at", folder))?;
            if devices.insert(found.dev()) {
                sync_file_system(folder)?;
            }
        }
        self.state().synced()
    }

    /// Links made and removed changed the ctime of inodes that we know.
    fn note_links(&self, works: &[Work<'_>]) -> Result<()> {
        let mut state = self.state();
        let touched: HashSet<&Sha256> = works.iter().flat_map(|work| &work.touched).collect();
        for sha256 in touched {
            let Ok(found) = fs::symlink_metadata(self.blob_path(sha256)) else {
                continue;
            };
            if state.content_but_for_links(&found) == Some(*sha256) {
                state.record(&found, *sha256)?;
            }
        }
        for (path, sha256) in works.iter().flat_map(|work| &work.copied) {
            if let Ok(found) = fs::symlink_metadata(path) {
                state.record(&found, *sha256)?;
            }
        }
        state.compact()
    }

    /// Drops content that only dropped generations named.
    fn drop_unnamed(&self, dropped: &[Generation]) -> Result<()> {
        let mut unnamed: BTreeSet<Sha256> = dropped
            .iter()
            .flat_map(|generation| &generation.manifest.entries)
            .map(|entry| entry.sha256)
            .collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        for tree in self.trees()? {
            for id in self.generations(&tree)? {
                for entry in self.generation(&tree, id)?.manifest.entries {
                    unnamed.remove(&entry.sha256);
                }
            }
        }
        unnamed.iter().try_for_each(|sha256| remove_any(&self.blob_path(sha256)))
    }
}

/// A tree on its way to a new generation.
struct Work<'a> {
    store: &'a Store,
    publication: &'a Publication,
    folders: TreeFolders,
    stage: PathBuf,
    ops: Vec<Op>,
    published: Published,
    /// Kept generations that are not in grace any more: what only they name leaves the tree.
    past: Vec<Generation>,
    /// Earlier generations that clients may still be reading.
    in_grace: Vec<Generation>,
    /// How many of the past ones stay kept.
    keep: usize,
    /// Content of which links were made or removed.
    touched: HashSet<Sha256>,
    /// Files of the tree that are copies of blobs.
    copied: Vec<(PathBuf, Sha256)>,
}

impl<'a> Work<'a> {
    fn new(
        store: &'a Store,
        publication: &'a Publication,
        retention: &Retention,
        now: Timestamp,
    ) -> Result<Self> {
        let tree = &publication.tree;
        let mut folders = TreeFolders::new(&store.root, tree);
        folders.make_base()?;
        let stage = stage_path().under(folders.base());
        remove_any(&stage)?;
        let ids = store.generations(tree)?;
        let mut kept = Vec::new();
        for id in &ids {
            match store.generation(tree, *id) {
                Ok(generation) => kept.push(generation),
                // What a damaged manifest named cannot be known: it stays where it is.
                Err(Error::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let newest = ids.last().copied().unwrap_or(0);
        let same = kept
            .last()
            .is_some_and(|last| last.id == newest && last.manifest == publication.manifest);
        let published = Published { generation: newest + u64::from(!same), is_new: !same };
        // A generation was superseded when the next one was published.
        let mut superseded = now;
        if same {
            let published = kept.pop().map(|last| last.published);
            superseded = published.and_then(|time| time.parse().ok()).unwrap_or(now);
        }
        let mut in_grace = Vec::new();
        let mut past = Vec::new();
        for generation in kept.into_iter().rev() {
            let age = now.duration_since(superseded);
            superseded = generation.published.parse().unwrap_or(now);
            let young =
                age.as_secs() < i64::try_from(retention.grace.as_secs()).unwrap_or(i64::MAX);
            if in_grace.is_empty() || (past.is_empty() && young) {
                in_grace.push(generation);
            } else {
                past.push(generation);
            }
        }
        let keep = retention.generations.max(1).saturating_sub(1 + in_grace.len());
        Ok(Self {
            store,
            publication,
            folders,
            stage,
            ops: Vec::new(),
            published,
            past,
            in_grace,
            keep,
            touched: HashSet::new(),
            copied: Vec::new(),
        })
    }

    fn entries(&self) -> &'a [StoredEntry] {
        &self.publication.manifest.entries
    }

    fn is_switched(&self, path: &RepoPath) -> bool {
        self.publication.manifest.switched.as_ref().is_some_and(|folder| path.is_within(folder))
    }

    /// Adds the files whose name is new, and stages those that replace one.
    fn add_new_names(&mut self) -> Result<()> {
        let mut replaced = Vec::new();
        for (entry, in_place) in self.entries().iter().zip(&self.publication.in_place) {
            if self.is_switched(&entry.path) {
                continue;
            }
            if *in_place {
                self.adopt(entry)?;
                continue;
            }
            self.folders.make(&entry.path)?;
            let to = entry.path.under(self.folders.base());
            // Pages and the like are seen at once, so they wait for what they lead to.
            if entry.role == Role::EntryPoint || fs::symlink_metadata(&to).is_ok() {
                replaced.push(entry);
            } else {
                self.place(&to, &to, entry)?;
            }
        }
        replaced.sort_by_key(|entry| entry.role);
        for (number, entry) in replaced.into_iter().enumerate() {
            let staged = self.stage()?.join(number.to_string());
            let to = entry.path.under(self.folders.base());
            self.place(&staged, &to, entry)?;
            let old = self.in_grace.first().and_then(|last| last.manifest.get(entry.path.as_str()));
            self.touched.extend(old.map(|old| old.sha256));
            let op = Op::Replace { from: self.below_root(&staged), to: self.below_root(&to) };
            self.ops.push(op);
        }
        Ok(())
    }

    /// A file that was there before us becomes the store's blob as well.
    fn adopt(&mut self, entry: &StoredEntry) -> Result<()> {
        let known = self.in_grace.first().and_then(|last| last.manifest.get(entry.path.as_str()));
        if known.is_some_and(|known| known.sha256 == entry.sha256) {
            return Ok(());
        }
        let blob = self.store.blob_path(&entry.sha256);
        if fs::symlink_metadata(&blob).is_ok() {
            return Ok(());
        }
        let from = entry.path.under(self.folders.base());
        make_blob_folder(&blob)?;
        if place(&from, &blob, &self.stage()?, &entry.sha256)? == Placed::Copied {
            self.copied.push((blob.clone(), entry.sha256));
        }
        fs::set_permissions(&blob, fs::Permissions::from_mode(0o644))
            .map_err(Error::io("set the mode of", &blob))?;
        self.touched.insert(entry.sha256);
        Ok(())
    }

    /// Builds the folder that is switched as a whole, where anything in it changes.
    fn stage_switched(&mut self) -> Result<()> {
        let Some(folder) = &self.publication.manifest.switched else {
            return Ok(());
        };
        let entries = self.entries();
        let complete = entries
            .iter()
            .zip(&self.publication.in_place)
            .all(|(entry, in_place)| *in_place || !entry.path.is_within(folder));
        if complete && !self.published.is_new {
            return Ok(());
        }
        let stage = self.stage()?;
        let staged = stage.join("switched");
        make_folder(&staged)?;
        // Files of earlier generations first: where both name a path, the new one counts.
        let mut wanted: HashMap<&RepoPath, &StoredEntry> = HashMap::new();
        let in_grace = std::mem::take(&mut self.in_grace);
        for entry in in_grace.iter().flat_map(|generation| &generation.manifest.entries) {
            if entry.path.is_within(folder) && entry.role == Role::Metadata {
                if self.store.holds(&entry.sha256)? {
                    wanted.insert(&entry.path, entry);
                }
                self.touched.insert(entry.sha256);
            } else if entry.path.is_within(folder) {
                self.touched.insert(entry.sha256);
            }
        }
        wanted.extend(
            entries.iter().filter(|e| e.path.is_within(folder)).map(|entry| (&entry.path, entry)),
        );
        let to = folder.under(self.folders.base());
        let mut entry_points = Vec::new();
        for entry in wanted.into_values() {
            let name = &entry.path.as_str()[folder.as_str().len() + 1..];
            let at = staged.join(name);
            make_parents(&staged, name)?;
            self.place(&at, &to.join(name), entry)?;
            if entry.role == Role::EntryPoint {
                entry_points.push((name.to_owned(), entry.sha256));
            }
        }
        self.in_grace = in_grace;
        self.folders.make(folder)?;
        let inode = fs::metadata(&staged).map_err(Error::io("look at", &staged))?.ino();
        let (from, to) = (self.below_root(&staged), self.below_root(&to));
        self.ops.push(Op::Switch { from, to, inode, entry_points });
        Ok(())
    }

    fn stage(&self) -> Result<PathBuf> {
        make_folder(&self.stage)?;
        Ok(self.stage.clone())
    }

    /// Puts an entry's content at `at`, whence it will end up at `finally`.
    fn place(&mut self, at: &Path, finally: &Path, entry: &StoredEntry) -> Result<()> {
        let blob = self.store.blob_path(&entry.sha256);
        match files::place(&blob, at, &self.stage, &entry.sha256) {
            Ok(Placed::Linked) => {
                self.touched.insert(entry.sha256);
            }
            Ok(Placed::Copied) => self.copied.push((finally.to_owned(), entry.sha256)),
            // Only a copy goes through the stage, which may not be there yet.
            Err(Error::Io { source, .. }) if is_absent(&source) && !self.stage.exists() => {
                self.stage()?;
                return self.place(at, finally, entry);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn below_root(&self, path: &Path) -> String {
        path.strip_prefix(&self.store.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Writes the new generation beside its name, for the journal to put there.
    fn write_generation(&self, now: Timestamp) -> Result<Option<Op>> {
        if !self.published.is_new {
            return Ok(None);
        }
        let folder = self.generations();
        fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;
        let name = self.published.generation.to_string();
        let new = folder.join(format!("{name}.new"));
        let time = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        fs::write(&new, generation::write(&self.publication.manifest, &time))
            .map_err(Error::io("write", &new))?;
        let (from, to) = (self.below_root(&new), self.below_root(&folder.join(name)));
        Ok(Some(Op::Generation { from, to }))
    }

    fn generations(&self) -> PathBuf {
        self.publication.tree.under(&self.store.folder.join("generations"))
    }

    /// Removes what only generations past their grace name, and the stage.
    fn retire(&mut self) -> Result<()> {
        remove_any(&self.stage)?;
        let keep: HashSet<&str> = self
            .in_grace
            .iter()
            .flat_map(|generation| &generation.manifest.entries)
            .chain(self.entries())
            .map(|entry| entry.path.as_str())
            .collect();
        let mut folders = BTreeSet::new();
        let mut touched = Vec::new();
        for entry in self.past.iter().flat_map(|generation| &generation.manifest.entries) {
            if keep.contains(entry.path.as_str()) || !self.folders.holds(&entry.path) {
                continue;
            }
            let path = entry.path.under(self.folders.base());
            match fs::remove_file(&path) {
                Ok(()) => touched.push(entry.sha256),
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(Error::io("remove", &path)(error)),
            }
            let mut parent = entry.path.parent();
            while let Some(folder) = parent {
                parent = folder.parent();
                folders.insert(folder);
            }
        }
        // Deepest first; one that still holds something stays.
        for folder in folders.into_iter().rev() {
            let _ = fs::remove_dir(folder.under(self.folders.base()));
        }
        self.touched.extend(touched);
        Ok(())
    }

    /// Drops the manifests of generations that are neither in grace nor among the newest, and
    /// returns them.
    fn drop_generations(&mut self) -> Vec<Generation> {
        let dropped = self.past.split_off(self.keep.min(self.past.len()));
        let folder = self.generations();
        for generation in &dropped {
            // A manifest that stays only keeps more than it has to.
            let _ = fs::remove_file(folder.join(generation.id.to_string()));
        }
        dropped
    }
}

/// Makes the folders that `name` has below `folder`.
fn make_parents(folder: &Path, name: &str) -> Result<()> {
    for (at, _) in name.match_indices('/') {
        make_folder(&folder.join(&name[..at]))?;
    }
    Ok(())
}
