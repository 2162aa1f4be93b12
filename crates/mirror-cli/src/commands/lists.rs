//! Words that a list option took and that were most likely meant as presets.
//!
//! A list option takes all words up to the next option: in `mirror sync --repo baseos rocky` that
//! is `rocky` as well.

use std::path::Path;

use crate::cli::SyncArgs;
use crate::config::{Config, PresetListing};
use crate::diagnostics::Failure;

/// Refuses a list that took a preset.
pub(super) fn check(args: &SyncArgs, config: &Config) -> Result<(), Failure> {
    let presets = config.list(None)?;
    let (upstream, selection) = (&args.upstream, &args.selection);
    let files: Vec<String> =
        upstream.repo_files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    let lists = [
        ("--repo", &upstream.repos),
        ("--release", &upstream.releases),
        ("--arch", &upstream.arches),
        ("--repo-file", &files),
        ("--include", &selection.include),
        ("--exclude", &selection.exclude),
        ("--packages", &selection.packages),
        ("--set", &selection.sets),
        ("--package-list", &selection.package_lists),
        ("--advisory", &selection.advisories),
        ("--cve", &selection.cves),
        ("--key", &args.trust.keys),
    ];
    for (option, words) in lists {
        let (took, rest): (Vec<&str>, Vec<&str>) = words
            .iter()
            .map(String::as_str)
            .partition(|word| is_preset(&presets, word) && !is_meant(args, &presets, option, word));
        if let Some(value) = took.first().copied().map(str::to_owned) {
            let presets = args.presets.iter().map(String::as_str).chain(took);
            let mut better: Vec<&str> = ["mirror", "sync"].into_iter().chain(presets).collect();
            if !rest.is_empty() {
                better.push(option);
                better.extend(rest);
            }
            return Err(Failure::ListTookPreset { option, value, better: better.join(" ") });
        }
    }
    Ok(())
}

fn is_preset(presets: &[PresetListing], word: &str) -> bool {
    presets.iter().any(|preset| preset.name == word)
}

/// Whether the option's own meaning of the word is the likely one, although a preset is called so.
fn is_meant(args: &SyncArgs, presets: &[PresetListing], option: &str, word: &str) -> bool {
    let upstream = &args.upstream;
    match option {
        // `mirror sync epel --repo epel` means what it says.
        "--repo" => {
            let named = presets.iter().filter(|preset| args.presets.contains(&preset.name));
            let mut repos = named.flat_map(|preset| &preset.releases).flat_map(|one| &one.repos);
            !upstream.repo_files.is_empty() || repos.any(|repo| repo.id == word)
        }
        "--repo-file" | "--package-list" => Path::new(word).exists(),
        // A package may well be called so, where it is clear what it is a package of.
        "--include" | "--exclude" | "--packages" => {
            !(args.presets.is_empty() && upstream.repo_files.is_empty() && upstream.urls.is_empty())
        }
        _ => false,
    }
}
