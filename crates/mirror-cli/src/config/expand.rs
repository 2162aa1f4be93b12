//! What is wanted, made a list of trees.
//!
//! Each preset's release, each `.repo` file and each ad hoc URL makes an [`Offer`] of repositories.
//! Those that are wanted are chosen by their ids, and each becomes a tree, or one for each
//! architecture that was named.

use std::collections::BTreeSet;
use std::sync::Arc;

use mirror_core::format::rpm::repofile::{Variables, split_list};
use mirror_core::path::TreePath;
use mirror_core::source::rpm::{ByAdvisory, Glob, Location, Selection};
use url::Url;

use super::error::{Claim, ConfigError, Item, Said, Setting};
use super::offer::{Offer, Offered, preset_offers, url_offer};
use super::preset::{Companion, PresetTable};
use super::trust::{self, KeyEntry};
use super::values::without_secrets;
use super::{Packages, Upstream, Wanted, repo_file};

/// The trees that are wanted.
pub(super) fn upstreams(
    presets: &PresetTable,
    wanted: &Wanted,
    sets: &[&Packages],
    said: Said,
    host_arch: &str,
) -> Result<Vec<Upstream>, ConfigError> {
    let arches = Arches::new(&wanted.arches, host_arch);
    let selection = selection(wanted, said)?;
    let mut offers = preset_offers(presets, wanted)?;
    for file in &wanted.repo_files {
        offers.push(repo_file::offer(file, wanted, arches.first())?);
    }
    let request = Request { wanted, said, arches: &arches, selection: &selection };
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
    ask_together(wanted, sets, said, &offers, &mut upstreams)?;
    Ok(upstreams)
}

/// Asks all of these repositories together for the packages that are wanted by name: they are then one
/// group.
fn ask_together(
    wanted: &Wanted,
    sets: &[&Packages],
    said: Said,
    offers: &[Offer<'_>],
    upstreams: &mut [Upstream],
) -> Result<(), ConfigError> {
    wanted.packages.check(said)?;
    let asked_by = wanted.packages.asked_by();
    let mut asked: Vec<Packages> = sets.iter().map(|&set| set.clone()).collect();
    asked.extend(asked_by.map(|_| wanted.packages.clone()));
    if asked.is_empty() {
        return Ok(());
    }
    let asked_by = asked_by.unwrap_or(Setting::Set);
    let several = |found: String, hint| {
        let packages = asked_by.said(said);
        Err(ConfigError::AskedOfSeveral { packages, found, hint })
    };
    if let Some(found) = releases_of_one(offers) {
        let hint = "each release has a closure of its own: name one at a time, or list each in a \
                    [[repo]]";
        return several(found, hint);
    }
    if wanted.source {
        let hint = "source packages are installed on no host: mirror them without names";
        return several("source packages".to_owned(), hint);
    }
    let asked = Arc::new(asked);
    let group = upstreams.first().map(|first| first.group.clone()).unwrap_or_default();
    for upstream in upstreams {
        upstream.asked = Some(Arc::clone(&asked));
        upstream.group.clone_from(&group);
    }
    Ok(())
}

/// The releases of a preset that is there in several.
fn releases_of_one(offers: &[Offer<'_>]) -> Option<String> {
    let is_same = |one: &Offer<'_>, other: &Offer<'_>| {
        one.preset.zip(other.preset).is_some_and(|(one, other)| std::ptr::eq(one, other))
    };
    offers.iter().find_map(|one| {
        let same: Vec<&str> =
            offers.iter().filter(|other| is_same(one, other)).map(|one| one.of.as_str()).collect();
        (same.len() > 1).then(|| same.join(" and "))
    })
}

/// Trees have one owner and never contain one another.
pub(super) fn check_overlaps(
    upstreams: &[Upstream],
    python: &[TreePath],
) -> Result<(), ConfigError> {
    let of_upstreams = upstreams.iter().map(|upstream| (&upstream.tree, upstream.name.as_str()));
    let of_python = python.iter().map(|tree| (tree, "Python packages"));
    let claims: Vec<_> = of_upstreams.chain(of_python).collect();
    let claim = |(tree, name): &(&TreePath, &str)| Claim {
        tree: tree.to_string(),
        name: (*name).to_owned(),
    };
    for (at, one) in claims.iter().enumerate() {
        if let Some(other) = claims[..at].iter().find(|other| other.0.overlaps(one.0)) {
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
        advisories: ByAdvisory {
            security: wanted.security,
            ids: wanted.advisories.clone(),
            cves: wanted.cves.clone(),
        },
    })
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
    said: Said,
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
        if !arches.is_empty() {
            upstream.arches.clone_from(arches);
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
        let mut keys = Vec::new();
        for key in &offered.keys {
            let Some(url) = &key.url else {
                keys.push(key.clone());
                continue;
            };
            let urls = text.values(url, offered.lists)?.into_iter();
            keys.extend(urls.map(|url| KeyEntry { url: Some(url), ..key.clone() }));
        }
        let words = trust::Words {
            of: &offered.of,
            said: self.said,
            repo_gpgcheck: self.wanted.repo_gpgcheck.or(offered.repo_gpgcheck),
            gpgcheck: self.wanted.gpgcheck.or(offered.gpgcheck),
            keys: &self.wanted.keys,
            offered: keys,
            takes_named: offered.lists,
        };
        let location = offered.location(&text)?;
        let put_in = |template: &str| text.put_in(template);
        let access = offered.access.accesses(&location, &offered.of, put_in)?;
        Ok(Upstream {
            name,
            tree: tree.map_err(|source| ConfigError::Path { of: offered.of.clone(), source })?,
            group: match &self.wanted.group {
                Some(group) => group.clone(),
                None => text.put_in(&offered.group)?,
            },
            location,
            selection: self.selection.clone(),
            asked: None,
            arches: vec![arch.to_owned()],
            treeinfo: self.wanted.treeinfo,
            allow_missing: self.wanted.allow_missing,
            trust: words.trust()?,
            access,
            sign_key: self.wanted.sign_key.clone(),
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
    let wrong =
        |reason: String| ConfigError::Url { of: of.to_owned(), url: without_secrets(text), reason };
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
