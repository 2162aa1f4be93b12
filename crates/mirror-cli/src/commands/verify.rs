//! `mirror verify`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirror_core::store::{Check, Finding, LockWait, Problem, Repaired, View};
use mirror_core::{Error, Mirror, Options};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{named_trees, open};
use crate::cli::VerifyArgs;
use crate::config::Config;
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure, damaged_hint};
use crate::progress::Progress;
use crate::{human, output, signals};

/// What its progress calls the content that no tree holds.
const STATE: &str = ".mirror";

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "report")]
struct Last<'a> {
    clean: bool,
    #[serde(flatten)]
    check: &'a Check,
}

/// Reads every byte, and tells what is not as it should be.
pub(super) fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, verify(args))
}

fn verify(args: &VerifyArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    let trees = named_trees(&View::glance(&root), &args.trees)?;
    let begun = Instant::now();
    let runtime = super::runtime()?;
    let shown = if args.trees.is_empty() { &trees } else { &args.trees };
    let names = shown.iter().map(|tree| (tree.as_str(), tree.as_str())).chain([(STATE, STATE)]);
    let progress = Arc::new(Progress::start(&args.output, names));
    let cancel = signals::watch({
        let progress = Arc::clone(&progress);
        move || progress.note("stopping; a second Ctrl-C stops at once")
    })?;
    let ran = runtime.block_on(check(args, &config, &root, &progress, &cancel));
    drop(runtime);
    progress.finish();
    let mut check = ran?;
    if args.allow_foreign {
        check.allow_foreign();
    }
    tell(args, &check, begun.elapsed())?;
    Ok(if check.is_clean() { Exit::Done } else { Exit::Incomplete })
}

async fn check(
    args: &VerifyArgs,
    config: &Config,
    root: &Path,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
) -> Result<Check, Failure> {
    let lock = args.lock.lock_wait.or(config.lock_wait).unwrap_or_default();
    let reporter = Arc::clone(progress);
    if !args.repair {
        let read =
            |lock| mirror_core::verify(root, &args.trees, lock, Arc::clone(&reporter) as _, cancel);
        return match read(LockWait::No).await {
            Err(error @ Error::Locked { .. }) if lock != LockWait::No => {
                progress.note(&format!("{error}; waiting"));
                Ok(read(lock).await?)
            }
            done => Ok(done?),
        };
    }
    let options = Options {
        fetch: super::fetch_options(&args.transfer, config, &super::listed(config))?,
        lock,
        ..Options::default()
    };
    let opened = cancel.run_until_cancelled(open(root, options, |line| progress.note(line))).await;
    let mirror: Mirror = opened.unwrap_or(Err(Error::Cancelled))?;
    Ok(mirror.repair(&args.trees, reporter, cancel).await?)
}

/// Prints what was found.
fn tell(args: &VerifyArgs, check: &Check, took: Duration) -> Result<(), Failure> {
    let text = if args.output.json {
        output::json_line(&Last { clean: check.is_clean(), check })
    } else if args.output.quiet {
        for (tree, finding) in findings(check).filter(|(_, finding)| finding.is_open()) {
            console::tell(Tag::Error, format_args!("{tree}: {}", line(finding, 0)));
        }
        String::new()
    } else {
        summary(check, took)
    };
    console::print(&text).map_err(Failure::Output)?;
    for hint in hints(args, check) {
        console::tell(Tag::Hint, hint);
    }
    Ok(())
}

fn findings(check: &Check) -> impl Iterator<Item = (&str, &Finding)> {
    let trees = check.trees.iter();
    let trees = trees.flat_map(|tree| tree.findings.iter().map(|f| (tree.tree.as_str(), f)));
    trees.chain(check.state.iter().map(|finding| (STATE, finding)))
}

/// A line for each tree, with its findings below it, and one for the whole.
fn summary(check: &Check, took: Duration) -> String {
    let names = check.trees.iter().map(|tree| tree.tree.chars().count());
    let width = names.chain([STATE.len()]).max().unwrap_or(0);
    let mut text = String::new();
    for tree in &check.trees {
        let size = format!("{}, {}", human::files(tree.files), human::bytes(tree.bytes));
        let at = tree.generation.map_or_else(
            || "what belongs here cannot be known".to_owned(),
            |generation| format!("generation {generation}, {size}"),
        );
        let all_well = if tree.generation.is_some() { "clean" } else { "unknown" };
        section(&mut text, &tree.tree, width, all_well, &at, &tree.findings);
    }
    if !check.state.is_empty() {
        section(&mut text, STATE, width, "clean", "kept content and manifests", &check.state);
    }
    let seconds = took.as_secs_f64();
    let _ = write!(
        text,
        "read {} ({}) in {}",
        human::files(check.files),
        human::bytes(check.bytes),
        human::time(took)
    );
    if seconds >= 1.0 {
        let _ = write!(text, ", {}/s", human::rate(check.bytes, took));
    }
    if check.received > 0 {
        let _ = write!(text, "; fetched {}", human::bytes(check.received));
    }
    text.push('\n');
    text
}

