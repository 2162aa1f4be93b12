use pep440_rs::Version;
use proptest::prelude::*;

use super::write::{Project, href, root_html, root_json};
use super::*;
use crate::digest::Algorithm;

const SHA: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn html(text: &str) -> Page {
    Page::read(Form::Html, text.as_bytes()).unwrap()
}

fn html_error(text: &str) -> String {
    Page::read(Form::Html, text.as_bytes()).unwrap_err().to_string()
}

fn json(text: &str) -> Page {
    Page::read(Form::Json, text.as_bytes()).unwrap()
}

fn json_error(text: &str) -> String {
    Page::read(Form::Json, text.as_bytes()).unwrap_err().to_string()
}

/// A JSON page with that file.
fn json_file(file: &str) -> Page {
    json(&format!(r#"{{"meta": {{"api-version": "1.0"}}, "files": [{file}]}}"#))
}

fn names(page: &Page) -> Vec<&str> {
    page.files.iter().map(|file| file.filename.as_str()).collect()
}

fn faults(page: &Page) -> Vec<String> {
    page.unusable.iter().map(|file| format!("{} {}", file.filename, file.fault)).collect()
}

fn sha(hex: &str) -> Digest {
    Digest::from_hex(Algorithm::Sha256, hex).unwrap()
}

#[test]
fn reads_everything_that_an_anchor_says() {
    let page = html(&format!(
        "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.4\">\
         <meta name='pypi:project-status' content=archived>\
         <meta content='moved to &lt;b&gt;' name='pypi:project-status-reason'></head><body>\
         <A\n  HREF = 'https://files.example/a/demo-1.0%2Bcu118-py3-none-any.whl?x=1#sha256={SHA}&amp;egg=demo'\
         data-requires-python=\"&gt;=3.8, &#33;=3.9.*,&#x3c;4\" data-yanked data-dist-info-metadata=true \
         data-core-metadata=\"sha256={SHA}\" data-size=1234 data-upload-time='2024-01-02T03:04:05.678901Z' \
         data-provenance=https://index.example/p data-gpg-sig=false>demo</a>"
    ));
    assert_eq!(
        page,
        Page {
            name: None,
            status: Some(ProjectStatus {
                status: Status::Archived,
                reason: Some("moved to <b>".to_owned())
            }),
            files: vec![File {
                filename: "demo-1.0+cu118-py3-none-any.whl".to_owned(),
                url: "https://files.example/a/demo-1.0%2Bcu118-py3-none-any.whl?x=1".to_owned(),
                digests: vec![sha(SHA)],
                size: Some(1234),
                requires_python: Some(">=3.8, !=3.9.*,<4".to_owned()),
                yanked: Some(String::new()),
                core_metadata: CoreMetadata::Digest(sha(SHA)),
                upload_time: Some("2024-01-02T03:04:05.678901Z".to_owned()),
                provenance: Some("https://index.example/p".to_owned()),
            }],
            unusable: vec![],
            base: None,
        }
    );
}

#[test]
fn reads_everything_that_json_says() {
    let page = json(&format!(
        r#"{{"name": "demo", "extra": [{{"deep": [1, -2, 3.5e9, null]}}], "versions": ["1.0"],
        "files": [{{"filename": "demo-1.0.tar.gz", "url": "../demo-1.0.tar.gz#x",
          "hashes": {{"sha256": "{SHA}", "md5": "900150983cd24fb0d6963f7d28e17f72", "blake3": "00"}},
          "requires-python": "\u003e=3.8", "yanked": "broken \"here\"", "size": 12, "gpg-sig": true,
          "core-metadata": {{"sha256": "{SHA}"}}, "dist-info-metadata": true, "more": {{}},
          "upload-time": "2024-01-02T03:04:05Z", "provenance": "https://index.example/p"}}],
        "project-status": {{"status": "deprecated", "reason": "old"}},
        "meta": {{"_last-serial": 5, "api-version": "1.9"}}}}"#
    ));
    let md5 = Digest::parse("md5", "900150983cd24fb0d6963f7d28e17f72").unwrap();
    assert_eq!(
        page,
        Page {
            name: Some("demo".to_owned()),
            status: Some(ProjectStatus {
                status: Status::Deprecated,
                reason: Some("old".to_owned())
            }),
            files: vec![File {
                filename: "demo-1.0.tar.gz".to_owned(),
                url: "../demo-1.0.tar.gz".to_owned(),
                digests: vec![sha(SHA), md5],
                size: Some(12),
                requires_python: Some(">=3.8".to_owned()),
                yanked: Some("broken \"here\"".to_owned()),
                core_metadata: CoreMetadata::Digest(sha(SHA)),
                upload_time: Some("2024-01-02T03:04:05Z".to_owned()),
                provenance: Some("https://index.example/p".to_owned()),
            }],
            unusable: vec![],
            base: None,
        }
    );
}

