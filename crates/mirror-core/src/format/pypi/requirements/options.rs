//! The options of a line: split as a shell splits words, then read as pip's option parser reads
//! them: `--name value`, `--name=value`, `-nvalue`, and long names by any beginning that is clear.

use super::super::input::{Fault, shown};

/// An option of requirements files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    IndexUrl,
    ExtraIndexUrl,
    NoIndex,
    FindLinks,
    TrustedHost,
    Requirement,
    Constraint,
    Editable,
    NoBinary,
    OnlyBinary,
    PreferBinary,
    Pre,
    AllReleases,
    OnlyFinal,
    RequireHashes,
    NoRequireHashes,
    Hash,
    UseFeature,
    ConfigSettings,
    GlobalOption,
    InstallOption,
}

/// Long names, the letter, and what the value is where there is one.
const NAMES: [(&str, Option<char>, Name, Option<&str>); 23] = [
    ("--index-url", Some('i'), Name::IndexUrl, Some("a URL")),
    ("--pypi-url", None, Name::IndexUrl, Some("a URL")),
    ("--extra-index-url", None, Name::ExtraIndexUrl, Some("a URL")),
    ("--no-index", None, Name::NoIndex, None),
    ("--find-links", Some('f'), Name::FindLinks, Some("a folder or URL")),
    ("--trusted-host", None, Name::TrustedHost, Some("a host, or host:port")),
    ("--requirement", Some('r'), Name::Requirement, Some("a file")),
    ("--constraint", Some('c'), Name::Constraint, Some("a file")),
    ("--editable", Some('e'), Name::Editable, Some("a project")),
    ("--no-binary", None, Name::NoBinary, Some(PROJECTS)),
    ("--only-binary", None, Name::OnlyBinary, Some(PROJECTS)),
    ("--prefer-binary", None, Name::PreferBinary, None),
    ("--pre", None, Name::Pre, None),
    ("--all-releases", None, Name::AllReleases, Some(PROJECTS)),
    ("--only-final", None, Name::OnlyFinal, Some(PROJECTS)),
    ("--require-hashes", None, Name::RequireHashes, None),
    ("--no-require-hashes", None, Name::NoRequireHashes, None),
    ("--hash", None, Name::Hash, Some("ALGORITHM:DIGEST")),
    ("--use-feature", None, Name::UseFeature, Some("a feature")),
    ("--config-settings", Some('C'), Name::ConfigSettings, Some("KEY=VALUE")),
    ("--config-setting", None, Name::ConfigSettings, Some("KEY=VALUE")),
    ("--global-option", None, Name::GlobalOption, Some("an option")),
    ("--install-option", None, Name::InstallOption, Some("an option")),
];

pub(super) const PROJECTS: &str = "names of projects with commas, :all: or :none:";

impl Name {
    /// What pip's documentation calls it.
    pub(super) fn long(self) -> &'static str {
        let found = NAMES.iter().find(|(_, _, name, _)| *name == self);
        found.map_or("", |(long, ..)| long)
    }
}

/// Where the options of a line begin: at the first word that begins with a hyphen. Words are what
/// stands between spaces, whatever the quotation marks say.
pub(super) fn begin(line: &str) -> usize {
    let mut at = 0;
    for word in line.split(' ') {
        if word.starts_with('-') {
            return at;
        }
        at += word.len() + 1;
    }
    line.len()
}

/// The options in `text`, each with its value, which is empty where it takes none.
pub(super) fn read(text: &str) -> Result<Vec<(Name, String)>, Fault> {
    let mut words = split(text)?.into_iter();
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let (name, long, value, attached) = if word.starts_with("--") && word.len() > 2 {
            let (long, attached) = match word.split_once('=') {
                Some((long, value)) => (long, Some(value.to_owned())),
                None => (&*word, None),
            };
            let (long, _, name, value) = by_beginning(long)?;
            (*name, *long, *value, attached)
        } else if let Some(letter) = word.strip_prefix('-').and_then(|rest| rest.chars().next()) {
            if letter == '-' {
                // `--` ends the options.
                return rest_is_empty(words, options);
            }
            let Some((long, _, name, value)) = NAMES.iter().find(|(_, l, ..)| *l == Some(letter))
            else {
                return Err(Fault::UnknownOption {
                    option: shown(&format!("-{letter}")),
                    near: None,
                });
            };
            let attached = &word[1 + letter.len_utf8()..];
            (*name, *long, *value, (!attached.is_empty()).then(|| attached.to_owned()))
        } else {
            return Err(Fault::AfterOption { text: shown(&word) });
        };
        let value = match (value, attached) {
            (None, None) => String::new(),
            (None, Some(value)) => {
                let found = format!("{:?}", shown(&value));
                return Err(Fault::OptionValue { option: long, expected: "no value", found });
            }
            (Some(_), Some(value)) => value,
            (Some(expected), None) => words.next().ok_or_else(|| Fault::OptionValue {
                option: long,
                expected,
                found: "the end of the line".to_owned(),
            })?,
        };
        options.push((name, value));
    }
    Ok(options)
}

fn rest_is_empty(
    mut words: impl Iterator<Item = String>,
    options: Vec<(Name, String)>,
) -> Result<Vec<(Name, String)>, Fault> {
    words.next().map_or(Ok(options), |word| Err(Fault::AfterOption { text: shown(&word) }))
}

