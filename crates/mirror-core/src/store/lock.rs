//! One writer at a time, or any number of readers: a lock on `.mirror/lock` that dies with its
//! process.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// How often a waiter looks again.
const POLL: Duration = Duration::from_millis(250);

/// How long to wait for another process to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LockWait {
    /// Fail at once, naming the holder.
    #[default]
    No,
    /// At most so long.
    AtMost(Duration),
    /// As long as it takes.
    Forever,
}

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it would do, but for a program that this process starts just now: until it is there,
        // it holds the same open file. Where this is refused, closing is what is left.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock file `path` of `root`.
    pub(super) async fn take(root: &Path, path: &Path, wait: LockWait) -> Result<Self> {
        wait_for(wait, || Self::try_take(root, path)).await
    }

    /// Takes the lock file `path` of `root` together with others who only read, and against who
    /// writes. `None` where there is no lock file: then nobody ever wrote there.
    pub(super) async fn share(root: &Path, path: &Path, wait: LockWait) -> Result<Option<Self>> {
        wait_for(wait, || Self::try_share(root, path)).await
    }

    fn try_share(root: &Path, path: &Path) -> Result<Option<Self>> {
        // Not made where it is missing: it would be this user's, and keep the one out who syncs.
        let writable = OpenOptions::new().read(true).write(true).open(path);
        let opened = match writable {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                File::open(path)
            }
            opened => opened,
        };
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if super::is_absent(&error) => return Ok(None),
            Err(error) => return Err(Error::io("open the lock", path)(error)),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(held(root, &mut file)),
            Err(error) => return Err(Error::io("lock", path)(error.into())),
        }
        // For who has to wait; where the root is read-only, nobody has to.
        let _ = sign(&mut file);
        Ok(Some(Self { file }))
    }

    /// The inode of the lock file, whatever has its name by now.
    pub(crate) fn inode(&self) -> Option<u64> {
        self.file.metadata().ok().map(|found| found.ino())
    }

    /// The same at once or not at all.
    pub(crate) fn try_take(root: &Path, path: &Path) -> Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(Error::io("open the lock", path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(held(root, &mut file)),
            Err(error) => return Err(Error::io("lock", path)(error.into())),
        }
        sign(&mut file).map_err(Error::io("write", path))?;
        Ok(Self { file })
    }
}

/// Writes who holds the lock, and since when.
fn sign(file: &mut File) -> io::Result<()> {
    let now = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
    let holder = format!("{}\n{now}\n", std::process::id());
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(holder.as_bytes())
}

/// Tries until somebody else's lock is gone, or the time is up.
async fn wait_for<T>(wait: LockWait, mut take: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = match wait {
        LockWait::No => Some(Instant::now()),
        LockWait::AtMost(time) => Some(Instant::now() + time),
        LockWait::Forever => None,
    };
    loop {
        match take() {
            Err(Error::Locked { .. }) if deadline.is_none_or(|end| Instant::now() < end) => {
                tokio::time::sleep(POLL).await;
            }
            Err(Error::Locked { root, pid, since, .. }) => {
                let waited = if let LockWait::AtMost(time) = wait { Some(time) } else { None };
                return Err(Error::Locked { root, pid, since, waited });
            }
            taken => return taken,
        }
    }
}

fn held(root: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    // The holder may be writing just now; what cannot be read is shown as unknown.
    let _ = file.take(200).read_to_string(&mut text);
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_else(|| "unknown".into());
    Error::Locked { root: root.to_owned(), pid: next(), since: next(), waited: None }
}
