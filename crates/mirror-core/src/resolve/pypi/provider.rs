//! The solver's view of one resolution: packages, their candidates and what these need.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, VersionSet};

use super::candidates::{Candidates, specifiers};
use super::index::{Described, Index, Metadata, Wanted};
use super::input::{Asked, Inputs, Prefer};
use super::slots::Slots;
use super::target::Environment;
use crate::error::redact;
use crate::format::pypi::{ExtraName, PackageName, Requirement, VersionOrUrl};
use crate::limits;

/// After how many conflicts a package is decided before those that have none: it is then the one
/// that the others have to fit, and not found out to be so again for each of their versions.
const CONFLICTS: u32 = 5;

/// After how many versions of a project its older ones are asked for in batches.
const TRIES: u32 = 4;

/// The most versions that are asked for at once: what is under way when the search ends was for
/// nothing.
const BATCH: u32 = 48;

/// What the solver decides on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Package {
    /// What the user asks for.
    Root,
    /// A project.
    Project(PackageName),
    /// What an extra of a project adds; always of the same version as the project.
    Extra(PackageName, ExtraName),
}

impl Package {
    pub(super) fn name(&self) -> Option<&PackageName> {
        match self {
            Self::Root => None,
            Self::Project(name) | Self::Extra(name, _) => Some(name),
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("you"),
            Self::Project(name) => name.fmt(f),
            Self::Extra(name, extra) => write!(f, "{name}[{extra}]"),
        }
    }
}

/// Why a resolution stopped without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop<E: std::error::Error + 'static> {
    #[error(transparent)]
    Index(E),
    #[error("more than {max} versions were looked at", max = limits::RESOLVE_STEPS)]
    Steps,
    #[error("{0} is asked for at two URLs: {1} and {2}")]
    TwoUrls(PackageName, String, String),
}

/// What a version needs, as far as the environment goes.
#[derive(Debug)]
pub(super) struct Needs {
    pub(super) metadata: Arc<Metadata>,
    /// Which of the requirements hold without any extra.
    holding: Vec<bool>,
}

impl Needs {
    /// The requirements that hold, or that an extra adds to those.
    pub(super) fn requirements(
        &self,
        extra: Option<&ExtraName>,
        environment: &Environment,
    ) -> impl Iterator<Item = &Requirement> {
        let requirements = self.metadata.requires_dist.iter().zip(&self.holding);
        requirements.filter_map(move |(requirement, &holds)| {
            let wanted = match extra {
                None => holds,
                Some(extra) => {
                    let extras = std::slice::from_ref(extra);
                    !holds && requirement.evaluate_markers(&environment.markers, extras)
                }
            };
            wanted.then_some(requirement)
        })
    }
}

/// What is known of a version: what it needs, or why it cannot be used.
pub(super) type Known = Rc<Result<Needs, Unfit>>;

/// Why what the metadata of a version says makes it unusable.
#[derive(Clone, Debug)]
pub(super) enum Unfit {
    /// It is for other Pythons, which most indexes say on the project's page.
    Python(String),
    /// There is something wrong with it.
    Metadata(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python(python) => write!(f, "for Python {python}"),
            Self::Metadata(why) => f.write_str(why),
        }
    }
}

/// What was tried of a project.
#[derive(Clone, Copy)]
struct Tried {
    /// What was chosen last.
    slot: u32,
    /// How often something else was chosen.
    times: u32,
    /// The oldest version that was asked for ahead.
    ahead: u32,
}

/// Candidates that are taken only where they are named, by project.
pub(super) type Special = HashMap<PackageName, Slots>;

