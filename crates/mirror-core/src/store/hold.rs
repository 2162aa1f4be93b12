//! Which generation of a tree is published where that is not the newest, and whether syncs leave it
//! there: `generations/TREE/current`.
//!
//! ```text
//! mirror-current 1
//! published 4          the generation that the tree holds
//! newest 6             the newest one when that was decided: a newer one puts an end to it
//! since TIME
//! held yes             or no
//! end
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{sync_folder, write_whole};
use super::{Store, is_absent};
use crate::error::{Error, Result};
use crate::path::TreePath;

const HEADER: &str = "mirror-current ";
const VERSION: u32 = 1;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) published: u64,
    pub(super) newest: u64,
    /// When that generation was published again, in RFC 3339 and UTC.
    pub(super) since: String,
    pub(super) held: bool,
}

impl Pointer {
    /// Where it lies in the folder of a tree's generations.
    pub(super) fn path(generations: &Path) -> PathBuf {
        generations.join("current")
    }

    pub(super) fn write(&self) -> String {
        let Self { published, newest, since, held } = self;
        let held = if *held { "yes" } else { "no" };
        format!(
            "{HEADER}{VERSION}\npublished {published}\nnewest {newest}\nsince {since}\nheld \
             {held}\nend\n"
        )
    }

    /// The one in the folder of a tree's generations.
    pub(super) fn read(generations: &Path) -> Result<Option<Self>> {
        let path = Self::path(generations);
        match fs::read(&path) {
            Ok(bytes) => Self::from_text(path, &String::from_utf8_lossy(&bytes)).map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// What [`Pointer::write`] wrote, and nothing else.
    pub(super) fn from_text(path: PathBuf, text: &str) -> Result<Self> {
        let version = text.lines().next().and_then(|line| line.strip_prefix(HEADER));
        if let Some(Ok(found)) = version.map(str::parse::<u32>)
            && found > VERSION
        {
            return Err(Error::NewerFormat { path, found: found.to_string(), known: VERSION });
        }
        let pointer = parse(text).filter(|pointer| pointer.write() == text);
        pointer.ok_or(Error::Damaged { path, reason: "not what this version writes".into() })
    }
}

impl Store {
    /// Lets syncs go on with a tree; false where it was not held.
    pub(crate) fn release(&self, tree: &TreePath) -> Result<bool> {
        let folder = self.view().generations_of(tree);
        let Some(pointer) = Pointer::read(&folder)?.filter(|pointer| pointer.held) else {
            return Ok(false);
        };
        let path = Pointer::path(&folder);
        if pointer.published == pointer.newest {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            sync_folder(&folder)?;
        } else {
            // It stays published until something newer is.
            write_whole(&path, Pointer { held: false, ..pointer }.write().as_bytes())?;
        }
        Ok(true)
    }
}

fn parse(text: &str) -> Option<Pointer> {
    let mut lines = text.strip_suffix("end\n")?.lines().skip(1);
    let mut next = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
    Some(Pointer {
        published: next("published")?.parse().ok()?,
        newest: next("newest")?.parse().ok()?,
        since: next("since")?.to_owned(),
        held: match next("held")? {
            "yes" => true,
            "no" => false,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Pointer::read(folder.path()).unwrap(), None);
        let since = "2026-11-22T07:53:00Z".to_owned();
        let pointer = Pointer { published: 4, newest: 6, since, held: true };
        let path = Pointer::path(folder.path());
        fs::write(&path, pointer.write()).unwrap();
        assert_eq!(Pointer::read(folder.path()).unwrap(), Some(pointer.clone()));
        let text = pointer.write();
        for damaged in [&text[..40], &text[1..], &text.replace(" 4", " +4"), &text.repeat(2)] {
            fs::write(&path, damaged).unwrap();
            assert!(matches!(Pointer::read(folder.path()), Err(Error::Damaged { .. })));
        }
        fs::write(&path, "mirror-current 2\n").unwrap();
        assert!(matches!(Pointer::read(folder.path()), Err(Error::NewerFormat { .. })));
    }
}
