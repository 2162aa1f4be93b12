//! From sets to files: every set for every target, all at once over what their indexes say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::oneshot;

use super::closure::{By, Closing};
use super::ends::{Outcome, settle};
use super::index::{Ahead, Found, Shelf, Unanswered, serve};
use super::listed::{Listed, entries, list};
use super::record::ListedRecord;
use super::set::{Indexes, Sdists, Set};
use super::taken::{Closure, Library, Taken, Unsolved};
use super::{Answer, Chosen, ChosenFile};
use crate::digest::{Digest, Sha256};
use crate::error::{Error, Result};
use crate::format::pypi::page::File;
use crate::format::pypi::sdist::BuildSystem;
use crate::format::pypi::{PackageName, Version};
use crate::resolve::pypi::{Environment, Inputs, Metadata, Project, ProjectFile, Target};
use crate::source::Context;

/// Environments that are resolved at once: most of their time they wait.
const AT_ONCE: usize = 16;

/// What was chosen of a set.
#[derive(Debug)]
pub(super) struct Choice {
    /// Its files, by name.
    pub(super) files: BTreeMap<String, Selected>,
    /// For each target what was chosen, and why.
    pub(super) answers: Vec<Answer>,
    /// What there is an answer for: its targets, of which some may begin with a later patch release.
    pub(super) targets: Vec<Target>,
    /// What its exact lists and locks list.
    pub(super) listed: Vec<ListedRecord>,
}

/// A file that is to be mirrored.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) found: Arc<Found>,
    /// Its place in the list.
    pub(super) at: usize,
    pub(super) version: Version,
    /// What was taken for its metadata when it was resolved.
    pub(super) used: Option<Arc<Metadata>>,
    /// Whether a build of it may find that it needs something else.
    pub(super) is_guessed: bool,
    /// Whether it is taken without a digest.
    pub(super) may_be_unhashed: bool,
}

impl Selected {
    pub(super) fn file(&self) -> &File {
        self.found.file(self.at)
    }

    pub(super) fn digest(&self) -> Option<Digest> {
        self.found.digest(self.at)
    }

    /// The index that lists it, for people.
    pub(super) fn index(&self) -> &str {
        self.found.index_of(self.at)
    }
}

impl Library for Shelf {
    fn build_system(
        &self,
        project: &Project,
        file: &ProjectFile,
    ) -> Result<Result<BuildSystem, String>, Unanswered> {
        let sdist = self.sdist(&self.found(project)?, file.position)?;
        Ok(match sdist {
            Some(read) => read.sdist.build_system().map_err(|error| error.to_string()),
            None => Err("what it says of itself could not be read".to_owned()),
        })
    }
}

/// Chooses the files of sets that share their indexes: for each what it gets, or its own error. Where
/// it is the run's, there is nothing else.
pub(super) async fn choose(
    context: &Context<'_>,
    indexes: &Indexes,
    sets: Vec<Arc<Set>>,
) -> Result<Vec<Result<Choice>>> {
    let (shelf, requests) = Shelf::new();
    let key = asked_key(indexes, &sets);
    let before = context.cached(&key).and_then(|names| serde_json::from_slice(&names).ok());
    let before: Vec<PackageName> = before.unwrap_or_default();
    let known: BTreeSet<PackageName> = before.iter().cloned().collect();
    let ahead = Ahead::new(sets.iter().flat_map(environments).collect(), before);
    let solving = async {
        let mut listing = Vec::new();
        for set in &sets {
            let (set, shelf) = (Arc::clone(set), Arc::clone(&shelf));
            listing.push(async move {
                match its_own(entries(context, &set).await)? {
                    Ok(exact) => run(move || list(&set, &exact, &shelf)).await,
                    Err(error) => Ok(Err(error)),
                }
            });
        }
        let listed: Vec<_> = stream::iter(listing).buffered(AT_ONCE).try_collect().await?;
        let listed: Vec<_> = listed.into_iter().map(|listed| listed.map(Arc::new)).collect();
        let mut jobs = Vec::new();
        for (set, listed) in sets.iter().zip(&listed) {
            let Ok(listed) = listed else { continue };
            for environment in set.targets.iter().flat_map(Target::environments) {
                let (set, shelf) = (Arc::clone(set), Arc::clone(&shelf));
                let listed = Arc::clone(listed);
                jobs.push(run(move || outcome(&set, &listed, &environment, &shelf)));
            }
        }
        let outcomes: Vec<_> = stream::iter(jobs).buffered(AT_ONCE).try_collect().await?;
        let mut outcomes = outcomes.into_iter();
        let mut jobs = Vec::new();
        for (set, listed) in sets.iter().zip(&listed) {
            let Ok(listed) = listed else { continue };
            for target in &set.targets {
                let ends: Vec<_> = outcomes.by_ref().take(target.environments().len()).collect();
                let ends: Result<Vec<_>> = ends.into_iter().collect();
                let (set, shelf) = (Arc::clone(set), Arc::clone(&shelf));
                let (target, listed) = (target.clone(), Arc::clone(listed));
                jobs.push(async move {
                    let other = move |end: &Environment| outcome(&set, &listed, end, &shelf);
                    match ends {
                        Ok(ends) => run(move || settle(target, ends, other)).await,
                        Err(error) => Ok(Err(error)),
                    }
                });
            }
        }
        let settled: Vec<_> = stream::iter(jobs).buffered(AT_ONCE).try_collect().await?;
        let mut settled = settled.into_iter();
        let mut choices = Vec::with_capacity(sets.len());
        for (set, listed) in sets.iter().zip(listed) {
            choices.push(match listed {
                Ok(listed) => {
                    let own: Vec<_> = settled.by_ref().take(set.targets.len()).collect();
                    let own: Result<Vec<_>> = own.into_iter().collect();
                    its_own(own.and_then(|own| put_together(set, &listed, own, &shelf)))?
                }
                Err(error) => Err(error),
            });
        }
        Ok(choices)
    };
    let choices = tokio::select! {
        biased;
        served = serve(context, indexes, ahead, requests) => match served? {},
        choices = solving => choices?,
    };
    let asked = shelf.needed();
    if asked != known
        && let Ok(names) = serde_json::to_vec(&asked)
    {
        context.keep(&key, names);
    }
    context.kept().await;
    Ok(choices)
}

