//! What was found out about a signature, as data that is reported and kept.

use std::fmt;

use serde::Serialize;

use super::Fingerprint;

/// What is known of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// It counts, and a key that is trusted made it.
    Good {
        /// The key.
        fingerprint: Fingerprint,
        /// What the key calls itself.
        by: String,
        /// Why it is trusted.
        trusted: Trusted,
    },
    /// There is none.
    Unsigned,
    /// There is one, and it says nothing.
    NotJudged {
        /// Why.
        reason: String,
    },
    /// There is one, by a key that nobody pinned, and it does not count: the repository is taken as
    /// one that is not signed.
    Discounted {
        /// Why.
        reason: String,
    },
    /// It is not looked at.
    Off,
}

/// What is kept of a tree's signature with each of its generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What was found.
    pub verdict: Verdict,
    /// The keys that this upstream may sign with from now on, where no others are pinned.
    pub recorded: Vec<Fingerprint>,
    /// What was asked for when it was judged: with other settings, it is judged again.
    pub under: String,
}

/// Why a key is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trusted {
    /// Its fingerprint was given beforehand.
    Pinned,
    /// It was the one that upstream named when the repository was first read, now.
    FirstUse,
    /// The same, earlier.
    Recorded,
}

impl Verdict {
    /// As one line, for [`Verdict::from_line`].
    pub(crate) fn to_line(&self) -> String {
        match self {
            Self::Good { fingerprint, by, trusted } => {
                let trusted = match trusted {
                    Trusted::Pinned => "pinned",
                    Trusted::FirstUse => "first-use",
                    Trusted::Recorded => "recorded",
                };
                format!("good {fingerprint} {trusted} {by}")
            }
            Self::Unsigned => "unsigned".to_owned(),
            Self::NotJudged { reason } => format!("not-judged {reason}"),
            Self::Discounted { reason } => format!("discounted {reason}"),
            Self::Off => "off".to_owned(),
        }
    }

    /// What [`Verdict::to_line`] wrote.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let (state, rest) = line.split_once(' ').unwrap_or((line, ""));
        Some(match state {
            "good" => {
                let mut words = rest.splitn(3, ' ');
                let fingerprint = words.next()?.parse().ok()?;
                let trusted = match words.next()? {
                    "pinned" => Trusted::Pinned,
                    "first-use" => Trusted::FirstUse,
                    "recorded" => Trusted::Recorded,
                    _ => return None,
                };
                Self::Good { fingerprint, by: words.next()?.to_owned(), trusted }
            }
            "unsigned" => Self::Unsigned,
            "not-judged" => Self::NotJudged { reason: rest.to_owned() },
            "discounted" => Self::Discounted { reason: rest.to_owned() },
            "off" => Self::Off,
            _ => return None,
        })
    }

    /// Whether a key that is trusted made it.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { fingerprint, by, trusted } => {
                let by = if by.is_empty() { "a key without a name" } else { by };
                write!(f, "good, by {by} ({fingerprint})")?;
                match trusted {
                    Trusted::Pinned => Ok(()),
                    Trusted::FirstUse => f.write_str(", recorded at this first use"),
                    Trusted::Recorded => f.write_str(", as recorded"),
                }
            }
            Self::Unsigned => f.write_str("unsigned"),
            Self::NotJudged { reason } => write!(f, "not judged: {reason}"),
            Self::Discounted { reason } => write!(f, "does not count: {reason}"),
            Self::Off => f.write_str("off"),
        }
    }
}
