//! `mirror sync --packages … --closed`.

use std::fs;

use mirror_fixtures::{Package, Repository, tool};

use crate::judges::Dnf;
use crate::servers::embedded;
use crate::support::{Ran, Site, assert_snapshot};

fn package(name: &str) -> Package {
    Package::new(name, "1", "1").arch("x86_64")
}

/// Two repositories of which neither is closed without the other, in one `.repo` file.
fn site() -> Site {
    let site = Site::empty();
    let base = [
        package("glibc"),
        Package::new("lib", "1", "1").arch("x86_64").requires("glibc"),
        Package::new("lib", "2", "1").arch("x86_64").requires("glibc"),
        package("shell").provides("/bin/sh"),
        package("words").file("/usr/share/dict/words", "a\n"),
        package("locale").requires("glibc"),
        package("docs"),
        package("aspell"),
        package("unwanted"),
    ];
    let apps = [
        package("app")
            .requires("lib >= 2")
            .requires("/usr/share/dict/words")
            .requires("(locale if shell)")
            .recommends("docs"),
        package("tool").requires("/bin/sh").requires("(aspell or words)"),
        package("lonely").requires("nowhere"),
        package("unwanted-app"),
    ];
    Repository::new().packages(base).write(site.served("../base"));
    Repository::new().packages(apps).write(site.served("../apps"));
    let url = site.upstream.url();
    let section = |name: &str| format!("[{name}]\nname={name}\nbaseurl={url}/{name}/\n");
    fs::write(site.path("site.repo"), section("base") + &section("apps")).unwrap();
    site
}

fn sync(site: &Site, more: &str) -> Ran {
    site.run(&format!("sync --repo-file site.repo --root mirror --arch x86_64 {more}"))
}

#[test]
fn mirrors_what_is_asked_for_with_what_it_needs() {
    let site = site();
    let dry = sync(&site, "--packages tool app --closed --dry-run --quiet");
    assert_eq!(dry.text(), "exit 0\n");
    let dry = sync(&site, "--packages tool app --closed --dry-run");
    assert!(
        dry.out.starts_with(
            "x86_64: 8 packages, 2 asked for and 6 needed by them\n  \
             tool  tool-1-1.x86_64\n  app   app-1-1.x86_64\n\nbase  planned "
        ),
        "{}",
        dry.text()
    );
    let ran = sync(&site, "--packages tool app --closed");
    assert_eq!(
        ran.out,
        "x86_64: 8 packages, 2 asked for and 6 needed by them\n\
         base  published   10 files, 12.27 KiB: 6 new; unsigned\n\
         apps  published   6 files, 5.80 KiB: 2 new; unsigned\n\
         received [SIZE] in 14 requests, [TIME]\n"
    );
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let ran = sync(&site, "--packages tool app --closed");
    assert!(ran.out.starts_with("base  unchanged "), "{}", ran.text());

    let ran = sync(&site, "--packages tool app --closed --weak no --json");
    let line = ran.out.lines().find(|line| line.starts_with("{\"event\":\"chosen\"")).unwrap();
    let chosen: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&chosen["arch"], &chosen["asked"][0]["text"]), (&"x86_64".into(), &"tool".into()));
    let packages = chosen["packages"].as_array().unwrap();
    let lib = packages.iter().find(|one| one["package"] == "lib-2-1.x86_64").unwrap();
    assert_eq!((&lib["tree"], &lib["asked"]), (&"base".into(), &serde_json::json!([])));
    let brought = serde_json::json!(
        [{"by": "app-1-1.x86_64", "dependency": "lib >= 2", "is_weak": false}]
    );
    assert_eq!(lib["brought"], brought);
    assert!(!line.contains("docs"), "{line}");
}

#[test]
fn says_all_that_cannot_be_had() {
    let site = site();
    // In which order the trees come to their ends is left to chance.
    let told = |ran: Ran| format!("{}{}", ran.out, &ran.err[ran.err.find("error:").unwrap()..]);
    let unknown = sync(&site, "--packages app lonely tol kubeadm --closed");
    assert_eq!(unknown.code, Some(1));
    assert_snapshot("closed-unknown.txt", &told(unknown));
    let unsolved = sync(&site, "--packages app lonely --closed");
    assert_eq!(unsolved.code, Some(1));
    assert_snapshot("closed-unsolved.txt", &told(unsolved));
    assert!(!site.path("mirror/base").exists());
}

