//! From `repomd.xml` to a manifest.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::BufReader;
use std::sync::Arc;

use futures::future::try_join;
use url::Url;

use super::advisories::{Named, among};
use super::judge::{Judge, SIGNATURE};
use super::layout::Layout;
use super::packages::{self, path};
use super::regenerate::Left;
use super::together::Choice;
use super::{Location, RpmSource, age, records};
use crate::digest::{Digest, Sha256};
use crate::error::{Error, Result, redact};
use crate::fetch::{Need, Request};
use crate::format::compression::decoder;
use crate::format::rpm::FormatError;
use crate::format::rpm::modules::{Membership, Modules};
use crate::format::rpm::nevra::Nevra;
use crate::format::rpm::repomd::Repomd;
use crate::limits;
use crate::manifest::{Entry, MadeFrom, Manifest, Origin, Remote, Role};
use crate::part::Expected;
use crate::path::RepoPath;
use crate::signature::Judgement;
use crate::source::{Context, Resolution, Selected, Stored};

pub(super) use super::contents::REPOMD;

/// The key that may lie beside it, and belongs to it as its signature does.
pub(super) const KEY: &str = "repodata/repomd.xml.key";

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
    pub(super) entries: Vec<Entry>,
    /// Packages to do without, and what was said of each when it was asked for.
    pub(super) missing: BTreeMap<RepoPath, String>,
}

/// What lies beside `repomd.xml`, judged.
struct Beside {
    judgement: Judgement,
    signature: Option<Stored>,
    /// The key, where it may be published.
    key: Option<Stored>,
}

