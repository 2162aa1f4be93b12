//! Packages for the host's second word size, beside those for its first: `lib` with `lib64`.
//!
//! As libsolv has it (its "inferior architecture" rules), a 32-bit package of a name that takes part
//! with a 64-bit build, too, is installed only together with the same build of that. What is asked for
//! itself is free of it. Whether a name takes part with its 64-bit build is a matter of the goal: what
//! can be reached from what is asked for, weak dependencies included.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::arch::family;
use super::pool::{Dep, DepId, Expression, PackageId, Pool};
use super::providers::Providers;
use super::strings::Text;
use crate::format::rpm::dependencies::Kind;

/// A package for the second word size, of a name that is there for the first, too.
#[derive(Debug)]
pub(super) struct Inferior {
    pub(super) id: PackageId,
    /// The same build for the first one, or for all: it is installed beside one of these.
    pub(super) partners: Vec<PackageId>,
}

/// All of these, by name.
#[derive(Debug, Default)]
pub(super) struct Multilib {
    pub(super) names: BTreeMap<Text, Vec<Inferior>>,
}

impl Multilib {
    /// Those of a pool, but for packages that cannot be had.
    pub(super) fn new(pool: &Pool, is_out: &dyn Fn(PackageId) -> bool) -> Self {
        let mut names: BTreeMap<Text, Vec<Inferior>> = BTreeMap::new();
        for ids in pool.names().filter(|ids| ids.len() > 1) {
            let of = |wanted: u8| {
                let fits = move |id: &&PackageId| family(pool.rank(**id)) == wanted;
                ids.iter().filter(fits).copied().filter(|id| !is_out(*id))
            };
            if of(1).next().is_none() {
                continue;
            }
            for id in of(2) {
                let same = |other: &PackageId| pool.compare(*other, id).is_eq();
                let partners = of(1).chain(of(0)).filter(same).collect();
                names.entry(pool.name_id(id)).or_default().push(Inferior { id, partners });
            }
        }
        Self { names }
    }

    /// The names that are free of the rule in a goal that asks for these packages.
    pub(super) fn free(
        &self,
        providers: &Providers<'_>,
        asked: impl IntoIterator<Item = PackageId>,
    ) -> BTreeSet<Text> {
        let pool = providers.pool;
        let asked: Vec<PackageId> = asked.into_iter().collect();
        let named = asked.iter().map(|id| pool.name_id(*id));
        let mut free: BTreeSet<Text> = named.filter(|name| self.names.contains_key(name)).collect();
        // The same build takes part wherever the package does; others may.
        let is_first = |id: &PackageId| family(pool.rank(*id)) == 1;
        let lacks = |one: &Inferior| !one.partners.iter().any(is_first);
        let mut alone = self.names.iter().filter(|(_, list)| list.iter().any(lacks)).peekable();
        if alone.peek().is_some() {
            let reached = reached(providers, asked);
            let is_reached =
                |id: &PackageId| is_first(id) && reached.get(id.index()) == Some(&true);
            for (name, list) in alone {
                let Some(first) = list.first() else { continue };
                if !pool.named(pool.name(first.id)).iter().any(is_reached) {
                    free.insert(*name);
                }
            }
        }
        free
    }
}

/// The packages that may take part in a goal.
fn reached(providers: &Providers<'_>, asked: Vec<PackageId>) -> Vec<bool> {
    let pool = providers.pool;
    let mut reached = Reached { providers, is_in: vec![false; pool.len()], next: VecDeque::new() };
    for id in asked {
        reached.add(id);
    }
    let joins = |id: &PackageId| {
        pool.hidden(*id).is_none()
            && [Kind::Supplements, Kind::Enhances]
                .iter()
                .any(|kind| !pool.list(*id, *kind).is_empty())
    };
    let mut joining: Vec<PackageId> = pool.ids().filter(joins).collect();
    loop {
        while let Some(id) = reached.next.pop_front() {
            reached.follow(id);
        }
        joining.retain(|id| !reached.is_in[id.index()]);
        let wanted = |id: &&PackageId| {
            let kinds = [Kind::Supplements, Kind::Enhances];
            let mut deps = kinds.iter().flat_map(|kind| pool.list(**id, *kind));
            deps.any(|dep| reached.may_hold(*dep))
        };
        let more: Vec<PackageId> = joining.iter().filter(wanted).copied().collect();
        if more.is_empty() {
            return reached.is_in;
        }
        for id in more {
            reached.add(id);
        }
    }
}

struct Reached<'a> {
    providers: &'a Providers<'a>,
    is_in: Vec<bool>,
    next: VecDeque<PackageId>,
}

impl Reached<'_> {
    fn add(&mut self, id: PackageId) {
        let is_hidden = self.providers.pool.hidden(id).is_some();
        if !is_hidden && !std::mem::replace(&mut self.is_in[id.index()], true) {
            self.next.push_back(id);
        }
    }

    fn follow(&mut self, id: PackageId) {
        let providers = self.providers;
        let pool = providers.pool;
        for kind in [Kind::Requires, Kind::Recommends, Kind::Suggests, Kind::Conflicts] {
            for dep in pool.list(id, kind) {
                match pool.dep(*dep) {
                    Dep::Plain { .. } if kind == Kind::Conflicts => {}
                    Dep::Plain { .. } => {
                        let found = providers.of(*dep);
                        // What a package provides itself brings no other.
                        if kind != Kind::Requires || !found.contains(&id) {
                            for other in found {
                                self.add(*other);
                            }
                        }
                    }
                    Dep::Rich(expression) => self.positive(expression, kind != Kind::Conflicts),
                }
            }
        }
        // The same build for a better architecture.
        let rank = pool.rank(id);
        for other in pool.named(pool.name(id)) {
            if (1..rank).contains(&pool.rank(*other)) && pool.compare(*other, id).is_eq() {
                self.add(*other);
            }
        }
    }

    /// What an expression may bring where it is wanted, or else where it is not.
    fn positive(&mut self, expression: &Expression, is_wanted: bool) {
        match expression {
            Expression::And(list) | Expression::Or(list) => {
                for one in list {
                    self.positive(one, is_wanted);
                }
            }
            Expression::If(then, condition, other) | Expression::Unless(then, condition, other) => {
                self.positive(then, is_wanted);
                self.positive(condition, !is_wanted);
                if let Some(other) = other {
                    self.positive(other, is_wanted);
                    self.positive(condition, is_wanted);
                }
            }
            one if is_wanted => {
                for id in self.providers.set(one) {
                    self.add(id);
                }
            }
            _ => {}
        }
    }

    fn may_hold(&self, dep: DepId) -> bool {
        match self.providers.pool.dep(dep) {
            Dep::Plain { .. } => self.providers.of(dep).iter().any(|id| self.is_in[id.index()]),
            Dep::Rich(expression) => self.may_be_true(expression),
        }
    }

    fn may_be_true(&self, expression: &Expression) -> bool {
        match expression {
            Expression::And(list) => list.iter().all(|one| self.may_be_true(one)),
            Expression::Or(list) => list.iter().any(|one| self.may_be_true(one)),
            Expression::If(then, _, other) | Expression::Unless(then, _, other) => {
                self.may_be_true(then) || other.as_deref().is_some_and(|one| self.may_be_true(one))
            }
            one => self.providers.set(one).into_iter().any(|id| self.is_in[id.index()]),
        }
    }
}
