//! The disk held against the kept manifests: every byte is read, and the state is not asked.
//!
//! A tree's folder is listed without following a link, and each of its files is to be one that a
//! kept generation names there: those of the published one must be there, those of earlier ones may
//! be (clients still read them). Then what has to be read is read, each inode once however many
//! names it has, by a thread for each core, the largest first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::finding::{Check, Finding, Problem, TreeCheck};
use super::{View, is_absent, list};
use crate::digest::{Hasher, Sha256};
use crate::error::{Error, Result};
use crate::manifest::StoredEntry;
use crate::path::{RESERVED, RepoPath, TreePath};
use crate::report::{Event, Reporter};

/// Bytes that are read at once: they stay in a core's cache until they are hashed.
const CHUNK: usize = 256 << 10;

/// What events call the blobs that no checked tree holds.
const BLOBS: &str = RESERVED;

/// Who wants an inode to hold what.
#[derive(Debug)]
enum Owner {
    /// The published generation's entry of that number.
    Entry { tree: usize, entry: usize },
    /// An earlier generation of the tree, at that path.
    Past { tree: usize, path: String, allowed: Vec<Sha256> },
    /// The store.
    Blob(Sha256),
}

/// A file to read.
#[derive(Debug)]
struct Item {
    path: PathBuf,
    size: u64,
    owners: Vec<Owner>,
}

/// A tree while it is checked.
struct Tree {
    entries: Vec<StoredEntry>,
    report: TreeCheck,
}

/// What a repair wants to know of content; see [`Check`].
#[derive(Default)]
struct Evidence {
    whole: HashMap<Sha256, PathBuf>,
    spoilt: HashSet<Sha256>,
    other: Vec<(PathBuf, Sha256)>,
}

/// What the kept generations of a tree name.
struct Known {
    /// The files of the published one.
    entries: Vec<StoredEntry>,
    /// Those of the others, and what they may hold.
    past: HashMap<String, Vec<Sha256>>,
    /// Whether every manifest could be read: else nothing can be said to be foreign.
    is_whole: bool,
}

/// A check under way.
struct Checking<'a> {
    view: &'a View,
    trees: Vec<Tree>,
    state: Vec<Finding>,
    items: Vec<Item>,
    by_inode: HashMap<(u64, u64), usize>,
    /// Blobs that kept generations name: who, for words, and where it can be had again.
    named: HashMap<Sha256, (String, StoredEntry)>,
}

