//! Which files of what was chosen are mirrored.

use std::fs;

use mirror_core::format::pypi::input::Location;
use mirror_core::source::pypi::{Indexes, Sdists, Wheels};
use mirror_fixtures::pypi::{Build, Index, Release, Says, Sdist, samples};

use super::support::{Site, With as _, names};

fn native() -> Site {
    Site::new(Index::new().releases(samples::sources()).releases(samples::application()))
}

#[tokio::test]
async fn the_best_wheel_of_each_target_is_mirrored() {
    let site = native();
    let set = site.set(&["native"]).targets(&[
        "3.11.4 manylinux_2_34_x86_64",
        "3.11.4 manylinux_2_28_aarch64",
        "3.12.1 musllinux_1_2_x86_64",
        "3.12.1 win_amd64",
        "3.10.2 manylinux_2_34_x86_64",
    ]);
    let run = site.sync(vec![set]).await.good();
    let expected = names(&[
        "native-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "native-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "native-1.0-cp312-cp312-win_amd64.whl",
        "native-1.0-cp39-abi3-manylinux_2_34_x86_64.whl",
        // Python 3.12 on musl has no wheel: the source, and what builds it.
        "native-1.0.tar.gz",
        "tiny_backend-1.0-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), expected, "{run:#?}");
}

#[tokio::test]
async fn all_wheels_are_those_that_a_target_takes() {
    let site = native();
    let set = site.set(&["native"]).wheels(Wheels::All).sdists(Sdists::Never);
    site.sync(vec![set]).await.good();
    let expected = names(&[
        "native-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "native-1.0-cp39-abi3-manylinux_2_34_x86_64.whl",
    ]);
    assert_eq!(site.packages(), expected);
}

#[tokio::test]
async fn a_build_tag_makes_the_better_wheel() {
    let site = Site::new(Index::new().releases(samples::odd()));
    site.sync(vec![site.set(&["built-twice"])]).await.good();
    assert_eq!(site.packages(), names(&["built_twice-1.0-2-py3-none-any.whl"]));
}

#[tokio::test]
async fn sources_come_always_where_that_is_asked_with_what_builds_them() {
    let site = native();
    let set = site.set(&["hello==1.0"]).sdists(Sdists::Always);
    site.sync(vec![set]).await.good();
    let expected = names(&[
        "hello-1.0-py3-none-any.whl",
        "hello-1.0.tar.gz",
        "greeting-2.1-py3-none-any.whl",
        "tiny_backend-1.0-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), expected);
}

#[tokio::test]
async fn builds_bring_what_they_need_and_what_that_needs() {
    let site = native();
    let run = site.sync(vec![site.set(&["source-helped"])]).await.good();
    let expected = names(&[
        "source_helped-1.0.tar.gz",
        "words-5-py3-none-any.whl",
        "tiny_backend-1.0-py3-none-any.whl",
        "build_helper-1.0-py3-none-any.whl",
        "build_helper_core-1.1-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), expected);
    assert_eq!(run.chosen(0), names(&["source-helped 1.0", "words 5"]), "the rest serves a build");
}

/// A build requirement that has a source alone is built by what that needs in turn.
#[tokio::test]
async fn a_backend_that_has_to_be_built_brings_what_builds_it() {
    let by = |need: &str| Sdist::new().built(Build::Tiny(vec![need.to_owned()]));
    let site = Site::new(Index::new().release(samples::tiny_backend()).releases([
        Release::new("first", "1").sdist(by("second>=1")),
        Release::new("second", "1").sdist(by("third")).requires("fourth"),
        Release::new("third", "1"),
        Release::new("fourth", "1"),
    ]));
    site.sync(vec![site.set(&["first"])]).await.good();
    let expected = names(&[
        "first-1.tar.gz",
        "second-1.tar.gz",
        "third-1-py3-none-any.whl",
        "fourth-1-py3-none-any.whl",
        "tiny_backend-1.0-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), expected);
}

#[tokio::test]
async fn never_a_source_means_that_what_has_no_wheel_cannot_be_had() {
    let site = native();
    let run = site.sync(vec![site.set(&["source-static"]).sdists(Sdists::Never)]).await;
    assert!(run.bad().contains("source-static"), "{}", run.bad());
    assert!(!site.tree().exists());
}

/// What sources say of what they need, in every way that is read without running them.
#[tokio::test]
async fn sources_say_what_they_need_in_many_ways() {
    let site = native();
    for kind in ["static", "egg", "project", "in-tree"] {
        let name = format!("source-{kind}");
        let run = site.sync(vec![site.set(&[&name])]).await.good();
        let expected = names(&[&format!("{name} 1.0"), "words 5"]);
        assert_eq!(run.chosen(0), expected, "{}", run.words());
    }
    let run = site.sync(vec![site.set(&["source-egg"])]).await;
    assert!(run.words().contains("source_egg-1.0.tar.gz"), "{}", run.words());
}

#[tokio::test]
async fn every_version_of_a_project_without_what_it_needs() {
    let site = native();
    site.sync(vec![site.set(&[]).all_versions(&["greeting>=2", "hello"])]).await.good();
    let expected = names(&[
        "greeting-2.0-py3-none-any.whl",
        "greeting-2.1-py3-none-any.whl",
        "greeting-3.0-py3-none-any.whl",
        "hello-1.0-py3-none-any.whl",
        "hello-1.1-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), expected);
}

#[tokio::test]
async fn the_newest_versions_by_their_order_and_not_by_their_text() {
    let site = Site::new(Index::new().releases(samples::versions()));
    let all = ["sorted", "epoch", "withdrawn", "early", "post"];
    site.sync(vec![site.set(&[]).all_versions(&all).newest(1)]).await.good();
    let expected = names(&[
        "sorted-1.10-py3-none-any.whl",
        "epoch-1!1.0-py3-none-any.whl",
        "withdrawn-1.0-py3-none-any.whl",
        "early-1.0-py3-none-any.whl",
        "post-1.0.post1-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), expected);
}

/// A folder of files says nothing of Pythons; the files do, before any is counted.
#[tokio::test]
async fn the_newest_versions_that_are_for_the_python() {
    let index = Index::new()
        .release(Release::new("many", "1"))
        .release(Release::new("many", "2").requires_python(">=3.9"))
        .release(Release::new("many", "3").requires_python(">=3.12"));
    let site = Site::new(Index::new());
    let folder = site.folder.path().join("wheels");
    fs::create_dir(&folder).unwrap();
    index.write_folder(folder.clone()).unwrap();
    let mut set = site.set(&[]).all_versions(&["many"]).newest(1);
    set.indexes = Indexes { indexes: Vec::new(), find_links: vec![Location::Path(folder)] };
    site.sync(vec![set]).await.good();
    assert_eq!(site.packages(), names(&["many-2-py3-none-any.whl"]));
}

/// What only a build could tell is not passed over in silence: the tree may lack what it asks for.
#[tokio::test]
async fn what_only_a_build_would_tell_is_said() {
    for says in [Says::Dynamic, Says::Nothing] {
        let site = Site::new(
            Index::new()
                .release(samples::tiny_backend())
                .release(Release::new("told", "1").sdist(Sdist::new().says(says))),
        );
        let run = site.sync(vec![site.set(&["told"])]).await;
        assert!(run.words().contains("told-1.tar.gz"), "{says:?}: {run:#?}");
    }
}
