//! Bars on a terminal: a line for each tree that is being worked on, the files that take longest,
//! and the whole.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mirror_core::report::Event;

use super::View;
use super::lines::how_far;
use super::speed::Speed;
use super::tally::{Phase, Tally, TreeTally};
use crate::console;
use crate::human;

/// Lines drawn a second.
const RATE: u8 = 10;

/// Files that are shown at once.
const FILES: usize = 4;

/// Trees that are shown at once: with the files, fewer than the rows of any terminal.
const TREES: usize = 12;

/// What the line of all trees is called.
const WHOLE: &str = "total";

/// A bar's width, without its brackets: what is left and how long it takes fit beside it in 80
/// columns.
const BAR: usize = 12;

/// The view.
#[derive(Debug)]
pub(super) struct Bars {
    multi: MultiProgress,
    drawn: Mutex<Drawn>,
}

/// What is on the terminal: trees above files above the whole.
#[derive(Debug)]
struct Drawn {
    /// Empty. The terminal echoes Ctrl-C as `^C` where the cursor rests, at the end of the last
    /// line; that wraps, and the first line stays when the others are cleared.
    spare: ProgressBar,
    trees: HashMap<String, ProgressBar>,
    files: Vec<ProgressBar>,
    whole: ProgressBar,
    /// Characters of the longest name of a tree so far, so that the bars stay where they are.
    width: usize,
    speed: Speed,
}

impl Bars {
    pub(super) fn new() -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
        let whole = multi.add(text_line());
        let spare = multi.insert(0, text_line());
        let drawn = Drawn {
            spare,
            trees: HashMap::new(),
            files: Vec::new(),
            whole,
            width: WHOLE.len(),
            speed: Speed::default(),
        };
        Self { multi, drawn: Mutex::new(drawn) }
    }
}

impl View for Bars {
    fn period(&self) -> Duration {
        Duration::from_millis(1000 / u64::from(RATE))
    }

    fn on_event(&self, _: &Event<'_>, _: &Tally) {}

    fn tick(&self, tally: &Tally) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.spare.tick();
        drawn.trees(&self.multi, tally);
        drawn.files(&self.multi, tally);
        drawn.whole(tally);
    }

    fn note(&self, line: &str) {
        // A terminal that went away shows nothing more.
        let _ = self.multi.println(console::one_line(line));
    }

    fn finish(&self, _: &Tally) {
        let _ = self.multi.clear();
    }
}

impl Drawn {
    fn trees(&mut self, multi: &MultiProgress, tally: &Tally) {
        let is_active = |tree: &TreeTally| !matches!(tree.phase(), Phase::Waiting | Phase::Done);
        let active: Vec<_> =
            tally.trees().iter().filter(|tree| is_active(tree)).take(TREES).collect();
        self.trees.retain(|name, line| {
            let keep = active.iter().any(|tree| tree.name == *name);
            if !keep {
                multi.remove(line);
            }
            keep
        });
        let widest = active.iter().map(|tree| tree.name.chars().count()).max().unwrap_or(0);
        self.width = self.width.max(widest);
        let width = self.width;
        let mut above = self.spare.clone();
        for tree in active {
            let below = || multi.insert_after(&above, text_line());
            let line = self.trees.entry(tree.name.clone()).or_insert_with(below);
            line.set_message(format!("{:width$}  {}", tree.name, tree_state(tree)));
            above = line.clone();
        }
    }

    fn files(&mut self, multi: &MultiProgress, tally: &Tally) {
        let mut transfers: Vec<_> = tally.trees().iter().flat_map(TreeTally::transfers).collect();
        transfers.sort_unstable_by_key(|transfer| transfer.number);
        transfers.truncate(FILES);
        while self.files.len() > transfers.len() {
            if let Some(line) = self.files.pop() {
                multi.remove(&line);
            }
        }
        while self.files.len() < transfers.len() {
            self.files.push(multi.insert_before(&self.whole, text_line()));
        }
        let names = transfers.iter().map(|transfer| short_name(&transfer.path).chars().count());
        let width = names.max().unwrap_or(0);
        for (line, transfer) in self.files.iter().zip(transfers) {
            let name = short_name(&transfer.path);
            let done = human::bytes(transfer.done());
            let size = transfer.size.map(|size| format!(" of {}", human::bytes(size)));
            let mut message = format!("  {name:width$}  {done}{}", size.unwrap_or_default());
            if let Some(reason) = transfer.waiting_for() {
                let _ = write!(message, ", trying again: {reason}");
            }
            line.set_message(message);
        }
    }

    fn whole(&mut self, tally: &Tally) {
        let total = tally.total();
        self.speed.note(Instant::now(), tally.received());
        let mut message = if total.of_bytes == 0 {
            format!("{} received", human::bytes(tally.received()))
        } else {
            format!("{} {}", bar(total.fraction()), how_far(&total, &self.speed))
        };
        if tally.is_resolving() && total.of_bytes > 0 {
            message += ", more to come";
        }
        if tally.failed() > 0 {
            let _ = write!(message, ", {} failed", human::count(tally.failed()));
        }
        let width = self.width;
        self.whole.set_message(format!("{WHOLE:width$}  {message}"));
    }
}

/// A line of text that is cut at the terminal's edge.
fn text_line() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn tree_state(tree: &TreeTally) -> String {
    let amount = tree.amount();
    match tree.phase() {
        Phase::Resolving => match tree.answers() {
            0 => "reading metadata".to_owned(),
            answers => format!("reading metadata, {} so far", human::count(answers)),
        },
        Phase::Publishing => "publishing".to_owned(),
        _ if amount.of_files == amount.files => "complete".to_owned(),
        _ => format!(
            "{} {} of {}, {} of {}",
            bar(amount.fraction()),
            human::count(amount.files),
            human::files(amount.of_files),
            human::bytes(amount.bytes),
            human::bytes(amount.of_bytes)
        ),
    }
}

/// A file's name, without the digest that metadata files carry before theirs.
fn short_name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.split_once('-') {
        Some((hex, rest)) if hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => rest,
        _ => name,
    }
}

/// `[=====>    ]`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn bar(fraction: f64) -> String {
    let done = ((fraction.clamp(0.0, 1.0) * BAR as f64) as usize).min(BAR);
    let head = if done < BAR { ">" } else { "" };
    format!("[{:BAR$}]", format!("{}{head}", "=".repeat(done)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        let digest = "4b8432a50219035967bd4fd26d60385ada896528410dfe622f5e6ab3adb87605";
        assert_eq!(short_name(&format!("repodata/{digest}-primary.xml.gz")), "primary.xml.gz");
        assert_eq!(short_name("Packages/b/bash-5.2-1.x86_64.rpm"), "bash-5.2-1.x86_64.rpm");
    }

    #[test]
    fn bars_have_one_width() {
        assert_eq!(bar(0.0), "[>           ]");
        assert_eq!(bar(0.5), "[======>     ]");
        assert_eq!(bar(1.0), "[============]");
        assert_eq!(bar(7.0), bar(1.0));
    }
}
