//! Whether packages are signed by keys that count, and what comes of those that are not.

use std::fs;
use std::sync::Arc;

use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, TreeReport};

use mirror_core::source::rpm::{Check, KeyFile, Trust};
use mirror_core::{CancellationToken, Job, Mirror, Mode};
use mirror_fixtures::signing::{PackageSignature, header_of, with_signatures};
use mirror_fixtures::upstream::Upstream;
use mirror_fixtures::{
    Compression, Extra, Gpg, Package, Repository, Signer, samples, sign_package,
};

use super::support::{Site, options, source, sync};

struct Keyring {
    gpg: Arc<Gpg>,
    vendor: Signer,
    other: Signer,
}

impl Keyring {
    fn new() -> Option<Self> {
        let gpg = Arc::new(Gpg::new()?);
        let make = |name| gpg.signer(&gpg.make(name, "ed25519", "never", &[]));
        let (vendor, other) = (make("vendor"), make("other"));
        Some(Self { gpg, vendor, other })
    }

    fn trust(&self, packages: Check) -> Trust {
        let content = self.gpg.export(&self.vendor.key).into();
        Trust {
            packages,
            pinned: vec![self.vendor.key.parse().unwrap()],
            keys: vec![KeyFile { name: "vendor.key".into(), content }],
            ..Trust::default()
        }
    }
}

fn package(number: usize) -> Package {
    samples::plain_package(number, "1")
}

fn add(repository: Repository, package: &Package, bytes: &[u8]) -> Repository {
    repository.rpm(&package.rpm_name(), bytes)
}

/// Of three packages, the first signed by each of the signers, the others without.
fn repository(signers: [Option<&Signer>; 3]) -> Repository {
    signers.iter().enumerate().fold(Repository::new(), |repository, (number, signer)| {
        let package = package(number);
        let bytes = package.build();
        let bytes = signer.map_or_else(|| bytes.clone(), |signer| sign_package(&bytes, signer));
        add(repository, &package, &bytes)
    })
}

async fn run(site: &Site, trust: &Trust) -> TreeReport {
    let source = source(&site.upstream.url()).trust(trust.clone());
    let job = Job::new(source, TreePath::new("demo").unwrap());
    sync(&site.root(), &[job]).await.unwrap().trees.remove(0)
}

/// How many are good, unsigned, not judged and refused.
fn counts(report: &TreeReport) -> (u64, u64, u64, u64) {
    let found = report.package_signatures.as_ref().unwrap();
    (found.verified(), found.unsigned, found.not_judged, found.refused)
}

#[tokio::test]
async fn packages_are_verified_by_the_pinned_keys_once() {
    let Some(keys) = Keyring::new() else { return };
    let vendor = Some(&keys.vendor);
    let all = repository([vendor, vendor, vendor]);
    let mut site = Site::new(&all.clone().signed_by(&keys.vendor));
    let trust = keys.trust(Check::Require);
    let report = run(&site, &trust).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(counts(&report), (3, 0, 0, 0));
    let by = &report.package_signatures.unwrap().good[0];
    assert_eq!((by.key.to_string(), by.name.as_str()), (keys.vendor.key.clone(), "vendor"));
    site.assert_equal_to_upstream();

    // No change: nothing is read, and nothing asked for but what says so.
    site.upstream.clear_requests();
    let report = run(&site, &trust).await;
    assert_eq!((report.outcome, report.package_signatures), (Outcome::Unchanged, None));
    assert_eq!(site.upstream.requests().len(), 2);

    // One package more: only that one is read.
    let more = package(3);
    site.write(
        &add(all, &more, &sign_package(&more.build(), &keys.vendor)).signed_by(&keys.vendor),
    );
    let report = run(&site, &trust).await;
    assert_eq!(counts(&report), (4, 0, 0, 0));
    assert_eq!(report.package_signatures.unwrap().known, 3);
}

#[tokio::test]
async fn who_requires_signatures_gets_no_package_without_one() {
    let Some(keys) = Keyring::new() else { return };
    let (vendor, other) = (Some(&keys.vendor), Some(&keys.other));
    let site = Site::new(&repository([vendor, other, None]));
    let report = run(&site, &keys.trust(Check::Require)).await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert!(!site.tree().exists());
    let reasons: Vec<String> = report
        .failures
        .iter()
        .map(|failure| {
            let path = failure.path.as_ref().unwrap().as_str();
            format!("{}: {}", path.rsplit('/').next().unwrap(), failure.reason)
        })
        .collect();
    let (vendor, other) = (&keys.vendor.key, &keys.other.key);
    let (stranger, unsigned) = (package(1).rpm_name(), package(2).rpm_name());
    assert_eq!(
        reasons,
        [
            format!("{stranger}: signed by {other}, expected {vendor}"),
            format!("{unsigned}: unsigned, expected a signature by {vendor}"),
        ]
    );
    // They are in the store, and judged again rather than taken.
    let report = run(&site, &keys.trust(Check::Require)).await;
    assert_eq!(counts(&report), (1, 0, 0, 2));
}

