//! The file names of wheels and source distributions.
//!
//! A name says which project and version a file is of, and a wheel's also which interpreters and
//! platforms it is for ([binary distribution format], [source distribution file name]). Names come
//! from outside, so they are held to a small alphabet before anything else is read from them; what
//! is odd but harmless in names that exist (dots and dashes in a project's name, old archive
//! suffixes) is taken.
//!
//! [binary distribution format]: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
//! [source distribution file name]: https://packaging.python.org/en/latest/specifications/source-distribution-format/

use std::fmt;
use std::str::FromStr;

use super::requirement::package_name;
use super::{PackageName, Version};
use crate::limits;

/// The endings of source distributions that installers take, as they are: pip and uv look for none in
/// upper case.
const SDISTS: [&str; 5] = [".tar.bz2", ".tar.gz", ".tar.xz", ".tgz", ".zip"];

/// Why a file name was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilenameError {
    /// No name of a file that may be written below a tree.
    #[error("unsafe file name {0:?}: expected letters, digits and . _ - + ! alone, {max} bytes at most", max = limits::DISTRIBUTION_NAME)]
    Unsafe(String),
    /// A wheel whose name has other than five or six parts, or an empty one.
    #[error("malformed wheel name {0}: expected NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl")]
    Wheel(String),
    /// A build tag that does not start with a digit.
    #[error(
        "malformed wheel name {filename}: expected a build tag that starts with a digit, found {found:?}"
    )]
    Build {
        /// The file's name.
        filename: String,
        /// What stands in the place of the build tag.
        found: String,
    },
    /// More tags than a wheel has.
    #[error("malformed wheel name {0}: more than {max} tags of one kind", max = limits::WHEEL_TAGS)]
    Tags(String),
    /// A file of another project than the one whose page lists it.
    #[error("file {filename} is of another project than {expected}")]
    Project {
        /// The file's name.
        filename: String,
        /// The project that it was looked for in.
        expected: PackageName,
    },
    /// A file of another version than the one that lists it.
    #[error("file {filename} is of another version than {expected}")]
    OtherVersion {
        /// The file's name.
        filename: String,
        /// The version that it was looked for in.
        expected: Version,
    },
    /// No kind of file that installers take.
    #[error("file {0} is neither a wheel nor a source distribution by its name")]
    Kind(String),
    /// A source distribution of nobody knows what.
    #[error("file {0} is of no project: expected NAME-VERSION.tar.gz")]
    Sdist(String),
    /// A version that is none ([PEP 440](https://peps.python.org/pep-0440/)).
    #[error("file {filename} has no valid version: found {found:?}")]
    Version {
        /// The file's name.
        filename: String,
        /// What stands in the place of the version.
        found: String,
    },
}

/// A wheel's or a source distribution's file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DistFilename {
    /// A built distribution.
    Wheel(WheelFilename),
    /// A source distribution.
    Sdist(SdistFilename),
}

impl DistFilename {
    /// Reads the name of a file of that project; `None` for what installers leave alone (eggs, `.exe`,
    /// `.msi`, `.rpm`, what `bdist_dumb` makes, and the like).
    pub fn parse(filename: &str, project: &PackageName) -> Result<Option<Self>, FilenameError> {
        let parsed = Self::read(filename, Some(project))?;
        match &parsed {
            Some(parsed) if parsed.name() != project => Err(other(filename, project)),
            _ => Ok(parsed),
        }
    }

    /// The same of a file whose project is not known: the last dash ends the name of a source
    /// distribution.
    pub fn of_any(filename: &str) -> Result<Option<Self>, FilenameError> {
        Self::read(filename, None)
    }

