//! What is wanted, made a list of trees.
//!
//! Each preset's release, each `.repo` file and each ad hoc URL makes an [`Offer`] of repositories.
//! Those that are wanted are chosen by their ids, and each becomes a tree, or one for each
//! architecture that was named.

use std::collections::BTreeSet;

use mirror_core::format::rpm::repofile::{Variables, split_list};
use mirror_core::path::TreePath;
use mirror_core::source::rpm::{Glob, Location, Selection};
use url::Url;

use super::error::{Claim, ConfigError, Item, Said, Setting};
use super::preset::{Companion, Preset, PresetRelease, PresetTable, Spot};
use super::{Upstream, Wanted, repo_file};

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
    /// Locations of keys; may hold variables.
    pub(super) keys: Vec<String>,
    /// The variables, all but the architecture.
    pub(super) variables: Variables,
}

/// The trees that are wanted.
pub(super) fn upstreams(
    presets: &PresetTable,
    wanted: &Wanted,
    said: Said,
    host_arch: &str,
) -> Result<Vec<Upstream>, ConfigError> {
    let arches = Arches::new(&wanted.arches, host_arch);
    let selection = selection(wanted, said)?;
    let mut offers = preset_offers(presets, wanted)?;
    for file in &wanted.repo_files {
        offers.push(repo_file::offer(file, wanted, arches.first())?);
    }
    let request = Request { wanted, arches: &arches, selection: &selection };
    let mut upstreams = Vec::new();
    if offers.is_empty() {
        let needless = [
            (Setting::Repo, !wanted.repos.is_empty()),
            (Setting::Source, wanted.source),
            (Setting::Debuginfo, wanted.debuginfo),
        ];
        if let Some((setting, _)) = needless.into_iter().find(|(_, said)| *said) {
            let applies = "presets and .repo files";
            return Err(ConfigError::Unused { setting: setting.said(said), applies });
        }
    } else {
        for (offer, offered) in choose(&offers, wanted)? {
            request.make(offer, offered, &mut upstreams)?;
        }
    }
    if let Some(offer) = url_offer(wanted, said)? {
        request.make(&offer, &offer.repos[0], &mut upstreams)?;
    }
    Ok(upstreams)
}

/// Trees have one owner and never contain one another.
pub(super) fn check_overlaps(upstreams: &[Upstream]) -> Result<(), ConfigError> {
    let claim = |upstream: &Upstream| Claim {
        tree: upstream.tree.to_string(),
        name: upstream.name.clone(),
    };
    for (at, one) in upstreams.iter().enumerate() {
        if let Some(other) = upstreams[..at].iter().find(|other| other.tree.overlaps(&one.tree)) {
            return Err(ConfigError::Overlap([claim(other), claim(one)]));
        }
    }
    Ok(())
}

/// The architectures that were named, and the host's.
struct Arches {
    given: Vec<String>,
    host: String,
}

impl Arches {
    fn new(given: &[String], host: &str) -> Self {
        let mut named: Vec<String> = Vec::new();
        for arch in given.iter().map(|arch| base_arch(arch)) {
            if !named.iter().any(|other| other == arch) {
                named.push(arch.to_owned());
            }
        }
        Self { given: named, host: base_arch(host).to_owned() }
    }

    /// The one that stands where only one can.
    fn first(&self) -> &str {
        self.given.first().unwrap_or(&self.host)
    }
}

/// dnf's name of an architecture that others call otherwise.
fn base_arch(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "powerpc64le" => "ppc64le",
        arch => arch,
    }
}

fn selection(wanted: &Wanted, said: Said) -> Result<Selection, ConfigError> {
    let globs = |patterns: &[String], setting: Setting| {
        let globs = patterns.iter().map(|pattern| Glob::new(pattern));
        globs.collect::<Result<Vec<_>, _>>().map_err(|source| {
            let setting = setting.said(said);
            ConfigError::Pattern { setting, source }
        })
    };
    Ok(Selection {
        include: globs(&wanted.include, Setting::Include)?,
        exclude: globs(&wanted.exclude, Setting::Exclude)?,
        newest_only: wanted.newest_only,
        arches: Vec::new(),
    })
}

