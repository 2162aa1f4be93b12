//! From `repomd.xml` to a manifest.

use std::collections::HashSet;
use std::io::BufReader;
use std::sync::Arc;

use futures::future::try_join;
use url::Url;

use super::judge::{Judge, SIGNATURE};
use super::selection::Candidate;
use super::{Location, RpmSource, age};
use crate::digest::Digest;
use crate::error::{Error, Result, redact};
use crate::fetch::{Need, Request};
use crate::format::compression::{decoder, read_ahead};
use crate::format::rpm::nevra::Evr;
use crate::format::rpm::primary::{PackageRef, read_packages};
use crate::format::rpm::repomd::{Record, Repomd};
use crate::format::rpm::{FormatError, excerpt};
use crate::limits;
use crate::manifest::{Entry, Manifest, Origin, Remote, Role};
use crate::part::Expected;
use crate::path::RepoPath;
use crate::signature::Judgement;
use crate::source::{Context, Resolution, Stored};

const REPOMD: &str = "repodata/repomd.xml";

/// The key that may lie beside it, and belongs to it as its signature does.
const KEY: &str = "repodata/repomd.xml.key";

/// How often upstream may be found changed while it is read.
const MOVES: usize = 5;

/// How many mirrors are passed over because they hold an older state than the published one.
const LAGGING: usize = 4;

/// The signature, as far as it was asked for before `repomd.xml` was read.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// It was not.
    No,
    /// This is what upstream has.
    Asked(Option<Stored>),
}

/// A repository being resolved.
pub(super) struct Resolving<'a> {
    pub(super) source: &'a RpmSource,
    pub(super) context: &'a Context<'a>,
    pub(super) bases: Arc<[Url]>,
    /// What a metalink says that `repomd.xml` is, the newest state first.
    states: Vec<Expected>,
    /// `repomd.xml`, once it is read.
    repomd: Option<Stored>,
    entries: Vec<Entry>,
}

impl<'a> Resolving<'a> {
    pub(super) async fn begin(source: &'a RpmSource, context: &'a Context<'a>) -> Result<Self> {
        let (bases, states, entries) = (Arc::new([]), Vec::new(), Vec::new());
        let mut resolving = Self { source, context, bases, states, repomd: None, entries };
        resolving.locate().await?;
        Ok(resolving)
    }

    /// Learns where the repository is.
    async fn locate(&mut self) -> Result<()> {
        let context = self.context;
        let bases = match &self.source.location {
            Location::Bases(urls) => urls.clone(),
            Location::MirrorList(url) => super::location::mirror_list(context, url).await?,
            Location::Metalink(url) => {
                let linked = super::location::metalink(context, url).await?;
                self.states = linked.states;
                linked.bases
            }
        };
        if bases.is_empty() {
            return Err(Error::NoUrl(context.tree().to_owned()));
        }
        self.bases = bases.into();
        Ok(())
    }

    /// Resolves until the files are those of one state: upstream may move on while they are fetched,
    /// and what looks like a fault is then a mixture of two.
    pub(super) async fn settle(mut self) -> Result<Resolution> {
        let (mut moves, mut again) = (0, true);
        let mut older = Vec::new();
        loop {
            let error = match self.resolve().await {
                Err(error @ Error::Older { .. }) if self.has_another(older.len()) => {
                    self.context.warn(format!("{error}; another mirror is asked"));
                    older.push(error);
                    self.bases = self.bases[1..].into();
                    self.repomd = None;
                    continue;
                }
                // The others have nothing better, so what the first one said counts.
                Err(error) if !older.is_empty() && !error.is_local() => {
                    return Err(older.swap_remove(0));
                }
                Err(error) if !error.is_local() && !error.is_transient() => error,
                result => return result,
            };
            let before = self.repomd.take();
            if self.locate().await.is_err() || self.pin().await.is_err() {
                return Err(error);
            }
            if before != self.repomd {
                moves += 1;
                if moves >= MOVES {
                    let (file, source) = (self.url(REPOMD), Box::new(error));
                    return Err(Error::Moving { file, times: moves, source });
                }
            } else if !std::mem::take(&mut again) || !error.is_other_answer() {
                return Err(error);
            }
        }
    }

