//! What a package provides and asks for.

use std::collections::{HashMap, HashSet};

use super::super::FormatError;
use super::super::header::{Headers, tag};
use super::super::rich::Comparison;
use super::super::version;
use super::files::{self, File, is_primary};
use super::text::{Text, text, wrong};
use crate::limits;

/// `RPMSENSE_LESS`, `_GREATER` and `_EQUAL`.
const SENSE: u64 = 0xf;

/// `RPMSENSE_PREREQ`, `_PRETRANS`, `_SCRIPT_PRE`, `_SCRIPT_POST` and `_POSTTRANS`: it is needed before
/// the package's scripts run.
const PRE: u64 = 1 << 6 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 5;

/// A dependency, as metadata lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency<'a> {
    /// The name, a path, or a rich dependency; one that is empty is not listed.
    pub name: Text<'a>,
    /// How the version compares that is meant; `None` means any.
    pub comparison: Option<Comparison>,
    /// Its epoch, `0` where it has a version without one.
    pub epoch: Text<'a>,
    /// Its version.
    pub version: Text<'a>,
    /// Its release.
    pub release: Text<'a>,
    /// Whether it must be there before the package's scripts run; of requirements only.
    pub pre: bool,
}

/// A dependency, and the bytes that it was read from: what is compared are they.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    name: &'a [u8],
    version: &'a [u8],
    flags: u64,
    dependency: Dependency<'a>,
}

/// What is listed of a kind of dependencies that are not filtered.
pub(super) fn listed(entries: Vec<Entry<'_>>) -> Vec<Dependency<'_>> {
    entries.into_iter().map(|entry| entry.dependency).collect()
}

/// The dependencies of one kind, in the header's order. One whose epoch is no number is none, as for
/// createrepo_c.
pub(super) fn read<'a>(
    headers: &'a Headers,
    tags: tag::Dependency,
    what: &'static str,
) -> Result<Vec<Entry<'a>>, FormatError> {
    read_wanted(headers, tags, what, |_| true)
}

fn read_wanted<'a>(
    headers: &'a Headers,
    [names, flags, versions]: tag::Dependency,
    what: &'static str,
    mut is_wanted: impl FnMut(&Raw<'a>) -> bool,
) -> Result<Vec<Entry<'a>>, FormatError> {
    let names = headers.strings(names, limits::PACKAGE_ENTRIES)?;
    let flags = headers.get(flags)?.map(|value| value.numbers()).transpose()?;
    let versions = headers.strings(versions, limits::PACKAGE_ENTRIES)?;
    // Without flags or versions there are none, as in packages of the first rpms.
    let Some(flags) = flags.filter(|_| !versions.is_empty()) else { return Ok(Vec::new()) };
    if names.len() != flags.len() || names.len() != versions.len() {
        let (names, flags, versions) = (names.len(), flags.len(), versions.len());
        let reason = format!("has {names} names, {flags} flags and {versions} versions of {what}");
        return Err(wrong(reason));
    }
    let mut entries = Vec::with_capacity(names.len());
    for ((name, flags), version) in names.into_iter().zip(flags).zip(versions) {
        let raw = Raw { name, flags, version };
        if is_wanted(&raw)
            && let Some(dependency) = raw.parse(what)?
        {
            entries.push(Entry { name, version, flags, dependency });
        }
    }
    Ok(entries)
}

/// The requirements, without what nobody else has to bring, and what was just said: features of rpm,
/// the package's own files and provides. Of the versions of the C library, the highest is enough, and
/// comes last.
pub(super) fn requires<'a>(
    headers: &'a Headers,
    provides: &[Entry<'a>],
    files: &[File<'a>],
) -> Result<Vec<Dependency<'a>>, FormatError> {
    let files = files::by_path(files);
    let own = |name: &[u8]| {
        let path = std::str::from_utf8(name).ok().filter(|path| path.starts_with('/'));
        path.is_some_and(|path| is_primary(path) && files.contains_key(path))
    };
    let brought: HashSet<Vec<u8>> =
        provides.iter().map(|entry| key(entry.name, entry.flags, entry.version)).collect();
    let entries = read_wanted(headers, tag::REQUIRES, "requires", |raw| {
        !raw.name.starts_with(b"rpmlib(")
            && !own(raw.name)
            && !brought.contains(&key(raw.name, raw.flags, raw.version))
    })?;
    // What was said last of each name.
    let mut said = HashMap::new();
    let mut requires = Vec::with_capacity(entries.len());
    let mut c_library: Option<Entry<'_>> = None;
    for mut entry in entries {
        let pre = entry.flags & PRE != 0;
        entry.dependency.pre = pre;
        let this = (entry.dependency.comparison, entry.version, pre);
        if said.get(entry.name) == Some(&this) {
            continue;
        }
        if entry.name.starts_with(b"libc.so.6") {
            if c_library.as_ref().is_none_or(|highest| is_higher(entry.name, highest.name)) {
                c_library = Some(entry);
            }
            continue;
        }
        said.insert(entry.name, this);
        requires.push(entry.dependency);
    }
    requires.extend(c_library.map(|entry| entry.dependency));
    Ok(requires)
}

