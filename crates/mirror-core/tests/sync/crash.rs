//! A publication that is killed at any instant, and readers while trees are published.
//!
//! The one that is killed is this test binary again, at [`child`], in a process of its own.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mirror_core::digest::Sha256;
use mirror_core::report::{Event, Outcome, Reporter};
use mirror_core::source::rpm::{Glob, Selection};
use mirror_core::store::{LockWait, Store, View};
use mirror_core::{CancellationToken, Job, Mirror, Mode, Target};
use mirror_fixtures::upstream::Upstream;
use mirror_fixtures::{Repository, Written, WrittenKind, samples, tool};
use tempfile::TempDir;

use super::support::{Site, listing, options, read_repository, source, sync};

/// Root and URLs, for [`child`]: one variable, absent when the tests are run as usual.
const CHILD: &str = "MIRROR_TEST_CRASH";

/// What [`child`] is to do instead of a sync.
const COMMAND: &str = "MIRROR_TEST_CRASH_COMMAND";

/// Kills of each test, spread over the time that a publication takes: enough for every step to be hit.
const KILLS: u32 = 40;

/// A host that is busy ends with fewer.
const LONGEST: Duration = Duration::from_secs(5);

/// Where in a publication that takes so long the kill of that number falls: in an order that has hit
/// all parts of it wherever it ends.
fn moment(longest: Duration, number: u32) -> Duration {
    longest * (number * 7 % KILLS) / KILLS
}

/// The trees of the group that is killed. The first has a file that is replaced by name.
const TREES: [&str; 2] = ["group/a", "group/b"];

fn jobs(urls: &[String]) -> Vec<Job> {
    let job = |(number, url): (usize, &String)| {
        let source = source(url).with_treeinfo(number == 0);
        Job::new(source, TREES[number].parse().unwrap()).in_group("group")
    };
    urls.iter().enumerate().map(job).collect()
}

/// Says when the publication begins.
struct Announcer;

impl Reporter for Announcer {
    fn on_event(&self, event: &Event<'_>) {
        if matches!(event, Event::Publishing { .. }) {
            let mut out = std::io::stdout().lock();
            out.write_all(b"publishing\n").and_then(|()| out.flush()).unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "what the tests of this module run and kill"]
async fn child() {
    let Ok(words) = std::env::var(CHILD) else { return };
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let mirror = Mirror::open(Path::new(&words[0]), options()).await.unwrap();
    let cancel = CancellationToken::new();
    if let Ok(command) = std::env::var(COMMAND) {
        Announcer.on_event(&Event::Publishing { group: "" });
        return keep(&mirror, &command, Arc::new(())).await;
    }
    let jobs = jobs(&words[1..]);
    mirror.sync(&jobs, Mode::Apply, Arc::new(Announcer), &cancel).await.unwrap();
}

/// Rolls the group back, drops a tree, or repairs all.
async fn keep(mirror: &Mirror, command: &str, reporter: Arc<dyn Reporter>) {
    match command.split_once(' ').unwrap() {
        ("rollback", id) => {
            let target = Target { name: Some(TREES[0].to_owned()), to: id.parse().ok() };
            let back = mirror.rollback(&target, Mode::Apply, &*reporter).await.unwrap();
            assert!(back.done, "{back:#?}");
        }
        ("filtered", words) => {
            let (at, url) = words.split_once(' ').unwrap();
            let exclude = vec![Glob::new("plain-0001").unwrap()];
            let source = source(url).select(Selection { exclude, ..Selection::default() });
            let job = Job::new(source, "demo".parse().unwrap());
            let killer = Arc::new(Killer { at: at.to_owned() });
            mirror.sync(&[job], Mode::Apply, killer, &CancellationToken::new()).await.unwrap();
        }
        ("prune", tree) => {
            let trees: Vec<_> = mirror.store().trees().unwrap();
            let trees: Vec<_> = trees.into_iter().filter(|found| found.as_str() == tree).collect();
            let pruning = mirror.pruning(&trees).unwrap();
            assert_eq!(mirror.prune(pruning).await.unwrap(), [""; 0]);
        }
        ("repair", _) => {
            let check = mirror.repair(&[], reporter, &CancellationToken::new()).await.unwrap();
            assert!(check.is_clean(), "{check:#?}");
        }
        other => panic!("{other:?}"),
    }
}

/// Kills its own process when a file is there whose name has this in it, or the publication begins.
struct Killer {
    at: String,
}

impl Reporter for Killer {
    fn on_event(&self, event: &Event<'_>) {
        let is_now = match event {
            Event::Fetched { path, .. } => path.contains(&self.at),
            Event::Publishing { .. } => self.at == "publishing",
            _ => false,
        };
        if is_now {
            let own = std::process::id().to_string();
            Command::new("kill").args(["-9", &own]).status().unwrap();
            std::thread::sleep(LONGEST);
        }
    }
}

#[tokio::test]
async fn a_kill_while_metadata_is_made_leaves_the_old_generation() {
    let mut repository = samples::plain(4);
    let mut site = Site::new(&repository);
    let run = async |site: &Site| {
        let exclude = vec![Glob::new("plain-0001").unwrap()];
        let source = source(&site.upstream.url());
        let source = source.select(Selection { exclude, ..Selection::default() });
        let job = Job::new(source, "demo".parse().unwrap());
        sync(&site.root(), &[job]).await.unwrap().trees.remove(0)
    };
    run(&site).await;
    repository.update(samples::plain_package(2, "2"));
    site.write(&repository);
    let before = listing(&site.tree());
    for at in ["primary", "filelists", "other", ".rpm", "publishing"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env(CHILD, site.root().display().to_string())
            .env(COMMAND, format!("filtered {at} {}", site.upstream.url()));
        let output = command.output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "{at}: {output:?}");
        assert_eq!(listing(&site.tree()), before, "{at}");
    }
    let report = run(&site).await;
    assert_eq!((report.outcome, report.generation), (Outcome::Published, Some(2)));
    read_repository(&site.tree()).unwrap();
    // Nothing of what was made in vain is left.
    let kept: usize = listing(&site.root().join(".mirror/parts")).len();
    assert_eq!(kept, 0);
}

/// Two upstreams and a root.
struct Group {
    folder: TempDir,
    repositories: [Repository; 2],
    upstreams: [Upstream; 2],
    written: [Written; 2],
    /// Kills between the journal's first and last replacement.
    in_journal: Cell<u32>,
}

impl Group {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image: &[(&str, &[u8])] = &[("images/boot.iso", b"first")];
        let repositories = [samples::plain(6).treeinfo("A", image), samples::odd_names()];
        let written = [0, 1].map(|n| repositories[n].write(folder.path().join(format!("{n}"))));
        let upstreams = [0, 1].map(|n| Upstream::serve(&written[n].dir));
        Self { folder, repositories, upstreams, written, in_journal: Cell::new(0) }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn urls(&self) -> Vec<String> {
        self.upstreams.iter().map(Upstream::url).collect()
    }

