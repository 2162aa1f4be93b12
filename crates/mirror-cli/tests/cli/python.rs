//! The judges of a tree of Python packages: pip of three ages, uv and poetry install from it, through
//! `mirror serve` and nginx, with no other index.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mirror_core::digest::{Digest, Sha256};
use mirror_core::format::pypi::filename::DistFilename;
use mirror_core::format::pypi::page::{CoreMetadata, File, write};
use mirror_fixtures::pypi::{self, Index, Release, Sdist, samples};
use mirror_fixtures::tool;
use mirror_fixtures::tool::client;

use crate::servers::{Serving, embedded_by, nginx_with};
use crate::support::{Site, wait_until};

const DEMO_APP: &str = "/pypi/files/demo_app-1.0-py3-none-any.whl";
/// Of this one no metadata is offered.
const DEMO_PLAIN: &str = "/pypi/files/demo_plain-1.0-py3-none-any.whl";

/// The clients by the folders of `scripts/clients`.
const CLIENTS: [&str; 5] = ["pip", "pip-21.3", "pip-20.2", "uv", "poetry"];

/// What a server makes of an `Accept` that prefers JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sends {
    WhatIsAccepted,
    Html,
}

#[test]
fn clients_install_from_mirror_serve() {
    let site = site();
    let serving = mirror_serve(&site);
    each_client(&CLIENTS, &site, &serving, Sends::WhatIsAccepted);
}

#[test]
fn a_page_that_a_client_has_is_sent_again_only_when_it_has_changed() {
    let Some(venv) = client("uv") else { return };
    let site = site();
    let serving = mirror_serve(&site);
    let run = Run { venv, work: site.path("uv"), index: format!("{}pypi/", serving.url) };
    fs::create_dir(&run.work).unwrap();
    for _ in 0..2 {
        let mut uv = run.command("uv");
        uv.args(["pip", "install", "--refresh", "--cache-dir", "cache", "--target", "target"]);
        uv.arg("--python").arg(run.venv.join("bin/python"));
        Run::assert_done(uv.args(["--default-index", &run.index, "--reinstall", "demo-plain"]));
    }
    let log = site.path("access.log");
    let answers = || {
        let mut requests = requests(&log, 0);
        requests.retain(|request| request.path == "/pypi/demo-plain/");
        requests.iter().map(|request| request.status).collect::<Vec<_>>()
    };
    wait_until("the last answer is logged", || answers().len() > 1);
    assert_eq!(answers(), [200, 304]);
}

/// `mirror serve` with an access log.
fn mirror_serve(site: &Site) -> Serving {
    let log = fs::File::create(site.path("access.log")).unwrap();
    embedded_by(site.command("serve --root mirror --listen 127.0.0.1:0 --access-log").stderr(log))
}

/// As distributions configure it.
#[test]
fn clients_install_from_nginx_as_it_comes() {
    let Some(nginx) = tool("nginx") else { return };
    let site = site();
    let (root, log) = (site.path("mirror"), site.path("access.log"));
    let serving = nginx_with(&site, &nginx, "http", |port| {
        format!(
            "include /etc/nginx/mime.types; default_type application/octet-stream; gzip on; \
             access_log {}; server {{ listen 127.0.0.1:{port}; root {}; index index.html; }}",
            log.display(),
            root.display()
        )
    });
    each_client(&CLIENTS, &site, &serving, Sends::Html);
}

#[test]
fn clients_install_from_nginx_as_the_docs_configure_it() {
    let Some(nginx) = tool("nginx") else { return };
    let site = site();
    let docs = include_str!("../../../../docs/operating.md");
    let block = docs.split("```nginx\n").nth(1).unwrap().split("```").next().unwrap();
    let (listen, root) = ("listen 80 default_server;", "root /srv/mirror;");
    assert!(block.contains(listen) && block.contains(root), "{block}");
    let log = site.path("access.log");
    let serving = nginx_with(&site, &nginx, "http", |port| {
        let block = block
            .replace(listen, &format!("listen 127.0.0.1:{port};"))
            .replace(root, &format!("root {};", site.path("mirror").display()));
        format!("include /etc/nginx/mime.types; gzip on; access_log {};\n{block}", log.display())
    });
    // One that asks for HTML, and two for JSON.
    each_client(&["pip-20.2", "pip", "uv"], &site, &serving, Sends::WhatIsAccepted);
}

