//! Pages: which files there are.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use url::Url;

use super::Indexes;
use super::found::{Found, List, empty, of_folder};
use crate::digest::{Digest, Hasher, Sha256};
use crate::error::{Error, Result, redact};
use crate::fetch::{Content, Question, Validators};
use crate::format::pypi::PackageName;
use crate::format::pypi::filename::DistFilename;
use crate::format::pypi::input::Location;
use crate::format::pypi::page::{self, Form, Page, PageError};
use crate::limits;
use crate::source::Context;

/// Pages larger than this are read beside what serves transfers.
const LARGE: usize = 16 << 10;
/// So are the names of as many files.
const MANY: usize = 64;

/// Pages that are larger than most, and in memory at once.
const UNCOMMON: usize = 4;

/// The pages of some indexes.
pub(super) struct Pages<'a> {
    context: &'a Context<'a>,
    indexes: &'a Indexes,
    /// Each of the places with links to files, once it was read.
    links: Vec<OnceCell<(Page, Location)>>,
    uncommon: Semaphore,
}

/// What an index answered, what is to be kept of it, and where it is a large page, a place among those.
type Asked<'a> = Option<(Content, Kept, Option<SemaphorePermit<'a>>)>;

impl<'a> Pages<'a> {
    pub(super) fn new(context: &'a Context<'a>, indexes: &'a Indexes) -> Self {
        let links = indexes.find_links.iter().map(|_| OnceCell::new()).collect();
        Self { context, indexes, links, uncommon: Semaphore::new(UNCOMMON) }
    }

    /// What the places with links, and the first index that has it, list of a project.
    pub(super) async fn project(&self, name: &PackageName) -> Result<Option<Found>> {
        let mut lists = Vec::new();
        for (place, links) in self.indexes.find_links.iter().zip(&self.links) {
            let (page, from) = links.get_or_try_init(|| self.links(place)).await?;
            let is_of = |file: &&page::File| {
                matches!(DistFilename::parse(&file.filename, name), Ok(Some(_)))
            };
            let files: Vec<page::File> = page.files.iter().filter(is_of).cloned().collect();
            if !files.is_empty() {
                let page = Page { files, base: page.base.clone(), ..Page::default() };
                let list = List::new(page, from.clone(), place);
                if let Location::Url(url) = place {
                    self.lead(url, &list);
                }
                lists.push(blocking(move || with_digests(list)).await?);
            }
        }
        for index in &self.indexes.indexes {
            let Some((page, from)) = self.page(index, name).await? else { continue };
            let is_local = matches!(from, Location::Path(_));
            let list = List::new(page, from, &Location::Url(index.clone()));
            self.lead(index, &list);
            lists.push(if is_local { blocking(move || with_digests(list)).await? } else { list });
            break;
        }
        if lists.is_empty() {
            return Ok(None);
        }
        if lists.iter().map(|list| list.page.files.len()).sum::<usize>() < MANY {
            return Ok(Some(Found::new(name, lists)));
        }
        let name = name.clone();
        blocking(move || Ok(Some(Found::new(&name, lists)))).await
    }

    /// Lets the files of a list be reached as the list is.
    fn lead(&self, asked: &Url, list: &List) {
        let hosts = list.hosts(asked);
        if !hosts.is_empty() {
            self.context.reach_as(asked, &hosts);
        }
    }

    /// All files of a folder or page.
    async fn links(&self, place: &Location) -> Result<(Page, Location)> {
        match place {
            Location::Url(url) => {
                let name = redact(url);
                let Some((page, from)) = self.read(url, &name).await? else {
                    return Err(Error::metadata(
                        &name,
                        "expected a page of links, and there is none",
                    ));
                };
                Ok((page, Location::Url(from)))
            }
            Location::Path(path) => {
                let path = std::path::absolute(path).map_err(unreadable(path))?;
                let (place, page) = blocking(move || read_links(&path)).await?;
                Ok((page, place))
            }
        }
    }