#[test]
fn what_makes_no_sense_is_said_with_what_to_do() {
    let site = site();
    for (more, message, hint) in [
        (
            "--closed",
            "--closed is about packages that are asked for by name, and none is",
            "name them: --packages kubeadm containerd @core",
        ),
        (
            "--packages app --weak no",
            "--weak is about what packages need, and they are asked for without that",
            "add --closed",
        ),
    ] {
        let ran = sync(&site, more);
        assert_eq!(ran.text(), format!("error: {message}\nhint: {hint}\nexit 2\n"));
    }
    let ran = site.run("sync rocky kubernetes --release 9 10 v1.36 --packages app --closed");
    assert_eq!(
        ran.text(),
        "error: --packages chooses packages for hosts of one kind, and rocky 9 and rocky 10 are \
         named\nhint: each release has a closure of its own: name one at a time, or list each in a \
         [[repo]]\nexit 2\n"
    );
    let ran = sync(&site, "--packages app --stream nodejs");
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    let ran = site.run("sync --packages app --closed");
    assert!(ran.err.starts_with("error: --packages applies to a preset"), "{}", ran.text());
}

#[test]
fn a_section_of_the_configuration_asks_as_well() {
    let site = site();
    let text = "root = \"mirror\"\n[[repo]]\nrepo_file = \"site.repo\"\npackages = \"app\"\n\
                closed = true\nweak = false\n";
    fs::write(site.path("mirror.toml"), text).unwrap();
    let ran = site.run("sync");
    assert!(ran.out.contains(": 4 packages, 1 asked for and 3 needed by them\n"), "{}", ran.text());
    let ran = site.run("diff base --upstream");
    assert_eq!(
        ran.text(),
        "error: base: its packages are chosen together with those of other repositories\n\
         hint: `mirror sync --dry-run` says what would change in all of them\nexit 2\n"
    );
}

