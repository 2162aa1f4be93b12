//! `updateinfo.xml`: the advisories of a repository, each with the package builds that it brings.
//!
//! [`read_advisories`] streams: one advisory at a time is held. [`filter()`] writes what is left of a
//! document once some packages are gone, [`merge()`] makes one of several, [`Writer`] gives what
//! `createrepo_c` gives.
//!
//! What is read is what clients read. Texts stay as they were written, dates and numbers too, but for
//! white space around them and characters that XML excludes. Elements and attributes that no client
//! knows are left out. Nothing is guessed: an advisory may lack its id, and a package a part of its
//! name, which then names none ([`Package::nevra`]).

use std::io::BufRead;

use super::nevra::{Evr, Nevra};
use super::xml::{Xml, without_excluded};
use super::{FormatError, excerpt};
use crate::limits;

mod date;
mod filter;
mod merge;
#[cfg(test)]
mod tests;
mod write;

pub use date::seconds;
pub use filter::{Filtered, filter};
pub use merge::{Advisories, merge};
pub use write::Writer;

/// An advisory: why some packages were updated. A text that is empty was not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advisory {
    /// Its name, as `RHSA-2024:1234`. An upstream may use one twice, or forget it.
    pub id: String,
    /// What it is about: `security`, `bugfix`, `enhancement`, `newpackage`; others use other words.
    pub kind: String,
    /// How bad what it mends is, as `Important`.
    pub severity: String,
    /// Its title.
    pub title: String,
    /// Who issued it, mostly an address.
    pub from: String,
    /// `final`, `stable`, `testing` …
    pub status: String,
    /// Its edition, mostly a number.
    pub version: String,
    /// When it was issued, as written; see [`seconds`].
    pub issued: String,
    /// When it was changed last, as written.
    pub updated: String,
    /// Who has rights in its text.
    pub rights: String,
    /// What release of a distribution it is for.
    pub release: String,
    /// How often it was published.
    pub pushcount: String,
    /// What it says in short.
    pub summary: String,
    /// What it says.
    pub description: String,
    /// What is to be done.
    pub solution: String,
    /// What a user is asked before it is installed; SUSE's.
    pub message: String,
    /// Whether a host is to be started anew.
    pub reboot_suggested: bool,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// The packages that it brings.
    pub collections: Vec<Collection>,
}

/// What an advisory refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// Where it can be read.
    pub href: String,
    /// Its name there, as `CVE-2024-1234`.
    pub id: String,
    /// What it is: `cve`, `bugzilla`, `self` …
    pub kind: String,
    /// Its title.
    pub title: String,
}

/// Packages that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// A short name.
    pub short: String,
    /// A name.
    pub name: String,
    /// The module that the packages are of.
    pub module: Option<Module>,
    /// The packages.
    pub packages: Vec<Package>,
}

/// A build of a module's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// The module's name.
    pub name: String,
    /// The stream.
    pub stream: String,
    /// The build's version, as written.
    pub version: String,
    /// The build's context.
    pub context: String,
    /// The architecture.
    pub arch: String,
}

/// A package that an advisory brings: the build that has the update, never one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The release.
    pub release: String,
    /// The epoch; empty means 0.
    pub epoch: String,
    /// The architecture.
    pub arch: String,
    /// The source package, a file's name or a URL.
    pub src: String,
    /// The file's name, which need not be the one in the repository.
    pub filename: String,
    /// The file's digest, as written.
    pub sum: Option<Sum>,
    /// Whether a host is to be started anew.
    pub reboot_suggested: bool,
    /// Whether the package manager is to be started anew.
    pub restart_suggested: bool,
    /// Whether users are to log in anew.
    pub relogin_suggested: bool,
}

/// A digest, as written: nothing depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// The algorithm.
    pub algorithm: String,
    /// The value.
    pub value: String,
}

impl Advisory {
    /// The CVEs that it names, in its order.
    pub fn cves(&self) -> impl Iterator<Item = &str> {
        let is_cve = |kind: &str| kind.eq_ignore_ascii_case("cve");
        let cves = self.references.iter().filter(move |reference| is_cve(&reference.kind));
        cves.map(|reference| reference.id.as_str()).filter(|id| !id.is_empty())
    }