/// The offers of the presets, in the releases that are wanted.
///
/// Where several presets and several releases are named, each preset takes the releases that it
/// has: `rocky kubernetes --release 9 v1.34`. One that nobody has is an error, as is a preset
/// without any.
fn preset_offers<'a>(
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
        variables,
    }
}

/// The offer of the URLs, which are mirrors of one repository.
fn url_offer(wanted: &Wanted, said: Said) -> Result<Option<Offer<'static>>, ConfigError> {
    let Some(url) = wanted.urls.first() else {
        return Ok(None);
    };
    let Some(path) = &wanted.path else {
        return Err(ConfigError::NoPath { url: without_password(url) });
    };
    let url = super::file::OneOrMany(wanted.urls.clone());
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
        variables: with_release(Variables::default(), wanted),
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

/// The repositories that are wanted, each followed by its companions.
///
/// Where there are several offers, each gives the repositories that it has. One that nobody has is
/// an error, as is an offer without any.
fn choose<'o, 'a>(
    offers: &'o [Offer<'a>],
    wanted: &Wanted,
) -> Result<Vec<(&'o Offer<'a>, &'o Offered)>, ConfigError> {
    let mut chosen = Vec::new();
    let mut found = BTreeSet::new();
    for offer in offers {
        let mut repos: Vec<&Offered> = Vec::new();
        for id in &wanted.repos {
            if let Some(repo) = offer.repos.iter().find(|repo| repo.id == *id) {
                found.insert(id);
                if !repos.iter().any(|other| other.id == *id) {
                    repos.push(repo);
                }
            }
        }
        match wanted.repos.first() {
            Some(id) if repos.is_empty() => {
                return Err(unknown_repo(std::slice::from_ref(offer), id));
            }
            Some(_) => {}
            None => repos = offer.repos.iter().filter(|repo| repo.default).collect(),
        }
        if repos.is_empty() {
            let known = offer.repos.iter().map(|repo| repo.id.clone()).collect();
            return Err(ConfigError::NoneEnabled { of: offer.of.clone(), known });
        }
        let repos = with_companions(offer, repos, wanted)?;
        chosen.extend(repos.into_iter().map(|repo| (offer, repo)));
    }
    match wanted.repos.iter().find(|id| !found.contains(id)) {
        Some(id) => Err(unknown_repo(offers, id)),
        None => Ok(chosen),
    }
}

fn with_companions<'o>(
    offer: &'o Offer<'_>,
    repos: Vec<&'o Offered>,
    wanted: &Wanted,
) -> Result<Vec<&'o Offered>, ConfigError> {
    let asked = [(Companion::Source, wanted.source), (Companion::Debuginfo, wanted.debuginfo)];
    let asked: Vec<_> = asked.into_iter().filter(|(_, asked)| *asked).collect();
    let mut all: Vec<&Offered> = Vec::new();
    let mut add = |repo: &'o Offered| {
        if !all.iter().any(|other| other.id == repo.id) {
            all.push(repo);
        }
    };
    let mut missing: Vec<Companion> = asked.iter().map(|(companion, _)| *companion).collect();
    for repo in repos {
        add(repo);
        for (companion, _) in &asked {
            let goes_with = |other: &&Offered| {
                other
                    .companion
                    .as_ref()
                    .is_some_and(|(id, kind)| *id == repo.id && kind == companion)
            };
            if let Some(other) = offer.repos.iter().find(goes_with) {
                add(other);
                missing.retain(|missing| missing != companion);
            }
        }
    }
    match missing.first() {
        None => Ok(all),
        Some(companion) => {
            Err(ConfigError::NoCompanion { of: offer.of.clone(), companion: companion.name() })
        }
    }
}

