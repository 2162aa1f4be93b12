//! Signatures in packages that nobody on this project made, with an expectation for each file.

use std::fs;
use std::io::{Cursor, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use mirror_core::digest::Sha256;
use mirror_core::format::rpm::header::Headers;
use mirror_core::signature::package::{Refusal, Verdict, Vouched, verify};
use mirror_core::signature::{Fault, Fingerprint, Keys};
use mirror_fixtures::tool;

use super::real::real;

/// 2026-11-01, in seconds since 1970: after the newest key was made.
const NOW: i64 = 1_793_491_200;

/// What is expected of a file, by what its name holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// By the key whose name holds this.
    Good(&'static str),
    Unsigned,
    Unsupported,
    Weak,
}

/// The first that fits counts.
const EXPECTED: [(&str, Expected); 16] = [
    // DSA of 1,024 bits over SHA-1.
    ("centos-release-as-2.1AS", Expected::Weak),
    ("centos-release-3.1", Expected::Weak),
    ("centos-release-4-", Expected::Weak),
    ("centos-release-5-", Expected::Weak),
    // Its key has expired since.
    ("centos-release-6-", Expected::Good("CentOS-6")),
    ("centos-release-7-", Expected::Good("CentOS-7")),
    // Signed by CentOS as part of extras.
    ("epel-release-7-5", Expected::Good("CentOS-7")),
    ("v4/signed/rpm-basic-with-ecdsa", Expected::Good("v4-ecdsa")),
    ("v4/signed/rpm-basic-with-ed25519", Expected::Good("v4-ed25519")),
    ("v4/signed/rpm-basic-with-ima", Expected::Good("v4-ed25519")),
    ("v4/signed/rpm-basic-with-rsa4096", Expected::Good("v4-rsa4096")),
    ("v6/signed/rpm-basic-multiple", Expected::Good("v6-")),
    ("v6/signed/rpm-basic-with-ed25519", Expected::Good("v6-ed25519")),
    ("v6/signed/rpm-basic-with-rsa4k", Expected::Good("v6-rsa4k")),
    ("mldsa65", Expected::Unsupported),
    ("sig-rpm-rs/", Expected::Unsigned),
];

struct Signed {
    packages: Vec<PathBuf>,
    keys: Keys,
    trusted: Vec<Fingerprint>,
}

fn files(folder: &Path, take: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, take));
        } else if take(path.to_str().unwrap()) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn signed() -> Option<Signed> {
    let folders = [real("sig-go-rpm")?, real("sig-rpm-rs")?];
    let mut packages = Vec::new();
    let mut keys = Keys::default();
    for folder in folders {
        packages.extend(files(&folder, &|path| path.ends_with(".rpm")));
        let is_key = |path: &str| path.contains("RPM-GPG-KEY") || path.contains("/rpm-testkey");
        for file in files(&folder, &is_key) {
            // One of an algorithm that is not known here.
            keys.extend(Keys::read(&fs::read(&file).unwrap()).unwrap_or_default());
        }
    }
    let trusted = keys.fingerprints().copied().collect();
    Some(Signed { packages, keys, trusted })
}

impl Signed {
    fn verify(&self, package: &[u8], vouched: Option<Vouched>) -> Verdict {
        verify(&mut Cursor::new(package), vouched, &self.keys, &self.trusted, NOW).unwrap()
    }
}

fn vouched(package: &[u8]) -> Vouched {
    Vouched::read(&mut &package[..], &Sha256::of(package).into()).unwrap().unwrap()
}

fn expected(path: &Path) -> Expected {
    let path = path.to_str().unwrap();
    EXPECTED.iter().find(|(part, _)| path.contains(part)).unwrap().1
}

#[test]
fn judges_packages_of_twenty_years() {
    let Some(signed) = signed() else { return };
    assert_eq!(signed.packages.len(), 43);
    for path in &signed.packages {
        let package = fs::read(path).unwrap();
        for vouched in [None, Some(vouched(&package))] {
            let found = signed.verify(&package, vouched);
            let fits = match (expected(path), &found) {
                (Expected::Good(name), Verdict::Good(by)) => by.name.contains(name),
                (Expected::Unsigned, Verdict::Unsigned) => true,
                (Expected::Unsupported, Verdict::Refused(Refusal::Signature(fault))) => {
                    matches!(fault, Fault::Unsupported { .. })
                }
                (Expected::Weak, Verdict::Refused(Refusal::Signature(fault))) => {
                    matches!(fault, Fault::Weak { .. })
                }
                _ => false,
            };
            assert!(fits, "{}: {found}, expected {:?}", path.display(), expected(path));
        }
    }
}

#[test]
fn a_flipped_byte_of_a_payload_is_seen_by_digests_alone() {
    let Some(signed) = signed() else { return };
    for path in &signed.packages {
        let Expected::Good(_) = expected(path) else { continue };
        let package = fs::read(path).unwrap();
        let mut flipped = package.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let found = signed.verify(&flipped, None);
        assert!(
            matches!(
                found,
                Verdict::Refused(
                    Refusal::Digest { of: "payload", .. }
                        | Refusal::Signature(Fault::Tampered { .. })
                )
            ),
            "{}: {found}",
            path.display()
        );
        let digest = Sha256::of(&package).into();
        assert_eq!(Vouched::read(&mut &flipped[..], &digest).unwrap(), None);
        // The header's signature fits as before: this is why nobody may say that a file is the one
        // that metadata lists who has not read it.
        let wrongly = Some(vouched(&flipped));
        let is_good = matches!(signed.verify(&flipped, wrongly), Verdict::Good(_));
        assert_ne!(is_good, is_signed_as_a_whole(&flipped), "{}", path.display());
    }
}

