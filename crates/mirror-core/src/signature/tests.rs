//! The policy, held against signatures by `gpg`.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::process::Output;

use mirror_fixtures::Gpg;
use proptest::prelude::*;

use super::packets::Raw;
use super::*;
use crate::limits;

const CONTENT: &[u8] = b"<repomd/>\n";

/// 2026-01-01, in seconds since 1970.
const NOW: i64 = 1_767_225_600;

/// `gpg` with the clock of tests, which stands still, so that nothing here expires by itself.
const AT_NOW: &str = "--faked-system-time=1767225600!";
const TWO_YEARS_EARLIER: &str = "--faked-system-time=1704067200!";

/// What comes of a signature where all keys of `keys` are trusted.
fn judge(signature: &[u8], keys: &[u8]) -> Result<Signer, Fault> {
    judge_at(signature, keys, NOW)
}

fn judge_at(signature: &[u8], keys: &[u8], now: i64) -> Result<Signer, Fault> {
    let keys = Keys::read(keys).unwrap();
    let trusted: Vec<Fingerprint> = keys.fingerprints().copied().collect();
    verify(CONTENT, signature, &keys, &trusted, now)
}

fn fault(signature: &[u8], keys: &[u8]) -> String {
    judge(signature, keys).unwrap_err().to_string()
}

#[test]
fn takes_the_algorithms_of_today() {
    let Some(gpg) = Gpg::new() else { return };
    for algorithm in ["rsa2048", "ed25519", "nistp256/ecdsa", "nistp384/ecdsa"] {
        let name = algorithm.replace('/', " ");
        let key = gpg.make(&name, algorithm, "never", &[AT_NOW]);
        let keys = gpg.export(&key);
        for hash in ["SHA384", "SHA512"] {
            let signature = gpg.sign(&key, CONTENT, &[AT_NOW, "--digest-algo", hash]);
            let signer = judge(&signature, &keys).unwrap();
            assert_eq!(signer.key.to_string(), key);
            assert_eq!((signer.name.as_str(), signer.made), (name.as_str(), NOW));
        }
        let binary = gpg.get(&[AT_NOW, "--local-user", &key, "--detach-sign"], CONTENT);
        let binary_key = gpg.get(&["--export", &key], b"");
        assert!(judge(&binary, &binary_key).is_ok());
    }
}

#[test]
fn does_not_take_what_is_weak() {
    let Some(gpg) = Gpg::new() else { return };
    let strong = gpg.make("strong", "rsa2048", "never", &[AT_NOW]);
    let keys = gpg.export(&strong);
    for hash in ["SHA1", "RIPEMD160"] {
        let signature = gpg.sign(&strong, CONTENT, &[AT_NOW, "--digest-algo", hash]);
        let said = format!("signed by {strong} with {hash}, which is too weak");
        assert_eq!(fault(&signature, &keys), said);
    }
    for (algorithm, what) in [("rsa1024", "RSA of 1024 bits"), ("dsa2048", "DSA")] {
        let key = gpg.make(algorithm, algorithm, "never", &[AT_NOW]);
        let signature = gpg.sign(&key, CONTENT, &[AT_NOW, "--digest-algo", "SHA256"]);
        let said = format!("signed by {key} with {what}, which is too weak");
        assert_eq!(fault(&signature, &gpg.export(&key)), said);
    }
}

#[test]
fn does_not_take_a_strong_subkey_of_a_weak_key() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.get(&[AT_NOW, "--quick-gen-key", "weak", "rsa1024", "cert", "never"], b"");
    let key = gpg.fingerprints("weak").swap_remove(0);
    gpg.get(&[AT_NOW, "--quick-add-key", &key, "rsa2048", "sign", "never"], b"");
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW]);
    let what = "a subkey that RSA of 1024 bits vouches for";
    let said = format!("signed by {key} with {what}, which is too weak");
    assert_eq!(fault(&signature, &gpg.export(&key)), said);
}

#[test]
fn takes_keys_that_signed_themselves_with_sha1() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("old", "rsa2048", "never", &[AT_NOW, "--cert-digest-algo", "SHA1"]);
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW, "--digest-algo", "SHA256"]);
    assert!(judge(&signature, &gpg.export(&key)).is_ok());
}

