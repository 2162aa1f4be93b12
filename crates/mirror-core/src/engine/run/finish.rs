//! What a source makes of the files once they are stored.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Run, Tree, Work};
use crate::engine::blocking;
use crate::error::Result;
use crate::manifest::{Entry, Manifest};
use crate::plan::Plan;
use crate::store::TreeInventory;

impl<'a> Run<'a> {
    /// Lets a tree's source add what it makes of the files. Where it finds them wanting, that is the
    /// tree's failure.
    pub(super) async fn finish(&self, tree: &mut Tree<'a>) -> Result<()> {
        if !tree.job.source.makes_files() {
            return Ok(());
        }
        let Some((stored, _)) = self.stored(tree)? else { return Ok(()) };
        let context = self.context(tree, tree.previous.as_deref());
        let made = tree.job.source.finish(&context, &stored).await;
        let remarks = context.into_remarks();
        tree.report.warnings.extend(remarks.warnings);
        tree.report.failures.extend(remarks.refused);
        tree.report.package_signatures = remarks.packages;
        let added = match made {
            Ok(made) if made.is_empty() => return Ok(()),
            Ok(made) => self.add(tree, made).await,
            Err(error) => Err(error),
        };
        match added {
            Err(error) if error.is_local() => Err(error),
            Err(error) => {
                self.fail(tree, &error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Takes more files into a tree's manifest and plan.
    async fn add(&self, tree: &mut Tree<'a>, made: Vec<Entry>) -> Result<()> {
        let Work::Plan { manifest, plan, content, .. } = &tree.work else { return Ok(()) };
        let listed_by = tree.upstream.to_string();
        let (old, more) = (manifest.entries(), Manifest::new(made, &listed_by)?);
        let whole = old.iter().chain(more.entries()).cloned().collect();
        let whole = manifest.with(whole, &listed_by)?;
        let (store, path) = (Arc::clone(&self.mirror.store), tree.job.tree.clone());
        let upstream = Arc::clone(&tree.upstream);
        let (more, new) = blocking(move || {
            let mut inventory = TreeInventory::new(&store, &path, &upstream);
            let plan = Plan::new(&more, &mut inventory, None);
            inventory.finish().map(|()| (more, plan))
        })
        .await?;
        let new = more.entries().iter().zip(new.steps).map(|(entry, step)| (entry, step, None));
        let known = old.iter().zip(&plan.steps).zip(content);
        let known = known.map(|((entry, step), content)| (entry, *step, *content));
        // What was listed before goes before what was made.
        let known: HashMap<_, _> =
            new.chain(known).map(|(entry, step, content)| (&entry.path, (step, content))).collect();
        let mut steps = Vec::with_capacity(whole.entries().len());
        let mut contents = Vec::with_capacity(whole.entries().len());
        for entry in whole.entries() {
            let (step, content) = known[&entry.path];
            steps.push(step);
            contents.push(content);
        }
        let plan = Plan { steps, ..plan.clone() };
        tree.report.files = whole.entries().len() as u64;
        tree.work = Work::Plan { manifest: whole, plan, content: contents, missing: 0 };
        Ok(())
    }
}
