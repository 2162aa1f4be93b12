//! Response bodies, of which at most one piece is in memory.
//!
//! A file is read in pieces of [`BODY_CHUNK`], each when the connection has sent the one before. A
//! read asks first for what the page cache holds (`RWF_NOWAIT`), right on the thread that serves
//! the connection: mirrored packages mostly are there, and handing each piece to another thread and
//! back halves the throughput (1.0 instead of 2.2 GB/s, measured with curl over loopback on two
//! cores). Only where the kernel would have to wait for the disk does the read go to a thread that
//! may block, so that no slow disk holds up other connections.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::JoinHandle;

use crate::config::BODY_CHUNK;
use crate::event::{BodyEnd, Report};
use crate::listing::Page;

/// What a body is made of.
pub(crate) enum Content {
    Nothing,
    Text(Bytes),
    Page(Box<Page>),
    File(Box<FileStream>),
}

/// A body of known length that reports its end.
pub(crate) struct Body {
    content: Content,
    /// Bytes yet to come.
    left: u64,
    report: Option<Report>,
}

impl Body {
    /// A body of `length` bytes.
    pub(crate) fn new(content: Content, length: u64, mut report: Option<Report>) -> Self {
        if let Some(report) = &mut report
            && length == 0
        {
            report.sent(0, BodyEnd::Whole);
        }
        Self { content, left: length, report }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.content {
            Content::Nothing => Poll::Ready(None),
            Content::Text(text) => {
                let text = std::mem::take(text);
                Poll::Ready((!text.is_empty()).then_some(Ok(text)))
            }
            Content::Page(page) => Poll::Ready(page.piece().map(|piece| Ok(piece.into()))),
            Content::File(file) => file.poll_piece(cx),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(piece) = ready!(self.poll_piece(cx)) else {
            return Poll::Ready(None);
        };
        match piece {
            Ok(piece) => {
                let length = piece.len() as u64;
                self.left = self.left.saturating_sub(length);
                let end = match self.left {
                    0 => BodyEnd::Whole,
                    _ => BodyEnd::Cut,
                };
                if let Some(report) = &mut self.report {
                    report.sent(length, end);
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Err(error) => {
                if let Some(report) = &mut self.report {
                    report.fault(error.to_string());
                }
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A stretch of a body.
#[derive(Debug)]
pub(crate) enum Segment {
    /// Text between the parts of a multipart body.
    Text(Bytes),
    /// Bytes of the file.
    Bytes(Range<u64>),
}

impl Segment {
    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(range) => range.end - range.start,
        }
    }
}

/// Parts of an open file, one after another.
pub(crate) struct FileStream {
    file: Arc<File>,
    segments: VecDeque<Segment>,
    /// A read on a thread that may block.
    reading: Option<JoinHandle<io::Result<Filled>>>,
    inline: Inline,
    spare: Spare,
}

/// A buffer, and how many bytes of it were read.
type Filled = (Vec<u8>, usize);

/// Whether to try the page cache first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inline {
    Try,
    /// The file system does not know `RWF_NOWAIT`.
    Unsupported,
}

/// The buffer of a stream, between the sending of one piece and the reading of the next. Without
/// it each piece would be allocated, and zeroed, anew.
type Spare = Arc<Mutex<Option<Vec<u8>>>>;

/// A piece of a file; its buffer returns to the stream when it has been sent.
struct Piece {
    buffer: Vec<u8>,
    length: usize,
    home: Spare,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Ok(mut home) = self.home.lock() {
            *home = Some(std::mem::take(&mut self.buffer));
        }
    }
}

impl FileStream {
    pub(crate) fn new(file: File, segments: VecDeque<Segment>) -> Self {
        Self {
            file: Arc::new(file),
            segments,
            reading: None,
            inline: Inline::Try,
            spare: Spare::default(),
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                return Poll::Ready(Some(match read {
                    Ok(Ok((buffer, length))) => Ok(self.piece(buffer, length)),
                    Ok(Err(error)) => Err(error),
                    Err(error) => Err(io::Error::other(error)),
                }));
            }
            let (offset, wanted) = match self.segments.front() {
                None => return Poll::Ready(None),
                Some(Segment::Bytes(range)) if range.is_empty() => {
                    self.segments.pop_front();
                    continue;
                }
                Some(Segment::Bytes(range)) => {
                    let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
                    (range.start, left.min(BODY_CHUNK))
                }
                Some(Segment::Text(_)) => {
                    let Some(Segment::Text(text)) = self.segments.pop_front() else {
                        continue;
                    };
                    return Poll::Ready(Some(Ok(text)));
                }
            };
            let mut buffer = self.buffer(wanted);
            if self.inline == Inline::Try {
                match read_cached(&self.file, &mut buffer[..wanted], offset) {
                    Ok(0) => return Poll::Ready(Some(Err(shortened(offset)))),
                    Ok(length) => return Poll::Ready(Some(Ok(self.piece(buffer, length)))),
                    Err(Errno::AGAIN) => {}
                    Err(_) => self.inline = Inline::Unsupported,
                }
            }
            let file = Arc::clone(&self.file);
            self.reading = Some(tokio::task::spawn_blocking(move || {
                match file.read_at(&mut buffer[..wanted], offset)? {
                    0 => Err(shortened(offset)),
                    length => Ok((buffer, length)),
                }
            }));
        }
    }

    /// A buffer of at least `wanted` bytes.
    fn buffer(&self, wanted: usize) -> Vec<u8> {
        let spare = self.spare.lock().ok().and_then(|mut spare| spare.take());
        match spare {
            Some(buffer) if buffer.len() >= wanted => buffer,
            _ => vec![0; wanted],
        }
    }

    /// Makes the first `length` bytes of `buffer` the next piece.
    fn piece(&mut self, buffer: Vec<u8>, length: usize) -> Bytes {
        if let Some(Segment::Bytes(range)) = self.segments.front_mut() {
            range.start += length as u64;
        }
        Bytes::from_owner(Piece { buffer, length, home: Arc::clone(&self.spare) })
    }
}

/// Reads what is in the page cache; `EAGAIN` where the disk would have to be waited for.
fn read_cached(file: &File, buffer: &mut [u8], offset: u64) -> rustix::io::Result<usize> {
    let mut buffers = [IoSliceMut::new(buffer)];
    rustix::io::preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT)
}

/// The length that was promised cannot be kept. The error makes hyper close the connection, by
/// which the client learns it: nothing is made up.
fn shortened(at: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the file was cut to {at} bytes or fewer while it was sent"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// Reads a stream to its end, on a file system that does (or does not) know `RWF_NOWAIT`.
    fn read_all(file: File, segments: Vec<Segment>, inline: Inline) -> io::Result<Vec<u8>> {
        let mut stream = FileStream::new(file, segments.into());
        stream.inline = inline;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut all = Vec::new();
            while let Some(piece) = std::future::poll_fn(|cx| stream.poll_piece(cx)).await {
                let piece = piece?;
                assert!(!piece.is_empty() && piece.len() <= BODY_CHUNK);
                all.extend_from_slice(&piece);
            }
            Ok(all)
        })
    }

    #[test]
    fn both_ways_of_reading_give_the_same() {
        let content: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let expected = [&content[5..9], b"and", &content[1000..999_999], &content[..1]].concat();
        for inline in [Inline::Try, Inline::Unsupported] {
            let segments = vec![
                Segment::Bytes(5..9),
                Segment::Text("and".into()),
                Segment::Bytes(7..7),
                Segment::Bytes(1000..999_999),
                Segment::Bytes(0..1),
            ];
            let all = read_all(file.try_clone().unwrap(), segments, inline).unwrap();
            assert!(all == expected);
        }
    }

    #[test]
    fn a_file_shorter_than_promised_is_an_error() {
        for inline in [Inline::Try, Inline::Unsupported] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"12345").unwrap();
            let error = read_all(file, vec![Segment::Bytes(0..6)], inline).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
