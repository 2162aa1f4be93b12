//! The sets of a published tree, for whoever wants to know what there is.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::Serialize;

use super::record::{NAME, Record};
use crate::error::{Error, Result};
use crate::limits;

/// A set of a published tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedSet {
    /// Its name.
    pub name: String,
    /// What was asked for, in the user's words; empty where that was a lock file.
    pub requirements: Vec<String>,
    /// For which Pythons and platforms.
    pub targets: Vec<String>,
    /// How many packages it has, those that it shares with other sets included.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// The sets of the tree in `folder`, by name; `None` where no Python packages are published there.
pub fn published_sets(folder: &Path) -> Result<Option<Vec<ListedSet>>> {
    let path = folder.join(NAME);
    let file = match File::open(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        opened => opened.map_err(Error::io("open", &path))?,
    };
    let mut bytes = Vec::new();
    let read = file.take(limits::RECORD_SIZE + 1).read_to_end(&mut bytes);
    read.map_err(Error::io("read", &path))?;
    let name = path.display().to_string();
    let record = Record::read(&bytes, &name)?;
    let size = |file: &String| record.files.get(file).map_or(0, |file| file.size);
    let sets = record.sets.iter().map(|(set, asked)| {
        let targets = asked.targets().map_err(|reason| Error::metadata(&name, reason))?;
        Ok(ListedSet {
            name: set.clone(),
            requirements: asked.words().map(str::to_owned).collect(),
            targets: targets.iter().map(ToString::to_string).collect(),
            files: asked.files.len() as u64,
            bytes: asked.files.iter().map(size).sum(),
        })
    });
    sets.collect::<Result<_>>().map(Some)
}
