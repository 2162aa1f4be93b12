//! What a selection found in an upstream: what the sources of a run are held against together, since what
//! one of several repositories lacks is often another's.

/// What a selection found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selected {
    /// Packages that upstream lists.
    pub(crate) listed: u64,
    /// Those of them that are taken.
    pub(crate) taken: u64,
    /// The patterns of which a package has to fit one, and for each whether one does.
    pub(crate) patterns: Vec<(String, bool)>,
    /// What is asked of the advisories; `None` where they do not matter.
    pub(crate) advisories: Option<OfAdvisories>,
}

/// What a selection by advisories found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OfAdvisories {
    /// The file of the advisories; the entry point where upstream lists none.
    pub(crate) file: String,
    /// Whether upstream lists any.
    pub(crate) are_listed: bool,
    /// Whether all that are about security are wanted: there may be none at a time.
    pub(crate) security: bool,
    /// The ids and CVEs, in the order in which they were asked for, and for each whether there is one.
    pub(crate) names: Vec<(String, bool)>,
}

impl Selected {
    /// Whether a package fits this pattern.
    pub(crate) fn fits(&self, pattern: &str) -> bool {
        self.patterns.iter().any(|(known, is_there)| *is_there && known == pattern)
    }

    /// Whether there is an advisory of this id or for this CVE.
    pub(crate) fn has_advisory(&self, name: &str) -> bool {
        let mut names = self.advisories.iter().flat_map(|advisories| &advisories.names);
        names.any(|(known, is_there)| *is_there && known.eq_ignore_ascii_case(name))
    }
}
