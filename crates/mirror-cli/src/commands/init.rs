//! `mirror init`: a configuration to start from, and a systemd service and timer.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{CONFIG_FILES, calendar};
use crate::cli::{DEFAULT_ROOT, InitArgs};
use crate::config::Config;
use crate::console;
use crate::diagnostics::{Exit, Failure};
use crate::environment;

/// Where the configuration goes unless it is said.
const CONFIG: &str = CONFIG_FILES[0];

/// Where the units of the system are the administrator's.
const SYSTEM_UNITS: &str = "/etc/systemd/system";

/// A file to write.
struct Draft {
    path: PathBuf,
    text: String,
}

/// Writes files that are not there yet.
pub(super) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    let config = args.config.clone().unwrap_or_else(|| CONFIG.into());
    let mut drafts = Vec::new();
    // Whoever wants other units does not want another configuration, with --force neither.
    let is_kept = args.timer && config.exists();
    let root = if is_kept {
        let found = Config::load(&config)?.root;
        args.root.clone().or(found)
    } else {
        args.root.clone()
    };
    let root = root.unwrap_or_else(|| {
        let folder = config.parent().unwrap_or(Path::new(""));
        folder.join(DEFAULT_ROOT.trim_start_matches("./"))
    });
    let root = absolute(&root)?;
    if !is_kept {
        drafts.push(Draft { path: config.clone(), text: starter(&root) });
    }
    if args.timer {
        let text = &args.on_calendar;
        calendar::check(text).map_err(|reason| Failure::Calendar { text: text.clone(), reason })?;
        let units = units(args)?;
        let (config, binary) = (absolute(&config)?, this_binary()?);
        let owner = owner(&root).filter(|_| !args.user);
        let service = service([&binary, &config, &root], owner, args.user)?;
        drafts.push(Draft { path: units.join("mirror-sync.service"), text: service });
        let timer = timer(&args.on_calendar);
        drafts.push(Draft { path: units.join("mirror-sync.timer"), text: timer });
    }
    if !args.force
        && let Some(draft) = drafts.iter().find(|draft| fs::symlink_metadata(&draft.path).is_ok())
    {
        return Err(Failure::Exists(draft.path.clone()));
    }
    if args.timer {
        // A service may write only to a folder that is there.
        fs::create_dir_all(&root).map_err(cannot(&root))?;
    }
    let mut text = String::new();
    if is_kept {
        let _ = writeln!(text, "{}: kept as it is", config.display());
    }
    for Draft { path, text: content } in &drafts {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(cannot(folder))?;
        }
        fs::write(path, content).map_err(cannot(path))?;
        let _ = writeln!(text, "{}: written", path.display());
    }
    text.push_str(&next(args, &config, is_kept));
    console::print(&text).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

fn cannot(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::Write { path, source }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(cannot(path))
}

fn this_binary() -> Result<PathBuf, Failure> {
    env::current_exe().map_err(Failure::Runtime)
}

/// The folder that the units go to.
fn units(args: &InitArgs) -> Result<PathBuf, Failure> {
    if let Some(folder) = &args.unit_dir {
        return Ok(folder.clone());
    }
    if args.user {
        return environment::config_home().map(|home| home.join("systemd/user")).ok_or_else(|| {
            Failure::Variable {
                name: "HOME".to_owned(),
                reason: "is not set, so the folder of the user's units is not known".to_owned(),
            }
        });
    }
    Ok(SYSTEM_UNITS.into())
}

/// The user that the root belongs to, if that is not the superuser.
fn owner(root: &Path) -> Option<u32> {
    fs::metadata(root).ok().map(|found| found.uid()).filter(|uid| *uid != 0)
}

/// The configuration to start from. Words stand behind `# `, settings to be taken in behind `#`.
fn starter(root: &Path) -> String {
    let root = toml::Value::from(root.to_string_lossy().into_owned());
    format!(
        "\
# What `mirror sync` mirrors. `mirror repos` lists the presets, and `mirror repos rocky` the
# repositories of one.

# The folder that holds the mirrors.
root = {root}

# Generations of each repository that are kept, to roll back to, and how long what was replaced is
# still served.
#keep_generations = 3
#grace = \"24h\"

# Files at once.
#connections = 24

# Wait while another mirror process works on the root.
#lock_wait = \"10m\"

# A preset: without `repos` the usual ones, without `arch` this host's.
#[[repo]]
#preset = \"rocky\"
#release = [\"10\"]
#repos = [\"baseos\", \"appstream\", \"extras\"]

#[[repo]]
#preset = \"epel\"
#arch = [\"x86_64\", \"aarch64\"]

# A repository of your own: several URLs are mirrors of one another, best first.
#[[repo]]
#url = [\"https://a.example.com/tools/\", \"https://b.example.com/tools/\"]
#path = \"vendor/tools\"
# The only keys that may have signed its metadata: files, or fingerprints.
#keys = [\"0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567\"]

# Python packages: what holds for all sets, and a set. Without `index_url` the index is that of
# pip.conf or uv.toml.
#[pypi]
#index_url = \"https://pypi.example/simple/\"
#target = [\"el9\", \"ubuntu24.04\"]

#[pypi.tools]
#requirements = [\"ansible>=9\"]
#files = \"requirements.txt\"

# With what a host is asked. A file that holds a password is for nobody else to read.
#[[host]]
#host = \"a.example.com\"
#username = \"site\"
#password = \"secret\"
#ca_file = \"ca.pem\"
"
    )
}

