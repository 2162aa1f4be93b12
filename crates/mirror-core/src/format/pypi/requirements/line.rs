//! A line → a requirement, options, or a file that is included.

use pep508_rs::{MarkerTree, VersionOrUrl};

use super::super::direct::{self, Direct};
use super::super::input::{Fault, Location, Note, Place, Refusal, shown, split_scheme};
use super::super::requirement::{self, RequirementError, head, marker_tree, version_specifiers};
use super::lines::Logical;
use super::options::{self, Name};
use super::{Entry, Requirements, Role, Said, Wanted};
use crate::digest::{Algorithm, Digest};
use crate::limits;

/// Reads a line into `read`; returns the file that it includes, where it does.
pub(super) fn read(
    line: &Logical,
    role: Role,
    at: &Place,
    read: &mut Requirements,
) -> Result<Option<(String, Role)>, Fault> {
    for name in &line.unset {
        let text = format!("${{{name}}} is not set, and stays as it is written");
        read.notes.push(Note { at: at.clone(), text });
    }
    let (text, said) = line.text.split_at(options::begin(&line.text));
    let options = options::read(said)?;
    if text.is_empty() {
        return option_line(options, at, read);
    }
    let written = &line.written[..options::begin(&line.written)];
    let mut hashes = Vec::new();
    for (name, value) in options {
        match name {
            Name::Hash if hashes.len() == limits::DIGESTS => {
                return Err(Fault::Limit {
                    what: "digests of a requirement",
                    limit: limits::DIGESTS,
                });
            }
            Name::Hash => hashes.push(hash(&value)?),
            Name::ConfigSettings | Name::GlobalOption | Name::InstallOption => {
                note(read, at, name, "is for builds, and has no meaning for a mirror");
            }
            // These two count wherever they stand.
            Name::NoBinary => read.options.formats.no_binary(&value)?,
            Name::OnlyBinary => read.options.formats.only_binary(&value)?,
            Name::AllReleases => read.options.releases.all_releases(&value)?,
            Name::OnlyFinal => read.options.releases.only_final(&value)?,
            Name::Editable => return Err(editable(&value)),
            Name::Requirement | Name::Constraint => {
                let text = format!("{} {}", name.long(), shown(&value));
                return Err(Fault::AfterRequirement { text });
            }
            _ => note(
                read,
                at,
                name,
                "has no effect behind a requirement, only on a line of its own",
            ),
        }
    }
    direct::strongest_first(&mut hashes);
    let mut entry = requirement(text, written, hashes, at)?;
    if at.file.is_remote()
        && let Wanted::File(Direct { location: Location::Path(_), .. }) = entry.wanted
    {
        return Err(Fault::LocalFromRemote { text: entry.text });
    }
    if role == Role::Requirements {
        read.entries.push(entry);
        return Ok(None);
    }
    let has_extras = match &entry.wanted {
        Wanted::Project(requirement) => !requirement.extras.is_empty(),
        Wanted::File(direct) => !direct.extras.is_empty(),
    };
    let reason = match (has_extras, entry.name()) {
        (true, _) => "it has extras",
        (_, None) => "it has no name",
        (false, Some(_)) => {
            read.constraints.push(entry);
            return Ok(None);
        }
    };
    let text = std::mem::take(&mut entry.text);
    Err(Fault::Constraint { text, reason })
}

fn note(read: &mut Requirements, at: &Place, name: Name, text: &str) {
    read.notes.push(Note { at: at.clone(), text: format!("{} {text}", name.long()) });
}

fn editable(value: &str) -> Fault {
    Fault::Refused { text: shown(&format!("-e {value}")), refusal: Refusal::Editable }
}

/// A line of options alone.
fn option_line(
    said: Vec<(Name, String)>,
    at: &Place,
    read: &mut Requirements,
) -> Result<Option<(String, Role)>, Fault> {
    let mut include: Option<(String, Role)> = None;
    let mut had_others = None;
    for (name, value) in said {
        if !matches!(name, Name::Requirement | Name::Constraint) {
            had_others = Some(name);
        }
        let here = || Place::clone(at);
        let location = |value: &str| {
            let value = Location::parse(value)?;
            let is_local = matches!(value, Location::Path(_)) && at.file.is_remote();
            if is_local {
                return Err(Fault::LocalFromRemote { text: value.to_string() });
            }
            Ok(Said { value, at: here() })
        };
        let options = &mut read.options;
        match name {
            Name::Requirement | Name::Constraint if include.is_some() => {
                let text = format!("{} {}", name.long(), shown(&value));
                return Err(Fault::AfterOption { text });
            }
            Name::Requirement => include = Some((value, Role::Requirements)),
            Name::Constraint => include = Some((value, Role::Constraints)),
            Name::Editable => return Err(editable(&value)),
            Name::IndexUrl => options.index_url = Some(location(&value)?),
            Name::ExtraIndexUrl => options.extra_index_urls.push(location(&value)?),
            Name::NoIndex => options.no_index = true,
            Name::FindLinks => options.find_links.push(location(&value)?),
            Name::TrustedHost => {
                let is_host = !value.is_empty()
                    && !value.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@'));
                if !is_host {
                    let (option, expected) = (name.long(), "a host, or host:port");
                    let found = format!("{:?}", shown(&value));
                    return Err(Fault::OptionValue { option, expected, found });
                }
                options.trusted_hosts.push(Said { value, at: here() });
            }
            Name::NoBinary => options.formats.no_binary(&value)?,
            Name::OnlyBinary => options.formats.only_binary(&value)?,
            Name::PreferBinary => options.prefer_binary = true,
            Name::Pre => options.releases.pre(),
            Name::AllReleases => options.releases.all_releases(&value)?,
            Name::OnlyFinal => options.releases.only_final(&value)?,
            Name::RequireHashes => options.require_hashes = Some(true),
            Name::NoRequireHashes => options.require_hashes = Some(false),
            Name::Hash => {
                hash(&value)?;
                note(read, at, name, "has no effect without a requirement before it");
            }
            Name::UseFeature => {
                note(read, at, name, "is pip's own, and has no meaning for a mirror");
            }
            Name::ConfigSettings | Name::GlobalOption | Name::InstallOption => {
                note(read, at, name, "is for builds, and has no meaning for a mirror");
            }
        }
    }
    if include.is_some()
        && let Some(name) = had_others
    {
        note(read, at, name, "counts here; pip drops what stands beside a -r or -c");
    }
    Ok(include)
}