    /// Whether a mirror can be asked that may be up to date where the first one is not. What a
    /// metalink says of the newest state holds for all of them.
    fn has_another(&self, passed_over: usize) -> bool {
        self.bases.len() > 1 && self.states.is_empty() && passed_over < LAGGING
    }

    async fn resolve(&mut self) -> Result<Resolution> {
        self.entries.clear();
        let repomd = match self.repomd {
            Some(repomd) => repomd,
            None => self.pin().await?,
        };
        let previous = self.context.previous().and_then(|previous| previous.get(REPOMD));
        let mut seen = Seen::No;
        let is_same = previous.is_some_and(|previous| previous.sha256 == repomd.sha256);
        if is_same && self.is_judged_alike() {
            seen = self.signature_if_checked().await?;
            if self.is_same_signature(seen) {
                return Ok(Resolution::Unchanged);
            }
        }
        self.stored(REPOMD, repomd, Role::EntryPoint)?;
        let judgement = self.judge(&repomd, seen).await?;
        let file = self.context.open(&repomd.sha256)?;
        let url = self.url(REPOMD);
        let parsed =
            Repomd::read(BufReader::new(file)).map_err(|error| Error::metadata(&url, error))?;
        self.refuse_older(&url, &parsed)?;
        let primary = self.list_metadata(&parsed)?;
        self.list_packages(&primary).await?;
        if self.source.treeinfo {
            self.list_tree().await?;
        }
        let manifest = Manifest::new(std::mem::take(&mut self.entries), &url)?;
        let manifest = manifest.judged(judgement).switching(path(&url, "repodata")?);
        Ok(Resolution::Manifest(manifest))
    }

    /// Fetches `repomd.xml`: the state of the repository that all else is held to.
    ///
    /// Where a metalink says what it is, mirrors that hold another one are passed over, and an older
    /// state is taken only where none has the newest. The mirror that gave it is the first to be
    /// asked for the rest.
    async fn pin(&mut self) -> Result<Stored> {
        let repomd = self.pin_newest().await?;
        self.repomd = Some(repomd);
        Ok(repomd)
    }

    async fn pin_newest(&mut self) -> Result<Stored> {
        let newest = self.states.first().copied().unwrap_or_default();
        let error = match self.pin_state(newest).await {
            Err(error) if !error.is_local() => error,
            other => return other,
        };
        for number in 1..self.states.len() {
            match self.pin_state(self.states[number]).await {
                Ok(stored) => {
                    self.context.warn(format!(
                        "no mirror has the newest state that the metalink names, so an older one is \
                         taken: {error}"
                    ));
                    return Ok(stored);
                }
                Err(error) if error.is_local() => return Err(error),
                Err(_) => {}
            }
        }
        Err(error)
    }

    async fn pin_state(&mut self, expected: Expected) -> Result<Stored> {
        let (name, urls, limit) = (REPOMD, self.urls(REPOMD)?, limits::REPOMD_SIZE);
        let request = Request { name, urls, expected, limit, need: Need::Required };
        let (stored, from) = self.context.fetch_from(request).await?;
        if let Some(from) = from.filter(|from| *from > 0) {
            let mut bases = self.bases.to_vec();
            bases[..=from].rotate_right(1);
            self.bases = bases.into();
        }
        Ok(stored)
    }

    /// Refuses a state older than the published one.
    fn refuse_older(&self, url: &str, new: &Repomd) -> Result<()> {
        let published = self.context.published().and_then(|published| published.get(REPOMD));
        let Some(published) = published.filter(|_| !self.context.allows_older()) else {
            return Ok(());
        };
        // Where it was lost or is none, there is nothing to compare with.
        let Ok(file) = self.context.open(&published.sha256) else { return Ok(()) };
        let Ok(published) = Repomd::read(BufReader::new(file)) else { return Ok(()) };
        if !age::is_older(new, &published) {
            return Ok(());
        }
        let (found, published) = (age::describe(new), age::describe(&published));
        Err(Error::Older { file: url.to_owned(), found, published })
    }