    fn read(filename: &str, project: Option<&PackageName>) -> Result<Option<Self>, FilenameError> {
        check(filename)?;
        if is_wheel(filename) {
            return WheelFilename::parse(filename).map(|wheel| Some(Self::Wheel(wheel)));
        }
        let Some(stem) = SDISTS.iter().find_map(|ending| filename.strip_suffix(ending)) else {
            return Ok(None);
        };
        let (name, version) = SdistFilename::split(filename, stem, project)?;
        match parse_version(filename, version) {
            Ok(version) => Ok(Some(Self::Sdist(SdistFilename { name, version }))),
            Err(_) if is_dumb(version) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The project that the name says.
    pub fn name(&self) -> &PackageName {
        match self {
            Self::Wheel(wheel) => &wheel.name,
            Self::Sdist(sdist) => &sdist.name,
        }
    }

    /// The version that the name says.
    pub fn version(&self) -> &Version {
        match self {
            Self::Wheel(wheel) => &wheel.version,
            Self::Sdist(sdist) => &sdist.version,
        }
    }

    /// The wheel's name, if it is one.
    pub fn wheel(&self) -> Option<&WheelFilename> {
        match self {
            Self::Wheel(wheel) => Some(wheel),
            Self::Sdist(_) => None,
        }
    }
}

/// The name of a wheel, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelFilename {
    /// The project, normalised.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// What orders wheels that are equal in all else: none sorts before any.
    pub build: Option<BuildTag>,
    /// The interpreters, ABIs and platforms that it is for.
    pub tags: WheelTags,
}

/// Whether a file's name is that of a wheel, by its ending.
pub fn is_wheel(filename: &str) -> bool {
    filename.strip_suffix(".whl").is_some()
}

impl WheelFilename {
    /// Reads a wheel's name.
    pub fn parse(filename: &str) -> Result<Self, FilenameError> {
        check(filename)?;
        let malformed = || FilenameError::Wheel(filename.to_owned());
        let stem = filename.strip_suffix(".whl").ok_or_else(malformed)?;
        // The tags are the last three parts, together.
        let (tags_at, _) = stem.rmatch_indices('-').nth(2).ok_or_else(malformed)?;
        let (head, tags) = (&stem[..tags_at], &stem[tags_at + 1..]);
        let mut head = head.split('-');
        let mut next = || head.next();
        let (Some(name), Some(version), build, None) = (next(), next(), next(), next()) else {
            return Err(malformed());
        };
        let name = PackageName::from_str(name).map_err(|_| malformed())?;
        let build = build
            .map(|build| {
                build.parse().map_err(|()| FilenameError::Build {
                    filename: filename.to_owned(),
                    found: build.to_owned(),
                })
            })
            .transpose()?;
        if tags.split(['-', '.']).any(str::is_empty) {
            return Err(malformed());
        }
        if tags.split('-').any(|part| part.split('.').count() > limits::WHEEL_TAGS) {
            return Err(FilenameError::Tags(filename.to_owned()));
        }
        // A dash of a version is an underscore in the name: a dash would end the part.
        let version = if version.contains('_') {
            parse_version(filename, &version.replace('_', "-"))?
        } else {
            parse_version(filename, version)?
        };
        let tags = WheelTags(tags.to_ascii_lowercase().into());
        Ok(Self { name, version, build, tags })
    }
}

/// What a wheel is for: a set of (interpreter, ABI, platform), as the product of three lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WheelTags(Box<str>);

impl WheelTags {
    /// The interpreters, the ABIs and the platforms; a wheel is for each combination of them.
    pub fn parts(&self) -> [impl Iterator<Item = &str> + Clone; 3] {
        let mut parts = self.0.split('-');
        std::array::from_fn(|_| parts.next().unwrap_or_default().split('.'))
    }
}

impl fmt::Display for WheelTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A wheel's build tag: ordered by its leading number, then by the rest as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildTag {
    number: u64,
    rest: Box<str>,
}

impl FromStr for BuildTag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let number = text[..end].parse().map_err(|_| ())?;
        Ok(Self { number, rest: text[end..].into() })
    }
}

/// The name of a source distribution, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdistFilename {
    /// The project, normalised.
    pub name: PackageName,
    /// The version.
    pub version: Version,
}

impl SdistFilename {
    /// The project and what follows it, of a name without its ending. Older names hold dashes in the
    /// project's name and in the version, so that only the project tells where one ends.
    fn split<'a>(
        filename: &str,
        stem: &'a str,
        project: Option<&PackageName>,
    ) -> Result<(PackageName, &'a str), FilenameError> {
        let at = |at: usize| Some((package_name(&stem[..at])?, &stem[at + 1..]));
        let Some(project) = project else {
            let split = stem.rfind('-').and_then(at);
            return split.ok_or_else(|| FilenameError::Sdist(filename.to_owned()));
        };
        let mut splits = stem.match_indices('-').filter_map(|(dash, _)| at(dash));
        splits.find(|(name, _)| name == project).ok_or_else(|| other(filename, project))
    }
}

/// Whether what follows a project's name is that of what `bdist_dumb` makes:
/// `foo-1.0.linux-x86_64.tar.gz`, `foo-1.0.win32.zip`.
fn is_dumb(rest: &str) -> bool {
    [".linux-", ".macosx-", ".win-", ".win32"]
        .iter()
        .any(|mark| rest.find(mark).is_some_and(|at| Version::from_str(&rest[..at]).is_ok()))
}

