//! The arguments of `mirror verify`.

use clap::Args;
use mirror_core::path::TreePath;

use super::shared::{LockArgs, OutputArgs, Place, TransferArgs};

pub(super) const ABOUT: &str = "\
Read every byte of the mirrors and hold it against what was published

Finds files that are missing, changed or foreign, links and folders where files should be, wrong \
permissions, and damaged state; trusts no time, size or note of an earlier run. Writes nothing, needs \
no network, and works on a root that is mounted read-only. A sync waits for it, or says who is there. \
Ends with 3 where something is found.

--repair puts right what was found: from content that is whole elsewhere in the root, else from \
upstream, of which only what differs is fetched. Foreign files are left alone unless they are in the \
way.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror verify --root /srv/mirror
  mirror verify rocky/10/baseos --repair";

/// `mirror verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The trees to read, such as rocky/10/baseos [default: all of them, and all kept content]
    #[arg(value_name = "TREE")]
    pub(crate) trees: Vec<TreePath>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Put right what is found
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
