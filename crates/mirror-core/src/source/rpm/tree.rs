//! `.treeinfo` and the files that it lists: what an installer boots from.

use std::io::BufReader;

use super::packages::path;
use super::resolve::Resolving;
use crate::error::{Error, Result};
use crate::format::rpm::treeinfo::TreeInfo;
use crate::limits;
use crate::manifest::Role;
use crate::part::Expected;

/// The names that the file goes by: some servers do not serve dot files.
const NAMES: [&str; 2] = [".treeinfo", "treeinfo"];

impl Resolving<'_> {
    /// Adds `.treeinfo` and its files, where upstream has one.
    ///
    /// Its checksums of `repodata/` are of the time when the tree was made, and of no use: those
    /// files are listed by `repomd.xml`.
    pub(super) async fn list_tree(&mut self) -> Result<()> {
        for name in NAMES {
            let (urls, limit) = (self.urls(name)?, limits::LIST_SIZE);
            let found = self.context.fetch_optional(name, urls, Expected::default(), limit).await?;
            let Some(stored) = found else { continue };
            let url = self.url(name);
            let file = BufReader::new(self.context.open(&stored.sha256)?);
            let tree = TreeInfo::read(file).map_err(|error| Error::metadata(&url, error))?;
            self.stored(name, stored, Role::EntryPoint)?;
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
}
