//! The three documents of a repository side by side.

use std::collections::HashMap;
use std::io::BufRead;

use super::{Entries, Kind, Packages};
use crate::format::rpm::FormatError;
use crate::format::rpm::primary::PackageRef;
use crate::limits;

/// The packages of a primary, each with its elements of filelists and other, in primary's order.
///
/// The others are in the same order nearly always, and then nothing is held but the three elements. One
/// that comes early is held until its turn, up to [`limits::JOIN_HELD`] bytes of each document; a
/// package whose element lies further off, or is not there, comes without it.
#[derive(Debug)]
pub struct Join<P, F, O> {
    packages: Packages<P>,
    filelists: Window<F>,
    other: Window<O>,
}

/// A package with its elements.
#[derive(Debug)]
pub struct Joined<'a> {
    /// What primary says of it.
    pub package: PackageRef<'a>,
    /// Its element in primary.
    pub primary: &'a [u8],
    /// Its element in filelists, where it was found.
    pub filelists: Option<&'a [u8]>,
    /// Its element in other, where it was found.
    pub other: Option<&'a [u8]>,
}

impl<P: BufRead, F: BufRead, O: BufRead> Join<P, F, O> {
    /// Opens the documents.
    pub fn new(primary: P, filelists: F, other: O) -> Result<Self, FormatError> {
        Ok(Self {
            packages: Packages::new(primary)?,
            filelists: Window::new(Entries::new(filelists, Kind::Filelists)?),
            other: Window::new(Entries::new(other, Kind::Other)?),
        })
    }

    /// The next package; `None` at primary's end, whatever the others still hold.
    #[expect(clippy::should_implement_trait, reason = "what it gives lives until the next call")]
    pub fn next(&mut self) -> Result<Option<Joined<'_>>, FormatError> {
        let Some((package, primary)) = self.packages.next()? else { return Ok(None) };
        let pkgid = package.checksum.hex();
        let filelists = self.filelists.find(&pkgid)?;
        let other = self.other.find(&pkgid)?;
        Ok(Some(Joined { package, primary, filelists, other }))
    }
}

/// A document, and those of its elements that came before their turn.
#[derive(Debug)]
struct Window<R> {
    entries: Entries<R>,
    held: HashMap<String, Vec<u8>>,
    /// Bytes that they take.
    size: usize,
    found: Vec<u8>,
}

impl<R: BufRead> Window<R> {
    fn new(entries: Entries<R>) -> Self {
        Self { entries, held: HashMap::new(), size: 0, found: Vec::new() }
    }

    fn find(&mut self, pkgid: &str) -> Result<Option<&[u8]>, FormatError> {
        if let Some(held) = self.held.remove(pkgid) {
            self.size -= held.len();
            self.found = held;
            return Ok(Some(&self.found));
        }
        while self.size < limits::JOIN_HELD {
            let Some((found, element)) = self.entries.next()? else { return Ok(None) };
            if found == pkgid {
                self.found.clear();
                self.found.extend_from_slice(element);
                return Ok(Some(&self.found));
            }
            self.size += element.len();
            // The same file may be listed at two places: one of its elements is as good as the other.
            let before = self.held.insert(found.to_owned(), element.to_vec());
            self.size -= before.map_or(0, |before| before.len());
        }
        Ok(None)
    }
}
