//! What is carried over is what was there; nothing is smuggled.

use std::io::BufReader;

use proptest::prelude::*;

use super::*;
use crate::format::rpm::primary::read_packages_fully;

const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

fn package(n: usize) -> String {
    format!(
        r#"<package type="rpm">
  <name>lib{n}</name>
  <arch>x86_64</arch>
  <version epoch="1" ver="{n}.0" rel="2"/>
  <checksum type="md5" pkgid="YES">{MD5}</checksum>
  <description>What? A &lt;package&gt;, "…" &#x41;</description>
  <location href="Packages/lib{n}.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:requires><rpm:entry name="(a if b)" pre="1"/></rpm:requires>
    <file type="dir">/etc/lib{n}</file>
  </format>
</package>"#
    )
}

fn primary(packages: &[String]) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/\
         metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"{}\">\n{}\n\
         </metadata>",
        packages.len(),
        packages.join("\n")
    )
}

fn entry(pkgid: &str) -> String {
    format!(
        "<package pkgid=\"{pkgid}\" name=\"n\" arch=\"a\">\n  <version epoch=\"0\" ver=\"1\" \
         rel=\"1\"/>\n  <file>/usr/bin/{pkgid}</file>\n</package>"
    )
}

fn filelists(root: &str, packages: &[String]) -> String {
    format!("<{root} packages=\"{}\">\n{}\n</{root}>", packages.len(), packages.join("\n"))
}

/// The document again, made of its elements.
fn carried(document: &[u8], buffer: usize) -> Result<(String, Vec<String>), FormatError> {
    let mut packages = Packages::new(BufReader::with_capacity(buffer, document))?;
    let mut elements = Vec::new();
    while let Some((_, element)) = packages.next()? {
        elements.push(String::from_utf8(element.to_vec()).unwrap());
    }
    let mut out = Vec::new();
    packages.root().write_start(&mut out, elements.len() as u64)?;
    for element in &elements {
        out.extend_from_slice(element.as_bytes());
        out.push(b'\n');
    }
    packages.root().write_end(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), elements))
}

/// What the full reader makes of it.
fn read(document: &[u8]) -> Result<Vec<String>, FormatError> {
    let mut packages = Vec::new();
    read_packages_fully(document, |package| {
        packages.push(format!("{package:?}"));
        Ok::<_, FormatError>(())
    })?;
    Ok(packages)
}

/// Three packages, the middle one with `from` made `to`; what comes of the middle one.
fn middle(from: &str, to: &str) -> Result<String, FormatError> {
    let packages = [package(0), package(1).replace(from, to), package(2)];
    let document = primary(&packages);
    let (text, elements) = carried(document.as_bytes(), 1 << 16)?;
    assert_eq!(elements[0], packages[0], "byte for byte before it");
    assert_eq!(elements.len(), 3, "{to}");
    assert_eq!(read(text.as_bytes()).unwrap(), read(document.as_bytes()).unwrap(), "{to}");
    Ok(elements[1].clone())
}

#[test]
fn plain_documents_are_carried_over_byte_for_byte() {
    let document = primary(&[package(0), package(1), package(2)]);
    for buffer in [1, 7, 100, 1 << 16] {
        assert_eq!(carried(document.as_bytes(), buffer).unwrap().0, document);
    }
    let none = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata packages=\"0\">\n</metadata>";
    assert_eq!(carried(none.as_bytes(), 100).unwrap().0, none);
    let empty = carried(b"<metadata a='&quot;'/>", 100).unwrap().0;
    assert!(empty.ends_with("<metadata a=\"&quot;\" packages=\"0\">\n</metadata>"), "{empty}");

    let pkgids = ["00ff", "00FE"];
    for kind in [Kind::Filelists, Kind::FilelistsExt, Kind::Other] {
        let document = filelists(kind.root(), &pkgids.map(entry));
        let mut entries = Entries::new(document.as_bytes(), kind).unwrap();
        for pkgid in pkgids {
            let (found, element) = entries.next().unwrap().unwrap();
            assert_eq!(found, pkgid.to_lowercase());
            assert_eq!(element, entry(pkgid).as_bytes());
        }
        assert!(entries.next().unwrap().is_none());
        assert_eq!(entries.summary(), Summary { declared: Some(2), packages: 2 });
    }
}

