//! A resumable file under construction, and the proof that it is whole.
//!
//! A [`Part`] hashes what it is given while it writes it. It becomes [`Verified`] in two ways only:
//! [`Part::seal`], *against* an expected digest, and [`Part::seal_as_written`], *as* what was
//! written. `Verified` has no other constructor, so the store, which takes nothing else, cannot
//! hold what was not checked.
//!
//! A part outlives its process: it is named by the digest it is to have, and whoever wants that
//! content next goes on where it ended. What the first run left is hashed again, so a part that was
//! damaged meanwhile costs a transfer and never more. Two that want the same content at once fill a
//! part each.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Advice, FlockOperation, OFlags, fadvise, flock};
use rustix::io::Errno;

use crate::digest::{Algorithm, Digest, Hasher, Sha256};
use crate::error::{Error, Result};

/// Written bytes of which the kernel is told to begin bringing them to the disk: publication waits
/// until all are there, and a disk that was idle during the transfer would then begin.
const WRITE_BEHIND: u64 = 1 << 20;

/// What a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Its digest, where known.
    pub digest: Option<Digest>,
}

/// A file under construction; see the module's words.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
    size: u64,
    /// Bytes that are on their way to the disk.
    behind: u64,
    hasher: Hasher,
    algorithm: Option<Algorithm>,
}

impl Part {
    /// Goes on with the part of `expected`'s digest below `folder`, or begins it.
    ///
    /// Reads what is there, which takes about a second a gigabyte. Without a digest nothing could
    /// tell what an old part holds: then the part is named by `name` and begun anew.
    pub fn open(folder: &Path, expected: &Expected, name: &str) -> Result<Self> {
        let key = match &expected.digest {
            Some(digest) => format!("{}-{}", digest.algorithm(), digest.hex()),
            None => format!("new-{}", Sha256::of(name.as_bytes())),
        };
        let (path, file) = Self::claim(folder, &key)?;
        let algorithm = expected.digest.map(|digest| digest.algorithm());
        let hasher = Hasher::new(algorithm);
        let mut part = Self { path, file, size: 0, behind: 0, hasher, algorithm };
        if expected.digest.is_none() {
            part.restart()?;
        } else {
            part.read_back()?;
        }
        Ok(part)
    }

