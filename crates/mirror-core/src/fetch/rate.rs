//! A bound on the bytes a second of all transfers together.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How far ahead of the rate a burst may run.
const BURST: Duration = Duration::from_millis(250);

/// A bucket that all transfers draw from. Each is served in the order in which it asks, and asks for
/// a chunk at a time, so that all get the same share.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: NonZeroU64,
    /// When what was taken so far is paid for.
    paid: Mutex<Option<Instant>>,
}

impl Limiter {
    /// At most `rate` bytes a second.
    pub(super) fn new(rate: NonZeroU64) -> Self {
        Self { rate, paid: Mutex::default() }
    }

    /// Takes `bytes`, which have come; waits until they are paid for. Returns how long that was.
    #[allow(clippy::cast_precision_loss)] // a fraction of a second
    pub(super) async fn take(&self, bytes: u64) -> Duration {
        let now = Instant::now();
        let price = Duration::from_secs_f64(bytes as f64 / self.rate.get() as f64);
        let until = {
            let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
            let from = paid.unwrap_or(now).max(now.checked_sub(BURST).unwrap_or(now));
            let until = from + price;
            *paid = Some(until);
            until
        };
        if until > now {
            sleep_until(until).await;
        }
        now.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn all_together_keep_the_rate_and_share_it() {
        let limiter = Arc::new(Limiter::new(NonZeroU64::new(100_000).unwrap()));
        let begun = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let limiter = Arc::clone(&limiter);
            tasks.spawn(async move {
                for _ in 0..10 {
                    limiter.take(25_000).await;
                }
                begun.elapsed()
            });
        }
        let ends = tasks.join_all().await;
        assert!(ends.iter().all(|end| (9..=10).contains(&end.as_secs())), "{ends:?}");
        assert!(begun.elapsed() >= Duration::from_millis(9_700), "{:?}", begun.elapsed());
    }
}
