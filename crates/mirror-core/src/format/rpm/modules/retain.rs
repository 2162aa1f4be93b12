//! What is left of the modules once some packages are gone.

use std::collections::HashSet;
use std::io::{BufRead, Write};

use super::{About, Content, Modules};
use crate::format::rpm::FormatError;
use crate::format::rpm::nevra::Nevra;

/// What a filter did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filtered {
    /// Documents that are left.
    pub kept: u64,
    /// Documents that say nothing of what is left.
    pub dropped: u64,
    /// What is wrong with those that cannot be read, which are among those that are left.
    pub broken: Vec<String>,
    /// Streams of modules of which others are left.
    pub gone: Vec<About>,
}

impl Modules {
    /// Leaves the documents that say something of packages that `keep` takes.
    ///
    /// A build of a stream that had packages and has none left is dropped, and what is said of streams
    /// and modules that are gone with it. What is said of modules that these documents do not have
    /// stays, as it may be of another repository's; so do documents that cannot be read.
    ///
    /// A document that stays is not changed, but for a default stream that is gone. Its list of packages is of all that was built, and names
    /// what no repository has anyway: sources, other architectures. A client takes a package that is
    /// not on it for one of no module, wherever it finds it.
    pub fn retain(&mut self, mut keep: impl FnMut(&Nevra) -> bool) -> Filtered {
        let mut filtered = Filtered::default();
        let (mut gone, mut left) = (HashSet::new(), HashSet::new());
        let mut is_left: Vec<bool> = Vec::with_capacity(self.documents.len());
        for document in &self.documents {
            let Ok(Content::Stream(stream)) = &document.content else {
                is_left.push(true);
                continue;
            };
            let is_kept = stream.artifacts.is_empty() || stream.artifacts.iter().any(&mut keep);
            is_left.push(is_kept);
            let of = if is_kept { &mut left } else { &mut gone };
            of.insert((stream.name.clone(), Some(stream.stream.clone())));
            of.insert((stream.name.clone(), None));
        }
        let is_gone = |module: &str, stream: Option<&str>| {
            let key = (module.to_owned(), stream.map(str::to_owned));
            gone.contains(&key) && !left.contains(&key)
        };
        for (document, is_left) in self.documents.iter().zip(&mut is_left) {
            match &document.content {
                Ok(Content::Defaults(defaults)) => *is_left = !is_gone(&defaults.module, None),
                Ok(Content::Obsoletes(about) | Content::Translations(about)) => {
                    let About { module, stream } = about;
                    *is_left = !is_gone(module, Some(stream)) && !is_gone(module, None);
                }
                Ok(Content::Stream(_) | Content::Other(_)) => {}
                Err(broken) => filtered.broken.push(broken.to_string()),
            }
        }
        for (module, stream) in &gone {
            let Some(stream) = stream.clone().filter(|s| is_gone(module, Some(s))) else {
                continue;
            };
            if !is_gone(module, None) {
                filtered.gone.push(About { module: module.clone(), stream });
            }
        }
        filtered.gone.sort();
        let mut is_left = is_left.into_iter();
        self.documents.retain(|_| {
            let is_left = is_left.next().unwrap_or(true);
            let count = if is_left { &mut filtered.kept } else { &mut filtered.dropped };
            *count += 1;
            is_left
        });
        self.cut_defaults(&filtered.gone);
        filtered
    }
}

/// Reads the documents and writes those that are left; see [`Modules::retain`].
pub fn filter(
    reader: impl BufRead,
    writer: impl Write,
    keep: impl FnMut(&Nevra) -> bool,
) -> Result<Filtered, FormatError> {
    let mut modules = Modules::read(reader)?;
    let filtered = modules.retain(keep);
    modules.write(writer).map_err(FormatError::Write)?;
    Ok(filtered)
}
