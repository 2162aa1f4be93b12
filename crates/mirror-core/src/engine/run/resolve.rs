//! From upstreams to plans: what each tree is to hold, and what that takes.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Run, Tree, Work};
use crate::engine::{Job, blocking};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Origin, StoredManifest};
use crate::path::TreePath;
use crate::plan::{Inventory as _, Plan};
use crate::report::{Event, Failure, Outcome, TreeReport};
use crate::signature::Judgement;
use crate::source::{Context, Resolution};
use crate::store::{Generation, Store, TreeInventory};

/// What is published of a tree, as far as that is known.
#[derive(Default)]
struct Published {
    /// Its generation.
    generation: Option<u64>,
    /// What that holds.
    manifest: Option<Arc<StoredManifest>>,
    /// What an upstream's state is held against: the same, or where it cannot be read, the newest of
    /// the kept ones that can.
    guard: Option<Arc<StoredManifest>>,
    /// The generation of that.
    guard_id: Option<u64>,
    /// Why the rest is not known.
    fault: Option<Error>,
}

impl Published {
    fn of(store: &Store, tree: &TreePath) -> Result<Self> {
        let current = match store.view().current(tree) {
            Err(error) if error.is_of_one_file() => {
                return Ok(Self { fault: Some(error), ..Self::default() });
            }
            current => current?,
        };
        let Some(generation) = current.map(|current| current.id) else {
            return Ok(Self::default());
        };
        let mut published = Self { generation: Some(generation), ..Self::default() };
        match store.generation(tree, generation) {
            Ok(found) => {
                published.guard = Some(Arc::new(found.manifest));
                published.guard_id = Some(generation);
                published.manifest.clone_from(&published.guard);
            }
            Err(error) if error.is_of_one_file() => {
                let kept = newest_readable(store, tree)?;
                published.guard_id = kept.as_ref().map(|kept| kept.id);
                published.guard = kept.map(|kept| Arc::new(kept.manifest));
                published.fault = Some(error);
            }
            Err(error) => return Err(error),
        }
        Ok(published)
    }
}

fn newest_readable(store: &Store, tree: &TreePath) -> Result<Option<Generation>> {
    for id in store.generations(tree)?.into_iter().rev() {
        match store.generation(tree, id) {
            Err(error) if error.is_of_one_file() => {}
            found => return found.map(Some),
        }
    }
    Ok(None)
}

/// Keeps the reason why nothing can be done for a tree.
fn note(tree: &mut Tree<'_>, error: &Error) {
    let (reason, kind) = (error.to_string(), error.kind());
    tree.report.failures.push(Failure { path: None, reason, kind });
}

impl<'a> Run<'a> {
    /// The groups of which a tree was rolled back, and not released since.
    pub(super) fn held_groups(&self) -> Result<HashSet<String>> {
        let view = self.mirror.store.view();
        let mut held = HashSet::new();
        for tree in view.trees()? {
            let current = match view.current(&tree) {
                // Told of that tree when its turn comes; those of its group have files of their own.
                Err(error) if error.is_of_one_file() => continue,
                current => current?,
            };
            if let Some(current) = current.filter(|current| current.held) {
                let job = self.jobs.iter().find(|job| job.tree == tree);
                held.extend(job.map(|job| job.group.clone()));
                held.extend(view.heading(&tree, current.id).ok().map(|heading| heading.group));
            }
        }
        Ok(held)
    }

