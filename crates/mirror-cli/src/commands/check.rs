//! `mirror check`.

use std::fmt::Write as _;

use mirror_core::path::TreePath;
use mirror_core::source::pypi::{self, Checked, CheckedSet};
use mirror_core::store::View;
use serde::Serialize;

use crate::cli::CheckArgs;
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::output;

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "report")]
struct Last {
    good: bool,
    trees: Vec<Tree>,
}

#[derive(Serialize)]
struct Tree {
    tree: String,
    #[serde(flatten)]
    checked: Checked,
}

/// Proves that what trees of Python packages are asked for can be installed from them.
pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, check(args))
}

fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    // A copy has no state beside it: what is named is looked for where it should be, and else by
    // looking.
    let trees = if args.trees.is_empty() {
        match super::named_trees(&View::glance(&root), &[]) {
            Err(Failure::NoState(_)) => super::serve::repositories(&root),
            found => found?,
        }
    } else {
        args.trees.clone()
    };
    let mut checked = Vec::new();
    for tree in &trees {
        match pypi::check(&tree.under(&root))? {
            Some(found) => checked.push(Tree { tree: tree.to_string(), checked: found }),
            None if args.trees.is_empty() => {}
            None => return Err(Failure::NoPackages { tree: tree.to_string(), root }),
        }
    }
    if checked.is_empty() {
        let tree = trees.iter().map(TreePath::to_string).collect::<Vec<_>>().join(", ");
        return Err(Failure::NoPackages { tree, root });
    }
    let good = checked.iter().all(|tree| tree.checked.is_good());
    let text = if args.output.json {
        output::json_line(&Last { good, trees: checked })
    } else if args.output.quiet {
        for line in checked.iter().flat_map(|tree| findings(tree).into_iter()) {
            console::tell(Tag::Error, line);
        }
        String::new()
    } else {
        checked.iter().map(summary).collect()
    };
    console::print(&text).map_err(Failure::Output)?;
    if good {
        return Ok(Exit::Done);
    }
    console::tell(
        Tag::Hint,
        "`mirror pypi` with the same requirements brings what is missing; `mirror verify --repair` \
         puts damaged files right",
    );
    Ok(Exit::Incomplete)
}

/// What is wrong with a tree, in lines.
fn findings(tree: &Tree) -> Vec<String> {
    let Tree { tree, checked } = tree;
    let faults =
        checked.faults.iter().map(|fault| format!("{tree}/{}: {}", fault.path, fault.reason));
    let unproved = checked.unproved.iter().map(|unproved| {
        let why = unproved.why.join("; ");
        format!("set {}, {}: {why}", unproved.set, unproved.target)
    });
    faults.chain(unproved).collect()
}

/// A tree, its sets, and what is wrong with them.
fn summary(tree: &Tree) -> String {
    let checked = &tree.checked;
    let mut text = String::new();
    let _ = writeln!(text, "{}  {}", tree.tree, counted(checked.files, "package file"));
    for (set, CheckedSet { targets, listed, missing, resolved }) in &checked.sets {
        let failed = checked.unproved.iter().filter(|unproved| unproved.set == *set).count();
        let targets_said = counted(*targets, "target");
        let _ = match failed {
            0 if *missing > 0 => {
                let missing = counted(*missing, "file");
                writeln!(text, "  {set}: not installable as it is: {missing} missing")
            }
            0 if !resolved => {
                let listed = counted(*listed, "listed version");
                writeln!(text, "  {set}: {listed} for {targets_said}")
            }
            0 => writeln!(text, "  {set}: installable for {targets_said}"),
            _ => writeln!(text, "  {set}: not installable for {failed} of {targets_said}"),
        };
    }
    for line in findings(tree) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
