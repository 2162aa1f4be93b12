//! What is chosen for whom, and what is said of it.

use mirror_core::Mode;
use mirror_core::format::pypi::input::Location;
use mirror_core::report::Outcome;
use mirror_core::source::pypi::PypiSource;
use mirror_fixtures::Fault;
use mirror_fixtures::pypi::{Forms, Index, Offer, Release, Wheel, samples};

use super::support::{Site, With as _, names, packages};

#[tokio::test]
async fn markers_extras_and_pythons_are_judged_by_the_target() {
    let site = Site::new(samples::demo());
    let targets =
        ["3.11.4 manylinux_2_34_x86_64", "3.10.1 manylinux_2_34_x86_64", "3.12.1 win_amd64"];
    let set = site.set(&["hello[all]", "python"]).targets(&targets);
    let run = site.sync(vec![set]).await.good();
    let common =
        ["greeting 2.1", "hello 1.1", "native 1.0", "numbers-like 1.9", "paint 1.2", "words 5"];
    let with = |more: &[&str]| &names(&common) | &names(more);
    assert_eq!(run.chosen(0), with(&["python 1.0"]));
    assert_eq!(run.chosen(1), with(&["python 1.0", "tomli-like 1.0"]));
    assert_eq!(run.chosen(2), with(&["python 2.0", "for-windows 1.0"]));
}

/// `3.13` is every patch release of it: what some of them take, and what the others do.
#[tokio::test]
async fn a_python_without_its_patch_release_is_all_of_them() {
    let site = Site::new(samples::demo());
    let set = site.set(&["python"]).targets(&["3.13 manylinux_2_34_x86_64"]);
    let run = site.sync(vec![set]).await.good();
    assert_eq!(run.chosen(0), names(&["python 2.0", "python 3.0"]));
}

#[tokio::test]
async fn withdrawn_and_early_versions_are_taken_where_they_are_named() {
    let site = Site::new(samples::demo());
    let of = |requirements: &[&str]| vec![site.set(requirements)];
    let unasked = ["withdrawn", "early", "only-early", "local==2.0", "epoch", "post"];
    let run = site.sync(of(&unasked)).await.good();
    let expected = names(&[
        "withdrawn 1.0",
        "early 1.0",
        "only-early 0.1b2",
        "local 2.0+site.1",
        "epoch 1!1.0",
        "post 1.0.post1",
    ]);
    assert_eq!(run.chosen(0), expected);
    let run = site.sync(of(&["withdrawn==1.1", "early>=2.0rc1", "local===2.0"])).await.good();
    assert_eq!(run.chosen(0), names(&["withdrawn 1.1", "early 2.0rc1", "local 2.0"]));
    assert!(
        site.text("withdrawn/index.html").contains(r#"data-yanked="does not work &lt;at all&gt;""#)
    );
}

#[tokio::test]
async fn circles_and_extras_that_do_not_exist_stand_in_nobodys_way() {
    let site = Site::new(samples::demo());
    let run = site.sync(vec![site.set(&["circle", "words[absent]"])]).await.good();
    assert_eq!(run.chosen(0), names(&["arc 1.0", "circle 1.0", "words 5"]));
    assert!(run.words().contains("absent"), "{}", run.words());
}

#[tokio::test]
async fn a_malformed_release_is_passed_over() {
    let site = Site::new(samples::demo());
    let run = site.sync(vec![site.set(&["malformed"])]).await.good();
    assert_eq!(run.chosen(0), names(&["malformed 1.0"]));
    assert!(run.words().contains("malformed-1.1"), "{}", run.words());
}

#[tokio::test]
async fn a_conflict_names_its_culprits_and_leaves_what_is_published() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["left"])]).await.good();
    let before = crate::support::listing(&site.tree());
    let run = site.sync(vec![site.set(&["left", "right>=1"])]).await;
    let said = run.answers[0].unsolved.join("\n");
    for word in ["left", "right>=1", "middle<2", "middle>=2"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.lines().count() <= 6, "{said}");
    assert!(run.bad().contains("no solution for Python 3.11.4"), "{}", run.bad());
    assert_eq!(crate::support::listing(&site.tree()), before);
}

