//! Headers, methods and conditional requests.

use std::io::Write;

use mirror_serve::{BodyEnd, MAX_HEAD_BYTES, MAX_HEADERS};

use crate::support::{Answer, Site, request};

#[test]
fn a_file_comes_whole_with_all_that_clients_ask_of_it() {
    let site = Site::new();
    site.write("r/bash-5.rpm", "content");
    let answer = site.get("/r/bash-5.rpm?query=is-ignored");
    assert_eq!((answer.status, answer.text()), (200, "content"));
    assert_eq!(answer.header("content-length"), Some("7"));
    assert_eq!(answer.header("content-type"), Some("application/x-rpm"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.header("cache-control"), None);
    let etag = answer.header("etag").unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 8, "{etag}");
    for name in ["date", "last-modified"] {
        let value = answer.header(name).unwrap();
        assert!(value.ends_with(" GMT") && value.len() == 29, "{name}: {value}");
    }
}

#[test]
fn what_keeps_its_name_when_it_changes_must_be_asked_for_again() {
    let site = Site::new();
    for (name, cache) in [
        ("repodata/repomd.xml", Some("no-cache")),
        ("repodata/repomd.xml.asc", Some("no-cache")),
        ("repodata/repomd.xml.key", Some("no-cache")),
        ("pypi/x/index.html", Some("no-cache")),
        ("pypi/x/index.json", Some("no-cache")),
        ("repodata/00ff-primary.xml.gz", None),
        ("pypi/files/x.whl", None),
    ] {
        let answer = site.write(name, "x").get(&format!("/{name}"));
        assert_eq!(answer.header("cache-control"), cache, "{name}");
    }
    let page = site.get("/pypi/x/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let json = site.get("/pypi/x/index.json");
    assert_eq!(json.header("content-type"), Some("application/vnd.pypi.simple.v1+json"));
}

#[test]
fn head_is_get_without_the_body() {
    let site = Site::new();
    site.write("file.rpm", "content").write("empty", "");
    site.write("page/index.html", "<p>").write("list/a&b", "x");
    for target in ["/file.rpm", "/empty", "/page/", "/list/", "/list", "/none", "/%00"] {
        let (get, head) = (site.get(target), site.head(target));
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(head.lasting_headers(), get.lasting_headers(), "{target}");
        assert_eq!(get.header("content-length").unwrap(), get.body.len().to_string(), "{target}");
        assert!(head.body.is_empty(), "{target}");
    }
}

#[test]
fn other_methods_are_refused_by_name() {
    let site = Site::new();
    site.write("f", "x");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let answer = site.ask(method, "/f", &[]);
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method}");
    }
    assert_eq!(site.ask("CONNECT", "x:80", &[]).status, 405);
    assert_eq!(site.ask("OPTIONS", "*", &[]).status, 405);
    let answer = site.ask("POST", "/f", &[("Content-Length", "3")]);
    assert_eq!(answer.status, 405);
    assert_eq!(std::fs::read(site.path("f")).unwrap(), b"x");
}

#[test]
fn a_request_names_one_host_or_speaks_http_1_0() {
    let site = Site::new();
    site.write("f", "x");
    let end = "Connection: close\r\n\r\n";
    let status = |head: &str| site.raw(&format!("{head}{end}")).status;
    assert_eq!(status("GET /f HTTP/1.1\r\n"), 400);
    assert_eq!(status("GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n"), 400);
    assert_eq!(status("GET /f HTTP/1.0\r\n"), 200);
    assert_eq!(status("GET http://a/f HTTP/1.1\r\nHost: a\r\n"), 200);
    assert_eq!(status("nonsense\r\n"), 400);
}

#[test]
fn heads_are_bounded() {
    let site = Site::new();
    site.write("f", "x");
    let long = "x".repeat(MAX_HEAD_BYTES);
    assert_eq!(site.get_with("/f", &[("X-Long", &long)]).status, 431);
    let many: Vec<(&str, &str)> = vec![("X-Many", "1"); MAX_HEADERS + 1];
    assert_eq!(site.get_with("/f", &many).status, 431);
    assert_eq!(site.get_with("/f", &many[..MAX_HEADERS - 8]).status, 200);
}

