//! What came of a set, as data.

use serde::Serialize;

/// What came of a set for hosts of one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The set; empty where it has no name.
    pub set: String,
    /// The architecture.
    pub arch: String,
    /// The user's words, in their order, with the packages that they stand for.
    pub asked: Vec<AskedFor>,
    /// The packages that are taken, in the order of their names.
    pub packages: Vec<Taken>,
    /// What a user may want to know, though it stands in nothing's way.
    pub notes: Vec<String>,
    /// Why there is no answer, a statement a line; empty where there is one.
    pub unsolved: Vec<String>,
}

/// What a word of the user's stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedFor {
    /// The word.
    pub text: String,
    /// The packages: name, epoch where there is one, version, release and architecture.
    pub packages: Vec<String>,
}

/// A package that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Name, epoch where there is one, version, release and architecture.
    pub package: String,
    /// The tree that it is taken into.
    pub tree: String,
    /// The user's words that it answers; empty where it is there for others alone.
    pub asked: Vec<String>,
    /// What brought it, the first few.
    pub brought: Vec<Brought>,
}

/// What brought a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// The package that asks for it.
    pub by: String,
    /// In which words.
    pub dependency: String,
    /// Whether it is only better with it.
    pub is_weak: bool,
}

impl Answer {
    /// How many packages are taken for what others need, and not because they were asked for.
    pub fn brought(&self) -> usize {
        self.packages.iter().filter(|package| package.asked.is_empty()).count()
    }
}
