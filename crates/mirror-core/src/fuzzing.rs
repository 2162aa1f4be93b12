//! What the fuzz targets of `fuzz/` run, and what a test replays over their corpora: every parser of
//! what comes from outside or lies on a disk. None may panic; where a format has an inverse, an order
//! or a second reader, these are held against it.

use std::cmp::Ordering;
use std::io::{BufReader, Read as _};
use std::path::{Component, Path};

use crate::fetch::{Access, Login, Scope, netrc};
use crate::format::compression::{Compression, decoder};
use crate::format::pypi::PackageName;
use crate::format::pypi::filename::DistFilename;
use crate::format::rpm::metalink::Metalink;
use crate::format::rpm::nevra::{Evr, Nevra, specs};
use crate::format::rpm::primary::{read_packages, read_packages_fully};
use crate::format::rpm::repofile::{RepoFile, Section, Variables};
use crate::format::rpm::repomd::Repomd;
use crate::format::rpm::treeinfo::TreeInfo;
use crate::format::rpm::{
    FormatError, filelists, installed, mirrorlist, other, package_list, version,
};
#[cfg(feature = "signatures")]
use crate::limits;
use crate::path::{RESERVED, RepoPath, TreePath};
use crate::resolve::pypi::Distribution;
use crate::resolve::pypi::{self, Listed, Project};
#[cfg(feature = "signatures")]
use crate::signature::{Fault, Fingerprint, Keys, issuers, verify};

mod blocks;
mod closure;
mod optional;
#[cfg(feature = "signatures")]
mod package_signature;
mod packages;
mod rpm_packages;

pub use blocks::blocks;
pub use closure::{dependencies, rich};
pub use optional::{comps, modules, updateinfo};
#[cfg(feature = "signatures")]
pub use package_signature::package_signature;
pub use packages::{metadata, page, sdist, zip};
pub use rpm_packages::rpm_header;

/// The most that a document is decompressed to.
const OPEN: u64 = 1 << 20;

/// A target: its name, which is that of its folder in `fuzz/corpus`, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("blocks", blocks),
    ("comps", comps),
    ("compression", compression),
    ("dependencies", dependencies),
    ("filelists", filelists),
    ("generation", generation),
    ("headers", headers),
    ("hold", hold),
    ("journal", journal),
    ("lists", lists),
    ("metadata", metadata),
    ("metalink", metalink),
    ("mirrorlist", mirrorlist),
    ("modules", modules),
    ("netrc", netrc),
    ("other", other),
    #[cfg(feature = "signatures")]
    ("package_signature", package_signature),
    ("page", page),
    ("path", path),
    ("primary", primary),
    ("project", project),
    ("pylock", pylock),
    ("pyproject", pyproject),
    ("repofile", repofile),
    ("repomd", repomd),
    ("requirement", requirement),
    ("requirements", requirements),
    ("rich", rich),
    ("rpm_header", rpm_header),
    ("runs", runs),
    ("sdist", sdist),
    #[cfg(feature = "signatures")]
    ("signature", signature),
    ("state", state),
    ("treeinfo", treeinfo),
    ("updateinfo", updateinfo),
    ("uv_lock", uv_lock),
    ("version", version),
    ("zip", zip),
];

/// No more comes out than was allowed, and what is not compressed comes out as it is.
pub fn compression(data: &[u8]) {
    let Ok(mut reader) = decoder(data, OPEN) else { return };
    let mut opened = Vec::new();
    let result = reader.by_ref().take(OPEN + 1).read_to_end(&mut opened);
    assert!(opened.len() as u64 <= OPEN + 1);
    if Compression::from_magic(data) == Compression::None && data.len() as u64 <= OPEN {
        assert!(result.is_ok() && opened == data);
    }
}

/// Reads `filelists.xml`.
pub fn filelists(data: &[u8]) {
    let _ = filelists::read_packages(data, |_, files| {
        assert_eq!(files.iter().count(), files.len());
        Ok::<_, FormatError>(())
    });
}

/// Reads a kept generation.
pub fn generation(data: &[u8]) {
    crate::store::fuzzing::generation(data);
}

/// Reads the headers of an answer.
pub fn headers(data: &[u8]) {
    crate::fetch::check_headers(data);
}

