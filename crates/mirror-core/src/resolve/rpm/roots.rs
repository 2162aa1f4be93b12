//! From what a user asks for to packages.

use std::collections::BTreeMap;

use super::arch::family;
use super::pool::{Hidden, PackageId, Pool};
use crate::format::rpm::dependencies::Kind;
use crate::format::rpm::nevra::{Spec, specs};
use crate::format::rpm::rich::{Comparison, evr};
use crate::format::rpm::version;

/// Something that is asked for: one of these packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// In the user's words.
    pub text: String,
    /// Each of them will do; the solver takes the best.
    pub packages: Vec<PackageId>,
    /// It is asked for only where one of these is in, too; `None` is always.
    pub only_with: Option<Vec<PackageId>>,
}

impl Root {
    pub(super) fn new(text: &str, packages: Vec<PackageId>) -> Self {
        Self { text: text.to_owned(), packages, only_with: None }
    }
}

/// What no repository has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Nothing is so called, and nothing provides it.
    #[error("nothing is called {text}, and nothing provides it{}", meant(.near.as_deref()))]
    Nothing {
        /// What was asked for.
        text: String,
        /// A name that is much like it.
        near: Option<String>,
    },
    /// What there is cannot be had.
    #[error("{text}: all {count} matching packages are left out: {}", .why.words())]
    Hidden {
        /// What was asked for.
        text: String,
        /// How many packages match.
        count: usize,
        /// Why the first of them is not to be had.
        why: Hidden,
    },
}

pub(super) fn meant(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean {near}?")).unwrap_or_default()
}

impl Hidden {
    /// For messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Architecture => "for another architecture",
            Self::Module => "of a module stream that is not enabled",
            Self::Shadowed => "of no module, beside those of an enabled stream",
            Self::Excluded => "excluded",
            Self::Installed => "installed, and in no repository",
            Self::Lost => "lost by upstream",
        }
    }
}

/// Whether a text is a pattern.
fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// What the user's words leave open beside a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    any_arch: bool,
    any_version: bool,
}

impl Form {
    const NAME: Self = Self { any_arch: true, any_version: true };
}

/// A part of a specification: any, equal, or fitting a pattern.
struct Part<'a>(Option<&'a str>, Option<glob::Pattern>);

impl<'a> Part<'a> {
    fn new(text: Option<&'a str>) -> Self {
        let pattern = text.filter(|text| is_pattern(text));
        Self(text, pattern.and_then(|pattern| glob::Pattern::new(pattern).ok()))
    }

    fn fits(&self, found: &str) -> bool {
        match self {
            Self(_, Some(pattern)) => pattern.matches(found),
            Self(Some(text), None) => *text == found,
            Self(None, None) => true,
        }
    }

    /// As rpm compares: `01` is `1`.
    fn fits_version(&self, found: &str) -> bool {
        match self {
            Self(Some(text), None) => version::compare(text, found).is_eq(),
            _ => self.fits(found),
        }
    }
}

impl Pool {
    /// What a user's words mean: a package's name, `name-version` and so on as dnf knows them, with
    /// patterns; or what packages provide, with or without a version; or a file's path. Each name
    /// that fits a pattern is a root of its own.
    pub fn roots(&self, text: &str) -> Result<Vec<Root>, NotFound> {
        let (found, by_name) = self.matching(text);
        let visible = self.visible(&found);
        if visible.is_empty() {
            let text = text.to_owned();
            return Err(match found.first().and_then(|id| self.hidden(*id)) {
                Some(why) => NotFound::Hidden { text, count: found.len(), why },
                None => NotFound::Nothing { near: self.near(&text), text },
            });
        }
        let Some(form) = by_name else { return Ok(vec![Root::new(text, visible)]) };
        let mut names: BTreeMap<&str, Vec<PackageId>> = BTreeMap::new();
        for id in visible {
            names.entry(self.name(id)).or_default().push(id);
        }
        let roots = names.into_iter().map(|(name, packages)| {
            let packages = self.with_replacing(packages, form);
            if is_pattern(text) {
                Root::new(&format!("{name} ({text})"), packages)
            } else {
                Root::new(text, packages)
            }
        });
        Ok(roots.collect())
    }

    /// The packages that a user's words match, hidden ones included; where that is by name, with what
    /// else.
    pub(super) fn matching(&self, text: &str) -> (Vec<PackageId>, Option<Form>) {
        for spec in specs(text) {
            let found = self.fitting(&spec);
            if !found.is_empty() {
                let form =
                    Form { any_arch: spec.arch.is_none(), any_version: spec.version.is_none() };
                return (found, Some(form));
            }
        }
        (self.provided_by(text), None)
    }

