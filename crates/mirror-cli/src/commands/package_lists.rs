//! From lists of packages to what they name.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use mirror_core::Error;
use mirror_core::format::rpm::package_list;

use crate::config::ConfigError;
use crate::diagnostics::Failure;
use crate::package_lists::{PackageList, SHIPPED};

/// The packages of the lists, in their order. A folder is all its files `*.txt`, by their names: the way
/// in which kubespray-offline keeps them. A file that names nothing is right, and lists that name
/// nothing together are not: one that was lost on its way must not take what is published along.
pub(super) fn read(lists: &[PackageList]) -> Result<Vec<String>, Failure> {
    let mut packages = Vec::new();
    for list in lists {
        match list {
            PackageList::Shipped(list) => packages.extend(list.packages()),
            PackageList::Files(path) => {
                for file in files(path)? {
                    packages.extend(read_file(&file)?);
                }
            }
        }
    }
    if packages.is_empty() && !lists.is_empty() {
        let files = lists.iter().map(|list| match list {
            PackageList::Shipped(list) => list.name.to_owned(),
            PackageList::Files(path) => path.display().to_string(),
        });
        let files = files.collect::<Vec<_>>().join(", ");
        return Err(ConfigError::EmptyLists { files }.into());
    }
    Ok(packages)
}

fn read_file(path: &Path) -> Result<Vec<String>, Failure> {
    let file = File::open(path);
    let file = file.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let entries = package_list::read(BufReader::new(file))
        .map_err(|error| Error::metadata(&path.display().to_string(), error))?;
    Ok(entries.into_iter().map(|entry| entry.word).collect())
}

/// The file, or those of the folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        let is_word = !path.exists() && path.components().count() == 1;
        if let Some(word) = path.to_str().filter(|word| is_word && !word.contains('.')) {
            let known = SHIPPED.map(|list| list.name.to_owned()).to_vec();
            return Err(ConfigError::NoSuchList { name: word.to_owned(), known }.into());
        }
        return Ok(vec![path.to_owned()]);
    }
    let unread = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unread)? {
        let file = entry.map_err(unread)?.path();
        if file.extension() == Some(OsStr::new("txt")) && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        let none = io::Error::new(io::ErrorKind::NotFound, "no file in it is called *.txt");
        return Err(unread(none).into());
    }
    files.sort();
    Ok(files)
}
