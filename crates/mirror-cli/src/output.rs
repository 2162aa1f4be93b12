//! The final report, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use mirror_core::error::Kind;
use mirror_core::report::{
    self, Outcome, PackageSignatures, Report, SetFailure, SignedBy, TreeReport,
};
use mirror_core::signature::{Trusted, Verdict};
use serde::Serialize;

use crate::diagnostics::{Failure, report_hint};
use crate::human;

/// A line of JSON, without a control character: of those that JSON allows within texts, some speak to
/// terminals.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    // Only maps with keys that are no text fail, and there are none.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    if line.contains(char::is_control) {
        line = line.chars().fold(String::with_capacity(line.len() + 16), |mut line, c| {
            let _ = if c.is_control() {
                write!(line, "\\u{:04x}", u32::from(c))
            } else {
                line.write_char(c)
            };
            line
        });
    }
    line.push('\n');
    line
}

/// The last line of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Last<'a> {
    /// The run came to its end.
    Report {
        /// Whether nothing was published or was to be.
        dry_run: bool,
        /// Whether every tree is what it should be.
        complete: bool,
        /// What came of it.
        #[serde(flatten)]
        report: &'a Report,
    },
    /// It did not.
    Error {
        /// Why.
        message: String,
        /// What to do next.
        hint: Option<String>,
    },
}

impl Last<'_> {
    pub(crate) fn error(failure: &Failure) -> Self {
        Self::Error { message: failure.message(), hint: failure.hint() }
    }
}

