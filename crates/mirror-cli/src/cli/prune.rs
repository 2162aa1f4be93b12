//! The arguments of `mirror prune`.

use clap::Args;
use mirror_core::path::TreePath;

use super::shared::{LockArgs, Place};

pub(super) const ABOUT: &str = "\
Drop what no kept generation names, and trees that are named

Says first what that is and how much room it makes, and asks on a terminal; elsewhere it needs --yes. \
Syncs do most of it by themselves: this is for a lower keep_generations, for `--no-prune`, for what \
interrupted runs left, and for trees that are mirrored no longer. A tree is dropped only if --tree \
names it, whatever the configuration lists.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror prune --dry-run
  mirror prune --yes
  mirror prune --tree rocky/8/baseos";

/// `mirror prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Drop these trees too, with their generations and all that only they hold
    #[arg(long = "tree", value_name = "TREE", num_args = 1.., value_delimiter = ',')]
    pub(crate) trees: Vec<TreePath>,
    /// Do not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Show what would be dropped, and drop nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    /// Print what is dropped as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
