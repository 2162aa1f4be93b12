//! Keys: what is read of key files, and what a key says of itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pgp::packet::{
    PacketTrait as _, PublicKey, PublicSubkey, RevocationCode, Signature, SignatureType,
    SubpacketData, UserAttribute, UserId,
};
use pgp::types::{KeyDetails, Tag};

use super::packets::{self, Packet};
use super::{CLOCK_TOLERANCE, Fault, Fingerprint, armor};
use crate::digest::Sha256;
use crate::limits;

/// The kind of an armored block that holds keys.
pub(super) const KEY_BLOCK: &str = "PGP PUBLIC KEY BLOCK";

/// Why a file is no key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no OpenPGP key file: {0}")]
pub struct KeyError(String);

/// Keys by their fingerprints. What several files say of one key is put together.
#[derive(Debug, Clone, Default)]
pub struct Keys(BTreeMap<Fingerprint, Key>);

/// A key: the primary one and all that is signed by it. What it has not signed itself is dropped when it
/// is read: so each of its statements is verified once, however many files are held against it, and what
/// others put into its file costs nothing later.
#[derive(Debug, Clone)]
pub struct Key {
    fingerprint: Fingerprint,
    pub(super) primary: PublicKey,
    /// Direct signatures and revocations.
    signatures: Vec<Signature>,
    users: Vec<User>,
    pub(super) subkeys: Vec<Subkey>,
}

#[derive(Debug, Clone)]
struct User {
    id: Id,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone)]
enum Id {
    Name(UserId),
    Attribute(UserAttribute),
}

impl Id {
    /// Whether it is the same, however its packet's header is written.
    fn is(&self, other: &Self) -> bool {
        use UserAttribute::{Image, Unknown};
        match (self, other) {
            (Self::Name(one), Self::Name(other)) => one.id() == other.id(),
            (Self::Attribute(one), Self::Attribute(other)) => match (one, other) {
                (
                    Image { subpacket_len: a_len, header: a_header, data: a, .. },
                    Image { subpacket_len: b_len, header: b_header, data: b, .. },
                ) => (a_len, a_header, a) == (b_len, b_header, b),
                (
                    Unknown { subpacket_len: a_len, typ: a_type, data: a, .. },
                    Unknown { subpacket_len: b_len, typ: b_type, data: b, .. },
                ) => (a_len, a_type, a) == (b_len, b_type, b),
                _ => false,
            },
            _ => false,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Subkey {
    pub(super) key: PublicSubkey,
    fingerprint: pgp::types::Fingerprint,
    bindings: Vec<Binding>,
    revocations: Vec<Signature>,
}

/// A key's word that a subkey is its own.
#[derive(Debug, Clone, PartialEq)]
struct Binding {
    signature: Signature,
    /// Whether the subkey says the same.
    is_backed: bool,
}

/// What of a key the signatures that follow are of; users and subkeys by their number.
#[derive(Debug, Clone, Copy)]
enum Part {
    Primary,
    User(usize),
    Subkey(usize),
}

/// What of a key may have signed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Component {
    Primary,
    /// Its number.
    Subkey(usize),
}

/// When the time of a key or subkey is over.
#[derive(Debug, Clone, Copy)]
struct End {
    key: Fingerprint,
    /// In seconds since 1970.
    at: i64,
}

impl End {
    /// `None` where it lasts as long as it is not revoked.
    fn of(
        name: Fingerprint,
        key: &impl KeyDetails,
        lasts: Option<pgp::types::Duration>,
    ) -> Option<Self> {
        let at = packets::expiry(i64::from(key.created_at().as_secs()), lasts)?;
        Some(Self { key: name, at })
    }

    /// An error where it was over at that time.
    fn check(self, time: i64) -> Result<(), Fault> {
        let Self { key, at } = self;
        if at <= time { Err(Fault::KeyExpired { key, at }) } else { Ok(()) }
    }
}

impl Keys {
    /// The keys of a file, armored or binary; an error where there is none in it. Packets of other
    /// kinds, and keys of versions that are not known, are passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut keys = Self::default();
        let (mut passed_over, mut verified) = (None, 0);
        for block in armor::blocks(bytes, KEY_BLOCK).map_err(KeyError)? {
            let mut key: Option<Key> = None;
            // None: what is signed did not parse, and its signatures are of nothing else.
            let mut part = None;
            for raw in packets::split(&block) {
                let raw = raw.map_err(KeyError)?;
                match packets::parse(raw) {
                    Ok(Some(Packet::PublicKey(primary))) => {
                        keys.take(key.take())?;
                        key = Key::new(primary);
                        part = Some(Part::Primary);
                    }
                    Ok(Some(Packet::Signature(signature))) => {
                        let Some(key) = key.as_mut().filter(|key| is_claimed(&signature, key))
                        else {
                            continue;
                        };
                        verified += 1;
                        if verified > limits::SELF_SIGNATURES {
                            let most = limits::SELF_SIGNATURES;
                            let reason =
                                format!("over {most} self-signatures, the bound for a file");
                            return Err(KeyError(reason));
                        }
                        key.sign(part, signature);
                    }
                    Ok(Some(Packet::UserId(id))) => {
                        part = key.as_mut().map(|key| Part::User(key.user(Id::Name(id))));
                    }
                    Ok(Some(Packet::UserAttribute(id))) => {
                        part = key.as_mut().map(|key| Part::User(key.user(Id::Attribute(id))));
                    }
                    Ok(Some(Packet::PublicSubkey(subkey))) => {
                        part = key.as_mut().map(|key| Part::Subkey(key.subkey(subkey)));
                    }
                    Ok(None) => {}
                    Err(reason) => {
                        part = part.filter(|_| raw.is_signature());
                        if raw.is_key() {
                            keys.take(key.take())?;
                        }
                        passed_over = Some(reason);
                    }
                }
            }
            keys.take(key)?;
        }
        if keys.0.is_empty() {
            let reason = passed_over.unwrap_or_else(|| "no key in it".to_owned());
            return Err(KeyError(reason));
        }
        Ok(keys)
    }

    fn take(&mut self, key: Option<Key>) -> Result<(), KeyError> {
        let Some(key) = key else { return Ok(()) };
        if self.0.len() >= limits::KEYS && !self.0.contains_key(&key.fingerprint) {
            return Err(KeyError(format!("over {} keys, the bound for a file", limits::KEYS)));
        }
        self.add(key);
        Ok(())
    }

    fn add(&mut self, key: Key) {
        match self.0.get_mut(&key.fingerprint) {
            Some(known) => known.merge(key),
            None => {
                self.0.insert(key.fingerprint, key);
            }
        }
    }

    /// Puts the keys of another file to these.
    pub fn extend(&mut self, other: Self) {
        other.0.into_values().for_each(|key| self.add(key));
    }

    /// The key of that fingerprint.
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&Key> {
        self.0.get(fingerprint)
    }

    /// The keys, in the order of their fingerprints.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.values()
    }