#[tokio::test]
async fn what_no_index_has_is_named_with_who_wants_it() {
    let site = Site::new(samples::demo());
    let run = site.sync(vec![site.set(&["wanting"])]).await;
    let said = run.answers[0].unsolved.join("\n");
    assert!(said.contains("absent") && said.contains("wanting"), "{said}");
    assert!(!site.tree().exists());
}

/// The answers of the targets that have one are there beside the one that has none.
#[tokio::test]
async fn one_target_without_an_answer_does_not_hide_the_others() {
    let site = Site::new(samples::demo());
    let set = site
        .set(&["python==2.0"])
        .targets(&["3.11.4 manylinux_2_34_x86_64", "3.12.1 manylinux_2_34_x86_64"]);
    let run = site.sync(vec![set]).await;
    assert!(!run.answers[0].unsolved.is_empty() && run.answers[0].chosen.is_empty());
    assert_eq!((run.chosen(1), run.answers[1].unsolved.len()), (names(&["python 2.0"]), 0));
    assert!(run.bad().contains("1 of 2 targets"), "{}", run.bad());
}

#[tokio::test]
async fn a_dry_run_says_what_was_chosen_and_why_and_downloads_nothing() {
    let site = Site::new(samples::demo());
    let source = PypiSource::new(vec![site.set(&["hello==1.1"])]);
    let run = site.run(source, Mode::DryRun).await;
    assert_eq!(run.tree().outcome, Outcome::Planned);
    let greeting = run.answers[0].chosen.iter().find(|one| one.name == "greeting").unwrap();
    assert_eq!(greeting.version, "2.1");
    assert!(greeting.requested_by.iter().any(|by| by.contains("hello")), "{greeting:?}");
    assert_eq!(greeting.files[0].filename, "greeting-2.1-py3-none-any.whl");
    assert!(greeting.files[0].size.is_some());
    let hello = run.answers[0].chosen.iter().find(|one| one.name == "hello").unwrap();
    assert!(hello.requested_by.iter().any(|by| by.contains("command line")), "{hello:?}");
    assert!(!site.tree().exists());
    let whole = site
        .upstream
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with(".whl") && request.header("range").is_none());
    assert_eq!(whole.count(), 0);
}

/// The same versions and the same tree, whatever an index offers.
#[tokio::test]
async fn every_kind_of_index_gives_the_same_tree() {
    let wanted = ["hello[all]", "source-helped", "Foo.Bar_baz", "long", "withdrawn"];
    let mut trees = Vec::new();
    for (forms, offer, ranges) in [
        (Forms::Json, Offer::Digest, true),
        (Forms::Html, Offer::Digest, true),
        (Forms::Html, Offer::True, true),
        (Forms::Json, Offer::No, true),
        (Forms::Html, Offer::No, true),
        (Forms::Both, Offer::No, false),
        (Forms::Both, Offer::Missing, true),
    ] {
        let index = samples::demo().forms(forms).offer(offer);
        // Times and reasons of JSON alone would tell the trees apart.
        let site = Site::new(index.without_sizes());
        if !ranges {
            site.upstream.fault_all(Fault::IgnoreRange);
        }
        site.sync(vec![site.set(&wanted)]).await.good();
        let mut files = super::support::contents(&site.tree());
        files.remove("sets.json");
        trees.push((format!("{forms:?} {offer:?} {ranges}"), files));
    }
    let (first, expected) = &trees[0];
    for (name, found) in &trees[1..] {
        for path in expected.keys().chain(found.keys()) {
            assert!(
                expected.get(path) == found.get(path),
                "{path} of {name} is not that of {first}"
            );
        }
    }
}

/// A server that ignores ranges sends a wheel once, and not once for its metadata and once to keep.
#[tokio::test]
async fn a_wheel_that_had_to_be_read_whole_is_not_fetched_again() {
    let site = Site::new(samples::demo().offer(Offer::No));
    site.upstream.fault_all(Fault::IgnoreRange);
    site.sync(vec![site.set(&["hello==1.0"])]).await.good();
    let requests = site.upstream.requests().into_iter();
    let whole = requests.filter(|r| r.path.ends_with(".whl") && r.header("range").is_none());
    assert_eq!(whole.count(), 2, "hello and greeting, once each");
}

