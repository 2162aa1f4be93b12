//! The command line, defined once: parsing, help, man pages and completions all come from here.
//!
//! Options that take a list take it with spaces or commas and may repeat; positional arguments
//! come first or after `--`.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use mirror_core::fetch;
use mirror_core::path::TreePath;
use mirror_core::store::LockWait;

use crate::config::{Gpgcheck, MOST_RETRIES, RATES, rate, time};

/// The longest `--timeout`, in seconds.
const MOST_TIMEOUT: u64 = 86_400;

/// Where the root is, if nothing says otherwise.
pub(crate) const DEFAULT_ROOT: &str = "./mirror";

/// Builds and serves the mirrors that an isolated site lives on
///
/// Mirrors RPM repositories, complete and verified, as plain files that any web server can serve.
#[derive(Debug, Parser)]
#[command(name = "mirror", version, max_term_width = 100, arg_required_else_help = true)]
#[command(propagate_version = false, infer_subcommands = false, subcommand_value_name = "COMMAND")]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong usage or configuration
  3    incomplete, its old state stays; or findings (verify)
  130  interrupted; a rerun continues

Configuration: --config FILE, else ./mirror.toml, else /etc/mirror/mirror.toml.
Options win over the environment, which wins over the configuration.

Proxies: http_proxy, https_proxy, all_proxy and no_proxy of the environment.
Logins: [[host]] of the configuration, .repo files, then NETRC or ~/.netrc.
Certificates: --ca-file, else SSL_CERT_FILE and SSL_CERT_DIR, else the system's.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make mirrors what their upstreams are
    #[command(long_about = SYNC_ABOUT, after_long_help = SYNC_EXAMPLES)]
    Sync(Box<SyncArgs>),
    /// List the presets, or the repositories of one
    Repos(ReposArgs),
    /// Show what is published, how old it is, and what came of the last runs
    #[command(long_about = STATUS_ABOUT)]
    Status(StatusArgs),
    /// Publish an earlier generation again, and hold it
    #[command(long_about = ROLLBACK_ABOUT, after_long_help = ROLLBACK_EXAMPLES)]
    Rollback(RollbackArgs),
    /// Read every byte of the mirrors and hold it against what was published
    #[command(long_about = VERIFY_ABOUT, after_long_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Drop what no kept generation names, and trees that are named
    #[command(long_about = PRUNE_ABOUT, after_long_help = PRUNE_EXAMPLES)]
    Prune(PruneArgs),
    /// Serve the mirrors over HTTP
    #[command(long_about = SERVE_ABOUT)]
    Serve(ServeArgs),
    /// Write a configuration to start from, and a systemd timer
    #[command(long_about = INIT_ABOUT, after_long_help = INIT_EXAMPLES)]
    Init(InitArgs),
    /// Print a shell's completion script
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Write the man pages
    Man(ManArgs),
}

const SYNC_ABOUT: &str = "\
Make mirrors what their upstreams are

Fetches what is missing, verifies every file, and publishes each repository as a whole; what is \
there and verified is not fetched again, and a run that was interrupted continues. Without presets, \
--repo-file and --url, everything that the configuration lists is mirrored.";

const SYNC_EXAMPLES: &str = "\
Examples:
  mirror sync rocky --repo baseos appstream extras
  mirror sync rocky --release 9 --arch x86_64 aarch64 --root /srv/mirror
  mirror sync --repo-file vendor.repo
  mirror sync --url https://example.com/repo/ --path vendor/tools
  mirror sync --dry-run";

const STATUS_ABOUT: &str = "\
Show what is published, how old it is, and what came of the last runs

With a TREE, also the generations that are kept, which `mirror rollback` can publish again. Reads no \
content, writes nothing, and works while a sync runs.";

const ROLLBACK_ABOUT: &str = "\
Publish an earlier generation again, and hold it

All trees of the group go back together, to a state that they were published in; without --to, to the \
one before. Needs no network. From then on `mirror sync` says that the group is held, changes nothing in \
it and ends with 0, until `mirror rollback --release`. Where content of that generation is gone, it is \
named, and nothing is changed.";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  mirror status rocky/10/baseos                  which generations are kept
  mirror rollback rocky/10                       the group, to its state before the last change
  mirror rollback rocky/10/baseos --to 7         and the rest of its group to what was beside it
  mirror rollback --release rocky/10";

const VERIFY_ABOUT: &str = "\
Read every byte of the mirrors and hold it against what was published

Finds files that are missing, changed or foreign, links and folders where files should be, wrong \
permissions, and damaged state; trusts no time, size or note of an earlier run. Writes nothing, needs \
no network, and works on a root that is mounted read-only. A sync waits for it, or says who is there. \
Ends with 3 where something is found.

