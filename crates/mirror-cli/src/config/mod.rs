//! From the user's words to a list of upstream trees.
//!
//! Words come from the command line ([`Wanted`]) and from `mirror.toml` ([`Config`]), where each
//! `[[repo]]` says what a command line could. Either names *presets*, `.repo` files or URLs;
//! [`Config::upstreams`] makes [`Upstream`]s of them. Sets of Python packages ([`pypi`]) are said in
//! the same two places, and where they come from ([`indexes`]) in some more. All of it is a function
//! of its arguments and of the files that they name: no variable of the environment is read here.

mod access;
mod error;
mod expand;
mod file;
pub(crate) mod indexes;
mod listing;
mod offer;
mod package_sets;
mod packages;
mod preset;
pub(crate) mod pypi;
mod repo_file;
#[cfg(test)]
mod tests;
mod trust;
mod values;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mirror_core::fetch::Access;
use mirror_core::path::TreePath;
use mirror_core::source::rpm::{Location, Selection, Trust};
use mirror_core::store::LockWait;

pub(crate) use access::proxy_url;
pub(crate) use error::{ConfigError, Place};
use error::{Said, Setting};
pub(crate) use file::MOST_RETRIES;
pub(crate) use listing::{KeyListing, PresetListing, ReleaseListing, RepoListing};
use package_sets::PackageSetEntry;
pub(crate) use packages::Packages;
pub(crate) use preset::PresetTable;
pub(crate) use pypi::{PypiEntry, PypiSettings, PypiWanted};
pub(crate) use trust::Gpgcheck;
pub(crate) use values::{RATES, rate, time};

/// What `mirror.toml` says, over the presets that come with the program.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The mirror's root.
    pub(crate) root: Option<PathBuf>,
    /// Transfers at once.
    pub(crate) connections: Option<usize>,
    /// Generations of a tree that are kept.
    pub(crate) keep_generations: Option<NonZeroUsize>,
    /// How long what a publication replaced is still served.
    pub(crate) grace: Option<Duration>,
    /// Whether content that no kept generation names is dropped.
    pub(crate) prune: Option<bool>,
    /// How long to wait for another process that works on the root.
    pub(crate) lock_wait: Option<LockWait>,
    /// The most bytes a second.
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// How often a transfer is tried again.
    pub(crate) retries: Option<u32>,
    /// The file of the key that made metadata is signed with, where an entry names no other; that of
    /// `mirror index`, too.
    pub(crate) sign_key: Option<PathBuf>,
    /// How long nothing may come.
    pub(crate) timeout: Option<Duration>,
    /// With what hosts are asked.
    pub(crate) hosts: Vec<Access>,
    /// What is odd, for the user to know.
    pub(crate) warnings: Vec<String>,
    /// The `[[repo]]` entries, in the file's order.
    pub(crate) repos: Vec<RepoEntry>,
    /// The `[packages.NAME]` sections.
    package_sets: Vec<PackageSetEntry>,
    /// What can be named.
    pub(crate) presets: PresetTable,
    /// What holds for all sets of Python packages.
    pub(crate) pypi: PypiSettings,
    /// The `[pypi.SET]` sections, in the file's order.
    pub(crate) pypi_sets: Vec<PypiEntry>,
}

/// A `[[repo]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoEntry {
    /// Its first line.
    pub(crate) at: Place,
    /// What it says.
    pub(crate) wanted: Wanted,
}

