//! A small solver of Boolean formulas: conflict-driven clause learning.
//!
//! It knows nothing of packages. [`Formula`] holds what is always true: clauses, pairs ("this one
//! implies that one"), and groups of which one at most is true. [`Solver`] assigns: it propagates,
//! and where that contradicts itself it learns a clause and goes back. What is decided next, is up to
//! the caller, so that the answer is the one that dnf would give, and not just any.
//!
//! Each learned clause keeps what it was derived from, so that a contradiction can be told in terms
//! of the formula.

use std::collections::{HashSet, VecDeque};

/// A variable, or its negation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lit(u32);

impl Lit {
    pub(super) fn yes(variable: u32) -> Self {
        Self(variable << 1)
    }

    pub(super) fn no(variable: u32) -> Self {
        Self(variable << 1 | 1)
    }

    pub(super) fn variable(self) -> u32 {
        self.0 >> 1
    }

    pub(super) fn is_yes(self) -> bool {
        self.0 & 1 == 0
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::ops::Not for Lit {
    type Output = Self;

    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }
}

impl std::fmt::Debug for Lit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.is_yes() { "" } else { "!" }, self.variable())
    }
}

/// Lists that belong to numbers, one behind the other.
#[derive(Debug)]
pub(super) struct Lists<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { starts: Vec::new(), items: Vec::new() }
    }
}

impl<T: Copy> Lists<T> {
    pub(super) fn new(count: usize, pairs: &[(u32, T)]) -> Self {
        let mut starts = vec![0_u32; count + 1];
        for (of, _) in pairs {
            starts[*of as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let Some((_, first)) = pairs.first() else { return Self { starts, items: Vec::new() } };
        let mut places = starts.clone();
        let mut items = vec![*first; pairs.len()];
        for (of, item) in pairs {
            let place = &mut places[*of as usize];
            items[*place as usize] = *item;
            *place += 1;
        }
        Self { starts, items }
    }

    pub(super) fn of(&self, number: u32) -> &[T] {
        let at = number as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(start), Some(end)) => &self.items[*start as usize..*end as usize],
            _ => &[],
        }
    }
}

/// What is always true.
#[derive(Debug, Default)]
pub(super) struct Formula {
    variables: u32,
    literals: Vec<Lit>,
    /// Where each clause ends.
    ends: Vec<u32>,
    pairs: Vec<(u32, Lit)>,
    facts: Vec<Lit>,
    grouped: Vec<(u32, u32)>,
    groups: Vec<Vec<u32>>,
    implied: Lists<Lit>,
    groups_of: Lists<u32>,
}

impl Formula {
    pub(super) fn variable(&mut self) -> u32 {
        self.variables += 1;
        self.variables - 1
    }

    pub(super) fn len(&self) -> u32 {
        self.variables
    }

    /// How much it takes, for bounds.
    fn size(&self) -> usize {
        self.literals.len() + self.pairs.len() + self.grouped.len()
    }

    /// Whether it takes as much as it may. Then nothing more is added, and it is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.size() >= crate::limits::POOL_FORMULA
    }

    /// One of these is true. Gives the clause's number where it has more than two literals.
    pub(super) fn clause(&mut self, literals: &[Lit]) -> Option<u32> {
        match literals {
            [] => None,
            [one] => {
                self.facts.push(*one);
                None
            }
            [one, other] => {
                self.implies(!*one, *other);
                None
            }
            _ if self.is_full() => None,
            _ => {
                self.literals.extend_from_slice(literals);
                self.ends.push(super::pool::short(self.literals.len()));
                Some(super::pool::short(self.ends.len() - 1))
            }
        }
    }

    /// Where the first is true, so is the second.
    pub(super) fn implies(&mut self, one: Lit, other: Lit) {
        if self.is_full() {
            return;
        }
        self.pairs.push((one.0, other));
        self.pairs.push(((!other).0, !one));
    }

    /// One of these at most is true.
    pub(super) fn at_most_one(&mut self, variables: Vec<u32>) {
        if self.is_full() {
            return;
        }
        let number = super::pool::short(self.groups.len());
        self.grouped.extend(variables.iter().map(|variable| (*variable, number)));
        self.groups.push(variables);
    }

    /// To be called once all is said.
    pub(super) fn finish(&mut self) {
        let pairs = std::mem::take(&mut self.pairs);
        self.implied = Lists::new(self.variables as usize * 2, &pairs);
        let grouped = std::mem::take(&mut self.grouped);
        self.groups_of = Lists::new(self.variables as usize, &grouped);
    }

    fn literals(&self, clause: u32) -> &[Lit] {
        let at = clause as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.literals[start as usize..self.ends[at] as usize]
    }
}

