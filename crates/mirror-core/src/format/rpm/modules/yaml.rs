//! A pull reader over one YAML document, as events: no tree is built.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use crate::format::rpm::excerpt;
use crate::limits;

/// What is wrong, in words.
pub(super) type Result<T> = std::result::Result<T, String>;

/// A walk over a document.
pub(super) struct Yaml<'a> {
    parser: Parser<'a, StrInput<'a>>,
    depth: usize,
    /// The line in which the document begins.
    first: usize,
}

enum Node {
    Scalar(String),
    /// No value at all, or `null`.
    Null,
    Mapping,
    Sequence,
    End,
}

impl<'a> Yaml<'a> {
    /// A document that begins in line `first`; the next node is its root.
    pub(super) fn new(document: &'a str, first: usize) -> Self {
        Self { parser: Parser::new_from_str(document), depth: 0, first }
    }

    /// Calls `on` with each key of the mapping that comes next; it reads the value. Nothing where a
    /// value is missing.
    pub(super) fn mapping(
        &mut self,
        mut on: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<()> {
        match self.next()? {
            Node::Mapping => {}
            Node::Null => return Ok(()),
            other => return Err(other.instead_of("a mapping")),
        }
        loop {
            match self.next()? {
                Node::End => return Ok(()),
                Node::Scalar(key) => on(self, &key)?,
                Node::Null => on(self, "")?,
                other => return Err(other.instead_of("a key")),
            }
        }
    }

    /// The text that comes next; empty where a value is missing.
    pub(super) fn text(&mut self) -> Result<String> {
        match self.next()? {
            Node::Scalar(text) => Ok(text),
            Node::Null => Ok(String::new()),
            other => Err(other.instead_of("a text")),
        }
    }

    /// The texts of the sequence that comes next, or the one text.
    pub(super) fn texts(&mut self) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        self.each(|node| match node {
            Node::Scalar(text) => {
                texts.push(text);
                Ok(())
            }
            Node::Null => Ok(()),
            other => Err(other.instead_of("a text")),
        })?;
        Ok(texts)
    }

    /// Calls `on` for each item of the sequence that comes next; it reads the item. A mapping in the
    /// place of the sequence is one item.
    pub(super) fn items(&mut self, mut on: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.is_sequence()? {
            self.next()?;
            while !self.is_end()? {
                on(self)?;
            }
            self.next()?;
            return Ok(());
        }
        on(self)
    }

    /// Passes over the node that comes next.
    pub(super) fn skip(&mut self) -> Result<()> {
        let outside = self.depth;
        loop {
            if let Node::End = self.next()?
                && self.depth < outside
            {
                return Err("ends where a value is expected".to_owned());
            }
            if self.depth == outside {
                return Ok(());
            }
        }
    }

    /// Makes sure that nothing follows the root.
    pub(super) fn finish(mut self) -> Result<()> {
        loop {
            match self.event()? {
                Event::StreamEnd => return Ok(()),
                Event::DocumentEnd | Event::Nothing => {}
                _ => return Err("has something behind its end".to_owned()),
            }
        }
    }

    fn each(&mut self, mut on: impl FnMut(Node) -> Result<()>) -> Result<()> {
        match self.next()? {
            Node::Sequence => {}
            one => return on(one),
        }
        loop {
            match self.next()? {
                Node::End => return Ok(()),
                node => on(node)?,
            }
        }
    }

    fn is_sequence(&mut self) -> Result<bool> {
        self.pass_over_marks()?;
        Ok(matches!(self.peek()?, Event::SequenceStart(..)))
    }

    fn is_end(&mut self) -> Result<bool> {
        Ok(matches!(self.peek()?, Event::SequenceEnd))
    }

    fn pass_over_marks(&mut self) -> Result<()> {
        while matches!(self.peek()?, Event::StreamStart | Event::DocumentStart(_) | Event::Nothing)
        {
            self.event()?;
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<&Event<'a>> {
        let first = self.first;
        match self.parser.peek() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(ill_formed(&error, first)),
            None => Err("ends too early".to_owned()),
        }
    }

    fn event(&mut self) -> Result<Event<'a>> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(ill_formed(&error, self.first)),
            None => Err("ends too early".to_owned()),
        }
    }

    fn next(&mut self) -> Result<Node> {
        self.pass_over_marks()?;
        match self.event()? {
            Event::Scalar(text, style, _, tag) => {
                let is_null = style == ScalarStyle::Plain && tag.is_none();
                if is_null && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    return Ok(Node::Null);
                }
                Ok(Node::Scalar(text.into_owned()))
            }
            Event::MappingStart(..) => self.enter(Node::Mapping),
            Event::SequenceStart(..) => self.enter(Node::Sequence),
            Event::MappingEnd | Event::SequenceEnd => {
                self.depth = self.depth.saturating_sub(1);
                Ok(Node::End)
            }
            Event::Alias(_) => Err("has an alias, which no document of its kind has".to_owned()),
            _ => Err("ends too early".to_owned()),
        }
    }

    fn enter(&mut self, node: Node) -> Result<Node> {
        self.depth += 1;
        if self.depth > limits::YAML_DEPTH {
            return Err(format!("has more than {} levels", limits::YAML_DEPTH));
        }
        Ok(node)
    }
}

impl Node {
    fn instead_of(&self, expected: &str) -> String {
        let found = match self {
            Self::Scalar(text) => return format!("has {:?}, expected {expected}", excerpt(text)),
            Self::Null => "nothing",
            Self::Mapping => "a mapping",
            Self::Sequence => "a sequence",
            Self::End => "an end",
        };
        format!("has {found}, expected {expected}")
    }
}

fn ill_formed(error: &saphyr_parser::ScanError, first: usize) -> String {
    let line = first + error.marker().line().saturating_sub(1);
    format!("is not well-formed YAML in line {line}: {}", excerpt(error.info()))
}
