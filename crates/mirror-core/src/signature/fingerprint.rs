//! Fingerprints of keys.

use std::fmt;
use std::str::FromStr;

/// The name of a key, which no other key has: 40 hex digits for keys of version 4, 64 for those of
/// version 6 (RFC 9580, section 5.5.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fingerprint {
    /// A SHA-1.
    V4([u8; 20]),
    /// A SHA-256.
    V6([u8; 32]),
}

/// Why a text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// The end of a fingerprint, which other keys may have too.
    #[error(
        "{0} is a short key id, which other keys can be made to have; expected a fingerprint of 40 \
         or 64 hex digits"
    )]
    ShortId(String),
    /// Something else.
    #[error("{0:?} is no fingerprint, expected 40 or 64 hex digits")]
    Other(String),
}

impl Fingerprint {
    #[cfg(feature = "signatures")]
    pub(super) fn of(fingerprint: &pgp::types::Fingerprint) -> Option<Self> {
        match fingerprint {
            pgp::types::Fingerprint::V4(bytes) => Some(Self::V4(*bytes)),
            pgp::types::Fingerprint::V6(bytes) => Some(Self::V6(*bytes)),
            _ => None,
        }
    }

    /// Whether a key id is this key's: the last eight bytes in version 4, the first in version 6.
    #[cfg(feature = "signatures")]
    pub(super) fn has_id(&self, id: &[u8]) -> bool {
        match self {
            Self::V4(bytes) => bytes.ends_with(id) && !id.is_empty(),
            Self::V6(bytes) => bytes.starts_with(id) && !id.is_empty(),
        }
    }

    /// Whether a text is made of hex digits as a fingerprint or a key id is: with spaces, colons and
    /// `0x` as people write them, and of a length that a name would hardly have.
    pub fn is_meant(text: &str) -> bool {
        let digits = digits(text);
        digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }
}

/// The digits of a fingerprint as people write it.
fn digits(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    text.chars().filter(|c| !matches!(c, ' ' | ':' | '\u{a0}')).collect()
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let other = || FingerprintError::Other(text.to_owned());
        let digits = digits(text);
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(other());
        }
        let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        let bytes = bytes.ok_or_else(other)?;
        match bytes.len() {
            20 => bytes.try_into().map(Self::V4).map_err(|_| other()),
            32 => bytes.try_into().map(Self::V6).map_err(|_| other()),
            4 | 8 => Err(FingerprintError::ShortId(digits)),
            _ => Err(other()),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl serde::Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_them_as_people_write_them() {
        let plain = "060A61C51B558A7F742B77AAC52FEB6B621E9F35";
        for text in [
            plain,
            "060a 61c5 1b55 8a7f 742b  77aa c52f eb6b 621e 9f35",
            "0x060A61C51B558A7F742B77AAC52FEB6B621E9F35",
            "06:0A:61:C5:1B:55:8A:7F:74:2B:77:AA:C5:2F:EB:6B:62:1E:9F:35",
        ] {
            assert!(Fingerprint::is_meant(text));
            assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), plain);
        }
        let v6 = "ab".repeat(32).parse::<Fingerprint>().unwrap();
        assert_eq!(v6.to_string(), "AB".repeat(32));
        assert!(v6.has_id(&[0xab; 8]));
    }

    #[test]
    fn refuses_what_names_no_key_for_certain() {
        let error = |text: &str| text.parse::<Fingerprint>().unwrap_err().to_string();
        assert_eq!(
            error("0x621E9F35"),
            "621E9F35 is a short key id, which other keys can be made to have; expected a \
             fingerprint of 40 or 64 hex digits"
        );
        assert!(error("C52FEB6B621E9F35").contains("short key id"));
        for text in ["", "0x", "vendor.key", &"a".repeat(41), &"é".repeat(20)] {
            assert!(error(text).contains("is no fingerprint"), "{text}");
        }
        assert!(!Fingerprint::is_meant("vendor.key") && !Fingerprint::is_meant("dead"));
    }
}
