//! Which packages of a pool can be installed from it alone.
//!
//! A solution proves every package in it. So one is looked for that holds as many packages as go
//! together, then another for what is left, until only those are left that no solution has.

use std::collections::{BTreeSet, HashSet};

use super::encode::{Encoded, Encoder, variable};
use super::explain::{Explainer, Problem};
use super::policy::Policy;
use super::pool::{PackageId, Pool};
use super::providers::Providers;
use super::roots::Root;
use super::sat::{Lit, Solver, Step, Stop};
use super::search::{Search, Weak};
use super::{SolveError, passed_over};

/// What is known of a pool's packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// How many packages can be installed.
    pub proved: usize,
    /// How many solutions it took.
    pub solutions: usize,
    /// The packages that cannot, in order.
    pub unproved: Vec<Unproved>,
}

/// A package that cannot be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproved {
    /// Which one.
    pub id: PackageId,
    /// Why.
    pub problem: Problem,
}

/// What came of something that was asked for by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It can be installed.
    Installable {
        /// With these packages.
        packages: BTreeSet<PackageId>,
        /// What a user may want to know: another version than the newest is taken.
        notes: Vec<String>,
    },
    /// It cannot.
    Unsolvable(Problem),
}

/// Finds out which of the packages can be installed from the pool on an empty host, each for itself.
pub fn prove(
    pool: &Pool,
    packages: &[PackageId],
    stop: &dyn Fn() -> bool,
) -> Result<Proof, SolveError> {
    let providers = Providers::new(pool);
    let installed = HashSet::new();
    let encoded = Encoder::new(&providers, &installed)?.finish();
    let policy = Policy::new(&providers, []);
    let mut prover = Prover::new(&encoded, &policy, &[], stop);
    let mut proof = Proof::default();
    let mut is_open = vec![false; pool.len()];
    for id in packages {
        is_open[id.index()] = true;
    }
    for (at, &id) in packages.iter().enumerate() {
        if !is_open[id.index()] {
            continue;
        }
        let wishes = packages[at + 1..].iter().filter(|id| is_open[id.index()]);
        match prover.find(Lit::yes(variable(id)), &[id], wishes)? {
            Ok(extent) => {
                proof.solutions += 1;
                let all = prover.taken().filter(|_| extent == Proved::All);
                for id in all.chain([id]) {
                    let was_open = std::mem::replace(&mut is_open[id.index()], false);
                    proof.proved += usize::from(was_open);
                }
            }
            Err(problem) => {
                is_open[id.index()] = false;
                proof.unproved.push(Unproved { id, problem });
            }
        }
    }
    proof.unproved.sort_by_key(|unproved| unproved.id);
    Ok(proof)
}

/// Solves each of the roots by itself, on an empty host and without weak dependencies.
pub fn prove_each(
    pool: &Pool,
    roots: &[Root],
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Answered>, SolveError> {
    let providers = Providers::new(pool);
    let installed = HashSet::new();
    let mut formula = Encoder::new(&providers, &installed)?;
    let literals: Vec<Lit> =
        roots.iter().enumerate().map(|(number, root)| formula.root(number, root)).collect();
    let encoded = formula.finish();
    let policy = Policy::new(&providers, []);
    let mut prover = Prover::new(&encoded, &policy, roots, stop);
    let mut answers = Vec::with_capacity(roots.len());
    for (root, wanted) in roots.iter().zip(literals) {
        let mut notes = Vec::new();
        let mut found = prover.find(wanted, &root.packages, [])?.map(drop);
        if found.is_ok() {
            notes = prover.passed_over(root);
            // Perhaps for a rule that this goal is free of.
            if !notes.is_empty() && encoded.none_alone.is_some() {
                found = prover.find_alone(wanted, &root.packages)?;
                notes = prover.passed_over(root);
            }
        }
        answers.push(match found {
            Ok(()) => Answered::Installable { packages: prover.taken().collect(), notes },
            Err(problem) => Answered::Unsolvable(problem),
        });
    }
    Ok(answers)
}

/// What a solution proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proved {
    /// All that is in it.
    All,
    /// Only what was asked for.
    Asked,
}

