//! A document cut at each `</package>`: the fast way through documents of a million lines.
//!
//! Where a block ends is found without looking at what is in it, so whoever takes one sees to it that it
//! is plain (the module `plain`), and hands over to the full reader where it is not: with
//! [`Document::rest`], at the block's start and for good.

use std::io::{self, BufRead, Read};

use memchr::memmem;

use super::xml::{Shift, Xml, is_utf8};

/// How much is read at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// Longest XML declaration and root tag that are looked at, in bytes.
const HEAD_LEN: usize = 4 << 10;

/// What a block ends with.
pub(super) const END: &[u8] = b"</package>";

/// A window that moves over a document.
pub(super) struct Document<R> {
    reader: R,
    /// Longest block that is looked for, in bytes.
    longest: usize,
    window: Vec<u8>,
    /// How much of the window is filled.
    filled: usize,
    /// Where the unread part of it begins, and the block in it ends.
    start: usize,
    end: usize,
    /// Bytes before the window.
    before: u64,
}

/// What stands before the first package: the XML declaration and the root element's tag.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    pub(super) declared: Option<u64>,
}

/// What follows a document's blocks, with the head again before it.
pub(super) type Rest<R> = io::Chain<io::Chain<io::Cursor<Vec<u8>>, io::Cursor<Vec<u8>>>, R>;

impl<R: BufRead> Document<R> {
    pub(super) fn new(reader: R, longest: usize) -> Self {
        Self { reader, longest, window: Vec::new(), filled: 0, start: 0, end: 0, before: 0 }
    }

    /// Reads up to the end of the tag of the root element, which is called `root`; `None` where that
    /// is not plain, or not soon.
    pub(super) fn head(&mut self, root: &str) -> io::Result<Option<Head>> {
        while self.filled < HEAD_LEN && self.fill()? {}
        let Some((bytes, declared)) = plain_head(&self.window[..self.filled], root) else {
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
            if self.filled - self.start > self.longest {
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

    /// Passes over the block that [`Document::block`] gave last, and gives it again.
    pub(super) fn take_block(&mut self) -> &[u8] {
        let start = std::mem::replace(&mut self.start, self.end);
        &self.window[start..self.end]
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
    pub(super) fn rest(self, head: Option<Head>) -> Xml<Rest<R>> {
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
fn plain_head<'a>(start: &'a [u8], root: &str) -> Option<(&'a [u8], Option<u64>)> {
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
    rest.strip_prefix('<')?.starts_with(root).then_some(())?;
    let end = rest.find('>')?;
    let mut xml = Xml::new(&rest.as_bytes()[..=end]);
    // A root tag that has a `>` in a value, or is an empty element, is left to the full reader.
    (!rest[..end].ends_with('/')).then_some(())?;
    xml.root(&[root], "metadata").ok()?;
    let declared = xml.attribute("packages").ok()?;
    let head = text.len() - rest.len() + end + 1;
    (head <= HEAD_LEN).then_some(())?;
    Some((&start[..head], declared.and_then(|n| n.trim().parse().ok())))
}
