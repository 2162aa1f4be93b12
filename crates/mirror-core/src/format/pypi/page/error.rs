//! What is wrong with a page, or with a file of it.

use crate::digest::{Digest, DigestError};
use crate::path::PathError;

/// What is wrong with one file of a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It has no name, or no URL.
    #[error("has no {0}")]
    Missing(&'static str),
    /// A value of another kind than its key has.
    #[error("has a wrong {what}: expected {expected}, found {found}")]
    Kind {
        /// Whose value it is.
        what: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A name that is no name of a file.
    #[error("{0}")]
    Name(#[from] PathError),
    /// A name with a slash in it.
    #[error("has a wrong name: expected one without a slash")]
    Slash,
    /// Text that is longer than any real one.
    #[error("has too long a {what}: expected at most {limit} bytes, found {found}")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The bound, in bytes.
        limit: usize,
        /// The length that was found, in bytes.
        found: usize,
    },
    /// A digest that does not parse.
    #[error("{0}")]
    Digest(#[from] DigestError),
    /// Two digests of one algorithm.
    #[error("has two {} digests: {} and {}", .0[0].algorithm(), .0[0].hex(), .0[1].hex())]
    TwoDigests(Box<[Digest; 2]>),
    /// The page lists the name again, with another digest.
    #[error("is listed twice with different digests: {} and {}", .0[0], .0[1])]
    Twice(Box<[Digest; 2]>),
    /// A URL that does not parse, or of a scheme that nothing is fetched by.
    #[error("has a wrong URL {url:?}: {reason}")]
    Url {
        /// The URL, shortened.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a page was not understood. The caller adds its URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Of a type that is no project page's.
    #[error(
        "is no project page: expected text/html, application/vnd.pypi.simple.v1+html or \
         application/vnd.pypi.simple.v1+json, found {found:?}"
    )]
    ContentType {
        /// The Content-Type that was found.
        found: String,
    },
    /// Something else than expected.
    #[error("is no project page: expected {expected}, found {found}")]
    Shape {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// Of a later major version (PEP 629).
    #[error("is of version {found:?} of the index format, expected 1.x")]
    Version {
        /// The version that it says.
        found: String,
    },
    /// Ends in the middle: most likely cut short.
    #[error("ends within {within}, which begins at byte {position}: expected the whole page")]
    CutShort {
        /// What it ends within.
        within: &'static str,
        /// Where that begins, in bytes from the start.
        position: usize,
    },
    /// Not well-formed JSON.
    #[error("is not well-formed JSON: {reason}")]
    Json {
        /// What the JSON reader says, with line and column.
        reason: String,
    },
    /// A page of another project.
    #[error("is the page of another project: expected {expected}, found {found:?}")]
    Project {
        /// The project that was asked for.
        expected: String,
        /// The name on the page.
        found: String,
    },
    /// Over a bound of [`crate::limits`].
    #[error("is too large: expected at most {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
}
