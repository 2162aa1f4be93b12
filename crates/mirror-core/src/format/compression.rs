//! Compression, and decompression under bounds: gzip, xz, zstd and bzip2, told apart by their first
//! bytes.
//!
//! A file's *name* says how it was meant to be compressed ([`Compression::from_name`]), its *magic*
//! says how it is ([`Compression::from_magic`]); [`decoder`] goes by the magic, as real repositories
//! hold both plain files named `.gz` and the reverse.
//!
//! Guaranteed: all members, frames and concatenated streams are read; truncation and garbage behind
//! the end are errors; memory is constant; no more is given out than the caller's bound, nor
//! [`limits::RATIO`] times what was read, nor is a window over [`limits::WINDOW_LOG`] accepted. A
//! refusal is an [`io::Error`] that holds a [`DecodeError`]; errors of the underlying reader pass
//! through as they are.

use std::io::{self, BufRead, BufReader, Read};

use crate::limits;

mod encoder;
mod read_ahead;
mod write_behind;

pub use encoder::Encoder;
pub use read_ahead::{ReadAhead, read_ahead};
pub use write_behind::{WriteBehind, write_behind};

/// What a decoder gives out at a time, in bytes.
const BUFFER_SIZE: usize = 128 << 10;

/// Bytes needed to tell the compressions apart.
const MAGIC_LEN: usize = 6;

/// Memory that liblzma may take beside the window itself, in bytes.
const XZ_OVERHEAD: u64 = 1 << 20;

/// How content is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// The .xz format (not the older .lzma).
    Xz,
    /// RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
}

impl Compression {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Xz, Self::Zstd, Self::Bzip2];

    /// By the extension of a file's name, in any case; [`Compression::None`] where it is none that
    /// we know.
    pub fn from_name(name: &str) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" | "tgz" => Self::Gzip,
            "xz" => Self::Xz,
            "zst" | "zstd" => Self::Zstd,
            "bz2" => Self::Bzip2,
            _ => Self::None,
        }
    }

    /// By a content's first bytes, six of them where it has as many.
    pub fn from_magic(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A frame, or one of the sixteen kinds of skippable frame that may precede it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::None,
        }
    }

    /// What it adds to a file's name, dot included.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Bzip2 => ".bz2",
        }
    }

    /// The name as used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// Why content was not decompressed to its end.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The content is larger than the caller takes.
    #[error("content is larger than expected: over {limit} bytes once decompressed")]
    TooLarge {
        /// The bound that was passed, in bytes.
        limit: u64,
    },
    /// The content grows out of proportion: a decompression bomb.
    #[error(
        "{} content grows out of proportion: expected at most {} times its size, found {opened} \
         bytes from {compressed}", compression.name(), limits::RATIO
    )]
    Ratio {
        /// How it is compressed.
        compression: Compression,
        /// Bytes given out so far.
        opened: u64,
        /// Bytes read so far.
        compressed: u64,
    },
    /// The stream wants a window of more memory than it gets.
    #[error(
        "{} content asks for more memory than the expected {} MiB",
        compression.name(), (1_u64 << limits::WINDOW_LOG) >> 20
    )]
    Window {
        /// How it is compressed.
        compression: Compression,
    },
    /// The stream is damaged, cut short, or followed by something else.
    #[error("expected {} content to its end, found it damaged or cut short: {source}", compression.name())]
    Malformed {
        /// How it is compressed.
        compression: Compression,
        /// What the decoder says.
        source: io::Error,
    },
}

/// Opens `reader`, however it is compressed, up to `limit` bytes of decompressed content.
///
/// Fails where the first bytes cannot be read.
pub fn decoder<R: BufRead>(reader: R, limit: u64) -> io::Result<BufReader<Decoder<R>>> {
    open(reader, limit, Proportion::Bounded)
}

/// Opens what this program has compressed itself, in whatever proportion to its content.
pub(crate) fn decoder_of_ours<R: BufRead>(reader: R) -> io::Result<BufReader<Decoder<R>>> {
    open(reader, u64::MAX, Proportion::Any)
}

/// How large content may be, held against its compressed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proportion {
    /// Up to [`limits::RATIO`].
    Bounded,
    /// However large.
    Any,
}

