//! What a network does to a single transfer: handshakes that are swallowed, certificates that are
//! wanted, proxies that open no tunnel.

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
