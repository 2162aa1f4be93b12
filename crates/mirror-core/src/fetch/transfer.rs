//! One file's way: which mirror is asked next, how often, and when it is enough.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::attempt::Validator;
use super::hosts::{HostId, Lease, Standing, Wish};
use super::send::Failed;
use super::{Client, Downloaded, MIRRORS_PER_FILE, Need, OPTIONAL_MIRRORS, Request, Watch};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result, redact};
use crate::part::{Expected, Part, Rejected, Verified};

/// An attempt that brought a file further than any before it, by at least this part of it, did not
/// fail for nothing: it is not counted against [`Options::attempts`](super::Options::attempts).
const PROGRESS_FRACTION: u64 = 1_000;

/// The same in bytes where the size is not known.
const PROGRESS_BYTES: u64 = 64 << 10;

/// How often that is so at most: a size may be a lie, and then a byte would be progress for ever.
const SPARED: u32 = 1_000;

/// A mirror that makes connections and leaves their TLS handshakes unanswered is behind something that
/// swallows them, which a bad link does not do: that often it is waited for, and no more.
const SILENT_HANDSHAKES: u32 = 2;

/// Of several mirrors, this many times the attempts of one are made in all.
const SEVERAL: u32 = 2;

/// Bytes of other files that are thrown away before a file is given up: where mirror after mirror
/// gives another content than the metadata says, the metadata is wrong.
const WASTE: u64 = 1 << 30;

/// How often a mirror may give another file: a cache on the way may have been caught half-filled.
const REJECTIONS: u32 = 2;

/// A mirror that may have the file.
struct Mirror {
    /// Its place among the request's URLs.
    index: usize,
    url: Url,
    host: HostId,
    /// Failures in a row that may pass.
    failures: u32,
    /// How often it left a TLS handshake unanswered.
    silent_handshakes: u32,
    /// How often it gave another file.
    rejections: u32,
}

