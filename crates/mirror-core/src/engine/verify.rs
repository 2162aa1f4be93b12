//! Verify and repair: the disk held against the kept manifests, and made equal to them again.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt as _, stream};

use super::{Mirror, blocking};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::fetch::{Client, Need, Request};
use crate::manifest::StoredEntry;
use crate::part::Expected;
use crate::path::{RESERVED, TreePath};
use crate::report::{Event, Reporter};
use crate::source::Transfer;
use crate::store::{Check, Finding, LockWait, Modes, Problem, Repaired, Store, View};
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
    let (trees, token) = (trees.to_vec(), cancel.child_token());
    let _dropped = token.clone().drop_guard();
    blocking(move || view.check(&trees, &*reporter, &token)).await
}

impl Mirror {
    /// The same, and what is not as it should be is put right: permissions first, since what they
    /// kept from being read may be whole; then content, from where it was found whole, else from
    /// upstream, of which only what differs is fetched. What is damaged stays where it is until what
    /// replaces it is there. Foreign files are left alone unless they are in the way.
    ///
    /// What came of each finding is in its [`Finding::repaired`]; an error is a fault of this host.
    /// Cancelling, by the token or by dropping the future, is noticed between two files; what was
    /// put right by then is kept.
    pub async fn repair(
        &self,
        trees: &[TreePath],
        reporter: Arc<dyn Reporter>,
        cancel: &CancellationToken,
    ) -> Result<Check> {
        let received = self.client.received();
        let cancel = cancel.child_token();
        let _dropped = cancel.clone().drop_guard();
        let (store, client) = (Arc::clone(&self.store), Arc::clone(&self.client));
        let trees = trees.to_vec();
        let repair = blocking(move || {
            let check = store.view().check_with(Modes::Mend, &trees, &*reporter, &cancel)?;
            for tree in &check.trees {
                // One that was killed as it had mended the last file left no more than its stage.
                store.clear_stage(&parse(&tree.tree)?)?;
            }
            let failed = HashMap::new();
            Ok(Repair { store, client, reporter, cancel, check, failed })
        });
        let repair = repair.await?;
        let mut check = if repair.check.findings().next().is_some() {
            repair.run().await?
        } else {
            repair.check
        };
        check.received = self.client.received() - received;
        Ok(check)
    }
}

/// Content that is wanted: the tree that events name for it, and a file that holds it.
type Wanted = HashMap<Sha256, (String, StoredEntry)>;

struct Repair {
    store: Arc<Store>,
    client: Arc<Client>,
    reporter: Arc<dyn Reporter>,
    cancel: CancellationToken,
    check: Check,
    /// Content that could not be had, and why.
    failed: HashMap<Sha256, String>,
}

impl Repair {
    async fn run(self) -> Result<Check> {
        let (mut this, wanted) = blocking(move || {
            let wanted = self.restore()?;
            Ok((self, wanted))
        })
        .await?;
        this.failed = this.fetch_all(wanted).await?;
        blocking(move || this.mend()).await
    }

    /// Notes what was found, and brings into the store what is whole below the root; returns what is
    /// not.
    fn restore(&self) -> Result<Wanted> {
        for (path, content) in &self.check.other {
            self.store.correct(path, *content)?;
        }
        let mut wanted = Wanted::new();
        for (tree, finding) in self.tellers() {
            if let Some(entry) = finding.wanted.as_deref() {
                wanted.entry(entry.sha256).or_insert_with(|| (tree.to_owned(), entry.clone()));
            }
        }
        let spoilt = &self.check.spoilt;
        wanted.retain(|sha256, _| spoilt.contains(sha256) || !self.store.has_blob(sha256));
        let mut copies = self.check.whole.clone();
        if wanted.keys().any(|sha256| !copies.contains_key(sha256)) {
            self.find_copies(&wanted, &mut copies)?;
        }
        let here =
            wanted.keys().filter_map(|sha256| Some((*sha256, copies.get(sha256)?.as_path())));
        self.store.restore_blobs(here.take_while(|_| !self.cancel.is_cancelled()))?;
        self.go_on()?;
        wanted.retain(|sha256, _| !copies.contains_key(sha256));
        Ok(wanted)
    }

    /// Looks for whole copies in trees that were not checked.
    fn find_copies(&self, wanted: &Wanted, copies: &mut HashMap<Sha256, PathBuf>) -> Result<()> {
        let checked: HashSet<&str> =
            self.check.trees.iter().map(|tree| tree.tree.as_str()).collect();
        for tree in self.store.trees()?.iter().filter(|tree| !checked.contains(tree.as_str())) {
            let generation = match self.store.published(tree) {
                Ok(None) => continue,
                Ok(Some(generation)) => generation,
                Err(error) if error.is_of_one_file() => continue,
                Err(error) => return Err(error),
            };
            for entry in generation.manifest.entries {
                if !wanted.contains_key(&entry.sha256) || copies.contains_key(&entry.sha256) {
                    continue;
                }
                self.go_on()?;
                let path = entry.path.under(&tree.under(self.store.root()));
                if crate::store::content(&path) == Some(entry.sha256) {
                    copies.insert(entry.sha256, path);
                }
            }
        }
        Ok(())
    }

