//! `mirror`: builds and serves the mirrors an isolated site lives on.

mod answers;
mod chosen;
mod cli;
mod commands;
mod config;
mod console;
mod diagnostics;
mod environment;
mod human;
mod output;
mod package_lists;
mod progress;
mod signals;
mod suggest;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if let Some(apart) = cli::value_apart(&std::env::args_os().collect::<Vec<_>>()) {
        let failure = diagnostics::Failure::ValueApart(apart);
        failure.report();
        return failure.exit().into();
    }
    commands::run(cli::Cli::parse().command).into()
}
