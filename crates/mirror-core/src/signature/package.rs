//! Signatures in RPM packages.
//!
//! A package carries its signatures in its signature header, which nothing protects: it says nothing
//! but what it can be held to. Some are over the header alone (`RSAHEADER`, `DSAHEADER`, and since rpm
//! 4.20 `OPENPGP`), which since rpm 4.14 names the payload's digest; older ones (`PGP`, `GPG`) are over
//! the header and the payload. [`verify`] takes the bytes of a package and the keys that are trusted,
//! and says which of them has signed it. The rules are those of [`signature`](super), with two
//! differences, both rpm's:
//!
//! - A key's time must not have been over *when it signed*: a package is signed once and lives for
//!   years, while metadata is signed anew. Who wants the old packages of a key not to count revokes it.
//! - A signature by a trusted key that does not fit the package condemns it, whatever others say.
//!   Others that do not count change nothing where one does.
//!
//! # What a signature of the header is worth
//!
//! A flipped byte of the payload is not seen by it. It counts only together with something that
//! vouches for the rest: the digest of the whole file out of metadata that is itself verified
//! ([`Vouched`]), so that nothing but the headers is read here; or without that the payload's digest in
//! the signed header, for which the payload is read; or else a signature over both. One over both by a
//! trusted key is looked at in any case, as rpm does, and one that does not fit condemns the package.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgp::packet::Signature;

use super::key::Keys;
use super::packets::{self, Packet};
use super::verify::{Alive, Judge, issuer};
use super::{Fault, Fingerprint, Signer};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::format::rpm::FormatError;
use crate::format::rpm::raw_header::{
    Kind, LEAD_LEN, LEAD_MAGIC, RawHeader, read_lead, read_padding,
};
use crate::limits;

/// Tags of the signature header: signatures of the header alone, one packet each.
const HEADER_SIGNATURES: [u32; 2] = [RSA_HEADER, DSA_HEADER];
const DSA_HEADER: u32 = 267;
const RSA_HEADER: u32 = 268;

/// The same as texts in base64, any number.
const OPENPGP: u32 = 278;

/// Signatures of header and payload.
const WHOLE_SIGNATURES: [u32; 2] = [PGP, GPG];
const PGP: u32 = 1002;
const GPG: u32 = 1005;

/// Digests of the header, in hex.
const HEADER_DIGESTS: [(u32, Algorithm); 2] = [(269, Algorithm::Sha1), (273, Algorithm::Sha256)];

/// Tags of the header: digests of the payload, in hex. The first has its algorithm in a tag of its own.
const PAYLOAD_DIGEST: u32 = 5092;
const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;
const PAYLOAD_SHA512: u32 = 5121;

/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;

/// Proof that a file is the one that verified metadata means: it has the digest that is listed there.
/// What an unsigned `repomd.xml` lists proves nothing, and neither does SHA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vouched(());

impl Vouched {
    /// Reads a whole file and holds it against the digest that *verified* metadata lists; `None` where
    /// it is another one, or one that could be forged.
    pub fn read(file: &mut impl Read, expected: &Digest) -> io::Result<Option<Self>> {
        if expected.algorithm().is_weak() {
            return Ok(None);
        }
        let mut hasher = Hasher::new(Some(expected.algorithm()));
        pour(file, &mut |bytes| hasher.update(bytes))?;
        Ok((hasher.finish().1 == *expected).then_some(Self(())))
    }

    /// For a file that was stored against that digest, by whoever stored it.
    pub(crate) fn stored(digest: &Digest) -> Option<Self> {
        (!digest.algorithm().is_weak()).then_some(Self(()))
    }
}

/// What is known of a package's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted key has signed it, all of it.
    Good(Signer),
    /// It has no signature.
    Unsigned,
    /// It has some, and none counts; or one shows that it was changed.
    Refused(Refusal),
}

/// Why a package's signatures do not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// What is wrong with the signature that came nearest.
    #[error("{}", of_package(.0))]
    Signature(#[from] Fault),
    /// It is no package, or one that rpm refuses.
    #[error("{0}")]
    Malformed(String),
    /// A digest in its headers is not that of what is there.
    #[error("its {of} has the digest {found}, and the package says {expected}")]
    Digest {
        /// What was digested.
        of: &'static str,
        /// What the package says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The header is signed, and nothing vouches for the rest.
    #[error(
        "only its header is signed (by {0}), and neither verified metadata nor the header vouches for \
         the rest"
    )]
    HeaderOnly(Fingerprint),
}

