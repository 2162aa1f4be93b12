//! The whole way from words to trees.

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
    let _ = writeln!(line, " group={} keys={}", upstream.group, upstream.keys.join(","));
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
    assert_eq!(some[0].keys, [format!("{url}repodata/repomd.xml.key")]);
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
    let words = "rocky --include kernel* --exclude *-devel --newest-only 2 --treeinfo";
    for upstream in Config::default().upstreams(&wanted(words), "x86_64").unwrap() {
        assert_eq!(
            upstream.selection.to_string(),
            "include=kernel* exclude=*-devel newest-only=2 arch="
        );
        assert!(upstream.treeinfo);
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
            "nothing to mirror: no preset, repository file or URL is named, and no [[repo]]\n\
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
        ("--arch x86_64", "--arch applies to a preset, a .repo file or a URL, and none is named"),
        (
            "--url http://h/ --path p --repo baseos",
            "--repo applies to presets and .repo files, and none is named",
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

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("etc/mirror.toml"))
}

#[test]
fn a_file_says_what_a_command_line_can() {
    let config = parse(FILE).unwrap();
    assert_eq!(config.root, Some("/srv/mirror".into()));
    assert_eq!(config.connections, Some(32));
    assert_eq!(config.keep_generations, NonZeroUsize::new(5));
    assert_eq!(config.grace, Some(Duration::from_secs(172_800)));
    assert_eq!(config.prune, Some(false));
    assert_eq!(config.lock_wait, Some(LockWait::AtMost(Duration::from_secs(600))));
    let said = wanted(
        "rocky --release 9 8 --repo baseos appstream --arch x86_64 --exclude *-devel --newest-only 1",
    );
    assert_eq!(config.repos[0].wanted, said);
    assert_eq!(config.repos[0].at.to_string(), "etc/mirror.toml:8");
    assert_eq!(
        trees(&config, ""),
        [
            "rocky/9/baseos/x86_64 <- http://mirror.lan/rocky/9/BaseOS/x86_64/os/",
            "rocky/9/appstream/x86_64 <- http://mirror.lan/rocky/9/AppStream/x86_64/os/",
            "rocky/8/baseos/x86_64 <- http://mirror.lan/rocky/8/BaseOS/x86_64/os/",
            "rocky/8/appstream/x86_64 <- http://mirror.lan/rocky/8/AppStream/x86_64/os/",
            "rke2/common <- https://rpm.rancher.io/rke2/latest/common/centos/9/noarch/",
        ]
    );
    // A command line that names something is all that is done.
    assert_eq!(
        trees(&config, "rocky --repo security"),
        ["rocky/10/security <- http://mirror.lan/rocky/10/Security/x86_64/os/"]
    );
    assert_eq!(
        trees(&config, "corp"),
        [
            "agents <- https://a.lan/agents/x86_64/ https://b.lan/agents/x86_64/",
            "corp/tools <- https://a.lan/tools/x86_64/ https://b.lan/tools/x86_64/",
        ]
    );
}

#[test]
fn a_mirror_of_the_users_own_stands_for_those_of_upstream() {
    let config = parse(FILE).unwrap();
    let rocky = config.list(Some("rocky")).unwrap().remove(0);
    let repos = rocky.releases.iter().flat_map(|release| &release.repos);
    assert!(repos.clone().all(|repo| repo.mirrors.is_none()));
    assert!(repos.clone().all(|repo| repo.urls[0].starts_with("http://mirror.lan/rocky/")));
}

#[test]
fn an_empty_file_is_the_default() {
    let config = parse("").unwrap();
    assert_eq!((config.root, config.repos.len()), (None, 0));
    assert_eq!(config.presets.names(), Config::default().presets.names());
}

