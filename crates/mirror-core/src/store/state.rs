//! What was verified, so that nothing is read twice.
//!
//! `.mirror/state` is a log of lines, appended as things are verified and rewritten when it has
//! grown. It only ever saves work: where it is lost, files are hashed again.
//!
//! ```text
//! mirror-state 1
//! boot ID                                    who wrote what follows
//! file DISK INODE SIZE MTIME CTIME SHA256    times in nanoseconds
//! digest SCOPE ALGORITHM:HEX SHA256          the content that an upstream's digest stands for
//! synced LINES                               what the first so many lines say has reached the disk
//! ```
//!
//! An inode is trusted while its size and both times are what they were: ctime changes with every
//! write and cannot be set back. After a power loss a file may hold less than was written; lines
//! that no `synced` counts are therefore trusted only within the boot that wrote them. It counts
//! because others go on noting things while the disks are synced.
//!
//! DISK is 0 for the file system of the state itself, else the device's number: trees that are
//! mounted from other disks have inodes of the same numbers. A device that gets another number costs
//! reading.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Sha256};
use crate::error::{Error, Result};

const HEADER: &str = "mirror-state ";
const VERSION: u32 = 1;

/// The log is rewritten when it has this many lines more than twice what it says.
const SLACK: usize = 10_000;

/// Whom a digest speaks for: everyone where it is strong, else one upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Scope(u64);

impl Scope {
    const EVERYONE: Self = Self(0);

    /// The scope of `digest` when `upstream` gives it.
    pub(super) fn of(digest: &Digest, upstream: &str) -> Self {
        if !digest.algorithm().is_weak() {
            return Self::EVERYONE;
        }
        let name = Sha256::of(upstream.as_bytes());
        let start = name.as_bytes().first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(start).max(1))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    size: u64,
    mtime: i128,
    ctime: i128,
    sha256: Sha256,
}

impl Seen {
    fn new(found: &Metadata, sha256: Sha256) -> Self {
        let nanoseconds = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Self {
            size: found.size(),
            mtime: nanoseconds(found.mtime(), found.mtime_nsec()),
            ctime: nanoseconds(found.ctime(), found.ctime_nsec()),
            sha256,
        }
    }
}

/// The state; see the module's words.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    /// The device of the state's own file system.
    home: u64,
    log: Option<File>,
    files: HashMap<Inode, Noted>,
    digests: HashMap<(Scope, Digest), Sha256>,
    /// Lines of the log behind its first.
    lines: usize,
    /// How many of them have reached the disk, with what they speak of.
    synced: usize,
}

/// An inode: of which disk, and which one.
type Inode = (u64, u64);

/// What is known of an inode, and the number of the line that says so.
#[derive(Debug, Clone, Copy)]
struct Noted {
    seen: Seen,
    line: usize,
}

