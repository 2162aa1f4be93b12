//! What a set is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use url::Url;

use crate::error::redact;
use crate::format::pypi::direct::Direct;
use crate::format::pypi::input::{Fault, InputError, Location};
use crate::format::pypi::lock::Lock;
use crate::format::pypi::requirements::{Entry, Requirements, Wanted};
use crate::format::pypi::{Requirement, VersionOrUrl};
use crate::resolve::pypi::{Asked, Inputs, PreReleases, Prefer, Target};

/// A named set of requirements, for some targets: what one run or section of the configuration owns
/// of a tree.
#[derive(Debug, Clone)]
pub struct Set {
    /// Its name.
    pub name: SetName,
    /// What is wanted.
    pub wants: Wants,
    /// For which interpreters and platforms; at least one.
    pub targets: Vec<Target>,
    /// Where it comes from.
    pub indexes: Indexes,
    /// Which of its files.
    pub selection: Selection,
}

impl Set {
    /// All that its files depend on besides its indexes, as text: the same for the same set.
    pub(super) fn asked(&self) -> String {
        let Wants { inputs, exact, locks, all_versions } = &self.wants;
        let Inputs { requirements, constraints, hashes, policy } = inputs;
        let hashes: BTreeMap<_, _> = hashes.iter().collect();
        format!(
            "{requirements:?} {constraints:?} {hashes:?} {policy:?} {exact:?} {locks:?} \
             {all_versions:?} {:?} {:?}",
            self.targets, self.selection
        )
    }
}

/// What is wanted. All of it together is the set.
#[derive(Debug, Clone, Default)]
pub struct Wants {
    /// Requirements that are resolved for every target.
    pub inputs: Inputs,
    /// Requirements that name versions and digests exactly
    /// ([`Requirements::is_exact`]): mirrored as they list.
    pub exact: Vec<Entry>,
    /// Lock files: mirrored as they list.
    pub locks: Vec<Lock>,
    /// Projects of which every matching version is mirrored, without what it needs.
    pub all_versions: Vec<Requirement>,
}

impl Wants {
    /// Adds what requirements files say: resolved, or where it is an exact list mirrored as it lists.
    /// Which indexes they name is for the caller to put in order ([`Indexes`]).
    pub fn add(&mut self, read: Requirements) -> Result<(), InputError> {
        let is_exact = read.is_exact()?;
        let options = &read.options;
        let [no_binary, only_binary] = options.formats.projects();
        let policy = &mut self.inputs.policy;
        for ((all, names), projects) in
            [(no_binary, &mut policy.no_binary), (only_binary, &mut policy.only_binary)]
        {
            projects.all |= all;
            projects.named.extend(names.iter().cloned());
        }
        let [(all_releases, named), (_, only_final)] = options.releases.projects();
        if all_releases {
            policy.pre_releases = PreReleases::Allow;
        }
        policy.all_releases.extend(named.iter().cloned());
        policy.only_final.extend(only_final.iter().cloned());
        if options.prefer_binary {
            policy.prefer_binary = Prefer::Wheels;
        }
        if is_exact {
            for entry in read.entries {
                self.exact.extend(pinned_by(entry, &read.constraints));
            }
            return Ok(());
        }
        for entry in read.entries {
            if let (Some(name), false) = (entry.name(), entry.hashes.is_empty()) {
                let hashes = self.inputs.hashes.entry(name.clone()).or_default();
                hashes.extend(entry.hashes.iter().copied());
            }
            self.inputs.requirements.push(asked(entry)?);
        }
        for entry in read.constraints {
            self.inputs.constraints.push(asked(entry)?);
        }
        Ok(())
    }
}

/// An entry of an exact list with what constraints of the same project add: digests and, to one that
/// has no version of its own, the version, where the constraint holds. One for each such constraint.
fn pinned_by(mut entry: Entry, constraints: &[Entry]) -> Vec<Entry> {
    let others: Vec<_> = constraints.iter().filter(|other| other.name() == entry.name()).collect();
    let Wanted::Project(requirement) = &entry.wanted else {
        entry.hashes.extend(others.iter().flat_map(|other| &other.hashes));
        return vec![entry];
    };
    let (pins, plain): (Vec<&Entry>, Vec<&Entry>) =
        others.into_iter().partition(|other| entry.pinned().is_none() && other.pinned().is_some());
    let shared: Vec<_> = plain.iter().flat_map(|other| other.hashes.iter().copied()).collect();
    let by = |pin: &Entry| {
        let mut marker = requirement.marker.clone();
        marker.and(pin.marker().clone());
        let wanted = match &pin.wanted {
            Wanted::Project(pin) => Wanted::Project(Requirement {
                version_or_url: Some(both(requirement, pin)),
                marker,
                ..requirement.clone()
            }),
            Wanted::File(pin) => {
                Wanted::File(Direct { extras: requirement.extras.clone(), marker, ..pin.clone() })
            }
        };
        let hashes = [&entry.hashes[..], &pin.hashes, &shared].concat();
        Entry { wanted, hashes, at: entry.at.clone(), text: entry.text.clone() }
    };
    if pins.is_empty() {
        entry.hashes.extend(shared);
        return vec![entry];
    }
    let all = pins.into_iter().map(by);
    all.filter(|entry| !entry.marker().is_false()).collect()
}

