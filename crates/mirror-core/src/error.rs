//! The crate's error: each variant names the thing, what was expected and what was found.
//!
//! URLs in an error have lost their password: they are redacted where they enter
//! ([`redact`]). What to do next is the caller's to say.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::digest::DigestError;
use crate::path::PathError;
use crate::signature::{Fault, Fingerprint};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause that another crate or module describes.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of ours cannot be read, written or renamed.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// What was tried, as a verb with its object.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The plan of a group of trees does not fit on the file system.
    #[error("{}: {}", path.display(), no_space(*needed, *free, *promised))]
    NoSpace {
        /// The folder that the file system holds.
        path: PathBuf,
        /// Bytes that the plan would write.
        needed: u64,
        /// Bytes that an unprivileged user may still write.
        free: u64,
        /// Those of them that other groups of the run are going to write.
        promised: u64,
    },
    /// The plan of a group makes more files than the file system has room for.
    #[error("{}: {}", path.display(), no_inodes(*needed, *free, *promised))]
    NoInodes {
        /// The folder that the file system holds.
        path: PathBuf,
        /// Files that the plan would make.
        needed: u64,
        /// Inodes that are free.
        free: u64,
        /// Those of them that other groups of the run are going to take.
        promised: u64,
    },
    /// A file is larger than was known beforehand, and there is no room for that.
    #[error("{url}: over {room} bytes, all that the disk has for it, and {}", listed_with(*listed))]
    NoRoom {
        /// The URL, redacted.
        url: String,
        /// The size that the metadata gives.
        listed: Option<u64>,
        /// Bytes that it could have had.
        room: u64,
    },
    /// Another process works on this root.
    #[error("{}: locked by process {pid}, running since {since}{}", root.display(), after(*waited))]
    Locked {
        /// The root.
        root: PathBuf,
        /// The holder's process.
        pid: String,
        /// When the holder took the lock.
        since: String,
        /// How long it was waited for in vain.
        waited: Option<Duration>,
    },
    /// A file of the store's state is not what was written.
    #[error("{}: damaged, {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of the store's state was written by a later version.
    #[error("{}: format version {found}, this program knows up to {known}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: String,
        /// The newest version known here.
        known: u32,
    },
    /// Two trees would contain one another.
    #[error("tree {inner} lies within tree {outer}, expected trees apart from each other")]
    NestedTrees {
        /// The outer one (or the same).
        outer: String,
        /// The inner one.
        inner: String,
    },
    /// An upstream is published at another path.
    #[error("{upstream} is published at {old}, not at {new}")]
    TreeMoved {
        /// The upstream's identity.
        upstream: String,
        /// Where it is published.
        old: String,
        /// Where it was now to be published.
        new: String,
    },
    /// Python packages that cannot be had as a set asks for them.
    #[error("no solution for {}", those(*unsolved, *targets, first))]
    Unsolved {
        /// So many of the set's targets.
        unsolved: usize,
        /// Of so many.
        targets: usize,
        /// The first one.
        first: String,
    },
    /// No set of a tree of Python packages that could be made anew.
    #[error("none of {sets} sets can be had")]
    NoSets {
        /// How many were asked for: more than one.
        sets: usize,
    },
    /// A tree of Python packages that does not answer by itself what was asked for.
    #[error("set {set}, {target}: cannot be installed from the tree alone: {why}")]
    Unproved {
        /// The set.
        set: String,
        /// The target.
        target: String,
        /// What is missing, for people.
        why: String,
    },
    /// A set of a tree that is to be removed, and is not there.
    #[error("the tree has no set {set}, {}", sets_there(known))]
    NoSuchSet {
        /// The name.
        set: String,
        /// The sets that there are.
        known: Vec<String>,
    },
    /// A file that an index lists without a digest.
    #[error("{index}: {filename} is listed without a digest, expected its sha256")]
    Unhashed {
        /// The index.
        index: String,
        /// The file.
        filename: String,
    },
    /// What several wait for, and none of them got.
    #[error(transparent)]
    Shared(Arc<Error>),
    /// A file that some mirrors say they do not have, and others gave no such answer: it may be there.
    #[error(transparent)]
    LackedBySome(Box<Self>),
    /// No tree and no group has that name, or none was named and there are several groups.
    #[error("{}", no_such_group(name.as_deref()))]
    NoSuchGroup {
        /// What was asked for.
        name: Option<String>,
        /// The groups and trees that there are.
        known: Vec<String>,
    },
    /// A generation was named, and it is not clear of which tree.
    #[error("a generation is one of a tree, and the group has {}", trees.join(", "))]
    AmbiguousGeneration {
        /// The trees.
        trees: Vec<String>,
    },
    /// A generation that is not kept.
    #[error("{tree}: no generation{wanted} is kept")]
    NoGeneration {
        /// The tree.
        tree: String,
        /// Which one, with a space before it.
        wanted: String,
        /// Those that are kept.
        kept: Vec<u64>,
    },
    /// A selection that takes nothing of what upstream lists.
    #[error("the selection takes none of {listed} packages")]
    TakesNone {
        /// Packages that upstream lists.
        listed: u64,
    },
    /// A selection that takes nothing any more, where there are packages published.
    #[error("the selection takes none of {listed} packages, and {total} are published")]
    Empties {
        /// Packages that upstream lists.
        listed: u64,
        /// Packages of the published generation.
        total: u64,
    },
    /// Two trees that have nothing in common.
    #[error("{first} holds {holds}, and {second} {other}: there is nothing to compare")]
    OtherContents {
        /// A tree.
        first: String,
        /// What it holds.
        holds: &'static str,
        /// The other tree.
        second: String,
        /// What that holds.
        other: &'static str,
    },
    /// Advisories that were asked for, and that a repository does not have.
    #[error("{file}: has no advisory for {}", missing.join(", "))]
    NoSuchAdvisory {
        /// The repository, or the file of its advisories.
        file: String,
        /// The ids and CVEs.
        missing: Vec<String>,
    },
    /// An answer that is no file.
    #[error("{url}: {status}, expected 200 OK")]
    Status {
        /// The URL, redacted.
        url: String,
        /// The status line's code and reason.
        status: String,
        /// The status code.
        code: u16,
    },
    /// The transfer broke.
    #[error("{url}: {source}")]
    Transport {
        /// The URL, redacted.
        url: String,
        /// Which kind of fault.
        kind: Kind,
        /// What broke.
        source: Cause,
    },
    /// The proxy did not lead to the upstream.
    #[error("{url}: proxy {proxy}: {source}")]
    Proxy {
        /// The URL that was asked for, redacted.
        url: String,
        /// The proxy, redacted.
        proxy: String,
        /// Which kind of fault.
        kind: Kind,
        /// What broke.
        source: Cause,
    },
    /// Not asked for: other files used up all attempts at its mirrors, and none got anything.
    #[error("{url}: not asked for again after {reason}")]
    GivenUp {
        /// The URL, redacted.
        url: String,
        /// What the last attempt of another file ended with.
        reason: String,
    },
    /// The body ended early.
    #[error("{url}: ended after {found} of {expected} bytes")]
    Truncated {
        /// The URL, redacted.
        url: String,
        /// The size that was announced.
        expected: u64,
        /// The bytes that came.
        found: u64,
    },
    /// Too slow to go on.
    #[error("{url}: {reason}")]
    Stalled {
        /// The URL, redacted.
        url: String,
        /// Which bound was passed.
        reason: String,
    },
    /// The answer breaks the protocol.
    #[error("{url}: {reason}")]
    Protocol {
        /// The URL, redacted.
        url: String,
        /// Which kind of fault.
        kind: Kind,
        /// What was expected and found.
        reason: String,
    },
    /// Larger than a file of its kind may be.
    #[error("{url}: over {limit} bytes, the bound for this file")]
    TooLarge {
        /// The URL, redacted.
        url: String,
        /// The bound in bytes.
        limit: u64,
    },
    /// Not the size that the metadata gives, which clients compare before they look at the digest.
    #[error("{file}: {found} bytes, expected {expected} as listed (clients refuse any other size)")]
    SizeMismatch {
        /// The file or URL.
        file: String,
        /// The size that the metadata gives.
        expected: u64,
        /// The size found.
        found: u64,
    },
    /// Not the content that the metadata gives.
    #[error("{file}: found {found}, expected {expected}")]
    DigestMismatch {
        /// The file or URL.
        file: String,
        /// The digest that the metadata gives.
        expected: String,
        /// The digest found.
        found: String,
    },
    /// Metadata that does not parse or breaks a rule.
    #[error("{file}: {source}")]
    Metadata {
        /// The file's URL or path.
        file: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// A path that metadata gives is not safe.
    #[error("{file}: {source}")]
    Path {
        /// The file that gives it.
        file: String,
        /// The rule that it breaks.
        source: PathError,
    },
    /// Upstream is another each time that it is read.
    #[error("{file}: changed {times} times while what it lists was fetched, last: {source}")]
    Moving {
        /// The entry point's URL, redacted.
        file: String,
        /// How often.
        times: usize,
        /// What was wrong with the last state that was read.
        source: Box<Error>,
    },
    /// What a tree was chosen together with is another each time that it is read.
    #[error("{0}: what it is chosen together with changed each time that it was read")]
    Outdated(String),
    /// One of several upstreams that are chosen from together.
    #[error(
        "{other} could not be read, and what is asked of both cannot be chosen without it: {reason}"
    )]
    Without {
        /// Its tree, or where it lies.
        other: String,
        /// Why it could not be.
        reason: String,
    },
    /// What is asked of repositories together cannot be had of them.
    #[error("what is asked for cannot be had: {}", first(.0))]
    NotChosen(
        /// Why, a problem a text.
        Vec<String>,
    ),
    /// A digest that metadata gives does not parse.
    #[error("{file}: {source}")]
    Digest {
        /// The file that gives it.
        file: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// One path stands for two contents.
    #[error("{file}: path {path} is listed as {first} and as {second}")]
    Conflict {
        /// The file that lists it.
        file: String,
        /// The path.
        path: String,
        /// The first listing.
        first: String,
        /// The second.
        second: String,
    },
    /// Upstream's state is older than the published one.
    #[error("{file}: {found}, older than the published one, {published}")]
    Older {
        /// The entry point's URL.
        file: String,
        /// How old it says that it is.
        found: String,
        /// The same of the published one.
        published: String,
    },
    /// Upstream drops most of what is published.
    #[error("upstream drops {dropped} of {total} packages, more than half of what is published")]
    Shrinks {
        /// Packages that it drops.
        dropped: u64,
        /// Packages of the published generation.
        total: u64,
    },
    /// No signature of a file counts.
    #[error("{file}: {source}")]
    Signature {
        /// The signature's URL.
        file: String,
        /// Why.
        source: Fault,
    },
    /// A file is signed by another key than before.
    #[error(
        "{file}: signed by {}, and by {} when it was recorded",
        found.join(", "),
        recorded.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    KeyChanged {
        /// The signature's URL.
        file: String,
        /// Who claims to have signed it.
        found: Vec<String>,
        /// The keys that were recorded.
        recorded: Vec<Fingerprint>,
    },
    /// A file is not signed, or by nobody who is trusted, where it has to be.
    #[error("{file}: {reason}")]
    Untrusted {
        /// The signature's URL.
        file: String,
        /// What was expected and found.
        reason: String,
    },
    /// What the site makes itself cannot be signed.
    #[error("the key {key} {reason}")]
    Sign {
        /// Its fingerprint.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A key file that holds no key.
    #[error("{file}: {reason}")]
    KeyFile {
        /// The file or URL.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that is no upstream's, so that only making it again brings it back.
    #[error("{0}: made here, so no upstream has it; the next sync makes it anew")]
    MadeHere(String),
    /// Nothing to fetch from.
    #[error("{0}: no usable URL")]
    NoUrl(String),
    /// A URL that does not parse or is neither http nor https.
    #[error("{url:?} is no http or https URL: {reason}")]
    BadUrl {
        /// The text, redacted.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The client cannot be made.
    #[error("cannot set up the HTTP client: {0}")]
    Client(Cause),
    /// The certificates to trust cannot be had.
    #[error("{}: {reason}", path.display())]
    Certificates {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What a host is to be asked with is of no use.
    #[error("access to {of}: {reason}")]
    Access {
        /// The host, or what else it is for.
        of: String,
        /// What is wrong, without any secret.
        reason: String,
    },
    /// Another program makes metadata in a folder, or was killed when it did.
    #[error("{}: made by another program, which may be at work here", path.display())]
    ForeignStage {
        /// The folder that it works in.
        path: PathBuf,
    },
    /// What is no folder, where one has to be.
    #[error("{}: is {found}, expected a folder", path.display())]
    NoFolder {
        /// What was named, or the folder of metadata.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A folder of packages that metadata cannot name, for it lies elsewhere.
    #[error("{}: lies outside of the repository {}", folder.display(), repository.display())]
    OutsideOf {
        /// The folder of packages.
        folder: PathBuf,
        /// The folder of the repository.
        repository: PathBuf,
    },
    /// A folder whose metadata is the business of a mirror.
    #[error("{}: belongs to tree {tree} of the mirror at {}", folder.display(), root.display())]
    OfMirror {
        /// The folder.
        folder: PathBuf,
        /// The mirror's root.
        root: PathBuf,
        /// The tree.
        tree: String,
    },
    /// A package that cannot be listed, where all of them have to be.
    #[error("{path}: {reason}")]
    NotListed {
        /// Its path below the repository.
        path: String,
        /// Why.
        reason: String,
    },
    /// Metadata of a folder that cannot be kept beside what is made anew.
    #[error("{file}: the {kind} that is there cannot be kept: {reason}")]
    NotKept {
        /// What `repomd.xml` calls it.
        kind: String,
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The run was cancelled.
    #[error("interrupted")]
    Cancelled,
}

/// What kind of fault it is, for those who want to say what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The server does not have the file.
    NotFound,
    /// The server wants another login, or none will do (401, 403).
    Denied,
    /// The server asks for fewer requests (429).
    TooMany,
    /// Nothing listens at the port.
    Refused,
    /// The host's name has no address.
    UnknownHost,
    /// The proxy cannot be reached, or does not reach the upstream.
    Proxy,
    /// The proxy wants a login (407).
    ProxyLogin,
    /// The certificate's authority is not trusted.
    UnknownAuthority,
    /// The certificate is not good for another reason: expired, of another name, of the wrong kind.
    Certificate,
    /// What answers an https URL speaks no TLS.
    NotTls,
    /// The server wants a client certificate, or another one.
    ClientCertificate,
    /// The server refuses to speak TLS with this client.
    Handshake,
    /// A connection is made, and its TLS handshake comes to no end.
    SilentHandshake,
    /// No advisory is called as it was asked for.
    Advisory,
    /// A selection takes nothing.
    Selection,
    /// No signature of a file counts, or it has none where one is wanted.
    Signature,
    /// The same of a package.
    PackageSignature,
    /// Upstream is older than what is published.
    Older,
    /// Upstream lacks most of what is published.
    Shrinks,
    /// A file of this host's state is not what was written.
    Damaged,
    /// A file of this host cannot be read.
    Unreadable,
    /// There is no room on the disk.
    NoSpace,
    /// Any other.
    #[default]
    Other,
}

impl Error {
    /// The kind of fault.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Shared(error) => error.kind(),
            Self::Status { code: 404 | 410, .. } => Kind::NotFound,
            Self::Status { code: 401 | 403, .. } => Kind::Denied,
            Self::Status { code: 407, .. } => Kind::ProxyLogin,
            Self::Status { code: 429, .. } => Kind::TooMany,
            Self::Transport { kind, .. }
            | Self::Protocol { kind, .. }
            | Self::Proxy { kind, .. } => *kind,
            Self::NoSuchAdvisory { .. } => Kind::Advisory,
            Self::TakesNone { .. } => Kind::Selection,
            Self::Signature { .. } | Self::KeyChanged { .. } | Self::Untrusted { .. } => {
                Kind::Signature
            }
            Self::Older { .. } => Kind::Older,
            Self::Shrinks { .. } | Self::Empties { .. } => Kind::Shrinks,
            Self::Damaged { .. } => Kind::Damaged,
            Self::Io { .. } => Kind::Unreadable,
            Self::NoSpace { .. } | Self::NoInodes { .. } | Self::NoRoom { .. } => Kind::NoSpace,
            _ => Kind::Other,
        }
    }

    /// An [`Error::Io`], for `map_err`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// An [`Error::Metadata`] of `file`.
    pub fn metadata(file: &str, source: impl Into<Cause>) -> Self {
        Self::Metadata { file: file.to_owned(), source: source.into() }
    }

    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Shared(error) => error.is_transient(),
            Self::Status { code, .. } => matches!(code, 408 | 425 | 429 | 500..),
            // A proxy that wants a login wants it the next time too.
            Self::Proxy { kind, .. } => *kind != Kind::ProxyLogin,
            Self::Transport { .. } | Self::Truncated { .. } | Self::Stalled { .. } => true,
            _ => false,
        }
    }

    /// Whether a server says that it does not have what may not be there.
    pub(crate) fn is_absence(&self) -> bool {
        // Object stores answer 403 for what does not exist.
        matches!(self, Self::Status { code: 403 | 404 | 410, .. })
    }

    /// Whether it may come of an upstream that moved on, or of a mirror or cache that is half done: an
    /// answer came, and it is not the file that was listed.
    pub fn is_other_answer(&self) -> bool {
        match self {
            Self::Shared(error) => return error.is_other_answer(),
            Self::LackedBySome(error) => return error.is_other_answer(),
            _ => {}
        }
        matches!(
            self,
            Self::Status { code: ..500, .. }
                | Self::SizeMismatch { .. }
                | Self::DigestMismatch { .. }
                | Self::TooLarge { .. }
                | Self::Protocol { .. }
                | Self::Signature { source: Fault::Tampered { .. }, .. }
        )
    }

    /// Whether a file of this host is damaged or cannot be read: others may be well.
    pub fn is_of_one_file(&self) -> bool {
        if let Self::Shared(error) = self {
            return error.is_of_one_file();
        }
        matches!(self, Self::Damaged { .. } | Self::Io { .. })
    }

    /// Whether it ends the run: a fault of this host, or an interruption. All others are faults of
    /// what was asked for or where, and what has nothing to do with that goes on.
    pub fn ends_the_run(&self) -> bool {
        match self {
            Self::Shared(error) => error.ends_the_run(),
            error => error.is_local() || matches!(error, Self::Cancelled),
        }
    }

    /// Whether the fault is this host's, so that no other file or mirror can do better.
    pub fn is_local(&self) -> bool {
        if let Self::Shared(error) = self {
            return error.is_local();
        }
        matches!(
            self,
            Self::Io { .. }
                | Self::NoSpace { .. }
                | Self::NoInodes { .. }
                | Self::Locked { .. }
                | Self::Damaged { .. }
                | Self::NewerFormat { .. }
                | Self::Client(_)
                | Self::Certificates { .. }
                | Self::Access { .. }
        )
    }
}

fn no_space(needed: u64, free: u64, promised: u64) -> String {
    if promised == 0 {
        return format!("{needed} bytes are needed and {free} are free");
    }
    format!("{needed} bytes are needed, and of {free} that are free {promised} are for other trees")
}

fn no_inodes(needed: u64, free: u64, promised: u64) -> String {
    if promised == 0 {
        return format!("{needed} files are to be made and {free} inodes are free");
    }
    format!(
        "{needed} files are to be made, and of {free} inodes that are free {promised} are for other \
         trees"
    )
}

fn listed_with(size: Option<u64>) -> String {
    size.map_or_else(|| "its size is not listed".to_owned(), |size| format!("listed with {size}"))
}

/// How long somebody was waited for.
fn after(waited: Option<Duration>) -> String {
    waited.map(|time| format!("; waited {} s for it", time.as_secs())).unwrap_or_default()
}

fn no_such_group(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("no tree and no group {name} is published here"),
        None => "there are several groups".to_owned(),
    }
}

