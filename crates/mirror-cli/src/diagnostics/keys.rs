//! What is wrong with the site's key, its passphrase, or where it is to lie.

use std::path::PathBuf;

use mirror_core::signature::Fault;
use mirror_core::signature::sign::SignError;

use super::Exit;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFault {
    /// A key that would be overwritten.
    #[error("{}: is there already", .0.display())]
    Exists(PathBuf),
    /// A name or address that no key can have.
    #[error("{option}: {text:?} is none that a key can have")]
    User {
        /// The option.
        option: &'static str,
        /// What was given.
        text: String,
    },
    /// A secret where everything is served.
    #[error("{}: a {what} below the root, {}, where it would be served", path.display(), root.display())]
    BelowRoot {
        /// What it is.
        what: &'static str,
        /// Its file.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A passphrase was meant, and none is there.
    #[error("{0}: holds no passphrase, its first line is empty")]
    NoPassphrase(String),
    /// A passphrase that could not be typed elsewhere.
    #[error("{0}: the passphrase is not UTF-8")]
    OddPassphrase(String),
    /// A key that nothing can be signed with.
    #[error("{}: {source}", path.display())]
    Sign {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: SignError,
    },
}

impl KeyFault {
    pub(super) fn exit(&self) -> Exit {
        if matches!(self, Self::Exists(_)) { Exit::Failed } else { Exit::Usage }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Exists(_) => "a key is never overwritten: name another file",
            Self::User { .. } => {
                "a name has no brackets, an address an @: --name 'Site mirror' --email \
                 mirror@site.example"
            }
            Self::BelowRoot { .. } => "move it to a folder that only its owner may read",
            Self::NoPassphrase(_) => {
                "write the passphrase there; for a key without one, give neither --passphrase-file nor \
                 MIRROR_PASSPHRASE"
            }
            Self::OddPassphrase(_) => {
                "other programs would read another passphrase: write it as UTF-8, or use ASCII alone"
            }
            Self::Sign { source: SignError::Locked | SignError::Passphrase, .. } => {
                "give its passphrase by --passphrase-file FILE or the variable MIRROR_PASSPHRASE"
            }
            Self::Sign { source: SignError::Fault(Fault::KeyExpired { .. }), .. } => {
                "make another with `mirror keygen`, and bring its public key to the nodes"
            }
            Self::Sign { .. } => {
                "the file of a secret key is what `mirror keygen` or `gpg --armor \
                 --export-secret-keys` writes"
            }
        }
    }
}
