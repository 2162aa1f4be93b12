//! Many files read to their ends, on all cores.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::digest::{Hasher, Sha256};
use crate::error::{Error, Result};
use crate::report::{Event, Reporter};

/// Bytes that are read at once: they stay in a core's cache until they are hashed.
const CHUNK: usize = 256 << 10;

/// A file to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) path: &'a PathBuf,
    /// In bytes.
    pub(super) size: u64,
    /// What events call its tree.
    pub(super) tree: &'a str,
}

/// What a file was found to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashed {
    pub(super) sha256: Sha256,
    /// In bytes.
    pub(super) size: u64,
}

/// Reads files in that order, each by one of a thread for each core; what came of them is in the
/// same order.
pub(super) fn read_all(
    tasks: &[Task<'_>],
    reporter: &dyn Reporter,
    cancel: &CancellationToken,
) -> Result<Vec<io::Result<Hashed>>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(tasks.len())));
    let work = || {
        let mut buffer = vec![0; CHUNK];
        let mut done = Vec::new();
        while let Some((at, task)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            tasks.get(at).map(|task| (at, task))
        } {
            let tree = task.tree;
            let mut tell = |read: usize| {
                let bytes = i64::try_from(read).unwrap_or(i64::MAX);
                reporter.on_event(&Event::Progress { tree, path: "", bytes });
                !cancel.is_cancelled()
            };
            match hash(task.path, &mut buffer, &mut tell) {
                Err(error) if cancel.is_cancelled() => {
                    drop(error);
                    break;
                }
                hashed => {
                    reporter.on_event(&Event::Read { tree, size: task.size });
                    done.push((at, hashed));
                }
            }
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).extend(done);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(tasks.len()) {
            scope.spawn(work);
        }
        work();
    });
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, hashed)| hashed).collect())
}

/// Reads a file to its end; `tell` is told of bytes, and says whether to go on.
fn hash(path: &Path, buffer: &mut [u8], tell: &mut dyn FnMut(usize) -> bool) -> io::Result<Hashed> {
    let mut file = open(path)?;
    let mut hasher = Hasher::new(None);
    let mut size = 0;
    loop {
        let read = file.read(buffer)?;
        if read == 0 {
            return Ok(Hashed { sha256: hasher.finish().0, size });
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
        if !tell(read) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Advice, OFlags, fadvise};
    // What was a file a moment ago may be a link or a fifo now: neither is followed nor waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    // Only advice: what comes of it is a matter of speed.
    let _ = fadvise(&file, 0, None, Advice::Sequential);
    Ok(file)
}