fn unknown_repo(offers: &[Offer<'_>], id: &str) -> ConfigError {
    let mut known: Vec<String> = Vec::new();
    for repo in offers.iter().flat_map(|offer| &offer.repos) {
        // A preset's companions have their own options; those of a file are listed as they are.
        if (repo.companion.is_none() || repo.suffix.is_empty()) && !known.contains(&repo.id) {
            known.push(repo.id.clone());
        }
    }
    let presets = offers.iter().filter_map(|offer| offer.preset);
    let releases = presets.flat_map(|preset| {
        let releases = preset.releases().iter();
        releases.filter(move |release| preset.at(Some(release)).has(id))
    });
    let elsewhere: BTreeSet<String> = releases.cloned().collect();
    ConfigError::Unknown {
        of: offers.iter().map(|offer| offer.of.as_str()).collect::<Vec<_>>().join(", "),
        item: Item::Repository,
        found: id.to_owned(),
        known,
        elsewhere: elsewhere.into_iter().collect(),
    }
}

/// What holds for all repositories that are asked for together.
struct Request<'a> {
    wanted: &'a Wanted,
    arches: &'a Arches,
    selection: &'a Selection,
}

impl Request<'_> {
    /// Makes the trees of one repository: one for each architecture that was named where they lie
    /// apart upstream, else one.
    fn make(
        &self,
        offer: &Offer<'_>,
        offered: &Offered,
        upstreams: &mut Vec<Upstream>,
    ) -> Result<(), ConfigError> {
        let apart = offered.is_apart();
        let arches = &self.arches.given;
        if apart || !arches.is_empty() {
            let host = std::slice::from_ref(&self.arches.host);
            check_arches(offer, if arches.is_empty() { host } else { arches })?;
        }
        if apart && !arches.is_empty() {
            for arch in arches {
                upstreams.push(self.tree(offered, arch, Some(arch))?);
            }
            return Ok(());
        }
        let mut upstream = self.tree(offered, self.arches.first(), None)?;
        if !matches!(offered.companion, Some((_, Companion::Source))) {
            // Packages of all architectures lie together: the selection holds them apart.
            upstream.selection.arches.clone_from(arches);
        }
        upstreams.push(upstream);
        Ok(())
    }

    /// The tree of one architecture, below a folder of its own if one is given.
    fn tree(
        &self,
        offered: &Offered,
        arch: &str,
        folder: Option<&str>,
    ) -> Result<Upstream, ConfigError> {
        let mut variables = offered.variables.clone();
        variables.set("basearch", arch);
        variables.set("arch", arch);
        let releases = &self.wanted.release;
        let text = Text { of: &offered.of, variables: &variables, releases };
        let mut for_path = variables.clone();
        for_path.set("repo", variables.get("repo").unwrap_or(&offered.id));
        let text_of_path = Text { of: &offered.of, variables: &for_path, releases };
        let place = |template: &str| -> Result<String, ConfigError> {
            let mut path = text_of_path.put_in(template)?.trim_end_matches('/').to_owned();
            path.push_str(&offered.suffix);
            match folder.filter(|_| !holds_arch(template)) {
                Some(folder) if path == "." => Ok(folder.to_owned()),
                Some(folder) => Ok(format!("{path}/{folder}")),
                None => Ok(path),
            }
        };
        let name = place(&offered.tree)?;
        let path = self.wanted.path.as_deref().map_or_else(|| Ok(name.clone()), place)?;
        let tree = TreePath::new(&path);
        let keys = offered.keys.iter().map(|key| text.values(key, offered.lists));
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        Ok(Upstream {
            name,
            tree: tree.map_err(|source| ConfigError::Path { of: offered.of.clone(), source })?,
            group: match &self.wanted.group {
                Some(group) => group.clone(),
                None => text.put_in(&offered.group)?,
            },
            location: offered.location(&text)?,
            selection: self.selection.clone(),
            treeinfo: self.wanted.treeinfo,
            keys: keys.into_iter().flatten().collect(),
        })
    }
}

