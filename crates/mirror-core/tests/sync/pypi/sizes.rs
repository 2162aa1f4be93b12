//! Sizes that an index lists: they do no harm where they are wrong.

use std::fs;

use mirror_core::format::pypi::page::{Form, Page};
use mirror_core::part::{Expected, Part};
use mirror_core::report::Outcome;
use mirror_core::source::pypi::published_sets;
use mirror_fixtures::pypi::{Hash, Index, Offer, Release, Sdist, samples};

use super::support::Site;

const WHEEL: &str = "files/lib-1.0-py3-none-any.whl";
const SDIST: &str = "files/src-1.0.tar.gz";

fn index() -> Index {
    Index::new()
        .release(samples::tiny_backend())
        .release(Release::new("lib", "1.0").payload_size(60_000))
        .release(Release::new("src", "1.0").sdist(Sdist::new()))
}

/// Too large, too small, of half of the archive, none at all, and what nobody can have.
const LIES: [fn(u64) -> u64; 6] =
    [|size| size + 1, |size| 3 * size, |size| size / 2, |_| 1, |_| 0, |_| 1 << 62];

#[tokio::test]
async fn a_wrong_size_beside_a_right_digest_is_told_and_does_no_harm() {
    for lie in LIES {
        for offer in [Offer::Digest, Offer::No] {
            let site = Site::new(index().offer(offer).lying_of_sizes(lie));
            let set = || site.set(&["lib", "src"]);
            let run = site.sync(vec![set()]).await.good();
            let mut bytes = 0;
            for path in [WHEEL, SDIST, "files/tiny_backend-1.0-py3-none-any.whl"] {
                let found = fs::metadata(site.tree().join(path)).unwrap().len();
                bytes += found;
                let listed = lie(found);
                let told = if listed == 1 << 62 {
                    format!("{path}: listed with {listed} bytes, more than any file has")
                } else {
                    format!("{path}: {found} bytes, listed with {listed}")
                };
                let warnings = &run.tree().warnings;
                let times = warnings.iter().filter(|warning| **warning == told).count();
                assert_eq!(times, 1, "{told}: {warnings:#?}");
                let gets = site.upstream.requests();
                let whole = gets.iter().filter(|r| r.path == path && r.header("range").is_none());
                assert_eq!(whole.count(), 1, "{path} is fetched once");
                let name = path.trim_start_matches("files/");
                let project = name.split('-').next().unwrap().replace('_', "-");
                let page = site.text(&format!("{project}/index.v1_json"));
                let page = Page::read(Form::Json, page.as_bytes()).unwrap();
                let file = page.files.iter().find(|file| file.filename == name).unwrap();
                assert_eq!(file.size, Some(found), "the pages say what is there");
            }
            assert_eq!(published_sets(&site.tree()).unwrap().unwrap()[0].bytes, bytes);

            let run = site.sync(vec![set()]).await;
            assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
        }
    }
}

/// The end of a wheel is found where it is: nothing is fetched whole for its metadata.
#[tokio::test]
async fn a_wrong_size_costs_no_more_than_a_request() {
    for lie in LIES {
        let old = Release::new("lib", "0.9").payload_size(60_000);
        let new = Release::new("lib", "1.0").payload_size(60_000).requires("nothing-has-this");
        let index = Index::new().release(old).release(new).offer(Offer::No).lying_of_sizes(lie);
        let site = Site::new(index);
        site.sync(vec![site.set(&["lib"])]).await.good();
        let requests = site.upstream.requests();
        let of_new = requests.iter().filter(|request| request.path == WHEEL);
        assert!(of_new.clone().count() <= 3);
        assert!(of_new.clone().all(|request| request.header("range").is_some()));
    }
}

/// What nothing but its size can tell apart is held against that.
#[tokio::test]
async fn a_wrong_size_without_a_digest_is_an_error() {
    let site = Site::new(index().hashes(&[]).lying_of_sizes(|size| size + 1));
    let mut set = site.set(&["lib"]);
    set.selection.allow_unhashed = true;
    let run = site.sync(vec![set]).await;
    assert!(run.bad().contains(WHEEL), "{}", run.bad());
}

/// A download that an earlier run began goes on, though it is larger than is listed.
#[tokio::test]
async fn what_was_begun_goes_on_past_the_listed_size() {
    let site = Site::new(index().lying_of_sizes(|_| 10));
    let content = site.index.file("lib-1.0-py3-none-any.whl").bytes;
    let hex = Hash::Sha256.hex(&content);
    let digest = mirror_core::digest::Digest::parse("sha256", &hex).ok();
    let parts = site.root().join(".mirror/parts");
    fs::create_dir_all(&parts).unwrap();
    let mut part = Part::open(&parts, &Expected { size: None, digest }, "earlier").unwrap();
    part.append(&content[..50_000]).unwrap();
    drop(part);
    site.sync(vec![site.set(&["lib"])]).await.good();
    let requests = site.upstream.requests();
    let ranges = requests.iter().filter(|r| r.path == WHEEL).map(|r| r.header("range"));
    assert_eq!(ranges.collect::<Vec<_>>(), [Some("bytes=50000-")]);
}

/// Pages that are larger than any that was seen are taken too, a few at a time.
#[tokio::test]
async fn a_huge_page_is_asked_for_again_and_taken() {
    let site = Site::new(index());
    let mut files = site.index.files();
    let page = files.get_mut("simple/lib/index.v1_json").unwrap();
    page.resize(17 << 20, b' ');
    site.upstream.set_files(files);
    site.sync(vec![site.set(&["lib"])]).await.good();
    assert_eq!(site.upstream.count("simple/lib/"), 2);
}
