//! The help of each command, in full.

use crate::support::{Site, assert_snapshot};

#[test]
fn every_command_explains_itself() {
    let site = Site::empty();
    for command in [
        "",
        "sync",
        "pypi",
        "repos",
        "status",
        "diff",
        "rollback",
        "verify",
        "prune",
        "index",
        "serve",
        "init",
        "keygen",
        "completions",
        "man",
    ] {
        let ran = site.run(&format!("{command} --help"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        let name = if command.is_empty() { "mirror" } else { command };
        assert_snapshot(&format!("help-{name}.txt"), &ran.out);
    }
}

#[test]
fn tells_its_version() {
    let ran = Site::empty().run("--version");
    assert_eq!(ran.text(), concat!("mirror ", env!("CARGO_PKG_VERSION"), "\nexit 0\n"));
}
