//! The dates of advisories, of which each maker has a form.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// The seconds since 1970 of an advisory's date; `None` where it is none.
///
/// Makers write `2012-12-12 00:00:00`, the same with ` UTC`, RFC 3339, a day alone, or the seconds. All
/// is taken for UTC where nothing else is said.
pub fn seconds(date: &str) -> Option<i64> {
    let date = date.trim();
    if !date.is_empty() && date.bytes().all(|byte| byte.is_ascii_digit()) {
        return date.parse().ok();
    }
    if let Ok(timestamp) = date.parse::<Timestamp>() {
        return Some(timestamp.as_second());
    }
    let plain = date.strip_suffix("UTC").unwrap_or(date).trim_end();
    let time: DateTime = plain.parse().ok()?;
    let timestamp = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(timestamp.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_forms_of_the_makers() {
        for date in [
            "1532844001",
            "2018-07-29 06:00:01",
            "2018-07-29 06:00:01 UTC",
            "2018-07-29T06:00:01Z",
            "2018-07-29T08:00:01+02:00",
            " 2018-07-29T06:00:01 ",
        ] {
            assert_eq!(seconds(date), Some(1_532_844_001), "{date}");
        }
        assert_eq!(seconds("2018-07-29"), Some(1_532_822_400));
        for date in ["", "15mangled2", "-5", "2018-13-29", "99999999999999999999", "now"] {
            assert_eq!(seconds(date), None, "{date}");
        }
    }
}
