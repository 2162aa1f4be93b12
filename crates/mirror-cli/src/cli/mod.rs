//! The command line, defined once: parsing, help, man pages and completions all come from here.
//!
//! Options that take a list take it with spaces or commas and may repeat; positional arguments
//! come first or after `--`.

mod apart;
mod check;
mod completions;
mod diff;
mod index;
mod init;
mod keygen;
mod man;
mod prune;
mod pypi;
mod repos;
mod rollback;
mod serve;
mod shared;
mod status;
mod sync;
mod values;
mod verify;

use clap::{Parser, Subcommand};

pub(crate) use apart::{Apart, value_apart};
pub(crate) use check::CheckArgs;
pub(crate) use completions::CompletionsArgs;
pub(crate) use diff::{DiffArgs, Format, PointArg};
pub(crate) use index::IndexArgs;
pub(crate) use init::InitArgs;
pub(crate) use keygen::{KeyAlgorithm, KeygenArgs};
pub(crate) use man::ManArgs;
pub(crate) use prune::PruneArgs;
pub(crate) use pypi::PypiArgs;
pub(crate) use repos::ReposArgs;
pub(crate) use rollback::RollbackArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use shared::{ConfigArgs, OutputArgs, Place, PublicationArgs, TransferArgs};
pub(crate) use status::StatusArgs;
pub(crate) use sync::SyncArgs;
pub(crate) use verify::VerifyArgs;

/// Where the root is, if nothing says otherwise.
pub(crate) const DEFAULT_ROOT: &str = "./mirror";

/// Builds and serves the mirrors that an isolated site lives on
///
/// Mirrors RPM repositories and Python packages, complete and verified, as plain files that any web
/// server can serve.
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
  3    incomplete, its old state stays; or findings (verify, check, index)
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
    #[command(long_about = sync::ABOUT, after_long_help = sync::EXAMPLES)]
    Sync(Box<SyncArgs>),
    /// Mirror Python packages
    #[command(long_about = pypi::ABOUT, after_long_help = pypi::EXAMPLES)]
    Pypi(Box<PypiArgs>),
    /// List the presets, or the repositories of one
    Repos(ReposArgs),
    /// Show what is published, how old it is, and what came of the last runs
    #[command(long_about = status::ABOUT)]
    Status(StatusArgs),
    /// Show what changed: packages, and advisories with their CVEs
    #[command(long_about = diff::ABOUT, after_long_help = diff::EXAMPLES)]
    Diff(Box<DiffArgs>),
    /// Publish an earlier generation again, and hold it
    #[command(long_about = rollback::ABOUT, after_long_help = rollback::EXAMPLES)]
    Rollback(RollbackArgs),
    /// Read every byte of the mirrors and hold it against what was published
    #[command(long_about = verify::ABOUT, after_long_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// Prove that what is mirrored can be installed from the mirror alone
    #[command(long_about = check::ABOUT, after_long_help = check::EXAMPLES)]
    Check(CheckArgs),
    /// Drop what no kept generation names, and trees that are named
    #[command(long_about = prune::ABOUT, after_long_help = prune::EXAMPLES)]
    Prune(PruneArgs),
    /// Make dnf metadata for a folder of packages
    #[command(long_about = index::ABOUT, after_long_help = index::EXAMPLES)]
    Index(Box<IndexArgs>),
    /// Serve the mirrors over HTTP
    #[command(long_about = serve::ABOUT)]
    Serve(ServeArgs),
    /// Make the key that the site signs its own metadata with
    #[command(long_about = keygen::ABOUT, after_long_help = keygen::EXAMPLES)]
    Keygen(KeygenArgs),
    /// Write a configuration to start from, and a systemd timer
    #[command(long_about = init::ABOUT, after_long_help = init::EXAMPLES)]
    Init(InitArgs),
    /// Print a shell's completion script
    #[command(after_long_help = completions::EXAMPLES)]
    Completions(CompletionsArgs),
    /// Write the man pages
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use mirror_core::store::LockWait;
    use std::num::NonZeroUsize;
    use std::time::Duration;

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
        assert_eq!(args.publication.lock.lock_wait, Some(LockWait::Forever));
        let args = sync("mirror sync --newest-only=3 --lock-wait=60 rocky");
        assert_eq!(args.selection.newest_only, NonZeroUsize::new(3));
        let minute = LockWait::AtMost(Duration::from_mins(1));
        assert_eq!(args.publication.lock.lock_wait, Some(minute));
        let args = sync("mirror sync");
        assert_eq!((args.selection.newest_only, args.publication.lock.lock_wait), (None, None));
    }

    #[test]
    fn times_are_seconds_or_as_in_the_configuration() {
        let args = sync("mirror sync --timeout 60 --lock-wait=10m");
        assert_eq!(args.transfer.timeout, Some(Duration::from_mins(1)));
        let wait = LockWait::AtMost(Duration::from_mins(10));
        assert_eq!(args.publication.lock.lock_wait, Some(wait));
    }
}
