//! Signatures (`OpenPGP`) beside files: who signed a file, and whether that counts.
//!
//! [`verify`] holds a file and its detached signatures against the keys that are trusted. It is a
//! pure function over bytes, and knows nothing of repositories.
//!
//! The words, as RFC 9580 has them: a *key* is a primary key with what it says of itself
//! (*self-signatures*): names, dates, subkeys, revocations. It is named by its [`Fingerprint`], and
//! trusted by that alone: where its bytes came from does not matter, since others do not give the
//! same fingerprint. A *signature* is made by the primary key or by a subkey that it has bound to
//! itself for signing.
//!
//! # What counts
//!
//! Below lies a library that says whether a signature fits; the policy is this module's. A signature
//! counts if all of this holds:
//!
//! - It is one of a binary document, made by a trusted key or a signing subkey of one. Versions 3, 4
//!   and 6 are taken: build services still sign repositories in version 3.
//! - It fits the file, and its hash is SHA-2 or SHA-3. MD5, RIPEMD-160 and SHA-1 do not count: for
//!   SHA-1 two files with one digest can be made, so that a signature over the one is a signature
//!   over the other.
//! - Its algorithm is RSA of 2048 bits or more, `ECDSA` or `EdDSA`, and so is that of the primary key.
//!   DSA does not count: most keys are of 1024 bits, and RFC 9580 forbids to make more of them.
//!   Elgamal never did.
//! - It was made after the key, not in the future (but for [`CLOCK_TOLERANCE`]), and has not expired.
//! - The key has a self-signature, and the newest says that it may sign and has not expired: an
//!   expired key counts for old files as little as for new ones, as in dnf. A subkey's binding has
//!   to be good, its back-signature too (or a subkey of another's key could be claimed).
//! - Neither the key nor the subkey is revoked, for whatever reason.
//!
//! Self-signatures may be made with SHA-1, and many keys' are: nobody but the key's owner chooses
//! what is signed, so that equal digests are of no use; and a fingerprint of version 4 is SHA-1
//! itself. Those that others have made of a key (certifications) are not looked at.
//!
//! Packages carry their signatures in themselves: [`package`]. What a site makes itself it signs with
//! a key of its own: [`sign`].
//!
//! Of several signatures one that counts is enough. Where none does, [`Fault`] says what is wrong with
//! the one that came nearest.

#[cfg(feature = "signatures")]
mod armor;
mod fingerprint;
#[cfg(feature = "signatures")]
mod key;
#[cfg(feature = "signatures")]
pub mod package;
#[cfg(feature = "signatures")]
mod packets;
#[cfg(feature = "signatures")]
pub mod sign;
#[cfg(feature = "signatures")]
mod stranger;
#[cfg(all(test, feature = "signatures"))]
mod tests;
mod verdict;
#[cfg(feature = "signatures")]
mod verify;

use std::fmt;

use jiff::Timestamp;

pub use fingerprint::{Fingerprint, FingerprintError};
#[cfg(feature = "signatures")]
pub use key::{Key, KeyError, Keys};
#[cfg(feature = "signatures")]
pub use stranger::stranger;
pub use verdict::{Judgement, Trusted, Verdict};
#[cfg(feature = "signatures")]
pub use verify::{issuers, verify};

/// How far ahead of this host's clock a signature may be dated, in seconds: a day, for clocks that
/// run in local time where UTC is meant.
pub const CLOCK_TOLERANCE: i64 = 86_400;

/// Who signed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The primary key.
    pub key: Fingerprint,
    /// What it calls itself.
    pub name: String,
    /// When, in seconds since 1970.
    pub made: i64,
}

/// Why no signature counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The signature is none.
    #[error("malformed signature: {0}")]
    Malformed(String),
    /// Signed in a way that cannot be verified here: neither good nor bad.
    #[error("signed with {what}, which cannot be verified here")]
    Unsupported {
        /// The algorithm or version.
        what: String,
    },
    /// Somebody else signed it.
    #[error("signed by {}, expected {}", list(signed_by), list(trusted))]
    WrongKey {
        /// Who signed it, as fingerprint or key id; not verified.
        signed_by: Vec<String>,
        /// The keys that are trusted.
        trusted: Vec<Fingerprint>,
    },
    /// A trusted key seems to have signed it, and the bytes of that key are not known.
    #[error("the key {0} is trusted, and no key file at hand holds it")]
    NoKey(Fingerprint),
    /// File or signature were changed.
    #[error("does not fit the file: one of the two was changed after {key} signed")]
    Tampered {
        /// The key that the signature names.
        key: Fingerprint,
    },
    /// A signature of a kind that is not taken.
    #[error("the signature by {key} is {reason}")]
    Unusable {
        /// The primary key.
        key: Fingerprint,
        /// What it is, and what was expected.
        reason: String,
    },
    /// Signed with an algorithm that protects nothing any more.
    #[error("signed by {key} with {what}, which is too weak")]
    Weak {
        /// The primary key.
        key: Fingerprint,
        /// The algorithm.
        what: String,
    },
    /// The signature's own time is over.
    #[error("the signature by {key} expired at {}", time(*at))]
    SignatureExpired {
        /// The primary key.
        key: Fingerprint,
        /// When, in seconds since 1970.
        at: i64,
    },
    /// The signature is from the future, or older than its key.
    #[error("the signature by {key} is dated {}, {reason}", time(*made))]
    Date {
        /// The primary key.
        key: Fingerprint,
        /// Its date, in seconds since 1970.
        made: i64,
        /// What is wrong with that.
        reason: String,
    },
    /// The key's time is over.
    #[error("the key {key} expired at {}", time(*at))]
    KeyExpired {
        /// The key or subkey.
        key: Fingerprint,
        /// When, in seconds since 1970.
        at: i64,
    },
    /// The key's owner does not want it to be trusted any more.
    #[error("the key {key} is revoked: {reason}")]
    KeyRevoked {
        /// The key or subkey.
        key: Fingerprint,
        /// The reason that the owner gives.
        reason: String,
    },
    /// The key is not one that may sign.
    #[error("the key {key} {reason}")]
    Unfit {
        /// The key or subkey.
        key: Fingerprint,
        /// Why.
        reason: String,
    },
}

impl Fault {
    /// How much a fault tells: of several signatures' faults the one that tells most is shown.
    #[cfg(feature = "signatures")]
    fn weight(&self) -> u8 {
        match self {
            Self::Malformed(_) => 0,
            Self::WrongKey { .. } => 1,
            Self::Unsupported { .. } => 2,
            Self::NoKey(_) => 3,
            Self::Unusable { .. } | Self::Unfit { .. } => 4,
            Self::Weak { .. } => 5,
            Self::Date { .. } => 6,
            Self::SignatureExpired { .. } => 7,
            Self::KeyExpired { .. } => 8,
            Self::KeyRevoked { .. } => 9,
            Self::Tampered { .. } => 10,
        }
    }
}

/// Seconds since 1970 in RFC 3339 and UTC.
fn time(seconds: i64) -> impl fmt::Display {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
