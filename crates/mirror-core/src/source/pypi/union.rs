//! From what each set got to what the tree is to hold.
//!
//! A set that cannot be had as it is asked for stands in nobody's way: what is published of it stays,
//! and the others are made anew. Where sets contradict each other, none of them is taken at its word:
//! which one is right, nobody here knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use url::Url;

use super::choose::{self, Choice, Selected};
use super::record::{self, FileRecord, ProjectRecord, Record, SetRecord};
use super::{Set, index, safe, takeover};
use crate::error::{Error, Result};
use crate::format::pypi::input::Location;
use crate::format::pypi::page::write::FILES;
use crate::manifest::{Entry, Origin, Remote, Role, StoredEntry};
use crate::part::Expected;
use crate::report::{Failure, SetFailure};
use crate::source::Context;

/// What came of a set.
pub(super) struct Made {
    pub(super) set: Arc<Set>,
    pub(super) result: Result<Choice, Arc<Error>>,
}

impl Made {
    /// What it got, and what is wrong with that: the set's own fault.
    pub(super) fn new(set: Arc<Set>, chosen: Result<Choice>) -> Self {
        let result = chosen.and_then(|choice| match unusable(&choice) {
            Some(error) => Err(error),
            None => Ok(choice),
        });
        Self { set, result: result.map_err(Arc::new) }
    }

    /// For the report; `old` is what the tree has without the sets that are to go.
    fn failure(&self, old: &Record) -> Option<SetFailure> {
        let error = self.result.as_ref().err()?;
        let set = self.set.name.to_string();
        let is_published = old.sets.contains_key(&set);
        let failure = Failure { path: None, reason: error.to_string(), kind: error.kind() };
        Some(SetFailure { set, is_published, failure })
    }
}

/// Why what a set got is of no use.
fn unusable(choice: &Choice) -> Option<Error> {
    let mut unsolved = choice.answers.iter().filter(|answer| !answer.unsolved.is_empty());
    if let Some(first) = unsolved.next() {
        let (first, targets) = (first.target.clone(), choice.answers.len());
        return Some(Error::Unsolved { unsolved: 1 + unsolved.count(), targets, first });
    }
    choice.files.iter().find_map(|(filename, file)| {
        let index = || file.index().to_owned();
        match file.found.location(file.at) {
            Err(reason) => Some(Error::metadata(&index(), reason)),
            Ok(Location::Url(_)) if !file.may_be_unhashed && file.digest().is_none() => {
                Some(Error::Unhashed { index: index(), filename: filename.clone() })
            }
            Ok(_) => None,
        }
    })
}

/// What the tree is to hold, but for what is made of its files.
pub(super) struct Union {
    pub(super) record: Record,
    /// The files that this run chose, by name.
    pub(super) selected: BTreeMap<String, Selected>,
    pub(super) entries: Vec<Entry>,
}

/// What is wrong with a file of a tree.
struct Wrong {
    filename: String,
    error: Error,
}

/// Puts the sets together with those of `old` that stay as they are. Those that fail are said; an
/// error is where there is nothing to do for any of them, and what ends the run.
pub(super) async fn unite(
    context: &Context<'_>,
    old: &Record,
    mut all: Vec<Made>,
) -> Result<Union> {
    let union = loop {
        match try_to(context, old, &all).await {
            Ok(union) => break union,
            Err(Wrong { error, .. }) if error.ends_the_run() => return Err(error),
            Err(Wrong { filename, error }) => {
                let error = Arc::new(error);
                let has_it = |made: &&mut Made| {
                    made.result.as_ref().is_ok_and(|choice| choice.files.contains_key(&filename))
                };
                let mut culprits = 0;
                for made in all.iter_mut().filter(has_it) {
                    made.result = Err(Arc::clone(&error));
                    culprits += 1;
                }
                // Each round has fewer sets than the one before.
                if culprits == 0 {
                    return Err(Error::Shared(error));
                }
            }
        }
    };
    if let [Made { result: Err(error), .. }] = &*all {
        return Err(Error::Shared(Arc::clone(error)));
    }
    let failures: Vec<_> = all.iter().filter_map(|made| made.failure(old)).collect();
    let is_nothing = !all.is_empty() && failures.len() == all.len();
    for failure in failures {
        context.fail_set(failure);
    }
    if is_nothing { Err(Error::NoSets { sets: all.len() }) } else { Ok(union) }
}

