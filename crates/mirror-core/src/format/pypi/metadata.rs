//! Core metadata of distributions: `METADATA` of wheels, `PKG-INFO` of source distributions.
//!
//! Headers of the kind that mail has (RFC 822), then the description. Only the fields that decide what
//! gets installed are kept; [`limits`] bounds them. Old releases hold all sorts of things: a line that
//! is no field is passed over, and a field that does not parse is a [`Fault`] of the release, which
//! makes it of no use to a resolver but is no error of the document.

use std::borrow::Cow;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName};

use super::requirement::{self, extra_name, package_name};
use super::{Requirement, excerpt};
use crate::limits;

/// What a release says of itself, as far as a resolver asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The version of the metadata's own format; 1.0 where it does not say.
    pub metadata_version: (u16, u16),
    /// The project.
    pub name: PackageName,
    /// The release.
    pub version: Version,
    /// The versions of Python that it is for.
    pub requires_python: Option<VersionSpecifiers>,
    /// What it needs.
    pub requires_dist: Vec<Requirement>,
    /// The extras that it has.
    pub provides_extra: Vec<ExtraName>,
    /// The fields that a build may change (PEP 643), in lower case.
    pub dynamic: Vec<String>,
    /// The fields that did not parse. Where there is one, what the release needs is not known.
    pub faults: Vec<Fault>,
}

/// A field that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {value:?} is malformed: {reason}")]
pub struct Fault {
    /// The field.
    pub field: &'static str,
    /// Its value, shortened.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Why metadata was not understood, or is not what it should be. The caller adds whose it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// No name or no version: in most cases something else altogether.
    #[error(
        "is no core metadata: expected a field {field}, found none in a document that begins {begins:?}"
    )]
    Missing {
        /// The field.
        field: &'static str,
        /// How the document begins.
        begins: String,
    },
    /// A field that every other one hangs on does not parse.
    #[error("{0}")]
    Malformed(#[from] Fault),
    /// Two fields that contradict each other.
    #[error("has two fields {field}: {first:?} and {second:?}")]
    Twice {
        /// The field.
        field: &'static str,
        /// The first value.
        first: String,
        /// The second value.
        second: String,
    },
    /// Of a later major version.
    #[error("is of version {found:?} of the metadata format, expected 1.x or 2.x")]
    Version {
        /// The version that it says.
        found: String,
    },
    /// Over a bound of [`crate::limits`].
    #[error("is too large: expected at most {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// Of another project or release than its file.
    #[error("is of {found}, expected {expected}")]
    Other {
        /// The project and version that the file's name says.
        expected: String,
        /// What the metadata says.
        found: String,
    },
}

impl Metadata {
    /// Reads a document.
    pub fn read(document: &[u8]) -> Result<Self, MetadataError> {
        if document.len() as u64 > limits::CORE_METADATA_SIZE {
            return Err(limit("bytes", limits::CORE_METADATA_SIZE));
        }
        let fields = Fields::collect(document)?;
        let required = |field: &'static str, value: Option<&str>| {
            value.map(str::to_owned).ok_or_else(|| MetadataError::Missing {
                field,
                begins: excerpt(&String::from_utf8_lossy(&document[..document.len().min(80)])),
            })
        };
        let name = required("Name", fields.name.as_deref())?;
        let version = required("Version", fields.version.as_deref())?;
        let mut faults = fields.faults;
        let requires_python = fields.requires_python.filter(|text| !text.is_empty());
        let requires_python = requires_python.and_then(|text| match specifiers(&text) {
            Ok(specifiers) => Some(specifiers),
            Err(reason) => {
                faults.push(fault("Requires-Python", &text, &reason));
                None
            }
        });
        let mut requires_dist = Vec::with_capacity(fields.requires_dist.len());
        for text in &fields.requires_dist {
            match requirement(text) {
                Ok(requirement) => requires_dist.push(requirement),
                Err(reason) => faults.push(fault("Requires-Dist", text, &reason)),
            }
        }
        Ok(Self {
            metadata_version: metadata_version(fields.metadata_version.as_deref())?,
            name: package_name(&name).ok_or_else(|| {
                let reason = "expected letters and digits, with - _ . between them";
                fault("Name", &name, reason)
            })?,
            version: version
                .parse::<Version>()
                .map_err(|error| fault("Version", &version, &error.to_string()))?,
            requires_python,
            requires_dist,
            // An extra whose name is none cannot be asked for.
            provides_extra: fields
                .provides_extra
                .iter()
                .filter_map(|text| extra_name(text))
                .collect(),
            dynamic: fields.dynamic,
            faults,
        })
    }

    /// Fails unless this is the metadata of that release: names are compared as PEP 503 says, versions
    /// as PEP 440 does.
    pub fn expect(&self, name: &PackageName, version: &Version) -> Result<(), MetadataError> {
        if self.name == *name && self.version == *version {
            return Ok(());
        }
        Err(MetadataError::Other {
            expected: format!("{name} {version}"),
            found: excerpt(&format!("{} {}", self.name, self.version)),
        })
    }

    /// Whether what a source distribution says that it needs is what its wheel will (PEP 643).
    pub fn is_static(&self) -> bool {
        const DECISIVE: [&str; 3] = ["requires-dist", "requires-python", "provides-extra"];
        self.metadata_version >= (2, 2)
            && !self.dynamic.iter().any(|field| DECISIVE.contains(&field.as_str()))
    }
}

