//! Sources: what resolves an upstream to a manifest.
//!
//! A [`Source`] reads the small files that say what an upstream holds and returns a
//! [`Manifest`]; it fetches no payload. Everything it has to read or generate goes through its
//! [`Context`] into the store, verified, so nothing is fetched twice and every published byte is a
//! blob. A new kind of content is a new source, and nothing else changes.

mod making;
pub mod pypi;
mod room;
pub mod rpm;
mod selected;
mod transfer;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The future that [`Source::resolve`] returns.
pub use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::Url;

use crate::digest::{Digest, Sha256};
use crate::error::{Error, Kind, Result};
use crate::fetch::{self, Client, Need, Question, Reply};
use crate::manifest::{Entry, Manifest, StoredEntry, StoredManifest};
use crate::part::{Expected, Part, Verified};
use crate::path::{RepoPath, TreePath};
use crate::plan::dropped;
use crate::report::{Event, Failure, PackageSignatures, Reporter, SetFailure};
use crate::signature::Judgement;
use crate::store::Store;
pub use making::Pipe;
pub(crate) use room::{Growing, Room};
pub(crate) use selected::{OfAdvisories, Selected};
pub(crate) use transfer::Transfer;

/// What an upstream holds now.
#[derive(Debug)]
pub enum Resolution {
    /// The same as the published generation, which [`Context::previous`] gave.
    Unchanged,
    /// These files.
    Manifest(Manifest),
}

/// What the sizes stand for that an upstream lists of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Clients compare them with the files before they read those: a file of another size has failed.
    Bind,
    /// No client looks at them: where the digest is right another size is told, and the file's own
    /// counts.
    Inform {
        /// The most bytes that are taken of a file, whatever is listed.
        limit: u64,
    },
}

/// When a source is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// As a run begins: what is known of an earlier one is void.
    First,
    /// Later in it.
    Again,
}

/// Resolves an upstream to a manifest.
pub trait Source: Send + Sync {
    /// Which upstream this is: the same for every run, whatever is selected of it. A tree keeps it,
    /// so that the same upstream is not published at two places by mistake.
    fn identity(&self) -> String;

    /// Whether the upstream belongs at one place, so that another tree of it is a mistake, or a move.
    fn has_one_place(&self) -> bool {
        true
    }

    /// Everything besides upstream's content that the manifest's files depend on: selection, layout,
    /// and a version of the source's own rules. Where it is another, files that are gone were perhaps
    /// not wanted any more; whom to trust is none of it, and is kept with the judgement
    /// ([`Judgement::under`]).
    fn fingerprint(&self) -> String;

    /// How many packages of what is published a manifest drops though they are asked for as before, and
    /// of how many: where that is more than half, upstream may be broken, or half there.
    fn drops(&self, published: &StoredManifest, manifest: &Manifest) -> (u64, u64) {
        if published.fingerprint == self.fingerprint() {
            dropped(published, manifest)
        } else {
            (0, 0)
        }
    }

    /// What the sizes of its payload stand for.
    fn sizes(&self) -> Sizes {
        Sizes::Bind
    }

    /// Reads the upstream.
    fn resolve<'a>(&'a self, context: &'a Context<'a>) -> BoxFuture<'a, Result<Resolution>>;

    /// The key of the sources that this one chooses its files together with, where it does: a run
    /// resolves them at the same time, and again together.
    fn companions(&self) -> Option<usize> {
        None
    }

    /// A run is about to resolve this source, and all of its companions that are in the run.
    fn begin(&self, turn: Turn) {
        let _ = turn;
    }

    /// The run goes on without this source, which was not resolved: its companions are not to wait
    /// for it.
    fn give_up(&self, why: &str) {
        let _ = why;
    }

    /// Whether what it resolved last was chosen for states of its companions that are not theirs any
    /// more.
    fn is_outdated(&self) -> bool {
        false
    }

    /// Whether it can do without files that upstream does not have: whether one has failed is then said
    /// when [`Source::do_without`] was asked.
    fn may_do_without(&self) -> bool {
        false
    }

    /// Asks a source to leave out what needs files that could not be had, or what [`Source::finish`]
    /// found wanting, where it can do without: the next [`Source::resolve`] is of what is left then.
    /// Each time it has to leave out more.
    fn do_without(&self, failures: &[Failure]) -> bool {
        let _ = failures;
        false
    }

    /// Whether [`Source::finish`] makes or judges anything.
    fn makes_files(&self) -> bool {
        false
    }

    /// Makes what can be made only of the files themselves, such as pages with their digests: called
    /// once all that [`Source::resolve`] listed is stored, before anything of it is published. What
    /// it returns is published with the rest; where it fails, or says of a file that it must not be
    /// published ([`Context::refuse`]), nothing is.
    fn finish<'a>(
        &'a self,
        context: &'a Context<'a>,
        stored: &'a [StoredEntry],
    ) -> BoxFuture<'a, Result<Vec<Entry>>> {
        let _ = (context, stored);
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A file in the store, as a source sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its content's name.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

