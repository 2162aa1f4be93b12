//! `primary.xml`: every package of a repository, with what is needed to mirror it.
//!
//! [`read_packages`] streams: one package at a time is held, whatever the document's size.
//!
//! Two readers make one. The *full* reader walks the XML event by event. The *fast* one cuts the
//! document at each `</package>` and looks at a block only as far as its `<format>`, behind which lie
//! dependencies and files that a mirror has no use for; it is some four times as fast, and nearly all
//! documents are read by it from end to end. It hands over to the full reader, at the block's
//! start and for good, whenever a block is not plainly what createrepo_c and its kin write: a comment,
//! CDATA or processing instruction, a prefix, nested elements, something missing, broken or too large.
//! So what the fast one does not understand is never guessed at, and errors come from the full reader
//! only. The results differ in one way: what stands between `<format>` and its end is checked by the
//! full reader for being well-formed XML and within bounds, and not by the fast one.

use std::io::BufRead;

use super::FormatError;
use super::cut::Document;
use super::xml::Xml;
use crate::digest::Digest;
use crate::limits;

mod fast;

use fast::read_block;

/// What a document held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many packages it says it has (`packages="…"`); clients do not mind a wrong count.
    pub declared: Option<u64>,
    /// How many there were.
    pub packages: u64,
}

/// One package, as its record says; the texts live until the next one is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRef<'a> {
    /// The package's name.
    pub name: &'a str,
    /// The architecture that it is for, `src` for source packages.
    pub arch: &'a str,
    /// The epoch; empty means 0.
    pub epoch: &'a str,
    /// The version.
    pub version: &'a str,
    /// The release; may be empty.
    pub release: &'a str,
    /// The digest of the package's file, which is its identity in the other metadata.
    pub checksum: Digest,
    /// The file's path below the repository, as written: not yet known to be safe.
    pub href: &'a str,
    /// `xml:base`: another place that `href` is relative to.
    pub base: Option<&'a str>,
    /// The size of the package's file in bytes.
    pub size: Option<u64>,
    /// When the package was built, in seconds since 1970.
    pub build_time: Option<i64>,
}

