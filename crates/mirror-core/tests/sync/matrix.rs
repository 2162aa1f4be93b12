//! Every fault that an upstream, a link or a disk can have, over an empty root and over a published
//! one, in one table.
//!
//! A row says how a fault is made, of which [`Kind`] it is, and what the message has to name. One loop
//! runs them all and holds each against the same rules: it ends; nothing published is broken by it and
//! nothing beside the root is touched; who says that all is well has a mirror that is right; and
//! without the fault the next run makes a complete one.

mod local;
mod metadata;
mod paths;
mod transport;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;

use mirror_core::store::LockWait;
use mirror_core::{CancellationToken, Error, Mirror, Mode, Options};
use mirror_fixtures::upstream::Upstream;
use mirror_fixtures::{Compression, Package, Repository, samples};
use tempfile::TempDir;

use super::support::{job, listing, options, read_repository};

/// The longest that a row may take: far more than any does, and the test fails.
const WATCHDOG: Duration = Duration::from_mins(2);

/// Rows at once: most of them wait.
const WORKERS: usize = 8;

/// Files that every row's upstream has.
const REPOMD: &str = "repodata/repomd.xml";
const PRIMARY: &str = "repodata/primary.xml";
const FILELISTS: &str = "repodata/filelists.xml";
const LARGE: &str = "Packages/l/large-2-1.noarch.rpm";
/// A package that both states have.
const KEPT: &str = "Packages/p/plain-0001-1.0-1.noarch.rpm";

/// An upstream's files: path and content.
type Files = BTreeMap<String, Vec<u8>>;

/// How a fault ends; see the design's decision 4.
enum Kind {
    /// With a complete mirror.
    Healed,
    /// The same, and a warning that has this text.
    Harmless(&'static str),
    /// With a complete mirror whose metadata is made anew, and in which the package `large` lies there.
    Moved(&'static str),
    /// With an error that names this and has this text.
    Fatal(Named, String),
}

/// What an error has to name.
enum Named {
    /// The URL of this file of upstream.
    Url(String),
    /// This path below the root.
    Path(&'static str),
}

/// Which roots a fault makes sense over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Both,
    Empty,
    Published,
}

type Act = Box<dyn Fn(&Ground) + Send + Sync>;

struct Row {
    name: String,
    kind: Kind,
    over: Over,
    /// Makes the fault, when upstream has moved on.
    fault: Act,
    /// Takes away what only a person can.
    mend: Act,
    options: fn(&mut Options),
}

impl Row {
    fn new(
        name: impl Into<String>,
        kind: Kind,
        fault: impl Fn(&Ground) + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            over: Over::Both,
            fault: Box::new(fault),
            mend: Box::new(|_| ()),
            options: |_| (),
        }
    }

    fn published(self) -> Self {
        Self { over: Over::Published, ..self }
    }

    fn mended(self, mend: impl Fn(&Ground) + Send + Sync + 'static) -> Self {
        Self { mend: Box::new(mend), ..self }
    }

    fn with(self, options: fn(&mut Options)) -> Self {
        Self { options, ..self }
    }
}

/// The file `path` of upstream is named, and `reason` is said.
fn fatal(path: &str, reason: impl Into<String>) -> Kind {
    Kind::Fatal(Named::Url(path.to_owned()), reason.into())
}

/// The states of the upstream that all rows have: metadata without compression and under plain
/// names, so that a row can edit it.
static STATES: LazyLock<[Files; 3]> = LazyLock::new(|| {
    let large = |version: &str| Package::new("large", version, "1").payload_size(200 << 10);
    let mut repository =
        samples::plain(3).package(large("1")).compression(Compression::None).simple_names();
    let old = files(&repository);
    repository.update(large("1.5"));
    let between = files(&repository);
    repository.update(samples::plain_package(0, "2"));
    repository.remove("plain-0002");
    repository.update(large("2"));
    // Names that are legal, and that a careless client gets wrong.
    for name in ["plus++ and^caret~tilde.rpm", "100%.rpm", "ünï-日本.rpm"] {
        let name_of_package = format!("odd-{}", name.len());
        repository.add(Package::new(&name_of_package, "1", "1").file_name(name));
    }
    let new = files(&repository);
    for path in [PRIMARY, FILELISTS, LARGE, KEPT] {
        assert!(new.contains_key(path), "{path} is not in {:?}", new.keys());
    }
    [old, between, new]
});

fn files(repository: &Repository) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let written = repository.write(folder.path());
    let read = |path: &String| fs::read(folder.path().join(path)).unwrap();
    written.files.into_iter().map(|file| (file.path.clone(), read(&file.path))).collect()
}

