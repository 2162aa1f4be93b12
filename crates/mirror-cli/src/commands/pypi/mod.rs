//! `mirror pypi`.

mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror_core::format::pypi::input::{Location, Place};
use mirror_core::format::pypi::pyproject::Which;
use mirror_core::path::TreePath;
use mirror_core::report::Outcome;
use mirror_core::source::pypi::{ListedSet, SetName, published_sets};

use super::python_sets::{Asked, configured};
use super::run::{self, Done, Terms, Work};
use super::{python_clients, serve};
use crate::cli::PypiArgs;
use crate::config::indexes::Given;
use crate::config::{Config, ConfigError, PypiSettings, PypiWanted};
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::human;
use crate::output::json_line;

/// Mirrors Python packages.
pub(super) fn run(args: &PypiArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, mirror(args))
}

fn mirror(args: &PypiArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    words::check(args)?;
    if args.sets.list_sets {
        return list_sets(args, &config, &root);
    }
    let work = work(args, &config, &root)?;
    let has_sets = !work.sets.is_empty();
    super::warn(&config, &args.output);
    if !args.output.quiet {
        for warning in of_both(&config, &work) {
            console::tell(Tag::Warning, warning);
        }
    }
    let terms = Terms {
        config: &config,
        root: &root,
        transfer: &args.transfer,
        publication: &args.publication,
        output: &args.output,
        allow_older: false,
        passphrase_file: None,
    };
    let done = run::run(work, &terms)?;
    done.tell(&terms)?;
    if has_sets {
        tell_clients(args, &done)?;
    }
    Ok(done.exit())
}

/// What the options name, else what the configuration lists.
fn work(args: &PypiArgs, config: &Config, root: &Path) -> Result<Work, Failure> {
    let removed = &args.sets.remove_sets;
    let wanted = wanted(args, config);
    let mut sets = Vec::new();
    if wanted.names_something() {
        let name = match &args.sets.set {
            Some(name) => name.clone(),
            None => wanted.default_name().parse().map_err(ConfigError::SetName)?,
        };
        sets.push(Asked {
            name,
            wanted,
            options: given(args),
            at: Place::file(&Arc::new(Location::Path("command line".into()))),
            folder: PathBuf::new(),
            section: None,
        });
    } else if let Some(option) = words::first_setting(args, !removed.is_empty()) {
        let applies = "a requirement or a file of requirements";
        return Err(ConfigError::Unused { setting: option, applies }.into());
    } else if let Some(name) = &args.sets.set {
        sets.push(one_of(config, name)?);
    } else if removed.is_empty() {
        sets = configured(config);
        if sets.is_empty() {
            return Err(ConfigError::NoSets.into());
        }
    }
    let removed = if removed.is_empty() {
        None
    } else {
        // What no option and no file says is the usual tree.
        let tree = settings(args).or(&config.pypi).tree()?;
        let known: Vec<_> =
            published_sets(&tree.under(root))?.into_iter().flatten().map(|set| set.name).collect();
        if let Some(name) =
            removed.iter().find(|name| !known.iter().any(|set| set == name.as_str()))
        {
            let (tree, name) = (tree.to_string(), name.to_string());
            return Err(Failure::NoSuchSet { tree, name, known });
        }
        Some((tree, removed.clone()))
    };
    Ok(Work { upstreams: Vec::new(), sets, removed })
}

/// What the options say of sets that the configuration makes too.
fn of_both(config: &Config, work: &Work) -> Vec<String> {
    let made = work.sets.iter().filter(|asked| asked.section.is_none()).map(|asked| &asked.name);
    let made =
        made.map(|name| (name, "makes this set too, and its next run replaces what this one made"));
    let removed = work.removed.iter().flat_map(|(_, names)| names);
    let removed =
        removed.map(|name| (name, "lists this set still, and its next run makes it again"));
    let entry = |name: &SetName| config.pypi_sets.iter().find(|entry| entry.name == *name);
    made.chain(removed)
        .filter_map(|(name, what)| Some(format!("{}: [pypi.{name}] {what}", entry(name)?.at)))
        .collect()
}

