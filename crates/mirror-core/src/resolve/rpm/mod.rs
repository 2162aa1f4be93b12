//! Packages and all that they need: what to install of several repositories for what is asked.
//!
//! A [`Pool`] holds the packages of all repositories; a [`Goal`] says what is wanted of it, for an
//! empty installation or one whose packages are named; [`Goal::solve`] answers with the packages to
//! take and why each is in, or with why it cannot be. [`Proof`] tells which packages of a pool can be
//! installed from it alone, and [`faults`] checks a set by itself.
//!
//! The rules are rpm's, and where several packages would do the choice is the one that libsolv makes
//! for dnf:
//!
//! - A requirement without a release matches every release of its version; one without a version
//!   every version. Conflicts look at what is provided, obsoletes at names.
//! - One version of a name is installed, beside one of another word size; several of what dnf calls
//!   install-only: kernels and their modules.
//! - The host's own architecture goes before the 32-bit one, which is taken only where it is asked
//!   for or nothing else will do; then the newest version counts, then what is recommended, then the
//!   alphabet.
//! - What is recommended is brought where that is possible, and never makes a goal fail.
//!
//! The solver is one of clauses that learns from conflicts, and is made for this: rich dependencies
//! are formulas, conditions that nothing meets cost nothing, and every choice is made in libsolv's
//! order, so that a mirror holds what dnf will ask it for.

mod arch;
mod asked;
mod encode;
mod explain;
mod faults;
mod multilib;
mod policy;
mod pool;
mod proof;
mod providers;
mod roots;
mod sat;
mod search;
mod strings;

use std::collections::{BTreeMap, HashSet};

pub use asked::{AskError, Asked, Extent, ModuleStream, NotAStream, PackageSet, Unknown, goal};
pub use explain::Problem;
pub use faults::{Fault, faults};
pub use pool::{Hidden, PackageId, Pool, TooLarge};
pub use proof::{Answered, Proof, Unproved, prove, prove_each};
pub use roots::{NotFound, Root};
pub use search::Weak;

use crate::format::rpm::dependencies::Kind;
use crate::limits;
use encode::{Encoder, variable};
use explain::Explainer;
use policy::Policy;
use pool::Dep;
use providers::Providers;
use sat::{Lit, Solver, Stop};
use search::Search;

/// What is wanted of a pool.
#[derive(Debug, Clone, Default)]
pub struct Goal {
    /// What is asked for: all of it together.
    pub roots: Vec<Root>,
    /// What the host has already: it satisfies what it provides, and is not part of the answer.
    pub installed: Vec<PackageId>,
    /// Whether to bring what is recommended.
    pub weak: Weak,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// What was asked for cannot be installed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unsolvable(Vec<Problem>),
    /// The repositories are too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The search went on for too long.
    #[error("gave up after {max} steps: ask for less at once", max = limits::GOAL_STEPS)]
    Steps,
    /// The caller wanted it to end.
    #[error("cancelled")]
    Cancelled,
}

/// What to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solution {
    /// The packages, in the order of their repositories.
    pub packages: Vec<Chosen>,
    /// What a user may want to know, though it stands in nothing's way.
    pub notes: Vec<String>,
}

/// A package of an answer, and why it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Which one.
    pub id: PackageId,
    /// The user's words that it answers.
    pub asked: Vec<String>,
    /// Packages that brought it, with the dependency that it satisfies; at most
    /// [`Chosen::REASONS`].
    pub needed: Vec<Needed>,
}

impl Chosen {
    /// How many packages are named that brought another.
    pub const REASONS: usize = 5;
}

/// Why a package is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Which package asks for it.
    pub by: PackageId,
    /// Whether it requires it, or is only better with it.
    pub is_weak: bool,
    /// In which words.
    pub dependency: String,
}

