//! Files that are named by a path or URL and not by project and version: `./a-1.0-py3-none-any.whl`,
//! `a @ https://h/a-1.0.tar.gz#sha256=…`. A mirror serves them like any other, under the project that
//! their name says.

use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerTree, PackageName};

use super::filename::{DistFilename, FilenameError};
use super::input::{Fault, Location, Refusal, shown, split_scheme};
use super::requirement::package_name;
use crate::digest::Digest;

/// A file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direct {
    /// Where it is; a relative path starts from the working directory, as for pip.
    pub location: Location,
    /// Its name, without what a URL escapes.
    pub filename: String,
    /// Which project it is of. `None`: a source distribution whose name leaves that open.
    pub name: Option<PackageName>,
    /// Its version, where its name tells.
    pub version: Option<Version>,
    /// The project's extras that are wanted with it.
    pub extras: Vec<ExtraName>,
    /// Where it is wanted.
    pub marker: MarkerTree,
    /// The digests that the URL's fragment gives, strongest first.
    pub digests: Vec<Digest>,
}

/// All that pip takes for an archive by its name.
const ENDINGS: [&str; 11] = [
    ".whl",
    ".zip",
    ".tar.bz2",
    ".tbz",
    ".tar.gz",
    ".tgz",
    ".tar",
    ".tar.xz",
    ".txz",
    ".tar.lzma",
    ".tar.lz",
];

/// Whether pip takes the name for that of an archive.
pub(crate) fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

impl Direct {
    /// Reads a path or URL; `name` is what stands before the `@`.
    pub(crate) fn parse(
        text: &str,
        name: Option<PackageName>,
        extras: Vec<ExtraName>,
        marker: MarkerTree,
    ) -> Result<Self, Fault> {
        let refused = |refusal| Fault::Refused { text: shown(text), refusal };
        let scheme = split_scheme(text).map(|(scheme, _)| scheme.to_ascii_lowercase());
        if scheme.as_ref().is_some_and(|scheme| scheme.contains('+') || scheme == "git")
            || text.starts_with("git@")
        {
            return Err(refused(Refusal::VersionControl));
        }
        let (plain, fragment) = match text.split_once('#') {
            Some((plain, fragment)) if scheme.is_some() => (plain, fragment),
            _ => (text, ""),
        };
        let fragment = Fragment::parse(fragment)?;
        if fragment.subdirectory {
            return Err(refused(Refusal::Subdirectory));
        }
        let location = Location::parse(plain)?;
        let filename = location.filename().filter(|name| is_archive(name));
        let filename = filename.ok_or_else(|| {
            let is_folder = !location.is_remote();
            refused(if is_folder { Refusal::Folder } else { Refusal::Archive })
        })?;
        let name = name.or(fragment.egg);
        let read = match &name {
            Some(name) => DistFilename::parse(&filename, name),
            None => DistFilename::of_any(&filename),
        };
        let read = match read {
            Ok(Some(read)) => read,
            Err(error @ FilenameError::Project { .. }) => return Err(Fault::Filename(error)),
            Ok(None) | Err(_) => return Err(refused(Refusal::Archive)),
        };
        let (name, version) = (Some(read.name().clone()), Some(read.version().clone()));
        Ok(Self { location, filename, name, version, extras, marker, digests: fragment.digests })
    }
}

/// `sha256=…&egg=name`.
struct Fragment {
    digests: Vec<Digest>,
    egg: Option<PackageName>,
    subdirectory: bool,
}

impl Fragment {
    fn parse(text: &str) -> Result<Self, Fault> {
        let mut read = Self { digests: Vec::new(), egg: None, subdirectory: false };
        for pair in text.split('&') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            match key {
                "subdirectory" => read.subdirectory = !matches!(value, "" | "."),
                "egg" => {
                    let name = value.split('[').next().unwrap_or_default();
                    read.egg = Some(package_name(name).ok_or_else(|| Fault::Value {
                        key: "#egg".to_owned(),
                        expected: "the name of a project",
                        found: shown(value),
                    })?);
                }
                "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" => {
                    let digest = Digest::parse(key, value);
                    read.digests.push(digest.map_err(|error| Fault::Hash {
                        text: shown(pair),
                        reason: error.to_string(),
                    })?);
                }
                _ => {}
            }
        }
        strongest_first(&mut read.digests);
        Ok(read)
    }
}

