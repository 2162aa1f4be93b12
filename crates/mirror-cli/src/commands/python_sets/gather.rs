//! From what is asked for to sets: reads the files that are named, puts the indexes in order.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::str;
use std::sync::Arc;

use mirror_core::fetch::{self, Access, Client, Content, Question};
use mirror_core::format::pypi::input::{Fault, InputError, Location, Place};
use mirror_core::format::pypi::lock::Lock;
use mirror_core::format::pypi::pyproject::{self, PyProject, Which};
use mirror_core::format::pypi::requirements::{Entry, Reading, Requirements, Role, Wanted};
use mirror_core::format::pypi::{Requirement, pylock, uv_lock};
use mirror_core::limits;
use mirror_core::path::TreePath;
use mirror_core::resolve::pypi::Target;
use mirror_core::source::pypi::{Set, Wants};
use serde::Serialize;

use super::Asked;
use super::places::{Places, unverified_hosts};
use crate::cli::OutputArgs;
use crate::config::ConfigError;
use crate::config::indexes::{From, Indexes, Inputs};
use crate::console;
use crate::diagnostics::Failure;
use crate::environment::{self, IndexFiles};
use crate::output::json_line;
use crate::progress::Progress;

/// A set, and what there is to know beside it.
pub(in crate::commands) struct Gathered {
    pub(in crate::commands) set: Set,
    /// Where it goes.
    pub(in crate::commands) tree: TreePath,
    /// With what its indexes are asked.
    pub(in crate::commands) access: Vec<Access>,
    indexes: Indexes,
    notes: Vec<String>,
}

/// Reads what is asked for. `names_cert` says whether the certificates that pip is told of count.
pub(in crate::commands) async fn gather(
    asked: &[Asked],
    options: &fetch::Options,
    names_cert: bool,
) -> Result<Vec<Gathered>, Failure> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let host = environment::index_files()?;
    let mut reader = Reader { options, client: None };
    let mut gathered = Vec::new();
    for asked in asked {
        gathered.push(one(asked, &host, &mut reader, names_cert).await?);
    }
    let mut seen = BTreeSet::new();
    // What several sets share is said once.
    for set in &mut gathered {
        set.notes.retain(|note| seen.insert(note.clone()));
    }
    Ok(gathered)
}

async fn one(
    asked: &Asked,
    host: &IndexFiles,
    reader: &mut Reader<'_>,
    names_cert: bool,
) -> Result<Gathered, Failure> {
    let settings = &asked.wanted.settings;
    let in_file = asked.section.is_some();
    let targets = settings.targets(in_file).map_err(|error| asked.wrong(error))?;
    if targets.is_empty() {
        return Err(asked.wrong(ConfigError::NoTarget { name: asked.name.to_string() }));
    }
    let Read { requirements, locks, mut notes } = read(asked, reader).await?;
    let all_versions = projects(asked)?;
    // A list that was lost on its way must not take the set's packages along.
    if requirements.entries.is_empty()
        && all_versions.is_empty()
        && locks.iter().all(|lock| lock.packages.is_empty())
    {
        let (name, files) = (asked.name.to_string(), asked.wanted.files.join(", "));
        return Err(asked.wrong(ConfigError::NothingListed { name, files }));
    }
    let no_index = |source| Failure::Index { set: asked.name.to_string(), source };
    let indexes = Indexes::of(&Inputs {
        options: asked.options.clone(),
        requirements: &requirements.options,
        config: settings.indexes.clone(),
        variable: &environment::variable,
        pip_conf: &host.pip,
        uv_toml: &host.uv,
        exists: &|path: &Path| path.exists(),
        // A lock names each of its files and where it is.
        is_needed: !requirements.entries.is_empty() || !all_versions.is_empty(),
        built_in: option_env!("MIRROR_DEFAULT_INDEX"),
        pip_default: &environment::pip_default_index,
    });
    let indexes = indexes.map_err(no_index)?;
    notes.extend(requirements.notes.iter().map(ToString::to_string));
    notes.extend(locks.iter().flat_map(|lock| &lock.notes).map(ToString::to_string));
    notes.extend(indexes.notes.iter().cloned());
    let mut places = Places::new(&indexes, names_cert);
    let from = places.indexes(&indexes).map_err(no_index)?;
    places.files(&requirements.entries, &locks);
    let mut wants = Wants { locks, all_versions, ..Wants::default() };
    wants.add(requirements)?;
    notes.extend(unverified_hosts(&indexes));
    let selection = asked.wanted.selection();
    let name = asked.name.clone();
    Ok(Gathered {
        set: Set { name, wants, targets, indexes: from, selection },
        tree: asked.tree()?,
        access: places.access,
        indexes,
        notes,
    })
}