    /// Upstream moves on: packages come, change and go, and an image is another of the same name.
    fn moves_on(&mut self, number: u32) {
        let [a, b] = &mut self.repositories;
        a.update(samples::plain_package(3, &format!("{number}.2")));
        b.add(samples::plain_package(number as usize + 10, "1"));
        if number > 1 {
            b.remove(&format!("plain-{:04}", number + 9));
        }
        let content = format!("image {number}");
        *a = a.clone().treeinfo("A", &[("images/boot.iso", content.as_bytes())]);
        self.written = [0, 1].map(|n| self.repositories[n].write(&self.written[n].dir));
    }

    fn spawn(&self) -> Child {
        self.child(Command::new(std::env::current_exe().unwrap())).spawn().unwrap()
    }

    /// Lets `command`, which ends with this binary, run [`child`].
    fn child(&self, mut command: Command) -> Command {
        let words = format!("{} {}", self.root().display(), self.urls().join(" "));
        command
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env(CHILD, words)
            .stdout(Stdio::piped());
        command
    }

    /// Runs the publication in a process that is killed when it is about to do a system call of that
    /// name, whose first path is `path`.
    fn publish_and_kill_at(&self, strace: &Path, call: &str, path: &str) {
        let mut command = Command::new(strace);
        command
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace=/^{call}")])
            .args(["-e", &format!("inject=/^{call}:signal=KILL"), "-P"])
            .arg(self.root().join(path))
            .arg(std::env::current_exe().unwrap());
        let output = self.child(command).output().unwrap();
        assert_eq!(output.status.signal(), Some(9), "{call} of {path}: {output:?}");
    }

