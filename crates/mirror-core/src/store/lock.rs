//! One writer at a time: a lock on `.mirror/lock` that dies with its process.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
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
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock file `path` of `root`.
    pub(super) async fn take(root: &Path, path: &Path, wait: LockWait) -> Result<Self> {
        let deadline = match wait {
            LockWait::No => Some(Instant::now()),
            LockWait::AtMost(time) => Some(Instant::now() + time),
            LockWait::Forever => None,
        };
        loop {
            match Self::try_take(root, path) {
                Err(Error::Locked { .. }) if deadline.is_none_or(|end| Instant::now() < end) => {
                    tokio::time::sleep(POLL).await;
                }
                taken => return taken,
            }
        }
    }

    /// The same at once or not at all.
    pub(super) fn try_take(root: &Path, path: &Path) -> Result<Self> {
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
        let now = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
        let holder = format!("{}\n{now}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(Error::io("write", path))?;
        Ok(Self { _file: file })
    }
}

fn held(root: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    // The holder may be writing just now; what cannot be read is shown as unknown.
    let _ = file.take(200).read_to_string(&mut text);
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_else(|| "unknown".into());
    Error::Locked { root: root.to_owned(), pid: next(), since: next() }
}
