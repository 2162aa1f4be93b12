//! A server over a temporary folder, and a client that shows every byte.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mirror_serve::{Access, Event, Server, ServerConfig, Stopped};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Longer than any answer takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Site {
    pub(crate) addr: SocketAddr,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Stopped>>,
    seen: Arc<Mutex<Vec<Access>>>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A site whose configuration `change` has been at.
    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut config = ServerConfig::new(folder.path().join("root")).on_event({
            let seen = Arc::clone(&seen);
            move |event| {
                if let Event::Answered(access) = event {
                    seen.lock().unwrap().push(access.clone());
                }
            }
        });
        change(&mut config);
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let loopback = "127.0.0.1:0".parse().unwrap();
                let server = Server::bind(loopback, config).await.unwrap();
                bound.send(server.local_addr()).unwrap();
                server
                    .run(async {
                        let _ = stopped.await;
                    })
                    .await
            })
        });
        Self { addr: address.recv().unwrap(), folder, stop: Some(stop), thread: Some(thread), seen }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    /// A place beside the root.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        write(&self.path(path), content.as_ref());
        self
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends `request` as it stands and reads until the server closes.
    pub(crate) fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }

    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.raw(&request(method, target, headers, "close"))
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[])
    }

    pub(crate) fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers)
    }

    pub(crate) fn head(&self, target: &str) -> Answer {
        self.ask("HEAD", target, &[])
    }

    /// What has been reported, once it holds `count` responses.
    pub(crate) fn seen(&self, count: usize) -> Vec<Access> {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen.lock().unwrap().clone();
            if seen.len() >= count {
                return seen;
            }
            assert!(Instant::now() < end, "{count} expected, seen {seen:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn ask_to_stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub(crate) fn wait_stopped(&mut self) -> Stopped {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

pub(crate) fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    connection: &str,
) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n");
    for (name, value) in headers {
        text.extend([*name, ": ", *value, "\r\n"]);
    }
    text + "\r\n"
}

/// Bytes that differ from place to place, so that a wrong offset shows.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    // A period that no power of two divides; making each byte anew takes seconds in a debug build.
    const PERIOD: usize = 1_000_003;
    let mut bytes: Vec<u8> = (0..=length.min(PERIOD) as u64 / 8)
        .flat_map(|word| (word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect();
    bytes.truncate(length.min(PERIOD));
    while bytes.len() < length {
        let more = bytes.len().min(length - bytes.len());
        bytes.extend_from_within(..more);
    }
    bytes
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let (head, body) = split_head(bytes).expect("the head of an answer");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        Self {
            status: status.parse().unwrap(),
            headers: lines
                .map(|line| line.split_once(": ").unwrap_or((line, "")))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_vec(),
        }
    }

    /// Reads one answer with a `Content-Length` from a connection that stays open.
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        while split_head(&bytes).is_none() {
            read_some(stream, &mut bytes, 1);
        }
        let mut answer = Self::parse(&bytes);
        let length: usize = answer.header("content-length").map_or(0, |l| l.parse().unwrap());
        while answer.body.len() < length {
            let left = length - answer.body.len();
            read_some(stream, &mut answer.body, left);
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice in {:?}", self.headers);
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The headers that do not differ from one moment to the next, sorted.
    pub(crate) fn lasting_headers(&self) -> Vec<(String, String)> {
        let lasting = |(name, _): &&(String, String)| name != "date";
        let mut headers: Vec<_> = self.headers.iter().filter(lasting).cloned().collect();
        headers.sort();
        headers
    }
}

fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>, at_most: usize) {
    let mut buffer = vec![0; at_most];
    let length = stream.read(&mut buffer).unwrap();
    assert_ne!(length, 0, "closed after {} bytes", into.len());
    into.extend_from_slice(&buffer[..length]);
}

fn split_head(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).unwrap(), &bytes[end + 4..]))
}
