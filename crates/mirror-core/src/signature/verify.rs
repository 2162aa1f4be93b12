//! Whether a file was signed by a key that is trusted.

use std::convert::Infallible;

use pgp::packet::{Signature, SignatureConfig, SignatureType, SignatureVersionSpecific};
use pgp::types::{KeyDetails as _, KeyVersion, VerifyingKey};

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
    let judge = Judge { keys, trusted, now, alive: Alive::Now };
    let mut worst: Option<Fault> = None;
    for signature in &signatures {
        let judged = judge.judge(signature, &mut |take| {
            take(content);
            Ok::<_, Infallible>(())
        });
        let Ok(judged) = judged;
        match judged {
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

/// Who claims to have made a signature.
pub(super) fn issuer(signature: &Signature) -> String {
    let fingerprints = signature.issuer_fingerprint();
    if let Some(fingerprint) = fingerprints.first() {
        return format!("{fingerprint:X}");
    }
    match signature.issuer_key_id().first() {
        Some(id) => format!("key id {}", id.to_string().to_uppercase()),
        None => "a key that it does not name".to_owned(),
    }
}

/// When a key's time must not have been over for what it has signed to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alive {
    /// Now.
    Now,
    /// When it signed.
    WhenItSigned,
}

/// What signatures are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) keys: &'a Keys,
    pub(super) trusted: &'a [Fingerprint],
    /// Seconds since 1970.
    pub(super) now: i64,
    pub(super) alive: Alive,
}

/// Gives what was signed to whom it is told to, from its first byte on.
pub(super) type Content<'a, E> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8])) -> Result<(), E>;

/// A signature, and the digest that it is over once that is known: content is read once for it,
/// however many keys it names.
struct Signed<'a, 'c, E> {
    signature: &'a Signature,
    config: &'a SignatureConfig,
    content: Content<'c, E>,
    digest: Option<Box<[u8]>>,
}

impl Judge<'_> {
    /// Judges a signature; errors are those of the content.
    pub(super) fn judge<E>(
        &self,
        signature: &Signature,
        content: Content<'_, E>,
    ) -> Result<Result<Signer, Fault>, E> {
        let trusted = self.trusted;
        if let Some(what) = packets::unsupported(signature) {
            return Ok(Err(Fault::Unsupported { what }));
        }
        let Some(config) = signature.config() else {
            let what = format!("a signature of version {:?}", signature.version());
            return Ok(Err(Fault::Unsupported { what }));
        };
        let mut signed = Signed { signature, config, content, digest: None };
        let mut fault = Fault::WrongKey { signed_by: Vec::new(), trusted: trusted.to_vec() };
        let mut worse = |found: Fault| {
            if found.weight() > fault.weight() {
                fault = found;
            }
        };
        for fingerprint in trusted {
            let Some(key) = self.keys.get(fingerprint) else {
                // A key that is not there may have signed by a subkey, which only its bytes would tell.
                let is_named = signature.issuer_fingerprint().iter().any(|issuer| {
                    Fingerprint::of(issuer).is_some_and(|issuer| issuer == *fingerprint)
                });
                let has_id =
                    signature.issuer_key_id().iter().any(|id| fingerprint.has_id(id.as_ref()));
                if is_named || has_id {
                    worse(Fault::NoKey(*fingerprint));
                }
                continue;
            };
            for component in key.signers(signature, self.now) {
                let judged = match component {
                    Component::Primary => {
                        self.judge_by(&mut signed, key, &key.primary, component)?
                    }
                    Component::Subkey(at) => {
                        let Some(subkey) = key.subkeys.get(at) else { continue };
                        self.judge_by(&mut signed, key, &subkey.key, component)?
                    }
                };
                match judged {
                    Ok(made) => {
                        let name = key.name(self.now);
                        return Ok(Ok(Signer { key: *fingerprint, name, made }));
                    }
                    Err(found) => worse(found),
                }
            }
        }
        Ok(Err(fault))
    }

    /// Judges a signature as one of a key's component, which it names. Returns when it was made.
    fn judge_by<E>(
        &self,
        signed: &mut Signed<'_, '_, E>,
        key: &Key,
        signing: &impl VerifyingKey,
        component: Component,
    ) -> Result<Result<i64, Fault>, E> {
        if let Err(fault) = check_kind(signed, key, signing) {
            return Ok(Err(fault));
        }
        if !signed.fits(signing)? {
            return Ok(Err(Fault::Tampered { key: key.fingerprint() }));
        }
        Ok(self.check_times(signed.signature, key, signing, component))
    }

    fn check_times(
        &self,
        signature: &Signature,
        key: &Key,
        signing: &impl VerifyingKey,
        component: Component,
    ) -> Result<i64, Fault> {
        let primary = key.fingerprint();
        let Some(made) = signature.created().map(|made| i64::from(made.as_secs())) else {
            return Err(Fault::Unusable { key: primary, reason: "without a date".to_owned() });
        };
        check_dates(signature, signing, primary, made, self.now)?;
        let at = if self.alive == Alive::Now { self.now } else { made };
        key.standing_of(component, self.now, at)?;
        Ok(made)
    }
}

