//! What went wrong, what to do next, and the exit code.

mod keys;

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mirror_core::error::Kind;
use mirror_core::format::pypi::input::{Fault as InputFault, InputError};
use mirror_core::{Error, report};
use mirror_serve::BindError;

use crate::cli::Apart;
use crate::config::ConfigError;
use crate::config::indexes::IndexError;
use crate::console::{self, Tag};
use crate::suggest::nearest;

pub(crate) use self::keys::KeyFault;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is as asked.
    Done,
    /// Nothing was done.
    Failed,
    /// What was asked makes no sense.
    Usage,
    /// A part was done.
    Incomplete,
    /// A signal ended it.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration, or what it was asked for.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The library.
    #[error(transparent)]
    Core(#[from] Error),
    /// A tree whose upstream is not known.
    #[error("{tree}: it is not known from where it was mirrored, and what was selected of it")]
    NoUpstream {
        /// The tree.
        tree: String,
    },
    /// A tree of which the packages are chosen together with those of others.
    #[error("{tree}: its packages are chosen together with those of other repositories")]
    ChosenTogether {
        /// The tree.
        tree: String,
    },
    /// Nothing says which tree.
    #[error("which tree is not said, and there are several")]
    WhichTree {
        /// Those that there are.
        known: Vec<String>,
    },
    /// The server.
    #[error(transparent)]
    Serve(#[from] BindError),
    /// A variable of the environment.
    #[error("{name}: {reason}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong with it, without its value: that may hold a password.
        reason: String,
    },
    /// The file of logins.
    #[error("{}: {reason}", path.display())]
    Netrc {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without any of its values.
        reason: String,
    },
    /// A list option took what was meant as a positional argument.
    #[error("{option} takes {value:?}, which is the name of a preset")]
    ListTookPreset {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// The same command with the positional arguments first.
        better: String,
    },
    /// The same, of a requirement.
    #[error("{option} takes {value:?}, which is a requirement")]
    ListTookRequirement {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// The same command with the requirements first.
        better: String,
    },
    /// A file's name where a requirement is expected.
    #[error("{0:?} is the name of a file, expected a requirement")]
    FileAsRequirement(String),
    /// A file of another tool.
    #[error(
        "{file}: is not read, expected a requirements file, pyproject.toml, pylock.toml or uv.lock"
    )]
    OtherList {
        /// The file.
        file: String,
        /// What to do.
        instead: &'static str,
    },
    /// What says what Python packages to mirror.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A file that does, and that cannot be read.
    #[error("{file}: cannot read{}: {source}", named_at.as_ref().map(|at| format!(", named at {at}")).unwrap_or_default())]
    ReadInput {
        /// The file.
        file: String,
        /// Where it is named, if no option does.
        named_at: Option<String>,
        /// The system's reason.
        source: io::Error,
    },
    /// Where Python packages come from.
    #[error("set {set}: {source}")]
    Index {
        /// The set.
        set: String,
        /// What is wrong.
        source: IndexError,
    },
    /// An option's value that does not stand behind its equals sign.
    #[error("{} takes its value behind an equals sign, found {:?} after a space", .0.option, .0.value)]
    ValueApart(Apart),
    /// A time that no timer can have.
    #[error("--on-calendar {text:?}: {reason}")]
    Calendar {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A path that cannot be written to a unit file.
    #[error("{0:?}: control characters, and bytes that are no text, cannot stand in a unit file")]
    UnitPath(PathBuf),
    /// A root that holds no tree.
    #[error("{}: no mirror here", .0.display())]
    NoTrees(PathBuf),
    /// A set that is to be removed, and is not there.
    #[error("tree {tree} has no set {name}")]
    NoSuchSet {
        /// The tree.
        tree: String,
        /// The name.
        name: String,
        /// The sets that there are.
        known: Vec<String>,
    },
    /// A root whose first sync did not come to its end, or has not yet.
    #[error("{}: nothing is published here", .0.display())]
    NothingPublished(PathBuf),
    /// Repositories that were carried without the state, or that another tool mirrored.
    #[error("{}: there are repositories here, but not the state of a mirror (.mirror)", .0.display())]
    NoState(PathBuf),
    /// Something is to be dropped, and nobody said so.
    #[error("nobody is here to be asked whether that is to be dropped")]
    Unconfirmed,
    /// A tree that was never published.
    #[error("no tree {name} is published here")]
    NoSuchTree {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A tree that holds no Python packages of ours.
    #[error("{}: no tree of Python packages at {tree}", root.display())]
    NoPackages {
        /// Where they were looked for.
        tree: String,
        /// The root.
        root: PathBuf,
    },
    /// A tree that is none.
    #[error("{}: neither a repository nor a tree of Python packages at {tree}", root.display())]
    NothingToCheck {
        /// What was named.
        tree: String,
        /// The root.
        root: PathBuf,
    },
    /// Several folders of packages, and none that holds them all.
    #[error("{0} folders, and none is named that holds them all")]
    NoOut(usize),
    /// A file that would be overwritten.
    #[error("{}: is there already", .0.display())]
    Exists(PathBuf),
    /// The site's key.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A file that cannot be written.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    /// The runtime cannot be made.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl Failure {
    /// The exit code that it ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::Variable { .. }
            | Self::Netrc { .. }
            | Self::ListTookPreset { .. }
            | Self::ListTookRequirement { .. }
            | Self::FileAsRequirement(_)
            | Self::OtherList { .. }
            | Self::Input(_)
            | Self::ReadInput { .. }
            | Self::Index { .. }
            | Self::ValueApart(_)
            | Self::Calendar { .. }
            | Self::UnitPath(_)
            | Self::NoSuchTree { .. }
            | Self::NoUpstream { .. }
            | Self::ChosenTogether { .. }
            | Self::WhichTree { .. }
            | Self::NoPackages { .. }
            | Self::NothingToCheck { .. }
            | Self::NoSuchSet { .. }
            | Self::Unconfirmed
            | Self::NoOut(_)
            | Self::Core(
                Error::NestedTrees { .. }
                | Error::TreeMoved { .. }
                | Error::NoSuchGroup { .. }
                | Error::NoSuchSet { .. }
                | Error::AmbiguousGeneration { .. }
                | Error::NoGeneration { .. }
                | Error::NoFolder { .. }
                | Error::OutsideOf { .. }
                | Error::OfMirror { .. }
                | Error::OtherContents { .. }
                | Error::Certificates { .. },
            ) => Exit::Usage,
            Self::Key(fault) => fault.exit(),
            Self::Core(Error::Cancelled) => Exit::Interrupted,
            _ => Exit::Failed,
        }
    }

    /// The whole message: causes that the outer errors do not tell themselves are appended.
    pub(crate) fn message(&self) -> String {
        let mut message = self.to_string();
        // Names of files may hold what ends a line.
        if matches!(self, Self::Core(Error::Io { .. } | Error::NotListed { .. })) {
            message = console::one_line(&message).into_owned();
        }
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                let _ = write!(message, ": {text}");
            }
            cause = error.source();
        }
        message
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Core(error) => core_hint(error),
            Self::Serve(error) => serve_hint(error),
            Self::NoOut(_) => {
                Some("--out DIR names it, and gets the metadata of all of them".to_owned())
            }
            Self::Variable { name, .. } if name == "SOURCE_DATE_EPOCH" => {
                Some("`git log -1 --format=%ct` and `date +%s` print such a number".to_owned())
            }
            Self::Variable { .. } => {
                Some("a proxy is a URL such as http://proxy.example.com:3128".to_owned())
            }
            Self::ListTookPreset { better, .. } => {
                Some(format!("presets come first or after `--`: {better}"))
            }
            Self::ListTookRequirement { better, .. } => {
                Some(format!("requirements come first or after `--`: {better}"))
            }
            Self::FileAsRequirement(file) => {
                Some(format!("name the file with -r: `mirror pypi -r {file}`"))
            }
            Self::OtherList { instead, .. } => Some((*instead).to_owned()),
            Self::Input(error) => input_hint(&error.fault),
            Self::ReadInput { file, source, .. } => io_hint(Path::new(file), source),
            Self::Index { source, .. } => source.hint().map(str::to_owned),
            Self::ValueApart(Apart { option, value }) => Some(format!(
                "{option}={value}; where {value} is the name of a preset or a tree, that comes first or \
                 after `--`"
            )),
            Self::Calendar { .. } => Some(
                "a time is such as daily, 02:00, 'Mon..Fri 02:00' or '*-*-1 04:00'; systemd.time(7) \
                 has all"
                    .to_owned(),
            ),
            Self::UnitPath(_) => Some("give it another name".to_owned()),
            Self::NoTrees(root) => Some(format!(
                "make one with `mirror sync --root {}`, or name another folder with --root",
                root.display()
            )),
            Self::NothingPublished(root) => Some(format!(
                "where a first sync failed or was interrupted, run it again with --root {}: it goes \
                 on with what is there",
                root.display()
            )),
            Self::NoState(_) => Some(
                "`mirror serve` serves them; carry .mirror along to verify and roll back here, or \
                 let `mirror sync` take them over"
                    .to_owned(),
            ),
            Self::Key(fault) => Some(fault.hint().to_owned()),
            Self::Exists(_) => Some("--force overwrites it; nothing was written".to_owned()),
            Self::Unconfirmed => Some("--yes drops it, --dry-run only shows it".to_owned()),
            Self::NoSuchSet { known, .. } if known.is_empty() => None,
            Self::NoSuchTree { name, known } | Self::NoSuchSet { name, known, .. } => {
                Some(did_you_mean(name, known))
            }
            Self::WhichTree { known } => Some(format!("name one of {}", known.join(", "))),
            Self::ChosenTogether { .. } => {
                Some("`mirror sync --dry-run` says what would change in all of them".to_owned())
            }
            Self::NoUpstream { tree } => Some(format!(
                "give it a [[repo]] in mirror.toml with path = {tree:?}, or as part of a preset"
            )),
            Self::NoPackages { .. } => {
                Some("`mirror pypi` makes one; name another tree, or another --root".to_owned())
            }
            Self::NothingToCheck { .. } => Some(
                "`mirror sync` and `mirror pypi` make one; name another tree, or another --root"
                    .to_owned(),
            ),
            Self::Netrc { .. } => {
                Some("logins come from the file that NETRC names, else from ~/.netrc".to_owned())
            }
            Self::Write { path, source } => io_hint(path, source),
            Self::Output(_) | Self::Runtime(_) => None,
        }
    }

    /// Tells it on standard error.
    pub(crate) fn report(&self) {
        if matches!(self, Self::Core(Error::Cancelled)) {
            console::note(format_args!(
                "interrupted: what was fetched is kept, and a rerun continues"
            ));
            return;
        }
        console::tell(Tag::Error, self.message());
        if let Some(hint) = self.hint() {
            console::tell(Tag::Hint, hint);
        }
    }
}

