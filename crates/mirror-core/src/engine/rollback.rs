//! Rollback: an earlier generation of a group of trees is published again, and held.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Mirror, Mode, blocking};
use crate::error::{Error, Result};
use crate::path::{RepoPath, TreePath};
use crate::plan::Inventory as _;
use crate::report::{Event, Reporter};
use crate::store::{Heading, Publication, TreeInventory, View};

/// Which trees are rolled back, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// A tree, whose whole group goes with it, or a group; `None` where there is but one group.
    pub name: Option<String>,
    /// The generation of that tree; `None` for the one before the published one.
    pub to: Option<u64>,
}

/// A tree that is rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// The tree's path below the root.
    pub tree: String,
    /// The generation that was published.
    pub from: u64,
    /// The one that is to be: the same where only others of the group change.
    pub to: u64,
    /// When that one was first published, in RFC 3339 and UTC.
    pub published: String,
    /// Files that it holds.
    pub files: u64,
    /// Files whose content is gone: with any, nothing is changed.
    pub missing: Vec<RepoPath>,
}

/// What came of a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollback {
    /// The group.
    pub group: String,
    /// Its trees.
    pub trees: Vec<RolledBack>,
    /// Whether it is done: not in a dry run, nor where content is missing.
    pub done: bool,
}

impl Rollback {
    /// Whether all content is there.
    pub fn is_possible(&self) -> bool {
        self.trees.iter().all(|tree| tree.missing.is_empty())
    }
}

/// A tree's kept generations and the published one.
struct Kept {
    tree: TreePath,
    current: u64,
    generations: Vec<Heading>,
}

impl Kept {
    /// Those that can be read: there is no way to the others.
    fn of(view: &View, tree: TreePath) -> Result<Option<Self>> {
        let Some(current) = view.current(&tree)? else { return Ok(None) };
        let generations = headings(view, &tree)?;
        Ok(Some(Self { tree, current: current.id, generations }))
    }

    fn heading(&self, id: u64) -> Option<&Heading> {
        self.generations.iter().find(|heading| heading.id == id)
    }

    fn ids(&self) -> Vec<u64> {
        self.generations.iter().map(|heading| heading.id).collect()
    }
}

impl Mirror {
    /// Publishes an earlier generation of a tree's group again, all its trees together, and holds
    /// it: syncs change nothing in that group until [`Mirror::release`].
    ///
    /// The other trees go to the generations that were published beside it. Where content of one of
    /// these is gone, nothing is changed, and the report says what is missing.
    pub async fn rollback(
        &self,
        target: &Target,
        mode: Mode,
        reporter: &dyn Reporter,
    ) -> Result<Rollback> {
        let view = self.store.view();
        let (group, mut trees, anchor) = find(&view, target.name.as_deref())?;
        let steps = steps(&mut trees, anchor, target.to)?;
        let (store, retention) = (std::sync::Arc::clone(&self.store), self.retention);
        let (publications, report) = blocking(move || {
            let mut publications = Vec::new();
            let mut report = Vec::new();
            for (tree, to) in trees.iter().zip(steps) {
                let generation = store.generation(&tree.tree, to)?;
                let upstream = generation.manifest.upstream.clone();
                let mut inventory = TreeInventory::new(&store, &tree.tree, &upstream);
                let (mut in_place, mut missing) = (Vec::new(), Vec::new());
                for entry in &generation.manifest.entries {
                    let there = inventory.published(&entry.path) == Some(entry.sha256);
                    if !there && !store.holds(&entry.sha256)? {
                        missing.push(entry.path.clone());
                    }
                    in_place.push(there);
                }
                inventory.finish()?;
                report.push(RolledBack {
                    tree: tree.tree.to_string(),
                    from: tree.current,
                    to,
                    published: generation.published,
                    files: generation.manifest.entries.len() as u64,
                    missing,
                });
                let (tree, group) = (tree.tree.clone(), generation.group);
                let manifest = generation.manifest;
                publications.push((Publication { tree, group, manifest, in_place }, to));
            }
            Ok((publications, report))
        })
        .await?;
        let mut report = Rollback { group, trees: report, done: false };
        if mode == Mode::DryRun || !report.is_possible() {
            return Ok(report);
        }
        reporter.on_event(&Event::Publishing { group: &report.group });
        let store = std::sync::Arc::clone(&self.store);
        blocking(move || store.publish_again(&publications, &retention)).await?;
        for tree in &report.trees {
            reporter.on_event(&Event::Published { tree: &tree.tree, generation: tree.to });
        }
        report.done = true;
        Ok(report)
    }