/// Why a literal is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was decided.
    Decision,
    /// It always is.
    Fact,
    /// The other one implies it.
    Implied(Lit),
    /// All other literals of the clause are false.
    Clause(u32),
}

/// Literals that cannot all be false, and yet are.
#[derive(Debug)]
struct Conflict {
    literals: Vec<Lit>,
    /// The clause, where it is one with a number.
    clause: Option<u32>,
}

/// Where a step of a proof comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// One of the two is true.
    Pair(Lit, Lit),
    /// One of a clause of the formula is true.
    Clause(u32),
}

/// What ends a search.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// These assumptions contradict each other: with the steps of the proof.
    Contradiction(Vec<Lit>, Vec<Step>),
    /// The caller's bound was reached.
    Interrupted,
}

/// So many literals that are known whatever is assumed are followed in an explanation.
const NEAREST: usize = 500;

/// An assignment on its way.
pub(super) struct Solver<'a> {
    formula: &'a Formula,
    /// Learned clauses follow those of the formula.
    learned: Vec<Vec<Lit>>,
    origins: Vec<Vec<Step>>,
    watches: Vec<Vec<u32>>,
    /// The two watched literals of each clause.
    watched: Vec<[Lit; 2]>,
    values: Vec<Option<bool>>,
    levels: Vec<u32>,
    reasons: Vec<Reason>,
    trail: Vec<Lit>,
    /// Where each level begins on the trail.
    marks: Vec<usize>,
    head: usize,
    steps: usize,
}

/// Who decides.
pub(super) trait Decide {
    /// The next literal to try, of which nothing is known yet; `None` where all is as it should be.
    fn decide(&mut self, solver: &Solver<'_>) -> Option<Lit>;

    /// A level was begun: what is known belongs to the one before.
    fn begin(&mut self, level: usize);

    /// All levels above that one are gone.
    fn back(&mut self, level: usize);

    /// Whether to go on after so many steps.
    fn may_go_on(&mut self, steps: usize) -> bool;
}

impl<'a> Solver<'a> {
    pub(super) fn new(formula: &'a Formula) -> Self {
        let count = formula.variables as usize;
        let mut solver = Self {
            formula,
            learned: Vec::new(),
            origins: Vec::new(),
            watches: vec![Vec::new(); count * 2],
            watched: Vec::with_capacity(formula.ends.len()),
            values: vec![None; count],
            levels: vec![0; count],
            reasons: vec![Reason::Fact; count],
            trail: Vec::with_capacity(count),
            marks: Vec::new(),
            head: 0,
            steps: 0,
        };
        for clause in 0..super::pool::short(formula.ends.len()) {
            let literals = formula.literals(clause);
            solver.watch(clause, [literals[0], literals[1]]);
        }
        for fact in &formula.facts {
            solver.assign(*fact, Reason::Fact);
        }
        solver
    }

    pub(super) fn value(&self, variable: u32) -> Option<bool> {
        self.values[variable as usize]
    }

    pub(super) fn is_true(&self, literal: Lit) -> bool {
        self.value(literal.variable()) == Some(literal.is_yes())
    }

    /// Whether a literal is known to be false whatever is decided.
    pub(super) fn is_refused(&self, literal: Lit) -> bool {
        self.is_false(literal) && self.levels[literal.variable() as usize] == 0
    }

    fn is_false(&self, literal: Lit) -> bool {
        self.value(literal.variable()) == Some(!literal.is_yes())
    }

    /// What is assigned, in order.
    pub(super) fn trail(&self) -> &[Lit] {
        &self.trail
    }

    pub(super) fn literals(&self, clause: u32) -> &[Lit] {
        let known = self.formula.ends.len();
        match (clause as usize).checked_sub(known) {
            None => self.formula.literals(clause),
            Some(at) => &self.learned[at],
        }
    }

    fn level(&self) -> usize {
        self.marks.len()
    }

    fn watch(&mut self, clause: u32, literals: [Lit; 2]) {
        self.watched.push(literals);
        for literal in literals {
            self.watches[literal.index()].push(clause);
        }
    }

    fn assign(&mut self, literal: Lit, reason: Reason) {
        let at = literal.variable() as usize;
        if self.values[at].is_some() {
            return;
        }
        self.values[at] = Some(literal.is_yes());
        self.levels[at] = super::pool::short(self.level());
        self.reasons[at] = reason;
        self.trail.push(literal);
    }