    /// What earlier runs left below `folder`, in bytes: parts that [`Part::open`] goes on with, by the
    /// digests that they are to have.
    pub fn left(folder: &Path) -> HashMap<Digest, u64> {
        let mut left = HashMap::new();
        // A folder that cannot be read is told of when a part is made there.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| {
                let (algorithm, hex) = name.strip_suffix(".0.part")?.split_once('-')?;
                Digest::parse(algorithm, hex).ok()
            });
            let found = entry.metadata().ok().filter(fs::Metadata::is_file);
            left.extend(digest.zip(found.map(|found| found.len())));
        }
        left
    }

    /// The first part of that key that nobody else is filling, locked.
    fn claim(folder: &Path, key: &str) -> Result<(PathBuf, File)> {
        let mut number = 0;
        loop {
            let path = folder.join(format!("{key}.{number}.part"));
            let file = Self::open_file(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    number += 1;
                    continue;
                }
                Err(error) => return Err(Error::io("lock", &path)(error.into())),
            }
            // Whoever held it may have given it to the store meanwhile: then it is no part any more.
            let ours = file.metadata().map_err(Error::io("look at", &path))?.ino();
            if fs::symlink_metadata(&path).is_ok_and(|there| there.ino() == ours) {
                return Ok((path, file));
            }
        }
    }

    /// Opens the part's file, and nothing that a link of that name leads to.
    fn open_file(path: &Path) -> Result<File> {
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(path)
        };
        let opened = match open() {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
                fs::remove_file(path).and_then(|()| open())
            }
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                fs::remove_dir_all(path).and_then(|()| open())
            }
            opened => opened,
        };
        opened.map_err(Error::io("open the part", path))
    }

    /// Hashes what the file holds; leaves the file's position at its end.
    fn read_back(&mut self) -> Result<()> {
        let mut buffer = Vec::new();
        loop {
            if buffer.is_empty() {
                let found = self.file.metadata().map_err(Error::io("read the part", &self.path))?;
                if found.len() == 0 {
                    return Ok(());
                }
                buffer.resize(1 << 20, 0);
            }
            let read = self.file.read(&mut buffer).map_err(Error::io("read", &self.path))?;
            if read == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..read]);
            self.size += read as u64;
            self.behind = self.size;
        }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether what is there has the expected digest.
    pub fn is(&self, expected: &Expected) -> bool {
        let (_, digest) = self.hasher.clone().finish();
        expected.digest == Some(digest)
    }

    /// Throws away what is there.
    pub fn restart(&mut self) -> Result<()> {
        use std::io::Seek as _;
        self.file.set_len(0).map_err(Error::io("truncate", &self.path))?;
        self.file.rewind().map_err(Error::io("rewind", &self.path))?;
        (self.size, self.behind) = (0, 0);
        self.hasher = Hasher::new(self.algorithm);
        Ok(())
    }

    /// Appends the next bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        if self.size - self.behind >= WRITE_BEHIND {
            self.write_behind();
        }
        Ok(())
    }

    /// Begins to bring what was written to the disk, and waits for nothing.
    fn write_behind(&mut self) {
        let new = NonZeroU64::new(self.size - self.behind);
        // Linux takes this advice to begin with what is not on the disk yet; it is no more than that.
        let _ = new.map(|new| fadvise(&self.file, self.behind, Some(new), Advice::DontNeed));
        self.behind = self.size;
    }

    /// The proof that the part is what was expected. `name` is what an error calls it.
    ///
    /// A part that fails is begun anew: its bytes are worth nothing.
    pub fn seal(mut self, expected: &Expected, name: &str) -> Result<Verified, Box<Rejected>> {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(None));
        let (sha256, digest) = hasher.finish();
        let error = match (expected.size, expected.digest) {
            // The digest first: it says more than a size, and a size beside it may be wrong.
            (_, Some(wanted)) if wanted != digest => Error::DigestMismatch {
                file: name.into(),
                expected: wanted.to_string(),
                found: digest.to_string(),
            },
            (Some(size), None) if size != self.size => {
                Error::SizeMismatch { file: name.into(), expected: size, found: self.size }
            }
            _ => return Ok(self.verified(sha256, digest)),
        };
        let error = self.restart().err().unwrap_or(error);
        Err(Box::new(Rejected { part: self, error }))
    }

    /// The proof that the part is what was written, whatever that is.
    pub fn seal_as_written(mut self) -> Verified {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(None));
        let (sha256, digest) = hasher.finish();
        self.verified(sha256, digest)
    }

    /// Removes the part: nothing of it is of use.
    pub fn discard(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))
    }

    fn verified(mut self, sha256: Sha256, digest: Digest) -> Verified {
        self.write_behind();
        Verified {
            path: self.path,
            file: self.file,
            size: self.size,
            sha256,
            digest,
            modified: None,
        }
    }
}

/// A part that was not what was expected, begun anew, and why.
#[derive(Debug)]
pub struct Rejected {
    /// The part, now empty.
    pub part: Part,
    /// What was expected and found.
    pub error: Error,
}

/// A part that is whole: its digest matched, or it was sealed as what was written.
#[derive(Debug)]
pub struct Verified {
    path: PathBuf,
    file: File,
    size: u64,
    sha256: Sha256,
    digest: Digest,
    modified: Option<SystemTime>,
}

