//! Speed over the last seconds, and the time left by it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over how long the speed is taken.
const WINDOW: Duration = Duration::from_secs(10);

/// Before this long a speed says nothing of the time left.
const SETTLED: Duration = Duration::from_secs(2);

/// Samples of the bytes that came.
#[derive(Debug, Default)]
pub(crate) struct Speed {
    samples: VecDeque<(Instant, u64)>,
}

impl Speed {
    /// Takes note of how many bytes came until `now`.
    pub(crate) fn note(&mut self, now: Instant, bytes: u64) {
        while self.samples.len() > 2
            && self.samples.get(1).is_some_and(|(time, _)| now.duration_since(*time) > WINDOW)
        {
            self.samples.pop_front();
        }
        self.samples.push_back((now, bytes));
    }

    /// Bytes a second.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn per_second(&self) -> u64 {
        let (time, bytes) = self.span();
        if time.is_zero() { 0 } else { (bytes as f64 / time.as_secs_f64()) as u64 }
    }

    /// How long `bytes` more take, where that can be said.
    pub(crate) fn time_for(&self, bytes: u64) -> Option<Duration> {
        let (time, _) = self.span();
        let seconds = bytes.checked_div(self.per_second())?;
        (time >= SETTLED && seconds > 0).then(|| Duration::from_secs(seconds))
    }

    fn span(&self) -> (Duration, u64) {
        match (self.samples.front(), self.samples.back()) {
            (Some((first, before)), Some((last, now))) => {
                (last.duration_since(*first), now.saturating_sub(*before))
            }
            _ => (Duration::ZERO, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_is_long_past() {
        let mut speed = Speed::default();
        let start = Instant::now();
        assert_eq!((speed.per_second(), speed.time_for(1)), (0, None));
        for second in 0..60 {
            // A hundred bytes a second, and a thousand from the thirtieth second on.
            let bytes = if second < 30 { second * 100 } else { 3_000 + (second - 30) * 1000 };
            speed.note(start + Duration::from_secs(second), bytes);
        }
        assert_eq!(speed.per_second(), 1000);
        assert_eq!(speed.time_for(60_000), Some(Duration::from_mins(1)));
    }
}