/// Reads a requirement of a release; the error is the reason.
///
/// Like uv, mends what old releases got wrong and everybody understands: see [`specifiers`].
pub fn requirement(text: &str) -> Result<Requirement, String> {
    let strict = requirement::parse(text);
    strict.or_else(|error| {
        mended(text)
            .and_then(|text| requirement::parse(&text).ok())
            .ok_or_else(|| error.to_string())
    })
}

/// The requirement with its specifiers mended, where that changes them.
fn mended(text: &str) -> Option<String> {
    let (requirement, marker) = match text.split_once(';') {
        Some((requirement, marker)) => (requirement, Some(marker)),
        None => (text, None),
    };
    if requirement.contains('@') {
        return None;
    }
    let at = requirement.find(['(', '<', '>', '=', '!', '~'])?;
    let (name, specifiers) = requirement.split_at(at);
    let bare = without_parentheses(specifiers);
    let mended = mend(bare);
    (mended != bare).then(|| match marker {
        Some(marker) => format!("{name}{mended} ;{marker}"),
        None => format!("{name}{mended}"),
    })
}

/// Reads version specifiers of a release; the error is the reason.
///
/// Like uv, mends what old releases got wrong and everybody understands: a missing comma
/// (`>=3.6<4`) or one too many, quotes, and a `.*` behind an operator of order (`>=3.6.*`).
pub fn specifiers(text: &str) -> Result<VersionSpecifiers, String> {
    if text.len() > limits::REQUIREMENT_LEN {
        return Err(format!("expected at most {} bytes", limits::REQUIREMENT_LEN));
    }
    let strict = requirement::version_specifiers(text);
    strict.or_else(|error| {
        let mended = mend(without_parentheses(text));
        requirement::version_specifiers(&mended).map_err(|_| error.to_string())
    })
}

fn without_parentheses(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text)
}

fn mend(text: &str) -> String {
    let is_operator = |c: char| matches!(c, '<' | '>' | '=' | '!' | '~');
    let mut clauses: Vec<String> = Vec::new();
    let mut is_behind_operator = false;
    for c in text.chars().filter(|c| !matches!(c, '"' | '\'')) {
        if c == ',' || clauses.is_empty() || (is_operator(c) && !is_behind_operator) {
            clauses.push(String::new());
        }
        if c != ','
            && let Some(clause) = clauses.last_mut()
        {
            clause.push(c);
        }
        is_behind_operator = is_operator(c);
    }
    let clauses = clauses.iter().map(|clause| clause.trim()).filter(|clause| !clause.is_empty());
    let clauses = clauses.map(|clause| {
        let is_ordering = clause.starts_with(['<', '>']) || clause.starts_with("~=");
        if is_ordering { clause.strip_suffix(".*").unwrap_or(clause) } else { clause }
    });
    clauses.collect::<Vec<_>>().join(",")
}

/// The fields as text.
#[derive(Default)]
struct Fields {
    metadata_version: Option<String>,
    name: Option<String>,
    version: Option<String>,
    requires_python: Option<String>,
    requires_dist: Vec<String>,
    provides_extra: Vec<String>,
    dynamic: Vec<String>,
    faults: Vec<Fault>,
}

