//! `mirror.toml`: the file as it is written.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirror_core::fetch;
use mirror_core::resolve::rpm::ModuleStream;
use mirror_core::signature::Fingerprint;
use mirror_core::store::LockWait;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use toml::Spanned;

use super::access::{HostSection, is_open_to_all};
use super::error::{ConfigError, Place, Said, Setting};
use super::package_sets::{self, PackagesSection};
use super::preset::Preset;
use super::pypi::PypiTable;
use super::trust::Gpgcheck;
use super::values::{OneOrMany, RATES, Words, rate, time, without_password};
use super::{Config, Packages, RepoEntry, Wanted};
use crate::package_lists::PackageList;

/// Most retries that may be asked for.
pub(crate) const MOST_RETRIES: u32 = 100;

/// The whole file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    root: Option<PathBuf>,
    connections: Option<Spanned<usize>>,
    keep_generations: Option<NonZeroUsize>,
    grace: Option<Time>,
    prune: Option<bool>,
    lock_wait: Option<Wait>,
    limit_rate: Option<Rate>,
    retries: Option<Spanned<u32>>,
    timeout: Option<Time>,
    sign_key: Option<PathBuf>,
    #[serde(default)]
    host: Vec<Spanned<HostSection>>,
    #[serde(default)]
    repo: Vec<Spanned<RepoSection>>,
    #[serde(default)]
    packages: BTreeMap<String, Spanned<PackagesSection>>,
    #[serde(default)]
    preset: BTreeMap<String, Spanned<Preset>>,
    #[serde(default)]
    pypi: PypiTable,
}

/// `[[repo]]`: what the options say, for one upstream.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
struct RepoSection {
    preset: Option<String>,
    url: Option<OneOrMany>,
    repo_file: Option<OneOrMany>,
    #[serde(default)]
    release: Words,
    #[serde(default)]
    repos: Words,
    #[serde(default)]
    arch: Words,
    #[serde(default)]
    source: bool,
    #[serde(default)]
    debuginfo: bool,
    #[serde(default)]
    vars: Words,
    path: Option<String>,
    #[serde(default)]
    include: Words,
    #[serde(default)]
    exclude: Words,
    newest_only: Option<Newest>,
    #[serde(default)]
    security: bool,
    #[serde(default)]
    advisories: Words,
    #[serde(default)]
    cves: Words,
    #[serde(default)]
    packages: Words,
    package_list: Option<OneOrMany>,
    #[serde(default)]
    closed: bool,
    weak: Option<bool>,
    #[serde(default)]
    streams: Words,
    installed: Option<PathBuf>,
    #[serde(default)]
    treeinfo: bool,
    #[serde(default)]
    allow_missing: bool,
    group: Option<String>,
    repo_gpgcheck: Option<Gpgcheck>,
    gpgcheck: Option<Gpgcheck>,
    keys: Option<OneOrMany>,
    sign_key: Option<PathBuf>,
}

