//! Packages that somebody hostile, careless or late has signed.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::io::Cursor;
use std::sync::Arc;

use mirror_fixtures::signing::{PackageSignature, header_of, whole_of, with_signatures};
use mirror_fixtures::{Gpg, Package, Signer, sign_package};

use super::super::packets;
use super::*;
use crate::digest::Sha256;

/// 2026-01-01, in seconds since 1970.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

/// `gpg` with the clock of tests.
fn at(time: i64) -> String {
    format!("--faked-system-time={time}!")
}

fn package(name: &str) -> Vec<u8> {
    Package::new(name, "1", "1").file("/usr/share/x", name).build()
}

/// What comes of a package where all keys of `keys` are trusted.
fn judge_at(package: &[u8], keys: &[u8], now: i64) -> Verdict {
    let keys = Keys::read(keys).unwrap();
    let trusted: Vec<Fingerprint> = keys.fingerprints().copied().collect();
    verify(&mut Cursor::new(package), None, &keys, &trusted, now).unwrap()
}

fn judge(package: &[u8], keys: &[u8]) -> Verdict {
    judge_at(package, keys, NOW)
}

/// The fault of a package that is refused for one.
fn fault(verdict: &Verdict) -> &Fault {
    match verdict {
        Verdict::Refused(Refusal::Signature(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

struct Keyring {
    gpg: Arc<Gpg>,
}

impl Keyring {
    fn new() -> Option<Self> {
        Gpg::new().map(|gpg| Self { gpg: Arc::new(gpg) })
    }

    fn signer(&self, name: &str, expires: &str, made: i64) -> Signer {
        self.gpg.signer(&self.gpg.make(name, "ed25519", expires, &[&at(made)]))
    }

    fn keys(&self, signers: &[&Signer]) -> Vec<u8> {
        signers.iter().flat_map(|signer| self.gpg.get(&["--export", &signer.key], b"")).collect()
    }
}

/// A signature of the header, made at that time.
fn header_signature(signer: &Signer, package: &[u8], time: i64) -> Vec<u8> {
    signer.sign_binary(&header_of(package), &[&at(time)])
}

fn signed_at(signer: &Signer, package: &[u8], time: i64) -> Vec<u8> {
    let signature = header_signature(signer, package, time);
    with_signatures(package, &[PackageSignature::Header(DSA_HEADER, signature)])
}

#[test]
fn a_key_that_has_expired_counts_for_what_it_signed_before() {
    let Some(keyring) = Keyring::new() else { return };
    let vendor = keyring.signer("vendor", "10d", NOW - 100 * DAY);
    let keys = keyring.keys(&[&vendor]);
    let package = package("old");
    let before = signed_at(&vendor, &package, NOW - 95 * DAY);
    assert!(matches!(judge(&before, &keys), Verdict::Good(_)));
    // Whoever has a key that has expired can sign on, but not in its name.
    keyring.gpg.get(&[&at(NOW - 95 * DAY), "--quick-set-expire", &vendor.key, "1y"], b"");
    let after = signed_at(&vendor, &package, NOW - 50 * DAY);
    let verdict = judge(&after, &keys);
    assert!(matches!(fault(&verdict), Fault::KeyExpired { .. }), "{verdict}");
    assert!(matches!(judge(&after, &keyring.keys(&[&vendor])), Verdict::Good(_)));
}

#[test]
fn a_revoked_key_counts_for_nothing() {
    let Some(keyring) = Keyring::new() else { return };
    let vendor = keyring.signer("vendor", "never", NOW - 10 * DAY);
    let package = signed_at(&vendor, &package("old"), NOW - 9 * DAY);
    assert!(matches!(judge(&package, &keyring.keys(&[&vendor])), Verdict::Good(_)));
    keyring.gpg.revoke(&vendor.key);
    let verdict = judge_at(&package, &keyring.keys(&[&vendor]), NOW + 10_000 * DAY);
    assert!(matches!(fault(&verdict), Fault::KeyRevoked { .. }), "{verdict}");
}

#[test]
fn dates_that_cannot_be_are_refused() {
    let Some(keyring) = Keyring::new() else { return };
    let vendor = keyring.signer("vendor", "never", NOW);
    let keys = keyring.keys(&[&vendor]);
    let future = signed_at(&vendor, &package("x"), NOW + 3 * DAY);
    let said = judge(&future, &keys).to_string();
    assert!(said.contains("this host's clock says"), "{said}");
    // gpg would not sign before its key was made: the key is made again, later.
    let signature = header_signature(&vendor, &package("x"), NOW + DAY);
    let early = judge_at(
        &with_signatures(&package("x"), &[PackageSignature::Header(DSA_HEADER, signature)]),
        &keys,
        NOW - 10 * DAY,
    );
    assert!(matches!(fault(&early), Fault::Date { .. } | Fault::Unfit { .. }), "{early}");
}

/// CVE-2021-3521: what a key has not bound to itself does not sign in its name.
#[test]
fn a_subkey_that_its_key_has_not_bound_is_nobodys() {
    let Some(keyring) = Keyring::new() else { return };
    let gpg = &keyring.gpg;
    let (vendor, thief) =
        (keyring.signer("vendor", "never", NOW), keyring.signer("thief", "never", NOW));
    gpg.get(&[&at(NOW), "--quick-add-key", &thief.key, "ed25519", "sign", "never"], b"");
    let subkey = gpg.fingerprints("thief").swap_remove(1);
    let by_subkey = gpg.signer(&format!("{subkey}!"));
    let package = signed_at(&by_subkey, &package("x"), NOW);
    assert!(matches!(judge(&package, &keyring.keys(&[&thief])), Verdict::Good(_)));
    // The thief's subkey put behind the vendor's key.
    let of_thief = keyring.keys(&[&thief]);
    let all = packets::split(&of_thief).map(Result::unwrap);
    let from: usize = all.take_while(|raw| !raw.is_subkey()).map(|raw| raw.len()).sum();
    for stolen in [&of_thief[from..], &of_thief[from..of_thief.len() - 2]] {
        let keys = [&keyring.keys(&[&vendor])[..], stolen].concat();
        let Ok(keys) = Keys::read(&keys) else { continue };
        let trusted = [vendor.key.parse().unwrap()];
        let verdict = verify(&mut Cursor::new(&package), None, &keys, &trusted, NOW).unwrap();
        assert!(matches!(fault(&verdict), Fault::WrongKey { .. }), "{verdict}");
    }
}

#[test]
fn of_several_signatures_none_may_show_a_change() {
    let Some(keyring) = Keyring::new() else { return };
    let (vendor, other) =
        (keyring.signer("vendor", "never", NOW), keyring.signer("other", "never", NOW));
    let (this, that) = (package("this"), package("that"));
    let keys = keyring.keys(&[&vendor]);
    let good = header_signature(&vendor, &this, NOW);
    let of_another = header_signature(&vendor, &that, NOW);
    let by_other = header_signature(&other, &this, NOW);
    let weak = vendor.sign_binary(&header_of(&this), &[&at(NOW), "--digest-algo", "SHA1"]);
    let judged = |all: &[&Vec<u8>]| {
        let all = all.iter().map(|one| (*one).clone()).collect();
        judge(&with_signatures(&this, &[PackageSignature::OpenPgp(all)]), &keys)
    };
    assert!(matches!(judged(&[&good]), Verdict::Good(_)));
    assert!(matches!(judged(&[&by_other, &weak, &good]), Verdict::Good(_)));
    for all in [[&good, &of_another], [&of_another, &good]] {
        let verdict = judged(&all);
        assert!(matches!(fault(&verdict), Fault::Tampered { .. }), "{verdict}");
    }
    assert!(matches!(fault(&judged(&[&by_other, &weak])), Fault::Weak { .. }));
    let stranger = judged(&[&by_other]).to_string();
    assert_eq!(stranger, format!("signed by {}, expected {}", other.key, vendor.key));
    // An algorithm of tomorrow beside one of today, and alone.
    let mut tomorrow = good.clone();
    let header = if tomorrow[0] & 0x40 == 0 { 1 + (1 << (tomorrow[0] & 3)) } else { 2 };
    tomorrow[header + 2] = 30;
    assert!(matches!(judged(&[&tomorrow, &good]), Verdict::Good(_)));
    let verdict = judged(&[&tomorrow]);
    let said = "signed with ML-DSA-65 and Ed25519, which cannot be verified here";
    assert_eq!(verdict.to_string(), said);
}

#[test]
fn a_signature_over_all_of_a_package_needs_nobody_to_vouch_for_it() {
    let Some(keyring) = Keyring::new() else { return };
    let vendor = keyring.signer("vendor", "never", NOW);
    let keys = keyring.keys(&[&vendor]);
    let package = package("whole");
    let signature = vendor.sign_binary(&whole_of(&package), &[&at(NOW)]);
    let signed = with_signatures(&package, &[PackageSignature::Whole(GPG, signature.clone())]);
    assert!(matches!(judge(&signed, &keys), Verdict::Good(_)));
    let mut flipped = signed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(fault(&judge(&flipped, &keys)), Fault::Tampered { .. }));
    // rpm looks at it beside one of the header, too, and so does this, whoever vouches for the file.
    let of_another = vendor.sign_binary(&whole_of(&self::package("other")), &[&at(NOW)]);
    let header = PackageSignature::Header(DSA_HEADER, header_signature(&vendor, &package, NOW));
    for (whole, is_good) in [(&signature, true), (&of_another, false)] {
        let both = [header.clone(), PackageSignature::Whole(GPG, whole.clone())];
        let both = with_signatures(&package, &both);
        let vouched = Vouched::read(&mut &both[..], &Sha256::of(&both).into()).unwrap();
        assert!(vouched.is_some());
        let (keys, trusted) = (Keys::read(&keys).unwrap(), [vendor.key.parse().unwrap()]);
        for vouched in [vouched, None] {
            let verdict = verify(&mut Cursor::new(&both), vouched, &keys, &trusted, NOW).unwrap();
            match &verdict {
                Verdict::Good(_) => assert!(is_good),
                verdict => assert!(!is_good && matches!(fault(verdict), Fault::Tampered { .. })),
            }
        }
    }
    // As one of the header it is none.
    let wrong = with_signatures(&package, &[PackageSignature::Header(DSA_HEADER, signature)]);
    assert!(matches!(fault(&judge(&wrong, &keys)), Fault::Tampered { .. }));
}

/// The tags of some signatures mean something else in the header, which is where an unsigned package
/// would have them (CVE-2021-20271).
#[test]
fn what_stands_in_the_header_is_no_signature() {
    let unsigned = package("plain");
    let header = RawHeader::read(&mut &header_of(&unsigned)[..], Kind::Main).unwrap();
    assert!(header.get(PGP).unwrap().is_some() && header.get(GPG).unwrap().is_some());
    let nobody = verify(&mut Cursor::new(&unsigned), None, &Keys::default(), &[], NOW);
    assert_eq!(nobody.unwrap(), Verdict::Unsigned);
}

#[test]
fn signatures_are_bounded() {
    let package = package("many");
    let judged = |signature: &PackageSignature| {
        let signed = with_signatures(&package, std::slice::from_ref(signature));
        let verdict = verify(&mut Cursor::new(&signed), None, &Keys::default(), &[], NOW).unwrap();
        assert!(matches!(verdict, Verdict::Refused(Refusal::Malformed(_))), "{verdict:?}");
        verdict.to_string()
    };
    let packet = vec![0xc2, 1, 4];
    let many = judged(&PackageSignature::OpenPgp(vec![packet.clone(); 5_000]));
    assert_eq!(many, "is too large: expected at most 16 texts of one tag of a header");
    let two = judged(&PackageSignature::Header(DSA_HEADER, packet.repeat(2)));
    assert_eq!(two, "a signature in it is not one packet");
    for bytes in [&[][..], &[0], &[0xc2, 200], &[0xcd, 1, b'x']] {
        let said = judged(&PackageSignature::Header(RSA_HEADER, bytes.to_vec()));
        assert!(said.contains("signature") || said.contains("expected bytes"), "{said}");
    }
}

#[test]
fn what_is_no_package_is_named() {
    let whole = package("cut");
    let judged = |bytes: &[u8]| {
        verify(&mut Cursor::new(bytes), None, &Keys::default(), &[], NOW).unwrap().to_string()
    };
    assert_eq!(judged(b""), "its lead ends after the file");
    let page = judged(&[&b"<!DOCTYPE html>"[..], &[b' '; 200]].concat());
    assert_eq!(page, "is no RPM package document: found \"<!DOCTYP\"");
    for at in (0..whole.len() - 200).step_by(37) {
        let said = judged(&whole[..at]);
        assert!(said.contains("ends after the file") || said == "unsigned", "{at}: {said}");
    }
    let mut changed = whole.clone();
    let at = changed.len() - header_of(&whole).len();
    let at = at.min(changed.len() - 1);
    changed[at] ^= 1;
    drop(judged(&changed));
}

/// Packages from before rpm 4.14, whose headers name no digest of the payload, signed again since.
#[test]
fn a_header_that_is_signed_alone_says_nothing_of_the_rest() {
    let Some(keyring) = Keyring::new() else { return };
    let vendor = keyring.signer("vendor", "never", NOW);
    let keys = Keys::read(&keyring.keys(&[&vendor])).unwrap();
    // Tags that nothing reads, in place of those of the payload's digests, and of the header's, which
    // is another one then.
    let mut old = package("old");
    let digests = [(PAYLOAD_DIGEST, 5_091), (PAYLOAD_SHA512, 5_120), (269, 270), (273, 274)];
    for (tag, other) in digests {
        // With the type of texts, which is no part of any value.
        for kind in [6_u32, 8] {
            let entry = [u32::to_be_bytes(tag), kind.to_be_bytes()].concat();
            if let Some(at) = old.windows(8).position(|bytes| bytes == entry) {
                old[at..at + 4].copy_from_slice(&u32::to_be_bytes(other));
            }
        }
    }
    let signed = signed_at(&vendor, &old, NOW);
    let trusted = [vendor.key.parse().unwrap()];
    let judged =
        |vouched| verify(&mut Cursor::new(&signed), vouched, &keys, &trusted, NOW).unwrap();
    let alone = judged(None);
    assert!(alone.to_string().starts_with("only its header is signed"), "{alone}");
    assert!(matches!(alone, Verdict::Refused(refusal) if refusal.tells_nothing()));
    let vouched = Vouched::read(&mut &signed[..], &Sha256::of(&signed).into()).unwrap();
    assert!(matches!(judged(vouched), Verdict::Good(_)));
}

#[test]
fn proof_is_a_digest_that_cannot_be_forged() {
    let package = package("proof");
    let read = |digest: &Digest| Vouched::read(&mut &package[..], digest).unwrap();
    assert!(read(&Sha256::of(&package).into()).is_some());
    assert!(read(&Sha256::of(b"another").into()).is_none());
    let mut sha1 = Hasher::new(Some(Algorithm::Sha1));
    sha1.update(&package);
    assert!(read(&sha1.finish().1).is_none(), "two files of one SHA-1 can be made");
}

#[test]
fn rpm_takes_what_these_tests_sign() {
    let (Some(keyring), Some(rpmkeys)) = (Keyring::new(), mirror_fixtures::tool("rpmkeys")) else {
        return;
    };
    let vendor = keyring.gpg.signer(&keyring.gpg.make("vendor", "ed25519", "never", &[]));
    let folder = tempfile::tempdir().unwrap();
    let (key, file) = (folder.path().join("key"), folder.path().join("x.rpm"));
    std::fs::write(&key, keyring.gpg.export(&vendor.key)).unwrap();
    std::fs::write(&file, sign_package(&package("x"), &vendor)).unwrap();
    let rpmkeys = |arguments: &[&std::ffi::OsStr]| {
        let mut command = std::process::Command::new(&rpmkeys);
        command.arg("--dbpath").arg(folder.path().join("db")).args(arguments).output().unwrap()
    };
    assert!(!rpmkeys(&["-K".as_ref(), file.as_ref()]).status.success(), "its key is not known");
    assert!(rpmkeys(&["--import".as_ref(), key.as_ref()]).status.success());
    let said = rpmkeys(&["-Kv".as_ref(), file.as_ref()]);
    assert!(said.status.success(), "{said:?}");
    // With one over all of it beside that of the header.
    let signed = sign_package(&package("x"), &vendor);
    for (of, is_good) in [("x", true), ("y", false)] {
        let whole = vendor.sign_binary(&whole_of(&package(of)), &[]);
        let both = with_signatures(&signed, &[PackageSignature::Whole(GPG, whole)]);
        std::fs::write(&file, both).unwrap();
        let said = rpmkeys(&["-Kv".as_ref(), file.as_ref()]);
        assert_eq!(said.status.success(), is_good, "{said:?}");
    }
}
