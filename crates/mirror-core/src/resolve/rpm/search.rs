//! What to decide next, in the order in which libsolv does: first whatever has only one good
//! candidate, then the others, and weak dependencies once all is satisfied.

use std::collections::VecDeque;

use super::encode::{Encoded, Meaning, variable};
use super::policy::Policy;
use super::pool::{Dep, DepId, PackageId};
use super::sat::{Decide, Lit, Solver};
use crate::format::rpm::dependencies::Kind;
use crate::limits;

/// Whether a goal brings what is recommended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weak {
    /// As dnf does: recommends and supplements, where they can be had.
    #[default]
    Yes,
    /// Only what is required.
    No,
}

/// A try that may fail.
#[derive(Debug, Clone, Copy)]
enum Try {
    /// A package that supplements what is there, or that a caller would like.
    Package(PackageId),
    /// Something that a package recommends.
    Recommended(PackageId, DepId),
}

pub(super) struct Search<'a> {
    encoded: &'a Encoded,
    policy: &'a Policy<'a>,
    weak: Weak,
    /// Packages that have a say in what they supplement.
    supplementing: Vec<PackageId>,
    /// How far the trail was looked at.
    head: usize,
    /// Clauses with several candidates, for later, and how many of them are done with.
    postponed: Vec<u32>,
    done: usize,
    /// The three, as they were when each level began.
    saved: Vec<[usize; 3]>,
    tries: VecDeque<Try>,
    /// Packages to add one after the other where they go with the rest.
    pub(super) wishes: VecDeque<PackageId>,
    stop: &'a dyn Fn() -> bool,
}

/// Steps between two looks at whether to stop.
const LOOK: usize = 256;

/// What a clause says for now.
enum State {
    Satisfied,
    /// A literal that is no package, to be decided at once.
    Literal(Lit),
    Packages(Vec<PackageId>),
}

impl<'a> Search<'a> {
    pub(super) fn new(
        encoded: &'a Encoded,
        policy: &'a Policy<'a>,
        weak: Weak,
        stop: &'a dyn Fn() -> bool,
    ) -> Self {
        let pool = policy.providers.pool;
        let supplements = |id: &PackageId| !pool.list(*id, Kind::Supplements).is_empty();
        Self {
            encoded,
            policy,
            weak,
            supplementing: match weak {
                Weak::Yes => pool.ids().filter(supplements).collect(),
                Weak::No => Vec::new(),
            },
            head: 0,
            postponed: Vec::new(),
            done: 0,
            saved: Vec::new(),
            tries: VecDeque::new(),
            wishes: VecDeque::new(),
            stop,
        }
    }

    fn state(&self, clause: u32, solver: &Solver<'_>) -> State {
        let (mut packages, mut parts, mut held) = (Vec::new(), None, None);
        // The first is who asks.
        for literal in &solver.literals(clause)[1..] {
            match (solver.value(literal.variable()), literal.is_yes()) {
                (Some(value), yes) if value == yes => return State::Satisfied,
                (Some(_), _) => {}
                // A condition that is not met, for all that is known.
                (None, false) => return State::Satisfied,
                (None, true) => match self.encoded.meaning(literal.variable()) {
                    Meaning::Package(id) => packages.push(id),
                    Meaning::Held => held = Some(*literal),
                    _ => parts = parts.or(Some(*literal)),
                },
            }
        }
        match (held, packages.is_empty(), parts) {
            (Some(literal), ..) | (None, true, Some(literal)) => State::Literal(literal),
            (None, false, _) => State::Packages(packages),
            (None, true, None) => State::Satisfied,
        }
    }

    /// A decision on what the packages so far need.
    fn strong(&mut self, solver: &Solver<'_>) -> Option<Lit> {
        while let Some(literal) = solver.trail().get(self.head) {
            self.head += 1;
            if !literal.is_yes() {
                continue;
            }
            let encoded = self.encoded;
            for &clause in encoded.needs.of(literal.variable()) {
                match self.state(clause, solver) {
                    State::Satisfied => {
                        // It may be so for a condition that is met later.
                        if solver.literals(clause)[1..].iter().any(|literal| !literal.is_yes()) {
                            self.postponed.push(clause);
                        }
                    }
                    State::Literal(decided) => {
                        self.head -= 1;
                        return Some(decided);
                    }
                    State::Packages(mut packages) => {
                        self.policy.recommended(&mut packages, solver);
                        if let [one] = packages[..] {
                            self.head -= 1;
                            return Some(Lit::yes(variable(one)));
                        }
                        self.postponed.push(clause);
                    }
                }
            }
        }
        let mut first = self.done;
        let mut moves = true;
        for at in self.done..self.postponed.len() {
            match self.state(self.postponed[at], solver) {
                State::Satisfied => {
                    // Only what is satisfied for good is never looked at again.
                    let is_true = |literal: &Lit| solver.is_true(*literal);
                    moves &= solver.literals(self.postponed[at])[1..].iter().any(is_true);
                    first += usize::from(moves);
                }
                State::Literal(literal) => {
                    self.done = first;
                    return Some(literal);
                }
                State::Packages(mut packages) => {
                    self.done = first;
                    self.policy.choose(&mut packages, solver);
                    return packages.first().map(|id| Lit::yes(variable(*id)));
                }
            }
        }
        self.done = first;
        None
    }