    /// An index's page of a project.
    async fn page(&self, index: &Url, name: &PackageName) -> Result<Option<(Page, Location)>> {
        let mut url = index.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(name.as_ref()).push("");
        }
        if url.scheme() == "file" {
            let wrong = || Error::metadata(url.as_str(), "is no folder of this host");
            let folder = url.to_file_path().map_err(|()| wrong())?;
            let name = name.clone();
            return blocking(move || read_folder(&folder, &name)).await;
        }
        let shown = redact(&url);
        let Some((page, from)) = self.read(&url, &shown).await? else { return Ok(None) };
        page.expect_project(name).map_err(|error| Error::metadata(&shown, error))?;
        Ok(Some((page, Location::Url(from))))
    }

    /// A page, from the server or, where that says that it did not change, from the cache.
    async fn read(&self, url: &Url, shown: &str) -> Result<Option<(Page, Url)>> {
        // Another query or login is another page.
        let key = format!("page {} {shown}", Sha256::of(url.as_str().as_bytes()).hex());
        let known = self.context.cached(&key).and_then(Kept::read);
        if let Some((kept, body)) = known {
            match self.ask(url, shown, Some(&kept.validators())).await? {
                Some((Content::Unchanged, ..)) => {
                    let form = Form::from_content_type(&kept.content_type);
                    if let (Ok(form), Ok(from)) = (form, Url::parse(&kept.url))
                        && let Ok(page) = parse(form, body).await?
                    {
                        return Ok(Some((page, from)));
                    }
                    // What was kept is of no use: from the beginning.
                }
                answer => return self.take(answer, &key, shown).await,
            }
        }
        let answer = self.ask(url, shown, None).await?;
        self.take(answer, &key, shown).await
    }

    async fn take(&self, answer: Asked<'_>, key: &str, shown: &str) -> Result<Option<(Page, Url)>> {
        let wrong = |error: PageError| Error::metadata(shown, error);
        let Some((content, kept, _place)) = answer else { return Ok(None) };
        let Content::Whole(body) = content else {
            return Err(Error::metadata(shown, "expected a page, found another answer"));
        };
        let form = Form::from_content_type(&kept.content_type).map_err(wrong)?;
        let url = Url::parse(&kept.url).map_err(|error| Error::metadata(shown, error))?;
        let to_keep = (!kept.validators().is_empty()).then(|| kept.write(&body)).flatten();
        let page = parse(form, body).await?.map_err(wrong)?;
        if let Some(bytes) = to_keep {
            self.context.keep(key, bytes);
        }
        Ok(Some((page, url)))
    }

    /// `None` where the index does not have it.
    async fn ask(&self, url: &Url, shown: &str, known: Option<&Validators>) -> Result<Asked<'_>> {
        let (accept, limit) = (Some(Form::ACCEPT), limits::COMMON_PAGE_SIZE);
        let mut question = Question { url, accept, known, piece: None, limit };
        let mut place = None;
        let mut answer = self.context.ask(shown, &question).await;
        if let Err(Error::Status { code: 400 | 403, .. }) = answer {
            // A proxy's bad moment: an index that means it says so twice.
            answer = self.context.ask(shown, &question).await;
        }
        if let Err(Error::TooLarge { .. }) = answer {
            place = self.uncommon.acquire().await.ok();
            question.limit = limits::PAGE_SIZE;
            answer = self.context.ask(shown, &question).await;
        }
        match answer {
            Ok(reply) => {
                let kept = Kept {
                    url: without_login(reply.url).to_string(),
                    content_type: reply.content_type.unwrap_or_default(),
                    etag: reply.validators.etag,
                    last_modified: reply.validators.last_modified,
                };
                Ok(Some((reply.content, kept, place)))
            }
            Err(Error::Status { code: 404 | 410, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The project that consists of one file, with the digest of its fragment; on an index's server it is
/// asked for with the index's login.
pub(super) fn direct(name: &PackageName, url: &Url, indexes: &Indexes) -> Result<Found> {
    let wrong = |reason: &str| Error::metadata(&redact(url), reason);
    let location = Location::parse(url.as_str()).map_err(|fault| wrong(&fault.to_string()))?;
    let filename = location.filename().ok_or_else(|| wrong("expected the name of a file"))?;
    let mut digests = Vec::new();
    for pair in url.fragment().unwrap_or_default().split('&') {
        let Some((algorithm, hex)) = pair.split_once('=') else { continue };
        digests.extend(Digest::parse(algorithm, hex).ok());
    }
    digests.sort_unstable_by(|a, b| b.cmp(a));
    let page = Page {
        files: vec![page::File { filename, url: url.to_string(), digests, ..empty() }],
        ..Page::default()
    };
    let mut list = List::new(page, location.clone(), &location);
    list.logins.extend(indexes.logins());
    Ok(Found::new(name, vec![list]))
}

/// What is kept before a page's bytes, on a line.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Where it came from in the end.
    url: String,
    content_type: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Kept {
    fn validators(&self) -> Validators {
        Validators { etag: self.etag.clone(), last_modified: self.last_modified.clone() }
    }

    fn write(&self, body: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self).ok()?;
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        Some(bytes)
    }

    fn read(mut bytes: Vec<u8>) -> Option<(Self, Vec<u8>)> {
        let line = bytes.iter().position(|byte| *byte == b'\n')?;
        let kept = serde_json::from_slice(&bytes[..line]).ok()?;
        bytes.drain(..=line);
        Some((kept, bytes))
    }
}

/// The login is asked with, and not kept.
fn without_login(mut url: Url) -> Url {
    // Both refuse only URLs without a host, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

async fn parse(form: Form, body: Vec<u8>) -> Result<Result<Page, PageError>> {
    if body.len() < LARGE {
        return Ok(Page::read(form, &body));
    }
    blocking(move || Ok(Page::read(form, &body))).await
}

pub(in crate::source::pypi) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Client(error.into()))?
}

/// The same, with the digests of the files that are on this host: nobody else gives them.
fn with_digests(mut list: List) -> Result<List> {
    for at in 0..list.page.files.len() {
        let file = &list.page.files[at];
        if file.digests.is_empty()
            && let Ok(Location::Path(path)) = list.location(file)
        {
            let (_, digest) = read_local(&path)?;
            list.page.files[at].digests = vec![digest];
        }
    }
    Ok(list)
}

/// What cannot be read of what a user names is that set's fault, and no fault of the store.
fn unreadable(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::metadata(&path, error)
}

/// A file of this host, and its SHA-256.
pub(in crate::source::pypi) fn read_local(path: &Path) -> Result<(File, Digest)> {
    let wrong = unreadable(path);
    let mut file = File::open(path).map_err(&wrong)?;
    let mut hasher = Hasher::new(None);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(&wrong)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    file.rewind().map_err(&wrong)?;
    Ok((file, hasher.finish().1))
}

/// The files of a folder, or those that a page of this host links to.
fn read_links(path: &Path) -> Result<(Location, Page)> {
    if path.is_dir() {
        let mut files = Vec::new();
        for entry in path.read_dir().map_err(unreadable(path))? {
            let entry = entry.map_err(unreadable(path))?;
            if let Ok(name) = entry.file_name().into_string()
                && entry.path().is_file()
            {
                files.push((name, entry.path()));
            }
        }
        files.sort();
        return Ok((Location::Path(path.to_owned()), of_folder(files)));
    }
    let page = read_page(path)?;
    Ok((Location::Path(path.to_owned()), page))
}

/// A project's page in a tree on this host; `None` where there is none.
fn read_folder(folder: &Path, name: &PackageName) -> Result<Option<(Page, Location)>> {
    let path = folder.join("index.html");
    if !path.is_file() {
        return Ok(None);
    }
    let page = read_page(&path)?;
    page.expect_project(name)
        .map_err(|error| Error::metadata(&path.display().to_string(), error))?;
    Ok(Some((page, Location::Path(path))))
}

fn read_page(path: &Path) -> Result<Page> {
    let wrong = |error: PageError| Error::metadata(&path.display().to_string(), error);
    let found = path.metadata().map_err(unreadable(path))?;
    if found.len() > limits::PAGE_SIZE {
        return Err(wrong(PageError::Limit { what: "bytes", limit: limits::PAGE_SIZE }));
    }
    let bytes = std::fs::read(path).map_err(unreadable(path))?;
    Page::read(Form::Html, &bytes).map_err(wrong)
}
