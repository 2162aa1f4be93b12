//! The transfers of a run: equal content once, many at once, long ones beside short ones.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use url::Url;

use super::Mirror;
use crate::digest::{Digest, Sha256};
use crate::error::{Error, Kind, Result};
use crate::fetch::{Downloaded, Need, Request};
use crate::limits;
use crate::manifest::{Entry, Origin, Remote, Role};
use crate::part::Expected;
use crate::path::RepoPath;
use crate::report::{Event, Reporter};
use crate::source::{Growing, Room, Sizes, Transfer};

/// Most places of one content that are asked: an upstream may list it under a million names.
const PLACES: usize = 64;

/// Content to fetch, and who wants it.
#[derive(Debug)]
pub(super) struct Unit {
    /// The file that events name: the first that wants it.
    pub(super) path: String,
    pub(super) tree: Arc<str>,
    upstream: Arc<str>,
    expected: Expected,
    limit: u64,
    /// The size for which room is set aside.
    promised: u64,
    /// Where it can be had; URLs are made of it only when it is fetched, since a metalink may name
    /// hundreds of mirrors.
    remotes: Vec<(Remote, RepoPath)>,
    /// The trees and entries that want it, by their numbers.
    pub(super) takers: Vec<(usize, usize)>,
}

impl Unit {
    /// Whether a tree wants it that can do without.
    fn is_borne(&self, bearing: &Bearing) -> bool {
        self.takers.iter().any(|(tree, _)| bearing[*tree])
    }

    /// Each URL once, best first.
    fn urls(&self) -> Vec<Url> {
        let urls = self.remotes.iter().flat_map(|(remote, path)| remote.urls(path));
        let mut seen = HashSet::new();
        urls.filter(|url| seen.insert(url.clone())).collect()
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

/// For each tree of the run whether it can do without files that upstream does not have.
pub(super) type Bearing = Arc<[bool]>;

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
    by_digest: HashMap<Key, usize>,
}

/// What tells content from other content: its digest, where a weak one speaks only for the upstream
/// that gave it.
type Key = (Digest, Option<Arc<str>>);

fn key(upstream: &Arc<str>, entry: &Entry) -> Option<Key> {
    let digest = entry.digest?;
    Some((digest, digest.algorithm().is_weak().then(|| Arc::clone(upstream))))
}

/// What transfers leave on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Footprint {
    /// Bytes, as far as sizes are known.
    pub(super) bytes: u64,
    /// Files.
    pub(super) files: u64,
}

impl Units {
    pub(super) fn add(
        &mut self,
        tree: &Arc<str>,
        upstream: &Arc<str>,
        entry: &Entry,
        sizes: Sizes,
        taker: (usize, usize),
    ) {
        let Origin::Remote(remote) = &entry.origin else {
            return;
        };
        let key = key(upstream, entry);
        let limit = match (entry.role, sizes, entry.size) {
            (Role::Payload, Sizes::Inform { limit }, _) => limit,
            (Role::Payload, Sizes::Bind, Some(size)) if entry.digest.is_some() => size,
            (Role::Payload, Sizes::Bind, _) => limits::PAYLOAD_SIZE,
            (_, _, size) => limits::metadata_size(size),
        };
        if let Some(unit) = key.as_ref().and_then(|key| self.by_digest.get(key)) {
            let unit = &mut self.units[*unit];
            // Where two disagree, one of them lies: the other must not suffer for it.
            unit.expected.size = unit.expected.size.filter(|size| Some(*size) == entry.size);
            unit.limit = unit.limit.max(limit);
            let is_known = |(known, path): &(_, _)| known == remote && *path == entry.path;
            if unit.remotes.len() < PLACES && !unit.remotes.iter().any(is_known) {
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
            promised: entry.size.unwrap_or(0),
            remotes: vec![(remote.clone(), entry.path.clone())],
            takers: vec![taker],
        });
    }

    /// What more of these entries, each with who lists it, would add to what is to be fetched. Of
    /// what is in `parts`, only the rest.
    pub(super) fn footprint<'e>(
        &self,
        entries: impl Iterator<Item = (&'e Arc<str>, &'e Entry)>,
        parts: &HashMap<Digest, u64>,
    ) -> Footprint {
        let mut sum = Footprint::default();
        let mut seen = HashSet::new();
        for (upstream, entry) in entries {
            let is_counted = key(upstream, entry)
                .is_some_and(|key| self.by_digest.contains_key(&key) || !seen.insert(key));
            if is_counted {
                continue;
            }
            let part = entry.digest.and_then(|digest| parts.get(&digest));
            let rest = entry.size.unwrap_or(0).saturating_sub(part.copied().unwrap_or(0));
            sum.bytes = sum.bytes.saturating_add(rest);
            sum.files += u64::from(part.is_none());
        }
        sum
    }

    /// Whether nothing is to be fetched.
    pub(super) fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    pub(super) fn into_queue(self) -> Queue {
        Queue::new(self.units)
    }
}

/// What is still to be fetched, in the order of size.
///
/// Of a small file it is the round trip that takes time, of a large one its bytes: together they use
/// the link, one kind after the other does not. So every other worker takes the smallest while they
/// are smaller than most bytes are in; the others take the largest, and what is left at the end is
/// of middling size.
#[derive(Debug)]
pub(super) struct Queue {
    units: VecDeque<Unit>,
    /// The mean size; below it a file is small.
    mean: u64,
}

impl Queue {
    fn new(mut units: Vec<Unit>) -> Self {
        // One of unknown size may be a large one.
        let size = |unit: &Unit| unit.expected.size.unwrap_or(u64::MAX);
        units.sort_by_key(|unit| std::cmp::Reverse(size(unit)));
        let known = units.iter().filter_map(|unit| unit.expected.size);
        let (count, total) = known
            .fold((0_u64, 0_u64), |(count, total), size| (count + 1, total.saturating_add(size)));
        Self { mean: total / count.max(1), units: units.into() }
    }

