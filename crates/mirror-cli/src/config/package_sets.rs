//! `[packages.NAME]`: sets of packages, each asked of the repositories of a group.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;

use super::error::{ConfigError, Place, Said};
use super::file::streams;
use super::values::{OneOrMany, Words};
use super::{Packages, Upstream};
use crate::package_lists::PackageList;

/// The section as it is written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackagesSection {
    group: Option<String>,
    #[serde(default)]
    packages: Words,
    package_list: Option<OneOrMany>,
    #[serde(default)]
    closed: bool,
    weak: Option<bool>,
    #[serde(default)]
    streams: Words,
    installed: Option<PathBuf>,
}

/// A set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageSetEntry {
    /// Its first line.
    pub(super) at: Place,
    /// The group of the repositories that it is asked of; `None` is the only one.
    pub(super) group: Option<String>,
    /// What is asked for.
    pub(super) packages: Packages,
}

/// Reads the sections, in the order of their names.
pub(super) fn read(
    sections: BTreeMap<String, Spanned<PackagesSection>>,
    folder: &Path,
    at: impl Fn(usize) -> Place,
) -> Result<Vec<PackageSetEntry>, ConfigError> {
    let sets = sections.into_iter().map(|(name, section)| {
        let at = at(section.span().start);
        let wrong = |error| ConfigError::Entry { at: at.clone(), error: Box::new(error) };
        let section = section.into_inner();
        let lists = section.package_list.map(|lists| lists.0).unwrap_or_default();
        let packages = Packages {
            name,
            names: section.packages.0,
            lists: lists.iter().map(|list| PackageList::new(list, folder)).collect(),
            closed: section.closed,
            weak: section.weak,
            streams: streams(&section.streams.0).map_err(wrong)?,
            installed: section.installed.map(|path| folder.join(path)),
        };
        packages.check(Said::File).map_err(wrong)?;
        if !packages.is_asked() {
            return Err(wrong(ConfigError::EmptyPackageSet { name: packages.name }));
        }
        Ok(PackageSetEntry { at: at.clone(), group: section.group, packages })
    });
    sets.collect()
}

/// Asks for the sets of the repositories of their groups.
pub(super) fn ask(sets: &[PackageSetEntry], upstreams: &mut [Upstream]) -> Result<(), ConfigError> {
    let mut groups: BTreeMap<String, Vec<Packages>> = BTreeMap::new();
    for set in sets {
        let wrong = |error| ConfigError::Entry { at: set.at.clone(), error: Box::new(error) };
        let group = set.group(upstreams).map_err(wrong)?;
        groups.entry(group).or_default().push(set.packages.clone());
    }
    for (group, packages) in groups {
        let asked = Arc::new(packages);
        for upstream in upstreams.iter_mut().filter(|upstream| upstream.group == group) {
            upstream.asked = Some(Arc::clone(&asked));
        }
    }
    Ok(())
}

/// The sets of these names.
pub(super) fn named<'a>(
    sets: &'a [PackageSetEntry],
    names: &[String],
) -> Result<Vec<&'a Packages>, ConfigError> {
    let find = |name: &String| sets.iter().find(|set| set.packages.name == *name);
    let unknown = |name: &String| ConfigError::NoSuchPackageSet {
        name: name.clone(),
        known: sets.iter().map(|set| set.packages.name.clone()).collect(),
    };
    names.iter().map(|name| Ok(&find(name).ok_or_else(|| unknown(name))?.packages)).collect()
}

impl PackageSetEntry {
    /// The group that it is asked of.
    fn group(&self, upstreams: &[Upstream]) -> Result<String, ConfigError> {
        let mut known: Vec<String> = upstreams.iter().map(|one| one.group.clone()).collect();
        known.sort();
        known.dedup();
        let group = match (&self.group, &known[..]) {
            (Some(group), _) if known.contains(group) => group,
            (None, [only]) => only,
            (group, _) => {
                let (name, group) = (self.packages.name.clone(), group.clone());
                return Err(ConfigError::GroupOfSet { name, group, known });
            }
        };
        let mut members = upstreams.iter().filter(|upstream| upstream.group == *group);
        match members.find(|upstream| upstream.asked.is_some()) {
            Some(upstream) => Err(ConfigError::AskedTwice {
                of: upstream.name.clone(),
                set: self.packages.name.clone(),
            }),
            None => Ok(group.clone()),
        }
    }
}