/// Under what it is kept which projects the sets asked for, so that the next run of the same sets can
/// ask for all of them at once.
fn asked_key(indexes: &Indexes, sets: &[Arc<Set>]) -> String {
    let mut asked = format!("{indexes:?}");
    for set in sets {
        asked.push_str(&set.asked());
    }
    format!("projects of sets {}", Sha256::of(asked.as_bytes()).hex())
}

/// What a set is resolved for, and with what.
fn environments(set: &Arc<Set>) -> Vec<(Arc<Inputs>, Environment)> {
    let inputs = Arc::new(inputs(set));
    let all = set.targets.iter().flat_map(Target::environments);
    all.map(|environment| (Arc::clone(&inputs), environment)).collect()
}

/// What a set's requirements are resolved with.
fn inputs(set: &Set) -> Inputs {
    let mut inputs = set.wants.inputs.clone();
    if set.selection.sdists == Sdists::Never {
        let policy = &mut inputs.policy;
        policy.only_binary.all = true;
        // What names a project goes before what means all: nothing is left of such a one.
        policy.only_binary.named.extend(policy.no_binary.named.iter().cloned());
    }
    inputs
}

/// Runs a solver on a thread of its own: it waits for what threads of the runtime's pool read.
async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unanswered> + Send + 'static,
) -> Result<Result<T>> {
    let (sender, done) = oneshot::channel();
    let thread = std::thread::Builder::new().name("solver".to_owned());
    // Who waits for it may be gone by then.
    let started = thread.spawn(move || drop(sender.send(work())));
    started.map_err(|error| Error::Client(error.into()))?;
    let done = done.await.map_err(|error| Error::Client(error.into()))?;
    its_own(done.map_err(Unanswered::into_error))
}

/// A result of one set, with its own error; the run's is apart.
fn its_own<T>(result: Result<T>) -> Result<Result<T>> {
    match result {
        Err(error) if error.ends_the_run() => Err(error),
        result => Ok(result),
    }
}

/// What a set takes in one environment, or why there is no answer.
fn outcome(
    set: &Set,
    listed: &[Listed],
    environment: &Environment,
    shelf: &Shelf,
) -> Result<Outcome, Unanswered> {
    match close(set, listed, environment, shelf) {
        Ok(closure) => Ok(Ok(closure)),
        Err(Unsolved::Because(lines)) => Ok(Err(lines)),
        Err(Unsolved::Index(error)) => Err(error),
    }
}

fn close(
    set: &Set,
    listed: &[Listed],
    environment: &Environment,
    shelf: &Shelf,
) -> Result<Closure, Unsolved<Unanswered>> {
    let inputs = inputs(set);
    let mut closing = Closing::new(shelf, environment, set.selection);
    closing.resolve(&inputs)?;
    for requirement in &set.wants.all_versions {
        closing.take_versions(requirement, &inputs)?;
    }
    // Digests speak of what was listed, and not of what builds it.
    let inputs = Inputs { hashes: std::collections::HashMap::new(), ..inputs };
    for one in listed {
        let found = &one.found;
        let listed = |file: &ProjectFile| one.files.contains(&file.position);
        let by = By { from: &one.by, marker: one.marker.as_ref() };
        closing.take_listed(&found.project, &one.version, listed, &by, &inputs)?;
    }
    Ok(closing.finish())
}

