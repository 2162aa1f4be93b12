//! What one environment takes: what is asked for, all that it needs, and what it takes to build what
//! has no wheel.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::builds::{Builds, World};
use super::set::Selection;
use super::taken::{Closure, Library, Taken, Unsolved, files, unsolved, words};
use crate::format::pypi::{MarkerTree, Requirement, Version, VersionOrUrl};
use crate::resolve::pypi::{
    Described, Environment, Inputs, Project, ProjectFile, Release, Resolution, Wanted, best,
    names_pre_release, resolve, usable,
};

/// Lines that say why no version of a project can be built.
const SHOWN: usize = 5;

/// Who lists a version.
pub(super) struct By<'a> {
    /// In words.
    pub(super) from: &'a str,
    /// Where it is installed; `None` where that is not known, as of locks.
    pub(super) marker: Option<&'a MarkerTree>,
}

/// The work for one environment.
pub(super) struct Closing<'a, L> {
    library: &'a L,
    environment: &'a Environment,
    selection: Selection,
    closure: Closure,
    builds: Builds,
}

impl<'a, L: Library> Closing<'a, L> {
    pub(super) fn new(library: &'a L, environment: &'a Environment, selection: Selection) -> Self {
        let (closure, builds) = (Closure::default(), Builds::default());
        Self { library, environment, selection, closure, builds }
    }

    pub(super) fn finish(self) -> Closure {
        self.closure
    }

    /// Takes what `inputs` ask for, and what that needs.
    pub(super) fn resolve(&mut self, inputs: &Inputs) -> Result<(), Unsolved<L::Error>> {
        if inputs.requirements.is_empty() {
            return Ok(());
        }
        self.take_all(inputs)
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
        let mut left_out = Vec::new();
        let mut is_any = false;
        let fits = |release| Some((release, best(&project, release, self.environment, inputs)?));
        let matching = matching(requirement, &project, inputs).into_iter().rev();
        let fitting: Vec<_> = matching.filter_map(fits).collect();
        let silent =
            fitting.iter().map(|(_, best)| *best).filter(|best| says_no_python(&project, best));
        let silent = silent.take(left).map(|best| Wanted::Metadata(&project, best));
        self.library.expect(&silent.collect::<Vec<_>>());
        for (release, best) in fitting {
            if left == 0 {
                break;
            }
            if says_no_python(&project, best)
                && let Described::As(metadata) = self.library.metadata(&project, best)?
                && let Some(python) = &metadata.requires_python
                && !python.contains(&self.environment.python)
            {
                continue;
            }
            let by = BTreeSet::from([format!("every version of {requirement}")]);
            match self.take(&project, release, best, inputs, by) {
                Ok(()) => {
                    left -= 1;
                    is_any = true;
                }
                // One that is beyond building stands in the way of no other.
                Err(Unsolved::Because(why)) => left_out.push(why.join("; ")),
                Err(error) => return Err(error),
            }
        }
        if is_any {
            let note = |why| format!("{name}: a version is left out: {why}");
            self.closure.notes.extend(left_out.into_iter().map(note));
            return Ok(());
        }
        left_out.insert(0, format!("no version of {requirement} has a file for this target"));
        if left_out.len() > 1 {
            left_out[0] = format!("no version of {requirement} can be built for this target");
        }
        left_out.truncate(SHOWN);
        Err(Unsolved::Because(left_out))
    }

    /// Takes what it takes to build the source distributions that an exact list or a lock lists of a
    /// version. That one cannot be built is a note where the environment can use another file of those
    /// that are listed.
    ///
    /// Of a list it has to have a file for the environment, as for pip. A lock says not for which
    /// environments a version is, so that there it is a note.
    pub(super) fn take_listed(
        &mut self,
        project: &Project,
        version: &Version,
        listed: impl Fn(&ProjectFile) -> bool,
        by: &By<'_>,
        inputs: &Inputs,
    ) -> Result<(), Unsolved<L::Error>> {
        let By { from, marker } = by;
        if marker.is_some_and(|marker| !marker.evaluate(&self.environment.markers, &[])) {
            return Ok(());
        }
        let release = project.releases.iter().find(|one| one.version == *version);
        let usable = release
            .map_or_else(Vec::new, |release| usable(project, release, self.environment, inputs));
        let usable: Vec<_> = usable.into_iter().filter(|file| listed(file)).collect();
        if usable.is_empty() {
            let name = &project.name;
            let why = format!("{name} {version} has no listed file for this target ({from})");
            return self.lacks(vec![why], marker.is_none());
        }
        let (wheels, sdists): (Vec<_>, Vec<_>) =
            usable.into_iter().partition(|file| file.is_wheel());
        for (before, sdist) in sdists.into_iter().enumerate() {
            match self.take_build(project, sdist, inputs) {
                Err(Unsolved::Because(why)) => {
                    let has_other = before > 0 || !wheels.is_empty();
                    self.lacks(why, has_other || marker.is_none())?;
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// What cannot be had: a note, or the end.
    fn lacks(&mut self, why: Vec<String>, is_note: bool) -> Result<(), Unsolved<L::Error>> {
        if !is_note {
            return Err(Unsolved::Because(why));
        }
        self.closure.notes.insert(why.join("; "));
        Ok(())
    }

    fn take_all(&mut self, inputs: &Inputs) -> Result<(), Unsolved<L::Error>> {
        let Resolution { picks, notes, passed_over } =
            resolve(inputs, self.environment, self.library).map_err(unsolved)?;
        self.closure.notes.extend(notes);
        self.closure.passed_over.extend(passed_over);
        for pick in picks {
            let requested_by = pick.requested_by.iter().map(words).collect();
            self.take(&pick.project, pick.release(), pick.file(), inputs, requested_by)?;
        }
        Ok(())
    }

    /// Takes a version, of whose files `best` is the best, with what it takes to build it.
    fn take(
        &mut self,
        project: &Arc<Project>,
        release: &Release,
        best: &ProjectFile,
        inputs: &Inputs,
        requested_by: BTreeSet<String>,
    ) -> Result<(), Unsolved<L::Error>> {
        let files = files(project, release, best, self.environment, inputs, self.selection);
        for file in files.iter().filter(|file| !file.is_wheel()) {
            match self.take_build(project, file, inputs) {
                // It has a wheel, so that nobody has to build it.
                Err(Unsolved::Because(why)) if best.is_wheel() => {
                    self.closure.notes.insert(why.join("; "));
                }
                other => other?,
            }
        }
        self.closure.add(Taken {
            project: Arc::clone(project),
            version: release.version.clone(),
            files: files.iter().map(|file| file.position).collect(),
            requested_by,
            build: false,
        });
        Ok(())
    }

    /// Takes what it takes to build that source distribution; nothing of it where that cannot be had.
    fn take_build(
        &mut self,
        project: &Project,
        file: &ProjectFile,
        inputs: &Inputs,
    ) -> Result<(), Unsolved<L::Error>> {
        let (library, environment) = (self.library, self.environment);
        let world =
            World { library, environment, policy: &inputs.policy, selection: self.selection };
        self.builds.take(&world, project, file, &mut self.closure)
    }
}

/// Whether a page leaves open which Pythons a file is for: then the file itself says it.
fn says_no_python(project: &Project, file: &ProjectFile) -> bool {
    project.requires_python(file).is_none()
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
    let names_pre = specifiers.is_some_and(names_pre_release);
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