    /// The signature, if the published one was checked: it may have changed beside an unchanged
    /// `repomd.xml`, which then is to be judged and published anew.
    async fn signature_if_checked(&self) -> Result<Seen> {
        let previous = self.context.previous().and_then(|previous| previous.signature.as_ref());
        if previous.is_some_and(|previous| previous.verdict.is_good()) {
            return self.fetch_small(SIGNATURE).await.map(Seen::Asked);
        }
        Ok(Seen::No)
    }

    /// Whether the signature is the published one. A missing one is: what is published beside the
    /// same `repomd.xml` is good.
    fn is_same_signature(&self, seen: Seen) -> bool {
        let Seen::Asked(Some(seen)) = seen else { return true };
        let previous = self.context.previous().and_then(|previous| previous.get(SIGNATURE));
        previous.is_some_and(|previous| previous.sha256 == seen.sha256)
    }

    /// Whether the published signature was judged by the settings of now.
    fn is_judged_alike(&self) -> bool {
        let previous = self.context.previous().and_then(|previous| previous.signature.as_ref());
        previous.is_some_and(|previous| previous.under == self.source.trust.to_string())
    }

    /// Fetches the signature and the key where upstream has them, and judges them. They are part of
    /// the state that is mirrored, but for a key that nobody vouches for. `seen` is the signature
    /// where it was asked for already.
    async fn judge(&mut self, repomd: &Stored, seen: Seen) -> Result<Judgement> {
        let this = &*self;
        let signature = async {
            match seen {
                Seen::Asked(signature) => Ok(signature),
                Seen::No => this.fetch_small(SIGNATURE).await,
            }
        };
        let (signature, key) = try_join(signature, this.fetch_small(KEY)).await?;
        let judge = Judge {
            trust: &self.source.trust,
            context: self.context,
            signature_url: self.url(SIGNATURE),
            key_url: self.url(KEY),
            #[cfg(feature = "signatures")]
            named: tokio::sync::OnceCell::new(),
        };
        let judgement = judge.judge(repomd, [signature.as_ref(), key.as_ref()]).await?;
        self.source.bench.seat(judge.jury(&judgement, key.as_ref()).await?);
        let key = match key {
            Some(key) if judge.may_publish(&key, &judgement)? => Some(key),
            _ => None,
        };
        for (name, found) in [(SIGNATURE, signature), (KEY, key)] {
            if let Some(found) = found {
                self.stored(name, found, Role::EntryPoint)?;
            }
        }
        Ok(judgement)
    }

    /// A file beside `repomd.xml` that upstream may not have.
    async fn fetch_small(&self, name: &str) -> Result<Option<Stored>> {
        let (urls, limit) = (self.urls(name)?, limits::SIGNATURE_SIZE);
        self.context.fetch_optional(name, urls, Expected::default(), limit).await
    }

    /// Everything that `repomd.xml` lists, whatever its kind. Returns the record of the packages.
    fn list_metadata(&mut self, repomd: &Repomd) -> Result<Record> {
        let url = self.url(REPOMD);
        let refused = |reason: String| Error::Metadata { file: url.clone(), source: reason.into() };
        for record in &repomd.records {
            let kind = excerpt(&record.kind);
            if let Some(base) = &record.base {
                let base = excerpt(base);
                return Err(refused(format!(
                    "{kind} lies at another place (xml:base {base:?}), which needs generated metadata"
                )));
            }
            let Some(digest) = record.checksum else {
                return Err(refused(format!("{kind} has no checksum")));
            };
            let path = path(&url, &record.href)?;
            // Clients crash on anything else.
            if path.parent().is_none_or(|parent| parent.as_str() != "repodata") {
                return Err(refused(format!(
                    "{kind} lies at {:?}, expected a file directly in repodata/",
                    excerpt(&record.href)
                )));
            }
            if [REPOMD, SIGNATURE, KEY].contains(&path.as_str()) {
                return Err(refused(format!("{kind} takes the name of {path}")));
            }
            if record.size.is_some_and(|size| size > limits::METADATA_SIZE) {
                return Err(refused(format!("{kind} is said to have over 8 GiB")));
            }
            self.entries.push(Entry {
                path,
                size: record.size,
                digest: Some(digest),
                origin: Origin::Remote(Remote::new(Arc::clone(&self.bases))),
                role: Role::Metadata,
                subject: None,
                unverified: None,
            });
        }
        let primary = repomd.record("primary").cloned();
        primary.ok_or_else(|| refused("no primary metadata is listed".into()))
    }

