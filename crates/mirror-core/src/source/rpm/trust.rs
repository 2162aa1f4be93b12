//! Whose signature of `repomd.xml` and of packages counts.
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

//!
//! The same keys count for packages ([`Trust::packages`]), with [`Trust::expected`] to those that are
//! pinned: it names the keys that are known to sign packages. A key of a first use is taken for
//! packages only where signatures are required; then it is as in dnf, which takes what lies at the
//! place that a `.repo` file names.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::digest::Sha256;
use crate::signature::Fingerprint;

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
    /// Whether the signature of `repomd.xml` is checked.
    pub check: Check,
    /// Whether those of packages are. [`Check::IfPresent`] refuses a package that shows that it was
    /// changed, or whose key counts no more, and passes over one that is unsigned or signed by a
    /// stranger, or in a way that says nothing here; without a key to hold them against, none is read.
    pub packages: Check,
    /// The only keys that count; none: those that were recorded, or those of the first use.
    pub pinned: Vec<Fingerprint>,
    /// The only keys that are taken at first use; none: all at [`Trust::urls`] and in
    /// [`Trust::keys`].
    pub expected: Vec<Fingerprint>,
    /// Key files at hand.
    pub keys: Vec<KeyFile>,
    /// Where keys can be had. They are asked for whenever a signature is judged, so that a revocation
    /// or a longer life is noticed: not while the repository is unchanged.
    pub urls: Vec<Url>,
}

/// What a judgement depends on. Where keys come from is not of it, but what key files at hand say is: one
/// may have come to hold a revocation. Keys at URLs are asked for only when something is judged.
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
        if self.packages != Check::default() {
            write!(f, " packages={}", self.packages)?;
        }
        if !self.keys.is_empty() {
            let mut files: Vec<_> =
                self.keys.iter().map(|file| Sha256::of(&file.content)).collect();
            files.sort();
            files.dedup();
            let all: Vec<u8> = files.iter().flat_map(|file| *file.as_bytes()).collect();
            write!(f, " files={}", Sha256::of(&all).hex())?;
        }
        Ok(())
    }
}
