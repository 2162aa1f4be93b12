//! The arguments of `mirror diff`.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use mirror_core::path::{PathError, TreePath};

use super::shared::{LockArgs, OutputArgs, Place, TransferArgs};

pub(super) const ABOUT: &str = "\
Show what changed: packages, and advisories with their CVEs

Of one tree: from the generation before to the one that is published, or from the one that is named with \
@ID. Of two: from the first to the second, which may be two trees. With --upstream: from what is \
published to what a sync would bring now; metadata is fetched, and nothing is published.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror diff rocky/10/baseos                    what the last change brought
  mirror diff rocky/10/baseos@5                  what came since generation 5
  mirror diff rocky/10/baseos@5 rocky/10/baseos@7
  mirror diff rocky/10/baseos staging/baseos     two trees as they are published
  mirror diff rocky/10/baseos --upstream         what the next sync would bring
  mirror diff rocky/10/baseos --format markdown  for the ticket of the change
  mirror diff rocky/10/baseos --json | jq '.advisories[] | select(.type == \"security\").cves[]'";

/// `mirror diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The tree, and which of its generations [default: the only tree]
    #[arg(value_name = "TREE[@ID]")]
    pub(crate) old: Option<PointArg>,
    /// What it is held against [default: its published generation]
    #[arg(value_name = "TREE[@ID]", conflicts_with = "upstream")]
    pub(crate) new: Option<PointArg>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Hold it against its upstream as it is now
    #[arg(long)]
    pub(crate) upstream: bool,
    /// How it is shown
    #[arg(long, value_name = "FORMAT", default_value = "table", conflicts_with = "json")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How a comparison is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns.
    Table,
    /// Tables in Markdown.
    Markdown,
}

/// `TREE` or `TREE@ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PointArg {
    /// The tree, as it is written.
    pub(crate) whole: TreePath,
    /// The tree and the generation, where there is an `@` and a number behind it.
    pub(crate) parts: Option<(TreePath, u64)>,
}

impl FromStr for PointArg {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        // A shell that completes a folder's name adds a slash.
        let whole = TreePath::new(text.trim_end_matches('/'))?;
        let parts = text.rsplit_once('@').and_then(|(tree, id)| {
            let tree = TreePath::new(tree.trim_end_matches('/')).ok()?;
            Some((tree, id.parse().ok()?))
        });
        Ok(Self { whole, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_behind_an_at_sign_is_a_generation() {
        let parts = |text: &str| {
            let parts = text.parse::<PointArg>().unwrap().parts;
            parts.map(|(tree, id)| (tree.to_string(), id))
        };
        assert_eq!(parts("a/b@5"), Some(("a/b".to_owned(), 5)));
        assert_eq!(parts("a/b/@5"), Some(("a/b".to_owned(), 5)));
        assert_eq!(parts("a@b/c"), None);
        assert_eq!(parts("a@b"), None);
    }
}
