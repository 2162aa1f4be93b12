//! `pylock.toml` and `pylock.NAME.toml`: the lock files of PEP 751, version 1.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::input::{Fault, InputError, Lines, Location, Note, Place, Refusal};
use super::lock::{Draft, Lock, Locked, known_digests, read_toml};
use crate::limits;

/// Whether that is what the specification calls such a file.
pub fn is_name(filename: &str) -> bool {
    let Some(rest) = filename.strip_prefix("pylock.") else { return false };
    let name = rest.strip_suffix(".toml");
    rest == "toml" || name.is_some_and(|name| !name.is_empty() && !name.contains('.'))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    lock_version: Spanned<String>,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    marker: Option<String>,
    index: Option<String>,
    vcs: Option<Vcs>,
    directory: Option<Directory>,
    archive: Option<Artifact>,
    sdist: Option<Artifact>,
    #[serde(default)]
    wheels: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Vcs {
    url: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
    #[serde(default)]
    editable: bool,
}

#[derive(Deserialize)]
struct Artifact {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    subdirectory: Option<String>,
}

/// Reads the lock file that is at `file`.
pub fn read(file: Location, text: &str) -> Result<Lock, InputError> {
    let file = Arc::new(file);
    let lines = Lines::of(text);
    let read: File = read_toml(&file, &lines, text)?;
    let mut lock = Lock::default();
    let at = lines.place(&file, read.lock_version.span().start);
    let version = read.lock_version.get_ref();
    match version.split_once('.').map(|(major, minor)| (major, minor.parse::<u32>())) {
        Some(("1", Ok(0))) => {}
        Some(("1", Ok(_))) => {
            let text = format!("lock-version is {version}, newer than the 1.0 that is known here");
            lock.notes.push(Note { at, text });
        }
        _ => {
            let found = super::input::shown(version);
            return Err(at.wrong(Fault::LockVersion { key: "lock-version", found, known: "1.0" }));
        }
    }
    if read.packages.len() > limits::LOCKED {
        let fault = Fault::Limit { what: "packages", limit: limits::LOCKED };
        return Err(Place::file(&file).wrong(fault));
    }
    for package in read.packages {
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
    let kinds = [
        package.vcs.is_some(),
        package.directory.is_some(),
        package.archive.is_some(),
        package.sdist.is_some() || !package.wheels.is_empty(),
    ];
    if kinds.into_iter().filter(|is| *is).count() > 1 {
        return Err(draft.wrong(Fault::Value {
            key: draft.title(),
            expected: "one of vcs, directory, archive, or sdist and wheels",
            found: "several".to_owned(),
        }));
    }
    let refused = |draft: &Draft<'_>, what: &str, refusal| {
        let text = super::input::shown(&format!("{} @ {what}", draft.title()));
        draft.wrong(Fault::Refused { text, refusal })
    };
    if let Some(vcs) = &package.vcs {
        let what = vcs.url.as_deref().or(vcs.path.as_deref()).unwrap_or_default();
        return Err(refused(&draft, what, Refusal::VersionControl));
    }
    if let Some(directory) = &package.directory {
        if !directory.editable && directory.path != "." {
            return Err(refused(&draft, &directory.path, Refusal::Folder));
        }
        let text = format!("{} is a project of your own, and is not mirrored", draft.title());
        notes.push(Note { at: draft.at, text });
        return Ok(None);
    }
    for file in package.archive.into_iter().chain(package.sdist).chain(package.wheels) {
        artifact(&mut draft, file)?;
    }
    let index = package.index.map(|index| draft.locate(&index)).transpose()?;
    draft.finish(package.marker, index).map(Some)
}

fn artifact(draft: &mut Draft<'_>, file: Artifact) -> Result<(), InputError> {
    if file.subdirectory.is_some_and(|folder| !matches!(&*folder, "" | ".")) {
        let (text, refusal) = (draft.title(), Refusal::Subdirectory);
        return Err(draft.wrong(Fault::Refused { text, refusal }));
    }
    // The specification lets a reader choose where there are both; a path is relative to the lock.
    let Some(reference) = file.url.or(file.path) else {
        let table = format!("a file of {}", draft.title());
        return Err(draft.wrong(Fault::Missing { table, key: "url and no path" }));
    };
    let location = draft.locate(&reference)?;
    if file.hashes.is_empty() {
        let table = format!("{location} of {}", draft.title());
        return Err(draft.wrong(Fault::Missing { table, key: "hashes" }));
    }
    let hashes = file.hashes.iter().map(|(algorithm, hex)| (&**algorithm, &**hex));
    let digests = known_digests(hashes).map_err(|fault| draft.wrong(fault))?;
    draft.add(file.name, location, digests, file.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Lock, String> {
        let file = Location::parse("site/pylock.toml").unwrap();
        super::read(file, text).map_err(|error| error.to_string())
    }

    fn locked(packages: &str) -> Result<Lock, String> {
        read(&format!(
            "lock-version = \"1.0\"\ncreated-by = \"x\"\n{}",
            packages.replace("SHA", &"a".repeat(64))
        ))
    }

    /// As `uv export --format pylock.toml` writes it, of sources of every kind.
    #[test]
    fn reads_what_uv_exports() {
        let lock = locked(
            r#"requires-python = ">=3.11"

[[packages]]
name = "h11"
version = "0.16.0"
archive = { url = "https://pypi.example/files/h11-0.16.0-py3-none-any.whl", hashes = { sha256 = "SHA" } }

[[packages]]
name = "idna"
version = "3.20"
marker = "'net' in extras or python_version < '3.12'"
index = "https://pypi.example/simple"
sdist = { url = "https://pypi.example/files/idna-3.20.tar.gz", size = 216463, upload-time = 2026-01-01T00:00:00Z, hashes = { sha256 = "SHA", md5 = "00000000000000000000000000000000", blake9 = "x" } }
wheels = [{ name = "idna-3.20-py3-none-any.whl", url = "https://pypi.example/files/idna-3.20-py3-none-any.whl", size = 40957, hashes = { sha256 = "SHA" } }]

[[packages]]
name = "lib"
directory = { path = "lib", editable = true }

[[packages]]
name = "site-tools"
version = "1.0"
directory = { path = "." }

[[packages]]
name = "six"
version = "1.17.0"
archive = { path = "wheels/six-1.17.0-py2.py3-none-any.whl", hashes = { sha256 = "SHA" } }
"#,
        )
        .unwrap();
        let files: Vec<_> = lock.packages.iter().flat_map(|package| &package.files).collect();
        let named: Vec<_> = files
            .iter()
            .map(|file| (&*file.filename, file.location.to_string(), file.size))
            .collect();
        assert_eq!(
            named,
            [
                (
                    "h11-0.16.0-py3-none-any.whl",
                    "https://pypi.example/files/h11-0.16.0-py3-none-any.whl".into(),
                    None
                ),
                (
                    "idna-3.20.tar.gz",
                    "https://pypi.example/files/idna-3.20.tar.gz".into(),
                    Some(216_463)
                ),
                (
                    "idna-3.20-py3-none-any.whl",
                    "https://pypi.example/files/idna-3.20-py3-none-any.whl".into(),
                    Some(40_957)
                ),
                (
                    "six-1.17.0-py2.py3-none-any.whl",
                    "site/wheels/six-1.17.0-py2.py3-none-any.whl".into(),
                    None
                ),
            ]
        );
        assert_eq!(files[1].digests.len(), 2);
        assert_eq!(files[1].digests[0].algorithm().name(), "sha256");
        let idna = &lock.packages[1];
        assert_eq!(idna.at.to_string(), "site/pylock.toml:11");
        assert_eq!(idna.marker.as_deref(), Some("'net' in extras or python_version < '3.12'"));
        assert_eq!(idna.index.as_ref().unwrap().to_string(), "https://pypi.example/simple");
        let notes: Vec<_> = lock.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "site/pylock.toml:19: lib is a project of your own, and is not mirrored",
                "site/pylock.toml:23: site-tools 1.0 is a project of your own, and is not mirrored",
            ]
        );
    }

    #[test]
    fn names_what_it_refuses() {
        for (package, expected) in [
            (
                "vcs = { type = \"git\", url = \"https://me:secret@h.example/a\", commit-id = \"0\" }",
                "\"a 1 @ https://***@h.example/a\" is a checkout of version control",
            ),
            ("directory = { path = \"../a\" }", "\"a 1 @ ../a\" is a folder"),
            (
                "archive = { path = \"a-1.zip\", subdirectory = \"x\", hashes = { sha256 = \"SHA\" } }",
                "\"a 1\" is a folder within an archive",
            ),
            ("sdist = { path = \"a-1.zip\" }", "a-1.zip of a 1 has no hashes"),
            (
                "sdist = { path = \"a-1.zip\", hashes = { blake9 = \"0\" } }",
                "\"blake9\": checksum type \"blake9\" is unknown",
            ),
            (
                "sdist = { path = \"a-1.zip\", hashes = { sha256 = \"0\" } }",
                "\"sha256:0\": sha256 checksum \"0\" is malformed",
            ),
            ("sdist = { hashes = { sha256 = \"SHA\" } }", "a file of a 1 has no url and no path"),
            (
                "sdist = { path = \"b-1.zip\", hashes = { sha256 = \"SHA\" } }",
                "file b-1.zip is of another project than a",
            ),
            (
                "wheels = [{ path = \"b-1-py3-none-any.whl\", hashes = { sha256 = \"SHA\" } }]",
                "file b-1-py3-none-any.whl is of another project than a",
            ),
            (
                "wheels = [{ path = \"a-2-py3-none-any.whl\", hashes = { sha256 = \"SHA\" } }]",
                "file a-2-py3-none-any.whl is of another version than 1",
            ),
            (
                "wheels = [{ name = \"../a-1-py3-none-any.whl\", path = \"x\", hashes = { sha256 = \"SHA\" } }]",
                "unsafe file name \"../a-1-py3-none-any.whl\"",
            ),
            (
                "wheels = [{ name = \"https://me:secret@h.example/a-1-py3-none-any.whl\", path = \"x\", hashes = { sha256 = \"SHA\" } }]",
                "unsafe file name \"https://***@h.example",
            ),
            (
                "wheels = [{ path = \"a-1-x1-py3-none-any.whl\", hashes = { sha256 = \"SHA\" } }]",
                "expected a build tag that starts with a digit, found \"x1\"",
            ),
            (
                "sdist = { path = \"a-1.linux-x86_64.tar.gz\", hashes = { sha256 = \"SHA\" } }",
                "file a-1.linux-x86_64.tar.gz is neither a wheel nor a source distribution",
            ),
            (
                "sdist = { path = \"a-1.TGZ\", hashes = { sha256 = \"SHA\" } }",
                "file a-1.TGZ is neither a wheel nor a source distribution",
            ),
            (
                "wheels = [{ url = \"ftp://h.example/a-1-py3-none-any.whl\", hashes = { sha256 = \"SHA\" } }]",
                "expected a path, or a URL of http",
            ),
            ("marker = \"x\"", "a 1 has no sdist, wheels or other file"),
            (
                "vcs = { type = \"git\", commit-id = \"0\" }\ndirectory = { path = \".\" }",
                "a 1: expected one of vcs, directory, archive, or sdist and wheels, found \"several\"",
            ),
            (
                "wheels = \"https://me:secret@h.example\"",
                "invalid type: string \"https://***@h.example\"",
            ),
        ] {
            let error =
                locked(&format!("[[packages]]\nname = \"A\"\nversion = \"1\"\n{package}\n"))
                    .unwrap_err();
            assert!(error.starts_with("site/pylock.toml:"), "{error}");
            assert!(error.contains(expected) && !error.contains("secret"), "{package}: {error}");
        }
    }

    #[test]
    fn knows_its_own_version_and_name() {
        assert!(
            read("lock-version = \"2.0\"")
                .unwrap_err()
                .contains("pylock.toml:1: lock-version is 2.0, this program knows 1.0")
        );
        assert!(read("lock-version = \"1\"").unwrap_err().contains("lock-version is 1, "));
        assert_eq!(read("lock-version = \"1.1\"").unwrap().notes.len(), 1);
        assert!(read("").unwrap_err().contains("missing field `lock-version`"));
        assert!(
            read("lock-version = \"1.0\"\n[x\n").unwrap_err().starts_with("site/pylock.toml:2: ")
        );
        assert!(
            locked("[[packages]]\nname = \"-\"\n")
                .unwrap_err()
                .contains("pylock.toml:4: name: expected the name of a project, found \"-\"")
        );
        assert!(
            locked("[[packages]]\nname = \"a\"\nversion = \"x\"\n")
                .unwrap_err()
                .contains("version of a: expected a version, found \"x\"")
        );
        for (name, is) in [
            ("pylock.toml", true),
            ("pylock.dev.toml", true),
            ("pylock..toml", false),
            ("pylock.a.b.toml", false),
            ("xpylock.toml", false),
        ] {
            assert_eq!(is_name(name), is, "{name}");
        }
    }
}