/// Reads which generation is published.
pub fn hold(data: &[u8]) {
    crate::store::fuzzing::hold(data);
}

/// Reads the journal of a publication.
pub fn journal(data: &[u8]) {
    crate::store::fuzzing::journal(data);
}

/// Reads a metalink.
pub fn metalink(data: &[u8]) {
    if let Ok(metalink) = Metalink::read(data, "repomd.xml") {
        let _ = metalink.current.digest();
    }
}

/// Reads a list of mirrors.
pub fn mirrorlist(data: &[u8]) {
    let _ = mirrorlist::read(data);
}

/// Reads lists of packages. What is installed is printed as it is read.
pub fn lists(data: &[u8]) {
    let _ = package_list::read(data);
    for package in installed::read(data).unwrap_or_default() {
        let line = package.to_string();
        // That is a mark at a file's beginning, and no part of a name.
        if !line.starts_with('\u{feff}') {
            assert!(installed::read(line.as_bytes()).is_ok_and(|again| again == [package]));
        }
    }
}

/// What `netrc` says in an error, behind the line.
const NETRC_ERRORS: [&str; 7] = [
    "expected a host behind it, found the end",
    "expected a user behind it, found the end",
    "expected a password behind it, found the end",
    "expected an account behind it, found the end",
    "expected a machine before it",
    "expected a closing quote",
    "expected machine, default, login, password, account or macdef",
];

/// An error names a line and holds nothing of the file; a password that is quoted is read as it was.
pub fn netrc(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match netrc::read(text) {
        Ok(accesses) => assert!(accesses.iter().all(|access| access.login.is_some())),
        Err(error) => {
            let (line, reason) = error.split_once(": ").unwrap_or((&error, "no line"));
            let line = line.strip_prefix("line ").and_then(|line| line.parse::<usize>().ok());
            assert!(line.is_some_and(|line| line <= 1 + text.matches('\n').count()), "{error}");
            assert!(NETRC_ERRORS.contains(&reason), "{error}");
        }
    }
    let mut quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    for (plain, escape) in [("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")] {
        quoted = quoted.replace(plain, escape);
    }
    let file = format!("machine h login me password \"{quoted}\" account x\nmachine i");
    let login = Login::Basic { user: "me".into(), password: text.into() };
    let access = Access { scope: Scope::host("h", None), login: Some(login), ..Access::default() };
    assert_eq!(netrc::read(&file), Ok(vec![access]));
}

/// Reads `other.xml`.
pub fn other(data: &[u8]) {
    let _ = other::read_packages(data, |_, changelog| {
        let _ = changelog.changes().len();
        Ok::<_, FormatError>(())
    });
}

/// What is taken for a path stays below its folder, and means the same in a URL.
pub fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = TreePath::new(text);
    let Ok(path) = RepoPath::new(text) else { return };
    assert_eq!(path.as_str(), text);
    let full = path.under(Path::new("/root"));
    assert!(full.starts_with("/root") && full != Path::new("/root"));
    let below = full.strip_prefix("/root").into_iter().flat_map(Path::components);
    for part in below {
        assert!(matches!(part, Component::Normal(_)), "{part:?}");
        assert!(!part.as_os_str().to_string_lossy().starts_with(RESERVED));
    }
    let url = path.to_url_path();
    assert_eq!(percent_decoded(&url), text.as_bytes());
    let Ok(base) = url::Url::parse("http://h/base/") else { return };
    let joined = base.join(&url).ok();
    assert!(joined.is_some_and(|url| url.path().starts_with("/base/") && url.query().is_none()));
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let code = code.filter(|_| *first == b'%');
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    out
}

/// Both readers of `primary.xml` agree on what is well-formed.
pub fn primary(data: &[u8]) {
    let mut full = Vec::new();
    let summary = read_packages_fully(data, |package| {
        full.push(format!("{package:?}"));
        Ok::<_, FormatError>(())
    });
    let mut fast = Vec::new();
    let trickle = BufReader::with_capacity(61, data);
    let fast_summary = read_packages(trickle, |package| {
        fast.push(format!("{package:?}"));
        Ok::<_, FormatError>(())
    });
    if let Ok(summary) = summary {
        assert_eq!(fast_summary.ok(), Some(summary));
        assert_eq!(fast, full);
    }
}

