//! One run: resolve, plan, check, fetch, publish, report.

mod again;
mod companions;
mod fetch;
mod finish;
mod publish;
mod resolve;
mod selections;
mod space;

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::fetching::{self, Fetched, Patience, Units};
use super::{Job, Mirror, Mode};
use crate::digest::Sha256;
use crate::error::Result;
use crate::manifest::{Manifest, StoredManifest};
use crate::plan::Plan;
use crate::report::{Report, Reporter, TreeReport};
use crate::source::{Room, Selected, Turn};

/// Sources that are read at once; each of their transfers counts against the connections.
const SOURCES: usize = 8;

/// A run over some jobs.
pub(super) struct Run<'a> {
    mirror: &'a Mirror,
    jobs: &'a [Job],
    reporter: Arc<dyn Reporter>,
    /// What is free on the disk, and promised to nobody.
    room: Arc<Room>,
    /// For each source that is being read.
    seats: Semaphore,
    /// What the client had counted when the run began.
    requests_before: u64,
    received_before: u64,
}

/// A tree during a run.
struct Tree<'a> {
    job: &'a Job,
    name: Arc<str>,
    upstream: Arc<str>,
    /// What is published of it.
    previous: Option<Arc<StoredManifest>>,
    /// What its upstream's state is held against: the same, unless that was lost.
    guard: Option<Arc<StoredManifest>>,
    work: Work,
    /// What is missing may be so because upstream moved on.
    may_have_moved: bool,
    /// Files that are asked for once more before they are said to have failed, and why.
    deferred: Vec<(String, String)>,
    /// Files that upstream does not have, and why: its source may do without.
    borne: Vec<(String, String)>,
    /// Content that its source has read and that is not part of it.
    let_go: HashSet<Sha256>,
    /// What its selection found, where its upstream was read.
    selected: Option<Selected>,
    report: TreeReport,
}

/// What is to be done for a tree.
enum Work {
    /// Nothing: it is as it should be, or its source failed.
    None,
    /// The manifest, its plan, and what each entry turned out to be.
    Plan { manifest: Manifest, plan: Plan, content: Vec<Option<Fetched>>, missing: usize },
}

impl<'a> Run<'a> {
    pub(super) fn new(mirror: &'a Mirror, jobs: &'a [Job], reporter: Arc<dyn Reporter>) -> Self {
        let (requests_before, received_before) =
            (mirror.client.requests(), mirror.client.received());
        let (room, seats) = (Arc::default(), Semaphore::new(SOURCES));
        Self { mirror, jobs, reporter, room, seats, requests_before, received_before }
    }

    pub(super) async fn go(self, mode: Mode, transfers: &mut JoinSet<()>) -> Result<Report> {
        self.measure_room()?;
        let mut trees = self.resolve_all().await?;
        let work = self.collect(&mut trees, &self.groups())?;
        if mode == Mode::Apply {
            self.apply(&mut trees, work, transfers).await?;
        }
        Ok(self.report(trees))
    }

    async fn resolve_all(&self) -> Result<Vec<Tree<'a>>> {
        let held = self.held_groups()?;
        let mut trees = self.resolve_jobs(self.jobs.iter().collect(), &held, Turn::First).await?;
        for _ in 0..again::MOVES {
            let outdated = companions::outdated(&trees);
            if outdated.is_empty() {
                break;
            }
            let jobs = outdated.iter().map(|at| trees[*at].job).collect();
            let resolved = self.resolve_jobs(jobs, &held, Turn::Again).await?;
            for (at, tree) in outdated.into_iter().zip(resolved) {
                trees[at] = tree;
            }
        }
        self.judge_selections(&mut trees);
        Ok(trees)
    }

    /// Reads the upstreams of jobs, so many at once as there are seats: those that wait for their
    /// companions take none.
    async fn resolve_jobs(
        &self,
        jobs: Vec<&'a Job>,
        held: &HashSet<String>,
        turn: Turn,
    ) -> Result<Vec<Tree<'a>>> {
        for job in &jobs {
            job.source.begin(turn);
        }
        let mut trees = Vec::with_capacity(jobs.len());
        let all = jobs.len().max(1);
        let resolving = jobs.into_iter().map(async |job| {
            // They are never closed.
            let _seat = self.seats.acquire().await.ok();
            self.resolve(job, held.contains(&job.group)).await
        });
        let mut resolved = stream::iter(resolving).buffered(all);
        while let Some(tree) = resolved.next().await {
            trees.push(tree?);
        }
        Ok(trees)
    }

    /// Fetches and publishes what was planned, and once more what upstreams changed meanwhile.
    async fn apply(
        &self,
        trees: &mut [Tree<'a>],
        work: Units,
        transfers: &mut JoinSet<()>,
    ) -> Result<()> {
        if !work.is_empty() {
            let planned = trees.iter().filter(|tree| matches!(tree.work, Work::Plan { .. }));
            self.mirror.note_begun(planned.map(|tree| tree.job));
        }
        let groups = self.groups();
        self.fetch_and_publish(trees, groups, work, Patience::Some, transfers).await?;
        for round in 0..again::MOVES {
            self.measure_room()?;
            let groups = self.resolve_again(trees, round).await?;
            self.judge_selections(trees);
            self.tell_deferred(trees);
            if groups.is_empty() {
                break;
            }
            let work = self.collect(trees, &groups)?;
            self.fetch_and_publish(trees, groups, work, Patience::None, transfers).await?;
        }
        for _ in 0..again::LESS {
            let groups = self.resolve_without(trees).await?;
            self.judge_selections(trees);
            if groups.is_empty() {
                break;
            }
            let work = self.collect(trees, &groups)?;
            self.fetch_and_publish(trees, groups, work, Patience::None, transfers).await?;
        }
        self.tell_borne(trees);
        self.tidy(trees).await
    }

    /// The groups, in the order of their first jobs.
    fn groups(&self) -> Vec<&'a str> {
        let mut groups: Vec<&str> = Vec::new();
        for job in self.jobs {
            if !groups.contains(&job.group.as_str()) {
                groups.push(&job.group);
            }
        }
        groups
    }

    fn report(self, mut trees: Vec<Tree<'a>>) -> Report {
        for tree in &mut trees {
            tree.report.failures.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Report {
            root: self.mirror.store.root().to_owned(),
            trees: trees.into_iter().map(|tree| tree.report).collect(),
            requests: self.mirror.client.requests() - self.requests_before,
            received: self.mirror.client.received() - self.received_before,
        }
    }

    async fn fetch_and_publish(
        &self,
        trees: &mut [Tree<'a>],
        groups: Vec<&'a str>,
        units: Units,
        patience: Patience,
        transfers: &mut JoinSet<()>,
    ) -> Result<()> {
        let (queue, reporter) = (units.into_queue(), &self.reporter);
        let room = &self.room;
        let bearing = trees.iter().map(|tree| tree.job.source.may_do_without()).collect();
        let manner = (patience, bearing);
        let mut done = fetching::start(self.mirror, queue, room, manner, reporter, transfers);
        let mut open = groups;
        loop {
            let (ready, waiting): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|group| fetch::is_settled(trees, group));
            for group in ready {
                self.publish(trees, group).await?;
            }
            open = waiting;
            match done.recv().await {
                Some(done) => fetch::take(trees, done, patience)?,
                None => return Ok(()),
            }
        }
    }
}
