//! What is said to who asks for what makes no sense: all of it, and exit 2.

use std::fs;

use crate::support::Site;

/// What is said, after the names of options and files were put in.
fn refused(arguments: &str) -> String {
    let site = Site::empty();
    let mut command = site.command(&format!("pypi {arguments}"));
    // Nothing is to be found of the host's pip.
    command.env("PATH", "/nonexistent");
    let ran = site.ran(command.output().unwrap());
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(2)), "{}", ran.text());
    ran.err
}

fn assert_refused(cases: &[(&str, &str)]) {
    for (arguments, told) in cases {
        assert_eq!(refused(arguments), *told, "mirror pypi {arguments}");
    }
}

#[test]
fn what_is_wanted_and_for_what_has_to_be_said() {
    assert_refused(&[
        (
            "",
            "error: nothing to mirror: no requirement and no file is named, and no [pypi.SET]\n\
             hint: name a requirement or a file, as in `mirror pypi -r requirements.txt --python 3.11`, \
             or list sets in mirror.toml\n",
        ),
        (
            "requests",
            "error: set cli: no Python is named to mirror for\n\
             hint: --target el9 ubuntu24.04 stands for the Pythons of a distribution, --python 3.11 3.12 \
             for those on x86_64 Linux with glibc 2.28 or newer unless --platform says otherwise; \
             `target`, `python` and `platform` of mirror.toml do the same\n",
        ),
        (
            "requests --target el9",
            "error: set cli: no index is named\n\
             hint: name one: --index-url https://pypi.example/simple, index_url in mirror.toml, or \
             index-url in /etc/pip.conf\n",
        ),
        (
            "--python 3.11 requests flask",
            "error: --python takes \"requests\", which is a requirement\n\
             hint: requirements come first or after `--`: mirror pypi requests flask --python 3.11\n",
        ),
        (
            "--python 3.11 requests>=2 flask[async]",
            "error: --python takes \"requests>=2\", which is a requirement\n\
             hint: requirements come first or after `--`: mirror pypi 'requests>=2' 'flask[async]' \
             --python 3.11\n",
        ),
        (
            "-r poetry.lock --python 3.11",
            "error: poetry.lock: is not read, expected a requirements file, pyproject.toml, pylock.toml or \
             uv.lock\n\
             hint: `poetry export -f requirements.txt -o requirements.txt` makes a list with digests of it\n",
        ),
        (
            "requests --platform win32",
            "error: --platform is the platform of a Python, and none is named\n\
             hint: name some: --python 3.11 3.12; a distribution on another processor is a target, such \
             as el9-aarch64\n",
        ),
        (
            "requests --target rocky9-aarch64",
            "error: --target: unknown target \"rocky9-aarch64\": expected NAME or NAME-ARCH, NAME one of \
             el8 el9 el10 ubuntu20.04 ubuntu22.04 ubuntu24.04 debian11 debian12 debian13\n\
             hint: did you mean el9-aarch64?\n",
        ),
        (
            "requests --python 2.7",
            "error: --python: unknown Python \"2.7\": expected a version such as 3.11, 3.11.13, 3.13t or \
             pypy3.10\n",
        ),
        (
            "requests --target ubuntu-24.04",
            "error: --target: unknown target \"ubuntu-24.04\": expected NAME or NAME-ARCH, NAME one of el8 \
             el9 el10 ubuntu20.04 ubuntu22.04 ubuntu24.04 debian11 debian12 debian13\n\
             hint: did you mean ubuntu24.04?\n",
        ),
    ]);
}

#[test]
fn each_error_says_what_to_do() {
    assert_refused(&[
        (
            "requirements.txt --target el9",
            "error: \"requirements.txt\" is the name of a file, expected a requirement\n\
             hint: name the file with -r: `mirror pypi -r requirements.txt`\n",
        ),
        (
            "-r absent.txt --target el9",
            "error: absent.txt: cannot read: No such file or directory (os error 2)\n",
        ),
        (
            "--index-url http://h.example/",
            "error: --index-url applies to a requirement or a file of requirements, and none is named\n\
             hint: name one beside --index-url; what mirror.toml lists has it in its own section there\n",
        ),
        (
            "git+https://h.example/x --target el9",
            "error: command line: \"git+https://h.example/x\" is a checkout of version control, which a \
             mirror cannot hold\n\
             hint: build a wheel of it with `pip wheel --no-deps` and name that file, or a release of the \
             project as name==version\n",
        ),
        (
            "requests --target el9 --extra tls",
            "error: --extra applies to a pyproject.toml, and none is named\n\
             hint: name one beside --extra; what mirror.toml lists has it in its own section there\n",
        ),
        (
            "requests --target el9 --newest-only",
            "error: --newest-only applies to the projects of --all-versions, and none is named\n\
             hint: name one beside --newest-only; what mirror.toml lists has it in its own section there\n",
        ),
        (
            "--all-versions ./a-1.0-py3-none-any.whl --target el9",
            "error: \"./a-1.0-py3-none-any.whl\" is a file, expected a project of which all versions are \
             mirrored\n",
        ),
        (
            "requests --target el9 -i /srv/simple",
            "error: set cli: --index-url: /srv/simple is no folder of this host\n",
        ),
        (
            "requests --set a/b",
            "error: invalid value 'a/b' for '--set <NAME>': set name \"a/b\": expected letters, digits, . _ \
             and -, a letter or digit first, at most 64\n\nFor more information, try '--help'.\n",
        ),
        (
            "requests --only-binary a/b --target el9",
            "error: command line: option --only-binary: expected names of projects with commas, :all: or \
             :none:, found \"a/b\"\n",
        ),
        (
            "--set absent",
            "error: there is no [pypi.absent], and no requirement and no file is named\n\
             hint: name what it is to hold: `mirror pypi -r requirements.txt --set absent`\n",
        ),
    ]);
}