/// Name, flags and version in one, which is what createrepo_c compares.
fn key(name: &[u8], flags: u64, version: &[u8]) -> Vec<u8> {
    [name, comparison(flags).map_or("", word).as_bytes(), version].concat()
}

/// A dependency as the header has it.
struct Raw<'a> {
    name: &'a [u8],
    flags: u64,
    version: &'a [u8],
}

impl<'a> Raw<'a> {
    /// The dependency; `None` where its epoch is no number.
    fn parse(&self, what: &str) -> Result<Option<Dependency<'a>>, FormatError> {
        let Some((epoch, version, release)) = split(self.version) else { return Ok(None) };
        if self.name.len() > limits::RICH_LEN {
            let what = "bytes of a dependency";
            return Err(FormatError::Limit { what, limit: limits::RICH_LEN as u64 });
        }
        Ok(Some(Dependency {
            name: text(self.name, what)?,
            comparison: comparison(self.flags),
            epoch: text(epoch, what)?,
            version: text(version, what)?,
            release: text(release, what)?,
            pre: false,
        }))
    }
}

fn comparison(flags: u64) -> Option<Comparison> {
    match flags & SENSE {
        2 => Some(Comparison::Less),
        4 => Some(Comparison::Greater),
        8 => Some(Comparison::Equal),
        10 => Some(Comparison::LessOrEqual),
        12 => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

/// What metadata calls it.
pub(super) fn word(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "LT",
        Comparison::LessOrEqual => "LE",
        Comparison::Equal => "EQ",
        Comparison::GreaterOrEqual => "GE",
        Comparison::Greater => "GT",
    }
}

/// Epoch, version and release; `None` where the epoch is no number.
fn split(evr: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if evr.is_empty() {
        return Some((b"", b"", b""));
    }
    let (epoch, rest) = match memchr::memchr(b':', evr) {
        Some(0) => (&b"0"[..], &evr[1..]),
        Some(colon) if is_number(&evr[..colon]) => (&evr[..colon], &evr[colon + 1..]),
        Some(_) => return None,
        None => (&b"0"[..], evr),
    };
    let (version, release) = match memchr::memchr(b'-', rest) {
        Some(dash) => (&rest[..dash], &rest[dash + 1..]),
        None => (rest, &b""[..]),
    };
    Some((epoch, version, release))
}

/// Whether it is a number to C's `strtol`.
fn is_number(text: &[u8]) -> bool {
    let digits = text.trim_ascii_start();
    let digits = digits.strip_prefix(b"-").or(digits.strip_prefix(b"+")).unwrap_or(digits);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Whether `name` stands for a higher version of the C library than `than`: by what is in the first
/// parentheses from the first digit on.
fn is_higher(name: &[u8], than: &[u8]) -> bool {
    match (Symbol::of(name), Symbol::of(than)) {
        (Symbol::Version(a), Symbol::Version(b)) => version::compare(&a, &b).is_gt(),
        (a, b) => a.rank() > b.rank(),
    }
}

/// What stands in the first parentheses of a name.
enum Symbol<'a> {
    /// There are none.
    None,
    /// They do not close.
    Open,
    /// Nothing.
    Empty,
    /// No digit.
    Word,
    /// From the first digit on.
    Version(Text<'a>),
}

impl<'a> Symbol<'a> {
    fn of(name: &'a [u8]) -> Self {
        let Some(open) = memchr::memchr(b'(', name) else { return Self::None };
        let Some(close) = memchr::memchr(b')', &name[open..]) else { return Self::Open };
        let within = &name[open + 1..open + close];
        if within.is_empty() {
            return Self::Empty;
        }
        match within.iter().position(u8::is_ascii_digit) {
            Some(digit) => Self::Version(String::from_utf8_lossy(&within[digit..])),
            None => Self::Word,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Open => 1,
            Self::Empty => 2,
            Self::Word => 3,
            Self::Version(_) => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_versions_as_createrepo_c_does() {
        let split = |evr: &str| {
            let parts = split(evr.as_bytes())?;
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            Some([text(parts.0), text(parts.1), text(parts.2)].join("|"))
        };
        for (evr, parts) in [
            ("", "||"),
            ("1.0", "0|1.0|"),
            ("1.0-2-3", "0|1.0|2-3"),
            ("7:1-2", "7|1|2"),
            (":1", "0|1|"),
            ("+1:1:2", "+1|1:2|"),
            ("-", "0||"),
        ] {
            assert_eq!(split(evr).as_deref(), Some(parts), "{evr}");
        }
        assert_eq!(split("a:1"), None);
        assert_eq!(split("1a:1"), None);
    }

    #[test]
    fn keeps_the_highest_version_of_the_c_library() {
        let names = [
            "libc.so.6",
            "libc.so.6(",
            "libc.so.6()(64bit)",
            "libc.so.6(GLIBC)",
            "libc.so.6(GLIBC_2.3.4)(64bit)",
            "libc.so.6(GLIBC_2.14)",
        ];
        for (at, name) in names.iter().enumerate() {
            for (other, than) in names.iter().enumerate() {
                assert_eq!(
                    is_higher(name.as_bytes(), than.as_bytes()),
                    at > other,
                    "{name} {than}"
                );
            }
        }
    }
}
