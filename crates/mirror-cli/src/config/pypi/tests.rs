use std::path::Path;

use super::*;
use crate::config::Config;

fn config(text: &str) -> Config {
    Config::parse(text, Path::new("etc/mirror.toml")).unwrap()
}

fn targets(settings: &PypiSettings) -> Vec<String> {
    settings.targets(true).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn a_section_says_all_that_options_can_and_pypi_the_rest() {
    let config = config(
        r#"
[pypi]
index_url = "https://pypi.example/simple/"
find_links = ["wheels", "https://links.example/"]
target = "el9 el10"
only_binary = ":all:"
tree = "python"

[pypi.all]
requirements = ["ansible >=9", "hvac[parser]"]
files = ["a.txt", "https://lists.example/b.txt", "/srv/c.txt"]
constraints = "bounds.txt"
all_versions = "pip"
newest_only = 3
extras = ["tls", "web"]
groups = true
python = ["3.11", "3.12.1"]
platform = "musllinux_1_2_x86_64"
index_url = "https://own.example/simple/"
extra_index_url = "https://more.example/simple/"
no_index = false
pre = true
no_binary = "a,b"
prefer_binary = true
wheels = "all"
sdist = "never"
allow_unhashed = true
tree = "own"

[pypi.bare]
requirements = "words"
"#,
    );
    let [all, bare] = &config.pypi_sets[..] else { panic!("{:?}", config.pypi_sets) };
    assert_eq!((all.name.as_str(), all.at.to_string().as_str()), ("all", "etc/mirror.toml:9"));
    let wanted = &all.wanted;
    assert_eq!(wanted.requirements, ["ansible >=9", "hvac[parser]"]);
    assert_eq!(wanted.files, ["etc/a.txt", "https://lists.example/b.txt", "/srv/c.txt"]);
    assert_eq!(wanted.constraints, ["etc/bounds.txt"]);
    assert_eq!(
        (&*wanted.all_versions, wanted.newest_only),
        (&["pip".into()][..], NonZeroU32::new(3))
    );
    assert_eq!(wanted.extras, Which::Named(vec!["tls".into(), "web".into()]));
    assert_eq!(wanted.groups, Which::All);
    let selection = wanted.selection();
    assert_eq!((selection.wheels, selection.sdists), (Wheels::All, Sdists::Never));
    assert!(selection.allow_unhashed);
    let settings = &wanted.settings;
    assert_eq!(
        targets(settings),
        ["Python 3.11 on musllinux_1_2_x86_64", "Python 3.12.1 on musllinux_1_2_x86_64"]
    );
    assert_eq!(settings.indexes.index_url.as_deref(), Some("https://own.example/simple/"));
    assert_eq!(settings.indexes.extra_index_urls, ["https://more.example/simple/"]);
    assert_eq!(settings.indexes.find_links, ["etc/wheels", "https://links.example/"]);
    // What holds for all projects goes where the set names some.
    assert_eq!((settings.no_binary.len(), settings.only_binary.len()), (2, 0));
    assert_eq!((settings.pre, settings.prefer_binary), (Some(true), Some(true)));
    assert_eq!(settings.tree().unwrap().as_str(), "own");

    let settings = &bare.wanted.settings;
    assert_eq!(targets(settings).len(), 4);
    assert_eq!(settings.only_binary, [":all:"]);
    assert_eq!(settings.tree().unwrap().as_str(), "python");
    assert_eq!(*settings, config.pypi);
}

#[test]
fn pythons_stand_for_all_platforms_and_distributions_that_are_named() {
    let settings = |python: &str, platform: &str, target: &str| {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        PypiSettings {
            python: words(python),
            platform: words(platform),
            target: words(target),
            ..PypiSettings::default()
        }
    };
    for (python, platform, target, expected) in [
        ("", "", "", &[][..]),
        ("3.11", "", "", &["3.11 on manylinux_2_28_x86_64"]),
        ("3.11 3.11", "win32 win_amd64", "", &["3.11 on win32", "3.11 on win_amd64"]),
        ("", "", "debian12", &["3.11 on manylinux_2_36_x86_64 (debian12)"]),
        ("3.13", "", "debian12-arm64", &["3.13 on manylinux_2_36_aarch64 (debian12-arm64)"]),
        // Both, each Python on each.
        ("3.13", "win32", "el10", &["3.13 on manylinux_2_39_x86_64 (el10)", "3.13 on win32"]),
    ] {
        let found = targets(&settings(python, platform, target));
        let expected: Vec<_> = expected.iter().map(|target| format!("Python {target}")).collect();
        assert_eq!(found, expected, "{python} {platform} {target}");
    }
    for (python, platform, target) in [("3", "", ""), ("", "win32", ""), ("", "win32", "el9")] {
        assert!(settings(python, platform, target).targets(false).is_err());
    }
}

#[test]
fn a_set_is_called_as_its_first_file() {
    for (file, name) in [
        ("requirements.txt", "requirements"),
        ("/srv/lists/kube spray (v2).in", "kube-spray--v2-"),
        ("https://lists.example/a/base.txt?token=secret", "base"),
        ("pylock.site.toml", "pylock.site"),
        (".hidden", "cli"),
        ("_-_", "cli"),
        ("", "cli"),
    ] {
        let files = vec![file.to_owned()];
        let wanted = PypiWanted { files, ..PypiWanted::default() };
        assert_eq!(wanted.default_name(), name, "{file}");
        assert!(wanted.default_name().parse::<SetName>().is_ok());
    }
}

#[test]
fn a_login_in_a_file_that_all_may_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.toml");
    for (text, told) in [
        ("[pypi]\nindex_url = \"https://me:secret@pypi.example/\"\n", 1),
        ("[pypi.a]\nfiles = \"https://me:secret@lists.example/a.txt\"\n", 1),
        ("[pypi.a]\nrequirements = \"a\"\nindex_url = \"https://pypi.example/\"\n", 0),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(Config::load(&path).unwrap().warnings.len(), told, "{text}");
    }
}
