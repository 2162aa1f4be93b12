//! `uv.lock`, version 1 in all its revisions.
//!
//! The format is uv's own and has no specification; this is what uv 0.5 to 0.13 write.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::input::{Fault, InputError, Lines, Location, Note, Place, Refusal, shown};
use super::lock::{Draft, Lock, Locked, known_digests, read_toml};
use crate::limits;

/// What uv calls its lock file.
pub const NAME: &str = "uv.lock";

#[derive(Deserialize)]
struct File {
    version: Spanned<i64>,
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    source: Source,
    sdist: Option<Artifact>,
    #[serde(default)]
    wheels: Vec<Artifact>,
}

/// One of them is set.
#[derive(Deserialize)]
struct Source {
    registry: Option<String>,
    url: Option<String>,
    path: Option<String>,
    subdirectory: Option<String>,
    git: Option<String>,
    directory: Option<String>,
    editable: Option<String>,
    r#virtual: Option<String>,
}

#[derive(Deserialize)]
struct Artifact {
    url: Option<String>,
    /// From the folder that is the registry.
    path: Option<String>,
    /// Of the file that is the source.
    filename: Option<String>,
    hash: Option<String>,
    size: Option<u64>,
}

/// Reads the lock file that is at `file`.
pub fn read(file: Location, text: &str) -> Result<Lock, InputError> {
    let file = Arc::new(file);
    let lines = Lines::of(text);
    let read: File = read_toml(&file, &lines, text)?;
    if *read.version.get_ref() != 1 {
        let at = lines.place(&file, read.version.span().start);
        let found = read.version.get_ref().to_string();
        return Err(at.wrong(Fault::LockVersion { key: "version", found, known: "1" }));
    }
    if read.package.len() > limits::LOCKED {
        let fault = Fault::Limit { what: "packages", limit: limits::LOCKED };
        return Err(Place::file(&file).wrong(fault));
    }
    let mut lock = Lock::default();
    for package in read.package {
        let at = lines.place(&file, package.name.span().start);
        lock.packages.extend(self::package(package, at, &file, &mut lock.notes)?);
    }
    Ok(lock)
}

/// Checks a package; `None` where it is one of the user's own.
fn package(
    package: Package,
    at: Place,
    lock: &Location,
    notes: &mut Vec<Note>,
) -> Result<Option<Locked>, InputError> {
    let mut draft = Draft::new(package.name.get_ref(), package.version.as_deref(), at, lock)?;
    let source = &package.source;
    if source.editable.is_some() || source.r#virtual.is_some() {
        let text = format!("{} is a project of your own, and is not mirrored", draft.title());
        notes.push(Note { at: draft.at, text });
        return Ok(None);
    }
    let refused = [
        (&source.git, Refusal::VersionControl),
        (&source.directory, Refusal::Folder),
        (&source.subdirectory, Refusal::Subdirectory),
    ];
    for (what, refusal) in refused {
        if let Some(what) = what {
            let text = shown(&format!("{} @ {what}", draft.title()));
            return Err(draft.wrong(Fault::Refused { text, refusal }));
        }
    }
    // What the file's own references start from.
    let from = match (&source.registry, source.url.as_ref().or(source.path.as_ref())) {
        (Some(registry), _) => From::Registry(draft.locate(registry)?),
        (None, Some(file)) => From::File(draft.locate(file)?),
        (None, None) => {
            return Err(draft.wrong(Fault::Value {
                key: format!("source of {}", draft.title()),
                expected: "one of registry, url, path, git, directory, editable, virtual",
                found: "another".to_owned(),
            }));
        }
    };
    for file in package.sdist.into_iter().chain(package.wheels) {
        artifact(&mut draft, file, &from, notes)?;
    }
    let index = match from {
        From::Registry(index) => Some(index),
        From::File(_) => None,
    };
    draft.finish(None, index).map(Some)
}

/// Where a package's files are from.
enum From {
    /// An index, or a folder of files.
    Registry(Location),
    /// The file itself.
    File(Location),
}

