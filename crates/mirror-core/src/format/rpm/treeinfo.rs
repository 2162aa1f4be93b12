//! `.treeinfo`: what an installable tree holds beside its packages, as productmd writes it.
//!
//! Installers fetch kernels, images and stage files by it. Its layout has changed over the years:
//! `[general]` alone in the old one, `[release]`, `[tree]` and `[variant-…]` beside it in the newer. Both
//! are read by what they have in common.

use std::io::BufRead;

use super::FormatError;
use super::ini::{self, IniSection};
use super::lines::unexpected;
use crate::digest::Digest;

/// The content of a `.treeinfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeInfo {
    /// The name of the release, or of its family.
    pub name: Option<String>,
    /// The version of the release.
    pub version: Option<String>,
    /// The architecture that the tree is for.
    pub arch: Option<String>,
    /// When the tree was made, in seconds since 1970.
    pub timestamp: Option<i64>,
    /// The tree's files: those with a digest first, as listed, then those that are only named.
    pub files: Vec<TreeFile>,
    /// The variants, as `BaseOS` and `AppStream`.
    pub variants: Vec<Variant>,
}

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Its path below the tree, as written: not yet known to be safe.
    pub path: String,
    /// Its digest, where there is one.
    pub checksum: Option<Digest>,
}

/// A part of the tree that is a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variant {
    /// Its id.
    pub id: String,
    /// Its repository's path relative to the tree, as written; `../AppStream` is common.
    pub repository: Option<String>,
    /// The path of its packages, likewise.
    pub packages: Option<String>,
}

impl TreeInfo {
    /// Reads the file. What has none of the sections of a `.treeinfo`, and checksums that do not
    /// parse, are errors.
    pub fn read(reader: impl BufRead) -> Result<Self, FormatError> {
        // As the INI reader of Python, which all makers of these files use.
        let sections = ini::read(reader, &['=', ':'])?;
        let section = |name: &str| sections.iter().find(|section| section.name == name);
        let known = ["header", "general", "release", "tree", "checksums"];
        if !known.iter().any(|name| section(name).is_some()) {
            return Err(FormatError::Root {
                expected: ".treeinfo",
                found: match sections.first() {
                    Some(first) => format!("section [{}]", super::excerpt(&first.name)),
                    None => "no section".to_owned(),
                },
            });
        }
        let value = |places: &[(&str, &str)]| {
            let mut found = places.iter().filter_map(|(name, key)| section(name)?.get(key));
            found.find(|value| !value.is_empty()).map(str::to_owned)
        };
        let timestamp = value(&[("tree", "build_timestamp"), ("general", "timestamp")]);
        let mut tree = Self {
            name: value(&[("release", "name"), ("general", "family"), ("general", "name")]),
            version: value(&[("release", "version"), ("general", "version")]),
            arch: value(&[("tree", "arch"), ("general", "arch")]),
            // Seconds, with a fraction in most files.
            timestamp: timestamp.and_then(|t| t.split('.').next()?.parse().ok()),
            ..Self::default()
        };
        if let Some(checksums) = section("checksums") {
            tree.read_checksums(checksums)?;
        }
        for section in &sections {
            if section.name.starts_with("images-") || section.name == "stage2" {
                for entry in &section.entries {
                    tree.add_file(&entry.value);
                }
            } else if let Some(id) = variant_id(&section.name) {
                let path = |key| section.get(key).filter(|p| !p.is_empty()).map(str::to_owned);
                tree.variants.push(Variant {
                    id: id.to_owned(),
                    repository: path("repository"),
                    packages: path("packages").or_else(|| path("packagedir")),
                });
            }
        }
        Ok(tree)
    }

    fn read_checksums(&mut self, checksums: &IniSection) -> Result<(), FormatError> {
        for entry in &checksums.entries {
            let checksum = entry
                .value
                .parse()
                .map_err(|_| unexpected(entry.line, "path = sha256:digits", &entry.value))?;
            self.files.push(TreeFile { path: entry.key.clone(), checksum: Some(checksum) });
        }
        Ok(())
    }

