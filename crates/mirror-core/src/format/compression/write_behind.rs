//! Compression on a second thread, so that what makes the content never waits for it.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Size of a buffer that the threads hand each other, in bytes.
const BUFFER_SIZE: usize = 256 << 10;

/// Buffers in flight: one being filled, one being written, two waiting.
const BUFFERS: usize = 4;

/// Takes what the other thread writes, in order.
#[derive(Debug)]
pub struct WriteBehind {
    filled: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    current: Vec<u8>,
}

/// Writes to `writer` on a thread of its own what `produce` gives, and returns what that made of it
/// and the writer. Where writing failed, `produce` had a broken pipe, and the second one says why.
pub fn write_behind<W: Write + Send, T>(
    mut writer: W,
    produce: impl FnOnce(&mut WriteBehind) -> T,
) -> (T, io::Result<W>) {
    let (filled, filled_receiver) = sync_channel::<Vec<u8>>(BUFFERS);
    let (empty_sender, empty) = sync_channel(BUFFERS);
    for _ in 1..BUFFERS {
        // The channel has room for all of them and its receiver is right here.
        let _ = empty_sender.send(Vec::new());
    }
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            while let Ok(mut buffer) = filled_receiver.recv() {
                writer.write_all(&buffer)?;
                buffer.clear();
                let _ = empty_sender.send(buffer);
            }
            Ok(writer)
        });
        let mut behind = WriteBehind { filled, empty, current: Vec::new() };
        let produced = produce(&mut behind);
        // What this fails for, the other thread says.
        let _ = behind.flush();
        drop(behind);
        let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (produced, written)
    })
}

impl Write for WriteBehind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BUFFER_SIZE - self.current.len());
        self.current.extend_from_slice(&bytes[..taken]);
        if self.current.len() == BUFFER_SIZE {
            self.flush()?;
        }
        Ok(taken)
    }

    /// Hands over what there is.
    fn flush(&mut self) -> io::Result<()> {
        if self.current.is_empty() {
            return Ok(());
        }
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let next = self.empty.recv().map_err(|_| closed())?;
        let full = std::mem::replace(&mut self.current, next);
        self.filled.send(full).map_err(|_| closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_is_produced() {
        for len in [0, 1, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + 1, 10 * BUFFER_SIZE + 7] {
            let content: Vec<u8> = (0..len).map(|n| n.to_le_bytes()[0]).collect();
            let (produced, written) = write_behind(Vec::new(), |out| {
                content.chunks(100_003).try_for_each(|piece| out.write_all(piece))
            });
            produced.unwrap();
            assert!(written.unwrap() == content, "{len}");
        }
    }

    #[test]
    fn a_writer_that_fails_ends_it() {
        struct Failing;
        impl Write for Failing {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (produced, written) =
            write_behind(Failing, |out| (0..9_999).try_for_each(|_| out.write_all(&[0; 4096])));
        assert_eq!(produced.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(written.err().unwrap().to_string(), "full");
        let (_, written) = write_behind(Failing, |out| out.write_all(b"x"));
        assert!(written.is_err(), "what is left is written too");
    }
}
