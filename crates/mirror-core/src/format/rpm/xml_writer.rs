//! XML as libxml2 writes it, which createrepo_c uses: two spaces a level, its choice of escapes.

use std::io::{self, Write};

/// Writes the pieces of a document; that they make one is the caller's part.
pub(super) struct XmlWriter<W> {
    out: W,
}

impl<W: Write> XmlWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    /// Markup, as it is.
    pub(super) fn raw(&mut self, markup: &str) -> io::Result<()> {
        self.out.write_all(markup.as_bytes())
    }

    /// The text of an element.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.escaped(text, false)
    }

    fn escaped(&mut self, text: &str, in_attribute: bool) -> io::Result<()> {
        let bytes = text.as_bytes();
        let mut done = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let reference = match byte {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'\r' => "&#13;",
                b'"' if in_attribute => "&quot;",
                b'\n' if in_attribute => "&#10;",
                b'\t' if in_attribute => "&#9;",
                _ => continue,
            };
            self.out.write_all(&bytes[done..at])?;
            self.raw(reference)?;
            done = at + 1;
        }
        self.out.write_all(&bytes[done..])
    }

    /// An attribute, with the blank before it.
    pub(super) fn attribute(&mut self, name: &str, value: &str) -> io::Result<()> {
        self.raw(" ")?;
        self.raw(name)?;
        self.raw("=\"")?;
        self.escaped(value, true)?;
        self.raw("\"")
    }

    /// An element of text on a line of its own, `level` levels deep.
    pub(super) fn element(
        &mut self,
        level: usize,
        name: &str,
        attributes: &[(&str, &str)],
        text: &str,
    ) -> io::Result<()> {
        const BLANKS: &str = "                ";
        self.raw(BLANKS.get(..level * 2).unwrap_or(BLANKS))?;
        self.raw("<")?;
        self.raw(name)?;
        for (key, value) in attributes {
            self.attribute(key, value)?;
        }
        self.raw(">")?;
        self.text(text)?;
        self.raw("</")?;
        self.raw(name)?;
        self.raw(">\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_libxml2_does() {
        let mut out = Vec::new();
        let mut xml = XmlWriter::new(&mut out);
        xml.element(1, "a", &[("b", "<\"\t'\n\r&")], "<\"\t'\n\r&>").unwrap();
        let expected = "  <a b=\"&lt;&quot;&#9;'&#10;&#13;&amp;\">&lt;\"\t'\n&#13;&amp;&gt;</a>\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
