//! Which packages are left, by their names: what groups, advisories and modules are filtered by.

use std::collections::HashSet;

use crate::format::rpm::primary::PackageRef;

/// The names of a repository's packages.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Names of packages that are left.
    left: HashSet<Box<str>>,
    /// Names of packages that are not, of which others may be.
    gone: HashSet<Box<str>>,
    /// The builds that are left; see [`build`].
    builds: HashSet<Box<str>>,
}

/// One build as one text.
fn build([name, epoch, version, release, arch]: [&str; 5]) -> Box<str> {
    let epoch = epoch.trim().trim_start_matches('0');
    let epoch = if epoch.is_empty() { "0" } else { epoch };
    format!("{name}-{epoch}:{version}-{release}.{arch}").into()
}

impl Names {
    /// Takes note of a package.
    pub(super) fn note(&mut self, package: &PackageRef<'_>, is_left: bool) {
        if !is_left {
            self.gone.insert(package.name.into());
            return;
        }
        self.left.insert(package.name.into());
        let PackageRef { name, epoch, version, release, arch, .. } = package;
        self.builds.insert(build([name, epoch, version, release, arch]));
    }

    /// Whether a group may go on naming the package: one that upstream's packages have none of may be
    /// another repository's.
    pub(super) fn may_be_named(&self, name: &str) -> bool {
        self.left.contains(name) || !self.gone.contains(name)
    }

    /// Whether this build is left: name, epoch, version, release and architecture.
    pub(super) fn has(&self, fields: [&str; 5]) -> bool {
        self.builds.contains(&*build(fields))
    }

    /// Whether all that there was is left.
    pub(super) fn is_all(&self) -> bool {
        self.gone.is_empty()
    }
}
