//! Disks that are full, read-only, not ours, or several: on file systems in memory that a process of
//! its own mounts, in namespaces of its own.
//!
//! That process is this test binary again, at [`child`].

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mirror_core::report::{Event, Outcome, Report, Reporter};
use mirror_core::source::rpm::{Glob, Selection};
use mirror_core::{CancellationToken, Error, Job, Mirror, Mode};
use mirror_fixtures::upstream::Upstream;
use mirror_fixtures::{Package, Repository, Written, WrittenKind, samples, tool};

use super::support::{Site, job, listing, options, read_repository, source, sync};

/// What [`child`] does and where, in words; absent when the tests are run as usual.
const CHILD: &str = "MIRROR_TEST_DISK";

/// What is left of a disk when it is full, in KiB: finely where little can be written.
const LEFT: [u64; 10] = [0, 4, 8, 12, 16, 32, 64, 128, 224, 448];

/// When a disk becomes full.
const MOMENTS: [&str; 3] = ["resolving", "started", "publishing"];

fn states() -> [Repository; 2] {
    let old = samples::plain(4);
    let mut new = old.clone();
    new.update(samples::plain_package(1, "2"));
    new.remove("plain-0002");
    new.add(Package::new("large", "1", "1").payload_size(200 << 10));
    [old, new]
}

/// This test binary in mount and user namespaces of its own; `None` where the host gives none.
#[allow(clippy::print_stdout)]
fn in_namespaces(words: &str) -> Option<Output> {
    let unshare = tool("unshare")?;
    let arguments = ["--user", "--map-root-user", "--mount"];
    let mut probe = Command::new(&unshare);
    probe.args(arguments).args(["mount", "-t", "tmpfs", "probe", "/mnt"]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        println!("skipped: this host lets nobody mount in namespaces of their own");
        return None;
    }
    let mut command = Command::new(unshare);
    command.args(arguments).arg(std::env::current_exe().unwrap());
    Some(run_child(command, words))
}

fn run_child(mut command: Command, words: &str) -> Output {
    command.args(["--exact", "disk::child", "--ignored", "--nocapture"]).env(CHILD, words);
    command.output().unwrap()
}

