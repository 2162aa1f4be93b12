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
pub(crate) mod contents;
mod ends;
mod index;
mod library;
mod listed;
mod listing;
mod read;
mod record;
mod set;
mod taken;
mod takeover;
mod tree;
mod union;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, try_join_all};

pub use check::{Checked, CheckedSet, Fault, check};
pub use library::Unproved;
pub use listing::{ListedSet, published_sets};
pub use set::{Indexes, Sdists, Selection, Set, SetName, SetNameError, Wants, Wheels};

use super::{Context, Resolution, Sizes, Source};
use crate::error::{Error, Result};
use crate::format::pypi::page::write::FILES;
use crate::manifest::{Entry, Manifest, StoredEntry, StoredManifest};
use crate::path::RepoPath;
use crate::report::{Failure, SetFailure};
use choose::Selected;
use record::{FileRecord, Record};
use tree::{Blamed, Pending, Used};
use union::{Made, Union, unite};

/// What all of them are called as an upstream: what they hold is what was asked for.
pub(crate) const IDENTITY: &str = "python packages";

/// A tree of Python packages as a [`Source`]: the union of its named sets, of which a run resolves
/// some anew and leaves the others as they are.
#[derive(Debug)]
pub struct PypiSource {
    sets: Vec<Arc<Set>>,
    removed: Vec<SetName>,
    answers: Mutex<Vec<Answer>>,
    pending: Mutex<Option<Pending>>,
    left_out: Mutex<LeftOut>,
}

/// Sets of which a file cannot be had, or is not what its index said, with the reason.
#[derive(Debug, Default)]
struct LeftOut {
    /// Those that the tree was resolved without.
    now: BTreeMap<SetName, Failure>,
    /// And those that it is to be resolved without.
    next: BTreeMap<SetName, Failure>,
}

impl PypiSource {
    /// The sets that are to be resolved anew; others of the tree stay as they are.
    pub fn new(sets: Vec<Set>) -> Self {
        let sets = sets.into_iter().map(Arc::new).collect();
        let (removed, answers, pending, left_out) = Default::default();
        Self { sets, removed, answers, pending, left_out }
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
    /// The first Python that this holds for, such as `3.9.2`, where earlier patch releases of the
    /// target's have no answer; a note says why.
    pub from_python: Option<String>,
    /// What was chosen, by name; of `3.11`, which stands for several patch releases, the union.
    pub chosen: Vec<Chosen>,
    /// Why there is no answer, in lines for people; empty where there is one.
    pub unsolved: Vec<String>,
    /// What a user may want to know, though it stands in nothing's way.
    pub notes: Vec<String>,
    /// What is as it should be, and explains a choice: newer versions that are for other Pythons, where
    /// only their metadata says so, and files that no version has a place for.
    pub passed_over: Vec<String>,
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
        IDENTITY.to_owned()
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

    fn do_without(&self, failures: &[Failure]) -> bool {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = pending.as_ref() {
            for failure in failures {
                if let Some(name) = failure.path.as_ref().and_then(filename) {
                    self.leave_out(&pending.sets_with(name), failure);
                }
            }
        }
        let mut left_out = self.left_out();
        let is_more = left_out.next.keys().any(|set| !left_out.now.contains_key(set));
        // Without any of them there would be nothing to make.
        let is_less = self.sets.iter().any(|set| !left_out.next.contains_key(&set.name));
        if !(is_more && is_less) {
            left_out.next.clear();
        }
        is_more && is_less
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
                Some(pending) => {
                    let made = pending.finish(context, stored).await;
                    made.map_err(|Blamed { error, sets }| {
                        let (reason, kind) = (error.to_string(), error.kind());
                        self.leave_out(&sets, &Failure { path: None, reason, kind });
                        error
                    })
                }
                // Without its pages a tree is nothing.
                None => Err(Error::metadata(context.tree(), "was not resolved before")),
            }
        })
    }
}

impl PypiSource {
    fn left_out(&self) -> MutexGuard<'_, LeftOut> {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that these sets cannot be had, where all of them are the run's to leave out.
    fn leave_out(&self, sets: &[String], failure: &Failure) {
        let mut left_out = self.left_out();
        let LeftOut { now, next } = &mut *left_out;
        let own = |name: &String| self.sets.iter().find(|set| set.name.as_str() == name);
        let names = sets.iter().map(|name| Some(own(name)?.name.clone()));
        let names: Option<Vec<_>> = names.collect();
        let Some(names) = names.filter(|names| !names.iter().any(|name| now.contains_key(name)))
        else {
            return;
        };
        next.extend(now.iter().map(|(set, why)| (set.clone(), why.clone())));
        for name in names {
            next.entry(name).or_insert_with(|| failure.clone());
        }
    }

