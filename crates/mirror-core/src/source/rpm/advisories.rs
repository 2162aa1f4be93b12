//! Selection by advisories: the packages that mend something.
//!
//! What an advisory names are the builds that have its update: these are taken, as dnf's
//! `upgrade-minimal --security` takes them, and no build before or after them. A newer one has an
//! advisory of its own where it mends something.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::fs::File;
use std::io::BufReader;

use super::records;
use super::resolve::{REPOMD, Resolving};
use crate::error::{Error, Result};
use crate::format::compression::decoder;
use crate::format::rpm::FormatError;
use crate::format::rpm::nevra::Nevra;
use crate::format::rpm::updateinfo::{Advisory, Package, read_advisories};
use crate::limits;
use crate::source::OfAdvisories;

/// Advisories whose packages are wanted: those that fit any of these; none means that advisories do not
/// matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ByAdvisory {
    /// All that are about security.
    pub security: bool,
    /// Those of these ids, as `RHSA-2024:1234`, whatever the case.
    pub ids: Vec<String>,
    /// Those that name one of these CVEs, whatever the case.
    pub cves: Vec<String>,
}

impl ByAdvisory {
    /// Whether advisories matter.
    pub fn is_asked(&self) -> bool {
        self.security || !self.ids.is_empty() || !self.cves.is_empty()
    }
}

/// `security advisories=… cves=…`: what was asked for, in no case and order of its own.
impl fmt::Display for ByAdvisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| {
            let mut names: Vec<_> = names.iter().map(|name| name.to_ascii_uppercase()).collect();
            names.sort();
            names.dedup();
            names.join(",")
        };
        let (security, ids, cves) = (self.security, list(&self.ids), list(&self.cves));
        write!(f, "security={security} advisories={ids} cves={cves}")
    }
}

impl Resolving<'_> {
    /// What the advisories name that are asked for; `None` where advisories do not matter.
    pub(super) async fn builds_named(&self, files: &[records::Listed]) -> Result<Option<Named>> {
        let asked = &self.source.selection.advisories;
        if !asked.is_asked() {
            return Ok(None);
        }
        let mut gathered = Gathered::new(asked.clone());
        // Of several, clients take the first.
        let updateinfo = files.iter().find(|listed| listed.record.kind == "updateinfo");
        let file = updateinfo.map_or(REPOMD, |listed| &*listed.record.href);
        let url = self.url(file);
        if let Some(listed) = updateinfo {
            let stored = self.fetch_listed(listed).await?;
            let (file, name) = (self.context.open(&stored.sha256)?, url.clone());
            let reading = tokio::task::spawn_blocking(move || {
                gathered.read(file).map(|()| gathered).map_err(|e| Error::metadata(&name, e))
            });
            gathered = reading.await.map_err(|error| Error::Client(error.into()))??;
        }
        let names = asked.ids.iter().chain(&asked.cves);
        let names = names.map(|name| (name.clone(), gathered.found.contains(name))).collect();
        let (are_listed, security) = (updateinfo.is_some(), asked.security);
        let found = OfAdvisories { file: url, are_listed, security, names };
        Ok(Some(Named { builds: gathered.builds, found }))
    }
}

/// For each candidate whether it is taken, of those that are `named`, of which `takes` says it.
pub(super) fn among(
    candidates: &[Nevra],
    named: &BTreeSet<Nevra>,
    takes: impl FnOnce(&[Nevra]) -> Vec<bool>,
) -> Vec<bool> {
    let some = candidates.iter().filter(|candidate| named.contains(*candidate));
    let some: Vec<_> = some.cloned().collect();
    let mut verdicts = takes(&some).into_iter();
    let of = |candidate| named.contains(candidate) && verdicts.next().unwrap_or(false);
    candidates.iter().map(of).collect()
}

/// What the advisories that are asked for name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) builds: BTreeSet<Nevra>,
    /// Which of what was asked for there is.
    pub(super) found: OfAdvisories,
}

