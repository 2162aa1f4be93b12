//! A project as places list it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::digest::Digest;
use crate::error::redact;
use crate::format::pypi::PackageName;
use crate::format::pypi::input::Location;
use crate::format::pypi::page::{File, Page, ProjectStatus, Unusable};
use crate::limits;
use crate::resolve::pypi::{Listed, Project, ProjectFile};
use crate::source::pypi::set::has_login;

/// What tells one file from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::source::pypi) struct Place(String);

/// A page, and where it came from.
#[derive(Debug)]
pub(in crate::source::pypi) struct List {
    /// The page.
    pub(in crate::source::pypi) page: Page,
    /// Where it came from in the end: its links are relative to that.
    pub(in crate::source::pypi) from: Location,
    /// What was asked for it, for people and without its login: an index, a folder, a file.
    pub(in crate::source::pypi) index: String,
    /// URLs with a login, that of an index as a rule: each holds for its whole server, as for every
    /// client.
    pub(in crate::source::pypi) logins: Vec<Url>,
}

/// A project: what places with links have of it, and the first index that has it.
#[derive(Debug)]
pub(in crate::source::pypi) struct Found {
    /// The project, whose files have their places among those of all lists, one after another.
    pub(in crate::source::pypi) project: Arc<Project>,
    lists: Vec<List>,
    /// What the index says of the project as a whole.
    pub(in crate::source::pypi) status: Option<ProjectStatus>,
    /// The files that cannot be used.
    pub(in crate::source::pypi) unusable: Vec<Unusable>,
}

impl List {
    /// What was found by asking `asked`.
    pub(super) fn new(page: Page, from: Location, asked: &Location) -> Self {
        let (index, logins) = match asked {
            Location::Url(url) => (redact(url), has_login(url).then(|| url.clone())),
            Location::Path(path) => (path.display().to_string(), None),
        };
        Self { page, from, index, logins: logins.into_iter().collect() }
    }

    /// Where a file of the page is.
    pub(super) fn location(&self, file: &File) -> Result<Location, String> {
        let wrong = |reason: &dyn std::fmt::Display| format!("{}: {reason}", file.filename);
        let base = match &self.from {
            Location::Url(url) => url.clone(),
            Location::Path(path) => Url::from_file_path(path)
                .map_err(|()| wrong(&"is listed by a file without an absolute path"))?,
        };
        let mut url = self.page.url(file, &base).map_err(|fault| wrong(&fault))?;
        if !has_login(&url)
            && let Some(login) = self.logins.iter().find(|login| login.origin() == url.origin())
        {
            // Both refuse only URLs without a host, which have another origin.
            let _ = url.set_username(login.username());
            let _ = url.set_password(login.password());
        }
        if self.leaves_https(&url) && !is_vouched_for(file.digests.first()) {
            return Err(wrong(
                &"is linked by http from a page that came by https, and has no strong digest there",
            ));
        }
        match (url.scheme(), &self.from) {
            ("file", Location::Path(_)) => {
                let path = url.to_file_path();
                path.map(Location::Path).map_err(|()| wrong(&"is no file of this host"))
            }
            ("file", Location::Url(_)) => {
                Err(wrong(&"is a file of this host, and the page that lists it is not"))
            }
            _ => Ok(Location::Url(url)),
        }
    }

    /// Whether what the page vouches for comes without that: whoever stands between may write it.
    fn leaves_https(&self, url: &Url) -> bool {
        let from_https = matches!(&self.from, Location::Url(from) if from.scheme() == "https");
        from_https && url.scheme() == "http"
    }

    /// URLs of the hosts, other than that of the URL that was asked, which the page is from or leads to;
    /// a few at most.
    pub(super) fn hosts(&self, asked: &Url) -> Vec<Url> {
        let Location::Url(from) = &self.from else { return Vec::new() };
        let mut origins: Vec<&str> = Vec::new();
        let urls = self.page.files.iter().map(|file| file.url.as_str()).chain([from.as_str()]);
        for found in urls.filter_map(origin) {
            // Nearly all files of a page are in one place.
            if !origins.contains(&found) && origins.len() < HOSTS {
                origins.push(found);
            }
        }
        let urls = origins.iter().filter_map(|text| text.parse::<Url>().ok());
        urls.filter(|url| url.origin() != asked.origin()).collect()
    }
}

/// Whether a digest stands for one content alone.
pub(super) fn is_vouched_for(digest: Option<&Digest>) -> bool {
    digest.is_some_and(|digest| !digest.algorithm().is_weak())
}

/// Scheme and host of an absolute URL, as they are written.
fn origin(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |end| start + end);
    Some(&url[..end])
}

/// Bytes that an allocator takes beside those of a file's texts and lists (some 12 of them).
const OVERHEAD: usize = 200;

/// Hosts of files that an index's page may lead to (seen: 1).
const HOSTS: usize = 16;

impl Found {
    /// What `lists` have of a project. Of a file that is in several, the first list counts.
    pub(in crate::source::pypi) fn new(name: &PackageName, mut lists: Vec<List>) -> Self {
        if lists.len() > 1 {
            let mut names = HashSet::new();
            for list in &mut lists {
                list.page.files.retain(|file| names.insert(file.filename.clone()));
            }
        }
        let status = lists.iter().find_map(|list| list.page.status.clone());
        let unusable = lists.iter().flat_map(|list| list.page.unusable.iter().cloned()).collect();
        let files = lists.iter().flat_map(|list| &list.page.files);
        let listed = files.map(|file| Listed {
            filename: &file.filename,
            requires_python: file.requires_python.as_deref(),
            yanked: file.yanked.as_deref(),
            digests: file.digests.clone(),
        });
        let project = Arc::new(Project::new(name.clone(), listed));
        Self { project, lists, status, unusable }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let of_file = |file: &File| {
            let digests = file.digests.len() * size_of::<Digest>();
            let twice = file.filename.len() + digests + text(&file.yanked);
            let once = [&file.requires_python, &file.upload_time, &file.provenance].map(text);
            let texts = 2 * twice + file.url.len() + once.iter().sum::<usize>();
            size_of::<File>() + size_of::<ProjectFile>() + texts + OVERHEAD
        };
        let files = self.lists.iter().flat_map(|list| &list.page.files).map(of_file);
        let unusable = self.lists.iter().flat_map(|list| &list.page.unusable);
        let unusable = unusable.map(|one| 2 * (size_of::<Unusable>() + one.filename.len()));
        files.chain(unusable).sum()
    }

