//! What is wrong with the user's words, and what would help.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mirror_core::format::rpm::FormatError;
use mirror_core::path::PathError;
use mirror_core::resolve::pypi::{Distribution, TargetError};
use mirror_core::resolve::rpm::NotAStream;
use mirror_core::signature::FingerprintError;
use mirror_core::source::pypi::SetNameError;
use mirror_core::source::rpm::GlobError;

use crate::suggest::nearest;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, as it was named.
    pub(crate) file: PathBuf,
    /// The line, from 1.
    pub(crate) line: usize,
}

impl Place {
    /// The line of `text` that the byte `offset` is in.
    pub(super) fn of(file: &Path, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        Self { file: file.to_owned(), line: 1 + before.matches('\n').count() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Where the words were said, and so what a setting is called there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// On the command line.
    Options,
    /// In a configuration file.
    File,
}

/// What can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// A set of repositories that the program knows.
    Preset,
    /// A release of a preset.
    Release,
    /// A repository of a preset or of a `.repo` file.
    Repository,
    /// An architecture that a preset has.
    Architecture,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preset => "preset",
            Self::Release => "release",
            Self::Repository => "repository",
            Self::Architecture => "architecture",
        })
    }
}

/// A setting of an upstream, which is an option and a key of `[[repo]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// `--release`.
    Release,
    /// `--arch`.
    Arch,
    /// `--repo`.
    Repo,
    /// `--source`.
    Source,
    /// `--debuginfo`.
    Debuginfo,
    /// `--vars`.
    Vars,
    /// `--path`.
    Path,
    /// `--url`.
    Url,
    /// `--include`.
    Include,
    /// `--exclude`.
    Exclude,
    /// `--newest-only`.
    NewestOnly,
    /// `--security`.
    Security,
    /// `--advisory`.
    Advisory,
    /// `--cve`.
    Cve,
    /// `--packages`.
    Packages,
    /// `--package-list`.
    PackageList,
    /// `--set`.
    Set,
    /// `--closed`.
    Closed,
    /// `--weak`.
    Weak,
    /// `--stream`.
    Stream,
    /// `--installed`.
    Installed,
    /// `--treeinfo`.
    Treeinfo,
    /// `--allow-missing`.
    AllowMissing,
    /// `--group`.
    Group,
    /// `--repo-gpgcheck`.
    RepoGpgcheck,
    /// `--gpgcheck`.
    Gpgcheck,
    /// `--key`.
    Key,

    /// `--python`.
    Python,
    /// `--platform`.
    Platform,
    /// `--target`.
    Target,
}

impl Setting {
    /// What it is called there.
    pub(super) fn said(self, said: Said) -> &'static str {
        let file = said == Said::File;
        match self {
            Self::Release if file => "`release`",
            Self::Release => "--release",
            Self::Arch if file => "`arch`",
            Self::Arch => "--arch",
            Self::Repo if file => "`repos`",
            Self::Repo => "--repo",
            Self::Source if file => "`source`",
            Self::Source => "--source",
            Self::Debuginfo if file => "`debuginfo`",
            Self::Debuginfo => "--debuginfo",
            Self::Vars if file => "`vars`",
            Self::Vars => "--vars",
            Self::Path if file => "`path`",
            Self::Path => "--path",
            Self::Url if file => "`url`",
            Self::Url => "--url",
            Self::Include if file => "`include`",
            Self::Include => "--include",
            Self::Exclude if file => "`exclude`",
            Self::Exclude => "--exclude",
            Self::NewestOnly if file => "`newest_only`",
            Self::NewestOnly => "--newest-only",
            Self::Security if file => "`security`",
            Self::Security => "--security",
            Self::Advisory if file => "`advisories`",
            Self::Advisory => "--advisory",
            Self::Cve if file => "`cves`",
            Self::Cve => "--cve",
            Self::Packages if file => "`packages`",
            Self::Packages => "--packages",
            Self::PackageList if file => "`package_list`",
            Self::PackageList => "--package-list",
            Self::Set => "--set",
            Self::Closed if file => "`closed`",
            Self::Closed => "--closed",
            Self::Weak if file => "`weak`",
            Self::Weak => "--weak",
            Self::Stream if file => "`streams`",
            Self::Stream => "--stream",
            Self::Installed if file => "`installed`",
            Self::Installed => "--installed",
            Self::Treeinfo if file => "`treeinfo`",
            Self::Treeinfo => "--treeinfo",
            Self::AllowMissing if file => "`allow_missing`",
            Self::AllowMissing => "--allow-missing",
            Self::Group if file => "`group`",
            Self::Group => "--group",
            Self::RepoGpgcheck if file => "`repo_gpgcheck`",
            Self::RepoGpgcheck => "--repo-gpgcheck",
            Self::Gpgcheck if file => "`gpgcheck`",
            Self::Gpgcheck => "--gpgcheck",
            Self::Key if file => "`keys`",
            Self::Key => "--key",
            Self::Python if file => "`python`",
            Self::Python => "--python",
            Self::Platform if file => "`platform`",
            Self::Platform => "--platform",
            Self::Target if file => "`target`",
            Self::Target => "--target",
        }
    }
}

