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

use pep508_rs::MarkerEnvironmentBuilder;

use super::platform::Platform;
use super::python::{Implementation, Python};
use super::tags::SupportedTags;
use crate::format::pypi::{MarkerEnvironment, Version};

/// The patch release that stands for the last one of a minor version (the most there were: 18).
pub(crate) const LAST_PATCH: u16 = 99;

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

#[cfg(test)]
mod tests;
