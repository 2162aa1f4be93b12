//! Metadata for a folder of packages: what `createrepo_c` does.
//!
//! ```text
//! folders
//!    │ walk       the packages, by name and then by folder
//!    │ existing   the metadata that is there: what has not changed is carried over as it is
//!    ▼ Found
//!    │ read       on every core: digest and headers of each file in one pass, described by `format::rpm::record`
//!    ▼ Entry      in order, a few at a time
//!    │ documents  primary, filelists and other, compressed side by side
//!    │ extra      groups, modules, advisories: given, or already there
//!    ▼ stage      `.repodata`, which then takes the place of `repodata` in one step
//! ```
//!
//! What is guaranteed: clients see the old metadata or the new, whole, also after a crash; two runs do
//! not work on one folder; a package that cannot be listed is named; what was there of other kinds is
//! kept, dropped when asked for, or an error. Memory does not grow with the packages' sizes, and by some
//! hundred bytes for each of them. The output depends on the packages and the options alone.

use std::path::PathBuf;
#[cfg(feature = "signatures")]
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::CancellationToken;
use crate::digest::Algorithm;
use crate::error::Result;
use crate::format::compression::Compression;
use crate::pattern::Glob;
use crate::report::{Event, Reporter};
#[cfg(feature = "signatures")]
use crate::signature::sign::SigningKey;
use crate::store::LockWait;

mod builder;
mod documents;
mod existing;
mod extra;
mod ordered;
mod place;
mod read;
mod run;
mod signed;
mod stage;
mod walk;

use documents::Form;
use existing::Existing;
use place::{Place, usual_compression};
use run::Run;
use stage::Stage;
use walk::{Walked, walk};

pub use place::compression_for;

/// Changelog entries of a package that are listed where nobody says otherwise.
pub const CHANGELOGS: usize = 10;

/// How links are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// They are followed; packages that lie outside of the repository are warned of.
    #[default]
    Follow,
    /// They are as if they were not there.
    Skip,
}

/// Which packages are listed; by default all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only packages whose path or file name one of these fits; none means all.
    pub include: Vec<Glob>,
    /// No packages whose path or file name one of these fits.
    pub exclude: Vec<Glob>,
    /// Only packages at these paths below the folder of packages, or, where there are several, below
    /// the repository, in one of the folders.
    pub list: Option<Vec<String>>,
    /// What is done about links.
    pub links: Links,
}

/// Metadata beside the packages' own. A file may be compressed in any way.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// Groups of packages; several files are merged.
    pub comps: Vec<PathBuf>,
    /// Modules; several files are merged.
    pub modules: Vec<PathBuf>,
    /// Advisories; several files are merged.
    pub updateinfo: Vec<PathBuf>,
    /// Kinds that are there already and are not kept.
    pub discard: Vec<String>,
}

/// How long the files of earlier metadata are kept, for clients who read its entry point just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retain {
    /// Of so many earlier states.
    pub states: usize,
    /// And all that are not older.
    pub age: Duration,
}

impl Default for Retain {
    fn default() -> Self {
        Self { states: 1, age: Duration::ZERO }
    }
}

/// How a folder is indexed.
#[derive(Debug, Clone)]
pub struct Options {
    /// The repository's folder, which gets the metadata; where there is only one folder of packages, by
    /// default that one.
    pub output: Option<PathBuf>,
    /// Which packages are listed.
    pub selection: Selection,
    /// How documents are compressed; by default gzip where the packages are for Enterprise Linux 8 and
    /// before, by their file names, else zstd.
    pub compression: Option<Compression>,
    /// The digests of packages and documents.
    pub algorithm: Algorithm,
    /// The most changelog entries of a package that are listed.
    pub changelogs: usize,
    /// When the metadata is made, in seconds since 1970.
    pub time: i64,
    /// What this state is called; by default the time.
    pub revision: Option<String>,
    /// Whether what is listed already and has not changed is carried over, by size and time.
    pub update: bool,
    /// Whether a package that cannot be listed ends the run.
    pub strict: bool,
    /// Metadata beside the packages' own.
    pub extra: Extra,
    /// How long earlier metadata is kept.
    pub retain: Retain,
    /// What the entry point is signed with; the public key is published beside it.
    #[cfg(feature = "signatures")]
    pub key: Option<Arc<SigningKey>>,
    /// How long to wait for another run.
    pub lock: LockWait,
}

impl Options {
    /// The usual ones, for metadata made at `time`, in seconds since 1970.
    pub fn at(time: i64) -> Self {
        Self {
            output: None,
            selection: Selection::default(),
            compression: None,
            algorithm: Algorithm::Sha256,
            changelogs: CHANGELOGS,
            time,
            revision: None,
            update: false,
            strict: false,
            extra: Extra::default(),
            retain: Retain::default(),
            #[cfg(feature = "signatures")]
            key: None,
            lock: LockWait::No,
        }
    }
}

/// A package that is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Its path below the repository.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// New metadata is published.
    Published,
    /// The metadata says all of it already; nothing was written.
    Unchanged,
}

/// What came of it, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Indexed {
    /// The repository's folder.
    pub folder: PathBuf,
    /// What came of it.
    pub outcome: Outcome,
    /// Packages that are listed.
    pub packages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that were not read, for they were listed already.
    pub reused: u64,
    /// How the documents are compressed.
    pub compression: &'static str,
    /// The kinds of metadata that there are.
    pub kinds: Vec<String>,
    /// Packages that are not listed.
    pub refused: Vec<Refused>,
    /// What is odd.
    pub warnings: Vec<String>,
}

/// Makes metadata for the packages in `folders` and below.
///
/// Events name the repository as it was given. A package that cannot be listed is an event and in the
/// report, and no error unless that was asked for; an error leaves the old metadata as it was.
pub fn index(
    folders: &[PathBuf],
    options: &Options,
    reporter: &dyn Reporter,
    cancel: &CancellationToken,
) -> Result<Indexed> {
    let place = Place::new(folders, options)?;
    reporter.on_event(&Event::Resolving { tree: &place.name });
    let stage = Stage::open(&place.output, options.lock, cancel)?;
    let existing = Existing::read(&place.output)?;
    let Walked { found, refused, outside } =
        walk(&place.output, &place.folders, &options.selection)?;
    let compression = options.compression.unwrap_or_else(|| usual_compression(&found));
    let form = Form { compression, algorithm: options.algorithm };
    let mut run = Run::new(options, &place.name, reporter, cancel, form, found);
    for refused in refused {
        run.refuse(refused)?;
    }
    if let (count, Some(first)) = outside {
        run.warn(format!(
            "packages that are links out of the folder: {count}, {first} the first; whoever serves it \
             has to follow them"
        ));
    }
    run.make(stage, existing.as_ref(), &place.output)
}
