//! Mirror lists: one URL a line, comments behind `#`.

use std::collections::HashSet;
use std::io::BufRead;

use super::lines::{each_line, unexpected};
use super::{FormatError, excerpt};
use crate::limits;

/// Schemes of mirrors that may be of use to somebody; others are passed over.
const SCHEMES: [&str; 4] = ["http", "https", "ftp", "file"];

/// The URLs of the list as written, in its order; which of them to use is for the caller to say.
///
/// Empty lines and comments, mirrors of other schemes (`rsync://`) and repetitions are left out. A line
/// that is no URL is an error, which keeps error pages from being taken for a list without mirrors, and
/// so are more than [`limits::MIRRORS`] mirrors.
pub fn read(reader: impl BufRead) -> Result<Vec<String>, FormatError> {
    let mut urls: Vec<String> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    each_line(reader, |number, line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.starts_with('<') {
            return Err(FormatError::Root { expected: "mirror list", found: excerpt(line) });
        }
        let Some((scheme, rest)) = line.split_once("://") else {
            return Err(unexpected(number, "the URL of a mirror", line));
        };
        let is_scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_scheme || rest.is_empty() || line.contains(|c: char| c.is_control() || c == ' ') {
            return Err(unexpected(number, "the URL of a mirror", line));
        }
        let is_of_use = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !is_of_use || !known.insert(line.to_owned()) {
            return Ok(());
        }
        if urls.len() == limits::MIRRORS {
            return Err(FormatError::Limit { what: "mirrors", limit: limits::MIRRORS as u64 });
        }
        urls.push(line.to_owned());
        Ok(())
    })?;
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn gives_urls_in_order_without_comments_and_other_schemes() {
        let text = "# repo = x arch = y country = DE\r\n\n\t https://b.example.com/x/ \r\n\
                    rsync://c.example.com/\nHTTP://a.example.com/$basearch/\n#http://no/\n\
                    https://b.example.com/x/\nftp://d.example.com/";
        assert_eq!(
            read(text.as_bytes()).unwrap(),
            ["https://b.example.com/x/", "HTTP://a.example.com/$basearch/", "ftp://d.example.com/"]
        );
        assert!(read(&b"# nothing\n"[..]).unwrap().is_empty());
    }

    #[test]
    fn refuses_what_is_no_list() {
        let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error("\n<!DOCTYPE html>\n"),
            "is no mirror list document: found <!DOCTYPE html>"
        );
        assert_eq!(
            error("# list\nBad Request"),
            "line 2: expected the URL of a mirror, found \"Bad Request\""
        );
        for text in ["/etc/passwd", "://x", "http://", "http://a b/", "a b://c/", "x\0://"] {
            assert!(error(text).starts_with("line 1: expected the URL"), "{text}");
        }
        let mut many = String::new();
        for n in 0..=limits::MIRRORS {
            writeln!(many, "http://{n}/").unwrap();
        }
        assert!(error(&many).contains("mirrors"));
    }
}
