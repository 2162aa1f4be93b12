//! `mirror serve`.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

use mirror_core::Error;
use mirror_core::path::{RepoPath, TreePath};
use mirror_core::store::Store;
use mirror_serve::{BodyEnd, Event, Server, ServerConfig};

use super::python_clients;
use crate::cli::ServeArgs;
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure};
use crate::signals;

/// Where trees are looked for when no state says where they are: folders within folders, and
/// folders in all.
const DEEPEST: usize = 8;
const MOST_FOLDERS: usize = 20_000;

/// Serves the published trees until a signal comes.
pub(super) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    finish_publication(&root)?;
    let trees = published(&root)?;
    let runtime = super::runtime()?;
    let (access_log, quiet) = (args.access_log, args.quiet);
    let cancel = signals::watch(move || {
        if !quiet {
            console::note(format_args!("stopping; a second Ctrl-C stops at once"));
        }
    })?;
    runtime.block_on(async {
        let settings = ServerConfig::new(&root).on_event(move |event| log(event, access_log));
        let server = Server::bind(args.listen, settings).await?;
        if !quiet {
            let base = base_url(args, server.local_addr());
            let text = greeting(&root, &base, &trees);
            console::print(&text).map_err(Failure::Output)?;
        }
        server.run(cancel.cancelled()).await;
        Ok(Exit::Done)
    })
}

/// Finishes a publication that was interrupted, where the root can be written to.
fn finish_publication(root: &Path) -> Result<(), Failure> {
    match Store::finish_publication(root) {
        Ok(true) => {
            console::note(format_args!("{}: finished an interrupted publication", root.display()));
        }
        Ok(false) => {}
        Err(Error::Io { source, .. })
            if matches!(
                source.kind(),
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
            ) =>
        {
            console::tell(
                Tag::Warning,
                format_args!(
                    "{}: a publication was interrupted, and this root cannot be written to: what is \
                 there is served",
                    root.display()
                ),
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The trees to name; none where the state is another user's, who alone may read it.
fn published(root: &Path) -> Result<Vec<TreePath>, Failure> {
    match Store::trees_below(root) {
        // Carried here without the state, or mirrored by another tool.
        Ok(trees) if trees.is_empty() => match repositories(root) {
            found if found.is_empty() => Err(super::nothing_at(root)),
            found => Ok(found),
        },
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            console::tell(
                Tag::Warning,
                format_args!(
                    "{}: another user made this mirror, so its trees are served and not listed here",
                    root.display()
                ),
            );
            Ok(Vec::new())
        }
        found => Ok(found?),
    }
}

/// The folders below the root that hold a repository or Python packages, found by looking.
pub(super) fn repositories(root: &Path) -> Vec<TreePath> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), 0)];
    let mut looked_at = 0;
    while let Some((path, depth)) = folders.pop() {
        let folder = root.join(&path);
        looked_at += 1;
        if folder.join("repodata/repomd.xml").exists() || python_clients::is_tree(&folder) {
            found.extend(TreePath::new(if path.is_empty() { "." } else { &path }));
            continue;
        }
        if depth == DEEPEST || looked_at > MOST_FOLDERS {
            continue;
        }
        // What cannot be listed is not served either.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let below = if path.is_empty() { name.into() } else { format!("{path}/{name}") };
                folders.push((below, depth + 1));
            }
        }
    }
    found.sort();
    found
}

/// Writes what an operator wants to read: faults always, requests where they are asked for.
fn log(event: &Event, access_log: bool) {
    match event {
        Event::Answered(access) => {
            if access_log {
                console::note(format_args!("{access}"));
            }
            if let Some(fault) = &access.fault {
                let path = access.target.escape_debug();
                let cut = if access.end == BodyEnd::Cut { ", cut" } else { "" };
                console::tell(Tag::Warning, format_args!("{path}: {fault}{cut}"));
            }
        }
        Event::AcceptFailed(error) => {
            console::tell(Tag::Warning, format_args!("cannot take a connection: {error}"));
        }
        _ => {}
    }
}

/// How nodes reach the server, without a slash at the end.
fn base_url(args: &ServeArgs, listening: SocketAddr) -> String {
    if let Some(url) = &args.base_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let ip = if listening.ip().is_unspecified() { own_address() } else { listening.ip() };
    format!("http://{}", SocketAddr::new(ip, listening.port()))
}

