//! Files that another tool left where a tree is to be: kept where their digests are right.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::state::Scope;
use super::tree::TreeFolders;
use super::{Store, hash_by};
use crate::digest::{Digest, Sha256};
use crate::error::{Error, Result};
use crate::path::{RepoPath, TreePath};

impl Store {
    /// The content of what lies at `path` of a tree, where `upstream` gives it that digest.
    ///
    /// In a tree that `is_new`, a link to a file within the tree stands for that file: its content
    /// becomes a blob, which then takes the link's place.
    pub(super) fn adopt(
        &self,
        folders: &mut TreeFolders,
        path: &RepoPath,
        digest: &Digest,
        upstream: &str,
        is_new: bool,
    ) -> Result<Option<Sha256>> {
        let full = path.under(folders.base());
        let is_file = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        if folders.holds(path) && is_file(&full) {
            // A SHA-256 was compared already.
            if digest.as_sha256().is_some() {
                return Ok(None);
            }
            return self.hash_as(&full, digest, upstream);
        }
        if !is_new {
            return Ok(None);
        }
        let Some(target) = leads_to(&full, folders.base()).filter(|target| is_file(target)) else {
            return Ok(None);
        };
        let found = self.hash_as(&target, digest, upstream)?;
        if let Some(sha256) = &found
            && !self.holds(sha256)?
        {
            self.restore_blob(sha256, &target)?;
        }
        Ok(found)
    }

    /// Makes a blob of the file at `path` of `tree`, where `upstream` gives it that digest.
    pub(crate) fn adopt_file(
        &self,
        tree: &TreePath,
        path: &RepoPath,
        digest: &Digest,
        upstream: &str,
    ) -> Result<Option<Sha256>> {
        let mut folders = TreeFolders::new(&self.root, tree);
        let full = path.under(folders.base());
        if fs::symlink_metadata(&full).is_err() {
            return Ok(None);
        }
        let is_new = self.generations(tree)?.is_empty();
        let found = if digest.as_sha256().is_some() && folders.holds(path) {
            self.verified_content(&full)?.filter(|found| Digest::from(*found) == *digest)
        } else {
            None
        };
        let found = match found {
            None => self.adopt(&mut folders, path, digest, upstream, is_new)?,
            found => found,
        };
        if let Some(sha256) = &found
            && !self.holds(sha256)?
        {
            self.restore_blob(sha256, &full)?;
        }
        Ok(found)
    }

    /// Hashes a file by SHA-256 and by the digest's algorithm at once, and notes both.
    fn hash_as(&self, path: &Path, digest: &Digest, upstream: &str) -> Result<Option<Sha256>> {
        let look = || fs::symlink_metadata(path).map_err(Error::io("look at", path));
        if look()?.permissions().mode() & 0o7777 != 0o644 {
            fs::set_permissions(path, Permissions::from_mode(0o644))
                .map_err(Error::io("set the mode of", path))?;
        }
        let found = look()?;
        let (sha256, other) = hash_by(path, Some(digest.algorithm()))?;
        self.state().record(&found, sha256)?;
        if other != *digest {
            return Ok(None);
        }
        if digest.as_sha256().is_none() {
            self.state().record_digest(Scope::of(digest, upstream), *digest, sha256)?;
        }
        Ok(Some(sha256))
    }
}

/// Where a path leads through links, if that is within `base`.
fn leads_to(path: &Path, base: &Path) -> Option<PathBuf> {
    let (target, base) = (fs::canonicalize(path).ok()?, fs::canonicalize(base).ok()?);
    target.starts_with(&base).then_some(target)
}
