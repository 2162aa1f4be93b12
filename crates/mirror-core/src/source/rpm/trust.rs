//! Whose signature of `repomd.xml` counts.
//!
//! Trust is in fingerprints: a key's bytes may come from anywhere, if they fit one. Which
//! fingerprints those are, the first of these says that says anything:
//!
//! 1. [`Trust::pinned`]: those that the user named.
//! 2. What was recorded with the published generation: the keys that were trusted when the
//!    repository was mirrored last.
//! 3. *First use*: the keys at [`Trust::urls`] and in [`Trust::keys`], where upstream's publisher says
//!    that they are, and if [`Trust::expected`] names some, only those. They are then recorded.
//!
//! A key that merely lies beside `repomd.xml` is never trusted for that: whoever changes the one can
//! change the other. Its bytes are used where its fingerprint is trusted anyway.

use std::fmt;
use std::sync::Arc;

use url::Url;

use super::resolve::{Resolving, SIGNATURE};
use crate::error::Result;
use crate::signature::{Fingerprint, Judgement, Verdict};
use crate::source::Stored;

/// Whether signatures are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// There has to be one that counts.
    Require,
    /// One that is there has to be good, as far as there is a key to judge it by; and where one was
    /// good, none must be missing later.
    #[default]
    IfPresent,
    /// Signatures are mirrored and not looked at.
    Off,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Require => "require",
            Self::IfPresent => "if-present",
            Self::Off => "off",
        })
    }
}

/// A key file that somebody has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// What errors call it.
    pub name: String,
    /// Its content.
    pub content: Arc<[u8]>,
}

/// Whose signature counts; the module has the words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// Whether it is checked.
    pub check: Check,
    /// The only keys that count; none: those that were recorded, or those of the first use.
    pub pinned: Vec<Fingerprint>,
    /// The only keys that are taken at first use; none: all at [`Trust::urls`] and in
    /// [`Trust::keys`].
    pub expected: Vec<Fingerprint>,
    /// Key files at hand.
    pub keys: Vec<KeyFile>,
    /// Where keys can be had. They are asked for whenever a signature is judged, so that a revocation
    /// or a longer life is noticed.
    pub urls: Vec<Url>,
}

/// What a judgement depends on: where keys come from is not of it.
impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signature={}", self.check)?;
        for (word, keys) in [("keys", &self.pinned), ("expected", &self.expected)] {
            let mut keys: Vec<String> = keys.iter().map(Fingerprint::to_string).collect();
            keys.sort();
            if !keys.is_empty() {
                write!(f, " {word}={}", keys.join(","))?;
            }
        }
        Ok(())
    }
}

/// The signature, as far as it was asked for before `repomd.xml` was read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    /// It was not.
    No,
    /// This is what upstream has.
    Asked(Option<Stored>),
}

impl Resolving<'_> {
    /// The signature, if the published one was checked: it may have changed beside an unchanged
    /// `repomd.xml`, which then is to be judged and published anew.
    pub(super) async fn signature_if_checked(&self) -> Result<Seen> {
        let previous = self.context.previous().and_then(|previous| previous.signature.as_ref());
        if previous.is_some_and(|previous| previous.verdict.is_good()) {
            return self.fetch_small(SIGNATURE).await.map(Seen::Asked);
        }
        Ok(Seen::No)
    }

    /// Whether the signature is the published one. A missing one is: what is published beside the
    /// same `repomd.xml` is good.
    pub(super) fn is_same_signature(&self, seen: Seen) -> bool {
        let Seen::Asked(Some(seen)) = seen else { return true };
        let previous = self.context.previous().and_then(|previous| previous.get(SIGNATURE));
        previous.is_some_and(|previous| previous.sha256 == seen.sha256)
    }

    /// Whether the published signature was judged by the settings of now.
    pub(super) fn is_judged_alike(&self) -> bool {
        let previous = self.context.previous().and_then(|previous| previous.signature.as_ref());
        previous.is_some_and(|previous| previous.under == self.source.trust.to_string())
    }

    /// Judges the signature of `repomd.xml`, with the key beside it where there is one. An error: it
    /// must not be mirrored.
    pub(super) async fn judge(
        &self,
        repomd: &Stored,
        beside: [Option<Stored>; 2],
    ) -> Result<Judgement> {
        let (verdict, recorded) = self.verdict(repomd, beside).await?;
        Ok(Judgement { verdict, recorded, under: self.source.trust.to_string() })
    }

    /// What is found, and the keys that may sign from now on.
    async fn verdict(
        &self,
        repomd: &Stored,
        [signature, key]: [Option<Stored>; 2],
    ) -> Result<(Verdict, Vec<Fingerprint>)> {
        let trust = &self.source.trust;
        let kept = self.context.signature();
        let mut recorded = kept.map(|kept| kept.recorded.clone()).unwrap_or_default();
        if trust.check == Check::Off {
            if signature.is_none() {
                // Who takes it without a signature takes it as one that nobody signs.
                recorded.clear();
            }
            return Ok((Verdict::Off, recorded));
        }
        match signature {
            Some(signature) => self.judge_signature(repomd, &signature, key, recorded).await,
            None => self.judge_unsigned(kept.map(|kept| &kept.verdict), recorded),
        }
    }
}

