//! The signature of the entry point, and the key beside it.

use std::path::Path;

use super::Options;
use super::existing::REPODATA;
use crate::error::Result;

/// The signature of `repomd.xml`.
pub(super) const SIGNATURE: &str = "repomd.xml.asc";

/// The public half of the key that made it.
#[cfg(feature = "signatures")]
const KEY: &str = "repomd.xml.key";

/// The names and contents of what lies beside `repomd.xml` for who checks its signature.
#[cfg(feature = "signatures")]
pub(super) fn beside(options: &Options, repomd: &[u8]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    use crate::error::Error;

    let Some(key) = &options.key else { return Ok(Vec::new()) };
    let signature = key.sign(repomd, options.time);
    let wrong = |error: crate::signature::sign::SignError| Error::Sign {
        key: key.fingerprint().to_string(),
        reason: error.to_string(),
    };
    let signature = signature.map_err(wrong)?.into_bytes();
    Ok(vec![(KEY, key.public().as_bytes().to_vec()), (SIGNATURE, signature)])
}

/// Whether there is a signature that is not made anew with the metadata.
pub(super) fn is_dropped(options: &Options, output: &Path) -> bool {
    #[cfg(feature = "signatures")]
    let is_made = options.key.is_some();
    #[cfg(not(feature = "signatures"))]
    let (_, is_made) = (options, false);
    !is_made && output.join(REPODATA).join(SIGNATURE).is_file()
}

/// Whether what is published is signed as it is to be; where it is not to be, a signature that is there
/// does no harm.
#[cfg(feature = "signatures")]
pub(super) fn is_signed_alike(options: &Options, output: &Path) -> bool {
    use super::existing::REPOMD;

    let Some(key) = &options.key else { return true };
    let read = |name| std::fs::read(output.join(REPODATA).join(name)).unwrap_or_default();
    read(KEY) == key.public().as_bytes()
        && key.has_signed(&read(REPOMD), &read(SIGNATURE), options.time.max(key.made()))
}

#[cfg(not(feature = "signatures"))]
#[allow(clippy::unnecessary_wraps)] // as the other one
pub(super) fn beside(_: &Options, _: &[u8]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(Vec::new())
}

#[cfg(not(feature = "signatures"))]
pub(super) fn is_signed_alike(_: &Options, _: &Path) -> bool {
    true
}
