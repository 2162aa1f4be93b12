//! The engine: sources in, published generations and a report out.
//!
//! A run resolves every source, plans every tree, sets room aside for each group, fetches
//! what is missing with many transfers at once, and publishes each group of trees as soon as the
//! last of its files is stored. A group that lacks a file keeps its old generation; the others are
//! published.

mod diff;
mod fetching;
mod rollback;
mod run;
mod verify;

pub use diff::{Diff, Point, State, diff, last_change};
pub use rollback::{Rollback, RolledBack, Target};
pub use verify::verify;

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::fetch::{self, Client};
use crate::path::TreePath;
use crate::report::{Outcome, Report, Reporter};
use crate::source::Source;
use crate::store::{BEGUN, INTERRUPTED, LastRun, LockWait, Pruning, Retention, Store};

/// Settings of a [`Mirror`].
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How files are transferred.
    pub fetch: fetch::Options,
    /// How long to wait for another process that works on the root.
    pub lock: LockWait,
    /// How long the past is kept.
    pub retention: Retention,
    /// What is suspicious, and wanted all the same.
    pub allow: Allow,
}

/// What a sync refuses unless it is told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allow {
    /// A state of the upstream that is older than the published one.
    pub older: bool,
    /// A state that drops more than half of the published packages.
    pub shrink: bool,
}

/// A tree to make.
#[derive(Clone)]
pub struct Job {
    /// What it is to hold.
    pub source: Arc<dyn Source>,
    /// Where.
    pub tree: TreePath,
    /// The trees of one group are published together or not at all.
    pub group: String,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let upstream = self.source.identity();
        let mut debug = f.debug_struct("Job");
        debug.field("tree", &self.tree).field("group", &self.group);
        debug.field("upstream", &upstream).finish()
    }
}

impl Job {
    /// A tree at `tree` that is a group of its own.
    pub fn new(source: impl Source + 'static, tree: TreePath) -> Self {
        let group = tree.to_string();
        Self { source: Arc::new(source), tree, group }
    }

    /// The same in the group `group`.
    #[must_use]
    pub fn in_group(mut self, group: &str) -> Self {
        group.clone_into(&mut self.group);
        self
    }
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// To the end.
    #[default]
    Apply,
    /// To the plan. Metadata that has to be read is stored, for the run that follows; nothing is
    /// published.
    DryRun,
}

/// The mirrors below one root, locked for this process.
#[derive(Debug)]
pub struct Mirror {
    store: Arc<Store>,
    client: Arc<Client>,
    retention: Retention,
    allow: Allow,
}

impl Mirror {
    /// Opens the mirrors of `root`, making it where it is missing.
    pub async fn open(root: &Path, options: Options) -> Result<Self> {
        let client = Arc::new(Client::new(options.fetch)?);
        let store = Arc::new(Store::open(root, options.lock).await?);
        Ok(Self { store, client, retention: options.retention, allow: options.allow })
    }

    /// The store below.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes each job's tree what its upstream is.
    ///
    /// What one upstream does wrong is in the report; an error is what stops the whole run: a fault
    /// of this host, trees that contain one another, or cancellation. Either way, what was verified
    /// is kept, and the next run goes on from there. Dropping the future cancels as well; the root is
    /// then locked until the transfers and the publication under way have noticed or ended.
    pub async fn sync(
        &self,
        jobs: &[Job],
        mode: Mode,
        reporter: Arc<dyn Reporter>,
        cancel: &CancellationToken,
    ) -> Result<Report> {
        self.check_trees(jobs)?;
        let run = run::Run::new(self, jobs, reporter);
        let mut transfers = JoinSet::new();
        let result = cancel.run_until_cancelled(run.go(mode, &mut transfers)).await;
        // The lock goes with the last of them.
        transfers.shutdown().await;
        let result = result.unwrap_or(Err(Error::Cancelled));
        if mode == Mode::Apply {
            self.note_end(jobs, &result);
        }
        result
    }

    /// What can be dropped below the root, with the trees `remove`: see [`Mirror::prune`].
    pub fn pruning(&self, remove: &[TreePath]) -> Result<Pruning> {
        self.store.pruning(remove, &self.retention)
    }

    /// Drops what was found. Returns the folders of removed trees that hold something else, and stay.
    pub async fn prune(&self, pruning: Pruning) -> Result<Vec<String>> {
        let store = Arc::clone(&self.store);
        blocking(move || store.prune(&pruning)).await
    }

