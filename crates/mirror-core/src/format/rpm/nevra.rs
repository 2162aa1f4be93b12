//! Which package it is: name, epoch, version, release, architecture.
//!
//! [`Evr`] is what orders the builds of one package, [`Nevra`] names one build. [`specs`] reads what a
//! user writes for either, in the forms that dnf knows.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::version;

/// Epoch, version and release: ordered as rpm orders them, where different texts may be equal.
#[derive(Debug, Clone, Default)]
pub struct Evr {
    /// The epoch, which decides before everything else; 0 where none is given.
    pub epoch: u64,
    /// The version.
    pub version: String,
    /// The release.
    pub release: String,
}

impl Evr {
    /// From the attributes of a package's record. An epoch that is no number, which no client takes,
    /// counts as 0.
    pub fn new(epoch: &str, version: &str, release: &str) -> Self {
        Self {
            epoch: epoch.trim().parse().unwrap_or(0),
            version: version.to_owned(),
            release: release.to_owned(),
        }
    }
}

impl Ord for Evr {
    fn cmp(&self, other: &Self) -> Ordering {
        let epoch = self.epoch.cmp(&other.epoch);
        epoch
            .then_with(|| version::compare(&self.version, &other.version))
            .then_with(|| version::compare(&self.release, &other.release))
    }
}

impl PartialOrd for Evr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Evr {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Evr {}

/// `[epoch:]version[-release]`, as rpm prints it: an epoch of 0 is left out.
impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(&self.version)?;
        if !self.release.is_empty() {
            write!(f, "-{}", self.release)?;
        }
        Ok(())
    }
}

/// Parses `[epoch:]version[-release]`.
impl std::str::FromStr for Evr {
    type Err = NevraError;

    fn from_str(text: &str) -> Result<Self, NevraError> {
        let refused = || NevraError::new(text, "[epoch:]version[-release]");
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
        let whole = rest.ends_with('-') || version.is_empty();
        let epoch = number(epoch).filter(|_| !whole).ok_or_else(refused)?;
        if [version, release].iter().any(|part| part.contains(OUTSIDE_VERSION)) {
            return Err(refused());
        }
        Ok(Self { epoch, version: version.to_owned(), release: release.to_owned() })
    }
}

/// One build of a package. Ordered by name, then [`Evr`], then architecture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nevra {
    /// The package's name.
    pub name: String,
    /// Which build.
    pub evr: Evr,
    /// The architecture that it is for.
    pub arch: String,
}

/// `name-[epoch:]version-release.arch`.
impl fmt::Display for Nevra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.name, self.evr, self.arch)
    }
}

/// Parses `name-[epoch:]version-release.arch`.
impl std::str::FromStr for Nevra {
    type Err = NevraError;

    fn from_str(text: &str) -> Result<Self, NevraError> {
        let spec = Form::NameEvrArch.read(text);
        let spec =
            spec.ok_or_else(|| NevraError::new(text, "name-[epoch:]version-release.arch"))?;
        Ok(Self {
            name: spec.name.to_owned(),
            evr: Evr {
                epoch: spec.epoch.unwrap_or(0),
                version: spec.version.unwrap_or_default().to_owned(),
                release: spec.release.unwrap_or_default().to_owned(),
            },
            arch: spec.arch.unwrap_or_default().to_owned(),
        })
    }
}

/// A text that names no package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct NevraError {
    /// The form that was expected.
    pub expected: &'static str,
    /// What was found, shortened.
    pub found: String,
}

impl NevraError {
    fn new(found: &str, expected: &'static str) -> Self {
        Self { expected, found: super::excerpt(found) }
    }
}

/// One way to read what a user wrote; what is `None` may be anything.
///
/// The parts are as written, and may be patterns (`kernel-*`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spec<'a> {
    /// The name.
    pub name: &'a str,
    /// The epoch.
    pub epoch: Option<u64>,
    /// The version.
    pub version: Option<&'a str>,
    /// The release.
    pub release: Option<&'a str>,
    /// The architecture.
    pub arch: Option<&'a str>,
}

/// The ways to read a package specification, in the order in which dnf tries them: the first one that
/// matches a package is meant. `a-1-2.noarch` is a build of `a`, or `a-1-2` for `noarch`, or a
/// package of that very name, or version `1` of `a` in release `2.noarch`, or version `2.noarch` of
/// `a-1`.
pub fn specs(text: &str) -> impl Iterator<Item = Spec<'_>> {
    [Form::NameEvrArch, Form::NameArch, Form::Name, Form::NameEvr, Form::NameEv]
        .into_iter()
        .filter_map(|form| form.read(text))
}

#[derive(Clone, Copy)]
enum Form {
    NameEvrArch,
    NameArch,
    Name,
    NameEvr,
    NameEv,
}

/// What libdnf's forms keep out of a name, and of the other parts.
const OUTSIDE_NAME: &[char] = &['(', '/', '=', '<', '>', ' ', ':'];
const OUTSIDE_VERSION: &[char] = &['(', '/', '=', '<', '>', ' ', ':', '-'];