impl Goal {
    /// Chooses the packages to take. `stop` is asked from time to time whether to end.
    pub fn solve(&self, pool: &Pool, stop: &dyn Fn() -> bool) -> Result<Solution, SolveError> {
        let providers = Providers::new(pool);
        let installed: HashSet<PackageId> = self.installed.iter().copied().collect();
        let mut encoder = Encoder::new(&providers, &installed)?;
        let mut assumptions: Vec<Lit> = Vec::new();
        for id in &self.installed {
            // What is there stays, or is updated.
            let named = pool.named(pool.name(*id)).iter().copied();
            let newer = named.filter(|other| {
                pool.arch(*other) == pool.arch(*id) && pool.compare(*other, *id).is_ge()
            });
            let packages: Vec<PackageId> = std::iter::once(*id).chain(newer).collect();
            assumptions.push(encoder.keep(*id, &packages));
        }
        for (number, root) in self.roots.iter().enumerate() {
            assumptions.push(encoder.root(number, root));
        }
        let asked = self.roots.iter().flat_map(|root| &root.packages).chain(&self.installed);
        let free = encoder.multilib().free(&providers, asked.copied());
        encoder.settle(&free);
        let formula = encoder.finish();
        let policy = Policy::new(&providers, self.installed.iter().copied());
        let mut solver = Solver::new(&formula.formula);
        let mut search = Search::new(&formula, &policy, self.weak, stop);
        let explainer = Explainer { encoded: &formula, providers: &providers, roots: &self.roots };
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        loop {
            match solver.search(&assumptions, &mut search) {
                Ok(()) => break,
                Err(Stop::Interrupted) if stop() => return Err(SolveError::Cancelled),
                Err(Stop::Interrupted) => return Err(SolveError::Steps),
                Err(Stop::Contradiction(core, steps)) => {
                    let problem = explainer.problem(&solver, &core, &steps);
                    // The others may have problems of their own.
                    let refused = core.first().copied();
                    assumptions.retain(|assumed| Some(*assumed) != refused);
                    let is_kept = refused.map(|lit| formula.meaning(lit.variable()));
                    match is_kept {
                        Some(encode::Meaning::Keep(_)) => notes.push(problem.to_string()),
                        _ => problems.push(problem),
                    }
                    if refused.is_none() {
                        break;
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(SolveError::Unsolvable(problems));
        }
        let is_in = |id: PackageId| solver.value(variable(id)) == Some(true);
        let taken: Vec<PackageId> =
            pool.ids().filter(|id| is_in(*id) && !installed.contains(id)).collect();
        notes.extend(passed_over(&policy, &self.roots, &is_in));
        Ok(Solution { packages: self.reasons(&providers, taken, &is_in), notes })
    }

    /// The best package of each root, whatever it needs: of several versions the newest, for each by
    /// itself.
    pub fn named(&self, pool: &Pool) -> Solution {
        let providers = Providers::new(pool);
        let policy = Policy::new(&providers, self.installed.iter().copied());
        let mut asked: BTreeMap<PackageId, Vec<String>> = BTreeMap::new();
        let (plain, conditional): (Vec<_>, Vec<_>) =
            self.roots.iter().partition(|root| root.only_with.is_none());
        for root in plain.into_iter().chain(conditional) {
            let is_in = |id: &PackageId| asked.contains_key(id) || self.installed.contains(id);
            if root.only_with.as_ref().is_some_and(|with| !with.iter().any(is_in)) {
                continue;
            }
            let mut packages = root.packages.clone();
            policy.best(&mut packages);
            if let Some(id) = packages.first() {
                asked.entry(*id).or_default().push(root.text.clone());
            }
        }
        let chosen = |(id, asked)| Chosen { id, asked, needed: Vec::new() };
        Solution { packages: asked.into_iter().map(chosen).collect(), notes: Vec::new() }
    }

    /// Who brought what.
    fn reasons(
        &self,
        providers: &Providers<'_>,
        taken: Vec<PackageId>,
        is_in: &dyn Fn(PackageId) -> bool,
    ) -> Vec<Chosen> {
        let pool = providers.pool;
        let mut asked: BTreeMap<PackageId, Vec<String>> = BTreeMap::new();
        for root in &self.roots {
            for id in root.packages.iter().filter(|id| is_in(**id)) {
                asked.entry(*id).or_default().push(root.text.clone());
            }
        }
        let mut needed: Vec<Vec<Needed>> = Vec::new();
        needed.resize_with(pool.len(), Vec::new);
        let mut note = |id: PackageId, by: PackageId, is_weak: bool, dep| {
            let list = &mut needed[id.index()];
            let is_new = id != by && list.len() < Chosen::REASONS && is_in(id);
            if is_new && list.last().is_none_or(|known| known.by != by) {
                list.push(Needed { by, is_weak, dependency: pool.words(dep) });
            }
        };
        for is_weak in [false, true] {
            let kind = if is_weak { Kind::Recommends } else { Kind::Requires };
            for by in pool.ids().filter(|id| is_in(*id)) {
                for &dep in pool.list(by, kind) {
                    if let Dep::Plain { .. } = pool.dep(dep) {
                        providers.of(dep).iter().for_each(|id| note(*id, by, is_weak, dep));
                    } else {
                        for id in providers.candidates(dep) {
                            note(id, by, is_weak, dep);
                        }
                    }
                }
            }
        }
        for &id in &taken {
            for &dep in pool.list(id, Kind::Supplements) {
                let by = providers.candidates(dep).into_iter().find(|id| is_in(*id));
                if let Some(by) = by {
                    note(id, by, true, dep);
                }
            }
        }
        let chosen = taken.into_iter().map(|id| Chosen {
            id,
            asked: asked.remove(&id).unwrap_or_default(),
            needed: std::mem::take(&mut needed[id.index()]),
        });
        chosen.collect()
    }
}

/// Roots of which none of the best packages could be taken, in words.
fn passed_over<'a>(
    policy: &Policy<'_>,
    roots: impl IntoIterator<Item = &'a Root>,
    is_in: &dyn Fn(PackageId) -> bool,
) -> Vec<String> {
    let pool = policy.providers.pool;
    let mut notes = Vec::new();
    for root in roots {
        let Some(taken) = root.packages.iter().copied().find(|id| is_in(*id)) else { continue };
        let mut best = root.packages.clone();
        policy.best(&mut best);
        if best.iter().any(|id| is_in(*id)) {
            continue;
        }
        let same = best.iter().find(|id| pool.name_id(**id) == pool.name_id(taken));
        if let Some(newest) = same.or(best.first()) {
            let [newest, taken] = [*newest, taken].map(|id| pool.nevra(id));
            notes.push(format!("{newest} cannot be installed with the rest: {taken} is taken"));
        }
    }
    notes.sort();
    notes.dedup();
    notes
}

#[cfg(test)]
mod tests;