#[test]
fn paths_in_a_file_start_from_its_folder() {
    let text = "root = 'm'\n[[repo]]\nrepo_file = 'a.repo'\nvars = 'vars'";
    let config = parse(text).unwrap();
    assert_eq!(config.root, Some("etc/m".into()));
    assert_eq!(config.repos[0].wanted.repo_files, [PathBuf::from("etc/a.repo")]);
    assert_eq!(config.repos[0].wanted.vars_dirs, [PathBuf::from("etc/vars")]);
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let keys = "preset, url, repo_file, release, repos, arch, source, debuginfo, vars, path, \
                include, exclude, newest_only, treeinfo, group";
    for (text, expected) in [
        (
            "conections = 3",
            "etc/mirror.toml:1: unknown key `conections`, expected one of root, connections, \
             keep_generations, grace, prune, lock_wait, repo, preset\ndid you mean connections?"
                .to_owned(),
        ),
        (
            "\n[[repo]]\npreset = 'rocky'\narches = 'x86_64'",
            format!(
                "etc/mirror.toml:4: unknown key `arches`, expected one of {keys}\ndid you mean arch?"
            ),
        ),
        (
            "[preset.rocky.repo.x]\nurls = 'x'",
            "etc/mirror.toml:2: unknown key `urls`, expected one of folder, path, releases, \
             without, keys, url, mirrorlist, metalink, source, debuginfo\ndid you mean url?"
                .to_owned(),
        ),
        (
            "[[repo]]\npreset = 'rocky'\nrelease = 9.4",
            "etc/mirror.toml:3: invalid type: floating point `9.4`, expected a text in quotes or a \
             list of them"
                .to_owned(),
        ),
        (
            "\nconnections = 0",
            "etc/mirror.toml:2: connections is 0, expected 1 to 256".to_owned(),
        ),
        (
            "grace = '2 weeks'",
            "etc/mirror.toml:1: invalid value: string \"2 weeks\", expected a time such as \"90s\", \
             \"30m\", \"36h\" or \"7d\""
                .to_owned(),
        ),
        (
            "[[repo]]\npreset = 'rocky'\nnewest_only = 0",
            "etc/mirror.toml:3: invalid value: integer `0`, expected true or a number from 1"
                .to_owned(),
        ),
        (
            "\n[[repo]]\nrelease = 9",
            "etc/mirror.toml:2: an entry has one of `preset`, `url` and `repo_file`, found none"
                .to_owned(),
        ),
        (
            "[[repo]]\npreset = 'rocky'\nurl = 'http://h/'",
            "etc/mirror.toml:1: an entry has one of `preset`, `url` and `repo_file`, found several"
                .to_owned(),
        ),
        (
            "[preset.x]\nother_releases = ['[']",
            "etc/mirror.toml:1: `other_releases`: pattern \"[\" is malformed: invalid range \
             pattern at character 0"
                .to_owned(),
        ),
    ] {
        assert_eq!(message(&parse(text).unwrap_err()), expected, "{text}");
    }
    let syntax = message(&parse("root = ").unwrap_err());
    assert!(syntax.starts_with("etc/mirror.toml:1: "), "{syntax}");
    let missing = Config::load(Path::new("/nowhere/mirror.toml")).unwrap_err();
    assert_eq!(missing.to_string(), "/nowhere/mirror.toml: No such file or directory (os error 2)");
}

#[test]
fn says_what_is_wrong_with_an_entry_and_where_it_is() {
    for (text, expected) in [
        (
            "\n[[repo]]\npreset = 'rocky'\nrepos = 'ha'",
            "etc/mirror.toml:2: rocky 10 has no repository \"ha\"; there are baseos, appstream, \
             extras, crb, devel\nha is in release 8",
        ),
        (
            "[[repo]]\nurl = 'http://h/'",
            "etc/mirror.toml:1: http://h/ has no path below the root to go to\n\
             add `path`, the tree's path below the root; `.` is the root itself",
        ),
        (
            "[[repo]]\npreset = 'rocky'\ninclude = '[a'",
            "etc/mirror.toml:1: `include`: pattern \"[a\" is malformed: invalid range pattern at \
             character 0",
        ),
        (
            "[[repo]]\nurl = 'http://h/$releasever'\npath = 'p'",
            "etc/mirror.toml:1: `url` needs the variable $releasever, which is not set\n\
             set it with `release`, as in 9",
        ),
        (
            "[[repo]]\nurl = 'http://h/'\npath = 'rocky'\n[[repo]]\npreset = 'rocky'",
            "rocky (at rocky) and rocky/10/baseos (at rocky/10/baseos) would lie within one another\n\
             give each a path of its own: --path, or `path` of [[repo]]",
        ),
        (
            "[preset.x]\nrepo.y = {}\n[[repo]]\npreset = 'x'",
            "etc/mirror.toml:3: x y has neither a URL nor a mirror list nor a metalink",
        ),
    ] {
        assert_eq!(error(&parse(text).unwrap(), ""), expected, "{text}");
    }
}

const REPO_FILE: &str = "\
[docker-ce-stable]
name=Docker CE Stable - $basearch
baseurl=https://download.docker.com/linux/rhel/$releasever/$basearch/stable
gpgkey=https://download.docker.com/linux/rhel/gpg
exclude=docker*

