//! Package files.

use crate::digest::Sha256;
use crate::format::rpm::blocks::{Entries, Kind};
use crate::format::rpm::header::Headers;
use crate::format::rpm::record::{Document, Listing, Record};
use crate::format::rpm::{FormatError, primary};

/// Reads the headers of a package. What is made of them is metadata that names the same package, once.
pub fn rpm_header(data: &[u8]) {
    let Ok(headers) = Headers::read(data) else { return };
    assert!(headers.range().end <= data.len() as u64);
    let Ok(record) = Record::read(&headers, 10) else { return };
    let (size, time) = (data.len() as u64, -1);
    let checksum = Sha256::of(data).into();
    let listing = Listing { record: &record, checksum, size, time, href: "a.rpm" };
    for document in Document::ALL {
        let mut text = Vec::new();
        // A Vec takes everything.
        let _ = document.write_start(&mut text, 1);
        if listing.write(document, &mut text).is_err() {
            return;
        }
        let _ = document.write_end(&mut text);
        if document == Document::Primary {
            let summary = primary::read_packages(&text[..], |package| {
                let found = (package.name, package.version, package.release, package.arch);
                assert_eq!(
                    found,
                    (&*record.name, &*record.version, &*record.release, &*record.arch)
                );
                assert_eq!((package.href, package.size), ("a.rpm", Some(size)));
                Ok::<_, FormatError>(())
            });
            check(summary.map(|summary| summary.packages));
        } else {
            let is_other = document == Document::Other;
            let kind = if is_other { Kind::Other } else { Kind::Filelists };
            check(Entries::new(&text[..], kind).and_then(|mut entries| {
                while entries.next()?.is_some() {}
                Ok(entries.summary().packages)
            }));
        }
    }
}

/// One package, which is within the bounds of metadata.
fn check(packages: Result<u64, FormatError>) {
    match packages {
        Ok(packages) => assert_eq!(packages, 1),
        Err(error) => unreachable!("what was listed is read: {error}"),
    }
}
