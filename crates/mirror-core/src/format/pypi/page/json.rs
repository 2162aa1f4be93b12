//! JSON pages (PEP 691).
//!
//! The document is read in one pass, without a tree of it in memory: each file is made of its keys as
//! they come. A value of the wrong kind is the fault of its file; the version of the format is looked
//! at first of all faults, wherever it stands, since a later one may have another shape.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::html::check_version;
use super::{
    CoreMetadata, Draft, FileFault, Page, PageError, ProjectStatus, Status, clean, excerpt,
};
use crate::digest::{Algorithm, Digest};

mod value;

use value::{Text, Value};

/// Reads a page.
pub(super) fn read(document: &[u8]) -> Result<Page, PageError> {
    let start = document.trim_ascii_start();
    if start.first() != Some(&b'{') {
        let found = match start {
            [] => "nothing at all".to_owned(),
            start => {
                format!("{:?}", excerpt(&String::from_utf8_lossy(&start[..start.len().min(480)])))
            }
        };
        return Err(PageError::Shape { expected: "a JSON object", found });
    }
    let mut reading = Reading::default();
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let result = reading.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    if let Err(error) = result {
        let json = PageError::Json { reason: excerpt(&error.to_string()) };
        return Err(reading.fatal.unwrap_or(json));
    }
    match reading.version {
        Some(version) => check_version(&version)?,
        None => return Err(missing("meta.api-version (PEP 691)")),
    }
    match reading.shape {
        Some(error) => Err(error),
        None if !reading.has_files => Err(missing("files (PEP 691)")),
        None => Ok(reading.page),
    }
}

fn missing(expected: &'static str) -> PageError {
    PageError::Shape { expected, found: "an object without it".to_owned() }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    page: Page,
    version: Option<String>,
    has_files: bool,
    /// What is wrong with the page's shape, told once its version is known to be ours.
    shape: Option<PageError>,
    /// What ends the reading at once.
    fatal: Option<PageError>,
}

impl Reading {
    fn expected(&mut self, expected: &'static str, found: &Value<'_>) {
        self.shape.get_or_insert(PageError::Shape { expected, found: found.describe() });
    }
}

/// The page itself.
impl<'de> DeserializeSeed<'de> for &mut Reading {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "meta" => {
                    let meta: Value = map.next_value()?;
                    match meta.get("api-version") {
                        Some(version) => self.version = Some(version.to_owned()),
                        None => self.expected("meta.api-version, a text (PEP 691)", &meta),
                    }
                }
                "name" => match map.next_value()? {
                    Value::Text(name) => self.page.name = Some(excerpt(&name)),
                    other => self.expected("a name, a text", &other),
                },
                "project-status" => {
                    let value: Value = map.next_value()?;
                    let status = value.get("status").and_then(Status::from_name);
                    self.page.status = status.map(|status| ProjectStatus {
                        status,
                        reason: value
                            .get("reason")
                            .filter(|reason| !reason.trim().is_empty())
                            .and_then(|reason| clean("reason", reason.into()).ok()),
                    });
                }
                "files" if self.has_files => {
                    return self.fail(PageError::Shape {
                        expected: "files once",
                        found: "the key twice".to_owned(),
                    });
                }
                "files" => {
                    self.has_files = true;
                    map.next_value_seed(Files(self))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl Reading {
    fn fail<T, E: serde::de::Error>(&mut self, error: PageError) -> Result<T, E> {
        let text = error.to_string();
        self.fatal = Some(error);
        Err(E::custom(text))
    }
}

/// The list of files.
struct Files<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Files<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Files<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("files, a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(draft) = seq.next_element::<Draft<'de>>()? {
            if let Err(error) = self.0.page.push(draft) {
                return self.0.fail(error);
            }
        }
        Ok(())
    }
}

