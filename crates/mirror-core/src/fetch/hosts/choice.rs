//! Which of a file's mirrors is asked: the rank of each, and whether it has a place.

use std::collections::HashMap;

use tokio::time::Instant;

use super::HostId;
use super::host::Host;

/// Mirrors at the head of a list that get an early transfer to be measured by.
const MEASURED_EARLY: usize = 4;

/// All hosts of a run, by number.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) numbers: HashMap<String, usize>,
    pub(super) hosts: Vec<Host>,
    /// Transfers under way, to all together.
    pub(super) active: usize,
}

/// What a transfer is for.
#[derive(Debug, Clone, Copy)]
pub(in crate::fetch) struct Wish {
    /// Bytes that are to come, where known.
    pub(in crate::fetch) size: Option<u64>,
    /// Whether a digest pins the content: then it may come from any mirror.
    pub(in crate::fetch) is_pinned: bool,
}

/// What is to be done for a place.
pub(super) enum Choice {
    /// Nothing: it is taken.
    Take(usize),
    /// Wait until then, or until something changes.
    Wait(Option<Instant>),
    /// None of the mirrors may be asked any more.
    None,
}

/// Small questions that may be under way for each transfer that might be: they wait for answers more
/// than for bytes.
pub(in crate::fetch) const QUESTIONS: usize = 2;

impl Table {
    /// Takes a place at the best mirror that has one.
    ///
    /// One that was set aside is taken only where all are: better to wait for a place at a good one.
    pub(super) fn choose(
        &mut self,
        mirrors: &[HostId],
        wish: Wish,
        connections: usize,
        now: Instant,
    ) -> Choice {
        if mirrors.iter().all(|mirror| self.hosts[mirror.0].is_lost(now)) {
            return Choice::None;
        }
        let times = if wish.size == Some(0) { QUESTIONS } else { 1 };
        if self.active >= times * connections {
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
            if !host.has_room(times) {
                continue;
            }
            let rank = rank(host, index, wish, now);
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

/// The lower the better: a class, and what counts within it.
#[allow(clippy::cast_precision_loss)] // a few hundred at most
fn rank(host: &Host, index: usize, wish: Wish, now: Instant) -> (u8, f64) {
    if host.is_given_up() {
        return (4, index as f64);
    }
    if let Some(end) = host.aside_until.filter(|end| *end > now) {
        return (3, (end - now).as_secs_f64());
    }
    match host.expected(wish.size) {
        None if wish.is_pinned && index < MEASURED_EARLY && host.active == 0 => (0, index as f64),
        Some(expected) if wish.is_pinned => (1, expected),
        // Without a digest the list's order counts, among those that work.
        _ => (2, index as f64),
    }
}
