//! The formats of Python packages: file names, requirements, and what says what is wanted.
//!
//! What is wanted is said in [`requirements`] files, a project's file ([`pyproject`]) and lock files
//! ([`pylock`], [`uv_lock`]); a single [`requirement`] is what all of them, and the metadata of
//! packages, are made of.
//!
//! Names, versions and requirements are those of `pep440_rs` and `pep508_rs`; the aliases here are
//! the ones to use, so that a requirement means the same everywhere.

pub mod direct;
pub mod filename;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub mod input;
pub mod lock;
pub mod metadata;
pub mod page;
pub mod pylock;
pub mod pyproject;
pub mod requirement;
pub mod requirements;
pub mod sdist;
pub mod uv_lock;
pub mod zip;

pub use pep440_rs::{Version, VersionSpecifiers};
pub use pep508_rs::{ExtraName, MarkerEnvironment, MarkerTree, PackageName, VersionOrUrl};

use super::rpm::excerpt;

/// A dependency specifier ([PEP 508]): name, extras, versions or a URL, and a marker.
///
/// Over a plain URL: the other kind that `pep508_rs` offers expands environment variables while it
/// parses, and this library reads none.
///
/// [PEP 508]: https://peps.python.org/pep-0508/
pub type Requirement = pep508_rs::Requirement<url::Url>;
