//! Lines with `--hash`: what they name, and what constraints and options make of them.

use std::collections::BTreeSet;

use mirror_core::format::pypi::input::Location;
use mirror_core::format::pypi::requirements::{Reading, Role};
use mirror_core::source::pypi::{Sdists, Set, Wants};
use mirror_fixtures::pypi::{Build, Hash, Index, Release, Sdist, samples};

use super::support::{Site, With as _, file, names};

fn hash(site: &Site, filename: &str) -> String {
    format!("--hash=sha256:{}", Hash::Sha256.hex(&site.index.file(filename).bytes))
}

fn list(site: &Site, text: &str) -> Set {
    Set { wants: file(text), ..site.set(&[]) }
}

/// A list with a file of constraints.
fn constrained(text: &str, constraints: &str) -> Wants {
    let mut reading = Reading::new(&|_| None);
    for (content, role) in [(text, Role::Requirements), (constraints, Role::Constraints)] {
        reading.add(Location::Path(format!("{role:?}.txt").into()), role);
        assert!(reading.wanted().is_some());
        reading.take(content.as_bytes()).unwrap();
    }
    let mut wants = Wants::default();
    wants.add(reading.finish()).unwrap();
    wants
}

/// As `pip-compile --generate-hashes` writes them.
#[tokio::test]
async fn a_hashed_line_may_name_a_file() {
    let name = "words-5-py3-none-any.whl";
    let site = Site::new(samples::demo());
    let local = Index::new().release(Release::new("x", "7"));
    let folder = site.folder.path().join("wheels");
    local.write_folder(&folder).unwrap();
    let path = folder.join("x-7-py3-none-any.whl");
    let of_x = Hash::Sha256.hex(&local.file("x-7-py3-none-any.whl").bytes);
    let url = site.upstream.url_of(&format!("files/{name}"));
    let of_words = hash(&site, name);
    let x = format!("{} --hash=sha256:{of_x}\n", path.display());
    let both = names(&[name, "x-7-py3-none-any.whl"]);
    site.sync(vec![list(&site, &format!("words @ {url} {of_words}\n{x}"))]).await.good();
    assert_eq!(site.packages(), both);
    let asked = site.upstream.requests().into_iter().filter(|r| r.path.starts_with("simple/"));
    assert_eq!(asked.map(|r| r.path).collect::<Vec<_>>(), Vec::<String>::new());

    // What it is to be is held against what it is, and of several digests any will do.
    let (wrong, other) = ("0".repeat(64), "1".repeat(128));
    let several = format!("--hash=sha256:{wrong} --hash=sha512:{other}");
    for (hashes, is_good) in [
        (format!("--hash=sha256:{wrong}"), false),
        (several.clone(), false),
        (format!("{several} {of_words}"), true),
    ] {
        let site = Site::new(samples::demo());
        let url = site.upstream.url_of(&format!("files/{name}"));
        let run = site.sync(vec![list(&site, &format!("words @ {url} {hashes}\n{x}"))]).await;
        if is_good {
            run.good();
            assert_eq!(site.packages(), both);
            continue;
        }
        let said = run.bad();
        for word in [&wrong, &of_words["--hash=".len()..], name] {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(!site.tree().exists());
    }
    let run = site.sync(vec![list(&site, &format!("{} {several}\n", path.display()))]).await;
    let said = run.bad();
    assert!(said.contains(&of_x) && said.contains(&other), "{said}");
    assert_eq!(site.packages(), both);
}

#[tokio::test]
async fn a_constraint_pins_where_it_and_the_requirement_hold() {
    let index = Index::new().releases([
        Release::new("winny", "1.0").wheel("cp311-cp311-win_amd64"),
        Release::new("split", "1.0"),
        Release::new("split", "2.0").wheel("cp311-cp311-win_amd64"),
    ]);
    let site = Site::new(index);
    let [winny, one, two] = [
        "winny-1.0-cp311-cp311-win_amd64.whl",
        "split-1.0-py3-none-any.whl",
        "split-2.0-cp311-cp311-win_amd64.whl",
    ];
    let wants = constrained(
        "--require-hashes\nwinny>=0.5 ; sys_platform == 'win32'\nsplit\n",
        &format!(
            "winny==1.0 {}\nsplit==1.0 ; sys_platform != 'win32' {}\n\
             split==2.0 ; sys_platform == 'win32' {}\n",
            hash(&site, winny),
            hash(&site, one),
            hash(&site, two)
        ),
    );
    let run = site.sync(vec![Set { wants, ..site.set(&[]) }]).await.good();
    assert_eq!(site.packages(), names(&[winny, one, two]), "{}", run.words());
    // The requirement's own bounds stay, too.
    let constraint = format!("split==1.0 {}\n", hash(&site, one));
    let wants = constrained("--require-hashes\nsplit>=1.5\n", &constraint);
    let said = site.sync(vec![Set { wants, ..site.set(&[]) }]).await.bad();
    assert!(said.contains("split>=1.5: no index has a file of that version"), "{said}");
}

/// `==2.0` admits `2.0+cpu`, and the digest says which is meant.
#[tokio::test]
async fn a_pinned_version_may_be_a_local_one() {
    let site = Site::new(
        Index::new().releases([Release::new("loc", "2.0"), Release::new("loc", "2.0+cpu")]),
    );
    let name = "loc-2.0+cpu-py3-none-any.whl";
    let text = format!("loc==2.0 {}\n", hash(&site, name));
    site.sync(vec![list(&site, &text)]).await.good();
    assert_eq!(site.packages(), names(&[name]));
}

/// Whatever else names the project.
#[tokio::test]
async fn never_means_no_source_distributions() {
    let site = Site::new(samples::demo());
    let set = list(&site, "--no-binary hello\nhello\n").sdists(Sdists::Never);
    let said = site.sync(vec![set]).await.bad();
    assert!(said.contains("wheels and source distributions are both left out"), "{said}");
    assert!(!site.tree().exists());
    // Of a project that nothing needs it says nothing.
    let set = list(&site, "--no-binary hello\nwords\n").sdists(Sdists::Never);
    site.sync(vec![set]).await.good();
    assert_eq!(site.packages(), names(&["words-5-py3-none-any.whl"]));
}

#[tokio::test]
async fn a_listed_source_distribution_brings_its_build_beside_a_wheel_too() {
    let by = |need: &str| Sdist::new().built(Build::Declared(vec![need.to_owned()], None));
    let site = Site::new(Index::new().releases([
        Release::new("both", "1").wheel("py3-none-any").sdist(by("builder")),
        Release::new("builder", "3"),
        Release::new("hard", "1").wheel("py3-none-any").sdist(by("absent")),
    ]));
    let listed =
        ["both-1-py3-none-any.whl", "both-1.tar.gz", "hard-1-py3-none-any.whl", "hard-1.tar.gz"];
    let [wheel, source, easy, hard] = listed.map(|name| hash(&site, name));
    let text = format!("both==1 {wheel} {source}\nhard==1 {easy} {hard}\n");
    let run = site.sync(vec![list(&site, &text)]).await.good();
    let mut expected: BTreeSet<String> = names(&listed);
    expected.insert("builder-3-py3-none-any.whl".to_owned());
    assert_eq!(site.packages(), expected);
    // Nobody has to build it.
    let said = run.answers[0].notes.join("\n");
    assert!(said.contains("hard-1.tar.gz cannot be built: no index has absent"), "{said}");
}
