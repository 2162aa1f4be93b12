//! The whole way from words to trees.

mod file;
mod repo_files;
mod trust;

use std::fmt::Write as _;
use std::fs;

use mirror_core::source::rpm::Location;
use proptest::prelude::*;

use super::*;

/// Every tree of every preset, as a table that a reader can hold against the distributions' own.
/// `UPDATE_SNAPSHOTS=1 cargo test` writes it anew.
#[test]
fn every_preset_expands_to_what_is_written_down() {
    let mut table = String::new();
    for preset in Config::default().list(None).unwrap() {
        for release in &preset.releases {
            let wanted = Wanted {
                presets: vec![preset.name.clone()],
                release: release.release.clone().into_iter().collect(),
                repos: release.repos.iter().map(|repo| repo.id.clone()).collect(),
                arches: release.arches.clone(),
                source: release.repos.iter().any(|repo| repo.source.is_some()),
                debuginfo: release.repos.iter().any(|repo| repo.debuginfo.is_some()),
                ..Wanted::default()
            };
            for upstream in Config::default().upstreams(&wanted, "x86_64").unwrap() {
                table.push_str(&line(&upstream));
            }
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/presets.golden");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(path, &table).unwrap();
    }
    assert_eq!(table, fs::read_to_string(path).unwrap());
}

fn line(upstream: &Upstream) -> String {
    let mut line = format!("{} <- {}", upstream.tree, shown(&upstream.location));
    assert_eq!(upstream.tree.as_str(), upstream.name);
    if !upstream.selection.arches.is_empty() {
        let _ = write!(line, " arch={}", upstream.selection.arches.join(","));
    }
    let _ = write!(line, " group={}", upstream.group);
    for (word, keys) in [("pinned", &upstream.trust.pinned), ("expected", &upstream.trust.expected)]
    {
        for key in keys {
            let _ = write!(line, " {word}={key}");
        }
    }
    for url in &upstream.trust.urls {
        let _ = write!(line, " key={url}");
    }
    line.push('\n');
    line
}

fn shown(location: &Location) -> String {
    match location {
        Location::Bases(urls) => urls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Location::MirrorList(url) => format!("mirrorlist {url}"),
        Location::Metalink(url) => format!("metalink {url}"),
    }
}

/// The trees and where they come from, of words given as on a command line.
fn trees(config: &Config, words: &str) -> Vec<String> {
    let upstreams = config.upstreams(&wanted(words), "x86_64").unwrap();
    upstreams
        .iter()
        .map(|upstream| format!("{} <- {}", upstream.tree, shown(&upstream.location)))
        .collect()
}

/// The message, and the hint below it.
fn error(config: &Config, words: &str) -> String {
    message(&config.upstreams(&wanted(words), "x86_64").unwrap_err())
}

fn message(error: &ConfigError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\n{hint}"),
        None => error.to_string(),
    }
}

/// A small command line: positionals are presets, each option takes the words behind it.
fn wanted(words: &str) -> Wanted {
    let mut wanted = Wanted::default();
    let mut option = "";
    for word in words.split_whitespace() {
        let text = || word.to_owned();
        match (option, word) {
            (_, "--source") => wanted.source = true,
            (_, "--debuginfo") => wanted.debuginfo = true,
            (_, "--treeinfo") => wanted.treeinfo = true,
            (_, "--allow-missing") => wanted.allow_missing = true,
            (_, word) if word.starts_with("--") => option = word,
            ("--repo", _) => wanted.repos.push(text()),
            ("--release", _) => wanted.release.push(text()),
            ("--arch", _) => wanted.arches.push(text()),
            ("--repo-file", _) => wanted.repo_files.push(word.into()),
            ("--vars", _) => wanted.vars_dirs.push(word.into()),
            ("--url", _) => wanted.urls.push(text()),
            ("--path", _) => wanted.path = Some(text()),
            ("--include", _) => wanted.include.push(text()),
            ("--exclude", _) => wanted.exclude.push(text()),
            ("--newest-only", _) => wanted.newest_only = word.parse().ok(),
            ("--group", _) => wanted.group = Some(text()),
            ("--key", _) => wanted.keys.push(text()),
            ("--repo-gpgcheck", _) => {
                wanted.repo_gpgcheck = Some(clap::ValueEnum::from_str(word, false).unwrap());
            }
            ("--gpgcheck", _) => {
                wanted.gpgcheck = Some(clap::ValueEnum::from_str(word, false).unwrap());
            }
            _ => wanted.presets.push(text()),
        }
    }
    wanted
}

