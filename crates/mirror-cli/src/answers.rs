//! What was chosen of sets of Python packages, for people and for programs.

use std::fmt::Write as _;

use mirror_core::source::pypi::{Answer, Chosen, SetName};
use serde::Serialize;

use crate::human;
use crate::output::json_line;

/// How many of those who asked for a package are named in a table.
const MOST_NAMED: usize = 2;

/// How many oddities of what was chosen are said in a run.
const MOST_WARNINGS: usize = 10;

/// What was chosen for a target, as a line of JSON.
pub(crate) fn json(answer: &Answer) -> String {
    #[derive(Serialize)]
    #[serde(tag = "event", rename = "answer")]
    struct Line<'a> {
        #[serde(flatten)]
        answer: &'a Answer,
    }
    json_line(&Line { answer })
}

/// A table for each target of each set.
pub(crate) fn tables(answers: &[Answer]) -> String {
    let mut indexes: Vec<&str> =
        answers.iter().flat_map(|answer| &answer.chosen).map(|chosen| &*chosen.index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    let names_index = indexes.len() > 1;
    let solved = answers.iter().filter(|answer| answer.unsolved.is_empty());
    solved.map(|answer| table(answer, names_index)).collect()
}

fn table(answer: &Answer, names_index: bool) -> String {
    // In the order of names, what only serves builds behind the rest.
    let mut chosen: Vec<&Chosen> = answer.chosen.iter().collect();
    chosen.sort_by_key(|one| one.build);
    let files = chosen.iter().flat_map(|chosen| &chosen.files);
    let bytes: u64 = files.clone().filter_map(|file| file.size).sum();
    let (all, sized) = (files.clone().count(), files.filter(|file| file.size.is_some()).count());
    let (all, without) = (all as u64, (all - sized) as u64);
    let mut text = format!(
        "{}, {}: {} package{} in {}, {}\n",
        answer.set,
        answer.target,
        human::count(chosen.len() as u64),
        if chosen.len() == 1 { "" } else { "s" },
        human::files(all),
        human::size(bytes, all, without)
    );
    let rows = chosen.iter().map(|one| row(one, names_index));
    let table = human::table(&rows.collect::<Vec<_>>());
    let mut said = false;
    for (line, one) in table.lines().zip(&chosen) {
        if one.build && !said {
            text.push_str("  only to build source distributions:\n");
            said = true;
        }
        let _ = writeln!(text, "  {line}");
    }
    for note in answer.notes.iter().chain(&answer.passed_over) {
        let _ = writeln!(text, "  note: {note}");
    }
    text.push('\n');
    text
}

/// Name, version, files, where from where that is not the same for all, and who asked for it.
fn row(chosen: &Chosen, names_index: bool) -> [String; 4] {
    let mut asked: Vec<&str> = chosen.requested_by.iter().map(String::as_str).collect();
    let more = asked.len().saturating_sub(MOST_NAMED);
    asked.truncate(MOST_NAMED);
    let mut asked = asked.join(", ");
    if more > 0 {
        let _ = write!(asked, " and {more} more");
    }
    if names_index {
        let _ = write!(asked, "; from {}", chosen.index);
    }
    [chosen.name.clone(), chosen.version.clone(), kinds(chosen), asked]
}

/// `wheel`, `2 wheels, sdist`.
fn kinds(chosen: &Chosen) -> String {
    let is_wheel = |name: &str| name.rsplit_once('.').is_some_and(|(_, ending)| ending == "whl");
    let wheels = chosen.files.iter().filter(|file| is_wheel(&file.filename)).count();
    let several = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(word.to_owned()),
        number => Some(format!("{number} {word}s")),
    };
    let parts = [several(wheels, "wheel"), several(chosen.files.len() - wheels, "sdist")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What is odd about what was chosen, once for all targets of a set: the first of it, and how much more
/// there is.
pub(crate) fn warnings(answers: &[Answer]) -> Vec<String> {
    let mut said: Vec<(&SetName, &str)> = Vec::new();
    for answer in answers {
        for note in &answer.notes {
            if !said.contains(&(&answer.set, note)) {
                said.push((&answer.set, note));
            }
        }
    }
    let more = said.len().saturating_sub(MOST_WARNINGS);
    let shown = said.iter().take(MOST_WARNINGS);
    let mut lines: Vec<_> = shown.map(|(set, note)| format!("set {set}: {note}")).collect();
    if more > 0 {
        let more = human::count(more as u64);
        lines.push(format!("{more} more of this kind; --json and --dry-run have all"));
    }
    lines
}

/// Why there is no answer: once for all targets of a set that lack one for the same reason.
pub(crate) fn unsolved(answers: &[Answer]) -> Vec<(String, &[String])> {
    let mut groups: Vec<(String, &SetName, &[String])> = Vec::new();
    for answer in answers.iter().filter(|answer| !answer.unsolved.is_empty()) {
        let why = answer.unsolved.as_slice();
        let known = groups.iter_mut().find(|(_, set, lines)| **set == answer.set && *lines == why);
        if let Some((title, ..)) = known {
            title.extend([", ", answer.target.as_str()]);
        } else {
            let title = format!("set {}: no solution for {}", answer.set, answer.target);
            groups.push((title, &answer.set, why));
        }
    }
    groups.into_iter().map(|(title, _, lines)| (title, lines)).collect()
}

/// What to do where there is no answer, by what its lines say.
const HINTS: [(&str, &str); 2] = [
    (
        " is on no index",
        "check the name, and the index: its URL is that of the list of projects, which mostly ends in \
         /simple/",
    ),
    (
        ": builds in a circle",
        "a wheel of one of them breaks the circle: build it where that works, and name its folder with \
         --find-links",
    ),
];

/// What to do where there is no answer.
pub(crate) fn hint(answers: &[Answer]) -> Option<&'static str> {
    let said = |words: &str| {
        answers.iter().flat_map(|answer| &answer.unsolved).any(|line| line.contains(words))
    };
    HINTS.iter().find(|(words, _)| said(words)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror_core::source::pypi::ChosenFile;

    fn chosen(name: &str, files: &[&str], requested_by: &[&str], build: bool) -> Chosen {
        let file = |name: &&str| ChosenFile { filename: (*name).to_owned(), size: Some(2048) };
        Chosen {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            files: files.iter().map(file).collect(),
            requested_by: requested_by.iter().map(|&text| text.to_owned()).collect(),
            build,
            index: "https://pypi.example/simple/".to_owned(),
        }
    }

    fn answer(chosen: Vec<Chosen>, unsolved: &[&str]) -> Answer {
        Answer {
            set: "site".parse().unwrap(),
            target: "Python 3.11 on manylinux_2_28_x86_64".to_owned(),
            from_python: None,
            chosen,
            unsolved: unsolved.iter().map(|&line| line.to_owned()).collect(),
            notes: Vec::new(),
            passed_over: Vec::new(),
        }
    }

    #[test]
    fn a_table_says_what_was_chosen_and_why() {
        let all = vec![
            chosen("builder", &["builder-1.0-py3-none-any.whl"], &["widget 1.0 (builder)"], true),
            chosen("widget", &["widget-1.0.tar.gz"], &["a (widget)", "b (widget>1)", "c"], false),
            chosen("wide-name", &["w-1.whl", "w-2.whl", "w.tar.gz"], &["reqs.txt:1"], false),
        ];
        assert_eq!(
            tables(&[answer(all, &[])]),
            "\
site, Python 3.11 on manylinux_2_28_x86_64: 3 packages in 5 files, 10.00 KiB
  widget     1.0  sdist            a (widget), b (widget>1) and 1 more
  wide-name  1.0  2 wheels, sdist  reqs.txt:1
  only to build source distributions:
  builder    1.0  wheel            widget 1.0 (builder)

"
        );
    }

    #[test]
    fn a_table_names_the_index_where_there_are_several() {
        let mut other = chosen("b", &["b-1.whl"], &["reqs.txt:2"], false);
        other.index = "https://other.example/".to_owned();
        let text = tables(&[answer(vec![chosen("a", &["a-1.whl"], &["x"], false), other], &[])]);
        assert!(text.contains("  x; from https://pypi.example/simple/\n"), "{text}");
        assert!(text.contains("  reqs.txt:2; from https://other.example/\n"), "{text}");
    }

    #[test]
    fn what_is_odd_is_said_once_and_not_without_end() {
        let notes = |numbers: std::ops::Range<u32>| Answer {
            notes: numbers.map(|number| format!("a {number} was withdrawn")).collect(),
            ..answer(Vec::new(), &[])
        };
        let lines = warnings(&[notes(0..2), notes(1..3)]);
        let expected = ["a 0", "a 1", "a 2"].map(|a| format!("set site: {a} was withdrawn"));
        assert_eq!(lines, expected);
        let lines = warnings(&[notes(0..10)]);
        assert_eq!((lines.len(), &*lines[9]), (10, "set site: a 9 was withdrawn"));
        let lines = warnings(&[notes(0..1010)]);
        assert_eq!(
            (lines.len(), &*lines[10]),
            (11, "1,000 more of this kind; --json and --dry-run have all")
        );
        // What is as it should be is for who looks closer.
        let passed_over = vec!["a 2 is passed over: for Python >=3.10".to_owned()];
        let usual = Answer { passed_over, ..answer(Vec::new(), &[]) };
        assert!(tables(std::slice::from_ref(&usual)).contains("  note: a 2 is passed over"));
        assert_eq!(warnings(&[usual]), [""; 0]);
    }

    #[test]
    fn what_has_no_solution_is_named_and_has_no_table() {
        let why = ["a needs b<1", "and you asked for b>=1"];
        let mut answers = [answer(Vec::new(), &why), answer(Vec::new(), &why)];
        answers[1].target = "Python 3.12 on win32".to_owned();
        assert_eq!(tables(&answers), "");
        let unsolved = unsolved(&answers);
        let title =
            "set site: no solution for Python 3.11 on manylinux_2_28_x86_64, Python 3.12 on win32";
        assert_eq!((unsolved.len(), unsolved[0].0.as_str()), (1, title));
        assert_eq!(unsolved[0].1, why);
        assert_eq!(hint(&answers), None);
        answers[0].unsolved.push("a is on no index".to_owned());
        assert!(hint(&answers).unwrap().starts_with("check the name, and the index"));
        answers[0].unsolved = vec!["a-1.tar.gz cannot be built: builds in a circle".to_owned()];
        assert!(hint(&answers).unwrap().starts_with("a wheel of one of them"));
        assert!(json(&answers[0]).starts_with("{\"event\":\"answer\",\"set\":\"site\","));
    }
}