#[cfg(feature = "signatures")]
mod judging {
    use std::io::Read as _;
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::{Check, Resolving, SIGNATURE};
    use crate::error::{Error, Result, redact};
    use crate::limits;
    use crate::signature::{self, Fault, Fingerprint, Keys, Signer, Trusted, Verdict};
    use crate::source::Stored;

    /// The keys that count, and why.
    struct Counting {
        keys: Keys,
        trusted: Vec<Fingerprint>,
        why: Trusted,
    }

    impl Resolving<'_> {
        pub(super) fn judge_unsigned(
            &self,
            published: Option<&Verdict>,
            recorded: Vec<Fingerprint>,
        ) -> Result<(Verdict, Vec<Fingerprint>)> {
            let refused = |reason: String| Error::Untrusted { file: self.url(SIGNATURE), reason };
            if self.source.trust.check == Check::Require {
                return Err(refused("not there, and a signature is required".to_owned()));
            }
            if let Some(Verdict::Good { fingerprint, .. }) = published {
                return Err(refused(format!(
                    "not there, and what is published was signed by {fingerprint}"
                )));
            }
            // Signatures that were not looked at for a while were not given up with that.
            if !recorded.is_empty() {
                let keys: Vec<_> = recorded.iter().map(Fingerprint::to_string).collect();
                return Err(refused(format!(
                    "not there, and what is published was once signed by {}",
                    keys.join(" or ")
                )));
            }
            Ok((Verdict::Unsigned, recorded))
        }

        pub(super) async fn judge_signature(
            &self,
            repomd: &Stored,
            signature: &Stored,
            beside: Option<Stored>,
            recorded: Vec<Fingerprint>,
        ) -> Result<(Verdict, Vec<Fingerprint>)> {
            let content = self.content(repomd)?;
            let signature = self.content(signature)?;
            let counting = self.counting(beside, &recorded).await?;
            // A clock before 1970 is set right nowhere else.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            let Counting { keys, trusted, why } = counting;
            match signature::verify(&content, &signature, &keys, &trusted, now) {
                Ok(Signer { key: fingerprint, name: by, .. }) => {
                    let verdict = Verdict::Good { fingerprint, by, trusted: why };
                    Ok((verdict, trusted))
                }
                Err(fault) => self.refuse(fault, why, trusted, &signature, recorded),
            }
        }

        /// What a signature that is not good comes to.
        fn refuse(
            &self,
            fault: Fault,
            why: Trusted,
            trusted: Vec<Fingerprint>,
            signature: &[u8],
            recorded: Vec<Fingerprint>,
        ) -> Result<(Verdict, Vec<Fingerprint>)> {
            let file = self.url(SIGNATURE);
            let signers = || signature::issuers(signature).unwrap_or_default();
            if why == Trusted::FirstUse && self.source.trust.check != Check::Require {
                // Nothing is pinned: as good as unsigned, unless the file was changed.
                let reason = match &fault {
                    Fault::Tampered { .. } => return Err(Error::Signature { file, source: fault }),
                    Fault::WrongKey { .. } | Fault::NoKey(_) => {
                        format!("no key is pinned, signed by {}", signers().join(", "))
                    }
                    fault => format!("no key is pinned, {fault}"),
                };
                return Ok((Verdict::NotJudged { reason }, recorded));
            }
            if trusted.is_empty() {
                let found = signers().join(", ");
                let reason = format!("signed by {found}, and no key is pinned to hold it against");
                return Err(Error::Untrusted { file, reason });
            }
            Err(match fault {
                Fault::WrongKey { .. } if why == Trusted::Recorded => {
                    Error::KeyChanged { file, found: signers(), recorded: trusted }
                }
                source => Error::Signature { file, source },
            })
        }

