//! Several sets of one run, of which some fail: the others are made, and what the failed ones had stays.

use std::collections::BTreeMap;
use std::fs;

use mirror_core::Mode;
use mirror_core::report::{Outcome, Report};
use mirror_core::source::pypi::{PypiSource, Set};
use mirror_fixtures::pypi::{Index, Offer, Release, samples};
use mirror_fixtures::{Fault, Upstream};

use super::support::{self, LINUX, Site, With as _, contents, names};
use crate::support::listing;

const WORDS: &str = "words-5-py3-none-any.whl";

/// Two good sets around one of those requirements.
fn three(site: &Site, middle: &[&str]) -> Vec<Set> {
    vec![
        site.set(&["words"]).named("one"),
        site.set(middle).named("two"),
        site.set(&["x"]).named("three"),
    ]
}

/// What `mirror check` says of the tree.
fn assert_proved(site: &Site) {
    let checked = mirror_core::source::pypi::check(&site.tree()).unwrap().unwrap();
    assert!(checked.is_good(), "{checked:#?}");
}

fn generation(report: &Report) -> Option<u64> {
    report.trees[0].generation
}

#[tokio::test]
async fn a_set_without_a_solution_leaves_the_others_and_what_it_had() {
    let site = Site::new(samples::demo());
    let unsolvable = ["left", "right>=1"];
    // It was never published: nothing of it is there.
    let run = site.sync(three(&site, &unsolvable)).await.good();
    let why = run.failed(&[("two", false)]);
    assert_eq!(why, ["no solution for Python 3.11.4 on manylinux_2_34_x86_64"]);
    assert_eq!(site.packages(), names(&[WORDS, "x-0-py3-none-any.whl"]));
    assert!(!run.answers[1].unsolved.is_empty() && run.answers.len() == 3);
    assert_proved(&site);

    site.sync(three(&site, &["greeting<2"])).await.good();
    let before = contents(&site.tree());
    assert!(before.contains_key("greeting/index.html"));
    // All others are as they were: nothing is published anew, and the run is not complete.
    for _ in 0..2 {
        let listed = listing(&site.tree());
        let run = site.sync(three(&site, &unsolvable)).await;
        assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
        assert_eq!(generation(&run.report), Some(2));
        run.failed(&[("two", true)]);
        assert_eq!(listing(&site.tree()), listed);
    }
    // Another set is made anew beside it.
    let mut sets = three(&site, &unsolvable);
    sets[2] = site.set(&["x", "early"]).named("three");
    let run = site.sync(sets).await.good();
    run.failed(&[("two", true)]);
    assert!(site.packages().contains("early-1.0-py3-none-any.whl"), "{:?}", site.packages());
    for path in ["greeting/index.html", "files/greeting-1.0-py3-none-any.whl"] {
        assert_eq!(fs::read(site.tree().join(path)).unwrap(), before[path], "{path}");
    }
    assert_proved(&site);

    // And once the cause is gone, all are what they should be.
    let run = site.sync(three(&site, &["greeting<2"])).await.good();
    run.failed(&[]);
}

/// What stands in a set's way alone: its index, a file of it, what it lists.
#[tokio::test]
async fn what_is_a_sets_own_fault_is_told_with_it() {
    let site = Site::new(samples::demo());
    let bare = Index::new().hashes(&[]).release(Release::new("bare", "1.0"));
    let bare = Upstream::serve_files(bare.files());
    let down = Upstream::serve_files(samples::demo().files());
    down.fault_all(Fault::Status(503));
    let at = |upstream: &Upstream, requirement| {
        support::set("two", &format!("{}/simple/", upstream.url()), &[requirement])
    };
    let mut nowhere = site.set(&["x"]).named("two");
    let folder = site.folder.path().join("nowhere");
    nowhere.indexes.find_links = vec![mirror_core::format::pypi::input::Location::Path(folder)];
    let digest = "0".repeat(64);
    let mut listed = site.set(&[]).named("two");
    listed.wants = support::file(&format!("words==5 --hash=sha256:{digest}\n"));
    for (set, why) in [
        (at(&bare, "bare"), "bare-1.0-py3-none-any.whl is listed without a digest"),
        (at(&down, "hello"), "503 Service Unavailable"),
        (nowhere, "nowhere"),
        (listed, "no index has a file of that version with such a digest"),
    ] {
        let mut sets = three(&site, &[]);
        sets[1] = set;
        let run = site.sync(sets).await;
        assert!(run.tree().outcome.is_good(), "{}", run.words());
        let said = run.failed(&[("two", false)]);
        assert!(said[0].contains(why), "{why}: {said:?}");
        assert_eq!(site.packages(), names(&[WORDS, "x-0-py3-none-any.whl"]));
    }
}

/// Nobody here knows which of two is right: neither is published, and what others have stays.
#[tokio::test]
async fn sets_that_contradict_each_other_fail_together() {
    let site = Site::new(samples::demo());
    let other = Index::new().release(Release::new("words", "5").requires("x"));
    let other = Upstream::serve_files(other.files());
    let index = format!("{}/simple/", other.url());
    let theirs = || {
        let mut set = support::set("two", &index, &["words"]);
        set.indexes.indexes.push(format!("{}/simple/", site.upstream.url()).parse().unwrap());
        set
    };
    let with_theirs = || {
        let mut sets = three(&site, &[]);
        sets[1] = theirs();
        sets
    };
    let run = site.sync(with_theirs()).await.good();
    for why in run.failed(&[("one", false), ("two", false)]) {
        assert!(why.contains(WORDS), "{why}");
    }
    assert_eq!(site.packages(), names(&["x-0-py3-none-any.whl"]));

    // What is published of one of them is the one that counts: the other fails alone.
    site.sync(vec![site.set(&["words"]).named("four")]).await.good();
    let run = site.sync(vec![theirs(), site.set(&["greeting"]).named("three")]).await.good();
    assert!(run.failed(&[("two", false)])[0].contains(WORDS));
    assert!(site.text("words/index.html").contains(WORDS));
    assert_proved(&site);
}

