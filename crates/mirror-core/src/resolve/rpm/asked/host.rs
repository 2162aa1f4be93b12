//! What a host has already.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::rpm::dependencies::Kind;
use crate::format::rpm::installed::Installed;
use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::rich::{Relation, Rich};
use crate::resolve::rpm::pool::{Hidden, PackageId, Pool, TooLarge};

/// The repository of packages that no repository has.
const REPOSITORY: &str = "installed";

/// What makes several versions of a package go together.
const INSTALL_ONLY: &str = "installonlypkg(kernel)";

/// Finds the packages of a host in the pool. Those that no repository has are added: of them nothing is
/// known but what they are.
pub(super) fn installed(
    pool: &mut Pool,
    packages: &[Installed],
) -> Result<Vec<PackageId>, TooLarge> {
    let packages: BTreeSet<&Installed> = packages.iter().collect();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for package in &packages {
        *counts.entry((&package.name, &package.arch)).or_default() += 1;
    }
    let mut found = Vec::with_capacity(packages.len());
    let mut repository = None;
    for package in &packages {
        if let Some(id) = find(pool, package) {
            found.push(id);
            continue;
        }
        let number = *repository.get_or_insert_with(|| {
            let known = pool.ids().find(|id| pool.hidden(*id) == Some(Hidden::Installed));
            let known = known.map(|id| pool.repository(id));
            known.unwrap_or_else(|| pool.add_repository(REPOSITORY))
        });
        let named = pool.named(&package.name);
        // Who prints no epoch has most likely the one that repositories give to that name.
        let epoch = || named.iter().map(|id| pool.nevra(*id).evr.epoch).max();
        let epoch = package.epoch.or_else(epoch).unwrap_or(0);
        let is_several = counts.get(&(package.name.as_str(), package.arch.as_str())) > Some(&1)
            || named.iter().any(|id| pool.is_install_only(*id));
        let nevra = Nevra {
            name: package.name.clone(),
            evr: Evr { epoch, version: package.version.clone(), release: package.release.clone() },
            arch: package.arch.clone(),
        };
        let plain = Rich::Plain(Relation { name: INSTALL_ONLY.to_owned(), versions: None });
        let relations = is_several.then_some((Kind::Provides, plain));
        let id = pool.add_made(number, &nevra, relations.as_slice())?;
        pool.hide(id, Hidden::Installed);
        found.push(id);
    }
    if repository.is_some() {
        pool.finish();
    }
    Ok(found)
}

/// The package that is installed: of several repositories that have it, from one where it can be had.
fn find(pool: &Pool, package: &Installed) -> Option<PackageId> {
    let is_it = |id: &PackageId| {
        let Nevra { evr, arch, .. } = pool.nevra(*id);
        let epoch = package.epoch.unwrap_or(evr.epoch);
        let (version, release) = (package.version.clone(), package.release.clone());
        arch == package.arch && evr == Evr { epoch, version, release }
    };
    let same = pool.named(&package.name).iter().copied().filter(is_it);
    same.min_by_key(|id| pool.hidden(*id).is_some())
}
