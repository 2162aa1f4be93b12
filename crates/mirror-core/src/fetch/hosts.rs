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
//!   upstream ends a run in bounded time, however many files it has. A transfer to it that ends with
//!   an answer, or with more of the file than before, takes it back;
//! - the *limit* of transfers at once: halved by a failure, once for all that were under way
//!   together, and raised by one for each full round of successes (TCP's rule, AIMD);
//! - a *pause* for all where the server asked for one (`Retry-After`).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use url::Url;

/// Mirrors at the head of a list that get an early transfer to be measured by.
const MEASURED_EARLY: usize = 4;

/// A failure that cost time sets its mirror aside for this many times as long, so that asking again
/// costs a few hundredths of a run at most.
const ASIDE_FACTOR: u32 = 30;

/// The longest that a mirror is set aside: a long run comes back to it.
const LONGEST_ASIDE: Duration = Duration::from_secs(600);

/// A failure that cost less is asked for once more by each file: thousands of them are seconds.
const QUICK: Duration = Duration::from_secs(1);

/// Bytes from which on a body tells something of a speed, and the time from which on fewer do.
const TELLING_BYTES: u64 = 64 << 10;
const TELLING_TIME: Duration = Duration::from_millis(500);

/// What the speed of a host is taken to be of which only small files came, in bytes a second.
const USUAL_SPEED: f64 = 1e6;

/// What the size of a file is taken to be where it is not known.
const USUAL_SIZE: u64 = 1 << 20;

/// The weight of the newest of several measurements.
const NEWEST: f64 = 0.3;

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

#[derive(Debug, Default)]
struct Table {
    numbers: HashMap<String, usize>,
    hosts: Vec<Host>,
    active: usize,
}

#[derive(Debug)]
struct Host {
    active: usize,
    /// Transfers at once.
    limit: f64,
    /// When that was last halved.
    halved_at: Option<Instant>,
    /// In a row.
    failures: u32,
    aside_until: Option<Instant>,
    paused_until: Option<Instant>,
    answered_at: Option<Instant>,
    given_up: Option<GivenUp>,
    /// In a row: files that it turned out not to have.
    missing: u32,
    /// Seconds until an answer begins.
    latency: Option<f64>,
    /// Bytes a second of one transfer.
    speed: Option<f64>,
}

/// Why a host is given up.
#[derive(Debug, Clone)]
struct GivenUp {
    reason: String,
    is_quick: bool,
}

/// What a transfer is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// Bytes that are to come, where known.
    pub(super) size: Option<u64>,
    /// Whether a digest pins the content: then it may come from any mirror.
    pub(super) is_pinned: bool,
}

/// How a transfer failed, as far as its host is concerned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fault {
    /// How long nothing came before that was noticed.
    pub(super) cost: Duration,
    /// How long the server asks everyone to stay away.
    pub(super) pause: Option<Duration>,
}

/// Whether a host may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// As often as usual.
    Good,
    /// Once: it is given up, and an attempt costs nothing.
    Once,
    /// Not at all, and why.
    Lost(String),
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
        let table = self.table();
        let host = &table.hosts[host.0];
        match &host.given_up {
            None => Standing::Good,
            Some(given_up) if host.is_lost(Instant::now()) => {
                Standing::Lost(given_up.reason.clone())
            }
            Some(_) => Standing::Once,
        }
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
            let host = &mut table.hosts[mirror.0];
            let is_silent = host.answered_at.is_none_or(|answered| answered < since);
            if host.failures > 0 && is_silent {
                let is_quick = fault.cost < QUICK;
                host.given_up = Some(GivenUp { reason: reason.to_owned(), is_quick });
            }
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
            .filter(|host| host.is_good(now) && host.has_room())
            .filter_map(|host| host.expected(Some(size)))
            .min_by(f64::total_cmp)
    }
}

enum Choice {
    Take(usize),
    /// Until then, or until something changes.
    Wait(Option<Instant>),
    None,
}

