//! Whether the packages are signed by keys that count.
//!
//! Packages are judged when all of a tree is stored, before any of it is published; of most only the
//! headers are read. A file that is listed as something else and begins as a package does is one: it can
//! be installed by its name. What was judged good is kept in the store's cache by the content's SHA-256 with
//! the key that signed it, under what is known of the keys now: where one was revoked or has expired
//! since, all are judged anew.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(not(feature = "signatures"))]
pub(super) use without::Jury;

#[cfg(feature = "signatures")]
pub(super) use judging::Jury;

use crate::error::Result;
use crate::manifest::StoredEntry;
use crate::source::Context;

/// Where a source keeps who judges its packages, from when it has read `repomd.xml` to when all is
/// stored.
#[derive(Default)]
pub(super) struct Bench(Mutex<Option<Arc<Jury>>>);

impl Bench {
    pub(super) fn seat(&self, jury: Option<Jury>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = jury.map(Arc::new);
    }

    /// Judges the packages, where somebody is to.
    pub(super) async fn judge(&self, context: &Context<'_>, stored: &[StoredEntry]) -> Result<()> {
        let jury = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match jury {
            Some(jury) => jury.judge(context, stored).await,
            None => Ok(()),
        }
    }
}

/// Another source has its own.
impl Clone for Bench {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}

#[cfg(not(feature = "signatures"))]
mod without {
    use super::{Context, Result, StoredEntry};

    /// Nobody.
    pub(in super::super) enum Jury {}

    impl Jury {
        #[allow(clippy::unused_async)] // as the other one
        pub(super) async fn judge(&self, _: &Context<'_>, _: &[StoredEntry]) -> Result<()> {
            match *self {}
        }
    }
}

#[cfg(feature = "signatures")]
mod judging {
    use std::collections::{BTreeMap, HashMap};
    use std::fmt::Write as _;
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::sync::Arc;

    use futures::{StreamExt as _, stream};

    use super::super::trust::Check;
    use crate::digest::Sha256;
    use crate::error::{Error, Result};
    use crate::manifest::{Role, StoredEntry};
    use crate::report::{PackageSignatures, SignedBy};
    use crate::signature::package::{self, Verdict, Vouched};
    use crate::signature::{Fingerprint, Keys};
    use crate::source::Context;

    /// Files that are open at once for each core.
    const OPEN: usize = 2;

    /// What packages are held against.
    pub(in super::super) struct Jury {
        check: Check,
        keys: Keys,
        trusted: Vec<Fingerprint>,
        /// Whether what the metadata lists is vouched for by a signature.
        is_signed: bool,
        /// Seconds since 1970.
        now: i64,
    }

    /// What is not good, and of which the first is told.
    #[derive(Default)]
    struct PassedOver {
        count: u64,
        first: Option<String>,
    }

    impl Jury {
        pub(in super::super) fn new(
            check: Check,
            keys: Keys,
            trusted: Vec<Fingerprint>,
            is_signed: bool,
            now: i64,
        ) -> Self {
            Self { check, keys, trusted, is_signed, now }
        }

        pub(super) async fn judge(
            self: &Arc<Self>,
            context: &Context<'_>,
            stored: &[StoredEntry],
        ) -> Result<()> {
            let cache = format!("package signatures {}", context.tree());
            let under = self.keys.state(&self.trusted, self.now);
            let known = context.cached(&cache).and_then(|kept| read(&kept, &under));
            let known = known.unwrap_or_default();
            let (old, new): (Vec<_>, Vec<_>) =
                stored.iter().partition(|entry| known.contains_key(&entry.sha256));
            let mut good: HashMap<Sha256, Fingerprint> =
                old.iter().map(|entry| (entry.sha256, known[&entry.sha256])).collect();
            let mut signers: BTreeMap<Fingerprint, u64> = BTreeMap::new();
            for entry in &old {
                *signers.entry(known[&entry.sha256]).or_default() += 1;
            }

            let mut report = PackageSignatures { known: old.len() as u64, ..Default::default() };
            let (mut unsigned, mut not_judged) = (PassedOver::default(), PassedOver::default());
            let at_once = std::thread::available_parallelism().map_or(1, usize::from) * OPEN;
            let looking = (0..new.len()).map(|at| self.look(context, new[at]));
            let mut judged = stream::iter(looking).buffered(at_once).zip(stream::iter(&new));
            while let Some((verdict, entry)) = judged.next().await {
                let Some(verdict) = verdict? else { continue };
                match verdict {
                    Verdict::Good(signer) => {
                        *signers.entry(signer.key).or_default() += 1;
                        good.insert(entry.sha256, signer.key);
                    }
                    Verdict::Unsigned if self.check == Check::IfPresent => unsigned.take(entry, ""),
                    Verdict::Refused(refusal)
                        if self.check == Check::IfPresent && refusal.tells_nothing() =>
                    {
                        not_judged.take(entry, &refusal.to_string());
                    }
                    verdict => {
                        report.refused += 1;
                        context.refuse(entry.path.clone(), self.reason(&verdict));
                    }
                }
            }
            drop(judged);
            (report.unsigned, report.not_judged) = (unsigned.count, not_judged.count);
            // Where a repository signs none, or by other keys alone, the counts say all.
            if !signers.is_empty() {
                unsigned.tell(context, "unsigned");
                not_judged.tell(context, "not judged by their signatures");
            }
            report.good = signers
                .into_iter()
                .map(|(key, packages)| SignedBy { key, name: self.name(&key), packages })
                .collect();
            context.tell_packages(report);
            if good != known {
                context.keep(&cache, write(&good, &under));
                context.kept().await;
            }
            Ok(())
        }

