//! Distributions as names for targets.

use super::platform::{Arch, Platform};
use super::python::{Implementation, Python, TargetError};
use super::target::Target;

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

    /// The targets that `NAME` (for `x86_64`) or `NAME-ARCH` stands for, with these Pythons in place
    /// of the distribution's own where any are given.
    pub fn targets(text: &str, pythons: &[Python]) -> Result<Vec<Target>, TargetError> {
        let unknown = || TargetError::Distribution {
            found: text.to_owned(),
            names: Self::ALL.map(|known| known.name).join(" "),
        };
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
