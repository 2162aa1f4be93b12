//! From what a user asks for to a goal: names, groups, module streams and what is installed.
//!
//! A [`PackageSet`] is in the user's words; [`goal`] finds out what they mean in a pool and its
//! repositories' comps and modules. Whatever is not known is told at once, each with what was perhaps
//! meant.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::pool::{Hidden, PackageId, Pool, TooLarge};
use super::roots::{NotFound, meant};
use super::search::Weak;
use super::{Goal, Root};
use crate::format::rpm::comps::Comps;
use crate::format::rpm::installed::Installed;
use crate::format::rpm::modules::{Modules, UnknownStreams};
use groups::Groups;
use streams::{Enabled, Streams};

mod groups;
mod host;
mod streams;

/// Packages that a user wants together, by a name of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageSet {
    /// Its name.
    pub name: String,
    /// What is asked for, each as `dnf install` takes it: a package's name, `name-version` and so on,
    /// with patterns; what packages provide, or a file's path; `@group` and `@^environment`, by id or
    /// name; `@module`, `@module:stream` and either with `/profile`.
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

/// Something that no repository knows, or has in this way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// A package.
    #[error(transparent)]
    Package(#[from] NotFound),
    /// A package that only streams have that are not enabled.
    #[error("{text} is of modules only, of streams that are not enabled: {}", words(.streams))]
    Modular {
        /// What was asked for.
        text: String,
        /// Streams that have it.
        streams: Vec<ModuleStream>,
    },
    /// A group or environment.
    #[error("no group or environment is called {text}{}", meant(.near.as_deref()))]
    Group {
        /// What was asked for, with its `@`.
        text: String,
        /// One that is much like it.
        near: Option<String>,
    },
    /// A module.
    #[error("no module is called {module}{}", meant(.near.as_deref()))]
    Module {
        /// What was asked for.
        module: String,
        /// One that is much like it.
        near: Option<String>,
    },
    /// A stream of a module that there is.
    #[error("no stream of the module {} is called {}: there is {}", .asked.module, .asked.stream, .there.join(", "))]
    Stream {
        /// What was asked for.
        asked: ModuleStream,
        /// The streams that there are.
        there: Vec<String>,
    },
    /// Which stream is meant.
    #[error("{text}: no stream of that module is chosen by default: there is {}", .there.join(", "))]
    NoStream {
        /// What was asked for.
        text: String,
        /// The streams that there are.
        there: Vec<String>,
    },
    /// A profile of a stream, or which of them is meant.
    #[error("{text}: {}", profiles(.there))]
    Profile {
        /// What was asked for.
        text: String,
        /// The profiles that there are.
        there: Vec<String>,
    },
    /// A package of a profile.
    #[error("{text} asks for {package}, which no repository has")]
    OfProfile {
        /// What was asked for.
        text: String,
        /// The package.
        package: String,
    },
    /// Streams that cannot be enabled, and why.
    #[error("{0}")]
    Streams(String),
}

fn profiles(there: &[String]) -> String {
    match there {
        [] => "the stream has no profiles".to_owned(),
        there => format!("expected one of its profiles: {}", there.join(", ")),
    }
}

fn words(streams: &[ModuleStream]) -> String {
    streams.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl From<Unknown> for AskError {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(vec![unknown])
    }
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
    comps: &[Comps],
    modules: &[Modules],
    set: &PackageSet,
) -> Result<Asked, AskError> {
    pool.show(Hidden::Module);
    pool.show(Hidden::Shadowed);
    let mut unknown = Vec::new();
    let streams = Streams::new(modules)?;
    // Words that mean a stream enable it.
    let mut asked = set.streams.clone();
    for word in set.packages.iter().filter(|word| word.starts_with('@')) {
        match streams.meant(word, &set.streams) {
            Some(Ok(stream)) => asked.push(stream),
            Some(Err(error)) => unknown.push(error),
            None => {}
        }
    }
    unknown.extend(set.streams.iter().filter_map(|stream| streams.check(stream).err()));
    asked.sort();
    asked.dedup();
    let mut enabled = Enabled::default();
    if unknown.is_empty() && !streams.is_empty() {
        enabled = streams.enable(pool.base(), &asked)?;
        streams.hide(&enabled, pool);
    }
    let installed = host::installed(pool, &set.installed)?;
    let mut asking = Asking {
        pool,
        comps,
        groups: OnceCell::new(),
        streams,
        enabled: &enabled,
        installed: installed.iter().copied().collect(),
        notes: enabled.notes.clone(),
    };
    let mut roots: Vec<Root> = Vec::new();
    for word in &set.packages {
        match asking.roots(word, &asked) {
            Ok(found) => roots.extend(found),
            Err(errors) => {
                let new: Vec<_> = errors.into_iter().filter(|one| !unknown.contains(one)).collect();
                unknown.extend(new);
            }
        }
    }
    if !unknown.is_empty() {
        return Err(AskError::Unknown(unknown));
    }
    let notes = asking.notes;
    Ok(Asked { goal: Goal { roots, installed, weak: set.weak }, notes })
}

/// All that is known while words are read.
struct Asking<'a> {
    pool: &'a Pool,
    comps: &'a [Comps],
    groups: OnceCell<Groups>,
    streams: Streams<'a>,
    enabled: &'a Enabled<'a>,
    installed: BTreeSet<PackageId>,
    notes: Vec<String>,
}

impl Asking<'_> {
    fn roots(&mut self, word: &str, asked: &[ModuleStream]) -> Result<Vec<Root>, Vec<Unknown>> {
        if !word.starts_with('@') {
            return self.packages(word).map_err(|error| vec![error]);
        }
        match self.streams.meant(word, asked) {
            Some(Ok(stream)) => self.profile(word, &stream),
            Some(Err(error)) => Err(vec![error]),
            None => {
                let groups = self.groups.get_or_init(|| Groups::new(self.comps));
                let roots = groups.roots(word, self.pool, &self.installed, &mut self.notes);
                roots.map_err(|error| vec![error])
            }
        }
    }

    fn packages(&mut self, word: &str) -> Result<Vec<Root>, Unknown> {
        let error = match self.pool.roots(word) {
            Ok(roots) => return Ok(roots),
            Err(error) => error,
        };
        let (found, _) = self.pool.matching(word);
        if found.iter().any(|id| self.installed.contains(id)) {
            self.notes.push(format!("{word} is installed already, and no repository has it"));
            return Ok(Vec::new());
        }
        let is_of_a_module = |id: &&PackageId| self.pool.hidden(**id) == Some(Hidden::Module);
        let of_modules = found.iter().filter(is_of_a_module).map(|id| self.pool.nevra(*id));
        let streams = self.streams.having(&of_modules.collect::<Vec<_>>());
        if streams.is_empty() {
            return Err(error.into());
        }
        Err(Unknown::Modular { text: word.to_owned(), streams })
    }

    fn profile(&self, word: &str, stream: &ModuleStream) -> Result<Vec<Root>, Vec<Unknown>> {
        let names = self.streams.profile(word, stream, self.enabled);
        let names = names.map_err(|error| vec![error])?;
        let (mut roots, mut unknown) = (Vec::new(), Vec::new());
        for name in names {
            let packages = self.pool.called(name);
            if packages.is_empty() {
                let (text, package) = (word.to_owned(), name.to_owned());
                unknown.push(Unknown::OfProfile { text, package });
            } else {
                roots.push(Root::new(&format!("{name} ({word})"), packages));
            }
        }
        if unknown.is_empty() { Ok(roots) } else { Err(unknown) }
    }
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
