//! The versions of a project that one environment can use, and the file that stands for each.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use pep440_rs::{Operator, VersionSpecifier};
use pubgrub::{Ranges, VersionSet};

use super::input::Inputs;
use super::project::{Kind, Project, ProjectFile, Release};
use super::slots::Slots;
use super::target::Environment;
use crate::format::pypi::{Version, VersionSpecifiers};

/// The versions of a project that an environment can use.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) project: Arc<Project>,
    /// Whether an index has the project.
    pub(super) is_listed: bool,
    /// Oldest first: a place in this list is what the solver knows of a version.
    pub(super) list: Vec<Candidate>,
    /// Versions that the environment cannot use, oldest first, each with why.
    refused: Vec<(usize, Refusal)>,
    /// The list's versions without their local parts, which specifiers do not look at.
    public: Vec<Version>,
    /// All that may be taken unasked, and with pre-releases.
    finals: Slots,
    unyanked: Slots,
    /// Whether pre-releases are as good as any: allowed, named by the user, or nothing else exists.
    pub(super) pre_allowed: bool,
}

/// A version, and its best file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The place in [`Project::releases`].
    pub(super) release: usize,
    /// The place in [`Release::files`].
    pub(super) file: usize,
    pub(super) wheel: bool,
    pub(super) pre: bool,
    pub(super) yanked: bool,
}

/// Why an environment cannot use a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// It is for other Pythons.
    Python(String),
    /// It has no wheel for the target, and no source distribution.
    NoWheel,
    /// It has wheels for other targets alone, and source distributions are left out.
    OnlyBinary,
    /// It has no source distribution, and wheels are left out.
    NoBinary,
    /// It has files, and both kinds are left out.
    NoFormat,
    /// None of its files has a digest that was asked for.
    Digests,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python(python) => write!(f, "for Python {python}"),
            Self::NoWheel => f.write_str("no wheel for this target and no source distribution"),
            Self::OnlyBinary => {
                f.write_str("no wheel for this target, and source distributions are left out")
            }
            Self::NoBinary => f.write_str("no source distribution, and wheels are left out"),
            Self::NoFormat => f.write_str("wheels and source distributions are both left out"),
            Self::Digests => f.write_str("no file with a digest that the requirements list"),
        }
    }
}

impl Candidates {
    /// Judges every release of a project for an environment.
    pub(super) fn new(project: Arc<Project>, environment: &Environment, inputs: &Inputs) -> Self {
        let judge = Judge::new(&project, environment, inputs);
        let (mut list, mut refused, mut public) = (Vec::new(), Vec::new(), Vec::new());
        let (mut finals, mut unyanked) = (Runs::default(), Runs::default());
        for (place, release) in project.releases.iter().enumerate() {
            match judge.best(release) {
                Ok(file) => {
                    let pre = release.version.any_prerelease();
                    let yanked = release.files[file].yanked.is_some();
                    let slot = u32::try_from(list.len()).unwrap_or(u32::MAX);
                    if !yanked {
                        unyanked.push(slot);
                    }
                    if !yanked && !pre {
                        finals.push(slot);
                    }
                    let wheel = release.files[file].is_wheel();
                    list.push(Candidate { release: place, file, wheel, pre, yanked });
                    public.push(release.version.clone().without_local());
                }
                Err(refusal) => refused.push((place, refusal)),
            }
        }
        // What may be taken where nothing else exists does not hang on the target.
        let released = project.releases.iter();
        let only_pre = released.clone().all(|release| {
            release.version.any_prerelease()
                || release.files.iter().all(|file| file.yanked.is_some())
        });
        let asked = inputs.requirements.iter().chain(&inputs.constraints);
        let asked = asked.filter(|asked| asked.requirement.name == project.name);
        let asked: Vec<_> = asked.filter_map(|asked| specifiers(&asked.requirement)).collect();
        let named = asked.iter().any(|specifiers| names_pre_release(specifiers));
        let pre_allowed = only_pre || named || inputs.policy.takes_pre_releases(&project.name);
        let (finals, unyanked) = (finals.into_slots(), unyanked.into_slots());
        let mut candidates =
            Self { project, is_listed: true, list, refused, public, finals, unyanked, pre_allowed };
        // What the user pins is good for everything that needs the project.
        for specifiers in asked.iter().filter(|specifiers| specifiers.iter().any(pins)) {
            let pinned = candidates.matching(specifiers);
            candidates.admit(&pinned);
        }
        candidates
    }

    /// Makes candidates good for all that need the project, though withdrawn or pre-releases.
    pub(super) fn admit(&mut self, slots: &Slots) {
        self.finals = self.finals.union(slots);
        self.unyanked = self.unyanked.union(slots);
    }

