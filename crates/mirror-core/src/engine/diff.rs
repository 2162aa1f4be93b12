//! What changed: between kept generations, between trees, and between a tree and its upstream.

use std::fs::File;
use std::io::ErrorKind;

use serde::Serialize;

use super::{Job, Mirror, blocking};
use crate::compare::{Comparison, Contents, compare};
use crate::error::{Error, Result};
use crate::format::rpm::repomd::Record;
use crate::limits;
use crate::manifest::{Entry, Manifest, Origin, StoredEntry, StoredManifest};
use crate::part::Expected;
use crate::path::TreePath;
use crate::report::{Event, Reporter};
use crate::source::rpm::contents::{self, REPOMD};
use crate::source::{Context, Resolution, Room, Stored, pypi};
use crate::store::{Generation, View};

/// A state of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The tree.
    pub tree: TreePath,
    /// The generation; `None` for the published one.
    pub generation: Option<u64>,
}

/// A state that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// The tree's path below the root.
    pub tree: String,
    /// Its generation; `None` for its upstream as it is now.
    pub generation: Option<u64>,
    /// When that was first published, in RFC 3339 and UTC.
    pub published: Option<String>,
}

/// What changed from one state to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The state that was held against the other.
    pub old: State,
    /// The other.
    pub new: State,
    /// What changed.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// What changed from `old` to `new`, as their generations say: no network is needed. Blocks.
pub fn diff(view: &View, old: &Point, new: &Point) -> Result<Diff> {
    let (old, before) = kept(view, old)?;
    let (new, after) = kept(view, new)?;
    between((old, &before), (new, &after))
}

/// What changed from the generation that was published before the published one. Blocks.
pub fn last_change(view: &View, tree: &TreePath) -> Result<Diff> {
    let current = view.current(tree)?.map_or(0, |current| current.id);
    let kept = view.generations(tree)?;
    let Some(before) = kept.iter().copied().filter(|id| *id < current).max() else {
        let wanted = format!(" before {current}");
        return Err(Error::NoGeneration { tree: tree.to_string(), wanted, kept });
    };
    let point = |generation| Point { tree: tree.clone(), generation };
    diff(view, &point(Some(before)), &point(None))
}

impl Mirror {
    /// What changed from `old` to what the upstream of `job` is now: what a sync would bring. Metadata
    /// that has to be read is stored, for the run that follows; nothing is published.
    pub async fn diff_upstream(
        &self,
        old: &Point,
        job: &Job,
        reporter: &dyn Reporter,
    ) -> Result<Diff> {
        let (view, point) = (self.store.view(), old.clone());
        let (state, before) = blocking(move || kept(&view, &point)).await?;
        let published = self.store.published(&job.tree)?.map(|generation| generation.manifest);
        let tree = job.tree.to_string();
        let room = Room::default();
        room.set(self.store.free()?.bytes);
        let (source, upstream) = (&job.source, job.source.identity());
        let previous = published.as_ref().filter(|published| {
            published.fingerprint == source.fingerprint() && published.upstream == upstream
        });
        let context =
            Context::new(&self.store, &self.client, &room, reporter, &tree, upstream, previous)
                .over(published.as_ref(), true);
        reporter.on_event(&Event::Resolving { tree: &tree });
        let now = match (source.resolve(&context).await?, &published) {
            (Resolution::Manifest(manifest), _) => of_upstream(&context, &manifest).await?,
            (Resolution::Unchanged, Some(_)) => {
                let (view, tree) = (self.store.view(), job.tree.clone());
                blocking(move || kept(&view, &Point { tree, generation: None })).await?.1
            }
            (Resolution::Unchanged, None) => {
                let reason = "its source says \"unchanged\" where nothing is known of it";
                return Err(Error::metadata(&tree, reason));
            }
        };
        context.kept().await;
        let new = State { tree: tree.clone(), generation: None, published: None };
        blocking(move || between((state, &before), (new, &now))).await
    }
}

