//! dnf's variables: `$releasever`, `$basearch`, and what `/etc/dnf/vars` holds.

use std::collections::{BTreeMap, BTreeSet};

use super::super::FormatError;
use crate::limits;

/// Names and values.
///
/// `releasever_major` and `releasever_minor` are derived from `releasever`, at its first dot, where
/// they are not set themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

/// A text with its variables put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Substituted {
    /// The text; variables that are not known stand in it as they were.
    pub text: String,
    /// The names of those.
    pub unknown: BTreeSet<String>,
}

impl Variables {
    /// From names and values. What is no name (letters, digits, `_`) is left out.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut variables = Self::default();
        for (name, value) in pairs {
            variables.set(name.as_ref(), value.as_ref());
        }
        variables
    }

    /// From the files of a folder like `/etc/dnf/vars`: a file's name is the variable's, its first
    /// line the value. Other files, such as backups of editors, are left out.
    pub fn from_files<N: AsRef<str>, C: AsRef<str>>(
        files: impl IntoIterator<Item = (N, C)>,
    ) -> Self {
        let mut variables = Self::default();
        for (name, content) in files {
            let first = content.as_ref().lines().next().unwrap_or_default();
            variables.set(name.as_ref(), first);
        }
        variables
    }

    /// Sets a variable, unless `name` is no name.
    pub fn set(&mut self, name: &str, value: &str) {
        if !name.is_empty() && name_len(name) == name.len() {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Some(value) = self.0.get(name) {
            return Some(value);
        }
        let release = || self.0.get("releasever").map(String::as_str);
        let parts = |release: &'_ str| -> (usize, usize) {
            let dot = release.find('.');
            (dot.unwrap_or(release.len()), dot.map_or(release.len(), |dot| dot + 1))
        };
        match name {
            "releasever_major" => release().map(|release| &release[..parts(release).0]),
            "releasever_minor" => release().map(|release| &release[parts(release).1..]),
            _ => None,
        }
    }

    /// Puts values in for `$name`, `${name}`, `${name:-word}` (`word` where the variable is unset or
    /// empty) and `${name:+word}` (`word` where it is neither, else nothing). Words may hold
    /// variables. A backslash takes the next character's meaning away. What is none of this stays.
    ///
    /// Nesting over [`limits::VARIABLE_DEPTH`] and results over [`limits::EXPANDED`] are errors.
    pub fn substitute(&self, text: &str) -> Result<Substituted, FormatError> {
        let mut expansion = Expansion { variables: self, unknown: BTreeSet::new() };
        let (text, _) = expansion.expand(text, 0)?;
        Ok(Substituted { text, unknown: expansion.unknown })
    }
}

fn name_len(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count()
}

struct Expansion<'a> {
    variables: &'a Variables,
    unknown: BTreeSet<String>,
}

