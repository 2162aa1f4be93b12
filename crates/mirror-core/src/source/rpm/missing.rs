//! Packages that upstream lists and does not have.
//!
//! Where it is allowed, they are left out of what is published, and kept in mind with it
//! ([`Lacking`]): the next run asks for them again, and for nothing else where upstream is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, stream};

use super::packages::Listed;
use super::resolve::Resolving;
use crate::error::{Error, Kind, Result};
use crate::limits;
use crate::manifest::{Lacking, Origin, Remote};
use crate::part::Expected;
use crate::path::RepoPath;
use crate::report::Failure;

/// Packages to do without, and what was said of each when it was asked for.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// What the last resolution left out.
    now: BTreeMap<RepoPath, String>,
    /// What the next one is to leave out, where it is to.
    next: Option<BTreeMap<RepoPath, String>>,
}

impl Missing {
    /// What is to be left out now. With `goes_on`, what was left out is so still where nothing is said
    /// of it: it may be others for whose sake the source is resolved again.
    pub(super) fn take(&mut self, goes_on: bool) -> BTreeMap<RepoPath, String> {
        match self.next.take() {
            None if goes_on => {}
            next => self.now = next.unwrap_or_default(),
        }
        self.now.clone()
    }

    /// Leaves out those that failed next time, besides what was left out last time; false where that
    /// is nothing more, or something failed that upstream may have.
    pub(super) fn add(&mut self, failures: &[Failure]) -> bool {
        if failures.iter().any(|failure| failure.kind != Kind::NotFound) {
            return false;
        }
        let mut next = self.now.clone();
        let named = failures.iter().filter_map(|f| f.path.clone().zip(Some(f.reason.clone())));
        next.extend(named);
        let is_more = next.len() > self.now.len();
        self.next = is_more.then_some(next);
        is_more
    }
}

impl Resolving<'_> {
    /// Whether upstream still lacks what it lacked, and that is allowed.
    pub(super) async fn lacks_the_same(&self) -> Result<bool> {
        let made_from = self.context.previous().and_then(|previous| previous.made_from.as_ref());
        let lacking = made_from.map_or(&[][..], |made_from| &*made_from.lacking);
        if lacking.is_empty() || !self.source.allow_missing {
            return Ok(lacking.is_empty());
        }
        let mut asking = Vec::with_capacity(lacking.len());
        for lacking in lacking {
            asking.push(self.ask_again(lacking));
        }
        let answers: Vec<_> =
            stream::iter(asking).buffered(self.context.questions().max(1)).collect().await;
        let mut reasons = Vec::with_capacity(lacking.len());
        for answer in answers {
            match answer {
                Err(error) if error.is_local() => return Err(error),
                Err(error) if error.kind() == Kind::NotFound => reasons.push(error.to_string()),
                // It is there again, or the whole has to be looked at.
                Ok(()) | Err(_) => return Ok(false),
            }
        }
        for (lacking, reason) in lacking.iter().zip(reasons) {
            self.tell_lacking(&lacking.path, &reason);
        }
        Ok(true)
    }

    async fn ask_again(&self, lacking: &Lacking) -> Result<()> {
        let Lacking { path, size, digest, remote } = lacking;
        let own = Remote::new(Arc::clone(&self.bases));
        // Logins are not kept, and today another mirror may be the first.
        let plain = own.without_credentials();
        let is_own = remote.bases().iter().all(|base| plain.bases().contains(base));
        let urls = match remote.href() {
            _ if !is_own => remote.urls(path),
            Some(href) => Remote::at(Arc::clone(&self.bases), href).urls(path),
            None => own.urls(path),
        };
        let expected = Expected { size: *size, digest: Some(*digest) };
        let limit = size.unwrap_or(limits::PAYLOAD_SIZE);
        self.context.fetch(path.as_str(), urls, expected, limit).await.map(drop)
    }

    /// Leaves out what upstream lacks, and says so; gives that, and what is taken still.
    pub(super) fn leave_out_missing(
        &self,
        listed: &Listed,
        mut taken: Vec<bool>,
    ) -> Result<(Vec<bool>, Vec<Lacking>)> {
        let mut lacking = BTreeMap::new();
        for (taken, entry) in taken.iter_mut().zip(&listed.entries).filter(|(taken, _)| **taken) {
            let Some(reason) = self.missing.get(&entry.path) else { continue };
            let (Some(digest), Origin::Remote(remote)) = (entry.digest, &entry.origin) else {
                continue;
            };
            *taken = false;
            let (path, remote) = (entry.path.clone(), remote.without_credentials());
            let lacks = Lacking { path: path.clone(), size: entry.size, digest, remote };
            if lacking.insert(path, lacks).is_none() {
                self.tell_lacking(&entry.path, reason);
            }
        }
        if !lacking.is_empty() && !taken.contains(&true) {
            let total = listed.entries.len() as u64;
            return Err(Error::Shrinks { dropped: total, total });
        }
        Ok((taken, lacking.into_values().collect()))
    }

    fn tell_lacking(&self, path: &RepoPath, reason: &str) {
        self.context
            .warn(format!("{path}: left out, since upstream lists it and lacks it: {reason}"));
    }
}