#[tokio::test]
async fn what_says_nothing_is_passed_over_unless_signatures_are_required() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&repository([Some(&keys.vendor), Some(&keys.other), None]));
    let report = run(&site, &keys.trust(Check::IfPresent)).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert_eq!(counts(&report), (1, 1, 1, 0));
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(report.warnings[1].contains(&format!("signed by {}", keys.other.key)));

    // From now on they are required: what is published is judged anew, and stays.
    let report = run(&site, &keys.trust(Check::Require)).await;
    assert_eq!((report.outcome, report.generation), (Outcome::Incomplete, Some(1)));
    // And who does not look publishes.
    let report = run(&site, &keys.trust(Check::Off)).await;
    assert_eq!((report.outcome, report.package_signatures), (Outcome::Unchanged, None));
}

#[tokio::test]
async fn a_package_that_was_changed_is_refused_and_others_are_published() {
    let Some(keys) = Keyring::new() else { return };
    let vendor = Some(&keys.vendor);
    let changed = package(3);
    let mut bytes = sign_package(&changed.build(), &keys.vendor);
    *bytes.last_mut().unwrap() ^= 1;
    // Its new digest is in the metadata, which nobody has signed.
    let bad = Site::new(&add(repository([vendor, vendor, vendor]), &changed, &bytes));
    let good = Site::new(&repository([vendor, vendor, vendor]));
    let trust = keys.trust(Check::IfPresent);
    let job = |site: &Site, tree: &str| {
        let source = source(&site.upstream.url()).trust(trust.clone());
        Job::new(source, TreePath::new(tree).unwrap())
    };
    let jobs = [job(&bad, "bad"), job(&good, "good")];
    let report = sync(&bad.root(), &jobs).await.unwrap();
    let outcomes: Vec<_> = report.trees.iter().map(|tree| tree.outcome).collect();
    assert_eq!(outcomes, [Outcome::Incomplete, Outcome::Published], "{report:#?}");
    let failure = &report.trees[0].failures[0];
    assert!(failure.path.as_ref().unwrap().as_str().ends_with(&changed.rpm_name()));
    assert!(failure.reason.starts_with("its payload has the digest "), "{}", failure.reason);
    assert!(!bad.root().join("bad").exists());
}

#[tokio::test]
async fn what_was_judged_good_is_judged_again_where_its_key_is_revoked() {
    let Some(keys) = Keyring::new() else { return };
    let vendor = Some(&keys.vendor);
    let all = repository([vendor, vendor, vendor]);
    let mut site = Site::new(&all);
    assert_eq!(counts(&run(&site, &keys.trust(Check::IfPresent)).await), (3, 0, 0, 0));
    keys.gpg.revoke(&keys.vendor.key);
    let mut touched = all.clone();
    touched.touch();
    site.write(&touched);
    let report = run(&site, &keys.trust(Check::IfPresent)).await;
    assert_eq!(counts(&report), (0, 0, 0, 3), "{report:#?}");
    assert!(report.failures[0].reason.contains("is revoked"), "{:?}", report.failures);
    assert_eq!(report.generation, Some(1));
}

/// What an expired key signed while it lived counts, until it is revoked.
#[tokio::test]
async fn what_was_judged_good_is_judged_again_where_its_expired_key_is_revoked() {
    let Some(keys) = Keyring::new() else { return };
    let year_2000 = "--faked-system-time=946684800";
    let expired = keys.gpg.make("expired", "ed25519", "1y", &[year_2000]);
    let keys = Keyring { vendor: keys.gpg.signer(&expired), ..keys };
    let package = package(0);
    let bytes = package.build();
    let signature = keys.vendor.sign_binary(&header_of(&bytes), &[year_2000]);
    let signed = with_signatures(&bytes, &[PackageSignature::Header(267, signature)]);
    let mut all = add(Repository::new(), &package, &signed);
    let mut site = Site::new(&all);
    let report = run(&site, &keys.trust(Check::Require)).await;
    assert_eq!((report.outcome, counts(&report)), (Outcome::Published, (1, 0, 0, 0)));
    keys.gpg.revoke(&expired);
    all.touch();
    site.write(&all);
    let report = run(&site, &keys.trust(Check::Require)).await;
    assert_eq!(counts(&report), (0, 0, 0, 1), "{report:#?}");
    assert!(report.failures[0].reason.contains("is revoked"), "{:?}", report.failures);
}