#[test]
fn takes_a_key_that_others_have_certified() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("certified", "ed25519", "never", &[AT_NOW]);
    let other = gpg.make("other", "ed25519", "never", &[AT_NOW]);
    gpg.get(&[AT_NOW, "--yes", "--local-user", &other, "--quick-sign-key", &key], b"");
    let exported = gpg.export(&key);
    assert!(judge(&gpg.sign(&key, CONTENT, &[AT_NOW]), &exported).is_ok());
}

#[test]
fn tells_a_changed_file_from_a_wrong_key() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("right", "ed25519", "never", &[AT_NOW]);
    let other = gpg.make("wrong", "ed25519", "never", &[AT_NOW]);
    let changed = gpg.sign(&key, b"<repomd>evil</repomd>\n", &[AT_NOW]);
    let tampered = judge(&changed, &gpg.export(&key)).unwrap_err();
    assert_eq!(tampered, Fault::Tampered { key: key.parse().unwrap() });
    assert!(!gpg.verifies(CONTENT, &changed));

    let by_other = gpg.sign(&other, CONTENT, &[AT_NOW]);
    assert!(gpg.verifies(CONTENT, &by_other));
    let said = format!("signed by {other}, expected {key}");
    assert_eq!(fault(&by_other, &gpg.export(&key)), said);

    // A key that is at hand and not trusted does not count.
    let keys = Keys::read(&gpg.get(&["--export"], b"")).unwrap();
    let trusted = [key.parse().unwrap()];
    let error = verify(CONTENT, &by_other, &keys, &trusted, NOW).unwrap_err();
    assert!(matches!(error, Fault::WrongKey { .. }));
    // Nor does a fingerprint whose key is not at hand.
    let missing =
        verify(CONTENT, &gpg.sign(&key, CONTENT, &[AT_NOW]), &Keys::default(), &trusted, NOW);
    let said = format!("the key {key} is trusted, and no key file at hand holds it");
    assert_eq!(missing.unwrap_err().to_string(), said);
}

#[test]
fn one_good_signature_of_several_is_enough() {
    let Some(gpg) = Gpg::new() else { return };
    let one = gpg.make("one", "ed25519", "never", &[AT_NOW]);
    let two = gpg.make("two", "rsa2048", "never", &[AT_NOW]);
    let by = |keys: &[&str]| {
        let users: Vec<&str> = keys.iter().flat_map(|key| ["--local-user", key]).collect();
        gpg.get(&[&[AT_NOW, "--armor"], &users[..], &["--detach-sign"]].concat(), CONTENT)
    };
    let both = by(&[&one, &two]);
    for key in [&one, &two] {
        assert_eq!(judge(&both, &gpg.export(key)).unwrap().key.to_string(), *key);
    }
    // Blocks that were put together, of signatures and of keys.
    let joined = [by(&[&one]), by(&[&two])].concat();
    assert_eq!(judge(&joined, &gpg.export(&two)).unwrap().key.to_string(), two);
    let keys = [gpg.export(&one), gpg.export(&two)].concat();
    assert_eq!(Keys::read(&keys).unwrap().fingerprints().count(), 2);
    assert!(judge(&by(&[&two]), &keys).is_ok());
}

#[test]
fn a_key_that_expired_counts_no_more() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("short", "ed25519", "1y", &[TWO_YEARS_EARLIER]);
    let then = gpg.sign(&key, CONTENT, &[TWO_YEARS_EARLIER]);
    let keys = gpg.export(&key);
    let said = format!("the key {key} expired at 2024-12-31T00:00:00Z");
    assert_eq!(fault(&then, &keys), said);
    assert!(judge_at(&then, &keys, NOW - 2 * 366 * 86_400 + 100).is_ok());

    // Its owner makes it last longer: one file that says so is enough.
    gpg.get(&[AT_NOW, "--quick-set-expire", &key, "2y"], b"");
    let longer = gpg.export(&key);
    assert!(judge(&then, &longer).is_ok());
    assert!(judge(&then, &[keys, longer].concat()).is_ok());
}

