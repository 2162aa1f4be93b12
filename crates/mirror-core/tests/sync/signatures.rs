//! Whose signature of `repomd.xml` counts, and what comes of one that does not.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, TreeReport};
use mirror_core::signature::{Fingerprint, Trusted, Verdict};
use mirror_core::source::rpm::{Check, KeyFile, Trust};
use mirror_core::store::View;
use mirror_core::{CancellationToken, Job, Mirror, Mode};
use mirror_fixtures::upstream::{Fault, Upstream};
use mirror_fixtures::{Gpg, Repository, Signer, samples};

use super::support::{Recorder, Site, listing, options, source, sync};

/// A keyring with two keys, `vendor` and `other`.
struct Keyring {
    vendor: Signer,
    other: Signer,
}

impl Keyring {
    fn new() -> Option<Self> {
        let gpg = Arc::new(Gpg::new()?);
        let make = |name| gpg.signer(&gpg.make(name, "ed25519", "never", &[]));
        Some(Self { vendor: make("vendor"), other: make("other") })
    }
}

fn fingerprint(signer: &Signer) -> Fingerprint {
    signer.key.parse().unwrap()
}

fn key_file(signer: &Signer) -> KeyFile {
    let content = signer.gpg.export(&signer.key).into();
    KeyFile { name: "vendor.key".into(), content }
}

fn pinned(signer: &Signer) -> Trust {
    let (pinned, keys) = (vec![fingerprint(signer)], vec![key_file(signer)]);
    Trust { pinned, keys, ..Trust::default() }
}

fn at_url(url: &str) -> Trust {
    Trust { urls: vec![url.parse().unwrap()], ..Trust::default() }
}

async fn run(site: &Site, trust: &Trust) -> TreeReport {
    let source = source(&site.upstream.url()).trust(trust.clone());
    let job = Job::new(source, TreePath::new("demo").unwrap());
    sync(&site.root(), &[job]).await.unwrap().trees.remove(0)
}

fn reason(report: &TreeReport) -> &str {
    assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
    &report.failures[0].reason
}

fn good(signer: &Signer, name: &str, trusted: Trusted) -> Verdict {
    Verdict::Good { fingerprint: fingerprint(signer), by: name.into(), trusted }
}

fn change_repomd(site: &Site) {
    let path = site.written.dir.join("repodata/repomd.xml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("<repomd ", "<repomd  ")).unwrap();
}

#[tokio::test]
async fn a_signature_by_a_pinned_key_is_good_and_is_kept() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&samples::plain(2).signed_by(&keys.vendor));
    // The bytes of the key come from beside the file: its fingerprint is trusted.
    let trust = Trust { keys: Vec::new(), ..pinned(&keys.vendor) };
    let expected = Some(good(&keys.vendor, "vendor", Trusted::Pinned));
    let report = run(&site, &trust).await;
    assert_eq!((report.outcome, &report.signature), (Outcome::Published, &expected));
    site.assert_equal_to_upstream();
    let kept = fs::read_to_string(site.root().join(".mirror/generations/demo/1")).unwrap();
    let line = format!("\nsignature good {} pinned vendor\n", keys.vendor.key);
    assert!(kept.contains(&line), "{kept}");

    // No change: one request more, for the signature.
    let before = listing(&site.tree());
    site.upstream.clear_requests();
    let report = run(&site, &trust).await;
    assert_eq!((report.outcome, &report.signature), (Outcome::Unchanged, &expected));
    assert_eq!(site.upstream.requests().len(), 2);
    assert_eq!(listing(&site.tree()), before);
}

