//! What the store keeps, clears away and survives, whatever publishes to it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mirror_core::manifest::{Entry, Manifest, Origin, Role};
use mirror_core::part::Expected;
use mirror_core::path::{RepoPath, TreePath};
use mirror_core::report::{Outcome, Report};
use mirror_core::source::{BoxFuture, Context, Resolution, Source};
use mirror_core::store::Retention;
use mirror_core::{Allow, CancellationToken, Error, Job, Mirror, Mode, Options, Result};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Fault;

use super::support::{Site, job, listing, options, sync};

/// A source that holds these files, or says that nothing changed.
struct Files(Option<&'static [(&'static str, &'static str)]>);

impl Source for Files {
    fn identity(&self) -> String {
        "files".into()
    }

    fn fingerprint(&self) -> String {
        String::new()
    }

    fn resolve<'a>(&'a self, context: &'a Context<'a>) -> BoxFuture<'a, Result<Resolution>> {
        let entry = |(path, content): &(&str, &str)| {
            let stored = context.add(path, &mut content.as_bytes(), &Expected::default())?;
            Ok(Entry {
                path: RepoPath::new(path).unwrap(),
                size: Some(stored.size),
                digest: Some(stored.sha256.into()),
                origin: Origin::Stored { sha256: stored.sha256, remote: None },
                role: Role::Payload,
                subject: None,
                unverified: None,
            })
        };
        Box::pin(async move {
            let Some(files) = self.0 else { return Ok(Resolution::Unchanged) };
            let entries = files.iter().map(entry).collect::<Result<_>>()?;
            Manifest::new(entries, "list").map(Resolution::Manifest)
        })
    }
}

/// Without grace and with as little past as there can be, and surprised by nothing.
fn forgetful() -> Options {
    let retention = Retention { generations: 1, grace: Duration::ZERO, prune: true };
    let allow = Allow { older: true, shrink: true };
    Options { retention, allow, ..options() }
}

async fn run(root: &Path, options: Options, jobs: &[Job]) -> Result<Report> {
    let mirror = Mirror::open(root, options).await?;
    mirror.sync(jobs, Mode::Apply, Arc::new(()), &CancellationToken::new()).await
}

async fn publish(root: &Path, files: &'static [(&'static str, &'static str)]) -> Report {
    let job = Job::new(Files(Some(files)), TreePath::new("files").unwrap());
    run(root, forgetful(), &[job]).await.unwrap()
}