#[test]
fn a_revoked_key_does_not_count() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("lost", "ed25519", "never", &[AT_NOW]);
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW]);
    let before = gpg.export(&key);
    assert!(judge(&signature, &before).is_ok());
    gpg.revoke(&key);
    let said = format!("the key {key} is revoked: no reason given");
    assert_eq!(fault(&signature, &gpg.export(&key)), said);
    // One file that knows of it is enough.
    assert!(matches!(
        judge(&signature, &[gpg.export(&key), before].concat()),
        Err(Fault::KeyRevoked { .. })
    ));
}

/// Who cannot sign in the key's name can still fill its file, beside a repository that anybody serves.
#[test]
fn what_a_key_has_not_signed_is_dropped_when_it_is_read() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("full", "ed25519", "never", &[AT_NOW]);
    let file = gpg.get(&["--export", &key], b"");
    let last = packets::split(&file).map(Result::unwrap).last().unwrap();
    assert!(last.is_signature());
    let mut forged = file[file.len() - last.len()..].to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let with = |junk: usize| [&file[..], &forged.repeat(junk)].concat();
    let keys = Keys::read(&with(limits::SELF_SIGNATURES - 1)).unwrap();
    let fingerprint: Fingerprint = key.parse().unwrap();
    assert!(format!("{keys:?}").len() < 2 * format!("{:?}", Keys::read(&file).unwrap()).len());
    assert_eq!(keys.get(&fingerprint).unwrap().standing(NOW), Ok(()));
    let error = Keys::read(&with(limits::SELF_SIGNATURES)).unwrap_err().to_string();
    assert_eq!(error, "no OpenPGP key file: over 1000 self-signatures, the bound for a file");
    // Those of others are not even looked at.
    let other = gpg.make("other", "ed25519", "never", &[AT_NOW]);
    let other = gpg.get(&["--export", &other], b"");
    let certified = packets::split(&other).map(Result::unwrap).last().unwrap();
    let certified = &other[other.len() - certified.len()..];
    let crowd = [&file[..], &certified.repeat(2 * limits::SELF_SIGNATURES)].concat();
    assert!(Keys::read(&crowd).is_ok());
}

#[test]
fn a_revoked_key_is_written_to_be_remembered() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.get(&[AT_NOW, "--quick-gen-key", "parted", "ed25519", "cert", "never"], b"");
    let key = gpg.fingerprints("parted").swap_remove(0);
    gpg.get(&[AT_NOW, "--quick-add-key", &key, "rsa2048", "sign", "1y"], b"");
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW]);
    let before = gpg.export(&key);
    let kept = |file: &[u8]| {
        let keys = Keys::read(file).unwrap();
        keys.get(&key.parse().unwrap()).unwrap().if_revoked()
    };
    assert_eq!(kept(&before), None);
    for revoke in [Gpg::revoke_subkey, Gpg::revoke] {
        revoke(&gpg, &key);
        let written = kept(&gpg.export(&key)).unwrap();
        assert_eq!(kept(&written).unwrap(), written);
        let mut keys = Keys::read(&before).unwrap();
        let state = keys.state(&[key.parse().unwrap()], NOW);
        keys.extend(Keys::read(&written).unwrap());
        assert_ne!(keys.state(&[key.parse().unwrap()], NOW), state);
        let judged = verify(CONTENT, &signature, &keys, &[key.parse().unwrap()], NOW);
        assert!(matches!(judged, Err(Fault::KeyRevoked { .. })), "{judged:?}");
    }
}