#[tokio::test]
async fn what_is_unsigned_costs_nothing_and_is_said() {
    let site = Site::new(&samples::plain(1));
    let report = site.sync_tree().await;
    assert_eq!(report.signature, Some(Verdict::Unsigned));
    site.upstream.clear_requests();
    let report = site.sync_tree().await;
    assert_eq!((report.outcome, report.signature), (Outcome::Unchanged, Some(Verdict::Unsigned)));
    assert_eq!(site.upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_changed_file_is_refused_before_anything_else_is_fetched() {
    let Some(keys) = Keyring::new() else { return };
    let mut repository = samples::plain(2).signed_by(&keys.vendor);
    let mut site = Site::new(&repository);
    let trust = pinned(&keys.vendor);
    assert_eq!(run(&site, &trust).await.outcome, Outcome::Published);

    repository.touch();
    site.write(&repository);
    change_repomd(&site);
    let before = listing(&site.tree());
    site.upstream.clear_requests();
    let report = run(&site, &trust).await;
    let said = format!(
        "repodata/repomd.xml.asc: does not fit the file: one of the two was changed after {} signed",
        keys.vendor.key
    );
    assert!(reason(&report).ends_with(&said), "{}", reason(&report));
    assert_eq!(listing(&site.tree()), before);
    let asked = site.upstream.requests();
    assert!(asked.iter().all(|asked| asked.path.contains("repodata/repomd.xml")), "{asked:?}");

    // Whether or not anything is pinned: nobody signed that.
    let fresh = Site::new(&repository);
    change_repomd(&fresh);
    let key = Upstream::serve_files([("key", keys.vendor.gpg.export(&keys.vendor.key))]);
    let report = run(&fresh, &at_url(&key.url_of("key"))).await;
    assert!(reason(&report).contains("does not fit the file"));
    assert!(!fresh.tree().exists());

    let off = Trust { check: Check::Off, ..Trust::default() };
    let report = run(&fresh, &off).await;
    assert_eq!((report.outcome, report.signature), (Outcome::Published, Some(Verdict::Off)));
}

#[tokio::test]
async fn another_key_is_refused() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&samples::plain(1).signed_by(&keys.other));
    let report = run(&site, &pinned(&keys.vendor)).await;
    let said = format!("signed by {}, expected {}", keys.other.key, keys.vendor.key);
    assert!(reason(&report).ends_with(&said), "{}", reason(&report));
    // The key beside the file fits the signature, and is nobody's word.
    let report = run(&site, &Trust::default()).await;
    let said = format!("no key is pinned, signed by {}", keys.other.key);
    assert_eq!(report.signature, Some(Verdict::NotJudged { reason: said }));
    assert_eq!(report.outcome, Outcome::Published);
    // A fingerprint whose key nobody has is no other key.
    let site = Site::new(&samples::plain(1).signed(keys.vendor.sign(b"x").0, "no key"));
    let trust = Trust { keys: Vec::new(), ..pinned(&keys.vendor) };
    assert!(reason(&run(&site, &trust).await).contains("no key file at hand holds it"));
}

#[tokio::test]
async fn the_first_use_records_the_key_and_a_change_is_refused() {
    let Some(keys) = Keyring::new() else { return };
    let mut repository = samples::plain(1).signed_by(&keys.vendor);
    let mut site = Site::new(&repository);
    let served = Upstream::serve_files([("key", keys.vendor.gpg.export(&keys.vendor.key))]);
    let trust = at_url(&served.url_of("key"));
    let report = run(&site, &trust).await;
    assert_eq!(report.signature, Some(good(&keys.vendor, "vendor", Trusted::FirstUse)));

    repository.touch();
    site.write(&repository);
    let report = run(&site, &trust).await;
    assert_eq!(report.signature, Some(good(&keys.vendor, "vendor", Trusted::Recorded)));

    // Upstream has another key, there and beside the file.
    let mut repository = repository.signed_by(&keys.other);
    repository.touch();
    site.write(&repository);
    served.set_files([("key", keys.other.gpg.export(&keys.other.key))]);
    let report = run(&site, &trust).await;
    let said =
        format!("signed by {}, and by {} when it was recorded", keys.other.key, keys.vendor.key);
    assert!(reason(&report).ends_with(&said), "{}", reason(&report));
    // Whatever else is asked for: the key holds for every selection.
    let report = run(&site, &Trust { check: Check::Require, ..trust.clone() }).await;
    assert!(reason(&report).ends_with(&said));

    // The user's word counts, and from then on is what is recorded.
    let report = run(&site, &pinned(&keys.other)).await;
    assert_eq!(report.signature, Some(good(&keys.other, "other", Trusted::Pinned)));
    repository.touch();
    site.write(&repository);
    let report = run(&site, &trust).await;
    assert_eq!(report.signature, Some(good(&keys.other, "other", Trusted::Recorded)));
}

