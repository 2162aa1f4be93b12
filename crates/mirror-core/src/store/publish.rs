//! Publication: a group of trees becomes what its manifests say, together.
//!
//! 1. What has a new name is added: payload into the tree, the folder that is switched as a whole
//!    into a hidden stage beside it, together with the metadata of generations in grace.
//! 2. Each file system is synced once.
//! 3. The replacements of all trees are written to the journal.
//! 4. They are done back to back, and the journal goes.
//! 5. What no generation in grace names is retired.
//!
//! What no kept generation names is dropped when the run is tidied up: another tree of the run may
//! have been promised it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::files::{self, Placed, make_folder, place, remove_any, sync_file_systems};
use super::generation::{self, Generation};
use super::hold::Pointer;
use super::journal::{self, Op};
use super::tree::TreeFolders;
use super::{Store, is_absent, make_blob_folder, stage_path};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::manifest::{Role, StoredEntry, StoredManifest};
use crate::path::{RepoPath, TreePath};

/// A tree that is to hold a manifest.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The tree.
    pub tree: TreePath,
    /// What it is published together with.
    pub group: String,
    /// What it is to hold; each file's content is in the store.
    pub manifest: StoredManifest,
    /// For each entry, whether it is in the tree already.
    pub in_place: Vec<bool>,
}

/// A tree that holds its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its generation.
    pub generation: u64,
    /// Whether that is a new one; a tree that was only repaired keeps its own.
    pub is_new: bool,
}

/// How long the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Generations of a tree whose manifest and content are kept, the published one among them.
    pub generations: usize,
    /// How long what a publication replaced is still served, beside the one before it.
    pub grace: Duration,
    /// Whether content that no kept generation names is dropped.
    pub prune: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Self { generations: 3, grace: Duration::from_hours(24), prune: true }
    }
}

impl Store {
    /// Publishes a group of trees together; see the module's steps.
    pub fn publish(&self, group: &[Publication], retention: &Retention) -> Result<Vec<Published>> {
        let group = group.iter().map(|publication| (publication, None));
        self.publish_group(group, retention)
    }

    /// Publishes kept generations of a group of trees together again, and holds them there.
    pub(crate) fn publish_again(
        &self,
        group: &[(Publication, u64)],
        retention: &Retention,
    ) -> Result<Vec<Published>> {
        let group = group.iter().map(|(publication, id)| (publication, Some(*id)));
        self.publish_group(group, retention)
    }

    fn publish_group<'p>(
        &self,
        group: impl Iterator<Item = (&'p Publication, Option<u64>)>,
        retention: &Retention,
    ) -> Result<Vec<Published>> {
        // One that failed within this process is still to be finished.
        journal::finish(&self.root, &self.folder)?;
        let now = Timestamp::now();
        let mut ops = Vec::new();
        let (mut works, mut generations) = (Vec::new(), Vec::new());
        for (publication, again) in group {
            let mut work = Work::new(self, publication, again, retention, now)?;
            // First, so that whoever comes after a crash knows what was added.
            let generation = match again {
                Some(id) => Some(work.write_pointer(id, now)?),
                None => work.write_generation(now)?,
            };
            work.add_new_names()?;
            work.stage_switched()?;
            ops.append(&mut work.ops);
            generations.extend(generation);
            works.push(work);
        }
        ops.append(&mut generations);
        let copies = works.iter().flat_map(|work| &work.copied).filter_map(|copy| copy.0.parent());
        self.sync(works.iter().map(|work| work.folders.base()).chain(copies))?;
        journal::write(&self.folder, &ops)?;
        journal::finish(&self.root, &self.folder)?;
        for work in &mut works {
            work.retire()?;
        }
        self.note_links(&works)?;
        Ok(works.iter().map(|work| work.published).collect())
    }

