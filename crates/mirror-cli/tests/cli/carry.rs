//! A root carried to another file system, where there is no network.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use mirror_fixtures::{samples, tool};

use crate::support::{Site, signal};

/// A site with two generations, and a folder on another file system.
#[allow(clippy::print_stderr)]
fn site() -> Option<(Site, tempfile::TempDir)> {
    let mut repository = samples::plain(3);
    let site = Site::of(&repository);
    assert_eq!(site.sync("").code, Some(0));
    repository.update(samples::plain_package(0, "2"));
    site.rewrite(&repository);
    assert_eq!(site.sync("").code, Some(0));
    site.upstream.clear_requests();
    let disk = tempfile::tempdir_in("/dev/shm").ok()?;
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    if device(disk.path()) == device(&site.path(".")) {
        eprintln!("skipped: /dev/shm is no file system of its own");
        return None;
    }
    Some((site, disk))
}

/// What a server of `root` answers to a request for `path`, and what it says first.
fn served(site: &Site, root: &str, path: &str) -> (String, String) {
    let mut server =
        site.command(&format!("serve --root {root} --listen 127.0.0.1:0")).spawn().unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let address = first.trim().trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    signal(&server, "TERM");
    let mut greeting = String::new();
    out.read_to_string(&mut greeting).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    (String::from_utf8_lossy(&answer).into_owned(), greeting.replace(&address, "H"))
}

#[test]
fn a_root_that_is_carried_works_where_it_arrives() {
    let carriers: [&[&str]; 2] = [&["rsync", "-aH"], &["cp", "-a"]];
    for carrier in carriers {
        let Some(program) = tool(carrier[0]) else { continue };
        let Some((site, disk)) = site() else { return };
        let source = site.path("mirror");
        let copied =
            Command::new(program).args(&carrier[1..]).arg(&source).arg(disk.path()).status();
        assert!(copied.unwrap().success());
        let root = disk.path().join("mirror").display().to_string();
        fs::rename(&source, site.path("no-longer")).unwrap();

        let ran = site.run(&format!("verify --root {root}"));
        assert_eq!(ran.code, Some(0), "{carrier:?}: {}", ran.text());
        assert!(ran.out.contains("up       clean "), "{}", ran.out);
        let ran = site.run(&format!("status --root {root} up"));
        assert_eq!(ran.out.matches(" ago  ").count(), 2, "{}", ran.out);
        let (answer, greeting) = served(&site, &root, "up/repodata/repomd.xml");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(greeting.contains("\n[up]\n"), "{greeting}");
        let ran = site.run(&format!("rollback --root {root}"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        assert_eq!(site.run(&format!("verify --root {root}")).code, Some(0));
        assert_eq!(site.run(&format!("rollback --release --root {root}")).code, Some(0));
        assert_eq!(site.upstream.requests().len(), 0, "all of it without a network");

        let sync = format!("sync --url {}/up/ --path up --root {root}", site.upstream.url());
        let ran = site.run(&sync);
        assert!(ran.out.contains("up  published "), "{}", ran.text());
        let packages = site.upstream.requests();
        assert!(!packages.iter().any(|r| r.path.contains("/Packages/")), "{packages:#?}");
        // The state knows the new inodes, so nothing is noted a second time.
        let state = format!("{root}/.mirror/state");
        let before = fs::metadata(&state).unwrap().len();
        assert!(site.run(&sync).out.contains("up  unchanged "));
        assert_eq!(fs::metadata(&state).unwrap().len(), before);
    }
}

#[test]
fn trees_alone_are_served_as_they_are() {
    let Some((site, _)) = site() else { return };
    fs::remove_dir_all(site.path("mirror/.mirror")).unwrap();
    let (answer, greeting) = served(&site, "mirror", "up/repodata/repomd.xml");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(greeting.contains("  http://H/up/\n") && greeting.contains("\n[up]\n"), "{greeting}");
    assert!(!site.path("mirror/.mirror").exists(), "nothing is written");
    let ran = site.run("verify --root mirror");
    assert!(ran.err.starts_with("error: mirror: there are repositories here, but"), "{}", ran.err);
}

#[test]
#[allow(clippy::print_stderr)]
fn a_root_that_is_mounted_read_only_can_be_looked_at() {
    let Some((site, _)) = site() else { return };
    let Some(unshare) = tool("unshare") else { return };
    let binary = env!("CARGO_BIN_EXE_mirror");
    let run = |command: &str| {
        let script = format!(
            "mount --bind mirror mirror && mount -o remount,ro,bind mirror || exit 99; \
             ! touch mirror/x 2>/dev/null || exit 98; {command}"
        );
        let mut child = Command::new(&unshare);
        child.args(["-rm", "sh", "-c", &script]).current_dir(site.path("."));
        child.stdout(Stdio::piped()).stderr(Stdio::piped());
        site.ran(child.output().unwrap())
    };
    if run("true").code != Some(0) {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    let ran = run(&format!("{binary} verify --root mirror"));
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let ran = run(&format!("{binary} status --root mirror"));
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let ran = run(&format!("{binary} verify --root mirror --repair"));
    assert!(ran.err.contains("hint: the file system is mounted read-only"), "{}", ran.err);
    assert_eq!(ran.code, Some(1));
}
