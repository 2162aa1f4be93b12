//! The formats of RPM repositories.
//!
//! A repository is `repodata/repomd.xml` ([`repomd`]), which lists the metadata files: [`primary`]
//! names each package ([`dependencies`] with what it needs, [`rich`] where that is an expression),
//! [`filelists`] its files and [`other`] its changelog. Clients find a repository through a `.repo`
//! file ([`repofile`]) and its mirrors through a [`mirrorlist`] or a [`metalink`]. An installable tree also has a `.treeinfo` ([`treeinfo`]). Packages are told apart by name, epoch,
//! version, release and architecture ([`nevra`]), and ordered by rpm's own rules ([`version`]).
//! What is signed of a package file are its headers' bytes ([`raw_header`]); what metadata says of it is
//! read from them ([`header`], [`record`]), and so is what rpm compares of [`files`] that two packages
//! bring. What a host has is what `rpm -qa` prints ([`installed`]).
//! read from them ([`header`], [`record`]). What a host has is what `rpm -qa` prints ([`installed`]), what
//! is wanted a list that people write ([`package_list`]).
//!
//! XML is read with the documents' *local* names: a prefix may differ from the customary one.

use std::io;

use crate::digest::DigestError;

pub mod blocks;
pub mod comps;
mod cut;
pub mod dependencies;
mod entries;
pub mod filelists;
pub mod files;
pub mod header;
mod ini;
pub mod installed;
mod lines;
pub mod metadata_file;
pub mod metalink;
pub mod mirrorlist;
pub mod modules;
pub mod nevra;
pub mod other;
pub mod package_list;
mod plain;
pub mod primary;
pub mod raw_header;
pub mod record;
pub mod repofile;
pub mod repomd;
pub mod rich;
pub mod treeinfo;
pub mod updateinfo;
pub mod version;
mod xml;
mod xml_writer;

/// Why a document was not understood. The caller adds the document's name.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The document's bytes could not be had: an error of the reader, a decoder's refusal included.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// What was made of it could not be written.
    #[error("cannot be written anew: {0}")]
    Write(#[source] io::Error),
    /// Not well-formed XML.
    #[error("is not well-formed XML at byte {position}: {reason}")]
    Xml {
        /// Where, in bytes from the document's start.
        position: u64,
        /// What the XML reader says.
        reason: String,
    },
    /// Another document than expected: an error page of a proxy, in most cases.
    #[error("is no {expected} document: found {found}")]
    Root {
        /// The root element, or the kind of file, that was expected.
        expected: &'static str,
        /// What is there instead.
        found: String,
    },
    /// In an encoding that repositories do not use.
    #[error("is encoded as {found:?}, expected UTF-8")]
    Encoding {
        /// The encoding that the XML declaration names.
        found: String,
    },
    /// A document type with declarations of its own, the way of entity bombs.
    #[error("declares entities of its own at byte {position}, expected none")]
    Doctype {
        /// Where, in bytes from the document's start.
        position: u64,
    },
    /// A reference to an entity other than XML's five, or to a character that XML excludes.
    #[error(
        "refers to &{name}; at byte {position}, expected amp, lt, gt, quot, apos or a character"
    )]
    Entity {
        /// Where, in bytes from the document's start.
        position: u64,
        /// The entity's name.
        name: String,
    },
    /// Something that must be there is not.
    #[error("{element} before byte {position} has no {missing}")]
    Missing {
        /// Where the element ends, in bytes from the document's start.
        position: u64,
        /// The element, and which one where it has a name.
        element: String,
        /// What it lacks.
        missing: &'static str,
    },
    /// A digest that does not parse.
    #[error("{element} before byte {position}: {source}")]
    Digest {
        /// Where the digest ends, in bytes from the document's start.
        position: u64,
        /// What it is the digest of.
        element: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// Over a bound of [`crate::limits`].
    #[error("is too large: expected at most {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// Bytes that are not what they should be.
    #[error("its {what} {reason}")]
    Binary {
        /// Which part of the file.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a text format.
    #[error("line {line}: expected {expected}, found {found:?}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What was expected there.
        expected: &'static str,
        /// What was found, shortened.
        found: String,
    },
}

/// As much of `text` as a message can bear, without what would move a terminal's cursor.
pub(crate) fn excerpt(text: &str) -> String {
    const LEN: usize = 120;
    let printable = |c: char| if is_unseen(c) { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(LEN).map(printable).collect();
    if text.chars().nth(LEN).is_some() {
        short.push('…');
    }
    short
}

/// A name or a dependency from outside, as a part of a message: what is unseen or changes the direction
/// is written as in Rust (`\u{202e}`), and what is very long is cut.
pub(crate) fn shown(text: &str) -> String {
    const LEN: usize = 400;
    let mut short = String::with_capacity(text.len().min(LEN));
    for c in text.chars().take(LEN) {
        if is_unseen(c) { short.extend(c.escape_default()) } else { short.push(c) }
    }
    if text.chars().nth(LEN).is_some() {
        short.push('…');
    }
    short
}

/// Control characters, and those of Unicode that have no width or order the text around them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