impl Refusal {
    /// Whether nothing is known against the package: it is as good as unsigned for who has no key of
    /// its signer, or no program for its algorithm, or must not rely on that, or for whom nothing vouches
    /// for more than its header.
    pub fn tells_nothing(&self) -> bool {
        matches!(
            self,
            Self::HeaderOnly(_)
                | Self::Signature(
                    Fault::WrongKey { .. }
                        | Fault::NoKey(_)
                        | Fault::Unsupported { .. }
                        | Fault::Weak { .. }
                        | Fault::Unusable { .. }
                )
        )
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(Signer { key, name, .. }) if name.is_empty() => write!(f, "signed by {key}"),
            Self::Good(Signer { key, name, .. }) => write!(f, "signed by {name} ({key})"),
            Self::Unsigned => f.write_str("unsigned"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

/// Verifies the signatures of a package by the keys that are trusted; errors are those of reading.
///
/// Read are the headers, and the payload only where nobody vouches for the file ([`Vouched`]) or where
/// a signature by a trusted key is over the payload too. `keys` may hold any keys: those whose fingerprints are
/// not in `trusted` do not count. `now` is in seconds since 1970.
pub fn verify(
    package: &mut (impl Read + Seek),
    vouched: Option<Vouched>,
    keys: &Keys,
    trusted: &[Fingerprint],
    now: i64,
) -> io::Result<Verdict> {
    let judge = Judge { keys, trusted, now, alive: Alive::WhenItSigned };
    match open(package).and_then(|opened| opened.judge(package, vouched, &judge)) {
        Ok(verdict) => Ok(verdict),
        Err(Stop::Refused(refusal)) => Ok(Verdict::Refused(refusal)),
        Err(Stop::Read(error)) => Err(error),
    }
}

/// Whether a file begins as a package does, whatever it is called.
pub fn is_package(file: &mut impl Read) -> io::Result<bool> {
    let mut start = Vec::new();
    file.take(LEAD_MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start == LEAD_MAGIC)
}

/// What ends a verification early.
enum Stop {
    Refused(Refusal),
    Read(io::Error),
}

impl From<FormatError> for Stop {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Read(error) => Self::Read(error),
            error => Self::Refused(Refusal::Malformed(error.to_string())),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn malformed(reason: impl Into<String>) -> Stop {
    Stop::Refused(Refusal::Malformed(reason.into()))
}

/// A package of which the headers are read.
struct Opened {
    signature: RawHeader,
    header: RawHeader,
    /// Where the header begins, in bytes from the start.
    at: u64,
}

fn open(package: &mut (impl Read + Seek)) -> Result<Opened, Stop> {
    package.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(package);
    read_lead(&mut reader)?;
    let signature = RawHeader::read(&mut reader, Kind::Signature)?;
    read_padding(&mut reader, &signature)?;
    let at = LEAD_LEN + signature.bytes().len().next_multiple_of(8) as u64;
    let header = RawHeader::read(&mut reader, Kind::Main)?;
    Ok(Opened { signature, header, at })
}

impl Opened {
    fn judge(
        &self,
        package: &mut (impl Read + Seek),
        vouched: Option<Vouched>,
        judge: &Judge<'_>,
    ) -> Result<Verdict, Stop> {
        self.check_header()?;
        let (of_header, of_whole) = (self.header_signatures()?, self.whole_signatures()?);
        if of_header.is_empty() && of_whole.is_empty() {
            return Ok(Verdict::Unsigned);
        }
        let mut found = Found::default();
        for signature in &of_header {
            let content = &mut |take: &mut dyn FnMut(&[u8])| -> io::Result<()> {
                take(self.header.bytes());
                Ok(())
            };
            found.take(judge.judge(signature, content)?)?;
        }
        // One over all of it is looked at even so: rpm refuses the package where it does not fit.
        let signer = found.signer.take();
        for signature in &of_whole {
            let content = &mut |take: &mut dyn FnMut(&[u8])| {
                package.seek(SeekFrom::Start(self.at))?;
                pour(package, take)
            };
            found.take(judge.judge(signature, content)?)?;
        }
        // Of the payload that of the header says something only by what vouches for that.
        if let Some(signer) = &signer
            && (found.signer.is_some() || vouched.is_some() || self.payload_fits(package)?)
        {
            return Ok(Verdict::Good(signer.clone()));
        }
        Ok(match (found.signer, signer, found.worst) {
            (Some(signer), ..) => Verdict::Good(signer),
            (None, Some(signer), _) => Verdict::Refused(Refusal::HeaderOnly(signer.key)),
            (None, None, None | Some(Fault::WrongKey { .. })) => {
                // It may be by a subkey, of which nothing is known without any key.
                if let Some(key) = judge.trusted.first()
                    && !judge.trusted.iter().any(|key| judge.keys.get(key).is_some())
                {
                    return Ok(Verdict::Refused(Fault::NoKey(*key).into()));
                }
                let mut signed_by: Vec<_> = of_header.iter().chain(&of_whole).map(issuer).collect();
                signed_by.dedup();
                let trusted = judge.trusted.to_vec();
                Verdict::Refused(Fault::WrongKey { signed_by, trusted }.into())
            }
            (None, None, Some(fault)) => Verdict::Refused(fault.into()),
        })
    }

    /// Holds the header against the digests that the signature header gives. They prove nothing, and
    /// rpm refuses what does not fit them.
    fn check_header(&self) -> Result<(), Stop> {
        for (tag, algorithm) in HEADER_DIGESTS {
            let Some(expected) = self.signature.get(tag)? else { continue };
            let mut hasher = Hasher::new(Some(algorithm));
            hasher.update(self.header.bytes());
            compare("header", expected.text()?, &hasher.finish().1)?;
        }
        Ok(())
    }

    /// Whether the payload has the digest that the header gives; an error where it has another, and
    /// false where the header gives none that is known here.
    fn payload_fits(&self, package: &mut (impl Read + Seek)) -> Result<bool, Stop> {
        let Some((algorithm, expected)) = self.payload_digest()? else { return Ok(false) };
        package.seek(SeekFrom::Start(self.at + self.header.bytes().len() as u64))?;
        let mut hasher = Hasher::new(Some(algorithm));
        pour(package, &mut |bytes| hasher.update(bytes))?;
        compare("payload", expected, &hasher.finish().1)?;
        Ok(true)
    }

    fn payload_digest(&self) -> Result<Option<(Algorithm, &str)>, Stop> {
        if let Some(value) = self.header.get(PAYLOAD_SHA512)? {
            return Ok(Some((Algorithm::Sha512, value.text()?)));
        }
        let Some(value) = self.header.get(PAYLOAD_DIGEST)? else { return Ok(None) };
        let algorithm = match self.header.get(PAYLOAD_DIGEST_ALGORITHM)? {
            Some(number) => number.number()?,
            None => 8,
        };
        // The numbers of RFC 9580, section 9.5.
        let algorithm = match algorithm {
            8 => Algorithm::Sha256,
            9 => Algorithm::Sha384,
            10 => Algorithm::Sha512,
            _ => return Ok(None),
        };
        Ok(value.texts(1)?.first().map(|hex| (algorithm, *hex)))
    }

    fn header_signatures(&self) -> Result<Vec<Signature>, Stop> {
        let mut signatures = self.packets(HEADER_SIGNATURES)?;
        let Some(texts) = self.signature.get(OPENPGP)? else { return Ok(signatures) };
        for text in texts.texts(limits::PACKAGE_SIGNATURES)? {
            let decoded = STANDARD.decode(text);
            let packet = decoded.map_err(|_| malformed("a signature in it is no base64"))?;
            signatures.push(packet_of(&packet)?);
        }
        Ok(signatures)
    }

    fn whole_signatures(&self) -> Result<Vec<Signature>, Stop> {
        self.packets(WHOLE_SIGNATURES)
    }

    fn packets(&self, tags: [u32; 2]) -> Result<Vec<Signature>, Stop> {
        let mut signatures = Vec::new();
        for tag in tags {
            if let Some(value) = self.signature.get(tag)? {
                signatures.push(packet_of(value.binary()?)?);
            }
        }
        Ok(signatures)
    }
}

/// What came of the signatures so far.
#[derive(Default)]
struct Found {
    signer: Option<Signer>,
    worst: Option<Fault>,
}

impl Found {
    fn take(&mut self, judged: Result<Signer, Fault>) -> Result<(), Stop> {
        match judged {
            Ok(signer) => self.signer = self.signer.take().or(Some(signer)),
            Err(fault @ Fault::Tampered { .. }) => return Err(Stop::Refused(fault.into())),
            Err(fault) => {
                if self.worst.as_ref().is_none_or(|worst| fault.weight() > worst.weight()) {
                    self.worst = Some(fault);
                }
            }
        }
        Ok(())
    }
}

/// The one signature of a value.
fn packet_of(bytes: &[u8]) -> Result<Signature, Stop> {
    let mut found = packets::split(bytes);
    let (Some(packet), None) = (found.next(), found.next()) else {
        return Err(malformed("a signature in it is not one packet"));
    };
    let packet =
        packet.map_err(|reason| malformed(format!("a signature in it is none: {reason}")))?;
    match packets::parse(packet) {
        Ok(Some(Packet::Signature(signature))) => Ok(signature),
        Ok(_) => Err(malformed("a signature in it is a packet of another kind")),
        Err(reason) => Err(malformed(format!("a signature in it is none: {reason}"))),
    }
}

fn compare(of: &'static str, expected: &str, found: &Digest) -> Result<(), Stop> {
    let found = found.hex();
    if expected.eq_ignore_ascii_case(&found) {
        return Ok(());
    }
    let expected = crate::format::rpm::excerpt(expected);
    Err(Stop::Refused(Refusal::Digest { of, expected, found }))
}

/// A fault in words that fit a package, whose signature is in itself.
fn of_package(fault: &Fault) -> String {
    match fault {
        Fault::Tampered { key } => format!("was changed after {key} signed it"),
        fault => fault.to_string(),
    }
}

/// Gives what is left of a file to `take`.
fn pour(file: &mut impl Read, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => take(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
