//! Faults of a link and of a server, on the entry point, on metadata and on a package.

use std::time::Duration;

use mirror_core::Options;
use mirror_fixtures::upstream::Fault;

use super::{Ground, Kind, LARGE, PRIMARY, REPOMD, Row, fatal, new};

const PORTAL: &[u8] = b"<!DOCTYPE html><html><body>Please log in to the network</body></html>";

/// What each fault is tried on.
const TARGETS: [&str; 3] = [REPOMD, PRIMARY, LARGE];

/// Faults that stay, and what is said of them.
fn that_stay() -> Vec<(&'static str, Fault, [&'static str; 3])> {
    let same = |text| [text, text, text];
    let after = |status, when: &str| Fault::RetryAfter(status, when.into());
    let date = "Sun, 06 Nov 2044 08:49:37 GMT";
    let to = |url: &str| Fault::RedirectTo(url.into());
    vec![
        ("403", Fault::Status(403), same("403 Forbidden, expected 200 OK")),
        ("404", Fault::Status(404), same("404 Not Found, expected 200 OK")),
        ("429", Fault::Status(429), same("429 Too Many Requests, expected 200 OK")),
        ("500", Fault::Status(500), same("500 Internal Server Error, expected 200 OK")),
        ("503", Fault::Status(503), same("503 Service Unavailable, expected 200 OK")),
        ("429 for an hour", after(429, "3600"), same("429 Too Many Requests")),
        ("503 for an hour", after(503, "3600"), same("503 Service Unavailable")),
        ("503 until a date", after(503, date), same("503 Service Unavailable")),
        ("an empty reply", Fault::CloseBeforeAnswer, same("")),
        ("cut at the first byte", Fault::CutAt(0), same("ended after 0 of ")),
        ("headers without end", Fault::EndlessHeaders, same("")),
        ("a body without end", Fault::EndlessBody, same("bytes")),
        ("a length too short", Fault::WrongContentLength(-5), same("")),
        ("an absurd length", Fault::WrongContentLength(1 << 60), same("bytes")),
        (
            "gzip that was not asked for",
            Fault::GzipEncoded,
            ["content-encoded", "sha256:", "bytes, expected "],
        ),
        ("other bytes", Fault::FlipByte(1000), ["", "sha256:", "sha256:"]),
        ("no bytes", Fault::Replace(Vec::new()), ["", "sha256:", "sha256:"]),
        ("a captive portal", Fault::Replace(PORTAL.into()), ["html", "sha256:", "sha256:"]),
        ("redirects in a circle", Fault::RedirectLoop, same("over 10 redirects")),
        ("a redirect to a file", to("file:///etc/passwd"), same("\"file:///etc/passwd\"")),
        ("a redirect to ftp", to("ftp://127.0.0.1/x"), same("\"ftp://127.0.0.1/x\"")),
        ("not HTTP", Fault::NotHttp, same("")),
    ]
}

