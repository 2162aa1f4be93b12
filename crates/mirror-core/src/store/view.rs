//! What a root holds, for who only reads: it writes nothing, and works on a root that is mounted
//! read-only.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::generation::{self, Generation};
use super::hold::Pointer;
use super::lock::Lock;
use super::{LockWait, blob_path, collect_trees, generation_ids, is_absent, journal};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::path::{RESERVED, TreePath};

/// The trees, generations and blobs of a root. While it lives, nobody publishes or tidies up below
/// that root; any number may read at once.
#[derive(Debug)]
pub struct View {
    root: PathBuf,
    folder: PathBuf,
    _lock: Option<Lock>,
}

/// Which generation of a tree is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// Its number.
    pub id: u64,
    /// When it was published again, in RFC 3339 and UTC: only after a rollback.
    pub since: Option<String>,
    /// Whether syncs leave it there.
    pub held: bool,
}

impl View {
    /// Opens `root` for reading, once no other process writes to it.
    ///
    /// A root without a state has no trees, and none to wait for.
    pub async fn open(root: &Path, wait: LockWait) -> Result<Self> {
        let folder = root.join(RESERVED);
        let lock = Lock::share(root, &folder.join("lock"), wait).await?;
        Ok(Self { root: root.to_owned(), folder, _lock: lock })
    }

    /// The same for who does not mind a publication under way.
    pub fn glance(root: &Path) -> Self {
        Self { root: root.to_owned(), folder: root.join(RESERVED), _lock: None }
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the state.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a publication was interrupted: whoever next syncs or serves finishes it.
    pub fn is_unfinished(&self) -> bool {
        journal::is_there(&self.folder)
    }

    /// The trees that have been published, in the order of their paths.
    pub fn trees(&self) -> Result<Vec<TreePath>> {
        let mut trees = Vec::new();
        collect_trees(&self.folder.join("generations"), &mut String::new(), &mut trees)?;
        trees.sort();
        Ok(trees)
    }

    /// The generations of `tree` that are kept, oldest first.
    pub fn generations(&self, tree: &TreePath) -> Result<Vec<u64>> {
        generation_ids(&self.generations_of(tree))
    }

    /// A kept generation of `tree`. One that is gone is damage as much as one that is garbage is.
    pub fn generation(&self, tree: &TreePath, id: u64) -> Result<Generation> {
        let path = self.generation_path(tree, id);
        match fs::read(&path) {
            Ok(text) => generation::read(&path, id, &text),
            Err(error) if is_absent(&error) => {
                Err(Error::Damaged { path, reason: "it is gone".into() })
            }
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// What a kept generation says of itself, without its files and unchecked.
    pub fn heading(&self, tree: &TreePath, id: u64) -> Result<generation::Heading> {
        let path = self.generation_path(tree, id);
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        generation::read_heading(file, id).map_err(Error::io("read", &path))
    }

    /// Which generation of `tree` is published: the newest one, unless an earlier one was published
    /// again.
    pub fn current(&self, tree: &TreePath) -> Result<Option<Current>> {
        let Some(newest) = self.generations(tree)?.last().copied() else { return Ok(None) };
        let pointer = self.pointer(tree)?;
        // A publication since then has put an end to it.
        let current = pointer.filter(|pointer| pointer.newest >= newest).map_or(
            Current { id: newest, since: None, held: false },
            |pointer| Current {
                id: pointer.published,
                since: Some(pointer.since),
                held: pointer.held,
            },
        );
        Ok(Some(current))
    }

    /// The generation of `tree` that is published.
    pub fn published(&self, tree: &TreePath) -> Result<Option<Generation>> {
        self.current(tree)?.map(|current| self.generation(tree, current.id)).transpose()
    }

    /// Where the content of that name lies.
    pub fn blob_path(&self, sha256: &Sha256) -> PathBuf {
        blob_path(&self.folder, sha256)
    }

    /// Which earlier generation was published again, if that did not end since.
    pub(super) fn pointer(&self, tree: &TreePath) -> Result<Option<Pointer>> {
        Pointer::read(&self.generations_of(tree))
    }

    pub(super) fn generations_of(&self, tree: &TreePath) -> PathBuf {
        tree.under(&self.folder.join("generations"))
    }

    fn generation_path(&self, tree: &TreePath, id: u64) -> PathBuf {
        self.generations_of(tree).join(id.to_string())
    }
}
