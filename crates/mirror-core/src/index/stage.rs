//! Where metadata is made before it is published, and how it takes the place of the old.
//!
//! It is made in `.repodata/`, where `createrepo_c` makes its own and takes the folder for its lock: so
//! neither disturbs the other. Ours holds a lock file besides, which tells a run that was killed from one
//! that is at work.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::existing::{Existing, REPODATA, REPOMD};
use super::{Options, Retain, signed};
use crate::CancellationToken;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::format::compression::Compression;
use crate::format::rpm::repomd::Repomd;
use crate::store::{self, Lock, LockWait};

/// The folder of metadata that is being made.
const STAGE: &str = ".repodata";

/// How often a lock that is held is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How often a folder without a lock file is looked at before it counts as another program's.
const LOOKS: u32 = 5;

/// The folder that metadata is made in, locked.
#[derive(Debug)]
pub(super) struct Stage {
    output: PathBuf,
    folder: PathBuf,
    new: PathBuf,
    begun: SystemTime,
    _lock: Lock,
}

impl Stage {
    /// Takes the lock of `output`, and clears what a run left that was killed.
    pub(super) fn open(output: &Path, wait: LockWait, cancel: &CancellationToken) -> Result<Self> {
        let folder = output.join(STAGE);
        let begun = Instant::now();
        let mut looks = 0;
        let lock = loop {
            match try_lock(output, &folder) {
                Ok(Some(lock)) => break lock,
                Ok(None) => {}
                Err(Error::ForeignStage { .. }) if looks < LOOKS => looks += 1,
                Err(Error::Locked { root, pid, since, .. }) => {
                    let waited = match wait {
                        LockWait::No => Some(None),
                        LockWait::AtMost(time) => (begun.elapsed() >= time).then_some(Some(time)),
                        LockWait::Forever => None,
                    };
                    if let Some(waited) = waited {
                        return Err(Error::Locked { root, pid, since, waited });
                    }
                }
                Err(error) => return Err(error),
            }
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            thread::sleep(POLL);
        };
        let (output, new) = (output.to_owned(), folder.join("new"));
        let mut stage = Self { output, folder, new, begun: SystemTime::now(), _lock: lock };
        store::remove_any(&stage.new)?;
        store::make_folder(&stage.new)?;
        // By the clock, and to the fraction of a second, that the packages have their times from.
        let made = fs::metadata(&stage.new).and_then(|made| made.modified());
        stage.begun = made.map_err(Error::io("look at", &stage.new))?;
        Ok(stage)
    }

    /// The folder that becomes `repodata`.
    pub(super) fn new_repodata(&self) -> &Path {
        &self.new
    }

