//! What changed between two states of a tree, or of two trees: packages and advisories.
//!
//! Nothing here reads anything: both states are [`Contents`].

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Display;

use serde::Serialize;

use crate::digest::Sha256;
use crate::format::pypi::Version;
use crate::format::rpm::nevra::{Evr, Nevra};
use crate::format::rpm::updateinfo::{self, Advisories, Advisory};

/// What a tree holds.
#[derive(Debug, Clone)]
pub enum Contents {
    /// An RPM repository.
    Rpm {
        /// Its packages.
        packages: Vec<Package>,
        /// Its advisories.
        advisories: Advisories,
    },
    /// Python packages.
    Python(Vec<Distribution>),
}

/// A package of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Which build it is.
    pub nevra: Nevra,
    /// The content of its file, where the repository gives its SHA-256.
    pub sha256: Option<Sha256>,
}

/// A file of a Python project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The project.
    pub project: String,
    /// The version that it is of; `None` where its name says none.
    pub version: Option<Version>,
    /// Its name.
    pub filename: String,
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Packages, by their names.
    pub packages: Vec<Change>,
    /// Advisories that came, or that say something else, in the order of the new state.
    pub advisories: Vec<Came>,
}

/// What became of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its name; of a Python package the project's.
    pub name: String,
    /// Its architecture; a Python package has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// What became of it.
    #[serde(rename = "change")]
    pub kind: Kind,
    /// The version that it was of.
    pub old: Option<String>,
    /// The version that it is of.
    pub new: Option<String>,
    /// The files of a Python package that came or went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// What became of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Its newest version is newer than the newest was.
    Updated,
    /// Its newest version is older than the newest was.
    Downgraded,
    /// A version that was not there; or files of one that was.
    Added,
    /// A version that is no longer there; or files of one that is.
    Removed,
    /// The same build, with another content.
    Replaced,
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Downgraded => "downgraded",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
        }
    }
}

/// An advisory that came, or that says something else than it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Came {
    /// Its name.
    pub id: String,
    /// Whether it was there before, in another edition.
    pub changed: bool,
    /// What it is about: `security`, `bugfix`, `enhancement` …
    #[serde(rename = "type")]
    pub kind: String,
    /// How bad what it mends is.
    pub severity: String,
    /// The CVEs that it names.
    pub cves: Vec<String>,
    /// Its title.
    pub title: String,
    /// When it was issued, as its maker writes that.
    pub issued: String,
}

impl Contents {
    /// What they are, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rpm { .. } => "RPM packages",
            Self::Python(_) => "Python packages",
        }
    }
}

/// What changed from `old` to `new`; `None` where one holds RPM packages and the other Python ones.
///
/// Of each package and architecture the newest versions are held against each other; versions beside
/// them came or went.
pub fn compare(old: &Contents, new: &Contents) -> Option<Comparison> {
    match (old, new) {
        (
            Contents::Rpm { packages: old, advisories: told },
            Contents::Rpm { packages: new, advisories },
        ) => Some(Comparison {
            packages: changes(&by_name(old), &by_name(new)),
            advisories: came(told, advisories),
        }),
        (Contents::Python(old), Contents::Python(new)) => Some(Comparison {
            packages: changes(&by_project(old), &by_project(new)),
            advisories: Vec::new(),
        }),
        _ => None,
    }
}

/// A package and its architecture.
type Subject<'a> = (&'a str, Option<&'a str>);

/// The versions of each, and what tells two files of one version apart.
type Versions<'a, V> = BTreeMap<Subject<'a>, BTreeMap<V, BTreeSet<String>>>;

fn by_name(packages: &[Package]) -> Versions<'_, Evr> {
    let mut versions = Versions::new();
    for Package { nevra, sha256 } in packages {
        let subject = (nevra.name.as_str(), Some(nevra.arch.as_str()));
        let of: &mut BTreeMap<_, BTreeSet<_>> = versions.entry(subject).or_default();
        of.entry(nevra.evr.clone()).or_default().extend(sha256.map(|sha256| sha256.hex()));
    }
    versions
}

fn by_project(files: &[Distribution]) -> Versions<'_, Option<Version>> {
    let mut versions = Versions::new();
    for Distribution { project, version, filename } in files {
        let of: &mut BTreeMap<_, BTreeSet<_>> = versions.entry((project, None)).or_default();
        of.entry(version.clone()).or_default().insert(filename.clone());
    }
    versions
}

/// A version as it is shown.
trait Shown: Ord {
    fn shown(&self) -> String;
}

impl Shown for Evr {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl<V: Ord + Display> Shown for Option<V> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string)
    }
}

fn changes<V: Shown>(old: &Versions<'_, V>, new: &Versions<'_, V>) -> Vec<Change> {
    let none = BTreeMap::new();
    let subjects: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for subject in subjects {
        let (old, new) = (old.get(subject).unwrap_or(&none), new.get(subject).unwrap_or(&none));
        changes_of(*subject, old, new, &mut changes);
    }
    changes
}

