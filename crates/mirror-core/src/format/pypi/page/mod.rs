//! Project pages of a Python index: which files a project has.
//!
//! Two forms of one thing: HTML (PEP 503, with the attributes that PEPs 592, 629, 658, 714 and 740
//! added) and JSON (PEP 691, with those of PEPs 700, 714, 740 and 792). [`Page::read`] takes either,
//! [`mod@write`] makes both.
//!
//! What a page says wrongly of *one* file makes that file [`Unusable`], with the reason; the others
//! are as good as before. A page that is no project page, or one of a version that we do not know, is
//! a [`PageError`]. What is of no consequence beside a right digest (a size or time that does not
//! parse, an unknown key) is passed over.

use std::borrow::Cow;
use std::collections::HashMap;

use pep508_rs::PackageName;
use url::Url;

use crate::digest::Digest;
use crate::limits;
use crate::path::RepoPath;

mod error;
mod html;
mod json;
pub mod write;

pub use error::{FileFault, PageError};

/// A project's page: its files, in the page's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The project's name as the page gives it: JSON does, HTML has no place for it.
    pub name: Option<String>,
    /// What the index says of the project as a whole; `None` is "active", or a status unknown to us.
    pub status: Option<ProjectStatus>,
    /// The files that can be used.
    pub files: Vec<File>,
    /// The files that cannot, and why.
    pub unusable: Vec<Unusable>,
    /// What the files' URLs are relative to, where that is not the page's own: HTML's `<base>`.
    pub base: Option<String>,
}

/// A file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name: one component of a path, at most [`limits::DISTRIBUTION_NAME`] bytes, not yet parsed.
    pub filename: String,
    /// Where it is, as written but for the fragment; [`Page::url`] makes it absolute.
    pub url: String,
    /// Digests of the algorithms that we know, the strongest first; at most one of each.
    pub digests: Vec<Digest>,
    /// In bytes.
    pub size: Option<u64>,
    /// The versions of Python that it is for, not yet parsed (PEP 345).
    pub requires_python: Option<String>,
    /// Why it should not be used any more (PEP 592); empty where no reason is given.
    pub yanked: Option<String>,
    /// Whether its metadata can be had by itself, at its URL with `.metadata` behind (PEP 658).
    pub core_metadata: CoreMetadata,
    /// When it was uploaded, as `yyyy-mm-ddThh:mm:ss[.ffffff]Z` (PEP 700).
    pub upload_time: Option<String>,
    /// Where its provenance is, an absolute URL (PEP 740).
    pub provenance: Option<String>,
}

/// Whether a file's metadata is offered beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CoreMetadata {
    /// It is not.
    #[default]
    No,
    /// It is, without a digest that we know.
    Offered,
    /// It is, with this digest.
    Digest(Digest),
}

/// The status of a project (PEP 792) and what the index adds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectStatus {
    /// The status.
    pub status: Status,
    /// The reason, for people.
    pub reason: Option<String>,
}

/// The status markers of PEP 792.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As usual.
    Active,
    /// No more releases are expected.
    Archived,
    /// Held to be unsafe: the index offers no files.
    Quarantined,
    /// Obsolete, perhaps replaced by another project.
    Deprecated,
}

impl Status {
    /// The marker's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Quarantined => "quarantined",
            Self::Deprecated => "deprecated",
        }
    }

    /// The marker of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Archived, Self::Quarantined, Self::Deprecated];
        all.into_iter().find(|status| status.name() == name)
    }
}

/// A file that a page lists and that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Its name as the page gives it, fit to be shown.
    pub filename: String,
    /// What is wrong with it.
    pub fault: FileFault,
}

/// The form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// PEP 503.
    Html,
    /// PEP 691.
    Json,
}

impl Form {
    /// What to ask an index for: JSON if it has it, since that says more in fewer bytes.
    pub const ACCEPT: &'static str = "application/vnd.pypi.simple.v1+json, \
         application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

    /// By a response's Content-Type; parameters are not looked at, since pages are UTF-8.
    ///
    /// As pip and uv do, a type that is no page's is refused, plain `application/json` included:
    /// proxies answer with it when something is wrong.
    pub fn from_content_type(content_type: &str) -> Result<Self, PageError> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "text/html" | "application/vnd.pypi.simple.v1+html" => Ok(Self::Html),
            "application/vnd.pypi.simple.v1+json" => Ok(Self::Json),
            other => match other.strip_prefix("application/vnd.pypi.simple.v") {
                Some(version) => Err(PageError::Version { found: excerpt(version) }),
                None => Err(PageError::ContentType { found: excerpt(content_type) }),
            },
        }
    }
}

