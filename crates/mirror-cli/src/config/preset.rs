//! Presets: what distributions and vendors offer, as data.
//!
//! A preset has *releases*, and *repositories* in each. What a repository's URL is made of is said
//! once for the preset, and again only where a release or a repository differs: the closest word
//! counts, in the order repository of a release, repository, release, preset. So a user who wants
//! another mirror sets one key (`baseurl`), and one who wants another repository names its folder.

use std::collections::BTreeMap;

use mirror_core::source::rpm::{Glob, GlobError};
use serde::Deserialize;

use super::trust::{Gpgcheck, KeyEntry};
use super::values::OneOrMany;

/// The presets that come with the program.
const BUILT_IN: &str = include_str!("presets.toml");

/// All presets by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct PresetTable(BTreeMap<String, Preset>);

/// A set of repositories: `[preset.NAME]`. In a file of the user, what is there is laid over the
/// preset of the same name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    /// For people.
    pub(super) title: Option<String>,
    /// What relative URLs lie below; several are mirrors of one another, best first.
    baseurl: Option<OneOrMany>,
    /// The releases, the default one first. None: the preset knows no releases.
    releases: Option<Vec<String>>,
    /// Patterns of further releases, which are taken but not listed.
    other_releases: Option<Vec<String>>,
    /// Base architectures. None: any.
    arches: Option<Vec<String>>,
    /// The repositories that are taken when none is named. None: all.
    default_repos: Option<Vec<String>>,
    /// The keys that sign packages and metadata.
    keys: Option<Vec<KeyEntry>>,
    /// Whether its metadata has to be signed, here and below.
    repo_gpgcheck: Option<Gpgcheck>,
    /// Whether its packages have to be signed.
    gpgcheck: Option<Gpgcheck>,
    /// Where packages lie: this and the next two are as in [`Spot`], here and below.
    url: Option<OneOrMany>,
    mirrorlist: Option<String>,
    metalink: Option<String>,
    #[serde(default)]
    source: Spot,
    #[serde(default)]
    debuginfo: Spot,
    #[serde(default)]
    release: BTreeMap<String, Release>,
    #[serde(default)]
    repo: BTreeMap<String, Repo>,
}

/// In what a release differs from its preset.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    arches: Option<Vec<String>>,
    default_repos: Option<Vec<String>>,
    keys: Option<Vec<KeyEntry>>,
    /// Whether its metadata has to be signed, here and below.
    repo_gpgcheck: Option<Gpgcheck>,
    /// Whether its packages have to be signed.
    gpgcheck: Option<Gpgcheck>,
    url: Option<OneOrMany>,
    mirrorlist: Option<String>,
    metalink: Option<String>,
    #[serde(default)]
    source: Spot,
    #[serde(default)]
    debuginfo: Spot,
    #[serde(default)]
    repo: BTreeMap<String, Repo>,
}

/// A repository, and in what it differs from its preset.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names)] // the keys are dnf's
struct Repo {
    /// Its name in upstream's tree; by default its id.
    folder: Option<String>,
    /// The tree's path below the root.
    path: Option<String>,
    /// The releases that have it. None: all.
    releases: Option<Vec<String>>,
    /// The companions that it lacks.
    #[serde(default)]
    without: Vec<Companion>,
    keys: Option<Vec<KeyEntry>>,
    /// Whether its metadata has to be signed, here and below.
    repo_gpgcheck: Option<Gpgcheck>,
    /// Whether its packages have to be signed.
    gpgcheck: Option<Gpgcheck>,
    url: Option<OneOrMany>,
    mirrorlist: Option<String>,
    metalink: Option<String>,
    #[serde(default)]
    source: Spot,
    #[serde(default)]
    debuginfo: Spot,
}

/// Where packages of one kind lie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spot {
    /// The repository's folder, absolute or below `baseurl`; several are mirrors of one another.
    pub(super) url: Option<OneOrMany>,
    /// A list of such folders.
    pub(super) mirrorlist: Option<String>,
    /// A metalink of repomd.xml.
    pub(super) metalink: Option<String>,
}

/// A repository beside another, with what the other's packages were made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Companion {
    /// Source packages: one repository for all architectures.
    Source,
    /// Debug information.
    Debuginfo,
}

impl Companion {
    /// Both, in the order that their trees are listed in.
    pub(super) const ALL: [Self; 2] = [Self::Source, Self::Debuginfo];

    /// Its name, as in `baseos-source`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Debuginfo => "debuginfo",
        }
    }
}

impl PresetTable {
    /// The presets that come with the program.
    pub(super) fn built_in() -> Self {
        #[derive(Deserialize)]
        struct File {
            preset: BTreeMap<String, Preset>,
        }
        // The file is part of the program, and a test reads it.
        toml::from_str(BUILT_IN).map(|file: File| Self(file.preset)).unwrap_or_default()
    }

