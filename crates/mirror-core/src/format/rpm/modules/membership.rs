//! Which streams a package is of.

use std::collections::HashMap;
use std::fmt;

use super::{Broken, Modules};
use crate::format::rpm::nevra::Nevra;

/// A stream, with its context: what is updated by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The module.
    pub name: String,
    /// The stream.
    pub stream: String,
    /// What tells builds apart that require different streams of other modules: the newest of one is
    /// no update for another.
    pub context: String,
}

/// `name:stream:context`.
impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.stream, self.context)
    }
}

/// Which streams each package is of.
#[derive(Debug, Clone, Default)]
pub struct Membership {
    streams: Vec<StreamId>,
    of: HashMap<Nevra, Vec<usize>>,
}

/// It is not known which packages are of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not known which packages are of modules: {first}{}", others(*.count))]
pub struct UnknownStreams {
    /// The first document that cannot be read.
    pub first: Broken,
    /// How many there are.
    pub count: usize,
}

fn others(count: usize) -> String {
    match count.saturating_sub(1) {
        0 => String::new(),
        1 => ", and so is another".to_owned(),
        others => format!(", and so are {others} others"),
    }
}

impl Membership {
    /// The streams that the package is of, in the documents' order; none where it is of no module.
    pub fn of(&self, package: &Nevra) -> impl Iterator<Item = &StreamId> {
        let known = self.of.get(package).into_iter().flatten();
        known.filter_map(|at| self.streams.get(*at))
    }

    /// Whether the package is of a module.
    pub fn is_modular(&self, package: &Nevra) -> bool {
        self.of.contains_key(package)
    }
}

impl Modules {
    /// Which streams each package is of.
    ///
    /// An error where a document cannot be read that may list packages: they would be taken for those
    /// of no module.
    pub fn membership(&self) -> Result<Membership, UnknownStreams> {
        let mut broken = self.broken().filter(|broken| broken.may_list_packages());
        if let Some(first) = broken.next() {
            return Err(UnknownStreams { first: first.clone(), count: 1 + broken.count() });
        }
        let mut membership = Membership::default();
        let mut known = HashMap::new();
        for stream in self.streams() {
            let id = StreamId {
                name: stream.name.clone(),
                stream: stream.stream.clone(),
                context: stream.context.clone(),
            };
            let next = membership.streams.len();
            let at = *known.entry(id.clone()).or_insert(next);
            if at == next {
                membership.streams.push(id);
            }
            for artifact in &stream.artifacts {
                let of = membership.of.entry(artifact.clone()).or_default();
                if of.last() != Some(&at) && !of.contains(&at) {
                    of.push(at);
                }
            }
        }
        Ok(membership)
    }
}
