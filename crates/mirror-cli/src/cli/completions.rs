//! The arguments of `mirror completions`.

use clap::Args;
use clap_complete::Shell;

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror completions bash > /etc/bash_completion.d/mirror
  mirror completions zsh > /usr/share/zsh/site-functions/_mirror
  mirror completions fish > ~/.config/fish/completions/mirror.fish";

/// `mirror completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
