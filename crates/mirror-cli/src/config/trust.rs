//! Whose signatures count: from the user's words to fingerprints and key files.
//!
//! Keys that the user names (`--key`, `keys` of a `[[repo]]`) are the only ones that count. Without
//! any they are those of the preset or of the `.repo` file, which say where a key is, and the preset
//! by its fingerprint which one it is.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use mirror_core::signature::{Fingerprint, FingerprintError, Keys};
use mirror_core::source::rpm::{Check, KeyFile, Trust};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use url::Url;

use super::error::{ConfigError, Said, Setting};
use super::values::without_secrets;

/// Whether signatures are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Gpgcheck {
    /// There has to be a good one
    Require,
    /// One that is there has to be good
    IfPresent,
    /// They are not looked at
    Off,
}

impl From<Gpgcheck> for Check {
    fn from(gpgcheck: Gpgcheck) -> Self {
        match gpgcheck {
            Gpgcheck::Require => Self::Require,
            Gpgcheck::IfPresent => Self::IfPresent,
            Gpgcheck::Off => Self::Off,
        }
    }
}

/// A key that upstream signs with: its URL, or a table of what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyEntry {
    /// Where it is: a URL, or in a `.repo` file also a path; may hold variables.
    pub(super) url: Option<String>,
    /// Which it is.
    pub(super) fingerprint: Option<Fingerprint>,
    /// What it is known to sign.
    pub(super) signs: Signs,
}

/// What a key is known to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Signs {
    /// Packages and metadata.
    #[default]
    All,
    /// Packages. Whether the metadata is signed, and by this key, is not known: it is trusted for
    /// that at first use, and from then on if it was used.
    Packages,
}

impl KeyEntry {
    pub(super) fn at(url: &str) -> Self {
        Self { url: Some(url.to_owned()), fingerprint: None, signs: Signs::All }
    }
}

impl<'de> Deserialize<'de> for KeyEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;
        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = KeyEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a fingerprint in quotes, or a table of both")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<KeyEntry, E> {
                if !Fingerprint::is_meant(text) {
                    return Ok(KeyEntry::at(text));
                }
                let fingerprint = Some(text.parse().map_err(E::custom)?);
                Ok(KeyEntry { url: None, fingerprint, signs: Signs::All })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeyEntry, A::Error> {
                let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let fingerprint = table.fingerprint.map(|text| text.parse()).transpose();
                Ok(KeyEntry {
                    url: table.url,
                    fingerprint: fingerprint.map_err(de::Error::custom)?,
                    signs: table.signs,
                })
            }
        }

        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            url: Option<String>,
            fingerprint: Option<String>,
            #[serde(default)]
            signs: Signs,
            /// Where a reader can see that the fingerprint is right.
            #[serde(rename = "confirmed_by")]
            _confirmed_by: Option<String>,
        }
        deserializer.deserialize_any(EntryVisitor)
    }
}

/// What is said of a repository's signatures.
pub(super) struct Words<'a> {
    /// Whose it is, for messages.
    pub(super) of: &'a str,
    /// Where the user's words were said.
    pub(super) said: Said,
    /// The word on whether it is checked: the user's, else that of the preset or `.repo` file.
    pub(super) repo_gpgcheck: Option<Gpgcheck>,
    /// The same on the signatures of packages.
    pub(super) gpgcheck: Option<Gpgcheck>,
    /// The keys that the user named.
    pub(super) keys: &'a [String],
    /// Those of the preset or `.repo` file, with variables put in.
    pub(super) offered: Vec<KeyEntry>,
    /// Whether a key that is merely at a place that was named is enough for who requires a signature:
    /// so it is with a `.repo` file, as for dnf.
    pub(super) takes_named: bool,
}

