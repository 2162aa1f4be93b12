//! What says what is wanted: files of every kind, of this host and behind URLs.

use std::fs;

use mirror_fixtures::pypi::{Hash, Index, Release, samples};

use super::published;
use crate::support::Site;

#[test]
fn files_are_read_from_urls_with_what_they_include() {
    let index = samples::demo();
    let site = Site::of_index(&index);
    let mut files = index.files();
    files.insert("lists/all.txt".into(), b"-r more/a.txt\n-c bounds.txt\n".to_vec());
    files.insert("lists/more/a.txt".into(), b"greeting ; python_version >= \"3\"\n".to_vec());
    files.insert("lists/bounds.txt".into(), b"greeting<${MOST}\n".to_vec());
    site.upstream.set_files(files);
    let arguments = format!(
        "pypi -r {0}/lists/all.txt --target el10 --root mirror -i {0}/simple --json",
        site.upstream.url()
    );
    let mut command = site.command(&arguments);
    let ran = site.ran(command.env("MOST", "2").output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(published(&site), ["greeting-1.0-py3-none-any.whl"]);
    // Its set has its name.
    assert!(ran.out.contains("\"set\":\"all\""), "{}", ran.out);
}

#[test]
fn a_project_is_taken_with_the_extras_and_groups_that_are_named() {
    let site = Site::of_index(&samples::demo());
    let project = "[project]\nname = \"mine\"\nversion = \"1\"\ndependencies = [\"words\"]\n\
                   [project.optional-dependencies]\ntls = [\"simple\"]\nweb = [\"index\"]\n\
                   [dependency-groups]\ntest = [\"x\"]\n";
    fs::write(site.path("pyproject.toml"), project).unwrap();
    let names = || -> Vec<String> {
        published(&site).iter().map(|file| file.split('-').next().unwrap().to_owned()).collect()
    };
    let run = |more: &str| {
        let ran =
            site.pypi(&format!("-r pyproject.toml --target el10 --quiet --allow-shrink {more}"));
        assert_eq!(ran.text(), "exit 0\n", "{more}");
        names()
    };
    assert_eq!(run(""), ["words"]);
    assert_eq!(run("--extra tls --group test"), ["simple", "words", "x"]);
    assert_eq!(run("--all-extras --all-groups"), ["index", "simple", "words", "x"]);
    let ran = site.pypi("-r pyproject.toml --target el10 --extra tsl");
    assert_eq!(
        ran.text(),
        "error: pyproject.toml: there is no extra tsl, expected one of tls, web\n\
         hint: did you mean tls?\nexit 2\n"
    );
}

#[test]
fn lists_that_are_exact_are_mirrored_as_they_list() {
    let index =
        Index::new().release(Release::new("locked", "1.0")).release(Release::new("other", "1"));
    let site = Site::of_index(&index);
    let file = index.file("locked-1.0-py3-none-any.whl");
    let sha256 = Hash::Sha256.hex(&file.bytes);
    fs::write(site.path("hashed.txt"), format!("locked==1.0 --hash=sha256:{sha256}\n")).unwrap();
    let lock = format!(
        "lock-version = \"1.0\"\ncreated-by = \"hand\"\n[[packages]]\nname = \"locked\"\nversion = \"1.0\"\n\
         wheels = [{{ url = \"{}/files/{}\", hashes = {{ sha256 = \"{sha256}\" }} }}]\n",
        site.upstream.url(),
        file.filename
    );
    fs::write(site.path("pylock.toml"), lock).unwrap();
    for name in ["hashed.txt", "pylock.toml"] {
        let ran = site.pypi(&format!("-r {name} --set locked --target el9 --quiet"));
        assert_eq!(ran.text(), "exit 0\n", "{name}");
        assert_eq!(published(&site), ["locked-1.0-py3-none-any.whl"], "{name}");
    }
    // A lock says where its files are: nobody has to name an index.
    let ran = site.run("pypi -r pylock.toml --set locked --target el9 --root mirror --quiet");
    assert_eq!(ran.text(), "exit 0\n");
}

#[test]
fn paths_of_the_configuration_start_from_its_folder() {
    let index = samples::demo();
    let site = Site::of_index(&index);
    fs::create_dir_all(site.path("etc/wheels")).unwrap();
    let words = index.file("words-5-py3-none-any.whl");
    fs::write(site.path("etc/wheels").join(&words.filename), &words.bytes).unwrap();
    fs::write(site.path("etc/list.txt"), "words\n").unwrap();
    let greeting = index.file("greeting-1.0-py3-none-any.whl");
    fs::write(site.path("etc").join(&greeting.filename), &greeting.bytes).unwrap();
    let config = "root = \"../mirror\"\n[pypi.site]\nfiles = \"list.txt\"\nfind_links = \"wheels\"\n\
                  no_index = true\ntarget = \"el9\"\n\
                  requirements = \"./greeting-1.0-py3-none-any.whl\"\n";
    fs::write(site.path("etc/mirror.toml"), config).unwrap();
    let ran = site.run("pypi --config etc/mirror.toml");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(published(&site), [greeting.filename.as_str(), words.filename.as_str()]);
}

/// A list that a script cut off is no wish to have nothing.
#[test]
fn a_list_without_requirements_changes_nothing() {
    let site = Site::of_index(&samples::demo());
    fs::write(site.path("list.txt"), "words\n").unwrap();
    assert_eq!(site.pypi("-r list.txt --target el10 --quiet").text(), "exit 0\n");
    for text in ["", "# words\n-c bounds.txt\n"] {
        fs::write(site.path("bounds.txt"), "words<9\n").unwrap();
        fs::write(site.path("list.txt"), text).unwrap();
        assert_eq!(
            site.pypi("-r list.txt --target el10").text(),
            "error: set list: nothing is asked for in list.txt\n\
             hint: a list that is lost or cut off changes nothing; `mirror pypi --remove-set list` is \
             what removes the set\nexit 2\n"
        );
    }
    assert_eq!(published(&site), ["words-5-py3-none-any.whl"]);
}
