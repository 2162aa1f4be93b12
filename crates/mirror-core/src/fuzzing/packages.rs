//! Targets of what Python indexes and packages hold.

use url::Url;

use crate::format::pypi::metadata::{Metadata, requirement};
use crate::format::pypi::page::write::{Project, href};
use crate::format::pypi::page::{Form, Page};
use crate::format::pypi::sdist::Sdist;
use crate::format::pypi::zip::{Directory, Step, Window, is_metadata};
use crate::limits;

/// A project page in either form. What is read is written and read again; no file's name leads out of
/// a folder, and nothing that is shown moves a cursor.
pub fn page(data: &[u8]) {
    for form in [Form::Html, Form::Json] {
        let page = match Page::read(form, data) {
            Ok(page) => page,
            Err(error) => {
                assert!(!error.to_string().contains(char::is_control), "{error}");
                continue;
            }
        };
        for unusable in &page.unusable {
            let shown = format!("{} {}", unusable.filename, unusable.fault);
            assert!(!shown.contains(char::is_control), "{shown}");
        }
        let Ok(at) = Url::parse("https://h/simple/p/") else { return };
        for file in &page.files {
            let _ = page.url(file, &at);
            let url = at.join(&href(&file.filename)).ok();
            let path = url.as_ref().map(Url::path).unwrap_or_default();
            assert!(path.starts_with("/simple/files/") && path.matches('/').count() == 3, "{path}");
        }
        written(page);
    }
}

fn written(mut page: Page) {
    let Ok(name) = "p".parse() else { return };
    let version = pep440_rs::Version::new([1]);
    page.files.sort_by(|a, b| a.filename.cmp(&b.filename));
    for file in &mut page.files {
        file.url = href(&file.filename);
        file.digests.truncate(1);
    }
    page.unusable.clear();
    page.base = None;
    let files = page.files.iter().map(|file| (version.clone(), file));
    let project = Project::new(&name, "p", page.status.as_ref(), files);
    let (html, json) = (project.html(), project.json());
    page.name = None;
    assert_eq!(Page::read(Form::Html, html.as_bytes()).ok().as_ref(), Some(&page), "{html}");
    page.name = Some("p".to_owned());
    assert_eq!(Page::read(Form::Json, json.as_bytes()).ok().as_ref(), Some(&page), "{json}");
}

/// Core metadata: what is kept of it is written and read again.
pub fn metadata(data: &[u8]) {
    let metadata = match Metadata::read(data) {
        Ok(metadata) => metadata,
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            return;
        }
    };
    for fault in &metadata.faults {
        assert!(!fault.to_string().contains(char::is_control), "{fault}");
    }
    assert!(metadata.expect(&metadata.name, &metadata.version).is_ok());
    for needed in &metadata.requires_dist {
        // A marker may grow past its bound when it is written out.
        if let Ok(again) = requirement(&needed.to_string()) {
            assert_eq!((&again.name, &again.extras), (&needed.name, &needed.extras));
        }
    }
}

/// The metadata of a wheel, by pieces of its end as long as the first byte says: what is needed comes
/// in a few, within the archive, and the pieces do not change what is read.
pub fn zip(data: &[u8]) {
    let Some((tail, archive)) = data.split_first() else { return };
    // A longer piece may show what makes the archive ambiguous.
    if let Some(content) = member(archive, archive.len()) {
        assert_eq!(member(archive, usize::from(*tail)), Some(content));
    }
}

fn member(archive: &[u8], tail: usize) -> Option<Vec<u8>> {
    let size = archive.len() as u64;
    let mut from = archive.len().saturating_sub(tail);
    let mut directory = None;
    for _ in 0..4 {
        let window = Window { start: from as u64, bytes: &archive[from..] };
        match Directory::read(window, size, is_metadata).ok()? {
            Step::Need(range) => {
                assert!(range.start < range.end && range.end == from as u64);
                from = usize::try_from(range.start).ok()?;
            }
            Step::Done(found) => {
                directory = Some(found);
                break;
            }
        }
    }
    assert!(directory.is_some(), "three pieces are enough");
    let directory = directory?;
    let member = directory.members().first()?;
    let mut range = from..archive.len();
    for _ in 0..3 {
        let window = Window { start: range.start as u64, bytes: &archive[range] };
        match member.read(window, super::OPEN).ok()? {
            Step::Need(need) => {
                assert!(need.start < need.end && need.end <= size);
                range = usize::try_from(need.start).ok()?..usize::try_from(need.end).ok()?;
            }
            Step::Done(content) => {
                assert!(content.len() as u64 <= super::OPEN);
                return Some(content);
            }
        }
    }
    panic!("two more pieces are enough");
}

/// A source distribution, as a tar and as a zip archive, and what it says of itself.
pub fn sdist(data: &[u8]) {
    let (Ok(name), Ok(version)) = ("demo".parse(), "1.0".parse()) else { return };
    let tar = Sdist::read_tar(data, &name);
    let zip = Sdist::read_zip(&mut std::io::Cursor::new(data), &name);
    for found in [tar, zip] {
        match found {
            Ok(sdist) => {
                let needs = sdist.metadata(&name, &version);
                if let Ok(needs) = needs {
                    assert!(needs.metadata.requires_dist.len() <= limits::RELEASE_FIELDS);
                }
                let _ = sdist.build_system();
            }
            Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
        }
    }
}
