//! Every fault that an index of Python packages can have, over an empty root and over a published
//! one, in one table: the rules are those of [`matrix`](crate::matrix), with what Python adds.
//!
//! A row says how a fault is made and how it ends: with the whole tree, with another answer than the
//! newest, or with an error that names what is wrong.

mod archives;
mod pages;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use mirror_core::digest::Sha256;
use mirror_core::format::pypi::page::{CoreMetadata, Form, Page};
use mirror_core::source::pypi::PypiSource;
use mirror_core::{CancellationToken, Error, Job, Mirror, Mode, Options};
use mirror_fixtures::Upstream;
use mirror_fixtures::pypi::{Index, Release, Sdist, samples};
use tempfile::TempDir;

use super::support::{contents, set};
use crate::support::{listing, patient};

/// The longest that a row may take: far more than any does, and the test fails.
const WATCHDOG: Duration = Duration::from_mins(2);

/// Rows at once: most of them wait.
const WORKERS: usize = 8;

/// What most rows are about, in [`new`].
const PAGE: &str = "simple/lib/";
const WHEEL: &str = "files/lib-1.1-py3-none-any.whl";
const METADATA: &str = "files/lib-1.1-py3-none-any.whl.metadata";
const SDIST: &str = "files/src-1.1.tar.gz";

/// The packages of the answers: before, after, and where a newest one is of no use.
const OLD: [&str; 4] =
    ["app-1.0-py3-none-any.whl", LIB_0, SRC_0, "tiny_backend-1.0-py3-none-any.whl"];
const NEW: [&str; 4] = [
    "app-2.0-py3-none-any.whl",
    "lib-1.1-py3-none-any.whl",
    "src-1.1.tar.gz",
    "tiny_backend-1.0-py3-none-any.whl",
];
const WITHOUT_LIB: [&str; 4] = [NEW[0], LIB_0, NEW[2], NEW[3]];
const WITHOUT_SRC: [&str; 4] = [NEW[0], NEW[1], SRC_0, NEW[3]];
const LIB_0: &str = "lib-1.0-py3-none-any.whl";
const SRC_0: &str = "src-1.0.tar.gz";

/// An upstream's files: path and content.
type Files = BTreeMap<String, Vec<u8>>;

/// How a fault ends.
enum End {
    /// With the whole tree.
    Healed,
    /// The same, and something is said that has this text.
    Harmless(&'static str),
    /// With these packages, and something is said that has this text.
    Otherwise(&'static str, BTreeSet<&'static str>),
    /// With an error that has all of these texts.
    Fatal(Vec<String>),
}

type Act = Box<dyn Fn(&Ground) + Send + Sync>;

struct Row {
    name: String,
    end: End,
    fault: Act,
    options: fn(&mut Options),
}

impl Row {
    fn new(
        name: impl Into<String>,
        end: End,
        fault: impl Fn(&Ground) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), end, fault: Box::new(fault), options: |_| () }
    }

    fn with(self, options: fn(&mut Options)) -> Self {
        Self { options, ..self }
    }
}

fn fatal(texts: &[&str]) -> End {
    End::Fatal(texts.iter().map(|&text| text.to_owned()).collect())
}

/// The newest `lib` is passed over, which is said in words that have this text.
fn without_lib(text: &'static str) -> End {
    End::Otherwise(text, WITHOUT_LIB.into())
}

/// The newest `src` is passed over.
fn without_src(text: &'static str) -> End {
    End::Otherwise(text, WITHOUT_SRC.into())
}

/// A release of `lib` that is large enough for its metadata to be read in pieces.
fn lib(version: &str) -> Release {
    Release::new("lib", version).payload_size(60_000)
}

fn src(version: &str) -> Release {
    Release::new("src", version).sdist(Sdist::new())
}

/// What is there before a row's fault: the newest of all is the answer.
fn before() -> Index {
    Index::new()
        .release(samples::tiny_backend())
        .release(Release::new("app", "1.0").requires("lib>=1").requires("src"))
        .release(lib("1.0"))
        .release(src("1.0"))
}

/// The same with newer versions of all, but for `lib` and `src`.
fn base() -> Index {
    before().release(Release::new("app", "2.0").requires("lib>=1").requires("src"))
}

/// With these versions of them.
fn with(lib: Release, src: Release) -> Index {
    base().release(lib).release(src)
}

/// What is there in the end.
fn new() -> Index {
    with(lib("1.1"), src("1.1"))
}

