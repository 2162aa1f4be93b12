use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Metadata {
    Metadata::read(text.as_bytes()).unwrap()
}

fn error(text: &[u8]) -> String {
    Metadata::read(text).unwrap_err().to_string()
}

fn requirements(metadata: &Metadata) -> Vec<String> {
    metadata.requires_dist.iter().map(ToString::to_string).collect()
}

#[test]
fn reads_the_fields_that_decide_what_gets_installed() {
    let metadata = read(
        "\u{feff}Metadata-Version: 2.3\r\nname: Foo.Bar\r\nVersion: 1.0.0\r\nSummary: a: b\r\n\
         Author: x\r\n  Requires-Dist: folded\r\nRequires-Python: >=3.8,\r\n\t<4\r\n\
         Provides-Extra: Fast_Er\r\nProvides-Extra: -\r\nREQUIRES-DIST: a>=1\r\n\
         Requires-Dist: b[x] (<2,>=1.5) ; extra == 'fast-er'\r\nDynamic: License\r\n\
         Requires-Dist: c @ https://files.example/c-1.zip\r\n\r\nRequires-Dist: body\r\n",
    );
    assert_eq!(metadata.metadata_version, (2, 3));
    assert_eq!((metadata.name.as_ref(), metadata.version.to_string()), ("foo-bar", "1.0.0".into()));
    assert_eq!(metadata.requires_python.as_ref().unwrap().to_string(), ">=3.8, <4");
    assert_eq!(
        requirements(&metadata),
        ["a>=1", "b[x]>=1.5,<2 ; extra == 'fast-er'", "c @ https://files.example/c-1.zip"]
    );
    assert_eq!(
        metadata.provides_extra.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        ["fast-er"]
    );
    assert_eq!(metadata.dynamic, ["license"]);
    assert!(metadata.faults.is_empty() && metadata.is_static());
    let same = "Foo_Bar".parse().unwrap();
    assert!(metadata.expect(&same, &"1.0".parse().unwrap()).is_ok());
    assert_eq!(
        metadata.expect(&same, &"1.1".parse().unwrap()).unwrap_err().to_string(),
        "is of foo-bar 1.0.0, expected foo-bar 1.1"
    );
}

#[test]
fn what_does_not_parse_is_a_fault_of_the_release() {
    let text = b"Metadata-Version: 2.1\nName: a\nVersion: 1\nno field\n: x\nx y: z\n\
                 Requires-Python: three\nRequires-Dist: b>=\nRequires-Dist: c\nRequires-Dist: \xff\n\
                 Requires-Dist: d; \xc3\xa4 == 'x'\n";
    let metadata = Metadata::read(text).unwrap();
    assert_eq!(requirements(&metadata), ["c"]);
    let faults: Vec<_> = metadata.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 4, "{faults:#?}");
    assert_eq!(faults[0], "Requires-Dist \"\u{fffd}\" is malformed: expected UTF-8");
    assert!(faults[1].starts_with("Requires-Python \"three\" is malformed: "), "{}", faults[1]);
    assert!(faults[2].starts_with("Requires-Dist \"b>=\" is malformed: "), "{}", faults[2]);
    assert!(faults[3].ends_with("is malformed: marker: expected ASCII, found 'ä'"));
    assert!(faults.iter().all(|fault| !fault.contains('\n')));
}

#[test]
fn refuses_what_is_no_metadata() {
    assert_eq!(
        error(b"<!DOCTYPE html>\n<html>"),
        "is no core metadata: expected a field Name, found none in a document that begins \
         \"<!DOCTYPE html>\u{fffd}<html>\""
    );
    assert!(error(b"Name: a\n").contains("expected a field Version"));
    assert!(
        error(b"Name: /etc/passwd\nVersion: 1\n").starts_with("Name \"/etc/passwd\" is malformed")
    );
    assert!(error(b"Name:\nVersion: 1\n").starts_with("Name \"\" is malformed"));
    assert!(error(b"Name: a\nVersion: one\n").starts_with("Version \"one\" is malformed"));
    assert!(error(b"Name: \xff\nVersion: 1\n").contains("expected UTF-8"));
    assert_eq!(error(b"Name: a\nName: b\nVersion: 1\n"), "has two fields Name: \"a\" and \"b\"");
    for version in ["3.0", "x", "2", "2.x"] {
        assert_eq!(
            error(format!("Metadata-Version: {version}\nName: a\nVersion: 1\n").as_bytes()),
            format!("is of version {version:?} of the metadata format, expected 1.x or 2.x")
        );
    }
}

