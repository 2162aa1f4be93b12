//! Generations: the stored manifests of a tree as they were published, kept as text.
//!
//! ```text
//! mirror-generation 1
//! published 2026-11-22T07:53:00Z
//! group NAME
//! upstream IDENTITY
//! fingerprint FINGERPRINT
//! switched FOLDER                          where there is one
//! signature STATE …                        where upstream's kind has one: good, unsigned …
//! keys FINGERPRINT …                       the keys that upstream may sign with
//! under SETTINGS                           what was asked for when the signature was judged
//! made-from SHA256 [SHA256]                upstream's entry point and signature, where the tree has others
//! chosen-for SHA256                        the states of the upstreams that it was chosen from together
//! bases URL URL …                          one line for each set of base URLs, numbered from 0
//! files COUNT
//! ROLE SIZE SHA256 BASES PATH [KEY=VALUE …]     tab between the fields; BASES a number or -
//! L SIZE - BASES PATH digest=… […]         what upstream lists and lacks; SIZE a number or -
//! sha256 HEX                               of everything above
//! ```

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::limits;
use crate::manifest::{Lacking, MadeFrom, Remote, Role, StoredEntry, StoredManifest};
use crate::path::RepoPath;
use crate::signature::{Judgement, Verdict};

const HEADER: &str = "mirror-generation ";
const VERSION: u32 = 1;

/// A generation of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number: each publication of a tree has a higher one.
    pub id: u64,
    /// When it was published, in RFC 3339 and UTC.
    pub published: String,
    /// What the tree was published together with, or not at all.
    pub group: String,
    /// What it holds.
    pub manifest: StoredManifest,
}

/// What a generation says of itself before its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its number.
    pub id: u64,
    /// When it was published, in RFC 3339 and UTC.
    pub published: String,
    /// The publish group.
    pub group: String,
    /// The upstream's identity.
    pub upstream: String,
    /// How many files it holds.
    pub files: u64,
}

impl Generation {
    /// When it was published; `now` where that does not parse.
    pub(super) fn published_at(&self, now: Timestamp) -> Timestamp {
        self.published.parse().unwrap_or(now)
    }
}