/// The warning on the key beside the file, if there is one.
fn of_key_beside(report: &TreeReport) -> Option<&str> {
    let is_said = |said: &&String| said.contains("repodata/repomd.xml.key: not published");
    report.warnings.iter().find(is_said).map(String::as_str)
}

#[tokio::test]
async fn a_key_that_nobody_vouches_for_is_not_published() {
    let Some(keys) = Keyring::new() else { return };
    let both = [keys.vendor.gpg.export(&keys.vendor.key), keys.other.gpg.export(&keys.other.key)];
    let mut site = Site::new(&samples::plain(1).signed_by(&keys.vendor));
    let beside = |site: &Site| site.written.dir.join("repodata/repomd.xml.key");
    let published = |site: &Site| site.tree().join("repodata/repomd.xml.key");
    fs::write(beside(&site), both.concat()).unwrap();

    // Where nothing is trusted it is mirrored, as all else.
    let report = run(&site, &Trust::default()).await;
    assert_eq!((report.outcome, of_key_beside(&report)), (Outcome::Published, None));
    assert_eq!(fs::read(published(&site)).unwrap(), both.concat());

    let said = format!("holds the key {}, which is not trusted", keys.other.key);
    let report = run(&site, &pinned(&keys.vendor)).await;
    assert_eq!(report.outcome, Outcome::Published);
    assert!(of_key_beside(&report).is_some_and(|warning| warning.ends_with(&said)), "{report:#?}");
    assert!(!published(&site).exists());

    // Recorded keys are as good, and looking away for once gives them up no more.
    let mut repository = samples::plain(1).signed_by(&keys.vendor);
    let off = Trust { check: Check::Off, ..Trust::default() };
    for trust in [Trust::default(), off] {
        repository.touch();
        site.write(&repository);
        fs::write(beside(&site), both.concat()).unwrap();
        let report = run(&site, &trust).await;
        assert_eq!(report.outcome, Outcome::Published);
        assert!(of_key_beside(&report).is_some_and(|warning| warning.ends_with(&said)));
        assert!(!published(&site).exists());
    }

    repository.touch();
    site.write(&repository);
    let report = run(&site, &Trust::default()).await;
    assert_eq!((report.outcome, of_key_beside(&report)), (Outcome::Published, None));
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn a_key_that_is_revoked_or_expired_is_not_taken_at_first_use() {
    let Some(keys) = Keyring::new() else { return };
    let gpg = &keys.vendor.gpg;
    let year_2000 = "--faked-system-time=946684800";
    let expired = gpg.make("expired", "ed25519", "1y", &[year_2000]);
    let repository = |signature| samples::plain(1).signed(signature, "no key");
    let repomd = |site: &Site| fs::read(site.written.dir.join("repodata/repomd.xml")).unwrap();
    let sign = |key: &str, options: &[&str]| {
        let site = Site::new(&samples::plain(1));
        repository(gpg.sign(key, &repomd(&site), options))
    };
    let by_vendor = sign(&keys.vendor.key, &[]);
    let before = gpg.export(&keys.vendor.key);
    gpg.revoke(&keys.vendor.key);
    let revoked = format!("the key {} is revoked: no reason given", keys.vendor.key);
    let late = format!("the key {expired} expired at 2000-12-31T00:00:00Z");
    let cases = [
        (by_vendor.clone(), gpg.export(&keys.vendor.key), &revoked),
        (sign(&expired, &[year_2000]), gpg.export(&expired), &late),
    ];
    for (repository, key, said) in cases {
        let site = Site::new(&repository);
        let served = Upstream::serve_files([("key", key)]);
        let report = run(&site, &at_url(&served.url_of("key"))).await;
        let verdict = Verdict::Discounted { reason: said.clone() };
        assert_eq!((report.outcome, &report.signature), (Outcome::Published, &Some(verdict)));
        let kept = fs::read_to_string(site.root().join(".mirror/generations/demo/1")).unwrap();
        assert!(!kept.contains("\nkey"), "{kept}");
        let trust = Trust { check: Check::Require, ..at_url(&served.url_of("key")) };
        assert!(reason(&run(&site, &trust).await).ends_with(said));
        if *said == revoked {
            served.set_files([("key", before.clone())]);
            assert!(reason(&run(&site, &trust).await).ends_with(said), "it was seen");
        }
    }

    // Beside one that counts it is not recorded, so that it is nobody's word without its revocation.
    let mut site = Site::new(&samples::plain(1).signed_by(&keys.other));
    let all = [&expired, &keys.vendor.key, &keys.other.key].map(|key| gpg.export(key)).concat();
    let served = Upstream::serve_files([("key", all)]);
    let report = run(&site, &at_url(&served.url_of("key"))).await;
    assert_eq!(report.signature, Some(good(&keys.other, "other", Trusted::FirstUse)));
    for said in [&revoked, &late] {
        let said = format!("{said}, so it is not recorded");
        assert!(report.warnings.contains(&said), "{:?}", report.warnings);
    }
    served.set_files([("key", before)]);
    site.write(&by_vendor);
    let report = run(&site, &at_url(&served.url_of("key"))).await;
    let said =
        format!("signed by {}, and by {} when it was recorded", keys.vendor.key, keys.other.key);
    assert!(reason(&report).ends_with(&said), "{}", reason(&report));
}

/// A key server that loses the revocation, or a mirror that hides it, makes no key good again.
#[tokio::test]
async fn a_revocation_that_was_seen_is_not_forgotten() {
    let Some(keys) = Keyring::new() else { return };
    let gpg = &keys.vendor.gpg;
    let key = &keys.vendor.key;
    let mut repository = samples::plain(1).signed_by(&keys.vendor);
    let mut sites = [Site::new(&repository), Site::new(&repository)];
    repository.touch();
    let next = Site::new(&repository);
    let signed = fs::read(next.written.dir.join("repodata/repomd.xml.asc")).unwrap();
    let repository = repository.signed(signed, "no key");
    let before = gpg.export(key);
    let served = Upstream::serve_files([("key", before.clone())]);
    let recorded = at_url(&served.url_of("key"));
    let pinned = Trust { pinned: vec![fingerprint(&keys.vendor)], ..recorded.clone() };
    for (site, trust) in sites.iter().zip([&recorded, &pinned]) {
        assert!(run(site, trust).await.signature.is_some_and(|found| found.is_good()));
    }
    gpg.revoke(key);
    let revoked = gpg.export(key);
    let said = format!("the key {key} is revoked: no reason given");
    for (site, trust) in sites.iter_mut().zip([&recorded, &pinned]) {
        site.write(&repository);
        for key in [&revoked, &before] {
            served.set_files([("key", key.clone())]);
            let report = run(site, trust).await;
            assert!(reason(&report).ends_with(&said), "{}", reason(&report));
        }
    }
}

#[tokio::test]
async fn only_expected_keys_are_taken_at_first_use() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&samples::plain(1).signed_by(&keys.other));
    let served =
        Upstream::serve_files([("key", keys.other.gpg.get(&["--armor", "--export"], b""))]);
    let expected = vec![fingerprint(&keys.vendor)];
    let trust = Trust { expected, ..at_url(&served.url_of("key")) };
    let report = run(&site, &trust).await;
    let said = format!("no key is pinned, signed by {}", keys.other.key);
    assert_eq!(report.signature, Some(Verdict::NotJudged { reason: said }));
}

