//! The tree, byte for byte, and what real clients make of it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use mirror_core::source::pypi::Sdists;
use mirror_fixtures::pypi::{Hash, Index, Release, Wheel, samples};
use mirror_fixtures::{Upstream, tool};

use super::support::{Site, With as _, contents, names};

/// A site whose tree has one of each: versions out of their text's order, a withdrawn one, a status.
async fn described() -> Site {
    let site = Site::new(
        Index::new()
            .release(
                Release::new("Foo.Bar", "1.9")
                    .requires_python(">=3.8")
                    .requires("files; python_version > '3'")
                    .uploaded("2024-03-01T12:00:00Z")
                    .and_sdist(),
            )
            .release(Release::new("Foo.Bar", "1.10").requires_python("<3"))
            .release(Release::new("files", "2+local.1").yanked("why \"not\""))
            .release(samples::tiny_backend())
            .status("foo-bar", "archived", Some("<moved>")),
    );
    let wanted = ["foo_bar", "files==2+local.1"];
    site.sync(vec![site.set(&wanted).sdists(Sdists::Always)]).await.good();
    site
}

fn hex(bytes: &[u8]) -> String {
    Hash::Sha256.hex(bytes)
}

#[tokio::test]
async fn pages_are_what_their_description_says_byte_for_byte() {
    let site = described().await;
    let head = |version: &str, title: &str, status: &str| {
        format!(
            "<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    \
             <meta name=\"pypi:repository-version\" content=\"{version}\">\n{status}    \
             <title>{title}</title>\n  </head>\n  <body>\n"
        )
    };
    let status = "    <meta name=\"pypi:project-status\" content=\"archived\">\n    \
                  <meta name=\"pypi:project-status-reason\" content=\"&lt;moved&gt;\">\n";
    let wheel = site.index.file("foo_bar-1.9-py3-none-any.whl");
    let source = site.index.file("foo_bar-1.9.tar.gz");
    let said = hex(&wheel.metadata.unwrap());
    let expected = head("1.4", "Links for Foo.Bar", status)
        + &format!(
            "    <h1>Links for Foo.Bar</h1>\n    \
             <a href=\"../files/foo_bar-1.9-py3-none-any.whl#sha256={}\" \
             data-requires-python=\"&gt;=3.8\" data-core-metadata=\"sha256={said}\" \
             data-dist-info-metadata=\"sha256={said}\" data-size=\"{}\" \
             data-upload-time=\"2024-03-01T12:00:00Z\">foo_bar-1.9-py3-none-any.whl</a><br/>\n    \
             <a href=\"../files/foo_bar-1.9.tar.gz#sha256={}\" data-requires-python=\"&gt;=3.8\" \
             data-size=\"{}\" data-upload-time=\"2024-03-01T12:00:00Z\">foo_bar-1.9.tar.gz</a><br/>\n  \
             </body>\n</html>\n",
            hex(&wheel.bytes),
            wheel.bytes.len(),
            hex(&source.bytes),
            source.bytes.len(),
        );
    assert_eq!(site.text("foo-bar/index.html"), expected);

    let files = site.index.file("files-2+local.1-py3-none-any.whl");
    let expected = format!(
        "{{\"meta\":{{\"api-version\":\"1.1\"}},\"name\":\"files\",\"versions\":[\"2+local.1\"],\
         \"files\":[{{\"filename\":\"files-2+local.1-py3-none-any.whl\",\
         \"url\":\"../files/files-2%2Blocal.1-py3-none-any.whl\",\"hashes\":{{\"sha256\":\"{}\"}},\
         \"core-metadata\":{{\"sha256\":\"{}\"}},\"size\":{},\"yanked\":\"why \\\"not\\\"\"}}]}}\n",
        hex(&files.bytes),
        hex(&files.metadata.unwrap()),
        files.bytes.len(),
    );
    assert_eq!(site.text("files/index.v1_json"), expected);

    let expected = head("1.0", "Simple index", "")
        + "    <a href=\"files/index.html\">files</a>\n    \
           <a href=\"foo-bar/index.html\">Foo.Bar</a>\n    \
           <a href=\"tiny-backend/index.html\">tiny-backend</a>\n  </body>\n</html>\n";
    assert_eq!(site.text("index.html"), expected);
    let expected = "{\"meta\":{\"api-version\":\"1.0\"},\"projects\":[{\"name\":\"files\"},\
                    {\"name\":\"Foo.Bar\"},{\"name\":\"tiny-backend\"}]}\n";
    assert_eq!(site.text("index.v1_json"), expected);
}

