//! `pyproject.toml`: what a project needs to run (PEP 621), its dependency groups (PEP 735), and what
//! its build needs (PEP 518).
//!
//! What a build back end would compute is an error and not a guess: nothing of a project is run here.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use pep508_rs::{ExtraName, MarkerTree, PackageName, VersionOrUrl};
use serde::Deserialize;
use toml::Spanned;

use super::direct::Direct;
use super::input::{Fault, InputError, Lines, Location, Note, Place, shown};
use super::lock::read_toml;
use super::requirement::{self, extra_name, package_name};
use super::requirements::{Entry, Wanted};
use crate::limits;

/// What pyproject.toml files are called.
pub const NAME: &str = "pyproject.toml";

/// A project's file.
#[derive(Debug, Clone)]
pub struct PyProject {
    file: Arc<Location>,
    lines: Arc<Lines>,
    project: Option<Project>,
    has_poetry: bool,
    groups: BTreeMap<ExtraName, Vec<Item>>,
    build: Option<Vec<Spanned<String>>>,
    /// Projects for which uv is told another source than an index.
    sources: BTreeSet<PackageName>,
}

#[derive(Debug, Clone)]
struct Project {
    name: PackageName,
    dependencies: Vec<Spanned<String>>,
    extras: BTreeMap<ExtraName, Vec<Spanned<String>>>,
    dynamic: Vec<String>,
}

#[derive(Debug, Clone)]
enum Item {
    Requirement(Spanned<String>),
    Include(ExtraName, usize),
}

/// Which of several named lists are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Which {
    /// None.
    #[default]
    None,
    /// Those of these names, in any spelling.
    Named(Vec<String>),
    /// All.
    All,
}

/// What is wanted of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// What it needs to run, without extras.
    pub dependencies: bool,
    /// The extras (`[project.optional-dependencies]`).
    pub extras: Which,
    /// The dependency groups.
    pub groups: Which,
    /// What its build needs (`[build-system] requires`).
    pub build: bool,
}