#[tokio::test]
async fn a_signature_must_not_vanish() {
    let Some(keys) = Keyring::new() else { return };
    let repository = samples::plain(1).signed_by(&keys.vendor);
    let mut site = Site::new(&repository);
    let trust = pinned(&keys.vendor);
    assert_eq!(run(&site, &trust).await.outcome, Outcome::Published);
    // What is published is as good as before.
    site.upstream.fault("repodata/repomd.xml.asc", Fault::Status(404));
    assert_eq!(run(&site, &trust).await.outcome, Outcome::Unchanged);

    let mut unsigned = samples::plain(2);
    unsigned.touch();
    site.write(&unsigned);
    for trust in [trust, Trust::default()] {
        let report = run(&site, &trust).await;
        let said = format!("not there, and what is published was signed by {}", keys.vendor.key);
        assert!(reason(&report).ends_with(&said), "{}", reason(&report));
    }
    let off = Trust { check: Check::Off, ..Trust::default() };
    assert_eq!(run(&site, &off).await.outcome, Outcome::Published);
}

#[tokio::test]
async fn not_looking_for_once_gives_no_signature_up() {
    let Some(keys) = Keyring::new() else { return };
    let mut repository = samples::plain(1).signed_by(&keys.vendor);
    let mut site = Site::new(&repository);
    assert_eq!(run(&site, &pinned(&keys.vendor)).await.outcome, Outcome::Published);
    // A broken signature is taken once.
    repository.touch();
    site.write(&repository);
    change_repomd(&site);
    let off = Trust { check: Check::Off, ..Trust::default() };
    assert_eq!(run(&site, &off).await.outcome, Outcome::Published);
    // None is not.
    let mut unsigned = samples::plain(2);
    unsigned.touch();
    unsigned.touch();
    site.write(&unsigned);
    let report = run(&site, &Trust::default()).await;
    let said = format!("not there, and what is published was once signed by {}", keys.vendor.key);
    assert!(reason(&report).ends_with(&said), "{}", reason(&report));
    // Who takes that too has a repository that is not signed.
    assert_eq!(run(&site, &off).await.outcome, Outcome::Published);
    let report = run(&site, &Trust::default()).await;
    assert_eq!((report.outcome, report.signature), (Outcome::Unchanged, Some(Verdict::Unsigned)));
}

