//! Shell patterns.

use std::fmt;

/// A shell pattern (`*`, `?`, `[…]`), as dnf takes it.
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
