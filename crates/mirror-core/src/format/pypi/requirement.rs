//! Requirements, as PEP 508 and its successor (the specification of dependency specifiers) write
//! them: `name[extra]>=1.0; python_version < "3.11"`.
//!
//! The words are taken apart here, and only versions and markers left to `pep440_rs` and
//! `pep508_rs`. The latter's reader of whole requirements panics at `name- >=1`, at `name[extra-]` and
//! at some letters that are not ASCII, reads variables of the environment, and does not know the empty
//! parentheses and last commas of old metadata. What it is given is bounded: a marker becomes a
//! decision diagram, which a few hundred bytes can make larger than the memory.

use std::cmp::min;

use pep440_rs::{VersionSpecifier, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerTree, PackageName, VersionOrUrl};
use url::Url;

use super::Requirement;
use crate::limits;

/// Why a text is no requirement, as the second half of a sentence. It may quote the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RequirementError(pub(crate) String);

fn wrong<T>(reason: impl Into<String>) -> Result<T, RequirementError> {
    Err(RequirementError(reason.into()))
}

/// Reads a requirement.
pub fn parse(text: &str) -> Result<Requirement, RequirementError> {
    let Head { name, extras, rest } = head(text)?;
    if let Some(rest) = rest.strip_prefix('@') {
        let rest = rest.trim();
        let (url, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let url = match Url::parse(url) {
            Ok(url) => url,
            Err(error) => return wrong(format!("URL: {error}")),
        };
        let marker = match behind.trim_start().strip_prefix(';') {
            Some(marker) => marker_tree(marker)?,
            None if behind.trim().is_empty() => MarkerTree::TRUE,
            None => return wrong("expected a semicolon and a marker behind the URL"),
        };
        return Ok(new(name, extras, Some(VersionOrUrl::Url(url)), marker));
    }
    let (specifiers, marker) = match rest.split_once(';') {
        Some((specifiers, marker)) => (specifiers, marker_tree(marker)?),
        None => (rest, MarkerTree::TRUE),
    };
    let specifiers = version_specifiers(specifiers)?;
    let specifiers = (!specifiers.is_empty()).then_some(VersionOrUrl::VersionSpecifier(specifiers));
    Ok(new(name, extras, specifiers, marker))
}

pub(crate) fn new(
    name: PackageName,
    extras: Vec<ExtraName>,
    version_or_url: Option<VersionOrUrl<Url>>,
    marker: MarkerTree,
) -> Requirement {
    Requirement { name, extras, version_or_url, marker, origin: None }
}

/// The name of a project; `pep508_rs` itself takes the empty one.
pub(crate) fn package_name(text: &str) -> Option<PackageName> {
    text.parse().ok().filter(|_| !text.is_empty())
}

/// The name of an extra, or of a dependency group.
pub(crate) fn extra_name(text: &str) -> Option<ExtraName> {
    text.parse().ok().filter(|_| !text.is_empty())
}

/// The beginning of a requirement.
pub(crate) struct Head<'a> {
    pub(crate) name: PackageName,
    pub(crate) extras: Vec<ExtraName>,
    /// What follows, without white space around it.
    pub(crate) rest: &'a str,
}

/// Reads the name and the extras.
pub(crate) fn head(text: &str) -> Result<Head<'_>, RequirementError> {
    if text.len() > limits::REQUIREMENT_LEN {
        return wrong(format!("expected at most {} bytes", limits::REQUIREMENT_LEN));
    }
    let text = text.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return wrong(match text.chars().next() {
            Some(c) => format!("expected a name of letters and digits, found {c:?}"),
            None => "expected a name, found nothing".to_owned(),
        });
    }
    let Some(name) = package_name(name) else {
        return wrong(format!(
            "expected a name that begins and ends with a letter or digit, found {name:?}"
        ));
    };
    let rest = rest.trim_start();
    let (extras, rest) = match rest.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((names, rest)) => (extra_names(names)?, rest),
            None => return wrong("expected a ] behind the extras"),
        },
        None => (Vec::new(), rest),
    };
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with(['@', '(', '<', '>', '=', '!', '~', ';']) {
        return Ok(Head { name, extras, rest });
    }
    let found = rest.chars().next().unwrap_or_default();
    wrong(format!("expected a comparison such as >=1.0 behind the name, found {found:?}"))
}

fn extra_names(names: &str) -> Result<Vec<ExtraName>, RequirementError> {
    if names.trim().is_empty() {
        return Ok(Vec::new());
    }
    let name = |name: &str| {
        let name = name.trim();
        extra_name(name)
            .map_or_else(|| wrong(format!("expected the name of an extra, found {name:?}")), Ok)
    };
    names.split(',').map(name).collect()
}

/// Reads `>=1.0,<2`, which may stand in parentheses, be empty, and end with a comma.
pub(crate) fn version_specifiers(text: &str) -> Result<VersionSpecifiers, RequirementError> {
    let mut text = text.trim();
    if let Some(inner) = text.strip_prefix('(') {
        let Some(inner) = inner.strip_suffix(')') else {
            return wrong("expected a ) behind the version specifiers");
        };
        text = inner.trim();
    }
    let text = text.strip_suffix(',').unwrap_or(text).trim_end();
    if text.is_empty() {
        return Ok(VersionSpecifiers::empty());
    }
    let mut specifiers = Vec::new();
    for specifier in text.split(',') {
        if specifiers.len() == limits::VERSION_SPECIFIERS {
            let limit = limits::VERSION_SPECIFIERS;
            return wrong(format!("expected at most {limit} version specifiers"));
        }
        match specifier.trim().parse::<VersionSpecifier>() {
            Ok(specifier) => specifiers.push(specifier),
            Err(error) => return wrong(error.to_string()),
        }
    }
    Ok(specifiers.into_iter().collect())
}