    /// Brings what is wanted from upstream into the store; returns what failed, and why.
    async fn fetch_all(&self, wanted: Wanted) -> Result<HashMap<Sha256, String>> {
        let transfers = wanted.into_values().map(|(tree, entry)| async move {
            let fetched = self.fetch(&tree, &entry).await;
            (tree, entry, fetched)
        });
        let connections = self.client.connections();
        let transfers = stream::iter(transfers).buffer_unordered(connections).collect();
        let fetched: Option<Vec<_>> = self.cancel.run_until_cancelled(transfers).await;
        let mut failed = HashMap::new();
        for (tree, entry, fetched) in fetched.ok_or(Error::Cancelled)? {
            match fetched {
                Ok(()) => {}
                Err(error) if error.is_local() => return Err(error),
                Err(error) => {
                    let (tree, path, reason) = (&*tree, entry.path.as_str(), error.to_string());
                    self.reporter.on_event(&Event::Failed { tree, path, reason: &reason });
                    failed.insert(entry.sha256, reason);
                }
            }
        }
        Ok(failed)
    }

    async fn fetch(&self, tree: &str, entry: &StoredEntry) -> Result<()> {
        let (store, name, reporter) = (&self.store, entry.path.as_str(), &*self.reporter);
        let Some(remote) = &entry.remote else { return Err(Error::MadeHere(name.to_owned())) };
        let urls = remote.urls(&entry.path);
        let expected = Expected { size: Some(entry.size), digest: Some(entry.sha256.into()) };
        let request = Request { name, urls, expected, limit: entry.size, need: Need::Required };
        let watch = Transfer { reporter, tree, name };
        let fetched = self.client.download(&request, &store.parts(), &watch).await?;
        store.replace_blob(&fetched.verified)?;
        let (path, size) = (name, fetched.verified.size());
        reporter.on_event(&Event::Fetched { tree, path, size });
        Ok(())
    }

    /// Puts what the store now holds in its places, and says what came of each finding.
    fn mend(mut self) -> Result<Check> {
        let mut trees = Vec::new();
        let store = Arc::clone(&self.store);
        for tree in &mut self.check.trees {
            if tree.findings.is_empty() {
                continue;
            }
            let path = parse(&tree.tree)?;
            // What else is wrong with it then cannot be seen yet.
            let was_reached = store.reaches(&path);
            let wanted = tree.findings.iter().filter_map(|finding| finding.wanted.as_deref());
            let had = wanted.filter(|entry| !self.failed.contains_key(&entry.sha256));
            store.mend(&path, had.take_while(|_| !self.cancel.is_cancelled()))?;
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            for finding in &mut tree.findings {
                finding.repaired = Some(outcome(finding, &self.failed, |finding| {
                    let is_reached = !was_reached && store.reaches(&path);
                    let is_done = is_reached || store.is_tree_folder(&path, &finding.path);
                    Ok(if is_done { Repaired::Done } else { not("nothing belongs there") })
                })?);
            }
            trees.push(path);
        }
        let damaged = |finding: &Finding| matches!(finding.problem, Problem::Damaged { .. });
        let is_known = !self.check.state.iter().any(damaged);
        for finding in &mut self.check.state {
            // Content that nothing names is no loss when it is known to be spoilt.
            finding.repaired = Some(outcome(finding, &self.failed, |finding| {
                match finding.problem {
                    Problem::Link { .. } => {}
                    Problem::Changed { .. } if is_known => {}
                    Problem::Changed { .. } => return Ok(not("what is damaged may name it")),
                    _ => return Ok(not("nothing names it")),
                }
                store.drop_stray(&finding.path).map(|()| Repaired::Done)
            })?);
        }
        store.end_mending(&trees)?;
        Ok(self.check)
    }

    fn go_on(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Each finding, with the tree that events name for it.
    fn tellers(&self) -> impl Iterator<Item = (&str, &Finding)> {
        let trees = self.check.trees.iter();
        let trees = trees.flat_map(|tree| tree.findings.iter().map(|f| (tree.tree.as_str(), f)));
        trees.chain(self.check.state.iter().map(|finding| (RESERVED, finding)))
    }
}

fn parse(tree: &str) -> Result<TreePath> {
    tree.parse().map_err(|source| Error::Path { file: tree.to_owned(), source })
}

fn not(reason: &str) -> Repaired {
    Repaired::Not(reason.to_owned())
}

/// What came of a finding; `mend` is asked about what neither permissions nor content mend.
fn outcome(
    finding: &Finding,
    failed: &HashMap<Sha256, String>,
    mend: impl FnOnce(&Finding) -> Result<Repaired>,
) -> Result<Repaired> {
    if let Some(repaired) = &finding.repaired {
        return Ok(repaired.clone());
    }
    match (&finding.problem, &finding.wanted) {
        (Problem::Foreign { .. } | Problem::Outward { .. }, _) => {
            Ok(not("left alone, since mirror never put it there"))
        }
        (Problem::Damaged { .. }, _) => Ok(not("what it named is not known any more")),
        (_, Some(entry)) => match failed.get(&entry.sha256) {
            None => Ok(Repaired::Done),
            Some(reason) => Ok(not(reason)),
        },
        (Problem::Unreadable { .. }, None) => Ok(not("what belongs there is not known")),
        (_, None) => mend(finding),
    }
}
