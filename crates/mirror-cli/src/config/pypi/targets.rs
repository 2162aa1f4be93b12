//! Targets from the user's words: Pythons × platforms, and distributions.

use mirror_core::resolve::pypi::Target;
use mirror_core::resolve::pypi::platform::Platform;
use mirror_core::resolve::pypi::{Distribution, Python};

use super::PypiSettings;
use crate::config::error::{ConfigError, Said, Setting};

/// The platform of a Python that is named without one: what nearly all sites run, by the oldest glibc
/// that is still maintained, that of EL 8. Never the host's: a mirror is for others.
pub(super) const DEFAULT_PLATFORM: &str = "linux_x86_64";

/// Pythons on platforms, and those of distributions; each once, in the order in which they were
/// named.
pub(super) fn targets(settings: &PypiSettings, said: Said) -> Result<Vec<Target>, ConfigError> {
    let pythons: Vec<Python> = parsed(&settings.python, Setting::Python, said)?;
    let mut platforms: Vec<Platform> = parsed(&settings.platform, Setting::Platform, said)?;
    if pythons.is_empty() && !platforms.is_empty() {
        return Err(ConfigError::NoPython { platform: Setting::Platform.said(said) });
    }
    let mut targets: Vec<Target> = Vec::new();
    for name in &settings.target {
        let some = Distribution::targets(name, &pythons).map_err(|source| ConfigError::Target {
            setting: Setting::Target.said(said),
            source,
        })?;
        targets.extend(some);
    }
    if platforms.is_empty() && settings.target.is_empty() {
        platforms = parsed(&[DEFAULT_PLATFORM.to_owned()], Setting::Platform, said)?;
    }
    for platform in &platforms {
        targets.extend(pythons.iter().map(|python| Target::new(python.clone(), platform.clone())));
    }
    Ok(Target::distinct(targets))
}

fn parsed<T>(words: &[String], setting: Setting, said: Said) -> Result<Vec<T>, ConfigError>
where
    T: std::str::FromStr<Err = mirror_core::resolve::pypi::TargetError>,
{
    let setting = setting.said(said);
    let words = words.iter().map(|word| word.parse());
    words.map(|word| word.map_err(|source| ConfigError::Target { setting, source })).collect()
}
