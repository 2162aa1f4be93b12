//! The replacements of a publication, written down before the first one is done.
//!
//! Everything that a replacement needs is on disk and synced when the journal appears; so whoever
//! finds one can finish it, as often as it takes. Paths are relative to the root.
//!
//! What reaches the disk, and in which order, so that a power loss at any instant leaves every tree
//! as it was or as it is to be:
//!
//! 1. what the replacements need, on every file system: the publication's sync
//! 2. the journal: its content, then its name
//! 3. the replacements, on every file system
//! 4. that the journal is gone, before anybody writes or stages anything else
//!
//! A journal that comes back between 3 and 4 is done again over its own result, which changes
//! nothing. Without 4 it might come back later and find under the names that it knows what the next
//! publication had begun to write there. Each of 2 to 4 is one sync for a whole group of trees: two
//! of `.mirror`, and one of each file system.
//!
//! ```text
//! mirror-journal 1
//! replace FROM TO                          tab between the fields
//! switch FROM TO INODE [NAME SHA256]…      of the new folder: its inode, its entry points
//! generation FROM TO
//! end
//! ```

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::files::{
    exchange, is_folder, make_folder, move_file, remove_any, sync_file_systems, sync_folder,
    write_whole,
};
use super::{hash_file, is_absent};
use crate::digest::Sha256;
use crate::error::{Error, Result};

const HEADER: &str = "mirror-journal ";
const VERSION: u32 = 1;

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Op {
    /// A file takes the place of whatever is there.
    Replace { from: String, to: String },
    /// A folder takes the place of another as a whole.
    Switch { from: String, to: String, inode: u64, entry_points: Vec<(String, Sha256)> },
    /// A tree's generation is now this one.
    Generation { from: String, to: String },
}

fn path(folder: &Path) -> PathBuf {
    folder.join("journal")
}

/// Whether a publication was interrupted.
pub(super) fn is_there(folder: &Path) -> bool {
    path(folder).exists()
}

