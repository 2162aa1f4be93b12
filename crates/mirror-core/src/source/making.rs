//! What a source makes, on its way into the store.

use std::io::{self, Write};

use tokio::sync::mpsc::{Sender, channel};

use super::{Context, Stored};
use crate::error::{Error, Result};
use crate::part::{Expected, Part};

/// Pieces that may wait to be written.
const PIECES: usize = 4;

/// Takes what [`Context::make`] is to bring into the store. What was written is stored only where the
/// maker ends well; where it cannot be, writing fails with a broken pipe.
#[derive(Debug)]
pub struct Pipe(Sender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            let sent = self.0.blocking_send(bytes.to_vec());
            sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Context<'_> {
    /// Runs `make` on a thread where it may take its time, and brings what it writes into the store as
    /// it comes: of whatever size, without memory. `name` is what errors call it.
    ///
    /// Dropping the future ends `make` with its next write.
    pub async fn make<T: Send + 'static>(
        &self,
        name: &str,
        make: impl FnOnce(Pipe) -> Result<T> + Send + 'static,
    ) -> Result<(Stored, T)> {
        let (pieces, mut coming) = channel::<Vec<u8>>(PIECES);
        let making = tokio::task::spawn_blocking(move || make(Pipe(pieces)));
        let name = format!("{}/{name}", self.tree());
        let mut part = Part::open(&self.store.parts(), &Expected::default(), &name)?;
        while let Some(piece) = coming.recv().await {
            if self.room.left() < piece.len() as u64 {
                let room = part.size();
                self.discard(part)?;
                return Err(Error::NoRoom { url: name, listed: None, room });
            }
            self.room.take(piece.len() as u64);
            part.append(&piece)?;
        }
        match making.await.map_err(|error| Error::Client(error.into()))? {
            Ok(result) => Ok((self.put(&part.seal_as_written())?, result)),
            Err(error) => {
                self.discard(part)?;
                Err(error)
            }
        }
    }

    /// Throws away what was made so far.
    fn discard(&self, part: Part) -> Result<()> {
        self.room.give(part.size());
        part.discard()
    }
}
