//! Elements that are carried over.

use crate::format::rpm::FormatError;
use crate::format::rpm::blocks::{Entries, Kind, Packages, Root};

/// Carries the packages of a document over into one of our own, as a primary, filelists or other. What
/// is carried over brings no markup but elements, and is carried over again as it is.
pub fn blocks(data: &[u8]) {
    check(data, &packages);
    for kind in [Kind::Filelists, Kind::FilelistsExt, Kind::Other] {
        check(data, &|data| entries(data, kind));
    }
}

/// The root and all elements that come before an error, each with what names it.
type Carried = (Root, Vec<(String, Vec<u8>)>);

fn check(data: &[u8], carry: &dyn Fn(&[u8]) -> Result<Carried, FormatError>) {
    let Ok((root, elements)) = carry(data) else { return };
    let mut document = Vec::new();
    // A Vec takes everything.
    let _ = root.write_start(&mut document, elements.len() as u64);
    for (_, element) in &elements {
        assert!(memchr::memmem::find(element, b"<!").is_none(), "a comment, CDATA or declaration");
        assert!(memchr::memmem::find(element, b"<?").is_none(), "an instruction");
        document.extend_from_slice(element);
        document.push(b'\n');
    }
    let _ = root.write_end(&mut document);
    match carry(&document) {
        Ok((_, again)) => assert_eq!(again, elements),
        Err(error) => unreachable!("what was carried over is read: {error}"),
    }
}

fn packages(data: &[u8]) -> Result<Carried, FormatError> {
    let mut packages = Packages::new(data)?;
    let (root, mut elements) = (packages.root().clone(), Vec::new());
    while let Ok(Some((package, element))) = packages.next() {
        elements.push((format!("{package:?}"), element.to_vec()));
    }
    Ok((root, elements))
}

fn entries(data: &[u8], kind: Kind) -> Result<Carried, FormatError> {
    let mut entries = Entries::new(data, kind)?;
    let (root, mut elements) = (entries.root().clone(), Vec::new());
    while let Ok(Some((pkgid, element))) = entries.next() {
        elements.push((pkgid.to_owned(), element.to_vec()));
    }
    Ok((root, elements))
}
