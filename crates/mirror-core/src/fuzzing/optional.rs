//! The metadata that a repository may have beside that of its packages.

use crate::format::rpm::comps::{self, Comps};
use crate::format::rpm::modules::{self, Broken, Modules};
use crate::format::rpm::nevra::Nevra;
use crate::format::rpm::updateinfo::{self, Advisories, Advisory, Package, read_advisories};
use crate::format::rpm::{FormatError, excerpt};

/// Advisories that are written read the same, and a filter leaves what it is to leave.
pub fn updateinfo(data: &[u8]) {
    let Ok(advisories) = advisories(data) else { return };
    let mut same = Vec::new();
    assert!(updateinfo::filter(data, &mut same, |_| true).is_ok());
    assert!(self::advisories(&same).is_ok_and(|same| same == advisories));
    let keep = |package: &Package| package.name.len().is_multiple_of(2);
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    assert!(updateinfo::filter(data, &mut once, keep).is_ok());
    assert!(updateinfo::filter(&*once, &mut twice, keep).is_ok() && once == twice);
    let mut merged = Advisories::default();
    assert!(merged.read(data).is_ok() && merged.list().len() <= advisories.len());
    for advisory in &advisories {
        let _ = (advisory.cves().count(), advisory.label(), updateinfo::seconds(&advisory.issued));
    }
}

fn advisories(data: &[u8]) -> Result<Vec<Advisory>, FormatError> {
    let mut advisories = Vec::new();
    read_advisories(data, |advisory| {
        advisories.push(advisory);
        Ok::<_, FormatError>(())
    })?;
    Ok(advisories)
}

/// Groups that are written read the same, and a filter leaves what it is to leave.
pub fn comps(data: &[u8]) {
    let Ok(comps) = Comps::read(data) else { return };
    let mut text = Vec::new();
    assert!(comps.write(&mut text).is_ok());
    assert!(Comps::read(&*text).is_ok_and(|same| same == comps), "{}", excerpt(&lossy(&text)));
    let keep = |name: &str| name.len().is_multiple_of(2);
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    assert!(comps::filter(data, &mut once, keep).is_ok());
    assert!(comps::filter(&*once, &mut twice, keep).is_ok() && once == twice);
    let mut merged = comps.clone();
    merged.merge(comps.clone());
    for group in comps.groups() {
        assert!(comps.group(&group.id).is_some());
        let _ = comps.meant(&group.id);
    }
    let _ = (comps.environments().count(), comps.categories().count(), comps.langpacks().count());
}

/// Documents that are written read the same, and a filter leaves what it is to leave.
pub fn modules(data: &[u8]) {
    let Ok(all) = Modules::read(data) else { return };
    let mut text = Vec::new();
    assert!(all.write(&mut text).is_ok());
    let again = Modules::read(&*text);
    let same = again.is_ok_and(|again| {
        let pairs = again.documents().iter().zip(all.documents());
        let mut pairs = pairs.map(|(again, all)| (again.content.as_ref(), all.content.as_ref()));
        again.documents().len() == all.documents().len()
            && pairs.all(|pair| pair.0.ok() == pair.1.ok())
    });
    assert!(same, "{}", excerpt(&lossy(&text)));
    assert_eq!(all.membership().is_err(), all.broken().any(Broken::may_list_packages));
    let keep = |package: &Nevra| package.name.len().is_multiple_of(2);
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    let filtered = modules::filter(data, &mut once, keep);
    assert!(filtered.is_ok_and(|f| f.kept + f.dropped == all.documents().len() as u64));
    assert!(modules::filter(&*once, &mut twice, keep).is_ok() && once == twice);
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
