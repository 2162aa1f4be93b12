//! The arguments of `mirror repos`.

use clap::Args;

use super::shared::ConfigArgs;

/// `mirror repos`.
#[derive(Debug, Args)]
pub(crate) struct ReposArgs {
    /// The preset whose repositories are listed
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print the list as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
