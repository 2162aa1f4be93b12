//! `mirror completions`.

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs};
use crate::console;
use crate::diagnostics::{Exit, Failure};

/// Prints a shell's completion script.
pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mirror", &mut script);
    console::print(&String::from_utf8_lossy(&script)).map_err(Failure::Output)?;
    Ok(Exit::Done)
}
