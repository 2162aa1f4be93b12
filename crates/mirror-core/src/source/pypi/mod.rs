//! Python packages: named sets of requirements × targets → manifest.
//!
//! A set is resolved for each of its targets over what its indexes list; nothing is downloaded for
//! that but pages, metadata, and source distributions, and nothing is run. The tree is the union of
//! its sets, and keeps a record of them (`sets.json`), so that a run replaces its own and leaves the
//! others as they are. Once the packages are there, their metadata and the pages are made of the files
//! themselves, and before anything is published each set is resolved again over the tree alone.

mod builds;
mod check;
mod choose;
mod closure;
mod index;
mod library;
mod listing;
mod read;
mod record;
mod set;
mod takeover;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, try_join_all};
use url::Url;

pub use check::{Checked, CheckedSet, Fault, check};
pub use library::Unproved;
pub use listing::{ListedSet, published_sets};
pub use set::{Indexes, Sdists, Selection, Set, SetName, SetNameError, Wants, Wheels};

use super::{Context, Resolution, Sizes, Source};
use crate::error::{Error, Result};
use crate::format::pypi::input::Location;
use crate::format::pypi::page::write::FILES;
use crate::manifest::{Entry, Manifest, Origin, Remote, Role, StoredEntry, StoredManifest};
use crate::part::Expected;
use crate::path::RepoPath;
use choose::{Choice, Selected};
use record::{FileRecord, ProjectRecord, Record, SetRecord};
use tree::{Pending, Used};

/// A tree of Python packages as a [`Source`]: the union of its named sets, of which a run resolves
/// some anew and leaves the others as they are.
#[derive(Debug)]
pub struct PypiSource {
    sets: Vec<Arc<Set>>,
    removed: Vec<SetName>,
    answers: Mutex<Vec<Answer>>,
    pending: Mutex<Option<Pending>>,
}

impl PypiSource {
    /// The sets that are to be resolved anew; others of the tree stay as they are.
    pub fn new(sets: Vec<Set>) -> Self {
        let sets = sets.into_iter().map(Arc::new).collect();
        let (removed, answers, pending) = Default::default();
        Self { sets, removed, answers, pending }
    }

    /// Without these sets; one that the tree does not have is an error of the run.
    #[must_use]
    pub fn remove(mut self, names: Vec<SetName>) -> Self {
        self.removed = names;
        self
    }

    /// What the last run chose, in the order of sets and targets.
    pub fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was chosen of a set for a target.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Answer {
    /// The set.
    pub set: SetName,
    /// The target, as [`Target`](crate::resolve::pypi::Target) is displayed.
    pub target: String,
    /// What was chosen, by name; of `3.11`, which stands for several patch releases, the union.
    pub chosen: Vec<Chosen>,
    /// Why there is no answer, in lines for people; empty where there is one.
    pub unsolved: Vec<String>,
    /// What a user may want to know, though it stands in nothing's way.
    pub notes: Vec<String>,
}

/// A version that was chosen.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Chosen {
    /// The project.
    pub name: String,
    /// The version.
    pub version: String,
    /// Its files that are mirrored for the target.
    pub files: Vec<ChosenFile>,
    /// Who asked for it: the user (a file and line) or a project, each with the requirement.
    pub requested_by: Vec<String>,
    /// Whether it serves builds of source distributions alone.
    pub build: bool,
    /// The index that it comes from, without login.
    pub index: String,
}

/// A file that was chosen.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ChosenFile {
    /// Its name.
    pub filename: String,
    /// In bytes, where that is known.
    pub size: Option<u64>,
}

impl Source for PypiSource {
    fn identity(&self) -> String {
        "python packages".to_owned()
    }

    fn has_one_place(&self) -> bool {
        // What they are is what was asked for: each tree has its own.
        false
    }

    fn fingerprint(&self) -> String {
        // What was asked for is in the tree: a run that asks for other sets changes nothing by that.
        "pypi 1".to_owned()
    }

