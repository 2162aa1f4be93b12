//! Wheels and sources that are none, that lie, or that are another's.

use mirror_fixtures::pypi::{Lie, Offer, Release, Sdist, Tar, Wheel, Zip};

use super::{End, NEW, Row, fatal, lib, src, with, without_lib, without_src};

const ANY: &str = "py3-none-any";
const INFO: &str = "lib-1.1.dist-info";
const HEAD: &str = "Metadata-Version: 2.1\nName: lib\nVersion: 1.1\n";

/// `lib` 1.1 as this wheel alone, of an index that offers no metadata beside it.
fn wheel(name: &str, end: End, wheel: Wheel) -> Row {
    Row::new(format!("a wheel: {name}"), end, move |ground| {
        let lib = lib("1.1").wheel_that(wheel.clone());
        ground.serve(&with(lib, src("1.1")).offer(Offer::No));
    })
}

/// The same, of an index that offers good metadata beside it, whatever the wheel holds.
fn offered(name: &str, end: End, wheel: Wheel) -> Row {
    Row::new(format!("a wheel with good metadata beside it: {name}"), end, move |ground| {
        let lib = lib("1.1").wheel_that(wheel.clone().offering(HEAD));
        ground.serve(&with(lib, src("1.1")));
    })
}

/// `lib` 1.1 as these bytes.
fn bytes(name: &str, content: impl Into<Vec<u8>>) -> Row {
    let content = content.into();
    Row::new(format!("a wheel: {name}"), without_lib("lib-1.1"), move |ground| {
        let lib = Release::new("lib", "1.1").raw("lib-1.1-py3-none-any.whl", content.clone());
        ground.serve(&with(lib, src("1.1")));
    })
}

/// `src` 1.1 as this archive.
fn source(name: &str, end: End, archive: impl Into<Vec<u8>>) -> Row {
    let archive = archive.into();
    Row::new(format!("a source: {name}"), end, move |ground| {
        let src = Release::new("src", "1.1").sdist(Sdist::new().archive(archive.clone()));
        ground.serve(&with(lib("1.1"), src));
    })
}

/// A wheel that is unusual and good, of a version of its own: its bytes are none of the reference's.
fn good_wheel(name: &str, offer: Offer, wheel: Wheel) -> Row {
    let new = [NEW[0], "lib-1.2-py3-none-any.whl", NEW[2], NEW[3]];
    Row::new(format!("a good wheel: {name}"), End::Otherwise("", new.into()), move |ground| {
        let lib = lib("1.2").wheel_that(wheel.clone());
        ground.serve(&with(lib, src("1.1")).offer(offer));
    })
}

/// The same of a source.
fn good_source(name: &str, text: &'static str, tar: &Tar) -> Row {
    let new = [NEW[0], NEW[1], "src-1.2.tar.gz", NEW[3]];
    let archive = tar.build();
    Row::new(format!("a good source: {name}"), End::Otherwise(text, new.into()), move |ground| {
        let src = Release::new("src", "1.2").sdist(Sdist::new().archive(archive.clone()));
        ground.serve(&with(lib("1.1"), src));
    })
}