fn old() -> Files {
    STATES[0].clone()
}

/// A state that no root has, and that is gone when a row begins.
fn between() -> Files {
    STATES[1].clone()
}

fn new() -> Files {
    STATES[2].clone()
}

/// An upstream, a root to mirror it to, and what must not be touched.
struct Ground {
    folder: TempDir,
    upstream: Upstream,
    served: Mutex<Files>,
    /// Where the run looks for upstream; the server's own URL unless a row says otherwise.
    base: Mutex<String>,
}

impl Ground {
    fn new() -> Self {
        // In memory, where there is such a disk: each publication syncs it.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        fs::create_dir_all(folder.path().join("beside/folder")).unwrap();
        fs::write(folder.path().join("beside/file"), "precious").unwrap();
        fs::write(folder.path().join("beside/folder/file"), "precious").unwrap();
        let upstream = Upstream::serve_files(Files::new());
        let base = Mutex::new(upstream.url());
        Self { folder, upstream, served: Mutex::default(), base }
    }

    fn serve(&self, files: Files) {
        self.upstream.set_files(files.clone());
        *self.served.lock().unwrap() = files;
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn tree(&self) -> PathBuf {
        self.root().join("demo")
    }

    /// A folder that is none of ours.
    fn beside(&self) -> PathBuf {
        self.folder.path().join("beside")
    }

    /// Everything but the root.
    fn outside(&self) -> Vec<(PathBuf, (u64, u64, i64, i64))> {
        let mut seen: Vec<_> = listing(&self.beside()).into_iter().collect();
        let beside = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        seen.extend(beside.filter(|path| *path != self.root()).map(|path| (path, (0, 0, 0, 0))));
        seen.sort();
        seen
    }

    /// What the run says, one line for each failure, and its warnings; `Ok` where all is well.
    fn run(&self, change: fn(&mut Options)) -> Result<Vec<String>, Vec<String>> {
        let mut options = options();
        options.lock = LockWait::AtMost(Duration::from_secs(5));
        change(&mut options);
        let jobs = [job(&self.base.lock().unwrap(), "demo")];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = async {
            let mirror = Mirror::open(&self.root(), options).await?;
            mirror.sync(&jobs, Mode::Apply, Arc::new(()), &CancellationToken::new()).await
        };
        let report = runtime.block_on(run).map_err(|error: Error| vec![error.to_string()])?;
        let tree = &report.trees[0];
        if report.is_complete() {
            return Ok(tree.warnings.clone());
        }
        assert!(!tree.failures.is_empty(), "a failure without a reason: {report:#?}");
        Err(tree.failures.iter().map(|failure| failure.reason.clone()).collect())
    }

    /// What of these files the tree lacks or has otherwise, and what a client would stumble over.
    fn lacks(&self, files: &Files) -> Option<String> {
        for (path, content) in files {
            match fs::read(self.tree().join(path)) {
                Ok(found) if found == *content => {}
                Ok(_) => return Some(format!("{path} is another")),
                Err(error) => return Some(format!("{path}: {error}")),
            }
        }
        read_repository(&self.tree()).err()
    }
}

/// What came of a row.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // each is counted by itself
struct Verdict {
    /// A published mirror that a failed run broke.
    broken: bool,
    /// All was said to be well, and the mirror is wrong.
    wrong: bool,
    /// The run crashed.
    crashed: bool,
    /// A run without the fault made a complete mirror.
    recovered: bool,
    complaints: Vec<String>,
}

impl Row {
    fn judge(&self, over_published: bool) -> Verdict {
        let mut verdict = Verdict::default();
        let ground = Ground::new();
        if over_published {
            ground.serve(old());
            ground.run(|_| ()).expect("the first publication");
            assert_eq!(ground.lacks(&old()), None, "the first publication");
        }
        ground.serve(new());
        ground.upstream.clear_requests();
        (self.fault)(&ground);
        let outside = ground.outside();
        let before = over_published.then(|| listing(&ground.tree()));
        let result = catch_unwind(AssertUnwindSafe(|| ground.run(self.options)));
        let Ok(result) = result else {
            verdict.crashed = true;
            return verdict;
        };
        self.judge_words(&ground, &result, &mut verdict);
        match (&result, before) {
            (Ok(_), _) => {
                let mut served = ground.served.lock().unwrap().clone();
                if let Kind::Moved(path) = self.kind {
                    let large = served.remove(LARGE).unwrap();
                    served.retain(|path, _| path.starts_with("Packages/"));
                    served.insert(path.into(), large);
                }
                if let Some(lack) = ground.lacks(&served) {
                    verdict.wrong = true;
                    verdict.complaints.push(format!("exit 0, and {lack}"));
                }
            }
            (Err(_), Some(before)) => {
                if let Err(error) = read_repository(&ground.tree()) {
                    verdict.broken = true;
                    verdict.complaints.push(format!("what was published is broken: {error}"));
                } else if listing(&ground.tree()) != before {
                    verdict.complaints.push("what was published was touched".into());
                }
            }
            (Err(_), None) => {
                if ground.tree().join(REPOMD).exists() {
                    verdict.broken = true;
                    verdict.complaints.push("something was published".into());
                }
            }
        }
        if ground.outside() != outside {
            verdict.complaints.push("something outside the root was touched".into());
        }

        ground.upstream.clear_faults();
        ground.serve(new());
        *ground.base.lock().unwrap() = ground.upstream.url();
        (self.mend)(&ground);
        match ground.run(|_| ()) {
            Ok(_) => match ground.lacks(&new()) {
                None => verdict.recovered = true,
                Some(lack) => verdict.complaints.push(format!("not whole afterwards: {lack}")),
            },
            Err(reasons) => {
                verdict.complaints.push(format!("no recovery: {reasons:#?}"));
            }
        }
        verdict
    }