#[tokio::test]
async fn who_requires_a_signature_gets_one_or_an_error() {
    let Some(keys) = Keyring::new() else { return };
    let require = |trust| Trust { check: Check::Require, ..trust };
    let unsigned = Site::new(&samples::plain(1));
    let report = run(&unsigned, &require(pinned(&keys.vendor))).await;
    let said = "repodata/repomd.xml.asc: not there, and a signature is required";
    assert!(reason(&report).ends_with(said));

    let signed = Site::new(&samples::plain(1).signed_by(&keys.vendor));
    let report = run(&signed, &require(Trust::default())).await;
    let said = format!("signed by {}, and no key is pinned to hold it against", keys.vendor.key);
    assert!(reason(&report).ends_with(&said), "{}", reason(&report));
    let report = run(&signed, &require(pinned(&keys.vendor))).await;
    assert_eq!(report.outcome, Outcome::Published);
}

#[tokio::test]
async fn another_policy_is_no_reason_to_skip_the_check() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&samples::plain(1).signed_by(&keys.other));
    assert_eq!(run(&site, &Trust::default()).await.outcome, Outcome::Published);
    assert!(reason(&run(&site, &pinned(&keys.vendor)).await).contains("signed by"));
    let before = listing(&site.tree());
    let expected = Some(good(&keys.other, "other", Trusted::Pinned));
    let report = run(&site, &pinned(&keys.other)).await;
    assert_eq!((report.outcome, &report.signature), (Outcome::Unchanged, &expected));
    assert_eq!(report.generation, Some(1), "the same packages are no new generation");
    assert_eq!(listing(&site.tree()), before);
    let kept = View::glance(&site.root()).published(&"demo".parse().unwrap()).unwrap().unwrap();
    let judged = kept.manifest.signature.unwrap();
    assert_eq!((Some(judged.verdict), judged.recorded), (expected, vec![fingerprint(&keys.other)]));
    // And that is known from now on: repomd.xml and its signature are all that is asked for.
    site.upstream.clear_requests();
    assert_eq!(run(&site, &pinned(&keys.other)).await.outcome, Outcome::Unchanged);
    assert_eq!(site.upstream.requests().len(), 2);
    // A tree that is mended keeps its generation too.
    fs::remove_file(site.tree().join(&site.written.package("plain-0000").path)).unwrap();
    let report = run(&site, &Trust { check: Check::Require, ..pinned(&keys.other) }).await;
    assert_eq!((report.outcome, report.generation), (Outcome::Published, Some(1)));
}

