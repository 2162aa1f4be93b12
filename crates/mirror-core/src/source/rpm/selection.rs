//! Which packages of a repository are wanted.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;

use super::advisories::ByAdvisory;
use crate::format::rpm::modules::{Membership, StreamId};
use crate::format::rpm::nevra::{Evr, Nevra};
pub use crate::pattern::{Glob, GlobError};

/// Which packages are wanted; by default all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Only packages that one of these fits; none means all.
    pub include: Vec<Glob>,
    /// No packages that one of these fits.
    pub exclude: Vec<Glob>,
    /// Only so many of the newest versions of each name and architecture.
    pub newest_only: Option<NonZeroUsize>,
    /// Only packages that a host of one of these base architectures can install, `noarch` and
    /// multilib ones included; none means all. `src` stands for source packages.
    pub arches: Vec<String>,
    /// Only builds that advisories name.
    pub advisories: ByAdvisory,
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The same things in another order, or twice, are no other selection.
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list.dedup();
            list.join(",")
        };
        let list = |globs: &[Glob]| sorted(globs.iter().map(Glob::to_string).collect());
        write!(f, "include={} exclude={} ", list(&self.include), list(&self.exclude))?;
        write!(f, "newest-only={} ", self.newest_only.map_or(0, NonZeroUsize::get))?;
        write!(f, "arch={}", sorted(self.arches.clone()))?;
        if self.advisories.is_asked() {
            write!(f, " {}", self.advisories)?;
        }
        Ok(())
    }
}

impl Selection {
    /// Whether it takes everything, whatever that is.
    pub(super) fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// For each candidate, whether it is taken. `streams` says which of them are of modules.
    ///
    /// Each stream is updated by itself, as are all packages of no module: so of each the newest are
    /// taken, and of a package that is of several streams those that are the newest in any of them.
    pub(super) fn takes(&self, candidates: &[Nevra], streams: &Membership) -> Vec<bool> {
        let mut taken: Vec<bool> = candidates.iter().map(|c| self.takes_alone(c)).collect();
        let Some(limit) = self.newest_only else { return taken };
        let mut builds: HashMap<(&str, &str, Option<&StreamId>), Vec<usize>> = HashMap::new();
        for (at, candidate) in candidates.iter().enumerate() {
            if !std::mem::take(&mut taken[at]) {
                continue;
            }
            let mut add = |stream| {
                let of = (candidate.name.as_str(), candidate.arch.as_str(), stream);
                builds.entry(of).or_default().push(at);
            };
            if streams.is_modular(candidate) {
                streams.of(candidate).for_each(|stream| add(Some(stream)));
            } else {
                add(None);
            }
        }
        for mut numbers in builds.into_values() {
            numbers.sort_by(|a, b| candidates[*b].evr.cmp(&candidates[*a].evr));
            let mut kept = 0;
            let mut last: Option<&Evr> = None;
            for at in numbers {
                // The same build listed twice is one version.
                kept += usize::from(last != Some(&candidates[at].evr));
                last = Some(&candidates[at].evr);
                taken[at] |= kept <= limit.get();
            }
        }
        taken
    }

    /// The patterns of which a package has to fit one, as they are written, and for each whether one of
    /// the candidates does.
    pub(super) fn fitting(&self, candidates: &[Nevra]) -> Vec<(String, bool)> {
        let mut open: Vec<&Glob> = self.include.iter().collect();
        for candidate in candidates {
            if open.is_empty() {
                break;
            }
            let mut written = None;
            open.retain(|glob| !fits(glob, candidate, &mut written));
        }
        let is_open = |glob: &Glob| open.contains(&glob);
        self.include.iter().map(|glob| (glob.to_string(), !is_open(glob))).collect()
    }

    fn takes_alone(&self, candidate: &Nevra) -> bool {
        let fits = |globs: &[Glob]| {
            let mut written = None;
            globs.iter().any(|glob| fits(glob, candidate, &mut written))
        };
        (self.include.is_empty() || fits(&self.include))
            && !fits(&self.exclude)
            && (self.arches.is_empty()
                || self.arches.iter().any(|base| installs(base, &candidate.arch)))
    }
}

/// Whether a package fits a pattern; `written` keeps its forms for the next one.
fn fits(glob: &Glob, candidate: &Nevra, written: &mut Option<[String; 5]>) -> bool {
    glob.matches(&candidate.name)
        || written.get_or_insert_with(|| forms(candidate)).iter().any(|form| glob.matches(form))
}

/// The forms that dnf holds a pattern against, besides the name alone.
fn forms(Nevra { name, arch, evr }: &Nevra) -> [String; 5] {
    let Evr { epoch, version, release } = evr;
    [
        format!("{name}.{arch}"),
        format!("{name}-{version}"),
        format!("{name}-{version}-{release}"),
        format!("{name}-{version}-{release}.{arch}"),
        format!("{name}-{epoch}:{version}-{release}.{arch}"),
    ]
}

