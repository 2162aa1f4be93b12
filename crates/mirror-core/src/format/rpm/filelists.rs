//! `filelists.xml`: the files of each package.
//!
//! [`read_packages`] streams: the files of one package are held at a time.

use std::io::BufRead;

use super::FormatError;
use super::entries::{self, Entries};
use super::xml::Xml;

pub use super::entries::{PackageId, Summary};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file, a link, or of a type that is not known.
    File,
    /// A folder.
    Folder,
    /// A file that the package owns and does not bring.
    Ghost,
}

/// The files of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    paths: String,
    /// The kind of each file, and where its path ends.
    ends: Vec<(FileKind, usize)>,
    text: String,
}

impl Files {
    /// Path and kind of each file, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, FileKind)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let entries = self.ends.iter().zip(starts);
        entries.map(|((kind, end), start)| (&self.paths[start..*end], *kind))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl Entries for Files {
    const ELEMENT: &'static str = "file";

    fn clear(&mut self) {
        self.paths.clear();
        self.ends.clear();
    }

    fn read<R: BufRead>(&mut self, xml: &mut Xml<R>) -> Result<(), FormatError> {
        let mut kind = FileKind::File;
        xml.attributes(|key, value| match (key, &*value) {
            ("type", "dir") => kind = FileKind::Folder,
            ("type", "ghost") => kind = FileKind::Ghost,
            _ => {}
        })?;
        xml.text(&mut self.text)?;
        self.paths.push_str(&self.text);
        self.ends.push((kind, self.paths.len()));
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        (self.ends.len(), self.paths.len())
    }
}

/// Reads a filelists document and calls `on_package` with each package and its files, in order.
///
/// A package without a pkgid, XML that is not well-formed and anything over its bound are errors; an
/// error of `on_package` ends the reading.
pub fn read_packages<E: From<FormatError>>(
    reader: impl BufRead,
    on_package: impl FnMut(&PackageId, &Files) -> Result<(), E>,
) -> Result<Summary, E> {
    entries::read(reader, "filelists", &mut Files::default(), on_package)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Package = (PackageId, Vec<(String, FileKind)>);

    fn read(document: &str) -> Result<(Summary, Vec<Package>), FormatError> {
        let mut packages = Vec::new();
        let summary = read_packages(document.as_bytes(), |id, files| {
            assert_eq!(files.len(), files.iter().count());
            let files = files.iter().map(|(path, kind)| (path.to_owned(), kind));
            packages.push((id.clone(), files.collect()));
            Ok::<_, FormatError>(())
        })?;
        Ok((summary, packages))
    }

    #[test]
    fn reads_the_files_of_each_package() {
        let document = r#"<?xml version="1.0" encoding="UTF-8"?>
<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="3">
<package pkgid="aa" name="one" arch="x86_64">
  <version epoch="1" ver="2" rel="3"/>
  <file>/usr/bin/a&amp;b</file>
  <file type="dir">/etc/one</file>
  <file type="ghost">/var/log/one</file>
  <file type="new">/x</file>
</package>
<package pkgid="bb" name="two" arch="noarch"/>
</filelists>"#;
        let (summary, packages) = read(document).unwrap();
        assert_eq!((summary.declared, summary.packages), (Some(3), 2));
        let id = PackageId {
            pkgid: "aa".into(),
            name: "one".into(),
            arch: "x86_64".into(),
            epoch: "1".into(),
            version: "2".into(),
            release: "3".into(),
        };
        let files = vec![
            ("/usr/bin/a&b".to_owned(), FileKind::File),
            ("/etc/one".to_owned(), FileKind::Folder),
            ("/var/log/one".to_owned(), FileKind::Ghost),
            ("/x".to_owned(), FileKind::File),
        ];
        assert_eq!(packages[0], (id, files));
        assert_eq!((packages[1].0.version.as_str(), packages[1].1.len()), ("", 0));
    }

    #[test]
    fn refuses_what_cannot_be_joined_to_a_primary() {
        let error = |document: &str| read(document).unwrap_err().to_string();
        assert_eq!(
            error("<filelists><package name='a'/></filelists>"),
            "package \"a\" before byte 30 has no pkgid"
        );
        assert!(error("<metadata/>").contains("is no filelists document: found <metadata>"));
        assert!(error("<filelists><package pkgid='a'><file>/x").contains("found the end"));
    }
}
