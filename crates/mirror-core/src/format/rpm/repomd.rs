//! `repodata/repomd.xml`, the entry point of a repository: the list of its metadata files.
//!
//! [`Repomd::read`] takes what clients take: records without a digest, a size or a timestamp, wrong
//! numbers, unknown elements. Whether a record without a digest may be used is for the caller to say.
//! [`Repomd::write`] gives what createrepo_c gives, to the byte.

use std::io::{self, BufRead, Write};

use super::FormatError;
use super::xml::Xml;
use super::xml_writer::XmlWriter;
use crate::digest::{Algorithm, Digest};
use crate::limits;

/// The content of a `repomd.xml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repomd {
    /// What the repository's maker calls this state; often a time in seconds, never to be relied on.
    pub revision: Option<String>,
    /// The `<tags>`, where there are any.
    pub tags: Tags,
    /// The metadata files in the document's order.
    pub records: Vec<Record>,
}

/// What a repository says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// What it holds, as `binary-x86_64`.
    pub content: Vec<String>,
    /// Its names.
    pub repo: Vec<String>,
    /// The distributions that it is for.
    pub distro: Vec<Distro>,
}

/// A distribution that a repository is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distro {
    /// Its name in the Common Platform Enumeration.
    pub cpeid: Option<String>,
    /// Its name for people.
    pub name: String,
}

/// One metadata file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Which metadata it is: `primary`, `filelists`, `updateinfo` …
    pub kind: String,
    /// Its path below the repository, as written: not yet known to be safe.
    pub href: String,
    /// `xml:base`: another place that `href` is relative to.
    pub base: Option<String>,
    /// The digest of the file as it is transferred.
    pub checksum: Option<Digest>,
    /// The digest of the file once decompressed.
    pub open_checksum: Option<Digest>,
    /// The digest of a zchunk file's header.
    pub header_checksum: Option<Digest>,
    /// When the file was made, in seconds since 1970.
    pub timestamp: Option<i64>,
    /// The file's size in bytes as it is transferred.
    pub size: Option<u64>,
    /// The file's size in bytes once decompressed.
    pub open_size: Option<u64>,
    /// The size in bytes of a zchunk file's header.
    pub header_size: Option<u64>,
    /// The version of the layout of an `SQLite` database.
    pub database_version: Option<u64>,
}

impl Repomd {
    /// Reads the document.
    ///
    /// A record without a type or location, a digest that does not parse where it matters (the one of
    /// the transferred file), and more than [`limits::REPOMD_RECORDS`] records or [`limits::REPOMD_SIZE`] bytes are errors. Numbers
    /// and other digests that do not parse are left out.
    pub fn read(reader: impl BufRead) -> Result<Self, FormatError> {
        let mut xml = Xml::bounded(reader, limits::REPOMD_SIZE);
        xml.root(&["repomd"], "repomd")?;
        let mut repomd = Self::default();
        while let Some(name) = xml.child()? {
            match name {
                "revision" => repomd.revision = Some(xml.owned_text()?).filter(|r| !r.is_empty()),
                "tags" => repomd.tags = read_tags(&mut xml)?,
                "data" => {
                    if repomd.records.len() == limits::REPOMD_RECORDS {
                        return Err(FormatError::Limit {
                            what: "records",
                            limit: limits::REPOMD_RECORDS as u64,
                        });
                    }
                    repomd.records.push(read_record(&mut xml)?);
                }
                _ => xml.skip()?,
            }
        }
        xml.finish()?;
        Ok(repomd)
    }

    /// The first record of a kind, as clients choose it.
    pub fn record(&self, kind: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.kind == kind)
    }

    /// The newest of the records' timestamps, in seconds since 1970: by it a client tells an older
    /// repository from a newer one.
    pub fn timestamp(&self) -> Option<i64> {
        self.records.iter().filter_map(|r| r.timestamp).max()
    }

    /// Writes the document as `createrepo_c` does: two spaces a level, records in their order, elements
    /// that have no value left out.
    pub fn write(&self, writer: impl Write) -> io::Result<()> {
        let mut out = XmlWriter::new(writer);
        out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        out.raw("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"")?;
        out.raw(" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n")?;
        if let Some(revision) = &self.revision {
            out.element(1, "revision", &[], revision)?;
        }
        self.tags.write(&mut out)?;
        for record in &self.records {
            record.write(&mut out)?;
        }
        out.raw("</repomd>\n")
    }
}

impl Tags {
    fn write(&self, out: &mut XmlWriter<impl Write>) -> io::Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        out.raw("  <tags>\n")?;
        for content in &self.content {
            out.element(2, "content", &[], content)?;
        }
        for repo in &self.repo {
            out.element(2, "repo", &[], repo)?;
        }
        for distro in &self.distro {
            match &distro.cpeid {
                Some(cpeid) => out.element(2, "distro", &[("cpeid", cpeid)], &distro.name)?,
                None => out.element(2, "distro", &[], &distro.name)?,
            }
        }
        out.raw("  </tags>\n")
    }
}

