//! Whether whoever takes a key file gets none but some keys.
//!
//! Stricter than [`Keys::read`], which passes over what it does not know: another program may know
//! it. And older versions of rpm take a subkey for the key's own without looking whether the key has
//! bound it (CVE-2021-3521).

use pgp::types::KeyDetails as _;

use super::key::{KEY_BLOCK, Keys};
use super::packets::{self, Packet};
use super::{Fingerprint, armor};

/// How every block of an armored file begins, whatever is in it.
const MARK: &[u8] = b"-----BEGIN";

/// What a key file holds or is besides the keys that are `trusted`, as the end of a sentence; `None`:
/// it holds those alone.
pub fn stranger(file: &[u8], trusted: &[Fingerprint]) -> Option<String> {
    find(file, trusted).err()
}

fn find(file: &[u8], trusted: &[Fingerprint]) -> Result<(), String> {
    let none = |reason: String| format!("is no OpenPGP key file: {reason}");
    let blocks = armor::blocks(file, KEY_BLOCK).map_err(none)?;
    // The only block of a binary file has no mark.
    let is_binary = matches!(&blocks[..], [block] if block == file);
    if file.windows(MARK.len()).filter(|at| *at == MARK).count()
        != blocks.len() - usize::from(is_binary)
    {
        return Err("holds a block that is not one of public keys".to_owned());
    }
    for block in &blocks {
        for raw in packets::split(block) {
            let raw = raw.map_err(none)?;
            let packet = match packets::parse(raw) {
                // What the key has not signed says nothing of it, whoever can read it.
                Err(_) if raw.is_signature() => continue,
                parsed => {
                    parsed.map_err(|reason| format!("holds what is not known here: {reason}"))?
                }
            };
            match packet {
                Some(Packet::PublicKey(key)) => match Fingerprint::of(&key.fingerprint()) {
                    Some(key) if trusted.contains(&key) => {}
                    Some(key) => return Err(format!("holds the key {key}, which is not trusted")),
                    None => {
                        return Err("holds a key of a version that is not known here".to_owned());
                    }
                },
                Some(_) => {}
                None => return Err("holds a packet that is not one of public keys".to_owned()),
            }
        }
    }
    let keys = Keys::read(file).map_err(|error| format!("is {error}"))?;
    let unbound = keys.iter().find(|key| !key.has_bound_all());
    match unbound {
        None => Ok(()),
        Some(key) => {
            Err(format!("holds a subkey that {} has not bound to itself", key.fingerprint()))
        }
    }
}