/// A line for a tree, which is `all_well` where nothing is found, and its findings.
fn section(
    text: &mut String,
    name: &str,
    width: usize,
    all_well: &str,
    about: &str,
    findings: &[Finding],
) {
    let open = findings.iter().filter(|finding| finding.is_open()).count();
    let allowed = findings.iter().filter(|finding| finding.allowed).count();
    let word = match (open, findings.len() - allowed) {
        (0, 0) => all_well.to_owned(),
        (0, _) => "repaired".to_owned(),
        (1, _) => "1 finding".to_owned(),
        (open, _) => format!("{open} findings"),
    };
    let _ = writeln!(text, "{name:width$}  {word:11}  {about}");
    for finding in findings {
        let _ = writeln!(text, "  {}", line(finding, 10));
    }
}

/// A finding in a line: what is wrong, in so many columns, the file, what there is to say.
fn line(finding: &Finding, width: usize) -> String {
    let path = if finding.path.is_empty() { "." } else { &finding.path };
    let mut line = format!("{:width$}  {path}", finding.problem.word());
    let about = match &finding.problem {
        Problem::Foreign { files, bytes } => {
            format!("{}, {}", human::files(*files), human::bytes(*bytes))
        }
        problem => problem.to_string(),
    };
    if !about.is_empty() {
        let _ = write!(line, ": {about}");
    }
    match &finding.repaired {
        _ if finding.allowed => line.push_str("; allowed"),
        Some(Repaired::Done) => line.push_str("; repaired"),
        Some(Repaired::Not(reason)) => {
            let _ = write!(line, "; not repaired: {reason}");
        }
        None => {}
    }
    line
}

/// What to do about it.
fn hints(args: &VerifyArgs, check: &Check) -> Vec<&'static str> {
    let open = |wanted: fn(&Problem) -> bool| {
        check.findings().any(|finding| finding.is_open() && wanted(&finding.problem))
    };
    let mut hints = Vec::new();
    if !args.repair && open(|problem| !is_for_others(problem)) {
        hints.push("`mirror verify --repair` puts this right, and fetches only what differs");
    }
    if args.repair && open(|problem| matches!(problem, Problem::Mode { .. })) {
        hints.push("only who owns a file may set its permissions: run it as that user");
    }
    if args.repair
        && open(|problem| !is_for_others(problem) && !matches!(problem, Problem::Mode { .. }))
    {
        hints.push(
            "where upstream did not answer, run it again later; in place of what it no longer has, \
             `mirror sync` brings what it has now",
        );
    }
    for finding in check.state.iter().filter(|f| matches!(f.problem, Problem::Damaged { .. })) {
        let hint = damaged_hint(Path::new(&finding.path));
        hints.extend(hint.filter(|hint| !hints.contains(hint)));
    }
    if open(|problem| matches!(problem, Problem::Unfinished)) {
        hints.push("`mirror sync` finishes what was interrupted, and so does `mirror serve`");
    }
    if open(|problem| matches!(problem, Problem::Foreign { .. })) {
        hints.push(
            "what is foreign was never published by mirror, and never goes by itself: move it \
             elsewhere, remove it, or say --allow-foreign where it may stay",
        );
    }
    if open(|problem| matches!(problem, Problem::Outward { .. })) {
        hints.push("mirror never made the links that lead out of the root: remove them");
    }
    hints
}

/// Whether a repair has nothing to say to it.
fn is_for_others(problem: &Problem) -> bool {
    use Problem::{Damaged, Foreign, Outward, Unfinished};
    matches!(problem, Foreign { .. } | Outward { .. } | Damaged { .. } | Unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_wrong_with_what() {
        let (expected, found) = ("0644".to_owned(), "0600".to_owned());
        let finding = Finding::new("a/b.rpm", Problem::Mode { expected, found });
        assert_eq!(line(&finding, 10), "mode        a/b.rpm: found 0600, expected 0644");
        let mut finding = Finding::new("", Problem::Missing);
        finding.repaired = Some(Repaired::Not("gone".into()));
        assert_eq!(line(&finding, 0), "missing  .; not repaired: gone");
    }
}
