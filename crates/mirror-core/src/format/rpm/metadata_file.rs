//! A metadata file as it is written: compressed, and measured on both sides, so that `repomd.xml` can
//! name it.

use std::io::{self, Write};

use super::repomd::Record;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::format::compression::{Compression, Encoder};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The digest of the file as it is transferred.
    pub checksum: Digest,
    /// Its size in bytes as it is transferred.
    pub size: u64,
    /// The digest of the file once decompressed.
    pub open_checksum: Digest,
    /// Its size in bytes once decompressed.
    pub open_size: u64,
    /// How it is compressed.
    pub compression: Compression,
}

impl Written {
    /// The record of the file, which lies in `repodata/` and is named by its digest, as
    /// `DIGEST-primary.xml.zst`; `stem` is `primary.xml`. `timestamp` is in seconds since 1970.
    pub fn record(&self, kind: &str, stem: &str, timestamp: i64) -> Record {
        let (checksum, extension) = (self.checksum.hex(), self.compression.extension());
        let is_compressed = self.compression != Compression::None;
        Record {
            kind: kind.to_owned(),
            href: format!("repodata/{checksum}-{stem}{extension}"),
            checksum: Some(self.checksum),
            open_checksum: is_compressed.then_some(self.open_checksum),
            timestamp: Some(timestamp),
            size: Some(self.size),
            open_size: is_compressed.then_some(self.open_size),
            ..Record::default()
        }
    }
}

/// Takes a document and writes it compressed.
pub struct MetadataFile<W: Write> {
    encoder: Encoder<Measured<W>>,
    open: Measure,
}

impl<W: Write> std::fmt::Debug for MetadataFile<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetadataFile").field("open", &self.open).finish_non_exhaustive()
    }
}

impl<W: Write> MetadataFile<W> {
    /// Over `out`; digests are made with `algorithm`. Without a `level`, the compression's usual one.
    pub fn new(
        out: W,
        compression: Compression,
        level: Option<i32>,
        algorithm: Algorithm,
    ) -> io::Result<Self> {
        let measured = Measured { out, measure: Measure::new(algorithm) };
        Ok(Self {
            encoder: Encoder::new(measured, compression, level)?,
            open: Measure::new(algorithm),
        })
    }

    /// Bytes that were taken so far, and those that came of them: the compressor may hold some back.
    pub fn sizes(&self) -> (u64, u64) {
        (self.open.size, self.encoder.get_ref().measure.size)
    }

    /// Writes what is left, and gives the writer back.
    pub fn finish(self) -> io::Result<(W, Written)> {
        let compression = self.encoder.compression();
        let Measured { out, measure } = self.encoder.finish()?;
        let (checksum, size) = measure.finish();
        let (open_checksum, open_size) = self.open.finish();
        Ok((out, Written { checksum, size, open_checksum, open_size, compression }))
    }
}

impl<W: Write> Write for MetadataFile<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.open.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

#[derive(Debug)]
struct Measure {
    hasher: Hasher,
    size: u64,
}

impl Measure {
    fn new(algorithm: Algorithm) -> Self {
        Self { hasher: Hasher::new(Some(algorithm)), size: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    fn finish(self) -> (Digest, u64) {
        (self.hasher.finish().1, self.size)
    }
}

struct Measured<W> {
    out: W,
    measure: Measure,
}

impl<W: Write> Write for Measured<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.measure.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    #[test]
    fn says_what_it_wrote() {
        let document = b"<metadata/>".repeat(10_000);
        for compression in Compression::ALL {
            let (algorithm, out) = (Algorithm::Sha256, Vec::new());
            let mut file = MetadataFile::new(out, compression, None, algorithm).unwrap();
            file.write_all(&document).unwrap();
            let (out, written) = file.finish().unwrap();
            assert_eq!(written.checksum, Sha256::of(&out).into(), "{compression:?}");
            assert_eq!(written.open_checksum, Sha256::of(&document).into());
            assert_eq!((written.size, written.open_size), (out.len() as u64, 110_000));
            let record = written.record("primary", "primary.xml", 7);
            assert_eq!(Compression::from_name(&record.href), compression, "{}", record.href);
            assert_eq!(record.open_size.is_some(), compression != Compression::None);
        }
    }
}
