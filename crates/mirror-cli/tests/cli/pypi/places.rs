//! Where packages come from, and who said so.

use std::collections::BTreeSet;
use std::fs;

use mirror_fixtures::pypi::{Forms, Hash, Index, Offer, Release, samples};
use mirror_fixtures::{Fault, Upstream, samples as rpm};

use super::lines;
use crate::servers::nginx;
use crate::support::Site;
use crate::tls::certificates;

/// What a dry run says of the places that it asks.
fn asked(site: &Site, arguments: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let mut command = site
        .command(&format!("pypi words --target el10 --dry-run --json --root mirror {arguments}"));
    command.envs(variables.iter().copied());
    let ran = site.ran(command.output().unwrap());
    let sets = lines(&ran.out, "set");
    assert_eq!(sets.len(), 1, "{}", ran.text());
    let places = ["indexes", "find_links"].map(|key| sets[0][key].as_array().unwrap().clone());
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let line =
        |place: &serde_json::Value| format!("{} {}", text(&place["url"]), text(&place["from"]));
    places.iter().flatten().map(line).collect()
}

#[test]
fn the_first_place_that_names_an_index_is_asked() {
    let site = Site::of_index(&samples::demo());
    let url = |name: &str| format!("{}/{name}/", site.upstream.url());
    let pip_conf = site.path("pip.conf");
    fs::write(&pip_conf, format!("[global]\nindex-url = {}\n", url("pip-conf"))).unwrap();
    fs::write(site.path("list.txt"), format!("words\n-i {}\n", url("list"))).unwrap();
    fs::write(site.path("uv.toml"), format!("index-url = \"{}\"\n", url("uv"))).unwrap();
    let config = format!("[pypi]\nindex_url = \"{}\"\n", url("config"));
    fs::write(site.path("mirror.toml"), config).unwrap();
    let environment = url("environment");
    let mut variables = vec![
        ("PIP_INDEX_URL", environment.as_str()),
        ("PIP_CONFIG_FILE", "pip.conf"),
        ("UV_NO_CONFIG", "0"),
        ("UV_CONFIG_FILE", "uv.toml"),
    ];
    let ask = |arguments: &str, variables: &[(&str, &str)]| asked(&site, arguments, variables);
    let option = format!("-r list.txt --index-url {}", url("option"));
    assert_eq!(ask(&option, &variables), ["[URL]/option/ --index-url"]);
    assert_eq!(ask("-r list.txt", &variables), ["[URL]/list/ list.txt:2"]);
    assert_eq!(ask("", &variables), ["[URL]/config/ mirror.toml"]);
    fs::remove_file(site.path("mirror.toml")).unwrap();
    assert_eq!(ask("", &variables), ["[URL]/environment/ PIP_INDEX_URL"]);
    variables.remove(0);
    assert_eq!(ask("", &variables), ["[URL]/pip-conf/ pip.conf"]);
    variables[0].1 = "/dev/null";
    assert_eq!(ask("", &variables), ["[URL]/uv/ uv.toml"]);
}

#[test]
fn further_places_stand_beside_it_each_with_its_origin() {
    let site = Site::of_index(&samples::demo());
    fs::create_dir_all(site.path("lists/wheels")).unwrap();
    fs::write(site.path("lists/a.txt"), "-f wheels\n-f other\n").unwrap();
    let option =
        format!("-r lists/a.txt -i {0}/simple/ --extra-index-url {0}/more/", site.upstream.url());
    let variables = [("PIP_FIND_LINKS", "/srv/links")];
    assert_eq!(
        asked(&site, &option, &variables),
        [
            "[URL]/more/ --extra-index-url",
            "[URL]/simple/ --index-url",
            // Beside the file where that is there, else in the working directory: as for pip.
            "lists/wheels lists/a.txt:1",
            "other lists/a.txt:2",
            "/srv/links PIP_FIND_LINKS",
        ]
    );
}

/// As a tree that was carried over by disk: nothing is asked for.
#[test]
fn an_index_may_lie_on_this_host() {
    let site = Site::of_index(&samples::demo());
    let folder = site.path("carried");
    for (path, bytes) in samples::demo().forms(Forms::Html).hashes(&[]).files() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let pip_conf = format!("[global]\nindex-url = file://{}/simple\n", folder.display());
    fs::write(site.path("pip.conf"), pip_conf).unwrap();
    for arguments in ["", "--index-url carried/simple/", "--no-index -f carried/files"] {
        let line = format!("pypi hello --target el10 --root mirror --quiet {arguments}");
        let mut command = site.command(&line);
        command.env("PIP_CONFIG_FILE", "pip.conf");
        assert_eq!(site.ran(command.output().unwrap()).text(), "exit 0\n", "{arguments}");
    }
    assert_eq!(site.upstream.requests().len(), 0);
    let ran = site.run("pypi hello --target el10 --root mirror -i carried/simpel");
    assert_eq!(
        ran.text(),
        "error: set cli: --index-url: carried/simpel is no folder of this host\nexit 2\n"
    );
}