#[tokio::test]
async fn another_policy_lets_no_smaller_state_in() {
    let Some(keys) = Keyring::new() else { return };
    let mut site = Site::new(&samples::plain(9).signed_by(&keys.vendor));
    assert_eq!(run(&site, &Trust::default()).await.outcome, Outcome::Published);
    let mut small = samples::plain(2).signed_by(&keys.vendor);
    small.touch();
    site.write(&small);
    let report = run(&site, &pinned(&keys.vendor)).await;
    assert!(reason(&report).starts_with("upstream drops 7 of 9 packages"), "{report:#?}");
}

#[tokio::test]
async fn a_damaged_manifest_is_no_first_use() {
    let Some(keys) = Keyring::new() else { return };
    let mut repository = samples::plain(2).signed_by(&keys.vendor);
    let mut site = Site::new(&repository);
    let vendor = [("key", keys.vendor.gpg.export(&keys.vendor.key))];
    let served = Upstream::serve_files(vendor);
    let trust = at_url(&served.url_of("key"));
    assert_eq!(run(&site, &trust).await.outcome, Outcome::Published);
    repository.touch();
    site.write(&repository);
    assert_eq!(run(&site, &trust).await.generation, Some(2));
    fs::write(site.root().join(".mirror/generations/demo/2"), "garbage").unwrap();
    served.set_files([("key", keys.other.gpg.export(&keys.other.key))]);
    let mut other = samples::plain(2).signed_by(&keys.other);
    other.touch();
    other.touch();
    site.write(&other);
    let report = run(&site, &trust).await;
    assert!(reason(&report).contains("when it was recorded"), "{report:#?}");
}

