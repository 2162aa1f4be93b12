//! The packages that primary metadata lists.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use url::Url;

use super::layout::{Layout, Located, Misplaced, Place};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::compression::{decoder, read_ahead};
use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::primary::{PackageRef, Summary, read_packages};
use crate::format::rpm::{FormatError, excerpt};
use crate::limits;
use crate::manifest::{Entry, Origin, Role};
use crate::path::RepoPath;

/// The folder of packages that lie elsewhere at upstream.
const FOLDER: &str = "Packages";

/// Digits of a digest that tell packages of one name apart.
const DIGITS: usize = 16;

/// The packages of a repository, in the order of its primary metadata.
#[derive(Debug)]
pub(super) struct Listed {
    /// The file of each.
    pub(super) entries: Vec<Entry>,
    /// What a selection looks at, where there is one.
    pub(super) candidates: Option<Vec<Nevra>>,
    /// Those that lie elsewhere than their records say, by their numbers.
    pub(super) moved: Vec<usize>,
    /// How many there are, and how many there were said to be.
    pub(super) summary: Summary,
}

/// Reads the primary metadata `file`, which errors call `url`. With `is_selected`, what a selection
/// looks at is kept.
pub(super) fn read(file: File, url: &str, bases: Arc<[Url]>, is_selected: bool) -> Result<Listed> {
    let opened = decoder(BufReader::with_capacity(256 << 10, file), limits::METADATA_OPEN_SIZE)
        .map_err(|error| Error::metadata(url, FormatError::from(error)))?;
    let mut reader = Reader {
        url,
        layout: Layout::new(bases),
        candidates: is_selected.then(Vec::new),
        entries: Vec::new(),
        moved: Vec::new(),
        names: 0,
    };
    let read = read_ahead(opened, |ahead| read_packages(ahead, |package| reader.take(&package)));
    let summary = read.map_err(|Stop(stop)| match stop {
        Ok(error) => error,
        Err(error) => Error::metadata(url, error),
    })?;
    reader.tell_apart()?;
    let Reader { candidates, entries, moved, .. } = reader;
    Ok(Listed { entries, candidates, moved, summary })
}

struct Reader<'a> {
    url: &'a str,
    layout: Layout,
    candidates: Option<Vec<Nevra>>,
    entries: Vec<Entry>,
    moved: Vec<usize>,
    /// Bytes that the entries' paths and subjects take.
    names: usize,
}

/// What ends the reading of packages: an error of ours, or one of the format.
struct Stop(Result<Error, FormatError>);

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        Self(Err(error))
    }
}

impl Reader<'_> {
    fn take(&mut self, package: &PackageRef<'_>) -> Result<(), Stop> {
        let refused = |reason: String| {
            Stop(Ok(Error::Metadata { file: self.url.to_owned(), source: reason.into() }))
        };
        let name = || excerpt(package.name);
        let fields = [package.name, package.arch, package.epoch, package.version, package.release];
        if let Some(field) = fields.iter().find(|field| field.len() > limits::PACKAGE_FIELD) {
            return Err(refused(format!(
                "package {} has {} bytes as its name, version or architecture, expected at most {}",
                name(),
                field.len(),
                limits::PACKAGE_FIELD
            )));
        }
        let Located { remote, place } = match self.layout.locate(package.href, package.base) {
            Ok(located) => located,
            Err(Misplaced::Path(source)) => {
                return Err(Stop(Ok(Error::Path { file: self.url.to_owned(), source })));
            }
            Err(Misplaced::Place(why)) => {
                return Err(refused(format!("package {} {why}", name())));
            }
        };
        let path = match place {
            Place::Same(path) => path,
            Place::Own(file) => {
                self.moved.push(self.entries.len());
                self::path(self.url, &format!("{FOLDER}/{file}"))
                    .map_err(|error| Stop(Ok(error)))?
            }
        };
        let subject = format!("{}.{}", package.name, package.arch);
        let href = remote.href().map_or(0, str::len);
        self.names = self.names.saturating_add(path.as_str().len() + subject.len() + href);
        if self.names > limits::MANIFEST_NAMES {
            return Err(refused(format!(
                "the names of its packages and of their files take over {} bytes, the bound for a \
                 repository",
                limits::MANIFEST_NAMES
            )));
        }
        if path.as_str().split('/').next() == Some("repodata") {
            return Err(refused(format!("package {} lies in repodata/ ({path})", name())));
        }
        if package.size.is_some_and(|size| size > limits::PAYLOAD_SIZE) {
            return Err(refused(format!("package {} is said to have over 1 TiB", name())));
        }
        self.entries.push(Entry {
            path,
            size: package.size,
            digest: Some(package.checksum),
            origin: Origin::Remote(remote),
            role: Role::Payload,
            subject: Some(subject.into()),
            unverified: None,
        });
        if let Some(candidates) = &mut self.candidates {
            candidates.push(Nevra {
                name: package.name.to_owned(),
                arch: package.arch.to_owned(),
                evr: Evr::new(package.epoch, package.version, package.release),
            });
        }
        Ok(())
    }

    /// Gives packages of one place, of which some were moved there, places of their own, whatever their
    /// order.
    fn tell_apart(&mut self) -> Result<()> {
        if self.moved.is_empty() {
            return Ok(());
        }
        // What lies at a place: one content, or several.
        let mut there: HashMap<&RepoPath, Option<Digest>> = HashMap::new();
        for entry in &self.entries {
            let content = there.entry(&entry.path).or_insert(entry.digest);
            if *content != entry.digest {
                *content = None;
            }
        }
        let shared: Vec<usize> = self
            .moved
            .iter()
            .copied()
            .filter(|at| there[&self.entries[*at].path].is_none())
            .collect();
        for at in shared {
            let entry = &mut self.entries[at];
            let digest = entry.digest.map(|digest| digest.hex()).unwrap_or_default();
            let digits = digest.get(..DIGITS).unwrap_or(&digest);
            let own = format!("{FOLDER}/{digits}/{}", entry.path.file_name());
            entry.path = self::path(self.url, &own)?;
        }
        Ok(())
    }
}