    /// Lays the user's words over the preset `name`, or makes a new one of them.
    pub(super) fn extend(&mut self, name: String, preset: Preset) {
        self.0.entry(name).or_default().overlay(preset);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Preset> {
        self.0.get(name)
    }

    /// The names and presets, in alphabetical order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Preset)> {
        self.0.iter().map(|(name, preset)| (name.as_str(), preset))
    }

    /// The names, in alphabetical order.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl Preset {
    /// The releases that are listed, the default one first.
    pub(super) fn releases(&self) -> &[String] {
        self.releases.as_deref().unwrap_or_default()
    }

    /// Whether `release` is listed, or fits a pattern of those that are not.
    pub(super) fn has_release(&self, release: &str) -> bool {
        let others = self.other_releases.iter().flatten();
        let mut globs = others.filter_map(|pattern| Glob::new(pattern).ok());
        self.releases().iter().any(|listed| listed == release)
            || globs.any(|glob| glob.matches(release))
    }

    /// Whether its patterns parse.
    pub(super) fn check(&self) -> Result<(), GlobError> {
        self.other_releases.iter().flatten().try_for_each(|pattern| Glob::new(pattern).map(drop))
    }

    /// The view of one release; `None` for presets that know none.
    pub(super) fn at<'a>(&'a self, release: Option<&'a str>) -> PresetRelease<'a> {
        let layer = release.and_then(|release| {
            self.release.get(release).or_else(|| self.release.get(major(release)))
        });
        PresetRelease { preset: self, release, layer }
    }

    fn overlay(&mut self, over: Self) {
        if over.baseurl.is_some() {
            // Who names a mirror wants that one, and not those that upstream would choose.
            self.forget_mirrors();
        }
        set(&mut self.title, over.title);
        set(&mut self.baseurl, over.baseurl);
        set(&mut self.releases, over.releases);
        set(&mut self.other_releases, over.other_releases);
        set(&mut self.arches, over.arches);
        set(&mut self.default_repos, over.default_repos);
        set(&mut self.keys, over.keys);
        set(&mut self.repo_gpgcheck, over.repo_gpgcheck);
        set(&mut self.gpgcheck, over.gpgcheck);
        set(&mut self.url, over.url);
        set(&mut self.mirrorlist, over.mirrorlist);
        set(&mut self.metalink, over.metalink);
        self.source.overlay(over.source);
        self.debuginfo.overlay(over.debuginfo);
        for (name, release) in over.release {
            self.release.entry(name).or_default().overlay(release);
        }
        overlay_repos(&mut self.repo, over.repo);
    }

    fn forget_mirrors(&mut self) {
        (self.mirrorlist, self.metalink) = (None, None);
        self.source.forget_mirrors();
        self.debuginfo.forget_mirrors();
        let releases = self.release.values_mut();
        let of_releases = releases.flat_map(|release| {
            (release.mirrorlist, release.metalink) = (None, None);
            release.source.forget_mirrors();
            release.debuginfo.forget_mirrors();
            release.repo.values_mut()
        });
        for repo in self.repo.values_mut().chain(of_releases) {
            (repo.mirrorlist, repo.metalink) = (None, None);
            repo.source.forget_mirrors();
            repo.debuginfo.forget_mirrors();
        }
    }
}

impl Release {
    fn overlay(&mut self, over: Self) {
        set(&mut self.arches, over.arches);
        set(&mut self.default_repos, over.default_repos);
        set(&mut self.keys, over.keys);
        set(&mut self.repo_gpgcheck, over.repo_gpgcheck);
        set(&mut self.gpgcheck, over.gpgcheck);
        set(&mut self.url, over.url);
        set(&mut self.mirrorlist, over.mirrorlist);
        set(&mut self.metalink, over.metalink);
        self.source.overlay(over.source);
        self.debuginfo.overlay(over.debuginfo);
        overlay_repos(&mut self.repo, over.repo);
    }
}

impl Repo {
    fn overlay(&mut self, over: Self) {
        set(&mut self.folder, over.folder);
        set(&mut self.path, over.path);
        set(&mut self.releases, over.releases);
        self.without.extend(over.without);
        set(&mut self.keys, over.keys);
        set(&mut self.repo_gpgcheck, over.repo_gpgcheck);
        set(&mut self.gpgcheck, over.gpgcheck);
        set(&mut self.url, over.url);
        set(&mut self.mirrorlist, over.mirrorlist);
        set(&mut self.metalink, over.metalink);
        self.source.overlay(over.source);
        self.debuginfo.overlay(over.debuginfo);
    }
}

