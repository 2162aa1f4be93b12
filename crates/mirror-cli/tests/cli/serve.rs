//! `mirror serve`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use mirror_fixtures::{Package, Repository, samples};

use crate::support::{Site, signal};

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn serves_what_is_published_and_prints_how_to_use_it() {
    let site = Site::of(&samples::plain(1).signed("a signature", "a key"));
    assert_eq!(site.sync("").code, Some(0));
    let mut server =
        site.command("serve --root mirror --listen 127.0.0.1:0 --access-log").spawn().unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let base = first.trim().strip_prefix("serving mirror at ").unwrap();
    let address = base.trim_start_matches("http://").trim_end_matches('/').to_owned();

    let answer = get(&address, "/up/repodata/repomd.xml");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(get(&address, "/.mirror/state").starts_with("HTTP/1.1 404 "));

    signal(&server, "TERM");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(
        rest.replace(base, "http://H/"),
        "
  http://H/up/

for the nodes, as /etc/yum.repos.d/mirror.repo:

[up]
name=up
baseurl=http://H/up/
enabled=1
gpgcheck=1
# the key that signed the packages, such as file:///etc/pki/rpm-gpg/RPM-GPG-KEY-NAME
#gpgkey=

"
    );
    let ran = site.ran(server.wait_with_output().unwrap());
    assert!(ran.err.contains("\"GET /up/repodata/repomd.xml HTTP/1.1\" 200 "), "{}", ran.err);
    assert!(ran.err.ends_with("stopping; a second Ctrl-C stops at once\n"), "{}", ran.err);
    assert_eq!(ran.code, Some(0));
}

/// A tree that was carried here without the state, or that another tool wrote.
#[test]
fn prints_how_pip_and_uv_use_a_tree_of_python_packages() {
    let site = Site::empty();
    fs::create_dir_all(site.path("mirror/pypi/files")).unwrap();
    fs::write(site.path("mirror/pypi/index.html"), "<!DOCTYPE html>").unwrap();
    let mut server = site
        .command("serve --root mirror --listen 127.0.0.1:0 --base-url http://mirror.example:8080")
        .spawn()
        .unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut printed = String::new();
    while !printed.contains("default = true") {
        assert_ne!(out.read_line(&mut printed).unwrap(), 0, "{printed}");
    }
    signal(&server, "TERM");
    assert!(server.wait().unwrap().success());
    assert_eq!(
        printed,
        "\
serving mirror at http://mirror.example:8080/

  http://mirror.example:8080/pypi/

for pip, as /etc/pip.conf:

[global]
index-url = http://mirror.example:8080/pypi/
trusted-host = mirror.example

for uv, as /etc/uv/uv.toml:

[[index]]
url = \"http://mirror.example:8080/pypi/\"
default = true
"
    );
}

#[test]
fn a_second_signal_does_not_wait_for_clients() {
    let large = Package::new("large", "1.0", "1").payload_size(30_000_000);
    let site = Site::of(&Repository::new().package(large));
    assert_eq!(site.sync("").code, Some(0));
    let mut server = site.command("serve --root mirror --listen 127.0.0.1:0").spawn().unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let address = first.trim().trim_end_matches('/').rsplit('/').next().unwrap();
    // A client that begins and takes no more.
    let mut client = TcpStream::connect(address).unwrap();
    let path = "/up/Packages/l/large-1.0-1.noarch.rpm";
    write!(client, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 100]).unwrap();

    let begun = Instant::now();
    signal(&server, "INT");
    let mut err = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert_eq!(line, "stopping; a second Ctrl-C stops at once\n");
    signal(&server, "INT");
    assert_eq!(server.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_root_without_trees_is_an_error() {
    let site = Site::empty();
    assert_eq!(
        site.run("serve --root nowhere").text(),
        "\
error: nowhere: no mirror here
hint: make one with `mirror sync --root nowhere`, or name another folder with --root
exit 1
"
    );
}

#[test]
fn an_address_in_use_is_an_error() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("").code, Some(0));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ran = site.run(&format!("serve --root mirror --listen 127.0.0.1:{port}"));
    assert_eq!(
        ran.text().replace(&port.to_string(), "PORT"),
        format!(
            "\
error: cannot listen on 127.0.0.1:PORT: Address already in use (os error 98)
hint: another program listens there; choose another port: --listen 127.0.0.1:{}
exit 1
",
            port.wrapping_add(1)
        )
    );
}