/// The versions that both requirements admit.
fn both(a: &Requirement, b: &Requirement) -> VersionOrUrl<Url> {
    let specifiers = [a, b].into_iter().filter_map(|one| match &one.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers),
        _ => None,
    });
    let specifiers = specifiers.flat_map(|specifiers| specifiers.iter().cloned());
    VersionOrUrl::VersionSpecifier(specifiers.collect())
}

/// A requirement for the solver; one of a file is one of its URL, with its digest for a fragment.
fn asked(entry: Entry) -> Result<Asked, InputError> {
    let origin = entry.at.to_string();
    let requirement = match entry.wanted {
        Wanted::Project(requirement) => requirement,
        Wanted::File(mut direct) => {
            if direct.digests.is_empty() {
                // A file may have one of several digests; of one only, that is its own.
                direct.digests = match entry.hashes.as_slice() {
                    [one] => vec![*one],
                    _ => Vec::new(),
                };
            }
            let url = url_of(&direct).map_err(|fault| entry.at.wrong(fault))?;
            let Some(name) = direct.name else {
                let reason = "its name leaves open which project it is of: write NAME @ before it";
                let text = entry.text;
                let fault = Fault::Requirement { text, reason: reason.to_owned() };
                return Err(entry.at.wrong(fault));
            };
            Requirement {
                name,
                extras: direct.extras,
                version_or_url: Some(VersionOrUrl::Url(url)),
                marker: direct.marker,
                origin: None,
            }
        }
    };
    Ok(Asked { requirement, text: entry.text, origin })
}

/// Where a file is, with its strongest digest for a fragment.
pub(super) fn url_of(direct: &Direct) -> Result<Url, Fault> {
    let mut url = match &direct.location {
        Location::Url(url) => url.clone(),
        Location::Path(path) => {
            let found = std::path::absolute(path).ok();
            let url = found.and_then(|path| Url::from_file_path(path).ok());
            let text = path.display().to_string();
            url.ok_or_else(|| Fault::Url { text, reason: "expected a file".to_owned() })?
        }
    };
    let fragment = direct.digests.first().map(|digest| {
        let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
        format!("{algorithm}={hex}")
    });
    url.set_fragment(fragment.as_deref());
    Ok(url)
}

/// Where projects come from, in order: the first place that has a project is the one.
///
/// What one of them lists on its own server is asked for with the login of its URL, and so is a file
/// there that a requirement or a lock names; it is shown and kept nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Indexes {
    /// Folders of files, and pages of links to files.
    pub find_links: Vec<Location>,
    /// Base URLs of indexes (PEP 503), such as `https://pypi.example/simple/`.
    pub indexes: Vec<Url>,
}

/// Without logins.
impl fmt::Debug for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indexes: Vec<_> = self.indexes.iter().map(redact).collect();
        let mut shown = f.debug_struct("Indexes");
        shown.field("find_links", &self.find_links).field("indexes", &indexes).finish()
    }
}

impl Indexes {
    /// The URLs that have a login, indexes first.
    pub(super) fn logins(&self) -> Vec<Url> {
        let links = self.find_links.iter().filter_map(|place| match place {
            Location::Url(url) => Some(url),
            Location::Path(_) => None,
        });
        self.indexes.iter().chain(links).filter(|url| has_login(url)).cloned().collect()
    }
}

/// Whether a URL says who asks.
pub(super) fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Which files of a version are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    /// Which wheels.
    pub wheels: Wheels,
    /// Which source distributions.
    pub sdists: Sdists,
    /// Of projects whose every version is mirrored, so many of the newest; `None`: all.
    pub newest: Option<NonZeroU32>,
    /// Whether files that the index gives no digest of are mirrored.
    pub allow_unhashed: bool,
}

/// Which wheels of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wheels {
    /// For each target the best.
    #[default]
    Best,
    /// All that a target takes.
    All,
}

/// When source distributions are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sdists {
    /// Never.
    Never,
    /// Where a target has no wheel.
    #[default]
    Fallback,
    /// Beside every wheel.
    Always,
}

/// A set's name: letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct SetName(String);

/// Why a name is no name of a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("set name {0:?}: expected letters, digits, . _ and -, a letter or digit first, at most 64")]
pub struct SetNameError(String);

impl FromStr for SetName {
    type Err = SetNameError;

    fn from_str(text: &str) -> Result<Self, SetNameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if first && text.len() <= 64 && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(SetNameError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SetName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
