//! Streams of modules: which of them are enabled, and what that hides.
//!
//! As libdnf has it, builds of streams are chosen like packages: one stream of each module, with the
//! streams that it requires. Streams that are asked for have to be there; those that are chosen by
//! default are, where they go with these and with each other. What is of another stream is hidden
//! then, and so is what is of no module where an enabled stream has a package of that name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{AskError, ModuleStream, Unknown};
use crate::format::rpm::dependencies::Kind;
use crate::format::rpm::modules::{Defaults, Modules, Stream, UnknownStreams};
use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::rich::{Relation, Rich};
use crate::resolve::rpm::pool::{Hidden, Pool};
use crate::resolve::rpm::roots::{Root, near};
use crate::resolve::rpm::{Goal, Problem, SolveError, Weak};

/// What the distribution itself is among modules: it is there, whichever release a stream is for.
const PLATFORM: &str = "platform";

/// The modules of all repositories.
pub(super) struct Streams<'a> {
    builds: Vec<&'a Stream>,
    /// What is chosen of each module by default; `None` where the repositories do not agree.
    defaults: BTreeMap<&'a str, Option<&'a Defaults>>,
}

/// The streams that are enabled.
#[derive(Default)]
pub(super) struct Enabled<'a> {
    /// Their builds.
    builds: Vec<&'a Stream>,
    /// What was asked for, and what is chosen by default, in the order of the builds.
    pub(super) notes: Vec<String>,
}

impl<'a> Streams<'a> {
    pub(super) fn new(modules: &'a [Modules]) -> Result<Self, UnknownStreams> {
        let broken = modules.iter().flat_map(Modules::broken);
        let mut broken = broken.filter(|broken| broken.may_list_packages());
        if let Some(first) = broken.next() {
            return Err(UnknownStreams { first: first.clone(), count: 1 + broken.count() });
        }
        let mut defaults: BTreeMap<&str, Option<&Defaults>> = BTreeMap::new();
        for one in modules.iter().flat_map(Modules::defaults) {
            let known = defaults.entry(&one.module).or_insert(Some(one));
            known.take_if(|known| known.stream != one.stream);
        }
        Ok(Self { builds: modules.iter().flat_map(Modules::streams).collect(), defaults })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.builds.is_empty()
    }