/// A site that has `demo-app` and all that it needs in `mirror/pypi`: wheels, a source distribution
/// and what builds it, and releases that are not to be installed.
fn site() -> Site {
    let index = Index::new().releases([
        Release::new("Demo.App", "1.0").requires("demo-lib").requires("demo-src>=1,<2"),
        Release::new("demo-lib", "1.0").requires("demo-plain"),
        // With characters that HTML escapes.
        Release::new("demo-lib", "1.5").yanked("broken: a<b && \"c\""),
        Release::new("demo-lib", "2.0").requires_python(">=99,<100"),
        Release::new("demo-plain", "1.0").payload_size(300_000),
        Release::new("demo-src", "1.0").sdist(Sdist::new()),
        samples::tiny_backend(),
    ]);
    let site = Site::empty();
    let tree = site.path("mirror/pypi");
    fs::create_dir_all(tree.join("files")).unwrap();
    let mut names = Vec::new();
    for (name, packages) in index.build() {
        let name = name.parse().unwrap();
        let files: Vec<File> = packages.into_iter().map(|package| put(&tree, package)).collect();
        let with_versions = files.iter().map(|file| {
            let parsed = DistFilename::parse(&file.filename, &name).unwrap().unwrap();
            (parsed.version().clone(), file)
        });
        let page = write::Project::new(&name, name.as_ref(), None, with_versions);
        write_page(&tree.join(name.as_ref()), &page.html(), &page.json());
        names.push(name);
    }
    let names = || names.iter().map(|name| (name, name.as_ref()));
    write_page(&tree, &write::root_html(names()), &write::root_json(names()));
    site
}

fn write_page(folder: &Path, html: &str, json: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("index.html"), html).unwrap();
    fs::write(folder.join("index.v1_json"), json).unwrap();
}

/// Writes a package into the tree, its metadata beside it; what the page says of it.
fn put(tree: &Path, package: pypi::File) -> File {
    let digest = |content: &[u8]| Digest::from(Sha256::of(content));
    let path = tree.join("files").join(&package.filename);
    fs::write(&path, &package.bytes).unwrap();
    let offered = package.metadata.filter(|_| !DEMO_PLAIN.ends_with(&package.filename));
    if let Some(metadata) = &offered {
        fs::write(tree.join(format!("files/{}.metadata", package.filename)), metadata).unwrap();
    }
    File {
        url: String::new(),
        digests: vec![digest(&package.bytes)],
        size: Some(package.bytes.len() as u64),
        filename: package.filename,
        requires_python: package.requires_python,
        yanked: package.yanked,
        core_metadata: offered.map_or(CoreMetadata::No, |m| CoreMetadata::Digest(digest(&m))),
        upload_time: Some("2026-01-02T03:04:05Z".to_owned()),
        provenance: None,
    }
}

fn each_client(clients: &[&str], site: &Site, serving: &Serving, sends: Sends) {
    for &name in clients {
        let Some(venv) = client(name) else { continue };
        let old = name.starts_with("pip-");
        let run = Run { venv, work: site.path(name), index: format!("{}pypi/", serving.url) };
        fs::create_dir(&run.work).unwrap();
        let log = site.path("access.log");
        let before = fs::read(&log).unwrap().len();
        match name {
            "uv" => run.uv(),
            "poetry" => run.poetry(),
            _ => run.pip(),
        }
        // Its last line may come a moment later than the client's end.
        wait_until("the wheel's request is logged", || {
            requests(&log, before).iter().any(|r| r.status == 200 && r.is("GET", DEMO_PLAIN))
        });
        let requests = requests(&log, before);
        let failed: Vec<_> = requests.iter().filter(|r| r.status >= 400).collect();
        assert!(failed.is_empty(), "{name}: {failed:#?}");

        let json = fs::metadata(site.path("mirror/pypi/demo-lib/index.v1_json")).unwrap().len();
        let is_json = |r: &Request| r.is("GET", "/pypi/demo-lib/") && r.bytes == json;
        let expected = !old && sends == Sends::WhatIsAccepted;
        assert_eq!(requests.iter().any(is_json), expected, "{name}, JSON: {requests:#?}");

        let metadata = requests.iter().any(|r| r.is("GET", &format!("{DEMO_APP}.metadata")));
        assert_eq!(metadata, !old, "{name}, metadata: {requests:#?}");
        let parts = requests.iter().any(|r| r.status == 206 && r.path == DEMO_PLAIN);
        assert_eq!(parts, name == "uv" || name == "poetry", "{name}, ranges: {requests:#?}");
        let whole = requests.iter().filter(|r| r.status == 200 && r.is("GET", DEMO_PLAIN));
        assert_eq!(whole.count(), 1, "{name}: {requests:#?}");
    }
}

