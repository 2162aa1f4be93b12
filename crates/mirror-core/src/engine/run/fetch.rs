//! What comes of transfers, for the trees that wait for it.

use super::{Tree, Work};
use crate::engine::fetching::{Done, Patience};
use crate::error::{Error, Kind, Result};
use crate::manifest::Role;
use crate::report::Failure;
use crate::source::Sizes;

/// Whether nothing of the group is still to come.
pub(super) fn is_settled(trees: &[Tree<'_>], group: &str) -> bool {
    trees
        .iter()
        .filter(|tree| tree.job.group == group)
        .all(|tree| !matches!(tree.work, Work::Plan { missing, .. } if missing > 0))
}

/// Notes what came of a transfer with everyone who wanted it.
pub(super) fn take(trees: &mut [Tree<'_>], done: Done, patience: Patience) -> Result<()> {
    let is_other_answer = done.result.as_ref().is_err_and(Error::is_other_answer);
    let is_deferred = patience == Patience::Some && is_other_answer;
    let is_borne =
        !is_deferred && done.result.as_ref().is_err_and(|error| error.kind() == Kind::NotFound);
    let mut deferred = (is_deferred || is_borne).then_some(done.unit.path);
    let (reason, kind) = match &done.result {
        Err(error) if !error.is_local() => (error.to_string(), error.kind()),
        _ => Default::default(),
    };
    let fetched = match done.result {
        Err(error) if error.is_local() => return Err(error),
        Err(_) => None,
        Ok(fetched) => Some(fetched),
    };
    for (tree, at) in done.unit.takers {
        let tree = &mut trees[tree];
        let Work::Plan { manifest, content, missing, .. } = &mut tree.work else {
            continue;
        };
        *missing -= 1;
        let Some(fetched) = fetched else {
            tree.may_have_moved |= is_other_answer;
            if is_deferred {
                tree.deferred.extend(deferred.take().map(|path| (path, reason.clone())));
            } else if is_borne && tree.job.source.may_do_without() {
                tree.borne.extend(deferred.take().map(|path| (path, reason.clone())));
            }
            let path = Some(manifest.entries()[at].path.clone());
            tree.report.failures.push(Failure { path, reason: reason.clone(), kind });
            continue;
        };
        content[at] = Some(fetched);
        let entry = &manifest.entries()[at];
        let listed = entry.size.filter(|listed| *listed != fetched.size);
        let binds = entry.role == Role::Payload && tree.job.source.sizes() == Sizes::Bind;
        if let Some(listed) = listed.filter(|_| !binds) {
            let (path, found) = (&entry.path, fetched.size);
            let warning = format!("{path}: {found} bytes, listed with {listed}");
            tree.report.warnings.push(warning);
        }
    }
    Ok(())
}
