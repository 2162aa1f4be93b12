//! The transfers of a run: equal content once, many at once, the largest first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use url::Url;

use super::Mirror;
use crate::digest::{Digest, Sha256};
use crate::error::{Error, Result};
use crate::fetch::{Downloaded, Need, Request};
use crate::limits;
use crate::manifest::{Entry, Origin, Remote, Role};
use crate::part::Expected;
use crate::path::RepoPath;
use crate::report::{Event, Reporter};
use crate::source::Transfer;

/// Content to fetch, and who wants it.
#[derive(Debug)]
pub(super) struct Unit {
    /// The file that events name: the first that wants it.
    pub(super) path: String,
    pub(super) tree: Arc<str>,
    upstream: Arc<str>,
    expected: Expected,
    limit: u64,
    /// Where it can be had; URLs are made of it only when it is fetched, since a metalink may name
    /// hundreds of mirrors.
    remotes: Vec<(Remote, RepoPath)>,
    /// The trees and entries that want it, by their numbers.
    pub(super) takers: Vec<(usize, usize)>,
}

impl Unit {
    fn urls(&self) -> Vec<Url> {
        let mut urls = Vec::new();
        for url in self.remotes.iter().flat_map(|(remote, path)| remote.urls(path)) {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        urls
    }
}

/// What becomes of a file that turned out to be another than was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It failed.
    None,
    /// It may be asked for once more, when its upstream has been read again.
    Some,
}

/// What came of a unit.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) unit: Unit,
    pub(super) result: Result<Fetched>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fetched {
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

/// Collects what is to be fetched: content that several trees want is one unit.
#[derive(Debug, Default)]
pub(super) struct Units {
    units: Vec<Unit>,
    by_digest: HashMap<(Digest, Option<Arc<str>>), usize>,
}

impl Units {
    pub(super) fn add(
        &mut self,
        tree: &Arc<str>,
        upstream: &Arc<str>,
        entry: &Entry,
        taker: (usize, usize),
    ) {
        let Origin::Remote(remote) = &entry.origin else {
            return;
        };
        // A weak digest speaks only for the upstream that gave it.
        let key = entry
            .digest
            .map(|digest| (digest, digest.algorithm().is_weak().then(|| Arc::clone(upstream))));
        let limit = match (entry.role, entry.size) {
            // Clients compare a package's size with its metadata's before they read it.
            (Role::Payload, Some(size)) if entry.digest.is_some() => size,
            (Role::Payload, _) => limits::PAYLOAD_SIZE,
            (_, size) => limits::metadata_size(size),
        };
        if let Some(unit) = key.as_ref().and_then(|key| self.by_digest.get(key)) {
            let unit = &mut self.units[*unit];
            // Where two disagree, one of them lies: the other must not suffer for it.
            unit.expected.size = unit.expected.size.filter(|size| Some(*size) == entry.size);
            unit.limit = unit.limit.max(limit);
            if !unit.remotes.iter().any(|(known, path)| known == remote && *path == entry.path) {
                unit.remotes.push((remote.clone(), entry.path.clone()));
            }
            unit.takers.push(taker);
            return;
        }
        if let Some(key) = key {
            self.by_digest.insert(key, self.units.len());
        }
        self.units.push(Unit {
            path: entry.path.to_string(),
            tree: Arc::clone(tree),
            upstream: Arc::clone(upstream),
            expected: Expected { size: entry.size, digest: entry.digest },
            limit,
            remotes: vec![(remote.clone(), entry.path.clone())],
            takers: vec![taker],
        });
    }

    /// How many there are, and their bytes as far as known.
    pub(super) fn count(&self) -> (u64, u64) {
        let sizes = self.units.iter().filter_map(|unit| unit.expected.size);
        (self.units.len() as u64, sizes.fold(0, u64::saturating_add))
    }

    /// The largest first: so the last transfers to end are short ones.
    pub(super) fn into_queue(mut self) -> VecDeque<Unit> {
        self.units.sort_by_key(|unit| std::cmp::Reverse(unit.expected.size.unwrap_or(u64::MAX)));
        self.units.into()
    }
}

/// Starts the transfers: as many workers as connections, each taking the next unit. What comes of
/// them comes out of the channel; dropping the set stops them.
pub(super) fn start(
    mirror: &Mirror,
    queue: VecDeque<Unit>,
    patience: Patience,
    reporter: &Arc<dyn Reporter>,
    transfers: &mut JoinSet<()>,
) -> mpsc::UnboundedReceiver<Done> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let workers = mirror.client.connections().min(queue.len());
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..workers {
        let (queue, sender) = (Arc::clone(&queue), sender.clone());
        let (store, client) = (Arc::clone(&mirror.store), Arc::clone(&mirror.client));
        let reporter = Arc::clone(reporter);
        transfers.spawn(async move {
            let parts = store.parts();
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(unit) = next() {
                let (tree, name) = (&*unit.tree, unit.path.as_str());
                let watch = Transfer { reporter: &*reporter, tree, name };
                let request = Request {
                    name,
                    urls: unit.urls(),
                    expected: unit.expected,
                    limit: unit.limit,
                    need: Need::Required,
                };
                let came = client.download(&request, &parts, &watch).await;
                let result = came.and_then(|Downloaded { verified, .. }| {
                    let sha256 = store.put(&verified, &unit.upstream)?;
                    Ok(Fetched { sha256, size: verified.size() })
                });
                match &result {
                    Ok(Fetched { size, .. }) => {
                        reporter.on_event(&Event::Fetched { tree, path: name, size: *size });
                    }
                    Err(error) if patience == Patience::Some && error.is_other_answer() => {
                        let (reason, after_ms) = (&error.to_string(), 0);
                        reporter.on_event(&Event::Retrying { tree, path: name, reason, after_ms });
                    }
                    Err(error) => {
                        let reason = &error.to_string();
                        reporter.on_event(&Event::Failed { tree, path: name, reason });
                    }
                }
                let fault = result.as_ref().is_err_and(Error::is_local);
                // A receiver that is gone wants nothing more.
                if sender.send(Done { unit, result }).is_err() || fault {
                    break;
                }
            }
        });
    }
    receiver
}