impl Record {
    fn write(&self, out: &mut XmlWriter<impl Write>) -> io::Result<()> {
        out.raw("  <data")?;
        out.attribute("type", &self.kind)?;
        out.raw(">\n")?;
        for (name, digest) in [
            ("checksum", self.checksum),
            ("open-checksum", self.open_checksum),
            ("header-checksum", self.header_checksum),
        ] {
            if let Some(digest) = digest {
                out.element(2, name, &[("type", checksum_type(&digest))], &digest.hex())?;
            }
        }
        out.raw("    <location")?;
        out.attribute("href", &self.href)?;
        if let Some(base) = &self.base {
            out.attribute("xml:base", base)?;
        }
        out.raw("/>\n")?;
        if let Some(timestamp) = self.timestamp {
            out.element(2, "timestamp", &[], &timestamp.to_string())?;
        }
        for (name, number) in [
            ("size", self.size),
            ("open-size", self.open_size),
            ("header-size", self.header_size),
            ("database_version", self.database_version),
        ] {
            if let Some(number) = number {
                out.element(2, name, &[], &number.to_string())?;
            }
        }
        out.raw("  </data>\n")
    }
}

/// What `type` attributes call the algorithm of a digest.
pub(super) fn checksum_type(digest: &Digest) -> &'static str {
    match digest.algorithm() {
        // RPM metadata's own name for SHA-1, which all clients know.
        Algorithm::Sha1 => "sha",
        other => other.name(),
    }
}

fn read_tags<R: BufRead>(xml: &mut Xml<R>) -> Result<Tags, FormatError> {
    let mut tags = Tags::default();
    while let Some(name) = xml.child()? {
        match name {
            "content" => tags.content.push(xml.owned_text()?),
            "repo" => tags.repo.push(xml.owned_text()?),
            "distro" => {
                let cpeid = xml.attribute("cpeid")?;
                let name = xml.owned_text()?;
                tags.distro.push(Distro { cpeid, name });
            }
            _ => xml.skip()?,
        }
    }
    Ok(tags)
}

fn read_record<R: BufRead>(xml: &mut Xml<R>) -> Result<Record, FormatError> {
    let mut record = Record::default();
    if let Some(kind) = xml.attribute("type")?.filter(|kind| !kind.is_empty()) {
        record.kind = kind;
    } else {
        return Err(xml.missing("data".to_owned(), "type"));
    }
    let mut text = String::new();
    while let Some(name) = xml.child()? {
        match name {
            "checksum" => record.checksum = Some(xml.digest(&record.kind, &mut text)?),
            "open-checksum" => record.open_checksum = harmless_digest(xml, &mut text)?,
            "header-checksum" => record.header_checksum = harmless_digest(xml, &mut text)?,
            "location" => {
                xml.attributes(|key, value| match key {
                    "href" => record.href = value.into_owned(),
                    "xml:base" => record.base = Some(value.into_owned()),
                    _ => {}
                })?;
                xml.skip()?;
            }
            // Some generators write a fraction of a second.
            "timestamp" => {
                xml.text(&mut text)?;
                let seconds = text.split('.').next().unwrap_or_default();
                record.timestamp = seconds.parse().ok();
            }
            "size" => record.size = number(xml, &mut text)?,
            "open-size" => record.open_size = number(xml, &mut text)?,
            "header-size" => record.header_size = number(xml, &mut text)?,
            "database_version" => record.database_version = number(xml, &mut text)?,
            _ => xml.skip()?,
        }
    }
    if record.href.is_empty() {
        let element = format!("data of type {:?}", super::excerpt(&record.kind));
        return Err(xml.missing(element, "location"));
    }
    Ok(record)
}

fn number<R: BufRead>(xml: &mut Xml<R>, text: &mut String) -> Result<Option<u64>, FormatError> {
    xml.text(text)?;
    Ok(text.parse().ok())
}

