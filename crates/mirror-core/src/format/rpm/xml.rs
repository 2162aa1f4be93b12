//! A pull reader over XML that was written by a stranger.
//!
//! The documents are data: elements with attributes and text. [`Xml`] walks them by recursive descent:
//! [`Xml::root`], then [`Xml::child`] until it says no, and for each child either its own children,
//! its [`Xml::text`] or [`Xml::skip`].
//!
//! Guaranteed: no token, text or nesting over its bound is held ([`limits::XML_TOKEN`],
//! [`limits::XML_DEPTH`]); no entity is expanded beyond the predefined five and characters; tags match;
//! one root, nothing but white space and comments around it.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use memchr::memmem;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::{FormatError, excerpt};
use crate::digest::Digest;
use crate::limits;

mod copy;
pub(super) mod tree;

/// A walk over an XML document; see the module.
pub(super) struct Xml<R> {
    reader: Reader<Budget<R>>,
    buf: Vec<u8>,
    /// The last start tag, without its brackets, and the length of its name.
    tag: String,
    name_len: usize,
    depth: usize,
    /// The last start tag was an empty element's: its end is still to be told.
    is_empty: bool,
    shift: Shift,
}

/// Where a reader that resumed in the middle of a document really is: behind `head` bytes that it was
/// given again, `skipped` more lie.
#[derive(Clone, Copy, Default)]
pub(super) struct Shift {
    pub(super) head: u64,
    pub(super) skipped: u64,
}

impl Shift {
    fn apply(self, position: u64) -> u64 {
        if position > self.head { position + self.skipped } else { position }
    }
}

enum Node {
    Start,
    End,
    Text,
    Other,
    Eof,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(reader: R) -> Self {
        Self::resumed(reader, Shift::default())
    }

    /// Over a document that may have `limit` bytes in all.
    pub(super) fn bounded(reader: R, limit: u64) -> Self {
        let mut xml = Self::new(reader);
        let budget = xml.reader.get_mut();
        (budget.total, budget.limit) = (limit, limit);
        xml
    }

    pub(super) fn resumed(reader: R, shift: Shift) -> Self {
        Self {
            reader: Reader::from_reader(Budget {
                inner: reader,
                left: 0,
                total: u64::MAX,
                limit: u64::MAX,
            }),
            buf: Vec::new(),
            tag: String::new(),
            name_len: 0,
            depth: 0,
            is_empty: false,
            shift,
        }
    }

    /// Bytes of the document up to the end of what was read last.
    pub(super) fn position(&self) -> u64 {
        self.shift.apply(self.reader.buffer_position())
    }

    /// Enters the root element, which must be called one of `names`.
    pub(super) fn root(
        &mut self,
        names: &[&str],
        expected: &'static str,
    ) -> Result<(), FormatError> {
        let mut text = String::new();
        loop {
            let found = match self.next(Some(&mut text)) {
                Ok(Node::Start) if names.contains(&self.name()) => return Ok(()),
                Ok(Node::Start) => format!("<{}>", excerpt(self.name())),
                Ok(Node::Text) if text.trim_start_matches('\u{feff}').trim().is_empty() => continue,
                Ok(Node::Text) => format!("{:?}", excerpt(text.trim())),
                Ok(Node::Eof) if self.position() == 0 => "nothing at all".to_owned(),
                Ok(Node::Eof) => "no element".to_owned(),
                Ok(Node::Other | Node::End) => continue,
                // Binary content is "not that document" rather than "broken XML".
                Err(FormatError::Xml { position: 0, .. }) => "something that is not XML".to_owned(),
                Err(error) => return Err(error),
            };
            return Err(FormatError::Root { expected, found });
        }
    }

    /// Enters the next child of the element that we are in and gives its local name, or leaves the
    /// element and gives `None`. Text between children is passed over.
    pub(super) fn child(&mut self) -> Result<Option<&str>, FormatError> {
        loop {
            match self.next(None)? {
                Node::Start => break,
                Node::End => return Ok(None),
                Node::Text | Node::Other => {}
                Node::Eof => return Err(self.cut_short()),
            }
        }
        Ok(Some(self.name()))
    }

    /// The local name of the element that was entered last.
    pub(super) fn name(&self) -> &str {
        let name = &self.tag[..self.name_len];
        name.rsplit_once(':').map_or(name, |(_, local)| local)
    }

    /// Calls `on` with the name, as written, and the value of each attribute of the element that was
    /// entered last.
    pub(super) fn attributes(
        &self,
        mut on: impl FnMut(&str, Cow<'_, str>),
    ) -> Result<(), FormatError> {
        let start = BytesStart::from_content(self.tag.as_str(), self.name_len);
        for (count, attribute) in start.attributes().enumerate() {
            // No metadata has a crowd of them.
            if count == limits::XML_ATTRIBUTES {
                return Err(FormatError::Limit {
                    what: "attributes of one tag",
                    limit: limits::XML_ATTRIBUTES as u64,
                });
            }
            let attribute = attribute.map_err(|error| self.ill_formed(&error))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| self.ill_formed(&error))?;
            on(attribute.key.0, value);
        }
        Ok(())
    }

