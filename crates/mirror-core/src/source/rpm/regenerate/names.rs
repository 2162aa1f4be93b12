//! Which packages are left, by their names: what groups, advisories and modules are filtered by.

use std::collections::{BTreeSet, HashSet};

use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::primary::PackageRef;

/// The names of a repository's packages.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Names of packages that are left.
    left: HashSet<Box<str>>,
    /// Names of packages that are not, of which others may be.
    gone: HashSet<Box<str>>,
    /// The builds that are left.
    builds: BTreeSet<Build>,
}

/// One build, ordered by name, architecture and version: which builds are the same, rpm says.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Build {
    name: Box<str>,
    arch: Box<str>,
    evr: Evr,
}

impl From<&Nevra> for Build {
    fn from(Nevra { name, evr, arch }: &Nevra) -> Self {
        Self { name: name.as_str().into(), arch: arch.as_str().into(), evr: evr.clone() }
    }
}

impl Names {
    /// Takes note of a package.
    pub(super) fn note(&mut self, package: &PackageRef<'_>, is_left: bool) {
        if !is_left {
            self.gone.insert(package.name.into());
            return;
        }
        self.left.insert(package.name.into());
        let PackageRef { name, epoch, version, release, arch, .. } = *package;
        let evr = Evr::new(epoch, version, release);
        self.builds.insert(Build { name: name.into(), arch: arch.into(), evr });
    }

    /// Whether a group may go on naming the package: one that upstream's packages have none of may be
    /// another repository's.
    pub(super) fn may_be_named(&self, name: &str) -> bool {
        self.left.contains(name) || !self.gone.contains(name)
    }

    /// Whether builds of that name are gone; where `of_stream` says that some of them are of a stream,
    /// what is left of others is of no use to it.
    pub(super) fn is_gone(&self, name: &str, of_stream: bool) -> bool {
        self.gone.contains(name) && (of_stream || !self.left.contains(name))
    }

    /// Whether this build is left.
    pub(super) fn has(&self, build: &Nevra) -> bool {
        self.builds.contains(&build.into())
    }

    /// Whether this build is left, or a newer one, which mends what this one mends.
    pub(super) fn has_or_newer(&self, build: &Nevra) -> bool {
        let build = Build::from(build);
        let next = self.builds.range(&build..).next();
        next.is_some_and(|next| next.name == build.name && next.arch == build.arch)
    }

    /// Whether all that there was is left.
    pub(super) fn is_all(&self) -> bool {
        self.gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_the_same_as_rpm_says() {
        let mut names = Names::default();
        for text in ["a-1.01-1.noarch", "a-2-1.i686", "b-1:1-1.noarch", "c-1-1.noarch"] {
            names.builds.insert(Build::from(&text.parse::<Nevra>().unwrap()));
        }
        let of = |text: &str| {
            let build = text.parse().unwrap();
            (names.has(&build), names.has_or_newer(&build))
        };
        assert_eq!(of("a-1.1-1.noarch"), (true, true));
        assert_eq!(of("a-0.9-1.noarch"), (false, true));
        assert_eq!(of("a-1.2-1.noarch"), (false, false), "that of another architecture is none");
        assert_eq!(of("b-9-1.noarch"), (false, true));
        assert_eq!(of("c-1-2.noarch"), (false, false));
    }
}