impl State {
    /// Reads the state. A damaged one is begun anew: it only saves work. A later version's is an
    /// error, since its owner would lose that work.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(path);
        let home = fs::metadata(folder).map_err(Error::io("look at", folder))?.dev();
        let mut state = Self {
            path: path.to_owned(),
            home,
            log: None,
            files: HashMap::new(),
            digests: HashMap::new(),
            lines: 0,
            synced: 0,
        };
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(state),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let Some((header, lines)) = text.split_once('\n') else {
            return state.begin_anew();
        };
        match header.strip_prefix(HEADER).map(str::parse::<u32>) {
            Some(Ok(VERSION)) => state.read(lines),
            Some(Ok(found)) if found > VERSION => {
                let found = found.to_string();
                return Err(Error::NewerFormat { path: path.to_owned(), found, known: VERSION });
            }
            _ => return state.begin_anew(),
        }
        Ok(state)
    }

    /// Reads a log as it may be found, for the fuzz target.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_reading(lines: &str) {
        let mut state = Self {
            path: PathBuf::new(),
            home: 0,
            log: None,
            files: HashMap::new(),
            digests: HashMap::new(),
            lines: 0,
            synced: 0,
        };
        state.read(lines);
        assert!(state.synced <= state.lines && state.files.len() <= state.lines);
        assert!(state.files.values().all(|noted| noted.line < state.lines));
    }

    fn begin_anew(self) -> Result<Self> {
        fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))?;
        Ok(self)
    }

    fn read(&mut self, lines: &str) {
        let this_boot = boot_id();
        // A line that a crash cut short has no end: it is not taken.
        let whole = lines.rfind('\n').map_or("", |end| &lines[..=end]);
        let counts = whole.lines().enumerate().filter_map(|(number, line)| {
            let count = line.strip_prefix("synced ")?.parse().ok()?;
            (count <= number).then_some(count)
        });
        self.synced = counts.max().unwrap_or(0);
        let mut boot = "";
        for (line, text) in whole.lines().enumerate() {
            let trusted = line < self.synced || boot == this_boot;
            self.lines += 1;
            match text.split_once(' ') {
                Some(("boot", id)) => boot = id,
                Some(("file", rest)) if trusted => {
                    if let Some((inode, seen)) = read_file(rest) {
                        self.files.insert(inode, Noted { seen, line });
                    }
                }
                Some(("digest", rest)) => {
                    if let Some((key, sha256)) = read_digest(rest) {
                        self.digests.insert(key, sha256);
                    }
                }
                _ => {}
            }
        }
    }

    fn inode(&self, found: &Metadata) -> Inode {
        (if found.dev() == self.home { 0 } else { found.dev() }, found.ino())
    }

    /// The content of a file that was verified and has not changed since.
    pub(super) fn content(&self, found: &Metadata) -> Option<Sha256> {
        let Noted { seen, .. } = self.files.get(&self.inode(found))?;
        (*seen == Seen::new(found, seen.sha256)).then_some(seen.sha256)
    }

    /// The same for a file of which links were made or removed since, which changes its ctime:
    /// only for the one who did that.
    pub(super) fn content_but_for_links(&self, found: &Metadata) -> Option<Sha256> {
        let Noted { seen, .. } = self.files.get(&self.inode(found))?;
        let now = Seen::new(found, seen.sha256);
        (*seen == Seen { ctime: seen.ctime, ..now }).then_some(seen.sha256)
    }

    /// The content that `digest` stands for when `scope` gives it.
    pub(super) fn digest(&self, scope: Scope, digest: &Digest) -> Option<Sha256> {
        self.digests.get(&(scope, *digest)).copied()
    }

    /// Notes the verified content of a file.
    pub(super) fn record(&mut self, found: &Metadata, sha256: Sha256) -> Result<()> {
        let (inode, seen) = (self.inode(found), Seen::new(found, sha256));
        if self.files.get(&inode).is_some_and(|noted| noted.seen == seen) {
            return Ok(());
        }
        self.append(&file_line(inode, &seen))?;
        self.files.insert(inode, Noted { seen, line: self.lines - 1 });
        Ok(())
    }

    /// Forgets a file that is removed.
    pub(super) fn forget(&mut self, found: &Metadata) {
        self.files.remove(&self.inode(found));
    }

    /// Notes what `digest` stands for when `scope` gives it.
    pub(super) fn record_digest(
        &mut self,
        scope: Scope,
        digest: Digest,
        sha256: Sha256,
    ) -> Result<()> {
        if self.digests.insert((scope, digest), sha256) == Some(sha256) {
            return Ok(());
        }
        self.append(&digest_line(scope, &digest, sha256))
    }

    /// Where the log ends: what [`State::synced`] is told once everything up to here is on disk.
    pub(super) fn mark(&self) -> usize {
        self.lines
    }

    /// Whether something was noted that no `synced` counts.
    pub(super) fn is_unsynced(&self) -> bool {
        self.log.is_some() && self.lines > self.synced
    }

    /// Notes that everything up to `mark` has reached the disk.
    pub(super) fn synced(&mut self, mark: usize) -> Result<()> {
        if self.log.is_none() || mark <= self.synced {
            return Ok(());
        }
        self.append(&format!("synced {mark}\n"))?;
        // A log that ends with such a line says no more than what it counts.
        self.synced = if mark + 1 == self.lines { self.lines } else { mark };
        Ok(())
    }

    /// Rewrites the log where most of it no longer holds.
    pub(super) fn compact(&mut self) -> Result<()> {
        if self.lines <= 2 * (self.files.len() + self.digests.len()) + SLACK {
            return Ok(());
        }
        let mut text = format!("{HEADER}{VERSION}\n");
        for ((scope, digest), sha256) in &self.digests {
            text.push_str(&digest_line(*scope, digest, *sha256));
        }
        let (synced, others): (Vec<_>, Vec<_>) =
            self.files.iter_mut().partition(|(_, noted)| noted.line < self.synced);
        let count = write_files(&mut text, synced, self.digests.len());
        let _ = write!(text, "synced {count}\nboot {}\n", boot_id());
        let lines = write_files(&mut text, others, count + 2);
        super::write_whole(&self.path, text.as_bytes())?;
        self.log = None;
        self.lines = lines;
        self.synced = count;
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let log = match &mut self.log {
            Some(log) => log,
            none => {
                let log = begin(&self.path).map_err(Error::io("write", &self.path))?;
                self.lines += LINES_TO_BEGIN;
                none.insert(log)
            }
        };
        self.lines += 1;
        log.write_all(line.as_bytes()).map_err(Error::io("write", &self.path))
    }
}

