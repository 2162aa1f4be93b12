//! What a tree's sets asked for and got: `sets.json`, a file of the tree itself.
//!
//! So a generation has all that is needed to make its pages, to prove that it is whole, and to replace
//! one of its sets and leave the others as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::set::{Set, SetName, Wants};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::format::pypi::page::{ProjectStatus, Status};
use crate::format::pypi::{Requirement, VersionOrUrl, requirement};
use crate::limits;
use crate::resolve::pypi::TargetError;
use crate::resolve::pypi::{Asked, Inputs, Policy, PreReleases, Prefer, Projects, Target};
use crate::source::Context;

/// Its name. No project's folder is called so: their names have no dots.
pub(super) const NAME: &str = "sets.json";

const FORMAT: u32 = 1;

/// What a tree's sets asked for and got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// By name.
    pub(super) sets: BTreeMap<String, SetRecord>,
    /// By normalised name.
    pub(super) projects: BTreeMap<String, ProjectRecord>,
    /// By name.
    pub(super) files: BTreeMap<String, FileRecord>,
}

/// A set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct SetRecord {
    pub(super) requirements: Vec<Line>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) constraints: Vec<Line>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) all_versions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) newest: Option<NonZeroU32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) policy: PolicyRecord,
    /// What exact lists and locks list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) listed: Vec<ListedRecord>,
    pub(super) targets: Vec<TargetRecord>,
    /// The names of its files.
    pub(super) files: BTreeSet<String>,
}

fn is_default(policy: &PolicyRecord) -> bool {
    *policy == PolicyRecord::default()
}

/// A requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// What it means in the tree: a file from a URL is a version of its project there.
    requirement: String,
    /// In the user's words.
    text: String,
    /// Where they stand.
    from: String,
}

/// A version that an exact list or a lock lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ListedRecord {
    pub(super) project: String,
    pub(super) version: String,
    /// The names of those of its files that are listed.
    pub(super) files: BTreeSet<String>,
    /// Who lists it, for people.
    pub(super) from: String,
    /// Where it is installed; `None` where that is not known, as of locks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) marker: Option<String>,
}