/// A digest that nothing depends on: one that does not parse is as good as none.
fn harmless_digest<R: BufRead>(
    xml: &mut Xml<R>,
    text: &mut String,
) -> Result<Option<Digest>, FormatError> {
    match xml.digest("", text) {
        Err(FormatError::Digest { .. }) => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn read(document: &str) -> Result<Repomd, FormatError> {
        Repomd::read(document.as_bytes())
    }

    fn with_data(data: &str) -> Result<Record, FormatError> {
        read(&format!("<repomd><data type='primary'>{data}</data></repomd>"))
            .map(|repomd| repomd.records[0].clone())
    }

    fn written(repomd: &Repomd) -> String {
        let mut out = Vec::new();
        repomd.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reads_and_writes_what_createrepo_c_writes() {
        let document = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1749069429</revision>
  <tags>
    <content>binary-x86_64</content>
    <repo>a &amp; b</repo>
    <distro cpeid="cpe:/o:example:1">Example 1</distro>
    <distro>Other</distro>
  </tags>
  <data type="primary">
    <checksum type="sha256">{SHA256}</checksum>
    <open-checksum type="sha">a9993e364706816aba3e25717850c26c9cd0d89d</open-checksum>
    <location href="repodata/{SHA256}-primary.xml.zst" xml:base="http://example.com/a?b&amp;c=&quot;"/>
    <timestamp>1749069420</timestamp>
    <size>45430</size>
    <open-size>443411</open-size>
  </data>
  <data type="primary_db">
    <location href="repodata/primary.sqlite"/>
    <timestamp>1749069429</timestamp>
    <size>7</size>
    <database_version>10</database_version>
  </data>
</repomd>
"#
        );
        let repomd = read(&document).unwrap();
        assert_eq!(repomd.timestamp(), Some(1_749_069_429));
        assert_eq!(repomd.record("primary").unwrap().size, Some(45430));
        assert_eq!(repomd.record("group"), None);
        assert_eq!(written(&repomd), document);
    }

    #[test]
    fn takes_what_clients_take() {
        let record = with_data(
            "<location href='repodata/p.xml'/><size>-1</size><open-size>many</open-size>\
             <timestamp>1749069429.25</timestamp><open-checksum type='blake3'>00</open-checksum>\
             <new-element><x/></new-element>",
        )
        .unwrap();
        assert_eq!(record.checksum, None);
        assert_eq!(record.open_checksum, None);
        assert_eq!((record.size, record.open_size), (None, None));
        assert_eq!(record.timestamp, Some(1_749_069_429));
        let upper = format!(
            "<checksum type='SHA256'>\n{}\n</checksum><location href='p'/>",
            SHA256.to_uppercase()
        );
        assert_eq!(with_data(&upper).unwrap().checksum.unwrap().hex(), SHA256);
        let prefixed = "<r:repomd xmlns:r='x'><r:revision>1</r:revision></r:repomd>";
        assert_eq!(read(prefixed).unwrap().revision.as_deref(), Some("1"));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let error = |data: &str| with_data(data).unwrap_err().to_string();
        assert_eq!(
            error("<checksum type='blake3'>00</checksum><location href='p'/>"),
            "checksum of primary before byte 66: checksum type \"blake3\" is unknown, expected md5, \
             sha1, sha224, sha256, sha384 or sha512"
        );
        assert!(error("<checksum>00</checksum>").contains("checksum type \"\" is unknown"));
        assert!(error("<checksum type='md5'>0</checksum>").contains("is malformed"));
        assert_eq!(error(""), "data of type \"primary\" before byte 36 has no location");
        let no_type = "<repomd>\n<data><location href='p'/></data></repomd>";
        assert_eq!(read(no_type).unwrap_err().to_string(), "data before byte 15 has no type");
        assert_eq!(
            read("<!DOCTYPE html><html></html>").unwrap_err().to_string(),
            "is no repomd document: found <html>"
        );
        assert!(read("<repomd><data type='primary'>").is_err());
        let many = "<data type='x'><location href='x'/></data>".repeat(limits::REPOMD_RECORDS + 1);
        assert!(matches!(
            read(&format!("<repomd>{many}</repomd>")),
            Err(FormatError::Limit { .. })
        ));
    }

    fn text() -> impl Strategy<Value = String> {
        // White space at the ends is not kept, control characters are not XML.
        "[!-~é]([ -~é€\r\n\t]{0,8}[!-~é])?"
    }

    fn digest() -> impl Strategy<Value = Digest> {
        (0..6_usize, vec(any::<u8>(), 64)).prop_map(|(n, bytes)| {
            let algorithm = ["md5", "sha", "sha224", "sha256", "sha384", "sha512"][n];
            let algorithm = Algorithm::from_name(algorithm).unwrap();
            let mut hex = String::new();
            for byte in &bytes[..algorithm.size()] {
                write!(hex, "{byte:02x}").unwrap();
            }
            Digest::from_hex(algorithm, &hex).unwrap()
        })
    }

    fn record() -> impl Strategy<Value = Record> {
        (
            (text(), text(), option::of(text())),
            (option::of(digest()), option::of(digest()), option::of(digest())),
            option::of(any::<i64>()),
            vec(option::of(any::<u64>()), 4),
        )
            .prop_map(|((kind, href, base), digests, timestamp, numbers)| Record {
                kind,
                href,
                base,
                checksum: digests.0,
                open_checksum: digests.1,
                header_checksum: digests.2,
                timestamp,
                size: numbers[0],
                open_size: numbers[1],
                header_size: numbers[2],
                database_version: numbers[3],
            })
    }

    fn tags() -> impl Strategy<Value = Tags> {
        let distro = (option::of(text()), text()).prop_map(|(cpeid, name)| Distro { cpeid, name });
        (vec(text(), 0..3), vec(text(), 0..3), vec(distro, 0..3))
            .prop_map(|(content, repo, distro)| Tags { content, repo, distro })
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(
            revision in option::of(text()), tags in tags(), records in vec(record(), 0..4)
        ) {
            let repomd = Repomd { revision, tags, records };
            prop_assert_eq!(read(&written(&repomd)).unwrap(), repomd);
        }

        #[test]
        fn never_panics(document in "(<repomd>|<data type='a'>|</data>|<size>|&amp;|[<>&'/a-c ]){0,12}") {
            let _ = read(&document);
        }
    }
}
