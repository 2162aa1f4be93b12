//! Metadata of our own that is signed with the site's key, before a real dnf that checks it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use mirror_fixtures::{Gpg, Package, Repository, Signer, sign_package, tool};

use crate::support::{Ran, Site};

/// dnf that wants metadata and packages signed, with nothing of this host's configuration.
struct Dnf {
    program: PathBuf,
    state: tempfile::TempDir,
}

impl Dnf {
    fn new(tree: &Path, keys: &[PathBuf]) -> Option<Self> {
        let program = tool("dnf")?;
        let state = tempfile::tempdir().unwrap();
        let mut config = "[main]\nskip_if_unavailable=0\nplugins=0\n".to_owned();
        let folders = [
            ("cachedir", "cache"),
            ("persistdir", "persist"),
            ("logdir", "log"),
            ("reposdir", "no"),
        ];
        for (key, folder) in folders {
            writeln!(config, "{key}={}", state.path().join(folder).display()).unwrap();
        }
        let keys: Vec<_> = keys.iter().map(|key| format!("file://{}", key.display())).collect();
        writeln!(
            config,
            "[up]\nname=up\nbaseurl=file://{}\nrepo_gpgcheck=1\ngpgcheck=1\ngpgkey={}",
            tree.display(),
            keys.join(" ")
        )
        .unwrap();
        fs::write(state.path().join("dnf.conf"), config).unwrap();
        Some(Self { program, state })
    }

    /// What it says, where it succeeds; else what it complains of.
    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.program)
            .arg("--config")
            .arg(self.state.path().join("dnf.conf"))
            .arg(format!("--installroot={}", self.root().display()))
            .args(["--releasever=10", "--forcearch=x86_64", "-y"])
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&output.stdout) + &text(&output.stderr);
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    fn root(&self) -> PathBuf {
        self.state.path().join("root")
    }
}

/// A folder of packages that a vendor has signed, and the site's key.
struct Signed {
    site: Site,
    vendor: Signer,
    other: Signer,
    tree: &'static str,
}

impl Signed {
    fn new() -> Option<Self> {
        let gpg = Arc::new(Gpg::new()?);
        let [vendor, other] =
            ["vendor", "other"].map(|name| gpg.signer(&gpg.make(name, "ed25519", "never", &[])));
        let signed = Self { site: Site::empty(), vendor, other, tree: "tree" };
        fs::create_dir(signed.tree()).unwrap();
        for signer in [&signed.vendor, &signed.other] {
            let name = if signer.key == signed.vendor.key { "vendor.key" } else { "other.key" };
            fs::write(signed.site.path(name), gpg.export(&signer.key)).unwrap();
        }
        signed.put("one", &signed.vendor);
        assert_eq!(signed.site.run("keygen site.key").code, Some(0));
        Some(signed)
    }

    fn tree(&self) -> PathBuf {
        self.site.path(self.tree)
    }

    fn repodata(&self, name: &str) -> PathBuf {
        self.tree().join("repodata").join(name)
    }

    fn put(&self, name: &str, signer: &Signer) {
        let package = Package::new(name, "1", "1").file(&format!("/usr/share/{name}"), name);
        let bytes = sign_package(&package.build(), signer);
        fs::write(self.tree().join(package.rpm_name()), bytes).unwrap();
    }

    fn index(&self) -> Ran {
        let ran = self.site.run("index tree --sign-key site.key");
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        ran
    }

    fn dnf(&self, keys: &[&str]) -> Option<Dnf> {
        let keys: Vec<_> = keys.iter().map(|key| self.site.path(key)).collect();
        Dnf::new(&self.tree(), &keys)
    }
}