fn check_arches(offer: &Offer<'_>, arches: &[String]) -> Result<(), ConfigError> {
    let has = |arch: &String| offer.arches.is_empty() || offer.arches.contains(arch);
    match arches.iter().find(|arch| !has(arch)) {
        None => Ok(()),
        Some(arch) => Err(ConfigError::Unknown {
            of: offer.of.clone(),
            item: Item::Architecture,
            found: arch.clone(),
            known: offer.arches.to_vec(),
            elsewhere: Vec::new(),
        }),
    }
}

impl Offered {
    /// What stands for the location: the first kind that there is.
    fn templates(&self) -> &[String] {
        match (&self.spot.url, &self.spot.metalink, &self.spot.mirrorlist) {
            (Some(urls), _, _) => urls.as_slice(),
            (None, Some(list), _) | (None, None, Some(list)) => std::slice::from_ref(list),
            (None, None, None) => &[],
        }
    }

    /// Whether the packages of each architecture lie apart upstream.
    fn is_apart(&self) -> bool {
        self.templates().iter().any(|template| holds_arch(template))
    }

    fn location(&self, text: &Text<'_>) -> Result<Location, ConfigError> {
        let mut urls = Vec::new();
        for template in self.templates() {
            for value in text.values(template, self.lists)? {
                urls.extend(below(&self.bases, &value));
            }
        }
        let mut urls: Vec<Url> =
            urls.iter().map(|url| parse_url(url, text.of)).collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err(ConfigError::NoLocation { of: text.of.to_owned() });
        }
        Ok(if self.spot.url.is_some() {
            urls.iter_mut().for_each(end_with_slash);
            Location::Bases(urls)
        } else if self.spot.metalink.is_some() {
            Location::Metalink(urls.remove(0))
        } else {
            Location::MirrorList(urls.remove(0))
        })
    }
}

/// A relative URL, below each base.
pub(super) fn below(bases: &[String], url: &str) -> Vec<String> {
    if url.contains("://") || bases.is_empty() {
        return vec![url.to_owned()];
    }
    let bases = bases.iter().map(|base| base.trim_end_matches('/'));
    bases.map(|base| format!("{base}/{url}")).collect()
}

/// Whether a text with variables differs between architectures.
fn holds_arch(template: &str) -> bool {
    ["$basearch", "${basearch", "$arch", "${arch"].iter().any(|name| template.contains(name))
}

/// Puts variables in.
struct Text<'a> {
    of: &'a str,
    variables: &'a Variables,
    releases: &'a [String],
}

impl Text<'_> {
    fn put_in(&self, template: &str) -> Result<String, ConfigError> {
        let of = || self.of.to_owned();
        let done = self.variables.substitute(template);
        let done = done.map_err(|source| ConfigError::Format { of: of(), source })?;
        let Some(name) = done.unknown.into_iter().next() else {
            return Ok(done.text);
        };
        if name.starts_with("releasever") && self.releases.len() > 1 {
            return Err(ConfigError::SeveralReleases {
                of: of(),
                releases: self.releases.to_vec(),
            });
        }
        Err(ConfigError::Unset { of: of(), name })
    }

    fn values(&self, template: &str, lists: bool) -> Result<Vec<String>, ConfigError> {
        let text = self.put_in(template)?;
        Ok(if lists { split_list(&text).map(str::to_owned).collect() } else { vec![text] })
    }
}

fn parse_url(text: &str, of: &str) -> Result<Url, ConfigError> {
    let wrong = |reason: String| ConfigError::Url {
        of: of.to_owned(),
        url: without_password(text),
        reason,
    };
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("its scheme is {}, expected http or https", url.scheme())));
    }
    Ok(url)
}

fn end_with_slash(url: &mut Url) {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
}

/// The text of a URL that need not parse, without what stands before the host's `@`.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => url.to_owned(),
    }
}
