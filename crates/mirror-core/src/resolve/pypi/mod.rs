//! Requirements × targets → the distributions to mirror.
//!
//! A [`Target`] has one or two [`Environment`]s; [`resolve`] answers for one of them which version of
//! which project to take, by `PubGrub` over what an [`Index`] says. Nothing is downloaded to resolve
//! but pages and metadata, and nothing is run. All targets share one index, so that each page and
//! each piece of metadata is read once.
//!
//! What is chosen is what pip and uv choose: the newest version that fits everything, with these
//! rules where they differ or a user may wonder:
//!
//! - Files count for a version only if the target can use them: by tags, `requires-python`, digests
//!   where the requirements list any, and by what `--only-binary` and `--no-binary` leave.
//! - A version that was withdrawn is taken where it is asked for exactly, by the user or by what
//!   needs it.
//! - A pre-release is taken where a specifier names one, where a project has nothing else, or where
//!   all are allowed.
//! - What only a release names in this way counts for others that need the project where there is no
//!   solution without it.
//! - A version whose metadata cannot be read, or that needs another package from a URL, is passed
//!   over.
//! - An extra that a version does not have adds nothing, with a note.
//!
//! A set without a solution gets an [`Explanation`].

mod candidates;
mod distribution;
mod explain;
mod index;
mod input;
pub mod platform;
mod project;
mod provider;
mod python;
mod slots;
pub mod tags;
pub mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pubgrub::{PubGrubError, SelectedDependencies};

pub use candidates::{best, names_pre_release, newest, usable};
pub use distribution::Distribution;
pub use explain::Explanation;
pub use index::{Described, Index, Metadata, Wanted};
pub use input::{Asked, Inputs, Policy, PreReleases, Prefer, Projects};
pub use project::{Listed, Project, ProjectFile, Release};
pub use python::{Implementation, Python, TargetError};
pub use target::{Environment, Target};

use crate::format::pypi::{ExtraName, PackageName, Version};
use crate::limits;
use provider::{Package, Provider, Special, Stop, Unfit};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError<E: std::error::Error + 'static> {
    /// The requirements contradict each other, or what is on the index.
    #[error("no versions satisfy the requirements: {}", .0.lines.join("; "))]
    Unsolvable(Explanation),
    /// A project is asked for at two URLs.
    #[error("{name} is asked for at two URLs: {one} and {other}")]
    TwoUrls {
        /// The project.
        name: PackageName,
        /// A URL.
        one: String,
        /// Another.
        other: String,
    },
    /// The search went on for too long.
    #[error("gave up after {max} steps: pin or bound some versions", max = limits::RESOLVE_STEPS)]
    Steps,
    /// The index could not say.
    #[error(transparent)]
    Index(E),
}

/// What to take for one environment.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// What was chosen, by name.
    pub picks: Vec<Pick>,
    /// What a user may want to know, though it stands in nothing's way.
    pub notes: Vec<String>,
    /// Newer versions that are for other Pythons, where only their metadata says so.
    pub passed_over: Vec<String>,
}

/// A version that was chosen.
#[derive(Clone, Debug)]
pub struct Pick {
    /// The project.
    pub project: Arc<Project>,
    /// The version's place in the project's releases.
    release: usize,
    /// The file's place in the release.
    file: usize,
    /// The extras that are wanted of it.
    pub extras: BTreeSet<ExtraName>,
    /// Who asked for it.
    pub requested_by: Vec<Request>,
}

impl Pick {
    /// The project's name.
    pub fn name(&self) -> &PackageName {
        &self.project.name
    }

    /// The release, with all its files.
    pub fn release(&self) -> &Release {
        &self.project.releases[self.release]
    }

    /// The version.
    pub fn version(&self) -> &Version {
        &self.release().version
    }

    /// The file whose metadata counted: the best one for the environment.
    pub fn file(&self) -> &ProjectFile {
        &self.release().files[self.file]
    }
}

/// A requirement that led to a choice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Who: a package of the answer, or the user.
    pub by: Requester,
    /// In which words.
    pub requirement: String,
}

/// Who asks for a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requester {
    /// The user, and where: a file and line, or the command line.
    User(String),
    /// A package of the answer, or one of its extras.
    Package(PackageName, Option<ExtraName>),
}

/// How often a resolution is tried again with withdrawn versions and pre-releases that releases have
/// named meanwhile: the second time is nearly always the last.
const ATTEMPTS: usize = 5;

/// Versions of a project that are named where they were passed over; the others are counted.
const PASSED_OVER: usize = 3;