--repair puts right what was found: from content that is whole elsewhere in the root, else from \
upstream, of which only what differs is fetched. Foreign files are left alone unless they are in the \
way.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  mirror verify --root /srv/mirror
  mirror verify rocky/10/baseos --repair";

const PRUNE_ABOUT: &str = "\
Drop what no kept generation names, and trees that are named

Says first what that is and how much room it makes, and asks on a terminal; elsewhere it needs --yes. \
Syncs do most of it by themselves: this is for a lower keep_generations, for `--no-prune`, for what \
interrupted runs left, and for trees that are mirrored no longer. A tree is dropped only if --tree \
names it, whatever the configuration lists.";

const PRUNE_EXAMPLES: &str = "\
Examples:
  mirror prune --dry-run
  mirror prune --yes
  mirror prune --tree rocky/8/baseos";

const SERVE_ABOUT: &str = "\
Serve the mirrors over HTTP

Serves the published trees, and nothing of the mirror's own state, to dnf, curl and browsers, on \
every address of this host unless --listen says otherwise. Prints the trees' URLs and the text of \
a .repo file for the nodes. A sync may run meanwhile.";

const INIT_ABOUT: &str = "\
Write a configuration to start from, and a systemd timer

The configuration is full of examples, all of them comments. With --timer, also mirror-sync.service and \
mirror-sync.timer, which sync what the configuration lists; a configuration that is there is then kept, \
with --force too. No other file is overwritten without --force, and nothing is enabled: it says how.";

const INIT_EXAMPLES: &str = "\
Examples:
  mirror init --root /srv/mirror
  mirror init --timer --config /etc/mirror/mirror.toml --root /srv/mirror
  mirror init --timer --user --on-calendar 'Mon..Fri 02:00'";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mirror completions bash > /etc/bash_completion.d/mirror
  mirror completions zsh > /usr/share/zsh/site-functions/_mirror
  mirror completions fish > ~/.config/fish/completions/mirror.fish";

/// Where the mirrors are, and the configuration.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The folder that holds the mirrors [default: ./mirror]
    #[arg(long, value_name = "DIR", env = "MIRROR_ROOT", hide_env_values = true)]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// The configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file [default: ./mirror.toml, else /etc/mirror/mirror.toml]
    #[arg(long, value_name = "FILE", env = "MIRROR_CONFIG", hide_env_values = true)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// `mirror sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The presets to mirror, such as rocky or epel; see `mirror repos`
    #[arg(value_name = "PRESET")]
    pub(crate) presets: Vec<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) publication: PublicationArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which upstreams.
#[derive(Debug, Args)]
#[command(next_help_heading = "Upstreams")]
pub(crate) struct UpstreamArgs {
    /// Only these repositories of the presets or .repo files
    #[arg(long = "repo", value_name = "ID", num_args = 1.., value_delimiter = ',')]
    pub(crate) repos: Vec<String>,
    /// The releases, such as 9 or 9.6 [default: each preset's newest]
    #[arg(long = "release", value_name = "RELEASE", num_args = 1.., value_delimiter = ',')]
    pub(crate) releases: Vec<String>,
    /// The architectures, each in a folder of its own [default: this host's, without one]
    #[arg(long = "arch", value_name = "ARCH", num_args = 1.., value_delimiter = ',')]
    pub(crate) arches: Vec<String>,
    /// The repositories of source packages as well
    #[arg(long)]
    pub(crate) source: bool,
    /// The repositories of debugging information as well
    #[arg(long)]
    pub(crate) debuginfo: bool,
    /// The repositories of these .repo files
    #[arg(long = "repo-file", value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) repo_files: Vec<PathBuf>,
    /// Folders of variables for .repo files, as in /etc/dnf/vars
    #[arg(long = "vars", value_name = "DIR", num_args = 1.., value_delimiter = ',')]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) vars_dirs: Vec<PathBuf>,
    /// The repository at this URL; several are mirrors of the same one
    #[arg(long = "url", value_name = "URL", num_args = 1.., value_hint = ValueHint::Url)]
    pub(crate) urls: Vec<String>,
    /// Where the tree goes, below the root; `.` is the root itself. May hold $releasever, $basearch
    /// and $repo
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
}

/// Which of an upstream's packages.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Only packages whose name or NEVRA fits one of these patterns. Not yet: where this or one of
    /// the next two drops a package, the repository fails
    #[arg(long, value_name = "GLOB", num_args = 1.., value_delimiter = ',')]
    pub(crate) include: Vec<String>,
    /// No packages whose name or NEVRA fits one of these patterns
    #[arg(long, value_name = "GLOB", num_args = 1.., value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
    /// Only the newest N versions of each package [default: all; without =N: 1]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1")]
    pub(crate) newest_only: Option<NonZeroUsize>,
    /// With .treeinfo and the files that it lists, which an installer boots from
    #[arg(long)]
    pub(crate) treeinfo: bool,
}

