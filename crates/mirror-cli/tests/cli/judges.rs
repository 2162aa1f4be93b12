//! The judges of what is published: a real dnf, through `mirror serve` and through nginx.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mirror_fixtures::{Compression, Layout, Package, Repository, samples, tool};

use crate::servers::{embedded, nginx};
use crate::support::Site;

/// dnf over trees of a server, with nothing of this host's configuration.
pub(crate) struct Dnf {
    program: PathBuf,
    state: tempfile::TempDir,
}

impl Dnf {
    pub(crate) fn new(program: PathBuf, server: &str, trees: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut config = "[main]\ngpgcheck=0\nskip_if_unavailable=0\nplugins=0\n\
                          module_platform_id=platform:el10\n"
            .to_owned();
        let at = |name: &str| state.path().join(name).display().to_string();
        for (key, folder) in [
            ("cachedir", "cache"),
            ("persistdir", "persist"),
            ("logdir", "log"),
            ("reposdir", "no"),
        ] {
            writeln!(config, "{key}={}", at(folder)).unwrap();
        }
        for tree in trees {
            let id = tree.replace('/', "-");
            writeln!(config, "[{id}]\nname={id}\nbaseurl={server}{tree}/").unwrap();
        }
        fs::write(state.path().join("dnf.conf"), config).unwrap();
        Self { program, state }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .arg("--config")
            .arg(self.state.path().join("dnf.conf"))
            .arg(format!("--installroot={}", self.root().display()))
            .args(["--releasever=10", "--forcearch=x86_64", "-y"])
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "dnf {arguments:?}: {out}{err}");
        out
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.state.path().join("root")
    }
}

/// Runs `judge` against both servers of the site's trees.
fn each_server(site: &Site, trees: &[&str], judge: impl Fn(&Dnf)) {
    let Some(program) = tool("dnf") else { return };
    let server = embedded(site);
    judge(&Dnf::new(program.clone(), &server.url, trees));
    drop(server);
    let Some(nginx_program) = tool("nginx") else { return };
    let root = site.path("mirror");
    let block = format!("root {}; location ~ /\\.mirror {{ return 404; }}", root.display());
    let server = nginx(site, &nginx_program, "http", &block);
    judge(&Dnf::new(program, &server.url, trees));
}

#[test]
fn dnf_installs_the_demonstration_from_its_mirror() {
    let site = Site::empty();
    samples::demo().write(site.served(".."), &site.upstream.url());
    fs::copy(site.served("../demo.repo"), site.path("demo.repo")).unwrap();
    let ran = site.run("sync --repo-file demo.repo --root mirror");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    each_server(&site, &["demo-baseos", "demo-appstream", "demo-extras"], |dnf| {
        dnf.run(&["makecache"]);
        dnf.run(&["install", "hello-mirror"]);
        assert!(dnf.root().join("usr/bin/hello-mirror").is_file());
        assert!(dnf.root().join("usr/share/hello-mirror/greeting").is_file());
    });
}