#[test]
fn is_static_only_where_no_decisive_field_is_dynamic() {
    let of = |text: &str| read(&format!("Name: a\nVersion: 1\n{text}")).is_static();
    assert!(!of(""));
    assert!(!of("Metadata-Version: 2.1\n"));
    assert!(of("Metadata-Version: 2.2\nDynamic: classifier\n"));
    assert!(!of("Metadata-Version: 2.4\nDynamic: requires-DIST\n"));
    assert!(!of("Metadata-Version: 2.2\nDynamic: Provides-Extra\n"));
}

#[test]
fn mends_what_everybody_understands() {
    let of = |text: &str| requirement(text).unwrap().to_string();
    assert_eq!(of("a (>=7.2.0<8.0.0)"), "a>=7.2.0,<8.0.0");
    assert_eq!(of("a>=1.*,; python_version < '3'"), "a>=1 ; python_full_version < '3'");
    assert_eq!(of("a[x] >='2.7'"), "a[x]>=2.7");
    assert_eq!(of("a!=1.*"), "a!=1.*");
    for (text, expected) in [
        (">=3.6.*", ">=3.6"),
        (">=2.7,!=3.0.*,", ">=2.7, !=3.0.*"),
        (">=2.7, !=3.0.*, !=3.1.*,", ">=2.7, !=3.0.*, !=3.1.*"),
        (">=2.7,!=3.0.*!=3.1.*", ">=2.7, !=3.0.*, !=3.1.*"),
        ("'>=3.6'", ">=3.6"),
        ("(>=3.6)", ">=3.6"),
        ("(>=3.6.*)", ">=3.6"),
    ] {
        assert_eq!(specifiers(text).unwrap().to_string(), expected, "{text}");
    }
    for text in ["three", ">=", "=>3", "3.6"] {
        assert!(specifiers(text).is_err(), "{text}");
    }
    assert!(requirement("a>=x").is_err());
}

#[test]
fn documents_are_bounded() {
    let head = "Name: a\nVersion: 1\n";
    let many = format!("{head}{}", "Requires-Dist: b\n".repeat(limits::RELEASE_FIELDS + 1));
    assert_eq!(error(many.as_bytes()), "is too large: expected at most 5000 fields of one kind");
    let folded = format!("{head}Requires-Dist: b\n{}", " ,\n".repeat(limits::REQUIREMENT_LEN));
    assert_eq!(read(&folded).faults[0].reason, "expected at most 65536 bytes");
    let long = format!("Name: {}\nVersion: 1\n", "a".repeat(limits::REQUIREMENT_LEN + 1));
    assert!(error(long.as_bytes()).ends_with("is malformed: expected at most 65536 bytes"));
    let size = usize::try_from(limits::CORE_METADATA_SIZE).unwrap();
    assert!(error(&vec![b'\n'; size + 1]).contains("bytes"));
    let described = format!("{head}\n{}", "x".repeat(1 << 20));
    assert_eq!(read(&described).name.as_ref(), "a");
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(
        text in "((Name|Version|Requires-Dist|Requires-Python|Dynamic): |a|1|\\.|>=|\\[|\\]|;|@|'|\\(|\\)| and | or |os_name|\n|\n |\\PC){0,40}"
    ) {
        let _ = Metadata::read(text.as_bytes());
        let _ = Metadata::read(format!("Name: a\nVersion: 1\nRequires-Dist: {text}").as_bytes());
        let _ = requirement(&text).map(|requirement| requirement.to_string());
        let _ = specifiers(&text);
    }
}
