//! Whether a `repomd.xml` is older than the published one: a mirror that lags, or someone who wants
//! nodes to miss an update.
//!
//! Two things tell: the revision, where both are plain numbers (most makers write the time there),
//! and the newest timestamp of the records. The revision is asked first. It may also be a name, or be
//! counted by another tool than before: so what one calls older and the other newer is not older.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::format::rpm::repomd::Repomd;

/// Whether `new` is older than `published`.
pub(super) fn is_older(new: &Repomd, published: &Repomd) -> bool {
    let revision = |repomd: &Repomd| repomd.revision.as_deref()?.trim().parse::<u64>().ok();
    let compare = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.cmp(&b));
    let time = |repomd: &Repomd| repomd.timestamp().and_then(|time| u64::try_from(time).ok());
    let by_revision = compare(revision(new), revision(published));
    let by_time = compare(time(new), time(published));
    match (by_revision, by_time) {
        (Some(Ordering::Less), by_time) => by_time != Some(Ordering::Greater),
        (Some(Ordering::Greater), _) => false,
        (Some(Ordering::Equal) | None, by_time) => by_time == Some(Ordering::Less),
    }
}

/// How old it says that it is.
pub(super) fn describe(repomd: &Repomd) -> String {
    let revision = repomd.revision.as_deref().map(|revision| {
        let short: String = revision.chars().filter(|c| !c.is_control()).take(40).collect();
        format!("revision {short}")
    });
    let time = repomd.timestamp().and_then(|time| Timestamp::from_second(time).ok());
    let time = time.map(|time| format!("of {time}"));
    let words: Vec<_> = revision.into_iter().chain(time).collect();
    if words.is_empty() { "of an unknown time".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rpm::repomd::Record;

    fn repomd(revision: &str, times: &[i64]) -> Repomd {
        let record = |time: &i64| Record { timestamp: Some(*time), ..Record::default() };
        let revision = Some(revision.to_owned()).filter(|revision| !revision.is_empty());
        Repomd { revision, records: times.iter().map(record).collect(), ..Repomd::default() }
    }

    #[test]
    fn asks_the_revision_then_the_times() {
        let older = |new: (&str, &[i64]), published: (&str, &[i64])| {
            is_older(&repomd(new.0, new.1), &repomd(published.0, published.1))
        };
        assert!(older(("10", &[10]), ("20", &[20])));
        assert!(!older(("20", &[20]), ("10", &[10])));
        assert!(!older(("10", &[10]), ("10", &[10])));
        assert!(older(("10", &[]), ("20", &[])));
        // Names tell nothing, nor does a constant.
        assert!(older(("9.6", &[1, 5]), ("9.5", &[6, 2])));
        assert!(older(("1", &[5]), ("1", &[6])));
        assert!(!older(("9.5", &[7]), ("9.6", &[6])));
        assert!(!older(("", &[]), ("", &[6])));
        // Made anew by another tool, which counts from one.
        assert!(!older(("1", &[30]), ("1700000000", &[20])));
        // Copied with older files below a newer revision.
        assert!(!older(("21", &[19]), ("20", &[20])));
    }

    #[test]
    fn says_how_old() {
        assert_eq!(describe(&repomd("7", &[1_700_000_000])), "revision 7 of 2023-11-14T22:13:20Z");
        assert_eq!(describe(&repomd("", &[])), "of an unknown time");
    }
}
