//! Pages and metadata of indexes, for solvers that wait for them.
//!
//! Solvers are synchronous and run on threads of their own; what they ask for goes through a channel
//! to [`serve`], which has many answers under way at once and puts each where all solvers see it. So
//! each page and each piece of metadata is read once, for whatever sets and targets.
//!
//! What a solver waits for is begun at once; what it will probably want later waits for a free
//! connection.

mod ahead;
mod found;
mod metadata;
mod pages;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use url::Url;

use crate::error::{Error, Result};
use crate::format::pypi::{PackageName, Requirement};
use crate::limits;
use crate::resolve::pypi::{Described, Index, Metadata, Project, ProjectFile, Wanted};
use crate::source::{Context, Sizes};
pub(super) use ahead::Ahead;
pub(super) use found::{Found, List, Place};
use metadata::FromSdist;
pub(super) use metadata::kept_under;
use pages::Pages;
pub(super) use pages::{blocking, read_local};

use super::Indexes;

/// Neither pip nor uv looks at a file's size (PEP 700 has it for people).
pub(super) const SIZES: Sizes = Sizes::Inform { limit: limits::DISTRIBUTION_SIZE };

/// Why an index could not say. The error is one, however many solvers wait for it.
#[derive(Clone)]
pub(super) struct Unanswered(Arc<Error>);

impl Unanswered {
    /// An index does not have what was asked for exactly.
    pub(super) fn of(error: Error) -> Self {
        Self(Arc::new(error))
    }

    /// Nobody answers any more: the run ends.
    fn stopped() -> Self {
        Self(Arc::new(Error::Cancelled))
    }

    /// The error itself, still shared where it is held elsewhere.
    pub(super) fn into_error(self) -> Error {
        Arc::try_unwrap(self.0).unwrap_or_else(Error::Shared)
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unanswered {}

/// What is asked for.
enum Subject {
    Project(PackageName),
    /// The project of one file.
    Direct(PackageName, Url),
    /// What lists the file, and where in the list.
    Metadata(Arc<Found>, usize),
}

impl Subject {
    fn key(&self) -> Key {
        match self {
            Self::Project(name) => Key::Project(name.clone()),
            Self::Direct(name, url) => Key::Direct(name.clone(), url.clone()),
            Self::Metadata(found, at) => {
                Key::Metadata(found.place(*at), found.project.name.clone())
            }
        }
    }
}

/// By what it is known whether that was asked before.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Project(PackageName),
    /// The project of one file.
    Direct(PackageName, Url),
    /// Of a file, which is one of that project.
    Metadata(Place, PackageName),
}

struct Want {
    subject: Subject,
    /// Whether a solver waits for it.
    is_waited_for: bool,
}

impl Want {
    fn project(name: &PackageName, is_waited_for: bool) -> Self {
        Self { subject: Subject::Project(name.clone()), is_waited_for }
    }

    fn metadata(found: &Arc<Found>, at: usize, is_waited_for: bool) -> Self {
        Self { subject: Subject::Metadata(Arc::clone(found), at), is_waited_for }
    }
}

/// What came.
enum Came {
    Project(Key, Result<Option<Arc<Found>>>),
    Metadata(Place, Result<(Described, Option<FromSdist>)>),
}

type Answers<K, T> = HashMap<K, Result<T, Unanswered>>;

#[derive(Default)]
struct State {
    /// The projects that a solver waited for.
    needed: BTreeSet<PackageName>,
    projects: Answers<Key, Option<Arc<Found>>>,
    metadata: Answers<Place, Described>,
    sdists: HashMap<Place, Arc<FromSdist>>,
    /// Source distributions of which only the build is asked for: what they need is of no interest.
    built: HashSet<Place>,
    /// By the address of their project: a solver has no other name for them.
    found: HashMap<usize, Arc<Found>>,
    /// About how many bytes of memory all that takes.
    memory: usize,
    is_closed: bool,
}

impl State {
    /// An error where there is no more memory for what came.
    fn hold(&mut self, came: &Came) -> Result<(), Unanswered> {
        let more = match came {
            Came::Project(_, Ok(Some(found))) => found.memory(),
            Came::Metadata(_, Ok((described, sdist))) => {
                let needs = match described {
                    Described::As(metadata) => {
                        metadata.requires_dist.len() + metadata.provides_extra.len()
                    }
                    Described::Unusable(_) => 0,
                };
                let sdist = sdist.as_ref().map_or(0, FromSdist::memory);
                needs * size_of::<Requirement>() + sdist
            }
            Came::Project(..) | Came::Metadata(_, Err(_)) => 0,
        };
        self.memory = self.memory.saturating_add(more);
        if self.memory <= limits::LISTED_MEMORY {
            return Ok(());
        }
        let reason = format!(
            "what is listed for these sets takes more than {} bytes of memory: mirror fewer projects \
             in one run",
            limits::LISTED_MEMORY
        );
        Err(Unanswered::of(Error::metadata("indexes", reason)))
    }
}

/// What solvers see of some indexes.
pub(super) struct Shelf {
    state: Mutex<State>,
    changed: Condvar,
    wants: mpsc::UnboundedSender<Want>,
}

/// What a shelf's solvers ask for. Dropped, it wakes those that still wait, with an error.
pub(super) struct Requests {
    shelf: Arc<Shelf>,
    wants: mpsc::UnboundedReceiver<Want>,
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.shelf.state().is_closed = true;
        self.shelf.changed.notify_all();
    }
}