const ROCKY: &str = "https://dl.rockylinux.org/pub/rocky";

#[test]
fn a_preset_alone_is_its_default_release_and_repositories() {
    assert_eq!(
        trees(&Config::default(), "rocky"),
        [
            format!("rocky/10/baseos <- {ROCKY}/10/BaseOS/x86_64/os/"),
            format!("rocky/10/appstream <- {ROCKY}/10/AppStream/x86_64/os/"),
            format!("rocky/10/extras <- {ROCKY}/10/extras/x86_64/os/"),
        ]
    );
}

#[test]
fn an_architecture_has_a_folder_where_it_is_named_even_one() {
    let config = Config::default();
    assert_eq!(
        trees(&config, "rocky --repo baseos --arch amd64"),
        [format!("rocky/10/baseos/x86_64 <- {ROCKY}/10/BaseOS/x86_64/os/")]
    );
    assert_eq!(
        trees(&config, "rocky --repo baseos --arch x86_64 arm64 aarch64 --source --debuginfo"),
        [
            format!("rocky/10/baseos/x86_64 <- {ROCKY}/10/BaseOS/x86_64/os/"),
            format!("rocky/10/baseos/aarch64 <- {ROCKY}/10/BaseOS/aarch64/os/"),
            format!("rocky/10/baseos-source <- {ROCKY}/10/BaseOS/source/tree/"),
            format!("rocky/10/baseos-debuginfo/x86_64 <- {ROCKY}/10/BaseOS/x86_64/debug/tree/"),
            format!("rocky/10/baseos-debuginfo/aarch64 <- {ROCKY}/10/BaseOS/aarch64/debug/tree/"),
        ]
    );
    let host = config.upstreams(&wanted("rocky --repo baseos"), "arm64").unwrap();
    assert_eq!(shown(&host[0].location), format!("{ROCKY}/10/BaseOS/aarch64/os/"));
    assert_eq!(host[0].tree.as_str(), "rocky/10/baseos");
}

#[test]
fn a_repository_of_all_architectures_is_one_tree() {
    let config = Config::default();
    let url = "https://pkgs.k8s.io/core:/stable:/v1.31/rpm/";
    let some = config
        .upstreams(&wanted("kubernetes --release v1.31 --arch x86_64 aarch64"), "riscv64")
        .unwrap();
    assert_eq!(some.len(), 1);
    assert_eq!(some[0].tree.as_str(), "kubernetes/v1.31/stable");
    assert_eq!(shown(&some[0].location), url);
    assert_eq!(some[0].selection.arches, ["x86_64", "aarch64"]);
    let key = format!("{url}repodata/repomd.xml.key");
    assert_eq!(some[0].trust.urls, [key.parse().unwrap()]);
    // Where none is named, nothing of it is left out, and the host's does not matter.
    let all = config.upstreams(&wanted("kubernetes"), "riscv64").unwrap();
    assert_eq!(all[0].selection.arches, [""; 0]);
    let sources = config.upstreams(&wanted("rocky --source --arch x86_64"), "x86_64").unwrap();
    assert!(sources.iter().all(|upstream| upstream.selection.arches.is_empty()));
}

#[test]
fn each_preset_takes_the_releases_and_repositories_that_it_has() {
    assert_eq!(
        trees(&Config::default(), "rocky kubernetes --release 9.4 v1.30 --repo crb stable crb"),
        [
            format!("rocky/9.4/crb <- {ROCKY}/9.4/CRB/x86_64/os/"),
            "kubernetes/v1.30/stable <- https://pkgs.k8s.io/core:/stable:/v1.30/rpm/".to_owned(),
        ]
    );
    assert_eq!(
        trees(&Config::default(), "rocky --release 8 9 --repo powertools crb"),
        [
            format!("rocky/8/powertools <- {ROCKY}/8/PowerTools/x86_64/os/"),
            format!("rocky/9/crb <- {ROCKY}/9/CRB/x86_64/os/"),
        ]
    );
}

