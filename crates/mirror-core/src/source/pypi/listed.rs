//! Exact lists and locks: files that need no resolving.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::sync::Arc;

use url::Url;

use super::index::{Found, List, Shelf, Unanswered, blocking};
use super::set::{Indexes, Sdists, Set, url_of};
use crate::digest::{Digest, Hasher, Sha256};
use crate::error::{Error, Result, redact};
use crate::format::pypi::direct::{Direct, strongest_first};
use crate::format::pypi::filename::is_wheel;
use crate::format::pypi::input::Location;
use crate::format::pypi::lock::{Locked, LockedFile};
use crate::format::pypi::page::write::FILES;
use crate::format::pypi::page::{CoreMetadata, File, Page};
use crate::format::pypi::requirements::{Entry, Wanted};
use crate::format::pypi::{MarkerTree, Version, VersionOrUrl};
use crate::limits;
use crate::part::Expected;
use crate::resolve::pypi::{Index as _, ProjectFile, Wanted as Project};
use crate::source::Context;

/// A version of an exact list or lock: files that need no resolving.
pub(super) struct Listed {
    pub(super) found: Arc<Found>,
    pub(super) version: Version,
    pub(super) files: BTreeSet<usize>,
    /// Who lists it, for people.
    pub(super) by: String,
    /// Where it is installed, where that is known.
    pub(super) marker: Option<MarkerTree>,
}

/// The entries of a set's exact lists. One that names a file has its digest: that of `--hash` or of
/// the URL, and where it may have one of several, the file says which.
pub(super) async fn entries(context: &Context<'_>, set: &Set) -> Result<Vec<Entry>> {
    let mut entries = set.wants.exact.clone();
    for entry in &mut entries {
        let Wanted::File(direct) = &mut entry.wanted else { continue };
        if entry.hashes.is_empty() {
            continue;
        }
        let mut any = entry.hashes.clone();
        any.extend(direct.digests.iter().filter(|digest| !digest.algorithm().is_weak()));
        strongest_first(&mut any);
        let digest = match any[..] {
            [one] => one,
            _ => digest_of(context, direct, any).await?.into(),
        };
        direct.digests = vec![digest];
    }
    Ok(entries)
}

/// The SHA-256 of a file that must have one of several digests.
async fn digest_of(context: &Context<'_>, direct: &Direct, any: Vec<Digest>) -> Result<Sha256> {
    for digest in &any {
        if let Some(sha256) = context.find(digest)? {
            return Ok(sha256);
        }
    }
    let name = direct.location.to_string();
    let unreadable = |error| Error::metadata(&name, error);
    let file = match &direct.location {
        Location::Path(path) => fs::File::open(path).map_err(unreadable)?,
        Location::Url(url) => {
            let path = format!("{FILES}/{}", direct.filename);
            let (expected, limit) = (Expected::default(), limits::PAYLOAD_SIZE);
            let stored = context.fetch(&path, vec![url.clone()], expected, limit).await?;
            context.open(&stored.sha256)?
        }
    };
    let expected: Vec<_> = any.iter().map(ToString::to_string).collect();
    let hashed = blocking(move || Ok(hash(file, &any))).await?.map_err(unreadable)?;
    match hashed {
        (sha256, true) => Ok(sha256),
        (sha256, false) => Err(Error::DigestMismatch {
            file: name,
            expected: expected.join(" or "),
            found: Digest::from(sha256).to_string(),
        }),
    }
}

/// A file's SHA-256, and whether it has any of these digests, which are in the order of algorithms.
fn hash(mut file: fs::File, any: &[Digest]) -> io::Result<(Sha256, bool)> {
    let mut whole = Hasher::new(None);
    let mut algorithms: Vec<_> = any.iter().map(Digest::algorithm).collect();
    algorithms.dedup();
    let mut hashers: Vec<_> = algorithms.into_iter().map(|one| Hasher::new(Some(one))).collect();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                whole.update(&buffer[..read]);
                for hasher in &mut hashers {
                    hasher.update(&buffer[..read]);
                }
            }
        }
    }
    let has_one = hashers.into_iter().any(|hasher| any.contains(&hasher.finish().1));
    Ok((whole.finish().0, has_one))
}