    /// What is known of these keys now, as a digest: another wherever something else would come of what
    /// one of them or of its subkeys has signed. That it is revoked is another thing than that its time
    /// is over, and so is when that ends: what was signed before that counts on.
    pub(crate) fn state(&self, keys: &[Fingerprint], now: i64) -> Sha256 {
        let mut text = String::new();
        for fingerprint in keys {
            let _ = writeln!(text, "{fingerprint}");
            let Some(key) = self.get(fingerprint) else { continue };
            let mut parts: Vec<String> = key
                .subkeys
                .iter()
                .enumerate()
                .map(|(at, subkey)| (format!("{:X}", subkey.fingerprint), Component::Subkey(at)))
                .chain([(fingerprint.to_string(), Component::Primary)])
                .map(|(name, part)| format!(" {name} {:?}\n", key.fitness(part, now)))
                .collect();
            // Key files have them in any order.
            parts.sort();
            text.extend(parts);
        }
        Sha256::of(text.as_bytes())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fingerprints, in their order.
    pub fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        self.0.keys()
    }
}

impl Key {
    /// `None` for keys of versions that have no fingerprint which counts.
    fn new(primary: PublicKey) -> Option<Self> {
        let fingerprint = Fingerprint::of(&primary.fingerprint())?;
        let (signatures, users, subkeys) = (Vec::new(), Vec::new(), Vec::new());
        Some(Self { fingerprint, primary, signatures, users, subkeys })
    }

