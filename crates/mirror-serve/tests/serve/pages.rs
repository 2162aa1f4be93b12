//! Pages of a Python index, in the form that the client accepts (PEP 691).

use crate::support::{Answer, Site};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "application/vnd.pypi.simple.v1+html";

/// What pip has sent since 22.2.
const PIP: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; \
                   q=0.1, text/html; q=0.01";
const OLD_PIP: &str = "text/html";

fn tree() -> Site {
    let site = Site::new();
    for folder in ["pypi", "pypi/demo"] {
        site.write(&format!("{folder}/index.html"), format!("<p>{folder}"));
        site.write(&format!("{folder}/index.v1_json"), format!("{{\"name\":\"{folder}\"}}"));
    }
    site
}

fn accepting(site: &Site, target: &str, accept: &str) -> Answer {
    site.get_with(target, &[("Accept", accept)])
}

#[test]
fn a_folder_with_both_forms_sends_the_one_that_is_accepted() {
    let site = tree();
    for folder in ["pypi", "pypi/demo"] {
        let html = format!("<p>{folder}");
        let json = format!("{{\"name\":\"{folder}\"}}");
        for (accept, kind, body) in [
            (PIP, JSON, &json),
            (OLD_PIP, "text/html; charset=utf-8", &html),
            ("*/*", "text/html; charset=utf-8", &html),
            (HTML, HTML, &html),
            ("application/vnd.pypi.simple.v2+json", "text/html; charset=utf-8", &html),
        ] {
            let answer = accepting(&site, &format!("/{folder}/"), accept);
            assert_eq!((answer.status, answer.text()), (200, body.as_str()), "{accept}");
            assert_eq!(answer.header("content-type"), Some(kind), "{accept}");
            assert_eq!(answer.header("vary"), Some("Accept"), "{accept}");
            assert_eq!(answer.header("cache-control"), Some("no-cache"), "{accept}");
            assert_eq!(answer.header("content-encoding"), None, "{accept}");
        }
    }
    assert_eq!(site.get("/pypi/").text(), "<p>pypi");
    let lists = [("Accept", "text/html;q=0.5"), ("Accept", JSON)];
    assert_eq!(site.get_with("/pypi/", &lists).header("content-type"), Some(JSON));
}

#[test]
fn a_form_that_is_asked_for_by_name_is_sent_whatever_is_accepted() {
    let site = tree();
    for (name, kind) in [("index.v1_json", JSON), ("index.html", "text/html; charset=utf-8")] {
        for accept in [PIP, OLD_PIP] {
            let answer = accepting(&site, &format!("/pypi/demo/{name}"), accept);
            assert_eq!(answer.header("content-type"), Some(kind), "{accept}");
            assert_eq!(answer.header("vary"), None);
        }
    }
    assert_eq!(accepting(&site, "/pypi/demo", PIP).header("location"), Some("/pypi/demo/"));
}

#[test]
fn each_form_has_a_tag_of_its_own_and_is_not_modified_by_itself() {
    let site = tree();
    let forms = [JSON, HTML, "text/html"];
    let tags =
        forms.map(|form| accepting(&site, "/pypi/demo/", form).header("etag").unwrap().to_owned());
    for (form, own) in forms.iter().zip(&tags) {
        assert!(own.starts_with('"') && own.ends_with('"'), "a strong tag: {own}");
        for tag in &tags {
            let headers = [("Accept", *form), ("If-None-Match", tag.as_str())];
            let answer = site.get_with("/pypi/demo/", &headers);
            assert_eq!(answer.status, if tag == own { 304 } else { 200 }, "{form} and {tag}");
            assert_eq!(answer.header("etag"), Some(own.as_str()));
            assert_eq!(answer.header("vary"), Some("Accept"), "a 304 says it too");
        }
    }
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[2] != tags[0]);
}

#[test]
fn head_and_ranges_are_of_the_form_that_is_accepted() {
    let site = tree();
    for accept in [PIP, OLD_PIP, HTML] {
        let get = accepting(&site, "/pypi/demo/", accept);
        let head = site.ask("HEAD", "/pypi/demo/", &[("Accept", accept)]);
        assert_eq!(head.lasting_headers(), get.lasting_headers(), "{accept}");
        assert!(head.body.is_empty());
        let part = site.get_with("/pypi/demo/", &[("Accept", accept), ("Range", "bytes=1-4")]);
        assert_eq!((part.status, &part.body[..]), (206, &get.body[1..5]), "{accept}");
        assert_eq!(part.header("etag"), get.header("etag"));
        assert_eq!(part.header("vary"), Some("Accept"));
        let tag = get.header("etag").unwrap();
        let other = if accept == OLD_PIP { PIP } else { OLD_PIP };
        let mixed = site.get_with(
            "/pypi/demo/",
            &[("Accept", other), ("Range", "bytes=1-4"), ("If-Range", tag)],
        );
        assert_eq!(mixed.status, 200, "the rest of {accept} is not in the other form");
    }
}

#[test]
fn a_folder_with_one_form_or_none_is_as_it_was() {
    let site = Site::new();
    site.write("html/index.html", "<p>").write("json/index.v1_json", "{}");
    site.write("rocky/10/repodata/repomd.xml", "<repomd/>");
    std::fs::create_dir_all(site.path("odd/index.v1_json")).unwrap();
    site.write("odd/index.html", "<p>odd");
    for target in ["/html/", "/json/", "/odd/", "/rocky/10/", "/rocky/10/repodata/"] {
        let (json, html) = (accepting(&site, target, PIP), site.get(target));
        assert_eq!(json.status, 200, "{target}");
        assert_eq!(json.header("vary"), None, "{target}");
        assert_eq!(json.lasting_headers(), html.lasting_headers(), "{target}");
        assert_eq!(json.body, html.body, "{target}");
        assert_eq!(json.header("content-type"), Some("text/html; charset=utf-8"), "{target}");
    }
}

#[test]
fn packages_have_types_that_no_client_decodes() {
    let site = Site::new();
    for (name, kind) in [
        ("demo-1.0-py3-none-any.whl", "application/octet-stream"),
        ("demo-1.0-py3-none-any.whl.metadata", "text/plain; charset=utf-8"),
        ("demo-1.0.tar.gz", "application/gzip"),
        ("demo-1.0.tar.gz.metadata", "text/plain; charset=utf-8"),
        ("demo-1.0.zip", "application/zip"),
    ] {
        site.write(&format!("pypi/files/{name}"), "0123456789");
        let target = format!("/pypi/files/{name}");
        let headers = [("Accept-Encoding", "gzip, br"), ("Accept", "*/*")];
        let answer = site.get_with(&target, &headers);
        assert_eq!((answer.status, answer.text()), (200, "0123456789"));
        assert_eq!(answer.header("content-type"), Some(kind), "{name}");
        assert_eq!(answer.header("content-encoding"), None, "{name}");
        assert_eq!(answer.header("accept-ranges"), Some("bytes"), "uv reads the end of a wheel");
        let end = site.get_with(&target, &[("Range", "bytes=-4")]);
        assert_eq!((end.status, end.text()), (206, "6789"));
    }
}