/// What is chosen of what fits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PolicyRecord {
    pre_releases: bool,
    all_releases: BTreeSet<String>,
    only_final: BTreeSet<String>,
    only_binary: BTreeSet<String>,
    no_binary: BTreeSet<String>,
    prefer_binary: bool,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TargetRecord {
    python: String,
    platform: String,
    /// Of a Python without its patch release the first one that the set was resolved for.
    #[serde(default, skip_serializing_if = "is_zero")]
    first_patch: u16,
    /// The distributions that it was named by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct ProjectRecord {
    /// As it spells itself.
    pub(super) title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl ProjectRecord {
    pub(super) fn new(title: &str, status: Option<&ProjectStatus>) -> Self {
        Self {
            title: title.to_owned(),
            status: status.map(|status| status.status.name().to_owned()),
            reason: status.and_then(|status| status.reason.clone()),
        }
    }

    pub(super) fn status(&self) -> Option<ProjectStatus> {
        let status = Status::from_name(self.status.as_deref()?)?;
        Some(ProjectStatus { status, reason: self.reason.clone() })
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct FileRecord {
    /// Its project's normalised name.
    pub(super) project: String,
    pub(super) version: String,
    /// In hex.
    pub(super) sha256: String,
    pub(super) size: u64,
    /// The index that it came from, without login.
    pub(super) index: String,
    /// The Pythons that the index says it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) requires_python: Option<String>,
    /// The Pythons that the file itself says: it stays when the index takes back its word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own_python: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) yanked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) provenance: Option<String>,
    /// The SHA-256 of its metadata, of a wheel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<String>,
    /// As the project spells itself in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
}

impl Record {
    pub(super) fn new() -> Self {
        let (sets, projects, files) = Default::default();
        Self { format: FORMAT, sets, projects, files }
    }

    /// That of the published generation; an empty one where nothing is published.
    pub(super) fn published(context: &Context<'_>) -> Result<Self> {
        let entry = context.published().and_then(|published| published.get(NAME));
        let Some(entry) = entry else { return Ok(Self::new()) };
        let mut bytes = Vec::new();
        let path = std::path::Path::new(NAME);
        let mut file = context.open(&entry.sha256)?.take(limits::RECORD_SIZE + 1);
        file.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        Self::read(&bytes, &format!("{}/{NAME}", context.tree()))
    }

    /// Reads `sets.json`; `file` is what errors call it.
    pub(super) fn read(bytes: &[u8], file: &str) -> Result<Self> {
        if bytes.len() as u64 > limits::RECORD_SIZE {
            let limit = limits::RECORD_SIZE;
            let reason = format!("is too large: expected at most {limit} bytes");
            return Err(Error::metadata(file, reason));
        }
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| Error::metadata(file, error))?;
        if record.format != FORMAT {
            let reason = format!("is of format {}, expected {FORMAT}", record.format);
            return Err(Error::metadata(file, reason));
        }
        Ok(record)
    }

    /// Its bytes: the same for the same content.
    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| Error::metadata(NAME, error))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Without projects and files that no set has.
    pub(super) fn trim(&mut self) {
        let named: BTreeSet<&String> = self.sets.values().flat_map(|set| &set.files).collect();
        self.files.retain(|name, _| named.contains(name));
        let projects: BTreeSet<&String> = self.files.values().map(|file| &file.project).collect();
        self.projects.retain(|name, _| projects.contains(name));
    }
}

impl FileRecord {
    pub(super) fn sha256(&self) -> Option<Sha256> {
        Sha256::from_hex(&self.sha256)
    }

    /// The Pythons that it is for: the index has the first word.
    pub(super) fn python(&self) -> Option<&str> {
        self.requires_python.as_deref().or(self.own_python.as_deref())
    }
}

impl Record {
    /// How many versions a set had in `old` that it lost though it asks for the same, and how many it
    /// had.
    pub(super) fn drops(&self, old: &Self, set: &SetName) -> (u64, u64) {
        let of = |record: &Self| record.sets.get(set.as_str()).cloned().unwrap_or_default();
        let (mut before, mut now) = (of(old), of(self));
        let versions = |record: &Self, set: &mut SetRecord| -> BTreeSet<(String, String)> {
            let files = std::mem::take(&mut set.files);
            let files = files.iter().filter_map(|name| record.files.get(name));
            files.map(|file| (file.project.clone(), file.version.clone())).collect()
        };
        let (had, has) = (versions(old, &mut before), versions(self, &mut now));
        if before != now {
            return (0, 0);
        }
        // A newer one takes the place of an older.
        let gone = had.len().saturating_sub(has.len());
        let projects: BTreeSet<_> = has.iter().map(|(project, _)| project).collect();
        let lost = had.iter().filter(|(project, _)| !projects.contains(project)).count();
        (gone.max(lost) as u64, had.len() as u64)
    }
}

impl SetRecord {
    /// What a set asks for, what it was resolved for, what its lists list, and the files that it got.
    pub(super) fn new(
        set: &Set,
        targets: &[Target],
        listed: Vec<ListedRecord>,
        files: BTreeSet<String>,
    ) -> Self {
        let Wants { inputs, all_versions, .. } = &set.wants;
        Self {
            requirements: inputs.requirements.iter().map(Line::new).collect(),
            constraints: inputs.constraints.iter().map(Line::new).collect(),
            all_versions: all_versions.iter().map(ToString::to_string).collect(),
            newest: set.selection.newest,
            policy: PolicyRecord::new(&inputs.policy),
            listed,
            targets: targets.iter().map(TargetRecord::new).collect(),
            files,
        }
    }

    pub(super) fn target_count(&self) -> usize {
        self.targets.len()
    }

    pub(super) fn targets(&self) -> Result<Vec<Target>, String> {
        self.targets.iter().map(TargetRecord::read).collect()
    }

    /// What was asked for, in the user's words.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let all_versions = self.all_versions.iter().map(String::as_str);
        self.requirements.iter().map(|line| &*line.text).chain(all_versions)
    }

    /// What is resolved in the tree, and the projects of which it has many versions.
    pub(super) fn wants(&self) -> Result<(Inputs, Vec<Requirement>), String> {
        let lines = |lines: &[Line]| lines.iter().map(Line::read).collect::<Result<_, _>>();
        let inputs = Inputs {
            requirements: lines(&self.requirements)?,
            constraints: lines(&self.constraints)?,
            policy: self.policy.read()?,
            ..Inputs::default()
        };
        let all = self.all_versions.iter();
        let all = all.map(|text| requirement::parse(text).map_err(|error| error.to_string()));
        Ok((inputs, all.collect::<Result<_, _>>()?))
    }
}