/// Orders digests as they are to be trusted, each once.
pub(crate) fn strongest_first(digests: &mut Vec<Digest>) {
    digests.sort_unstable_by(|a, b| b.algorithm().cmp(&a.algorithm()).then(a.cmp(b)));
    digests.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, name: Option<&str>) -> Result<Direct, String> {
        let name = name.map(|name| name.parse().unwrap());
        Direct::parse(text, name, Vec::new(), MarkerTree::TRUE).map_err(|fault| fault.to_string())
    }

    #[test]
    fn tells_the_project_from_the_name_of_the_file() {
        for (text, name, expected) in [
            ("./a_B-1.0-py3-none-any.whl", None, Some(("a-b", "1.0"))),
            ("a-1.0-1-cp311-cp311-manylinux_2_17_x86_64.whl", None, Some(("a", "1.0"))),
            ("https://h.example/a%2Db-1.0%2Blocal-py3-none-any.whl", None, None),
            ("https://h.example/a-1.0%2Blocal-py3-none-any.whl", None, Some(("a", "1.0+local"))),
            ("a-1.0.post1_2-py3-none-any.whl", None, None),
            ("file:///x/zope.interface-5.0.tar.gz", None, Some(("zope-interface", "5.0"))),
            ("a-b-1.0.zip", None, Some(("a-b", "1.0"))),
            ("a-b-1.0-1.zip", Some("a-b"), Some(("a-b", "1.0-1"))),
            ("a-2-1.0.tar.gz", Some("a-2"), Some(("a-2", "1.0"))),
            ("a-2-1.0.TAR.GZ", Some("a-2"), None),
            ("a-1.0-x1-py3-none-any.whl", None, None),
            ("https://h.example/a/archive/v1.0.tar.gz", Some("a"), None),
            ("a-1.0-any.whl", None, None),
            ("a-1.0.tar", None, None),
        ] {
            let read = parse(text, name);
            let expected = expected.map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
            let found = read.ok().map(|direct| (direct.name.unwrap(), direct.version.unwrap()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn reads_digests_of_the_fragment() {
        let url = format!(
            "https://h.example/a-1.tar.gz#md5={}&sha256={}&egg=A[x]",
            "0".repeat(32),
            "1".repeat(64)
        );
        let direct = parse(&url, None).unwrap();
        assert_eq!(direct.location.to_string(), "https://h.example/a-1.tar.gz");
        let kinds: Vec<_> = direct.digests.iter().map(|digest| digest.algorithm().name()).collect();
        assert_eq!(kinds, ["sha256", "md5"]);
        assert!(parse("https://h.example/a-1.tar.gz#sha256=12", None).unwrap_err().contains("64"));
    }

    #[test]
    fn refuses_what_an_index_cannot_serve() {
        for (text, expected) in [
            (
                "git+https://me:secret@h.example/a@v1",
                "\"git+https://***@h.example/a@v1\" is a checkout of version control",
            ),
            ("git@h.example:a/b", "is a checkout of version control"),
            ("../project", "\"../project\" is a folder"),
            ("https://h.example/archive/main.zip", "is neither a wheel nor a source distribution"),
            ("https://h.example/a/", "is neither a wheel"),
            ("https://h.example/a-1.tar.gz#subdirectory=x", "is a folder within an archive"),
            ("https://h.example/..%2Fa-1.tar.gz", "is neither a wheel"),
            ("ftp://h.example/a-1.tar.gz", "expected a path, or a URL of http, https or file"),
        ] {
            let error = parse(text, None).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
        assert_eq!(
            parse("https://h.example/b-1-py3-none-any.whl", Some("a")).unwrap_err(),
            "file b-1-py3-none-any.whl is of another project than a"
        );
    }
}