/// Why the user's words are not understood, or cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file that was named cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A configuration file is not TOML, or a value is of another kind than expected.
    #[error("{at}: {reason}")]
    Syntax {
        /// Where.
        at: Place,
        /// What was expected and found.
        reason: String,
    },
    /// A key that means nothing.
    #[error("{at}: unknown key `{key}`, expected one of {}", known.join(", "))]
    UnknownKey {
        /// Where.
        at: Place,
        /// The key.
        key: String,
        /// The keys that there are.
        known: Vec<String>,
    },
    /// What is wrong in an entry of a configuration file.
    #[error("{at}: {error}")]
    Entry {
        /// The entry's first line.
        at: Place,
        /// What is wrong.
        error: Box<ConfigError>,
    },
    /// A name that does not exist.
    #[error(
        "{of}{} no {item} {found:?}; there {} {}",
        if of.is_empty() { "there is" } else { " has" },
        if known.len() == 1 { "is" } else { "are" },
        known.join(", ")
    )]
    Unknown {
        /// What does not have it; empty for the program.
        of: String,
        /// The kind of thing.
        item: Item,
        /// The name.
        found: String,
        /// The names that there are.
        known: Vec<String>,
        /// The releases that have it, where another one does.
        elsewhere: Vec<String>,
    },
    /// Nothing was named, and no file says what to do.
    #[error(
        "nothing to mirror: no preset, repository file or URL is named, and no [[repo]] or [pypi.SET]"
    )]
    Nothing {
        /// The presets that there are.
        presets: Vec<String>,
    },
    /// A setting without anything that it could apply to.
    #[error("{setting} applies to {applies}, and none is named")]
    Unused {
        /// The setting, as it is called there.
        setting: &'static str,
        /// What it applies to.
        applies: &'static str,
    },
    /// A setting of packages that are asked for by name, where none is.
    #[error("{setting} is about packages that are asked for by name, and none is")]
    NothingAsked {
        /// The setting, as it is called there.
        setting: &'static str,
    },
    /// A setting of dependencies, where they do not count.
    #[error("{setting} is about what packages need, and they are asked for without that")]
    NotClosed {
        /// The setting, as it is called there.
        setting: &'static str,
    },
    /// Packages that are asked for by name of repositories that they cannot be chosen from together.
    #[error("{packages} chooses packages for hosts of one kind, and {found} are named")]
    AskedOfSeveral {
        /// The setting, as it is called there.
        packages: &'static str,
        /// What there are several of, or that does not belong to any.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// A set of packages that asks for nothing.
    #[error("set {name} has neither `packages` nor `package_list`")]
    EmptyPackageSet {
        /// The set.
        name: String,
    },
    /// A set of packages that no section makes.
    #[error("there is no [packages.{name}]")]
    NoSuchPackageSet {
        /// The set.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It is not clear of which repositories a set of packages is asked.
    #[error("{}", group_of_set(name, group.as_deref(), known))]
    GroupOfSet {
        /// The set.
        name: String,
        /// The group that it names.
        group: Option<String>,
        /// The groups that there are.
        known: Vec<String>,
    },
    /// A repository that packages are asked of twice.
    #[error("{of} has `packages` of its own, and set {set} is asked of it as well")]
    AskedTwice {
        /// The repository.
        of: String,
        /// The set.
        set: String,
    },
    /// What should be a stream of a module is none.
    #[error("{setting}: {source}")]
    Stream {
        /// The setting, as it is called there.
        setting: &'static str,
        /// What is wrong.
        source: NotAStream,
    },
    /// A URL without a place to put its tree.
    #[error("{url} has no path below the root to go to")]
    NoPath {
        /// The URL, without credentials.
        url: String,
    },
    /// What should be a URL is not, or is one that is not fetched from.
    #[error("{of}: {url:?} is no URL to mirror from: {reason}")]
    Url {
        /// Who says it.
        of: String,
        /// The text.
        url: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A pattern that does not parse.
    #[error("{setting}: {source}")]
    Pattern {
        /// The setting, as it is called there.
        setting: &'static str,
        /// What is wrong.
        source: GlobError,
    },
    /// A tree's path that breaks the rules.
    #[error("{of}: {source}")]
    Path {
        /// Whose tree.
        of: String,
        /// What is wrong.
        source: PathError,
    },
    /// Two trees at the same path, or one within the other.
    #[error("{} and {} {}", .0[0], .0[1], if .0[0].tree == .0[1].tree {
        "would be the same tree"
    } else {
        "would lie within one another"
    })]
    Overlap([Claim; 2]),
    /// A variable that nobody has set.
    #[error("{of} needs the variable ${name}, which is not set")]
    Unset {
        /// Whose text holds it.
        of: String,
        /// The variable.
        name: String,
    },
    /// A variable that can have only one value has several.
    #[error("{of} needs one release, and several are named: {}", releases.join(", "))]
    SeveralReleases {
        /// Whose text holds `$releasever`.
        of: String,
        /// Those that are named.
        releases: Vec<String>,
    },
    /// A `.repo` file, or text with variables, that does not parse.
    #[error("{of}: {source}")]
    Format {
        /// The file, or whose text it is.
        of: String,
        /// What is wrong.
        source: FormatError,
    },
    /// A repository without a location.
    #[error("{of} has neither a URL nor a mirror list nor a metalink")]
    NoLocation {
        /// Which.
        of: String,
    },
    /// No repository that was asked for has such a companion.
    #[error("{of}: no repository that is asked for has a {companion} companion")]
    NoCompanion {
        /// The preset or file.
        of: String,
        /// Which kind.
        companion: &'static str,
    },
    /// A `.repo` file with nothing to take.
    #[error("{of} has no enabled repository; it has {}", known.join(", "))]
    NoneEnabled {
        /// The file.
        of: String,
        /// Its repositories.
        known: Vec<String>,
    },
    /// An entry that does not say what to mirror, or says it twice.
    #[error("an entry has one of `preset`, `url` and `repo_file`, found {found}")]
    Kind {
        /// What it has of them.
        found: &'static str,
    },
    /// What a host or repository is to be asked with makes no sense.
    #[error("{of}: {reason}")]
    Access {
        /// The host or repository.
        of: String,
        /// What is wrong, without any secret.
        reason: String,
    },
    /// A repository whose server is not to be verified.
    #[error("{of}: sslverify is off, expected certificates that can be verified")]
    NoVerify {
        /// The repository.
        of: String,
    },
    /// What should be a fingerprint names no key for certain.
    #[error("{setting}: {source}")]
    Fingerprint {
        /// The setting, as it is called there.
        setting: &'static str,
        /// What is wrong.
        source: FingerprintError,
    },
    /// A URL in the place of a key.
    #[error("{setting} takes a file or a fingerprint, found {url:?}")]
    KeyUrl {
        /// The setting, as it is called there.
        setting: &'static str,
        /// The URL.
        url: String,
    },
    /// A file that is no key file.
    #[error("{path}: {reason}", path = path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// A signature is required, and there is no key to hold it against.
    #[error("{of}: a signature is required, and no key is pinned to hold it against")]
    NoKey {
        /// Whose.
        of: String,
    },
    /// A Python, platform or distribution that is none.
    #[error("{setting}: {source}")]
    Target {
        /// The setting, as it is called there.
        setting: &'static str,
        /// What is wrong.
        source: TargetError,
    },
    /// A platform without a Python.
    #[error("{platform} is the platform of a Python, and none is named")]
    NoPython {
        /// The setting, as it is called there.
        platform: &'static str,
    },
    /// Nothing says what a set is for.
    #[error("set {name}: no Python is named to mirror for")]
    NoTarget {
        /// The set.
        name: String,
    },
    /// Files in which nothing is asked for.
    #[error("set {name}: nothing is asked for in {files}")]
    NothingListed {
        /// The set.
        name: String,
        /// The files, with commas between them.
        files: String,
    },
    /// A text that is no name of a set.
    #[error(transparent)]
    SetName(#[from] SetNameError),
    /// A section that names nothing.
    #[error("set {name} has neither `requirements` nor `files` nor `all_versions`")]
    EmptySet {
        /// The set.
        name: String,
    },
    /// A file where projects are to be named.
    #[error("{text:?} is a file, expected a project of which all versions are mirrored")]
    AllVersions {
        /// The user's words.
        text: String,
    },
    /// A set that no section makes.
    #[error("there is no [pypi.{name}], and no requirement and no file is named")]
    NoSuchSet {
        /// The set.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Lists of packages that name none.
    #[error("nothing is listed in {files}")]
    EmptyLists {
        /// The lists, with commas between them.
        files: String,
    },
    /// A list of packages that is neither ours nor a file.
    #[error("no list of packages is called {name:?}")]
    NoSuchList {
        /// The list.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// No requirement is named, and no file says what to do.
    #[error("nothing to mirror: no requirement and no file is named, and no [pypi.SET]")]
    NoSets,
    /// A number outside its range.
    #[error("{key} is {found}, expected {expected}")]
    Range {
        /// The key.
        key: &'static str,
        /// The value.
        found: String,
        /// What it may be.
        expected: String,
    },
}

/// Who wants a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The tree's path.
    pub(crate) tree: String,
    /// The upstream's name.
    pub(crate) name: String,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.name, self.tree)
    }
}

