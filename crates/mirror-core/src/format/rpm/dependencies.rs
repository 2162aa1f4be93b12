//! `primary.xml` with what packages provide and ask for: what it takes to solve dependencies.
//!
//! [`read_packages`] streams: one package is held at a time. Whoever needs all of them keeps what it
//! needs in a form of its own (`resolve::rpm`).
//!
//! [`find_paths`] looks for files that packages ask for by path and that primary metadata does not
//! list: it has only those in `/etc`, `bin` folders and a few more, filelists have all.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::io::BufRead;

use super::filelists;
use super::primary::{Package as Identity, PackageRef, Summary};
use super::rich::Comparison;
use super::xml::Xml;
use super::{FormatError, entries::PackageId};
use crate::limits;

/// What a package says of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It is there with the package.
    Provides,
    /// The package does not work without.
    Requires,
    /// The package does not go with it.
    Conflicts,
    /// The package takes the place of the one of that name.
    Obsoletes,
    /// The package is better with it.
    Recommends,
    /// The package may be better with it; no installer brings it.
    Suggests,
    /// Whatever provides this is better with the package.
    Supplements,
    /// Whatever provides this may be better with the package.
    Enhances,
}

impl Kind {
    fn of(element: &str) -> Option<Self> {
        Some(match element {
            "provides" => Self::Provides,
            "requires" => Self::Requires,
            "conflicts" => Self::Conflicts,
            "obsoletes" => Self::Obsoletes,
            "recommends" => Self::Recommends,
            "suggests" => Self::Suggests,
            "supplements" => Self::Supplements,
            "enhances" => Self::Enhances,
            _ => return None,
        })
    }
}

/// One dependency, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationRef<'a> {
    /// What the package says of it.
    pub kind: Kind,
    /// The name, a path, or a rich dependency ([`super::rich::is_rich`]).
    pub name: &'a str,
    /// The versions that are meant, with epoch, version and release; `None` means any.
    pub versions: Option<(Comparison, [&'a str; 3])>,
    /// Whether it must be there before the package's scripts run.
    pub pre: bool,
}

/// The dependencies and files of one package.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    text: String,
    entries: Vec<Entry>,
    /// Where each file's path ends in `paths`.
    files: Vec<usize>,
    paths: String,
    buffer: String,
}

#[derive(Debug, Clone)]
struct Entry {
    kind: Kind,
    comparison: Option<Comparison>,
    pre: bool,
    /// Where name, epoch, version and release end in the text; the name begins where the entry
    /// before ends.
    ends: [usize; 4],
}

impl Relations {
    /// Each dependency, in the document's order.
    pub fn iter(&self) -> impl Iterator<Item = RelationRef<'_>> {
        let starts = std::iter::once(0).chain(self.entries.iter().map(|entry| entry.ends[3]));
        self.entries.iter().zip(starts).map(|(entry, start)| {
            let [name, epoch, version, release] = entry.ends;
            let text = &self.text;
            let evr = [&text[name..epoch], &text[epoch..version], &text[version..release]];
            RelationRef {
                kind: entry.kind,
                name: &text[start..name],
                versions: entry.comparison.map(|comparison| (comparison, evr)),
                pre: entry.pre,
            }
        })
    }

    /// The path of each file that is listed, folders and ghosts included.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.files.iter().copied());
        self.files.iter().zip(starts).map(|(end, start)| &self.paths[start..*end])
    }

    fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.files.clear();
        self.paths.clear();
    }

    /// Reads `<format>`, which was just entered.
    fn read<R: BufRead>(&mut self, xml: &mut Xml<R>) -> Result<(), FormatError> {
        while let Some(name) = xml.child()? {
            if name == "file" {
                xml.text(&mut self.buffer)?;
                self.paths.push_str(&self.buffer);
                self.files.push(self.paths.len());
                self.check_size()?;
            } else if let Some(kind) = Kind::of(name) {
                while let Some(name) = xml.child()? {
                    if name == "entry" {
                        self.read_entry(xml, kind)?;
                        self.check_size()?;
                    }
                    xml.skip()?;
                }
            } else {
                xml.skip()?;
            }
        }
        Ok(())
    }

    fn read_entry<R: BufRead>(&mut self, xml: &Xml<R>, kind: Kind) -> Result<(), FormatError> {
        let mut fields: [Option<String>; 4] = Default::default();
        let (mut comparison, mut pre) = (None, false);
        let start = self.text.len();
        xml.attributes(|key, value| match key {
            // Nearly always the first, and the only one.
            "name" => {
                self.text.truncate(start);
                self.text.push_str(&value);
            }
            "epoch" => fields[1] = Some(value.into_owned()),
            "ver" => fields[2] = Some(value.into_owned()),
            "rel" => fields[3] = Some(value.into_owned()),
            "pre" => pre = matches!(&*value, "1" | "true"),
            "flags" => {
                comparison = match &*value {
                    "LT" => Some(Comparison::Less),
                    "LE" => Some(Comparison::LessOrEqual),
                    "EQ" => Some(Comparison::Equal),
                    "GE" => Some(Comparison::GreaterOrEqual),
                    "GT" => Some(Comparison::Greater),
                    _ => None,
                }
            }
            _ => {}
        })?;
        // Clients pass over what has no name.
        if self.text.len() == start {
            return Ok(());
        }
        let mut ends = [self.text.len(); 4];
        for (field, end) in fields.iter().zip(&mut ends) {
            self.text.push_str(field.as_deref().unwrap_or_default().trim());
            *end = self.text.len();
        }
        // A comparison with nothing says nothing.
        let comparison = comparison.filter(|_| fields[2].is_some());
        self.entries.push(Entry { kind, comparison, pre, ends });
        Ok(())
    }

    fn check_size(&self) -> Result<(), FormatError> {
        let (count, bytes) =
            (self.entries.len() + self.files.len(), self.text.len() + self.paths.len());
        let (what, limit) = if count > limits::PACKAGE_ENTRIES {
            ("dependencies and files of one package", limits::PACKAGE_ENTRIES)
        } else if bytes > limits::PACKAGE_TEXT {
            ("bytes of one package", limits::PACKAGE_TEXT)
        } else {
            return Ok(());
        };
        Err(FormatError::Limit { what, limit: limit as u64 })
    }
}

