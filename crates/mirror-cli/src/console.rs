//! Standard output and standard error: the only place that prints.
//!
//! Results go to standard output, all else to standard error. A reader that went away is no fault
//! of ours.

use std::env;
use std::fmt;
use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Write as _};

/// Prints results, as they are.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a line that is no result. Where not even that can be written, nobody can be told.
pub(crate) fn note(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
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

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, colour) = match self {
            Self::Error => ("error", "31"),
            Self::Warning => ("warning", "33"),
            Self::Hint => ("hint", "36"),
        };
        // https://no-color.org
        let plain = !is_watched() || env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        if plain { write!(f, "{word}:") } else { write!(f, "\x1b[1;{colour}m{word}:\x1b[0m") }
    }
}