impl Page {
    /// Reads a page of that form.
    pub fn read(form: Form, page: &[u8]) -> Result<Self, PageError> {
        if page.len() as u64 > limits::PAGE_SIZE {
            return Err(PageError::Limit { what: "bytes", limit: limits::PAGE_SIZE });
        }
        let page = match form {
            Form::Html => html::read(page),
            Form::Json => json::read(page),
        }?;
        Ok(page.without_contradictions())
    }

    /// Fails where the page says that it is of another project. HTML pages do not say.
    pub fn expect_project(&self, expected: &PackageName) -> Result<(), PageError> {
        let Some(found) = &self.name else { return Ok(()) };
        if found.parse::<PackageName>().is_ok_and(|name| name == *expected) {
            return Ok(());
        }
        Err(PageError::Project { expected: expected.to_string(), found: excerpt(found) })
    }

    /// The file's URL; `page` is the one that the page came from, after redirects.
    pub fn url(&self, file: &File, page: &Url) -> Result<Url, FileFault> {
        let wrong = |url: &str, reason: &dyn std::fmt::Display| FileFault::Url {
            url: excerpt(url),
            reason: reason.to_string(),
        };
        let joined = match &self.base {
            Some(base) => {
                let base = page.join(base).map_err(|error| wrong(base, &error))?;
                base.join(&file.url)
            }
            None => page.join(&file.url),
        };
        let mut url = joined.map_err(|error| wrong(&file.url, &error))?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(wrong(&file.url, &EXPECTED_SCHEME));
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Adds what the page says of one file.
    fn push(&mut self, draft: Draft<'_>) -> Result<(), PageError> {
        if self.files.len() + self.unusable.len() == limits::PAGE_FILES {
            return Err(PageError::Limit { what: "files", limit: limits::PAGE_FILES as u64 });
        }
        // Of a borrowed name, as nearly all are, this is no copy.
        let name = draft.filename.clone();
        match draft.finish() {
            Ok(file) => self.files.push(file),
            Err(fault) => self.unusable.push(Unusable { filename: excerpt(&name), fault }),
        }
        Ok(())
    }

    /// One entry for each name. An equal digest, or one that cannot be compared, is a repetition;
    /// where digests differ nobody can say which is right.
    fn without_contradictions(mut self) -> Self {
        let mut known: HashMap<&str, usize> = HashMap::with_capacity(self.files.len());
        let mut dropped: HashMap<usize, Option<FileFault>> = HashMap::new();
        for (index, file) in self.files.iter().enumerate() {
            let first = *known.entry(&file.filename).or_insert(index);
            if first == index {
                continue;
            }
            dropped.entry(index).or_default();
            if let Some(pair) = contradiction(&self.files[first].digests, &file.digests) {
                dropped.insert(first, Some(FileFault::Twice(Box::new(pair))));
            }
        }
        if dropped.is_empty() {
            return self;
        }
        for (index, file) in std::mem::take(&mut self.files).into_iter().enumerate() {
            match dropped.remove(&index) {
                None => self.files.push(file),
                Some(None) => {}
                Some(Some(fault)) => {
                    self.unusable.push(Unusable { filename: file.filename, fault });
                }
            }
        }
        self
    }
}

/// Two digests of one algorithm that differ.
fn contradiction(a: &[Digest], b: &[Digest]) -> Option<[Digest; 2]> {
    let mut pairs = a.iter().flat_map(|a| b.iter().map(move |b| [*a, *b]));
    pairs.find(|[a, b]| a.algorithm() == b.algorithm() && a != b)
}

/// What files are fetched by.
const SCHEMES: [&str; 3] = ["https", "http", "file"];
const EXPECTED_SCHEME: &str = "expected one of https, http or file";

/// What a page says of a file, not looked at yet.
#[derive(Debug, Default)]
struct Draft<'a> {
    filename: Cow<'a, str>,
    url: Cow<'a, str>,
    digests: Vec<Digest>,
    size: Option<u64>,
    requires_python: Option<Cow<'a, str>>,
    yanked: Option<Cow<'a, str>>,
    core_metadata: CoreMetadata,
    upload_time: Option<Cow<'a, str>>,
    provenance: Option<Cow<'a, str>>,
    /// The first thing that is wrong.
    fault: Option<FileFault>,
}