fn one_of(config: &Config, name: &SetName) -> Result<Asked, Failure> {
    let entry = config.pypi_sets.iter().find(|entry| entry.name == *name);
    let entry = entry.ok_or_else(|| ConfigError::NoSuchSet {
        name: name.to_string(),
        known: config.pypi_sets.iter().map(|entry| entry.name.to_string()).collect(),
    });
    Ok(Asked::of(entry?))
}

fn wanted(args: &PypiArgs, config: &Config) -> PypiWanted {
    let which = |all: bool, named: &[String]| match (all, named) {
        (true, _) => Which::All,
        (false, []) => Which::None,
        (false, named) => Which::Named(named.to_vec()),
    };
    PypiWanted {
        requirements: args.requirements.clone(),
        files: args.requirement_files.clone(),
        constraints: args.constraints.clone(),
        all_versions: args.all_versions.clone(),
        newest_only: args.selection.newest_only,
        extras: which(args.all_extras, &args.extras),
        groups: which(args.all_groups, &args.groups),
        settings: settings(args).or(&config.pypi),
    }
}

/// What the options say, but for the indexes.
fn settings(args: &PypiArgs) -> PypiSettings {
    let (targets, selection) = (&args.targets, &args.selection);
    PypiSettings {
        python: targets.python.clone(),
        platform: targets.platform.clone(),
        target: targets.target.clone(),
        indexes: Given::default(),
        pre: selection.pre.then_some(true),
        only_binary: selection.only_binary.clone(),
        no_binary: selection.no_binary.clone(),
        prefer_binary: selection.prefer_binary.then_some(true),
        wheels: selection.wheels,
        sdist: selection.sdist,
        allow_unhashed: selection.allow_unhashed.then_some(true),
        tree: args.sets.tree.as_ref().map(ToString::to_string),
    }
}

/// The indexes that the options name.
fn given(args: &PypiArgs) -> Given {
    let indexes = &args.indexes;
    Given {
        index_url: indexes.index_url.clone(),
        extra_index_urls: indexes.extra_index_urls.clone(),
        find_links: indexes.find_links.clone(),
        no_index: indexes.no_index.then_some(true),
        ..Given::default()
    }
}

/// Lists the sets of the tree.
fn list_sets(args: &PypiArgs, config: &Config, root: &Path) -> Result<Exit, Failure> {
    let tree = settings(args).or(&config.pypi).tree()?;
    let Some(sets) = published_sets(&tree.under(root))? else {
        let tree = tree.to_string();
        return Err(Failure::NoPackages { tree, root: root.to_owned() });
    };
    let text = if args.output.json {
        sets.iter().map(json_line).collect()
    } else if sets.is_empty() {
        format!("{tree}: no sets\n")
    } else {
        sets.iter().map(described).collect()
    };
    console::print(&text).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

/// A set, with each target and each requirement on a line.
fn described(set: &ListedSet) -> String {
    let mut text =
        format!("{}  {}, {}\n", set.name, human::files(set.files), human::bytes(set.bytes));
    let targets = set.targets.iter().map(|target| format!("  for {target}\n"));
    let asked = set.requirements.iter().map(|requirement| format!("  {requirement}\n"));
    text.extend(targets.chain(asked));
    if set.requirements.is_empty() {
        text.push_str("  what its lists and locks list\n");
    }
    text
}

/// Says what nodes need to install from what is published.
fn tell_clients(args: &PypiArgs, done: &Done) -> Result<(), Failure> {
    if args.output.json || args.output.quiet || args.publication.dry_run {
        return Ok(());
    }
    let base = args.base_url.as_ref().map_or_else(
        || format!("http://{}", serve::own_host()),
        |url| url.as_str().trim_end_matches('/').to_owned(),
    );
    let is_there = |outcome: Outcome| matches!(outcome, Outcome::Published | Outcome::Unchanged);
    for tree in done.report.trees.iter().filter(|tree| is_there(tree.outcome)) {
        let Ok(path) = TreePath::new(&tree.tree) else { continue };
        let text = python_clients::configuration(&serve::tree_url(&base, &path));
        console::print(&text).map_err(Failure::Output)?;
    }
    if args.base_url.is_none() && console::is_watched() {
        let hint = "`mirror serve` serves it; where another web server does, --base-url names that";
        console::tell(Tag::Hint, hint);
    }
    Ok(())
}
