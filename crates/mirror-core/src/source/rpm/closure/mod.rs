//! Packages that are chosen of several repositories together, with what they need in whichever of them.
//!
//! A [`Closure`] is shared by the sources of the repositories, its *members*, which a run resolves at the
//! same time. Each tells the others which state of its upstream it has pinned; where all are what they
//! were when their trees were published, nothing more is read. Else each brings what its metadata says
//! into the store, and whoever has the turn solves one goal over all of them for each set and
//! architecture. The answer says of each member's packages which are taken.
//!
//! Nobody waits without end: a member that fails makes the others fail, one that ended can be asked no
//! more, and what is dropped ends. Where a member moved on after the others had their answer, theirs is
//! *outdated*, and the run resolves all of them again.

mod answer;
mod solve;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use answer::{Answer, AskedFor, Brought, Taken};
pub(super) use solve::Metadata;
use solve::{Chosen, Given};

use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::resolve::rpm::{Hidden, PackageSet};
use crate::source::{Context, Turn};

/// What is asked of several repositories together.
#[derive(Debug)]
pub struct Closure {
    sets: Vec<PackageSet>,
    table: Mutex<Table>,
    /// Counts the changes of the table.
    changes: watch::Sender<u64>,
    /// Who has it solves.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Table {
    members: Vec<Member>,
    /// Counts what members hand in.
    version: u64,
    /// The answer to one version.
    answer: Option<(u64, Arc<Answered>)>,
    /// Whether a member was needed that had ended without being read.
    again: bool,
    /// Whether all are to be read, changed or not.
    all: bool,
}

/// A repository of the closure.
#[derive(Debug)]
struct Member {
    /// Its tree, or where it lies; for messages.
    name: String,
    /// Which upstream it is, and what is selected of it.
    identity: String,
    arches: Vec<String>,
    standing: Standing,
    /// The state that it has pinned.
    pinned: Option<Sha256>,
    /// By which states it was chosen when its tree was published; `None` where the tree is another
    /// than that.
    recorded: Option<Sha256>,
    /// What it has handed in.
    state: Option<Arc<State>>,
    /// The states that its answer is for.
    answered: Option<Sha256>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// It takes no part in the run.
    Absent,
    UnderWay,
    Ended,
    Failed(String),
}

/// What a member hands in: its metadata, and why packages are hidden, by their numbers.
#[derive(Debug)]
pub(super) struct State {
    pub(super) pinned: Sha256,
    pub(super) metadata: Metadata,
    pub(super) hidden: Vec<Option<Hidden>>,
}

/// The answer for all members in the same states.
#[derive(Debug)]
struct Answered {
    /// The states.
    states: Sha256,
    chosen: Result<Chosen, Arc<Error>>,
    answers: Vec<Answer>,
}

/// What is taken of a member.
#[derive(Debug)]
pub(super) struct Choice {
    /// The states of all members that it was chosen for.
    pub(super) states: Sha256,
    /// For each package by its number, whether it is taken.
    pub(super) taken: Vec<bool>,
}

/// A source's place among those that it chooses with.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    closure: Arc<Closure>,
    number: usize,
}

impl Closure {
    /// What `sets` ask for, for the repositories that are given it
    /// ([`RpmSource::chosen_with`](super::RpmSource::chosen_with)): of each, what any of the sets takes.
    pub fn new(sets: Vec<PackageSet>) -> Self {
        Self {
            sets,
            table: Mutex::default(),
            changes: watch::channel(0).0,
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// What came of each set for each architecture in the last run; empty where all was unchanged.
    pub fn answers(&self) -> Vec<Answer> {
        let table = self.table();
        table.answer.as_ref().map(|(_, answered)| answered.answers.clone()).unwrap_or_default()
    }

    /// All that is asked for, as text of one line: the same for the same sets.
    fn fingerprint(&self) -> String {
        let text = format!("{:?}", self.sets);
        format!("packages={}", Sha256::of(text.as_bytes()))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let changed = change(&mut self.table());
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        changed
    }

    /// Waits until `look` finds something.
    async fn until<T>(&self, mut look: impl FnMut(&mut Table) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(found) = look(&mut self.table()) {
                return found;
            }
            // Its sender is ours.
            let _ = changes.changed().await;
        }
    }
}

impl Table {
    fn present(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.standing != Standing::Absent)
    }

