//! Which architectures a host installs, and which it prefers.

/// How good packages of `arch` are on a host whose base architecture is `base`: less is better, 0 is
/// `noarch`, and `None` means that they cannot be installed.
pub(super) fn rank(base: &str, arch: &str) -> Option<u8> {
    if arch == "noarch" {
        return Some(0);
    }
    let families: &[&[&str]] = match base {
        "x86_64" => &[&["x86_64", "amd64", "ia32e", "x86_64_v2"], I686],
        "x86_64_v2" => &[&["x86_64_v2", "x86_64", "amd64"], I686],
        "i386" | "i686" => &[I686],
        "s390x" => &[&["s390x"], &["s390"]],
        "ppc64" => &[&["ppc64", "ppc64p7", "ppc64iseries", "ppc64pseries"], &["ppc"]],
        "armhfp" => &[&["armv7hnl", "armv8hl", "armv7hl", "armv6hl"]],
        _ => return (arch == base).then_some(FAMILY),
    };
    families.iter().zip([FAMILY, 2 * FAMILY]).find_map(|(family, first)| {
        let at = family.iter().position(|known| *known == arch)?;
        Some(first + u8::try_from(at).unwrap_or(FAMILY - 1))
    })
}

const I686: &[&str] = &["athlon", "i686", "i586", "i486", "i386"];

/// Ranks of one family are at most so far apart.
const FAMILY: u8 = 16;

/// The family of a rank: packages of different families lie beside each other (`lib` and `lib64`).
pub(super) fn family(rank: u8) -> u8 {
    rank / FAMILY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_the_hosts_own() {
        let rank = |arch| rank("x86_64", arch);
        assert_eq!(rank("noarch"), Some(0));
        assert!(rank("x86_64") < rank("i686") && rank("i686") < rank("i386"));
        assert_eq!((rank("aarch64"), rank("src")), (None, None));
        assert_eq!(family(rank("i686").unwrap()), family(rank("i386").unwrap()));
        assert_ne!(family(rank("i686").unwrap()), family(rank("x86_64").unwrap()));
        assert!(super::rank("aarch64", "aarch64").is_some());
        assert!(super::rank("aarch64", "x86_64").is_none());
    }
}
