//! The arguments of `mirror status`.

use clap::Args;
use mirror_core::path::TreePath;

use super::shared::Place;

pub(super) const ABOUT: &str = "\
Show what is published, how old it is, and what came of the last runs

With a TREE, also the generations that are kept, which `mirror rollback` can publish again. Reads no \
content, writes nothing, and works while a sync runs.";

/// `mirror status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The trees to show in full [default: all, a line each]
    #[arg(value_name = "TREE")]
    pub(crate) trees: Vec<TreePath>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print all of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
