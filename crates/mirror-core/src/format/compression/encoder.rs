//! The writing side: content compressed as upstreams compress it.

use std::io::{self, Write};

use super::Compression;

/// The levels that createrepo_c takes, but for gzip, where they are the library's scale.
const GZIP_LEVEL: i32 = 6;
const XZ_LEVEL: i32 = 5;
const ZSTD_LEVEL: i32 = 10;
const BZIP2_LEVEL: i32 = 9;

/// Compresses what is written to it.
///
/// The same content gives the same bytes: no name and no time are written. What is written is whole
/// only after [`Encoder::finish`].
pub struct Encoder<W: Write> {
    stream: Stream<W>,
    compression: Compression,
}

enum Stream<W: Write> {
    None(W),
    Gzip(flate2::write::GzEncoder<W>),
    Xz(liblzma::write::XzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
    Bzip2(bzip2::write::BzEncoder<W>),
}

impl<W: Write> std::fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("compression", &self.compression).finish_non_exhaustive()
    }
}

impl<W: Write> Encoder<W> {
    /// Over `out`. Without a `level`, the one that createrepo_c takes; one out of the compression's
    /// range is the nearest in it.
    pub fn new(out: W, compression: Compression, level: Option<i32>) -> io::Result<Self> {
        let within = |usual: i32, most: i32| level.unwrap_or(usual).clamp(1, most);
        let unsigned = |usual, most| within(usual, most).unsigned_abs();
        let stream = match compression {
            Compression::None => Stream::None(out),
            Compression::Gzip => {
                let level = flate2::Compression::new(unsigned(GZIP_LEVEL, 9));
                Stream::Gzip(flate2::write::GzEncoder::new(out, level))
            }
            Compression::Xz => {
                let level = unsigned(XZ_LEVEL, 9);
                Stream::Xz(liblzma::write::XzEncoder::new(out, level))
            }
            Compression::Zstd => {
                let level = within(ZSTD_LEVEL, 19);
                Stream::Zstd(zstd::stream::write::Encoder::new(out, level)?)
            }
            Compression::Bzip2 => {
                let level = bzip2::Compression::new(unsigned(BZIP2_LEVEL, 9));
                Stream::Bzip2(bzip2::write::BzEncoder::new(out, level))
            }
        };
        Ok(Self { stream, compression })
    }

    /// How it compresses.
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// What is written to.
    pub(crate) fn get_ref(&self) -> &W {
        match &self.stream {
            Stream::None(out) => out,
            Stream::Gzip(stream) => stream.get_ref(),
            Stream::Xz(stream) => stream.get_ref(),
            Stream::Zstd(stream) => stream.get_ref(),
            Stream::Bzip2(stream) => stream.get_ref(),
        }
    }

    /// Writes what is left, and gives the writer back.
    pub fn finish(self) -> io::Result<W> {
        match self.stream {
            Stream::None(out) => Ok(out),
            Stream::Gzip(stream) => stream.finish(),
            Stream::Xz(stream) => stream.finish(),
            Stream::Zstd(stream) => stream.finish(),
            Stream::Bzip2(stream) => stream.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::None(out) => out.write(bytes),
            Stream::Gzip(stream) => stream.write(bytes),
            Stream::Xz(stream) => stream.write(bytes),
            Stream::Zstd(stream) => stream.write(bytes),
            Stream::Bzip2(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::None(out) => out.flush(),
            Stream::Gzip(stream) => stream.flush(),
            Stream::Xz(stream) => stream.flush(),
            Stream::Zstd(stream) => stream.flush(),
            Stream::Bzip2(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::format::compression::decoder;

    #[test]
    fn gives_what_the_decoder_opens_and_the_same_bytes_each_time() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for compression in Compression::ALL {
            for level in [None, Some(-3), Some(1), Some(1_000)] {
                let compress = || {
                    let mut encoder = Encoder::new(Vec::new(), compression, level).unwrap();
                    for piece in content.chunks(9_999) {
                        encoder.write_all(piece).unwrap();
                    }
                    encoder.finish().unwrap()
                };
                let bytes = compress();
                assert_eq!(bytes, compress(), "{compression:?}");
                assert_eq!(Compression::from_magic(&bytes[..6]), compression);
                let mut opened = Vec::new();
                decoder(&bytes[..], 1 << 20).unwrap().read_to_end(&mut opened).unwrap();
                assert_eq!(opened, content, "{compression:?} at {level:?}");
            }
        }
    }
}
