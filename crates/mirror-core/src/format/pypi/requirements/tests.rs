use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Reads `requirements.txt` among the files.
fn read_all(files: &[(&str, &str)], role: Role) -> Result<Requirements, String> {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let variable = |name: &str| match name {
        "TOKEN" => Some("secret".to_owned()),
        "NAME" => Some("requests".to_owned()),
        _ => None,
    };
    let mut reading = Reading::new(&variable);
    reading.add(Location::parse("requirements.txt").unwrap(), role);
    while let Some(file) = reading.wanted() {
        let text = files.get(&*file.location.to_string()).ok_or(format!("no {}", file.location))?;
        reading.take(text.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(reading.finish())
}

fn read(text: &str) -> Result<Requirements, String> {
    read_all(&[("requirements.txt", text)], Role::Requirements)
}

fn error(text: &str) -> String {
    let error = read(text).unwrap_err();
    assert!(!error.contains("secret"), "{error}");
    error
}

fn words(entries: &[Entry]) -> Vec<String> {
    let word = |entry: &Entry| match &entry.wanted {
        Wanted::Project(requirement) => requirement.to_string(),
        Wanted::File(direct) => direct.location.to_string(),
    };
    entries.iter().map(word).collect()
}

#[test]
fn reads_every_kind_of_line() {
    let sha = "a".repeat(64);
    let text = format!(
        "# what the site needs\n\
         requests[socks] >= 2.0, <3 ; python_version < '3.14'   # web\n\
         ${{NAME}}-extra==1.0 \\\n    --hash=sha256:{sha} \\\n    --hash sha512:{sha}{sha}\n\
         a @ https://me:${{TOKEN}}@h.example/a-1.0-py3-none-any.whl#sha256={sha}\n\
         ./wheels/b-1.0-py3-none-any.whl[x] ; os_name == 'posix'\n\
         https://h.example/c-1.0.tar.gz?x=a;b ; os_name == 'posix'\n\
         file:///srv/d-1.0.zip\n\
         e;\n\
         f ( >=1, )\n"
    );
    let read = read(&text).unwrap();
    assert_eq!(
        words(&read.entries),
        [
            "requests[socks]>=2.0,<3 ; python_full_version < '3.14'",
            "requests-extra==1.0",
            "https://h.example/a-1.0-py3-none-any.whl",
            "./wheels/b-1.0-py3-none-any.whl",
            "https://h.example/c-1.0.tar.gz?…",
            "/srv/d-1.0.zip",
            "e",
            "f>=1",
        ]
    );
    let lines: Vec<_> = read.entries.iter().map(|entry| entry.at.line.unwrap()).collect();
    assert_eq!(lines, [2, 3, 6, 7, 8, 9, 10, 11]);
    assert_eq!(read.entries[1].hashes.len(), 2);
    assert_eq!(read.entries[1].text, "${NAME}-extra==1.0");
    assert_eq!(read.entries[1].pinned().unwrap().to_string(), "1.0");
    let Wanted::File(direct) = &read.entries[2].wanted else { panic!() };
    assert!(matches!(&direct.location, Location::Url(url) if url.password() == Some("secret")));
    assert_eq!(direct.digests.len(), 1);
    assert!(!format!("{:?}", read.entries[2]).contains("secret"), "{:?}", read.entries[2]);
    let Wanted::File(direct) = &read.entries[3].wanted else { panic!() };
    assert_eq!(direct.extras[0].to_string(), "x");
    assert!(!direct.marker.is_true());
    assert!(read.notes.is_empty(), "{:?}", read.notes);
}

#[test]
fn reads_options_of_all_files_in_their_order() {
    let read = read_all(
        &[
            (
                "requirements.txt",
                "-i https://one.example/simple\n--extra-index-url=https://two.example/simple\n\
                 -r sub/more.txt\n-f wheels --pre --trusted-host h.example:8443\n\
                 --no-binary :all:\n--only-binary numpy\n--prefer-binary\nlast\n",
            ),
            (
                "sub/more.txt",
                "--index-url https://three.example/simple\n-f wheels\n-c ../c.txt\nmore\n",
            ),
            ("c.txt", "more<2\nother==1\n-r sub/r.txt\n"),
            ("sub/r.txt", "from-constraints\n"),
        ],
        Role::Requirements,
    )
    .unwrap();
    assert_eq!(words(&read.entries), ["from-constraints", "more", "last"]);
    assert_eq!(words(&read.constraints), ["more<2", "other==1"]);
    assert_eq!(read.constraints[0].at.to_string(), "c.txt:1");
    let options = &read.options;
    let index = options.index_url.as_ref().unwrap();
    assert_eq!(
        (&*index.value.to_string(), &*index.at.to_string()),
        ("https://three.example/simple", "sub/more.txt:1")
    );
    assert_eq!(options.extra_index_urls.len(), 1);
    let links: Vec<_> =
        options.find_links.iter().map(|l| l.beside().unwrap().to_string()).collect();
    assert_eq!(links, ["sub/wheels", "wheels"]);
    assert_eq!(options.trusted_hosts[0].value, "h.example:8443");
    assert_eq!(options.formats.formats(&"numpy".parse().unwrap()), Formats::Wheels);
    assert_eq!(options.formats.formats(&"other".parse().unwrap()), Formats::Sdists);
    assert_eq!(options.releases.prereleases(&"other".parse().unwrap()), Some(true));
    assert!(options.prefer_binary && !options.no_index);
}

#[test]
fn names_file_and_line_of_what_is_wrong() {
    for (text, expected) in [
        (
            "a\n\nb==\n",
            "requirements.txt:3: expected a requirement such as name>=1.0, found \"b==\": Unexpected end of version specifier, expected version",
        ),
        ("a \\\n --frob\n", "requirements.txt:1: option --frob is unknown in a requirements file"),
        (
            "a>=1  b @ https://h.example/b-1.0-py3-none-any.whl\n",
            "requirements.txt:1: expected a requirement such as name>=1.0, found \"a>=1  b @ \
             https://h.example/b-1.0-py3-none-any.whl\": expected one requirement a line",
        ),
        ("f==1 ./c-1.0.tar.gz\n", "expected one requirement a line"),
        (
            "-e .\n",
            "requirements.txt:1: \"-e .\" is an editable requirement, which a mirror cannot hold",
        ),
        ("a -e .\n", "requirements.txt:1: \"-e .\" is an editable requirement"),
        (
            "git+https://me:${TOKEN}@h.example/a\n",
            "requirements.txt:1: \"git+https://***@h.example/a\" is a checkout of version control",
        ),
        (
            "a @ git+https://h.example/a@v1\n",
            "requirements.txt:1: \"git+https://h.example/a@v1\" is a checkout",
        ),
        ("./project\n", "requirements.txt:1: \"./project\" is a folder"),
        (
            "other/list.txt\n",
            "requirements.txt:1: expected a requirement such as name>=1.0, found \"other/list.txt\": a requirements file is included with -r",
        ),
        ("--pre requests\n", "requirements.txt:1: \"requests\" stands after an option"),
        (
            "-r a.txt -r b.txt\n",
            "requirements.txt:1: \"--requirement b.txt\" stands after an option",
        ),
        ("a -r b.txt\n", "requirements.txt:1: \"--requirement b.txt\" stands behind a requirement"),
        (
            "a --hash=md5:00\n",
            "requirements.txt:1: \"md5:00\": expected sha256, sha384 or sha512, found \"md5\"",
        ),
        (
            "a --hash=sha256:00\n",
            "requirements.txt:1: \"sha256:00\": sha256 checksum \"00\" is malformed, expected 64 hexadecimal digits",
        ),
        ("a --hash='x\n", "requirements.txt:1: expected a closing ' in the options"),
        ("a ; python_version\n", "found \"a ; python_version\": marker: "),
        (
            "-i ftp://me:secret@h.example\n",
            "requirements.txt:1: \"ftp://***@h.example\": expected a path, or a URL",
        ),
        (
            "--trusted-host https://h\n",
            "requirements.txt:1: option --trusted-host: expected a host, or host:port",
        ),
        (
            "${NAME}-${TOKEN} !\n",
            "requirements.txt:1: expected a requirement such as name>=1.0, found \"${NAME}-${TOKEN} !\": once its variables are put in",
        ),
        (
            "https://${TOKEN}@h.example/${TOKEN}.txt\n",
            "requirements.txt:1: \"https://***@h.example/${TOKEN}.txt\" is neither a wheel",
        ),
        ("https://[${TOKEN}/a-1.zip\n", "no usable file or URL once its variables are put in"),
        ("a\n\u{0}\n", "requirements.txt:2: expected a requirement"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn notes_what_has_no_effect() {
    let read = read(
        "a --pre --global-option=x\n--use-feature=fast-deps\n--hash=sha256:aa\n"
            .replace(":aa", &format!(":{}", "a".repeat(64)))
            .as_str(),
    );
    let notes: Vec<_> = read.unwrap().notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "requirements.txt:1: --pre has no effect behind a requirement, only on a line of its own",
            "requirements.txt:1: --global-option is for builds, and has no meaning for a mirror",
            "requirements.txt:2: --use-feature is pip's own, and has no meaning for a mirror",
            "requirements.txt:3: --hash has no effect without a requirement before it",
        ]
    );
    let unset = self::read("--find-links https://h.example/${UNSET}\n").unwrap();
    assert_eq!(unset.notes[0].text, "${UNSET} is not set, and stays as it is written");
}

#[test]
fn a_constraint_bounds_versions_and_nothing_else() {
    let constraint = |text| read_all(&[("requirements.txt", text)], Role::Constraints);
    assert_eq!(
        words(&constraint("a<2\na @ https://h.example/a-1.zip\n").unwrap().constraints).len(),
        2
    );
    for (text, expected) in [
        ("a[x]<2\n", "\"a[x]<2\" cannot be a constraint: it has extras"),
        ("-e .\n", "is an editable requirement"),
    ] {
        assert!(constraint(text).unwrap_err().contains(expected), "{text}");
    }
}

#[test]
fn files_that_include_one_another_come_to_an_end() {
    let cycle = [
        ("requirements.txt", "-r sub/a.txt\n"),
        ("sub/a.txt", "x\n-c ./b.txt\n"),
        ("sub/b.txt", "-r ../sub/a.txt\n"),
    ];
    assert_eq!(
        read_all(&cycle, Role::Requirements).unwrap_err(),
        "sub/b.txt:1: includes itself: sub/a.txt includes sub/b.txt includes sub/a.txt"
    );
    assert!(error("-r requirements.txt\n").contains("requirements.txt includes requirements.txt"));

    // Twice is no cycle.
    let twice = [("requirements.txt", "-r a.txt\n-r a.txt\n"), ("a.txt", "x\n")];
    assert_eq!(words(&read_all(&twice, Role::Requirements).unwrap().entries), ["x", "x"]);

    let mut reading = Reading::new(&|_| None);
    reading.add(Location::parse("0").unwrap(), Role::Requirements);
    let mut depth = 0;
    let deep = loop {
        depth += 1;
        assert!(reading.wanted().is_some());
        if let Err(error) = reading.take(format!("-r {depth}\n").as_bytes()) {
            break error.to_string();
        }
    };
    assert_eq!(deep, "31:1: is too large: expected at most 32 files within one another");

    let mut reading = Reading::new(&|_| None);
    reading.add(Location::parse("0").unwrap(), Role::Requirements);
    let wide = loop {
        let Some(file) = reading.wanted() else { panic!() };
        let list =
            if file.at.is_none() { "-r x\n".repeat(limits::INPUT_FILES) } else { String::new() };
        if let Err(error) = reading.take(list.as_bytes()) {
            break error.to_string();
        }
    };
    assert!(wide.ends_with("at most 1000 files"), "{wide}");
}

#[test]
fn a_file_from_elsewhere_names_none_of_this_host() {
    let remote = |text: &str| {
        let mut reading = Reading::new(&|_| None);
        reading.add(
            Location::parse("https://me:secret@h.example/r/list.txt").unwrap(),
            Role::Requirements,
        );
        reading.wanted();
        let taken = reading.take(text.as_bytes()).map_err(|error| error.to_string());
        taken.map(|()| reading.wanted().map(|file| file.location.to_string()))
    };
    assert_eq!(remote("-r more.txt\n").unwrap().unwrap(), "https://h.example/r/more.txt");
    for text in [
        "-r file:///etc/shadow\n",
        "./a-1.zip\n",
        "a @ file:///a-1.zip\n",
        "-f /srv\n",
        "-i simple\n",
    ] {
        let error = remote(text).unwrap_err();
        assert!(error.starts_with("https://h.example/r/list.txt:1: "), "{error}");
        assert!(error.contains("is a file of this host"), "{error}");
    }
}

#[test]
fn one_digest_asks_for_all() {
    let sha = format!("--hash=sha256:{}", "a".repeat(64));
    let exact = |text: &str| read(text).unwrap().is_exact().map_err(|error| error.to_string());
    assert_eq!(exact("a==1\nb\n"), Ok(false));
    assert_eq!(exact(""), Ok(false));
    assert_eq!(exact(&format!("a==1 {sha}\nb===2 {sha}\n")), Ok(true));
    let url = format!("a==1 {sha}\nb @ https://h.example/b-1.zip#sha256={}\n", "b".repeat(64));
    assert_eq!(exact(&url), Ok(true));
    assert_eq!(exact(&format!("--no-require-hashes\na==1 {sha}\nb\n")), Ok(false));
    assert_eq!(
        exact(&format!("a==1 {sha}\nb==1\n")),
        Err("requirements.txt:2: \"b==1\" has no --hash, and requirements.txt:1 has a --hash"
            .into())
    );
    for loose in ["b>=1", "b==1.*", "b==1,!=2", "b"] {
        let error = exact(&format!("a==1 {sha}\n{loose} {sha}\n")).unwrap_err();
        assert!(error.contains("is not pinned with ==, and requirements.txt:1 has"), "{error}");
    }
    assert_eq!(
        exact("--require-hashes\na==1\n"),
        Err("requirements.txt:2: \"a==1\" has no --hash, and --require-hashes asks for it".into())
    );
    let files = [("requirements.txt", "-c c.txt\na\n"), ("c.txt", &format!("a==1 {sha}\n"))];
    let read = read_all(&files, Role::Requirements).unwrap();
    assert_eq!(read.is_exact(), Ok(false));
    let text = format!("--require-hashes\n{}", files[0].1);
    let read = read_all(&[("requirements.txt", &text), files[1]], Role::Requirements).unwrap();
    assert_eq!(read.is_exact(), Ok(true));
}

#[test]
fn takes_requirements_of_the_command_line() {
    let none = |_: &str| None;
    let mut reading = Reading::new(&none);
    let at = Place::file(&Arc::new(Location::parse("argument").unwrap()));
    reading.add_requirement("requests>=2", &at).unwrap();
    let error = reading.add_requirement("requests>", &at).unwrap_err().to_string();
    assert!(error.starts_with("argument: expected a requirement"), "{error}");
    assert!(reading.wanted().is_none());
    assert_eq!(words(&reading.finish().entries), ["requests>=2"]);
}

proptest! {
    /// Not in an error, nor in what is kept of the user's words, nor where it is printed for debugging;
    /// whether it stands in the file or in a variable, and whatever else the line says.
    #[test]
    fn no_password_is_ever_shown(
        password in "Zq9[a-zA-Z0-9._~!$&*+,=%-]{3,20}",
        behind in "[ -~]{0,20}",
        form in 0..8,
    ) {
        let url = format!("https://me:{password}@h.example/a-1.0-py3-none-any.whl");
        let text = match form {
            0 => format!("{url}{behind}\n"),
            1 => format!("a @ {url}{behind}\n"),
            2 => format!("-i {url}{behind}\n"),
            3 => format!("-f '{url}'{behind}\n"),
            4 => format!("a @ git+{url}{behind}\n"),
            5 => format!("-e {url}{behind}\n"),
            6 => format!("a>= {url}{behind}\n"),
            _ => format!("https://me:${{SECRET}}@h.example/a-1.zip{behind}\n"),
        };
        let variable = |_: &str| Some(password.clone());
        let mut reading = Reading::new(&variable);
        reading.add(Location::parse("requirements.txt").unwrap(), Role::Requirements);
        reading.wanted();
        if let Err(error) = reading.take(text.as_bytes()) {
            prop_assert!(!error.to_string().contains("Zq9"), "{error}");
        }
        let read = reading.finish();
        prop_assert!(!format!("{read:?}").contains("Zq9"), "{read:?}");
    }

    /// How a file is broken into lines does not change what it asks for.
    #[test]
    fn continued_lines_mean_what_whole_ones_do(
        words in prop::collection::vec("[a-z]{1,8}(>=[0-9]{1,3})?", 1..20),
        breaks in prop::collection::vec(0..4_usize, 20),
    ) {
        let whole = words.join("\n") + "\n";
        let mut broken = String::new();
        for (word, at) in words.iter().zip(breaks) {
            let at = at.min(word.len());
            let (first, second) = word.split_at(at);
            broken.extend([first, "\\\n", second, "   # ", word, "\n\n"]);
        }
        let (whole, broken) = (read(&whole).unwrap(), read(&broken).unwrap());
        prop_assert_eq!(self::words(&whole.entries), self::words(&broken.entries));
    }
}