/// One solver for many questions: what one of them taught holds for the others.
struct Prover<'a> {
    encoded: &'a Encoded,
    policy: &'a Policy<'a>,
    roots: &'a [Root],
    solver: Solver<'a>,
    stop: &'a dyn Fn() -> bool,
}

/// Either it is there, or not, with the assumptions that contradict each other and the proof.
type Searched = Result<(), (Vec<Lit>, Vec<Step>)>;

impl<'a> Prover<'a> {
    fn new(
        encoded: &'a Encoded,
        policy: &'a Policy<'a>,
        roots: &'a [Root],
        stop: &'a dyn Fn() -> bool,
    ) -> Self {
        Self { encoded, policy, roots, solver: Solver::new(&encoded.formula), stop }
    }

    /// The packages of the solution that was found last.
    fn taken(&self) -> impl Iterator<Item = PackageId> {
        let all = self.solver.trail().iter().filter(|literal| literal.is_yes());
        all.filter_map(|literal| self.encoded.package(*literal))
    }

    fn passed_over(&self, root: &Root) -> Vec<String> {
        let is_in = |id: PackageId| self.solver.value(variable(id)) == Some(true);
        passed_over(self.policy, [root], &is_in)
    }

    /// Looks for a solution with one thing that is wanted, which `packages` stand for, and with as many
    /// of `wishes` as go with it.
    ///
    /// First under rules that are as strict as they are for anybody, so that all that is in a solution
    /// is proved, and where that fails, with those for this goal.
    fn find<'b>(
        &mut self,
        wanted: Lit,
        packages: &[PackageId],
        wishes: impl IntoIterator<Item = &'b PackageId>,
    ) -> Result<Result<Proved, Problem>, SolveError> {
        let strict = self.encoded.none_alone;
        let assumptions: Vec<Lit> = strict.into_iter().chain([wanted]).collect();
        let Err((core, steps)) = self.search(&assumptions, wishes)? else {
            return Ok(Ok(Proved::All));
        };
        let for_all = strict.is_none_or(|strict| !core.contains(&strict));
        let problem = for_all.then(|| self.problem(&core, &steps));
        self.solver.refuse(&core, &steps);
        match problem {
            Some(problem) => Ok(Err(problem)),
            None => Ok(self.find_alone(wanted, packages)?.map(|()| Proved::Asked)),
        }
    }

    /// Looks for a solution with one thing that is wanted, under the rules for this goal.
    fn find_alone(
        &mut self,
        wanted: Lit,
        packages: &[PackageId],
    ) -> Result<Result<(), Problem>, SolveError> {
        let multilib = &self.encoded.multilib;
        let free = multilib.free(self.policy.providers, packages.iter().copied());
        let alone = self.encoded.alone.iter().map(|(name, alone)| {
            let alone = Lit::yes(*alone);
            if free.contains(name) { alone } else { !alone }
        });
        let assumptions: Vec<Lit> = alone.chain([wanted]).collect();
        let found = self.search(&assumptions, [])?;
        Ok(found.map_err(|(core, steps)| self.problem(&core, &steps)))
    }

    fn problem(&self, core: &[Lit], steps: &[Step]) -> Problem {
        let (encoded, providers) = (self.encoded, self.policy.providers);
        let explainer = Explainer { encoded, providers, roots: self.roots };
        explainer.problem(&self.solver, core, steps)
    }

    fn search<'b>(
        &mut self,
        assumptions: &[Lit],
        wishes: impl IntoIterator<Item = &'b PackageId>,
    ) -> Result<Searched, SolveError> {
        if (self.stop)() {
            return Err(SolveError::Cancelled);
        }
        let mut search = Search::new(self.encoded, self.policy, Weak::No, self.stop);
        // What is known to be impossible needs no wishes.
        if !assumptions.iter().any(|literal| self.solver.is_refused(*literal)) {
            search.wishes.extend(wishes);
        }
        match self.solver.search(assumptions, &mut search) {
            Ok(()) => Ok(Ok(())),
            Err(Stop::Contradiction(core, steps)) => Ok(Err((core, steps))),
            Err(Stop::Interrupted) if (self.stop)() => Err(SolveError::Cancelled),
            Err(Stop::Interrupted) => Err(SolveError::Steps),
        }
    }
}
