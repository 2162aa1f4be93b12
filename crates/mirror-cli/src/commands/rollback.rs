//! `mirror rollback`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use mirror_core::path::TreePath;
use mirror_core::store::View;
use mirror_core::{Error, Mirror, Mode, Options, Rollback, Target};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{named_trees, open};
use crate::cli::RollbackArgs;
use crate::config::Config;
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::progress::Progress;
use crate::{human, output, signals};

/// Files that are named where content is missing.
const NAMED: usize = 20;

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Last<'a> {
    Report {
        dry_run: bool,
        #[serde(flatten)]
        rollback: &'a Rollback,
    },
    Released {
        trees: Vec<String>,
    },
}

/// What came of the command.
enum Ran {
    Back(Rollback),
    Released(Vec<TreePath>),
}

/// Publishes an earlier generation, or lets syncs go on.
pub(super) fn run(args: &RollbackArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, rollback(args))
}

fn rollback(args: &RollbackArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    let trees = named_trees(&View::glance(&root), &[])?;
    let runtime = super::runtime()?;
    let names = trees.iter().map(|tree| (tree.as_str(), tree.as_str()));
    let progress = Arc::new(Progress::start(&args.output, names));
    let cancel = signals::watch({
        let progress = Arc::clone(&progress);
        move || progress.note("stopping; a second Ctrl-C stops at once")
    })?;
    let ran = runtime.block_on(work(args, &config, &root, &progress, &cancel));
    drop(runtime);
    progress.finish();
    match ran? {
        Ran::Back(back) => tell(args, &back),
        Ran::Released(trees) => tell_released(args, &trees),
    }
}

async fn work(
    args: &RollbackArgs,
    config: &Config,
    root: &Path,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
) -> Result<Ran, Error> {
    let lock = args.lock.lock_wait.or(config.lock_wait).unwrap_or_default();
    let options = Options { lock, retention: super::retention(config), ..Options::default() };
    let opened = cancel.run_until_cancelled(open(root, options, |line| progress.note(line))).await;
    let mirror: Mirror = opened.unwrap_or(Err(Error::Cancelled))?;
    if args.release {
        return Ok(Ran::Released(mirror.release(args.name.as_deref())?));
    }
    let target = Target { name: args.name.clone(), to: args.to };
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Apply };
    // Once it has begun to publish it goes to its end, in any case.
    Ok(Ran::Back(mirror.rollback(&target, mode, &**progress).await?))
}

fn tell(args: &RollbackArgs, back: &Rollback) -> Result<Exit, Failure> {
    let text = if args.output.json {
        output::json_line(&Last::Report { dry_run: args.dry_run, rollback: back })
    } else if args.output.quiet {
        String::new()
    } else {
        summary(args, back)
    };
    console::print(&text).map_err(Failure::Output)?;
    if !back.is_possible() {
        let missing: usize = back.trees.iter().map(|tree| tree.missing.len()).sum();
        console::tell(
            Tag::Error,
            format_args!(
                "{}: content of {} is gone; nothing was changed",
                back.group,
                human::files(missing as u64)
            ),
        );
        console::tell(Tag::Hint, "`mirror verify --repair` fetches what upstream still has");
        return Ok(Exit::Failed);
    }
    if back.done && !args.output.quiet {
        console::tell(
            Tag::Hint,
            format_args!("`mirror rollback --release {}` lets syncs go on", back.group),
        );
    }
    Ok(Exit::Done)
}

fn summary(args: &RollbackArgs, back: &Rollback) -> String {
    let width = back.trees.iter().map(|tree| tree.tree.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for tree in &back.trees {
        let word = match (tree.missing.is_empty(), back.done) {
            (false, _) => "incomplete",
            (true, true) => "held",
            (true, false) => "possible",
        };
        let from =
            if tree.from == tree.to { "as it is".to_owned() } else { format!("was {}", tree.from) };
        let _ = writeln!(
            text,
            "{:width$}  {word:10}  generation {} of {}, {from}, {}",
            tree.tree,
            tree.to,
            human::date(&tree.published),
            human::files(tree.files)
        );
        for path in tree.missing.iter().take(NAMED) {
            let _ = writeln!(text, "  missing: {path}");
        }
        if tree.missing.len() > NAMED {
            let _ = writeln!(text, "  and {} more", tree.missing.len() - NAMED);
        }
    }
    if args.dry_run {
        text.push_str("dry run: nothing was published\n");
    }
    text
}

fn tell_released(args: &RollbackArgs, trees: &[TreePath]) -> Result<Exit, Failure> {
    let names: Vec<_> = trees.iter().map(TreePath::to_string).collect();
    let text = if args.output.json {
        output::json_line(&Last::Released { trees: names })
    } else if args.output.quiet {
        String::new()
    } else if names.is_empty() {
        "nothing is held\n".to_owned()
    } else {
        names.iter().fold(String::new(), |text, name| text + name + "  released\n")
    };
    console::print(&text).map_err(Failure::Output)?;
    Ok(Exit::Done)
}
