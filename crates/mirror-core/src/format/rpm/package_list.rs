//! Lists of packages to ask for: a text that people write, one package a line.
//!
//! The lists of kubespray-offline (`pkglist/rhel/pkgs.txt`) are of this form. Comments begin with `#`,
//! alone on a line or behind a space. A line may hold several names; a group by its name with spaces
//! (`@Core System`) and what packages provide with a version (`name >= 1`) have a line of their own.

use std::io::BufRead;
use std::path::Path;

use super::lines::{each_line, unexpected};
use super::rich::Comparison;
use super::{FormatError, excerpt};
use crate::limits;

/// What is asked for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line, from 1.
    pub line: usize,
    /// A package, group or whatever else `dnf install` takes.
    pub word: String,
}

/// Reads a list, in its order.
///
/// URLs, package files, options, pages of HTML and more than [`limits::LISTED_PACKAGES`] entries are
/// errors.
pub fn read(reader: impl BufRead) -> Result<Vec<Entry>, FormatError> {
    let mut entries = Vec::new();
    each_line(reader, |number, line| {
        let line = without_comment(line);
        if line.starts_with('<') {
            return Err(FormatError::Root { expected: "package list", found: excerpt(line) });
        }
        for word in words(line) {
            let is_word = word.len() <= limits::FILE_PATH
                && !word.starts_with('-')
                && !word.contains("://")
                && Path::new(&word).extension().is_none_or(|end| end != "rpm")
                && !word.chars().any(char::is_control);
            if !is_word {
                return Err(unexpected(number, "the name of a package", &word));
            }
            if entries.len() == limits::LISTED_PACKAGES {
                let limit = limits::LISTED_PACKAGES as u64;
                return Err(FormatError::Limit { what: "packages", limit });
            }
            entries.push(Entry { line: number, word });
        }
        Ok(())
    })?;
    Ok(entries)
}

fn without_comment(line: &str) -> &str {
    let starts = line.match_indices('#').map(|(at, _)| at);
    let is_comment = |at: &usize| line[..*at].is_empty() || line[..*at].ends_with([' ', '\t']);
    let end = starts.into_iter().find(is_comment).unwrap_or(line.len());
    line[..end].trim()
}

fn words(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [name, sign, version] if Comparison::from_sign(sign).is_some() => {
            vec![format!("{name} {sign} {version}")]
        }
        [first, _, ..] if first.starts_with('@') => vec![words.join(" ")],
        _ => words.into_iter().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<(usize, String)> {
        let entries = read(text.as_bytes()).unwrap();
        entries.into_iter().map(|entry| (entry.line, entry.word)).collect()
    }

    #[test]
    fn reads_the_lists_of_kubespray_offline_and_what_people_write() {
        let text = "\u{feff}# Do not require docker anymore\r\n#docker-ce\r\n\r\nbash-completion\r\n\
                    conntrack-tools   # for kube-proxy\n\tsocat tar\n@core\n@Core System\n\
                    /usr/bin/python3.11\nlibstdc++\nlibfoo.so.1()(64bit)\nkubelet >= 1.34\n\
                    kubelet-1.34.*\nc#sharp";
        let words: Vec<(usize, String)> = [
            (4, "bash-completion"),
            (5, "conntrack-tools"),
            (6, "socat"),
            (6, "tar"),
            (7, "@core"),
            (8, "@Core System"),
            (9, "/usr/bin/python3.11"),
            (10, "libstdc++"),
            (11, "libfoo.so.1()(64bit)"),
            (12, "kubelet >= 1.34"),
            (13, "kubelet-1.34.*"),
            (14, "c#sharp"),
        ]
        .map(|(line, word)| (line, word.to_owned()))
        .into();
        assert_eq!(list(text), words);
        assert_eq!(list("# nothing\n\n"), []);
    }

    #[test]
    fn names_the_line_that_is_no_package() {
        for wrong in [
            "https://repo.example/kubelet.rpm",
            "./kubelet-1.34.0.x86_64.rpm",
            "--resolve",
            "-docker",
            "bash\u{1b}[2J",
        ] {
            let error = read(format!("bash\n\n{wrong}\n").as_bytes()).unwrap_err().to_string();
            let expected = "line 3: expected the name of a package, found ";
            assert!(error.starts_with(expected), "{error}");
        }
        let error = read(b"<!DOCTYPE html>\n".as_slice()).unwrap_err().to_string();
        assert_eq!(error, "is no package list document: found <!DOCTYPE html>");
        let error = read(b"bash\n\xff\n".as_slice()).unwrap_err().to_string();
        assert!(error.starts_with("line 2: expected UTF-8"), "{error}");
    }

    #[test]
    fn bounds_the_count() {
        let many = "a\n".repeat(limits::LISTED_PACKAGES);
        assert_eq!(list(&many).len(), limits::LISTED_PACKAGES);
        let error = read((many + "a\n").as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "is too large: expected at most 100000 packages");
    }
}