fn address(project: &Project) -> usize {
    std::ptr::from_ref(project).addr()
}

impl Shelf {
    pub(super) fn new() -> (Arc<Self>, Requests) {
        let (sender, wants) = mpsc::unbounded_channel();
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shelf = Arc::new(Self { state, changed, wants: sender });
        (Arc::clone(&shelf), Requests { shelf, wants })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The projects that solvers asked for.
    pub(super) fn needed(&self) -> BTreeSet<PackageName> {
        self.state().needed.clone()
    }

    /// What lists a project that this shelf gave.
    pub(super) fn found(&self, project: &Project) -> Result<Arc<Found>, Unanswered> {
        self.state().found.get(&address(project)).cloned().ok_or_else(Unanswered::stopped)
    }

    /// Takes in a list that no index gave.
    pub(super) fn add(&self, found: Found) -> Arc<Found> {
        let found = Arc::new(found);
        self.state().found.insert(address(&found.project), Arc::clone(&found));
        found
    }

    /// Waits for what `look` finds; `want` is asked for where it is not there yet.
    fn wait<T: Clone>(
        &self,
        want: Want,
        look: impl Fn(&State) -> Option<&Result<T, Unanswered>>,
    ) -> Result<T, Unanswered> {
        let mut want = Some(want);
        let mut state = self.state();
        loop {
            if let Some(answer) = look(&state) {
                return answer.clone();
            }
            if state.is_closed {
                return Err(Unanswered::stopped());
            }
            if let Some(want) = want.take() {
                // Where nobody hears it the shelf is closed, as the next look shows.
                let _ = self.wants.send(want);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What will probably be asked for now that `key` is answered.
    fn next(&self, key: &Key, ahead: &mut Ahead) -> Vec<Want> {
        match key {
            Key::Project(_) => {
                let found = match self.state().projects.get(key) {
                    Some(Ok(Some(found))) => Arc::clone(found),
                    _ => return Vec::new(),
                };
                ahead.page(&found)
            }
            Key::Metadata(place, name) => {
                let state = self.state();
                let metadata = match state.metadata.get(place) {
                    Some(Ok(Described::As(metadata))) if !state.built.contains(place) => {
                        Arc::clone(metadata)
                    }
                    _ => return Vec::new(),
                };
                drop(state);
                ahead.metadata(name, &metadata)
            }
            Key::Direct(..) => Vec::new(),
        }
    }

    /// What a file's metadata says; `at` is its place in the list.
    pub(super) fn describe(&self, found: &Arc<Found>, at: usize) -> Result<Described, Unanswered> {
        let place = found.place(at);
        self.wait(Want::metadata(found, at, true), |state| state.metadata.get(&place))
    }

    /// What was taken for a file's metadata, if anybody asked for it.
    pub(super) fn described(&self, found: &Found, at: usize) -> Option<Arc<Metadata>> {
        match self.state().metadata.get(&found.place(at)) {
            Some(Ok(Described::As(metadata))) => Some(Arc::clone(metadata)),
            _ => None,
        }
    }

    /// Whether a file is a source distribution whose build may find that it needs something else.
    pub(super) fn is_guessed(&self, found: &Found, at: usize) -> bool {
        self.state().sdists.get(&found.place(at)).is_some_and(|sdist| !sdist.is_certain)
    }

    /// What a source distribution says of itself; `None` where it could not be read.
    pub(super) fn sdist(
        &self,
        found: &Arc<Found>,
        at: usize,
    ) -> Result<Option<Arc<FromSdist>>, Unanswered> {
        let place = found.place(at);
        let mut state = self.state();
        if !state.metadata.contains_key(&place) {
            state.built.insert(place.clone());
        }
        drop(state);
        self.describe(found, at)?;
        Ok(self.state().sdists.get(&place).cloned())
    }

    /// What the first index that has a project lists of it.
    pub(super) fn list(&self, name: &PackageName) -> Result<Option<Arc<Found>>, Unanswered> {
        let key = Key::Project(name.clone());
        self.state().needed.insert(name.clone());
        self.wait(Want::project(name, true), |state| state.projects.get(&key))
    }

    fn put(&self, came: Came) -> Result<()> {
        let mut state = self.state();
        let held = state.hold(&came);
        match came {
            Came::Project(_, Err(error)) | Came::Metadata(_, Err(error)) if error.is_local() => {
                return Err(error);
            }
            Came::Project(key, found) => {
                let found = held.and_then(|()| found.map_err(Unanswered::of));
                if let Ok(Some(found)) = &found {
                    state.found.insert(address(&found.project), Arc::clone(found));
                }
                state.projects.insert(key, found);
            }
            Came::Metadata(place, described) => {
                let described = held.and_then(|()| described.map_err(Unanswered::of));
                let described = described.map(|(described, sdist)| {
                    if let Some(sdist) = sdist {
                        state.sdists.insert(place.clone(), Arc::new(sdist));
                    }
                    described
                });
                state.metadata.insert(place, described);
            }
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }
}

impl Index for Shelf {
    type Error = Unanswered;

    fn project(&self, name: &PackageName) -> Result<Option<Arc<Project>>, Unanswered> {
        Ok(self.list(name)?.map(|found| Arc::clone(&found.project)))
    }

    fn direct(&self, name: &PackageName, url: &Url) -> Result<Arc<Project>, Unanswered> {
        let key = Key::Direct(name.clone(), url.clone());
        let subject = Subject::Direct(name.clone(), url.clone());
        let want = Want { subject, is_waited_for: true };
        let found = self.wait(want, |state| state.projects.get(&key))?;
        found.map(|found| Arc::clone(&found.project)).ok_or_else(Unanswered::stopped)
    }

    fn metadata(&self, project: &Project, file: &ProjectFile) -> Result<Described, Unanswered> {
        self.describe(&self.found(project)?, file.position)
    }

    fn go_on(&self) -> Result<(), Unanswered> {
        if self.state().is_closed { Err(Unanswered::stopped()) } else { Ok(()) }
    }

    fn expect(&self, wanted: &[Wanted<'_>]) {
        let state = self.state();
        let new = wanted.iter().filter_map(|wanted| match wanted {
            Wanted::Project(name) => {
                let key = Key::Project((*name).clone());
                (!state.projects.contains_key(&key)).then(|| Want::project(name, false))
            }
            Wanted::Metadata(project, file) => {
                let found = state.found.get(&address(project))?;
                let is_there = state.metadata.contains_key(&found.place(file.position));
                (!is_there).then(|| Want::metadata(found, file.position, false))
            }
        });
        for want in new {
            let _ = self.wants.send(want);
        }
    }
}

/// Answers what a shelf's solvers ask for, until it is dropped. An error is one of this host.
pub(super) async fn serve(
    context: &Context<'_>,
    indexes: &Indexes,
    mut ahead: Ahead,
    mut requests: Requests,
) -> Result<std::convert::Infallible> {
    let pages = Pages::new(context, indexes);
    let hosts = Mutex::default();
    let mut begun = HashSet::new();
    let mut later = VecDeque::from(ahead.begin());
    let mut running = FuturesUnordered::new();
    let at_once = context.questions().max(1);
    let answer = async |subject: Subject, key: Key| {
        let came = match subject {
            Subject::Project(name) => {
                let found = pages.project(&name).await;
                Came::Project(key.clone(), found.map(|found| found.map(Arc::new)))
            }
            Subject::Direct(name, url) => {
                let found = pages::direct(&name, &url, indexes);
                Came::Project(key.clone(), found.map(|found| Some(Arc::new(found))))
            }
            Subject::Metadata(found, at) => {
                let described = metadata::read(context, &hosts, &found, at).await;
                Came::Metadata(found.place(at), described)
            }
        };
        (key, came)
    };
    loop {
        while running.len() < at_once
            && let Some(want) = later.pop_front()
        {
            let key = want.subject.key();
            if begun.insert(key.clone()) {
                running.push(answer(want.subject, key));
            }
        }
        tokio::select! {
            biased;
            Some(want) = requests.wants.recv() => {
                if want.is_waited_for {
                    let key = want.subject.key();
                    if begun.insert(key.clone()) {
                        running.push(answer(want.subject, key));
                    }
                } else {
                    later.push_back(want);
                }
            }
            Some((key, came)) = running.next() => {
                requests.shelf.put(came)?;
                later.extend(requests.shelf.next(&key, &mut ahead));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_take_too_much_memory_is_not_held() {
        let (shelf, _requests) = Shelf::new();
        let found = |name: &str| {
            let url = format!("https://h.example/{name}-1.0.tar.gz").parse().unwrap();
            let found = pages::direct(&name.parse().unwrap(), &url, &Indexes::default()).unwrap();
            assert!((200..2_000).contains(&found.memory()), "{}", found.memory());
            Came::Project(Key::Project(name.parse().unwrap()), Ok(Some(Arc::new(found))))
        };
        shelf.state().memory = limits::LISTED_MEMORY - 2_000;
        shelf.put(found("first")).unwrap();
        shelf.state().memory = limits::LISTED_MEMORY;
        shelf.put(found("second")).unwrap();
        assert!(shelf.list(&"first".parse().unwrap()).unwrap().is_some());
        let full = shelf.list(&"second".parse().unwrap()).unwrap_err().to_string();
        assert!(full.contains("more than 2147483648 bytes of memory"), "{full}");
    }

    #[test]
    fn whoever_solves_is_stopped_where_nobody_answers() {
        let (shelf, requests) = Shelf::new();
        shelf.go_on().unwrap();
        drop(requests);
        let stopped = shelf.go_on().unwrap_err().into_error();
        assert!(matches!(stopped, Error::Cancelled));
        let asked = shelf.list(&"lib".parse().unwrap()).unwrap_err().into_error();
        assert!(matches!(asked, Error::Cancelled));
    }
}
