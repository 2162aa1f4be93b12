//! What headers say, as far as a transfer heeds them.

use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderValue};

/// The strong validator of an answer (RFC 9110, section 13.1.5: If-Range takes no weak one). What is
/// not in quotes is no tag, and what is no date is none either: a server would make nothing of it.
pub(super) fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(header::ETAG).filter(|value| is_tag(value));
    let date = || headers.get(header::LAST_MODIFIED).filter(|_| modified(headers).is_some());
    tag.or_else(date).cloned()
}

fn is_tag(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"\"")
}

/// Whether an answer says that it is of another file than the one that `validator` is of. A server
/// that does not know If-Range says so in this way only.
pub(super) fn contradicts(headers: &HeaderMap, validator: &HeaderValue) -> bool {
    let name = if is_tag(validator) { header::ETAG } else { header::LAST_MODIFIED };
    headers.get(name).is_some_and(|found| found != validator)
}

/// Whether the body is not the file's bytes as they are.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// The modification time.
pub(super) fn modified(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(header::LAST_MODIFIED)?.to_str().ok()?).ok()
}

/// The start and the total of `Content-Range: bytes START-END/TOTAL`.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = bytes_of(headers)?;
    let (start, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.trim().parse().ok()?, total))
}

/// The total of `Content-Range: bytes */TOTAL`, which comes with the status 416.
pub(super) fn unsatisfied_total(headers: &HeaderMap) -> Option<u64> {
    let (range, total) = bytes_of(headers)?;
    (range.trim() == "*").then(|| total.parse().ok())?
}

fn bytes_of(headers: &HeaderMap) -> Option<(&str, &str)> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    value.trim().strip_prefix("bytes ")?.split_once('/')
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok()
}

/// What the fuzz target runs: the lines of `data` as headers, which do not contradict themselves.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_reading(data: &[u8]) {
    use reqwest::header::HeaderName;
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(100) {
        let Some(end) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..end], line[end + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    if let Some(validator) = validator(&headers) {
        assert!(!validator.as_bytes().starts_with(b"W/"));
        assert!(!contradicts(&headers, &validator), "{validator:?}");
    }
    assert!(content_range(&headers).is_none() || unsatisfied_total(&headers).is_none());
    let _ = (modified(&headers), retry_after(&headers), is_encoded(&headers));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn reads_content_ranges() {
        let of = |value| headers(header::CONTENT_RANGE, value);
        let read = |value| content_range(&of(value));
        assert_eq!(read("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(read("bytes 5-9/*"), Some((5, None)));
        assert_eq!(read("bytes */10"), None);
        assert_eq!(read("lines 5-9/10"), None);
        assert_eq!(unsatisfied_total(&of("bytes */10")), Some(10));
        assert_eq!(unsatisfied_total(&of("bytes 5-9/10")), None);
    }

    #[test]
    fn takes_no_weak_validator() {
        assert!(validator(&headers(header::ETAG, "\"a\"")).is_some());
        assert!(validator(&headers(header::ETAG, "W/\"a\"")).is_none());
    }

    #[test]
    fn takes_a_tag_without_quotes_for_none() {
        let mut both = headers(header::ETAG, "0a1b2c");
        assert_eq!(validator(&both), None);
        both.extend(headers(header::LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT"));
        let date = validator(&both).unwrap();
        assert!(date.as_bytes().starts_with(b"Sun"));
        assert!(!contradicts(&both, &date), "it is of the same file");
    }

    #[test]
    fn takes_no_date_that_is_none() {
        for value in ["W/\"a\"", "\"a\"", "yesterday"] {
            assert_eq!(validator(&headers(header::LAST_MODIFIED, value)), None, "{value}");
        }
    }

    #[test]
    fn sees_another_file_by_its_validator() {
        let tag = HeaderValue::from_static("\"a\"");
        assert!(contradicts(&headers(header::ETAG, "\"b\""), &tag));
        assert!(!contradicts(&headers(header::ETAG, "\"a\""), &tag));
        assert!(!contradicts(&headers(header::LAST_MODIFIED, "x"), &tag));
    }
}