    /// Its name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What it calls itself: a user id that it has signed; empty where it has none.
    pub fn name(&self, now: i64) -> String {
        let named = self.users.iter().filter_map(|user| {
            let Id::Name(id) = &user.id else { return None };
            let newest = user.newest(now)?;
            Some((newest.is_primary(), created(newest), id))
        });
        let best = named.max_by_key(|(primary, created, _)| (*primary, *created));
        let text = best.map(|(_, _, id)| String::from_utf8_lossy(id.id()).into_owned());
        let plain = text.unwrap_or_default();
        plain.chars().filter(|c| !c.is_control()).take(NAME_LEN).collect()
    }

    /// Puts a signature to what it is of, if this key has made it. A revocation of the whole key says
    /// itself what it is of, wherever it stands.
    fn sign(&mut self, part: Option<Part>, signature: Signature) {
        use SignatureType::{Key, KeyRevocation, SubkeyBinding, SubkeyRevocation};
        let (primary, kind) = (&self.primary, signature.typ());
        match part {
            Some(Part::User(at)) if kind != Some(KeyRevocation) => {
                let user = &mut self.users[at];
                let fits = match &user.id {
                    Id::Name(id) => signature.verify_certification(primary, Tag::UserId, id),
                    Id::Attribute(id) => {
                        signature.verify_certification(primary, Tag::UserAttribute, id)
                    }
                };
                user.signatures.extend(fits.is_ok().then_some(signature));
            }
            Some(Part::Subkey(at)) if kind != Some(KeyRevocation) => {
                let subkey = &mut self.subkeys[at];
                let fits = signature.verify_subkey_binding(primary, &subkey.key).is_ok();
                if fits && kind == Some(SubkeyRevocation) {
                    subkey.revocations.push(signature);
                } else if fits && kind == Some(SubkeyBinding) {
                    let is_backed = signature.embedded_signature().is_some_and(|back| {
                        back.typ() == Some(SignatureType::KeyBinding)
                            && back.verify_primary_key_binding(&subkey.key, primary).is_ok()
                    });
                    subkey.bindings.push(Binding { signature, is_backed });
                }
            }
            None if kind != Some(KeyRevocation) => {}
            _ if matches!(kind, Some(Key | KeyRevocation)) => {
                let fits = signature.verify_key(primary).is_ok();
                self.signatures.extend(fits.then_some(signature));
            }
            _ => {}
        }
    }

    /// The number of a user. One that is there twice is one: what is said of it holds for both, a
    /// revocation above all.
    fn user(&mut self, id: Id) -> usize {
        let at = self.users.iter().position(|known| known.id.is(&id));
        at.unwrap_or_else(|| {
            self.users.push(User { id, signatures: Vec::new() });
            self.users.len() - 1
        })
    }

    /// The number of a subkey, of which the same holds.
    fn subkey(&mut self, key: PublicSubkey) -> usize {
        let fingerprint = key.fingerprint();
        let at = self.subkeys.iter().position(|known| known.fingerprint == fingerprint);
        at.unwrap_or_else(|| {
            let (bindings, revocations) = (Vec::new(), Vec::new());
            self.subkeys.push(Subkey { key, fingerprint, bindings, revocations });
            self.subkeys.len() - 1
        })
    }

    fn merge(&mut self, other: Self) {
        merge(&mut self.signatures, other.signatures);
        for user in other.users {
            let at = self.user(user.id);
            merge(&mut self.users[at].signatures, user.signatures);
        }
        for subkey in other.subkeys {
            let at = self.subkey(subkey.key);
            merge(&mut self.subkeys[at].bindings, subkey.bindings);
            merge(&mut self.subkeys[at].revocations, subkey.revocations);
        }
    }

    /// What of it may have made a signature: the primary key and the subkeys that it has bound.
    pub(super) fn signers(&self, signature: &Signature, now: i64) -> Vec<Component> {
        let mut signers = Vec::new();
        if names(signature, &self.primary) {
            signers.push(Component::Primary);
        }
        for (at, subkey) in self.subkeys.iter().enumerate() {
            if names(signature, &subkey.key) && subkey.binding(now).is_some() {
                signers.push(Component::Subkey(at));
            }
        }
        signers
    }

    /// Whether anything that it signs may be trusted now: it is neither revoked nor expired.
    pub fn standing(&self, now: i64) -> Result<(), Fault> {
        let says = self.statements(now)?;
        self.end(&says).map_or(Ok(()), |end| end.check(now))
    }

