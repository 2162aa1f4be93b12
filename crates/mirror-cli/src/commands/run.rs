//! A run of the engine: what `mirror sync` and `mirror pypi` have in common.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, Report, SetFailure};
use mirror_core::source::pypi::{Answer, PypiSource, Set, SetName};
use mirror_core::source::rpm::{self, RpmSource};
use mirror_core::store::Retention;
use mirror_core::{Allow, Error, Job, Mode, Options};
use tokio_util::sync::CancellationToken;

use super::closures::Closures;
use super::open;
use super::python_sets::{Asked, Gathered, gather};
use super::signing::SigningKeys;
use crate::answers;
use crate::chosen;
use crate::cli::{OutputArgs, PublicationArgs, TransferArgs};
use crate::config::{Config, Upstream};
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::output::{self, Last};
use crate::progress::Progress;
use crate::signals;

/// What is to be made.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Repositories.
    pub(super) upstreams: Vec<Upstream>,
    /// Sets of Python packages.
    pub(super) sets: Vec<Asked>,
    /// Sets that go, of that tree.
    pub(super) removed: Option<(TreePath, Vec<SetName>)>,
}

/// How.
pub(super) struct Terms<'a> {
    pub(super) config: &'a Config,
    pub(super) root: &'a Path,
    pub(super) transfer: &'a TransferArgs,
    pub(super) publication: &'a PublicationArgs,
    pub(super) output: &'a OutputArgs,
    /// Whether an older state of an upstream is published.
    pub(super) allow_older: bool,
    /// What holds the passphrase of the keys that sign.
    pub(super) passphrase_file: Option<&'a Path>,
}

/// What came of it.
pub(super) struct Done {
    pub(super) report: Report,
    /// What was chosen of each set for each target.
    pub(super) answers: Vec<Answer>,
    /// What was chosen of repositories for what was asked for by name.
    chosen: Vec<rpm::Answer>,
    took: Duration,
}

/// Makes it, and shows how it goes.
pub(super) fn run(work: Work, terms: &Terms<'_>) -> Result<Done, Failure> {
    let begun = Instant::now();
    let runtime = super::runtime()?;
    let of_upstreams = work.upstreams.iter().map(|upstream| (&upstream.tree, &*upstream.group));
    let of_sets = python_trees(&work)?;
    Config::check_overlaps(&work.upstreams, &of_sets)?;
    let names = of_upstreams.chain(of_sets.iter().map(|tree| (tree, tree.as_str())));
    let names = names.map(|(tree, group)| (tree.as_str(), group));
    let progress = Arc::new(Progress::start(terms.output, names));
    let cancel = signals::watch({
        let progress = Arc::clone(&progress);
        move || progress.note("stopping; a second Ctrl-C stops at once")
    })?;
    let ran = runtime.block_on(make(work, terms, &progress, &cancel));
    // What a cancelled run still does in the background, it does to its end.
    drop(runtime);
    progress.finish();
    let (report, answers, chosen) = ran?;
    Ok(Done { report, answers, chosen, took: begun.elapsed() })
}

/// The trees of the sets, each once.
fn python_trees(work: &Work) -> Result<Vec<TreePath>, Failure> {
    let mut trees = work.sets.iter().map(Asked::tree).collect::<Result<Vec<_>, _>>()?;
    trees.extend(work.removed.iter().map(|(tree, _)| tree.clone()));
    trees.sort();
    trees.dedup();
    Ok(trees)
}

async fn make(
    work: Work,
    terms: &Terms<'_>,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
) -> Result<(Report, Vec<Answer>, Vec<rpm::Answer>), Failure> {
    let mut options = options(terms, &work.upstreams)?;
    let files = work.upstreams.iter().filter_map(|upstream| upstream.sign_key.as_deref());
    let keys = SigningKeys::read(files, terms.passphrase_file, terms.root)?;
    let closures = Closures::read(&work.upstreams)?;
    let gathered = gather(&work.sets, &options.fetch, terms.transfer.ca_files.is_empty());
    let gathered =
        cancel.run_until_cancelled(gathered).await.unwrap_or(Err(Error::Cancelled.into()))?;
    for set in &gathered {
        set.tell(terms.output, progress)?;
    }
    options.fetch.access.extend(gathered.iter().flat_map(|set| set.access.clone()));
    let (jobs, sources) = jobs(work.upstreams, gathered, work.removed, &keys, &closures);
    let open = open(terms.root, options, |line| progress.note(line));
    let mirror = cancel.run_until_cancelled(open).await.unwrap_or(Err(Error::Cancelled))?;
    let mode = if terms.publication.dry_run { Mode::DryRun } else { Mode::Apply };
    let report = loop {
        let reporter = Arc::clone(progress);
        match mirror.sync(&jobs, mode, reporter, cancel).await {
            Err(Error::TreeMoved { upstream, old, new }) if terms.publication.move_trees => {
                let job = jobs.iter().find(|job| job.tree.as_str() == new);
                let moved = job.map(|job| mirror.move_tree(&upstream, &job.tree)).transpose()?;
                if moved != Some(true) {
                    return Err(Error::TreeMoved { upstream, old, new }.into());
                }
                progress.note(&format!("{new}: moved from {old}"));
            }
            done => break done?,
        }
    };
    let answers = sources.iter().flat_map(|source| source.answers()).collect();
    Ok((report, answers, closures.answers()))
}

