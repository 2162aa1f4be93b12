//! Why a set has no solution, in a few lines.
//!
//! The solver's proof of a real conflict has hundreds of steps, most of them the same one for another
//! version. What its leaves say is enough: which requirements of the user take part, and which
//! packages need what of which others. The leaves are grouped by package and dependency, the
//! versions of a group are united, and each is shown in the words of whoever asked: the user's line,
//! or the specifier of the release.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use pubgrub::{DerivationTree, Derived, External, VersionSet};

use super::candidates::{Candidates, Refusal, specifiers};
use super::index::Index;
use super::input::Asked;
use super::provider::{Package, Provider, Reason};
use super::slots::Slots;
use crate::format::pypi::{ExtraName, PackageName, Version, VersionSpecifiers};

/// The most lines of an explanation, past the user's own requirements: what conflicts is nearly
/// always among the first.
const LINES: usize = 6;

type Tree = DerivationTree<Package, Slots, Reason>;

/// Why a set has no solution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What conflicts, a statement a line: the user's own requirements first.
    pub lines: Vec<String>,
    /// The projects that the conflict is about.
    pub culprits: BTreeSet<PackageName>,
}

/// What the leaves of a proof say, grouped.
#[derive(Default)]
struct Groups {
    /// Packages that the user's requirements are part of it for.
    asked: BTreeSet<PackageName>,
    /// What needs what: the versions that do, and the versions they need.
    needs: BTreeMap<(PackageName, Option<ExtraName>, PackageName), (Slots, Slots)>,
    /// Versions that cannot be used.
    unusable: BTreeMap<PackageName, Vec<(Slots, Reason)>>,
}

impl Groups {
    /// Takes the leaves of a proof, and the proof apart: as deep as it is, neither recurses.
    fn new(tree: Tree) -> Self {
        let mut groups = Self::default();
        let mut stack = vec![tree];
        while let Some(tree) = stack.pop() {
            match tree {
                // What several steps share is looked at by the last that holds it.
                DerivationTree::Derived(Derived { cause1, cause2, .. }) => {
                    stack.extend([cause1, cause2].into_iter().filter_map(Arc::into_inner));
                }
                DerivationTree::External(leaf) => groups.add(leaf),
            }
        }
        groups
    }

    fn add(&mut self, leaf: External<Package, Slots, Reason>) {
        match leaf {
            External::NotRoot(..) | External::NoVersions(..) => {}
            External::Custom(package, slots, reason) => {
                if let Some(name) = package.name() {
                    self.unusable.entry(name.clone()).or_default().push((slots, reason));
                }
            }
            External::FromDependencyOf(Package::Root, _, on, _) => {
                self.asked.extend(on.name().cloned());
            }
            External::FromDependencyOf(of, versions, on, needed) => {
                let (name, extra) = match of {
                    Package::Project(name) => (name, None),
                    Package::Extra(name, extra) => (name, Some(extra)),
                    Package::Root => return,
                };
                // That an extra goes with its project goes without saying.
                let Some(on) = on.name().filter(|on| **on != name).cloned() else { return };
                let group = self
                    .needs
                    .entry((name, extra, on))
                    .or_insert_with(|| (Slots::empty(), Slots::empty()));
                group.0 = group.0.union(&versions);
                group.1 = group.1.union(&needed);
            }
        }
    }

    fn culprits(&self) -> BTreeSet<PackageName> {
        let of = self.needs.keys().flat_map(|(of, _, on)| [of, on]);
        of.chain(&self.asked).chain(self.unusable.keys()).cloned().collect()
    }
}

/// Explains why a set has no solution.
pub(super) fn explain<I: Index>(tree: Tree, provider: &Provider<'_, I>) -> Explanation {
    let groups = Groups::new(tree);
    let culprits = groups.culprits();
    let mut lines = asked(&groups, provider);
    let mut more = Vec::new();
    for ((of, extra, on), (versions, needed)) in &groups.needs {
        more.push(needs(of, extra.as_ref(), on, versions, needed, provider));
    }
    for (name, unusable) in &groups.unusable {
        more.extend(unusable_lines(name, unusable, provider));
    }
    for name in &culprits {
        more.extend(absent(name, &groups, provider));
    }
    let left = more.len().saturating_sub(LINES);
    if left > 1 {
        more.truncate(LINES);
        more.push(format!("and {left} more that depend on these"));
    }
    lines.append(&mut more);
    Explanation { lines, culprits }
}