/// The address that this host has for others: that of the route to them. No packet is sent.
fn own_address() -> IpAddr {
    let towards = |other: Ipv4Addr| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((other, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // An address for documentation (RFC 5737): any that is not this host's does.
    towards(Ipv4Addr::new(192, 0, 2, 1))
        .or_else(|| {
            // An isolated network often has no way out, and so no route to that one.
            let table = std::fs::read_to_string("/proc/net/route").ok()?;
            neighbours(&table).find_map(towards)
        })
        .unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// An address of each network that this host has a route to: a line of the kernel's table has the
/// interface, then the network in hexadecimal, as its bytes lie in memory (proc(5), `net/route`).
fn neighbours(table: &str) -> impl Iterator<Item = Ipv4Addr> {
    table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace();
        let (interface, network) = (words.next()?, words.next()?);
        let network = Ipv4Addr::from(u32::from_str_radix(network, 16).ok()?.to_ne_bytes());
        let is_of_others = interface != "lo" && !network.is_link_local() && !network.is_multicast();
        is_of_others.then(|| Ipv4Addr::from(u32::from(network).saturating_add(1)))
    })
}

/// The same as the host of a URL.
pub(super) fn own_host() -> String {
    match own_address() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// The trees' URLs, and the configuration of the clients: a `.repo` file for the repositories among
/// them, those of pip and uv for Python packages.
fn greeting(root: &Path, base: &str, trees: &[TreePath]) -> String {
    let mut text = format!("serving {} at {base}/\n", root.display());
    if trees.is_empty() {
        return text;
    }
    text.push('\n');
    let mut repo_file = String::new();
    let mut python = String::new();
    for tree in trees {
        let url = tree_url(base, tree);
        let _ = writeln!(text, "  {url}");
        let folder = tree.under(root).join("repodata");
        if folder.join("repomd.xml").exists() {
            repo_file += &stanza(tree, &url);
        }
        if python_clients::is_tree(&tree.under(root)) {
            python += &python_clients::configuration(&url);
        }
    }
    if !repo_file.is_empty() {
        text += "\nfor the nodes, as /etc/yum.repos.d/mirror.repo:\n";
        text += &repo_file;
    }
    text += &python;
    text.push('\n');
    text
}

pub(super) fn tree_url(base: &str, tree: &TreePath) -> String {
    match RepoPath::new(tree.as_str()) {
        Ok(path) => format!("{base}/{}/", path.to_url_path()),
        // The root itself.
        Err(_) => format!("{base}/"),
    }
}

/// A key that lies beside the metadata is not offered: nobody vouches for it.
fn stanza(tree: &TreePath, url: &str) -> String {
    let id: Vec<_> = tree.components().collect();
    let id = if id.is_empty() { "mirror".to_owned() } else { id.join("-") };
    // What dnf takes in an id.
    let id = id.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.:".contains(c), "_");
    format!(
        "\n[{id}]\nname={tree}\nbaseurl={url}\nenabled=1\ngpgcheck=1\n\
         # the key that signed the packages, such as file:///etc/pki/rpm-gpg/RPM-GPG-KEY-NAME\n\
         #gpgkey=\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table as a host has it that is in one network, and has no way out of it.
    #[test]
    fn a_network_without_a_way_out_has_neighbours() {
        let table = |networks: [[u8; 4]; 3]| {
            let [loopback, link_local, own] = networks.map(u32::from_ne_bytes);
            format!(
                "Iface\tDestination\tGateway \tFlags\n\
                 lo\t{loopback:08X}\t00000000\t0001\n\
                 eth0\t{link_local:08X}\t00000000\t0001\n\
                 eth0\t{own:08X}\t00000000\t0001\n\
                 eth1\tnothing\n"
            )
        };
        let table = table([[127, 0, 0, 0], [169, 254, 0, 0], [10, 20, 30, 0]]);
        let found: Vec<_> = neighbours(&table).collect();
        assert_eq!(found, [Ipv4Addr::new(10, 20, 30, 1)]);
        assert_eq!(neighbours("").count(), 0);
    }

    #[test]
    fn a_stanza_names_the_tree() {
        let tree = TreePath::new("rocky/10/base+os").unwrap();
        let url = tree_url("http://10.0.0.1:8080", &tree);
        assert_eq!(
            stanza(&tree, &url),
            "
[rocky-10-base_os]
name=rocky/10/base+os
baseurl=http://10.0.0.1:8080/rocky/10/base%2Bos/
enabled=1
gpgcheck=1
# the key that signed the packages, such as file:///etc/pki/rpm-gpg/RPM-GPG-KEY-NAME
#gpgkey=
"
        );
        let root = TreePath::new(".").unwrap();
        assert!(stanza(&root, &tree_url("http://h", &root)).starts_with(
            "\n[mirror]\nname=.\nbaseurl=http://h/\nenabled=1\ngpgcheck=1\n# the key"
        ));
    }
}