/// The targets that have no solution.
fn those(unsolved: usize, targets: usize, first: &str) -> String {
    match (unsolved, targets) {
        (_, 1) => first.to_owned(),
        (1, _) => format!("1 of {targets} targets, {first}"),
        _ => format!("{unsolved} of {targets} targets"),
    }
}

/// The first of some problems.
fn first(problems: &[String]) -> String {
    match problems {
        [] => String::new(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one}, and {} more", rest.len()),
    }
}

fn sets_there(known: &[String]) -> String {
    if known.is_empty() { "and none at all".into() } else { format!("it has {}", known.join(", ")) }
}

/// The URL without what must not be shown: user, password, query values and fragment.
pub fn redact(url: &Url) -> String {
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !has_user && url.query().is_none() && url.fragment().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    // Both refuse only URLs without a host, which have neither.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    if shown.query().is_some() {
        shown.set_query(Some("…"));
    }
    shown.set_fragment(None);
    shown.to_string().replace("%E2%80%A6", "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_credentials() {
        let url = Url::parse("https://me:secret@h.example/a/b?token=secret#x").unwrap();
        assert_eq!(redact(&url), "https://h.example/a/b?…");
        for text in ["https://h.example/a/b", "https://h.example/a/b#secret"] {
            assert_eq!(redact(&Url::parse(text).unwrap()), "https://h.example/a/b");
        }
    }
}
