//! From the members' metadata to what is taken of each.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::State;
use super::answer::{Answer, AskedFor, Brought, Taken};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::format::compression::decoder;
use crate::format::rpm::FormatError;
use crate::format::rpm::comps::Comps;
use crate::format::rpm::modules::Modules;
use crate::limits;
use crate::resolve::rpm::{AskError, Extent, Goal, PackageSet, Pool, Solution, SolveError, goal};
use crate::source::Context;
use crate::source::rpm::pool::{Document, Opened, Repository, pool};

/// The documents of a repository that choosing looks at: each with its URL, and stored.
#[derive(Debug, Clone)]
pub(in super::super) struct Metadata {
    pub(in super::super) primary: (String, Sha256),
    pub(in super::super) filelists: Option<(String, Sha256)>,
    pub(in super::super) comps: Option<(String, Sha256)>,
    pub(in super::super) modules: Option<(String, Sha256)>,
}

/// What is taken, by the members' numbers: for each of its packages by its number.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) taken: HashMap<usize, Vec<bool>>,
}

/// A member, and what it has handed in.
pub(super) struct Given {
    number: usize,
    name: String,
    arches: Vec<String>,
    state: Arc<State>,
    primary: Stored,
    filelists: Option<Stored>,
    comps: Option<Stored>,
    modules: Option<Stored>,
}

/// A document of the store.
struct Stored {
    url: String,
    file: File,
}

impl Stored {
    fn open(context: &Context<'_>, (url, sha256): &(String, Sha256)) -> Result<Self> {
        Ok(Self { url: url.clone(), file: context.open(sha256)? })
    }

    /// Reads it from its beginning.
    fn read(&self) -> Result<Opened> {
        let file = self.file.try_clone().and_then(|mut file| file.rewind().map(|()| file));
        let file = file.map_err(Error::io("read", Path::new(&self.url)))?;
        let file = BufReader::with_capacity(256 << 10, file);
        decoder(file, limits::METADATA_OPEN_SIZE)
            .map_err(|error| Error::metadata(&self.url, FormatError::from(error)))
    }

    fn parse<T>(&self, parse: impl FnOnce(Opened) -> Result<T, FormatError>) -> Result<T> {
        parse(self.read()?).map_err(|error| Error::metadata(&self.url, error))
    }

    fn document(&self) -> Document<'_> {
        Document { at: self.url.clone(), open: Box::new(|| self.read()) }
    }
}

impl Given {
    pub(super) fn open(
        context: &Context<'_>,
        number: usize,
        name: String,
        arches: Vec<String>,
        state: Arc<State>,
    ) -> Result<Self> {
        let Metadata { primary, filelists, comps, modules } = &state.metadata;
        let open = |document: &Option<_>| {
            document.as_ref().map(|document| Stored::open(context, document)).transpose()
        };
        let primary = Stored::open(context, primary)?;
        let (filelists, comps, modules) = (open(filelists)?, open(comps)?, open(modules)?);
        Ok(Self { number, name, arches, state, primary, filelists, comps, modules })
    }
}

/// Solves each set for each architecture over the members that are for it. What cannot be solved is
/// in the answers, and an error.
///
/// Dropping the future ends the work soon.
pub(super) async fn solve(
    sets: Vec<PackageSet>,
    given: Vec<Given>,
) -> Result<(Result<Chosen>, Vec<Answer>)> {
    let dropped = Dropped(Arc::default());
    let flag = Arc::clone(&dropped.0);
    let solving = tokio::task::spawn_blocking(move || {
        let mut solving = Solving {
            sets: &sets,
            stop: &|| flag.load(Ordering::Relaxed),
            chosen: Chosen::default(),
            answers: Vec::new(),
        };
        solving.all(&given).map(|()| {
            let Solving { chosen, answers, .. } = solving;
            let why: Vec<_> = answers.iter().flat_map(|answer| answer.unsolved.clone()).collect();
            (if why.is_empty() { Ok(chosen) } else { Err(Error::NotChosen(why)) }, answers)
        })
    });
    let solved = solving.await.map_err(|error| Error::Client(error.into()))?;
    drop(dropped);
    solved
}

/// Says to the thread that nobody waits any more.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Solving<'a> {
    sets: &'a [PackageSet],
    stop: &'a dyn Fn() -> bool,
    chosen: Chosen,
    answers: Vec<Answer>,
}

