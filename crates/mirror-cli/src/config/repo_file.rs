//! `.repo` files as an offer of repositories.
//!
//! Keys that are a client's own business (`exclude`, `priority`, `gpgcheck` …) do not count: the
//! `exclude` of kubernetes.repo, say, keeps a node from upgrading, and a mirror needs just those
//! packages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mirror_core::format::rpm::repofile::{RepoFile, Section, Variables};

use super::Wanted;
use super::access::RepoAccess;
use super::error::ConfigError;
use super::offer::{Offer, Offered, with_release};
use super::preset::{Companion, Spot};
use super::trust::{Gpgcheck, KeyEntry};
use super::values::OneOrMany;

/// Reads `path` and the folders of variables.
pub(super) fn offer<'a>(
    path: &Path,
    wanted: &Wanted,
    arch: &str,
) -> Result<Offer<'a>, ConfigError> {
    let text = fs::read(path);
    let text = text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let mut files = Vec::new();
    for folder in &wanted.vars_dirs {
        let some = variable_files(folder);
        files.extend(some.map_err(|source| ConfigError::Read { path: folder.clone(), source })?);
    }
    let variables = with_release(Variables::from_files(files), wanted);
    offer_of(&text, &path.display().to_string(), &variables, arch)
}

/// The names and contents of the files in a folder such as `/etc/dnf/vars`.
fn variable_files(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.push((name.to_owned(), String::from_utf8_lossy(&fs::read(path)?).into_owned()));
        }
    }
    Ok(files)
}

/// The repositories in `text`. Ids may hold variables; where one is the architecture, they are
/// asked for by what they are with `arch`.
fn offer_of<'a>(
    text: &[u8],
    of: &str,
    variables: &Variables,
    arch: &str,
) -> Result<Offer<'a>, ConfigError> {
    let wrong = |source| ConfigError::Format { of: of.to_owned(), source };
    let file = RepoFile::read(text).map_err(wrong)?;
    let mut with_arch = variables.clone();
    with_arch.set("basearch", arch);
    with_arch.set("arch", arch);
    let mut repos = Vec::new();
    for section in &file.repos {
        let id = with_arch.substitute(section.id()).map_err(wrong)?.text;
        let required = section.boolean("repo_gpgcheck").map_err(wrong)?.unwrap_or_default();
        let enabled = section.boolean("enabled").map_err(wrong)?;
        repos.push(Offered {
            of: format!("{of} [{id}]"),
            id,
            companion: None,
            default: enabled.unwrap_or(true),
            tree: section.id().to_owned(),
            suffix: String::new(),
            group: section.id().to_owned(),
            bases: Vec::new(),
            spot: spot(section),
            lists: true,
            keys: section.get("gpgkey").map(KeyEntry::at).into_iter().collect(),
            repo_gpgcheck: required.then_some(Gpgcheck::Require),
            gpgcheck: None,
            variables: variables.clone(),
            access: RepoAccess::read(section).map_err(wrong)?,
        });
    }
    let ids: Vec<String> = repos.iter().map(|repo| repo.id.clone()).collect();
    for repo in &mut repos {
        repo.companion = companion(&repo.id, &ids);
    }
    Ok(Offer { of: of.to_owned(), arches: &[], repos, preset: None })
}

/// Which of `ids` a repository goes with, by the names that distributions give.
fn companion(id: &str, ids: &[String]) -> Option<(String, Companion)> {
    let suffixes = [
        ("-source", Companion::Source),
        ("-debuginfo", Companion::Debuginfo),
        ("-debug", Companion::Debuginfo),
    ];
    suffixes.iter().find_map(|(suffix, companion)| {
        let base = id.strip_suffix(suffix)?;
        ids.iter().any(|other| other == base).then(|| (base.to_owned(), *companion))
    })
}

fn spot(section: &Section) -> Spot {
    let get = |key| section.get(key).map(str::to_owned);
    let (mut mirrorlist, mut metalink) = (get("mirrorlist"), get("metalink"));
    // dnf takes a mirror list whose URL says so for a metalink.
    if metalink.is_none() && mirrorlist.as_ref().is_some_and(|url| url.contains("metalink")) {
        metalink = mirrorlist.take();
    }
    Spot { url: get("baseurl").map(|urls| OneOrMany(vec![urls])), mirrorlist, metalink }
}
