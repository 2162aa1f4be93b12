//! What it takes to build source distributions, and to build what that takes.
//!
//! Each list of build requirements is one build, which is resolved once: what came of it holds for
//! every source distribution that asks for the same. Builds that ask for builds wait in a list, so that
//! no chain of them is deeper than the stack, and [`limits::BUILDS`] bounds how many there are.

mod backends;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::set::Selection;
use super::taken::{Closure, Library, Taken, Unsolved, files, unsolved, words};
use crate::format::pypi::{Requirement, Version, requirement};
use crate::limits;
use crate::resolve::pypi::{
    Asked, Environment, Inputs, Pick, Policy, Project, ProjectFile, Resolution, resolve,
};

/// Those on a circle of builds that are named; the others are counted.
const SHOWN: usize = 8;

/// What builds are resolved in.
pub(super) struct World<'a, L> {
    pub(super) library: &'a L,
    pub(super) environment: &'a Environment,
    pub(super) policy: &'a Policy,
    pub(super) selection: Selection,
}

/// The builds of one environment.
#[derive(Default)]
pub(super) struct Builds {
    all: Vec<Build>,
    /// The place of each, by what it requires.
    places: HashMap<[Vec<String>; 2], usize>,
}

/// A list of build requirements, and what came of it.
struct Build {
    requires: Vec<Requirement>,
    /// What its backend asks for beside, as far as that is known; not all of it on every machine.
    more: Vec<Requirement>,
    /// The source distribution that asked for it first.
    filename: String,
    /// Why there is no answer, in lines for people.
    fault: Option<Vec<String>>,
    takes: Vec<Taken>,
    /// The source distributions among that.
    sources: Vec<Source>,
    notes: Vec<String>,
    passed_over: Vec<String>,
    /// Whether the closure has it all.
    is_taken: bool,
}

/// A source distribution that has to be built, or could be.
struct Source {
    filename: String,
    /// Its build, where that takes anything; why that is not known, in lines for people.
    build: Result<Option<usize>, Vec<String>>,
    /// It has a wheel beside it, so that nobody has to build it.
    has_wheel: bool,
}

/// A build within which another is looked at.
struct Step<'a> {
    source: &'a Source,
    place: usize,
    /// What it takes that has not been looked at.
    left: std::slice::Iter<'a, Source>,
}

impl Builds {
    /// Takes what it takes to build that source distribution; nothing of it where that cannot be had.
    pub(super) fn take<L: Library>(
        &mut self,
        world: &World<'_, L>,
        project: &Project,
        file: &ProjectFile,
        closure: &mut Closure,
    ) -> Result<(), Unsolved<L::Error>> {
        let mut next = self.all.len();
        let source = self.source(world, project, file, false, closure)?;
        // Each may add some.
        while next < self.all.len() {
            self.resolve(world, next, closure)?;
            next += 1;
        }
        if let Some(why) = self.fault(&source) {
            return Err(Unsolved::Because(why));
        }
        self.add(&source, closure);
        Ok(())
    }

    /// A source distribution with its build, which is there to be resolved where it is a new one.
    fn source<L: Library>(
        &mut self,
        world: &World<'_, L>,
        project: &Project,
        file: &ProjectFile,
        has_wheel: bool,
        closure: &mut Closure,
    ) -> Result<Source, L::Error> {
        let filename = file.filename.to_string();
        let source = |build| Source { filename: filename.clone(), build, has_wheel };
        let system = match world.library.build_system(project, file)? {
            Ok(system) => system,
            Err(why) => return Ok(source(Err(vec![why]))),
        };
        if let Some(fault) = system.faults.first() {
            return Ok(source(Err(vec![fault.to_string()])));
        }
        if system.is_local {
            closure.notes.insert(format!(
                "{filename} is built by a backend of its own, which may ask for more than it says"
            ));
        }
        if system.is_open {
            closure.notes.insert(format!(
                "{filename} has `setup_requires` that only running it would tell: a build may ask for \
                 more than is known"
            ));
        }
        if let Some(tool) = backends::toolchain(&system) {
            closure.notes.insert(format!("a build of {filename} takes {tool}, which no index has"));
        }
        let more = backends::asked(&system);
        if system.requires.is_empty() && more.is_empty() {
            return Ok(source(Ok(None)));
        }
        let key = [&system.requires, &more].map(|all| {
            let mut words: Vec<String> = all.iter().map(ToString::to_string).collect();
            words.sort();
            words
        });
        if let Some(place) = self.places.get(&key) {
            return Ok(source(Ok(Some(*place))));
        }
        let (place, limit) = (self.all.len(), limits::BUILDS);
        if place == limit {
            let why = format!("expected at most {limit} builds for one target, found more");
            return Ok(source(Err(vec![why])));
        }
        self.places.insert(key, place);
        self.all.push(Build {
            requires: system.requires,
            more,
            filename: filename.clone(),
            fault: None,
            takes: Vec::new(),
            sources: Vec::new(),
            notes: Vec::new(),
            passed_over: Vec::new(),
            is_taken: false,
        });
        Ok(source(Ok(Some(place))))
    }

