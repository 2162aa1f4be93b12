//! From packages to a formula.
//!
//! Each package is a variable: whether it is in. Each distinct dependency that something requires is
//! one more, its *gate*: whoever requires it implies the gate, and the gate implies one of the
//! providers. So what thousands of packages require is written once.
//!
//! Conditions make no difference: an expression is taken apart with one variable for each part that
//! needs one, in the direction in which it matters.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::arch::family;
use super::multilib::Multilib;
use super::pool::{Dep, DepId, Expression, PackageId, Pool, TooLarge};
use super::providers::Providers;
use super::roots::Root;
use super::sat::{Formula, Lists, Lit};
use super::strings::Text;
use crate::format::rpm::dependencies::Kind;
use crate::limits;

/// What a variable stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The package is in.
    Package(PackageId),
    /// The dependency is satisfied.
    Gate(DepId),
    /// What was asked for, by its number.
    Root(usize),
    /// A package is installed, and stays or is updated.
    Keep(PackageId),
    /// A part of something that is asked for.
    Part,
    /// An expression may be true: nothing is done for it.
    Held,
    /// Packages of this name may be installed for the second word size alone.
    Alone(Text),
}

/// Conflicts of so many pairs are written as pairs, and so many alternatives of a rich dependency each
/// by itself: more share a variable.
const PAIRS: usize = 32;

/// The formula of a pool.
pub(super) struct Encoded {
    pub(super) formula: Formula,
    meanings: Vec<Meaning>,
    /// The clauses that a variable asks to be satisfied.
    pub(super) needs: Lists<u32>,
    gates: HashMap<DepId, u32>,
    pub(super) multilib: Multilib,
    /// For each name of these the variable that frees it, and the literal that frees none.
    pub(super) alone: BTreeMap<Text, u32>,
    pub(super) none_alone: Option<Lit>,
}

impl Encoded {
    pub(super) fn meaning(&self, variable: u32) -> Meaning {
        self.meanings[variable as usize]
    }

    pub(super) fn package(&self, literal: Lit) -> Option<PackageId> {
        match self.meaning(literal.variable()) {
            Meaning::Package(id) => Some(id),
            _ => None,
        }
    }

    pub(super) fn gate(&self, dep: DepId) -> Option<u32> {
        self.gates.get(&dep).copied()
    }
}

pub(super) struct Encoder<'a> {
    providers: &'a Providers<'a>,
    pool: &'a Pool,
    installed: &'a HashSet<PackageId>,
    formula: Formula,
    meanings: Vec<Meaning>,
    needs: Vec<(u32, u32)>,
    gates: HashMap<DepId, u32>,
    any: HashMap<DepId, u32>,
    /// The variables of parts of expressions, by where they lie in the pool: those that are true only
    /// where the part is, and those that are true wherever it is. So each part is written twice at
    /// most, however deep conditions lie in each other.
    only_where: HashMap<*const Expression, u32>,
    wherever: HashMap<*const Expression, u32>,
    multilib: Multilib,
    alone: BTreeMap<Text, u32>,
    none_alone: Option<Lit>,
    /// A variable that is true.
    truth: Option<u32>,
}

/// A package's variable has its number.
pub(super) fn variable(id: PackageId) -> u32 {
    id.0
}

impl<'a> Encoder<'a> {
    /// All packages of the pool; what `installed` ones require is there already, or is not asked for,
    /// and they are there whatever hides them.
    pub(super) fn new(
        providers: &'a Providers<'a>,
        installed: &'a HashSet<PackageId>,
    ) -> Result<Self, TooLarge> {
        let pool = providers.pool;
        let mut encoder = Self {
            providers,
            pool,
            installed,
            formula: Formula::default(),
            meanings: Vec::new(),
            needs: Vec::new(),
            gates: HashMap::new(),
            any: HashMap::new(),
            only_where: HashMap::new(),
            wherever: HashMap::new(),
            multilib: Multilib::default(),
            alone: BTreeMap::new(),
            none_alone: None,
            truth: None,
        };
        for id in pool.ids() {
            encoder.variable(Meaning::Package(id));
        }
        for id in pool.ids() {
            let own = Lit::yes(variable(id));
            if encoder.is_out(id) {
                encoder.formula.clause(&[!own]);
                continue;
            }
            let is_there = installed.contains(&id);
            for &dep in pool.list(id, Kind::Requires) {
                // What was broken before is not for this goal to mend.
                if is_there && !providers.hold(dep, &|id| installed.contains(&id)) {
                    continue;
                }
                let gate = encoder.gate(dep);
                encoder.formula.implies(own, Lit::yes(gate));
                encoder.check()?;
            }
            for &dep in pool.list(id, Kind::Recommends) {
                if matches!(pool.dep(dep), Dep::Rich(_)) {
                    encoder.gate(dep);
                }
            }
            encoder.check()?;
        }
        encoder.exclusions()?;
        encoder.word_sizes();
        encoder.check()?;
        Ok(encoder)
    }

