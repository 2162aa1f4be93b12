//! Digests: what upstreams name files by, and what we name blobs by.
//!
//! Upstreams give digests of several algorithms ([`Digest`]); the store names content by one
//! ([`Sha256`]). [`Hasher`] computes both in one pass.

use std::fmt;

use sha2::Digest as _;

/// The algorithms that repository metadata and package indexes use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// MD5: weak, seen in old Python indexes.
    Md5,
    /// SHA-1: weak; old RPM metadata calls it `sha`.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256: what the store names content by.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// The algorithm of that name, in any case; `sha` is SHA-1, as in RPM metadata.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "md5" => Self::Md5,
            "sha" | "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// The name in lower case, `sha1` for SHA-1.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The digest's size in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Whether two files of one digest can be made on purpose. A weak digest still tells that a
    /// transfer was whole; it never makes content of one upstream stand for another's.
    pub const fn is_weak(self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1 | Self::Sha224)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A digest that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No algorithm that we know.
    #[error("checksum type {0:?} is unknown, expected md5, sha1, sha224, sha256, sha384 or sha512")]
    UnknownAlgorithm(String),
    /// Not the hexadecimal digits of that algorithm.
    #[error("{algorithm} checksum {found:?} is malformed, expected {} hexadecimal digits", algorithm.size() * 2)]
    Malformed {
        /// What the digest was said to be.
        algorithm: Algorithm,
        /// The text that was found, cut to 140 characters.
        found: String,
    },
}

/// A digest of one of the [`Algorithm`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 64],
}

impl Digest {
    /// Parses hexadecimal digits of either case.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 64];
        if decode_hex(hex, &mut bytes[..algorithm.size()]) {
            return Ok(Self { algorithm, bytes });
        }
        Err(DigestError::Malformed { algorithm, found: hex.chars().take(140).collect() })
    }

    /// Parses a name of an algorithm and hexadecimal digits, as metadata gives them.
    pub fn parse(algorithm: &str, hex: &str) -> Result<Self, DigestError> {
        let known = Algorithm::from_name(algorithm)
            .ok_or_else(|| DigestError::UnknownAlgorithm(algorithm.chars().take(40).collect()))?;
        Self::from_hex(known, hex)
    }

    fn new(algorithm: Algorithm, digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes[..algorithm.size()].copy_from_slice(digest);
        Self { algorithm, bytes }
    }

    /// What it is a digest of.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest's bytes, [`Algorithm::size`] of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.size()]
    }

    /// The digest in lower-case hexadecimal.
    pub fn hex(&self) -> String {
        encode_hex(self.as_bytes())
    }

    /// The same as a [`Sha256`], where it is one.
    pub fn as_sha256(&self) -> Option<Sha256> {
        if self.algorithm != Algorithm::Sha256 {
            return None;
        }
        self.bytes[..32].try_into().ok().map(Sha256)
    }
}

impl From<Sha256> for Digest {
    fn from(sha256: Sha256) -> Self {
        Self::new(Algorithm::Sha256, &sha256.0)
    }
}

/// `sha256:HEX`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses `sha256:HEX`.
impl std::str::FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').unwrap_or((text, ""));
        Self::parse(algorithm, hex)
    }
}

/// The SHA-256 of some content, which is the name that the store knows it by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(sha2::Sha256::digest(content).into())
    }

    /// Parses 64 hexadecimal digits of either case.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        decode_hex(hex, &mut bytes).then_some(Self(bytes))
    }

    /// The digest in lower-case hexadecimal.
    pub fn hex(&self) -> String {
        encode_hex(&self.0)
    }

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

/// Computes the SHA-256 of what it is given and, where another algorithm was asked for, its digest
/// too.
#[derive(Debug, Clone)]
pub struct Hasher {
    sha256: sha2::Sha256,
    other: Option<Other>,
}