/// The settings: option, configuration, default.
fn options(terms: &Terms<'_>, upstreams: &[Upstream]) -> Result<Options, Failure> {
    let Terms { config, publication, .. } = terms;
    let retention = super::retention(config);
    Ok(Options {
        fetch: super::fetch_options(terms.transfer, config, upstreams)?,
        allow: Allow { older: terms.allow_older, shrink: publication.allow_shrink },
        lock: publication.lock.lock_wait.or(config.lock_wait).unwrap_or_default(),
        retention: Retention { prune: !publication.no_prune && retention.prune, ..retention },
    })
}

/// A job for each repository, and one for all sets of a tree together.
fn jobs(
    upstreams: Vec<Upstream>,
    gathered: Vec<Gathered>,
    removed: Option<(TreePath, Vec<SetName>)>,
    keys: &SigningKeys,
    closures: &Closures,
) -> (Vec<Job>, Vec<Arc<PypiSource>>) {
    let mut jobs: Vec<Job> =
        upstreams.into_iter().map(|upstream| repository(upstream, keys, closures)).collect();
    let mut trees: Vec<(TreePath, Vec<Set>, Vec<SetName>)> = Vec::new();
    let mut at = |tree: TreePath| {
        let known = trees.iter().position(|(known, ..)| *known == tree);
        known.unwrap_or_else(|| {
            trees.push((tree, Vec::new(), Vec::new()));
            trees.len() - 1
        })
    };
    let places: Vec<_> = gathered.into_iter().map(|set| (at(set.tree), set.set)).collect();
    let removed = removed.map(|(tree, names)| (at(tree), names));
    for (place, set) in places {
        trees[place].1.push(set);
    }
    if let Some((place, names)) = removed {
        trees[place].2 = names;
    }
    let mut sources = Vec::new();
    for (tree, sets, removed) in trees {
        let source = Arc::new(PypiSource::new(sets).remove(removed));
        sources.push(Arc::clone(&source));
        let group = tree.to_string();
        jobs.push(Job { source, tree, group });
    }
    (jobs, sources)
}

pub(super) fn repository(upstream: Upstream, keys: &SigningKeys, closures: &Closures) -> Job {
    let key = upstream.sign_key.as_deref().and_then(|path| keys.get(path));
    let source = RpmSource::new(upstream.location)
        .select(upstream.selection)
        .trust(upstream.trust)
        .with_treeinfo(upstream.treeinfo)
        .allow_missing(upstream.allow_missing)
        .sign_with(key);
    let source = closures.join(source, upstream.asked.as_ref(), &upstream.arches);
    Job::new(source, upstream.tree).in_group(&upstream.group)
}

impl Done {
    /// Prints what came of it.
    pub(super) fn tell(&self, terms: &Terms<'_>) -> Result<(), Failure> {
        let (report, dry_run) = (&self.report, terms.publication.dry_run);
        let text = if terms.output.json {
            let complete = report.is_complete();
            let answers: String = self.answers.iter().map(answers::json).collect();
            answers
                + &chosen::json(&self.chosen)
                + &output::json_line(&Last::Report { dry_run, complete, report })
        } else if terms.output.quiet {
            for problem in output::problems(report) {
                console::tell(Tag::Error, problem);
            }
            String::new()
        } else {
            let chosen = if dry_run { answers::tables(&self.answers) } else { String::new() };
            chosen
                + &chosen::tables(&self.chosen, dry_run)
                + &output::summary(report, self.took, dry_run)
        };
        console::print(&text).map_err(Failure::Output)?;
        // The tables and the lines of JSON have them already.
        if !dry_run && !terms.output.json && !terms.output.quiet {
            let warnings = answers::warnings(&self.answers);
            for warning in warnings.into_iter().chain(chosen::warnings(&self.chosen)) {
                console::tell(Tag::Warning, warning);
            }
        }
        let unsolved = answers::unsolved(&self.answers).into_iter();
        for (title, lines) in unsolved.chain(chosen::unsolved(&self.chosen)) {
            console::tell(Tag::Error, title);
            for line in lines {
                console::note(format_args!("  {line}"));
            }
        }
        for SetFailure { set, failure, .. } in self.failed_otherwise() {
            console::tell(Tag::Error, format_args!("set {set}: {}", failure.reason));
        }
        let hints = answers::hint(&self.answers).into_iter().chain(chosen::hint(&self.chosen));
        for hint in hints.chain(output::hints(report)) {
            console::tell(Tag::Hint, hint);
        }
        Ok(())
    }

    /// The sets that failed for something else than a missing solution.
    fn failed_otherwise(&self) -> impl Iterator<Item = &SetFailure> {
        let is_unsolved = |answer: &&Answer| !answer.unsolved.is_empty();
        let unsolved: Vec<_> = self.answers.iter().filter(is_unsolved).collect();
        let failed = self.report.trees.iter().flat_map(|tree| &tree.failed_sets);
        failed.filter(move |failed| !unsolved.iter().any(|one| one.set.as_str() == failed.set))
    }

    /// The exit code of a run that came to its end.
    pub(super) fn exit(&self) -> Exit {
        let is_failed = |outcome: Outcome| outcome == Outcome::Failed;
        if self.report.is_complete() {
            Exit::Done
        } else if self.report.trees.iter().all(|tree| is_failed(tree.outcome)) {
            Exit::Failed
        } else {
            Exit::Incomplete
        }
    }
}
