//! The commands: each turns its arguments into calls of the library, and their results into output.

mod calendar;
mod check;
mod closures;
mod completions;
mod diff;
mod index;
mod init;
mod keygen;
mod lists;
mod man;
mod package_lists;
mod prune;
mod pypi;
mod python_clients;
mod python_sets;
mod repos;
mod rollback;
mod run;
mod serve;
mod signing;
mod status;
mod sync;
mod verify;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use mirror_core::path::TreePath;
use mirror_core::store::{LockWait, Retention, View};
use mirror_core::{Error, Mirror, Options, fetch};
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Command, ConfigArgs, DEFAULT_ROOT, OutputArgs, Place, TransferArgs};
use crate::config::{Config, ConfigError, Upstream, Wanted};
use crate::diagnostics::{Exit, Failure};
use crate::output::{self, Last};
use crate::{console, environment};

/// Where the configuration is looked for, in this order.
const CONFIG_FILES: [&str; 2] = ["mirror.toml", "/etc/mirror/mirror.toml"];

/// Runs a command to its end, and tells what went wrong.
pub(crate) fn run(command: Command) -> Exit {
    let ran = match command {
        Command::Sync(args) => sync::run(&args),
        Command::Pypi(args) => pypi::run(&args),
        Command::Repos(args) => repos::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Rollback(args) => rollback::run(&args),
        Command::Prune(args) => prune::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Index(args) => index::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    ran.unwrap_or_else(|failure| {
        failure.report();
        failure.exit()
    })
}

/// The configuration: the file that was named, else the first of the usual ones, else an empty one.
fn load_config(args: &ConfigArgs) -> Result<Config, ConfigError> {
    let usual = || CONFIG_FILES.map(PathBuf::from).into_iter().find(|path| path.exists());
    match args.config.clone().or_else(usual) {
        Some(path) => Config::load(&path),
        None => Ok(Config::default()),
    }
}

/// Tells what is odd about the configuration.
fn warn(config: &Config, output: &OutputArgs) {
    if !output.quiet {
        for warning in &config.warnings {
            console::tell(console::Tag::Warning, warning);
        }
    }
}

/// The root: option, environment (which the option reads), configuration, default.
fn root(place: &Place, config: &Config) -> PathBuf {
    let root = place.root.as_deref().or(config.root.as_deref());
    root.unwrap_or(Path::new(DEFAULT_ROOT)).to_owned()
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)
}

/// Tells a failure as the last line of JSON too.
fn telling_json(json: bool, ran: Result<Exit, Failure>) -> Result<Exit, Failure> {
    if let Err(failure) = &ran
        && json
    {
        console::print(&output::json_line(&Last::error(failure))).map_err(Failure::Output)?;
    }
    ran
}

/// The trees of the root, of which those that are named have to be some.
fn named_trees(view: &View, named: &[TreePath]) -> Result<Vec<TreePath>, Failure> {
    some_of(view.trees()?, view, named)
}

/// The same with those of which no run published anything yet.
fn noted_trees(view: &View, named: &[TreePath]) -> Result<Vec<TreePath>, Failure> {
    let mut trees = view.trees()?;
    trees.extend(view.last_runs().into_keys().filter_map(|name| name.parse().ok()));
    trees.sort();
    trees.dedup();
    some_of(trees, view, named)
}

fn some_of(
    trees: Vec<TreePath>,
    view: &View,
    named: &[TreePath],
) -> Result<Vec<TreePath>, Failure> {
    if trees.is_empty() {
        return Err(nothing_at(view.root()));
    }
    match named.iter().find(|tree| !trees.contains(tree)) {
        None => Ok(trees),
        Some(tree) => {
            let known = trees.iter().map(TreePath::to_string).collect();
            Err(Failure::NoSuchTree { name: tree.to_string(), known })
        }
    }
}

/// Why a root holds no tree.
fn nothing_at(root: &Path) -> Failure {
    let at = root.to_owned();
    if has_state(root) {
        Failure::NothingPublished(at)
    } else if serve::repositories(root).is_empty() {
        Failure::NoTrees(at)
    } else {
        Failure::NoState(at)
    }
}

/// Whether a sync was ever begun below the root.
fn has_state(root: &Path) -> bool {
    root.join(".mirror").is_dir()
}

/// How long the past is kept: configuration, default.
fn retention(config: &Config) -> Retention {
    let usual = Retention::default();
    Retention {
        generations: config.keep_generations.map_or(usual.generations, NonZeroUsize::get),
        grace: config.grace.unwrap_or(usual.grace),
        prune: config.prune.unwrap_or(usual.prune),
    }
}

/// How files are transferred: option, configuration, default. What `.repo` files say comes with
/// their upstreams.
fn fetch_options(
    args: &TransferArgs,
    config: &Config,
    upstreams: &[Upstream],
) -> Result<fetch::Options, Failure> {
    let options = fetch::Options::default();
    let jobs = args.jobs.map(usize::from);
    let retries = args.retries.or(config.retries);
    let timeout = args.timeout.or(config.timeout);
    // Among those of the same scope the first counts.
    let of_repo_files = upstreams.iter().flat_map(|upstream| &upstream.access);
    let mut access: Vec<_> = of_repo_files.chain(&config.hosts).cloned().collect();
    access.extend(environment::netrc()?);
    Ok(fetch::Options {
        connections: jobs.or(config.connections).unwrap_or(options.connections),
        connect_timeout: timeout.unwrap_or(options.connect_timeout),
        first_byte_timeout: timeout.unwrap_or(options.first_byte_timeout),
        speed_window: timeout.unwrap_or(options.speed_window),
        attempts: retries.map_or(options.attempts, |retries| retries + 1),
        limit_rate: args.limit_rate.or(config.limit_rate),
        access,
        trust: environment::trust(&args.ca_files),
        proxies: environment::proxies()?,
        ..options
    })
}

/// What the configuration lists, as far as it can be told: a repair asks for it as a sync does.
fn listed(config: &Config) -> Vec<Upstream> {
    let all = config.upstreams(&Wanted::default(), environment::host_arch());
    all.unwrap_or_default()
}

/// Opens the root for writing, and says so where that has to wait.
async fn open(root: &Path, options: Options, note: impl FnOnce(&str)) -> Result<Mirror, Error> {
    let lock = options.lock;
    let at_once = Options { lock: LockWait::No, ..options.clone() };
    match Mirror::open(root, at_once).await {
        Err(error @ Error::Locked { .. }) if lock != LockWait::No => {
            note(&format!("{error}; waiting"));
            Mirror::open(root, options).await
        }
        opened => opened,
    }
}