    fn next(&mut self, small: bool) -> Option<Unit> {
        let last = self.units.back().and_then(|unit| unit.expected.size);
        if small && last.is_some_and(|size| size < self.mean) {
            self.units.pop_back()
        } else {
            self.units.pop_front()
        }
    }
}

/// Starts the transfers: as many workers as connections, each taking the next unit. What comes of
/// them comes out of the channel; dropping the set stops them.
pub(super) fn start(
    mirror: &Mirror,
    queue: Queue,
    room: &Arc<Room>,
    (patience, bearing): (Patience, Bearing),
    reporter: &Arc<dyn Reporter>,
    transfers: &mut JoinSet<()>,
) -> mpsc::UnboundedReceiver<Done> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let workers = mirror.client.connections().min(queue.units.len());
    let queue = Arc::new(Mutex::new(queue));
    for worker in 0..workers {
        let (queue, sender) = (Arc::clone(&queue), sender.clone());
        let (store, client) = (Arc::clone(&mirror.store), Arc::clone(&mirror.client));
        let (reporter, room) = (Arc::clone(reporter), Arc::clone(room));
        let bearing = Arc::clone(&bearing);
        transfers.spawn(async move {
            let parts = store.parts();
            let next = || {
                let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.next(worker % 2 == 1)
            };
            while let Some(unit) = next() {
                let (tree, name) = (&*unit.tree, unit.path.as_str());
                let told = Transfer { reporter: &*reporter, tree, name };
                let watch = Growing::new(told, unit.promised, &room);
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
                    // Whether it failed, its source has yet to say.
                    Err(error) if error.kind() == Kind::NotFound && unit.is_borne(&bearing) => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(sizes: &[Option<u64>]) -> Queue {
        let unit = |size| Unit {
            path: String::new(),
            tree: "t".into(),
            upstream: "u".into(),
            expected: Expected { size, digest: None },
            limit: 0,
            promised: 0,
            remotes: Vec::new(),
            takers: Vec::new(),
        };
        Queue::new(sizes.iter().copied().map(unit).collect())
    }

    #[test]
    fn short_ones_go_beside_long_ones_and_all_go_once() {
        let mut queue = queue(&[Some(10), Some(900), None, Some(20), Some(70)]);
        let mut next = |small| queue.next(small).map(|unit| unit.expected.size);
        assert_eq!(next(true), Some(Some(10)));
        assert_eq!(next(false), Some(None));
        assert_eq!(next(true), Some(Some(20)));
        assert_eq!(next(true), Some(Some(70)));
        // None is small any more.
        assert_eq!(next(true), Some(Some(900)));
        assert_eq!((next(true), next(false)), (None, None));
    }

    #[test]
    fn none_is_small_among_equals() {
        let mut queue = queue(&[None, Some(5), Some(5), None]);
        let order: Vec<_> =
            (0..5).map(|_| queue.next(true).map(|unit| unit.expected.size)).collect();
        assert_eq!(order, [Some(None), Some(None), Some(Some(5)), Some(Some(5)), None]);
    }

    fn entry(path: &str, bases: &[&str], digest: Option<&str>) -> Entry {
        let bases = bases.iter().map(|base| base.parse().unwrap()).collect();
        Entry {
            path: RepoPath::new(path).unwrap(),
            size: Some(10),
            digest: digest.map(|content| Sha256::of(content.as_bytes()).into()),
            origin: Origin::Remote(Remote::new(bases)),
            role: Role::Payload,
            subject: None,
            unverified: None,
        }
    }

    #[test]
    fn equal_content_is_fetched_once_from_each_of_its_places() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut units = Units::default();
        let here = ["http://x/", "http://y/", "http://x/"];
        units.add(&a, &a, &entry("p", &here, Some("same")), Sizes::Bind, (0, 0));
        units.add(
            &b,
            &b,
            &entry("p", &["http://y/", "http://z/"], Some("same")),
            Sizes::Bind,
            (1, 0),
        );
        units.add(&b, &b, &entry("q", &["http://z/"], Some("other")), Sizes::Bind, (1, 1));
        let unit = &units.units[0];
        let urls: Vec<_> = unit.urls().into_iter().map(String::from).collect();
        assert_eq!(urls, ["http://x/p", "http://y/p", "http://z/p"]);
        assert_eq!((unit.takers.len(), units.units.len()), (2, 2));
        for number in 0..2 * PLACES {
            units.add(
                &a,
                &a,
                &entry(&number.to_string(), &here[..1], Some("same")),
                Sizes::Bind,
                (0, number),
            );
        }
        assert_eq!(units.units[0].urls().len(), PLACES + 1);
    }

    #[test]
    fn what_is_to_be_written_is_counted_once_and_without_what_is_there() {
        let (upstream, mut units): (Arc<str>, _) = ("a".into(), Units::default());
        let [one, two, none] = [Some("one"), Some("two"), None].map(|c| entry("p", &[], c));
        let parts = [(two.digest.unwrap(), 4)].into();
        let entries = [&one, &two, &one, &none].map(|entry| (&upstream, entry));
        let footprint = units.footprint(entries.into_iter(), &parts);
        assert_eq!(footprint, Footprint { bytes: 10 + 6 + 10, files: 2 });
        units.add(&upstream, &upstream, &one, Sizes::Bind, (0, 0));
        let footprint = units.footprint(entries.into_iter(), &parts);
        assert_eq!(footprint, Footprint { bytes: 6 + 10, files: 1 });
    }
}
