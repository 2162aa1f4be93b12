//! The keys that a site signs with: read from files, never from below a root.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mirror_core::limits;
use mirror_core::signature::sign::SigningKey;

use crate::config::ConfigError;
use crate::console::{self, Tag};
use crate::diagnostics::{Failure, KeyFault};
use crate::environment;

/// The variable that holds the passphrase where no file does.
const PASSPHRASE: &str = "MIRROR_PASSPHRASE";

/// What a secret key is called where it lies wrong.
pub(super) const SECRET_KEY: &str = "secret key";

/// Keys by their files, each read once.
#[derive(Debug, Default)]
pub(super) struct SigningKeys(BTreeMap<PathBuf, Arc<SigningKey>>);

impl SigningKeys {
    /// Reads the keys of these files, which have one passphrase.
    pub(super) fn read<'a>(
        files: impl Iterator<Item = &'a Path>,
        passphrase_file: Option<&Path>,
        root: &Path,
    ) -> Result<Self, Failure> {
        let mut keys = Self::default();
        let mut passphrase = None;
        for path in files {
            if keys.0.contains_key(path) {
                continue;
            }
            refuse_below_root(SECRET_KEY, path, root)?;
            if passphrase.is_none() {
                passphrase = Some(self::passphrase(passphrase_file, root)?);
            }
            let content = read(path)?;
            let key =
                SigningKey::read(&content, passphrase.as_ref().and_then(Option::as_deref), now());
            let key = key.map_err(|source| KeyFault::Sign { path: path.to_owned(), source })?;
            if is_open_to_others(path) {
                let shown = path.display();
                let warning =
                    format!("{shown}: others may read this secret key: chmod 600 {shown}");
                console::tell(Tag::Warning, warning);
            }
            keys.0.insert(path.to_owned(), Arc::new(key));
        }
        Ok(keys)
    }

    /// The key of a file.
    pub(super) fn get(&self, path: &Path) -> Option<Arc<SigningKey>> {
        self.0.get(path).cloned()
    }
}

/// The passphrase: of the file, else of the variable. One that is empty was meant to be another.
pub(super) fn passphrase(file: Option<&Path>, root: &Path) -> Result<Option<String>, Failure> {
    if let Some(path) = file {
        refuse_below_root("passphrase", path, root)?;
    }
    let (of, bytes) = match (file, environment::bytes(PASSPHRASE)) {
        (Some(path), _) => (path.display().to_string(), read(path)?),
        (None, Some(value)) => (PASSPHRASE.to_owned(), value),
        (None, None) => return Ok(None),
    };
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok("") => Err(KeyFault::NoPassphrase(of).into()),
        Ok(line) => Ok(Some(line.to_owned())),
        Err(_) => Err(KeyFault::OddPassphrase(of).into()),
    }
}

/// Everything below the root is served.
pub(super) fn refuse_below_root(
    what: &'static str,
    path: &Path,
    root: &Path,
) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let real = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    let is_below = match (real(folder.unwrap_or(Path::new("."))), real(root)) {
        (Ok(folder), Ok(root)) => folder.starts_with(&root),
        _ => false,
    };
    // A link is of use to nobody who cannot read what it leads to; the other way round it is served.
    let leads_below = || matches!((fs::canonicalize(path), real(root)), (Ok(path), Ok(root)) if path.starts_with(&root));
    if is_below || leads_below() {
        let (path, root) = (path.to_owned(), root.to_owned());
        return Err(KeyFault::BelowRoot { what, path, root }.into());
    }
    Ok(())
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut content = Vec::new();
    let file = File::open(path).map_err(unread)?;
    file.take(limits::SIGNATURE_SIZE).read_to_end(&mut content).map_err(unread)?;
    Ok(content)
}

fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}
