//! What later runs do: nothing, or what changed; and sets beside one another.

use std::fs;

use mirror_core::Mode;
use mirror_core::report::Outcome;
use mirror_core::source::pypi::PypiSource;
use mirror_fixtures::Fault;
use mirror_fixtures::pypi::{Forms, Index, Offer, Release, samples};

use super::support::{Site, With as _, contents, names};
use crate::support::listing;

/// Everything that was asked is one conditional request for each project's page, and what comes is
/// nothing but headers.
#[tokio::test]
async fn a_second_run_asks_once_for_each_project_and_writes_nothing() {
    for (forms, offer) in
        [(Forms::Both, Offer::Digest), (Forms::Html, Offer::No), (Forms::Json, Offer::True)]
    {
        let site = Site::new(samples::demo().forms(forms).offer(offer));
        let wanted = ["hello[all]", "source-helped", "withdrawn==1.1"];
        let targets = ["3.11 manylinux_2_34_x86_64", "3.12.1 win_amd64"];
        let set = || site.set(&wanted).targets(&targets);
        site.sync(vec![set()]).await.good();
        let before = listing(&site.tree());
        site.upstream.clear_requests();
        let run = site.sync(vec![set()]).await;
        assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
        assert_eq!(listing(&site.tree()), before, "{forms:?} {offer:?}");
        let requests = site.upstream.requests();
        let mut paths: Vec<_> = requests.iter().map(|request| request.path.clone()).collect();
        paths.sort();
        let once = paths.len();
        paths.dedup();
        assert_eq!(once, paths.len(), "{paths:?}");
        for request in &requests {
            let asked = (request.path.starts_with("simple/"), request.header("if-none-match"));
            assert!(asked.0 && asked.1.is_some(), "{request:?}");
        }
        assert_eq!(site.upstream.body_bytes(), 0);
        assert!(!run.answers[0].chosen.is_empty(), "what was chosen is told all the same");
    }
}

#[tokio::test]
async fn what_a_server_without_validators_sends_again_changes_nothing() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["hello"])]).await.good();
    let before = listing(&site.tree());
    site.upstream.fault_all(Fault::NoValidators);
    site.upstream.clear_requests();
    let run = site.sync(vec![site.set(&["hello"])]).await;
    assert_eq!(run.tree().outcome, Outcome::Unchanged);
    assert_eq!(listing(&site.tree()), before);
    assert!(site.upstream.requests().iter().all(|r| r.path.starts_with("simple/")));
}

#[tokio::test]
async fn a_page_of_another_query_or_login_is_another_page() {
    let site = Site::new(samples::demo());
    let url = site.upstream.url();
    let of = |login: &str| url.replace("://", &format!("://{login}@"));
    for index in [
        format!("{url}/simple/?of=a"),
        format!("{url}/simple/?of=b"),
        format!("{}/simple/?of=b", of("a:secret")),
        format!("{}/simple/?of=b", of("b:secret")),
    ] {
        let set = || vec![super::support::set("demo", &index, &["words"])];
        site.upstream.clear_requests();
        assert!(site.sync(set()).await.report.is_complete());
        let conditional = || -> Vec<bool> {
            let asked = site.upstream.requests().into_iter();
            let pages = asked.filter(|request| request.path.starts_with("simple/words/"));
            pages.map(|page| page.header("if-none-match").is_some()).collect()
        };
        assert_eq!(conditional(), [false], "{index}");
        site.upstream.clear_requests();
        assert!(site.sync(set()).await.report.is_complete());
        assert_eq!(conditional(), [true], "{index}");
    }
}

/// A cache that was damaged, or another one's, costs requests and nothing else.
#[tokio::test]
async fn a_damaged_cache_is_as_none() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["hello"])]).await.good();
    let before = listing(&site.tree());
    let cache =
        contents(&site.root().join(".mirror")).into_keys().filter(|path| path.contains("cache"));
    let mut damaged = 0;
    for path in cache {
        let path = site.root().join(".mirror").join(path);
        let mut bytes = fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(half) {
            *byte = !*byte;
            fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 3, "there is a cache on disk");
    let run = site.sync(vec![site.set(&["hello"])]).await;
    assert!(run.report.is_complete(), "{}", run.words());
    assert_eq!(listing(&site.tree()), before);
}

#[tokio::test]
async fn a_new_version_replaces_the_old_one_and_leaves_other_pages_alone() {
    let mut site = Site::new(samples::demo());
    site.sync(vec![site.set(&["hello", "words"])]).await.good();
    let before = listing(&site.tree());
    site.change(|index| index.add(Release::new("hello", "1.2").requires("greeting<3")));
    site.upstream.clear_requests();
    let run = site.sync(vec![site.set(&["hello", "words"])]).await.good();
    assert_eq!(run.chosen(0), names(&["hello 1.2", "greeting 2.1", "words 5"]));
    let after = listing(&site.tree());
    for path in ["words/index.html", "words/index.v1_json", "greeting/index.html"] {
        let path = site.tree().join(path);
        assert_eq!(before[&path], after[&path], "{}", path.display());
    }
    assert!(site.text("hello/index.html").contains("hello-1.2-"));
    assert!(!site.text("hello/index.html").contains("hello-1.1-"));
    let fetched = site.upstream.requests().into_iter().filter(|r| r.path.ends_with(".whl"));
    let fetched: Vec<_> = fetched.map(|request| request.path).collect();
    assert_eq!(fetched, ["files/hello-1.2-py3-none-any.whl"]);
    // Who read the old page still finds its package: removals come a generation later.
    assert!(site.packages().contains("hello-1.1-py3-none-any.whl"));
    assert!(!site.text("index.html").contains("native"));
}

