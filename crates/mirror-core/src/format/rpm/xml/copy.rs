//! Elements written anew: what a stranger wrote in some way of its own, as plain XML.

use std::io::BufRead;

use super::{Node, Xml, has_excluded};
use crate::format::rpm::xml_writer::XmlWriter;
use crate::format::rpm::{FormatError, excerpt};
use crate::limits;

impl<R: BufRead> Xml<R> {
    /// The name of the element that was entered last, its prefix included.
    pub(in crate::format::rpm) fn qualified_name(&self) -> &str {
        &self.tag[..self.name_len]
    }

    /// Leaves the element that was entered last, and puts it into `out` with all that it holds, in
    /// the place of what was there.
    ///
    /// It means the same in the document that it was in: prefixes stay as they are. Comments and
    /// processing instructions are left out, and CDATA is text. Names that are not of ASCII,
    /// characters that XML excludes, and more than [`limits::PACKAGE_ELEMENT`] bytes are errors.
    pub(in crate::format::rpm) fn copy(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.copy_at(out, None).map(drop)
    }

    /// The same, with another place in each child `location`; gives how many there are.
    pub(in crate::format::rpm) fn copy_at(
        &mut self,
        out: &mut Vec<u8>,
        href: Option<&str>,
    ) -> Result<usize, FormatError> {
        let mut locations = 0;
        out.clear();
        // The ends of the elements that are open.
        let mut open = Vec::new();
        let mut text = String::new();
        self.copy_tag(out, &mut open)?;
        while !open.is_empty() {
            text.clear();
            match self.next(Some(&mut text))? {
                Node::Start if open.len() == 1 && self.name() == "location" && href.is_some() => {
                    let name = self.qualified_name();
                    self.check_name(name)?;
                    let mut xml = XmlWriter::new(&mut *out);
                    xml.raw("<")?;
                    xml.raw(name)?;
                    xml.attribute("href", href.unwrap_or_default())?;
                    xml.raw("/>")?;
                    self.skip()?;
                    locations += 1;
                }
                Node::Start => self.copy_tag(out, &mut open)?,
                Node::End => out.extend(open.pop().unwrap_or_default().into_bytes()),
                Node::Text => {
                    self.check_characters(&text)?;
                    XmlWriter::new(&mut *out).text(&text)?;
                }
                Node::Other => {}
                Node::Eof => return Err(self.cut_short()),
            }
            if out.len() > limits::PACKAGE_ELEMENT {
                let limit = limits::PACKAGE_ELEMENT as u64;
                return Err(FormatError::Limit { what: "bytes of one package", limit });
            }
        }
        Ok(locations)
    }

    fn copy_tag(&self, out: &mut Vec<u8>, open: &mut Vec<String>) -> Result<(), FormatError> {
        let name = self.qualified_name();
        self.check_name(name)?;
        let mut xml = XmlWriter::new(out);
        xml.raw("<")?;
        xml.raw(name)?;
        for (key, value) in self.all_attributes()? {
            xml.attribute(&key, &value)?;
        }
        open.push(if self.is_empty { String::new() } else { format!("</{name}>") });
        Ok(xml.raw(if self.is_empty { "/>" } else { ">" })?)
    }

    /// The name, as written, and the value of each attribute of the element that was entered last,
    /// which can be written again.
    pub(in crate::format::rpm) fn all_attributes(
        &self,
    ) -> Result<Vec<(String, String)>, FormatError> {
        let mut attributes = Vec::new();
        self.attributes(|key, value| attributes.push((key.to_owned(), value.into_owned())))?;
        for (key, value) in &attributes {
            self.check_name(key)?;
            self.check_characters(value)?;
        }
        Ok(attributes)
    }

    pub(in crate::format::rpm) fn check_name(&self, name: &str) -> Result<(), FormatError> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.');
        let first = name.as_bytes().first();
        if name.bytes().all(is_name) && first.is_some_and(u8::is_ascii_alphabetic) {
            return Ok(());
        }
        Err(self
            .ill_formed(&format!("expected a name of ASCII letters, found {:?}", excerpt(name))))
    }

    fn check_characters(&self, text: &str) -> Result<(), FormatError> {
        if has_excluded(text) {
            return Err(self.ill_formed(&"expected no characters that XML excludes"));
        }
        Ok(())
    }
}