impl Verified {
    /// With upstream's modification time.
    #[must_use]
    pub fn modified(mut self, time: Option<SystemTime>) -> Self {
        self.modified = time;
        self
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The content's name in the store.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// The digest that was checked: of the expected one's algorithm, else the SHA-256.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Upstream's modification time, where it gave one.
    pub fn modification_time(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The content, for small files.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        fs::read(&self.path).map_err(Error::io("read", &self.path))
    }

    /// Removes the file: its content is not needed.
    pub(crate) fn discard(&self) -> Result<()> {
        fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))
    }

    /// Where the file lies, and the file itself, for the store to take.
    pub(crate) fn file(&self) -> (&Path, &File) {
        (&self.path, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(content: &[u8]) -> Expected {
        Expected { size: Some(content.len() as u64), digest: Some(Sha256::of(content).into()) }
    }

    #[test]
    fn goes_on_where_the_last_run_ended() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = expected(b"hello world");
        let mut part = Part::open(folder.path(), &wanted, "x").unwrap();
        part.append(b"hello ").unwrap();
        drop(part);
        let mut part = Part::open(folder.path(), &wanted, "x").unwrap();
        assert_eq!(part.size(), 6);
        part.append(b"world").unwrap();
        let verified = part.seal(&wanted, "x").map_err(|r| r.error).unwrap();
        assert_eq!(verified.sha256(), Sha256::of(b"hello world"));
        assert_eq!(fs::read(verified.file().0).unwrap(), b"hello world");
    }

    #[test]
    fn tells_what_earlier_runs_left() {
        let folder = tempfile::tempdir().unwrap();
        let known = [b"one", b"two"].map(|content| expected(content));
        let sha1 = Digest::parse("sha1", &"0a".repeat(20)).unwrap();
        let weak = Expected { size: None, digest: Some(sha1) };
        for (number, wanted) in [known[0], weak, Expected::default()].iter().enumerate() {
            let mut part = Part::open(folder.path(), wanted, "x").unwrap();
            part.append(&vec![0; number + 2]).unwrap();
        }
        fs::write(folder.path().join("sha256-odd.0.part"), "odd").unwrap();
        let left = Part::left(folder.path());
        assert_eq!(left, [(known[0].digest.unwrap(), 2), (sha1, 3)].into());
        assert!(Part::left(&folder.path().join("nowhere")).is_empty());
    }

    #[test]
    fn is_not_sealed_with_other_content() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = expected(b"hello world");
        let mut part = Part::open(folder.path(), &wanted, "x").unwrap();
        part.append(b"hello wurld").unwrap();
        let Rejected { part, error } = *part.seal(&wanted, "x.rpm").unwrap_err();
        assert!(error.to_string().starts_with("x.rpm: found sha256:"), "{error}");
        assert_eq!(part.size(), 0, "bytes that are worth nothing are dropped");
    }

    #[test]
    fn takes_a_wrong_size_beside_a_right_digest() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = Expected { size: Some(99), ..expected(b"hello") };
        let mut part = Part::open(folder.path(), &wanted, "x").unwrap();
        part.append(b"hello").unwrap();
        assert_eq!(part.seal(&wanted, "x").map_err(|r| r.error).unwrap().size(), 5);
    }

    #[test]
    fn is_filled_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = expected(b"hello");
        let mut first = Part::open(folder.path(), &wanted, "x").unwrap();
        first.append(b"he").unwrap();
        let mut second = Part::open(folder.path(), &wanted, "x").unwrap();
        assert_eq!(second.size(), 0);
        second.append(b"hello").unwrap();
        first.append(b"llo").unwrap();
        for part in [first, second] {
            part.seal(&wanted, "x").map_err(|r| r.error).unwrap();
        }
    }

    #[test]
    fn begins_anew_where_nothing_can_tell_what_the_old_part_holds() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = Part::open(folder.path(), &Expected::default(), "url").unwrap();
        part.append(b"old").unwrap();
        drop(part);
        let part = Part::open(folder.path(), &Expected::default(), "url").unwrap();
        assert_eq!(part.size(), 0);
    }
}
