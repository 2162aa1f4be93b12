//! What came of the last run of each tree: `.mirror/runs`.
//!
//! ```text
//! mirror-runs 1
//! TREE GROUP TIME OUTCOME GENERATION REASON     tab between the fields; - for no generation
//! ```
//!
//! It is for people, and tells a prune whether content that nothing names is still waited for. Where
//! it is lost or damaged, nothing else is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::files::remove_any;
use super::{Store, View};
use crate::error::{Error, Result};
use crate::path::TreePath;
use crate::report::Outcome;

const HEADER: &str = "mirror-runs 1\n";

/// What is noted before the first transfer: a run that is killed leaves it.
pub(crate) const BEGUN: &str = "begun";

/// What is noted of a run that was told to stop.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// Characters that are kept of a reason.
const REASON: usize = 400;

/// What came of the last run of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// The tree's path below the root.
    #[serde(skip)]
    pub tree: String,
    /// The publish group that it was in.
    #[serde(skip)]
    pub group: String,
    /// When the run ended, or began to fetch, in RFC 3339 and UTC.
    pub time: String,
    /// An [`Outcome`] as it is [named](Outcome::name), `interrupted`, or `begun`: that one is under
    /// way, or was killed.
    pub outcome: String,
    /// The generation that was published then.
    pub generation: Option<u64>,
    /// Why it is not what it should be; may be empty.
    pub reason: String,
}

impl LastRun {
    /// Whether it left something for the next one.
    pub(super) fn is_unfinished(&self) -> bool {
        let outcomes = [Outcome::Incomplete, Outcome::HeldBack, Outcome::Failed];
        let names = outcomes.map(Outcome::name);
        names.into_iter().chain([BEGUN, INTERRUPTED]).any(|name| name == self.outcome)
    }
}

impl View {
    /// The last run of each tree, by the tree's path, as far as it is known.
    pub fn last_runs(&self) -> BTreeMap<String, LastRun> {
        read(&self.folder().join("runs"))
    }
}

impl Store {
    /// Notes what came of a run. Not synced to the disk: it is no more than a note.
    pub(crate) fn note_runs(&self, runs: Vec<LastRun>) -> Result<()> {
        let mut all = read(&self.folder.join("runs"));
        all.extend(runs.into_iter().map(|run| (run.tree.clone(), run)));
        self.write_runs(&all)
    }

    /// Forgets the runs of trees that are removed.
    pub(crate) fn forget_runs(&self, trees: &[TreePath]) -> Result<()> {
        let path = self.folder.join("runs");
        let mut all = read(&path);
        let before = all.len();
        all.retain(|name, _| !trees.iter().any(|tree| tree.as_str() == name));
        if all.len() < before {
            return self.write_runs(&all);
        }
        // Who was killed while it wrote left that.
        remove_any(&path.with_extension("new"))
    }

    fn write_runs(&self, all: &BTreeMap<String, LastRun>) -> Result<()> {
        let path = self.folder.join("runs");
        let new = path.with_extension("new");
        fs::write(&new, to_text(all)).map_err(Error::io("write", &new))?;
        fs::rename(&new, &path).map_err(Error::io("rename", &new))
    }
}

pub(super) fn to_text(all: &BTreeMap<String, LastRun>) -> String {
    let mut text = HEADER.to_owned();
    for run in all.values() {
        let generation = run.generation.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let LastRun { tree, time, outcome, .. } = run;
        let (group, reason) = (one_field(&run.group), one_field(&run.reason));
        let _ = writeln!(text, "{tree}\t{group}\t{time}\t{outcome}\t{generation}\t{reason}");
    }
    text
}

fn one_field(text: &str) -> String {
    text.chars().take(REASON).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn read(path: &Path) -> BTreeMap<String, LastRun> {
    from_text(&String::from_utf8_lossy(&fs::read(path).unwrap_or_default()))
}

pub(super) fn from_text(text: &str) -> BTreeMap<String, LastRun> {
    let lines = text.strip_prefix(HEADER).unwrap_or_default().lines();
    lines.filter_map(read_line).map(|run| (run.tree.clone(), run)).collect()
}

fn read_line(line: &str) -> Option<LastRun> {
    let mut fields = line.split('\t').map(str::to_owned);
    let mut next = || fields.next();
    Some(LastRun {
        tree: next()?,
        group: next()?,
        time: next()?,
        outcome: next()?,
        generation: next()?.parse().ok(),
        reason: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_no_garbage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs");
        assert!(read(&path).is_empty());
        fs::write(&path, "mirror-runs 1\nhalf a line\na\tg\tnow\tfailed\t-\twhy\n\u{fffd}")
            .unwrap();
        let runs = read(&path);
        assert_eq!(runs.len(), 1);
        assert_eq!((runs["a"].generation, runs["a"].reason.as_str()), (None, "why"));
    }
}
