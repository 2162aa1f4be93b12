//! Whether trees of RPM packages hold all that their packages need.

mod overlaps;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Serialize;

pub use self::overlaps::Overlap;
use super::contents;
use super::pool::{Document, Opened, Repository};
use crate::error::{Error, Result};
use crate::format::compression::decoder;
use crate::format::rpm::repomd::{Record, Repomd};
use crate::format::rpm::{FormatError, excerpt, shown};
use crate::limits;
use crate::path::RepoPath;
use crate::resolve::rpm::{
    Answered, Goal, PackageId, Pool, Root, SolveError, Weak, prove, prove_each,
};

/// What a check of trees that are used together found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The trees.
    pub trees: Vec<String>,
    /// The architectures of hosts that the packages were proved for.
    pub arches: Vec<String>,
    /// How many packages there are that a host can install.
    pub packages: usize,
    /// Files that are missing, or that are there and not listed, and metadata that is not what it
    /// should be.
    pub faults: Vec<Fault>,
    /// Builds that are there more than once, with different content.
    pub duplicates: Vec<Duplicate>,
    /// What cannot be installed from the trees alone.
    pub unproved: Vec<Unproved>,
    /// Packages that can each be installed, and not both at once, for they bring the same file and say
    /// nothing of it. That is upstream's fault, and none of the trees.
    pub overlaps: Vec<Overlap>,
}

/// Something about a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Its path below the root: the tree's, and its own.
    pub path: String,
    /// What was expected, and found.
    pub reason: String,
}

/// A build with more than one content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Duplicate {
    /// Which build.
    pub package: String,
    /// The trees that have it, one for each content.
    pub trees: Vec<String>,
}

/// A package, or something that was asked for, that cannot be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unproved {
    /// Which one.
    pub package: String,
    /// For hosts of which architecture.
    pub arch: String,
    /// Why, a statement a line.
    pub why: Vec<String>,
}

impl Checked {
    /// Whether all is as it should be.
    pub fn is_good(&self) -> bool {
        self.faults.is_empty() && self.duplicates.is_empty() && self.unproved.is_empty()
    }
}

/// Architectures of hosts; packages for the 32-bit ones of `x86_64` are proved with it.
const HOSTS: [&str; 8] =
    ["x86_64", "x86_64_v2", "aarch64", "ppc64le", "s390x", "riscv64", "armhfp", "i686"];

/// A tree, and what it says of itself.
struct Tree<'a> {
    name: &'a str,
    folder: &'a Path,
    repomd: Repomd,
}

/// Whether a folder holds a repository.
pub fn is_repository(folder: &Path) -> bool {
    folder.join(contents::REPOMD).is_file()
}