impl Fields {
    fn collect(document: &[u8]) -> Result<Self, MetadataError> {
        let mut fields = Self::default();
        let mut headers = Headers::new(document);
        while let Some((name, value)) = headers.next() {
            let Some(field) = known(name) else { continue };
            let Ok(value) = std::str::from_utf8(&value) else {
                let fault = fault(field, &String::from_utf8_lossy(&value), "expected UTF-8");
                fields.take_fault(fault)?;
                continue;
            };
            fields.take(field, value.trim())?;
        }
        Ok(fields)
    }

    fn take(&mut self, field: &'static str, value: &str) -> Result<(), MetadataError> {
        if value.len() > limits::REQUIREMENT_LEN {
            let reason = format!("expected at most {} bytes", limits::REQUIREMENT_LEN);
            return self.take_fault(fault(field, value, &reason));
        }
        let list = match field {
            "Requires-Dist" => &mut self.requires_dist,
            "Provides-Extra" => &mut self.provides_extra,
            "Dynamic" => &mut self.dynamic,
            single => return self.take_single(single, value),
        };
        if list.len() == limits::RELEASE_FIELDS {
            return Err(limit("fields of one kind", limits::RELEASE_FIELDS as u64));
        }
        list.push(if field == "Dynamic" { value.to_ascii_lowercase() } else { value.to_owned() });
        Ok(())
    }

    fn take_single(&mut self, field: &'static str, value: &str) -> Result<(), MetadataError> {
        let single = match field {
            "Metadata-Version" => &mut self.metadata_version,
            "Name" => &mut self.name,
            "Version" => &mut self.version,
            _ => &mut self.requires_python,
        };
        let first = single.get_or_insert_with(|| value.to_owned());
        if first == value {
            return Ok(());
        }
        Err(MetadataError::Twice { field, first: excerpt(first), second: excerpt(value) })
    }

    /// Some fields a release cannot do without.
    fn take_fault(&mut self, fault: Fault) -> Result<(), MetadataError> {
        if matches!(fault.field, "Name" | "Version" | "Metadata-Version") {
            return Err(fault.into());
        }
        if self.faults.len() == limits::RELEASE_FIELDS {
            return Err(limit("fields of one kind", limits::RELEASE_FIELDS as u64));
        }
        self.faults.push(fault);
        Ok(())
    }
}

/// The fields that are kept, as they are written.
fn known(name: &[u8]) -> Option<&'static str> {
    const KNOWN: [&str; 7] = [
        "Metadata-Version",
        "Name",
        "Version",
        "Requires-Python",
        "Requires-Dist",
        "Provides-Extra",
        "Dynamic",
    ];
    KNOWN.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// The headers of a document: names as written, values with their continuations, one line each.
struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    fn new(document: &'a [u8]) -> Self {
        Self { rest: document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document) }
    }

    fn next(&mut self) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
        loop {
            let line = self.line()?;
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
                continue;
            }
            let mut value = Cow::Borrowed(value);
            let is_kept = known(name).is_some();
            while matches!(self.rest.first(), Some(b' ' | b'\t'))
                && let Some(more) = self.line()
            {
                // Twice the bound is over it as surely as more is.
                if is_kept && value.len() <= 2 * limits::REQUIREMENT_LEN {
                    let value = value.to_mut();
                    value.push(b' ');
                    value.extend_from_slice(more.trim_ascii());
                }
            }
            return Some((name, value));
        }
    }

    /// The next line; `None` at the empty one, where the description begins.
    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.rest = &[];
            return None;
        }
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(line)
    }
}

fn metadata_version(text: Option<&str>) -> Result<(u16, u16), MetadataError> {
    let Some(text) = text else { return Ok((1, 0)) };
    let wrong = || MetadataError::Version { found: excerpt(text) };
    let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u16>().map_err(|_| wrong());
    match (number(major)?, number(minor)?) {
        version @ (1 | 2, _) => Ok(version),
        _ => Err(wrong()),
    }
}

fn fault(field: &'static str, value: &str, reason: &str) -> Fault {
    // Some reasons go on with the text, underlined, in lines of their own.
    let reason = reason.lines().next().unwrap_or_default();
    Fault { field, value: excerpt(value.trim()), reason: excerpt(reason) }
}

fn limit(what: &'static str, limit: u64) -> MetadataError {
    MetadataError::Limit { what, limit }
}

#[cfg(test)]
mod tests;