    /// Runs the publication in a process of its own, which is killed so long after it began; returns
    /// how long it took where it ended by itself.
    fn publish_and_kill(&self, after: Duration) -> Duration {
        let mut child = self.spawn();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("publishing")), "nothing was published");
        let begun = Instant::now();
        while begun.elapsed() < after && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let took = begun.elapsed();
        let _ = child.kill();
        child.wait().unwrap();
        let in_journal = self.root().join(".mirror/journal").exists();
        self.in_journal.set(self.in_journal.get() + u32::from(in_journal));
        took
    }

    /// Which state a tree is in, if it is entirely in one: `None` for none at all.
    fn state<'a>(&self, tree: usize, states: &'a [[Written; 2]]) -> Option<&'a Written> {
        let folder = self.root().join(TREES[tree]);
        let repomd = Sha256::of(&fs::read(folder.join("repodata/repomd.xml")).ok()?).hex();
        let state = states.iter().map(|state| &state[tree]).find(|written| {
            let entry = written.files.iter().find(|f| f.path == "repodata/repomd.xml");
            entry.unwrap().sha256 == repomd
        });
        let state = state.expect("repomd.xml is one of upstream's");
        for file in state.files.iter().filter(|file| file.kind != WrittenKind::Other) {
            let found = fs::read(folder.join(&file.path)).map(|found| Sha256::of(&found).hex());
            assert_eq!(found.ok().as_ref(), Some(&file.sha256), "{}", file.path);
        }
        Some(state)
    }

    async fn check_and_finish(&self, old: Option<[Written; 2]>) {
        let states: Vec<_> = old.clone().into_iter().chain([self.written.clone()]).collect();
        for tree in [0, 1] {
            let state = self.state(tree, &states);
            assert!(state.is_some() || old.is_none(), "repomd.xml is there once it was there");
        }
        drop(Store::open(&self.root(), LockWait::AtMost(Duration::from_secs(5))).await.unwrap());
        let [a, b] = [0, 1].map(|tree| self.state(tree, &states).map(|state| &state.dir));
        assert_eq!(a.is_some(), b.is_some(), "a group is published together");
        let [a, b] = [0, 1].map(|tree| {
            self.state(tree, &states).is_some_and(|now| now.files == self.written[tree].files)
        });
        assert_eq!(a, b, "a group is published together");
        if a {
            let image = fs::read(self.root().join(TREES[0]).join("images/boot.iso")).unwrap();
            assert_eq!(image, fs::read(self.written[0].dir.join("images/boot.iso")).unwrap());
        }

        for upstream in &self.upstreams {
            upstream.clear_requests();
        }
        let report = sync(&self.root(), &jobs(&self.urls())).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
        for (number, upstream) in self.upstreams.iter().enumerate() {
            for request in upstream.requests() {
                let name = request.path.rsplit('/').next().unwrap();
                let expected = ["repomd.xml", "repomd.xml.asc", "repomd.xml.key", ".treeinfo"];
                assert!(expected.contains(&name), "{} was fetched again", request.path);
            }
            let state = self.state(number, std::slice::from_ref(&self.written));
            assert!(state.is_some());
        }
        self.assert_nothing_is_left_over();
        let report = sync(&self.root(), &jobs(&self.urls())).await.unwrap();
        assert!(report.trees.iter().all(|tree| tree.outcome == Outcome::Unchanged));
        assert_eq!(report.requests, 2);
    }

    fn assert_nothing_is_left_over(&self) {
        for path in listing(&self.root()).into_keys() {
            let name = path.file_name().unwrap().to_str().unwrap();
            let foreign = name == ".mirror-stage"
                || path.extension().is_some_and(|end| end == "new")
                || path == self.root().join(".mirror/journal");
            assert!(!foreign, "{} is left over", path.display());
        }
    }
}

/// What of the journal a kill by the clock hits is chance, so it is told.
#[allow(clippy::print_stdout)]
fn tell(kills: u32, in_journal: u32) {
    println!("{kills} kills, {in_journal} of them left a journal to finish");
}

#[allow(clippy::print_stdout)]
fn tell_skipped(reason: &str) {
    println!("skipped: strace may not trace here: {reason}");
}

#[tokio::test]
async fn a_first_publication_that_is_killed_is_none_or_whole() {
    let mut longest = Group::new().publish_and_kill(Duration::from_secs(10));
    let begun = Instant::now();
    let (mut kills, mut in_journal) = (0, 0);
    for kill in (0..KILLS).take_while(|_| begun.elapsed() < LONGEST) {
        let group = Group::new();
        longest = longest.max(group.publish_and_kill(moment(longest, kill)));
        kills += 1;
        in_journal += group.in_journal.get();
        group.check_and_finish(None).await;
    }
    tell(kills, in_journal);
}

