//! `mirror check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mirror_core::manifest::StoredManifest;
use mirror_core::path::TreePath;
use mirror_core::source::pypi::{self, Checked, CheckedSet};
use mirror_core::source::rpm::{self, Overlap};
use mirror_core::store::View;
use serde::Serialize;

use crate::cli::CheckArgs;
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::{output, signals};

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "report")]
struct Last {
    good: bool,
    trees: Vec<Tree>,
    repositories: Vec<rpm::Checked>,
}

#[derive(Serialize)]
struct Tree {
    tree: String,
    #[serde(flatten)]
    checked: Checked,
}

/// Proves that what trees hold or are asked for can be installed from them.
pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, check(args))
}

fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    let view = View::glance(&root);
    // A copy has no state beside it: what is named is looked for where it should be, and else by
    // looking.
    let trees = if args.trees.is_empty() {
        match super::named_trees(&view, &[]) {
            Err(Failure::NoState(_)) => super::serve::repositories(&root),
            found => found?,
        }
    } else {
        args.trees.clone()
    };
    let (mut checked, mut together) = (Vec::new(), BTreeMap::<String, Vec<&TreePath>>::new());
    for tree in &trees {
        if rpm::is_repository(&tree.under(&root)) {
            let group = if args.trees.is_empty() { group(&view, tree) } else { String::new() };
            together.entry(group).or_default().push(tree);
            continue;
        }
        match pypi::check(&tree.under(&root))? {
            Some(found) => checked.push(Tree { tree: tree.to_string(), checked: found }),
            None if args.trees.is_empty() => {}
            None => return Err(Failure::NothingToCheck { tree: tree.to_string(), root }),
        }
    }
    let cancel = signals::watch(|| {
        console::note(format_args!("stopping; a second Ctrl-C stops at once"));
    })?;
    let mut repositories = Vec::new();
    for group in together.values() {
        let folders: Vec<_> = group.iter().map(|tree| (tree.as_str(), tree.under(&root))).collect();
        let folders: Vec<_> = folders.iter().map(|(name, path)| (*name, path.as_path())).collect();
        let kept = Kept::of(&view, group);
        let is_kept = |tree: &str, path: &str| kept.has(tree, path);
        let stop = || cancel.is_cancelled();
        repositories.push(rpm::check(&folders, &args.packages, &is_kept, &stop)?);
    }
    if checked.is_empty() && repositories.is_empty() {
        let tree = trees.iter().map(TreePath::to_string).collect::<Vec<_>>().join(", ");
        return Err(Failure::NothingToCheck { tree, root });
    }
    let is_proved = repositories.iter().all(rpm::Checked::is_good);
    let is_whole = checked.iter().all(|tree| tree.checked.is_good());
    let good = is_proved && is_whole;
    let text = if args.output.json {
        output::json_line(&Last { good, trees: checked, repositories })
    } else if args.output.quiet {
        let of_repositories = repositories.iter().flat_map(of_repository);
        for line in checked.iter().flat_map(findings).chain(of_repositories) {
            console::tell(Tag::Error, line);
        }
        String::new()
    } else {
        let of_repositories = repositories.iter().map(repository);
        checked.iter().map(summary).chain(of_repositories).collect()
    };
    console::print(&text).map_err(Failure::Output)?;
    if good {
        return Ok(Exit::Done);
    }
    if !is_whole {
        console::tell(
            Tag::Hint,
            "`mirror pypi` with the same requirements brings what is missing; `mirror verify \
             --repair` puts damaged files right",
        );
    }
    if !is_proved {
        console::tell(
            Tag::Hint,
            "name trees that are used together at once (`mirror check rocky/9/baseos \
             rocky/9/appstream`); `mirror sync` brings files that are missing",
        );
    }
    Ok(Exit::Incomplete)
}

/// The files of earlier generations, which are served for a while after another took their place.
struct Kept(BTreeMap<String, Vec<StoredManifest>>);

impl Kept {
    fn of(view: &View, trees: &[&TreePath]) -> Self {
        let of_tree = |tree: &TreePath| {
            let ids = view.generations(tree).unwrap_or_default().into_iter();
            // Of one that cannot be read nothing is known to be kept.
            ids.filter_map(|id| Some(view.generation(tree, id).ok()?.manifest)).collect()
        };
        Self(trees.iter().map(|tree| (tree.to_string(), of_tree(tree))).collect())
    }

    fn has(&self, tree: &str, path: &str) -> bool {
        let manifests = self.0.get(tree).into_iter().flatten();
        manifests.into_iter().any(|manifest| manifest.get(path).is_some())
    }
}

/// The trees that are used together with one: those of its publish group, and of a copy those that
/// lie beside it.
fn group(view: &View, tree: &TreePath) -> String {
    let current = view.current(tree).ok().flatten();
    let heading = current.and_then(|current| view.heading(tree, current.id).ok());
    let beside = || tree.as_str().rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
    heading.map_or_else(beside, |heading| heading.group)
}

/// What is wrong with repositories, in lines.
fn of_repository(checked: &rpm::Checked) -> Vec<String> {
    let faults = checked.faults.iter().map(|fault| format!("{}: {}", fault.path, fault.reason));
    let duplicates = checked.duplicates.iter().map(|duplicate| {
        let trees = duplicate.trees.join(", ");
        format!("{}: more than one content ({trees})", duplicate.package)
    });
    let unproved = checked.unproved.iter().map(|unproved| {
        let why = unproved.why.join("; ");
        format!("{} on {}: {why}", unproved.package, unproved.arch)
    });
    faults.chain(duplicates).chain(unproved).collect()
}

/// Repositories that are used together, and what is wrong with them.
fn repository(checked: &rpm::Checked) -> String {
    let mut text = String::new();
    let (trees, packages) = (checked.trees.join(", "), counted(checked.packages, "package"));
    let _ = writeln!(text, "{trees}  {packages}");
    let arches = checked.arches.join(", ");
    let _ = match checked.unproved.len() {
        0 if checked.packages == 0 => writeln!(text, "  nothing to install"),
        0 => writeln!(text, "  installable on {arches}"),
        failed => writeln!(text, "  not installable on {arches}: {failed}"),
    };
    for line in of_repository(checked) {
        let _ = writeln!(text, "  {line}");
    }
    for overlap in &checked.overlaps {
        let Overlap { packages: [one, other], path, files } = overlap;
        let more = if *files > 1 { format!(" and {} more", files - 1) } else { String::new() };
        let _ = writeln!(text, "  not at once: {one} and {other}, which both bring {path}{more}");
    }
    text
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
