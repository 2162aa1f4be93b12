//! The kinds of metadata, and what becomes of each when packages are left out.

use std::cmp::Ordering;

use super::side::Side;
use crate::format::compression::Compression;
use crate::format::rpm::blocks;

/// What becomes of a metadata file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It lists packages, and is written again with those that are left.
    Packages(blocks::Kind),
    /// It names packages, and is filtered.
    Side(Side),
    /// It is carried over as it is.
    Whole,
    /// It is left out.
    None,
}

/// What becomes of the files of a kind.
pub(super) fn part(kind: &str) -> Part {
    match kind {
        "primary" => Part::Packages(blocks::Kind::Primary),
        "filelists" => Part::Packages(blocks::Kind::Filelists),
        "filelists-ext" => Part::Packages(blocks::Kind::FilelistsExt),
        "other" => Part::Packages(blocks::Kind::Other),
        // `susedata.de` and the like are the same in other languages.
        "susedata" => Part::Packages(blocks::Kind::Susedata),
        _ if kind.starts_with("susedata.") => Part::Packages(blocks::Kind::Susedata),
        "updateinfo" => Part::Side(Side::Updateinfo),
        "modules" => Part::Side(Side::Modules),
        "group" => Part::Side(Side::Comps),
        // Deltas are made of packages that need not be there; DNF 5 knows them no more.
        "prestodelta" | "deltainfo" => Part::None,
        _ if kind.ends_with("_db") || kind.ends_with("_zck") => Part::None,
        // `group_gz` and the like are the same, compressed.
        _ if kind.starts_with("group_") => Part::Side(Side::Comps),
        _ => Part::Whole,
    }
}

/// The order of records in `repomd.xml`, as createrepo_c has it.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    let rank = |kind: &str| match kind {
        "primary" => 0,
        "filelists" => 1,
        "filelists-ext" => 2,
        "other" => 3,
        _ => 4,
    };
    rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
}

/// What the name of a compressed file ends with, dot included.
pub(super) fn extension(name: &str) -> &str {
    match (Compression::from_name(name), name.rfind('.')) {
        (Compression::None, _) | (_, None) => "",
        (_, Some(at)) => &name[at..],
    }
}
