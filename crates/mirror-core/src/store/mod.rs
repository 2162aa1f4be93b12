//! The store: verified content, the published trees, and the generations that were published.
//!
//! ```text
//! ROOT/                      what a web server serves
//!   rocky/10/baseos/…        trees: plain files, hard links to blobs (copies where links cannot be)
//!   .mirror/                 state; never served; mode 0700
//!     blobs/sha256/ab/HEX    verified content, once
//!     parts/                 resumable downloads
//!     generations/TREE/ID    kept manifests; `current` names the published one after a rollback
//!     runs                   what came of the last run of each tree
//!     state                  what was verified, per inode
//!     journal                replacements under way
//!     lock
//! ```
//!
//! What the store guarantees: it takes only what is [`Verified`]; a published file is whole at
//! every instant; a group of trees is published together, and a publication that was interrupted
//! is finished by whoever next opens the store.

mod adopt;
mod cache;
mod check;
mod files;
mod finding;
mod generation;
mod hold;
mod journal;
mod lock;
mod mend;
mod prune;
mod publish;
mod runs;
mod state;
mod status;
mod tidy;
mod tree;
mod view;

pub(crate) use check::Modes;
pub(crate) use files::{is_folder, make_folder, remove_any, sync_folder};
pub use finding::{Check, Finding, Problem, Repaired, TreeCheck};
pub use generation::{Generation, Heading};
pub(crate) use journal::put_folder;
pub(crate) use lock::Lock;
pub use lock::LockWait;
pub use prune::{Amount, Pruning};
pub use publish::{Publication, Published, Retention};
pub use runs::LastRun;
pub(crate) use runs::{BEGUN, INTERRUPTED};
pub use status::{KeptGeneration, Space, Status, TreeStatus};
use tree::TreeFolders;
pub use tree::TreeInventory;
pub use view::{Current, View};

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::digest::{Algorithm, Digest, Hasher, Sha256};
use crate::error::{Error, Result};
use crate::part::Verified;
use crate::path::{RESERVED, RepoPath, TreePath};
use files::write_whole;
use journal::Op;
use state::{Scope, State};

/// The store of a root, locked for this process.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    folder: PathBuf,
    state: Mutex<State>,
    /// Content that something dropped has named: it goes when a run is tidied up.
    unnamed: Mutex<HashSet<Sha256>>,
    _lock: Lock,
}