#[test]
fn a_file_is_named_with_the_line_that_names_it() {
    let site = Site::empty();
    fs::create_dir(site.path("lists")).unwrap();
    fs::write(site.path("lists/a.txt"), "requests\n-r b.txt\n").unwrap();
    let ran = site.run("pypi -r lists/a.txt --target el9 -i http://h.example/");
    assert_eq!(
        ran.text(),
        "error: lists/b.txt: cannot read, named at lists/a.txt:2: No such file or directory (os error \
         2)\nexit 2\n"
    );
}

#[test]
fn the_configuration_is_held_against_what_there_is() {
    let site = Site::empty();
    for (config, told) in [
        (
            "[pypi]\nindx_url = \"http://h.example/\"\n",
            "error: mirror.toml:2: unknown key `indx_url`, expected one of python, platform, target, \
             index_url, extra_index_url, find_links, no_index, pre, only_binary, no_binary, prefer_binary, \
             wheels, sdist, allow_unhashed, tree\nhint: did you mean index_url?\nexit 2\n",
        ),
        (
            "[pypi]\nrequirements = \"a\"\n",
            "error: mirror.toml:2: unknown key `requirements`, expected one of python, platform, target, \
             index_url, extra_index_url, find_links, no_index, pre, only_binary, no_binary, prefer_binary, \
             wheels, sdist, allow_unhashed, tree\n\
             hint: requirements is said of one set: put it below [pypi.NAME], such as [pypi.tools]\nexit 2\n",
        ),
        (
            "[pypi.site]\nrequirement = [\"a\"]\n",
            "error: mirror.toml:2: unknown key `requirement`, expected one of requirements, files, \
             constraints, all_versions, newest_only, extras, groups, python, platform, target, index_url, \
             extra_index_url, find_links, no_index, pre, only_binary, no_binary, prefer_binary, wheels, \
             sdist, allow_unhashed, tree\nhint: did you mean requirements?\nexit 2\n",
        ),
        (
            "\n[pypi.\"a/b\"]\nrequirements = \"a\"\n",
            "error: mirror.toml:2: set name \"a/b\": expected letters, digits, . _ and -, a letter or digit \
             first, at most 64\nexit 2\n",
        ),
        (
            "[pypi.site]\npython = \"3.11\"\n",
            "error: mirror.toml:1: set site has neither `requirements` nor `files` nor `all_versions`\n\
             hint: as in requirements = [\"ansible>=9\"], or files = \"requirements.txt\"\nexit 2\n",
        ),
        (
            "[pypi.site]\nrequirements = \"a\"\nplatform = \"win32\"\n",
            "error: mirror.toml:1: `platform` is the platform of a Python, and none is named\n\
             hint: name some: python = [\"3.11\", \"3.12\"]; a distribution on another processor is a \
             target, such as el9-aarch64\nexit 2\n",
        ),
        (
            "[pypi.site]\nrequirements = [\"a==\"]\ntarget = \"el9\"\nindex_url = \"http://h.example/\"\n",
            "error: mirror.toml:1: expected a requirement such as name>=1.0, found \"a==\": ",
        ),
        (
            "[pypi.site]\nrequirements = \"a\"\npython = 3.10\n",
            "error: mirror.toml:3: invalid type: floating point `3.1`, expected a text in quotes or a list \
             of them\nexit 2\n",
        ),
    ] {
        fs::write(site.path("mirror.toml"), config).unwrap();
        let text = site.run("pypi").text();
        assert!(text.starts_with(told), "{config}\n{text}");
    }
    fs::write(
        site.path("mirror.toml"),
        "[[repo]]\nurl = \"http://h.example/\"\npath = \"pypi/rpm\"\n\
         [pypi.site]\nrequirements = \"a\"\ntarget = \"el9\"\nindex_url = \"http://h.example/\"\n",
    )
    .unwrap();
    let told = "error: pypi/rpm (at pypi/rpm) and Python packages (at pypi) would lie within one another\n";
    let text = site.run("sync").text();
    assert!(text.starts_with(told), "{text}");
}
