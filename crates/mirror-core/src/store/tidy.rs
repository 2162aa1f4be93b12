//! What is cleared away: the traces of an interrupted publication, generations that are no longer
//! kept, and the content that only those named.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use jiff::Timestamp;

use super::files::remove_any;
use super::generation::{self, Generation};
use super::publish::{in_order, remove_files, split_by_grace};
use super::tree::TreeFolders;
use super::{Retention, Store, stage_path};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::manifest::StoredManifest;
use crate::path::TreePath;

/// A tree's kept generations.
#[derive(Debug)]
pub(super) struct Kept {
    /// Those that can be read, oldest first.
    pub(super) generations: Vec<Generation>,
    /// What the others named cannot be known.
    damaged: bool,
}

impl Store {
    /// Ends a run: clears away what an interrupted publication of `trees` left, drops what those that
    /// were just `published` no longer keep, and notes that all of it has reached the disk.
    ///
    /// Content in `wanted` stays, whoever named it: it waits for a tree that is not published yet.
    pub fn tidy(
        &self,
        trees: &[TreePath],
        published: &[TreePath],
        wanted: &HashSet<Sha256>,
        retention: &Retention,
    ) -> Result<()> {
        for tree in trees {
            if self.has_attempts(tree)? {
                self.clear_attempts(tree, &self.kept(tree, &self.generations(tree)?)?, None)?;
            }
        }
        let mut dropped = HashSet::new();
        for tree in published {
            dropped.extend(self.past_generations(tree, retention)?);
        }
        if retention.prune {
            self.drop_unnamed(&dropped, wanted)?;
            if !published.is_empty() {
                self.cache().trim()?;
            }
        }
        // Last, so that who was interrupted does the same again.
        for path in &dropped {
            fs::remove_file(path).map_err(Error::io("remove", path))?;
        }
        if self.state().is_unsynced() {
            let folders: Vec<_> = trees.iter().map(|tree| tree.under(&self.root)).collect();
            self.sync(folders.iter().map(PathBuf::as_path))?;
        }
        Ok(())
    }

    /// Notes content that may be dropped by [`Store::tidy`], where nothing that is kept names it.
    pub(crate) fn let_go(&self, content: impl Iterator<Item = Sha256>) {
        self.unnamed().extend(content);
    }

