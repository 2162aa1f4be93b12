//! `mirror keygen`: the site's key, and where it must not lie.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use mirror_fixtures::Gpg;

use crate::support::Site;

#[test]
fn makes_a_key_that_is_never_overwritten() {
    let site = Site::empty();
    let ran = site.run("keygen site.key --name Site --email mirror@site.example --expires 730d");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert!(
        ran.out.starts_with("site.key: the secret key, to be kept\nsite.key.pub: the public key")
    );
    assert!(ran.err.contains("--sign-key site.key"), "{}", ran.err);
    let secret = fs::read_to_string(site.path("site.key")).unwrap();
    assert!(secret.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
    let mode = fs::metadata(site.path("site.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let public = fs::read(site.path("site.key.pub")).unwrap();
    assert!(public.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----"));
    if let Some(gpg) = Gpg::new() {
        gpg.get(&["--import"], &public);
        let fingerprint = gpg.fingerprints("Site <mirror@site.example>").swap_remove(0);
        assert!(ran.out.ends_with(&format!("fingerprint: {fingerprint}\n")), "{}", ran.out);
    }

    for existing in ["site.key", "site.key.pub"] {
        let ran = site.run("keygen site.key");
        assert_eq!(ran.code, Some(1));
        assert!(
            ran.err
                .starts_with(&format!("error: {existing}: is there already\nhint: a key is never"))
        );
        fs::remove_file(site.path("site.key")).unwrap_or_default();
    }
    assert_eq!(fs::read(site.path("site.key.pub")).unwrap(), public);
}

#[test]
fn a_secret_key_lies_nowhere_below_the_root() {
    let site = Site::empty();
    fs::create_dir_all(site.path("mirror/keys")).unwrap();
    fs::create_dir_all(site.path("keys")).unwrap();
    std::os::unix::fs::symlink(site.path("mirror/keys"), site.path("keys/link")).unwrap();
    for file in ["mirror/site.key", "mirror/keys/site.key", "keys/link/site.key"] {
        let ran = site.run(&format!("keygen {file} --root mirror"));
        assert_eq!(ran.code, Some(2), "{file}: {}", ran.text());
        assert!(ran.err.contains("a secret key below the root, mirror, where it would be served"));
    }
    fs::write(site.path("mirror/pass"), "correct horse\n").unwrap();
    let ran = site.run("keygen site.key --root mirror --passphrase-file mirror/pass");
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    assert!(ran.err.contains("mirror/pass: a passphrase below the root, mirror"), "{}", ran.err);
    assert_eq!(site.run("keygen keys/site.key --root mirror").code, Some(0));
    fs::rename(site.path("keys/site.key"), site.path("mirror/site.key")).unwrap();
    let ran = site.sync("--sign-key mirror/site.key");
    assert_eq!(ran.code, Some(2), "{}", ran.text());
}

#[test]
fn a_locked_key_asks_for_its_passphrase() {
    let site = Site::empty();
    fs::write(site.path("pass"), "correct horse\n").unwrap();
    fs::write(site.path("other"), "battery staple\n").unwrap();
    assert_eq!(site.run("keygen site.key --passphrase-file pass").code, Some(0));
    let sync = |more: &str| site.sync(&format!("--quiet --sign-key site.key {more}"));
    assert_eq!(
        sync("").text(),
        "error: site.key: is locked with a passphrase, and none is given\nhint: give its passphrase by \
         --passphrase-file FILE or the variable MIRROR_PASSPHRASE\nexit 2\n"
    );
    let ran = sync("--passphrase-file other");
    assert!(ran.err.contains("is locked with another passphrase"), "{}", ran.err);
    assert_eq!(sync("--passphrase-file pass").code, Some(0));
}

#[test]
fn what_is_no_passphrase_makes_no_key_without_one() {
    let site = Site::empty();
    fs::write(site.path("empty"), "").unwrap();
    fs::write(site.path("line"), "\nsecond line\n").unwrap();
    fs::write(site.path("latin"), b"gr\xfc\xdfe\n").unwrap();
    let keygen = |more: &str, variable: Option<&OsStr>| {
        let mut command = site.command(&format!("keygen site.key {more}"));
        let output = command.envs(variable.map(|value| ("MIRROR_PASSPHRASE", value))).output();
        let output = output.unwrap();
        assert!(!site.path("site.key").exists(), "{more}: {output:?}");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    for file in ["empty", "line"] {
        let said = keygen(&format!("--passphrase-file {file}"), None);
        let expected =
            format!("error: {file}: holds no passphrase, its first line is empty\nhint: ");
        assert!(said.starts_with(&expected), "{said}");
    }
    let said = keygen("--passphrase-file latin", None);
    assert!(said.starts_with("error: latin: the passphrase is not UTF-8\nhint: "), "{said}");
    let said = keygen("", Some(OsStr::from_bytes(b"gr\xfc\xdfe")));
    assert!(said.starts_with("error: MIRROR_PASSPHRASE: the passphrase is not UTF-8\n"), "{said}");
    let said = keygen("", Some(OsStr::new("")));
    assert!(said.starts_with("error: MIRROR_PASSPHRASE: holds no passphrase"), "{said}");
    // Windows ends its lines so.
    fs::write(site.path("crlf"), "correct horse\r\n").unwrap();
    assert_eq!(site.run("keygen site.key --passphrase-file crlf").code, Some(0));
    fs::write(site.path("pass"), "correct horse").unwrap();
    let ran = site.sync("--quiet --sign-key site.key --passphrase-file pass");
    assert_eq!(ran.code, Some(0), "{}", ran.text());
}

/// A secret key that nobody has the public half of would be in the way, and is of no use.
#[test]
fn where_one_half_cannot_be_written_none_is_left() {
    let site = Site::empty();
    // With `.pub` behind it, it is too long for a file system.
    let name = "k".repeat(252);
    let ran = site.run(&format!("keygen {name}"));
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(ran.err.contains(".pub: cannot write: "), "{}", ran.err);
    assert!(!site.path(&name).exists());
}

#[test]
fn says_which_name_or_file_is_none() {
    let site = Site::empty();
    for wrong in ["--name <x>", "--email nobody", "--expires soon"] {
        assert_eq!(site.run(&format!("keygen site.key {wrong}")).code, Some(2), "{wrong}");
    }
    assert!(!site.path("site.key").exists());
    fs::write(site.path("no.key"), "nothing").unwrap();
    let ran = site.sync("--quiet --sign-key no.key");
    assert!(ran.err.starts_with("error: no.key: no OpenPGP file of a secret key"), "{}", ran.err);
    assert_eq!(site.sync("--quiet --sign-key absent.key").code, Some(2));
}