fn did_you_mean(name: &str, known: &[String]) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there is {}", known.join(", ")),
    }
}

fn core_hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Locked { waited: None, .. } => {
            "wait for it with --lock-wait, or at most a minute with --lock-wait=60".to_owned()
        }
        Error::Locked { pid, .. } => format!(
            "see what it is at with `ps -fp {pid}`; --lock-wait without a value waits as long as it \
             takes"
        ),
        Error::NestedTrees { outer, inner } if outer == inner => {
            "give each upstream a path of its own".to_owned()
        }
        Error::NestedTrees { .. } => {
            "give it a path outside of the other tree, or another --root".to_owned()
        }
        Error::TreeMoved { old, new, .. } => {
            format!("--move moves the tree from {old} to {new}; nodes then need the new URL")
        }
        Error::NoSuchGroup { name: None, known } => format!("name one of {}", known.join(", ")),
        Error::NoSuchGroup { name: Some(name), known } => did_you_mean(name, known),
        Error::AmbiguousGeneration { .. } => {
            "name the tree whose generation it is: the others of its group go with it".to_owned()
        }
        Error::NoGeneration { kept, .. } if kept.len() < 2 => {
            "only what is published is kept: there is no other state to go back to".to_owned()
        }
        Error::NoGeneration { tree, kept, .. } => {
            let kept: Vec<_> = kept.iter().map(u64::to_string).collect();
            format!("{} of {tree} can be published; see `mirror status {tree}`", kept.join(", "))
        }
        Error::NewerFormat { .. } => "use the version of mirror that wrote it".to_owned(),
        Error::Damaged { path, .. } => return damaged_hint(path).map(str::to_owned),
        Error::Certificates { .. } => {
            "certificates come from ca_file of [[host]] in mirror.toml or sslcacert of a .repo file, \
             from --ca-file, SSL_CERT_FILE and SSL_CERT_DIR, else from the system"
                .to_owned()
        }
        Error::Access { .. } => {
            "it comes from [[host]] in mirror.toml, from a .repo file, or from the URL".to_owned()
        }
        Error::ForeignStage { path } => format!(
            "createrepo_c makes that folder while it is at work, and leaves it when it is killed: where \
             none runs, remove {}",
            path.display()
        ),
        Error::NoFolder { path, .. } if path.ends_with("repodata") => {
            "new metadata takes the place of that folder in one step: move what is there away, and serve \
             DIR itself"
                .to_owned()
        }
        Error::NoFolder { .. } => {
            "name the folder that holds the packages; --include takes some of them".to_owned()
        }
        Error::Io { action: "enter", path, source } if source.kind() == ErrorKind::NotFound => {
            format!("see how it is spelled, or make it first: `mkdir -p {}`", path.display())
        }
        Error::OutsideOf { .. } => {
            "metadata names packages below its own folder: name one with --out that holds them all"
                .to_owned()
        }
        Error::OfMirror { .. } => {
            "`mirror sync` makes the metadata of what it mirrors; keep packages of your own in a folder \
             outside of its trees"
                .to_owned()
        }
        Error::Metadata { file, .. } if is_local_entry_point(file) => {
            "move that repodata away: metadata is then made as for a folder that has none".to_owned()
        }
        Error::NotListed { .. } => {
            "without --strict it is left out, and the others are listed".to_owned()
        }
        Error::NotKept { kind, .. } => format!(
            "bring the file back, give it anew where it is groups, modules or advisories, or drop it with \
             --discard {kind}"
        ),
        Error::Io { action: "read" | "look at" | "list", source, .. } => {
            return reading_hint(source).map(str::to_owned);
        }
        Error::Io { path, source, .. } => return io_hint(path, source),
        _ => return None,
    };
    Some(hint)
}

