//! Metadata of files: what they need.
//!
//! Of a wheel it is offered beside the file (PEP 658), or is read out of the archive by range
//! requests, or else out of the whole file. A source distribution is read as a whole. What was
//! fetched whole is in the store, and not fetched again where it is chosen; else it goes at the end of
//! the run, and what was read of it stays in the cache.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use url::{Origin, Url};

use super::found::{Found, is_vouched_for};
use super::pages::blocking;
use crate::digest::Digest;
use crate::error::{Cause, Error, Result, redact};
use crate::fetch::{Content, Piece, Question};
use crate::format::pypi::filename::{DistFilename, is_wheel};
use crate::format::pypi::input::Location;
use crate::format::pypi::metadata::Metadata;
use crate::format::pypi::page::CoreMetadata;
use crate::format::pypi::page::write::FILES;
use crate::format::pypi::sdist::{Origin as Source, Sdist};
use crate::format::pypi::zip::{Directory, Step, TAIL, Window, is_metadata};
use crate::format::pypi::{PackageName, Version};
use crate::limits;
use crate::part::Expected;
use crate::resolve::pypi::Described;
use crate::source::pypi::read;
use crate::source::{Context, Stored};

/// What is known of the hosts that have the files.
pub(super) type Hosts = Mutex<HashMap<Origin, Host>>;

/// What is known of a host.
#[derive(Default)]
pub(super) struct Host {
    /// It answers no range requests: its files are fetched whole at once.
    is_whole_only: bool,
    /// It gave something.
    gives: bool,
    /// Files that it refused to give.
    refused: usize,
}

/// Files that a host may refuse before it has given any: then it is no matter of single files, but of
/// a login or of whom it answers at all.
const REFUSED: usize = 8;

/// The version of the rules by which files are judged: with others, what was kept may be wrong.
const RULES: u32 = 1;

/// What a file's metadata says; of a source distribution also what it is made of.
pub(super) async fn read(
    context: &Context<'_>,
    hosts: &Hosts,
    found: &Arc<Found>,
    at: usize,
) -> Result<(Described, Option<FromSdist>)> {
    let filename = &found.file(at).filename;
    let unusable = |why: String| Ok((Described::Unusable(why), None));
    let location = match found.location(at) {
        Ok(location) => location,
        Err(why) => return unusable(why),
    };
    let version = match DistFilename::parse(filename, &found.project.name) {
        Ok(Some(parsed)) => parsed.version().clone(),
        Ok(None) => return unusable(format!("{filename} is no wheel or source distribution")),
        Err(error) => return unusable(error.to_string()),
    };
    let name = found.project.name.clone();
    let reading = Reading { context, hosts, found, at, location, name, version };
    if is_wheel(filename) {
        let described = match reading.wheel().await? {
            Ok(metadata) => Described::As(Arc::new(metadata)),
            Err(why) => Described::Unusable(format!("{filename} {why}")),
        };
        return Ok((described, None));
    }
    match reading.sdist().await? {
        Ok((metadata, sdist)) => Ok((Described::As(Arc::new(metadata)), Some(sdist))),
        Err(why) => unusable(format!("{filename} {why}")),
    }
}

/// What a source distribution says of itself.
#[derive(Debug)]
pub(in crate::source::pypi) struct FromSdist {
    pub(in crate::source::pypi) sdist: Sdist,
    /// Whether a build cannot find that it needs something else.
    pub(in crate::source::pypi) is_certain: bool,
}

impl FromSdist {
    /// About how many bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        let Sdist { pkg_info, pyproject, requires_txt, setup_cfg, setup_py } = &self.sdist;
        let texts = [pyproject, requires_txt, setup_cfg, setup_py];
        let texts = texts.map(|text| text.as_ref().map_or(0, String::len));
        size_of::<Self>() + pkg_info.as_ref().map_or(0, Vec::len) + texts.iter().sum::<usize>()
    }
}

/// Under what a wheel's metadata is kept.
pub(in crate::source::pypi) fn kept_under(
    found: &Found,
    at: usize,
    version: &Version,
) -> Option<String> {
    key(found, at, version, METADATA)
}

const METADATA: &str = "metadata";

/// Under what it is kept what was read of a file: what the index gives the digest of is one content,
/// as often as it says so.
fn key(found: &Found, at: usize, version: &Version, what: &str) -> Option<String> {
    let digest = found.digest(at)?;
    let beside = match found.file(at).core_metadata {
        CoreMetadata::Digest(digest) => digest.to_string(),
        CoreMetadata::No | CoreMetadata::Offered => "-".to_owned(),
    };
    match found.location(at) {
        Ok(Location::Url(url)) => {
            let (name, url) = (&found.project.name, redact(&url));
            Some(format!("{what} {RULES} {name} {version} {digest} {beside} {url}"))
        }
        Ok(Location::Path(_)) | Err(_) => None,
    }
}

