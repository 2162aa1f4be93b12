//! Pythons without their patch release: what is mirrored where some of them cannot have it.

use mirror_core::resolve::pypi::Distribution;
use mirror_core::source::pypi::check;
use mirror_fixtures::pypi::{Hash, Index, Release};

use super::support::{Site, With as _, file, names};

/// A project that leaves out the first patch releases of a Python, as cryptography does, and needs
/// another on the next ones.
fn picky() -> Index {
    Index::new().releases([
        Release::new("picky", "46")
            .requires("early; python_full_version < '3.9.7'")
            .requires_python(">=3.8,!=3.9.0,!=3.9.1"),
        Release::new("early", "1"),
        Release::new("late", "1").requires_python(">=3.9.30"),
        Release::new("bounded", "1").requires_python("<3.9.20"),
    ])
}

const BARE: &str = "3.9 manylinux_2_34_x86_64";

#[tokio::test]
async fn an_answer_for_all_but_the_first_patch_releases_is_mirrored_and_said() {
    let site = Site::new(picky());
    let set = || site.set(&["picky==46"]).targets(&[BARE]);
    let run = site.sync(vec![set()]).await.good();
    assert_eq!(run.answers[0].from_python.as_deref(), Some("3.9.2"));
    let [note] = &run.answers[0].notes[..] else { panic!("{:?}", run.answers[0]) };
    let expected = "Python 3.9 on manylinux_2_34_x86_64 is mirrored for 3.9.2 and later: for 3.9.1 \
                    there is no solution: you require picky==46 (";
    assert!(note.starts_with(expected), "{note}");
    assert!(note.ends_with("picky 46: for Python >=3.8,!=3.9.0,!=3.9.1"), "{note}");
    // What the first of them that can have it takes is there too, and it is what is proved.
    let both = names(&["picky-46-py3-none-any.whl", "early-1-py3-none-any.whl"]);
    assert_eq!(site.packages(), both);
    let proved = || check(&site.tree()).unwrap().unwrap().unproved;
    assert_eq!(proved(), []);
    std::fs::remove_file(site.tree().join("files/early-1-py3-none-any.whl")).unwrap();
    assert_eq!(proved().len(), 1);
    let again = site.sync(vec![set()]).await;
    assert_eq!(again.answers[0].from_python, run.answers[0].from_python);
}

#[tokio::test]
async fn exact_lists_and_all_versions_have_ends_too() {
    let site = Site::new(picky());
    let digest = Hash::Sha256.hex(&site.index.file("picky-46-py3-none-any.whl").bytes);
    let mut set = site.set(&[]).targets(&[BARE]);
    set.wants = file(&format!("picky==46 --hash=sha256:{digest}\n"));
    let other = site.set(&[]).all_versions(&["late"]).targets(&[BARE]).named("other");
    let run = site.sync(vec![set, other]).await.good();
    let from: Vec<_> = run.answers.iter().map(|answer| answer.from_python.as_deref()).collect();
    assert_eq!(from, [Some("3.9.2"), Some("3.9.30")]);
    assert_eq!(check(&site.tree()).unwrap().unwrap().unproved, []);
}

#[tokio::test]
async fn what_the_last_patch_release_cannot_have_is_why_there_is_no_answer() {
    let site = Site::new(picky());
    for (also, expected) in
        [("absent", "absent is on no index"), ("bounded", "bounded 1: for Python <3.9.20")]
    {
        let run = site.sync(vec![site.set(&["picky==46", also]).targets(&[BARE])]).await;
        let said = run.answers[0].unsolved.join("\n");
        assert!(said.contains(expected) && !said.contains("picky"), "{said}");
        assert!(!site.tree().exists());
    }
}

/// Of a distribution only what it shipped counts.
#[tokio::test]
async fn a_distribution_asks_for_no_patch_release_that_it_never_had() {
    let site = Site::new(picky());
    let mut set = site.set(&["picky==46"]);
    set.targets = Distribution::targets("el9", &["3.9".parse().unwrap()]).unwrap();
    let run = site.sync(vec![set]).await.good();
    assert_eq!(run.answers[0].target, "Python 3.9 on manylinux_2_34_x86_64 (el9)");
    assert_eq!((&run.answers[0].from_python, &*run.answers[0].notes), (&None, &[][..]));
    assert_eq!(site.packages(), names(&["picky-46-py3-none-any.whl"]));
}
