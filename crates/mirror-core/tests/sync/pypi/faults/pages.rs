//! Pages that are none, that are another's, or that list what must not be.

use mirror_fixtures::Fault;
use mirror_fixtures::pypi::{Forms, Hash, page_of};

use super::{End, Files, PAGE, Row, fatal, new, without_lib};

const JSON: &str = "simple/lib/index.v1_json";
const HTML: &str = "simple/lib/index.html";
const NAME: &str = "lib-1.1-py3-none-any.whl";

/// Changes the text of a page.
fn edit(files: &mut Files, path: &str, change: impl FnOnce(String) -> String) {
    let text = String::from_utf8(files[path].clone()).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "the change finds nothing");
    files.insert(path.to_owned(), changed.into_bytes());
}

/// A page in JSON where `old` is `new`.
fn json(name: &str, end: End, old: &'static str, new: impl Into<String>) -> Row {
    let new = new.into();
    Row::new(format!("JSON: {name}"), end, move |ground| {
        ground.serve_changed(|files| edit(files, JSON, |text| text.replace(old, &new)));
    })
}

/// What the object of `lib` 1.1 says of `key`, instead.
fn said(name: &str, end: End, key: &'static str, value: &'static str) -> Row {
    Row::new(format!("JSON: {name}"), end, move |ground| {
        ground.serve_changed(|files| {
            edit(files, JSON, |text| {
                let mut page: serde_json::Value = serde_json::from_str(&text).unwrap();
                let files = page["files"].as_array_mut().unwrap();
                let file = files.iter_mut().find(|file| file["filename"] == NAME).unwrap();
                file[key] = serde_json::from_str(value).unwrap();
                page.to_string()
            });
        });
    })
}

/// A page that is this, in JSON.
fn whole(name: &str, content: impl Into<Vec<u8>>) -> Row {
    let content = content.into();
    Row::new(format!("JSON: {name}"), fatal(&[PAGE]), move |ground| {
        ground.serve_changed(|files| {
            files.insert(JSON.to_owned(), content.clone());
        });
    })
}

/// A page in HTML where `old` is `new`.
fn html(name: &str, end: End, old: &'static str, new: impl Into<String>) -> Row {
    let new = new.into();
    Row::new(format!("HTML: {name}"), end, move |ground| {
        let mut files = self::new().forms(Forms::Html).files();
        edit(&mut files, HTML, |text| text.replace(old, &new));
        ground.upstream.set_files(files);
    })
}

fn content_type(kind: &'static str) -> Row {
    let said = kind.strip_prefix("application/vnd.pypi.simple.v").unwrap_or(kind);
    Row::new(format!("a page of type {kind:?}"), fatal(&[PAGE, said]), move |ground| {
        let fault = Fault::Header("Content-Type".to_owned(), kind.to_owned());
        ground.upstream.fault(PAGE, fault);
    })
}

/// Names that lead elsewhere, or are of something else: they are passed over, and named.
fn names() -> Vec<Row> {
    let key = "\"filename\":\"lib-1.1-py3-none-any.whl\"";
    let named = |name: &str, written: &str| {
        let new = format!("\"filename\":\"{written}\"");
        json(&format!("a file called {name}"), without_lib("lib"), key, new)
    };
    vec![
        named("up", "../lib-1.1-py3-none-any.whl"),
        named("up and far", "../../../../beside/lib-1.1-py3-none-any.whl"),
        named("absolute", "/etc/lib-1.1-py3-none-any.whl"),
        named("with a slash", "a/lib-1.1-py3-none-any.whl"),
        named("with a backslash", "..\\\\lib-1.1-py3-none-any.whl"),
        named("with NUL", "lib-1.1-py3-none-any.whl\\u0000"),
        named("with a line's end", "lib-1.1-py3-none\\n-any.whl"),
        named("with an encoded slash", "..%2flib-1.1-py3-none-any.whl"),
        json("a file called ..", without_lib("lib"), key, "\"filename\":\"..\""),
        json("a file without a name", without_lib("lib"), key, "\"filename\":\"\""),
        json(
            "a file whose name is too long",
            without_lib("too long a name"),
            key,
            format!("\"filename\":\"{}\"", "x".repeat(5_000)),
        ),
        json(
            "a file of another project",
            End::Otherwise("", super::WITHOUT_LIB.into()),
            key,
            "\"filename\":\"other-1.1-py3-none-any.whl\"",
        ),
        json(
            "a version that is none",
            End::Otherwise("", super::WITHOUT_LIB.into()),
            key,
            "\"filename\":\"lib-1.x!y-py3-none-any.whl\"",
        ),
    ]
}

/// URLs that must not be followed.
fn urls() -> Vec<Row> {
    let url = |name: &str, url: &'static str| said(name, without_lib("lib"), "url", url);
    vec![
        url("a file's URL", "\"file:///etc/passwd\""),
        url("a URL of ftp", "\"ftp://127.0.0.1/x\""),
        url("a URL of a script", "\"javascript:alert(1)\""),
        url("a URL that is none", "\"http://[\""),
        url("a URL that is a number", "7"),
        url("no URL", "null"),
        said("a URL that is absolute", End::Healed, "url", "\"/files/lib-1.1-py3-none-any.whl\""),
        said(
            "a URL with a query",
            End::Healed,
            "url",
            "\"/files/lib-1.1-py3-none-any.whl?x=../y\"",
        ),
    ]
}

