//! What is chosen, and what is said where nothing can be.

mod choices;
mod conflicts;
mod real;

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use url::Url;

use super::*;
use crate::digest::Digest;
use crate::format::pypi::Requirement;

/// An index in memory, in which a release is a line.
#[derive(Default)]
struct Memory {
    projects: HashMap<PackageName, Arc<Project>>,
    metadata: HashMap<String, Described>,
    read: Mutex<Vec<String>>,
    expected: Mutex<BTreeSet<String>>,
}

impl Memory {
    /// `FILE [python SPECIFIERS] [yanked] : REQUIREMENT, …`, a file a line; `: !` where the metadata
    /// is faulty; `runs SPECIFIERS` where the metadata alone names the Pythons. A requirement's
    /// commas are written as `&`.
    fn new(text: &str) -> Self {
        let mut index = Self::default();
        let mut projects: BTreeMap<PackageName, Vec<Listed<'_>>> = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (file, needs) = line.split_once(':').unwrap_or((line, ""));
            let mut words = file.split_whitespace();
            let mut listed = Listed { filename: words.next().unwrap(), ..Listed::default() };
            let mut metadata = Metadata::default();
            while let Some(word) = words.next() {
                match word {
                    "yanked" => listed.yanked = Some("broken"),
                    "python" => listed.requires_python = words.next(),
                    "runs" => metadata.requires_python = words.next().unwrap().parse().ok(),
                    "digest" => listed.digests = vec![digest(words.next().unwrap())],
                    "extra" => metadata.provides_extra.push(words.next().unwrap().parse().unwrap()),
                    _ => panic!("{word}"),
                }
            }
            let needs = needs.split(',').map(str::trim).filter(|need| !need.is_empty());
            let needs = needs.map(|need| need.replace('&', ","));
            let needs: Result<Vec<Requirement>, _> = needs.map(|need| need.parse()).collect();
            let described = match needs {
                Ok(needs) => Described::As(Arc::new(Metadata { requires_dist: needs, ..metadata })),
                Err(_) => Described::Unusable("Requires-Dist is malformed".to_owned()),
            };
            index.metadata.insert(listed.filename.to_owned(), described);
            let name = listed.filename.split('-').next().unwrap().parse().unwrap();
            projects.entry(name).or_default().push(listed);
        }
        for (name, listed) in projects {
            index.projects.insert(name.clone(), Arc::new(Project::new(name, listed)));
        }
        index
    }
}

/// A SHA-256 that repeats a byte.
fn digest(byte: &str) -> Digest {
    Digest::parse("sha256", &byte.repeat(32)).unwrap()
}

impl Index for Memory {
    type Error = Infallible;

    fn project(&self, name: &PackageName) -> Result<Option<Arc<Project>>, Infallible> {
        self.read.lock().unwrap().push(name.to_string());
        Ok(self.projects.get(name).cloned())
    }

    fn direct(&self, name: &PackageName, url: &Url) -> Result<Arc<Project>, Infallible> {
        let filename = url.path_segments().unwrap().next_back().unwrap();
        Ok(Arc::new(Project::new(name.clone(), [Listed { filename, ..Listed::default() }])))
    }

    fn metadata(&self, _: &Project, file: &ProjectFile) -> Result<Described, Infallible> {
        self.read.lock().unwrap().push(file.filename.to_string());
        Ok(self.metadata[&*file.filename].clone())
    }

    fn expect(&self, wanted: &[Wanted<'_>]) {
        self.expected.lock().unwrap().extend(wanted.iter().map(|wanted| match wanted {
            Wanted::Project(name) => name.to_string(),
            Wanted::Metadata(_, file) => file.filename.to_string(),
        }));
    }
}

/// The same until somebody loses patience.
struct Impatient {
    index: Memory,
    steps: AtomicUsize,
}

impl Index for Impatient {
    type Error = std::fmt::Error;

    fn project(&self, name: &PackageName) -> Result<Option<Arc<Project>>, Self::Error> {
        self.index.project(name).map_err(|never| match never {})
    }

    fn direct(&self, name: &PackageName, url: &Url) -> Result<Arc<Project>, Self::Error> {
        self.index.direct(name, url).map_err(|never| match never {})
    }

    fn metadata(&self, project: &Project, file: &ProjectFile) -> Result<Described, Self::Error> {
        self.index.metadata(project, file).map_err(|never| match never {})
    }

    fn go_on(&self) -> Result<(), Self::Error> {
        let steps = self.steps.fetch_sub(1, Ordering::Relaxed);
        if steps > 0 { Ok(()) } else { Err(std::fmt::Error) }
    }
}

#[test]
fn who_waits_for_nothing_stops_it() {
    let text = "a-1-py3-none-any.whl: b\nb-1-py3-none-any.whl: c\nc-1-py3-none-any.whl";
    for (steps, is_stopped) in [(0, true), (2, true), (20, false)] {
        let index = Impatient { index: Memory::new(text), steps: steps.into() };
        let resolved = resolve(&inputs(&["a"]), &environment(), &index);
        assert_eq!(matches!(resolved, Err(ResolveError::Index(_))), is_stopped, "{resolved:?}");
    }
}

fn asked(requirements: &[&str]) -> Vec<Asked> {
    let asked = (1..).zip(requirements).map(|(line, text)| Asked {
        requirement: text.parse().unwrap(),
        text: (*text).to_owned(),
        origin: format!("list.txt line {line}"),
    });
    asked.collect()
}

fn inputs(requirements: &[&str]) -> Inputs {
    Inputs { requirements: asked(requirements), ..Inputs::default() }
}

fn environment() -> Environment {
    let target = Target::new("3.11.4".parse().unwrap(), "linux_x86_64".parse().unwrap());
    target.environments().remove(0)
}

/// `NAME FILE`s that are chosen, in order.
fn chosen(index: &Memory, inputs: &Inputs) -> Vec<String> {
    let resolution = resolve(inputs, &environment(), index).unwrap();
    resolution.picks.iter().map(|pick| pick.file().filename.to_string()).collect()
}

fn explanation(index: &Memory, inputs: &Inputs) -> Explanation {
    match resolve(inputs, &environment(), index) {
        Err(ResolveError::Unsolvable(explanation)) => explanation,
        other => panic!("{other:?}"),
    }
}