impl Config {
    /// Reads the text of the file `path`. Relative paths in it start from the file's folder.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| syntax_error(path, text, &error))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let at = |offset| Place::of(path, text, offset);
        let mut config = Self {
            root: file.root.map(|root| folder.join(root)),
            connections: file.connections.map(|n| connections(&n, at)).transpose()?,
            keep_generations: file.keep_generations,
            grace: file.grace.map(|time| time.0),
            prune: file.prune,
            lock_wait: file.lock_wait.map(|wait| wait.0),
            limit_rate: file.limit_rate.map(|rate| rate.0),
            retries: file.retries.map(|n| retries(&n, at)).transpose()?,
            sign_key: file.sign_key.map(|path| folder.join(path)),
            timeout: file.timeout.map(|time| time.0).filter(|time| !time.is_zero()),
            ..Self::default()
        };
        let has_secret = file.host.iter().any(|host| host.get_ref().has_secret())
            || file.repo.iter().any(|repo| repo.get_ref().has_secret())
            || file.pypi.has_secret();
        if has_secret && is_open_to_all(path) {
            let shown = path.display();
            config.warnings.push(format!(
                "{shown}: holds a password or token, and everyone may read it: chmod o-r {shown}"
            ));
        }
        for section in file.host {
            let at = at(section.span().start);
            let access = section.into_inner().access(folder);
            config
                .hosts
                .push(access.map_err(|error| ConfigError::Entry { at, error: Box::new(error) })?);
        }
        for (name, preset) in file.preset {
            let at = at(preset.span().start);
            preset.get_ref().check().map_err(|source| ConfigError::Entry {
                at,
                error: Box::new(ConfigError::Pattern { setting: "`other_releases`", source }),
            })?;
            config.presets.extend(name, preset.into_inner());
        }
        for section in file.repo {
            let at = at(section.span().start);
            let wanted = section.into_inner().wanted(folder);
            let wanted = wanted
                .map_err(|error| ConfigError::Entry { at: at.clone(), error: Box::new(error) })?;
            config.repos.push(RepoEntry { at, wanted });
        }
        config.package_sets = package_sets::read(file.packages, folder, at)?;
        (config.pypi, config.pypi_sets) = file.pypi.read(folder, at)?;
        Ok(config)
    }
}

fn connections(
    connections: &Spanned<usize>,
    at: impl Fn(usize) -> Place,
) -> Result<usize, ConfigError> {
    let most = fetch::Options::MAX_CONNECTIONS;
    let found = *connections.get_ref();
    if (1..=most).contains(&found) {
        return Ok(found);
    }
    let error = ConfigError::Range {
        key: "connections",
        found: found.to_string(),
        expected: format!("1 to {most}"),
    };
    Err(ConfigError::Entry { at: at(connections.span().start), error: Box::new(error) })
}

fn retries(retries: &Spanned<u32>, at: impl Fn(usize) -> Place) -> Result<u32, ConfigError> {
    let found = *retries.get_ref();
    if found <= MOST_RETRIES {
        return Ok(found);
    }
    let error = ConfigError::Range {
        key: "retries",
        found: found.to_string(),
        expected: format!("0 to {MOST_RETRIES}"),
    };
    Err(ConfigError::Entry { at: at(retries.span().start), error: Box::new(error) })
}

impl RepoSection {
    /// Whether a login stands in a URL.
    fn has_secret(&self) -> bool {
        let mut urls = self.url.iter().flat_map(OneOrMany::as_slice);
        urls.any(|url| without_password(url) != *url)
    }

    fn wanted(self, folder: &Path) -> Result<Wanted, ConfigError> {
        let found = match (&self.preset, &self.url, &self.repo_file) {
            (Some(_), None, None) | (None, Some(_), None) | (None, None, Some(_)) => None,
            (None, None, None) => Some("none"),
            _ => Some("several"),
        };
        if let Some(found) = found {
            return Err(ConfigError::Kind { found });
        }
        let below = |paths: Vec<String>| paths.into_iter().map(|path| folder.join(path)).collect();
        Ok(Wanted {
            presets: self.preset.into_iter().collect(),
            urls: self.url.map(|urls| urls.0).unwrap_or_default(),
            repo_files: below(self.repo_file.map(|files| files.0).unwrap_or_default()),
            release: self.release.0,
            repos: self.repos.0,
            arches: self.arch.0,
            source: self.source,
            debuginfo: self.debuginfo,
            vars_dirs: below(self.vars.0),
            path: self.path,
            include: self.include.0,
            exclude: self.exclude.0,
            newest_only: self.newest_only.and_then(|newest| newest.0),
            security: self.security,
            advisories: self.advisories.0,
            cves: self.cves.0,
            sets: Vec::new(),
            packages: Packages {
                name: String::new(),
                names: self.packages.0,
                lists: self.package_list.map_or_else(Vec::new, |lists| {
                    lists.0.iter().map(|list| PackageList::new(list, folder)).collect()
                }),
                closed: self.closed,
                weak: self.weak,
                streams: streams(&self.streams.0)?,
                installed: self.installed.map(|path| folder.join(path)),
            },
            treeinfo: self.treeinfo,
            allow_missing: self.allow_missing,
            group: self.group,
            repo_gpgcheck: self.repo_gpgcheck,
            gpgcheck: self.gpgcheck,
            keys: self.keys.map_or_else(Vec::new, |keys| keys_below(folder, keys.0)),
            sign_key: self.sign_key.map(|path| folder.join(path)),
        })
    }
}

