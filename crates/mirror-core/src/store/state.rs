//! What was verified, so that nothing is read twice.
//!
//! `.mirror/state` is a log of lines, appended as things are verified and rewritten when it has
//! grown. It only ever saves work: where it is lost, files are hashed again.
//!
//! ```text
//! mirror-state 1
//! boot ID                                  who wrote what follows
//! file INODE SIZE MTIME CTIME SHA256       times in nanoseconds
//! digest SCOPE ALGORITHM:HEX SHA256        the content that an upstream's digest stands for
//! synced                                   everything above has reached the disk
//! ```
//!
//! An inode is trusted while its size and both times are what they were: ctime changes with every
//! write and cannot be set back. After a power loss a file may hold less than was written; lines
//! behind the last `synced` are therefore trusted only within the boot that wrote them.

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
    log: Option<File>,
    files: HashMap<u64, Seen>,
    digests: HashMap<(Scope, Digest), Sha256>,
    lines: usize,
}

impl State {
    /// Reads the state. A damaged one is begun anew: it only saves work. A later version's is an
    /// error, since its owner would lose that work.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let mut state = Self {
            path: path.to_owned(),
            log: None,
            files: HashMap::new(),
            digests: HashMap::new(),
            lines: 0,
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

    fn begin_anew(self) -> Result<Self> {
        fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))?;
        Ok(self)
    }

    fn read(&mut self, lines: &str) {
        let this_boot = boot_id();
        // A line that a crash cut short has no end: it is not taken.
        let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
        let synced = whole.rfind("\nsynced").map_or(0, |at| at + 1);
        let mut boot = "";
        let mut at = 0;
        for line in whole.split('\n') {
            let trusted = at < synced || boot == this_boot;
            at += line.len() + 1;
            self.lines += 1;
            match line.split_once(' ') {
                Some(("boot", id)) => boot = id,
                Some(("file", rest)) if trusted => {
                    if let Some((inode, seen)) = read_file(rest) {
                        self.files.insert(inode, seen);
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

    /// The content of a file that was verified and has not changed since.
    pub(super) fn content(&self, found: &Metadata) -> Option<Sha256> {
        let seen = self.files.get(&found.ino())?;
        (*seen == Seen::new(found, seen.sha256)).then_some(seen.sha256)
    }

    /// The same for a file of which links were made or removed since, which changes its ctime:
    /// only for the one who did that.
    pub(super) fn content_but_for_links(&self, found: &Metadata) -> Option<Sha256> {
        let seen = self.files.get(&found.ino())?;
        let now = Seen::new(found, seen.sha256);
        (*seen == Seen { ctime: seen.ctime, ..now }).then_some(seen.sha256)
    }

    /// The content that `digest` stands for when `scope` gives it.
    pub(super) fn digest(&self, scope: Scope, digest: &Digest) -> Option<Sha256> {
        self.digests.get(&(scope, *digest)).copied()
    }

    /// Notes the verified content of a file.
    pub(super) fn record(&mut self, found: &Metadata, sha256: Sha256) -> Result<()> {
        let seen = Seen::new(found, sha256);
        if self.files.insert(found.ino(), seen) == Some(seen) {
            return Ok(());
        }
        self.append(&file_line(found.ino(), &seen))
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

    /// Notes that everything so far has reached the disk.
    pub(super) fn synced(&mut self) -> Result<()> {
        if self.log.is_none() {
            return Ok(());
        }
        self.append("synced\n")
    }

    /// Rewrites the log where most of it no longer holds. Only once everything is synced.
    pub(super) fn compact(&mut self) -> Result<()> {
        if self.lines <= 2 * (self.files.len() + self.digests.len()) + SLACK {
            return Ok(());
        }
        let mut text = format!("{HEADER}{VERSION}\n");
        for (inode, seen) in &self.files {
            text.push_str(&file_line(*inode, seen));
        }
        for ((scope, digest), sha256) in &self.digests {
            text.push_str(&digest_line(*scope, digest, *sha256));
        }
        text.push_str("synced\n");
        super::write_whole(&self.path, text.as_bytes())?;
        self.log = None;
        self.lines = self.files.len() + self.digests.len() + 1;
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let wrong = Error::io("write", &self.path);
        let log = match &mut self.log {
            Some(log) => log,
            none => none.insert(begin(&self.path).map_err(Error::io("write", &self.path))?),
        };
        self.lines += 1;
        log.write_all(line.as_bytes()).map_err(wrong)
    }
}

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

fn file_line(inode: u64, seen: &Seen) -> String {
    let Seen { size, mtime, ctime, sha256 } = seen;
    format!("file {inode} {size} {mtime} {ctime} {sha256}\n")
}

fn digest_line(scope: Scope, digest: &Digest, sha256: Sha256) -> String {
    format!("digest {:016x} {digest} {sha256}\n", scope.0)
}

fn read_file(line: &str) -> Option<(u64, Seen)> {
    let mut words = line.split(' ');
    let inode = words.next()?.parse().ok()?;
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
        state.synced().unwrap();
        state.record(&b, Sha256::of(b"b")).unwrap();
        let text = fs::read_to_string(&path).unwrap().replace(&boot_id(), "another");
        fs::write(&path, text).unwrap();
        let state = State::load(&path).unwrap();
        assert_eq!(state.content(&a), Some(Sha256::of(b"a")));
        assert_eq!(state.content(&b), None);
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