    /// Whether a package cannot be had.
    fn is_out(&self, id: PackageId) -> bool {
        self.pool.hidden(id).is_some() && !self.installed.contains(&id)
    }

    fn check(&self) -> Result<(), TooLarge> {
        if self.formula.is_full() {
            let limit = limits::POOL_FORMULA;
            return Err(TooLarge { what: "relations between packages", limit });
        }
        Ok(())
    }

    fn variable(&mut self, meaning: Meaning) -> u32 {
        self.meanings.push(meaning);
        self.formula.variable()
    }

    /// Something that is asked for.
    pub(super) fn root(&mut self, number: usize, root: &Root) -> Lit {
        let own = self.variable(Meaning::Root(number));
        let mut literals: Vec<Lit> =
            root.packages.iter().map(|id| Lit::yes(variable(*id))).collect();
        if let Some(others) = &root.only_with {
            let any = Lit::yes(self.variable(Meaning::Held));
            for other in others {
                self.formula.implies(Lit::yes(variable(*other)), any);
            }
            literals.push(!any);
        }
        self.need(own, literals);
        Lit::yes(own)
    }

    /// An installed package, or one that takes its place.
    pub(super) fn keep(&mut self, id: PackageId, packages: &[PackageId]) -> Lit {
        let own = self.variable(Meaning::Keep(id));
        let literals = packages.iter().map(|id| Lit::yes(variable(*id)));
        self.need(own, literals.collect());
        Lit::yes(own)
    }

    pub(super) fn finish(mut self) -> Encoded {
        self.formula.finish();
        let count = self.formula.len() as usize;
        Encoded {
            needs: Lists::new(count, &self.needs),
            formula: self.formula,
            meanings: self.meanings,
            gates: self.gates,
            multilib: self.multilib,
            alone: self.alone,
            none_alone: self.none_alone,
        }
    }

    /// Which names are free of what holds for several word sizes, for a goal that stays the same.
    pub(super) fn settle(&mut self, free: &BTreeSet<Text>) {
        for (name, alone) in &self.alone {
            let alone = Lit::yes(*alone);
            self.formula.clause(&[if free.contains(name) { alone } else { !alone }]);
        }
    }

    pub(super) fn multilib(&self) -> &Multilib {
        &self.multilib
    }

    /// A package for the second word size goes with the same build for the first.
    fn word_sizes(&mut self) {
        let multilib = Multilib::new(self.pool, &|id| self.is_out(id));
        if !multilib.names.is_empty() {
            let any = Lit::yes(self.variable(Meaning::Held));
            self.none_alone = Some(!any);
            for (name, list) in &multilib.names {
                let alone = self.variable(Meaning::Alone(*name));
                self.alone.insert(*name, alone);
                self.formula.implies(Lit::yes(alone), any);
                for one in list {
                    let partners = one.partners.iter().map(|id| Lit::yes(variable(*id)));
                    let literals = partners.chain([Lit::yes(alone)]).collect();
                    self.need(variable(one.id), literals);
                }
            }
        }
        self.multilib = multilib;
    }

    /// Where `own` is true, one of the literals is.
    fn need(&mut self, own: u32, mut literals: Vec<Lit>) {
        literals.sort_unstable();
        literals.dedup();
        literals.insert(0, Lit::no(own));
        if let Some(clause) = self.formula.clause(&literals) {
            self.needs.push((own, clause));
        }
    }

    /// One of these is true, whatever else is: an expression that holds of nothing at all (`a if b`)
    /// has to be seen even where nothing is installed for it.
    fn always(&mut self, literals: Vec<Lit>) {
        let truth = if let Some(known) = self.truth {
            known
        } else {
            let truth = self.variable(Meaning::Part);
            self.formula.clause(&[Lit::yes(truth)]);
            self.truth = Some(truth);
            truth
        };
        self.need(truth, literals);
    }