/// The streams of modules that are named.
pub(super) fn streams(words: &[String]) -> Result<Vec<ModuleStream>, ConfigError> {
    let streams = words.iter().map(|word| word.parse());
    let setting = Setting::Stream.said(Said::File);
    streams.collect::<Result<_, _>>().map_err(|source| ConfigError::Stream { setting, source })
}

/// Keys, of which those that are files lie below `folder`.
fn keys_below(folder: &Path, keys: Vec<String>) -> Vec<String> {
    let is_file = |key: &str| !(Fingerprint::is_meant(key) || key.contains("://"));
    let place = |key: String| {
        if is_file(&key) { folder.join(key).to_string_lossy().into_owned() } else { key }
    };
    keys.into_iter().map(place).collect()
}

/// What the TOML reader says, in our words.
pub(super) fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = Place::of(path, text, error.span().map_or(0, |span| span.start));
    // serde tells of unknown fields in words only: unknown field `x`, expected one of `a`, `b`.
    let message = error.message();
    if message.starts_with("unknown field") {
        let mut names = message.split('`').skip(1).step_by(2).map(str::to_owned);
        if let Some(key) = names.next() {
            return ConfigError::UnknownKey { at, key, known: names.collect() };
        }
    }
    ConfigError::Syntax { at, reason: message.replace('\n', ": ") }
}

/// `newest_only`: how many versions, or `true` for one.
#[derive(Debug)]
pub(super) struct Newest(pub(super) Option<NonZeroUsize>);

impl<'de> Deserialize<'de> for Newest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NewestVisitor;
        impl Visitor<'_> for NewestVisitor {
            type Value = Newest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or a number from 1")
            }

            fn visit_bool<E: de::Error>(self, newest: bool) -> Result<Newest, E> {
                Ok(Newest(newest.then_some(NonZeroUsize::MIN)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Newest, E> {
                let count = usize::try_from(number).ok().and_then(NonZeroUsize::new);
                let wrong = || E::invalid_value(de::Unexpected::Signed(number), &self);
                count.map(|count| Newest(Some(count))).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_any(NewestVisitor)
    }
}

/// A time: a number and its unit, as in `36h`.
#[derive(Debug)]
struct Time(Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"90s\", \"30m\", \"36h\" or \"7d\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                time(text).map(Time).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_any(TimeVisitor)
    }
}

/// Bytes a second: a number, or one with its unit, as in `2M`.
#[derive(Debug)]
struct Rate(NonZeroU64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RateVisitor;
        impl Visitor<'_> for RateVisitor {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(RATES)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Rate, E> {
                let wrong = || E::invalid_value(de::Unexpected::Signed(number), &self);
                u64::try_from(number).ok().and_then(NonZeroU64::new).map(Rate).ok_or_else(wrong)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                rate(text).map(Rate).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_any(RateVisitor)
    }
}

/// `lock_wait`: how long, or `true` for as long as it takes.
#[derive(Debug)]
struct Wait(LockWait);

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WaitVisitor;
        impl Visitor<'_> for WaitVisitor {
            type Value = Wait;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a time such as \"90s\", \"30m\", \"36h\" or \"7d\"")
            }

            fn visit_bool<E: de::Error>(self, wait: bool) -> Result<Wait, E> {
                Ok(Wait(if wait { LockWait::Forever } else { LockWait::No }))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Wait, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                time(text).map(|time| Wait(LockWait::AtMost(time))).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_any(WaitVisitor)
    }
}
