//! `mirror sync` of signed repositories, as its users see it.

use std::fs;
use std::sync::Arc;

use mirror_fixtures::{Gpg, Repository, Signer, samples, sign_package};

use crate::support::Site;

/// Two keys, `vendor` and `other`.
fn signers() -> Option<[Signer; 2]> {
    let gpg = Arc::new(Gpg::new()?);
    Some(["vendor", "other"].map(|name| gpg.signer(&gpg.make(name, "ed25519", "never", &[]))))
}

/// What is said, with the keys' names in place of their fingerprints.
fn named(text: &str, [vendor, other]: &[Signer; 2]) -> String {
    text.replace(&vendor.key, "[VENDOR]").replace(&other.key, "[OTHER]")
}

#[test]
fn a_pinned_key_makes_a_signature_count() {
    let Some(signers) = signers() else { return };
    let [vendor, _] = &signers;
    let mut repository = samples::plain(1).signed_by(vendor);
    let site = Site::of(&repository);
    let ran = site.sync("--quiet --repo-gpgcheck require");
    assert_eq!(
        ran.text(),
        "\
error: --url: a signature is required, and no key is pinned to hold it against
hint: name the key that upstream signs with, by its file or its fingerprint: --key FILE|FINGERPRINT
exit 2
"
    );
    fs::write(site.path("vendor.key"), vendor.gpg.export(&vendor.key)).unwrap();
    let ran = site.sync("--repo-gpgcheck require --key vendor.key");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let said = "\n  signature: good, by vendor ([VENDOR])\n  packages: 1 unsigned\nreceived ";
    assert!(named(&ran.out, &signers).contains(said), "{}", ran.out);

    // Changed on the way.
    repository.touch();
    site.rewrite(&repository);
    let repomd = fs::read_to_string(site.served("repodata/repomd.xml")).unwrap();
    fs::write(site.served("repodata/repomd.xml"), repomd + "\n").unwrap();
    let ran = site.sync("--quiet --key vendor.key");
    assert_eq!(
        named(&ran.text(), &signers),
        "\
error: up: failed: [URL]/up/repodata/repomd.xml.asc: does not fit the file: one of the two was \
         changed after [VENDOR] signed; generation 1 stays published
hint: upstream or a mirror may be in the middle of an update: run it again later, or use another \
         mirror; if it stays so, somebody has changed the file
exit 1
"
    );
    let ran = site.sync("--repo-gpgcheck off");
    assert!(ran.out.contains("; signature not looked at\n"), "{}", ran.out);
}

#[test]
fn packages_are_held_against_the_pinned_keys() {
    let Some(signers) = signers() else { return };
    let [vendor, other] = &signers;
    let sign = |number, signer: &Signer| {
        let package = samples::plain_package(number, "1");
        (package.rpm_name(), sign_package(&package.build(), signer))
    };
    let all = [sign(0, vendor), sign(1, vendor), sign(2, other)];
    let repository = |packages: &[(String, Vec<u8>)]| {
        let each = packages.iter();
        each.fold(Repository::new(), |repository, (name, bytes)| repository.rpm(name, bytes))
    };
    let site = Site::of(&repository(&all));
    fs::write(site.path("vendor.key"), vendor.gpg.export(&vendor.key)).unwrap();
    let ran = site.sync("--gpgcheck require --key vendor.key");
    let text = named(&ran.text(), &signers);
    assert_eq!(ran.code, Some(3), "{text}");
    for said in [
        "1 of 7 files refused for their signatures; nothing is published yet",
        "plain-0002-1.0-1.noarch.rpm: signed by [OTHER], expected [VENDOR]",
        "hint: if upstream says that the key is theirs, name its file beside the others: --key FILE",
        "packages: 2 signed by vendor ([VENDOR])",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let ran = site.sync("--key vendor.key");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let said = "\n  packages: 2 signed by vendor ([VENDOR]), 1 not judged\n";
    assert!(named(&ran.out, &signers).contains(said), "{}", ran.out);
    let ran = site.sync("--gpgcheck require");
    assert_eq!(ran.code, Some(2), "{}", ran.text());
}

#[test]
fn without_a_key_a_signature_says_nothing() {
    let Some(signers) = signers() else { return };
    let site = Site::of(&samples::plain(1).signed_by(&signers[0]));
    let ran = site.sync("");
    let said = "\n  signature: not judged: no key is pinned, signed by [VENDOR]\n";
    assert!(named(&ran.out, &signers).contains(said), "{}", ran.out);
    assert!(ran.err.contains("hint: a signature counts if the key is known: --key FILE"));
    // It is said once what could be done.
    let ran = site.sync("");
    assert!(named(&ran.out, &signers).contains(said), "{}", ran.out);
    assert!(!ran.err.contains("hint:"), "{}", ran.err);
}

#[test]
fn a_repo_files_key_is_recorded_at_first_use_and_its_change_refused() {
    let Some(signers) = signers() else { return };
    let [vendor, other] = &signers;
    let mut repository = samples::plain(1).signed_by(vendor);
    let site = Site::of(&repository);
    let url = site.upstream.url();
    let key = site.served("../vendor.key");
    fs::write(&key, vendor.gpg.export(&vendor.key)).unwrap();
    let repo =
        format!("[up]\nbaseurl={url}/up/\nrepo_gpgcheck=1\ngpgkey={url}/vendor.key\nname=up\n");
    fs::write(site.path("vendor.repo"), repo).unwrap();
    let sync = |more: &str| {
        let ran = site.run(&format!("sync --repo-file vendor.repo --root mirror {more}"));
        (ran.code, named(&(ran.out + &ran.err), &signers))
    };
    let (code, text) = sync("");
    assert_eq!(code, Some(0));
    let said = "signature: good, by vendor ([VENDOR]), recorded at this first use\n";
    assert!(text.contains(said), "{text}");
    assert!(text.contains("hint: hold the fingerprint against the one"), "{text}");

    fs::write(&key, vendor.gpg.export(&other.key)).unwrap();
    repository.touch();
    let repository = repository.signed_by(other);
    site.rewrite(&repository);
    let (code, text) = sync("--quiet");
    assert_eq!(code, Some(1));
    assert_eq!(
        text,
        "\
error: up: failed: [URL]/up/repodata/repomd.xml.asc: signed by [OTHER], and by [VENDOR] when it \
         was recorded; generation 1 stays published
hint: if upstream says that it has a new key, name that once: --key FILE or --key FINGERPRINT, beside the preset, --repo-file or --url
"
    );
    let (code, text) = sync(&format!("--key {}", other.key));
    assert!(code == Some(0) && text.contains("signature: good, by other ([OTHER])\n"), "{text}");
    let mut repository = repository;
    repository.touch();
    site.rewrite(&repository);
    let (code, text) = sync("");
    let said = "signature: good, by other ([OTHER]), as recorded\n";
    assert!(code == Some(0) && text.contains(said), "{text}");
}

#[test]
fn json_tells_what_was_checked() {
    let Some([vendor, _]) = signers() else { return };
    let site = Site::of(&samples::plain(1).signed_by(&vendor));
    let ran = site.sync(&format!("--json --key {}", vendor.key));
    let lines: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = lines.iter().find(|line| line["event"] == "signature").unwrap();
    assert_eq!(told["signature"]["state"], "good");
    let last = &lines[lines.len() - 1]["trees"][0]["signature"];
    assert_eq!(last["fingerprint"], vendor.key.as_str());
    assert_eq!((&last["by"], &last["trusted"]), (&"vendor".into(), &"pinned".into()));
}
