use std::collections::BTreeMap;
use std::path::Path;

use mirror_core::format::pypi::requirements::{Reading, Role};

use super::*;

/// A host: its variables and files.
#[derive(Default)]
struct Host {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, &'static str>,
    options: Given,
    config: Given,
    requirements: &'static str,
    built_in: Option<&'static str>,
    pip_default: Option<&'static str>,
}

impl Host {
    fn indexes(&self) -> Result<Indexes, IndexError> {
        let variable = |name: &str| self.variables.get(name).map(|value| (*value).to_owned());
        let texts = |places: Vec<PathBuf>| -> Vec<Text> {
            let text = |path: &PathBuf| self.files.get(path.to_str().unwrap());
            places
                .into_iter()
                .filter_map(|path| Some((path.clone(), (*text(&path)?).to_owned())))
                .collect()
        };
        let exists = |path: &Path| self.files.contains_key(path.to_str().unwrap());
        let none = |_: &str| None;
        let mut reading = Reading::new(&none);
        reading.add(Location::parse("requirements.txt").unwrap(), Role::Requirements);
        reading.wanted();
        reading.take(self.requirements.as_bytes()).unwrap();
        Indexes::of(&Inputs {
            options: self.options.clone(),
            requirements: &reading.finish().options,
            config: self.config.clone(),
            variable: &variable,
            pip_conf: &texts(pip_files(&variable, exists)),
            uv_toml: &texts(uv_files(&variable)),
            is_needed: true,
            exists: &exists,
            built_in: self.built_in,
            pip_default: &|| self.pip_default.map(str::to_owned),
        })
    }

    /// Each index and its origin.
    fn asked(&self) -> Vec<String> {
        let indexes = self.indexes().unwrap().urls;
        indexes.iter().map(|index| format!("{} {}", index.value, index.origin)).collect()
    }
}

fn given(index: &str) -> Given {
    Given { index_url: Some(index.to_owned()), ..Given::default() }
}

#[test]
fn the_first_place_that_names_an_index_counts() {
    let mut host = Host {
        variables: BTreeMap::from([
            ("HOME", "/home/me"),
            ("PIP_INDEX_URL", "https://pip-env.example/"),
            ("UV_DEFAULT_INDEX", "site=https://uv-env.example/"),
            ("UV_INDEX_URL", "https://uv-old.example/"),
        ]),
        files: BTreeMap::from([
            ("/etc/pip.conf", "[global]\nindex-url = https://pip.example/\n"),
            ("/etc/uv/uv.toml", "[[index]]\nurl = \"https://uv.example/\"\ndefault = true\n"),
        ]),
        options: given("https://option.example/"),
        config: given("https://config.example/"),
        requirements: "-i https://list.example/\n",
        built_in: Some("https://built-in.example/"),
        pip_default: Some("https://default.example/"),
    };
    let mut found = Vec::new();
    for forget in 0..9 {
        found.extend(host.asked());
        match forget {
            0 => host.options = Given::default(),
            1 => host.requirements = "",
            2 => host.config = Given::default(),
            3 => _ = host.variables.remove("PIP_INDEX_URL"),
            4 => _ = host.files.remove("/etc/pip.conf"),
            5 => _ = host.variables.remove("UV_DEFAULT_INDEX"),
            6 => _ = host.variables.remove("UV_INDEX_URL"),
            7 => _ = host.files.remove("/etc/uv/uv.toml"),
            _ => host.built_in = None,
        }
    }
    found.extend(host.asked());
    assert_eq!(
        found,
        [
            "https://option.example/ --index-url",
            "https://list.example/ requirements.txt:1",
            "https://config.example/ mirror.toml",
            "https://pip-env.example/ PIP_INDEX_URL",
            "https://pip.example/ /etc/pip.conf",
            "https://uv-env.example/ UV_DEFAULT_INDEX",
            "https://uv-old.example/ UV_INDEX_URL",
            "https://uv.example/ /etc/uv/uv.toml",
            "https://built-in.example/ this program",
            "https://default.example/ the installed pip",
        ]
    );
    host.pip_default = None;
    let error = host.indexes().unwrap_err();
    assert!(
        error.to_string() == "no index is named" && error.hint().unwrap().contains("--index-url")
    );
}