#[test]
fn takes_a_signing_subkey_until_it_is_revoked_or_expires() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.get(&[AT_NOW, "--quick-gen-key", "parted", "ed25519", "cert", "never"], b"");
    let key = gpg.fingerprints("parted").swap_remove(0);
    let primary_alone = gpg.export(&key);
    gpg.get(&[AT_NOW, "--quick-add-key", &key, "rsa2048", "sign", "1y"], b"");
    let subkey = gpg.fingerprints("parted").swap_remove(1);
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW]);
    let keys = gpg.export(&key);
    let signer = judge(&signature, &keys).unwrap();
    assert_eq!((signer.key.to_string(), signer.name.as_str()), (key.clone(), "parted"));

    let later = judge_at(&signature, &keys, NOW + 2 * 366 * 86_400).unwrap_err();
    assert!(later.to_string().starts_with(&format!("the key {subkey} expired at 2027")));
    assert!(matches!(judge(&signature, &primary_alone), Err(Fault::WrongKey { .. })));
    let trusted = [key.parse().unwrap()];
    let nothing = verify(CONTENT, &signature, &Keys::default(), &trusted, NOW);
    assert_eq!(nothing, Err(Fault::NoKey(trusted[0])));
    gpg.revoke_subkey(&key);
    let revoked = fault(&signature, &gpg.export(&key));
    assert_eq!(revoked, format!("the key {subkey} is revoked: compromised"));
}

#[test]
fn a_subkey_needs_its_own_word() {
    let Some(gpg) = Gpg::new() else { return };
    // An encryption subkey's binding has no back-signature: moved to a signing key of somebody
    // else, it would claim that key's signatures.
    let victim = gpg.make("victim", "ed25519", "never", &[AT_NOW]);
    let thief = gpg.make("thief", "ed25519", "never", &[AT_NOW]);
    gpg.get(&[AT_NOW, "--quick-add-key", &victim, "rsa2048", "sign", "never"], b"");
    let signature = gpg.sign(&victim, CONTENT, &[AT_NOW]);
    let of_victim = gpg.get(&["--export", &victim], b"");
    let of_thief = gpg.get(&["--export", &thief], b"");
    let stolen = [&of_thief[..], from(&of_victim, Raw::is_subkey)].concat();
    let said = fault(&signature, &stolen);
    assert!(said.starts_with("signed by "), "{said}");
    // Programs that do not look at the binding would take it.
    let said = format!("holds a subkey that {thief} has not bound to itself");
    assert_eq!(stranger(&stolen, &[thief.parse().unwrap()]), Some(said));
}

/// A file from the first such packet on.
fn from<'a>(file: &'a [u8], is: fn(&Raw<'a>) -> bool) -> &'a [u8] {
    let packets = packets::split(file).map(Result::unwrap);
    &file[packets.take_while(|raw| !is(raw)).map(|raw| raw.len()).sum()..]
}

/// The same with the first packet's header in the other format, which is new where `gpg` writes.
fn reworded(file: &[u8]) -> Vec<u8> {
    let octets = 1 << (file[0] & 3);
    let length = file[1..=octets].iter().fold(0, |length, byte| length << 8 | u32::from(*byte));
    let header = [0xc0 | (file[0] >> 2) & 15, 255];
    [&header[..], &length.to_be_bytes(), &file[1 + octets..]].concat()
}

#[test]
fn a_subkey_that_is_there_twice_is_revoked_in_both() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.get(&[AT_NOW, "--quick-gen-key", "twice", "ed25519", "cert", "never"], b"");
    let key = gpg.fingerprints("twice").swap_remove(0);
    gpg.get(&[AT_NOW, "--quick-add-key", &key, "ed25519", "sign", "never"], b"");
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW]);
    let before = gpg.get(&["--export", &key], b"");
    gpg.revoke_subkey(&key);
    let after = gpg.get(&["--export", &key], b"");
    let [good, revoked] = [&before, &after].map(|file| from(file, Raw::is_subkey));
    assert!(judge(&signature, &before).is_ok());
    for file in [
        [&after, good].concat(),
        [&before, revoked].concat(),
        [&after[..], &reworded(good)].concat(),
        [&before[..], &reworded(revoked)].concat(),
        [&before[..], &after].concat(),
        [&after[..], &before].concat(),
    ] {
        assert!(matches!(judge(&signature, &file), Err(Fault::KeyRevoked { .. })));
    }
}