    /// Makes everything so far survive a power loss, below `.mirror` and in `folders`.
    pub(super) fn sync<'a>(&'a self, folders: impl Iterator<Item = &'a Path>) -> Result<()> {
        let mark = self.state().mark();
        let real = folders.filter(|folder| folder.exists());
        sync_file_systems([self.folder.as_path()].into_iter().chain(real))?;
        self.state().synced(mark)
    }

    /// Links made and removed changed the ctime of inodes that we know.
    fn note_links(&self, works: &[Work<'_>]) -> Result<()> {
        let mut state = self.state();
        let touched: HashSet<&Sha256> = works.iter().flat_map(|work| &work.touched).collect();
        for sha256 in touched {
            let Ok(found) = fs::symlink_metadata(self.blob_path(sha256)) else {
                continue;
            };
            if state.content_but_for_links(&found) == Some(*sha256) {
                state.record(&found, *sha256)?;
            }
        }
        for (path, sha256) in works.iter().flat_map(|work| &work.copied) {
            if let Ok(found) = fs::symlink_metadata(path) {
                state.record(&found, *sha256)?;
            }
        }
        state.compact()
    }
}

/// A tree on its way to a new generation.
struct Work<'a> {
    store: &'a Store,
    publication: &'a Publication,
    folders: TreeFolders,
    stage: PathBuf,
    ops: Vec<Op>,
    published: Published,
    /// The published generation is to say something else of its signature, or of what it was made from.
    is_judged_anew: bool,
    /// Kept generations that are not in grace any more: what only they name leaves the tree.
    past: Vec<Generation>,
    /// Earlier generations that clients may still be reading.
    in_grace: Vec<Generation>,
    /// Content of which links were made or removed.
    touched: HashSet<Sha256>,
    /// Files of the tree that are copies of blobs.
    copied: Vec<(PathBuf, Sha256)>,
}

impl<'a> Work<'a> {
    fn new(
        store: &'a Store,
        publication: &'a Publication,
        again: Option<u64>,
        retention: &Retention,
        now: Timestamp,
    ) -> Result<Self> {
        let tree = &publication.tree;
        let mut folders = TreeFolders::new(&store.root, tree);
        folders.make_base()?;
        let stage = stage_path().under(folders.base());
        let ids = store.generations(tree)?;
        let kept = store.kept(tree, &ids)?;
        store.clear_attempts(tree, &kept, Some(&publication.manifest))?;
        let view = store.view();
        let current = view.current(tree)?;
        let mut kept = in_order(kept.generations, view.pointer(tree)?.as_ref());
        let newest = ids.last().copied().unwrap_or(0);
        let last = kept.last().filter(|last| current.is_some_and(|current| current.id == last.id));
        let same = match again {
            Some(id) => last.is_some_and(|last| last.id == id),
            None => last.is_some_and(|last| last.manifest.holds_the_same(&publication.manifest)),
        };
        let is_other = |last: &StoredManifest, now: &StoredManifest| {
            last.signature != now.signature || last.made_from != now.made_from
        };
        let is_judged_anew = again.is_none()
            && last.is_some_and(|last| is_other(&last.manifest, &publication.manifest));
        let id = last.filter(|_| same).map(|last| last.id);
        let generation = again.or(id).unwrap_or(newest + 1);
        let published = Published { generation, is_new: !same };
        let current = if same { kept.pop() } else { None };
        // One that is published again is no past of itself.
        kept.retain(|generation| Some(generation.id) != again);
        let superseded = current.map_or(now, |current| current.published_at(now));
        let (in_grace, past) = split_by_grace(kept, superseded, now, retention.grace);
        Ok(Self {
            store,
            publication,
            folders,
            stage,
            ops: Vec::new(),
            published,
            is_judged_anew,
            past,
            in_grace,
            touched: HashSet::new(),
            copied: Vec::new(),
        })
    }

