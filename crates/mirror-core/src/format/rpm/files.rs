//! The files of a package as rpm installs them: what two packages have to agree on where both bring
//! the same path.

use std::collections::HashSet;
use std::hash::BuildHasher;

use super::FormatError;
use super::header::{Headers, tag};
use super::record::{GHOST, paths, wrong};
use crate::limits;

/// `S_IFMT`, `S_IFLNK` and `S_IFREG`.
const KIND: u64 = 0o170_000;
const LINK: u64 = 0o120_000;
const REGULAR: u64 = 0o100_000;

/// The colour of 64-bit ELF files, which rpm prefers on hosts that run both kinds.
const ELF64: u64 = 2;

/// What a package says of a file that it brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledFile {
    /// Its path once installed.
    pub path: String,
    mode: u64,
    is_ghost: bool,
    size: u64,
    owner: [Box<[u8]>; 2],
    /// A link's target, or the content's digest.
    content: Box<[u8]>,
    color: u64,
}

impl InstalledFile {
    /// Whether rpm refuses to install both packages at once for this file: what it is, its permissions,
    /// its owner or its content differ. Where one is of 32 bits and the other of 64, rpm takes the
    /// latter.
    pub fn clashes_with(&self, other: &Self) -> bool {
        if self.is_ghost || other.is_ghost {
            return false;
        }
        let kinds = [self, other].map(|file| file.mode & KIND);
        let colors = [self, other].map(|file| file.color & 3);
        let is_one_preferred = !colors.contains(&0)
            && colors[0] != colors[1]
            && colors.iter().any(|color| color & ELF64 != 0);
        if is_one_preferred {
            return false;
        }
        let is_sized = matches!(kinds[0], LINK | REGULAR);
        (kinds != [LINK; 2] && self.mode != other.mode)
            || (is_sized && (self.size != other.size || self.content != other.content))
            || self.owner != other.owner
    }
}

/// Reads what a package says of those of its files that are `wanted`.
pub fn read_files<S: BuildHasher>(
    headers: &Headers,
    wanted: &HashSet<&str, S>,
) -> Result<Vec<InstalledFile>, FormatError> {
    let paths = paths(headers)?;
    let count = paths.len();
    let numbers = |tags: &[u32]| {
        let found = tags.iter().find_map(|tag| headers.get(*tag).transpose()).transpose()?;
        let numbers: Vec<u64> = match found {
            Some(value) => value.numbers()?.collect(),
            None => return Ok(vec![0; count]),
        };
        fitting(numbers, count)
    };
    let texts = |tag| {
        let found = headers.strings(tag, limits::PACKAGE_ENTRIES)?;
        if found.is_empty() { Ok(vec![&[][..]; count]) } else { fitting(found, count) }
    };
    let (modes, flags) = (numbers(&[tag::FILEMODES])?, numbers(&[tag::FILEFLAGS])?);
    let sizes = numbers(&[tag::FILESIZES, tag::LONGFILESIZES])?;
    let colors = numbers(&[tag::FILECOLORS])?;
    let (users, groups) = (texts(tag::FILEUSERNAME)?, texts(tag::FILEGROUPNAME)?);
    let (links, digests) = (texts(tag::FILELINKTOS)?, texts(tag::FILEDIGESTS)?);
    let mut files = Vec::new();
    for (at, path) in paths.iter().enumerate().filter(|(_, path)| wanted.contains(&***path)) {
        let content = match modes[at] & KIND {
            LINK => links[at],
            REGULAR => digests[at],
            _ => &[],
        };
        files.push(InstalledFile {
            path: path.to_string(),
            mode: modes[at],
            is_ghost: flags[at] & GHOST != 0,
            size: sizes[at],
            owner: [users[at], groups[at]].map(Into::into),
            content: content.into(),
            color: colors[at],
        });
    }
    Ok(files)
}

fn fitting<T>(found: Vec<T>, files: usize) -> Result<Vec<T>, FormatError> {
    if found.len() == files {
        return Ok(found);
    }
    Err(wrong(format!("has {} values for {files} files", found.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mode: u64, content: &str) -> InstalledFile {
        InstalledFile {
            path: "/usr/bin/x".into(),
            mode,
            is_ghost: false,
            size: 7,
            owner: [b"root"[..].into(), b"root"[..].into()],
            content: content.as_bytes().into(),
            color: 0,
        }
    }

    #[test]
    fn clashes_as_rpm_says() {
        let one = file(0o100_755, "aa");
        assert!(!one.clashes_with(&one));
        assert!(one.clashes_with(&file(0o100_755, "bb")));
        assert!(one.clashes_with(&file(0o100_644, "aa")), "permissions");
        assert!(one.clashes_with(&file(0o120_777, "aa")), "what it is");
        assert!(one.clashes_with(&InstalledFile { size: 8, ..one.clone() }));
        let owner = [b"root"[..].into(), b"wheel"[..].into()];
        assert!(one.clashes_with(&InstalledFile { owner, ..one.clone() }));
        let ghost = InstalledFile { is_ghost: true, ..file(0o100_600, "bb") };
        assert!(!one.clashes_with(&ghost) && !ghost.clashes_with(&one));
        // Permissions of links are nobody's business.
        assert!(!file(0o120_777, "y").clashes_with(&file(0o120_755, "y")));
        assert!(file(0o120_777, "y").clashes_with(&file(0o120_777, "z")));
        let colored = |color, content| InstalledFile { color, ..file(0o100_755, content) };
        assert!(!colored(1, "aa").clashes_with(&colored(2, "bb")), "the one of 64 bits is taken");
        assert!(colored(1, "aa").clashes_with(&colored(1, "bb")));
        assert!(colored(0, "aa").clashes_with(&colored(2, "bb")));
    }
}
