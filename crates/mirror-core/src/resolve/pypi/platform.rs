//! Platforms: an operating system and a processor, as wheels tell them apart.
//!
//! A platform is named by the tag of a wheel that is built for it, or as uv names it. What runs there
//! is that wheel and those of all older levels: `manylinux` by glibc (PEP 600, and the aliases of PEP
//! 513, 571 and 599), `musllinux` by musl (PEP 656), macOS by its version.

use std::fmt;
use std::str::FromStr;

use super::python::{TargetError, number};

/// The glibc of a Linux platform that is named without one: what `manylinux_2_28` images and EL 8
/// have, and what uv takes.
const DEFAULT_GLIBC: u16 = 28;

/// A processor that Linux wheels are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // The kernel's own names.
pub enum Arch {
    X86_64,
    I686,
    Aarch64,
    Armv7l,
    Ppc64le,
    S390x,
    Riscv64,
    Loongarch64,
}

impl Arch {
    const ALL: [Self; 8] = [
        Self::X86_64,
        Self::I686,
        Self::Aarch64,
        Self::Armv7l,
        Self::Ppc64le,
        Self::S390x,
        Self::Riscv64,
        Self::Loongarch64,
    ];

    /// The name that `uname -m` prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I686 => "i686",
            Self::Aarch64 => "aarch64",
            Self::Armv7l => "armv7l",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// The oldest glibc 2 that wheels for it are built against: `manylinux1` (PEP 513) for the two
    /// oldest, `manylinux2014` (PEP 599) for the rest.
    const fn oldest_glibc(self) -> u16 {
        match self {
            Self::X86_64 | Self::I686 => 5,
            _ => 17,
        }
    }
}

impl FromStr for Arch {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let name = match text {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            "i386" => "i686",
            name => name,
        };
        Self::ALL.into_iter().find(|arch| arch.name() == name).ok_or(())
    }
}

/// An operating system and a processor, as wheels are told apart by them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// Linux with glibc 2 of this minor version or newer (PEP 600).
    Manylinux {
        /// 28 of 2.28.
        glibc: u16,
        /// The processor.
        arch: Arch,
    },
    /// Linux with musl 1 of this minor version or newer (PEP 656).
    Musllinux {
        /// 2 of 1.2.
        musl: u16,
        /// The processor.
        arch: Arch,
    },
    /// macOS of this version or newer.
    MacOs {
        /// 11 of 11.0.
        major: u16,
        /// 0 of 11.0.
        minor: u16,
        /// Whether the processor is Apple's rather than Intel's.
        arm64: bool,
    },
    /// Windows, by the suffix of its tag: `amd64`, `arm64` or `32`.
    Windows(WindowsArch),
}

/// A processor that Windows wheels are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // The names say it.
pub enum WindowsArch {
    Amd64,
    Arm64,
    X86,
}

impl FromStr for Platform {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        triple(text).or_else(|| tag(text)).ok_or_else(|| TargetError::Platform(text.to_owned()))
    }
}

/// The names that uv takes: an operating system, a triple, or `ARCH-manylinux_2_28`.
fn triple(text: &str) -> Option<Platform> {
    let linux = |arch| Platform::Manylinux { glibc: DEFAULT_GLIBC, arch };
    let macos = |arm64| Platform::MacOs { major: 13, minor: 0, arm64 };
    Some(match text {
        "linux" => linux(Arch::X86_64),
        "macos" | "aarch64-apple-darwin" => macos(true),
        "x86_64-apple-darwin" => macos(false),
        "windows" | "x86_64-pc-windows-msvc" => Platform::Windows(WindowsArch::Amd64),
        "aarch64-pc-windows-msvc" => Platform::Windows(WindowsArch::Arm64),
        "i686-pc-windows-msvc" => Platform::Windows(WindowsArch::X86),
        _ => {
            let (arch, rest) = text.split_once('-')?;
            let parsed = arch.parse().ok()?;
            match rest {
                "unknown-linux-gnu" | "unknown-linux" => linux(parsed),
                "unknown-linux-musl" => Platform::Musllinux { musl: 2, arch: parsed },
                level => return tag(&format!("{level}_{arch}")),
            }
        }
    })
}

