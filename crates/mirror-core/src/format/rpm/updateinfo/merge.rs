//! One list of advisories from several.
//!
//! An advisory that is listed twice, in one document or in two, is one. What it says is what the newest
//! edition says: the one that was updated last (issued, where it says no more), then the one of the
//! higher version, then the one that was read last. Its packages are those of all editions: each
//! repository lists those that it has itself. Advisories without an id are never one.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use super::{Advisory, Collection, Writer, read_advisories, seconds, within};
use crate::format::rpm::{FormatError, version};
use crate::limits;

/// Advisories by their ids, in the order in which they were read first.
#[derive(Debug, Clone, Default)]
pub struct Advisories {
    list: Vec<Advisory>,
    by_id: HashMap<String, usize>,
    bytes: usize,
}

impl Advisories {
    /// Reads a document to the others.
    ///
    /// More than [`limits::ADVISORIES_TEXT`] bytes of them in all are an error.
    pub fn read(&mut self, reader: impl BufRead) -> Result<(), FormatError> {
        read_advisories(reader, |advisory| self.add(advisory)).map(drop)
    }

    /// Takes an advisory to the others.
    pub fn add(&mut self, advisory: Advisory) -> Result<(), FormatError> {
        self.bytes = self.bytes.saturating_add(size(&advisory));
        within(self.bytes, "bytes of advisories", limits::ADVISORIES_TEXT)?;
        if let Some(at) = self.by_id.get(&advisory.id) {
            unite(&mut self.list[*at], advisory);
            return Ok(());
        }
        if !advisory.id.is_empty() {
            self.by_id.insert(advisory.id.clone(), self.list.len());
        }
        self.list.push(advisory);
        Ok(())
    }

    /// All of them.
    pub fn list(&self) -> &[Advisory] {
        &self.list
    }

    /// The one of that id.
    pub fn get(&self, id: &str) -> Option<&Advisory> {
        self.by_id.get(id).map(|at| &self.list[*at])
    }

    /// Writes them as one document.
    pub fn write(&self, writer: impl Write) -> io::Result<()> {
        let mut writer = Writer::new(writer);
        self.list.iter().try_for_each(|advisory| writer.write(advisory))?;
        writer.finish()
    }
}

/// Makes one document of several; the module's page says how.
pub fn merge<R: BufRead>(
    readers: impl IntoIterator<Item = R>,
    writer: impl Write,
) -> Result<(), FormatError> {
    let mut advisories = Advisories::default();
    for reader in readers {
        advisories.read(reader)?;
    }
    advisories.write(writer).map_err(FormatError::Write)
}

/// About the memory that it takes, in bytes.
fn size(advisory: &Advisory) -> usize {
    let texts = [
        &advisory.id,
        &advisory.title,
        &advisory.summary,
        &advisory.description,
        &advisory.solution,
        &advisory.rights,
    ];
    let texts: usize = texts.iter().map(|text| text.len()).sum();
    let references: usize =
        advisory.references.iter().map(|r| r.href.len() + r.id.len() + r.title.len() + 120).sum();
    let packages = |collection: &Collection| -> usize {
        let each = collection.packages.iter().map(|p| {
            p.name.len() + p.version.len() + p.release.len() + p.src.len() + p.filename.len() + 340
        });
        collection.name.len() + 200 + each.sum::<usize>()
    };
    texts + references + advisory.collections.iter().map(packages).sum::<usize>() + 500
}

fn unite(known: &mut Advisory, other: Advisory) {
    let older = if age(&other, known) == Ordering::Less {
        other.collections
    } else {
        std::mem::replace(known, other).collections
    };
    for mut collection in older {
        let is_same = |other: &&mut Collection| {
            let Collection { short, name, module, packages: _ } = &**other;
            (short, name, module) == (&collection.short, &collection.name, &collection.module)
        };
        match known.collections.iter_mut().find(is_same) {
            None => known.collections.push(collection),
            Some(newer) => {
                let names = |p: &super::Package| (p.nevra(), p.filename.clone());
                let there: std::collections::HashSet<_> =
                    newer.packages.iter().map(names).collect();
                collection.packages.retain(|package| !there.contains(&names(package)));
                newer.packages.append(&mut collection.packages);
            }
        }
    }
}

/// How the ages of two editions compare: the newer is the greater.
fn age(a: &Advisory, b: &Advisory) -> Ordering {
    let time =
        |advisory: &Advisory| seconds(&advisory.updated).or_else(|| seconds(&advisory.issued));
    let by_time = time(a).zip(time(b)).map_or(Ordering::Equal, |(a, b)| a.cmp(&b));
    by_time.then_with(|| version::compare(&a.version, &b.version))
}
