//! Which of several packages to take: as libsolv chooses for dnf.
//!
//! The best architecture, then of each name the newest version, then what takes the place of others,
//! then what is recommended by what is there. What is still several is ordered by name, with packages
//! last that are older than another in something that both provide, and first what is installed or
//! suggested.

use std::cmp::Ordering;

use super::arch::family;
use super::encode::variable;
use super::pool::{Dep, DepId, PackageId};
use super::providers::Providers;
use super::sat::{Lists, Solver};
use crate::format::rpm::dependencies::Kind;
use crate::format::rpm::rich::Comparison;

/// What the choice looks at besides the packages themselves.
pub(super) struct Policy<'a> {
    pub(super) providers: &'a Providers<'a>,
    /// Who recommends, and who suggests, each package.
    recommended_by: Lists<PackageId>,
    suggested_by: Lists<PackageId>,
    installed: Vec<bool>,
}

impl<'a> Policy<'a> {
    pub(super) fn new(
        providers: &'a Providers<'a>,
        installed: impl IntoIterator<Item = PackageId>,
    ) -> Self {
        let pool = providers.pool;
        let by = |kind: Kind| {
            let mut pairs = Vec::new();
            for id in pool.ids() {
                for dep in pool.list(id, kind) {
                    let found = providers.candidates(*dep);
                    pairs.extend(found.into_iter().map(|other| (variable(other), id)));
                }
            }
            Lists::new(pool.len(), &pairs)
        };
        let mut there = vec![false; pool.len()];
        for id in installed {
            there[id.index()] = true;
        }
        Self {
            providers,
            recommended_by: by(Kind::Recommends),
            suggested_by: by(Kind::Suggests),
            installed: there,
        }
    }

    /// Cuts a list of candidates down to the best ones, all different, ordered by name.
    pub(super) fn best(&self, list: &mut Vec<PackageId>) {
        self.best_architecture(list);
        self.newest(list);
        self.drop_obsoleted(list);
    }

    /// The same, and only what is recommended where anything is.
    pub(super) fn recommended(&self, list: &mut Vec<PackageId>, solver: &Solver<'_>) {
        // What is there is not updated without need.
        if list.iter().any(|id| self.installed[id.index()]) {
            list.retain(|id| self.installed[id.index()]);
        }
        self.best(list);
        if list.len() < 2 {
            return;
        }
        let is_recommended = |id: &PackageId| {
            self.installed[id.index()]
                || is_named(&self.recommended_by, *id, solver)
                || self.asks_to_join(*id, Kind::Supplements, solver)
        };
        if list.iter().any(is_recommended) {
            list.retain(is_recommended);
        }
    }

    /// The one to take.
    pub(super) fn choose(&self, list: &mut Vec<PackageId>, solver: &Solver<'_>) {
        self.recommended(list, solver);
        if list.len() > 1 {
            self.order(list, solver);
        }
    }

    /// Puts the better ones first.
    pub(super) fn order(&self, list: &mut Vec<PackageId>, solver: &Solver<'_>) {
        let pool = self.providers.pool;
        let is_old = |id: &PackageId| {
            let others = pool.named(pool.name(*id)).iter();
            let mut others = others.filter(|other| pool.arch(**other) == pool.arch(*id));
            others.any(|other| pool.compare(*other, *id) == Ordering::Greater)
        };
        list.sort_by_key(is_old);
        self.sort_by_common_names(list);
        list.sort_by_key(|id| !self.installed[id.index()]);
        list.sort_by_key(|id| {
            !(self.installed[id.index()]
                || is_named(&self.suggested_by, *id, solver)
                || self.asks_to_join(*id, Kind::Enhances, solver))
        });
    }

    /// Whether something that a package supplements or enhances is there.
    pub(super) fn asks_to_join(&self, id: PackageId, kind: Kind, solver: &Solver<'_>) -> bool {
        let is_in = |other: PackageId| solver.value(variable(other)) == Some(true);
        let list = self.providers.pool.list(id, kind);
        list.iter().any(|dep| self.providers.hold(*dep, &is_in))
    }

    fn best_architecture(&self, list: &mut Vec<PackageId>) {
        let rank = |id: &PackageId| self.providers.pool.rank(*id);
        let best = list.iter().map(rank).filter(|rank| *rank > 0).min();
        if let Some(best) = best {
            list.retain(|id| rank(id) == 0 || family(rank(id)) == family(best));
        }
    }

