//! Packets (RFC 9580, section 4): where one ends, what is in it, and what its algorithms are worth.
//!
//! The library below parses a packet at a time. Where packets end is found here, so that one that
//! does not parse says nothing of the others, and so is how deep signatures nest, which the library
//! follows to the end of the stack.

use std::io::BufReader;

use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    Packet as Parsed, PacketParser, PublicKey, PublicSubkey, Signature, SubpacketData,
    UserAttribute, UserId,
};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, EcdsaPublicParams, PublicParams};

use crate::limits;

/// The kinds of packets that keys and signatures are made of.
const SIGNATURE: u8 = 2;
const PUBLIC_KEY: u8 = 6;
const USER_ID: u8 = 13;
const PUBLIC_SUBKEY: u8 = 14;
const USER_ATTRIBUTE: u8 = 17;

/// The subpacket that holds a whole signature.
const EMBEDDED_SIGNATURE: u8 = 32;

/// A packet as it lies in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    tag: u8,
    /// With its header.
    whole: &'a [u8],
    body: &'a [u8],
}

impl Raw<'_> {
    pub(super) fn is_signature(&self) -> bool {
        self.tag == SIGNATURE
    }

    pub(super) fn is_key(&self) -> bool {
        self.tag == PUBLIC_KEY
    }

    fn kind(&self) -> &'static str {
        match self.tag {
            SIGNATURE => "signature packet",
            PUBLIC_KEY => "key packet",
            PUBLIC_SUBKEY => "subkey packet",
            USER_ID => "user id packet",
            _ => "packet",
        }
    }

    #[cfg(test)]
    pub(super) fn is_subkey(&self) -> bool {
        self.tag == PUBLIC_SUBKEY
    }

    #[cfg(test)]
    pub(super) fn is_user(&self) -> bool {
        self.tag == USER_ID
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.whole.len()
    }
}

/// A packet of a kind that keys and signatures are made of.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // never more than one at a time
pub(super) enum Packet {
    Signature(Signature),
    PublicKey(PublicKey),
    UserId(UserId),
    PublicSubkey(PublicSubkey),
    UserAttribute(UserAttribute),
}

/// The packets of a block. An error ends it: there is no telling where the next one begins.
pub(super) fn split(block: &[u8]) -> impl Iterator<Item = Result<Raw<'_>, String>> {
    let mut rest = Some(block);
    let mut count = 0;
    std::iter::from_fn(move || {
        let block = rest.take().filter(|rest| !rest.is_empty())?;
        count += 1;
        if count > limits::PACKETS {
            return Some(Err(format!("over {} packets, the bound for a file", limits::PACKETS)));
        }
        let Some((tag, header, length)) = header(block) else {
            return Some(Err("a packet's header does not parse".to_owned()));
        };
        let Some(body) = header.checked_add(length).and_then(|end| block.get(header..end)) else {
            return Some(Err(format!("a packet of {length} bytes ends after the file")));
        };
        let (whole, after) = block.split_at(header + length);
        rest = Some(after);
        Some(Ok(Raw { tag, whole, body }))
    })
}