    /// The list that has the file of that place, and the file.
    fn at(&self, mut at: usize) -> (&List, &File) {
        for list in &self.lists {
            match list.page.files.get(at) {
                Some(file) => return (list, file),
                None => at -= list.page.files.len(),
            }
        }
        unreachable!("the places of a project's files are those of its lists")
    }

    /// The file at that place.
    pub(in crate::source::pypi) fn file(&self, at: usize) -> &File {
        self.at(at).1
    }

    /// The index that lists it, for people.
    pub(in crate::source::pypi) fn index_of(&self, at: usize) -> &str {
        &self.at(at).0.index
    }

    /// Where the file is; an error where its URL leads nowhere that may be followed.
    pub(in crate::source::pypi) fn location(&self, at: usize) -> Result<Location, String> {
        let (list, file) = self.at(at);
        list.location(file)
    }

    /// Whether a file's page came by https and the file comes by http: then nothing counts but what its
    /// digest vouches for.
    pub(in crate::source::pypi) fn leaves_https(&self, at: usize) -> bool {
        let (list, file) = self.at(at);
        matches!(list.location(file), Ok(Location::Url(url)) if list.leaves_https(&url))
    }

    /// What tells the file from others: a page of another project may list it too, or with other
    /// digests, and what comes of that is its own.
    pub(in crate::source::pypi) fn place(&self, at: usize) -> Place {
        let place = match self.location(at) {
            Ok(Location::Url(url)) => url.to_string(),
            Ok(Location::Path(path)) => path.to_string_lossy().into_owned(),
            Err(wrong) => wrong,
        };
        let digest = self.digest(at).map(|digest| digest.to_string()).unwrap_or_default();
        Place(format!("{} {} {digest} {place}", self.project.name, self.file(at).filename))
    }

    /// The file's size in bytes, as it is listed; `None` also where no file can be as large as that.
    pub(in crate::source::pypi) fn size(&self, at: usize) -> Option<u64> {
        self.file(at).size.filter(|size| *size <= limits::DISTRIBUTION_SIZE)
    }

    /// The file's strongest digest.
    pub(in crate::source::pypi) fn digest(&self, at: usize) -> Option<Digest> {
        self.file(at).digests.first().copied()
    }
}

/// The list of a folder of files.
pub(super) fn of_folder(files: Vec<(String, PathBuf)>) -> Page {
    let file = |(filename, path): (String, PathBuf)| {
        let url = Url::from_file_path(path).ok()?.to_string();
        Some(File { filename, url, ..empty() })
    };
    Page { files: files.into_iter().filter_map(file).collect(), ..Page::default() }
}

/// A file of which nothing is known.
pub(super) fn empty() -> File {
    File {
        filename: String::new(),
        url: String::new(),
        digests: Vec::new(),
        size: None,
        requires_python: None,
        yanked: None,
        core_metadata: crate::format::pypi::page::CoreMetadata::No,
        upload_time: None,
        provenance: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `lib` of an index at `asked`, which links to `url`.
    fn found(asked: &str, url: &str, digests: &[&str]) -> Found {
        let digests = digests.iter().map(|text| {
            let (algorithm, hex) = text.split_once(':').unwrap();
            Digest::parse(algorithm, hex).unwrap()
        });
        let (filename, digests) = ("lib-1.0-py3-none-any.whl".to_owned(), digests.collect());
        let file = File { filename, url: url.to_owned(), digests, ..empty() };
        let page = Page { files: vec![file], ..Page::default() };
        let asked = Location::Url(asked.parse().unwrap());
        Found::new(&"lib".parse().unwrap(), vec![List::new(page, asked.clone(), &asked)])
    }

    #[test]
    fn https_is_left_only_for_what_a_strong_digest_vouches_for() {
        let (strong, weak) =
            (format!("sha256:{}", "a".repeat(64)), format!("md5:{}", "a".repeat(32)));
        let [https, http] = ["https://h.example/lib/", "http://h.example/lib/"];
        let file = "http://files.example/lib-1.0-py3-none-any.whl";
        for digests in [&[][..], &[&*weak]] {
            let why = found(https, file, digests).location(0).unwrap_err();
            assert!(why.contains("no strong digest"), "{why}");
            found(http, file, digests).location(0).unwrap();
        }
        let found = |asked| found(asked, file, &[&strong]);
        found(https).location(0).unwrap();
        assert!(found(https).leaves_https(0) && !found(http).leaves_https(0));
    }

    #[test]
    fn a_login_is_for_its_server_alone() {
        for (url, expected) in [
            ("../../files/lib.whl", "https://me:secret@h.example/files/lib.whl"),
            ("https://h.example:8443/lib.whl", "https://h.example:8443/lib.whl"),
            ("https://you@h.example/lib.whl", "https://you@h.example/lib.whl"),
        ] {
            let found = found("https://me:secret@h.example/simple/lib/", url, &[]);
            assert_eq!(found.location(0).unwrap(), Location::Url(expected.parse().unwrap()));
        }
    }
}