/// Each page and each piece of metadata is asked for once, however many targets and sets there are.
#[tokio::test]
async fn targets_and_sets_share_what_was_fetched() {
    let site = Site::new(samples::demo());
    let targets = ["3.11 manylinux_2_34_x86_64", "3.12 manylinux_2_28_aarch64", "3.10.1 win_amd64"];
    let one = site.set(&["hello"]).targets(&targets);
    let other = site.set(&["hello", "python"]).targets(&targets[..1]).named("other");
    site.sync(vec![one, other]).await.good();
    let requests = site.upstream.requests();
    for request in &requests {
        let same = requests.iter().filter(|other| other.path == request.path).count();
        assert_eq!(same, 1, "{}", request.path);
    }
}

#[tokio::test]
async fn metadata_is_that_of_the_targets_own_wheel() {
    let tags = ["cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64"];
    let site = Site::new(
        Index::new().releases([
            Release::new("differs", "1")
                .wheel_that(Wheel::new(tags[0]).requires("for-eleven"))
                .wheel_that(Wheel::new(tags[1]).requires("for-twelve")),
            Release::new("for-eleven", "1"),
            Release::new("for-twelve", "1"),
        ]),
    );
    let set = site
        .set(&["differs"])
        .targets(&["3.11.4 manylinux_2_34_x86_64", "3.12.1 manylinux_2_34_x86_64"]);
    let run = site.sync(vec![set]).await.good();
    assert_eq!(run.chosen(0), names(&["differs 1", "for-eleven 1"]));
    assert_eq!(run.chosen(1), names(&["differs 1", "for-twelve 1"]));
}

#[tokio::test]
async fn deep_backtracking_ends_with_the_answer_and_few_requests() {
    let site = Site::new(samples::deep(34, 6));
    let run = site.sync(vec![site.set(&["cloud", "cloud-core<1.30", "net>=2"])]).await.good();
    assert_eq!(run.chosen(0), names(&["cloud 1.2.5", "cloud-core 1.2.5", "net 2.2"]));
    // 34 × 6 versions of each of two projects, three pages, three wheels.
    assert!(run.report.requests <= 2 * 34 * 6 + 6, "{} requests", run.report.requests);
}

#[tokio::test]
async fn a_graph_is_resolved_and_mirrored_whole() {
    let site = Site::new(samples::graph(40, 4, 100));
    let run = site.sync(vec![site.set(&["node-000"])]).await.good();
    assert_eq!(run.chosen(0).len(), 40);
    assert!(run.chosen(0).iter().all(|chosen| chosen.ends_with(" 1.3")));
    assert_eq!(packages(&site.tree()).len(), 40);
}

/// Versions for other Pythons are what indexes have; only a page without `requires-python` shows it.
#[tokio::test]
async fn what_is_usual_is_told_apart_from_what_is_odd() {
    let site = Site::new(
        Index::new().releases(samples::versions()).releases([
            Release::new("noted", "1.0")
                .wheel("py3-none-any")
                .raw("noted-not.a.version-py3-none-any.whl", b"x"),
            Release::new("old", "1.0").requires_python("three"),
            Release::new("old", "1.1"),
        ]),
    );
    let mut set = site.set(&["python", "malformed"]);
    set.indexes.indexes.clear();
    let links = format!("{}/links/", site.upstream.url());
    let mut files = site.index.files();
    for (_, page) in files.iter_mut().filter(|(path, _)| path.starts_with("links/")) {
        let text = String::from_utf8_lossy(page).replace("data-requires-python=", "data-none=");
        *page = text.into_bytes();
    }
    site.upstream.set_files(files);
    set.indexes.find_links = vec![Location::Url(links.parse().unwrap())];
    let run = site.sync(vec![set, site.set(&["noted", "old"]).named("odd")]).await.good();
    assert_eq!(run.chosen(0), names(&["python 1.0", "malformed 1.0"]));
    let passed = |target: usize| run.answers[target].passed_over.join("\n");
    let expected = "python 2.0 is passed over: for Python >=3.12\n\
                    python 3.0 is passed over: for Python >=3.13, !=3.13.0";
    assert_eq!(passed(0), expected);
    let [note] = &run.answers[0].notes[..] else { panic!("{:?}", run.answers[0].notes) };
    assert!(note.starts_with("malformed 1.1 is passed over: "), "{note}");
    assert!(passed(1).contains("noted-not.a.version-py3-none-any.whl"), "{}", passed(1));
    assert!(passed(1).contains("old: malformed requires-python \"three\""), "{}", passed(1));
    assert_eq!(run.answers[1].notes, [""; 0]);
}