/// The same, for who wants to know whether it can be finished.
pub(super) fn inspect(folder: &Path) -> Result<bool> {
    let path = path(folder);
    match fs::read(&path) {
        Ok(text) => read(&path, &String::from_utf8_lossy(&text)).map(|_| true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// Writes the journal, whole and synced.
pub(super) fn write(folder: &Path, ops: &[Op]) -> Result<()> {
    let mut text = format!("{HEADER}{VERSION}\n");
    for op in ops {
        let _ = match op {
            Op::Replace { from, to } => writeln!(text, "replace\t{from}\t{to}"),
            Op::Generation { from, to } => writeln!(text, "generation\t{from}\t{to}"),
            Op::Switch { from, to, inode, entry_points } => {
                let _ = write!(text, "switch\t{from}\t{to}\t{inode}");
                for (name, sha256) in entry_points {
                    let _ = write!(text, "\t{name}\t{sha256}");
                }
                writeln!(text)
            }
        };
    }
    text.push_str("end\n");
    write_whole(&path(folder), text.as_bytes())
}

/// Does what the journal says and removes it; false where there is none.
pub(super) fn finish(root: &Path, folder: &Path) -> Result<bool> {
    let path = path(folder);
    let text = match fs::read(&path) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) if is_absent(&error) => return Ok(false),
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    let mut parents = BTreeSet::new();
    for op in read(&path, &text)? {
        match op {
            Op::Replace { from, to } | Op::Generation { from, to } => {
                replace_below(root, &from, &to)?;
                parents.insert(to);
            }
            Op::Switch { from, to, inode, entry_points } => {
                switch(&root.join(from), &root.join(&to), inode, &entry_points)?;
                parents.insert(to);
            }
        }
    }
    // The journal's end must not reach the disk before what it says, nor another disk.
    // A tree that somebody removed since is to be made again: its folders must not be in the way.
    let parents: BTreeSet<_> = parents
        .iter()
        .map(|to| root.join(to))
        .filter_map(|to| to.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned))
        .collect();
    sync_file_systems(parents.iter().map(PathBuf::as_path))?;
    remove(folder)?;
    Ok(true)
}

/// Takes back a journal of which nothing could be done.
pub(super) fn abandon(folder: &Path) -> Result<()> {
    remove(folder)
}

/// Removes the journal, so that it is gone after a power loss too.
fn remove(folder: &Path) -> Result<()> {
    remove_any(&path(folder))?;
    sync_folder(folder)
}

pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Op>> {
    let damaged = || Error::Damaged {
        path: path.to_owned(),
        reason: "not a whole journal of this version".into(),
    };
    let version = text.lines().next().and_then(|line| line.strip_prefix(HEADER));
    match version.map(str::parse::<u32>) {
        Some(Ok(VERSION)) => {}
        Some(Ok(found)) => {
            let found = found.to_string();
            return Err(Error::NewerFormat { path: path.to_owned(), found, known: VERSION });
        }
        _ => return Err(damaged()),
    }
    let body = text.strip_suffix("end\n").ok_or_else(damaged)?;
    body.lines().skip(1).map(|line| read_op(line).ok_or_else(damaged)).collect()
}

fn read_op(line: &str) -> Option<Op> {
    let mut fields = line.split('\t').map(str::to_owned);
    let kind = fields.next()?;
    let (from, to) = (fields.next()?, fields.next()?);
    if !is_below(&from) || !is_below(&to) {
        return None;
    }
    match kind.as_str() {
        "replace" => Some(Op::Replace { from, to }),
        "generation" => Some(Op::Generation { from, to }),
        "switch" => {
            let inode = fields.next()?.parse().ok()?;
            let mut entry_points = Vec::new();
            while let Some(name) = fields.next() {
                let name = Some(name).filter(|name| is_below(name))?;
                entry_points.push((name, Sha256::from_hex(&fields.next()?)?));
            }
            Some(Op::Switch { from, to, inode, entry_points })
        }
        _ => None,
    }
}

/// Whether a path stays below the root, whoever wrote it.
fn is_below(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// [`replace`], where a file or link may be in the way of the folder that `to` lies in.
fn replace_below(root: &Path, from: &str, to: &str) -> Result<()> {
    let (from, full) = (root.join(from), root.join(to));
    if is_there_at(&from) && full.parent().is_some_and(|parent| !is_folder(parent)) {
        for (end, _) in to.match_indices('/') {
            make_folder(&root.join(&to[..end]))?;
        }
    }
    replace(&from, &full)
}

fn is_there_at(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Puts `from` where `to` is; where there is no `from`, that was done before.
fn replace(from: &Path, to: &Path) -> Result<()> {
    if !is_there_at(from) {
        return Ok(());
    }
    if is_folder(from) || is_folder(to) {
        remove_any(to)?;
    }
    move_file(from, to)
}

/// Puts the folder `from` in the place of `to` in one step, for who keeps no journal. Where that is
/// refused, its files are put there one by one, the entry points last; then what was there else goes.
pub(crate) fn put_folder(from: &Path, to: &Path, entry_points: &[(String, Sha256)]) -> Result<()> {
    let inode = fs::symlink_metadata(from).map_err(Error::io("look at", from))?.ino();
    let names = super::list(from)?.iter().map(DirEntry::file_name).collect();
    switch(from, to, inode, entry_points)?;
    sync_folder(to)?;
    remove_others(to, &names)
}

/// Removes what has none of `names`.
fn remove_others(folder: &Path, names: &HashSet<OsString>) -> Result<()> {
    for entry in super::list(folder)? {
        if !names.contains(&entry.file_name()) {
            remove_any(&entry.path())?;
        }
    }
    Ok(())
}

fn switch(from: &Path, to: &Path, inode: u64, entry_points: &[(String, Sha256)]) -> Result<()> {
    if !is_folder(from) {
        return Ok(());
    }
    let inode_of = |path: &Path| fs::symlink_metadata(path).ok().map(|found| found.ino());
    // A root that was copied between two steps has new inodes: then the content tells.
    let known = inode_of(from) == Some(inode) || inode_of(to) == Some(inode);
    let done = if known {
        inode_of(to) == Some(inode)
    } else {
        holds(to, entry_points) && !holds(from, entry_points)
    };
    if done {
        return Ok(());
    }
    if inode_of(to).is_none() {
        return fs::rename(from, to).map_err(Error::io("rename", from));
    }
    if exchange(from, to)? {
        return Ok(());
    }
    pour(from, to, entry_points)
}

fn holds(folder: &Path, entry_points: &[(String, Sha256)]) -> bool {
    entry_points.iter().all(|(name, sha256)| hash_file(&folder.join(name)).ok() == Some(*sha256))
}

/// The way out where folders cannot be exchanged: file by file, what leads to others last, so that
/// the entry point is never absent and never leads to nothing.
///
/// What was there else stays: it may be what a generation in grace names, and who keeps a journal knows
/// what has to go.
fn pour(from: &Path, to: &Path, entry_points: &[(String, Sha256)]) -> Result<()> {
    if !is_folder(to) {
        remove_any(to)?;
        return fs::rename(from, to).map_err(Error::io("rename", from));
    }
    for step in steps(from, entry_points)? {
        step.take(from, to)?;
    }
    remove_any(from)
}

/// A step of pouring a folder into another. Each may be the last one before a crash.
enum Step {
    /// A file takes the place of the one of its name.
    Put(OsString),
    /// A file goes.
    Remove(OsString),
    /// What was done so far reaches the disk.
    Sync,
}

impl Step {
    fn take(&self, from: &Path, to: &Path) -> Result<()> {
        match self {
            Self::Put(name) => replace(&from.join(name), &to.join(name)),
            Self::Remove(name) => remove_any(&to.join(name)),
            Self::Sync => sync_folder(to),
        }
    }
}

/// How `from` is poured. A signature's name extends what it signs, so the reverse order of names puts
/// that last. A signature that is not made anew goes first: it does not sign what comes.
fn steps(from: &Path, entry_points: &[(String, Sha256)]) -> Result<Vec<Step>> {
    let is_entry_point = |name: &str| entry_points.iter().any(|(point, _)| point == name);
    let names = super::list(from)?.into_iter().map(|entry| entry.file_name());
    let others = names.filter(|name| !name.to_str().is_some_and(is_entry_point));
    let mut steps: Vec<_> = others.map(Step::Put).chain([Step::Sync]).collect();
    let mut points: Vec<_> = entry_points.iter().map(|(name, _)| name).collect();
    points.sort_unstable();
    let signatures = points.iter().map(|name| format!("{name}.asc"));
    let stale = signatures.filter(|signature| !is_entry_point(signature));
    steps.extend(stale.map(|name| Step::Remove(name.into())));
    steps.extend(points.iter().rev().map(|name| Step::Put((*name).into())));
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Case {
        _root: tempfile::TempDir,
        root: PathBuf,
        folder: PathBuf,
        ops: Vec<Op>,
    }

    /// A tree with one file to replace, a folder to switch, and a generation to name.
    fn case() -> Case {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let folder = root.join(".mirror");
        for sub in [".mirror", "tree/repodata", "tree/stage/repodata"] {
            fs::create_dir_all(root.join(sub)).unwrap();
        }
        fs::write(root.join("tree/file"), "old").unwrap();
        fs::write(root.join("tree/stage/1"), "new").unwrap();
        fs::write(root.join("tree/repodata/repomd.xml"), "old").unwrap();
        fs::write(root.join("tree/stage/repodata/repomd.xml"), "new").unwrap();
        fs::write(root.join("tree/stage/repodata/primary"), "new").unwrap();
        fs::write(folder.join("2.new"), "generation").unwrap();
        let inode = fs::metadata(root.join("tree/stage/repodata")).unwrap().ino();
        let ops = vec![
            Op::Replace { from: "tree/stage/1".into(), to: "tree/file".into() },
            Op::Switch {
                from: "tree/stage/repodata".into(),
                to: "tree/repodata".into(),
                inode,
                entry_points: vec![("repomd.xml".into(), Sha256::of(b"new"))],
            },
            Op::Generation { from: ".mirror/2.new".into(), to: ".mirror/2".into() },
        ];
        Case { _root: dir, root, folder, ops }
    }

    fn assert_done(case: &Case) {
        let read = |path: &str| fs::read_to_string(case.root.join(path)).unwrap();
        assert_eq!(read("tree/file"), "new");
        assert_eq!(read("tree/repodata/repomd.xml"), "new");
        assert_eq!(read("tree/repodata/primary"), "new");
        assert_eq!(read(".mirror/2"), "generation");
        assert!(!is_there(&case.folder));
    }

    #[test]
    fn survives_an_interruption_at_every_step() {
        for done in 0..=3 {
            let case = case();
            write(&case.folder, &case.ops[..done]).unwrap();
            finish(&case.root, &case.folder).unwrap();
            write(&case.folder, &case.ops).unwrap();
            assert!(finish(&case.root, &case.folder).unwrap());
            assert_done(&case);
        }
    }

    /// Every file and folder below the root, with its inode and content.
    fn snapshot(root: &Path) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in crate::store::list(&folder).unwrap() {
                let (path, meta) = (entry.path(), entry.metadata().unwrap());
                let content = if meta.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
                found.insert(path.clone(), (meta.ino(), content));
                folders.extend(meta.is_dir().then_some(path));
            }
        }
        found
    }

    #[test]
    fn changes_nothing_when_it_comes_back_after_a_power_loss() {
        let case = case();
        write(&case.folder, &case.ops).unwrap();
        let text = fs::read(path(&case.folder)).unwrap();
        finish(&case.root, &case.folder).unwrap();
        let done = snapshot(&case.root);
        for _ in 0..2 {
            fs::write(path(&case.folder), &text).unwrap();
            assert!(finish(&case.root, &case.folder).unwrap());
            assert_eq!(snapshot(&case.root), done);
        }
        // As far as a publication clears away its stage before the power goes.
        fs::remove_dir_all(case.root.join("tree/stage")).unwrap();
        let done = snapshot(&case.root);
        fs::write(path(&case.folder), &text).unwrap();
        assert!(finish(&case.root, &case.folder).unwrap());
        assert_eq!(snapshot(&case.root), done);
    }

    #[test]
    fn knows_a_switch_that_was_done_in_a_root_that_was_copied() {
        let mut case = case();
        write(&case.folder, &case.ops).unwrap();
        finish(&case.root, &case.folder).unwrap();
        if let Op::Switch { inode, .. } = &mut case.ops[1] {
            *inode = 1;
        }
        write(&case.folder, &case.ops).unwrap();
        finish(&case.root, &case.folder).unwrap();
        assert_done(&case);
    }

    #[test]
    fn pours_file_by_file_where_folders_cannot_be_exchanged() {
        let case = case();
        let points = vec![("repomd.xml".to_owned(), Sha256::of(b"new"))];
        let (from, to) = (case.root.join("tree/stage/repodata"), case.root.join("tree/repodata"));
        pour(&from, &to, &points).unwrap();
        assert_eq!(fs::read_to_string(to.join("repomd.xml")).unwrap(), "new");
        assert_eq!(fs::read_to_string(to.join("primary")).unwrap(), "new");
        assert!(!from.exists());
    }

    #[test]
    fn leaves_no_signature_of_the_old_and_nothing_that_nobody_keeps_where_files_are_poured() {
        let case = case();
        let points = vec![("repomd.xml".to_owned(), Sha256::of(b"new"))];
        let (from, to) = (case.root.join("tree/stage/repodata"), case.root.join("tree/repodata"));
        fs::write(to.join("repomd.xml.asc"), "of the old").unwrap();
        fs::write(to.join("primary-of-old"), "old").unwrap();
        let names = crate::store::list(&from).unwrap().iter().map(DirEntry::file_name).collect();
        pour(&from, &to, &points).unwrap();
        assert!(!to.join("repomd.xml.asc").exists());
        assert!(to.join("primary-of-old").exists(), "what a generation in grace may name");
        remove_others(&to, &names).unwrap();
        let mut left: Vec<_> =
            crate::store::list(&to).unwrap().iter().map(DirEntry::file_name).collect();
        left.sort();
        assert_eq!(left, ["primary", "repomd.xml"]);

        // A signature that is made anew takes the place of the old.
        fs::create_dir(&from).unwrap();
        fs::write(from.join("repomd.xml"), "new").unwrap();
        fs::write(from.join("repomd.xml.asc"), "of the new").unwrap();
        fs::write(to.join("repomd.xml.asc"), "of the old").unwrap();
        let signature = ("repomd.xml.asc".to_owned(), Sha256::of(b"of the new"));
        pour(&from, &to, &[points[0].clone(), signature]).unwrap();
        assert_eq!(fs::read_to_string(to.join("repomd.xml.asc")).unwrap(), "of the new");
    }

    #[test]
    fn is_old_or_new_wherever_the_pouring_of_files_ends() {
        let new = |name: &str| (name.to_owned(), Sha256::of(b"new"));
        for points in [vec![new("repomd.xml")], vec![new("repomd.xml"), new("repomd.xml.asc")]] {
            for taken in 0.. {
                let case = case();
                let repodata = case.root.join("tree/repodata");
                let stage = case.root.join("tree/stage/repodata");
                for (file, text) in [("repomd.xml.asc", "old"), ("primary-of-old", "old")] {
                    fs::write(repodata.join(file), text).unwrap();
                }
                fs::rename(stage.join("primary"), stage.join("primary-of-new")).unwrap();
                for (name, _) in &points {
                    fs::write(stage.join(name), "new").unwrap();
                }
                let steps = steps(&stage, &points).unwrap();
                for step in steps.iter().take(taken) {
                    step.take(&stage, &repodata).unwrap();
                }
                let read = |name: &str| fs::read_to_string(repodata.join(name));
                let now = read("repomd.xml").unwrap();
                assert!(repodata.join(format!("primary-of-{now}")).exists(), "{taken} steps");
                if now == "new" {
                    let signature = read("repomd.xml.asc").ok();
                    assert_eq!(signature.is_some(), points.len() == 2, "{taken} steps");
                    assert_ne!(signature.as_deref(), Some("old"), "{taken} steps");
                }
                // Whoever comes next makes it anew, or goes on where there is a journal.
                pour(&stage, &repodata, &points).unwrap();
                assert_eq!(read("repomd.xml").unwrap(), "new");
                assert_eq!(read("repomd.xml.asc").is_ok(), points.len() == 2);
                assert!(repodata.join("primary-of-new").exists());
                if taken > steps.len() {
                    break;
                }
            }
        }
    }

    #[test]
    fn puts_a_file_where_a_folder_is() {
        let case = case();
        fs::remove_file(case.root.join("tree/file")).unwrap();
        fs::create_dir_all(case.root.join("tree/file/deep")).unwrap();
        write(&case.folder, &case.ops).unwrap();
        finish(&case.root, &case.folder).unwrap();
        assert_done(&case);
    }

    #[test]
    fn puts_a_folder_where_a_file_is() {
        let mut case = case();
        if let Op::Replace { to, .. } = &mut case.ops[0] {
            *to = "tree/file/deep/1".into();
        }
        write(&case.folder, &case.ops).unwrap();
        assert!(finish(&case.root, &case.folder).unwrap());
        assert_eq!(fs::read_to_string(case.root.join("tree/file/deep/1")).unwrap(), "new");
        write(&case.folder, &case.ops).unwrap();
        assert!(finish(&case.root, &case.folder).unwrap(), "and says so again");
    }

    #[test]
    fn ends_over_a_tree_that_was_removed() {
        let case = case();
        write(&case.folder, &case.ops).unwrap();
        fs::remove_dir_all(case.root.join("tree")).unwrap();
        assert!(finish(&case.root, &case.folder).unwrap());
        assert_eq!(fs::read_to_string(case.root.join(".mirror/2")).unwrap(), "generation");
        assert!(!is_there(&case.folder));
    }

    #[test]
    fn refuses_what_it_did_not_write() {
        let case = case();
        let outside = format!("switch\ta\tb\t1\t../../x\t{}", Sha256::of(b""));
        for text in [
            "",
            "mirror-journal 1\nreplace\ta\tb\n",
            "mirror-journal 1\nodd\ta\tb\nend\n",
            &format!("mirror-journal 1\n{outside}\nend\n"),
        ] {
            fs::write(path(&case.folder), text).unwrap();
            let error = finish(&case.root, &case.folder).unwrap_err().to_string();
            assert!(error.ends_with("damaged, not a whole journal of this version"), "{error}");
        }
    }
}