/// The state of one resolution.
pub(super) struct Provider<'a, I> {
    pub(super) index: &'a I,
    pub(super) inputs: &'a Inputs,
    pub(super) environment: &'a Environment,
    /// The user's requirements that hold in the environment, and the constraints.
    pub(super) requirements: Vec<&'a Asked>,
    pub(super) constraints: Vec<&'a Asked>,
    candidates: RefCell<HashMap<PackageName, Rc<Candidates>>>,
    needs: RefCell<HashMap<PackageName, HashMap<u32, Known>>>,
    /// In which order packages came up.
    order: RefCell<HashMap<Package, usize>>,
    /// What the solver last had left of each project.
    left: RefCell<HashMap<PackageName, Slots>>,
    /// What was tried of each project.
    tried: RefCell<HashMap<PackageName, Tried>>,
    /// Withdrawn versions and pre-releases that releases name: those of earlier attempts, which are
    /// good for all that need the project, and all that came up.
    special: Special,
    named: RefCell<Special>,
    steps: Cell<usize>,
}

impl<'a, I: Index> Provider<'a, I> {
    pub(super) fn new(
        index: &'a I,
        inputs: &'a Inputs,
        environment: &'a Environment,
        special: Special,
    ) -> Self {
        let holds = |asked: &&Asked| asked.requirement.evaluate_markers(&environment.markers, &[]);
        Self {
            index,
            inputs,
            environment,
            requirements: inputs.requirements.iter().filter(holds).collect(),
            constraints: inputs.constraints.iter().filter(holds).collect(),
            candidates: RefCell::default(),
            needs: RefCell::default(),
            order: RefCell::default(),
            left: RefCell::default(),
            tried: RefCell::default(),
            named: RefCell::new(special.clone()),
            special,
            steps: Cell::new(0),
        }
    }

    /// The candidates of a project: of the URL that the user gives for it, else of the index. A
    /// project that no index has is one without candidates.
    pub(super) fn candidates(&self, name: &PackageName) -> Result<Rc<Candidates>, Stop<I::Error>> {
        if let Some(known) = self.candidates.borrow().get(name) {
            return Ok(Rc::clone(known));
        }
        let project = match self.url(name)? {
            Some(url) => Some(self.index.direct(name, url).map_err(Stop::Index)?),
            None => self.index.project(name).map_err(Stop::Index)?,
        };
        let is_listed = project.is_some();
        let project = project.unwrap_or_else(|| Arc::new(super::Project::new(name.clone(), [])));
        let mut candidates = Candidates::new(project, self.environment, self.inputs);
        candidates.is_listed = is_listed;
        if let Some(special) = self.special.get(name) {
            candidates.admit(special);
        }
        let candidates = Rc::new(candidates);
        self.candidates.borrow_mut().insert(name.clone(), Rc::clone(&candidates));
        Ok(candidates)
    }

    /// The candidates, where they are known already.
    pub(super) fn known_candidates(&self, name: &PackageName) -> Option<Rc<Candidates>> {
        self.candidates.borrow().get(name).cloned()
    }

