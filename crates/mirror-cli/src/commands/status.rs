//! `mirror status`.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use mirror_core::store::{LastRun, Space, Status, TreeStatus, View};

use super::noted_trees;
use crate::cli::StatusArgs;
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure, damaged_hint};
use crate::{human, output};

/// Shows what there is.
pub(super) fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    super::telling_json(args.json, status(args))
}

fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    let view = View::glance(&root);
    let mut status = view.status()?;
    if status.trees.is_empty() || !args.trees.is_empty() {
        noted_trees(&view, &args.trees)?;
    }
    if !args.trees.is_empty() {
        status.trees.retain(|tree| args.trees.iter().any(|named| named.as_str() == tree.tree));
    }
    let now = Timestamp::now();
    let text = match args.json {
        true => output::json_line(&status),
        false if args.trees.is_empty() => table(&status, now),
        false => status.trees.iter().map(|tree| details(tree, now)).collect(),
    };
    console::print(&text).map_err(Failure::Output)?;
    if args.json {
        return Ok(Exit::Done);
    }
    if let Some(reason) = &status.damaged {
        console::tell(Tag::Warning, reason);
        if let Some(hint) = damaged_hint(Path::new("journal")) {
            console::tell(Tag::Hint, hint);
        }
    } else if status.unfinished {
        console::tell(Tag::Warning, "a publication was interrupted, and the next sync finishes it");
    }
    Ok(Exit::Done)
}

/// A line for each tree, and one for the state.
fn table(status: &Status, now: Timestamp) -> String {
    let mut rows =
        vec![["TREE", "GENERATION", "AGE", "FILES", "SIZE", "LAST RUN"].map(str::to_owned)];
    for tree in &status.trees {
        let generation = match (tree.generation, tree.held) {
            (Some(id), true) => format!("{id} held"),
            (Some(id), false) => id.to_string(),
            (None, _) if tree.damaged.is_some() => "unknown".to_owned(),
            (None, _) => "none".to_owned(),
        };
        let age = tree.published.as_deref().map(|time| human::age(time, now));
        rows.push([
            tree.tree.clone(),
            generation,
            age.unwrap_or_else(|| "-".to_owned()),
            human::count(tree.files).to_string(),
            human::bytes(tree.bytes).to_string(),
            tree.last_run.as_ref().map_or_else(|| "-".to_owned(), |run| last_run(run, now)),
        ]);
    }
    let mut text = lines(&rows);
    for tree in &status.trees {
        if let Some(reason) = problem(tree) {
            let _ = writeln!(text, "{}: {reason}", tree.tree);
        }
    }
    text + &space(&status.space)
}

/// Columns as wide as they need to be; numbers to the right.
fn lines(rows: &[[String; 6]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = match column {
                0 | 1 => write!(text, "{cell:width$}  "),
                _ => write!(text, "{cell:>width$}  "),
            };
        }
        let _ = writeln!(text, "{}", row[5]);
    }
    text
}

fn last_run(run: &LastRun, now: Timestamp) -> String {
    format!("{}, {} ago", run.outcome.replace('-', " "), human::age(&run.time, now))
}

/// What is wrong with a tree.
fn problem(tree: &TreeStatus) -> Option<String> {
    let of_run = tree.last_run.as_ref().filter(|run| !run.reason.is_empty());
    tree.damaged.clone().or_else(|| of_run.map(|run| run.reason.clone()))
}

fn space(space: &Space) -> String {
    let only = space.blob_bytes.saturating_sub(space.shared_bytes);
    let mut text =
        format!("content kept: {}, {}", human::files(space.blobs), human::bytes(space.blob_bytes));
    if only > 0 {
        let _ = write!(text, ", {} of it in no tree", human::bytes(only));
    }
    if space.parts > 0 {
        let _ = write!(text, "; unfinished downloads: {}", human::bytes(space.part_bytes));
    }
    text + "\n"
}

/// All there is to say of a tree.
fn details(tree: &TreeStatus, now: Timestamp) -> String {
    let mut text = format!("{}\n", tree.tree);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:11} {value}");
    };
    line("upstream", &tree.upstream);
    line("group", &tree.group);
    match tree.generation {
        Some(id) => {
            let held = if tree.held { ", held" } else { "" };
            let size = format!("{}, {}", human::files(tree.files), human::bytes(tree.bytes));
            line("generation", &format!("{id}{held}: {size}"));
        }
        None if tree.damaged.is_some() => line("generation", "unknown"),
        None => line("generation", "none"),
    }
    if let Some(signature) = &tree.signature {
        line("signature", &signature.to_string());
    }
    if let Some(run) = &tree.last_run {
        line("last run", &last_run(run, now));
    }
    if let Some(problem) = problem(tree) {
        line("reason", &problem);
    }
    for (number, kept) in tree.kept.iter().enumerate() {
        let mark = if Some(kept.id) == tree.generation { "  <- published" } else { "" };
        let name = if number == 0 { "kept" } else { "" };
        let (time, age) = (human::date(&kept.published), human::age(&kept.published, now));
        let files = human::files(kept.files);
        line(name, &format!("{:>3}  {time}  {age:>4} ago  {files}{mark}", kept.id));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror_core::signature::Verdict;
    use mirror_core::store::KeptGeneration;

    fn tree() -> TreeStatus {
        let kept = |id, time: &str| KeptGeneration { id, published: time.into(), files: 1203 };
        TreeStatus {
            tree: "rocky/10/baseos".into(),
            group: "rocky/10".into(),
            upstream: "rpm https://h.example/baseos".into(),
            generation: Some(6),
            published: Some("2026-11-21T07:53:00Z".into()),
            held: true,
            files: 1203,
            bytes: 2 << 30,
            signature: Some(Verdict::Unsigned),
            kept: vec![kept(6, "2026-11-20T07:53:00Z"), kept(7, "2026-11-21T05:00:00.25Z")],
            last_run: Some(LastRun {
                tree: "rocky/10/baseos".into(),
                group: "rocky/10".into(),
                time: "2026-11-22T06:53:00Z".into(),
                outcome: "held-back".into(),
                generation: Some(6),
                reason: "http://h/: 503".into(),
            }),
            damaged: None,
        }
    }

    fn now() -> Timestamp {
        "2026-11-22T07:53:00Z".parse().unwrap()
    }

    #[test]
    fn a_tree_is_a_line() {
        let space =
            Space { blobs: 2, blob_bytes: 3 << 20, shared_bytes: 2 << 20, ..Space::default() };
        let status = Status {
            root: "/srv".into(),
            trees: vec![tree()],
            space,
            unfinished: false,
            damaged: None,
        };
        assert_eq!(
            table(&status, now()),
            "\
TREE             GENERATION  AGE  FILES      SIZE  LAST RUN
rocky/10/baseos  6 held       1d  1,203  2.00 GiB  held back, 1h ago
rocky/10/baseos: http://h/: 503
content kept: 2 files, 3.00 MiB, 1.00 MiB of it in no tree
"
        );
    }

    #[test]
    fn details_name_the_generations() {
        assert_eq!(
            details(&tree(), now()),
            "\
rocky/10/baseos
  upstream    rpm https://h.example/baseos
  group       rocky/10
  generation  6, held: 1,203 files, 2.00 GiB
  signature   unsigned
  last run    held back, 1h ago
  reason      http://h/: 503
  kept          6  2026-11-20 07:53 UTC    2d ago  1,203 files  <- published
                7  2026-11-21 05:00 UTC    1d ago  1,203 files
"
        );
    }
}
