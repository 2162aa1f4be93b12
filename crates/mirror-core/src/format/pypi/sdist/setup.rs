//! What setuptools asks for when it runs: `setup_requires`, of `setup.cfg` and `setup.py`.
//!
//! `setup.cfg` is data. `setup.py` is a program that is never run: of it a list that stands there as
//! such is read, and whatever else it does with the name leaves open what it asks for.

use super::super::Requirement;
use super::super::metadata;
use crate::limits;

/// The keyword of `setup()`, and the key of `[options]`.
const NAME: &str = "setup_requires";

/// How often a `setup.py` may name it: those that are written by hand do so once or twice.
const MOST_NAMED: usize = 16;

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) requires: Vec<Requirement>,
    /// There may be more to it than could be read.
    pub(super) is_open: bool,
}

impl Asked {
    fn take(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let is_room = self.requires.len() < limits::RELEASE_FIELDS;
        match is_room.then(|| metadata::requirement(text)) {
            Some(Ok(one)) => self.requires.push(one),
            _ => self.is_open = true,
        }
    }
}

/// What `[options]` of `setup.cfg` asks for: requirements, one a line, or in one line with `;` between
/// them, as [setuptools] has it.
///
/// [setuptools]: https://setuptools.pypa.io/en/latest/userguide/declarative_config.html
pub(super) fn of_cfg(text: &str) -> Asked {
    let mut asked = Asked::default();
    let (mut in_options, mut value) = (false, None::<Vec<&str>>);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            // The value goes on.
            if let Some(lines) = value.as_mut() {
                lines.push(trimmed);
            }
            continue;
        }
        take_cfg(value.take().as_deref(), &mut asked);
        if let Some(section) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            in_options = section.trim() == "options";
        } else if let (true, Some((key, first))) = (in_options, trimmed.split_once(['=', ':']))
            && key.trim().to_ascii_lowercase().replace('-', "_") == NAME
        {
            value = Some(vec![first.trim()]);
        }
    }
    take_cfg(value.as_deref(), &mut asked);
    asked
}

fn take_cfg(value: Option<&[&str]>, asked: &mut Asked) {
    match value {
        None => {}
        Some([one]) => one.split(';').for_each(|text| asked.take(text)),
        Some(lines) => lines.iter().for_each(|text| asked.take(text)),
    }
}

/// What `setup.py` asks for: each list of plain strings that is given by the name.
pub(super) fn of_py(text: &str) -> Asked {
    let mut asked = Asked::default();
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let code = code.join("\n");
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    for (number, (at, _)) in code.match_indices(NAME).enumerate() {
        if number == MOST_NAMED {
            asked.is_open = true;
            break;
        }
        let (before, after) = (&code[..at], &code[at + NAME.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            continue;
        }
        match list(after) {
            Some(texts) => texts.into_iter().for_each(|text| asked.take(text)),
            None => asked.is_open = true,
        }
    }
    asked
}

/// The strings of `= ["a", 'b']`, or `": [...]` of a dictionary, that are all of the value.
fn list(text: &str) -> Option<Vec<&str>> {
    let text = text.strip_prefix(['"', '\'']).unwrap_or(text).trim_start();
    let text = text.strip_prefix(['=', ':'])?.trim_start();
    let mut rest = text.strip_prefix('[')?;
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(end) = rest.strip_prefix(']') {
            // An operator or condition would make something else of it.
            let next = end.trim_start_matches([' ', '\t']);
            let ends = next.is_empty() || next.starts_with([',', ')', '}', '\n', '\r', '#']);
            return ends.then_some(found);
        }
        let quote = rest.chars().next().filter(|char| matches!(char, '"' | '\''))?;
        let (string, after) = rest[1..].split_once(quote)?;
        if string.contains(['\\', '\n']) {
            return None;
        }
        found.push(string);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.starts_with(']') => {}
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(asked: &Asked) -> (Vec<String>, bool) {
        (asked.requires.iter().map(ToString::to_string).collect(), asked.is_open)
    }

    #[test]
    fn setup_cfg_lists_requirements_by_lines_or_semicolons() {
        for (text, expected, is_open) in [
            ("[options]\nsetup_requires = pbr>=2\n", &["pbr>=2"][..], false),
            ("[options]\nsetup-requires: a; b>1 ;\nzip_safe = no\n", &["a", "b>1"], false),
            (
                "[metadata]\nname = x\n[options]\nsetup_requires =\n  # why\n  a>=1 ; python_version >= '3.8'\n\n\
                 \tb\ninstall_requires =\n  c\n[options.extras_require]\nsetup_requires = d\n",
                &["a>=1 ; python_full_version >= '3.8'", "b"],
                false,
            ),
            ("[options]\nsetup_requires = file: x.txt\n", &[], true),
            ("[metadata]\nsetup_requires = a\n", &[], false),
            ("", &[], false),
        ] {
            let (found, open) = words(&of_cfg(text));
            assert_eq!(found, expected, "{text}");
            assert_eq!(open, is_open, "{text}");
        }
    }

    #[test]
    fn setup_py_is_read_where_it_says_it_in_so_many_words() {
        for (text, expected, is_open) in [
            (
                "setuptools.setup(\n    setup_requires=['pbr>=2.0.0'],\n    pbr=True)\n",
                &["pbr>=2.0.0"][..],
                false,
            ),
            ("setup(**{'setup_requires': [\"a\", 'b<2',\n ], 'x': 1})", &["a", "b<2"], false),
            ("setup(name='x')  \n# setup_requires=['a']\n", &[], false),
            ("setup(my_setup_requires=f())", &[], false),
            ("setup(setup_requires=[])", &[], false),
            ("setup_requires = []\nsetup(setup_requires=setup_requires)", &[], true),
            ("setup(setup_requires=['a'] + more)", &[], true),
            ("setup(setup_requires=['a'] if x else [])", &[], true),
            ("setup(setup_requires=['a' 'b'])", &[], true),
            ("setup(setup_requires=['a', b])", &[], true),
            ("setup(setup_requires=['a ! b'])", &[], true),
            ("setup(setup_requires=read('x'))", &[], true),
            ("setup(setup_requires=['a", &[], true),
            ("setup_requires", &[], true),
        ] {
            let (found, open) = words(&of_py(text));
            assert_eq!(found, expected, "{text}");
            assert_eq!(open, is_open, "{text}");
        }
    }
}