fn artifact(
    draft: &mut Draft<'_>,
    file: Artifact,
    from: &From,
    notes: &mut Vec<Note>,
) -> Result<(), InputError> {
    let location = match (from, file.url, file.path) {
        (From::File(location), ..) => location.clone(),
        (From::Registry(_), Some(url), _) => draft.locate(&url)?,
        (From::Registry(Location::Path(folder)), None, Some(path)) => {
            let within = Location::Path(folder.join("x")).join(&path);
            within.map_err(|fault| draft.wrong(fault))?
        }
        (From::Registry(index @ Location::Url(_)), None, Some(path)) => {
            index.join(&path).map_err(|fault| draft.wrong(fault))?
        }
        (From::Registry(_), None, None) => {
            let table = format!("a file of {}", draft.title());
            return Err(draft.wrong(Fault::Missing { table, key: "url and no path" }));
        }
    };
    let digests = if let Some(hash) = &file.hash {
        let pair = hash.split_once(':').unwrap_or((hash, ""));
        known_digests([pair]).map_err(|fault| draft.wrong(fault))?
    } else {
        let text = format!("{location} is listed without a digest");
        notes.push(Note { at: draft.at.clone(), text });
        Vec::new()
    };
    draft.add(file.filename, location, digests, file.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Lock, String> {
        let file = Location::parse("site/uv.lock").unwrap();
        super::read(file, &text.replace("SHA", &"a".repeat(64))).map_err(|error| error.to_string())
    }

    /// As uv 0.13 writes it, of sources of every kind that can be mirrored.
    const EVERY_KIND: &str = r#"version = 1
revision = 5
requires-python = ">=3.11"
resolution-markers = ["python_full_version >= '3.12'", "python_full_version < '3.12'"]

[[package]]
name = "h11"
version = "0.16.0"
source = { url = "https://pypi.example/files/h11-0.16.0-py3-none-any.whl" }
wheels = [
    { url = "https://pypi.example/files/h11-0.16.0-py3-none-any.whl", hash = "sha256:SHA" },
]

[[package]]
name = "idna"
version = "3.20"
source = { registry = "https://pypi.example/simple" }
dependencies = [
    { name = "six", marker = "implementation_name != 'PyPy'" },
]
sdist = { url = "https://pypi.example/files/idna-3.20.tar.gz", hash = "sha256:SHA", size = 216463, upload-time = "2026-01-01T00:00:00Z" }
wheels = [
    { url = "https://pypi.example/files/idna-3.20-py3-none-any.whl", hash = "sha256:SHA", size = 40957 },
]

[[package]]
name = "iniconfig"
version = "2.3.1"
source = { registry = "flat" }
wheels = [
    { path = "iniconfig-2.3.1-py3-none-any.whl" },
]

[[package]]
name = "lib"
version = "1"
source = { editable = "lib" }

[[package]]
name = "site-tools"
version = "1.0"
source = { virtual = "." }

[package.metadata]
requires-dist = [{ name = "lib", editable = "lib" }]

[[package]]
name = "six"
version = "1.17.0"
source = { path = "wheels/six-1.17.0-py2.py3-none-any.whl" }
wheels = [
    { filename = "six-1.17.0-py2.py3-none-any.whl", hash = "sha256:SHA" },
]

[[package]]
name = "zipp"
version = "4"
source = { path = "../zipp-4.tar.gz" }
sdist = { hash = "sha256:SHA" }
"#;

    #[test]
    fn reads_what_uv_writes() {
        let lock = read(EVERY_KIND).unwrap();
        let mut found = Vec::new();
        for package in &lock.packages {
            for file in &package.files {
                let digests = file.digests.len();
                found.push((&*file.filename, file.location.to_string(), digests, file.size));
            }
        }
        assert_eq!(
            found,
            [
                (
                    "h11-0.16.0-py3-none-any.whl",
                    "https://pypi.example/files/h11-0.16.0-py3-none-any.whl".into(),
                    1,
                    None
                ),
                (
                    "idna-3.20.tar.gz",
                    "https://pypi.example/files/idna-3.20.tar.gz".into(),
                    1,
                    Some(216_463)
                ),
                (
                    "idna-3.20-py3-none-any.whl",
                    "https://pypi.example/files/idna-3.20-py3-none-any.whl".into(),
                    1,
                    Some(40_957)
                ),
                (
                    "iniconfig-2.3.1-py3-none-any.whl",
                    "site/flat/iniconfig-2.3.1-py3-none-any.whl".into(),
                    0,
                    None
                ),
                (
                    "six-1.17.0-py2.py3-none-any.whl",
                    "site/wheels/six-1.17.0-py2.py3-none-any.whl".into(),
                    1,
                    None
                ),
                ("zipp-4.tar.gz", "zipp-4.tar.gz".into(), 1, None),
            ]
        );
        let indexes: Vec<_> =
            lock.packages.iter().map(|p| p.index.as_ref().map(ToString::to_string)).collect();
        assert_eq!(
            indexes,
            [
                None,
                Some("https://pypi.example/simple".into()),
                Some("site/flat".into()),
                None,
                None
            ]
        );
        let notes: Vec<_> = lock.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "site/uv.lock:27: site/flat/iniconfig-2.3.1-py3-none-any.whl is listed without a digest",
                "site/uv.lock:35: lib 1 is a project of your own, and is not mirrored",
                "site/uv.lock:40: site-tools 1.0 is a project of your own, and is not mirrored",
            ]
        );
    }

    #[test]
    fn names_what_it_refuses() {
        for (source, expected) in [
            (
                "source = { git = \"https://me:secret@h.example/a?rev=v1#0\" }",
                "\"a 1 @ https://***@h.example/a?…#0\" is a checkout of version control",
            ),
            ("source = { directory = \"../a\" }", "\"a 1 @ ../a\" is a folder"),
            (
                "source = { url = \"https://h.example/a-1.zip\", subdirectory = \"x\" }",
                "is a folder within an archive",
            ),
            (
                "source = { registry = \"https://h.example\" }",
                "a 1 has no sdist, wheels or other file",
            ),
            ("source = { other = \"x\" }", "source of a 1: expected one of registry"),
            (
                "source = { registry = \"https://h.example\" }\nsdist = { size = 1 }",
                "a file of a 1 has no url and no path",
            ),
            (
                "source = { registry = \"https://h.example\" }\nsdist = { url = \"https://h.example/a-2.zip\", hash = \"sha256:SHA\" }",
                "file a-2.zip is of another version than 1",
            ),
            (
                "source = { registry = \"https://h.example\" }\nsdist = { url = \"https://h.example/a-1.zip\", hash = \"sha256\" }",
                "sha256 checksum \"\" is malformed",
            ),
            ("source = \"x\"", "invalid type: string \"x\""),
            ("", "missing field `source`"),
        ] {
            let text =
                format!("version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\n{source}\n");
            let error = read(&text).unwrap_err();
            assert!(error.starts_with("site/uv.lock:"), "{error}");
            assert!(error.contains(expected) && !error.contains("secret"), "{source}: {error}");
        }
        assert_eq!(
            read("version = 2").unwrap_err(),
            "site/uv.lock:1: version is 2, this program knows 1"
        );
        assert!(read("").unwrap_err().contains("missing field `version`"));
    }
}
