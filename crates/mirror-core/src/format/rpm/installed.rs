//! The packages of a host, as `rpm -qa` prints them.
//!
//! One a line: `name-version-release.arch`, without the epoch; `--qf '%{nevra}\n'` and
//! `dnf repoquery --installed` give it. Keys, which rpm lists among the packages (`gpg-pubkey-…`),
//! have no architecture and need nothing: they are passed over.

use std::collections::HashSet;
use std::fmt;
use std::io::BufRead;

use super::FormatError;
use super::lines::{each_line, unexpected};
use super::nevra::Nevra;
use crate::limits;

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Installed {
    /// The package's name.
    pub name: String,
    /// Its epoch, where it was given: `rpm -qa` keeps it to itself.
    pub epoch: Option<u64>,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
    /// Its architecture.
    pub arch: String,
}

/// `name-[epoch:]version-release.arch`.
impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.name)?;
        if let Some(epoch) = self.epoch {
            write!(f, "{epoch}:")?;
        }
        write!(f, "{}-{}.{}", self.version, self.release, self.arch)
    }
}

/// Reads the list, in its order, each package once; empty lines and comments (`#`) are passed over.
///
/// A line that is no package and more than [`limits::INSTALLED`] packages are errors.
pub fn read(reader: impl BufRead) -> Result<Vec<Installed>, FormatError> {
    let mut list = Vec::new();
    let mut known = HashSet::new();
    each_line(reader, |number, line| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("gpg-pubkey-") {
            return Ok(());
        }
        let package = package(line)
            .ok_or_else(|| unexpected(number, "a package as rpm -qa prints it", line))?;
        if known.insert(package.clone()) {
            list.push(package);
        }
        if list.len() > limits::INSTALLED {
            return Err(FormatError::Limit { what: "packages", limit: limits::INSTALLED as u64 });
        }
        Ok(())
    })?;
    Ok(list)
}

fn package(line: &str) -> Option<Installed> {
    // So older versions of rpm write that there is no epoch.
    let plain = line.replacen("-(none):", "-0:", 1);
    let nevra: Nevra = plain.parse().ok()?;
    Some(Installed {
        // The epoch is the only part that may hold a colon.
        epoch: plain.contains(':').then_some(nevra.evr.epoch),
        name: nevra.name,
        version: nevra.evr.version,
        release: nevra.evr.release,
        arch: nevra.arch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_rpm_prints_and_passes_keys_over() {
        let text = "\u{feff}bash-5.1.8-9.el9.x86_64\r\n\ngpg-pubkey-8483c65d-5ccc5b19\n\
                    openssl-libs-1:3.0.7-27.el9.x86_64\nvim-minimal-(none):8.2-1.x86_64\n\
                    # a host\ngpg-pubkey-(none):8483c65d-5ccc5b19.(none)\n\
                    python3.11-3.11.7-1.el9.x86_64\nbash-5.1.8-9.el9.x86_64\n";
        let list = read(text.as_bytes()).unwrap();
        let words: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "bash-5.1.8-9.el9.x86_64",
                "openssl-libs-1:3.0.7-27.el9.x86_64",
                "vim-minimal-0:8.2-1.x86_64",
                "python3.11-3.11.7-1.el9.x86_64",
            ]
        );
        assert_eq!(list[0].epoch, None);
        assert_eq!((list[3].name.as_str(), list[3].arch.as_str()), ("python3.11", "x86_64"));
    }

    #[test]
    fn names_the_line_that_is_no_package() {
        for wrong in ["bash", "bash.x86_64", "Installed Packages", "a-b:1-2.x", "a-1-2."] {
            let text = format!("bash-5.1.8-9.el9.x86_64\n{wrong}\n");
            let error = read(text.as_bytes()).unwrap_err().to_string();
            let expected = "line 2: expected a package as rpm -qa prints it, found ";
            assert_eq!(error, format!("{expected}{wrong:?}"));
        }
    }
}
