//! Validators and the conditions that requests put on them (RFC 9110, sections 8.8 and 13).
//!
//! The entity tag is `"INODE-SIZE-MTIME"` in hexadecimal, the time in nanoseconds, with an ending
//! where one file is sent by two types. It is *strong*:
//! published files are never written in place but replaced by another inode (where an inode number
//! is used again, time or size differ), and the same blob linked at several paths, or published
//! again by a rollback, keeps its tag. Two servers that share no file system give two tags.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};

use crate::tree::Stamp;

/// What identifies a file's content towards clients.
#[derive(Debug, Clone)]
pub(crate) struct Validators {
    /// The entity tag, quotes included.
    pub(crate) etag: String,
    /// The modification time in whole seconds; `None` where it lies before 1970.
    pub(crate) modified: Option<SystemTime>,
}

/// What the preconditions of a `GET` or `HEAD` come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They hold: answer as if there were none.
    Proceed,
    /// The client has this content: 304.
    NotModified,
    /// The client wants another content: 412.
    Failed,
}

/// How two entity tags are compared (RFC 9110, section 8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

impl Validators {
    /// The validators of a file with this `stamp`, in a response made `now`. `form` tells one form
    /// of a file from another, since a strong tag is of one form alone.
    pub(crate) fn new(stamp: &Stamp, form: &str, now: SystemTime) -> Self {
        let nanos = i128::from(stamp.mtime) * 1_000_000_000 + i128::from(stamp.mtime_nanos);
        let sign = if nanos < 0 { "n" } else { "" };
        let modified = u64::try_from(stamp.mtime)
            .ok()
            .and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        Self {
            etag: format!(
                "\"{:x}-{:x}-{sign}{:x}{form}\"",
                stamp.inode,
                stamp.size,
                nanos.unsigned_abs()
            ),
            // No later than the response itself: RFC 9110, section 8.8.2.1.
            modified: modified.map(|modified| modified.min(whole_seconds(now))),
        }
    }

