//! HTML pages (PEP 503): the attributes of anchors, `<base>` and `<meta>`, nothing else.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{
    CoreMetadata, Draft, FileFault, Page, PageError, ProjectStatus, Status, clean, excerpt, scheme,
};
use crate::digest::{Algorithm, Digest};
use crate::limits;

mod tags;

use tags::{Tag, Tags, unescape};

/// Reads a page.
pub(super) fn read(document: &[u8]) -> Result<Page, PageError> {
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    let start = document.trim_ascii_start();
    if start.first() != Some(&b'<') {
        let found = match start {
            [] => "nothing at all".to_owned(),
            start => {
                format!("{:?}", excerpt(&String::from_utf8_lossy(&start[..start.len().min(480)])))
            }
        };
        return Err(PageError::Shape { expected: "HTML", found });
    }
    let mut tags = Tags::new(document);
    let mut page = Page::default();
    let mut is_past_anchor = false;
    let mut reason = None;
    while let Some(tag) = tags.next()? {
        match tag {
            Tag::Anchor => {
                is_past_anchor = true;
                if let Some(draft) = anchor(&mut tags)? {
                    page.push(draft)?;
                }
            }
            Tag::Base => {
                let base = base(&mut tags)?;
                // As browsers do: the first one. Behind an anchor it came too late for some clients.
                if page.base.is_none() && !is_past_anchor {
                    page.base = base;
                }
            }
            Tag::Meta => meta(&mut tags, &mut page, &mut reason)?,
            Tag::Other => {}
        }
    }
    if let Some(status) = &mut page.status {
        status.reason = reason;
    }
    Ok(page)
}

/// What an anchor says of a file; `None` where it leads to no file.
fn anchor<'a>(tags: &mut Tags<'a>) -> Result<Option<Draft<'a>>, PageError> {
    let mut draft = Draft::default();
    let mut href = None;
    let mut core_metadata = None;
    let mut legacy_metadata = None;
    let mut seen = 0_u16;
    while let Some((name, value)) = tags.attribute()? {
        let mut lower = [0; 32];
        let Some(lower) = lower.get_mut(..name.len()) else { continue };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let attribute = match &*lower {
            b"href" => 0,
            b"data-requires-python" => 1,
            b"data-yanked" => 2,
            b"data-core-metadata" => 3,
            b"data-dist-info-metadata" => 4,
            b"data-size" => 5,
            b"data-upload-time" => 6,
            b"data-provenance" => 7,
            _ => continue,
        };
        // The first of two equal attributes counts.
        if seen & (1 << attribute) != 0 {
            continue;
        }
        seen |= 1 << attribute;
        let text = match unescape(value) {
            Ok(text) => text,
            // The name is for messages only.
            Err(lossy) if attribute == 0 => {
                draft.fault.get_or_insert(FileFault::Kind {
                    what: "URL",
                    expected: "UTF-8",
                    found: format!("{:?}", excerpt(&lossy)),
                });
                Cow::Owned(lossy)
            }
            Err(lossy) => Cow::Owned(lossy),
        };
        match attribute {
            0 => href = Some(text),
            1 => draft.requires_python = Some(text),
            2 => draft.yanked = Some(text),
            3 => core_metadata = Some(metadata(&text)),
            4 => legacy_metadata = Some(metadata(&text)),
            5 => draft.size = text.trim().parse().ok(),
            6 => draft.upload_time = Some(text),
            _ => draft.provenance = Some(text),
        }
    }
    draft.core_metadata = core_metadata.or(legacy_metadata).unwrap_or_default();
    let Some(href) = href.map(trimmed) else { return Ok(None) };
    let (url, fragment) = split(href);
    match filename(&url) {
        Ok(name) if name.is_empty() => return Ok(None),
        Ok(name) => draft.filename = Cow::Owned(name.into_owned()),
        Err(lossy) => {
            draft.fault.get_or_insert(FileFault::Kind {
                what: "name",
                expected: "UTF-8",
                found: format!("{:?}", excerpt(&lossy)),
            });
            draft.filename = Cow::Owned(lossy);
        }
    }
    if let Err(fault) = digests(&fragment, &mut draft.digests) {
        draft.fault.get_or_insert(fault);
    }
    draft.url = url;
    Ok(Some(draft))
}