/// The closing summary: a line for each tree, with what went wrong below it, and one for the whole.
pub(crate) fn summary(report: &Report, took: Duration, dry_run: bool) -> String {
    let width = report.trees.iter().map(|tree| tree.tree.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for tree in &report.trees {
        let (word, rest) = outcome(tree);
        let _ = writeln!(text, "{:width$}  {word:10}  {rest}", tree.tree);
        for line in remarks(tree) {
            let _ = writeln!(text, "  {line}");
        }
    }
    if dry_run {
        let files = report.trees.iter().map(|tree| tree.fetch_files).sum();
        let bytes = report.trees.iter().map(|tree| tree.fetch_bytes).sum();
        let without = report.trees.iter().map(|tree| tree.fetch_unsized).sum();
        let _ = writeln!(
            text,
            "dry run: nothing was published, {} to fetch ({})",
            human::files(files),
            human::size(bytes, files, without)
        );
    } else {
        let _ = writeln!(
            text,
            "received {} in {} request{}, {}",
            human::bytes(report.received),
            human::count(report.requests),
            if report.requests == 1 { "" } else { "s" },
            human::time(took)
        );
    }
    text
}

/// What is wrong with trees, a line each, for a run that is to be quiet.
pub(crate) fn problems(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for tree in report.trees.iter().filter(|tree| !tree.is_good()) {
        if !tree.outcome.is_good() {
            let (word, rest) = outcome(tree);
            lines.push(format!("{}: {word}: {rest}", tree.tree));
        }
        let missing = missing(tree).chain(failed_sets(tree));
        lines.extend(missing.map(|line| format!("{}: {line}", tree.tree)));
    }
    lines
}

/// What to do about a signature that says nothing yet.
const NOT_JUDGED: &str = "a signature counts if the key is known: --key FILE or --key FINGERPRINT, or \
                          `keys` in mirror.toml, once you have seen from upstream that the key is \
                          theirs";

/// What to do about a signature that does not count, by a key that nobody pinned.
const DISCOUNTED: &str = "the repository is mirrored as one that nobody signs; if upstream has published the \
                          key anew, name that: --key FILE; --repo-gpgcheck require refuses such a \
                          signature";

/// What to do about a key that is trusted for being the first.
const FIRST_USE: &str = "hold the fingerprint against the one that upstream publishes: from now on \
                         a signature by any other key is refused";

/// What to do, each hint once.
pub(crate) fn hints(report: &Report) -> Vec<&'static str> {
    let mut hints = Vec::new();
    let is_new = |tree: &&TreeReport| matches!(tree.outcome, Outcome::Published | Outcome::Planned);
    for tree in report.trees.iter().filter(is_new) {
        let hint = match tree.signature {
            Some(Verdict::NotJudged { .. }) => NOT_JUDGED,
            Some(Verdict::Discounted { .. }) => DISCOUNTED,
            Some(Verdict::Good { trusted: Trusted::FirstUse, .. }) => FIRST_USE,
            _ => continue,
        };
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    let failures = report.trees.iter().flat_map(|tree| {
        tree.failures.iter().chain(tree.failed_sets.iter().map(|failed| &failed.failure))
    });
    for hint in failures.filter_map(report_hint) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

/// An outcome's word, and what there is to say about it in a line.
fn outcome(tree: &TreeReport) -> (&'static str, String) {
    let size = format!("{}, {}", human::files(tree.files), human::bytes(tree.bytes));
    let kept = || match tree.generation {
        Some(generation) => format!("generation {generation} stays published"),
        None if tree.failures.iter().any(is_of_state) => "what is published stays".to_owned(),
        None => "nothing is published yet".to_owned(),
    };
    match tree.outcome {
        Outcome::Published => ("published", format!("{size}: {}{}", changes(tree), unsigned(tree))),
        Outcome::Unchanged => ("unchanged", format!("{size}{}", unsigned(tree))),
        Outcome::Planned => (
            "planned",
            format!(
                "{}, {}: {} to fetch ({}), {}{}",
                human::files(tree.files),
                human::size(tree.bytes, tree.files, tree.unsized_files),
                human::files(tree.fetch_files),
                human::size(tree.fetch_bytes, tree.fetch_files, tree.fetch_unsized),
                changes(tree),
                unsigned(tree)
            ),
        ),
        Outcome::Held => {
            let at = tree.generation.map_or_else(
                || "with its group, and never published".to_owned(),
                |generation| format!("at generation {generation}, {size}"),
            );
            ("held", format!("{at}; `mirror rollback --release {}` lets syncs go on", tree.group))
        }
        Outcome::HeldBack => {
            ("held back", format!("complete, but group {} is not; {}", tree.group, kept()))
        }
        Outcome::Incomplete => {
            let of_files = tree.failures.iter().filter(|failure| failure.path.is_some());
            let (refused, missing): (Vec<_>, Vec<_>) =
                of_files.partition(|failure| failure.kind == Kind::PackageSignature);
            let (refused, missing) = (refused.len(), missing.len());
            let mut what = Vec::new();
            if missing > 0 {
                let (missing, all) = (human::count(missing as u64), human::files(tree.files));
                what.push(format!("{missing} of {all} missing"));
            }
            if refused > 0 {
                let (refused, all) = (human::count(refused as u64), human::files(tree.files));
                what.push(format!("{refused} of {all} refused for their signatures"));
            }
            what.extend(of_the_whole(tree).map(str::to_owned));
            ("incomplete", format!("{}; {}", what.join("; "), kept()))
        }
        Outcome::Failed => {
            let reasons: Vec<_> = of_the_whole(tree).collect();
            ("failed", format!("{}; {}", reasons.join("; "), kept()))
        }
    }
}

/// What is wrong with a tree as a whole, rather than with a file of it.
fn of_the_whole(tree: &TreeReport) -> impl Iterator<Item = &str> {
    let failures = tree.failures.iter().filter(|failure| failure.path.is_none());
    failures.map(|failure| failure.reason.as_str())
}

/// Whether what is published is not known.
fn is_of_state(failure: &report::Failure) -> bool {
    matches!(failure.kind, Kind::Damaged | Kind::Unreadable)
}

fn changes(tree: &TreeReport) -> String {
    let changes = &tree.changes;
    let parts = [(changes.new, "new"), (changes.updated, "updated"), (changes.gone, "gone")];
    let mut parts: Vec<_> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{} {word}", human::count(number)))
        .collect();
    if changes.dropped > 0 {
        parts.push(format!("{} dropped", human::files(changes.dropped)));
    }
    match tree.generation {
        _ if !parts.is_empty() => parts.join(", "),
        // There is nothing that it could be the same as.
        None | Some(1) => "no packages".to_owned(),
        Some(_) => "the same packages".to_owned(),
    }
}

/// The word on a signature that takes no line of its own.
fn unsigned(tree: &TreeReport) -> &'static str {
    match tree.signature {
        Some(Verdict::Unsigned) => "; unsigned",
        Some(Verdict::Off) => "; signature not looked at",
        _ => "",
    }
}

fn remarks(tree: &TreeReport) -> Vec<String> {
    let mut lines: Vec<_> = missing(tree).chain(failed_sets(tree)).collect();
    if let Some(
        verdict @ (Verdict::Good { .. } | Verdict::NotJudged { .. } | Verdict::Discounted { .. }),
    ) = &tree.signature
    {
        lines.push(format!("signature: {verdict}"));
    }
    lines.extend(tree.package_signatures.as_ref().and_then(packages));
    lines.extend(tree.warnings.iter().map(|warning| format!("warning: {warning}")));
    if tree.weakly_verified > 0 {
        lines.push(format!(
            "warning: {} verified by a weak digest (MD5, SHA-1) or by none",
            human::files(tree.weakly_verified)
        ));
    }
    lines
}

/// Whose the signatures in packages are.
fn packages(found: &PackageSignatures) -> Option<String> {
    let by = |by: &SignedBy| {
        let name = if by.name.is_empty() { "a key without a name" } else { &by.name };
        format!("{} signed by {name} ({})", human::count(by.packages), by.key)
    };
    let mut parts: Vec<_> = found.good.iter().map(by).collect();
    for (count, what) in [(found.unsigned, "unsigned"), (found.not_judged, "not judged")] {
        if count > 0 {
            parts.push(format!("{} {what}", human::count(count)));
        }
    }
    (!parts.is_empty()).then(|| format!("packages: {}", parts.join(", ")))
}

/// A reason, after the file that it is about where it does not name that itself.
pub(crate) fn about(path: &str, reason: &str) -> String {
    if reason.contains(path) { reason.to_owned() } else { format!("{path}: {reason}") }
}

fn missing(tree: &TreeReport) -> impl Iterator<Item = String> + '_ {
    tree.failures.iter().filter_map(|failure| {
        let path = failure.path.as_ref()?;
        Some(about(path.as_str(), &failure.reason))
    })
}

