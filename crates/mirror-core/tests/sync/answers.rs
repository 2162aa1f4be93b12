//! A server that answers in any way, and a transfer that may go wrong but never ends well with other
//! bytes than the file's. The fuzz target of that name runs the same.

use std::time::Duration;

use mirror_core::digest::Sha256;
use mirror_core::fetch::{Client, Need, Options, Request, Trust};
use mirror_core::limits;
use mirror_core::part::{Expected, Part};
use mirror_fixtures::upstream::{Fault, Upstream};

const PATH: &str = "file";

/// The most answers that `data` gives.
const ANSWERS: usize = 12;

/// One answer; where no digest is known, only such as leave a client something to tell it by.
#[allow(clippy::cast_possible_wrap)] // a small amount
fn answer(kind: u8, amount: usize, has_digest: bool) -> Fault {
    let one = |kind: u8| match kind % 16 {
        0 => Fault::CutAt(amount),
        1 => Fault::CloseBeforeAnswer,
        2 => Fault::IgnoreRange,
        3 => Fault::RangeNotSatisfiable,
        4 => Fault::WrongContentRange,
        5 => Fault::ChangingEtag,
        6 => Fault::NoValidators,
        7 => Fault::ShortRange(amount + 1),
        8 => Fault::Status(503),
        9 => Fault::FlipByte(amount),
        10 => Fault::Chunked,
        _ if !has_digest => Fault::CutAt(amount),
        11 => Fault::WrongBytesInRange,
        12 => Fault::IgnoreIfRange,
        13 => Fault::WrongContentLength(amount as i64 - 100),
        14 => Fault::GzipEncoded,
        _ => Fault::UntilClose,
    };
    Fault::All(vec![one(kind & 15), one(kind >> 4), Fault::CutAt(amount.max(1))])
}

/// Each three bytes are an answer; the first byte of all says what is known of the file, the second
/// how much of it an earlier run left, and whether that was damaged.
pub(crate) fn resume(data: &[u8]) {
    let [known, left, rest @ ..] = data else { return };
    let content: Vec<u8> = (0..3000_u32).map(|n| (n * n / 7).to_le_bytes()[0]).collect();
    let has_digest = known & 1 == 0;
    let expected = Expected {
        size: (known & 2 == 0).then_some(content.len() as u64),
        digest: has_digest.then(|| Sha256::of(&content).into()),
    };
    let upstream = Upstream::serve_files([(PATH, content.clone())]);
    // Each of these is a whole file that was there once.
    let mut good = vec![Sha256::of(&content)];
    for bytes in rest.chunks_exact(3).take(ANSWERS) {
        let amount = usize::from(u16::from_le_bytes([bytes[1], bytes[2]])) % 4000;
        upstream.fault(PATH, answer(bytes[0], amount, has_digest)).times(1);
        let mut other = content.clone();
        let at = amount.min(other.len() - 1);
        other[at] = !other[at];
        good.push(Sha256::of(&other));
    }
    if has_digest {
        good.truncate(1);
    }
    let folder = tempfile::tempdir().unwrap();
    if *left > 0 {
        let mut part = Part::open(folder.path(), &expected, "earlier").unwrap();
        let end = usize::from(*left) * 12;
        let mut bytes = content[..end.min(content.len())].to_vec();
        if known & 4 != 0 {
            bytes[0] ^= 1;
        }
        part.append(&bytes).unwrap();
    }
    let options = Options {
        trust: Trust::Only(Vec::new()),
        backoff: Duration::ZERO,
        longest_backoff: Duration::ZERO,
        attempts: 4,
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(async {
        let urls = vec![upstream.url_of(PATH).parse().unwrap()];
        let request = Request {
            name: PATH,
            urls,
            expected,
            limit: limits::PAYLOAD_SIZE,
            need: Need::Required,
        };
        let client = Client::new(options).unwrap();
        client.download(&request, folder.path(), &()).await
    });
    if let Ok(downloaded) = result {
        assert!(good.contains(&downloaded.verified.sha256()), "a file that never was");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn whatever_a_server_answers_the_file_is_whole_or_there_is_none() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/resume");
        let files: Vec<_> =
            fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            super::resume(&fs::read(file).unwrap());
        }
    }
}
