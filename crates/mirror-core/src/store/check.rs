//! The disk held against the kept manifests: every byte is read, and the state is not asked.
//!
//! A tree's folder is listed without following a link, and each of its files is to be one that a
//! kept generation names there: those of the published one must be there, those of earlier ones may
//! be (clients still read them). Then what has to be read is read, each inode once however many
//! names it has, by a thread for each core, the largest first.

mod listing;
mod names;
mod reading;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

pub(crate) use self::listing::Modes;
use self::reading::{Hashed, Task, read_all};
use super::finding::{Check, Finding, Problem, TreeCheck};
use super::{View, journal};
use crate::digest::Sha256;
use crate::error::Result;
use crate::manifest::StoredEntry;
use crate::path::{RESERVED, RepoPath, TreePath};
use crate::report::{Event, Reporter};

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

/// A check under way.
struct Checking<'a> {
    view: &'a View,
    modes: Modes,
    trees: Vec<Tree>,
    state: Vec<Finding>,
    items: Vec<Item>,
    by_inode: HashMap<(u64, u64), usize>,
    /// Folders between the root and its trees whose permissions were told.
    above: HashSet<String>,
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
        self.check_with(Modes::Tell, trees, reporter, cancel)
    }

    /// The same, and does that about permissions.
    pub(crate) fn check_with(
        &self,
        modes: Modes,
        trees: &[TreePath],
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<Check> {
        let all = trees.is_empty();
        let trees = if all { self.trees()? } else { trees.to_vec() };
        let mut checking = Checking {
            view: self,
            modes,
            trees: Vec::new(),
            state: Vec::new(),
            items: Vec::new(),
            by_inode: HashMap::new(),
            above: HashSet::new(),
            named: HashMap::new(),
        };
        match journal::inspect(self.folder()) {
            Ok(false) => {}
            Ok(true) => {
                let path = format!("{RESERVED}/journal");
                checking.state.push(Finding::new(path, Problem::Unfinished));
            }
            Err(error) => checking.damaged(error)?,
        }
        for tree in &trees {
            checking.list_tree(tree)?;
        }
        checking.list_blobs(all)?;
        checking.read(reporter, cancel)
    }
}

impl Checking<'_> {
    /// That a file of an earlier generation is not what it was; the newest of those that named it
    /// says what belongs there.
    fn of_the_past(&self, path: String, allowed: &[Sha256], problem: Problem) -> Finding {
        let mut finding = Finding::new(path, problem);
        let newest = allowed.last().and_then(|newest| self.named.get(newest));
        finding.wanted = newest.and_then(|(_, entry)| {
            let path = RepoPath::new(&finding.path).ok()?;
            Some(Box::new(StoredEntry { path, ..entry.clone() }))
        });
        finding
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
        let tasks: Vec<_> = items
            .iter()
            .map(|item| {
                let tree = teller(item).map_or(BLOBS, |tree| &self.trees[tree].report.tree);
                Task { path: &item.path, size: item.size, tree }
            })
            .collect();
        let results = read_all(&tasks, reporter, cancel)?;
        for (item, hashed) in items.iter().zip(results) {
            if let Ok(hashed) = &hashed {
                bytes_read += hashed.size;
            }
            self.judge(item, hashed, &mut found);
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
            let is_other = item.owners.iter().any(|owner| match owner {
                Owner::Entry { tree, entry } => self.trees[*tree].entries[*entry].sha256 != content,
                Owner::Past { allowed, .. } => !allowed.contains(&content),
                Owner::Blob(sha256) => *sha256 != content,
            });
            if is_other {
                found.other.push((item.path.clone(), content));
            }
            found.whole.entry(content).or_insert_with(|| item.path.clone());
        }
        // What a tree's finding says of the inode already.
        let mut told = HashSet::new();
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
                        told.insert(entry.sha256);
                        tree.report.findings.push(Finding::of(entry, problem));
                    }
                }
                Owner::Past { tree, path, allowed } => {
                    if !content.as_ref().is_ok_and(|content| allowed.contains(content))
                        && let Some(newest) = allowed.last()
                        && let Some(problem) = problem(newest)
                    {
                        told.insert(*newest);
                        let finding = self.of_the_past(path.clone(), allowed, problem);
                        self.trees[*tree].report.findings.push(finding);
                    }
                }
                Owner::Blob(sha256) => {
                    if let Some(problem) = problem(sha256) {
                        found.spoilt.insert(*sha256);
                        if !told.contains(sha256) {
                            let wanted = self.named.get(sha256);
                            self.state.push(blob_finding(sha256, problem, wanted));
                        }
                    }
                }
            }
        }
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

/// What a blob is called: where it lies, and what it is the content of.
fn blob_name(sha256: &Sha256, named: Option<&(String, StoredEntry)>) -> String {
    let path = format!("{RESERVED}/blobs/sha256/{}/{sha256}", &sha256.hex()[..2]);
    match named {
        Some((who, entry)) => format!("{path} ({} in {who})", entry.path),
        None => path,
    }
}

fn blob_finding(
    sha256: &Sha256,
    problem: Problem,
    named: Option<&(String, StoredEntry)>,
) -> Finding {
    let wanted = named.map(|(_, entry)| Box::new(entry.clone()));
    Finding { wanted, ..Finding::new(blob_name(sha256, named), problem) }
}
