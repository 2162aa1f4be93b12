//! A document as a tree: for those that are changed here and there and otherwise stay what they were,
//! elements included that nobody here knows.
//!
//! Kept are elements, attributes and texts, with their prefixes; comments and processing instructions
//! are not. White space between elements is the writer's.

use std::io::{self, BufRead, Write};

use super::{Node as Step, Xml, without_excluded};
use crate::format::rpm::FormatError;
use crate::format::rpm::xml_writer::XmlWriter;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::format::rpm) struct Element {
    /// Its name, with its prefix.
    tag: String,
    attributes: Vec<(String, String)>,
    content: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// Reads a document whose root element is called `root`, and which has `limit` bytes and `most`
    /// elements at most.
    pub(in crate::format::rpm) fn read(
        reader: impl BufRead,
        root: &'static str,
        limit: u64,
        most: usize,
    ) -> Result<Self, FormatError> {
        let mut xml = Xml::bounded(reader, limit);
        xml.root(&[root], root)?;
        let mut left = most;
        let element = read(&mut xml, &mut left, most)?;
        xml.finish()?;
        Ok(element)
    }

    /// Its name without its prefix.
    pub(in crate::format::rpm) fn name(&self) -> &str {
        self.tag.rsplit_once(':').map_or(&self.tag, |(_, local)| local)
    }

    /// The value of an attribute, by its name with the customary prefix.
    pub(in crate::format::rpm) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Its own text, without white space around it.
    pub(in crate::format::rpm) fn text(&self) -> &str {
        let text = self.content.iter().find_map(|node| match node {
            Node::Text(text) => Some(text.trim()),
            Node::Element(_) => None,
        });
        text.unwrap_or_default()
    }

    /// Its children.
    pub(in crate::format::rpm) fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The same, to be changed.
    pub(in crate::format::rpm) fn children_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.content.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Its first child of that name.
    pub(in crate::format::rpm) fn child(&self, name: &str) -> Option<&Element> {
        self.children().find(|child| child.name() == name)
    }

    /// Keeps those of its children that `keep` takes.
    pub(in crate::format::rpm) fn retain(&mut self, mut keep: impl FnMut(&mut Element) -> bool) {
        self.content.retain_mut(|node| match node {
            Node::Element(element) => keep(element),
            Node::Text(_) => true,
        });
    }

    /// Puts `child` behind its other children.
    pub(in crate::format::rpm) fn push(&mut self, child: Element) {
        self.content.push(Node::Element(child));
    }

    /// Its children, which it then has no more.
    pub(in crate::format::rpm) fn take_children(&mut self) -> Vec<Element> {
        let content = std::mem::take(&mut self.content);
        let (mut children, mut texts) = (Vec::new(), Vec::new());
        for node in content {
            match node {
                Node::Element(element) => children.push(element),
                text @ Node::Text(_) => texts.push(text),
            }
        }
        self.content = texts;
        children
    }

    /// Its children.
    pub(in crate::format::rpm) fn into_children(mut self) -> Vec<Element> {
        self.take_children()
    }

    /// Writes it, `level` levels deep, on lines of its own.
    pub(in crate::format::rpm) fn write(
        &self,
        out: &mut XmlWriter<impl Write>,
        level: usize,
    ) -> io::Result<()> {
        let indent = |out: &mut XmlWriter<_>| (0..level).try_for_each(|_| out.raw("  "));
        indent(out)?;
        if self.content.iter().any(|node| matches!(node, Node::Text(_))) {
            self.write_inline(out)?;
            return out.raw("\n");
        }
        self.open(out)?;
        if self.content.is_empty() {
            return out.raw("/>\n");
        }
        out.raw(">\n")?;
        for child in self.children() {
            child.write(out, level + 1)?;
        }
        indent(out)?;
        out.raw("</")?;
        out.raw(&self.tag)?;
        out.raw(">\n")
    }

    /// Where there is text, white space is text too.
    fn write_inline(&self, out: &mut XmlWriter<impl Write>) -> io::Result<()> {
        self.open(out)?;
        if self.content.is_empty() {
            return out.raw("/>");
        }
        out.raw(">")?;
        for node in &self.content {
            match node {
                Node::Element(element) => element.write_inline(out)?,
                Node::Text(text) => out.text(text)?,
            }
        }
        out.raw("</")?;
        out.raw(&self.tag)?;
        out.raw(">")
    }

    fn open(&self, out: &mut XmlWriter<impl Write>) -> io::Result<()> {
        out.raw("<")?;
        out.raw(&self.tag)?;
        self.attributes.iter().try_for_each(|(key, value)| out.attribute(key, value))
    }
}

/// Reads the element that was entered last, to its end.
fn read<R: BufRead>(
    xml: &mut Xml<R>,
    left: &mut usize,
    most: usize,
) -> Result<Element, FormatError> {
    *left =
        left.checked_sub(1).ok_or(FormatError::Limit { what: "elements", limit: most as u64 })?;
    let mut element = Element { tag: xml.tag[..xml.name_len].to_owned(), ..Element::default() };
    xml.attributes(|key, value| {
        element.attributes.push((key.to_owned(), without_excluded(value.into_owned())));
    })?;
    let mut text = String::new();
    loop {
        match xml.next(Some(&mut text))? {
            Step::Start => {
                element.take_text(&mut text);
                element.content.push(Node::Element(read(xml, left, most)?));
            }
            Step::End => break,
            Step::Text | Step::Other => {}
            Step::Eof => return Err(xml.cut_short()),
        }
    }
    element.take_text(&mut text);
    let is_mixed = |node: &Node| matches!(node, Node::Text(text) if !text.trim().is_empty());
    if element.children().next().is_some() && !element.content.iter().any(is_mixed) {
        element.content.retain(|node| matches!(node, Node::Element(_)));
    }
    Ok(element)
}

impl Element {
    fn take_text(&mut self, text: &mut String) {
        let text = without_excluded(std::mem::take(text));
        if !text.is_empty() {
            self.content.push(Node::Text(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<Element, FormatError> {
        Element::read(document.as_bytes(), "a", 1 << 20, 100)
    }

    fn written(element: &Element) -> String {
        let mut out = Vec::new();
        element.write(&mut XmlWriter::new(&mut out), 0).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        let document = "<a xmlns:x='u'><!-- c --><x:b k='1 &amp; 2'> t&lt;\u{1} </x:b><c/>\n\
                        <d>  <e/> </d><m>one <i>two</i> <i/></m></a>";
        let element = read(document).unwrap();
        let expected = "<a xmlns:x=\"u\">\n  <x:b k=\"1 &amp; 2\"> t&lt; </x:b>\n  <c/>\n  <d>\n    \
                        <e/>\n  </d>\n  <m>one <i>two</i> <i/></m>\n</a>\n";
        assert_eq!(written(&element), expected);
        assert_eq!(read(expected).unwrap(), element);
        let b = element.child("b").unwrap();
        assert_eq!((b.text(), b.attribute("k")), ("t<", Some("1 & 2")));
    }

    #[test]
    fn holds_no_more_than_its_bound() {
        let crowd = format!("<a>{}</a>", "<b/>".repeat(100));
        let error = read(&crowd).unwrap_err().to_string();
        assert_eq!(error, "is too large: expected at most 100 elements");
        assert!(read("<a><b></a>").is_err() && read("<a/><b/>").is_err());
    }
}