    /// Draws all conclusions from what is assigned.
    fn propagate(&mut self) -> Option<Conflict> {
        let formula = self.formula;
        while let Some(&literal) = self.trail.get(self.head) {
            self.head += 1;
            for &implied in formula.implied.of(literal.0) {
                if self.is_false(implied) {
                    return Some(Conflict { literals: vec![!literal, implied], clause: None });
                }
                self.assign(implied, Reason::Implied(literal));
            }
            if literal.is_yes() {
                for &group in formula.groups_of.of(literal.variable()) {
                    for &other in &formula.groups[group as usize] {
                        let no = Lit::no(other);
                        if other == literal.variable() {
                            continue;
                        }
                        if self.is_false(no) {
                            return Some(Conflict { literals: vec![!literal, no], clause: None });
                        }
                        self.assign(no, Reason::Implied(literal));
                    }
                }
            }
            if let Some(clause) = self.propagate_clauses(!literal) {
                let literals = self.literals(clause).to_vec();
                return Some(Conflict { literals, clause: Some(clause) });
            }
        }
        None
    }

    /// Looks at the clauses that watch a literal which is false now.
    fn propagate_clauses(&mut self, gone: Lit) -> Option<u32> {
        let mut list = std::mem::take(&mut self.watches[gone.index()]);
        let (mut kept, mut found) = (0, None);
        let mut at = 0;
        while at < list.len() {
            let clause = list[at];
            at += 1;
            let pair = self.watched[clause as usize];
            let other = if pair[0] == gone { pair[1] } else { pair[0] };
            if self.is_true(other) {
                list[kept] = clause;
                kept += 1;
                continue;
            }
            let free = self.literals(clause).iter().copied();
            let free = free
                .into_iter()
                .find(|literal| *literal != other && *literal != gone && !self.is_false(*literal));
            if let Some(free) = free {
                self.watched[clause as usize] = [other, free];
                self.watches[free.index()].push(clause);
                continue;
            }
            list[kept] = clause;
            kept += 1;
            if self.is_false(other) {
                found = Some(clause);
                break;
            }
            self.assign(other, Reason::Clause(clause));
        }
        // What was not looked at stays.
        while at < list.len() {
            list[kept] = list[at];
            kept += 1;
            at += 1;
        }
        list.truncate(kept);
        self.watches[gone.index()] = list;
        found
    }

    /// The literals that made one true, all of which are true, and the step that says so.
    fn causes(&self, variable: u32, reason: Reason) -> (Vec<Lit>, Option<u32>, Option<Step>) {
        let own = Lit::yes(variable);
        let own = if self.is_true(own) { own } else { !own };
        match reason {
            Reason::Decision | Reason::Fact => (Vec::new(), None, None),
            Reason::Implied(by) => (vec![by], None, Some(Step::Pair(!by, own))),
            Reason::Clause(clause) => {
                let others = self.literals(clause).iter().filter(|other| **other != own);
                (others.map(|other| !*other).collect(), Some(clause), None)
            }
        }
    }

    /// Adds what a clause stands for to the steps of a proof.
    fn note(&self, clause: Option<u32>, step: Option<Step>, steps: &mut Vec<Step>) {
        steps.extend(step);
        let Some(clause) = clause else { return };
        match (clause as usize).checked_sub(self.formula.ends.len()) {
            None => steps.push(Step::Clause(clause)),
            Some(at) => steps.extend_from_slice(&self.origins[at]),
        }
    }

