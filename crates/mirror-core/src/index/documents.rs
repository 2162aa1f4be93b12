//! The three documents that list packages, written side by side.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::format::compression::{Compression, decoder};
use crate::format::rpm::metadata_file::{MetadataFile, Written};
use crate::format::rpm::record::Document;
use crate::limits;

/// Bytes that a document's thread is handed at a time.
const PIECE: usize = 256 << 10;

/// Pieces that may wait for a document's thread.
const PIECES: usize = 4;

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
    thread: JoinHandle<io::Result<Written>>,
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
    /// number stands at their beginning.
    pub(super) fn finish(self) -> Result<[Written; 3]> {
        let Self { form, sinks, announced, packages } = self;
        let mut written = Vec::new();
        for mut sink in sinks {
            sink.document.write_end(&mut sink.piece).map_err(Error::io("write", &sink.path))?;
            sink.hand_over();
            drop(sink.pieces);
            let result = sink.thread.join().unwrap_or_else(|_| Err(io::Error::other("panicked")));
            let mut result = result.map_err(Error::io("write", &sink.path))?;
            if packages != announced {
                result = recount(sink.document, &sink.path, form, packages)?;
            }
            written.push(result);
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

fn write(
    mut file: MetadataFile<BufWriter<File>>,
    pieces: &Receiver<Vec<u8>>,
) -> io::Result<Written> {
    while let Ok(piece) = pieces.recv() {
        file.write_all(&piece)?;
    }
    finish(file)
}

/// Writes a document again, with another number of packages at its beginning.
fn recount(document: Document, path: &Path, form: Form, packages: u64) -> Result<Written> {
    let anew = path.with_extension("anew");
    let copy = || -> io::Result<Written> {
        let file = BufReader::new(File::open(path)?);
        let mut reader = decoder(file, limits::METADATA_OPEN_SIZE)?;
        // The declaration and the root element's tag.
        for _ in 0..2 {
            reader.skip_until(b'\n')?;
        }
        let mut file = form.create(&anew).map_err(io::Error::other)?;
        document.write_start(&mut file, packages)?;
        io::copy(&mut reader, &mut file)?;
        let written = finish(file)?;
        fs::rename(&anew, path)?;
        Ok(written)
    };
    copy().map_err(Error::io("write", path))
}