/// A file on its way; see [`Client::download`].
pub(super) struct Transfer<'a> {
    client: &'a Client,
    request: &'a Request<'a>,
    watch: &'a dyn Watch,
    /// Those that are worth asking, in the request's order.
    mirrors: Vec<Mirror>,
    /// All that there were.
    hosts: Vec<HostId>,
    /// Mirrors that do not have the file.
    refusals: usize,
    /// Bytes of other files.
    wasted: u64,
    /// Failures in a row that may pass, at all mirrors together.
    failures: u32,
    /// When the first of those was.
    failing_since: Option<Instant>,
    /// Where a server ignores ranges, each attempt begins anew: only what is further counts.
    furthest: u64,
    /// Failures that were not counted.
    spared: u32,
    validator: Option<Validator>,
    /// The first error that another attempt would not change, and the first of the others.
    refused: Option<Error>,
    failed: Option<Error>,
    /// Whether a mirror was given up that did not say that it lacks the file.
    is_in_doubt: bool,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(client: &'a Client, request: &'a Request<'a>, watch: &'a dyn Watch) -> Self {
        let hosts = client.hosts.of(&request.urls);
        let mirrors = request.urls.iter().zip(&hosts).enumerate().map(|(index, (url, host))| {
            let (url, host) = (url.clone(), *host);
            Mirror { index, url, host, failures: 0, silent_handshakes: 0, rejections: 0 }
        });
        Self {
            client,
            request,
            watch,
            mirrors: mirrors.collect(),
            hosts,
            refusals: 0,
            wasted: 0,
            failures: 0,
            failing_since: None,
            furthest: 0,
            spared: 0,
            validator: None,
            refused: None,
            failed: None,
            is_in_doubt: false,
        }
    }

    /// Fills the part and seals it.
    pub(super) async fn run(mut self, mut part: Part) -> Result<Downloaded> {
        self.watch.started(part.size(), self.request.expected.size);
        // A part that an earlier run finished needs no request.
        if part.size() > 0 && self.request.expected.size == Some(part.size()) {
            match self.seal(part, self.request.name)? {
                Ok(verified) => return Ok(Downloaded { verified, from: None }),
                Err((rejected, _)) => part = rejected.part,
            }
        }
        self.furthest = part.size();
        loop {
            let Some((at, lease)) = self.next(&part).await else {
                let error = self.refused.or(self.failed);
                let error = error.unwrap_or_else(|| Error::NoUrl(self.request.name.into()));
                let error = match error.kind() {
                    Kind::NotFound if self.is_in_doubt => Error::LackedBySome(Box::new(error)),
                    _ => error,
                };
                return Err(give_up(part, self.request, self.watch, error));
            };
            let mirror = &self.mirrors[at];
            let (_, alternatives) = self.eligible();
            let attempt = self.client.attempt(
                &mut part,
                &mirror.url,
                self.request,
                &mut self.validator,
                &lease,
                &alternatives,
                self.watch,
            );
            match attempt.await {
                Ok(modified) => {
                    let shown = redact(&mirror.url);
                    match self.seal(part, &shown)? {
                        Ok(verified) => {
                            lease.succeeded();
                            let (from, verified) =
                                (Some(mirror.index), verified.modified(modified));
                            return Ok(Downloaded { verified, from });
                        }
                        Err((rejected, size)) => {
                            lease.refused();
                            part = rejected.part;
                            self.reject(at, size, rejected.error);
                        }
                    }
                }
                Err(Failed { error, .. }) if error.is_local() => return Err(error),
                Err(failed) if failed.error.is_transient() => {
                    let wait = self.note(at, failed, part.size(), lease);
                    if !wait.is_zero() {
                        tokio::time::sleep(wait).await;
                    }
                }
                Err(failed) => {
                    match failed.error.kind() {
                        Kind::NotFound if self.request.need == Need::Required => lease.lacked(),
                        // No answer of an HTTP server: what else it has is as far away.
                        Kind::UnknownAuthority
                        | Kind::Certificate
                        | Kind::NotTls
                        | Kind::ClientCertificate
                        | Kind::Handshake
                        | Kind::ProxyLogin => {
                            lease.failed(failed.fault, |failures| self.client.backoff(failures));
                        }
                        _ => lease.refused(),
                    }
                    self.refuse(at, failed.error);
                }
            }
        }
    }

    /// The mirror to ask now, and a place at it. `None` where none is left.
    async fn next(&mut self, part: &Part) -> Option<(usize, Lease<'a>)> {
        loop {
            self.drop_lost();
            let (numbers, hosts) = self.eligible();
            if numbers.is_empty() {
                return None;
            }
            let wish = Wish {
                size: self.request.expected.size.map(|size| size.saturating_sub(part.size())),
                is_pinned: self.request.expected.digest.is_some(),
            };
            if let Some((at, lease)) = self.client.hosts.lease(&hosts, wish).await {
                return Some((numbers[at], lease));
            }
        }
    }

    /// The mirrors that are asked next, by their numbers, and their hosts: one that gave another file
    /// is asked again where no other has it.
    fn eligible(&self) -> (Vec<usize>, Vec<HostId>) {
        let fewest = self.mirrors.iter().map(|mirror| mirror.rejections).min();
        let all = self.mirrors.iter().enumerate();
        let eligible = all.filter(|(_, mirror)| Some(mirror.rejections) == fewest);
        eligible.map(|(number, mirror)| (number, mirror.host)).unzip()
    }

    /// Leaves out the mirrors that were given up for all files.
    fn drop_lost(&mut self) {
        let attempts = self.client.options.attempts.max(1);
        let (hosts, failed) = (&self.client.hosts, &mut self.failed);
        let is_in_doubt = &mut self.is_in_doubt;
        self.mirrors.retain_mut(|mirror| match hosts.standing(mirror.host) {
            Standing::Good => true,
            Standing::Once => {
                mirror.failures = mirror.failures.max(attempts - 1);
                true
            }
            Standing::Lost(reason) => {
                let url = redact(&mirror.url);
                failed.get_or_insert(Error::GivenUp { url, reason });
                *is_in_doubt = true;
                false
            }
        });
    }

    /// Takes note of a failure that may pass, and says how long to wait.
    fn note(&mut self, at: usize, failed: Failed, size: u64, lease: Lease<'_>) -> Duration {
        let Failed { error, fault, is_overtaken } = failed;
        let attempts = self.client.options.attempts.max(1);
        // A stall's few bytes are no progress: one byte a second would never end.
        let stalled = matches!(error, Error::Stalled { .. }) && !is_overtaken;
        let enough =
            self.request.expected.size.map_or(PROGRESS_BYTES, |size| size / PROGRESS_FRACTION);
        let progressed = !stalled && self.spared < SPARED && size > self.furthest + enough;
        self.furthest = self.furthest.max(size);
        self.spared += u32::from(progressed);
        if progressed {
            lease.progressed();
            self.failing_since = None;
        }
        if !is_overtaken {
            lease.failed(fault, |failures| self.client.backoff(failures));
        }
        let failing_since = *self.failing_since.get_or_insert_with(Instant::now);
        let mirror = &mut self.mirrors[at];
        mirror.failures = if progressed { 1 } else { mirror.failures + 1 };
        if error.kind() == Kind::SilentHandshake {
            mirror.silent_handshakes += 1;
        }
        let is_enough =
            mirror.failures >= attempts || mirror.silent_handshakes >= SILENT_HANDSHAKES;
        self.failures = if progressed { 1 } else { self.failures + 1 };
        let host = lease.host();
        drop(lease);
        if is_enough {
            self.mirrors.remove(at);
        }
        if self.failures >= attempts.saturating_mul(SEVERAL) {
            self.mirrors.clear();
        }
        self.is_in_doubt |= is_enough || self.mirrors.is_empty();
        if self.mirrors.is_empty() {
            let reason = error.to_string();
            self.client.hosts.give_up(&self.hosts, failing_since, fault, &reason);
            self.failed.get_or_insert(error);
            return Duration::ZERO;
        }
        let (_, others) = self.eligible();
        let has_another = self.client.hosts.has_another(&others, host);
        if self.request.need == Need::Optional && self.refused.is_some() && !has_another {
            self.mirrors.clear();
            return Duration::ZERO;
        }
        let wait = if is_overtaken || (has_another && self.failures <= attempts) {
            Duration::ZERO
        } else {
            self.client.backoff(self.failures)
        };
        // Another mirror is asked at once; no time at all would mean "at the end of the run".
        let pause =
            if has_another { Duration::from_millis(1) } else { fault.pause.unwrap_or_default() };
        let told = wait.max(pause);
        self.watch.retrying(&error, told);
        self.failed.get_or_insert(error);
        wait
    }

    /// The mirror does not have the file.
    fn refuse(&mut self, at: usize, error: Error) {
        self.mirrors.remove(at);
        self.refusals += 1;
        self.is_in_doubt |= error.kind() != Kind::NotFound;
        self.refused.get_or_insert(error);
        let is_enough = match self.request.need {
            Need::Required => self.refusals >= MIRRORS_PER_FILE,
            Need::Optional => {
                self.refusals >= OPTIONAL_MIRRORS
                    || !self.mirrors.iter().any(|mirror| self.client.hosts.is_good(mirror.host))
            }
        };
        if is_enough {
            self.mirrors.clear();
        }
    }

    /// The mirror gave another file, of `size` bytes.
    fn reject(&mut self, at: usize, size: u64, error: Error) {
        self.wasted = self.wasted.saturating_add(size);
        self.mirrors[at].rejections += 1;
        if self.mirrors[at].rejections >= REJECTIONS {
            self.refuse(at, error);
        } else {
            self.is_in_doubt = true;
            self.refused.get_or_insert(error);
        }
        if self.wasted >= WASTE && self.mirrors.iter().all(|mirror| mirror.rejections > 0) {
            self.mirrors.clear();
        }
    }

    /// What comes of sealing the part: verified, or begun anew with the size that was thrown away.
    /// An error is this host's.
    fn seal(&self, part: Part, shown: &str) -> Result<Result<Verified, (Rejected, u64)>> {
        let size = part.size();
        let sealed = if self.request.expected == (Expected { size: None, digest: None::<Digest> }) {
            Ok(part.seal_as_written())
        } else {
            part.seal(&self.request.expected, shown)
        };
        match sealed {
            Ok(verified) => Ok(Ok(verified)),
            Err(rejected) if rejected.error.is_local() => Err(rejected.error),
            Err(rejected) => {
                self.watch.progress(-i64::try_from(size).unwrap_or(i64::MAX));
                Ok(Err((*rejected, size)))
            }
        }
    }
}

/// Keeps what the next run can go on with, and nothing else.
fn give_up(part: Part, request: &Request<'_>, watch: &dyn Watch, error: Error) -> Error {
    if part.size() > 0 && request.expected.digest.is_some() {
        return error;
    }
    if part.size() > 0 {
        watch.progress(-i64::try_from(part.size()).unwrap_or(i64::MAX));
    }
    part.discard().err().unwrap_or(error)
}
