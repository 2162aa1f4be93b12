use std::io::{Cursor, Write as _};

use proptest::prelude::*;

use super::*;

const OLD: &str = "Metadata-Version: 1.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.8\n";

fn demo() -> PackageName {
    "demo".parse().unwrap()
}

/// A header and content of a tar archive.
fn member(path: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    header[..path.len().min(100)].copy_from_slice(&path.as_bytes()[..path.len().min(100)]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    let mut out = signed(header);
    out.extend(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn signed(mut header: [u8; 512]) -> Vec<u8> {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.to_vec()
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::new();
    for (key, value) in records {
        let rest = format!(" {key}={value}\n");
        let len = (1..99).find(|len: &usize| len.to_string().len() + rest.len() == *len).unwrap();
        text = format!("{text}{len}{rest}");
    }
    member("pax", b'x', text.as_bytes())
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    let mut out = members.concat();
    out.extend([0; 1024]);
    out
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(members: &[Vec<u8>]) -> Result<Sdist, String> {
    Sdist::read_tar(&gz(&tar(members))[..], &demo()).map_err(|error| error.to_string())
}

fn sdist(files: &[(&str, &str)]) -> Sdist {
    let members: Vec<_> =
        files.iter().map(|(path, text)| member(path, b'0', text.as_bytes())).collect();
    read(&members).unwrap()
}

fn requirements(requires: &[Requirement]) -> Vec<String> {
    requires.iter().map(ToString::to_string).collect()
}

fn needs(sdist: &Sdist) -> (Origin, Vec<String>) {
    let found = sdist.metadata(&demo(), &"1.0".parse().unwrap()).unwrap();
    assert!(found.metadata.faults.is_empty(), "{:?}", found.metadata.faults);
    (found.origin, requirements(&found.metadata.requires_dist))
}

#[test]
fn finds_what_says_something_however_it_is_packed() {
    let long = format!("demo-1.0/{}/x.py", "long".repeat(60));
    let members = [
        member("pax_global_header", b'g', b"52 comment=0123456789012345678901234567890123456789\n"),
        member("demo-1.0/", b'5', b""),
        member("./demo-1.0/PKG-INFO", b'0', OLD.as_bytes()),
        member("demo-1.0/link", b'2', b""),
        member("././@LongLink", b'L', format!("{long}\0").as_bytes()),
        member(&long, b'0', b"code"),
        pax(&[("path", "demo-1.0/pyproject.toml"), ("mtime", "1.5")]),
        member("demo-1.0/other", b'0', b"[project]\n"),
        member("demo-1.0/tests/other.egg-info/requires.txt", b'0', b"no"),
        member("demo-1.0/tests/PKG-INFO", b'0', b"no"),
        member("demo-1.0/setup.cfg", b'0', b"[options]\n"),
        member("demo-1.0/setup.py", b'0', b"code"),
        member("demo-1.0/tests/setup.py", b'0', b"no"),
        // It may be a link, or there twice: it is no reason to refuse the archive.
        member("other/setup.py", b'0', b"no"),
        member("demo-1.0/setup.cfg", b'2', b""),
        member("demo-1.0/src/Demo.egg-info/requires.txt", b'0', b"a\n"),
    ];
    let expected = Sdist {
        pkg_info: Some(OLD.into()),
        pyproject: Some("[project]\n".to_owned()),
        requires_txt: Some("a\n".to_owned()),
        setup_cfg: Some("[options]\n".to_owned()),
        setup_py: Some("code".to_owned()),
    };
    let archive = tar(&members);
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(&archive).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&archive).unwrap();
    for bytes in [gz(&archive), bz2.finish().unwrap(), xz.finish().unwrap(), archive.clone()] {
        assert_eq!(Sdist::read_tar(&bytes[..], &demo()).unwrap(), expected);
    }
    // Without the two empty blocks, as some tools leave it.
    let bare = &archive[..archive.len() - 1024];
    assert_eq!(Sdist::read_tar(bare, &demo()).unwrap(), expected);
}

#[test]
fn reads_zip_archives_too() {
    let members = [
        ("demo-1.0/PKG-INFO", OLD),
        ("demo-1.0/pyproject.toml", "[project]\n"),
        ("demo-1.0/other.py", "code"),
        ("demo-1.0/src/demo.egg-info/requires.txt", "a\n"),
    ];
    let archive = crate::format::pypi::zip::tests::stored_archive(&members);
    let found = Sdist::read_zip(&mut Cursor::new(archive), &demo()).unwrap();
    assert_eq!(found.pkg_info.as_deref(), Some(OLD.as_bytes()));
    assert_eq!(found.pyproject.as_deref(), Some("[project]\n"));
    assert_eq!(found.requires_txt.as_deref(), Some("a\n"));
    assert!(Sdist::read_zip(&mut Cursor::new(b"PK"), &demo()).is_err());
}

#[test]
fn static_metadata_is_taken_as_it_is() {
    let new =
        "Metadata-Version: 2.2\nName: Demo\nVersion: 1.0.0\nRequires-Dist: a>1\nDynamic: License\n";
    let project = "[project]\nname = 'demo'\ndependencies = ['b']\n";
    let both = |info: &str, project: &str| {
        sdist(&[
            ("demo-1.0/PKG-INFO", info),
            ("demo-1.0/pyproject.toml", project),
            ("demo-1.0/demo.egg-info/requires.txt", "c\n"),
        ])
    };
    assert_eq!(needs(&both(new, project)), (Origin::PkgInfo, vec!["a>1".to_owned()]));
    let dynamic = new.replace("License", "Requires-Dist");
    assert_eq!(needs(&both(&dynamic, project)), (Origin::PyProject, vec!["b".to_owned()]));
    assert_eq!(needs(&both(OLD, project)), (Origin::PyProject, vec!["b".to_owned()]));
    for left_open in [
        "[project]\ndynamic = ['dependencies']\n",
        "[tool.x]\n",
        "[project]\ndynamic=['optional-dependencies']",
    ] {
        assert_eq!(needs(&both(OLD, left_open)), (Origin::Guess, vec!["c".to_owned()]));
    }
    let old = sdist(&[("demo-1.0/PKG-INFO", &format!("{OLD}Requires-Dist: d\n"))]);
    assert_eq!(needs(&old), (Origin::Guess, vec!["d".to_owned()]));
    assert_eq!(needs(&Sdist::default()), (Origin::Guess, vec![]));
}

#[test]
fn project_tables_have_extras_and_markers() {
    let text = "[project]\nrequires-python = '>=3.9'\ndependencies = ['a; os_name == \"nt\"']\n\
                [project.optional-dependencies]\n'Fast_Er' = ['b>=2 ; os_name == \"nt\" or extra == \"x\"']\n";
    let found = sdist(&[("demo-1.0/pyproject.toml", text)]);
    let found = found.metadata(&demo(), &"1.0".parse().unwrap()).unwrap();
    assert_eq!(
        requirements(&found.metadata.requires_dist),
        [
            "a ; os_name == 'nt'",
            "b>=2 ; (extra == 'fast-er' and extra == 'x') or (os_name == 'nt' and extra == 'fast-er')"
        ]
    );
    assert_eq!(found.metadata.requires_python.unwrap().to_string(), ">=3.9");
    assert_eq!(found.metadata.provides_extra.len(), 1);
}

#[test]
fn sections_of_requires_txt_are_extras_and_markers() {
    let text = "a>=1\n\n# x\n[:python_version < \"3\"]\nb\n[test]\nc ; os_name == 'nt'\n\
                [Te_st:os_name == 'nt' or os_name == 'posix']\nd ; os_name == 'x'\n[-]\ne\n";
    let found = sdist(&[("demo-1.0/demo.egg-info/requires.txt", text)]);
    assert_eq!(
        needs(&found),
        (
            Origin::Guess,
            vec![
                "a>=1".to_owned(),
                "b ; python_full_version < '3'".to_owned(),
                "c ; os_name == 'nt' and extra == 'test'".to_owned(),
                "d ; python_version < '0'".to_owned(),
            ]
        )
    );
}

#[test]
fn tells_what_it_takes_to_build() {
    let of = |text: &str| sdist(&[("demo-1.0/pyproject.toml", text)]).build_system();
    for default in [sdist(&[("demo-1.0/setup.py", "")]).build_system(), of("[tool.x]\n")] {
        let default = default.unwrap();
        assert_eq!(requirements(&default.requires), ["setuptools", "wheel"]);
        assert_eq!((default.backend, default.is_local), (None, false));
    }
    let system = of("[build-system]\nrequires = ['flit_core >=3.2,<4', 'x>=y']\n\
                     build-backend = 'backend'\nbackend-path = ['.']\n")
    .unwrap();
    assert_eq!(requirements(&system.requires), ["flit-core>=3.2,<4"]);
    assert_eq!((system.backend.as_deref(), system.is_local), (Some("backend"), true));
    assert!(
        system.faults[0].to_string().starts_with("build-system.requires \"x>=y\" is malformed")
    );
    let error = |text: &str| of(text).unwrap_err().to_string();
    assert_eq!(
        error("[build-system]\n"),
        "pyproject.toml is malformed: [build-system] has no `requires`"
    );
    assert_eq!(
        error("[build-system]\nrequires = 'x'\n"),
        "pyproject.toml is malformed: expected a list of texts as build-system.requires, found \
         something else"
    );
    assert!(error("[build-system\n").starts_with("pyproject.toml is malformed: "));
    assert!(error("build-system = 1\n").contains("expected a table as build-system"));
}

#[test]
fn setuptools_is_told_what_it_asks_for_by_files_of_its_own() {
    let cfg = ("demo-1.0/setup.cfg", "[options]\nsetup_requires = pbr>=2\n");
    let py = ("demo-1.0/setup.py", "setup(setup_requires=['cffi'])\n");
    let build = |backend| format!("[build-system]\nrequires = []\n{backend}\n");
    let old = build("");
    let new = build("build-backend = 'setuptools.build_meta:__legacy__'");
    for pyproject in [&old, &new] {
        let found = sdist(&[cfg, py, ("demo-1.0/pyproject.toml", pyproject)]);
        let system = found.build_system().unwrap();
        assert_eq!(requirements(&system.requires), ["pbr>=2"]);
        assert_eq!((requirements(&system.asked), system.is_open), (vec!["cffi".to_owned()], false));
    }
    let system = sdist(&[cfg]).build_system().unwrap();
    assert_eq!(requirements(&system.requires), ["setuptools", "wheel", "pbr>=2"]);
    let open = ("demo-1.0/setup.py", "setup(setup_requires=needs())\n");
    assert!(sdist(&[open]).build_system().unwrap().is_open);
    // Others do not look at them.
    let other = build("build-backend = 'flit_core.buildapi'");
    let system = sdist(&[cfg, open, ("demo-1.0/pyproject.toml", &other)]).build_system().unwrap();
    assert_eq!((system.requires.len(), system.is_open), (0, false));
}

#[test]
fn another_releases_metadata_is_refused() {
    let found = sdist(&[("demo-1.0/PKG-INFO", OLD)]);
    assert_eq!(
        found.metadata(&demo(), &"1.1".parse().unwrap()).unwrap_err().to_string(),
        "PKG-INFO is of demo 1.0, expected demo 1.1"
    );
    let found = sdist(&[("demo-1.0/PKG-INFO", "Name: /abs/path\nVersion: 1.0\n")]);
    let error = found.metadata(&demo(), &"1.0".parse().unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("PKG-INFO Name \"/abs/path\" is malformed"), "{error}");
}

#[test]
fn links_and_devices_are_not_followed() {
    for kind in b"123456" {
        let found = read(&[member("demo-1.0/PKG-INFO", *kind, b"")]);
        assert!(found.unwrap_err().contains("\"demo-1.0/PKG-INFO\" is no regular file"));
    }
    let found = read(&[member("demo-1.0/../PKG-INFO", b'0', b""), member("/PKG-INFO", b'0', b"")]);
    assert_eq!(found.unwrap(), Sdist::default());
}

#[test]
fn refuses_what_tools_may_read_differently() {
    let twice = [member("demo-1.0/PKG-INFO", b'0', b""), member("./demo-1.0/PKG-INFO", b'0', b"x")];
    assert_eq!(
        read(&twice).unwrap_err(),
        "has two members for one file: \"demo-1.0/PKG-INFO\" and \"demo-1.0/PKG-INFO\""
    );
    let error = |members: &[Vec<u8>]| read(members).unwrap_err();
    let file = member("demo-1.0/x", b'0', b"");
    let double = [pax(&[("path", "a")]), member("././@LongLink", b'L', b"b\0"), file.clone()];
    assert!(
        error(&double).contains("expected one name and size of a member at byte 1024, found two")
    );
    assert!(error(&[pax(&[("path", "a"), ("path", "b")]), file.clone()]).contains("found two"));
    let global = member("g", b'g', b"10 path=a\n");
    assert!(error(&[global, file.clone()]).contains("global records without a path or size"));
    assert!(error(&[pax(&[("GNU.sparse.major", "1")]), file]).contains("without holes"));
    assert!(error(&[member("x", b'S', b"")]).contains("without holes"));
}

#[test]
fn sizes_of_pax_records_count() {
    // A reader that goes by the header would take the content for members.
    let inner = member("demo-1.0/PKG-INFO", b'0', b"planted");
    let size = inner.len().to_string();
    let mut members = vec![pax(&[("size", &size)]), member("demo-1.0/x", b'0', b""), inner];
    assert_eq!(read(&members).unwrap(), Sdist::default());
    members.push(member("demo-1.0/PKG-INFO", b'0', b"real"));
    assert_eq!(read(&members).unwrap().pkg_info.as_deref(), Some(&b"real"[..]));
}

#[test]
fn archives_are_bounded() {
    let mut header = [0; 512];
    header[..17].copy_from_slice(b"demo-1.0/PKG-INFO");
    header[156] = b'0';
    header[124..136].copy_from_slice(b"77777777777\0");
    assert!(read(&[signed(header)]).unwrap_err().contains("bytes of PKG-INFO"));
    header[0] = b'x';
    header[10] = b'x';
    assert!(read(&[signed(header)]).unwrap_err().contains("cut short at byte"));
    header[124..136].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    assert!(read(&[signed(header)]).unwrap_err().contains("less than 2^63 bytes"));
    header[156] = b'L';
    assert!(read(&[signed(header)]).unwrap_err().contains("bytes of a tar header"));
    let large = vec![b'#'; 2 << 20];
    let error = read(&[member("demo-1.0/pyproject.toml", b'0', &large)]).unwrap_err();
    assert_eq!(error, "is too large: expected at most 1048576 bytes of pyproject.toml");
    let bomb = gz(&tar(&[member("demo-1.0/x", b'0', &vec![0; 20 << 20])]));
    let error = Sdist::read_tar(&bomb[..], &demo()).unwrap_err().to_string();
    assert!(error.contains("grows out of proportion"), "{error}");
}

#[test]
fn refuses_what_is_no_archive() {
    let error = |bytes: &[u8]| Sdist::read_tar(bytes, &demo()).unwrap_err().to_string();
    assert_eq!(error(b""), "is no tar archive: expected a header at byte 0, found nothing");
    assert!(error(&[b'x'; 600]).contains("expected a header at byte 0, found another sum"));
    assert!(error(&[b'x'; 60]).contains("cut short at byte 60"));
    let whole = gz(&tar(&[member("demo-1.0/x", b'0', b"")]));
    assert!(error(&whole[..whole.len() / 2]).contains("damaged or cut short"));
    let text = sdist(&[("demo-1.0/PKG-INFO", OLD)]);
    assert!(text.pyproject.is_none());
    let latin = read(&[member("demo-1.0/pyproject.toml", b'0', b"# \xff")]);
    assert_eq!(
        latin.unwrap_err(),
        "pyproject.toml is malformed: expected UTF-8, found something else"
    );
}

proptest! {
    #[test]
    fn damage_makes_no_panic(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut archive = tar(&[
            pax(&[("path", "demo-1.0/pyproject.toml"), ("size", "10")]),
            member("demo-1.0/other", b'0', b"[project]\n"),
            member("././@LongLink", b'L', b"demo-1.0/PKG-INFO\0"),
            member("x", b'0', OLD.as_bytes()),
        ]);
        let at = at.index(archive.len());
        archive[at] = byte;
        let _ = Sdist::read_tar(&archive[..], &demo());
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\[|\\]|:|;|a|=|'|\"|\n|project|build-system|requires|dependencies|\\PC){0,40}") {
        let sdist = Sdist {
            pyproject: Some(text.clone()),
            setup_cfg: Some(text.clone()),
            setup_py: Some(text.clone()),
            requires_txt: Some(text),
            ..Sdist::default()
        };
        let _ = sdist.metadata(&demo(), &"1.0".parse().unwrap());
        let _ = sdist.build_system();
        let sdist = Sdist { pyproject: None, ..sdist };
        let _ = sdist.metadata(&demo(), &"1.0".parse().unwrap());
    }
}
