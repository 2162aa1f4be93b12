//! A site to mirror to, and what to look at in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mirror_core::digest::{Digest, Hasher, Sha256};
use mirror_core::fetch::Trust;
use mirror_core::format::compression::decoder;
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::primary::read_packages;
use mirror_core::format::rpm::repomd::Repomd;
use mirror_core::path::TreePath;
use mirror_core::report::{Event, Report, Reporter, TreeReport};
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_core::store::LockWait;
use mirror_core::{Error, Job, Mirror, Mode, Options};
use mirror_fixtures::upstream::Upstream;
use mirror_fixtures::{Repository, Written, WrittenKind};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Options with which a test does not wait for long.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.fetch.backoff = Duration::from_millis(5);
    options.fetch.longest_backoff = Duration::from_millis(50);
    options.fetch.attempts = 3;
    // Reading the host's certificates takes longer than most runs.
    options.fetch.trust = Trust::Only(Vec::new());
    options
}

/// The same, and it waits for the root: a process that another test starts holds the lock too, until
/// it is the program that it is to be.
pub(crate) fn patient() -> Options {
    Options { lock: PATIENCE, ..options() }
}

/// Longer than a process takes to start.
pub(crate) const PATIENCE: LockWait = LockWait::AtMost(Duration::from_secs(5));

/// A repository at `base`, mirrored to `tree`.
pub(crate) fn job(base: &str, tree: &str) -> Job {
    Job::new(source(base), TreePath::new(tree).unwrap())
}

pub(crate) fn source(base: &str) -> RpmSource {
    RpmSource::new(Location::Bases(vec![base.parse().unwrap()]))
}

/// One upstream repository and a root to mirror it to.
pub(crate) struct Site {
    folder: TempDir,
    pub(crate) upstream: Upstream,
    pub(crate) written: Written,
}

impl Site {
    pub(crate) fn new(repository: &Repository) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let written = repository.write(folder.path().join("upstream"));
        let upstream = Upstream::serve(&written.dir);
        Self { folder, upstream, written }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.root().join("demo")
    }

    /// Upstream's next version.
    pub(crate) fn write(&mut self, repository: &Repository) {
        self.written = repository.write(&self.written.dir);
        self.upstream.set_root(&self.written.dir);
    }

    pub(crate) fn job(&self) -> Job {
        job(&self.upstream.url(), "demo")
    }

    pub(crate) async fn sync(&self) -> Report {
        sync(&self.root(), &[self.job()]).await.unwrap()
    }

    pub(crate) async fn sync_tree(&self) -> TreeReport {
        self.sync().await.trees.remove(0)
    }

    /// Asserts that the tree holds upstream's files, byte for byte.
    pub(crate) fn assert_equal_to_upstream(&self) {
        for file in self.written.files.iter().filter(|file| file.kind != WrittenKind::Other) {
            assert_eq!(self.sha256(&file.path), Some(file.sha256.clone()), "{}", file.path);
        }
    }

    pub(crate) fn sha256(&self, path: &str) -> Option<String> {
        fs::read(self.tree().join(path)).ok().map(|content| Sha256::of(&content).hex())
    }
}

pub(crate) async fn sync(root: &Path, jobs: &[Job]) -> Result<Report, Error> {
    let mut options = options();
    // A run that was dropped before may not have noticed yet.
    options.lock = LockWait::AtMost(Duration::from_secs(5));
    let mirror = Mirror::open(root, options).await?;
    mirror.sync(jobs, Mode::Apply, Arc::new(()), &CancellationToken::new()).await
}

/// Everything below `root`, if that is a folder, with what a write would change: inode, size, ctime.
pub(crate) fn listing(root: &Path) -> BTreeMap<PathBuf, (u64, u64, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let seen = fs::symlink_metadata(&path).unwrap();
            if seen.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (seen.ino(), seen.size(), seen.ctime(), seen.ctime_nsec()));
        }
    }
    found
}

/// Keeps a line for each event of the kinds that `keep` names.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Reporter for Recorder {
    fn on_event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(serde_json::to_string(event).unwrap());
    }
}

/// Reads a repository as a client does and returns how many files it has.
pub(crate) fn read_repository(folder: &Path) -> Result<u64, String> {
    let at = |path: &str| folder.join(path);
    let fault = |path: &str, error: &dyn std::fmt::Display| format!("{path}: {error}");
    let repomd = fs::read(at("repodata/repomd.xml")).map_err(|e| fault("repomd.xml", &e))?;
    let repomd = Repomd::read(&*repomd).map_err(|e| fault("repomd.xml", &e))?;
    let check = |path: &str, wanted: Digest| {
        let content = fs::read(at(path)).map_err(|e| fault(path, &e))?;
        let mut hasher = Hasher::new(Some(wanted.algorithm()));
        hasher.update(&content);
        if hasher.finish().1 == wanted { Ok(content) } else { Err(fault(path, &"torn")) }
    };
    let mut files = 0;
    for record in &repomd.records {
        let content = check(&record.href, record.checksum.unwrap())?;
        files += 1;
        if record.kind == "primary" {
            let mut packages = Vec::new();
            let opened = decoder(BufReader::new(&*content), 1 << 30).unwrap();
            read_packages(BufReader::new(opened), |package| {
                packages.push((package.href.to_owned(), package.checksum));
                Ok::<_, FormatError>(())
            })
            .map_err(|e| fault(&record.href, &e))?;
            for (path, checksum) in packages {
                check(&path, checksum)?;
                files += 1;
            }
        }
    }
    Ok(files)
}
