//! `mirror sync`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mirror_core::report::{Outcome, Report, TreeReport};
use mirror_core::source::rpm::RpmSource;
use mirror_core::store::Retention;
use mirror_core::{Allow, Error, Job, Mode, Options};
use tokio_util::sync::CancellationToken;

use super::{lists, open};
use crate::cli::SyncArgs;
use crate::config::{Config, Upstream, Wanted};
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::output::{self, Last};
use crate::progress::Progress;
use crate::{environment, signals};

/// Makes mirrors what their upstreams are.
pub(super) fn run(args: &SyncArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, sync(args))
}

fn sync(args: &SyncArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    lists::check(args, &config)?;
    let upstreams = config.upstreams(&wanted(args), environment::host_arch())?;
    if !args.output.quiet {
        for warning in &config.warnings {
            console::tell(Tag::Warning, warning);
        }
    }
    let options = options(args, &config, &upstreams)?;
    let jobs: Vec<Job> = upstreams.into_iter().map(job).collect();

    let begun = Instant::now();
    let runtime = super::runtime()?;
    let trees = jobs.iter().map(|job| (job.tree.as_str(), job.group.as_str()));
    let progress = Arc::new(Progress::start(&args.output, trees));
    let cancel = signals::watch({
        let progress = Arc::clone(&progress);
        move || progress.note("stopping; a second Ctrl-C stops at once")
    })?;
    let ran = runtime.block_on(mirror(args, &root, options, &jobs, &progress, &cancel));
    // What a cancelled run still does in the background, it does to its end.
    drop(runtime);
    progress.finish();
    let report = ran?;
    tell(args, &report, begun)?;
    Ok(exit(&report))
}

/// Opens the root and syncs.
async fn mirror(
    args: &SyncArgs,
    root: &Path,
    options: Options,
    jobs: &[Job],
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
) -> Result<Report, Error> {
    let open = open(root, options, |line| progress.note(line));
    let mirror = cancel.run_until_cancelled(open).await.unwrap_or(Err(Error::Cancelled))?;
    let mode = if args.publication.dry_run { Mode::DryRun } else { Mode::Apply };
    loop {
        let reporter = Arc::clone(progress);
        match mirror.sync(jobs, mode, reporter, cancel).await {
            Err(Error::TreeMoved { upstream, old, new }) if args.publication.move_trees => {
                let job = jobs.iter().find(|job| job.tree.as_str() == new);
                let moved = job.map(|job| mirror.move_tree(&upstream, &job.tree)).transpose()?;
                if moved != Some(true) {
                    return Err(Error::TreeMoved { upstream, old, new });
                }
                progress.note(&format!("{new}: moved from {old}"));
            }
            done => return done,
        }
    }
}

fn wanted(args: &SyncArgs) -> Wanted {
    let (upstream, selection) = (&args.upstream, &args.selection);
    Wanted {
        presets: args.presets.clone(),
        repos: upstream.repos.clone(),
        release: upstream.releases.clone(),
        arches: upstream.arches.clone(),
        source: upstream.source,
        debuginfo: upstream.debuginfo,
        repo_files: upstream.repo_files.clone(),
        vars_dirs: upstream.vars_dirs.clone(),
        urls: upstream.urls.clone(),
        path: upstream.path.clone(),
        include: selection.include.clone(),
        exclude: selection.exclude.clone(),
        newest_only: selection.newest_only,
        treeinfo: selection.treeinfo,
        group: args.publication.group.clone(),
        repo_gpgcheck: args.trust.repo_gpgcheck,
        keys: args.trust.keys.clone(),
    }
}

/// The settings: option, configuration, default.
fn options(args: &SyncArgs, config: &Config, upstreams: &[Upstream]) -> Result<Options, Failure> {
    let retention = super::retention(config);
    Ok(Options {
        fetch: super::fetch_options(&args.transfer, config, upstreams)?,
        allow: Allow { older: args.publication.allow_older, shrink: args.publication.allow_shrink },
        lock: args.publication.lock.lock_wait.or(config.lock_wait).unwrap_or_default(),
        retention: Retention { prune: !args.publication.no_prune && retention.prune, ..retention },
    })
}

fn job(upstream: Upstream) -> Job {
    let source = RpmSource::new(upstream.location)
        .select(upstream.selection)
        .trust(upstream.trust)
        .with_treeinfo(upstream.treeinfo);
    Job::new(source, upstream.tree).in_group(&upstream.group)
}

/// Prints what came of it.
fn tell(args: &SyncArgs, report: &Report, begun: Instant) -> Result<(), Failure> {
    let dry_run = args.publication.dry_run;
    let text = if args.output.json {
        let complete = report.is_complete();
        output::json_line(&Last::Report { dry_run, complete, report })
    } else if args.output.quiet {
        for problem in output::problems(report) {
            console::tell(Tag::Error, problem);
        }
        String::new()
    } else {
        output::summary(report, begun.elapsed(), dry_run)
    };
    console::print(&text).map_err(Failure::Output)?;
    for hint in output::hints(report) {
        console::tell(Tag::Hint, hint);
    }
    let is_first =
        |tree: &TreeReport| tree.outcome == Outcome::Published && tree.generation == Some(1);
    if console::is_watched() && !args.output.quiet && report.trees.iter().all(is_first) {
        let root = report.root.display();
        console::tell(Tag::Hint, format_args!("serve it with `mirror serve --root {root}`"));
    }
    Ok(())
}

/// The exit code of a run that came to its end.
fn exit(report: &Report) -> Exit {
    if report.is_complete() {
        Exit::Done
    } else if report.trees.iter().all(|tree| tree.outcome == Outcome::Failed) {
        Exit::Failed
    } else {
        Exit::Incomplete
    }
}