impl Line {
    fn new(asked: &Asked) -> Self {
        let mut requirement = asked.requirement.clone();
        if let Some(VersionOrUrl::Url(_)) = requirement.version_or_url {
            // The file is there under its project's name.
            requirement.version_or_url = None;
        }
        let requirement = requirement.to_string();
        Self { requirement, text: asked.text.clone(), from: asked.origin.clone() }
    }

    fn read(&self) -> Result<Asked, String> {
        let requirement = requirement::parse(&self.requirement);
        let requirement = requirement.map_err(|error| error.to_string())?;
        Ok(Asked { requirement, text: self.text.clone(), origin: self.from.clone() })
    }
}

/// What stands for every project.
const ALL: &str = ":all:";

impl PolicyRecord {
    fn new(policy: &Policy) -> Self {
        let names = |projects: &Projects| {
            let all = projects.all.then(|| ALL.to_owned());
            projects.named.iter().map(ToString::to_string).chain(all).collect()
        };
        Self {
            pre_releases: policy.pre_releases == PreReleases::Allow,
            all_releases: policy.all_releases.iter().map(ToString::to_string).collect(),
            only_final: policy.only_final.iter().map(ToString::to_string).collect(),
            only_binary: names(&policy.only_binary),
            no_binary: names(&policy.no_binary),
            prefer_binary: policy.prefer_binary == Prefer::Wheels,
        }
    }

    fn read(&self) -> Result<Policy, String> {
        let name = |text: &String| {
            text.parse().map_err(|_| format!("expected the name of a project, found {text:?}"))
        };
        let names = |names: &BTreeSet<String>| -> Result<Projects, String> {
            let named = names.iter().filter(|text| *text != ALL).map(name);
            Ok(Projects { all: names.contains(ALL), named: named.collect::<Result<_, _>>()? })
        };
        Ok(Policy {
            pre_releases: if self.pre_releases {
                PreReleases::Allow
            } else {
                PreReleases::WhereNamed
            },
            all_releases: names(&self.all_releases)?.named,
            only_final: names(&self.only_final)?.named,
            only_binary: names(&self.only_binary)?,
            no_binary: names(&self.no_binary)?,
            prefer_binary: if self.prefer_binary { Prefer::Wheels } else { Prefer::Newest },
        })
    }
}

impl TargetRecord {
    fn new(target: &Target) -> Self {
        Self {
            python: target.python.to_string(),
            platform: target.platform.to_string(),
            first_patch: target.first_patch,
            names: target.names.clone(),
        }
    }

    fn read(&self) -> Result<Target, String> {
        let wrong = |error: TargetError| error.to_string();
        Ok(Target {
            python: self.python.parse().map_err(wrong)?,
            platform: self.platform.parse().map_err(wrong)?,
            first_patch: self.first_patch,
            names: self.names.clone(),
        })
    }
}
