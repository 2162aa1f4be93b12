//! Servers that a test starts and that end with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Site, wait_until};

/// A server that ends with its test.
pub(crate) struct Serving {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `mirror serve` over the site's root.
pub(crate) fn embedded(site: &Site) -> Serving {
    embedded_by(&mut site.command("serve --root mirror --listen 127.0.0.1:0"))
}

/// The same, by a command of the caller's.
pub(crate) fn embedded_by(command: &mut Command) -> Serving {
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let url = first.trim().strip_prefix("serving mirror at ").unwrap().to_owned();
    Serving { child, url }
}

/// nginx, listening on a free port of loopback, with more of a server block.
pub(crate) fn nginx(site: &Site, program: &Path, scheme: &str, server: &str) -> Serving {
    nginx_with(site, program, scheme, |port| {
        let tls = if scheme == "https" { "ssl" } else { "" };
        format!("access_log off; server {{ listen 127.0.0.1:{port} {tls}; {server} }}")
    })
}

/// nginx with an `http` block that listens on that port.
pub(crate) fn nginx_with(
    site: &Site,
    program: &Path,
    scheme: &str,
    http: impl FnOnce(u16) -> String,
) -> Serving {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = site.path("nginx");
    fs::create_dir_all(&folder).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};", at(kind)))
        .join(" ");
    // One process, so that killing it ends it.
    let config = format!(
        "daemon off; master_process off; pid {}; error_log {}; events {{}}
        http {{ {temporary} {} }}",
        at("pid"),
        at("log"),
        http(port),
    );
    fs::write(folder.join("nginx.conf"), config).unwrap();
    let child = Command::new(program)
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("nginx listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    Serving { child, url: format!("{scheme}://127.0.0.1:{port}/") }
}