/// Whether a signature is of a kind that counts, whatever it is over.
fn check_kind<E>(
    signed: &Signed<'_, '_, E>,
    key: &Key,
    signing: &impl VerifyingKey,
) -> Result<(), Fault> {
    let (primary, config) = (key.fingerprint(), signed.config);
    let unusable = |reason: String| Err(Fault::Unusable { key: primary, reason });
    if config.typ() != SignatureType::Binary {
        let found = config.typ();
        return unusable(format!("of type {found:?}, expected one of a binary document"));
    }
    if let Some(demand) = packets::unknown_demand(signed.signature) {
        return unusable(demand);
    }
    let weak_hash = || (!packets::is_strong(config.hash_alg)).then(|| config.hash_alg.to_string());
    // Whoever breaks the primary key binds a subkey of his own to it.
    let weak_primary = || {
        let what = packets::weakness(key.primary.public_params())?;
        Some(format!("a subkey that {what} vouches for"))
    };
    let weak = packets::weakness(signing.public_params()).or_else(weak_hash).or_else(weak_primary);
    weak.map_or(Ok(()), |what| Err(Fault::Weak { key: primary, what }))
}

impl<E> Signed<'_, '_, E> {
    /// Whether the key made it, over this content.
    fn fits(&mut self, signing: &impl VerifyingKey) -> Result<bool, E> {
        let is_v6 = matches!(self.config.version_specific, SignatureVersionSpecific::V6 { .. });
        // Keys of version 6 sign in version 6 only, and no others do.
        if is_v6 != (signing.version() == KeyVersion::V6) {
            return Ok(false);
        }
        if self.digest.is_none() {
            self.digest = self.hash()?;
        }
        let (Some(digest), Some(bytes)) = (&self.digest, self.signature.signature()) else {
            return Ok(false);
        };
        let begins_so =
            self.signature.signed_hash_value().is_some_and(|two| digest.starts_with(&two));
        Ok(begins_so && signing.verify(self.config.hash_alg, digest, bytes).is_ok())
    }

    /// The digest (RFC 9580, section 5.2.4); `None` where the signature lets none be made.
    fn hash(&mut self) -> Result<Option<Box<[u8]>>, E> {
        let config = self.config;
        let Ok(mut hasher) = config.hash_alg.new_hasher() else { return Ok(None) };
        if let SignatureVersionSpecific::V6 { salt } = &config.version_specific {
            if config.hash_alg.salt_len() != Some(salt.len()) {
                return Ok(None);
            }
            hasher.update(salt);
        }
        (self.content)(&mut |bytes| hasher.update(bytes))?;
        let trailer = config.hash_signature_data(&mut hasher).and_then(|len| config.trailer(len));
        let Ok(trailer) = trailer else { return Ok(None) };
        hasher.update(&trailer);
        Ok(Some(hasher.finalize()))
    }
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
