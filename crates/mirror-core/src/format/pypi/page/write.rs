//! Writing pages: the same bytes for the same files, whatever their order before.
//!
//! The tree is `files/FILE`, `NAME/index.html` and `index.html`, as python-pypi-mirror lays it out,
//! without the links that it makes in `NAME/`: a page refers to [`href`], `../files/FILE`. Every client
//! resolves that against the URL that the page came from in the end, and a server has redirected
//! `/pypi/NAME` to `/pypi/NAME/` before. A file then has one name in the tree: nothing can lead
//! nowhere, and media and stores without links hold it once. Its metadata is at
//! `../files/FILE.metadata`, which is where PEP 658 has clients look.

use std::fmt::Write as _;

use pep440_rs::Version;
use pep508_rs::PackageName;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{CoreMetadata, File, ProjectStatus};
use crate::digest::{Algorithm, Digest};
use crate::path::RepoPath;

/// The folder of the files, beside those of the projects.
pub const FILES: &str = "files";

/// Where a project's page finds a file, relative to the page's folder.
pub fn href(filename: &str) -> String {
    // A name of another kind was never read from a page; escaping is all that matters here.
    match RepoPath::new(filename) {
        Ok(path) => format!("../{FILES}/{}", path.to_url_path()),
        Err(_) => format!(
            "../{FILES}/{}",
            percent_encoding::utf8_percent_encode(filename, percent_encoding::NON_ALPHANUMERIC)
        ),
    }
}

/// A project as its pages show it.
#[derive(Debug, Clone)]
pub struct Project<'a> {
    name: &'a PackageName,
    title: &'a str,
    status: Option<&'a ProjectStatus>,
    files: Vec<(Version, &'a File)>,
}

impl<'a> Project<'a> {
    /// The project of that name, whose own spelling is `title`. Each file comes with the version that
    /// its name says; their URLs are not looked at, since pages refer to [`href`].
    pub fn new(
        name: &'a PackageName,
        title: &'a str,
        status: Option<&'a ProjectStatus>,
        files: impl IntoIterator<Item = (Version, &'a File)>,
    ) -> Self {
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_by(|(v, a), (w, b)| v.cmp(w).then_with(|| a.filename.cmp(&b.filename)));
        Self { name, title, status, files }
    }

    /// The lowest version of the format that has all that the page says (PEP 629): 1.1 asks for every
    /// file's size, 1.3 has provenance, 1.4 the status.
    fn version(&self, form_has_sizes: bool) -> &'static str {
        if self.status.is_some() {
            "1.4"
        } else if self.files.iter().any(|(_, file)| file.provenance.is_some()) {
            "1.3"
        } else if form_has_sizes && self.files.iter().all(|(_, file)| file.size.is_some()) {
            "1.1"
        } else {
            "1.0"
        }
    }

    /// The page in HTML (PEP 503): `NAME/index.html`.
    ///
    /// `data-size` and `data-upload-time` are no standard; uv reads them, so that its
    /// `exclude-newer` works with a server that has no JSON to give.
    pub fn html(&self) -> String {
        let mut out = String::with_capacity(400 + self.files.len() * 400);
        head(&mut out, self.version(false), &format!("Links for {}", self.title), |out| {
            let Some(status) = self.status else { return };
            meta(out, "pypi:project-status", status.status.name());
            if let Some(reason) = &status.reason {
                meta(out, "pypi:project-status-reason", reason);
            }
        });
        let _ = writeln!(out, "    <h1>Links for {}</h1>", Escaped(self.title));
        for (_, file) in &self.files {
            anchor(&mut out, file);
        }
        out.push_str("  </body>\n</html>\n");
        out
    }

    /// The page in JSON (PEP 691): `NAME/index.v1_json`.
    ///
    /// The metadata's digest is under `core-metadata` alone: the older key makes pip 22.3 to 23.0 fail
    /// (PEP 714).
    pub fn json(&self) -> String {
        let version = self.version(true);
        let mut versions: Vec<&Version> = self.files.iter().map(|(version, _)| version).collect();
        versions.dedup();
        let page = JsonPage {
            meta: Meta { api_version: version },
            name: self.name,
            project_status: self.status.map(|status| JsonStatus {
                status: status.status.name(),
                reason: status.reason.as_deref(),
            }),
            versions: versions.iter().map(ToString::to_string).collect(),
            files: self.files.iter().map(|(_, file)| JsonFile::new(file)).collect(),
        };
        json(&page)
    }
}

/// The root page in HTML, which lists the projects: `index.html`. Each comes with its own spelling.
pub fn root_html<'a>(projects: impl IntoIterator<Item = (&'a PackageName, &'a str)>) -> String {
    let mut out = String::new();
    head(&mut out, "1.0", "Simple index", |_| ());
    for (name, title) in sorted(projects) {
        // The names of projects need no escapes.
        let _ = writeln!(out, "    <a href=\"{name}/index.html\">{}</a>", Escaped(title));
    }
    out.push_str("  </body>\n</html>\n");
    out
}

