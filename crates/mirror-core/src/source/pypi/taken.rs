//! What an environment takes, and what it is taken from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::set::{Sdists, Selection, Wheels};
use crate::format::pypi::sdist::BuildSystem;
use crate::format::pypi::{PackageName, Version};
use crate::resolve::pypi::{
    Environment, Index, Inputs, Project, ProjectFile, Release, Request, Requester, ResolveError,
    usable,
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
    /// Newer versions that are for other Pythons.
    pub(super) passed_over: BTreeSet<String>,
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
        self.passed_over.extend(other.passed_over);
        for taken in other.taken.into_values() {
            self.add(taken);
        }
    }
}

/// Which files of a version are taken, of which `best` is the best.
pub(super) fn files<'a>(
    project: &'a Project,
    release: &'a Release,
    best: &'a ProjectFile,
    environment: &Environment,
    inputs: &Inputs,
    selection: Selection,
) -> Vec<&'a ProjectFile> {
    let mut files = vec![best];
    if selection.wheels == Wheels::Best && selection.sdists != Sdists::Always {
        return files;
    }
    let usable = usable(project, release, environment, inputs);
    if selection.wheels == Wheels::All {
        files
            .extend(usable.iter().filter(|file| file.is_wheel() && file.position != best.position));
    }
    if selection.sdists == Sdists::Always && best.is_wheel() {
        let mut sdists = usable.iter().filter(|file| !file.is_wheel());
        let gz = sdists.clone().find(|file| file.filename.ends_with(".tar.gz"));
        files.extend(gz.or_else(|| sdists.next()));
    }
    files
}

/// Why there is no resolution.
pub(super) fn unsolved<E>(error: ResolveError<E>) -> Unsolved<E>
where
    E: std::error::Error + 'static,
{
    match error {
        ResolveError::Index(error) => Unsolved::Index(error),
        ResolveError::Unsolvable(explanation) => Unsolved::Because(explanation.lines),
        other => Unsolved::Because(vec![other.to_string()]),
    }
}

/// Who asked, for people.
pub(super) fn words(request: &Request) -> String {
    let Request { by, requirement } = request;
    match by {
        Requester::User(origin) => format!("{requirement} ({origin})"),
        Requester::Package(name, None) => format!("{requirement} ({name})"),
        Requester::Package(name, Some(extra)) => format!("{requirement} ({name}[{extra}])"),
    }
}
