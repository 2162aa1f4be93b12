//! The formats that upstreams speak: parsers over `BufRead`, writers over `Write`, nothing else.
//!
//! Nothing here opens a file, waits, or decides what is acceptable: a parser returns what a document
//! says, or an error that names where it stopped, what it expected and what it found. The caller
//! knows the document's name and adds it. Everything read is taken for hostile: each size has its
//! bound in [`crate::limits`], and memory does not grow with a document that is streamed.

pub mod compression;
pub mod pypi;
pub mod rpm;
