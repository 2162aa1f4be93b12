//! The commands: each turns its arguments into calls of the library, and their results into output.

mod completions;
mod lists;
mod man;
mod repos;
mod serve;
mod sync;

use std::path::{Path, PathBuf};

use tokio::runtime::{Builder, Runtime};

use crate::cli::{Command, ConfigArgs, DEFAULT_ROOT, Place};
use crate::config::{Config, ConfigError};
use crate::diagnostics::{Exit, Failure};

/// Where the configuration is looked for, in this order.
const CONFIG_FILES: [&str; 2] = ["mirror.toml", "/etc/mirror/mirror.toml"];

/// Runs a command to its end, and tells what went wrong.
pub(crate) fn run(command: Command) -> Exit {
    let ran = match command {
        Command::Sync(args) => sync::run(&args),
        Command::Repos(args) => repos::run(&args),
        Command::Serve(args) => serve::run(&args),
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

/// The root: option, environment (which the option reads), configuration, default.
fn root(place: &Place, config: &Config) -> PathBuf {
    let root = place.root.as_deref().or(config.root.as_deref());
    root.unwrap_or(Path::new(DEFAULT_ROOT)).to_owned()
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)
}
