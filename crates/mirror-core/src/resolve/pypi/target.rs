//! Targets: the interpreters and platforms that a mirror is for.
//!
//! What a file is good for is judged by the target, never by the host. A target is an interpreter
//! and a platform; from them follow the wheels that it takes ([`super::tags`]) and the environment
//! that markers are held against ([PEP 508]).
//!
//! A Python may be given in full (`3.11.13`) or by its minor version (`3.11`). The latter stands for
//! all of its patch releases, and projects tell those apart (`>=3.9,!=3.9.0,!=3.9.1`,
//! `>=3.11.5`), so such a target has two ends: the first patch release and one above the last. Of a
//! distribution the first is the one that it shipped first.
//!
//! [PEP 508]: https://peps.python.org/pep-0508/#environment-markers

use std::fmt;
use std::str::FromStr;

use pep508_rs::MarkerEnvironmentBuilder;

use super::platform::{Arch, Platform};
use super::tags::SupportedTags;
use crate::format::pypi::{MarkerEnvironment, Version};

/// The patch release that stands for the last one of a minor version (the most there were: 18).
pub(crate) const LAST_PATCH: u16 = 99;

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
    #[error("unknown target {0:?}: expected NAME or NAME-ARCH, NAME one of {names}", names = Distribution::names())]
    Distribution(String),
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

/// An interpreter on a platform. Displayed as `Python 3.12 on manylinux_2_34_x86_64 (el9)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The interpreter.
    pub python: Python,
    /// The platform.
    pub platform: Platform,
    /// The first patch release that counts, of a Python that is given by its minor version.
    pub first_patch: u16,
    /// The names that stand for it and others, as they were given: `el9`, `el9-aarch64`.
    pub names: Vec<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Python {} on {}", self.python, self.platform)?;
        if self.names.is_empty() { Ok(()) } else { write!(f, " ({})", self.names.join(", ")) }
    }
}

impl Target {
    /// All patch releases of that Python, or the one that it is, on that platform.
    pub fn new(python: Python, platform: Platform) -> Self {
        Self { python, platform, first_patch: 0, names: Vec::new() }
    }

    /// What is resolved for: one environment where the Python is given in full, else the two ends of
    /// its patch releases, the first one first.
    pub fn environments(&self) -> Vec<Environment> {
        match self.python.patch {
            Some(patch) => vec![Environment::new(self, patch)],
            None => {
                [self.first_patch, LAST_PATCH].map(|patch| Environment::new(self, patch)).into()
            }
        }
    }

    /// Each Python on each platform once, in this order: what several names stand for has them all,
    /// and begins with the first patch release of any.
    pub fn distinct(targets: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut distinct: Vec<Self> = Vec::new();
        for target in targets {
            let same = |known: &&mut Self| {
                known.python == target.python && known.platform == target.platform
            };
            let Some(known) = distinct.iter_mut().find(same) else {
                distinct.push(target);
                continue;
            };
            known.first_patch = known.first_patch.min(target.first_patch);
            for name in target.names {
                if !known.names.contains(&name) {
                    known.names.push(name);
                }
            }
        }
        distinct
    }
}

/// One exact Python on a platform: what files and markers are held against.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The target that it is an end of.
    pub target: Target,
    /// The Python, in full.
    pub python: Version,
    /// The wheels that it takes.
    pub tags: SupportedTags,
    /// What markers are held against.
    pub markers: MarkerEnvironment,
}

impl Environment {
    /// That patch release of a target's Python.
    pub(crate) fn new(target: &Target, patch: u16) -> Self {
        let Python { implementation, minor, .. } = target.python;
        let python = Version::new([3, u64::from(minor), u64::from(patch)]);
        let (full, short) = (python.to_string(), format!("3.{minor}"));
        let [os_name, sys_platform, platform_system, platform_machine] = target.platform.markers();
        let (name, title, version) = match implementation {
            Implementation::CPython => ("cpython", "CPython", full.as_str()),
            Implementation::PyPy => ("pypy", "PyPy", "7.3.0"),
        };
        let markers = MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: name,
            implementation_version: version,
            os_name,
            platform_machine,
            platform_python_implementation: title,
            // Of the kernel, which no target tells: as uv has them.
            platform_release: "",
            platform_system,
            platform_version: "",
            python_full_version: &full,
            python_version: &short,
            sys_platform,
        });
        #[allow(clippy::expect_used)] // Its only errors are of versions, and these are numbers.
        let markers = markers.expect("versions made of numbers");
        let tags = SupportedTags::new(&target.python, &target.platform);
        Self { target: target.clone(), python, tags, markers }
    }
}

