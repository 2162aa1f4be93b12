//! Packages that are asked for by name: from the user's words to what repositories share.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use mirror_core::Error;
use mirror_core::format::rpm::installed::{self, Installed};
use mirror_core::resolve::rpm::{Extent, PackageSet, Weak};
use mirror_core::source::rpm::{Answer, Closure, RpmSource};

use super::package_lists;
use crate::config::{ConfigError, Packages, Upstream};
use crate::diagnostics::Failure;

/// What is asked for, each with the repositories that it is asked of.
#[derive(Debug, Default)]
pub(super) struct Closures(Vec<(Arc<Vec<Packages>>, Arc<Closure>)>);

impl Closures {
    /// What is asked of the upstreams, with the files that it names.
    pub(super) fn read(upstreams: &[Upstream]) -> Result<Self, Failure> {
        let mut closures: Vec<(Arc<Vec<Packages>>, Arc<Closure>)> = Vec::new();
        for asked in upstreams.iter().filter_map(|upstream| upstream.asked.as_ref()) {
            if !closures.iter().any(|(known, _)| Arc::ptr_eq(known, asked)) {
                let sets = asked.iter().map(set).collect::<Result<_, _>>()?;
                let closure = Closure::new(sets);
                closures.push((Arc::clone(asked), Arc::new(closure)));
            }
        }
        Ok(Self(closures))
    }

    /// The source, which takes what is asked for of the upstream, where anything is.
    pub(super) fn join(
        &self,
        source: RpmSource,
        asked: Option<&Arc<Vec<Packages>>>,
        arches: &[String],
    ) -> RpmSource {
        let mut closures = self.0.iter();
        match asked.and_then(|asked| closures.find(|(known, _)| Arc::ptr_eq(known, asked))) {
            Some((_, closure)) => source.chosen_with(closure, arches),
            None => source,
        }
    }

    /// What came of it.
    pub(super) fn answers(&self) -> Vec<Answer> {
        self.0.iter().flat_map(|(_, closure)| closure.answers()).collect()
    }
}

fn set(asked: &Packages) -> Result<PackageSet, Failure> {
    let Packages { name, names, lists, closed, weak, streams, installed } = asked;
    let mut packages = names.clone();
    packages.extend(package_lists::read(lists)?);
    // What several lists have is asked for once.
    let mut known = HashSet::new();
    packages.retain(|name| known.insert(name.clone()));
    let installed = installed.as_deref().map(read_installed).transpose()?;
    Ok(PackageSet {
        name: name.clone(),
        packages,
        extent: if *closed { Extent::Closed } else { Extent::Named },
        weak: if *weak == Some(false) { Weak::No } else { Weak::Yes },
        streams: streams.clone(),
        installed: installed.unwrap_or_default(),
    })
}

fn read_installed(path: &Path) -> Result<Vec<Installed>, Failure> {
    let file = File::open(path);
    let file = file.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let read = installed::read(BufReader::new(file));
    read.map_err(|error| Error::metadata(&path.display().to_string(), error).into())
}
