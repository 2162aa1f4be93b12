//! Upstreams that move on while a run fetches what they listed.

use std::collections::HashSet;

use futures::future::join_all;

use super::companions::with_companions;
use super::{Run, Tree, Work};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::report::{Event, Outcome, SetFailure};
use crate::source::Turn;

/// How often an upstream is read again during a run because its files are not those that it listed.
pub(super) const MOVES: usize = 3;

/// How often a tree is planned again without what needs the files that cannot be had.
pub(super) const LESS: usize = 8;

impl<'a> Run<'a> {
    /// Reads the upstreams again whose files were not those that they listed: they may have moved on
    /// meanwhile. Returns the groups that may be complete now. In the first round what is still listed
    /// is asked for once more, since a mirror or cache may have been half done.
    pub(super) async fn resolve_again(
        &self,
        trees: &mut [Tree<'a>],
        round: usize,
    ) -> Result<Vec<&'a str>> {
        let lost = |trees: &[Tree<'a>], group: &str| {
            let mut members = trees.iter().filter(|tree| tree.job.group == group);
            members.any(|tree| {
                let failed = !tree.report.failures.is_empty() && !tree.may_have_moved;
                failed || tree.report.outcome == Outcome::Failed
            })
        };
        let mut groups = Vec::new();
        for at in 0..trees.len() {
            let group = trees[at].job.group.as_str();
            if !trees[at].may_have_moved || lost(trees, group) {
                continue;
            }
            let set = with_companions(trees, at);
            if self.again(set, round).await?.is_planned() && !groups.contains(&group) {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// Plans the incomplete trees again without what needs the files that cannot be had, where their
    /// sources can do without. Returns the groups that may be complete then.
    pub(super) async fn resolve_without(&self, trees: &mut [Tree<'a>]) -> Result<Vec<&'a str>> {
        let mut groups = Vec::new();
        for at in 0..trees.len() {
            let (job, report) = (trees[at].job, &trees[at].report);
            let group = job.group.as_str();
            if report.outcome != Outcome::Incomplete || !job.source.do_without(&report.failures) {
                continue;
            }
            match self.again(with_companions(trees, at), 0).await? {
                Another::Planned if !groups.contains(&group) => groups.push(group),
                Another::Failed(error) if job.source.companions().is_some() => {
                    self.fail(&mut trees[at], &error);
                }
                _ => {}
            }
        }
        Ok(groups)
    }

    /// Says of what is not asked for again that it failed.
    pub(super) fn tell_deferred(&self, trees: &mut [Tree<'a>]) {
        for tree in trees {
            if tree.job.source.may_do_without() {
                tree.borne.append(&mut tree.deferred);
            }
            for (path, reason) in tree.deferred.drain(..) {
                let (tree, path, reason) = (&*tree.name, path.as_str(), reason.as_str());
                self.reporter.on_event(&Event::Failed { tree, path, reason });
            }
        }
    }

    /// Says of what its source could have done without, and did not, that it failed.
    pub(super) fn tell_borne(&self, trees: &mut [Tree<'a>]) {
        for tree in trees {
            for (path, reason) in tree.borne.drain(..) {
                let (tree, path, reason) = (&*tree.name, path.as_str(), reason.as_str());
                self.reporter.on_event(&Event::Failed { tree, path, reason });
            }
        }
    }

    /// Plans an incomplete tree, and those that choose together with it, again by what their upstreams
    /// are now.
    async fn again(&self, mut set: Vec<&mut Tree<'a>>, round: usize) -> Result<Another> {
        for tree in &set {
            tree.job.source.begin(Turn::Again);
        }
        let said: Vec<Said> = set.iter_mut().map(|tree| Said::take(tree)).collect();
        let resolved = join_all(set.iter_mut().map(|tree| self.resolution(tree))).await;
        let mut manifests = Vec::with_capacity(set.len());
        let mut failed = None;
        for resolved in resolved {
            match resolved {
                Err(error) if error.is_local() => return Err(error),
                Err(error) => drop(failed.get_or_insert(error)),
                Ok(manifest) => manifests.push(manifest),
            }
        }
        let is_same = |(tree, manifest): (&&mut Tree<'_>, &Option<Manifest>)| {
            let Work::Plan { manifest: before, .. } = &tree.work else { return false };
            manifest.as_ref().is_some_and(|now| lists_the_same(now, before))
        };
        if failed.is_some() || (round > 0 && set.iter().zip(&manifests).all(is_same)) {
            set.into_iter().zip(said).for_each(|(tree, said)| said.put_back(tree));
            return Ok(failed.map_or(Another::Same, Another::Failed));
        }
        for ((tree, said), manifest) in set.into_iter().zip(said).zip(manifests) {
            said.add_to(tree);
            tree.may_have_moved = false;
            tree.deferred.clear();
            tree.borne.clear();
            tree.report.failures.clear();
            tree.work = Work::None;
            if let Some(manifest) = manifest {
                self.plan(tree, manifest).await?;
            }
        }
        Ok(Another::Planned)
    }
}

/// What came of resolving trees again.
enum Another {
    /// It is what it was.
    Same,
    /// They are planned anew.
    Planned,
    /// They cannot be, and why.
    Failed(Error),
}

impl Another {
    fn is_planned(&self) -> bool {
        matches!(self, Self::Planned)
    }
}

/// What was odd about a tree before it was resolved again.
struct Said {
    warnings: Vec<String>,
    failed_sets: Vec<SetFailure>,
}

impl Said {
    fn take(tree: &mut Tree<'_>) -> Self {
        let warnings = std::mem::take(&mut tree.report.warnings);
        Self { warnings, failed_sets: std::mem::take(&mut tree.report.failed_sets) }
    }

    fn put_back(self, tree: &mut Tree<'_>) {
        (tree.report.warnings, tree.report.failed_sets) = (self.warnings, self.failed_sets);
    }

    /// What was odd about what came before is so still; what is odd again is said once.
    fn add_to(self, tree: &mut Tree<'_>) {
        let new = std::mem::replace(&mut tree.report.warnings, self.warnings);
        let known: HashSet<String> = tree.report.warnings.iter().cloned().collect();
        tree.report.warnings.extend(new.into_iter().filter(|warning| !known.contains(warning)));
    }
}

/// Whether two manifests name the same content.
fn lists_the_same(a: &Manifest, b: &Manifest) -> bool {
    let content = |manifest: &Manifest| {
        let entries = manifest.entries().iter();
        entries.map(|entry| (entry.path.clone(), entry.digest)).collect::<Vec<_>>()
    };
    content(a) == content(b)
}