    fn entries(&self) -> &'a [StoredEntry] {
        &self.publication.manifest.entries
    }

    fn is_switched(&self, path: &RepoPath) -> bool {
        self.publication.manifest.switched.as_ref().is_some_and(|folder| path.is_within(folder))
    }

    /// Adds the files whose name is new, and stages those that replace one.
    fn add_new_names(&mut self) -> Result<()> {
        let mut replaced = Vec::new();
        for (entry, in_place) in self.entries().iter().zip(&self.publication.in_place) {
            if self.is_switched(&entry.path) {
                continue;
            }
            if *in_place {
                self.adopt(entry)?;
                continue;
            }
            let to = entry.path.under(self.folders.base());
            // Pages and the like are seen at once, so they wait for what they lead to. A file that
            // is to become a folder is one of the old generation.
            if !self.folders.make_beside_files(&entry.path)?
                || entry.role == Role::EntryPoint
                || fs::symlink_metadata(&to).is_ok()
            {
                replaced.push(entry);
            } else {
                self.place(&to, &to, entry)?;
            }
        }
        // What lists others comes after them: the root page of an index after its projects' pages.
        let depth = |entry: &StoredEntry| entry.path.as_str().matches('/').count();
        replaced.sort_by_key(|entry| (entry.role, std::cmp::Reverse(depth(entry))));
        for (number, entry) in replaced.into_iter().enumerate() {
            let staged = self.stage()?.join(number.to_string());
            let to = entry.path.under(self.folders.base());
            self.place(&staged, &to, entry)?;
            if let Some(old) =
                self.in_grace.first().and_then(|g| g.manifest.get(entry.path.as_str()))
            {
                self.touch(&to, old.sha256);
            }
            let op = Op::Replace { from: self.below_root(&staged), to: self.below_root(&to) };
            self.ops.push(op);
        }
        Ok(())
    }

    /// A file that was there before us becomes the store's blob as well.
    fn adopt(&mut self, entry: &StoredEntry) -> Result<()> {
        let known = self.in_grace.first().and_then(|last| last.manifest.get(entry.path.as_str()));
        if known.is_some_and(|known| known.sha256 == entry.sha256) {
            return Ok(());
        }
        let blob = self.store.blob_path(&entry.sha256);
        if fs::symlink_metadata(&blob).is_ok() { Ok(()) } else { self.make_blob(entry) }
    }

    /// Makes the blob of a file that the tree holds.
    fn make_blob(&mut self, entry: &StoredEntry) -> Result<()> {
        let blob = self.store.blob_path(&entry.sha256);
        let from = entry.path.under(self.folders.base());
        make_blob_folder(&blob)?;
        if place(&from, &blob, &self.stage()?, &entry.sha256)? == Placed::Copied {
            self.copied.push((blob.clone(), entry.sha256));
        }
        fs::set_permissions(&blob, fs::Permissions::from_mode(0o644))
            .map_err(Error::io("set the mode of", &blob))?;
        self.touched.insert(entry.sha256);
        Ok(())
    }

    /// Builds the folder that is switched as a whole, where anything in it changes.
    fn stage_switched(&mut self) -> Result<()> {
        let Some(folder) = &self.publication.manifest.switched else {
            return Ok(());
        };
        let within: Vec<_> = self
            .entries()
            .iter()
            .zip(&self.publication.in_place)
            .filter(|(entry, _)| entry.path.is_within(folder))
            .collect();
        if !self.published.is_new && within.iter().all(|(_, in_place)| **in_place) {
            return Ok(());
        }
        let stage = self.stage()?;
        let staged = stage.join("switched");
        make_folder(&staged)?;
        for (entry, _) in within.iter().filter(|(_, in_place)| **in_place) {
            // The blob may have been lost or damaged beside a tree that is whole.
            if !self.store.holds(&entry.sha256)? {
                self.make_blob(entry)?;
            }
        }
        // Files of earlier generations first: where both name a path, the new one counts.
        let mut wanted: HashMap<&RepoPath, &StoredEntry> = HashMap::new();
        let in_grace = std::mem::take(&mut self.in_grace);
        for entry in in_grace.iter().flat_map(|generation| &generation.manifest.entries) {
            if !entry.path.is_within(folder) {
                continue;
            }
            if entry.role == Role::Metadata && self.store.holds(&entry.sha256)? {
                self.touched.insert(entry.sha256);
                wanted.insert(&entry.path, entry);
            } else {
                self.touch(&self.store.blob_path(&entry.sha256), entry.sha256);
            }
        }
        wanted.extend(within.iter().map(|(entry, _)| (&entry.path, *entry)));
        wanted.retain(|path, _| within.iter().all(|(new, _)| !excludes(&new.path, path)));
        let to = folder.under(self.folders.base());
        let mut entry_points = Vec::new();
        for entry in wanted.into_values() {
            let name = &entry.path.as_str()[folder.as_str().len() + 1..];
            let at = staged.join(name);
            make_parents(&staged, name)?;
            self.place(&at, &to.join(name), entry)?;
            if entry.role == Role::EntryPoint {
                entry_points.push((name.to_owned(), entry.sha256));
            }
        }
        self.in_grace = in_grace;
        self.folders.make(folder)?;
        let inode = fs::metadata(&staged).map_err(Error::io("look at", &staged))?.ino();
        let (from, to) = (self.below_root(&staged), self.below_root(&to));
        self.ops.push(Op::Switch { from, to, inode, entry_points });
        Ok(())
    }

    /// Notes that links of `path`, whose content is known, are about to be made or removed.
    fn touch(&mut self, path: &Path, sha256: Sha256) {
        let found = fs::symlink_metadata(path);
        if found.is_ok_and(|found| self.store.state().content(&found) == Some(sha256)) {
            self.touched.insert(sha256);
        }
    }

    fn stage(&self) -> Result<PathBuf> {
        make_folder(&self.stage)?;
        Ok(self.stage.clone())
    }

    /// Puts an entry's content at `at`, whence it will end up at `finally`.
    fn place(&mut self, at: &Path, finally: &Path, entry: &StoredEntry) -> Result<()> {
        let blob = self.store.blob_path(&entry.sha256);
        match files::place(&blob, at, &self.stage, &entry.sha256) {
            Ok(Placed::Linked) => {
                self.touched.insert(entry.sha256);
            }
            Ok(Placed::Copied) => self.copied.push((finally.to_owned(), entry.sha256)),
            // Only a copy goes through the stage, which may not be there yet.
            Err(Error::Io { source, .. }) if is_absent(&source) && !self.stage.exists() => {
                self.stage()?;
                return self.place(at, finally, entry);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn below_root(&self, path: &Path) -> String {
        path.strip_prefix(&self.store.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Writes the new generation beside its name, for the journal to put there; or the published one,
    /// with what is known of its signature now.
    fn write_generation(&self, now: Timestamp) -> Result<Option<Op>> {
        let Publication { tree, manifest, group, .. } = self.publication;
        let Published { generation: id, is_new } = self.published;
        // To the last digit: it tells which trees were published together.
        let (published, group) = match is_new {
            true => (now.to_string(), group.clone()),
            false if self.is_judged_anew => {
                let known = self.store.view().heading(tree, id)?;
                (known.published, known.group)
            }
            false => return Ok(None),
        };
        let folder = self.generations();
        fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;
        let name = id.to_string();
        let new = folder.join(format!("{name}.new"));
        let text = generation::write(manifest, &group, &published);
        fs::write(&new, text).map_err(Error::io("write", &new))?;
        let (from, to) = (self.below_root(&new), self.below_root(&folder.join(name)));
        Ok(Some(Op::Generation { from, to }))
    }

    /// Writes beside its name which kept generation is published, and that it is held there.
    fn write_pointer(&self, published: u64, now: Timestamp) -> Result<Op> {
        let folder = self.generations();
        let newest = super::generation_ids(&folder)?.last().copied().unwrap_or(published);
        let since = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        let pointer = Pointer { published, newest, since, held: true };
        let path = Pointer::path(&folder);
        let new = path.with_extension("new");
        fs::write(&new, pointer.write()).map_err(Error::io("write", &new))?;
        Ok(Op::Generation { from: self.below_root(&new), to: self.below_root(&path) })
    }

    fn generations(&self) -> PathBuf {
        self.publication.tree.under(&self.store.folder.join("generations"))
    }

    /// Removes what only generations past their grace name, and the stage.
    fn retire(&mut self) -> Result<()> {
        remove_any(&self.stage)?;
        let keep: HashSet<&str> = self
            .in_grace
            .iter()
            .flat_map(|generation| &generation.manifest.entries)
            .chain(self.entries())
            .map(|entry| entry.path.as_str())
            .collect();
        let past = std::mem::take(&mut self.past);
        let gone = past
            .iter()
            .flat_map(|generation| &generation.manifest.entries)
            .filter(|entry| !keep.contains(entry.path.as_str()));
        let removed = remove_files(self.store, &mut self.folders, gone)?;
        self.touched.extend(removed);
        Ok(())
    }
}

/// Removes files from a tree, and folders that this leaves empty. Returns the content of which a link
/// is gone, where it was known.
pub(super) fn remove_files<'e>(
    store: &Store,
    tree: &mut TreeFolders,
    files: impl Iterator<Item = &'e StoredEntry>,
) -> Result<Vec<Sha256>> {
    let mut folders = BTreeSet::new();
    let mut touched = Vec::new();
    for entry in files {
        let path = entry.path.under(tree.base());
        match fs::symlink_metadata(&path) {
            // What is a folder now is another's.
            Ok(found) if !found.is_dir() && tree.holds(&entry.path) => {
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
                if store.state().content(&found) == Some(entry.sha256) {
                    touched.push(entry.sha256);
                }
            }
            Ok(_) => continue,
            // Who was interrupted may have left the folders.
            Err(_) => {}
        }
        let mut parent = entry.path.parent();
        while let Some(folder) = parent {
            parent = folder.parent();
            folders.insert(folder);
        }
    }
    // Deepest first; one that still holds something stays.
    for folder in folders.into_iter().rev() {
        if tree.holds(&folder) {
            let _ = fs::remove_dir(folder.under(tree.base()));
        }
    }
    Ok(touched)
}

/// Whether a tree that holds `new` cannot hold `old` as well: one would be a folder of the other.
fn excludes(new: &RepoPath, old: &RepoPath) -> bool {
    new != old && (new.is_within(old) || old.is_within(new))
}

/// Generations in the order in which they were published: one that was published again comes after
/// those that were there by then.
pub(super) fn in_order(mut kept: Vec<Generation>, pointer: Option<&Pointer>) -> Vec<Generation> {
    let Some(pointer) = pointer else { return kept };
    let Some(at) = kept.iter().position(|generation| generation.id == pointer.published) else {
        return kept;
    };
    let mut again = kept.remove(at);
    again.published.clone_from(&pointer.since);
    let end = kept.partition_point(|generation| generation.id <= pointer.newest);
    kept.insert(end, again);
    kept
}

/// Earlier generations, oldest first, of which the last one was superseded at `superseded`: those
/// in grace and those past it, newest first.
pub(super) fn split_by_grace(
    earlier: Vec<Generation>,
    mut superseded: Timestamp,
    now: Timestamp,
    grace: Duration,
) -> (Vec<Generation>, Vec<Generation>) {
    let grace = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
    let (mut in_grace, mut past) = (Vec::new(), Vec::new());
    for generation in earlier.into_iter().rev() {
        let age = now.duration_since(superseded);
        superseded = generation.published_at(now);
        if in_grace.is_empty() || (past.is_empty() && age.as_secs() < grace) {
            in_grace.push(generation);
        } else {
            past.push(generation);
        }
    }
    (in_grace, past)
}

/// Makes the folders that `name` has below `folder`.
fn make_parents(folder: &Path, name: &str) -> Result<()> {
    for (at, _) in name.match_indices('/') {
        make_folder(&folder.join(&name[..at]))?;
    }
    Ok(())
}