    /// One of each name.
    fn newest(&self, list: &mut Vec<PackageId>) {
        let pool = self.providers.pool;
        list.sort_by(|a, b| {
            let by_rank = match (pool.rank(*a), pool.rank(*b)) {
                (a, b) if a > 0 && b > 0 => a.cmp(&b),
                _ => Ordering::Equal,
            };
            let by_name = pool.name(*a).cmp(pool.name(*b));
            let by_place = self.installed[b.index()].cmp(&self.installed[a.index()]);
            by_name.then(by_rank).then(by_place).then(a.cmp(b))
        });
        let mut kept: Vec<PackageId> = Vec::with_capacity(list.len());
        for id in list.drain(..) {
            match kept.last_mut() {
                Some(best) if pool.name_id(*best) == pool.name_id(id) => {
                    if pool.compare(*best, id) == Ordering::Less {
                        *best = id;
                    }
                }
                _ => kept.push(id),
            }
        }
        *list = kept;
    }

    /// Without those that others of the list take the place of; where two replace each other, both
    /// stay.
    fn drop_obsoleted(&self, list: &mut Vec<PackageId>) {
        let pool = self.providers.pool;
        if list.len() < 2 || list.iter().all(|id| pool.list(*id, Kind::Obsoletes).is_empty()) {
            return;
        }
        let mut replaced: Vec<(PackageId, PackageId)> = Vec::new();
        for id in list.iter() {
            for dep in pool.list(*id, Kind::Obsoletes) {
                let found = pool.matching_names(*dep).into_iter();
                let found = found.filter(|other| pool.name_id(*other) != pool.name_id(*id));
                replaced.extend(found.map(|other| (*id, other)));
            }
        }
        let is_gone = |id: &PackageId| {
            replaced
                .iter()
                .any(|(by, of)| of == id && !replaced.contains(&(*id, *by)) && list.contains(by))
        };
        let kept: Vec<PackageId> = list.iter().copied().filter(|id| !is_gone(id)).collect();
        if !kept.is_empty() {
            *list = kept;
        }
    }

    /// Packages that provide an older version of something than another one do go behind it.
    fn sort_by_common_names(&self, list: &mut Vec<PackageId>) {
        let pool = self.providers.pool;
        let mut provided = Vec::new();
        for (at, id) in list.iter().enumerate() {
            for dep in pool.list(*id, Kind::Provides) {
                if let Dep::Plain { name, versions: Some((sign, evr)) } = pool.dep(*dep)
                    && matches!(
                        sign,
                        Comparison::Equal | Comparison::LessOrEqual | Comparison::Less
                    )
                    && !(*sign == Comparison::Equal && is_hash(&pool.evr_text(*evr)))
                {
                    provided.push((*name, at, *evr, *sign));
                }
            }
        }
        // Newer ones first.
        provided.sort_by(|a, b| {
            let less = (a.3 == Comparison::Less).cmp(&(b.3 == Comparison::Less));
            let order = a.0.cmp(&b.0).then_with(|| pool.compare_evrs(b.2, a.2));
            order.then(less)
        });
        let mut badness = vec![0_usize; list.len()];
        let mut bad = 0;
        for at in 0..provided.len() {
            let (name, package, evr, sign) = provided[at];
            match at.checked_sub(1).map(|before| provided[before]) {
                Some((before, other, newer, theirs)) if before == name => {
                    let is_older = match pool.compare_evrs(newer, evr) {
                        Ordering::Greater => true,
                        Ordering::Equal => sign == Comparison::Less && theirs != sign,
                        Ordering::Less => false,
                    };
                    bad += usize::from(package != other && is_older);
                }
                _ => bad = 0,
            }
            badness[package] += bad;
        }
        for (at, id) in list.iter().enumerate() {
            if self.installed[id.index()] {
                badness[at] = 0;
            }
        }
        let mut order: Vec<usize> = (0..list.len()).collect();
        order.sort_by_key(|at| badness[*at]);
        *list = order.into_iter().map(|at| list[at]).collect();
    }

    /// The packages that recommend something, for a goal with weak dependencies.
    pub(super) fn recommends(&self, id: PackageId) -> &[DepId] {
        self.providers.pool.list(id, Kind::Recommends)
    }
}

/// Whether one of those that name a package is there.
fn is_named(by: &Lists<PackageId>, id: PackageId, solver: &Solver<'_>) -> bool {
    by.of(variable(id)).iter().any(|other| solver.value(variable(*other)) == Some(true))
}

/// A digest says nothing of what is newer.
fn is_hash(text: &str) -> bool {
    text.len() >= 4 && text.bytes().all(|byte| matches!(byte, b'a'..=b'f' | b'0'..=b'9'))
}