#[test]
fn a_companion_can_be_named_and_is_taken_once() {
    assert_eq!(
        trees(&Config::default(), "rocky --repo baseos-source baseos --source"),
        [
            format!("rocky/10/baseos-source <- {ROCKY}/10/BaseOS/source/tree/"),
            format!("rocky/10/baseos <- {ROCKY}/10/BaseOS/x86_64/os/"),
        ]
    );
    // extras-common has no debuginfo, the others do.
    assert_eq!(trees(&Config::default(), "centos-stream --debuginfo").len(), 5);
}

#[test]
fn repositories_of_a_release_are_published_together() {
    let config = Config::default();
    let groups = |words| {
        let some = config.upstreams(&wanted(words), "x86_64").unwrap();
        some.into_iter().map(|upstream| upstream.group).collect::<Vec<_>>()
    };
    assert_eq!(groups("rocky --repo baseos --arch x86_64 aarch64"), ["rocky/10", "rocky/10"]);
    assert_eq!(groups("rocky --release 9 8 --repo baseos"), ["rocky/9", "rocky/8"]);
    assert_eq!(groups("rocky epel --repo baseos epel --group el10"), ["el10", "el10"]);
    assert_eq!(groups("--url http://h/ --path a/b/"), ["a/b"]);
}

#[test]
fn the_selection_is_carried_to_each_tree() {
    let words =
        "rocky --include kernel* --exclude *-devel --newest-only 2 --treeinfo --allow-missing";
    for upstream in Config::default().upstreams(&wanted(words), "x86_64").unwrap() {
        assert_eq!(
            upstream.selection.to_string(),
            "include=kernel* exclude=*-devel newest-only=2 arch="
        );
        assert!(upstream.treeinfo && upstream.allow_missing);
    }
}

#[test]
fn a_path_of_its_own_keeps_the_rules() {
    let config = Config::default();
    for (words, trees) in [
        ("rocky --repo baseos --path el10", &["el10"][..]),
        ("rocky --repo baseos --path el10 --arch x86_64", &["el10/x86_64"]),
        ("rocky --repo baseos --path el10 --source", &["el10", "el10-source"]),
        (
            "rocky --path el/$releasever_major/$repo",
            &["el/10/baseos", "el/10/appstream", "el/10/extras"],
        ),
        (
            "rocky --repo crb --path $basearch/$repo --arch x86_64 s390x",
            &["x86_64/crb", "s390x/crb"],
        ),
        ("--url http://h/ --path .", &["."]),
        ("--url http://h/$basearch --path . --arch x86_64", &["x86_64"]),
    ] {
        let some = config.upstreams(&wanted(words), "x86_64").unwrap();
        let paths: Vec<_> = some.iter().map(|upstream| upstream.tree.as_str()).collect();
        assert_eq!(paths, trees, "{words}");
    }
}

