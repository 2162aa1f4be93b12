//! Trust: which certificate authorities a connection may lean on, and what it shows of itself.

mod fault;
mod handshakes;

use std::path::Path;
use std::sync::Arc;

use rustls::client::{Resumption, WantsClientCert};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use super::Trust;
use super::access::ClientCertificate;
use crate::error::{Error, Result};

pub(super) use fault::refusal;
pub(super) use handshakes::Handshakes;

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
/// A host without any certificates is no error: https then fails with the certificate's reason.
pub(super) fn config(
    trust: &Trust,
    client: Option<&ClientCertificate>,
    handshakes: Arc<Handshakes>,
) -> Result<ClientConfig> {
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
                // Of several folders some may be empty, but a file is named for what is in it.
                if added == 0 && !path.is_dir() {
                    return Err(without_any(path));
                }
            }
            if let Some(path) = paths.first().filter(|_| roots.is_empty()) {
                return Err(without_any(path));
            }
        }
    }
    let builder = builder()?.with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => with_client(builder, client)?,
    };
    config.resumption = Resumption::store(handshakes);
    Ok(config)
}

fn without_any(path: &Path) -> Error {
    Error::Certificates { path: path.to_owned(), reason: "no certificate in it".into() }
}

fn with_client(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    client: &ClientCertificate,
) -> Result<ClientConfig> {
    let ClientCertificate { certificate, key } = client;
    let wrong = |path: &Path, reason: String| Error::Access {
        of: "a host that wants a client certificate".into(),
        reason: format!("{}: {reason}", path.display()),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate, "no certificate in it".into()));
    }
    let key_file = key.as_ref().unwrap_or(certificate);
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| wrong(key_file, error.to_string()))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| wrong(certificate, error.to_string()))
}

/// For connections that speak no TLS: nothing is read.
pub(super) fn none() -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Client(error.into()))
}

fn load(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let (file, folder) = if path.is_dir() { (None, Some(path)) } else { (Some(path), None) };
    let mut found = rustls_native_certs::load_certs_from_paths(file, folder);
    match found.errors.pop() {
        Some(error) if found.certs.is_empty() => {
            Err(Error::Certificates { path: path.to_owned(), reason: error.to_string() })
        }
        _ => Ok(found.certs),
    }
}
