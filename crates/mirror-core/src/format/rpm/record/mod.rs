//! What repository metadata says of a package, read from its headers as createrepo_c reads them.
//!
//! [`Record::read`] gives the fields in the order and with the omissions that createrepo_c has, so that
//! [`Listing`] writes the same three `<package>` elements to the byte: of primary, filelists and other.
//!
//! Texts are those that need no locale. One that is no UTF-8 is taken as Latin-1, as old packages have
//! it. A control character anywhere in what would be listed is an error: no XML can hold it, and
//! createrepo_c leaves such a package out as well.

use std::borrow::Cow;

use super::FormatError;
use super::header::{Headers, tag};
use crate::limits;

mod changelog;
mod dependency;
mod files;
mod text;
mod write;

pub use changelog::Change;
pub use dependency::Dependency;
pub use files::{File, FileKind, is_primary};
pub(super) use files::{GHOST, paths};
pub use text::Text;
pub(super) use text::wrong;
pub use write::{Document, Listing};

/// A package as metadata describes it; texts that it does not have are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// The architecture that it is for, `src` for a source package.
    pub arch: Text<'a>,
    /// Its epoch, 0 where it has none.
    pub epoch: u64,
    /// Its version.
    pub version: Text<'a>,
    /// Its release.
    pub release: Text<'a>,
    /// What it is, in a line.
    pub summary: Text<'a>,
    /// What it is, in any number of lines.
    pub description: Text<'a>,
    /// Who packaged it.
    pub packager: Text<'a>,
    /// Where more is said of what it holds.
    pub url: Text<'a>,
    /// When it was built, in seconds since 1970.
    pub build_time: u64,
    /// Bytes of its files once installed.
    pub installed_size: u64,
    /// Bytes of its archive once decompressed.
    pub archive_size: u64,
    /// Its licence.
    pub license: Text<'a>,
    /// Who publishes it.
    pub vendor: Text<'a>,
    /// The group that it was filed under.
    pub group: Text<'a>,
    /// The host that built it.
    pub build_host: Text<'a>,
    /// The file name of the source package that it was built from.
    pub source_rpm: Text<'a>,
    /// Where the header begins and ends in the file, in bytes.
    pub header_range: (u64, u64),
    /// What is there with it.
    pub provides: Vec<Dependency<'a>>,
    /// What it does not work without, but for what it brings itself.
    pub requires: Vec<Dependency<'a>>,
    /// What it does not go with.
    pub conflicts: Vec<Dependency<'a>>,
    /// What it takes the place of.
    pub obsoletes: Vec<Dependency<'a>>,
    /// What it may be better with.
    pub suggests: Vec<Dependency<'a>>,
    /// What may be better with it.
    pub enhances: Vec<Dependency<'a>>,
    /// What it is better with.
    pub recommends: Vec<Dependency<'a>>,
    /// What is better with it.
    pub supplements: Vec<Dependency<'a>>,
    /// Its files, in the header's order.
    pub files: Vec<File<'a>>,
    /// The newest entries of its changelog, oldest first.
    pub changelog: Vec<Change<'a>>,
}

