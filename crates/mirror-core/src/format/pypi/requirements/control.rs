//! Choices per project, as pip keeps them: `--no-binary` against `--only-binary`, and
//! `--all-releases` against `--only-final`. A project is under one of the two at most; what comes
//! later counts.

use std::collections::BTreeSet;

use pep508_rs::PackageName;

use super::super::input::{Fault, shown};
use super::options::PROJECTS;
use crate::format::pypi::requirement::package_name;

/// Two sets of projects that exclude one another, either of which may stand for all projects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Pair {
    sides: [Side; 2],
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Side {
    all: bool,
    names: BTreeSet<PackageName>,
}

impl Pair {
    /// Takes the value of an option of that side: names with commas, `:all:` and `:none:`, from left
    /// to right.
    fn add(&mut self, side: usize, option: &'static str, value: &str) -> Result<(), Fault> {
        let wrong = |found: &str| {
            let found = format!("{:?}", shown(found));
            Fault::OptionValue { option, expected: PROJECTS, found }
        };
        for item in value.split(',') {
            match item {
                ":all:" => {
                    self.sides[1 - side] = Side::default();
                    self.sides[side] = Side { all: true, names: BTreeSet::new() };
                }
                ":none:" => self.sides[side] = Side::default(),
                name => {
                    let name = package_name(name.trim()).ok_or_else(|| wrong(name))?;
                    self.sides[1 - side].names.remove(&name);
                    self.sides[side].names.insert(name);
                }
            }
        }
        Ok(())
    }

    /// The projects of both sides: whether all, and those that are named.
    fn sides(&self) -> [(bool, &BTreeSet<PackageName>); 2] {
        self.sides.each_ref().map(|side| (side.all, &side.names))
    }

    /// The side that the project is on: by its name, else with all.
    fn side_of(&self, name: &PackageName) -> Option<usize> {
        let [first, second] = &self.sides;
        if first.names.contains(name) {
            Some(0)
        } else if second.names.contains(name) {
            Some(1)
        } else if first.all {
            Some(0)
        } else {
            second.all.then_some(1)
        }
    }
}

/// The kinds of files that a project may be taken as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formats {
    /// Wheels and source distributions.
    Any,
    /// Wheels, under `--only-binary`.
    Wheels,
    /// Source distributions, under `--no-binary`.
    Sdists,
}

/// `--no-binary` and `--only-binary`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatControl(Pair);

impl FormatControl {
    /// Takes the value of a `--no-binary`.
    pub fn no_binary(&mut self, value: &str) -> Result<(), Fault> {
        self.0.add(0, "--no-binary", value)
    }

    /// Takes the value of an `--only-binary`.
    pub fn only_binary(&mut self, value: &str) -> Result<(), Fault> {
        self.0.add(1, "--only-binary", value)
    }

    /// The projects of `--no-binary` and of `--only-binary`: whether all, and those that are named.
    pub fn projects(&self) -> [(bool, &BTreeSet<PackageName>); 2] {
        self.0.sides()
    }

    /// What that project may be taken as.
    pub fn formats(&self, name: &PackageName) -> Formats {
        match self.0.side_of(name) {
            Some(0) => Formats::Sdists,
            Some(_) => Formats::Wheels,
            None => Formats::Any,
        }
    }
}

/// `--pre`, `--all-releases` and `--only-final`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseControl(Pair);

impl ReleaseControl {
    /// Takes the value of an `--all-releases`.
    pub fn all_releases(&mut self, value: &str) -> Result<(), Fault> {
        self.0.add(0, "--all-releases", value)
    }

    /// Takes the value of an `--only-final`.
    pub fn only_final(&mut self, value: &str) -> Result<(), Fault> {
        self.0.add(1, "--only-final", value)
    }

    /// Takes a `--pre`: all releases of all projects, but for those of `--only-final` by name.
    pub fn pre(&mut self) {
        self.0.sides[0].all = true;
    }

    /// The projects of `--all-releases` and of `--only-final`: whether all, and those that are named.
    pub fn projects(&self) -> [(bool, &BTreeSet<PackageName>); 2] {
        self.0.sides()
    }

    /// Whether pre-releases of that project are wanted; `None`: as the version specifiers say.
    pub fn prereleases(&self, name: &PackageName) -> Option<bool> {
        self.0.side_of(name).map(|side| side == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PackageName {
        text.parse().unwrap()
    }

    #[test]
    fn the_later_word_counts() {
        let mut control = FormatControl::default();
        let kinds = |control: &FormatControl| ["a", "b"].map(|n| control.formats(&name(n)));
        assert_eq!(kinds(&control), [Formats::Any, Formats::Any]);
        control.no_binary("A,other").unwrap();
        assert_eq!(kinds(&control), [Formats::Sdists, Formats::Any]);
        control.only_binary(":all:").unwrap();
        assert_eq!(kinds(&control), [Formats::Wheels, Formats::Wheels]);
        control.no_binary("b").unwrap();
        assert_eq!(kinds(&control), [Formats::Wheels, Formats::Sdists]);
        control.only_binary(":none:").unwrap();
        assert_eq!(kinds(&control), [Formats::Any, Formats::Sdists]);
        control.only_binary(":all:,:none:,a").unwrap();
        assert_eq!(kinds(&control), [Formats::Wheels, Formats::Any]);
        let error = control.no_binary("a,b c").unwrap_err().to_string();
        assert_eq!(
            error,
            "option --no-binary: expected names of projects with commas, :all: or :none:, found \"b c\""
        );
        assert!(control.no_binary("").is_err());
    }

    #[test]
    fn pre_is_for_all_that_are_not_named_otherwise() {
        let mut control = ReleaseControl::default();
        assert_eq!(control.prereleases(&name("a")), None);
        control.only_final("a").unwrap();
        control.pre();
        assert_eq!(control.prereleases(&name("a")), Some(false));
        assert_eq!(control.prereleases(&name("b")), Some(true));
        control.all_releases("a").unwrap();
        assert_eq!(control.prereleases(&name("a")), Some(true));
    }
}
