//! The arguments of `mirror keygen`, and those of signing that other commands have.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::shared::Place;
use super::values::lifetime;

pub(super) const ABOUT: &str = "\
Make the key that the site signs with

Metadata that is made here (filtered mirrors, `mirror index`) is signed with it where --sign-key or \
sign_key names its file. The secret key goes to FILE, readable by its owner alone, and the public key to \
FILE.pub. Neither is ever overwritten, and no secret key may lie below the root.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror keygen /etc/mirror/site.key --name 'Site mirror' --email mirror@site.example
  mirror keygen site.key --algorithm rsa4096 --expires 3650d
  mirror sync rocky --newest-only --sign-key /etc/mirror/site.key";

/// `mirror keygen`.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The file for the secret key; the public one goes beside it
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Whose key it is
    #[arg(long, value_name = "NAME", default_value = "Site mirror")]
    pub(crate) name: String,
    /// The address of who answers for it
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    /// What it signs with
    #[arg(long, value_name = "ALGORITHM", default_value = "ed25519")]
    pub(crate) algorithm: KeyAlgorithm,
    /// How long it counts, such as 730d [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyAlgorithm {
    /// Short, for EL 8 and later
    Ed25519,
    /// Long, for older clients too, such as EL 7
    Rsa4096,
}

/// What made metadata is signed with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signing")]
pub(crate) struct SignArgs {
    /// Sign metadata that is made here with this secret key (see `mirror keygen`)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) sign_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// What a secret key is locked with.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// The key's passphrase is the first line of this file [default: the variable
    /// `MIRROR_PASSPHRASE`]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
}