#[test]
fn takes_anchors_for_files_where_html_has_anchors() {
    let page = html(
        "<!-- <a href=comment-1.whl> --> <!--> <a href=a-1.whl>x</a> <!---> <!-- x --!>\
         <a href=b-1.whl></a><script>'<a href=script-1.whl></scrip' </SCRIPT ><a href=c-1.whl>\
         <title><a href=title-1.whl></title><style>a>b</style>\
         <![CDATA[<a href=cdata-1.whl>]]><?php <a href=php-1.whl>\
         <a data-x='<a href=quoted-1.whl>' href=\"d-1.whl\">1 < 2 <3 <</a>\
         <abbr href=abbr-1.whl><a name=x><a href><a href=''><a href=#top><a href=../><a href='..'>\
         <a href=mailto:x@y.whl><a href='https://index.example'><a href=//host.whl>\
         </a href=end-1.whl><a href=first-1.whl href=second-1.whl><a/href=e-1.whl><a =x href=f-1.whl>",
    );
    let expected =
        ["a-1.whl", "b-1.whl", "c-1.whl", "d-1.whl", "first-1.whl", "e-1.whl", "f-1.whl"];
    assert_eq!(names(&page), expected);
    assert_eq!(faults(&page), [""; 0]);
}

#[test]
fn decodes_the_references_that_browsers_decode() {
    for (text, expected) in [
        ("a&amp;b-1.whl", "a&b-1.whl"),
        ("&#97;&#x42;&#X43-1.whl", "aBC-1.whl"),
        ("a&plus;b-1.whl", "a+b-1.whl"),
        ("a&lt-1.whl", "a<-1.whl"),
        ("a&lt=-1.whl", "a&lt=-1.whl"),
        ("a&unknown;-1.whl", "a&unknown;-1.whl"),
        ("a&ltx-1.whl", "a&ltx-1.whl"),
        ("a&-&&#;-1.whl", "a&-&&#;-1.whl"),
        ("a&#0;&#xd800;&#99999999999;-1.whl", "a\u{fffd}\u{fffd}\u{fffd}-1.whl"),
        ("  a%20b\n-1.whl\t", "a b-1.whl"),
        ("%C3%A4-1.whl", "ä-1.whl"),
    ] {
        // Behind a bare `#` a fragment would begin.
        let text = text.replace("&#;", "&%23;");
        assert_eq!(names(&html(&format!("<a href=\"{text}\">"))), [expected], "{text}");
    }
}

#[test]
fn joins_urls_with_the_page_or_its_base() {
    let at: Url = "https://index.example/simple/demo/".parse().unwrap();
    let url = |page: &Page| page.url(&page.files[0], &at).unwrap().to_string();
    let page = html("<a href='../../files/a-1.whl#sha256=00&x'>");
    assert_eq!(page.files.len(), 0, "a digest that is none");
    let page = html("<a href='../../files/a-1.whl#x'>");
    assert_eq!(url(&page), "https://index.example/files/a-1.whl");
    let page = html("<base target=x><base href=' /b/ '><base href=/c/><a href='a-1.whl'>");
    assert_eq!(url(&page), "https://index.example/b/a-1.whl");
    let page = html("<a href='a-1.whl'><base href=/late/>");
    assert_eq!(url(&page), "https://index.example/simple/demo/a-1.whl");
    let page = html("<a href='//cdn.example/a-1.whl'>");
    assert_eq!(url(&page), "https://cdn.example/a-1.whl");
    let page = html("<base href='https://[bad/'><a href=a-1.whl>");
    assert!(page.url(&page.files[0], &at).unwrap_err().to_string().contains("has a wrong URL"));
    let page = html("<base href='ftp://x/'><a href=a-1.whl>");
    assert!(page.url(&page.files[0], &at).unwrap_err().to_string().contains("https, http or file"));
}