    /// What it says of itself, as [`Key::newest`], if it stands.
    fn statements(&self, now: i64) -> Result<[Option<&Signature>; 2], Fault> {
        let key = self.fingerprint;
        if let Some(revocation) = self.revocation() {
            return Err(Fault::KeyRevoked { key, reason: reason(revocation) });
        }
        let (first, second) = self.newest(now);
        let Some(first) = first.or(second) else {
            let reason = "has no self-signature that counts".to_owned();
            return Err(Fault::Unfit { key, reason });
        };
        Ok([Some(first), second])
    }

    /// All of it, as a binary key file has it, if it or one of its subkeys is revoked: what has to be
    /// kept so that this is not forgotten.
    pub(crate) fn if_revoked(&self) -> Option<Vec<u8>> {
        let is_revoked = self.revocation().is_some()
            || self.subkeys.iter().any(|subkey| !subkey.revocations.is_empty());
        is_revoked.then(|| self.write().ok()).flatten()
    }

    fn write(&self) -> pgp::errors::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let sign = |signatures: &[Signature], bytes: &mut Vec<u8>| {
            signatures.iter().try_for_each(|signature| signature.to_writer_with_header(bytes))
        };
        self.primary.to_writer_with_header(&mut bytes)?;
        sign(&self.signatures, &mut bytes)?;
        for user in &self.users {
            match &user.id {
                Id::Name(id) => id.to_writer_with_header(&mut bytes)?,
                Id::Attribute(id) => id.to_writer_with_header(&mut bytes)?,
            }
            sign(&user.signatures, &mut bytes)?;
        }
        for subkey in &self.subkeys {
            subkey.key.to_writer_with_header(&mut bytes)?;
            sign(&subkey.revocations, &mut bytes)?;
            for binding in &subkey.bindings {
                binding.signature.to_writer_with_header(&mut bytes)?;
            }
        }
        Ok(bytes)
    }

    /// When its time is over.
    fn end(&self, says: &[Option<&Signature>; 2]) -> Option<End> {
        let lasts = says.iter().flatten().find_map(|signature| signature.key_expiration_time());
        End::of(self.fingerprint, &self.primary, lasts)
    }

    /// Whether what of it has signed may be trusted now, by what is known now. Its time must not have
    /// been over at the time `alive`.
    pub(super) fn standing_of(
        &self,
        component: Component,
        now: i64,
        alive: i64,
    ) -> Result<(), Fault> {
        self.fitness(component, now)?.iter().flatten().try_for_each(|end| end.check(alive))
    }

    /// When the time of what of it has signed is over, the primary key's and its own, if it may be
    /// trusted at all by what is known now.
    fn fitness(&self, component: Component, now: i64) -> Result<[Option<End>; 2], Fault> {
        let says = self.statements(now)?;
        let key = self.fingerprint;
        let unfit = |reason: &str| Fault::Unfit { key, reason: reason.to_owned() };
        let own = match component {
            Component::Primary => {
                let flags = says.iter().flatten().find(|signature| has_flags(signature));
                if flags.is_some_and(|signature| !signature.key_flags().sign()) {
                    return Err(unfit("is not one that may sign"));
                }
                None
            }
            Component::Subkey(at) => {
                let subkey = self.subkeys.get(at).ok_or_else(|| unfit("has no such subkey"))?;
                self.fitness_of_subkey(subkey, now)?
            }
        };
        Ok([self.end(&says), own])
    }

    fn fitness_of_subkey(&self, subkey: &Subkey, now: i64) -> Result<Option<End>, Fault> {
        let key = Fingerprint::of(&subkey.fingerprint).unwrap_or(self.fingerprint);
        let unfit = |reason: &str| Fault::Unfit { key, reason: reason.to_owned() };
        if let Some(revocation) = subkey.revocations.first() {
            return Err(Fault::KeyRevoked { key, reason: reason(revocation) });
        }
        let Binding { signature, is_backed } =
            subkey.binding(now).ok_or_else(|| unfit("is bound to no key"))?;
        if has_flags(signature) && !signature.key_flags().sign() {
            return Err(unfit("is not one that may sign"));
        }
        let back = signature.embedded_signature().filter(|back| *is_backed && counts(back, now));
        if back.is_none() {
            return Err(unfit("has no back-signature that counts"));
        }
        Ok(End::of(key, &subkey.key, signature.key_expiration_time()))
    }

    /// Whether each of its subkeys is bound to it, now or at some time.
    pub(super) fn has_bound_all(&self) -> bool {
        self.subkeys.iter().all(|subkey| !subkey.bindings.is_empty())
    }

    fn revocation(&self) -> Option<&Signature> {
        let is_one = |signature: &&Signature| signature.typ() == Some(SignatureType::KeyRevocation);
        self.signatures.iter().find(is_one)
    }

    /// The newest of its self-signatures: that which says what the key is for and how long, and that
    /// which is asked for what the first does not say. In version 4 a name's signature comes first,
    /// in version 6 the direct one.
    fn newest(&self, now: i64) -> (Option<&Signature>, Option<&Signature>) {
        let is_direct = |signature: &&Signature| {
            signature.typ() == Some(SignatureType::Key) && counts(signature, now)
        };
        let direct =
            self.signatures.iter().filter(is_direct).max_by_key(|signature| created(signature));
        let of_users = self.users.iter().filter_map(|user| user.newest(now));
        let of_users = of_users.max_by_key(|signature| created(signature));
        match self.fingerprint {
            Fingerprint::V4(_) => (of_users, direct),
            Fingerprint::V6(_) => (direct, of_users),
        }
    }
}

