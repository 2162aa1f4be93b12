//! The signature of metadata of our own, by the site's key, and that key beside it.

use std::io::Read as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::limits;
use crate::manifest::Role;
use crate::part::Expected;
use crate::signature::sign::SigningKey;
use crate::source::Stored;
use crate::source::rpm::judge::SIGNATURE;
use crate::source::rpm::resolve::{KEY, REPOMD, Resolving};

impl Resolving<'_> {
    /// Lists the signature of `repomd`, the content of `repomd.xml`, and the public key, where the
    /// source has one. What is published and did not change keeps its signature.
    pub(super) fn add_signature(&mut self, repomd: &[u8], stored: Stored) -> Result<()> {
        let Some(key) = self.source.key.clone() else { return Ok(()) };
        let signature = self.signature(&key, repomd, stored)?;
        for (name, content) in [(KEY, key.public().as_bytes()), (SIGNATURE, &signature)] {
            let stored = self.context.add(name, &mut &*content, &Expected::default())?;
            self.add_made(name, stored, Role::EntryPoint)?;
        }
        Ok(())
    }

    fn signature(&self, key: &SigningKey, repomd: &[u8], stored: Stored) -> Result<Vec<u8>> {
        let published = self.context.published();
        let is_same = published
            .and_then(|published| published.get(REPOMD))
            .is_some_and(|published| published.sha256 == stored.sha256);
        let before = published.and_then(|published| published.get(SIGNATURE)).filter(|_| is_same);
        // Where it was lost, there is a new one.
        let before = before.and_then(|before| self.context.open(&before.sha256).ok());
        let before = before.map(|file| {
            let mut content = Vec::new();
            let read = file.take(limits::SIGNATURE_SIZE).read_to_end(&mut content);
            read.map(|_| content).map_err(Error::io("read", Path::new(SIGNATURE)))
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        key.sign_again(repomd, before.transpose()?, now).map_err(|error| Error::Sign {
            key: key.fingerprint().to_string(),
            reason: error.to_string(),
        })
    }
}
