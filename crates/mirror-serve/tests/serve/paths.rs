//! What a path may reach, and what stands in its way.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use mirror_serve::{BindError, Server, ServerConfig};

use crate::support::{Site, write};

#[test]
fn nothing_outside_the_root_is_reached() {
    let site = Site::new();
    site.write("a/f", "inside");
    write(&site.outside("secret"), b"secret");
    write(&site.outside("root-too/secret"), b"secret");
    for target in [
        "/../secret",
        "/a/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/a/%2e%2e/%2e%2e/secret",
        "/.%2e/secret",
        "/..\\secret",
        "/..%5csecret",
        "/%252e%252e/secret",
        "/..;/secret",
        "/../root-too/secret",
        "//../secret",
        "/a/..",
        "/..",
        "/.",
        "/a/./f",
        "/a%00/../../secret",
        "/a/f%00",
        "/a/f%0d%0aX:y",
        "/%",
        "/%2",
        "/%gg",
        "/a%2ff",
        "/%c0%ae%c0%ae/secret",
        "/%uff0e%uff0e/secret",
        "/etc/passwd",
        "/proc/self/root/etc/passwd",
        "file:///etc/passwd",
        "http://x/../secret",
        "/file:/etc/passwd",
    ] {
        let answer = site.get(target);
        assert!(matches!(answer.status, 400 | 404), "{target}: {}", answer.status);
        assert!(!answer.text().contains("secret\n"), "{target}");
    }
    let long = format!("/{}", "x".repeat(300));
    assert_eq!(site.get(&long).status, 414);
    assert_eq!(site.get(&"/x".repeat(700)).status, 414);
}

#[test]
fn names_of_the_project_are_not_there() {
    let site = Site::new();
    for name in [
        ".mirror/state",
        ".mirror-stage-1/f",
        "repo/.mirror-stage/f",
        "repo/.mirrored",
        ".MIRROR/x",
    ] {
        site.write(name, "x");
        assert_eq!(site.get(&format!("/{name}")).status, 404, "{name}");
        let folder = name.split_once('/').map_or(name, |(head, _)| head);
        if folder.starts_with('.') {
            assert_eq!(site.get(&format!("/{folder}")).status, 404, "{folder}");
            assert_eq!(site.get(&format!("/{folder}/")).status, 404, "{folder}");
        }
    }
    assert_eq!(site.get("/%2emirror/state").status, 404);
    assert_eq!(site.get("/.%6dirror/").status, 404);
    // Other names with a dot are content.
    for name in [".treeinfo", ".discinfo", "x/.hidden/f"] {
        assert_eq!(site.write(name, "x").get(&format!("/{name}")).status, 200, "{name}");
    }
}

#[test]
fn names_of_real_repositories_are_found_encoded_or_not() {
    let site = Site::new();
    for (name, targets) in [
        (
            "libstdc++-11.rpm",
            &["/libstdc++-11.rpm", "/libstdc%2B%2B-11.rpm", "/libstdc%2b%2b-11.rpm"][..],
        ),
        ("oranges-^0.2~rc1.rpm", &["/oranges-%5E0.2~rc1.rpm", "/oranges-%5e0.2%7Erc1.rpm"]),
        ("a package.rpm", &["/a%20package.rpm"]),
        ("100%25.rpm", &["/100%2525.rpm"]),
        ("n-1:2-3.rpm", &["/n-1:2-3.rpm", "/n-1%3A2-3.rpm"]),
        ("répertoire/é.rpm", &["/r%C3%A9pertoire/%C3%A9.rpm"]),
    ] {
        site.write(name, name);
        for target in targets {
            let answer = site.get(target);
            assert_eq!((answer.status, answer.text()), (200, name), "{target}");
        }
    }
    assert_eq!(site.get("//libstdc++-11.rpm").status, 200);
}

#[test]
fn no_symbolic_link_is_followed_below_the_root() {
    let site = Site::new();
    write(&site.outside("out/secret"), b"secret");
    site.write("real/f", "x");
    symlink(site.outside("out/secret"), site.path("file-out")).unwrap();
    symlink(site.outside("out"), site.path("folder-out")).unwrap();
    symlink("real", site.path("folder-in")).unwrap();
    symlink("real/f", site.path("file-in")).unwrap();
    symlink("nowhere", site.path("dangling")).unwrap();
    symlink("loop", site.path("loop")).unwrap();
    fs::create_dir(site.path("page")).unwrap();
    symlink(site.outside("out/secret"), site.path("page/index.html")).unwrap();
    for target in [
        "/file-out",
        "/folder-out",
        "/folder-out/",
        "/folder-out/secret",
        "/folder-in/f",
        "/folder-in/",
        "/file-in",
        "/dangling",
        "/loop",
        "/loop/x",
        "/page/index.html",
    ] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
    let page = site.get("/page/");
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("index.html") && !page.text().contains("secret"));
    let list = site.get("/");
    for name in ["file-out", "folder-out", "folder-in", "file-in", "dangling", "loop"] {
        assert!(!list.text().contains(name), "{name}");
    }
}

