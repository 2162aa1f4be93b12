//! Putting single files of a published tree right again.
//!
//! The manifest stays the same, so each file can be put in its place by itself: who reads the tree
//! meanwhile finds a file as broken as before, or whole. What is damaged stays where it is until what
//! replaces it is there. Whoever is interrupted does the rest the next time.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::files::{self, Placed, is_folder, make_folder, move_file, remove_any};
use super::tree::TreeFolders;
use super::{Store, make_blob_folder, stage_path};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::manifest::StoredEntry;
use crate::part::Verified;
use crate::path::TreePath;

impl Store {
    /// Notes what a file holds that was thought to hold something else.
    pub(crate) fn correct(&self, path: &Path, content: Sha256) -> Result<()> {
        match fs::symlink_metadata(path) {
            Ok(found) => self.state().record(&found, content),
            Err(_) => Ok(()),
        }
    }

    /// Whether something lies where the content of that name belongs.
    pub(crate) fn has_blob(&self, sha256: &Sha256) -> bool {
        fs::symlink_metadata(self.blob_path(sha256)).is_ok_and(|found| found.is_file())
    }

    /// Takes verified content in place of whatever lies where it belongs.
    pub(crate) fn replace_blob(&self, verified: &Verified) -> Result<()> {
        let blob = self.blob_path(&verified.sha256());
        if is_folder(&blob) {
            remove_any(&blob)?;
        }
        self.take(verified, "").map(drop)
    }

    /// Makes a blob of a file that was just found to hold that content.
    pub(crate) fn restore_blob(&self, sha256: &Sha256, from: &Path) -> Result<()> {
        let blob = self.blob_path(sha256);
        make_blob_folder(&blob)?;
        files::place(from, &blob, &self.parts(), sha256)?;
        set_mode(&blob, 0o644)?;
        self.note(&blob, *sha256)
    }

    /// The same of many, in place of whatever lies where they belong.
    pub(crate) fn restore_blobs<'c>(
        &self,
        copies: impl Iterator<Item = (Sha256, &'c Path)>,
    ) -> Result<()> {
        // All of them first: one may lie where another belongs.
        let mut staged = Vec::new();
        for (sha256, from) in copies {
            let to = self.parts().join(format!("{sha256}.restored"));
            remove_any(&to)?;
            files::place(from, &to, &self.parts(), &sha256)?;
            staged.push((sha256, to));
        }
        for (sha256, from) in staged {
            let blob = self.blob_path(&sha256);
            make_blob_folder(&blob)?;
            if is_folder(&blob) {
                remove_any(&blob)?;
            }
            move_file(&from, &blob)?;
            set_mode(&blob, 0o644)?;
            self.note(&blob, sha256)?;
        }
        Ok(())
    }

    /// Removes what lies at that path below the root, where no content that anything names is.
    pub(crate) fn drop_stray(&self, path: &str) -> Result<()> {
        remove_any(&self.root.join(path))
    }

    /// Puts the content of `entries`, which the store holds, at their places in `tree`, whatever is
    /// there.
    pub(crate) fn mend<'e>(
        &self,
        tree: &TreePath,
        entries: impl Iterator<Item = &'e StoredEntry>,
    ) -> Result<()> {
        let mut folders = TreeFolders::new(&self.root, tree);
        let stage = stage_path().under(folders.base());
        for entry in entries {
            folders.make(&entry.path)?;
            make_folder(&stage)?;
            let (blob, staged) = (self.blob_path(&entry.sha256), stage.join("mended"));
            remove_any(&staged)?;
            let placed = files::place(&blob, &staged, &stage, &entry.sha256)?;
            let to = entry.path.under(folders.base());
            if is_folder(&to) {
                remove_any(&to)?;
            }
            move_file(&staged, &to)?;
            if placed == Placed::Copied {
                self.note(&to, entry.sha256)?;
            }
            self.note(&blob, entry.sha256)?;
        }
        remove_any(&stage)
    }

    /// Removes what was staged for a tree.
    pub(crate) fn clear_stage(&self, tree: &TreePath) -> Result<()> {
        let mut folders = TreeFolders::new(&self.root, tree);
        let stage = stage_path();
        if folders.holds(&stage) { remove_any(&stage.under(folders.base())) } else { Ok(()) }
    }

    /// Whether a real folder is there.
    pub(crate) fn is_tree_folder(&self, tree: &TreePath, path: &str) -> bool {
        is_folder(&tree.under(&self.root).join(path))
    }

    /// Whether the tree's folder is there, reached through no link.
    pub(crate) fn reaches(&self, tree: &TreePath) -> bool {
        TreeFolders::new(&self.root, tree).holds(&stage_path())
    }

    /// Makes what was mended survive a power loss.
    pub(crate) fn end_mending(&self, trees: &[TreePath]) -> Result<()> {
        let folders: Vec<PathBuf> = trees.iter().map(|tree| tree.under(&self.root)).collect();
        self.sync(folders.iter().map(PathBuf::as_path))?;
        self.state().compact()
    }

    fn note(&self, path: &Path, sha256: Sha256) -> Result<()> {
        let found = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
        self.state().record(&found, sha256)
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(Error::io("set the mode of", path))
}