impl ConfigError {
    /// What the user could do, in one line.
    pub(crate) fn hint(&self) -> Option<String> {
        self.hint_said(Said::Options)
    }

    /// What to do about a list of packages.
    fn list_hint(&self) -> String {
        match self {
            Self::NoSuchList { name, known } => did_you_mean(name, known)
                .unwrap_or_else(|| format!("there is {}, or any file", known.join(", "))),
            _ => "a list that is lost or cut off changes nothing".to_owned(),
        }
    }

    fn hint_said(&self, said: Said) -> Option<String> {
        let word = |setting: Setting| setting.said(said);
        match self {
            Self::Entry { error, .. } => error.hint_said(Said::File),
            Self::UnknownKey { key, known, .. } if is_of_a_set(key, known) => Some(format!(
                "{key} is said of one set: put it below [pypi.NAME], such as [pypi.tools]"
            )),
            Self::UnknownKey { key, known, .. } => did_you_mean(key, known),
            Self::Unknown { item, found, known, elsewhere, .. } => {
                if !elsewhere.is_empty() {
                    let releases = elsewhere.join(", ");
                    return Some(format!("{found} is in release {releases}"));
                }
                did_you_mean(found, known).or_else(|| match item {
                    Item::Architecture => Some(format!("name one with {}", word(Setting::Arch))),
                    Item::Release => {
                        Some("a new release can be added to `releases` of [preset.…]".to_owned())
                    }
                    Item::Preset => Some("`mirror repos` lists what they hold".to_owned()),
                    Item::Repository => None,
                })
            }
            Self::Nothing { presets } => Some(format!(
                "name a preset ({}), or list what to mirror in mirror.toml",
                presets.join(", ")
            )),
            Self::Unused { setting, .. } if matches!(said, Said::Options) => Some(format!(
                "name one beside {setting}; what mirror.toml lists has it in its own section there"
            )),
            Self::NothingAsked { .. } | Self::EmptyPackageSet { .. } => Some(ask(said)),
            Self::NoSuchPackageSet { name, known } => nearest_or_all(name, known),
            Self::GroupOfSet { group, known, .. } => {
                nearest_or_all(group.as_deref().unwrap_or_default(), known)
            }
            Self::AskedTwice { .. } => {
                Some("make a set of them: a [packages.NAME] with the same `group`".to_owned())
            }
            Self::NotClosed { .. } => {
                Some(format!("add {}", in_place(said, "--closed", "closed = true")))
            }
            Self::AskedOfSeveral { hint, .. } => Some((*hint).to_owned()),
            Self::NoPath { .. } => Some(format!(
                "add {}, the tree's path below the root; `.` is the root itself",
                word(Setting::Path)
            )),
            Self::Overlap(_) => {
                Some("give each a path of its own: --path, or `path` of [[repo]]".to_owned())
            }
            Self::Unset { name, .. } if name.starts_with("releasever") => {
                Some(format!("set it with {}, as in 9", word(Setting::Release)))
            }
            Self::Unset { name, .. } => Some(format!(
                "name a folder with a file {name:?} in it, such as /etc/dnf/vars, with {}",
                word(Setting::Vars)
            )),
            Self::NoVerify { .. } => Some(
                "name the authority of its certificate: sslcacert in the .repo file, ca_file of \
                 [[host]], or --ca-file"
                    .to_owned(),
            ),
            Self::Fingerprint { .. } => {
                Some("`gpg --show-keys FILE` shows the fingerprints of a key file".to_owned())
            }
            Self::KeyUrl { .. } => Some(format!(
                "fetch the file, hold its fingerprint against the one that upstream publishes, and \
                 name the file: {} FILE",
                word(Setting::Key)
            )),
            Self::NoKey { .. } => Some(format!(
                "name the key that upstream signs with, by its file or its fingerprint: {} \
                 FILE|FINGERPRINT",
                word(Setting::Key)
            )),
            Self::NoneEnabled { .. } => {
                Some(format!("name those to mirror with {}", word(Setting::Repo)))
            }
            _ => self.hint_of_lists(said),
        }
    }

