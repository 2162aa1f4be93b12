//! The recorded index, against what uv makes of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use url::Url;

use crate::format::pypi::{PackageName, Requirement, Version, VersionSpecifiers};
use crate::resolve::pypi::{
    Asked, Described, Environment, Index, Inputs, Listed, Metadata, Project, ProjectFile, Projects,
    ResolveError, Target, Wanted, resolve,
};

/// The folder of the recorded index, beside the workspace or where `MIRROR_REAL_DATA` says.
#[allow(clippy::print_stderr)]
fn real() -> Option<PathBuf> {
    let folder = std::env::var_os("MIRROR_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real"),
        PathBuf::from,
    );
    let found = folder.join("pypi");
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("skipped: no real data at {}", found.display());
    None
}

fn lines(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    zstd::stream::read::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An index in memory that counts what it is asked for.
struct Recorded {
    projects: HashMap<PackageName, Arc<Project>>,
    metadata: HashMap<(PackageName, Version), Described>,
    /// What was asked for or announced: what a client would have fetched.
    fetched: Mutex<BTreeSet<String>>,
}

impl Recorded {
    fn load(folder: &Path) -> Self {
        let mut projects = HashMap::new();
        for project in lines(&folder.join("index.jsonl.zst")) {
            let name = PackageName::from_str(project["name"].as_str().unwrap()).unwrap();
            let files = project["files"].as_array().unwrap();
            let listed = files.iter().map(|file| Listed {
                filename: file[0].as_str().unwrap(),
                requires_python: file[3].as_str(),
                yanked: file[4].as_bool().unwrap().then_some(""),
                digests: Vec::new(),
            });
            projects.insert(name.clone(), Arc::new(Project::new(name, listed)));
        }
        let mut metadata = HashMap::new();
        for line in lines(&folder.join("metadata.jsonl.zst")) {
            let name = PackageName::from_str(line["name"].as_str().unwrap()).unwrap();
            let version = Version::from_str(line["version"].as_str().unwrap()).unwrap();
            let texts = |key: &str| {
                let list = line[key].as_array().unwrap();
                list.iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            let requires: Result<Vec<_>, _> =
                texts("requires_dist").iter().map(|text| Requirement::from_str(text)).collect();
            let described = match requires {
                Ok(requires_dist) => Described::As(Arc::new(Metadata {
                    requires_python: line["requires_python"]
                        .as_str()
                        .map(|text| VersionSpecifiers::from_str(text).unwrap()),
                    requires_dist,
                    provides_extra: texts("provides_extra")
                        .into_iter()
                        .map(|text| text.parse().unwrap())
                        .collect(),
                })),
                Err(error) => Described::Unusable(error.to_string()),
            };
            metadata.insert((name, version), described);
        }
        Self { projects, metadata, fetched: Mutex::default() }
    }

    fn fetched(&self) -> usize {
        let mut fetched = self.fetched.lock().unwrap();
        std::mem::take(&mut *fetched).len()
    }
}

impl Index for Recorded {
    type Error = std::convert::Infallible;

    fn project(&self, name: &PackageName) -> Result<Option<Arc<Project>>, Self::Error> {
        self.fetched.lock().unwrap().insert(name.to_string());
        Ok(self.projects.get(name).cloned())
    }

    fn direct(&self, name: &PackageName, _: &Url) -> Result<Arc<Project>, Self::Error> {
        Ok(self.projects[name].clone())
    }

    fn metadata(&self, project: &Project, file: &ProjectFile) -> Result<Described, Self::Error> {
        self.fetched.lock().unwrap().insert(file.filename.to_string());
        let release = project
            .releases
            .iter()
            .find(|release| release.files.iter().any(|other| other.position == file.position));
        let key = (project.name.clone(), release.unwrap().version.clone());
        let described = self.metadata.get(&key).cloned();
        Ok(described.unwrap_or_else(|| Described::Unusable("was not recorded".to_owned())))
    }

    fn expect(&self, wanted: &[Wanted<'_>]) {
        let mut fetched = self.fetched.lock().unwrap();
        for wanted in wanted {
            match wanted {
                Wanted::Project(name) => fetched.insert(name.to_string()),
                Wanted::Metadata(_, file) => fetched.insert(file.filename.to_string()),
            };
        }
    }
}

fn inputs(folder: &Path, list: &str) -> Inputs {
    let file = format!("{list}.txt");
    let text = fs::read_to_string(folder.join("lists").join(&file)).unwrap();
    let asked = (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#'));
    let asked = asked.map(|(number, line)| Asked {
        requirement: line.parse().unwrap(),
        text: line.to_owned(),
        origin: format!("{file} line {number}"),
    });
    let mut inputs = Inputs { requirements: asked.collect(), ..Inputs::default() };
    inputs.policy.only_binary = Projects { all: true, ..Projects::default() };
    inputs
}

/// The environment of `PYTHON-ARCH-LIBC`.
fn environment(name: &str) -> Environment {
    let (python, platform) = name.split_once('-').unwrap();
    let (arch, libc) = platform.split_once('-').unwrap();
    let platform = format!("{libc}_{arch}").parse().unwrap();
    let target = Target::new(python.parse().unwrap(), platform);
    target.environments().remove(0)
}

/// How many requests uv 0.13.9 makes for a list, of pages and of metadata, nothing being known.
fn requests(list: &str) -> usize {
    match list {
        "backtrack" => 3219,
        "fifteen" => 371,
        "kubespray" => 28,
        _ => panic!("{list} was not counted"),
    }
}

#[test]
fn chooses_what_uv_chooses() {
    let Some(folder) = real() else { return };
    let index = Recorded::load(&folder);
    let mut answers: Vec<_> =
        fs::read_dir(folder.join("answers")).unwrap().map(|entry| entry.unwrap().path()).collect();
    answers.sort();
    assert!(answers.len() >= 7);
    for path in answers {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let (list, target) = stem.split_once("--").unwrap();
        let (inputs, environment) = (inputs(&folder, list), environment(target));
        let resolution = resolve(&inputs, &environment, &index).unwrap();
        let fetched = index.fetched();
        assert!(fetched * 100 <= requests(list) * 105, "{stem}: {fetched}");
        let ours: BTreeMap<_, _> = resolution
            .picks
            .iter()
            .map(|pick| (pick.name().to_string(), pick.version().to_string()))
            .collect();
        let text = fs::read_to_string(&path).unwrap();
        let theirs: BTreeMap<_, _> = text
            .lines()
            .map(|line| line.split_once("==").unwrap())
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .collect();
        assert_eq!(ours, theirs, "{stem}");
    }
}

#[test]
fn explains_what_has_no_solution() {
    let Some(folder) = real() else { return };
    let index = Recorded::load(&folder);
    let environment = environment("3.12.0-x86_64-manylinux_2_28");
    let lines = |list: &str, sdists: bool| {
        let mut inputs = inputs(&folder, list);
        inputs.policy.only_binary.all = !sdists;
        let Err(ResolveError::Unsolvable(explanation)) = resolve(&inputs, &environment, &index)
        else {
            panic!("{list} has a solution")
        };
        explanation.lines
    };
    assert_eq!(
        lines("unsolvable-boto", false),
        [
            "you require boto3>=1.34 (unsolvable-boto.txt line 1)",
            "you require botocore<1.30 (unsolvable-boto.txt line 2)",
            "boto3 1.34.0 to 1.44.5 (709 versions) require botocore 1.34.0 to 1.44.5 (709 versions)",
        ]
    );
    assert_eq!(
        lines("unsolvable-jinja", true),
        [
            "you require jinja2==3.1.6 (unsolvable-jinja.txt line 1)",
            "you require markupsafe<2 (unsolvable-jinja.txt line 2)",
            "jinja2 3.1.6 requires markupsafe>=2.0",
        ]
    );
    // Without source distributions it need not even come to that.
    assert_eq!(
        lines("unsolvable-jinja", false),
        [
            "you require markupsafe<2 (unsolvable-jinja.txt line 2)",
            "markupsafe 0.9 to 1.1.1 (20 versions): no wheel for this target, and source distributions are left out",
        ]
    );
}
