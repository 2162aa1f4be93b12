//! `.repo` files, as dnf reads them, and the variables in their values.
//!
//! A file holds a section per repository, under its id, and may hold a `[main]`. Values are kept as
//! written, unknown keys included; [`Section::list`], [`Section::boolean`] and [`Section::number`] read
//! them as dnf does. [`Variables`] puts in `$releasever` and its kin: before anything else, as a list
//! may come out of a variable.
//!
//! What is secret in a section (passwords, and user information in URLs) is not shown by `Debug`.

use std::fmt;
use std::io::{self, BufRead, Write};

use super::FormatError;
use super::ini::{self, Entry, IniSection};
use super::lines::unexpected;

mod variables;

pub use variables::{Substituted, Variables};

/// The content of a `.repo` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepoFile {
    /// The settings of `[main]`, which are dnf's own and stand for all repositories.
    pub main: Option<Section>,
    /// The repositories, in the file's order.
    pub repos: Vec<Section>,
}

impl RepoFile {
    /// Reads the file. Lines that are neither section, key, comment nor continuation are errors.
    pub fn read(reader: impl BufRead) -> Result<Self, FormatError> {
        let mut file = Self::default();
        for section in ini::read(reader, &['='])? {
            let section = Section(section);
            if section.id() == "main" {
                file.main = Some(section);
            } else {
                file.repos.push(section);
            }
        }
        Ok(file)
    }
}

/// One section: keys and values, as written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Section(IniSection);

impl Section {
    /// An empty section. The id is what stands between the brackets.
    pub fn new(id: &str) -> Self {
        Self(IniSection { name: id.to_owned(), entries: Vec::new() })
    }

    /// What stands between the brackets; it may hold variables.
    pub fn id(&self) -> &str {
        &self.0.name
    }

    /// Adds a key at the end.
    pub fn push(&mut self, key: &str, value: &str) {
        self.0.entries.push(Entry { key: key.to_owned(), value: value.to_owned(), line: 0 });
    }

