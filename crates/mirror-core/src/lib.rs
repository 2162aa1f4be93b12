//! Mirrors of RPM repositories and Python packages, as a library.
//!
//! **A mirror is a manifest made true.** A [`source`] resolves an upstream to a [`manifest`]: the
//! exact list of files that a published tree must hold. Everything else is generic over manifests:
//!
//! ```text
//! Upstream
//!    │ source     reads the small files that say what there is
//!    ▼ Manifest
//!    │ plan       pure: the manifest against what the store holds
//!    ▼ Plan       held against free space before the first byte
//!    │ fetch      many at once; resumes; fills a Part, which hashes while it writes
//!    ▼ Verified   a part that matched; nothing else can be stored
//!    │ store      blobs, named by their SHA-256
//!    │ publish    new names, then replacements from a journal, then what is past its grace goes
//!    ▼ Generation the manifest as published, kept
//!    ▼ Report     what happened, as data
//! ```
//!
//! Mirroring a repository:
//!
//! ```no_run
//! use std::sync::Arc;
//! use mirror_core::source::rpm::{Location, RpmSource};
//! use mirror_core::{CancellationToken, Job, Mirror, Mode, Options};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mirror = Mirror::open("/srv/mirror".as_ref(), Options::default()).await?;
//! let source = RpmSource::new(Location::Bases(vec!["https://mirror.example/baseos/".parse()?]));
//! let jobs = [Job::new(source, "example/baseos".parse()?)];
//! let cancel = CancellationToken::new();
//! let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await?;
//! assert!(report.is_complete());
//! # Ok(())
//! # }
//! ```
//!
//! The library has no side channel: it prints nothing, reads no variable and no configuration, and
//! keeps no global state. What happens is told to a [`report::Reporter`]; a run is cancelled by its
//! token or by dropping its future, and the next one goes on where it ended. A kind of upstream that
//! is not here is a [`source::Source`] of one's own: see `examples/folder.rs`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod compare;
pub mod digest;
pub mod engine;
pub mod error;
pub mod fetch;
pub mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod index;
pub mod limits;
pub mod manifest;
pub mod part;
pub mod path;
pub mod pattern;
pub mod plan;
pub mod report;
pub mod resolve;
pub mod signature;
pub mod source;
pub mod store;

pub use engine::{
    Allow, Diff, Job, Mirror, Mode, Options, Point, Rollback, RolledBack, State, Target, diff,
    last_change, verify,
};
pub use error::{Error, Result};
pub use tokio_util::sync::CancellationToken;