[docker-ce-stable-debuginfo]
baseurl=https://download.docker.com/linux/rhel/$releasever/debug-$basearch/stable
enabled=0

[docker-ce-stable-source]
baseurl=https://download.docker.com/linux/rhel/$releasever/source/stable
enabled=0

[lists]
mirrorlist=https://mirrors.example.com/metalink?repo=lists&arch=$basearch
enabled=0

[rocky]
baseurl=https://one/$contentdir/r/ https://two/$contentdir/r/
gpgkey=file:///etc/pki/a, file:///etc/pki/b
enabled=0

[ftp]
baseurl=ftp://h/
enabled=0
";

#[test]
fn repositories_of_a_repo_file_are_trees_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.repo");
    fs::write(&path, REPO_FILE).unwrap();
    let vars = folder.path().join("vars");
    fs::create_dir_all(vars.join("folder")).unwrap();
    fs::write(vars.join("contentdir"), "pub/rocky\n").unwrap();
    let docker = "https://download.docker.com/linux/rhel";
    let config = Config::default();
    let file = format!("--repo-file {}", path.display());
    assert_eq!(
        trees(&config, &format!("{file} --release 9")),
        [format!("docker-ce-stable <- {docker}/9/x86_64/stable/")]
    );
    assert_eq!(
        trees(&config, &format!("{file} --release 9 --arch aarch64 --source --debuginfo")),
        [
            format!("docker-ce-stable/aarch64 <- {docker}/9/aarch64/stable/"),
            format!("docker-ce-stable-source <- {docker}/9/source/stable/"),
            format!("docker-ce-stable-debuginfo/aarch64 <- {docker}/9/debug-aarch64/stable/"),
        ]
    );
    let words = format!("{file} --repo lists rocky --vars {} --arch x86_64", vars.display());
    assert_eq!(
        trees(&config, &words),
        [
            "lists/x86_64 <- metalink https://mirrors.example.com/metalink?repo=lists&arch=x86_64",
            "rocky <- https://one/pub/rocky/r/ https://two/pub/rocky/r/",
        ]
    );
    let some = config.upstreams(&wanted(&words), "x86_64").unwrap();
    assert_eq!(some[1].keys, ["file:///etc/pki/a", "file:///etc/pki/b"]);
    assert_eq!((some[0].group.as_str(), some[1].group.as_str()), ("lists", "rocky"));
    // Presets and files go together.
    let words = format!("rocky {file} --release 9 --repo crb docker-ce-stable");
    assert_eq!(trees(&config, &words).len(), 2);

    let shown = path.display();
    let known = "docker-ce-stable, docker-ce-stable-debuginfo, docker-ce-stable-source, lists, \
                 rocky, ftp";
    for (words, expected) in [
        (
            "",
            format!(
                "{shown} [docker-ce-stable] needs the variable $releasever, which is not set\n\
                 set it with --release, as in 9"
            ),
        ),
        (
            "--repo rocky",
            format!(
                "{shown} [rocky] needs the variable $contentdir, which is not set\nname a folder \
                 with a file \"contentdir\" in it, such as /etc/dnf/vars, with --vars"
            ),
        ),
        (
            "--repo docker-ce",
            format!(
                "{shown} has no repository \"docker-ce\"; there are {known}\n\
                 did you mean docker-ce-stable?"
            ),
        ),
        (
            "--repo ftp",
            format!(
                "{shown} [ftp]: \"ftp://h/\" is no URL to mirror from: its scheme is ftp, expected \
                 http or https"
            ),
        ),
        ("--vars /nowhere", "/nowhere: No such file or directory (os error 2)".to_owned()),
    ] {
        assert_eq!(error(&config, &format!("{file} {words}")), expected, "{words}");
    }
    fs::write(&path, "[a]\nenabled=0\n[b]\nenabled=0\n").unwrap();
    assert_eq!(
        error(&config, &file),
        format!("{shown} has no enabled repository; it has a, b\nname those to mirror with --repo")
    );
    fs::write(&path, "[a]\nenabled=perhaps\n").unwrap();
    assert_eq!(
        error(&config, &file),
        format!(
            "{shown}: line 2: expected one of 1, yes, true, on, 0, no, false, off, found \"perhaps\""
        )
    );
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
            keys: vec![format!("{base}/RPM-GPG-KEY-EPEL-9")],
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
