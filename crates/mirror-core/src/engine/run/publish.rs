//! From what was fetched to what is published: for whole groups, or not at all.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Run, Tree, Work};
use crate::digest::Sha256;
use crate::engine::blocking;
use crate::error::{Error, Kind, Result, redact};
use crate::manifest::{Origin, Remote, Role, StoredEntry, StoredManifest};
use crate::plan::Step;
use crate::report::{Event, Failure, Outcome};
use crate::source::Sizes;
use crate::store::Publication;

impl<'a> Run<'a> {
    /// Publishes a group of which every file is there, or says why it is not.
    pub(super) async fn publish(&self, trees: &mut [Tree<'a>], group: &str) -> Result<()> {
        let failed = |tree: &Tree<'_>| tree.report.outcome == Outcome::Failed;
        let lacking = |tree: &Tree<'_>| !tree.report.failures.is_empty();
        let mut members: Vec<_> = trees.iter_mut().filter(|tree| tree.job.group == group).collect();
        for tree in &mut members {
            self.check_sizes(tree)?;
        }
        self.fail_outdated(&mut members);
        if !members.iter().any(|tree| failed(tree) || lacking(tree)) {
            for tree in &mut members {
                self.finish(tree).await?;
            }
        }
        let complete = !members.iter().any(|tree| failed(tree) || lacking(tree));
        let mut publications = Vec::new();
        let mut published = Vec::new();
        for tree in &mut members {
            if !matches!(tree.work, Work::Plan { .. }) {
                continue;
            }
            if !complete {
                tree.report.outcome = match tree.report.outcome {
                    // There was no room for what it lacks.
                    Outcome::Failed => Outcome::Failed,
                    _ if lacking(tree) => Outcome::Incomplete,
                    _ => Outcome::HeldBack,
                };
                continue;
            }
            if let Some(publication) = self.publication(tree)? {
                let is_whole = publication.in_place.iter().all(|in_place| *in_place);
                publications.push(publication);
                published.push((tree, is_whole));
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
        for ((tree, is_whole), result) in published.into_iter().zip(results) {
            if is_whole && !result.is_new {
                // Only what is known of its signature is another.
                tree.report.outcome = Outcome::Unchanged;
                self.is_unchanged(tree);
                continue;
            }
            tree.report.outcome = Outcome::Published;
            tree.report.generation = Some(result.generation);
            let (tree, generation) = (&*tree.name, result.generation);
            self.reporter.on_event(&Event::Published { tree, generation });
        }
        Ok(())
    }

    /// Tells that a tree's newest generation is what its upstream is.
    pub(super) fn is_unchanged(&self, tree: &Tree<'_>) {
        if let Some(generation) = tree.report.generation {
            self.reporter.on_event(&Event::Unchanged { tree: &tree.name, generation });
        }
    }

    /// Fails the packages that are right by their digests and have another size than listed: clients
    /// compare it before anything else, and could not install them.
    fn check_sizes(&self, tree: &mut Tree<'a>) -> Result<()> {
        if tree.job.source.sizes() != Sizes::Bind {
            return Ok(());
        }
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

    /// A tree's files as they are in the store, and whether each is in the tree already; `None` where
    /// there is nothing to do for it.
    pub(super) fn stored(&self, tree: &Tree<'a>) -> Result<Option<(Vec<StoredEntry>, Vec<bool>)>> {
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
        Ok(Some((entries, in_place)))
    }

    /// What is to be published for a tree; `None` where it holds that already.
    fn publication(&self, tree: &mut Tree<'a>) -> Result<Option<Publication>> {
        let Some((entries, in_place)) = self.stored(tree)? else { return Ok(None) };
        let Work::Plan { manifest, .. } = &tree.work else { return Ok(None) };
        let previous = tree.previous.as_ref();
        let manifest = StoredManifest {
            upstream: tree.upstream.to_string(),
            fingerprint: tree.job.source.fingerprint(),
            switched: manifest.switched().cloned(),
            signature: manifest.signature().cloned(),
            made_from: manifest.origin().cloned(),
            entries,
        };
        tree.report.bytes = manifest.size();
        // Sets that failed are none of what is asked for differently now.
        let is_partial = !tree.report.failed_sets.is_empty();
        let is_same = |previous: &StoredManifest| {
            *previous == manifest || (is_partial && previous.entries == manifest.entries)
        };
        if previous.is_some_and(|previous| is_same(previous))
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

    /// Clears away what this run and interrupted ones leave.
    pub(super) async fn tidy(&self, trees: &[Tree<'a>]) -> Result<()> {
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
        let good = trees.iter().filter(|tree| tree.report.outcome.is_good());
        store.let_go(good.flat_map(|tree| tree.let_go.iter().copied()));
        blocking(move || store.tidy(&paths, &published, &wanted, &retention)).await
    }
}
