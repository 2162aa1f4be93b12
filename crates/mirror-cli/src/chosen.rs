//! What was chosen of repositories for what was asked for by name, for people and for programs.

use std::fmt::Write as _;

use mirror_core::source::rpm::Answer;
use serde::Serialize;

use crate::human;
use crate::output::json_line;

/// How many packages are named that a word stands for.
const MOST_NAMED: usize = 3;

/// How many oddities of what was chosen are said in a run.
const MOST_WARNINGS: usize = 10;

/// What was chosen, a line of JSON for each set and architecture.
pub(crate) fn json(answers: &[Answer]) -> String {
    #[derive(Serialize)]
    #[serde(tag = "event", rename = "chosen")]
    struct Line<'a> {
        #[serde(flatten)]
        answer: &'a Answer,
    }
    answers.iter().map(|answer| json_line(&Line { answer })).collect()
}

/// A line for each set and architecture; with `in_full`, what each word stands for and what is odd.
pub(crate) fn tables(answers: &[Answer], in_full: bool) -> String {
    let mut text = String::new();
    for answer in answers.iter().filter(|answer| answer.unsolved.is_empty()) {
        let (all, brought) = (answer.packages.len(), answer.brought());
        let (asked, needed) = (human::count((all - brought) as u64), human::count(brought as u64));
        let _ = write!(text, "{}: {} package{}", title(answer), human::count(all as u64), s(all));
        let _ = match (all - brought, brought) {
            (_, 0) => writeln!(text, ", as asked for"),
            (0, _) => writeln!(text, ", all of them needed"),
            _ => writeln!(text, ", {asked} asked for and {needed} needed by them"),
        };
        if !in_full {
            continue;
        }
        let rows: Vec<_> =
            answer.asked.iter().map(|asked| row(&asked.text, &asked.packages)).collect();
        for line in human::table(&rows).lines() {
            let _ = writeln!(text, "  {line}");
        }
        for note in &answer.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text.push('\n');
    }
    text
}

fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn title(answer: &Answer) -> String {
    let Answer { set, arch, .. } = answer;
    if set.is_empty() { arch.clone() } else { format!("set {set}, {arch}") }
}

fn row(text: &str, packages: &[String]) -> [String; 2] {
    let shown = packages.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>();
    let mut named = if shown.is_empty() { "installed".to_owned() } else { shown.join(", ") };
    let more = packages.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        let _ = write!(named, " and {more} more");
    }
    [text.to_owned(), named]
}

/// What is odd about what was chosen, each once.
pub(crate) fn warnings(answers: &[Answer]) -> Vec<String> {
    let mut notes: Vec<&str> = Vec::new();
    for note in answers.iter().flat_map(|answer| &answer.notes) {
        if !notes.contains(&note.as_str()) {
            notes.push(note);
        }
    }
    let more = notes.len().saturating_sub(MOST_WARNINGS);
    let mut lines: Vec<String> = notes.into_iter().take(MOST_WARNINGS).map(str::to_owned).collect();
    if more > 0 {
        let more = human::count(more as u64);
        lines.push(format!("{more} more of this kind; --json and --dry-run have all"));
    }
    lines
}

/// Why there is no answer, for each set and architecture.
pub(crate) fn unsolved(answers: &[Answer]) -> impl Iterator<Item = (String, &[String])> {
    let unsolved = answers.iter().filter(|answer| !answer.unsolved.is_empty());
    unsolved.map(|answer| {
        let title = format!("{}: what is asked for cannot be had", title(answer));
        (title, answer.unsolved.as_slice())
    })
}

/// What to do where there is no answer, by what its lines say.
const HINTS: [(&str, &str); 3] = [
    (
        "stream that is not enabled",
        "name the stream that is meant: --stream MODULE:STREAM, or `streams` in mirror.toml",
    ),
    (
        ", needed by ",
        "what is needed has to be in one of the repositories that are named: add the one that has it \
         with --repo, or as a preset of its own",
    ),
    (
        "nothing is called",
        "check the name, and that the repository that has it is among those that are named",
    ),
];

/// What to do where there is no answer.
pub(crate) fn hint(answers: &[Answer]) -> Option<&'static str> {
    let said = |words: &str| {
        answers.iter().flat_map(|answer| &answer.unsolved).any(|line| line.contains(words))
    };
    HINTS.iter().find(|(words, _)| said(words)).map(|(_, hint)| *hint)
}