impl<'a> Resolving<'a> {
    pub(super) async fn begin(
        source: &'a RpmSource,
        context: &'a Context<'a>,
        missing: BTreeMap<RepoPath, String>,
    ) -> Result<Self> {
        let (bases, states, entries) = (Arc::new([]), Vec::new(), Vec::new());
        let mut resolving = Self { source, context, bases, states, repomd: None, entries, missing };
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
            None => self.pin_unless(self.known()).await?,
        };
        let (mut seen, mut is_same) = (Seen::No, false);
        if self.is_same(&repomd) && self.is_judged_alike() {
            seen = self.signature_if_checked().await?;
            is_same = self.is_same_signature(seen) && self.lacks_the_same().await?;
        }
        if self.is_same_for_all(&repomd, is_same).await? {
            return Ok(Resolution::Unchanged);
        }
        if self.known() == Some(repomd.sha256) {
            // What was known was not stored again.
            seen = Seen::No;
            self.pin().await?;
        }
        self.make_manifest(seen).await.map(Resolution::Manifest)
    }

    /// Upstream's `repomd.xml` that the published tree was made from, where it has another.
    fn known(&self) -> Option<Sha256> {
        let made_from = self.context.previous()?.made_from.as_ref()?;
        Some(made_from.entry_point)
    }

    /// Whether the tree is published by this `repomd.xml`.
    fn is_same(&self, repomd: &Stored) -> bool {
        let published = self.context.previous().and_then(|previous| previous.get(REPOMD));
        let published = self.known().or(published.map(|published| published.sha256));
        published == Some(repomd.sha256)
    }

    async fn make_manifest(&mut self, seen: Seen) -> Result<Manifest> {
        let repomd = match self.repomd {
            Some(repomd) => repomd,
            None => self.pin().await?,
        };
        let beside = self.judge(&repomd, seen).await?;
        let file = self.context.open(&repomd.sha256)?;
        let url = self.url(REPOMD);
        let parsed =
            Repomd::read(BufReader::new(file)).map_err(|error| Error::metadata(&url, error))?;
        self.refuse_older(&url, &parsed)?;
        let mut layout = Layout::new(Arc::clone(&self.bases));
        let files = records::list(&url, &parsed, &mut layout)?;
        let (primary, listed) = self.list_packages(&files).await?;
        let streams = self.streams(&files).await?;
        let named = self.builds_named(&files).await?;
        let builds = named.as_ref().map(|named| &named.builds);
        let selected = self.select(&listed, &streams, builds);
        let of = (primary, &listed);
        let Choice { taken, lacking, chosen_for } =
            self.choose(&repomd, &files, of, selected).await?;
        self.tell_selected(&listed, &taken, named);
        let dropped = taken.iter().filter(|taken| !**taken).count();
        let is_whole = dropped == 0 && listed.moved.is_empty();
        let is_made = if is_whole && !files.iter().any(|file| file.is_moved) {
            self.stored(REPOMD, repomd, Role::EntryPoint)?;
            for (name, found) in [(SIGNATURE, beside.signature), (KEY, beside.key)] {
                if let Some(found) = found {
                    self.stored(name, found, Role::EntryPoint)?;
                }
            }
            self.entries.extend(files.iter().map(records::Listed::entry));
            false
        } else {
            let left = Left::new(&listed, &taken);
            self.regenerate(&parsed, &files, primary, left).await?;
            let read = [Some(repomd), Some(primary), beside.signature, beside.key];
            for read in read.into_iter().flatten() {
                self.context.let_go(read.sha256);
            }
            true
        };
        let chosen = listed.entries.into_iter().zip(taken).filter(|(_, taken)| *taken);
        self.entries.extend(chosen.map(|(entry, _)| entry));
        if self.source.treeinfo {
            self.list_tree(is_made).await?;
        }
        let manifest = Manifest::new(std::mem::take(&mut self.entries), &url)?;
        let manifest = manifest.judged(beside.judgement).switching(path(&url, "repodata")?);
        if !is_made && chosen_for.is_none() {
            return Ok(manifest);
        }
        let signature = beside.signature.map(|signature| signature.sha256);
        let entry_point = repomd.sha256;
        Ok(manifest.made_from(MadeFrom { entry_point, signature, lacking, chosen_for }))
    }

    /// Fetches `repomd.xml`: the state of the repository that all else is held to.
    ///
    /// Where a metalink says what it is, mirrors that hold another one are passed over, and an older
    /// state is taken only where none has the newest. The mirror that gave it is the first to be
    /// asked for the rest.
    async fn pin(&mut self) -> Result<Stored> {
        self.pin_unless(None).await
    }

    /// The same; where it is the one that is `known`, it is not stored.
    async fn pin_unless(&mut self, known: Option<Sha256>) -> Result<Stored> {
        let repomd = self.pin_newest(known).await?;
        self.repomd = Some(repomd);
        Ok(repomd)
    }

    async fn pin_newest(&mut self, known: Option<Sha256>) -> Result<Stored> {
        let newest = self.states.first().copied().unwrap_or_default();
        let error = match self.pin_state(newest, known).await {
            Err(error) if !error.is_local() => error,
            other => return other,
        };
        for number in 1..self.states.len() {
            match self.pin_state(self.states[number], known).await {
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

    async fn pin_state(&mut self, expected: Expected, known: Option<Sha256>) -> Result<Stored> {
        let (name, urls, limit) = (REPOMD, self.urls(REPOMD)?, limits::REPOMD_SIZE);
        let request = Request { name, urls, expected, limit, need: Need::Required };
        let (stored, from) = match known {
            Some(known) => self.context.fetch_unless(request, known).await?,
            None => self.context.fetch_from(request).await?,
        };
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
        if !previous.is_some_and(|previous| previous.verdict.is_good()) {
            return Ok(Seen::No);
        }
        let made_from = self.context.previous().and_then(|previous| previous.made_from.as_ref());
        match made_from.and_then(|made_from| made_from.signature) {
            Some(known) => self.fetch_small_unless(SIGNATURE, known).await.map(Seen::Asked),
            None => self.fetch_small(SIGNATURE).await.map(Seen::Asked),
        }
    }

    /// Whether the signature is the published one. A missing one is: what is published beside the
    /// same `repomd.xml` is good.
    fn is_same_signature(&self, seen: Seen) -> bool {
        let Seen::Asked(Some(seen)) = seen else { return true };
        let Some(previous) = self.context.previous() else { return false };
        let published = match &previous.made_from {
            Some(made_from) => made_from.signature,
            None => previous.get(SIGNATURE).map(|published| published.sha256),
        };
        published == Some(seen.sha256)
    }

    /// Whether the published signature was judged by the settings of now.
    fn is_judged_alike(&self) -> bool {
        let previous = self.context.previous().and_then(|previous| previous.signature.as_ref());
        previous.is_some_and(|previous| previous.under == self.source.trust.to_string())
    }

    /// Fetches the signature and the key where upstream has them, and judges them. They are part of
    /// the state that is mirrored, but for a key that nobody vouches for. `seen` is the signature
    /// where it was asked for already.
    async fn judge(&self, repomd: &Stored, seen: Seen) -> Result<Beside> {
        let signature = async {
            match seen {
                Seen::Asked(signature) => Ok(signature),
                Seen::No => self.fetch_small(SIGNATURE).await,
            }
        };
        let (signature, key) = try_join(signature, self.fetch_small(KEY)).await?;
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
        Ok(Beside { judgement, signature, key })
    }

    /// A file beside `repomd.xml` that upstream may not have.
    async fn fetch_small(&self, name: &str) -> Result<Option<Stored>> {
        let (urls, limit) = (self.urls(name)?, limits::SIGNATURE_SIZE);
        self.context.fetch_optional(name, urls, Expected::default(), limit).await
    }

    /// The same; where it is the one that is `known`, it is not stored.
    async fn fetch_small_unless(&self, name: &str, known: Sha256) -> Result<Option<Stored>> {
        let (urls, limit, expected) =
            (self.urls(name)?, limits::SIGNATURE_SIZE, Expected::default());
        let request = Request { name, urls, expected, limit, need: Need::Optional };
        match self.context.fetch_unless(request, known).await {
            Ok((stored, _)) => Ok(Some(stored)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The packages that primary metadata lists, and that itself.
    async fn list_packages(&self, files: &[records::Listed]) -> Result<(Stored, packages::Listed)> {
        let primary = files.iter().find(|file| file.record.kind == "primary");
        let primary = primary.ok_or_else(|| Error::NoUrl(self.url(REPOMD)))?;
        let name = &primary.record.href;
        let url = self.url(name);
        let expected = Expected { size: primary.record.size, digest: Some(primary.digest) };
        let limit = limits::metadata_size(primary.record.size);
        let urls = primary.remote.urls(&primary.path);
        let stored = self.context.fetch(name, urls, expected, limit).await?;
        let file = self.context.open(&stored.sha256)?;
        let (said, bases) = (url.clone(), Arc::clone(&self.bases));
        let is_selected = !self.source.selection.is_everything();
        let reading =
            tokio::task::spawn_blocking(move || packages::read(file, &said, bases, is_selected));
        let listed = reading.await.map_err(|error| Error::Client(error.into()))??;
        let summary = listed.summary;
        if let Some(declared) = summary.declared.filter(|declared| *declared != summary.packages) {
            self.context
                .warn(format!("{url}: says {declared} packages, lists {}", summary.packages));
        }
        Ok((stored, listed))
    }

    /// Which packages are of streams of modules, where that matters to what is selected.
    ///
    /// Where that cannot be known nothing is: the newest package of one stream would take the place of
    /// those of the others.
    async fn streams(&self, files: &[records::Listed]) -> Result<Membership> {
        let modules = files.iter().find(|file| file.record.kind == "modules");
        let Some(modules) = modules.filter(|_| self.source.selection.newest_only.is_some()) else {
            return Ok(Membership::default());
        };
        let stored = self.fetch_listed(modules).await?;
        let (url, file) = (self.url(&modules.record.href), self.context.open(&stored.sha256)?);
        let reading = tokio::task::spawn_blocking(move || {
            let opened = decoder(BufReader::new(file), limits::METADATA_OPEN_SIZE);
            let opened = opened.map_err(FormatError::from);
            let modules = opened.and_then(Modules::read);
            let modules = modules.map_err(|error| Error::metadata(&url, error))?;
            modules.membership().map_err(|error| Error::metadata(&url, error))
        });
        reading.await.map_err(|error| Error::Client(error.into()))?
    }

    /// For each package whether it is selected.
    fn select(
        &self,
        listed: &packages::Listed,
        streams: &Membership,
        named: Option<&BTreeSet<Nevra>>,
    ) -> Vec<bool> {
        let selected = |candidates: &[Nevra]| self.source.selection.takes(candidates, streams);
        match (&listed.candidates, named) {
            (Some(candidates), None) => selected(candidates),
            (Some(candidates), Some(named)) => among(candidates, named, selected),
            (None, _) => vec![true; listed.entries.len()],
        }
    }

    /// Says what the selection found, where there is one.
    fn tell_selected(&self, listed: &packages::Listed, taken: &[bool], named: Option<Named>) {
        let selection = &self.source.selection;
        if selection.is_everything() && self.source.seat.is_none() {
            return;
        }
        self.context.tell_selected(Selected {
            listed: listed.entries.len() as u64,
            taken: taken.iter().filter(|taken| **taken).count() as u64,
            patterns: selection.fitting(listed.candidates.as_deref().unwrap_or_default()),
            advisories: named.map(|named| named.found),
        });
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