    async fn list_packages(&mut self, primary: &Record) -> Result<()> {
        let url = self.url(&primary.href);
        let expected = Expected { size: primary.size, digest: primary.checksum };
        let limit = limits::metadata_size(primary.size);
        let stored = self.fetch(&primary.href, expected, limit).await?;
        let file = self.context.open(&stored.sha256)?;
        let reader = Packages {
            url: url.clone(),
            bases: Arc::clone(&self.bases),
            candidates: (!self.source.selection.is_everything()).then(Vec::new),
            entries: Vec::new(),
            names: 0,
        };
        let parsing = tokio::task::spawn_blocking(move || {
            let mut reader = reader;
            let opened =
                decoder(BufReader::with_capacity(256 << 10, file), limits::METADATA_OPEN_SIZE)
                    .map_err(|error| Error::metadata(&reader.url, FormatError::from(error)))?;
            let summary =
                read_ahead(opened, |ahead| read_packages(ahead, |package| reader.take(&package)));
            summary.map(|summary| (reader, summary)).map_err(|Stop(stop)| match stop {
                Ok(error) => error,
                Err(error) => Error::metadata(&url, error),
            })
        });
        let (reader, summary) = parsing.await.map_err(|error| Error::Client(error.into()))??;
        let url = reader.url;
        if let Some(declared) = summary.declared.filter(|declared| *declared != summary.packages) {
            self.context
                .warn(format!("{url}: says {declared} packages, lists {}", summary.packages));
        }
        if let Some(candidates) = reader.candidates {
            let taken = self.source.selection.takes(&candidates);
            let dropped = taken.iter().filter(|taken| !**taken).count();
            if dropped > 0 {
                return Err(Error::NeedsIndex { dropped, total: taken.len() });
            }
        }
        self.entries.extend(reader.entries);
        Ok(())
    }

    pub(super) fn urls(&self, name: &str) -> Result<Vec<Url>> {
        let path = path(&self.url(REPOMD), name)?;
        Ok(Remote::new(Arc::clone(&self.bases)).urls(&path))
    }

    /// The URL of a file at the first mirror, for messages.
    pub(super) fn url(&self, name: &str) -> String {
        let Some(base) = self.bases.first() else { return name.to_owned() };
        let mut folder = base.clone();
        folder.set_query(None);
        let query = if base.query().is_some() { "?…" } else { "" };
        format!("{}/{name}{query}", redact(&folder).trim_end_matches('/'))
    }

    pub(super) async fn fetch(&self, name: &str, expected: Expected, limit: u64) -> Result<Stored> {
        self.context.fetch(name, self.urls(name)?, expected, limit).await
    }

    /// Adds an entry for a file that is stored.
    pub(super) fn stored(&mut self, name: &str, stored: Stored, role: Role) -> Result<()> {
        let remote = Some(Remote::new(Arc::clone(&self.bases)));
        self.entries.push(Entry {
            path: path(&self.url(REPOMD), name)?,
            size: Some(stored.size),
            digest: Some(stored.sha256.into()),
            origin: Origin::Stored { sha256: stored.sha256, remote },
            role,
            subject: None,
            unverified: None,
        });
        Ok(())
    }

    /// The paths of all entries so far.
    pub(super) fn paths(&self) -> HashSet<RepoPath> {
        self.entries.iter().map(|entry| entry.path.clone()).collect()
    }

    /// Adds an entry for a file to fetch.
    pub(super) fn wanted(&mut self, path: RepoPath, digest: Option<Digest>) {
        let unverified = digest.is_none().then(|| "upstream lists no checksum for it".into());
        self.entries.push(Entry {
            path,
            size: None,
            digest,
            origin: Origin::Remote(Remote::new(Arc::clone(&self.bases))),
            role: Role::Metadata,
            subject: None,
            unverified,
        });
    }
}