    /// What all members have pinned, as one digest; `None` where one has not.
    fn states(&self) -> Option<Sha256> {
        let mut lines = Vec::new();
        for member in self.present() {
            lines.push(format!("{} {}\n", member.identity, member.pinned?));
        }
        lines.sort();
        Some(Sha256::of(lines.concat().as_bytes()))
    }

    /// Whether all trees were published for these states.
    fn is_unchanged(&self) -> bool {
        let states = self.states();
        states.is_some() && !self.all && self.present().all(|member| member.recorded == states)
    }

    /// What keeps `number` from being chosen for, whatever comes.
    fn failed(&self, number: usize) -> Option<Error> {
        let mut others = self.members.iter().enumerate().filter(|(other, _)| *other != number);
        others.find_map(|(_, other)| match &other.standing {
            Standing::Failed(reason) => {
                Some(Error::Without { other: other.name.clone(), reason: reason.clone() })
            }
            _ => None,
        })
    }
}

impl Seat {
    /// A place in `closure`, for hosts of these architectures.
    pub(super) fn take(closure: &Arc<Closure>, identity: String, arches: &[String]) -> Self {
        let number = closure.change(|table| {
            table.members.push(Member {
                name: identity.clone(),
                identity,
                arches: arches.to_vec(),
                standing: Standing::Absent,
                pinned: None,
                recorded: None,
                state: None,
                answered: None,
            });
            table.members.len() - 1
        });
        Self { closure: Arc::clone(closure), number }
    }

    /// Tells this closure from others.
    pub(super) fn key(&self) -> usize {
        Arc::as_ptr(&self.closure) as usize
    }

    /// What is asked for, and of which hosts, as text of one line.
    pub(super) fn fingerprint(&self) -> String {
        let arches = self.closure.table().members[self.number].arches.join(",");
        format!("{} for={arches}", self.closure.fingerprint())
    }

    /// The member is about to be resolved.
    pub(super) fn begin(&self, turn: Turn) {
        self.closure.change(|table| {
            match turn {
                Turn::First => {
                    (table.again, table.all, table.answer) = (false, false, None);
                    table.members[self.number].answered = None;
                }
                Turn::Again => table.all |= std::mem::take(&mut table.again),
            }
            let member = &mut table.members[self.number];
            member.standing = Standing::UnderWay;
            (member.pinned, member.recorded, member.state) = (None, None, None);
        });
    }

    /// The member is not going to be read.
    pub(super) fn fail(&self, why: &str) {
        self.closure.change(|table| {
            let standing = &mut table.members[self.number].standing;
            if !matches!(standing, Standing::Failed(_)) {
                *standing = Standing::Failed(why.to_owned());
            }
        });
    }

    /// Whether the answer that it had is for states that are not those of now.
    pub(super) fn is_outdated(&self) -> bool {
        let table = self.closure.table();
        let answered = table.members[self.number].answered;
        table.again || (answered.is_some() && table.states().is_some_and(|s| Some(s) != answered))
    }