fn assert_success(output: Option<Output>) {
    let Some(output) = output else { return };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[tokio::test]
#[ignore = "what the tests of this module run"]
async fn child() {
    let Ok(words) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = words.split(' ').collect();
    match words[..] {
        ["full"] => full().await,
        ["full", "filtered"] => full_of_what_is_made().await,
        ["read-only"] => read_only().await,
        ["inside"] => inside().await,
        ["room"] => room().await,
        ["sync", root, url] => {
            let error = sync(Path::new(root), &[job(url, "demo")]).await.unwrap_err();
            eprintln!("{error}");
        }
        _ => panic!("no such words: {words:?}"),
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status().unwrap();
    assert!(status.success(), "mount {arguments:?}");
}

/// An upstream of two states, and a disk of its own to mirror it to.
struct Disk {
    folder: tempfile::TempDir,
    upstream: Upstream,
    old: Written,
    new: Written,
}

impl Disk {
    fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let [old, new] = states();
        let (old, new) = (old.write(at("old")), new.write(at("new")));
        fs::create_dir(at("disk")).unwrap();
        mount(&["-t", "tmpfs", "-o", options, "disk"], &at("disk"));
        let upstream = Upstream::serve(&old.dir);
        Self { folder, upstream, old, new }
    }

    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    async fn run(&self, root: &Path, reporter: Arc<dyn Reporter>) -> Result<Report, Error> {
        self.run_job(root, job(&self.upstream.url(), "demo"), reporter).await
    }

    async fn run_job(
        &self,
        root: &Path,
        job: Job,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Report, Error> {
        let mirror = Mirror::open(root, options()).await?;
        let jobs = [job];
        mirror.sync(&jobs, Mode::Apply, reporter, &CancellationToken::new()).await
    }

    async fn publish(&self, root: &Path, state: &Written) {
        self.upstream.set_root(&state.dir);
        let report = self.run(root, Arc::new(())).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
        assert_holds(root, state);
    }
}

fn assert_holds(root: &Path, state: &Written) {
    let tree = root.join("demo");
    for file in state.files.iter().filter(|file| file.kind != WrittenKind::Other) {
        let content = fs::read(tree.join(&file.path)).unwrap();
        assert!(content == fs::read(state.dir.join(&file.path)).unwrap(), "{}", file.path);
    }
    read_repository(&tree).unwrap();
}

/// Fills a disk at a moment of a run.
struct Filler {
    moment: &'static str,
    /// KiB.
    left: u64,
    disk: PathBuf,
    done: AtomicBool,
}

impl Reporter for Filler {
    fn on_event(&self, event: &Event<'_>) {
        let moment = match event {
            Event::Resolving { .. } => "resolving",
            Event::Started { path, .. } if path.ends_with(".rpm") => "started",
            Event::Publishing { .. } => "publishing",
            _ => return,
        };
        if moment == self.moment && !self.done.swap(true, Ordering::Relaxed) {
            let mut file = File::create(self.disk.join("filler")).unwrap();
            // As much as there is, then what is to be left is given back.
            let page = [0; 4096];
            while file.write_all(&page).is_ok() {}
            let size = file.metadata().unwrap().len();
            file.set_len(size.saturating_sub(self.left << 10)).unwrap();
        }
    }
}

/// A disk that becomes full while metadata is made anew, over a published root.
async fn full_of_what_is_made() {
    let disk = Disk::new("size=22m");
    let root = disk.disk().join("root");
    let filtered = || {
        let exclude = vec![Glob::new("plain-0000").unwrap()];
        let source = source(&disk.upstream.url());
        let source = source.select(Selection { exclude, ..Selection::default() });
        Job::new(source, "demo".parse().unwrap())
    };
    disk.run_job(&root, filtered(), Arc::new(())).await.unwrap();
    let before = listing(&root.join("demo"));
    disk.upstream.set_root(&disk.new.dir);
    let mut failed = 0;
    for left in LEFT {
        let moment = "resolving";
        let filler = Filler { moment, left, disk: disk.disk(), done: AtomicBool::new(false) };
        let result = disk.run_job(&root, filtered(), Arc::new(filler)).await;
        let reason = match &result {
            Ok(report) => report.trees[0].failures.first().map(|f| f.reason.clone()),
            Err(error) => Some(error.to_string()),
        };
        let Some(text) = reason else { break };
        failed += 1;
        let is_said = text.contains("No space left")
            || text.contains("are needed and ")
            || text.contains("no room for more");
        assert!(is_said, "{left} KiB: {text}");
        assert_eq!(listing(&root.join("demo")), before, "{left} KiB: {text}");
        fs::remove_file(disk.disk().join("filler")).unwrap();
    }
    assert!(failed > 3, "{failed}");
    let _ = fs::remove_file(disk.disk().join("filler"));
    let report = disk.run_job(&root, filtered(), Arc::new(())).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    assert_ne!(listing(&root.join("demo")), before);
    read_repository(&root.join("demo")).unwrap();
}

#[test]
fn a_disk_that_fills_while_metadata_is_made_keeps_what_was_published() {
    assert_success(in_namespaces("full filtered"));
}

/// A disk that becomes full at every moment, over an empty root and over a published one.
async fn full() {
    let disk = Disk::new("size=22m");
    let mut failed = 0;
    for (moment, left) in MOMENTS.into_iter().flat_map(|m| LEFT.map(|left| (m, left))) {
        for published in [false, true] {
            let root = disk.disk().join("root");
            if published {
                disk.publish(&root, &disk.old).await;
            }
            let before = listing(&root.join("demo"));
            disk.upstream.set_root(&disk.new.dir);
            let filler = Filler { moment, left, disk: disk.disk(), done: AtomicBool::new(false) };
            let result = disk.run(&root, Arc::new(filler)).await;
            let what = format!("{left} KiB when {moment}, published: {published}");
            let reason = match &result {
                Ok(report) => report.trees[0].failures.first().map(|f| f.reason.clone()),
                Err(error) => Some(error.to_string()),
            };
            match reason {
                None => assert!(result.unwrap().is_complete(), "{what}"),
                Some(text) => {
                    failed += 1;
                    let is_said =
                        text.contains("No space left") || text.contains(" are needed and ");
                    assert!(
                        is_said && text.starts_with(&*root.to_string_lossy()),
                        "{what}: {text}"
                    );
                    if published {
                        read_repository(&root.join("demo")).expect(&what);
                        let is_touched =
                            moment != "publishing" && listing(&root.join("demo")) != before;
                        assert!(!is_touched, "{what}");
                    } else {
                        assert!(!root.join("demo/repodata/repomd.xml").exists(), "{what}");
                    }
                }
            }
            fs::remove_file(disk.disk().join("filler")).unwrap();
            disk.publish(&root, &disk.new).await;
            fs::remove_dir_all(root).unwrap();
        }
    }
    assert!(failed > 20, "only {failed} runs met a full disk");
}

async fn read_only() {
    let disk = Disk::new("size=64m");
    let root = disk.disk().join("root");
    disk.publish(&root, &disk.old).await;
    mount(&["-o", "remount,ro"], &disk.disk());
    disk.upstream.set_root(&disk.new.dir);
    let before = listing(&root);
    let error = disk.run(&root, Arc::new(())).await.unwrap_err().to_string();
    assert!(error.starts_with(&*root.to_string_lossy()), "{error}");
    assert!(error.contains("Read-only file system"), "{error}");
    assert_eq!(listing(&root), before);
    assert_holds(&root, &disk.old);
    mount(&["-o", "remount,rw"], &disk.disk());
    disk.publish(&root, &disk.new).await;
}

/// A disk that is mounted inside a tree: no links lead there, and no renames.
async fn inside() {
    let disk = Disk::new("size=64m");
    let root = disk.disk().join("root");
    for folder in ["Packages", "repodata"] {
        fs::create_dir_all(root.join("demo").join(folder)).unwrap();
        mount(&["-t", "tmpfs", "-o", "size=64m", "inner"], &root.join("demo").join(folder));
    }
    for state in [&disk.old, &disk.new] {
        disk.publish(&root, state).await;
        let report = disk.run(&root, Arc::new(())).await.unwrap();
        assert_eq!(report.trees[0].outcome, Outcome::Unchanged);
    }
}

/// A disk with little room.
async fn room() {
    let disk = Disk::new("size=22m");
    super::space::room(&disk.disk().join("root")).await;
    fs::remove_dir_all(disk.disk().join("root")).unwrap();
    super::pypi::room(&disk.disk().join("python")).await;
}

#[test]
fn what_does_not_fit_on_a_disk_leaves_it_to_what_does() {
    assert_success(in_namespaces("room"));
}

#[test]
fn a_disk_that_becomes_full_breaks_nothing() {
    assert_success(in_namespaces("full"));
}

#[test]
fn a_disk_that_is_read_only_breaks_nothing() {
    assert_success(in_namespaces("read-only"));
}

#[test]
fn a_disk_inside_a_tree_holds_copies() {
    assert_success(in_namespaces("inside"));
}

#[tokio::test]
#[allow(clippy::print_stdout)]
async fn a_root_that_is_anothers_is_named_and_left_alone() {
    let [old, new] = states();
    let mut site = Site::new(&old);
    site.sync().await;
    site.write(&new);
    let before = listing(&site.root());
    // What root may do anywhere, it gives up first.
    let mut command = match tool("setpriv").filter(|_| rustix::process::geteuid().is_root()) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command
        }
        None => return println!("skipped: not root"),
    };
    let parent = site.root().parent().unwrap().to_owned();
    fs::set_permissions(&parent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    command.arg(std::env::current_exe().unwrap());
    let probe = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .arg("--list")
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return println!("skipped: nobody else may run the tests");
    }
    let words = format!("sync {} {}", site.root().display(), site.upstream.url());
    let output = run_child(command, &words);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    let name = site.root().join(".mirror").display().to_string();
    assert!(text.contains(&name) && text.contains("Permission denied"), "{text}");
    assert_eq!(listing(&site.root()), before);
    site.sync().await;
    site.assert_equal_to_upstream();
}
