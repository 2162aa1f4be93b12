//! Signing: a site's own key, and detached signatures by it.
//!
//! A [`SigningKey`] is made here ([`SigningKey::generate`]) or by another program ([`SigningKey::read`]);
//! it signs by a subkey that may, the newest first, else by the primary key. What it signs is held
//! against [`verify`](super::verify()) before it is given out, so that nothing is published that this
//! program would refuse. The key's public half goes beside what it has signed.

use std::fmt;

use pgp::composed::{
    ArmorOptions, Deserializable as _, KeyType, SignedKeyDetails, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, SecretKey, Signature, SignatureConfig, SignatureType,
    Subpacket, SubpacketData, UserId,
};
use pgp::types::{
    Duration, KeyDetails as _, KeyVersion, Password, SigningKey as Signing, Tag, Timestamp,
};
use rand_core::OsRng;

use super::key::Keys;
use super::{Fault, Fingerprint, verify};

/// The digest that keys are made and files signed with: the oldest clients in use know it.
const HASH: HashAlgorithm = HashAlgorithm::Sha512;

/// What a new key's algorithm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// `EdDSA` on Curve25519, in the form that `GnuPG` 2.1 and later know: EL 8 and later.
    #[default]
    Ed25519,
    /// RSA of 4,096 bits, for older ones: EL 7.
    Rsa4096,
}

/// What a new key is to be.
#[derive(Clone)]
pub struct NewKey<'a> {
    /// Whose it is, as `Name <address>`.
    pub user: &'a str,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// How long it counts, in seconds; none: as long as it is not revoked.
    pub lasts: Option<u32>,
    /// What its file is locked with.
    pub passphrase: Option<&'a str>,
}

/// Why nothing can be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The file holds no key that could sign.
    #[error("no OpenPGP file of a secret key: {0}")]
    Malformed(String),
    /// The file holds several.
    #[error("holds several secret keys, expected one")]
    Several,
    /// It is locked.
    #[error("is locked with a passphrase, and none is given")]
    Locked,
    /// It is locked with another one.
    #[error("is locked with another passphrase than the one that is given")]
    Passphrase,
    /// What it signs would not count.
    #[error("signs nothing that counts: {0}")]
    Fault(#[from] Fault),
    /// The library below does not sign with it.
    #[error("cannot sign: {0}")]
    Other(String),
}

/// A key that signs, with its secret.
pub struct SigningKey {
    key: SignedSecretKey,
    password: Password,
    /// Whether no passphrase was given.
    is_open: bool,
    fingerprint: Fingerprint,
    /// The public half, as our own rules see it.
    keys: Keys,
    public: String,
}