#[test]
fn further_indexes_come_from_options_lists_and_one_more_place() {
    let mut host = Host {
        variables: BTreeMap::from([
            ("PIP_EXTRA_INDEX_URL", "https://a.example/ https://b.example/"),
            ("UV_INDEX", "https://uv.example/"),
            ("PIP_FIND_LINKS", "/srv/a /srv/b"),
            ("PIP_TRUSTED_HOST", "a.example b.example:8443"),
        ]),
        options: Given {
            extra_index_urls: vec!["https://o.example/".into()],
            ..given("https://i.example/")
        },
        requirements: "--extra-index-url https://l.example/\n-f wheels\n",
        ..Host::default()
    };
    assert_eq!(
        host.asked(),
        [
            "https://o.example/ --extra-index-url",
            "https://l.example/ requirements.txt:1",
            "https://a.example/ PIP_EXTRA_INDEX_URL",
            "https://b.example/ PIP_EXTRA_INDEX_URL",
            "https://i.example/ --index-url",
        ]
    );
    let indexes = host.indexes().unwrap();
    let links: Vec<_> = indexes.find_links.iter().map(|link| link.value.to_string()).collect();
    assert_eq!(links, ["wheels", "/srv/a", "/srv/b"]);
    assert_eq!(indexes.trusted_hosts.len(), 2);
    host.variables.remove("PIP_EXTRA_INDEX_URL");
    host.requirements = "";
    host.options.extra_index_urls.clear();
    assert_eq!(host.asked(), ["https://uv.example/ UV_INDEX", "https://i.example/ --index-url"]);
    host.options.no_index = Some(true);
    assert_eq!(host.asked(), [""; 0]);
    host.variables.remove("PIP_FIND_LINKS");
    let by = IndexOrigin::Option("--no-index");
    assert_eq!(host.indexes(), Err(IndexError::Forbidden { by }));
}

#[test]
fn who_says_that_no_index_is_asked_says_it_of_what_counts_less() {
    let mut host = Host {
        variables: BTreeMap::from([
            ("PIP_NO_INDEX", "1"),
            ("PIP_INDEX_URL", "https://pip-env.example/"),
            ("PIP_EXTRA_INDEX_URL", "https://pip-extra.example/"),
        ]),
        files: BTreeMap::from([("/etc/pip.conf", "[global]\nindex-url = https://pip.example/\n")]),
        options: given("https://option.example/"),
        built_in: Some("https://built-in.example/"),
        ..Host::default()
    };
    assert_eq!(host.asked(), ["https://option.example/ --index-url"]);
    host.options = Given::default();
    host.requirements = "--extra-index-url https://list.example/\n";
    assert_eq!(host.asked(), ["https://list.example/ requirements.txt:1"]);
    host.requirements = "";
    host.config = given("https://config.example/");
    assert_eq!(host.asked(), ["https://config.example/ mirror.toml"]);
    host.config = Given { no_index: Some(false), ..Given::default() };
    assert_eq!(
        host.asked(),
        [
            "https://pip-extra.example/ PIP_EXTRA_INDEX_URL",
            "https://pip-env.example/ PIP_INDEX_URL"
        ]
    );
    host.config = Given::default();
    let error = host.indexes().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no index is asked, as PIP_NO_INDEX says, and no files are named in its place"
    );
    assert!(error.hint().unwrap().contains("--find-links"));
    // Within one place it counts for all of it, as for pip: also within a file of several values.
    host.variables.clear();
    let conf = "[global]\nno-index = yes\nindex-url = https://pip.example/\n";
    host.files.insert("/etc/pip.conf", conf);
    let by = IndexOrigin::PipConf("/etc/pip.conf".into());
    assert_eq!(host.indexes(), Err(IndexError::Forbidden { by }));
}

#[test]
fn reads_pip_conf_as_pip_does() {
    let mut host = Host {
        variables: BTreeMap::from([("HOME", "/home/me"), ("VIRTUAL_ENV", "/venv")]),
        files: BTreeMap::from([
            (
                "/etc/xdg/pip/pip.conf",
                "[global]\nindex-url = https://xdg.example/\ncert = /xdg.pem\n",
            ),
            ("/etc/pip.conf", "# ours\n[install]\nINDEX_URL: https://etc.example/\n"),
            ("/home/me/.pip/pip.conf", "[global]\nindex-url = https://old.example/\n"),
            (
                "/home/me/.config/pip/pip.conf",
                "[global]\nextra-index-url =\n    https://a.example/\n    https://b.example/\ntimeout = 5\n",
            ),
            ("/venv/pip.conf", "[freeze]\nindex-url = https://no.example/\n"),
        ]),
        ..Host::default()
    };
    // A section counts before a file.
    assert_eq!(
        host.asked(),
        [
            "https://a.example/ /home/me/.config/pip/pip.conf",
            "https://b.example/ /home/me/.config/pip/pip.conf",
            "https://etc.example/ /etc/pip.conf",
        ]
    );
    assert_eq!(host.indexes().unwrap().cert.unwrap().origin.to_string(), "/etc/xdg/pip/pip.conf");
    host.files.remove("/etc/pip.conf");
    assert_eq!(host.asked().last().unwrap(), "https://old.example/ /home/me/.pip/pip.conf");
    // In place of the user's own.
    host.variables.insert("PIP_CONFIG_FILE", "/site.conf");
    assert_eq!(host.asked().last().unwrap(), "https://old.example/ /home/me/.pip/pip.conf");
    host.files.insert("/site.conf", "[download]\nno-index = off\n");
    assert_eq!(host.asked(), ["https://xdg.example/ /etc/xdg/pip/pip.conf"]);
    host.variables.insert("PIP_CONFIG_FILE", "/dev/null");
    assert_eq!(host.indexes(), Err(IndexError::None));
    for (text, expected) in [
        ("[global]\nindex-url\n", "/etc/pip.conf: line 2: expected key = value"),
        ("index-url = x\n", "/etc/pip.conf: line 1: expected a [section] before anything else"),
        (
            "[global]\nno-index = maybe\n",
            "/etc/pip.conf: no-index: expected yes or no, found \"maybe\"",
        ),
        (
            "[global]\nindex-url = ftp://me:secret@h.example/\n",
            "/etc/pip.conf: \"ftp://***@h.example/\": expected a path, or a URL of http, https or file",
        ),
    ] {
        let host = Host { files: BTreeMap::from([("/etc/pip.conf", text)]), ..Host::default() };
        assert_eq!(host.indexes().unwrap_err().to_string(), expected);
    }
}

