//! Groups and environments of comps.

use std::collections::{BTreeMap, BTreeSet};

use super::Unknown;
use crate::format::rpm::comps::{Comps, Environment, Group, Kind};
use crate::resolve::rpm::pool::{PackageId, Pool};
use crate::resolve::rpm::roots::{Root, near};

/// The groups of all repositories: those of one id are one, with the packages of all.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    environments: Vec<Environment>,
}

/// Names of packages that a note has room for.
const NAMES: usize = 8;

impl Groups {
    pub(super) fn new(comps: &[Comps]) -> Self {
        let mut comps = comps.iter();
        let Some(first) = comps.next() else { return Self::default() };
        let mut all = first.clone();
        comps.for_each(|other| all.merge(other.clone()));
        Self { groups: all.groups().collect(), environments: all.environments().collect() }
    }

    /// What `@word` asks for. Groups that an environment lacks and packages that no repository has are
    /// passed over, as dnf does, and told.
    pub(super) fn roots(
        &self,
        word: &str,
        pool: &Pool,
        installed: &BTreeSet<PackageId>,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Root>, Unknown> {
        let groups = self.meant(word, notes)?;
        let mut roots: BTreeMap<(&str, &str), Root> = BTreeMap::new();
        let mut missing: BTreeSet<&str> = BTreeSet::new();
        for package in groups.iter().flat_map(|group| &group.packages) {
            let (name, requires) = (package.name.as_str(), package.requires.as_str());
            let is_taken = Kind::INSTALLED.contains(&package.kind);
            if !is_taken && package.kind != Kind::Conditional {
                continue;
            }
            let packages = pool.called(name);
            if packages.is_empty() {
                let is_there = pool.named(name).iter().any(|id| installed.contains(id));
                missing.extend((!is_there).then_some(name));
                continue;
            }
            let mut root = Root::new(&format!("{name} ({word})"), packages);
            if !requires.is_empty() {
                root.packages = pool.visible(&pool.providing(name));
                root.only_with = Some(pool.providing(requires));
            }
            roots.insert((name, requires), root);
        }
        if !missing.is_empty() {
            notes.push(format!("{word}: passed over what no repository has: {}", some(&missing)));
        }
        Ok(roots.into_values().collect())
    }

    /// The groups that are meant: by id or name, then by a pattern or whatever the case. What dnf takes
    /// for both, a group and an environment, is both.
    fn meant(&self, word: &str, notes: &mut Vec<String>) -> Result<Vec<&Group>, Unknown> {
        let name = word.strip_prefix('@').unwrap_or(word);
        let (name, any) = name.strip_prefix('^').map_or((name, true), |name| (name, false));
        let pattern = glob::Pattern::new(name).ok();
        let whatever_case =
            glob::MatchOptions { case_sensitive: false, ..glob::MatchOptions::default() };
        let exact = |id: &str, text: &str| id == name || text == name;
        let like = |id: &str, text: &str| {
            let fits = |text| {
                pattern.as_ref().is_some_and(|pattern| pattern.matches_with(text, whatever_case))
            };
            fits(id) || fits(text)
        };
        for fits in [&exact as &dyn Fn(&str, &str) -> bool, &like] {
            let mut groups: Vec<&Group> = Vec::new();
            groups.extend(self.groups.iter().filter(|one| any && fits(&one.id, &one.texts.name)));
            let environments: Vec<&Environment> =
                self.environments.iter().filter(|one| fits(&one.id, &one.texts.name)).collect();
            if groups.is_empty() && environments.is_empty() {
                continue;
            }
            for id in environments.iter().flat_map(|environment| &environment.groups) {
                match self.groups.iter().find(|group| group.id == *id) {
                    Some(group) => groups.push(group),
                    None => notes.push(format!("{word}: passed over @{id}, which no comps has")),
                }
            }
            return Ok(groups);
        }
        let ids = self.groups.iter().filter(|_| any).map(|group| (&group.id, &group.texts));
        let more = self.environments.iter().map(|one| (&one.id, &one.texts));
        let names = ids.chain(more).flat_map(|(id, texts)| [id.as_str(), texts.name.as_str()]);
        let mark = if any { "@" } else { "@^" };
        let near = near(name, names).map(|near| format!("{mark}{near}"));
        Err(Unknown::Group { text: word.to_owned(), near })
    }
}

/// The first names of a list, and how many more there are.
fn some(names: &BTreeSet<&str>) -> String {
    let first: Vec<&str> = names.iter().copied().take(NAMES).collect();
    match names.len().saturating_sub(NAMES) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