impl Table {
    /// Takes a place at the best mirror that has one.
    ///
    /// One that was set aside is taken only where all are: better to wait for a place at a good one.
    fn choose(
        &mut self,
        mirrors: &[HostId],
        wish: Wish,
        connections: usize,
        now: Instant,
    ) -> Choice {
        if mirrors.iter().all(|mirror| self.hosts[mirror.0].is_lost(now)) {
            return Choice::None;
        }
        if self.active >= connections {
            return Choice::Wait(None);
        }
        let any_good = mirrors.iter().any(|mirror| self.hosts[mirror.0].is_good(now));
        let mut best: Option<(usize, (u8, f64))> = None;
        let mut until: Option<Instant> = None;
        for (index, mirror) in mirrors.iter().enumerate() {
            let host = &self.hosts[mirror.0];
            if (any_good && !host.is_good(now)) || host.is_paused(now) {
                // Nobody tells when that is over.
                until = [until, host.next_end(now)].into_iter().flatten().min();
                continue;
            }
            if !host.has_room() {
                continue;
            }
            let rank = host.rank(index, wish, now);
            if best.is_none_or(|(_, other)| rank < other) {
                best = Some((index, rank));
            }
        }
        let Some((index, _)) = best else {
            return Choice::Wait(until);
        };
        self.hosts[mirrors[index].0].active += 1;
        self.active += 1;
        Choice::Take(index)
    }
}

impl Host {
    #[allow(clippy::cast_precision_loss)] // a few hundred at most
    fn new(connections: usize) -> Self {
        Self {
            active: 0,
            limit: connections as f64,
            halved_at: None,
            failures: 0,
            aside_until: None,
            paused_until: None,
            answered_at: None,
            given_up: None,
            missing: 0,
            latency: None,
            speed: None,
        }
    }

