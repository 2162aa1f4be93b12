//! The tags of an HTML document and their attributes.
//!
//! [`Tags`] follows the tokenizer of the HTML standard in what decides where a tag begins and ends:
//! comments, quoting, elements whose content is text. Memory does not grow with the document, and each
//! byte is looked at a bounded number of times.

use std::borrow::Cow;

use memchr::memchr;

use super::super::PageError;

/// The name of an attribute and its value, as they are written.
pub(super) type Attribute<'a> = (&'a [u8], &'a [u8]);

/// The tags that matter.
pub(super) enum Tag {
    Anchor,
    Base,
    Meta,
    Other,
}

/// A walk over the tags of a page. After each [`Tags::next`] its attributes can be had.
pub(super) struct Tags<'a> {
    document: &'a [u8],
    position: usize,
    /// Within a start tag that begins there.
    tag: Option<usize>,
    /// The element whose content, which is text, comes behind the tag.
    text_of: Option<&'static str>,
}

/// Elements whose content is text: no tag begins there, nor a comment.
const TEXT_ELEMENTS: [&str; 8] =
    ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"];

impl<'a> Tags<'a> {
    pub(super) fn new(document: &'a [u8]) -> Self {
        Self { document, position: 0, tag: None, text_of: None }
    }

    /// The next start tag.
    pub(super) fn next(&mut self) -> Result<Option<Tag>, PageError> {
        while self.attribute()?.is_some() {}
        loop {
            let Some(at) = memchr(b'<', &self.document[self.position..]) else { return Ok(None) };
            let begin = self.position + at;
            self.position = begin + 1;
            let rest = &self.document[self.position..];
            match rest {
                [b'!', b'-', b'-', rest @ ..] => {
                    let Some(len) = comment_len(rest) else {
                        return Err(cut_short("a comment", begin));
                    };
                    self.position += 3 + len;
                }
                [b'!' | b'?' | b'/', ..] if !is_end_tag(rest) => {
                    let Some(len) = memchr(b'>', rest) else {
                        return Err(cut_short("a declaration", begin));
                    };
                    self.position += len + 1;
                }
                [b'/', ..] => {
                    self.position += 1;
                    self.skip_name();
                    self.tag = Some(begin);
                    while self.attribute()?.is_some() {}
                }
                [first, ..] if first.is_ascii_alphabetic() => {
                    let name = self.skip_name();
                    self.tag = Some(begin);
                    return Ok(Some(self.enter(name)));
                }
                _ => {}
            }
        }
    }

    fn enter(&mut self, name: &[u8]) -> Tag {
        if name.eq_ignore_ascii_case(b"a") {
            return Tag::Anchor;
        }
        if name.eq_ignore_ascii_case(b"meta") {
            return Tag::Meta;
        }
        if name.eq_ignore_ascii_case(b"base") {
            return Tag::Base;
        }
        self.text_of =
            TEXT_ELEMENTS.into_iter().find(|text| name.eq_ignore_ascii_case(text.as_bytes()));
        Tag::Other
    }

    /// The tag's next attribute, not unescaped. Behind the last one comes the element's text, which
    /// is passed over.
    pub(super) fn attribute(&mut self) -> Result<Option<Attribute<'a>>, PageError> {
        let Some(begin) = self.tag else { return Ok(None) };
        self.skip_while(|b| is_space(b) || b == b'/');
        match self.document.get(self.position) {
            None => return Err(cut_short("a tag", begin)),
            Some(b'>') => {
                self.position += 1;
                self.tag = None;
                self.skip_text(begin)?;
                return Ok(None);
            }
            Some(_) => {}
        }
        let start = self.position;
        self.position += 1;
        self.skip_while(|b| !is_space(b) && !matches!(b, b'/' | b'>' | b'='));
        let name = &self.document[start..self.position];
        self.skip_while(is_space);
        if self.document.get(self.position) != Some(&b'=') {
            return Ok(Some((name, b"")));
        }
        self.position += 1;
        self.skip_while(is_space);
        let quote = self.document.get(self.position).filter(|b| matches!(b, b'"' | b'\''));
        let value = if let Some(quote) = quote {
            let rest = &self.document[self.position + 1..];
            let len = memchr(*quote, rest).ok_or_else(|| cut_short("a tag", begin))?;
            self.position += len + 2;
            &rest[..len]
        } else {
            let start = self.position;
            self.skip_while(|b| !is_space(b) && b != b'>');
            &self.document[start..self.position]
        };
        Ok(Some((name, value)))
    }

    fn skip_name(&mut self) -> &'a [u8] {
        let start = self.position;
        self.skip_while(|b| !is_space(b) && !matches!(b, b'/' | b'>'));
        &self.document[start..self.position]
    }

    fn skip_while(&mut self, matches: impl Fn(u8) -> bool) {
        let rest = &self.document[self.position..];
        self.position += rest.iter().position(|b| !matches(*b)).unwrap_or(rest.len());
    }

    /// Passes over the content of an element that holds text, up to its end tag.
    fn skip_text(&mut self, begin: usize) -> Result<(), PageError> {
        let Some(element) = self.text_of.take() else { return Ok(()) };
        loop {
            let rest = &self.document[self.position..];
            let Some(at) = memchr(b'<', rest) else { return Err(cut_short(element, begin)) };
            let name =
                rest[at + 1..].strip_prefix(b"/").and_then(|r| r.split_at_checked(element.len()));
            if let Some((name, after)) = name
                && name.eq_ignore_ascii_case(element.as_bytes())
                && after.first().is_none_or(|b| is_space(*b) || matches!(b, b'/' | b'>'))
            {
                self.position += at;
                return Ok(());
            }
            self.position += at + 1;
        }
    }
}

