//! `mirror`: builds and serves the mirrors an isolated site lives on.

mod cli;
mod commands;
mod config;
mod console;
mod diagnostics;
mod environment;
mod human;
mod output;
mod progress;
mod signals;
mod suggest;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::run(cli::Cli::parse().command).into()
}