type Known = (&'static str, Option<char>, Name, Option<&'static str>);

fn by_beginning(long: &str) -> Result<&'static Known, Fault> {
    if let Some(exact) = NAMES.iter().find(|(name, ..)| *name == long) {
        return Ok(exact);
    }
    let candidates: Vec<_> = NAMES.iter().filter(|(name, ..)| name.starts_with(long)).collect();
    match *candidates {
        [one] => Ok(one),
        [] => Err(Fault::UnknownOption { option: shown(long), near: near(long) }),
        _ => Err(Fault::AmbiguousOption {
            option: shown(long),
            candidates: candidates.iter().map(|(name, ..)| *name).collect(),
        }),
    }
}

/// The option that differs in a letter, or that is a beginning of what was written.
fn near(long: &str) -> Option<&'static str> {
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let wanted = plain(long);
    let names = NAMES.iter().map(|(name, ..)| *name);
    names.clone().find(|name| {
        let name = plain(name);
        name == wanted || format!("{name}s") == wanted || one_apart(&name, &wanted)
    })
}

/// Whether one letter was added, left out or changed.
fn one_apart(a: &str, b: &str) -> bool {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let (long, short) = (long.as_bytes(), short.as_bytes());
    let same = long.iter().zip(short).take_while(|(a, b)| a == b).count();
    match long.len() - short.len() {
        0 => same == long.len() || long[same + 1..] == short[same + 1..],
        1 => long[same + 1..] == short[same..],
        _ => false,
    }
}

/// Python's `shlex.split`.
fn split(text: &str) -> Result<Vec<String>, Fault> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' | '"' => {
                let mark = if c == '"' { "\"" } else { "'" };
                let open = || Fault::Quote { mark };
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or_else(open)? {
                        end if end == c => break,
                        '\\' if c == '"' => {
                            let next = chars.next().ok_or_else(open)?;
                            if !matches!(next, '"' | '\\') {
                                word.push('\\');
                            }
                            word.push(next);
                        }
                        other => word.push(other),
                    }
                }
            }
            '\\' => {
                let next = chars.next().ok_or(Fault::Quote { mark: "\\" })?;
                word.get_or_insert_default().push(next);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_words_as_a_shell_does() {
        for (text, expected) in [
            (" a  b\tc ", vec!["a", "b", "c"]),
            ("'a b' \"c d\" e' 'f", vec!["a b", "c d", "e f"]),
            (r#""a\"b\\c\d" 'a\b' a\ b"#, vec![r#"a"b\c\d"#, r"a\b", "a b"]),
            ("'' \"\"", vec!["", ""]),
        ] {
            assert_eq!(split(text).unwrap(), expected);
        }
        for (text, mark) in [("'a", "'"), ("\"a\\\"", "\""), ("a\\", "\\"), ("\"\\", "\"")] {
            assert_eq!(split(text).unwrap_err(), Fault::Quote { mark }, "{text}");
        }
    }

    #[test]
    fn reads_options_in_every_spelling() {
        let read = |text| read(text).unwrap();
        let index = |value: &str| vec![(Name::IndexUrl, value.to_owned())];
        for text in ["-i x", "-ix", "--index-url x", "--index-url=x", "--ind x", "--pypi-url 'x'"] {
            assert_eq!(read(text), index("x"), "{text}");
        }
        assert_eq!(read("--index-url --pre"), index("--pre"));
        assert_eq!(read("--index-url="), index(""));
        assert_eq!(
            read("--pre --hash=sha256:a --hash sha256:b"),
            [
                (Name::Pre, String::new()),
                (Name::Hash, "sha256:a".into()),
                (Name::Hash, "sha256:b".into())
            ]
        );
        assert_eq!(read("--pre --"), [(Name::Pre, String::new())]);
        assert_eq!(begin("a ; x == '-b' -c"), 14);
        assert_eq!(begin("--pre"), 0);
        assert_eq!(begin("a-b"), 3);
    }

    #[test]
    fn names_what_it_does_not_know() {
        let error = |text| read(text).unwrap_err().to_string();
        for (text, expected) in [
            ("--frobnicate", "option --frobnicate is unknown in a requirements file"),
            (
                "--extra-index-urls x",
                "option --extra-index-urls is unknown in a requirements file; --extra-index-url is meant?",
            ),
            (
                "--find_links x",
                "option --find_links is unknown in a requirements file; --find-links is meant?",
            ),
            ("-x", "option -x is unknown in a requirements file"),
            (
                "--no-i --no-",
                "option --no- is short for several: --no-index, --no-binary, --no-require-hashes",
            ),
            ("--pre=1", "option --pre: expected no value, found \"1\""),
            ("-r", "option --requirement: expected a file, found the end of the line"),
            (
                "--pre requests",
                "\"requests\" stands after an option, expected it on a line of its own",
            ),
            ("--pre -", "\"-\" stands after an option, expected it on a line of its own"),
            (
                "--pre -- requests",
                "\"requests\" stands after an option, expected it on a line of its own",
            ),
        ] {
            assert_eq!(error(text), expected);
        }
    }
}
