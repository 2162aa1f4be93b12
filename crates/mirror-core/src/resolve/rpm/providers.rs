//! What satisfies a dependency, and whether a set of packages does.

use std::cell::OnceCell;

use super::pool::{Dep, DepId, Expression, PackageId, Pool};

/// The providers of each dependency, looked for once.
pub(super) struct Providers<'a> {
    pub(super) pool: &'a Pool,
    known: Vec<OnceCell<Box<[PackageId]>>>,
}

impl<'a> Providers<'a> {
    pub(super) fn new(pool: &'a Pool) -> Self {
        let mut known = Vec::new();
        known.resize_with(pool.dep_count(), OnceCell::new);
        Self { pool, known }
    }

    /// The packages that provide something plain, in order, hidden ones included.
    pub(super) fn of(&self, dep: DepId) -> &[PackageId] {
        self.known[dep.0 as usize].get_or_init(|| self.pool.providers(dep).into())
    }

    /// Whether packages of which `is_in` says that they are there satisfy a dependency.
    pub(super) fn hold(&self, dep: DepId, is_in: &dyn Fn(PackageId) -> bool) -> bool {
        match self.pool.dep(dep) {
            Dep::Plain { .. } => self.of(dep).iter().any(|id| is_in(*id)),
            Dep::Rich(expression) => self.holds(expression, is_in),
        }
    }

    fn holds(&self, expression: &Expression, is_in: &dyn Fn(PackageId) -> bool) -> bool {
        let holds = |one: &Expression| self.holds(one, is_in);
        match expression {
            Expression::Plain(dep) => self.hold(*dep, is_in),
            Expression::And(list) => list.iter().all(holds),
            Expression::Or(list) => list.iter().any(holds),
            Expression::If(then, condition, other) => {
                if holds(condition) {
                    holds(then)
                } else {
                    other.as_deref().is_none_or(holds)
                }
            }
            Expression::Unless(then, condition, other) => {
                if holds(condition) {
                    other.as_deref().is_some_and(holds)
                } else {
                    holds(then)
                }
            }
            Expression::With(_) | Expression::Without(..) => {
                self.set(expression).into_iter().any(is_in)
            }
        }
    }

    /// The packages that an expression over one package means, in order.
    pub(super) fn set(&self, expression: &Expression) -> Vec<PackageId> {
        match expression {
            Expression::Plain(dep) => match self.pool.dep(*dep) {
                Dep::Plain { .. } => self.of(*dep).to_vec(),
                Dep::Rich(expression) => self.set(expression),
            },
            Expression::Or(list) => {
                let mut all: Vec<_> = list.iter().flat_map(|one| self.set(one)).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
            Expression::With(list) | Expression::And(list) => {
                let mut sets = list.iter().map(|one| self.set(one));
                let first = sets.next().unwrap_or_default();
                sets.fold(first, |kept, other| {
                    kept.into_iter().filter(|id| other.binary_search(id).is_ok()).collect()
                })
            }
            Expression::Without(one, other) => {
                let other = self.set(other);
                let one = self.set(one).into_iter();
                one.filter(|id| other.binary_search(id).is_err()).collect()
            }
            // A condition says nothing of one package.
            Expression::If(..) | Expression::Unless(..) => Vec::new(),
        }
    }

    /// The packages that may help to satisfy a dependency.
    pub(super) fn candidates(&self, dep: DepId) -> Vec<PackageId> {
        let mut found = Vec::new();
        match self.pool.dep(dep) {
            Dep::Plain { .. } => found.extend_from_slice(self.of(dep)),
            Dep::Rich(expression) => self.helpers(expression, &mut found),
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The packages that may help an expression to be true.
    pub(super) fn helping(&self, expression: &Expression) -> Vec<PackageId> {
        let mut found = Vec::new();
        self.helpers(expression, &mut found);
        found
    }

    fn helpers(&self, expression: &Expression, found: &mut Vec<PackageId>) {
        match expression {
            Expression::And(list) | Expression::Or(list) => {
                for one in list {
                    self.helpers(one, found);
                }
            }
            Expression::If(then, _, other) | Expression::Unless(then, _, other) => {
                self.helpers(then, found);
                if let Some(one) = other {
                    self.helpers(one, found);
                }
            }
            one => found.extend(self.set(one)),
        }
    }
}
