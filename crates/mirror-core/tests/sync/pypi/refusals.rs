//! Servers that refuse files: some of them, or all.

use mirror_fixtures::pypi::{Index, Offer, Release, Sdist, samples};
use mirror_fixtures::{Fault, Upstream};

use super::support::{Site, names};

/// Versions 1 to 30 of a wheel and a source, whose metadata nobody offers.
fn index() -> Index {
    let mut index = Index::new().offer(Offer::No).release(samples::tiny_backend());
    for version in 1..=30 {
        index.add(Release::new("lib", &version.to_string()));
        index.add(Release::new("src", &version.to_string()).sdist(Sdist::new()));
    }
    index
}

/// Stores of objects say so of what they do not have, and firewalls of what is not cleared yet.
#[tokio::test]
async fn a_release_that_is_refused_is_passed_over_and_that_is_said() {
    let site = Site::new(index());
    for file in ["lib-30-py3-none-any.whl", "lib-29-py3-none-any.whl", "src-30.tar.gz"] {
        site.upstream.fault(&format!("files/{file}"), Fault::Status(403));
    }
    let run = site.sync(vec![site.set(&["lib", "src"])]).await.good();
    assert_eq!(run.chosen(0), names(&["lib 28", "src 29"]));
    for file in ["lib-30-py3-none-any.whl", "lib-29-py3-none-any.whl", "src-30.tar.gz"] {
        let told = format!("files/{file}: is listed, and the server answers 403");
        assert!(run.tree().warnings.iter().any(|warning| warning.ends_with(&told)), "{told}");
    }
    // What is asked for by name is not there, and that is said.
    let run = site.sync(vec![site.set(&["lib==30"])]).await;
    assert!(run.bad().contains("the server answers 403"), "{}", run.bad());
}

#[tokio::test]
async fn who_refuses_one_file_and_gives_it_then_has_it() {
    let site = Site::new(index());
    site.upstream.fault("files/src-30.tar.gz", Fault::Status(403)).times(1);
    let run = site.sync(vec![site.set(&["src"])]).await.good();
    assert_eq!(run.chosen(0), names(&["src 30"]));
}

/// For want of a login a server refuses everything: no older version is better, and none is tried
/// for long.
#[tokio::test]
async fn a_server_that_refuses_all_files_ends_the_run() {
    for (code, most) in [(403, 60), (401, 12)] {
        let mut site = Site::new(index());
        let files = Upstream::serve_files(site.index.files());
        files.fault_all(Fault::Status(code));
        site.change(|index| {
            let all = std::mem::take(index);
            *index = all.files_at(&files.url_of("files"));
        });
        for asked in ["lib", "src"] {
            files.clear_requests();
            let run = site.sync(vec![site.set(&[asked])]).await;
            let (reason, count) = (run.bad(), files.requests().len());
            assert!(reason.contains(&files.url_of("files")), "{reason}");
            assert!(reason.contains(&code.to_string()), "{reason}");
            assert_eq!(run.tree().failures[0].kind, mirror_core::error::Kind::Denied);
            assert!(count <= most, "{code} {asked}: {count}");
        }
    }
}
