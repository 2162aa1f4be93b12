//! What [`super::filelists`] and [`super::other`] share: documents of packages that are told apart by
//! their pkgid, with entries of one kind.

use std::io::BufRead;

use super::xml::Xml;
use super::{FormatError, excerpt};
use crate::limits;

/// Which package the entries belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageId {
    /// The checksum of the package's file, in hexadecimal: by it the primary's record is found.
    pub pkgid: String,
    /// The package's name.
    pub name: String,
    /// Its architecture.
    pub arch: String,
    /// Its epoch; empty means 0.
    pub epoch: String,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
}

/// How many packages a document says it has, and how many it had.
pub use super::primary::Summary;

/// The entries of one package, in buffers that serve the next one too.
pub(super) trait Entries {
    /// The local name of an entry's element.
    const ELEMENT: &'static str;

    fn clear(&mut self);

    /// Reads the entry that was just entered, to its end.
    fn read<R: BufRead>(&mut self, xml: &mut Xml<R>) -> Result<(), FormatError>;

    /// How many entries there are, and how many bytes they take.
    fn size(&self) -> (usize, usize);
}

/// Walks a document and calls `on_package` with each package and its entries.
pub(super) fn read<T: Entries, E: From<FormatError>>(
    reader: impl BufRead,
    root: &'static str,
    entries: &mut T,
    mut on_package: impl FnMut(&PackageId, &T) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut xml = Xml::new(reader);
    let mut id = PackageId::default();
    let mut summary = Summary::default();
    xml.root(&[root], root)?;
    summary.declared = xml.attribute("packages")?.and_then(|n| n.trim().parse().ok());
    while let Some(name) = xml.child()? {
        if name == "package" {
            read_package(&mut xml, &mut id, entries)?;
            summary.count()?;
            on_package(&id, entries)?;
        } else {
            xml.skip()?;
        }
    }
    xml.finish()?;
    Ok(summary)
}

fn read_package<R: BufRead, T: Entries>(
    xml: &mut Xml<R>,
    id: &mut PackageId,
    entries: &mut T,
) -> Result<(), FormatError> {
    id.clear();
    entries.clear();
    xml.attributes(|key, value| match key {
        "pkgid" => id.pkgid.push_str(&value),
        "name" => id.name.push_str(&value),
        "arch" => id.arch.push_str(&value),
        _ => {}
    })?;
    if id.pkgid.is_empty() {
        return Err(xml.missing(format!("package {:?}", excerpt(&id.name)), "pkgid"));
    }
    while let Some(name) = xml.child()? {
        if name == T::ELEMENT {
            entries.read(xml)?;
            check_size(entries)?;
        } else if name == "version" {
            id.set_version(xml)?;
            xml.skip()?;
        } else {
            xml.skip()?;
        }
    }
    Ok(())
}

fn check_size(entries: &impl Entries) -> Result<(), FormatError> {
    let (count, bytes) = entries.size();
    let (what, limit) = if count > limits::PACKAGE_ENTRIES {
        ("entries of one package", limits::PACKAGE_ENTRIES)
    } else if bytes > limits::PACKAGE_TEXT {
        ("bytes of one package", limits::PACKAGE_TEXT)
    } else {
        return Ok(());
    };
    Err(FormatError::Limit { what, limit: limit as u64 })
}

impl PackageId {
    fn clear(&mut self) {
        for text in [
            &mut self.pkgid,
            &mut self.name,
            &mut self.arch,
            &mut self.epoch,
            &mut self.version,
            &mut self.release,
        ] {
            text.clear();
        }
    }

    fn set_version<R: BufRead>(&mut self, xml: &Xml<R>) -> Result<(), FormatError> {
        let set = |field: &mut String, value: &str| {
            field.clear();
            field.push_str(value);
        };
        xml.attributes(|key, value| match key {
            "epoch" => set(&mut self.epoch, &value),
            "ver" => set(&mut self.version, &value),
            "rel" => set(&mut self.release, &value),
            _ => {}
        })
    }
}
