//! What can be named, for `mirror repos`.

use mirror_core::format::rpm::repofile::Variables;
use mirror_core::signature::Fingerprint;
use serde::Serialize;

use super::error::{ConfigError, Item};
use super::expand::below;
use super::preset::{Companion, Preset, PresetRelease, PresetTable, Spot};
use super::trust::KeyEntry;
use super::values::{OneOrMany, without_password, without_secrets};

/// A preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PresetListing {
    /// What it is asked for by.
    pub(crate) name: String,
    /// For people.
    pub(crate) title: String,
    /// Its releases, the default one first; one without a name where it knows none.
    pub(crate) releases: Vec<ReleaseListing>,
}

/// A release of a preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReleaseListing {
    /// Its name.
    pub(crate) release: Option<String>,
    /// Whether it is taken when none is named.
    pub(crate) default: bool,
    /// The architectures; empty: any.
    pub(crate) arches: Vec<String>,
    /// The repositories, those first that are taken when none is named.
    pub(crate) repos: Vec<RepoListing>,
}

/// A repository of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RepoListing {
    /// What it is asked for by.
    pub(crate) id: String,
    /// Whether it is taken when none is named.
    pub(crate) default: bool,
    /// Where it lies, mirrors of one another; `$basearch` stands for the architecture.
    pub(crate) urls: Vec<String>,
    /// Where its mirrors are listed.
    pub(crate) mirrors: Option<String>,
    /// The repository of source packages.
    pub(crate) source: Option<String>,
    /// The repository of debug information.
    pub(crate) debuginfo: Option<String>,
    /// The keys that sign it.
    pub(crate) keys: Vec<KeyListing>,
}

/// A key of a preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct KeyListing {
    /// Where it is.
    pub(crate) url: Option<String>,
    /// Which it is.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// All presets, or the one of that name.
pub(super) fn list(
    presets: &PresetTable,
    name: Option<&str>,
) -> Result<Vec<PresetListing>, ConfigError> {
    let Some(name) = name else {
        return Ok(presets.iter().map(|(name, preset)| list_preset(name, preset)).collect());
    };
    let preset = presets.get(name).ok_or_else(|| ConfigError::Unknown {
        of: String::new(),
        item: Item::Preset,
        found: name.to_owned(),
        known: presets.names(),
        elsewhere: Vec::new(),
    })?;
    Ok(vec![list_preset(name, preset)])
}

fn list_preset(name: &str, preset: &Preset) -> PresetListing {
    let mut releases: Vec<_> =
        preset.releases().iter().map(|release| list_release(preset.at(Some(release)))).collect();
    if releases.is_empty() {
        releases.push(list_release(preset.at(None)));
    }
    releases[0].default = true;
    let title = preset.title.clone().unwrap_or_else(|| name.to_owned());
    PresetListing { name: name.to_owned(), title, releases }
}

fn list_release(view: PresetRelease<'_>) -> ReleaseListing {
    ReleaseListing {
        release: view.release.map(str::to_owned),
        default: false,
        arches: view.arches().to_vec(),
        repos: view.ids().into_iter().map(|id| list_repo(view, id)).collect(),
    }
}

fn list_repo(view: PresetRelease<'_>, id: &str) -> RepoListing {
    let mut variables = Variables::from_pairs([("repo", id), ("folder", view.folder(id))]);
    if let Some(release) = view.release {
        variables.set("releasever", release);
    }
    // What does not parse is shown as it is; it is an error where it is used.
    let put_in =
        |text: &str| variables.substitute(text).map_or_else(|_| text.to_owned(), |done| done.text);
    // The query of a list says which repository it is.
    let shown_list = |url: &str| without_password(&put_in(url));
    let urls = |spot: &Spot| -> Vec<String> {
        let urls = spot.url.iter().flat_map(OneOrMany::as_slice);
        urls.flat_map(|url| below(view.baseurl(), url))
            .map(|url| without_secrets(&put_in(&url)))
            .collect()
    };
    let key = |key: &KeyEntry| KeyListing {
        url: key.url.as_deref().map(|url| without_secrets(&put_in(url))),
        fingerprint: key.fingerprint,
    };
    let packages = view.packages(id);
    let companion = |companion| {
        let spot = view.companion(id, companion)?;
        urls(&spot).into_iter().next().or_else(|| mirrors(&spot).map(shown_list))
    };
    RepoListing {
        id: id.to_owned(),
        default: view.is_default(id),
        urls: urls(&packages),
        mirrors: mirrors(&packages).map(shown_list),
        source: companion(Companion::Source),
        debuginfo: companion(Companion::Debuginfo),
        keys: view.keys(id).iter().map(key).collect(),
    }
}

fn mirrors(spot: &Spot) -> Option<&str> {
    spot.metalink.as_deref().or(spot.mirrorlist.as_deref())
}