/// Whose signatures count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// Whether the signature of a repository's metadata is checked [default: if-present]
    #[arg(long, value_name = "WHEN")]
    pub(crate) repo_gpgcheck: Option<Gpgcheck>,
    /// Only these keys may sign the metadata: files, or fingerprints of 40 or 64 digits [default:
    /// those that the preset or the .repo file names]
    #[arg(long = "key", value_name = "FILE|FINGERPRINT", num_args = 1.., value_delimiter = ',')]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) keys: Vec<String>,
}

/// How files are transferred.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct TransferArgs {
    /// Files at once [default: 24]
    #[arg(short, long = "jobs", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=fetch::Options::MAX_CONNECTIONS as i64))]
    pub(crate) jobs: Option<u16>,
    /// The most bytes a second of all files together, such as 500K or 2M
    #[arg(long, value_name = "RATE", value_parser = limit_rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// Try so often again what fails and may pass [default: 5]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_RETRIES)))]
    pub(crate) retries: Option<u32>,
    /// Give up a connection or transfer of which nothing comes for SECS seconds [default: 20 until
    /// it is connected, 60 until it answers, 30 from then on]
    #[arg(long, value_name = "SECS", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,
    /// Trust only the certificate authorities of these PEM files, or of folders of them
    #[arg(long = "ca-file", value_name = "FILE", action = ArgAction::Append)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) ca_files: Vec<PathBuf>,
}

/// How the root is treated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Publication")]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub(crate) struct PublicationArgs {
    /// Show what would be fetched and changed, and publish nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Wait while another process works on the root, at most SECS seconds [without =SECS: forever]
    #[arg(long, value_name = "SECS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "forever", value_parser = lock_wait)]
    pub(crate) lock_wait: Option<LockWait>,
    /// Move a tree that is published at another path to its new one
    #[arg(long = "move", conflicts_with = "dry_run")]
    pub(crate) move_trees: bool,
    /// Publish all of this together or not at all, as a group of this name [default: the
    /// repositories of one preset and release together]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Keep content that no kept generation names
    #[arg(long)]
    pub(crate) no_prune: bool,
    /// Publish a state of the upstream that is older than the published one
    #[arg(long)]
    pub(crate) allow_older: bool,
    /// Publish a state that drops more than half of the published packages
    #[arg(long)]
    pub(crate) allow_shrink: bool,
}

/// What is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print events and the final report as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

/// `mirror status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The trees to show in full [default: all, a line each]
    #[arg(value_name = "TREE")]
    pub(crate) trees: Vec<TreePath>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print all of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `mirror rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The group, or one of its trees [default: the only group]
    #[arg(value_name = "TREE|GROUP")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The generation of that tree [default: the one before the published one]
    #[arg(long, value_name = "ID", conflicts_with = "release")]
    pub(crate) to: Option<u64>,
    /// Let syncs go on; what is published stays until one finds something newer
    #[arg(long)]
    pub(crate) release: bool,
    /// Show what would be published, and publish nothing
    #[arg(long, conflicts_with = "release")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// `mirror prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Drop these trees too, with their generations and all that only they hold
    #[arg(long = "tree", value_name = "TREE", num_args = 1.., value_delimiter = ',')]
    pub(crate) trees: Vec<TreePath>,
    /// Do not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Show what would be dropped, and drop nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    /// Print what is dropped as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `mirror verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The trees to read, such as rocky/10/baseos [default: all of them, and all kept content]
    #[arg(value_name = "TREE")]
    pub(crate) trees: Vec<TreePath>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Put right what is found
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) lock: LockArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What to do while another process works on the root.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Wait while another process works on the root, at most SECS seconds [without =SECS: forever]
    #[arg(long, value_name = "SECS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "forever", value_parser = lock_wait)]
    pub(crate) lock_wait: Option<LockWait>,
}