/// Collects the packages that primary metadata lists.
struct Packages {
    url: String,
    bases: Arc<[Url]>,
    candidates: Option<Vec<Candidate>>,
    entries: Vec<Entry>,
    /// Bytes that the entries' paths and subjects take.
    names: usize,
}

/// What ends the reading of packages: an error of ours, or one of the format.
struct Stop(Result<Error, FormatError>);

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        Self(Err(error))
    }
}

impl Packages {
    fn take(&mut self, package: &PackageRef<'_>) -> Result<(), Stop> {
        let refused = |reason: String| {
            Stop(Ok(Error::Metadata { file: self.url.clone(), source: reason.into() }))
        };
        let name = || excerpt(package.name);
        let fields = [package.name, package.arch, package.epoch, package.version, package.release];
        if let Some(field) = fields.iter().find(|field| field.len() > limits::PACKAGE_FIELD) {
            return Err(refused(format!(
                "package {} has {} bytes as its name, version or architecture, expected at most {}",
                name(),
                field.len(),
                limits::PACKAGE_FIELD
            )));
        }
        if let Some(base) = package.base {
            return Err(refused(format!(
                "package {} lies at another place (xml:base {:?}), which needs generated metadata",
                name(),
                excerpt(base)
            )));
        }
        let path = self::path(&self.url, package.href).map_err(|error| Stop(Ok(error)))?;
        let subject = format!("{}.{}", package.name, package.arch);
        self.names = self.names.saturating_add(path.as_str().len() + subject.len());
        if self.names > limits::MANIFEST_NAMES {
            return Err(refused(format!(
                "the names of its packages and of their files take over {} bytes, the bound for a \
                 repository",
                limits::MANIFEST_NAMES
            )));
        }
        if path.as_str().split('/').next() == Some("repodata") {
            return Err(refused(format!("package {} lies in repodata/ ({path})", name())));
        }
        if package.size.is_some_and(|size| size > limits::PAYLOAD_SIZE) {
            return Err(refused(format!("package {} is said to have over 1 TiB", name())));
        }
        self.entries.push(Entry {
            path,
            size: package.size,
            digest: Some(package.checksum),
            origin: Origin::Remote(Remote::new(Arc::clone(&self.bases))),
            role: Role::Payload,
            subject: Some(subject.into()),
            unverified: None,
        });
        if let Some(candidates) = &mut self.candidates {
            candidates.push(Candidate {
                name: package.name.to_owned(),
                arch: package.arch.to_owned(),
                evr: Evr::new(package.epoch, package.version, package.release),
            });
        }
        Ok(())
    }
}

/// The path that `file` gives. `./` before it says nothing, and some tools write it.
pub(super) fn path(file: &str, href: &str) -> Result<RepoPath> {
    let plain = href.strip_prefix("./").unwrap_or(href);
    RepoPath::new(plain).map_err(|source| Error::Path { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    #[test]
    fn the_names_of_a_repository_are_bounded() {
        let names = limits::MANIFEST_NAMES - 40;
        let (bases, entries) = (Arc::new([]), Vec::new());
        let mut packages =
            Packages { url: "primary.xml".into(), bases, candidates: None, entries, names };
        let mut take = |href| {
            let package = PackageRef {
                name: "bash",
                arch: "noarch",
                epoch: "",
                version: "1",
                release: "1",
                checksum: Sha256::of(b"bash").into(),
                href,
                base: None,
                size: None,
                build_time: None,
            };
            packages.take(&package)
        };
        // With `bash.noarch` some thirty bytes.
        assert!(take("a/bash-1-1.noarch.rpm").is_ok());
        let Err(Stop(Ok(error))) = take("b/bash-1-1.noarch.rpm") else { panic!("not bounded") };
        assert_eq!(
            error.to_string(),
            "primary.xml: the names of its packages and of their files take over 268435456 bytes, \
             the bound for a repository"
        );
    }
}