impl Spot {
    fn overlay(&mut self, over: Self) {
        set(&mut self.url, over.url);
        set(&mut self.mirrorlist, over.mirrorlist);
        set(&mut self.metalink, over.metalink);
    }

    fn forget_mirrors(&mut self) {
        (self.mirrorlist, self.metalink) = (None, None);
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn set<T>(value: &mut Option<T>, over: Option<T>) {
    if over.is_some() {
        *value = over;
    }
}

fn overlay_repos(repos: &mut BTreeMap<String, Repo>, over: BTreeMap<String, Repo>) {
    for (id, repo) in over {
        repos.entry(id).or_default().overlay(repo);
    }
}

/// The part of a release before its first dot: `9` of `9.4`.
fn major(release: &str) -> &str {
    release.split('.').next().unwrap_or(release)
}

/// A preset as it is in one release.
#[derive(Debug, Clone, Copy)]
pub(super) struct PresetRelease<'a> {
    preset: &'a Preset,
    pub(super) release: Option<&'a str>,
    layer: Option<&'a Release>,
}

impl<'a> PresetRelease<'a> {
    /// The architectures; empty: any.
    pub(super) fn arches(&self) -> &'a [String] {
        let own = self.layer.and_then(|layer| layer.arches.as_deref());
        own.or(self.preset.arches.as_deref()).unwrap_or_default()
    }