/// What a run over [`new`] without a fault publishes, but for the record that has URLs.
static REFERENCE: LazyLock<Files> = LazyLock::new(|| {
    let ground = Ground::new();
    ground.serve(&new());
    ground.run(|_| ()).expect("a run without a fault");
    let mut files = contents(&ground.tree());
    files.remove("sets.json");
    assert_eq!(read_tree(&ground.tree()).unwrap(), owned(NEW.into()));
    files
});

fn owned(names: BTreeSet<&str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// Reads a tree as a client does: every file that a page links to is there, and is what the page
/// says. Returns their names.
pub(super) fn read_tree(tree: &Path) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let root = fs::read_to_string(tree.join("index.html")).map_err(|e| format!("root: {e}"))?;
    for link in root.split("<a href=\"").skip(1) {
        let path = link.split('"').next().unwrap();
        let page = fs::read(tree.join(path)).map_err(|e| format!("{path}: {e}"))?;
        let page = Page::read(Form::Html, &page).map_err(|e| format!("{path}: {e}"))?;
        for file in &page.files {
            let name = &file.filename;
            let read = |name: &str| {
                let content = fs::read(tree.join("files").join(name));
                content.map_err(|error| format!("{name}: {error}"))
            };
            if file.digests != [Sha256::of(&read(name)?).into()] {
                return Err(format!("{name} is another than its page says"));
            }
            if let CoreMetadata::Digest(digest) = file.core_metadata
                && digest != Sha256::of(&read(&format!("{name}.metadata"))?).into()
            {
                return Err(format!("{name}.metadata is another than its page says"));
            }
            found.insert(name.clone());
        }
    }
    Ok(found)
}

/// An upstream, a root to mirror it to, and what must not be touched.
struct Ground {
    folder: TempDir,
    upstream: Upstream,
}

impl Ground {
    fn new() -> Self {
        // In memory, where there is such a disk: each publication syncs it.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        fs::create_dir_all(folder.path().join("beside/files")).unwrap();
        fs::write(folder.path().join("beside/lib-1.1-py3-none-any.whl"), "precious").unwrap();
        Self { folder, upstream: Upstream::serve_files(Files::new()) }
    }

    fn serve(&self, index: &Index) {
        self.upstream.set_files(index.files());
    }

    /// Serves [`new`] with a change to its files.
    fn serve_changed(&self, change: impl FnOnce(&mut Files)) {
        let mut files = new().files();
        change(&mut files);
        self.upstream.set_files(files);
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn tree(&self) -> PathBuf {
        self.root().join("pypi")
    }

    /// Everything but the root.
    fn outside(&self) -> Vec<(PathBuf, (u64, u64, i64, i64))> {
        let mut seen: Vec<_> = listing(&self.folder.path().join("beside")).into_iter().collect();
        let beside = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        seen.extend(beside.filter(|path| *path != self.root()).map(|path| (path, (0, 0, 0, 0))));
        seen.sort();
        seen
    }

    /// Whatever is said: in the good case warnings and notes, else the reasons.
    fn run(&self, change: fn(&mut Options)) -> Result<Vec<String>, Vec<String>> {
        let mut options = patient();
        change(&mut options);
        let index = format!("{}/simple/", self.upstream.url());
        let source = Arc::new(PypiSource::new(vec![set("demo", &index, &["app"])]));
        let tree = "pypi".parse().unwrap();
        let jobs = [Job { source: source.clone(), tree, group: "pypi".to_owned() }];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = async {
            let mirror = Mirror::open(&self.root(), options).await?;
            mirror.sync(&jobs, Mode::Apply, Arc::new(()), &CancellationToken::new()).await
        };
        let report = runtime.block_on(run).map_err(|error: Error| vec![error.to_string()])?;
        let tree = &report.trees[0];
        if report.is_complete() {
            let mut words = tree.warnings.clone();
            words.extend(
                source
                    .answers()
                    .into_iter()
                    .flat_map(|answer| [answer.notes, answer.passed_over].concat()),
            );
            return Ok(words);
        }
        assert!(!tree.failures.is_empty(), "a failure without a reason: {report:#?}");
        let unsolved = source.answers().into_iter().map(|answer| answer.unsolved.join("; "));
        Err(tree.failures.iter().map(|failure| failure.reason.clone()).chain(unsolved).collect())
    }

    /// What of the reference the tree lacks or has otherwise.
    fn lacks(&self) -> Option<String> {
        for (path, content) in &*REFERENCE {
            match fs::read(self.tree().join(path)) {
                Ok(found) if found == *content => {}
                Ok(_) => return Some(format!("{path} is another")),
                Err(error) => return Some(format!("{path}: {error}")),
            }
        }
        self.holds(&NEW.into())
    }

    /// What is wrong where the tree's pages do not list these packages.
    fn holds(&self, packages: &BTreeSet<&'static str>) -> Option<String> {
        match read_tree(&self.tree()) {
            Err(error) => Some(error),
            Ok(found) => (found != owned(packages.clone())).then(|| format!("it holds {found:?}")),
        }
    }
}

impl Row {
    /// What is wrong with how it ends.
    fn judge(&self, over_published: bool) -> Vec<String> {
        let mut complaints = Vec::new();
        let ground = Ground::new();
        if over_published {
            ground.serve(&before());
            ground.run(|_| ()).expect("the first publication");
            assert_eq!(ground.holds(&OLD.into()), None, "the first publication");
        }
        ground.serve(&new());
        (self.fault)(&ground);
        let outside = ground.outside();
        let published = listing(&ground.tree());
        let result = catch_unwind(AssertUnwindSafe(|| ground.run(self.options)));
        let Ok(result) = result else { return vec!["crashed".to_owned()] };
        complaints.extend(self.judge_words(&result));
        match (&result, &self.end) {
            (Ok(_), End::Otherwise(_, packages)) => complaints.extend(ground.holds(packages)),
            (Ok(_), _) => complaints.extend(ground.lacks()),
            (Err(_), _) if over_published => {
                complaints.extend(ground.holds(&OLD.into()));
                if listing(&ground.tree()) != published {
                    complaints.push("what was published was touched".to_owned());
                }
            }
            (Err(_), _) => {
                if ground.tree().join("index.html").exists() {
                    complaints.push("something was published".to_owned());
                }
            }
        }
        if ground.outside() != outside {
            complaints.push("something outside the root was touched".to_owned());
        }
        ground.upstream.clear_faults();
        ground.serve(&new());
        match ground.run(|_| ()) {
            Ok(_) => complaints.extend(ground.lacks().map(|lack| format!("afterwards {lack}"))),
            Err(reasons) => complaints.push(format!("no recovery: {reasons:#?}")),
        }
        complaints
    }

