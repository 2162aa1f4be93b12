//! Two runs at once.

use std::process::Child;

use mirror_fixtures::{Fault, samples};

use crate::support::{Site, signal, wait_until};

/// A site whose root another run holds: that hangs until it is stopped.
fn held() -> (Site, Child) {
    let site = Site::of(&samples::plain(1));
    site.upstream.fault("up/repodata/repomd.xml", Fault::HangBeforeHeaders).times(1);
    let holder = site.command(&site.sync_arguments("")).spawn().unwrap();
    wait_until("the first run holds the root", || !site.upstream.requests().is_empty());
    (site, holder)
}

#[test]
fn the_second_fails_at_once_and_names_the_first() {
    let (site, mut holder) = held();
    let ran = site.sync("");
    let begin = format!("error: mirror: locked by process {}, running since 20", holder.id());
    assert!(ran.err.starts_with(&begin), "{}", ran.err);
    assert!(ran.err.ends_with(
        "Z\nhint: wait for it with --lock-wait, or at most a minute with --lock-wait=60\n"
    ));
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));

    let ran = site.sync("--lock-wait=1");
    assert!(ran.err.contains("; waiting\n"), "{}", ran.err);
    let told = ran.err.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(told.starts_with(&begin) && told.ends_with("Z; waited 1 s for it"), "{told}");
    let hint = format!("hint: see what it is at with `ps -fp {}`; ", holder.id());
    assert!(ran.err.contains(&hint), "{}", ran.err);
    assert_eq!(ran.code, Some(1));
    signal(&holder, "INT");
    assert_eq!(holder.wait().unwrap().code(), Some(130));
}

#[test]
fn the_second_waits_where_it_is_told_to() {
    let (site, mut holder) = held();
    let second = site.command(&site.sync_arguments("--lock-wait")).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    signal(&holder, "INT");
    assert_eq!(holder.wait().unwrap().code(), Some(130));
    let ran = site.ran(second.wait_with_output().unwrap());
    assert!(ran.out.starts_with("up  published"), "{}", ran.text());
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_run_that_waits_can_be_stopped() {
    let (site, mut holder) = held();
    let second = site.command(&site.sync_arguments("--lock-wait")).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(&second, "INT");
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(130));
    signal(&holder, "INT");
    holder.wait().unwrap();
}
