use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn modules(text: &str) -> Modules {
    Modules::read(text.as_bytes()).unwrap()
}

fn written(modules: &Modules) -> String {
    let mut out = Vec::new();
    modules.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn nevra(text: &str) -> Nevra {
    text.parse().unwrap()
}

fn reason(text: &str) -> String {
    let modules = modules(text);
    assert_eq!(modules.documents().len(), 1, "{text}");
    modules.broken().next().map(|broken| broken.reason.clone()).unwrap_or_default()
}

const PERL: &str = "---
document: modulemd
version: 2
data:
  name: perl
  stream: 5.10
  version: 20180405123256
  context: 00000000
  arch: x86_64
  summary: Perl
  xmd: {a: [b, {c: d}], e: !!str f}
  dependencies:
  - buildrequires: {platform: [el8]}
    requires:
      platform: [el8]
      tools: [1.0, -2]
      any: []
  - requires: {platform: el9}
  profiles:
    common:
      description: All
      rpms:
      - perl
      - \"perl-libs\"
  artifacts:
    rpms:
    - perl-4:5.10.1-1.module_1.x86_64   # newest
    - 'perl-libs-4:5.10.1-1.module_1.x86_64'
    - perl-4:5.10.1-1.module_1.src
...
";

const OTHERS: &str = "---
document: modulemd-defaults
version: 1
data:
  module: perl
  stream: 5.10
  profiles:
    5.10: [common]
---
document: modulemd-obsoletes
version: 1
data: {module: perl, stream: '5.10', message: gone}
---
document: modulemd-translations
version: 1
data: {module: perl, stream: 5.1}
---
document: modulemd-packager
version: 3
data: {name: perl}
---
document: modulemd-of-tomorrow
version: 7
data: x
";

#[test]
fn reads_streams_and_what_is_said_of_them() {
    let text = format!("{PERL}{OTHERS}");
    let modules = modules(&text);
    assert_eq!(written(&modules), text);
    assert_eq!(modules.broken().next(), None);
    let perl = modules.streams().next().unwrap();
    assert_eq!((perl.name.as_str(), perl.stream.as_str()), ("perl", "5.10"), "no number");
    assert_eq!((perl.version, perl.context.as_str()), (20_180_405_123_256, "00000000"));
    let artifacts: Vec<_> = perl.artifacts.iter().map(ToString::to_string).collect();
    assert_eq!(
        artifacts[1..],
        ["perl-libs-4:5.10.1-1.module_1.x86_64", "perl-4:5.10.1-1.module_1.src"]
    );
    let requirement = |module: &str, streams: &[&str]| Requirement {
        module: module.into(),
        streams: streams.iter().map(|stream| (*stream).to_owned()).collect(),
    };
    let expected = vec![
        requirement("platform", &["el8"]),
        requirement("tools", &["1.0", "-2"]),
        requirement("any", &[]),
    ];
    assert_eq!(perl.dependencies, [expected, vec![requirement("platform", &["el9"])]]);
    assert_eq!(perl.profiles[0].packages, ["perl", "perl-libs"]);
    let defaults = modules.defaults().next().unwrap();
    assert_eq!((defaults.module.as_str(), defaults.stream.as_str()), ("perl", "5.10"));
    assert_eq!(defaults.profiles, [("5.10".to_owned(), vec!["common".to_owned()])]);
    let about = |stream: &str| About { module: "perl".into(), stream: stream.into() };
    let content: Vec<_> = modules.documents().iter().map(|d| d.content.clone().unwrap()).collect();
    assert_eq!(
        content[2..],
        [
            Content::Obsoletes(about("5.10")),
            Content::Translations(about("5.1")),
            Content::Other("modulemd-packager".into()),
            Content::Other("modulemd-of-tomorrow".into()),
        ]
    );
    let lines: Vec<_> = modules.documents().iter().map(|document| document.line).collect();
    assert_eq!(lines[..3], [1, 31, 39]);
}

#[test]
fn says_what_is_wrong_with_a_document() {
    let with = |data: &str| reason(&format!("document: modulemd\nversion: 2\ndata: {data}\n"));
    assert_eq!(with("{name: a, stream: 1}"), "");
    assert_eq!(with("{artifacts: }"), "");
    assert_eq!(with("foobar"), "has \"foobar\", expected a mapping");
    assert_eq!(with("{name: [a]}"), "has a sequence, expected a text");
    assert_eq!(
        with("{artifacts: {rpms: [a-1-1.noarch]}}"),
        "has \"a-1-1.noarch\" as an artifact, expected name-epoch:version-release.arch"
    );
    assert_eq!(with("{version: -1}"), "has \"-1\" as its version, expected a number");
    assert_eq!(with("{a: &x 1, b: *x}"), "has an alias, which no document of its kind has");
    assert!(with("{a: ]").starts_with("is not well-formed YAML in line 3: "));
    assert_eq!(with(&"[".repeat(65)), "has more than 64 levels");
    assert_eq!(reason("--- text"), "has \"text\", expected a mapping");
    assert_eq!(reason("---\n"), "is empty");
    assert_eq!(reason("version: 1\ndata: {}"), "does not say of which kind it is");
    assert_eq!(reason("document: modulemd\ndata: {}"), "does not say of which version it is");
    assert_eq!(reason("document: modulemd\nversion: 2\n"), "has no data");
    assert_eq!(reason("document: a\ndocument: b"), "gives its document twice");
    assert_eq!(
        reason("document: modulemd\nversion: 3000\ndata: {}"),
        "is of version 3000 of modulemd, expected 1 or 2"
    );
    assert_eq!(reason("document: modulemd-defaults\nversion: 1\ndata: {}"), "names no module");
    let invalid = Modules::read(&b"a: \xff\n"[..]).unwrap();
    assert_eq!(invalid.broken().next().unwrap().to_string(), "the document in line 1 is not UTF-8");
}

#[test]
fn reads_texts_that_libyaml_closed_in_the_first_column() {
    let rationale = "  xmd:\n    a: 'One\n\n      two.\n\n'\n    b: \"c\n\n\"\n";
    let text = PERL.replace("  summary: Perl\n", rationale).replace("  xmd: {a", "  xmb: {a");
    assert_eq!(reason(&text), "");
    assert_eq!(modules(&text).streams().next().unwrap().artifacts.len(), 3);
    assert_eq!(written(&modules(&text)), text, "as it was");
}

#[test]
fn knows_the_streams_of_a_package_or_says_that_it_does_not() {
    let again = PERL.replace("5.10\n", "5.30\n").replace("perl-4:5.10", "perl-4:5.30");
    let rebuilt = PERL.replace("20180405123256", "20190405123256").replace("4:5.10.1", "4:5.10.2");
    let all = modules(&format!("{PERL}{again}{rebuilt}"));
    let membership = all.membership().unwrap();
    let of = |package: &str| {
        let package = nevra(package);
        membership.of(&package).map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("perl-4:5.10.1-1.module_1.x86_64"), "perl:5.10:00000000");
    assert_eq!(of("perl-4:5.10.2-1.module_1.x86_64"), "perl:5.10:00000000");
    let both = "perl:5.10:00000000 perl:5.30:00000000";
    assert_eq!(of("perl-libs-4:5.10.1-1.module_1.x86_64"), both);
    assert_eq!(of("perl-4:5.10.1-1.module_1.aarch64"), "");
    assert!(!membership.is_modular(&nevra("perl-5.10.1-1.module_1.x86_64")));

    let of_defaults = "document: modulemd-defaults\nversion: 1\ndata: {}\n";
    assert!(modules(of_defaults).membership().is_ok(), "it would not list packages");
    let broken = modules(&format!("{PERL}---\nnames: [\n---\nx\n"));
    let error = broken.membership().unwrap_err().to_string();
    let start = "it is not known which packages are of modules: the document in line 31 is not \
                 well-formed YAML in line 33: ";
    assert!(error.starts_with(start) && error.ends_with(", and so is another"), "{error}");
}

#[test]
fn leaves_what_is_said_of_packages_that_are_there() {
    let newer = PERL.replace("4:5.10.1", "4:5.10.2");
    let text = format!("{OTHERS}{PERL}{newer}");
    let mut out = Vec::new();
    let keep = nevra("perl-libs-4:5.10.2-1.module_1.x86_64");
    let filtered = filter(text.as_bytes(), &mut out, |package| *package == keep).unwrap();
    assert_eq!((filtered.kept, filtered.dropped), (6, 1));
    assert_eq!(String::from_utf8(out).unwrap(), format!("{OTHERS}{newer}"));

    let mut none = modules(&text);
    let filtered = none.retain(|_| false);
    assert_eq!((filtered.kept, filtered.dropped), (2, 5));
    let kinds: Vec<_> = none.documents().iter().map(|d| d.content.clone().unwrap()).collect();
    assert!(kinds.iter().all(|kind| matches!(kind, Content::Other(_))), "{kinds:?}");

    // Of other modules nothing is known, and what is broken is as broken as it was.
    let others = format!("{}---\nnames: [\n", OTHERS.replace("perl", "ruby"));
    let mut some = modules(&format!("{others}{PERL}"));
    let filtered = some.retain(|_| false);
    assert_eq!((filtered.dropped, filtered.broken.len()), (1, 1));
    assert_eq!(written(&some), others);
}

#[test]
fn profiles_lose_what_is_gone_and_nothing_else() {
    let cut = |text: &str, gone: &[&str]| {
        let mut modules = modules(text);
        let kept = modules.cut_profiles(|_, name| gone.contains(&name));
        (written(&modules), kept)
    };
    let none: Vec<String> = Vec::new();
    let expected = PERL.replace("      - \"perl-libs\"\n", "");
    assert_eq!(cut(PERL, &["perl-libs"]), (expected, none.clone()));
    let expected =
        PERL.replace("      rpms:\n      - perl\n      - \"perl-libs\"\n", "      rpms: []\n");
    assert_eq!(cut(PERL, &["perl-libs", "perl"]), (expected, none.clone()));
    assert_eq!(cut(PERL, &["other"]), (PERL.to_owned(), none));
    // What is written in another way stays, and is told of.
    let flow =
        PERL.replace("rpms:\n      - perl\n      - \"perl-libs\"\n", "rpms: [perl, perl-libs]\n");
    let (text, kept) = cut(&flow, &["perl"]);
    assert_eq!((text, kept.len()), (flow, 1));
    assert_eq!(kept[0], "perl:5.10 goes on naming packages that are gone: common");
}

#[test]
fn a_default_stream_that_is_gone_is_none() {
    let newer = PERL.replace("5.10", "5.30").replace("perl-4:", "perl-5:");
    let mut both = modules(&format!("{PERL}{newer}{OTHERS}"));
    both.retain(|package| package.evr.version == "5.30.1");
    let defaults = both.defaults().next().unwrap();
    assert_eq!((&*defaults.module, &*defaults.stream), ("perl", ""));
    let read = modules(&written(&both));
    assert_eq!(read.defaults().next(), Some(defaults), "{}", written(&both));
}

#[test]
fn merges_streams_of_documents() {
    let mut one = modules(PERL.trim_end());
    one.merge(&modules("document: modulemd-defaults\nversion: 1\ndata: {module: a}"));
    one.merge(&modules(OTHERS));
    let read = modules(&written(&one));
    assert_eq!((read.documents().len(), read.broken().count()), (7, 0));
}

#[test]
fn holds_no_more_than_its_bound() {
    let many = "---\na\n".repeat(limits::MODULE_DOCUMENTS + 1);
    let error = Modules::read(many.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "is too large: expected at most 100000 documents");
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("---\n".to_owned()),
        Just("...\n".to_owned()),
        Just("# c\n".to_owned()),
        Just(PERL.to_owned()),
        Just(OTHERS.to_owned()),
        "[a-c:\\[\\]{}&*!|>'\"%@ \t\r\n?,#-]{0,12}",
    ]
}

proptest! {
    #[test]
    fn whatever_it_is_a_filter_does_no_more_when_done_again(pieces in vec(piece(), 0..6)) {
        let text = pieces.concat();
        let all = modules(&text);
        let read = modules(&written(&all));
        let contents = |modules: &Modules| -> Vec<_> {
            modules.documents().iter().map(|d| d.content.clone().map_err(drop)).collect()
        };
        prop_assert_eq!(contents(&read), contents(&all));
        let mut same = all.clone();
        same.retain(|_| true);
        prop_assert_eq!(&same, &all);
        let mut once = all.clone();
        once.retain(|package| package.name == "perl-libs");
        let mut twice = once.clone();
        twice.retain(|package| package.name == "perl-libs");
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic(at in 0..PERL.len(), byte in 1..128_u8) {
        let mut text = PERL.as_bytes().to_vec();
        text[at] = byte;
        let _ = Modules::read(&*text).unwrap().membership().is_ok();
    }
}