impl Draft<'_> {
    fn finish(mut self) -> Result<File, FileFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        check_filename(&self.filename)?;
        if self.url.len() > limits::PAGE_TEXT {
            return Err(too_long("URL", &self.url));
        }
        let scheme = scheme(&self.url);
        if scheme.is_some_and(|found| !SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(found))) {
            let reason = EXPECTED_SCHEME.to_owned();
            return Err(FileFault::Url { url: excerpt(&self.url), reason });
        }
        self.digests.sort_unstable_by(|a, b| b.cmp(a));
        self.digests.dedup();
        // A list begins with room for four.
        self.digests.shrink_to_fit();
        for pair in self.digests.windows(2) {
            if pair[0].algorithm() == pair[1].algorithm() {
                return Err(FileFault::TwoDigests(Box::new([pair[0], pair[1]])));
            }
        }
        Ok(File {
            filename: self.filename.into_owned(),
            url: self.url.into_owned(),
            digests: self.digests,
            size: self.size,
            requires_python: match self.requires_python {
                Some(text) if !text.trim().is_empty() => Some(clean("Requires-Python", text)?),
                _ => None,
            },
            yanked: self.yanked.map(|text| clean("reason of being yanked", text)).transpose()?,
            core_metadata: self.core_metadata,
            upload_time: self.upload_time.filter(|time| is_time(time)).map(Cow::into_owned),
            provenance: self.provenance.filter(|url| is_link(url)).map(Cow::into_owned),
        })
    }
}

/// One component of a path, safe in every way that [`RepoPath`] asks for.
fn check_filename(name: &str) -> Result<(), FileFault> {
    if name.is_empty() {
        return Err(FileFault::Missing("name"));
    }
    if name.len() > limits::DISTRIBUTION_NAME {
        return Err(FileFault::TooLong {
            what: "name",
            limit: limits::DISTRIBUTION_NAME,
            found: name.len(),
        });
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'!');
    if !name.starts_with('.') && name.bytes().all(plain) {
        return Ok(());
    }
    if name.contains('/') {
        return Err(FileFault::Slash);
    }
    RepoPath::new(name)?;
    Ok(())
}

/// Text for people or for another parser: bounded, on one line.
fn clean(what: &'static str, text: Cow<'_, str>) -> Result<String, FileFault> {
    if text.len() > limits::PAGE_TEXT {
        return Err(too_long(what, &text));
    }
    if text.contains(char::is_control) {
        return Ok(text.replace(char::is_control, " "));
    }
    Ok(text.into_owned())
}

fn too_long(what: &'static str, text: &str) -> FileFault {
    FileFault::TooLong { what, limit: limits::PAGE_TEXT, found: text.len() }
}

/// The scheme of an absolute URL (RFC 3986, section 3.1).
fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let begins = scheme.bytes().next()?.is_ascii_alphabetic();
    (begins && scheme.bytes().all(usual)).then_some(scheme)
}

/// `yyyy-mm-ddThh:mm:ss[.ffffff]Z`, which is all that PEP 700 has. Clients that parse times refuse a
/// page that has another, so none is passed on.
fn is_time(text: &str) -> bool {
    const SHAPE: &[u8; 19] = b"dddd-dd-ddTdd:dd:dd";
    let Some((whole, rest)) = text.as_bytes().split_first_chunk::<19>() else { return false };
    let fits = whole.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        shape => byte == shape,
    });
    let two = |at: usize| (whole[at] - b'0') * 10 + (whole[at + 1] - b'0');
    let is_date = || (1..=12).contains(&two(5)) && (1..=31).contains(&two(8));
    let is_hour = || two(11) < 24 && two(14) < 60 && two(17) < 60;
    let is_end = match rest {
        [b'Z'] => true,
        [b'.', digits @ .., b'Z'] => {
            (1..=6).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    fits && is_end && is_date() && is_hour()
}

/// An absolute URL of a web page, which can be passed on as it is.
fn is_link(url: &str) -> bool {
    url.len() <= limits::PAGE_TEXT
        && Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        && !url.contains(|c: char| c.is_control() || c == ' ')
}

/// As much of `text` as a message can bear, without what would move a terminal's cursor.
fn excerpt(text: &str) -> String {
    super::excerpt(text)
}

#[cfg(test)]
mod tests;
