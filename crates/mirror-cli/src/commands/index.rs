//! `mirror index`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mirror_core::Error;
use mirror_core::index::{self, Extra, Indexed, Links, Options, Outcome, Retain, Selection};
use mirror_core::pattern::Glob;
use serde::Serialize;

use super::signing::SigningKeys;
use crate::cli::IndexArgs;
use crate::config::ConfigError;
use crate::console::{self, Tag, one_line};
use crate::diagnostics::{Exit, Failure};
use crate::progress::Progress;
use crate::{environment, human, output, signals};

/// The last line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "report")]
struct Last<'a> {
    complete: bool,
    #[serde(flatten)]
    indexed: &'a Indexed,
}

/// Makes metadata for a folder of packages.
pub(super) fn run(args: &IndexArgs) -> Result<Exit, Failure> {
    super::telling_json(args.output.json, make(args))
}

fn make(args: &IndexArgs) -> Result<Exit, Failure> {
    let options = options(args)?;
    let begun = Instant::now();
    let named = options.output.as_ref().or(args.folders.first());
    let name = named.map(|folder| folder.display().to_string()).unwrap_or_default();
    let progress = Arc::new(Progress::start(&args.output, [(&*name, &*name)]));
    let cancel = signals::watch({
        let progress = Arc::clone(&progress);
        move || progress.note("stopping; a second Ctrl-C stops at once")
    })?;
    let made = index::index(&args.folders, &options, &*progress, &cancel);
    progress.finish();
    if let (Err(Error::Cancelled), false) = (&made, args.output.json) {
        console::note(format_args!("interrupted: the metadata is as it was"));
        return Ok(Exit::Interrupted);
    }
    let indexed = made?;
    tell(args, &name, &indexed, begun.elapsed())?;
    Ok(if indexed.refused.is_empty() { Exit::Done } else { Exit::Incomplete })
}

fn options(args: &IndexArgs) -> Result<Options, Failure> {
    if args.out.is_none() && args.folders.len() > 1 {
        return Err(Failure::NoOut(args.folders.len()));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let (form, extra) = (&args.form, &args.extra);
    let output = args.out.as_ref().or(args.folders.first());
    let config = super::load_config(&args.config)?;
    let file = args.sign.sign_key.as_deref().or(config.sign_key.as_deref());
    let passphrase = args.sign.passphrase.passphrase_file.as_deref();
    let output = output.map_or(Path::new("."), PathBuf::as_path);
    let keys = SigningKeys::read(file.into_iter(), passphrase, output)?;
    Ok(Options {
        output: args.out.clone(),
        selection: selection(args)?,
        compression: form.release.map(index::compression_for).or(form.compress_type),
        algorithm: form.checksum,
        changelogs: form.changelog_limit,
        revision: form.revision.clone(),
        update: args.update,
        strict: args.strict,
        extra: Extra {
            comps: extra.comps.clone(),
            modules: extra.modules.clone(),
            updateinfo: extra.updateinfo.clone(),
            discard: extra.discard.clone(),
        },
        retain: Retain {
            states: form.retain_old_md,
            age: form.retain_old_md_age.unwrap_or_default(),
        },
        key: file.and_then(|file| keys.get(file)),
        lock: args.lock_wait.unwrap_or_default(),
        ..Options::at(environment::source_date_epoch()?.unwrap_or(now))
    })
}

fn selection(args: &IndexArgs) -> Result<Selection, Failure> {
    let args = &args.selection;
    let globs = |setting: &'static str, patterns: &[String]| {
        let globs = patterns.iter().map(|pattern| Glob::new(pattern));
        let globs = globs.collect::<Result<Vec<_>, _>>();
        globs.map_err(|source| ConfigError::Pattern { setting, source })
    };
    Ok(Selection {
        include: globs("--include", &args.include)?,
        exclude: globs("--exclude", &args.exclude)?,
        list: args.package_list.as_deref().map(list).transpose()?,
        links: if args.skip_symlinks { Links::Skip } else { Links::Follow },
    })
}

/// The lines of a list of packages.
fn list(path: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(|line| line.trim_start_matches("./").to_owned()).collect())
}

fn tell(args: &IndexArgs, name: &str, indexed: &Indexed, took: Duration) -> Result<(), Failure> {
    let complete = indexed.refused.is_empty();
    let text = if args.output.json {
        output::json_line(&Last { complete, indexed })
    } else if args.output.quiet {
        for refused in &indexed.refused {
            let line = format!("{}: {}", refused.path, refused.reason);
            console::tell(Tag::Error, one_line(&line));
        }
        String::new()
    } else {
        summary(name, indexed, took)
    };
    console::print(&text).map_err(Failure::Output)?;
    if !complete {
        console::tell(
            Tag::Hint,
            "what is left out is not installed by anybody: replace it, or leave it out on purpose with \
             --exclude",
        );
    }
    Ok(())
}

/// A line for the whole, and what there is to say of it.
fn summary(name: &str, indexed: &Indexed, took: Duration) -> String {
    let word = match indexed.outcome {
        Outcome::Published => "published",
        Outcome::Unchanged => "unchanged",
    };
    let count = |number: u64| {
        format!("{} package{}", human::count(number), if number == 1 { "" } else { "s" })
    };
    let mut text = format!(
        "{}  {word}  {}, {}",
        one_line(name),
        count(indexed.packages),
        human::bytes(indexed.bytes)
    );
    if indexed.reused > 0 {
        let _ = write!(text, ", {} of them as they were listed", human::count(indexed.reused));
    }
    let _ = writeln!(text, ": {} ({})", indexed.kinds.join(", "), indexed.compression);
    for refused in &indexed.refused {
        let line = format!("{}: {}", refused.path, refused.reason);
        let _ = writeln!(text, "  left out: {}", one_line(&line));
    }
    for warning in &indexed.warnings {
        let _ = writeln!(text, "  warning: {}", one_line(warning));
    }
    let read = indexed.packages - indexed.reused;
    let _ = writeln!(text, "read {} in {}", count(read), human::time(took));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror_core::index::Refused;

    #[test]
    fn tells_what_is_listed_and_what_is_not() {
        let refused = Refused { path: "a.rpm".into(), reason: "is no file".into() };
        let indexed = Indexed {
            folder: "/srv".into(),
            outcome: Outcome::Published,
            packages: 1203,
            bytes: 2 << 30,
            reused: 1200,
            compression: "zstd",
            kinds: vec!["primary".into(), "group".into()],
            refused: vec![refused],
            warnings: vec!["odd".into()],
        };
        assert_eq!(
            summary("srv", &indexed, Duration::from_secs(2)),
            "\
srv  published  1,203 packages, 2.00 GiB, 1,200 of them as they were listed: primary, group (zstd)
  left out: a.rpm: is no file
  warning: odd
read 3 packages in 2s
"
        );
    }
}