/// Without its secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a key; `now` is in seconds since 1970.
    pub fn generate(new: &NewKey<'_>, now: i64) -> Result<Self, SignError> {
        let kind = match new.algorithm {
            Algorithm::Ed25519 => KeyType::Ed25519Legacy,
            Algorithm::Rsa4096 => KeyType::Rsa(4096),
        };
        Self::generate_as(&kind, new, now)
    }

    fn generate_as(kind: &KeyType, new: &NewKey<'_>, now: i64) -> Result<Self, SignError> {
        let made = timestamp(now);
        let key = (|| {
            let (public, secret) = kind.generate(OsRng)?;
            let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), made, None, public)?;
            let public = PublicKey::from_inner(inner)?;
            let mut secret = SecretKey::new(public.clone(), secret)?;
            let user = UserId::from_str(pgp::types::PacketHeaderVersion::New, new.user)?;
            let config = self_signature(&public, made, new.lasts)?;
            let signature = config.sign_certification(
                &secret,
                &public,
                &Password::empty(),
                Tag::UserId,
                &user,
            )?;
            if new.passphrase.is_some() {
                secret.set_password(OsRng, &password(new.passphrase))?;
            }
            let users = vec![user.into_signed(signature)];
            let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
            Ok(SignedSecretKey::new(secret, details, Vec::new(), Vec::new()))
        })();
        let key = key.map_err(|error: pgp::errors::Error| SignError::Other(shortly(&error)))?;
        Self::new(key, new.passphrase, now)
    }

    /// Reads the file of a secret key, armored or binary, as this and `gpg --export-secret-keys` write
    /// it, and sees that it can sign now.
    pub fn read(bytes: &[u8], passphrase: Option<&str>, now: i64) -> Result<Self, SignError> {
        let malformed = |error: pgp::errors::Error| SignError::Malformed(shortly(&error));
        let (mut found, _) = SignedSecretKey::from_reader_many(bytes).map_err(malformed)?;
        let key = found.next().ok_or_else(|| SignError::Malformed("no key in it".to_owned()))?;
        let key = key.map_err(malformed)?;
        if found.next().is_some() {
            return Err(SignError::Several);
        }
        Self::new(key, passphrase, now)
    }

    fn new(key: SignedSecretKey, passphrase: Option<&str>, now: i64) -> Result<Self, SignError> {
        let armor = ArmorOptions::default();
        let public = key.to_public_key().to_armored_string(armor);
        let public = public.map_err(|error| SignError::Other(shortly(&error)))?;
        let keys = Keys::read(public.as_bytes());
        let keys = keys.map_err(|error| SignError::Malformed(error.to_string()))?;
        let fingerprint = Fingerprint::of(&key.primary_key.fingerprint());
        let fingerprint = fingerprint.ok_or_else(|| {
            SignError::Malformed("a key of a version that is not known here".to_owned())
        })?;
        let (password, is_open) = (password(passphrase), passphrase.is_none());
        let key = Self { key, password, is_open, fingerprint, keys, public };
        // Better now than after hours of downloads.
        key.sign(b"", now)?;
        Ok(key)
    }

    /// Its name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When it was made, with all of its subkeys, in seconds since 1970.
    pub fn made(&self) -> i64 {
        let subkeys = self.key.secret_subkeys.iter().map(|sub| sub.key.created_at());
        let newest = subkeys.fold(self.key.primary_key.created_at(), Ord::max);
        i64::from(newest.as_secs())
    }

    /// What it calls itself at that time, in seconds since 1970.
    pub fn name(&self, now: i64) -> String {
        self.keys.get(&self.fingerprint).map(|key| key.name(now)).unwrap_or_default()
    }

    /// The file of its public half, armored.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The file of the whole key, armored, locked where it has a passphrase.
    pub fn secret(&self) -> Result<String, SignError> {
        let armored = self.key.to_armored_string(ArmorOptions::default());
        armored.map_err(|error| SignError::Other(shortly(&error)))
    }

    /// A detached signature of `content`, armored, dated `now`, or when the key was made where that is
    /// later: a build whose clock stands still signs too.
    pub fn sign(&self, content: &[u8], now: i64) -> Result<String, SignError> {
        let mut subkeys: Vec<_> = self.key.secret_subkeys.iter().map(|sub| &sub.key).collect();
        subkeys.sort_by_key(|key| std::cmp::Reverse(key.created_at()));
        let mut first = None;
        for subkey in subkeys {
            match self.sign_by(subkey, content, now) {
                Ok(signature) => return Ok(signature),
                // One that is for something else, or whose secret is elsewhere.
                Err(error) => first = first.or(Some(error)),
            }
        }
        self.sign_by(&self.key.primary_key, content, now).map_err(|error| first.unwrap_or(error))
    }

    /// The signature of `content` that is there `before`, where it is by this key and counts, else a new
    /// one: so what did not change keeps its signature.
    pub fn sign_again(
        &self,
        content: &[u8],
        before: Option<Vec<u8>>,
        now: i64,
    ) -> Result<Vec<u8>, SignError> {
        match before.filter(|before| self.has_signed(content, before, now)) {
            Some(before) => Ok(before),
            None => self.sign(content, now).map(String::into_bytes),
        }
    }

    /// Whether a signature of `content` is one by this key that counts.
    pub fn has_signed(&self, content: &[u8], signature: &[u8], now: i64) -> bool {
        verify(content, signature, &self.keys, &[self.fingerprint], now).is_ok()
    }

    fn sign_by(&self, key: &impl Signing, content: &[u8], now: i64) -> Result<String, SignError> {
        let signature = detached(key, &self.password, content, now).map_err(|error| {
            if self.is_unlocked() {
                SignError::Other(shortly(&error))
            } else if self.is_open {
                SignError::Locked
            } else {
                SignError::Passphrase
            }
        })?;
        let armored = pgp::composed::DetachedSignature::new(signature)
            .to_armored_string(ArmorOptions::default())
            .map_err(|error| SignError::Other(shortly(&error)))?;
        let now = now.max(i64::from(key.created_at().as_secs()));
        verify(content, armored.as_bytes(), &self.keys, &[self.fingerprint], now)?;
        Ok(armored)
    }

    /// Whether the passphrase opens something of it.
    fn is_unlocked(&self) -> bool {
        let opens = |opened: pgp::errors::Result<pgp::errors::Result<()>>| opened.is_ok();
        opens(self.key.primary_key.unlock(&self.password, |_, _| Ok(())))
            || self
                .key
                .secret_subkeys
                .iter()
                .any(|sub| opens(sub.key.unlock(&self.password, |_, _| Ok(()))))
    }
}

