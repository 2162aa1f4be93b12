//! ASCII armor (RFC 9580, section 6.2): binary data as text between two lines.
//!
//! Several blocks in one file are taken one after the other, as key files are put together. Text
//! around the blocks, headers and checksums do not count: RFC 9580 wants checksums ignored.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Padding may be missing: it says nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The blocks of that `kind` in a file (`PGP SIGNATURE`); the file itself where it is binary.
pub(super) fn blocks(bytes: &[u8], kind: &str) -> Result<Vec<Vec<u8>>, String> {
    // The first byte of a packet has its highest bit set, that of a text has not.
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0 && !bytes.starts_with(b"\xef\xbb\xbf")) {
        return Ok(vec![bytes.to_vec()]);
    }
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let begin = format!("-----BEGIN {kind}-----");
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line.ends_with(begin.as_bytes()) {
            blocks.push(block(&mut lines)?);
        }
    }
    if blocks.is_empty() { Err(format!("no {begin} in it")) } else { Ok(blocks) }
}

/// What stands between the first line, which is read, and the last.
fn block<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut in_headers = true;
    for line in lines {
        if line.starts_with(b"-----") {
            let decoded = BASE64.decode(&text);
            return decoded.map_err(|error| format!("its armor is no base64: {error}"));
        }
        // A header has a colon, which base64 has not; the line between them may be missing.
        if in_headers && (line.is_empty() || line.contains(&b':')) {
            continue;
        }
        in_headers = false;
        if !line.starts_with(b"=") {
            text.extend_from_slice(line);
        }
    }
    Err("its armor has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_block_of_its_kind() {
        let text = "some words\r\n-----BEGIN PGP SIGNATURE-----\r\nVersion: x\r\n\r\naGVs\r\nbG8\r\n=abcd\r\n\
                    -----END PGP SIGNATURE-----\r\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n\
                    -----END PGP PUBLIC KEY BLOCK-----\n-----BEGIN PGP SIGNATURE-----\n\nYQ==\n\
                    -----END PGP SIGNATURE-----";
        let found = blocks(text.as_bytes(), "PGP SIGNATURE").unwrap();
        assert_eq!(found, [b"hello".to_vec(), b"a".to_vec()]);
        assert_eq!(blocks(b"\xc2\x01\x04", "PGP SIGNATURE").unwrap(), [b"\xc2\x01\x04"]);
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| blocks(text.as_bytes(), "X").unwrap_err();
        assert_eq!(error("<html>"), "no -----BEGIN X----- in it");
        assert_eq!(error("-----BEGIN X-----\n\nAAAA"), "its armor has no end");
        assert!(error("-----BEGIN X-----\n\n<>\n-----END X-----").contains("no base64"));
    }
}