/// Reads a marker.
pub(crate) fn marker_tree(text: &str) -> Result<MarkerTree, RequirementError> {
    let text = text.trim();
    if text.is_empty() {
        return wrong("expected a marker behind the semicolon");
    }
    // All that a marker can be compared with is ASCII, and other text can end the reader's process.
    if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
        return wrong(format!("marker: expected ASCII, found {c:?}"));
    }
    bound_marker(text)?;
    MarkerTree::parse_str::<Url>(text)
        .map_err(|error| RequirementError(format!("marker: {}", error.message)))
}

/// Counts what makes a marker's diagram large, and the depth of its reader's recursion.
///
/// A diagram has a level per variable; each extra and each string of an `in` is one of its own. Pairs
/// of those, joined by `and`, may double its size each.
fn bound_marker(text: &str) -> Result<(), RequirementError> {
    let too = |what: &str, limit: usize| wrong(format!("marker: expected at most {limit} {what}"));
    let (mut words, mut depth, mut ands, mut free) = (0, 0_usize, 0, 0);
    let mut count = |word: &str| match word {
        "and" => ands += 1,
        "in" | "extra" => free += 1,
        _ => {}
    };
    let mut quote = None;
    let mut word = 0..0;
    for (at, c) in text.char_indices() {
        let is_word = quote.is_none() && (c.is_alphanumeric() || c == '_' || c == '.');
        if is_word {
            word.end = at + c.len_utf8();
            continue;
        }
        if word.start < word.end {
            words += 1;
            count(&text[word]);
        }
        word = at + c.len_utf8()..0;
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::MARKER_DEPTH {
            return too("parentheses within one another", limits::MARKER_DEPTH);
        }
    }
    if words > limits::MARKER_WORDS {
        return too("words", limits::MARKER_WORDS);
    }
    if min(ands, free / 2) > limits::MARKER_PAIRS {
        return too("pairs of extras or strings", limits::MARKER_PAIRS);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_packaging_reads() {
        for (text, expected) in [
            ("A_b.C", "a-b-c"),
            (" a [X_y , z] >= 1.0 , <2 ", "a[x-y,z]>=1.0,<2"),
            ("a(>=1,!=1.5)", "a>=1,!=1.5"),
            ("a ( )", "a"),
            ("a>=1,", "a>=1"),
            ("a[]", "a"),
            ("a==1.*;os_name=='a'", "a==1.* ; os_name == 'a'"),
            ("a @ https://h.example/a.whl", "a @ https://h.example/a.whl"),
            (
                "a[x]@https://h.example/a;b ; os_name=='a'",
                "a[x] @ https://h.example/a;b ; os_name == 'a'",
            ),
            ("requests-2.26.0.tar.gz", "requests-2-26-0-tar-gz"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn names_what_is_wrong_and_never_panics() {
        for (text, expected) in [
            ("", "expected a name, found nothing"),
            ("-a", "expected a name that begins and ends with a letter or digit, found \"-a\""),
            ("a- >=1", "expected a name that begins and ends with a letter or digit, found \"a-\""),
            ("a-[x]", "expected a name that begins and ends with a letter or digit, found \"a-\""),
            ("é", "expected a name of letters and digits, found 'é'"),
            ("a[x-]", "expected the name of an extra, found \"x-\""),
            ("a[x,]", "expected the name of an extra, found \"\""),
            ("a[x", "expected a ] behind the extras"),
            ("a b", "expected a comparison such as >=1.0 behind the name, found 'b'"),
            ("a=>1", "no such comparison operator \"=>\", must be one of ~= == != <= >= < > ==="),
            ("a(>=1", "expected a ) behind the version specifiers"),
            ("a>=1;", "expected a marker behind the semicolon"),
            ("a;os_name=='nt' é", "marker: expected ASCII, found 'é'"),
            ("a @ x", "URL: relative URL without a base"),
            ("a @ https://h.example/x y", "expected a semicolon and a marker behind the URL"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        for text in
            ["a>=1.*", "a>1,,<2", "a==", "a;x", "a;os_name", "a;(os_name=='a'", "a>\u{1F600}"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bounds_what_a_marker_may_cost() {
        let deep = format!("a;{}os_name=='a'{}", "(".repeat(100_000 / 4), ")".repeat(100_000 / 4));
        assert!(parse(&deep).unwrap_err().to_string().contains("parentheses"));
        let pairs: Vec<_> = (0..40).map(|n| format!("(extra=='a{n}' and extra=='b{n}')")).collect();
        let error = parse(&format!("a;{}", pairs.join(" or "))).unwrap_err();
        assert!(error.to_string().contains("pairs of extras"), "{error}");
        let strings: Vec<_> =
            (0..40).map(|n| format!("('a{n}' in os_name or 'b{n}' in os_name)")).collect();
        assert!(parse(&format!("a;{}", strings.join(" and "))).is_err());
        // As many extras as projects have, in the usual form.
        let many: Vec<_> = (0..60).map(|n| format!("extra=='a{n}'")).collect();
        assert!(parse(&format!("a;python_version<'4' and ({})", many.join(" or "))).is_ok());
        let words = vec!["os_name=='a'"; 2_000].join(" or ");
        assert!(parse(&format!("a;{words}")).unwrap_err().to_string().contains("words"));
        assert!(parse(&"a".repeat(limits::REQUIREMENT_LEN + 1)).is_err());
        assert!(parse(&format!("a{}", vec![">1"; 1_001].join(","))).is_err());
    }
}
