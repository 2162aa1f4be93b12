//! `mirror man`.

use std::fs;
use std::io;

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::cli::{Cli, ManArgs};
use crate::console;
use crate::diagnostics::{Exit, Failure};

/// Writes a page for each command to a folder, or all of them to standard output.
pub(super) fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let pages = pages().map_err(Failure::Output)?;
    let Some(dir) = &args.dir else {
        for (_, page) in pages {
            console::print(&page).map_err(Failure::Output)?;
        }
        return Ok(Exit::Done);
    };
    let cannot = |path: &std::path::Path| {
        let path = path.to_owned();
        move |source| Failure::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(cannot(dir))?;
    for (name, page) in pages {
        let path = dir.join(name);
        fs::write(&path, page).map_err(cannot(&path))?;
    }
    Ok(Exit::Done)
}

/// The names and texts of the pages: `mirror.1` and one for each command.
fn pages() -> io::Result<Vec<(String, String)>> {
    let mut main = Cli::command().disable_help_subcommand(true);
    main.build();
    let mut pages = vec![page(main.clone(), "mirror")?];
    for command in main.get_subcommands() {
        let name = format!("mirror-{}", command.get_name());
        pages.push(page(command.clone(), &name)?);
    }
    Ok(pages)
}

fn page(command: clap::Command, name: &str) -> io::Result<(String, String)> {
    let file = format!("{name}.1");
    let source = concat!("mirror ", env!("CARGO_PKG_VERSION"));
    let mut text = Vec::new();
    Man::new(command.version(env!("CARGO_PKG_VERSION")))
        .title(name.to_uppercase())
        .source(source)
        .manual("User Commands")
        .render(&mut text)?;
    Ok((file, String::from_utf8_lossy(&text).into_owned()))
}
