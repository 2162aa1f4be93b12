//! Both readers of a primary agree; the fast one knows when to give up.

use super::*;
use crate::limits;
use proptest::prelude::*;
use std::io;

const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

type Outcome = Result<(Summary, Vec<String>), String>;

fn read(reader: impl BufRead) -> Outcome {
    let mut packages = Vec::new();
    let summary = read_packages(reader, |package| {
        packages.push(format!("{package:?}"));
        Ok::<_, FormatError>(())
    });
    summary.map(|summary| (summary, packages)).map_err(|error| error.to_string())
}

/// What the full reader makes of the document.
fn read_full(document: &[u8]) -> Outcome {
    let mut packages = Vec::new();
    let summary = read_packages_fully(document, |package| {
        packages.push(format!("{package:?}"));
        Ok::<_, FormatError>(())
    });
    summary.map(|summary| (summary, packages)).map_err(|error| error.to_string())
}

/// How many packages the fast reader takes before it hands over.
fn taken_fast(document: &str) -> usize {
    let mut document = Document::new(document.as_bytes(), limits::PACKAGE_BLOCK);
    let mut taken = 0;
    if document.head("metadata").unwrap().is_some() {
        while let Some(block) = document.block().unwrap() {
            if read_block(block, &mut Package::default()).is_none() {
                break;
            }
            document.take_block();
            taken += 1;
        }
    }
    taken
}

fn package(n: usize) -> String {
    format!(
        r#"<package type="rpm">
  <name>lib{n}</name>
  <arch>x86_64</arch>
  <version epoch="1" ver="{n}.0" rel="2"/>
  <checksum type="sha256" pkgid="YES">{SHA256}</checksum>
  <summary>What? A &lt;package&gt;!</summary>
  <description>…</description>
  <packager></packager>
  <time file="1749069429" build="1749069400"/>
  <size package="{n}00" installed="4096" archive="5120"/>
  <location href="Packages/lib{n}.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:provides><rpm:entry name="lib{n}" flags="EQ" epoch="0" ver="1" rel="2"/></rpm:provides>
    <file type="dir">/etc/lib{n}</file>
  </format>
</package>
"#
    )
}

fn metadata(packages: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/\
         metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"3\">\n\
         {packages}</metadata>"
    )
}

/// Three packages, the middle one with `from` made `to`; both readers agree on them.
fn with(from: &str, to: &str) -> (Outcome, usize) {
    let middle = package(1).replacen(from, to, 1);
    let document = metadata(&[package(0), middle, package(2)].concat());
    let outcome = read(document.as_bytes());
    assert_eq!(outcome, read_full(document.as_bytes()), "{from} → {to}");
    (outcome, taken_fast(&document))
}

#[test]
fn reads_each_package() {
    let document = metadata(&(0..3).map(package).collect::<String>());
    let mut last = None;
    let summary = read_packages(document.as_bytes(), |package| {
        if package.name == "lib2" {
            assert_eq!(
                package,
                PackageRef {
                    name: "lib2",
                    arch: "x86_64",
                    epoch: "1",
                    version: "2.0",
                    release: "2",
                    checksum: Digest::parse("sha256", SHA256).unwrap(),
                    href: "Packages/lib2.rpm",
                    base: None,
                    size: Some(200),
                    build_time: Some(1_749_069_400),
                }
            );
        }
        last = Some(package.name.to_owned());
        Ok::<_, FormatError>(())
    });
    assert_eq!(summary.unwrap(), Summary { declared: Some(3), packages: 3 });
    assert_eq!(last.as_deref(), Some("lib2"));
    assert_eq!(taken_fast(&document), 3);
    // Whatever the pieces that the document arrives in.
    for size in [1, 7, 100] {
        let trickle = io::BufReader::with_capacity(size, document.as_bytes());
        assert_eq!(read(trickle), read_full(document.as_bytes()));
    }
}

