//! The arguments of `mirror repos`.

use clap::Args;

use super::shared::ConfigArgs;

/// `mirror repos`.
#[derive(Debug, Args)]
pub(crate) struct ReposArgs {
    /// The preset whose repositories are listed, or with --lists the list that is printed
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// List the lists of packages that --package-list knows by name
    #[arg(long)]
    pub(crate) lists: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print the list as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
