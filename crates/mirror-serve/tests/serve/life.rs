//! Many clients, bad clients, files that change under a response, and the end of a server.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mirror_serve::BodyEnd;

use crate::support::{Answer, Site, noise, request};

/// More than the sockets' buffers on both sides hold.
const BIG: usize = 64 << 20;

/// Asks for `target` and reads no more than the head, so that the body waits in the server.
fn begin(site: &Site, target: &str) -> TcpStream {
    let mut stream = site.connect();
    stream.write_all(request("GET", target, &[], "close").as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    stream
}

fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut body = Vec::new();
    let _ = stream.read_to_end(&mut body);
    body
}

#[test]
fn two_hundred_clients_are_served_at_once() {
    let site = Site::new();
    let content = noise(700_000);
    site.write("f", &content);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..200)
            .map(|i| {
                let (site, content) = (&site, &content);
                scope.spawn(move || {
                    let range = format!("bytes={i}-");
                    let answer = site.get_with("/f", &[("Range", &range)]);
                    assert!(answer.body == content[i..]);
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    });
    assert_eq!(site.seen(200).len(), 200);
}

#[test]
fn slow_clients_hold_up_no_other() {
    let site = Site::new();
    site.write("big", noise(BIG)).write("small", "x");
    let slow: Vec<TcpStream> = (0..50).map(|_| begin(&site, "/big")).collect();
    let silent: Vec<TcpStream> = (0..50).map(|_| site.connect()).collect();
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(site.get("/small").status, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop((slow, silent));
}

#[test]
fn a_client_that_does_not_ask_is_let_go() {
    let site = Site::with(|config| config.head_timeout = Duration::from_millis(300));
    site.write("f", "x");
    let mut silent = site.connect();
    let mut dribbling = site.connect();
    dribbling.write_all(b"GET /f HTTP/1.1\r\nHost: x\r\n").unwrap();
    let mut idle = site.connect();
    idle.write_all(request("GET", "/f", &[], "keep-alive").as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut idle).status, 200);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        // A header a time does not buy more time.
        if dribbling.write_all(b"X-More: 1\r\n").is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(started.elapsed() < Duration::from_millis(1900), "the slow head was waited for");
    assert!(rest(&mut silent).is_empty());
    assert!(rest(&mut idle).is_empty());
}

#[test]
fn a_client_that_takes_nothing_is_let_go() {
    let site = Site::with(|config| config.stall_timeout = Duration::from_millis(300));
    site.write("big", noise(BIG));
    let mut stalled = begin(&site, "/big");
    let seen = site.seen(1);
    assert_eq!(seen[0].end, BodyEnd::Cut);
    assert!(seen[0].body_bytes < BIG as u64);
    assert!(rest(&mut stalled).len() < BIG);
}

#[test]
fn a_client_that_takes_a_little_now_and_then_is_served_to_the_end() {
    let site = Site::with(|config| config.stall_timeout = Duration::from_millis(800));
    let content = noise(BIG / 4);
    site.write("big", &content);
    let mut slow = begin(&site, "/big");
    let started = Instant::now();
    let mut body = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    while body.len() < content.len() {
        std::thread::sleep(Duration::from_millis(100));
        let length = slow.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "cut after {}", body.len());
        body.extend_from_slice(&buffer[..length]);
    }
    assert!(started.elapsed() > Duration::from_millis(800));
    assert!(body == content);
}

#[test]
fn a_file_replaced_while_it_is_sent_is_sent_whole() {
    let site = Site::new();
    let old = noise(BIG);
    site.write("f", &old).write("new", "new");
    let mut stream = begin(&site, "/f");
    fs::rename(site.path("new"), site.path("f")).unwrap();
    assert_eq!(site.get("/f").text(), "new");
    assert!(rest(&mut stream) == old);
}

#[test]
fn a_file_cut_while_it_is_sent_ends_the_connection() {
    let site = Site::new();
    site.write("f", noise(BIG));
    let mut stream = begin(&site, "/f");
    let file = fs::File::options().write(true).open(site.path("f")).unwrap();
    file.set_len(BIG as u64 / 2).unwrap();
    let body = rest(&mut stream);
    assert!(body.len() <= BIG / 2, "{} bytes", body.len());
    let seen = site.seen(1);
    assert_eq!(seen[0].end, BodyEnd::Cut);
    let fault = seen[0].fault.as_deref().unwrap();
    assert!(fault.contains("while it was sent"), "{fault}");
}

#[test]
fn a_file_that_grows_is_sent_as_long_as_it_was() {
    let site = Site::new();
    site.write("f", noise(BIG));
    let mut stream = begin(&site, "/f");
    let mut file = fs::File::options().append(true).open(site.path("f")).unwrap();
    file.write_all(b"more").unwrap();
    assert_eq!(rest(&mut stream).len(), BIG);
}

#[test]
fn connections_beyond_the_bound_wait_their_turn() {
    let site = Site::with(|config| config.max_connections = 2);
    site.write("big", noise(BIG)).write("f", "x");
    let first = begin(&site, "/big");
    let second = begin(&site, "/big");
    let mut third = site.connect();
    third.write_all(request("GET", "/f", &[], "close").as_bytes()).unwrap();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(third.read(&mut [0]).is_err(), "served beyond the bound");
    drop(first);
    third.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(Answer::read(&mut third).status, 200);
    drop(second);
}

#[test]
fn idle_connections_are_not_kept_when_places_are_scarce() {
    let site = Site::with(|config| config.max_connections = 16);
    site.write("f", "x");
    let ask = || {
        let mut stream = site.connect();
        stream.write_all(request("GET", "/f", &[], "keep-alive").as_bytes()).unwrap();
        let answer = Answer::read(&mut stream);
        (stream, answer.header("connection").map(str::to_owned))
    };
    let mut kept = Vec::new();
    let (mut stream, connection) = loop {
        match ask() {
            (stream, None) => kept.push(stream),
            asked_to_close => break asked_to_close,
        }
    };
    // Of 16 places 2 are to be free; one is held for the next client, a moment after the one before.
    assert!((13..=14).contains(&kept.len()), "{} are kept", kept.len());
    assert_eq!(connection.as_deref(), Some("close"));
    assert!(rest(&mut stream).is_empty());
}

#[test]
fn a_stop_lets_responses_end_and_idle_clients_go() {
    let mut site = Site::new();
    let content = noise(BIG);
    site.write("big", &content).write("f", "x");
    let mut busy = begin(&site, "/big");
    let mut idle = site.connect();
    idle.write_all(request("GET", "/f", &[], "keep-alive").as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut idle).status, 200);
    site.ask_to_stop();
    assert!(rest(&mut idle).is_empty());
    let end = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(site.addr).is_ok() {
        assert!(Instant::now() < end, "still listening");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(rest(&mut busy) == content);
    assert_eq!(site.wait_stopped().cut, 0);
}

#[test]
fn a_stop_waits_no_longer_than_it_was_told() {
    let mut site = Site::with(|config| config.shutdown_grace = Duration::from_millis(300));
    site.write("big", noise(BIG));
    let mut busy = begin(&site, "/big");
    let started = Instant::now();
    site.ask_to_stop();
    assert_eq!(site.wait_stopped().cut, 1);
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(rest(&mut busy).len() < BIG);
    assert_eq!(site.seen(1)[0].end, BodyEnd::Cut);
}
