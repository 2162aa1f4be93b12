//! The headers of a package file together: what the package says of itself, and where that lies.
//!
//! The values are looked up in the bytes of [`raw_header`](super::raw_header), which are within bounds.
//! The crate `rpm` is not asked: it takes memory and positions as a header gives them, and keeps a copy
//! of every value, of which most are not wanted.

use std::io::Read;
use std::ops::Range;

use super::FormatError;
use super::raw_header::{Kind, LEAD_LEN, RawHeader, Value, read_lead, read_padding};

/// The headers of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// Its signatures, and the sizes of what they are over.
    pub signature: RawHeader,
    /// What the package is.
    pub main: RawHeader,
}

impl Headers {
    /// Reads lead and headers from the start of a package file; the next byte is the payload's first.
    ///
    /// Whatever cannot be one is an error, as is what is over a bound of
    /// [`limits`](crate::limits).
    pub fn read(mut reader: impl Read) -> Result<Self, FormatError> {
        read_lead(&mut reader)?;
        let signature = RawHeader::read(&mut reader, Kind::Signature)?;
        read_padding(&mut reader, &signature)?;
        let main = RawHeader::read(&mut reader, Kind::Main)?;
        Ok(Self { signature, main })
    }

    /// Where the header lies in the file, in bytes: clients may fetch that part alone.
    pub fn range(&self) -> Range<u64> {
        let signature = (self.signature.bytes().len() as u64).next_multiple_of(8);
        let start = LEAD_LEN + signature;
        start..start + self.main.bytes().len() as u64
    }

    /// The value of a tag of the header; `None` where it has none.
    pub(super) fn get(&self, tag: u32) -> Result<Option<Value<'_>>, FormatError> {
        self.main.get(tag)
    }

    /// The first text of a tag; empty where it has none.
    pub(super) fn first(&self, tag: u32) -> Result<&[u8], FormatError> {
        self.get(tag)?.map_or(Ok(&[]), |value| value.first())
    }

    /// The texts of a tag; none where it has none.
    pub(super) fn strings(&self, tag: u32, most: usize) -> Result<Vec<&[u8]>, FormatError> {
        self.get(tag)?.map_or(Ok(Vec::new()), |value| value.strings(most))
    }

    /// The first number of a tag.
    pub(super) fn number(&self, tag: u32) -> Result<Option<u64>, FormatError> {
        first_number(self.get(tag)?)
    }

    /// The first number of a tag of the signature header.
    pub(super) fn signature_number(&self, tag: u32) -> Result<Option<u64>, FormatError> {
        first_number(self.signature.get(tag)?)
    }
}

fn first_number(value: Option<Value<'_>>) -> Result<Option<u64>, FormatError> {
    Ok(value.map(|value| value.numbers()).transpose()?.and_then(|mut numbers| numbers.next()))
}

/// The tags that metadata is made of (rpm's `rpmtag.h`).
pub(super) mod tag {
    pub(in super::super) const NAME: u32 = 1000;
    pub(in super::super) const VERSION: u32 = 1001;
    pub(in super::super) const RELEASE: u32 = 1002;
    pub(in super::super) const EPOCH: u32 = 1003;
    pub(in super::super) const SUMMARY: u32 = 1004;
    pub(in super::super) const DESCRIPTION: u32 = 1005;
    pub(in super::super) const BUILDTIME: u32 = 1006;
    pub(in super::super) const BUILDHOST: u32 = 1007;
    pub(in super::super) const SIZE: u32 = 1009;
    pub(in super::super) const VENDOR: u32 = 1011;
    pub(in super::super) const LICENSE: u32 = 1014;
    pub(in super::super) const PACKAGER: u32 = 1015;
    pub(in super::super) const GROUP: u32 = 1016;
    pub(in super::super) const URL: u32 = 1020;
    pub(in super::super) const ARCH: u32 = 1022;
    pub(in super::super) const OLDFILENAMES: u32 = 1027;
    pub(in super::super) const FILESIZES: u32 = 1028;
    pub(in super::super) const FILEMODES: u32 = 1030;
    pub(in super::super) const FILEDIGESTS: u32 = 1035;
    pub(in super::super) const FILELINKTOS: u32 = 1036;
    pub(in super::super) const FILEFLAGS: u32 = 1037;
    pub(in super::super) const FILEUSERNAME: u32 = 1039;
    pub(in super::super) const FILEGROUPNAME: u32 = 1040;
    pub(in super::super) const SOURCERPM: u32 = 1044;
    pub(in super::super) const ARCHIVESIZE: u32 = 1046;
    pub(in super::super) const CHANGELOGTIME: u32 = 1080;
    pub(in super::super) const CHANGELOGNAME: u32 = 1081;
    pub(in super::super) const CHANGELOGTEXT: u32 = 1082;
    pub(in super::super) const SOURCEPACKAGE: u32 = 1106;
    pub(in super::super) const DIRINDEXES: u32 = 1116;
    pub(in super::super) const BASENAMES: u32 = 1117;
    pub(in super::super) const DIRNAMES: u32 = 1118;
    pub(in super::super) const FILECOLORS: u32 = 1140;
    pub(in super::super) const LONGFILESIZES: u32 = 5008;
    pub(in super::super) const LONGSIZE: u32 = 5009;
    pub(in super::super) const LONGARCHIVESIZE: u32 = 271;
    /// Of the signature header.
    pub(in super::super) const SIG_PAYLOADSIZE: u32 = 1007;

    /// Names, flags and versions of a kind of dependency.
    pub(in super::super) type Dependency = [u32; 3];
    pub(in super::super) const PROVIDES: Dependency = [1047, 1112, 1113];
    pub(in super::super) const REQUIRES: Dependency = [1049, 1048, 1050];
    pub(in super::super) const CONFLICTS: Dependency = [1054, 1053, 1055];
    pub(in super::super) const OBSOLETES: Dependency = [1090, 1114, 1115];
    pub(in super::super) const RECOMMENDS: Dependency = [5046, 5048, 5047];
    pub(in super::super) const SUGGESTS: Dependency = [5049, 5051, 5050];
    pub(in super::super) const SUPPLEMENTS: Dependency = [5052, 5054, 5053];
    pub(in super::super) const ENHANCES: Dependency = [5055, 5057, 5056];
}
