//! What the values of options look like.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

use mirror_core::digest::Algorithm;
use mirror_core::format::compression::Compression;
use mirror_core::store::LockWait;

use crate::config::{RATES, rate, time};

/// The longest `--timeout`, in seconds.
const MOST_TIMEOUT: u64 = 86_400;

/// Seconds, or a time as in the configuration.
fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs).or_else(|| time(text))
}

pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let most = Duration::from_secs(MOST_TIMEOUT);
    let found = seconds(text).filter(|time| !time.is_zero() && *time <= most);
    found.ok_or_else(|| format!("expected seconds, 1 to {MOST_TIMEOUT}, or a time such as 90s"))
}

pub(super) fn limit_rate(text: &str) -> Result<NonZeroU64, String> {
    rate(text).ok_or_else(|| format!("expected {RATES}"))
}

pub(super) fn lock_wait(text: &str) -> Result<LockWait, String> {
    match text {
        "forever" => Ok(LockWait::Forever),
        _ => seconds(text)
            .map(LockWait::AtMost)
            .ok_or_else(|| "expected seconds, or a time such as 10m".to_owned()),
    }
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

/// The Enterprise Linux of `el8`.
pub(super) fn release(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix("el").and_then(|number| number.parse().ok());
    number.ok_or_else(|| "expected a release such as el8".to_owned())
}

/// A compression, as createrepo_c names it and as files are called.
pub(super) fn compression(text: &str) -> Result<Compression, String> {
    Ok(match text {
        "gz" | "gzip" => Compression::Gzip,
        "zstd" | "zst" => Compression::Zstd,
        "xz" => Compression::Xz,
        "bz2" | "bzip2" => Compression::Bzip2,
        "none" => Compression::None,
        _ => return Err("expected gz, zstd, xz, bz2 or none".to_owned()),
    })
}

/// The digests that dnf and their metadata know.
pub(super) fn checksum(text: &str) -> Result<Algorithm, String> {
    use Algorithm::{Sha1, Sha256, Sha384, Sha512};
    let found = Algorithm::from_name(text);
    let found = found.filter(|found| matches!(found, Sha1 | Sha256 | Sha384 | Sha512));
    found.ok_or_else(|| "expected sha1, sha256, sha384 or sha512".to_owned())
}

/// A number, or as many as there are.
pub(super) fn changelogs(text: &str) -> Result<usize, String> {
    match text {
        "all" | "-1" => Ok(usize::MAX),
        number => number.parse().map_err(|_| "expected a number, or all".to_owned()),
    }
}

/// How long a key counts, as in the configuration.
pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    let found = time(text).filter(|time| !time.is_zero());
    found.ok_or_else(|| "expected a time such as 730d".to_owned())
}

/// An address with its port; a port alone, with or without a colon, is on every address.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    let text = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let text = text.as_deref().unwrap_or(port);
    text.parse().map_err(|_| "expected an address and a port, such as 0.0.0.0:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_have_a_unit() {
        assert_eq!(timeout("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["0", "0s", "2d", "soon", "-1", ""] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
        assert!(lock_wait("soon").is_err());
    }

    #[test]
    fn takes_the_usual_forms_of_an_address() {
        for (text, address) in [
            ("8080", "0.0.0.0:8080"),
            (":80", "0.0.0.0:80"),
            ("localhost:1", "127.0.0.1:1"),
            ("[::]:8080", "[::]:8080"),
        ] {
            assert_eq!(listen_address(text).unwrap().to_string(), address);
        }
        assert!(listen_address("nowhere").is_err());
    }
}
