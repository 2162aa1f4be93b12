//! A client that everyone has.

use std::fs;
use std::process::Command;

use mirror_fixtures::tool;

use crate::support::{Site, noise};

/// curl's output and exit code; `None` where there is no curl.
fn curl(site: &Site, arguments: &[&str], target: &str) -> Option<(Vec<u8>, i32)> {
    let output = Command::new(tool("curl")?)
        .args(["-sS", "--noproxy", "*", "--max-time", "60"])
        .args(arguments)
        .arg(format!("http://{}{target}", site.addr))
        .output()
        .unwrap();
    Some((output.stdout, output.status.code().unwrap_or(-1)))
}

#[test]
fn curl_resumes_a_download() {
    let site = Site::new();
    let content = noise(500_000);
    site.write("f.iso", &content);
    let partial = site.outside("partial");
    fs::write(&partial, &content[..123_456]).unwrap();
    let resume = ["-C", "-", "-o", partial.to_str().unwrap()];
    let Some((_, code)) = curl(&site, &resume, "/f.iso") else {
        return;
    };
    assert_eq!(code, 0);
    assert!(fs::read(&partial).unwrap() == content);
    assert_eq!(site.seen(1)[0].status, 206);
}

#[test]
fn curl_gets_gzip_files_as_they_are() {
    let site = Site::new();
    let content = noise(5000);
    site.write("primary.xml.gz", &content);
    if let Some((body, code)) = curl(&site, &["--compressed"], "/primary.xml.gz") {
        assert!(code == 0 && body == content);
    }
}

#[test]
fn curl_asks_again_only_for_what_changed() {
    let site = Site::new();
    site.write("repomd.xml", "content");
    let (tag, out) = (site.outside("tag"), site.outside("out"));
    let (tag, out) = (tag.to_str().unwrap(), out.to_str().unwrap());
    let Some(_) = curl(&site, &["--etag-save", tag, "-o", out], "/repomd.xml") else {
        return;
    };
    let again = ["--etag-compare", tag, "-o", "/dev/null", "-w", "%{http_code}"];
    assert_eq!(curl(&site, &again, "/repomd.xml").unwrap().0, b"304");
    let newer = ["-z", out, "-o", "/dev/null", "-w", "%{http_code}"];
    assert_eq!(curl(&site, &newer, "/repomd.xml").unwrap().0, b"304");
}

#[test]
fn curl_follows_the_redirect_of_a_folder() {
    let site = Site::new();
    site.write("pypi/x/index.html", "page");
    if let Some((body, code)) = curl(&site, &["-L"], "/pypi/x") {
        assert_eq!((body.as_slice(), code), (&b"page"[..], 0));
    }
    assert_eq!(site.get("/pypi/x").status, 301);
}