/// A set's files, and its answers for people, out of what its targets take.
fn put_together(
    set: &Set,
    listed: &[Listed],
    settled: Vec<(Target, Outcome)>,
    shelf: &Shelf,
) -> Result<Choice> {
    let record = |one: &Listed| ListedRecord {
        project: one.found.project.name.to_string(),
        version: one.version.to_string(),
        files: one.files.iter().map(|at| one.found.file(*at).filename.clone()).collect(),
        from: one.by.clone(),
        marker: one.marker.as_ref().map(|marker| marker.try_to_string().unwrap_or_default()),
    };
    let mut choice = Choice {
        files: BTreeMap::new(),
        answers: Vec::new(),
        targets: Vec::new(),
        listed: listed.iter().map(record).collect(),
    };
    let as_listed: Vec<Taken> = listed
        .iter()
        .map(|one| Taken {
            project: Arc::clone(&one.found.project),
            version: one.version.clone(),
            files: one.files.clone(),
            requested_by: BTreeSet::from([one.by.clone()]),
            build: false,
        })
        .collect();
    for (asked, (target, outcome)) in set.targets.iter().zip(settled) {
        let from_python = (target.first_patch > asked.first_patch)
            .then(|| format!("3.{}.{}", target.python.minor, target.first_patch));
        let mut answer = Answer {
            set: set.name.clone(),
            target: target.to_string(),
            from_python,
            chosen: Vec::new(),
            unsolved: Vec::new(),
            notes: Vec::new(),
            passed_over: Vec::new(),
        };
        choice.targets.push(target);
        let mut closure = Closure::default();
        for taken in &as_listed {
            closure.add(taken.clone());
        }
        match outcome {
            Ok(taken) => closure.join(taken),
            Err(lines) => answer.unsolved = lines,
        }
        answer.notes.extend(closure.notes.iter().cloned());
        answer.passed_over.extend(closure.passed_over.iter().cloned());
        for taken in closure.into_taken() {
            let found = shelf.found(&taken.project).map_err(Unanswered::into_error)?;
            let mut chosen = Chosen {
                name: taken.project.name.to_string(),
                version: taken.version.to_string(),
                files: Vec::new(),
                requested_by: taken.requested_by.into_iter().collect(),
                build: taken.build,
                index: found.index_of(taken.files.first().copied().unwrap_or(0)).to_owned(),
            };
            for at in taken.files {
                let file = found.file(at);
                let (filename, size) = (file.filename.clone(), found.size(at));
                chosen.files.push(ChosenFile { filename: filename.clone(), size });
                let found = Arc::clone(&found);
                let selected = Selected {
                    version: taken.version.clone(),
                    used: shelf.described(&found, at),
                    is_guessed: shelf.is_guessed(&found, at),
                    may_be_unhashed: set.selection.allow_unhashed,
                    found,
                    at,
                };
                add(&mut choice.files, filename, selected)?;
            }
            chosen.files.sort_by(|a, b| a.filename.cmp(&b.filename));
            answer.notes.extend(unusable(&found));
            answer.passed_over.extend(placeless(&found.project));
            answer.chosen.push(chosen);
        }
        for lines in [&mut answer.notes, &mut answer.passed_over] {
            lines.sort();
            lines.dedup();
        }
        choice.answers.push(answer);
    }
    Ok(choice)
}

/// Adds a file to those of a set, or of a tree: one name is one content.
pub(super) fn add(
    files: &mut BTreeMap<String, Selected>,
    filename: String,
    selected: Selected,
) -> Result<()> {
    let Some(known) = files.get(&filename) else {
        files.insert(filename, selected);
        return Ok(());
    };
    if known.file().digests.first() < selected.file().digests.first() {
        // The stronger digest decides, whoever gives it; what both give has to be the same.
        let known = files.insert(filename.clone(), selected);
        return known.map_or(Ok(()), |known| add(files, filename, known));
    }
    let (first, second) = (known.file(), selected.file());
    for (a, b) in first.digests.iter().flat_map(|a| second.digests.iter().map(move |b| (a, b))) {
        if a.algorithm() == b.algorithm() && a != b {
            return Err(Error::Conflict {
                file: format!("{} and {}", known.index(), selected.index()),
                path: filename,
                first: a.to_string(),
                second: b.to_string(),
            });
        }
    }
    Ok(())
}

/// What of a project's files has no place in its versions.
fn placeless(project: &Project) -> Vec<String> {
    let mut lines = project.notes.clone();
    if project.more_notes > 0 {
        lines.push(format!("{}: {} more of this kind", project.name, project.more_notes));
    }
    lines
}

/// What of a project's files cannot be used, in a line.
fn unusable(found: &Found) -> Option<String> {
    let first = found.unusable.first()?;
    let more = match found.unusable.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more files cannot be used"),
    };
    let name = &found.project.name;
    Some(format!("{name}: file {:?}: {}{more}", first.filename, first.fault))
}