/// Reads a `pylock.toml`.
pub fn pylock(data: &[u8]) {
    crate::format::pypi::fuzzing::pylock(data);
}

/// Every selection of a `pyproject.toml` comes to an end.
pub fn pyproject(data: &[u8]) {
    crate::format::pypi::fuzzing::pyproject(data);
}

/// A section of a `.repo` file that is read is the one that is written.
pub fn repofile(data: &[u8]) {
    let variables = Variables::from_pairs([("releasever", "10"), ("a", "b$a")]);
    let text = String::from_utf8_lossy(data);
    let _ = variables.substitute(&text);
    let _ = Variables::from_files([("releasever", &text)]).get("releasever_minor");
    let Ok(file) = RepoFile::read(data) else { return };
    for section in file.main.iter().chain(&file.repos) {
        let mut text = Vec::new();
        let _ = section.write(&mut text);
        let again = RepoFile::read(&*text).map(|file| file.main.into_iter().chain(file.repos));
        let again: Vec<_> = again.into_iter().flatten().collect();
        let same =
            |other: &Section| other.id() == section.id() && other.entries().eq(section.entries());
        assert!(again.len() == 1 && same(&again[0]), "{}", String::from_utf8_lossy(&text));
        for key in ["enabled", "priority"] {
            let _ = (section.boolean(key), section.number(key), section.list(key).count());
        }
        let _ = section.substitute(&variables);
    }
}

/// A `repomd.xml` that is read is the one that is written.
pub fn repomd(data: &[u8]) {
    let Ok(repomd) = Repomd::read(data) else { return };
    let mut text = Vec::new();
    assert!(repomd.write(&mut text).is_ok());
    let again = Repomd::read(&*text);
    assert_eq!(again.as_ref().ok(), Some(&repomd), "{again:?}");
}

/// A requirement that is written is the one that was read.
pub fn requirement(data: &[u8]) {
    crate::format::pypi::fuzzing::requirement(data);
}

/// A reading of requirements files ends, however they include one another.
pub fn requirements(data: &[u8]) {
    crate::format::pypi::fuzzing::requirements(data);
}

/// Reads what came of the last runs.
pub fn runs(data: &[u8]) {
    crate::store::fuzzing::runs(data);
}

/// What the signatures of the corpus are of, and the keys that made them: their private halves are
/// gone, so that nobody can sign anything else with them.
#[cfg(feature = "signatures")]
const SIGNED: &[u8] = b"<repomd/>\n";
#[cfg(feature = "signatures")]
const SIGNED_BY: [&str; 3] = [
    "0904C35A55DBEC41332C608AF6830C525BD60D24",
    "87683972D17F9ACC106C141F7D6931EAF48F3D72",
    "DCBB76F03AB5BFDE02D6B72B845D711806A17E287912AFB5CE8D422E0518E6FB",
];

/// 2026-12-01, in seconds since 1970: after all that the corpus holds was made.
#[cfg(feature = "signatures")]
const NOW: i64 = 1_796_083_200;

/// A file that holds signatures and keys: each reader passes over what is for the other. None makes
/// the corpus's keys sign what they did not, and keys that are read twice are the same keys.
#[cfg(feature = "signatures")]
pub fn signature(data: &[u8]) {
    let issuers = issuers(data);
    let Ok(mut keys) = Keys::read(data) else { return };
    let trusted: Vec<Fingerprint> = keys.fingerprints().copied().collect();
    assert!(!trusted.is_empty());
    let verdict = verify(SIGNED, data, &keys, &trusted, NOW);
    match &verdict {
        Ok(signer) => assert!(trusted.contains(&signer.key) && issuers.is_ok()),
        Err(fault) => {
            assert_eq!(matches!(fault, Fault::Malformed(_)), issuers.is_err());
            // It is shown on a line, and may name the keys and all who signed.
            let text = fault.to_string();
            let longest = 1_000 + 100 * (trusted.len() + limits::SIGNATURES);
            assert!(text.len() <= longest && !text.contains('\n'), "{text}");
        }
    }
    let ours: Vec<Fingerprint> = SIGNED_BY.iter().flat_map(|text| text.parse()).collect();
    assert!(verify(b"other", data, &keys, &ours, NOW).is_err());
    keys.extend(keys.clone());
    assert!(keys.fingerprints().eq(&trusted));
    assert_eq!(verify(SIGNED, data, &keys, &trusted, NOW), verdict);
}