fn values() -> Vec<Row> {
    let wheel = "files/lib-1.1-py3-none-any.whl";
    let wrong =
        "{\"sha256\": \"0000000000000000000000000000000000000000000000000000000000000000\"}";
    vec![
        said("a wrong digest", fatal(&[wheel, "sha256:0000"]), "hashes", wrong),
        said("no digest", fatal(&[NAME, "without a digest"]), "hashes", "{}"),
        said("a digest of unknown kind", fatal(&[NAME]), "hashes", "{\"tiger\": \"00\"}"),
        said("a malformed digest", without_lib(NAME), "hashes", "{\"sha256\": \"xyz\"}"),
        said("a short digest", without_lib(NAME), "hashes", "{\"sha256\": \"00\"}"),
        said("digests that are a text", without_lib(NAME), "hashes", "\"sha256\""),
        said("a negative size", End::Healed, "size", "-1"),
        said("a size that is a text", End::Healed, "size", "\"much\""),
        said(
            "a size that no file has",
            End::Harmless("listed with 1152921504606846976 bytes"),
            "size",
            "1152921504606846976",
        ),
        said("no bytes", End::Harmless(" bytes, listed with 0"), "size", "0"),
        said(
            "a strange reason",
            End::Otherwise("", super::WITHOUT_LIB.into()),
            "yanked",
            "\"<script>\"",
        ),
        said("metadata of unknown kind", End::Healed, "core-metadata", "{\"tiger\": \"00\"}"),
    ]
}

fn shapes() -> Vec<Row> {
    let page = || String::from_utf8(new().files()[JSON].clone()).unwrap();
    let deep = "[".repeat(100_000);
    vec![
        whole("nothing", ""),
        whole("a list", "[]"),
        whole("an object without keys", "{}"),
        whole("null", "null"),
        whole(
            "files that are an object",
            page()
                .replace("\"files\":[", "\"files\":{\"a\":[")
                .replace("}],\"meta\"", "}]},\"meta\""),
        ),
        whole("cut", &page()[..page().len() / 2]),
        whole("depth", deep),
        whole(
            "not UTF-8",
            page()
                .replace("lib-1.1", "lib\u{0}1.1")
                .replace('\u{0}', "\u{fffd}")
                .into_bytes()
                .into_iter()
                .map(|byte| if byte == 0xef { 0xff } else { byte })
                .collect::<Vec<u8>>(),
        ),
        json("api-version 2", fatal(&[PAGE, "2.0"]), "\"1.4\"", "\"2.0\""),
        json("api-version 1.99", End::Healed, "\"1.4\"", "\"1.99\""),
        json("another project", fatal(&[PAGE, "other"]), "\"name\":\"lib\"", "\"name\":\"other\""),
        json(
            "the same project, spelled otherwise",
            End::Healed,
            "\"name\":\"lib\"",
            "\"name\":\"LIB\"",
        ),
        content_type("application/json"),
        content_type("text/plain"),
        content_type("application/vnd.pypi.simple.v2+json"),
        content_type("image/png"),
    ]
}

fn markup() -> Vec<Row> {
    let script =
        "<body>\n<script>document.write('<a href=\"file:///etc/passwd\">x</a>')</script>\n";
    let old = "../../files/lib-1.1-py3-none-any.whl#";
    vec![
        html("a script", End::Healed, "<body>\n", script),
        html("a comment", End::Healed, "<body>\n", "<body><!-- <a href=\"x-1.0.tar.gz\">x</a> -->"),
        html("no end", End::Healed, "</body>\n</html>\n", ""),
        html("version 2", fatal(&[PAGE, "2.0"]), "content=\"1.4\"", "content=\"2.0\""),
        html("a base elsewhere", fatal(&[NAME]), "<title>", "<base href=\"file:///etc/\"><title>"),
        html("a link up", without_lib(""), old, "../../files/..%2flib-1.1-py3-none-any.whl#"),
        html("a link to a file", without_lib(""), old, "file:///lib-1.1-py3-none-any.whl#"),
        html(
            "a link without a digest",
            fatal(&[NAME, "without a digest"]),
            "whl#sha256=",
            "whl#x=",
        ),
        html(
            "a digest that is none",
            without_lib(NAME),
            "1.1-py3-none-any.whl#sha256=",
            "1.1-py3-none-any.whl#sha256=xyz",
        ),
        Row::new("HTML: more links than there may be", fatal(&[PAGE, "200000"]), |ground| {
            let mut files = new().forms(Forms::Html).files();
            let link = "<a href=\"x\">lib-1-py3-none-any.whl</a>";
            files.insert(HTML.to_owned(), page_of("lib", &[], &link.repeat(200_001)).into_bytes());
            ground.upstream.set_files(files);
        }),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows =
        [names(), urls(), values(), shapes(), markup()].into_iter().flatten().collect::<Vec<_>>();
    for (name, hashes) in [
        ("sha512", vec![Hash::Sha512]),
        ("all kinds", vec![Hash::Unknown, Hash::Md5, Hash::Sha512, Hash::Sha256]),
    ] {
        rows.push(Row::new(format!("digests: {name}"), End::Healed, move |ground| {
            ground.serve(&new().forms(Forms::Json).hashes(&hashes));
        }));
    }
    rows.push(Row::new("digests: md5", End::Healed, |ground| {
        ground.serve(&new().hashes(&[Hash::Md5]));
    }));
    rows.push(Row::new("digests: wrong", fatal(&["sha256:"]), |ground| {
        ground.serve(&new().hashes(&[Hash::Wrong]));
    }));
    rows.push(Row::new("digests: unknown", fatal(&["without a digest"]), |ground| {
        ground.serve(&new().hashes(&[Hash::Unknown]));
    }));
    rows.push(Row::new("digests: none", fatal(&["without a digest"]), |ground| {
        ground.serve(&new().hashes(&[]));
    }));
    rows
}