#[tokio::test]
async fn what_is_withdrawn_later_is_told_or_replaced() {
    let mut site = Site::new(samples::demo());
    let asked = |site: &Site| vec![site.set(&["greeting<3", "words==5"])];
    site.sync(asked(&site)).await.good();
    site.change(|index| {
        index.yank("greeting", "2.1", "broken");
        index.yank("words", "5", "");
    });
    let run = site.sync(asked(&site)).await.good();
    assert_eq!(run.chosen(0), names(&["greeting 2.0", "words 5"]));
    assert!(site.text("words/index.html").contains("data-yanked=\"\""));
}

#[tokio::test]
async fn a_tree_is_the_union_of_its_sets() {
    let site = Site::new(samples::demo());
    let one = || site.set(&["greeting<2", "words"]).named("one");
    let two = || site.set(&["greeting>=3", "x"]).named("two");
    site.sync(vec![one()]).await.good();
    site.sync(vec![two()]).await.good();
    let all = names(&[
        "greeting-1.0-py3-none-any.whl",
        "greeting-3.0-py3-none-any.whl",
        "words-5-py3-none-any.whl",
        "x-0-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), all, "versions may differ between sets");
    let page = site.text("greeting/index.html");
    assert!(page.contains("greeting-1.0-") && page.contains("greeting-3.0-"), "{page}");

    // A set is replaced by what it is now, and the other stays, without a question about it.
    site.upstream.clear_requests();
    site.sync(vec![site.set(&["x"]).named("two")]).await.good();
    assert!(!site.text("greeting/index.html").contains("greeting-3.0-"));
    assert!(site.text("words/index.html").contains("words-5-"));
    assert_eq!(site.upstream.count("simple/words/"), 0);

    let run = site.run(PypiSource::new(vec![]).remove(vec!["one".parse().unwrap()]), Mode::Apply);
    run.await.good();
    let root = site.text("index.html");
    assert!(
        root.contains(">x<") && !root.contains("words") && !root.contains("greeting"),
        "{root}"
    );

    let run = site.run(PypiSource::new(vec![]).remove(vec!["three".parse().unwrap()]), Mode::Apply);
    let said = run.await.bad();
    assert!(said.contains("no set three") && said.contains("two"), "{said}");
}

/// Several sets of one run, and those of one run each, make the same tree.
#[tokio::test]
async fn sets_of_one_run_make_the_tree_that_sets_of_several_make() {
    let site = Site::new(samples::demo());
    let sets = || {
        vec![
            site.set(&["hello"]).named("one"),
            site.set(&["greeting>=3", "x"]).named("two").targets(&["3.12.1 win_amd64"]),
        ]
    };
    site.sync(sets()).await.good();
    let together = contents(&site.tree());
    fs::remove_dir_all(site.root()).unwrap();
    for set in sets() {
        site.sync(vec![set]).await.good();
    }
    assert!(together == contents(&site.tree()));
}

#[tokio::test]
async fn one_filename_with_two_contents_is_an_error() {
    let site = Site::new(samples::demo());
    let other = Index::new().release(Release::new("words", "5").requires("x"));
    let other = mirror_fixtures::Upstream::serve_files(other.files());
    let set = super::support::set("other", &format!("{}/simple/", other.url()), &["words"]);
    let mut both = set.clone();
    both.indexes.indexes.push(format!("{}/simple/", site.upstream.url()).parse().unwrap());
    let run = site.sync(vec![site.set(&["words"]), both.clone()]).await;
    assert!(run.bad().contains("words-5-py3-none-any.whl"), "{}", run.bad());
    assert!(!site.tree().exists());
    site.sync(vec![site.set(&["words"])]).await.good();
    let before = listing(&site.tree());
    let run = site.sync(vec![both]).await;
    assert!(run.bad().contains("words-5-py3-none-any.whl"), "{}", run.bad());
    assert_eq!(listing(&site.tree()), before);
}

#[tokio::test]
async fn a_damaged_tree_is_healed_from_what_is_stored_or_fetched() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["hello"])]).await.good();
    let before = contents(&site.tree());
    fs::remove_file(site.tree().join("greeting/index.html")).unwrap();
    fs::remove_file(site.tree().join("files/greeting-2.1-py3-none-any.whl.metadata")).unwrap();
    fs::remove_file(site.tree().join("files/greeting-2.1-py3-none-any.whl")).unwrap();
    let run = site.sync(vec![site.set(&["hello"])]).await;
    assert!(run.report.is_complete(), "{}", run.words());
    assert!(contents(&site.tree()) == before);
}

