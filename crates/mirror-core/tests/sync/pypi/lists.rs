//! Exact lists and locks, held against the targets that they are for.

use std::collections::BTreeSet;
use std::fs;

use mirror_core::format::pypi::input::Location;
use mirror_core::format::pypi::pylock;
use mirror_core::source::pypi::{CheckedSet, Set, Wants, check};
use mirror_fixtures::pypi::{Build, Hash, Index, Release, Sdist};

use super::support::{Site, file};

const WHEEL: &str = "native-1-cp311-cp311-win_amd64.whl";

fn site() -> Site {
    let by = Sdist::new().built(Build::Declared(vec!["absent".to_owned()], None));
    Site::new(Index::new().releases([
        Release::new("native", "1").wheel("cp311-cp311-win_amd64"),
        Release::new("pure", "1"),
        Release::new("source", "1").sdist(by),
    ]))
}

fn line(site: &Site, requirement: &str, filename: &str) -> String {
    let sha256 = Hash::Sha256.hex(&site.index.file(filename).bytes);
    format!("{requirement} --hash=sha256:{sha256}\n")
}

fn list(site: &Site, lines: &[(&str, &str)]) -> Set {
    let text: String = lines.iter().map(|(text, filename)| line(site, text, filename)).collect();
    Set { wants: file(&text), ..site.set(&[]) }
}

#[tokio::test]
async fn what_a_list_has_no_file_of_for_a_target_is_an_error_as_for_pip() {
    let site = site();
    let run = site.sync(vec![list(&site, &[("native==1", WHEEL)])]).await;
    let said = run.bad();
    for word in ["native 1 has no listed file for this target", "native==1", "requirements.txt:1"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let run = site.sync(vec![list(&site, &[("source==1", "source-1.tar.gz")])]).await;
    let said = run.bad();
    assert!(said.contains("source-1.tar.gz cannot be built: no index has absent"), "{said}");
    // What is for other platforms is as good as it can be.
    let lines =
        [("native==1; sys_platform == 'win32'", WHEEL), ("pure==1", "pure-1-py3-none-any.whl")];
    site.sync(vec![list(&site, &lines)]).await.good();
    let checked = check(&site.tree()).unwrap().unwrap();
    assert!(checked.is_good(), "{checked:?}");
    assert_eq!(
        checked.sets["demo"],
        CheckedSet { targets: 1, listed: 2, missing: 0, resolved: false }
    );
}

#[tokio::test]
async fn what_a_lock_has_no_file_of_for_a_target_is_a_note() {
    let site = site();
    let locked = |name: &str, key: &str, filename: &str| {
        let url = site.upstream.url_of(&format!("files/{filename}"));
        let sha256 = Hash::Sha256.hex(&site.index.file(filename).bytes);
        let file = format!("{{ url = \"{url}\", hashes = {{ sha256 = \"{sha256}\" }} }}");
        let file = if key == "wheels" { format!("[{file}]") } else { file };
        format!("[[packages]]\nname = \"{name}\"\nversion = \"1\"\n{key} = {file}\n")
    };
    let text = "lock-version = \"1.0\"\ncreated-by = \"a test\"\n".to_owned()
        + &locked("native", "wheels", WHEEL)
        + &locked("source", "sdist", "source-1.tar.gz");
    let lock = pylock::read(Location::Path("pylock.toml".into()), &text).unwrap();
    let wants = Wants { locks: vec![lock], ..Wants::default() };
    let run = site.sync(vec![Set { wants, ..site.set(&[]) }]).await.good();
    let said = run.answers[0].notes.join("\n");
    assert!(said.contains("native 1 has no listed file for this target (pylock.toml"), "{said}");
    assert!(said.contains("source-1.tar.gz cannot be built: no index has absent"), "{said}");
    assert!(check(&site.tree()).unwrap().unwrap().is_good());
}

/// Its name holds what marks archives of `bdist_dumb`, where the version is.
#[tokio::test]
async fn a_locked_project_may_be_called_as_a_platform_is() {
    let release = Release::new("acme.linux-tools", "1.0").spelled("acme.linux-tools");
    let by = Sdist::new().built(Build::Declared(Vec::new(), None));
    let site = Site::new(Index::new().release(release.sdist(by)));
    let name = "acme.linux-tools-1.0.tar.gz";
    let sha256 = Hash::Sha256.hex(&site.index.file(name).bytes);
    let url = site.upstream.url_of(&format!("files/{name}"));
    let text = format!(
        "lock-version = \"1.0\"\ncreated-by = \"a test\"\n[[packages]]\nname = \"acme-linux-tools\"\n\
         sdist = {{ url = \"{url}\", hashes = {{ sha256 = \"{sha256}\" }} }}\n"
    );
    let lock = pylock::read(Location::Path("pylock.toml".into()), &text).unwrap();
    let wants = Wants { locks: vec![lock], ..Wants::default() };
    site.sync(vec![Set { wants, ..site.set(&[]) }]).await.good();
    assert_eq!(site.packages(), BTreeSet::from([name.to_owned()]));
    // And so has an index.
    let run = site.sync(vec![site.set(&["acme-linux-tools"])]).await.good();
    assert_eq!(run.chosen(0), BTreeSet::from(["acme-linux-tools 1.0".to_owned()]));
}

#[tokio::test]
async fn a_check_misses_what_a_list_lists() {
    let site = site();
    let name = "pure-1-py3-none-any.whl";
    site.sync(vec![list(&site, &[("pure==1", name)])]).await.good();
    fs::remove_file(site.tree().join("files").join(name)).unwrap();
    let checked = check(&site.tree()).unwrap().unwrap();
    assert_eq!(checked.unproved.len(), 1, "{checked:?}");
    assert!(checked.unproved[0].why[0].starts_with("pure 1 has no listed file"), "{checked:?}");
}

/// Trees say since lately what was listed.
#[tokio::test]
async fn a_record_without_lists_is_read() {
    let site = site();
    let name = "pure-1-py3-none-any.whl";
    site.sync(vec![list(&site, &[("pure==1", name)])]).await.good();
    let mut record: serde_json::Value = serde_json::from_str(&site.text("sets.json")).unwrap();
    assert!(record["sets"]["demo"].as_object_mut().unwrap().remove("listed").is_some());
    let path = site.tree().join("sets.json");
    fs::remove_file(&path).unwrap();
    fs::write(&path, record.to_string()).unwrap();
    let checked = check(&site.tree()).unwrap().unwrap();
    assert!(checked.is_good(), "{checked:?}");
    assert_eq!(checked.sets["demo"].listed, 0);
}
