//! Mirrors one repository: `cargo run --example embed -- URL ROOT`.

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::{CancellationToken, Job, Mirror, Mode, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [url, root] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "URL ROOT")?;
    let mirror = Mirror::open(root.as_ref(), Options::default()).await?;
    let source = RpmSource::new(Location::Bases(vec![url.parse()?]));
    let jobs = [Job::new(source, "demo".parse()?)];
    let cancel = CancellationToken::new();
    let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await?;
    for tree in &report.trees {
        println!("{}: {:?}, {} files fetched", tree.tree, tree.outcome, tree.fetch_files);
    }
    Ok(())
}
