//! Which indexes are asked: what the command line, the requirements files, `mirror.toml`, and the
//! host's own configuration of pip and uv say, in this order.
//!
//! | | index | further indexes, find-links, trusted hosts |
//! |---|---|---|
//! | 1 | options | all of the options' |
//! | 2 | requirements files | and all of theirs |
//! | 3 | `mirror.toml` | and those of the first of these that names any |
//! | 4 | `PIP_INDEX_URL` | `PIP_EXTRA_INDEX_URL`, … |
//! | 5 | `pip.conf` ([`pip`]) | |
//! | 6 | `UV_DEFAULT_INDEX`, `UV_INDEX_URL` | `UV_INDEX`, `UV_EXTRA_INDEX_URL`, `UV_FIND_LINKS` |
//! | 7 | `uv.toml` ([`uv`]) | |
//! | 8 | what was compiled in, else the installed pip's own | |
//!
//! Where a place says that no index is asked, its own and those of the places behind it are not; what
//! the places before it name is asked all the same.
//!
//! All of it is a function of its arguments: who calls reads the files and the environment.

mod pip;
mod uv;

use std::fmt;
use std::path::{Path, PathBuf};

use mirror_core::format::pypi::input::{Location, Place};
use mirror_core::format::pypi::requirements::{Options, Said};

pub(crate) use pip::files as pip_files;
pub(crate) use uv::files as uv_files;

/// A file's path and text.
pub(crate) type Text = (PathBuf, String);

/// What decides.
pub(crate) struct Inputs<'a> {
    /// What the command line says.
    pub(crate) options: Given,
    /// What the requirements files say.
    pub(crate) requirements: &'a Options,
    /// What `mirror.toml` says.
    pub(crate) config: Given,
    /// A variable of the environment; one that is empty counts as not set.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Those of [`pip_files`] that exist, in that order.
    pub(crate) pip_conf: &'a [Text],
    /// Those of [`uv_files`] that exist, in that order.
    pub(crate) uv_toml: &'a [Text],
    /// Whether a folder or file is there.
    pub(crate) exists: &'a dyn Fn(&Path) -> bool,
    /// Whether there have to be some.
    pub(crate) is_needed: bool,
    /// The index that was compiled in.
    pub(crate) built_in: Option<&'a str>,
    /// The index that the installed pip would ask; called only where nothing else names one.
    pub(crate) pip_default: &'a dyn Fn() -> Option<String>,
}

/// What one place says, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// The index.
    pub(crate) index_url: Option<String>,
    /// Further indexes.
    pub(crate) extra_index_urls: Vec<String>,
    /// Folders and pages with links to files.
    pub(crate) find_links: Vec<String>,
    /// Whether no index is asked.
    pub(crate) no_index: Option<bool>,
    /// Hosts whose certificate need not be good.
    pub(crate) trusted_hosts: Vec<String>,
    /// The certificates that are trusted.
    pub(crate) cert: Option<PathBuf>,
}

impl Given {
    /// What this does not say, as `other` says it.
    pub(crate) fn or(self, other: &Self) -> Self {
        let list =
            |own: Vec<String>, other: &[String]| if own.is_empty() { other.to_vec() } else { own };
        Self {
            index_url: self.index_url.or_else(|| other.index_url.clone()),
            extra_index_urls: list(self.extra_index_urls, &other.extra_index_urls),
            find_links: list(self.find_links, &other.find_links),
            no_index: self.no_index.or(other.no_index),
            trusted_hosts: list(self.trusted_hosts, &other.trusted_hosts),
            cert: self.cert.or_else(|| other.cert.clone()),
        }
    }
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexOrigin {
    /// An option.
    Option(&'static str),
    /// A line of a requirements file.
    Requirements(Place),
    /// Some line of them.
    Lists,
    /// `mirror.toml`.
    Config,
    /// A variable of the environment.
    Variable(&'static str),
    /// A `pip.conf`.
    PipConf(PathBuf),
    /// A `uv.toml`.
    UvToml(PathBuf),
    /// Compiled in.
    BuiltIn,
    /// The installed pip's default.
    Pip,
}

/// As the end of `index https://… (from …)`.
impl fmt::Display for IndexOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) | Self::Variable(name) => f.write_str(name),
            Self::Requirements(at) => write!(f, "{at}"),
            Self::Lists => f.write_str("a requirements file"),
            Self::Config => f.write_str("mirror.toml"),
            Self::PipConf(path) | Self::UvToml(path) => write!(f, "{}", path.display()),
            Self::BuiltIn => f.write_str("this program"),
            Self::Pip => f.write_str("the installed pip"),
        }
    }
}