impl<'a> Record<'a> {
    /// Reads what `headers` say; of the changelog at most `changelogs` entries.
    ///
    /// A package without a name, version, release or architecture, lists that do not fit one another,
    /// control characters, and more than the bounds of [`limits`](crate::limits) are errors.
    pub fn read(headers: &'a Headers, changelogs: usize) -> Result<Self, FormatError> {
        check_items(headers, changelogs)?;
        let text = |tag, what| text::text(headers.first(tag)?, what);
        let needed = |tag, what: &'static str| {
            let text = text(tag, what)?;
            text::check_name(&text, what).map(|()| text)
        };
        let files = files::read(headers)?;
        let is_source = is_source(headers, &files)?;
        let source_rpm = match text(tag::SOURCERPM, "source package")? {
            // What rpm takes those for that say neither.
            none if none.is_empty()
                && !is_source
                && headers.get(tag::SOURCERPM)?.is_none()
                && headers.get(tag::SOURCEPACKAGE)?.is_none() =>
            {
                Cow::Borrowed("(none)")
            }
            text => text,
        };
        let long = |long, short| {
            let long = headers.number(long)?;
            long.map_or_else(|| headers.number(short), |long| Ok(Some(long)))
        };
        let archive_size = if let Some(size) = long(tag::LONGARCHIVESIZE, tag::ARCHIVESIZE)? {
            size
        } else {
            let long = headers.signature_number(tag::LONGARCHIVESIZE)?;
            let short = headers.signature_number(tag::SIG_PAYLOADSIZE)?;
            long.or(short).unwrap_or(0)
        };
        let range = headers.range();
        let provides = dependency::read(headers, tag::PROVIDES, "provides")?;
        let requires = dependency::requires(headers, &provides, &files)?;
        let of = |tags, what| dependency::read(headers, tags, what).map(dependency::listed);
        Ok(Self {
            name: needed(tag::NAME, "name")?,
            arch: if is_source { Cow::Borrowed("src") } else { needed(tag::ARCH, "architecture")? },
            epoch: headers.number(tag::EPOCH)?.unwrap_or(0),
            version: needed(tag::VERSION, "version")?,
            release: needed(tag::RELEASE, "release")?,
            summary: text(tag::SUMMARY, "summary")?,
            description: text(tag::DESCRIPTION, "description")?,
            packager: text(tag::PACKAGER, "packager")?,
            url: text(tag::URL, "URL")?,
            build_time: headers.number(tag::BUILDTIME)?.unwrap_or(0),
            installed_size: long(tag::LONGSIZE, tag::SIZE)?.unwrap_or(0),
            archive_size,
            license: text(tag::LICENSE, "license")?,
            vendor: text(tag::VENDOR, "vendor")?,
            group: text(tag::GROUP, "group")?,
            build_host: text(tag::BUILDHOST, "build host")?,
            source_rpm,
            header_range: (range.start, range.end),
            provides: dependency::listed(provides),
            requires,
            conflicts: of(tag::CONFLICTS, "conflicts")?,
            obsoletes: of(tag::OBSOLETES, "obsoletes")?,
            suggests: of(tag::SUGGESTS, "suggests")?,
            enhances: of(tag::ENHANCES, "enhances")?,
            recommends: of(tag::RECOMMENDS, "recommends")?,
            supplements: of(tag::SUPPLEMENTS, "supplements")?,
            files,
            changelog: changelog::read(headers, changelogs)?,
        })
    }

    /// `NAME-EPOCH:VERSION-RELEASE.ARCH`, an epoch of 0 included.
    pub fn nevra(&self) -> String {
        let Self { name, epoch, version, release, arch, .. } = self;
        format!("{name}-{epoch}:{version}-{release}.{arch}")
    }
}

/// What is listed item by item is all held until it is written.
fn check_items(headers: &Headers, changelogs: usize) -> Result<(), FormatError> {
    let dependencies = [
        tag::PROVIDES,
        tag::REQUIRES,
        tag::CONFLICTS,
        tag::OBSOLETES,
        tag::SUGGESTS,
        tag::ENHANCES,
        tag::RECOMMENDS,
        tag::SUPPLEMENTS,
    ];
    let count = |tag| Ok::<_, FormatError>(headers.get(tag)?.map_or(0, |value| value.count()));
    let mut items = count(tag::CHANGELOGTIME)?.min(changelogs);
    let files = [tag::BASENAMES, tag::OLDFILENAMES];
    for tag in dependencies.map(|[names, ..]| names).into_iter().chain(files) {
        items = items.saturating_add(count(tag)?);
    }
    if items > limits::LISTED_ITEMS {
        let what = "files, dependencies and changelog entries of a package";
        return Err(FormatError::Limit { what, limit: limits::LISTED_ITEMS as u64 });
    }
    Ok(())
}

/// Whether it is a source package: it says so, or says nothing and has its files in no folder, which is
/// how rpm tells those that are older than the tag.
fn is_source(headers: &Headers, files: &[File<'_>]) -> Result<bool, FormatError> {
    if headers.get(tag::SOURCEPACKAGE)?.is_some() {
        return Ok(headers.number(tag::SOURCEPACKAGE)?.is_some_and(|number| number != 0));
    }
    if headers.get(tag::SOURCERPM)?.is_some() {
        return Ok(false);
    }
    Ok(!files.is_empty() && files.iter().all(|file| !file.path.contains('/')))
}

#[cfg(test)]
mod tests;
