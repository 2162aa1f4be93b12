//! Mirrors of RPM repositories and Python packages, as a library.
//!
//! **A mirror is a manifest made true.** A *source* resolves an upstream to a *manifest*: the exact
//! list of files that a published tree must hold. Everything else is generic over manifests.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod digest;
pub mod engine;
pub mod error;
pub mod fetch;
pub mod format;
pub mod limits;
pub mod manifest;
pub mod part;
pub mod path;
pub mod plan;
pub mod report;
pub mod source;
pub mod store;

pub use engine::{Job, Mirror, Mode, Options};
pub use error::{Error, Result};