    /// The variable that implies a dependency.
    fn gate(&mut self, dep: DepId) -> u32 {
        if let Some(known) = self.gates.get(&dep) {
            return *known;
        }
        let own = self.variable(Meaning::Gate(dep));
        self.gates.insert(dep, own);
        let pool = self.pool;
        if let Dep::Rich(expression) = pool.dep(dep) {
            self.wanted(own, expression);
        } else {
            let found = self.providers.of(dep).iter();
            let literals = found.map(|id| Lit::yes(variable(*id))).collect();
            self.need(own, literals);
        }
        own
    }

    /// Where `own` is true, so is the expression.
    fn wanted(&mut self, own: u32, expression: &Expression) {
        match expression {
            Expression::And(list) => list.iter().for_each(|one| self.wanted(own, one)),
            Expression::If(then, condition, other) => {
                let mut literals = self.alternatives(then);
                literals.push(!self.unwanted(condition));
                self.need(own, literals);
                if let Some(other) = other {
                    let mut literals = self.alternatives(other);
                    literals.extend(self.alternatives(condition));
                    self.need(own, literals);
                }
            }
            Expression::Unless(then, condition, other) => {
                let held = self.unwanted(condition);
                let mut literals = self.alternatives(then);
                match other {
                    None => {
                        self.need(own, literals);
                        self.need(own, vec![!held]);
                    }
                    Some(other) => {
                        literals.extend(self.alternatives(condition));
                        self.need(own, literals);
                        let mut literals = self.alternatives(other);
                        literals.push(!held);
                        self.need(own, literals);
                    }
                }
            }
            one => {
                let literals = self.alternatives(one);
                self.need(own, literals);
            }
        }
    }

    /// Literals of which one is true only where the expression is.
    fn alternatives(&mut self, expression: &Expression) -> Vec<Lit> {
        match expression {
            Expression::Or(list) => list.iter().flat_map(|one| self.alternatives(one)).collect(),
            Expression::And(_) | Expression::If(..) | Expression::Unless(..) => {
                let place = std::ptr::from_ref(expression);
                if let Some(known) = self.only_where.get(&place) {
                    return vec![Lit::yes(*known)];
                }
                let part = self.variable(Meaning::Part);
                self.only_where.insert(place, part);
                self.wanted(part, expression);
                vec![Lit::yes(part)]
            }
            Expression::Plain(dep) if self.providers.of(*dep).len() > PAIRS => {
                vec![Lit::yes(self.gate(*dep))]
            }
            one => self.providers.set(one).into_iter().map(|id| Lit::yes(variable(id))).collect(),
        }
    }

    /// A literal that is true wherever the expression is.
    fn unwanted(&mut self, expression: &Expression) -> Lit {
        if let Expression::Plain(dep) = expression
            && let Some(known) = self.any.get(dep)
        {
            return Lit::yes(*known);
        }
        let place = std::ptr::from_ref(expression);
        if let Some(known) = self.wherever.get(&place) {
            return Lit::yes(*known);
        }
        let own = Lit::yes(self.variable(Meaning::Held));
        self.wherever.insert(place, own.variable());
        match expression {
            Expression::And(list) => {
                let mut clause = vec![own];
                for one in list {
                    clause.push(!self.unwanted(one));
                }
                self.formula.clause(&clause);
            }
            Expression::Or(list) => {
                for one in list {
                    let one = self.unwanted(one);
                    self.formula.implies(one, own);
                }
            }
            Expression::If(then, condition, other) => {
                let then = self.unwanted(then);
                if other.is_none() {
                    self.formula.implies(then, own);
                } else {
                    let condition = self.unwanted(condition);
                    self.formula.clause(&[own, !then, !condition]);
                }
                let mut clause = self.alternatives(condition);
                clause.push(own);
                if let Some(other) = other {
                    clause.push(!self.unwanted(other));
                }
                self.always(clause);
            }
            Expression::Unless(then, condition, other) => {
                let mut clause = self.alternatives(condition);
                clause.extend([own, !self.unwanted(then)]);
                self.always(clause);
                if let Some(other) = other {
                    let clause = [own, !self.unwanted(other), !self.unwanted(condition)];
                    self.formula.clause(&clause);
                }
            }
            one => {
                for id in self.providers.set(one) {
                    self.formula.implies(Lit::yes(variable(id)), own);
                }
            }
        }
        if let Expression::Plain(dep) = expression {
            self.any.insert(*dep, own.variable());
        }
        own
    }