    /// What of a set is not good for all that need the project.
    pub(super) fn special(&self, slots: &Slots) -> Slots {
        slots.intersection(&self.unasked(false).complement())
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn version(&self, slot: u32) -> &Version {
        &self.release(slot).version
    }

    pub(super) fn release(&self, slot: u32) -> &Release {
        &self.project.releases[self.list[slot as usize].release]
    }

    pub(super) fn file(&self, slot: u32) -> &ProjectFile {
        let Candidate { release, file, .. } = self.list[slot as usize];
        &self.project.releases[release].files[file]
    }

    /// The candidates that a requirement on the project admits: those that its specifiers contain,
    /// without what was withdrawn unless it is the very version that is asked for, and without
    /// pre-releases unless they are named.
    pub(super) fn admitted(&self, specifiers: Option<&VersionSpecifiers>) -> Slots {
        let Some(specifiers) = specifiers else { return self.unasked(false).clone() };
        let matching = self.matching(specifiers);
        if specifiers.iter().any(pins) {
            // An exact version is asked for in full: withdrawn or pre-release, it is the one.
            return matching;
        }
        matching.intersection(self.unasked(names_pre_release(specifiers)))
    }

    fn unasked(&self, pre: bool) -> &Slots {
        if pre || self.pre_allowed { &self.unyanked } else { &self.finals }
    }

    /// The candidates whose version the specifiers contain ([PEP 440]).
    ///
    /// [PEP 440]: https://peps.python.org/pep-0440/#version-specifiers
    pub(super) fn matching(&self, specifiers: &VersionSpecifiers) -> Slots {
        let all = Slots::run(0, self.len());
        specifiers.iter().fold(all, |slots, specifier| slots.intersection(&self.one(specifier)))
    }

    fn one(&self, specifier: &VersionSpecifier) -> Slots {
        let version = specifier.version();
        let local = !version.local().is_empty();
        // The end of a range is one more than a number of the specifier.
        let numbers = version.release().iter().copied().chain(version.post()).chain(version.dev());
        let numbers = numbers.chain(version.pre().map(|pre| pre.number));
        let last = numbers.max() == Some(u64::MAX);
        if local || last || *specifier.operator() == Operator::ExactEqual {
            // These look at the whole version, so no order of public versions says which.
            let mut runs = Runs::default();
            for slot in (0..self.len()).filter(|&slot| specifier.contains(self.version(slot))) {
                runs.push(slot);
            }
            return runs.into_slots();
        }
        let ranges = Ranges::from(specifier.clone());
        let at = |below: &dyn Fn(&Version) -> bool| {
            u32::try_from(self.public.partition_point(below)).unwrap_or(u32::MAX)
        };
        let run = |(start, end): (&std::ops::Bound<Version>, &std::ops::Bound<Version>)| {
            use std::ops::Bound::{Excluded, Included, Unbounded};
            let start = match start {
                Unbounded => 0,
                Included(start) => at(&|version| version < start),
                Excluded(start) => at(&|version| version <= start),
            };
            let end = match end {
                Unbounded => self.len(),
                Included(end) => at(&|version| version <= end),
                Excluded(end) => at(&|version| version < end),
            };
            Slots::run(start, end)
        };
        ranges.iter().map(run).fold(Slots::empty(), |slots, run| slots.union(&run))
    }

    /// The refused versions, each with why.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&Version, &Refusal)> {
        self.refused.iter().map(|(place, why)| (&self.project.releases[*place].version, why))
    }
}

/// The specifiers of a requirement that has any.
pub(super) fn specifiers(
    requirement: &crate::format::pypi::Requirement,
) -> Option<&VersionSpecifiers> {
    match &requirement.version_or_url {
        Some(crate::format::pypi::VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers),
        _ => None,
    }
}

/// Whether a specifier asks for one exact version.
fn pins(specifier: &VersionSpecifier) -> bool {
    matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual)
}

/// Whether specifiers name a pre-release, other than to exclude it.
pub fn names_pre_release(specifiers: &VersionSpecifiers) -> bool {
    let excludes = [Operator::NotEqual, Operator::NotEqualStar];
    specifiers
        .iter()
        .any(|specifier| specifier.any_prerelease() && !excludes.contains(specifier.operator()))
}

/// Places that come in ascending order, as runs.
#[derive(Default)]
struct Runs(Vec<(u32, u32)>);

impl Runs {
    fn push(&mut self, slot: u32) {
        match self.0.last_mut() {
            Some((_, end)) if *end == slot => *end += 1,
            _ => self.0.push((slot, slot + 1)),
        }
    }

    fn into_slots(self) -> Slots {
        self.0
            .into_iter()
            .fold(Slots::empty(), |slots, (start, end)| slots.union(&Slots::run(start, end)))
    }
}

