//! The fast reader: the document cut into blocks, and as much of a block as is plain.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use memchr::memmem;
use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::name::QName;

use super::super::xml::{Shift, Xml, is_utf8, resolve};
use super::{Package, set};
use crate::digest::Digest;
use crate::limits;

/// How much is read at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// Longest XML declaration and root tag that are looked at, in bytes.
const HEAD_LEN: usize = 4 << 10;

/// Most attributes of an element that is looked at.
const ATTRIBUTES: usize = 8;

const END: &[u8] = b"</package>";
const FORMAT: &[u8] = b"<format";
const FORMAT_END: &[u8] = b"</format>";

/// Reads one block, which begins behind white space and ends with `</package>`, and gives the
/// package's checksum; `None` where the full reader has to.
pub(super) fn read_block(block: &[u8], package: &mut Package) -> Option<Digest> {
    // `<!` and `<?` may hide an end tag, or anything else.
    if memchr::memchr2_iter(b'!', b'?', block).any(|at| at > 0 && block[at - 1] == b'<') {
        return None;
    }
    let text = std::str::from_utf8(block).ok()?;
    let end = match memmem::find(block, FORMAT) {
        None => text.len() - END.len(),
        Some(at) => {
            let format = block[at + FORMAT.len()..].strip_prefix(b">")?;
            // The first end of a format has to be the one right before the package's.
            let end = memmem::find(format, FORMAT_END)? + FORMAT_END.len();
            (format[end..].trim_ascii_start() == END).then_some(())?;
            at
        }
    };
    let record = &text[..end];
    if record.len() > limits::XML_TOKEN {
        return None;
    }
    Scan { rest: record }.package(package)
}

/// A walk over flat XML: elements with attributes, and text without elements in it. All its methods
/// give `None` for anything else.
struct Scan<'a> {
    rest: &'a str,
}

struct Tag<'a> {
    name: &'a str,
    attributes: [(&'a str, &'a str); ATTRIBUTES],
    len: usize,
    is_empty: bool,
}

impl<'a> Scan<'a> {
    fn package(&mut self, package: &mut Package) -> Option<Digest> {
        package.clear();
        let outer = self.tag()?;
        (outer.name == "package" && !outer.is_empty).then_some(())?;
        let mut checksum = None;
        self.blanks();
        while !self.rest.is_empty() {
            let tag = self.tag()?;
            let text = if tag.is_empty { "" } else { self.text(tag.name)? };
            match tag.name {
                "name" => set(&mut package.name, decode(text)?.trim_ascii()),
                "arch" => set(&mut package.arch, decode(text)?.trim_ascii()),
                "checksum" => {
                    let algorithm = tag.value("type")?;
                    let text = decode(text)?;
                    checksum = Some(Digest::parse(&algorithm, text.trim_ascii()).ok()?);
                }
                "version" => {
                    tag.put("epoch", &mut package.epoch);
                    tag.put("ver", &mut package.version);
                    tag.put("rel", &mut package.release);
                }
                "time" => {
                    if let Some(time) = tag.value("build") {
                        package.build_time = time.parse().ok();
                    }
                }
                "size" => {
                    if let Some(size) = tag.value("package") {
                        package.size = size.parse().ok();
                    }
                }
                "location" => {
                    tag.put("href", &mut package.href);
                    tag.put("xml:base", &mut package.base);
                }
                _ => {}
            }
            self.blanks();
        }
        package.complete(checksum).ok()
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, prefix: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(prefix)?;
        Some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':');
        let len = self.rest.bytes().take_while(is_name).count();
        let (name, rest) = self.rest.split_at(len);
        self.rest = rest;
        name.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(name)
    }

    fn tag(&mut self) -> Option<Tag<'a>> {
        self.take("<")?;
        let name = self.name().filter(|name| !name.contains(':'))?;
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
        normalized(value)?;
        Some((key, value))
    }

    /// The text up to the end tag of that name. Its references are known to XML.
    fn text(&mut self, name: &str) -> Option<&'a str> {
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
        self.rest = rest.strip_prefix("</")?.strip_prefix(name)?;
        self.take(">")?;
        Some(text)
    }
}

impl Tag<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let attributes = &self.attributes[..self.len];
        let (_, raw) = attributes.iter().find(|(name, _)| *name == key)?;
        normalized(raw)
    }

    /// Sets `field` to the attribute of that name, where there is one.
    fn put(&self, key: &str, field: &mut String) {
        if let Some(value) = self.value(key) {
            set(field, &value);
        }
    }
}

/// An attribute's value as XML has it; `None` for references that it does not know.
fn normalized(raw: &str) -> Option<Cow<'_, str>> {
    let attribute = Attribute { key: QName(""), value: Cow::Borrowed(raw) };
    attribute.normalized_value(XmlVersion::Implicit1_0).ok()
}

