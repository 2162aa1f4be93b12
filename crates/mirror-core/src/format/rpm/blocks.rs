//! Metadata as raw `<package>` elements, to be carried over into metadata of our own: [`Packages`] of a
//! primary, [`Entries`] of a filelists or other, and [`Join`] for the three of them side by side.
//!
//! An element comes byte for byte as it was written, wherever it is plain XML, as nearly all are. What
//! is not is written anew from what the full reader makes of it: comments and processing instructions
//! are gone, CDATA is text, prefixes stay, for [`Root`] keeps the namespaces that they stand for. So
//! every element that comes out is well-formed on its own, has no `<!` and no `<?`, means what it meant,
//! and can smuggle nothing into the document that it is put in. Elements that cannot be written so are
//! errors: characters that XML excludes, names that are not of ASCII.
//!
//! One element at a time is in memory, of at most [`limits::PACKAGE_ELEMENT`] bytes.

use std::io::{self, BufRead, Write};

use super::cut::{Document, Head, Rest};
use super::nevra::Nevra;
use super::primary::{Package, PackageRef, Summary};
use super::xml::Xml;
use super::xml_writer::XmlWriter;
use super::{FormatError, excerpt, plain};
use crate::limits;

mod join;

pub use join::{Join, Joined};

/// What kind of document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `primary.xml`.
    Primary,
    /// `filelists.xml`.
    Filelists,
    /// `filelists-ext.xml`: with the digests of the files.
    FilelistsExt,
    /// `other.xml`.
    Other,
    /// `susedata.xml`: what SUSE says of packages besides.
    Susedata,
}

impl Kind {
    /// The root element's name.
    const fn root(self) -> &'static str {
        match self {
            Self::Primary => "metadata",
            Self::Filelists => "filelists",
            Self::FilelistsExt => "filelists-ext",
            Self::Other => "otherdata",
            Self::Susedata => "susedata",
        }
    }

    /// What a document is called that is not of this kind.
    const fn expected(self) -> &'static str {
        match self {
            Self::Primary => "primary metadata",
            other => other.root(),
        }
    }
}

/// What stands around the packages: the root element's tag, with the namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Root {
    fn read<R: BufRead>(xml: &Xml<R>) -> Result<Self, FormatError> {
        let name = xml.qualified_name();
        xml.check_name(name)?;
        Ok(Self { name: name.to_owned(), attributes: xml.all_attributes()? })
    }

    /// How many packages the document says it has.
    pub fn declared(&self) -> Option<u64> {
        let declared = self.attributes.iter().find(|(key, _)| key == "packages");
        declared.and_then(|(_, value)| value.trim().parse().ok())
    }

    /// Writes what comes before the first of so many packages, as `createrepo_c` does: the XML
    /// declaration and the tag, each on a line of its own. So is each package to be.
    pub fn write_start(&self, out: impl Write, packages: u64) -> io::Result<()> {
        let mut xml = XmlWriter::new(out);
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<")?;
        xml.raw(&self.name)?;
        let count = packages.to_string();
        for (key, value) in &self.attributes {
            xml.attribute(key, if key == "packages" { &count } else { value })?;
        }
        if !self.attributes.iter().any(|(key, _)| key == "packages") {
            xml.attribute("packages", &count)?;
        }
        xml.raw(">\n")
    }

    /// Writes a package of a filelists or other document that says nothing of it.
    pub(crate) fn write_nothing_of(
        &self,
        out: impl Write,
        pkgid: &str,
        Nevra { name, evr, arch }: &Nevra,
    ) -> io::Result<()> {
        let prefix = self.name.split_once(':').map_or("", |(prefix, _)| prefix);
        let colon = if prefix.is_empty() { "" } else { ":" };
        let mut xml = XmlWriter::new(out);
        xml.raw(&format!("<{prefix}{colon}package"))?;
        for (key, value) in [("pkgid", pkgid), ("name", name), ("arch", arch)] {
            xml.attribute(key, value)?;
        }
        xml.raw(&format!("><{prefix}{colon}version"))?;
        let epoch = evr.epoch.to_string();
        for (key, value) in [("epoch", &epoch), ("ver", &evr.version), ("rel", &evr.release)] {
            xml.attribute(key, value)?;
        }
        xml.raw(&format!("/></{prefix}{colon}package>"))
    }

    /// Writes what follows the last package: the end tag, without a new line.
    pub fn write_end(&self, mut out: impl Write) -> io::Result<()> {
        write!(out, "</{}>", self.name)
    }
}

/// The `<package>` elements of any kind of document.
struct Elements<R> {
    root: Root,
    state: State<R>,
    summary: Summary,
    /// Where the element that is given out was written anew.
    anew: Vec<u8>,
}

enum State<R> {
    /// Cut into blocks that are plain so far.
    Plain(Document<R>, Head),
    /// Walked from where something was not plain.
    Full(Box<Xml<Rest<R>>>),
    /// At its end, or broken.
    Done,
}

impl<R: BufRead> Elements<R> {
    fn new(reader: R, kind: Kind) -> Result<Self, FormatError> {
        let mut document = Document::new(reader, limits::PACKAGE_ELEMENT);
        let (root, state) = if let Some(head) = document.head(kind.root())? {
            let mut xml = Xml::new(&*head.bytes);
            xml.root(&[kind.root()], kind.expected())?;
            (Root::read(&xml)?, State::Plain(document, head))
        } else {
            let mut xml = document.rest(None);
            xml.root(&[kind.root()], kind.expected())?;
            (Root::read(&xml)?, State::Full(Box::new(xml)))
        };
        let summary = Summary { declared: root.declared(), packages: 0 };
        Ok(Self { root, state, summary, anew: Vec::new() })
    }

