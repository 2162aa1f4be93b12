//! What [`crate::fuzzing`] runs of these formats.

use super::input::{Fault, InputError, Location};
use super::lock::Lock;
use super::pyproject::{PyProject, Selection, Which};
use super::requirements::{Reading, Role};
use super::{pylock, requirement, uv_lock};
use crate::limits;

fn file() -> Location {
    Location::Path("site/file".into())
}

/// What is shown of an error fits a terminal.
fn shows(error: &InputError) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    // A list of names is as long as there are names.
    let is_list = matches!(error.fault, Fault::Cycle { .. } | Fault::Unknown { .. });
    assert!(is_list || text.len() < 20_000, "{text}");
}

/// A reading ends, in whichever way files include one another.
pub(crate) fn requirements(data: &[u8]) {
    let variable = |name: &str| (name.len() < 4).then(|| "value".to_owned());
    for role in [Role::Requirements, Role::Constraints] {
        let mut reading = Reading::new(&variable);
        reading.add(file(), role);
        let mut files = 0;
        while reading.wanted().is_some() && files < 50 {
            files += 1;
            // Every other file includes the same again.
            let content = if files % 2 == 1 { data } else { b"-r again\n" };
            if let Err(error) = reading.take(content) {
                return shows(&error);
            }
        }
        let read = reading.finish();
        if let Err(error) = read.is_exact() {
            shows(&error);
        }
        for entry in read.entries.iter().chain(&read.constraints) {
            assert!(entry.at.line.is_some() && !entry.text.contains(char::is_control));
            let _ = (entry.pinned(), entry.name(), entry.marker());
        }
    }
}

/// A requirement that is read means the same when it is written and read again.
pub(crate) fn requirement(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for line in text.lines() {
        let Ok(read) = requirement::parse(line) else { continue };
        let again = requirement::parse(&read.to_string());
        let again = again.map(|again| (again.name, again.extras, again.version_or_url));
        // A marker may grow past its bound when it is written out.
        if let Ok(again) = again {
            assert_eq!(again, (read.name, read.extras, read.version_or_url), "{line}");
        }
    }
}

/// Every selection of a project comes to an end.
pub(crate) fn pyproject(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let project = match PyProject::read(file(), text) {
        Ok(project) => project,
        Err(error) => return shows(&error),
    };
    for (extras, groups) in [(Which::All, Which::None), (Which::None, Which::All)] {
        let selection = Selection { dependencies: true, extras, groups, build: true };
        match project.select(&selection) {
            Ok(selected) => assert!(selected.entries.len() <= limits::REQUIREMENTS),
            Err(error) => shows(&error),
        }
    }
}

fn lock(read: Result<Lock, InputError>) {
    match read {
        Ok(lock) => {
            for package in &lock.packages {
                assert!(!package.files.is_empty());
                for file in &package.files {
                    let name = &file.filename;
                    assert!(name.len() <= limits::NAME_LEN && !name.contains('/'), "{name}");
                }
            }
        }
        Err(error) => shows(&error),
    }
}

/// Reads a `pylock.toml`.
pub(crate) fn pylock(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        lock(pylock::read(file(), text));
    }
}

/// Reads a `uv.lock`.
pub(crate) fn uv_lock(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        lock(uv_lock::read(file(), text));
    }
}
