//! Logins, certificates and proxies: where they come from, whom they go to, and that nobody sees
//! them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mirror_fixtures::{Fault, Upstream, samples, tool};

use crate::servers::nginx;
use crate::support::{Ran, Site};
use crate::tls::certificates;

/// `Basic` of `me:secret`.
const BASIC: &str = "Basic bWU6c2VjcmV0";

fn site() -> Site {
    let site = Site::of(&samples::plain(2));
    site.upstream.require_header("authorization", BASIC);
    site
}

fn assert_done(site: &Site, ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert!(!ran.text().contains("secret"), "{}", ran.text());
    // Nor is it kept.
    for folder in ["mirror/.mirror/generations/up", "mirror/.mirror/state"] {
        let mut files = vec![site.path(folder)];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if let Ok(content) = fs::read(&path) {
                let found = content.windows(6).any(|bytes| bytes == b"secret");
                assert!(!found, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_server_that_wants_a_login_says_where_one_is_given() {
    let ran = site().sync("");
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("repomd.xml: 401 Unauthorized"), "{}", ran.out);
    assert!(
        ran.err.contains("hint: the server wants a login, or another than it got: "),
        "{}",
        ran.err
    );
}

#[test]
fn a_login_comes_from_the_url() {
    let site = site();
    let url = site.upstream.url().replace("http://", "http://me:secret@");
    let ran = site.run(&format!("sync --url {url}/up/ --path up --root mirror --json"));
    assert_done(&site, &ran);
}

#[test]
fn a_login_comes_from_netrc() {
    let site = site();
    fs::write(site.path(".netrc"), "machine 127.0.0.1 login me password secret\n").unwrap();
    let mut command = site.command(&site.sync_arguments(""));
    command.env("HOME", site.path("."));
    assert_done(&site, &site.ran(command.output().unwrap()));

    fs::write(site.path("logins"), "default login me password secret").unwrap();
    let mut command = site.command(&site.sync_arguments(""));
    command.env("NETRC", site.path("logins"));
    let ran = site.ran(command.output().unwrap());
    assert!(ran.out.contains("unchanged"), "{}", ran.text());

    fs::write(site.path("logins"), "machine 127.0.0.1\nlogin me passwort secret").unwrap();
    let mut command = site.command(&site.sync_arguments(""));
    command.env("NETRC", "logins");
    let ran = site.ran(command.output().unwrap());
    assert_eq!(
        ran.text(),
        "\
error: logins: line 2: expected machine, default, login, password, account or macdef
hint: logins come from the file that NETRC names, else from ~/.netrc
exit 2
"
    );
}

#[test]
fn a_login_comes_from_the_configuration() {
    let site = site();
    let config = "[[host]]\nhost = \"127.0.0.1\"\nusername = \"me\"\npassword = \"secret\"\n";
    fs::write(site.path("mirror.toml"), config).unwrap();
    fs::set_permissions(site.path("mirror.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = site.sync("");
    assert_done(&site, &ran);
    let warning = "warning: mirror.toml: holds a password or token, and everyone may read it: ";
    assert!(ran.err.starts_with(warning), "{}", ran.err);
    // From a file of its own it is no secret of this one.
    fs::write(site.path("password"), "secret\n").unwrap();
    let config = config.replace("password = \"secret\"", "password_file = \"password\"");
    fs::write(site.path("mirror.toml"), &config).unwrap();
    let ran = site.sync("");
    assert_eq!((ran.code, ran.err.contains("warning")), (Some(0), false), "{}", ran.text());
    // A login may also be that of a proxy, or stand in a URL.
    for login in [
        "[[host]]\nhost = \"h.example\"\nproxy = \"http://me:secret@proxy.example\"\n",
        "[[repo]]\nurl = \"http://me:secret@h.example/r\"\npath = \"r\"\n",
    ] {
        fs::write(site.path("mirror.toml"), format!("{config}{login}")).unwrap();
        let ran = site.sync("--dry-run");
        assert!(ran.err.starts_with(warning) && !ran.text().contains("secret"), "{}", ran.text());
    }
    // A value of another kind is not shown.
    let config = config.replace("password_file = \"password\"", "password = 424242");
    fs::write(site.path("mirror.toml"), &config).unwrap();
    let ran = site.sync("");
    assert_eq!(ran.code, Some(2));
    assert!(!ran.text().contains("424242") && ran.err.contains("mirror.toml:"), "{}", ran.text());
}

#[test]
fn tokens_and_headers_are_sent_to_their_host() {
    let site = Site::of(&samples::plain(1));
    site.upstream.require_header("authorization", "Bearer secret");
    let url = site.upstream.url();
    fs::write(site.path("token"), "secret\n").unwrap();
    let config = format!(
        "[[host]]\nhost = \"{url}/up\"\ntoken_file = \"token\"\nheaders = {{ X-Team = \"a\" }}\n"
    );
    fs::write(site.path("mirror.toml"), config).unwrap();
    assert_done(&site, &site.sync("-q"));
    let requests = site.upstream.requests();
    assert!(requests.iter().all(|request| request.header("x-team") == Some("a")));
}

#[test]
fn a_repo_file_says_login_and_proxy_and_mirrors_get_only_the_way() {
    let site = site();
    let proxy = Upstream::serve(site.served(".."));
    let url = site.upstream.url();
    let repo = |more: &str| {
        let text = format!("[up]\nbaseurl=http://upstream.invalid/up/\n{more}");
        fs::write(site.path("up.repo"), text).unwrap();
        site.run("sync --repo-file up.repo --root mirror")
    };
    let (host, login) = (proxy.url(), "username=me\npassword=secret\n");
    let ran = repo(&format!("{login}proxy={host}\nproxy_username=p\nproxy_password=secret\n"));
    assert_done(&site, &ran);
    let first = &proxy.requests()[0];
    assert_eq!(first.target, "http://upstream.invalid/up/repodata/repomd.xml");
    assert_eq!(first.header("authorization"), Some(BASIC));
    assert_eq!(first.header("proxy-authorization"), Some("Basic cDpzZWNyZXQ="));
    // A mirror that a list names is reached by the same proxy, and gets no password.
    let list = Upstream::serve_files([("list", "http://mirror.invalid/up/\n")]);
    let text = format!("[listed]\nmirrorlist={}\n{login}proxy={host}\n", list.url_of("list"));
    fs::write(site.path("up.repo"), text).unwrap();
    proxy.set_files([("list", "http://mirror.invalid/up/\n")]);
    proxy.clear_requests();
    site.run("sync --repo-file up.repo --root listed --retries 0");
    let requests = proxy.requests();
    assert_eq!(requests[0].header("authorization"), Some(BASIC));
    let to_mirror: Vec<_> =
        requests.iter().filter(|r| r.target.starts_with("http://mirror.invalid/")).collect();
    assert!(!to_mirror.is_empty());
    assert!(to_mirror.iter().all(|request| request.header("authorization").is_none()));
    // `_none_` goes past the proxy of the environment.
    let text = format!("[direct]\nbaseurl={url}/up/\n{login}proxy=_none_\n");
    fs::write(site.path("up.repo"), text).unwrap();
    let mut command = site.command("sync --repo-file up.repo --root direct");
    command.env("http_proxy", "http://127.0.0.1:9");
    let ran = site.ran(command.output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.text());
}

#[test]
fn a_redirect_takes_no_login_to_another_host() {
    let site = Site::of(&samples::plain(1));
    let other = Upstream::serve(site.served(".."));
    // The same machine by another name.
    let elsewhere = other.url().replace("127.0.0.1", "localhost");
    let path = "up/repodata/repomd.xml";
    site.upstream.fault(path, Fault::RedirectTo(format!("{elsewhere}/{path}")));
    let url = site.upstream.url().replace("http://", "http://me:secret@");
    let ran = site.run(&format!("sync --url {url}/up/ --path up --root mirror"));
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(site.upstream.requests()[0].header("authorization"), Some(BASIC));
    assert_eq!(other.requests()[0].header("authorization"), None);
    // Within the host it stays.
    let site = self::site();
    site.upstream.fault(path, Fault::RedirectTo(format!("/{path}?again"))).times(1);
    // Also where there is something else to send.
    let config = "[[host]]\nhost = \"127.0.0.1\"\nheaders = { X-Team = \"a\" }\n";
    fs::write(site.path("mirror.toml"), config).unwrap();
    let url = site.upstream.url().replace("http://", "http://me:secret@");
    assert_done(&site, &site.run(&format!("sync --url {url}/up/ --path up --root mirror")));
    assert!(site.upstream.requests().iter().all(|sent| sent.header("x-team") == Some("a")));
}

#[test]
fn a_client_certificate_opens_a_server_that_wants_one() {
    let site = Site::of(&samples::plain(2));
    let Some((program, block)) = certificates(&site) else { return };
    let ca = site.path("ca.pem").display().to_string();
    let block = format!("{block} ssl_client_certificate {ca}; ssl_verify_client on;");
    let server = nginx(&site, &program, "https", &block);
    let repo = |more: &str| {
        let text = format!("[up]\nbaseurl={}\nsslcacert={ca}\n{more}", server.url);
        fs::write(site.path("up.repo"), text).unwrap();
        site.run("sync --repo-file up.repo --root mirror")
    };
    let ran = repo("");
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    let ran = repo("sslclientcert=server.pem\nsslclientkey=server.key\n");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let ran = repo("sslclientcert=absent.pem\nsslclientkey=server.key\n");
    assert!(ran.err.contains("absent.pem: "), "{}", ran.text());
    assert_eq!(ran.code, Some(1));
    let ran = repo("sslverify=0\n");
    let told = "error: up.repo [up]: sslverify is off, expected certificates that can be verified";
    assert!(ran.err.starts_with(told), "{}", ran.err);
    assert_eq!(ran.code, Some(2));
    // The same by mirror.toml.
    let config = "[[host]]\nhost = \"127.0.0.1\"\nca_file = \"ca.pem\"\nclient_cert = \"server.pem\"\n\
         client_key = \"server.key\"\n";
    fs::write(site.path("mirror.toml"), config).unwrap();
    let ran = site.run(&format!("sync --url {} --path up --root other", server.url));
    assert_eq!(ran.code, Some(0), "{}", ran.text());
}

#[test]
fn a_proxy_that_fails_is_named_and_not_the_upstream() {
    let site = Site::of(&samples::plain(1));
    let refused = format!("http://{}", {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    });
    let run = |proxy: &str, url: &str| {
        let mut command =
            site.command(&format!("sync --url {url} --path up --root mirror --retries 0"));
        command.env("http_proxy", proxy).env("https_proxy", proxy);
        site.ran(command.output().unwrap())
    };
    let shown = format!("proxy {refused}/: Connection refused");
    for url in ["http://upstream.invalid/up/", "https://upstream.invalid/up/"] {
        let ran = run(&refused.replace("http://", "http://me:secret@"), url);
        assert!(ran.out.contains(&shown), "{}", ran.text());
        assert!(ran.err.contains("hint: the proxy comes from http_proxy"), "{}", ran.err);
        assert!(!ran.text().contains("secret"));
    }
    let own = site.upstream.url();
    site.upstream.fault_all(Fault::Status(407));
    let ran = run(&own, "http://upstream.invalid/up/");
    let told = "407 Proxy Authentication Required (by the proxy [URL]/), expected 200 OK";
    assert!(ran.out.contains(told), "{}", ran.out);
    assert!(ran.err.contains("hint: the proxy wants a user"), "{}", ran.err);
    // What a proxy answers in the place of an upstream that it cannot reach looks like upstream's.
    for (code, told) in [(502, "502 Bad Gateway"), (403, "403 Forbidden")] {
        site.upstream.clear_faults();
        site.upstream.fault_all(Fault::Status(code));
        let ran = run(&own.replace("http://", "http://me:secret@"), "http://upstream.invalid/up/");
        let told = format!("repomd.xml: {told} (through the proxy [URL]/), expected 200 OK");
        assert!(ran.out.contains(&told), "{}", ran.out);
        assert!(ran.err.contains("hint: that may be the proxy's own answer"), "{}", ran.err);
        assert!(!ran.text().contains("secret"));
    }
}

#[test]
fn what_cannot_be_right_is_not_tried_again() {
    let site = Site::of(&samples::plain(1));
    // https to a port that speaks http.
    if let Some(program) = tool("nginx") {
        let server = nginx(&site, &program, "http", "");
        let url = server.url.replace("http://", "https://");
        let ran = site.run(&format!("sync --url {url} --path up --root mirror"));
        assert!(ran.out.contains("the answer is no TLS, expected an https port"), "{}", ran.out);
        assert!(ran.err.contains("hint: the port speaks plain HTTP"), "{}", ran.err);
        assert!(!ran.err.contains("trying again"), "{}", ran.err);
    }
    // And one where nothing listens, which may pass.
    let ran = site.run("sync --url http://127.0.0.1:9/ --path up --root mirror --retries 1");
    assert_eq!(ran.err.matches("trying again").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("hint: nothing listens there"), "{}", ran.err);
}

#[test]
fn a_url_with_a_token_is_named_without_it() {
    let site = Site::of(&samples::plain(1));
    let url = format!("{}/up/?token=secret", site.upstream.url());
    site.upstream.fault("up/repodata/repomd.xml", Fault::Replace(b"<html>".to_vec()));
    let ran = site.run(&format!("sync --url {url} --path up --root mirror"));
    let told = "[URL]/up/repodata/repomd.xml?…: ";
    assert!(ran.out.contains(told) && !ran.text().contains("secret"), "{}", ran.text());
    // Where it is a list's, neither the state nor what is printed has it.
    site.upstream.clear_faults();
    let list = Upstream::serve_files([("list", site.upstream.url_of("up/"))]);
    let text = format!("[up]\nmirrorlist={}?token=secret\n", list.url_of("list"));
    fs::write(site.path("up.repo"), text).unwrap();
    assert_done(&site, &site.run("sync --repo-file up.repo --root mirror"));
    let status = site.run("status up --root mirror");
    assert!(status.out.contains("/list?token="), "{}", status.text());
    assert!(!status.text().contains("secret"), "{}", status.text());
}

#[test]
fn a_listing_shows_no_token() {
    let site = Site::empty();
    let config = "[preset.vendor]\nbaseurl = \"https://me:secret@h.example/a\"\n\
                  url = \"$repo/?token=secret\"\n\
                  keys = [\"https://me:secret@h.example/key?token=secret\"]\n\
                  [preset.vendor.repo]\ntools = {}\n";
    fs::write(site.path("mirror.toml"), config).unwrap();
    for arguments in ["repos vendor", "repos vendor --json"] {
        let ran = site.run(arguments);
        assert!(ran.out.contains("https://***@h.example/a/tools/?…"), "{}", ran.text());
        assert!(!ran.out.contains("secret"), "{}", ran.out);
    }
}

#[test]
fn a_rate_is_a_number_with_or_without_a_unit() {
    let site = Site::of(&samples::plain(1));
    assert_eq!(site.sync("--limit-rate 10M -q").code, Some(0));
    for wrong in ["0", "fast", "2X", "-1K"] {
        let ran = site.sync(&format!("--limit-rate={wrong}"));
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains("bytes a second, such as 500K, 2M or 1G"), "{}", ran.err);
    }
    fs::write(site.path("mirror.toml"), "limit_rate = \"1.5Q\"\n").unwrap();
    let ran = site.sync("");
    assert!(ran.err.contains("mirror.toml:1: ") && ran.code == Some(2), "{}", ran.text());
    fs::write(site.path("mirror.toml"), "limit_rate = \"20M\"\nretries = 2\ntimeout = \"9s\"\n")
        .unwrap();
    assert_eq!(site.sync("").code, Some(0));
}