    /// The member is being resolved, until the guard is dropped.
    pub(super) fn enter(&self, tree: &str, identity: String) -> Resolving<'_> {
        self.closure.change(|table| {
            let member = &mut table.members[self.number];
            tree.clone_into(&mut member.name);
            (member.identity, member.standing) = (identity, Standing::UnderWay);
        });
        Resolving(self)
    }

    /// Tells the others what state the member has pinned, and by which states its tree was published,
    /// where it is otherwise what it was. True where the same holds for all of them: nothing is to be
    /// chosen then.
    pub(super) async fn pin(
        &self,
        context: &Context<'_>,
        pinned: Sha256,
        recorded: Option<Sha256>,
    ) -> Result<bool> {
        self.closure.change(|table| {
            let member = &mut table.members[self.number];
            (member.pinned, member.recorded, member.state) = (Some(pinned), recorded, None);
        });
        let all_pinned = self.closure.until(|table| {
            if let Some(error) = table.failed(self.number) {
                return Some(Err(error));
            }
            let is_awaited =
                |member: &Member| member.pinned.is_none() && member.standing == Standing::UnderWay;
            if table.present().any(is_awaited) {
                return None;
            }
            let is_unchanged = table.is_unchanged();
            if is_unchanged {
                table.members[self.number].answered = table.states();
            }
            Some(Ok(is_unchanged))
        });
        context.aside(all_pinned).await
    }

    /// Hands in what the member's metadata says, and learns what is taken of it.
    pub(super) async fn choose(&self, context: &Context<'_>, state: State) -> Result<Choice> {
        let state = Arc::new(state);
        self.closure.change(|table| {
            table.version += 1;
            let member = &mut table.members[self.number];
            (member.pinned, member.state) = (Some(state.pinned), Some(state));
        });
        let answered = loop {
            context.aside(self.closure.until(|table| self.all_read(table))).await?;
            let _turn = context.aside(self.closure.turn.lock()).await;
            if let Some(answered) = self.answer(context).await? {
                break answered;
            }
        };
        self.closure.change(|table| {
            table.members[self.number].answered = Some(answered.states);
        });
        match &answered.chosen {
            Ok(chosen) => Ok(Choice {
                states: answered.states,
                taken: chosen.taken.get(&self.number).cloned().unwrap_or_default(),
            }),
            Err(error) => Err(Error::Shared(Arc::clone(error))),
        }
    }

    /// Whether all that are needed have handed in what they are.
    fn all_read(&self, table: &mut Table) -> Option<Result<()>> {
        // Where there is no answer, whoever heard of it first may have failed by now.
        if table.answer.as_ref().is_some_and(|(version, _)| *version == table.version) {
            return Some(Ok(()));
        }
        if let Some(error) = table.failed(self.number) {
            return Some(Err(error));
        }
        let is_lacking =
            |member: &&Member| member.state.is_none() && member.standing == Standing::Ended;
        let ended = table.present().find(is_lacking).map(|member| member.name.clone());
        if let Some(other) = ended {
            table.again = true;
            let reason = "it was not read, since it is what it was".to_owned();
            return Some(Err(Error::Without { other, reason }));
        }
        table.present().all(|member| member.state.is_some()).then_some(Ok(()))
    }

    /// The answer for what all have handed in; `None` where one of them took it back meanwhile.
    async fn answer(&self, context: &Context<'_>) -> Result<Option<Arc<Answered>>> {
        let (version, states, given) = {
            let table = self.closure.table();
            if let Some((_, answered)) = table.answer.as_ref().filter(|(v, _)| *v == table.version)
            {
                return Ok(Some(Arc::clone(answered)));
            }
            let Some(states) = table.states() else { return Ok(None) };
            let mut given = Vec::new();
            for (number, member) in table.members.iter().enumerate() {
                if member.standing == Standing::Absent {
                    continue;
                }
                let Some(state) = member.state.clone() else { return Ok(None) };
                let (name, arches) = (member.name.clone(), member.arches.clone());
                given.push((number, name, arches, state));
            }
            (table.version, states, given)
        };
        let mut opened = Vec::with_capacity(given.len());
        for (number, name, arches, state) in given {
            opened.push(Given::open(context, number, name, arches, state)?);
        }
        let (chosen, answers) = solve::solve(self.closure.sets.clone(), opened).await?;
        let answered = Arc::new(Answered { states, chosen: chosen.map_err(Arc::new), answers });
        self.closure.change(|table| {
            table.all = false;
            table.answer = Some((version, Arc::clone(&answered)));
        });
        Ok(Some(answered))
    }
}

/// A member while it is resolved.
pub(super) struct Resolving<'a>(&'a Seat);

impl Drop for Resolving<'_> {
    fn drop(&mut self) {
        self.0.closure.change(|table| {
            let standing = &mut table.members[self.0.number].standing;
            if *standing == Standing::UnderWay {
                *standing = Standing::Ended;
            }
        });
    }
}
