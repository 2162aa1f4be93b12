//! A tree that python-pypi-mirror left: its packages, which lie in the folders of their projects, and
//! what goes on being served of it.
//!
//! It has the packages in a folder of the user's choice, and in each project's folder a link to each,
//! or a copy. What lies in `files/` is adopted as in any tree; the rest is looked for here.

use std::collections::BTreeSet;
use std::fs;

use super::index::{blocking, read_local};
use crate::digest::Digest;
use crate::error::Result;
use crate::format::pypi::PackageName;
use crate::format::pypi::page::write::FILES;
use crate::part::Expected;
use crate::source::Context;

/// Takes what lies in a project's folder into the store, where it has that digest. What a link leads
/// to outside of the tree is copied, and stays as it is.
pub(super) async fn adopt(
    context: &Context<'_>,
    project: &PackageName,
    filename: &str,
    digest: &Digest,
) -> Result<()> {
    let Some(folder) = context.folder().filter(|_| context.published().is_none()) else {
        return Ok(());
    };
    let (path, name) =
        (folder.join(project.as_ref()).join(filename), format!("{project}/{filename}"));
    let Ok(found) = fs::symlink_metadata(&path) else { return Ok(()) };
    if fs::symlink_metadata(folder.join(FILES).join(filename)).is_ok_and(|there| there.is_file())
        || context.adopt(&name, digest)?.is_some()
        || !found.is_symlink()
        || digest.as_sha256().is_none()
    {
        return Ok(());
    }
    // A link that leads nowhere is as none.
    let Ok((mut file, sha256)) = blocking(move || read_local(&path)).await else { return Ok(()) };
    if sha256 == *digest {
        context.add(&name, &mut file, &Expected { size: None, digest: Some(sha256) })?;
    }
    Ok(())
}

/// Says which projects were there before and are in no set: whoever serves the tree serves them still.
pub(super) fn tell_others(context: &Context<'_>, projects: &BTreeSet<&str>) {
    let folder = context.folder().filter(|_| context.published().is_none());
    let Some(entries) = folder.and_then(|folder| fs::read_dir(folder).ok()) else { return };
    let is_page = |entry: &fs::DirEntry| entry.path().join("index.html").is_file();
    let names = entries.filter_map(Result::ok).filter(is_page);
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut others: Vec<_> = names.filter(|name| !projects.contains(&**name)).collect();
    if others.is_empty() {
        return;
    }
    others.sort_unstable();
    let count = others.len();
    others.truncate(SHOWN);
    let and_more = if count > SHOWN { ", \u{2026}" } else { "" };
    context.warn(format!(
        "in no set, and still served to whoever asks: what was here before of {}{and_more} ({count} \
         in all)",
        others.join(", ")
    ));
}

/// Names in a message.
const SHOWN: usize = 5;
