//! The arguments of `mirror rollback`.

use clap::Args;

use super::shared::{LockArgs, OutputArgs, Place};

pub(super) const ABOUT: &str = "\
Publish an earlier generation again, and hold it

All trees of the group go back together, to a state that they were published in; without --to, to the \
one before. Needs no network. From then on `mirror sync` says that the group is held, changes nothing in \
it and ends with 0, until `mirror rollback --release`. Where content of that generation is gone, it is \
named, and nothing is changed.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror status rocky/10/baseos                  which generations are kept
  mirror rollback rocky/10                       the group, to its state before the last change
  mirror rollback rocky/10/baseos --to 7         and the rest of its group to what was beside it
  mirror rollback --release rocky/10";

/// `mirror rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The group, or one of its trees [default: the only group]
    #[arg(value_name = "TREE|GROUP")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The generation of that tree [default: the one before the published one]
    #[arg(long, value_name = "ID", conflicts_with = "release")]
    pub(crate) to: Option<u64>,
    /// Release the group from its hold: syncs go on, and what is published stays until one finds
    /// something newer
    #[arg(long)]
    pub(crate) release: bool,
    /// Show what would be published, and publish nothing
    #[arg(long, conflicts_with = "release")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