/// The user's requirements and constraints that take part, in their own words.
fn asked<I: Index>(groups: &Groups, provider: &Provider<'_, I>) -> Vec<String> {
    let line = |verb: &str, asked: &Asked| format!("{verb} {} ({})", asked.text, asked.origin);
    let requirements = provider.requirements.iter();
    let requirements = requirements.filter(|asked| groups.asked.contains(&asked.requirement.name));
    let about = groups.culprits();
    let constraints =
        provider.constraints.iter().filter(|asked| about.contains(&asked.requirement.name));
    let requirements = requirements.map(|asked| line("you require", asked));
    requirements.chain(constraints.map(|asked| line("you constrain", asked))).collect()
}

/// `boto3 1.34.0 to 1.44.5 (710 versions) require botocore 1.34.0 to 1.44.5`.
fn needs<I: Index>(
    of: &PackageName,
    extra: Option<&ExtraName>,
    on: &PackageName,
    versions: &Slots,
    needed: &Slots,
    provider: &Provider<'_, I>,
) -> String {
    let mut line = of.to_string();
    if let Some(extra) = extra {
        let _ = write!(line, "[{extra}]");
    }
    let (mut many, mut words) = (false, BTreeSet::new());
    if let Some(candidates) = provider.known_candidates(of) {
        let _ = write!(line, " {}", span(versions, &candidates));
        many = versions.count(candidates.len()) > 1;
        words = said(of, extra, on, versions, &candidates, provider);
    }
    line.push_str(if many { " require " } else { " requires " });
    let candidates = provider.known_candidates(on);
    match (words.len(), candidates) {
        (1, _) => line.push_str(&words.into_iter().next().unwrap_or_default()),
        (_, Some(candidates)) if needed.count(candidates.len()) > 0 => {
            let _ = write!(line, "{on} {}", span(needed, &candidates));
        }
        // Nothing that exists: then what was asked for says more.
        _ => {
            let mut words = words.into_iter();
            line.push_str(&words.next().unwrap_or_else(|| on.to_string()));
            if let Some(last) = words.next_back() {
                let _ = write!(line, ", …, {last}");
            }
        }
    }
    line
}

/// The different words in which versions of a package ask for another.
fn said<I: Index>(
    of: &PackageName,
    extra: Option<&ExtraName>,
    on: &PackageName,
    versions: &Slots,
    candidates: &Candidates,
    provider: &Provider<'_, I>,
) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for slot in versions.descending(candidates.len()) {
        let Some(known) = provider.known_needs(of, slot) else { continue };
        let Ok(needs) = &*known else { continue };
        for requirement in needs.requirements(extra, provider.environment) {
            if requirement.name == *on {
                let specifiers = specifiers(requirement);
                words.insert(match specifiers.filter(|specifiers| !specifiers.is_empty()) {
                    Some(specifiers) => format!("{on}{}", compact(specifiers)),
                    None => on.to_string(),
                });
            }
        }
    }
    words
}

/// `>=1,<2`, as requirements have it.
fn compact(specifiers: &VersionSpecifiers) -> String {
    specifiers.to_string().replace(", ", ",")
}

/// `1.0`, or `1.0 to 2.0 (14 versions)`: the versions of a set that exist.
fn span(slots: &Slots, candidates: &Candidates) -> String {
    let count = slots.count(candidates.len());
    let (first, last) = {
        let mut runs = slots.runs(candidates.len());
        let first = runs.next();
        (first.map(|(start, _)| start), runs.last().or(first).map(|(_, end)| end - 1))
    };
    let (Some(first), Some(last)) = (first, last) else { return String::new() };
    let (first, last) = (candidates.version(first), candidates.version(last));
    match count {
        1 => first.to_string(),
        2 => format!("{first} and {last}"),
        _ => format!("{first} to {last} ({count} versions)"),
    }
}

/// Which versions of a project could be read but not used.
fn unusable_lines<I: Index>(
    name: &PackageName,
    unusable: &[(Slots, Reason)],
    provider: &Provider<'_, I>,
) -> Vec<String> {
    let Some(candidates) = provider.known_candidates(name) else { return Vec::new() };
    let mut reasons: Vec<(&Reason, Slots)> = Vec::new();
    for (slots, reason) in unusable {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, all)) => *all = all.union(slots),
            None => reasons.push((reason, slots.clone())),
        }
    }
    let line = |(reason, slots): (&Reason, Slots)| {
        format!("{name} {}: {reason}", span(&slots, &candidates))
    };
    reasons.into_iter().map(line).collect()
}