#[test]
fn the_fast_reader_takes_what_is_plain() {
    for (from, to) in [
        ("x86_64", "src"),
        ("<arch>x86_64</arch>", ""),
        (" epoch=\"1\"", ""),
        ("package=\"100\"", ""),
        ("package=\"100\"", "package=\"-1\""),
        ("build=\"1749069400\"", "build=\"soon\""),
        ("lib1.rpm", "lib1&amp;&#x41;.rpm"),
        ("<location ", "<location xml:base=\"http://example.com/?a&amp;b\" "),
        ("<packager></packager>", "<packager/><new a='&quot;' >new</new>"),
        ("</format>\n", "</format>"),
        ("type=\"rpm\"", ""),
    ] {
        let (outcome, taken) = with(from, to);
        assert_eq!(outcome.unwrap().0.packages, 3, "{to}");
        assert_eq!(taken, 3, "{to}");
    }
    let bare = package(1);
    let format = &bare[bare.find("<format>").unwrap()..bare.find("</package>").unwrap()];
    assert_eq!(with(format, "").1, 3);
}

#[test]
fn the_full_reader_takes_what_is_odd_but_right() {
    for (from, to) in [
        ("<name>", "<!-- </package> --><name>"),
        ("<name>lib1", "<name><![CDATA[lib1]]>"),
        ("…", "<![CDATA[</package><package>]]>"),
        ("<name>", "<?pi </package>?><name>"),
        ("</package>", "</package >"),
        ("<format>", "<format a=''>"),
        ("<packager>", "<new><newer/></new><packager>"),
        ("<arch>x86_64", "<arch>\r\nx86_64"),
        ("<arch>", "stray text<arch>"),
        ("<arch>", "<arch\n>"),
        ("<arch>", "<arch a='1' b='2' c='3' d='4' e='5' f='6' g='7' h='8' i='9'>"),
        ("</format>", "</format><url>after</url>"),
        ("</format>", "</format><format></format>"),
        ("</format>", "<package></package></format>"),
        ("<package type", "<extra/><package type"),
        ("<package type=\"rpm\"", "<p:package xmlns:p='x' type=\"rpm\""),
    ] {
        let to_end = if to.starts_with("<p:") { "</p:package>" } else { "</package>" };
        let middle = package(1).replacen(from, to, 1);
        let middle =
            if to_end == "</package>" { middle } else { middle.replace("</package>", to_end) };
        let document = metadata(&[package(0), middle, package(2)].concat());
        let outcome = read(document.as_bytes());
        assert_eq!(outcome, read_full(document.as_bytes()), "{to}");
        assert_eq!(outcome.unwrap().0.packages, 3, "{to}");
        assert_eq!(taken_fast(&document), 1, "{to}");
    }
    let plain = metadata(&(0..3).map(package).collect::<String>());
    for (from, to) in [
        ("<?xml", "\u{feff}<?xml"),
        ("<metadata", "<!-- head --><metadata"),
        ("packages=\"3\"", "packages=\"3\" note=\">\""),
    ] {
        let document = plain.replacen(from, to, 1);
        assert_eq!(taken_fast(&document), 0, "{to}");
        assert_eq!(read(document.as_bytes()), read_full(plain.as_bytes()), "{to}");
    }
}

#[test]
fn a_package_larger_than_the_window_is_streamed() {
    let entries = "<rpm:entry name=\"some-capability\"/>".repeat(limits::PACKAGE_BLOCK / 30);
    let (outcome, taken) = with("<rpm:provides>", &format!("<rpm:provides>{entries}"));
    assert_eq!((outcome.unwrap().0.packages, taken), (3, 1));
}

#[test]
fn a_lying_count_is_reported_and_harmless() {
    for (count, declared) in [("99", Some(99)), ("many", None), ("-1", None)] {
        let document =
            metadata(&package(0)).replace("packages=\"3\"", &format!("packages=\"{count}\""));
        let (summary, _) = read(document.as_bytes()).unwrap();
        assert_eq!(summary, Summary { declared, packages: 1 });
    }
    let empty = "<metadata packages='0'/>";
    assert_eq!(read(empty.as_bytes()).unwrap().0.packages, 0);
}

