//! Where indexes are: URLs with and without a slash, redirects, other mirrors, folders of this host.

use mirror_core::report::Outcome;
use mirror_core::source::pypi::{Sdists, Set, Wheels};
use mirror_fixtures::pypi::{Forms, Hash, Index, Release, samples};
use mirror_fixtures::{Fault, Upstream};
use url::Url;

use super::support::{Site, With as _, contents, names};

/// Everything of the demonstration that one set can have.
fn much(site: &Site) -> Set {
    let wanted = ["hello[all]", "source-helped", "dots.in.name", "withdrawn==1.1", "PyShouting"];
    site.set(&wanted).wheels(Wheels::All).sdists(Sdists::Always)
}

fn of(set: &Set, index: &str) -> Set {
    let mut set = set.clone();
    set.indexes.indexes = vec![index.parse().unwrap()];
    set
}

/// The tree is an index that lacks nothing of what it was asked for: a mirror of the mirror is the same.
#[tokio::test]
async fn a_mirror_of_the_mirror_is_the_same() {
    let site = Site::new(samples::demo());
    site.sync(vec![much(&site)]).await.good();
    let tree = |site: &Site| {
        let mut files = contents(&site.tree());
        files.remove("sets.json");
        files
    };
    let served = Upstream::serve(site.tree());
    let folder = Url::from_file_path(site.tree()).unwrap();
    for index in [&served.url(), folder.as_str()] {
        let other = Site::new(Index::new());
        other.sync(vec![of(&much(&site), index)]).await.good();
        let (expected, found) = (tree(&site), tree(&other));
        for path in expected.keys().chain(found.keys()) {
            assert!(expected.get(path) == found.get(path), "{path} from {index}");
        }
    }
    assert_eq!(served.count("sets.json"), 0);
}

#[tokio::test]
async fn an_index_is_found_with_and_without_a_slash_and_by_normal_names() {
    let site = Site::new(samples::demo());
    let url = format!("{}/simple", site.upstream.url());
    for index in [url.clone(), format!("{url}/")] {
        let run = site.sync(vec![of(&site.set(&["FOO_Bar.baz"]), &index)]).await;
        assert!(run.report.is_complete(), "{}", run.words());
    }
    assert!(site.upstream.requests().iter().all(|r| !r.path.starts_with("simple/F")));
    assert!(site.upstream.count("simple/foo-bar-baz/") > 0);
}

/// What comes from elsewhere than before may be another's; a slash is no other place.
#[tokio::test]
async fn another_index_than_before_is_told() {
    let site = Site::new(samples::demo());
    let other = Upstream::serve_files(samples::demo().files());
    let [here, there] = [&site.upstream, &other].map(|one| format!("{}/simple", one.url()));
    let set = site.set(&["hello"]);
    let mut told: Vec<Vec<String>> = Vec::new();
    for index in [&here, &format!("{here}/"), &there] {
        let run = site.sync(vec![of(&set, index)]).await.good();
        let warnings = run.tree().warnings.iter();
        told.push(warnings.filter(|warning| warning.contains(" comes from ")).cloned().collect());
    }
    let expected = ["greeting", "hello", "native"]
        .map(|name| format!("{name} comes from {there}, and what is published from {here}"));
    assert_eq!(told, [Vec::new(), Vec::new(), expected.to_vec()]);
}

/// Links are relative to where a page came from in the end.
#[tokio::test]
async fn a_page_that_moved_is_followed_with_its_links() {
    let site = Site::new(samples::demo());
    let mut files = site.index.clone().forms(Forms::Html).files();
    let page = files.remove("simple/words/index.html").unwrap();
    let page = String::from_utf8(page).unwrap().replace("../../files/", "files/");
    files.insert("moved/index.html".to_owned(), page.into_bytes());
    let name = "words-5-py3-none-any.whl";
    for name in [name.to_owned(), format!("{name}.metadata")] {
        let content = files.remove(&format!("files/{name}")).unwrap();
        files.insert(format!("moved/files/{name}"), content);
    }
    site.upstream.set_files(files);
    site.upstream.fault("simple/words/", Fault::RedirectTo(site.upstream.url() + "/moved/"));
    let set = || vec![site.set(&["words"])];
    site.sync(set()).await.good();
    assert_eq!(site.upstream.count(&format!("moved/files/{name}")), 1);
    site.upstream.clear_requests();
    assert_eq!(site.sync(set()).await.tree().outcome, Outcome::Unchanged);
    assert_eq!(site.upstream.body_bytes(), "302 Found\n".len() as u64);
}

/// An old index that knows MD5 alone is believed, and it is said how far.
#[tokio::test]
async fn what_md5_alone_verifies_is_counted() {
    let site = Site::new(samples::demo().hashes(&[Hash::Md5]));
    let run = site.sync(vec![site.set(&["words", "greeting"])]).await.good();
    assert_eq!(run.tree().weakly_verified, 2);
    let digest = Hash::Sha256.hex(&site.index.file("words-5-py3-none-any.whl").bytes);
    assert!(site.text("words/index.html").contains(&format!("#sha256={digest}")));
    site.upstream.clear_requests();
    let run = site.sync(vec![site.set(&["words", "greeting"])]).await;
    assert_eq!(run.tree().outcome, Outcome::Unchanged, "{}", run.words());
    assert!(site.upstream.requests().iter().all(|r| !r.path.ends_with(".whl")));
}

#[tokio::test]
async fn an_index_without_a_list_of_its_projects_is_enough() {
    let site = Site::new(samples::demo());
    site.upstream.fault("simple/", Fault::Status(403));
    site.sync(vec![site.set(&["words"])]).await.good();
    assert_eq!(site.upstream.count("simple/"), 0);
}

#[tokio::test]
async fn what_an_index_says_of_provenance_and_times_is_kept() {
    let url = "https://pypi.example/attestations/attested-1.0.whl.provenance";
    let release = Release::new("attested", "1.0").provenance(url).uploaded("2024-05-06T07:08:09Z");
    let site = Site::new(Index::new().release(release).status("attested", "deprecated", None));
    site.sync(vec![site.set(&["attested"])]).await.good();
    let (html, json) = (site.text("attested/index.html"), site.text("attested/index.v1_json"));
    for text in [&format!("data-provenance=\"{url}\""), "content=\"deprecated\"", "2024-05-06"] {
        assert!(html.contains(text), "{text}: {html}");
    }
    let page: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(page["files"][0]["provenance"], *url);
    assert_eq!(page["files"][0]["upload-time"], "2024-05-06T07:08:09Z");
    assert_eq!(page["project-status"]["status"], "deprecated");
    assert!(page["files"][0].get("dist-info-metadata").is_none(), "pip 22.3 would fail");
    assert_eq!(site.packages(), names(&["attested-1.0-py3-none-any.whl"]));
}