#[test]
fn people_are_told_which_index_it_is() {
    let site = Site::of_index(&samples::demo());
    let ran = site.pypi("words --target el9 ubuntu24.04 el9-aarch64 --dry-run");
    let told: String =
        ran.err.split_inclusive('\n').filter(|line| line.starts_with("set")).collect();
    assert_eq!(
        told,
        "\
set cli: for Python 3.9, 3.11, 3.12 on manylinux_2_34_x86_64 (el9)
set cli: for Python 3.12 on manylinux_2_39_x86_64 (ubuntu24.04)
set cli: for Python 3.9, 3.11, 3.12 on manylinux_2_34_aarch64 (el9-aarch64)
set cli: index [URL]/simple/ (from --index-url)
"
    );
}

#[test]
fn a_login_is_sent_with_all_requests_and_shown_and_kept_nowhere() {
    let site = Site::of_index(&samples::demo());
    site.upstream.require_login("site", "pass word");
    let url = site.upstream.url().replace("://", "://site:pass%20word@");
    let ran = site.run(&format!("pypi words --target el9 --root mirror --json -i {url}/simple"));
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let mut seen = ran.text();
    for folder in ["mirror/pypi", "mirror/.mirror/generations/pypi"] {
        for file in fs::read_dir(site.path(folder)).unwrap().map(|file| file.unwrap().path()) {
            seen += &fs::read_to_string(file).unwrap_or_default();
        }
    }
    for login in ["pass%20", "pass word", "site:"] {
        assert!(!seen.contains(login), "{login}: {seen}");
    }
}

#[test]
fn each_index_of_a_server_is_asked_with_its_own_login() {
    let site = Site::empty();
    let files = ["a", "b", "c"].into_iter().flat_map(|name| {
        let release = Release::new(&format!("of-{name}"), "1.0").wheel("py3-none-any");
        let files = Index::new().release(release).files().into_iter();
        files.map(move |(path, bytes)| (format!("{name}/{path}"), bytes))
    });
    site.upstream.set_files(files);
    let url = |name: &str| site.upstream.url().replace("://", &format!("://{name}:secret@"));
    let ran = site.run(&format!(
        "pypi of-a of-b of-c --target el9 --root mirror --quiet \
         -i {}/a/simple --extra-index-url {}/b/simple -f {}/c/links/",
        url("a"),
        url("b"),
        url("c")
    ));
    assert_eq!(ran.text(), "exit 0\n");
    let asked = site.upstream.requests().into_iter().map(|request| {
        let folder = request.path.split('/').next().unwrap().to_owned();
        (folder, request.header("authorization").unwrap().to_owned())
    });
    let asked: BTreeSet<_> = asked.collect();
    let expected =
        [("a", "Basic YTpzZWNyZXQ="), ("b", "Basic YjpzZWNyZXQ="), ("c", "Basic YzpzZWNyZXQ=")];
    assert_eq!(asked, expected.map(|(name, login)| (name.to_owned(), login.to_owned())).into());
}