    /// The value of one attribute of the element that was entered last.
    pub(super) fn attribute(&self, name: &str) -> Result<Option<String>, FormatError> {
        let mut found = None;
        self.attributes(|key, value| {
            if key == name {
                found = Some(value.into_owned());
            }
        })?;
        Ok(found)
    }

    /// Leaves the element that was entered last and puts its own text, without white space around
    /// it, into `text`. Children, which text elements do not have, are passed over.
    pub(super) fn text(&mut self, text: &mut String) -> Result<(), FormatError> {
        text.clear();
        loop {
            match self.next(Some(text))? {
                Node::Start => self.skip()?,
                Node::End => break,
                Node::Text | Node::Other => {}
                Node::Eof => return Err(self.cut_short()),
            }
        }
        let end = text.trim_ascii_end().len();
        text.truncate(end);
        let start = end - text.trim_ascii_start().len();
        text.drain(..start);
        Ok(())
    }

    /// [`Xml::text`] as a string of its own.
    pub(super) fn owned_text(&mut self) -> Result<String, FormatError> {
        let mut text = String::new();
        self.text(&mut text)?;
        Ok(text)
    }

    /// Leaves the element that was entered last, whatever it holds.
    pub(super) fn skip(&mut self) -> Result<(), FormatError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            if let Node::Eof = self.next(None)? {
                return Err(self.cut_short());
            }
        }
        Ok(())
    }

    /// Makes sure that nothing follows the root element.
    pub(super) fn finish(&mut self) -> Result<(), FormatError> {
        let mut text = String::new();
        loop {
            match self.next(Some(&mut text))? {
                Node::Eof => return Ok(()),
                Node::Text if text.trim().is_empty() => {}
                Node::Other => {}
                Node::Start | Node::End | Node::Text => {
                    return Err(FormatError::Xml {
                        position: self.position(),
                        reason: "expected the document's end, found more content".to_owned(),
                    });
                }
            }
        }
    }

    /// A digest of the element that was entered last, read to its end: its `type` and its text.
    pub(super) fn digest(&mut self, of: &str, text: &mut String) -> Result<Digest, FormatError> {
        let algorithm = self.attribute("type")?.unwrap_or_default();
        self.text(text)?;
        Digest::parse(&algorithm, text).map_err(|source| FormatError::Digest {
            position: self.position(),
            element: format!("checksum of {}", excerpt(of)),
            source,
        })
    }

    /// The error of an element that lacks something.
    pub(super) fn missing(&self, element: String, missing: &'static str) -> FormatError {
        FormatError::Missing { position: self.position(), element, missing }
    }

    fn cut_short(&self) -> FormatError {
        FormatError::Xml {
            position: self.position(),
            reason: "expected more, found the end of the document inside an element".to_owned(),
        }
    }

    fn ill_formed(&self, error: &dyn std::fmt::Display) -> FormatError {
        FormatError::Xml { position: self.position(), reason: excerpt(&error.to_string()) }
    }

    /// Reads one event; appends its text to `text` where that is wanted.
    fn next(&mut self, text: Option<&mut String>) -> Result<Node, FormatError> {
        if self.is_empty {
            self.is_empty = false;
            self.depth -= 1;
            return Ok(Node::End);
        }
        self.buf.clear();
        self.reader.get_mut().left = limits::XML_TOKEN;
        let event = match self.reader.read_event_into(&mut self.buf) {
            Ok(event) => event,
            Err(error) => {
                let position = self.reader.error_position();
                return Err(explain(error, self.shift.apply(position)));
            }
        };
        let is_empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(start) | Event::Empty(start) => {
                self.name_len = start.name().0.len();
                self.tag.clear();
                self.tag.push_str(&start);
                self.is_empty = is_empty;
                self.depth += 1;
                self.check_tag()?;
                Ok(Node::Start)
            }
            Event::End(_) => {
                self.depth -= 1;
                Ok(Node::End)
            }
            Event::Text(piece) => append(text, &piece.xml10_content()),
            Event::CData(piece) => append(text, &piece.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = resolve(&reference).ok_or_else(|| FormatError::Entity {
                    position: self.shift.apply(self.reader.buffer_position()),
                    name: excerpt(&reference),
                })?;
                append(text, character.encode_utf8(&mut [0; 4]))
            }
            Event::DocType(doctype) if doctype.contains('[') => Err(FormatError::Doctype {
                position: self.shift.apply(self.reader.buffer_position()),
            }),
            Event::Decl(declaration) => check_encoding(&declaration).map(|()| Node::Other),
            Event::DocType(_) | Event::Comment(_) | Event::PI(_) => Ok(Node::Other),
            Event::Eof => Ok(Node::Eof),
        }
    }

    fn check_tag(&self) -> Result<(), FormatError> {
        if self.depth > limits::XML_DEPTH {
            return Err(FormatError::Limit {
                what: "nested elements",
                limit: limits::XML_DEPTH as u64,
            });
        }
        // The XML reader keeps the names of all elements that are open.
        if self.name_len > limits::XML_NAME {
            return Err(FormatError::Limit {
                what: "bytes of an element's name",
                limit: limits::XML_NAME as u64,
            });
        }
        // XML 1.0, section 3.1: no `<` in attribute values. The XML reader lets it pass.
        if memchr::memchr(b'<', self.tag.as_bytes()).is_some() {
            return Err(self.ill_formed(&"expected no `<` inside a tag"));
        }
        Ok(())
    }
}

