//! The arguments of `mirror verify`.

use clap::Args;
use mirror_core::path::TreePath;

use super::shared::{LockArgs, OutputArgs, Place, TransferArgs};

pub(super) const ABOUT: &str = "\
Read every byte of the mirrors and hold it against what was published

Finds files that are missing, changed or foreign, links and folders where files should be, wrong \
permissions, and damaged state; trusts no time, size or note of an earlier run. Writes nothing, needs \
no network, and works on a root that is mounted read-only. A sync waits for it, or says who is there. \
Ends with 3 where something is found; with --allow-foreign, where something else is found than files \
that mirror never put there.

--repair puts right what was found: permissions, then content, from where it is whole elsewhere in the \
root, else from upstream, of which only what differs is fetched. What is damaged stays where it is \
until what replaces it is there. Foreign files are left alone unless they are in the way.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror verify --root /srv/mirror
  mirror verify rocky/10/baseos --repair
  mirror verify --allow-foreign --quiet             # for a timer";

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
    /// Tell of files that mirror never put there, and end with 0 all the same
    #[arg(long)]
    pub(crate) allow_foreign: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
