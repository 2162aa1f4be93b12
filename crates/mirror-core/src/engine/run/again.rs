//! Upstreams that move on while a run fetches what they listed.

use std::collections::HashSet;

use super::{Run, Tree, Work};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::report::{Event, Outcome};

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
            if self.is_worth_another(&mut trees[at], round).await? && !groups.contains(&group) {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// Plans the incomplete trees again without what needs the files that cannot be had, where their
    /// sources can do without. Returns the groups that may be complete then.
    pub(super) async fn resolve_without(&self, trees: &mut [Tree<'a>]) -> Result<Vec<&'a str>> {
        let mut groups = Vec::new();
        for tree in trees {
            let group = tree.job.group.as_str();
            if tree.report.outcome == Outcome::Incomplete
                && tree.job.source.do_without(&tree.report.failures)
                && self.is_worth_another(tree, 0).await?
                && !groups.contains(&group)
            {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    /// Says of what is not asked for again that it failed.
    pub(super) fn tell_deferred(&self, trees: &mut [Tree<'a>]) {
        for tree in trees {
            for (path, reason) in tree.deferred.drain(..) {
                let (tree, path, reason) = (&*tree.name, path.as_str(), reason.as_str());
                self.reporter.on_event(&Event::Failed { tree, path, reason });
            }
        }
    }

    /// Plans an incomplete tree again by what its upstream is now; false where that is no other.
    async fn is_worth_another(&self, tree: &mut Tree<'a>, round: usize) -> Result<bool> {
        let warnings = std::mem::take(&mut tree.report.warnings);
        let failed_sets = std::mem::take(&mut tree.report.failed_sets);
        let manifest = match self.resolution(tree).await {
            Err(error) if error.is_local() => return Err(error),
            Err(_) => {
                (tree.report.warnings, tree.report.failed_sets) = (warnings, failed_sets);
                return Ok(false);
            }
            Ok(manifest) => manifest,
        };
        let same = match (&manifest, &tree.work) {
            (Some(now), Work::Plan { manifest: before, .. }) => lists_the_same(now, before),
            _ => false,
        };
        if same && round > 0 {
            (tree.report.warnings, tree.report.failed_sets) = (warnings, failed_sets);
            return Ok(false);
        }
        // What was odd about what came before is so still; what is odd again is said once.
        let new = std::mem::replace(&mut tree.report.warnings, warnings);
        let known: HashSet<String> = tree.report.warnings.iter().cloned().collect();
        tree.report.warnings.extend(new.into_iter().filter(|warning| !known.contains(warning)));
        tree.may_have_moved = false;
        tree.deferred.clear();
        tree.report.failures.clear();
        tree.work = Work::None;
        if let Some(manifest) = manifest {
            self.plan(tree, manifest).await?;
        }
        Ok(true)
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