impl View {
    /// Reads every byte of `trees` (all, and all blobs, where none is named) and holds it against
    /// the kept manifests.
    ///
    /// Blocks; `reporter` is told of each finding and of bytes as they are read.
    pub fn check(
        &self,
        trees: &[TreePath],
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<Check> {
        let all = trees.is_empty();
        let trees = if all { self.trees()? } else { trees.to_vec() };
        let mut checking = Checking {
            view: self,
            trees: Vec::new(),
            state: Vec::new(),
            items: Vec::new(),
            by_inode: HashMap::new(),
            named: HashMap::new(),
        };
        if self.is_unfinished() {
            let path = format!("{RESERVED}/journal");
            checking.state.push(Finding::new(path, Problem::Unfinished));
        }
        for tree in &trees {
            checking.list_tree(tree)?;
        }
        checking.list_blobs(all)?;
        checking.read(reporter, cancel)
    }
}

impl Checking<'_> {
    /// Holds the names of a tree against its manifests, and notes what is to be read.
    fn list_tree(&mut self, path: &TreePath) -> Result<()> {
        let number = self.trees.len();
        let current = match self.view.current(path) {
            Err(error) => {
                self.damaged(error)?;
                None
            }
            Ok(current) => current,
        };
        let mut report = TreeCheck {
            tree: path.to_string(),
            generation: current.as_ref().map(|current| current.id),
            files: 0,
            bytes: 0,
            findings: Vec::new(),
        };
        let Known { entries, past, is_whole } = self.known(path, &mut report)?;
        let base = path.under(self.view.root());
        let mut listing = Listing::default();
        if let Some(finding) = way_to(self.view.root(), path)? {
            report.findings.push(finding);
        } else {
            listing.folder(&base, "")?;
        }
        for (at, entry) in entries.iter().enumerate() {
            let Some(found) = listing.take(entry.path.as_str()) else {
                report.findings.push(Finding::of(entry, Problem::Missing));
                continue;
            };
            let full = entry.path.under(&base);
            if let Some(problem) = wrong_kind(&full, &found, "file") {
                report.findings.push(Finding::of(entry, problem));
                continue;
            }
            if let Some(problem) = wrong_mode(&found, 0o644) {
                report.findings.push(Finding::of(entry, problem));
            }
            self.want(full, &found, Owner::Entry { tree: number, entry: at });
        }
        let folders = std::mem::take(&mut listing.folders);
        let known: HashSet<&str> = folders_of(entries.iter().map(|entry| entry.path.as_str()))
            .chain(folders_of(past.keys().map(String::as_str)))
            .collect();
        let mut foreign: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (name, found) in &folders {
            if name.is_empty() || known.contains(name.as_str()) {
                if let Some(problem) = wrong_mode(found, 0o755) {
                    report.findings.push(Finding::new(name.clone(), problem));
                }
            } else if is_whole {
                foreign.entry(outermost(name, &known)).or_default();
            }
        }
        let left = std::mem::take(&mut listing.files);
        for (name, found) in left {
            let full = base.join(&name);
            if let Some(allowed) = past.get(&name) {
                if let Some(problem) = wrong_kind(&full, &found, "file") {
                    report.findings.push(Finding::new(name, problem));
                } else {
                    let allowed = allowed.clone();
                    self.want(full, &found, Owner::Past { tree: number, path: name, allowed });
                }
            } else if known.contains(name.as_str()) {
                if let Some(problem) = wrong_kind(&full, &found, "folder") {
                    report.findings.push(Finding::new(name, problem));
                }
            } else if is_whole {
                let sum = foreign.entry(outermost(&name, &known)).or_default();
                sum.0 += 1;
                sum.1 += found.len();
            }
        }
        for (name, (files, bytes)) in foreign {
            // A folder where a file should be is found already.
            if entries.binary_search_by(|entry| entry.path.as_str().cmp(&name)).is_ok() {
                continue;
            }
            let is_folder = folders.contains_key(&name);
            let name = if is_folder { format!("{name}/") } else { name };
            report.findings.push(Finding::new(name, Problem::Foreign { files, bytes }));
        }
        self.trees.push(Tree { entries, report });
        Ok(())
    }

    /// What the kept generations of a tree name.
    fn known(&mut self, path: &TreePath, report: &mut TreeCheck) -> Result<Known> {
        let current = report.generation;
        let mut entries = Vec::new();
        let mut past: HashMap<String, Vec<Sha256>> = HashMap::new();
        let mut is_whole = true;
        let mut ids = self.view.generations(path)?;
        // One that is gone is told of too.
        ids.extend(current.filter(|current| !ids.contains(current)));
        for id in ids {
            let is_current = current == Some(id);
            let generation = match self.view.generation(path, id) {
                Ok(generation) => generation,
                Err(error) => {
                    self.damaged(error)?;
                    is_whole = false;
                    if is_current {
                        report.generation = None;
                    }
                    continue;
                }
            };
            for entry in &generation.manifest.entries {
                let who = || (format!("generation {id} of {path}"), entry.clone());
                self.named.entry(entry.sha256).or_insert_with(who);
            }
            if is_current {
                report.files = generation.manifest.entries.len() as u64;
                report.bytes = generation.manifest.size();
                entries = generation.manifest.entries;
            } else {
                for entry in generation.manifest.entries {
                    past.entry(entry.path.to_string()).or_default().push(entry.sha256);
                }
            }
        }
        Ok(Known { entries, past, is_whole })
    }

    /// Notes a file of the state that is not what was written, or cannot be read.
    fn damaged(&mut self, error: Error) -> Result<()> {
        let (file, reason) = match error {
            Error::Damaged { path, reason } => (path, reason),
            Error::Io { action, path, source } => (path, format!("cannot {action}: {source}")),
            error => return Err(error),
        };
        let file = file.strip_prefix(self.view.root()).unwrap_or(&file).to_string_lossy();
        self.state.push(Finding::new(file, Problem::Damaged { reason }));
        Ok(())
    }