fn open<R: BufRead>(
    mut reader: R,
    limit: u64,
    proportion: Proportion,
) -> io::Result<BufReader<Decoder<R>>> {
    let mut magic = Vec::with_capacity(MAGIC_LEN);
    (&mut reader).take(MAGIC_LEN as u64).read_to_end(&mut magic)?;
    let compression = Compression::from_magic(&magic);
    let input = Input { inner: io::Cursor::new(magic).chain(reader), consumed: 0, failed: false };
    let stream = match compression {
        Compression::None => Stream::None(input),
        Compression::Gzip => Stream::Gzip(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Xz => {
            let memory = (1 << limits::WINDOW_LOG) + XZ_OVERHEAD;
            let flags = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(memory, flags)?;
            Stream::Xz(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
        Compression::Zstd => {
            let mut zstd = zstd::stream::read::Decoder::with_buffer(input)?;
            zstd.window_log_max(limits::WINDOW_LOG)?;
            Stream::Zstd(zstd)
        }
        Compression::Bzip2 => Stream::Bzip2(bzip2::bufread::MultiBzDecoder::new(input)),
    };
    let decoder = Decoder { stream, compression, limit, proportion, opened: 0 };
    Ok(BufReader::with_capacity(BUFFER_SIZE, decoder))
}

/// Decompressed content as a [`Read`]; made by [`decoder`].
pub struct Decoder<R: BufRead> {
    stream: Stream<R>,
    compression: Compression,
    limit: u64,
    proportion: Proportion,
    opened: u64,
}

impl<R: BufRead> Decoder<R> {
    /// How the content turned out to be compressed.
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    fn check_bounds(&self) -> Result<(), DecodeError> {
        if self.opened > self.limit {
            return Err(DecodeError::TooLarge { limit: self.limit });
        }
        let compressed = self.stream.input().consumed;
        if self.compression != Compression::None
            && self.proportion == Proportion::Bounded
            && limits::is_out_of_proportion(self.opened, compressed)
        {
            return Err(DecodeError::Ratio {
                compression: self.compression,
                opened: self.opened,
                compressed,
            });
        }
        Ok(())
    }

    fn explain(&self, source: io::Error) -> io::Error {
        if self.stream.input().failed || source.kind() == io::ErrorKind::Interrupted {
            return source;
        }
        let compression = self.compression;
        let window = match compression {
            Compression::Xz => is_memory_limit(&source),
            // The crate gives the library's message only, which names the one cause.
            Compression::Zstd => source.to_string().contains("too much memory"),
            _ => false,
        };
        invalid(if window {
            DecodeError::Window { compression }
        } else {
            DecodeError::Malformed { compression, source }
        })
    }
}

fn is_memory_limit(error: &io::Error) -> bool {
    use liblzma::stream::Error;
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .is_some_and(|inner| matches!(inner, Error::MemLimit))
}

fn invalid(error: DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.stream {
            Stream::None(stream) => stream.read(buf),
            Stream::Gzip(stream) => stream.read(buf),
            Stream::Xz(stream) => stream.read(buf),
            Stream::Zstd(stream) => stream.read(buf),
            Stream::Bzip2(stream) => stream.read(buf),
        };
        let read = result.map_err(|error| self.explain(error))?;
        self.opened += read as u64;
        self.check_bounds().map_err(invalid)?;
        Ok(read)
    }
}

enum Stream<R: BufRead> {
    None(Input<R>),
    Gzip(flate2::bufread::MultiGzDecoder<Input<R>>),
    Xz(liblzma::bufread::XzDecoder<Input<R>>),
    Zstd(zstd::stream::read::Decoder<'static, Input<R>>),
    Bzip2(bzip2::bufread::MultiBzDecoder<Input<R>>),
}

impl<R: BufRead> Stream<R> {
    fn input(&self) -> &Input<R> {
        match self {
            Self::None(input) => input,
            Self::Gzip(stream) => stream.get_ref(),
            Self::Xz(stream) => stream.get_ref(),
            Self::Zstd(stream) => stream.get_ref(),
            Self::Bzip2(stream) => stream.get_ref(),
        }
    }
}

/// The compressed content: counts what a decoder took, and remembers whether reading it failed, so
/// that a failing disk is not reported as a damaged file.
struct Input<R> {
    inner: io::Chain<io::Cursor<Vec<u8>>, R>,
    consumed: u64,
    failed: bool,
}

impl<R: BufRead> Read for Input<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buf);
        self.failed = result.is_err();
        let read = result?;
        self.consumed += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let result = self.inner.fill_buf();
        self.failed = result.is_err();
        result
    }

    fn consume(&mut self, amount: usize) {
        self.consumed += amount as u64;
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const ALL: [Compression; 5] = Compression::ALL;

    fn compress(compression: Compression, content: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => content.to_vec(),
            Compression::Gzip => {
                let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                gz.write_all(content).unwrap();
                gz.finish().unwrap()
            }
            Compression::Xz => {
                let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
                xz.write_all(content).unwrap();
                xz.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(content, 1).unwrap(),
            Compression::Bzip2 => {
                let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                bz.write_all(content).unwrap();
                bz.finish().unwrap()
            }
        }
    }

    fn open(content: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decoder(content, limit)?.read_to_end(&mut out)?;
        Ok(out)
    }

    fn refused(content: &[u8], limit: u64) -> DecodeError {
        let mut reader = decoder(content, limit).unwrap();
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        *error.into_inner().unwrap().downcast().unwrap()
    }

    fn sample() -> Vec<u8> {
        (0..40_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 12).to_le_bytes()).collect()
    }

    #[test]
    fn is_told_by_name_or_by_magic() {
        assert_eq!(Compression::from_name("repodata/x-primary.xml.GZ"), Compression::Gzip);
        assert_eq!(Compression::from_name("primary.xml"), Compression::None);
        assert_eq!(Compression::from_name("primary"), Compression::None);
        for compression in ALL {
            let bytes = compress(compression, b"content");
            assert_eq!(
                Compression::from_magic(&bytes[..MAGIC_LEN]),
                compression,
                "{compression:?}"
            );
            assert_eq!(decoder(&bytes[..], 10).unwrap().get_ref().compression(), compression);
        }
        assert_eq!(Compression::from_magic(b""), Compression::None);
    }

    #[test]
    fn opens_every_kind_and_every_concatenated_part() {
        let content = sample();
        for compression in ALL {
            let mut twice = compress(compression, &content);
            assert_eq!(open(&twice, 1 << 20).unwrap(), content, "{}", compression.name());
            twice.extend(compress(compression, b"more"));
            assert_eq!(open(&twice, 1 << 20).unwrap(), [&content[..], b"more"].concat());
            // An empty content and readers that give one byte at a time.
            assert_eq!(open(&compress(compression, b""), 1).unwrap(), b"");
            let mut out = Vec::new();
            let trickle = BufReader::with_capacity(1, &twice[..]);
            decoder(trickle, 1 << 20).unwrap().read_to_end(&mut out).unwrap();
            assert_eq!(out.len(), content.len() + 4);
        }
    }

    #[test]
    fn refuses_truncation_and_trailing_garbage() {
        let content = sample();
        for compression in &ALL[1..] {
            let bytes = compress(*compression, &content);
            for cut in [7, bytes.len() / 2, bytes.len() - 9, bytes.len() - 1] {
                let error = open(&bytes[..cut], 1 << 20).unwrap_err();
                assert!(
                    error.to_string().contains(compression.name()),
                    "{compression:?} at {cut}: {error}"
                );
            }
            for garbage in [&b"garbage that follows"[..], b"x", &[0; 511]] {
                let error = refused(&[&bytes[..], garbage].concat(), 1 << 20);
                assert!(matches!(error, DecodeError::Malformed { .. }), "{compression:?}: {error}");
            }
            let mut damaged = bytes.clone();
            damaged[bytes.len() / 2] ^= 0x55;
            // zstd's checksum is optional, and absent here as in what createrepo_c writes.
            assert!(
                *compression == Compression::Zstd || open(&damaged, 1 << 20).is_err(),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn stops_at_the_size_that_the_caller_takes() {
        let content = sample();
        for compression in ALL {
            let bytes = compress(compression, &content);
            assert_eq!(open(&bytes, content.len() as u64).unwrap().len(), content.len());
            let error = refused(&bytes, content.len() as u64 - 1);
            assert!(matches!(error, DecodeError::TooLarge { limit: 159_999 }));
        }
    }

    #[test]
    fn stops_a_bomb_by_its_ratio() {
        let zeros = vec![0; usize::try_from(limits::RATIO_FREE_SIZE).unwrap() + (1 << 20)];
        for compression in &ALL[1..] {
            let error = refused(&compress(*compression, &zeros), u64::MAX);
            assert!(matches!(error, DecodeError::Ratio { .. }), "{compression:?}: {error}");
        }
        assert_eq!(open(&zeros, u64::MAX).unwrap().len(), zeros.len());
    }

    #[test]
    fn refuses_a_window_that_would_fill_the_memory() {
        // A zstd frame header (RFC 8878, 3.1.1.1) whose window descriptor says 2^30.
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 1, 0, 0];
        assert!(matches!(refused(&zstd, 100), DecodeError::Window { .. }));

        let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
        options.dict_size(1 << 29);
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&options);
        let check = liblzma::stream::Check::Crc32;
        let mut xz = compress(Compression::Xz, b"x");
        if let Ok(stream) = liblzma::stream::Stream::new_stream_encoder(&filters, check) {
            let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(b"x").unwrap();
            xz = encoder.finish().unwrap();
        }
        assert!(matches!(refused(&xz, 100), DecodeError::Window { .. }));
    }

    #[test]
    fn passes_errors_of_the_reader_through() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::StorageFull, "disk"))
            }
        }
        let bytes = compress(Compression::Gzip, &sample());
        let reader = BufReader::new(bytes[..100].chain(Failing));
        let mut out = Vec::new();
        let error = decoder(reader, 1 << 20).unwrap().read_to_end(&mut out).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