fn cut_short(within: &'static str, position: usize) -> PageError {
    PageError::CutShort { within, position }
}

/// White space of HTML.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

/// Whether what is behind `<` begins an end tag.
fn is_end_tag(rest: &[u8]) -> bool {
    matches!(rest, [b'/', first, ..] if first.is_ascii_alphabetic())
}

/// The length of a comment behind `<!--`, its end included: `-->` or `--!>`; `<!-->` and `<!--->` are
/// comments of their own.
fn comment_len(rest: &[u8]) -> Option<usize> {
    for (end, len) in [(&b">"[..], 1), (b"->", 2)] {
        if rest.starts_with(end) {
            return Some(len);
        }
    }
    let mut from = 0;
    loop {
        let end = from + memchr(b'>', &rest[from..])?;
        if rest[..end].ends_with(b"--") || rest[..end].ends_with(b"--!") {
            return Some(end + 1);
        }
        from = end + 1;
    }
}

/// The text of an attribute; what is not UTF-8 comes back as an error, made readable.
pub(super) fn unescape(value: &[u8]) -> Result<Cow<'_, str>, String> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Err(String::from_utf8_lossy(value).into_owned());
    };
    if memchr(b'&', value).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((c, len)) = reference(rest) {
            out.push(c);
            rest = &rest[len..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Names of characters that occur in URLs and specifiers; those of others stay as they are.
const NAMED: [(&str, char); 28] = [
    ("gt", '>'),
    ("lt", '<'),
    ("amp", '&'),
    ("quot", '"'),
    ("apos", '\''),
    ("equals", '='),
    ("excl", '!'),
    ("comma", ','),
    ("period", '.'),
    ("ast", '*'),
    ("plus", '+'),
    ("lowbar", '_'),
    ("num", '#'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("quest", '?'),
    ("percnt", '%'),
    ("commat", '@'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lsqb", '['),
    ("rsqb", ']'),
    ("lcub", '{'),
    ("rcub", '}'),
    ("dollar", '$'),
    ("bsol", '\\'),
    ("nbsp", '\u{a0}'),
];

/// The character that a reference at the start of `text` stands for, and the reference's length.
fn reference(text: &str) -> Option<(char, usize)> {
    let body = &text[1..];
    if let Some(digits) = body.strip_prefix('#') {
        let (digits, radix, before) = match digits.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16, 3),
            None => (digits, 10, 2),
        };
        let len = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
        if len == 0 {
            return None;
        }
        let number = u32::from_str_radix(&digits[..len], radix).ok().filter(|number| *number != 0);
        let c = number.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        let semicolon = usize::from(digits[len..].starts_with(';'));
        return Some((c, before + len + semicolon));
    }
    let len = body.bytes().take_while(u8::is_ascii_alphanumeric).take(8).count();
    let (name, after) = body.split_at(len);
    let (known, c) = *NAMED.iter().find(|(known, _)| *known == name)?;
    if after.starts_with(';') {
        return Some((c, len + 2));
    }
    // Without its semicolon only an old one counts, and in an attribute not before `=`, as in `?a&lt=b`.
    let is_old = matches!(known, "gt" | "lt" | "amp" | "quot" | "nbsp");
    (is_old && !after.starts_with('=')).then_some((c, len + 1))
}