pub(super) fn write(manifest: &StoredManifest, group: &str, published: &str) -> String {
    let mut out = String::with_capacity(200 + manifest.entries.len() * 160);
    let _ = writeln!(out, "{HEADER}{VERSION}\npublished {published}");
    let _ = writeln!(out, "group {}", one_line(group));
    let _ = writeln!(out, "upstream {}", one_line(&manifest.upstream));
    let _ = writeln!(out, "fingerprint {}", one_line(&manifest.fingerprint));
    if let Some(folder) = &manifest.switched {
        let _ = writeln!(out, "switched {folder}");
    }
    if let Some(signature) = &manifest.signature {
        let _ = writeln!(out, "signature {}", one_line(&signature.verdict.to_line()));
        if !signature.recorded.is_empty() {
            out.push_str("keys");
            for key in &signature.recorded {
                let _ = write!(out, " {key}");
            }
            out.push('\n');
        }
        if !signature.under.is_empty() {
            let _ = writeln!(out, "under {}", one_line(&signature.under));
        }
    }
    if let Some(made_from) = &manifest.made_from {
        let _ = write!(out, "made-from {}", made_from.entry_point);
        if let Some(signature) = &made_from.signature {
            let _ = write!(out, " {signature}");
        }
        out.push('\n');
        if let Some(states) = &made_from.chosen_for {
            let _ = writeln!(out, "chosen-for {states}");
        }
    }
    let mut sets = Sets::default();
    let mut lines = String::with_capacity(manifest.entries.len() * 160);
    for entry in &manifest.entries {
        let role = match entry.role {
            Role::Payload => 'P',
            Role::Metadata => 'M',
            Role::EntryPoint => 'E',
        };
        let _ = write!(lines, "{role}\t{}\t{}\t", entry.size, entry.sha256);
        match &entry.remote {
            None => lines.push('-'),
            Some(remote) => drop(write!(lines, "{}", sets.number(remote))),
        }
        let _ = write!(lines, "\t{}", entry.path);
        if let Some(digest) = &entry.digest {
            let _ = write!(lines, "\tdigest={digest}");
        }
        if let Some(href) = entry.remote.as_ref().and_then(Remote::href) {
            let _ = write!(lines, "\thref={}", one_line(href));
        }
        if let Some(subject) = &entry.subject {
            let _ = write!(lines, "\tsubject={}", one_line(subject));
        }
        if let Some(reason) = &entry.unverified {
            let _ = write!(lines, "\tunverified={}", one_line(reason));
        }
        lines.push('\n');
    }
    for lacking in manifest.made_from.iter().flat_map(|made_from| &made_from.lacking) {
        let size = lacking.size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let at = sets.number(&lacking.remote);
        let _ = write!(lines, "L\t{size}\t-\t{at}\t{}\tdigest={}", lacking.path, lacking.digest);
        if let Some(href) = lacking.remote.href() {
            let _ = write!(lines, "\thref={}", one_line(href));
        }
        lines.push('\n');
    }
    for set in sets.0 {
        out.push_str(if set.is_empty() { "bases " } else { "bases" });
        for url in set.iter() {
            let _ = write!(out, " {url}");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "files {}", manifest.entries.len());
    out.push_str(&lines);
    let sum = Sha256::of(out.as_bytes());
    let _ = writeln!(out, "sha256 {sum}");
    out
}

/// The sets of base URLs that a generation's files have.
#[derive(Default)]
struct Sets(Vec<Arc<[Url]>>);

impl Sets {
    fn number(&mut self, remote: &Remote) -> usize {
        self.0.iter().position(|set| set == remote.bases()).unwrap_or_else(|| {
            self.0.push(Arc::clone(remote.bases()));
            self.0.len() - 1
        })
    }
}

/// Text that a source gives, made fit for one field of one line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What a generation says before its files; what it does not say is empty.
pub(super) fn read_heading(file: impl std::io::Read, id: u64) -> std::io::Result<Heading> {
    use std::io::{BufRead as _, BufReader, Read as _};
    let mut heading = Heading {
        id,
        published: String::new(),
        group: String::new(),
        upstream: String::new(),
        files: 0,
    };
    let mut lines = BufReader::new(file.take(limits::GENERATION_HEADING));
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().read_until(b'\n', &mut line)? == 0 {
            return Ok(heading);
        }
        let text = String::from_utf8_lossy(line.trim_ascii_end());
        match text.split_once(' ') {
            Some(("published", value)) => value.clone_into(&mut heading.published),
            Some(("group", value)) => value.clone_into(&mut heading.group),
            Some(("upstream", value)) => value.clone_into(&mut heading.upstream),
            Some(("files", value)) => {
                heading.files = value.parse().unwrap_or(0);
                return Ok(heading);
            }
            _ => {}
        }
    }
}

pub(super) fn read(path: &Path, id: u64, text: &[u8]) -> Result<Generation> {
    let damaged =
        |reason: &str| Error::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let text = std::str::from_utf8(text).map_err(|_| damaged("it is no text"))?;
    let version = text.lines().next().and_then(|line| line.strip_prefix(HEADER));
    let version = version.ok_or_else(|| damaged("expected a generation"))?;
    match version.parse::<u32>() {
        Ok(VERSION) => {}
        Ok(_) => {
            let found = version.to_owned();
            return Err(Error::NewerFormat { path: path.to_owned(), found, known: VERSION });
        }
        Err(_) => return Err(damaged("expected a format version")),
    }
    let body = text
        .strip_suffix('\n')
        .and_then(|text| text.rsplit_once('\n'))
        .and_then(|(body, last)| Some((body.len() + 1, last.strip_prefix("sha256 ")?)))
        .filter(|(end, sum)| Sha256::from_hex(sum) == Some(Sha256::of(&text.as_bytes()[..*end])))
        .map(|(end, _)| &text[..end])
        .ok_or_else(|| damaged("its checksum does not fit"))?;
    parse(body, id).ok_or_else(|| damaged("a line that this version would not write"))
}

