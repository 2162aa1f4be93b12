//! Where the files lie that metadata lists, at upstream and in the tree.
//!
//! A plain relative path is both: the file lies there in the tree as it does at upstream. What else
//! there is, upstreams keep elsewhere and the tree keeps under a name of its own, which regenerated
//! metadata then gives: a file with `xml:base` or a URL of its own on another host, and one whose path
//! begins at the root, leads up with `..` or has empty components. In the tree such a package lies at
//! `Packages/NAME`, by its file's name; where that is taken by another one, at `Packages/DIGEST/NAME`
//! with the first sixteen digits of its digest. Such a metadata file lies at `repodata/DIGEST-NAME`.
//!
//! A repository that came by https is not followed to plain http, and other schemes not at all. What
//! no repository has a use for is refused wherever it would lie: control characters, backslashes,
//! encoded dots and slashes, names over Linux's lengths or kept for the project's own use.

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use crate::format::rpm::excerpt;
use crate::limits;
use crate::manifest::Remote;
use crate::path::{PathError, RepoPath, encode};

/// Where a file lies.
#[derive(Debug)]
pub(super) struct Located {
    /// Where it can be had.
    pub(super) remote: Remote,
    pub(super) place: Place,
}

/// Where a file is to lie in the tree.
#[derive(Debug)]
pub(super) enum Place {
    /// Where it lies at upstream.
    Same(RepoPath),
    /// At a place of our own, under that name.
    Own(String),
}

/// Why a file cannot lie anywhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misplaced {
    #[error(transparent)]
    Path(#[from] PathError),
    /// The reason, to follow the file's name.
    #[error("{0}")]
    Place(String),
}

/// Finds the places of a repository's files.
#[derive(Debug)]
pub(super) struct Layout {
    bases: Arc<[Url]>,
    /// Other places that were named, as they are written.
    others: HashMap<String, Arc<[Url]>>,
}

impl Layout {
    /// Of a repository that lies at `bases`.
    pub(super) fn new(bases: Arc<[Url]>) -> Self {
        Self { bases, others: HashMap::new() }
    }

    /// Where the file at `href` lies, which may be relative to another `base`.
    pub(super) fn locate(&mut self, href: &str, base: Option<&str>) -> Result<Located, Misplaced> {
        if let Some(base) = base {
            let bases = self.other(base)?;
            let (name, href) = parts(href)?;
            return Ok(Located {
                remote: Remote::at(bases, &encode(&href)),
                place: Place::Own(name),
            });
        }
        // `./` before it says nothing, and some tools write it.
        let plain = RepoPath::new(href.strip_prefix("./").unwrap_or(href));
        if let Ok(path) = plain {
            let remote = Remote::new(Arc::clone(&self.bases));
            return Ok(Located { remote, place: Place::Same(path) });
        }
        if let Some((scheme, rest)) = href.split_once("://") {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let bases = self.other(&format!("{scheme}://{host}/"))?;
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            if !query.is_empty() {
                return Err(Misplaced::Place("lies at a URL with a query".to_owned()));
            }
            // What is written as a URL is one: it is encoded already.
            let (name, path) = parts(path)?;
            return Ok(Located { remote: Remote::at(bases, &path), place: Place::Own(name) });
        }
        let (name, path) = parts(href)?;
        let remote = Remote::at(Arc::clone(&self.bases), &encode(&path));
        Ok(Located { remote, place: Place::Own(name) })
    }

    /// The folder that `xml:base` names.
    fn other(&mut self, base: &str) -> Result<Arc<[Url]>, Misplaced> {
        if let Some(known) = self.others.get(base) {
            return Ok(Arc::clone(known));
        }
        let refused = |why: &str| {
            Misplaced::Place(format!("lies at another place, {:?}, {why}", excerpt(base)))
        };
        let url = Url::parse(base).map_err(|_| refused("expected an http or https URL"))?;
        let is_secure = self.bases.first().is_some_and(|base| base.scheme() == "https");
        match url.scheme() {
            "https" => {}
            "http" if !is_secure => {}
            "http" => return Err(refused("and https is not left for http")),
            _ => return Err(refused("expected an http or https URL")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("with a login of its own"));
        }
        if self.others.len() == limits::OTHER_PLACES {
            return Err(refused("one of too many"));
        }
        let bases: Arc<[Url]> = [url].into();
        self.others.insert(base.to_owned(), Arc::clone(&bases));
        Ok(bases)
    }
}