/// Why a project of the conflict has no version of those that were asked for, where it has none: it
/// does not exist, its versions are for others, withdrawn, or pre-releases.
fn absent<I: Index>(
    name: &PackageName,
    groups: &Groups,
    provider: &Provider<'_, I>,
) -> Vec<String> {
    let Some(candidates) = provider.known_candidates(name) else { return Vec::new() };
    if !candidates.is_listed {
        return vec![format!("{name} is on no index")];
    }
    if candidates.project.releases.is_empty() {
        let none = format!("{name} has no file that can be installed");
        return [none].into_iter().chain(candidates.project.notes.iter().cloned()).collect();
    }
    let len = candidates.len();
    let wanted = asked_of(name, groups, provider);
    let matching = |specifiers: &Option<VersionSpecifiers>| match specifiers {
        Some(specifiers) => candidates.matching(specifiers),
        None => Slots::run(0, len),
    };
    // Who else asks may be the conflict: what everything asks for alike is what is looked for.
    let all = wanted.iter().fold(Slots::run(0, len), |all, one| all.intersection(&matching(one)));
    let admitted = wanted.iter().map(|one| candidates.admitted(one.as_ref()));
    let admitted = admitted.fold(Slots::full(), |all, one| all.intersection(&one));
    if admitted.count(len) > 0 {
        return Vec::new();
    }
    let fits =
        |version: &Version| wanted.iter().flatten().all(|specifiers| specifiers.contains(version));
    let mut refused: BTreeMap<&Refusal, Vec<&Version>> = BTreeMap::new();
    for (version, why) in candidates.refused().filter(|(version, _)| fits(version)) {
        refused.entry(why).or_default().push(version);
    }
    let line = |(why, versions): (_, Vec<_>)| format!("{name} {}: {why}", listed(&versions));
    let mut lines: Vec<_> = refused.into_iter().map(line).collect();
    if all.count(len) > 0 {
        lines.push(format!("{name} {}: withdrawn, or a pre-release", span(&all, &candidates)));
    }
    let alone = |one: &Option<VersionSpecifiers>| candidates.admitted(one.as_ref()).count(len) == 0;
    if lines.is_empty() && wanted.iter().any(alone) {
        let newest = candidates.project.releases.last();
        let newest = newest.map(|release| release.version.to_string()).unwrap_or_default();
        lines.push(format!("no version of {name} fits; the newest is {newest}"));
    }
    lines
}

/// What the parts of a conflict ask of a project.
fn asked_of<I: Index>(
    name: &PackageName,
    groups: &Groups,
    provider: &Provider<'_, I>,
) -> Vec<Option<VersionSpecifiers>> {
    let mut wanted: Vec<Option<VersionSpecifiers>> = Vec::new();
    let mut want = |specifiers: Option<&VersionSpecifiers>| {
        if !wanted.iter().any(|known| known.as_ref() == specifiers) {
            wanted.push(specifiers.cloned());
        }
    };
    if groups.asked.contains(name) {
        for asked in provider.requirements.iter().filter(|asked| asked.requirement.name == *name) {
            want(specifiers(&asked.requirement));
        }
    }
    for ((of, extra, _), (versions, _)) in groups.needs.iter().filter(|(key, _)| key.2 == *name) {
        let Some(candidates) = provider.known_candidates(of) else { continue };
        for slot in versions.descending(candidates.len()).take(LINES) {
            let Some(known) = provider.known_needs(of, slot) else { continue };
            let Ok(needs) = &*known else { continue };
            for requirement in needs.requirements(extra.as_ref(), provider.environment) {
                if requirement.name == *name {
                    want(specifiers(requirement));
                }
            }
        }
    }
    wanted
}

/// `1.0`, or `1.0 to 2.0 (14 versions)`.
fn listed(versions: &[&Version]) -> String {
    match versions {
        [] => String::new(),
        [one] => one.to_string(),
        [first, last] => format!("{first} and {last}"),
        [first, .., last] => format!("{first} to {last} ({} versions)", versions.len()),
    }
}