impl Form {
    fn read(self, text: &str) -> Option<Spec<'_>> {
        let (rest, arch) = match self {
            Self::NameEvrArch | Self::NameArch => {
                let (rest, arch) = text.rsplit_once('.')?;
                (rest, Some(part(arch)?))
            }
            _ => (text, None),
        };
        let (rest, release) = match self {
            Self::NameEvrArch | Self::NameEvr => {
                let (rest, release) = rest.rsplit_once('-')?;
                (rest, Some(part(release)?))
            }
            _ => (rest, None),
        };
        let (name, epoch, version) = match self {
            Self::NameEvrArch | Self::NameEvr | Self::NameEv => {
                let (name, version) = rest.rsplit_once('-')?;
                let (epoch, version) = match version.split_once(':') {
                    Some((epoch, version)) => (Some(number(epoch)?), version),
                    None => (None, version),
                };
                (name, epoch, Some(part(version)?))
            }
            _ => (rest, None, None),
        };
        if name.is_empty() || name.contains(OUTSIDE_NAME) {
            return None;
        }
        Some(Spec { name, epoch, version, release, arch })
    }
}

fn part(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains(OUTSIDE_VERSION)).then_some(text)
}

/// Digits only: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Equal builds have equal hashes: of the parts of which equality means equal text.
impl Hash for Nevra {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.evr.epoch.hash(state);
        self.arch.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn evr(text: &str) -> Evr {
        text.parse().unwrap()
    }

    #[test]
    fn orders_builds() {
        for (less, greater) in [
            ("1-1", "1-2"),
            ("1-9", "2-1"),
            ("9-9", "1:0-0"),
            ("1:1", "2:1"),
            ("1-1.el9", "1-1.el9_1"),
            ("1-0.rc1", "1-1"),
            ("1~rc1-5", "1-1"),
        ] {
            assert!(evr(less) < evr(greater), "{less} < {greater}");
        }
        assert_eq!(evr("0:1.0-1"), evr("1.00-1"));
        assert_eq!(Evr::new("", "1", "1"), Evr::new("0", "1", "1"));
        assert_eq!(Evr::new("x", "1", "1"), Evr::new("0", "1", "1"));
    }

    #[test]
    fn reads_and_prints_builds() {
        let text = "lib-stdc++-2:1.0~rc1^2-3.el9.x86_64";
        let nevra: Nevra = text.parse().unwrap();
        assert_eq!((&*nevra.name, &*nevra.arch), ("lib-stdc++", "x86_64"));
        assert_eq!(nevra.evr, Evr::new("2", "1.0~rc1^2", "3.el9"));
        assert_eq!(nevra.to_string(), text);
        assert_eq!("a-0:1-2.src".parse::<Nevra>().unwrap().to_string(), "a-1-2.src");
        for wrong in [
            "",
            "a",
            "a-1",
            "a-1-2",
            "-1-2.src",
            "a--2.src",
            "a-1-.src",
            "a-1-2.",
            "a-x:1-2.src",
            "a-+1:1-2.src",
            "a-:1-2.src",
            "a b-1-2.src",
            "a-1:2:3-4.src",
        ] {
            assert!(wrong.parse::<Nevra>().is_err(), "{wrong}");
        }
        for wrong in ["", ":1", "x:1", "1-", "1-2-3", "-1", "1:2:3"] {
            assert!(wrong.parse::<Evr>().is_err(), "{wrong}");
        }
        assert_eq!(
            "a".parse::<Nevra>().unwrap_err().to_string(),
            "expected name-[epoch:]version-release.arch, found \"a\""
        );
    }

    #[test]
    fn reads_what_users_write_in_every_form_of_dnf() {
        let name = |name| Spec { name, ..Spec::default() };
        assert_eq!(specs("bash").collect::<Vec<_>>(), [name("bash")]);
        assert_eq!(
            specs("a-1-2.noarch").collect::<Vec<_>>(),
            [
                Spec { version: Some("1"), release: Some("2"), arch: Some("noarch"), ..name("a") },
                Spec { arch: Some("noarch"), ..name("a-1-2") },
                name("a-1-2.noarch"),
                Spec { version: Some("1"), release: Some("2.noarch"), ..name("a") },
                Spec { version: Some("2.noarch"), ..name("a-1") },
            ]
        );
        assert_eq!(
            specs("a-3:1").collect::<Vec<_>>(),
            [Spec { epoch: Some(3), version: Some("1"), ..name("a") }]
        );
        assert_eq!(specs("kernel-*").next(), Some(name("kernel-*")));
        assert_eq!(specs("/usr/bin/sh").next(), None);
        assert_eq!(specs("").next(), None);
    }

    proptest! {
        #[test]
        fn parses_what_it_prints(
            name in "[a-z][a-z+.-]{0,6}[a-z]", epoch in 0..3_u64,
            version in "[0-9a-z.~^]{1,6}", release in "[0-9a-z.]{1,6}", arch in "[a-z0-9_]{1,6}"
        ) {
            let nevra = Nevra { name, evr: Evr { epoch, version, release }, arch };
            let read: Nevra = nevra.to_string().parse().unwrap();
            prop_assert_eq!(read.to_string(), nevra.to_string());
            prop_assert_eq!(read, nevra);
        }

        #[test]
        fn never_panics(text in "[ab1:.é-]{0,12}") {
            let _ = (text.parse::<Nevra>(), text.parse::<Evr>(), specs(&text).count());
        }
    }
}
