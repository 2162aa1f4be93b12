//! What a tree of Python packages holds, as its files are called.

use crate::compare::{Contents, Distribution};
use crate::format::pypi::filename::DistFilename;
use crate::format::pypi::page::write::FILES;
use crate::manifest::{Role, StoredManifest};

/// The files of a tree; `None` where it holds no Python packages.
pub(crate) fn read(manifest: &StoredManifest) -> Option<Contents> {
    if !manifest.upstream.starts_with(super::IDENTITY) {
        return None;
    }
    let mut files = Vec::new();
    for entry in manifest.entries.iter().filter(|entry| entry.role == Role::Payload) {
        let name = entry.path.as_str().strip_prefix(FILES).and_then(|n| n.strip_prefix('/'));
        let (Some(filename), Some(project)) = (name, &entry.subject) else { continue };
        let parsed = DistFilename::of_any(filename).ok().flatten();
        files.push(Distribution {
            project: project.to_string(),
            version: parsed.map(|parsed| parsed.version().clone()),
            filename: filename.to_owned(),
        });
    }
    Some(Contents::Python(files))
}