/// Holds trees, each with its name and folder, against their own metadata: each package that is listed
/// is there with its size, no other is there, and each can be installed from these trees together and
/// nothing else. With `asked`, which are names as `dnf install` takes them, those are proved instead of
/// every package. What is there of an earlier state that is still served `is_kept` knows, by tree and
/// path below it. Contents are not hashed: that is what `verify` does. `stop` is asked from time to
/// time whether to end. Blocks.
pub fn check(
    trees: &[(&str, &Path)],
    asked: &[String],
    is_kept: &dyn Fn(&str, &str) -> bool,
    stop: &dyn Fn() -> bool,
) -> Result<Checked> {
    let mut opened = Vec::new();
    for (name, folder) in trees {
        let path = folder.join(contents::REPOMD);
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        opened.push(Tree { name, folder, repomd: contents::entry_point(file)? });
    }
    let mut checked = Checked {
        trees: trees.iter().map(|(name, _)| (*name).to_owned()).collect(),
        arches: Vec::new(),
        packages: 0,
        faults: Vec::new(),
        duplicates: Vec::new(),
        unproved: Vec::new(),
        overlaps: Vec::new(),
    };
    let mut listed = Listed::default();
    for tree in &opened {
        if stop() {
            return Err(Error::Cancelled);
        }
        tree.hold(&mut checked.faults, &mut listed, is_kept)?;
    }
    let is_source = |nevra: &str| {
        nevra.rsplit_once('.').is_some_and(|(_, arch)| matches!(arch, "src" | "nosrc"))
    };
    checked.packages = listed.packages.keys().filter(|nevra| !is_source(nevra)).count();
    checked.duplicates = listed.duplicates();
    let arches = listed.hosts();
    // By package and architecture: the same build may be in several trees.
    let mut unproved: BTreeMap<String, BTreeMap<String, Unproved>> = BTreeMap::new();
    let mut overlaps = BTreeSet::new();
    for arch in &arches {
        let found = prove_for(&opened, arch, asked, stop)?;
        overlaps.extend(found.overlaps);
        for found in found.unproved {
            let on = unproved.entry(found.package.clone()).or_default();
            on.entry(found.arch.clone()).or_insert(found);
        }
    }
    // What is for every architecture needs one that it can be installed on.
    let is_final = |on: &BTreeMap<String, Unproved>, name: &str| {
        on.len() == arches.len() || !asked.is_empty() || !name.ends_with(".noarch")
    };
    let found = unproved.into_iter().filter(|(name, on)| is_final(on, name));
    checked.unproved = found.filter_map(|(_, on)| on.into_values().next()).collect();
    checked.overlaps = overlaps.into_iter().collect();
    checked.arches = arches;
    checked.faults.sort();
    Ok(checked)
}

/// The packages of all trees.
#[derive(Default)]
struct Listed {
    /// Each build's contents, and the tree of the first of each.
    packages: BTreeMap<String, BTreeMap<String, String>>,
    arches: BTreeMap<String, usize>,
}

impl Listed {
    fn duplicates(&self) -> Vec<Duplicate> {
        let several = self.packages.iter().filter(|(_, contents)| contents.len() > 1);
        let found = several.map(|(package, contents)| {
            let mut trees: Vec<String> = contents.values().cloned().collect();
            trees.sort();
            Duplicate { package: package.clone(), trees }
        });
        found.collect()
    }

    /// The hosts that the packages are for.
    fn hosts(&self) -> Vec<String> {
        let has = |arch: &&&str| self.arches.contains_key(**arch);
        let mut hosts: Vec<&str> = HOSTS.iter().filter(has).copied().collect();
        if hosts.len() > 1 {
            hosts.retain(|host| *host != "i686");
        }
        if hosts.is_empty() {
            let others = self.arches.keys().map(String::as_str);
            hosts.extend(others.filter(|arch| !["noarch", "src", "nosrc"].contains(arch)));
        }
        if hosts.is_empty() {
            hosts.push("x86_64");
        }
        hosts.into_iter().map(str::to_owned).collect()
    }
}

