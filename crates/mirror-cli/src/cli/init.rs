//! The arguments of `mirror init`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

pub(super) const ABOUT: &str = "\
Write a configuration to start from, and a systemd timer

The configuration is full of examples, all of them comments. With --timer, also mirror-sync.service and \
mirror-sync.timer, which sync what the configuration lists; a configuration that is there is then kept, \
with --force too. No other file is overwritten without --force, and nothing is enabled: it says how.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror init --root /srv/mirror
  mirror init --timer --config /etc/mirror/mirror.toml --root /srv/mirror
  mirror init --timer --user --on-calendar 'Mon..Fri 02:00'";

/// `mirror init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The configuration file to write [default: ./mirror.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The folder that is to hold the mirrors [default: `mirror` beside the configuration]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// Write a systemd service and timer as well
    #[arg(long)]
    pub(crate) timer: bool,
    /// Units of this user, not of the system
    #[arg(long, requires = "timer")]
    pub(crate) user: bool,
    /// Where the units go [default: /etc/systemd/system; with --user ~/.config/systemd/user]
    #[arg(long, value_name = "DIR", requires = "timer", value_hint = ValueHint::DirPath)]
    pub(crate) unit_dir: Option<PathBuf>,
    /// When to sync, as in systemd.time(7); `systemd-analyze calendar WHEN` shows what that is
    #[arg(long, value_name = "WHEN", default_value = "daily", requires = "timer")]
    pub(crate) on_calendar: String,
    /// Overwrite files that are there
    #[arg(long)]
    pub(crate) force: bool,
}