    /// Of each set by itself, in versions: others may be asked for in runs between, and fewer files of
    /// the same versions are another selection.
    fn drops(&self, _: &StoredManifest, _: &Manifest) -> (u64, u64) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Pending { record, old, .. }) = pending.as_ref() else { return (0, 0) };
        let drops = self.sets.iter().map(|set| record.drops(old, &set.name));
        drops.max_by_key(|(dropped, total)| dropped.saturating_sub(total / 2)).unwrap_or_default()
    }

    fn sizes(&self) -> Sizes {
        index::SIZES
    }

    fn resolve<'a>(&'a self, context: &'a Context<'a>) -> BoxFuture<'a, Result<Resolution>> {
        Box::pin(async { self.manifest(context).await.map(Resolution::Manifest) })
    }

    fn makes_files(&self) -> bool {
        true
    }

    fn finish<'a>(
        &'a self,
        context: &'a Context<'a>,
        stored: &'a [StoredEntry],
    ) -> BoxFuture<'a, Result<Vec<Entry>>> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            match pending {
                Some(pending) => pending.finish(context, stored).await,
                // Without its pages a tree is nothing.
                None => Err(Error::metadata(context.tree(), "was not resolved before")),
            }
        })
    }
}

impl PypiSource {
    async fn manifest(&self, context: &Context<'_>) -> Result<Manifest> {
        let old = Record::published(context)?;
        let mut record = old.clone();
        for name in &self.removed {
            if record.sets.remove(name.as_str()).is_none() {
                let known = record.sets.keys().cloned().collect();
                return Err(Error::NoSuchSet { set: name.to_string(), known });
            }
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = self.sets.iter().find(|set| !names.insert(&set.name)) {
            let reason = format!("two sets are called {}", twice.name);
            return Err(Error::metadata(context.tree(), reason));
        }
        let choices = self.choose(context).await?;
        // What stays is of the sets that this run leaves as they are.
        record.sets.retain(|name, _| !names.iter().any(|set| set.as_str() == name));
        let staying = record.sets.values().flat_map(|set| set.files.iter().cloned());
        let staying: BTreeSet<String> = staying.collect();
        let mut selected = BTreeMap::new();
        for (set, choice) in self.sets.iter().zip(choices) {
            let files = choice.files.keys().cloned().collect();
            record.sets.insert(set.name.to_string(), SetRecord::new(set, choice.listed, files));
            for (filename, file) in choice.files {
                choose::add(&mut selected, filename, file)?;
            }
        }
        self.tell_changes(context, &old, &selected);
        for (filename, file) in &selected {
            if file.is_guessed {
                let needs = file.used.iter().flat_map(|used| &used.requires_dist);
                let needs: Vec<_> = needs.map(ToString::to_string).collect();
                let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
                context.warn(format!(
                    "{filename}: does not say for certain what it needs; taken for it: {needs}; a \
                     build may ask for more"
                ));
            }
            let name = file.found.project.name.to_string();
            let status = file.found.status.as_ref();
            record.projects.insert(name, ProjectRecord::new("", status));
            record.files.insert(filename.clone(), FileRecord::new(file));
        }
        record.trim();
        takeover::tell_others(context, &record.projects.keys().map(String::as_str).collect());
        let mut entries = Vec::with_capacity(record.files.len());
        for filename in record.files.keys() {
            entries.push(match selected.get(filename) {
                Some(file) => {
                    let stays = staying.contains(filename);
                    entry(context, filename, file, old.files.get(filename), stays).await?
                }
                None => kept(context, filename)?,
            });
        }
        let used = selected.into_iter().filter_map(|(name, file)| {
            let kept_under = index::kept_under(&file.found, file.at, &file.version);
            Some((name, Used { metadata: file.used?, kept_under }))
        });
        let pending = Pending { record, old, used: used.collect() };
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        Manifest::new(entries, context.tree())
    }

    /// Says which projects come from another index than before, and what was chosen in this run and is
    /// not there any more.
    fn tell_changes(
        &self,
        context: &Context<'_>,
        old: &Record,
        selected: &BTreeMap<String, Selected>,
    ) {
        let mut before: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for file in old.files.values() {
            before.entry(&file.project).or_default().insert(&file.index);
        }
        let mut told = BTreeSet::new();
        for file in selected.values() {
            let (name, now) = (file.found.project.name.as_ref(), file.index());
            if let Some(before) = before.get(name).filter(|before| !before.contains(now))
                && told.insert(name)
            {
                let before: Vec<_> = before.iter().copied().collect();
                let before = before.join(" and ");
                context
                    .warn(format!("{name} comes from {now}, and what is published from {before}"));
            }
        }
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = pending.as_ref() else { return };
        for filename in first.record.files.keys() {
            if !selected.contains_key(filename) && !old.files.contains_key(filename) {
                context.warn(format!(
                    "{filename} was chosen at first and is not any more: the index changed meanwhile"
                ));
            }
        }
    }

    /// Chooses the files of all sets: those that share their indexes together.
    async fn choose(&self, context: &Context<'_>) -> Result<Vec<Choice>> {
        let mut groups: Vec<(&Indexes, Vec<usize>)> = Vec::new();
        for (at, set) in self.sets.iter().enumerate() {
            match groups.iter_mut().find(|(indexes, _)| **indexes == set.indexes) {
                Some((_, members)) => members.push(at),
                None => groups.push((&set.indexes, vec![at])),
            }
        }
        let choosing = groups.iter().map(|(indexes, members)| {
            let sets = members.iter().map(|at| Arc::clone(&self.sets[*at])).collect();
            choose::choose(context, indexes, sets)
        });
        let chosen = try_join_all(choosing).await?;
        let places = groups.iter().flat_map(|(_, members)| members.iter().copied());
        let mut choices: Vec<_> = places.zip(chosen.into_iter().flatten()).collect();
        choices.sort_by_key(|(at, _)| *at);
        let choices: Vec<_> = choices.into_iter().map(|(_, choice)| choice).collect();
        let answers: Vec<_> = choices.iter().flat_map(|one| one.answers.clone()).collect();
        let mut unsolved = answers.iter().filter(|answer| !answer.unsolved.is_empty());
        let error = unsolved.next().map(|first| Error::Unsolved {
            unsolved: 1 + unsolved.count(),
            targets: answers.len(),
            set: first.set.to_string(),
            target: first.target.clone(),
            why: first.unsolved.join("; "),
        });
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
        error.map_or(Ok(choices), Err)
    }
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
    let (found, file) = (&selected.found, selected.file());
    let path = format!("{FILES}/{filename}");
    let listed = |reason: String| Error::metadata(selected.index(), reason);
    let location = found.location(selected.at).map_err(listed)?;
    let mut digest = found.digest(selected.at);
    let mut unverified = None;
    let (origin, size) = match location {
        Location::Url(url) => {
            if digest.is_none() {
                if !selected.may_be_unhashed {
                    let (index, filename) = (selected.index().to_owned(), filename.to_owned());
                    return Err(Error::Unhashed { index, filename });
                }
                unverified = Some(UNHASHED.into());
                // Its name stands for one content: what was fetched once is not fetched again.
                digest = old.and_then(FileRecord::sha256).map(Into::into);
            }
            let size = found.size(selected.at);
            if let Some(listed) = file.size.filter(|_| size.is_none()) {
                context.warn(format!("{path}: listed with {listed} bytes, more than any file has"));
            }
            (Origin::Remote(remote(url)), size)
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
    {
        let [first, second] = [old, new].map(|sha256| format!("sha256:{}", sha256.hex()));
        if stays {
            let file = selected.index().to_owned();
            return Err(Error::Conflict { file, path, first, second });
        }
        context.warn(format!("{path}: was {first}, and is {second} now"));
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

fn safe(path: &str) -> Result<RepoPath> {
    RepoPath::new(path).map_err(|source| Error::Path { file: path.to_owned(), source })
}

/// A file at a URL: below its folder.
fn remote(url: Url) -> Remote {
    let (folder, name) = url.path().rsplit_once('/').unwrap_or(("", url.path()));
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let mut base = url;
    base.set_path(&folder);
    Remote::at([base].into(), &name)
}
