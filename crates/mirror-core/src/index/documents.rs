//! The three documents that list packages, written side by side.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::format::compression::{Compression, DecodeError, decoder, decoder_of_ours};
use crate::format::rpm::metadata_file::{MetadataFile, Written};
use crate::format::rpm::record::Document;
use crate::limits;

/// Bytes that a document's thread is handed at a time.
const PIECE: usize = 256 << 10;

/// Pieces that may wait for a document's thread.
const PIECES: usize = 4;

/// How a document is compressed instead that is so repetitive that readers would take it for a
/// decompression bomb: gzip looks back by little, so that few texts are found again.
const LESS_DENSE: [Compression; 2] = [Compression::Gzip, Compression::None];

/// How metadata files are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) compression: Compression,
    pub(super) algorithm: Algorithm,
}

impl Form {
    /// Opens a metadata file at `path`.
    pub(super) fn create(self, path: &Path) -> Result<MetadataFile<BufWriter<File>>> {
        let file = File::create(path).map_err(Error::io("make", path))?;
        MetadataFile::new(BufWriter::new(file), self.compression, None, self.algorithm)
            .map_err(Error::io("write", path))
    }
}

/// Ends a metadata file.
pub(super) fn finish(file: MetadataFile<BufWriter<File>>) -> io::Result<Written> {
    let (out, written) = file.finish()?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(written)
}

/// The documents while they are written, each on a thread of its own: compressing filelists takes as
/// long as all else.
pub(super) struct Documents {
    form: Form,
    sinks: [Sink; 3],
    announced: u64,
    packages: u64,
}

struct Sink {
    document: Document,
    path: PathBuf,
    piece: Vec<u8>,
    pieces: SyncSender<Vec<u8>>,
    thread: JoinHandle<io::Result<Made>>,
}

/// A document that was written.
struct Made {
    written: Written,
    /// Whether it may be that a reader takes it for a decompression bomb.
    is_dense: bool,
}

impl Documents {
    /// Begins documents of so many packages in `folder`.
    pub(super) fn begin(folder: &Path, form: Form, packages: u64) -> Result<Self> {
        let begin = |document: Document| {
            let path = folder.join(document.kind());
            let file = form.create(&path)?;
            let (pieces, receiver) = sync_channel(PIECES);
            let name = document.kind().to_owned();
            let thread = thread::Builder::new()
                .name(name)
                .spawn(move || write(file, &receiver))
                .map_err(Error::io("write", &path))?;
            let mut piece = Vec::with_capacity(PIECE);
            document.write_start(&mut piece, packages).map_err(Error::io("write", &path))?;
            Ok(Sink { document, path, piece, pieces, thread })
        };
        let [primary, filelists, other] = Document::ALL;
        let sinks = [begin(primary)?, begin(filelists)?, begin(other)?];
        Ok(Self { form, sinks, announced: packages, packages: 0 })
    }

    /// Adds a package, by its elements.
    pub(super) fn add(&mut self, elements: [&[u8]; 3]) {
        self.packages += 1;
        for (sink, element) in self.sinks.iter_mut().zip(elements) {
            sink.piece.extend_from_slice(element);
            if !element.ends_with(b"\n") {
                sink.piece.push(b'\n');
            }
            if sink.piece.len() >= PIECE {
                sink.hand_over();
            }
        }
    }

    /// Ends the documents. Where there are fewer packages than were announced, they are made anew: the
    /// number stands at their beginning. So is one that our own reader would not open.
    pub(super) fn finish(self) -> Result<[Written; 3]> {
        let Self { form, sinks, announced, packages } = self;
        let mut written = Vec::new();
        for mut sink in sinks {
            sink.document.write_end(&mut sink.piece).map_err(Error::io("write", &sink.path))?;
            sink.hand_over();
            drop(sink.pieces);
            let result = sink.thread.join().unwrap_or_else(|_| Err(io::Error::other("panicked")));
            let mut made = result.map_err(Error::io("write", &sink.path))?;
            if packages != announced {
                made = remake(sink.document, &sink.path, form, packages)?;
            }
            for compression in LESS_DENSE {
                if !made.is_dense || opens(&sink.path)? {
                    break;
                }
                made = remake(sink.document, &sink.path, Form { compression, ..form }, packages)?;
            }
            written.push(made.written);
        }
        // There are three sinks.
        written.try_into().map_err(|_| Error::Cancelled)
    }
}

impl Sink {
    fn hand_over(&mut self) {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        // A thread that is gone tells why when it is joined.
        let _ = self.pieces.send(piece);
    }
}

fn write(mut file: MetadataFile<BufWriter<File>>, pieces: &Receiver<Vec<u8>>) -> io::Result<Made> {
    let mut is_dense = false;
    while let Ok(piece) = pieces.recv() {
        is_dense |= put(&mut file, |file| file.write_all(&piece))?.1;
    }
    Ok(Made { written: finish(file)?, is_dense })
}

/// Writes a piece, and tells whether a reader may find that out of proportion: to get at any of it, all
/// is read that came of the pieces before.
fn put<T>(
    file: &mut MetadataFile<BufWriter<File>>,
    write: impl FnOnce(&mut MetadataFile<BufWriter<File>>) -> io::Result<T>,
) -> io::Result<(T, bool)> {
    let (_, compressed) = file.sizes();
    let done = write(file)?;
    let (opened, _) = file.sizes();
    Ok((done, limits::is_out_of_proportion(opened, compressed)))
}

/// Whether our own reader opens a document.
fn opens(path: &Path) -> Result<bool> {
    let open = || -> io::Result<u64> {
        let file = BufReader::new(File::open(path)?);
        io::copy(&mut decoder(file, limits::METADATA_OPEN_SIZE)?, &mut io::sink())
    };
    let is_ratio = |error: &io::Error| {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        matches!(cause, Some(DecodeError::Ratio { .. }))
    };
    match open() {
        Ok(_) => Ok(true),
        Err(error) if is_ratio(&error) => Ok(false),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Writes a document again, of so many packages and in that form.
fn remake(document: Document, path: &Path, form: Form, packages: u64) -> Result<Made> {
    let anew = path.with_extension("anew");
    let mut file = form.create(&anew)?;
    let copy = move || -> io::Result<Made> {
        let mut reader = decoder_of_ours(BufReader::new(File::open(path)?))?;
        // The declaration and the root element's tag.
        for _ in 0..2 {
            reader.skip_until(b'\n')?;
        }
        document.write_start(&mut file, packages)?;
        let mut is_dense = false;
        loop {
            let mut piece = (&mut reader).take(PIECE as u64);
            let (copied, is_piece_dense) = put(&mut file, |file| io::copy(&mut piece, file))?;
            is_dense |= is_piece_dense;
            if copied == 0 {
                break;
            }
        }
        let written = finish(file)?;
        fs::rename(&anew, path)?;
        Ok(Made { written, is_dense })
    };
    copy().map_err(Error::io("write", path))
}