#[test]
fn dnf_installs_what_was_asked_for_from_the_trees_alone() {
    let Some(program) = tool("dnf") else { return };
    for (asked, weak) in [("app", "yes"), ("app", "no"), ("tool app", "yes"), ("tool", "no")] {
        let site = site();
        let ran = sync(&site, &format!("--packages {asked} --closed --weak {weak}"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        let checked = site.run("check --root mirror");
        assert_eq!(checked.code, Some(0), "{}", checked.text());
        let server = embedded(&site);
        let dnf = Dnf::new(program.clone(), &server.url, &["base", "apps"]);
        let words: Vec<&str> = asked.split(' ').collect();
        let weak = format!("--setopt=install_weak_deps={}", i32::from(weak == "yes"));
        dnf.run(&[&["install", &weak], &words[..]].concat());
        // Nothing is there that it did not take.
        let list = |arguments: &[&str]| {
            let mut found: Vec<String> = dnf.run(arguments).lines().map(str::to_owned).collect();
            found.sort();
            found
        };
        let format = "--qf=%{name}-%{evr}.%{arch}";
        let installed = list(&["repoquery", "--installed", format]);
        assert_eq!(list(&["repoquery", "--available", format]), installed);
    }
}

#[test]
fn lists_of_packages_are_files_and_folders() {
    let site = site();
    let folder = site.path("pkglist/el9");
    fs::create_dir_all(&folder).unwrap();
    fs::write(site.path("pkglist/pkgs.txt"), "\u{feff}# base\r\n#docs\r\napp # ours\r\n").unwrap();
    fs::write(site.path("pkglist/README.md"), "not a list").unwrap();
    fs::write(folder.join("b.txt"), "tool\napp\n").unwrap();
    fs::write(folder.join("a.txt"), "# nothing\n").unwrap();
    let list = "--package-list pkglist pkglist/el9 --closed --dry-run";
    let ran = sync(&site, list);
    assert!(
        ran.out.starts_with(
            "x86_64: 8 packages, 2 asked for and 6 needed by them\n  \
             app   app-1-1.x86_64\n  tool  tool-1-1.x86_64\n"
        ),
        "{}",
        ran.text()
    );
    // The configuration's lists lie beside it.
    fs::create_dir(site.path("etc")).unwrap();
    let config = "root = \"mirror\"\n[[repo]]\nrepo_file = \"../site.repo\"\narch = \"x86_64\"\n\
                  package_list = [\"../pkglist\", \"../pkglist/el9/b.txt\"]\nclosed = true\n";
    fs::write(site.path("etc/mirror.toml"), config).unwrap();
    let configured = site.run("sync --config etc/mirror.toml --dry-run --root mirror");
    assert_eq!(configured.out, ran.out, "{}", configured.text());

    fs::write(folder.join("b.txt"), "app\nhttps://repo.example/tool.rpm\n").unwrap();
    for (list, code, message) in [
        ("nowhere/x.txt", 2, "error: nowhere/x.txt: No such file"),
        (
            "kubernets-el9",
            2,
            "no list of packages is called \"kubernets-el9\"\nhint: did you mean kubernetes-el9?",
        ),
        ("pkglist/el9/a.txt", 2, "nothing is listed in pkglist/el9/a.txt\nhint: "),
        ("etc", 2, "error: etc: no file in it is called *.txt"),
        (
            "pkglist/el9",
            1,
            "pkglist/el9/b.txt: line 2: expected the name of a package, found \
             \"https://repo.example/tool.rpm\"",
        ),
    ] {
        let ran = sync(&site, &format!("--closed --package-list {list}"));
        assert_eq!(ran.code, Some(code), "{}", ran.text());
        assert!(ran.err.contains(message), "{list}: {}", ran.text());
    }
    let shipped = sync(&site, "--package-list kubernetes-el9 --closed");
    let unknown = "error: nothing is called kubeadm, and nothing provides it";
    assert!(shipped.err.contains(&unknown[7..]), "{}", shipped.text());
    let took = site.run("sync --package-list app rocky");
    assert_eq!(took.code, Some(2));
    assert!(took.err.contains("--package-list takes \"rocky\""), "{}", took.text());
}

#[test]
fn sets_of_the_configuration_share_the_trees() {
    let site = site();
    let url = site.upstream.url();
    Repository::new().package(package("alone")).write(site.served("../other"));
    let repo = |name: &str, group: &str| {
        format!("[[repo]]\nurl = \"{url}/{name}/\"\npath = \"{name}\"\narch = \"x86_64\"\n{group}")
    };
    let group = "group = \"site\"\n";
    let repos = repo("base", group) + &repo("apps", group) + &repo("other", "");
    let configure = |sets: &str| {
        let text = format!("root = \"mirror\"\n{repos}{sets}");
        fs::write(site.path("mirror.toml"), text).unwrap();
    };
    configure(
        "[packages.one]\ngroup = \"site\"\npackages = \"tool\"\nclosed = true\n\
         [packages.two]\ngroup = \"site\"\npackages = [\"lib < 2\", \"docs\"]\nclosed = true\n",
    );
    let ran = site.run("sync --set two");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert!(
        ran.out.starts_with(
            "set one, x86_64: 3 packages, 1 asked for and 2 needed by them\n\
             set two, x86_64: 3 packages, 2 asked for and 1 needed by them\nbase  published "
        ),
        "{}",
        ran.text()
    );
    // The others are not looked at.
    assert!(!ran.out.contains("other"), "{}", ran.text());
    let ran = site.run("sync");
    assert!(ran.out.starts_with("base   unchanged "), "{}", ran.text());
    assert!(ran.out.contains("\nother  published "), "{}", ran.text());

    // On the command line a set is asked of what is named there.
    let ran = site.run("sync --repo-file site.repo --root m2 --set two --arch x86_64");
    assert!(ran.out.starts_with("set two, x86_64: 3 packages"), "{}", ran.text());

    configure("[packages.one]\ngroup = \"site\"\npackages = \"lonely\"\nclosed = true\n");
    let ran = site.run("sync");
    assert_eq!(ran.code, Some(3), "{}", ran.text());
    assert!(
        ran.err.contains("error: set one, x86_64: what is asked for cannot be had\n  lonely: "),
        "{}",
        ran.text()
    );
    for (sets, more, message) in [
        (
            "[packages.one]\npackages = \"app\"\n",
            "",
            "set one does not say of which `group` it is asked\nhint: there is other, site\n",
        ),
        (
            "[packages.one]\ngroup = \"sit\"\npackages = \"app\"\n",
            "",
            "set one is asked of group sit, which no [[repo]] is of\nhint: did you mean site?\n",
        ),
        (
            "[packages.one]\ngroup = \"site\"\n",
            "",
            "set one has neither `packages` nor `package_list`\nhint: name them: packages = ",
        ),
        (
            "[packages.one]\ngroup = \"site\"\npackages = \"app\"\n",
            " --set on",
            "there is no [packages.on]\nhint: did you mean one?\n",
        ),
        (
            "packages = \"alone\"\n[packages.one]\ngroup = \"other\"\npackages = \"app\"\n",
            "",
            "other has `packages` of its own, and set one is asked of it as well\nhint: make a set",
        ),
    ] {
        configure(sets);
        let ran = site.run(&format!("sync{more}"));
        assert_eq!(ran.code, Some(2), "{}", ran.text());
        assert!(ran.err.contains(message), "{message}: {}", ran.text());
    }
}
