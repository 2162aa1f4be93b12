//! Files that two packages bring, each with another content: rpm installs one of them, or neither.
//!
//! Metadata says which packages have a path; what they say of it is read from the headers of the
//! packages that share one. Folders, and files that are owned and not brought, are passed over.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::BufReader;
use std::path::PathBuf;

use serde::Serialize;

use super::Tree;
use crate::error::{Error, Result};
use crate::format::rpm::filelists::{self, FileKind};
use crate::format::rpm::files::{InstalledFile, read_files};
use crate::format::rpm::header::Headers;
use crate::format::rpm::{FormatError, shown};
use crate::limits;
use crate::path::RepoPath;
use crate::resolve::rpm::{Fault, Goal, PackageId, Pool, Root, SolveError, Weak, faults};

/// Two packages that bring the same file, each in its own way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Overlap {
    /// Which packages.
    pub packages: [String; 2],
    /// One of the files.
    pub path: String,
    /// How many there are.
    pub files: usize,
}

/// Pairs of packages, each with one of the files that they do not agree on and how many there are.
pub(super) type Pairs = BTreeMap<[PackageId; 2], (String, usize)>;

/// Files of the same path, told apart by name and architecture of their package: builds of one are
/// never installed together.
pub(super) fn clashes(
    trees: &[Tree<'_>],
    pool: &Pool,
    of: &BTreeSet<PackageId>,
    stop: &dyn Fn() -> bool,
) -> Result<Pairs> {
    let mut ids: HashMap<&str, Vec<PackageId>> = HashMap::new();
    for id in of {
        ids.entry(pool.pkgid(*id)).or_default().push(*id);
    }
    let shared = shared(trees, pool, &ids, stop)?;
    let mut wanted: BTreeMap<PackageId, HashSet<&str>> = BTreeMap::new();
    for (path, packages) in &shared {
        for id in packages {
            wanted.entry(*id).or_default().insert(path);
        }
    }
    let places = places(trees, pool, &wanted, stop)?;
    let mut files: BTreeMap<String, Vec<(PackageId, InstalledFile)>> = BTreeMap::new();
    for (id, wanted) in &wanted {
        check(stop)?;
        // What is not there, or is none, is a fault of its own.
        let file = places.get(id).and_then(|path| File::open(path).ok());
        let headers = file.and_then(|file| Headers::read(BufReader::new(file)).ok());
        let found = headers.and_then(|headers| read_files(&headers, wanted).ok());
        for file in found.into_iter().flatten() {
            files.entry(file.path.clone()).or_default().push((*id, file));
        }
    }
    let mut pairs = Pairs::new();
    for (path, files) in files {
        for (at, (one, file)) in files.iter().enumerate() {
            // Each with those before it, but where it is everybody's file with the nearest ones.
            for (other, before) in &files[at.saturating_sub(NEAREST)..at] {
                if is_another(pool, *one, *other) && file.clashes_with(before) {
                    let pair = pairs.entry([*other, *one]).or_insert_with(|| (path.clone(), 0));
                    pair.1 += 1;
                }
            }
        }
    }
    Ok(pairs)
}

/// With how many packages that have the same file one is compared.
const NEAREST: usize = 50;

fn check(stop: &dyn Fn() -> bool) -> Result<()> {
    if stop() { Err(Error::Cancelled) } else { Ok(()) }
}

fn is_another(pool: &Pool, one: PackageId, other: PackageId) -> bool {
    pool.name(one) != pool.name(other) || pool.arch(one) != pool.arch(other)
}

/// The paths that packages share, with those packages.
fn shared(
    trees: &[Tree<'_>],
    pool: &Pool,
    ids: &HashMap<&str, Vec<PackageId>>,
    stop: &dyn Fn() -> bool,
) -> Result<BTreeMap<String, Vec<PackageId>>> {
    let hash = |path: &str| {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(path);
        // Of 64 bits the upper ones; two paths that share them are told apart below.
        u32::try_from(hash >> 32).unwrap_or(0)
    };
    let mut all: Vec<(u32, PackageId)> = Vec::new();
    read(trees, ids, stop, |package, path| {
        if all.len() >= limits::POOL_RELATIONS {
            let (what, limit) = ("files of all packages", limits::POOL_RELATIONS as u64);
            return Err(FormatError::Limit { what, limit });
        }
        all.push((hash(path), package));
        Ok(())
    })?;
    all.sort_unstable();
    let groups = all.chunk_by(|one, other| one.0 == other.0);
    let several =
        groups.filter(|group| group.iter().any(|(_, id)| is_another(pool, *id, group[0].1)));
    let hashes: HashSet<u32> = several.map(|group| group[0].0).collect();
    drop(all);
    let (mut paths, mut bytes) = (BTreeMap::<String, Vec<PackageId>>::new(), 0);
    if hashes.is_empty() {
        return Ok(paths);
    }
    read(trees, ids, stop, |package, path| {
        if !hashes.contains(&hash(path)) {
            return Ok(());
        }
        bytes += size_of::<PackageId>() + path.len();
        if bytes > limits::POOL_TEXT {
            let (what, limit) = ("bytes of shared files", limits::POOL_TEXT as u64);
            return Err(FormatError::Limit { what, limit });
        }
        paths.entry(path.to_owned()).or_default().push(package);
        Ok(())
    })?;
    paths.retain(|_, packages| packages.iter().any(|id| is_another(pool, *id, packages[0])));
    Ok(paths)
}

/// Reads the files that packages bring.
fn read(
    trees: &[Tree<'_>],
    ids: &HashMap<&str, Vec<PackageId>>,
    stop: &dyn Fn() -> bool,
    mut on_file: impl FnMut(PackageId, &str) -> Result<(), FormatError>,
) -> Result<()> {
    for tree in trees {
        let Some(filelists) = tree.record("filelists") else { continue };
        check(stop)?;
        filelists::read_packages(tree.open(filelists)?, |package, files| {
            // The same build may be in several trees; each of them counts once.
            let found = ids.get(&*package.pkgid).into_iter().flatten();
            for id in found {
                for (path, _) in files.iter().filter(|(_, kind)| *kind == FileKind::File) {
                    on_file(*id, path)?;
                }
            }
            Ok::<_, FormatError>(())
        })
        .map_err(|error| Error::metadata(&tree.at(&filelists.href), error))?;
    }
    Ok(())
}

/// Where the files of packages lie.
fn places(
    trees: &[Tree<'_>],
    pool: &Pool,
    wanted: &BTreeMap<PackageId, HashSet<&str>>,
    stop: &dyn Fn() -> bool,
) -> Result<HashMap<PackageId, PathBuf>> {
    let by_place: HashMap<(&str, usize), PackageId> = wanted
        .keys()
        .map(|id| ((pool.repository_name(pool.repository(*id)), pool.number(*id)), *id))
        .collect();
    let mut places = HashMap::new();
    for tree in trees.iter().filter(|_| !by_place.is_empty()) {
        let Some(primary) = tree.record("primary") else { continue };
        check(stop)?;
        let mut number = 0;
        crate::format::rpm::primary::read_packages(tree.open(primary)?, |package| {
            if let Some(id) = by_place.get(&(tree.name, number))
                && let Ok(path) = RepoPath::new(package.href)
            {
                places.insert(*id, path.under(tree.folder));
            }
            number += 1;
            Ok::<_, FormatError>(())
        })
        .map_err(|error| Error::metadata(&tree.at(&primary.href), error))?;
    }
    Ok(places)
}

/// How many pairs are solved for whether they can be wanted together.
const SOLVED: usize = 200;

/// Pairs that could be installed together but for their files: those that say themselves that they
/// cannot, or of which one needs what the other excludes, are left out.
pub(super) fn unannounced(
    pool: &Pool,
    pairs: Pairs,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Overlap>, SolveError> {
    let mut found = Vec::new();
    let mut solved = 0;
    for (pair, (path, files)) in pairs {
        if faults(pool, &BTreeSet::from(pair)).iter().any(Fault::is_conflict) {
            continue;
        }
        solved += 1;
        if solved <= SOLVED {
            let root =
                |id| Root { text: pool.nevra(id).to_string(), packages: vec![id], only_with: None };
            let roots = pair.map(root).into();
            let goal = Goal { roots, installed: Vec::new(), weak: Weak::No };
            match goal.solve(pool, stop) {
                Ok(_) => {}
                Err(SolveError::Unsolvable(_)) => continue,
                Err(error) => return Err(error),
            }
        }
        let packages = pair.map(|id| shown(&pool.nevra(id).to_string()));
        let path = shown(&path);
        found.push(Overlap { packages, path, files });
    }
    Ok(found)
}

impl Overlap {
    /// In words, for who cannot install both.
    pub(super) fn words(pool: &Pool, pair: [PackageId; 2], path: &str, files: usize) -> String {
        let [one, other] = pair.map(|id| shown(&pool.nevra(id).to_string()));
        let path = shown(path);
        let more = if files > 1 { format!(" and {} more", files - 1) } else { String::new() };
        format!("{one} and {other} both bring {path}{more}, with different content")
    }
}
