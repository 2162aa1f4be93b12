//! Which wheels a target takes, and which of them it likes best.
//!
//! The order is the one that installers compute ([platform compatibility tags], and what
//! `packaging.tags` makes of them): the interpreter's own ABI, the stable ABI from its version
//! downwards, wheels without an ABI, then those of any Python 3; within each, the platform's newest
//! level first.
//!
//! [platform compatibility tags]: https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/

use std::collections::HashMap;

use super::platform::Platform;
use super::python::{Implementation, Python};
use crate::format::pypi::filename::WheelTags;

/// The tags that a target takes, best first.
#[derive(Clone, Debug)]
pub struct SupportedTags {
    /// Interpreter and ABI, and whether with the platforms or with `any`.
    groups: Vec<(String, String, bool)>,
    /// The place of each pair's group with platforms, and of that with `any`.
    places: HashMap<(String, String), [Option<u32>; 2]>,
    platforms: Vec<String>,
    platform_places: HashMap<String, u32>,
}

/// The platform of wheels that run anywhere.
const ANY: &str = "any";

impl SupportedTags {
    /// The tags that an interpreter takes on a platform.
    pub fn new(python: &Python, platform: &Platform) -> Self {
        let groups = groups(python);
        let mut places: HashMap<_, [Option<u32>; 2]> = HashMap::new();
        for (place, (python, abi, any)) in (0..).zip(&groups) {
            let places = places.entry((python.clone(), abi.clone())).or_default();
            places[usize::from(*any)].get_or_insert(place);
        }
        let platforms = platform.tags();
        let platform_places = platforms.iter().cloned().zip(0..).collect();
        Self { groups, places, platforms, platform_places }
    }

    /// The place of the best of a wheel's tags in the order, lower being better; `None` where the
    /// target takes none of them.
    pub fn rank(&self, tags: &WheelTags) -> Option<u32> {
        let [pythons, abis, platforms] = tags.parts();
        let any = platforms.clone().any(|platform| platform == ANY);
        let best = platforms.filter_map(|platform| self.platform_places.get(platform)).min();
        let width = u32::try_from(self.platforms.len().max(1)).unwrap_or(u32::MAX);
        let mut rank = None;
        for python in pythons {
            for abi in abis.clone() {
                // The map's keys are pairs of owned strings: a lookup is rare (once for each kind
                // of wheel of a project), so it may allocate.
                let Some(places) = self.places.get(&(python.to_owned(), abi.to_owned())) else {
                    continue;
                };
                let native = places[0].zip(best).map(|(group, platform)| group * width + platform);
                let pure = places[1].filter(|_| any).map(|group| group * width);
                rank = [rank, native, pure].into_iter().flatten().min();
            }
        }
        rank
    }

    /// Every tag, best first, as `PYTHON-ABI-PLATFORM`.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        self.groups.iter().flat_map(move |(python, abi, any)| {
            let platforms = if *any { &[][..] } else { &self.platforms[..] };
            let platforms = platforms.iter().map(String::as_str).chain(any.then_some(ANY));
            platforms.map(move |platform| format!("{python}-{abi}-{platform}"))
        })
    }
}

/// The pairs of interpreter and ABI that an interpreter takes, best first; `true` where the wheel is
/// for `any` platform.
fn groups(python: &Python) -> Vec<(String, String, bool)> {
    let minor = python.minor;
    let mut groups = Vec::new();
    let mut with = |python: String, abi: &str| groups.push((python, abi.to_owned(), false));
    let own = match python.implementation {
        Implementation::CPython => format!("cp3{minor}"),
        Implementation::PyPy => format!("pp3{minor}"),
    };
    match python.implementation {
        Implementation::CPython => {
            let flag = match (python.free_threaded, minor) {
                (true, _) => "t",
                // Until 3.7 the name of the ABI said how the interpreter allocates memory.
                (false, ..=7) => "m",
                (false, _) => "",
            };
            // PEP 384; PEP 803 for free-threaded interpreters.
            let stable = if python.free_threaded { "abi3t" } else { "abi3" };
            with(own.clone(), &format!("cp3{minor}{flag}"));
            with(own.clone(), stable);
            with(own.clone(), "none");
            for older in (2..minor).rev() {
                with(format!("cp3{older}"), stable);
            }
        }
        Implementation::PyPy => {
            with(own.clone(), &format!("pypy3{minor}_pp73"));
            with(own.clone(), "none");
        }
    }
    let mut pure = vec![format!("py3{minor}"), "py3".to_owned()];
    pure.extend((0..minor).rev().map(|older| format!("py3{older}")));
    groups.extend(pure.iter().map(|python| (python.clone(), "none".to_owned(), false)));
    // What is pure is not tied to a version of PyPy.
    let own = if python.implementation == Implementation::PyPy { "pp3".to_owned() } else { own };
    groups.push((own, "none".to_owned(), true));
    groups.extend(pure.into_iter().map(|python| (python, "none".to_owned(), true)));
    groups
}