    /// The next element; `None` at the document's end.
    fn next(&mut self) -> Result<Option<&[u8]>, FormatError> {
        if let State::Plain(document, _) = &mut self.state
            && !document.block()?.is_some_and(plain::is_package)
        {
            self.walk()?;
        }
        if let State::Full(xml) = &mut self.state
            && !copy_next(xml, &mut self.anew)?
        {
            self.state = State::Done;
        }
        if !matches!(self.state, State::Done) {
            self.summary.count()?;
        }
        Ok(match &mut self.state {
            State::Plain(document, _) => Some(document.take_block()),
            State::Full(_) => Some(&self.anew),
            State::Done => None,
        })
    }

    /// Goes on with the full reader.
    fn walk(&mut self) -> Result<(), FormatError> {
        let before = std::mem::replace(&mut self.state, State::Done);
        if let State::Plain(document, head) = before {
            let mut xml = document.rest(Some(head));
            // The tag that the head ends with, which has no prefix.
            xml.root(&[&self.root.name], "metadata")?;
            self.state = State::Full(Box::new(xml));
        }
        Ok(())
    }
}

/// Writes the next package anew; false at the document's end.
fn copy_next<R: BufRead>(xml: &mut Xml<R>, element: &mut Vec<u8>) -> Result<bool, FormatError> {
    while let Some(name) = xml.child()? {
        if name == "package" {
            return xml.copy(element).map(|()| true);
        }
        xml.skip()?;
    }
    xml.finish().map(|()| false)
}

/// The packages of a primary document.
pub struct Packages<R> {
    elements: Elements<R>,
    package: Package,
}

impl<R> std::fmt::Debug for Packages<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packages").field("root", &self.elements.root).finish_non_exhaustive()
    }
}

impl<R: BufRead> Packages<R> {
    /// Opens a document.
    pub fn new(reader: R) -> Result<Self, FormatError> {
        let elements = Elements::new(reader, Kind::Primary)?;
        Ok(Self { elements, package: Package::default() })
    }

    /// What stands around the packages.
    pub fn root(&self) -> &Root {
        &self.elements.root
    }

    /// How many packages there were so far, and how many the document says it has.
    pub fn summary(&self) -> Summary {
        self.elements.summary
    }

    /// The next package and its element; `None` at the document's end. What is an error, is one to
    /// [`read_packages`](super::primary::read_packages) too, and besides what the module names.
    #[expect(clippy::should_implement_trait, reason = "what it gives lives until the next call")]
    pub fn next(&mut self) -> Result<Option<(PackageRef<'_>, &[u8])>, FormatError> {
        let Some(element) = self.elements.next()? else { return Ok(None) };
        let checksum = self.package.read_element(element)?;
        Ok(Some((self.package.borrow(checksum), element)))
    }
}

/// The packages of a filelists or other document.
pub struct Entries<R> {
    elements: Elements<R>,
    pkgid: String,
}

impl<R> std::fmt::Debug for Entries<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries").field("root", &self.elements.root).finish_non_exhaustive()
    }
}

impl<R: BufRead> Entries<R> {
    /// Opens a document.
    pub fn new(reader: R, kind: Kind) -> Result<Self, FormatError> {
        Ok(Self { elements: Elements::new(reader, kind)?, pkgid: String::new() })
    }

    /// What stands around the packages.
    pub fn root(&self) -> &Root {
        &self.elements.root
    }

    /// How many packages there were so far, and how many the document says it has.
    pub fn summary(&self) -> Summary {
        self.elements.summary
    }

    /// The pkgid of the next package, in lower case, and its element; `None` at the document's end. A
    /// package without a pkgid is an error.
    #[expect(clippy::should_implement_trait, reason = "what it gives lives until the next call")]
    pub fn next(&mut self) -> Result<Option<(&str, &[u8])>, FormatError> {
        let Some(element) = self.elements.next()? else { return Ok(None) };
        self.pkgid.clear();
        if let Some(pkgid) = plain::attribute(element, "pkgid") {
            self.pkgid.push_str(&pkgid);
        } else {
            let mut xml = Xml::new(element);
            xml.root(&["package"], "package")?;
            self.pkgid.push_str(&xml.attribute("pkgid")?.unwrap_or_default());
            if self.pkgid.is_empty() {
                let name = xml.attribute("name")?.unwrap_or_default();
                return Err(xml.missing(format!("package {:?}", excerpt(&name)), "pkgid"));
            }
        }
        self.pkgid.make_ascii_lowercase();
        Ok(Some((&self.pkgid, element)))
    }
}

/// A primary's `<package>` element with `href` as its location, and without `xml:base`; `None` where it
/// has no location, or several.
pub fn relocated(element: &[u8], href: &str) -> Option<Vec<u8>> {
    if let Some(moved) = plain::relocated(element, href) {
        return Some(moved);
    }
    // What is legal and not plain is written anew.
    let mut xml = Xml::new(element);
    xml.root(&["package"], "package").ok()?;
    let mut anew = Vec::new();
    let locations = xml.copy_at(&mut anew, Some(href)).ok()?;
    (locations == 1).then_some(anew)
}

#[cfg(test)]
mod tests;