/// Which sets failed; why, errors of their own say.
fn failed_sets(tree: &TreeReport) -> impl Iterator<Item = String> + '_ {
    tree.failed_sets.iter().map(|SetFailure { set, is_published, .. }| {
        let kept = if *is_published { "what it had stays" } else { "nothing of it is published" };
        format!("set {set}: failed; {kept}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror_core::path::RepoPath;
    use mirror_core::plan::Changes;

    fn tree(name: &str, outcome: Outcome) -> TreeReport {
        TreeReport {
            tree: name.to_owned(),
            group: "rocky/10".to_owned(),
            outcome,
            generation: Some(4),
            files: 1203,
            bytes: 2 << 30,
            unsized_files: 0,
            fetch_files: 15,
            fetch_bytes: 3 << 20,
            fetch_unsized: 0,
            changes: Changes { new: 12, updated: 3, ..Changes::default() },
            weakly_verified: 0,
            signature: None,
            package_signatures: None,
            warnings: Vec::new(),
            failures: Vec::new(),
            failed_sets: Vec::new(),
        }
    }

    fn report(trees: Vec<TreeReport>) -> Report {
        Report { root: "/srv".into(), trees, requests: 1234, received: 3 << 20 }
    }

    #[test]
    fn says_what_is_new_and_what_is_missing() {
        let mut lacking = tree("rocky/10/baseos", Outcome::Incomplete);
        lacking.failures.push(mirror_core::report::Failure {
            path: Some(RepoPath::new("Packages/a.rpm").unwrap()),
            reason: "http://h/Packages/a.rpm: 404 Not Found, expected 200 OK".to_owned(),
            kind: Kind::NotFound,
        });
        let mut failed = tree("k8s", Outcome::Failed);
        failed.generation = None;
        failed.failures.push(mirror_core::report::Failure {
            path: None,
            reason: "http://k/repodata/repomd.xml: 503 Service Unavailable, expected 200 OK"
                .to_owned(),
            kind: Kind::Other,
        });
        failed.signature = Some(Verdict::Unsigned);
        let mut weak = tree("suse", Outcome::Published);
        weak.signature = Some(Verdict::Good {
            fingerprint: "ab".repeat(20).parse().unwrap(),
            by: "Vendor".to_owned(),
            trusted: Trusted::FirstUse,
        });
        weak.weakly_verified = 1203;
        let report =
            report(vec![lacking, tree("rocky/10/extras", Outcome::HeldBack), failed, weak]);
        assert_eq!(
            summary(&report, Duration::from_secs(42), false),
            "\
rocky/10/baseos  incomplete  1 of 1,203 files missing; generation 4 stays published
  http://h/Packages/a.rpm: 404 Not Found, expected 200 OK
rocky/10/extras  held back   complete, but group rocky/10 is not; generation 4 stays published
k8s              failed      http://k/repodata/repomd.xml: 503 Service Unavailable, expected 200 OK; nothing is published yet
suse             published   1,203 files, 2.00 GiB: 12 new, 3 updated
  signature: good, by Vendor (ABABABABABABABABABABABABABABABABABABABAB), recorded at this first use
  warning: 1,203 files verified by a weak digest (MD5, SHA-1) or by none
received 3.00 MiB in 1,234 requests, 42s
"
        );
        assert_eq!(hints(&report).len(), 2);
        assert_eq!(problems(&report).len(), 4);
    }

    #[test]
    fn a_dry_run_shows_the_plan() {
        let (mut a, mut b) = (tree("a", Outcome::Planned), tree("b", Outcome::Unchanged));
        (a.signature, b.signature) = (Some(Verdict::Unsigned), Some(Verdict::Off));
        let report = report(vec![a, b]);
        assert_eq!(
            summary(&report, Duration::ZERO, true),
            "\
a  planned     1,203 files, 2.00 GiB: 15 files to fetch (3.00 MiB), 12 new, 3 updated; unsigned
b  unchanged   1,203 files, 2.00 GiB; signature not looked at
dry run: nothing was published, 30 files to fetch (6.00 MiB)
"
        );
    }

    #[test]
    fn sizes_that_nobody_says_are_no_zero() {
        let mut tree = tree("pypi", Outcome::Planned);
        (tree.unsized_files, tree.fetch_unsized) = (15, 15);
        tree.fetch_bytes = 0;
        let text = summary(&report(vec![tree]), Duration::ZERO, true);
        assert_eq!(
            text,
            "\
pypi  planned     1,203 files, 2.00 GiB and 15 files of unknown size: 15 files to fetch (size unknown), 12 new, 3 updated
dry run: nothing was published, 15 files to fetch (size unknown)
"
        );
    }

    #[test]
    fn the_last_line_of_json_is_tagged() {
        let line = json_line(&Last::Report {
            dry_run: false,
            complete: true,
            report: &report(Vec::new()),
        });
        assert_eq!(
            line,
            "{\"event\":\"report\",\"dry_run\":false,\"complete\":true,\"root\":\"/srv\",\
             \"trees\":[],\"requests\":1234,\"received\":3145728}\n"
        );
    }
}