/// What a selection comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// What is wanted, in the file's order.
    pub entries: Vec<Entry>,
    /// What is odd.
    pub notes: Vec<Note>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    project: Option<ProjectTable>,
    dependency_groups: Option<BTreeMap<Spanned<String>, Vec<Spanned<ItemTable>>>>,
    build_system: Option<BuildSystem>,
    #[serde(default)]
    tool: Tool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ProjectTable {
    name: Spanned<String>,
    #[serde(default)]
    dependencies: Vec<Spanned<String>>,
    #[serde(default)]
    optional_dependencies: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    #[serde(default)]
    dynamic: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ItemTable {
    Requirement(String),
    Include(Include),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Include {
    include_group: String,
}

#[derive(Deserialize)]
struct BuildSystem {
    requires: Vec<Spanned<String>>,
}

#[derive(Default, Deserialize)]
struct Tool {
    poetry: Option<toml::Table>,
    #[serde(default)]
    uv: Uv,
}

#[derive(Default, Deserialize)]
struct Uv {
    #[serde(default)]
    sources: toml::Table,
}

impl PyProject {
    /// Reads the file that is at `file`.
    pub fn read(file: Location, text: &str) -> Result<Self, InputError> {
        let file = Arc::new(file);
        let lines = Arc::new(Lines::of(text));
        let read: File = read_toml(&file, &lines, text)?;
        let named = |key: &str, name: Spanned<String>| {
            let at = lines.place(&file, name.span().start);
            let found = shown(name.get_ref());
            let expected = "a name of letters, digits, -, _ and .";
            let fault = Fault::Value { key: key.to_owned(), expected, found };
            extra_name(name.get_ref()).ok_or_else(|| at.wrong(fault)).map(|name| (name, at))
        };
        let twice = |key: &str, name: &ExtraName| Fault::Value {
            key: key.to_owned(),
            expected: "each name once, in whatever spelling",
            found: name.to_string(),
        };
        let mut extras = BTreeMap::new();
        let mut project = None;
        if let Some(table) = read.project {
            let at = lines.place(&file, table.name.span().start);
            let wrong = || Fault::Value {
                key: "project.name".to_owned(),
                expected: "the name of a project",
                found: shown(table.name.get_ref()),
            };
            let name = package_name(table.name.get_ref()).ok_or_else(|| at.wrong(wrong()))?;
            for (extra, list) in table.optional_dependencies {
                let key = "project.optional-dependencies";
                let (extra, at) = named(key, extra)?;
                let fault = twice(key, &extra);
                if extras.insert(extra, list).is_some() {
                    return Err(at.wrong(fault));
                }
            }
            let ProjectTable { dependencies, dynamic, .. } = table;
            project = Some(Project { name, dependencies, extras, dynamic });
        }
        let mut groups = BTreeMap::new();
        for (group, items) in read.dependency_groups.unwrap_or_default() {
            let key = "dependency-groups";
            let (group, at) = named(key, group)?;
            let mut list = Vec::new();
            for item in items {
                let span = item.span();
                list.push(match item.into_inner() {
                    ItemTable::Requirement(text) => Item::Requirement(Spanned::new(span, text)),
                    ItemTable::Include(Include { include_group }) => {
                        let start = span.start;
                        Item::Include(named(key, Spanned::new(span, include_group))?.0, start)
                    }
                });
            }
            let fault = twice(key, &group);
            if groups.insert(group, list).is_some() {
                return Err(at.wrong(fault));
            }
        }
        let is_elsewhere = |source: &toml::Value| {
            source.as_table().is_none_or(|table| !table.contains_key("index"))
        };
        let sources = read.tool.uv.sources.into_iter();
        let sources = sources.filter(|(_, source)| is_elsewhere(source));
        Ok(Self {
            project,
            has_poetry: read.tool.poetry.is_some(),
            groups,
            build: read.build_system.map(|system| system.requires),
            sources: sources.filter_map(|(name, _)| package_name(&name)).collect(),
            file,
            lines,
        })
    }

    /// The project's name, where it has one.
    pub fn name(&self) -> Option<&PackageName> {
        self.project.as_ref().map(|project| &project.name)
    }

    /// Whether the build's needs are named; where they are not, they are setuptools.
    pub const fn has_build_system(&self) -> bool {
        self.build.is_some()
    }

    /// What a selection comes to. A list that is dynamic, and an extra or group that there is not, are
    /// errors.
    pub fn select(&self, selection: &Selection) -> Result<Selected, InputError> {
        let mut all = Collected { of: self, selected: Selected::default() };
        if selection.dependencies || selection.extras != Which::None {
            let project = self.project()?;
            if selection.dependencies {
                project.is_static("dependencies").map_err(|fault| self.wrong(fault))?;
                all.take(project, &project.dependencies)?;
            }
            if selection.extras != Which::None {
                project.is_static("optional-dependencies").map_err(|fault| self.wrong(fault))?;
                let extras = self.names(&selection.extras, "extra", &project.extras)?;
                let lists = extras.iter().filter_map(|extra| project.extras.get(extra));
                for list in lists {
                    all.take(project, list)?;
                }
            }
        }
        let mut seen = BTreeSet::new();
        for group in self.names(&selection.groups, "group", &self.groups)? {
            self.group(&group, &mut vec![], &mut seen, &mut all)?;
        }
        if selection.build {
            for text in self.build.iter().flatten() {
                let entry = all.entry(text)?;
                all.push(entry)?;
            }
        }
        Ok(all.selected)
    }

    fn project(&self) -> Result<&Project, InputError> {
        self.project.as_ref().ok_or_else(|| {
            let key = if self.has_poetry {
                "[project] table, and that of Poetry is not read"
            } else {
                "[project] table"
            };
            self.wrong(Fault::Missing { table: NAME.to_owned(), key })
        })
    }

    fn wrong(&self, fault: Fault) -> InputError {
        Place::file(&self.file).wrong(fault)
    }

    /// The names that are wanted, each once.
    fn names<T>(
        &self,
        which: &Which,
        kind: &'static str,
        known: &BTreeMap<ExtraName, T>,
    ) -> Result<Vec<ExtraName>, InputError> {
        let unknown = |name: &str| {
            let known = known.keys().map(ToString::to_string).collect();
            self.wrong(Fault::Unknown { kind, name: shown(name), known })
        };
        match which {
            Which::None => Ok(Vec::new()),
            Which::All => Ok(known.keys().cloned().collect()),
            Which::Named(names) => {
                let mut wanted = Vec::new();
                for text in names {
                    let name = extra_name(text).filter(|name| known.contains_key(name));
                    let name = name.ok_or_else(|| unknown(text))?;
                    if !wanted.contains(&name) {
                        wanted.push(name);
                    }
                }
                Ok(wanted)
            }
        }
    }

    /// Takes a group and those that it includes, each once.
    fn group(
        &self,
        name: &ExtraName,
        open: &mut Vec<ExtraName>,
        seen: &mut BTreeSet<ExtraName>,
        all: &mut Collected<'_>,
    ) -> Result<(), InputError> {
        if !seen.insert(name.clone()) {
            return Ok(());
        }
        open.push(name.clone());
        for item in self.groups.get(name).into_iter().flatten() {
            match item {
                Item::Requirement(text) => {
                    let entry = all.entry(text)?;
                    all.push(entry)?;
                }
                Item::Include(other, offset) => {
                    let at = self.lines.place(&self.file, *offset);
                    if let Some(first) = open.iter().position(|group| group == other) {
                        let names = open[first..].iter().chain([other]);
                        let groups = names.map(ToString::to_string).collect();
                        return Err(at.wrong(Fault::GroupCycle { groups }));
                    }
                    if open.len() == limits::INPUT_DEPTH {
                        let limit = limits::INPUT_DEPTH;
                        return Err(
                            at.wrong(Fault::Limit { what: "groups within one another", limit })
                        );
                    }
                    if !self.groups.contains_key(other) {
                        let known = self.groups.keys().map(ToString::to_string).collect();
                        let (kind, name) = ("group", other.to_string());
                        return Err(at.wrong(Fault::Unknown { kind, name, known }));
                    }
                    self.group(other, open, seen, all)?;
                }
            }
        }
        open.pop();
        Ok(())
    }
}

impl Project {
    fn is_static(&self, field: &'static str) -> Result<(), Fault> {
        if self.dynamic.iter().any(|name| name == field) {
            return Err(Fault::Dynamic { field });
        }
        Ok(())
    }
}

/// A selection that is being made.
struct Collected<'a> {
    of: &'a PyProject,
    selected: Selected,
}

impl Collected<'_> {
    fn entry(&self, text: &Spanned<String>) -> Result<Entry, InputError> {
        let at = self.of.lines.place(&self.of.file, text.span().start);
        let written = text.get_ref();
        let parsed = requirement::parse(written).map_err(|error| {
            let (text, reason) = (shown(written), shown(&error.to_string()));
            at.wrong(Fault::Requirement { text, reason })
        })?;
        let wanted = match parsed.version_or_url {
            Some(VersionOrUrl::Url(url)) => {
                let direct =
                    Direct::parse(url.as_str(), Some(parsed.name), parsed.extras, parsed.marker);
                Wanted::File(direct.map_err(|fault| at.wrong(fault))?)
            }
            _ => Wanted::Project(parsed),
        };
        Ok(Entry { wanted, hashes: Vec::new(), text: shown(written.trim()), at })
    }

    fn push(&mut self, entry: Entry) -> Result<(), InputError> {
        if self.selected.entries.len() == limits::REQUIREMENTS {
            let limit = limits::REQUIREMENTS;
            return Err(entry.at.wrong(Fault::Limit { what: "requirements", limit }));
        }
        if let Some(name) = entry.name().filter(|name| self.of.sources.contains(name)) {
            let text = format!(
                "{name} is looked for in the indexes: what [tool.uv.sources] says of it is not followed"
            );
            self.selected.notes.push(Note { at: entry.at.clone(), text });
        }
        self.selected.entries.push(entry);
        Ok(())
    }

    /// Takes a list of the project's. Where that names the project itself, its extras are meant.
    fn take(&mut self, project: &Project, list: &[Spanned<String>]) -> Result<(), InputError> {
        let mut seen = HashSet::new();
        let mut lists = vec![(list, MarkerTree::TRUE)];
        while let Some((list, under)) = lists.pop() {
            for text in list {
                let mut entry = self.entry(text)?;
                let Wanted::Project(requirement) = &mut entry.wanted else {
                    self.push(entry)?;
                    continue;
                };
                requirement.marker.and(under.clone());
                if requirement.name != project.name {
                    self.push(entry)?;
                    continue;
                }
                for extra in &requirement.extras {
                    let Some(list) = project.extras.get(extra) else {
                        let known = project.extras.keys().map(ToString::to_string).collect();
                        let (kind, name) = ("extra", extra.to_string());
                        return Err(entry.at.wrong(Fault::Unknown { kind, name, known }));
                    };
                    if seen.insert((extra.clone(), requirement.marker.clone())) {
                        lists.push((list, requirement.marker.clone()));
                    }
                }
                if seen.len() > limits::INPUT_FILES {
                    let limit = limits::INPUT_FILES;
                    return Err(entry
                        .at
                        .wrong(Fault::Limit { what: "extras within one another", limit }));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"[build-system]
requires = ["hatchling>=1", "hatch-vcs"]

[project]
name = "Site.Tools"
version = "1"
dependencies = [
    "requests>=2 ; python_version < '3.14'",
    "six",
    "a @ https://pypi.example/a-1-py3-none-any.whl",
]

[project.optional-dependencies]
TLS = ["cryptography"]
web_app = ["flask", "site-tools[tls] ; os_name == 'posix'"]
all = ["site-tools[web-app,tls,all]"]

[dependency-groups]
test = ["pytest", { include-group = "Type_Check" }]
type-check = ["mypy"]
dev = [{ include-group = "test" }, { include-group = "type-check" }, "ruff"]

[tool.uv.sources]
six = { git = "https://h.example/six" }
flask = { index = "site" }
"#;

    fn read(text: &str) -> Result<PyProject, String> {
        let file = Location::parse("site/pyproject.toml").unwrap();
        PyProject::read(file, text).map_err(|error| error.to_string())
    }

    fn named(names: &[&str]) -> Which {
        Which::Named(names.iter().map(ToString::to_string).collect())
    }

    fn select(text: &str, selection: &Selection) -> Result<Vec<String>, String> {
        let selected = read(text)?.select(selection).map_err(|error| error.to_string())?;
        let word = |entry: &Entry| match &entry.wanted {
            Wanted::Project(requirement) => requirement.to_string(),
            Wanted::File(direct) => direct.location.to_string(),
        };
        Ok(selected.entries.iter().map(word).collect())
    }

    #[test]
    fn takes_what_is_selected() {
        let nothing = Selection::default();
        let run = Selection { dependencies: true, ..nothing.clone() };
        assert_eq!(
            select(TEXT, &run).unwrap(),
            [
                "requests>=2 ; python_full_version < '3.14'",
                "six",
                "https://pypi.example/a-1-py3-none-any.whl"
            ]
        );
        let extras = |extras| Selection { extras, ..nothing.clone() };
        assert_eq!(select(TEXT, &extras(named(&["tls"]))).unwrap(), ["cryptography"]);
        assert_eq!(
            select(TEXT, &extras(named(&["Web.App", "web-app"]))).unwrap(),
            ["flask", "cryptography ; os_name == 'posix'"]
        );
        let mut all = select(TEXT, &extras(named(&["all"]))).unwrap();
        all.sort();
        assert_eq!(all, ["cryptography", "cryptography ; os_name == 'posix'", "flask"]);
        assert!(select(TEXT, &extras(Which::All)).unwrap().contains(&"flask".to_owned()));
        let groups = |groups| Selection { groups, ..nothing.clone() };
        assert_eq!(select(TEXT, &groups(named(&["dev"]))).unwrap(), ["pytest", "mypy", "ruff"]);
        assert_eq!(select(TEXT, &groups(Which::All)).unwrap(), ["pytest", "mypy", "ruff"]);
        let build = Selection { build: true, ..nothing.clone() };
        assert_eq!(select(TEXT, &build).unwrap(), ["hatchling>=1", "hatch-vcs"]);
        assert!(read(TEXT).unwrap().has_build_system());
        assert!(select("", &build).unwrap().is_empty());

        let selected = read(TEXT).unwrap().select(&run).unwrap();
        assert_eq!(selected.entries[1].at.to_string(), "site/pyproject.toml:9");
        assert_eq!(selected.entries[1].text, "six");
        assert_eq!(
            selected.notes[0].to_string(),
            "site/pyproject.toml:9: six is looked for in the indexes: what [tool.uv.sources] says of it is not followed"
        );
    }

    #[test]
    fn names_what_it_cannot_know() {
        let every =
            Selection { dependencies: true, extras: Which::All, groups: Which::All, build: true };
        for (text, expected) in [
            ("", ": pyproject.toml has no [project] table"),
            (
                "[tool.poetry]\nname = \"a\"\n",
                "has no [project] table, and that of Poetry is not read",
            ),
            (
                "[project]\nname = \"a\"\ndynamic = [\"dependencies\"]\n",
                "project.dependencies is dynamic: the build back end makes it",
            ),
            (
                "[project]\nname = \"a\"\ndynamic = [\"optional-dependencies\"]\n",
                "project.optional-dependencies is dynamic",
            ),
            (
                "[project]\nname = \"-\"\n",
                ":2: project.name: expected the name of a project, found \"-\"",
            ),
            (
                "[project]\nname = \"a\"\ndependencies = [\n\"x y\"]\n",
                ":4: expected a requirement such as name>=1.0, found \"x y\": ",
            ),
            (
                "[project]\nname = \"a\"\ndependencies = [\"x @ git+https://me:secret@h.example/x\"]\n",
                ":3: \"git+https://***@h.example/x\" is a checkout",
            ),
            (
                "[project]\nname = \"a\"\ndependencies = \"x\"\n",
                ":3: invalid type: string \"x\", expected a sequence",
            ),
            (
                "[project]\nname = \"a\"\n[project.optional-dependencies]\nA_b = []\na-B = []\n",
                "project.optional-dependencies: expected each name once",
            ),
            (
                "[project]\nname = \"a\"\n[project.optional-dependencies]\nb = [\"a[c]\"]\n",
                ":4: there is no extra c, expected one of b",
            ),
            (
                "[project]\nname = \"a\"\n[dependency-groups]\nb = [{include-group = \"c\"}]\n",
                ":4: there is no group c, expected one of b",
            ),
            (
                "[project]\nname = \"a\"\n[dependency-groups]\nb = [{include-group = \"c\"}]\nc = [{include-group = \"b\"}]\n",
                ":5: a group includes itself: b includes c includes b",
            ),
            ("[project]\nname = \"a\"\n[dependency-groups]\nb = [{include = \"c\"}]\n", ":4: "),
            ("[project]\nname = \"a\"\n[build-system]\n", "missing field `requires`"),
            ("[project\n", ":1: "),
        ] {
            let error = select(text, &every).unwrap_err();
            assert!(error.starts_with("site/pyproject.toml"), "{error}");
            assert!(error.contains(expected) && !error.contains("secret"), "{text}: {error}");
        }
        let error = select(TEXT, &Selection { extras: named(&["x"]), ..Selection::default() });
        assert_eq!(
            error.unwrap_err(),
            "site/pyproject.toml: there is no extra x, expected one of all, tls, web-app"
        );
        // What is dynamic and not asked for does no harm.
        let text = "[project]\nname = \"a\"\ndynamic = [\"optional-dependencies\"]\ndependencies = [\"b\"]\n";
        let run = Selection { dependencies: true, ..Selection::default() };
        assert_eq!(select(text, &run).unwrap(), ["b"]);
    }

    #[test]
    fn groups_within_one_another_come_to_an_end() {
        let mut text = "[dependency-groups]\n".to_owned();
        for n in 0..100 {
            use std::fmt::Write as _;
            writeln!(text, "g{n:03} = [{{ include-group = \"g{:03}\" }}]", n + 1).unwrap();
        }
        let error = select(&text, &Selection { groups: named(&["g000"]), ..Selection::default() });
        assert!(error.unwrap_err().ends_with("at most 32 groups within one another"));
    }
}