    /// Reads a job's upstream and plans its tree. What upstream does wrong is in the tree's report.
    pub(super) async fn resolve(&self, job: &'a Job, is_held: bool) -> Result<Tree<'a>> {
        let mirror = self.mirror;
        let name: Arc<str> = job.tree.as_str().into();
        let upstream: Arc<str> = job.source.identity().into();
        let published = Published::of(&mirror.store, &job.tree)?;
        let report = TreeReport {
            tree: name.to_string(),
            group: job.group.clone(),
            outcome: Outcome::Failed,
            generation: published.generation,
            files: 0,
            bytes: 0,
            unsized_files: 0,
            fetch_files: 0,
            fetch_bytes: 0,
            fetch_unsized: 0,
            changes: crate::plan::Changes::default(),
            weakly_verified: 0,
            signature: None,
            package_signatures: None,
            warnings: Vec::new(),
            failures: Vec::new(),
            failed_sets: Vec::new(),
        };
        let mut tree = Tree {
            job,
            name,
            upstream,
            previous: published.manifest,
            guard: published.guard,
            work: Work::None,
            may_have_moved: false,
            deferred: Vec::new(),
            borne: Vec::new(),
            let_go: HashSet::new(),
            selected: None,
            report,
        };
        if let Some(fault) = published.fault {
            let is_lost = matches!(fault, Error::Damaged { .. });
            // Where it is not known whether the tree is held, nothing takes the place of what is
            // there; nor while what it holds may yet be read.
            if tree.report.generation.is_none() || !(is_held || is_lost) {
                self.fail(&mut tree, &fault);
                return Ok(tree);
            }
            let next = match published.guard_id {
                _ if is_held => String::new(),
                Some(id) => format!(
                    "; publishing a new one, and upstream's keys, age and size are held against \
                     generation {id}"
                ),
                None => {
                    "; publishing a new one, and there is no other to hold upstream's keys, age \
                         and size against"
                        .to_owned()
                }
            };
            tree.report.warnings.push(format!("{fault}{next}"));
        }
        if is_held {
            tree.report.outcome = Outcome::Held;
            if let Some(previous) = &tree.previous {
                tree.report.files = previous.entries.len() as u64;
                tree.report.bytes = previous.size();
            }
            let (tree_name, generation) = (&*tree.name, tree.report.generation);
            self.reporter.on_event(&Event::Held { tree: tree_name, generation });
            job.source.give_up("it is held at the generation that it was rolled back to");
            return Ok(tree);
        }
        self.reporter.on_event(&Event::Resolving { tree: &tree.name });
        match self.resolution(&mut tree).await {
            Err(error) if error.is_local() => return Err(error),
            // It is resolved again with its companions, and perhaps for the better.
            Err(error) if job.source.is_outdated() => note(&mut tree, &error),
            Err(error) => self.fail(&mut tree, &error),
            Ok(None) => {}
            Ok(Some(manifest)) => self.plan(&mut tree, manifest).await?,
        }
        Ok(tree)
    }

    /// Says why nothing can be done for a tree.
    pub(super) fn fail(&self, tree: &mut Tree<'a>, error: &Error) {
        let reason = error.to_string();
        let (tree_name, path) = (&*tree.name, "");
        self.reporter.on_event(&Event::Failed { tree: tree_name, path, reason: &reason });
        tree.job.source.give_up(&reason);
        note(tree, error);
    }

    /// Refuses a manifest without most of the packages that are published, for the same selection.
    fn refuse_shrinking(&self, tree: &Tree<'a>, manifest: &Manifest) -> Result<()> {
        let previous = tree.guard.as_ref().filter(|_| !self.mirror.allow.shrink);
        let Some(previous) = previous else { return Ok(()) };
        let (dropped, total) = tree.job.source.drops(previous, manifest);
        if dropped > total / 2 { Err(Error::Shrinks { dropped, total }) } else { Ok(()) }
    }

    /// The manifest that a tree is to hold; `None` where it is what it should be.
    pub(super) async fn resolution(&self, tree: &mut Tree<'a>) -> Result<Option<Manifest>> {
        let job = tree.job;
        // Another selection is never taken for "no change".
        let mut previous = tree.previous.clone().filter(|previous| {
            previous.fingerprint == job.source.fingerprint() && previous.upstream == *tree.upstream
        });
        loop {
            let context = self.context(tree, previous.as_deref());
            let resolution = job.source.resolve(&context).await;
            let remarks = context.into_remarks();
            tree.report.warnings.extend(remarks.warnings);
            tree.report.failed_sets = remarks.failed_sets;
            tree.let_go.extend(remarks.let_go);
            tree.selected = remarks.selected;
            match (resolution?, previous.take()) {
                (Resolution::Manifest(manifest), _) => {
                    self.refuse_shrinking(tree, &manifest)?;
                    self.tell_signature(tree, manifest.signature());
                    for entry in manifest.entries() {
                        // What is chosen stays.
                        let sha256 = match entry.origin {
                            Origin::Stored { sha256, .. } => Some(sha256),
                            Origin::Remote(_) => entry.digest.and_then(|d| d.as_sha256()),
                        };
                        sha256.map(|sha256| tree.let_go.remove(&sha256));
                    }
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

    /// What a tree's source works with.
    pub(super) fn context<'c>(
        &'c self,
        tree: &'c Tree<'a>,
        previous: Option<&'c StoredManifest>,
    ) -> Context<'c> {
        let (store, client) = (&*self.mirror.store, &*self.mirror.client);
        let upstream = tree.upstream.to_string();
        Context::new(store, client, &self.room, &*self.reporter, &tree.name, upstream, previous)
            .over(tree.guard.as_deref(), self.mirror.allow.older)
            .seated(&self.seats)
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

    pub(super) async fn plan(&self, tree: &mut Tree<'a>, manifest: Manifest) -> Result<()> {
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
        let sizes = manifest.entries().iter().filter_map(|entry| entry.size);
        report.unsized_files = report.files - sizes.clone().count() as u64;
        report.bytes = sizes.fold(0, u64::saturating_add);
        report.fetch_files = plan.fetch_files;
        report.fetch_bytes = plan.fetch_bytes;
        report.fetch_unsized = plan.fetch_unsized;
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
            fetch_unsized: report.fetch_unsized,
        });
        let content = vec![None; manifest.entries().len()];
        tree.work = Work::Plan { manifest, plan, content, missing: 0 };
        Ok(())
    }
}
