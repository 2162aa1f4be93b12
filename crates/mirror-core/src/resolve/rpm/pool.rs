//! The packages of several repositories, with what they provide and ask for.
//!
//! Memory: each text is kept once, each distinct dependency once, a package's dependencies are
//! numbers. 60,000 packages take some tens of MB. Of the files that primary metadata lists only a
//! hash is kept, keyed so that no upstream can make two paths meet.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::arch;
use super::strings::{Strings, Text};
use crate::format::rpm::dependencies::{Kind, Relations};
use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::primary::PackageRef;
use crate::format::rpm::rich::{self, Comparison, Rich};
use crate::format::rpm::version;
use crate::limits;

/// A package's number in a [`Pool`]: in the order in which they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub(super) u32);

impl PackageId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A dependency's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DepId(pub(super) u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EvrId(u32);

/// A dependency.
#[derive(Debug, Clone)]
pub(super) enum Dep {
    Plain { name: Text, versions: Option<(Comparison, EvrId)> },
    Rich(Expression),
}

/// A rich dependency over plain ones.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    Plain(DepId),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    If(Box<Expression>, Box<Expression>, Option<Box<Expression>>),
    Unless(Box<Expression>, Box<Expression>, Option<Box<Expression>>),
    With(Vec<Expression>),
    Without(Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy)]
struct EvrParts {
    epoch: u64,
    version: Text,
    release: Text,
}

/// Why a package is not to be had, though a repository has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// A host of the goal's architecture cannot install it.
    Architecture,
    /// It belongs to a module's stream that is not enabled.
    Module,
    /// It stands beside a package of that name that an enabled stream of a module has.
    Shadowed,
    /// It was excluded by name.
    Excluded,
    /// A host has it, and no repository.
    Installed,
    /// Upstream lists it, and has it no more.
    Lost,
}

#[derive(Debug)]
struct Package {
    name: Text,
    arch: Text,
    evr: EvrId,
    pkgid: Text,
    repository: u16,
    /// Its number among the packages of its repository's primary metadata, from 0.
    number: u32,
    rank: u8,
    hidden: Option<Hidden>,
    /// Where its dependencies of each kind end in the pool's list; they begin where those of the
    /// package before end.
    ends: [u32; KINDS.len()],
}

/// In this order they lie in the list.
const KINDS: [Kind; 8] = [
    Kind::Provides,
    Kind::Requires,
    Kind::Conflicts,
    Kind::Obsoletes,
    Kind::Recommends,
    Kind::Suggests,
    Kind::Supplements,
    Kind::Enhances,
];

/// Too much for a pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the repositories are too large together: expected at most {limit} {what}")]
pub struct TooLarge {
    /// What there is too much of, with its unit.
    pub what: &'static str,
    /// The bound.
    pub limit: usize,
}

/// The packages of several repositories.
#[derive(Debug, Default)]
pub struct Pool {
    base: String,
    pub(super) strings: Strings,
    evrs: Vec<EvrParts>,
    evr_ids: HashMap<(u64, Text, Text), EvrId>,
    deps: Vec<Dep>,
    plain_ids: HashMap<(Text, Option<(Comparison, EvrId)>), DepId>,
    rich_ids: HashMap<Text, DepId>,
    packages: Vec<Package>,
    relations: Vec<DepId>,
    repositories: Vec<String>,
    /// Hash of a path, and who has it.
    files: Vec<(u64, PackageId)>,
    /// Paths that were looked for in filelists, and who has them.
    paths: Vec<(Text, PackageId)>,
    index: Index,
}

/// Who provides what; made once all is there.
#[derive(Debug, Default)]
struct Index {
    /// Where the providers of each name begin, and at last where they end.
    starts: Vec<u32>,
    providers: Vec<(PackageId, DepId)>,
    named: HashMap<Text, Vec<PackageId>>,
    install_only: HashSet<PackageId>,
}

/// Abilities of rpm: `rpmlib(PayloadIsZstd)`. Every host has those that its packages ask for.
const RPMLIB: &str = "rpmlib(";

/// What dnf installs beside an older version of the same: packages that provide this.
const INSTALL_ONLY: [&str; 6] = [
    "kernel",
    "kernel-PAE",
    "installonlypkg(kernel)",
    "installonlypkg(kernel-module)",
    "installonlypkg(vm)",
    "multiversion(kernel)",
];

