//! Packages that are asked for by name, of several repositories together.

use std::path::PathBuf;

use mirror_core::resolve::rpm::ModuleStream;

use super::error::{ConfigError, Said, Setting};
use crate::package_lists::PackageList;

/// What is asked for by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Packages {
    /// The name of the set; empty where it is none of `mirror.toml`'s.
    pub(crate) name: String,
    /// Packages as `dnf install` takes them, groups and environments included.
    pub(crate) names: Vec<String>,
    /// Lists of more of them.
    pub(crate) lists: Vec<PackageList>,
    /// With all that they need.
    pub(crate) closed: bool,
    /// Whether what is recommended counts as needed; unless said, it does.
    pub(crate) weak: Option<bool>,
    /// The streams of modules that packages may be of.
    pub(crate) streams: Vec<ModuleStream>,
    /// What the hosts have already, as `rpm -qa` prints it.
    pub(crate) installed: Option<PathBuf>,
}

impl Packages {
    /// Whether anything is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.asked_by().is_some()
    }

    /// The setting that asks for them.
    pub(super) fn asked_by(&self) -> Option<Setting> {
        if !self.names.is_empty() {
            return Some(Setting::Packages);
        }
        (!self.lists.is_empty()).then_some(Setting::PackageList)
    }

    /// The settings that say something, beside what is asked for.
    pub(super) fn settings(&self) -> [(Setting, bool); 4] {
        [
            (Setting::Closed, self.closed),
            (Setting::Weak, self.weak.is_some()),
            (Setting::Stream, !self.streams.is_empty()),
            (Setting::Installed, self.installed.is_some()),
        ]
    }

    /// Refuses settings that would say nothing.
    pub(super) fn check(&self, said: Said) -> Result<(), ConfigError> {
        let mut settings = self.settings().into_iter();
        if !self.is_asked() {
            return match settings.find(|(_, is_said)| *is_said) {
                Some((setting, _)) => {
                    let setting = setting.said(said);
                    Err(ConfigError::NothingAsked { setting })
                }
                None => Ok(()),
            };
        }
        let mut of_closures = settings.filter(|(setting, is_said)| {
            *is_said && matches!(setting, Setting::Weak | Setting::Installed)
        });
        match of_closures.next().filter(|_| !self.closed) {
            Some((setting, _)) => Err(ConfigError::NotClosed { setting: setting.said(said) }),
            None => Ok(()),
        }
    }
}
