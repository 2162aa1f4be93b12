//! INI as dnf and productmd read it: `[section]`, `key = value`, comments, continued values.
//!
//! Neither takes comments behind a value, quotes or escapes: all of the line is the value. A section
//! or key that comes again adds to, and replaces, what came before.

use std::io::BufRead;

use super::FormatError;
use super::lines::{each_line, unexpected};
use crate::limits;

/// One section.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct IniSection {
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
}

/// One key, with the lines of its value joined by `\n`, and where it stood.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) line: usize,
}

impl IniSection {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.as_str())
    }

    fn set(&mut self, entry: Entry) -> usize {
        if let Some(at) = self.entries.iter().position(|e| e.key == entry.key) {
            self.entries[at] = entry;
            return at;
        }
        self.entries.push(entry);
        self.entries.len() - 1
    }
}

/// Reads all sections, in the order of their first lines.
///
/// `delimiters` end a key; the first of them in a line counts.
pub(super) fn read(
    reader: impl BufRead,
    delimiters: &[char],
) -> Result<Vec<IniSection>, FormatError> {
    let mut sections: Vec<IniSection> = Vec::new();
    let mut count = 0;
    // Which section, and which entry of it, the next line belongs to.
    let mut section: Option<usize> = None;
    let mut entry: Option<usize> = None;
    each_line(reader, |number, line| {
        let text = line.trim();
        let is_further = line.starts_with([' ', '\t']) && entry.is_some();
        // A comment behind white space is of the value that it goes on with, and else no key either.
        if text.is_empty() || (!is_further && text.starts_with(['#', ';'])) {
            return Ok(());
        }
        if let (true, Some(at), Some(key)) = (is_further, section, entry) {
            let value = &mut sections[at].entries[key].value;
            value.push('\n');
            value.push_str(text);
            return Ok(());
        }
        // Each is looked up among all before it.
        count += 1;
        if count > limits::INI_ENTRIES {
            return Err(FormatError::Limit {
                what: "sections and keys",
                limit: limits::INI_ENTRIES as u64,
            });
        }
        if let Some(rest) = text.strip_prefix('[') {
            let Some((name, _)) = rest.split_once(']').filter(|(name, _)| !name.is_empty()) else {
                return Err(unexpected(number, "[section]", text));
            };
            let known = sections.iter().position(|section| section.name == name);
            section = Some(known.unwrap_or(sections.len()));
            entry = None;
            if known.is_none() {
                sections.push(IniSection { name: name.to_owned(), entries: Vec::new() });
            }
            return Ok(());
        }
        let Some(at) = section else {
            return Err(unexpected(number, "a [section] before anything else", text));
        };
        let Some((key, value)) = text.split_once(delimiters) else {
            // The line may be a password's second half: it is not shown.
            return Err(unexpected(number, "key = value", "a line without a sign between them"));
        };
        entry = Some(sections[at].set(Entry {
            key: key.trim_end().to_owned(),
            value: value.trim_start().to_owned(),
            line: number,
        }));
        Ok(())
    })?;
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sections_keys_and_continued_values() {
        let text = "\u{feff}# comment\r\n; too\n[a]\r\n # k=0\r\nk = v = w\nempty=\nlist=1\n\n # part\n\t2\n\
                    [b]\nx=1\n[a]\nk=new\n";
        let sections = read(text.as_bytes(), &['=']).unwrap();
        let [a, b] = &sections[..] else { panic!() };
        assert_eq!((&*a.name, &*b.name), ("a", "b"));
        assert_eq!(a.get("k"), Some("new"));
        assert_eq!(a.entry("k").unwrap().line, 14);
        assert_eq!(a.get("empty"), Some(""));
        assert_eq!(a.get("list"), Some("1\n# part\n2"));
        assert_eq!(b.get("k"), None);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        let error = |text: &[u8]| read(text, &['=']).err().unwrap().to_string();
        assert_eq!(
            error(b"k = v"),
            "line 1: expected a [section] before anything else, found \"k = v\""
        );
        assert_eq!(error(b"\n[a\n"), "line 2: expected [section], found \"[a\"");
        assert!(error(b"<html>").contains("found \"<html>\""));
        assert!(!error(b"[a]\nsecret").contains("secret"));
        assert!(error(b"[a]\n\xff=").starts_with("line 2: expected UTF-8"));
        let long = format!("[a]\nk={}", "v".repeat(limits::LINE));
        assert!(error(long.as_bytes()).contains("bytes of one line"));
        let crowd: Vec<u8> = (0..=limits::INI_ENTRIES).flat_map(|_| *b"[a]\n").collect();
        assert!(error(&crowd).contains("sections and keys"));
        let endless = std::io::BufReader::new(std::io::repeat(b'\n'));
        assert!(matches!(read(endless, &['=']), Err(FormatError::Limit { .. })));
    }
}
