//! Why something cannot be installed, in a few lines and in dnf's words.
//!
//! The solver's proof says which packages and which dependencies take part; what they have to do with
//! each other is told from the user's own words on, along what each requires, to where nothing
//! provides it or two of them do not go together.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Write as _;

use super::arch::family;
use super::encode::{Encoded, Meaning};
use super::pool::{Dep, DepId, Expression, PackageId};
use super::providers::Providers;
use super::roots::Root;
use super::sat::{Lit, Solver, Step};
use super::strings::Text;
use crate::format::rpm::dependencies::Kind;
use crate::format::rpm::rich::{Rich, is_rich};
use crate::format::rpm::shown;

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
    /// Names of which packages of several word sizes take part.
    names: HashSet<Text>,
}

impl Explainer<'_> {
    pub(super) fn problem(&self, solver: &Solver<'_>, core: &[Lit], steps: &[Step]) -> Problem {
        let mut involved =
            Involved { packages: BTreeSet::new(), gates: HashSet::new(), names: HashSet::new() };
        let mut add = |literal: Lit| match self.encoded.meaning(literal.variable()) {
            Meaning::Package(id) => drop(involved.packages.insert(id)),
            Meaning::Gate(dep) => drop(involved.gates.insert(dep)),
            Meaning::Alone(name) => drop(involved.names.insert(name)),
            _ => {}
        };
        for step in steps {
            match step {
                Step::Pair(one, other) => [*one, *other].into_iter().for_each(&mut add),
                Step::Clause(clause) => solver.literals(*clause).iter().copied().for_each(&mut add),
            }
        }
        core.iter().copied().for_each(&mut add);
        let (mut asked, mut next) = (Vec::new(), VecDeque::new());
        for literal in core {
            match self.encoded.meaning(literal.variable()) {
                Meaning::Root(number) => {
                    let root = &self.roots[number];
                    asked.push(shown(&root.text));
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
        let lines = self.lines(next, &involved);
        Problem { asked, lines }
    }

    /// The shortest ways from what is asked for to where it fails.
    fn lines(&self, roots: VecDeque<PackageId>, involved: &Involved) -> Vec<String> {
        let first = roots.front().copied();
        let mut walk = Walk { via: roots.iter().map(|id| (*id, None)).collect(), ends: Vec::new() };
        let (mut next, mut last) = (roots, None);
        while let Some(id) = next.pop_front() {
            last = Some(id);
            self.requirements(id, involved, &mut walk, &mut next);
            self.exclusions(id, involved, &mut walk);
            if walk.ends.len() > LINES {
                break;
            }
        }
        let mut lines: Vec<String> = Vec::new();
        for End { at, with, line } in &walk.ends {
            let mut ways = self.way(*at, &walk);
            ways.extend(with.map(|with| self.way(with, &walk)).unwrap_or_default());
            ways.push(line.clone());
            for line in ways {
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
            if lines.len() > LINES {
                break;
            }
        }
        if lines.is_empty() {
            // Where it fails is farther than was followed.
            lines.extend(last.map(|id| self.way(id, &walk)).unwrap_or_default());
        }
        if lines.is_empty() {
            let what = first.map_or_else(|| "what is asked for".to_owned(), |id| self.words(id));
            lines.push(format!("{what}: its own dependencies exclude each other"));
        }
        let left = lines.len().saturating_sub(LINES);
        if left > 1 {
            lines.truncate(LINES);
            lines.push(format!("and {left} more"));
        }
        lines
    }

    /// From what is asked for to a package, a requirement a line; the middle of a long way is left out.
    fn way(&self, to: PackageId, walk: &Walk) -> Vec<String> {
        let (mut steps, mut at) = (Vec::new(), to);
        while let Some(Some((by, dep))) = walk.via.get(&at).copied() {
            steps.push((by, dep));
            at = by;
        }
        steps.reverse();
        let line = |(by, dep): &(PackageId, DepId)| {
            format!("{} requires {}", self.words(*by), shown(&self.providers.pool.words(*dep)))
        };
        if steps.len() < LINES {
            return steps.iter().map(line).collect();
        }
        let (first, rest) = steps.split_at(LINES / 2);
        let (middle, end) = rest.split_at(rest.len() - (LINES / 2 - 1));
        let left = format!("and {} steps more", middle.len());
        first.iter().map(line).chain([left]).chain(end.iter().map(line)).collect()
    }

    fn words(&self, id: PackageId) -> String {
        shown(&self.providers.pool.nevra(id).to_string())
    }

    fn requirements(
        &self,
        id: PackageId,
        involved: &Involved,
        walk: &mut Walk,
        next: &mut VecDeque<PackageId>,
    ) {
        let pool = self.providers.pool;
        if let Some(why) = pool.hidden(id) {
            walk.end(id, format!("{} is left out: it is {}", self.words(id), why.words()));
            return;
        }
        for dep in pool.list(id, Kind::Requires) {
            if !involved.gates.contains(dep) {
                continue;
            }
            let words = shown(&pool.words(*dep));
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
                if let Dep::Plain { name, .. } = pool.dep(*dep)
                    && let text = pool.strings.get(*name)
                    && is_rich(text)
                    && let Err(error) = text.parse::<Rich>()
                {
                    line = format!(
                        "{words} is no rich dependency: {error}, needed by {}",
                        self.words(id)
                    );
                }
                walk.end(id, line);
                continue;
            }
            if let Dep::Rich(expression) = pool.dep(*dep) {
                self.excluded(id, expression, involved, walk);
            }
            let taking_part = usable.iter().filter(|id| involved.packages.contains(id));
            for other in taking_part.take(ALTERNATIVES) {
                if let Entry::Vacant(free) = walk.via.entry(*other) {
                    free.insert(Some((id, *dep)));
                    next.push_back(*other);
                }
            }
        }
    }

    /// What a requirement excludes (`a unless b`) and takes part.
    fn excluded(
        &self,
        id: PackageId,
        expression: &Expression,
        involved: &Involved,
        walk: &mut Walk,
    ) {
        match expression {
            Expression::And(list) => {
                for one in list {
                    self.excluded(id, one, involved, walk);
                }
            }
            Expression::Unless(_, condition, None) => {
                let found = self.providers.helping(condition);
                for other in found.into_iter().filter(|other| involved.packages.contains(other)) {
                    let words = shown(&self.providers.pool.expression_words(expression));
                    let [one, by] = [id, other].map(|id| self.words(id));
                    walk.apart(
                        id,
                        other,
                        format!("{one} requires {words}, and {by} is what it excludes"),
                    );
                }
            }
            _ => {}
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
    fn exclusions(&self, id: PackageId, involved: &Involved, walk: &mut Walk) {
        let pool = self.providers.pool;
        for (kind, verb) in [(Kind::Conflicts, "conflicts with"), (Kind::Obsoletes, "obsoletes")] {
            for dep in pool.list(id, kind) {
                let others = match kind {
                    Kind::Obsoletes => pool.matching_names(*dep),
                    _ => self.providers.candidates(*dep),
                };
                let is_rich = matches!(pool.dep(*dep), Dep::Rich(_));
                // Of plain ones a package's own do not count.
                let others = others.iter().filter(|other| is_rich || **other != id);
                for other in others.filter(|other| involved.packages.contains(other)) {
                    let words = shown(&pool.words(*dep));
                    let [one, by] = [id, *other].map(|id| self.words(id));
                    let by = if *other == id { "itself".to_owned() } else { by };
                    walk.apart(id, *other, format!("{one} {verb} {words}, provided by {by}"));
                }
            }
        }
        for other in pool.named(pool.name(id)).iter().filter(|other| **other != id) {
            let families = [id, *other].map(|id| family(pool.rank(id)));
            let beside = families[0] != families[1] && !families.contains(&0);
            let goes = beside || pool.go_beside(id, *other);
            if involved.packages.contains(other) && !goes {
                let [one, by] = [id.min(*other), id.max(*other)].map(|id| self.words(id));
                walk.apart(id, *other, format!("{one} and {by} cannot be installed together"));
            }
        }
        let inferior = self.encoded.multilib.names.get(&pool.name_id(id)).into_iter().flatten();
        let own = inferior.filter(|one| one.id == id && involved.names.contains(&pool.name_id(id)));
        for one in own {
            let partners: Vec<String> = one.partners.iter().map(|id| self.words(*id)).collect();
            let own = self.words(id);
            walk.end(
                id,
                match &partners[..] {
                    [] => format!(
                        "{own} is for another word size, and the same build for {} is not there",
                        pool.base()
                    ),
                    _ => format!("{own} is installed only beside {}", partners.join(" or ")),
                },
            );
        }
    }
}

/// What was seen on the way, and where it fails.
struct Walk {
    /// Who asked for each package, and by what.
    via: HashMap<PackageId, Option<(PackageId, DepId)>>,
    ends: Vec<End>,
}

/// Where it fails: at a package, or between two.
struct End {
    at: PackageId,
    with: Option<PackageId>,
    line: String,
}

impl Walk {
    fn end(&mut self, at: PackageId, line: String) {
        self.ends.push(End { at, with: None, line });
    }

    fn apart(&mut self, at: PackageId, with: PackageId, line: String) {
        self.ends.push(End { at, with: Some(with), line });
    }
}