async fn try_to(context: &Context<'_>, old: &Record, all: &[Made]) -> Result<Union, Wrong> {
    let made = || all.iter().filter_map(|made| Some((&made.set, made.result.as_ref().ok()?)));
    let mut record = old.clone();
    for (set, _) in made() {
        record.sets.remove(set.name.as_str());
    }
    let staying = record.sets.values().flat_map(|set| set.files.iter().cloned());
    let staying: BTreeSet<String> = staying.collect();
    let mut selected = BTreeMap::new();
    for (set, choice) in made() {
        let files = choice.files.keys().cloned().collect();
        let set_record = SetRecord::new(set, &choice.targets, choice.listed.clone(), files);
        record.sets.insert(set.name.to_string(), set_record);
        for (filename, file) in &choice.files {
            choose::add(&mut selected, filename.clone(), file.clone())
                .map_err(|error| Wrong { filename: filename.clone(), error })?;
        }
    }
    for (filename, file) in &selected {
        let (name, status) = (file.found.project.name.to_string(), file.found.status.as_ref());
        record.projects.insert(name, ProjectRecord::new("", status));
        record.files.insert(filename.clone(), FileRecord::new(file));
    }
    record.trim();
    let mut entries = Vec::with_capacity(record.files.len());
    for filename in record.files.keys() {
        let made = match selected.get(filename) {
            Some(file) => {
                let stays = staying.contains(filename);
                entry(context, filename, file, old.files.get(filename), stays).await
            }
            None => kept(context, filename),
        };
        let wrong = |error| Wrong { filename: filename.clone(), error };
        entries.push(made.map_err(wrong)?);
    }
    Ok(Union { record, selected, entries })
}

impl FileRecord {
    /// What its list says of a file; the rest is known once it is there.
    fn new(selected: &Selected) -> Self {
        let file = selected.file();
        Self {
            project: selected.found.project.name.to_string(),
            version: selected.version.to_string(),
            index: selected.index().to_owned(),
            requires_python: file.requires_python.clone(),
            yanked: file.yanked.clone(),
            upload_time: file.upload_time.clone(),
            provenance: file.provenance.clone(),
            ..Self::default()
        }
    }
}

/// Why a file without a digest is taken.
const UNHASHED: &str = "its index gives no digest";

/// The entry of a file that was chosen; `old` is what is published under its name, which other sets
/// go on to have where it `stays`.
async fn entry(
    context: &Context<'_>,
    filename: &str,
    selected: &Selected,
    old: Option<&FileRecord>,
    stays: bool,
) -> Result<Entry> {
    let found = &selected.found;
    let path = format!("{FILES}/{filename}");
    let listed = |reason: String| Error::metadata(selected.index(), reason);
    let location = found.location(selected.at).map_err(listed)?;
    let mut digest = selected.digest();
    let mut unverified = None;
    let (origin, size) = match location {
        Location::Url(url) => {
            if digest.is_none() {
                unverified = Some(UNHASHED.into());
                // Its name stands for one content: what was fetched once is not fetched again.
                digest = old.and_then(FileRecord::sha256).map(Into::into);
            }
            (Origin::Remote(remote(url)), found.size(selected.at))
        }
        Location::Path(local) => {
            let read = index::blocking(move || index::read_local(&local)).await;
            let (mut opened, found) = read?;
            let expected = Expected { size: None, digest: digest.or(Some(found)) };
            let stored = context.add(&path, &mut opened, &expected)?;
            (Origin::Stored { sha256: stored.sha256, remote: None }, Some(stored.size))
        }
    };
    if let Origin::Stored { sha256, .. } = origin {
        digest = Some(sha256.into());
    }
    if let (Origin::Remote(_), Some(digest)) = (&origin, &digest) {
        takeover::adopt(context, &found.project.name, filename, digest).await?;
    }
    let before = old.and_then(FileRecord::sha256);
    if let (Some(new), Some(old)) = (digest.and_then(|digest| digest.as_sha256()), before)
        && new != old
        && stays
    {
        let [first, second] = [old, new].map(|sha256| format!("sha256:{}", sha256.hex()));
        let file = selected.index().to_owned();
        return Err(Error::Conflict { file, path, first, second });
    }
    Ok(Entry {
        path: safe(&path)?,
        size,
        digest,
        origin,
        role: Role::Payload,
        subject: Some(found.project.name.to_string().into()),
        unverified,
    })
}

/// The entry of a file of a set that stays as it is.
fn kept(context: &Context<'_>, filename: &str) -> Result<Entry> {
    let path = format!("{FILES}/{filename}");
    let published = context.published().and_then(|published| published.get(&path));
    let Some(StoredEntry { path, size, sha256, remote, role, subject, unverified, .. }) =
        published.cloned()
    else {
        let reason = format!("{filename} is of a set, and not in the published generation");
        return Err(Error::metadata(record::NAME, reason));
    };
    let origin = match remote {
        Some(remote) => Origin::Remote(remote),
        None => Origin::Stored { sha256, remote: None },
    };
    let digest = Some(sha256.into());
    Ok(Entry { path, size: Some(size), digest, origin, role, subject, unverified })
}

/// A file at a URL: below its folder.
fn remote(url: Url) -> Remote {
    let (folder, name) = url.path().rsplit_once('/').unwrap_or(("", url.path()));
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let mut base = url;
    base.set_path(&folder);
    Remote::at([base].into(), &name)
}