/// A file of the store, or of this host, that is there as a whole.
async fn open<T: Send + 'static>(
    context: &Context<'_>,
    stored: &Whole,
    work: impl FnOnce(std::fs::File) -> T + Send + 'static,
) -> Result<T> {
    let file = match stored {
        Whole::Stored(stored) => context.open(&stored.sha256)?,
        Whole::Local(path) => std::fs::File::open(path).map_err(Error::io("open", path))?,
    };
    blocking(move || Ok(work(file))).await
}

enum Whole {
    Stored(Stored),
    Local(std::path::PathBuf),
}

struct Reading<'a> {
    context: &'a Context<'a>,
    hosts: &'a Hosts,
    found: &'a Arc<Found>,
    at: usize,
    location: Location,
    name: PackageName,
    version: Version,
}

type Read<T> = Result<Result<T, String>>;
type Needs = crate::resolve::pypi::Metadata;

impl Reading<'_> {
    fn key(&self, what: &str) -> Option<String> {
        key(self.found, self.at, &self.version, what)
    }

    /// What is known of the host of `url`, to be looked at or changed.
    fn of_host<T>(&self, url: &Url, look: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        look(hosts.entry(url.origin()).or_default())
    }

    /// What an earlier run kept of the file. The file itself, which that may have fetched for it, is of
    /// no more use then.
    fn cached(&self, key: Option<&str>) -> Result<Option<Vec<u8>>> {
        let Some(kept) = key.and_then(|key| self.context.cached(key)) else { return Ok(None) };
        if let Some(digest) = self.found.digest(self.at)
            && let Some(sha256) = self.context.find(&digest)?
        {
            self.context.let_go(sha256);
        }
        Ok(Some(kept))
    }

    fn understand(&self, document: &[u8]) -> Result<Metadata, String> {
        read::metadata(document, &self.name, &self.version)
    }

    async fn wheel(&self) -> Read<Needs> {
        let key = self.key(METADATA);
        if let Some(kept) = self.cached(key.as_deref())?
            && let Ok(metadata) = self.understand(&kept)
        {
            return Ok(read::usable(metadata));
        }
        let document = match &self.location {
            Location::Url(url) => match self.beside(url).await? {
                Some(document) => Some(document),
                // Of a piece nothing shows whether it is the file's.
                None if self.found.leaves_https(self.at) => None,
                None => self.by_pieces(url).await?,
            },
            Location::Path(_) => None,
        };
        let document = match document.filter(|document| self.understand(document).is_ok()) {
            Some(document) => document,
            // Whatever it was that a server said of pieces, the whole file decides.
            None => match self.whole_wheel().await? {
                Ok(document) => document,
                Err(why) => return Ok(Err(why)),
            },
        };
        if let Some(key) = &key {
            self.context.keep(key, document.clone());
        }
        Ok(self.understand(&document).and_then(read::usable))
    }

    /// What stands in the archive, as a whole.
    async fn whole_wheel(&self) -> Read<Vec<u8>> {
        let (name, version) = (self.name.clone(), self.version.clone());
        self.of_whole(move |mut file| {
            let document = read::wheel(&mut file, &name, &version)?;
            read::metadata(&document, &name, &version)?;
            Ok(document)
        })
        .await
    }

    /// What `work` makes of the whole file. That it can make nothing of it is kept too: the file is
    /// known by its digest, and will be no better the next time.
    async fn of_whole<T: Send + 'static>(
        &self,
        work: impl FnOnce(std::fs::File) -> Result<T, Cause> + Send + 'static,
    ) -> Read<T> {
        let key = self.key("unusable");
        if let Some(why) = self.cached(key.as_deref())? {
            return Ok(Err(String::from_utf8_lossy(&why).into_owned()));
        }
        let whole = match self.whole().await? {
            Ok(whole) => whole,
            Err(why) => return Ok(Err(why)),
        };
        match open(self.context, &whole, work).await? {
            Ok(made) => Ok(Ok(made)),
            // A fault of this host says nothing of the file.
            Err(cause) if is_of_host(&*cause) => {
                Err(Error::metadata(&self.found.file(self.at).filename, cause))
            }
            Err(cause) => {
                let why = cause.to_string();
                if let Some(key) = &key {
                    self.context.keep(key, why.clone().into_bytes());
                }
                Ok(Err(why))
            }
        }
    }

    /// What is offered beside the wheel; `None` where that is nothing good.
    async fn beside(&self, url: &Url) -> Result<Option<Vec<u8>>> {
        let leaves_https = self.found.leaves_https(self.at);
        let expected = match self.found.file(self.at).core_metadata {
            CoreMetadata::No => return Ok(None),
            CoreMetadata::Offered if leaves_https => return Ok(None),
            CoreMetadata::Digest(digest) if leaves_https && !is_vouched_for(Some(&digest)) => {
                return Ok(None);
            }
            CoreMetadata::Offered => None,
            CoreMetadata::Digest(digest) => Some(digest),
        };
        let mut url = url.clone();
        url.set_path(&format!("{}.metadata", url.path()));
        let shown = redact(&url);
        let limit = limits::CORE_METADATA_SIZE;
        let question = Question { url: &url, accept: None, known: None, piece: None, limit };
        let why = match self.context.ask(&shown, &question).await {
            Ok(reply) => {
                let Content::Whole(document) = reply.content else { return Ok(None) };
                match expected.map(|digest| (digest, of(&document, &digest))) {
                    Some((expected, found)) if expected != found => {
                        format!("expected {expected}, found {found}")
                    }
                    _ => match self.understand(&document) {
                        Ok(_) => {
                            self.of_host(&url, |host| host.gives = true);
                            return Ok(Some(document));
                        }
                        Err(why) => why,
                    },
                }
            }
            Err(error) if error.is_local() => return Err(error),
            Err(Error::Status { code, .. }) => format!("is offered, and the server answers {code}"),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => error.to_string(),
        };
        self.context.warn(format!("{shown}: {why}; reading the wheel itself"));
        Ok(None)
    }

    /// What stands in the archive, by range requests; `None` where the server answers none, or with
    /// what makes no archive.
    async fn by_pieces(&self, url: &Url) -> Result<Option<Vec<u8>>> {
        if self.of_host(url, |host| host.is_whole_only) {
            return Ok(None);
        }
        let Some((mut start, size, mut tail)) = self.tail(url).await? else {
            return Ok(None);
        };
        let directory = loop {
            let window = Window { start, bytes: &tail };
            match Directory::read(window, size, is_metadata) {
                Ok(Step::Need(range)) => {
                    let Some(mut more) = self.range(url, range.start..start).await? else {
                        return Ok(None);
                    };
                    more.append(&mut tail);
                    (start, tail) = (range.start, more);
                }
                Ok(Step::Done(directory)) => break directory,
                Err(_) => return Ok(None),
            }
        };
        let Ok(member) = directory.metadata(&self.name, &self.version) else { return Ok(None) };
        let mut window = (start, tail);
        for _ in 0..read::STEPS {
            let bytes = &window.1[..];
            let window_here = Window { start: window.0, bytes };
            match member.read(window_here, limits::CORE_METADATA_SIZE) {
                Ok(Step::Need(range)) => {
                    let Some(bytes) = self.range(url, range.clone()).await? else {
                        return Ok(None);
                    };
                    window = (range.start, bytes);
                }
                Ok(Step::Done(content)) => return Ok(Some(content)),
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The archive's last bytes. A listed size spares servers that do not know how to count from the
    /// end; where it is wrong, they say the right one.
    async fn tail(&self, url: &Url) -> Result<Option<(u64, u64, Vec<u8>)>> {
        let last = |size: u64| Piece::Of(size.saturating_sub(TAIL)..size);
        let Some(listed) = self.found.size(self.at).filter(|size| *size > 0) else {
            return self.piece(url, Piece::Last(TAIL)).await;
        };
        match self.piece(url, last(listed)).await? {
            Some((_, size, _)) if size != listed => self.piece(url, last(size)).await,
            None if !self.of_host(url, |host| host.is_whole_only) => {
                self.piece(url, Piece::Last(TAIL)).await
            }
            piece => Ok(piece),
        }
    }

    async fn range(&self, url: &Url, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let piece = self.piece(url, Piece::Of(range)).await?;
        Ok(piece.map(|(_, _, bytes)| bytes))
    }

    /// Where a piece begins, how large the file is, and its bytes.
    async fn piece(&self, url: &Url, piece: Piece) -> Result<Option<(u64, u64, Vec<u8>)>> {
        let shown = redact(url);
        let limit = limits::ZIP_DIRECTORY + limits::CORE_METADATA_SIZE;
        let question = Question { url, accept: None, known: None, piece: Some(piece), limit };
        match self.context.ask(&shown, &question).await {
            Ok(reply) => {
                if let Content::Piece { start, total, bytes } = reply.content {
                    self.of_host(url, |host| host.gives = true);
                    return Ok(Some((start, total, bytes)));
                }
                self.of_host(url, |host| host.is_whole_only = true);
                Ok(None)
            }
            // It is gone, or it has no such piece: the whole file tells.
            Err(Error::Status { code: ..500, .. }) => Ok(None),
            // Another piece than was asked for, and again and again.
            Err(Error::Transport { .. } | Error::Truncated { .. } | Error::TooLarge { .. }) => {
                self.of_host(url, |host| host.is_whole_only = true);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn sdist(&self) -> Read<(Needs, FromSdist)> {
        let key = self.key("source distribution");
        let kept = self.cached(key.as_deref())?;
        let sdist = if let Some(sdist) = kept.and_then(|kept| unpack(&kept)) {
            sdist
        } else {
            let filename = self.found.file(self.at).filename.clone();
            let name = self.name.clone();
            let read = self.of_whole(move |file| read::sdist(file, &filename, &name));
            let sdist = match read.await? {
                Ok(sdist) => sdist,
                Err(why) => return Ok(Err(why)),
            };
            if let (Some(key), Some(kept)) = (&key, pack(&sdist)) {
                self.context.keep(key, kept);
            }
            sdist
        };
        let found = match sdist.metadata(&self.name, &self.version) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let sdist = FromSdist { sdist, is_certain: found.origin != Source::Guess };
        Ok(read::usable(found.metadata).map(|metadata| (metadata, sdist)))
    }

    /// The whole file. What the server does not have any more, or refuses to give, makes its version
    /// unusable: stores of objects say of what they do not have that it is forbidden, and so do firewalls
    /// of what they hold back.
    async fn whole(&self) -> Read<Whole> {
        let url = match &self.location {
            Location::Url(url) => url,
            Location::Path(path) => return Ok(Ok(Whole::Local(path.clone()))),
        };
        let came = match self.fetch(url).await {
            // A proxy's bad moment: who means it says so twice.
            Err(Error::Status { code: 403, .. }) => self.fetch(url).await,
            came => came,
        };
        let code = match came {
            Ok(stored) => {
                self.context.let_go(stored.sha256);
                self.of_host(url, |host| host.gives = true);
                return Ok(Ok(Whole::Stored(stored)));
            }
            Err(Error::Status { code: code @ (404 | 410), .. }) => code,
            Err(Error::Status { code: code @ 403, .. }) if self.may_refuse(url) => code,
            Err(error) => return Err(error),
        };
        let why = format!("is listed, and the server answers {code}");
        self.context.warn(format!("{}: {why}", redact(url)));
        Ok(Err(why))
    }

    async fn fetch(&self, url: &Url) -> Result<Stored> {
        let name = format!("{FILES}/{}", self.found.file(self.at).filename);
        let (size, digest) = (self.found.size(self.at), self.found.digest(self.at));
        let (expected, limit) = (Expected { size, digest }, limits::DISTRIBUTION_SIZE);
        self.context.fetch(&name, vec![url.clone()], expected, limit).await
    }

    /// Whether a host that refuses a file may yet give others.
    fn may_refuse(&self, url: &Url) -> bool {
        self.of_host(url, |host| {
            host.refused += 1;
            host.gives || host.refused < REFUSED
        })
    }
}

/// Whether something that was read could not be, for what the system says.
fn is_of_host(cause: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(cause);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.raw_os_error().is_some()
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// What was read of a source distribution, as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptSdist {
    pkg_info: Option<String>,
    pyproject: Option<String>,
    requires_txt: Option<String>,
    setup_cfg: Option<String>,
    setup_py: Option<String>,
}

/// `None` where a part is no text.
fn pack(sdist: &Sdist) -> Option<Vec<u8>> {
    let Sdist { pkg_info, pyproject, requires_txt, setup_cfg, setup_py } = sdist.clone();
    let pkg_info = pkg_info.map(String::from_utf8).transpose().ok()?;
    let kept = KeptSdist { pkg_info, pyproject, requires_txt, setup_cfg, setup_py };
    serde_json::to_vec(&kept).ok()
}

fn unpack(kept: &[u8]) -> Option<Sdist> {
    let kept: KeptSdist = serde_json::from_slice(kept).ok()?;
    let KeptSdist { pkg_info, pyproject, requires_txt, setup_cfg, setup_py } = kept;
    let pkg_info = pkg_info.map(String::into_bytes);
    Some(Sdist { pkg_info, pyproject, requires_txt, setup_cfg, setup_py })
}

/// The digest of `content` by the algorithm of `like`.
fn of(content: &[u8], like: &Digest) -> Digest {
    let mut hasher = crate::digest::Hasher::new(Some(like.algorithm()));
    hasher.update(content);
    hasher.finish().1
}
