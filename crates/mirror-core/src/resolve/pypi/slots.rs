//! Sets of a project's candidates, as the solver sees them.
//!
//! The solver compares and unites sets of versions all the time. Here a version is its place in the
//! ascending list of a project's candidates, and a set is made of runs of places: neighbours unite
//! into one run, so that a thousand releases that fail alike are one run, to compare and to report.

use std::fmt;

use pubgrub::{Ranges, VersionSet};

/// A set of places in a list of candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slots(Ranges<u32>);

impl Slots {
    /// The places from `start` up to, and without, `end`.
    pub(super) fn run(start: u32, end: u32) -> Self {
        if start < end { Self(Ranges::between(start, end)) } else { Self(Ranges::empty()) }
    }

    /// The places among the first `len`, from the highest down.
    pub(super) fn descending(&self, len: u32) -> impl Iterator<Item = u32> {
        let runs: Vec<_> = self.runs(len).collect();
        runs.into_iter().rev().flat_map(|(start, end)| (start..end).rev())
    }

    /// The runs among the first `len` places: start, and end without.
    pub(super) fn runs(&self, len: u32) -> impl Iterator<Item = (u32, u32)> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        self.0.iter().filter_map(move |(start, end)| {
            let start = match *start {
                Included(start) => start,
                Excluded(start) => start.saturating_add(1),
                Unbounded => 0,
            };
            let end = match *end {
                Included(end) => end.saturating_add(1),
                Excluded(end) => end,
                Unbounded => len,
            };
            (start < end.min(len)).then_some((start, end.min(len)))
        })
    }

    /// How many of the first `len` places are in the set.
    pub(super) fn count(&self, len: u32) -> u32 {
        self.runs(len).map(|(start, end)| end - start).sum()
    }
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl VersionSet for Slots {
    type V = u32;

    fn empty() -> Self {
        Self(Ranges::empty())
    }

    fn full() -> Self {
        Self(Ranges::full())
    }

    fn singleton(place: u32) -> Self {
        Self::run(place, place + 1)
    }

    fn complement(&self) -> Self {
        Self(self.0.complement())
    }

    fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0))
    }

    fn contains(&self, place: &u32) -> bool {
        self.0.contains(place)
    }

    fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        self.0.is_disjoint(&other.0)
    }

    fn subset_of(&self, other: &Self) -> bool {
        self.0.subset_of(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(places: &BTreeSet<u32>) -> Slots {
        places.iter().fold(Slots::empty(), |set, &place| set.union(&Slots::singleton(place)))
    }

    #[test]
    fn neighbours_unite() {
        let set = set(&(3..1000).collect());
        assert_eq!(set, Slots::run(3, 1000));
        assert_eq!(set.runs(500).collect::<Vec<_>>(), [(3, 500)]);
    }

    proptest! {
        #[test]
        fn is_a_set(a in proptest::collection::btree_set(0_u32..20, 0..20), b in proptest::collection::btree_set(0_u32..20, 0..20)) {
            let (left, right) = (set(&a), set(&b));
            let places = |slots: Slots| slots.descending(20).collect::<BTreeSet<_>>();
            prop_assert_eq!(places(left.union(&right)), &a | &b);
            prop_assert_eq!(places(left.intersection(&right)), &a & &b);
            prop_assert_eq!(places(left.complement()), &(0..20).collect() - &a);
            prop_assert_eq!(left.subset_of(&right), a.is_subset(&b));
            prop_assert_eq!(left.is_disjoint(&right), a.is_disjoint(&b));
            prop_assert_eq!(left.count(20) as usize, a.len());
            prop_assert_eq!(left == right, a == b);
            prop_assert!(left.descending(20).is_sorted_by(|a, b| a > b));
        }
    }
}
