//! Faults of a link and of a server, on a page, on metadata, on a wheel and on a source.

use std::time::Duration;

use mirror_core::Options;
use mirror_fixtures::Fault;
use mirror_fixtures::pypi::{Index, Offer};

use super::{
    End, Ground, METADATA, PAGE, Row, SDIST, WHEEL, fatal, lib, new, src, with, without_lib,
    without_src,
};

const PORTAL: &[u8] = b"<!DOCTYPE html><html><body>Please log in to the network</body></html>";

/// A fault of one file: always, or so often.
fn of(target: &'static str, name: &str, end: End, fault: Fault, times: Option<usize>) -> Row {
    Row::new(format!("{target}: {name}"), end, move |ground| {
        let handle = ground.upstream.fault(target, fault.clone());
        if let Some(times) = times {
            handle.times(times);
        }
    })
}

/// Faults that stay, and what is said of them.
fn that_stay() -> Vec<(&'static str, Fault, &'static str)> {
    let to = |url: &str| Fault::RedirectTo(url.into());
    vec![
        ("403", Fault::Status(403), "403 Forbidden"),
        ("429", Fault::Status(429), "429 Too Many Requests"),
        ("503", Fault::Status(503), "503 Service Unavailable"),
        ("503 for an hour", Fault::RetryAfter(503, "3600".into()), "503 Service Unavailable"),
        ("an empty reply", Fault::CloseBeforeAnswer, ""),
        ("cut at the first byte", Fault::CutAt(0), "ended after 0 of "),
        ("headers without end", Fault::EndlessHeaders, ""),
        ("redirects in a circle", Fault::RedirectLoop, "over 10 redirects"),
        ("a redirect to a file", to("file:///etc/passwd"), "\"file:///etc/passwd\""),
        ("a redirect to ftp", to("ftp://127.0.0.1/x"), "\"ftp://127.0.0.1/x\""),
        ("not HTTP", Fault::NotHttp, ""),
    ]
}

/// Whether a server's clear word counts at once: of what is read while resolving, that another place
/// has it.
fn is_taken_at_once(target: &str, fault: &Fault) -> bool {
    matches!(fault, Fault::RedirectTo(_)) && target != WHEEL
}

/// Those that a client has to wait out.
fn that_are_slow() -> Vec<(&'static str, Fault, &'static str)> {
    vec![
        ("silence before the headers", Fault::HangBeforeHeaders, "no answer within 0.5 s"),
        ("silence in the body", Fault::HangAt(100), " bytes in 1.1 s, under 1000"),
        ("a byte a second", Fault::SlowBytes { per_second: 1 }, " bytes in 1.1 s, under 1000"),
    ]
}

fn impatient(options: &mut Options) {
    options.fetch.attempts = 2;
    options.fetch.first_byte_timeout = Duration::from_millis(500);
    options.fetch.speed_window = Duration::from_millis(1100);
}

/// What no one is wrong to do, always.
fn that_are_none() -> Vec<(&'static str, Fault)> {
    vec![
        ("chunks", Fault::Chunked),
        ("a body until the connection ends", Fault::UntilClose),
        ("no validators", Fault::NoValidators),
        ("another ETag each time", Fault::ChangingEtag),
        ("no HEAD", Fault::NoHead),
        ("a delay", Fault::Delay(Duration::from_millis(50))),
    ]
}

/// What servers make of ranges, where there is no other way to a wheel's metadata.
fn of_ranges() -> Vec<(&'static str, Fault)> {
    vec![
        ("one that is shorter", Fault::ShortRange(1_000)),
        ("ignored", Fault::IgnoreRange),
        ("416", Fault::RangeNotSatisfiable),
        ("a wrong Content-Range", Fault::WrongContentRange),
        ("the right range with wrong bytes", Fault::WrongBytesInRange),
        ("chunks", Fault::Chunked),
        ("another ETag each time", Fault::ChangingEtag),
        ("405 to HEAD", Fault::NoHead),
    ]
}

/// An index without metadata beside the files.
fn bare() -> Index {
    new().offer(Offer::No)
}

