//! What a metalink says that `repomd.xml` is holds for it, whichever mirror gives it.

use std::fmt::Write as _;

use mirror_core::Job;
use mirror_core::digest::Sha256;
use mirror_core::report::{Outcome, TreeReport};
use mirror_core::source::rpm::{Location, RpmSource};
use mirror_fixtures::samples;
use mirror_fixtures::upstream::Upstream;

use super::support::Site;

fn repomd(site: &Site) -> Vec<u8> {
    std::fs::read(site.written.dir.join("repodata/repomd.xml")).unwrap()
}

/// A metalink of the first state, with the others as alternates, newest first.
fn metalink(states: &[Vec<u8>], mirrors: &[&Upstream]) -> Upstream {
    let mut described = states.iter().enumerate().map(|(age, content)| {
        format!(
            "<mm0:timestamp>{}</mm0:timestamp><size>{}</size><verification><hash type=\"md5\">\
             900150983cd24fb0d6963f7d28e17f72</hash><hash type=\"sha256\">{}</hash></verification>",
            2_000_000_000 - age,
            content.len(),
            Sha256::of(content),
        )
    });
    let newest = described.next().unwrap();
    let mut older = String::new();
    for state in described {
        let _ = write!(older, "<mm0:alternate>{state}</mm0:alternate>");
    }
    let mut urls = String::new();
    for (number, mirror) in mirrors.iter().enumerate() {
        let (preference, url) = (100 - number, mirror.url());
        let _ = write!(
            urls,
            "<url protocol=\"http\" preference=\"{preference}\">{url}/repodata/repomd.xml</url>"
        );
    }
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><metalink version=\"3.0\" \
         xmlns=\"http://www.metalinker.org/\" xmlns:mm0=\"http://fedorahosted.org/mirrormanager\">\
         <files><file name=\"repomd.xml\">{newest}<mm0:alternates>{older}</mm0:alternates>\
         <resources>{urls}</resources></file></files></metalink>"
    );
    Upstream::serve_files([("metalink", text)])
}

async fn sync(site: &Site, list: &Upstream) -> TreeReport {
    let source = RpmSource::new(Location::Metalink(list.url_of("metalink").parse().unwrap()));
    let job = Job::new(source, "demo".parse().unwrap());
    super::support::sync(&site.root(), &[job]).await.unwrap().trees.remove(0)
}

#[tokio::test]
async fn a_mirror_that_lags_behind_is_passed_over() {
    let (old, new) = (Site::new(&samples::plain(2)), Site::new(&samples::plain(3)));
    let list = metalink(&[repomd(&new), repomd(&old)], &[&old.upstream, &new.upstream]);
    let report = sync(&new, &list).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert!(report.warnings.is_empty(), "{report:#?}");
    new.assert_equal_to_upstream();
    assert_eq!(old.upstream.count("repodata/repomd.xml"), 1);
    // The state is known to be the newest before any mirror is asked.
    new.upstream.clear_requests();
    assert_eq!(sync(&new, &list).await.outcome, Outcome::Unchanged);
    assert_eq!(new.upstream.requests().len(), 0);
}

#[tokio::test]
async fn an_older_state_is_taken_where_no_mirror_has_the_newest() {
    let (old, new) = (Site::new(&samples::plain(2)), Site::new(&samples::plain(3)));
    let list = metalink(&[repomd(&new), repomd(&old)], &[&old.upstream]);
    let report = sync(&old, &list).await;
    assert_eq!(report.outcome, Outcome::Published, "{report:#?}");
    assert!(report.warnings[0].starts_with("no mirror has the newest state"), "{report:#?}");
    old.assert_equal_to_upstream();
}

#[tokio::test]
async fn another_state_than_the_metalinks_is_never_taken() {
    let (one, other) = (Site::new(&samples::plain(2)), Site::new(&samples::plain(3)));
    let list = metalink(&[repomd(&other)], &[&one.upstream]);
    let report = sync(&one, &list).await;
    assert_eq!(report.outcome, Outcome::Failed, "{report:#?}");
    let expected = Sha256::of(&repomd(&other));
    let reason = &report.failures[0].reason;
    assert!(reason.contains(&format!("expected sha256:{expected}")), "{reason}");
    assert!(!one.tree().exists());
}
