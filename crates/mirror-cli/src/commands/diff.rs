//! `mirror diff`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use mirror_core::compare::{Came, Change, Comparison, Kind};
use mirror_core::path::TreePath;
use mirror_core::source::Source as _;
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::store::View;
use mirror_core::{Diff, Error, Job, Options, Point, State, diff, last_change};
use serde::Serialize;

use super::closures::Closures;
use super::signing::SigningKeys;
use super::{named_trees, open, run::repository};
use crate::cli::{DiffArgs, Format, PointArg};
use crate::config::Config;
use crate::console;
use crate::diagnostics::{Exit, Failure};
use crate::progress::Progress;
use crate::{human, output, signals};

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "report")]
struct Last<'a> {
    #[serde(flatten)]
    diff: &'a Diff,
}

/// Shows what changed.
pub(super) fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, compare(args))
}

fn compare(args: &DiffArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    let view = View::glance(&root);
    let trees = named_trees(&view, &[])?;
    let old = match &args.old {
        Some(named) => point(named, &trees)?,
        None => only(&trees)?,
    };
    let new = args.new.as_ref().map(|named| point(named, &trees)).transpose()?;
    let found = match new {
        _ if args.upstream => upstream(args, &config, &root, &old)?,
        Some(new) => diff(&view, &old, &new)?,
        None if old.generation.is_none() => last_change(&view, &old.tree)?,
        None => diff(&view, &old, &Point { generation: None, ..old.clone() })?,
    };
    let text = if args.output.json {
        output::json_line(&Last { diff: &found })
    } else if args.output.quiet {
        String::new()
    } else {
        match args.format {
            Format::Table => table(&found),
            Format::Markdown => markdown(&found),
        }
    };
    console::print(&text).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

/// The tree that is meant: a tree's name may have an `@` too.
fn point(named: &PointArg, trees: &[TreePath]) -> Result<Point, Failure> {
    let whole = Point { tree: named.whole.clone(), generation: None };
    let parts = named.parts.clone();
    let parts = parts.map(|(tree, id)| Point { tree, generation: Some(id) });
    let is_there = |point: &&Point| trees.contains(&point.tree);
    if let Some(point) = Some(&whole).into_iter().chain(&parts).find(is_there) {
        return Ok(point.clone());
    }
    let name = parts.map_or(whole.tree, |parts| parts.tree).to_string();
    Err(Failure::NoSuchTree { name, known: trees.iter().map(TreePath::to_string).collect() })
}

fn only(trees: &[TreePath]) -> Result<Point, Failure> {
    match trees {
        [tree] => Ok(Point { tree: tree.clone(), generation: None }),
        _ => Err(Failure::WhichTree { known: trees.iter().map(TreePath::to_string).collect() }),
    }
}

/// What the upstream has that the tree has not.
fn upstream(args: &DiffArgs, config: &Config, root: &Path, old: &Point) -> Result<Diff, Failure> {
    let upstreams = super::listed(config);
    let options = Options {
        fetch: super::fetch_options(&args.transfer, config, &upstreams)?,
        lock: args.lock.lock_wait.or(config.lock_wait).unwrap_or_default(),
        retention: super::retention(config),
        ..Options::default()
    };
    let configured = upstreams.into_iter().find(|upstream| upstream.tree == old.tree);
    let job = match configured {
        Some(upstream) if upstream.asked.is_some() => {
            return Err(Failure::ChosenTogether { tree: old.tree.to_string() });
        }
        Some(upstream) => repository(upstream, &SigningKeys::default(), &Closures::default()),
        None => unconfigured(&View::glance(root), &old.tree)?,
    };
    let runtime = super::runtime()?;
    let names = [(old.tree.as_str(), job.group.as_str())];
    let progress = Arc::new(Progress::start(&args.output, names));
    let cancel = signals::watch({
        let progress = Arc::clone(&progress);
        move || progress.note("stopping; a second Ctrl-C stops at once")
    })?;
    let work = async {
        let mirror = open(root, options, |line| progress.note(line)).await?;
        mirror.diff_upstream(old, &job, &*progress).await
    };
    let ran = runtime.block_on(cancel.run_until_cancelled(work));
    drop(runtime);
    progress.finish();
    Ok(ran.unwrap_or(Err(Error::Cancelled))?)
}

/// The upstream of a tree that the configuration does not have: from where it was mirrored, where all
/// of it was.
fn unconfigured(view: &View, tree: &TreePath) -> Result<Job, Failure> {
    let unknown = || Failure::NoUpstream { tree: tree.to_string() };
    let manifest = view.published(tree)?.ok_or_else(unknown)?.manifest;
    let entry = manifest.get("repodata/repomd.xml").ok_or_else(unknown)?;
    let bases = entry.remote.as_ref().map(|remote| remote.bases().to_vec()).unwrap_or_default();
    let source = |treeinfo| RpmSource::new(Location::Bases(bases.clone())).with_treeinfo(treeinfo);
    let source = [false, true].map(source).into_iter();
    let mut source = source.filter(|source| source.fingerprint() == manifest.fingerprint);
    match source.next() {
        Some(source) if !bases.is_empty() => Ok(Job::new(source, tree.clone())),
        _ => Err(unknown()),
    }
}

/// Which state it is.
fn named(state: &State) -> String {
    match (state.generation, &state.published) {
        (Some(id), Some(published)) => format!("generation {id} of {}", human::date(published)),
        (Some(id), None) => format!("generation {id}"),
        (None, _) => "upstream now".to_owned(),
    }
}

/// The line that says what is compared.
fn title(diff: &Diff) -> String {
    let Diff { old, new, .. } = diff;
    if old.tree == new.tree {
        return format!("{}: {} → {}", old.tree, named(old), named(new));
    }
    format!("{}: {} → {}: {}", old.tree, named(old), new.tree, named(new))
}

/// How many of each there are, in words.
fn counts(comparison: &Comparison) -> String {
    let Comparison { packages, advisories } = comparison;
    let kinds =
        [Kind::Updated, Kind::Downgraded, Kind::Added, Kind::Removed, Kind::Replaced].into_iter();
    let mut parts: Vec<String> = kinds
        .filter_map(|kind| {
            let number = packages.iter().filter(|change| change.kind == kind).count() as u64;
            (number > 0).then(|| format!("{} {}", human::count(number), kind.name()))
        })
        .collect();
    if !advisories.is_empty() {
        let number = advisories.len() as u64;
        let plural = if number == 1 { "y" } else { "ies" };
        parts.push(format!("{} advisor{plural}", human::count(number)));
    }
    if parts.is_empty() { "the same packages and advisories".to_owned() } else { parts.join(", ") }
}

/// What upstream says, on one line of a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn package(change: &Change) -> String {
    let arch = change.arch.as_ref().map(|arch| format!(".{arch}")).unwrap_or_default();
    plain(&format!("{}{arch}", change.name))
}