#[test]
fn reads_uv_toml_of_user_and_system() {
    let mut host = Host {
        variables: BTreeMap::from([("HOME", "/home/me")]),
        files: BTreeMap::from([
            (
                "/home/me/.config/uv/uv.toml",
                "offline = false\n[[index]]\nname = \"torch\"\nurl = \"https://torch.example/\"\nexplicit = true\n\
                 [[index]]\nname = \"site\"\nurl = \"https://site.example/\"\n\
                 [[index]]\nurl = \"/srv/wheels\"\nformat = \"flat\"\n",
            ),
            (
                "/etc/uv/uv.toml",
                "index-url = \"https://top.example/\"\n[pip]\nindex-url = \"https://pip.example/\"\n",
            ),
        ]),
        ..Host::default()
    };
    let indexes = host.indexes().unwrap();
    assert_eq!(
        host.asked(),
        [
            "https://site.example/ /home/me/.config/uv/uv.toml",
            "https://pip.example/ /etc/uv/uv.toml"
        ]
    );
    assert_eq!(indexes.find_links[0].value.to_string(), "/srv/wheels");
    assert_eq!(indexes.notes.len(), 1);
    host.variables.insert("UV_NO_CONFIG", "1");
    assert_eq!(host.indexes(), Err(IndexError::None));
    host.variables.insert("UV_CONFIG_FILE", "/uv.toml");
    host.files.insert("/uv.toml", "index-url = 1\n");
    let error = host.indexes().unwrap_err().to_string();
    assert_eq!(error, "/uv.toml: line 1: is no configuration of uv");
}

#[test]
fn certificates_are_those_of_the_first_place() {
    let mut host = Host {
        variables: BTreeMap::from([
            ("PIP_CERT", "/a.pem"),
            ("REQUESTS_CA_BUNDLE", "/b.pem"),
            ("SSL_CERT_FILE", "/c.pem"),
        ]),
        options: given("https://i.example/"),
        ..Host::default()
    };
    let mut found = Vec::new();
    for name in ["PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let cert = host.indexes().unwrap().cert.unwrap();
        found.push(format!("{} {}", cert.value.display(), cert.origin));
        host.variables.remove(name);
    }
    assert_eq!(found, ["/a.pem PIP_CERT", "/b.pem REQUESTS_CA_BUNDLE", "/c.pem SSL_CERT_FILE"]);
    assert_eq!(host.indexes().unwrap().cert, None);
}

/// pip itself says which files it reads, and in which order of kinds.
#[test]
fn looks_where_pip_looks() {
    let Some(python) = mirror_fixtures::tool("python3") else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let variables = [
        ("HOME", home),
        ("XDG_CONFIG_DIRS", "/etc/xdg:/opt/xdg"),
        ("PIP_CONFIG_FILE", "/nowhere/pip.conf"),
    ];
    let output = std::process::Command::new(python)
        .args(["-I", "-m", "pip", "config", "debug"])
        .env_clear()
        .envs(variables)
        .output()
        .unwrap();
    if !output.status.success() {
        println!("skipped: there is no pip");
        return;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let mut theirs: Vec<_> = text
        .lines()
        .filter_map(|line| {
            line.trim()
                .strip_suffix(", exists: False")
                .or(line.trim().strip_suffix(", exists: True"))
        })
        .collect();
    // That of its own folder, which is another thing than a virtual environment's.
    theirs.retain(|path| {
        !path.ends_with("pip.conf")
            || path.contains("/pip/")
            || path.contains(home)
            || path.starts_with("/etc")
            || path.starts_with("/nowhere")
    });
    theirs.sort_unstable();
    let variable =
        |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let ours = pip_files(&variable, |_| false);
    let mut ours: Vec<_> = ours.iter().map(|path| path.to_str().unwrap()).collect();
    ours.sort_unstable();
    assert_eq!(ours, theirs);
}
