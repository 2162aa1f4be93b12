//! The changelog of a package.

use std::borrow::Cow;

use super::super::FormatError;
use super::super::header::{Headers, tag};
use super::text::{Text, text, wrong};
use crate::limits;

/// The last time that a changelog may name, in seconds since 1970. Beyond it, XML's readers have no number.
const LAST_TIME: u64 = i64::MAX as u64 / 2;

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
        if time > LAST_TIME {
            return Err(wrong(format!(
                "has the time {time} in its changelog, after any clock's end"
            )));
        }
        changes.push(Change { author, time, text: text(what, "changelog")? });
    }
    tell_apart(&mut changes);
    changes.reverse();
    Ok(changes)
}

/// Equal times are told apart by a second, so that clients can sort. createrepo_c does it entry by entry:
/// each that is added pushes the one before it a second on if that has its time, which pushes the one
/// before that, and so on. So an entry goes on from its time if ever the one behind it reaches that, and
/// then stays a second ahead of it.
fn tell_apart(changes: &mut [Change<'_>]) {
    let mut behind: Option<(u64, u64)> = None;
    for change in changes.iter_mut().rev() {
        let own = change.time;
        if let Some((first, last)) = behind
            && (first..=last).contains(&own)
        {
            change.time = last.saturating_add(1);
        }
        behind = Some((own, change.time));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn changes(times: &[u64]) -> Vec<Change<'static>> {
        let change = |time: &u64| Change { author: "".into(), time: *time, text: "".into() };
        times.iter().map(change).collect()
    }

    /// As createrepo_c does it.
    fn one_by_one(times: &[u64]) -> Vec<u64> {
        let mut told: Vec<u64> = Vec::new();
        for time in times {
            for (expected, before) in (*time..).zip(told.iter_mut().rev()) {
                if *before != expected {
                    break;
                }
                *before += 1;
            }
            told.push(*time);
        }
        told
    }

    proptest! {
        #[test]
        fn tells_times_apart_as_if_one_by_one(times in proptest::collection::vec(0..6_u64, 0..12)) {
            let mut changes = changes(&times);
            tell_apart(&mut changes);
            let told: Vec<_> = changes.iter().map(|change| change.time).collect();
            prop_assert_eq!(told, one_by_one(&times));
        }
    }

    #[test]
    fn very_many_of_one_time_take_no_time() {
        let count = 500_000_u64;
        let mut changes = changes(&vec![7; usize::try_from(count).unwrap()]);
        tell_apart(&mut changes);
        assert_eq!(changes[0].time, 7 + count - 1);
    }
}
