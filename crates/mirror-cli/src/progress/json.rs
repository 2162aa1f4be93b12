//! Events as JSON on standard output, one object a line.
//!
//! Bytes that came are told at most once a second and file, and always before what comes of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mirror_core::report::Event;

use super::View;
use super::tally::Tally;
use crate::console;
use crate::output::json_line;

/// The view.
#[derive(Debug, Default)]
pub(super) struct Json {
    /// Held while lines are written, so that those of one file stay in order.
    order: Mutex<()>,
}

impl Json {
    fn print(text: &str) {
        // Whoever reads may have gone; the run is for the mirror, and goes on.
        let _ = console::print(text);
    }
}

impl View for Json {
    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn on_event(&self, event: &Event<'_>, tally: &Tally) {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        if let Event::Fetched { tree, path, .. }
        | Event::Failed { tree, path, .. }
        | Event::Retrying { tree, path, .. } = *event
            && let Some(transfer) = tally.transfer(tree, path)
        {
            let bytes = transfer.take_unreported();
            if bytes != 0 {
                text.push_str(&json_line(&Event::Progress { tree, path, bytes }));
            }
        }
        text.push_str(&json_line(event));
        Self::print(&text);
    }

    fn tick(&self, tally: &Tally) {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for tree in tally.trees() {
            for transfer in tree.transfers() {
                let bytes = transfer.take_unreported();
                if bytes != 0 {
                    let (tree, path) = (tree.name.as_str(), transfer.path.as_str());
                    text.push_str(&json_line(&Event::Progress { tree, path, bytes }));
                }
            }
        }
        if !text.is_empty() {
            Self::print(&text);
        }
    }

    fn note(&self, line: &str) {
        console::note(format_args!("{line}"));
    }

    fn finish(&self, tally: &Tally) {
        self.tick(tally);
    }
}