/// A line of an access log.
#[derive(Debug)]
struct Request {
    method: String,
    path: String,
    status: u16,
    bytes: u64,
}

impl Request {
    fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// The requests that a log of the combined format has from that byte on.
fn requests(log: &Path, from: usize) -> Vec<Request> {
    let text = fs::read_to_string(log).unwrap();
    text[from..]
        .lines()
        .filter_map(|line| {
            let mut parts = line.split('"').skip(1);
            let mut request = parts.next()?.split(' ');
            let mut numbers = parts.next()?.split_whitespace();
            Some(Request {
                method: request.next()?.to_owned(),
                path: request.next()?.to_owned(),
                status: numbers.next()?.parse().ok()?,
                bytes: numbers.next()?.parse().ok()?,
            })
        })
        .collect()
}

/// A client that is to install `demo-app` from an index, in a folder of its own.
struct Run {
    venv: PathBuf,
    work: PathBuf,
    index: String,
}

impl Run {
    /// A program of the client, with nothing of this host's configuration.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.venv.join("bin").join(program));
        command.current_dir(&self.work).env_clear().stdin(Stdio::null());
        command.env("HOME", &self.work).env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        command
    }

    fn assert_done(command: &mut Command) {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{command:?}: {out}{err}");
    }

    fn assert_installed(folder: &Path) {
        // demo-lib 1.5 is withdrawn, and 2.0 is for another Python.
        for installed in ["demo_app", "demo_lib", "demo_plain", "demo_src"] {
            let module = fs::read_to_string(folder.join(installed).join("__init__.py"));
            assert_eq!(module.unwrap(), "__version__ = \"1.0\"\n", "{installed}");
        }
    }

    fn pip(&self) {
        let config = format!("[global]\nindex-url = {}\n", self.index);
        fs::write(self.work.join("pip.conf"), config).unwrap();
        let mut pip = self.command("python");
        pip.env("PIP_CONFIG_FILE", self.work.join("pip.conf"));
        pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        pip.args(["-m", "pip", "install", "--no-cache-dir"]);
        pip.args(["--target", "target", "demo-app"]);
        Self::assert_done(&mut pip);
        Self::assert_installed(&self.work.join("target"));
    }

    fn uv(&self) {
        let config = format!("[[index]]\nurl = \"{}\"\ndefault = true\n", self.index);
        fs::write(self.work.join("uv.toml"), config).unwrap();
        let mut uv = self.command("uv");
        uv.env("UV_CONFIG_FILE", self.work.join("uv.toml"));
        uv.args(["pip", "install", "--no-cache", "--no-python-downloads", "--python"]);
        uv.arg(self.venv.join("bin/python")).args(["--target", "target", "demo-app"]);
        Self::assert_done(&mut uv);
        Self::assert_installed(&self.work.join("target"));
    }

    fn poetry(&self) {
        let project = format!(
            "[tool.poetry]\npackage-mode = false\n\
             [tool.poetry.dependencies]\npython = \">=3.9\"\ndemo-app = \"*\"\n\
             [[tool.poetry.source]]\nname = \"mirror\"\nurl = \"{}\"\npriority = \"primary\"\n",
            self.index
        );
        fs::write(self.work.join("pyproject.toml"), project).unwrap();
        let mut poetry = self.command("poetry");
        poetry.env("POETRY_VIRTUALENVS_IN_PROJECT", "true");
        poetry.args(["install", "--no-interaction", "--no-cache"]);
        Self::assert_done(&mut poetry);
        // It holds one folder, which is called after the version of Python.
        let mut libraries = fs::read_dir(self.work.join(".venv/lib")).unwrap();
        let python = libraries.next().unwrap().unwrap().path();
        Self::assert_installed(&python.join("site-packages"));
    }
}
