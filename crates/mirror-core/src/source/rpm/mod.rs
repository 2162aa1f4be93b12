//! RPM repositories: repomd.xml → manifest.
//!
//! One upstream state is pinned per run: `repomd.xml` is read once, and the list of packages and
//! the published metadata come from those bytes. Everything that it lists is mirrored, known kind
//! or not, byte for byte, with its signature and key where they exist.

mod advisories;
mod age;
mod check;
mod closure;
pub(crate) mod contents;
mod judge;
mod jury;
mod layout;
mod location;
mod missing;
mod packages;
mod pool;
mod records;
mod regenerate;
mod resolve;
mod selection;
mod together;
mod tree;
mod trust;

pub use advisories::ByAdvisory;
pub use check::{Checked, Duplicate, Fault, Overlap, Unproved, check, is_repository};
pub use closure::{Answer, AskedFor, Brought, Closure, Taken};
use missing::Missing;
pub use selection::{Glob, GlobError, Selection};
pub use trust::{Check, KeyFile, Trust};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use url::Url;

use super::{Context, Resolution, Source, Turn};
use crate::digest::Sha256;
use crate::error::{Result, redact};
use crate::manifest::{Entry, StoredEntry};
use crate::report::Failure;
#[cfg(feature = "signatures")]
use crate::signature::sign::SigningKey;
use jury::Bench;

/// Where a repository lies: what a `.repo` file calls `baseurl`, `mirrorlist` and `metalink`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Folders that hold the same `repodata/repomd.xml`, best first.
    Bases(Vec<Url>),
    /// A list of such folders, one a line.
    MirrorList(Url),
    /// A metalink of `repomd.xml`.
    Metalink(Url),
}

impl Location {
    /// The URL that tells this repository from others, without credentials.
    fn identity(&self) -> String {
        match self {
            Self::Bases(urls) => {
                // A folder is the same one however its URL ends.
                let first = urls.first().map(redact).unwrap_or_default();
                first.trim_end_matches('/').to_owned()
            }
            Self::MirrorList(url) | Self::Metalink(url) => identity_of_list(url),
        }
    }
}

/// What a list is asked for that says which repository it is, and is no secret.
const KNOWN_QUERY: [&str; 6] = ["arch", "country", "infra", "path", "release", "repo"];

/// A list's URL. The query says which repository it is, and may hold a token, which is neither kept
/// nor shown: of what is not known to be none, a digest stands for the value.
fn identity_of_list(list: &Url) -> String {
    let mut url = list.clone();
    // Both refuse only URLs without a host, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let plain = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        if value.is_empty() || KNOWN_QUERY.contains(&name) {
            return pair.to_owned();
        }
        let digest = Sha256::of(value.as_bytes()).hex();
        let equals = if name.is_empty() { "" } else { "=" };
        format!("{name}{equals}sha256:{}", &digest[..16])
    };
    let query = url.query().map(|query| query.split('&').map(plain).collect::<Vec<_>>().join("&"));
    url.set_query(query.as_deref());
    url.to_string()
}

/// An RPM repository as a [`Source`].
#[derive(Debug, Clone)]
pub struct RpmSource {
    location: Location,
    selection: Selection,
    treeinfo: bool,
    trust: Trust,
    allow_missing: bool,
    missing: Arc<Mutex<Missing>>,
    /// Where its packages are chosen together with those of others.
    seat: Option<closure::Seat>,
    /// Who judges the packages of what was resolved last.
    bench: Bench,
    #[cfg(feature = "signatures")]
    key: Option<Arc<SigningKey>>,
}

impl RpmSource {
    /// The whole repository at `location`.
    pub fn new(location: Location) -> Self {
        let (selection, trust) = (Selection::default(), Trust::default());
        Self {
            location,
            selection,
            treeinfo: false,
            trust,
            allow_missing: false,
            missing: Arc::default(),
            seat: None,
            bench: Bench::default(),
            #[cfg(feature = "signatures")]
            key: None,
        }
    }

