//! `.netrc`: logins by host, as ftp(1) and curl read them.
//!
//! Words between white space: `machine NAME`, or `default` for all others; then `login`, `password`
//! and `account`, each with its value. A value may stand in double quotes, with `\"`, `\\`, `\n`,
//! `\r` and `\t`. `#` begins a comment where a word would begin. A `macdef` ends at an empty line.

use super::access::{Access, Login, Scope};

/// The logins of a file, in its order; the first of a host counts. An error is for people, and holds
/// no value of the file.
pub fn read(text: &str) -> Result<Vec<Access>, String> {
    let mut accesses = Vec::new();
    let mut entry: Option<Entry> = None;
    let mut default = None;
    let mut words = Words { text, line: 1 };
    while let Some(word) = words.next()? {
        let line = words.line;
        let mut value = |what: &str| {
            let value = words.next()?;
            value.ok_or_else(|| format!("line {line}: expected {what} behind it, found the end"))
        };
        match word.as_str() {
            "machine" => {
                let scope = Scope::host(&value("a host")?, None);
                accesses.extend(entry.replace(Entry::new(scope)).and_then(Entry::access));
            }
            "default" => {
                accesses.extend(entry.replace(Entry::new(Scope::any())).and_then(Entry::access));
            }
            "login" | "user" => set(&mut entry, line, value("a user")?, |e| &mut e.login)?,
            "password" | "passwd" => {
                set(&mut entry, line, value("a password")?, |e| &mut e.password)?;
            }
            "account" => drop(value("an account")?),
            "macdef" => words.skip_macro(),
            _ => {
                return Err(format!(
                    "line {line}: expected machine, default, login, password, account or macdef"
                ));
            }
        }
    }
    for access in entry.into_iter().filter_map(Entry::access) {
        accesses.push(access);
    }
    // Wherever it stands, a default is for what no machine is named for.
    accesses.retain(|access| {
        let is_default = access.scope == Scope::any();
        if is_default && default.is_none() {
            default = Some(access.clone());
        }
        !is_default
    });
    accesses.extend(default);
    Ok(accesses)
}

struct Entry {
    scope: Scope,
    login: Option<String>,
    password: Option<String>,
}

impl Entry {
    fn new(scope: Scope) -> Self {
        Self { scope, login: None, password: None }
    }

    fn access(self) -> Option<Access> {
        let (user, password) = (self.login?, self.password.unwrap_or_default());
        let login = Some(Login::Basic { user, password });
        Some(Access { scope: self.scope, login, ..Access::default() })
    }
}

fn set(
    entry: &mut Option<Entry>,
    line: usize,
    value: String,
    field: impl Fn(&mut Entry) -> &mut Option<String>,
) -> Result<(), String> {
    let entry = entry.as_mut();
    let entry = entry.ok_or_else(|| format!("line {line}: expected a machine before it"))?;
    field(entry).get_or_insert(value);
    Ok(())
}

struct Words<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<Option<String>, String> {
        loop {
            let rest = self.text.trim_start();
            let skipped = &self.text[..self.text.len() - rest.len()];
            self.line += skipped.matches('\n').count();
            self.text = rest;
            if !rest.starts_with('#') {
                break;
            }
            self.text = &rest[rest.find('\n').unwrap_or(rest.len())..];
        }
        if self.text.is_empty() {
            return Ok(None);
        }
        if let Some(quoted) = self.text.strip_prefix('"') {
            return self.quoted(quoted).map(Some);
        }
        let end = self.text.find(char::is_whitespace).unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        Ok(Some(word.to_owned()))
    }

    fn quoted(&mut self, text: &'a str) -> Result<String, String> {
        let mut word = String::new();
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.text = &text[at + 1..];
                    return Ok(word);
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => word.push('\n'),
                    Some((_, 'r')) => word.push('\r'),
                    Some((_, 't')) => word.push('\t'),
                    Some((_, other)) => word.push(other),
                    None => break,
                },
                '\n' => break,
                other => word.push(other),
            }
        }
        Err(format!("line {}: expected a closing quote", self.line))
    }

    /// Passes over a macro: up to an empty line.
    fn skip_macro(&mut self) {
        let end = self.text.find("\n\n").map_or(self.text.len(), |at| at + 1);
        self.line += self.text[..end].matches('\n').count();
        self.text = &self.text[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(scope: Scope, user: &str, password: &str) -> Access {
        let login = Login::Basic { user: user.into(), password: password.into() };
        Access { scope, login: Some(login), ..Access::default() }
    }

    #[test]
    fn reads_the_usual_forms() {
        let text = "# a comment\n\
            default login anonymous password me@here\n\
            machine a.example login me password secret account x\n\
            machine B.example\n\tlogin \"you there\"\n\tpassword \"a \\\"b\\\\\" # another\n\
            macdef init\nmachine no.example login x\n\n\
            machine c.example login only\n\
            machine nobody.example\n";
        let host = |name: &str| Scope::host(name, None);
        let expected = [
            access(host("a.example"), "me", "secret"),
            access(host("b.example"), "you there", "a \"b\\"),
            access(host("c.example"), "only", ""),
            access(Scope::any(), "anonymous", "me@here"),
        ];
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn names_the_line_and_no_secret() {
        for (text, reason) in [
            ("\nlogin secret", "line 2: expected a machine before it"),
            ("machine a login", "line 1: expected a user behind it, found the end"),
            (
                "machine a\nsecret",
                "line 2: expected machine, default, login, password, account or macdef",
            ),
            ("machine a\npassword \"secret", "line 2: expected a closing quote"),
        ] {
            assert_eq!(read(text).unwrap_err(), reason);
        }
    }
}