    /// Lets syncs go on with a group that was rolled back (all of them, where no tree or group is
    /// named). Returns the trees that were held; where one is damaged, the others are let go all the
    /// same, and the error tells of it.
    pub fn release(&self, name: Option<&str>) -> Result<Vec<TreePath>> {
        let view = self.store.view();
        let trees = match name {
            None => view.trees()?,
            Some(_) => find(&view, name)?.1.into_iter().map(|kept| kept.tree).collect(),
        };
        let (mut released, mut fault) = (Vec::new(), None);
        for tree in trees {
            match self.store.release(&tree) {
                Ok(true) => released.push(tree),
                Ok(false) => {}
                // The others are none the worse for it.
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        fault.map_or(Ok(released), Err)
    }
}

/// What the kept generations of a tree say of themselves, where they can be read.
fn headings(view: &View, tree: &TreePath) -> Result<Vec<Heading>> {
    let mut headings = Vec::new();
    for id in view.generations(tree)? {
        match view.heading(tree, id) {
            Err(error) if error.is_of_one_file() => {}
            heading => headings.push(heading?),
        }
    }
    Ok(headings)
}

/// The group that a tree is published with: as the published generation says, or where that is not
/// known the newest one that says it.
fn group_of(view: &View, tree: &TreePath) -> Result<String> {
    let current = match view.current(tree) {
        Err(error) if error.is_of_one_file() => None,
        current => current?.map(|current| current.id),
    };
    let mut headings = headings(view, tree)?;
    headings.retain(|heading| !heading.group.is_empty());
    let at = headings.iter().position(|heading| Some(heading.id) == current);
    let heading = at.map_or_else(|| headings.last(), |at| headings.get(at));
    Ok(heading.map_or_else(|| tree.to_string(), |heading| heading.group.clone()))
}

/// A group with its trees, and which of them was meant.
fn find(view: &View, name: Option<&str>) -> Result<(String, Vec<Kept>, Option<usize>)> {
    let mut groups: BTreeMap<String, Vec<TreePath>> = BTreeMap::new();
    for tree in view.trees()? {
        groups.entry(group_of(view, &tree)?).or_default().push(tree);
    }
    // Only those that are meant have to be well.
    let kept = |trees: Vec<TreePath>| -> Result<Vec<Kept>> {
        trees.into_iter().filter_map(|tree| Kept::of(view, tree).transpose()).collect()
    };
    let known = |groups: &BTreeMap<String, Vec<TreePath>>| groups.keys().cloned().collect();
    let Some(name) = name else {
        let one = groups.len() == 1;
        let known = known(&groups);
        return match groups.pop_first().filter(|_| one) {
            Some((group, trees)) => Ok((group, kept(trees)?, None)),
            None => Err(Error::NoSuchGroup { name: None, known }),
        };
    };
    let plain = name.trim_end_matches('/');
    let of_tree = groups.iter().find_map(|(group, trees)| {
        let tree = trees.iter().find(|tree| tree.as_str() == plain)?;
        Some((group.clone(), tree.clone()))
    });
    let (group, anchor) = match of_tree {
        Some((group, tree)) => (group, Some(tree)),
        // A shell that completes a folder's name adds a slash.
        None if groups.contains_key(plain) => (plain.to_owned(), None),
        None => (name.to_owned(), None),
    };
    if let Some(trees) = groups.remove(&group) {
        let trees = kept(trees)?;
        let anchor = anchor.and_then(|tree| trees.iter().position(|kept| kept.tree == tree));
        return Ok((group, trees, anchor));
    }
    let mut known: Vec<String> = known(&groups);
    known.extend(groups.values().flatten().map(ToString::to_string));
    known.sort();
    known.dedup();
    Err(Error::NoSuchGroup { name: Some(name.to_owned()), known })
}

/// The generation that each tree is to go to: the group as it was when its `anchor` (without one,
/// the tree that was published last) was at `to`.
fn steps(trees: &mut [Kept], anchor: Option<usize>, to: Option<u64>) -> Result<Vec<u64>> {
    let time = |heading: &Heading| heading.published.parse::<Timestamp>().unwrap_or_default();
    let latest = || {
        let of = |kept: &Kept| kept.heading(kept.current).map(time);
        (0..trees.len()).max_by_key(|at| of(&trees[*at])).unwrap_or(0)
    };
    if to.is_some() && anchor.is_none() && trees.len() > 1 {
        let trees = trees.iter().map(|kept| kept.tree.to_string()).collect();
        return Err(Error::AmbiguousGeneration { trees });
    }
    let anchor = anchor.unwrap_or_else(latest);
    let Some(kept) = trees.get(anchor) else { return Ok(Vec::new()) };
    let none = |kept: &Kept, wanted: String| Error::NoGeneration {
        tree: kept.tree.to_string(),
        wanted,
        kept: kept.ids(),
    };
    let to = match to {
        Some(to) if kept.heading(to).is_some() => to,
        Some(to) => return Err(none(kept, format!(" {to}"))),
        None => {
            let earlier = kept.ids().into_iter().filter(|id| *id < kept.current).max();
            earlier.ok_or_else(|| none(kept, format!(" before {}", kept.current)))?
        }
    };
    // That state ended when the tree went on.
    let end = kept.generations.iter().find(|heading| heading.id > to);
    let end = end.map(|heading| (time(heading), heading.published.clone()));
    let step = |(at, kept): (usize, &Kept)| {
        if at == anchor {
            return Ok(to);
        }
        let Some((end, shown)) = &end else {
            return kept.ids().last().copied().ok_or_else(|| none(kept, String::new()));
        };
        let before = kept.generations.iter().filter(|heading| time(heading) < *end);
        let newest = before.map(|heading| heading.id).max();
        newest.ok_or_else(|| none(kept, format!(" from before {shown}")))
    };
    trees.iter().enumerate().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with generations that were published at these hours.
    fn tree(name: &str, current: u64, generations: &[(u64, u32)]) -> Kept {
        let heading = |(id, hour): &(u64, u32)| Heading {
            id: *id,
            published: format!("2026-11-22T{hour:02}:00:00Z"),
            group: "g".into(),
            upstream: String::new(),
            files: 1,
        };
        let generations = generations.iter().map(heading).collect();
        Kept { tree: name.parse().unwrap(), current, generations }
    }

    #[test]
    fn a_group_goes_to_a_state_that_it_was_in() {
        let mut group =
            [tree("a", 3, &[(1, 1), (2, 5), (3, 7)]), tree("b", 4, &[(2, 1), (3, 3), (4, 5)])];
        // The last publication was of `a` alone.
        assert_eq!(steps(&mut group, None, None).unwrap(), [2, 4]);
        // `a` and `b` were published together at five.
        assert_eq!(steps(&mut group, Some(1), None).unwrap(), [1, 3]);
        assert_eq!(steps(&mut group, Some(0), Some(1)).unwrap(), [1, 3]);
        assert_eq!(steps(&mut group, Some(0), Some(3)).unwrap(), [3, 4]);
        group[0].current = 2;
        assert_eq!(steps(&mut group, None, None).unwrap(), [1, 3], "and further back");
    }

    #[test]
    fn says_what_is_not_kept() {
        let mut group = [tree("a", 2, &[(1, 2), (2, 5)]), tree("b", 1, &[(1, 5)])];
        let error =
            |group: &mut [Kept], anchor, to| steps(group, anchor, to).unwrap_err().to_string();
        assert_eq!(error(&mut group, Some(1), None), "b: no generation before 1 is kept");
        assert_eq!(error(&mut group, Some(0), Some(9)), "a: no generation 9 is kept");
        assert!(error(&mut group, Some(0), None).starts_with("b: no generation from before 2026-"));
        assert_eq!(
            error(&mut group, None, Some(1)),
            "a generation is one of a tree, and the group has a, b"
        );
    }
}