impl Solving<'_> {
    fn all(&mut self, given: &[Given]) -> Result<()> {
        let mut arches: Vec<&String> = given.iter().flat_map(|one| &one.arches).collect();
        arches.sort();
        arches.dedup();
        for arch in arches {
            let members: Vec<&Given> =
                given.iter().filter(|one| one.arches.contains(arch)).collect();
            self.arch(arch, &members)?;
        }
        Ok(())
    }

    fn arch(&mut self, arch: &str, members: &[&Given]) -> Result<()> {
        let mut pool = self.pool(arch, members)?;
        let (mut comps, mut modules) = (Vec::new(), Vec::new());
        for member in members {
            if let Some(document) = &member.comps {
                comps.push(document.parse(Comps::read)?);
            }
            if let Some(document) = &member.modules {
                modules.push(document.parse(Modules::read)?);
            }
        }
        for set in self.sets {
            let mut answer = Answer {
                set: set.name.clone(),
                arch: arch.to_owned(),
                asked: Vec::new(),
                packages: Vec::new(),
                notes: Vec::new(),
                unsolved: Vec::new(),
            };
            match self.set(&mut pool, &comps, &modules, set) {
                Ok((goal, solution, notes)) => {
                    self.take(&pool, members, &solution);
                    describe(&mut answer, &pool, members, &goal, &solution);
                    answer.notes.extend(notes);
                }
                Err(Unsolved::Words(lines)) => answer.unsolved = lines,
                Err(Unsolved::Error(error)) => return Err(error),
            }
            self.answers.push(answer);
        }
        Ok(())
    }

    fn pool(&self, arch: &str, members: &[&Given]) -> Result<Pool> {
        let repositories = members.iter().map(|member| Repository {
            name: &member.name,
            primary: member.primary.document(),
            filelists: member.filelists.as_ref().map(Stored::document),
        });
        let repositories: Vec<_> = repositories.collect();
        let paths: Vec<&str> = self.sets.iter().flat_map(PackageSet::paths).collect();
        let mut pool = pool(arch, &repositories, &paths, self.stop)?;
        for id in pool.ids() {
            let hidden = &members[pool.repository(id)].state.hidden;
            if let Some(why) = hidden.get(pool.number(id)).copied().flatten() {
                pool.hide(id, why);
            }
        }
        Ok(pool)
    }

    fn set(
        &self,
        pool: &mut Pool,
        comps: &[Comps],
        modules: &[Modules],
        set: &PackageSet,
    ) -> Result<(Goal, Solution, Vec<String>), Unsolved> {
        let asked = goal(pool, comps, modules, set)?;
        let solution = match set.extent {
            Extent::Named => asked.goal.named(pool),
            Extent::Closed => asked.goal.solve(pool, self.stop)?,
        };
        let mut notes = asked.notes;
        notes.extend(solution.notes.iter().cloned());
        Ok((asked.goal, solution, notes))
    }

    /// Takes what was chosen, besides what is taken for others.
    fn take(&mut self, pool: &Pool, members: &[&Given], solution: &Solution) {
        for chosen in &solution.packages {
            // What is only installed is in no repository.
            let Some(member) = members.get(pool.repository(chosen.id)) else { continue };
            let taken = self.chosen.taken.entry(member.number).or_default();
            let number = pool.number(chosen.id);
            if taken.len() <= number {
                taken.resize(number + 1, false);
            }
            taken[number] = true;
        }
    }
}

/// Why a set is not solved.
enum Unsolved {
    /// It cannot be: why not, a problem a line.
    Words(Vec<String>),
    /// It could not be tried.
    Error(Error),
}

impl From<AskError> for Unsolved {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unknown(unknown) => {
                Self::Words(unknown.iter().map(ToString::to_string).collect())
            }
            error => Self::Error(Error::metadata("the repositories", error)),
        }
    }
}

impl From<SolveError> for Unsolved {
    fn from(error: SolveError) -> Self {
        match error {
            SolveError::Unsolvable(problems) => {
                Self::Words(problems.iter().map(ToString::to_string).collect())
            }
            SolveError::Cancelled => Self::Error(Error::Cancelled),
            error => Self::Error(Error::metadata("the repositories", error)),
        }
    }
}

impl From<Error> for Unsolved {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Says what was chosen, and what for.
fn describe(
    answer: &mut Answer,
    pool: &Pool,
    members: &[&Given],
    goal: &Goal,
    solution: &Solution,
) {
    let words = |id| pool.nevra(id).to_string();
    let mut packages: Vec<Taken> = Vec::with_capacity(solution.packages.len());
    let mut stands_for: HashMap<&str, Vec<String>> = HashMap::new();
    for chosen in &solution.packages {
        let mut asked: Vec<String> = Vec::new();
        for text in chosen.asked.iter().map(|text| word(text)) {
            if !asked.iter().any(|known| known == text) {
                stands_for.entry(text).or_default().push(words(chosen.id));
                asked.push(text.to_owned());
            }
        }
        let brought = chosen.needed.iter().map(|needed| Brought {
            by: words(needed.by),
            dependency: needed.dependency.clone(),
            is_weak: needed.is_weak,
        });
        let tree = members.get(pool.repository(chosen.id)).map(|member| member.name.clone());
        packages.push(Taken {
            package: words(chosen.id),
            tree: tree.unwrap_or_default(),
            asked,
            brought: brought.collect(),
        });
    }
    packages.sort_by(|a, b| a.package.cmp(&b.package));
    answer.packages = packages;
    let mut said = HashSet::new();
    for text in goal.roots.iter().map(|root| word(&root.text)) {
        if said.insert(text) {
            let mut packages = stands_for.remove(text).unwrap_or_default();
            packages.sort();
            answer.asked.push(AskedFor { text: text.to_owned(), packages });
        }
    }
}

/// The user's word behind a root's text, which is `NAME (WORD)` where one word stands for several names.
fn word(text: &str) -> &str {
    let inner = text.strip_suffix(')').and_then(|text| text.split_once(" ("));
    inner.map_or(text, |(_, word)| word)
}