impl Store {
    /// Opens the store of `root`, making both where they are missing, and finishes a publication
    /// that was interrupted.
    pub async fn open(root: &Path, wait: LockWait) -> Result<Self> {
        let folder = root.join(RESERVED);
        let is_new = !root.exists();
        for folder in [folder.clone(), folder.join("parts"), folder.join("generations")] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(&folder)
                .map_err(Error::io("make the folder", &folder))?;
        }
        if is_new {
            // A web server of another user reads it, whatever the umask.
            fs::set_permissions(root, Permissions::from_mode(0o755))
                .map_err(Error::io("set the mode of", root))?;
        }
        if fs::metadata(&folder).is_ok_and(|found| found.permissions().mode() & 0o7777 != 0o700) {
            fs::set_permissions(&folder, Permissions::from_mode(0o700))
                .map_err(Error::io("set the mode of", &folder))?;
        }
        let lock = Lock::take(root, &folder.join("lock"), wait).await?;
        let state = State::load(&folder.join("state"))?;
        let root = root.to_owned();
        let (state, unnamed) = (Mutex::new(state), Mutex::default());
        let store = Self { root, folder, state, unnamed, _lock: lock };
        journal::finish(&store.root, &store.folder)?;
        Ok(store)
    }

    /// Finishes a publication that was interrupted, for who only reads: true where there was one.
    /// Does nothing while another process works on the root: that one will.
    pub fn finish_publication(root: &Path) -> Result<bool> {
        let folder = root.join(RESERVED);
        if !journal::is_there(&folder) {
            return Ok(false);
        }
        match Lock::try_take(root, &folder.join("lock")) {
            Ok(_lock) => journal::finish(root, &folder),
            Err(Error::Locked { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that parts lie in.
    pub fn parts(&self) -> PathBuf {
        self.folder.join("parts")
    }

    /// Where the content of that name lies.
    pub fn blob_path(&self, sha256: &Sha256) -> PathBuf {
        blob_path(&self.folder, sha256)
    }

    /// Opens the content of that name.
    pub fn open_blob(&self, sha256: &Sha256) -> Result<File> {
        let path = self.blob_path(sha256);
        File::open(&path).map_err(Error::io("open", &path))
    }

    /// Takes verified content. `upstream` is who gave its digest.
    pub fn put(&self, verified: &Verified, upstream: &str) -> Result<Sha256> {
        let sha256 = verified.sha256();
        if self.holds(&sha256)? {
            verified.discard()?;
            self.note_digest(&verified.digest(), upstream, sha256)?;
            return Ok(sha256);
        }
        self.take(verified, upstream)
    }

    /// The same, in place of any file that lies there.
    fn take(&self, verified: &Verified, upstream: &str) -> Result<Sha256> {
        let (from, file) = verified.file();
        let sha256 = verified.sha256();
        let to = self.blob_path(&sha256);
        file.set_permissions(Permissions::from_mode(0o644))
            .map_err(Error::io("set the mode of", from))?;
        if let Some(time) = verified.modification_time() {
            file.set_modified(time).map_err(Error::io("set the time of", from))?;
        }
        if let Err(error) = fs::rename(from, &to) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(Error::io("rename into the store", from)(error));
            }
            make_blob_folder(&to)?;
            fs::rename(from, &to).map_err(Error::io("rename into the store", from))?;
        }
        let found = file.metadata().map_err(Error::io("look at", &to))?;
        self.state().record(&found, sha256)?;
        self.note_digest(&verified.digest(), upstream, sha256)?;
        Ok(sha256)
    }

    fn note_digest(&self, digest: &Digest, upstream: &str, sha256: Sha256) -> Result<()> {
        if digest.as_sha256().is_some() {
            return Ok(());
        }
        self.state().record_digest(Scope::of(digest, upstream), *digest, sha256)
    }

    /// The content that `digest` names, if the store holds it, verified. A weak digest speaks only
    /// for `upstream`.
    ///
    /// A blob that changed since it was verified is read again; one that is damaged is removed.
    pub fn find(&self, digest: &Digest, upstream: &str) -> Result<Option<Sha256>> {
        let named = digest.as_sha256();
        let Some(sha256) =
            named.or_else(|| self.state().digest(Scope::of(digest, upstream), digest))
        else {
            return Ok(None);
        };
        Ok(self.holds(&sha256)?.then_some(sha256))
    }

    /// Whether the store holds that content, verified; see [`Store::find`].
    pub fn holds(&self, sha256: &Sha256) -> Result<bool> {
        let path = self.blob_path(sha256);
        match self.verified_content(&path)? {
            Some(found) if found == *sha256 => Ok(true),
            None => Ok(false),
            Some(_) => {
                fs::remove_file(&path).map_err(Error::io("remove the damaged", &path))?;
                Ok(false)
            }
        }
    }

    /// The size of content that the store holds.
    pub fn size(&self, sha256: &Sha256) -> Result<u64> {
        let path = self.blob_path(sha256);
        Ok(fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?.len())
    }

    /// The content of the regular file at `path`: known where it is as it was when verified, else
    /// read and noted. `None` where no regular file is there.
    fn verified_content(&self, path: &Path) -> Result<Option<Sha256>> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => found,
            Ok(_) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Error::io("look at", path)(error)),
        };
        if let Some(sha256) = self.state().content(&found) {
            return Ok(Some(sha256));
        }
        // A change of mode is a change of ctime, so it comes here.
        let mut found = found;
        if found.permissions().mode() & 0o7777 != 0o644 {
            fs::set_permissions(path, Permissions::from_mode(0o644))
                .map_err(Error::io("set the mode of", path))?;
            found = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
        }
        let sha256 = hash_file(path)?;
        self.state().record(&found, sha256)?;
        Ok(Some(sha256))
    }

    /// The same for who only reads.
    pub fn view(&self) -> View {
        View::glance(&self.root)
    }

    /// The trees that have been published, in the order of their paths.
    pub fn trees(&self) -> Result<Vec<TreePath>> {
        self.view().trees()
    }

    /// The same for who only reads: needs no lock, and a root without a store has none.
    pub fn trees_below(root: &Path) -> Result<Vec<TreePath>> {
        View::glance(root).trees()
    }

    /// The generations of `tree` that are kept, oldest first.
    pub fn generations(&self, tree: &TreePath) -> Result<Vec<u64>> {
        self.view().generations(tree)
    }

    /// A kept generation of `tree`.
    pub fn generation(&self, tree: &TreePath, id: u64) -> Result<Generation> {
        self.view().generation(tree, id)
    }

    /// The generation of `tree` that is published.
    pub fn published(&self, tree: &TreePath) -> Result<Option<Generation>> {
        self.view().published(tree)
    }

    /// The identity of the upstream that `tree` mirrors, without reading its whole manifest.
    pub fn upstream(&self, tree: &TreePath) -> Result<Option<String>> {
        let view = self.view();
        for id in view.generations(tree)?.into_iter().rev() {
            match view.heading(tree, id) {
                Ok(heading) if !heading.upstream.is_empty() => return Ok(Some(heading.upstream)),
                // An earlier one knows it too.
                Ok(_) => {}
                Err(error) if error.is_of_one_file() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Moves a tree and its generations to where no tree is: neither the one within the other, nor to
    /// another file system.
    pub fn move_tree(&self, from: &TreePath, to: &TreePath) -> Result<()> {
        if from.overlaps(to) {
            let (outer, inner) = (from.to_string(), to.to_string());
            return Err(Error::NestedTrees { outer, inner });
        }
        journal::finish(&self.root, &self.folder)?;
        let generations = self.folder.join("generations");
        let moves = [
            (from.under(&self.root), to.under(&self.root)),
            (from.under(&generations), to.under(&generations)),
        ];
        let mut ops = Vec::new();
        let mut folders = TreeFolders::new(&self.root, to);
        for (from, to) in &moves {
            // What a tree that lay within it left; a folder that holds anything stays.
            let _ = fs::remove_dir(to);
            if fs::symlink_metadata(to).is_ok() {
                let source = io::ErrorKind::AlreadyExists.into();
                return Err(Error::Io { action: "move a tree to", path: to.clone(), source });
            }
            let parent = to.parent().unwrap_or(&self.root);
            folders.make_all(parent)?;
            let below_root = |path: &Path| {
                path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
            };
            ops.push(Op::Replace { from: below_root(from), to: below_root(to) });
        }
        journal::write(&self.folder, &ops)?;
        let finished = journal::finish(&self.root, &self.folder);
        if finished.is_err() && moves.iter().all(|(from, _)| fs::symlink_metadata(from).is_ok()) {
            // Not even the first could be done (another disk): none will be.
            journal::abandon(&self.folder)?;
        }
        finished?;
        // The note is of the old place, where no tree is now.
        let _ = self.forget_runs(std::slice::from_ref(from));
        Ok(())
    }

    /// Bytes and inodes that may still be written below the root.
    pub fn free(&self) -> Result<Free> {
        let found = rustix::fs::statvfs(&self.folder)
            .map_err(|error| Error::io("look at the file system of", &self.folder)(error.into()))?;
        Ok(Free {
            bytes: found.f_bavail.saturating_mul(found.f_frsize),
            // File systems that make inodes as they need them give none in all.
            inodes: (found.f_files > 0).then_some(found.f_favail),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is whole before the lock is let go.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a file system still takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    /// Bytes.
    pub bytes: u64,
    /// Files, where the file system counts them.
    pub inodes: Option<u64>,
}

fn blob_path(folder: &Path, sha256: &Sha256) -> PathBuf {
    let hex = sha256.hex();
    folder.join("blobs/sha256").join(&hex[..2]).join(hex)
}

fn make_blob_folder(blob: &Path) -> Result<()> {
    let folder = blob.parent().unwrap_or(blob);
    fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))
}

pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The content of the regular file at `path`, read; `None` where none can be.
pub(crate) fn content(path: &Path) -> Option<Sha256> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    is_file.then(|| hash_file(path).ok()).flatten()
}

fn hash_file(path: &Path) -> Result<Sha256> {
    Ok(hash_by(path, None)?.0)
}

/// The file's SHA-256, and its digest by another algorithm where one is named, in one pass.
pub(crate) fn hash_by(path: &Path, also: Option<Algorithm>) -> Result<(Sha256, Digest)> {
    use std::io::Read as _;
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hasher = Hasher::new(also);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(Error::io("read", path))? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// The numbers that name generations in `folder`, in order; none where there is no such folder.
fn generation_ids(folder: &Path) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    for entry in list(folder)? {
        ids.extend(generation_id(&entry));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// The number of the generation that a file is. A folder is on the way to another tree's.
fn generation_id(entry: &fs::DirEntry) -> Option<u64> {
    let name = entry.file_name();
    let name = name.to_str()?;
    // One that can be counted on from, and under the name that it would be given.
    let id = name.parse().ok().filter(|id: &u64| *id < u64::MAX && id.to_string() == name)?;
    entry.file_type().is_ok_and(|kind| !kind.is_dir()).then_some(id)
}

fn collect_trees(folder: &Path, path: &mut String, trees: &mut Vec<TreePath>) -> Result<()> {
    let mut has_generations = false;
    for entry in list(folder)? {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        has_generations |= generation_id(&entry).is_some();
        if is_folder {
            let end = path.len();
            if end > 0 {
                path.push('/');
            }
            path.push_str(name);
            collect_trees(&entry.path(), path, trees)?;
            path.truncate(end);
        }
    }
    if has_generations {
        trees.extend(TreePath::new(if path.is_empty() { "." } else { path }));
    }
    Ok(())
}

pub(crate) fn list(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let wrong = Error::io("list", folder);
    match fs::read_dir(folder).and_then(Iterator::collect) {
        Ok(entries) => Ok(entries),
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        Err(error) => Err(wrong(error)),
    }
}

/// The folder of a tree that holds what is about to be published.
fn stage_path() -> RepoPath {
    // The one name of a tree that `RepoPath` refuses everyone else.
    RepoPath::reserved("-stage")
}

/// What the fuzz targets run of the store's own formats.
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing {
    use std::path::Path;

    use super::generation::{self, Generation};
    use super::hold::Pointer;
    use super::{journal, runs, state};
    use crate::digest::Sha256;

    /// A generation that is written is read, and written the same again.
    pub(crate) fn generation(data: &[u8]) {
        let _ = generation::read_heading(data, 1);
        let read = |text: &[u8]| generation::read(Path::new("generation"), 1, text);
        let write = |generation: &Generation| {
            generation::write(&generation.manifest, &generation.group, &generation.published)
        };
        let _ = read(data);
        // The checksum at the end would keep a fuzzer from all that is before it.
        let end = data.windows(8).rposition(|bytes| bytes == b"\nsha256 ");
        let body = end.map_or(data, |end| &data[..=end]);
        let sum = format!("sha256 {}\n", Sha256::of(body));
        let Ok(found) = read(&[body, sum.as_bytes()].concat()) else { return };
        let text = write(&found);
        let again = read(text.as_bytes());
        assert_eq!(again.as_ref().ok().map(write).as_ref(), Some(&text), "{again:?}");
    }

    /// Which generation is published is read from the very text that says so, and from no other.
    pub(crate) fn hold(data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        if let Ok(pointer) = Pointer::from_text("current".into(), &text) {
            assert_eq!(pointer.write(), text);
        }
    }

    /// A journal leads nowhere outside of the root.
    pub(crate) fn journal(data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        for op in journal::read(Path::new("journal"), &text).unwrap_or_default() {
            let (from, to, names) = match op {
                journal::Op::Replace { from, to } | journal::Op::Generation { from, to } => {
                    (from, to, Vec::new())
                }
                journal::Op::Switch { from, to, entry_points, .. } => (from, to, entry_points),
            };
            let names = names.into_iter().map(|(name, _)| name);
            for path in [from, to].into_iter().chain(names) {
                assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".."));
            }
        }
    }

    /// What is read of the last runs is what is written of them.
    pub(crate) fn runs(data: &[u8]) {
        let text = runs::to_text(&runs::from_text(&String::from_utf8_lossy(data)));
        assert_eq!(runs::to_text(&runs::from_text(&text)), text);
    }

    /// A state that is read says of no more lines than it has that they reached the disk.
    pub(crate) fn state(data: &[u8]) {
        state::State::check_reading(&String::from_utf8_lossy(data));
    }
}