#[test]
fn dnf_installs_from_a_signed_index_and_from_no_changed_one() {
    let Some(signed) = Signed::new() else { return };
    signed.index();
    let usual = ["site.key.pub", "vendor.key"];
    let Some(dnf) = signed.dnf(&usual) else { return };
    dnf.run(&["makecache"]).unwrap();
    dnf.run(&["install", "one"]).unwrap();
    assert!(dnf.root().join("usr/share/one").is_file());

    // A key that the node does not have.
    let said = signed.dnf(&["vendor.key"]).unwrap().run(&["makecache"]).unwrap_err();
    assert!(said.contains("repomd.xml"), "{said}");

    // A package that somebody else has signed is listed, and refused.
    signed.put("two", &signed.other);
    signed.index();
    let dnf = signed.dnf(&usual).unwrap();
    let said = dnf.run(&["install", "two"]).unwrap_err();
    assert!(said.contains("GPG") || said.contains("key"), "{said}");
    dnf.run(&["install", "one"]).unwrap();

    // The entry point, changed by somebody without the key.
    let repomd = fs::read_to_string(signed.repodata("repomd.xml")).unwrap();
    fs::write(signed.repodata("repomd.xml"), repomd.replace("<repomd ", "<repomd  ")).unwrap();
    let said = signed.dnf(&usual).unwrap().run(&["makecache"]).unwrap_err();
    assert!(said.contains("repomd.xml"), "{said}");
}

#[test]
fn dnf_installs_from_a_signed_part_of_a_repository() {
    let Some(mut signed) = Signed::new() else { return };
    let build = |version| {
        let package = Package::new("one", version, "1").file("/usr/share/one", version);
        (package.rpm_name(), sign_package(&package.build(), &signed.vendor))
    };
    let all = [build("1"), build("2")];
    let each = all.iter();
    let repository =
        each.fold(Repository::new(), |repository, (name, rpm)| repository.rpm(name, rpm));
    signed.site.rewrite(&repository);
    signed.tree = "mirror/up";
    let sync = |more: &str| {
        let ran = signed.site.sync(&format!("--key vendor.key {more}"));
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        ran
    };
    sync("--newest-only --sign-key site.key --gpgcheck require");
    let read = |name| fs::read(signed.repodata(name)).unwrap();
    let before = [read("repomd.xml"), read("repomd.xml.asc"), read("repomd.xml.key")];
    assert_eq!(before[2], fs::read(signed.site.path("site.key.pub")).unwrap());
    if let Some(dnf) = signed.dnf(&["site.key.pub", "vendor.key"]) {
        dnf.run(&["makecache"]).unwrap();
        dnf.run(&["install", "one"]).unwrap();
        assert_eq!(fs::read_to_string(dnf.root().join("usr/share/one")).unwrap(), "2");
        let stranger = signed.dnf(&["other.key", "vendor.key"]).unwrap();
        assert!(stranger.run(&["makecache"]).unwrap_err().contains("repomd.xml"));
        // Changed on the way to a node: the metadata, and a package.
        let changed = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let file = signed.tree().join(path);
            let content = fs::read(&file).unwrap();
            let mut other = content.clone();
            change(&mut other);
            // The store has the same file.
            fs::remove_file(&file).unwrap();
            fs::write(&file, other).unwrap();
            let dnf = signed.dnf(&["site.key.pub", "vendor.key"]).unwrap();
            let said = dnf.run(&["install", "one"]).unwrap_err();
            assert!(!dnf.root().join("usr/share/one").exists(), "{said}");
            fs::write(&file, content).unwrap();
            said
        };
        let said = changed("repodata/repomd.xml", &|repomd| repomd.push(b'\n'));
        assert!(said.contains("repomd.xml"), "{said}");
        changed("Packages/o/one-2-1.noarch.rpm", &|rpm| *rpm.last_mut().unwrap() ^= 1);
    }
    // The same again keeps its signature, also where another setting has all looked at anew.
    let again = sync("--newest-only --sign-key site.key --gpgcheck require");
    assert!(again.out.contains("unchanged"), "{}", again.out);
    let ran = sync("--newest-only --sign-key site.key --gpgcheck off");
    assert!(ran.out.contains("unchanged"), "{}", ran.out);
    assert_eq!(before, [read("repomd.xml"), read("repomd.xml.asc"), read("repomd.xml.key")]);
    // All of a repository is upstream's, which nobody signed here.
    sync("--sign-key site.key");
    assert!(!signed.repodata("repomd.xml.asc").exists());
    let upstream = fs::read(signed.site.served("repodata/repomd.xml")).unwrap();
    assert_eq!(read("repomd.xml"), upstream);
}