/// A value and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct From<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it is from.
    pub(crate) origin: IndexOrigin,
}

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Indexes {
    /// The indexes, best first: a project belongs to the first that has it. The further indexes come
    /// before the index, so that nobody takes the name of a site's own project on a public one.
    pub(crate) urls: Vec<From<Location>>,
    /// Folders and pages with links to files.
    pub(crate) find_links: Vec<From<Location>>,
    /// Hosts whose certificate need not be good.
    pub(crate) trusted_hosts: Vec<From<String>>,
    /// The certificates that are trusted.
    pub(crate) cert: Option<From<PathBuf>>,
    /// What is odd.
    pub(crate) notes: Vec<String>,
}

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IndexError {
    /// Nothing names one.
    #[error("no index is named")]
    None,
    /// Somebody says that none is asked, and nothing nearer names one.
    #[error("no index is asked, as {by} says, and no files are named in its place")]
    Forbidden {
        /// Who says it.
        by: IndexOrigin,
    },
    /// A value that does not parse.
    #[error("{origin}: {reason}")]
    Value {
        /// Where it is from.
        origin: IndexOrigin,
        /// What was expected and found.
        reason: String,
    },
}

impl IndexError {
    /// What to do next.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::None => Some(
                "name one: --index-url https://pypi.example/simple, index_url in mirror.toml, or \
                 index-url in /etc/pip.conf",
            ),
            Self::Forbidden { .. } => Some(
                "name files: --find-links FOLDER; or an index where it counts before that: \
                 --index-url https://pypi.example/simple",
            ),
            Self::Value { .. } => None,
        }
    }
}

/// What one place says, and which; in the order of the table.
struct Level {
    given: Given,
    /// The place's row in the table: files of one kind are several levels.
    row: usize,
    /// The origin of a value, by what pip's option for it is called.
    origin: Box<dyn Fn(&'static str) -> IndexOrigin>,
}

impl Level {
    fn new(given: Given, origin: impl Fn(&'static str) -> IndexOrigin + 'static) -> Self {
        Self { given, row: 0, origin: Box::new(origin) }
    }

    fn says_nothing(&self) -> bool {
        self.given == Given::default()
    }
}

impl Indexes {
    /// Puts together what is asked.
    pub(crate) fn of(inputs: &Inputs<'_>) -> Result<Self, IndexError> {
        let mut all = Self::default();
        let rows = [
            vec![Level::new(inputs.config.clone(), |_| IndexOrigin::Config)],
            vec![pip::environment(inputs.variable)?],
            pip::conf(inputs.pip_conf)?,
            vec![uv::environment(inputs.variable)],
            uv::toml(inputs.uv_toml, &mut all.notes)?,
        ];
        let numbered = rows
            .into_iter()
            .zip(3..)
            .flat_map(|(levels, row)| levels.into_iter().map(move |level| Level { row, ..level }));
        let levels: Vec<_> = numbered.filter(|level| !level.says_nothing()).collect();
        let option = Level { row: 1, ..Level::new(inputs.options.clone(), IndexOrigin::Option) };
        let end = End::of(inputs, &option, &levels);

        let mut extra = Vec::new();
        let lists = |given: &Given| given.extra_index_urls.clone();
        if end.asks(option.row) {
            extra.extend(parsed(&lists(&option.given), &option, "--extra-index-url")?);
        }
        if end.asks(REQUIREMENTS) {
            extra.extend(said(&inputs.requirements.extra_index_urls, inputs.exists));
        }
        let asked = || levels.iter().filter(|level| end.asks(level.row));
        if let Some(level) = asked().find(|level| !level.given.extra_index_urls.is_empty()) {
            extra.extend(parsed(&lists(&level.given), level, "--extra-index-url")?);
        }
        all.find_links.extend(parsed(&option.given.find_links, &option, "--find-links")?);
        all.find_links.extend(said(&inputs.requirements.find_links, inputs.exists));
        if let Some(level) = levels.iter().find(|level| !level.given.find_links.is_empty()) {
            all.find_links.extend(parsed(&level.given.find_links, level, "--find-links")?);
        }
        all.trusted_hosts.extend(hosts(&option));
        for host in &inputs.requirements.trusted_hosts {
            let origin = IndexOrigin::Requirements(host.at.clone());
            all.trusted_hosts.push(From { value: host.value.clone(), origin });
        }
        let level = levels.iter().find(|level| !level.given.trusted_hosts.is_empty());
        all.trusted_hosts.extend(level.into_iter().flat_map(hosts));
        let mut ordered = std::iter::once(&option).chain(&levels);
        all.cert = ordered.find_map(|level| {
            let value = level.given.cert.clone()?;
            Some(From { value, origin: (level.origin)("--cert") })
        });
        if all.cert.is_none() {
            all.cert = ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"].into_iter().find_map(|name| {
                let value = PathBuf::from((inputs.variable)(name)?);
                Some(From { value, origin: IndexOrigin::Variable(name) })
            });
        }

