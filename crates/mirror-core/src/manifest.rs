//! The manifest: the exact list of files that a published tree must hold.
//!
//! A source makes a [`Manifest`]; there a file's size may still be unknown. Once every file is
//! stored, the engine makes a [`StoredManifest`] of it: each file with its size and SHA-256. That
//! is what is published, and kept as a *generation*.

use std::collections::HashSet;
use std::sync::Arc;

use url::Url;

use crate::digest::{Digest, Sha256};
use crate::error::{Error, Result};
use crate::path::RepoPath;
use crate::signature::Judgement;

/// When a file is published, relative to the others of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Packages and other bulk: first.
    Payload,
    /// What an entry point leads to: after the payload.
    Metadata,
    /// What clients ask for by a fixed name (`repomd.xml`, its signature, project pages): last.
    EntryPoint,
}

/// Where a file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From upstream.
    Remote(Remote),
    /// From the store: the source put it there.
    Stored {
        /// The content.
        sha256: Sha256,
        /// Where it can be had again, where upstream has it.
        remote: Option<Remote>,
    },
}

/// A file at upstream: below each of some base URLs that hold the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    bases: Arc<[Url]>,
    href: Option<Box<str>>,
}

impl Remote {
    /// A file that lies below each of `bases` at its path in the tree.
    pub fn new(bases: Arc<[Url]>) -> Self {
        Self { bases, href: None }
    }

    /// A file that lies below each of `bases` at `href`, a relative URL.
    pub fn at(bases: Arc<[Url]>, href: &str) -> Self {
        Self { bases, href: Some(href.into()) }
    }

    /// The base URLs.
    pub fn bases(&self) -> &Arc<[Url]> {
        &self.bases
    }

    /// The relative URL, where it is not the file's path.
    pub fn href(&self) -> Option<&str> {
        self.href.as_deref()
    }

    /// The same without users and passwords, which are never kept below a root.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        let secret = |url: &Url| !url.username().is_empty() || url.password().is_some();
        if !self.bases.iter().any(secret) {
            return self.clone();
        }
        let plain = self.bases.iter().cloned().map(|mut url| {
            // Both refuse only URLs without a host, which have neither.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url
        });
        Self { bases: plain.collect(), href: self.href.clone() }
    }

    /// The URLs of the file whose path in the tree is `path`, best first.
    pub fn urls(&self, path: &RepoPath) -> Vec<Url> {
        let from_path = self.href.is_none().then(|| path.to_url_path());
        let href = self.href.as_deref().or(from_path.as_deref()).unwrap_or_default();
        self.bases.iter().filter_map(|base| below(base, href)).collect()
    }
}

/// `href` below `base`, whose path is taken as a folder and whose query is kept (some mirrors carry
/// a token there). Not `Url::join`: it would take `core:/x` for a URL of its own.
pub fn below(base: &Url, href: &str) -> Option<Url> {
    let mut url = base.clone();
    let folder = base.path().trim_end_matches('/');
    url.set_path(&format!("{folder}/{href}"));
    (!url.cannot_be_a_base()).then_some(url)
}

/// A file that a tree must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the tree.
    pub path: RepoPath,
    /// Its size in bytes, where upstream gives it.
    pub size: Option<u64>,
    /// Its digest; without one, [`Entry::unverified`] says why that is allowed.
    pub digest: Option<Digest>,
    /// Where its bytes come from.
    pub origin: Origin,
    /// When it is published.
    pub role: Role,
    /// What it is one version of (`bash.x86_64`), so that a report can tell new from updated.
    pub subject: Option<Box<str>>,
    /// Why a file without a digest is taken.
    pub unverified: Option<Box<str>>,
}

/// What a tree was made from that is not upstream's files as they are, but has an entry point of its
/// own: none of this is in the tree, and by it the next run knows whether upstream is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFrom {
    /// Upstream's entry point.
    pub entry_point: Sha256,
    /// Its signature, where it has one.
    pub signature: Option<Sha256>,
    /// What upstream lists and does not have, in the order of the paths: it is asked for again.
    pub lacking: Vec<Lacking>,
    /// The states of the upstreams that it was chosen from together, as one digest, where it was.
    pub chosen_for: Option<Sha256>,
}

/// A file that upstream lists and does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Its place in the tree.
    pub path: RepoPath,
    /// Its size in bytes, where upstream gives it.
    pub size: Option<u64>,
    /// Its digest.
    pub digest: Digest,
    /// Where it was asked for, without credentials.
    pub remote: Remote,
}

/// The exact list of files that a tree must hold; see the module's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    entries: Vec<Entry>,
    switched: Option<RepoPath>,
    signature: Option<Box<Judgement>>,
    made_from: Option<Box<MadeFrom>>,
}

impl Manifest {
    /// A manifest of `entries`, in any order, that `listed_by` (a URL, for errors) lists.
    ///
    /// The same file listed twice is one entry. One path with two contents, or one that is also a
    /// folder of another, is an error.
    pub fn new(mut entries: Vec<Entry>, listed_by: &str) -> Result<Self> {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let conflict = |path: &RepoPath, first: String, second: String| Error::Conflict {
            file: listed_by.to_owned(),
            path: path.to_string(),
            first,
            second,
        };
        for pair in entries.windows(2) {
            let [a, b] = pair else { continue };
            if a.path == b.path && (a.digest != b.digest || differ(a.size, b.size)) {
                return Err(conflict(&a.path, content(a), content(b)));
            }
        }
        entries.dedup_by(|b, a| a.path == b.path);
        let mut folders = HashSet::new();
        for entry in &entries {
            let mut folder = entry.path.as_str();
            while let Some((parent, _)) = folder.rsplit_once('/') {
                if !folders.insert(parent) {
                    break;
                }
                folder = parent;
            }
        }
        if let Some(entry) = entries.iter().find(|e| folders.contains(e.path.as_str())) {
            return Err(conflict(&entry.path, "a file".into(), "a folder".into()));
        }
        Ok(Self { entries, switched: None, signature: None, made_from: None })
    }

