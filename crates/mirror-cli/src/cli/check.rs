//! The arguments of `mirror check`.

use clap::Args;
use mirror_core::path::TreePath;

use super::shared::{OutputArgs, Place};

pub(super) const ABOUT: &str = "\
Prove that what is mirrored can be installed from the mirror alone

Of RPM repositories: every package, or those that are named, is solved for an empty host by rpm's rules \
over nothing but the trees, and each listed package has to be there with its size, each that is there \
has to be listed. Trees that are used together are proved together: those that are named, or those of \
each publish group. Packages that bring the same file with different content, and say nothing of it, are \
named: where what is asked for needs both, it cannot be installed; else it is upstream's fault. What is \
named is solved each by itself and all of it together, and is found fault with where not the newest build \
that is meant can be had, for dnf refuses that (best=True).

Of Python packages: for each target of each set the requirements are resolved again, over nothing but \
what the tree holds, with what it takes to build source distributions. Names what is missing, and pages \
that say something else than what is there. `mirror pypi` does the same before it publishes.

This is for later, and for a copy of the tree elsewhere: nothing but the trees is read. Contents are not \
hashed: `mirror verify` does that. Ends with 3 where something is found.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror check                                      # every tree
  mirror check rocky/9/baseos rocky/9/appstream     # both together
  mirror check rocky/9/baseos --packages kubeadm containerd
  mirror check pypi --root /media/copy              # a copy, without the state of its mirror";

/// `mirror check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The trees to prove, such as pypi [default: all]
    #[arg(value_name = "TREE")]
    pub(crate) trees: Vec<TreePath>,
    /// Of RPM repositories prove these only: names as dnf takes them, with * and ?, what packages
    /// provide, or paths
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) packages: Vec<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