    /// Notes that what `jobs` lack is about to be fetched.
    fn note_begun<'j>(&self, jobs: impl Iterator<Item = &'j Job>) {
        self.note(jobs.map(|job| (job, BEGUN, None, String::new())));
    }

    /// Notes what came of a run.
    fn note_end(&self, jobs: &[Job], result: &Result<Report>) {
        self.note(jobs.iter().enumerate().map(|(at, job)| match result {
            Ok(report) => {
                let tree = &report.trees[at];
                // What is published is not all that was asked for.
                let is_partial = tree.outcome.is_good() && !tree.is_good();
                let outcome = if is_partial { Outcome::Incomplete } else { tree.outcome };
                (job, outcome.name(), tree.generation, tree.reason())
            }
            Err(Error::Cancelled) => (job, INTERRUPTED, None, String::new()),
            Err(error) => (job, Outcome::Failed.name(), None, error.to_string()),
        }));
    }

    /// Notes outcomes, generations and reasons for who asks later. A run is not worse for not being
    /// noted.
    fn note<'j>(&self, runs: impl Iterator<Item = (&'j Job, &'static str, Option<u64>, String)>) {
        let now = jiff::Timestamp::now();
        let time = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        let runs = runs.map(|(job, outcome, generation, reason)| LastRun {
            tree: job.tree.to_string(),
            group: job.group.clone(),
            time: time.clone(),
            outcome: outcome.to_owned(),
            generation,
            reason,
        });
        let _ = self.store.note_runs(runs.collect());
    }

    /// Moves the tree that `upstream` is published at to `to`, with its generations. True where
    /// there was one to move.
    pub fn move_tree(&self, upstream: &str, to: &TreePath) -> Result<bool> {
        for tree in self.store.trees()? {
            if tree != *to && self.store.upstream(&tree)?.as_deref() == Some(upstream) {
                let others = self.store.trees()?;
                if let Some(other) = others.iter().find(|o| **o != tree && o.overlaps(to)) {
                    return Err(nested(other, to));
                }
                let is_root = |tree: &TreePath| tree.components().next().is_none();
                if is_root(&tree) || is_root(to) {
                    // The root holds the state too: it is no folder to rename.
                    return Err(nested(&tree, to));
                }
                if tree.overlaps(to) {
                    // Through a place of its own: should it end there, the next move goes on.
                    let outer = if tree.as_str().len() < to.as_str().len() { &tree } else { to };
                    let aside = TreePath::new(&format!("{outer}.moving"))
                        .map_err(|source| Error::Path { file: outer.to_string(), source })?;
                    self.store.move_tree(&tree, &aside)?;
                    self.store.move_tree(&aside, to)?;
                } else {
                    self.store.move_tree(&tree, to)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Trees have one owner and never contain one another, and an upstream has one tree.
    fn check_trees(&self, jobs: &[Job]) -> Result<()> {
        for (at, job) in jobs.iter().enumerate() {
            if let Some(other) = jobs[..at].iter().find(|other| other.tree.overlaps(&job.tree)) {
                return Err(nested(&job.tree, &other.tree));
            }
        }
        let published = self.store.trees()?;
        for tree in &published {
            if jobs.iter().any(|job| job.tree == *tree) {
                continue;
            }
            let upstream = self.store.upstream(tree)?;
            // One that is at both places was put there on purpose.
            let moved = jobs.iter().find(|job| {
                job.source.has_one_place()
                    && Some(job.source.identity()) == upstream
                    && !published.contains(&job.tree)
            });
            if let Some(job) = moved {
                let (old, new) = (tree.to_string(), job.tree.to_string());
                return Err(Error::TreeMoved { upstream: job.source.identity(), old, new });
            }
            if let Some(job) = jobs.iter().find(|job| job.tree.overlaps(tree)) {
                return Err(nested(&job.tree, tree));
            }
        }
        Ok(())
    }
}

/// Runs what may read or write a lot off the tasks that serve transfers.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Client(error.into()))?
}

fn nested(a: &TreePath, b: &TreePath) -> Error {
    let (outer, inner) = if a.as_str().len() <= b.as_str().len() { (a, b) } else { (b, a) };
    Error::NestedTrees { outer: outer.to_string(), inner: inner.to_string() }
}