impl Words<'_> {
    /// The trust that they come to.
    pub(super) fn trust(self) -> Result<Trust, ConfigError> {
        let check = self.repo_gpgcheck.map(Check::from).unwrap_or_default();
        // Who does not care who signed the metadata is asked for no key of packages either.
        let unsaid = if check == Check::Off { Check::Off } else { Check::default() };
        let packages = self.gpgcheck.map_or(unsaid, Check::from);
        let mut trust = Trust { check, packages, ..Trust::default() };
        if (check, packages) == (Check::Off, Check::Off) {
            return Ok(trust);
        }
        let is_required = [check, packages].contains(&Check::Require);
        let mut local = Vec::new();
        for text in self.offered.iter().filter_map(|key| key.url.as_deref()) {
            match Url::parse(text) {
                Ok(url) if trust.urls.contains(&url) => {}
                Ok(url) if matches!(url.scheme(), "http" | "https") => trust.urls.push(url),
                parsed => local.extend(local_path(text, parsed.ok())),
            }
        }
        if !self.keys.is_empty() {
            for key in self.keys {
                self.take_named(key, &mut trust)?;
            }
            return Ok(trust);
        }
        for key in &self.offered {
            let known = key.fingerprint.into_iter();
            match key.signs {
                Signs::All => trust.pinned.extend(known),
                Signs::Packages => trust.expected.extend(known),
            }
        }
        for path in local {
            match read(&path) {
                Ok((file, _)) => trust.keys.push(file),
                // Most hosts that mirror do not have the keys of the distributions that they mirror.
                Err(ConfigError::Read { .. }) if !is_required => {}
                Err(error) => return Err(error),
            }
        }
        if check == Check::Require && trust.pinned.is_empty() {
            trust.pinned = std::mem::take(&mut trust.expected);
        }
        if is_required {
            let has_named = !(trust.keys.is_empty() && trust.urls.is_empty());
            let has_pinned = !(trust.pinned.is_empty() && trust.expected.is_empty());
            let is_enough = has_pinned || (self.takes_named && has_named);
            if !is_enough {
                return Err(ConfigError::NoKey { of: self.of.to_owned() });
            }
        }
        Ok(trust)
    }

    /// Takes a key that the user named: a file, if there is one of that name, else a fingerprint.
    fn take_named(&self, key: &str, trust: &mut Trust) -> Result<(), ConfigError> {
        let path = Path::new(key);
        if Fingerprint::is_meant(key) && !path.exists() {
            let wrong = |source: FingerprintError| {
                let setting = Setting::Key.said(self.said);
                ConfigError::Fingerprint { setting, source }
            };
            trust.pinned.push(key.parse().map_err(wrong)?);
            return Ok(());
        }
        if key.contains("://") {
            let (setting, url) = (Setting::Key.said(self.said), without_secrets(key));
            return Err(ConfigError::KeyUrl { setting, url });
        }
        let (file, keys) = read(key)?;
        trust.pinned.extend(keys);
        trust.keys.push(file);
        Ok(())
    }
}

/// The path of a key that a `.repo` file gives as one, or as a `file` URL.
fn local_path(text: &str, url: Option<Url>) -> Option<String> {
    match url {
        Some(url) if url.scheme() == "file" => {
            Some(url.to_file_path().ok()?.to_string_lossy().into_owned())
        }
        Some(_) => None,
        None => Some(text.to_owned()),
    }
}

/// Reads a key file: with it the fingerprints of the keys in it.
fn read(path: &str) -> Result<(KeyFile, Vec<Fingerprint>), ConfigError> {
    let unread = |source: io::Error| ConfigError::Read { path: path.into(), source };
    let size = fs::metadata(path).map_err(unread)?.len();
    let wrong = |reason: String| ConfigError::KeyFile { path: path.into(), reason };
    let most = mirror_core::limits::SIGNATURE_SIZE;
    if size > most {
        return Err(wrong(format!("{size} bytes, over {most}, the bound for a key file")));
    }
    let content = fs::read(path).map_err(unread)?;
    let keys = Keys::read(&content).map_err(|error| wrong(error.to_string()))?;
    let fingerprints = keys.fingerprints().copied().collect();
    Ok((KeyFile { name: path.to_owned(), content: content.into() }, fingerprints))
}