/// Whatever is done to a tree, what lies beside `repomd.xml` is a signature of it, by the key beside it.
#[test]
fn a_signature_is_one_of_what_it_lies_beside_after_every_step() {
    let Some(mut signed) = Signed::new() else { return };
    signed.tree = "mirror/up";
    assert_eq!(signed.site.run("keygen new.key").code, Some(0));
    for key in ["site.key.pub", "new.key.pub"] {
        signed.vendor.gpg.get(&["--import"], &fs::read(signed.site.path(key)).unwrap());
    }
    let state = |newest: u32| {
        let versions = (1..=newest).map(|version| Package::new("one", &version.to_string(), "1"));
        let repository = Repository::new().packages(versions).revision(newest.into());
        signed.site.rewrite(&repository.signed_by(&signed.vendor));
    };
    let read = |name| fs::read(signed.repodata(name)).ok();
    let is_signed_by = |key: &str| {
        let [repomd, signature] = ["repomd.xml", "repomd.xml.asc"].map(|name| read(name).unwrap());
        assert!(signed.vendor.gpg.verifies(&repomd, &signature), "{key}");
        assert_eq!(read("repomd.xml.key"), fs::read(signed.site.path(key)).ok());
        signature
    };
    let run = |arguments: &str| {
        let ran = signed.site.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments}: {}", ran.text());
    };
    let sync = |more: &str| run(&signed.site.sync_arguments(&format!("--newest-only {more}")));

    state(2);
    sync("--sign-key site.key");
    let first = is_signed_by("site.key.pub");
    state(3);
    sync("--sign-key site.key");
    assert_ne!(is_signed_by("site.key.pub"), first);
    // The same repository by another key, by none, and by one again.
    sync("--sign-key new.key");
    is_signed_by("new.key.pub");
    sync("");
    assert_eq!((read("repomd.xml.asc"), read("repomd.xml.key")), (None, None));
    // All of it, which is upstream's, and a part again.
    run(&signed.site.sync_arguments("--sign-key site.key"));
    is_signed_by("vendor.key");
    sync("--sign-key site.key");
    is_signed_by("site.key.pub");
    // Back to a state, with the signature that it had.
    run("rollback up --root mirror --to 1");
    assert_eq!(is_signed_by("site.key.pub"), first);
    run("rollback up --root mirror --release");
    sync("--sign-key new.key");
    is_signed_by("new.key.pub");
    run("verify --root mirror");
    // A signature that was changed is mended as what it was, of which the store has a copy; and where that
    // was changed with it, it is another.
    let (path, before) = (signed.repodata("repomd.xml.asc"), read("repomd.xml.asc").unwrap());
    fs::remove_file(&path).unwrap();
    fs::write(&path, "changed").unwrap();
    sync("--sign-key new.key");
    assert_eq!(is_signed_by("new.key.pub"), before);
    fs::write(&path, "changed").unwrap();
    sync("--sign-key new.key");
    is_signed_by("new.key.pub");
    // A tree of which nothing is known any more, by another key, and by none.
    fs::remove_dir_all(signed.site.path("mirror/.mirror")).unwrap();
    sync("--sign-key site.key");
    is_signed_by("site.key.pub");
    fs::remove_dir_all(signed.site.path("mirror/.mirror")).unwrap();
    sync("");
    assert_eq!((read("repomd.xml.asc"), read("repomd.xml.key")), (None, None));
}

