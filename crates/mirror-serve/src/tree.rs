//! The file system below the root: opens what a [`Target`] names, as it stands now.
//!
//! The path is walked one component at a time from the root's descriptor with `O_NOFOLLOW`, so that
//! no symbolic link is followed, even one that is planted during the walk. (`openat2` does that in
//! one call, but not on the 4.18 kernels of EL 8; the walk costs a microsecond a component and is
//! the same code everywhere.) What is neither a regular file nor a folder does not exist here: it
//! is not even opened, as opening a fifo would wait and opening a device may do something.
//!
//! Everything here blocks, and is called on threads that may.

use std::fs::{File, Metadata};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hyper::StatusCode;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::negotiate::{Form, JSON_NAME};
use crate::target::Target;

/// The page that is sent for a folder that holds it; [`JSON_NAME`] is its other form.
const INDEX: &str = "index.html";

/// The served folder, by its path: it is opened at each request, so that a root that is mounted or
/// replaced later is found.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

/// What a target turned out to be.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file, open.
    File(Opened),
    /// A folder that was named without its slash.
    Unslashed,
    /// A folder without an index page, open for reading its entries.
    Folder(OwnedFd),
}

/// An open regular file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) name: String,
    pub(crate) stamp: Stamp,
    /// The form that was chosen, where the folder that was asked for has its page in several.
    pub(crate) form: Option<Form>,
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) inode: u64,
    /// Bytes.
    pub(crate) size: u64,
    /// Whole seconds since 1970.
    pub(crate) mtime: i64,
    /// Nanoseconds beyond them.
    pub(crate) mtime_nanos: i64,
}

/// Why nothing was found.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) status: StatusCode,
    /// For the operator, where it is the server's fault.
    pub(crate) fault: Option<String>,
}

impl Root {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the root, following links: its own path is the operator's.
    pub(crate) fn open(&self) -> rustix::io::Result<OwnedFd> {
        rustix::fs::open(&self.0, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Finds what `target` names; of a page with several forms, the one that is `wanted`.
    pub(crate) fn find(&self, target: &Target, wanted: Form) -> Result<Found, Missing> {
        let root = self.open().map_err(|errno| Missing {
            status: StatusCode::SERVICE_UNAVAILABLE,
            fault: Some(format!("cannot open root {}: {errno}", self.0.display())),
        })?;
        find_below(root, target, wanted).map_err(|errno| Missing::new(errno, target))
    }
}

impl Missing {
    /// What `errno`, met on the way to `target`, is towards the client.
    pub(crate) fn new(errno: Errno, target: &Target) -> Self {
        let status = match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::NXIO => {
                StatusCode::NOT_FOUND
            }
            Errno::ACCESS | Errno::PERM => StatusCode::FORBIDDEN,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let path = target.path.as_ref().map_or(".", |path| path.as_str());
        // A file that may not be read is told too: all that is published is readable to all.
        let tell = status.is_server_error() || status == StatusCode::FORBIDDEN;
        Self { status, fault: tell.then(|| format!("cannot open {path}: {errno}")) }
    }
}

fn find_below(root: OwnedFd, target: &Target, wanted: Form) -> rustix::io::Result<Found> {
    let Some(path) = &target.path else {
        return find_in_folder(&root, wanted);
    };
    let (parents, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
    let mut folder = root;
    for parent in parents.split('/').filter(|part| !part.is_empty()) {
        folder = enter(folder.as_fd(), parent)?;
    }
    match kind(folder.as_fd(), name)? {
        FileType::Directory if target.folder => {
            find_in_folder(&enter(folder.as_fd(), name)?, wanted)
        }
        FileType::Directory => Ok(Found::Unslashed),
        FileType::RegularFile if !target.folder => Ok(Found::File(open(folder.as_fd(), name)?)),
        _ => Err(Errno::NOENT),
    }
}

fn find_in_folder(folder: &OwnedFd, wanted: Form) -> rustix::io::Result<Found> {
    if is_file(folder, INDEX)? {
        let form = is_file(folder, JSON_NAME)?.then_some(wanted);
        let name = if form == Some(Form::Json) { JSON_NAME } else { INDEX };
        match open(folder.as_fd(), name) {
            // It went between the look and the opening.
            Err(Errno::NOENT) => {}
            opened => return Ok(Found::File(Opened { form, ..opened? })),
        }
    }
    rustix::fs::openat(
        folder,
        c".",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map(Found::Folder)
}

fn is_file(folder: &OwnedFd, name: &str) -> rustix::io::Result<bool> {
    match kind(folder.as_fd(), name) {
        Ok(kind) => Ok(kind == FileType::RegularFile),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn enter(folder: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(
        folder,
        name,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

fn kind(folder: BorrowedFd<'_>, name: &str) -> rustix::io::Result<FileType> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// Opens a regular file. `O_NONBLOCK` is for the fifo that took its place since it was looked at.
fn open(folder: BorrowedFd<'_>, name: &str) -> rustix::io::Result<Opened> {
    let file = File::from(rustix::fs::openat(
        folder,
        name,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    let metadata = file.metadata().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    if !metadata.is_file() {
        return Err(Errno::NOENT);
    }
    Ok(Opened { file, name: name.to_owned(), stamp: Stamp::of(&metadata), form: None })
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.len(),
            mtime: metadata.mtime(),
            mtime_nanos: metadata.mtime_nsec(),
        }
    }
}