/// What a source works with: the transfer, the store, and what was published before.
#[derive(Debug)]
pub struct Context<'a> {
    store: &'a Store,
    client: &'a Client,
    reporter: Reporting<'a>,
    room: &'a Room,
    upstream: String,
    previous: Option<&'a StoredManifest>,
    published: Option<&'a StoredManifest>,
    allow_older: bool,
    seats: Option<&'a Semaphore>,
    remarks: Mutex<Remarks>,
    keeping: Mutex<JoinSet<()>>,
}

/// What a source has to say beside what it returns.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    pub(crate) warnings: Vec<String>,
    pub(crate) failed_sets: Vec<SetFailure>,
    pub(crate) let_go: HashSet<Sha256>,
    pub(crate) refused: Vec<Failure>,
    pub(crate) packages: Option<PackageSignatures>,
    pub(crate) selected: Option<Selected>,
}

struct Reporting<'a> {
    reporter: &'a dyn Reporter,
    tree: &'a str,
}

impl std::fmt::Debug for Reporting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporting").field("tree", &self.tree).finish_non_exhaustive()
    }
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        store: &'a Store,
        client: &'a Client,
        room: &'a Room,
        reporter: &'a dyn Reporter,
        tree: &'a str,
        upstream: String,
        previous: Option<&'a StoredManifest>,
    ) -> Self {
        let reporter = Reporting { reporter, tree };
        Self {
            store,
            client,
            reporter,
            room,
            upstream,
            previous,
            published: previous,
            allow_older: false,
            seats: None,
            remarks: Mutex::default(),
            keeping: Mutex::default(),
        }
    }

    /// With the generation that is published, whatever its fingerprint, and whether an older state
    /// of the upstream may take its place.
    pub(crate) fn over(mut self, published: Option<&'a StoredManifest>, allow_older: bool) -> Self {
        (self.published, self.allow_older) = (published, allow_older);
        self
    }

    /// As one of those that take these seats.
    pub(crate) fn seated(mut self, seats: &'a Semaphore) -> Self {
        self.seats = Some(seats);
        self
    }

    /// Waits for others without keeping them from being read: only so many sources are at once.
    pub(crate) async fn aside<T>(&self, waiting: impl Future<Output = T>) -> T {
        let Some(seats) = self.seats else { return waiting.await };
        seats.add_permits(1);
        let result = waiting.await;
        // It is never closed.
        if let Ok(seat) = seats.acquire().await {
            seat.forget();
        }
        result
    }

    /// The generation that is published, if its fingerprint is the source's.
    pub fn previous(&self) -> Option<&StoredManifest> {
        self.previous
    }

    /// The generation that is published, whatever was selected for it: what an upstream's state is
    /// held against that should not be older.
    pub fn published(&self) -> Option<&StoredManifest> {
        self.published
    }

    /// Whether the user wants a state older than the published one.
    pub fn allows_older(&self) -> bool {
        self.allow_older
    }

    /// What is known of the signature of the generation that is published, whatever its fingerprint:
    /// the keys that upstream signed with hold for every selection.
    pub fn signature(&self) -> Option<&Judgement> {
        let published = self.published.filter(|published| published.upstream == self.upstream);
        published?.signature.as_ref()
    }

    /// The tree's path below the root, for messages.
    pub fn tree(&self) -> &str {
        self.reporter.tree
    }

    /// Fetches a file into the store; one that is there already is not asked for. `name` is what
    /// events and errors call it, `limit` the most bytes that are taken.
    pub async fn fetch(
        &self,
        name: &str,
        urls: Vec<Url>,
        expected: Expected,
        limit: u64,
    ) -> Result<Stored> {
        let request = fetch::Request { name, urls, expected, limit, need: Need::Required };
        self.fetch_from(request).await.map(|(stored, _)| stored)
    }

    /// The same as [`Context::fetch`], with the number of the URL that gave the file; `None` where it
    /// was not asked for.
    pub async fn fetch_from(&self, request: fetch::Request<'_>) -> Result<(Stored, Option<usize>)> {
        let (name, expected) = (request.name, request.expected);
        if let Some(digest) = &expected.digest
            && let Some(sha256) = self.store.find(digest, &self.upstream)?
        {
            return Ok((Stored { sha256, size: self.store.size(&sha256)? }, None));
        }
        if let Some(digest) = &expected.digest
            && let Some(sha256) = self.adopt(name, digest)?
        {
            return Ok((Stored { sha256, size: self.store.size(&sha256)? }, None));
        }
        let watch = Growing::new(self.transfer(name), 0, self.room);
        let came = self.client.download(&request, &self.store.parts(), &watch).await?;
        let stored = self.put(&came.verified)?;
        if let Some(listed) = expected.size.filter(|listed| *listed != stored.size) {
            self.warn(format!("{name}: {} bytes, listed with {listed}", stored.size));
        }
        let (tree, path, size) = (self.reporter.tree, name, stored.size);
        self.reporter.reporter.on_event(&Event::Fetched { tree, path, size });
        Ok((stored, came.from))
    }

    /// The same as [`Context::fetch_from`], for a file of which nothing is published but what is made of
    /// it: where it is `known`, which was read by an earlier run, it is not stored.
    pub(crate) async fn fetch_unless(
        &self,
        request: fetch::Request<'_>,
        known: Sha256,
    ) -> Result<(Stored, Option<usize>)> {
        let watch = Growing::new(self.transfer(request.name), 0, self.room);
        let came = self.client.download(&request, &self.store.parts(), &watch).await?;
        let stored = if came.verified.sha256() == known {
            came.verified.discard()?;
            self.room.give(came.verified.size());
            Stored { sha256: known, size: came.verified.size() }
        } else {
            self.put(&came.verified)?
        };
        let (tree, path, size) = (self.reporter.tree, request.name, stored.size);
        self.reporter.reporter.on_event(&Event::Fetched { tree, path, size });
        Ok((stored, came.from))
    }

    /// The folder where the tree is, or is to be.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        TreePath::new(self.tree()).ok().map(|tree| tree.under(self.store.root()))
    }

    /// The file that lies in the tree at the path `name`, where it has that digest, for the store.
    pub(crate) fn adopt(&self, name: &str, digest: &Digest) -> Result<Option<Sha256>> {
        match (TreePath::new(self.tree()), RepoPath::new(name)) {
            (Ok(tree), Ok(path)) => self.store.adopt_file(&tree, &path, digest, &self.upstream),
            _ => Ok(None),
        }
    }

    /// Reads a small file without a digest, such as a list of mirrors, that nothing is published of:
    /// it does not stay in the store.
    pub async fn read(&self, name: &str, urls: Vec<Url>, limit: u64) -> Result<Vec<u8>> {
        let (expected, need) = (Expected::default(), Need::Required);
        let request = fetch::Request { name, urls, expected, limit, need };
        let watch = Growing::new(self.transfer(name), 0, self.room);
        let came = self.client.download(&request, &self.store.parts(), &watch).await?;
        let verified = came.verified;
        let content = verified.read()?;
        verified.discard()?;
        self.room.give(verified.size());
        let (tree, path, size) = (self.reporter.tree, name, verified.size());
        self.reporter.reporter.on_event(&Event::Fetched { tree, path, size });
        Ok(content)
    }

    /// The same as [`Context::fetch`] for a file that upstream may not have: `None` where it says so,
    /// and at most [`fetch::OPTIONAL_MIRRORS`] of its mirrors are asked.
    pub async fn fetch_optional(
        &self,
        name: &str,
        urls: Vec<Url>,
        expected: Expected,
        limit: u64,
    ) -> Result<Option<Stored>> {
        let request = fetch::Request { name, urls, expected, limit, need: Need::Optional };
        match self.fetch_from(request).await {
            Ok((stored, _)) => Ok(Some(stored)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Streams what the source generates or reads elsewhere into the store: against `expected`
    /// where that gives a digest or a size, else as it is.
    pub fn add(&self, name: &str, content: &mut dyn Read, expected: &Expected) -> Result<Stored> {
        if let Some(digest) = &expected.digest
            && let Some(sha256) = self.store.find(digest, &self.upstream)?
        {
            return Ok(Stored { sha256, size: self.store.size(&sha256)? });
        }
        let mut part =
            Part::open(&self.store.parts(), expected, &format!("{}/{name}", self.tree()))?;
        part.restart()?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = content.read(&mut buffer);
            let read = read.map_err(Error::io("read", std::path::Path::new(name)))?;
            if read == 0 {
                break;
            }
            if self.room.left() < read as u64 {
                let (url, room) = (name.to_owned(), part.size());
                self.room.give(room);
                part.discard()?;
                return Err(Error::NoRoom { url, listed: expected.size, room });
            }
            self.room.take(read as u64);
            part.append(&buffer[..read])?;
        }
        let verified = if *expected == Expected::default() {
            part.seal_as_written()
        } else {
            part.seal(expected, name).map_err(|rejected| rejected.error)?
        };
        self.put(&verified)
    }

    fn transfer<'t>(&'t self, name: &'t str) -> Transfer<'t> {
        Transfer { reporter: self.reporter.reporter, tree: self.reporter.tree, name }
    }

    fn put(&self, verified: &Verified) -> Result<Stored> {
        let sha256 = self.store.put(verified, &self.upstream)?;
        Ok(Stored { sha256, size: verified.size() })
    }

    /// Asks a server for something small that is kept in memory; `name` is what events call it.
    pub async fn ask(&self, name: &str, question: &Question<'_>) -> Result<Reply> {
        let reply = self.client.ask(question, &self.transfer(name)).await?;
        let (tree, path) = (self.reporter.tree, name);
        self.reporter.reporter.on_event(&Event::Answered { tree, path });
        Ok(reply)
    }

    /// How many questions may be under way at once.
    pub fn questions(&self) -> usize {
        self.client.questions()
    }

    /// What an earlier run kept under `key`, a line of text; it may be gone at any time.
    pub fn cached(&self, key: &str) -> Option<Vec<u8>> {
        self.store.cache().get(key)
    }

    /// Keeps something small that was read, for later runs; it is there for them after
    /// [`Context::kept`]. What cannot be written is asked for again.
    pub fn keep(&self, key: &str, content: Vec<u8>) {
        let size = content.len() as u64;
        if self.room.left() < size {
            return;
        }
        self.room.take(size);
        let (store, key) = (self.store.cache(), key.to_owned());
        let mut keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        keeping.spawn_blocking(move || drop(store.keep(&key, &content)));
    }

    /// Waits until all that was to be kept is.
    pub async fn kept(&self) {
        let mut keeping =
            std::mem::take(&mut *self.keeping.lock().unwrap_or_else(PoisonError::into_inner));
        while keeping.join_next().await.is_some() {}
    }

    /// Opens a file of the store.
    pub fn open(&self, sha256: &Sha256) -> Result<File> {
        self.store.open_blob(sha256)
    }

    /// Opens a file of [`Source::finish`]: out of the store, or where the tree has had it before there
    /// was a store, out of the tree.
    pub fn open_entry(&self, path: &RepoPath, sha256: &Sha256) -> Result<File> {
        if self.store.holds(sha256)? {
            return self.store.open_blob(sha256);
        }
        let tree = TreePath::new(self.tree());
        let tree = tree.map_err(|source| Error::Path { file: self.tree().to_owned(), source })?;
        let path = path.under(&tree.under(self.store.root()));
        File::open(&path).map_err(Error::io("open", &path))
    }

    /// The content that a digest names, if the store holds it.
    pub fn find(&self, digest: &Digest) -> Result<Option<Sha256>> {
        self.store.find(digest, &self.upstream)
    }

    /// Lets the mirrors that a list names be reached as the list is: through its proxy, with its
    /// authorities, where the settings of the list's host say so.
    pub fn reach_as(&self, list: &Url, mirrors: &[Url]) {
        self.client.reach_as(list, mirrors);
    }

    /// Reports something odd that does no harm.
    pub fn warn(&self, message: String) {
        let event = Event::Warning { tree: self.reporter.tree, message: &message };
        self.reporter.reporter.on_event(&event);
        self.remarks().warnings.push(message);
    }

    /// Lets a file of the store go that was read, and is of no more use: where the tree is what it
    /// should be at the end of the run, and nothing that is kept names the file, it is dropped.
    pub fn let_go(&self, sha256: Sha256) {
        self.remarks().let_go.insert(sha256);
    }

    /// Refuses a file that is stored as it should be, for what is in it: nothing of the tree is
    /// published.
    pub fn refuse(&self, path: RepoPath, reason: String) {
        let (tree, shown) = (self.reporter.tree, path.as_str());
        self.reporter.reporter.on_event(&Event::Failed { tree, path: shown, reason: &reason });
        let kind = Kind::PackageSignature;
        self.remarks().refused.push(Failure { path: Some(path), reason, kind });
    }

    /// Says what the selection found, for the sources that are asked the same.
    pub(crate) fn tell_selected(&self, selected: Selected) {
        self.remarks().selected = Some(selected);
    }

    /// Reports what came of the packages' signatures.
    pub fn tell_packages(&self, packages: PackageSignatures) {
        self.remarks().packages = Some(packages);
    }

    /// Reports a set of the tree that cannot be had as it is asked for, where others can.
    pub fn fail_set(&self, failed: SetFailure) {
        let (tree, set, reason) = (self.reporter.tree, &failed.set, &failed.failure.reason);
        self.reporter.reporter.on_event(&Event::SetFailed { tree, set, reason });
        self.remarks().failed_sets.push(failed);
    }

    fn remarks(&self) -> MutexGuard<'_, Remarks> {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_remarks(self) -> Remarks {
        self.remarks.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