/// Chooses versions that satisfy requirements in an environment.
pub fn resolve<I: Index>(
    inputs: &Inputs,
    environment: &Environment,
    index: &I,
) -> Result<Resolution, ResolveError<I::Error>> {
    let stopped = |stop| match stop {
        Stop::Index(error) => ResolveError::Index(error),
        Stop::Steps => ResolveError::Steps,
        Stop::TwoUrls(name, one, other) => ResolveError::TwoUrls { name, one, other },
    };
    let mut special = Special::new();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let provider = Provider::new(index, inputs, environment, special);
        match pubgrub::resolve(&provider, Package::Root, 0_u32) {
            Ok(selected) => return answer(&selected, &provider).map_err(stopped),
            Err(PubGrubError::NoSolution(tree)) => match provider.more_special() {
                Some(more) if attempts < ATTEMPTS => special = more,
                _ => return Err(ResolveError::Unsolvable(explain::explain(tree, &provider))),
            },
            Err(
                PubGrubError::ErrorRetrievingDependencies { source, .. }
                | PubGrubError::ErrorChoosingVersion { source, .. }
                | PubGrubError::ErrorInShouldCancel(source),
            ) => return Err(stopped(source)),
        }
    }
}

/// Puts the solver's choice in words.
fn answer<I: Index>(
    selected: &SelectedDependencies<Package, u32>,
    provider: &Provider<'_, I>,
) -> Result<Resolution, Stop<I::Error>> {
    let mut picks: BTreeMap<PackageName, Pick> = BTreeMap::new();
    for (package, &slot) in selected.iter() {
        let Package::Project(name) = package else { continue };
        let candidates = provider.candidates(name)?;
        let candidate = candidates.list[slot as usize];
        let pick = Pick {
            project: Arc::clone(&candidates.project),
            release: candidate.release,
            file: candidate.file,
            extras: BTreeSet::new(),
            requested_by: Vec::new(),
        };
        picks.insert(name.clone(), pick);
    }
    let (mut notes, mut passed_over) = (Vec::new(), Vec::new());
    for (package, &slot) in selected.iter() {
        let Package::Project(name) = package else { continue };
        let passed = provider.passed_over(name, slot);
        let candidates = provider.candidates(name)?;
        let (pythons, faulty): (Vec<_>, Vec<_>) =
            passed.into_iter().partition(|(_, why)| matches!(why, Unfit::Python(_)));
        for (passed, lines) in [(pythons, &mut passed_over), (faulty, &mut notes)] {
            for (slot, why) in passed.iter().take(PASSED_OVER) {
                lines.push(format!("{name} {} is passed over: {why}", candidates.version(*slot)));
            }
            if passed.len() > PASSED_OVER {
                let more = passed.len() - PASSED_OVER;
                let why = "more versions are passed over for their metadata";
                lines.push(format!("{name}: {more} {why}"));
            }
        }
    }
    let mut request = |requirement: &crate::format::pypi::Requirement, by, words: String| {
        if let Some(pick) = picks.get_mut(&requirement.name) {
            pick.extras.extend(requirement.extras.iter().cloned());
            pick.requested_by.push(Request { by, requirement: words });
        }
    };
    for asked in &provider.requirements {
        request(&asked.requirement, Requester::User(asked.origin.clone()), asked.text.clone());
    }
    for (package, &slot) in selected.iter() {
        let (name, extra) = match package {
            Package::Root => continue,
            Package::Project(name) => (name, None),
            Package::Extra(name, extra) => (name, Some(extra)),
        };
        let known = provider.needs(name, slot)?;
        let Ok(needs) = &*known else { continue };
        if let Some(extra) = extra.filter(|extra| !needs.metadata.provides_extra.contains(extra)) {
            let version = provider.candidates(name)?.version(slot).clone();
            notes.push(format!("{name} {version} has no extra {extra}"));
        }
        for requirement in needs.requirements(extra, provider.environment) {
            let by = Requester::Package(name.clone(), extra.cloned());
            request(requirement, by, requirement.to_string());
        }
    }
    for pick in picks.values_mut() {
        pick.requested_by.sort();
        if let Some(why) = &pick.file().yanked {
            let why = if why.is_empty() { "without a reason" } else { why };
            notes.push(format!("{} {} was withdrawn: {why}", pick.name(), pick.version()));
        }
    }
    notes.sort();
    passed_over.sort();
    Ok(Resolution { picks: picks.into_values().collect(), notes, passed_over })
}

#[cfg(test)]
mod tests;
