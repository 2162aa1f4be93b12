//! Advisories as `createrepo_c` writes them (`xml_dump_updateinfo.c`).

use std::io::{self, Write};

use super::{Advisory, Collection, Package};
use crate::format::rpm::xml_writer::XmlWriter;

/// Writes an updateinfo document, one advisory after the other.
pub struct Writer<W> {
    xml: XmlWriter<W>,
    is_begun: bool,
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("is_begun", &self.is_begun).finish_non_exhaustive()
    }
}

impl<W: Write> Writer<W> {
    /// Over `out`.
    pub fn new(out: W) -> Self {
        Self { xml: XmlWriter::new(out), is_begun: false }
    }

    /// Writes an advisory.
    pub fn write(&mut self, advisory: &Advisory) -> io::Result<()> {
        if !self.is_begun {
            self.is_begun = true;
            self.xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates>\n")?;
        }
        self.xml.raw("  <update")?;
        self.attributes(&[
            ("from", &advisory.from),
            ("status", &advisory.status),
            ("type", &advisory.kind),
            ("version", &advisory.version),
        ])?;
        self.xml.raw(">\n")?;
        self.texts(2, &[("id", &advisory.id), ("title", &advisory.title)])?;
        for (name, date) in [("issued", &advisory.issued), ("updated", &advisory.updated)] {
            if !date.is_empty() {
                self.empty(2, name, &[("date", date)])?;
            }
        }
        self.texts(
            2,
            &[
                ("rights", &advisory.rights),
                ("release", &advisory.release),
                ("pushcount", &advisory.pushcount),
                ("severity", &advisory.severity),
                ("summary", &advisory.summary),
                ("description", &advisory.description),
                ("solution", &advisory.solution),
                ("message", &advisory.message),
            ],
        )?;
        self.flag(2, "reboot_suggested", advisory.reboot_suggested)?;
        self.list(2, "references", &advisory.references, |this, reference| {
            this.empty(
                3,
                "reference",
                &[
                    ("href", &reference.href),
                    ("id", &reference.id),
                    ("type", &reference.kind),
                    ("title", &reference.title),
                ],
            )
        })?;
        self.list(2, "pkglist", &advisory.collections, Self::collection)?;
        self.xml.raw("  </update>\n")
    }

    /// Writes what is left of the document.
    pub fn finish(mut self) -> io::Result<()> {
        let end = "</updates>\n";
        if self.is_begun {
            return self.xml.raw(end);
        }
        self.xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates/>\n")
    }

    fn collection(&mut self, collection: &Collection) -> io::Result<()> {
        let Collection { short, name, module, packages } = collection;
        self.xml.raw("      <collection")?;
        self.attributes(&[("short", short)])?;
        if name.is_empty() && module.is_none() && packages.is_empty() {
            return self.xml.raw("/>\n");
        }
        self.xml.raw(">\n")?;
        self.texts(4, &[("name", name)])?;
        if let Some(module) = module {
            self.empty(
                4,
                "module",
                &[
                    ("name", &module.name),
                    ("stream", &module.stream),
                    ("version", &module.version),
                    ("context", &module.context),
                    ("arch", &module.arch),
                ],
            )?;
        }
        for package in packages {
            self.package(package)?;
        }
        self.xml.raw("      </collection>\n")
    }

    fn package(&mut self, package: &Package) -> io::Result<()> {
        self.xml.raw("        <package")?;
        self.attributes(&[
            ("name", &package.name),
            ("version", &package.version),
            ("release", &package.release),
            ("epoch", &package.epoch),
            ("arch", &package.arch),
            ("src", &package.src),
        ])?;
        let flags = [
            ("reboot_suggested", package.reboot_suggested),
            ("restart_suggested", package.restart_suggested),
            ("relogin_suggested", package.relogin_suggested),
        ];
        let is_empty = package.filename.is_empty() && package.sum.is_none();
        if is_empty && flags.iter().all(|(_, is_set)| !is_set) {
            return self.xml.raw("/>\n");
        }
        self.xml.raw(">\n")?;
        self.texts(5, &[("filename", &package.filename)])?;
        if let Some(sum) = &package.sum {
            let kind = ("type", sum.algorithm.as_str());
            let attributes = if kind.1.is_empty() { &[][..] } else { &[kind] };
            self.xml.element(5, "sum", attributes, &sum.value)?;
        }
        for (name, is_set) in flags {
            self.flag(5, name, is_set)?;
        }
        self.xml.raw("        </package>\n")
    }

    fn flag(&mut self, level: usize, name: &str, is_set: bool) -> io::Result<()> {
        if is_set { self.xml.element(level, name, &[], "True") } else { Ok(()) }
    }

    /// Elements of text: those that have one.
    fn texts(&mut self, level: usize, texts: &[(&str, &str)]) -> io::Result<()> {
        for (name, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
            self.xml.element(level, name, &[], text)?;
        }
        Ok(())
    }

    fn attributes(&mut self, attributes: &[(&str, &str)]) -> io::Result<()> {
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            self.xml.attribute(name, value)?;
        }
        Ok(())
    }

    /// An element that has attributes only.
    fn empty(&mut self, level: usize, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.open(level, name)?;
        self.attributes(attributes)?;
        self.xml.raw("/>\n")
    }

    /// An element that has a list only.
    fn list<T>(
        &mut self,
        level: usize,
        name: &str,
        items: &[T],
        mut each: impl FnMut(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.open(level, name)?;
        if items.is_empty() {
            return self.xml.raw("/>\n");
        }
        self.xml.raw(">\n")?;
        for item in items {
            each(self, item)?;
        }
        self.indent(level)?;
        self.xml.raw("</")?;
        self.xml.raw(name)?;
        self.xml.raw(">\n")
    }

    fn open(&mut self, level: usize, name: &str) -> io::Result<()> {
        self.indent(level)?;
        self.xml.raw("<")?;
        self.xml.raw(name)
    }

    fn indent(&mut self, level: usize) -> io::Result<()> {
        (0..level).try_for_each(|_| self.xml.raw("  "))
    }
}