    /// Its packages, whatever the collection.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.collections.iter().flat_map(|collection| &collection.packages)
    }

    /// What it is called in a message: its id, or where it has none its title.
    pub fn label(&self) -> String {
        if self.id.is_empty() {
            format!("advisory without an id ({:?})", excerpt(&self.title))
        } else {
            excerpt(&self.id)
        }
    }
}

impl Package {
    /// The build that it names; `None` where a part is missing or the epoch is no number.
    pub fn nevra(&self) -> Option<Nevra> {
        if [&self.name, &self.version, &self.arch].iter().any(|part| part.is_empty()) {
            return None;
        }
        let epoch = if self.epoch.is_empty() { Some(0) } else { self.epoch.parse().ok() };
        let evr =
            Evr { epoch: epoch?, version: self.version.clone(), release: self.release.clone() };
        Some(Nevra { name: self.name.clone(), evr, arch: self.arch.clone() })
    }
}

/// Reads an updateinfo document, calls `on_advisory` with each advisory, in order, and gives their
/// number.
///
/// XML that is not well-formed and anything over its bound are errors; an error of `on_advisory` ends
/// the reading.
pub fn read_advisories<E: From<FormatError>>(
    reader: impl BufRead,
    mut on_advisory: impl FnMut(Advisory) -> Result<(), E>,
) -> Result<u64, E> {
    let mut xml = Xml::new(reader);
    let mut count = 0;
    xml.root(&["updates"], "updateinfo")?;
    while let Some(name) = xml.child()? {
        if name != "update" {
            xml.skip()?;
            continue;
        }
        let advisory = read_advisory(&mut xml)?;
        count += 1;
        within(count, "advisories", limits::ADVISORIES)?;
        on_advisory(advisory)?;
    }
    xml.finish()?;
    Ok(count as u64)
}

fn within(count: usize, what: &'static str, limit: usize) -> Result<(), FormatError> {
    if count > limit {
        return Err(FormatError::Limit { what, limit: limit as u64 });
    }
    Ok(())
}

fn read_advisory<R: BufRead>(xml: &mut Xml<R>) -> Result<Advisory, FormatError> {
    let mut advisory = Advisory::default();
    let mut bounds = Bounds { start: xml.position(), entries: 0 };
    set(xml, |key, value| match key {
        "from" => advisory.from = value,
        "status" => advisory.status = value,
        "type" => advisory.kind = value,
        "version" => advisory.version = value,
        _ => {}
    })?;
    while let Some(name) = xml.child()? {
        match name {
            "id" => advisory.id = text(xml)?,
            "title" => advisory.title = text(xml)?,
            "rights" => advisory.rights = text(xml)?,
            "release" => advisory.release = text(xml)?,
            "pushcount" => advisory.pushcount = text(xml)?,
            "severity" => advisory.severity = text(xml)?,
            "summary" => advisory.summary = text(xml)?,
            "description" => advisory.description = text(xml)?,
            "solution" => advisory.solution = text(xml)?,
            "message" => advisory.message = text(xml)?,
            "issued" => advisory.issued = date(xml)?,
            "updated" => advisory.updated = date(xml)?,
            "reboot_suggested" => advisory.reboot_suggested = flag(xml)?,
            "references" => read_references(xml, &mut advisory.references, &mut bounds)?,
            "pkglist" => read_packages(xml, &mut advisory.collections, &mut bounds)?,
            _ => xml.skip()?,
        }
        bounds.check(xml)?;
    }
    Ok(advisory)
}

/// An advisory is held in memory as a whole.
struct Bounds {
    start: u64,
    entries: usize,
}

impl Bounds {
    fn check<R: BufRead>(&self, xml: &Xml<R>) -> Result<(), FormatError> {
        let bytes = xml.position().saturating_sub(self.start);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        within(bytes, "bytes of one advisory", limits::ADVISORY_TEXT)
    }

    fn count<R: BufRead>(&mut self, xml: &Xml<R>) -> Result<(), FormatError> {
        self.entries += 1;
        within(self.entries, "entries of one advisory", limits::ADVISORY_ENTRIES)?;
        self.check(xml)
    }
}

