//! `mirror keygen`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mirror_core::signature::sign::{Algorithm, NewKey, SigningKey};

use super::signing;
use crate::cli::{KeyAlgorithm, KeygenArgs};
use crate::console::{self, Tag};
use crate::diagnostics::{Exit, Failure, KeyFault};

/// Who may read a secret key: its owner.
const SECRET: u32 = 0o600;

/// Who may read a public one: everybody.
const PUBLIC: u32 = 0o644;

/// Makes a key.
pub(super) fn run(args: &KeygenArgs) -> Result<Exit, Failure> {
    let config = super::load_config(&args.place.config)?;
    let root = super::root(&args.place, &config);
    signing::refuse_below_root(signing::SECRET_KEY, &args.file, &root)?;
    let public = public_of(&args.file);
    for path in [&args.file, &public] {
        if fs::symlink_metadata(path).is_ok() {
            return Err(KeyFault::Exists(path.clone()).into());
        }
    }
    let user = user(args)?;
    let passphrase = signing::passphrase(args.passphrase.passphrase_file.as_deref(), &root)?;
    let new = NewKey {
        user: &user,
        algorithm: match args.algorithm {
            KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
            KeyAlgorithm::Rsa4096 => Algorithm::Rsa4096,
        },
        lasts: args.expires.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
        passphrase: passphrase.as_deref(),
    };
    let wrong = |source| KeyFault::Sign { path: args.file.clone(), source };
    let key = SigningKey::generate(&new, signing::now()).map_err(wrong)?;
    let halves = [
        (&*public, key.public().to_owned(), PUBLIC),
        (&*args.file, key.secret().map_err(wrong)?, SECRET),
    ];
    write_all(&halves)?;
    let (secret, shown) = (args.file.display(), public.display());
    let text = format!(
        "{secret}: the secret key, to be kept\n{shown}: the public key, for nodes\nfingerprint: {}\n",
        key.fingerprint()
    );
    console::print(&text).map_err(Failure::Output)?;
    console::tell(
        Tag::Hint,
        format_args!(
            "sign with it by `mirror sync --sign-key {secret}`, or sign_key = \"{secret}\" in mirror.toml; \
             keep a copy off this host"
        ),
    );
    Ok(Exit::Done)
}

/// `Name <address>`, as the standard has it.
fn user(args: &KeygenArgs) -> Result<String, Failure> {
    let is_odd = |c: char| c.is_control() || matches!(c, '<' | '>' | '(' | ')');
    for (option, text) in [("--name", Some(&args.name)), ("--email", args.email.as_ref())] {
        let Some(text) = text else { continue };
        let is_address = option == "--name" || (text.contains('@') && !text.contains(' '));
        if text.trim().is_empty() || text.contains(is_odd) || !is_address {
            return Err(KeyFault::User { option, text: text.clone() }.into());
        }
    }
    let name = args.name.trim();
    Ok(args.email.as_ref().map_or_else(|| name.to_owned(), |email| format!("{name} <{email}>")))
}

/// The public key's file: the name of the other with `.pub` behind it.
fn public_of(secret: &Path) -> PathBuf {
    let mut name: OsString = secret.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Writes new files, all of them or none: half a key is of no use, and would be in the way of the next.
fn write_all(files: &[(&Path, String, u32)]) -> Result<(), Failure> {
    let mut written = Vec::new();
    let result = files
        .iter()
        .try_for_each(|(path, text, mode)| write_new(path, text, *mode, || written.push(*path)));
    result.inspect_err(|_| {
        for path in written {
            // What cannot be removed is in the way, and named then.
            let _ = fs::remove_file(path);
        }
    })
}

/// Writes a file that nobody else has made; says so when it is made.
fn write_new(path: &Path, text: &str, mode: u32, note: impl FnOnce()) -> Result<(), Failure> {
    let unwritten = |source| Failure::Write { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => KeyFault::Exists(path.to_owned()).into(),
        _ => unwritten(source),
    })?;
    note();
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // And its name.
    written.and_then(|()| File::open(folder_of(path))?.sync_all()).map_err(unwritten)
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
