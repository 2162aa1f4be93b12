//! Which handshakes came to no end: where a connection is not made in time, the HTTP library does not
//! say how far it came.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use tokio::time::Instant;

/// Sessions that are kept to be resumed, as many as rustls keeps by itself.
const SESSIONS: usize = 256;

/// The sessions of a client, which are looked for when a handshake begins and kept when it ends.
#[derive(Debug)]
pub(in crate::fetch) struct Handshakes {
    sessions: ClientSessionMemoryCache,
    /// When the last one with each server began, where none ended since.
    open: Mutex<HashMap<ServerName<'static>, Instant>>,
}

impl Default for Handshakes {
    fn default() -> Self {
        Self { sessions: ClientSessionMemoryCache::new(SESSIONS), open: Mutex::default() }
    }
}

impl Handshakes {
    /// Whether one with `host` began after `since`, and none ended.
    pub(in crate::fetch) fn is_open(&self, host: &str, since: Instant) -> bool {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        name.is_ok_and(|name| self.open().get(&name).is_some_and(|begun| *begun >= since))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ServerName<'static>, Instant>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for Handshakes {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.open().remove(&server);
        self.sessions.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.sessions.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.open().remove(&server);
        self.sessions.set_tls12_session(server, value);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.sessions.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.sessions.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.sessions.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.open().insert(server.clone(), Instant::now());
        self.sessions.take_tls13_ticket(server)
    }
}
