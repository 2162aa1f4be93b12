//! What a network does to a single transfer: handshakes that are swallowed, certificates that are
//! wanted, connections that end just when they are used again, and answers that are odd but allowed.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mirror_core::Error;
use mirror_core::digest::Sha256;
use mirror_core::error::Kind;
use mirror_core::fetch::{Client, Downloaded, Need, Options, Proxy, Request};
use mirror_core::part::Expected;
use mirror_fixtures::upstream::{Fault, Upstream};

/// A server that does with each connection, counted from 0, what it is told.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
}

impl Server {
    fn new(act: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, stopping) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (counted, stopped) = (Arc::clone(&connections), Arc::clone(&stopping));
        let act = Arc::new(act);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let act = Arc::clone(&act);
                thread::spawn(move || act(number, stream));
            }
        });
        Self { address, connections, stopping }
    }

    /// The same bytes for each request, and then the end of the connection.
    fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |_, mut stream| {
            if read_request(&mut stream).is_some() {
                let _ = stream.write_all(&answer);
                // Closed with bytes unread, it would be reset, and the answer be lost.
                let _ = stream.shutdown(Shutdown::Write);
                swallow(stream);
            }
        })
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/file", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// A request's head; `None` where the client hung up.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// Reads, and says nothing until the client hangs up.
fn swallow(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
}

const CONTENT: &[u8] = b"what the file holds";

fn options() -> Options {
    Options { attempts: 3, ..super::support::options().fetch }
}

async fn get(client: &Client, url: &str, content: &[u8]) -> Result<Downloaded, Error> {
    let folder = tempfile::tempdir().unwrap();
    let request = Request {
        name: "file",
        urls: vec![url.parse().unwrap()],
        expected: Expected {
            size: Some(content.len() as u64),
            digest: Some(Sha256::of(content).into()),
        },
        limit: 1 << 30,
        need: Need::Required,
    };
    client.download(&request, folder.path(), &()).await
}

async fn failure(options: Options, url: &str) -> Error {
    get(&Client::new(options).unwrap(), url, CONTENT).await.unwrap_err()
}

#[tokio::test]
async fn a_handshake_that_nobody_answers_is_waited_for_twice_and_named() {
    for (connect, first_byte) in [(200, 60_000), (60_000, 200)] {
        let server = Server::new(|_, stream| swallow(stream));
        let options = Options {
            attempts: 6,
            connect_timeout: Duration::from_millis(connect),
            first_byte_timeout: Duration::from_millis(first_byte),
            ..options()
        };
        let error = failure(options, &server.url("https")).await;
        assert_eq!(error.kind(), Kind::SilentHandshake);
        let said = "connected, but no answer to the TLS handshake within 0.2 s";
        assert_eq!(error.to_string(), format!("{}: {said}", server.url("https")));
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_handshake_that_is_swallowed_behind_a_proxy_names_it() {
    let proxy = Server::new(|_, mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        swallow(stream);
    });
    let error = failure(
        Options { connect_timeout: Duration::from_millis(200), ..through(&proxy) },
        "https://h.example/file",
    )
    .await;
    assert_eq!(error.kind(), Kind::SilentHandshake);
    let told = error.to_string();
    assert!(
        told.ends_with(&format!("0.2 s, through the proxy http://{}/", proxy.address)),
        "{told}"
    );
}

#[tokio::test]
async fn a_proxy_that_answers_in_the_place_of_the_upstream_is_named() {
    let proxy = Server::new(|_, mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut hello = [0; 1024];
        let _ = stream.read(&mut hello);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<html>Please log in</html>");
        swallow(stream);
    });
    let error = failure(through(&proxy), "https://h.example/file").await;
    let said = format!("expected an https port (through the proxy http://{}/)", proxy.address);
    assert!(error.to_string().ends_with(&said), "{error}");
    assert_eq!((error.kind(), proxy.connections()), (Kind::NotTls, 1));
}

