//! What a source has read and may ask for again: `.mirror/cache/ab/KEY`.
//!
//! ```text
//! mirror-cache 1
//! key TEXT                                 the key, whose SHA-256 names the file
//! sha256 HEX                               of everything after the empty line
//!
//! CONTENT
//! ```
//!
//! Nothing in it is trusted for more than it was when it came: a page is asked for again on condition,
//! and what was read of a file is kept under the file's digest. A file that is damaged is one that is
//! not there. Nothing is synced to the disk: what is lost is asked for again.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::files::remove_any;
use super::{Store, list};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits;

const HEADER: &str = "mirror-cache 1\n";

/// What nobody asked for in this time is dropped.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// A file that is read counts as asked for now where its time is older than this, so that most reads
/// write nothing.
const TOUCHED: Duration = Duration::from_hours(24);

/// The cache of a store.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Store {
    /// What sources have read, and may ask for again.
    pub(crate) fn cache(&self) -> Cache {
        Cache { folder: self.folder.join("cache") }
    }
}

impl Cache {
    /// What was kept under `key`, a line of text.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let path = self.path(key);
        let found = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        if found.len() > limits::CACHED {
            return None;
        }
        let mut bytes = fs::read(&path).ok()?;
        let start = content_of(&bytes, key)?;
        let age = found.modified().ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > TOUCHED) {
            // Where that is refused it is dropped sooner.
            let _ = fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        bytes.drain(..start);
        Some(bytes)
    }

    /// Keeps `content` under `key`, in place of what was there.
    pub(crate) fn keep(&self, key: &str, content: &[u8]) -> Result<()> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&path);
        // Of its own, since another thread may keep the same.
        let new = path.with_extension(format!("{:?}", std::thread::current().id()));
        let made = match fs::File::create(&new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
                fs::File::create(&new)
            }
            made => made,
        };
        let written = made.and_then(|mut file| {
            write!(file, "{HEADER}key {key}\nsha256 {}\n\n", Sha256::of(content).hex())?;
            file.write_all(content)
        });
        written.map_err(Error::io("write", &new))?;
        fs::rename(&new, &path).map_err(Error::io("rename", &new))
    }

    /// Drops what nobody asked for in a while, and what is no file of the cache.
    pub(super) fn trim(&self) -> Result<()> {
        for folder in list(&self.folder)? {
            for entry in list(&folder.path())? {
                let found = entry.metadata().ok().filter(fs::Metadata::is_file);
                let age = found.and_then(|found| found.modified().ok()?.elapsed().ok());
                if age.is_none_or(|age| age > KEPT) {
                    remove_any(&entry.path())?;
                }
            }
        }
        Ok(())
    }

    fn path(&self, key: &str) -> PathBuf {
        let hex = Sha256::of(key.as_bytes()).hex();
        self.folder.join(&hex[..2]).join(hex)
    }
}

/// Where the content begins, if the file is whole and of that key.
fn content_of(bytes: &[u8], key: &str) -> Option<usize> {
    let rest = bytes.strip_prefix(HEADER.as_bytes())?.strip_prefix(b"key ")?;
    let rest = rest.strip_prefix(key.as_bytes())?.strip_prefix(b"\nsha256 ")?;
    let (hex, rest) = rest.split_at_checked(2 * size_of::<Sha256>())?;
    let content = rest.strip_prefix(b"\n\n")?;
    let sum = Sha256::from_hex(std::str::from_utf8(hex).ok()?)?;
    (sum == Sha256::of(content)).then(|| bytes.len() - content.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LockWait;

    async fn cache() -> (tempfile::TempDir, Cache) {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path(), LockWait::No).await.unwrap();
        let cache = store.cache();
        (root, cache)
    }

    #[tokio::test]
    async fn gives_back_what_was_kept_and_nothing_else() {
        let (_root, cache) = cache().await;
        assert_eq!(cache.get("page a"), None);
        cache.keep("page a", b"one\n\ntwo").unwrap();
        cache.keep("page b", b"").unwrap();
        assert_eq!(cache.get("page a").as_deref(), Some(&b"one\n\ntwo"[..]));
        assert_eq!(cache.get("page b").as_deref(), Some(&b""[..]));
        cache.keep("page a", b"three").unwrap();
        assert_eq!(cache.get("page a").as_deref(), Some(&b"three"[..]));
        // One of another key is none, whoever gave it this name.
        fs::rename(cache.path("page b"), cache.path("page a")).unwrap();
        assert_eq!(cache.get("page a"), None);
    }

    #[tokio::test]
    async fn what_is_damaged_is_not_there() {
        let (_root, cache) = cache().await;
        cache.keep("k", b"content").unwrap();
        let path = cache.path("k");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(cache.get("k"), None, "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(cache.get("k"), None, "{at} bytes");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(cache.get("k").as_deref(), Some(&b"content"[..]));
    }

    #[tokio::test]
    async fn drops_what_nobody_asks_for() {
        let (_root, cache) = cache().await;
        cache.keep("old", b"1").unwrap();
        cache.keep("read", b"2").unwrap();
        cache.keep("new", b"3").unwrap();
        for key in ["old", "read"] {
            let file = fs::File::open(cache.path(key)).unwrap();
            file.set_modified(SystemTime::now() - KEPT - TOUCHED).unwrap();
        }
        assert!(cache.get("read").is_some());
        cache.trim().unwrap();
        let there = ["old", "read", "new"].map(|key| cache.get(key).is_some());
        assert_eq!(there, [false, true, true]);
    }
}