fn versions(change: &Change) -> [String; 2] {
    [&change.old, &change.new].map(|version| version.as_deref().map(plain).unwrap_or_default())
}

fn id(came: &Came) -> String {
    let id = if came.id.is_empty() { "(no id)" } else { &came.id };
    let changed = if came.changed { " (changed)" } else { "" };
    format!("{}{changed}", plain(id))
}

fn table(diff: &Diff) -> String {
    let mut text = format!("{}\n{}\n", title(diff), counts(&diff.comparison));
    let Comparison { packages, advisories } = &diff.comparison;
    let rows: Vec<_> = packages
        .iter()
        .map(|change| {
            let [old, new] = versions(change);
            let versions = match (old.is_empty(), new.is_empty()) {
                (false, false) if old != new => format!("{old} → {new}"),
                (true, _) => new,
                _ => old,
            };
            let files: Vec<_> = change.files.iter().map(|file| plain(file)).collect();
            [change.kind.name().to_owned(), package(change), versions, files.join(" ")]
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(text, "\n{}", human::table(&rows));
    }
    let rows: Vec<_> = advisories
        .iter()
        .map(|came| {
            let [kind, severity, title] =
                [&came.kind, &came.severity, &came.title].map(|t| plain(t));
            [id(came), kind, severity, plain(&came.cves.join(" ")), title]
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(text, "\n{}", human::table(&rows));
    }
    text
}

fn markdown(diff: &Diff) -> String {
    let mut text = format!("## {}\n\n{}\n", cell(&title(diff)), counts(&diff.comparison));
    let Comparison { packages, advisories } = &diff.comparison;
    if !packages.is_empty() {
        text.push_str("\n| package | change | old | new |\n|---|---|---|---|\n");
    }
    for change in packages {
        let [old, new] = versions(change).map(|version| cell(&version));
        let mut name = cell(&package(change));
        for file in &change.files {
            let _ = write!(name, "<br>{}", cell(file));
        }
        let _ = writeln!(text, "| {name} | {} | {old} | {new} |", change.kind.name());
    }
    if !advisories.is_empty() {
        text.push_str("\n| advisory | type | severity | CVEs | title |\n|---|---|---|---|---|\n");
    }
    for came in advisories {
        let Came { kind, severity, cves, title, .. } = came;
        let cells = [&id(came), kind, severity, &cves.join(" "), title].map(|text| cell(text));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// A text that ends no cell and begins no markup.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in plain(text).trim().chars() {
        match c {
            '<' => cell.push_str("&lt;"),
            '&' => cell.push_str("&amp;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' => {
                cell.push('\\');
                cell.push(c);
            }
            c => cell.push(c),
        }
    }
    cell
}