    /// A key's value, lines joined by `\n`; `None` where the key is absent or has none.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).filter(|value| !value.is_empty())
    }

    /// All keys and values, in order, also the unknown.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.entries.iter();
        entries.map(|entry| (entry.key.as_str(), entry.value.as_str()))
    }

    /// The items of a list such as `baseurl` or `gpgkey`: between commas and white space.
    pub fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        split_list(self.get(key).unwrap_or_default())
    }

    /// A switch such as `enabled`: `1`, `yes`, `true`, `on`, or `0`, `no`, `false`, `off`, in any case.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, FormatError> {
        self.parsed(key, "one of 1, yes, true, on, 0, no, false, off", |value| {
            match value.to_ascii_lowercase().as_str() {
                "1" | "yes" | "true" | "on" => Some(true),
                "0" | "no" | "false" | "off" => Some(false),
                _ => None,
            }
        })
    }

    /// A number such as `priority` or `cost`.
    pub fn number(&self, key: &str) -> Result<Option<i64>, FormatError> {
        self.parsed(key, "a number", |value| value.parse().ok())
    }

    fn parsed<T>(
        &self,
        key: &str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, FormatError> {
        let Some(entry) = self.0.entry(key).filter(|entry| !entry.value.is_empty()) else {
            return Ok(None);
        };
        match parse(&entry.value) {
            Some(value) => Ok(Some(value)),
            None => Err(unexpected(entry.line, expected, &entry.value)),
        }
    }

    /// The section with its variables put in, its id included.
    pub fn substitute(&self, variables: &Variables) -> Result<Self, FormatError> {
        let mut section = self.0.clone();
        section.name = variables.substitute(&section.name)?.text;
        for entry in &mut section.entries {
            entry.value = variables.substitute(&entry.value)?.text;
        }
        Ok(Self(section))
    }

    /// Writes the section as dnf reads it: one line a key, further lines of a value indented.
    pub fn write(&self, mut writer: impl Write) -> io::Result<()> {
        writeln!(writer, "[{}]", self.id())?;
        for (key, value) in self.entries() {
            writeln!(writer, "{key}={}", value.replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

/// The items of a list as dnf splits it.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| c == ',' || c.is_ascii_whitespace()).filter(|item| !item.is_empty())
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] ", self.id())?;
        let mut map = f.debug_map();
        for (key, value) in self.entries() {
            // Not only the known ones: a misspelt key is no reason to show a password.
            let secret = ["password", "token", "secret"].iter().any(|s| key.contains(s));
            let shown = if secret { "***".to_owned() } else { without_user_info(value) };
            map.entry(&key, &shown);
        }
        map.finish()
    }
}

/// `https://user:password@host/` without what stands before the `@`.
fn without_user_info(value: &str) -> String {
    let mut shown = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| c == '/' || c.is_whitespace());
        let authority = &after[..end.unwrap_or(after.len())];
        rest = after;
        if let Some(at) = authority.rfind('@') {
            shown.push_str("***");
            rest = &after[at..];
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
[main]
gpgcheck=1

[example-$basearch]
name = Example $releasever
baseurl=https://user:secret@one.example.com/$releasever/,http://two.example.com/
  ftp://three.example.com/ https://four.example.com/a@b
enabled=True
repo_gpgcheck = off
gpgcheck=
priority=10
cost=cheap
password = secret
proxy_pasword=secret
unknown.key=kept
sslverify=perhaps
";

    fn example() -> Section {
        RepoFile::read(TEXT.as_bytes()).unwrap().repos[0].clone()
    }

    #[test]
    fn reads_sections_as_dnf_does() {
        let file = RepoFile::read(TEXT.as_bytes()).unwrap();
        assert_eq!(file.main.unwrap().boolean("gpgcheck").unwrap(), Some(true));
        let repo = example();
        assert_eq!(repo.id(), "example-$basearch");
        assert_eq!(
            repo.list("baseurl").collect::<Vec<_>>(),
            [
                "https://user:secret@one.example.com/$releasever/",
                "http://two.example.com/",
                "ftp://three.example.com/",
                "https://four.example.com/a@b"
            ]
        );
        assert_eq!(repo.boolean("enabled").unwrap(), Some(true));
        assert_eq!(repo.boolean("repo_gpgcheck").unwrap(), Some(false));
        assert_eq!(repo.boolean("gpgcheck").unwrap(), None);
        assert_eq!(repo.number("priority").unwrap(), Some(10));
        assert_eq!(repo.get("unknown.key"), Some("kept"));
        assert_eq!(repo.get("mirrorlist"), None);
        assert_eq!(repo.list("gpgkey").next(), None);
    }

    #[test]
    fn names_the_line_of_a_wrong_value() {
        assert_eq!(
            example().number("cost").unwrap_err().to_string(),
            "line 12: expected a number, found \"cheap\""
        );
        let error = example().boolean("sslverify").unwrap_err().to_string();
        assert!(error.starts_with("line 16: expected one of 1, yes,"), "{error}");
    }

    #[test]
    fn shows_no_secret() {
        let shown = format!(
            "{:?}",
            RepoFile::read(TEXT.replace("proxy_pasword", "proxy_password").as_bytes())
        );
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("https://***@one.example.com/"), "{shown}");
        assert!(shown.contains("https://four.example.com/a@b"), "{shown}");
    }

    #[test]
    fn puts_variables_in_and_writes_what_it_reads() {
        let variables = Variables::from_pairs([("releasever", "9"), ("basearch", "x86_64")]);
        let repo = example().substitute(&variables).unwrap();
        assert_eq!((repo.id(), repo.get("name")), ("example-x86_64", Some("Example 9")));
        let mut out = Vec::new();
        repo.write(&mut out).unwrap();
        let again = RepoFile::read(&out[..]).unwrap();
        assert_eq!(
            again.repos[0].entries().collect::<Vec<_>>(),
            repo.entries().collect::<Vec<_>>()
        );
        let mut new = Section::new("mirror");
        new.push("name", "Mirror");
        new.push("baseurl", "http://a/\nhttp://b/");
        out.clear();
        new.write(&mut out).unwrap();
        assert_eq!(out, b"[mirror]\nname=Mirror\nbaseurl=http://a/\n    http://b/\n");
    }
}