        /// Gathers the keys.
        async fn counting(
            &self,
            beside: Option<Stored>,
            recorded: &[Fingerprint],
        ) -> Result<Counting> {
            let trust = &self.source.trust;
            let mut keys = Keys::default();
            for file in &trust.keys {
                keys.extend(read_keys(&file.content, &file.name)?);
            }
            for url in &trust.urls {
                match self.fetch_key(url).await {
                    Ok(found) => keys.extend(found),
                    Err(error) if error.is_local() => return Err(error),
                    // What is at hand may do; if it does not, the fault says which key is missing.
                    Err(error) => self.context.warn(error.to_string()),
                }
            }
            let (trusted, why) = if !trust.pinned.is_empty() {
                (trust.pinned.clone(), Trusted::Pinned)
            } else if recorded.is_empty() {
                let is_expected =
                    |key: &&Fingerprint| trust.expected.is_empty() || trust.expected.contains(key);
                // Before the key beside the file comes to them.
                (keys.fingerprints().filter(is_expected).copied().collect(), Trusted::FirstUse)
            } else {
                (recorded.to_vec(), Trusted::Recorded)
            };
            if let Some(beside) = beside {
                // One that is none says nothing: it is not trusted anyway.
                keys.extend(Keys::read(&self.content(&beside)?).unwrap_or_default());
            }
            Ok(Counting { keys, trusted, why })
        }

        async fn fetch_key(&self, url: &url::Url) -> Result<Keys> {
            let name = url.path_segments().and_then(Iterator::last).unwrap_or_default();
            let name = if name.is_empty() { "key" } else { name };
            let content =
                self.context.read(name, vec![url.clone()], limits::SIGNATURE_SIZE).await?;
            read_keys(&content, &redact(url))
        }

        /// The bytes of a small file.
        fn content(&self, stored: &Stored) -> Result<Vec<u8>> {
            let mut content = Vec::new();
            let file = self.context.open(&stored.sha256)?;
            let read = file.take(limits::REPOMD_SIZE).read_to_end(&mut content);
            read.map_err(Error::io("read", std::path::Path::new(SIGNATURE)))?;
            Ok(content)
        }
    }

    fn read_keys(content: &[u8], name: &str) -> Result<Keys> {
        Keys::read(content)
            .map_err(|error| Error::KeyFile { file: name.to_owned(), reason: error.to_string() })
    }
}

#[cfg(not(feature = "signatures"))]
mod judging {
    use super::{Check, Resolving, SIGNATURE};
    use crate::error::{Error, Result};
    use crate::signature::{Fingerprint, Verdict};
    use crate::source::Stored;

    const REASON: &str = "this program was built without OpenPGP";

    impl Resolving<'_> {
        pub(super) fn judge_unsigned(
            &self,
            _: Option<&Verdict>,
            recorded: Vec<Fingerprint>,
        ) -> Result<(Verdict, Vec<Fingerprint>)> {
            self.unable(recorded, Verdict::Unsigned)
        }

        #[allow(clippy::unused_async)] // as the other one
        pub(super) async fn judge_signature(
            &self,
            _: &Stored,
            _: &Stored,
            _: Option<Stored>,
            recorded: Vec<Fingerprint>,
        ) -> Result<(Verdict, Vec<Fingerprint>)> {
            self.unable(recorded, Verdict::NotJudged { reason: REASON.to_owned() })
        }

        /// Whoever asks for a check must not get none.
        fn unable(
            &self,
            recorded: Vec<Fingerprint>,
            verdict: Verdict,
        ) -> Result<(Verdict, Vec<Fingerprint>)> {
            let trust = &self.source.trust;
            if trust.check == Check::Require || !trust.pinned.is_empty() || !recorded.is_empty() {
                let (file, reason) = (self.url(SIGNATURE), REASON.to_owned());
                return Err(Error::Untrusted { file, reason });
            }
            Ok((verdict, recorded))
        }
    }
}
