//! Trees that another tool left.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use mirror_fixtures::pypi::{Hash, Index, Release, Sdist, samples};

use super::support::{Site, names};
use super::tree::pip;

/// A tree as python-pypi-mirror leaves it: files, links to them from each project's folder, pages.
fn pypi_mirror(tree: &Path, index: &Index) {
    fs::create_dir_all(tree.join("files")).unwrap();
    index.write_folder(tree.join("files")).unwrap();
    for (name, files) in index.build() {
        fs::create_dir_all(tree.join(&name)).unwrap();
        let mut page = format!("<!DOCTYPE html>\n<title>Links for {name}</title>\n");
        for file in files {
            let filename = &file.filename;
            symlink(format!("../files/{filename}"), tree.join(&name).join(filename)).unwrap();
            let hex = Hash::Sha256.hex(&file.bytes);
            let _ = writeln!(page, "    <a href=\"{filename}#sha256={hex}\">{filename}</a><br/>");
        }
        fs::write(tree.join(&name).join("index.html"), page).unwrap();
    }
    fs::write(tree.join("index.html"), "<!DOCTYPE html>\n").unwrap();
}

#[tokio::test]
async fn a_tree_of_pypi_mirror_is_adopted_and_its_packages_are_not_fetched_again() {
    let index = Index::new()
        .release(Release::new("Foo.Bar", "1").requires("plain").payload_size(50_000))
        .release(Release::new("plain", "1").payload_size(50_000).sdist(Sdist::new()))
        .release(samples::tiny_backend());
    let site = Site::new(index.clone());
    pypi_mirror(&site.tree(), &index);
    // One that was changed since is fetched again.
    fs::write(site.tree().join("files/plain-1.tar.gz"), "damaged").unwrap();
    site.sync(vec![site.set(&["foo-bar"])]).await.good();
    let count = |name: &str| {
        let path = format!("files/{name}");
        let requests = site.upstream.requests();
        requests.iter().filter(|r| r.path == path && r.header("range").is_none()).count()
    };
    assert_eq!(count("foo_bar-1-py3-none-any.whl"), 0);
    assert_eq!(count("tiny_backend-1.0-py3-none-any.whl"), 0);
    assert_eq!(count("plain-1.tar.gz"), 1);
    for path in crate::support::listing(&site.tree()).into_keys() {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        assert!(!kind.is_symlink() || path.exists(), "{} leads nowhere", path.display());
    }
    let page = site.text("foo-bar/index.html");
    assert!(page.contains("../files/foo_bar-1-py3-none-any.whl#sha256="), "{page}");
    if let Some(found) = pip(&site.tree(), &["foo.bar"]) {
        assert_eq!(
            found,
            names(&["Foo.Bar-1", "foo_bar-1", "plain-1"]).intersection(&found).cloned().collect()
        );
        assert_eq!(found.len(), 2);
    }
}

/// `pypi-mirror create -d downloads -m pypi`: each project's folder has links to its packages, which
/// lie in a folder beside the tree, or copies.
#[tokio::test]
async fn packages_in_the_folders_of_their_projects_are_adopted() {
    let index = Index::new()
        .release(Release::new("linked", "1").requires("copied").requires("changed"))
        .release(Release::new("copied", "1"))
        .release(Release::new("changed", "1"))
        .release(Release::new("gone", "1"));
    let site = Site::new(index.clone());
    let downloads = site.folder.path().join("root/downloads");
    fs::create_dir_all(&downloads).unwrap();
    index.write_folder(downloads.clone()).unwrap();
    fs::write(downloads.join("changed-1-py3-none-any.whl"), "changed").unwrap();
    for name in ["linked", "copied", "changed", "gone"] {
        let (folder, file) = (site.tree().join(name), format!("{name}-1-py3-none-any.whl"));
        fs::create_dir_all(&folder).unwrap();
        if name == "copied" {
            fs::copy(downloads.join(&file), folder.join(&file)).unwrap();
        } else {
            symlink(format!("../../downloads/{file}"), folder.join(&file)).unwrap();
        }
        fs::write(folder.join("index.html"), "<!DOCTYPE html>\n").unwrap();
    }
    let (before, mode) = (fs::read(downloads.join("linked-1-py3-none-any.whl")).unwrap(), 0o400);
    let theirs = downloads.join("linked-1-py3-none-any.whl");
    fs::set_permissions(&theirs, fs::Permissions::from_mode(mode)).unwrap();
    let run = site.sync(vec![site.set(&["linked"])]).await.good();
    let requests = site.upstream.requests();
    let whole = |name: &str| {
        let path = format!("files/{name}-1-py3-none-any.whl");
        requests.iter().filter(|r| r.path == path && r.header("range").is_none()).count()
    };
    assert_eq!([whole("linked"), whole("copied"), whole("changed")], [0, 0, 1]);
    // What lies outside of the tree is another's.
    let found = fs::metadata(&theirs).unwrap();
    assert_eq!((found.nlink(), found.permissions().mode() & 0o777), (1, mode));
    assert_eq!(fs::read(&theirs).unwrap(), before);
    let adopted = site.tree().join("files/linked-1-py3-none-any.whl");
    assert_eq!(fs::read(&adopted).unwrap(), before);
    let warnings = run.tree().warnings.join("\n");
    assert!(warnings.contains("was here before of gone (1 in all)"), "{warnings}");
    let run = site.sync(vec![site.set(&["copied"])]).await.good();
    assert!(run.tree().warnings.is_empty(), "{:?}", run.tree().warnings);
}