#[tokio::test]
async fn a_new_signature_beside_the_same_file_is_published() {
    let Some(keys) = Keyring::new() else { return };
    let repository = samples::plain(1);
    let mut site = Site::new(&repository.clone().signed_by(&keys.vendor));
    let mut trust = pinned(&keys.vendor);
    trust.pinned.push(fingerprint(&keys.other));
    assert_eq!(run(&site, &trust).await.outcome, Outcome::Published);
    site.write(&repository.signed_by(&keys.other));
    let report = run(&site, &trust).await;
    assert_eq!(report.outcome, Outcome::Published);
    assert_eq!(report.signature, Some(good(&keys.other, "other", Trusted::Pinned)));
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn a_key_that_cannot_be_had_is_named() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&samples::plain(1).signed_by(&keys.vendor));
    let served = Upstream::serve_files([("key", b"<html>".to_vec())]);
    for name in ["missing", "key"] {
        let url = served.url_of(name);
        // The key beside the file fits the fingerprint.
        let trust = Trust { urls: vec![url.parse().unwrap()], ..pinned(&keys.vendor) };
        let report = run(&site, &trust).await;
        assert!(report.signature.as_ref().is_some_and(Verdict::is_good));
        let _ = fs::remove_dir_all(site.root());
        assert!(report.warnings.iter().any(|said| said.starts_with(&url)), "{report:#?}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_key_is_the_users_to_mend() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&samples::plain(1).signed_by(&keys.vendor));
    let file = KeyFile { name: "vendor.key".into(), content: b"<html>".as_slice().into() };
    let trust = Trust { keys: vec![file], ..pinned(&keys.vendor) };
    assert!(reason(&run(&site, &trust).await).starts_with("vendor.key: no OpenPGP key file: "));
}

#[tokio::test]
async fn the_verdict_is_an_event() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&samples::plain(1).signed_by(&keys.vendor));
    let source = source(&site.upstream.url()).trust(pinned(&keys.vendor));
    let job = Job::new(source, TreePath::new("demo").unwrap());
    let mirror = Mirror::open(&site.root(), options()).await.unwrap();
    let recorder = Arc::new(Recorder::default());
    let reporter = Arc::clone(&recorder);
    mirror.sync(&[job], Mode::DryRun, reporter, &CancellationToken::new()).await.unwrap();
    let lines = recorder.lines();
    let line = format!(
        "{{\"event\":\"signature\",\"tree\":\"demo\",\"signature\":{{\"state\":\"good\",\
         \"fingerprint\":\"{}\",\"by\":\"vendor\",\"trusted\":\"pinned\"}}}}",
        keys.vendor.key
    );
    assert!(lines.contains(&line), "{lines:#?}");
}

/// What is published is what upstream signed: dnf, which trusts the same key, takes it.
#[tokio::test]
async fn dnf_and_gpg_agree() {
    let (Some(dnf), Some(keys)) = (mirror_fixtures::tool("dnf"), Keyring::new()) else { return };
    let repository: Repository = samples::plain(3).signed_by(&keys.vendor);
    let site = Site::new(&repository);
    let trust = pinned(&keys.vendor);
    assert_eq!(run(&site, &trust).await.outcome, Outcome::Published);
    let published = |name: &str| fs::read(site.tree().join("repodata").join(name)).unwrap();
    let (repomd, signature) = (published("repomd.xml"), published("repomd.xml.asc"));
    assert!(keys.vendor.gpg.verifies(&repomd, &signature));
    assert!(!keys.vendor.gpg.verifies(&[&repomd[..], b" "].concat(), &signature));

    let folder = tempfile::tempdir().unwrap();
    let takes = |signer: &Signer, at: &Path| {
        let home = folder.path().join(&signer.key);
        fs::create_dir_all(&home).unwrap();
        let key = home.join("key");
        fs::write(&key, signer.gpg.export(&signer.key)).unwrap();
        let repo = format!(
            "[demo]\nname=demo\nbaseurl=file://{}\nrepo_gpgcheck=1\ngpgcheck=0\ngpgkey=file://{}\n",
            at.display(),
            key.display()
        );
        fs::write(home.join("demo.repo"), repo).unwrap();
        let option = |name: &str, value: &Path| format!("--setopt={name}={}", value.display());
        let output = std::process::Command::new(&dnf)
            .args(["-y", "--noplugins", "--setopt=install_weak_deps=0"])
            .arg(option("reposdir", &home))
            .arg(option("cachedir", &home.join("cache")))
            .arg(option("persistdir", &home.join("lib")))
            .arg(option("logdir", &home))
            .arg("--installroot")
            .arg(home.join("root"))
            .args(["--releasever=1", "repoquery", "--repo=demo", "--qf=%{name}"])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success() && output.stdout.starts_with(b"plain-"), told)
    };
    let (accepted, told) = takes(&keys.vendor, &site.tree());
    assert!(accepted, "{told}");
    let (accepted, _) = takes(&keys.other, &site.tree());
    assert!(!accepted, "dnf takes a signature by a key that it does not know");
}
