//! Sets of Python packages: what is asked for, by options or by the configuration, and what the files
//! that it names say.

mod gather;
mod places;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror_core::format::pypi::input::{Location, Place};
use mirror_core::path::TreePath;
use mirror_core::source::pypi::SetName;

pub(super) use gather::{Gathered, gather};

use crate::config::indexes::Given;
use crate::config::{Config, ConfigError, Place as ConfigPlace, PypiEntry, PypiWanted};
use crate::diagnostics::Failure;

/// A set that is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: SetName,
    pub(super) wanted: PypiWanted,
    /// The indexes of the options; those of the file are among the settings.
    pub(super) options: Given,
    /// Where the requirements stand that stand in no file of theirs.
    pub(super) at: Place,
    /// The folder that relative paths among them start from.
    pub(super) folder: PathBuf,
    /// The section that says it, if no option does.
    pub(super) section: Option<ConfigPlace>,
}

/// The sets that the configuration lists.
pub(super) fn configured(config: &Config) -> Vec<Asked> {
    config.pypi_sets.iter().map(Asked::of).collect()
}

impl Asked {
    /// Where its tree goes.
    pub(super) fn tree(&self) -> Result<TreePath, Failure> {
        self.wanted.settings.tree().map_err(|error| self.wrong(error))
    }

    /// What is wrong with it, with its place in the file.
    fn wrong(&self, error: ConfigError) -> Failure {
        let error = match self.section.clone() {
            Some(at) => ConfigError::Entry { at, error: Box::new(error) },
            None => error,
        };
        error.into()
    }

    pub(super) fn of(entry: &PypiEntry) -> Self {
        let file = Arc::new(Location::Path(entry.at.file.clone()));
        Self {
            name: entry.name.clone(),
            wanted: entry.wanted.clone(),
            options: Given::default(),
            at: Place::line(&file, entry.at.line),
            folder: entry.at.file.parent().unwrap_or(Path::new("")).to_owned(),
            section: Some(entry.at.clone()),
        }
    }
}
