//! Interpreters: an implementation and its version.

use std::fmt;
use std::str::FromStr;

/// The newest minor version of Python 3 that is taken: far ahead, and bounds the tags.
const LAST_MINOR: u16 = 50;

/// Why a Python, a platform or a target was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No version of Python 3.
    #[error("unknown Python {0:?}: expected a version such as 3.11, 3.11.13, 3.13t or pypy3.10")]
    Python(String),
    /// No platform.
    #[error(
        "unknown platform {0:?}: expected one such as manylinux_2_28_x86_64, manylinux2014_aarch64, \
         musllinux_1_2_x86_64, linux_x86_64, macosx_11_0_arm64 or win_amd64"
    )]
    Platform(String),
    /// No distribution.
    #[error("unknown target {found:?}: expected NAME or NAME-ARCH, NAME one of {names}")]
    Distribution {
        /// What was given.
        found: String,
        /// The distributions that are known.
        names: String,
    },
}

/// The kind of an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Implementation {
    /// The reference one.
    #[default]
    CPython,
    /// `PyPy`, of the 7.3 line.
    PyPy,
}

/// An interpreter: an implementation and its version, in full or without the patch release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Python {
    /// The kind of interpreter.
    pub implementation: Implementation,
    /// The minor version: 11 of 3.11.
    pub minor: u16,
    /// The patch release; `None` for all of them.
    pub patch: Option<u16>,
    /// Whether it is a build without the global lock ([PEP 703](https://peps.python.org/pep-0703/)).
    pub free_threaded: bool,
}

impl FromStr for Python {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let unknown = || TargetError::Python(text.to_owned());
        let (implementation, version) = match text.strip_prefix("pypy") {
            Some(version) => (Implementation::PyPy, version),
            None => (Implementation::CPython, text.strip_prefix("cpython").unwrap_or(text)),
        };
        let (version, free_threaded) = match version.strip_suffix('t') {
            Some(version) => (version, true),
            None => (version, false),
        };
        let numbers: Option<Vec<u16>> = version.split('.').map(number).collect();
        let (minor, patch) = match numbers.as_deref() {
            Some(&[3, minor]) => (minor, None),
            Some(&[3, minor, patch]) => (minor, Some(patch)),
            _ => return Err(unknown()),
        };
        // Python 3.13 was the first without the lock, and PyPy has no such build.
        let threads = !free_threaded || (implementation == Implementation::CPython && minor >= 13);
        if minor > LAST_MINOR || !threads {
            return Err(unknown());
        }
        Ok(Self { implementation, minor, patch, free_threaded })
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.implementation == Implementation::PyPy {
            f.write_str("pypy")?;
        }
        write!(f, "3.{}", self.minor)?;
        if let Some(patch) = self.patch {
            write!(f, ".{patch}")?;
        }
        if self.free_threaded { f.write_str("t") } else { Ok(()) }
    }
}

/// A decimal number without a sign.
pub(super) fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