#[tokio::test]
async fn a_publication_that_is_killed_is_old_or_whole() {
    let mut group = Group::new();
    sync(&group.root(), &jobs(&group.urls())).await.unwrap();
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    let mut kills = 0;
    for kill in (0..KILLS).take_while(|_| begun.elapsed() < LONGEST) {
        let old = group.written.clone();
        group.moves_on(kill + 1);
        // The first one is left alone, and says how long one takes.
        let after = if kill == 0 { Duration::from_secs(10) } else { moment(longest, kill) };
        kills = kill;
        longest = longest.max(group.publish_and_kill(after));
        group.check_and_finish(Some(old)).await;
    }
    tell(kills, group.in_journal.get());
}

/// `strace`, where this host lets it trace.
fn strace() -> Option<PathBuf> {
    let strace = tool("strace")?;
    let output = Command::new(&strace).args(["-o", "/dev/null", "true"]).output().unwrap();
    if output.status.success() {
        return Some(strace);
    }
    tell_skipped(&String::from_utf8_lossy(&output.stderr));
    None
}

#[tokio::test]
async fn a_publication_that_is_killed_before_any_step_of_its_journal_is_old_or_whole() {
    let Some(strace) = strace() else { return };
    let mut group = Group::new();
    sync(&group.root(), &jobs(&group.urls())).await.unwrap();
    // In this order: nothing is done before the first, and all before the last.
    let steps = [
        ("rename", ".mirror/journal.new"),
        ("rename", "group/a/.mirror-stage/0"), // images/boot.iso
        ("rename", "group/a/.mirror-stage/1"), // .treeinfo
        ("rename", "group/a/.mirror-stage/switched"),
        ("rename", "group/b/.mirror-stage/switched"),
        ("rename", ".mirror/generations/group/a/7.new"),
        ("rename", ".mirror/generations/group/b/8.new"),
        ("unlink", ".mirror/journal"),
    ];
    for (number, (call, path)) in (1..).zip(steps) {
        let old = group.written.clone();
        group.moves_on(number);
        group.publish_and_kill_at(&strace, call, path);
        let in_journal = group.root().join(".mirror/journal").exists();
        assert_eq!(in_journal, number > 1, "{call} of {path}");
        group.check_and_finish(Some(old)).await;
    }
}

#[tokio::test]
async fn a_journal_that_is_done_is_gone_for_good_before_anything_else_is_written() {
    let Some(strace) = strace() else { return };
    let mut group = Group::new();
    sync(&group.root(), &jobs(&group.urls())).await.unwrap();
    group.moves_on(1);
    let trace = group.folder.path().join("trace");
    let mut command = Command::new(strace);
    command.args([
        "-f",
        "-qq",
        "-y",
        "-e",
        "trace=/^(unlink|rename|link|mkdir|fsync|syncfs)",
        "-o",
    ]);
    command.arg(&trace).arg(std::env::current_exe().unwrap());
    assert!(group.child(command).output().unwrap().status.success());
    let trace = fs::read_to_string(trace).unwrap();
    let root = group.root().display().to_string();
    let steps: Vec<_> = trace.lines().filter(|line| line.contains(&root)).collect();
    let gone = format!("{root}/.mirror/journal\"");
    let gone = steps.iter().position(|step| step.contains("unlink") && step.contains(&gone));
    let next = &steps[gone.unwrap() - 1..][..3];
    assert!(next[0].contains("syncfs("), "what it says is on the disk: {next:#?}");
    let folder = format!("<{root}/.mirror>");
    assert!(next[2].contains("fsync(") && next[2].contains(&folder), "{next:#?}");
}