fn read_references<R: BufRead>(
    xml: &mut Xml<R>,
    references: &mut Vec<Reference>,
    bounds: &mut Bounds,
) -> Result<(), FormatError> {
    while let Some(name) = xml.child()? {
        if name == "reference" {
            bounds.count(xml)?;
            let mut reference = Reference::default();
            set(xml, |key, value| match key {
                "href" => reference.href = value,
                "id" => reference.id = value,
                "type" => reference.kind = value,
                "title" => reference.title = value,
                _ => {}
            })?;
            references.push(reference);
        }
        xml.skip()?;
    }
    Ok(())
}

fn read_packages<R: BufRead>(
    xml: &mut Xml<R>,
    collections: &mut Vec<Collection>,
    bounds: &mut Bounds,
) -> Result<(), FormatError> {
    while let Some(name) = xml.child()? {
        if name != "collection" {
            xml.skip()?;
            continue;
        }
        bounds.count(xml)?;
        let mut collection = Collection::default();
        set(xml, |key, value| {
            if key == "short" {
                collection.short = value;
            }
        })?;
        while let Some(name) = xml.child()? {
            match name {
                "name" => collection.name = text(xml)?,
                "module" => collection.module = Some(read_module(xml)?),
                "package" => {
                    bounds.count(xml)?;
                    collection.packages.push(read_package(xml)?);
                }
                _ => xml.skip()?,
            }
        }
        collections.push(collection);
    }
    Ok(())
}

fn read_module<R: BufRead>(xml: &mut Xml<R>) -> Result<Module, FormatError> {
    let mut module = Module::default();
    set(xml, |key, value| match key {
        "name" => module.name = value,
        "stream" => module.stream = value,
        "version" => module.version = value,
        "context" => module.context = value,
        "arch" => module.arch = value,
        _ => {}
    })?;
    xml.skip()?;
    Ok(module)
}

fn read_package<R: BufRead>(xml: &mut Xml<R>) -> Result<Package, FormatError> {
    let mut package = Package::default();
    set(xml, |key, value| match key {
        "name" => package.name = value,
        "version" => package.version = value,
        "release" => package.release = value,
        "epoch" => package.epoch = value,
        "arch" => package.arch = value,
        "src" => package.src = value,
        _ => {}
    })?;
    while let Some(name) = xml.child()? {
        match name {
            "filename" => package.filename = text(xml)?,
            "sum" => {
                let algorithm = plain(xml.attribute("type")?.unwrap_or_default());
                let value = text(xml)?;
                package.sum = Some(Sum { algorithm, value }).filter(|sum| !sum.value.is_empty());
            }
            "reboot_suggested" => package.reboot_suggested = flag(xml)?,
            "restart_suggested" => package.restart_suggested = flag(xml)?,
            "relogin_suggested" => package.relogin_suggested = flag(xml)?,
            _ => xml.skip()?,
        }
    }
    Ok(package)
}

/// Calls `on` with each attribute of the element that was entered last.
fn set<R: BufRead>(xml: &Xml<R>, mut on: impl FnMut(&str, String)) -> Result<(), FormatError> {
    xml.attributes(|key, value| on(key, plain(value.into_owned())))
}

fn text<R: BufRead>(xml: &mut Xml<R>) -> Result<String, FormatError> {
    xml.owned_text().map(plain)
}

fn date<R: BufRead>(xml: &mut Xml<R>) -> Result<String, FormatError> {
    let date = xml.attribute("date")?.unwrap_or_default();
    xml.skip()?;
    Ok(plain(date))
}

/// Elements that say yes by being there, unless they say no.
fn flag<R: BufRead>(xml: &mut Xml<R>) -> Result<bool, FormatError> {
    let text = text(xml)?;
    Ok(!["false", "no", "0"].iter().any(|no| text.eq_ignore_ascii_case(no)))
}

/// Without white space around it, nor characters that XML excludes.
fn plain(text: String) -> String {
    let text = without_excluded(text);
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    if trimmed.len() == text.len() { text } else { trimmed.to_owned() }
}
