//! Packages that are chosen together with those of other repositories: a source's part in a
//! [`Closure`](super::Closure).

use super::closure::{Metadata, State};
use super::packages;
use super::records;
use super::resolve::{REPOMD, Resolving};
use crate::digest::Sha256;
use crate::error::Result;
use crate::manifest::Lacking;
use crate::resolve::rpm::Hidden;
use crate::source::Stored;

/// What is taken of a repository.
pub(super) struct Choice {
    /// For each of its packages, whether it is.
    pub(super) taken: Vec<bool>,
    /// What upstream lists and lacks.
    pub(super) lacking: Vec<Lacking>,
    /// The states of the repositories that it was chosen for, where it was with others.
    pub(super) chosen_for: Option<Sha256>,
}

impl Resolving<'_> {
    /// Whether nothing has to be read, neither of this repository nor of those that it is chosen with.
    /// `is_same` says it of this one, whose state `repomd` is.
    pub(super) async fn is_same_for_all(&self, repomd: &Stored, is_same: bool) -> Result<bool> {
        let Some(seat) = &self.source.seat else { return Ok(is_same) };
        let made_from = self.context.previous().and_then(|previous| previous.made_from.as_ref());
        let recorded = made_from.and_then(|made_from| made_from.chosen_for).filter(|_| is_same);
        seat.pin(self.context, repomd.sha256, recorded).await
    }

    /// Of the packages that are `selected`, those that are taken.
    pub(super) async fn choose(
        &self,
        repomd: &Stored,
        files: &[records::Listed],
        (primary, listed): (Stored, &packages::Listed),
        selected: Vec<bool>,
    ) -> Result<Choice> {
        let Some(seat) = &self.source.seat else {
            let (taken, lacking) = self.leave_out_missing(listed, selected)?;
            return Ok(Choice { taken, lacking, chosen_for: None });
        };
        let (left, lacking) = self.leave_out_missing(listed, selected.clone())?;
        let why = |(selected, left): (bool, bool)| match (selected, left) {
            (false, _) => Some(Hidden::Excluded),
            (true, false) => Some(Hidden::Lost),
            (true, true) => None,
        };
        let metadata = self.metadata(files, primary).await?;
        let hidden = selected.into_iter().zip(left).map(why).collect();
        let state = State { pinned: repomd.sha256, metadata, hidden };
        let mut chosen = seat.choose(self.context, state).await?;
        chosen.taken.resize(listed.entries.len(), false);
        Ok(Choice { taken: chosen.taken, lacking, chosen_for: Some(chosen.states) })
    }

    /// Brings what choosing looks at into the store.
    async fn metadata(&self, files: &[records::Listed], primary: Stored) -> Result<Metadata> {
        let of_kind = |kind: &str| files.iter().find(|file| file.record.kind == kind);
        let comps = of_kind("group")
            .or_else(|| files.iter().find(|file| file.record.kind.starts_with("group_")));
        let listed = of_kind("primary").map_or(REPOMD, |file| &file.record.href);
        Ok(Metadata {
            primary: (self.url(listed), primary.sha256),
            filelists: self.document(of_kind("filelists")).await?,
            comps: self.document(comps).await?,
            modules: self.document(of_kind("modules")).await?,
        })
    }

    async fn document(&self, file: Option<&records::Listed>) -> Result<Option<(String, Sha256)>> {
        let Some(file) = file else { return Ok(None) };
        let stored = self.fetch_listed(file).await?;
        Ok(Some((self.url(&file.record.href), stored.sha256)))
    }
}