#[test]
fn urls_are_mirrors_of_one_repository() {
    assert_eq!(
        trees(
            &Config::default(),
            "--url http://one/$releasever/$basearch https://two/r/ --path r --release 9"
        ),
        ["r <- http://one/9/x86_64/ https://two/r/"]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn says_what_is_wrong_with_the_words() {
    let config = Config::default();
    for (words, expected) in [
        (
            "",
            "nothing to mirror: no preset, repository file or URL is named, and no [[repo]] or [pypi.SET]\n\
             name a preset (almalinux, centos-stream, docker-ce, epel, fedora, kubernetes, rocky), \
             or list what to mirror in mirror.toml",
        ),
        (
            "rokcy",
            "there is no preset \"rokcy\"; there are almalinux, centos-stream, docker-ce, epel, \
             fedora, kubernetes, rocky\ndid you mean rocky?",
        ),
        (
            "debian",
            "there is no preset \"debian\"; there are almalinux, centos-stream, docker-ce, epel, \
             fedora, kubernetes, rocky\n`mirror repos` lists what they hold",
        ),
        ("rocky --release 12", "rocky has no release \"12\"; there are 10, 9, 8\ndid you mean 10?"),
        (
            "kubernetes --release 1.31",
            "kubernetes has no release \"1.31\"; there are v1.37, v1.36, v1.35, v1.34, v1.33, \
             v1.32, v1.31\ndid you mean v1.31?",
        ),
        (
            "rocky --release 9 thirteen",
            "rocky has no release \"thirteen\"; there are 10, 9, 8\n\
             a new release can be added to `releases` of [preset.…]",
        ),
        (
            "rocky --repo baseos basos",
            "rocky 10 has no repository \"basos\"; there are baseos, appstream, extras, crb, devel\n\
             did you mean baseos?",
        ),
        (
            "rocky --repo ha",
            "rocky 10 has no repository \"ha\"; there are baseos, appstream, extras, crb, devel\n\
             ha is in release 8",
        ),
        (
            "rocky epel --repo baseos",
            "epel 10 has no repository \"baseos\"; there are epel, epel-testing",
        ),
        (
            "rocky epel --repo baseos epel nothing",
            "rocky 10, epel 10 has no repository \"nothing\"; there are baseos, appstream, extras, \
             crb, devel, epel, epel-testing",
        ),
        (
            "rocky --release 8 --arch s390x",
            "rocky 8 has no architecture \"s390x\"; there are x86_64, aarch64\n\
             name one with --arch",
        ),
        (
            "kubernetes --arch x86-64",
            "kubernetes v1.37 has no architecture \"x86-64\"; there are x86_64, aarch64, ppc64le, \
             s390x\ndid you mean x86_64?",
        ),
        (
            "kubernetes --source",
            "kubernetes v1.37: no repository that is asked for has a source companion",
        ),
        (
            "--arch x86_64",
            "--arch applies to a preset, a .repo file or a URL, and none is named\n\
             name one beside --arch; what mirror.toml lists has it in its own section there",
        ),
        (
            "--url http://h/ --path p --repo baseos",
            "--repo applies to presets and .repo files, and none is named\n\
             name one beside --repo; what mirror.toml lists has it in its own section there",
        ),
        (
            "--url https://me:secret@h/r/",
            "https://***@h/r/ has no path below the root to go to\n\
             add --path, the tree's path below the root; `.` is the root itself",
        ),
        (
            "--url http://h/$releasever --path p",
            "--url needs the variable $releasever, which is not set\nset it with --release, as in 9",
        ),
        (
            "--url http://h/$releasever --path p --release 8 9",
            "--url needs one release, and several are named: 8, 9",
        ),
        (
            "--url http://h/$contentdir --path p",
            "--url needs the variable $contentdir, which is not set\nname a folder with a file \
             \"contentdir\" in it, such as /etc/dnf/vars, with --vars",
        ),
        (
            "--url ftp://me:secret@h/ --path p",
            "--url: \"ftp://***@h/\" is no URL to mirror from: its scheme is ftp, expected http or \
             https",
        ),
        (
            "--url pool/rocky --path p",
            "--url: \"pool/rocky\" is no URL to mirror from: relative URL without a base",
        ),
        // Whatever it is that makes it no URL, a password is not shown.
        (
            "--url https://me:se/cret@h/r/ --path p",
            "--url: \"https://***@h/r/\" is no URL to mirror from: invalid port number",
        ),
        (
            "--url me:secret@h/r/ --path p",
            "--url: \"***@h/r/\" is no URL to mirror from: its scheme is me, expected http or https",
        ),
        (
            "--url https://h/r/?secret",
            "https://h/r/?… has no path below the root to go to\n\
             add --path, the tree's path below the root; `.` is the root itself",
        ),
        (
            "rocky --key https://me:secret@h/key?secret",
            "--key takes a file or a fingerprint, found \"https://***@h/key?…\"\nfetch the file, \
             hold its fingerprint against the one that upstream publishes, and name the file: --key \
             FILE",
        ),
        ("--url http://h/ --path ../p", "--url: path \"../p\" has a `.` or `..` component"),
        (
            "rocky --include [a",
            "--include: pattern \"[a\" is malformed: invalid range pattern at character 0",
        ),
        (
            "rocky --repo baseos crb --path p",
            "rocky/10/baseos (at p) and rocky/10/crb (at p) would be the same tree\n\
             give each a path of its own: --path, or `path` of [[repo]]",
        ),
    ] {
        assert_eq!(error(&config, words), expected, "{words}");
    }
}

const FILE: &str = "\
root = \"/srv/mirror\"
connections = 32
keep_generations = 5
grace = \"2d\"
prune = false
lock_wait = \"10m\"

[[repo]]
preset = \"rocky\"
release = [9, \"8\"]
repos = \"baseos, appstream\"
arch = [\"x86_64\"]
exclude = [\"*-devel\"]
newest_only = true

[[repo]]
url = \"https://rpm.rancher.io/rke2/latest/common/centos/9/noarch\"
path = \"rke2/common\"
group = \"rke2\"

[preset.rocky]
baseurl = \"http://mirror.lan/rocky/\"

[preset.rocky.repo]
security.folder = \"Security\"

[preset.corp]
arches = [\"x86_64\"]
url = [\"https://a.lan/$repo/$basearch\", \"https://b.lan/$repo/$basearch\"]
repo.tools = {}
repo.agents = { path = \"agents\", metalink = \"https://a.lan/m?$repo\" }
";

/// The configuration that a file of this text is.
fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("etc/mirror.toml"))
}

#[test]
fn lists_what_a_preset_offers() {
    let config = Config::default();
    let epel = config.list(Some("epel")).unwrap().remove(0);
    assert_eq!(epel.title, "Extra Packages for Enterprise Linux");
    let release = &epel.releases[1];
    assert_eq!((release.release.as_deref(), release.default), (Some("9"), false));
    assert!(epel.releases[0].default);
    assert_eq!(release.arches, ["x86_64", "aarch64", "ppc64le", "s390x"]);
    let base = "https://dl.fedoraproject.org/pub/epel";
    let metalink = "https://mirrors.fedoraproject.org/metalink?repo=epel-9&arch=$basearch";
    assert_eq!(
        release.repos[0],
        RepoListing {
            id: "epel".to_owned(),
            default: true,
            urls: vec![format!("{base}/9/Everything/$basearch/")],
            mirrors: Some(metalink.to_owned()),
            source: Some(format!("{base}/9/Everything/source/tree/")),
            debuginfo: Some(format!("{base}/9/Everything/$basearch/debug/")),
            keys: vec![KeyListing {
                url: Some(format!("{base}/RPM-GPG-KEY-EPEL-9")),
                fingerprint: Some("FF8AD1344597106ECE813B918A3872BF3228467C".parse().unwrap()),
            }],
        }
    );
    let ids: Vec<_> = release.repos.iter().map(|repo| (repo.id.as_str(), repo.default)).collect();
    assert_eq!(ids, [("epel", true), ("epel-testing", false)]);
    let error = config.list(Some("eple")).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean epel?");
    assert_eq!(config.list(None).unwrap().len(), 7);
}

proptest! {
    /// Whatever is asked for of a preset is an error or has no variable left.
    #[test]
    fn no_variable_is_left(
        preset in 0..7_usize,
        release in 0..12_usize,
        arch in prop::sample::select(vec!["x86_64", "aarch64", "s390x", "mips"]),
        companions in any::<bool>(),
        all in any::<bool>(),
    ) {
        let config = Config::default();
        let listing = config.list(None).unwrap().swap_remove(preset);
        let release = &listing.releases[release % listing.releases.len()];
        let repos = release.repos.iter().map(|repo| repo.id.clone());
        let wanted = Wanted {
            presets: vec![listing.name],
            release: release.release.clone().into_iter().collect(),
            repos: if all { repos.collect() } else { Vec::new() },
            source: companions,
            debuginfo: companions,
            ..Wanted::default()
        };
        for upstream in config.upstreams(&wanted, arch).unwrap_or_default() {
            let line = line(&upstream);
            prop_assert!(!line.contains('$') && !line.contains("%24"), "{}", line);
        }
    }

    #[test]
    fn no_words_are_too_odd(
        preset in "(rocky|epel|[a-z$./]{0,6})",
        release in "(9|[0-9.$/]{0,4})",
        repo in "(baseos|epel|[a-z$./-]{0,6})",
        path in "[a-z$./{}]{0,6}",
        text in "[\\[\\]a-z=\"'\n. ]{0,30}",
    ) {
        let wanted = Wanted {
            presets: vec![preset],
            release: vec![release],
            repos: vec![repo],
            path: Some(path),
            ..Wanted::default()
        };
        if let Err(error) = Config::default().upstreams(&wanted, "x86_64") {
            prop_assert!(!message(&error).is_empty());
        }
        let _ = parse(&text);
    }
}