/// Lines that [`begin`] writes behind the header.
const LINES_TO_BEGIN: usize = 2;

fn begin(path: &Path) -> io::Result<File> {
    let mut log = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let mut text = String::new();
    if log.metadata()?.len() == 0 {
        text = format!("{HEADER}{VERSION}\n");
    }
    // The line that a crash cut short is ended, so that it spoils nothing behind it.
    let _ = write!(text, "\nboot {}\n", boot_id());
    log.write_all(text.as_bytes())?;
    Ok(log)
}

/// Writes files as the lines from number `line` on; returns the number of the line behind them.
fn write_files(text: &mut String, files: Vec<(&Inode, &mut Noted)>, mut line: usize) -> usize {
    for (inode, noted) in files {
        text.push_str(&file_line(*inode, &noted.seen));
        noted.line = line;
        line += 1;
    }
    line
}

fn file_line((disk, inode): Inode, seen: &Seen) -> String {
    let Seen { size, mtime, ctime, sha256 } = seen;
    format!("file {disk} {inode} {size} {mtime} {ctime} {sha256}\n")
}

fn digest_line(scope: Scope, digest: &Digest, sha256: Sha256) -> String {
    format!("digest {:016x} {digest} {sha256}\n", scope.0)
}

fn read_file(line: &str) -> Option<(Inode, Seen)> {
    let mut words = line.split(' ');
    let inode = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let seen = Seen {
        size: words.next()?.parse().ok()?,
        mtime: words.next()?.parse().ok()?,
        ctime: words.next()?.parse().ok()?,
        sha256: Sha256::from_hex(words.next()?)?,
    };
    Some((inode, seen))
}

fn read_digest(line: &str) -> Option<((Scope, Digest), Sha256)> {
    let mut words = line.split(' ');
    let scope = Scope(u64::from_str_radix(words.next()?, 16).ok()?);
    let digest = words.next()?.parse().ok()?;
    Some(((scope, digest), Sha256::from_hex(words.next()?)?))
}

