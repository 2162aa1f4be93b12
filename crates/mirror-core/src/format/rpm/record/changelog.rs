//! The changelog of a package.

use std::borrow::Cow;

use super::super::FormatError;
use super::super::header::{Headers, tag};
use super::text::{Text, text, wrong};
use crate::limits;

/// An entry of a changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// Who made the change, and mostly of which version.
    pub author: Text<'a>,
    /// When, in seconds since 1970; no two of a package that follow one another have the same.
    pub time: u64,
    /// What changed.
    pub text: Text<'a>,
}

/// The newest entries, which the header has first, in order of time.
pub(super) fn read(headers: &Headers, most: usize) -> Result<Vec<Change<'_>>, FormatError> {
    let Some(times) = headers.get(tag::CHANGELOGTIME)? else { return Ok(Vec::new()) };
    let times = times.numbers()?;
    let authors = headers.strings(tag::CHANGELOGNAME, limits::PACKAGE_ENTRIES)?;
    let texts = headers.strings(tag::CHANGELOGTEXT, limits::PACKAGE_ENTRIES)?;
    if authors.len() != times.len() || texts.len() != times.len() {
        return Err(wrong(format!(
            "has {} times, {} authors and {} texts in its changelog",
            times.len(),
            authors.len(),
            texts.len()
        )));
    }
    let mut changes: Vec<Change<'_>> = Vec::new();
    for ((time, author), what) in times.zip(authors).zip(texts).take(most) {
        let author = without_blanks(text(author, "changelog")?);
        let change = Change { author, time, text: text(what, "changelog")? };
        changes.push(change);
        tell_apart(&mut changes);
    }
    changes.reverse();
    Ok(changes)
}

/// Equal times are told apart by a second, so that clients can sort: the earlier entries give way to
/// the last one.
fn tell_apart(changes: &mut [Change<'_>]) {
    let Some((last, before)) = changes.split_last_mut() else { return };
    for (time, change) in (last.time..).zip(before.iter_mut().rev()) {
        if change.time != time {
            break;
        }
        change.time += 1;
    }
}

/// The author without blanks at the end; a first one stays.
fn without_blanks(author: Text<'_>) -> Text<'_> {
    let len = author.trim_end_matches(' ').len().max(usize::from(author.starts_with(' ')));
    match author {
        Cow::Borrowed(author) => Cow::Borrowed(&author[..len]),
        Cow::Owned(mut author) => {
            author.truncate(len);
            Cow::Owned(author)
        }
    }
}