    /// Given up, and to ask once more would cost time.
    fn is_lost(&self, now: Instant) -> bool {
        let given_up = self.given_up.as_ref();
        given_up.is_some_and(|given_up| !given_up.is_quick || self.is_paused(now))
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|end| end > now)
    }

    /// Neither set aside nor given up nor paused.
    fn is_good(&self, now: Instant) -> bool {
        let aside = self.aside_until.is_some_and(|end| end > now);
        !aside && self.given_up.is_none() && !self.is_paused(now)
    }

    /// When it ends that it is set aside, or paused: whichever comes first.
    fn next_end(&self, now: Instant) -> Option<Instant> {
        let ends = [self.aside_until, self.paused_until].into_iter().flatten();
        ends.filter(|end| *end > now).min()
    }

    #[allow(clippy::cast_precision_loss)]
    fn has_room(&self) -> bool {
        (self.active as f64) < self.limit.max(1.0).floor()
    }

    /// Seconds that it is expected to take for a file.
    #[allow(clippy::cast_precision_loss)] // an estimate
    fn expected(&self, size: Option<u64>) -> Option<f64> {
        let body = size.unwrap_or(USUAL_SIZE) as f64 / self.speed.unwrap_or(USUAL_SPEED);
        Some((self.latency? + body) * f64::from(1 + self.missing))
    }

    /// The lower the better: a class, and what counts within it.
    #[allow(clippy::cast_precision_loss)]
    fn rank(&self, index: usize, wish: Wish, now: Instant) -> (u8, f64) {
        if self.given_up.is_some() {
            return (4, index as f64);
        }
        if let Some(end) = self.aside_until.filter(|end| *end > now) {
            return (3, (end - now).as_secs_f64());
        }
        match self.expected(wish.size) {
            None if wish.is_pinned && index < MEASURED_EARLY && self.active == 0 => {
                (0, index as f64)
            }
            Some(expected) if wish.is_pinned => (1, expected),
            // Without a digest the list's order counts, among those that work.
            _ => (2, index as f64),
        }
    }

    fn answered(&mut self, now: Instant) {
        self.failures = 0;
        self.aside_until = None;
        self.given_up = None;
        self.answered_at = Some(now);
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
        self.change(|host, _| mean(&mut host.latency, latency.as_secs_f64()));
    }

    /// So many bytes came within this time, of a transfer that ended well or not.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn measured(&self, bytes: u64, time: Duration) {
        if bytes >= TELLING_BYTES || time >= TELLING_TIME {
            let seconds = time.as_secs_f64().max(1e-6);
            let speed = (bytes as f64 / seconds).max(1.0);
            self.change(|host, _| mean(&mut host.speed, speed));
        }
    }

    /// It gave the file.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn succeeded(&self) {
        let most = self.hosts.connections as f64;
        self.change(|host, now| {
            host.answered(now);
            host.missing = 0;
            host.limit = (host.limit + 1.0 / host.limit).min(most);
        });
    }

    /// It gave a part of the file, however it ended.
    pub(super) fn progressed(&self) {
        self.change(|host, now| {
            host.answered_at = Some(now);
            host.given_up = None;
        });
    }

    /// It gave no file or another one: that is the file's fault and not the host's.
    pub(super) fn refused(&self) {
        self.change(Host::answered);
    }

    /// It does not have a file that it should have: it may lag behind the others.
    pub(super) fn lacked(&self) {
        self.change(|host, now| {
            host.answered(now);
            host.missing = host.missing.saturating_add(1);
        });
    }

    /// It failed, and may do better another time. `wait` is the wait after so many failures in a
    /// row.
    pub(super) fn failed(&self, fault: Fault, wait: impl FnOnce(u32) -> Duration) {
        self.change(|host, now| {
            host.failures = host.failures.saturating_add(1);
            let aside = wait(host.failures).max(fault.cost.saturating_mul(ASIDE_FACTOR));
            host.aside_until = Some(now + aside.min(LONGEST_ASIDE));
            // Those that began before the last halving failed under the old limit.
            if host.halved_at.is_none_or(|halved| self.begun >= halved) {
                host.limit = (host.limit / 2.0).max(1.0);
                host.halved_at = Some(now);
            }
            if let Some(pause) = fault.pause {
                let end = now + pause;
                host.paused_until = Some(host.paused_until.map_or(end, |other| other.max(end)));
            }
        });
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

fn mean(value: &mut Option<f64>, newest: f64) {
    *value = Some(value.map_or(newest, |before| before + (newest - before) * NEWEST));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINNED: Wish = Wish { size: Some(1 << 20), is_pinned: true };
    const FREE: Wish = Wish { size: None, is_pinned: false };

    fn hosts(connections: usize, count: usize) -> (Hosts, Vec<HostId>) {
        let hosts = Hosts::new(connections);
        let urls = (0..count).map(|n| Url::parse(&format!("http://m{n}/x")).unwrap());
        let ids = hosts.of(&urls.collect::<Vec<_>>());
        (hosts, ids)
    }

    fn wait(failures: u32) -> Duration {
        Duration::from_secs(u64::from(failures))
    }

    async fn first(hosts: &Hosts, mirrors: &[HostId], wish: Wish) -> usize {
        hosts.lease(mirrors, wish).await.unwrap().0
    }

    /// A transfer of a mebibyte from `mirror` within so many milliseconds.
    async fn deliver(hosts: &Hosts, mirror: HostId, milliseconds: u64) {
        let (_, lease) = hosts.lease(&[mirror], PINNED).await.unwrap();
        lease.answered(Duration::from_millis(1));
        lease.measured(1 << 20, Duration::from_millis(milliseconds));
        lease.succeeded();
    }

    #[test]
    fn a_host_is_scheme_name_and_port() {
        let urls = ["http://a/x", "http://a:80/y", "https://a/x", "http://a:81/x", "http://u:p@a/"];
        let urls = urls.map(|url| Url::parse(url).unwrap());
        let ids = Hosts::new(1).of(&urls).into_iter().map(|id| id.0);
        assert_eq!(ids.collect::<Vec<_>>(), [0, 0, 1, 2, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_few_are_measured_and_then_the_fastest_is_taken() {
        let (hosts, mirrors) = hosts(8, 6);
        let mut leases = Vec::new();
        for expected in [0, 1, 2, 3, 0] {
            let (index, lease) = hosts.lease(&mirrors, PINNED).await.unwrap();
            assert_eq!(index, expected);
            leases.push(lease);
        }
        drop(leases);
        for (mirror, milliseconds) in mirrors.iter().zip([400, 300, 50, 200]) {
            deliver(&hosts, *mirror, milliseconds).await;
        }
        assert_eq!(first(&hosts, &mirrors, PINNED).await, 2);
        // What nothing pins comes from the first of the list that works.
        assert_eq!(first(&hosts, &mirrors, FREE).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_is_set_aside_for_longer_each_time() {
        let (hosts, mirrors) = hosts(8, 2);
        for seconds in [1, 2, 3] {
            let (index, lease) = hosts.lease(&mirrors, FREE).await.unwrap();
            assert_eq!(index, 0);
            lease.failed(Fault::default(), wait);
            drop(lease);
            assert_eq!(first(&hosts, &mirrors, FREE).await, 1);
            tokio::time::advance(Duration::from_millis(seconds * 1000 + 1)).await;
        }
        // One whose failure cost time, for much longer.
        let (_, lease) = hosts.lease(&mirrors, FREE).await.unwrap();
        lease.failed(Fault { cost: Duration::from_secs(20), pause: None }, wait);
        drop(lease);
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(first(&hosts, &mirrors, FREE).await, 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(first(&hosts, &mirrors, FREE).await, 0);
        // Where there is no other, it is asked all the same.
        let (_, lease) = hosts.lease(&mirrors[..1], FREE).await.unwrap();
        lease.failed(Fault::default(), wait);
        drop(lease);
        assert_eq!(first(&hosts, &mirrors[..1], FREE).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_set_aside_is_asked_again_though_another_is_busy_for_long() {
        let (hosts, mirrors) = hosts(8, 2);
        let fail = async |mirror: HostId, times| {
            for _ in 0..times {
                let (_, lease) = hosts.lease(&[mirror], FREE).await.unwrap();
                lease.failed(Fault::default(), wait);
            }
        };
        // The second takes one transfer at a time, and that one lasts.
        fail(mirrors[1], 4).await;
        tokio::time::advance(Duration::from_secs(5)).await;
        fail(mirrors[0], 1).await;
        let (busy, _long) = hosts.lease(&mirrors, FREE).await.unwrap();
        assert_eq!(busy, 1);
        let waiting = tokio::time::timeout(Duration::from_secs(2), hosts.lease(&mirrors, FREE));
        let (index, _) = waiting.await.expect("nobody else has to end first").unwrap();
        assert_eq!(index, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_halved_once_for_all_under_way_and_grows_again() {
        let (hosts, mirrors) = hosts(8, 1);
        let limit = || hosts.table().hosts[0].limit.floor();
        let mut leases = Vec::new();
        for _ in 0..8 {
            leases.push(hosts.lease(&mirrors, PINNED).await.unwrap().1);
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        for lease in leases.drain(..) {
            lease.failed(Fault::default(), wait);
        }
        assert!((limit() - 4.0).abs() < 0.1, "{}", limit());
        for _ in 0..4 {
            leases.push(hosts.lease(&mirrors, PINNED).await.unwrap().1);
        }
        let fifth = tokio::time::timeout(Duration::from_secs(1), hosts.lease(&mirrors, PINNED));
        assert!(fifth.await.is_err(), "the limit holds");
        for lease in leases.drain(..) {
            lease.succeeded();
            lease.succeeded();
        }
        assert!(limit() >= 5.0, "{}", limit());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_a_pause_gets_it_from_all() {
        let (hosts, mirrors) = hosts(8, 1);
        let (_, lease) = hosts.lease(&mirrors, PINNED).await.unwrap();
        lease.failed(Fault { cost: Duration::ZERO, pause: Some(Duration::from_secs(7)) }, wait);
        drop(lease);
        let begun = Instant::now();
        assert_eq!(first(&hosts, &mirrors, PINNED).await, 0);
        assert_eq!(begun.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gave_nothing_is_given_up_until_it_answers() {
        let (hosts, mirrors) = hosts(8, 1);
        let since = Instant::now();
        let (_, lease) = hosts.lease(&mirrors, PINNED).await.unwrap();
        for (cost, standing) in [
            (Duration::ZERO, Standing::Once),
            (Duration::from_secs(20), Standing::Lost("no answer".to_owned())),
        ] {
            let fault = Fault { cost, pause: None };
            lease.failed(fault, wait);
            hosts.give_up(&mirrors, since, fault, "no answer");
            assert_eq!(hosts.standing(mirrors[0]), standing);
        }
        assert!(hosts.lease(&mirrors, PINNED).await.is_none(), "nobody waits for it");
        lease.progressed();
        assert_eq!(hosts.standing(mirrors[0]), Standing::Good);
        // One that gave something to another file meanwhile is not given up.
        lease.failed(Fault::default(), wait);
        hosts.give_up(&mirrors, since, Fault::default(), "cut");
        assert_eq!(hosts.standing(mirrors[0]), Standing::Good);
    }
}