    /// Learns from a contradiction: goes back to where the learned clause says something new.
    fn learn(&mut self, conflict: &Conflict) {
        let mut seen = vec![false; self.values.len()];
        let mut steps = Vec::new();
        self.note(conflict.clause, None, &mut steps);
        if let ([one, other], None) = (&conflict.literals[..], conflict.clause) {
            steps.push(Step::Pair(*one, *other));
        }
        let current = super::pool::short(self.level());
        let (mut clause, mut open, mut at) = (Vec::new(), 0_usize, self.trail.len());
        let mut pending: Vec<Lit> = conflict.literals.iter().map(|literal| !*literal).collect();
        let unique = loop {
            for literal in pending.drain(..) {
                let variable = literal.variable() as usize;
                if std::mem::replace(&mut seen[variable], true) {
                    continue;
                }
                match self.levels[variable] {
                    level if level == current => open += 1,
                    0 => self.trace(literal, &mut seen, &mut steps),
                    _ => clause.push(!literal),
                }
            }
            let literal = loop {
                at -= 1;
                let literal = self.trail[at];
                let variable = literal.variable() as usize;
                if seen[variable] && self.levels[variable] == current {
                    break literal;
                }
            };
            open -= 1;
            if open == 0 {
                break literal;
            }
            let reason = self.reasons[literal.variable() as usize];
            let (causes, of, step) = self.causes(literal.variable(), reason);
            self.note(of, step, &mut steps);
            pending = causes;
        };
        let level_of = |literal: &Lit| self.levels[literal.variable() as usize];
        clause.sort_by_key(|literal| std::cmp::Reverse(level_of(literal)));
        let back = clause.first().map_or(0, level_of);
        clause.insert(0, !unique);
        steps.sort_unstable();
        steps.dedup();
        self.go_back(back as usize);
        let asserted = clause[0];
        let number = super::pool::short(self.formula.ends.len() + self.learned.len());
        // One that stands alone has nothing to watch, and is true from now on.
        let watched = [asserted, clause.get(1).copied().unwrap_or(asserted)];
        self.watched.push(watched);
        if clause.len() > 1 {
            for literal in watched {
                self.watches[literal.index()].push(number);
            }
        }
        self.learned.push(clause);
        self.origins.push(steps);
        self.assign(asserted, Reason::Clause(number));
    }

    /// The steps that lead to what is true whatever is decided.
    fn trace(&self, literal: Lit, seen: &mut [bool], steps: &mut Vec<Step>) {
        let mut pending = vec![literal];
        while let Some(literal) = pending.pop() {
            let variable = literal.variable();
            let (causes, of, step) = self.causes(variable, self.reasons[variable as usize]);
            self.note(of, step, steps);
            for cause in causes {
                if !std::mem::replace(&mut seen[cause.variable() as usize], true) {
                    pending.push(cause);
                }
            }
        }
    }

    fn go_back(&mut self, level: usize) {
        if level >= self.level() {
            return;
        }
        let start = self.marks[level];
        for literal in self.trail.drain(start..) {
            self.values[literal.variable() as usize] = None;
        }
        self.marks.truncate(level);
        self.head = start;
    }

    /// Why an assumption cannot be true: the assumptions that take part, and the proof. Of what is so
    /// whatever is assumed, the nearest steps are told.
    fn explain(&self, refused: Lit) -> Stop {
        let mut seen = HashSet::from([refused.variable()]);
        let (mut assumptions, mut steps) = (vec![refused], Vec::new());
        let mut pending = VecDeque::from([!refused]);
        let mut known = 0;
        while let Some(literal) = pending.pop_front() {
            let variable = literal.variable();
            let reason = self.reasons[variable as usize];
            if reason == Reason::Decision {
                assumptions.push(literal);
            }
            if self.levels[variable as usize] == 0 {
                known += 1;
                if known > NEAREST {
                    continue;
                }
            }
            let (causes, of, step) = self.causes(variable, reason);
            self.note(of, step, &mut steps);
            pending.extend(causes.into_iter().filter(|cause| seen.insert(cause.variable())));
        }
        steps.sort_unstable();
        steps.dedup();
        Stop::Contradiction(assumptions, steps)
    }

    /// Remembers that these assumptions contradict each other: what is asked next finds out at once.
    pub(super) fn refuse(&mut self, core: &[Lit], steps: &[Step]) {
        self.go_back(0);
        let mut clause: Vec<Lit> = core.iter().map(|literal| !*literal).collect();
        clause.sort_unstable();
        clause.dedup();
        let watched = match clause[..] {
            [] => return,
            // It is so already.
            [one] if self.value(one.variable()).is_some() => return,
            [one] => [one, one],
            [one, other, ..] => [one, other],
        };
        // A clause is watched by what is not known yet.
        if clause.iter().any(|literal| self.value(literal.variable()).is_some()) {
            return;
        }
        let number = super::pool::short(self.formula.ends.len() + self.learned.len());
        self.watched.push(watched);
        let is_fact = clause.len() == 1;
        self.learned.push(clause);
        self.origins.push(steps.to_vec());
        if is_fact {
            self.assign(watched[0], Reason::Clause(number));
        } else {
            for literal in watched {
                self.watches[literal.index()].push(number);
            }
        }
    }

