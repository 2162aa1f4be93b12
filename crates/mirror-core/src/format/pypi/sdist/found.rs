//! The members of a source distribution that say something.

use pep508_rs::PackageName;

use super::{Sdist, SdistError, excerpt, malformed};
use crate::limits;

/// The members that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    PkgInfo,
    PyProject,
    RequiresTxt,
}

impl Kind {
    /// The largest that is read, in bytes.
    pub(super) const fn limit(self) -> u64 {
        match self {
            Self::PkgInfo => limits::CORE_METADATA_SIZE,
            Self::PyProject | Self::RequiresTxt => limits::SDIST_FILE,
        }
    }

    pub(super) fn bounded(self, size: u64) -> Result<(), SdistError> {
        if size <= self.limit() {
            return Ok(());
        }
        let what = match self {
            Self::PkgInfo => "bytes of PKG-INFO",
            Self::PyProject => "bytes of pyproject.toml",
            Self::RequiresTxt => "bytes of requires.txt",
        };
        Err(SdistError::Limit { what, limit: self.limit() })
    }
}

/// A member that is looked for.
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) path: String,
    /// How many folders it lies in.
    depth: usize,
}

impl Wanted {
    /// By its path: the archive has one folder, in which the first two lie; that of setuptools may lie
    /// deeper (`src`), and beside those of other projects.
    pub(super) fn new(path: &str, project: &PackageName) -> Option<Self> {
        let plain = path.trim_start_matches("./");
        let parts: Vec<&str> = plain.split('/').take(6).collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return None;
        }
        let kind = match parts.as_slice() {
            [_, "PKG-INFO"] => Kind::PkgInfo,
            [_, "pyproject.toml"] => Kind::PyProject,
            [_, .., egg_info, "requires.txt"] if parts.len() <= 4 => {
                let stem = egg_info.strip_suffix(".egg-info")?;
                let name = stem.split('-').next().unwrap_or(stem);
                let is_its = |name: &str| name.parse::<PackageName>().is_ok_and(|n| n == *project);
                if !is_its(stem) && !is_its(name) {
                    return None;
                }
                Kind::RequiresTxt
            }
            _ => return None,
        };
        Some(Self { kind, path: plain.to_owned(), depth: parts.len() })
    }
}

/// What has been found so far, and where.
#[derive(Default)]
pub(super) struct Found([Option<(Wanted, Vec<u8>)>; 3]);

impl Found {
    pub(super) fn take(&mut self, wanted: Wanted, content: Vec<u8>) -> Result<(), SdistError> {
        let place = &mut self.0[wanted.kind as usize];
        match place {
            Some((known, _)) if known.depth < wanted.depth => {}
            // Which of them counts would be up to the order, or to the tool.
            Some((known, _)) if known.depth == wanted.depth => {
                return Err(SdistError::Twice {
                    first: excerpt(&known.path),
                    second: excerpt(&wanted.path),
                });
            }
            _ => *place = Some((wanted, content)),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Sdist, SdistError> {
        let [pkg_info, pyproject, requires_txt] = self.0;
        let text = |found: Option<(Wanted, Vec<u8>)>| found.map(|(_, bytes)| bytes);
        let utf8 = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| malformed("expected UTF-8, found something else"))
        };
        Ok(Sdist {
            pkg_info: text(pkg_info),
            pyproject: text(pyproject).map(utf8).transpose()?,
            requires_txt: text(requires_txt).map(|b| String::from_utf8_lossy(&b).into_owned()),
        })
    }
}
