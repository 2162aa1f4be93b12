//! What selections found, held against each other.
//!
//! A selection by name, or by an advisory, usually fits one repository of several: the others have nothing
//! of it, and are published so, with a warning. Where it fits none of them, something is wrong with it, and
//! nothing takes the place of what is published.

use std::collections::HashSet;

use super::{Run, Tree, Work};
use crate::error::Error;
use crate::manifest::{Role, StoredManifest};
use crate::report::{Event, Outcome};
use crate::source::{OfAdvisories, Selected};

/// What is said of a tree.
enum Verdict {
    Fail(Error),
    Warn(String),
}

impl<'a> Run<'a> {
    /// Fails trees of which a selection takes nothing, where it takes nothing of those either that are
    /// asked the same; warns of the others.
    pub(super) fn judge_selections(&self, trees: &mut [Tree<'a>]) {
        let verdicts: Vec<Vec<Verdict>> =
            (0..trees.len()).map(|at| self.verdicts(trees, at)).collect();
        // What is wrong is said once for a group: the rest of it is held back.
        let mut failed = HashSet::new();
        for (tree, verdicts) in trees.iter_mut().zip(verdicts) {
            for verdict in verdicts {
                match verdict {
                    Verdict::Warn(warning) if !tree.report.warnings.contains(&warning) => {
                        let event = Event::Warning { tree: &tree.name, message: &warning };
                        self.reporter.on_event(&event);
                        tree.report.warnings.push(warning);
                    }
                    Verdict::Fail(error) if failed.insert(&tree.job.group) => {
                        self.fail(tree, &error);
                        tree.report.outcome = Outcome::Failed;
                        tree.work = Work::None;
                    }
                    Verdict::Warn(_) | Verdict::Fail(_) => {}
                }
            }
        }
    }

    fn verdicts(&self, trees: &[Tree<'a>], at: usize) -> Vec<Verdict> {
        let tree = &trees[at];
        let Some(selected) = tree.selected.as_ref().filter(|_| is_open(tree)) else {
            return Vec::new();
        };
        let peers: Vec<&Tree<'_>> = peers(trees, at).collect();
        // Nothing of the group is published then, and what one lacks may be what failed.
        if peers.iter().any(|peer| peer.job.group == tree.job.group && is_unknown(peer)) {
            return Vec::new();
        }
        if let Some(error) = self.fault(tree, selected, &peers) {
            return vec![Verdict::Fail(error)];
        }
        let mut verdicts = Vec::new();
        if selected.taken == 0 && selected.listed > 0 {
            verdicts.push(Verdict::Warn(format!(
                "the selection takes none of {}: it is published empty",
                packages(selected.listed)
            )));
        }
        // Of several that are asked the same, one says it.
        let is_first = (0..at).all(|other| !is_peer(&trees[other], tree));
        let fits = |pattern: &str| peers.iter().any(|peer| finds(peer, |s| s.fits(pattern)));
        for (pattern, is_there) in selected.patterns.iter().filter(|_| is_first) {
            if !is_there && !fits(pattern) {
                verdicts.push(Verdict::Warn(format!("no package fits {pattern}")));
            }
        }
        verdicts
    }

    /// What is wrong with the selection.
    fn fault(&self, tree: &Tree<'a>, selected: &Selected, peers: &[&Tree<'a>]) -> Option<Error> {
        let OfAdvisories { file, are_listed, security, names } =
            selected.advisories.clone().unwrap_or_default();
        let is_nowhere =
            |name: &String| !peers.iter().any(|peer| finds(peer, |s| s.has_advisory(name)));
        let missing = names.into_iter().filter(|(name, is_there)| !is_there && is_nowhere(name));
        let missing: Vec<String> = missing.map(|(name, _)| name).collect();
        if !missing.is_empty() {
            return Some(Error::NoSuchAdvisory { file, missing });
        }
        let is_taken_elsewhere = || peers.iter().any(|peer| takes_some(peer));
        if selected.taken > 0 || selected.listed == 0 || is_taken_elsewhere() {
            return None;
        }
        if selected.advisories.is_some() && !are_listed {
            return Some(Error::metadata(&file, "lists no advisories (updateinfo)"));
        }
        let fits = selected.patterns.is_empty() || selected.patterns.iter().any(|(_, fits)| *fits);
        if !(security && fits) {
            return Some(Error::TakesNone { listed: selected.listed });
        }
        // There may be nothing to mend; what is published goes for that only where it is said to.
        let total = tree.guard.as_deref().map_or(0, payload);
        let is_refused = total > 0 && !self.mirror.allow.shrink;
        is_refused.then_some(Error::Empties { listed: selected.listed, total })
    }
}

fn packages(count: u64) -> String {
    if count == 1 { "1 package".to_owned() } else { format!("{count} packages") }
}

/// The trees that are published together with this one, or chosen together with it, or that are asked the
/// same.
fn peers<'t, 'a>(trees: &'t [Tree<'a>], at: usize) -> impl Iterator<Item = &'t Tree<'a>> {
    let others = trees.iter().enumerate().filter(move |(other, _)| *other != at);
    others.map(|(_, peer)| peer).filter(move |peer| is_peer(peer, &trees[at]))
}

fn is_peer(a: &Tree<'_>, b: &Tree<'_>) -> bool {
    let (one, other) = (a.job, b.job);
    one.group == other.group
        || one.source.fingerprint() == other.source.fingerprint()
        || (one.source.companions().is_some()
            && one.source.companions() == other.source.companions())
}

/// Whether it may yet be published.
fn is_open(tree: &Tree<'_>) -> bool {
    is_planned(tree) && tree.report.outcome == Outcome::Planned
}

fn is_planned(tree: &Tree<'_>) -> bool {
    matches!(tree.work, Work::Plan { .. })
}

/// Whether it is not known what its upstream has.
fn is_unknown(tree: &Tree<'_>) -> bool {
    !is_planned(tree) && tree.report.outcome != Outcome::Unchanged
}

/// Whether it is what it was, and has packages: what it was asked for it has then.
fn is_as_before(tree: &Tree<'_>) -> bool {
    let is_same = tree.report.outcome == Outcome::Unchanged;
    is_same && tree.previous.as_deref().is_some_and(|previous| payload(previous) > 0)
}

fn finds(tree: &Tree<'_>, what: impl Fn(&Selected) -> bool) -> bool {
    is_as_before(tree) || tree.selected.as_ref().is_some_and(|s| is_planned(tree) && what(s))
}

fn takes_some(tree: &Tree<'_>) -> bool {
    let of = tree.selected.as_ref().map_or(1, |selected| selected.taken);
    is_as_before(tree) || (is_planned(tree) && of > 0)
}

fn payload(manifest: &StoredManifest) -> u64 {
    manifest.entries.iter().filter(|entry| entry.role == Role::Payload).count() as u64
}