fn wheels() -> Vec<Row> {
    let any = || Wheel::new(ANY);
    let metadata = |text: &str| any().metadata(text);
    let good =
        || Zip::new().member("lib/__init__.py", "").member(&format!("{INFO}/METADATA"), HEAD);
    let noted = || without_lib("lib-1.1");
    let mut latin = HEAD.as_bytes().to_vec();
    latin.extend(b"Requires-Dist: caf\xe9\n");
    vec![
        good_wheel("as usual", Offer::No, any()),
        good_wheel("metadata beside it", Offer::Digest, any()),
        good_wheel("zip64", Offer::No, any().zip64()),
        good_wheel("not compressed", Offer::No, any().stored()),
        good_wheel(
            "metadata in a folder that is spelled otherwise",
            Offer::No,
            any().info("Lib-1.2"),
        ),
        wheel("metadata in a folder of another project", noted(), any().info("other-1.1")),
        wheel("metadata in a folder of another version", noted(), any().info("lib-9.9")),
        wheel("a member under another name", noted(), any().lying(Lie::Name)),
        wheel("wrong sizes", noted(), any().lying(Lie::Size(7))),
        wheel("huge sizes", noted(), any().lying(Lie::Size(u32::MAX - 1))),
        wheel("members elsewhere", noted(), any().lying(Lie::Offset(11))),
        wheel("too many members", noted(), any().lying(Lie::Count(40_000))),
        wheel("wrong checksums", noted(), any().lying(Lie::Crc)),
        wheel("a bomb", noted(), metadata(&(HEAD.to_owned() + &"\n".repeat(17 << 20)))),
        wheel("an absolute name", noted(), metadata(&HEAD.replace("Name: lib", "Name: /etc/lib"))),
        wheel("a name up", noted(), metadata(&HEAD.replace("Name: lib", "Name: ../../lib"))),
        wheel("another project", noted(), metadata(&HEAD.replace("Name: lib", "Name: other"))),
        wheel("another version", noted(), metadata(&HEAD.replace("1.1", "1.2"))),
        wheel("no version", noted(), metadata("Metadata-Version: 2.1\nName: lib\n")),
        wheel("metadata of version 9", noted(), metadata(&HEAD.replace("2.1", "9.0"))),
        wheel("metadata that is not UTF-8", noted(), any().metadata(latin)),
        wheel("no metadata", noted(), metadata("")),
        wheel(
            "a requirement that is none",
            noted(),
            metadata(&format!("{HEAD}Requires-Dist: @@\n")),
        ),
        wheel(
            "a marker that is none",
            noted(),
            metadata(&format!("{HEAD}Requires-Dist: x; y ==\n")),
        ),
        wheel(
            "a script for a name",
            noted(),
            metadata(&HEAD.replace("Name: lib", "Name: <script>")),
        ),
        bytes("nothing", ""),
        bytes("no archive", "a text"),
        bytes("an empty archive", Zip::new().build()),
        bytes("half an archive", &good().build()[..60]),
        bytes("metadata twice", good().member(&format!("{INFO}/METADATA"), HEAD).build()),
        bytes(
            "two folders of metadata",
            good().member("lib-1.1.post1.dist-info/METADATA", HEAD).build(),
        ),
        bytes("bytes behind the archive", [good().build(), b"more".repeat(9_000)].concat()),
        offered(
            "it needs something else",
            fatal(&["lib-1.1-py3-none-any.whl", "other metadata"]),
            any().requires("tiny-backend"),
        ),
        offered("wrong sizes", fatal(&["lib-1.1-py3-none-any.whl"]), any().lying(Lie::Size(7))),
        offered(
            "another project",
            fatal(&["lib 1.1: is of other 1.1"]),
            metadata(&HEAD.replace("Name: lib", "Name: other")),
        ),
    ]
}

fn sources() -> Vec<Row> {
    let info = "Metadata-Version: 2.2\nName: src\nVersion: 1.1\n";
    let project =
        "[build-system]\nrequires = [\"tiny-backend\"]\nbuild-backend = \"tiny_backend\"\n";
    let good = || {
        let info = info.replace("1.1", "1.2");
        Tar::new().file("src-1.2/pyproject.toml", project).file("src-1.2/PKG-INFO", info)
    };
    let links = good().symlink("src-1.2/passwd", "/etc/passwd");
    let links = links.hard_link("src-1.2/shadow", "/etc/shadow").device("src-1.2/null");
    let up = good().file("../PKG-INFO", "x").file("/etc/PKG-INFO", "x");
    let up = up.file("src-1.2/../PKG-INFO", "x");
    let bare = Tar::new().file("src-1.2/pyproject.toml", project);
    let mut rows = vec![
        good_source("links and devices beside what counts", "", &links),
        good_source("members up and absolute", "", &up),
        good_source("no PKG-INFO", "src-1.2.tar.gz", &bare),
    ];

    let tar = || Tar::new().file("src-1.1/pyproject.toml", project);
    let said = |info: &str| tar().file("src-1.1/PKG-INFO", info);
    let bomb = said(info).file("src-1.1/zeros", vec![0; 24 << 20]);
    for (name, archive) in [
        ("PKG-INFO that is a link", tar().symlink("src-1.1/PKG-INFO", "/etc/passwd").build()),
        ("PKG-INFO that is a device", tar().device("src-1.1/PKG-INFO").build()),
        ("two of PKG-INFO", said(info).file("src-1.2/PKG-INFO", info).build()),
        ("another project", said(&info.replace("Name: src", "Name: other")).build()),
        ("another version", said(&info.replace("1.1", "1.2")).build()),
        ("a bomb", bomb.build()),
        ("nothing", Vec::new()),
        ("no archive", b"a text".to_vec()),
        ("half an archive", said(info).build()[..80].to_vec()),
    ] {
        rows.push(source(name, without_src("src-1.1"), archive));
    }
    let bare = || Tar::new().file("src-1.1/PKG-INFO", info);
    let named = fatal(&["src-1.1.tar.gz", "no index has setuptools, wheel"]);
    rows.push(source("nothing to build it with", named, bare().build()));
    let malformed = bare().file("src-1.1/pyproject.toml", "[[[").build();
    rows.push(source("a malformed pyproject.toml", fatal(&["src-1.1.tar.gz"]), malformed));
    rows
}

pub(super) fn rows() -> Vec<Row> {
    wheels().into_iter().chain(sources()).collect()
}