fn password(passphrase: Option<&str>) -> Password {
    passphrase.map_or_else(Password::empty, Password::from)
}

/// What a new key says of itself: it signs, and how long.
fn self_signature(
    key: &PublicKey,
    made: Timestamp,
    lasts: Option<u32>,
) -> pgp::errors::Result<SignatureConfig> {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut config = SignatureConfig::v4(SignatureType::CertPositive, key.algorithm(), HASH);
    config.hashed_subpackets = vec![
        Subpacket::critical(SubpacketData::SignatureCreationTime(made))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        Subpacket::critical(SubpacketData::KeyFlags(flags))?,
        Subpacket::regular(SubpacketData::IsPrimary(true))?,
    ];
    if let Some(lasts) = lasts {
        let lasts = SubpacketData::KeyExpirationTime(Duration::from_secs(lasts));
        config.hashed_subpackets.push(Subpacket::critical(lasts)?);
    }
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    Ok(config)
}

fn detached(
    key: &impl Signing,
    password: &Password,
    content: &[u8],
    now: i64,
) -> pgp::errors::Result<Signature> {
    let made = timestamp(now).max(key.created_at());
    let (kind, algorithm) = (SignatureType::Binary, key.algorithm());
    let mut config = match key.version() {
        KeyVersion::V6 => SignatureConfig::v6(OsRng, kind, algorithm, HASH)?,
        _ => SignatureConfig::v4(kind, algorithm, HASH),
    };
    config.hashed_subpackets = vec![
        Subpacket::critical(SubpacketData::SignatureCreationTime(made))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ];
    if key.version() != KeyVersion::V6 {
        config.unhashed_subpackets =
            vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    }
    config.sign(key, password, content)
}

/// `OpenPGP`'s times end in 2106.
fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