    /// The same of other entries; see [`Manifest::new`].
    pub(crate) fn with(&self, entries: Vec<Entry>, listed_by: &str) -> Result<Self> {
        let Self { switched, signature, made_from, .. } = self.clone();
        Ok(Self { switched, signature, made_from, ..Self::new(entries, listed_by)? })
    }

    /// The same, with `folder` published as a whole: a client sees all of it old or all of it new.
    #[must_use]
    pub fn switching(mut self, folder: RepoPath) -> Self {
        self.switched = Some(folder);
        self
    }

    /// The same, with what is known of upstream's signature.
    #[must_use]
    pub fn judged(mut self, signature: Judgement) -> Self {
        self.signature = Some(Box::new(signature));
        self
    }

    /// The same, with what it was made from, where it is not upstream's files as they are.
    #[must_use]
    pub fn made_from(mut self, made_from: MadeFrom) -> Self {
        self.made_from = Some(Box::new(made_from));
        self
    }

    /// What upstream's entry point was, where the tree has one of its own.
    pub fn origin(&self) -> Option<&MadeFrom> {
        self.made_from.as_deref()
    }

    /// What is known of upstream's signature; `None` where its kind has none.
    pub fn signature(&self) -> Option<&Judgement> {
        self.signature.as_deref()
    }

    /// The files, in the order of their paths.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The folder that is published as a whole.
    pub fn switched(&self) -> Option<&RepoPath> {
        self.switched.as_ref()
    }
}

fn differ(a: Option<u64>, b: Option<u64>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a != b)
}

fn content(entry: &Entry) -> String {
    match (&entry.digest, entry.size) {
        (Some(digest), _) => digest.to_string(),
        (None, Some(size)) => format!("{size} bytes"),
        (None, None) => "a file without a digest".into(),
    }
}

/// A file of a published tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its place in the tree.
    pub path: RepoPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its content, as the store names it.
    pub sha256: Sha256,
    /// The digest that upstream gave, where that is not the SHA-256.
    pub digest: Option<Digest>,
    /// Where it can be had again, without credentials.
    pub remote: Option<Remote>,
    /// When it is published.
    pub role: Role,
    /// What it is one version of.
    pub subject: Option<Box<str>>,
    /// Why a file without a digest was taken.
    pub unverified: Option<Box<str>>,
}

/// A manifest of which every file is stored: what a generation keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// The upstream's identity: which upstream this tree mirrors.
    pub upstream: String,
    /// What the files depend on besides upstream's content: selection, layout, format.
    pub fingerprint: String,
    /// The folder that is published as a whole.
    pub switched: Option<RepoPath>,
    /// What is known of upstream's signature; `None` where its kind has none.
    pub signature: Option<Judgement>,
    /// What it was made from, where it is not upstream's files as they are.
    pub made_from: Option<MadeFrom>,
    /// The files, in the order of their paths.
    pub entries: Vec<StoredEntry>,
}

impl StoredManifest {
    /// The file at `path`.
    pub fn get(&self, path: &str) -> Option<&StoredEntry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// Whether a tree that holds `other` holds this one too, whatever was found out about signatures,
    /// and whatever it was made from.
    pub fn holds_the_same(&self, other: &Self) -> bool {
        let Self { upstream, fingerprint, switched, signature: _, made_from: _, entries } = self;
        *upstream == other.upstream
            && *fingerprint == other.fingerprint
            && *switched == other.switched
            && *entries == other.entries
    }

    /// The bytes of all files together.
    pub fn size(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, content: &str) -> Entry {
        Entry {
            path: RepoPath::new(path).unwrap(),
            size: None,
            digest: Some(Sha256::of(content.as_bytes()).into()),
            origin: Origin::Stored { sha256: Sha256::of(content.as_bytes()), remote: None },
            role: Role::Payload,
            subject: None,
            unverified: None,
        }
    }

    #[test]
    fn takes_a_file_listed_twice_once() {
        let manifest = Manifest::new(vec![entry("b", "x"), entry("a", "y"), entry("b", "x")], "l");
        let manifest = manifest.unwrap();
        let paths: Vec<_> = manifest.entries().iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["a", "b"]);
    }

    #[test]
    fn refuses_one_path_for_two_contents() {
        let error = Manifest::new(vec![entry("b", "x"), entry("b", "y")], "list.xml").unwrap_err();
        assert!(error.to_string().starts_with("list.xml: path b is listed as sha256:"), "{error}");
    }

    #[test]
    fn refuses_a_file_that_is_a_folder_of_another() {
        // `a-b` sorts between `a` and `a/b`: the neighbours alone would not show it.
        let entries = vec![entry("a", "x"), entry("a-b", "y"), entry("a/b/c", "z")];
        let error = Manifest::new(entries, "list.xml").unwrap_err();
        assert_eq!(error.to_string(), "list.xml: path a is listed as a file and as a folder");
    }

    #[test]
    fn keeps_a_base_url_whole() {
        let base = Url::parse("https://h.example/core:/stable:/v1.31/rpm/?t=1").unwrap();
        let remote = Remote::new([base].into());
        let urls = remote.urls(&RepoPath::new("x/a+b.rpm").unwrap());
        assert_eq!(urls[0].as_str(), "https://h.example/core:/stable:/v1.31/rpm/x/a%2Bb.rpm?t=1");
    }
}