fn parse(body: &str, id: u64) -> Option<Generation> {
    let mut lines = body.lines().skip(1);
    let (mut published, mut group) = (String::new(), String::new());
    let mut manifest = StoredManifest {
        upstream: String::new(),
        fingerprint: String::new(),
        switched: None,
        signature: None,
        made_from: None,
        entries: Vec::new(),
    };
    let mut sets: Vec<Arc<[Url]>> = Vec::new();
    loop {
        let (key, value) = lines.next()?.split_once(' ')?;
        match key {
            "published" => value.clone_into(&mut published),
            "group" => value.clone_into(&mut group),
            "upstream" => value.clone_into(&mut manifest.upstream),
            "fingerprint" => value.clone_into(&mut manifest.fingerprint),
            "switched" => manifest.switched = Some(RepoPath::new(value).ok()?),
            "signature" => {
                let verdict = Verdict::from_line(value)?;
                let (recorded, under) = (Vec::new(), String::new());
                manifest.signature = Some(Judgement { verdict, recorded, under });
            }
            "keys" => {
                let keys = value.split(' ').map(str::parse);
                manifest.signature.as_mut()?.recorded = keys.collect::<Result<_, _>>().ok()?;
            }
            "under" => value.clone_into(&mut manifest.signature.as_mut()?.under),
            "made-from" => {
                let mut digests = value.split(' ').map(Sha256::from_hex);
                let entry_point = digests.next()??;
                let signature = digests.next().map_or(Some(None), |found| found.map(Some))?;
                let (lacking, chosen_for) = (Vec::new(), None);
                let made_from = MadeFrom { entry_point, signature, lacking, chosen_for };
                manifest.made_from = Some(made_from);
            }
            "chosen-for" => {
                manifest.made_from.as_mut()?.chosen_for = Some(Sha256::from_hex(value)?);
            }
            "bases" => {
                let urls = value.split(' ').filter(|url| !url.is_empty()).map(Url::parse);
                sets.push(urls.collect::<Result<_, _>>().ok()?);
            }
            "files" => {
                manifest.entries.reserve(value.parse::<usize>().ok()?.min(body.len() / 64));
                break;
            }
            _ => return None,
        }
    }
    for line in lines {
        if let Some(line) = line.strip_prefix("L\t") {
            manifest.made_from.as_mut()?.lacking.push(parse_lacking(line, &sets)?);
        } else {
            manifest.entries.push(parse_entry(line, &sets)?);
        }
    }
    Some(Generation { id, published, group, manifest })
}

fn parse_entry(line: &str, sets: &[Arc<[Url]>]) -> Option<StoredEntry> {
    let mut fields = line.split('\t');
    let role = match fields.next()? {
        "P" => Role::Payload,
        "M" => Role::Metadata,
        "E" => Role::EntryPoint,
        _ => return None,
    };
    let size = fields.next()?.parse().ok()?;
    let sha256 = Sha256::from_hex(fields.next()?)?;
    let set = match fields.next()? {
        "-" => None,
        at => Some(Arc::clone(sets.get(at.parse::<usize>().ok()?)?)),
    };
    let path = RepoPath::new(fields.next()?).ok()?;
    let mut entry = StoredEntry {
        path,
        size,
        sha256,
        digest: None,
        remote: set.clone().map(Remote::new),
        role,
        subject: None,
        unverified: None,
    };
    for field in fields {
        let (key, value) = field.split_once('=')?;
        match key {
            "digest" => entry.digest = Some(value.parse().ok()?),
            "href" => entry.remote = Some(Remote::at(set.clone()?, value)),
            "subject" => entry.subject = Some(value.into()),
            "unverified" => entry.unverified = Some(value.into()),
            _ => return None,
        }
    }
    Some(entry)
}