fn service(
    [binary, config, root]: [&Path; 3],
    owner: Option<u32>,
    is_users: bool,
) -> Result<String, Failure> {
    let writable = word(root)?;
    // Variables are put into the arguments of a command, and nowhere else.
    let [config, root] = [word(config)?, word(root)?].map(|path| path.replace('$', "$$"));
    let binary = word(binary)?;
    let mut text = format!(
        "\
# Written by `mirror init --timer`.
[Unit]
Description=Sync the mirrors
Documentation=man:mirror-sync(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
# Exit code 3, something is incomplete, is a failure too: `systemctl --failed` shows it.
ExecStart={binary} sync --config {config} --root {root} --lock-wait=3600
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
UMask=0022
NoNewPrivileges=yes
"
    );
    if let Some(uid) = owner {
        let _ = writeln!(text, "User={uid}");
    }
    // A user's manager may do without the namespaces that these take.
    if !is_users {
        let _ = write!(
            text,
            "\
# It writes to the mirrors and nowhere else.
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
"
        );
    }
    Ok(text)
}

fn timer(on_calendar: &str) -> String {
    format!(
        "\
# Written by `mirror init --timer`.
[Unit]
Description=Sync the mirrors regularly

[Timer]
OnCalendar={on_calendar}
# Not all sites at once; and what was missed while the host was off is made up for.
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target
"
    )
}

/// A path as a word of a unit file (systemd.syntax, systemd.service: quotes and specifiers).
fn word(path: &Path) -> Result<String, Failure> {
    let sound = path.to_str().filter(|text| !text.contains(char::is_control));
    let text = sound.ok_or_else(|| Failure::UnitPath(path.to_owned()))?.replace('%', "%%");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+%:@".contains(c);
    if text.chars().all(plain) {
        return Ok(text);
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn next(args: &InitArgs, config: &Path, is_kept: bool) -> String {
    let is_found = CONFIG_FILES.iter().any(|usual| config == Path::new(usual));
    let config = config.display();
    if !args.timer {
        let option = if is_found { String::new() } else { format!(" --config {config}") };
        return format!("\nnext: say in {config} what to mirror, then `mirror sync{option}`\n");
    }
    let user = if args.user { " --user" } else { "" };
    let linger = if args.user {
        "\nloginctl enable-linger    # syncs while nobody is logged in"
    } else {
        ""
    };
    let first =
        if is_kept { String::new() } else { format!(" say in {config} what to mirror, then") };
    format!(
        "\nnext:{first}\n\nsystemctl{user} daemon-reload\n\
         systemctl{user} enable --now mirror-sync.timer{linger}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_is_a_configuration_with_its_examples_too() {
        let text = starter(Path::new("/srv/my \"mirror\""));
        let at = Path::new("/etc/mirror.toml");
        let config = Config::parse(&text, at).unwrap();
        assert_eq!(config.root.as_deref(), Some(Path::new("/srv/my \"mirror\"")));
        assert!(config.repos.is_empty());
        let taken: String = text
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = Config::parse(&taken, at).unwrap();
        assert_eq!((config.repos.len(), config.connections), (3, Some(24)));
        assert_eq!(config.pypi_sets.len(), 1);
        assert_eq!(config.upstreams(&crate::config::Wanted::default(), "x86_64").unwrap().len(), 6);
    }

    #[test]
    fn paths_are_words_of_a_unit() {
        let word = |path: &str| word(Path::new(path)).ok();
        assert_eq!(word("/srv/mirror").as_deref(), Some("/srv/mirror"));
        assert_eq!(word("/a b/100%/$x").as_deref(), Some("\"/a b/100%%/$x\""));
        assert_eq!(word("/a\nExecStart=/bin/sh"), None);
        let root = Path::new("/srv/$x");
        let text = service([Path::new("/bin/mirror"), Path::new("/c"), root], None, false).unwrap();
        assert!(text.contains("--root \"/srv/$$x\" --lock-wait"), "{text}");
        assert!(text.contains("\nReadWritePaths=\"/srv/$x\"\n"), "{text}");
    }
}
