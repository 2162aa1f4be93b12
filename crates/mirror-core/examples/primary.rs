//! Reads primary metadata, compressed or not, and says what it holds.
//!
//! ```text
//! cargo run --example primary -- repodata/…-primary.xml.gz
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::BufReader;

use mirror_core::format::compression::{decoder, read_ahead};
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::primary::read_packages;
use mirror_core::limits::METADATA_OPEN_SIZE;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: primary FILE")?;
    let file = BufReader::with_capacity(256 << 10, File::open(path)?);
    let mut paths = Vec::new();
    let mut bytes = 0;
    // Decompressed on a thread of its own, read record by record.
    read_ahead(decoder(file, METADATA_OPEN_SIZE)?, |reader| {
        read_packages(reader, |package| {
            bytes += package.size.unwrap_or(0);
            paths.push((package.href.to_owned(), package.checksum));
            Ok::<_, FormatError>(())
        })
    })?;
    println!("{} packages, {bytes} bytes", paths.len());
    Ok(())
}
