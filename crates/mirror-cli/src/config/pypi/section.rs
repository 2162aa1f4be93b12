//! `[pypi]` and `[pypi.SET]` as they are written.

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;

use mirror_core::format::pypi::pyproject::Which;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::{PypiEntry, PypiSettings, PypiWanted};
use crate::config::error::{ConfigError, Place};
use crate::config::file::Newest;
use crate::config::values::{OneOrMany, Words, without_password};

/// The keys of a set that say what is wanted.
const WANTED: [&str; 7] =
    ["requirements", "files", "constraints", "all_versions", "newest_only", "extras", "groups"];

/// The keys of a set and of `[pypi]`.
const SETTINGS: [&str; 15] = [
    "python",
    "platform",
    "target",
    "index_url",
    "extra_index_url",
    "find_links",
    "no_index",
    "pre",
    "only_binary",
    "no_binary",
    "prefer_binary",
    "wheels",
    "sdist",
    "allow_unhashed",
    "tree",
];

/// `[pypi]`: settings for all sets, and the sets, which are the tables in it.
#[derive(Debug, Default)]
pub(in crate::config) struct PypiTable {
    settings: PypiSettings,
    sets: Vec<(String, Spanned<SetOrOther>)>,
}

#[derive(Debug)]
enum SetOrOther {
    Set(Box<PypiWanted>),
    Other,
}

impl PypiTable {
    /// The settings for all sets, and the sets; relative paths start from `folder`.
    pub(in crate::config) fn read(
        self,
        folder: &Path,
        at: impl Fn(usize) -> Place,
    ) -> Result<(PypiSettings, Vec<PypiEntry>), ConfigError> {
        let settings = below(self.settings, folder);
        let mut entries = Vec::new();
        for (key, set) in self.sets {
            let at = at(set.span().start);
            let SetOrOther::Set(wanted) = set.into_inner() else {
                let known = SETTINGS.map(str::to_owned).to_vec();
                return Err(ConfigError::UnknownKey { at, key, known });
            };
            let name = key.parse().map_err(|error| ConfigError::Entry {
                at: at.clone(),
                error: Box::new(ConfigError::SetName(error)),
            })?;
            let mut wanted = *wanted;
            for file in wanted.files.iter_mut().chain(&mut wanted.constraints) {
                *file = path_below(folder, file);
            }
            wanted.settings = below(wanted.settings, folder).or(&settings);
            if !wanted.names_something() {
                let error = Box::new(ConfigError::EmptySet { name: key });
                return Err(ConfigError::Entry { at, error });
            }
            entries.push(PypiEntry { at, name, wanted });
        }
        Ok((settings, entries))
    }

    /// Whether a login stands in a URL.
    pub(in crate::config) fn has_secret(&self) -> bool {
        let sets = self.sets.iter().filter_map(|(_, set)| match set.get_ref() {
            SetOrOther::Set(wanted) => Some(&**wanted),
            SetOrOther::Other => None,
        });
        let indexes = |settings: &PypiSettings| {
            let given = &settings.indexes;
            let urls = given.index_url.iter().chain(&given.extra_index_urls);
            urls.chain(&given.find_links).cloned().collect::<Vec<_>>()
        };
        let mut urls = indexes(&self.settings);
        for set in sets {
            urls.extend(indexes(&set.settings));
            urls.extend(set.files.iter().chain(&set.constraints).cloned());
        }
        urls.iter().any(|url| url.contains("://") && without_password(url) != *url)
    }
}

/// With the paths among the places to look at below `folder`.
fn below(mut settings: PypiSettings, folder: &Path) -> PypiSettings {
    for place in &mut settings.indexes.find_links {
        *place = path_below(folder, place);
    }
    settings
}

fn path_below(folder: &Path, place: &str) -> String {
    if place.contains("://") || place.starts_with("file:") {
        return place.to_owned();
    }
    folder.join(place).to_string_lossy().into_owned()
}

