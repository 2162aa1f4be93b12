//! Mirrors Python packages for some targets, and says what was chosen:
//! `cargo run --example pypi -- ROOT INDEX TARGET[,TARGET…] REQUIREMENT…`, where a target is a
//! distribution such as `el9`, or `3.11@manylinux_2_28_x86_64`

use std::path::Path;
use std::sync::Arc;

use mirror_core::format::pypi::input::{Location, Place};
use mirror_core::format::pypi::requirements::Reading;
use mirror_core::resolve::pypi::Distribution;
use mirror_core::resolve::pypi::Target;
use mirror_core::source::pypi::{Indexes, PypiSource, Selection, Set, Wants};
use mirror_core::{CancellationToken, Job, Mirror, Mode, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("ROOT INDEX TARGETS REQUIREMENT…");
    let (root, index, targets) = (next()?, next()?, next()?);
    let mut reading = Reading::new(&|_| None);
    let here = Place::file(&Arc::new(Location::Path("arguments".into())));
    while let Ok(requirement) = next() {
        reading.add_requirement(&requirement, &here)?;
    }
    let mut wants = Wants::default();
    wants.add(reading.finish())?;
    let mut set = Set {
        name: "example".parse()?,
        wants,
        targets: Vec::new(),
        indexes: Indexes { indexes: vec![index.parse()?], ..Indexes::default() },
        selection: Selection::default(),
    };
    for target in targets.split(',') {
        match target.split_once('@') {
            Some((python, platform)) => {
                set.targets.push(Target::new(python.parse()?, platform.parse()?));
            }
            None => set.targets.extend(Distribution::targets(target, &[])?),
        }
    }
    let source = Arc::new(PypiSource::new(vec![set]));
    let job = Job { source: source.clone(), tree: "pypi".parse()?, group: "pypi".to_owned() };
    let mirror = Mirror::open(Path::new(&root), Options::default()).await?;
    let mode = if std::env::var_os("DRY_RUN").is_some() { Mode::DryRun } else { Mode::Apply };
    let report = mirror.sync(&[job], mode, Arc::new(()), &CancellationToken::new()).await?;
    for answer in source.answers() {
        println!("{} for {}", answer.set, answer.target);
        for line in &answer.unsolved {
            println!("  cannot be had: {line}");
        }
        for chosen in &answer.chosen {
            let files: Vec<_> = chosen.files.iter().map(|file| &*file.filename).collect();
            println!("  {} {}: {}", chosen.name, chosen.version, files.join(" "));
        }
    }
    println!("{} requests, {:?}", report.requests, report.trees);
    Ok(())
}