    /// The streams of a module, in order.
    fn of(&self, module: &str) -> BTreeSet<&'a str> {
        let of = self.builds.iter().filter(|build| build.name == module);
        of.map(|build| build.stream.as_str()).collect()
    }

    fn default(&self, module: &str) -> Option<&'a str> {
        let defaults = (*self.defaults.get(module)?)?;
        Some(defaults.stream.as_str()).filter(|stream| !stream.is_empty())
    }

    /// Whether there is such a stream.
    pub(super) fn check(&self, asked: &ModuleStream) -> Result<(), Unknown> {
        let there = self.of(&asked.module);
        if there.contains(asked.stream.as_str()) {
            return Ok(());
        }
        if there.is_empty() {
            let names = self.builds.iter().map(|build| build.name.as_str());
            let near = near(&asked.module, names);
            return Err(Unknown::Module { module: asked.module.clone(), near });
        }
        let there = there.into_iter().map(str::to_owned).collect();
        Err(Unknown::Stream { asked: asked.clone(), there })
    }

    /// The stream that `@module`, `@module:stream` and either with `/profile` means; `None` where there
    /// is no such module, and it is a group. Without a stream it is the one that is asked for elsewhere,
    /// the default one, or the only one.
    pub(super) fn meant(
        &self,
        word: &str,
        asked: &[ModuleStream],
    ) -> Option<Result<ModuleStream, Unknown>> {
        let (name, _) = parts(word);
        let (module, stream) = name.split_once(':').map_or((name, None), |(a, b)| (a, Some(b)));
        let there = self.of(module);
        if there.is_empty() {
            let near = near(module, self.builds.iter().map(|build| build.name.as_str()));
            // No group has a colon in its id.
            let unknown = Unknown::Module { module: module.to_owned(), near };
            return stream.is_some().then_some(Err(unknown));
        }
        let elsewhere = asked.iter().find(|asked| asked.module == module);
        let only = || there.iter().next().copied().filter(|_| there.len() == 1);
        let stream = stream
            .or_else(|| elsewhere.map(|asked| asked.stream.as_str()))
            .or_else(|| self.default(module))
            .or_else(only);
        let there = || there.iter().map(|&stream| stream.to_owned()).collect();
        let Some(stream) = stream else {
            return Some(Err(Unknown::NoStream { text: word.to_owned(), there: there() }));
        };
        let meant = ModuleStream { module: module.to_owned(), stream: stream.to_owned() };
        Some(self.check(&meant).map(|()| meant))
    }

    /// Enables what is asked for, which is known to be there, with what is chosen by default and what
    /// these require; for hosts of the architecture `base`.
    pub(super) fn enable(
        &self,
        base: &str,
        asked: &[ModuleStream],
    ) -> Result<Enabled<'a>, AskError> {
        let mut pool = Pool::new(base);
        let repository = pool.add_repository("modules");
        let mut ids = Vec::with_capacity(self.builds.len());
        for build in &self.builds {
            ids.push(pool.add_made(repository, &nevra(build), &relations(build))?);
        }
        pool.finish();
        let root = |stream: &ModuleStream| {
            let packages = pool.providing(&provided(&stream.module, Some(&stream.stream)));
            let packages = pool.visible(&packages);
            (!packages.is_empty()).then(|| Root::new(&stream.to_string(), packages))
        };
        let mut roots: Vec<Root> = Vec::new();
        for stream in asked {
            roots.extend(root(stream));
        }
        let strong = roots.len();
        for &module in self.defaults.keys() {
            if let Some(stream) = self.default(module)
                && asked.iter().all(|asked| asked.module != module)
            {
                let (module, stream) = (module.to_owned(), stream.to_owned());
                roots.extend(root(&ModuleStream { module, stream }));
            }
        }
        let mut notes = Vec::new();
        let solution = loop {
            let goal = Goal { roots: roots.clone(), installed: Vec::new(), weak: Weak::No };
            let problems = match goal.solve(&pool, &|| false) {
                Ok(solution) => break solution,
                Err(SolveError::Unsolvable(problems)) => problems,
                Err(SolveError::TooLarge(error)) => return Err(error.into()),
                // It takes few steps, and nobody cancels it.
                Err(error) => return Err(Unknown::Streams(error.to_string()).into()),
            };
            // Of those that do not go together one gives way that nobody asked for.
            let before = roots.len();
            for problem in &problems {
                let involved = |root: &Root| problem.asked.contains(&root.text);
                let Some(at) = roots.iter().rposition(involved).filter(|at| *at >= strong) else {
                    continue;
                };
                let dropped = roots.remove(at).text;
                let others = problem.asked.iter().map(String::as_str);
                let others: Vec<&str> = others.filter(|one| *one != dropped).collect();
                let why = if others.is_empty() {
                    why(problem)
                } else {
                    format!("it does not go with {}", others.join(" and "))
                };
                notes.push(format!("{dropped} is not enabled by default: {why}"));
            }
            if roots.len() == before {
                let unknown = problems.iter().map(|problem| {
                    Unknown::Streams(match &problem.asked[..] {
                        [one] => format!("{one} cannot be enabled: {}", why(problem)),
                        several => format!("{} do not go together", several.join(" and ")),
                    })
                });
                return Err(AskError::Unknown(unknown.collect()));
            }
        };
        let names: HashSet<&str> =
            solution.packages.iter().map(|chosen| pool.name(chosen.id)).collect();
        // All builds of a stream, not the newest alone.
        let builds = self.builds.iter().zip(&ids);
        let builds = builds.filter(|(_, id)| names.contains(pool.name(**id)));
        Ok(Enabled { builds: builds.map(|(build, _)| *build).collect(), notes })
    }

    /// Hides what is not to be had beside the enabled streams.
    pub(super) fn hide(&self, enabled: &Enabled<'_>, pool: &mut Pool) {
        let all: HashSet<&Nevra> = self.builds.iter().flat_map(|build| &build.artifacts).collect();
        let of_enabled: HashSet<&Nevra> =
            enabled.builds.iter().flat_map(|build| &build.artifacts).collect();
        let mut names: HashSet<&str> = HashSet::new();
        let free = enabled.demodularized();
        for build in &enabled.builds {
            let of_it = build.artifacts.iter().filter(|nevra| !is_source(nevra));
            let of_it = of_it.map(|nevra| nevra.name.as_str());
            names.extend(of_it.filter(|name| !free.contains(&(&build.name, name))));
        }
        let mut shadowed: HashSet<_> = names.iter().flat_map(|name| pool.providing(name)).collect();
        shadowed.extend(names.iter().flat_map(|name| pool.named(name)).copied());
        for id in pool.ids() {
            let nevra = pool.nevra(id);
            if of_enabled.contains(&nevra) {
                continue;
            }
            if all.contains(&nevra) {
                pool.hide(id, Hidden::Module);
            } else if shadowed.contains(&id) {
                pool.hide(id, Hidden::Shadowed);
            }
        }
    }

    /// The streams that have one of these packages, in order.
    pub(super) fn having(&self, packages: &[Nevra]) -> Vec<ModuleStream> {
        let has = |build: &&&Stream| packages.iter().any(|one| build.artifacts.contains(one));
        let found: BTreeSet<ModuleStream> = self
            .builds
            .iter()
            .filter(has)
            .map(|build| ModuleStream { module: build.name.clone(), stream: build.stream.clone() })
            .collect();
        found.into_iter().collect()
    }

    /// The names of the packages of `@module:stream/profile`; without a profile those of the default
    /// ones.
    pub(super) fn profile(
        &self,
        word: &str,
        stream: &ModuleStream,
        enabled: &Enabled<'a>,
    ) -> Result<BTreeSet<&'a str>, Unknown> {
        let builds = enabled.builds.iter().filter(|build| is_of(build, stream));
        let Some(newest) = builds.max_by_key(|build| build.version) else {
            let why = format!("{word}: {stream} is for another architecture");
            return Err(Unknown::Streams(why));
        };
        let defaults = || {
            let defaults = self.defaults.get(stream.module.as_str()).copied().flatten()?;
            let of = defaults.profiles.iter().find(|(of, _)| *of == stream.stream)?;
            Some(of.1.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let wanted = match parts(word).1 {
            Some(profile) => vec![profile],
            None => defaults().unwrap_or_default(),
        };
        let mut names = BTreeSet::new();
        let is_there = |name: &&str| newest.profiles.iter().any(|profile| profile.name == **name);
        if wanted.is_empty() || !wanted.iter().all(is_there) {
            let there = newest.profiles.iter().map(|profile| profile.name.clone()).collect();
            return Err(Unknown::Profile { text: word.to_owned(), there });
        }
        for profile in newest.profiles.iter().filter(|one| wanted.contains(&one.name.as_str())) {
            names.extend(profile.packages.iter().map(String::as_str));
        }
        Ok(names)
    }
}

