//! pip's configuration: its variables, and `pip.conf` in all of its places.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Given, IndexError, IndexOrigin, Level, Text};

/// The places of `pip.conf`, in the order in which pip reads them: of two values in the same section
/// the later counts. `PIP_CONFIG_FILE` comes last, and in place of the user's own where it exists;
/// `/dev/null` there is no configuration at all.
pub(crate) fn files(
    variable: &dyn Fn(&str) -> Option<String>,
    exists: impl Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let named = variable("PIP_CONFIG_FILE").map(PathBuf::from);
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let mut files: Vec<PathBuf> = Vec::new();
    let shared = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".to_owned());
    let shared = shared.split(':').filter(|folder| !folder.is_empty());
    files.extend(shared.map(|folder| Path::new(folder).join("pip/pip.conf")));
    files.push("/etc/pip.conf".into());
    let home = variable("HOME").map(PathBuf::from);
    if !named.as_deref().is_some_and(exists) {
        files.extend(home.as_ref().map(|home| home.join(".pip/pip.conf")));
        let own = variable("XDG_CONFIG_HOME").map(PathBuf::from);
        let own = own.or_else(|| home.map(|home| home.join(".config")));
        files.extend(own.map(|own| own.join("pip/pip.conf")));
    }
    files.extend(variable("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("pip.conf")));
    files.extend(named);
    files
}

/// `PIP_INDEX_URL` and its kin.
pub(super) fn environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Level, IndexError> {
    let list = |name: &str| variable(name).map(|text| words(&text)).unwrap_or_default();
    let no_index = variable("PIP_NO_INDEX").map(|text| {
        boolean(&text).ok_or_else(|| not_boolean(IndexOrigin::Variable("PIP_NO_INDEX"), &text))
    });
    let given = Given {
        index_url: variable("PIP_INDEX_URL"),
        extra_index_urls: list("PIP_EXTRA_INDEX_URL"),
        find_links: list("PIP_FIND_LINKS"),
        no_index: no_index.transpose()?,
        trusted_hosts: list("PIP_TRUSTED_HOST"),
        cert: variable("PIP_CERT").map(PathBuf::from),
    };
    Ok(Level::new(given, |name| {
        IndexOrigin::Variable(match name {
            "--index-url" => "PIP_INDEX_URL",
            "--extra-index-url" => "PIP_EXTRA_INDEX_URL",
            "--find-links" => "PIP_FIND_LINKS",
            "--trusted-host" => "PIP_TRUSTED_HOST",
            "--no-index" => "PIP_NO_INDEX",
            _ => "PIP_CERT",
        })
    }))
}

/// What the files say, a level for each value, as each may be of another file. As for pip, a section
/// counts before a file: `[download]` of any before `[install]`, and that before `[global]`.
pub(super) fn conf(files: &[Text]) -> Result<Vec<Level>, IndexError> {
    let mut sections: [BTreeMap<String, (String, &Path)>; 3] = Default::default();
    for (path, text) in files {
        for (section, key, value) in entries(path, text)? {
            let Some(at) = ["download", "install", "global"].iter().position(|s| *s == section)
            else {
                continue;
            };
            sections[at].insert(key, (value, path));
        }
    }
    let mut levels = Vec::new();
    let keys = ["index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert"];
    for key in keys {
        let mut set = sections.iter().filter_map(|section| section.get(key));
        let first = set.find(|(value, _)| !value.is_empty());
        let Some((value, path)) = first.cloned() else { continue };
        let origin = IndexOrigin::PipConf(path.to_owned());
        let mut given = Given::default();
        match key {
            "index-url" => given.index_url = Some(value),
            "extra-index-url" => given.extra_index_urls = words(&value),
            "find-links" => given.find_links = words(&value),
            "trusted-host" => given.trusted_hosts = words(&value),
            "cert" => given.cert = Some(value.into()),
            _ => {
                let no_index =
                    boolean(&value).ok_or_else(|| not_boolean(origin.clone(), &value))?;
                given.no_index = Some(no_index);
            }
        }
        levels.push(Level::new(given, move |_| origin.clone()));
    }
    Ok(levels)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn boolean(text: &str) -> Option<bool> {
    match &*text.to_ascii_lowercase() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn not_boolean(origin: IndexOrigin, text: &str) -> IndexError {
    let reason =
        format!("no-index: expected yes or no, found {:?}", text.escape_debug().to_string());
    IndexError::Value { origin, reason }
}

/// The values of a file, as Python's `configparser` reads them: sections, `key = value` or
/// `key: value`, lines that are indented go on with the value, `#` and `;` begin a comment.
fn entries(path: &Path, text: &str) -> Result<Vec<(String, String, String)>, IndexError> {
    let mut entries: Vec<(String, String, String)> = Vec::new();
    let (mut section, mut goes_on) = (None::<String>, false);
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) && goes_on {
            if let Some((_, _, value)) = entries.last_mut() {
                value.push('\n');
                value.push_str(trimmed);
            }
            continue;
        }
        goes_on = false;
        // What a line holds is not shown: it may be the second half of a password.
        let wrong = |expected: &str| IndexError::Value {
            origin: IndexOrigin::PipConf(path.to_owned()),
            reason: format!("line {number}: expected {expected}"),
        };
        if let Some(rest) = trimmed.strip_prefix('[') {
            let (name, _) = rest.rsplit_once(']').ok_or_else(|| wrong("[section]"))?;
            section = Some(name.to_owned());
            continue;
        }
        let Some(section) = &section else { return Err(wrong("a [section] before anything else")) };
        let (key, value) = trimmed.split_once(['=', ':']).ok_or_else(|| wrong("key = value"))?;
        let key = key.trim().to_ascii_lowercase().replace('_', "-");
        let key = key.trim_start_matches("--").to_owned();
        entries.push((section.clone(), key, value.trim().to_owned()));
        goes_on = true;
    }
    Ok(entries)
}
