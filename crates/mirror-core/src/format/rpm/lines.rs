//! Lines of text formats, each within its bound.

use std::io::{BufRead, Read};

use super::{FormatError, excerpt};
use crate::limits;

/// Calls `on` with the number, from 1, and the text of each line, without its end and without a byte
/// order mark before the first.
///
/// The document may have [`limits::LIST_SIZE`] bytes, a line [`limits::LINE`].
pub(super) fn each_line(
    mut reader: impl BufRead,
    mut on: impl FnMut(usize, &str) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut buffer = Vec::new();
    let mut total = 0;
    for number in 1.. {
        buffer.clear();
        let read = (&mut reader).take(limits::LINE as u64 + 1).read_until(b'\n', &mut buffer)?;
        if read == 0 {
            break;
        }
        if read > limits::LINE {
            return Err(FormatError::Limit {
                what: "bytes of one line",
                limit: limits::LINE as u64,
            });
        }
        total += read as u64;
        if total > limits::LIST_SIZE {
            return Err(FormatError::Limit { what: "bytes", limit: limits::LIST_SIZE });
        }
        let Ok(line) = std::str::from_utf8(&buffer) else {
            let found = String::from_utf8_lossy(&buffer);
            return Err(unexpected(number, "UTF-8", found.trim()));
        };
        let line = line.trim_end_matches(['\n', '\r']);
        let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { line };
        on(number, line)?;
    }
    Ok(())
}

/// The error of a line that is something else.
pub(super) fn unexpected(line: usize, expected: &'static str, found: &str) -> FormatError {
    FormatError::Line { line, expected, found: excerpt(found) }
}
