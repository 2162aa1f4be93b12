//! Which packages of a repository are wanted.

use std::fmt;
use std::num::NonZeroUsize;

/// A shell pattern (`*`, `?`, `[…]`) on a package's name or NEVRA, as dnf takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(glob::Pattern);

/// A pattern that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern {pattern:?} is malformed: {reason}")]
pub struct GlobError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it, and where.
    pub reason: String,
}

impl Glob {
    /// Takes a pattern.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        glob::Pattern::new(pattern).map(Self).map_err(|error| GlobError {
            pattern: pattern.to_owned(),
            reason: format!("{} at character {}", error.msg, error.pos),
        })
    }

    /// Whether `text` fits.
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Which packages are wanted; by default all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Only packages that one of these fits; none means all.
    pub include: Vec<Glob>,
    /// No packages that one of these fits.
    pub exclude: Vec<Glob>,
    /// Only so many of the newest versions of each name and architecture.
    pub newest_only: Option<NonZeroUsize>,
    /// Only packages that a host of one of these base architectures can install, `noarch` and
    /// multilib ones included; none means all. `src` stands for source packages.
    pub arches: Vec<String>,
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |globs: &[Glob]| globs.iter().map(Glob::to_string).collect::<Vec<_>>().join(",");
        write!(f, "include={} exclude={} ", list(&self.include), list(&self.exclude))?;
        write!(f, "newest-only={} ", self.newest_only.map_or(0, NonZeroUsize::get))?;
        write!(f, "arch={}", self.arches.join(","))
    }
}
