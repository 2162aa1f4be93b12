//! A project as a place lists it.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::digest::Digest;
use crate::error::redact;
use crate::format::pypi::PackageName;
use crate::format::pypi::input::Location;
use crate::format::pypi::page::{File, Page};
use crate::resolve::pypi::{Listed, Project};

/// What tells one file from another: where it is, or where that cannot be, its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::source::pypi) struct Place(String);

/// A project as the first place that has it lists it.
#[derive(Debug)]
pub(in crate::source::pypi) struct Found {
    /// The project, whose files have their places in the page.
    pub(in crate::source::pypi) project: Arc<Project>,
    /// The list.
    pub(in crate::source::pypi) page: Page,
    /// Where the list came from.
    from: Location,
    /// The URL that was asked for it, where that has a login: it holds for its whole host, as for
    /// every client.
    asked: Option<Url>,
    /// The index, without its login, for people.
    pub(in crate::source::pypi) index: String,
}

impl Found {
    /// What the page `page` of the location `from` lists.
    pub(in crate::source::pypi) fn new(
        name: &PackageName,
        page: Page,
        from: Location,
        index: String,
    ) -> Self {
        let listed = page.files.iter().map(|file| Listed {
            filename: &file.filename,
            requires_python: file.requires_python.as_deref(),
            yanked: file.yanked.as_deref(),
            digests: file.digests.clone(),
        });
        let project = Arc::new(Project::new(name.clone(), listed));
        Self { project, page, from, asked: None, index }
    }

    /// The same, asked for with the login of `index`.
    pub(super) fn asked_at(mut self, index: &Url) -> Self {
        let has_login = !index.username().is_empty() || index.password().is_some();
        self.asked = has_login.then(|| index.clone());
        self
    }

    /// The file at that place of the list.
    pub(in crate::source::pypi) fn file(&self, at: usize) -> &File {
        &self.page.files[at]
    }

    /// Where the file is; an error where its URL leads nowhere that may be followed.
    pub(in crate::source::pypi) fn location(&self, at: usize) -> Result<Location, String> {
        let file = self.file(at);
        let wrong = |reason: &dyn std::fmt::Display| format!("{}: {reason}", file.filename);
        let base = match &self.from {
            Location::Url(url) => url.clone(),
            Location::Path(path) => Url::from_file_path(path)
                .map_err(|()| wrong(&"is listed by a file without an absolute path"))?,
        };
        let mut url = self.page.url(file, &base).map_err(|fault| wrong(&fault))?;
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.origin() == url.origin())
            && url.username().is_empty()
        {
            // Both refuse only URLs without a host, which have another origin.
            let _ = url.set_username(asked.username());
            let _ = url.set_password(asked.password());
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

    /// What tells the file from others.
    pub(in crate::source::pypi) fn place(&self, at: usize) -> Place {
        Place(match self.location(at) {
            Ok(Location::Url(url)) => url.to_string(),
            Ok(Location::Path(path)) => path.to_string_lossy().into_owned(),
            Err(wrong) => wrong,
        })
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

/// A location for people, without its login.
pub(super) fn shown(location: &Location) -> String {
    match location {
        Location::Url(url) => redact(url),
        Location::Path(path) => path.display().to_string(),
    }
}