#[tokio::test]
async fn a_key_file_that_changed_is_noticed_beside_an_unchanged_repository() {
    let Some(keys) = Keyring::new() else { return };
    let vendor = Some(&keys.vendor);
    let site = Site::new(&repository([vendor, vendor, None]));
    let report = run(&site, &keys.trust(Check::IfPresent)).await;
    assert_eq!((report.outcome, counts(&report)), (Outcome::Published, (2, 1, 0, 0)));
    let report = run(&site, &keys.trust(Check::IfPresent)).await;
    assert_eq!((report.outcome, report.package_signatures), (Outcome::Unchanged, None));
    keys.gpg.revoke(&keys.vendor.key);
    let report = run(&site, &keys.trust(Check::IfPresent)).await;
    assert_eq!(report.outcome, Outcome::Incomplete, "{report:#?}");
    assert_eq!(counts(&report), (0, 1, 0, 2));
    assert!(report.failures[0].reason.contains("is revoked"), "{:?}", report.failures);
}

/// Whatever it is listed as: somebody may install it by its name.
#[tokio::test]
async fn a_package_among_the_metadata_is_judged_too() {
    let Some(keys) = Keyring::new() else { return };
    let vendor = Some(&keys.vendor);
    let hidden = |bytes: Vec<u8>| {
        let (kind, name) = ("tools".to_owned(), "tools.rpm".to_owned());
        repository([vendor, vendor, vendor])
            .compression_of("tools", Compression::None)
            .with(Extra::Content { kind, name, content: bytes })
    };
    let plain = package(7).build();
    for (check, unsigned) in [(Check::Require, 0), (Check::IfPresent, 1)] {
        let site = Site::new(&hidden(plain.clone()));
        let report = run(&site, &keys.trust(check)).await;
        let refused = 1 - unsigned;
        assert_eq!(counts(&report), (3, unsigned, 0, refused), "{report:#?}");
        assert_eq!(site.tree().exists(), refused == 0);
        if refused == 1 {
            let path = report.failures[0].path.as_ref().unwrap().as_str();
            assert!(path.starts_with("repodata/") && path.ends_with("tools.rpm"), "{path}");
        }
    }
    let site = Site::new(&hidden(sign_package(&plain, &keys.vendor)));
    let report = run(&site, &keys.trust(Check::Require)).await;
    assert_eq!((report.outcome, counts(&report)), (Outcome::Published, (4, 0, 0, 0)));
}

#[tokio::test]
async fn a_revocation_that_was_seen_is_not_forgotten() {
    let Some(keys) = Keyring::new() else { return };
    let vendor = Some(&keys.vendor);
    let mut all = repository([vendor, vendor, vendor]);
    let mut site = Site::new(&all);
    let before = keys.gpg.export(&keys.vendor.key);
    let served = Upstream::serve_files([("key", before.clone())]);
    let urls = vec![served.url_of("key").parse().unwrap()];
    let trust = Trust { keys: Vec::new(), urls, ..keys.trust(Check::IfPresent) };
    assert_eq!(counts(&run(&site, &trust).await), (3, 0, 0, 0));
    keys.gpg.revoke(&keys.vendor.key);
    for key in [keys.gpg.export(&keys.vendor.key), before] {
        served.set_files([("key", key)]);
        all.touch();
        site.write(&all);
        let report = run(&site, &trust).await;
        assert_eq!(counts(&report), (0, 0, 0, 3), "{report:#?}");
        assert!(report.failures[0].reason.contains("is revoked"), "{:?}", report.failures);
    }
}

#[tokio::test]
async fn keys_that_a_place_names_count_for_who_requires_signatures() {
    let Some(keys) = Keyring::new() else { return };
    let vendor = Some(&keys.vendor);
    let site = Site::new(&repository([vendor, vendor, vendor]));
    fs::write(site.written.dir.join("key"), keys.gpg.export(&keys.vendor.key)).unwrap();
    let url = format!("{}/key", site.upstream.url().trim_end_matches('/')).parse().unwrap();
    let at_url = |packages| Trust { packages, urls: vec![url], ..Trust::default() };
    // Without any key nobody can be asked to require them.
    let none = Trust { packages: Check::Require, ..Trust::default() };
    let report = run(&site, &none).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.failures[0].reason.contains("no key is pinned"), "{:?}", report.failures);

    let report = run(&site, &at_url(Check::Require)).await;
    assert_eq!(counts(&report), (3, 0, 0, 0));
}

#[tokio::test]
async fn a_dry_run_looks_at_no_package() {
    let Some(keys) = Keyring::new() else { return };
    let site = Site::new(&repository([None, None, None]));
    let source = source(&site.upstream.url()).trust(keys.trust(Check::Require));
    let jobs = [Job::new(source, TreePath::new("demo").unwrap())];
    let mirror = Mirror::open(&site.root(), options()).await.unwrap();
    let token = CancellationToken::new();
    let report = mirror.sync(&jobs, Mode::DryRun, Arc::new(()), &token).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Planned);
}