        extra.extend(index(inputs, &option, &levels, &end)?);
        all.urls = extra;
        if inputs.is_needed && all.urls.is_empty() && all.find_links.is_empty() {
            return Err(match end.by {
                Some(by) => IndexError::Forbidden { by },
                None => IndexError::None,
            });
        }
        Ok(all)
    }
}

/// The row of requirements files.
const REQUIREMENTS: usize = 2;

/// From which row on no index is asked, and who says so.
struct End {
    row: usize,
    by: Option<IndexOrigin>,
}

impl End {
    /// Of those that say whether indexes are asked, the first counts.
    fn of(inputs: &Inputs<'_>, option: &Level, levels: &[Level]) -> Self {
        let at = |level: &Level| Self { row: level.row, by: Some((level.origin)("--no-index")) };
        if option.given.no_index == Some(true) {
            return at(option);
        }
        if inputs.requirements.no_index {
            return Self { row: REQUIREMENTS, by: Some(IndexOrigin::Lists) };
        }
        let says = levels.iter().find(|level| level.given.no_index.is_some());
        match says.filter(|level| level.given.no_index == Some(true)) {
            Some(level) => at(level),
            None => Self { row: usize::MAX, by: None },
        }
    }

    /// Whether what that row names is asked.
    fn asks(&self, row: usize) -> bool {
        row < self.row
    }
}

/// The index.
fn index(
    inputs: &Inputs<'_>,
    option: &Level,
    levels: &[Level],
    end: &End,
) -> Result<Option<From<Location>>, IndexError> {
    if end.asks(option.row)
        && let Some(text) = &option.given.index_url
    {
        return location(text, (option.origin)("--index-url")).map(Some);
    }
    if end.asks(REQUIREMENTS)
        && let Some(index) = &inputs.requirements.index_url
    {
        return Ok(said(std::slice::from_ref(index), inputs.exists).next());
    }
    for level in levels.iter().filter(|level| end.asks(level.row)) {
        if let Some(text) = &level.given.index_url {
            return location(text, (level.origin)("--index-url")).map(Some);
        }
    }
    if end.by.is_some() {
        return Ok(None);
    }
    if let Some(text) = inputs.built_in.filter(|text| !text.is_empty()) {
        return location(text, IndexOrigin::BuiltIn).map(Some);
    }
    (inputs.pip_default)().map(|text| location(&text, IndexOrigin::Pip)).transpose()
}

fn location(text: &str, origin: IndexOrigin) -> Result<From<Location>, IndexError> {
    match Location::parse(text) {
        Ok(value) => Ok(From { value, origin }),
        Err(fault) => Err(IndexError::Value { origin, reason: fault.to_string() }),
    }
}

fn parsed(
    texts: &[String],
    level: &Level,
    name: &'static str,
) -> Result<Vec<From<Location>>, IndexError> {
    texts.iter().map(|text| location(text, (level.origin)(name))).collect()
}

fn said(
    values: &[Said<Location>],
    exists: impl Fn(&Path) -> bool,
) -> impl Iterator<Item = From<Location>> {
    let is_there = move |place: &Location| matches!(place, Location::Path(path) if exists(path));
    values.iter().map(move |said| From {
        // A path beside the file that names it where that is there, as for pip.
        value: said.beside().filter(&is_there).unwrap_or_else(|| said.value.clone()),
        origin: IndexOrigin::Requirements(said.at.clone()),
    })
}

fn hosts(level: &Level) -> Vec<From<String>> {
    let origin = (level.origin)("--trusted-host");
    let hosts = level.given.trusted_hosts.iter();
    hosts.map(|host| From { value: host.clone(), origin: origin.clone() }).collect()
}

#[cfg(test)]
mod tests;