/// The algorithms that pip takes.
fn hash(value: &str) -> Result<Digest, Fault> {
    let wrong = |reason: String| Fault::Hash { text: shown(value), reason };
    let Some((algorithm, hex)) = value.split_once(':') else {
        return Err(wrong("expected ALGORITHM:DIGEST".to_owned()));
    };
    match Algorithm::from_name(algorithm) {
        Some(algorithm) if !algorithm.is_weak() => {
            Digest::from_hex(algorithm, hex).map_err(|error| wrong(error.to_string()))
        }
        _ => Err(wrong(format!("expected sha256, sha384 or sha512, found {:?}", shown(algorithm)))),
    }
}

/// Reads what stands before the options. `written` is the same before variables were put in: what may
/// be shown.
pub(super) fn requirement(
    text: &str,
    written: &str,
    hashes: Vec<Digest>,
    at: &Place,
) -> Result<Entry, Fault> {
    let text = text.trim();
    // What a variable stands for is in no message.
    let is_plain = text == written.trim();
    let written = shown(written.trim());
    let wanted = wanted(text).map_err(|wrong| match wrong {
        Wrong::Requirement(RequirementError(reason)) => Fault::Requirement {
            text: written.clone(),
            reason: if is_plain { shown(&reason) } else { "once its variables are put in".into() },
        },
        Wrong::Fault(fault) if is_plain => fault,
        Wrong::Fault(Fault::Refused { refusal, .. }) => {
            Fault::Refused { text: written.clone(), refusal }
        }
        Wrong::Fault(_) => Fault::Requirement {
            text: written.clone(),
            reason: "no usable file or URL once its variables are put in".into(),
        },
    })?;
    Ok(Entry { wanted, hashes, at: at.clone(), text: written })
}

enum Wrong {
    Requirement(RequirementError),
    Fault(Fault),
}

impl From<RequirementError> for Wrong {
    fn from(error: RequirementError) -> Self {
        Self::Requirement(error)
    }
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn wanted(text: &str) -> Result<Wanted, Wrong> {
    // As pip: a semicolon may be part of a URL, and then begins a marker only before a space.
    let is_url = split_scheme(text).is_some_and(|(scheme, rest)| {
        let is_known =
            ["http", "https", "file", "ftp"].iter().any(|s| scheme.eq_ignore_ascii_case(s));
        is_known || scheme.contains('+') || rest.starts_with("//")
    });
    let (body, marker) = match text.split_once(if is_url { "; " } else { ";" }) {
        Some((body, marker)) if !marker.trim().is_empty() => (body, marker_tree(marker)?),
        Some((body, _)) => (body, MarkerTree::TRUE),
        None => (text, MarkerTree::TRUE),
    };
    let body = body.trim();
    if is_url || body.starts_with("git@") {
        return Ok(Wanted::File(Direct::parse(body, None, Vec::new(), marker)?));
    }
    let begun = head(body);
    if let Ok(head) = &begun
        && let Some(url) = head.rest.strip_prefix('@')
    {
        let (name, extras) = (head.name.clone(), head.extras.clone());
        return Ok(Wanted::File(Direct::parse(url.trim(), Some(name), extras, marker)?));
    }
    // `./a-1.0.tar.gz[extra]`
    let (path, extras) = match body.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        Some((path, extras)) => (path.trim_end(), Some(extras)),
        None => (body, None),
    };
    if direct::is_archive(path) {
        // Most likely two requirements; pip takes it for a path, and where it holds an @ for neither.
        let is_path = path.starts_with(['.', '/']) || !path.contains(char::is_whitespace);
        if !is_path || path.contains("://") {
            let reason = "expected one requirement a line, or a path with spaces to begin with ./";
            return Err(RequirementError(reason.to_owned()).into());
        }
        let extras = match extras {
            Some(extras) => head(&format!("x[{extras}]"))?.extras,
            None => Vec::new(),
        };
        return Ok(Wanted::File(Direct::parse(path, None, extras, marker)?));
    }
    let head = match begun {
        Ok(head) => head,
        Err(error) if body.starts_with('.') || body.contains('/') => {
            let is_list = [".txt", ".in"].iter().any(|ending| body.ends_with(ending));
            return Err(if is_list {
                RequirementError("a requirements file is included with -r".to_owned()).into()
            } else if body.contains(char::is_whitespace) {
                error.into()
            } else {
                Fault::Refused { text: shown(body), refusal: Refusal::Folder }.into()
            });
        }
        Err(error) => return Err(error.into()),
    };
    let specifiers = version_specifiers(head.rest)?;
    let specifiers = (!specifiers.is_empty()).then_some(VersionOrUrl::VersionSpecifier(specifiers));
    Ok(Wanted::Project(requirement::new(head.name, head.extras, specifiers, marker)))
}