fn changes_of<V: Shown>(
    (name, arch): Subject<'_>,
    old: &BTreeMap<V, BTreeSet<String>>,
    new: &BTreeMap<V, BTreeSet<String>>,
    changes: &mut Vec<Change>,
) {
    let is_python = arch.is_none();
    let mut push = |kind, old: Option<&V>, new: Option<&V>, files: Vec<&String>| {
        let files = files.into_iter().filter(|_| is_python).cloned().collect();
        let (name, arch) = (name.to_owned(), arch.map(str::to_owned));
        let (old, new) = (old.map(V::shown), new.map(V::shown));
        changes.push(Change { name, arch, kind, old, new, files });
    };
    // A version that is the newest on both sides has not moved.
    let newest = old.last_key_value().zip(new.last_key_value());
    let moved = newest.map(|((old, _), (new, _))| (old, new)).filter(|(old, new)| old != new);
    if let Some((old, new)) = moved {
        let kind = if new > old { Kind::Updated } else { Kind::Downgraded };
        push(kind, Some(old), Some(new), Vec::new());
    }
    for (version, files) in new {
        match old.get(version) {
            None if moved.is_some_and(|(_, new)| new == version) => {}
            None => push(Kind::Added, None, Some(version), files.iter().collect()),
            Some(before) if is_python => {
                let came: Vec<_> = files.difference(before).collect();
                if !came.is_empty() {
                    push(Kind::Added, None, Some(version), came);
                }
                let gone: Vec<_> = before.difference(files).collect();
                if !gone.is_empty() {
                    push(Kind::Removed, Some(version), None, gone);
                }
            }
            Some(before) if files != before && !files.is_empty() && !before.is_empty() => {
                push(Kind::Replaced, Some(version), Some(version), Vec::new());
            }
            Some(_) => {}
        }
    }
    for (version, files) in old {
        let is_replaced = moved.is_some_and(|(old, _)| old == version);
        if !new.contains_key(version) && !is_replaced {
            push(Kind::Removed, Some(version), None, files.iter().collect());
        }
    }
}