/// What the files say.
struct Read {
    requirements: Requirements,
    locks: Vec<Lock>,
    notes: Vec<String>,
}

/// Reads all files, each by its name.
async fn read(asked: &Asked, reader: &mut Reader<'_>) -> Result<Read, Failure> {
    let wanted = &asked.wanted;
    let wrong = |fault| Failure::Input(InputError { at: asked.at.clone(), fault });
    let (mut locks, mut projects, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut reading = Reading::new(&environment::variable);
    for text in &wanted.requirements {
        reading.add_requirement(text, &asked.at)?;
    }
    let mut has_project = false;
    for file in &wanted.files {
        let location = Location::parse(file).map_err(wrong)?;
        let name = location.filename().unwrap_or_default();
        if name == pyproject::NAME {
            has_project = true;
            let project = PyProject::read(location.clone(), &reader.text(&location).await?)?;
            let selected = project.select(&pyproject::Selection {
                dependencies: true,
                extras: wanted.extras.clone(),
                groups: wanted.groups.clone(),
                build: false,
            })?;
            projects.extend(selected.entries);
            notes.extend(selected.notes.iter().map(ToString::to_string));
        } else if name == uv_lock::NAME {
            locks.push(uv_lock::read(location.clone(), &reader.text(&location).await?)?);
        } else if pylock::is_name(&name) {
            locks.push(pylock::read(location.clone(), &reader.text(&location).await?)?);
        } else if let Some(instead) = other_list(&name) {
            return Err(Failure::OtherList { file: location.to_string(), instead });
        } else {
            reading.add(location, Role::Requirements);
        }
    }
    let [extra, group] = match asked.section {
        Some(_) => ["`extras`", "`groups`"],
        None => ["--extra", "--group"],
    };
    for (setting, which) in [(extra, &wanted.extras), (group, &wanted.groups)] {
        if *which != Which::None && !has_project {
            let applies = "a pyproject.toml";
            return Err(asked.wrong(ConfigError::Unused { setting, applies }));
        }
    }
    for file in &wanted.constraints {
        reading.add(Location::parse(file).map_err(wrong)?, Role::Constraints);
    }
    while let Some(file) = reading.wanted() {
        let bytes = reader.bytes(&file.location, file.at.as_ref()).await?;
        reading.take(&bytes)?;
    }
    let mut requirements = reading.finish();
    below(&asked.folder, &asked.at, &mut requirements.entries);
    requirements.entries.append(&mut projects);
    let settings = &wanted.settings;
    let options = &mut requirements.options;
    if settings.pre == Some(true) {
        options.releases.pre();
    }
    for names in &settings.no_binary {
        options.formats.no_binary(names).map_err(wrong)?;
    }
    for names in &settings.only_binary {
        options.formats.only_binary(names).map_err(wrong)?;
    }
    options.prefer_binary |= settings.prefer_binary == Some(true);
    Ok(Read { requirements, locks, notes })
}

/// The files among the requirements that stand at `at` lie below that folder.
fn below(folder: &Path, at: &Place, entries: &mut [Entry]) {
    for entry in entries.iter_mut().filter(|entry| entry.at == *at) {
        if let Wanted::File(direct) = &mut entry.wanted
            && let Location::Path(path) = &mut direct.location
        {
            *path = folder.join(&path);
        }
    }
}

/// The projects of which all versions are asked for.
fn projects(asked: &Asked) -> Result<Vec<Requirement>, Failure> {
    let mut reading = Reading::new(&environment::variable);
    for text in &asked.wanted.all_versions {
        reading.add_requirement(text, &asked.at)?;
    }
    let mut projects = Vec::new();
    for entry in reading.finish().entries {
        match entry.wanted {
            Wanted::Project(requirement) => projects.push(requirement),
            Wanted::File(_) => {
                return Err(asked.wrong(ConfigError::AllVersions { text: entry.text }));
            }
        }
    }
    if projects.is_empty() && asked.wanted.newest_only.is_some() {
        let [setting, applies] = match asked.section {
            Some(_) => ["`newest_only`", "the projects of `all_versions`"],
            None => ["--newest-only", "the projects of --all-versions"],
        };
        return Err(asked.wrong(ConfigError::Unused { setting, applies }));
    }
    Ok(projects)
}

/// Reads files of this host, and those behind URLs.
struct Reader<'a> {
    options: &'a fetch::Options,
    client: Option<Client>,
}