/// Whether a host whose base architecture is `base` installs packages of `arch`, as dnf and rpm
/// have it: `noarch` and, on `x86_64`, the 32-bit ones (multilib).
fn installs(base: &str, arch: &str) -> bool {
    let others: &[&str] = match base {
        "src" => return matches!(arch, "src" | "nosrc"),
        "x86_64" => &["x86_64_v2", "amd64", "ia32e", "athlon", "i686", "i586", "i486", "i386"],
        "x86_64_v2" => &["x86_64", "amd64", "athlon", "i686", "i586", "i486", "i386"],
        "i386" | "i686" => &["athlon", "i686", "i586", "i486", "i386"],
        "s390x" => &["s390"],
        "ppc64" => &["ppc64p7", "ppc64iseries", "ppc64pseries", "ppc"],
        "armhfp" => &["armv7hl", "armv7hnl", "armv6hl", "armv8hl"],
        _ => &[],
    };
    arch == base || arch == "noarch" || others.contains(&arch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rpm::modules::Modules;

    fn candidate(name: &str, evr: &str, arch: &str) -> Nevra {
        Nevra { name: name.into(), arch: arch.into(), evr: evr.parse().unwrap() }
    }

    fn globs(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().map(|pattern| Glob::new(pattern).unwrap()).collect()
    }

    impl Selection {
        fn takes_plain(&self, candidates: &[Nevra]) -> Vec<bool> {
            self.takes(candidates, &Membership::default())
        }
    }

    #[test]
    fn says_the_same_of_the_same_in_any_order() {
        let of = |include: &[&str], arches: &[&str]| {
            let arches = arches.iter().map(|arch| (*arch).to_owned()).collect();
            Selection { include: globs(include), arches, ..Selection::default() }.to_string()
        };
        assert_eq!(of(&["b", "a", "b"], &["y", "x"]), of(&["a", "b"], &["x", "y", "x"]));
        assert_ne!(of(&["a"], &[]), of(&["b"], &[]));
    }

    #[test]
    fn holds_patterns_against_name_and_nevra() {
        let bash = candidate("bash", "1:5.1-9.el9", "x86_64");
        for pattern in
            ["bash", "ba*", "bash.x86_64", "bash-5.1-9.el9", "bash-1:5.1-9.el9.x86_64", "*.el9*"]
        {
            let selection = Selection { include: globs(&[pattern]), ..Selection::default() };
            assert_eq!(selection.takes_plain(std::slice::from_ref(&bash)), [true], "{pattern}");
            let selection = Selection { exclude: globs(&[pattern]), ..Selection::default() };
            assert_eq!(selection.takes_plain(std::slice::from_ref(&bash)), [false], "{pattern}");
        }
        let selection = Selection { include: globs(&["bas", "x86_64"]), ..Selection::default() };
        assert_eq!(selection.takes_plain(&[bash]), [false]);
        let error = Glob::new("a[").unwrap_err().to_string();
        assert!(error.starts_with("pattern \"a[\" is malformed: "), "{error}");
    }

    #[test]
    fn keeps_the_newest_of_each_name_and_architecture() {
        let candidates = [
            candidate("a", "1.9-1", "x86_64"),
            candidate("a", "1.10-1", "x86_64"),
            candidate("a", "1:0.1-1", "x86_64"),
            candidate("a", "1.10-1", "i686"),
            candidate("b", "1-1", "noarch"),
        ];
        let newest =
            |count| Selection { newest_only: NonZeroUsize::new(count), ..Selection::default() };
        assert_eq!(newest(1).takes_plain(&candidates), [false, false, true, true, true]);
        assert_eq!(newest(2).takes_plain(&candidates), [false, true, true, true, true]);
    }

    #[test]
    fn takes_what_a_host_can_install() {
        let selection = Selection { arches: vec!["x86_64".into()], ..Selection::default() };
        let takes = |arch: &str| selection.takes_plain(&[candidate("a", "1-1", arch)])[0];
        assert!(takes("x86_64") && takes("noarch") && takes("i686"));
        assert!(!takes("aarch64") && !takes("src"));
    }

    #[test]
    fn keeps_the_newest_of_each_stream() {
        let stream = |stream: &str, context: &str, artifacts: &[&str]| {
            let artifacts: Vec<_> =
                artifacts.iter().map(|artifact| format!("    - {artifact}\n")).collect();
            let artifacts = artifacts.concat();
            format!(
                "---\ndocument: modulemd\nversion: 2\ndata:\n  name: m\n  stream: \"{stream}\"\n  \
                 version: 1\n  context: {context}\n  arch: x86_64\n  artifacts:\n    rpms:\n{artifacts}\
                 ...\n"
            )
        };
        let text = [
            stream("1", "aa", &["a-0:1.0-1.x86_64", "a-0:1.1-1.x86_64", "b-0:1-1.x86_64"]),
            stream("2", "aa", &["a-0:2.0-1.x86_64", "b-0:1-1.x86_64", "b-0:2-1.x86_64"]),
            stream("2", "bb", &["a-0:2.1-1.x86_64"]),
        ]
        .concat();
        let streams = Modules::read(text.as_bytes()).unwrap().membership().unwrap();
        let builds = [
            ("a", "0.9-1", true, true),
            ("a", "0.8-1", false, true),
            ("a", "1.0-1", false, true),
            ("a", "1.1-1", true, true),
            ("a", "2.0-1", true, true),
            ("a", "2.1-1", true, true),
            // The newest of one stream, and not of the other.
            ("b", "1-1", true, true),
            ("b", "2-1", true, true),
            // The same name and of no module, although it is newer than all.
            ("b", "9-1", true, true),
        ];
        let candidates = builds.map(|(name, evr, _, _)| candidate(name, evr, "x86_64"));
        let newest = |count| {
            let newest_only = NonZeroUsize::new(count);
            Selection { newest_only, ..Selection::default() }.takes(&candidates, &streams)
        };
        assert_eq!(newest(1), builds.map(|(_, _, one, _)| one));
        assert_eq!(newest(2), builds.map(|(_, _, _, two)| two));
    }
}
