//! Metalinks: the mirrors of one file, and what the file must be.
//!
//! Fedora's kind is Metalink 3 with an extension, `mm0:alternates`: older states of the file, which
//! mirrors that lag behind still serve. Metalink 4 (RFC 5854) is read too. As in librepo, wrong
//! numbers, digests of unknown types and empty URLs are passed over; another root, a document that is
//! cut short and one without the wanted file are errors. A digest of a known type that does not parse
//! makes a state that no file matches ([`State::digest`]): passed over, it would leave the file to a
//! weaker one.

use std::io::BufRead;

use super::FormatError;
use super::xml::Xml;
use crate::digest::{Algorithm, Digest, DigestError};
use crate::limits;

/// Most alternates, and most digests of one state (most seen: 10 and 4).
const ENTRIES: usize = 100;

/// What a metalink says of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metalink {
    /// The newest state of the file.
    pub current: State,
    /// Older states that are still good.
    pub alternates: Vec<State>,
    /// Where it can be had, the preferred ones first.
    pub urls: Vec<MetalinkUrl>,
}

/// One state of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// When it was made, in seconds since 1970.
    pub timestamp: Option<i64>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its digests, of any number of algorithms.
    pub digests: Vec<Digest>,
    /// The first digest that did not parse, where there is one.
    pub malformed: Option<DigestError>,
}

impl State {
    /// The digest of the strongest algorithm, by which to know this state; `None` where it has none.
    /// Where one of its digests did not parse the error is that digest's.
    pub fn digest(&self) -> Result<Option<Digest>, DigestError> {
        match &self.malformed {
            Some(error) => Err(error.clone()),
            None => Ok(self.digests.iter().copied().max_by_key(Digest::algorithm)),
        }
    }
}

/// One place where the file can be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetalinkUrl {
    /// The file's URL, as written.
    pub url: String,
    /// `http`, `https`, `ftp`, `rsync`, where it is said.
    pub protocol: Option<String>,
    /// The country's code, as `DE`.
    pub location: Option<String>,
    /// 0 to 100, 100 being best; 0 where it is not said.
    pub preference: u8,
}