/// What was no good then is no good now: an old release that is malformed is not read in each run.
#[tokio::test]
async fn what_cannot_be_used_is_not_asked_for_again() {
    let site = Site::new(samples::demo());
    site.sync(vec![site.set(&["malformed"])]).await.good();
    site.upstream.clear_requests();
    let run = site.sync(vec![site.set(&["malformed"])]).await;
    assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
    let asked: Vec<_> = site.upstream.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(asked, ["simple/malformed/", "simple/middle/"][..1]);
}

/// What an index said once is not put back when it says nothing any more: then the file has the word.
#[tokio::test]
async fn what_an_index_says_of_pythons_does_not_outlive_its_word() {
    let release = Release::new("told", "1").requires_python(">=3.8");
    let site = Site::new(Index::new().forms(Forms::Html).release(release));
    let says = |python: &str| {
        let mut files = site.index.files();
        for (path, bytes) in &mut files {
            if path.starts_with("simple/") {
                let page = String::from_utf8(bytes.clone()).unwrap();
                let own = " data-requires-python=\"&gt;=3.8\"";
                *bytes = page.replace(own, python).into_bytes();
            }
        }
        site.upstream.set_files(files);
    };
    says(" data-requires-python=\"&gt;=3.9\"");
    site.sync(vec![site.set(&["told"])]).await.good();
    assert!(site.text("told/index.html").contains("data-requires-python=\"&gt;=3.9\""));
    for _ in 0..2 {
        says("");
        site.sync(vec![site.set(&["told"])]).await;
        let page = site.text("told/index.html");
        assert!(page.contains("data-requires-python=\"&gt;=3.8\""), "{page}");
    }
}

/// What was asked for is in the tree, and not in what it is compared by: sets of several runs, each by
/// its timer, make no generation in turn.
#[tokio::test]
async fn runs_for_one_set_after_the_other_change_nothing() {
    let site = Site::new(samples::demo());
    let [one, two] = ["hello", "words"].map(|name| {
        let mut set = site.set(&[name]);
        set.name = name.parse().unwrap();
        set
    });
    site.sync(vec![one.clone()]).await.good();
    site.sync(vec![two.clone()]).await.good();
    let before = listing(&site.tree());
    for set in [one.clone(), two, one] {
        let run = site.sync(vec![set]).await;
        assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
    }
    assert_eq!(listing(&site.tree()), before);
}

/// An index that is half there takes nothing away, whatever other set was mirrored in between; who
/// asks for less gets less.
#[tokio::test]
async fn an_index_that_lost_most_versions_is_refused() {
    let versions = ["1", "2", "3", "4", "5"];
    let add = |index: Index, version: &&str| index.release(Release::new("many", version));
    let all = versions.iter().fold(samples::demo(), add);
    let mut site = Site::new(all);
    let every = |site: &Site| {
        let mut set = site.set(&[]).all_versions(&["many"]);
        set.name = "every".parse().unwrap();
        set
    };
    site.sync(vec![every(&site)]).await.good();
    site.sync(vec![site.set(&["words"])]).await.good();
    let before = listing(&site.tree());
    site.change(|index| *index = samples::demo().release(Release::new("many", "5")));
    let said = site.sync(vec![every(&site)]).await.bad();
    assert!(said.contains("drops 4 of 5"), "{said}");
    assert_eq!(listing(&site.tree()), before);
    let run = site.sync(vec![every(&site).newest(1)]).await.good();
    assert_eq!(run.tree().changes.dropped, 4, "{:?}", run.tree().changes);
    assert!(site.text("many/index.html").contains("many-5-"));
}

/// What is withdrawn between resolving and fetching is resolved again, once, and that is said of it
/// and of what it alone needed.
#[tokio::test]
async fn what_goes_between_resolving_and_fetching_is_resolved_again() {
    let index = Index::new()
        .release(Release::new("lib", "1.0"))
        .release(Release::new("lib", "1.1").requires("helper"))
        .release(Release::new("helper", "1.0"));
    let mut site = Site::new(index);
    let before = site.index.files();
    site.change(|index| index.remove("lib", "1.1"));
    // Whoever resolved was quick enough for the page and the metadata.
    let json = Fault::Header("Content-Type".into(), "application/vnd.pypi.simple.v1+json".into());
    let page = Fault::Replace(before["simple/lib/index.v1_json"].clone());
    site.upstream.fault("simple/lib/", Fault::All(vec![page, json])).times(1);
    let metadata = "files/lib-1.1-py3-none-any.whl.metadata";
    site.upstream.fault(metadata, Fault::Replace(before[metadata].clone()));
    let run = site.sync(vec![site.set(&["lib"])]).await.good();
    assert_eq!(site.packages(), names(&["lib-1.0-py3-none-any.whl"]));
    for name in ["lib-1.1", "helper-1.0"] {
        let told = format!("{name}-py3-none-any.whl was chosen at first and is not any more");
        assert!(run.words().contains(&told), "{}", run.words());
    }
    assert_eq!(site.upstream.count("files/lib-1.1-py3-none-any.whl"), 1);
    assert_eq!(site.upstream.count("simple/lib/"), 2);
}