    /// The same for Python packages, and for sets and lists of packages.
    fn hint_of_lists(&self, said: Said) -> Option<String> {
        match self {
            Self::Target { source: TargetError::Distribution { found: name, .. }, .. } => {
                let known: Vec<_> = Distribution::ALL.iter().map(|one| one.name.to_owned()).collect();
                rebuild_of(name)
                    .map(|target| format!("did you mean {target}?"))
                    .or_else(|| did_you_mean(name, &known))
            }
            Self::NoPython { .. } => Some(format!(
                "name some: {}; a distribution on another processor is a target, such as el9-aarch64",
                in_place(said, "--python 3.11 3.12", "python = [\"3.11\", \"3.12\"]")
            )),
            Self::NoTarget { .. } => Some(TARGETS.to_owned()),
            Self::NothingListed { name, .. } => Some(format!(
                "a list that is lost or cut off changes nothing; `mirror pypi --remove-set {name}` is what \
                 removes the set"
            )),
            Self::EmptySet { .. } => {
                Some("as in requirements = [\"ansible>=9\"], or files = \"requirements.txt\"".to_owned())
            }
            Self::NoSuchSet { name, known } if known.is_empty() => {
                Some(format!("name what it is to hold: `mirror pypi -r requirements.txt --set {name}`"))
            }
            Self::NoSuchSet { name, known } => {
                did_you_mean(name, known).or_else(|| Some(format!("there is {}", known.join(", "))))
            }
            Self::EmptyLists { .. } | Self::NoSuchList { .. } => Some(self.list_hint()),
            Self::NoSets => Some(
                "name a requirement or a file, as in `mirror pypi -r requirements.txt --python 3.11`, or \
                 list sets in mirror.toml"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// How to say what a set is for.
const TARGETS: &str = "--target el9 ubuntu24.04 stands for the Pythons of a distribution, --python 3.11 \
                       3.12 for those on x86_64 Linux with glibc 2.28 or newer unless --platform says \
                       otherwise; `target`, `python` and `platform` of mirror.toml do the same";

/// How to ask for packages by name.
fn ask(said: Said) -> String {
    let option = "--packages kubeadm containerd @core";
    format!("name them: {}", in_place(said, option, "packages = \"kubeadm containerd @core\""))
}

fn in_place(said: Said, option: &'static str, key: &'static str) -> &'static str {
    if said == Said::File { key } else { option }
}

/// Whether a key of `[pypi.SET]` stands where the keys of `[pypi]` are known.
fn is_of_a_set(key: &str, known: &[String]) -> bool {
    const OF_SETS: [&str; 7] =
        ["requirements", "files", "constraints", "all_versions", "newest_only", "extras", "groups"];
    let is_known = |key: &str| known.iter().any(|known| known == key);
    OF_SETS.contains(&key) && is_known("index_url") && !is_known(key)
}

/// The target that has the Pythons and the glibc of a rebuild of Enterprise Linux.
fn rebuild_of(name: &str) -> Option<String> {
    let rest = ["rhel", "rocky", "almalinux", "alma", "centos", "ol"]
        .iter()
        .find_map(|rebuild| name.strip_prefix(rebuild))?;
    let target = format!("el{}", rest.trim_start_matches('-'));
    Distribution::targets(&target, &[]).is_ok().then_some(target)
}

/// What is wrong with the group of a set.
fn group_of_set(name: &str, group: Option<&str>, known: &[String]) -> String {
    match group {
        Some(group) => format!("set {name} is asked of group {group}, which no [[repo]] is of"),
        None if known.is_empty() => format!("set {name} is asked of no [[repo]]"),
        None => format!("set {name} does not say of which `group` it is asked"),
    }
}

fn nearest_or_all(word: &str, known: &[String]) -> Option<String> {
    let all = || (!known.is_empty()).then(|| format!("there is {}", known.join(", ")));
    did_you_mean(word, known).or_else(all)
}

fn did_you_mean(word: &str, known: &[String]) -> Option<String> {
    let near = nearest(word, known.iter().map(String::as_str))?;
    Some(format!("did you mean {near}?"))
}