/// One server has it all, as sites' repository managers do.
#[test]
fn the_login_of_an_index_is_for_its_sets_alone() {
    let site = Site::of(&rpm::plain(1));
    for (path, bytes) in samples::demo().files() {
        let path = site.served(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let url = format!("{}/up", site.upstream.url());
    let own = url.replace("://", "://index:secret@");
    let file = samples::demo().file("words-5-py3-none-any.whl");
    let direct =
        format!("words @ {url}/files/{}#sha256={}", file.filename, Hash::Sha256.hex(&file.bytes));
    let config = format!(
        "root = \"mirror\"\n[[repo]]\nurl = \"{url}/\"\npath = \"up\"\n\
         [[host]]\nhost = \"127.0.0.1\"\nusername = \"rpm\"\npassword = \"secret\"\n\
         [pypi]\ntarget = \"el10\"\n\
         [pypi.one]\nindex_url = \"{own}/simple/\"\nrequirements = [\"greeting\", \"{direct}\"]\n\
         [pypi.two]\nindex_url = \"{url}/simple\"\nrequirements = [\"native\"]\n"
    );
    fs::write(site.path("mirror.toml"), config).unwrap();
    let ran = site.run("sync --quiet");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let is_of = |path: &str, names: &[&str]| names.iter().any(|name| path.contains(name));
    for request in site.upstream.requests() {
        let login = if is_of(&request.path, &["greeting", "words"]) {
            "Basic aW5kZXg6c2VjcmV0"
        } else {
            assert!(is_of(&request.path, &["repodata", "Packages", "native"]), "{}", request.path);
            "Basic cnBtOnNlY3JldA=="
        };
        assert_eq!(request.header("authorization"), Some(login), "{}", request.path);
    }
}

#[test]
fn the_certificates_that_pip_is_told_of_count_for_its_indexes() {
    let site = Site::empty();
    let Some((program, block)) = certificates(&site) else { return };
    for (path, bytes) in samples::demo().files() {
        let path = site.served(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let server = nginx(&site, &program, "https", &block);
    let run = |more: &str, variable: Option<(&str, &str)>| {
        let arguments =
            format!("pypi words --target el10 --root mirror -i {}simple/ {more}", server.url);
        let mut command = site.command(&arguments);
        command.envs(variable);
        site.ran(command.output().unwrap())
    };
    let ran = run("", None);
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(ran.err.contains("hint: the upstream's certificate authority"), "{}", ran.err);
    for variable in ["PIP_CERT", "REQUESTS_CA_BUNDLE"] {
        let ran = run("--quiet", Some((variable, "ca.pem")));
        assert_eq!(ran.text(), "exit 0\n", "{variable}");
    }
    // As for pip they count wherever an index leads to: by its links, and by redirects.
    let elsewhere =
        Upstream::serve_files(samples::demo().files_at(&format!("{}files", server.url)).files());
    for (root, is_moved) in [("links", false), ("redirect", true)] {
        if is_moved {
            let page = format!("{}simple/words/", server.url);
            elsewhere.fault("simple/words/", Fault::RedirectTo(page));
        }
        let mut command = site.command(&format!(
            "pypi words --target el10 --root {root} --quiet -i {}/simple/",
            elsewhere.url()
        ));
        command.env("PIP_CERT", "ca.pem");
        assert_eq!(site.ran(command.output().unwrap()).text(), "exit 0\n");
    }
    // Files that are named by themselves, with no index.
    let file = samples::demo().file("words-5-py3-none-any.whl");
    let lock = format!(
        "lock-version = \"1.0\"\ncreated-by = \"x\"\n[[packages]]\nname = \"words\"\nversion = \"5\"\n\
         wheels = [{{ url = \"{}files/{}\", hashes = {{ sha256 = \"{}\" }} }}]\n",
        server.url,
        file.filename,
        Hash::Sha256.hex(&file.bytes)
    );
    fs::write(site.path("pylock.toml"), lock).unwrap();
    let mut command = site.command("pypi -r pylock.toml --target el10 --root locked --quiet");
    command.env("PIP_CERT", "ca.pem");
    assert_eq!(site.ran(command.output().unwrap()).text(), "exit 0\n");
    // What mirror.toml names for the host goes before them.
    let host = "[[host]]\nhost = \"127.0.0.1\"\nca_file = \"ca.pem\"\n";
    fs::write(site.path("mirror.toml"), host).unwrap();
    assert_eq!(run("--quiet", Some(("PIP_CERT", "server.csr"))).text(), "exit 0\n");
    fs::remove_file(site.path("mirror.toml")).unwrap();
    // What an option names stands in its place.
    let ran = run("--ca-file server.csr", Some(("PIP_CERT", "ca.pem")));
    assert_eq!(ran.code, Some(2), "{}", ran.text());
}

#[test]
fn https_is_left_for_what_a_digest_vouches_for_alone() {
    let site = Site::empty();
    let Some((program, block)) = certificates(&site) else { return };
    let server = nginx(&site, &program, "https", &block);
    let index = samples::demo().offer(Offer::True).forms(Forms::Html);
    let clear = Upstream::serve_files(index.files());
    let serve = |index: Index| {
        for (path, bytes) in index.files_at(&format!("{}/files", clear.url())).files() {
            let path = site.served(&path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let url = &server.url;
        site.run(&format!(
            "pypi words --target el10 --root mirror --ca-file ca.pem --allow-unhashed -i {url}simple/"
        ))
    };
    let ran = serve(index.clone().hashes(&[]));
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    let why = "is linked by http from a page that came by https, and has no strong digest there";
    assert!(ran.text().contains(why), "{}", ran.text());
    assert_eq!(clear.requests().len(), 0);
    // What it needs is read of the whole file, which is verified.
    let ran = serve(index);
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let asked: Vec<_> = clear.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["files/words-5-py3-none-any.whl"]);
}

#[test]
fn hosts_that_pip_is_told_to_trust_are_verified_all_the_same() {
    let site = Site::empty();
    let mut command = site.command("pypi words --target el9 --root mirror --retries 0 --timeout 1");
    command.env("PIP_INDEX_URL", "https://127.0.0.1:1/simple/");
    command.env("PIP_TRUSTED_HOST", "127.0.0.1");
    let ran = site.ran(command.output().unwrap());
    assert_eq!(ran.code, Some(1));
    let told =
        "set cli: warning: PIP_TRUSTED_HOST: the certificate of 127.0.0.1 is verified all the same";
    assert!(ran.err.contains(told), "{}", ran.err);
}