/// What the user asked for, on the command line or in an entry of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Wanted {
    /// Names of presets.
    pub(crate) presets: Vec<String>,
    /// Ids of repositories of those and of [`Wanted::repo_files`]; none: the usual ones.
    pub(crate) repos: Vec<String>,
    /// Releases; none: each preset's default one.
    pub(crate) release: Vec<String>,
    /// Architectures, each with a tree of its own; none: the host's, and no folder for it.
    pub(crate) arches: Vec<String>,
    /// Also the repositories of source packages.
    pub(crate) source: bool,
    /// Also the repositories of debug information.
    pub(crate) debuginfo: bool,
    /// `.repo` files.
    pub(crate) repo_files: Vec<PathBuf>,
    /// Folders of variables for those, such as `/etc/dnf/vars`; later ones win.
    pub(crate) vars_dirs: Vec<PathBuf>,
    /// The URLs of one repository, best first.
    pub(crate) urls: Vec<String>,
    /// The tree's path below the root. May hold `$releasever`, `$basearch` and `$repo`.
    pub(crate) path: Option<String>,
    /// Patterns of the packages to take.
    pub(crate) include: Vec<String>,
    /// Patterns of the packages to leave.
    pub(crate) exclude: Vec<String>,
    /// How many of the newest versions to take.
    pub(crate) newest_only: Option<NonZeroUsize>,
    /// Only the packages of security advisories.
    pub(crate) security: bool,
    /// Only the packages of these advisories.
    pub(crate) advisories: Vec<String>,
    /// Only the packages of advisories for these CVEs.
    pub(crate) cves: Vec<String>,
    /// Packages that are asked for by name, of all these repositories together.
    pub(crate) packages: Packages,
    /// Sets of `mirror.toml`: what is asked for, or where nothing is named, of whose groups.
    pub(crate) sets: Vec<String>,
    /// With `.treeinfo` and its files.
    pub(crate) treeinfo: bool,
    /// Without the packages that upstream lost.
    pub(crate) allow_missing: bool,
    /// The publish group, if another than usual.
    pub(crate) group: Option<String>,
    /// Whether the signature of the metadata is checked.
    pub(crate) repo_gpgcheck: Option<Gpgcheck>,
    /// Whether those of packages are.
    pub(crate) gpgcheck: Option<Gpgcheck>,
    /// Files or fingerprints of the keys that may have made them; none: those that upstream names.
    pub(crate) keys: Vec<String>,
    /// The file of the key that made metadata is signed with.
    pub(crate) sign_key: Option<PathBuf>,
}