/// A text with its references resolved; `None` where its line ends would have to be normalised.
fn decode(raw: &str) -> Option<Cow<'_, str>> {
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

/// The document as the fast reader sees it: a window that moves over it.
pub(super) struct Document<R> {
    reader: R,
    window: Vec<u8>,
    /// How much of the window is filled.
    filled: usize,
    /// Where the unread part of it begins, and the block in it ends.
    start: usize,
    end: usize,
    /// Bytes before the window.
    before: u64,
}

/// What stands before the first package.
pub(super) struct Head {
    bytes: Vec<u8>,
    pub(super) declared: Option<u64>,
}

impl<R: BufRead> Document<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, window: Vec::new(), filled: 0, start: 0, end: 0, before: 0 }
    }

    /// Reads up to the end of the root tag; `None` where that is not plain, or not soon.
    pub(super) fn head(&mut self) -> io::Result<Option<Head>> {
        while self.filled < HEAD_LEN && self.fill()? {}
        let Some((bytes, declared)) = plain_head(&self.window[..self.filled]) else {
            return Ok(None);
        };
        let bytes = bytes.to_vec();
        self.start = bytes.len();
        Ok(Some(Head { bytes, declared }))
    }

    /// The next block, without white space before it; `None` where there is none, or none soon.
    pub(super) fn block(&mut self) -> io::Result<Option<&[u8]>> {
        let blanks = |bytes: &[u8]| bytes.len() - bytes.trim_ascii_start().len();
        self.start += blanks(&self.window[self.start..self.filled]);
        let mut searched = self.start;
        loop {
            if let Some(at) = memmem::find(&self.window[searched..self.filled], END) {
                self.end = searched + at + END.len();
                return Ok(Some(&self.window[self.start..self.end]));
            }
            if self.filled - self.start > limits::PACKAGE_BLOCK {
                return Ok(None);
            }
            // An end tag may straddle what is there and what comes.
            searched = self.filled.saturating_sub(END.len() - 1).max(self.start);
            let moved = self.start;
            if !self.fill()? {
                return Ok(None);
            }
            searched -= moved;
            // White space may have ended with the window.
            self.start += blanks(&self.window[self.start..self.filled]);
            searched = searched.max(self.start);
        }
    }

    pub(super) fn take_block(&mut self) {
        self.start = self.end;
    }

    /// Reads more, and moves the unread part to the window's beginning; false at the document's end.
    fn fill(&mut self) -> io::Result<bool> {
        self.window.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.before += self.start as u64;
        self.start = 0;
        if self.window.len() < self.filled + CHUNK {
            self.window.resize(self.filled + CHUNK, 0);
        }
        loop {
            match self.reader.read(&mut self.window[self.filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    let read = result?;
                    self.filled += read;
                    return Ok(read > 0);
                }
            }
        }
    }

    /// The full reader over what was not read, with the root tag again before it.
    pub(super) fn rest(self, head: Option<Head>) -> Xml<impl BufRead> {
        let head = head.map(|head| head.bytes).unwrap_or_default();
        let shift = Shift {
            head: head.len() as u64,
            skipped: self.before + self.start as u64 - head.len() as u64,
        };
        let mut window = self.window;
        window.truncate(self.filled);
        let mut window = io::Cursor::new(window);
        window.set_position(self.start as u64);
        Xml::resumed(io::Cursor::new(head).chain(window).chain(self.reader), shift)
    }
}

/// The XML declaration and the root tag at a document's start, and the declared count.
fn plain_head(start: &[u8]) -> Option<(&[u8], Option<u64>)> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).ok()?,
    };
    let mut rest = text;
    if let Some(declaration) = rest.strip_prefix("<?xml ") {
        let (declaration, after) = declaration.split_once("?>")?;
        if let Some((_, encoding)) = declaration.split_once("encoding=") {
            let quote = encoding.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (encoding, _) = encoding[1..].split_once(quote)?;
            is_utf8(encoding).then_some(())?;
        }
        rest = after.trim_ascii_start();
    }
    rest.starts_with("<metadata").then_some(())?;
    let end = rest.find('>')?;
    let mut xml = Xml::new(&rest.as_bytes()[..=end]);
    // A root tag that has a `>` in a value, or is an empty element, is left to the full reader.
    (!rest[..end].ends_with('/')).then_some(())?;
    xml.root(&["metadata"], "primary metadata").ok()?;
    let declared = xml.attribute("packages").ok()?;
    let head = text.len() - rest.len() + end + 1;
    (head <= HEAD_LEN).then_some(())?;
    Some((&start[..head], declared.and_then(|n| n.trim().parse().ok())))
}
