//! Standard output and standard error: the only place that prints.
//!
//! Results go to standard output, all else to standard error. A reader that went away is no fault
//! of ours.

use std::borrow::Cow;
use std::env;
use std::fmt;
use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Write as _};

use terminal_size::{Width, terminal_size_of};

/// Prints results: lines of text, in which names from outside move no cursor.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let text = escaped(text, &['\n', '\t']);
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a line that is no result. Where not even that can be written, nobody can be told.
pub(crate) fn note(line: fmt::Arguments<'_>) {
    write_line(&one_line(&line.to_string()));
}

fn write_line(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A text from outside, such as a file's name, as a part of a line: it ends none, and says nothing to a
/// terminal.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, &[])
}

/// A text whose control characters are written as in Rust, `\u{1b}` and `\n`, but for some.
fn escaped<'a>(text: &'a str, but: &[char]) -> Cow<'a, str> {
    let is_plain = |c: char| !c.is_control() || but.contains(&c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    Cow::Owned(out)
}

/// Prints a message behind its tag. On a terminal it is broken between words.
pub(crate) fn tell(tag: Tag, message: impl fmt::Display) {
    let message = message.to_string();
    let message = escaped(&message, &['\n']);
    let columns = is_watched().then(|| terminal_size_of(io::stderr())).flatten();
    let message = match columns {
        Some((Width(columns), _)) => wrapped(&message, tag.width(), columns.into()),
        None => message.into_owned(),
    };
    write_line(&format!("{tag} {message}"));
}

/// The widest text, in columns: beyond it the eye loses the line.
const WIDEST: usize = 100;

/// The narrowest text that is broken at all.
const NARROWEST: usize = 20;

/// A text in lines of at most `columns`, all but the first indented, as that will be. What stands
/// between backquotes is to be copied, and stays in one piece; so does a URL, however long.
fn wrapped(text: &str, indent: usize, columns: usize) -> String {
    // A terminal may go to the next line when its last column is full.
    let width = columns.min(WIDEST).saturating_sub(indent + 1);
    if width < NARROWEST {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    let mut is_code = false;
    let pieces = text.split(|c: char| {
        is_code ^= c == '`';
        c == ' ' && !is_code
    });
    for piece in pieces {
        let length = piece.chars().count();
        if used > 0 && used + 1 + length > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(piece);
        used += length;
    }
    out
}

/// Whether someone watches standard error.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether someone can be asked.
pub(crate) fn is_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that `y` or `yes` says yes to.
pub(crate) fn ask(question: &str) -> io::Result<bool> {
    let mut err = io::stderr().lock();
    err.write_all(question.as_bytes())?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The words that begin a line on standard error, in colour where that is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tag {
    Error,
    Warning,
    Hint,
}

impl Tag {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }

    /// The columns up to the message.
    fn width(self) -> usize {
        self.word().len() + ": ".len()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, colour) = match self {
            Self::Error => (self.word(), "31"),
            Self::Warning => (self.word(), "33"),
            Self::Hint => (self.word(), "36"),
        };
        // https://no-color.org
        let plain = !is_watched() || env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        if plain { write!(f, "{word}:") } else { write!(f, "\x1b[1;{colour}m{word}:\x1b[0m") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_said_to_terminals_out_of_names() {
        assert!(matches!(one_line("bücher & a.rpm"), Cow::Borrowed(_)));
        assert_eq!(one_line("a\x1b[31m\nb\u{9b}2J\r"), "a\\u{1b}[31m\\nb\\u{9b}2J\\r");
        assert_eq!(escaped("a\n\x07b", &['\n']), "a\n\\u{7}b");
    }

    #[test]
    fn breaks_lines_between_words_and_in_no_command() {
        let hint =
            "what is there is kept; `mirror verify --repair` puts it right, and fetches less";
        assert_eq!(
            wrapped(hint, 6, 46),
            "what is there is kept;\n      \
             `mirror verify --repair` puts it right,\n      and fetches less"
        );
        assert_eq!(wrapped(hint, 6, 200), hint);
        assert_eq!(wrapped(hint, 6, 10), hint, "too narrow to be broken well");
        let url = "http://h.example/a/path/that/is/longer/than/the/line: 404";
        assert_eq!(wrapped(url, 7, 40), url.replace(": ", ":\n       "));
    }
}
