//! Arguments that several commands have.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueHint};
use mirror_core::fetch;
use mirror_core::store::LockWait;

use super::values::{limit_rate, lock_wait, timeout};
use crate::config::MOST_RETRIES;

/// Where the mirrors are, and the configuration.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The folder that holds the mirrors [default: ./mirror]
    #[arg(long, value_name = "DIR", env = "MIRROR_ROOT", hide_env_values = true)]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// The configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file [default: ./mirror.toml, else /etc/mirror/mirror.toml]
    #[arg(long, value_name = "FILE", env = "MIRROR_CONFIG", hide_env_values = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// How files are transferred.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct TransferArgs {
    /// Files at once [default: 24]
    #[arg(short, long = "jobs", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=fetch::Options::MAX_CONNECTIONS as i64))]
    pub(crate) jobs: Option<u16>,
    /// The most bytes a second of all files together, such as 500K or 2M
    #[arg(long, value_name = "RATE", value_parser = limit_rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// Try so often again what fails and may pass [default: 5]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_RETRIES)))]
    pub(crate) retries: Option<u32>,
    /// Give up a connection or transfer of which nothing comes for SECS seconds [default: 20 until
    /// it is connected, 60 until it answers, 30 from then on]
    #[arg(long, value_name = "SECS", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,
    /// Trust only the certificate authorities of these PEM files, or of folders of them
    #[arg(long = "ca-file", value_name = "FILE", action = ArgAction::Append)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) ca_files: Vec<PathBuf>,
}

/// What to do while another process works on the root.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Wait while another process works on the root, at most SECS seconds [without =SECS: forever]
    #[arg(long, value_name = "SECS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "forever", value_parser = lock_wait)]
    pub(crate) lock_wait: Option<LockWait>,
}

/// How the root is treated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Publication")]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub(crate) struct PublicationArgs {
    /// Show what would be fetched and changed, and publish nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    /// Move a tree that is published at another path to its new one
    #[arg(long = "move", conflicts_with = "dry_run")]
    pub(crate) move_trees: bool,
    /// Keep content that no kept generation names
    #[arg(long)]
    pub(crate) no_prune: bool,
    /// Publish a state that drops more than half of the published packages
    #[arg(long)]
    pub(crate) allow_shrink: bool,
}

/// What is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print events and the final report as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) quiet: bool,
}
