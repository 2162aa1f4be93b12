//! The `<package>` elements of a package, to the byte as createrepo_c writes them, and the documents
//! around them.
//!
//! libxml2 dumps an element without its document here, so that it does not know the encoding: in
//! attributes, what is not ASCII becomes a number.

use std::io::{self, Write};

use super::dependency::word;
use super::{Dependency, FileKind, Record, is_primary};
use crate::digest::Digest;
use crate::format::rpm::FormatError;
use crate::format::rpm::repomd::checksum_type;
use crate::limits;

/// The documents that list packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// `primary.xml`.
    Primary,
    /// `filelists.xml`.
    Filelists,
    /// `other.xml`.
    Other,
}

impl Document {
    /// All of them, in the order of `repomd.xml`.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Filelists, Self::Other];

    /// What `repomd.xml` calls it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Filelists => "filelists",
            Self::Other => "other",
        }
    }

    const fn root(self) -> &'static str {
        match self {
            Self::Primary => "metadata",
            Self::Filelists => "filelists",
            Self::Other => "otherdata",
        }
    }

    /// Writes what comes before the first of so many packages.
    pub fn write_start(self, mut out: impl Write, packages: u64) -> io::Result<()> {
        let namespaces = match self {
            Self::Primary => {
                "xmlns=\"http://linux.duke.edu/metadata/common\" \
                 xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\""
            }
            Self::Filelists => "xmlns=\"http://linux.duke.edu/metadata/filelists\"",
            Self::Other => "xmlns=\"http://linux.duke.edu/metadata/other\"",
        };
        let root = self.root();
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        writeln!(out, "<{root} {namespaces} packages=\"{packages}\">")
    }

    /// Writes what follows the last package: the end tag, without a new line.
    pub fn write_end(self, mut out: impl Write) -> io::Result<()> {
        write!(out, "</{}>", self.root())
    }
}

/// A package file as it lies in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing<'a> {
    /// What it is.
    pub record: &'a Record<'a>,
    /// The digest of the file, which names the package in filelists and other.
    pub checksum: Digest,
    /// The file's size in bytes.
    pub size: u64,
    /// When the file was changed last, in seconds since 1970.
    pub time: i64,
    /// The file's path below the repository.
    pub href: &'a str,
}

impl Listing<'_> {
    /// Adds the package's element of a document, with the new line behind it. A text over
    /// [`limits::LISTED_TEXT`] and an element over [`limits::PACKAGE_ELEMENT`] are errors, for not every
    /// reader takes them; what was added is then of no use.
    pub fn write(&self, document: Document, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let end = out.len().saturating_add(limits::PACKAGE_ELEMENT);
        let mut xml = Xml { out, end, longest: 0 };
        match document {
            Document::Primary => self.primary(&mut xml),
            Document::Filelists => {
                self.opening(&mut xml);
                xml.files("  ", self.record, |_| true);
                xml.raw("</package>\n");
            }
            Document::Other => {
                self.opening(&mut xml);
                for change in &self.record.changelog {
                    xml.raw("  <changelog");
                    xml.attribute("author", &change.author);
                    xml.attribute("date", &change.time.to_string());
                    xml.raw(">");
                    xml.text(&change.text);
                    xml.raw("</changelog>\n");
                }
                xml.raw("</package>\n");
            }
        }
        if xml.longest > limits::LISTED_TEXT {
            let (what, limit) = ("bytes of one text of a package", limits::LISTED_TEXT as u64);
            return Err(FormatError::Limit { what, limit });
        }
        if xml.out.len() > end {
            let (what, limit) = ("bytes of a package's metadata", limits::PACKAGE_ELEMENT as u64);
            return Err(FormatError::Limit { what, limit });
        }
        Ok(())
    }

    /// How a package begins in filelists and other.
    fn opening(&self, xml: &mut Xml<'_>) {
        xml.raw("<package");
        xml.attribute("pkgid", &self.checksum.hex());
        xml.attribute("name", &self.record.name);
        xml.attribute("arch", &self.record.arch);
        xml.raw(">\n");
        xml.version(self.record);
    }

    fn primary(&self, xml: &mut Xml<'_>) {
        let record = self.record;
        xml.raw("<package type=\"rpm\">\n");
        xml.element("  ", "name", &record.name);
        xml.element("  ", "arch", &record.arch);
        xml.version(record);
        xml.raw("  <checksum");
        xml.attribute("type", checksum_type(&self.checksum));
        xml.raw(" pkgid=\"YES\">");
        xml.raw(&self.checksum.hex());
        xml.raw("</checksum>\n");
        xml.element("  ", "summary", &record.summary);
        xml.element("  ", "description", &record.description);
        xml.element("  ", "packager", &record.packager);
        xml.element("  ", "url", &record.url);
        xml.raw("  <time");
        xml.attribute("file", &self.time.to_string());
        xml.attribute("build", &record.build_time.to_string());
        xml.raw("/>\n  <size");
        xml.attribute("package", &self.size.to_string());
        xml.attribute("installed", &record.installed_size.to_string());
        xml.attribute("archive", &record.archive_size.to_string());
        xml.raw("/>\n  <location");
        xml.attribute("href", self.href);
        xml.raw("/>\n  <format>\n");
        xml.element("    ", "rpm:license", &record.license);
        xml.element("    ", "rpm:vendor", &record.vendor);
        xml.element("    ", "rpm:group", &record.group);
        xml.element("    ", "rpm:buildhost", &record.build_host);
        xml.element("    ", "rpm:sourcerpm", &record.source_rpm);
        xml.raw("    <rpm:header-range");
        xml.attribute("start", &record.header_range.0.to_string());
        xml.attribute("end", &record.header_range.1.to_string());
        xml.raw("/>\n");
        for (name, dependencies) in [
            ("provides", &record.provides),
            ("requires", &record.requires),
            ("conflicts", &record.conflicts),
            ("obsoletes", &record.obsoletes),
            ("suggests", &record.suggests),
            ("enhances", &record.enhances),
            ("recommends", &record.recommends),
            ("supplements", &record.supplements),
        ] {
            xml.dependencies(name, dependencies);
        }
        xml.files("    ", record, is_primary);
        xml.raw("  </format>\n</package>\n");
    }
}