/// A packet's tag, the length of its header, and that of its body. Lengths that are not known
/// beforehand are for data only.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, rest) = bytes.split_first()?;
    match first {
        0xc0..=0xff => {
            let (octets, length) = match rest {
                [one @ ..=191, ..] => (1, usize::from(*one)),
                [one @ 192..=223, two, ..] => {
                    (2, (usize::from(*one) - 192) * 256 + usize::from(*two) + 192)
                }
                [255, a, b, c, d, ..] => (5, number(&[*a, *b, *c, *d])),
                _ => return None,
            };
            Some((first & 0x3f, 1 + octets, length))
        }
        0x80..=0xbf => {
            let octets = match first & 3 {
                0 => 1,
                1 => 2,
                2 => 4,
                _ => return None,
            };
            Some(((first >> 2) & 0x0f, 1 + octets, number(rest.get(..octets)?)))
        }
        _ => None,
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Parses a packet; `None` for kinds that are neither of a key nor of a signature.
pub(super) fn parse(raw: Raw<'_>) -> Result<Option<Packet>, String> {
    if !matches!(raw.tag, SIGNATURE | PUBLIC_KEY | USER_ID | PUBLIC_SUBKEY | USER_ATTRIBUTE) {
        return Ok(None);
    }
    if raw.tag == SIGNATURE && nests(raw.body, 0) {
        return Err("signatures within signatures within signatures".to_owned());
    }
    let parsed = PacketParser::new(BufReader::new(raw.whole)).next();
    Ok(Some(match parsed {
        Some(Ok(Parsed::Signature(packet))) => Packet::Signature(packet),
        Some(Ok(Parsed::PublicKey(packet))) => Packet::PublicKey(packet),
        Some(Ok(Parsed::UserId(packet))) => Packet::UserId(packet),
        Some(Ok(Parsed::PublicSubkey(packet))) => Packet::PublicSubkey(packet),
        Some(Ok(Parsed::UserAttribute(packet))) => Packet::UserAttribute(packet),
        Some(Ok(_)) | None => return Ok(None),
        // The library's reason may hold a backtrace, of a hundred lines.
        Some(Err(_)) => {
            let length = raw.whole.len();
            return Err(format!("a {} of {length} bytes does not parse", raw.kind()));
        }
    }))
}

/// Whether a signature embeds one that embeds another: a back-signature is the only one that may be
/// embedded, and holds none.
fn nests(body: &[u8], depth: usize) -> bool {
    let Some(areas) = subpacket_areas(body) else {
        // Nothing more is read of what does not parse.
        return false;
    };
    areas.into_iter().any(|mut area| {
        while let Some((kind, data, rest)) = subpacket(area) {
            if kind & 0x7f == EMBEDDED_SIGNATURE && (depth > 0 || nests(data, depth + 1)) {
                return true;
            }
            area = rest;
        }
        false
    })
}

/// The hashed and the unhashed subpackets of a signature of version 4 or 6. What is cut short is
/// taken as far as it goes.
fn subpacket_areas(body: &[u8]) -> Option<[&[u8]; 2]> {
    let octets = match body.first()? {
        4 | 5 => 2,
        6 => 4,
        _ => return None,
    };
    // Version, type and two algorithms.
    let rest = body.get(4..)?;
    let area = |rest: &'_ [u8]| -> Option<(usize, usize)> {
        let length = number(rest.get(..octets)?);
        Some((octets, octets.saturating_add(length).min(rest.len())))
    };
    let (from, to) = area(rest)?;
    let (hashed, rest) = (&rest[from..to], &rest[to..]);
    let unhashed = area(rest).map_or(&[][..], |(from, to)| &rest[from..to]);
    Some([hashed, unhashed])
}

/// The first subpacket: its type, its data, and what comes after it.
fn subpacket(area: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (octets, length) = match area {
        [one @ ..=191, ..] => (1, usize::from(*one)),
        [one @ 192..=254, two, ..] => {
            (2, (usize::from(*one) - 192) * 256 + usize::from(*two) + 192)
        }
        [255, a, b, c, d, ..] => (5, number(&[*a, *b, *c, *d])),
        _ => return None,
    };
    let rest = area.get(octets..)?;
    let (packet, after) = rest.split_at(length.min(rest.len()));
    let (kind, data) = packet.split_first()?;
    Some((*kind, data, after))
}

/// What a signature demands that is not known here, so that it must not count (RFC 9580, section
/// 5.2.3.7).
pub(super) fn unknown_demand(signature: &Signature) -> Option<String> {
    let unknown = signature.config()?.hashed_subpackets().find(|subpacket| {
        subpacket.is_critical
            && matches!(
                subpacket.data,
                SubpacketData::Notation(_)
                    | SubpacketData::Experimental(..)
                    | SubpacketData::Other(..)
            )
    })?;
    let kind = unknown.typ();
    Some(format!("one with a critical subpacket that is not known here ({kind:?})"))
}

/// What a signature is made with that cannot be verified here; `None` where it can, or where that is
/// known to protect nothing.
pub(super) fn unsupported(signature: &Signature) -> Option<String> {
    let config = signature.config()?;
    match config.pub_alg {
        PublicKeyAlgorithm::Unknown(id) => Some(match id {
            30 => "ML-DSA-65 and Ed25519".to_owned(),
            31 => "ML-DSA-87 and Ed448".to_owned(),
            32..=34 => "SLH-DSA".to_owned(),
            _ => format!("algorithm {id}"),
        }),
        _ => match config.hash_alg {
            HashAlgorithm::Other(id) => Some(format!("digest algorithm {id}")),
            _ => None,
        },
    }
}