fn parse_lacking(line: &str, sets: &[Arc<[Url]>]) -> Option<Lacking> {
    let fields: Vec<&str> = line.split('\t').collect();
    let ([size, "-", set, path, digest], rest) = fields.split_first_chunk()? else { return None };
    let size = if *size == "-" { None } else { Some(size.parse().ok()?) };
    let bases = Arc::clone(sets.get(set.parse::<usize>().ok()?)?);
    let remote = match rest {
        [] => Remote::new(bases),
        [href] => Remote::at(bases, href.strip_prefix("href=")?),
        _ => return None,
    };
    let digest = digest.strip_prefix("digest=")?.parse().ok()?;
    Some(Lacking { path: RepoPath::new(path).ok()?, size, digest, remote })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::signature::Trusted;
    use proptest::prelude::*;

    fn sample() -> StoredManifest {
        let bases: Arc<[Url]> = [Url::parse("https://h.example/core:/x/").unwrap()].into();
        let entry = |path: &str, role, remote| StoredEntry {
            path: RepoPath::new(path).unwrap(),
            size: 5,
            sha256: Sha256::of(path.as_bytes()),
            digest: None,
            remote,
            role,
            subject: None,
            unverified: None,
        };
        let mut package = entry("a b/x=1.rpm", Role::Payload, Some(Remote::new(bases.clone())));
        package.digest = Some(Digest::parse("sha1", &"0a".repeat(20)).unwrap());
        package.subject = Some("x.noarch".into());
        let mut moved = entry("b.rpm", Role::Payload, Some(Remote::at(bases, "pool/b.rpm")));
        moved.unverified = Some("the user allowed it".into());
        StoredManifest {
            upstream: "rpm https://h.example/".into(),
            fingerprint: "all".into(),
            switched: Some(RepoPath::new("repodata").unwrap()),
            signature: Some(Judgement {
                verdict: Verdict::Good {
                    fingerprint: "ab".repeat(20).parse().unwrap(),
                    by: "Vendor <a@b.example>".into(),
                    trusted: Trusted::Recorded,
                },
                recorded: vec!["ab".repeat(20).parse().unwrap(), "cd".repeat(32).parse().unwrap()],
                under: "signature=require".into(),
            }),
            made_from: None,
            entries: vec![package, moved, entry("repodata/repomd.xml", Role::EntryPoint, None)],
        }
    }

    #[test]
    fn reads_what_it_wrote() {
        let text = write(&sample(), "g", "2026-11-22T07:53:00Z");
        let read = read(Path::new("g"), 7, text.as_bytes()).unwrap();
        assert_eq!(read.manifest, sample());
        assert_eq!((read.id, read.published.as_str()), (7, "2026-11-22T07:53:00Z"));
        let heading = read_heading(text.as_bytes(), 7).unwrap();
        assert_eq!((heading.group.as_str(), heading.files), ("g", 3));
        assert_eq!((heading.published, heading.upstream), (read.published, sample().upstream));
    }

    #[test]
    fn reads_what_a_tree_was_made_from() {
        let other: Arc<[Url]> = [Url::parse("https://other.example/x/").unwrap()].into();
        let lacking = |path: &str, size, remote| Lacking {
            path: RepoPath::new(path).unwrap(),
            size,
            digest: Digest::parse("sha512", &"0a".repeat(64)).unwrap(),
            remote,
        };
        let mut manifest = sample();
        let known = manifest.entries[0].remote.clone().unwrap();
        for (signature, lacking) in [
            (None, Vec::new()),
            (
                Some(Sha256::of(b"asc")),
                vec![
                    lacking("c d.rpm", Some(7), known),
                    lacking("e.rpm", None, Remote::at(other, "../e.rpm")),
                ],
            ),
        ] {
            let entry_point = Sha256::of(b"repomd");
            let chosen_for = signature.map(|_| Sha256::of(b"chosen"));
            manifest.made_from = Some(MadeFrom { entry_point, signature, lacking, chosen_for });
            let text = write(&manifest, "g", "now");
            assert_eq!(read(Path::new("g"), 7, text.as_bytes()).unwrap().manifest, manifest);
            assert_eq!(read_heading(text.as_bytes(), 7).unwrap().files, 3);
        }
    }

    #[test]
    fn reads_every_verdict_that_it_wrote() {
        let fingerprint = "ab".repeat(20).parse().unwrap();
        let good = |trusted| Verdict::Good { fingerprint, by: String::new(), trusted };
        for verdict in [
            good(Trusted::Pinned),
            good(Trusted::FirstUse),
            good(Trusted::Recorded),
            Verdict::Unsigned,
            Verdict::NotJudged { reason: "no key is pinned".into() },
            Verdict::Discounted { reason: "the key X is revoked".into() },
            Verdict::Off,
        ] {
            assert_eq!(Verdict::from_line(&verdict.to_line()), Some(verdict));
        }
    }

    #[test]
    fn notices_damage_and_later_versions() {
        let text = write(&sample(), "g", "now");
        let error = |text: &str| read(Path::new("g"), 1, text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error(&text.replace("x=1", "x=2")), "g: damaged, its checksum does not fit");
        assert_eq!(error(&text[..text.len() / 2]), "g: damaged, its checksum does not fit");
        assert_eq!(error(""), "g: damaged, expected a generation");
        let garbage = read(Path::new("g"), 1, b"\xff\xfe").unwrap_err().to_string();
        assert_eq!(garbage, "g: damaged, it is no text");
        let later = text.replace("mirror-generation 1", "mirror-generation 2");
        assert_eq!(error(&later), "g: format version 2, this program knows up to 1");
    }

    /// Any entry that a source can give: its texts are of one line.
    fn entries() -> impl Strategy<Value = Vec<StoredEntry>> {
        let text = "[a-zé=:% \\\\.-]{0,9}";
        let path = "[a-zé=:%+ .-]{1,9}(/[a-z=~^ ]{1,9}){0,2}";
        let path = path.prop_filter_map("a path", |path| RepoPath::new(&path).ok());
        let remote = proptest::option::of((0..3_usize, proptest::option::of(text)));
        let role = prop_oneof![Just(Role::Payload), Just(Role::Metadata), Just(Role::EntryPoint)];
        let texts = (proptest::option::of(text), proptest::option::of(text));
        let entry = (path, any::<u64>(), any::<[u8; 4]>(), any::<bool>(), remote, role, texts);
        let entry = entry.prop_map(|(path, size, content, weak, remote, role, (a, b))| {
            let bases = |set: usize| -> Arc<[Url]> {
                (0..set).map(|n| format!("https://h{n}/{set}/").parse().unwrap()).collect()
            };
            StoredEntry {
                path,
                size,
                sha256: Sha256::of(&content),
                digest: weak.then(|| Digest::parse("sha1", &"0a".repeat(20)).unwrap()),
                remote: remote.map(|(set, href)| match href {
                    Some(href) => Remote::at(bases(set), &href),
                    None => Remote::new(bases(set)),
                }),
                role,
                subject: a.map(Into::into),
                unverified: b.map(Into::into),
            }
        });
        proptest::collection::vec(entry, 0..8)
    }

    proptest! {
        #[test]
        fn reads_whatever_it_wrote(entries in entries(), group in "[a-z/. ]{1,9}") {
            let manifest = StoredManifest { entries, ..sample() };
            let text = write(&manifest, &group, "2026-11-22T07:53:00Z");
            let generation = read(Path::new("g"), 7, text.as_bytes()).unwrap();
            prop_assert_eq!(&generation.manifest, &manifest);
            prop_assert_eq!(&generation.group, &group);
            prop_assert!(read(Path::new("g"), 7, &text.as_bytes()[..text.len() - 2]).is_err());
        }
    }
}