impl User {
    /// The newest self-signature of a name that is not taken back.
    fn newest(&self, now: i64) -> Option<&Signature> {
        let is_revocation =
            |signature: &Signature| signature.typ() == Some(SignatureType::CertRevocation);
        // Of two in the same second the revocation counts, in whatever order they stand.
        let newest = self
            .signatures
            .iter()
            .filter(|signature| counts(signature, now))
            .max_by_key(|signature| (created(signature), is_revocation(signature)))?;
        (!is_revocation(newest)).then_some(newest)
    }
}

impl Subkey {
    /// The newest binding.
    fn binding(&self, now: i64) -> Option<&Binding> {
        let count = self.bindings.iter().filter(|binding| counts(&binding.signature, now));
        count.max_by_key(|binding| created(&binding.signature))
    }
}

/// Longest name that is shown, in characters.
const NAME_LEN: usize = 200;

/// Puts signatures to others, each once.
fn merge<T: PartialEq>(signatures: &mut Vec<T>, others: Vec<T>) {
    for signature in others {
        if !signatures.contains(&signature) {
            signatures.push(signature);
        }
    }
}

/// Whether a self-signature may be by this key: it names it, or nobody.
fn is_claimed(signature: &Signature, key: &Key) -> bool {
    let is_nobodys =
        signature.issuer_key_id().is_empty() && signature.issuer_fingerprint().is_empty();
    is_nobodys || names(signature, &key.primary)
}

/// Whether the signature says that this key made it. One that names nobody is nobody's.
fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    signature.issuer_key_id().contains(&&key.legacy_key_id())
        || signature.issuer_fingerprint().contains(&&key.fingerprint())
}

/// Whether a self-signature that fits counts now.
fn counts(signature: &Signature, now: i64) -> bool {
    let made = created(signature);
    signature.hash_alg().is_some_and(packets::is_fit_for_keys)
        && packets::unknown_demand(signature).is_none()
        && made <= now.saturating_add(CLOCK_TOLERANCE)
        && packets::expiry(made, signature.signature_expiration_time()).is_none_or(|at| at > now)
}

/// When it was made, in seconds since 1970; 0 where it does not say.
fn created(signature: &Signature) -> i64 {
    signature.created().map_or(0, |made| i64::from(made.as_secs()))
}

/// Whether it says what the key is for.
fn has_flags(signature: &Signature) -> bool {
    let is_flags =
        |subpacket: &pgp::packet::Subpacket| matches!(subpacket.data, SubpacketData::KeyFlags(_));
    signature.config().is_some_and(|config| config.hashed_subpackets().any(is_flags))
}

/// The reason of a revocation, in a line.
fn reason(revocation: &Signature) -> String {
    let code = match revocation.revocation_reason_code() {
        Some(RevocationCode::KeySuperseded) => "superseded",
        Some(RevocationCode::KeyCompromised) => "compromised",
        Some(RevocationCode::KeyRetired) => "retired",
        _ => "no reason given",
    };
    let words = revocation.revocation_reason_string();
    let words = words.map(|words| String::from_utf8_lossy(words).into_owned()).unwrap_or_default();
    let words: String = words.chars().filter(|c| !c.is_control()).take(NAME_LEN).collect();
    if words.is_empty() { code.to_owned() } else { format!("{code} ({words})") }
}
