//! `mirror repos`.

use crate::support::Site;

#[test]
fn lists_presets_and_what_one_offers() {
    let site = Site::empty();
    let ran = site.run("repos");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let rocky = ran.out.lines().find(|line| line.starts_with("rocky ")).unwrap();
    assert!(rocky.contains(" 10 9 8 ") && rocky.contains(" baseos* appstream* "), "{rocky}");

    let ran = site.run("repos rocky");
    assert!(ran.out.starts_with("rocky: Rocky Linux\n\nrelease 10 (default), x86_64 "), "{ran:?}");
    assert!(ran.out.contains("\n  baseos*  "), "{ran:?}");
    assert!(ran.out.contains(" https://dl.rockylinux.org/pub/rocky/10/BaseOS/"), "{ran:?}");
    let key = "  signed with the key FC226859C0860BF0DDB95B085B106C736FEDFC85, at \
               https://dl.rockylinux.org/pub/rocky/RPM-GPG-KEY-Rocky-10\n";
    assert_eq!(ran.out.matches(key).count(), 1, "{ran:?}");
}

#[test]
fn json_is_a_preset_a_line() {
    let site = Site::empty();
    let ran = site.run("repos --json");
    let names: Vec<_> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["name"].clone())
        .collect();
    assert!(names.len() > 5 && names.contains(&"rocky".into()), "{names:?}");
    assert_eq!(site.run("repos epel --json").out.lines().count(), 1);
}

#[test]
fn lists_of_packages_are_shown_and_printed_as_they_are() {
    let site = Site::empty();
    let ran = site.run("repos --lists");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("\nkubernetes-el9: Kubernetes node on EL 9: "), "{ran:?}");
    let ran = site.run("repos --lists kubernetes-el9");
    assert_eq!(ran.out, include_str!("../../src/package_lists/kubernetes-el9.txt"));
    let ran = site.run("repos --lists --json");
    assert_eq!(ran.out.lines().count(), 3);
    let ran = site.run("repos --lists kubernetes-el10 --json");
    let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(list["packages"].as_array().unwrap().contains(&"kubelet".into()), "{list}");
    let ran = site.run("repos --lists kubernetes-el11");
    assert_eq!(ran.code, Some(2));
    assert_eq!(
        ran.err,
        "error: no list of packages is called \"kubernetes-el11\"\n\
         hint: did you mean kubernetes-el10?\n"
    );
}