#[tokio::test]
async fn a_tree_holds_what_its_index_has_and_nothing_else() {
    let site = described().await;
    let found = contents(&site.tree());
    let packages = [
        "files-2+local.1-py3-none-any.whl",
        "foo_bar-1.9-py3-none-any.whl",
        "foo_bar-1.9.tar.gz",
        "tiny_backend-1.0-py3-none-any.whl",
    ];
    for name in packages {
        let file = site.index.file(name);
        assert!(found[&format!("files/{name}")] == file.bytes, "{name}");
        assert_eq!(found.get(&format!("files/{name}.metadata")), file.metadata.as_ref(), "{name}");
    }
    let mut expected =
        BTreeSet::from(["index.html", "index.v1_json", "sets.json"].map(String::from));
    for name in packages {
        expected.insert(format!("files/{name}"));
        if name.ends_with(".whl") {
            expected.insert(format!("files/{name}.metadata"));
        }
    }
    for project in ["files", "foo-bar", "tiny-backend"] {
        expected.insert(format!("{project}/index.html"));
        expected.insert(format!("{project}/index.v1_json"));
    }
    assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), expected);
    for (path, mode) in [("files/foo_bar-1.9.tar.gz", 0o644), ("files", 0o755), ("", 0o755)] {
        let found = fs::metadata(site.tree().join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, mode, "{path}");
    }
}

/// The order of what an index lists, and of what is asked for, does not show.
#[tokio::test]
async fn the_same_packages_make_the_same_bytes() {
    let releases = || samples::versions().into_iter().chain(samples::application());
    let one = Site::new(Index::new().releases(releases()));
    let other = Site::new(Index::new().releases(releases().collect::<Vec<_>>().into_iter().rev()));
    let all = ["sorted", "epoch", "early", "local", "post", "hello"];
    let mut reversed = all;
    reversed.reverse();
    one.sync(vec![one.set(&[]).all_versions(&all)]).await.good();
    other.sync(vec![other.set(&[]).all_versions(&reversed)]).await.good();
    let [mut one, mut other] = [one, other].map(|site| contents(&site.tree()));
    one.remove("sets.json");
    other.remove("sets.json");
    assert!(one == other, "{:?} {:?}", one.keys(), other.keys());
    let page = String::from_utf8(one["sorted/index.html"].clone()).unwrap();
    assert!(page.find("sorted-1.9-").unwrap() < page.find("sorted-1.10-").unwrap(), "{page}");
}

#[tokio::test]
async fn odd_names_and_archives_are_safe() {
    let site = Site::new(samples::demo().release(
        // Its folder of metadata is spelled otherwise than its name is.
        Release::new("spelled", "1.0").wheel_that(Wheel::new("py3-none-any").info("Spelled-1.0")),
    ));
    let wanted =
        ["foo-bar-baz", "PyShouting", "dots.in.name", "index", "simple", "long", "spelled"];
    site.sync(vec![site.set(&wanted)]).await.good();
    let root = site.text("index.html");
    for (name, title) in [
        ("foo-bar-baz", "Foo.Bar_baz"),
        ("pyshouting", "PyShouting"),
        ("dots-in-name", "dots.in.name"),
        ("files", "files"),
        ("index", "index"),
        ("simple", "simple"),
        ("spelled", "spelled"),
    ] {
        let anchor = format!("<a href=\"{name}/index.html\">{title}</a>");
        assert!(root.contains(&anchor), "{anchor}: {root}");
        assert!(site.tree().join(name).join("index.html").is_file());
    }
    assert!(site.packages().contains("PyShouting-6.0-py3-none-any.whl"));
}

/// Installs from a tree with pip, and nothing else.
pub(super) fn pip(tree: &Path, wanted: &[&str]) -> Option<BTreeSet<String>> {
    let upstream = Upstream::serve(tree);
    let command = Command::new(tool("pip3")?);
    Some(install(command, &upstream.url(), wanted).unwrap_or_else(|said| panic!("{said}")))
}

/// Installs from an index with that pip; what it says where it cannot.
pub(super) fn install(
    mut command: Command,
    index: &str,
    wanted: &[&str],
) -> Result<BTreeSet<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PIP_")) {
        command.env_remove(name);
    }
    let output = command
        .args(["install", "--no-cache-dir", "--disable-pip-version-check", "--no-input"])
        .args(["--index-url", index, "--target"])
        .arg(folder.path())
        .args(wanted)
        .env("PIP_CONFIG_FILE", "/dev/null")
        .output()
        .expect("a tool that was there");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let name = |name: OsString| Some(name.to_str()?.strip_suffix(".dist-info")?.to_owned());
    Ok(names.filter_map(name).collect())
}

#[tokio::test]
async fn pip_installs_wheels_and_builds_sources_from_the_tree_alone() {
    let site = Site::new(samples::demo());
    let wanted =
        ["hello==1.0", "source-helped", "source-in-tree", "dots.in.name", "withdrawn==1.1"];
    let set = site.set(&wanted).targets(&["3.11 manylinux_2_17_x86_64"]);
    site.sync(vec![set]).await.good();
    let Some(found) = pip(&site.tree(), &wanted) else { return };
    let lower: BTreeSet<_> =
        found.iter().map(|name| name.to_lowercase().replace('.', "_")).collect();
    let expected = names(&[
        "hello-1_0",
        "greeting-2_1",
        "source_helped-1_0",
        "source_in_tree-1_0",
        "words-5",
        "dots_in_name-1_0",
        "foo_bar_baz-1_0",
        "files-2_0",
        "index-1_0",
        "withdrawn-1_1",
    ]);
    assert_eq!(lower, expected);
}
