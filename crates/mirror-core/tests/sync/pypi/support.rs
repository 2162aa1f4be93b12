//! An index, a root to mirror it to, and what is asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror_core::format::pypi::input::{Location, Place};
use mirror_core::format::pypi::requirements::{Reading, Role};
use mirror_core::report::{Outcome, Report, TreeReport};
use mirror_core::resolve::pypi::Target;
use mirror_core::source::pypi::{
    Answer, Indexes, PypiSource, Sdists, Selection, Set, Wants, Wheels,
};
use mirror_core::{Job, Mode};
use mirror_fixtures::Upstream;
use mirror_fixtures::pypi::Index;
use tempfile::TempDir;

use crate::support;

/// What most tests mirror for.
pub(super) const LINUX: &str = "3.11.4 manylinux_2_34_x86_64";

/// An index that is served, and a root.
pub(super) struct Site {
    pub(super) folder: TempDir,
    pub(super) upstream: Upstream,
    pub(super) index: Index,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) report: Report,
    pub(super) answers: Vec<Answer>,
}

impl Site {
    pub(super) fn new(index: Index) -> Self {
        let upstream = Upstream::serve_files(index.files());
        Self { folder: tempfile::tempdir().unwrap(), upstream, index }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.root().join("pypi")
    }

    /// Changes the index, and serves what it is now.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Index)) {
        change(&mut self.index);
        self.upstream.set_files(self.index.files());
    }

    /// A set called `demo` of these requirements.
    pub(super) fn set(&self, requirements: &[&str]) -> Set {
        set("demo", &format!("{}/simple/", self.upstream.url()), requirements)
    }

    pub(super) async fn sync(&self, sets: Vec<Set>) -> Run {
        self.run(PypiSource::new(sets), Mode::Apply).await
    }

    /// The same to another root.
    pub(super) async fn sync_to(&self, root: &Path, sets: Vec<Set>) -> Run {
        self.run_to(root, PypiSource::new(sets), Mode::Apply).await
    }

    pub(super) async fn run(&self, source: PypiSource, mode: Mode) -> Run {
        self.run_to(&self.root(), source, mode).await
    }

    async fn run_to(&self, root: &Path, source: PypiSource, mode: Mode) -> Run {
        let source = Arc::new(source);
        let tree = "pypi".parse().unwrap();
        let job = Job { source: source.clone(), tree, group: "pypi".to_owned() };
        let mirror = mirror_core::Mirror::open(root, support::patient()).await.unwrap();
        let token = mirror_core::CancellationToken::new();
        let report = mirror.sync(&[job], mode, Arc::new(()), &token).await.unwrap();
        Run { report, answers: source.answers() }
    }

    /// The tree's packages.
    pub(super) fn packages(&self) -> BTreeSet<String> {
        packages(&self.tree())
    }

    /// A file of the tree, as text.
    pub(super) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.tree().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }
}

/// The packages of a tree.
pub(super) fn packages(tree: &Path) -> BTreeSet<String> {
    let files = contents(&tree.join("files"));
    files.into_keys().filter(|name| !name.ends_with(".metadata") && !name.contains('/')).collect()
}

