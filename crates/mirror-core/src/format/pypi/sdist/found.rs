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
    SetupCfg,
    SetupPy,
}

impl Kind {
    /// The largest that is read, in bytes.
    pub(super) const fn limit(self) -> u64 {
        match self {
            Self::PkgInfo => limits::CORE_METADATA_SIZE,
            _ => limits::SDIST_FILE,
        }
    }

    /// Whether an archive that has it in a form that is not read is refused; the others are then as
    /// if they were not there.
    pub(super) const fn is_needed(self) -> bool {
        !matches!(self, Self::SetupCfg | Self::SetupPy)
    }

    pub(super) fn bounded(self, size: u64) -> Result<(), SdistError> {
        if size <= self.limit() {
            return Ok(());
        }
        let what = match self {
            Self::PkgInfo => "bytes of PKG-INFO",
            Self::PyProject => "bytes of pyproject.toml",
            Self::RequiresTxt => "bytes of requires.txt",
            Self::SetupCfg => "bytes of setup.cfg",
            Self::SetupPy => "bytes of setup.py",
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
    /// By its path: the archive has one folder, in which they lie; what setuptools makes may lie deeper
    /// (`src`), and beside those of other projects.
    pub(super) fn new(path: &str, project: &PackageName) -> Option<Self> {
        let plain = path.trim_start_matches("./");
        let parts: Vec<&str> = plain.split('/').take(6).collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return None;
        }
        let kind = match parts.as_slice() {
            [_, "PKG-INFO"] => Kind::PkgInfo,
            [_, "pyproject.toml"] => Kind::PyProject,
            [_, "setup.cfg"] => Kind::SetupCfg,
            [_, "setup.py"] => Kind::SetupPy,
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
pub(super) struct Found([Option<(Wanted, Vec<u8>)>; 5]);

impl Found {
    pub(super) fn take(&mut self, wanted: Wanted, content: Vec<u8>) -> Result<(), SdistError> {
        let place = &mut self.0[wanted.kind as usize];
        match place {
            Some((known, _)) if known.depth < wanted.depth => {}
            Some(_) if !wanted.kind.is_needed() => {}
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
        let [pkg_info, pyproject, requires_txt, setup_cfg, setup_py] = self.0;
        let text = |found: Option<(Wanted, Vec<u8>)>| found.map(|(_, bytes)| bytes);
        let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let utf8 = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| malformed("expected UTF-8, found something else"))
        };
        Ok(Sdist {
            pkg_info: text(pkg_info),
            pyproject: text(pyproject).map(utf8).transpose()?,
            requires_txt: text(requires_txt).map(lossy),
            setup_cfg: text(setup_cfg).map(lossy),
            setup_py: text(setup_py).map(lossy),
        })
    }
}
