//! What there is below a root, at a glance: no content is read.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use serde::Serialize;

use super::{LastRun, View, is_absent, journal, list};
use crate::error::{Error, Result};
use crate::manifest::StoredManifest;
use crate::path::TreePath;
use crate::signature::Verdict;

/// What there is below a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The root.
    pub root: PathBuf,
    /// Each tree, in the order of their paths; those that were never published too.
    pub trees: Vec<TreeStatus>,
    /// What the state takes.
    pub space: Space,
    /// Whether a publication was interrupted.
    pub unfinished: bool,
    /// What is wrong with its journal, where it cannot be finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// A tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeStatus {
    /// Its path below the root.
    pub tree: String,
    /// Its publish group.
    pub group: String,
    /// The upstream's identity; empty where nothing is published.
    pub upstream: String,
    /// The generation that is published.
    pub generation: Option<u64>,
    /// When it was published, or published again, in RFC 3339 and UTC.
    pub published: Option<String>,
    /// Whether it was rolled back, and syncs leave it there.
    pub held: bool,
    /// Files that it holds.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was known of upstream's signature when it was published.
    pub signature: Option<Verdict>,
    /// The generations that are kept, oldest first.
    pub kept: Vec<KeptGeneration>,
    /// What came of its last run.
    pub last_run: Option<LastRun>,
    /// What is wrong with its manifest, or with the file that says whether it is held.
    pub damaged: Option<String>,
}

/// A generation that can be rolled back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptGeneration {
    /// Its number.
    pub id: u64,
    /// When it was first published, in RFC 3339 and UTC.
    pub published: String,
    /// Files that it holds.
    pub files: u64,
}

/// What the state takes, in files and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Space {
    /// Content that is kept.
    pub blobs: u64,
    /// Its bytes.
    pub blob_bytes: u64,
    /// Those of them that trees hold too, as hard links: they take no room of their own.
    pub shared_bytes: u64,
    /// Downloads that were interrupted.
    pub parts: u64,
    /// Their bytes.
    pub part_bytes: u64,
}

impl View {
    /// What there is below the root. Blocks.
    pub fn status(&self) -> Result<Status> {
        let mut runs = self.last_runs();
        let mut trees = Vec::new();
        for tree in self.trees()? {
            let last_run = runs.remove(tree.as_str());
            trees.push(self.tree_status(&tree, last_run)?);
        }
        trees.extend(runs.into_values().map(|run| TreeStatus {
            tree: run.tree.clone(),
            group: run.group.clone(),
            upstream: String::new(),
            generation: None,
            published: None,
            held: false,
            files: 0,
            bytes: 0,
            signature: None,
            kept: Vec::new(),
            last_run: Some(run),
            damaged: None,
        }));
        trees.sort_by(|a, b| a.tree.cmp(&b.tree));
        let mut damaged = None;
        let journal = or_damaged(journal::inspect(self.folder()).map(Some), &mut damaged)?;
        let (root, unfinished) = (self.root().to_owned(), journal.unwrap_or(true));
        Ok(Status { root, trees, space: self.space()?, unfinished, damaged })
    }

    fn tree_status(&self, tree: &TreePath, last_run: Option<LastRun>) -> Result<TreeStatus> {
        let mut damaged = None;
        let mut headings = Vec::new();
        for id in self.generations(tree)? {
            match self.heading(tree, id) {
                // A run that is tidied up meanwhile drops some.
                Err(Error::Io { source, .. }) if is_absent(&source) => {}
                heading => headings.extend(or_damaged(heading.map(Some), &mut damaged)?),
            }
        }
        let current = or_damaged(self.current(tree), &mut damaged)?;
        let manifest = match &current {
            Some(current) => {
                let generation = self.generation(tree, current.id);
                or_damaged(generation.map(|found| Some(found.manifest)), &mut damaged)?
            }
            None => None,
        };
        let heading = current
            .as_ref()
            .and_then(|current| headings.iter().find(|heading| heading.id == current.id).cloned());
        let bytes = manifest.as_ref().map_or(0, StoredManifest::size);
        let signature = manifest.and_then(|manifest| manifest.signature);
        let since = current.as_ref().and_then(|current| current.since.clone());
        let group = heading.as_ref().map(|heading| heading.group.clone());
        Ok(TreeStatus {
            tree: tree.to_string(),
            group: group.filter(|group| !group.is_empty()).unwrap_or_else(|| tree.to_string()),
            upstream: heading.as_ref().map(|h| h.upstream.clone()).unwrap_or_default(),
            generation: current.as_ref().map(|current| current.id),
            published: since.or_else(|| heading.as_ref().map(|h| h.published.clone())),
            held: current.is_some_and(|current| current.held),
            files: heading.as_ref().map_or(0, |heading| heading.files),
            bytes,
            signature: signature.map(|signature| signature.verdict),
            kept: headings
                .into_iter()
                .map(|h| KeptGeneration { id: h.id, published: h.published, files: h.files })
                .collect(),
            last_run,
            damaged,
        })
    }

    fn space(&self) -> Result<Space> {
        let mut space = Space::default();
        for shelf in list(&self.folder().join("blobs/sha256"))? {
            for blob in list(&shelf.path())? {
                // One that goes meanwhile takes no room.
                let Ok(found) = fs::symlink_metadata(blob.path()) else { continue };
                space.blobs += 1;
                space.blob_bytes += found.size();
                space.shared_bytes += if found.nlink() > 1 { found.size() } else { 0 };
            }
        }
        for part in list(&self.folder().join("parts"))? {
            let Ok(found) = fs::symlink_metadata(part.path()) else { continue };
            space.parts += 1;
            space.part_bytes += found.size();
        }
        Ok(space)
    }
}

/// What was found; where it cannot be read, that is noted.
fn or_damaged<T>(found: Result<Option<T>>, damaged: &mut Option<String>) -> Result<Option<T>> {
    match found {
        Err(error) if error.is_of_one_file() => {
            *damaged = Some(error.to_string());
            Ok(None)
        }
        found => found,
    }
}