/// A distribution as a name for targets: its Pythons and its glibc.
///
/// The numbers are those of the distributions' own packages: `glibc`, and the `python3` and
/// `python3.X` that applications run on; for EL those of the chapter on Python in its documentation
/// (3.9, since 9.2 also 3.11 and since 9.4 also 3.12; 3.12 in EL 10). EL 8's own 3.6 is older than
/// what projects release for, and its 3.8 and 3.9 have reached their end: who wants one names it.
///
/// The patch releases are those that came with the first release or point release that has the Python,
/// and where that is not certain an earlier one: to begin too early costs an answer that nobody needs,
/// or a warning, and to begin too late a node that lacks something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The name.
    pub name: &'static str,
    /// 28 of glibc 2.28.
    pub glibc: u16,
    /// Its Pythons that the name stands for: the minor version, and the first patch release of it
    /// that was shipped.
    pub pythons: &'static [(u16, u16)],
    /// Those that it has or had too, likewise, for who names them.
    pub others: &'static [(u16, u16)],
}

impl Distribution {
    /// The distributions that are known.
    pub const ALL: [Self; 9] = [
        Self {
            name: "el8",
            glibc: 28,
            pythons: &[(11, 2), (12, 1)],
            others: &[(6, 8), (8, 0), (9, 1)],
        },
        Self { name: "el9", glibc: 34, pythons: &[(9, 10), (11, 2), (12, 1)], others: &[] },
        Self { name: "el10", glibc: 39, pythons: &[(12, 8)], others: &[] },
        Self { name: "ubuntu20.04", glibc: 31, pythons: &[(8, 2)], others: &[] },
        Self { name: "ubuntu22.04", glibc: 35, pythons: &[(10, 4)], others: &[] },
        Self { name: "ubuntu24.04", glibc: 39, pythons: &[(12, 3)], others: &[] },
        Self { name: "debian11", glibc: 31, pythons: &[(9, 2)], others: &[] },
        Self { name: "debian12", glibc: 36, pythons: &[(11, 2)], others: &[] },
        Self { name: "debian13", glibc: 41, pythons: &[(13, 5)], others: &[] },
    ];

    /// The names, for messages.
    fn names() -> String {
        Self::ALL.map(|known| known.name).join(" ")
    }

    /// The targets that `NAME` (for `x86_64`) or `NAME-ARCH` stands for, with these Pythons in place
    /// of the distribution's own where any are given.
    pub fn targets(text: &str, pythons: &[Python]) -> Result<Vec<Target>, TargetError> {
        let unknown = || TargetError::Distribution(text.to_owned());
        let (name, arch) = text.split_once('-').unwrap_or((text, Arch::X86_64.name()));
        let known = Self::ALL.into_iter().find(|known| known.name == name).ok_or_else(unknown)?;
        let arch = arch.parse().map_err(|()| unknown())?;
        let platform = Platform::Manylinux { glibc: known.glibc, arch };
        let own = known.pythons.iter().map(|&(minor, _)| Python {
            implementation: Implementation::CPython,
            minor,
            patch: None,
            free_threaded: false,
        });
        let pythons = if pythons.is_empty() { own.collect() } else { pythons.to_vec() };
        let target = |python: Python| Target {
            first_patch: known.first_patch(&python),
            names: vec![text.to_owned()],
            ..Target::new(python, platform.clone())
        };
        Ok(pythons.into_iter().map(target).collect())
    }

    /// The first patch release of a Python that it shipped; 0 of one that is not its own.
    fn first_patch(&self, python: &Python) -> u16 {
        if python.implementation != Implementation::CPython || python.free_threaded {
            return 0;
        }
        let mut shipped = self.pythons.iter().chain(self.others);
        shipped.find(|(minor, _)| *minor == python.minor).map_or(0, |(_, patch)| *patch)
    }
}

/// A decimal number without a sign.
pub(super) fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