#[test]
fn conditions_are_weighed() {
    let site = Site::new();
    site.write("repomd.xml", "content");
    let first = site.get("/repomd.xml");
    let etag = first.header("etag").unwrap().to_owned();
    let modified = first.header("last-modified").unwrap().to_owned();
    let status = |headers: &[(&str, &str)]| site.get_with("/repomd.xml", headers).status;
    let long_ago = "Sun, 06 Nov 1994 08:49:37 GMT";

    for headers in [
        &[("If-None-Match", &*etag)][..],
        &[("If-None-Match", &*format!("\"x\", W/{etag}"))],
        &[("If-None-Match", "*")],
        &[("If-Modified-Since", &*modified)],
    ] {
        let answer = site.get_with("/repomd.xml", headers);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{headers:?}");
        assert_eq!(answer.header("etag"), Some(&*etag));
        assert_eq!(answer.header("last-modified"), Some(&*modified));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("content-length"), None);
        assert_eq!(site.ask("HEAD", "/repomd.xml", headers).status, 304);
    }
    assert_eq!(status(&[("If-None-Match", "\"x\"")]), 200);
    assert_eq!(status(&[("If-Modified-Since", long_ago)]), 200);
    assert_eq!(status(&[("If-None-Match", "\"x\""), ("If-Modified-Since", &modified)]), 200);
    assert_eq!(status(&[("If-Match", &etag)]), 200);
    assert_eq!(status(&[("If-Match", "\"x\"")]), 412);
    assert_eq!(status(&[("If-Unmodified-Since", long_ago)]), 412);
    assert_eq!(status(&[("If-Unmodified-Since", &modified)]), 200);
    // A range is looked at last.
    assert_eq!(status(&[("If-None-Match", &etag), ("Range", "bytes=0-1")]), 304);
    assert_eq!(status(&[("If-Match", "\"x\""), ("Range", "bytes=99-")]), 412);
}

#[test]
fn a_replaced_file_has_another_tag_and_a_linked_one_the_same() {
    let site = Site::new();
    site.write("f", "content").write("new", "CONTENT");
    std::fs::hard_link(site.path("f"), site.path("link")).unwrap();
    let tag = |target| site.get(target).header("etag").unwrap().to_owned();
    let before = tag("/f");
    assert_eq!(tag("/link"), before);
    std::fs::rename(site.path("new"), site.path("f")).unwrap();
    assert_ne!(tag("/f"), before);
    assert_eq!(site.get_with("/f", &[("If-None-Match", &before)]).text(), "CONTENT");
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let site = Site::new();
    site.write("a", "first").write("b", "second");
    let mut stream = site.connect();
    let pipelined = [
        request("GET", "/a", &[], "keep-alive"),
        request("HEAD", "/a", &[], "keep-alive"),
        request("GET", "/none", &[], "keep-alive"),
        request("GET", "/a", &[("If-None-Match", "*")], "keep-alive"),
        request("GET", "/b", &[], "close"),
    ]
    .concat();
    stream.write_all(pipelined.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).text(), "first");
    // The answer to HEAD has a length and no body: what follows it is the next answer.
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    let rest = String::from_utf8(rest).unwrap();
    let statuses: Vec<&str> = rest.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "304", "200"]);
    assert!(rest.ends_with("\r\n\r\nsecond"));
}

#[test]
fn each_answer_is_reported() {
    let site = Site::new();
    site.write("f.txt", "content");
    site.get_with("/f.txt?q=1", &[("User-Agent", "test/1 \"x\"")]);
    site.head("/none");
    let seen = site.seen(2);
    assert_eq!((seen[0].status, seen[0].body_bytes), (200, 7));
    assert_eq!(seen[0].target, "/f.txt?q=1");
    assert_eq!(seen[0].end, BodyEnd::Whole);
    assert_eq!(seen[0].fault, None);
    let line = seen[0].to_string();
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(line.ends_with(r#"] "GET /f.txt?q=1 HTTP/1.1" 200 7 "-" "test/1 \"x\"""#), "{line}");
    assert_eq!((seen[1].status, seen[1].body_bytes), (404, 0));
    assert_eq!((&*seen[1].method, seen[1].end), ("HEAD", BodyEnd::Whole));
}
