//! What one environment takes: what is asked for, all that it needs, and what it takes to build what
//! has no wheel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::set::{Sdists, Selection, Wheels};
use crate::format::pypi::sdist::BuildSystem;
use crate::format::pypi::{PackageName, Requirement, Version, VersionOrUrl};
use crate::resolve::pypi::{
    Asked, Environment, Index, Inputs, Project, ProjectFile, Release, Request, Requester,
    Resolution, ResolveError, best, resolve, usable,
};

/// An index that knows what its source distributions are built with.
pub(super) trait Library: Index {
    /// What it takes to build a source distribution; why that is not known, where it is not.
    fn build_system(
        &self,
        project: &Project,
        file: &ProjectFile,
    ) -> Result<Result<BuildSystem, String>, Self::Error>;
}

/// A version that is taken.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) project: Arc<Project>,
    pub(super) version: Version,
    /// The places of its files in the project's list.
    pub(super) files: BTreeSet<usize>,
    /// Who asked for it, for people.
    pub(super) requested_by: BTreeSet<String>,
    /// Whether it serves builds alone.
    pub(super) build: bool,
}

/// What one environment takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Closure {
    taken: BTreeMap<(PackageName, Version), Taken>,
    pub(super) notes: BTreeSet<String>,
}

/// Why an environment cannot have what is asked for.
#[derive(Debug)]
pub(super) enum Unsolved<E> {
    /// In lines, for people.
    Because(Vec<String>),
    /// The index could not say.
    Index(E),
}

impl<E> From<E> for Unsolved<E> {
    fn from(error: E) -> Self {
        Self::Index(error)
    }
}

impl Closure {
    /// What is taken, by name and version.
    pub(super) fn into_taken(self) -> impl Iterator<Item = Taken> {
        self.taken.into_values()
    }

    pub(super) fn add(&mut self, taken: Taken) {
        let key = (taken.project.name.clone(), taken.version.clone());
        let Some(known) = self.taken.get_mut(&key) else {
            self.taken.insert(key, taken);
            return;
        };
        known.files.extend(taken.files);
        known.requested_by.extend(taken.requested_by);
        known.build &= taken.build;
    }

    /// Takes in what another environment takes.
    pub(super) fn join(&mut self, other: Self) {
        self.notes.extend(other.notes);
        for taken in other.taken.into_values() {
            self.add(taken);
        }
    }
}

/// The work for one environment.
pub(super) struct Closing<'a, L> {
    library: &'a L,
    environment: &'a Environment,
    selection: Selection,
    closure: Closure,
    /// What builds were resolved for.
    built: BTreeSet<Vec<String>>,
}

impl<'a, L: Library> Closing<'a, L> {
    pub(super) fn new(library: &'a L, environment: &'a Environment, selection: Selection) -> Self {
        let (closure, built) = (Closure::default(), BTreeSet::new());
        Self { library, environment, selection, closure, built }
    }

    pub(super) fn finish(self) -> Closure {
        self.closure
    }

    /// Takes what `inputs` ask for, and what that needs.
    pub(super) fn resolve(&mut self, inputs: &Inputs) -> Result<(), Unsolved<L::Error>> {
        if inputs.requirements.is_empty() {
            return Ok(());
        }
        self.take_all(inputs, None)
    }

    /// Takes every version of a project that `requirement` admits, or the newest of them, without
    /// what they need.
    pub(super) fn take_versions(
        &mut self,
        requirement: &Requirement,
        inputs: &Inputs,
    ) -> Result<(), Unsolved<L::Error>> {
        if !requirement.marker.evaluate(&self.environment.markers, &[]) {
            return Ok(());
        }
        let name = &requirement.name;
        let Some(project) = self.library.project(name)? else {
            return Err(Unsolved::Because(vec![format!("no index has {name}")]));
        };
        let mut left = self.selection.newest.map_or(usize::MAX, |newest| newest.get() as usize);
        let matching = matching(requirement, &project, inputs);
        let mut taken = Vec::new();
        for release in matching.into_iter().rev() {
            if left == 0 {
                break;
            }
            if let Some(best) = best(&project, release, self.environment, inputs) {
                left -= 1;
                taken.push((release, best));
            }
        }
        if taken.is_empty() {
            let why = format!("no version of {requirement} has a file for this target");
            return Err(Unsolved::Because(vec![why]));
        }
        for (release, best) in taken {
            let why = format!("every version of {requirement}");
            self.take(&project, release, best, inputs, BTreeSet::from([why]), false)?;
        }
        Ok(())
    }

