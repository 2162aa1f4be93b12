//! A mirrored tree as an index: what it can answer by itself.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use url::Url;

use super::closure::{By, Closing};
use super::record::{ListedRecord, Record, SetRecord};
use super::set::Selection;
use super::taken::{Library, Unsolved};
use crate::format::pypi::sdist::BuildSystem;
use crate::format::pypi::{MarkerTree, PackageName, Version, requirement};
use crate::resolve::pypi::{Described, Environment, Index, Listed, Metadata, Project, ProjectFile};

/// What is known of a file that is in the tree.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// What it needs, or why that is not known.
    pub(super) metadata: Result<Arc<Metadata>, String>,
    /// Of a source distribution: what it takes to build it.
    pub(super) build: Option<Result<BuildSystem, String>>,
}

/// A tree as an index.
#[derive(Debug)]
pub(super) struct Tree {
    projects: HashMap<PackageName, Arc<Project>>,
    known: HashMap<String, Known>,
}

/// A target that the tree alone has no answer for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unproved {
    /// The set.
    pub set: String,
    /// The target.
    pub target: String,
    /// Why, in lines for people.
    pub why: Vec<String>,
}

/// A version that an exact list or a lock lists.
struct Listing<'a> {
    name: PackageName,
    version: Version,
    files: &'a BTreeSet<String>,
    from: &'a str,
    marker: Option<MarkerTree>,
    /// What the tree has of it where it has nothing.
    nothing: Arc<Project>,
}

impl<'a> Listing<'a> {
    fn read(record: &'a ListedRecord) -> Result<Self, String> {
        let ListedRecord { project, version, files, from, marker } = record;
        let name: PackageName = project
            .parse()
            .map_err(|_| format!("expected the name of a project, found {project:?}"))?;
        let version = version.parse().map_err(|error| format!("{name}: {error}"))?;
        let marker = match marker.as_deref() {
            None => None,
            Some("") => Some(MarkerTree::TRUE),
            Some(text) => Some(requirement::marker_tree(text).map_err(|error| error.to_string())?),
        };
        let nothing = Arc::new(Project::new(name.clone(), []));
        Ok(Self { name, version, files, from, marker, nothing })
    }
}

impl Tree {
    /// The tree of that record; `known` has what is known of each of its files.
    pub(super) fn new(record: &Record, known: HashMap<String, Known>) -> Self {
        let mut files: HashMap<PackageName, Vec<Listed<'_>>> = HashMap::new();
        for (filename, file) in &record.files {
            let Ok(name) = file.project.parse() else { continue };
            files.entry(name).or_default().push(Listed {
                filename,
                requires_python: file.python(),
                yanked: file.yanked.as_deref(),
                digests: file.sha256().map(Into::into).into_iter().collect(),
            });
        }
        let project = |(name, files): (PackageName, Vec<_>)| {
            (name.clone(), Arc::new(Project::new(name, files)))
        };
        Self { projects: files.into_iter().map(project).collect(), known }
    }

    /// For which targets the tree alone has no answer to what the set asks.
    pub(super) fn prove(&self, name: &str, set: &SetRecord) -> Vec<Unproved> {
        let unproved = |target: String, why| Unproved { set: name.to_owned(), target, why };
        let read = || -> Result<_, String> {
            let listed = set.listed.iter().map(Listing::read).collect::<Result<Vec<_>, _>>()?;
            Ok((set.targets()?, set.wants()?, listed))
        };
        let (targets, (inputs, all_versions), listed) = match read() {
            Ok(read) => read,
            Err(why) => return vec![unproved("any".to_owned(), vec![why])],
        };
        let selection = Selection { newest: set.newest, ..Selection::default() };
        let prove = |environment: &Environment| -> Result<(), Unsolved<Infallible>> {
            let mut closing = Closing::new(self, environment, selection);
            closing.resolve(&inputs)?;
            for requirement in &all_versions {
                closing.take_versions(requirement, &inputs)?;
            }
            for one in &listed {
                let project = self.projects.get(&one.name).unwrap_or(&one.nothing);
                let is_listed = |file: &ProjectFile| one.files.contains(&*file.filename);
                let by = By { from: one.from, marker: one.marker.as_ref() };
                closing.take_listed(project, &one.version, is_listed, &by, &inputs)?;
            }
            Ok(())
        };
        let mut found = Vec::new();
        for target in targets {
            let ends = target.environments();
            let failed = ends.iter().rev().find_map(|environment| prove(environment).err());
            if let Some(Unsolved::Because(why)) = failed {
                found.push(unproved(target.to_string(), why));
            }
        }
        found
    }
}

impl Index for Tree {
    type Error = Infallible;

    fn project(&self, name: &PackageName) -> Result<Option<Arc<Project>>, Infallible> {
        Ok(self.projects.get(name).cloned())
    }

    fn direct(&self, name: &PackageName, _: &Url) -> Result<Arc<Project>, Infallible> {
        let none = || Arc::new(Project::new(name.clone(), []));
        Ok(self.projects.get(name).cloned().unwrap_or_else(none))
    }

    fn metadata(&self, _: &Project, file: &ProjectFile) -> Result<Described, Infallible> {
        Ok(match self.known.get(&*file.filename).map(|known| &known.metadata) {
            Some(Ok(metadata)) => Described::As(Arc::clone(metadata)),
            Some(Err(why)) => Described::Unusable(why.clone()),
            None => Described::Unusable(format!("{} is not there", file.filename)),
        })
    }
}

impl Library for Tree {
    fn build_system(
        &self,
        _: &Project,
        file: &ProjectFile,
    ) -> Result<Result<BuildSystem, String>, Infallible> {
        let known = self.known.get(&*file.filename).and_then(|known| known.build.clone());
        Ok(known.unwrap_or_else(|| Err("it is not there".to_owned())))
    }
}