    async fn manifest(&self, context: &Context<'_>) -> Result<Manifest> {
        let old = Record::published(context)?;
        let mut before = old.clone();
        for name in &self.removed {
            if before.sets.remove(name.as_str()).is_none() {
                let known = before.sets.keys().cloned().collect();
                return Err(Error::NoSuchSet { set: name.to_string(), known });
            }
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = self.sets.iter().find(|set| !names.insert(&set.name)) {
            let reason = format!("two sets are called {}", twice.name);
            return Err(Error::metadata(context.tree(), reason));
        }
        let left_out = {
            let mut left_out = self.left_out();
            left_out.now = std::mem::take(&mut left_out.next);
            left_out.now.clone()
        };
        let mut made = self.choose(context).await?;
        made.retain(|made| !left_out.contains_key(&made.set.name));
        let Union { record, selected, entries } = unite(context, &before, made).await?;
        for (set, failure) in left_out {
            let set = set.to_string();
            let is_published = before.sets.contains_key(&set);
            context.fail_set(SetFailure { set, is_published, failure });
        }
        self.tell_changes(context, &old, &record, &selected);
        tell_contents(context, &old, &entries);
        takeover::tell_others(context, &record.projects.keys().map(String::as_str).collect());
        for (filename, file) in &selected {
            if let Some(listed) = file.file().size.filter(|_| file.found.size(file.at).is_none()) {
                context.warn(format!(
                    "{FILES}/{filename}: listed with {listed} bytes, more than any file has"
                ));
            }
            if file.is_guessed {
                let needs = file.used.iter().flat_map(|used| &used.requires_dist);
                let needs: Vec<_> = needs.map(ToString::to_string).collect();
                let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
                context.warn(format!(
                    "{filename}: does not say for certain what it needs; taken for it: {needs}; a \
                     build may ask for more"
                ));
            }
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
        now: &Record,
        selected: &BTreeMap<String, Selected>,
    ) {
        let mut before: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for file in old.files.values() {
            before.entry(&file.project).or_default().insert(same(&file.index));
        }
        let mut told = BTreeSet::new();
        for file in selected.values() {
            let (name, now) = (file.found.project.name.as_ref(), same(file.index()));
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
        // Of sets that failed this time, the report tells.
        let again = first.record.sets.iter();
        let again = again.filter(|(name, _)| now.sets.get(*name) != old.sets.get(*name));
        let filenames: BTreeSet<_> = again.flat_map(|(_, set)| &set.files).collect();
        for filename in filenames {
            if !selected.contains_key(filename) && !old.files.contains_key(filename) {
                context.warn(format!(
                    "{filename} was chosen at first and is not any more: the index changed meanwhile"
                ));
            }
        }
    }

    /// Chooses the files of all sets: those that share their indexes together.
    async fn choose(&self, context: &Context<'_>) -> Result<Vec<Made>> {
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
        let answers = choices.iter().filter_map(|(_, choice)| choice.as_ref().ok());
        let answers = answers.flat_map(|choice| choice.answers.iter().cloned()).collect();
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
        let made = |(at, choice)| Made::new(Arc::clone(&self.sets[at]), choice);
        Ok(choices.into_iter().map(made).collect())
    }
}

/// The name of an index, which is the same with a slash at its end and without.
fn same(index: &str) -> &str {
    index.trim_end_matches('/')
}

/// Says which files have another content than they had.
fn tell_contents(context: &Context<'_>, old: &Record, entries: &[Entry]) {
    for Entry { path, digest, .. } in entries {
        let filename = path.as_str().rsplit('/').next().unwrap_or_default();
        let before = old.files.get(filename).and_then(FileRecord::sha256);
        if let (Some(now), Some(before)) = (digest.and_then(|digest| digest.as_sha256()), before)
            && now != before
        {
            let [before, now] = [before, now].map(|sha256| sha256.hex());
            context.warn(format!("{path}: was sha256:{before}, and is sha256:{now} now"));
        }
    }
}

/// The package at a path of the tree.
fn filename(path: &RepoPath) -> Option<&str> {
    path.as_str().strip_prefix(FILES)?.strip_prefix('/')
}

fn safe(path: &str) -> Result<RepoPath> {
    RepoPath::new(path).map_err(|source| Error::Path { file: path.to_owned(), source })
}
