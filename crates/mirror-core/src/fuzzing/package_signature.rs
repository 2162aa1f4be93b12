//! Packages with signatures.

use std::io::Cursor;

use super::NOW;
use crate::digest::Sha256;
use crate::format::rpm::raw_header::{Kind, LEAD_LEN, RawHeader};
use crate::signature::{Fingerprint, Keys, package};

/// The key that the packages of the corpus are signed by; its private half is gone.
const PACKAGE_KEY: &[u8] = include_bytes!("package.key");

/// The digests of the headers that it has signed.
const SIGNED_HEADERS: [&str; 1] =
    ["d130c26054b5972d31fcab14e7ae02b0d3e36455247b9b824cb24439ff424fbd"];

/// A package: its key signed what it signed, and no other header; and without a key nothing is good.
pub fn package_signature(data: &[u8]) {
    let Ok(keys) = Keys::read(PACKAGE_KEY) else { return };
    let trusted: Vec<Fingerprint> = keys.fingerprints().copied().collect();
    let judge = |keys: &Keys, trusted: &[Fingerprint]| {
        package::verify(&mut Cursor::new(data), None, keys, trusted, NOW)
    };
    let Ok(verdict) = judge(&keys, &trusted) else { unreachable!("memory is always read") };
    assert!(!verdict.to_string().contains('\n'));
    if let package::Verdict::Good(signer) = verdict {
        assert!(trusted.contains(&signer.key));
        let read = |kind, at: usize| {
            RawHeader::read(&mut data.get(at..).unwrap_or_default(), kind)
                .map(|h| h.bytes().to_vec())
        };
        let first = usize::try_from(LEAD_LEN).unwrap_or_default();
        let signature = read(Kind::Signature, first).unwrap_or_default();
        let header = read(Kind::Main, first + signature.len().next_multiple_of(8));
        let digest = Sha256::of(&header.unwrap_or_default()).hex();
        assert!(SIGNED_HEADERS.contains(&digest.as_str()), "{digest}");
    }
    let stranger = judge(&Keys::default(), &[]);
    assert!(!matches!(stranger, Ok(package::Verdict::Good(_))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Else the target would have nothing to begin from.
    #[test]
    fn the_corpus_of_packages_says_what_its_names_do() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let keys = Keys::read(PACKAGE_KEY).unwrap();
        let trusted: Vec<Fingerprint> = keys.fingerprints().copied().collect();
        for (name, said) in [
            ("header", "signed by corpus"),
            ("openpgp", "signed by corpus"),
            ("whole", "signed by corpus"),
            ("unsigned", "unsigned"),
            ("changed", "its payload has the digest"),
        ] {
            let data = std::fs::read(corpus.join("package_signature").join(name)).unwrap();
            let verdict = package::verify(&mut Cursor::new(data), None, &keys, &trusted, NOW);
            let verdict = verdict.unwrap().to_string();
            assert!(verdict.starts_with(said), "{name}: {verdict}");
        }
    }
}
