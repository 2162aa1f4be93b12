//! `other.xml`: the changelog of each package.
//!
//! [`read_packages`] streams: the changelog of one package is held at a time.

use std::io::BufRead;

use super::FormatError;
use super::entries::{self, Entries};
use super::xml::Xml;

pub use super::entries::{PackageId, Summary};

/// One entry of a changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who made it.
    pub author: String,
    /// When, in seconds since 1970; 0 where that is no number.
    pub date: i64,
    /// What was changed.
    pub text: String,
}

/// The changelog of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changelog {
    changes: Vec<Change>,
    bytes: usize,
}

impl Changelog {
    /// The entries in the document's order: the oldest first, where `createrepo_c` wrote it.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}

impl Entries for Changelog {
    const ELEMENT: &'static str = "changelog";

    fn clear(&mut self) {
        self.changes.clear();
        self.bytes = 0;
    }

    fn read<R: BufRead>(&mut self, xml: &mut Xml<R>) -> Result<(), FormatError> {
        let mut change = Change { author: String::new(), date: 0, text: String::new() };
        xml.attributes(|key, value| match key {
            "author" => change.author = value.into_owned(),
            "date" => change.date = value.trim().parse().unwrap_or(0),
            _ => {}
        })?;
        change.text = xml.owned_text()?;
        self.bytes += change.author.len() + change.text.len();
        self.changes.push(change);
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        (self.changes.len(), self.bytes)
    }
}

/// Reads an other document and calls `on_package` with each package and its changelog, in order.
///
/// A package without a pkgid, XML that is not well-formed and anything over its bound are errors; an
/// error of `on_package` ends the reading.
pub fn read_packages<E: From<FormatError>>(
    reader: impl BufRead,
    on_package: impl FnMut(&PackageId, &Changelog) -> Result<(), E>,
) -> Result<Summary, E> {
    entries::read(reader, "otherdata", &mut Changelog::default(), on_package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_changelog_of_each_package() {
        let document = r#"<otherdata packages="2"><package pkgid="aa" name="one" arch="src">
  <version epoch="0" ver="1" rel="1"/>
  <changelog author="A &lt;a@example.com&gt; - 1-1" date="1334664000">- one
- &amp; two</changelog>
  <changelog date="soon">- three</changelog>
</package><package pkgid="bb"></package></otherdata>"#;
        let mut packages = Vec::new();
        let summary = read_packages(document.as_bytes(), |id, log| {
            packages.push((id.pkgid.clone(), log.changes().to_vec()));
            Ok::<_, FormatError>(())
        });
        assert_eq!(summary.unwrap().packages, 2);
        let change = |author: &str, date, text: &str| Change {
            author: author.to_owned(),
            date,
            text: text.to_owned(),
        };
        assert_eq!(
            packages,
            [
                (
                    "aa".to_owned(),
                    vec![
                        change("A <a@example.com> - 1-1", 1_334_664_000, "- one\n- & two"),
                        change("", 0, "- three")
                    ]
                ),
                ("bb".to_owned(), vec![])
            ]
        );
    }

    #[test]
    fn refuses_another_document() {
        let result = read_packages(&b"<filelists/>"[..], |_, _| Ok::<_, FormatError>(()));
        assert_eq!(result.unwrap_err().to_string(), "is no otherdata document: found <filelists>");
    }
}
