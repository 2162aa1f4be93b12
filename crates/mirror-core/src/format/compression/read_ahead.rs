//! Decompression on a second thread, so that a parser never waits for it.
//!
//! Inflating and parsing a large primary take about the same time; side by side they take half.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Size of a buffer that the threads hand each other, in bytes.
const BUFFER_SIZE: usize = 256 << 10;

/// Buffers in flight: one being filled, one being read, two waiting.
const BUFFERS: usize = 4;

/// What the other thread has read, in order.
pub struct ReadAhead {
    filled: Receiver<io::Result<Vec<u8>>>,
    empty: SyncSender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
}

/// Reads `reader` on a thread of its own while `consume` takes what it gives.
///
/// When `consume` returns early the thread ends after the read it is in.
pub fn read_ahead<R: Read + Send, T>(reader: R, consume: impl FnOnce(&mut ReadAhead) -> T) -> T {
    let (filled_sender, filled) = sync_channel(BUFFERS);
    let (empty, empty_receiver) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        // The channel has room for all of them and its receiver is right here.
        let _ = empty.send(Vec::new());
    }
    std::thread::scope(|scope| {
        scope.spawn(move || fill(reader, &empty_receiver, &filled_sender));
        // Moved into this closure, so that its channels close, and the thread ends, before the
        // scope waits for it.
        let mut ahead = ReadAhead { filled, empty, current: Vec::new(), at: 0 };
        consume(&mut ahead)
    })
}

fn fill(
    mut reader: impl Read,
    empty: &Receiver<Vec<u8>>,
    filled: &SyncSender<io::Result<Vec<u8>>>,
) {
    while let Ok(mut buffer) = empty.recv() {
        buffer.resize(BUFFER_SIZE, 0);
        let result = read_full(&mut reader, &mut buffer);
        let (read, error) = match result {
            Ok(read) => (read, None),
            Err((read, error)) => (read, Some(error)),
        };
        buffer.truncate(read);
        let is_end = read < BUFFER_SIZE;
        if filled.send(Ok(buffer)).is_err() {
            return;
        }
        if let Some(error) = error {
            let _ = filled.send(Err(error));
            return;
        }
        if is_end {
            return;
        }
    }
}

/// Fills `buffer` as far as the reader goes; what was read before an error is not lost.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, (usize, io::Error)> {
    let mut read = 0;
    while read < buffer.len() {
        match reader.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((read, error)),
        }
    }
    Ok(read)
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.current.len() {
            // A closed channel is the end: the thread sends an error before it stops for one.
            let Ok(next) = self.filled.recv() else {
                return Ok(&[]);
            };
            let spent = std::mem::replace(&mut self.current, next?);
            self.at = 0;
            let _ = self.empty.send(spent);
        }
        Ok(&self.current[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.current.len());
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(buf.len());
        buf[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_the_reader_gives() {
        for len in [0, 1, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + 1, 10 * BUFFER_SIZE + 7] {
            let content: Vec<u8> = (0..len).map(|n| n.to_le_bytes()[0]).collect();
            let read = read_ahead(&content[..], |ahead| {
                let mut out = Vec::new();
                ahead.read_to_end(&mut out).map(|_| out)
            });
            assert!(read.unwrap() == content, "{len}");
        }
    }

    #[test]
    fn ends_when_its_reader_is_left_early() {
        let first = read_ahead(io::repeat(7), |ahead| ahead.fill_buf().map(|bytes| bytes[0]));
        assert_eq!(first.unwrap(), 7);
    }

    #[test]
    fn gives_what_came_before_an_error_and_then_the_error() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut out = Vec::new();
        let error =
            read_ahead(b"before".chain(Failing), |ahead| ahead.read_to_end(&mut out)).unwrap_err();
        assert_eq!((&out[..], error.to_string().as_str()), (&b"before"[..], "broken"));
    }
}