/// Nothing but the alphabet that names of distributions have: no separator, no control character,
/// nothing that HTML or a shell would take for more than text.
fn check(filename: &str) -> Result<(), FilenameError> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+!".contains(&byte);
    let safe = filename.len() <= limits::DISTRIBUTION_NAME
        && filename.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && filename.bytes().all(harmless);
    if safe { Ok(()) } else { Err(FilenameError::Unsafe(shorten(filename))) }
}

/// As much of a hostile name as an error needs.
fn shorten(filename: &str) -> String {
    filename.chars().take(limits::DISTRIBUTION_NAME).collect()
}

fn parse_version(filename: &str, found: &str) -> Result<Version, FilenameError> {
    Version::from_str(found).map_err(|_| FilenameError::Version {
        filename: filename.to_owned(),
        found: found.to_owned(),
    })
}

fn other(filename: &str, project: &PackageName) -> FilenameError {
    FilenameError::Project { filename: filename.to_owned(), expected: project.clone() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn project(name: &str) -> PackageName {
        PackageName::from_str(name).unwrap()
    }

    fn parse(filename: &str, name: &str) -> Result<Option<DistFilename>, FilenameError> {
        DistFilename::parse(filename, &project(name))
    }

    fn version(filename: &str, name: &str) -> String {
        parse(filename, name).unwrap().unwrap().version().to_string()
    }

    #[test]
    fn takes_a_wheel_apart() {
        let name = "Zope.Interface-1.0.post1+cu12-2b-cp311.cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
        let wheel = WheelFilename::parse(name).unwrap();
        assert_eq!(wheel.name, project("zope-interface"));
        assert_eq!(wheel.version, "1.0.post1+cu12".parse().unwrap());
        assert_eq!(wheel.build, "2b".parse().ok());
        let [python, abi, platform] = wheel.tags.parts();
        assert_eq!(python.collect::<Vec<_>>(), ["cp311", "cp312"]);
        assert_eq!(abi.collect::<Vec<_>>(), ["abi3"]);
        assert_eq!(platform.collect::<Vec<_>>(), ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]);
    }

    #[test]
    fn reads_the_versions_of_old_names() {
        assert_eq!(version("foo-1.0_1-py2.py3-none-any.whl", "foo"), "1.0.post1");
        assert_eq!(version("ruamel.yaml-0.18.6.tar.gz", "ruamel-yaml"), "0.18.6");
        assert_eq!(version("ruamel_yaml-0.18.6.tgz", "ruamel-yaml"), "0.18.6");
        assert_eq!(version("python-dateutil-2.8.2.tar.bz2", "python-dateutil"), "2.8.2");
        assert_eq!(version("foo-bar-1.0-1.zip", "foo-bar"), "1.0.post1");
        assert_eq!(version("a-1-2.0.tar.xz", "a-1"), "2.0");
        assert_eq!(version("foo-1!2.0+local.1.tar.gz", "foo"), "1!2.0+local.1");
    }

    #[test]
    fn leaves_other_kinds_of_files_alone() {
        for name in [
            "foo-1.0-py2.7.egg",
            "foo-1.0.win32-py2.7.exe",
            "foo-1.0.win-amd64.msi",
            "foo-1.0-1.noarch.rpm",
            "foo-1.0.deb",
            "foo-1.0.linux-x86_64.tar.gz",
            "foo-1.0.win32.zip",
            "foo-1.0.tar.gz.asc",
            // pip and uv find none of these.
            "foo-1.0-py3-none-any.WHL",
            "foo-1.0.TGZ",
            "foo-1.0.tar.GZ",
            "foo-1.0.TAR.gz",
            "foo-1.0.ZIP",
        ] {
            assert_eq!(parse(name, "foo"), Ok(None), "{name}");
        }
    }

    /// What a dumb archive is for stands behind its version.
    #[test]
    fn takes_projects_that_are_called_as_platforms_are() {
        assert_eq!(version("acme.linux-tools-1.0.tar.gz", "acme-linux-tools"), "1.0");
        assert_eq!(version("pywin32-ctypes-0.2.zip", "pywin32-ctypes"), "0.2");
        assert_eq!(version("x.win32-1.0.zip", "x-win32"), "1.0");
        assert_eq!(parse("acme.linux-tools-1.0.linux-x86_64.tar.gz", "acme-linux-tools"), Ok(None));
    }

    #[test]
    fn tells_the_project_where_it_is_not_known() {
        for (name, expected) in [
            ("a_B-1.0-py3-none-any.whl", "a-b 1.0"),
            ("zope.interface-5.0.tar.gz", "zope-interface 5.0"),
            ("a-b-1.0.zip", "a-b 1.0"),
        ] {
            let read = DistFilename::of_any(name).unwrap().unwrap();
            assert_eq!(format!("{} {}", read.name(), read.version()), expected);
        }
        for name in ["main.zip", "a-.tar.gz", "a-x.tar.gz"] {
            assert!(DistFilename::of_any(name).is_err(), "{name}");
        }
    }

    #[test]
    fn refuses_names_that_could_leave_the_tree_or_the_page() {
        let long = format!("foo-1.0{}.tar.gz", "0".repeat(limits::DISTRIBUTION_NAME));
        for name in [
            "",
            ".",
            "..",
            "../foo-1.0.tar.gz",
            "/foo-1.0.tar.gz",
            "a/foo-1.0-py3-none-any.whl",
            "foo-1.0\\x.tar.gz",
            "foo-1.0\0.tar.gz",
            "foo-1.0\n.tar.gz",
            "foo-1.0\".tar.gz",
            "foo-1.0<b>.whl",
            ".foo-1.0.tar.gz",
            "-foo-1.0.tar.gz",
            "foo-1.0 .tar.gz",
            "föö-1.0.tar.gz",
            "foo-1.0%2f.tar.gz",
            &long,
        ] {
            assert!(matches!(parse(name, "foo"), Err(FilenameError::Unsafe(_))), "{name:?}");
        }
    }

    #[test]
    fn refuses_what_is_malformed_and_says_how() {
        for (name, expected) in [
            ("foo-1.0-py3-any.whl", "NAME-VERSION"),
            ("foo-1.0-1-2-py3-none-any.whl", "NAME-VERSION"),
            ("foo-1.0-py3..py2-none-any.whl", "NAME-VERSION"),
            ("foo-1.0-x1-py3-none-any.whl", "build tag that starts with a digit, found \"x1\""),
            ("foo-1.0-99999999999999999999-py3-none-any.whl", "build tag"),
            ("foo-one-py3-none-any.whl", "no valid version: found \"one\""),
            ("bar-1.0-py3-none-any.whl", "another project than foo"),
            ("bar-1.0.tar.gz", "another project than foo"),
            ("foo-bar-1.0.tar.gz", "no valid version: found \"bar-1.0\""),
            ("foo.tar.gz", "another project than foo"),
        ] {
            let error = parse(name, "foo").unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(name), "{error}");
        }
        let many = format!("foo-1-{}-none-any.whl", vec!["a"; limits::WHEEL_TAGS + 1].join("."));
        assert!(matches!(parse(&many, "foo"), Err(FilenameError::Tags(_))));
    }

    #[test]
    fn orders_build_tags_by_number_then_text() {
        let tag = |text: &str| text.parse::<BuildTag>().ok();
        let ordered = [None, tag("1"), tag("1a"), tag("2"), tag("10"), tag("10b")];
        assert!(ordered.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn never_panics(filename in ".{0,60}", name in "[a-z][a-z0-9-]{0,5}[a-z]") {
            let _ = parse(&filename, &name);
            let _ = parse(&format!("{name}-{filename}.whl"), &name);
            let _ = parse(&format!("{name}-{filename}.tar.gz"), &name);
        }

        #[test]
        fn reads_back_what_a_builder_writes(
            name in "[a-z]([a-z0-9]|[._-][a-z]){0,8}",
            release in proptest::collection::vec(0_u64..300, 1..4),
            build in proptest::option::of("[0-9]{1,3}[a-z]{0,2}"),
            suffix in proptest::sample::select(SDISTS.to_vec()),
        ) {
            let version = Version::new(release);
            let escaped = project(&name).as_dist_info_name().into_owned();
            let build = build.map(|build| format!("-{build}")).unwrap_or_default();
            let wheel = format!("{escaped}-{version}{build}-py3-none-any.whl");
            let wheel = parse(&wheel, &name).unwrap().unwrap();
            prop_assert_eq!(wheel.version(), &version);
            prop_assert_eq!(&wheel.wheel().unwrap().name, &project(&name));
            // Sdists as they were named before there was a rule, too.
            for stem in [escaped.as_str(), name.as_str()] {
                let sdist = parse(&format!("{stem}-{version}{suffix}"), &name).unwrap().unwrap();
                prop_assert_eq!(sdist.version(), &version);
            }
        }
    }
}
