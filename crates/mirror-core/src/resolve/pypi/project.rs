//! A project as an index lists it: its files, ordered into releases, for every target alike.

use std::collections::{BTreeMap, HashMap};

use crate::digest::Digest;
use crate::format::pypi::filename::{BuildTag, DistFilename, WheelTags};
use crate::format::pypi::metadata::specifiers;
use crate::format::pypi::{PackageName, Version, VersionSpecifiers};

/// A file as an index lists it.
#[derive(Clone, Debug, Default)]
pub struct Listed<'a> {
    /// The name.
    pub filename: &'a str,
    /// The Pythons that it is for.
    pub requires_python: Option<&'a str>,
    /// Why it was withdrawn ([PEP 592](https://peps.python.org/pep-0592/)), if it was.
    pub yanked: Option<&'a str>,
    /// The digests that it is listed with.
    pub digests: Vec<Digest>,
}

/// Most notes that are kept of a project.
const NOTES: usize = 3;

/// The files of a project, by version.
#[derive(Clone, Debug)]
pub struct Project {
    /// The project.
    pub name: PackageName,
    /// The releases, oldest first.
    pub releases: Vec<Release>,
    /// What was passed over, and why: the first few.
    pub notes: Vec<String>,
    /// How much more was.
    pub more_notes: usize,
    /// The distinct tags of the wheels: a page of ten thousand files has some hundred.
    pub(super) tags: Vec<WheelTags>,
    /// The distinct Pythons that files ask for, with their text.
    pub(super) pythons: Vec<(String, VersionSpecifiers)>,
}

/// The files of a version.
#[derive(Clone, Debug)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// Its files, in the order of the page.
    pub files: Vec<ProjectFile>,
}

/// A file of a release.
#[derive(Clone, Debug)]
pub struct ProjectFile {
    /// The name.
    pub filename: Box<str>,
    /// Its place among the files that the project was made of.
    pub position: usize,
    /// Why it was withdrawn, if it was; empty where no reason is given.
    pub yanked: Option<Box<str>>,
    /// The digests that it is listed with.
    pub digests: Vec<Digest>,
    pub(super) kind: Kind,
    /// Its place in [`Project::pythons`].
    pub(super) python: Option<usize>,
}

/// A wheel, or a source distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wheel {
        /// The place in [`Project::tags`].
        tags: usize,
        build: Option<BuildTag>,
    },
    Sdist,
}

impl ProjectFile {
    /// Whether it is a wheel rather than a source distribution.
    pub fn is_wheel(&self) -> bool {
        self.kind != Kind::Sdist
    }
}

impl Project {
    /// Orders the files that an index lists of a project. What has no place in a release is passed
    /// over, with a note where it is no kind of file that installers leave alone.
    pub fn new<'a>(name: PackageName, listed: impl IntoIterator<Item = Listed<'a>>) -> Self {
        let mut project = Self {
            name,
            releases: Vec::new(),
            notes: Vec::new(),
            more_notes: 0,
            tags: Vec::new(),
            pythons: Vec::new(),
        };
        let mut releases: BTreeMap<Version, Vec<ProjectFile>> = BTreeMap::new();
        let mut known_tags = HashMap::new();
        let mut known_pythons = HashMap::new();
        for (position, listed) in listed.into_iter().enumerate() {
            let parsed = match DistFilename::parse(listed.filename, &project.name) {
                Ok(Some(parsed)) => parsed,
                Ok(None) => continue,
                Err(error) => {
                    project.note(|| error.to_string());
                    continue;
                }
            };
            let version = parsed.version().clone();
            let kind = match parsed {
                DistFilename::Wheel(wheel) => {
                    let tags = *known_tags.entry(wheel.tags).or_insert_with_key(|tags| {
                        project.tags.push(tags.clone());
                        project.tags.len() - 1
                    });
                    Kind::Wheel { tags, build: wheel.build }
                }
                DistFilename::Sdist(_) => Kind::Sdist,
            };
            let python = listed.requires_python.filter(|text| !text.trim().is_empty());
            let python = python.and_then(|text| {
                *known_pythons.entry(text).or_insert_with(|| project.learn_python(text))
            });
            let file = ProjectFile {
                filename: listed.filename.into(),
                position,
                yanked: listed.yanked.map(Into::into),
                digests: listed.digests,
                kind,
                python,
            };
            releases.entry(version).or_default().push(file);
        }
        let release = |(version, files)| Release { version, files };
        project.releases = releases.into_iter().map(release).collect();
        project
    }

    /// The Pythons that a file is listed for, as it is written.
    pub fn requires_python(&self, file: &ProjectFile) -> Option<&str> {
        file.python.map(|place| self.pythons[place].0.as_str())
    }

    /// Notes what is passed over, within bounds: a page may be full of it.
    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.notes.len() < NOTES {
            self.notes.push(text());
        } else {
            self.more_notes += 1;
        }
    }

    /// Keeps what a `Requires-Python` says. One that cannot be read restricts nothing, as pip has
    /// it: it is of old files, and their metadata has its say yet.
    fn learn_python(&mut self, text: &str) -> Option<usize> {
        let Ok(specifiers) = specifiers(text) else {
            let name = self.name.clone();
            self.note(|| format!("{name}: malformed requires-python {text:?} is passed over"));
            return None;
        };
        self.pythons.push((text.to_owned(), specifiers));
        Some(self.pythons.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_files_into_releases_and_notes_what_it_passes_over() {
        let names = [
            "foo-10.0.tar.gz",
            "foo-9.0-py3-none-any.whl",
            "foo-9.0.0.zip",
            "foo-9.0-py2.7.egg",
            "../foo-1.0.tar.gz",
            "bar-1.0.tar.gz",
        ];
        let listed = names.map(|filename| Listed {
            filename,
            requires_python: Some("x"),
            ..Listed::default()
        });
        let project = Project::new("foo".parse().unwrap(), listed);
        let releases: Vec<_> = project
            .releases
            .iter()
            .map(|release| (release.version.to_string(), release.files.len()))
            .collect();
        assert_eq!(releases, [("9.0".to_owned(), 2), ("10.0".to_owned(), 1)]);
        assert_eq!((project.notes.len(), project.more_notes), (3, 0), "{:?}", project.notes);
        let names: Vec<_> =
            (0..9).map(|number| format!("foo-{number}.x-py3-none-any.whl")).collect();
        let listed = names.iter().map(|name| Listed { filename: name, ..Listed::default() });
        let project = Project::new("foo".parse().unwrap(), listed);
        assert_eq!((project.notes.len(), project.more_notes), (3, 6), "{:?}", project.notes);
    }
}