/// The library's reason, of which the rest may be a backtrace.
fn shortly(error: &pgp::errors::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror_fixtures::Gpg;

    const CONTENT: &[u8] = b"<repomd/>\n";

    /// 2026-01-01, in seconds since 1970, and `gpg`'s clock at that time.
    const NOW: i64 = 1_767_225_600;
    const AT_NOW: &str = "--faked-system-time=1767225600!";

    fn ed25519(passphrase: Option<&str>) -> SigningKey {
        let (user, lasts) = ("A Site <mirror@site.example>", Some(86_400));
        let new = NewKey { user, algorithm: Algorithm::Ed25519, lasts, passphrase };
        SigningKey::generate(&new, NOW).unwrap()
    }

    #[test]
    fn gpg_takes_what_is_signed_by_a_new_key() {
        let Some(gpg) = Gpg::new() else { return };
        let rsa = NewKey {
            user: "An old site <mirror@site.example>",
            algorithm: Algorithm::Rsa4096,
            lasts: None,
            passphrase: None,
        };
        // Half as long: the search for primes takes its time.
        let rsa = SigningKey::generate_as(&KeyType::Rsa(2048), &rsa, NOW).unwrap();
        for key in [ed25519(None), rsa] {
            let said = gpg.run(&[AT_NOW, "--import"], key.public().as_bytes());
            assert!(said.status.success(), "{said:?}");
            let signature = key.sign(CONTENT, NOW).unwrap();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &signature).unwrap();
            let file = file.path().to_str().unwrap();
            let verify = |content: &[u8]| gpg.run(&[AT_NOW, "--verify", file, "-"], content);
            assert!(verify(CONTENT).status.success());
            assert!(!verify(b"changed").status.success());
            assert!(key.has_signed(CONTENT, signature.as_bytes(), NOW));
            assert!(!key.has_signed(b"changed", signature.as_bytes(), NOW));
        }
        let listed = gpg.get(&[AT_NOW, "--with-colons", "--list-keys", "A Site"], b"");
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let key = listed.lines().find(|line| line.starts_with("pub:")).unwrap();
        assert!(key.contains(&format!(":{}:", NOW + 86_400)), "{key}");
    }

    #[test]
    fn a_key_is_the_same_once_it_was_written_and_read() {
        for passphrase in [None, Some("correct horse")] {
            let made = ed25519(passphrase);
            let file = made.secret().unwrap();
            let read = SigningKey::read(file.as_bytes(), passphrase, NOW).unwrap();
            assert_eq!(read.fingerprint(), made.fingerprint());
            assert_eq!(read.name(NOW), "A Site <mirror@site.example>");
            assert_eq!(read.public(), made.public());
            assert!(!format!("{read:?}").contains("secret"), "{read:?}");
            let signature = read.sign(CONTENT, NOW).unwrap();
            assert!(made.has_signed(CONTENT, signature.as_bytes(), NOW));
        }
        let locked = ed25519(Some("correct horse")).secret().unwrap();
        let read = |passphrase| SigningKey::read(locked.as_bytes(), passphrase, NOW).unwrap_err();
        assert_eq!(read(None), SignError::Locked);
        assert_eq!(read(Some("battery staple")), SignError::Passphrase);
    }

    #[test]
    fn says_why_a_file_cannot_sign() {
        let key = ed25519(None);
        let read = |bytes: &[u8], now| SigningKey::read(bytes, None, now).unwrap_err().to_string();
        let public = read(key.public().as_bytes(), NOW);
        assert!(public.starts_with("no OpenPGP file of a secret key"), "{public}");
        assert!(read(b"", NOW).starts_with("no OpenPGP file of a secret key"));
        assert!(read(b"-----BEGIN nothing", NOW).starts_with("no OpenPGP file"));
        let secret = key.secret().unwrap();
        let expired = read(secret.as_bytes(), NOW + 86_401);
        let said = format!("signs nothing that counts: the key {} expired at", key.fingerprint());
        assert!(expired.starts_with(&said), "{expired}");
    }

    #[test]
    fn signs_by_keys_of_gpg() {
        let Some(gpg) = Gpg::new() else { return };
        let export = |key: &str| gpg.get(&["--armor", "--export-secret-keys", key], b"");
        let plain = gpg.make("plain", "rsa2048", "never", &[AT_NOW]);
        let key = SigningKey::read(&export(&plain), None, NOW).unwrap();
        let signature = key.sign(CONTENT, NOW).unwrap();
        assert!(gpg.verifies(CONTENT, signature.as_bytes()));
        // A primary key that only certifies: the newest subkey that may sign does.
        gpg.get(&[AT_NOW, "--quick-gen-key", "parent", "ed25519", "cert", "never"], b"");
        let parent = gpg.fingerprints("parent").swap_remove(0);
        for (algorithm, usage) in [("ed25519", "sign"), ("cv25519", "encr")] {
            gpg.get(&[AT_NOW, "--quick-add-key", &parent, algorithm, usage, "never"], b"");
        }
        let key = SigningKey::read(&export(&parent), None, NOW).unwrap();
        assert_eq!(key.fingerprint().to_string(), parent);
        assert!(gpg.verifies(CONTENT, key.sign(CONTENT, NOW).unwrap().as_bytes()));
        // One whose primary secret is elsewhere.
        let subkeys = gpg.get(&["--armor", "--export-secret-subkeys", &parent], b"");
        let key = SigningKey::read(&subkeys, None, NOW).unwrap();
        assert!(gpg.verifies(CONTENT, key.sign(CONTENT, NOW).unwrap().as_bytes()));
        let weak = gpg.make("weak", "rsa1024", "never", &[AT_NOW]);
        let error = SigningKey::read(&export(&weak), None, NOW).unwrap_err().to_string();
        assert!(error.contains("RSA of 1024 bits, which is too weak"), "{error}");
    }
}