#[test]
fn what_is_not_plain_is_written_anew_and_means_the_same() {
    for (from, to, expected) in [
        ("<arch>", "<!-- </package> --><arch>", "<arch>"),
        ("<arch>", "<?pi </package>?><arch>", "<arch>"),
        ("<license>", "<license><![CDATA[</package><a&b>]]>", "&lt;/package&gt;&lt;a&amp;b&gt;"),
        ("MIT", "<![CDATA[]]]]><![CDATA[>]]>", "<rpm:license>]]&gt;</rpm:license>"),
        ("MIT", "]]>", "<rpm:license>]]&gt;</rpm:license>"),
        ("<file type=\"dir\">", "<file\ttype='d&#34;\ni\tr'>", "<file type=\"d&quot; i r\">"),
        ("</package>", "</package\n>", "</package>"),
        ("<format>", "<format><package/>", "<format><package/>"),
    ] {
        let from = if from == "<license>" { "<rpm:license>" } else { from };
        let to = to.replace("<license>", "<rpm:license>");
        let element = middle(from, &to).unwrap();
        assert!(element.contains(expected), "{to}: {element}");
        assert!(!element.contains("<!") && !element.contains("<?"), "{element}");
    }
    // A prefix of the document's own stays what it was.
    let document = "<m:metadata xmlns:m='http://linux.duke.edu/metadata/common'><m:package>\
                    <m:name>a</m:name><m:version ver='1'/><m:checksum type='md5'>\
                    900150983cd24fb0d6963f7d28e17f72</m:checksum><m:location href='a.rpm'/>\
                    </m:package></m:metadata>";
    let (text, elements) = carried(document.as_bytes(), 100).unwrap();
    assert!(text.contains("<m:metadata xmlns:m=\"http://linux.duke.edu/metadata/common\" pack"));
    assert!(text.ends_with("</m:metadata>"), "{text}");
    assert!(elements[0].starts_with("<m:package><m:name>a</m:name>"), "{text}");
    assert_eq!(read(text.as_bytes()).unwrap(), read(document.as_bytes()).unwrap());
}

