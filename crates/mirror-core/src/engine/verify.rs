//! Verify and repair: the disk held against the kept manifests, and made equal to them again.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt as _, stream};

use super::{Mirror, blocking};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::fetch::{Need, Request};
use crate::manifest::StoredEntry;
use crate::part::Expected;
use crate::path::{RESERVED, TreePath};
use crate::report::{Event, Reporter};
use crate::source::Transfer;
use crate::store::{Check, Finding, LockWait, Problem, Repaired, View};
use tokio_util::sync::CancellationToken;

/// Reads every byte of `trees` (all, and all blobs, where none is named) and holds it against the
/// kept manifests. Writes nothing, and works on a root that is mounted read-only; meanwhile nobody
/// publishes there.
pub async fn verify(
    root: &Path,
    trees: &[TreePath],
    wait: LockWait,
    reporter: Arc<dyn Reporter>,
    cancel: &CancellationToken,
) -> Result<Check> {
    let open = cancel.run_until_cancelled(View::open(root, wait)).await;
    let view = open.unwrap_or(Err(Error::Cancelled))?;
    let (trees, cancel) = (trees.to_vec(), cancel.clone());
    blocking(move || view.check(&trees, &*reporter, &cancel)).await
}

impl Mirror {
    /// The same, and what is not as it should be is put right: from content that was found whole,
    /// else from upstream, of which only what differs is fetched. Foreign files are left alone
    /// unless they are in the way.
    ///
    /// What came of each finding is in its [`Finding::repaired`]; an error is a fault of this host.
    pub async fn repair(
        &self,
        trees: &[TreePath],
        reporter: Arc<dyn Reporter>,
        cancel: &CancellationToken,
    ) -> Result<Check> {
        let received = self.client.received();
        let (view, named, token) = (self.store.view(), trees.to_vec(), cancel.clone());
        let telling = Arc::clone(&reporter);
        let check = blocking(move || view.check(&named, &*telling, &token)).await?;
        for tree in &check.trees {
            // One that was killed as it had mended the last file left no more than its stage.
            self.store.clear_stage(&parse(&tree.tree)?)?;
        }
        if check.is_clean() {
            return Ok(check);
        }
        let repair = Repair { mirror: self, check, failed: HashMap::new() };
        let done = cancel.run_until_cancelled(repair.run(&*reporter)).await;
        let mut check = done.unwrap_or(Err(Error::Cancelled))?;
        check.received = self.client.received() - received;
        Ok(check)
    }
}

struct Repair<'a> {
    mirror: &'a Mirror,
    check: Check,
    /// Content that could not be had, and why.
    failed: HashMap<Sha256, String>,
}