/// As the URL standard reads it: without white space around, and without tabs and line ends.
fn trimmed(href: Cow<'_, str>) -> Cow<'_, str> {
    let around = |c: char| c <= ' ';
    if !href.contains(['\t', '\n', '\r']) && !href.starts_with(around) && !href.ends_with(around) {
        return href;
    }
    Cow::Owned(href.trim_matches(around).replace(['\t', '\n', '\r'], ""))
}

/// The URL and its fragment.
fn split(href: Cow<'_, str>) -> (Cow<'_, str>, Cow<'_, str>) {
    match href {
        Cow::Borrowed(href) => {
            let (url, fragment) = href.split_once('#').unwrap_or((href, ""));
            (url.into(), fragment.into())
        }
        Cow::Owned(mut href) => match href.find('#') {
            Some(at) => {
                let fragment = href.split_off(at + 1);
                href.pop();
                (href.into(), fragment.into())
            }
            None => (href.into(), Cow::Borrowed("")),
        },
    }
}

/// The name of the file that a URL leads to: its path's last segment, decoded; empty where there is
/// none (a link to a folder, to a host, to an address).
fn filename(url: &str) -> Result<Cow<'_, str>, String> {
    let path = url.split('?').next().unwrap_or_default();
    let path = match scheme(path) {
        None => match path.strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => path,
        },
        Some(scheme) => match path[scheme.len() + 1..].strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            // mailto:, javascript:, data:
            None => "",
        },
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    if matches!(name, "." | "..") {
        return Ok("".into());
    }
    let decoded = percent_decode_str(name);
    decoded.clone().decode_utf8().map_err(|_| decoded.decode_utf8_lossy().into_owned())
}

/// The digests of a URL's fragment: `sha256=HEX`, perhaps among other things (`egg=`,
/// `subdirectory=`) behind `&`. Algorithms that we do not know are passed over.
fn digests(fragment: &str, digests: &mut Vec<Digest>) -> Result<(), FileFault> {
    if fragment.is_empty() {
        return Ok(());
    }
    for part in fragment.split('&') {
        let Some((name, hex)) = part.split_once('=') else { continue };
        let Some(algorithm) = Algorithm::from_name(name) else { continue };
        // Not more than there are algorithms, and a pair that contradicts itself.
        if digests.len() < 8 {
            digests.push(Digest::from_hex(algorithm, hex)?);
        }
    }
    Ok(())
}

/// The value of `data-core-metadata`: `true`, `false`, or a digest. What does not parse is taken for
/// none: the metadata can still be had out of the file.
fn metadata(value: &str) -> CoreMetadata {
    let value = value.trim();
    match value.split_once('=') {
        None if value.eq_ignore_ascii_case("true") || value.is_empty() => CoreMetadata::Offered,
        None => CoreMetadata::No,
        Some((name, hex)) => match Algorithm::from_name(name) {
            None => CoreMetadata::Offered,
            Some(algorithm) => {
                Digest::from_hex(algorithm, hex).map_or(CoreMetadata::No, CoreMetadata::Digest)
            }
        },
    }
}

fn base(tags: &mut Tags<'_>) -> Result<Option<String>, PageError> {
    let mut href = None;
    while let Some((name, value)) = tags.attribute()? {
        if href.is_none() && name.eq_ignore_ascii_case(b"href") {
            href = Some(unescape(value).unwrap_or_else(Cow::Owned));
        }
    }
    match href {
        Some(href) if href.len() > limits::PAGE_TEXT => {
            Err(PageError::Limit { what: "bytes of the base URL", limit: limits::PAGE_TEXT as u64 })
        }
        href => Ok(href.map(|href| trimmed(href).into_owned())),
    }
}

/// The version of the format (PEP 629) and the status of the project (PEP 792).
fn meta(
    tags: &mut Tags<'_>,
    page: &mut Page,
    reason: &mut Option<String>,
) -> Result<(), PageError> {
    let mut name = None;
    let mut content = None;
    while let Some((attribute, value)) = tags.attribute()? {
        if attribute.eq_ignore_ascii_case(b"name") {
            name.get_or_insert(value);
        } else if attribute.eq_ignore_ascii_case(b"content") {
            content.get_or_insert(value);
        }
    }
    let (Some(name), Some(content)) = (name, content) else { return Ok(()) };
    let content = unescape(content).unwrap_or_else(Cow::Owned);
    match name.trim_ascii().to_ascii_lowercase().as_slice() {
        b"pypi:repository-version" => check_version(content.trim())?,
        b"pypi:project-status" if page.status.is_none() => {
            let status = Status::from_name(content.trim());
            page.status = status.map(|status| ProjectStatus { status, reason: None });
        }
        b"pypi:project-status-reason" if reason.is_none() => {
            *reason = clean("reason", content).ok().filter(|reason| !reason.trim().is_empty());
        }
        _ => {}
    }
    Ok(())
}

/// `MAJOR.MINOR` with a major version of 1: minor ones add what may be passed over.
pub(super) fn check_version(version: &str) -> Result<(), PageError> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match version.split_once('.') {
        Some(("1", minor)) if number(minor) => Ok(()),
        _ => Err(PageError::Version { found: excerpt(version) }),
    }
}
