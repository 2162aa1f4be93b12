//! Trees whose sources choose together what they take.

use super::{Run, Tree, Work};
use crate::error::Error;

/// The trees to be resolved again, since what was chosen for one of them does not hold any more: all of
/// those that choose together.
pub(super) fn outdated(trees: &[Tree<'_>]) -> Vec<usize> {
    let sources = trees.iter().map(|tree| &tree.job.source);
    let keys: Vec<usize> = sources
        .filter(|source| source.is_outdated())
        .filter_map(|source| source.companions())
        .collect();
    let is_one = |at: &usize| {
        let key = trees[*at].job.source.companions();
        key.is_some_and(|key| keys.contains(&key))
    };
    (0..trees.len()).filter(is_one).collect()
}

/// A tree, and those that it is to be resolved with.
pub(super) fn with_companions<'t, 'a>(
    trees: &'t mut [Tree<'a>],
    at: usize,
) -> Vec<&'t mut Tree<'a>> {
    let key = trees[at].job.source.companions();
    let is_one = |other: usize, tree: &Tree<'_>| {
        other == at || (key.is_some() && tree.job.source.companions() == key)
    };
    let trees = trees.iter_mut().enumerate();
    trees.filter(|(other, tree)| is_one(*other, tree)).map(|(_, tree)| tree).collect()
}

impl<'a> Run<'a> {
    /// Fails trees of which companions moved on each time that they were read.
    pub(super) fn fail_outdated(&self, members: &mut [&mut Tree<'a>]) {
        for tree in members {
            if matches!(tree.work, Work::Plan { .. }) && tree.job.source.is_outdated() {
                self.fail(tree, &Error::Outdated(tree.name.to_string()));
            }
        }
    }
}