    /// Weighs the preconditions in the order of RFC 9110, section 13.2.2.
    pub(crate) fn weigh(&self, headers: &HeaderMap) -> Verdict {
        if headers.contains_key(IF_MATCH) {
            if !self.is_listed(headers, &IF_MATCH, Comparison::Strong) {
                return Verdict::Failed;
            }
        } else if let (Some(since), Some(modified)) =
            (date(headers, &IF_UNMODIFIED_SINCE), self.modified)
            && modified > since
        {
            return Verdict::Failed;
        }
        if headers.contains_key(IF_NONE_MATCH) {
            if self.is_listed(headers, &IF_NONE_MATCH, Comparison::Weak) {
                return Verdict::NotModified;
            }
        } else if let (Some(since), Some(modified)) =
            (date(headers, &IF_MODIFIED_SINCE), self.modified)
            && modified <= since
        {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Whether a `Range` may be honoured: there is no `If-Range`, or it names this very content.
    /// A date does only where it is exact and a second old, as two contents of one second have the
    /// same (RFC 9110, sections 13.1.5 and 8.8.2.2).
    pub(crate) fn range_applies(&self, headers: &HeaderMap, now: SystemTime) -> bool {
        let Some(value) = headers.get(IF_RANGE) else {
            return true;
        };
        let Ok(value) = value.to_str() else {
            return false;
        };
        if value.contains('"') {
            return value.trim() == self.etag;
        }
        let (Ok(date), Some(modified)) = (httpdate::parse_http_date(value), self.modified) else {
            return false;
        };
        date == modified
            && whole_seconds(now)
                .duration_since(modified)
                .is_ok_and(|age| age >= Duration::from_secs(1))
    }

    fn is_listed(&self, headers: &HeaderMap, name: &HeaderName, how: Comparison) -> bool {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|list| lists(list, &self.etag, how))
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let age = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UNIX_EPOCH + Duration::from_secs(age.as_secs())
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// Whether a header's list is `*` or holds `etag`. Whatever follows a malformed tag is ignored.
fn lists(list: &str, etag: &str, how: Comparison) -> bool {
    let mut rest = list.trim();
    if rest == "*" {
        return true;
    }
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (weak, tag) = match rest.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        // A tag may hold commas: it ends at its quote.
        let Some(length) = tag.strip_prefix('"').and_then(|inner| inner.find('"')) else {
            return false;
        };
        let (tag, after) = tag.split_at(length + 2);
        if tag == etag && !(weak && how == Comparison::Strong) {
            return true;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, and half a second.
    const STAMP: Stamp =
        Stamp { inode: 0xab, size: 0x10, mtime: 784_111_777, mtime_nanos: 500_000_000 };
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000_000)
    }

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn weigh(list: &[(&'static str, &str)]) -> Verdict {
        Validators::new(&STAMP, "", now()).weigh(&headers(list))
    }

    #[test]
    fn the_tag_changes_with_inode_size_and_nanosecond() {
        let tag = |stamp| Validators::new(&stamp, "", now()).etag;
        let base = tag(STAMP);
        assert!(base.starts_with("\"ab-10-") && base.ends_with('"'));
        assert_ne!(base, tag(Stamp { inode: 1, ..STAMP }));
        assert_ne!(base, tag(Stamp { size: 1, ..STAMP }));
        assert_ne!(base, tag(Stamp { mtime_nanos: 1, ..STAMP }));
        assert_ne!(base, Validators::new(&STAMP, "-v1", now()).etag);
        assert_ne!(
            tag(Stamp { mtime: 1, mtime_nanos: 0, ..STAMP }),
            tag(Stamp { mtime: -1, mtime_nanos: 0, ..STAMP })
        );
    }

    #[test]
    fn a_time_to_come_is_given_as_now() {
        let stamp = Stamp { mtime: i64::MAX, ..STAMP };
        let validators = Validators::new(&stamp, "", now());
        assert!(validators.modified.is_none_or(|modified| modified <= now()));
        let stamp = Stamp { mtime: 2_000_000_000, ..STAMP };
        assert_eq!(Validators::new(&stamp, "", now()).modified, Some(now()));
        let stamp = Stamp { mtime: -5, ..STAMP };
        assert_eq!(Validators::new(&stamp, "", now()).modified, None);
    }

    #[test]
    fn preconditions_in_the_order_of_rfc_9110() {
        use Verdict::{Failed, NotModified, Proceed};
        let etag = Validators::new(&STAMP, "", now()).etag;
        let weak = format!("W/{etag}");
        let list = format!("\"a,b\" , {weak},\"c\"");
        for (headers, verdict) in [
            (&[][..], Proceed),
            (&[("if-match", &*etag)], Proceed),
            (&[("if-match", "*")], Proceed),
            (&[("if-match", "\"x\"")], Failed),
            (&[("if-match", &*weak)], Failed),
            (&[("if-match", "garbage")], Failed),
            (&[("if-unmodified-since", SAME)], Proceed),
            (&[("if-unmodified-since", AFTER)], Proceed),
            (&[("if-unmodified-since", BEFORE)], Failed),
            (&[("if-unmodified-since", "yesterday")], Proceed),
            // If-Match stands before If-Unmodified-Since, which is then not looked at.
            (&[("if-match", &*etag), ("if-unmodified-since", BEFORE)], Proceed),
            (&[("if-none-match", &*etag)], NotModified),
            (&[("if-none-match", &*weak)], NotModified),
            (&[("if-none-match", &*list)], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"x\"")], Proceed),
            (&[("if-none-match", "\"x\""), ("if-none-match", &*etag)], NotModified),
            (&[("if-modified-since", SAME)], NotModified),
            (&[("if-modified-since", AFTER)], NotModified),
            (&[("if-modified-since", BEFORE)], Proceed),
            (&[("if-modified-since", "soon")], Proceed),
            // If-None-Match stands before If-Modified-Since.
            (&[("if-none-match", "\"x\""), ("if-modified-since", AFTER)], Proceed),
            // A failed If-Match stands before all.
            (&[("if-match", "\"x\""), ("if-none-match", &*etag)], Failed),
            (&[("if-match", &*etag), ("if-none-match", &*etag)], NotModified),
        ] {
            assert_eq!(weigh(headers), verdict, "{headers:?}");
        }
    }

    #[test]
    fn if_range_wants_the_very_same_content() {
        let validators = Validators::new(&STAMP, "", now());
        let applies =
            |value: &str| validators.range_applies(&headers(&[("if-range", value)]), now());
        assert!(validators.range_applies(&HeaderMap::new(), now()));
        assert!(applies(&validators.etag));
        assert!(!applies(&format!("W/{}", validators.etag)));
        assert!(!applies("\"other\""));
        assert!(applies(SAME));
        assert!(!applies(BEFORE));
        assert!(!applies(AFTER));
        assert!(!applies("*"));
        // Written in this very second: another content may follow with the same date.
        let fresh = UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        assert!(!validators.range_applies(&headers(&[("if-range", SAME)]), fresh));
    }
}
