//! `mirror prune`.

use std::fmt::Write as _;

use mirror_core::Options;
use mirror_core::store::{Amount, Pruning, View};
use serde::Serialize;

use super::{has_state, noted_trees, open};
use crate::cli::PruneArgs;
use crate::config::Upstream;
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::{human, output};

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "report")]
struct Last<'a> {
    /// Whether it was dropped.
    done: bool,
    #[serde(flatten)]
    pruning: &'a Pruning,
}

/// Drops what nothing names.
pub(super) fn run(args: &PruneArgs) -> Result<Exit, Failure> {
    super::telling_json(args.json, prune(args))
}

fn prune(args: &PruneArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    // What a first sync left that never published takes room too.
    if !args.trees.is_empty() || !has_state(&root) {
        noted_trees(&View::glance(&root), &args.trees)?;
    }
    let runtime = super::runtime()?;
    let lock = args.lock.lock_wait.or(config.lock_wait).unwrap_or_default();
    let options = Options { lock, retention: super::retention(&config), ..Options::default() };
    let note = |line: &str| console::note(format_args!("{line}"));
    let mirror = runtime.block_on(open(&root, options, note))?;
    let pruning = mirror.pruning(&args.trees)?;
    if !args.json {
        console::print(&plan(&pruning)).map_err(Failure::Output)?;
    }
    if let Some(reason) = &pruning.unknown {
        console::tell(
            Tag::Warning,
            format_args!("{reason}; no content is dropped, since that may name any of it"),
        );
    }
    let mut done = false;
    if !args.dry_run && !pruning.is_empty() && confirmed(args)? {
        for folder in runtime.block_on(mirror.prune(pruning.clone()))? {
            console::tell(
                Tag::Warning,
                format_args!("{folder}: holds files that mirror did not put there; they stay"),
            );
        }
        done = true;
    }
    let text = if args.json {
        output::json_line(&Last { done, pruning: &pruning })
    } else if done {
        format!("dropped; {} freed\n", human::bytes(pruning.freed))
    } else if pruning.is_empty() {
        String::new()
    } else {
        "nothing was dropped\n".to_owned()
    };
    console::print(&text).map_err(Failure::Output)?;
    let is_dropped = |upstream: &Upstream| args.trees.contains(&upstream.tree);
    if done && !args.trees.is_empty() && super::listed(&config).iter().any(is_dropped) {
        console::tell(
            Tag::Hint,
            "take it out of mirror.toml as well, or the next sync fetches it again",
        );
    }
    Ok(Exit::Done)
}

/// Whether it is wanted: said before, or said now.
fn confirmed(args: &PruneArgs) -> Result<bool, Failure> {
    if args.yes {
        return Ok(true);
    }
    if args.json || !console::is_asked() {
        return Err(Failure::Unconfirmed);
    }
    console::ask("drop it? [y/N] ").map_err(Failure::Output)
}

fn plan(pruning: &Pruning) -> String {
    let mut text = String::new();
    let size =
        |amount: &Amount| format!("{}, {}", human::files(amount.files), human::bytes(amount.bytes));
    for (tree, amount) in &pruning.trees {
        let _ = writeln!(text, "tree {tree}: {}, and its generations", size(amount));
    }
    for (tree, ids) in &pruning.generations {
        let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
        let word = if ids.len() == 1 { "generation" } else { "generations" };
        let _ = writeln!(text, "{word} {} of {tree}", ids.join(", "));
    }
    for stage in &pruning.stages {
        let _ = writeln!(text, "what an interrupted publication left: {stage}");
    }
    for (name, amount) in [
        ("content that nothing names", &pruning.blobs),
        ("old unfinished downloads", &pruning.parts),
    ] {
        if amount.files > 0 {
            let _ = writeln!(text, "{name}: {}", size(amount));
        }
    }
    if pruning.is_empty() {
        text.push_str("nothing to drop\n");
    } else {
        let _ = writeln!(text, "this frees {}", human::bytes(pruning.freed));
    }
    if pruning.waiting.files > 0 {
        let _ = writeln!(text, "kept for a sync that is not finished: {}", size(&pruning.waiting));
    }
    text
}