/// What exact lists, of the entries `exact`, and locks list, for all targets alike.
pub(super) fn list(set: &Set, exact: &[Entry], shelf: &Shelf) -> Result<Vec<Listed>, Unanswered> {
    let names = exact.iter().filter_map(|entry| match &entry.wanted {
        Wanted::Project(requirement) => Some(&requirement.name),
        Wanted::File(_) => None,
    });
    shelf.expect(&names.map(Project::Project).collect::<Vec<_>>());
    let mut listed = Vec::new();
    for entry in exact {
        listed.extend(self::exact(entry, shelf)?);
    }
    for locked in set.wants.locks.iter().flat_map(|lock| &lock.packages) {
        listed.extend(of_lock(locked, &set.indexes, shelf)?);
    }
    if set.selection.sdists == Sdists::Never {
        for one in &mut listed {
            let found = &one.found;
            one.files.retain(|at| is_wheel(&found.file(*at).filename));
        }
        if let Some(none) = listed.iter().find(|one| one.files.is_empty()) {
            let (name, version) = (&none.found.project.name, &none.version);
            let reason =
                format!("{name} {version} has source distributions alone, and none are wanted");
            return Err(Unanswered::of(Error::metadata(&none.by, reason)));
        }
    }
    Ok(listed)
}

/// The files that an entry of an exact list names by their digests, or by their place.
fn exact(entry: &Entry, shelf: &Shelf) -> Result<Vec<Listed>, Unanswered> {
    let wrong = |reason: &str| {
        let reason = format!("{}: {reason}", entry.text);
        Err(Unanswered::of(Error::metadata(&entry.at.to_string(), reason)))
    };
    let (found, specifiers, hashes) = match &entry.wanted {
        Wanted::Project(requirement) => {
            let specifiers = match &requirement.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers),
                _ => None,
            };
            let Some(found) = shelf.list(&requirement.name)? else {
                return wrong("no index has the project");
            };
            (found, specifiers, &entry.hashes[..])
        }
        Wanted::File(direct) => {
            let (Some(name), Ok(url)) = (&direct.name, url_of(direct)) else {
                return wrong("its name leaves open which project it is of");
            };
            // Its digest is in the URL.
            (shelf.found(&*shelf.direct(name, &url)?)?, None, &[][..])
        }
    };
    let mut listed = Vec::new();
    for release in &found.project.releases {
        if specifiers.is_some_and(|specifiers| !specifiers.contains(&release.version)) {
            continue;
        }
        let is_named = |file: &&ProjectFile| {
            hashes.is_empty() || file.digests.iter().any(|digest| hashes.contains(digest))
        };
        let files: BTreeSet<_> =
            release.files.iter().filter(is_named).map(|file| file.position).collect();
        if !files.is_empty() {
            listed.push(Listed {
                found: Arc::clone(&found),
                version: release.version.clone(),
                files,
                by: format!("{} ({})", entry.text, entry.at),
                marker: Some(entry.marker().clone()),
            });
        }
    }
    if listed.is_empty() {
        return wrong("no index has a file of that version with such a digest");
    }
    Ok(listed)
}

/// The files of a locked package, each version of it by itself. On an index's server they are asked
/// for with the index's login.
fn of_lock(locked: &Locked, indexes: &Indexes, shelf: &Shelf) -> Result<Vec<Listed>, Unanswered> {
    let by = locked.at.to_string();
    let wrong = |reason: String| Unanswered::of(Error::metadata(&by, reason));
    let Some(from) = locked.files.first().map(|file| file.location.clone()) else {
        return Ok(Vec::new());
    };
    let file = |locked: &LockedFile| -> Result<File, Unanswered> {
        let LockedFile { filename, location, digests, size } = locked.clone();
        let url = match location {
            Location::Url(url) => Some(url),
            Location::Path(path) => {
                std::path::absolute(path).ok().and_then(|path| Url::from_file_path(path).ok())
            }
        };
        let url = url.ok_or_else(|| wrong(format!("{filename} is no file of this host")))?;
        Ok(File {
            filename,
            url: url.to_string(),
            digests,
            size,
            requires_python: None,
            yanked: None,
            core_metadata: CoreMetadata::No,
            upload_time: None,
            provenance: None,
        })
    };
    let files = locked.files.iter().map(file).collect::<Result<Vec<_>, _>>()?;
    let index = match (&locked.index, &from) {
        (Some(index), _) => index.to_string(),
        // Each file has a path of its own: they are of one server.
        (None, Location::Url(url)) => redact(&url.join("/").unwrap_or_else(|_| url.clone())),
        (None, Location::Path(path)) => path.display().to_string(),
    };
    let page = Page { files, ..Page::default() };
    let list = List { page, from, index, logins: indexes.logins() };
    let found = shelf.add(Found::new(&locked.name, vec![list]));
    let listed = found.project.releases.iter().map(|release| Listed {
        found: Arc::clone(&found),
        version: release.version.clone(),
        files: release.files.iter().map(|file| file.position).collect(),
        by: by.clone(),
        marker: None,
    });
    let listed: Vec<_> = listed.collect();
    let is_taken = |at: usize| listed.iter().any(|one| one.files.contains(&at));
    match locked.files.iter().enumerate().find(|(at, _)| !is_taken(*at)) {
        Some((_, file)) => Err(wrong(format!("{} is of no release", file.filename))),
        None => Ok(listed),
    }
}
