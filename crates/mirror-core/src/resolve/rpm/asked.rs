//! From what a user asks for to a goal: names, groups, module streams and what is installed.
//!
//! A [`PackageSet`] is in the user's words; [`goal`] finds out what they mean in a pool and its
//! repositories' comps and modules. Whatever is not known is told at once, each with what was perhaps
//! meant.

use super::pool::{Pool, TooLarge};
use super::roots::NotFound;
use super::search::Weak;
use super::{Goal, Root};
use crate::format::rpm::comps::Comps;
use crate::format::rpm::installed::Installed;
use crate::format::rpm::modules::{Modules, UnknownStreams};

/// Packages that a user wants together, by a name of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageSet {
    /// Its name.
    pub name: String,
    /// What is asked for, each as `dnf install` takes it: a package's name, `name-version` and so on,
    /// with patterns; what packages provide, or a file's path; `@group` and `@^environment`.
    pub packages: Vec<String>,
    /// What is taken for it.
    pub extent: Extent,
    /// Whether what is recommended is taken, too.
    pub weak: Weak,
    /// The streams of modules that packages may be of, besides those that are chosen by default.
    pub streams: Vec<ModuleStream>,
    /// The packages of the host that the set is for; of an empty installation there are none.
    pub installed: Vec<Installed>,
}

/// What is taken for the packages of a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// They alone.
    #[default]
    Named,
    /// They, and all that they need.
    Closed,
}

/// A stream of a module: `name:stream`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleStream {
    /// The module.
    pub module: String,
    /// The stream.
    pub stream: String,
}

/// A text that names no stream of a module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a module and a stream of it, as nodejs:20, found {0:?}")]
pub struct NotAStream(String);

/// What a set means in a pool.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What is to be solved.
    pub goal: Goal,
    /// What a user may want to know, though it stands in nothing's way.
    pub notes: Vec<String>,
}

/// Why a set is no goal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No repository knows some of the words: these.
    #[error("{}", lines(.0))]
    Unknown(Vec<Unknown>),
    /// It cannot be told which packages are of modules.
    #[error(transparent)]
    Modules(#[from] UnknownStreams),
    /// Too much is installed.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// Something that no repository knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// A package.
    #[error(transparent)]
    Package(#[from] NotFound),
}

fn lines(unknown: &[Unknown]) -> String {
    unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl PackageSet {
    /// The words that are paths of files, which are to be looked for in filelists besides
    /// [`Pool::unknown_paths`].
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(String::as_str).filter(|word| word.starts_with('/'))
    }
}

/// Finds out what is meant by the words of a set.
///
/// `comps` and `modules` are those of the pool's repositories, in their order. The pool is changed:
/// what belongs to streams that are not enabled is hidden, what is installed and in no repository is
/// added. Nothing of this is left of an earlier set of the same pool, so that one pool does for
/// several sets, one after the other: solve each goal before the next. What is hidden for other
/// reasons has to be so before.
pub fn goal(
    pool: &mut Pool,
    _comps: &[Comps],
    _modules: &[Modules],
    set: &PackageSet,
) -> Result<Asked, AskError> {
    let mut unknown = Vec::new();
    let mut roots: Vec<Root> = Vec::new();
    for word in &set.packages {
        match pool.roots(word) {
            Ok(found) => roots.extend(found),
            Err(error) => unknown.push(error.into()),
        }
    }
    if !unknown.is_empty() {
        return Err(AskError::Unknown(unknown));
    }
    let goal = Goal { roots, installed: Vec::new(), weak: set.weak };
    Ok(Asked { goal, notes: Vec::new() })
}

impl std::str::FromStr for ModuleStream {
    type Err = NotAStream;

    fn from_str(text: &str) -> Result<Self, NotAStream> {
        let whole = |part: &str| !part.is_empty() && !part.contains([':', '/', ' ']);
        match text.split_once(':') {
            Some((module, stream)) if whole(module) && whole(stream) => {
                Ok(Self { module: module.to_owned(), stream: stream.to_owned() })
            }
            _ => Err(NotAStream(crate::format::rpm::excerpt(text))),
        }
    }
}

impl std::fmt::Display for ModuleStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.module, self.stream)
    }
}
