//! Where packages come from, and with what each server of those is asked.

use std::collections::BTreeSet;
use std::path::Path;

use mirror_core::fetch::{Access, Scope, Trust};
use mirror_core::format::pypi::input::Location;
use mirror_core::format::pypi::lock::Lock;
use mirror_core::format::pypi::requirements::{Entry, Wanted};
use mirror_core::source::pypi;
use url::Url;

use crate::config::indexes::{From, IndexError, IndexOrigin, Indexes};

/// The certificates that pip is told of, where no option names some and the environment's are not
/// those already.
fn cert(indexes: &Indexes, names_cert: bool) -> Option<Trust> {
    let cert = indexes.cert.as_ref().filter(|_| names_cert)?;
    let is_usual = cert.origin == IndexOrigin::Variable("SSL_CERT_FILE");
    (!is_usual).then(|| Trust::Only(vec![cert.value.clone()]))
}

/// Where packages come from, and with what each server of those is asked.
pub(super) struct Places {
    cert: Option<Trust>,
    pub(super) access: Vec<Access>,
}

impl Places {
    /// `names_cert` says whether the certificates that pip is told of count.
    pub(super) fn new(indexes: &Indexes, names_cert: bool) -> Self {
        Self { cert: cert(indexes, names_cert), access: Vec::new() }
    }

    pub(super) fn indexes(&mut self, indexes: &Indexes) -> Result<pypi::Indexes, IndexError> {
        let mut from = pypi::Indexes::default();
        for index in &indexes.urls {
            let mut url = match &index.value {
                Location::Url(url) => url.clone(),
                Location::Path(path) => folder(path).ok_or_else(|| IndexError::Value {
                    origin: index.origin.clone(),
                    reason: format!("{} is no folder of this host", index.value),
                })?,
            };
            self.reach(&url);
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            from.indexes.push(url);
        }
        for place in &indexes.find_links {
            if let Location::Url(url) = &place.value {
                self.reach(url);
            }
            from.find_links.push(place.value.clone());
        }
        Ok(from)
    }

    /// The servers of files that are named by themselves.
    pub(super) fn files(&mut self, entries: &[Entry], locks: &[Lock]) {
        let named = entries.iter().filter_map(|entry| match &entry.wanted {
            Wanted::File(direct) => Some(&direct.location),
            Wanted::Project(_) => None,
        });
        let packages = locks.iter().flat_map(|lock| &lock.packages);
        let locked = packages.flat_map(|locked| &locked.files).map(|file| &file.location);
        let urls = named.chain(locked).filter_map(|location| match location {
            Location::Url(url) => Some(url),
            Location::Path(_) => None,
        });
        let mut seen = BTreeSet::new();
        for url in urls.filter(|url| seen.insert(url.origin().ascii_serialization())) {
            self.reach(url);
        }
    }

    /// pip's certificates hold for the whole server, where `mirror.toml` and `.repo` files name none.
    /// A login stays in the URL: it is that of its set's requests alone.
    fn reach(&mut self, url: &Url) {
        if self.cert.is_none() || url.scheme() == "file" {
            return;
        }
        let mut server = url.clone();
        server.set_path("");
        self.access.push(Access {
            scope: Scope::below(&server),
            trust: self.cert.clone(),
            with_mirrors: true,
            yields: true,
            ..Access::default()
        });
    }
}

/// The URL of an index that lies on this host.
fn folder(path: &Path) -> Option<Url> {
    let path = std::path::absolute(path).ok().filter(|path| path.is_dir())?;
    Url::from_directory_path(path).ok()
}

/// A word on hosts of indexes whose certificates pip would not look at.
pub(super) fn unverified_hosts(indexes: &Indexes) -> Vec<String> {
    let https = |place: &From<Location>| match &place.value {
        Location::Url(url) if url.scheme() == "https" => url.host_str().map(str::to_owned),
        _ => None,
    };
    let hosts: Vec<_> = indexes.urls.iter().chain(&indexes.find_links).filter_map(https).collect();
    let trusted = indexes.trusted_hosts.iter().filter(|trusted| {
        let name = trusted.value.rsplit_once(':').map_or(&*trusted.value, |(name, _)| name);
        hosts.iter().any(|host| *host == name || *host == trusted.value)
    });
    trusted
        .map(|trusted| {
            format!(
                "{}: the certificate of {} is verified all the same; --ca-file, or ca_file of [[host]] \
                 in mirror.toml, names its authority",
                trusted.origin, trusted.value
            )
        })
        .collect()
}