#[test]
fn what_no_client_reads_is_refused() {
    for (from, to, said) in [
        ("MIT", "M\u{1}T", "characters that XML excludes"),
        ("MIT", "M\u{fffe}T", "characters that XML excludes"),
        ("MIT", "<![CDATA[\u{8}]]>", "characters that XML excludes"),
        ("pre=\"1\"", "pre=\"\u{ffff}\"", "characters that XML excludes"),
        ("MIT", "&#1;", "&#1;"),
        ("MIT", "&who;", "&who;"),
        ("rpm:license", "rpm:licénce", "a name of ASCII letters"),
        ("</format>", "", "byte"),
        ("MIT", "</package>", "byte"),
        ("pre=\"1\"", "pre=\"1\" pre=\"2\"", "byte"),
        ("pre=\"1\"", "pre=\"</package>\"", "byte"),
    ] {
        let error = middle(from, to).unwrap_err().to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
    let document = filelists("filelists", &[entry("")]);
    let mut entries = Entries::new(document.as_bytes(), Kind::Filelists).unwrap();
    let error = entries.next().unwrap_err().to_string();
    assert!(error.contains("package \"n\"") && error.ends_with("has no pkgid"), "{error}");
    for kind in [Kind::Primary, Kind::Filelists] {
        let error = Elements::new(&b"<html></html>"[..], kind).err().unwrap().to_string();
        assert_eq!(error, format!("is no {} document: found <html>", kind.expected()));
    }
    let cut = primary(&[package(0)]).replace("</metadata>", "");
    assert!(carried(cut.as_bytes(), 100).is_err());
}

#[test]
fn one_package_has_a_bound() {
    let many = format!("<file>{}</file>\n", "a".repeat(limits::XML_TOKEN - 99)).repeat(17);
    let document =
        filelists("filelists", &[entry("ff").replace("<file>", &format!("{many}<file>"))]);
    let mut entries = Entries::new(document.as_bytes(), Kind::Filelists).unwrap();
    let error = entries.next().unwrap_err().to_string();
    assert_eq!(error, "is too large: expected at most 67108864 bytes of one package");
}

#[test]
fn a_location_is_rewritten_and_nothing_else() {
    let element = package(1);
    let moved = |element: &str, href| {
        relocated(element.as_bytes(), href).map(|moved| String::from_utf8(moved).unwrap())
    };
    let href = "Packages/a b&\"é.rpm";
    let written = r#"<location href="Packages/a b&amp;&quot;é.rpm"/>"#;
    let expected = element.replace(r#"<location href="Packages/lib1.rpm"/>"#, written);
    assert_eq!(moved(&element, href), Some(expected.clone()));
    let based = element.replace("<location ", "<location xml:base='https://h.example/' ");
    assert_eq!(moved(&based, href), Some(expected));
    // One further down is no location of the package.
    let deeper = element.replace("<format>", "<format><location href='b'/>");
    assert!(moved(&deeper, href).unwrap().contains("<location href='b'/>"));
    // What is legal, if not as createrepo_c writes it.
    let open = element
        .replace(r#"href="Packages/lib1.rpm"/>"#, r#"href="Packages/lib1.rpm"> </location>"#);
    assert_ne!(open, element);
    let moved_open = moved(&open, href).unwrap();
    assert!(moved_open.contains(written) && !moved_open.contains("</location>"), "{moved_open}");
    let many = " a='' b='' c='' d='' e='' f='' g='' h='' i=''";
    let many = element.replace("<version ", &format!("<version{many} "));
    assert_ne!(many, element);
    assert!(moved(&many, href).unwrap().contains(written));
    for (from, to) in
        [("<arch>", "<location href='b'/><arch>"), ("<location ", "<place "), ("</format>", "")]
    {
        assert_eq!(moved(&element.replace(from, to), href), None, "{to}");
    }
}

#[test]
fn three_documents_are_joined_by_pkgid() {
    let pkgids = ["a", "b", "c", "d"].map(|letter| letter.repeat(32));
    let packages: Vec<String> =
        (0..4).map(|n| package(n).replace(MD5, &pkgids[n].to_uppercase())).collect();
    let primary = primary(&packages);
    let order =
        |order: &[usize]| -> Vec<String> { order.iter().map(|n| entry(&pkgids[*n])).collect() };
    let files = filelists("filelists", &order(&[3, 0, 1, 2, 0]));
    let other = filelists("otherdata", &order(&[0, 2, 3]));
    let mut join = Join::new(primary.as_bytes(), files.as_bytes(), other.as_bytes()).unwrap();
    for n in 0..4 {
        let joined = join.next().unwrap().unwrap();
        assert_eq!(joined.package.name, format!("lib{n}"));
        assert_eq!(joined.primary, packages[n].as_bytes());
        let entry = entry(&pkgids[n]);
        assert_eq!(joined.filelists, Some(entry.as_bytes()));
        assert_eq!(joined.other, (n != 1).then_some(entry.as_bytes()), "{n}");
    }
    assert!(join.next().unwrap().is_none());
}

/// Pieces of which some are plain.
const PIECES: [&str; 16] = [
    "<package>",
    "<name>a</name>",
    "<version ver='1'/>",
    "<checksum type='md5'>900150983cd24fb0d6963f7d28e17f72</checksum>",
    "<location href='a.rpm'/>",
    "</package>",
    "<format>",
    "</format>",
    "<!-- </package> -->",
    "<![CDATA[</format></package>]]>",
    "<x:y z='1'>",
    "</x:y>",
    "]]>",
    "&amp;",
    "\n  ",
    "<location href='</package>'/>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_well_formed_is_carried_over_and_what_comes_out_is(
        packages in proptest::collection::vec(proptest::collection::vec(5..PIECES.len(), 0..8), 0..4),
        buffer in 1..200_usize,
    ) {
        let packages: Vec<String> = packages
            .iter()
            .map(|pieces| {
                let text: String = pieces.iter().map(|n| PIECES[*n]).collect();
                format!("{}{text}</package>", PIECES[..5].concat())
            })
            .collect();
        let document = primary(&packages);
        match (read(document.as_bytes()), carried(document.as_bytes(), buffer)) {
            (Ok(there), Ok((text, elements))) => {
                prop_assert_eq!(read(text.as_bytes()).unwrap(), there);
                prop_assert!(elements.iter().all(|e| !e.contains("<!") && !e.contains("<?")));
                // Once written it is plain.
                prop_assert_eq!(carried(text.as_bytes(), buffer).unwrap().0, text);
            }
            (there, carried) => {
                prop_assert!(there.is_err() && carried.is_err(), "{:?} {:?}", there, carried);
            }
        }
    }

    #[test]
    fn what_was_changed_anywhere_is_refused_or_well_formed(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..4, any::<u8>()), 1..4)
    ) {
        let mut document = primary(&(0..3).map(package).collect::<Vec<_>>()).into_bytes();
        for (at, kind, byte) in changes {
            let at = at.index(document.len());
            match kind {
                0 => document[at] = byte,
                1 => document.insert(at, b"<>&\"'/ ="[usize::from(byte % 8)]),
                2 => drop(document.remove(at)),
                _ => document.truncate(at.max(1)),
            }
        }
        if let Ok((text, _)) = carried(&document, 64) {
            prop_assert_eq!(read(text.as_bytes()).unwrap(), read(&document).unwrap());
        }
    }
}