    /// Takes what it takes to build a version that was listed, where the environment can use none of
    /// the wheels that were.
    pub(super) fn take_listed(
        &mut self,
        project: &Project,
        version: &Version,
        listed: &BTreeSet<usize>,
        inputs: &Inputs,
    ) -> Result<(), Unsolved<L::Error>> {
        let Some(release) = project.releases.iter().find(|one| one.version == *version) else {
            return Ok(());
        };
        let usable = usable(project, release, self.environment, inputs);
        let has_wheel =
            usable.iter().any(|file| file.is_wheel() && listed.contains(&file.position));
        if has_wheel && self.selection.sdists != Sdists::Always {
            return Ok(());
        }
        let is_sdist = |file: &&ProjectFile| !file.is_wheel() && listed.contains(&file.position);
        if let Some(sdist) = release.files.iter().find(is_sdist) {
            match self.take_build(project, sdist, inputs) {
                // Nobody asked for that build: a list may be of other targets as well.
                Err(Unsolved::Because(why)) => {
                    self.closure.notes.insert(why.join("; "));
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Takes what it takes to build that source distribution.
    pub(super) fn take_build(
        &mut self,
        project: &Project,
        file: &ProjectFile,
        inputs: &Inputs,
    ) -> Result<(), Unsolved<L::Error>> {
        let filename = &file.filename;
        let because = |why: String| Unsolved::Because(vec![format!("build of {filename}: {why}")]);
        let system = self.library.build_system(project, file)?.map_err(because)?;
        if let Some(fault) = system.faults.first() {
            return Err(because(fault.to_string()));
        }
        if system.is_local {
            self.closure.notes.insert(format!(
                "{filename} is built by a backend of its own, which may ask for more than it says"
            ));
        }
        self.build(filename, system.requires, inputs)
    }

    fn build(
        &mut self,
        filename: &str,
        requires: Vec<Requirement>,
        inputs: &Inputs,
    ) -> Result<(), Unsolved<L::Error>> {
        let mut key: Vec<String> = requires.iter().map(ToString::to_string).collect();
        key.sort();
        if requires.is_empty() || !self.built.insert(key) {
            return Ok(());
        }
        let origin = format!("the build of {filename}");
        let ask = |requirement: Requirement| {
            let text = requirement.to_string();
            Asked { requirement, text, origin: origin.clone() }
        };
        let asked = Inputs {
            requirements: requires.into_iter().map(ask).collect(),
            policy: inputs.policy.clone(),
            ..Inputs::default()
        };
        self.take_all(&asked, Some(filename))
    }

    fn take_all(
        &mut self,
        inputs: &Inputs,
        build_of: Option<&str>,
    ) -> Result<(), Unsolved<L::Error>> {
        let resolution = resolve(inputs, self.environment, self.library);
        let Resolution { picks, notes } = resolution.map_err(|error| match error {
            ResolveError::Index(error) => Unsolved::Index(error),
            ResolveError::Unsolvable(explanation) => Unsolved::Because(match build_of {
                None => explanation.lines,
                Some(filename) => {
                    let first = format!("{filename} cannot be built:");
                    std::iter::once(first).chain(explanation.lines).collect()
                }
            }),
            other => Unsolved::Because(vec![other.to_string()]),
        })?;
        self.closure.notes.extend(notes);
        if let Some(filename) = build_of
            && needs_wheel(&picks)
        {
            // Such a setuptools asks for it when it is run.
            let mut more: Vec<Requirement> =
                inputs.requirements.iter().map(|asked| asked.requirement.clone()).collect();
            more.extend(crate::format::pypi::requirement::parse("wheel"));
            return self.build(filename, more, inputs);
        }
        for pick in picks {
            let requested_by = pick.requested_by.iter().map(words).collect();
            let (release, file) = (pick.release(), pick.file());
            let is_build = build_of.is_some();
            self.take(&pick.project, release, file, inputs, requested_by, is_build)?;
        }
        Ok(())
    }

    /// Takes a version, of whose files `best` is the best.
    fn take(
        &mut self,
        project: &Arc<Project>,
        release: &Release,
        best: &ProjectFile,
        inputs: &Inputs,
        requested_by: BTreeSet<String>,
        build: bool,
    ) -> Result<(), Unsolved<L::Error>> {
        let usable = usable(project, release, self.environment, inputs);
        let mut files = vec![best];
        if self.selection.wheels == Wheels::All {
            files.extend(usable.iter().filter(|file| file.is_wheel()));
        }
        if self.selection.sdists == Sdists::Always && best.is_wheel() {
            let mut sdists = usable.iter().filter(|file| !file.is_wheel());
            let gz = sdists.clone().find(|file| file.filename.ends_with(".tar.gz"));
            files.extend(gz.or_else(|| sdists.next()));
        }
        let (version, places) = (release.version.clone(), files.iter().map(|file| file.position));
        let files_of = places.collect();
        let project = Arc::clone(project);
        self.closure.add(Taken {
            project: Arc::clone(&project),
            version,
            files: files_of,
            requested_by,
            build,
        });
        for file in files.into_iter().filter(|file| !file.is_wheel()) {
            match self.take_build(&project, file, inputs) {
                // It has a wheel, so that nobody has to build it.
                Err(Unsolved::Because(why)) if best.is_wheel() => {
                    self.closure.notes.insert(why.join("; "));
                }
                other => other?,
            }
        }
        Ok(())
    }
}

/// The releases that a requirement admits, oldest first: not what was withdrawn nor pre-releases,
/// unless they are asked for.
fn matching<'a>(
    requirement: &Requirement,
    project: &'a Project,
    inputs: &Inputs,
) -> Vec<&'a Release> {
    use pep440_rs::Operator::{Equal, ExactEqual};
    let specifiers = match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers),
        _ => None,
    };
    let all = || specifiers.into_iter().flat_map(|specifiers| specifiers.iter());
    let pinned = all().any(|one| matches!(one.operator(), Equal | ExactEqual));
    let names_pre = all().any(pep440_rs::VersionSpecifier::any_prerelease);
    let pre = pinned || names_pre || inputs.policy.takes_pre_releases(&project.name);
    let withdrawn = |release: &Release| release.files.iter().all(|file| file.yanked.is_some());
    let mut matching: Vec<&Release> = project
        .releases
        .iter()
        .filter(|release| specifiers.is_none_or(|some| some.contains(&release.version)))
        .filter(|release| pinned || !withdrawn(release))
        .collect();
    let finals = |release: &&Release| !release.version.any_prerelease();
    if !pre && matching.iter().any(finals) {
        matching.retain(finals);
    }
    matching
}

/// Whether a build's setuptools is one that asks for `wheel`, and it was not asked for.
fn needs_wheel(picks: &[crate::resolve::pypi::Pick]) -> bool {
    let is = |name: &str| picks.iter().find(|pick| pick.name().as_ref() == name);
    let bundled = Version::new([70, 1]);
    is("setuptools").is_some_and(|setuptools| *setuptools.version() < bundled)
        && is("wheel").is_none()
}

/// Who asked, for people.
fn words(request: &Request) -> String {
    let Request { by, requirement } = request;
    match by {
        Requester::User(origin) => format!("{requirement} ({origin})"),
        Requester::Package(name, None) => format!("{requirement} ({name})"),
        Requester::Package(name, Some(extra)) => format!("{requirement} ({name}[{extra}])"),
    }
}
