//! What a file is said to be, and whether caches must ask before they reuse it: two tables by name.
//!
//! No `Content-Encoding` is ever sent: `primary.xml.gz` *is* a gzip file, whose digest is known.

/// Names that say more than their ending. pip and uv refuse an index that is `application/json`:
/// they want the type of PEP 691.
const NAMES: &[(&str, &str)] = &[
    ("index.json", SIMPLE_JSON),
    ("index.v1_json", SIMPLE_JSON),
    ("index.v1_html", SIMPLE_HTML),
    (".treeinfo", TEXT),
    ("treeinfo", TEXT),
    (".discinfo", TEXT),
    (".diskinfo", TEXT),
];

/// Endings in lower case. Keys and signatures are plain text, so that a browser shows them to
/// whoever checks them, and no client minds.
const ENDINGS: &[(&str, &str)] = &[
    (".rpm", "application/x-rpm"),
    (".drpm", "application/x-rpm"),
    (".xml", "application/xml"),
    (".gz", "application/gzip"),
    (".tgz", "application/gzip"),
    (".xz", "application/x-xz"),
    (".zst", "application/zstd"),
    (".bz2", "application/x-bzip2"),
    (".zck", "application/x-zchunk"),
    (".tar", "application/x-tar"),
    (".zip", "application/zip"),
    (".whl", OCTETS),
    (".html", HTML),
    (".json", "application/json"),
    (".css", "text/css; charset=utf-8"),
    (".svg", "image/svg+xml"),
    (".png", "image/png"),
    (".sqlite", "application/vnd.sqlite3"),
    (".iso", "application/x-iso9660-image"),
    (".img", OCTETS),
    (".sig", "application/pgp-signature"),
    (".gpg", "application/pgp-keys"),
    (".asc", TEXT),
    (".key", TEXT),
    (".metadata", TEXT),
    (".repo", TEXT),
    (".txt", TEXT),
    (".md", TEXT),
    (".yaml", TEXT),
    (".yml", TEXT),
    (".toml", TEXT),
    (".cfg", TEXT),
    (".conf", TEXT),
    (".ks", TEXT),
    (".sha256", TEXT),
];

/// Distributions publish their keys under names without an ending.
const KEY_PREFIX: &str = "rpm-gpg-key";

/// The names by which clients learn what else there is. They keep their names when they change, so
/// a proxy must ask each time; all others are named by version or digest.
const ENTRY_POINTS: &[&str] = &["repomd.xml", "repomd.xml.asc", "repomd.xml.key", "index.json"];

/// Endings of entry points.
const ENTRY_POINT_ENDINGS: &[&str] = &[".html", ".v1_html", ".v1_json"];

/// Plain text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
/// A page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";
/// A page of a Python index (PEP 691).
pub(crate) const SIMPLE_HTML: &str = "application/vnd.pypi.simple.v1+html";
/// The same in JSON.
pub(crate) const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";
const OCTETS: &str = "application/octet-stream";

/// The media type of a file called `name`.
pub(crate) fn of(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    if let Some((_, kind)) = NAMES.iter().find(|(whole, _)| *whole == name) {
        return kind;
    }
    if let Some((_, kind)) = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)) {
        return kind;
    }
    if name.starts_with(KEY_PREFIX) {
        return TEXT;
    }
    OCTETS
}

/// Whether caches must ask the server before each reuse of a file called `name`.
pub(crate) fn is_entry_point(name: &str) -> bool {
    ENTRY_POINTS.contains(&name) || ENTRY_POINT_ENDINGS.iter().any(|e| name.ends_with(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_what_clients_and_browsers_want() {
        for (name, kind) in [
            ("bash-5.1.8-9.el9.x86_64.rpm", "application/x-rpm"),
            ("BASH.RPM", "application/x-rpm"),
            ("repomd.xml", "application/xml"),
            ("0123-primary.xml.gz", "application/gzip"),
            ("0123-primary.xml.zst", "application/zstd"),
            ("index.json", SIMPLE_JSON),
            ("index.v1_json", SIMPLE_JSON),
            ("index.v1_html", SIMPLE_HTML),
            ("index.html", HTML),
            ("other.json", "application/json"),
            ("x-1-py3-none-any.whl", OCTETS),
            ("x-1-py3-none-any.whl.metadata", TEXT),
            ("x-1.tar.gz", "application/gzip"),
            ("repomd.xml.asc", TEXT),
            ("RPM-GPG-KEY-Rocky-9", TEXT),
            (".treeinfo", TEXT),
            ("vmlinuz", OCTETS),
            ("install.img", OCTETS),
        ] {
            assert_eq!(of(name), kind, "{name}");
        }
    }

    #[test]
    fn only_names_that_are_reused_must_be_asked_for_again() {
        for name in ["repomd.xml", "repomd.xml.asc", "index.html", "index.json", "index.v1_json"] {
            assert!(is_entry_point(name), "{name}");
        }
        for name in ["0123-primary.xml.gz", "bash-5.rpm", "x.whl", "x.whl.metadata"] {
            assert!(!is_entry_point(name), "{name}");
        }
    }
}