fn append(text: Option<&mut String>, piece: &str) -> Result<Node, FormatError> {
    if let Some(text) = text {
        if text.len() + piece.len() > limits::XML_TOKEN {
            return Err(too_long());
        }
        text.push_str(piece);
    }
    Ok(Node::Text)
}

/// The character that `&reference;` stands for.
pub(super) fn resolve(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => BytesRef::new(reference)
            .resolve_char_ref()
            .ok()?
            .filter(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)),
    }
}

/// Whether there is a character that XML 1.0, section 2.2, excludes, and no client reads.
pub(super) fn has_excluded(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_control = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let control = bytes.iter().fold(false, |found, byte| found | is_control(*byte));
    // U+FFFE and U+FFFF end in these.
    let mut last = memmem::find_iter(bytes, b"\xef\xbf").filter_map(|at| bytes.get(at + 2));
    control || last.any(|byte| *byte >= 0xbe)
}

/// Whether an XML declaration names an encoding that is read as UTF-8.
fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), FormatError> {
    match declaration.encoding() {
        Some(Ok(name)) if !is_utf8(&name) => Err(FormatError::Encoding { found: excerpt(&name) }),
        _ => Ok(()),
    }
}

/// US-ASCII is a part of UTF-8.
pub(super) fn is_utf8(encoding: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}

fn explain(error: quick_xml::Error, position: u64) -> FormatError {
    let quick_xml::Error::Io(error) = error else {
        return FormatError::Xml { position, reason: excerpt(&error.to_string()) };
    };
    let over = error.get_ref().and_then(|inner| inner.downcast_ref());
    match over {
        Some(Over::Token) => return too_long(),
        Some(Over::Document(limit)) => {
            return FormatError::Limit { what: "bytes", limit: *limit };
        }
        None => {}
    }
    // The XML reader shares the error with nobody else.
    let kind = error.kind();
    FormatError::Read(
        std::sync::Arc::try_unwrap(error).unwrap_or_else(|error| io::Error::new(kind, error)),
    )
}

fn too_long() -> FormatError {
    FormatError::Limit { what: "bytes of one tag or text", limit: limits::XML_TOKEN as u64 }
}

/// Lets the XML reader, which collects a token however long it is, have so many bytes for one event,
/// and in all.
struct Budget<R> {
    inner: R,
    left: usize,
    total: u64,
    limit: u64,
}

#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("token is too long")]
    Token,
    #[error("document is over {0} bytes")]
    Document(u64),
}