/// The file's name, and its path without what says nothing. Everything in it but `..` keeps the rules of
/// paths.
fn parts(href: &str) -> Result<(String, String), Misplaced> {
    let said = |part: &&str| !part.is_empty() && *part != ".";
    let path: Vec<&str> = href.split('/').filter(said).collect();
    let down: Vec<&str> = path.iter().copied().filter(|part| *part != "..").collect();
    let name = href.rsplit('/').next().unwrap_or_default();
    RepoPath::new(&down.join("/"))?;
    // One that ends with a folder has no name.
    RepoPath::new(name)?;
    Ok((name.to_owned(), path.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(at: &str, href: &str, base: Option<&str>) -> Result<(String, String), String> {
        let mut layout = Layout::new([at.parse().unwrap()].into());
        let Located { remote, place } =
            layout.locate(href, base).map_err(|error| error.to_string())?;
        let (path, place) = match place {
            Place::Same(path) => (path.clone(), format!("same {path}")),
            Place::Own(name) => (RepoPath::new("own").unwrap(), format!("own {name}")),
        };
        Ok((place, remote.urls(&path)[0].to_string()))
    }

    #[test]
    fn files_lie_where_clients_look_for_them() {
        let at = "https://h.example/repo/x/?token=1";
        for (href, base, place, url) in [
            ("./a/b.rpm", None, "same a/b.rpm", "https://h.example/repo/x/a/b.rpm?token=1"),
            ("../p/b+.rpm", None, "own b+.rpm", "https://h.example/repo/p/b%2B.rpm?token=1"),
            ("../../../../b.rpm", None, "own b.rpm", "https://h.example/b.rpm?token=1"),
            ("a/../../b.rpm", None, "own b.rpm", "https://h.example/repo/b.rpm?token=1"),
            ("/p//b.rpm", None, "own b.rpm", "https://h.example/repo/x/p/b.rpm?token=1"),
            ("a/b.rpm", Some("https://i.example/y"), "own b.rpm", "https://i.example/y/a/b.rpm"),
            (
                "a%20b.rpm",
                Some("https://i.example/"),
                "own a%20b.rpm",
                "https://i.example/a%2520b.rpm",
            ),
            ("https://i.example/y/b%20.rpm", None, "own b%20.rpm", "https://i.example/y/b%20.rpm"),
        ] {
            let found = locate(at, href, base);
            assert_eq!(found, Ok((place.to_owned(), url.to_owned())), "{href}");
        }
        let plain = locate("http://h.example/", "b.rpm", Some("http://i.example/"));
        assert_eq!(plain.unwrap().1, "http://i.example/b.rpm");
    }

    #[test]
    fn what_no_repository_has_a_use_for_is_refused() {
        let at = "https://h.example/";
        for (href, base, said) in [
            ("b.rpm", Some("http://i.example/"), "https is not left for http"),
            ("http://i.example/b.rpm", None, "https is not left for http"),
            ("b.rpm", Some("ftp://i.example/"), "expected an http or https URL"),
            ("b.rpm", Some("media:1#2"), "expected an http or https URL"),
            ("b.rpm", Some("pool"), "expected an http or https URL"),
            ("b.rpm", Some("https://me:secret@i.example/"), "with a login of its own"),
            ("file:///etc/passwd", None, "expected an http or https URL"),
            ("file:/etc/passwd", None, "is a URL"),
            ("https://i.example/b.rpm?x=1", None, "a URL with a query"),
            ("../a\u{1}/b.rpm", None, "control character"),
            ("../%2e%2e/b.rpm", None, "`..` component"),
            ("..\\b.rpm", None, "backslash"),
            ("../a/", None, "is empty"),
            ("../..", None, "is empty"),
            ("/", None, "is empty"),
            ("../.mirror/state", None, "reserved"),
        ] {
            let error = locate(at, href, base).unwrap_err();
            assert!(error.contains(said), "{href}: {error}");
            assert!(!error.contains('\u{1}'), "{error}");
        }
        let long = format!("../{}", "x".repeat(300));
        assert!(locate(at, &long, None).unwrap_err().contains("too long"));
        let mut layout = Layout::new([at.parse().unwrap()].into());
        for n in 0..limits::OTHER_PLACES {
            layout.locate("b.rpm", Some(&format!("https://h{n}.example/"))).unwrap();
        }
        assert!(layout.locate("b.rpm", Some("https://one.example/")).is_err());
        assert!(layout.locate("b.rpm", Some("https://h0.example/")).is_ok());
    }
}