/// Gathers the builds that are wanted, advisory by advisory.
#[derive(Debug)]
struct Gathered {
    asked: ByAdvisory,
    builds: BTreeSet<Nevra>,
    /// The ids and CVEs of which there was one.
    found: HashSet<String>,
}

impl Gathered {
    fn new(asked: ByAdvisory) -> Self {
        Self { asked, builds: BTreeSet::new(), found: HashSet::new() }
    }

    fn read(&mut self, file: File) -> Result<(), FormatError> {
        let file = BufReader::with_capacity(256 << 10, file);
        let reader = decoder(file, limits::METADATA_OPEN_SIZE)?;
        read_advisories(reader, |advisory| {
            self.take(&advisory);
            Ok::<_, FormatError>(())
        })
        .map(drop)
    }

    fn take(&mut self, advisory: &Advisory) {
        let ByAdvisory { security, ids, cves } = &self.asked;
        let mut is_wanted = *security && advisory.kind.eq_ignore_ascii_case("security");
        for id in ids.iter().filter(|id| id.eq_ignore_ascii_case(&advisory.id)) {
            self.found.insert(id.clone());
            is_wanted = true;
        }
        for named in advisory.cves() {
            for cve in cves.iter().filter(|cve| cve.eq_ignore_ascii_case(named)) {
                self.found.insert(cve.clone());
                is_wanted = true;
            }
        }
        if is_wanted {
            self.builds.extend(advisory.packages().filter_map(Package::nevra));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rpm::updateinfo::Advisories;

    fn advisories() -> Advisories {
        let update = |kind: &str, id: &str, cve: &str, package: &str| {
            format!(
                "<update type='{kind}'><id>{id}</id><references><reference type='cve' id='{cve}'/>\
                 </references><pkglist><collection><package name='{package}' version='1' release='1' \
                 arch='noarch'/><package name='{package}' epoch='x'/></collection></pkglist></update>"
            )
        };
        let document = [
            update("security", "EX-1", "CVE-1", "a"),
            update("bugfix", "EX-2", "CVE-2", "b"),
            update("Security", "EX-3", "CVE-1", "c"),
        ];
        let mut advisories = Advisories::default();
        advisories.read(format!("<updates>{}</updates>", document.concat()).as_bytes()).unwrap();
        advisories
    }

    fn builds(asked: &ByAdvisory) -> String {
        let mut gathered = Gathered::new(asked.clone());
        advisories().list().iter().for_each(|advisory| gathered.take(advisory));
        let mut builds: Vec<_> = gathered.builds.iter().map(ToString::to_string).collect();
        builds.sort();
        builds.join(" ")
    }

    #[test]
    fn takes_the_builds_that_advisories_name() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let security = ByAdvisory { security: true, ..ByAdvisory::default() };
        assert_eq!(builds(&security), "a-1-1.noarch c-1-1.noarch");
        let by_id = ByAdvisory { ids: names(&["ex-2"]), ..ByAdvisory::default() };
        assert_eq!(builds(&by_id), "b-1-1.noarch");
        let by_cve = ByAdvisory { cves: names(&["cve-1"]), ..ByAdvisory::default() };
        assert_eq!(builds(&by_cve), "a-1-1.noarch c-1-1.noarch");
        let any = ByAdvisory { cves: names(&["CVE-2"]), ..security.clone() };
        assert_eq!(builds(&any), "a-1-1.noarch b-1-1.noarch c-1-1.noarch");
        let lacking = ByAdvisory {
            ids: names(&["EX-9", "EX-1"]),
            cves: names(&["CVE-3"]),
            ..ByAdvisory::default()
        };
        assert_eq!(builds(&lacking), "a-1-1.noarch");
        assert_eq!(lacking.to_string(), "security=false advisories=EX-1,EX-9 cves=CVE-3");
    }
}