/// The advisories that `old` does not have, or has in another edition. One without an id is taken for
/// the one of the same title.
fn came(old: &Advisories, new: &Advisories) -> Vec<Came> {
    let edition = |advisory: &Advisory| {
        let builds = advisory.packages().filter_map(updateinfo::Package::nevra);
        let builds: BTreeSet<_> = builds.collect();
        (advisory.version.clone(), advisory.updated.clone(), builds)
    };
    let nameless = old.list().iter().filter(|advisory| advisory.id.is_empty());
    let nameless: HashSet<_> = nameless.map(|advisory| advisory.title.as_str()).collect();
    let is_news = |advisory: &&Advisory| {
        if advisory.id.is_empty() {
            return !nameless.contains(advisory.title.as_str());
        }
        old.get(&advisory.id).is_none_or(|known| edition(known) != edition(advisory))
    };
    let news = new.list().iter().filter(is_news);
    news.map(|advisory| Came {
        id: advisory.id.clone(),
        changed: !advisory.id.is_empty() && old.get(&advisory.id).is_some(),
        kind: advisory.kind.clone(),
        severity: advisory.severity.clone(),
        cves: advisory.cves().map(str::to_owned).collect(),
        title: advisory.title.clone(),
        issued: advisory.issued.clone(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn packages(nevras: &[&str]) -> Contents {
        let package = |nevra: &&str| {
            let (nevra, content) = nevra.split_once(' ').unwrap_or((nevra, nevra));
            let sha256 = Some(Sha256::of(content.as_bytes()));
            Package { nevra: nevra.parse().unwrap(), sha256 }
        };
        let packages = nevras.iter().map(package).collect();
        Contents::Rpm { packages, advisories: Advisories::default() }
    }

    fn python(files: &[(&str, &str, &str)]) -> Contents {
        let file = |(project, version, filename): &(&str, &str, &str)| Distribution {
            project: (*project).to_owned(),
            version: version.parse().ok(),
            filename: (*filename).to_owned(),
        };
        Contents::Python(files.iter().map(file).collect())
    }

    fn lines(old: &Contents, new: &Contents) -> Vec<String> {
        let comparison = compare(old, new).unwrap();
        let line = |change: &Change| {
            let Change { name, arch, kind, old, new, files } = change;
            let arch = arch.as_ref().map(|arch| format!(".{arch}")).unwrap_or_default();
            let texts = [old, new].map(|text| text.clone().unwrap_or_default());
            let line = [kind.name(), &format!("{name}{arch}"), &texts[0], &texts[1]];
            let files = files.iter().map(String::as_str);
            line.into_iter().chain(files).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
        };
        comparison.packages.iter().map(line).collect()
    }

    #[test]
    fn holds_the_newest_against_the_newest() {
        let old = packages(&[
            "a-1-1.noarch",
            "a-2-1.noarch",
            "b-1-1.x86_64",
            "b-1-1.i686",
            "c-2-1.noarch",
            "d-1-1.noarch",
            "e-1-1.noarch one",
            "f-1.0-1.noarch",
        ]);
        let new = packages(&[
            "a-2-1.noarch",
            "a-3-1.noarch",
            "a-2.5-1.noarch",
            "b-1:0-1.x86_64",
            "b-1-1.i686",
            "c-1-1.noarch",
            "e-1-1.noarch other",
            "f-1_0-1.noarch f-1.0-1.noarch",
            "g-1-1.noarch",
        ]);
        assert_eq!(
            lines(&old, &new),
            [
                "updated a.noarch 2-1 3-1",
                "added a.noarch 2.5-1",
                "removed a.noarch 1-1",
                "updated b.x86_64 1-1 1:0-1",
                "downgraded c.noarch 2-1 1-1",
                "removed d.noarch 1-1",
                "replaced e.noarch 1-1 1-1",
                "added g.noarch 1-1",
            ]
        );
        assert_eq!(compare(&old, &python(&[])), None);
    }

    #[test]
    fn names_the_files_of_python_projects() {
        let old =
            python(&[("a", "1.0", "a-1.0.tar.gz"), ("a", "0.9", "a-0.9.whl"), ("b", "1", "b")]);
        let new = python(&[
            ("a", "1.0", "a-1.0.whl"),
            ("a", "0.9", "a-0.9.whl"),
            ("a", "1.0", "a-1.0.tar.gz"),
            ("b", "2", "b2"),
            ("c", "x", "c.egg"),
        ]);
        let expected = ["added a 1.0 a-1.0.whl", "updated b 1 2", "added c ? c.egg"];
        assert_eq!(lines(&old, &new), expected);
        let expected = ["removed a 1.0 a-1.0.whl", "downgraded b 2 1", "removed c ? c.egg"];
        assert_eq!(lines(&new, &old), expected);
    }

    #[test]
    fn tells_of_an_advisory_that_names_other_packages() {
        let contents = |builds: &[&str]| {
            let package = |version: &&str| {
                format!("<package name='a' version='{version}' release='1' arch='noarch'/>")
            };
            let packages: String = builds.iter().map(package).collect();
            let text = format!(
                "<updates><update version='1'><id>A</id><pkglist><collection>{packages}\
                 </collection></pkglist></update></updates>"
            );
            let mut advisories = Advisories::default();
            advisories.read(text.as_bytes()).unwrap();
            Contents::Rpm { packages: Vec::new(), advisories }
        };
        let changed = |old, new| {
            let came = compare(&contents(old), &contents(new)).unwrap().advisories;
            came.iter().filter(|came| came.changed).count()
        };
        assert_eq!(changed(&["1"], &["1", "2"]), 1);
        assert_eq!(changed(&["1", "2"], &["2", "1.0", "1", "1"]), 1);
        assert_eq!(changed(&["1", "2"], &["2", "1", "1"]), 0, "the same in another order");
    }

    #[test]
    fn tells_of_advisories_that_came_or_changed() {
        let contents = |text: &str| {
            let mut advisories = Advisories::default();
            advisories.read(format!("<updates>{text}</updates>").as_bytes()).unwrap();
            Contents::Rpm { packages: Vec::new(), advisories }
        };
        let old = contents(
            "<update version='1'><id>A</id></update><update version='1'><id>B</id></update>\
             <update><title>nameless</title></update>",
        );
        let new = contents(
            "<update version='1'><id>A</id></update><update version='2'><id>B</id></update>\
             <update type='security'><id>C</id><severity>Low</severity><references>\
             <reference type='cve' id='CVE-1'/></references></update>\
             <update><title>nameless</title></update><update><title>other</title></update>",
        );
        let came = compare(&old, &new).unwrap().advisories;
        let ids: Vec<_> = came.iter().map(|came| (came.id.as_str(), came.changed)).collect();
        assert_eq!(ids, [("B", true), ("C", false), ("", false)]);
        assert_eq!((came[1].kind.as_str(), came[1].cves.len()), ("security", 1));
    }

    proptest! {
        #[test]
        fn what_changed_leads_from_the_old_to_the_new(
            old in vec("[a-c]-[1-4]-1\\.noarch", 0..8), new in vec("[a-c]-[1-4]-1\\.noarch", 0..8)
        ) {
            let contents = |texts: &[String]| {
                packages(&texts.iter().map(String::as_str).collect::<Vec<_>>())
            };
            prop_assert!(lines(&contents(&old), &contents(&old)).is_empty());
            let mut there: BTreeSet<String> = old.iter().cloned().collect();
            let wanted: BTreeSet<String> = new.iter().cloned().collect();
            for change in compare(&contents(&old), &contents(&new)).unwrap().packages {
                let nevra = |evr: &String| format!("{}-{evr}.noarch", change.name);
                // An update may leave the old one beside the new one.
                let old = change.old.as_ref().map(nevra).filter(|old| !wanted.contains(old));
                old.map(|old| there.remove(&old));
                there.extend(change.new.as_ref().map(nevra));
            }
            prop_assert_eq!(there, wanted);
        }
    }
}