/// A tree to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// For people: `rocky/10/baseos`.
    pub(crate) name: String,
    /// Its place below the root.
    pub(crate) tree: TreePath,
    /// The trees of one group are published together or not at all.
    pub(crate) group: String,
    /// Where it comes from.
    pub(crate) location: Location,
    /// Which packages.
    pub(crate) selection: Selection,
    /// What is asked for by name: the same of all that it is asked of together.
    pub(crate) asked: Option<Arc<Vec<Packages>>>,
    /// The architectures of the hosts that it is asked for.
    pub(crate) arches: Vec<String>,
    /// With `.treeinfo` and its files.
    pub(crate) treeinfo: bool,
    /// Without the packages that upstream lost.
    pub(crate) allow_missing: bool,
    /// Whose signature of the metadata counts.
    pub(crate) trust: Trust,
    /// With what it is asked, where a `.repo` file says that.
    pub(crate) access: Vec<Access>,
    /// The file of the key that metadata of our own is signed with.
    pub(crate) sign_key: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: None,
            connections: None,
            keep_generations: None,
            grace: None,
            prune: None,
            lock_wait: None,
            limit_rate: None,
            retries: None,
            timeout: None,
            sign_key: None,
            hosts: Vec::new(),
            warnings: Vec::new(),
            repos: Vec::new(),
            package_sets: Vec::new(),
            presets: PresetTable::built_in(),
            pypi: PypiSettings::default(),
            pypi_sets: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file `path`.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// The trees that are wanted. Where nothing is named, they are those of all `[[repo]]` entries.
    /// `host_arch` stands where no architecture is named.
    pub(crate) fn upstreams(
        &self,
        wanted: &Wanted,
        host_arch: &str,
    ) -> Result<Vec<Upstream>, ConfigError> {
        let mut upstreams = if wanted.names_something() {
            let sets = package_sets::named(&self.package_sets, &wanted.sets)?;
            expand::upstreams(&self.presets, wanted, &sets, Said::Options, host_arch)?
        } else {
            self.upstreams_of_file(wanted, host_arch)?
        };
        for upstream in &mut upstreams {
            upstream.sign_key = upstream.sign_key.take().or_else(|| self.sign_key.clone());
        }
        expand::check_overlaps(&upstreams, &[])?;
        Ok(upstreams)
    }

    fn upstreams_of_file(
        &self,
        wanted: &Wanted,
        host_arch: &str,
    ) -> Result<Vec<Upstream>, ConfigError> {
        if let Some(setting) = wanted.first_setting() {
            let setting = setting.said(Said::Options);
            let applies = "a preset, a .repo file or a URL";
            return Err(ConfigError::Unused { setting, applies });
        }
        if self.repos.is_empty() && self.pypi_sets.is_empty() {
            return Err(ConfigError::Nothing { presets: self.presets.names() });
        }
        let mut all = Vec::new();
        for RepoEntry { at, wanted } in &self.repos {
            let some = expand::upstreams(&self.presets, wanted, &[], Said::File, host_arch);
            all.extend(
                some.map_err(|error| ConfigError::Entry {
                    at: at.clone(),
                    error: Box::new(error),
                })?,
            );
        }
        package_sets::ask(&self.package_sets, &mut all)?;
        package_sets::named(&self.package_sets, &wanted.sets)?;
        if !wanted.sets.is_empty() {
            let is_meant = |set: &Packages| wanted.sets.contains(&set.name);
            all.retain(|one| one.asked.iter().any(|asked| asked.iter().any(is_meant)));
        }
        Ok(all)
    }

    /// Trees have one owner and never contain one another: those of upstreams, and those of Python
    /// packages.
    pub(crate) fn check_overlaps(
        upstreams: &[Upstream],
        python: &[TreePath],
    ) -> Result<(), ConfigError> {
        expand::check_overlaps(upstreams, python)
    }

    /// What can be named: all presets, or one with its repositories.
    pub(crate) fn list(&self, preset: Option<&str>) -> Result<Vec<PresetListing>, ConfigError> {
        listing::list(&self.presets, preset)
    }
}

impl Wanted {
    /// Whether anything is named that the settings could apply to.
    pub(crate) fn names_something(&self) -> bool {
        !(self.presets.is_empty() && self.repo_files.is_empty() && self.urls.is_empty())
    }

    /// The first setting that says something.
    fn first_setting(&self) -> Option<Setting> {
        let packages = self.packages.settings();
        let said = [
            (Setting::Packages, !self.packages.names.is_empty()),
            (Setting::PackageList, !self.packages.lists.is_empty()),
            (Setting::Repo, !self.repos.is_empty()),
            (Setting::Release, !self.release.is_empty()),
            (Setting::Arch, !self.arches.is_empty()),
            (Setting::Source, self.source),
            (Setting::Debuginfo, self.debuginfo),
            (Setting::Vars, !self.vars_dirs.is_empty()),
            (Setting::Path, self.path.is_some()),
            (Setting::Include, !self.include.is_empty()),
            (Setting::Exclude, !self.exclude.is_empty()),
            (Setting::NewestOnly, self.newest_only.is_some()),
            (Setting::Security, self.security),
            (Setting::Advisory, !self.advisories.is_empty()),
            (Setting::Cve, !self.cves.is_empty()),
            (Setting::Treeinfo, self.treeinfo),
            (Setting::AllowMissing, self.allow_missing),
            (Setting::Group, self.group.is_some()),
            (Setting::RepoGpgcheck, self.repo_gpgcheck.is_some()),
            (Setting::Gpgcheck, self.gpgcheck.is_some()),
            (Setting::Key, !self.keys.is_empty()),
        ];
        said.into_iter().chain(packages).find(|(_, said)| *said).map(|(setting, _)| setting)
    }
}