#[test]
fn a_flipped_byte_of_a_header_is_always_seen() {
    let Some(signed) = signed() else { return };
    for path in &signed.packages {
        let Expected::Good(_) = expected(path) else { continue };
        let package = fs::read(path).unwrap();
        let Verdict::Good(before) = signed.verify(&package, None) else { panic!() };
        // Every place of the file would take minutes; these are in all parts of both headers.
        for at in (0..package.len().min(9_000)).step_by(397) {
            let mut flipped = package.clone();
            flipped[at] ^= 0x10;
            let found = signed.verify(&flipped, None);
            // What is neither signed nor looked at: the lead, and entries of other tags.
            if let Verdict::Good(signer) = &found {
                assert_eq!(signer.key, before.key);
                assert!(at < header_at(&package), "{}: byte {at}", path.display());
            }
        }
    }
}

/// Where the header begins: behind the signature header.
fn header_at(package: &[u8]) -> usize {
    let number = |at: usize| u32::from_be_bytes(package[at..at + 4].try_into().unwrap()) as usize;
    96 + (16 + number(104) * 16 + number(108)).next_multiple_of(8)
}

#[test]
fn a_signature_of_another_package_is_none_of_this_one() {
    let Some(signed) = signed() else { return };
    let good: Vec<_> =
        signed.packages.iter().filter(|path| matches!(expected(path), Expected::Good(_))).collect();
    for pair in good.windows(2) {
        let (one, other) = (fs::read(pair[0]).unwrap(), fs::read(pair[1]).unwrap());
        if one[header_at(&one)..] == other[header_at(&other)..] {
            // The same package, signed by two keys.
            continue;
        }
        let mixed = [&one[..header_at(&one)], &other[header_at(&other)..]].concat();
        let found = signed.verify(&mixed, Some(vouched(&mixed)));
        assert!(matches!(found, Verdict::Refused(_)), "{}: {found}", pair[0].display());
    }
}

#[test]
fn agrees_with_rpm_where_rpm_can_judge() {
    let (Some(signed), Some(rpmkeys)) = (signed(), tool("rpmkeys")) else { return };
    let database = tempfile::tempdir().unwrap();
    let rpmkeys = |arguments: &[&str]| {
        let output = Command::new(&rpmkeys)
            .arg("--dbpath")
            .arg(database.path())
            .args(arguments)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let keys = [
        real("sig-go-rpm").unwrap().join("RPM-GPG-KEY-CentOS-6"),
        real("sig-go-rpm").unwrap().join("RPM-GPG-KEY-CentOS-7"),
        real("sig-rpm-rs").unwrap().join("signing_keys/v4/rpm-testkey-v4-ed25519.asc"),
        real("sig-rpm-rs").unwrap().join("signing_keys/v4/rpm-testkey-v4-rsa4096.asc"),
    ];
    for key in &keys {
        assert!(rpmkeys(&["--import", key.to_str().unwrap()]).0, "{}", key.display());
    }
    let mut judged = 0;
    let folder = tempfile::tempdir().unwrap();
    for path in &signed.packages {
        // rpm 4.18 knows neither ECDSA nor the signatures of version 6.
        let name = path.to_str().unwrap();
        let is_judged = matches!(expected(path), Expected::Good(name) if !name.starts_with("v6"))
            && !name.contains("ecdsa");
        if !is_judged {
            continue;
        }
        judged += 1;
        let package = fs::read(path).unwrap();
        for at in [None, Some(header_at(&package) + 40), Some(package.len() - 1)] {
            let mut bytes = package.clone();
            if let Some(at) = at {
                bytes[at] ^= 1;
            }
            let file = folder.path().join("a.rpm");
            fs::write(&file, &bytes).unwrap();
            let (is_good, said) = rpmkeys(&["-Kv", file.to_str().unwrap()]);
            let found = signed.verify(&bytes, None);
            assert_eq!(
                matches!(found, Verdict::Good(_)),
                is_good,
                "{name} {at:?}: {found}; {said}"
            );
        }
    }
    assert!(judged >= 7, "{judged} packages judged");
}

#[test]
fn reads_no_more_than_headers_where_the_rest_is_vouched_for() {
    let Some(signed) = signed() else { return };
    for path in &signed.packages {
        let Expected::Good(_) = expected(path) else { continue };
        let package = fs::read(path).unwrap();
        let mut reader = Counting { inner: Cursor::new(&package), read: 0 };
        let proof = Some(vouched(&package));
        let found = verify(&mut reader, proof, &signed.keys, &signed.trusted, NOW).unwrap();
        assert!(matches!(found, Verdict::Good(_)));
        let payload = package.len() - header_at(&package);
        let is_read = reader.read >= package.len();
        let has_to_be = is_signed_as_a_whole(&package);
        assert!(is_read == has_to_be || payload < 8_192, "{}", path.display());
    }
}

/// Whether a signature is over header and payload, too (`PGP` and `GPG`).
fn is_signed_as_a_whole(package: &[u8]) -> bool {
    let headers = Headers::read(package).unwrap();
    [1002, 1005].iter().any(|tag| headers.signature.get(*tag).unwrap().is_some())
}

struct Counting<'a> {
    inner: Cursor<&'a Vec<u8>>,
    read: usize,
}

impl std::io::Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

impl Seek for Counting<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