/// Every file below a folder, by its path.
pub(super) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = support::listing(folder).into_keys().filter(|path| path.is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

impl Run {
    pub(super) fn tree(&self) -> &TreeReport {
        &self.report.trees[0]
    }

    /// Asserts that it was published.
    pub(super) fn good(self) -> Self {
        assert_eq!(self.tree().outcome, Outcome::Published, "{:#?}", self.words());
        self
    }

    /// Asserts that nothing was published, and returns what is said of it.
    pub(super) fn bad(&self) -> String {
        assert!(!self.report.is_complete(), "{self:#?}");
        let sets = self.tree().failed_sets.iter().map(|failed| &failed.failure);
        let failures = self.tree().failures.iter().chain(sets);
        let unsolved = self.answers.iter().flat_map(|answer| &answer.unsolved);
        let said = failures.map(|failure| &failure.reason).chain(unsolved);
        said.cloned().collect::<Vec<_>>().join("\n")
    }

    /// Asserts that these sets failed and no others, and returns why, in their order.
    pub(super) fn failed(&self, sets: &[(&str, bool)]) -> Vec<String> {
        let failed = &self.tree().failed_sets;
        let found: Vec<_> = failed.iter().map(|one| (&*one.set, one.is_published)).collect();
        assert_eq!(found, sets, "(set, is_published): {:#?}", self.words());
        let is_good = sets.is_empty() && self.tree().outcome.is_good();
        assert_eq!(self.report.is_complete(), is_good);
        failed.iter().map(|one| one.failure.reason.clone()).collect()
    }

    /// Whatever is said: why not, warnings, and notes.
    pub(super) fn words(&self) -> String {
        let mut words: Vec<String> = self.tree().warnings.clone();
        words.extend(self.tree().failures.iter().map(|failure| failure.reason.clone()));
        for answer in &self.answers {
            let said = answer.notes.iter().chain(&answer.passed_over).chain(&answer.unsolved);
            words.extend(said.cloned());
        }
        words.join("\n")
    }

    /// What was chosen for the target of that number, as `NAME VERSION`, but for what serves builds.
    pub(super) fn chosen(&self, target: usize) -> BTreeSet<String> {
        let chosen = self.answers[target].chosen.iter().filter(|one| !one.build);
        chosen.map(|one| format!("{} {}", one.name, one.version)).collect()
    }
}

/// A set of what an index has, for [`LINUX`].
pub(super) fn set(name: &str, index: &str, requirements: &[&str]) -> Set {
    Set {
        name: name.parse().unwrap(),
        wants: wants(requirements),
        targets: vec![target(LINUX)],
        indexes: Indexes { indexes: vec![index.parse().unwrap()], find_links: Vec::new() },
        selection: Selection::default(),
    }
}

/// What requirements ask for that are named one by one.
pub(super) fn wants(requirements: &[&str]) -> Wants {
    let mut reading = Reading::new(&|_| None);
    let here = Place::file(&Arc::new(Location::Path("command line".into())));
    for requirement in requirements {
        reading.add_requirement(requirement, &here).unwrap();
    }
    let mut wants = Wants::default();
    wants.add(reading.finish()).unwrap();
    wants
}

/// What a requirements file asks for.
pub(super) fn file(text: &str) -> Wants {
    let mut reading = Reading::new(&|_| None);
    reading.add(Location::Path("requirements.txt".into()), Role::Requirements);
    assert!(reading.wanted().is_some());
    reading.take(text.as_bytes()).unwrap();
    let mut wants = Wants::default();
    wants.add(reading.finish()).unwrap();
    wants
}

/// `PYTHON PLATFORM` as a target.
pub(super) fn target(text: &str) -> Target {
    let (python, platform) = text.split_once(' ').unwrap();
    Target::new(python.parse().unwrap(), platform.parse().unwrap())
}

pub(super) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Changes of a set, one after the other.
pub(super) trait With: Sized {
    fn wheels(self, wheels: Wheels) -> Self;
    fn sdists(self, sdists: Sdists) -> Self;
    fn targets(self, targets: &[&str]) -> Self;
    fn all_versions(self, requirements: &[&str]) -> Self;
    fn newest(self, newest: u32) -> Self;
    fn named(self, name: &str) -> Self;
}

impl With for Set {
    fn wheels(mut self, wheels: Wheels) -> Self {
        self.selection.wheels = wheels;
        self
    }

    fn sdists(mut self, sdists: Sdists) -> Self {
        self.selection.sdists = sdists;
        self
    }

    fn targets(mut self, targets: &[&str]) -> Self {
        self.targets = targets.iter().map(|text| target(text)).collect();
        self
    }

    fn all_versions(mut self, requirements: &[&str]) -> Self {
        let asked = wants(requirements).inputs.requirements.into_iter();
        self.wants.all_versions.extend(asked.map(|asked| asked.requirement));
        self
    }

    fn newest(mut self, newest: u32) -> Self {
        self.selection.newest = NonZeroU32::new(newest);
        self
    }

    fn named(mut self, name: &str) -> Self {
        self.name = name.parse().unwrap();
        self
    }
}