impl Repair<'_> {
    async fn run(mut self, reporter: &dyn Reporter) -> Result<Check> {
        let store = &self.mirror.store;
        for (path, content) in &self.check.other {
            store.correct(path, *content)?;
        }
        for sha256 in &self.check.spoilt {
            store.drop_blob(sha256)?;
        }
        self.restore(reporter).await?;
        let mut trees = Vec::new();
        for tree in &mut self.check.trees {
            if tree.findings.is_empty() {
                continue;
            }
            let path = parse(&tree.tree)?;
            // What else is wrong with it then cannot be seen yet.
            let was_reached = store.reaches(&path);
            let mended = tree.findings.iter().filter(|finding| !is_mode(finding));
            let mended = mended.filter_map(|finding| finding.wanted.as_deref());
            store.mend(&path, mended.filter(|entry| !self.failed.contains_key(&entry.sha256)))?;
            for finding in &mut tree.findings {
                let repaired = outcome(finding, &self.failed, |finding| {
                    if is_mode(finding) {
                        store.mend_mode(&path, &finding.path).map(|()| true)
                    } else {
                        let is_reached = !was_reached && store.reaches(&path);
                        Ok(is_reached || store.is_tree_folder(&path, &finding.path))
                    }
                })?;
                finding.repaired = Some(repaired);
            }
            trees.push(path);
        }
        for finding in &mut self.check.state {
            // Content that nothing names is gone when it was spoilt.
            let is_gone = |finding: &Finding| {
                Ok(std::fs::symlink_metadata(store.root().join(&finding.path)).is_err())
            };
            finding.repaired = Some(outcome(finding, &self.failed, is_gone)?);
        }
        store.end_mending(&trees)?;
        Ok(self.check)
    }

    /// Brings what is wanted into the store.
    async fn restore(&mut self, reporter: &dyn Reporter) -> Result<()> {
        let store = &self.mirror.store;
        let mut wanted: HashMap<Sha256, (String, StoredEntry)> = HashMap::new();
        for (tree, finding) in self.tellers() {
            if let Some(entry) = finding.wanted.as_deref().filter(|_| !is_mode(finding)) {
                wanted.entry(entry.sha256).or_insert_with(|| (tree.to_owned(), entry.clone()));
            }
        }
        wanted.retain(|sha256, _| !store.has_blob(sha256));
        let mut copies = self.check.whole.clone();
        if wanted.keys().any(|sha256| !copies.contains_key(sha256)) {
            self.find_copies(&wanted, &mut copies)?;
        }
        for sha256 in wanted.keys().copied().collect::<Vec<_>>() {
            if self.check.spoilt.contains(&sha256) || !store.has_blob(&sha256) {
                // What lies there is no file, or nothing does.
                store.drop_blob(&sha256)?;
            }
            if let Some(copy) = copies.get(&sha256) {
                store.restore_blob(&sha256, copy)?;
                wanted.remove(&sha256);
            }
        }
        let this = &*self;
        let transfers = wanted.into_values().map(|(tree, entry)| async move {
            let fetched = this.fetch(&tree, &entry, reporter).await;
            (tree, entry, fetched)
        });
        let fetched: Vec<_> = stream::iter(transfers)
            .buffer_unordered(self.mirror.client.connections())
            .collect()
            .await;
        for (tree, entry, fetched) in fetched {
            match fetched {
                Ok(()) => {}
                Err(error) if error.is_local() => return Err(error),
                Err(error) => {
                    let (tree, path, reason) = (&*tree, entry.path.as_str(), error.to_string());
                    reporter.on_event(&Event::Failed { tree, path, reason: &reason });
                    self.failed.insert(entry.sha256, reason);
                }
            }
        }
        Ok(())
    }

    /// Each finding, with the tree that events name for it.
    fn tellers(&self) -> impl Iterator<Item = (&str, &Finding)> {
        let trees = self.check.trees.iter();
        let trees = trees.flat_map(|tree| tree.findings.iter().map(|f| (tree.tree.as_str(), f)));
        trees.chain(self.check.state.iter().map(|finding| (RESERVED, finding)))
    }

    /// Looks for whole copies in trees that were not checked.
    fn find_copies(
        &self,
        wanted: &HashMap<Sha256, (String, StoredEntry)>,
        copies: &mut HashMap<Sha256, PathBuf>,
    ) -> Result<()> {
        let store = &self.mirror.store;
        let checked: HashSet<&str> =
            self.check.trees.iter().map(|tree| tree.tree.as_str()).collect();
        for tree in store.trees()?.iter().filter(|tree| !checked.contains(tree.as_str())) {
            let generation = match store.published(tree) {
                Ok(None) => continue,
                Ok(Some(generation)) => generation,
                Err(error) if error.is_of_one_file() => continue,
                Err(error) => return Err(error),
            };
            for entry in generation.manifest.entries {
                if !wanted.contains_key(&entry.sha256) || copies.contains_key(&entry.sha256) {
                    continue;
                }
                let path = entry.path.under(&tree.under(store.root()));
                if crate::store::content(&path) == Some(entry.sha256) {
                    copies.insert(entry.sha256, path);
                }
            }
        }
        Ok(())
    }

    async fn fetch(&self, tree: &str, entry: &StoredEntry, reporter: &dyn Reporter) -> Result<()> {
        let (store, name) = (&self.mirror.store, entry.path.as_str());
        let urls = entry.remote.as_ref().map(|remote| remote.urls(&entry.path)).unwrap_or_default();
        let expected = Expected { size: Some(entry.size), digest: Some(entry.sha256.into()) };
        let request = Request { name, urls, expected, limit: entry.size, need: Need::Required };
        let watch = Transfer { reporter, tree, name };
        let fetched = self.mirror.client.download(&request, &store.parts(), &watch).await?;
        store.put(&fetched.verified, "")?;
        let (path, size) = (name, fetched.verified.size());
        reporter.on_event(&Event::Fetched { tree, path, size });
        Ok(())
    }
}

fn parse(tree: &str) -> Result<TreePath> {
    tree.parse().map_err(|source| Error::Path { file: tree.to_owned(), source })
}

fn is_mode(finding: &Finding) -> bool {
    matches!(finding.problem, Problem::Mode { .. })
}

/// What came of a finding; `mend` is asked about what no content mends.
fn outcome(
    finding: &Finding,
    failed: &HashMap<Sha256, String>,
    mend: impl FnOnce(&Finding) -> Result<bool>,
) -> Result<Repaired> {
    let not = |reason: &str| Ok(Repaired::Not(reason.to_owned()));
    match (&finding.problem, &finding.wanted) {
        (Problem::Foreign { .. }, _) => not("left alone, since mirror never put it there"),
        (Problem::Damaged { .. }, _) => not("what it named is not known any more"),
        (Problem::Mode { .. }, _) | (_, None) => {
            if mend(finding)? {
                Ok(Repaired::Done)
            } else {
                not("nothing belongs there")
            }
        }
        (_, Some(entry)) => match failed.get(&entry.sha256) {
            None => Ok(Repaired::Done),
            Some(reason) => not(reason),
        },
    }
}
