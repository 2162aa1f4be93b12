//! What is asked for: exact lists, lock files, folders and pages of files, indexes in their order.

use std::fmt::Write as _;
use std::fs;

use mirror_core::format::pypi::input::Location;
use mirror_core::format::pypi::{pylock, uv_lock};
use mirror_core::source::pypi::{Indexes, Set, Wants};
use mirror_fixtures::Upstream;
use mirror_fixtures::pypi::{Hash, Index, Release, samples};

use super::support::{Site, file, names, wants};

/// The SHA-256 of a file of the index.
fn sha256(site: &Site, filename: &str) -> String {
    Hash::Sha256.hex(&site.index.file(filename).bytes)
}

#[tokio::test]
async fn an_exact_list_is_mirrored_as_it_lists() {
    let site = Site::new(samples::demo());
    let [wheel, source, greeting] =
        ["hello-1.1-py3-none-any.whl", "hello-1.1.tar.gz", "greeting-3.0-py3-none-any.whl"]
            .map(|name| sha256(&site, name));
    let hello = format!("hello==1.1 --hash=sha256:{wheel} --hash=sha256:{source}\n");
    // What hello needs is not resolved: this version of greeting does not even fit.
    let text = hello.clone() + &format!("greeting==3.0 --hash=sha256:{greeting}\n");
    let run = site.sync(vec![Set { wants: file(&text), ..site.set(&[]) }]).await.good();
    let expected = names(&[
        "hello-1.1-py3-none-any.whl",
        "hello-1.1.tar.gz",
        "greeting-3.0-py3-none-any.whl",
        "tiny_backend-1.0-py3-none-any.whl",
    ]);
    assert_eq!(site.packages(), expected, "{}", run.words());
    assert_eq!(site.upstream.count("simple/native/"), 0);
    // A digest that no file of the version has is named.
    let text = hello + &format!("greeting==3.0 --hash=sha256:{source}\n");
    let said = site.sync(vec![Set { wants: file(&text), ..site.set(&[]) }]).await.bad();
    assert!(said.contains("greeting==3.0") && said.contains("requirements.txt:2"), "{said}");
    assert_eq!(site.packages(), expected);
}

#[tokio::test]
async fn a_digest_restricts_what_is_resolved() {
    let site = Site::new(samples::demo());
    let greeting = sha256(&site, "greeting-2.0-py3-none-any.whl");
    let mut asked = wants(&["hello==1.0"]);
    let digest = format!("sha256:{greeting}");
    let (algorithm, hex) = digest.split_once(':').unwrap();
    let digest = mirror_core::digest::Digest::parse(algorithm, hex).unwrap();
    asked.inputs.hashes.insert("greeting".parse().unwrap(), vec![digest]);
    let run = site.sync(vec![Set { wants: asked, ..site.set(&[]) }]).await.good();
    assert_eq!(run.chosen(0), names(&["hello 1.0", "greeting 2.0"]));
}

fn locked(site: &Site, filenames: &[&str]) -> String {
    filenames.iter().fold(String::new(), |mut text, name| {
        let url = site.upstream.url_of(&format!("files/{name}"));
        let _ = write!(
            text,
            "{{ url = \"{url}\", hashes = {{ sha256 = \"{}\" }} }}, ",
            sha256(site, name)
        );
        text
    })
}

