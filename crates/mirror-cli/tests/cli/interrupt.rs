//! Ctrl-C, and what a rerun makes of it.

use mirror_fixtures::{Fault, Package, Repository};

use crate::support::{Site, signal, wait_until};

/// The file that hangs.
const LARGE: &str = "up/Packages/l/large-1.0-1.noarch.rpm";

/// Bytes of it that come before.
const CAME: usize = 300_000;

fn site() -> Site {
    let large = Package::new("large", "1.0", "1").payload_size(1_000_000);
    Site::of(&Repository::new().package(large))
}

#[test]
fn the_first_signal_stops_cleanly_and_a_rerun_continues() {
    for name in ["INT", "TERM"] {
        let site = site();
        site.upstream.fault(LARGE, Fault::HangAt(CAME));
        let child = site.command(&site.sync_arguments("")).spawn().unwrap();
        wait_until("the transfer hangs", || {
            site.upstream.body_bytes() >= CAME as u64 && site.upstream.count(LARGE) == 1
        });
        signal(&child, name);
        let ran = site.ran(child.wait_with_output().unwrap());
        let mut end: Vec<_> = ran.err.lines().rev().take(2).collect();
        end.reverse();
        assert_eq!(
            end,
            [
                "stopping; a second Ctrl-C stops at once",
                "interrupted: what was fetched is kept, and a rerun continues",
            ]
        );
        assert_eq!((ran.code, ran.out.as_str()), (Some(130), ""));
        assert!(!site.path("mirror/up").exists());

        site.upstream.clear_faults();
        site.upstream.clear_requests();
        assert_eq!(site.sync("").code, Some(0));
        let requests = site.upstream.requests();
        let resumed = requests.iter().find(|request| request.path == LARGE).unwrap();
        assert!(resumed.header("range").is_some(), "{resumed:?}");
    }
}
