//! One run: resolve, plan, check, fetch, publish, report.

mod again;

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use tokio::task::JoinSet;

use super::fetching::{self, Done, Fetched, Patience, Units};
use super::{Job, Mirror, Mode, blocking};
use crate::digest::Sha256;
use crate::error::{Error, Kind, Result, redact};
use crate::manifest::{Manifest, Origin, Remote, Role, StoredEntry, StoredManifest};
use crate::plan::{Inventory as _, Plan, Step, dropped};
use crate::report::{Event, Failure, Outcome, Report, Reporter, TreeReport};
use crate::signature::Judgement;
use crate::source::{Context, Resolution};
use crate::store::{Publication, TreeInventory};

/// Sources that are read at once; each of their transfers counts against the connections.
const SOURCES: usize = 8;

/// Bytes and inodes that are left free beyond what the plan needs, for manifests and the state.
const SPARE_BYTES: u64 = 16 << 20;
const SPARE_INODES: u64 = 64;

/// A run over some jobs.
pub(super) struct Run<'a> {
    mirror: &'a Mirror,
    jobs: &'a [Job],
    reporter: Arc<dyn Reporter>,
    /// What the client had counted when the run began.
    requests_before: u64,
    received_before: u64,
}

/// A tree during a run.
struct Tree<'a> {
    job: &'a Job,
    name: Arc<str>,
    upstream: Arc<str>,
    previous: Option<Arc<StoredManifest>>,
    work: Work,
    /// What is missing may be so because upstream moved on.
    may_have_moved: bool,
    /// Files that are asked for once more before they are said to have failed, and why.
    deferred: Vec<(String, String)>,
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
        Self { mirror, jobs, reporter, requests_before, received_before }
    }

    pub(super) async fn go(self, mode: Mode, transfers: &mut JoinSet<()>) -> Result<Report> {
        let held = self.held_groups()?;
        let resolving = self.jobs.iter().map(|job| self.resolve(job, held.contains(&job.group)));
        let mut trees: Vec<Tree<'a>> = Vec::new();
        let mut resolved = stream::iter(resolving).buffered(SOURCES);
        while let Some(tree) = resolved.next().await {
            trees.push(tree?);
        }
        drop(resolved);
        let units = collect(&mut trees);
        self.check_space(&units)?;
        if mode == Mode::Apply {
            let mut groups: Vec<&str> = Vec::new();
            for job in self.jobs {
                if !groups.contains(&job.group.as_str()) {
                    groups.push(&job.group);
                }
            }
            if units.count().0 > 0 {
                let planned = trees.iter().filter(|tree| matches!(tree.work, Work::Plan { .. }));
                self.mirror.note_begun(planned.map(|tree| tree.job));
            }
            self.fetch_and_publish(&mut trees, groups, units, Patience::Some, transfers).await?;
            for round in 0..again::MOVES {
                let groups = self.resolve_again(&mut trees, round).await?;
                self.tell_deferred(&mut trees);
                if groups.is_empty() {
                    break;
                }
                let units = collect(&mut trees);
                self.check_space(&units)?;
                let patience = Patience::None;
                self.fetch_and_publish(&mut trees, groups, units, patience, transfers).await?;
            }
            self.tidy(&trees).await?;
        }
        for tree in &mut trees {
            tree.report.failures.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(Report {
            root: self.mirror.store.root().to_owned(),
            trees: trees.into_iter().map(|tree| tree.report).collect(),
            requests: self.mirror.client.requests() - self.requests_before,
            received: self.mirror.client.received() - self.received_before,
        })
    }

    /// The groups of which a tree was rolled back, and not released since.
    fn held_groups(&self) -> Result<HashSet<String>> {
        let view = self.mirror.store.view();
        let mut held = HashSet::new();
        for tree in view.trees()? {
            let current = match view.current(&tree) {
                // Told of that tree when its turn comes; those of its group have files of their own.
                Err(Error::Damaged { .. }) => continue,
                current => current?,
            };
            if let Some(current) = current.filter(|current| current.held) {
                let job = self.jobs.iter().find(|job| job.tree == tree);
                held.extend(job.map(|job| job.group.clone()));
                held.insert(view.heading(&tree, current.id)?.group);
            }
        }
        Ok(held)
    }

    /// Reads a job's upstream and plans its tree. What upstream does wrong is in the tree's report.
    async fn resolve(&self, job: &'a Job, is_held: bool) -> Result<Tree<'a>> {
        let mirror = self.mirror;
        let name: Arc<str> = job.tree.as_str().into();
        let upstream: Arc<str> = job.source.identity().into();
        let mut warnings = Vec::new();
        // Where that is not known the tree may be held: nothing takes the place of what is there.
        let (current, unknown) = match mirror.store.view().current(&job.tree) {
            Err(error @ Error::Damaged { .. }) => (None, Some(error)),
            current => (current?, None),
        };
        let generation = current.map(|current| current.id);
        let previous = match generation.map(|id| mirror.store.generation(&job.tree, id)).transpose()
        {
            Err(error @ Error::Damaged { .. }) => {
                let next = if is_held { "" } else { "; publishing a new generation" };
                warnings.push(format!("{error}{next}"));
                None
            }
            found => found?.map(|found| found.manifest),
        };
        let report = TreeReport {
            tree: name.to_string(),
            group: job.group.clone(),
            outcome: Outcome::Failed,
            generation,
            files: 0,
            bytes: 0,
            fetch_files: 0,
            fetch_bytes: 0,
            changes: crate::plan::Changes::default(),
            weakly_verified: 0,
            signature: None,
            warnings,
            failures: Vec::new(),
        };
        let previous = previous.map(Arc::new);
        let mut tree = Tree {
            job,
            name,
            upstream,
            previous,
            work: Work::None,
            may_have_moved: false,
            deferred: Vec::new(),
            report,
        };
        if let Some(error) = unknown {
            self.fail(&mut tree, &error);
            return Ok(tree);
        }
        if is_held {
            tree.report.outcome = Outcome::Held;
            if let Some(previous) = &tree.previous {
                tree.report.files = previous.entries.len() as u64;
                tree.report.bytes = previous.size();
            }
            let (tree_name, generation) = (&*tree.name, tree.report.generation);
            self.reporter.on_event(&Event::Held { tree: tree_name, generation });
            return Ok(tree);
        }
        self.reporter.on_event(&Event::Resolving { tree: &tree.name });
        match self.resolution(&mut tree).await {
            Err(error) if error.is_local() => return Err(error),
            Err(error) => self.fail(&mut tree, &error),
            Ok(None) => {}
            Ok(Some(manifest)) => self.plan(&mut tree, manifest).await?,
        }
        Ok(tree)
    }

    /// Says why nothing can be done for a tree.
    fn fail(&self, tree: &mut Tree<'a>, error: &Error) {
        let (reason, kind) = (error.to_string(), error.kind());
        let (tree_name, path) = (&*tree.name, "");
        self.reporter.on_event(&Event::Failed { tree: tree_name, path, reason: &reason });
        tree.report.failures.push(Failure { path: None, reason, kind });
    }

    /// Refuses a manifest without most of the packages that are published, for the same selection:
    /// upstream may be broken, or half there.
    fn refuse_shrinking(&self, tree: &Tree<'a>, manifest: &Manifest) -> Result<()> {
        let fingerprint = tree.job.source.fingerprint();
        let previous = tree.previous.as_ref().filter(|p| p.fingerprint == fingerprint);
        let Some(previous) = previous.filter(|_| !self.mirror.allow.shrink) else { return Ok(()) };
        let (dropped, total) = dropped(previous, manifest);
        if dropped > total / 2 { Err(Error::Shrinks { dropped, total }) } else { Ok(()) }
    }

    /// The manifest that a tree is to hold; `None` where it is what it should be.
    async fn resolution(&self, tree: &mut Tree<'a>) -> Result<Option<Manifest>> {
        let (mirror, job) = (self.mirror, tree.job);
        // Another selection is never taken for "no change".
        let mut previous = tree.previous.clone().filter(|previous| {
            previous.fingerprint == job.source.fingerprint() && previous.upstream == *tree.upstream
        });
        loop {
            let context = Context::new(
                &mirror.store,
                &mirror.client,
                &*self.reporter,
                &tree.name,
                tree.upstream.to_string(),
                previous.as_deref(),
            )
            .over(tree.previous.as_deref(), mirror.allow.older);
            let resolution = job.source.resolve(&context).await;
            tree.report.warnings.extend(context.into_warnings());
            match (resolution?, previous.take()) {
                (Resolution::Manifest(manifest), _) => {
                    self.refuse_shrinking(tree, &manifest)?;
                    self.tell_signature(tree, manifest.signature());
                    return Ok(Some(manifest));
                }
                // Taken for an empty manifest it would empty the tree.
                (Resolution::Unchanged, None) => {
                    let reason = "its source says \"unchanged\" where nothing is known of it";
                    let file = tree.upstream.to_string();
                    return Err(Error::Metadata { file, source: reason.into() });
                }
                (Resolution::Unchanged, Some(previous)) => {
                    if self.is_in_place(tree, &previous).await? {
                        self.tell_signature(tree, previous.signature.as_ref());
                        tree.report.outcome = Outcome::Unchanged;
                        tree.report.files = previous.entries.len() as u64;
                        tree.report.bytes = previous.size();
                        self.is_unchanged(tree);
                        return Ok(None);
                    }
                    // The tree was damaged: what it takes to mend it, the source says again.
                }
            }
        }
    }

    fn tell_signature(&self, tree: &mut Tree<'a>, judgement: Option<&Judgement>) {
        if let Some(Judgement { verdict: signature, .. }) = judgement {
            self.reporter.on_event(&Event::Signature { tree: &tree.name, signature });
            tree.report.signature = Some(signature.clone());
        }
    }

    /// Whether each file of the tree is as it was when it was verified.
    async fn is_in_place(&self, tree: &Tree<'a>, previous: &Arc<StoredManifest>) -> Result<bool> {
        let (store, previous) = (Arc::clone(&self.mirror.store), Arc::clone(previous));
        let (path, upstream) = (tree.job.tree.clone(), Arc::clone(&tree.upstream));
        blocking(move || {
            let mut inventory = TreeInventory::new(&store, &path, &upstream);
            let in_place = previous
                .entries
                .iter()
                .all(|entry| inventory.published(&entry.path) == Some(entry.sha256));
            inventory.finish().map(|()| in_place)
        })
        .await
    }

    async fn plan(&self, tree: &mut Tree<'a>, manifest: Manifest) -> Result<()> {
        let (store, previous) = (Arc::clone(&self.mirror.store), tree.previous.clone());
        let (path, upstream) = (tree.job.tree.clone(), Arc::clone(&tree.upstream));
        let (manifest, plan) = blocking(move || {
            let mut inventory = TreeInventory::new(&store, &path, &upstream);
            let plan = Plan::new(&manifest, &mut inventory, previous.as_deref());
            inventory.finish().map(|()| (manifest, plan))
        })
        .await?;
        let report = &mut tree.report;
        report.outcome = Outcome::Planned;
        report.files = manifest.entries().len() as u64;
        report.bytes = manifest.entries().iter().filter_map(|entry| entry.size).sum();
        report.fetch_files = plan.fetch_files;
        report.fetch_bytes = plan.fetch_bytes;
        report.changes = plan.changes;
        report.weakly_verified = manifest
            .entries()
            .iter()
            .filter(|entry| entry.digest.is_none_or(|digest| digest.algorithm().is_weak()))
            .filter(|entry| matches!(entry.origin, Origin::Remote(_)))
            .count() as u64;
        self.reporter.on_event(&Event::Resolved {
            tree: &tree.name,
            files: report.files,
            fetch_files: report.fetch_files,
            fetch_bytes: report.fetch_bytes,
        });
        let content = vec![None; manifest.entries().len()];
        tree.work = Work::Plan { manifest, plan, content, missing: 0 };
        Ok(())
    }

    /// Holds all plans together against what the file system still takes.
    fn check_space(&self, units: &Units) -> Result<()> {
        let (inodes, bytes) = units.count();
        if inodes == 0 {
            return Ok(());
        }
        let free = self.mirror.store.free()?;
        let path = self.mirror.store.root().to_owned();
        let needed = bytes.saturating_add(SPARE_BYTES);
        if needed > free.bytes {
            return Err(Error::NoSpace { path, needed, free: free.bytes });
        }
        let needed = inodes.saturating_add(SPARE_INODES);
        match free.inodes {
            Some(free) if needed > free => Err(Error::NoInodes { path, needed, free }),
            _ => Ok(()),
        }
    }

    /// Clears away what this run and interrupted ones leave.
    async fn tidy(&self, trees: &[Tree<'a>]) -> Result<()> {
        // What an interrupted publication of one that failed had brought, the next run wants.
        let read = trees.iter().filter(|tree| tree.report.outcome != Outcome::Failed);
        let paths = read.map(|tree| tree.job.tree.clone()).collect::<Vec<_>>();
        let published: Vec<_> = trees
            .iter()
            .filter(|tree| tree.report.outcome == Outcome::Published)
            .map(|tree| tree.job.tree.clone())
            .collect();
        let mut wanted = HashSet::new();
        for tree in trees.iter().filter(|tree| !tree.report.outcome.is_good()) {
            if let Work::Plan { plan, content, .. } = &tree.work {
                wanted.extend(content.iter().flatten().map(|fetched| fetched.sha256));
                wanted.extend(plan.steps.iter().filter_map(|step| match step {
                    Step::Keep(sha256) | Step::Link(sha256) => Some(*sha256),
                    Step::Fetch => None,
                }));
            }
        }
        let (store, retention) = (Arc::clone(&self.mirror.store), self.mirror.retention);
        blocking(move || store.tidy(&paths, &published, &wanted, &retention)).await
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
        let mut done = fetching::start(self.mirror, queue, patience, reporter, transfers);
        let mut open = groups;
        loop {
            let (ready, waiting): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|group| is_settled(trees, group));
            for group in ready {
                self.publish(trees, group).await?;
            }
            open = waiting;
            match done.recv().await {
                Some(done) => take(trees, done, patience)?,
                None => return Ok(()),
            }
        }
    }

    /// Publishes a group of which every file is there, or says why it is not.
    async fn publish(&self, trees: &mut [Tree<'a>], group: &str) -> Result<()> {
        let failed = |tree: &Tree<'_>| tree.report.outcome == Outcome::Failed;
        let lacking = |tree: &Tree<'_>| !tree.report.failures.is_empty();
        let mut members: Vec<_> = trees.iter_mut().filter(|tree| tree.job.group == group).collect();
        for tree in &mut members {
            self.check_sizes(tree)?;
        }
        let complete = !members.iter().any(|tree| failed(tree) || lacking(tree));
        let mut publications = Vec::new();
        let mut published = Vec::new();
        for tree in &mut members {
            if !matches!(tree.work, Work::Plan { .. }) {
                continue;
            }
            if !complete {
                let incomplete = lacking(tree);
                tree.report.outcome =
                    if incomplete { Outcome::Incomplete } else { Outcome::HeldBack };
                continue;
            }
            if let Some(publication) = self.publication(tree)? {
                publications.push(publication);
                published.push(tree);
            } else {
                tree.report.outcome = Outcome::Unchanged;
                self.is_unchanged(tree);
            }
        }
        if publications.is_empty() {
            return Ok(());
        }
        self.reporter.on_event(&Event::Publishing { group });
        let (store, retention) = (Arc::clone(&self.mirror.store), self.mirror.retention);
        let results = blocking(move || store.publish(&publications, &retention)).await?;
        for (tree, result) in published.into_iter().zip(results) {
            tree.report.outcome = Outcome::Published;
            tree.report.generation = Some(result.generation);
            let (tree, generation) = (&*tree.name, result.generation);
            self.reporter.on_event(&Event::Published { tree, generation });
        }
        Ok(())
    }

    /// Tells that a tree's newest generation is what its upstream is.
    fn is_unchanged(&self, tree: &Tree<'_>) {
        if let Some(generation) = tree.report.generation {
            self.reporter.on_event(&Event::Unchanged { tree: &tree.name, generation });
        }
    }

    /// Fails the packages that are right by their digests and have another size than listed: clients
    /// compare it before anything else, and could not install them.
    fn check_sizes(&self, tree: &mut Tree<'a>) -> Result<()> {
        let Work::Plan { manifest, plan, content, .. } = &tree.work else { return Ok(()) };
        let previous = tree.previous.as_ref();
        let mut failures = Vec::new();
        for ((entry, step), content) in manifest.entries().iter().zip(&plan.steps).zip(content) {
            let (Role::Payload, Some(expected)) = (entry.role, entry.size) else { continue };
            let found = match (content, step) {
                (Some(fetched), _) => fetched.size,
                (None, Step::Keep(sha256) | Step::Link(sha256)) => {
                    let before = previous.and_then(|p| p.get(entry.path.as_str()));
                    // Most are what they were, and need no look at the disk.
                    if before.is_some_and(|b| b.sha256 == *sha256 && b.size == expected) {
                        continue;
                    }
                    self.size(tree, entry.path.as_str(), sha256, *step)?
                }
                (None, Step::Fetch) => continue,
            };
            if found != expected {
                let urls = match &entry.origin {
                    Origin::Remote(remote) => remote.urls(&entry.path),
                    Origin::Stored { .. } => Vec::new(),
                };
                let file = urls.first().map_or_else(|| entry.path.to_string(), redact);
                let error = Error::SizeMismatch { file, expected, found };
                failures.push((entry.path.clone(), error.to_string()));
            }
        }
        for (path, reason) in failures {
            let (tree_name, shown) = (&*tree.name, path.as_str());
            let event = Event::Failed { tree: tree_name, path: shown, reason: &reason };
            self.reporter.on_event(&event);
            let kind = Kind::Other;
            tree.report.failures.push(Failure { path: Some(path), reason, kind });
        }
        Ok(())
    }

    /// What is to be published for a tree; `None` where it holds that already.
    fn publication(&self, tree: &mut Tree<'a>) -> Result<Option<Publication>> {
        let Work::Plan { manifest, plan, content, .. } = &tree.work else {
            return Ok(None);
        };
        let previous = tree.previous.as_ref();
        let mut entries = Vec::with_capacity(manifest.entries().len());
        let mut in_place = Vec::with_capacity(manifest.entries().len());
        for ((entry, step), content) in manifest.entries().iter().zip(&plan.steps).zip(content) {
            let (sha256, size) = match (step, content) {
                (_, Some(fetched)) => (fetched.sha256, fetched.size),
                (Step::Keep(sha256) | Step::Link(sha256), None) => {
                    let before = previous.and_then(|p| p.get(entry.path.as_str()));
                    let before = before.filter(|before| before.sha256 == *sha256);
                    let size = before.map_or_else(
                        || self.size(tree, entry.path.as_str(), sha256, *step),
                        |before| Ok(before.size),
                    )?;
                    (*sha256, size)
                }
                // Only a group without failures comes here.
                (Step::Fetch, None) => return Err(Error::NoUrl(entry.path.to_string())),
            };
            in_place.push(matches!(step, Step::Keep(_)));
            entries.push(StoredEntry {
                path: entry.path.clone(),
                size,
                sha256,
                digest: entry.digest.filter(|digest| digest.as_sha256().is_none()),
                remote: match &entry.origin {
                    Origin::Remote(remote) => Some(remote.without_credentials()),
                    Origin::Stored { remote, .. } => {
                        remote.as_ref().map(Remote::without_credentials)
                    }
                },
                role: entry.role,
                subject: entry.subject.clone(),
                unverified: entry.unverified.clone(),
            });
        }
        let manifest = StoredManifest {
            upstream: tree.upstream.to_string(),
            fingerprint: tree.job.source.fingerprint(),
            switched: manifest.switched().cloned(),
            signature: manifest.signature().cloned(),
            entries,
        };
        tree.report.bytes = manifest.size();
        if previous.is_some_and(|previous| **previous == manifest)
            && in_place.iter().all(|in_place| *in_place)
        {
            return Ok(None);
        }
        let (group, tree) = (tree.job.group.clone(), tree.job.tree.clone());
        Ok(Some(Publication { tree, group, manifest, in_place }))
    }

    fn size(&self, tree: &Tree<'_>, path: &str, sha256: &Sha256, step: Step) -> Result<u64> {
        let store = &self.mirror.store;
        match step {
            // A file that was there before us may not be a blob yet.
            Step::Keep(_) => {
                let path = tree.job.tree.under(store.root()).join(path);
                let found = std::fs::symlink_metadata(&path);
                Ok(found.map_err(Error::io("look at", &path))?.len())
            }
            _ => store.size(sha256),
        }
    }
}

/// What the plans of all trees have to fetch.
fn collect(trees: &mut [Tree<'_>]) -> Units {
    let mut units = Units::default();
    for (number, tree) in trees.iter_mut().enumerate() {
        let Work::Plan { manifest, plan, content, missing } = &mut tree.work else {
            continue;
        };
        for (at, (entry, step)) in manifest.entries().iter().zip(&plan.steps).enumerate() {
            // One that is planned by now has nothing yet; others have what can be had.
            if *step == Step::Fetch && content[at].is_none() && tree.report.failures.is_empty() {
                units.add(&tree.name, &tree.upstream, entry, (number, at));
                *missing += 1;
            }
        }
    }
    units
}

/// Whether nothing of the group is still to come.
fn is_settled(trees: &[Tree<'_>], group: &str) -> bool {
    trees
        .iter()
        .filter(|tree| tree.job.group == group)
        .all(|tree| !matches!(tree.work, Work::Plan { missing, .. } if missing > 0))
}

/// Notes what came of a transfer with everyone who wanted it.
fn take(trees: &mut [Tree<'_>], done: Done, patience: Patience) -> Result<()> {
    let is_other_answer = done.result.as_ref().is_err_and(Error::is_other_answer);
    let mut deferred = (patience == Patience::Some && is_other_answer).then_some(done.unit.path);
    let (reason, kind) = match &done.result {
        Err(error) if !error.is_local() => (error.to_string(), error.kind()),
        _ => Default::default(),
    };
    let fetched = match done.result {
        Err(error) if error.is_local() => return Err(error),
        Err(_) => None,
        Ok(fetched) => Some(fetched),
    };
    for (tree, at) in done.unit.takers {
        let tree = &mut trees[tree];
        let Work::Plan { manifest, content, missing, .. } = &mut tree.work else {
            continue;
        };
        *missing -= 1;
        let Some(fetched) = fetched else {
            tree.may_have_moved |= is_other_answer;
            tree.deferred.extend(deferred.take().map(|path| (path, reason.clone())));
            let path = Some(manifest.entries()[at].path.clone());
            tree.report.failures.push(Failure { path, reason: reason.clone(), kind });
            continue;
        };
        content[at] = Some(fetched);
        let entry = &manifest.entries()[at];
        let listed = entry.size.filter(|listed| *listed != fetched.size);
        if let Some(listed) = listed.filter(|_| entry.role != Role::Payload) {
            let (path, found) = (&entry.path, fetched.size);
            let warning = format!("{path}: {found} bytes, listed with {listed}");
            tree.report.warnings.push(warning);
        }
    }
    Ok(())
}