    /// The generations `ids` of a tree, as far as they can be read.
    pub(super) fn kept(&self, tree: &TreePath, ids: &[u64]) -> Result<Kept> {
        let mut kept = Kept { generations: Vec::new(), damaged: false };
        for id in ids {
            match self.generation(tree, *id) {
                Ok(generation) => kept.generations.push(generation),
                Err(error) if error.is_of_one_file() => kept.damaged = true,
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// Whether a publication of `tree` was begun and did not come to its journal.
    fn has_attempts(&self, tree: &TreePath) -> Result<bool> {
        let stage = stage_path().under(&tree.under(&self.root));
        Ok(fs::symlink_metadata(stage).is_ok() || !self.attempts(tree)?.is_empty())
    }

    /// Manifests that were written for a publication and never got their name.
    fn attempts(&self, tree: &TreePath) -> Result<Vec<PathBuf>> {
        let entries = super::list(&self.generations_of(tree))?.into_iter().map(|e| e.path());
        Ok(entries.filter(|path| path.extension().is_some_and(|end| end == "new")).collect())
    }

    /// The content that an interrupted publication of `tree` was to publish.
    pub(super) fn attempted_content(&self, tree: &TreePath) -> Result<Vec<Sha256>> {
        let mut content = Vec::new();
        for path in self.attempts(tree)? {
            let attempt = read_attempt(&path)?;
            let entries = attempt.into_iter().flat_map(|attempt| attempt.manifest.entries);
            content.extend(entries.map(|entry| entry.sha256));
        }
        Ok(content)
    }

    /// Clears away what an interrupted publication left: its stage, its manifest, and the files that
    /// it added and neither a kept generation nor `next` names.
    pub(super) fn clear_attempts(
        &self,
        tree: &TreePath,
        kept: &Kept,
        next: Option<&StoredManifest>,
    ) -> Result<()> {
        let mut folders = TreeFolders::new(&self.root, tree);
        if folders.holds(&stage_path()) {
            remove_any(&stage_path().under(folders.base()))?;
        }
        for path in self.attempts(tree)? {
            if let Some(attempt) = read_attempt(&path)?
                && !kept.damaged
            {
                let known: HashSet<&str> = kept
                    .generations
                    .iter()
                    .map(|generation| &generation.manifest)
                    .chain(next)
                    .flat_map(|manifest| &manifest.entries)
                    .map(|entry| entry.path.as_str())
                    .collect();
                let entries = &attempt.manifest.entries;
                let added = entries.iter().filter(|entry| !known.contains(entry.path.as_str()));
                remove_files(self, &mut folders, added)?;
                self.unnamed().extend(entries.iter().map(|entry| entry.sha256));
            }
            remove_any(&path)?;
        }
        Ok(())
    }

    /// The files of the generations of `tree` that are neither in grace nor among the newest; what
    /// they name is noted as perhaps unnamed.
    pub(super) fn past_generations(
        &self,
        tree: &TreePath,
        retention: &Retention,
    ) -> Result<Vec<PathBuf>> {
        let ids = self.generations(tree)?;
        if ids.len() <= retention.generations.max(1) {
            return Ok(Vec::new());
        }
        let view = self.view();
        let mut kept = in_order(self.kept(tree, &ids)?.generations, view.pointer(tree)?.as_ref());
        let published = view.current(tree)?.map(|current| current.id);
        // Where the published one cannot be read, what it names cannot be told from the past.
        let Some(current) = kept.pop().filter(|last| Some(last.id) == published) else {
            return Ok(Vec::new());
        };
        let now = Timestamp::now();
        let (in_grace, past) =
            split_by_grace(kept, current.published_at(now), now, retention.grace);
        let keep = retention.generations.saturating_sub(1 + in_grace.len());
        let kept = in_grace.iter().chain(past.iter().take(keep)).chain([&current]);
        let kept: HashSet<u64> = kept.map(|generation| generation.id).collect();
        let oldest = kept.iter().min().copied().unwrap_or(current.id);
        let mut unnamed = self.unnamed();
        for generation in past.iter().filter(|generation| generation.id < oldest) {
            unnamed.extend(generation.manifest.entries.iter().map(|entry| entry.sha256));
        }
        let folder = self.generations_of(tree);
        // One that cannot be read goes with its neighbours.
        Ok(ids.iter().filter(|id| **id < oldest).map(|id| folder.join(id.to_string())).collect())
    }

    /// Drops content that something dropped named and nothing that is kept does.
    fn drop_unnamed(&self, dropped: &HashSet<PathBuf>, wanted: &HashSet<Sha256>) -> Result<()> {
        let mut unnamed = std::mem::take(&mut *self.unnamed());
        unnamed.retain(|sha256| !wanted.contains(sha256));
        if unnamed.is_empty() {
            return Ok(());
        }
        for tree in self.trees()? {
            let folder = self.generations_of(&tree);
            for id in self.generations(&tree)? {
                if dropped.contains(&folder.join(id.to_string())) {
                    continue;
                }
                match self.generation(&tree, id) {
                    Ok(kept) => {
                        for entry in &kept.manifest.entries {
                            unnamed.remove(&entry.sha256);
                        }
                    }
                    // What it names cannot be known, so nothing is known to be unnamed.
                    Err(error) if error.is_of_one_file() => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        }
        for sha256 in &unnamed {
            let path = self.blob_path(sha256);
            if let Ok(found) = fs::symlink_metadata(&path) {
                remove_any(&path)?;
                self.state().forget(&found);
            }
        }
        Ok(())
    }

    pub(super) fn generations_of(&self, tree: &TreePath) -> PathBuf {
        tree.under(&self.folder.join("generations"))
    }

    fn unnamed(&self) -> std::sync::MutexGuard<'_, HashSet<Sha256>> {
        self.unnamed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A manifest that was written for a publication; `None` where not all of it was.
fn read_attempt(path: &Path) -> Result<Option<Generation>> {
    let text = fs::read(path).map_err(Error::io("read", path))?;
    Ok(generation::read(path, 0, &text).ok())
}
