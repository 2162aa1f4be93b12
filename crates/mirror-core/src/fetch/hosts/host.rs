//! What is known of one host, and what a transfer's fortune changes of it.

use std::time::Duration;

use tokio::time::Instant;

/// A failure that cost time sets its mirror aside for this many times as long, so that asking again
/// costs a few hundredths of a run at most.
const ASIDE_FACTOR: u32 = 30;

/// The longest that a mirror is set aside: a long run comes back to it.
const LONGEST_ASIDE: Duration = Duration::from_mins(10);

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

/// A host.
#[derive(Debug)]
pub(super) struct Host {
    /// Transfers under way.
    pub(super) active: usize,
    /// Transfers at once.
    pub(super) limit: f64,
    /// When that was last halved.
    halved_at: Option<Instant>,
    /// In a row.
    failures: u32,
    pub(super) aside_until: Option<Instant>,
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

/// How a transfer failed, as far as its host is concerned.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::fetch) struct Fault {
    /// How long nothing came before that was noticed.
    pub(in crate::fetch) cost: Duration,
    /// How long the server asks everyone to stay away.
    pub(in crate::fetch) pause: Option<Duration>,
}

/// Whether a host may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fetch) enum Standing {
    /// As often as usual.
    Good,
    /// Once: it is given up, and an attempt costs nothing.
    Once,
    /// Not at all, and why.
    Lost(String),
}

impl Host {
    #[allow(clippy::cast_precision_loss)] // a few hundred at most
    pub(super) fn new(connections: usize) -> Self {
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

    /// Whether it may be asked.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        match &self.given_up {
            None => Standing::Good,
            Some(given_up) if self.is_lost(now) => Standing::Lost(given_up.reason.clone()),
            Some(_) => Standing::Once,
        }
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.is_some()
    }

    /// Given up, and to ask once more would cost time.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        let given_up = self.given_up.as_ref();
        given_up.is_some_and(|given_up| !given_up.is_quick || self.is_paused(now))
    }

    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|end| end > now)
    }

    /// Neither set aside nor given up nor paused.
    pub(super) fn is_good(&self, now: Instant) -> bool {
        let aside = self.aside_until.is_some_and(|end| end > now);
        !aside && self.given_up.is_none() && !self.is_paused(now)
    }

    /// When it ends that it is set aside, or paused: whichever comes first.
    pub(super) fn next_end(&self, now: Instant) -> Option<Instant> {
        let ends = [self.aside_until, self.paused_until].into_iter().flatten();
        ends.filter(|end| *end > now).min()
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn has_room(&self, times: usize) -> bool {
        (self.active as f64) < (times as f64) * self.limit.max(1.0).floor()
    }

    /// Seconds that it is expected to take for a file.
    #[allow(clippy::cast_precision_loss)] // an estimate
    pub(super) fn expected(&self, size: Option<u64>) -> Option<f64> {
        let body = size.unwrap_or(USUAL_SIZE) as f64 / self.speed.unwrap_or(USUAL_SPEED);
        Some((self.latency? + body) * f64::from(1 + self.missing))
    }

    /// An answer began after this time.
    pub(super) fn began(&mut self, latency: Duration) {
        mean(&mut self.latency, latency.as_secs_f64());
    }

    /// So many bytes came within this time.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn measured(&mut self, bytes: u64, time: Duration) {
        if bytes >= TELLING_BYTES || time >= TELLING_TIME {
            let seconds = time.as_secs_f64().max(1e-6);
            mean(&mut self.speed, (bytes as f64 / seconds).max(1.0));
        }
    }

    /// It gives something.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.answered_at = Some(now);
        self.given_up = None;
    }

    /// It answered, with the file or without.
    pub(super) fn answered(&mut self, now: Instant) {
        self.progressed(now);
        self.failures = 0;
        self.aside_until = None;
    }

    /// It gave the file, of at most `most` at once.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn succeeded(&mut self, now: Instant, most: usize) {
        self.answered(now);
        self.missing = 0;
        self.limit = (self.limit + 1.0 / self.limit).min(most as f64);
    }

    /// It does not have a file that it should have.
    pub(super) fn lacked(&mut self, now: Instant) {
        self.answered(now);
        self.missing = self.missing.saturating_add(1);
    }

    /// A transfer failed that began at `begun`.
    pub(super) fn failed(
        &mut self,
        fault: Fault,
        begun: Instant,
        now: Instant,
        wait: impl FnOnce(u32) -> Duration,
    ) {
        self.failures = self.failures.saturating_add(1);
        let aside = wait(self.failures).max(fault.cost.saturating_mul(ASIDE_FACTOR));
        self.aside_until = Some(now + aside.min(LONGEST_ASIDE));
        // Those that began before the last halving failed under the old limit.
        if self.halved_at.is_none_or(|halved| begun >= halved) {
            self.limit = (self.limit / 2.0).max(1.0);
            self.halved_at = Some(now);
        }
        if let Some(pause) = fault.pause {
            let end = now + pause;
            self.paused_until = Some(self.paused_until.map_or(end, |other| other.max(end)));
        }
    }

    /// Gives it up where it failed and nothing has come of it since `since`.
    pub(super) fn give_up(&mut self, since: Instant, fault: Fault, reason: &str) {
        let is_silent = self.answered_at.is_none_or(|answered| answered < since);
        if self.failures > 0 && is_silent {
            let is_quick = fault.cost < QUICK;
            self.given_up = Some(GivenUp { reason: reason.to_owned(), is_quick });
        }
    }
}

fn mean(value: &mut Option<f64>, newest: f64) {
    *value = Some(value.map_or(newest, |before| before + (newest - before) * NEWEST));
}
