//! The numbers of a run, kept while its events come: cheap to add to, read now and then.
//!
//! A chunk costs two look-ups under read locks and a few atomic additions; nothing is allocated.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mirror_core::report::Event;

/// How far a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Its turn has not come.
    Waiting,
    /// Its upstream is being read.
    Resolving,
    /// Its files are being fetched.
    Fetching,
    /// It is being published.
    Publishing,
    /// There is no more to do.
    Done,
}

/// The numbers of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    trees: Vec<TreeTally>,
    by_name: HashMap<String, usize>,
    received: AtomicU64,
    failed: AtomicU64,
    transfers: AtomicU64,
}

/// Those of a tree.
#[derive(Debug)]
pub(crate) struct TreeTally {
    pub(crate) name: String,
    group: String,
    phase: AtomicU8,
    planned_files: AtomicU64,
    planned_bytes: AtomicI64,
    done_files: AtomicU64,
    done_bytes: AtomicI64,
    transfers: RwLock<HashMap<String, Arc<Transfer>>>,
}

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// Counts up: the oldest has the lowest.
    pub(crate) number: u64,
    pub(crate) path: String,
    pub(crate) size: Option<u64>,
    done: AtomicI64,
    unreported: AtomicI64,
    is_waiting: AtomicBool,
    waiting_for: Mutex<String>,
}

/// Bytes and files, done and in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) files: u64,
    pub(crate) of_files: u64,
    pub(crate) bytes: u64,
    pub(crate) of_bytes: u64,
}

impl Amount {
    /// From 0 to 1, by bytes.
    #[allow(clippy::cast_precision_loss)] // for people
    pub(crate) fn fraction(&self) -> f64 {
        if self.of_bytes == 0 { 1.0 } else { self.bytes as f64 / self.of_bytes as f64 }
    }
}

impl Tally {
    /// For these trees and their groups.
    pub(crate) fn new<'a>(trees: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tally = Self::default();
        for (name, group) in trees {
            tally.by_name.insert(name.to_owned(), tally.trees.len());
            tally.trees.push(TreeTally {
                name: name.to_owned(),
                group: group.to_owned(),
                phase: AtomicU8::new(Phase::Waiting as u8),
                planned_files: AtomicU64::default(),
                planned_bytes: AtomicI64::default(),
                done_files: AtomicU64::default(),
                done_bytes: AtomicI64::default(),
                transfers: RwLock::default(),
            });
        }
        tally
    }

    /// The trees, in their order.
    pub(crate) fn trees(&self) -> &[TreeTally] {
        &self.trees
    }

    fn tree(&self, name: &str) -> Option<&TreeTally> {
        self.trees.get(*self.by_name.get(name)?)
    }

    /// The file on its way.
    pub(crate) fn transfer(&self, tree: &str, path: &str) -> Option<Arc<Transfer>> {
        self.tree(tree)?.transfer(path)
    }

    /// Bytes that came over the wire.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Files, sets and trees that failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// What is planned and done, in all trees.
    pub(crate) fn total(&self) -> Amount {
        let mut total = Amount::default();
        for tree in &self.trees {
            let amount = tree.amount();
            total.files += amount.files;
            total.of_files += amount.of_files;
            total.bytes += amount.bytes;
            total.of_bytes += amount.of_bytes;
        }
        total
    }

    /// Whether a tree's files may still become known.
    pub(crate) fn is_resolving(&self) -> bool {
        self.trees.iter().any(|tree| tree.phase() <= Phase::Resolving)
    }

    /// Takes note of an event.
    pub(crate) fn note(&self, event: &Event<'_>) {
        match *event {
            Event::Progress { tree, path, bytes } => self.progress(tree, path, bytes),
            Event::Publishing { group } => {
                for tree in self.trees.iter().filter(|tree| tree.group == group) {
                    tree.set(Phase::Publishing);
                }
            }
            Event::Resolving { tree } => self.with(tree, |tree| tree.set(Phase::Resolving)),
            Event::Resolved { tree, fetch_files, fetch_bytes, .. } => {
                self.with(tree, |tree| tree.planned(fetch_files, fetch_bytes));
            }
            Event::Verifying { tree, files, bytes } => {
                self.with(tree, |tree| tree.planned(files, bytes));
            }
            Event::Started { tree, path, resumed, size } => {
                let number = self.transfers.fetch_add(1, Relaxed);
                self.with(tree, |tree| tree.started(path, number, resumed, size));
            }
            Event::Retrying { tree, path, reason, .. } => {
                if let Some(transfer) = self.transfer(tree, path) {
                    transfer.wait_for(reason);
                }
            }
            Event::Read { tree, .. } | Event::Answered { tree, .. } => {
                self.with(tree, TreeTally::read);
            }
            Event::Fetched { tree, path, .. } => self.with(tree, |tree| tree.fetched(path)),
            Event::Failed { tree, path, .. } => {
                self.failed.fetch_add(1, Relaxed);
                self.with(tree, |tree| tree.failed(path));
            }
            Event::SetFailed { .. } => {
                self.failed.fetch_add(1, Relaxed);
            }
            Event::Published { tree, .. }
            | Event::Unchanged { tree, .. }
            | Event::Held { tree, .. } => {
                self.with(tree, |tree| tree.set(Phase::Done));
            }
            _ => {}
        }
    }

    fn with(&self, tree: &str, note: impl FnOnce(&TreeTally)) {
        if let Some(tree) = self.tree(tree) {
            note(tree);
        }
    }

    fn progress(&self, tree: &str, path: &str, bytes: i64) {
        if let Ok(came) = u64::try_from(bytes) {
            self.received.fetch_add(came, Relaxed);
        }
        let Some(tree) = self.tree(tree) else { return };
        tree.done_bytes.fetch_add(bytes, Relaxed);
        let transfers = tree.transfers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(transfer) = transfers.get(path) {
            transfer.done.fetch_add(bytes, Relaxed);
            transfer.unreported.fetch_add(bytes, Relaxed);
            if transfer.is_waiting.load(Relaxed) {
                transfer.is_waiting.store(false, Relaxed);
            }
        }
    }
}