impl<'a> Enabled<'a> {
    /// Modules and names of packages that may be of no module, too: as the newest builds say.
    fn demodularized(&self) -> HashSet<(&'a str, &'a str)> {
        let mut newest: BTreeMap<&str, &'a Stream> = BTreeMap::new();
        for build in &self.builds {
            let known = newest.entry(&build.name).or_insert(build);
            if known.version < build.version {
                *known = build;
            }
        }
        let names = newest.into_values().flat_map(|build| {
            let names = build.demodularized.iter();
            names.map(|name| (build.name.as_str(), name.as_str()))
        });
        names.collect()
    }
}

/// `module:stream` and the profile of `@module:stream/profile`.
fn parts(word: &str) -> (&str, Option<&str>) {
    let word = word.strip_prefix('@').unwrap_or(word);
    word.split_once('/').map_or((word, None), |(name, profile)| (name, Some(profile)))
}

fn is_of(build: &Stream, stream: &ModuleStream) -> bool {
    build.name == stream.module && build.stream == stream.stream
}

fn is_source(nevra: &Nevra) -> bool {
    matches!(nevra.arch.as_str(), "src" | "nosrc")
}

fn why(problem: &Problem) -> String {
    problem.lines.join("; ")
}

/// What builds of a stream provide, or of a module.
fn provided(module: &str, stream: Option<&str>) -> String {
    match stream {
        Some(stream) => format!("module({module}:{stream})"),
        None => format!("module({module})"),
    }
}

/// A build as a package: versions of one are builds of one stream that require the same. Contexts, which
/// tell these apart, change from build to build in some repositories.
fn nevra(build: &Stream) -> Nevra {
    let mut requires: BTreeSet<String> = BTreeSet::new();
    for one in build.dependencies.iter().flatten().filter(|one| one.module != PLATFORM) {
        let mut streams = one.streams.clone();
        streams.sort();
        requires.insert(format!("{}:[{}]", one.module, streams.join(",")));
    }
    let mut name = format!("{}:{}", build.name, build.stream);
    for one in requires {
        name = format!("{name},{one}");
    }
    let arch = if build.arch.is_empty() { "noarch" } else { &build.arch };
    let evr = Evr { epoch: 0, version: build.version.to_string(), release: String::new() };
    Nevra { name, evr, arch: arch.to_owned() }
}

fn relations(build: &Stream) -> Vec<(Kind, Rich)> {
    let plain = |module: &str, stream| Relation { name: provided(module, stream), versions: None };
    let plain = |module: &str, stream| Rich::Plain(plain(module, stream));
    let mut relations = vec![
        (Kind::Provides, plain(&build.name, None)),
        (Kind::Provides, plain(&build.name, Some(&build.stream))),
        // One stream of a module at a time.
        (Kind::Conflicts, plain(&build.name, None)),
    ];
    for one in build.dependencies.iter().flatten().filter(|one| one.module != PLATFORM) {
        let (unwanted, wanted): (Vec<&str>, Vec<&str>) =
            one.streams.iter().map(String::as_str).partition(|stream| stream.starts_with('-'));
        for stream in unwanted {
            relations.push((Kind::Conflicts, plain(&one.module, Some(&stream[1..]))));
        }
        let mut wanted: Vec<Rich> =
            wanted.into_iter().map(|stream| plain(&one.module, Some(stream))).collect();
        let required = match wanted.len() {
            0 => plain(&one.module, None),
            1 => wanted.remove(0),
            _ => Rich::Or(wanted),
        };
        relations.push((Kind::Requires, required));
    }
    relations
}
