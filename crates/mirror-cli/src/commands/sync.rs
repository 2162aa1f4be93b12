//! `mirror sync`.

use std::path::Path;

use mirror_core::report::{Outcome, TreeReport};

use super::lists;
use super::python_sets;
use super::run::{self, Done, Terms, Work};
use crate::cli::SyncArgs;
use crate::config::{Packages, Wanted};
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::environment;
use crate::package_lists::PackageList;

/// Makes mirrors what their upstreams are.
pub(super) fn run(args: &SyncArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, sync(args))
}

fn sync(args: &SyncArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    lists::check(args, &config)?;
    let wanted = wanted(args);
    let mut upstreams = config.upstreams(&wanted, environment::host_arch())?;
    if let Some(key) = &args.sign.sign_key {
        for upstream in &mut upstreams {
            upstream.sign_key = Some(key.clone());
        }
    }
    let is_all = !wanted.names_something() && wanted.sets.is_empty();
    let sets = if is_all { python_sets::configured(&config) } else { Vec::new() };
    super::warn(&config, &args.output);
    let terms = Terms {
        config: &config,
        root: &root,
        transfer: &args.transfer,
        publication: &args.publication,
        output: &args.output,
        allow_older: args.groups.allow_older,
        passphrase_file: args.sign.passphrase.passphrase_file.as_deref(),
    };
    let done = run::run(Work { upstreams, sets, removed: None }, &terms)?;
    done.tell(&terms)?;
    offer_to_serve(args, &done);
    Ok(done.exit())
}

/// Says what comes next, to a person, at the first time.
fn offer_to_serve(args: &SyncArgs, done: &Done) {
    let is_first =
        |tree: &TreeReport| tree.outcome == Outcome::Published && tree.generation == Some(1);
    if console::is_watched() && !args.output.quiet && done.report.trees.iter().all(is_first) {
        let root = done.report.root.display();
        console::tell(Tag::Hint, format_args!("serve it with `mirror serve --root {root}`"));
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
        security: selection.security,
        advisories: selection.advisories.clone(),
        cves: selection.cves.clone(),
        sets: selection.sets.clone(),
        packages: Packages {
            name: String::new(),
            names: selection.packages.clone(),
            lists: selection
                .package_lists
                .iter()
                .map(|list| PackageList::new(list, Path::new("")))
                .collect(),
            closed: selection.closed,
            weak: selection.weak,
            streams: selection.streams.clone(),
            installed: selection.installed.clone(),
        },
        treeinfo: selection.treeinfo,
        allow_missing: args.groups.allow_missing,
        group: args.groups.group.clone(),
        repo_gpgcheck: args.trust.repo_gpgcheck,
        gpgcheck: args.trust.gpgcheck,
        keys: args.trust.keys.clone(),
        sign_key: None,
    }
}