    /// Whether the run ended as it should, and said what it should.
    fn judge_words(
        &self,
        ground: &Ground,
        result: &Result<Vec<String>, Vec<String>>,
        verdict: &mut Verdict,
    ) {
        let complaint = match (&self.kind, result) {
            (Kind::Healed | Kind::Moved(_), Ok(_)) => None,
            (Kind::Harmless(text), Ok(warnings)) => {
                let is_said = warnings.iter().any(|warning| warning.contains(text));
                (!is_said).then(|| format!("no warning {text:?}: {warnings:#?}"))
            }
            (Kind::Fatal(named, text), Err(reasons)) => {
                let name = match named {
                    Named::Url(path) if path.is_empty() => ground.base.lock().unwrap().clone(),
                    Named::Url(path) => ground.upstream.url_of(path),
                    Named::Path(path) => ground.root().join(path).display().to_string(),
                };
                let is_said = |reason: &String| reason.starts_with(&name) && reason.contains(text);
                // One bad package does not stop the others; a bad list of them asks for none.
                let file = if let Named::Url(path) = named { path.as_str() } else { "" };
                let is_one = !file.ends_with(".rpm") || reasons.len() == 1;
                let asked = [REPOMD, PRIMARY].contains(&file) && asked_for_packages(ground);
                (!reasons.iter().any(is_said) || !is_one || asked)
                    .then(|| format!("expected {name:?} and {text:?}: {reasons:#?}"))
            }
            (Kind::Fatal(..), Ok(warnings)) => Some(format!("is not fatal: {warnings:#?}")),
            (_, Err(reasons)) => Some(format!("is fatal: {reasons:#?}")),
        };
        verdict.complaints.extend(complaint);
    }
}

fn asked_for_packages(ground: &Ground) -> bool {
    ground.upstream.requests().iter().any(|request| request.path.ends_with(".rpm"))
}

#[test]
#[allow(clippy::print_stdout)]
fn every_fault_is_healed_harmless_or_fatal_and_breaks_nothing() {
    let rows: Vec<Row> = [transport::rows(), metadata::rows(), paths::rows(), local::rows()]
        .into_iter()
        .flatten()
        .collect();
    let rows: Arc<Vec<Row>> = Arc::new(rows);
    let runs: Arc<Vec<(usize, bool)>> = Arc::new(
        rows.iter()
            .enumerate()
            .flat_map(|(at, row)| {
                let roots: &[bool] = match row.over {
                    Over::Both => &[false, true],
                    Over::Empty => &[false],
                    Over::Published => &[true],
                };
                roots.iter().map(move |published| (at, *published))
            })
            .collect(),
    );
    let next = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..WORKERS {
        let (rows, runs, next, sender) =
            (Arc::clone(&rows), Arc::clone(&runs), Arc::clone(&next), sender.clone());
        std::thread::spawn(move || {
            while let Some((row, published)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let judged = catch_unwind(AssertUnwindSafe(|| rows[*row].judge(*published)));
                let verdict = judged.unwrap_or_else(|_| Verdict {
                    complaints: vec!["the test itself failed".into()],
                    ..Verdict::default()
                });
                let _ = sender.send((*row, *published, verdict));
            }
        });
    }
    drop(sender);
    let mut waiting: Vec<_> = runs.to_vec();
    let (mut broken, mut wrong, mut crashed, mut recovered) = (0, 0, 0, 0);
    let mut complaints = Vec::new();
    while !waiting.is_empty() {
        let Ok((row, published, verdict)) = receiver.recv_timeout(WATCHDOG) else {
            let names: Vec<_> = waiting.iter().map(|(row, _)| &rows[*row].name).collect();
            panic!("no end of one of {names:#?}");
        };
        waiting.retain(|run| *run != (row, published));
        broken += usize::from(verdict.broken);
        wrong += usize::from(verdict.wrong);
        crashed += usize::from(verdict.crashed);
        recovered += usize::from(verdict.recovered);
        let root = if published { "a published root" } else { "an empty root" };
        for complaint in verdict.complaints {
            complaints.push(format!("{} over {root}: {complaint}", rows[row].name));
        }
    }
    println!(
        "{} runs: {broken} broke a published mirror, {wrong} ended well with a wrong one, {crashed} \
         crashed, {recovered} of {} were completed without the fault",
        runs.len(),
        runs.len()
    );
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!((broken, wrong, crashed, recovered), (0, 0, 0, runs.len()));
}

/// Changes the text of a file.
fn edit(files: &mut Files, path: &str, change: impl FnOnce(String) -> String) {
    let text = String::from_utf8(files[path].clone()).unwrap();
    files.insert(path.to_owned(), change(text).into_bytes());
}

/// Puts other content for a metadata file, and lists it as it is.
fn relist(files: &mut Files, path: &str, content: Vec<u8>) {
    use mirror_core::digest::Sha256;
    let before = &files[path];
    let (old, old_size) = (Sha256::of(before).hex(), before.len());
    let (new, new_size) = (Sha256::of(&content).hex(), content.len());
    files.insert(path.to_owned(), content);
    edit(files, REPOMD, |text| {
        let at = text.find(&old).expect("repomd.xml lists it");
        let (head, tail) = text.split_at(at);
        let size = (format!("<size>{old_size}</size>"), format!("<size>{new_size}</size>"));
        head.to_owned() + &tail.replacen(&old, &new, 1).replacen(&size.0, &size.1, 1)
    });
}

/// Changes the text of a metadata file, and lists it as it is.
fn edit_listed(files: &mut Files, path: &str, change: impl FnOnce(String) -> String) {
    let text = String::from_utf8(files[path].clone()).unwrap();
    relist(files, path, change(text).into_bytes());
}