impl Expansion<'_> {
    /// Expands `text` to its end or, in braces, up to the brace that closes them; gives the result and
    /// how much was read.
    fn expand(&mut self, text: &str, depth: usize) -> Result<(String, usize), FormatError> {
        if depth > limits::VARIABLE_DEPTH {
            return Err(FormatError::Limit {
                what: "nested variables",
                limit: limits::VARIABLE_DEPTH as u64,
            });
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            match c {
                '}' if depth > 0 => break,
                '$' => {
                    let len = self.variable(rest, depth, &mut out)?;
                    at += len;
                }
                '\\' => {
                    let escaped = rest.chars().nth(1);
                    out.push(escaped.unwrap_or('\\'));
                    at += 1 + escaped.map_or(0, char::len_utf8);
                }
                _ => {
                    out.push(c);
                    at += c.len_utf8();
                }
            }
            if out.len() > limits::EXPANDED {
                return Err(FormatError::Limit {
                    what: "bytes with variables put in",
                    limit: limits::EXPANDED as u64,
                });
            }
        }
        Ok((out, at))
    }

    /// Puts in the variable that `text` begins with, and gives how much of it that was.
    fn variable(
        &mut self,
        text: &str,
        depth: usize,
        out: &mut String,
    ) -> Result<usize, FormatError> {
        let braced = text.starts_with("${");
        let from = if braced { 2 } else { 1 };
        let name = &text[from..from + name_len(&text[from..])];
        let end = from + name.len();
        if name.is_empty() {
            out.push('$');
            return Ok(1);
        }
        let value = self.variables.get(name);
        if !braced {
            self.put(name, value, &text[..end], out);
            return Ok(end);
        }
        let operator = text[end..].get(..2).filter(|o| matches!(*o, ":-" | ":+"));
        let Some(operator) = operator else {
            if text[end..].starts_with('}') {
                self.put(name, value, &text[..=end], out);
                return Ok(end + 1);
            }
            // Not an expression: what follows is read as text.
            out.push_str(&text[..end]);
            return Ok(end);
        };
        let known = self.unknown.clone();
        let start = end + operator.len();
        let (word, word_len) = self.expand(&text[start..], depth + 1)?;
        let close = start + word_len;
        if !text[close..].starts_with('}') {
            // Not an expression either, and read to the end: reading it again, level by level, would
            // double the work with each.
            out.push_str(&text[..start]);
            out.push_str(&word);
            return Ok(close);
        }
        let is_set = value.is_some_and(|value| !value.is_empty());
        match (operator, is_set) {
            (":-", false) | (":+", true) => out.push_str(&word),
            (":-", true) => {
                self.unknown = known;
                out.push_str(value.unwrap_or_default());
            }
            _ => self.unknown = known,
        }
        Ok(close + 1)
    }

    fn put(&mut self, name: &str, value: Option<&str>, written: &str, out: &mut String) {
        if value.is_none() {
            self.unknown.insert(name.to_owned());
        }
        out.push_str(value.unwrap_or(written));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn variables() -> Variables {
        Variables::from_pairs([
            ("releasever", "9.4"),
            ("basearch", "x86_64"),
            ("empty", ""),
            ("not a name", "x"),
        ])
    }

    #[test]
    fn puts_in_what_dnf_puts_in() {
        for (text, expected) in [
            ("https://h/$releasever/$basearch/", "https://h/9.4/x86_64/"),
            ("${releasever}s and $releasevers", "9.4s and $releasevers"),
            ("$releasever_major.$releasever_minor", "9.4"),
            ("${missing:-word}", "word"),
            ("${empty:-word}", "word"),
            ("${basearch:-word}", "x86_64"),
            ("${basearch:+word}", "word"),
            ("${empty:+word}|${missing:+word}", "|"),
            ("${missing:-${empty:-$basearch}}/", "x86_64/"),
            ("${missing:-a\\}b}", "a}b"),
            ("\\$basearch \\\\", "$basearch \\"),
            ("$missing/${missing}", "$missing/${missing}"),
            ("$ $$ ${ ${} ${a b} $é", "$ $$ ${ ${} ${a b} $é"),
            ("${basearch", "${basearch"),
            ("${basearch:=x}", "${basearch:=x}"),
            ("a}b\\", "a}b\\"),
        ] {
            assert_eq!(variables().substitute(text).unwrap().text, expected, "{text}");
        }
    }

    #[test]
    fn reports_what_it_does_not_know() {
        let text = "$a/${b}/${c:-d}/$basearch${basearch:-$e}${c:+$f}";
        let substituted = variables().substitute(text).unwrap();
        assert_eq!(substituted.text, "$a/${b}/d/x86_64x86_64");
        assert_eq!(substituted.unknown, ["a".to_owned(), "b".to_owned()].into());
    }

    #[test]
    fn derives_the_parts_of_a_release() {
        let release = |release| {
            let variables = Variables::from_pairs([("releasever", release)]);
            let part = |name| variables.get(name).unwrap().to_owned();
            (part("releasever_major"), part("releasever_minor"))
        };
        assert_eq!(release("9"), ("9".into(), String::new()));
        assert_eq!(release("10.1.2"), ("10".into(), "1.2".into()));
        assert_eq!(release("rawhide"), ("rawhide".into(), String::new()));
        let mut set = Variables::from_pairs([("releasever", "9.4")]);
        set.set("releasever_major", "ten");
        assert_eq!(set.get("releasever_major"), Some("ten"));
        assert_eq!(Variables::default().get("releasever_major"), None);
    }

    #[test]
    fn reads_a_folder_of_variables() {
        let files = [("infra", "stock\nmore\n"), ("rltype", ""), ("a.rpmsave", "x")];
        let variables = Variables::from_files(files);
        assert_eq!(variables.get("infra"), Some("stock"));
        assert_eq!(variables.get("rltype"), Some(""));
        assert_eq!(variables.get("a.rpmsave"), None);
    }

    #[test]
    fn bounds_what_a_file_can_make_it_do() {
        let deep = "${a:-".repeat(limits::VARIABLE_DEPTH + 1);
        assert!(variables().substitute(&deep).is_err());
        let unclosed = "${a:-".repeat(limits::VARIABLE_DEPTH);
        assert_eq!(variables().substitute(&unclosed).unwrap().text, unclosed);
        let long = Variables::from_pairs([("a", "x".repeat(60_000))]);
        assert!(long.substitute(&"$a".repeat(20)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[${}:+é\\\\ab-]{0,20}") {
            let _ = variables().substitute(&text);
        }

        #[test]
        fn leaves_text_without_signs_alone(text in "[^$\\\\]{0,20}") {
            prop_assert_eq!(variables().substitute(&text).unwrap().text, text);
        }
    }
}
