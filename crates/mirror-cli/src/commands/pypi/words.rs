//! Words that an option took, or that no option took, and that were most likely meant otherwise.

use std::str::FromStr;

use mirror_core::format::pypi::input::Location;
use mirror_core::format::pypi::{pylock, pyproject, requirement, uv_lock};
use mirror_core::resolve::pypi::platform::Platform;
use mirror_core::resolve::pypi::{Distribution, Python};

use crate::cli::PypiArgs;
use crate::diagnostics::Failure;

/// Refuses a list that took a requirement, and a file's name among the requirements.
pub(super) fn check(args: &PypiArgs) -> Result<(), Failure> {
    let targets = &args.targets;
    for (option, words, is_value) in [
        ("--python", &targets.python, parses::<Python> as fn(&str) -> bool),
        ("--platform", &targets.platform, parses::<Platform>),
        ("--target", &targets.target, |word| Distribution::targets(word, &[]).is_ok()),
    ] {
        // The first word is the option's, however it is spelled.
        let (took, rest): (Vec<_>, Vec<_>) = words
            .iter()
            .enumerate()
            .partition(|(at, word)| *at > 0 && !is_value(word) && requirement::parse(word).is_ok());
        if let Some((_, value)) = took.first() {
            let mut better = vec!["mirror".to_owned(), "pypi".to_owned()];
            let requirements = args.requirements.iter().chain(took.iter().map(|(_, word)| *word));
            better.extend(requirements.map(String::as_str).map(quoted));
            better.push(option.to_owned());
            better.extend(rest.iter().map(|(_, word)| quoted(word)));
            let (value, better) = ((*value).clone(), better.join(" "));
            return Err(Failure::ListTookRequirement { option, value, better });
        }
    }
    match args.requirements.iter().find(|text| is_file(text)) {
        None => Ok(()),
        Some(text) => Err(Failure::FileAsRequirement(text.clone())),
    }
}

/// A word as a shell takes it: `name>=1` without quotes would write a file.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".,_+:/=-".contains(c);
    if word.chars().all(is_plain) && !word.is_empty() {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn parses<T: FromStr>(word: &str) -> bool {
    word.parse::<T>().is_ok()
}

/// Whether it is called as files of requirements are.
fn is_file(text: &str) -> bool {
    let name = Location::parse(text).ok().and_then(|location| location.filename());
    name.is_some_and(|name| {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        matches!(ending, Some("txt" | "in"))
            || name == pyproject::NAME
            || name == uv_lock::NAME
            || pylock::is_name(&name)
    })
}

/// The first option that says how, where nothing says what.
pub(super) fn first_setting(args: &PypiArgs, removes: bool) -> Option<&'static str> {
    let (targets, indexes, selection) = (&args.targets, &args.indexes, &args.selection);
    let said = [
        ("--constraint", !args.constraints.is_empty()),
        ("--extra", !args.extras.is_empty()),
        ("--all-extras", args.all_extras),
        ("--group", !args.groups.is_empty()),
        ("--all-groups", args.all_groups),
        ("--python", !targets.python.is_empty()),
        ("--platform", !targets.platform.is_empty()),
        ("--target", !targets.target.is_empty()),
        ("--index-url", indexes.index_url.is_some()),
        ("--extra-index-url", !indexes.extra_index_urls.is_empty()),
        ("--find-links", !indexes.find_links.is_empty()),
        ("--no-index", indexes.no_index),
        ("--pre", selection.pre),
        ("--only-binary", !selection.only_binary.is_empty()),
        ("--no-binary", !selection.no_binary.is_empty()),
        ("--prefer-binary", selection.prefer_binary),
        ("--wheels", selection.wheels.is_some()),
        ("--sdist", selection.sdist.is_some()),
        ("--newest-only", selection.newest_only.is_some()),
        ("--allow-unhashed", selection.allow_unhashed),
        // It says which tree a set is removed from.
        ("--tree", args.sets.tree.is_some() && !removes),
    ];
    said.into_iter().find(|(_, said)| *said).map(|(option, _)| option)
}