/// One file.
impl<'de> Deserialize<'de> for Draft<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FileVisitor;

        impl<'de> Visitor<'de> for FileVisitor {
            type Value = Draft<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file, an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Draft<'de>, A::Error> {
                let mut file = Draft::default();
                let mut has_url = false;
                let mut core_metadata = None;
                let mut legacy_metadata = None;
                while let Some(Text(key)) = map.next_key()? {
                    match &*key {
                        "filename" => {
                            file.filename = text(&mut file.fault, "name", map.next_value()?);
                        }
                        "url" => {
                            has_url = true;
                            let url = text(&mut file.fault, "URL", map.next_value()?);
                            file.url = without_fragment(url);
                        }
                        "hashes" => hashes(&mut file, &map.next_value()?),
                        "requires-python" => match map.next_value()? {
                            Value::Null => {}
                            value => {
                                let python = text(&mut file.fault, "requires-python", value);
                                file.requires_python = Some(python);
                            }
                        },
                        "yanked" => file.yanked = yanked(&mut file.fault, map.next_value()?),
                        "core-metadata" => core_metadata = metadata(&map.next_value()?),
                        "dist-info-metadata" | "data-dist-info-metadata" => {
                            legacy_metadata = metadata(&map.next_value()?);
                        }
                        "size" => {
                            if let Value::Number(size) = map.next_value()? {
                                file.size = size;
                            }
                        }
                        "upload-time" => file.upload_time = map.next_value::<Value>()?.text(),
                        "provenance" => file.provenance = map.next_value::<Value>()?.text(),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                if !has_url {
                    file.fault.get_or_insert(FileFault::Missing("URL"));
                }
                file.core_metadata = core_metadata.or(legacy_metadata).unwrap_or_default();
                Ok(file)
            }
        }

        deserializer.deserialize_map(FileVisitor)
    }
}

fn without_fragment(url: Cow<'_, str>) -> Cow<'_, str> {
    match (url.find('#'), url) {
        (None, url) => url,
        (Some(at), Cow::Borrowed(url)) => Cow::Borrowed(&url[..at]),
        (Some(at), Cow::Owned(mut url)) => {
            url.truncate(at);
            Cow::Owned(url)
        }
    }
}

fn text<'a>(fault: &mut Option<FileFault>, what: &'static str, value: Value<'a>) -> Cow<'a, str> {
    match value {
        Value::Text(text) => text,
        other => {
            fault.get_or_insert(kind(what, "a text", &other));
            Cow::Borrowed("")
        }
    }
}

fn kind(what: &'static str, expected: &'static str, found: &Value<'_>) -> FileFault {
    FileFault::Kind { what, expected, found: found.describe() }
}

/// `true`, `false`, or the reason. As in Python an empty text is not true.
fn yanked<'a>(fault: &mut Option<FileFault>, value: Value<'a>) -> Option<Cow<'a, str>> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some(Cow::Borrowed("")),
        Value::Text(reason) => Some(reason).filter(|reason| !reason.is_empty()),
        other => {
            fault.get_or_insert(kind("yanked", "true, false or a text", &other));
            None
        }
    }
}

/// `{"sha256": "HEX"}`; algorithms that we do not know are passed over.
fn hashes(file: &mut Draft<'_>, value: &Value<'_>) {
    let Value::Object(pairs) = value else {
        file.fault.get_or_insert(kind("hashes", "an object", value));
        return;
    };
    file.digests.reserve_exact(pairs.len());
    for (name, hex) in pairs {
        let Some(algorithm) = Algorithm::from_name(name) else { continue };
        let Some(hex) = hex else {
            file.fault.get_or_insert(FileFault::Kind {
                what: "hash",
                expected: "a text",
                found: "another kind of value".to_owned(),
            });
            continue;
        };
        match Digest::from_hex(algorithm, hex) {
            Ok(digest) => file.digests.push(digest),
            Err(error) => {
                file.fault.get_or_insert(error.into());
            }
        }
    }
}

/// `true`, `false`, or an object like that of `hashes`. What does not parse is taken for none: the
/// metadata can still be had out of the file.
fn metadata(value: &Value<'_>) -> Option<CoreMetadata> {
    match value {
        Value::Bool(true) => Some(CoreMetadata::Offered),
        Value::Object(pairs) => {
            let known = pairs.iter().filter_map(|(name, hex)| {
                Some((Algorithm::from_name(name)?, hex.as_deref().unwrap_or_default()))
            });
            Some(match known.max_by_key(|(algorithm, _)| *algorithm) {
                None => CoreMetadata::Offered,
                Some((algorithm, hex)) => {
                    Digest::from_hex(algorithm, hex).map_or(CoreMetadata::No, CoreMetadata::Digest)
                }
            })
        }
        Value::Bool(false) => Some(CoreMetadata::No),
        _ => None,
    }
}