impl PypiSettings {
    /// Takes the value of `key`; `false` where it is none of these.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let given = &mut self.indexes;
        match key {
            "python" => self.python = map.next_value::<Words>()?.0,
            "platform" => self.platform = map.next_value::<Words>()?.0,
            "target" => self.target = map.next_value::<Words>()?.0,
            "index_url" => given.index_url = Some(map.next_value()?),
            "extra_index_url" => given.extra_index_urls = map.next_value::<OneOrMany>()?.0,
            "find_links" => given.find_links = map.next_value::<OneOrMany>()?.0,
            "no_index" => given.no_index = Some(map.next_value()?),
            "pre" => self.pre = Some(map.next_value()?),
            "only_binary" => self.only_binary = map.next_value::<Words>()?.0,
            "no_binary" => self.no_binary = map.next_value::<Words>()?.0,
            "prefer_binary" => self.prefer_binary = Some(map.next_value()?),
            "wheels" => self.wheels = Some(map.next_value()?),
            "sdist" => self.sdist = Some(map.next_value()?),
            "allow_unhashed" => self.allow_unhashed = Some(map.next_value()?),
            "tree" => self.tree = Some(map.next_value()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de> Deserialize<'de> for PypiTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TableVisitor;
        impl<'de> Visitor<'de> for TableVisitor {
            type Value = PypiTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sets of Python packages: [pypi.NAME]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PypiTable, A::Error> {
                let mut table = PypiTable::default();
                while let Some(key) = map.next_key::<String>()? {
                    if !table.settings.take(&key, &mut map)? {
                        table.sets.push((key, map.next_value()?));
                    }
                }
                Ok(table)
            }
        }
        deserializer.deserialize_map(TableVisitor)
    }
}

impl<'de> Deserialize<'de> for SetOrOther {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SetVisitor;
        impl<'de> Visitor<'de> for SetVisitor {
            type Value = SetOrOther;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a set of Python packages: [pypi.NAME]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SetOrOther, A::Error> {
                let mut wanted = PypiWanted::default();
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "requirements" => wanted.requirements = map.next_value::<OneOrMany>()?.0,
                        "files" => wanted.files = map.next_value::<OneOrMany>()?.0,
                        "constraints" => wanted.constraints = map.next_value::<OneOrMany>()?.0,
                        "all_versions" => wanted.all_versions = map.next_value::<OneOrMany>()?.0,
                        "newest_only" => {
                            let newest = map.next_value::<Newest>()?.0;
                            let number = |n| NonZeroU32::try_from(n).unwrap_or(NonZeroU32::MAX);
                            wanted.newest_only = newest.map(number);
                        }
                        "extras" => wanted.extras = map.next_value::<AllOrNamed>()?.0,
                        "groups" => wanted.groups = map.next_value::<AllOrNamed>()?.0,
                        _ => _ = wanted.settings.take(&key, &mut map)?,
                    }
                }
                Ok(SetOrOther::Set(Box::new(wanted)))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<SetOrOther, E> {
                Ok(SetOrOther::Other)
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<SetOrOther, E> {
                Ok(SetOrOther::Other)
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<SetOrOther, E> {
                Ok(SetOrOther::Other)
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<SetOrOther, E> {
                Ok(SetOrOther::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<SetOrOther, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(SetOrOther::Other)
            }
        }
        deserializer.deserialize_any(SetVisitor)
    }
}

/// A key of a set. One that is unknown is told as serde does, where it stands.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<Key, E> {
                let known = || WANTED.iter().chain(&SETTINGS);
                if known().any(|known| *known == key) {
                    return Ok(Key(key.to_owned()));
                }
                let known: Vec<_> = known().map(|known| format!("`{known}`")).collect();
                let known = known.join(", ");
                Err(E::custom(format!("unknown field `{key}`, expected one of {known}")))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

/// `extras` and `groups`: names, or `true` for all.
struct AllOrNamed(Which);

impl<'de> Deserialize<'de> for AllOrNamed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = AllOrNamed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, or names in quotes")
            }

            fn visit_bool<E: de::Error>(self, all: bool) -> Result<AllOrNamed, E> {
                Ok(AllOrNamed(if all { Which::All } else { Which::None }))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<AllOrNamed, E> {
                let words = name.split(|c: char| c == ',' || c.is_whitespace());
                let words = words.filter(|word| !word.is_empty()).map(str::to_owned);
                Ok(AllOrNamed(Which::Named(words.collect())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AllOrNamed, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = items.next_element()? {
                    names.push(name);
                }
                Ok(AllOrNamed(Which::Named(names)))
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}