fn between(old: (State, &Contents), new: (State, &Contents)) -> Result<Diff> {
    let Some(comparison) = compare(old.1, new.1) else {
        return Err(Error::OtherContents {
            first: old.0.tree,
            holds: old.1.kind(),
            second: new.0.tree,
            other: new.1.kind(),
        });
    };
    Ok(Diff { old: old.0, new: new.0, comparison })
}

/// What a kept generation holds.
fn kept(view: &View, point: &Point) -> Result<(State, Contents)> {
    let Point { tree, generation } = point;
    let gone = |wanted: String, kept| Error::NoGeneration { tree: tree.to_string(), wanted, kept };
    let current = view.current(tree)?.map(|current| current.id);
    let kept = view.generations(tree)?;
    let id = match generation.or(current) {
        Some(id) if kept.contains(&id) => id,
        Some(id) => return Err(gone(format!(" {id}"), kept)),
        None => return Err(gone(String::new(), kept)),
    };
    let Generation { published, manifest, .. } = view.generation(tree, id)?;
    let contents = if let Some(contents) = pypi::contents::read(&manifest) {
        contents
    } else {
        let is_current = current == Some(id);
        of_repository(&manifest, tree, |entry| open(view, tree, is_current, entry))?
    };
    let state = State { tree: tree.to_string(), generation: Some(id), published: Some(published) };
    Ok((state, contents))
}

/// Opens a file of a generation: a blob; of the published one, which may be older than the state, the
/// file of the tree.
fn open(view: &View, tree: &TreePath, is_current: bool, entry: &StoredEntry) -> Result<File> {
    let path = view.blob_path(&entry.sha256);
    match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && is_current => {
            let path = entry.path.under(&tree.under(view.root()));
            File::open(&path).map_err(Error::io("open", &path))
        }
        file => file.map_err(Error::io("open", &path)),
    }
}

fn of_repository(
    manifest: &StoredManifest,
    tree: &TreePath,
    open: impl Fn(&StoredEntry) -> Result<File>,
) -> Result<Contents> {
    let Some(entry) = manifest.get(REPOMD) else {
        return Err(Error::metadata(tree.as_str(), "holds neither RPM nor Python packages"));
    };
    let repomd = contents::entry_point(open(entry)?)?;
    contents::read(&repomd, |record| {
        let unlisted = || Error::metadata(&format!("{tree}/{}", record.href), "is not in the tree");
        open(manifest.get(&record.href).ok_or_else(unlisted)?)
    })
}

/// What the files of a manifest say, which are fetched where they are not stored.
async fn of_upstream(context: &Context<'_>, manifest: &Manifest) -> Result<Contents> {
    let find = |path: &str| manifest.entries().iter().find(|entry| entry.path.as_str() == path);
    let unlisted = |path: &str| Error::metadata(path, "is not listed");
    let stored = had(context, find(REPOMD).ok_or_else(|| unlisted(REPOMD))?).await?;
    let repomd = contents::entry_point(context.open(&stored.sha256)?)?;
    let mut files = Vec::new();
    for record in contents::needed(&repomd) {
        let entry = find(&record.href).ok_or_else(|| unlisted(&record.href))?;
        files.push((record.href.clone(), context.open(&had(context, entry).await?.sha256)?));
    }
    blocking(move || {
        contents::read(&repomd, |record: &Record| {
            let at = files.iter().position(|(href, _)| *href == record.href);
            let at = at.ok_or_else(|| Error::metadata(&record.href, "is not listed"))?;
            Ok(files.swap_remove(at).1)
        })
    })
    .await
}

async fn had(context: &Context<'_>, entry: &Entry) -> Result<Stored> {
    match &entry.origin {
        Origin::Stored { sha256, .. } => {
            Ok(Stored { sha256: *sha256, size: entry.size.unwrap_or_default() })
        }
        Origin::Remote(remote) => {
            let expected = Expected { size: entry.size, digest: entry.digest };
            let limit = limits::metadata_size(entry.size);
            let urls = remote.urls(&entry.path);
            context.fetch(entry.path.as_str(), urls, expected, limit).await
        }
    }
}
