//! The packages of several repositories, to be solved over.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;

use crate::error::{Error, Result};
use crate::format::compression::Decoder;
use crate::format::rpm::FormatError;
use crate::format::rpm::dependencies::{find_paths, read_packages};
use crate::resolve::rpm::{PackageId, Pool, TooLarge};

/// A document, decompressed.
pub(super) type Opened = BufReader<Decoder<BufReader<File>>>;

/// A document that can be read, more than once.
pub(super) struct Document<'a> {
    /// For errors.
    pub(super) at: String,
    pub(super) open: Box<dyn Fn() -> Result<Opened> + 'a>,
}

/// What is read of a repository.
pub(super) struct Repository<'a> {
    /// For messages.
    pub(super) name: &'a str,
    pub(super) primary: Document<'a>,
    pub(super) filelists: Option<Document<'a>>,
}

/// All packages of the repositories for hosts of `arch`, with the files that others ask for by path, and
/// that are `asked` for. `stop` is asked from time to time whether to end. Blocks.
pub(super) fn pool(
    arch: &str,
    repositories: &[Repository<'_>],
    asked: &[&str],
    stop: &dyn Fn() -> bool,
) -> Result<Pool> {
    let mut pool = Pool::new(arch);
    let mut ids: HashMap<String, Vec<PackageId>> = HashMap::new();
    for Repository { name, primary: Document { at, open }, .. } in repositories {
        let repository = pool.add_repository(name);
        let mut number = 0;
        read_packages(open()?, |package, relations| {
            if number % STEP == 0 && stop() {
                return Err(Stop::Cancelled);
            }
            if let Some(id) = pool.add(repository, number, &package, relations)? {
                ids.entry(pool.pkgid(id).to_owned()).or_default().push(id);
            }
            number += 1;
            Ok(())
        })
        .map_err(|stop| stop.error(at))?;
    }
    pool.finish();
    let mut wanted: HashSet<String> = pool.unknown_paths().into_iter().collect();
    wanted.extend(asked.iter().filter(|text| text.starts_with('/')).map(|&text| text.to_owned()));
    if wanted.is_empty() {
        return Ok(pool);
    }
    for Document { at, open } in repositories.iter().filter_map(|one| one.filelists.as_ref()) {
        if stop() {
            return Err(Error::Cancelled);
        }
        find_paths(open()?, &wanted, |package, path| {
            for id in ids.get(&package.pkgid).into_iter().flatten() {
                pool.add_path(*id, path);
            }
            Ok::<_, FormatError>(())
        })
        .map_err(|error| Error::metadata(at, error))?;
    }
    pool.finish();
    Ok(pool)
}

/// After so many packages it is asked whether to end.
const STEP: usize = 256;

/// What ends the reading of packages: a document that is none, too many packages, or the caller.
enum Stop {
    Format(FormatError),
    TooLarge(TooLarge),
    Cancelled,
}

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<TooLarge> for Stop {
    fn from(error: TooLarge) -> Self {
        Self::TooLarge(error)
    }
}

impl Stop {
    fn error(self, at: &str) -> Error {
        match self {
            Self::Format(error) => Error::metadata(at, error),
            Self::TooLarge(error) => Error::metadata(at, error),
            Self::Cancelled => Error::Cancelled,
        }
    }
}
