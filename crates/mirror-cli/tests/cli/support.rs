//! Runs the binary in a folder of its own, with nothing of the environment that could matter.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use mirror_fixtures::pypi::Index;
use mirror_fixtures::{Repository, Upstream};
use tempfile::TempDir;

/// Longer than anything here takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A folder to work in, and an upstream.
pub(crate) struct Site {
    dir: TempDir,
    pub(crate) upstream: Upstream,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Site {
    /// With an upstream that serves `repository` at `/up`.
    pub(crate) fn of(repository: &Repository) -> Self {
        let dir = tempfile::tempdir().unwrap();
        repository.write(dir.path().join("served/up"));
        let upstream = Upstream::serve(dir.path().join("served"));
        fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir, upstream }
    }

    /// With an upstream that serves nothing.
    pub(crate) fn empty() -> Self {
        Self::of(&Repository::new())
    }

    /// With an upstream that serves this index of Python packages, at `/simple/`.
    pub(crate) fn of_index(index: &Index) -> Self {
        let site = Self::empty();
        site.upstream.set_files(index.files());
        site
    }

    /// `mirror pypi` of the upstream's index.
    pub(crate) fn pypi(&self, more: &str) -> Ran {
        self.run(&format!("pypi --root mirror --index-url {}/simple/ {more}", self.upstream.url()))
    }

    /// Upstream moves on.
    pub(crate) fn rewrite(&self, repository: &Repository) {
        repository.write(self.dir.path().join("served/up"));
    }

    /// A path in the folder that the binary runs in.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    /// A path of what upstream serves.
    pub(crate) fn served(&self, path: &str) -> PathBuf {
        self.dir.path().join("served/up").join(path)
    }

    /// The binary with these arguments, split at spaces.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirror"));
        command.args(arguments.split(' ').filter(|word| !word.is_empty()));
        command.current_dir(self.path("."));
        command.env_clear().env("COLUMNS", "100");
        // Nor what pip and uv are told on this host.
        command.env("PIP_CONFIG_FILE", "/dev/null").env("UV_NO_CONFIG", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.ran(self.command(arguments).output().unwrap())
    }

    /// `mirror sync` of the upstream to the tree `up`.
    pub(crate) fn sync(&self, more: &str) -> Ran {
        self.run(&self.sync_arguments(more))
    }

    pub(crate) fn sync_arguments(&self, more: &str) -> String {
        format!("sync --url {}/up/ --path up --root mirror {more}", self.upstream.url())
    }

    /// What came of it, with the names of this site replaced.
    pub(crate) fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| self.normal(&String::from_utf8(bytes).unwrap());
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Ports, folders and times differ from run to run.
    fn normal(&self, text: &str) -> String {
        let text = text
            .replace(&self.upstream.url(), "[URL]")
            .replace(&self.dir.path().display().to_string(), "[DIR]");
        let mut out = String::new();
        for line in text.split_inclusive('\n') {
            // `received 1.2 KiB in 3 requests, 0s`
            match line.strip_prefix("received ").and_then(|line| line.rsplit_once(", ")) {
                Some((amount, _)) => {
                    let (_, requests) = amount.split_once(" in ").unwrap();
                    out.extend(["received [SIZE] in ", requests, ", [TIME]\n"]);
                }
                None => out += line,
            }
        }
        out
    }
}

impl Ran {
    /// As a reader of a terminal sees it, exit code last.
    pub(crate) fn text(&self) -> String {
        let code = self.code.map_or("a signal".to_owned(), |code| code.to_string());
        format!("{}{}exit {code}\n", self.out, self.err)
    }
}

/// Compares with the snapshot of that name. `MIRROR_SNAPSHOTS=write` writes them anew.
pub(crate) fn assert_snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots").join(name);
    if std::env::var_os("MIRROR_SNAPSHOTS").as_deref() == Some(OsStr::new("write")) {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{} differs (MIRROR_SNAPSHOTS=write writes it anew)\n--- expected\n{expected}\n--- \
         found\n{found}",
        path.display()
    );
}

/// Waits until `is_so`.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(sent.unwrap().success());
}
