use std::convert::Infallible;
use std::sync::Arc;

use url::Url;

use super::*;
use crate::format::pypi::PackageName;
use crate::format::pypi::sdist::BuildSystem;
use crate::resolve::pypi::{Described, Index, Listed, Metadata, Target};
use crate::source::pypi::closure::Closing;

/// An index of sources alone, each of which is built with the next: `p1`, `p2` and on, and the last
/// one, if there is one, with the first.
struct Chain(Option<usize>);

impl Index for Chain {
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

impl Library for Chain {
    fn build_system(
        &self,
        project: &Project,
        _: &ProjectFile,
    ) -> Result<Result<BuildSystem, String>, Infallible> {
        let number: usize = project.name.as_ref()[1..].parse().unwrap();
        let next = if self.0 == Some(number) { 1 } else { number + 1 };
        let requires = vec![requirement::parse(&format!("p{next}")).unwrap()];
        Ok(Ok(BuildSystem { requires, ..BuildSystem::default() }))
    }
}

/// Why `p1` cannot be had.
fn refused(chain: &Chain) -> Vec<String> {
    let target = Target::new("3.11.4".parse().unwrap(), "linux_x86_64".parse().unwrap());
    let environment = target.environments().remove(0);
    let mut closing = Closing::new(chain, &environment, Selection::default());
    let asked = inputs("x-1.tar.gz", &[requirement::parse("p1").unwrap()], &Policy::default());
    let Err(Unsolved::Because(why)) = closing.resolve(&asked) else { panic!("expected no answer") };
    why
}

#[test]
fn a_chain_of_builds_without_end_is_refused_in_words() {
    let expected = "p1-1.tar.gz cannot be built: that takes p1001-1.tar.gz, which cannot be built: \
                    expected at most 1000 builds for one target, found more";
    assert_eq!(refused(&Chain(None)), [expected]);
}

#[test]
fn a_circle_of_builds_is_named_in_bounds() {
    let circle = "p1-1.tar.gz cannot be built: builds in a circle, none of which has a wheel: \
                  p1-1.tar.gz takes ";
    let expected = format!("{circle}p2-1.tar.gz, which takes p1-1.tar.gz");
    assert_eq!(refused(&Chain(Some(2))), [expected]);
    let why = refused(&Chain(Some(1000)));
    let end = "p9-1.tar.gz, which takes … 991 more, of which the last takes p1-1.tar.gz";
    assert!(why[0].starts_with(circle) && why[0].ends_with(end), "{why:?}");
}