impl Pool {
    /// For hosts whose base architecture is `base`, such as `x86_64`.
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), ..Self::default() }
    }

    /// The base architecture of the hosts.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// A repository that packages are added to; its name is for messages.
    pub fn add_repository(&mut self, name: &str) -> usize {
        self.repositories.push(name.to_owned());
        self.repositories.len() - 1
    }

    /// Adds a package, the `number`th of its repository's primary metadata. Source packages are no
    /// part of it, and nothing is done for them.
    pub fn add(
        &mut self,
        repository: usize,
        number: usize,
        package: &PackageRef<'_>,
        relations: &Relations,
    ) -> Result<Option<PackageId>, TooLarge> {
        if matches!(package.arch, "src" | "nosrc") {
            return Ok(None);
        }
        let name = self.strings.intern(package.name);
        let evr = self.evr([package.epoch, package.version, package.release]);
        let mut lists: [Vec<DepId>; KINDS.len()] = Default::default();
        for relation in relations.iter() {
            // What rpm itself can do is asked of no package.
            if relation.kind == Kind::Requires && relation.name.starts_with(RPMLIB) {
                continue;
            }
            let versions = relation.versions.map(|(sign, evr)| (sign, self.evr(evr)));
            let id = if relation.kind != Kind::Provides && rich::is_rich(relation.name) {
                self.rich(relation.name)
            } else {
                let name = self.strings.intern(relation.name);
                self.plain(name, versions)
            };
            lists[relation.kind as usize].push(id);
        }
        // A package provides itself, though not all tools say so.
        let own = self.plain(name, Some((Comparison::Equal, evr)));
        if !lists[0].contains(&own) {
            lists[0].push(own);
        }
        let pkgid = self.strings.intern(&package.checksum.hex());
        let id = self.push(repository, number, name, package.arch, evr, pkgid, &lists)?;
        for path in relations.files() {
            self.files.push((self.strings.hash(path), id));
        }
        self.check()?;
        Ok(Some(id))
    }

    /// Adds a package of which nothing is known but what it is: it provides its name.
    pub fn add_unknown(&mut self, repository: usize, nevra: &Nevra) -> Result<PackageId, TooLarge> {
        self.add_made(repository, nevra, &[])
    }

    /// Adds something that goes with packages as they do with each other.
    pub(super) fn add_made(
        &mut self,
        repository: usize,
        nevra: &Nevra,
        relations: &[(Kind, Rich)],
    ) -> Result<PackageId, TooLarge> {
        let name = self.strings.intern(&nevra.name);
        let epoch = nevra.evr.epoch.to_string();
        let evr = self.evr([&epoch, &nevra.evr.version, &nevra.evr.release]);
        let mut lists: [Vec<DepId>; KINDS.len()] = Default::default();
        lists[0].push(self.plain(name, Some((Comparison::Equal, evr))));
        for (kind, relation) in relations {
            let id = match self.expression(relation) {
                Expression::Plain(id) => id,
                expression => {
                    self.deps.push(Dep::Rich(expression));
                    DepId(short(self.deps.len() - 1))
                }
            };
            lists[*kind as usize].push(id);
        }
        let pkgid = self.strings.intern("");
        let id = self.push(repository, 0, name, &nevra.arch, evr, pkgid, &lists)?;
        self.check()?;
        Ok(id)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a package, in one place")]
    fn push(
        &mut self,
        repository: usize,
        number: usize,
        name: Text,
        arch: &str,
        evr: EvrId,
        pkgid: Text,
        lists: &[Vec<DepId>; KINDS.len()],
    ) -> Result<PackageId, TooLarge> {
        let id = PackageId(short(self.packages.len()));
        let rank = arch::rank(&self.base, arch);
        let mut ends = [0; KINDS.len()];
        for (list, end) in lists.iter().zip(&mut ends) {
            self.relations.extend_from_slice(list);
            *end = short(self.relations.len());
        }
        self.packages.push(Package {
            name,
            arch: self.strings.intern(arch),
            evr,
            pkgid,
            repository: u16::try_from(repository)
                .map_err(|_| TooLarge { what: "repositories", limit: u16::MAX.into() })?,
            number: short(number),
            rank: rank.unwrap_or(u8::MAX),
            hidden: rank.is_none().then_some(Hidden::Architecture),
            ends,
        });
        Ok(id)
    }

    fn check(&self) -> Result<(), TooLarge> {
        for (what, count, limit) in [
            ("packages", self.packages.len(), limits::PACKAGES),
            ("dependencies and files", self.relations.len(), limits::POOL_RELATIONS),
            ("dependencies and files", self.files.len(), limits::POOL_RELATIONS),
            ("bytes of names and versions", self.strings.bytes(), limits::POOL_TEXT),
        ] {
            if count > limit {
                return Err(TooLarge { what, limit });
            }
        }
        Ok(())
    }

    /// Says that a package has a file, which is asked for by path.
    pub fn add_path(&mut self, package: PackageId, path: &str) {
        let path = self.strings.intern(path);
        self.paths.push((path, package));
    }

    /// Leaves a package out of all answers.
    pub fn hide(&mut self, package: PackageId, why: Hidden) {
        self.packages[package.index()].hidden.get_or_insert(why);
    }

    /// Takes all packages back that were hidden for one reason.
    pub(super) fn show(&mut self, why: Hidden) {
        for package in &mut self.packages {
            package.hidden.take_if(|hidden| *hidden == why);
        }
    }

    /// Sorts what was added; to be called once all is there, and again after more came.
    pub fn finish(&mut self) {
        self.files.sort_unstable();
        self.files.dedup();
        let mut provided: Vec<(Text, PackageId, DepId)> = Vec::new();
        for id in self.ids() {
            for dep in self.list(id, Kind::Provides) {
                if let Dep::Plain { name, .. } = self.dep(*dep) {
                    provided.push((*name, id, *dep));
                }
            }
        }
        let paths = std::mem::take(&mut self.paths);
        for (path, id) in &paths {
            provided.push((*path, *id, self.plain(*path, None)));
        }
        self.paths = paths;
        provided.sort_unstable();
        provided.dedup();
        let mut index = Index { starts: vec![0; self.strings.len() + 1], ..Index::default() };
        for (name, ..) in &provided {
            index.starts[name.index() + 1] += 1;
        }
        for at in 1..index.starts.len() {
            index.starts[at] += index.starts[at - 1];
        }
        index.providers = provided.into_iter().map(|(_, id, dep)| (id, dep)).collect();
        for id in self.ids() {
            index.named.entry(self.packages[id.index()].name).or_default().push(id);
        }
        self.index = index;
        let several = INSTALL_ONLY.iter().flat_map(|name| self.providing(name)).collect();
        self.index.install_only = several;
    }

    /// Whether several versions of a package may be installed.
    pub(super) fn is_install_only(&self, id: PackageId) -> bool {
        self.index.install_only.contains(&id)
    }

    /// Whether two packages of one name are both install-only, and two builds.
    pub(super) fn go_beside(&self, one: PackageId, other: PackageId) -> bool {
        let is_same = self.compare(one, other).is_eq() && self.arch(one) == self.arch(other);
        [one, other].iter().all(|id| self.is_install_only(*id)) && !is_same
    }

    /// The paths that packages ask for and that primary metadata does not list by rule, or that none is
    /// known to have, in order: what filelists are to be looked through for. That somebody provides such
    /// a path says nothing of who has it. To be called after [`Pool::finish`].
    pub fn unknown_paths(&self) -> Vec<String> {
        let is_path = |name: &str| name.starts_with('/');
        let mut unknown: Vec<&str> = Vec::new();
        for dep in &self.deps {
            if let Dep::Plain { name, .. } = dep
                && let text = self.strings.get(*name)
                && is_path(text)
                && !(is_listed(text) && self.owners(text).next().is_some())
            {
                unknown.push(text);
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        unknown.into_iter().map(str::to_owned).collect()
    }

    /// All packages.
    pub fn ids(&self) -> impl Iterator<Item = PackageId> + use<> {
        (0..short(self.packages.len())).map(PackageId)
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// A package's name.
    pub fn name(&self, id: PackageId) -> &str {
        self.strings.get(self.packages[id.index()].name)
    }

    /// A package's architecture.
    pub fn arch(&self, id: PackageId) -> &str {
        self.strings.get(self.packages[id.index()].arch)
    }

    /// Which build a package is.
    pub fn nevra(&self, id: PackageId) -> Nevra {
        let package = &self.packages[id.index()];
        Nevra {
            name: self.strings.get(package.name).to_owned(),
            evr: self.full_evr(package.evr),
            arch: self.strings.get(package.arch).to_owned(),
        }
    }

    /// The hexadecimal checksum by which other metadata calls a package.
    pub fn pkgid(&self, id: PackageId) -> &str {
        self.strings.get(self.packages[id.index()].pkgid)
    }

    /// The number of a package's repository.
    pub fn repository(&self, id: PackageId) -> usize {
        self.packages[id.index()].repository.into()
    }

    /// The name of a repository.
    pub fn repository_name(&self, number: usize) -> &str {
        &self.repositories[number]
    }

    /// The number of a package in its repository's primary metadata.
    pub fn number(&self, id: PackageId) -> usize {
        self.packages[id.index()].number as usize
    }

    /// Why a package is left out of all answers.
    pub fn hidden(&self, id: PackageId) -> Option<Hidden> {
        self.packages[id.index()].hidden
    }

    pub(super) fn rank(&self, id: PackageId) -> u8 {
        self.packages[id.index()].rank
    }

    pub(super) fn name_id(&self, id: PackageId) -> Text {
        self.packages[id.index()].name
    }

    /// The packages of a name.
    pub(super) fn named(&self, name: &str) -> &[PackageId] {
        let name = self.strings.find(name);
        name.and_then(|name| self.index.named.get(&name)).map_or(&[], Vec::as_slice)
    }

    /// Names with their packages.
    pub(super) fn names(&self) -> impl Iterator<Item = &[PackageId]> {
        self.index.named.values().map(Vec::as_slice)
    }

    pub(super) fn list(&self, id: PackageId, kind: Kind) -> &[DepId] {
        let at = id.index();
        let ends = &self.packages[at].ends;
        let start = match (kind as usize, at) {
            (0, 0) => 0,
            (0, _) => self.packages[at - 1].ends[KINDS.len() - 1],
            (kind, _) => ends[kind - 1],
        };
        &self.relations[start as usize..ends[kind as usize] as usize]
    }

    pub(super) fn dep(&self, id: DepId) -> &Dep {
        &self.deps[id.0 as usize]
    }

    pub(super) fn dep_count(&self) -> usize {
        self.deps.len()
    }

    /// A dependency in the words of spec files.
    pub(super) fn words(&self, id: DepId) -> String {
        match self.dep(id) {
            Dep::Plain { name, versions } => {
                let name = self.strings.get(*name);
                match versions {
                    Some((sign, evr)) => {
                        format!("{name} {} {}", sign.sign(), self.full_evr(*evr))
                    }
                    None => name.to_owned(),
                }
            }
            Dep::Rich(expression) => self.expression_words(expression),
        }
    }

    pub(super) fn expression_words(&self, expression: &Expression) -> String {
        let joined = |list: &[Expression], word: &str| {
            let words: Vec<_> = list.iter().map(|one| self.expression_words(one)).collect();
            format!("({})", words.join(word))
        };
        let conditional = |parts: [&Expression; 2], other: Option<&Expression>, word: &str| {
            let [then, condition] = parts.map(|part| self.expression_words(part));
            let other = other.map(|other| format!(" else {}", self.expression_words(other)));
            format!("({then} {word} {condition}{})", other.unwrap_or_default())
        };
        match expression {
            Expression::Plain(id) => self.words(*id),
            Expression::And(list) => joined(list, " and "),
            Expression::Or(list) => joined(list, " or "),
            Expression::With(list) => joined(list, " with "),
            Expression::Without(one, other) => conditional([one, other], None, "without"),
            Expression::If(then, condition, other) => {
                conditional([then, condition], other.as_deref(), "if")
            }
            Expression::Unless(then, condition, other) => {
                conditional([then, condition], other.as_deref(), "unless")
            }
        }
    }

    /// The packages that provide something plain, in order; hidden ones included.
    pub(super) fn providers(&self, id: DepId) -> Vec<PackageId> {
        let Dep::Plain { name, versions } = self.dep(id) else { return Vec::new() };
        let mut found: Vec<PackageId> = Vec::new();
        for (package, provided) in self.provided(*name) {
            let Dep::Plain { versions: of, .. } = self.dep(*provided) else { continue };
            if self.overlap(*of, *versions) {
                found.push(*package);
            }
        }
        let text = self.strings.get(*name);
        if versions.is_none() && text.starts_with('/') {
            found.extend(self.owners(text));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The packages of a name and of the versions that are meant: what an obsoletes looks at.
    pub(super) fn matching_names(&self, id: DepId) -> Vec<PackageId> {
        let Dep::Plain { name, versions } = self.dep(id) else { return Vec::new() };
        let named = self.index.named.get(name).map_or(&[][..], Vec::as_slice);
        let own = |package: &PackageId| {
            let evr = self.packages[package.index()].evr;
            self.overlap(Some((Comparison::Equal, evr)), *versions)
        };
        named.iter().copied().filter(own).collect()
    }

    /// Who provides a name, in whatever version.
    fn provided(&self, name: Text) -> &[(PackageId, DepId)] {
        // A name that came after `finish` has none.
        let [Some(start), Some(end)] =
            [0, 1].map(|next| self.index.starts.get(name.index() + next))
        else {
            return &[];
        };
        &self.index.providers[*start as usize..*end as usize]
    }

    /// The packages whose primary metadata has a path.
    fn owners(&self, path: &str) -> impl Iterator<Item = PackageId> {
        let hash = self.strings.hash(path);
        let start = self.files.partition_point(|(other, _)| *other < hash);
        let found = self.files[start..].iter().take_while(move |(other, _)| *other == hash);
        found.map(|(_, id)| *id)
    }

    /// The packages that have a path or provide what is so called, whatever the version; hidden ones
    /// included.
    pub(super) fn providing(&self, text: &str) -> Vec<PackageId> {
        let provided = self.strings.find(text).map_or(&[][..], |name| self.provided(name));
        let mut found: Vec<PackageId> = provided.iter().map(|(id, _)| *id).collect();
        if text.starts_with('/') {
            found.extend(self.owners(text));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The packages that provide one of some versions of a name; hidden ones included.
    pub(super) fn providing_versions(
        &self,
        name: &str,
        sign: Comparison,
        evr: &Evr,
    ) -> Vec<PackageId> {
        let provided = self.strings.find(name).map_or(&[][..], |name| self.provided(name));
        let fits = |(_, dep): &&(PackageId, DepId)| match self.dep(*dep) {
            Dep::Plain { versions: Some((of, known)), .. } => {
                let known = self.full_evr(*known);
                overlap((*of, borrowed(&known)), (sign, borrowed(evr)))
            }
            _ => true,
        };
        let mut found: Vec<PackageId> = provided.iter().filter(fits).map(|(id, _)| *id).collect();
        found.dedup();
        found
    }

    /// The dependency on a name and some versions of it.
    fn asked(&mut self, name: &str, versions: Option<(Comparison, &Evr)>) -> DepId {
        let versions = versions.map(|(sign, evr)| {
            let epoch = evr.epoch.to_string();
            (sign, self.evr([&epoch, &evr.version, &evr.release]))
        });
        let name = self.strings.intern(name);
        self.plain(name, versions)
    }

    /// Newer is greater.
    pub fn compare(&self, a: PackageId, b: PackageId) -> Ordering {
        let [a, b] = [a, b].map(|id| self.packages[id.index()].evr);
        self.compare_evrs(a, b)
    }

    pub(super) fn compare_evrs(&self, a: EvrId, b: EvrId) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let [a, b] = [a, b].map(|id| self.evrs[id.0 as usize]);
        let of = |a: Text, b: Text| version::compare(self.strings.get(a), self.strings.get(b));
        let order = a.epoch.cmp(&b.epoch).then_with(|| of(a.version, b.version));
        order.then_with(|| of(a.release, b.release))
    }

    pub(super) fn evr_text(&self, id: EvrId) -> String {
        self.full_evr(id).to_string()
    }

    fn full_evr(&self, id: EvrId) -> Evr {
        let parts = self.evrs[id.0 as usize];
        Evr {
            epoch: parts.epoch,
            version: self.strings.get(parts.version).to_owned(),
            release: self.strings.get(parts.release).to_owned(),
        }
    }

    /// Whether some version is meant by both.
    fn overlap(
        &self,
        provided: Option<(Comparison, EvrId)>,
        wanted: Option<(Comparison, EvrId)>,
    ) -> bool {
        let (Some((of, a)), Some((sign, b))) = (provided, wanted) else { return true };
        let borrowed = |id: EvrId| {
            let parts = self.evrs[id.0 as usize];
            (parts.epoch, self.strings.get(parts.version), self.strings.get(parts.release))
        };
        overlap((of, borrowed(a)), (sign, borrowed(b)))
    }

    fn evr(&mut self, [epoch, version, release]: [&str; 3]) -> EvrId {
        let epoch = epoch.trim().parse().unwrap_or(0);
        let [version, release] = [version, release].map(|text| self.strings.intern(text));
        *self.evr_ids.entry((epoch, version, release)).or_insert_with(|| {
            self.evrs.push(EvrParts { epoch, version, release });
            EvrId(short(self.evrs.len() - 1))
        })
    }

    fn plain(&mut self, name: Text, versions: Option<(Comparison, EvrId)>) -> DepId {
        *self.plain_ids.entry((name, versions)).or_insert_with(|| {
            self.deps.push(Dep::Plain { name, versions });
            DepId(short(self.deps.len() - 1))
        })
    }

    /// A rich dependency. One that does not parse is a name that nothing provides: what it asks for
    /// is not known to be there.
    fn rich(&mut self, text: &str) -> DepId {
        let key = self.strings.intern(text);
        if let Some(known) = self.rich_ids.get(&key) {
            return *known;
        }
        let id = match text.parse::<Rich>() {
            Ok(rich) => {
                let expression = self.expression(&rich);
                self.deps.push(Dep::Rich(expression));
                DepId(short(self.deps.len() - 1))
            }
            Err(_) => self.plain(key, None),
        };
        self.rich_ids.insert(key, id);
        id
    }

    fn expression(&mut self, rich: &Rich) -> Expression {
        let mut list =
            |list: &[Rich]| list.iter().map(|one| self.expression(one)).collect::<Vec<_>>();
        match rich {
            Rich::And(parts) => Expression::And(list(parts)),
            Rich::Or(parts) => Expression::Or(list(parts)),
            Rich::With(parts) => Expression::With(list(parts)),
            Rich::Plain(relation) if relation.name.starts_with(RPMLIB) => {
                Expression::And(Vec::new())
            }
            Rich::Plain(relation) => {
                let versions = relation.versions.as_ref().map(|(sign, evr)| (*sign, evr));
                Expression::Plain(self.asked(&relation.name, versions))
            }
            Rich::Without(one, other) => {
                let [one, other] = [one, other].map(|part| Box::new(self.expression(part)));
                Expression::Without(one, other)
            }
            Rich::If { then, condition, otherwise } => {
                let other = otherwise.as_ref().map(|other| Box::new(self.expression(other)));
                let [then, condition] =
                    [then, condition].map(|part| Box::new(self.expression(part)));
                Expression::If(then, condition, other)
            }
            Rich::Unless { then, condition, otherwise } => {
                let other = otherwise.as_ref().map(|other| Box::new(self.expression(other)));
                let [then, condition] =
                    [then, condition].map(|part| Box::new(self.expression(part)));
                Expression::Unless(then, condition, other)
            }
        }
    }
}

/// Whether primary metadata lists a path, as createrepo chooses.
fn is_listed(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

type Borrowed<'a> = (u64, &'a str, &'a str);

fn borrowed(evr: &Evr) -> Borrowed<'_> {
    (evr.epoch, &evr.version, &evr.release)
}

/// Whether some version is meant by both, as rpm has it: where one side has no release, the versions
/// alone are compared.
fn overlap((of, a): (Comparison, Borrowed<'_>), (sign, b): (Comparison, Borrowed<'_>)) -> bool {
    if (of.includes_less() && sign.includes_less())
        || (of.includes_greater() && sign.includes_greater())
    {
        return true;
    }
    let order = a.0.cmp(&b.0).then_with(|| version::compare(a.1, b.1));
    let order = match (order, a.2.is_empty(), b.2.is_empty()) {
        (Ordering::Equal, false, false) => version::compare(a.2, b.2),
        // The side without a release stands for all of them, where it means its version.
        (Ordering::Equal, true, false) => return of.includes_equal(),
        (Ordering::Equal, false, true) => return sign.includes_equal(),
        (order, ..) => order,
    };
    match order {
        Ordering::Less => of.includes_greater() || sign.includes_less(),
        Ordering::Equal => of.includes_equal() && sign.includes_equal(),
        Ordering::Greater => of.includes_less() || sign.includes_greater(),
    }
}

/// The pool's bounds keep all counts below 32 bits.
pub(super) fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
