//! `modules.yaml`: which packages are of a stream of a module, and what is said of these.
//!
//! A stream of YAML documents, each of one kind: builds of module streams (`modulemd`), which list their
//! packages; and what is chosen by default, what is obsolete, how texts are translated. [`Modules`] is
//! such a stream. Its documents stay the bytes that they were: they are kept or left out
//! ([`Modules::retain`]), and lose at most lines that name what is gone ([`Modules::cut_profiles`]).
//!
//! A document is read by itself, so that a broken one takes no other with it. What it would have said is
//! not known then: [`Modules::membership`], which tells modular packages from others, is an error, for
//! whoever takes a modular package for another gets the versions of another stream. Kept it is as it is:
//! a client knows as much of it as it did upstream.
//!
//! Names of streams are text: `5.10` is not `5.1`. Anchors and aliases, which no document of this kind
//! has and libmodulemd refuses, make it a broken one.

use std::io::{BufRead, Read as _, Write};
use std::ops::Range;

use super::FormatError;
use super::nevra::Nevra;
use crate::limits;

mod content;
mod edit;
mod membership;
mod retain;
mod split;
#[cfg(test)]
mod tests;
mod yaml;

pub use membership::{Membership, StreamId, UnknownStreams};
pub use retain::{Filtered, filter};

/// The documents of a `modules.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modules {
    text: Vec<u8>,
    documents: Vec<Document>,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it is in the text; with the marks around it, and comments and directives before it.
    bytes: Range<usize>,
    /// Its first line in the text, from 1.
    pub line: usize,
    /// What it says.
    pub content: Result<Content, Broken>,
}

/// A document that says nothing that can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document in line {line} {reason}")]
pub struct Broken {
    /// Its first line in the text, from 1.
    pub line: usize,
    /// Of which kind it is, where that can be read.
    pub kind: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl Broken {
    /// Whether it may be a build of a stream.
    pub fn may_list_packages(&self) -> bool {
        self.kind.as_deref().is_none_or(is_stream)
    }
}

/// Whether documents of that kind are builds of streams.
fn is_stream(kind: &str) -> bool {
    matches!(kind, "modulemd" | "modulemd-stream")
}

/// What a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A build of a stream.
    Stream(Stream),
    /// What is chosen of a module by default.
    Defaults(Defaults),
    /// That a stream is obsolete.
    Obsoletes(About),
    /// The texts of a stream in other languages.
    Translations(About),
    /// Something else, which says nothing of packages: its kind.
    Other(String),
}

/// A build of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// The module; may be empty, as may be all that follows.
    pub name: String,
    /// The stream.
    pub stream: String,
    /// The build's version, of which the highest is the newest.
    pub version: u64,
    /// What tells builds apart that require different streams of other modules.
    pub context: String,
    /// The architecture.
    pub arch: String,
    /// Its packages, source packages and those of other architectures included: all that was built.
    pub artifacts: Vec<Nevra>,
    /// Names of its packages that may be had of no module, too.
    pub demodularized: Vec<String>,
    /// What it requires: one of these sets.
    pub dependencies: Vec<Vec<Requirement>>,
    /// Its profiles: the packages of each by their names.
    pub profiles: Vec<Profile>,
}

/// A module that a stream requires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    /// The module; `platform` is the distribution's release.
    pub module: String,
    /// Streams of it, one of which it must be; none means any. Those that begin with `-` it must not
    /// be.
    pub streams: Vec<String>,
}

/// Packages that are installed together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The names of its packages.
    pub packages: Vec<String>,
}

/// What is chosen of a module by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The module.
    pub module: String,
    /// The stream; empty where there is none.
    pub stream: String,
    /// The profiles of each stream.
    pub profiles: Vec<(String, Vec<String>)>,
}

/// The stream that a document is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct About {
    /// The module.
    pub module: String,
    /// The stream.
    pub stream: String,
}

impl Modules {
    /// Reads the documents.
    ///
    /// More than [`limits::MODULES_SIZE`] bytes and more than [`limits::MODULE_DOCUMENTS`] documents
    /// are errors. A document that cannot be read is not: [`Document::content`] says so.
    pub fn read(reader: impl BufRead) -> Result<Self, FormatError> {
        let mut text = Vec::new();
        reader.take(limits::MODULES_SIZE + 1).read_to_end(&mut text)?;
        if text.len() as u64 > limits::MODULES_SIZE {
            return Err(FormatError::Limit { what: "bytes", limit: limits::MODULES_SIZE });
        }
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        let mut documents = Vec::new();
        for (line, bytes) in split::documents(&text) {
            if documents.len() == limits::MODULE_DOCUMENTS {
                let limit = limits::MODULE_DOCUMENTS as u64;
                return Err(FormatError::Limit { what: "documents", limit });
            }
            let content = content::read(&text[bytes.clone()], line);
            documents.push(Document { bytes, line, content });
        }
        Ok(Self { text, documents })
    }

    /// The documents, in their order.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The builds of streams.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.documents.iter().filter_map(|document| match &document.content {
            Ok(Content::Stream(stream)) => Some(stream),
            _ => None,
        })
    }

    /// What is chosen by default.
    pub fn defaults(&self) -> impl Iterator<Item = &Defaults> {
        self.documents.iter().filter_map(|document| match &document.content {
            Ok(Content::Defaults(defaults)) => Some(defaults),
            _ => None,
        })
    }

    /// The documents that cannot be read.
    pub fn broken(&self) -> impl Iterator<Item = &Broken> {
        self.documents.iter().filter_map(|document| document.content.as_ref().err())
    }

    /// Writes the documents, each as it was read.
    pub fn write(&self, mut writer: impl Write) -> std::io::Result<()> {
        let mut bytes = self.documents.iter().map(|document| &self.text[document.bytes.clone()]);
        bytes.try_for_each(|bytes| writer.write_all(bytes))
    }

    /// Takes the documents of `other` to these. Clients take what several documents say of one stream
    /// or module together, as they do with those of several repositories.
    pub fn merge(&mut self, other: &Self) {
        for document in &other.documents {
            let start = self.text.len();
            let bytes = &other.text[document.bytes.clone()];
            if !split::begins_explicitly(bytes) {
                self.text.extend_from_slice(b"---\n");
            }
            self.text.extend_from_slice(bytes);
            self.documents.push(Document { bytes: start..self.text.len(), ..document.clone() });
        }
    }
}
