//! What solvers will ask for, guessed as answers arrive.
//!
//! A solver takes one step at a time, and each would cost a round trip. So when a project's page is
//! there, the metadata of the version that will most likely be taken is asked for, and when that is
//! there, the pages of what it needs. Each project is guessed for once: where a solver takes other
//! versions, it asks by itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Found, Want};
use crate::format::pypi::{ExtraName, PackageName, Requirement, VersionOrUrl, VersionSpecifiers};
use crate::resolve::pypi::{Environment, Inputs, Metadata, newest};

/// What is guessed by: the requirement that first named a project.
#[derive(Default)]
struct Hint {
    specifiers: Option<VersionSpecifiers>,
    extras: Vec<ExtraName>,
}

/// The guesses of a run.
pub(in crate::source::pypi) struct Ahead {
    environments: Vec<(Arc<Inputs>, Environment)>,
    hints: HashMap<PackageName, Hint>,
    /// The projects that the same sets asked for before.
    before: Vec<PackageName>,
}

impl Ahead {
    /// Guesses for what is resolved in these environments; `before` are the projects that the same
    /// sets asked for in an earlier run.
    pub(in crate::source::pypi) fn new(
        environments: Vec<(Arc<Inputs>, Environment)>,
        before: Vec<PackageName>,
    ) -> Self {
        Self { environments, hints: HashMap::new(), before }
    }

    /// What will be asked for first.
    pub(super) fn begin(&mut self) -> Vec<Want> {
        let mut wants = Vec::new();
        for (inputs, environment) in std::mem::take(&mut self.environments) {
            for asked in &inputs.requirements {
                if asked.requirement.evaluate_markers(&environment.markers, &[]) {
                    wants.extend(self.named(&asked.requirement));
                }
            }
            self.environments.push((inputs, environment));
        }
        let before = std::mem::take(&mut self.before);
        wants.extend(before.iter().map(|name| Want::project(name, false)));
        wants
    }

    /// What will be asked for where a project's page has arrived.
    pub(super) fn page(&self, found: &Arc<Found>) -> Vec<Want> {
        // What nobody named is listed exactly, and not resolved.
        let Some(hint) = self.hints.get(&found.project.name) else { return Vec::new() };
        let specifiers = hint.specifiers.as_ref();
        let likely = self.environments.iter().filter_map(|(inputs, environment)| {
            newest(&found.project, specifiers, environment, inputs).map(|file| file.position)
        });
        let likely: HashSet<usize> = likely.collect();
        likely.into_iter().map(|at| Want::metadata(found, at, false)).collect()
    }

    /// What will be asked for where a project's metadata has arrived.
    pub(super) fn metadata(&mut self, name: &PackageName, metadata: &Metadata) -> Vec<Want> {
        let extras = self.hints.get(name).map(|hint| hint.extras.clone()).unwrap_or_default();
        let holds = |requirement: &&Requirement| {
            let mut environments = self.environments.iter();
            environments.any(|(_, one)| requirement.evaluate_markers(&one.markers, &extras))
        };
        let needed: Vec<_> = metadata.requires_dist.iter().filter(holds).cloned().collect();
        needed.iter().filter_map(|requirement| self.named(requirement)).collect()
    }

    /// The page of a project that is named for the first time.
    fn named(&mut self, requirement: &Requirement) -> Option<Want> {
        let specifiers = match &requirement.version_or_url {
            Some(VersionOrUrl::Url(_)) => return None,
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers.clone()),
            None => None,
        };
        if let Some(known) = self.hints.get_mut(&requirement.name) {
            known.extras.extend(requirement.extras.iter().cloned());
            return None;
        }
        let hint = Hint { specifiers, extras: requirement.extras.clone() };
        self.hints.insert(requirement.name.clone(), hint);
        Some(Want::project(&requirement.name, false))
    }
}