impl Tree<'_> {
    fn at(&self, path: &str) -> String {
        format!("{}/{}", self.name, excerpt(path))
    }

    fn record(&self, kind: &str) -> Option<&Record> {
        self.repomd.record(kind)
    }

    fn open(&self, record: &Record) -> Result<Opened> {
        let at = self.at(&record.href);
        let path = RepoPath::new(&record.href)
            .map_err(|source| Error::Path { file: at.clone(), source })?
            .under(self.folder);
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let file = BufReader::with_capacity(256 << 10, file);
        decoder(file, limits::METADATA_OPEN_SIZE)
            .map_err(|error| Error::metadata(&at, FormatError::from(error)))
    }

    fn document(&self, kind: &str) -> Option<Document<'_>> {
        let record = self.record(kind)?;
        Some(Document { at: self.at(&record.href), open: Box::new(|| self.open(record)) })
    }

    /// Compares what is listed with what is there.
    fn hold(
        &self,
        faults: &mut Vec<Fault>,
        listed: &mut Listed,
        is_kept: &dyn Fn(&str, &str) -> bool,
    ) -> Result<()> {
        let mut known: HashSet<String> = HashSet::new();
        for record in &self.repomd.records {
            self.look(&record.href, record.size, faults);
        }
        let Some(primary) = self.record("primary") else {
            let reason = "lists no primary metadata".to_owned();
            faults.push(Fault { path: self.at(contents::REPOMD), reason });
            return Ok(());
        };
        let at = self.at(&primary.href);
        crate::format::rpm::primary::read_packages(self.open(primary)?, |package| {
            if package.base.is_some() {
                let reason = "lies at another place (xml:base)".to_owned();
                faults.push(Fault { path: self.at(package.href), reason });
            } else {
                let href = package.href.strip_prefix("./").unwrap_or(package.href);
                self.look(href, package.size, faults);
                known.insert(href.to_owned());
            }
            let evr = crate::format::rpm::nevra::Evr::new(
                package.epoch,
                package.version,
                package.release,
            );
            let nevra = shown(&format!("{}-{evr}.{}", package.name, package.arch));
            *listed.arches.entry(package.arch.to_owned()).or_default() += 1;
            let contents = listed.packages.entry(nevra).or_default();
            contents.entry(package.checksum.hex()).or_insert_with(|| self.name.to_owned());
            Ok::<_, FormatError>(())
        })
        .map_err(|error| Error::metadata(&at, error))?;
        self.strangers(&|path| known.contains(path) || is_kept(self.name, path), faults);
        Ok(())
    }

    /// A listed file.
    fn look(&self, href: &str, size: Option<u64>, faults: &mut Vec<Fault>) {
        let reason = match RepoPath::new(href) {
            Err(error) => error.to_string(),
            Ok(path) => match std::fs::symlink_metadata(path.under(self.folder)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    "listed, and not there".to_owned()
                }
                Err(error) => error.to_string(),
                Ok(found) if !found.is_file() => "expected a file, found something else".to_owned(),
                Ok(found) => match size.filter(|size| *size != found.len()) {
                    Some(size) => format!("expected {size} bytes, found {}", found.len()),
                    None => return,
                },
            },
        };
        faults.push(Fault { path: self.at(href), reason });
    }

    /// Packages that are there, and that no client is told of.
    fn strangers(&self, is_known: &dyn Fn(&str) -> bool, faults: &mut Vec<Fault>) {
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            // What cannot be listed holds nothing that is missed here.
            for entry in
                std::fs::read_dir(self.folder.join(&folder)).into_iter().flatten().flatten()
            {
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
                    continue;
                };
                let path =
                    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                let kind = entry.file_type();
                if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                    folders.push(path);
                } else if Path::new(name).extension().is_some_and(|end| end == "rpm")
                    && !is_known(&path)
                {
                    let reason = "there, and not listed".to_owned();
                    faults.push(Fault { path: self.at(&path), reason });
                }
            }
        }
    }
}