/// The root page in JSON: `index.v1_json`.
pub fn root_json<'a>(projects: impl IntoIterator<Item = (&'a PackageName, &'a str)>) -> String {
    let projects = sorted(projects).into_iter().map(|(_, name)| JsonProject { name }).collect();
    json(&JsonRoot { meta: Meta { api_version: "1.0" }, projects })
}

fn sorted<'a>(
    projects: impl IntoIterator<Item = (&'a PackageName, &'a str)>,
) -> Vec<(&'a PackageName, &'a str)> {
    let mut projects: Vec<_> = projects.into_iter().collect();
    projects.sort();
    projects
}

fn head(out: &mut String, version: &str, title: &str, more: impl FnOnce(&mut String)) {
    out.push_str("<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n");
    meta(out, "pypi:repository-version", version);
    more(out);
    let _ = writeln!(out, "    <title>{}</title>\n  </head>\n  <body>", Escaped(title));
}

fn meta(out: &mut String, name: &str, content: &str) {
    let _ = writeln!(out, "    <meta name=\"{name}\" content=\"{}\">", Escaped(content));
}

fn anchor(out: &mut String, file: &File) {
    let _ = write!(out, "    <a href=\"{}", Escaped(&href(&file.filename)));
    if let Some(digest) = preferred(&file.digests) {
        let _ = write!(out, "#{}={}", digest.algorithm(), digest.hex());
    }
    out.push('"');
    let mut attribute = |name: &str, value: &str| {
        let _ = write!(out, " {name}=\"{}\"", Escaped(value));
    };
    if let Some(python) = &file.requires_python {
        attribute("data-requires-python", python);
    }
    if let Some(reason) = &file.yanked {
        attribute("data-yanked", reason);
    }
    let metadata = match &file.core_metadata {
        CoreMetadata::No => None,
        CoreMetadata::Offered => Some("true".to_owned()),
        CoreMetadata::Digest(digest) => Some(format!("{}={}", digest.algorithm(), digest.hex())),
    };
    if let Some(metadata) = &metadata {
        // The older name too: pip before 23.2 and uv's first releases know no other (PEP 714).
        attribute("data-core-metadata", metadata);
        attribute("data-dist-info-metadata", metadata);
    }
    if let Some(size) = file.size {
        attribute("data-size", &size.to_string());
    }
    if let Some(time) = &file.upload_time {
        attribute("data-upload-time", time);
    }
    if let Some(provenance) = &file.provenance {
        attribute("data-provenance", provenance);
    }
    let _ = writeln!(out, ">{}</a><br/>", Escaped(&file.filename));
}

/// The one digest that there is room for: SHA-256, which every client knows, else the strongest.
fn preferred(digests: &[Digest]) -> Option<&Digest> {
    digests.iter().find(|d| d.algorithm() == Algorithm::Sha256).or(digests.first())
}

/// Text as it stands in an attribute or between tags.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '\t', '\n', '\r']) {
            f.write_str(&rest[..at])?;
            match rest.as_bytes()[at] {
                b'&' => f.write_str("&amp;"),
                b'<' => f.write_str("&lt;"),
                b'>' => f.write_str("&gt;"),
                b'"' => f.write_str("&quot;"),
                other => write!(f, "&#{other};"),
            }?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

fn json(value: &impl Serialize) -> String {
    // Texts and numbers only: there is nothing that could fail.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: &'static str,
}

#[derive(Serialize)]
struct JsonRoot<'a> {
    meta: Meta,
    projects: Vec<JsonProject<'a>>,
}

#[derive(Serialize)]
struct JsonProject<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonPage<'a> {
    meta: Meta,
    name: &'a PackageName,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_status: Option<JsonStatus<'a>>,
    versions: Vec<String>,
    files: Vec<JsonFile<'a>>,
}

#[derive(Serialize)]
struct JsonStatus<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile<'a> {
    filename: &'a str,
    url: String,
    hashes: Hashes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requires_python: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    core_metadata: Option<JsonMetadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_time: Option<&'a str>,
    yanked: Yanked<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'a str>,
}

impl<'a> JsonFile<'a> {
    fn new(file: &'a File) -> Self {
        Self {
            filename: &file.filename,
            url: href(&file.filename),
            hashes: Hashes(&file.digests),
            requires_python: file.requires_python.as_deref(),
            core_metadata: match &file.core_metadata {
                CoreMetadata::No => None,
                CoreMetadata::Offered => Some(JsonMetadata::Offered(true)),
                CoreMetadata::Digest(digest) => {
                    Some(JsonMetadata::Digest(Hashes(std::slice::from_ref(digest))))
                }
            },
            size: file.size,
            upload_time: file.upload_time.as_deref(),
            yanked: match file.yanked.as_deref() {
                None => Yanked::Is(false),
                Some("") => Yanked::Is(true),
                Some(reason) => Yanked::Because(reason),
            },
            provenance: file.provenance.as_deref(),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonMetadata<'a> {
    Offered(bool),
    Digest(Hashes<'a>),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Yanked<'a> {
    Is(bool),
    Because(&'a str),
}

struct Hashes<'a>(&'a [Digest]);

impl Serialize for Hashes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for digest in self.0 {
            map.serialize_entry(digest.algorithm().name(), &digest.hex())?;
        }
        map.end()
    }
}