#[test]
fn a_fault_of_one_file_is_no_fault_of_the_page() {
    let long = format!("{}-1.whl", "a".repeat(300));
    let page = html(&format!(
        "<a href='ok-1.whl#sha256={SHA}'><a href='a-1.whl#sha256=zz'>\
         <a href='b-1.whl#md5=900150983cd24fb0d6963f7d28e17f72&sha256={SHA}&sha256={SHA}'>\
         <a href='c-1.whl#md5=900150983cd24fb0d6963f7d28e17f72&md5=000150983cd24fb0d6963f7d28e17f72'>\
         <a href='d%2F..%2F1.whl'><a href='e%00.whl'><a href='.mirror-1.whl'><a href='{long}'>\
         <a href='%2e%2e'><a href='ftp://x/f-1.whl'><a href='g%ff.whl'><a href='h\\i-1.whl'>\
         <a href='j-1.whl#blake2=x'>"
    ));
    assert_eq!(names(&page), ["ok-1.whl", "b-1.whl", "j-1.whl"]);
    let algorithms: Vec<_> = page.files[1].digests.iter().map(Digest::algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Sha256, Algorithm::Md5]);
    assert!(page.files[2].digests.is_empty());
    let found = faults(&page);
    for (found, expected) in found.iter().zip([
        "a-1.whl sha256 checksum \"zz\" is malformed, expected 64 hexadecimal digits",
        "c-1.whl has two md5 digests",
        "d/../1.whl has a wrong name: expected one without a slash",
        "e\u{fffd}.whl path \"e\\0.whl\" has a control character",
        ".mirror-1.whl path \".mirror-1.whl\" uses a name that is reserved",
        "aaaa",
        ".. path \"..\" has a `.` or `..` component",
        "f-1.whl has a wrong URL \"ftp://x/f-1.whl\": expected one of https, http or file",
        "g\u{fffd}.whl has a wrong name: expected UTF-8",
        "h\\i-1.whl path",
    ]) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
    assert!(found[5].ends_with("has too long a name: expected at most 246 bytes, found 306"));
}