/// Reads what was verified.
pub fn state(data: &[u8]) {
    crate::store::fuzzing::state(data);
}

/// Files that an index lists of a project, a line each, with the Pythons that they are for behind a
/// space: what is taken is of the project and can be a file of a tree, and its tags are ranked.
pub fn project(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (name, files) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(name) = name.parse::<PackageName>() else { return };
    let listed = files.lines().map(|line| {
        let (filename, python) = line.split_once(' ').unwrap_or((line, ""));
        Listed { filename, requires_python: Some(python), ..Listed::default() }
    });
    let project = Project::new(name.clone(), listed);
    let Ok(targets) = Distribution::targets("el9", &[]) else { return };
    let environments: Vec<_> = targets.iter().flat_map(pypi::Target::environments).collect();
    for release in &project.releases {
        for file in &release.files {
            assert!(RepoPath::new(&file.filename).is_ok());
            let Ok(Some(DistFilename::Wheel(wheel))) = DistFilename::parse(&file.filename, &name)
            else {
                continue;
            };
            assert!(wheel.name == name && wheel.version == release.version);
            for environment in &environments {
                let _ = environment.tags.rank(&wheel.tags);
            }
        }
    }
}

/// Reads a `.treeinfo`.
pub fn treeinfo(data: &[u8]) {
    let _ = TreeInfo::read(data);
}

/// Reads a `uv.lock`.
pub fn uv_lock(data: &[u8]) {
    crate::format::pypi::fuzzing::uv_lock(data);
}

/// Versions have a total order; builds are read as they are printed.
pub fn version(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let [a, b, c] = [(); 3].map(|()| lines.next().unwrap_or_default());
    assert_eq!(version::compare(a, a), Ordering::Equal);
    assert_eq!(version::compare(a, b), version::compare(b, a).reverse());
    if version::compare(a, b) == version::compare(b, c) {
        assert_eq!(version::compare(a, c), version::compare(a, b));
    }
    for text in [a, b, c] {
        let _ = specs(text).count();
        if let Ok(evr) = text.parse::<Evr>() {
            assert_eq!(evr.to_string().parse::<Evr>().ok(), Some(evr));
        }
        if let Ok(nevra) = text.parse::<Nevra>() {
            assert_eq!(nevra.to_string().parse::<Nevra>().ok(), Some(nevra));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_ever_found_comes_back() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        for (name, run) in TARGETS {
            let entries = std::fs::read_dir(corpus.join(name)).unwrap();
            let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            assert!(!files.is_empty(), "no corpus of {name}");
            for file in files {
                run(&std::fs::read(file).unwrap());
            }
        }
    }

    /// Else the keys of the corpus would be nothing to begin from.
    #[cfg(feature = "signatures")]
    #[test]
    fn the_corpus_of_signatures_says_what_its_names_do() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/signature");
        for (name, said) in [
            ("usual", "good"),
            ("rsa", "good"),
            ("version-6", "good"),
            ("version-6-ecdsa", "good"),
            ("two-signers", "good"),
            ("armored", "with ECDSA on brainpoolP256r1"),
            ("dsa", "with DSA"),
            ("rsa-over-sha1", "with SHA1"),
            ("expired", "expired at"),
            ("revoked", "is revoked"),
            ("revoked-subkey", "is revoked: compromised (lost it)"),
            ("text-that-expires", "of type Text"),
            // What a key says of itself is a signature of the file as well, and tells more.
            ("wrong-key", "of type CertPositive"),
        ] {
            let data = std::fs::read(corpus.join(name)).unwrap();
            let keys = Keys::read(&data).unwrap();
            let trusted: Vec<Fingerprint> = keys.fingerprints().copied().collect();
            let verdict = match verify(SIGNED, &data, &keys, &trusted, NOW) {
                Ok(_) => "good".to_owned(),
                Err(fault) => fault.to_string(),
            };
            assert!(verdict.contains(said), "{name}: {verdict}");
        }
    }
}
