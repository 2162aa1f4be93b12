//! Whether the signature of `repomd.xml` counts, and whether the key beside it may be published.

use std::io::Read as _;
use std::path::Path;

use super::trust::{Check, Trust};
use crate::error::{Error, Result};
use crate::limits;
#[cfg(feature = "signatures")]
use crate::signature::Keys;
use crate::signature::{Fingerprint, Judgement, Verdict};
use crate::source::{Context, Stored};

/// The signature of `repomd.xml`.
pub(super) const SIGNATURE: &str = "repodata/repomd.xml.asc";

/// Holds what lies beside `repomd.xml` against the keys that are trusted.
pub(super) struct Judge<'a> {
    pub(super) trust: &'a Trust,
    pub(super) context: &'a Context<'a>,
    /// The signature's URL, for messages.
    pub(super) signature_url: String,
    /// That of the key beside it.
    pub(super) key_url: String,
    /// The keys of files and URLs, once they are read.
    #[cfg(feature = "signatures")]
    pub(super) named: tokio::sync::OnceCell<Keys>,
}

impl Judge<'_> {
    /// Judges the signature of `repomd.xml`, with the key beside it where there is one. An error: it
    /// must not be mirrored.
    pub(super) async fn judge(
        &self,
        repomd: &Stored,
        [signature, key]: [Option<&Stored>; 2],
    ) -> Result<Judgement> {
        let kept = self.context.signature();
        let mut recorded = kept.map(|kept| kept.recorded.clone()).unwrap_or_default();
        if self.trust.check == Check::Off {
            if signature.is_none() {
                // Who takes it without a signature takes it as one that nobody signs.
                recorded.clear();
            }
            return Ok(self.judged(Verdict::Off, recorded));
        }
        match signature {
            Some(signature) => self.judge_signature(repomd, signature, key, recorded).await,
            None => self.judge_unsigned(kept.map(|kept| &kept.verdict), recorded),
        }
    }

    /// Whether the key beside the file may be published. Where some keys are trusted, it has to hold
    /// those alone: nodes that take it for the repository's key take all that it holds, and whoever
    /// can change upstream's files could put his own there.
    pub(super) fn may_publish(&self, key: &Stored, judgement: &Judgement) -> Result<bool> {
        let pinned = &self.trust.pinned;
        let trusted = if pinned.is_empty() { &judgement.recorded } else { pinned };
        if trusted.is_empty() {
            return Ok(true);
        }
        let Some(reason) = self.stranger(key, trusted)? else { return Ok(true) };
        self.context.warn(format!("{}: not published, since it {reason}", self.key_url));
        Ok(false)
    }

    /// The bytes of a small file.
    fn content(&self, stored: &Stored) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let file = self.context.open(&stored.sha256)?;
        let read = file.take(limits::REPOMD_SIZE).read_to_end(&mut content);
        read.map_err(Error::io("read", Path::new(SIGNATURE)))?;
        Ok(content)
    }

    fn judged(&self, verdict: Verdict, recorded: Vec<Fingerprint>) -> Judgement {
        Judgement { verdict, recorded, under: self.trust.to_string() }
    }

    fn untrusted(&self, reason: String) -> Error {
        Error::Untrusted { file: self.signature_url.clone(), reason }
    }
}

#[cfg(feature = "signatures")]
mod judging {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::super::jury::Jury;
    use super::{Check, Judge};
    use crate::error::{Error, Result, redact};
    use crate::limits;
    use crate::signature::{
        self, Fault, Fingerprint, Judgement, Key, Keys, Signer, Trusted, Verdict,
    };
    use crate::source::Stored;

    /// The keys that count, and why.
    struct Counting {
        keys: Keys,
        trusted: Vec<Fingerprint>,
        why: Trusted,
    }

    impl Judge<'_> {
        pub(super) fn judge_unsigned(
            &self,
            published: Option<&Verdict>,
            recorded: Vec<Fingerprint>,
        ) -> Result<Judgement> {
            if self.trust.check == Check::Require {
                return Err(self.untrusted("not there, and a signature is required".to_owned()));
            }
            if let Some(Verdict::Good { fingerprint, .. }) = published {
                return Err(self.untrusted(format!(
                    "not there, and what is published was signed by {fingerprint}"
                )));
            }
            // Signatures that were not looked at for a while were not given up with that.
            if !recorded.is_empty() {
                let keys: Vec<_> = recorded.iter().map(Fingerprint::to_string).collect();
                return Err(self.untrusted(format!(
                    "not there, and what is published was once signed by {}",
                    keys.join(" or ")
                )));
            }
            Ok(self.judged(Verdict::Unsigned, recorded))
        }

