//! Room on the disk for what nobody could know beforehand: what sources read, and files that are larger
//! than was listed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::Transfer;
use crate::error::Error;
use crate::fetch::Watch;

/// What is free and set aside for nothing: transfers that bring more than was known of them share it.
#[derive(Debug, Default)]
pub(crate) struct Room(AtomicI64);

impl Room {
    /// There is room for so many bytes now.
    pub(crate) fn set(&self, bytes: u64) {
        self.0.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Bytes that there is room for.
    pub(crate) fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed).try_into().unwrap_or(0)
    }

    /// So many bytes are taken.
    pub(crate) fn take(&self, bytes: u64) {
        self.change(-i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// So many bytes are free again.
    pub(crate) fn give(&self, bytes: u64) {
        self.change(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn change(&self, by: i64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

/// A transfer that takes room when it passes the size that was set aside for it, and gives it back
/// when its bytes are thrown away.
pub(crate) struct Growing<'a> {
    told: Transfer<'a>,
    promised: u64,
    size: AtomicU64,
    room: &'a Room,
}

impl<'a> Growing<'a> {
    pub(crate) fn new(told: Transfer<'a>, promised: u64, room: &'a Room) -> Self {
        Self { told, promised, size: AtomicU64::new(0), room }
    }

    fn beyond(&self, size: u64) -> i64 {
        size.saturating_sub(self.promised).try_into().unwrap_or(i64::MAX)
    }
}

impl Watch for Growing<'_> {
    fn started(&self, resumed: u64, size: Option<u64>) {
        // What an earlier run left was not free when this one began.
        self.size.store(resumed, Ordering::Relaxed);
        self.told.started(resumed, size);
    }

    fn progress(&self, bytes: i64) {
        let before = self.size.load(Ordering::Relaxed);
        let now = before.saturating_add_signed(bytes);
        self.size.store(now, Ordering::Relaxed);
        self.room.change(self.beyond(before) - self.beyond(now));
        self.told.progress(bytes);
    }

    fn retrying(&self, error: &Error, after: Duration) {
        self.told.retrying(error, after);
    }

    fn room(&self) -> u64 {
        let own = self.promised.saturating_sub(self.size.load(Ordering::Relaxed));
        own.saturating_add(self.room.left())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growing(promised: u64, room: &Room) -> Growing<'_> {
        Growing::new(Transfer { reporter: &(), tree: "t", name: "n" }, promised, room)
    }

    #[test]
    fn transfers_share_what_nobody_was_promised() {
        let room = Room::default();
        room.set(100);
        let (listed, first, second) = (growing(50, &room), growing(0, &room), growing(0, &room));
        listed.started(10, Some(50));
        listed.progress(40);
        assert_eq!((listed.room(), first.room()), (100, 100), "its own was set aside");
        first.progress(70);
        listed.progress(10);
        assert_eq!((listed.room(), second.room()), (20, 20));
        first.progress(-70);
        assert_eq!(second.room(), 90);
        second.progress(95);
        assert_eq!((first.room(), listed.room()), (0, 0));
    }

    #[test]
    fn what_an_earlier_run_left_makes_room_when_it_is_thrown_away() {
        let room = Room::default();
        room.set(100);
        let growing = growing(0, &room);
        growing.started(30, None);
        assert_eq!(growing.room(), 100);
        growing.progress(-30);
        assert_eq!(growing.room(), 130);
    }
}