    /// Notes the blobs that are to be read, and those that are not there.
    fn list_blobs(&mut self, all: bool) -> Result<()> {
        let folder = self.view.folder().join("blobs/sha256");
        let mut there = HashSet::new();
        for shelf in list(&folder)? {
            for blob in list(&shelf.path())? {
                let name = blob.file_name();
                let Some(sha256) = name.to_str().and_then(Sha256::from_hex) else { continue };
                if !all && !self.named.contains_key(&sha256) {
                    continue;
                }
                let path = blob.path();
                let found = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
                there.insert(sha256);
                if let Some(problem) = wrong_kind(&path, &found, "file") {
                    let wanted = self.named.get(&sha256);
                    self.state.push(blob_finding(&sha256, problem, wanted));
                } else {
                    self.want(path, &found, Owner::Blob(sha256));
                }
            }
        }
        let mut missing: Vec<_> =
            self.named.iter().filter(|(sha256, _)| !there.contains(*sha256)).collect();
        missing.sort_by(|(_, (_, a)), (_, (_, b))| a.path.cmp(&b.path));
        let missing = missing
            .into_iter()
            .map(|(sha256, wanted)| blob_finding(sha256, Problem::Missing, Some(wanted)));
        self.state.extend(missing);
        Ok(())
    }

    fn want(&mut self, path: PathBuf, found: &Metadata, owner: Owner) {
        let next = self.items.len();
        let at = *self.by_inode.entry((found.dev(), found.ino())).or_insert(next);
        if at == next {
            self.items.push(Item { path, size: found.len(), owners: vec![owner] });
        } else {
            self.items[at].owners.push(owner);
        }
    }

    /// Reads what is to be read, and says what came of it.
    fn read(mut self, reporter: &dyn Reporter, cancel: &CancellationToken) -> Result<Check> {
        let mut items = std::mem::take(&mut self.items);
        items.sort_by_key(|item| std::cmp::Reverse(item.size));
        let mut amounts = vec![(0, 0); self.trees.len() + 1];
        for item in &items {
            let amount = &mut amounts[teller(item).unwrap_or(self.trees.len())];
            amount.0 += 1;
            amount.1 += item.size;
        }
        for (tree, (files, bytes)) in amounts.into_iter().enumerate() {
            let tree = self.trees.get(tree).map_or(BLOBS, |tree| tree.report.tree.as_str());
            if files > 0 {
                reporter.on_event(&Event::Verifying { tree, files, bytes });
            }
        }
        let mut bytes_read = 0;
        let mut found = Evidence::default();
        for (item, hashed) in self.hash(items, reporter, cancel)? {
            if let Ok(hashed) = &hashed {
                bytes_read += hashed.size;
            }
            self.judge(&item, hashed, &mut found);
        }
        let files = self.by_inode.len() as u64;
        let mut check = Check {
            root: self.view.root().to_owned(),
            trees: self.trees.into_iter().map(|tree| tree.report).collect(),
            state: self.state,
            files,
            bytes: bytes_read,
            received: 0,
            whole: found.whole,
            spoilt: found.spoilt,
            other: found.other,
        };
        for tree in &mut check.trees {
            tree.findings.sort_by(|a, b| a.path.cmp(&b.path));
            for finding in &tree.findings {
                tell(reporter, &tree.tree, finding);
            }
        }
        check.state.sort_by(|a, b| a.path.cmp(&b.path));
        for finding in &check.state {
            tell(reporter, BLOBS, finding);
        }
        Ok(check)
    }

