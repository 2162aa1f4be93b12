//! Upstreams over TLS, with a site's own certificate authority.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mirror_fixtures::{samples, tool};

use crate::servers::nginx;
use crate::support::Site;

/// A certificate of an authority of its own (`ca.pem`, `server.pem`, `server.key`), for clients and
/// servers; nginx, and the block that serves the upstream's files with it.
pub(crate) fn certificates(site: &Site) -> Option<(PathBuf, String)> {
    let (nginx_program, openssl) = (tool("nginx")?, tool("openssl")?);
    fs::write(site.path("extensions"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30";
    for arguments in [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority"),
        format!("req {key} -keyout server.key -out server.csr -subj /CN=server"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem \
         -days 30 -extfile extensions"
            .to_owned(),
    ] {
        let mut command = Command::new(&openssl);
        command.args(arguments.split(' ')).current_dir(site.path("."));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let at = |path: &str| site.path(path).display().to_string();
    let block = format!(
        "ssl_certificate {}; ssl_certificate_key {}; root {};",
        at("server.pem"),
        at("server.key"),
        site.served("").display()
    );
    Some((nginx_program, block))
}

#[test]
fn an_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let site = Site::of(&samples::plain(3));
    let Some((program, block)) = certificates(&site) else { return };
    let server = nginx(&site, &program, "https", &block);
    let arguments = format!("sync --url {} --path up --root mirror", server.url);

    let ran = site.run(&arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(
        ran.text().contains("certificate comes from an authority that is not trusted"),
        "{}",
        ran.text()
    );
    assert!(ran.text().contains("hint: the upstream's certificate authority"), "{}", ran.text());
    assert!(!ran.text().contains("trying again"), "a refused certificate is not asked for again");

    let ran = site.run(&format!("{arguments} --ca-file ca.pem"));
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let mut command = site.command(&arguments);
    command.env("SSL_CERT_FILE", site.path("ca.pem"));
    let ran = site.ran(command.output().unwrap());
    assert!(ran.out.contains("unchanged"), "{}", ran.text());
}

#[test]
fn several_folders_of_certificates_are_read_and_one_that_is_missing_is_named() {
    let site = Site::of(&samples::plain(1));
    let arguments = format!("sync --url {}/up/ --path up --root mirror", site.upstream.url());
    let ran = site.run(&format!("{arguments} --ca-file absent.pem"));
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    assert!(ran.err.starts_with("error: absent.pem: No such file"), "{}", ran.err);
    assert!(ran.err.contains("hint: certificates come from"), "{}", ran.err);

    let Some((program, block)) = certificates(&site) else { return };
    let server = nginx(&site, &program, "https", &block);
    fs::create_dir(site.path("empty")).unwrap();
    fs::create_dir(site.path("own")).unwrap();
    fs::copy(site.path("ca.pem"), site.path("own/ca.pem")).unwrap();
    let arguments = format!("sync --url {} --path up --root mirror", server.url);
    let folders = ["absent", "empty", "own"].map(|name| site.path(name).display().to_string());
    let mut command = site.command(&arguments);
    command.env("SSL_CERT_DIR", folders.join(":"));
    let ran = site.ran(command.output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    // A file without any is no authority that is merely another one.
    let ran = site.run(&format!("{arguments} --ca-file extensions"));
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    assert!(ran.err.contains("error: extensions: no certificate in it"), "{}", ran.err);
    // A certificate is for the names that it holds, which are told.
    let url = server.url.replace("127.0.0.1", "localhost");
    let ran = site.run(&format!("sync --url {url} --path other --root mirror --ca-file ca.pem"));
    let told = "the server's certificate is for 127.0.0.1, not for localhost";
    assert!(ran.out.contains(told), "{}", ran.text());
    assert!(ran.err.contains("hint: the URL has to name the server"), "{}", ran.err);
}