    /// What does not go together: conflicts, obsoletes, versions of one package.
    fn exclusions(&mut self) -> Result<(), TooLarge> {
        let pool = self.pool;
        for kind in [Kind::Conflicts, Kind::Obsoletes] {
            let mut of: BTreeMap<DepId, Vec<PackageId>> = BTreeMap::new();
            for id in pool.ids().filter(|id| !self.is_out(*id)) {
                for dep in pool.list(id, kind) {
                    of.entry(*dep).or_default().push(id);
                }
            }
            for (dep, who) in of {
                match pool.dep(dep) {
                    Dep::Plain { .. } if kind == Kind::Conflicts => {
                        self.exclude(&who, self.providers.of(dep));
                    }
                    Dep::Plain { .. } => self.exclude(&who, &pool.matching_names(dep)),
                    Dep::Rich(expression) if kind == Kind::Conflicts => {
                        let held = self.unwanted(expression);
                        for id in who {
                            self.formula.implies(Lit::yes(variable(id)), !held);
                        }
                    }
                    Dep::Rich(_) => {}
                }
                self.check()?;
            }
        }
        let mut names: Vec<&[PackageId]> = pool.names().filter(|ids| ids.len() > 1).collect();
        names.sort_unstable_by_key(|ids| ids[0]);
        for ids in names {
            let family_of = |id: &PackageId| family(pool.rank(*id));
            let ids: Vec<PackageId> = ids.iter().copied().filter(|id| !self.is_out(*id)).collect();
            let (several, ids): (Vec<PackageId>, Vec<PackageId>) =
                ids.into_iter().partition(|id| pool.is_install_only(*id));
            self.beside_install_only(&several, &ids);
            let mut families: Vec<u8> = ids.iter().map(family_of).filter(|of| *of > 0).collect();
            families.sort_unstable();
            families.dedup();
            families.extend(families.is_empty().then_some(0));
            for of in families {
                // What is for all architectures takes the place of any.
                let members = ids.iter().filter(|id| [0, of].contains(&family_of(id)));
                let members: Vec<u32> = members.map(|id| variable(*id)).collect();
                if members.len() > 1 {
                    self.formula.at_most_one(members);
                }
            }
            self.check()?;
        }
        Ok(())
    }

    /// What may be there several times goes with no other of its name that may not, and with none that
    /// is the same build.
    fn beside_install_only(&mut self, several: &[PackageId], others: &[PackageId]) {
        let pool = self.pool;
        let meet = |one: PackageId, other: PackageId| {
            let [one, other] = [one, other].map(|id| family(pool.rank(id)));
            one == other || one == 0 || other == 0
        };
        for (at, one) in several.iter().enumerate() {
            let others = others.iter().filter(|other| meet(*one, **other));
            let same = several[at + 1..].iter().filter(|other| {
                pool.compare(*one, **other).is_eq() && pool.arch(*one) == pool.arch(**other)
            });
            for other in others.chain(same) {
                self.formula.implies(Lit::yes(variable(*one)), Lit::no(variable(*other)));
            }
        }
    }

    /// None of `who` goes with one of the others, itself excepted.
    fn exclude(&mut self, who: &[PackageId], others: &[PackageId]) {
        let set: HashSet<PackageId> = who.iter().copied().collect();
        let (both, rest): (Vec<PackageId>, Vec<PackageId>) =
            others.iter().partition(|id| set.contains(id));
        if both.len() > 1 {
            self.formula.at_most_one(both.iter().map(|id| variable(*id)).collect());
        }
        self.forbid(who, &rest);
        if !both.is_empty() {
            let inner: HashSet<PackageId> = both.iter().copied().collect();
            let outer: Vec<PackageId> =
                who.iter().copied().filter(|id| !inner.contains(id)).collect();
            self.forbid(&outer, &both);
        }
    }

    fn forbid(&mut self, some: &[PackageId], others: &[PackageId]) {
        if some.len().saturating_mul(others.len()) <= PAIRS {
            for one in some {
                for other in others {
                    let other = Lit::no(variable(*other));
                    self.formula.implies(Lit::yes(variable(*one)), other);
                }
            }
            return;
        }
        let any = Lit::yes(self.variable(Meaning::Held));
        for other in others {
            self.formula.implies(Lit::yes(variable(*other)), any);
        }
        for one in some {
            self.formula.implies(Lit::yes(variable(*one)), !any);
        }
    }
}