impl Group {
    /// Lets a process do `command` and kills it so long after it began; returns how long it took
    /// where it ended by itself.
    fn keep_and_kill(&self, command: &str, after: Duration) -> Duration {
        let words = format!("{} {}", self.root().display(), self.urls().join(" "));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .envs([(CHILD, words.as_str()), (COMMAND, command)])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("publishing")), "nothing was begun");
        let begun = Instant::now();
        while begun.elapsed() < after && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let took = begun.elapsed();
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
        took
    }

    /// Does `command` to its end, and asserts that all is well then.
    async fn keep_and_check(&self, command: &str) {
        let mut options = options();
        options.lock = LockWait::AtMost(Duration::from_secs(5));
        let mirror = Mirror::open(&self.root(), options).await.unwrap();
        keep(&mirror, command, Arc::new(())).await;
        drop(mirror);
        self.assert_nothing_is_left_over();
        self.assert_clean().await;
    }

    async fn assert_clean(&self) {
        let (wait, cancel) = (LockWait::AtMost(LONGEST), CancellationToken::new());
        let check = mirror_core::verify(&self.root(), &[], wait, Arc::new(()), &cancel).await;
        let check = check.unwrap();
        assert!(check.is_clean(), "{:#?}", check.findings().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_rollback_that_is_killed_is_done_or_not() {
    let mut group = Group::new();
    let mut states = vec![group.written.clone()];
    sync(&group.root(), &jobs(&group.urls())).await.unwrap();
    group.moves_on(1);
    states.push(group.written.clone());
    sync(&group.root(), &jobs(&group.urls())).await.unwrap();
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    for kill in (0..KILLS).take_while(|_| begun.elapsed() < LONGEST) {
        let after = if kill == 0 { Duration::from_secs(10) } else { moment(longest, kill) };
        let command = format!("rollback {}", kill % 2 + 1);
        longest = longest.max(group.keep_and_kill(&command, after));
        let now = |tree| group.state(tree, &states).map(|state| &state.files);
        assert!(now(0).is_some() && now(1).is_some());
        drop(Store::open(&group.root(), LockWait::AtMost(LONGEST)).await.unwrap());
        let is_first = [0, 1].map(|tree| now(tree) == Some(&states[0][tree].files));
        assert_eq!(is_first[0], is_first[1], "a group goes back together");
        let view = View::glance(&group.root());
        let current = TREES.map(|tree| view.current(&tree.parse().unwrap()).unwrap().unwrap());
        assert_eq!(current[0].id == 1, is_first[0], "{current:?}");
        assert_eq!((current[0].id, current[0].held), (current[1].id, current[1].held));
        group.assert_clean().await;
        group.keep_and_check(&command).await;
    }
}

#[tokio::test]
async fn a_tree_that_is_being_dropped_goes_in_the_end_and_takes_nothing_with_it() {
    let group = Group::new();
    let [shared, own] = [0, 1].map(|number| source(&group.urls()[number]));
    let gone = Job::new(own, "gone/tree".parse().unwrap());
    let stays = Job::new(shared, TREES[0].parse().unwrap());
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    for kill in (0..KILLS).take_while(|_| begun.elapsed() < LONGEST) {
        sync(&group.root(), &[gone.clone(), stays.clone()]).await.unwrap();
        let after = if kill == 0 { Duration::from_secs(10) } else { moment(longest, kill) };
        longest = longest.max(group.keep_and_kill("prune gone/tree", after));
        group.keep_and_check("prune gone/tree").await;
        assert!(!group.root().join("gone").exists());
        let names = listing(&group.root().join(".mirror/generations")).into_keys();
        assert!(!names.into_iter().any(|path| path.ends_with("gone/tree")));
        assert!(group.state(0, std::slice::from_ref(&group.written)).is_some());
    }
}

#[tokio::test]
async fn a_repair_that_is_killed_is_ended_by_the_next() {
    let group = Group::new();
    sync(&group.root(), &jobs(&group.urls())).await.unwrap();
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    for kill in (0..KILLS).take_while(|_| begun.elapsed() < LONGEST) {
        for (tree, written) in TREES.iter().zip(&group.written) {
            let files = written.files.iter().filter(|file| file.kind != WrittenKind::Other);
            for (number, file) in files.enumerate() {
                let path = group.root().join(tree).join(&file.path);
                match (number + kill as usize) % 4 {
                    0 => fs::write(path, "damaged").unwrap(),
                    1 => fs::remove_file(path).unwrap(),
                    _ => {}
                }
            }
        }
        let after = if kill == 0 { Duration::from_secs(10) } else { moment(longest, kill) };
        longest = longest.max(group.keep_and_kill("repair all", after));
        group.keep_and_check("repair all").await;
        for tree in [0, 1] {
            assert!(group.state(tree, std::slice::from_ref(&group.written)).is_some());
        }
    }
}

#[tokio::test]
async fn who_reads_while_trees_are_published_misses_nothing() {
    let mut repository = samples::plain(8);
    let mut site = Site::new(&repository);
    site.sync().await;
    let (tree, done) = (site.tree(), Arc::new(AtomicBool::new(false)));
    let reads = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (tree, done, reads) = (tree.clone(), Arc::clone(&done), Arc::clone(&reads));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    read_repository(&tree)?;
                    reads.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, String>(())
            })
        })
        .collect();
    for number in 0..20 {
        let before = reads.load(Ordering::Relaxed);
        repository.update(samples::plain_package(number % 8, &format!("{}", number + 2)));
        site.write(&repository);
        assert_eq!(site.sync_tree().await.outcome, Outcome::Published);
        // Every generation is read by someone.
        let asked = Instant::now();
        while reads.load(Ordering::Relaxed) == before && asked.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap().unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) >= 20);
    site.assert_equal_to_upstream();
}