        pub(super) async fn judge_signature(
            &self,
            repomd: &Stored,
            signature: &Stored,
            beside: Option<&Stored>,
            recorded: Vec<Fingerprint>,
        ) -> Result<Judgement> {
            let content = self.content(repomd)?;
            let signature = self.content(signature)?;
            let Counting { keys, trusted, why } = self.counting(beside, &recorded).await?;
            let now = now();
            match signature::verify(&content, &signature, &keys, &trusted, now) {
                Ok(Signer { key: fingerprint, name: by, .. }) => {
                    let verdict = Verdict::Good { fingerprint, by, trusted: why };
                    let recorded = self.without_dead(trusted, why, &keys, now);
                    Ok(self.judged(verdict, recorded))
                }
                Err(fault) => self.refuse(fault, why, trusted, &signature, recorded),
            }
        }

        /// The keys to record: none that is revoked, since who lays the key there without its
        /// revocation later would be trusted; and at first use none that expired. One that was
        /// recorded before it expired may come back with a longer life.
        fn without_dead(
            &self,
            trusted: Vec<Fingerprint>,
            why: Trusted,
            keys: &Keys,
            now: i64,
        ) -> Vec<Fingerprint> {
            let lives = |key: &Fingerprint| match keys.get(key).map(|key| key.standing(now)) {
                Some(Err(fault))
                    if why == Trusted::FirstUse || matches!(fault, Fault::KeyRevoked { .. }) =>
                {
                    self.context.warn(format!("{fault}, so it is not recorded"));
                    false
                }
                _ => true,
            };
            trusted.into_iter().filter(lives).collect()
        }

        /// What a signature that is not good comes to.
        fn refuse(
            &self,
            fault: Fault,
            why: Trusted,
            trusted: Vec<Fingerprint>,
            signature: &[u8],
            recorded: Vec<Fingerprint>,
        ) -> Result<Judgement> {
            let file = self.signature_url.clone();
            let signers = || signature::issuers(signature).unwrap_or_default();
            if why == Trusted::FirstUse && self.trust.check != Check::Require {
                // Nothing is pinned: as good as unsigned, unless the file was changed.
                let verdict = match &fault {
                    Fault::Tampered { .. } => return Err(Error::Signature { file, source: fault }),
                    Fault::WrongKey { .. } | Fault::NoKey(_) => Verdict::NotJudged {
                        reason: format!("no key is pinned, signed by {}", signers().join(", ")),
                    },
                    fault => Verdict::Discounted { reason: fault.to_string() },
                };
                return Ok(self.judged(verdict, recorded));
            }
            if trusted.is_empty() {
                let found = signers().join(", ");
                let reason = format!("signed by {found}, and no key is pinned to hold it against");
                return Err(self.untrusted(reason));
            }
            Err(match fault {
                Fault::WrongKey { .. } if why == Trusted::Recorded => {
                    Error::KeyChanged { file, found: signers(), recorded: trusted }
                }
                source => Error::Signature { file, source },
            })
        }

        /// The keys of the files and URLs that were named.
        async fn named(&self) -> Result<&Keys> {
            self.named.get_or_try_init(|| self.read_named()).await
        }

        async fn read_named(&self) -> Result<Keys> {
            let mut keys = Keys::default();
            for file in &self.trust.keys {
                keys.extend(read_keys(&file.content, &file.name)?);
            }
            for url in &self.trust.urls {
                match self.fetch_key(url).await {
                    Ok(found) => keys.extend(found),
                    Err(error) if error.is_local() => return Err(error),
                    // What is at hand may do; if it does not, the fault says which key is missing.
                    Err(error) => self.context.warn(error.to_string()),
                }
            }
            Ok(keys)
        }

        /// Who judges the packages; `None` where nothing is to be held against anything.
        pub(in super::super) async fn jury(
            &self,
            judgement: &Judgement,
            beside: Option<&Stored>,
        ) -> Result<Option<Jury>> {
            let trust = self.trust;
            if trust.packages == Check::Off {
                return Ok(None);
            }
            let is_required = trust.packages == Check::Require;
            let mut trusted = [&trust.pinned[..], &trust.expected].concat();
            if trusted.is_empty() {
                trusted.clone_from(&judgement.recorded);
            }
            if trusted.is_empty() && is_required {
                trusted.extend(self.named().await?.fingerprints());
            }
            if trusted.is_empty() {
                let reason = "signatures of packages are required, and no key is pinned to hold them \
                              against";
                let file = self.context.tree().to_owned();
                let reason = reason.to_owned();
                return if is_required { Err(Error::Untrusted { file, reason }) } else { Ok(None) };
            }
            let mut keys = self.named().await?.clone();
            if let Some(beside) = beside {
                keys.extend(Keys::read(&self.content(beside)?).unwrap_or_default());
            }
            self.recall_revocations(&mut keys, &trusted).await;
            // Without the bytes of any nothing would come of it.
            if !is_required && !trusted.iter().any(|key| keys.get(key).is_some()) {
                return Ok(None);
            }
            let is_signed = judgement.verdict.is_good();
            Ok(Some(Jury::new(trust.packages, keys, trusted, is_signed, now())))
        }

