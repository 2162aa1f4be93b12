//! Lines on standard error, for logs: each step of each tree, each retry and failure, and now and
//! then how far it is.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mirror_core::report::Event;

use super::View;
use super::speed::Speed;
use super::tally::Tally;
use crate::console;
use crate::human;
use crate::output::about;

/// The view.
#[derive(Debug, Default)]
pub(super) struct Lines {
    speed: Mutex<Speed>,
}

impl View for Lines {
    fn period(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn on_event(&self, event: &Event<'_>, _: &Tally) {
        if let Some(line) = line(event) {
            console::note(format_args!("{line}"));
        }
    }

    fn tick(&self, tally: &Tally) {
        let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        speed.note(Instant::now(), tally.received());
        let total = tally.total();
        if total.of_bytes > total.bytes {
            console::note(format_args!("{}", how_far(&total, &speed)));
        }
    }

    fn note(&self, line: &str) {
        console::note(format_args!("{line}"));
    }

    fn finish(&self, _: &Tally) {}
}

/// `1.20 GiB of 3.00 GiB, 2m 05s left, 85.00 MiB/s`: what matters less is cut off first.
pub(super) fn how_far(total: &super::tally::Amount, speed: &Speed) -> String {
    if total.bytes >= total.of_bytes {
        return human::bytes(total.bytes).to_string();
    }
    let mut text = format!("{} of {}", human::bytes(total.bytes), human::bytes(total.of_bytes));
    if let Some(left) = speed.time_for(total.of_bytes.saturating_sub(total.bytes)) {
        let _ = write!(text, ", {} left", human::time(left));
    }
    if speed.per_second() > 0 {
        let _ = write!(text, ", {}/s", human::bytes(speed.per_second()));
    }
    text
}

fn line(event: &Event<'_>) -> Option<String> {
    let line = match *event {
        Event::Resolving { tree } => format!("{tree}: reading metadata"),
        Event::Resolved { tree, files, fetch_files: 0, .. } => {
            format!("{tree}: {}, all there", human::files(files))
        }
        Event::Resolved { tree, files, fetch_files, fetch_bytes, fetch_unsized } => format!(
            "{tree}: {}, {} to fetch ({})",
            human::files(files),
            human::count(fetch_files),
            human::size(fetch_bytes, fetch_files, fetch_unsized)
        ),
        Event::Retrying { tree, path, reason, after_ms: 0 } => {
            format!("{tree}: trying again at the end: {}", about(path, reason))
        }
        Event::Retrying { tree, path, reason, after_ms } => {
            format!("{tree}: trying again in {}: {}", wait(after_ms), about(path, reason))
        }
        Event::Failed { tree, path: "", reason } => format!("{tree}: failed: {reason}"),
        Event::Failed { tree, path, reason } => format!("{tree}: failed: {}", about(path, reason)),
        Event::SetFailed { tree, set, reason } => format!("{tree}: set {set}: failed: {reason}"),
        Event::Warning { tree, message } => format!("{tree}: warning: {message}"),
        Event::Held { tree, generation: Some(generation) } => {
            format!("{tree}: held at generation {generation}")
        }
        Event::Held { tree, .. } => format!("{tree}: held with its group"),
        Event::Verifying { tree, files, bytes } => {
            format!("{tree}: reading {} ({})", human::files(files), human::bytes(bytes))
        }
        Event::Found { tree, path, problem, reason } => {
            let path = if path.is_empty() { "." } else { path };
            let colon = if reason.is_empty() { "" } else { ": " };
            format!("{tree}: {problem}: {path}{colon}{reason}")
        }
        Event::Publishing { group } => format!("{group}: publishing"),
        Event::Unchanged { tree, generation } => {
            format!("{tree}: unchanged, generation {generation} stays")
        }
        Event::Published { tree, generation } => {
            format!("{tree}: generation {generation} is published")
        }
        _ => return None,
    };
    Some(line)
}

fn wait(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
    }
    human::time(Duration::from_millis(milliseconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_thing_first() {
        let tree = "rocky/10/baseos";
        let resolved = |fetch_files, fetch_bytes, fetch_unsized| Event::Resolved {
            tree,
            files: 1203,
            fetch_files,
            fetch_bytes,
            fetch_unsized,
        };
        for (unsized_files, size) in
            [(0, "3.00 MiB"), (1, "3.00 MiB and 1 file of unknown size"), (312, "size unknown")]
        {
            assert_eq!(
                line(&resolved(312, 3 << 20, unsized_files)).unwrap(),
                format!("rocky/10/baseos: 1,203 files, 312 to fetch ({size})")
            );
        }
        assert_eq!(line(&resolved(0, 0, 0)).unwrap(), "rocky/10/baseos: 1,203 files, all there");
        let failed = Event::Failed { tree, path: "", reason: "http://h/: 503" };
        assert_eq!(line(&failed).unwrap(), "rocky/10/baseos: failed: http://h/: 503");
        let retrying = Event::Retrying { tree, path: "a.rpm", reason: "cut", after_ms: 500 };
        assert_eq!(line(&retrying).unwrap(), "rocky/10/baseos: trying again in 500 ms: a.rpm: cut");
        let found = |path, reason| Event::Found { tree: "demo", path, problem: "mode", reason };
        assert_eq!(line(&found("", "found 0700")).unwrap(), "demo: mode: .: found 0700");
        assert_eq!(line(&found("a.rpm", "")).unwrap(), "demo: mode: a.rpm");
        assert_eq!(line(&Event::Fetched { tree, path: "a.rpm", size: 1 }), None);
    }
}