    /// Holds what an item was found to hold against what its owners want.
    fn judge(&mut self, item: &Item, hashed: io::Result<Hashed>, found: &mut Evidence) {
        let content = match hashed {
            Ok(hashed) => Ok(hashed.sha256),
            Err(error) => Err(error.to_string()),
        };
        let problem = |expected: &Sha256| match &content {
            Ok(found) if found == expected => None,
            Ok(found) => Some(Problem::Changed {
                expected: format!("sha256:{expected}"),
                found: format!("sha256:{found}"),
            }),
            Err(reason) => Some(Problem::Unreadable { reason: reason.clone() }),
        };
        if let Ok(content) = content {
            let mut is_other = false;
            for owner in &item.owners {
                is_other |= match owner {
                    Owner::Entry { tree, entry } => {
                        self.trees[*tree].entries[*entry].sha256 != content
                    }
                    Owner::Past { allowed, .. } => !allowed.contains(&content),
                    Owner::Blob(sha256) => *sha256 != content,
                };
            }
            if is_other {
                found.other.push((item.path.clone(), content));
            }
            found.whole.entry(content).or_insert_with(|| item.path.clone());
        }
        let of_a_tree = teller(item).is_some();
        for owner in &item.owners {
            match owner {
                Owner::Entry { tree, entry } => {
                    let tree = &mut self.trees[*tree];
                    let entry = &tree.entries[*entry];
                    if let Some(mut problem) = problem(&entry.sha256) {
                        if item.size != entry.size && content.is_ok() {
                            let (expected, found) = (bytes(entry.size), bytes(item.size));
                            problem = Problem::Changed { expected, found };
                        }
                        tree.report.findings.push(Finding::of(entry, problem));
                    }
                }
                Owner::Past { tree, path, allowed } => {
                    if !content.as_ref().is_ok_and(|content| allowed.contains(content))
                        && let Some(newest) = allowed.last()
                        && let Some(problem) = problem(newest)
                    {
                        let mut finding = Finding::new(path.clone(), problem);
                        finding.wanted = self.named.get(newest).and_then(|(_, entry)| {
                            let path = RepoPath::new(&finding.path).ok()?;
                            Some(Box::new(StoredEntry { path, ..entry.clone() }))
                        });
                        self.trees[*tree].report.findings.push(finding);
                    }
                }
                Owner::Blob(sha256) => {
                    if let Some(problem) = problem(sha256) {
                        found.spoilt.insert(*sha256);
                        // The same inode as a tree's file: that says it all.
                        if !of_a_tree {
                            let wanted = self.named.get(sha256);
                            self.state.push(blob_finding(sha256, problem, wanted));
                        }
                    }
                }
            }
        }
    }

    /// Hashes all items, on all cores.
    fn hash(
        &self,
        items: Vec<Item>,
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<Vec<(Item, io::Result<Hashed>)>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
        let work = || {
            let mut buffer = vec![0; CHUNK];
            let mut done = Vec::new();
            while let Some((at, item)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                items.get(at).map(|item| (at, item))
            } {
                let tree = teller(item).map_or(BLOBS, |tree| &self.trees[tree].report.tree);
                let mut tell = |read: usize| {
                    let bytes = i64::try_from(read).unwrap_or(i64::MAX);
                    reporter.on_event(&Event::Progress { tree, path: "", bytes });
                    !cancel.is_cancelled()
                };
                match hash(&item.path, &mut buffer, &mut tell) {
                    Err(error) if cancel.is_cancelled() => {
                        drop(error);
                        break;
                    }
                    hashed => {
                        reporter.on_event(&Event::Read { tree, size: item.size });
                        done.push((at, hashed));
                    }
                }
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).extend(done);
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.min(items.len()) {
                scope.spawn(work);
            }
            work();
        });
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(at, _)| *at);
        Ok(items.into_iter().zip(results).map(|(item, (_, hashed))| (item, hashed)).collect())
    }
}

/// The tree that events about an item name.
fn teller(item: &Item) -> Option<usize> {
    item.owners.iter().find_map(|owner| match owner {
        Owner::Entry { tree, .. } | Owner::Past { tree, .. } => Some(*tree),
        Owner::Blob(_) => None,
    })
}

fn tell(reporter: &dyn Reporter, tree: &str, finding: &Finding) {
    let reason = finding.problem.to_string();
    let (path, problem) = (finding.path.as_str(), finding.problem.word());
    reporter.on_event(&Event::Found { tree, path, problem, reason: &reason });
}

fn bytes(size: u64) -> String {
    format!("{size} bytes")
}

fn blob_finding(
    sha256: &Sha256,
    problem: Problem,
    named: Option<&(String, StoredEntry)>,
) -> Finding {
    let mut path = format!("{RESERVED}/blobs/sha256/{}/{sha256}", &sha256.hex()[..2]);
    let Some((who, entry)) = named else { return Finding::new(path, problem) };
    path = format!("{path} ({} in {who})", entry.path);
    Finding { wanted: Some(Box::new(entry.clone())), ..Finding::new(path, problem) }
}

