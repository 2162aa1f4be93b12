//! Values as people write them: lists, times, rates, URLs that may hold a password.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use url::Url;

/// The longest time that a setting may name: ten years, in seconds.
const LONGEST_TIME: u64 = 10 * 366 * 86_400;

/// A time with its unit, as in `90s`, `10m`, `24h` and `7d`.
pub(crate) fn time(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    let seconds = number.checked_mul(seconds).filter(|&seconds| seconds <= LONGEST_TIME)?;
    Some(Duration::from_secs(seconds))
}

/// What a rate looks like.
pub(crate) const RATES: &str = "bytes a second, such as 500K, 2M or 1G";

/// Bytes a second: a number with or without a unit of 1024s, as for curl.
pub(crate) fn rate(text: &str) -> Option<NonZeroU64> {
    let unit = text.chars().last().filter(char::is_ascii_alphabetic);
    let shift = match unit.map(|unit| unit.to_ascii_uppercase()) {
        None => 0,
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        Some(_) => return None,
    };
    let number = unit.map_or(text, |_| &text[..text.len() - 1]);
    let number: u64 = number.parse().ok()?;
    NonZeroU64::new(number.checked_mul(1 << shift)?)
}

/// A text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneOrMany(pub(super) Vec<String>);

impl OneOrMany {
    pub(super) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor { split: false }).map(Self)
    }
}

/// Words: a text with spaces or commas between them, a list, or a number where a release is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor { split: true }).map(Self)
    }
}

struct TextVisitor {
    split: bool,
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        if !self.split {
            return Ok(vec![text.to_owned()]);
        }
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        Ok(words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<String>, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element::<Item>()? {
            texts.push(item.0);
        }
        Ok(texts)
    }
}

/// An item of such a list.
struct Item(String);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;
        impl Visitor<'_> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
                Ok(Item(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Item, E> {
                Ok(Item(number.to_string()))
            }
        }
        deserializer.deserialize_any(ItemVisitor)
    }
}

/// The text of a URL that need not parse, without what stands before the host's `@`.
pub(super) fn without_password(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (&url[..scheme.len() + 3], rest),
        None => ("", url),
    };
    // Where it is no URL, that may be for a password with a slash in it: then the last `@` counts.
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_url = !scheme.is_empty() && Url::parse(url).is_ok();
    match if is_url { host.rfind('@') } else { rest.rfind('@') } {
        Some(at) => format!("{scheme}***{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// A URL without what may be secret: its user, and its query, which is a token where there is one.
pub(super) fn without_secrets(url: &str) -> String {
    let url = without_password(url);
    match url.split_once('?') {
        Some((plain, _)) => format!("{plain}?…"),
        None => url,
    }
}
