//! The metadata files that `repomd.xml` lists.

use std::sync::Arc;

use super::judge::SIGNATURE;
use super::layout::{Layout, Located, Misplaced, Place};
use super::packages::path;
use super::resolve::{KEY, REPOMD};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::rpm::excerpt;
use crate::format::rpm::repomd::{Record, Repomd};
use crate::limits;
use crate::manifest::{Entry, Origin, Remote, Role};
use crate::path::RepoPath;

/// A metadata file, and where it lies.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) record: Record,
    pub(super) digest: Digest,
    /// Its place in a tree that is as upstream is, or where it is carried over to.
    pub(super) path: RepoPath,
    pub(super) remote: Remote,
    /// Whether that is not where its record says.
    pub(super) is_moved: bool,
}

impl Listed {
    /// The file as it is at upstream.
    pub(super) fn entry(&self) -> Entry {
        Entry {
            path: self.path.clone(),
            size: self.record.size,
            digest: Some(self.digest),
            origin: Origin::Remote(self.remote.clone()),
            role: Role::Metadata,
            subject: None,
            unverified: None,
        }
    }

    /// The file's name without the digest before it and the compression behind it: `primary.xml`.
    pub(super) fn stem(&self) -> &str {
        let name = self.path.file_name();
        let plain = name.strip_prefix(&self.digest.hex()).and_then(|name| name.strip_prefix('-'));
        plain.filter(|plain| !plain.is_empty()).unwrap_or(name)
    }
}

/// Everything that the `repomd.xml` at `url` lists, whatever its kind; the packages among it.
pub(super) fn list(url: &str, repomd: &Repomd, layout: &mut Layout) -> Result<Vec<Listed>> {
    let refused = |reason: String| Error::Metadata { file: url.to_owned(), source: reason.into() };
    let mut listed = Vec::with_capacity(repomd.records.len());
    for record in &repomd.records {
        let kind = excerpt(&record.kind);
        let Some(digest) = record.checksum else {
            return Err(refused(format!("{kind} has no checksum")));
        };
        let located = layout.locate(&record.href, record.base.as_deref());
        let Located { remote, place } = located.map_err(|misplaced| match misplaced {
            Misplaced::Path(source) => Error::Path { file: url.to_owned(), source },
            Misplaced::Place(why) => refused(format!("{kind} {why}")),
        })?;
        let (path, remote, is_moved) = match place {
            // Clients crash on anything that does not lie there.
            Place::Same(path) if path.parent().is_some_and(|p| p.as_str() == "repodata") => {
                (path, remote, false)
            }
            Place::Same(path) => {
                let remote = Remote::at(Arc::clone(remote.bases()), &path.to_url_path());
                (own(url, &digest, path.file_name())?, remote, true)
            }
            Place::Own(name) => (own(url, &digest, &name)?, remote, true),
        };
        if [REPOMD, SIGNATURE, KEY].contains(&path.as_str()) {
            return Err(refused(format!("{kind} takes the name of {path}")));
        }
        if record.size.is_some_and(|size| size > limits::METADATA_SIZE) {
            return Err(refused(format!("{kind} is said to have over 8 GiB")));
        }
        listed.push(Listed { record: record.clone(), digest, path, remote, is_moved });
    }
    if repomd.record("primary").is_none() {
        return Err(refused("no primary metadata is listed".into()));
    }
    Ok(listed)
}

/// The place of a file that lies elsewhere at upstream.
fn own(url: &str, digest: &Digest, name: &str) -> Result<RepoPath> {
    let hex = digest.hex();
    if name.starts_with(&hex) {
        return path(url, &format!("repodata/{name}"));
    }
    path(url, &format!("repodata/{hex}-{name}"))
}