        /// Judges a file; `None` where it is no package.
        async fn look(
            self: &Arc<Self>,
            context: &Context<'_>,
            entry: &StoredEntry,
        ) -> Result<Option<Verdict>> {
            let (jury, vouched) = (Arc::clone(self), self.vouched(entry));
            let is_listed_as_one = entry.role == Role::Payload;
            let mut file = context.open_entry(&entry.path, &entry.sha256)?;
            let verdict = tokio::task::spawn_blocking(move || {
                if is_listed_as_one || package::is_package(&mut file)? {
                    return jury.verify(&mut file, vouched).map(Some);
                }
                Ok(None)
            });
            let verdict = verdict.await.map_err(|error| Error::Client(error.into()))?;
            verdict.map_err(Error::io("read", Path::new(entry.path.as_str())))
        }

        fn verify(&self, file: &mut File, vouched: Option<Vouched>) -> io::Result<Verdict> {
            package::verify(file, vouched, &self.keys, &self.trusted, self.now)
        }

        /// What signed metadata lists vouches for what was stored by it. What is no package there may be
        /// of `.treeinfo`, which nobody signs.
        fn vouched(&self, entry: &StoredEntry) -> Option<Vouched> {
            if !self.is_signed || entry.role != Role::Payload || entry.unverified.is_some() {
                return None;
            }
            Vouched::stored(&entry.digest.unwrap_or_else(|| entry.sha256.into()))
        }

        /// What was expected of a package, and what was found.
        fn reason(&self, verdict: &Verdict) -> String {
            let keys: Vec<_> = self.trusted.iter().map(Fingerprint::to_string).collect();
            match verdict {
                Verdict::Unsigned => {
                    format!("unsigned, expected a signature by {}", keys.join(" or "))
                }
                verdict => verdict.to_string(),
            }
        }

        fn name(&self, key: &Fingerprint) -> String {
            self.keys.get(key).map(|key| key.name(self.now)).unwrap_or_default()
        }
    }

    impl PassedOver {
        fn take(&mut self, entry: &StoredEntry, reason: &str) {
            self.count += 1;
            if self.first.is_none() {
                let colon = if reason.is_empty() { "" } else { ": " };
                self.first = Some(format!("{}{colon}{reason}", entry.path));
            }
        }

        fn tell(self, context: &Context<'_>, what: &str) {
            let Some(first) = self.first else { return };
            let packages = if self.count == 1 { "package" } else { "packages" };
            let such = if self.count == 1 { "" } else { "the first is " };
            context.warn(format!("{} {packages} {what}; {such}{first}", self.count));
        }
    }

    /// What was judged good under the same state of the keys.
    fn read(kept: &[u8], under: &Sha256) -> Option<HashMap<Sha256, Fingerprint>> {
        let mut lines = std::str::from_utf8(kept).ok()?.lines();
        if lines.next()? != under.hex() {
            return None;
        }
        let pair = |line: &str| {
            let (sha256, key) = line.split_once(' ')?;
            Some((Sha256::from_hex(sha256)?, key.parse().ok()?))
        };
        lines.map(pair).collect()
    }

    fn write(good: &HashMap<Sha256, Fingerprint>, under: &Sha256) -> Vec<u8> {
        let mut text = under.hex() + "\n";
        for (sha256, key) in good {
            let _ = writeln!(text, "{} {key}", sha256.hex());
        }
        text.into_bytes()
    }
}