    /// Resolves what a build requires.
    fn resolve<L: Library>(
        &mut self,
        world: &World<'_, L>,
        place: usize,
        closure: &mut Closure,
    ) -> Result<(), Unsolved<L::Error>> {
        let build = &self.all[place];
        let (filename, policy) = (&build.filename, world.policy);
        let mut inputs = inputs(filename, &build.requires, policy);
        let more = self::inputs(filename, &build.more, policy).requirements;
        inputs.requirements.extend(more);
        let mut resolution = Self::resolution(world, &inputs)?;
        let mut told = Vec::new();
        if let (Err(why), false) = (&resolution, build.more.is_empty()) {
            // The machine may have them.
            inputs.requirements.truncate(build.requires.len());
            let without = Self::resolution(world, &inputs)?;
            if without.is_ok() {
                let more: Vec<String> = build.more.iter().map(|one| format!("`{one}`")).collect();
                told.push(format!(
                    "a build of {filename} may ask for {}, which cannot be had: {}",
                    more.join(" and "),
                    why.join("; ")
                ));
                resolution = without;
            }
        }
        if let Ok(found) = &resolution
            && needs_wheel(&found.picks)
        {
            // Such a setuptools asks for it when it is run.
            let more: Vec<Requirement> = requirement::parse("wheel").into_iter().collect();
            let more = self::inputs(filename, &more, policy);
            inputs.requirements.extend(more.requirements);
            resolution = Self::resolution(world, &inputs)?;
        }
        let Resolution { picks, mut notes, passed_over } = match resolution {
            Ok(resolution) => resolution,
            Err(why) => {
                self.all[place].fault = Some(why);
                return Ok(());
            }
        };
        notes.extend(told);
        let (mut takes, mut sources) = (Vec::new(), Vec::new());
        for pick in picks {
            let (release, best) = (pick.release(), pick.file());
            let files =
                files(&pick.project, release, best, world.environment, &inputs, world.selection);
            for file in files.iter().filter(|file| !file.is_wheel()) {
                let has_wheel = best.is_wheel();
                sources.push(self.source(world, &pick.project, file, has_wheel, closure)?);
            }
            takes.push(Taken {
                project: std::sync::Arc::clone(&pick.project),
                version: release.version.clone(),
                files: files.iter().map(|file| file.position).collect(),
                requested_by: pick.requested_by.iter().map(words).collect(),
                build: true,
            });
        }
        let build = &mut self.all[place];
        (build.takes, build.sources) = (takes, sources);
        (build.notes, build.passed_over) = (notes, passed_over);
        Ok(())
    }

    /// What is chosen for a build; why there is nothing to choose, in lines for people.
    fn resolution<L: Library>(
        world: &World<'_, L>,
        inputs: &Inputs,
    ) -> Result<Result<Resolution, Vec<String>>, Unsolved<L::Error>> {
        let why = match resolve(inputs, world.environment, world.library).map_err(unsolved) {
            Ok(resolution) => return Ok(Ok(resolution)),
            Err(Unsolved::Because(why)) => why,
            Err(error) => return Err(error),
        };
        // A solver stops at the first of them, and whoever is to bring them wants to know all.
        let mut absent = Vec::new();
        for Asked { requirement, .. } in &inputs.requirements {
            let applies = requirement.marker.evaluate(&world.environment.markers, &[]);
            if applies && world.library.project(&requirement.name)?.is_none() {
                absent.push(requirement.name.to_string());
            }
        }
        if absent.is_empty() {
            return Ok(Err(why));
        }
        Ok(Err(vec![format!("no index has {}", absent.join(", "))]))
    }

