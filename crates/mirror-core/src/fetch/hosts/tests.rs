use super::*;

const PINNED: Wish = Wish { size: Some(1 << 20), is_pinned: true };
const FREE: Wish = Wish { size: None, is_pinned: false };

fn hosts(connections: usize, count: usize) -> (Hosts, Vec<HostId>) {
    let hosts = Hosts::new(connections);
    let urls = (0..count).map(|n| Url::parse(&format!("http://m{n}/x")).unwrap());
    let ids = hosts.of(&urls.collect::<Vec<_>>());
    (hosts, ids)
}

fn wait(failures: u32) -> Duration {
    Duration::from_secs(u64::from(failures))
}

async fn first(hosts: &Hosts, mirrors: &[HostId], wish: Wish) -> usize {
    hosts.lease(mirrors, wish).await.unwrap().0
}

/// A transfer of a mebibyte from `mirror` within so many milliseconds.
async fn deliver(hosts: &Hosts, mirror: HostId, milliseconds: u64) {
    let (_, lease) = hosts.lease(&[mirror], PINNED).await.unwrap();
    lease.answered(Duration::from_millis(1));
    lease.measured(1 << 20, Duration::from_millis(milliseconds));
    lease.succeeded();
}

#[test]
fn a_host_is_scheme_name_and_port() {
    let urls = ["http://a/x", "http://a:80/y", "https://a/x", "http://a:81/x", "http://u:p@a/"];
    let urls = urls.map(|url| Url::parse(url).unwrap());
    let ids = Hosts::new(1).of(&urls).into_iter().map(|id| id.0);
    assert_eq!(ids.collect::<Vec<_>>(), [0, 0, 1, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_first_few_are_measured_and_then_the_fastest_is_taken() {
    let (hosts, mirrors) = hosts(8, 6);
    let mut leases = Vec::new();
    for expected in [0, 1, 2, 3, 0] {
        let (index, lease) = hosts.lease(&mirrors, PINNED).await.unwrap();
        assert_eq!(index, expected);
        leases.push(lease);
    }
    drop(leases);
    for (mirror, milliseconds) in mirrors.iter().zip([400, 300, 50, 200]) {
        deliver(&hosts, *mirror, milliseconds).await;
    }
    assert_eq!(first(&hosts, &mirrors, PINNED).await, 2);
    // What nothing pins comes from the first of the list that works.
    assert_eq!(first(&hosts, &mirrors, FREE).await, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_set_aside_for_longer_each_time() {
    let (hosts, mirrors) = hosts(8, 2);
    for seconds in [1, 2, 3] {
        let (index, lease) = hosts.lease(&mirrors, FREE).await.unwrap();
        assert_eq!(index, 0);
        lease.failed(Fault::default(), wait);
        drop(lease);
        assert_eq!(first(&hosts, &mirrors, FREE).await, 1);
        tokio::time::advance(Duration::from_millis(seconds * 1000 + 1)).await;
    }
    // One whose failure cost time, for much longer.
    let (_, lease) = hosts.lease(&mirrors, FREE).await.unwrap();
    lease.failed(Fault { cost: Duration::from_secs(20), pause: None }, wait);
    drop(lease);
    tokio::time::advance(Duration::from_secs(599)).await;
    assert_eq!(first(&hosts, &mirrors, FREE).await, 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(first(&hosts, &mirrors, FREE).await, 0);
    // Where there is no other, it is asked all the same.
    let (_, lease) = hosts.lease(&mirrors[..1], FREE).await.unwrap();
    lease.failed(Fault::default(), wait);
    drop(lease);
    assert_eq!(first(&hosts, &mirrors[..1], FREE).await, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_set_aside_is_asked_again_though_another_is_busy_for_long() {
    let (hosts, mirrors) = hosts(8, 2);
    let fail = async |mirror: HostId, times| {
        for _ in 0..times {
            let (_, lease) = hosts.lease(&[mirror], FREE).await.unwrap();
            lease.failed(Fault::default(), wait);
        }
    };
    // The second takes one transfer at a time, and that one lasts.
    fail(mirrors[1], 4).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    fail(mirrors[0], 1).await;
    let (busy, _long) = hosts.lease(&mirrors, FREE).await.unwrap();
    assert_eq!(busy, 1);
    let waiting = tokio::time::timeout(Duration::from_secs(2), hosts.lease(&mirrors, FREE));
    let (index, _) = waiting.await.expect("nobody else has to end first").unwrap();
    assert_eq!(index, 0);
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_halved_once_for_all_under_way_and_grows_again() {
    let (hosts, mirrors) = hosts(8, 1);
    let limit = || hosts.table().hosts[0].limit.floor();
    let mut leases = Vec::new();
    for _ in 0..8 {
        leases.push(hosts.lease(&mirrors, PINNED).await.unwrap().1);
    }
    tokio::time::advance(Duration::from_millis(1)).await;
    for lease in leases.drain(..) {
        lease.failed(Fault::default(), wait);
    }
    assert!((limit() - 4.0).abs() < 0.1, "{}", limit());
    for _ in 0..4 {
        leases.push(hosts.lease(&mirrors, PINNED).await.unwrap().1);
    }
    let fifth = tokio::time::timeout(Duration::from_secs(1), hosts.lease(&mirrors, PINNED));
    assert!(fifth.await.is_err(), "the limit holds");
    for lease in leases.drain(..) {
        lease.succeeded();
        lease.succeeded();
    }
    assert!(limit() >= 5.0, "{}", limit());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_pause_gets_it_from_all() {
    let (hosts, mirrors) = hosts(8, 1);
    let (_, lease) = hosts.lease(&mirrors, PINNED).await.unwrap();
    lease.failed(Fault { cost: Duration::ZERO, pause: Some(Duration::from_secs(7)) }, wait);
    drop(lease);
    let begun = Instant::now();
    assert_eq!(first(&hosts, &mirrors, PINNED).await, 0);
    assert_eq!(begun.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn one_that_gave_nothing_is_given_up_until_it_answers() {
    let (hosts, mirrors) = hosts(8, 1);
    let since = Instant::now();
    let (_, lease) = hosts.lease(&mirrors, PINNED).await.unwrap();
    for (cost, standing) in [
        (Duration::ZERO, Standing::Once),
        (Duration::from_secs(20), Standing::Lost("no answer".to_owned())),
    ] {
        let fault = Fault { cost, pause: None };
        lease.failed(fault, wait);
        hosts.give_up(&mirrors, since, fault, "no answer");
        assert_eq!(hosts.standing(mirrors[0]), standing);
    }
    assert!(hosts.lease(&mirrors, PINNED).await.is_none(), "nobody waits for it");
    lease.progressed();
    assert_eq!(hosts.standing(mirrors[0]), Standing::Good);
    // One that gave something to another file meanwhile is not given up.
    lease.failed(Fault::default(), wait);
    hosts.give_up(&mirrors, since, Fault::default(), "cut");
    assert_eq!(hosts.standing(mirrors[0]), Standing::Good);
}