    /// Assigns all that `decide` wants, with the assumptions true. What was learned by an earlier
    /// search holds for this one.
    pub(super) fn search(
        &mut self,
        assumptions: &[Lit],
        decide: &mut dyn Decide,
    ) -> Result<(), Stop> {
        self.go_back(0);
        decide.back(0);
        loop {
            if let Some(conflict) = self.propagate() {
                if self.level() == 0 {
                    return Err(Stop::Contradiction(Vec::new(), Vec::new()));
                }
                self.step(decide)?;
                self.learn(&conflict);
                decide.back(self.level());
                continue;
            }
            let next = match assumptions.get(self.level()) {
                Some(assumed) if self.is_true(*assumed) => None,
                Some(assumed) if self.is_false(*assumed) => return Err(self.explain(*assumed)),
                Some(assumed) => Some(*assumed),
                None => match decide.decide(self) {
                    None => return Ok(()),
                    decided => decided,
                },
            };
            self.step(decide)?;
            decide.begin(self.level());
            self.marks.push(self.trail.len());
            if let Some(next) = next {
                self.assign(next, Reason::Decision);
            }
        }
    }

    fn step(&mut self, decide: &mut dyn Decide) -> Result<(), Stop> {
        self.steps += 1;
        if decide.may_go_on(self.steps) { Ok(()) } else { Err(Stop::Interrupted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decides on every variable, in order.
    struct All(u32);

    impl Decide for All {
        fn decide(&mut self, solver: &Solver<'_>) -> Option<Lit> {
            (0..self.0).find(|variable| solver.value(*variable).is_none()).map(Lit::yes)
        }

        fn begin(&mut self, _: usize) {}

        fn back(&mut self, _: usize) {}

        fn may_go_on(&mut self, steps: usize) -> bool {
            steps < 100_000
        }
    }

    const VARIABLES: u32 = 8;

    fn formula(clauses: &[Vec<(u32, bool)>], groups: &[Vec<u32>]) -> Formula {
        let mut formula = Formula::default();
        (0..VARIABLES).for_each(|_| {
            formula.variable();
        });
        for clause in clauses {
            let mut literals: Vec<Lit> = clause.iter().map(|one| literal(*one)).collect();
            literals.sort_unstable();
            literals.dedup();
            formula.clause(&literals);
        }
        for group in groups {
            let mut group = group.clone();
            group.sort_unstable();
            group.dedup();
            formula.at_most_one(group);
        }
        formula.finish();
        formula
    }

    fn literal((variable, yes): (u32, bool)) -> Lit {
        if yes { Lit::yes(variable) } else { Lit::no(variable) }
    }

    fn holds(bits: u32, clauses: &[Vec<(u32, bool)>], groups: &[Vec<u32>]) -> bool {
        let is = |variable: u32| bits >> variable & 1 == 1;
        clauses.iter().all(|clause| clause.iter().any(|(variable, yes)| is(*variable) == *yes))
            && groups.iter().all(|group| {
                let mut group = group.clone();
                group.sort_unstable();
                group.dedup();
                group.iter().filter(|variable| is(**variable)).count() <= 1
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn finds_a_solution_exactly_where_there_is_one(
            clauses in proptest::collection::vec(
                proptest::collection::vec((0..VARIABLES, any::<bool>()), 2..5), 0..24),
            groups in proptest::collection::vec(
                proptest::collection::vec(0..VARIABLES, 2..5), 0..3),
            assumed in proptest::collection::vec((0..VARIABLES, any::<bool>()), 0..4),
        ) {
            let formula = formula(&clauses, &groups);
            let mut solver = Solver::new(&formula);
            let assumptions: Vec<Lit> = assumed.iter().map(|one| literal(*one)).collect();
            let with = |more: &[Lit]| (0..1 << VARIABLES).any(|bits: u32| {
                holds(bits, &clauses, &groups)
                    && more.iter().all(|l| (bits >> l.variable() & 1 == 1) == l.is_yes())
            });
            // Facts that contradict each other are no formula about packages.
            prop_assume!(with(&[]));
            // Twice: what the first search learned must not spoil the second.
            for _ in 0..2 {
                match solver.search(&assumptions, &mut All(VARIABLES)) {
                    Ok(()) => {
                        let bits = (0..VARIABLES).filter(|v| solver.value(*v) == Some(true));
                        let bits = bits.fold(0, |bits, variable| bits | 1 << variable);
                        prop_assert!(holds(bits, &clauses, &groups));
                        prop_assert!(assumptions.iter().all(|l| solver.is_true(*l)));
                    }
                    Err(Stop::Contradiction(core, _)) => {
                        prop_assert!(!with(&assumptions));
                        prop_assert!(!with(&core), "the core alone contradicts itself");
                        prop_assert!(core.iter().all(|l| assumptions.contains(l)));
                    }
                    Err(Stop::Interrupted) => prop_assert!(false, "bounded"),
                }
            }
        }
    }
}
