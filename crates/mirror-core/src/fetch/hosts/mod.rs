//! What a run learns of each host, shared by all its transfers, of metadata and packages alike.
//!
//! A host is an origin: scheme, name and port. Whoever wants a file asks for a [`Lease`] on one of
//! its mirrors and tells it what came of the transfer. From that follow
//!
//! - the *rank* of mirrors: what they deliver, and until that is known their order in the list. Of
//!   content that a digest pins, the first few mirrors get an early transfer each, so that a slow
//!   first one is found out;
//! - who is *set aside*: a mirror that fails is passed over for a while that grows with each failure
//!   in a row, and with the time that the failure cost. It is asked sooner only where all others fail
//!   too;
//! - who is *given up*: a mirror of which nothing came while a file used up all its attempts. Other
//!   files then ask it once, without a wait, or not at all where even that costs time. So a dead
//!   upstream ends a run in bounded time, however many files it has. A transfer to it that moves
//!   bytes, or ends with an answer or with more of the file than before, takes it back;
//! - the *limit* of transfers at once: halved by a failure, once for all that were under way
//!   together, and raised by one for each full round of successes (TCP's rule, AIMD);
//! - a *pause* for all where the server asked for one (`Retry-After`).

mod choice;
mod host;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use url::Url;

use choice::{Choice, Table};
use host::Host;

pub(super) use choice::{QUESTIONS, Wish};
pub(super) use host::{Fault, Standing};

/// A host, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HostId(usize);

/// All hosts of a run.
#[derive(Debug)]
pub(super) struct Hosts {
    table: Mutex<Table>,
    changed: Notify,
    connections: usize,
}

impl Hosts {
    /// For at most `connections` transfers at once, to one host or to all together.
    pub(super) fn new(connections: usize) -> Self {
        Self { table: Mutex::default(), changed: Notify::new(), connections }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host of each URL.
    pub(super) fn of<'a>(&self, urls: impl IntoIterator<Item = &'a Url>) -> Vec<HostId> {
        let mut table = self.table();
        let mut origin = String::new();
        let mut number = |url: &Url| {
            origin.clear();
            let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
            // A String takes all text.
            let _ = write!(origin, "{}://{host}:{}", url.scheme(), port.unwrap_or_default());
            if let Some(number) = table.numbers.get(&origin) {
                return HostId(*number);
            }
            let number = table.hosts.len();
            table.numbers.insert(origin.clone(), number);
            table.hosts.push(Host::new(self.connections));
            HostId(number)
        };
        urls.into_iter().map(&mut number).collect()
    }

    /// A place at the best of `mirrors`, which are in the order of their list, with its index; waits
    /// until there is one. `None` where none may be asked any more.
    pub(super) async fn lease(&self, mirrors: &[HostId], wish: Wish) -> Option<(usize, Lease<'_>)> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            let now = Instant::now();
            let until = match self.table().choose(mirrors, wish, self.connections, now) {
                Choice::Take(index) => {
                    let lease = Lease { hosts: self, host: mirrors[index], begun: now };
                    return Some((index, lease));
                }
                Choice::Wait(until) => until,
                Choice::None => return None,
            };
            match until {
                None => changed.await,
                Some(until) => {
                    tokio::select! {
                        () = changed => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
    }

    /// Whether the host may be asked.
    pub(super) fn standing(&self, host: HostId) -> Standing {
        self.table().hosts[host.0].standing(Instant::now())
    }

    /// Whether nothing speaks against asking it.
    pub(super) fn is_good(&self, host: HostId) -> bool {
        self.table().hosts[host.0].is_good(Instant::now())
    }

    /// Whether any of `mirrors` but `failed` may be asked at once.
    pub(super) fn has_another(&self, mirrors: &[HostId], failed: HostId) -> bool {
        let (table, now) = (self.table(), Instant::now());
        let mut others = mirrors.iter().filter(|mirror| **mirror != failed);
        others.any(|mirror| table.hosts[mirror.0].is_good(now))
    }

    /// Gives up those of `mirrors` that failed and of which nothing has come since `since`.
    pub(super) fn give_up(&self, mirrors: &[HostId], since: Instant, fault: Fault, reason: &str) {
        let mut table = self.table();
        for mirror in mirrors {
            table.hosts[mirror.0].give_up(since, fault, reason);
        }
        drop(table);
        self.changed.notify_waiters();
    }

    /// Seconds that the best of `mirrors` but `this` is expected to take for `size` bytes.
    pub(super) fn expected_elsewhere(
        &self,
        mirrors: &[HostId],
        this: HostId,
        size: u64,
    ) -> Option<f64> {
        let (table, now) = (self.table(), Instant::now());
        let others = mirrors.iter().filter(|mirror| **mirror != this);
        others
            .map(|mirror| &table.hosts[mirror.0])
            .filter(|host| host.is_good(now) && host.has_room(1))
            .filter_map(|host| host.expected(Some(size)))
            .min_by(f64::total_cmp)
    }
}

/// A transfer's place at a host, until it is dropped.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    hosts: &'a Hosts,
    host: HostId,
    begun: Instant,
}

impl Lease<'_> {
    fn change(&self, change: impl FnOnce(&mut Host, Instant)) {
        let mut table = self.hosts.table();
        change(&mut table.hosts[self.host.0], Instant::now());
    }

    /// The host.
    pub(super) fn host(&self) -> HostId {
        self.host
    }

    /// An answer began after this time.
    pub(super) fn answered(&self, latency: Duration) {
        self.change(|host, _| host.began(latency));
    }

    /// So many bytes came within this time, of a transfer that ended well or not.
    pub(super) fn measured(&self, bytes: u64, time: Duration) {
        self.change(|host, _| host.measured(bytes, time));
    }

    /// It gave the file.
    pub(super) fn succeeded(&self) {
        self.change(|host, now| host.succeeded(now, self.hosts.connections));
    }

    /// It gives a part of the file, however that ends.
    pub(super) fn progressed(&self) {
        self.change(Host::progressed);
    }

    /// It gave no file or another one: that is the file's fault and not the host's.
    pub(super) fn refused(&self) {
        self.change(Host::answered);
    }

    /// It does not have a file that it should have: it may lag behind the others.
    pub(super) fn lacked(&self) {
        self.change(Host::lacked);
    }

    /// It failed, and may do better another time. `wait` is the wait after so many failures in a
    /// row.
    pub(super) fn failed(&self, fault: Fault, wait: impl FnOnce(u32) -> Duration) {
        self.change(|host, now| host.failed(fault, self.begun, now, wait));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut table = self.hosts.table();
        table.hosts[self.host.0].active -= 1;
        table.active -= 1;
        drop(table);
        self.hosts.changed.notify_waiters();
    }
}