impl TreeTally {
    pub(crate) fn phase(&self) -> Phase {
        let phases =
            [Phase::Waiting, Phase::Resolving, Phase::Fetching, Phase::Publishing, Phase::Done];
        phases[usize::from(self.phase.load(Relaxed))]
    }

    /// What was answered or fetched to know the plan.
    pub(crate) fn answers(&self) -> u64 {
        self.done_files.load(Relaxed)
    }

    /// What is planned and done. Content that another tree brings is done when this one is.
    pub(crate) fn amount(&self) -> Amount {
        if self.phase() <= Phase::Resolving {
            return Amount::default();
        }
        let whole = |bytes: &AtomicI64| u64::try_from(bytes.load(Relaxed)).unwrap_or(0);
        let (files, bytes) = (self.done_files.load(Relaxed), whole(&self.done_bytes));
        let mut of_files = self.planned_files.load(Relaxed).max(files);
        let mut of_bytes = whole(&self.planned_bytes).max(bytes);
        if self.phase() == Phase::Done {
            (of_files, of_bytes) = (files, bytes);
        }
        Amount { files, of_files, bytes, of_bytes }
    }

    /// The files on their way.
    pub(crate) fn transfers(&self) -> Vec<Arc<Transfer>> {
        let transfers = self.transfers.read().unwrap_or_else(PoisonError::into_inner);
        transfers.values().cloned().collect()
    }

    fn transfer(&self, path: &str) -> Option<Arc<Transfer>> {
        let transfers = self.transfers.read().unwrap_or_else(PoisonError::into_inner);
        transfers.get(path).cloned()
    }

    fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    fn planned(&self, files: u64, bytes: u64) {
        // What was fetched to know the plan is no part of it.
        self.transfers.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.done_files.store(0, Relaxed);
        self.done_bytes.store(0, Relaxed);
        self.planned_files.store(files, Relaxed);
        self.planned_bytes.store(signed(bytes), Relaxed);
        self.set(Phase::Fetching);
    }

    fn started(&self, path: &str, number: u64, resumed: u64, size: Option<u64>) {
        self.done_bytes.fetch_add(signed(resumed), Relaxed);
        let transfer = Arc::new(Transfer {
            number,
            path: path.to_owned(),
            size,
            done: AtomicI64::new(signed(resumed)),
            unreported: AtomicI64::default(),
            is_waiting: AtomicBool::default(),
            waiting_for: Mutex::default(),
        });
        let mut transfers = self.transfers.write().unwrap_or_else(PoisonError::into_inner);
        transfers.insert(path.to_owned(), transfer);
    }

