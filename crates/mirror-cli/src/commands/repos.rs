//! `mirror repos`.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::ReposArgs;
use crate::config::{ConfigError, KeyListing, PresetListing, ReleaseListing, RepoListing};
use crate::console;
use crate::diagnostics::{Exit, Failure};
use crate::human::table;
use crate::output::json_line;
use crate::package_lists::{SHIPPED, ShippedList, shipped};

/// Lists the presets, or the repositories of one, or the lists of packages.
pub(super) fn run(args: &ReposArgs) -> Result<Exit, Failure> {
    if args.lists {
        let text = lists(args.name.as_deref(), args.json)?;
        console::print(&text).map_err(Failure::Output)?;
        return Ok(Exit::Done);
    }
    let config = super::load_config(&args.config)?;
    let presets = config.list(args.name.as_deref())?;
    let text = match (&args.name, args.json) {
        (_, true) => presets.iter().map(json_line).collect(),
        (None, false) => all(&presets),
        (Some(_), false) => presets.iter().map(one).collect(),
    };
    console::print(&text).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

/// A line for each list of packages, or one as it is.
fn lists(name: Option<&str>, json: bool) -> Result<String, Failure> {
    let named = match name {
        None => SHIPPED.to_vec(),
        Some(name) => {
            let known = SHIPPED.map(|list| list.name.to_owned()).to_vec();
            let unknown = || ConfigError::NoSuchList { name: name.to_owned(), known };
            vec![shipped(name).ok_or_else(unknown)?]
        }
    };
    if json {
        return Ok(named.into_iter().map(|list| json_line(&Listing::of(list))).collect());
    }
    if let (Some(_), [one]) = (name, &named[..]) {
        return Ok(one.text.to_owned());
    }
    let mut text = String::new();
    for list in named {
        let _ = writeln!(text, "{}: {}\n  {}\n", list.name, list.title(), list.repositories());
    }
    text += "`mirror repos --lists NAME` prints one, to be changed and given as a file.\n";
    Ok(text)
}

/// A list of packages, for programs.
#[derive(Serialize)]
struct Listing {
    name: &'static str,
    title: &'static str,
    repositories: &'static str,
    packages: Vec<String>,
}

impl Listing {
    fn of(list: ShippedList) -> Self {
        Self {
            name: list.name,
            title: list.title(),
            repositories: list.repositories(),
            packages: list.packages(),
        }
    }
}

/// A line for each preset.
fn all(presets: &[PresetListing]) -> String {
    let mut rows = vec![["preset".to_owned(), "releases".to_owned(), "repositories".to_owned()]];
    for preset in presets {
        let releases: Vec<_> =
            preset.releases.iter().filter_map(|release| release.release.as_deref()).collect();
        let repos = preset.releases.first().map(|release| marked(&release.repos));
        let releases = if releases.is_empty() { "-".to_owned() } else { releases.join(" ") };
        rows.push([preset.name.clone(), releases, repos.unwrap_or_default()]);
    }
    let mut text = table(&rows);
    text += "\nOf each preset the first release and the repositories with * are mirrored where \
             nothing else\nis asked for; `mirror repos PRESET` tells more.\n";
    text
}

fn marked(repos: &[RepoListing]) -> String {
    let ids: Vec<_> = repos.iter().map(mark).collect();
    ids.join(" ")
}

fn mark(repo: &RepoListing) -> String {
    format!("{}{}", repo.id, if repo.default { "*" } else { "" })
}

/// A preset in full.
fn one(preset: &PresetListing) -> String {
    let mut text = format!("{}: {}\n", preset.name, preset.title);
    for release in &preset.releases {
        text.push('\n');
        text += &heading(release);
        let rows: Vec<_> = release
            .repos
            .iter()
            .map(|repo| {
                let location = repo.urls.first().or(repo.mirrors.as_ref());
                [
                    format!("  {}", mark(repo)),
                    companions(repo),
                    location.cloned().unwrap_or_default(),
                ]
            })
            .collect();
        text += &table(&rows);
        text += &keys(release);
    }
    text += "\n* is mirrored where --repo names none\n";
    text
}

fn heading(release: &ReleaseListing) -> String {
    let mut text = match &release.release {
        Some(name) if release.default => format!("release {name} (default)"),
        Some(name) => format!("release {name}"),
        None => "any release".to_owned(),
    };
    if !release.arches.is_empty() {
        let _ = write!(text, ", {}", release.arches.join(" "));
    }
    text + "\n"
}

/// What packages are signed with, each key once.
fn keys(release: &ReleaseListing) -> String {
    let mut keys: Vec<&KeyListing> = Vec::new();
    for key in release.repos.iter().flat_map(|repo| &repo.keys) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.iter().fold(String::new(), |text, key| match (&key.fingerprint, &key.url) {
        (Some(fingerprint), Some(url)) => {
            text + &format!("  signed with the key {fingerprint}, at {url}\n")
        }
        (Some(fingerprint), None) => text + &format!("  signed with the key {fingerprint}\n"),
        (None, Some(url)) => text + &format!("  signed with the key at {url}\n"),
        (None, None) => text,
    })
}

fn companions(repo: &RepoListing) -> String {
    let companions = [(&repo.source, "source"), (&repo.debuginfo, "debuginfo")];
    let words: Vec<_> =
        companions.iter().filter(|(url, _)| url.is_some()).map(|(_, word)| *word).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}