/// Reads a primary document and calls `on_package` for each package, in order.
///
/// A package without a name, version, checksum or location, a checksum that does not parse, XML that
/// is not well-formed and anything over its bound are errors; an error of `on_package` ends the
/// reading. A package without an architecture is `noarch`, as clients have it. Numbers that do not
/// parse are left out.
pub fn read_packages<E: From<FormatError>>(
    reader: impl BufRead,
    mut on_package: impl FnMut(PackageRef<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut document = Document::new(reader, limits::PACKAGE_BLOCK);
    let mut package = Package::default();
    let mut summary = Summary::default();
    let head = document.head("metadata").map_err(FormatError::from)?;
    if let Some(head) = &head {
        while let Some(block) = document.block().map_err(FormatError::from)? {
            let Some(checksum) = read_block(block, &mut package) else {
                break;
            };
            document.take_block();
            summary.count()?;
            on_package(package.borrow(checksum))?;
        }
        summary.declared = head.declared;
    }
    read_rest(document.rest(head), &mut package, &mut summary, on_package)?;
    Ok(summary)
}

/// What the full reader alone makes of a document.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_packages_fully<E: From<FormatError>>(
    reader: impl BufRead,
    on_package: impl FnMut(PackageRef<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut summary = Summary::default();
    read_rest(Xml::new(reader), &mut Package::default(), &mut summary, on_package)?;
    Ok(summary)
}

impl Summary {
    pub(super) fn count(&mut self) -> Result<(), FormatError> {
        self.packages += 1;
        if self.packages > limits::PACKAGES as u64 {
            return Err(FormatError::Limit { what: "packages", limit: limits::PACKAGES as u64 });
        }
        Ok(())
    }
}

/// The full reader, from the root element or from the packages that the fast one left.
fn read_rest<R: BufRead, E: From<FormatError>>(
    mut xml: Xml<R>,
    package: &mut Package,
    summary: &mut Summary,
    mut on_package: impl FnMut(PackageRef<'_>) -> Result<(), E>,
) -> Result<(), E> {
    xml.root(&["metadata"], "primary metadata")?;
    summary.declared = xml.attribute("packages")?.and_then(|n| n.trim().parse().ok());
    while let Some(name) = xml.child()? {
        if name == "package" {
            let checksum = package.read(&mut xml)?;
            summary.count()?;
            on_package(package.borrow(checksum))?;
        } else {
            xml.skip()?;
        }
    }
    xml.finish()?;
    Ok(())
}

/// A package's record, its buffers used again for the next.
#[derive(Default)]
pub(super) struct Package {
    name: String,
    arch: String,
    epoch: String,
    version: String,
    release: String,
    href: String,
    base: String,
    size: Option<u64>,
    build_time: Option<i64>,
    text: String,
}

fn set(field: &mut String, value: &str) {
    field.clear();
    field.push_str(value);
}

impl Package {
    fn clear(&mut self) {
        for text in [
            &mut self.name,
            &mut self.arch,
            &mut self.epoch,
            &mut self.version,
            &mut self.release,
            &mut self.href,
            &mut self.base,
        ] {
            text.clear();
        }
        self.size = None;
        self.build_time = None;
    }

    /// The checksum of a package that has all it needs, or the name of what it lacks.
    fn complete(&self, checksum: Option<Digest>) -> Result<Digest, &'static str> {
        match checksum {
            _ if self.name.is_empty() => Err("name"),
            _ if self.version.is_empty() => Err("version"),
            _ if self.href.is_empty() => Err("location"),
            None => Err("checksum"),
            Some(checksum) => Ok(checksum),
        }
    }

    pub(super) fn borrow(&self, checksum: Digest) -> PackageRef<'_> {
        PackageRef {
            name: &self.name,
            arch: if self.arch.is_empty() { "noarch" } else { &self.arch },
            epoch: &self.epoch,
            version: &self.version,
            release: &self.release,
            checksum,
            href: &self.href,
            base: Some(&*self.base).filter(|base| !base.is_empty()),
            size: self.size,
            build_time: self.build_time,
        }
    }

    /// Reads a whole element, and gives its checksum.
    pub(super) fn read_element(&mut self, element: &[u8]) -> Result<Digest, FormatError> {
        if let Some(checksum) = read_block(element, self) {
            return Ok(checksum);
        }
        let mut xml = Xml::new(element);
        xml.root(&["package"], "package")?;
        self.read(&mut xml)
    }

    /// Reads the element that was just entered, and gives its checksum.
    fn read<R: BufRead>(&mut self, xml: &mut Xml<R>) -> Result<Digest, FormatError> {
        self.read_with(xml, Xml::skip)
    }

    /// The same, with what is made of its `<format>`: `on_format` reads that to its end.
    pub(super) fn read_with<R: BufRead>(
        &mut self,
        xml: &mut Xml<R>,
        mut on_format: impl FnMut(&mut Xml<R>) -> Result<(), FormatError>,
    ) -> Result<Digest, FormatError> {
        self.clear();
        let mut checksum = None;
        while let Some(name) = xml.child()? {
            match name {
                "name" => xml.text(&mut self.name)?,
                "arch" => xml.text(&mut self.arch)?,
                "checksum" => checksum = Some(xml.digest(&self.name, &mut self.text)?),
                "version" => {
                    xml.attributes(|key, value| match key {
                        "epoch" => set(&mut self.epoch, &value),
                        "ver" => set(&mut self.version, &value),
                        "rel" => set(&mut self.release, &value),
                        _ => {}
                    })?;
                    xml.skip()?;
                }
                "time" => {
                    xml.attributes(|key, value| {
                        if key == "build" {
                            self.build_time = value.parse().ok();
                        }
                    })?;
                    xml.skip()?;
                }
                "size" => {
                    xml.attributes(|key, value| {
                        if key == "package" {
                            self.size = value.parse().ok();
                        }
                    })?;
                    xml.skip()?;
                }
                "location" => {
                    xml.attributes(|key, value| match key {
                        "href" => set(&mut self.href, &value),
                        "xml:base" => set(&mut self.base, &value),
                        _ => {}
                    })?;
                    xml.skip()?;
                }
                "format" => on_format(xml)?,
                _ => xml.skip()?,
            }
        }
        let missing = match self.complete(checksum) {
            Ok(checksum) => return Ok(checksum),
            Err(missing) => missing,
        };
        let element = if self.name.is_empty() {
            "package".to_owned()
        } else {
            format!("package {:?}", super::excerpt(&self.name))
        };
        Err(xml.missing(element, missing))
    }
}

#[cfg(test)]
mod tests;