/// Whether two files of one digest cannot be made.
pub(super) fn is_strong(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha224
            | HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// Whether a key's own statements may be made with this: as [`is_strong`], and SHA-1.
pub(super) fn is_fit_for_keys(hash: HashAlgorithm) -> bool {
    is_strong(hash) || hash == HashAlgorithm::Sha1
}

/// What a key's algorithm is where it is too weak or none that signs.
pub(super) fn weakness(params: &PublicParams) -> Option<String> {
    match params {
        PublicParams::RSA(rsa) => {
            // The modulus comes first, and its length in bits before it.
            let bytes = rsa.to_bytes().unwrap_or_default();
            let bits = bytes.first_chunk().map_or(0, |bits| u16::from_be_bytes(*bits));
            (bits < RSA_BITS).then(|| format!("RSA of {bits} bits"))
        }
        PublicParams::ECDSA(EcdsaPublicParams::Unsupported { curve, .. }) => {
            Some(format!("ECDSA on {}, which is not known here", curve.name()))
        }
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => None,
        PublicParams::DSA(_) => Some("DSA".to_owned()),
        PublicParams::Elgamal(_) => Some("Elgamal".to_owned()),
        _ => Some("an algorithm that is not known here".to_owned()),
    }
}

/// The shortest RSA modulus that counts, in bits.
const RSA_BITS: u16 = 2048;

/// When a time is over that begins at `from`; `None`: never.
pub(super) fn expiry(from: i64, lasts: Option<Duration>) -> Option<i64> {
    let lasts = lasts.map(Duration::as_secs).filter(|lasts| *lasts > 0)?;
    Some(from.saturating_add(i64::from(lasts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature packet of version 6 that embeds others, `depth` deep.
    fn nested(depth: usize) -> Vec<u8> {
        let mut body: Vec<u8> = vec![6, 0x18, 27, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        for _ in 0..depth {
            let mut outer = vec![6, 0x18, 27, 8];
            let length = u32::try_from(body.len() + 6).unwrap();
            outer.extend(length.to_be_bytes());
            outer.push(255);
            outer.extend((length - 5).to_be_bytes());
            outer.push(EMBEDDED_SIGNATURE);
            outer.extend(&body);
            outer.extend([0; 4]);
            body = outer;
        }
        let mut packet = vec![0xc2, 255];
        packet.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        packet.extend(body);
        packet
    }

    fn parse_first(block: &[u8]) -> Result<Option<Packet>, String> {
        parse(split(block).next().unwrap()?)
    }

    #[test]
    fn follows_signatures_no_deeper_than_they_may_nest() {
        for depth in [2, 3, 1_000, 60_000] {
            let error = parse_first(&nested(depth)).unwrap_err();
            assert_eq!(error, "signatures within signatures within signatures");
        }
        let one = parse_first(&nested(1)).err().unwrap_or_default();
        assert!(!one.contains("within"), "{one}");
    }

    #[test]
    fn says_shortly_which_packet_does_not_parse() {
        for (tag, what) in [(SIGNATURE, "signature packet"), (PUBLIC_SUBKEY, "subkey packet")] {
            let error = parse_first(&[0xc0 | tag, 2, 4, 0]).unwrap_err();
            assert_eq!(error, format!("a {what} of 4 bytes does not parse"));
        }
    }

    #[test]
    fn knows_where_packets_end() {
        let tags = |block: &[u8]| -> Vec<Result<(u8, usize), String>> {
            split(block).map(|raw| raw.map(|raw| (raw.tag, raw.body.len()))).collect()
        };
        let old = [0x88, 1, 7, 0x89, 0, 2, 7, 7, 0x8a, 0, 0, 0, 0];
        assert_eq!(tags(&old), [Ok((2, 1)), Ok((2, 2)), Ok((2, 0))]);
        let new = [&[0xc2, 1, 7, 0xcd, 192, 0][..], &[7; 192]].concat();
        assert_eq!(tags(&new), [Ok((2, 1)), Ok((13, 192))]);
        for broken in
            [&[0xc2][..], &[0xc2, 5, 1], &[0x8b, 1], &[0x01], &[0xc2, 224, 1], &[0xc2, 255, 255]]
        {
            let found = tags(broken);
            assert!(found.len() == 1 && found[0].is_err(), "{broken:?}");
        }
        let many = vec![[0xc2, 0]; limits::PACKETS + 1].concat();
        assert!(tags(&many).last().unwrap().as_ref().unwrap_err().contains("bound"));
    }
}
