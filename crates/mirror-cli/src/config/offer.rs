//! What there is to choose from: the repositories of presets, `.repo` files and URLs.

use std::collections::BTreeSet;

use mirror_core::format::rpm::repofile::Variables;

use super::Wanted;
use super::access::RepoAccess;
use super::error::{ConfigError, Item, Said, Setting};
use super::preset::{Companion, Preset, PresetRelease, PresetTable, Spot};
use super::trust::{Gpgcheck, KeyEntry};
use super::values::{OneOrMany, without_secrets};

/// What one preset's release, `.repo` file or URL has.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    /// Whose it is, for messages: `rocky 10`.
    pub(super) of: String,
    /// The architectures that it has; none: any.
    pub(super) arches: &'a [String],
    /// The repositories, in the order that they are listed in.
    pub(super) repos: Vec<Offered>,
    /// The preset, which may have other releases.
    pub(super) preset: Option<&'a Preset>,
}

/// A repository that can be had.
#[derive(Debug)]
pub(super) struct Offered {
    /// What it is asked for by.
    pub(super) id: String,
    /// For messages: `rocky 10 baseos`.
    pub(super) of: String,
    /// Which repository it goes with, if with any.
    pub(super) companion: Option<(String, Companion)>,
    /// Whether it is taken when none is named.
    pub(super) default: bool,
    /// The tree's path and name, before companion and architecture; may hold variables.
    pub(super) tree: String,
    /// What a companion adds to that: `-source`.
    pub(super) suffix: String,
    /// Its publish group.
    pub(super) group: String,
    /// What relative URLs lie below.
    pub(super) bases: Vec<String>,
    /// Where it lies; may hold variables.
    pub(super) spot: Spot,
    /// Whether values are lists once their variables are put in, as in `.repo` files.
    pub(super) lists: bool,
    /// The keys that sign it.
    pub(super) keys: Vec<KeyEntry>,
    /// Whether its metadata has to be signed.
    pub(super) repo_gpgcheck: Option<Gpgcheck>,
    /// Whether its packages have to be.
    pub(super) gpgcheck: Option<Gpgcheck>,
    /// The variables, all but the architecture.
    pub(super) variables: Variables,
    /// How it is reached.
    pub(super) access: RepoAccess,
}

/// The offers of the presets, in the releases that are wanted.
///
/// Where several presets and several releases are named, each preset takes the releases that it
/// has: `rocky kubernetes --release 9 v1.34`. One that nobody has is an error, as is a preset
/// without any.
pub(super) fn preset_offers<'a>(
    presets: &'a PresetTable,
    wanted: &'a Wanted,
) -> Result<Vec<Offer<'a>>, ConfigError> {
    let mut offers = Vec::new();
    let mut taken = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for name in wanted.presets.iter().filter(|name| seen.insert(name.as_str())) {
        let preset = presets.get(name).ok_or_else(|| ConfigError::Unknown {
            of: String::new(),
            item: Item::Preset,
            found: name.clone(),
            known: presets.names(),
            elsewhere: Vec::new(),
        })?;
        let Some(default) = preset.releases().first() else {
            taken.extend(wanted.release.iter());
            offers.push(preset_offer(name, preset, None));
            continue;
        };
        let mut releases: Vec<&String> = Vec::new();
        for release in wanted.release.iter().filter(|release| preset.has_release(release)) {
            if !releases.contains(&release) {
                releases.push(release);
            }
        }
        match wanted.release.first() {
            None => releases.push(default),
            Some(release) if releases.is_empty() => {
                return Err(unknown_release(name, preset, release));
            }
            Some(_) => taken.extend(releases.iter().copied()),
        }
        let some = releases.into_iter();
        offers.extend(some.map(|release| preset_offer(name, preset, Some(release))));
    }
    // .repo files and URLs take any release.
    if wanted.repo_files.is_empty() && wanted.urls.is_empty() {
        let nobodys = wanted.release.iter().find(|release| !taken.contains(release));
        let first = wanted.presets.first().and_then(|name| Some((name, presets.get(name)?)));
        if let (Some(release), Some((name, preset))) = (nobodys, first) {
            return Err(unknown_release(name, preset, release));
        }
    }
    Ok(offers)
}

fn unknown_release(name: &str, preset: &Preset, release: &str) -> ConfigError {
    ConfigError::Unknown {
        of: name.to_owned(),
        item: Item::Release,
        found: release.to_owned(),
        known: preset.releases().to_vec(),
        elsewhere: Vec::new(),
    }
}

fn preset_offer<'a>(name: &str, preset: &'a Preset, release: Option<&'a str>) -> Offer<'a> {
    let view = preset.at(release);
    let mut repos = Vec::new();
    for id in view.ids() {
        repos.push(preset_repo(name, view, id, None, view.packages(id)));
        for companion in Companion::ALL {
            if let Some(spot) = view.companion(id, companion) {
                repos.push(preset_repo(name, view, id, Some(companion), spot));
            }
        }
    }
    let of = release.map_or_else(|| name.to_owned(), |release| format!("{name} {release}"));
    Offer { of, arches: view.arches(), repos, preset: Some(preset) }
}

fn preset_repo(
    name: &str,
    view: PresetRelease<'_>,
    id: &str,
    companion: Option<Companion>,
    spot: Spot,
) -> Offered {
    let mut variables = Variables::from_pairs([("repo", id), ("folder", view.folder(id))]);
    let group = match view.release {
        Some(release) => {
            variables.set("releasever", release);
            format!("{name}/{release}")
        }
        None => name.to_owned(),
    };
    let suffix = companion.map(|companion| format!("-{}", companion.name())).unwrap_or_default();
    Offered {
        id: format!("{id}{suffix}"),
        of: format!("{} {id}{suffix}", group.replace('/', " ")),
        companion: companion.map(|companion| (id.to_owned(), companion)),
        default: companion.is_none() && view.is_default(id),
        tree: view.path(id).map_or_else(|| format!("{group}/{id}"), str::to_owned),
        suffix,
        group,
        bases: view.baseurl().to_vec(),
        spot,
        lists: false,
        keys: view.keys(id).to_vec(),
        repo_gpgcheck: view.repo_gpgcheck(id),
        gpgcheck: view.gpgcheck(id),
        variables,
        access: RepoAccess::default(),
    }
}

/// The offer of the URLs, which are mirrors of one repository.
pub(super) fn url_offer(
    wanted: &Wanted,
    said: Said,
) -> Result<Option<Offer<'static>>, ConfigError> {
    let Some(url) = wanted.urls.first() else {
        return Ok(None);
    };
    let Some(path) = &wanted.path else {
        return Err(ConfigError::NoPath { url: without_secrets(url) });
    };
    let url = OneOrMany(wanted.urls.clone());
    let repo = Offered {
        id: path.clone(),
        of: Setting::Url.said(said).to_owned(),
        companion: None,
        default: true,
        tree: path.clone(),
        suffix: String::new(),
        group: path.trim_end_matches('/').to_owned(),
        bases: Vec::new(),
        spot: Spot { url: Some(url), ..Spot::default() },
        lists: false,
        keys: Vec::new(),
        repo_gpgcheck: None,
        gpgcheck: None,
        variables: with_release(Variables::default(), wanted),
        access: RepoAccess::default(),
    };
    Ok(Some(Offer { of: String::new(), arches: &[], repos: vec![repo], preset: None }))
}

/// The variables of what has no releases of its own: one that is named stands for all.
pub(super) fn with_release(mut variables: Variables, wanted: &Wanted) -> Variables {
    if let [release] = &wanted.release[..] {
        variables.set("releasever", release);
    }
    variables
}