/// Options with a proxy for everything.
fn through(proxy: &Server) -> Options {
    let url = format!("http://{}", proxy.address).parse().unwrap();
    Options { proxies: vec![Proxy { scheme: None, url, except: None }], ..options() }
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_says_so() {
    for (answer, kind, said, connections) in [
        ("HTTP/1.1 407 Login\r\n\r\n", Kind::ProxyLogin, "it wants a login", 1),
        ("HTTP/1.1 403 No\r\n\r\n", Kind::Proxy, "it refuses to connect to h.example:443", 3),
        ("HTTP/1.1 502 No\r\n\r\n", Kind::Proxy, "it refuses to connect to h.example:443", 3),
        ("<html>", Kind::Proxy, "it refuses to connect to h.example:443", 3),
        ("", Kind::Proxy, "it hung up when asked to connect to h.example:443", 3),
        (
            "HTTP/1.1 200 OK\r\n\r\n",
            Kind::Proxy,
            "the connection ended within the TLS handshake",
            3,
        ),
    ] {
        let proxy = Server::answering(answer);
        let error = failure(through(&proxy), "https://h.example/file").await;
        let told = format!("https://h.example/file: proxy http://{}/: {said}", proxy.address);
        assert_eq!((error.to_string(), error.kind()), (told, kind), "{answer}");
        assert_eq!(proxy.connections(), connections, "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_wants_another_client_certificate_is_asked_once() {
    let wants = "the server wants a client certificate";
    for (alert, kind, said) in [
        (116, Kind::ClientCertificate, wants),
        (42, Kind::ClientCertificate, wants),
        (48, Kind::ClientCertificate, wants),
        (40, Kind::Handshake, "the server ends the handshake: it wants a client certificate, or"),
        (70, Kind::Handshake, "the server speaks neither TLS 1.2 nor 1.3"),
    ] {
        let server = Server::new(move |_, mut stream| {
            let mut hello = [0; 1024];
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, alert]);
            swallow(stream);
        });
        let error = failure(options(), &server.url("https")).await;
        assert_eq!(error.kind(), kind, "{alert}: {error}");
        assert!(error.to_string().contains(said), "{alert}: {error}");
        assert_eq!(server.connections(), 1, "{alert}: {error}");
    }
}

#[tokio::test]
async fn a_host_that_streams_one_long_file_is_not_taken_for_dead() {
    let large = vec![7; 2 << 20];
    let upstream =
        Upstream::serve_files([("large", &large[..]), ("hung", CONTENT), ("file", CONTENT)]);
    upstream.fault("large", Fault::SlowBytes { per_second: 400_000 });
    upstream.fault("hung", Fault::HangBeforeHeaders);
    // Long enough for the loss to be worth avoiding.
    let client =
        Client::new(Options { first_byte_timeout: Duration::from_millis(1100), ..options() });
    let client = client.unwrap();
    let others = async {
        get(&client, &upstream.url_of("hung"), CONTENT).await.unwrap_err();
        get(&client, &upstream.url_of("file"), CONTENT).await
    };
    let url = upstream.url_of("large");
    let (streamed, other) = tokio::join!(get(&client, &url, &large), others);
    assert!(streamed.is_ok() && other.is_ok(), "{streamed:?} {other:?}");
}

#[tokio::test]
async fn a_connection_that_ends_when_it_is_used_again_is_no_failure() {
    // One answer a connection: the second request on it finds it closed.
    let server = Server::new(|number, mut stream| {
        if number % 2 == 0 {
            read_request(&mut stream);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", CONTENT.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(CONTENT).unwrap();
            read_request(&mut stream);
            return;
        }
        read_request(&mut stream);
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
        stream.write_all(format!("{head} {}\r\n\r\n", CONTENT.len()).as_bytes()).unwrap();
        stream.write_all(CONTENT).unwrap();
    });
    // A single failure would be one too many.
    let client = Client::new(Options { attempts: 1, ..options() }).unwrap();
    for _ in 0..6 {
        get(&client, &server.url("http"), CONTENT).await.unwrap();
    }
    assert_eq!((client.requests(), server.connections()), (9, 6));
}

/// Answers that RFC 9110 and 9112 allow, or that clients have to put up with.
#[tokio::test]
async fn odd_answers_are_understood() {
    let (length, text) = (CONTENT.len(), String::from_utf8_lossy(CONTENT));
    let whole = format!("Content-Length: {length}\r\n\r\n{text}");
    for (name, answer) in [
        (
            "early hints",
            format!("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n{whole}"),
        ),
        ("continue", format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{whole}")),
        ("HTTP/1.0", format!("HTTP/1.0 200 OK\r\n\r\n{text}")),
        ("HTTP/1.0 with a length", format!("HTTP/1.0 200 OK\r\n{whole}")),
        ("no reason", format!("HTTP/1.1 200\r\n{whole}")),
        ("bare line feeds", format!("HTTP/1.1 200 OK\nContent-Length: {length}\n\n{text}")),
        ("a folded header", format!("HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\n{whole}")),
        ("the length twice", format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{whole}")),
        (
            "trailers",
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                 {length:x};ext=1\r\n{text}\r\n0\r\nX-Sum: 1\r\n\r\n"
            ),
        ),
        (
            "chunks and a length",
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
                 {length:x}\r\n{text}\r\n0\r\n\r\n"
            ),
        ),
        (
            "200 with a range",
            format!("HTTP/1.1 200 OK\r\nContent-Range: bytes 0-{}/{length}\r\n{whole}", length - 1),
        ),
    ] {
        let server = Server::answering(answer);
        let client = Client::new(Options { attempts: 1, ..options() }).unwrap();
        let result = get(&client, &server.url("http"), CONTENT).await;
        assert!(result.is_ok(), "{name}: {result:?}");
    }
}

/// Those that cannot be right end in a bounded number of requests, and say what is wrong.
#[tokio::test]
async fn answers_that_cannot_be_right_are_named() {
    let text = String::from_utf8_lossy(CONTENT);
    for (name, answer, said, connections) in [
        ("informational without end", "HTTP/1.1 100 Continue\r\n\r\n".repeat(200_000), "", 3),
        (
            "two lengths",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 19\r\nContent-Length: 7\r\n\r\n{text}"),
            "invalid content-length",
            3,
        ),
        (
            "a range that nobody asked for",
            format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/19\r\n\r\n{text}"),
            "206 Partial Content, expected 200 OK",
            1,
        ),
        ("no content", "HTTP/1.1 204 No Content\r\n\r\n".into(), "204 No Content, expected", 1),
        (
            "not modified",
            "HTTP/1.1 304 Not Modified\r\n\r\n".into(),
            "304 Not Modified, expected",
            1,
        ),
        ("a redirect to nowhere", "HTTP/1.1 302 Found\r\n\r\n".into(), "302 Found to \"\"", 1),
        (
            "another protocol",
            "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n".into(),
            "101 Switching Protocols, expected 200 OK",
            1,
        ),
        ("HTTP/2", "\0\0\x12\x04\0\0\0\0\0".into(), "", 3),
        ("a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n".into(), "", 3),
        (
            "a chunk of an absurd size",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n".into(),
            "",
            3,
        ),
    ] {
        let server = Server::answering(answer);
        let error = failure(options(), &server.url("http")).await;
        assert!(error.to_string().contains(said), "{name}: {error}");
        assert_eq!(server.connections(), connections, "{name}: {error}");
    }
}

#[tokio::test]
async fn ranges_that_say_not_which_are_begun_anew() {
    let text = String::from_utf8_lossy(CONTENT);
    let parts = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\n\r\n\
         --b\r\nContent-Range: bytes 5-18/19\r\n\r\n{}\r\n--b--\r\n",
        &text[5..]
    );
    for (name, answer) in [
        ("no range", format!("HTTP/1.1 206 Partial Content\r\n\r\n{}", &text[5..])),
        ("several", parts),
        ("a range as a whole", format!("HTTP/1.1 200 OK\r\n\r\n{}", &text[5..])),
        (
            "a range as a whole, with its place",
            format!("HTTP/1.1 200 OK\r\nContent-Range: bytes 5-18/19\r\n\r\n{}", &text[5..]),
        ),
    ] {
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{text}");
        let server = Server::new(move |number, mut stream| {
            let Some(request) = read_request(&mut stream) else { return };
            let is_range = request.to_ascii_lowercase().contains("range: bytes=5-");
            let cut = &whole[..whole.len() - 14];
            let answer = match number {
                0 => cut,
                _ if is_range => &answer,
                _ => &whole,
            };
            let _ = stream.write_all(answer.as_bytes());
        });
        let client = Client::new(Options { attempts: 4, ..options() }).unwrap();
        let result = get(&client, &server.url("http"), CONTENT).await;
        assert!(result.is_ok(), "{name}: {result:?}");
    }
}

#[tokio::test]
async fn any_wait_that_is_asked_for_is_bounded() {
    for wait in [
        "soon",
        "-5",
        "1.5",
        "",
        "99999999999999999999999",
        "18446744073709551615",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 9999 08:49:37 GMT",
        "Sun, 99 Nov 2044 08:49:37 GMT",
    ] {
        let upstream = Upstream::serve_files([("file", CONTENT)]);
        upstream.fault("file", Fault::RetryAfter(503, wait.into())).times(2);
        let result = get(&Client::new(options()).unwrap(), &upstream.url_of("file"), CONTENT).await;
        assert!(result.is_ok(), "{wait}: {result:?}");
    }
}
