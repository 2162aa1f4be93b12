//! `mirror`: builds and serves the mirrors an isolated site lives on.

#[cfg_attr(not(test), expect(dead_code, reason = "wired by the commands"))]
mod config;
mod suggest;

fn main() {}