/// The files below a folder and their content.
fn content(folder: &Path) -> BTreeMap<String, String> {
    let files = listing(folder).into_keys().filter(|path| path.is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

#[tokio::test]
async fn a_file_becomes_a_folder_and_a_folder_a_file() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("files");
    let states: [&'static [_]; 5] = [
        &[("a", "1"), ("b/c", "1")],
        &[("a/b/c", "2"), ("b", "2"), ("x", "2")],
        &[("a/b/c", "2"), ("b", "2"), ("x/y", "3")],
        &[("a", "4"), ("b/c", "1"), ("x", "2")],
        &[("a", "4"), ("b/c", "1"), ("x", "2"), ("z", "5")],
    ];
    for state in states {
        let report = publish(root.path(), state).await;
        assert!(report.is_complete(), "{report:#?}");
        let found = content(&tree);
        for (path, wanted) in state {
            assert_eq!(found.get(*path).map(String::as_str), Some(*wanted), "{path}: {found:?}");
        }
    }
    // Nothing but the generation in grace, which is the same but for `z`.
    assert_eq!(content(&tree).len(), 4);
    let blobs = listing(&root.path().join(".mirror/blobs"));
    assert_eq!(blobs.into_keys().filter(|path| path.is_file()).count(), 4);
}

#[tokio::test]
async fn unchanged_where_nothing_is_known_empties_no_tree() {
    let root = tempfile::tempdir().unwrap();
    publish(root.path(), &[("a", "1")]).await;
    fs::remove_file(root.path().join("files/a")).unwrap();
    let job = Job::new(Files(None), TreePath::new("files").unwrap());
    let report = run(root.path(), options(), &[job]).await.unwrap();
    assert_eq!((report.trees[0].outcome, report.trees[0].generation), (Outcome::Failed, Some(1)));
    assert_eq!(
        report.trees[0].failures[0].reason,
        "files: its source says \"unchanged\" where nothing is known of it"
    );
}

#[tokio::test]
async fn content_that_one_tree_drops_and_another_needs_stays() {
    let mut repository = samples::plain(3);
    let mut a = Site::new(&repository);
    let b = Site::new(&samples::plain(2));
    // It is published last.
    let late = Fault::Delay(Duration::from_millis(300));
    b.upstream.fault(&b.written.metadata("other").path, late);
    let sync = async |jobs: &[Job]| run(&a.root(), forgetful(), jobs).await.unwrap();
    sync(&[job(&a.upstream.url(), "a")]).await;
    for number in 3..5 {
        if number == 3 {
            repository.remove("plain-0000");
        }
        repository.add(samples::plain_package(number, "1"));
        a.written = repository.write(&a.written.dir);
        let both = [job(&a.upstream.url(), "a"), job(&b.upstream.url(), "b")];
        // The last one drops the generation that alone named plain-0000.
        let jobs = if number == 4 { &both[..] } else { &both[..1] };
        let report = run(&a.root(), forgetful(), jobs).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
    }
    let lost = b.written.package("plain-0000");
    assert!(a.root().join("b").join(&lost.path).exists());
    assert_eq!(b.upstream.count(&lost.path), 0, "it was there");
}

#[tokio::test]
async fn garbage_for_a_generation_costs_a_warning() {
    let mut repository = samples::plain(3);
    let mut site = Site::new(&repository);
    let other = Site::new(&samples::odd_names());
    let jobs = |site: &Site| [job(&site.upstream.url(), "demo"), job(&other.upstream.url(), "b")];
    run(&site.root(), forgetful(), &jobs(&site)).await.unwrap();
    let newest = |id: u32| site.root().join(format!(".mirror/generations/demo/{id}"));
    for (id, garbage) in [(1, &b"\xff\xfe\n\xff"[..]), (2, b""), (3, b"mirror-generation 1\n")] {
        fs::write(newest(id), garbage).unwrap();
        // A run that is not about it does not mind.
        let only = [job(&other.upstream.url(), "b")];
        assert!(run(&site.root(), forgetful(), &only).await.unwrap().is_complete());
        let report = run(&site.root(), forgetful(), &jobs(&site)).await.unwrap();
        assert_eq!(report.trees[0].outcome, Outcome::Published, "{report:#?}");
        assert!(report.trees[0].warnings[0].contains("damaged, "), "{report:#?}");
        assert_eq!(report.trees[0].generation, Some(u64::from(id) + 1));
    }
    let newer = fs::read(newest(4)).unwrap();
    fs::write(newest(4), "mirror-generation 9\n").unwrap();
    let error = run(&site.root(), forgetful(), &jobs(&site)).await.unwrap_err();
    assert!(matches!(error, Error::NewerFormat { .. }), "{error}");
    fs::write(newest(4), newer).unwrap();
    for number in 3..6 {
        repository.add(samples::plain_package(number, "1"));
        site.written = repository.write(&site.written.dir);
        let report = run(&site.root(), forgetful(), &jobs(&site)).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
    }
    let kept = fs::read_dir(site.root().join(".mirror/generations/demo")).unwrap().count();
    assert_eq!(kept, 2, "what cannot be read goes with its neighbours");
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn blobs_that_were_lost_are_made_from_the_tree() {
    let mut repository = samples::every_kind();
    let mut site = Site::new(&repository);
    site.sync().await;
    fs::remove_dir_all(site.root().join(".mirror/blobs")).unwrap();
    repository.add(samples::plain_package(1, "1"));
    site.write(&repository);
    site.upstream.clear_requests();
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
    let packages = site.upstream.requests().iter().filter(|r| r.path.ends_with(".rpm")).count();
    assert_eq!(packages, 1, "the tree has the others");
}

#[tokio::test]
async fn a_tree_moves_into_itself_and_out_again_and_onto_nothing() {
    let site = Site::new(&samples::plain(1));
    site.sync().await;
    let identity = site.job().source.identity();
    {
        let mirror = Mirror::open(&site.root(), options()).await.unwrap();
        let to = |path: &str| mirror.move_tree(&identity, &TreePath::new(path).unwrap());
        // As where an architecture is named for the first time, and no more.
        assert!(to("demo/x86_64").unwrap());
        assert!(site.tree().join("x86_64/repodata/repomd.xml").exists());
        assert!(to("demo").unwrap());
        assert!(!site.root().join("demo.moving").exists());
        fs::create_dir_all(site.root().join("taken/by")).unwrap();
        assert!(matches!(to("taken").unwrap_err(), Error::Io { .. }));
        assert!(matches!(to(".").unwrap_err(), Error::NestedTrees { .. }));
    }
    assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn what_an_interrupted_publication_added_does_not_stay() {
    for reverts in [false, true] {
        let mut repository = samples::plain(3);
        let mut site = Site::new(&repository);
        site.sync().await;
        let first = repository.clone();
        repository.add(samples::plain_package(7, "1"));
        site.write(&repository);
        let added = site.tree().join(&site.written.package("plain-0007").path);
        // The journal cannot be written: everything before it is done by then.
        let blocked = site.root().join(".mirror/journal.new");
        fs::create_dir(&blocked).unwrap();
        sync(&site.root(), &[site.job()]).await.unwrap_err();
        assert!(added.exists());
        fs::remove_dir(&blocked).unwrap();

        repository.remove("plain-0007");
        site.write(if reverts { &first } else { &repository });
        let outcome = site.sync_tree().await.outcome;
        assert_eq!(outcome, if reverts { Outcome::Unchanged } else { Outcome::Published });
        assert!(!added.exists());
        assert!(!site.tree().join(".mirror-stage").exists());
        let names: Vec<_> = listing(&site.root()).into_keys().collect();
        assert!(!names.iter().any(|path| path.extension().is_some_and(|end| end == "new")));
        site.assert_equal_to_upstream();
    }
}

/// The lines of the state that say something of a file.
fn notes(root: &Path) -> usize {
    let state = fs::read_to_string(root.join(".mirror/state")).unwrap();
    state.lines().filter(|line| line.starts_with("file ")).count()
}

#[tokio::test]
async fn nothing_is_read_again_not_even_after_a_restart_of_the_host() {
    let mut repository = samples::every_kind();
    let mut site = Site::new(&repository);
    for number in 0..3 {
        let before = fs::read_to_string(site.root().join(".mirror/state")).unwrap_or_default();
        assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
        let noted = notes(&site.root());
        assert!(noted > before.lines().filter(|line| line.starts_with("file ")).count());
        site.sync().await;
        assert_eq!(notes(&site.root()), noted, "after publication {number}");
        let state = site.root().join(".mirror/state");
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let text = fs::read_to_string(&state).unwrap().replace(boot.trim(), "another");
        fs::write(&state, text).unwrap();
        site.sync().await;
        assert_eq!(notes(&site.root()), noted, "after a restart");
        repository.add(samples::plain_package(number, "1"));
        site.write(&repository);
    }
}

#[tokio::test]
#[allow(clippy::print_stderr)]
async fn a_tree_on_another_disk_is_a_copy() {
    let Ok(disk) = tempfile::tempdir_in("/dev/shm") else { return };
    let mut repository = samples::every_kind();
    let mut site = Site::new(&repository);
    fs::create_dir(site.root()).unwrap();
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    if device(disk.path()) == device(&site.root()) {
        eprintln!("skipped: /dev/shm is no file system of its own");
        return;
    }
    // The state may be a link, a tree may not: so it is the state that lies elsewhere.
    symlink(disk.path(), site.root().join(".mirror")).unwrap();
    for number in 0..3 {
        assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
        site.assert_equal_to_upstream();
        let noted = notes(&site.root());
        site.upstream.clear_requests();
        assert_eq!(site.sync_tree().await.outcome, Outcome::Unchanged);
        assert_eq!(site.upstream.requests().len(), 1);
        assert_eq!(notes(&site.root()), noted, "nothing is read again");
        repository.add(samples::plain_package(number, "1"));
        site.write(&repository);
    }
    site.sync().await;
    // A blob that is damaged beside a tree that is whole.
    for path in listing(&disk.path().join("blobs")).into_keys().filter(|path| path.is_file()) {
        fs::write(path, "damaged").unwrap();
    }
    repository.touch();
    repository.add(samples::plain_package(9, "1"));
    site.write(&repository);
    assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
    site.assert_equal_to_upstream();
}

#[tokio::test]
async fn a_report_counts_its_own_run() {
    let site = Site::new(&samples::plain(2));
    let mirror = Mirror::open(&site.root(), options()).await.unwrap();
    let (jobs, cancel) = ([site.job()], CancellationToken::new());
    let first = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
    assert_eq!(first.requests, site.upstream.requests().len() as u64);
    let second = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
    assert_eq!(second.requests, 1);
}

#[tokio::test]
async fn an_upstream_at_two_places_is_no_move() {
    let site = Site::new(&samples::plain(1));
    let at = |tree: &str| job(&site.upstream.url(), tree);
    sync(&site.root(), &[at("a"), at("b")]).await.unwrap();
    let report = sync(&site.root(), &[at("a")]).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Unchanged);
    let error = sync(&site.root(), &[at("c")]).await.unwrap_err();
    assert!(matches!(error, Error::TreeMoved { .. }), "{error}");
}

#[tokio::test]
async fn no_password_is_kept_below_the_root() {
    let site = Site::new(&samples::plain(2));
    let secret = site.upstream.url().replace("http://", "http://me:hush-hush@");
    sync(&site.root(), &[job(&secret, "demo")]).await.unwrap();
    let files = listing(&site.root()).into_keys().filter(|path| path.is_file());
    for path in files {
        let content = fs::read(&path).unwrap();
        let found = content.windows(9).any(|window| window == b"hush-hush");
        assert!(!found, "{}", path.display());
    }
    let report = sync(&site.root(), &[job(&secret, "demo")]).await.unwrap();
    assert_eq!(report.trees[0].outcome, Outcome::Unchanged);
}
