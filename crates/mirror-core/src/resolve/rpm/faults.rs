//! Whether a set of packages can be installed together: looked at directly, without the solver.

use std::collections::{BTreeMap, BTreeSet};

use super::arch::family;
use super::pool::{Dep, PackageId, Pool};
use super::providers::Providers;
use crate::format::rpm::dependencies::Kind;

/// Something that is wrong with a set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A package is not to be had.
    Hidden(PackageId),
    /// Nothing of the set satisfies what a package requires.
    Missing(PackageId, String),
    /// Two packages do not go together.
    Conflict(PackageId, PackageId),
}

impl Fault {
    /// Whether two packages do not go together.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(..))
    }
}

/// What is wrong with a set, each thing once; nothing is where all of it can be installed on an
/// empty host. Versions of install-only packages count as conflicts only where one says so.
pub fn faults(pool: &Pool, set: &BTreeSet<PackageId>) -> Vec<Fault> {
    let providers = Providers::new(pool);
    let is_in = |id: PackageId| set.contains(&id);
    let mut found = Vec::new();
    let mut names: BTreeMap<&str, Vec<PackageId>> = BTreeMap::new();
    for &id in set {
        if pool.hidden(id).is_some() {
            found.push(Fault::Hidden(id));
        }
        for dep in pool.list(id, Kind::Requires) {
            if !providers.hold(*dep, &is_in) {
                found.push(Fault::Missing(id, pool.words(*dep)));
            }
        }
        for dep in pool.list(id, Kind::Conflicts) {
            match pool.dep(*dep) {
                Dep::Plain { .. } => {
                    let others = providers.of(*dep).iter().filter(|other| **other != id);
                    let others = others.filter(|other| is_in(**other));
                    found.extend(others.map(|other| Fault::Conflict(id, *other)));
                }
                Dep::Rich(_) if providers.hold(*dep, &is_in) => {
                    found.push(Fault::Conflict(id, id));
                }
                Dep::Rich(_) => {}
            }
        }
        for dep in pool.list(id, Kind::Obsoletes) {
            let others = pool.matching_names(*dep).into_iter();
            let others = others.filter(|other| *other != id && is_in(*other));
            found.extend(others.map(|other| Fault::Conflict(id, other)));
        }
        names.entry(pool.name(id)).or_default().push(id);
    }
    for ids in names.into_values() {
        for (at, one) in ids.iter().enumerate() {
            for other in &ids[at + 1..] {
                let families = [one, other].map(|id| family(pool.rank(*id)));
                let beside = families[0] != families[1] && !families.contains(&0);
                if !beside && !pool.go_beside(*one, *other) {
                    found.push(Fault::Conflict(*one, *other));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}