#[test]
fn the_root_itself_may_be_a_link_and_may_be_switched() {
    let mut old = None;
    let site = Site::with(|config| {
        let link = config.root.with_file_name("link");
        symlink(&config.root, &link).unwrap();
        old = Some(std::mem::replace(&mut config.root, link));
    });
    site.write("f", "old");
    assert_eq!(site.get("/f").text(), "old");
    write(&site.outside("next/f"), b"new");
    symlink("next", site.outside("link.new")).unwrap();
    fs::rename(site.outside("link.new"), site.outside("link")).unwrap();
    assert_eq!(site.get("/f").text(), "new");
}

#[test]
fn what_is_neither_file_nor_folder_does_not_exist_and_does_not_block() {
    let site = Site::new();
    site.write("x/f", "x");
    let status = std::process::Command::new("mkfifo")
        .args([site.path("fifo"), site.path("x/index.html")])
        .status()
        .unwrap();
    assert!(status.success());
    let _socket = UnixListener::bind(site.path("socket")).unwrap();
    for target in ["/fifo", "/fifo/", "/fifo/x", "/socket", "/x/index.html", "/x/f/", "/x/f/y"] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
    let list = site.get("/x/");
    assert_eq!(list.status, 200);
    assert!(!list.text().contains("index.html"));
}

#[test]
fn a_folder_is_named_with_its_slash() {
    let site = Site::new();
    site.write("a b/c\"d/f", "x").write("pypi/x/index.html", "page");
    fs::create_dir_all(site.path("evil.example")).unwrap();
    for (target, location) in [
        ("/pypi/x", "/pypi/x/"),
        ("/a%20b", "/a%20b/"),
        ("/a%20b/c%22d", "/a%20b/c%22d/"),
        ("/pypi?x=//y", "/pypi/?x=//y"),
        ("//evil.example", "/evil.example/"),
        ("///evil.example", "/evil.example/"),
        ("http://evil.example/pypi", "/pypi/"),
    ] {
        let answer = site.get(target);
        assert_eq!(answer.status, 301, "{target}");
        assert_eq!(answer.header("location"), Some(location), "{target}");
    }
    assert_eq!(site.get("/pypi/x/").text(), "page");
}

#[test]
fn an_unreadable_file_is_forbidden_and_reported() {
    let site = Site::new();
    site.write("f", "x");
    fs::set_permissions(site.path("f"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(site.path("f")).is_ok() {
        println!("skipped: permissions do not bind this user");
        return;
    }
    assert_eq!(site.get("/f").status, 403);
    let fault = site.seen(1)[0].fault.clone().unwrap();
    assert!(fault.contains("cannot open f"), "{fault}");
}

#[test]
fn a_root_that_went_away_is_the_servers_fault() {
    let site = Site::new();
    site.write("f", "x");
    fs::rename(site.path(""), site.outside("gone")).unwrap();
    let answer = site.get("/f");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    let fault = site.seen(1)[0].fault.clone().unwrap();
    assert!(fault.starts_with("cannot open root /"), "{fault}");
    fs::rename(site.outside("gone"), site.path("")).unwrap();
    assert_eq!(site.get("/f").status, 200);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bind = |addr: &str, root: &str| {
        runtime.block_on(Server::bind(addr.parse().unwrap(), ServerConfig::new(root))).unwrap_err()
    };
    let error = bind("127.0.0.1:0", "/nonexistent/root");
    assert!(matches!(&error, BindError::Root { path, .. } if path.ends_with("root")));
    assert!(error.to_string().contains("/nonexistent/root"), "{error}");
    assert!(matches!(bind("127.0.0.1:0", "/etc/passwd"), BindError::Root { .. }));
    let site = Site::new();
    let error = bind(&site.addr.to_string(), "/");
    assert!(error.to_string().contains(&site.addr.to_string()), "{error}");
}
