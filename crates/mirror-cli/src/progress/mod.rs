//! What is shown while a run goes on: bars on a terminal, lines elsewhere, or JSON.
//!
//! Events only add to a [`Tally`]; a thread of its own looks at that now and then and draws. So
//! sixty thousand files cost no more to show than six.

mod bars;
mod json;
mod lines;
mod speed;
mod tally;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mirror_core::report::{Event, Reporter};

use crate::cli::OutputArgs;
use crate::console;
use tally::Tally;

/// A way of showing.
trait View: Send + Sync {
    /// How often [`View::tick`] is called.
    fn period(&self) -> Duration;
    /// An event, but for those of progress, before the tally takes note of it.
    fn on_event(&self, event: &Event<'_>, tally: &Tally);
    /// It is time to show the numbers.
    fn tick(&self, tally: &Tally);
    /// A line for whoever watches.
    fn note(&self, line: &str);
    /// Nothing more comes.
    fn finish(&self, tally: &Tally);
}

/// Shows a run until it is finished or dropped.
pub(crate) struct Progress {
    shown: Arc<Shown>,
    ticker: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

struct Shown {
    tally: Tally,
    /// None where all is to be quiet.
    view: Option<Box<dyn View>>,
}

impl Progress {
    /// Shows the run of these trees and their groups as it was asked for.
    pub(crate) fn start<'a>(
        output: &OutputArgs,
        trees: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let view: Option<Box<dyn View>> = match output {
            OutputArgs { json: true, .. } => Some(Box::new(json::Json::default())),
            OutputArgs { quiet: true, .. } => None,
            _ if console::is_watched() => Some(Box::new(bars::Bars::new())),
            _ => Some(Box::new(lines::Lines::default())),
        };
        let shown = Arc::new(Shown { tally: Tally::new(trees), view });
        let ticker = shown.view.as_ref().and_then(|view| {
            let (sender, receiver) = mpsc::channel::<()>();
            let (shown, period) = (Arc::clone(&shown), view.period());
            let tick = move || {
                while receiver.recv_timeout(period) == Err(mpsc::RecvTimeoutError::Timeout) {
                    shown.with(|view| view.tick(&shown.tally));
                }
            };
            // Without the thread the run goes on, and only the numbers are not shown.
            let thread = thread::Builder::new().name("progress".to_owned()).spawn(tick);
            thread.ok().map(|thread| (sender, thread))
        });
        Self { shown, ticker: Mutex::new(ticker) }
    }

    /// Tells whoever watches.
    pub(crate) fn note(&self, line: &str) {
        self.shown.with(|view| view.note(line));
    }

    /// Ends the show; what is printed from now on is not disturbed.
    pub(crate) fn finish(&self) {
        let ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, thread)) = ticker {
            drop(sender);
            // A view that panicked has said so.
            let _ = thread.join();
            self.shown.with(|view| view.finish(&self.shown.tally));
        }
    }
}

impl Shown {
    fn with(&self, show: impl FnOnce(&dyn View)) {
        if let Some(view) = &self.view {
            show(&**view);
        }
    }
}

impl Reporter for Progress {
    fn on_event(&self, event: &Event<'_>) {
        let Shown { tally, view } = &*self.shown;
        if !matches!(event, Event::Progress { .. })
            && let Some(view) = view
        {
            view.on_event(event, tally);
        }
        tally.note(event);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
