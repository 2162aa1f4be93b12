//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process.

use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::diagnostics::{Exit, Failure};

/// Cancels the token that it returns at the first signal, after a call of `stopping`.
///
/// It listens on a thread and a runtime of its own, so that the second signal is heard while the
/// main runtime waits for a publication to end.
pub(crate) fn watch(stopping: impl Fn() + Send + 'static) -> Result<CancellationToken, Failure> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(Failure::Runtime)?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        let listen = |kind| signal(kind).map_err(Failure::Runtime);
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
    };
    let listener = move || {
        runtime.block_on(async {
            for first in [true, false] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if first {
                    stopping();
                    cancelled.cancel();
                }
            }
        });
        leave();
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listener).map_err(Failure::Runtime)?;
    Ok(token)
}

#[expect(clippy::exit, reason = "the second signal asks for exactly that")]
fn leave() {
    std::process::exit(i32::from(Exit::Interrupted.code()));
}