#[test]
fn dnf_reads_every_kind_and_compression_and_installs_odd_names() {
    let site = Site::empty();
    let mut trees = vec!["kinds", "odd", "versions"];
    samples::every_kind().write(site.served("../kinds"));
    samples::odd_names().write(site.served("../odd"));
    samples::versions().write(site.served("../versions"));
    for (name, compression) in
        [("none", Compression::None), ("xz", Compression::Xz), ("zst", Compression::Zstd)]
    {
        samples::plain(3).compression(compression).write(site.served(&format!("../{name}")));
        trees.push(name);
    }
    for tree in &trees {
        let url = site.upstream.url_of(tree);
        let ran = site.run(&format!("sync --url {url} --path {tree} --root mirror"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
    }
    each_server(&site, &trees, |dnf| {
        let found = dnf.run(&["repoquery", "--qf=%{repoid} %{name}"]);
        for (tree, package) in
            [("kinds", "everything"), ("none", "plain-0001"), ("zst", "plain-0002")]
        {
            assert!(found.contains(&format!("{tree} {package}\n")), "{found}");
        }
        assert!(dnf.run(&["-C", "module", "list"]).contains("demo"));
        dnf.run(&["install", "odd*", "tool", "plain-0001"]);
        let tool = fs::read_to_string(dnf.root().join("usr/share/tool")).unwrap();
        assert_eq!(tool, "1.10\n", "the newest version");
        let odd = fs::read_to_string(dnf.root().join("usr/share/odd/4")).unwrap();
        assert_eq!(odd, "ünï-çødé-日本.rpm");
    });
}

#[test]
fn dnf_installs_from_parts_of_repositories() {
    let site = Site::empty();
    samples::demo().write(site.served(".."), &site.upstream.url());
    samples::streams().write(site.served("../streams"));
    samples::every_kind().write(site.served("../kinds"));
    samples::plain(9)
        .layout(Layout::Folder("../pool".into()))
        .write(site.served("../folder/plain"));
    for (tree, from, selection) in [
        ("streams", "streams", "--newest-only"),
        ("kinds", "kinds", "--exclude source everything"),
        ("plain", "folder/plain", "--include plain-0001 plain-0002"),
    ] {
        let url = site.upstream.url_of(from);
        let ran = site.run(&format!("sync --url {url} --path {tree} --root mirror {selection}"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        let checked = site.run(&format!("verify {tree} --root mirror"));
        assert_eq!(checked.code, Some(0), "{}", checked.text());
    }
    each_server(&site, &["streams", "kinds", "plain"], |dnf| {
        dnf.run(&["makecache"]);
        let found = dnf.run(&[
            "-C",
            "repoquery",
            "--disable-modular-filtering",
            "--qf=%{repoid} %{name}-%{evr}.%{arch}",
        ]);
        let mut found: Vec<_> = found.lines().collect();
        found.sort_unstable();
        let left = [
            "kinds member-1.0-1.module_demo+1.x86_64",
            "plain plain-0001-1.0-1.noarch",
            "plain plain-0002-1.0-1.noarch",
            "streams member-1.1-1.module+el10.x86_64",
            "streams member-2.1-1.module+el10.x86_64",
            "streams tool-1.10-1.noarch",
        ];
        assert_eq!(found, left);
        let core = dnf.run(&["-C", "group", "info", "core"]);
        assert!(core.contains("member") && !core.contains("everything"), "{core}");
        dnf.run(&["install", "--disablerepo=kinds", "plain-0002", "tool"]);
        dnf.run(&["module", "install", "--disablerepo=kinds", "demo:2.0/common"]);
        let member = || fs::read_to_string(dnf.root().join("usr/share/member")).unwrap();
        assert_eq!(member(), "2.1\n");
        dnf.run(&["module", "reset", "demo"]);
        dnf.run(&["module", "enable", "--disablerepo=kinds", "demo:1.0"]);
        dnf.run(&["remove", "member"]);
        dnf.run(&["install", "--disablerepo=kinds", "member"]);
        assert_eq!(member(), "1.1\n");
    });
}

/// Real repositories, where they are at hand.
#[test]
fn dnf_reads_real_repositories_and_installs_from_one() {
    let folder = std::env::var_os("MIRROR_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real"),
        PathBuf::from,
    );
    let zoo = folder.join("rpm/zoo-katello");
    if !zoo.is_dir() {
        println!("skipped: no real data at {}", folder.display());
        return;
    }
    // Real packages want a shell.
    let shell = Package::new("shell", "1", "1").provides("/bin/sh");
    let site = Site::of(&Repository::new().package(shell));
    assert_eq!(site.sync("").code, Some(0));
    site.upstream.set_root(&zoo);
    let trees = ["zoo", "zoo2", "zoo_dup"];
    for tree in trees {
        let url = site.upstream.url_of(tree);
        let ran = site.run(&format!("sync --url {url} --path {tree} --root mirror"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
    }
    each_server(&site, &["up", "zoo", "zoo2", "zoo_dup"], |dnf| {
        dnf.run(&["makecache"]);
        let found = dnf.run(&["-C", "repoquery", "--qf=%{repoid} %{name}"]);
        for tree in trees {
            assert!(found.contains(&format!("{tree} ")), "{tree}: {found}");
        }
        dnf.run(&["install", "penguin"]);
        assert!(dnf.run(&["list", "--installed"]).contains("penguin"));
    });

    // What azurelinux lists and does not have is named, and nothing incomplete is published.
    site.upstream.set_root(folder.join("rpm/azurelinux"));
    let ran =
        site.run(&format!("sync --url {} --path azurelinux --root mirror", site.upstream.url()));
    assert_eq!(ran.code, Some(3), "{}", ran.text());
    assert_eq!(ran.out.matches("404 Not Found").count(), 8, "{}", ran.text());
    for lost in ["Flat-Adwaita-0-1.azl3.noarch.rpm", "xfdesktop-4.18.1-1.azl3.x86_64.rpm"] {
        assert!(ran.text().contains(lost), "{}", ran.text());
    }
    assert!(!site.path("mirror/azurelinux").exists());
    assert!(ran.err.contains("--allow-missing publishes the rest"), "{}", ran.text());

    // The rest is published where that is allowed.
    let url = site.upstream.url();
    let ran =
        site.run(&format!("sync --url {url} --path azurelinux --root mirror --allow-missing"));
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(ran.err.matches("left out, since upstream lists it and lacks it").count(), 8);
    each_server(&site, &["azurelinux"], |dnf| {
        let found = dnf.run(&["repoquery", "--qf=%{name}"]);
        assert_eq!(found.lines().count(), 105, "{found}");
        assert!(!found.contains("xfdesktop"), "{found}");
        let files = dnf.run(&["-C", "repoquery", "-l", "catfish"]);
        assert!(files.contains("/usr/bin/catfish"), "{files}");
    });
}