    fn add_file(&mut self, path: &str) {
        if !path.is_empty() && !self.files.iter().any(|file| file.path == path) {
            self.files.push(TreeFile { path: path.to_owned(), checksum: None });
        }
    }
}

/// The id in `variant-ID`, and in `addon-ID` and `variant-ID.PART` of older files.
fn variant_id(section: &str) -> Option<&str> {
    section
        .strip_prefix("variant-")
        .or_else(|| section.strip_prefix("addon-"))
        .filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn read(text: &str) -> Result<TreeInfo, FormatError> {
        TreeInfo::read(text.as_bytes())
    }

    #[test]
    fn reads_a_new_one() {
        let tree = read(&format!(
            "[checksums]\nimages/boot.iso = sha256:{SHA256}\nimages/Pxe.img = sha256:{SHA256}\n\
             [general]\n; WARNING.0 = compatibility\nname = Example 9\nfamily = Old\n\
             [header]\ntype = productmd.treeinfo\nversion = 1.2\n\
             [images-x86_64]\nboot.iso = images/boot.iso\nkernel = images/vmlinuz\n\
             [images-xen]\nkernel = images/vmlinuz\n\
             [release]\nname = Example\nshort = E\nversion = 9.4\n\
             [stage2]\nmainimage = images/install.img\n\
             [tree]\narch = x86_64\nbuild_timestamp = 1749069429.93\nvariants = BaseOS,AppStream\n\
             [variant-AppStream]\nid = AppStream\npackages = ../AppStream/Packages\nrepository = ../AppStream\n\
             [variant-BaseOS]\nrepository = .\npackages =\n"
        ))
        .unwrap();
        assert_eq!(tree.name.as_deref(), Some("Example"));
        assert_eq!(tree.version.as_deref(), Some("9.4"));
        assert_eq!(tree.arch.as_deref(), Some("x86_64"));
        assert_eq!(tree.timestamp, Some(1_749_069_429));
        let files = tree.files.iter().map(|f| (&*f.path, f.checksum.is_some()));
        assert_eq!(
            files.collect::<Vec<_>>(),
            [
                ("images/boot.iso", true),
                ("images/Pxe.img", true),
                ("images/vmlinuz", false),
                ("images/install.img", false)
            ]
        );
        let variants = tree.variants.iter().map(|v| (&*v.id, v.repository.as_deref()));
        assert_eq!(
            variants.collect::<Vec<_>>(),
            [("AppStream", Some("../AppStream")), ("BaseOS", Some("."))]
        );
        assert_eq!(tree.variants[0].packages.as_deref(), Some("../AppStream/Packages"));
        assert_eq!(tree.variants[1].packages, None);
    }

    #[test]
    fn reads_an_old_one() {
        let tree = read(&format!(
            "[general]\nfamily = Test Family\ntimestamp = 1323112153\nversion = 16\npackagedir =\n\
             arch = x86_64\n[checksums]\nempty.iso = sha256:{SHA256}\nold: md5:900150983cd24fb0d6963f7d28e17f72\n"
        ))
        .unwrap();
        assert_eq!(tree.name.as_deref(), Some("Test Family"));
        assert_eq!(tree.timestamp, Some(1_323_112_153));
        assert_eq!(tree.files[1].path, "old");
        assert!(tree.variants.is_empty());
    }

    #[test]
    fn refuses_what_it_cannot_trust() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(
            error("[checksums]\na = sha256:00"),
            "line 2: expected path = sha256:digits, found \"sha256:00\""
        );
        assert!(error("[checksums]\na = blake3:00").contains("line 2"));
        assert_eq!(error(""), "is no .treeinfo document: found no section");
        assert!(error("[a-repo]\nname=x").contains("found section [a-repo]"));
        assert!(error("<html></html>").contains("<html>"));
    }
}