    /// Whether the run ended as it should, and said what it should.
    fn judge_words(&self, result: &Result<Vec<String>, Vec<String>>) -> Option<String> {
        match (&self.end, result) {
            (End::Healed, Ok(_)) => None,
            (End::Harmless(text) | End::Otherwise(text, _), Ok(words)) => {
                let is_said = text.is_empty() || words.iter().any(|word| word.contains(text));
                (!is_said).then(|| format!("nothing is said of {text:?}: {words:#?}"))
            }
            (End::Fatal(texts), Err(reasons)) => {
                let is_said =
                    |reason: &String| texts.iter().all(|text| reason.contains(text.as_str()));
                let is_said = reasons.iter().any(is_said);
                (!is_said).then(|| format!("expected {texts:?}: {reasons:#?}"))
            }
            (End::Fatal(texts), Ok(words)) => Some(format!("is not fatal ({texts:?}): {words:#?}")),
            (_, Err(reasons)) => Some(format!("is fatal: {reasons:#?}")),
        }
    }
}

#[test]
fn every_fault_of_an_index_is_bounded_named_and_breaks_nothing() {
    LazyLock::force(&REFERENCE);
    let rows = [transport::rows(), pages::rows(), archives::rows()];
    let rows: Arc<Vec<Row>> = Arc::new(rows.into_iter().flatten().collect());
    let runs: Vec<_> = (0..rows.len()).flat_map(|row| [(row, false), (row, true)]).collect();
    let runs = Arc::new(runs);
    let next = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..WORKERS {
        let (rows, runs) = (Arc::clone(&rows), Arc::clone(&runs));
        let (next, sender) = (Arc::clone(&next), sender.clone());
        std::thread::spawn(move || {
            while let Some(&(row, published)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let judged = catch_unwind(AssertUnwindSafe(|| rows[row].judge(published)));
                let complaints = judged.unwrap_or_else(|_| vec!["the test itself failed".into()]);
                let _ = sender.send((row, published, complaints));
            }
        });
    }
    drop(sender);
    let mut waiting = runs.to_vec();
    let mut complaints = Vec::new();
    while !waiting.is_empty() {
        let Ok((row, published, found)) = receiver.recv_timeout(WATCHDOG) else {
            let names: Vec<_> = waiting.iter().map(|(row, _)| &rows[*row].name).collect();
            panic!("no end of one of {names:#?}");
        };
        waiting.retain(|run| *run != (row, published));
        let root = if published { "a published root" } else { "an empty root" };
        let name = &rows[row].name;
        complaints.extend(found.into_iter().map(|one| format!("{name} over {root}: {one}")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
