//! Whether a file was signed by a key that is trusted.

use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails as _, VerifyingKey};

use super::key::{Component, Key, Keys};
use super::packets::{self, Packet};
use super::{CLOCK_TOLERANCE, Fault, Fingerprint, Signer, armor, time};
use crate::limits;

/// Verifies `content` by the detached `signatures` (armored or binary) and the keys that are trusted.
///
/// `keys` may hold any keys: those whose fingerprints are not in `trusted` do not count. `now` is in
/// seconds since 1970.
pub fn verify(
    content: &[u8],
    signatures: &[u8],
    keys: &Keys,
    trusted: &[Fingerprint],
    now: i64,
) -> Result<Signer, Fault> {
    let signatures = read(signatures)?;
    let mut worst: Option<Fault> = None;
    for signature in &signatures {
        match verify_one(content, signature, keys, trusted, now) {
            Ok(signer) => return Ok(signer),
            Err(fault) => {
                if worst.as_ref().is_none_or(|worst| fault.weight() > worst.weight()) {
                    worst = Some(fault);
                }
            }
        }
    }
    match worst {
        // It may be by a subkey, of which nothing is known without any key.
        Some(Fault::WrongKey { .. }) if keys.is_empty() && !trusted.is_empty() => {
            Err(Fault::NoKey(trusted[0]))
        }
        Some(Fault::WrongKey { .. }) | None => Err(Fault::WrongKey {
            signed_by: signatures.iter().map(issuer).collect(),
            trusted: trusted.to_vec(),
        }),
        Some(fault) => Err(fault),
    }
}

/// Who claims to have signed: fingerprints or key ids, of which nothing is verified.
pub fn issuers(signatures: &[u8]) -> Result<Vec<String>, Fault> {
    Ok(read(signatures)?.iter().map(issuer).collect())
}

/// The signatures of a file.
fn read(bytes: &[u8]) -> Result<Vec<Signature>, Fault> {
    let malformed = |reason: String| Fault::Malformed(reason);
    let blocks = armor::blocks(bytes, "PGP SIGNATURE").map_err(malformed)?;
    let mut signatures = Vec::new();
    for block in &blocks {
        for packet in packets::split(block) {
            let packet = packet.map_err(malformed)?;
            let Some(Packet::Signature(signature)) = packets::parse(packet).map_err(malformed)?
            else {
                continue;
            };
            if signatures.len() >= limits::SIGNATURES {
                let most = limits::SIGNATURES;
                return Err(malformed(format!("over {most} signatures, the bound for a file")));
            }
            signatures.push(signature);
        }
    }
    if signatures.is_empty() {
        return Err(malformed("no signature in it".to_owned()));
    }
    Ok(signatures)
}

fn issuer(signature: &Signature) -> String {
    let fingerprints = signature.issuer_fingerprint();
    if let Some(fingerprint) = fingerprints.first() {
        return format!("{fingerprint:X}");
    }
    match signature.issuer_key_id().first() {
        Some(id) => format!("key id {}", id.to_string().to_uppercase()),
        None => "a key that it does not name".to_owned(),
    }
}

fn verify_one(
    content: &[u8],
    signature: &Signature,
    keys: &Keys,
    trusted: &[Fingerprint],
    now: i64,
) -> Result<Signer, Fault> {
    let mut fault = Fault::WrongKey { signed_by: Vec::new(), trusted: trusted.to_vec() };
    let mut worse = |found: Fault| {
        if found.weight() > fault.weight() {
            fault = found;
        }
    };
    for fingerprint in trusted {
        let Some(key) = keys.get(fingerprint) else {
            // A key that is not there may have signed by a subkey, which only its bytes would tell.
            let is_named = signature
                .issuer_fingerprint()
                .iter()
                .any(|issuer| Fingerprint::of(issuer).is_some_and(|issuer| issuer == *fingerprint));
            let has_id = signature.issuer_key_id().iter().any(|id| fingerprint.has_id(id.as_ref()));
            if is_named || has_id {
                worse(Fault::NoKey(*fingerprint));
            }
            continue;
        };
        for component in key.signers(signature, now) {
            let judged = match component {
                Component::Primary => judge(content, signature, key, &key.primary, component, now),
                Component::Subkey(at) => {
                    let Some(subkey) = key.subkeys.get(at) else { continue };
                    judge(content, signature, key, &subkey.key, component, now)
                }
            };
            match judged {
                Ok(made) => {
                    return Ok(Signer { key: *fingerprint, name: key.name(now), made });
                }
                Err(found) => worse(found),
            }
        }
    }
    Err(fault)
}

/// Judges a signature as one of a key's component, which it names. Returns when it was made.
fn judge(
    content: &[u8],
    signature: &Signature,
    key: &Key,
    signing: &impl VerifyingKey,
    component: Component,
    now: i64,
) -> Result<i64, Fault> {
    let primary = key.fingerprint();
    let unusable = |reason: String| Err(Fault::Unusable { key: primary, reason });
    let Some(config) = signature.config() else {
        return unusable(format!("version {:?}, expected 3, 4 or 6", signature.version()));
    };
    if config.typ() != SignatureType::Binary {
        let found = config.typ();
        return unusable(format!("of type {found:?}, expected one of a binary document"));
    }
    if let Some(demand) = packets::unknown_demand(signature) {
        return unusable(demand);
    }
    let weak_hash = || (!packets::is_strong(config.hash_alg)).then(|| config.hash_alg.to_string());
    // Whoever breaks the primary key binds a subkey of his own to it.
    let weak_primary = || {
        let what = packets::weakness(key.primary.public_params())?;
        Some(format!("a subkey that {what} vouches for"))
    };
    let weak = packets::weakness(signing.public_params()).or_else(weak_hash).or_else(weak_primary);
    if let Some(what) = weak {
        return Err(Fault::Weak { key: primary, what });
    }
    if signature.verify(signing, content).is_err() {
        return Err(Fault::Tampered { key: primary });
    }
    let Some(made) = signature.created().map(|made| i64::from(made.as_secs())) else {
        return unusable("without a date".to_owned());
    };
    check_dates(signature, signing, primary, made, now)?;
    key.standing_of(component, now)?;
    Ok(made)
}

fn check_dates(
    signature: &Signature,
    signing: &impl VerifyingKey,
    key: Fingerprint,
    made: i64,
    now: i64,
) -> Result<(), Fault> {
    if made > now.saturating_add(CLOCK_TOLERANCE) {
        let reason = format!("and this host's clock says {}", time(now));
        return Err(Fault::Date { key, made, reason });
    }
    if made < i64::from(signing.created_at().as_secs()) {
        return Err(Fault::Date { key, made, reason: "before the key was made".to_owned() });
    }
    match packets::expiry(made, signature.signature_expiration_time()) {
        Some(at) if at <= now => Err(Fault::SignatureExpired { key, at }),
        _ => Ok(()),
    }
}
