//! `.treeinfo` and the files that it lists: what an installer boots from.

use std::io::{BufReader, Read as _};
use std::path::Path;

use super::packages::path;
use super::resolve::Resolving;
use crate::error::{Error, Result};
use crate::format::rpm::treeinfo::TreeInfo;
use crate::limits;
use crate::manifest::Role;
use crate::part::Expected;
use crate::source::Stored;

/// The names that the file goes by: some servers do not serve dot files.
const NAMES: [&str; 2] = [".treeinfo", "treeinfo"];

impl Resolving<'_> {
    /// Adds `.treeinfo` and its files, where upstream has one.
    ///
    /// Its checksums of `repodata/` are of the time when the tree was made, and of no use: those
    /// files are listed by `repomd.xml`.
    /// With `is_made` what it says of them is left out, since they are not upstream's.
    pub(super) async fn list_tree(&mut self, is_made: bool) -> Result<()> {
        for name in NAMES {
            let (urls, limit) = (self.urls(name)?, limits::LIST_SIZE);
            let found = self.context.fetch_optional(name, urls, Expected::default(), limit).await?;
            let Some(stored) = found else { continue };
            let url = self.url(name);
            let file = BufReader::new(self.context.open(&stored.sha256)?);
            let tree = TreeInfo::read(file).map_err(|error| Error::metadata(&url, error))?;
            let own = if is_made { self.without_repodata(&stored)? } else { None };
            match own {
                Some(own) => {
                    let own = self.context.add(name, &mut &*own, &Expected::default())?;
                    self.context.let_go(stored.sha256);
                    self.add_made(name, own, Role::EntryPoint)?;
                }
                None => self.stored(name, stored, Role::EntryPoint)?,
            }
            let mut known = self.paths();
            for file in tree.files {
                let path = path(&url, &file.path)?;
                if path.as_str().split('/').next() != Some("repodata") && known.insert(path.clone())
                {
                    self.wanted(path, file.checksum);
                }
            }
            return Ok(());
        }
        self.context.warn(format!("{}: not there, no installer files", self.url(NAMES[0])));
        Ok(())
    }

    /// A `.treeinfo` without the checksums of files in `repodata/`; `None` where it has none.
    fn without_repodata(&self, stored: &Stored) -> Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let mut file = self.context.open(&stored.sha256)?.take(limits::LIST_SIZE);
        file.read_to_end(&mut text).map_err(Error::io("read", Path::new(NAMES[0])))?;
        let mut in_checksums = false;
        let is_left = |line: &&[u8]| {
            if line.starts_with(b"[") {
                in_checksums = line.starts_with(b"[checksums]");
            }
            !(in_checksums && line.starts_with(b"repodata/"))
        };
        let left = text.split_inclusive(|byte| *byte == b'\n').filter(is_left);
        let left = left.collect::<Vec<_>>().concat();
        Ok((left.len() < text.len()).then_some(left))
    }
}