/// What tells one boot from another; empty where the kernel does not say, so that such boots count
/// as one.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, content: &str) -> Metadata {
        fs::write(folder.join(name), content).unwrap();
        fs::metadata(folder.join(name)).unwrap()
    }

    #[test]
    fn remembers_across_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let sha256 = Sha256::of(b"x");
        let sha1 = Digest::parse("sha1", &"ab".repeat(20)).unwrap();
        let found = file(folder.path(), "x", "x");
        let mut state = State::load(&path).unwrap();
        state.record(&found, sha256).unwrap();
        state.record_digest(Scope::of(&sha1, "upstream"), sha1, sha256).unwrap();
        let state = State::load(&path).unwrap();
        assert_eq!(state.content(&found), Some(sha256));
        assert_eq!(state.digest(Scope::of(&sha1, "upstream"), &sha1), Some(sha256));
        assert_eq!(state.digest(Scope::of(&sha1, "another"), &sha1), None);
    }

    #[test]
    fn forgets_a_file_that_changed() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::load(&folder.path().join("state")).unwrap();
        state.record(&file(folder.path(), "x", "x"), Sha256::of(b"x")).unwrap();
        assert_eq!(state.content(&file(folder.path(), "x", "y")), None);
    }

    #[test]
    fn distrusts_what_another_boot_may_not_have_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (a, b) = (file(folder.path(), "a", "a"), file(folder.path(), "b", "b"));
        let mut state = State::load(&path).unwrap();
        state.record(&a, Sha256::of(b"a")).unwrap();
        let mark = state.mark();
        state.record(&b, Sha256::of(b"b")).unwrap();
        state.synced(mark).unwrap();
        reboot(&path);
        let state = State::load(&path).unwrap();
        assert_eq!(state.content(&a), Some(Sha256::of(b"a")));
        assert_eq!(state.content(&b), None, "it was noted while the disk was synced");
    }

    fn reboot(path: &Path) {
        let text = fs::read_to_string(path).unwrap().replace(&boot_id(), "another");
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_log_that_is_rewritten_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (a, b) = (file(folder.path(), "a", "a"), file(folder.path(), "b", "b"));
        let mut state = State::load(&path).unwrap();
        for content in ["x", "y"].iter().cycle().take(SLACK + 10) {
            state.record(&a, Sha256::of(content.as_bytes())).unwrap();
        }
        state.record(&a, Sha256::of(b"a")).unwrap();
        state.synced(state.mark()).unwrap();
        state.record(&b, Sha256::of(b"b")).unwrap();
        state.compact().unwrap();
        assert!(fs::read_to_string(&path).unwrap().lines().count() < 10);
        let c = file(folder.path(), "c", "c");
        state.record(&c, Sha256::of(b"c")).unwrap();
        let again = State::load(&path).unwrap();
        assert_eq!(again.lines, state.lines);
        for (found, content) in [(&a, "a"), (&b, "b"), (&c, "c")] {
            assert_eq!(again.content(found), Some(Sha256::of(content.as_bytes())));
        }
        reboot(&path);
        let later = State::load(&path).unwrap();
        assert_eq!(later.content(&a), Some(Sha256::of(b"a")));
        assert_eq!((later.content(&b), later.content(&c)), (None, None));
    }

    #[test]
    fn takes_no_line_that_was_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (a, b) = (file(folder.path(), "a", "a"), file(folder.path(), "b", "b"));
        let mut state = State::load(&path).unwrap();
        state.record(&a, Sha256::of(b"a")).unwrap();
        state.record(&b, Sha256::of(b"b")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 3]).unwrap();
        let mut state = State::load(&path).unwrap();
        assert_eq!((state.content(&a), state.content(&b)), (Some(Sha256::of(b"a")), None));
        state.record(&b, Sha256::of(b"b")).unwrap();
        assert_eq!(State::load(&path).unwrap().content(&b), Some(Sha256::of(b"b")));
    }

    #[test]
    fn refuses_a_later_version_and_begins_a_damaged_one_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::write(&path, "mirror-state 2\n").unwrap();
        let error = State::load(&path).unwrap_err().to_string();
        assert!(error.ends_with("format version 2, this program knows up to 1"), "{error}");
        fs::write(&path, "garbage\nfile\n").unwrap();
        assert!(State::load(&path).unwrap().files.is_empty());
        assert!(!path.exists());
    }
}
