//! Whose plans fit on the disk.
//!
//! Each group is promised the room that its plan takes out of what is free, or it fails before its
//! first byte and takes nothing; the others go on. Those that need least come first, whatever the
//! order of the jobs: so as many as can be are published, and an upstream that claims terabytes, by
//! mistake or on purpose, is itself the one that goes without. What parts of earlier runs hold is on
//! the disk already, and content that several groups want is counted in the first of them.
//!
//! Nobody can promise room to a file whose size is not listed. Such files, and those that turn out
//! larger than listed, share what was promised to nobody as they grow, and one that finds no more
//! fails (see [`Room`](crate::source::Room)). The same holds for what sources read and make.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{Run, Tree, Work};
use crate::digest::Digest;
use crate::engine::fetching::{Footprint, Units};
use crate::error::{Error, Result};
use crate::manifest::Entry;
use crate::part::Part;
use crate::plan::Step;
use crate::report::Outcome;
use crate::store::Free;

/// Bytes that are left free beyond what sources read.
const SPARE_READING: u64 = 1 << 20;

/// Bytes and inodes that are left free beyond what the plans need, for manifests and the state.
const SPARE_BYTES: u64 = 16 << 20;
const SPARE_INODES: u64 = 64;

impl<'a> Run<'a> {
    /// What the plans of `groups` have to fetch; a group that has no room for it fails.
    pub(super) fn collect(&self, trees: &mut [Tree<'a>], groups: &[&str]) -> Result<Units> {
        let store = &self.mirror.store;
        let mut units = Units::default();
        let mut left = Left { free: store.free()?, promised: Footprint::default() };
        let parts = Part::left(&store.parts());
        for group in by_need(trees, groups, &parts) {
            let need = units.footprint(wanted(trees, group), &parts);
            match left.promise(need, store.root()) {
                Ok(()) => add(&mut units, trees, group),
                Err(error) => self.refuse(trees, group, &error),
            }
        }
        self.room.set(left.unpromised());
        Ok(units)
    }

    /// Sees what sources may take to read their upstreams: nothing is promised to anybody yet.
    pub(super) fn measure_room(&self) -> Result<()> {
        self.room.set(self.mirror.store.free()?.bytes.saturating_sub(SPARE_READING));
        Ok(())
    }

    /// Says of a group's trees that what they lack has no room.
    fn refuse(&self, trees: &mut [Tree<'a>], group: &str, error: &Error) {
        for tree in trees.iter_mut().filter(|tree| tree.job.group == group) {
            if lacking(tree).next().is_some() {
                self.fail(tree, error);
                tree.report.outcome = Outcome::Failed;
            }
        }
    }
}

/// What is free, and what of it is spoken for.
struct Left {
    free: Free,
    promised: Footprint,
}

impl Left {
    /// Sets aside what a group needs.
    fn promise(&mut self, need: Footprint, root: &Path) -> Result<()> {
        if need == Footprint::default() {
            return Ok(());
        }
        let (path, promised) = (root.to_owned(), self.promised);
        let needed = need.bytes.saturating_add(SPARE_BYTES);
        if needed > self.free.bytes.saturating_sub(promised.bytes) {
            let (free, promised) = (self.free.bytes, promised.bytes);
            return Err(Error::NoSpace { path, needed, free, promised });
        }
        let needed = need.files.saturating_add(SPARE_INODES);
        if let Some(free) = self.free.inodes
            && needed > free.saturating_sub(promised.files)
        {
            return Err(Error::NoInodes { path, needed, free, promised: promised.files });
        }
        self.promised.bytes += need.bytes;
        self.promised.files += need.files;
        Ok(())
    }

    /// Bytes that nobody was promised.
    fn unpromised(&self) -> u64 {
        self.free.bytes.saturating_sub(self.promised.bytes).saturating_sub(SPARE_BYTES)
    }
}

/// The groups, those first whose plans take the least room.
fn by_need<'g>(
    trees: &[Tree<'_>],
    groups: &[&'g str],
    parts: &HashMap<Digest, u64>,
) -> Vec<&'g str> {
    let need = |group: &str| Units::default().footprint(wanted(trees, group), parts);
    let mut groups = groups.to_vec();
    groups.sort_by_cached_key(|group| need(group).bytes);
    groups
}

/// What the trees of a group lack, with the upstreams that list it.
fn wanted<'t>(
    trees: &'t [Tree<'_>],
    group: &str,
) -> impl Iterator<Item = (&'t Arc<str>, &'t Entry)> {
    let members = trees.iter().filter(move |tree| tree.job.group == group);
    members.flat_map(|tree| lacking(tree).map(|(_, entry)| (&tree.upstream, entry)))
}

fn add(units: &mut Units, trees: &mut [Tree<'_>], group: &str) {
    let members = trees.iter_mut().enumerate().filter(|(_, tree)| tree.job.group == group);
    for (number, tree) in members {
        let (mut added, sizes) = (0, tree.job.source.sizes());
        for (at, entry) in lacking(tree) {
            units.add(&tree.name, &tree.upstream, entry, sizes, (number, at));
            added += 1;
        }
        if let Work::Plan { missing, .. } = &mut tree.work {
            *missing += added;
        }
    }
}

/// The entries of a tree that are to be fetched, with their numbers.
fn lacking<'t>(tree: &'t Tree<'_>) -> impl Iterator<Item = (usize, &'t Entry)> {
    // One that has failures by now has all that can be had.
    let plan = match &tree.work {
        Work::Plan { manifest, plan, content, .. } if tree.report.failures.is_empty() => {
            Some((manifest, plan, content))
        }
        _ => None,
    };
    plan.into_iter().flat_map(|(manifest, plan, content)| {
        let steps = manifest.entries().iter().zip(&plan.steps).zip(content).enumerate();
        let lacking =
            steps.filter(|(_, ((_, step), content))| **step == Step::Fetch && content.is_none());
        lacking.map(|(at, ((entry, _), _))| (at, entry))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(bytes: u64, inodes: Option<u64>) -> Left {
        Left { free: Free { bytes, inodes }, promised: Footprint::default() }
    }

    fn refusal(left: &mut Left, bytes: u64, files: u64) -> Option<String> {
        let promised = left.promise(Footprint { bytes, files }, Path::new("/m"));
        promised.err().map(|error| error.to_string())
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let mut left = left(SPARE_BYTES + 100, None);
        assert_eq!(refusal(&mut left, 60, 1), None);
        let needed = SPARE_BYTES + 41;
        let said = format!(
            "/m: {needed} bytes are needed, and of {} that are free 60 are for other trees",
            SPARE_BYTES + 100
        );
        assert_eq!(refusal(&mut left, 41, 1), Some(said));
        assert_eq!(refusal(&mut left, u64::MAX, u64::MAX).map(drop), Some(()));
        assert_eq!((refusal(&mut left, 30, 1), left.unpromised()), (None, 10));
        assert_eq!(refusal(&mut left, 0, 0), None, "nothing fits everywhere");
    }

    #[test]
    fn counts_inodes_where_there_are_any_to_count() {
        let mut left = left(1 << 60, Some(SPARE_INODES + 10));
        assert_eq!(refusal(&mut left, 1, 6), None);
        let said =
            "/m: 69 files are to be made, and of 74 inodes that are free 6 are for other trees";
        assert_eq!(refusal(&mut left, 1, 5).as_deref(), Some(said));
        assert_eq!(refusal(&mut left, 1, 4), None);
    }
}
