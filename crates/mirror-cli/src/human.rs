//! Numbers as people read them.

use std::fmt::{self, Write as _};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use jiff::Timestamp;

/// Bytes, in binary units.
pub(crate) fn bytes(bytes: u64) -> impl fmt::Display {
    HumanBytes(bytes)
}

/// The bytes of so many files, of which some may have no size that is known.
pub(crate) fn size(bytes: u64, all: u64, without: u64) -> String {
    match without {
        0 => HumanBytes(bytes).to_string(),
        without if without == all => "size unknown".to_owned(),
        without => format!("{} and {} of unknown size", HumanBytes(bytes), files(without)),
    }
}

/// Bytes a second, in binary units.
pub(crate) fn rate(bytes: u64, took: Duration) -> impl fmt::Display {
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    HumanBytes(bytes.saturating_mul(1000) / milliseconds)
}

/// A number with separators.
pub(crate) fn count(number: u64) -> impl fmt::Display {
    HumanCount(number)
}

/// `1 file`, `2 files`.
pub(crate) fn files(number: u64) -> impl fmt::Display {
    format!("{} file{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

/// A time to the second; to the minute where hours matter.
pub(crate) fn time(time: Duration) -> impl fmt::Display {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}

/// How long ago a time of RFC 3339 was, in its largest unit: `40s`, `5m`, `3h`, `12d`.
pub(crate) fn age(time: &str, now: Timestamp) -> String {
    let Ok(then) = time.parse::<Timestamp>() else { return "?".to_owned() };
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A time of RFC 3339, to the minute.
pub(crate) fn date(time: &str) -> String {
    let then = time.parse::<Timestamp>();
    then.map_or_else(|_| "?".to_owned(), |then| then.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// Columns, two spaces apart.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(line, "{cell:0$}  ", width(column).unwrap_or(0));
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_well() {
        assert_eq!(files(1).to_string(), "1 file");
        assert_eq!(files(66_000).to_string(), "66,000 files");
        assert_eq!(time(Duration::from_millis(400)).to_string(), "0s");
        assert_eq!(time(Duration::from_secs(125)).to_string(), "2m 05s");
        assert_eq!(time(Duration::from_mins(121)).to_string(), "2h 01m");
        assert_eq!(bytes(3 << 30).to_string(), "3.00 GiB");
    }
}