/// The path that `file` gives.
pub(super) fn path(file: &str, href: &str) -> Result<RepoPath> {
    RepoPath::new(href).map_err(|source| Error::Path { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    fn reader() -> Reader<'static> {
        let layout = Layout::new(["https://h.example/x/".parse().unwrap()].into());
        let (entries, moved) = (Vec::new(), Vec::new());
        Reader { url: "primary.xml", layout, candidates: None, entries, moved, names: 0 }
    }

    fn take(reader: &mut Reader<'_>, href: &str, content: &str) -> Result<(), String> {
        let package = PackageRef {
            name: "bash",
            arch: "noarch",
            epoch: "",
            version: "1",
            release: "1",
            checksum: Sha256::of(content.as_bytes()).into(),
            href,
            base: None,
            size: None,
            build_time: None,
        };
        reader.take(&package).map_err(|Stop(stop)| stop.unwrap().to_string())
    }

    #[test]
    fn the_names_of_a_repository_are_bounded() {
        let mut reader = reader();
        reader.names = limits::MANIFEST_NAMES - 40;
        // With `bash.noarch` some thirty bytes.
        assert!(take(&mut reader, "a/bash-1-1.noarch.rpm", "bash").is_ok());
        assert_eq!(
            take(&mut reader, "b/bash-1-1.noarch.rpm", "bash").unwrap_err(),
            "primary.xml: the names of its packages and of their files take over 268435456 bytes, \
             the bound for a repository"
        );
    }

    #[test]
    fn packages_that_lie_elsewhere_are_told_apart() {
        // Those without a place by name have one by digest.
        let packages = [
            ("../a/x.rpm", "one", Some("Packages/x.rpm")),
            ("../b/y.rpm", "two", None),
            ("../a/../a/x.rpm", "one", Some("Packages/x.rpm")),
            ("../c/y.rpm", "three", None),
            ("Packages/z.rpm", "four", Some("Packages/z.rpm")),
            ("../z.rpm", "five", None),
        ];
        // Whatever their order.
        for turn in 0..packages.len() {
            let mut reader = reader();
            let mut turned = packages;
            turned.rotate_left(turn);
            for (href, content, _) in turned {
                take(&mut reader, href, content).unwrap();
            }
            reader.tell_apart().unwrap();
            for (entry, (href, content, expected)) in reader.entries.iter().zip(turned) {
                let digest = Sha256::of(content.as_bytes()).hex();
                let own = format!("Packages/{}/{}", &digest[..16], entry.path.file_name());
                assert_eq!(entry.path.as_str(), expected.unwrap_or(&own), "{href}");
            }
        }
    }
}