        /// Gathers the keys.
        async fn counting(
            &self,
            beside: Option<&Stored>,
            recorded: &[Fingerprint],
        ) -> Result<Counting> {
            let trust = &self.trust;
            let mut keys = self.named().await?.clone();
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
                keys.extend(Keys::read(&self.content(beside)?).unwrap_or_default());
            }
            self.recall_revocations(&mut keys, &trusted).await;
            Ok(Counting { keys, trusted, why })
        }

        /// Puts to the keys what was known when one of them was found revoked, and keeps it where that is
        /// now: a place that gives the key without its revocation later makes it no better.
        async fn recall_revocations(&self, keys: &mut Keys, trusted: &[Fingerprint]) {
            let place = |key: &Fingerprint| format!("revoked key {key}");
            for fingerprint in trusted {
                let kept = self.context.cached(&place(fingerprint));
                if let Some(kept) = &kept {
                    keys.extend(Keys::read(kept).unwrap_or_default());
                }
                let revoked = keys.get(fingerprint).and_then(Key::if_revoked);
                if let Some(revoked) = revoked.filter(|revoked| kept.as_ref() != Some(revoked)) {
                    self.context.keep(&place(fingerprint), revoked);
                }
            }
            self.context.kept().await;
        }

        async fn fetch_key(&self, url: &url::Url) -> Result<Keys> {
            let name = url.path_segments().and_then(Iterator::last).unwrap_or_default();
            let name = if name.is_empty() { "key" } else { name };
            let content =
                self.context.read(name, vec![url.clone()], limits::SIGNATURE_SIZE).await?;
            read_keys(&content, &redact(url))
        }

        /// What the key file holds besides the keys that are trusted.
        pub(super) fn stranger(
            &self,
            key: &Stored,
            trusted: &[Fingerprint],
        ) -> Result<Option<String>> {
            Ok(signature::stranger(&self.content(key)?, trusted))
        }
    }

    /// Seconds since 1970.
    fn now() -> i64 {
        // A clock before 1970 is set right nowhere else.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
    }

    fn read_keys(content: &[u8], name: &str) -> Result<Keys> {
        Keys::read(content)
            .map_err(|error| Error::KeyFile { file: name.to_owned(), reason: error.to_string() })
    }
}

#[cfg(not(feature = "signatures"))]
mod judging {
    use super::{Check, Judge};
    use crate::error::Result;
    use crate::signature::{Fingerprint, Judgement, Verdict};
    use crate::source::Stored;

    use super::super::jury::Jury;

    const REASON: &str = "this program was built without OpenPGP";

    impl Judge<'_> {
        pub(super) fn judge_unsigned(
            &self,
            _: Option<&Verdict>,
            recorded: Vec<Fingerprint>,
        ) -> Result<Judgement> {
            self.unable(recorded, Verdict::Unsigned)
        }

        #[allow(clippy::unused_async)] // as the other one
        pub(super) async fn judge_signature(
            &self,
            _: &Stored,
            _: &Stored,
            _: Option<&Stored>,
            recorded: Vec<Fingerprint>,
        ) -> Result<Judgement> {
            self.unable(recorded, Verdict::NotJudged { reason: REASON.to_owned() })
        }

        #[allow(clippy::unused_async)] // as the other one
        pub(in super::super) async fn jury(
            &self,
            _: &Judgement,
            _: Option<&Stored>,
        ) -> Result<Option<Jury>> {
            if self.trust.packages == Check::Require {
                return Err(self.untrusted(REASON.to_owned()));
            }
            Ok(None)
        }

        /// Whoever asks for a check must not get none.
        fn unable(&self, recorded: Vec<Fingerprint>, verdict: Verdict) -> Result<Judgement> {
            let trust = &self.trust;
            if trust.check == Check::Require || !trust.pinned.is_empty() || !recorded.is_empty() {
                return Err(self.untrusted(REASON.to_owned()));
            }
            Ok(self.judged(verdict, recorded))
        }

        #[allow(clippy::unnecessary_wraps)] // as the other one
        pub(super) fn stranger(&self, _: &Stored, _: &[Fingerprint]) -> Result<Option<String>> {
            Ok(Some(format!("cannot be read: {REASON}")))
        }
    }
}