    /// Only what `selection` takes.
    #[must_use]
    pub fn select(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Whose signature of `repomd.xml` and of packages counts.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Signs metadata of our own with this key, and publishes the public key beside it. What is upstream's
    /// keeps upstream's signature.
    #[cfg(feature = "signatures")]
    #[must_use]
    pub fn sign_with(mut self, key: Option<Arc<SigningKey>>) -> Self {
        self.key = key;
        self
    }

    /// Without the packages that upstream lists and does not have (404 or 410 at all of its mirrors):
    /// each is named in a warning, and asked for again by the next run. Else they are failures.
    #[must_use]
    pub fn allow_missing(mut self, allow_missing: bool) -> Self {
        self.allow_missing = allow_missing;
        self
    }

    /// Only the packages that are chosen by `closure`, which other repositories are given too, for hosts
    /// of these base architectures. What the selection drops is not to be chosen. A run that has some of
    /// the repositories chooses of those.
    #[must_use]
    pub fn chosen_with(mut self, closure: &Arc<Closure>, arches: &[String]) -> Self {
        self.seat = Some(closure::Seat::take(closure, self.location.identity(), arches));
        self
    }

    fn missing(&self) -> MutexGuard<'_, Missing> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With `.treeinfo` and the files that it lists: what an installer boots from.
    #[must_use]
    pub fn with_treeinfo(mut self, treeinfo: bool) -> Self {
        self.treeinfo = treeinfo;
        self
    }
}

impl Source for RpmSource {
    fn identity(&self) -> String {
        format!("rpm {}", self.location.identity())
    }

    fn fingerprint(&self) -> String {
        // Trust is not of it: the files are the same, whoever vouches for them.
        let mut fingerprint = format!("rpm 1 treeinfo={} {}", self.treeinfo, self.selection);
        if let Some(seat) = &self.seat {
            fingerprint.push(' ');
            fingerprint.push_str(&seat.fingerprint());
        }
        #[cfg(feature = "signatures")]
        if let Some(key) = &self.key {
            // Who signs what is made here makes other files, and so does a key that says something else of
            // itself: that it lives longer.
            let public = Sha256::of(key.public().as_bytes()).hex();
            return format!("{fingerprint} signed={} key={}", key.fingerprint(), &public[..16]);
        }
        fingerprint
    }

    fn resolve<'a>(&'a self, context: &'a Context<'a>) -> BoxFuture<'a, Result<Resolution>> {
        let missing = self.missing().take(self.seat.is_some());
        let resolving =
            async || resolve::Resolving::begin(self, context, missing).await?.settle().await;
        let Some(seat) = &self.seat else { return Box::pin(resolving()) };
        Box::pin(async move {
            let identity = format!("{} {}", self.identity(), self.fingerprint());
            let _entered = seat.enter(context.tree(), identity);
            let resolution = resolving().await;
            if let Err(error) = &resolution {
                seat.fail(&error.to_string());
            }
            resolution
        })
    }

    fn companions(&self) -> Option<usize> {
        self.seat.as_ref().map(closure::Seat::key)
    }

    fn begin(&self, turn: Turn) {
        if let Some(seat) = &self.seat {
            if turn == Turn::First {
                *self.missing() = Missing::default();
            }
            seat.begin(turn);
        }
    }

    fn give_up(&self, why: &str) {
        if let Some(seat) = &self.seat {
            seat.fail(why);
        }
    }

    fn is_outdated(&self) -> bool {
        self.seat.as_ref().is_some_and(closure::Seat::is_outdated)
    }

    fn may_do_without(&self) -> bool {
        self.allow_missing
    }

    /// Where it is allowed to, and all that failed are files that upstream does not have.
    fn do_without(&self, failures: &[Failure]) -> bool {
        self.allow_missing && self.missing().add(failures)
    }

    fn makes_files(&self) -> bool {
        self.trust.packages != Check::Off
    }

    /// Makes no file: this is where the packages are at hand whose signatures are to be judged.
    fn finish<'a>(
        &'a self,
        context: &'a Context<'a>,
        stored: &'a [StoredEntry],
    ) -> BoxFuture<'a, Result<Vec<Entry>>> {
        Box::pin(async move {
            self.bench.judge(context, stored).await?;
            Ok(Vec::new())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_known_by_its_query_without_what_may_be_secret() {
        let identity = |text: &str| Location::Metalink(text.parse().unwrap()).identity();
        let plain = "https://h.example/metalink?repo=epel-9&arch=x86_64";
        assert_eq!(identity(plain), plain);
        assert_eq!(identity(&plain.replace("//", "//me:secret@")), plain);
        for query in ["repo=x&token=secret", "secret", "repo=x&secret"] {
            let one = identity(&format!("https://h.example/list?{query}"));
            assert!(!one.contains("secret"), "{one}");
            let other = identity(&format!("https://h.example/list?{query}2"));
            assert_ne!(one, other, "two repositories");
        }
    }
}
