//! Where metadata is made before it is published, and how it takes the place of the old.
//!
//! It is made in `.repodata/`, where `createrepo_c` makes its own and takes the folder for its lock: so
//! neither disturbs the other. Ours holds a lock file besides, which tells a run that was killed from one
//! that is at work.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry, File, Permissions};
use std::io::{BufReader, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::existing::{REPODATA, REPOMD};
use super::{Options, Retain, signed};
use crate::CancellationToken;
use crate::digest::Sha256;
use crate::error::{Error, Result};
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
    pub(super) fn publish(self, repomd: &Repomd, options: &Options) -> Result<()> {
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
        self.keep_old(options.retain)?;
        store::sync_folder(&self.new)?;
        store::put_folder(&self.new, &self.output.join(REPODATA), &entry_points)?;
        store::sync_folder(&self.output)
    }

    /// Keeps the files of earlier states, for clients who are just reading them, and files that nobody
    /// listed. The entry points of those states are kept with them, under names with digests: they say
    /// which files belong together.
    fn keep_old(&self, retain: Retain) -> Result<()> {
        let repodata = self.output.join(REPODATA);
        let mut states = Vec::new();
        for entry in store::list(&repodata)? {
            let (name, path) = (entry.file_name(), entry.path());
            let is_now = name == REPOMD;
            if (is_now || name.to_str().is_some_and(is_earlier_repomd))
                && let Some(repomd) = read_repomd(&path)
            {
                let time = entry.metadata().and_then(|found| found.modified());
                states.push((is_now, time.map_err(Error::io("look at", &path))?, path, repomd));
            }
        }
        states.sort_by_key(|(is_now, time, ..)| Reverse((*is_now, *time)));
        let (mut kept, mut dropped) = (HashSet::new(), HashSet::new());
        for (rank, (is_now, time, path, repomd)) in states.iter().enumerate() {
            let age = self.begun.duration_since(*time).unwrap_or_default();
            let is_kept = rank < retain.states || age < retain.age;
            let files = if is_kept { &mut kept } else { &mut dropped };
            let records = repomd.records.iter();
            let names = records.filter_map(|record| record.href.strip_prefix("repodata/"));
            files.extend(names.map(OsString::from));
            if is_kept && *is_now {
                let bytes = fs::read(path).map_err(Error::io("read", path))?;
                let copy = self.new.join(format!("{}-{REPOMD}", Sha256::of(&bytes)));
                copy_file(path, &copy)?;
            } else if is_kept {
                self.keep(path)?;
            }
        }
        for entry in store::list(&repodata)? {
            let (name, path) = (entry.file_name(), entry.path());
            if is_entry_point(&name) || name.to_str().is_some_and(is_earlier_repomd) {
                continue;
            }
            let is_ours = dropped.contains(&name) || name.to_str().is_some_and(is_hashed);
            if kept.contains(&name) || !is_ours || self.is_young(&entry, retain.age) {
                self.keep(&path)?;
            }
        }
        Ok(())
    }

    /// Whether a file, of whatever state, was written in that time.
    fn is_young(&self, entry: &DirEntry, age: Duration) -> bool {
        let time = entry.metadata().and_then(|found| found.modified());
        time.is_ok_and(|time| self.begun.duration_since(time).unwrap_or_default() < age)
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
        Err(error) => {
            // Without a lock in it, as on a full disk, the next run would take it for another program's.
            let _ = fs::remove_dir(folder);
            return Err(error);
        }
    };
    // Whoever had it before may have removed the file.
    let at = fs::symlink_metadata(&path).map(|found| found.ino());
    Ok(at.is_ok_and(|ino| lock.inode().is_some_and(|inode| inode == ino)).then_some(lock))
}

/// Whether a file is made anew with the metadata, or speaks of the old alone.
fn is_entry_point(name: &OsString) -> bool {
    name == REPOMD || name == signed::SIGNATURE
}

/// Whether a file's name begins with its digest, as metadata files' names do.
fn is_hashed(name: &str) -> bool {
    name.split_once('-').is_some_and(|(digest, _)| {
        (32..=128).contains(&digest.len()) && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether it is the entry point of an earlier state.
fn is_earlier_repomd(name: &str) -> bool {
    is_hashed(name) && name.split_once('-').is_some_and(|(_, rest)| rest == REPOMD)
}

/// An entry point; one that cannot be read names nothing.
fn read_repomd(path: &Path) -> Option<Repomd> {
    Repomd::read(BufReader::new(File::open(path).ok()?)).ok()
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
    copy_file(old, new)
}

/// Copies a file with its time.
fn copy_file(old: &Path, new: &Path) -> Result<()> {
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
        for (name, is_file, is_repomd) in [
            (format!("{hex}-primary.xml.zst"), true, false),
            (format!("{hex}-comps-a-b.xml"), true, false),
            (format!("{hex}-repomd.xml"), true, true),
            ("primary.xml.gz".to_owned(), false, false),
            ("abc-repomd.xml".to_owned(), false, false),
        ] {
            assert_eq!(
                (is_hashed(&name), is_earlier_repomd(&name)),
                (is_file, is_repomd),
                "{name}"
            );
        }
    }
}
