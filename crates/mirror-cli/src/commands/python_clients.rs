//! What pip and uv must be told to install from a mirror, and from nothing else.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use url::{Host, Url};

/// Whether a folder holds a tree of Python packages, this program's or python-pypi-mirror's.
pub(super) fn is_tree(folder: &Path) -> bool {
    folder.join("index.html").is_file() && folder.join("files").is_dir()
}

/// The files for pip and uv; `index` is the URL that the tree is served at, with a slash at the end.
pub(super) fn configuration(index: &str) -> String {
    let mut text = format!("\nfor pip, as /etc/pip.conf:\n\n[global]\nindex-url = {index}\n");
    if let Some(host) = mistrusted(index) {
        let _ = writeln!(text, "trusted-host = {host}");
    }
    let _ = write!(
        text,
        "\nfor uv, as /etc/uv/uv.toml:\n\n[[index]]\nurl = \"{index}\"\ndefault = true\n"
    );
    text
}

/// The host, where pip takes nothing from it unless it is told to: plain http to another host. What
/// pip says then is that no version was found.
fn mistrusted(index: &str) -> Option<String> {
    let url = Url::parse(index).ok().filter(|url| url.scheme() == "http")?;
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => IpAddr::V4(ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(ip).is_loopback(),
    };
    (!is_here).then(|| url.host_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pip_is_told_to_trust_plain_http_of_another_host() {
        for (index, host) in [
            ("http://10.0.0.1:8080/pypi/", Some("10.0.0.1")),
            ("http://mirror.site.example/pypi/", Some("mirror.site.example")),
            ("http://[fd00::1]:8080/pypi/", Some("[fd00::1]")),
            ("https://mirror.site.example/pypi/", None),
            ("http://localhost:8080/pypi/", None),
            ("http://127.1.2.3/pypi/", None),
            ("http://[::1]/pypi/", None),
        ] {
            assert_eq!(mistrusted(index).as_deref(), host, "{index}");
        }
    }

    #[test]
    fn the_files_name_the_mirror_alone() {
        assert_eq!(
            configuration("http://10.0.0.1:8080/pypi/"),
            "
for pip, as /etc/pip.conf:

[global]
index-url = http://10.0.0.1:8080/pypi/
trusted-host = 10.0.0.1

for uv, as /etc/uv/uv.toml:

[[index]]
url = \"http://10.0.0.1:8080/pypi/\"
default = true
"
        );
    }
}
