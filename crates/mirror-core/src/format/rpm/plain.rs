//! A walk over XML that is plain: what createrepo_c and its kin write. No comments, CDATA, processing
//! instructions nor document types, names of ASCII, few attributes, tags on one line; every reference
//! one that XML knows. What is not plain is never guessed at: it is left to the full reader.

use std::borrow::Cow;

use memchr::memmem;
use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::name::QName;

use super::xml::{has_excluded, resolve};
use super::xml_writer::XmlWriter;
use crate::limits;

/// Most attributes of an element that is looked at.
const ATTRIBUTES: usize = 8;

/// Whether `block` is one element `<package>`, plain and well-formed from its first byte to its last.
pub(super) fn is_package(block: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(block) else { return false };
    let mut scan = Scan { rest: text };
    let is_package = text.starts_with("<package") && scan.element(|_, _| ()).is_some();
    // XML 1.0, section 2.4: `]]>` is no text.
    is_package
        && scan.rest.is_empty()
        && !has_excluded(text)
        && memmem::find(block, b"]]>").is_none()
}

/// A `<package>` element with another place as its location, and no `xml:base`; `None` where it is not
/// plain, or has none.
pub(super) fn relocated(element: &[u8], href: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(element).ok()?;
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut scan = Scan { rest: text };
    let mut is_plain = true;
    scan.element(|tag, behind| {
        if tag.name.rsplit(':').next() == Some("location") {
            let end = text.len() - behind.len();
            let start = text[..end].rfind('<').unwrap_or(end);
            is_plain &= tag.is_empty;
            places.push((start, end));
        }
    })?;
    let (&(start, end), others) = places.split_first()?;
    (is_plain && others.is_empty()).then_some(())?;
    let mut out = Vec::with_capacity(element.len() + href.len());
    out.extend_from_slice(&element[..start]);
    let name = text[start + 1..end].split([' ', '/', '>']).next()?;
    let mut xml = XmlWriter::new(&mut out);
    // A vector takes everything.
    let _ = xml.raw("<").and_then(|()| xml.raw(name));
    let _ = xml.attribute("href", href).and_then(|()| xml.raw("/>"));
    out.extend_from_slice(&element[end..]);
    Some(out)
}

/// The value of an attribute of `element`'s own tag; `None` where it has none or is not plain.
pub(super) fn attribute(element: &[u8], key: &str) -> Option<String> {
    let end = memchr::memchr(b'>', element)?;
    let tag = Scan { rest: std::str::from_utf8(&element[..=end]).ok()? }.tag()?;
    tag.value(key).filter(|value| !value.is_empty()).map(Cow::into_owned)
}

/// A walk over flat XML: elements with attributes, and text without elements in it. All its methods
/// give `None` for anything else.
pub(super) struct Scan<'a> {
    pub(super) rest: &'a str,
}

pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    attributes: [(&'a str, &'a str); ATTRIBUTES],
    len: usize,
    pub(super) is_empty: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    pub(super) fn take(&mut self, prefix: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(prefix)?;
        Some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.');
        let len = self.rest.bytes().take_while(is_name).count();
        let (name, rest) = self.rest.split_at(len);
        self.rest = rest;
        name.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(name)
    }

    /// A tag without a prefix.
    pub(super) fn tag(&mut self) -> Option<Tag<'a>> {
        self.any_tag().filter(|tag| !tag.name.contains(':'))
    }

    fn any_tag(&mut self) -> Option<Tag<'a>> {
        self.take("<")?;
        let name = self.name()?;
        let mut tag = Tag { name, attributes: [("", ""); ATTRIBUTES], len: 0, is_empty: false };
        loop {
            if self.take(">").is_some() {
                return Some(tag);
            }
            if self.take("/>").is_some() {
                tag.is_empty = true;
                return Some(tag);
            }
            self.take(" ")?;
            self.blanks();
            if self.rest.starts_with(['/', '>']) {
                continue;
            }
            let attribute = self.attribute()?;
            let taken = &tag.attributes[..tag.len];
            if tag.len == ATTRIBUTES || taken.iter().any(|(key, _)| *key == attribute.0) {
                return None;
            }
            tag.attributes[tag.len] = attribute;
            tag.len += 1;
        }
    }

    fn attribute(&mut self) -> Option<(&'a str, &'a str)> {
        let key = self.name()?;
        self.take("=")?;
        let quote = *self.rest.as_bytes().first()?;
        matches!(quote, b'"' | b'\'').then_some(())?;
        let rest = &self.rest[1..];
        let end = memchr::memchr2(quote, b'<', rest.as_bytes())?;
        (rest.as_bytes()[end] == quote).then_some(())?;
        self.rest = &rest[end + 1..];
        let value = &rest[..end];
        let mut rest = value;
        while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
            rest = &rest[at + reference(&rest[at..])?.1..];
        }
        Some((key, value))
    }

    /// The text up to the end tag of that name. Its references are known to XML.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let text = self.characters()?;
        self.rest = self.rest.strip_prefix("</")?.strip_prefix(name)?;
        self.take(">")?;
        Some(text)
    }

    /// The text up to the next tag.
    fn characters(&mut self) -> Option<&'a str> {
        let mut end = 0;
        loop {
            let rest = &self.rest[end..];
            end += memchr::memchr2(b'<', b'&', rest.as_bytes())?;
            if self.rest.as_bytes()[end] == b'<' {
                break;
            }
            end += reference(&self.rest[end..])?.1;
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(text)
    }

    /// Passes over one element with all that it holds, and calls `on_child` with the tag of each of
    /// its children, and what is left of the text behind it.
    fn element(&mut self, mut on_child: impl FnMut(&Tag<'a>, &'a str)) -> Option<()> {
        let mut open: Vec<&str> = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix("</") {
                self.rest = rest.strip_prefix(open.pop()?)?;
                self.take(">")?;
            } else {
                let tag = self.any_tag()?;
                if open.len() == 1 {
                    on_child(&tag, self.rest);
                }
                if !tag.is_empty {
                    (open.len() < limits::XML_DEPTH).then_some(())?;
                    open.push(tag.name);
                }
            }
            if open.is_empty() {
                return Some(());
            }
            self.characters()?;
        }
    }
}

impl Tag<'_> {
    pub(super) fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let attributes = &self.attributes[..self.len];
        let (_, raw) = attributes.iter().find(|(name, _)| *name == key)?;
        normalized(raw)
    }

    /// Sets `field` to the attribute of that name, where there is one.
    pub(super) fn put(&self, key: &str, field: &mut String) {
        if let Some(value) = self.value(key) {
            field.clear();
            field.push_str(&value);
        }
    }
}

/// An attribute's value as XML has it; `None` for references that it does not know.
fn normalized(raw: &str) -> Option<Cow<'_, str>> {
    let attribute = Attribute { key: QName(""), value: Cow::Borrowed(raw) };
    attribute.normalized_value(XmlVersion::Implicit1_0).ok()
}

/// A text with its references resolved; `None` where its line ends would have to be normalised.
pub(super) fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr2(b'&', b'\r', raw.as_bytes()).is_none() {
        return Some(Cow::Borrowed(raw));
    }
    (!raw.contains('\r')).then_some(())?;
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (character, len) = reference(&rest[at..])?;
        text.push(character);
        rest = &rest[at + len..];
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// The reference that `text` begins with: the character that it stands for, and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    let end = memchr::memchr(b';', text.as_bytes())?;
    Some((resolve(&text[1..end])?, end + 1))
}