#[test]
fn a_name_that_is_there_twice_is_revoked_in_both() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("first", "ed25519", "never", &[TWO_YEARS_EARLIER]);
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW]);
    gpg.get(&[AT_NOW, "--quick-add-uid", &key, "second"], b"");
    let before = gpg.get(&["--export", &key], b"");
    gpg.get(&[AT_NOW, "--quick-revoke-uid", &key, "second"], b"");
    let after = gpg.get(&["--export", &key], b"");
    let name = |file: &[u8]| judge(&signature, file).unwrap().name;
    assert_eq!((name(&before).as_str(), name(&after).as_str()), ("second", "first"));
    let [good, revoked] = [&before, &after].map(|file| from(file, Raw::is_user));
    for file in [
        [&after, good].concat(),
        [&before, revoked].concat(),
        [&after[..], &reworded(good)].concat(),
        [&before[..], &reworded(revoked)].concat(),
    ] {
        assert_eq!(name(&file), "first");
    }
}

#[test]
fn a_revocation_of_the_key_counts_wherever_it_stands() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("misplaced", "ed25519", "never", &[AT_NOW]);
    gpg.get(&[AT_NOW, "--quick-add-key", &key, "ed25519", "sign", "never"], b"");
    let signature = gpg.sign(&key, CONTENT, &[AT_NOW]);
    let before = gpg.get(&["--export", &key], b"");
    gpg.revoke(&key);
    let after = gpg.get(&["--export", &key], b"");
    // After the key, where it belongs.
    let revocation = from(&after, Raw::is_signature);
    let end = revocation.len() - from(&after, Raw::is_user).len();
    let moved = [&before, &revocation[..end]].concat();
    assert!(matches!(judge(&signature, &moved), Err(Fault::KeyRevoked { .. })));
}

#[test]
fn a_file_of_keys_is_handed_on_if_it_holds_nothing_else() {
    let Some(gpg) = Gpg::new() else { return };
    let ours = gpg.make("ours", "ed25519", "never", &[AT_NOW]);
    gpg.get(&[AT_NOW, "--quick-add-key", &ours, "rsa2048", "sign", "never"], b"");
    let other = gpg.make("their", "ed25519", "never", &[AT_NOW]);
    let trusted = [ours.parse().unwrap()];
    let [binary, other_binary] = [&ours, &other].map(|key| gpg.get(&["--export", key], b""));
    let armored = gpg.export(&ours);
    for file in [&binary, &armored, &[&armored[..], &armored].concat()] {
        assert_eq!(stranger(file, &trusted), None);
    }
    let said = format!("holds the key {other}, which is not trusted");
    for file in [
        [&binary[..], &other_binary].concat(),
        [&other_binary[..], &binary].concat(),
        [&armored[..], &gpg.export(&other)].concat(),
        gpg.get(&["--armor", "--export", &ours, &other], b""),
    ] {
        assert_eq!(stranger(&file, &trusted).as_ref(), Some(&said));
    }
    let secret = gpg.get(&["--armor", "--export-secret-keys", &ours], b"");
    let secrets = gpg.get(&["--export-secret-keys", &ours], b"");
    for (file, said) in [
        ([&armored[..], &secret].concat(), "holds a block that is not one of public keys"),
        ([&binary[..], &secrets].concat(), "holds a packet that is not one of public keys"),
        ([&binary[..], b"\xc6\x02\x07\x00"].concat(), "holds what is not known here: "),
        (b"<html>".to_vec(), "is no OpenPGP key file: "),
        (Vec::new(), "is no OpenPGP key file: "),
    ] {
        let found = stranger(&file, &trusted).unwrap();
        assert!(found.starts_with(said), "{found}");
    }
}

#[test]
fn dates_have_to_make_sense() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("dated", "ed25519", "never", &[TWO_YEARS_EARLIER]);
    let keys = gpg.export(&key);
    let now = gpg.sign(&key, CONTENT, &[AT_NOW]);
    assert!(judge_at(&now, &keys, NOW - CLOCK_TOLERANCE).is_ok());
    let early = judge_at(&now, &keys, NOW - CLOCK_TOLERANCE - 1).unwrap_err().to_string();
    assert_eq!(
        early,
        format!(
            "the signature by {key} is dated 2026-01-01T00:00:00Z, and this host's clock says \
             2025-12-30T23:59:59Z"
        )
    );
    let short = gpg.sign(&key, CONTENT, &[AT_NOW, "--default-sig-expire", "10d"]);
    assert!(judge_at(&short, &keys, NOW + 9 * 86_400).is_ok());
    let over = judge_at(&short, &keys, NOW + 10 * 86_400).unwrap_err().to_string();
    assert_eq!(over, format!("the signature by {key} expired at 2026-01-11T00:00:00Z"));
}