#[derive(Debug, Clone)]
enum Other {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha224(sha2::Sha224),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hasher for SHA-256 and, where `also` names another one, that algorithm.
    pub fn new(also: Option<Algorithm>) -> Self {
        let other = also.and_then(|algorithm| match algorithm {
            Algorithm::Md5 => Some(Other::Md5(md5::Md5::new())),
            Algorithm::Sha1 => Some(Other::Sha1(sha1::Sha1::new())),
            Algorithm::Sha224 => Some(Other::Sha224(sha2::Sha224::new())),
            Algorithm::Sha256 => None,
            Algorithm::Sha384 => Some(Other::Sha384(sha2::Sha384::new())),
            Algorithm::Sha512 => Some(Other::Sha512(sha2::Sha512::new())),
        });
        Self { sha256: sha2::Sha256::new(), other }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        match &mut self.other {
            None => {}
            Some(Other::Md5(hasher)) => hasher.update(bytes),
            Some(Other::Sha1(hasher)) => hasher.update(bytes),
            Some(Other::Sha224(hasher)) => hasher.update(bytes),
            Some(Other::Sha384(hasher)) => hasher.update(bytes),
            Some(Other::Sha512(hasher)) => hasher.update(bytes),
        }
    }

    /// The SHA-256, and the digest of the algorithm that was asked for (the same one where that was
    /// none or SHA-256).
    pub fn finish(self) -> (Sha256, Digest) {
        let sha256 = Sha256(self.sha256.finalize().into());
        let digest = match self.other {
            None => sha256.into(),
            Some(Other::Md5(hasher)) => Digest::new(Algorithm::Md5, &hasher.finalize()),
            Some(Other::Sha1(hasher)) => Digest::new(Algorithm::Sha1, &hasher.finalize()),
            Some(Other::Sha224(hasher)) => Digest::new(Algorithm::Sha224, &hasher.finalize()),
            Some(Other::Sha384(hasher)) => Digest::new(Algorithm::Sha384, &hasher.finalize()),
            Some(Other::Sha512(hasher)) => Digest::new(Algorithm::Sha512, &hasher.finalize()),
        };
        (sha256, digest)
    }
}

fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(char::from(DIGITS[usize::from(byte >> 4)]));
        hex.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    hex
}

/// Fills `out` from exactly twice as many digits; false where that is not what `hex` holds.
fn decode_hex(hex: &str, out: &mut [u8]) -> bool {
    let digit = |byte: u8| DIGITS[usize::from(byte)];
    let hex = hex.as_bytes();
    if hex.len() != out.len() * 2 {
        return false;
    }
    // What is no digit shows in the bits that no digit has, looked at once for all.
    let mut seen = 0;
    for (out, pair) in out.iter_mut().zip(hex.chunks_exact(2)) {
        let (high, low) = (digit(pair[0]), digit(pair[1]));
        seen |= high | low;
        *out = high << 4 | low;
    }
    seen < 16
}

/// What each byte is as a hexadecimal digit; 255 for those that are none.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut digit: u8 = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digits[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 and RFC 1321 test vectors: the digests of `abc`.
    const ABC: [(Algorithm, &str); 6] = [
        (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Algorithm::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Algorithm::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Algorithm::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];

    #[test]
    fn computes_every_algorithm_beside_sha256_in_one_pass() {
        for (algorithm, hex) in ABC {
            let mut hasher = Hasher::new(Some(algorithm));
            hasher.update(b"a");
            hasher.update(b"bc");
            let (sha256, digest) = hasher.finish();
            assert_eq!(sha256.hex(), ABC[3].1);
            assert_eq!(digest.hex(), hex);
            assert_eq!(digest.algorithm(), algorithm);
            assert_eq!(digest, Digest::from_hex(algorithm, &hex.to_uppercase()).unwrap());
            assert_eq!(digest, digest.to_string().parse().unwrap());
        }
    }

    #[test]
    fn names_what_is_wrong_with_a_digest() {
        let unknown = Digest::parse("blake3", "00").unwrap_err();
        assert_eq!(unknown, DigestError::UnknownAlgorithm("blake3".into()));
        let short = Digest::parse("sha256", "abc").unwrap_err();
        assert_eq!(
            short.to_string(),
            "sha256 checksum \"abc\" is malformed, expected 64 hexadecimal digits"
        );
        assert!(Digest::parse("SHA", &"g0".repeat(20)).is_err());
        assert!(Digest::parse("SHA", &"a0".repeat(20)).is_ok());
    }
}
