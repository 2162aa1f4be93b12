//! Small answers in memory: pages asked for on condition, and pieces of files.

use std::time::Duration;

use mirror_core::error::{Error, Result};
use mirror_core::fetch::{Client, Content, Options, Piece, Question, Reply, Trust, Validators};
use mirror_fixtures::upstream::{Fault, Upstream};
use url::Url;

fn upstream() -> (Upstream, Vec<u8>) {
    let content: Vec<u8> = (0..5000_u32).map(|n| (n * n / 7).to_le_bytes()[0]).collect();
    (Upstream::serve_files([("file", content.clone())]), content)
}

fn client() -> Client {
    let millis = Duration::from_millis;
    Client::new(Options {
        backoff: millis(1),
        longest_backoff: millis(20),
        first_byte_timeout: millis(300),
        speed_window: millis(300),
        attempts: 3,
        trust: Trust::Only(Vec::new()),
        ..Options::default()
    })
    .unwrap()
}

fn url(upstream: &Upstream) -> Url {
    upstream.url_of("file").parse().unwrap()
}

fn all(url: &Url) -> Question<'_> {
    Question { url, accept: None, known: None, piece: None, limit: 1 << 20 }
}

async fn ask(question: &Question<'_>) -> Result<Reply> {
    client().ask(question, &()).await
}

#[tokio::test]
async fn a_page_that_did_not_change_is_not_sent_again() {
    let (upstream, content) = upstream();
    let url = url(&upstream);
    let first = ask(&Question { accept: Some("text/html"), ..all(&url) }).await.unwrap();
    assert_eq!(first.content, Content::Whole(content.clone()));
    assert!(first.content_type.is_some());
    assert_eq!(upstream.requests()[0].header("accept"), Some("text/html"));
    let known = first.validators;
    assert!(known.etag.is_some());
    let again = Question { known: Some(&known), ..all(&url) };
    assert_eq!(ask(&again).await.unwrap().content, Content::Unchanged);
    upstream.set_files([("file", b"new".to_vec())]);
    assert_eq!(ask(&again).await.unwrap().content, Content::Whole(b"new".to_vec()));
    // A server that says "unchanged" to who knows nothing is wrong.
    upstream.fault("file", Fault::Status(304));
    let error = ask(&all(&url)).await.unwrap_err();
    assert!(matches!(error, Error::Status { code: 304, .. }), "{error}");
}

#[tokio::test]
async fn what_cannot_be_a_header_is_not_asked_with() {
    let (upstream, content) = upstream();
    let (url, etag) = (url(&upstream), Some("\"a\r\nx: y\"".to_owned()));
    let known = Validators { etag, last_modified: None };
    let question = Question { known: Some(&known), ..all(&url) };
    assert_eq!(ask(&question).await.unwrap().content, Content::Whole(content));
    assert_eq!(upstream.requests()[0].header("if-none-match"), None);
}

#[tokio::test]
async fn a_page_may_come_compressed_and_is_bounded_open() {
    let (upstream, content) = upstream();
    let url = url(&upstream);
    upstream.fault("file", Fault::GzipEncoded);
    assert_eq!(upstream.count("file"), 0);
    let question = all(&url);
    assert_eq!(ask(&question).await.unwrap().content, Content::Whole(content));
    assert_eq!(upstream.requests()[0].header("accept-encoding"), Some("gzip"));
    upstream.set_files([("file", vec![0_u8; 1 << 20])]);
    let bomb = Question { limit: (1 << 20) - 1, ..all(&url) };
    let error = ask(&bomb).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1_048_575, .. }), "{error}");
}

#[tokio::test]
async fn pieces_are_what_was_asked_for_or_nothing() {
    let (upstream, content) = upstream();
    let url = url(&upstream);
    let piece = |piece| Question { piece: Some(piece), ..all(&url) };
    let came = |start: u64, end: usize| {
        let first = usize::try_from(start).unwrap();
        Content::Piece { start, total: 5000, bytes: content[first..end].to_vec() }
    };
    assert_eq!(ask(&piece(Piece::Of(10..20))).await.unwrap().content, came(10, 20));
    assert_eq!(ask(&piece(Piece::Last(100))).await.unwrap().content, came(4900, 5000));
    assert_eq!(ask(&piece(Piece::Last(9000))).await.unwrap().content, came(0, 5000));
    assert_eq!(ask(&piece(Piece::Of(4990..6000))).await.unwrap().content, came(4990, 5000));
    assert!(upstream.requests().iter().all(|asked| asked.header("accept-encoding").is_none()));
    let before = upstream.body_bytes();
    upstream.fault("file", Fault::IgnoreRange).times(1);
    assert_eq!(ask(&piece(Piece::Last(100))).await.unwrap().content, Content::NoPieces);
    // The rest may be on its way, and is not waited for.
    assert!(upstream.body_bytes() - before <= 5000);
    for (fault, expected) in [
        (Fault::WrongContentRange, "another range than asked for"),
        (Fault::ShortRange(50), "50"),
        (Fault::CutAt(50), "50"),
    ] {
        upstream.fault("file", fault);
        let error = ask(&piece(Piece::Last(100))).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        upstream.clear_faults();
    }
}

#[tokio::test]
async fn what_passes_is_survived_and_what_does_not_ends() {
    let (upstream, content) = upstream();
    let url = url(&upstream);
    for fault in [
        Fault::Status(503),
        Fault::CloseBeforeAnswer,
        Fault::HangBeforeHeaders,
        Fault::CutAt(100),
        Fault::HangAt(100),
    ] {
        upstream.fault("file", fault.clone()).times(1);
        let reply = ask(&all(&url)).await;
        assert_eq!(reply.unwrap().content, Content::Whole(content.clone()), "{fault:?}");
    }
    upstream.clear_requests();
    upstream.fault("file", Fault::Status(503));
    let error = ask(&all(&url)).await.unwrap_err();
    assert!(matches!(error, Error::Status { code: 503, .. }), "{error}");
    assert_eq!(upstream.count("file"), 3);
    upstream.clear_faults();
    upstream.clear_requests();
    upstream.fault("file", Fault::Status(404));
    let error = ask(&all(&url)).await.unwrap_err();
    assert!(matches!(error, Error::Status { code: 404, .. }), "{error}");
    assert_eq!(upstream.count("file"), 1);
}

#[tokio::test]
async fn an_endless_page_is_not_taken() {
    let (upstream, _) = upstream();
    let url = url(&upstream);
    upstream.fault("file", Fault::EndlessBody);
    let error = ask(&all(&url)).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_page_is_where_it_was_sent_on_to() {
    let (upstream, content) = upstream();
    let moved: Url = upstream.url_of("moved").parse().unwrap();
    upstream.fault("moved", Fault::RedirectTo(upstream.url_of("file")));
    let reply = ask(&all(&moved)).await.unwrap();
    assert_eq!((reply.content, reply.url), (Content::Whole(content), url(&upstream)));
}
