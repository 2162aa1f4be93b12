//! Selection by advisories.

use mirror_fixtures::{Extra, Package, Repository, samples, tool};

use crate::judges::Dnf;
use crate::servers::embedded;
use crate::support::Site;

#[test]
fn dnf_finds_the_advisories_that_were_selected_and_their_packages_alone() {
    let site = Site::of(&samples::plain(4).with(Extra::Updateinfo));
    // The first and the third are about security, and the fourth is named.
    let ran = site.sync("--security --advisory DEMO-2024:0004");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let Some(program) = tool("dnf") else { return };
    let server = embedded(&site);
    let dnf = Dnf::new(program, &server.url, &["up"]);
    dnf.run(&["makecache"]);
    let found = dnf.run(&["-C", "repoquery", "--qf=%{name}"]);
    let mut found: Vec<_> = found.lines().filter(|line| line.starts_with("plain")).collect();
    found.sort_unstable();
    assert_eq!(found, ["plain-0000", "plain-0002", "plain-0003"]);
    // dnf lists advisories of what is installed.
    dnf.run(&["install", "plain*"]);
    let list = dnf.run(&["-C", "updateinfo", "list", "--installed"]);
    let ids: Vec<_> = list.split_whitespace().filter(|word| word.starts_with("DEMO")).collect();
    assert_eq!(ids, ["DEMO-2024:0001", "DEMO-2024:0003", "DEMO-2024:0004"], "{list}");
    let cve = dnf.run(&["-C", "updateinfo", "list", "--installed", "--cve", "CVE-2024-0003"]);
    assert!(cve.contains("plain-0002-1.0-1.noarch") && !cve.contains("plain-0000"), "{cve}");
}

/// What is installed is older than all that is left; an advisory names a build between, which is not.
#[test]
fn dnf_mends_by_a_newer_build_what_an_advisory_names() {
    let update = |id: &str, name: &str, version: &str| {
        format!(
            "<update type='security' status='final' version='1'><id>{id}</id><title>{id}</title>\
             <issued date='2024-01-01 00:00:00'/><references/><pkglist><collection>\
             <package name='{name}' version='{version}' release='1' epoch='0' arch='noarch'/>\
             </collection></pkglist></update>"
        )
    };
    let all = [update("OLD", "tool", "1.9"), update("GONE", "single", "1.0")].concat();
    let site = Site::empty();
    let updateinfo = Extra::Content {
        kind: "updateinfo".to_owned(),
        name: "updateinfo.xml".to_owned(),
        content: format!("<updates>{all}</updates>").into_bytes(),
    };
    samples::versions().with(updateinfo).write(site.served("../versions"));
    let before = ["tool", "single"].map(|name| Package::new(name, "0.9", "1"));
    Repository::new().packages(before).write(site.served("../before"));
    for (tree, selection) in [("before", ""), ("versions", "--newest-only --exclude single")] {
        let url = site.upstream.url_of(tree);
        let ran = site.run(&format!("sync --url {url} --path {tree} --root mirror {selection}"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
    }
    let Some(program) = tool("dnf") else { return };
    let server = embedded(&site);
    let dnf = Dnf::new(program, &server.url, &["before", "versions"]);
    dnf.run(&["makecache"]);
    dnf.run(&["install", "--disablerepo=versions", "tool", "single"]);
    let list = dnf.run(&["-C", "updateinfo", "list", "--available"]);
    assert!(list.contains("OLD") && !list.contains("GONE"), "{list}");
    dnf.run(&["upgrade", "--security"]);
    let tool = std::fs::read_to_string(dnf.root().join("usr/share/tool")).unwrap();
    assert_eq!(tool, "1.10\n");
}

#[test]
fn what_no_advisory_has_is_named() {
    let site = Site::of(&samples::plain(2).with(Extra::Updateinfo));
    let ran = site.sync("--cve CVE-2024-0001 CVE-2024-0009");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("has no advisory for CVE-2024-0009;"), "{}", ran.out);
    assert!(
        ran.err.contains("hint: ids are as `dnf updateinfo list --all` prints them"),
        "{ran:?}"
    );
}