impl<R: BufRead> BufRead for Budget<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.inner.fill_buf()?;
        if self.left == 0 && !available.is_empty() {
            return Err(io::Error::other(Over::Token));
        }
        if self.total == 0 && !available.is_empty() {
            return Err(io::Error::other(Over::Document(self.limit)));
        }
        let total = usize::try_from(self.total).unwrap_or(usize::MAX);
        Ok(&available[..available.len().min(self.left).min(total)])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount;
        self.total -= amount as u64;
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Budget<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(buf.len());
        buf[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

/// The text without the characters that XML excludes (1.0, section 2.2), which no client reads.
pub(super) fn without_excluded(mut text: String) -> String {
    let is_excluded = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(is_excluded) {
        text.retain(|c| !is_excluded(c));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn text_of(document: &str) -> Result<String, FormatError> {
        let mut xml = Xml::new(document.as_bytes());
        xml.root(&["a"], "a")?;
        let text = xml.owned_text()?;
        xml.finish()?;
        Ok(text)
    }

    #[test]
    fn collects_text_across_references_comments_and_cdata() {
        let document = "\u{feff}<?xml version='1.0' encoding='utf-8'?>\n<!-- x --><x:a k='1'> \
                        a&amp;b<!-- c -->&#x63;<![CDATA[<d>]]><skipped>s</skipped> e\r\nf </x:a>\n";
        assert_eq!(text_of(document).unwrap(), "a&bc<d> e\nf");
        let trickle = io::BufReader::with_capacity(1, &document.as_bytes()[3..]);
        let mut xml = Xml::new(trickle);
        xml.root(&["a"], "a").unwrap();
        assert_eq!(xml.attribute("k").unwrap().as_deref(), Some("1"));
        assert_eq!(xml.owned_text().unwrap(), "a&bc<d> e\nf");
    }

    #[test]
    fn refuses_every_entity_but_the_predefined() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>";
        assert!(matches!(text_of(bomb), Err(FormatError::Doctype { .. })));
        for reference in ["&b;", "&#0;", "&#8;", "&#xffff;", "&#x110000;"] {
            let error = text_of(&format!("<a>{reference}</a>")).unwrap_err();
            assert!(matches!(error, FormatError::Entity { .. }), "{reference}: {error}");
            let mut xml = Xml::new(&b"<a k='&b;'/>"[..]);
            xml.root(&["a"], "a").unwrap();
            assert!(xml.attribute("k").is_err());
        }
        assert_eq!(text_of("<!DOCTYPE a SYSTEM 'a.dtd'><a>x</a>").unwrap(), "x");
    }

    #[test]
    fn names_a_document_of_another_kind() {
        for (document, found) in [
            ("", "found nothing at all"),
            ("<!DOCTYPE html><html><p>hi</html>", "found <html>"),
            ("404 Not Found\n", "found \"404 Not Found\""),
            ("<!-- -->", "found no element"),
            ("\u{1f}<<", "found"),
        ] {
            let error = text_of(document).unwrap_err().to_string();
            assert!(error.starts_with("is no a document"), "{error}");
            assert!(error.contains(found), "{document:?}: {error}");
        }
    }

    #[test]
    fn refuses_what_is_not_well_formed() {
        for document in [
            "<a>",
            "<a><b></a>",
            "<a></a><a/>",
            "<a/>x",
            "<a k='<b>'/>",
            "<a>&amp</a>",
            "<a><b",
            "<a></b>",
        ] {
            let error = text_of(document).unwrap_err();
            assert!(matches!(error, FormatError::Xml { .. }), "{document}: {error}");
        }
        let error = text_of("<?xml version='1.0' encoding='ISO-8859-1'?><a/>").unwrap_err();
        assert_eq!(error.to_string(), "is encoded as \"ISO-8859-1\", expected UTF-8");
        let mut invalid = Xml::new(&b"<a>\xff</a>"[..]);
        invalid.root(&["a"], "a").unwrap();
        assert!(matches!(invalid.owned_text(), Err(FormatError::Xml { .. })));
    }

    #[test]
    fn holds_no_token_and_no_nesting_over_its_bound() {
        let limited = |start: &str, repeated: &str| {
            let endless = repeated.repeat(limits::XML_TOKEN + 1);
            let mut xml = Xml::new(start.as_bytes().chain(endless.as_bytes()));
            let result = xml.root(&["a"], "a").and_then(|()| xml.owned_text());
            assert!(matches!(result, Err(FormatError::Limit { .. })), "{start}{repeated}");
        };
        limited("<a>", "text");
        limited("<a>", "&#65;");
        limited("<a k='", "value");
        limited("<", "name");
        limited("<a ", "a='' ");
        limited("<a>", "<b>");
        limited("<!--", "comment");
        limited("<?", "instruction");
        limited("<!DOCTYPE ", "a");
    }

    #[test]
    fn reads_no_document_over_its_bound_and_no_crowd_of_attributes() {
        let document = "<a><b/><b/></a>";
        let children = |limit| {
            let mut xml = Xml::bounded(document.as_bytes(), limit);
            xml.root(&["a"], "a")?;
            while xml.child()?.is_some() {
                xml.skip()?;
            }
            xml.finish()
        };
        assert!(children(document.len() as u64).is_ok());
        let error = children(document.len() as u64 - 1).unwrap_err();
        assert_eq!(error.to_string(), "is too large: expected at most 14 bytes");

        let mut crowd = String::from("<a");
        for n in 0..200_000 {
            write!(crowd, " a{n}=''").unwrap();
        }
        crowd.push_str("/>");
        let mut xml = Xml::new(crowd.as_bytes());
        xml.root(&["a"], "a").unwrap();
        assert!(matches!(xml.attribute("x"), Err(FormatError::Limit { .. })));
        let name = "n".repeat(limits::XML_NAME + 1);
        let error = text_of(&format!("<{name}/>")).unwrap_err();
        assert!(matches!(error, FormatError::Limit { .. }), "{error}");
    }
}
