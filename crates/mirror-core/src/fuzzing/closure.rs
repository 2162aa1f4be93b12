//! Targets of what packages need.

use std::collections::BTreeSet;

use crate::format::rpm::FormatError;
use crate::format::rpm::dependencies::read_packages;
use crate::format::rpm::rich::Rich;
use crate::resolve::rpm::{Goal, PackageId, Pool, SolveError, Weak, faults, prove};

/// Packages that are solved for at most: the rest is more of the same.
const PACKAGES: usize = 50;

/// What is read of a rich dependency is written, and read again.
pub fn rich(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Rich>() {
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
        Ok(rich) => {
            let plain = matches!(rich, Rich::Plain(_));
            let written = if plain { format!("({rich})") } else { rich.to_string() };
            assert_eq!(written.parse::<Rich>().as_ref(), Ok(&rich), "{written}");
        }
    }
}

/// Whatever packages ask for: each answer holds by itself, and what cannot be had is explained.
pub fn dependencies(data: &[u8]) {
    let mut pool = Pool::new("x86_64");
    let (repository, mut number) = (pool.add_repository("fuzzed"), 0);
    let read = read_packages(data, |package, relations| {
        if number < PACKAGES {
            let added = pool.add(repository, number, &package, relations);
            assert!(added.is_ok());
        }
        number += 1;
        Ok::<_, FormatError>(())
    });
    if read.is_err() {
        return;
    }
    pool.finish();
    let roots = pool.each();
    let all: Vec<PackageId> = roots.iter().flat_map(|root| root.packages.clone()).collect();
    let Ok(proof) = prove(&pool, &all, &|| false) else { return };
    let unproved: BTreeSet<PackageId> = proof.unproved.iter().map(|one| one.id).collect();
    for root in roots {
        let id = root.packages.first().copied();
        let goal = Goal { roots: vec![root], installed: Vec::new(), weak: Weak::Yes };
        match goal.solve(&pool, &|| false) {
            Ok(solution) => {
                let set = solution.packages.iter().map(|chosen| chosen.id).collect();
                assert_eq!(faults(&pool, &set), []);
                assert!(id.is_some_and(|id| !unproved.contains(&id)));
            }
            Err(SolveError::Unsolvable(problems)) => {
                assert!(id.is_some_and(|id| unproved.contains(&id)));
                assert!(!problems.is_empty());
            }
            Err(_) => return,
        }
    }
}
