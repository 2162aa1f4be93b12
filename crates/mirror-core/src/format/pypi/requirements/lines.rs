//! Text → logical lines, as pip makes them: continued lines are one, comments and empty lines go,
//! and variables are put in.

use std::borrow::Cow;

/// What a variable's name stands for; `None` where it is not set.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A line as pip's parser would get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logical {
    /// The number of its first line, from 1.
    pub(super) number: usize,
    /// Without comment; variables as written.
    pub(super) written: String,
    /// The same with variables put in.
    pub(super) text: String,
    /// Names of variables that are not set, and so stayed as they were.
    pub(super) unset: Vec<String>,
}

/// The lines that say something.
pub(super) fn logical<'a>(
    text: &'a str,
    variable: Variable<'a>,
) -> impl Iterator<Item = Logical> + 'a {
    joined(text).filter_map(move |(number, line)| {
        let written = trim(without_comment(&line)).to_owned();
        if written.is_empty() {
            return None;
        }
        let (text, unset) = expanded(&written, variable);
        let text = text.into_owned();
        Some(Logical { number, written, text, unset })
    })
}

/// Lines whose last character is a backslash go on with the next, unless they are comments. The
/// number is that of the first.
fn joined(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = split_lines(text).zip(1..).peekable();
    std::iter::from_fn(move || {
        let mut whole: Option<(usize, String)> = None;
        for (line, number) in lines.by_ref() {
            let is_comment = trim_start(line).starts_with('#');
            let goes_on = line.ends_with('\\') && !is_comment;
            let (_, joined) = whole.get_or_insert_with(|| (number, String::new()));
            if is_comment {
                // So that it is one wherever it was joined to.
                joined.push(' ');
            }
            joined.push_str(if goes_on { line.trim_matches('\\') } else { line });
            if !goes_on {
                break;
            }
        }
        whole
    })
}

/// Python's `str.splitlines`.
fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_end = |c: char| {
            matches!(
                c,
                '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'
                    ..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
            )
        };
        let Some(end) = rest.find(is_end) else { return Some(std::mem::take(&mut rest)) };
        let (line, behind) = rest.split_at(end);
        let len = if behind.starts_with("\r\n") {
            2
        } else {
            behind.chars().next().map_or(0, char::len_utf8)
        };
        rest = &behind[len..];
        Some(line)
    })
}

/// Python's `\s` and `str.strip`.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// What stands before a `#` that begins the line or follows white space.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && is_space(before) {
            return &line[..at];
        }
        before = c;
    }
    line
}

/// Puts in `${NAME}`, of capitals, digits and underscores. What is not set, or empty, stays.
fn expanded<'a>(line: &'a str, variable: Variable<'_>) -> (Cow<'a, str>, Vec<String>) {
    if !line.contains("${") {
        return (line.into(), Vec::new());
    }
    let mut text = String::new();
    let mut unset = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        match name.map(|name| (name, variable(name).filter(|value| !value.is_empty()))) {
            Some((name, Some(value))) => {
                text.push_str(&value);
                rest = &after[name.len() + 1..];
            }
            other => {
                unset.extend(other.map(|(name, _)| name.to_owned()));
                text.push_str("${");
                rest = after;
            }
        }
    }
    text.push_str(rest);
    (text.into(), unset)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(usize, String)> {
        let variable = |name: &str| match name {
            "USER_1" => Some("me".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLAR" => Some("${USER_1}".to_owned()),
            _ => None,
        };
        logical(text, &variable).map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn joins_continued_lines_and_drops_comments() {
        for (text, expected) in [
            ("a\n\n# c\n  # c\nb # c", vec![(1, "a"), (5, "b")]),
            ("a#b\na\t#b", vec![(1, "a#b"), (2, "a")]),
            ("a \\\n  b\\\n\\c\nd", vec![(1, "a   b\\c"), (4, "d")]),
            ("\\a\\\\\nb", vec![(1, "ab")]),
            ("a \\\n# c\nb", vec![(1, "a"), (3, "b")]),
            ("# c \\\na", vec![(2, "a")]),
            ("a \\ # c\nb", vec![(1, "a \\"), (2, "b")]),
            ("a \\", vec![(1, "a")]),
            ("\\\n\\\n", vec![]),
            ("a \\\n\nb", vec![(1, "a"), (3, "b")]),
            ("a\rb\r\nc\u{2028}d\x0ce", vec![(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]),
            ("\u{a0}a\u{a0}# c\n\x1fb\x1f", vec![(1, "a"), (2, "b")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(n, l)| (n, l.to_owned())).collect();
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn puts_in_what_is_set_and_tells_what_is_not() {
        for (text, expected) in [
            ("${USER_1}:${USER_1}", "me:me"),
            ("$USER_1 ${user_1} ${NOT SET} ${USER_1", "$USER_1 ${user_1} ${NOT SET} ${USER_1"),
            ("${EMPTY}${UNSET}${USER_1}", "${EMPTY}${UNSET}me"),
            ("${${USER_1}}", "${me}"),
            ("${DOLLAR}", "${USER_1}"),
        ] {
            assert_eq!(lines(text), [(1, expected.to_owned())]);
        }
        let none = |_: &str| None;
        let line = logical("a ${B} # ${C}", &none).next().unwrap();
        assert_eq!((&*line.written, line.unset), ("a ${B}", vec!["B".to_owned()]));
    }
}