    fn ended(&self, path: &str) -> Option<Arc<Transfer>> {
        self.transfers.write().unwrap_or_else(PoisonError::into_inner).remove(path)
    }

    fn fetched(&self, path: &str) {
        self.ended(path);
        self.done_files.fetch_add(1, Relaxed);
    }

    fn read(&self) {
        self.done_files.fetch_add(1, Relaxed);
    }

    fn failed(&self, path: &str) {
        match self.ended(path) {
            // What did not come is no longer waited for.
            Some(transfer) => {
                let size = transfer.size.map_or(0, signed);
                self.planned_bytes.fetch_sub(size, Relaxed);
                self.done_bytes.fetch_sub(transfer.done.load(Relaxed), Relaxed);
            }
            None => self.set(Phase::Done),
        }
    }
}

impl Transfer {
    /// Bytes that are there.
    pub(crate) fn done(&self) -> u64 {
        u64::try_from(self.done.load(Relaxed)).unwrap_or(0)
    }

    /// Bytes that came since this was last asked.
    pub(crate) fn take_unreported(&self) -> i64 {
        self.unreported.swap(0, Relaxed)
    }

    /// Why nothing comes, where it is to be tried again.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        self.is_waiting
            .load(Relaxed)
            .then(|| self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn wait_for(&self, reason: &str) {
        let mut waiting_for = self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone_into(&mut waiting_for);
        self.is_waiting.store(true, Relaxed);
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "rocky/10/baseos";

    fn tally() -> Tally {
        let tally = Tally::new([(TREE, "rocky/10")]);
        tally.note(&Event::Resolving { tree: TREE });
        tally.note(&Event::Started { tree: TREE, path: "repomd", resumed: 0, size: None });
        tally.note(&Event::Progress { tree: TREE, path: "repomd", bytes: 7 });
        let [files, fetch_files, fetch_unsized] = [9, 2, 0];
        let fetch_bytes = 300;
        tally.note(&Event::Resolved { tree: TREE, files, fetch_files, fetch_bytes, fetch_unsized });
        tally.note(&Event::Started { tree: TREE, path: "a", resumed: 40, size: Some(100) });
        tally.note(&Event::Progress { tree: TREE, path: "a", bytes: 30 });
        tally
    }

    #[test]
    fn counts_what_is_planned_and_what_came() {
        let tally = tally();
        let amount = Amount { files: 0, of_files: 2, bytes: 70, of_bytes: 300 };
        assert_eq!(tally.total(), amount);
        assert_eq!(tally.received(), 37);
        assert_eq!(tally.transfer(TREE, "a").unwrap().done(), 70);
        tally.note(&Event::Progress { tree: TREE, path: "a", bytes: -70 });
        assert_eq!(tally.total().bytes, 0);
        assert_eq!(tally.received(), 37);
    }

    #[test]
    fn what_failed_is_not_waited_for() {
        let tally = tally();
        tally.note(&Event::Failed { tree: TREE, path: "a", reason: "404" });
        assert_eq!(tally.total(), Amount { files: 0, of_files: 2, bytes: 0, of_bytes: 200 });
        assert_eq!(tally.failed(), 1);
    }

    #[test]
    fn a_retry_is_shown_until_bytes_come() {
        let tally = tally();
        let path = "a";
        tally.note(&Event::Retrying { tree: TREE, path, reason: "503", after_ms: 500 });
        let transfer = tally.transfer(TREE, path).unwrap();
        assert_eq!(transfer.waiting_for().as_deref(), Some("503"));
        tally.note(&Event::Progress { tree: TREE, path, bytes: 1 });
        assert_eq!(transfer.waiting_for(), None);
    }

    #[test]
    fn a_published_tree_is_done_whoever_brought_its_content() {
        let tally = tally();
        tally.note(&Event::Publishing { group: "rocky/10" });
        assert_eq!(tally.trees()[0].phase(), Phase::Publishing);
        tally.note(&Event::Published { tree: TREE, generation: 1 });
        assert!((tally.total().fraction() - 1.0).abs() < f64::EPSILON);
    }
}