/// The folders that these paths lie in.
fn folders_of<'a>(paths: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    paths.flat_map(|path| path.match_indices('/').map(move |(end, _)| &path[..end]))
}

/// The outermost folder of `path` that nothing known lies in, else the path itself.
fn outermost(path: &str, known: &HashSet<&str>) -> String {
    let mut ends = path.match_indices('/').map(|(end, _)| &path[..end]);
    ends.find(|folder| !known.contains(folder)).unwrap_or(path).to_owned()
}

/// What keeps the tree's folder from being reached through folders alone.
fn way_to(root: &Path, tree: &TreePath) -> Result<Option<Finding>> {
    let mut folder = root.to_owned();
    for name in tree.components() {
        folder.push(name);
        let found = match fs::symlink_metadata(&folder) {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Error::io("look at", &folder)(error)),
        };
        if let Some(problem) = wrong_kind(&folder, &found, "folder") {
            let path = folder.strip_prefix(root).unwrap_or(&folder).to_string_lossy();
            return Ok(Some(Finding::new(path, problem)));
        }
    }
    Ok(None)
}

fn wrong_kind(path: &Path, found: &Metadata, expected: &'static str) -> Option<Problem> {
    let kind = found.file_type();
    let name = if kind.is_file() {
        "file"
    } else if kind.is_dir() {
        "folder"
    } else if kind.is_symlink() {
        let target = fs::read_link(path).unwrap_or_default();
        return Some(Problem::Link { target: target.to_string_lossy().into_owned() });
    } else {
        "special file"
    };
    (name != expected).then_some(Problem::WrongKind { expected, found: name })
}

fn wrong_mode(found: &Metadata, expected: u32) -> Option<Problem> {
    let mode = found.permissions().mode() & 0o7777;
    let octal = |mode: u32| format!("{mode:04o}");
    (mode != expected).then(|| Problem::Mode { expected: octal(expected), found: octal(mode) })
}

/// What lies below a folder.
#[derive(Debug, Default)]
struct Listing {
    /// By their paths below it; the folder itself is empty.
    folders: BTreeMap<String, Metadata>,
    /// All that is no folder.
    files: BTreeMap<String, Metadata>,
}

impl Listing {
    fn folder(&mut self, folder: &Path, path: &str) -> Result<()> {
        let found = match fs::symlink_metadata(folder) {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(Error::io("look at", folder)(error)),
        };
        self.folders.insert(path.to_owned(), found);
        for entry in list(folder)? {
            let name = entry.file_name();
            // A stage is cleared away by the next sync.
            if path.is_empty() && name.to_string_lossy().starts_with(RESERVED) {
                continue;
            }
            let name = name.to_string_lossy();
            let below = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            let full = entry.path();
            let found = entry.metadata().map_err(Error::io("look at", &full))?;
            if found.is_dir() {
                self.folder(&full, &below)?;
            } else {
                self.files.insert(below, found);
            }
        }
        Ok(())
    }

    /// What is at `path`, which is then no longer in the listing; a folder stays.
    fn take(&mut self, path: &str) -> Option<Metadata> {
        self.files.remove(path).or_else(|| self.folders.get(path).cloned())
    }
}

struct Hashed {
    sha256: Sha256,
    size: u64,
}

/// Reads a file to its end; `tell` is told of bytes, and says whether to go on.
fn hash(path: &Path, buffer: &mut [u8], tell: &mut dyn FnMut(usize) -> bool) -> io::Result<Hashed> {
    let mut file = open(path)?;
    let mut hasher = Hasher::new(None);
    let mut size = 0;
    loop {
        let read = file.read(buffer)?;
        if read == 0 {
            return Ok(Hashed { sha256: hasher.finish().0, size });
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
        if !tell(read) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Advice, OFlags, fadvise};
    // What was a file a moment ago may be a link or a fifo now: neither is followed nor waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    // Only advice: what comes of it is a matter of speed.
    let _ = fadvise(&file, 0, None, Advice::Sequential);
    Ok(file)
}