/// A key that lives longer now is another file beside the same metadata.
#[test]
fn the_public_key_is_published_as_it_is_now() {
    let Some(signed) = Signed::new() else { return };
    let gpg = &signed.vendor.gpg;
    let key = gpg.make("site", "ed25519", "1y", &[]);
    let versions = ["1", "2"].map(|version| Package::new("one", version, "1"));
    signed.site.rewrite(&Repository::new().packages(versions));
    let sync = || {
        let secret = gpg.get(&["--armor", "--export-secret-keys", &key], b"");
        fs::write(signed.site.path("gpg.key"), secret).unwrap();
        let ran = signed.site.sync("--newest-only --sign-key gpg.key");
        assert_eq!(ran.code, Some(0), "{}", ran.text());
        let read = |name| fs::read(signed.site.path("mirror/up/repodata").join(name)).unwrap();
        (ran.out, read("repomd.xml.key"), read("repomd.xml.asc"))
    };
    let (_, before, signature) = sync();
    assert!(sync().0.contains("unchanged"));
    gpg.get(&["--quick-set-expire", &key, "9y"], b"");
    let (said, after, kept) = sync();
    assert!(said.contains("published"), "{said}");
    assert_ne!(after, before);
    assert_eq!(kept, signature, "it still counts");
    assert!(sync().0.contains("unchanged"));
}

#[test]
fn an_index_without_change_keeps_its_signature() {
    let Some(signed) = Signed::new() else { return };
    assert!(signed.index().out.contains("published"));
    let read = |name| fs::read(signed.repodata(name)).unwrap();
    let before = [read("repomd.xml"), read("repomd.xml.asc"), read("repomd.xml.key")];
    assert_eq!(before[2], fs::read(signed.site.path("site.key.pub")).unwrap());
    assert!(signed.index().out.contains("unchanged"));
    assert_eq!(before, [read("repomd.xml"), read("repomd.xml.asc"), read("repomd.xml.key")]);
    // A lost signature is made again, and another key signs anew.
    fs::remove_file(signed.repodata("repomd.xml.asc")).unwrap();
    assert!(signed.index().out.contains("published"));
    assert_eq!(signed.site.run("keygen new.key").code, Some(0));
    let ran = signed.site.run("index tree --sign-key new.key");
    assert!(ran.out.contains("published"), "{}", ran.text());
    assert_eq!(read("repomd.xml.key"), fs::read(signed.site.path("new.key.pub")).unwrap());
    // Where nobody signs any more, no old signature is left beside new metadata.
    signed.put("three", &signed.vendor);
    assert_eq!(signed.site.run("index tree").code, Some(0));
    assert!(!signed.repodata("repomd.xml.asc").exists());
}

#[test]
fn an_index_is_signed_with_the_key_of_the_configuration() {
    let Some(signed) = Signed::new() else { return };
    fs::create_dir(signed.site.path("etc")).unwrap();
    fs::write(signed.site.path("etc/mirror.toml"), "sign_key = '../site.key'\n").unwrap();
    let ran = signed.site.run("index tree --config etc/mirror.toml");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    let key = || fs::read(signed.repodata("repomd.xml.key")).unwrap();
    assert_eq!(key(), fs::read(signed.site.path("site.key.pub")).unwrap());
    // The usual place, and a key that is said.
    fs::write(signed.site.path("mirror.toml"), "sign_key = 'lost.key'\n").unwrap();
    let ran = signed.site.run("index tree");
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    assert!(ran.err.contains("lost.key"), "{}", ran.err);
    assert_eq!(signed.site.run("keygen new.key").code, Some(0));
    assert_eq!(signed.site.run("index tree --sign-key new.key").code, Some(0));
    assert_eq!(key(), fs::read(signed.site.path("new.key.pub")).unwrap());
}

#[test]
fn a_clock_that_stands_still_signs_too() {
    let Some(signed) = Signed::new() else { return };
    let mut command = signed.site.command("index tree --sign-key site.key");
    let output = command.env("SOURCE_DATE_EPOCH", "1600000000").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    if let Some(dnf) = signed.dnf(&["site.key.pub", "vendor.key"]) {
        dnf.run(&["makecache"]).unwrap();
    }
}