    /// Where a file is written, before its name is known.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.new.join(name)
    }

    /// Gives a file that is written the name that `href` says.
    pub(super) fn name(&self, written: &str, href: &str) -> Result<()> {
        let from = self.path(written);
        let to = self.new.join(href.rsplit('/').next().unwrap_or(href));
        let file = File::options().write(true).open(&from).map_err(Error::io("open", &from))?;
        // What is older than the metadata is what the metadata describes, however long that took.
        file.set_modified(self.begun)
            .and_then(|()| file.set_permissions(Permissions::from_mode(0o644)))
            .and_then(|()| file.sync_all())
            .map_err(Error::io("write", &from))?;
        fs::rename(&from, &to).map_err(Error::io("rename", &from))
    }

    /// Keeps a file or folder of the old metadata under its name.
    pub(super) fn keep(&self, old: &Path) -> Result<()> {
        let Some(name) = old.file_name() else { return Ok(()) };
        keep(old, &self.new.join(name))
    }

    /// Publishes what was made, with `repomd` as its entry point, and what is kept of the old.
    pub(super) fn publish(
        self,
        repomd: &Repomd,
        existing: Option<&Existing>,
        options: &Options,
    ) -> Result<()> {
        let path = self.path(REPOMD);
        let mut text = Vec::new();
        repomd.write(&mut text).map_err(Error::io("write", &path))?;
        fs::write(&path, &text).map_err(Error::io("write", &path))?;
        self.name(REPOMD, REPOMD)?;
        let mut entry_points = vec![(REPOMD.to_owned(), Sha256::of(&text))];
        for (name, content) in signed::beside(options, &text)? {
            let path = self.path(name);
            fs::write(&path, &content).map_err(Error::io("write", &path))?;
            self.name(name, name)?;
            entry_points.push((name.to_owned(), Sha256::of(&content)));
        }
        self.keep_old(existing, options.retain)?;
        store::sync_folder(&self.new)?;
        store::put_folder(&self.new, &self.output.join(REPODATA), &entry_points)?;
        store::sync_folder(&self.output)
    }

    /// Keeps files of earlier metadata, for clients who are just reading it, and files that nobody
    /// listed.
    fn keep_old(&self, existing: Option<&Existing>, retain: Retain) -> Result<()> {
        let mut earlier: BTreeMap<String, Vec<(bool, SystemTime, PathBuf)>> = BTreeMap::new();
        let listed: HashSet<&str> = existing
            .iter()
            .flat_map(|existing| &existing.repomd.records)
            .filter_map(|record| record.href.strip_prefix("repodata/"))
            .collect();
        for entry in store::list(&self.output.join(REPODATA))? {
            let (name, path) = (entry.file_name(), entry.path());
            let is_there = fs::symlink_metadata(self.new.join(&name)).is_ok();
            if is_there || is_entry_point(&name) {
                continue;
            }
            let text = name.to_string_lossy();
            match stem(&text) {
                stem if stem.is_hashed || listed.contains(&*text) => {
                    let found = entry.metadata().map_err(Error::io("look at", &path))?;
                    let time = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    let file = (listed.contains(&*text), time, path);
                    earlier.entry(stem.name.to_owned()).or_default().push(file);
                }
                _ => self.keep(&path)?,
            }
        }
        for mut files in earlier.into_values() {
            files.sort();
            for (rank, (_, time, path)) in files.iter().rev().enumerate() {
                let age = self.begun.duration_since(*time).unwrap_or_default();
                if rank < retain.states || age < retain.age {
                    self.keep(path)?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is not removed now is cleared by the next run. The lock is let go last.
        let _ = store::remove_any(&self.new);
        let _ = fs::remove_file(self.folder.join("lock"));
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Takes the lock; `None` where its file went meanwhile.
fn try_lock(output: &Path, folder: &Path) -> Result<Option<Lock>> {
    let path = folder.join("lock");
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !store::is_folder(folder) || fs::symlink_metadata(&path).is_err() {
                return Err(Error::ForeignStage { path: folder.to_owned() });
            }
        }
        Err(error) => return Err(Error::io("make the folder", folder)(error)),
    }
    let lock = match Lock::try_take(output, &path) {
        Ok(lock) => lock,
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Whoever had it before may have removed the file.
    let at = fs::symlink_metadata(&path).map(|found| found.ino());
    Ok(at.is_ok_and(|ino| lock.inode().is_some_and(|inode| inode == ino)).then_some(lock))
}

/// Whether a file is made anew with the metadata, or speaks of the old alone.
fn is_entry_point(name: &OsString) -> bool {
    name == REPOMD || name == signed::SIGNATURE
}

/// What a metadata file is called but for its digest and compression.
struct Stem<'a> {
    name: &'a str,
    is_hashed: bool,
}

fn stem(name: &str) -> Stem<'_> {
    let hashed = name.split_once('-').filter(|(digest, _)| {
        (32..=128).contains(&digest.len()) && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    let rest = hashed.map_or(name, |(_, rest)| rest);
    let name = match Compression::from_name(rest) {
        Compression::None => rest,
        _ => rest.rsplit_once('.').map_or(rest, |(name, _)| name),
    };
    Stem { name, is_hashed: hashed.is_some() }
}

/// Links a file, or the files of a folder, where it can be linked; else copies it. What is there already
/// may be a link to the same file, which no copy may be written to.
fn keep(old: &Path, new: &Path) -> Result<()> {
    if fs::symlink_metadata(new).is_ok() {
        return Ok(());
    }
    if store::is_folder(old) {
        store::make_folder(new)?;
        for entry in store::list(old)? {
            keep(&entry.path(), &new.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if fs::hard_link(old, new).is_ok() {
        return Ok(());
    }
    let found = fs::metadata(old).map_err(Error::io("look at", old))?;
    fs::copy(old, new).map_err(Error::io("copy", old))?;
    let copy = File::options().write(true).open(new).map_err(Error::io("open", new))?;
    found
        .modified()
        .and_then(|time| copy.set_modified(time))
        .and_then(|()| copy.sync_all())
        .map_err(Error::io("write", new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_a_metadata_file() {
        let hex = "ab".repeat(32);
        for (name, expected, is_hashed) in [
            (format!("{hex}-primary.xml.zst"), "primary.xml", true),
            (format!("{hex}-comps-a-b.xml"), "comps-a-b.xml", true),
            ("primary.xml.gz".to_owned(), "primary.xml", false),
            ("abc-primary.xml".to_owned(), "abc-primary.xml", false),
        ] {
            let stem = stem(&name);
            assert_eq!((stem.name, stem.is_hashed), (expected, is_hashed), "{name}");
        }
    }
}