/// A platform tag as wheels have it.
fn tag(text: &str) -> Option<Platform> {
    let manylinux = |glibc, arch: &str| {
        let arch: Arch = arch.parse().ok()?;
        let known = (arch.oldest_glibc()..100).contains(&glibc);
        known.then_some(Platform::Manylinux { glibc, arch })
    };
    if let Some(rest) = text.strip_prefix("manylinux_2_") {
        let (glibc, arch) = rest.split_once('_')?;
        return manylinux(number(glibc)?, arch);
    }
    for (alias, glibc) in [("manylinux1_", 5), ("manylinux2010_", 12), ("manylinux2014_", 17)] {
        if let Some(arch) = text.strip_prefix(alias) {
            return manylinux(glibc, arch);
        }
    }
    if let Some(rest) = text.strip_prefix("musllinux_1_") {
        let (musl, arch) = rest.split_once('_')?;
        let musl = number(musl).filter(|&musl| musl < 100)?;
        return Some(Platform::Musllinux { musl, arch: arch.parse().ok()? });
    }
    if let Some(rest) = text.strip_prefix("macosx_") {
        let (major, rest) = rest.split_once('_')?;
        let (minor, arch) = rest.split_once('_')?;
        let (major, minor) = (number(major)?, number(minor)?);
        let arm64 = match arch {
            "arm64" if major >= 11 => true,
            "x86_64" if major >= 10 => false,
            _ => return None,
        };
        return (major < 100 && minor < 100).then_some(Platform::MacOs { major, minor, arm64 });
    }
    match text {
        "win_amd64" => Some(Platform::Windows(WindowsArch::Amd64)),
        "win_arm64" => Some(Platform::Windows(WindowsArch::Arm64)),
        "win32" => Some(Platform::Windows(WindowsArch::X86)),
        _ => manylinux(DEFAULT_GLIBC, text.strip_prefix("linux_").unwrap_or(text)),
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manylinux { glibc, arch } => write!(f, "manylinux_2_{glibc}_{}", arch.name()),
            Self::Musllinux { musl, arch } => write!(f, "musllinux_1_{musl}_{}", arch.name()),
            Self::MacOs { major, minor, arm64 } => {
                write!(f, "macosx_{major}_{minor}_{}", if *arm64 { "arm64" } else { "x86_64" })
            }
            Self::Windows(WindowsArch::Amd64) => f.write_str("win_amd64"),
            Self::Windows(WindowsArch::Arm64) => f.write_str("win_arm64"),
            Self::Windows(WindowsArch::X86) => f.write_str("win32"),
        }
    }
}

impl Platform {
    /// The platform tags that it takes, best first.
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        match *self {
            Self::Manylinux { glibc, arch } => {
                let name = arch.name();
                for level in (arch.oldest_glibc()..=glibc).rev() {
                    tags.push(format!("manylinux_2_{level}_{name}"));
                    match level {
                        17 => tags.push(format!("manylinux2014_{name}")),
                        12 => tags.push(format!("manylinux2010_{name}")),
                        5 => tags.push(format!("manylinux1_{name}")),
                        _ => {}
                    }
                }
                tags.push(format!("linux_{name}"));
            }
            Self::Musllinux { musl, arch } => {
                let name = arch.name();
                tags.extend((0..=musl).rev().map(|level| format!("musllinux_1_{level}_{name}")));
                tags.push(format!("linux_{name}"));
            }
            Self::MacOs { major, minor, arm64 } => mac_tags(major, minor, arm64, &mut tags),
            Self::Windows(_) => tags.push(self.to_string()),
        }
        tags
    }

    /// `os_name`, `sys_platform`, `platform_system` and `platform_machine` of PEP 508.
    pub(super) fn markers(&self) -> [&'static str; 4] {
        match self {
            Self::Manylinux { arch, .. } | Self::Musllinux { arch, .. } => {
                ["posix", "linux", "Linux", arch.name()]
            }
            Self::MacOs { arm64: true, .. } => ["posix", "darwin", "Darwin", "arm64"],
            Self::MacOs { arm64: false, .. } => ["posix", "darwin", "Darwin", "x86_64"],
            Self::Windows(WindowsArch::Amd64) => ["nt", "win32", "Windows", "AMD64"],
            Self::Windows(WindowsArch::Arm64) => ["nt", "win32", "Windows", "ARM64"],
            Self::Windows(WindowsArch::X86) => ["nt", "win32", "Windows", "x86"],
        }
    }
}

/// The tags of a macOS: since 11 a level a year, before that one for each 10.x, and wheels that hold
/// several processors' code under names of their own.
fn mac_tags(major: u16, minor: u16, arm64: bool, tags: &mut Vec<String>) {
    let formats: &[&str] = if arm64 {
        &["arm64", "universal2"]
    } else {
        &["x86_64", "intel", "fat64", "fat3", "universal2", "universal"]
    };
    let mut level = |major: u16, minor: u16, formats: &[&str]| {
        tags.extend(formats.iter().map(|format| format!("macosx_{major}_{minor}_{format}")));
    };
    for year in (11..=major).rev() {
        level(year, 0, formats);
    }
    // Nothing for Apple's processors is older than 11 but what holds code for both.
    let old = if arm64 { &["universal2"][..] } else { formats };
    let newest = if major >= 11 { 16 } else { minor };
    for minor in (4..=newest).rev() {
        level(10, minor, old);
    }
}