    /// The ids of the repositories: those that are taken when none is named, then the others.
    pub(super) fn ids(&self) -> Vec<&'a str> {
        let mut ids: Vec<_> = self.defaults().collect();
        for id in self.preset.repo.keys() {
            if self.has(id) && !ids.contains(&id.as_str()) {
                ids.push(id);
            }
        }
        ids
    }

    /// Whether the repository is taken when none is named.
    pub(super) fn is_default(&self, id: &str) -> bool {
        self.defaults().any(|default| default == id)
    }

    fn defaults(self) -> impl Iterator<Item = &'a str> {
        let own = self.layer.and_then(|layer| layer.default_repos.as_ref());
        let named = own.or(self.preset.default_repos.as_ref());
        let all = named.is_none().then(|| self.preset.repo.keys());
        let ids = named.into_iter().flatten().chain(all.into_iter().flatten());
        ids.map(String::as_str).filter(move |id| self.has(id))
    }

    /// Whether this release has the repository.
    pub(super) fn has(&self, id: &str) -> bool {
        let Some(repo) = self.preset.repo.get(id) else {
            return self.layer.is_some_and(|layer| layer.repo.contains_key(id));
        };
        let (Some(releases), Some(release)) = (&repo.releases, self.release) else {
            return true;
        };
        releases.iter().any(|listed| listed == release || listed == major(release))
    }

    /// The words about a repository, the closest first.
    fn repo_layers(self, id: &str) -> impl Iterator<Item = &'a Repo> {
        let of_release = self.layer.and_then(|layer| layer.repo.get(id));
        of_release.into_iter().chain(self.preset.repo.get(id))
    }

    /// The repository's name in upstream's tree.
    pub(super) fn folder<'b>(&self, id: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.repo_layers(id).find_map(|repo| repo.folder.as_deref()).unwrap_or(id)
    }

    /// The repository's own path below the root.
    pub(super) fn path(&self, id: &str) -> Option<&'a str> {
        self.repo_layers(id).find_map(|repo| repo.path.as_deref())
    }

    /// Whether the repository's metadata has to be signed.
    pub(super) fn repo_gpgcheck(&self, id: &str) -> Option<Gpgcheck> {
        let own = self.repo_layers(id).find_map(|repo| repo.repo_gpgcheck);
        own.or_else(|| self.layer?.repo_gpgcheck).or(self.preset.repo_gpgcheck)
    }

    /// Whether its packages have to be signed.
    pub(super) fn gpgcheck(&self, id: &str) -> Option<Gpgcheck> {
        let own = self.repo_layers(id).find_map(|repo| repo.gpgcheck);
        own.or_else(|| self.layer?.gpgcheck).or(self.preset.gpgcheck)
    }

    /// The keys that sign it.
    pub(super) fn keys(&self, id: &str) -> &'a [KeyEntry] {
        let own = self.repo_layers(id).find_map(|repo| repo.keys.as_deref());
        let own = own.or_else(|| self.layer?.keys.as_deref());
        own.or(self.preset.keys.as_deref()).unwrap_or_default()
    }

    /// What relative URLs lie below.
    pub(super) fn baseurl(&self) -> &'a [String] {
        self.preset.baseurl.as_ref().map_or(&[], OneOrMany::as_slice)
    }

    /// Where the repository's packages lie.
    pub(super) fn packages(&self, id: &str) -> Spot {
        let (preset, layer) = (self.preset, self.layer);
        let mut spot = Spot {
            url: preset.url.clone(),
            mirrorlist: preset.mirrorlist.clone(),
            metalink: preset.metalink.clone(),
        };
        if let Some(layer) = layer {
            set(&mut spot.url, layer.url.clone());
            set(&mut spot.mirrorlist, layer.mirrorlist.clone());
            set(&mut spot.metalink, layer.metalink.clone());
        }
        let repos: Vec<_> = self.repo_layers(id).collect();
        for repo in repos.into_iter().rev() {
            set(&mut spot.url, repo.url.clone());
            set(&mut spot.mirrorlist, repo.mirrorlist.clone());
            set(&mut spot.metalink, repo.metalink.clone());
        }
        spot
    }

    /// Where a companion's packages lie; `None` where the repository has no such companion.
    pub(super) fn companion(&self, id: &str, companion: Companion) -> Option<Spot> {
        let repos: Vec<_> = self.repo_layers(id).collect();
        if repos.iter().any(|repo| repo.without.contains(&companion)) {
            return None;
        }
        let mut spot = match companion {
            Companion::Source => self.preset.source.clone(),
            Companion::Debuginfo => self.preset.debuginfo.clone(),
        };
        let of_release = self.layer.map(|layer| (&layer.source, &layer.debuginfo));
        let of_repos = repos.iter().rev().map(|repo| (&repo.source, &repo.debuginfo));
        for (source, debuginfo) in of_release.into_iter().chain(of_repos) {
            spot.overlay(match companion {
                Companion::Source => source.clone(),
                Companion::Debuginfo => debuginfo.clone(),
            });
        }
        (!spot.is_empty()).then_some(spot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_of_the_program_can_be_read() {
        #[derive(Deserialize)]
        struct File {
            preset: BTreeMap<String, Preset>,
        }
        let file: File = toml::from_str(BUILT_IN).unwrap();
        for preset in file.preset.values() {
            assert!(preset.title.is_some());
            for pattern in preset.other_releases.iter().flatten() {
                Glob::new(pattern).unwrap();
            }
        }
        assert_eq!(
            PresetTable::built_in().names(),
            ["almalinux", "centos-stream", "docker-ce", "epel", "fedora", "kubernetes", "rocky"]
        );
    }

    /// A fingerprint that nobody can check is worth nothing.
    #[test]
    fn every_fingerprint_names_its_source() {
        fn check(value: &toml::Value, found: &mut usize) {
            match value {
                toml::Value::Table(table) => {
                    if let Some(fingerprint) = table.get("fingerprint") {
                        *found += 1;
                        assert!(table.contains_key("confirmed_by"), "{fingerprint}");
                    }
                    table.values().for_each(|value| check(value, found));
                }
                toml::Value::Array(items) => items.iter().for_each(|value| check(value, found)),
                _ => {}
            }
        }
        let mut found = 0;
        check(&toml::from_str(BUILT_IN).unwrap(), &mut found);
        assert!(found > 15, "{found}");
    }

    #[test]
    fn the_closest_word_counts() {
        let table = PresetTable::built_in();
        let rocky = table.get("rocky").unwrap();
        assert_eq!(rocky.at(Some("8")).folder("devel"), "Devel");
        assert_eq!(rocky.at(Some("8.10")).folder("devel"), "Devel");
        assert_eq!(rocky.at(Some("9")).folder("devel"), "devel");
        assert_eq!(rocky.at(Some("8")).arches(), ["x86_64", "aarch64"]);
        let alma = table.get("almalinux").unwrap();
        let debug = |release| alma.at(Some(release)).companion("crb", Companion::Debuginfo);
        assert!(debug("9").unwrap().mirrorlist.unwrap().ends_with("-debuginfo"));
        assert!(debug("10").unwrap().mirrorlist.unwrap().ends_with("-debug"));
        let stream = table.get("centos-stream").unwrap().at(Some("10"));
        assert_eq!(stream.companion("extras-common", Companion::Debuginfo), None);
        let url = stream.keys("extras-common")[0].url.as_deref().unwrap();
        assert!(url.ends_with("SIG-Extras-SHA512"));
    }

    #[test]
    fn releases_that_are_not_listed_may_fit() {
        let table = PresetTable::built_in();
        let has = |preset, release| table.get(preset).unwrap().has_release(release);
        assert!(has("rocky", "9") && has("rocky", "9.4") && has("rocky", "8.10"));
        assert!(!has("rocky", "7") && !has("rocky", "9."));
        assert!(has("kubernetes", "v1.40") && !has("kubernetes", "1.31"));
        assert!(!has("epel", "9.4"));
    }
}