/// A set that fails keeps its files as they are, so others cannot have them otherwise.
#[tokio::test]
async fn what_a_failed_set_keeps_is_not_replaced_under_it() {
    let mut site =
        Site::new(Index::new().release(Release::new("same", "1")).release(Release::new("x", "1")));
    let sets = |site: &Site, more: &str| {
        vec![
            site.set(&["same", more]).named("one"),
            site.set(&["same"]).named("two"),
            site.set(&["x"]).named("three"),
        ]
    };
    site.sync(sets(&site, "x")).await.good();
    let before = listing(&site.tree());
    // Upstream has replaced a file, which is taken with a warning where nobody needs the old one.
    site.change(|index| {
        *index = Index::new()
            .release(Release::new("same", "1").requires("x"))
            .release(Release::new("x", "1"));
    });
    let run = site.sync(sets(&site, "absent")).await;
    let why = run.failed(&[("one", true), ("two", true)]);
    assert!(
        why[0].contains("no solution") && why[1].contains("same-1-py3-none-any.whl"),
        "{why:?}"
    );
    assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
    assert_eq!(listing(&site.tree()), before);
    let run = site.sync(sets(&site, "x")).await.good();
    assert!(run.words().contains("same-1-py3-none-any.whl: was sha256:"), "{}", run.words());
    run.failed(&[]);
}

#[tokio::test]
async fn where_all_sets_fail_nothing_is_done_and_each_is_named() {
    let site = Site::new(samples::demo());
    let sets = |requirement: &str| {
        vec![site.set(&[requirement]).named("one"), site.set(&["left", "right>=1"]).named("two")]
    };
    let run = site.sync(sets("absent")).await;
    assert_eq!(run.tree().outcome, Outcome::Failed);
    assert_eq!(run.tree().failures[0].reason, "none of 2 sets can be had");
    run.failed(&[("one", false), ("two", false)]);
    assert!(!site.tree().exists());
    site.sync(vec![site.set(&["words"]).named("one")]).await.good();
    let before = listing(&site.tree());
    let run = site.sync(sets("absent")).await;
    run.failed(&[("one", true), ("two", false)]);
    assert_eq!(run.tree().outcome, Outcome::Failed);
    assert_eq!(listing(&site.tree()), before);
}

#[tokio::test]
async fn a_dry_run_tells_of_failed_sets_too() {
    let site = Site::new(samples::demo());
    let source = PypiSource::new(three(&site, &["absent"]));
    let run = site.run(source, Mode::DryRun).await;
    assert_eq!(run.tree().outcome, Outcome::Planned);
    run.failed(&[("two", false)]);
    assert!(run.tree().fetch_files > 0 && !site.tree().exists());
    let targets = [LINUX, "3.12.1 win_amd64"];
    let one = site.set(&["python==2.0"]).named("two").targets(&targets);
    let run = site.run(PypiSource::new(vec![site.set(&["x"]), one]), Mode::DryRun).await;
    let why = run.failed(&[("two", false)]);
    assert_eq!(why, ["no solution for 1 of 2 targets, Python 3.11.4 on manylinux_2_34_x86_64"]);
}

/// A file that cannot be had, is another than listed, or is not what its index said of it: known only
/// when it is fetched, and its set's own fault all the same.
#[tokio::test]
async fn a_file_that_cannot_be_had_fails_the_sets_that_need_it() {
    const FILE: &str = "files/greeting-1.0-py3-none-any.whl";
    let good = names(&[WORDS, "x-0-py3-none-any.whl"]);
    let metadata = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\nRequires-Dist: words\n";
    for (path, content, why) in [
        (FILE.to_owned(), None, "404"),
        (FILE.to_owned(), Some("something else"), FILE),
        (format!("{FILE}.metadata"), Some(metadata), "other metadata"),
    ] {
        let site = Site::new(samples::demo().offer(Offer::True));
        let mut files: BTreeMap<_, _> = site.index.files().into_iter().collect();
        assert!(files.remove(&path).is_some());
        files.extend(content.map(|content| (path, content.as_bytes().to_vec())));
        site.upstream.set_files(files);
        let run = site.sync(three(&site, &["greeting<2"])).await;
        assert!(run.tree().outcome.is_good() && run.tree().failures.is_empty(), "{}", run.words());
        let said = run.failed(&[("two", false)]);
        assert!(said[0].contains(why), "{why}: {said:?}");
        assert_eq!(site.packages(), good);
        assert_proved(&site);

        site.upstream.set_files(site.index.files());
        let run = site.sync(three(&site, &["greeting<2"])).await.good();
        run.failed(&[]);
        assert!(site.packages().contains("greeting-1.0-py3-none-any.whl"));
    }
    // Where all need it, the tree is incomplete as ever.
    let site = Site::new(samples::demo());
    let mut files: BTreeMap<_, _> = site.index.files().into_iter().collect();
    files.remove(FILE);
    site.upstream.set_files(files);
    let both = vec![site.set(&["greeting<2"]).named("two"), site.set(&["greeting<2", "x"])];
    let run = site.sync(both).await;
    assert_eq!((run.tree().outcome, run.tree().failures.len()), (Outcome::Incomplete, 1));
    run.failed(&[]);
    assert!(!site.tree().exists());
}
