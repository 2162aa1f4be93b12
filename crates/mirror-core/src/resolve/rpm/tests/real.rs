//! Against dnf, on a real repository.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::format::compression::decoder;
use crate::format::rpm::dependencies::find_paths;
use crate::limits;

/// The folder of a real repository, beside the workspace or where `MIRROR_REAL_DATA` says.
pub(super) fn real(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MIRROR_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real"),
        PathBuf::from,
    );
    let folder = root.join("rpm").join(name);
    folder.is_dir().then_some(folder)
}

/// A metadata file, decompressed.
pub(super) fn metadata(folder: &Path, kind: &str) -> impl std::io::Read + use<> {
    let mut all = std::fs::read_dir(folder.join("repodata")).unwrap().map(|e| e.unwrap().path());
    let path = all.find(|path| path.to_str().unwrap().contains(kind)).unwrap();
    decoder(BufReader::new(File::open(path).unwrap()), limits::METADATA_OPEN_SIZE).unwrap()
}

pub(super) fn pool(folder: &Path) -> Pool {
    let file = |kind: &str| metadata(folder, kind);
    let mut pool = Pool::new("x86_64");
    let repository = pool.add_repository("real");
    let mut number = 0;
    read_packages(BufReader::new(file("primary.xml")), |package, relations| {
        pool.add(repository, number, &package, relations).unwrap();
        number += 1;
        Ok::<_, FormatError>(())
    })
    .unwrap();
    pool.finish();
    let wanted: HashSet<String> = pool.unknown_paths().into_iter().collect();
    let ids: HashMap<String, PackageId> =
        pool.ids().map(|id| (pool.pkgid(id).to_owned(), id)).collect();
    find_paths(BufReader::new(file("filelists.xml")), &wanted, |id, path| {
        if let Some(id) = ids.get(&id.pkgid) {
            pool.add_path(*id, path);
        }
        Ok::<_, FormatError>(())
    })
    .unwrap();
    pool.finish();
    pool
}

/// What dnf answers to goals: the packages, or why not.
pub(super) fn judge(
    folders: &[&Path],
    goals: &[serde_json::Value],
) -> Option<Vec<Result<Vec<String>, String>>> {
    let works = tempfile::tempdir().unwrap();
    // dnf's modules are those of the system's Python.
    let mut python = Command::new("/usr/bin/python3");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/resolve/rpm/tests/judge.py");
    python.arg(script).arg(works.path());
    for folder in folders {
        python.arg(format!("file://{}", folder.canonicalize().unwrap().display()));
    }
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = goals.iter().map(ToString::to_string).collect();
    let lines = lines.join("\n");
    let feeding = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let written = feeding.join().unwrap();
    assert!(output.status.success() && written.is_ok(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let answers = text.lines().map(|line| {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap();
        match answer["packages"].as_array() {
            Some(list) => Ok(list.iter().map(|one| one.as_str().unwrap().to_owned()).collect()),
            None => Err(answer["error"].as_str().unwrap().to_owned()),
        }
    });
    Some(answers.collect())
}

fn solve(pool: &Pool, names: &[String], weak: Weak) -> Result<Vec<String>, String> {
    let mut roots = Vec::new();
    for name in names {
        roots.extend(pool.roots(name).map_err(|error| error.to_string())?);
    }
    let goal = Goal { roots, weak, installed: Vec::new() };
    let solution = goal.solve(pool, &|| false).map_err(|error| error.to_string())?;
    let set: BTreeSet<PackageId> = solution.packages.iter().map(|chosen| chosen.id).collect();
    assert_eq!(faults(pool, &set), [], "{names:?}");
    let mut list: Vec<String> = set.into_iter().map(|id| pool.nevra(id).to_string()).collect();
    list.sort();
    Ok(list)
}

fn compare(folder: &Path, goals: &[(Vec<String>, Weak)]) -> Vec<String> {
    let pool = pool(folder);
    let asked = goals.iter().map(
        |(install, weak)| serde_json::json!({ "install": install, "weak": *weak == Weak::Yes }),
    );
    let answers = judge(&[folder], &asked.collect::<Vec<_>>()).unwrap();
    assert_eq!(answers.len(), goals.len());
    let mut differences = Vec::new();
    for ((names, weak), theirs) in goals.iter().zip(answers) {
        let ours = solve(&pool, names, *weak);
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => {}
            (Err(_), Err(_)) => {}
            (Ok(ours), Ok(theirs)) => {
                let [ours, theirs] = [ours, theirs].map(|l| l.iter().collect::<BTreeSet<_>>());
                let more: Vec<_> = ours.difference(&theirs).collect();
                let less: Vec<_> = theirs.difference(&ours).collect();
                differences.push(format!("{names:?} {weak:?}: more {more:?}, less {less:?}"));
            }
            _ => differences.push(format!("{names:?} {weak:?}: {ours:?}, dnf {theirs:?}")),
        }
    }
    differences
}

/// The names of a repository, each alone and several together, with weak dependencies and without.
fn goals(pool: &Pool, every: usize) -> Vec<(Vec<String>, Weak)> {
    let names: BTreeSet<String> = pool.ids().map(|id| pool.name(id).to_owned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let mut goals = Vec::new();
    for weak in [Weak::No, Weak::Yes] {
        goals.extend(names.iter().step_by(every).map(|name| (vec![name.clone()], weak)));
        // Far apart in the alphabet, so that they have less to do with each other.
        for several in [3, 8, 20] {
            for start in (0..names.len() / several).step_by(every) {
                let step = names.len() / several;
                let chosen = names.iter().skip(start).step_by(step).take(several);
                goals.push((chosen.cloned().collect(), weak));
            }
        }
    }
    goals
}

/// Where dnf and the data are.
fn differences(every: usize) -> Vec<String> {
    let Some(folder) = real("centos9-baseos-md") else { return Vec::new() };
    if mirror_fixtures::tool("dnf").is_none() {
        return Vec::new();
    }
    compare(&folder, &goals(&pool(&folder), every))
}

#[test]
fn chooses_what_dnf_chooses() {
    assert_eq!(differences(90), [""; 0]);
}

#[test]
#[ignore = "a minute: 2,662 goals"]
fn chooses_what_dnf_chooses_for_every_package() {
    assert_eq!(differences(1), [""; 0]);
}