/// All packages of the trees, with the files that others, or who checks, ask for by path.
fn pool(trees: &[Tree<'_>], arch: &str, asked: &[String], stop: &dyn Fn() -> bool) -> Result<Pool> {
    let repositories = trees.iter().filter_map(|tree| {
        let (primary, filelists) = (tree.document("primary")?, tree.document("filelists"));
        Some(Repository { name: tree.name, primary, filelists })
    });
    let repositories: Vec<_> = repositories.collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    super::pool::pool(arch, &repositories, &asked, stop)
}

/// What was found for hosts of one architecture.
#[derive(Default)]
struct Proved {
    unproved: Vec<Unproved>,
    overlaps: Vec<Overlap>,
}

fn prove_for(
    trees: &[Tree<'_>],
    arch: &str,
    asked: &[String],
    stop: &dyn Fn() -> bool,
) -> Result<Proved> {
    let pool = pool(trees, arch, asked, stop)?;
    let failed = |error: SolveError| match error {
        SolveError::Cancelled => Error::Cancelled,
        error => Error::metadata(trees.first().map_or("", |tree| tree.name), error),
    };
    let mut proved = Proved::default();
    let unproved = |package: String, why| Unproved { package, arch: arch.to_owned(), why };
    if asked.is_empty() {
        let all: Vec<PackageId> = pool.ids().filter(|id| pool.hidden(*id).is_none()).collect();
        let proof = prove(&pool, &all, stop).map_err(failed)?;
        for one in proof.unproved {
            let package = shown(&pool.nevra(one.id).to_string());
            proved.unproved.push(unproved(package, one.problem.lines));
        }
        let newest = newest(&pool, &all);
        let pairs = overlaps::clashes(trees, &pool, &newest, stop)?;
        proved.overlaps = overlaps::unannounced(&pool, pairs, stop).map_err(failed)?;
        return Ok(proved);
    }
    let mut all: Vec<Root> = Vec::new();
    for text in asked.iter().collect::<BTreeSet<_>>() {
        match pool.roots(text) {
            Ok(roots) => all.extend(roots),
            Err(error) => proved.unproved.push(unproved(shown(text), vec![error.to_string()])),
        }
    }
    let answers = prove_each(&pool, &all, stop).map_err(failed)?;
    // What each needs by itself; then all of it at once, as one command asks for it.
    let mut solved: Vec<(String, BTreeSet<PackageId>, Vec<String>)> = Vec::new();
    let mut good: Vec<Root> = Vec::new();
    for (root, answer) in all.into_iter().zip(answers) {
        match answer {
            Answered::Installable { packages, notes } => {
                let why = notes.into_iter().map(|note| shown(&note) + NO_BEST).collect();
                solved.push((shown(&root.text), packages, why));
                good.push(root);
            }
            Answered::Unsolvable(problem) => {
                proved.unproved.push(unproved(shown(&root.text), problem.lines));
            }
        }
    }
    if good.len() > 1 {
        let goal = Goal { roots: good, installed: Vec::new(), weak: Weak::No };
        match goal.solve(&pool, stop) {
            Ok(solution) => {
                let taken = solution.packages.iter().map(|chosen| chosen.id).collect();
                let known = |note: &String| !solved.iter().any(|(.., why)| why.contains(note));
                let why = solution.notes.iter().map(|note| shown(note) + NO_BEST).filter(known);
                solved.push((TOGETHER.to_owned(), taken, why.collect()));
            }
            Err(SolveError::Unsolvable(problems)) => {
                for problem in problems {
                    let package = format!("{TOGETHER}: {}", problem.asked.join(", "));
                    proved.unproved.push(unproved(package, problem.lines));
                }
            }
            Err(error) => return Err(failed(error)),
        }
    }
    let union = solved.iter().flat_map(|(_, packages, _)| packages).copied().collect();
    let pairs = overlaps::clashes(trees, &pool, &union, stop)?;
    let mut said: BTreeSet<[PackageId; 2]> = BTreeSet::new();
    for (package, packages, mut why) in solved {
        let meet = pairs.iter().filter(|(pair, _)| pair.iter().all(|id| packages.contains(id)));
        // What one thing brings by itself is not said of all again.
        for (pair, (path, files)) in meet {
            if said.insert(*pair) || package != TOGETHER {
                why.push(Overlap::words(&pool, *pair, path, *files));
            }
        }
        if !why.is_empty() {
            proved.unproved.push(unproved(package, why));
        }
    }
    Ok(proved)
}

/// What all that was asked for is called.
const TOGETHER: &str = "all of these together";

/// Why an older version is a finding.
const NO_BEST: &str = ", which dnf refuses unless best=False";

/// The newest build of each name and architecture.
fn newest(pool: &Pool, all: &[PackageId]) -> BTreeSet<PackageId> {
    let mut newest: HashMap<(&str, &str), PackageId> = HashMap::new();
    for id in all {
        let known = newest.entry((pool.name(*id), pool.arch(*id))).or_insert(*id);
        if pool.compare(*id, *known).is_gt() {
            *known = *id;
        }
    }
    newest.into_values().collect()
}
