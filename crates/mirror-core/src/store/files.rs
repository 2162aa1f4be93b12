//! What the store asks of a file system, with a way out where it cannot.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};
use rustix::io::Errno;

use crate::digest::{Hasher, Sha256};
use crate::error::{Error, Result};
use crate::path::RESERVED;

/// Writes a file of the state as a whole: whoever reads it sees the old or the new one, also after
/// a power loss.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(Error::io("make", &new))?;
    file.write_all(content).and_then(|()| file.sync_data()).map_err(Error::io("write", &new))?;
    fs::rename(&new, path).map_err(Error::io("rename", &new))?;
    sync_folder(path.parent().unwrap_or(path))
}

/// Makes what was renamed in `folder` survive a power loss.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

/// Makes everything written to the file systems of `folders` survive a power loss: once per file
/// system, not once per file.
pub(super) fn sync_file_systems<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let mut devices = HashSet::new();
    for folder in folders {
        let open = File::open(folder).map_err(Error::io("open", folder))?;
        let found = open.metadata().map_err(Error::io("look at", folder))?;
        if devices.insert(found.dev()) {
            let wrong = Error::io("sync the file system of", folder);
            syncfs(open).map_err(|error| wrong(error.into()))?;
        }
    }
    Ok(())
}

/// How content came to a second place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// A hard link: the same inode.
    Linked,
    /// A copy: another inode, with the same content and times.
    Copied,
}

/// Links the blob at `from` to `to`, or copies it through `stage` where links cannot be: across
/// file systems, past the most links of an inode, on file systems without any.
pub(super) fn place(from: &Path, to: &Path, stage: &Path, sha256: &Sha256) -> Result<Placed> {
    const NO_LINKS: [Errno; 5] =
        [Errno::XDEV, Errno::MLINK, Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS];
    match fs::hard_link(from, to) {
        Ok(()) => return Ok(Placed::Linked),
        Err(error) if Errno::from_io_error(&error).is_some_and(|e| NO_LINKS.contains(&e)) => {}
        Err(error) => return Err(Error::io("link", to)(error)),
    }
    let copy = stage.join("copy");
    copy_whole(from, &copy, sha256)?;
    move_file(&copy, to)?;
    Ok(Placed::Copied)
}

/// Renames a file to `to`, or moves it there by way of a hidden name beside it: where a disk is
/// mounted inside a tree, a rename does not reach it.
pub(super) fn move_file(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::XDEV) && !is_folder(from) => {}
        other => return other.map_err(Error::io("rename", from)),
    }
    let beside = to.with_file_name(format!("{RESERVED}-copy"));
    let sha256 = super::hash_file(from)?;
    copy_whole(from, &beside, &sha256)?;
    File::open(&beside).and_then(|copy| copy.sync_all()).map_err(Error::io("sync", &beside))?;
    fs::rename(&beside, to).map_err(Error::io("rename", &beside))?;
    remove_any(from)
}

fn copy_whole(from: &Path, to: &Path, sha256: &Sha256) -> Result<()> {
    let mut source = File::open(from).map_err(Error::io("open", from))?;
    let mut target = File::create(to).map_err(Error::io("make", to))?;
    let mut hasher = Hasher::new(None);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = source.read(&mut buffer).map_err(Error::io("read", from))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        target.write_all(&buffer[..read]).map_err(Error::io("write", to))?;
    }
    let (found, _) = hasher.finish();
    if found != *sha256 {
        let reason = format!("its content is {found}");
        return Err(Error::Damaged { path: from.to_owned(), reason });
    }
    let time = source.metadata().and_then(|found| found.modified());
    time.and_then(|time| target.set_modified(time))
        .and_then(|()| target.set_permissions(Permissions::from_mode(0o644)))
        .map_err(Error::io("set the time and mode of", to))
}

/// Exchanges two names of one file system; false where it cannot (overlayfs, NFS, FAT, where one is
/// a disk's mount point).
pub(super) fn exchange(a: &Path, b: &Path) -> Result<bool> {
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::XDEV | Errno::BUSY | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            Ok(false)
        }
        Err(error) => Err(Error::io("exchange", b)(error.into())),
    }
}

/// Removes whatever is at `path`, without following a link; fine where nothing is.
pub(crate) fn remove_any(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::io("remove", path)),
    }
}

/// Whether a real folder, no link to one, is at `path`.
pub(crate) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Makes the folder `path`, whose parent is there, replacing a file or link of that name.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    if is_folder(path) {
        return Ok(());
    }
    remove_any(path)?;
    fs::create_dir(path).map_err(Error::io("make the folder", path))?;
    // Whatever the umask: a web server of another user reads it.
    fs::set_permissions(path, Permissions::from_mode(0o755))
        .map_err(Error::io("set the mode of", path))
}
