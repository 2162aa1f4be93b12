//! The page of a folder that holds no index page: one line for each entry, sorted by name.
//!
//! Plain HTML that reads as well in curl as in a browser, and whose links `pip --find-links` and
//! `wget -r` follow. The same folder always gives the same bytes. The entries are read at once, the
//! page is made from them in pieces: its length is known before, its text never whole in memory.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use mirror_core::path::RepoPath;
use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::MAX_LISTED;
use crate::target::{Target, is_servable};
use crate::time::Utc;

/// Entries are charged to the budget of all listings in steps of this many.
const BUDGET_STEP: u32 = 1024;

/// The bytes from which on a piece of the page is sent.
const PIECE: usize = 64 * 1024;

/// The column at which times begin, where the name is not longer.
const NAME_WIDTH: usize = 64;

/// The entries of a folder as they were read.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The folder's path as people read it, with a slash at either end.
    title: String,
    parent: Parent,
    /// By name.
    entries: Vec<Entry>,
    /// How many further entries the folder has.
    left_out: usize,
    /// Given back to the budget when the listing has been sent.
    _charged: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parent {
    Linked,
    /// The folder is the root.
    None,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: Box<str>,
    /// In Unix seconds.
    mtime: i64,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    /// A file of so many bytes.
    File(u64),
}

/// Why a folder could not be listed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Too many entries are being listed already.
    OverBudget,
    /// It could not be read.
    Unreadable(Errno),
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self::Unreadable(errno)
    }
}

impl Listing {
    /// Reads the entries of `folder`, which is what `target` names: [`MAX_LISTED`] at most. Blocks.
    pub(crate) fn read(
        folder: &OwnedFd,
        target: &Target,
        budget: &Arc<Semaphore>,
    ) -> Result<Self, Refused> {
        Self::read_first(MAX_LISTED, folder, target, budget)
    }

    fn read_first(
        most: usize,
        folder: &OwnedFd,
        target: &Target,
        budget: &Arc<Semaphore>,
    ) -> Result<Self, Refused> {
        let mut charged: Option<OwnedSemaphorePermit> = None;
        let mut seen = 0_usize;
        // The greatest name on top, so that the first by name remain.
        let mut kept: BinaryHeap<Entry> = BinaryHeap::new();
        for found in Dir::read_from(folder)? {
            let found = found?;
            let Ok(name) = found.file_name().to_str() else {
                continue;
            };
            if matches!(name, "." | "..") || !is_servable(name) {
                continue;
            }
            let Some(entry) = stat(folder, name)? else {
                continue;
            };
            seen += 1;
            if kept.len() == most {
                kept.push(entry);
                kept.pop();
                continue;
            }
            if kept.len().is_multiple_of(BUDGET_STEP as usize) {
                let more = Arc::clone(budget)
                    .try_acquire_many_owned(BUDGET_STEP)
                    .map_err(|_| Refused::OverBudget)?;
                match &mut charged {
                    Some(charged) => charged.merge(more),
                    None => charged = Some(more),
                }
            }
            kept.push(entry);
        }
        Ok(Self {
            title: match &target.path {
                Some(path) => format!("/{path}/"),
                None => "/".to_owned(),
            },
            parent: match &target.path {
                Some(_) => Parent::Linked,
                None => Parent::None,
            },
            left_out: seen - kept.len(),
            entries: kept.into_sorted_vec(),
            _charged: charged,
        })
    }

    /// The page, in pieces.
    pub(crate) fn into_page(self) -> Page {
        Page { listing: self, next: Step::Head }
    }

    fn head(&self, out: &mut String) {
        let title = Text(&self.title);
        let _ = write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <title>Index of {title}</title>\n</head>\n<body>\n<h1>Index of {title}</h1>\n<pre>\n"
        );
        if self.parent == Parent::Linked {
            out.push_str("<a href=\"../\">../</a>\n");
        }
    }

    fn tail(&self, out: &mut String) {
        if self.left_out > 0 {
            let _ = writeln!(out, "… and {} more entries, not listed", self.left_out);
        }
        out.push_str("</pre>\n</body>\n</html>\n");
    }
}

