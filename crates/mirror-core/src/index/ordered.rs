//! Work on many threads, whose results are taken in order and are few at a time.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How far ahead of the result that is taken next the work may be, in results.
const AHEAD: usize = 256;

/// How many bytes of results may wait for their turn.
const HELD: usize = 8 << 20;

/// Makes `count` results on so many threads, and has each taken in order.
///
/// What waits for its turn is bounded, but for one result a thread. An error of `take` ends it, once
/// the work that was begun is done.
pub(super) fn in_order<T: Send, E>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
    size: impl Fn(&T) -> usize + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let queue = Queue { state: Mutex::default(), changed: Condvar::new() };
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(|| {
                let _stop = Stop { queue: &queue, when: thread::panicking };
                while let Some(number) = queue.next(count) {
                    let made = work(number);
                    let size = size(&made);
                    queue.put(number, made, size);
                }
            });
        }
        // Whatever ends this, lets the threads end, for which the scope waits.
        let _stop = Stop { queue: &queue, when: || true };
        for number in 0..count {
            let Some(made) = queue.take(number) else { break };
            take(number, made)?;
        }
        Ok(())
    })
}

struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// What is to be made next.
    next: usize,
    /// What is to be taken next.
    turn: usize,
    /// What is made, with its size.
    made: BTreeMap<usize, (T, usize)>,
    held: usize,
    is_over: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { next: 0, turn: 0, made: BTreeMap::new(), held: 0, is_over: false }
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of what is to be made; `None` where nothing is.
    fn next(&self, count: usize) -> Option<usize> {
        let is_early = |state: &mut State<T>| {
            let is_far = state.next >= state.turn + AHEAD || state.held >= HELD;
            !state.is_over && state.next < count && state.next != state.turn && is_far
        };
        let waited = self.changed.wait_while(self.lock(), is_early);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.is_over || state.next == count {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    fn put(&self, number: usize, made: T, size: usize) {
        let mut state = self.lock();
        state.held += size;
        state.made.insert(number, (made, size));
        drop(state);
        self.changed.notify_all();
    }

    /// The result of that number, once it is there; `None` where it does not come.
    fn take(&self, number: usize) -> Option<T> {
        let is_missing = |state: &mut State<T>| !state.is_over && !state.made.contains_key(&number);
        let waited = self.changed.wait_while(self.lock(), is_missing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let (made, size) = state.made.remove(&number)?;
        state.held -= size;
        state.turn = number + 1;
        drop(state);
        self.changed.notify_all();
        Some(made)
    }
}

/// Ends the work: where a worker panics, or when whoever takes its results does no longer.
struct Stop<'q, T> {
    queue: &'q Queue<T>,
    when: fn() -> bool,
}

impl<T> Drop for Stop<'_, T> {
    fn drop(&mut self) {
        if (self.when)() {
            self.queue.lock().is_over = true;
            self.queue.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn takes_all_in_order_however_large_they_are() {
        for size in [1, HELD * 2] {
            let mut taken = Vec::new();
            let done: Result<(), ()> = in_order(
                1000,
                4,
                |number| number * 2,
                |_| size,
                |number, made| {
                    taken.push((number, made));
                    Ok(())
                },
            );
            assert_eq!(done, Ok(()));
            assert!(taken.iter().enumerate().all(|(at, made)| *made == (at, at * 2)));
            assert_eq!(taken.len(), 1000);
        }
        assert_eq!(in_order(0, 4, |_| (), |()| 0, |_, ()| Err(())), Ok(()));
    }

    #[test]
    fn is_never_far_ahead_and_ends_with_an_error() {
        let made = AtomicUsize::new(0);
        let made_one = |_| made.fetch_add(1, Ordering::SeqCst);
        let ended = in_order(
            10_000,
            4,
            made_one,
            |_| 1,
            |number, _| {
                assert!(made.load(Ordering::SeqCst) <= number + AHEAD + 4);
                if number == 500 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!(ended, Err("enough"));
        assert!(made.load(Ordering::SeqCst) < 1000);
    }
}
