//! Why something cannot be installed, in a few lines and in dnf's words.
//!
//! The solver's proof says which packages and which dependencies take part; what they have to do with
//! each other is told from the user's own words on, along what each requires, to where nothing
//! provides it or two of them do not go together.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt::Write as _;

use super::arch::family;
use super::encode::{Encoded, Meaning};
use super::pool::{Dep, DepId, PackageId};
use super::providers::Providers;
use super::roots::Root;
use super::sat::{Lit, Solver, Step};
use crate::format::rpm::dependencies::Kind;

/// Why something cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What was asked for and takes part, in the user's words: the one that is refused first.
    pub asked: Vec<String>,
    /// The chain from there to its end, a statement a line.
    pub lines: Vec<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.asked.join(", "), self.lines.join("; "))
    }
}

/// The most lines of a problem: what it ends in is nearly always among the first.
const LINES: usize = 10;

/// Alternatives that are looked at for each dependency.
const ALTERNATIVES: usize = 3;

pub(super) struct Explainer<'a> {
    pub(super) encoded: &'a Encoded,
    pub(super) providers: &'a Providers<'a>,
    pub(super) roots: &'a [Root],
}

/// What takes part.
struct Involved {
    packages: BTreeSet<PackageId>,
    gates: HashSet<DepId>,
}

impl Explainer<'_> {
    pub(super) fn problem(&self, solver: &Solver<'_>, core: &[Lit], steps: &[Step]) -> Problem {
        let mut involved = Involved { packages: BTreeSet::new(), gates: HashSet::new() };
        let mut add = |literal: Lit| match self.encoded.meaning(literal.variable()) {
            Meaning::Package(id) => drop(involved.packages.insert(id)),
            Meaning::Gate(dep) => drop(involved.gates.insert(dep)),
            _ => {}
        };
        for step in steps {
            match step {
                Step::Pair(one, other) => [*one, *other].into_iter().for_each(&mut add),
                Step::Clause(clause) => solver.literals(*clause).iter().copied().for_each(&mut add),
            }
        }
        core.iter().copied().for_each(&mut add);
        let (mut asked, mut lines, mut next) = (Vec::new(), Vec::new(), VecDeque::new());
        for literal in core {
            match self.encoded.meaning(literal.variable()) {
                Meaning::Root(number) => {
                    let root = &self.roots[number];
                    asked.push(root.text.clone());
                    let packages = root.packages.iter().filter(|id| involved.packages.contains(id));
                    next.extend(packages.take(ALTERNATIVES));
                }
                Meaning::Keep(id) => {
                    asked.push(format!("installed {}", self.words(id)));
                    next.push_back(id);
                }
                Meaning::Package(id) => {
                    asked.push(self.words(id));
                    next.push_back(id);
                }
                _ => {}
            }
        }
        let mut seen: HashSet<PackageId> = next.iter().copied().collect();
        while let Some(id) = next.pop_front() {
            self.requirements(id, &involved, &mut seen, &mut next, &mut lines);
            self.exclusions(id, &involved, &mut lines);
        }
        lines.dedup();
        let left = lines.len().saturating_sub(LINES);
        if left > 1 {
            lines.truncate(LINES);
            lines.push(format!("and {left} more"));
        }
        Problem { asked, lines }
    }

    fn words(&self, id: PackageId) -> String {
        self.providers.pool.nevra(id).to_string()
    }

    fn requirements(
        &self,
        id: PackageId,
        involved: &Involved,
        seen: &mut HashSet<PackageId>,
        next: &mut VecDeque<PackageId>,
        lines: &mut Vec<String>,
    ) {
        let pool = self.providers.pool;
        if let Some(why) = pool.hidden(id) {
            lines.push(format!("{} is left out: it is {}", self.words(id), why.words()));
            return;
        }
        for dep in pool.list(id, Kind::Requires) {
            if !involved.gates.contains(dep) {
                continue;
            }
            let words = pool.words(*dep);
            let all = self.providers.candidates(*dep);
            let usable: Vec<PackageId> =
                all.iter().copied().filter(|id| pool.hidden(*id).is_none()).collect();
            if usable.is_empty() {
                let mut line = format!("nothing provides {words}, needed by {}", self.words(id));
                if let Some((first, why)) =
                    all.first().and_then(|first| Some((first, pool.hidden(*first)?)))
                {
                    let first = self.words(*first);
                    let _ = write!(line, ": {first} would, and is {}", why.words());
                } else if let Dep::Plain { versions: Some(_), .. } = pool.dep(*dep)
                    && let Some(other) = self.other_version(*dep)
                {
                    let _ = write!(line, ": there is {}", self.words(other));
                }
                lines.push(line);
                continue;
            }
            lines.push(format!("{} requires {words}", self.words(id)));
            let taking_part = usable.iter().filter(|id| involved.packages.contains(id));
            for other in taking_part.take(ALTERNATIVES) {
                if seen.insert(*other) {
                    next.push_back(*other);
                }
            }
        }
    }

    /// A package that provides the name in a version that is not meant: the newest.
    fn other_version(&self, dep: DepId) -> Option<PackageId> {
        let pool = self.providers.pool;
        let Dep::Plain { name, .. } = pool.dep(dep) else { return None };
        let all = pool.providing(pool.strings.get(*name)).into_iter();
        all.filter(|id| pool.hidden(*id).is_none()).max_by(|a, b| pool.compare(*a, *b))
    }

    /// What takes part and does not go with a package; each pair is told once.
    fn exclusions(&self, id: PackageId, involved: &Involved, lines: &mut Vec<String>) {
        let pool = self.providers.pool;
        for (kind, verb) in [(Kind::Conflicts, "conflicts with"), (Kind::Obsoletes, "obsoletes")] {
            for dep in pool.list(id, kind) {
                let others = match kind {
                    Kind::Obsoletes => pool.matching_names(*dep),
                    _ => self.providers.candidates(*dep),
                };
                for other in others.iter().filter(|other| **other != id) {
                    if involved.packages.contains(other) {
                        let words = pool.words(*dep);
                        let [one, other] = [id, *other].map(|id| self.words(id));
                        lines.push(format!("{one} {verb} {words}, provided by {other}"));
                    }
                }
            }
        }
        for other in involved.packages.range(id..).filter(|other| **other != id) {
            let same_name = pool.name_id(*other) == pool.name_id(id);
            let families = [id, *other].map(|id| family(pool.rank(id)));
            let beside = families[0] != families[1] && !families.contains(&0);
            if same_name && !beside {
                let [one, other] = [id, *other].map(|id| self.words(id));
                lines.push(format!("{one} and {other} cannot be installed together"));
            }
        }
    }
}