    /// The packages of a name, and those that take their place; none where all are hidden.
    pub(super) fn called(&self, name: &str) -> Vec<PackageId> {
        let visible = self.visible(self.named(name));
        if visible.is_empty() { visible } else { self.with_replacing(visible, Form::NAME) }
    }

    /// Those that are not hidden.
    pub(super) fn visible(&self, packages: &[PackageId]) -> Vec<PackageId> {
        packages.iter().copied().filter(|id| self.hidden(*id).is_none()).collect()
    }

    /// What the name of these packages means.
    fn with_replacing(&self, mut packages: Vec<PackageId>, form: Form) -> Vec<PackageId> {
        // Who wants the 32-bit one as well says so, and gets both.
        let rank = |id: &PackageId| self.rank(*id);
        let best = packages.iter().map(rank).filter(|rank| *rank > 0).min();
        if let (Some(best), true) = (best, form.any_arch) {
            packages.retain(|id| rank(id) == 0 || family(rank(id)) == family(best));
        }
        // What takes the place of a package is what its name means; who names a version means that.
        if form.any_version {
            let more = self.replacing(&packages);
            packages.extend(more);
        }
        packages
    }

    /// All that can be installed, a root for each package: what proves a whole repository.
    pub fn each(&self) -> Vec<Root> {
        let visible = self.ids().filter(|id| self.hidden(*id).is_none());
        visible.map(|id| Root::new(&self.nevra(id).to_string(), vec![id])).collect()
    }

    fn fitting(&self, spec: &Spec<'_>) -> Vec<PackageId> {
        let name = Part::new(Some(spec.name));
        let [version, release, arch] = [spec.version, spec.release, spec.arch].map(Part::new);
        // An architecture is one of those that there are: `python3.11` is a name.
        let fits = |id: &PackageId| {
            let nevra = self.nevra(*id);
            version.fits_version(&nevra.evr.version)
                && release.fits_version(&nevra.evr.release)
                && arch.fits(&nevra.arch)
                && spec.epoch.is_none_or(|epoch| epoch == nevra.evr.epoch)
        };
        if name.1.is_none() {
            return self.named(spec.name).iter().copied().filter(fits).collect();
        }
        self.ids().filter(|id| name.fits(self.name(*id)) && fits(id)).collect()
    }

    fn provided_by(&self, text: &str) -> Vec<PackageId> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let [name, sign, version] = words[..]
            && let (Some(sign), Some(evr)) = (Comparison::from_sign(sign), evr(version))
        {
            return self.providing_versions(name, sign, &evr);
        }
        self.providing(text)
    }

    /// The packages that take the place of one of these, and are of another name.
    fn replacing(&self, packages: &[PackageId]) -> Vec<PackageId> {
        let name = packages.first().map(|id| self.name_id(*id));
        let mut found = Vec::new();
        for id in self.ids() {
            let obsoletes = self.list(id, Kind::Obsoletes);
            if obsoletes.is_empty() || Some(self.name_id(id)) == name || self.hidden(id).is_some() {
                continue;
            }
            let takes = |dep: &_| self.matching_names(*dep).iter().any(|of| packages.contains(of));
            if obsoletes.iter().any(takes) {
                found.push(id);
            }
        }
        found
    }

    /// A name that differs in a letter or two.
    fn near(&self, text: &str) -> Option<String> {
        near(text, self.names().filter_map(|ids| ids.first()).map(|id| self.name(*id)))
    }
}

/// The name that differs in a letter or two.
pub(super) fn near<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    // Of a short word, or of a pattern, all is near.
    let limit = if is_pattern(text) { 0 } else { (text.len() / 2).min(2) };
    let near = names.filter_map(|name| distance(text, name, limit).map(|far| (far, name))).min();
    near.map(|(_, name)| name.to_owned())
}

/// How many letters it takes to make one text of the other, where that is at most `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit || a.len() > 64 {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.bytes().enumerate() {
            let cost = before + usize::from(left != right);
            before = row[j + 1];
            row[j + 1] = cost.min(before + 1).min(row[j] + 1);
        }
    }
    row.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_perhaps_meant() {
        assert_eq!(distance("kubeadm", "kubeadn", 2), Some(1));
        assert_eq!(distance("kubeadm", "kubedam", 2), Some(2));
        assert_eq!(distance("kubeadm", "kubectl", 2), None);
        assert_eq!(distance("", "ab", 2), Some(2));
    }
}