/// `mirror repos`.
#[derive(Debug, Args)]
pub(crate) struct ReposArgs {
    /// The preset whose repositories are listed
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print the list as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `mirror serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", env = "MIRROR_LISTEN", hide_env_values = true)]
    #[arg(default_value = "0.0.0.0:8080", value_parser = listen_address)]
    pub(crate) listen: SocketAddr,
    /// How nodes reach this server [default: http://, this host's address, and the port]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) base_url: Option<url::Url>,
    /// Write a line for each request to standard error
    #[arg(long)]
    pub(crate) access_log: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `mirror init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The configuration file to write [default: ./mirror.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The folder that is to hold the mirrors [default: `mirror` beside the configuration]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// Write a systemd service and timer as well
    #[arg(long)]
    pub(crate) timer: bool,
    /// Units of this user, not of the system
    #[arg(long, requires = "timer")]
    pub(crate) user: bool,
    /// Where the units go [default: /etc/systemd/system; with --user ~/.config/systemd/user]
    #[arg(long, value_name = "DIR", requires = "timer", value_hint = ValueHint::DirPath)]
    pub(crate) unit_dir: Option<PathBuf>,
    /// When to sync, as in systemd.time(7); `systemd-analyze calendar WHEN` shows what that is
    #[arg(long, value_name = "WHEN", default_value = "daily", requires = "timer")]
    #[arg(value_parser = one_line)]
    pub(crate) on_calendar: String,
    /// Overwrite files that are there
    #[arg(long)]
    pub(crate) force: bool,
}

/// `mirror completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// `mirror man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write a page for each command to [default: all pages to standard output]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// Seconds, or a time as in the configuration.
fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs).or_else(|| time(text))
}

fn timeout(text: &str) -> Result<Duration, String> {
    let most = Duration::from_secs(MOST_TIMEOUT);
    let found = seconds(text).filter(|time| !time.is_zero() && *time <= most);
    found.ok_or_else(|| format!("expected seconds, 1 to {MOST_TIMEOUT}, or a time such as 90s"))
}

fn limit_rate(text: &str) -> Result<NonZeroU64, String> {
    rate(text).ok_or_else(|| format!("expected {RATES}"))
}

fn lock_wait(text: &str) -> Result<LockWait, String> {
    match text {
        "forever" => Ok(LockWait::Forever),
        _ => seconds(text)
            .map(LockWait::AtMost)
            .ok_or_else(|| "expected seconds, or a time such as 10m".to_owned()),
    }
}

fn one_line(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(char::is_control) {
        return Err("expected a time such as daily or 02:00".to_owned());
    }
    Ok(text.to_owned())
}

/// An address with its port; a port alone, with or without a colon, is on every address.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok((std::net::Ipv4Addr::UNSPECIFIED, port).into());
    }
    let text = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let text = text.as_deref().unwrap_or(port);
    text.parse().map_err(|_| "expected an address and a port, such as 0.0.0.0:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn sync(words: &str) -> SyncArgs {
        match Cli::try_parse_from(words.split(' ')).unwrap().command {
            Command::Sync(args) => *args,
            other => panic!("parsed as {other:?}"),
        }
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_take_spaces_and_commas_and_repeat() {
        let args =
            sync("mirror sync rocky --repo baseos appstream,extras --arch x86_64 --repo crb");
        assert_eq!(args.presets, ["rocky"]);
        assert_eq!(args.upstream.repos, ["baseos", "appstream", "extras", "crb"]);
        let args = sync("mirror sync --repo baseos -- rocky epel");
        assert_eq!((args.presets.len(), args.upstream.repos.len()), (2, 1));
    }

    #[test]
    fn optional_values_need_an_equals_sign() {
        let args = sync("mirror sync --newest-only --lock-wait rocky");
        assert_eq!(args.presets, ["rocky"]);
        assert_eq!(args.selection.newest_only, NonZeroUsize::new(1));
        assert_eq!(args.publication.lock_wait, Some(LockWait::Forever));
        let args = sync("mirror sync --newest-only=3 --lock-wait=60 rocky");
        assert_eq!(args.selection.newest_only, NonZeroUsize::new(3));
        let minute = LockWait::AtMost(Duration::from_secs(60));
        assert_eq!(args.publication.lock_wait, Some(minute));
        let args = sync("mirror sync");
        assert_eq!((args.selection.newest_only, args.publication.lock_wait), (None, None));
    }

    #[test]
    fn times_are_seconds_or_as_in_the_configuration() {
        let args = sync("mirror sync --timeout 60 --lock-wait=10m");
        assert_eq!(args.transfer.timeout, Some(Duration::from_secs(60)));
        let wait = LockWait::AtMost(Duration::from_secs(600));
        assert_eq!(args.publication.lock_wait, Some(wait));
        assert_eq!(timeout("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["0", "0s", "2d", "soon", "-1", ""] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
        assert!(lock_wait("soon").is_err());
    }

    #[test]
    fn takes_the_usual_forms_of_an_address() {
        for (text, address) in [
            ("8080", "0.0.0.0:8080"),
            (":80", "0.0.0.0:80"),
            ("localhost:1", "127.0.0.1:1"),
            ("[::]:8080", "[::]:8080"),
        ] {
            assert_eq!(listen_address(text).unwrap().to_string(), address);
        }
        assert!(listen_address("nowhere").is_err());
    }
}
