//! Plans that do not fit on the disk, and files that nobody knows the size of.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mirror_core::digest::Sha256;
use mirror_core::error::Kind;
use mirror_core::manifest::{Entry, Manifest, Origin, Remote, Role};
use mirror_core::part::{Expected, Part};
use mirror_core::path::RepoPath;
use mirror_core::report::{Outcome, Report, TreeReport};
use mirror_core::source::{BoxFuture, Context, Resolution, Source};
use mirror_core::{CancellationToken, Job, Mirror, Mode};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::{Fault, Upstream};

use super::support::{Site, patient};

/// An upstream of one package, of which it says what it likes.
struct Claim {
    url: String,
    content: Vec<u8>,
    size: Option<u64>,
}

const PACKAGE: &str = "package.rpm";

impl Claim {
    /// A tree of it, which is a group of its own.
    fn job(upstream: &Upstream, name: &str, content: &[u8], size: Option<u64>) -> Job {
        let (url, content) = (upstream.url_of(name), content.to_vec());
        Job::new(Self { url, content, size }, name.parse().unwrap())
    }
}

impl Source for Claim {
    fn identity(&self) -> String {
        self.url.clone()
    }

    fn fingerprint(&self) -> String {
        String::new()
    }

    fn resolve<'a>(&'a self, _: &'a Context<'a>) -> BoxFuture<'a, mirror_core::Result<Resolution>> {
        let entry = Entry {
            path: RepoPath::new(PACKAGE).unwrap(),
            size: self.size,
            digest: Some(Sha256::of(&self.content).into()),
            origin: Origin::Remote(Remote::new([self.url.parse().unwrap()].into())),
            role: Role::Payload,
            subject: None,
            unverified: None,
        };
        Box::pin(async { Manifest::new(vec![entry], "list").map(Resolution::Manifest) })
    }
}

async fn sync(root: &Path, jobs: &[Job], mode: Mode) -> Report {
    let mirror = Mirror::open(root, patient()).await.unwrap();
    mirror.sync(jobs, mode, Arc::new(()), &CancellationToken::new()).await.unwrap()
}

async fn run(root: &Path, jobs: &[Job], mode: Mode) -> Vec<TreeReport> {
    sync(root, jobs, mode).await.trees
}

fn outcomes(trees: &[TreeReport]) -> Vec<Outcome> {
    trees.iter().map(|tree| tree.outcome).collect()
}

#[tokio::test]
async fn a_group_that_claims_more_than_the_disk_has_stops_no_other() {
    let (a, b) = (Site::new(&samples::plain(2)), Site::new(&samples::odd_names()));
    let upstream = Upstream::serve_files([("huge/package.rpm", b"huge".to_vec())]);
    let jobs = [
        Claim::job(&upstream, "huge", b"huge", Some(1 << 62)).in_group("g"),
        super::support::job(&a.upstream.url(), "a").in_group("g"),
        Claim::job(&upstream, "more", b"more", Some(u64::MAX)),
        super::support::job(&b.upstream.url(), "b"),
    ];
    let trees = run(&a.root(), &jobs, Mode::DryRun).await;
    let expected = [Outcome::Failed, Outcome::Failed, Outcome::Failed, Outcome::Planned];
    assert_eq!(outcomes(&trees), expected, "{trees:#?}");
    let trees = run(&a.root(), &jobs, Mode::Apply).await;
    let expected = [Outcome::Failed, Outcome::Failed, Outcome::Failed, Outcome::Published];
    assert_eq!(outcomes(&trees), expected, "{trees:#?}");
    for tree in &trees[..3] {
        let failure = &tree.failures[0];
        assert_eq!((&failure.path, failure.kind), (&None, Kind::NoSpace));
        let root = a.root().display().to_string();
        assert!(failure.reason.starts_with(&root), "{}", failure.reason);
        assert!(failure.reason.contains(" bytes are needed, and of "), "{}", failure.reason);
    }
    assert!(upstream.requests().is_empty(), "not one byte of it is asked for");
    assert!(!a.upstream.requests().iter().any(|request| request.path.ends_with(".rpm")));
}

/// On a disk that has some six megabytes beyond what is kept free.
pub(crate) async fn room(root: &Path) {
    let content = |size: usize| (0..size).map(|n| (n / 7).to_le_bytes()[0]).collect::<Vec<u8>>();
    let (large, small) = (content(4 << 20), content(3 << 20));
    let files = ["large", "small", "odd"].map(|name| format!("{name}/{PACKAGE}"));
    let [one, two, odd] = files.clone();
    let upstream = Upstream::serve_files([
        (one, large.clone()),
        (two, small.clone()),
        (odd, content(256 << 10)),
    ]);
    let claim = |name, content: &[u8], size| Claim::job(&upstream, name, content, size);
    let sized = |name, content: &[u8]| claim(name, content, Some(content.len() as u64));

    // Both do not fit: the one that needs less is published, wherever it stands.
    let jobs = [sized("large", &large), sized("small", &small)];
    let trees = run(root, &jobs, Mode::Apply).await;
    assert_eq!(outcomes(&trees), [Outcome::Failed, Outcome::Published], "{trees:#?}");
    let reason = &trees[0].failures[0].reason;
    assert!(reason.ends_with(" 3145728 are for other trees"), "{reason}");
    fs::remove_dir_all(root).unwrap();

    // What a part holds is there already.
    let parts = root.join(".mirror/parts");
    fs::create_dir_all(&parts).unwrap();
    let expected = Expected { size: None, digest: Some(Sha256::of(&large).into()) };
    let mut part = Part::open(&parts, &expected, PACKAGE).unwrap();
    part.append(&large[..3 << 20]).unwrap();
    drop(part);
    upstream.clear_requests();
    let trees = run(root, &jobs[..1], Mode::Apply).await;
    assert_eq!(outcomes(&trees), [Outcome::Published], "{trees:#?}");
    let range = upstream.requests()[0].header("range").map(str::to_owned);
    assert_eq!(range.as_deref(), Some("bytes=3145728-"));
    fs::remove_dir_all(root).unwrap();

    // One without a size, and without an end, takes what the others leave and no more.
    let odd = claim("odd", b"odd", None);
    upstream.fault(&files[2], Fault::EndlessBody);
    upstream.fault(&files[1], Fault::SlowBytes { per_second: 12 << 20 });
    let jobs = [odd, sized("small", &small)];
    let trees = run(root, &jobs, Mode::Apply).await;
    assert_eq!(outcomes(&trees), [Outcome::Incomplete, Outcome::Published], "{trees:#?}");
    let failure = &trees[0].failures[0];
    assert_eq!(failure.kind, Kind::NoSpace);
    let url = upstream.url_of(&files[2]);
    assert!(failure.reason.starts_with(&format!("{url}: over ")), "{}", failure.reason);
    assert!(failure.reason.ends_with("its size is not listed"), "{}", failure.reason);
    let left: u64 =
        fs::read_dir(&parts).unwrap().map(|p| p.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(left, 0, "its bytes are of no use");

    // Where the server says how much will come, nothing does.
    upstream.clear_faults();
    upstream.set_files([(files[2].clone(), content(8 << 20))]);
    let report = sync(root, &jobs[..1], Mode::Apply).await;
    assert_eq!(report.trees[0].failures[0].kind, Kind::NoSpace, "{report:#?}");
    assert_eq!(report.received, 0);
    upstream.set_files([(files[2].clone(), b"odd".to_vec())]);
    assert_eq!(outcomes(&run(root, &jobs[..1], Mode::Apply).await), [Outcome::Published]);
}