#[test]
fn a_key_that_is_not_for_signing_signs_nothing() {
    let Some(gpg) = Gpg::new() else { return };
    let both = gpg.make("capable", "ed25519", "never", &[AT_NOW]);
    let signature = gpg.sign(&both, CONTENT, &[AT_NOW]);
    // The owner says later what the key is for.
    let words = b"change-usage\ns\nq\nsave\n";
    let change =
        ["--no-batch", "--faked-system-time=1767225700!", "--command-fd", "0", "--edit-key"];
    let Output { status, .. } = gpg.run(&[&change[..], &[&both]].concat(), words);
    assert!(status.success());
    let said = fault(&signature, &gpg.export(&both));
    assert_eq!(said, format!("the key {both} is not one that may sign"));
}

#[test]
fn text_signatures_and_other_files_are_named() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("text", "ed25519", "never", &[AT_NOW]);
    let keys = gpg.export(&key);
    let text = gpg.sign(&key, CONTENT, &[AT_NOW, "--textmode"]);
    assert_eq!(
        fault(&text, &keys),
        format!("the signature by {key} is of type Text, expected one of a binary document")
    );
    let error = |bytes: &[u8]| judge(bytes, &keys).unwrap_err().to_string();
    let none = "malformed signature: no -----BEGIN PGP SIGNATURE----- in it";
    assert_eq!(error(b"<html>not found</html>"), none);
    assert_eq!(error(b""), none);
    assert_eq!(error(&keys), none);
    let name = b"\xcd\x01x";
    assert_eq!(error(name), "malformed signature: no signature in it");
    let no_key = Keys::read(&text).unwrap_err().to_string();
    assert_eq!(no_key, "no OpenPGP key file: no -----BEGIN PGP PUBLIC KEY BLOCK----- in it");
    let whole = gpg.get(&[AT_NOW, "--local-user", &key, "--detach-sign"], CONTENT);
    for end in 1..whole.len() {
        assert!(judge(&whole[..end], &keys).is_err(), "{end}");
    }
    let many = vec![whole; limits::SIGNATURES + 1].concat();
    assert!(judge(&many, &gpg.export(&key)).unwrap_err().to_string().contains("the bound"));
}

/// A signature and a key to change, made once.
fn sample() -> Option<&'static (Vec<u8>, Vec<u8>)> {
    static SAMPLE: std::sync::OnceLock<Option<(Vec<u8>, Vec<u8>)>> = std::sync::OnceLock::new();
    let sample = SAMPLE.get_or_init(|| {
        let gpg = Gpg::new()?;
        let key = gpg.make("sample", "ed25519", "1y", &[AT_NOW]);
        gpg.get(&[AT_NOW, "--quick-add-key", &key, "nistp256/ecdsa", "sign", "1y"], b"");
        let signature = gpg.get(&[AT_NOW, "--local-user", &key, "--detach-sign"], CONTENT);
        Some((signature, gpg.get(&["--export", &key], b"")))
    });
    sample.as_ref()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A changed byte in a signature or a key never makes a wrong file right, and nothing panics.
    #[test]
    fn no_bytes_are_too_odd(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        in_key in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        if let Some((signature, key)) = sample() {
            let (mut signature, mut changed) = (signature.clone(), key.clone());
            let trusted: Vec<_> = Keys::read(key).unwrap().fingerprints().copied().collect();
            let bytes = if in_key { &mut changed } else { &mut signature };
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(keys) = Keys::read(&changed) {
                prop_assert!(verify(b"other", &signature, &keys, &trusted, NOW).is_err());
                let _ = verify(CONTENT, &signature, &keys, &trusted, NOW);
            }
            let _ = Keys::read(&noise);
            let _ = issuers(&[&signature[..at.min(signature.len())], &noise].concat());
        }
    }
}