    /// Why a source distribution cannot be built, in lines for people.
    ///
    /// A build that takes what is being built comes to no end: pip says "is already being built". A
    /// wheel of one on such a circle breaks it, since what has a wheel is not built.
    fn fault(&self, source: &Source) -> Option<Vec<String>> {
        let mut way: Vec<Step<'_>> = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Some(source);
        loop {
            if let Some(at) = next {
                match &at.build {
                    Err(why) => return Some(cannot(source, at, why)),
                    Ok(None) => {}
                    Ok(Some(place)) if seen.insert(*place) => {
                        let build = &self.all[*place];
                        if let Some(why) = &build.fault {
                            return Some(cannot(source, at, why));
                        }
                        way.push(Step { source: at, place: *place, left: build.sources.iter() });
                    }
                    Ok(Some(place)) => {
                        // Where it is not on the way it has been looked at.
                        if let Some(start) = way.iter().position(|step| step.place == *place) {
                            return Some(cannot(source, at, &[circle(at, &way[start + 1..])]));
                        }
                    }
                }
            }
            let last = way.last_mut()?;
            next = last.left.find(|source| !source.has_wheel);
            if next.is_none() {
                way.pop();
            }
        }
    }

    /// Adds to the closure what the builds of a source distribution take, which can be built.
    fn add(&mut self, source: &Source, closure: &mut Closure) {
        let mut waiting: Vec<usize> = source.build.iter().flatten().copied().collect();
        while let Some(place) = waiting.pop() {
            if std::mem::replace(&mut self.all[place].is_taken, true) {
                continue;
            }
            let build = &self.all[place];
            for taken in &build.takes {
                closure.add(taken.clone());
            }
            closure.notes.extend(build.notes.iter().cloned());
            closure.passed_over.extend(build.passed_over.iter().cloned());
            for source in &build.sources {
                // That of one that has no wheel has been looked at.
                let fault = if source.has_wheel { self.fault(source) } else { None };
                match fault {
                    Some(why) => {
                        closure.notes.insert(why.join("; "));
                    }
                    None => waiting.extend(source.build.iter().flatten()),
                }
            }
        }
    }
}

/// Says that `source` cannot be built, since `at` cannot.
fn cannot(source: &Source, at: &Source, why: &[String]) -> Vec<String> {
    let Source { filename, .. } = source;
    let what = if at.filename == *filename {
        format!("{filename} cannot be built")
    } else {
        let within = &at.filename;
        format!("{filename} cannot be built: that takes {within}, which cannot be built")
    };
    let mut lines = why.to_vec();
    match lines.first_mut() {
        Some(first) => *first = format!("{what}: {first}"),
        None => lines.push(what),
    }
    lines
}

/// `builds in a circle, none of which has a wheel: a-1.tar.gz takes b-1.tar.gz, which takes
/// a-1.tar.gz`.
fn circle(first: &Source, others: &[Step<'_>]) -> String {
    let mut line =
        format!("builds in a circle, none of which has a wheel: {} takes ", first.filename);
    for step in others.iter().take(SHOWN) {
        line.extend([step.source.filename.as_str(), ", which takes "]);
    }
    if others.len() > SHOWN {
        let _ = write!(line, "… {} more, of which the last takes ", others.len() - SHOWN);
    }
    line + &first.filename
}

/// What a build asks for.
fn inputs(filename: &str, requires: &[Requirement], policy: &Policy) -> Inputs {
    let origin = format!("the build of {filename}");
    let ask = |requirement: &Requirement| Asked {
        requirement: requirement.clone(),
        text: requirement.to_string(),
        origin: origin.clone(),
    };
    Inputs {
        requirements: requires.iter().map(ask).collect(),
        policy: policy.clone(),
        ..Inputs::default()
    }
}

/// Whether a build's setuptools is one that asks for `wheel`, and it was not asked for.
fn needs_wheel(picks: &[Pick]) -> bool {
    let is = |name: &str| picks.iter().find(|pick| pick.name().as_ref() == name);
    let bundled = Version::new([70, 1]);
    is("setuptools").is_some_and(|setuptools| *setuptools.version() < bundled)
        && is("wheel").is_none()
}

#[cfg(test)]
mod tests;
