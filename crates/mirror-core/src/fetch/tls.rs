//! Trust: which certificate authorities a connection may lean on.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::Trust;
use crate::error::{Cause, Error, Result};

/// Where distributions keep the certificates that they trust: EL, Debian and Ubuntu, SUSE, Alpine.
const SYSTEM_FILES: [&str; 5] = [
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// TLS 1.2 and 1.3 by rustls on ring.
///
/// A host without any certificates is no error: plain http needs none, and https then fails with
/// the certificate's reason.
pub(super) fn config(trust: &Trust) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            if let Some(file) = SYSTEM_FILES.iter().map(Path::new).find(|file| file.exists()) {
                roots.add_parsable_certificates(load(file)?);
            }
        }
        Trust::Only(paths) => {
            for path in paths {
                let (added, _) = roots.add_parsable_certificates(load(path)?);
                if added == 0 {
                    let reason = format!("{}: no certificate in it", path.display());
                    return Err(Error::Client(reason.into()));
                }
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Client(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn load(path: &Path) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>> {
    let (file, folder) = if path.is_dir() { (None, Some(path)) } else { (Some(path), None) };
    let mut found = rustls_native_certs::load_certs_from_paths(file, folder);
    match found.errors.pop() {
        Some(error) if found.certs.is_empty() => {
            let reason: Cause = format!("{}: {error}", path.display()).into();
            Err(Error::Client(reason))
        }
        _ => Ok(found.certs),
    }
}