impl Entry {
    fn line(&self, out: &mut String) {
        let slash = match self.kind {
            Kind::Folder => "/",
            Kind::File(_) => "",
        };
        let width = self.name.chars().count() + slash.len();
        let t = Utc::from_unix(self.mtime);
        let _ = write!(
            out,
            "<a href=\"{href}{slash}\">{text}{slash}</a>{blank:pad$} \
             {:04}-{:02}-{:02} {:02}:{:02} ",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            href = href(&self.name),
            text = Text(&self.name),
            blank = "",
            pad = NAME_WIDTH.saturating_sub(width),
        );
        let _ = match self.kind {
            Kind::Folder => writeln!(out, "{:>14}", "-"),
            Kind::File(size) => writeln!(out, "{size:>14}"),
        };
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The page of a [`Listing`] on its way.
#[derive(Debug)]
pub(crate) struct Page {
    listing: Listing,
    next: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Head,
    Entry(usize),
    Done,
}

impl Page {
    /// The length of the whole page in bytes.
    pub(crate) fn length(&self) -> u64 {
        let mut line = String::new();
        self.listing.head(&mut line);
        self.listing.tail(&mut line);
        let mut total = line.len() as u64;
        for entry in &self.listing.entries {
            line.clear();
            entry.line(&mut line);
            total += line.len() as u64;
        }
        total
    }

    /// The next piece of the text; `None` after the last.
    pub(crate) fn piece(&mut self) -> Option<String> {
        let mut out = String::new();
        while out.len() < PIECE {
            self.next = match self.next {
                Step::Head => {
                    self.listing.head(&mut out);
                    Step::Entry(0)
                }
                Step::Entry(at) => {
                    if let Some(entry) = self.listing.entries.get(at) {
                        entry.line(&mut out);
                        Step::Entry(at + 1)
                    } else {
                        self.listing.tail(&mut out);
                        Step::Done
                    }
                }
                Step::Done => break,
            };
        }
        (!out.is_empty()).then_some(out)
    }
}

/// The entry called `name`; `None` where it is neither file nor folder, or has gone meanwhile.
fn stat(folder: &OwnedFd, name: &str) -> Result<Option<Entry>, Errno> {
    let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File(u64::try_from(stat.st_size).unwrap_or(0)),
        _ => return Ok(None),
    };
    Ok(Some(Entry { name: name.into(), mtime: stat.st_mtime, kind }))
}

/// A name as a relative reference. A colon must not look like the end of a scheme (RFC 3986,
/// section 4.2).
fn href(name: &str) -> String {
    RepoPath::new(name)
        .map_or_else(|_| String::new(), |path| path.to_url_path().replace(':', "%3A"))
}

/// Text between tags or within a quoted attribute.
struct Text<'a>(&'a str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        Listing {
            title: "/a/".into(),
            parent: Parent::Linked,
            entries: names
                .iter()
                .map(|name| Entry { name: (*name).into(), mtime: 951_782_399, kind: Kind::File(7) })
                .collect(),
            left_out: 3,
            _charged: None,
        }
    }

    #[test]
    fn a_page_is_as_long_as_it_says_and_comes_in_pieces() {
        let names: Vec<String> = (0..3000).map(|i| format!("<é{i}>&\"'")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut page = listing(&names).into_page();
        let length = page.length();
        let pieces: Vec<String> = std::iter::from_fn(|| page.piece()).collect();
        assert!(pieces.len() > 2 && pieces.iter().all(|p| p.len() < PIECE + 1024));
        let whole = pieces.concat();
        assert_eq!(whole.len() as u64, length);
        assert!(whole.contains("&lt;é7&gt;&amp;&quot;&#39;</a>"));
        assert!(whole.contains("href=\"%3C%C3%A97%3E%26%22%27\""));
        assert!(whole.contains("… and 3 more entries, not listed\n"));
    }

    #[test]
    fn a_folder_beyond_the_bound_is_listed_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["e", "b", "d", "a", "c"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let folder = OwnedFd::from(std::fs::File::open(folder.path()).unwrap());
        let target = Target::parse("/").unwrap();
        let budget = Arc::new(Semaphore::new(BUDGET_STEP as usize));
        let first = Listing::read_first(3, &folder, &target, &budget).unwrap();
        let names: Vec<&str> = first.entries.iter().map(|e| &*e.name).collect();
        assert_eq!((names, first.left_out), (vec!["a", "b", "c"], 2));
        // The budget is taken while the listing lives, and then given back.
        let second = Listing::read_first(3, &folder, &target, &budget);
        assert!(matches!(second, Err(Refused::OverBudget)));
        drop(first);
        assert!(Listing::read_first(3, &folder, &target, &budget).is_ok());
    }

    #[test]
    fn a_line_holds_name_time_and_size() {
        let mut line = String::new();
        listing(&["b:1.rpm"]).entries[0].line(&mut line);
        let blank = " ".repeat(NAME_WIDTH - 7);
        assert_eq!(
            line,
            format!("<a href=\"b%3A1.rpm\">b:1.rpm</a>{blank} 2000-02-28 23:59              7\n")
        );
    }
}
