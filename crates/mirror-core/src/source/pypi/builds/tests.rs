use std::convert::Infallible;
use std::sync::Arc;

use url::Url;

use super::*;
use crate::format::pypi::PackageName;
use crate::format::pypi::sdist::BuildSystem;
use crate::resolve::pypi::{Described, Index, Listed, Metadata, Target};
use crate::source::pypi::closure::Closing;

/// An index of sources alone, each of which is built with the next: `p1`, `p2` and on.
struct Endless;

impl Index for Endless {
    type Error = Infallible;

    fn project(&self, name: &PackageName) -> Result<Option<Arc<Project>>, Infallible> {
        let filename = format!("{name}-1.tar.gz");
        let listed = Listed { filename: &filename, ..Listed::default() };
        Ok(Some(Arc::new(Project::new(name.clone(), [listed]))))
    }

    fn direct(&self, name: &PackageName, _: &Url) -> Result<Arc<Project>, Infallible> {
        Ok(Arc::new(Project::new(name.clone(), [])))
    }

    fn metadata(&self, _: &Project, _: &ProjectFile) -> Result<Described, Infallible> {
        Ok(Described::As(Arc::new(Metadata::default())))
    }
}

impl Library for Endless {
    fn build_system(
        &self,
        project: &Project,
        _: &ProjectFile,
    ) -> Result<Result<BuildSystem, String>, Infallible> {
        let number: usize = project.name.as_ref()[1..].parse().unwrap();
        let requires = vec![requirement::parse(&format!("p{}", number + 1)).unwrap()];
        Ok(Ok(BuildSystem { requires, backend: None, is_local: false, faults: Vec::new() }))
    }
}

#[test]
fn a_chain_of_builds_without_end_is_refused_in_words() {
    let target =
        Target { python: "3.11.4".parse().unwrap(), platform: "linux_x86_64".parse().unwrap() };
    let environment = target.environments().remove(0);
    let mut closing = Closing::new(&Endless, &environment, Selection::default());
    let asked = inputs("x-1.tar.gz", &[requirement::parse("p1").unwrap()], &Policy::default());
    let Err(Unsolved::Because(why)) = closing.resolve(&asked) else { panic!("expected no answer") };
    let expected = "p1-1.tar.gz cannot be built: that takes p1001-1.tar.gz, which cannot be built: \
                    expected at most 1000 builds for one target, found more";
    assert_eq!(why, [expected]);
}
