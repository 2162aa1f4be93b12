//! `.repo` files.

use super::*;

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
    assert_eq!(some[1].trust, mirror_core::source::rpm::Trust::default(), "no key is here");
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
