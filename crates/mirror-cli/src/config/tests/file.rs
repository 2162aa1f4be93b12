//! `mirror.toml`.

use super::*;

#[test]
fn a_file_says_what_a_command_line_can() {
    let config = parse(FILE).unwrap();
    assert_eq!(config.root, Some("/srv/mirror".into()));
    assert_eq!(config.connections, Some(32));
    assert_eq!(config.keep_generations, NonZeroUsize::new(5));
    assert_eq!(config.grace, Some(Duration::from_hours(48)));
    assert_eq!(config.prune, Some(false));
    assert_eq!(config.lock_wait, Some(LockWait::AtMost(Duration::from_mins(10))));
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
                include, exclude, newest_only, security, advisories, cves, packages, \
                package_list, closed, weak, streams, installed, treeinfo, allow_missing, group, repo_gpgcheck, gpgcheck, keys, sign_key";
    for (text, expected) in [
        (
            "conections = 3",
            "etc/mirror.toml:1: unknown key `conections`, expected one of root, connections, \
             keep_generations, grace, prune, lock_wait, limit_rate, retries, timeout, sign_key, host, repo, packages, preset, pypi\ndid you mean connections?"
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
             without, keys, repo_gpgcheck, gpgcheck, url, mirrorlist, metalink, \
             source, debuginfo\ndid you mean url?"
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