/// What to do about a file or folder that this host cannot read.
fn reading_hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            Some("run it as a user who may read that, or let this one read it")
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => None,
        _ => Some("see to the disk, or to the server of its file system, and run it again"),
    }
}

/// Whether it is the entry point of metadata in a folder of this host.
fn is_local_entry_point(file: &str) -> bool {
    file.starts_with('/') && file.ends_with("/repodata/repomd.xml")
}

/// What to do about a file that says what Python packages to mirror.
fn input_hint(fault: &InputFault) -> Option<String> {
    let hint = match fault {
        InputFault::Refused { refusal, .. } => refusal.instead().to_owned(),
        InputFault::Dynamic { .. } => {
            "give a lock file, or what `uv pip compile pyproject.toml -o requirements.txt` makes of it"
                .to_owned()
        }
        InputFault::Unknown { name, known, .. } => {
            return nearest(name, known.iter().map(String::as_str))
                .map(|near| format!("did you mean {near}?"));
        }
        InputFault::NotExact { .. } => {
            "`pip-compile --generate-hashes` or `uv pip compile --generate-hashes` pins all and gives \
             their digests; --no-require-hashes in the file does without them"
                .to_owned()
        }
        InputFault::LocalFromRemote { .. } => {
            "fetch the file that names it, and give that".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

/// What to do where it is not known whether a tree is held.
const HOLD_HINT: &str = "remove that file, and the newest generation counts as the \
                                    published one; if the tree was held, roll it back once more \
                                    with `mirror rollback TREE --to N`";

/// What to do about a file of the state that is not what was written.
pub(crate) fn damaged_hint(path: &Path) -> Option<&'static str> {
    let is_manifest = path.components().any(|part| part.as_os_str() == "generations");
    Some(match path.file_name()?.to_str()? {
        "journal" => {
            "how far a publication came is not known: move that file away, and `mirror sync` makes \
             the trees whole"
        }
        "current" => HOLD_HINT,
        _ if is_manifest => {
            "`mirror sync` publishes a new generation where the published one is damaged; an earlier \
             one goes with time, or when you remove its file"
        }
        _ => "`mirror verify --repair` looks at all content, and puts it right",
    })
}

fn io_hint(path: &Path, error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "run it as a user who may write to {}, or choose another folder",
            path.parent().unwrap_or(path).display()
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
            if path.components().any(|part| part.as_os_str() == ".repodata") =>
        {
            "make room and run it again: the old metadata is as it was".to_owned()
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room and run it again: what was fetched is kept".to_owned()
        }
        ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only".to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn serve_hint(error: &BindError) -> Option<String> {
    let hint = match error {
        BindError::Listen { address, source } => match source.kind() {
            ErrorKind::AddrInUse => {
                let other = address.port().checked_add(1).unwrap_or(8080);
                format!(
                    "another program listens there; choose another port: --listen {}:{other}",
                    address.ip()
                )
            }
            ErrorKind::PermissionDenied => {
                "ports below 1024 are for root; choose another port: --listen 0.0.0.0:8080"
                    .to_owned()
            }
            ErrorKind::AddrNotAvailable => format!(
                "this host has no such address; listen on all of them: --listen 0.0.0.0:{}",
                address.port()
            ),
            _ => return None,
        },
        BindError::Root { source, .. } if source.kind() == ErrorKind::NotFound => {
            "make it with `mirror sync --root DIR`".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

/// Whether it is a package of a repository.
fn is_package(failure: &report::Failure) -> bool {
    let name = failure.path.as_ref().map_or("", |path| path.file_name());
    Path::new(name).extension().is_some_and(|extension| extension == "rpm")
}

/// What to do about a file or tree that failed, as the report tells it.
pub(crate) fn report_hint(failure: &report::Failure) -> Option<&'static str> {
    let hint = match failure.kind {
        Kind::NotFound if failure.path.is_none() && failure.reason.contains(ENTRY_POINT) => {
            "no repository is there: the URL has to be that of the folder that holds \
             repodata/repomd.xml"
        }
        Kind::NotFound if is_package(failure) => {
            "upstream lists files that it does not have: it may be in the middle of an update, so \
             run it again later, or use another mirror of it; --allow-missing publishes the rest \
             without them"
        }
        Kind::NotFound => {
            "upstream lists files that it does not have: it may be in the middle of an update, so \
             run it again later, or use another mirror of it"
        }
        Kind::Denied | Kind::Other | Kind::NotTls
            if failure.reason.contains("(through the proxy ") =>
        {
            "that may be the proxy's own answer: see whether it lets this host through and reaches the \
             upstream; no_proxy names the hosts that are reached without it"
        }
        Kind::Denied => {
            "the server wants a login, or another than it got: username and password, token or \
             client_cert of [[host]] in mirror.toml, the .repo file's own keys, or ~/.netrc"
        }
        Kind::TooMany => {
            "the server asks for fewer requests: use less of it with --jobs 2, or another mirror"
        }
        Kind::Refused => {
            "nothing listens there: check the host and the port of the URL, and whether the server \
             runs"
        }
        Kind::UnknownHost => {
            "names are looked up in /etc/hosts and by the servers of /etc/resolv.conf; behind a \
             proxy set http_proxy and https_proxy"
        }
        Kind::Proxy => {
            "the proxy comes from http_proxy, https_proxy or all_proxy, [[host]] in mirror.toml, or \
             the .repo file; no_proxy names the hosts that are reached without it"
        }
        Kind::ProxyLogin => "the proxy wants a user and a password: http://USER:PASSWORD@HOST:PORT",
        Kind::Other if failure.reason.contains(" is listed without a digest") => {
            "nothing shows whether such a file is what it should be: --allow-unhashed takes it all the \
             same, as does `allow_unhashed` of [pypi.SET]; where a requirement names its URL, \
             #sha256=DIGEST behind that says what it should be"
        }
        Kind::Advisory => {
            "ids are as `dnf updateinfo list --all` prints them; --repo names the repositories that \
             have them"
        }
        Kind::Selection => {
            "packages are named as `dnf list` prints them, and patterns have to fit the whole name \
             (--include 'kernel*'); --dry-run shows what is taken; nothing published was changed"
        }
        Kind::Signature => signature_hint(&failure.reason),
        Kind::PackageSignature => package_hint(&failure.reason),
        Kind::Older => {
            "a mirror that lags has the newer state later; --allow-older publishes this one"
        }
        Kind::Damaged => HOLD_HINT,
        Kind::Unreadable => {
            "let the user who runs this read that file; if its disk is failing, remove it: the next \
             sync publishes anew, and a tree that was held is to be rolled back once more"
        }
        Kind::NoSpace => {
            "make room (`mirror prune --dry-run` says what can go), or put the root on a larger disk \
             with --root; a rerun goes on with what is there"
        }
        Kind::Shrinks => {
            "upstream may be broken or half there, so look at it first; --allow-shrink publishes it"
        }
        _ => return tls_hint(failure),
    };
    Some(hint)
}

/// What to do about a connection that is to be encrypted, and is not.
fn tls_hint(failure: &report::Failure) -> Option<&'static str> {
    let hint = match failure.kind {
        Kind::UnknownAuthority => {
            "the upstream's certificate authority is not trusted here; name it for this host with \
             ca_file of [[host]] in mirror.toml, or for all hosts and in place of all others with \
             --ca-file"
        }
        Kind::Certificate if failure.reason.contains("that of an authority itself") => {
            "the server shows the certificate of an authority as its own, which --ca-file does not \
             make good: it needs a certificate that the authority issued for it"
        }
        Kind::Certificate if failure.reason.contains(", not for ") => {
            "the URL has to name the server as its certificate does; or another server answers in its \
             place, such as a proxy's"
        }
        Kind::Certificate => {
            "the fault is in the server's certificate, or this host's clock is wrong"
        }
        Kind::NotTls => "the port speaks plain HTTP: use http://, or the server's https port",
        Kind::ClientCertificate => {
            "client_cert and client_key of [[host]] in mirror.toml name one, or sslclientcert and \
             sslclientkey of a .repo file"
        }
        Kind::Handshake => {
            "TLS 1.2 and 1.3 are spoken here; a server that wants a client certificate gets one by \
             client_cert of [[host]] in mirror.toml, or sslclientcert of a .repo file"
        }
        Kind::SilentHandshake => {
            "something on the way may swallow what it does not let through: see whether a firewall \
             allows https to this host, or whether it is reached by a proxy (https_proxy)"
        }
        _ => return None,
    };
    Some(hint)
}

/// What is asked for first.
const ENTRY_POINT: &str = "repodata/repomd.xml:";

/// What to do about a package whose signature does not count.
fn package_hint(reason: &str) -> &'static str {
    if reason.contains("unsigned, expected") {
        "if upstream says that it does not sign its packages, --gpgcheck if-present takes them"
    } else if reason.contains(", expected ") || reason.contains("no key file at hand") {
        "if upstream says that the key is theirs, name its file beside the others: --key FILE, or \
         `keys` in mirror.toml"
    } else if reason.contains("this host's clock") {
        "set this host's clock"
    } else {
        "ask upstream, or use another mirror; --gpgcheck off takes packages as the metadata lists \
         them, without looking at their signatures"
    }
}

/// What to do about a signature that does not count.
fn signature_hint(reason: &str) -> &'static str {
    if reason.contains("does not fit the file") {
        "upstream or a mirror may be in the middle of an update: run it again later, or use another \
         mirror; if it stays so, somebody has changed the file"
    } else if reason.contains("when it was recorded") {
        "if upstream says that it has a new key, name that once: --key FILE or --key FINGERPRINT, \
         beside the preset, --repo-file or --url"
    } else if reason.contains("no key file at hand") {
        "give the key's file with --key FILE"
    } else if reason.contains("no key is pinned") || reason.contains(", expected ") {
        "if upstream says that the key is theirs, name it: --key FILE or --key FINGERPRINT, or `keys` \
         in mirror.toml"
    } else if reason.contains("this host's clock") {
        "set this host's clock"
    } else if reason.contains(" the key ") && reason.contains(" expired at ") {
        "if upstream has published the key anew, with a longer life, give that: --key FILE"
    } else if reason.contains("not there, and a signature is required") {
        "a mirror may lack it: use another one; if upstream says that it does not sign its metadata, \
         --repo-gpgcheck if-present takes it"
    } else if reason.contains("not there, and what is published") {
        "a mirror may lack it: use another one; if upstream says that it signs no more, \
         --repo-gpgcheck off takes it, once"
    } else {
        "--repo-gpgcheck off takes the repository without looking at its signature"
    }
}

#[cfg(test)]
mod tests {
    use mirror_core::signature::Fault;

    use super::*;

    #[test]
    fn knows_the_faults_of_signatures() {
        let hint = |error: Error| {
            let (reason, kind) = (error.to_string(), error.kind());
            report_hint(&report::Failure { path: None, reason, kind }).unwrap_or_default()
        };
        let key: mirror_core::signature::Fingerprint = "ab".repeat(20).parse().unwrap();
        let file = || "http://h/repodata/repomd.xml.asc".to_owned();
        let fault = |source: Fault| hint(Error::Signature { file: file(), source });
        let untrusted =
            |reason: &str| hint(Error::Untrusted { file: file(), reason: reason.to_owned() });
        let changed = Error::KeyChanged { file: file(), found: Vec::new(), recorded: vec![key] };
        assert!(fault(Fault::Tampered { key }).contains("run it again later"));
        let wrong = Fault::WrongKey { signed_by: Vec::new(), trusted: vec![key] };
        assert!(fault(wrong).starts_with("if upstream says that the key is theirs"));
        assert!(hint(changed).starts_with("if upstream says that it has a new key"));
        assert!(fault(Fault::NoKey(key)).ends_with("--key FILE"));
        assert!(fault(Fault::KeyExpired { key, at: 0 }).contains("longer life"));
        let reason = "and this host's clock says 1970".to_owned();
        assert!(fault(Fault::Date { key, made: 0, reason }).contains("clock"));
        assert!(fault(Fault::Malformed(String::new())).contains("--repo-gpgcheck off"));
        let required = untrusted("not there, and a signature is required");
        assert!(required.contains("if upstream says") && required.ends_with("if-present takes it"));
        assert!(untrusted("not there, and what is published was").contains("once"));
    }

    #[test]
    fn knows_what_kind_of_fault_it_is() {
        let hint = |error: Error| {
            let (reason, kind) = (error.to_string(), error.kind());
            report_hint(&report::Failure { path: None, reason, kind }).unwrap_or_default()
        };
        let status = |path: &str, code: u16, status: &str| {
            let (url, status) = (format!("http://h/{path}"), status.to_owned());
            hint(Error::Status { url, status, code })
        };
        assert!(status("a.rpm", 404, "404 Not Found").starts_with("upstream lists"));
        assert!(status("repodata/repomd.xml", 404, "404 Not Found").starts_with("no repository"));
        assert!(status("a.rpm", 401, "401 Unauthorized").starts_with("the server wants a login"));
        assert_eq!(status("a.rpm", 503, "503 Service Unavailable"), "");
        let certificate = |kind, reason: &str| {
            hint(Error::Protocol { url: "https://h/".into(), kind, reason: reason.into() })
        };
        let unknown = certificate(Kind::UnknownAuthority, "UnknownIssuer");
        assert!(unknown.contains("--ca-file"), "{unknown}");
        let authority = certificate(Kind::Certificate, "is that of an authority itself");
        assert!(authority.contains("does not make good"), "{authority}");
        let [file, found, published] = ["h", "a", "b"].map(str::to_owned);
        assert!(hint(Error::Older { file, found, published }).contains("--allow-older"));
        assert!(hint(Error::Shrinks { dropped: 2, total: 3 }).contains("--allow-shrink"));
        let path = "/m".into();
        let full = Error::NoSpace { path, needed: 3, free: 2, promised: 1 };
        assert!(hint(full).contains("mirror prune"));
        let path = "/m/.mirror/generations/a/1".into();
        let source = ErrorKind::PermissionDenied.into();
        assert!(hint(Error::Io { action: "read", path, source }).contains("read that file"));
    }

    #[test]
    fn knows_what_is_damaged() {
        let hint = |path: &str| {
            let (path, reason) = (path.into(), "odd".to_owned());
            Failure::Core(Error::Damaged { path, reason }).hint().unwrap()
        };
        assert!(hint("/m/.mirror/journal").contains("move that file away"));
        assert!(hint("/m/.mirror/generations/a/current").contains("mirror rollback TREE --to N"));
        assert!(hint("/m/.mirror/generations/a/2").contains("remove its file"));
        assert!(hint("/m/.mirror/blobs/sha256/ab/abc").contains("mirror verify --repair"));
    }

    #[test]
    fn tells_each_cause_once() {
        let source = io::Error::other("disk on fire");
        let failure = Failure::Core(Error::Io { action: "read", path: "/x".into(), source });
        assert_eq!(failure.message(), "/x: cannot read: disk on fire");
    }
}