    /// The URL that the user gives for a project.
    fn url(&self, name: &PackageName) -> Result<Option<&'a url::Url>, Stop<I::Error>> {
        let asked = self.requirements.iter().chain(&self.constraints);
        let mut found: Option<&url::Url> = None;
        for asked in asked.filter(|asked| asked.requirement.name == *name) {
            let Some(VersionOrUrl::Url(url)) = &asked.requirement.version_or_url else { continue };
            match found {
                Some(other) if other != url => {
                    let (other, url) = (redact(other), redact(url));
                    return Err(Stop::TwoUrls(name.clone(), other, url));
                }
                _ => found = Some(url),
            }
        }
        Ok(found)
    }

    /// The withdrawn versions and pre-releases that releases name, where there are more than those
    /// that are good for all already: with them there may be a solution yet.
    pub(super) fn more_special(&self) -> Option<Special> {
        let named = self.named.borrow();
        (*named != self.special).then(|| named.clone())
    }

    /// What a candidate needs: read once in a resolution.
    pub(super) fn needs(&self, name: &PackageName, slot: u32) -> Result<Known, Stop<I::Error>> {
        if let Some(known) = self.known_needs(name, slot) {
            return Ok(known);
        }
        let candidates = self.candidates(name)?;
        let described = self.index.metadata(&candidates.project, candidates.file(slot));
        let needs = match described.map_err(Stop::Index)? {
            Described::As(metadata) => self.judge(metadata),
            Described::Unusable(why) => Err(Unfit::Metadata(why)),
        };
        let needs = Rc::new(needs);
        let mut known = self.needs.borrow_mut();
        known.entry(name.clone()).or_default().insert(slot, Rc::clone(&needs));
        Ok(needs)
    }

    /// What a candidate needs, where that was read already.
    pub(super) fn known_needs(&self, name: &PackageName, slot: u32) -> Option<Known> {
        self.needs.borrow().get(name)?.get(&slot).cloned()
    }

    /// The versions newer than `slot` that were passed over for what their metadata says, newest
    /// first, each with why.
    pub(super) fn passed_over(&self, name: &PackageName, slot: u32) -> Vec<(u32, Unfit)> {
        let needs = self.needs.borrow();
        let known = needs.get(name).into_iter().flatten();
        let mut passed: Vec<_> = known
            .filter(|(other, _)| **other > slot)
            .filter_map(|(other, needs)| Some((*other, needs.as_ref().as_ref().err()?.clone())))
            .collect();
        passed.sort_by_key(|(slot, _)| Reverse(*slot));
        passed
    }

    /// Holds metadata against the environment.
    fn judge(&self, metadata: Arc<Metadata>) -> Result<Needs, Unfit> {
        if let Some(python) = &metadata.requires_python
            && !python.contains(&self.environment.python)
        {
            return Err(Unfit::Python(python.to_string()));
        }
        let markers = &self.environment.markers;
        let mut holding = Vec::with_capacity(metadata.requires_dist.len());
        for requirement in &metadata.requires_dist {
            let holds = requirement.evaluate_markers(markers, &[]);
            holding.push(holds);
            if let Some(why) = self.stray(requirement).filter(|_| holds) {
                return Err(Unfit::Metadata(why));
            }
        }
        Ok(Needs { metadata, holding })
    }

    /// What is wrong with a release's requirement that brings a URL of its own: files would be
    /// fetched that nobody asked for. Where the user gives one for the project, that is taken.
    fn stray(&self, requirement: &Requirement) -> Option<String> {
        let Some(VersionOrUrl::Url(url)) = &requirement.version_or_url else { return None };
        let known = matches!(self.url(&requirement.name), Ok(Some(_)));
        (!known).then(|| format!("needs {} from {}", requirement.name, redact(url)))
    }

    /// The candidates that a requirement admits, within the constraints.
    pub(super) fn admitted(&self, candidates: &Candidates, requirement: &Requirement) -> Slots {
        let admitted = candidates.admitted(specifiers(requirement));
        let constraints =
            self.constraints.iter().filter(|asked| asked.requirement.name == requirement.name);
        constraints.fold(admitted, |admitted, constraint| {
            match specifiers(&constraint.requirement) {
                Some(specifiers) => admitted.intersection(&candidates.matching(specifiers)),
                None => admitted,
            }
        })
    }

    /// What the solver is told that requirements need: a project, and each extra that is asked for.
    fn depend(
        &self,
        requirements: &[&Requirement],
        of: &Package,
    ) -> Result<Vec<(Package, Slots)>, Stop<I::Error>> {
        let unknown: Vec<_> = {
            let known = self.candidates.borrow();
            let names = requirements.iter().map(|requirement| &requirement.name);
            names.filter(|name| !known.contains_key(name)).map(Wanted::Project).collect()
        };
        if !unknown.is_empty() {
            self.index.expect(&unknown);
        }
        let mut depends = Vec::new();
        let mut best = Vec::new();
        for requirement in requirements {
            let name = &requirement.name;
            let candidates = self.candidates(name)?;
            let admitted = self.admitted(&candidates, requirement);
            let special = candidates.special(&admitted);
            if special.count(candidates.len()) > 0 {
                let mut named = self.named.borrow_mut();
                let known = named.entry(name.clone()).or_insert_with(Slots::empty);
                *known = known.union(&special);
            }
            best.extend(
                self.likely(&candidates, &admitted).map(|slot| (Rc::clone(&candidates), slot)),
            );
            let extras = requirement.extras.iter();
            let extras = extras.map(|extra| Package::Extra(name.clone(), extra.clone()));
            for package in extras.chain([Package::Project(name.clone())]) {
                // What needs itself (a project for another of its extras) has itself already.
                if package != *of {
                    depends.push((package, admitted.clone()));
                }
            }
        }
        let best: Vec<_> = best
            .iter()
            .map(|(candidates, slot)| Wanted::Metadata(&candidates.project, candidates.file(*slot)))
            .collect();
        if !best.is_empty() {
            self.index.expect(&best);
        }
        Ok(depends)
    }

    /// What will be chosen of a project that is newly needed: nothing if what was chosen will do, or
    /// if nothing is left that would.
    fn likely(&self, candidates: &Candidates, admitted: &Slots) -> Option<u32> {
        let name = &candidates.project.name;
        if self.tried.borrow().get(name).is_some_and(|tried| admitted.contains(&tried.slot)) {
            return None;
        }
        match self.left.borrow().get(name) {
            Some(left) => self.best(candidates, &left.intersection(admitted)),
            None => self.best(candidates, admitted),
        }
    }

    /// The best of a set of candidates: the newest, but what was withdrawn last, and final releases
    /// first unless pre-releases are as good.
    fn best(&self, candidates: &Candidates, among: &Slots) -> Option<u32> {
        let len = candidates.len();
        let wheels = self.inputs.policy.prefer_binary == Prefer::Wheels;
        let mut best = None;
        for slot in among.descending(len) {
            let candidate = &candidates.list[slot as usize];
            let pre = !candidates.pre_allowed && candidate.pre;
            let worse = (candidate.yanked, wheels && !candidate.wheel, pre);
            if worse == (false, false, false) {
                return Some(slot);
            }
            if best.is_none_or(|(other, _)| worse < other) {
                best = Some((worse, slot));
            }
        }
        best.map(|(_, slot)| slot)
    }

    /// Keeps what was tried of a project, and where that was much asks for the versions that come
    /// next: enough that some are always under way, and few when the search ends.
    fn remember(&self, candidates: &Candidates, slot: u32, range: &Slots) {
        let mut all = self.tried.borrow_mut();
        let name = &candidates.project.name;
        let tried = match all.get_mut(name) {
            Some(tried) if tried.slot == slot => return,
            Some(tried) => tried,
            None => {
                all.insert(name.clone(), Tried { slot, times: 0, ahead: slot });
                return;
            }
        };
        tried.slot = slot;
        tried.times += 1;
        if tried.times < TRIES {
            return;
        }
        let batch = tried.times.next_power_of_two().min(BATCH);
        let len = candidates.len();
        let under_way = range.intersection(&Slots::run(tried.ahead, slot)).count(len);
        if under_way > batch / 2 {
            return;
        }
        let mut below = range.intersection(&Slots::run(0, tried.ahead.min(slot)));
        if below.count(len) == 0 {
            // What asks for it moves along with it, version by version, and leaves one or two to
            // choose from each time: the next ones are the neighbours.
            if slot.saturating_sub(tried.ahead) > batch / 2 {
                return;
            }
            below = Slots::run(0, tried.ahead.min(slot));
        }
        let final_or_allowed =
            |&slot: &u32| candidates.pre_allowed || !candidates.list[slot as usize].pre;
        let next = below.descending(len).filter(final_or_allowed);
        let next: Vec<_> = next.take(batch as usize).collect();
        tried.ahead = next.last().copied().unwrap_or(slot);
        let wanted: Vec<_> = next
            .iter()
            .map(|&slot| Wanted::Metadata(&candidates.project, candidates.file(slot)))
            .collect();
        self.index.expect(&wanted);
    }
}

