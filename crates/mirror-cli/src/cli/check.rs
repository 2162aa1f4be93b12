//! The arguments of `mirror check`.

use clap::Args;
use mirror_core::path::TreePath;

use super::shared::{OutputArgs, Place};

pub(super) const ABOUT: &str = "\
Prove that mirrored Python packages can be installed from the mirror alone

For each target of each set the requirements are resolved again, over nothing but what the tree holds, \
with what it takes to build source distributions. Names what is missing, and pages that say something \
else than what is there. `mirror pypi` does the same before it publishes; this is for later, and for a \
copy of the tree elsewhere: nothing but the tree is read. Contents are not hashed: `mirror verify` does \
that. Ends with 3 where something is found.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror check                                      # every tree of Python packages
  mirror check pypi --root /srv/mirror
  mirror check pypi --root /media/copy              # a copy, without the state of its mirror";

/// `mirror check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The trees to prove, such as pypi [default: all that hold Python packages]
    #[arg(value_name = "TREE")]
    pub(crate) trees: Vec<TreePath>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
