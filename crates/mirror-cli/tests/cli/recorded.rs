//! A recorded index of real projects, with uv's answers as the judge of ours: the same versions, whatever
//! of its metadata the index offers and however it answers.
//!
//! `MIRROR_REAL_DATA` names the folder that has the record as `pypi`, and beside it the server of it as
//! `tools/recorded_index.py`; where it is not set, `shared/real` beside the project is looked at. Where
//! they are absent the tests pass, and say that they were skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mirror_fixtures::tool;

use crate::support::{Site, wait_until};

/// Name and version of each package, as `NAME==VERSION`.
type Versions = BTreeSet<String>;

/// The record and its server.
fn recorded() -> Option<(PathBuf, PathBuf)> {
    let folder = std::env::var_os("MIRROR_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real"),
        PathBuf::from,
    );
    let (record, server) = (folder.join("pypi"), folder.join("../tools/recorded_index.py"));
    if record.is_dir() && server.is_file() {
        return Some((record, server));
    }
    println!("skipped: no recorded index at {}", record.display());
    None
}

/// The recorded index, served until it is dropped.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn new(python: &Path, (record, server): &(PathBuf, PathBuf), options: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python);
        command.arg(server).arg(port.to_string()).arg(record).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let mut serving = Self { child, url: format!("http://127.0.0.1:{port}/simple/") };
        wait_until("the recorded index is served", || {
            let ended = serving.child.try_wait().unwrap();
            assert!(ended.is_none(), "the recorded index's server ended: {ended:?}");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// uv's answers for a list, by target as we name it.
fn theirs(record: &Path, list: &str) -> BTreeMap<String, Versions> {
    let mut answers = BTreeMap::new();
    for entry in fs::read_dir(record.join("answers")).unwrap() {
        let path = entry.unwrap().path();
        // LIST--PYTHON-ARCHITECTURE-LIBC.txt
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let Some(target) = stem.strip_prefix(list).and_then(|rest| rest.strip_prefix("--")) else {
            continue;
        };
        let [python, arch, libc] = target.split('-').collect::<Vec<_>>().try_into().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let versions: Versions = lines.map(str::to_owned).collect();
        assert!(!versions.is_empty(), "{stem}");
        answers.insert(format!("Python {python} on {libc}_{arch}"), versions);
    }
    assert!(!answers.is_empty(), "no answers for {list}");
    answers
}

/// Our answers for a list and these targets, but for what serves builds.
fn ours(url: &str, record: &Path, list: &str, targets: &[&String]) -> BTreeMap<String, Versions> {
    let words = |at: usize| -> Vec<&str> {
        let words: BTreeSet<&str> =
            targets.iter().map(|target| target.split(' ').nth(at).unwrap()).collect();
        words.into_iter().collect()
    };
    let site = Site::empty();
    // In one folder lists are told apart by their names, and not by where they lie.
    let file = format!("{list}.txt");
    fs::copy(record.join("lists").join(&file), site.path(&file)).unwrap();
    let ran = site.run(&format!(
        "pypi -r {file} --index-url {url} --root mirror --dry-run --json --python {} --platform {}",
        words(1).join(" "),
        words(3).join(" ")
    ));
    assert_eq!(ran.code, Some(0), "{list} from {url}: {}", ran.err);
    let lines = ran.out.lines().map(|line| serde_json::from_str(line).unwrap());
    let answers = lines.filter(|line: &serde_json::Value| line["event"] == "answer");
    let answers = answers.map(|answer| {
        let chosen = answer["chosen"].as_array().unwrap().iter();
        let chosen = chosen.filter(|one| one["build"] == false);
        let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap().to_owned();
        let versions = chosen.map(|one| text(one, "name") + "==" + &text(one, "version"));
        (text(&answer, "target"), versions.collect())
    });
    answers.collect()
}

/// Both answers for these lists, of an index served with these options.
fn assert_same(options: &[&str], lists: &[&str]) {
    let (Some(recorded), Some(python), Some(_)) = (recorded(), tool("python3"), tool("zstd"))
    else {
        return;
    };
    let serving = Serving::new(&python, &recorded, options);
    for list in lists {
        let theirs = theirs(&recorded.0, list);
        let ours = ours(&serving.url, &recorded.0, list, &theirs.keys().collect::<Vec<_>>());
        for (target, theirs) in &theirs {
            let ours = ours.get(target).unwrap_or_else(|| panic!("{list}: nothing for {target}"));
            let differ: Vec<_> = ours.symmetric_difference(theirs).collect();
            assert!(differ.is_empty(), "{list}, {target}, {options:?}: {differ:?}");
        }
    }
}

#[test]
fn answers_are_those_of_uv_with_metadata_beside_the_files() {
    assert_same(&["--metadata"], &["fifteen", "kubespray"]);
}

#[test]
fn answers_are_those_of_uv_from_ranges_of_wheels() {
    assert_same(&[], &["kubespray"]);
}

#[test]
fn answers_are_those_of_uv_from_pages_in_html_of_a_server_that_ignores_ranges() {
    assert_same(&["--html", "--no-range"], &["fifteen", "kubespray"]);
}

/// Every list, of every kind of index: minutes.
#[test]
#[ignore = "minutes: the whole matrix, of every list and every kind of index"]
fn answers_are_those_of_uv_whatever_an_index_offers() {
    for pages in [&[][..], &["--html"]] {
        for files in [&[][..], &["--metadata"], &["--no-range"]] {
            assert_same(&[pages, files].concat(), &["fifteen", "kubespray", "backtrack"]);
        }
    }
}