#[test]
fn a_fault_of_one_file_is_no_fault_of_the_json_page() {
    let fault = |file: &str| faults(&json_file(file)).join("; ");
    for (file, expected) in [
        (r#"{"url": "a"}"#, " has no name"),
        (r#"{"filename": "a-1.whl"}"#, "a-1.whl has no URL"),
        (r#"{"filename": 5, "url": "a"}"#, " has a wrong name: expected a text, found 5"),
        (
            r#"{"filename": "../a", "url": "a"}"#,
            "../a has a wrong name: expected one without a slash",
        ),
        (
            r#"{"filename": "a", "url": "a", "hashes": ["x"]}"#,
            "a has a wrong hashes: expected an object, found a list",
        ),
        (
            r#"{"filename": "a", "url": "a", "hashes": {"sha256": 5}}"#,
            "a has a wrong hash: expected a text, found another kind of value",
        ),
        (
            r#"{"filename": "a", "url": "a", "yanked": {}}"#,
            "a has a wrong yanked: expected true, false or a text, found an object",
        ),
        (
            r#"{"filename": "a", "url": "a", "requires-python": [">=3"]}"#,
            "a has a wrong requires-python: expected a text, found a list",
        ),
        (
            r#"{"filename": "a", "url": "javascript:alert(1)"}"#,
            "a has a wrong URL \"javascript:alert(1)\": expected one of https, http or file",
        ),
    ] {
        assert_eq!(fault(file), expected);
    }
    // What is of no consequence.
    let page = json_file(
        r#"{"filename": "a", "url": "a", "size": "x", "upload-time": "yesterday", "yanked": "",
            "requires-python": null, "provenance": "javascript:x", "core-metadata": {"sha256": "x"}}"#,
    );
    let file = &page.files[0];
    assert_eq!((file.size, &file.upload_time, &file.yanked), (None, &None, &None));
    assert_eq!((&file.provenance, &file.requires_python), (&None, &None));
    assert_eq!(file.core_metadata, CoreMetadata::No);
}

#[test]
fn the_newer_key_of_the_metadata_counts() {
    let of = |file: &str| {
        json_file(&format!(r#"{{"filename": "a", "url": "a", {file}}}"#)).files[0].core_metadata
    };
    assert_eq!(of(r#""core-metadata": false, "dist-info-metadata": true"#), CoreMetadata::No);
    assert_eq!(of(r#""dist-info-metadata": true"#), CoreMetadata::Offered);
    assert_eq!(of(r#""data-dist-info-metadata": {"x": "y"}"#), CoreMetadata::Offered);
    let digest = format!(r#""dist-info-metadata": {{"sha256": "{SHA}"}}, "core-metadata": null"#);
    assert_eq!(of(&digest), CoreMetadata::Digest(sha(SHA)));
    let of = |attributes: &str| html(&format!("<a href=a {attributes}>")).files[0].core_metadata;
    assert_eq!(of("data-dist-info-metadata=true data-core-metadata=false"), CoreMetadata::No);
    assert_eq!(of("data-dist-info-metadata=TRUE"), CoreMetadata::Offered);
    assert_eq!(of("data-core-metadata=sha256=00"), CoreMetadata::No);
    assert_eq!(of("data-core-metadata=blake2=00"), CoreMetadata::Offered);
}

#[test]
fn one_name_with_two_digests_is_unusable() {
    let other = SHA.replace('b', "c");
    let page = html(&format!(
        "<a href='x/a-1.whl#sha256={SHA}'><a href='b-1.whl#sha256={SHA}'>\
         <a href='y/a-1.whl#sha256={SHA}'><a href='b-1.whl#sha256={other}'>\
         <a href='a-1.whl#md5=900150983cd24fb0d6963f7d28e17f72'>"
    ));
    assert_eq!(names(&page), ["a-1.whl"]);
    assert_eq!(page.files[0].url, "x/a-1.whl");
    assert_eq!(
        faults(&page),
        [format!(
            "b-1.whl is listed twice with different digests: sha256:{SHA} and sha256:{other}"
        )]
    );
}

#[test]
fn refuses_what_is_no_page() {
    assert_eq!(html_error(" "), "is no project page: expected HTML, found nothing at all");
    assert_eq!(
        html_error("{\"message\": \"not found\"}"),
        "is no project page: expected HTML, found \"{\\\"message\\\": \\\"not found\\\"}\""
    );
    assert_eq!(
        html_error("<a href=a-1.whl><a href='b-1"),
        "ends within a tag, which begins at byte 16: expected the whole page"
    );
    for (text, within) in [
        ("<!-- x", "a comment"),
        ("<script>x", "script"),
        ("<a", "a tag"),
        ("<a x", "a tag"),
        ("<a x=", "a tag"),
        ("<!doctype", "a declaration"),
        ("</a", "a tag"),
    ] {
        assert!(html_error(text).starts_with(&format!("ends within {within}")), "{text}");
    }
    assert_eq!(
        html_error("<meta name='pypi:repository-version' content='2.0'>"),
        "is of version \"2.0\" of the index format, expected 1.x"
    );
    assert_eq!(json_error(""), "is no project page: expected a JSON object, found nothing at all");
    assert_eq!(
        json_error("<html>"),
        "is no project page: expected a JSON object, found \"<html>\""
    );
    assert_eq!(
        json_error(r#"{"files": []}"#),
        "is no project page: expected meta.api-version (PEP 691), found an object without it"
    );
    assert_eq!(
        json_error(r#"{"meta": {"api-version": "1.0"}}"#),
        "is no project page: expected files (PEP 691), found an object without it"
    );
    assert_eq!(
        json_error(r#"{"name": 5, "meta": {"api-version": "2.0"}, "files": []}"#),
        "is of version \"2.0\" of the index format, expected 1.x"
    );
    assert_eq!(
        json_error(r#"{"meta": {"api-version": "1.0"}, "files": {}}"#),
        "is not well-formed JSON: invalid type: map, expected files, a list at line 1 column 42"
    );
    assert!(json_error(r#"{"meta": {"api-version": "1.0"}, "files": ["#).contains("EOF"));
    assert!(json_error(r#"{"meta": {"api-version": "1.0"}, "files": []} x"#).contains("trailing"));
    assert!(json_error(r#"{"files": [], "files": []}"#).contains("expected files once"));
    let deep = format!(r#"{{"x": {}"#, "[".repeat(100_000));
    assert!(json_error(&deep).starts_with("is not well-formed JSON"));
}

#[test]
fn refuses_more_than_is_bounded() {
    let unusable = Unusable { filename: String::new(), fault: FileFault::Slash };
    let mut page = Page { unusable: vec![unusable; limits::PAGE_FILES - 1], ..Page::default() };
    assert_eq!(page.push(Draft::default()), Ok(()));
    let error = page.push(Draft::default()).unwrap_err();
    assert_eq!(error.to_string(), "is too large: expected at most 200000 files");
    let size = usize::try_from(limits::PAGE_SIZE).unwrap();
    let error = Page::read(Form::Html, &vec![0; size + 1]).unwrap_err();
    assert_eq!(error.to_string(), "is too large: expected at most 134217728 bytes");
    let long = "a/".repeat(limits::PAGE_TEXT);
    assert!(faults(&html(&format!("<a href='{long}b'>")))[0].contains("has too long a URL"));
    assert!(html_error(&format!("<base href='{long}'>")).contains("bytes of the base URL"));
}

#[test]
fn tells_the_form_by_the_content_type() {
    let form = |text| Form::from_content_type(text).map_err(|error| error.to_string());
    assert_eq!(form("text/html; charset=UTF-8"), Ok(Form::Html));
    assert_eq!(form("Application/vnd.pypi.simple.v1+HTML"), Ok(Form::Html));
    assert_eq!(form("application/vnd.pypi.simple.v1+json"), Ok(Form::Json));
    assert_eq!(
        form("application/vnd.pypi.simple.v2+json").unwrap_err(),
        "is of version \"2+json\" of the index format, expected 1.x"
    );
    assert!(
        form("application/json").unwrap_err().starts_with("is no project page: expected text/")
    );
}

#[test]
fn tells_a_page_of_another_project() {
    let page = json(r#"{"name": "Foo.Bar", "meta": {"api-version": "1.0"}, "files": []}"#);
    assert!(page.expect_project(&"foo-bar".parse().unwrap()).is_ok());
    assert_eq!(
        page.expect_project(&"foo".parse().unwrap()).unwrap_err().to_string(),
        "is the page of another project: expected foo, found \"Foo.Bar\""
    );
    assert!(html("<html>").expect_project(&"foo".parse().unwrap()).is_ok());
}

fn file(filename: &str) -> File {
    File {
        filename: filename.to_owned(),
        url: href(filename),
        digests: vec![sha(SHA)],
        size: Some(5),
        requires_python: None,
        yanked: None,
        core_metadata: CoreMetadata::No,
        upload_time: None,
        provenance: None,
    }
}

#[test]
fn writes_what_the_clients_read() {
    let name: PackageName = "demo".parse().unwrap();
    let status = ProjectStatus { status: Status::Archived, reason: Some("a \"b\"\n".to_owned()) };
    let mut wheel = file("demo-1.10+x-py3-none-any.whl");
    wheel.requires_python = Some(">=3.9,<4".to_owned());
    wheel.yanked = Some("it's <bad>".to_owned());
    wheel.core_metadata = CoreMetadata::Digest(sha(SHA));
    let sdist = file("demo-1.9.tar.gz");
    let files = [("1.10+x".parse().unwrap(), &wheel), ("1.9".parse().unwrap(), &sdist)];
    let project = Project::new(&name, "De<mo", Some(&status), files.clone());
    assert_eq!(
        project.html(),
        format!(
            r#"<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <meta name="pypi:repository-version" content="1.4">
    <meta name="pypi:project-status" content="archived">
    <meta name="pypi:project-status-reason" content="a &quot;b&quot;&#10;">
    <title>Links for De&lt;mo</title>
  </head>
  <body>
    <h1>Links for De&lt;mo</h1>
    <a href="../files/demo-1.9.tar.gz#sha256={SHA}" data-size="5">demo-1.9.tar.gz</a><br/>
    <a href="../files/demo-1.10%2Bx-py3-none-any.whl#sha256={SHA}" data-requires-python="&gt;=3.9,&lt;4" data-yanked="it&#39;s &lt;bad&gt;" data-core-metadata="sha256={SHA}" data-dist-info-metadata="sha256={SHA}" data-size="5">demo-1.10+x-py3-none-any.whl</a><br/>
  </body>
</html>
"#
        )
    );
    assert_eq!(
        Project::new(&name, "demo", None, files.iter().rev().cloned()).json(),
        format!(
            r#"{{"meta":{{"api-version":"1.1"}},"name":"demo","versions":["1.9","1.10+x"],"files":[{{"filename":"demo-1.9.tar.gz","url":"../files/demo-1.9.tar.gz","hashes":{{"sha256":"{SHA}"}},"size":5,"yanked":false}},{{"filename":"demo-1.10+x-py3-none-any.whl","url":"../files/demo-1.10%2Bx-py3-none-any.whl","hashes":{{"sha256":"{SHA}"}},"requires-python":">=3.9,<4","core-metadata":{{"sha256":"{SHA}"}},"size":5,"yanked":"it's <bad>"}}]}}
"#
        )
    );
}

#[test]
fn the_root_page_lists_projects_by_their_own_spelling() {
    let names: Vec<PackageName> = ["pyyaml", "backports-zoneinfo", "files"]
        .iter()
        .map(|name| name.parse().unwrap())
        .collect();
    let titles = ["PyYAML", "backports.zoneinfo", "a<script>"];
    let projects = || names.iter().zip(titles);
    assert_eq!(
        root_html(projects()),
        r#"<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <meta name="pypi:repository-version" content="1.0">
    <title>Simple index</title>
  </head>
  <body>
    <a href="backports-zoneinfo/index.html">backports.zoneinfo</a>
    <a href="files/index.html">a&lt;script&gt;</a>
    <a href="pyyaml/index.html">PyYAML</a>
  </body>
</html>
"#
    );
    assert_eq!(
        root_json(projects()),
        "{\"meta\":{\"api-version\":\"1.0\"},\"projects\":[{\"name\":\"backports.zoneinfo\"},\
         {\"name\":\"a<script>\"},{\"name\":\"PyYAML\"}]}\n"
    );
}

fn digests() -> impl Strategy<Value = Digest> {
    proptest::collection::vec(any::<u8>(), 64).prop_map(|bytes| {
        let algorithm = if bytes[0] < 128 { Algorithm::Sha256 } else { Algorithm::Sha512 };
        let hex = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        Digest::from_hex(algorithm, &hex[..algorithm.size() * 2]).unwrap()
    })
}

fn texts() -> impl Strategy<Value = String> {
    "[ -~äß\u{1f980}&<>\"']{0,20}"
}

prop_compose! {
    fn files()(
        filename in "[a-zA-Z0-9_+!&'~ ä-]{1,20}\\.whl",
        digest in digests(),
        size in proptest::option::of(any::<u64>()),
        python in proptest::option::of(texts()),
        yanked in proptest::option::of(texts()),
        metadata in prop_oneof![
            Just(CoreMetadata::No),
            Just(CoreMetadata::Offered),
            digests().prop_map(CoreMetadata::Digest)
        ],
        is_timed in any::<bool>(),
    ) -> File {
        File {
            url: href(&filename),
            filename,
            digests: vec![digest],
            size,
            requires_python: python.filter(|text| !text.trim().is_empty()),
            yanked,
            core_metadata: metadata,
            upload_time: is_timed.then(|| "2024-02-29T23:59:59.1Z".to_owned()),
            provenance: is_timed.then(|| "https://index.example/?a=1&b=%20".to_owned()),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        files in proptest::collection::vec(files(), 0..6),
        reason in texts(),
        versions in proptest::collection::vec(0_u64..4, 6),
    ) {
        let name: PackageName = "demo".parse().unwrap();
        let status = ProjectStatus {
            status: Status::Quarantined,
            reason: Some(reason).filter(|reason| !reason.trim().is_empty()),
        };
        let versions = versions.iter().map(|number| Version::new([1, *number]));
        let mut files: Vec<_> = versions.zip(&files).collect();
        files.sort_by(|a, b| a.1.filename.cmp(&b.1.filename));
        files.dedup_by(|a, b| a.1.filename == b.1.filename);
        let project = Project::new(&name, "<Demo>", Some(&status), files.iter().cloned());
        files.reverse();
        let again = Project::new(&name, "<Demo>", Some(&status), files.iter().cloned());
        prop_assert_eq!(project.html(), again.html());
        files.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.filename.cmp(&b.1.filename)));
        let mut page = Page {
            name: None,
            status: Some(status.clone()),
            files: files.iter().map(|(_, file)| (*file).clone()).collect(),
            unusable: vec![],
            base: None,
        };
        prop_assert_eq!(html(&project.html()), page.clone());
        page.name = Some("demo".to_owned());
        prop_assert_eq!(json(&project.json()), page.clone());
        let at: Url = "http://mirror.example/pypi/demo/".parse().unwrap();
        for file in &page.files {
            let url = page.url(file, &at).unwrap();
            prop_assert!(url.as_str().starts_with("http://mirror.example/pypi/files/"));
            prop_assert_eq!(url.path_segments().unwrap().count(), 3);
        }
    }

    #[test]
    fn no_page_makes_it_panic(text in "(<|>|/|a|href|=|'|\"| |-|!|\\[|&|#|;|x|script|base|meta|\\{|\\}|\\PC){0,60}") {
        let _ = Page::read(Form::Html, text.as_bytes());
        let _ = Page::read(Form::Html, format!("<{text}").as_bytes());
        let _ = Page::read(Form::Json, format!("{{{text}").as_bytes());
    }
}