#[test]
fn says_what_is_wrong_and_where() {
    let lacking = |from: &str| with(from, "").0.unwrap_err();
    let end = metadata(&[package(0), package(1)].concat()).len() - "\n</metadata>".len();
    let href = r#"<location href="Packages/lib1.rpm"/>"#;
    assert_eq!(
        lacking(href),
        format!("package \"lib1\" before byte {} has no location", end - href.len())
    );
    assert!(lacking("<name>lib1</name>").starts_with("package before byte"));
    assert!(lacking(" ver=\"1.0\"").ends_with("has no version"));
    let checksum = format!(r#"<checksum type="sha256" pkgid="YES">{SHA256}</checksum>"#);
    assert!(lacking(&checksum).ends_with("has no checksum"));
    let unknown = with("sha256", "blake3").0.unwrap_err();
    assert!(unknown.contains("\"blake3\" is unknown"), "{unknown}");
    for document in ["", "<html></html>", "<metadata>", "not xml"] {
        assert_eq!(read(document.as_bytes()), read_full(document.as_bytes()));
        assert!(read(document.as_bytes()).is_err());
    }
    let cut = metadata(&package(0)).replace("</metadata>", "");
    assert!(read(cut.as_bytes()).unwrap_err().contains("found the end"));
}

#[test]
fn the_callers_error_ends_the_reading() {
    #[derive(Debug)]
    struct Enough;
    impl From<FormatError> for Enough {
        fn from(_: FormatError) -> Self {
            Self
        }
    }
    let document = metadata(&(0..3).map(package).collect::<String>());
    let mut calls = 0;
    let result = read_packages(document.as_bytes(), |_| {
        calls += 1;
        Err(Enough)
    });
    assert!(result.is_err());
    assert_eq!(calls, 1);
}

/// Pieces that meet each condition of the fast reader from both sides.
const PIECES: [&str; 22] = [
    "<package>",
    "<package type='rpm'>",
    "</package>",
    "</package >",
    "<name>a</name>",
    "<name>&lt;b&gt;</name>",
    "<arch>noarch</arch>",
    "<version epoch='0' ver='1' rel='1'/>",
    "<version ver='1'></version>",
    "<checksum type='md5'>900150983cd24fb0d6963f7d28e17f72</checksum>",
    "<checksum type='md5'>9</checksum>",
    "<location href='a.rpm'/>",
    "<location href='</package>'/>",
    "<format>",
    "</format>",
    "<format/>",
    "<!-- </package> -->",
    "<![CDATA[</format></package>]]>",
    "<size package='7'/>",
    "\n  ",
    "&amp;",
    "</metadata>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn both_readers_agree_on_packages_in_any_order(
        packages in proptest::collection::vec(
            proptest::sample::subsequence((4..22).collect::<Vec<_>>(), 0..10), 0..5
        ),
        size in 1..200_usize,
    ) {
        let mut text = String::new();
        for pieces in &packages {
            text.push_str(PIECES[0]);
            for n in [4, 7, 9, 11].iter().chain(pieces) {
                text.push_str(PIECES[*n]);
            }
            text.push_str("</package>");
        }
        let document = metadata(&text);
        let full = read_full(document.as_bytes());
        let trickle = io::BufReader::with_capacity(size, document.as_bytes());
        prop_assert_eq!(read(trickle), full);
    }

    #[test]
    fn never_panics_and_loses_nothing_that_is_well_formed(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..24)
    ) {
        let text: String = pieces.iter().map(|n| PIECES[*n]).collect();
        let document = metadata(&text);
        if let Ok(full) = read_full(document.as_bytes()) {
            prop_assert_eq!(read(document.as_bytes()), Ok(full));
        } else {
            let _ = read(document.as_bytes());
        }
    }

    #[test]
    fn both_readers_agree_on_documents_that_were_changed_anywhere(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..4, any::<u8>()), 1..4)
    ) {
        let mut document = metadata(&(0..3).map(package).collect::<String>()).into_bytes();
        for (at, kind, byte) in changes {
            let at = at.index(document.len());
            match kind {
                0 => document[at] = byte,
                1 => document.insert(at, b"<>&\"'/ ="[usize::from(byte % 8)]),
                2 => drop(document.remove(at)),
                _ => document.truncate(at.max(1)),
            }
        }
        if let Ok(full) = read_full(&document) {
            prop_assert_eq!(read(&*document), Ok(full));
        }
    }
}
