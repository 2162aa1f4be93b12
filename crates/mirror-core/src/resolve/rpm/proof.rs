//! Which packages of a pool can be installed from it alone.
//!
//! A solution proves every package in it. So one is looked for that holds as many packages as go
//! together, then another for what is left, until only those are left that no solution has.

use std::collections::HashSet;

use super::SolveError;
use super::encode::{Encoder, variable};
use super::explain::{Explainer, Problem};
use super::policy::Policy;
use super::pool::{PackageId, Pool};
use super::providers::Providers;
use super::sat::{Lit, Solver, Stop};
use super::search::{Search, Weak};

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
    let mut solver = Solver::new(&encoded.formula);
    let explainer = Explainer { encoded: &encoded, providers: &providers, roots: &[] };
    let mut open: Vec<PackageId> = packages.to_vec();
    let mut proof = Proof::default();
    while let Some(first) = open.first().copied() {
        let mut search = Search::new(&encoded, &policy, Weak::No, stop);
        search.wishes.extend(&open[1..]);
        match solver.search(&[Lit::yes(variable(first))], &mut search) {
            Ok(()) => {
                let before = open.len();
                open.retain(|id| solver.value(variable(*id)) != Some(true));
                proof.proved += before - open.len();
                proof.solutions += 1;
            }
            Err(Stop::Contradiction(core, steps)) => {
                open.remove(0);
                let problem = explainer.problem(&solver, &core, &steps);
                proof.unproved.push(Unproved { id: first, problem });
            }
            Err(Stop::Interrupted) if stop() => return Err(SolveError::Cancelled),
            Err(Stop::Interrupted) => return Err(SolveError::Steps),
        }
    }
    proof.unproved.sort_by_key(|unproved| unproved.id);
    Ok(proof)
}
