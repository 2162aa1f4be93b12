//! When a timer fires: a calendar event, as in systemd.time(7).
//!
//! `systemd-analyze` says whether it is one, where it is installed. Elsewhere its form has to be that
//! of one: that a timer never fires is noticed late.

use std::process::{Command, Stdio};

/// The longest one that is taken, in bytes.
const LONGEST: usize = 200;

/// The events that have a name.
const NAMED: [&str; 9] = [
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "yearly",
    "annually",
];

/// How the names of the days begin.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Why a text is none.
pub(super) fn check(text: &str) -> Result<(), String> {
    // A unit file knows more than the event: lines, specifiers, comments.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " .,:*/~-_+@".contains(c);
    if let Some(odd) = text.chars().find(|c| !is_plain(*c)) {
        return Err(format!("{odd:?} cannot stand in a time"));
    }
    if text.len() > LONGEST {
        return Err(format!("{} characters, expected at most {LONGEST}", text.len()));
    }
    let has_form = || if has_form(text) { Ok(()) } else { Err("no time of systemd's".to_owned()) };
    let judged = Command::new("systemd-analyze")
        .args(["calendar", "--", text])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    match judged {
        Ok(judged) if judged.status.success() => Ok(()),
        Ok(judged)
            if String::from_utf8_lossy(&judged.stderr).contains("calendar specification") =>
        {
            Err("systemd takes it for no time".to_owned())
        }
        // It is not there, does not know the question, or cannot answer here.
        _ => has_form(),
    }
}

/// Whether it has the form of one: a name, or days, a date and a time, each of which may be left
/// out; and a time zone behind it.
fn has_form(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
    let mut rest: &[String] = &words;
    let mut take = |is: fn(&str) -> bool| match rest.split_first() {
        Some((first, others)) if is(first) => {
            rest = others;
            true
        }
        _ => false,
    };
    let is_named = take(|word| NAMED.contains(&word));
    let parts = [is_days, is_date, is_time].map(|is| !is_named && take(is));
    take(is_zone);
    rest.is_empty() && (is_named || parts.contains(&true))
}

/// `mon,wed..fri`.
fn is_days(word: &str) -> bool {
    word.split(',').flat_map(|days| days.split("..")).all(|day| {
        day.len() >= 3 && DAYS.iter().any(|name| day.starts_with(name)) && !day.contains('-')
    })
}

/// `*-*-1`, `2026-12~3`.
fn is_date(word: &str) -> bool {
    word.contains(['-', '~']) && is_of(word, "*,./-~")
}

/// `02:00`, `*:0/15`.
fn is_time(word: &str) -> bool {
    word.contains(':') && is_of(word, "*,./:")
}

fn is_of(word: &str, signs: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit() || c == '*')
        && word.chars().all(|c| c.is_ascii_digit() || signs.contains(c))
}

/// `utc`, `europe/berlin`.
fn is_zone(word: &str) -> bool {
    word == "utc" || word.contains('/') && word.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: [&str; 10] = [
        "daily",
        "weekly UTC",
        "02:00",
        "Mon..Fri 02:00",
        "Mon,Thursday *-*-* 02:30:15",
        "*-*-1 04:00",
        "*-*~3",
        "*:0/15",
        "Sat",
        "Sun 2026-*-* 03:00 Europe/Berlin",
    ];

    #[test]
    fn knows_the_form_of_a_calendar_event() {
        for sound in SOUND {
            assert!(has_form(sound), "{sound}");
            assert_eq!(check(sound), Ok(()), "{sound}");
        }
        for wrong in
            ["nonsense", "", " ", "daily nonsense", "02:00 nonsense", "utc", "12", "-", ":"]
        {
            assert!(!has_form(wrong), "{wrong}");
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn takes_nothing_that_a_unit_file_reads_otherwise() {
        for odd in ["daily\n[Service]", "daily %n", "daily\\", "daily # or so", "daily;", "täglich"]
        {
            assert!(check(odd).is_err_and(|reason| reason.contains("cannot stand")), "{odd}");
        }
        assert!(check(&"1,".repeat(200)).is_err());
    }
}
