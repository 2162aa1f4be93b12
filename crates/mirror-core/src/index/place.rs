//! Where packages and metadata lie, and what that says of them.

use std::fs;
use std::path::{Path, PathBuf};

use super::Options;
use super::existing::REPODATA;
use super::walk::Found;
use crate::error::{Error, Result};
use crate::format::compression::Compression;
use crate::path::RESERVED;
use crate::store::{self, View};

/// The last Enterprise Linux whose clients are given gzip.
const LAST_OF_GZIP: u32 = 8;

/// The folders.
pub(super) struct Place {
    /// What the repository is called in events.
    pub(super) name: String,
    pub(super) output: PathBuf,
    pub(super) folders: Vec<PathBuf>,
}

impl Place {
    pub(super) fn new(folders: &[PathBuf], options: &Options) -> Result<Self> {
        let real = |path: &Path| {
            let real = fs::canonicalize(path).map_err(Error::io("enter", path))?;
            if real.is_dir() { Ok(real) } else { Err(no_folder(path, "a file")) }
        };
        let given = options.output.as_deref().or(folders.first().map(PathBuf::as_path));
        let given = given.unwrap_or(Path::new("."));
        let output = real(given)?;
        let folders = folders.iter().map(|folder| real(folder)).collect::<Result<Vec<_>>>()?;
        if let Some(folder) = folders.iter().find(|folder| !folder.starts_with(&output)) {
            return Err(Error::OutsideOf { folder: folder.clone(), repository: output });
        }
        for root in output.ancestors().filter(|root| root.join(RESERVED).is_dir()) {
            let trees = View::glance(root).trees()?;
            if let Some(tree) = trees.iter().find(|tree| output.starts_with(tree.under(root))) {
                let (root, tree) = (root.to_owned(), tree.to_string());
                return Err(Error::OfMirror { folder: output, root, tree });
            }
        }
        // The new metadata takes the place of the old as a whole, and would take that of a link as well.
        let metadata = output.join(REPODATA);
        match fs::symlink_metadata(&metadata) {
            Ok(found) if found.is_symlink() => return Err(no_folder(&metadata, "a symbolic link")),
            Ok(found) if !found.is_dir() => return Err(no_folder(&metadata, "a file")),
            Err(error) if !store::is_absent(&error) => {
                return Err(Error::io("look at", &metadata)(error));
            }
            _ => {}
        }
        Ok(Self { name: given.display().to_string(), output, folders })
    }
}

fn no_folder(path: &Path, found: &'static str) -> Error {
    Error::NoFolder { path: path.to_owned(), found }
}

/// How documents are compressed for clients of that Enterprise Linux: those of 8 and before may not know
/// zstd.
pub fn compression_for(release: u32) -> Compression {
    if release <= LAST_OF_GZIP { Compression::Gzip } else { Compression::Zstd }
}

/// The compression for the oldest Enterprise Linux that packages are for, as their names say.
pub(super) fn usual_compression(found: &[Found]) -> Compression {
    let releases = found.iter().filter_map(|found| release(found.href.file_name()));
    releases.min().map_or(Compression::Zstd, compression_for)
}

/// The Enterprise Linux of a file name such as `bash-5.1-9.el9_4.x86_64.rpm`.
fn release(name: &str) -> Option<u32> {
    let (_, rest) = name.rsplit_once(".el")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_release_by_the_name() {
        for (name, expected) in [
            ("bash-5.1.8-9.el9_4.x86_64.rpm", Some(9)),
            ("kernel-4.18.0-553.el8.x86_64.rpm", Some(8)),
            ("a-1-1.el10.noarch.rpm", Some(10)),
            ("a.elf-1-1.noarch.rpm", None),
            ("a-1-1.fc40.noarch.rpm", None),
        ] {
            assert_eq!(release(name), expected, "{name}");
        }
        assert_eq!(compression_for(7), Compression::Gzip);
        assert_eq!(compression_for(9), Compression::Zstd);
    }
}
