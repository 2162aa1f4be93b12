//! uv's configuration: its variables, and `uv.toml` of the user and of the system.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Given, IndexError, IndexOrigin, Level, Text};

/// The places of `uv.toml`, the user's before the system's. `UV_CONFIG_FILE` stands for all of them,
/// and `UV_NO_CONFIG` for none.
pub(crate) fn files(variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    if let Some(file) = variable("UV_CONFIG_FILE") {
        return vec![file.into()];
    }
    if variable("UV_NO_CONFIG").is_some_and(|text| !matches!(&*text, "0" | "false")) {
        return Vec::new();
    }
    let own = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let own = own.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
    let mut files: Vec<PathBuf> = own.into_iter().map(|own| own.join("uv/uv.toml")).collect();
    let shared = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".to_owned());
    let shared = shared.split(':').filter(|folder| !folder.is_empty());
    files.extend(shared.map(|folder| Path::new(folder).join("uv/uv.toml")));
    files.push("/etc/uv/uv.toml".into());
    files
}

/// `UV_DEFAULT_INDEX` and its kin.
pub(super) fn environment(variable: &dyn Fn(&str) -> Option<String>) -> Level {
    let list = |name: &str, split: fn(char) -> bool| -> Vec<String> {
        let text = variable(name).unwrap_or_default();
        let items = text.split(split).filter(|item| !item.is_empty());
        items.map(|item| without_name(item).to_owned()).collect()
    };
    let default = variable("UV_DEFAULT_INDEX");
    let index = if default.is_some() { "UV_DEFAULT_INDEX" } else { "UV_INDEX_URL" };
    let named = list("UV_INDEX", char::is_whitespace);
    let extra = if named.is_empty() { "UV_EXTRA_INDEX_URL" } else { "UV_INDEX" };
    let mut extra_index_urls = named;
    extra_index_urls.extend(list("UV_EXTRA_INDEX_URL", char::is_whitespace));
    let given = Given {
        index_url: variable(index).map(|text| without_name(&text).to_owned()),
        extra_index_urls,
        find_links: list("UV_FIND_LINKS", |c| c == ','),
        no_index: variable("UV_NO_INDEX").map(|text| !matches!(&*text, "0" | "false")),
        trusted_hosts: list("UV_INSECURE_HOST", char::is_whitespace),
        cert: None,
    };
    Level::new(given, move |name| {
        IndexOrigin::Variable(match name {
            "--index-url" => index,
            "--extra-index-url" => extra,
            "--find-links" => "UV_FIND_LINKS",
            "--no-index" => "UV_NO_INDEX",
            _ => "UV_INSECURE_HOST",
        })
    })
}

/// `name=https://…` without the name.
fn without_name(text: &str) -> &str {
    match text.split_once('=') {
        Some((name, url)) if !name.contains([':', '/']) => url,
        _ => text,
    }
}

/// What counts here of a `uv.toml`; everything else in it is uv's own.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    index: Vec<Index>,
    #[serde(flatten)]
    top: Old,
    #[serde(default)]
    pip: Old,
}

#[derive(Deserialize)]
struct Index {
    url: String,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    explicit: bool,
    format: Option<String>,
}

/// The keys that `[[index]]` took the place of.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Old {
    index_url: Option<String>,
    #[serde(default)]
    extra_index_url: Vec<String>,
    #[serde(default)]
    find_links: Vec<String>,
    no_index: Option<bool>,
    #[serde(default)]
    allow_insecure_host: Vec<String>,
}

/// What the files say, a level for each: the user's before the system's.
pub(super) fn toml(files: &[Text], notes: &mut Vec<String>) -> Result<Vec<Level>, IndexError> {
    let mut levels = Vec::new();
    for (path, text) in files {
        let origin = IndexOrigin::UvToml(path.clone());
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            // Its message may quote a URL with a login.
            let reason = format!("line {line}: is no configuration of uv");
            IndexError::Value { origin: origin.clone(), reason }
        })?;
        let mut given = Given::default();
        // What is for `uv pip` alone counts before what is for all of uv.
        for old in [file.pip, file.top] {
            given.index_url = given.index_url.or(old.index_url);
            given.no_index = given.no_index.or(old.no_index);
            given.trusted_hosts.extend(old.allow_insecure_host);
            if given.extra_index_urls.is_empty() {
                given.extra_index_urls = old.extra_index_url;
            }
            if given.find_links.is_empty() {
                given.find_links = old.find_links;
            }
        }
        let (mut default, mut named) = (None, Vec::new());
        for index in file.index {
            if index.explicit {
                let path = path.display();
                notes.push(format!("{path}: an index that is explicit is for uv's projects alone"));
            } else if index.format.as_deref() == Some("flat") {
                given.find_links.push(index.url);
            } else if index.default {
                default = default.or(Some(index.url));
            } else {
                named.push(index.url);
            }
        }
        given.index_url = default.or(given.index_url);
        named.append(&mut given.extra_index_urls);
        given.extra_index_urls = named;
        levels.push(Level::new(given, move |_| origin.clone()));
    }
    Ok(levels)
}
