//! Runs that are killed at any instant, and runs side by side.

use std::io::{BufRead as _, Write as _};
use std::process::{Child, ChildStdout, Stdio};

use mirror_core::store::LockWait;

use super::*;

/// The folder, for [`child`]; absent when the tests are run as usual.
const CHILD: &str = "MIRROR_TEST_INDEX";

/// Kills, spread over the time that a run takes.
const KILLS: u32 = 30;

/// Says when the run begins.
struct Announcer;

impl Reporter for Announcer {
    fn on_event(&self, event: &Event<'_>) {
        if matches!(event, Event::Verifying { .. }) {
            let mut out = std::io::stdout().lock();
            out.write_all(b"reading\n").and_then(|()| out.flush()).unwrap();
        }
    }
}

#[test]
#[ignore = "what the tests of this module run and kill"]
fn child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    index(&[folder.into()], &options(), &Announcer, &CancellationToken::new()).unwrap();
}

fn spawn(folder: &Folder) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["index::crash::child", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, folder.dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the run reads packages. What it prints from then on is for who waits for its end.
fn wait_for(child: &mut Child) -> BufReader<ChildStdout> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("reading\n") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended before");
    }
    out
}

/// The packages that are listed, by documents that are whole.
fn listed(folder: &Folder) -> usize {
    let counts = folder.documents().map(|document| {
        let count = document.matches("<package ").count();
        assert!(document.contains(&format!(" packages=\"{count}\">")));
        count
    });
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    counts[0]
}

#[test]
fn a_run_that_is_killed_leaves_old_metadata_or_new() {
    let folder = Folder::new(&rich());
    folder.index(&options()).unwrap();
    let begun = std::time::Instant::now();
    let mut child = spawn(&folder);
    let out = wait_for(&mut child);
    assert!(child.wait().unwrap().success());
    drop(out);
    let longest = begun.elapsed().min(Duration::from_millis(500));
    let mut before = rich().len();
    for number in 0..KILLS {
        folder.add("", &samples::plain_package(number as usize, "1"));
        let mut child = spawn(&folder);
        let _out = wait_for(&mut child);
        std::thread::sleep(longest * (number * 7 % KILLS) / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        let now = listed(&folder);
        let all = rich().len() + number as usize + 1;
        assert!(now == before || now == all, "{before}, {now} of {all}");
        before = now;
    }
    let indexed = folder.index(&options()).unwrap();
    assert_eq!(indexed.refused, []);
    assert_eq!(listed(&folder), rich().len() + KILLS as usize);
    assert!(!folder.path(".repodata").exists(), "what was left is cleared");
}

#[test]
fn two_runs_do_not_work_on_one_folder() {
    struct Second<'a>(&'a Folder, Mutex<Vec<Error>>);
    impl Reporter for Second<'_> {
        fn on_event(&self, event: &Event<'_>) {
            if matches!(event, Event::Verifying { .. }) {
                let error = self.0.index(&options()).unwrap_err();
                self.1.lock().unwrap().push(error);
                if tool("createrepo_c").is_some() {
                    let output = Command::new("createrepo_c").arg(self.0.dir.path()).output();
                    assert!(!output.unwrap().status.success());
                }
            }
        }
    }
    let folder = Folder::new(&rich());
    let second = Second(&folder, Mutex::default());
    let folders = [folder.dir.path().to_owned()];
    index(&folders, &options(), &second, &CancellationToken::new()).unwrap();
    let errors = second.1.into_inner().unwrap();
    assert!(matches!(errors[..], [Error::Locked { .. }]), "{errors:?}");

    // createrepo_c at work, or killed.
    fs::create_dir(folder.path(".repodata")).unwrap();
    let error = folder.index(&options()).unwrap_err();
    assert!(matches!(error, Error::ForeignStage { .. }), "{error}");
    assert!(folder.path(".repodata").is_dir());
    fs::remove_dir(folder.path(".repodata")).unwrap();
    let lock = LockWait::AtMost(Duration::from_millis(1));
    folder.index(&Options { lock, ..options() }).unwrap();
}
