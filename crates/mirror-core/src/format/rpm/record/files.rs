//! The files of a package.

use std::collections::HashMap;

use super::super::FormatError;
use super::super::header::{Headers, tag};
use super::text::{Text, owned_text, wrong};
use crate::limits;

/// `S_IFMT` and `S_IFDIR`.
const KIND: u64 = 0o170_000;
const FOLDER: u64 = 0o040_000;

/// `RPMFILE_GHOST`.
pub(in super::super) const GHOST: u64 = 1 << 6;

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File<'a> {
    /// Its path once installed.
    pub path: Text<'a>,
    /// What it is.
    pub kind: FileKind,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file, a link, or something of that kind.
    File,
    /// A folder.
    Folder,
    /// One that the package owns and does not bring.
    Ghost,
}

/// Whether primary metadata lists a file, too: what packages ask for by path, mostly.
pub fn is_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path == "/usr/lib/sendmail" || path.contains("bin/")
}

/// Reads the list of files.
pub(super) fn read(headers: &Headers) -> Result<Vec<File<'_>>, FormatError> {
    let paths = paths(headers)?;
    let numbers = |tag| headers.get(tag)?.map(|value| value.numbers()).transpose();
    let (modes, flags) = (numbers(tag::FILEMODES)?, numbers(tag::FILEFLAGS)?);
    for (what, found) in [
        ("modes", modes.as_ref().map(ExactSizeIterator::len)),
        ("flags", flags.as_ref().map(ExactSizeIterator::len)),
    ] {
        if let Some(found) = found.filter(|found| *found != paths.len()) {
            return Err(wrong(format!("has {found} {what} for {} files", paths.len())));
        }
    }
    let mut modes = modes.into_iter().flatten();
    let mut flags = flags.into_iter().flatten();
    let kinds = std::iter::repeat_with(|| {
        let (mode, flags) = (modes.next().unwrap_or(0), flags.next().unwrap_or(0));
        match (mode & KIND, flags & GHOST) {
            (FOLDER, _) => FileKind::Folder,
            (_, 0) => FileKind::File,
            _ => FileKind::Ghost,
        }
    });
    Ok(paths.into_iter().zip(kinds).map(|(path, kind)| File { path, kind }).collect())
}

/// The paths: folders and names apart, or, in packages of rpm 3, in one.
pub(in super::super) fn paths(headers: &Headers) -> Result<Vec<Text<'_>>, FormatError> {
    let most = limits::PACKAGE_ENTRIES;
    let names = headers.strings(tag::BASENAMES, most)?;
    if names.is_empty() {
        let paths = headers.strings(tag::OLDFILENAMES, most)?;
        return paths.into_iter().map(|path| whole(&[], path)).collect();
    }
    let folders = headers.strings(tag::DIRNAMES, most)?;
    let indexes = headers.get(tag::DIRINDEXES)?.map(|value| value.numbers()).transpose()?;
    let indexes = indexes.ok_or_else(|| wrong("lacks the folders of its files".to_owned()))?;
    if indexes.len() != names.len() {
        let (found, files) = (indexes.len(), names.len());
        return Err(wrong(format!("has the folders of {found} files, and {files} files")));
    }
    let folder = |index: u64| {
        let folder = usize::try_from(index).ok().and_then(|index| folders.get(index).copied());
        folder.ok_or_else(|| {
            wrong(format!("has a file in folder {index}, and {} folders", folders.len()))
        })
    };
    // A folder is named once, however many files it holds.
    let mut total = 0;
    for (name, index) in names.iter().zip(indexes.clone()) {
        total += folder(index)?.len() + name.len();
        if total > limits::PACKAGE_TEXT {
            let what = "bytes of paths";
            return Err(FormatError::Limit { what, limit: limits::PACKAGE_TEXT as u64 });
        }
    }
    names.into_iter().zip(indexes).map(|(name, index)| whole(folder(index)?, name)).collect()
}

fn whole<'a>(folder: &[u8], name: &[u8]) -> Result<Text<'a>, FormatError> {
    if folder.len() + name.len() > limits::FILE_PATH {
        let what = "bytes of a file's path";
        return Err(FormatError::Limit { what, limit: limits::FILE_PATH as u64 });
    }
    owned_text([folder, name].concat(), "files")
}

/// The files by path.
pub(super) fn by_path<'f>(files: &'f [File<'_>]) -> HashMap<&'f str, FileKind> {
    files.iter().map(|file| (&*file.path, file.kind)).collect()
}