/// How soon a package is decided; the later ones sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    /// In the order in which packages came up.
    Found(Reverse<usize>),
    /// Packages that many conflicts are about.
    Conflicting(Reverse<usize>),
    /// Packages with one candidate left.
    Single(Reverse<usize>),
    /// Packages with none left: the sooner it is known the better.
    Impossible,
    /// What is asked for.
    Root,
}

impl<I: Index> DependencyProvider for Provider<'_, I> {
    type P = Package;
    type V = u32;
    type VS = Slots;
    type Priority = Priority;
    type M = Reason;
    type Err = Stop<I::Error>;

    fn prioritize(
        &self,
        package: &Package,
        range: &Slots,
        statistics: &PackageResolutionStatistics,
    ) -> Priority {
        let Some(name) = package.name() else { return Priority::Root };
        let mut order = self.order.borrow_mut();
        let next = order.len();
        let order = match order.entry(package.clone()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(next),
        };
        if matches!(package, Package::Project(_)) {
            self.left.borrow_mut().insert(name.clone(), range.clone());
        }
        let candidates = self.known_candidates(name);
        match candidates.map(|candidates| range.count(candidates.len())) {
            Some(0) => Priority::Impossible,
            Some(1) => Priority::Single(Reverse(order)),
            _ if statistics.conflict_count() >= CONFLICTS => Priority::Conflicting(Reverse(order)),
            _ => Priority::Found(Reverse(order)),
        }
    }

    fn choose_version(&self, package: &Package, range: &Slots) -> Result<Option<u32>, Self::Err> {
        let Some(name) = package.name() else { return Ok(Some(0)) };
        let candidates = self.candidates(name)?;
        let tried = self.tried.borrow().get(name).map(|tried| tried.slot);
        // An extra follows its project where that was decided.
        if let (Package::Extra(..), Some(slot)) = (package, tried)
            && range.contains(&slot)
        {
            return Ok(Some(slot));
        }
        let best = self.best(&candidates, range);
        if let Some(slot) = best {
            self.remember(&candidates, slot, range);
        }
        Ok(best)
    }

    fn get_dependencies(
        &self,
        package: &Package,
        slot: &u32,
    ) -> Result<Dependencies<Package, Slots, Reason>, Self::Err> {
        let (name, extra) = match package {
            Package::Root => {
                let asked = self.requirements.iter().map(|asked| &asked.requirement);
                let depends = self.depend(&asked.collect::<Vec<_>>(), package)?;
                return Ok(Dependencies::Available(depends.into_iter().collect()));
            }
            Package::Project(name) => (name, None),
            Package::Extra(name, extra) => (name, Some(extra)),
        };
        let known = self.needs(name, *slot)?;
        let needs = match &*known {
            Ok(needs) => needs,
            Err(why) => return Ok(Dependencies::Unavailable(Reason(why.to_string().into()))),
        };
        let held: Vec<_> = needs.requirements(extra, self.environment).collect();
        if let Some(why) = held.iter().find_map(|requirement| self.stray(requirement)) {
            return Ok(Dependencies::Unavailable(Reason(why.into())));
        }
        let mut depends = self.depend(&held, package)?;
        if extra.is_some() {
            depends.push((Package::Project(name.clone()), Slots::singleton(*slot)));
        }
        Ok(Dependencies::Available(depends.into_iter().collect()))
    }

    fn should_cancel(&self) -> Result<(), Self::Err> {
        self.index.go_on().map_err(Stop::Index)?;
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > limits::RESOLVE_STEPS { Err(Stop::Steps) } else { Ok(()) }
    }
}

/// Why a version cannot be used, as the solver keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason(pub(super) Rc<str>);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