/// Reads a primary document and calls `on_package` with each package and its dependencies, in order.
///
/// What is an error is what [`super::primary::read_packages`] refuses, and a package with more
/// dependencies and files than [`limits::PACKAGE_ENTRIES`].
pub fn read_packages<E: From<FormatError>>(
    reader: impl BufRead,
    mut on_package: impl FnMut(PackageRef<'_>, &Relations) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut xml = Xml::new(reader);
    let mut summary = Summary::default();
    let (mut package, mut relations) = (Identity::default(), Relations::default());
    xml.root(&["metadata"], "primary metadata")?;
    summary.declared = xml.attribute("packages")?.and_then(|n| n.trim().parse().ok());
    while let Some(name) = xml.child()? {
        if name != "package" {
            xml.skip()?;
            continue;
        }
        relations.clear();
        let checksum = package.read_with(&mut xml, |xml| relations.read(xml))?;
        summary.count()?;
        on_package(package.borrow(checksum), &relations)?;
    }
    xml.finish()?;
    Ok(summary)
}

/// Reads a filelists document and calls `on_path` with each package that has one of the paths.
pub fn find_paths<E: From<FormatError>, S: BuildHasher>(
    reader: impl BufRead,
    wanted: &HashSet<String, S>,
    mut on_path: impl FnMut(&PackageId, &str) -> Result<(), E>,
) -> Result<Summary, E> {
    filelists::read_packages(reader, |id, files| {
        for (path, _) in files.iter() {
            if wanted.contains(path) {
                on_path(id, path)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
<package type="rpm">
  <name>bash</name>
  <arch>x86_64</arch>
  <version epoch="0" ver="5.1" rel="9"/>
  <checksum type="sha256" pkgid="YES">ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad</checksum>
  <location href="p/bash.rpm"/>
  <format>
    <rpm:license>GPL</rpm:license>
    <rpm:provides>
      <rpm:entry name="bash" flags="EQ" epoch="0" ver="5.1" rel="9"/>
      <rpm:entry name="/bin/sh"/>
      <rpm:entry name=""/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="glibc" flags="GE" epoch="2" ver="2.34" pre="1"/>
      <rpm:entry name="(a if b&lt;c)"/>
      <rpm:entry name="odd" flags="XX" ver="1"/>
      <rpm:entry name="none" flags="EQ"/>
    </rpm:requires>
    <rpm:supplements><rpm:entry name="shell"/></rpm:supplements>
    <file>/usr/bin/bash</file>
    <file type="dir">/etc/skel</file>
  </format>
</package>
<package type="rpm">
  <name>empty</name>
  <version ver="1" rel="1"/>
  <checksum type="sha256" pkgid="YES">ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad</checksum>
  <location href="p/empty.rpm"/>
</package>
</metadata>"#;

    #[test]
    fn reads_dependencies_and_files() {
        let mut seen = Vec::new();
        let summary = read_packages(DOCUMENT.as_bytes(), |package, relations| {
            seen.push((package.name.to_owned(), relations.clone()));
            Ok::<_, FormatError>(())
        })
        .unwrap();
        assert_eq!((summary.packages, summary.declared), (2, Some(2)));
        let (name, bash) = &seen[0];
        let relation = |kind, name, versions| RelationRef { kind, name, versions, pre: false };
        let glibc = (Comparison::GreaterOrEqual, ["2", "2.34", ""]);
        assert_eq!(name, "bash");
        assert_eq!(
            bash.iter().collect::<Vec<_>>(),
            [
                relation(Kind::Provides, "bash", Some((Comparison::Equal, ["0", "5.1", "9"]))),
                relation(Kind::Provides, "/bin/sh", None),
                RelationRef { pre: true, ..relation(Kind::Requires, "glibc", Some(glibc)) },
                relation(Kind::Requires, "(a if b<c)", None),
                relation(Kind::Requires, "odd", None),
                relation(Kind::Requires, "none", None),
                relation(Kind::Supplements, "shell", None),
            ]
        );
        assert_eq!(bash.files().collect::<Vec<_>>(), ["/usr/bin/bash", "/etc/skel"]);
        assert_eq!(seen[1].1.iter().count() + seen[1].1.files().count(), 0);
    }

    #[test]
    fn finds_only_the_files_that_are_wanted() {
        let document = "<filelists><package pkgid='aa' name='one' arch='noarch'>\
                        <file>/usr/share/x</file><file>/usr/share/y&amp;z</file></package></filelists>";
        let wanted = HashSet::from(["/usr/share/y&z".to_owned()]);
        let mut found = Vec::new();
        find_paths(document.as_bytes(), &wanted, |id, path| {
            found.push((id.pkgid.clone(), path.to_owned()));
            Ok::<_, FormatError>(())
        })
        .unwrap();
        assert_eq!(found, [("aa".to_owned(), "/usr/share/y&z".to_owned())]);
    }
}