impl Reader<'_> {
    async fn text(&mut self, location: &Location) -> Result<String, Failure> {
        let bytes = self.bytes(location, None).await?;
        String::from_utf8(bytes).map_err(|error| {
            let position = error.utf8_error().valid_up_to();
            let at = Place::file(&Arc::new(location.clone()));
            Failure::Input(InputError { at, fault: Fault::NotText { encoding: "UTF-8", position } })
        })
    }

    /// `at` is where it is named, where no option names it. One byte more than is taken tells that
    /// there is too much.
    async fn bytes(&mut self, location: &Location, at: Option<&Place>) -> Result<Vec<u8>, Failure> {
        let limit = limits::INPUT_SIZE as u64;
        let url = match location {
            Location::Path(path) => {
                return read_file(path, limit + 1).map_err(|source| Failure::ReadInput {
                    file: location.to_string(),
                    named_at: at.map(ToString::to_string),
                    source,
                });
            }
            Location::Url(url) => url,
        };
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(Client::new(self.options.clone())?),
        };
        let question = Question { url, accept: None, known: None, piece: None, limit };
        match client.ask(&question, &()).await?.content {
            Content::Whole(bytes) | Content::Piece { bytes, .. } => Ok(bytes),
            // Neither is an answer where all was asked for.
            Content::Unchanged | Content::NoPieces => Ok(Vec::new()),
        }
    }
}

fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a set is going to be, as a line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "set")]
struct SetLine<'a> {
    set: &'a str,
    tree: &'a str,
    targets: Vec<String>,
    indexes: Vec<Source>,
    find_links: Vec<Source>,
}

/// Where packages come from, and who says so.
#[derive(Serialize)]
struct Source {
    url: String,
    from: String,
}

impl Source {
    fn of(place: &From<Location>) -> Self {
        Self { url: place.value.to_string(), from: place.origin.to_string() }
    }
}

/// `Python 3.9, 3.11, 3.12 on manylinux_2_34_x86_64 (el9)`, a line for each platform and its names.
fn by_platform(targets: &[Target]) -> Vec<String> {
    let mut lines: Vec<(&Target, String)> = Vec::new();
    for target in targets {
        let is_alike =
            |known: &Target| known.platform == target.platform && known.names == target.names;
        match lines.iter_mut().find(|(known, _)| is_alike(known)) {
            Some((_, pythons)) => pythons.extend([", ", &target.python.to_string()]),
            None => lines.push((target, target.python.to_string())),
        }
    }
    let line = |(target, pythons): &(&Target, String)| {
        let Target { platform, names, .. } = target;
        let names =
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        format!("Python {pythons} on {platform}{names}")
    };
    lines.iter().map(line).collect()
}

impl Gathered {
    /// Says for what and from where the set is, and what is odd.
    pub(in crate::commands) fn tell(
        &self,
        output: &OutputArgs,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let name = self.set.name.as_str();
        let targets: Vec<_> = self.set.targets.iter().map(ToString::to_string).collect();
        let sources = |places: &[From<Location>]| places.iter().map(Source::of).collect::<Vec<_>>();
        let indexes = sources(&self.indexes.urls);
        let find_links = sources(&self.indexes.find_links);
        if output.json {
            let tree = self.tree.as_str();
            let line = SetLine { set: name, tree, targets, indexes, find_links };
            console::print(&json_line(&line)).map_err(Failure::Output)?;
        } else {
            for line in by_platform(&self.set.targets) {
                progress.note(&format!("set {name}: for {line}"));
            }
            for (word, places) in [("index", indexes), ("links at", find_links)] {
                for Source { url, from } in places {
                    progress.note(&format!("set {name}: {word} {url} (from {from})"));
                }
            }
        }
        for note in &self.notes {
            progress.note(&format!("set {name}: warning: {note}"));
        }
        Ok(())
    }
}

/// What to do with a list of another tool, which is called so, and is not read.
fn other_list(name: &str) -> Option<&'static str> {
    Some(match name {
        "poetry.lock" => {
            "`poetry export -f requirements.txt -o requirements.txt` makes a list with digests of it"
        }
        "pdm.lock" => "`pdm export -o requirements.txt` makes a list with digests of it",
        "Pipfile" | "Pipfile.lock" => {
            "`pipenv requirements --hash > requirements.txt` makes a list with digests of it"
        }
        "setup.py" | "setup.cfg" => "`uv pip compile FILE -o requirements.txt` makes a list of it",
        _ if Path::new(name).extension().is_some_and(|ending| ending == "whl") => {
            "name a package without -r"
        }
        _ => return None,
    })
}