/// Those that a client has to wait out.
fn that_are_slow() -> Vec<(&'static str, Fault, &'static str)> {
    vec![
        ("silence before the headers", Fault::HangBeforeHeaders, "no answer within 0.5 s"),
        ("silence after the headers", Fault::HangAt(0), "0 bytes in 1.1 s, under 1000"),
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

/// What may come when a transfer goes on where it broke.
fn of_ranges() -> Vec<(&'static str, Fault)> {
    let changed = |more: &[Fault]| Fault::All([more, &[Fault::FlipByte(5)]].concat());
    vec![
        ("range ignored", Fault::IgnoreRange),
        ("416", Fault::RangeNotSatisfiable),
        ("a wrong Content-Range", Fault::WrongContentRange),
        ("the right range with wrong bytes", Fault::WrongBytesInRange),
        ("a range that is shorter", Fault::ShortRange(40_000)),
        ("another ETag", Fault::ChangingEtag),
        ("no validators", Fault::NoValidators),
        ("a file that changed meanwhile, once", changed(&[])),
        ("a file that changed meanwhile, once and unseen", changed(&[Fault::IgnoreIfRange])),
    ]
}

/// A fault of one file: always, or so often.
fn of(target: &'static str, name: &str, kind: Kind, fault: Fault, times: Option<usize>) -> Row {
    Row::new(format!("{target}: {name}"), kind, move |ground| {
        let handle = ground.upstream.fault(target, fault.clone());
        if let Some(times) = times {
            handle.times(times);
        }
    })
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, target) in TARGETS.into_iter().enumerate() {
        for (name, fault, reasons) in that_stay() {
            rows.push(of(target, name, fatal(target, reasons[number]), fault.clone(), None));
            rows.push(of(target, &format!("{name}, once"), Kind::Healed, fault, Some(1)));
        }
        for (name, fault) in that_are_none() {
            rows.push(of(target, name, Kind::Healed, fault, None));
        }
        for (name, fault, reason) in that_are_slow() {
            let kind = fatal(target, reason);
            rows.push(of(target, name, kind, fault.clone(), None).with(impatient));
        }
        // Who asks for the rest is told that there is none; of a package the size is known.
        let whole = if target == LARGE { fatal(target, "bytes, expected ") } else { Kind::Healed };
        rows.push(of(target, "a length too long", whole, Fault::WrongContentLength(5), None));
        let step = if target == LARGE { 30_000 } else { 700 };
        let further = Fault::CutAt(step);
        let name = "cut again and again, a little further";
        rows.push(of(target, name, Kind::Healed, further, None));
        let anew = Fault::All(vec![Fault::IgnoreRange, Fault::CutFurther { step }]);
        let name = "cut a little further, and begun anew each time";
        rows.push(of(target, name, Kind::Healed, anew, None));
        let stuck = Fault::All(vec![Fault::IgnoreRange, Fault::CutAt(step)]);
        let name = "cut always at the same place";
        rows.push(of(target, name, fatal(target, "ended after "), stuck, None));
        for (name, fault) in of_ranges() {
            let act = move |ground: &Ground| {
                ground.upstream.fault(target, Fault::CutAt(step)).times(1);
                let handle = ground.upstream.fault(target, fault.clone());
                if matches!(fault, Fault::All(_)) {
                    handle.times(1);
                }
            };
            rows.push(Row::new(format!("{target}: cut, then {name}"), Kind::Healed, act));
        }
        rows.push(Row::new(format!("{target}: redirected"), Kind::Healed, move |ground| {
            let mut files = new();
            files.insert("elsewhere".into(), files[target].clone());
            ground.upstream.set_files(files);
            let to = ground.upstream.url_of("elsewhere");
            ground.upstream.fault(target, Fault::RedirectTo(to));
        }));
    }
    rows.extend(of_everything());
    rows
}

/// Faults of a whole server.
fn of_everything() -> Vec<Row> {
    let mut rows = vec![
        Row::new("connection refused", fatal("", "onnection refused"), |ground| {
            // Nobody listens on the port of tcpmux.
            *ground.base.lock().unwrap() = "http://127.0.0.1:1".into();
        }),
        Row::new("a captive portal for everything", fatal(REPOMD, "html"), |ground| {
            ground.upstream.fault_all(Fault::Replace(PORTAL.into()));
        }),
    ];
    let faults = [
        Fault::Status(404),
        Fault::Status(503),
        Fault::RetryAfter(429, "3600".into()),
        Fault::CloseBeforeAnswer,
        Fault::CutAt(0),
        Fault::CutAt(100),
        Fault::FlipByte(10),
        Fault::NotHttp,
        Fault::GzipEncoded,
        Fault::Replace(PORTAL.into()),
    ];
    for fault in faults {
        rows.push(Row::new(
            format!("{fault:.30?} for each file, once"),
            Kind::Healed,
            move |ground| {
                for path in new().keys() {
                    ground.upstream.fault(path, fault.clone()).times(1);
                }
            },
        ));
    }
    rows
}