#[tokio::test]
async fn a_lock_file_is_mirrored_file_by_file() {
    let site = Site::new(samples::demo());
    let native = [
        "native-1.0-cp312-cp312-win_amd64.whl",
        "native-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    ];
    let text = format!(
        "lock-version = \"1.0\"\ncreated-by = \"a test\"\n\n[[packages]]\nname = \"native\"\n\
         version = \"1.0\"\nwheels = [{}]\n\n[[packages]]\nname = \"greeting\"\nversion = \"1.0\"\n\
         wheels = [{}]\n",
        locked(&site, &native),
        locked(&site, &["greeting-1.0-py3-none-any.whl"])
    );
    let lock = pylock::read(Location::Path("pylock.toml".into()), &text).unwrap();
    let wants = Wants { locks: vec![lock], ..Wants::default() };
    site.sync(vec![Set { wants, ..site.set(&[]) }]).await.good();
    let expected = names(&[native[0], native[1], "greeting-1.0-py3-none-any.whl"]);
    assert_eq!(site.packages(), expected);
    let asked = site.upstream.requests().into_iter().filter(|r| r.path.starts_with("simple/"));
    assert_eq!(asked.map(|r| r.path).collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lock_files_digest_has_to_hold() {
    let site = Site::new(samples::demo());
    let text = format!(
        "lock-version = \"1.0\"\ncreated-by = \"a test\"\n\n[[packages]]\nname = \"words\"\n\
         version = \"5\"\nwheels = [{}]\n",
        locked(&site, &["words-5-py3-none-any.whl"])
    );
    site.upstream.fault("files/words-5-py3-none-any.whl", mirror_fixtures::Fault::FlipByte(80));
    let lock = pylock::read(Location::Path("pylock.toml".into()), &text).unwrap();
    let wants = Wants { locks: vec![lock], ..Wants::default() };
    let run = site.sync(vec![Set { wants, ..site.set(&[]) }]).await;
    let said = run.bad();
    assert!(said.contains("words-5-py3-none-any.whl") && said.contains("sha256"), "{said}");
    assert!(!site.tree().exists());
}

#[tokio::test]
async fn a_lock_of_uv_is_mirrored_file_by_file() {
    let site = Site::new(samples::demo());
    let simple = format!("{}/simple", site.upstream.url());
    let entry = |name: &str| {
        let url = site.upstream.url_of(&format!("files/{name}"));
        let bytes = site.index.file(name).bytes.len();
        format!("{{ url = \"{url}\", hash = \"sha256:{}\", size = {bytes} }}", sha256(&site, name))
    };
    let text = format!(
        "version = 1\nrevision = 2\nrequires-python = \">=3.8\"\n\n[[package]]\nname = \"hello\"\n\
         version = \"1.0\"\nsource = {{ registry = \"{simple}\" }}\nsdist = {}\nwheels = [\n    {},\n]\n",
        entry("hello-1.0.tar.gz"),
        entry("hello-1.0-py3-none-any.whl")
    );
    let lock = uv_lock::read(Location::Path("uv.lock".into()), &text).unwrap();
    let wants = Wants { locks: vec![lock], ..Wants::default() };
    site.sync(vec![Set { wants, ..site.set(&[]) }]).await.good();
    let expected = names(&["hello-1.0.tar.gz", "hello-1.0-py3-none-any.whl"]);
    assert!(site.packages().is_superset(&expected), "{:?}", site.packages());
}

#[tokio::test]
async fn a_project_belongs_to_the_first_index_that_has_it() {
    let site = Site::new(samples::demo());
    let own = Index::new().release(Release::new("greeting", "0.1")).release(Release::new("x", "9"));
    let own = Upstream::serve_files(own.files());
    let mut set = site.set(&["greeting", "words"]);
    set.indexes.indexes.insert(0, format!("{}/simple/", own.url()).parse().unwrap());
    let run = site.sync(vec![set.clone()]).await.good();
    // However old: a newer one of another index is not the same project.
    assert_eq!(run.chosen(0), names(&["greeting 0.1", "words 5"]));
    let greeting = run.answers[0].chosen.iter().find(|one| one.name == "greeting").unwrap();
    assert!(greeting.index.starts_with(&own.url()), "{greeting:?}");
    assert!(site.text("sets.json").contains(&own.url()));
    assert_eq!(site.upstream.count("simple/greeting/"), 0);
    assert_eq!((own.count("simple/words/"), site.upstream.count("simple/words/")), (1, 1));

    // One that cannot say whether it has a project leaves open whose it is.
    own.fault("simple/words/", mirror_fixtures::Fault::Status(503));
    let run = site.sync(vec![set]).await;
    assert!(run.bad().contains("simple/words/"), "{}", run.bad());
}

#[tokio::test]
async fn files_of_a_folder_and_of_a_page() {
    let site = Site::new(samples::demo());
    let folder = site.folder.path().join("wheels");
    Index::new()
        .release(Release::new("greeting", "2.5"))
        .release(Release::new("hello", "1.5").requires("greeting").requires("words"))
        .write_folder(&folder)
        .unwrap();
    fs::write(folder.join("README.txt"), "not a package").unwrap();
    let page = format!("{}/links/", site.upstream.url());
    let set = Set {
        indexes: Indexes {
            find_links: vec![Location::Path(folder.clone()), Location::parse(&page).unwrap()],
            indexes: Vec::new(),
        },
        ..site.set(&["hello"])
    };
    let run = site.sync(vec![set.clone()]).await.good();
    // What folder and page have of a project counts together, as for pip and uv.
    assert_eq!(run.chosen(0), names(&["hello 1.5", "greeting 3.0", "words 5"]));
    assert_eq!(
        fs::read(site.tree().join("files/hello-1.5-py3-none-any.whl")).unwrap(),
        fs::read(folder.join("hello-1.5-py3-none-any.whl")).unwrap(),
    );
    assert_eq!(site.upstream.count("links/"), 1, "a page of links is read once");
    assert_eq!(site.upstream.count("simple/words/"), 0);

    Index::new().release(Release::new("greeting", "3.5")).write_folder(&folder).unwrap();
    let run = site.sync(vec![set]).await.good();
    assert_eq!(run.chosen(0), names(&["hello 1.5", "greeting 3.5", "words 5"]));
}

#[tokio::test]
async fn a_file_by_its_url_and_by_its_path() {
    let site = Site::new(samples::demo());
    let folder = site.folder.path().join("wheels");
    Index::new().release(Release::new("x", "7")).write_folder(&folder).unwrap();
    let url = site.upstream.url_of("files/early-2.0rc1-py3-none-any.whl");
    let local = format!("x @ file://{}/x-7-py3-none-any.whl", folder.display());
    let mut set = site.set(&[&format!("early @ {url}"), &local]);
    let said = site.sync(vec![set.clone()]).await.bad();
    assert!(said.contains("early-2.0rc1-py3-none-any.whl is listed without a digest"), "{said}");
    set.selection.allow_unhashed = true;
    let run = site.sync(vec![set]).await.good();
    assert_eq!(run.tree().weakly_verified, 1);
    assert_eq!(run.chosen(0), names(&["early 2.0rc1", "x 7"]));
    assert_eq!(site.packages(), names(&["early-2.0rc1-py3-none-any.whl", "x-7-py3-none-any.whl"]));
}

#[tokio::test]
async fn a_login_is_sent_and_never_shown_nor_kept() {
    let site = Site::new(samples::demo());
    site.upstream.require_login("me", "secret");
    let run = site.sync(vec![site.set(&["words"])]).await;
    assert!(run.bad().contains("401"), "{}", run.bad());
    let url = site.upstream.url().replace("http://", "http://me:secret@");
    let set = super::support::set("demo", &format!("{url}/simple/"), &["words"]);
    assert!(!format!("{:?}", set.indexes).contains("secret"));
    let run = site.sync(vec![set]).await.good();
    assert!(!format!("{run:?}").contains("secret"), "{run:#?}");
    for (path, content) in super::support::contents(&site.root()) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("secret"), "{path}");
    }
}

/// As in pip: `--hash` asks for all digests, what a URL ends in does not.
#[tokio::test]
async fn a_digest_in_a_url_asks_for_none_of_the_others() {
    let site = Site::new(samples::demo());
    let name = "early-2.0rc1-py3-none-any.whl";
    let digest = Hash::Sha256.hex(&site.index.file(name).bytes);
    let url = site.upstream.url_of(&format!("files/{name}"));
    let set = site.set(&[&format!("early @ {url}#sha256={digest}"), "words"]);
    let run = site.sync(vec![set]).await.good();
    assert_eq!(run.chosen(0), names(&["early 2.0rc1", "words 5"]));
}