/// What vanishes or is withdrawn between the page and the file.
fn that_vanish() -> Vec<Row> {
    let json = "application/vnd.pypi.simple.v1+json".to_owned();
    let first_page = move |ground: &Ground| {
        let page = new().files()["simple/lib/index.v1_json"].clone();
        let kind = Fault::Header("Content-Type".to_owned(), json.clone());
        let fault = Fault::All(vec![Fault::Replace(page), kind]);
        ground.upstream.fault(PAGE, fault).times(1);
    };
    let deleted = first_page.clone();
    vec![
        Row::new("a release that is deleted meanwhile", without_lib("lib"), move |ground| {
            let mut index = new();
            index.remove("lib", "1.1");
            ground.serve(&index);
            // Whoever resolved was quick enough for the metadata.
            deleted(ground);
            let metadata = new().files()[METADATA].clone();
            ground.upstream.fault(METADATA, Fault::Replace(metadata));
        }),
        Row::new("a file that is listed and gone", fatal(&[WHEEL, "404 Not Found"]), |ground| {
            let mut index = new();
            index.lose("lib-1.1-py3-none-any.whl");
            ground.serve(&index);
            let metadata = new().files()[METADATA].clone();
            ground.upstream.fault(METADATA, Fault::Replace(metadata));
        }),
        Row::new("a source that is listed and gone", without_src(SDIST), |ground| {
            let mut index = new();
            index.lose("src-1.1.tar.gz");
            ground.serve(&index);
        }),
        Row::new(
            "a file and its metadata that are listed and gone",
            without_lib(WHEEL),
            |ground| {
                let mut index = new();
                index.lose("lib-1.1-py3-none-any.whl");
                ground
                    .upstream
                    .set_files(index.files().into_iter().filter(|(path, _)| path != METADATA));
            },
        ),
        Row::new("a page that is gone", fatal(&["lib"]), |ground| {
            ground.upstream.fault(PAGE, Fault::Status(404));
        }),
        Row::new("a page that is gone for good", fatal(&["lib"]), |ground| {
            ground.upstream.fault(PAGE, Fault::Status(410));
        }),
    ]
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = that_vanish();
    for target in [PAGE, WHEEL, SDIST] {
        for (name, fault, reason) in that_stay() {
            let end = match fault {
                Fault::Status(403) if target == SDIST => without_src("the server answers 403"),
                _ => fatal(&[target, reason]),
            };
            rows.push(of(target, name, end, fault.clone(), None));
            if !is_taken_at_once(target, &fault) {
                rows.push(of(target, &format!("{name}, once"), End::Healed, fault, Some(1)));
            }
        }
        // What goes on where it broke gets there.
        let (end, at) = match target {
            PAGE => (fatal(&[PAGE, "ended after 100 of "]), 100),
            WHEEL => (End::Healed, 20_000),
            _ => (End::Healed, 100),
        };
        rows.push(of(target, "cut in the middle", end, Fault::CutAt(at), None));
        for (name, fault) in that_are_none() {
            rows.push(of(target, name, End::Healed, fault, None));
        }
        for (name, fault, reason) in that_are_slow() {
            rows.push(of(target, name, fatal(&[target, reason]), fault, None).with(impatient));
        }
    }
    for target in [WHEEL, SDIST] {
        let digest = fatal(&[target, "sha256:"]);
        rows.push(of(target, "a captive portal", digest, Fault::Replace(PORTAL.into()), None));
        let digest = fatal(&[target, "sha256:"]);
        rows.push(of(target, "other bytes", digest, Fault::FlipByte(500), None));
        let once = Fault::FlipByte(500);
        rows.push(of(target, "other bytes, once", End::Healed, once, Some(1)));
        rows.push(of(target, "no end", fatal(&[target, "bytes"]), Fault::EndlessBody, None));
    }
    rows.push(of(PAGE, "a captive portal", fatal(&["lib"]), Fault::Replace(PORTAL.into()), None));
    rows.push(of(PAGE, "no bytes", fatal(&["lib"]), Fault::Replace(Vec::new()), None));
    rows.push(of(PAGE, "gzip", End::Healed, Fault::GzipEncoded, None));
    // What is offered beside a wheel is a shortcut: the wheel itself tells.
    for (name, fault) in [
        ("403", Fault::Status(403)),
        ("404", Fault::Status(404)),
        ("503", Fault::Status(503)),
        ("other bytes", Fault::FlipByte(3)),
        ("a captive portal", Fault::Replace(PORTAL.into())),
        ("no bytes", Fault::Replace(Vec::new())),
        ("redirects in a circle", Fault::RedirectLoop),
    ] {
        rows.push(of(METADATA, name, End::Harmless(METADATA), fault, None));
    }
    rows.push(of(METADATA, "503, once", End::Healed, Fault::Status(503), Some(1)));
    for (name, fault) in of_ranges() {
        rows.push(Row::new(format!("ranges: {name}"), End::Healed, move |ground| {
            ground.serve(&bare());
            ground.upstream.fault(WHEEL, fault.clone());
        }));
    }
    rows.push(Row::new("ranges: another file meanwhile", End::Healed, |ground| {
        ground.serve(&bare());
        ground.upstream.fault(WHEEL, Fault::FlipByte(60_300)).times(1);
    }));
    rows.push(Row::new("files on another host", End::Healed, |ground| {
        // 127.0.0.2 is this host too, and another origin.
        let url = ground.upstream.url().replace("127.0.0.1", "localhost");
        ground.serve(&with(lib("1.1"), src("1.1")).files_at(&format!("{url}/files")));
    }));
    rows
}