/// The files of a release that an environment can use, in the order of the page: what it takes of
/// them by tags, Pythons, formats and digests.
pub fn usable<'a>(
    project: &'a Project,
    release: &'a Release,
    environment: &Environment,
    inputs: &Inputs,
) -> Vec<&'a ProjectFile> {
    let judge = Judge::new(project, environment, inputs);
    release.files.iter().filter(|file| judge.judge(file).is_ok()).collect()
}

/// The file that will most likely stand for a project: the best one of the newest final release that
/// the specifiers contain and the environment can use.
pub fn newest<'a>(
    project: &'a Project,
    specifiers: Option<&VersionSpecifiers>,
    environment: &Environment,
    inputs: &Inputs,
) -> Option<&'a ProjectFile> {
    let judge = Judge::new(project, environment, inputs);
    let pre = specifiers.is_some_and(names_pre_release)
        || inputs.policy.takes_pre_releases(&project.name);
    let fits = |release: &&Release| {
        (pre || !release.version.any_prerelease())
            && specifiers.is_none_or(|some| some.contains(&release.version))
    };
    let releases = project.releases.iter().rev().filter(fits);
    let mut files =
        releases.filter_map(|release| judge.best(release).ok().map(|place| &release.files[place]));
    files.find(|file| file.yanked.is_none())
}

/// The best of a release's files for an environment; `None` where it can use none.
pub fn best<'a>(
    project: &'a Project,
    release: &'a Release,
    environment: &Environment,
    inputs: &Inputs,
) -> Option<&'a ProjectFile> {
    let judge = Judge::new(project, environment, inputs);
    judge.best(release).ok().map(|place| &release.files[place])
}

/// Chooses the files of a project for an environment.
struct Judge<'a> {
    formats: [bool; 2],
    hashes: Option<&'a [crate::digest::Digest]>,
    /// For each of the project's tags, how good it is.
    ranks: Vec<Option<u32>>,
    /// For each of the project's `requires-python`, its text where it leaves the environment out.
    pythons: Vec<Option<&'a str>>,
}

impl<'a> Judge<'a> {
    fn new(project: &'a Project, environment: &Environment, inputs: &'a Inputs) -> Self {
        let python = |(text, specifiers): &'a (String, VersionSpecifiers)| {
            (!specifiers.contains(&environment.python)).then_some(text.as_str())
        };
        Self {
            formats: inputs.policy.formats(&project.name),
            hashes: inputs.hashes.get(&project.name).map(Vec::as_slice),
            ranks: project.tags.iter().map(|tags| environment.tags.rank(tags)).collect(),
            pythons: project.pythons.iter().map(python).collect(),
        }
    }

    /// The place of a release's best file: what was not withdrawn first, wheels before source
    /// distributions, the better tags, the later build; of sources the `.tar.gz`.
    fn best(&self, release: &Release) -> Result<usize, Refusal> {
        let mut best = None;
        let mut refusal = None;
        for (place, file) in release.files.iter().enumerate() {
            match self.judge(file) {
                Ok(rank) => {
                    let gz = file.filename.ends_with(".tar.gz");
                    let build = match &file.kind {
                        Kind::Wheel { build, .. } => build.as_ref(),
                        Kind::Sdist => None,
                    };
                    let key = (file.yanked.is_some(), rank.is_none(), rank, Reverse(build), !gz);
                    if best.as_ref().is_none_or(|(other, _)| key < *other) {
                        best = Some((key, place));
                    }
                }
                Err(why) => refusal = refusal.max(Some(why)),
            }
        }
        // Of several reasons the one that the fewest files had to pass to get is told last, so the
        // order of `Refusal` puts what most likely can be helped at its end.
        best.map(|(_, place)| place).ok_or(refusal.unwrap_or(Refusal::NoWheel))
    }

    /// How good a file is: the rank of a wheel's tags, `None` for a source distribution.
    fn judge(&self, file: &ProjectFile) -> Result<Option<u32>, Refusal> {
        if let Some(python) = file.python.and_then(|place| self.pythons[place]) {
            return Err(Refusal::Python(python.to_owned()));
        }
        let [wheels, sdists] = self.formats;
        let rank = match file.kind {
            _ if !wheels && !sdists => return Err(Refusal::NoFormat),
            Kind::Wheel { .. } if !wheels => return Err(Refusal::NoBinary),
            Kind::Wheel { tags, .. } => Some(self.ranks[tags].ok_or(Refusal::NoWheel)?),
            Kind::Sdist if !sdists => return Err(Refusal::OnlyBinary),
            Kind::Sdist => None,
        };
        if self.hashes.is_some_and(|hashes| !file.digests.iter().any(|has| hashes.contains(has))) {
            return Err(Refusal::Digests);
        }
        Ok(rank)
    }
}
