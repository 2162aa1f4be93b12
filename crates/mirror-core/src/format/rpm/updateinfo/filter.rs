//! What is left of the advisories once some packages are gone.

use std::io::{BufRead, Write};

use super::{Advisory, Package, Writer, read_advisories};
use crate::format::rpm::FormatError;

/// What a filter did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filtered {
    /// Advisories that are left.
    pub kept: u64,
    /// Advisories that had packages and have none left.
    pub dropped: u64,
    /// How many of those that are left have no id: clients list them without a name.
    pub without_id: u64,
    /// What the first of these is called.
    pub first_without_id: Option<String>,
}

/// Reads an updateinfo document and writes it with those packages only that `keep` takes.
///
/// A collection or advisory that had packages and has none left is dropped; one that never had any
/// says what it said. Ids are not looked at: an advisory without one, and two of the same, stay. What
/// is kept reads the same as before.
pub fn filter(
    reader: impl BufRead,
    writer: impl Write,
    mut keep: impl FnMut(&Package) -> bool,
) -> Result<Filtered, FormatError> {
    let mut filtered = Filtered::default();
    let mut writer = Writer::new(writer);
    read_advisories(reader, |mut advisory| {
        if !retain(&mut advisory, &mut keep) {
            filtered.dropped += 1;
            return Ok(());
        }
        filtered.kept += 1;
        if advisory.id.is_empty() {
            filtered.without_id += 1;
            filtered.first_without_id.get_or_insert_with(|| advisory.label());
        }
        writer.write(&advisory).map_err(FormatError::Write)
    })?;
    writer.finish().map_err(FormatError::Write)?;
    Ok(filtered)
}

/// Whether something is left of it.
fn retain(advisory: &mut Advisory, keep: &mut impl FnMut(&Package) -> bool) -> bool {
    if advisory.packages().next().is_none() {
        return true;
    }
    advisory.collections.retain_mut(|collection| {
        let had_some = !collection.packages.is_empty();
        collection.packages.retain(&mut *keep);
        !had_some || !collection.packages.is_empty()
    });
    advisory.packages().next().is_some()
}
