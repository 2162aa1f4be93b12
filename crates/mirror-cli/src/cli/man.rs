//! The arguments of `mirror man`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `mirror man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write a page for each command to [default: all pages to standard output]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}
