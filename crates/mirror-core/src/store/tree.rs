//! A tree's files as they are: what the plan is held against.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Store;
use super::files::{is_folder, make_folder};
use crate::digest::{Digest, Sha256};
use crate::error::{Error, Result};
use crate::path::{RepoPath, TreePath};
use crate::plan::Inventory;

/// The folders of a tree, each looked at once. Below the root no link is followed.
#[derive(Debug)]
pub(super) struct TreeFolders {
    root: PathBuf,
    base: PathBuf,
    real: HashSet<PathBuf>,
}

impl TreeFolders {
    pub(super) fn new(root: &Path, tree: &TreePath) -> Self {
        Self { root: root.to_owned(), base: tree.under(root), real: HashSet::new() }
    }

    /// Where the tree lies.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Whether the folder that holds `path` is there, reached through no link.
    pub(super) fn holds(&mut self, path: &RepoPath) -> bool {
        let folder = self.folder(path);
        self.each_below_root(&folder).into_iter().all(|folder| {
            self.real.contains(&folder) || (is_folder(&folder) && self.real.insert(folder))
        })
    }

    /// Makes the folder that is to hold `path`; links and files in its way are replaced.
    pub(super) fn make(&mut self, path: &RepoPath) -> Result<()> {
        let folder = self.folder(path);
        self.make_all(&folder)
    }

    /// The same, but for a file in its way: false where there is one.
    pub(super) fn make_beside_files(&mut self, path: &RepoPath) -> Result<bool> {
        let folder = self.folder(path);
        for folder in self.each_below_root(&folder) {
            if self.real.contains(&folder) {
                continue;
            }
            if fs::symlink_metadata(&folder).is_ok_and(|found| found.is_file()) {
                return Ok(false);
            }
            make_folder(&folder)?;
            self.real.insert(folder);
        }
        Ok(true)
    }

    /// Makes the tree's own folder.
    pub(super) fn make_base(&mut self) -> Result<()> {
        let base = self.base.clone();
        self.make_all(&base)
    }

    /// Makes a folder below the root and all that it lies in.
    pub(super) fn make_all(&mut self, folder: &Path) -> Result<()> {
        for folder in self.each_below_root(folder) {
            if !self.real.contains(&folder) {
                make_folder(&folder)?;
                self.real.insert(folder);
            }
        }
        Ok(())
    }

    fn folder(&self, path: &RepoPath) -> PathBuf {
        let mut folder = path.under(&self.base);
        folder.pop();
        folder
    }

    /// The folders from just below the root down to `folder`; none where the last one is known.
    fn each_below_root(&self, folder: &Path) -> Vec<PathBuf> {
        if self.real.contains(folder) {
            return Vec::new();
        }
        let mut folders: Vec<_> = folder
            .ancestors()
            .take_while(|ancestor| *ancestor != self.root)
            .map(Path::to_owned)
            .collect();
        folders.reverse();
        folders
    }
}

/// A tree and the blobs, as [`Plan`](crate::plan::Plan) asks for them. What the state does not
/// vouch for is read.
#[derive(Debug)]
pub struct TreeInventory<'a> {
    store: &'a Store,
    folders: TreeFolders,
    upstream: &'a str,
    /// Nothing of it was published yet: what is there is another tool's.
    is_new: bool,
    error: Option<Error>,
}

impl<'a> TreeInventory<'a> {
    /// The inventory of `tree`, in which weak digests are those of `upstream`.
    pub fn new(store: &'a Store, tree: &TreePath, upstream: &'a str) -> Self {
        let folders = TreeFolders::new(&store.root, tree);
        let generations = store.generations(tree);
        let is_new = generations.as_ref().is_ok_and(Vec::is_empty);
        Self { store, folders, upstream, is_new, error: generations.err() }
    }

    /// The first thing that could not be read: a plan made with one is not to be used.
    pub fn finish(self) -> Result<()> {
        self.error.map_or(Ok(()), Err)
    }

    fn noted<T>(&mut self, result: Result<Option<T>>) -> Option<T> {
        result.unwrap_or_else(|error| {
            self.error.get_or_insert(error);
            None
        })
    }
}

impl Inventory for TreeInventory<'_> {
    fn published(&mut self, path: &RepoPath) -> Option<Sha256> {
        if !self.folders.holds(path) {
            return None;
        }
        let found = self.store.verified_content(&path.under(self.folders.base()));
        self.noted(found)
    }

    fn blob(&mut self, digest: &Digest) -> Option<Sha256> {
        let found = self.store.find(digest, self.upstream);
        self.noted(found)
    }

    fn adopt(&mut self, path: &RepoPath, digest: &Digest) -> Option<Sha256> {
        let found = self.store.adopt(&mut self.folders, path, digest, self.upstream, self.is_new);
        self.noted(found)
    }
}