impl Metalink {
    /// Reads what the metalink says of the file of that name, `repomd.xml` in most cases.
    pub fn read(reader: impl BufRead, file: &str) -> Result<Self, FormatError> {
        let mut xml = Xml::bounded(reader, limits::LIST_SIZE);
        xml.root(&["metalink"], "metalink")?;
        let namespace = xml.attribute("xmlns")?.unwrap_or_default();
        let version = if namespace == "urn:ietf:params:xml:ns:metalink" {
            Version::Four
        } else {
            Version::Three
        };
        let mut found = None;
        while let Some(name) = xml.child()? {
            match name {
                "files" if version == Version::Three => {
                    while let Some(name) = xml.child()? {
                        match name {
                            "file" => read_wanted(&mut xml, file, version, &mut found)?,
                            _ => xml.skip()?,
                        }
                    }
                }
                "file" if version == Version::Four => {
                    read_wanted(&mut xml, file, version, &mut found)?;
                }
                _ => xml.skip()?,
            }
        }
        xml.finish()?;
        let missing = "file of the wanted name";
        let mut metalink: Self =
            found.ok_or_else(|| xml.missing("metalink".to_owned(), missing))?;
        metalink.urls.sort_by_key(|url| std::cmp::Reverse(url.preference));
        Ok(metalink)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Version {
    Three,
    Four,
}

/// Reads the `<file>` that was just entered if it is the wanted one, and the first of that name.
fn read_wanted<R: BufRead>(
    xml: &mut Xml<R>,
    file: &str,
    version: Version,
    found: &mut Option<Metalink>,
) -> Result<(), FormatError> {
    if found.is_some() || xml.attribute("name")?.as_deref() != Some(file) {
        return xml.skip();
    }
    let mut metalink = Metalink::default();
    let mut text = String::new();
    while let Some(name) = xml.child()? {
        match (name, version) {
            ("resources", Version::Three) => {
                while let Some(name) = xml.child()? {
                    match name {
                        "url" => read_url(xml, version, &mut metalink.urls)?,
                        _ => xml.skip()?,
                    }
                }
            }
            ("url", Version::Four) => read_url(xml, version, &mut metalink.urls)?,
            ("hash", Version::Four) => read_digest(xml, &mut metalink.current, &mut text)?,
            ("alternates", _) => {
                while let Some(name) = xml.child()? {
                    match name {
                        "alternate" => {
                            let mut state = State::default();
                            while xml.child()?.is_some() {
                                read_state(xml, &mut state, &mut text)?;
                            }
                            bounded(&metalink.alternates)?;
                            metalink.alternates.push(state);
                        }
                        _ => xml.skip()?,
                    }
                }
            }
            _ => read_state(xml, &mut metalink.current, &mut text)?,
        }
    }
    *found = Some(metalink);
    Ok(())
}

/// Reads an element, just entered, that describes a state; passes over all others.
fn read_state<R: BufRead>(
    xml: &mut Xml<R>,
    state: &mut State,
    text: &mut String,
) -> Result<(), FormatError> {
    match xml.name() {
        "timestamp" => {
            xml.text(text)?;
            state.timestamp = text.parse().ok();
        }
        "size" => {
            xml.text(text)?;
            state.size = text.parse().ok();
        }
        "verification" => {
            while let Some(name) = xml.child()? {
                match name {
                    "hash" => read_digest(xml, state, text)?,
                    _ => xml.skip()?,
                }
            }
        }
        _ => xml.skip()?,
    }
    Ok(())
}

fn read_digest<R: BufRead>(
    xml: &mut Xml<R>,
    state: &mut State,
    text: &mut String,
) -> Result<(), FormatError> {
    // RFC 5854 takes IANA's names, which have a hyphen: `sha-256`.
    let algorithm = xml.attribute("type")?.unwrap_or_default().replace('-', "");
    if Algorithm::from_name(&algorithm).is_none() {
        return xml.skip();
    }
    xml.text(text)?;
    match Digest::parse(&algorithm, text) {
        Ok(digest) => {
            bounded(&state.digests)?;
            state.digests.push(digest);
        }
        Err(error) => {
            state.malformed.get_or_insert(error);
        }
    }
    Ok(())
}

fn bounded<T>(entries: &[T]) -> Result<(), FormatError> {
    if entries.len() < ENTRIES {
        return Ok(());
    }
    Err(FormatError::Limit { what: "hashes or alternates", limit: ENTRIES as u64 })
}

fn read_url<R: BufRead>(
    xml: &mut Xml<R>,
    version: Version,
    urls: &mut Vec<MetalinkUrl>,
) -> Result<(), FormatError> {
    let mut url = MetalinkUrl::default();
    xml.attributes(|key, value| match (key, version) {
        ("protocol", _) => url.protocol = Some(value.into_owned()),
        ("type", _) if url.protocol.is_none() => url.protocol = Some(value.into_owned()),
        ("location", _) => url.location = Some(value.into_owned()),
        ("preference", Version::Three) => {
            let preference = value.trim().parse().ok();
            url.preference = preference.filter(|p| *p <= 100).unwrap_or(0);
        }
        // From 1, the best, to 999999.
        ("priority", Version::Four) => {
            let priority: u32 = value.trim().parse().unwrap_or(u32::MAX);
            url.preference = u8::try_from(101_u32.saturating_sub(priority.max(1))).unwrap_or(0);
        }
        _ => {}
    })?;
    url.url = xml.owned_text()?;
    if url.url.is_empty() {
        return Ok(());
    }
    if urls.len() == limits::MIRRORS {
        return Err(FormatError::Limit { what: "mirrors", limit: limits::MIRRORS as u64 });
    }
    urls.push(url);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn read(document: &str) -> Result<Metalink, FormatError> {
        Metalink::read(document.as_bytes(), "repomd.xml")
    }

    fn with(file: &str) -> Result<Metalink, FormatError> {
        read(&format!(
            "<?xml version='1.0' encoding='utf-8'?><metalink version='3.0' \
             xmlns='http://www.metalinker.org/' xmlns:mm0='http://fedorahosted.org/mirrormanager'>\
             <files><file name='other'><size>1</size></file><file name='repomd.xml'>{file}</file>\
             </files></metalink>"
        ))
    }

    #[test]
    fn reads_fedoras_kind_with_alternates() {
        let metalink = with(&format!(
            "<mm0:timestamp>1381706941</mm0:timestamp><size>4761</size>
             <verification><hash type='md5'>{MD5}</hash><hash type='sha256'>{SHA256}</hash></verification>
             <mm0:alternates><mm0:alternate><mm0:timestamp>1381706940</mm0:timestamp><size>4760</size>
             <verification><hash type='sha256'>{SHA256}</hash></verification></mm0:alternate></mm0:alternates>
             <resources maxconnections='1'>
             <url protocol='http' type='http' location='DE' preference='98'>http://b/r?a&amp;b</url>
             <url preference='99' > https://a/repomd.xml </url></resources>"
        ))
        .unwrap();
        assert_eq!(metalink.current.timestamp, Some(1_381_706_941));
        assert_eq!(metalink.current.size, Some(4761));
        assert_eq!(metalink.current.digests.len(), 2);
        assert_eq!(metalink.alternates.len(), 1);
        assert_eq!(metalink.alternates[0].size, Some(4760));
        assert_eq!(metalink.alternates[0].digests[0].hex(), SHA256);
        assert_eq!(metalink.urls[0].url, "https://a/repomd.xml");
        assert_eq!(
            metalink.urls[1],
            MetalinkUrl {
                url: "http://b/r?a&b".into(),
                protocol: Some("http".into()),
                location: Some("DE".into()),
                preference: 98
            }
        );
    }

    #[test]
    fn passes_over_what_librepo_passes_over() {
        let metalink = with(
            "<mm0:timestamp>foo</mm0:timestamp><size>bar</size>
             <verification><hash type='foo'></hash></verification>
             <url>http://not/in/resources</url>
             <resources><url preference='foobar'>http://a/</url><url preference='-5'>http://b/</url>
             <url preference='101'>http://c/</url><url /><new/></resources>",
        )
        .unwrap();
        assert_eq!(metalink.current, State::default());
        let urls = metalink.urls.iter().map(|url| (&*url.url, url.preference));
        assert_eq!(
            urls.collect::<Vec<_>>(),
            [("http://a/", 0), ("http://b/", 0), ("http://c/", 0)]
        );
        assert_eq!(with("").unwrap(), Metalink::default());
    }

    #[test]
    fn refuses_what_says_nothing_of_the_file() {
        let error = |document: &str| read(document).unwrap_err().to_string();
        let none = "<metalink><files><file name='foo.xml'/></files></metalink>";
        assert_eq!(error(none), "metalink before byte 58 has no file of the wanted name");
        assert!(read("<metalink><files><!-- none --></files></metalink>").is_err());
        assert!(read("<metalink><files><file name='repomd.xml'><resources>").is_err());
        assert!(error("<html/>").contains("is no metalink document"));
        let many = format!("<resources>{}</resources>", "<url>x</url>".repeat(limits::MIRRORS + 1));
        assert!(matches!(with(&many), Err(FormatError::Limit { .. })));
        let many = format!("<hash type='md5'>{MD5}</hash>").repeat(ENTRIES + 1);
        assert!(with(&format!("<verification>{many}</verification>")).is_err());
    }

    #[test]
    fn a_malformed_digest_is_never_replaced_by_a_weaker_one() {
        let md5 = format!("<hash type='md5'>{MD5}</hash>");
        let state = |hashes: &str| {
            let verification = format!("<verification>{hashes}</verification>");
            with(&verification).unwrap().current
        };
        let bad = state(&format!("{md5}<hash type='sha256'>xx</hash>"));
        assert!(matches!(bad.digest(), Err(DigestError::Malformed { .. })));
        let good = state(&format!("<hash type='sha256'>{SHA256}</hash>{md5}"));
        assert_eq!(good.digest().unwrap().unwrap().hex(), SHA256);
        assert_eq!(state("").digest(), Ok(None));
    }

    #[test]
    fn reads_metalink_4() {
        let metalink = read(&format!(
            "<metalink xmlns='urn:ietf:params:xml:ns:metalink'><file name='repomd.xml'><size>7</size>\
             <hash type='sha-256'>{SHA256}</hash><url location='de' priority='2'>http://b/</url>\
             <url priority='1'>http://a/</url><url>http://c/</url></file></metalink>"
        ))
        .unwrap();
        assert_eq!(metalink.current.size, Some(7));
        assert_eq!(metalink.current.digests[0].hex(), SHA256);
        let urls: Vec<_> = metalink.urls.iter().map(|url| &*url.url).collect();
        assert_eq!(urls, ["http://a/", "http://b/", "http://c/"]);
    }
}