struct Xml<'o> {
    out: &'o mut Vec<u8>,
    /// Once `out` is longer, nothing is added.
    end: usize,
    /// Bytes of the longest text.
    longest: usize,
}

impl Xml<'_> {
    fn raw(&mut self, markup: &str) {
        if self.out.len() <= self.end {
            self.out.extend_from_slice(markup.as_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        let before = self.out.len();
        self.escaped(text, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#13;"),
            _ => None,
        });
        self.longest = self.longest.max(self.out.len() - before);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let before = self.out.len();
        self.raw(" ");
        self.raw(name);
        self.raw("=\"");
        if value.is_ascii() {
            self.ascii(value);
        } else {
            for part in value.split_inclusive(|c: char| !c.is_ascii()) {
                match part.chars().next_back().filter(|c| !c.is_ascii()) {
                    Some(c) => {
                        self.ascii(&part[..part.len() - c.len_utf8()]);
                        self.raw(&format!("&#x{:X};", u32::from(c)));
                    }
                    None => self.ascii(part),
                }
            }
        }
        self.raw("\"");
        self.longest = self.longest.max(self.out.len() - before);
    }

    /// A piece of an attribute's value.
    fn ascii(&mut self, value: &str) {
        self.escaped(value, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'"' => Some("&quot;"),
            b'\n' => Some("&#10;"),
            b'\r' => Some("&#13;"),
            b'\t' => Some("&#9;"),
            _ => None,
        });
    }

    fn escaped(&mut self, text: &str, escape: impl Fn(u8) -> Option<&'static str>) {
        let mut done = 0;
        for (at, byte) in text.bytes().enumerate() {
            if let Some(reference) = escape(byte) {
                self.raw(&text[done..at]);
                self.raw(reference);
                done = at + 1;
            }
        }
        self.raw(&text[done..]);
    }

    fn element(&mut self, indent: &str, name: &str, text: &str) {
        self.raw(indent);
        self.raw("<");
        self.raw(name);
        self.raw(">");
        self.text(text);
        self.raw("</");
        self.raw(name);
        self.raw(">\n");
    }

    fn version(&mut self, record: &Record<'_>) {
        self.raw("  <version");
        self.attribute("epoch", &record.epoch.to_string());
        self.attribute("ver", &record.version);
        self.attribute("rel", &record.release);
        self.raw("/>\n");
    }

    fn dependencies(&mut self, name: &str, dependencies: &[Dependency<'_>]) {
        if dependencies.is_empty() {
            return;
        }
        self.raw("    <rpm:");
        self.raw(name);
        // One without a name is not listed, and yet has the list written.
        if dependencies.iter().all(|dependency| dependency.name.is_empty()) {
            self.raw("/>\n");
            return;
        }
        self.raw(">\n");
        for dependency in dependencies.iter().filter(|dependency| !dependency.name.is_empty()) {
            self.raw("      <rpm:entry");
            self.attribute("name", &dependency.name);
            if let Some(comparison) = dependency.comparison {
                self.attribute("flags", word(comparison));
                for (name, value) in [
                    ("epoch", &dependency.epoch),
                    ("ver", &dependency.version),
                    ("rel", &dependency.release),
                ] {
                    if !value.is_empty() {
                        self.attribute(name, value);
                    }
                }
            }
            if dependency.pre {
                self.raw(" pre=\"1\"");
            }
            self.raw("/>\n");
        }
        self.raw("    </rpm:");
        self.raw(name);
        self.raw(">\n");
    }

    fn files(&mut self, indent: &str, record: &Record<'_>, is_wanted: impl Fn(&str) -> bool) {
        for file in record.files.iter().filter(|file| is_wanted(&file.path)) {
            self.raw(indent);
            self.raw(match file.kind {
                FileKind::File => "<file>",
                FileKind::Folder => "<file type=\"dir\">",
                FileKind::Ghost => "<file type=\"ghost\">",
            });
            self.text(&file.path);
            self.raw("</file>\n");
        }
    }
}
