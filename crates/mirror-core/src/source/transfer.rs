//! What transfers tell, as events.

use std::time::Duration;

use crate::error::Error;
use crate::fetch::Watch;
use crate::report::{Event, Reporter};

/// Turns what a transfer tells into events.
pub(crate) struct Transfer<'a> {
    pub(crate) reporter: &'a dyn Reporter,
    pub(crate) tree: &'a str,
    pub(crate) name: &'a str,
}

impl Watch for Transfer<'_> {
    fn started(&self, resumed: u64, size: Option<u64>) {
        let (tree, path) = (self.tree, self.name);
        self.reporter.on_event(&Event::Started { tree, path, resumed, size });
    }

    fn progress(&self, bytes: i64) {
        let (tree, path) = (self.tree, self.name);
        self.reporter.on_event(&Event::Progress { tree, path, bytes });
    }

    fn retrying(&self, error: &Error, after: Duration) {
        let (tree, path) = (self.tree, self.name);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let reason = &error.to_string();
        self.reporter.on_event(&Event::Retrying { tree, path, reason, after_ms });
    }
}