    /// A decision on what would be good to have.
    fn optional(&mut self, solver: &Solver<'_>) -> Option<Lit> {
        let is_open = |id: PackageId| solver.value(variable(id)).is_none();
        loop {
            while let Some(next) = self.tries.pop_front() {
                match next {
                    Try::Package(id) if is_open(id) => return Some(Lit::yes(variable(id))),
                    Try::Recommended(by, dep) if solver.value(variable(by)) == Some(true) => {
                        if let Some(literal) = self.recommended(dep, solver) {
                            return Some(literal);
                        }
                    }
                    _ => {}
                }
            }
            if self.weak == Weak::Yes {
                self.look_for_more(solver);
            }
            if self.tries.is_empty() {
                break;
            }
        }
        while let Some(id) = self.wishes.pop_front() {
            if is_open(id) {
                return Some(Lit::yes(variable(id)));
            }
        }
        None
    }

    /// The package to take for something that is recommended, where it can be had.
    fn recommended(&self, dep: DepId, solver: &Solver<'_>) -> Option<Lit> {
        let pool = self.policy.providers.pool;
        let is_in = |id: PackageId| solver.value(variable(id)) == Some(true);
        if self.policy.providers.hold(dep, &is_in) {
            return None;
        }
        if let Dep::Rich(_) = pool.dep(dep) {
            let gate = self.encoded.gate(dep)?;
            return solver.value(gate).is_none().then(|| Lit::yes(gate));
        }
        let found = self.policy.providers.of(dep).iter().copied();
        let mut open: Vec<PackageId> =
            found.filter(|id| solver.value(variable(*id)).is_none()).collect();
        self.policy.choose(&mut open, solver);
        open.first().map(|id| Lit::yes(variable(*id)))
    }

    /// What supplements, and what is recommended by, what is there.
    fn look_for_more(&mut self, solver: &Solver<'_>) {
        let pool = self.policy.providers.pool;
        let is_open = |id: &PackageId| solver.value(variable(*id)).is_none();
        let is_in = |id: PackageId| solver.value(variable(id)) == Some(true);
        let joins = |id: &PackageId| self.policy.asks_to_join(*id, Kind::Supplements, solver);
        // Where another architecture of it is there, this one was not asked for.
        let has_other =
            |id: &PackageId| pool.named(pool.name(*id)).iter().any(|other| is_in(*other));
        let found = self.supplementing.iter().copied();
        let mut joining: Vec<PackageId> =
            found.filter(|id| is_open(id) && !has_other(id) && joins(id)).collect();
        self.policy.best(&mut joining);
        self.policy.order(&mut joining, solver);
        self.tries.extend(joining.into_iter().map(Try::Package));
        for literal in solver.trail().iter().filter(|literal| literal.is_yes()) {
            let Some(id) = self.encoded.package(*literal) else { continue };
            for dep in self.policy.recommends(id) {
                if self.recommended(*dep, solver).is_some() {
                    self.tries.push_back(Try::Recommended(id, *dep));
                }
            }
        }
    }
}

impl Decide for Search<'_> {
    fn decide(&mut self, solver: &Solver<'_>) -> Option<Lit> {
        self.strong(solver).or_else(|| self.optional(solver))
    }

    fn begin(&mut self, level: usize) {
        self.saved.truncate(level);
        self.saved.push([self.head, self.postponed.len(), self.done]);
    }

    fn back(&mut self, level: usize) {
        if let Some([head, postponed, done]) = self.saved.get(level).copied() {
            self.head = head;
            self.postponed.truncate(postponed);
            self.done = done;
            self.saved.truncate(level);
        }
    }

    fn may_go_on(&mut self, steps: usize) -> bool {
        steps < limits::GOAL_STEPS && (!steps.is_multiple_of(LOOK) || !(self.stop)())
    }
}
