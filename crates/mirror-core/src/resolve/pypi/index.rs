//! What resolution asks of an index.

use std::sync::Arc;

use url::Url;

use super::project::{Project, ProjectFile};
use crate::format::pypi::{ExtraName, PackageName, Requirement, VersionSpecifiers};

/// Where projects and metadata come from: pages of indexes, folders, or a tree that was mirrored.
///
/// The calls are synchronous, since the solver is: they wait for what they return. What will be
/// asked for next is said beforehand through [`Index::expect`], so that an implementation which
/// fetches has many things under way at once. One index serves every target, from several threads
/// if need be, and is expected to fetch and parse each thing once.
pub trait Index: Sync {
    /// Why an index could not say: ends the resolution.
    type Error: std::error::Error + Send + Sync + 'static;

    /// What the first index that has the project lists of it; `None` where none has it.
    fn project(&self, name: &PackageName) -> Result<Option<Arc<Project>>, Self::Error>;

    /// The project that consists of the one file at a URL: what `name @ URL` asks for.
    fn direct(&self, name: &PackageName, url: &Url) -> Result<Arc<Project>, Self::Error>;

    /// The metadata of a file. What is wrong with the file alone is [`Described::Unusable`].
    fn metadata(&self, project: &Project, file: &ProjectFile) -> Result<Described, Self::Error>;

    /// Asked at each step of a resolution: an error ends it, such as that nobody waits for its answer any
    /// more.
    fn go_on(&self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Told what will probably be asked for soon, the most probable first. May do nothing.
    fn expect(&self, wanted: &[Wanted<'_>]) {
        let _ = wanted;
    }
}

/// Something that will probably be asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// A project's page.
    Project(&'a PackageName),
    /// A file's metadata.
    Metadata(&'a Arc<Project>, &'a ProjectFile),
}

/// What is known of a file's metadata.
#[derive(Clone, Debug)]
pub enum Described {
    /// It was read.
    As(Arc<Metadata>),
    /// It is missing or faulty, which is said: the version is passed over.
    Unusable(String),
}

/// The part of a distribution's metadata that decides what else is needed ([core metadata]).
///
/// [core metadata]: https://packaging.python.org/en/latest/specifications/core-metadata/
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The Pythons that it runs on.
    pub requires_python: Option<VersionSpecifiers>,
    /// What it needs.
    pub requires_dist: Vec<Requirement>,
    /// The extras that it offers.
    pub provides_extra: Vec<ExtraName>,
}
