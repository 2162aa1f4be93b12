//! `mirror`: builds and serves the mirrors an isolated site lives on.

fn main() {}
