use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn comps(content: &str) -> Comps {
    Comps::read(format!("<comps>{content}</comps>").as_bytes()).unwrap()
}

fn written(comps: &Comps) -> String {
    let mut out = Vec::new();
    comps.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn names(group: &Group) -> Vec<&str> {
    group.packages.iter().map(|package| package.name.as_str()).collect()
}

const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group>
    <id>core</id>
    <name>Core</name>
    <name xml:lang="de">Kern</name>
    <description>Smallest &amp; first</description>
    <default>true</default>
    <uservisible>False</uservisible>
    <display_order>2</display_order>
    <packagelist>
      <packagereq type="mandatory">bash</packagereq>
      <packagereq type="default">dnf</packagereq>
      <packagereq type="optional">vim</packagereq>
      <packagereq type="conditional" requires="kde">kde-dnf</packagereq>
      <packagereq>setup</packagereq>
      <new>x</new>
    </packagelist>
    <new kind="1">
      <part/>
    </new>
  </group>
  <group>
    <id>games</id>
    <name>Games</name>
    <packagelist>
      <packagereq type="default">nethack</packagereq>
    </packagelist>
  </group>
  <group>
    <id>none</id>
    <_name>Empty</_name>
    <langonly>cs</langonly>
    <biarchonly>true</biarchonly>
    <packagelist/>
  </group>
  <environment>
    <id>minimal-environment</id>
    <name>Minimal Install</name>
    <grouplist>
      <groupid>core</groupid>
      <groupid>elsewhere</groupid>
    </grouplist>
    <optionlist>
      <groupid default="true">games</groupid>
      <groupid>none</groupid>
    </optionlist>
  </environment>
  <category>
    <id>fun</id>
    <name>Fun</name>
    <grouplist>
      <groupid>games</groupid>
    </grouplist>
  </category>
  <langpacks>
    <match name="aspell" install="aspell-%s"/>
  </langpacks>
</comps>
"#;

#[test]
fn reads_groups_environments_and_categories() {
    let comps = Comps::read(DOCUMENT.as_bytes()).unwrap();
    assert_eq!(written(&comps), DOCUMENT);
    let groups: Vec<_> = comps.groups().collect();
    let core = &groups[0];
    let requirement = |name: &str, kind, requires: &str| Requirement {
        name: name.into(),
        kind,
        requires: requires.into(),
    };
    let expected = [
        requirement("bash", Kind::Mandatory, ""),
        requirement("dnf", Kind::Default, ""),
        requirement("vim", Kind::Optional, ""),
        requirement("kde-dnf", Kind::Conditional, "kde"),
        requirement("setup", Kind::Mandatory, ""),
    ];
    assert_eq!(core.packages, expected);
    assert!(core.default && !core.visible && core.display_order == Some(2));
    assert_eq!(core.texts.names, [("de".to_owned(), "Kern".to_owned())]);
    let none = &groups[2];
    assert_eq!((none.texts.name.as_str(), none.lang_only.as_str()), ("Empty", "cs"));
    assert!(none.visible && none.biarch_only && none.packages.is_empty());
    let minimal = comps.environments().next().unwrap();
    assert_eq!(minimal.groups, ["core", "elsewhere"]);
    assert!(minimal.options[0].default && !minimal.options[1].default);
    assert_eq!(comps.categories().next().unwrap().groups, ["games"]);
    assert_eq!(comps.langpacks().next().unwrap().install, "aspell-%s");
}

#[test]
fn knows_what_a_user_means() {
    let comps = Comps::read(DOCUMENT.as_bytes()).unwrap();
    let meant = |name: &str| {
        let groups = comps.meant(name)?;
        Some(groups.into_iter().map(|group| group.id).collect::<Vec<_>>().join(" "))
    };
    for name in ["@core", "core", "@Core", "@^minimal-environment", "@Minimal Install"] {
        assert_eq!(meant(name).as_deref(), Some("core"), "{name}");
    }
    for name in ["@^core", "@Kern", "@", "bash"] {
        assert_eq!(meant(name), None, "{name}");
    }
}

#[test]
fn leaves_only_what_is_still_there() {
    let mut left = Comps::read(DOCUMENT.as_bytes()).unwrap();
    left.retain(|name| ["bash", "kde-dnf"].contains(&name));
    let groups: Vec<_> = left.groups().collect();
    assert_eq!(names(&groups[0]), ["bash", "kde-dnf"]);
    // Games had packages, the empty one never had.
    assert_eq!(groups.iter().map(|g| g.id.as_str()).collect::<Vec<_>>(), ["core", "none"]);
    let minimal = left.environments().next().unwrap();
    assert_eq!((minimal.groups.len(), minimal.options.len()), (2, 1));
    assert_eq!(left.categories().count(), 0);
    let text = written(&left);
    for kept in ["xml:lang=\"de\">Kern", "<new kind=\"1\">", "<new>x</new>", "aspell-%s"] {
        assert!(text.contains(kept), "{kept}");
    }
    left.retain(|_| false);
    assert_eq!(left.environments().next().unwrap().groups, ["elsewhere"]);

    // Of two groups with one id, one is left.
    let mut twice = comps(
        "<group><id>a</id><packagelist><packagereq>x</packagereq></packagelist></group>\
         <group><id>a</id><packagelist><packagereq>y</packagereq></packagelist></group>\
         <environment><id>e</id><grouplist><groupid>a</groupid></grouplist></environment>",
    );
    twice.retain(|name| name == "y");
    assert_eq!((twice.groups().count(), twice.environments().count()), (1, 1));
}

#[test]
fn merges_as_libcomps_does() {
    let mut one = Comps::read(DOCUMENT.as_bytes()).unwrap();
    one.merge(comps(
        "<group><id>core</id><name>Kernel</name><name xml:lang='cs'>Jádro</name>\
         <packagelist><packagereq type='optional'>dnf</packagereq>\
         <packagereq>zsh</packagereq></packagelist></group>\
         <group><id>new</id><name>New</name></group>\
         <environment><id>minimal-environment</id><grouplist><groupid>new</groupid></grouplist>\
         </environment><langpacks><match name='aspell' install='a-%s'/><match name='b'/></langpacks>",
    ));
    let ids: Vec<_> = one.groups().map(|group| group.id).collect();
    assert_eq!(ids, ["core", "games", "none", "new"]);
    let core = one.group("core").unwrap();
    assert_eq!(names(&core), ["bash", "dnf", "vim", "kde-dnf", "setup", "zsh"]);
    assert_eq!(core.packages[1].kind, Kind::Optional);
    assert_eq!((core.texts.name.as_str(), core.texts.names.len()), ("Kernel", 2));
    assert!(core.default, "what only one says stays");
    let minimal = one.environments().next().unwrap();
    assert_eq!(minimal.groups, ["core", "elsewhere", "new"]);
    let langpacks: Vec<_> = one.langpacks().map(|pack| pack.install).collect();
    assert_eq!(langpacks, ["a-%s", ""]);
    // Groups stay before environments.
    let text = written(&one);
    assert!(text.find("<id>new</id>") < text.find("<environment>"), "{text}");

    // Groups without an id are never one.
    let mut nameless = comps("<group/>");
    nameless.merge(comps("<group/>"));
    assert_eq!(nameless.groups().count(), 2);
}

#[test]
fn refuses_what_is_no_comps_and_what_is_over_its_bound() {
    let error = |document: &str| Comps::read(document.as_bytes()).unwrap_err().to_string();
    assert_eq!(error("<html/>"), "is no comps document: found <html>");
    assert!(error("<comps><group>").contains("found the end"));
    let crowd = format!("<comps>{}</comps>", "<a/>".repeat(limits::COMPS_ELEMENTS));
    assert_eq!(error(&crowd), "is too large: expected at most 300000 elements");
}

fn document() -> impl Strategy<Value = String> {
    let item = "[a-d]".prop_map(|name| format!("<packagereq>{name}</packagereq>"));
    let group = ("[x-z]", vec(item, 0..4)).prop_map(|(id, items)| {
        format!("<group><id>{id}</id><packagelist>{}</packagelist></group>", items.concat())
    });
    let item = "[w-z]".prop_map(|id| format!("<groupid>{id}</groupid>"));
    let environment = ("[x-z]", vec(item, 0..4)).prop_map(|(id, items)| {
        let items = items.concat();
        format!("<environment><id>{id}</id><grouplist>{items}</grouplist></environment>")
    });
    vec(prop_oneof![group, environment], 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_filter_does_no_more_when_done_again(document in document()) {
        let mut all = comps(&document);
        all.retain(|_| true);
        prop_assert_eq!(&all, &comps(&document));
        let keep = |name: &str| name != "a";
        let mut once = all.clone();
        once.retain(keep);
        let mut twice = once.clone();
        twice.retain(keep);
        prop_assert_eq!(&twice, &once);
        prop_assert!(once.groups().all(|group| names(&group).into_iter().all(keep)));
        let count = |comps: &Comps| comps.groups().flat_map(|g| g.packages).filter(|p| keep(&p.name)).count();
        prop_assert_eq!(count(&once), count(&all));
        let read = Comps::read(written(&once).as_bytes()).unwrap();
        prop_assert_eq!(read, once);
    }

    #[test]
    fn a_merge_has_what_both_have(one in document(), other in document()) {
        let mut both = comps(&one);
        both.merge(comps(&other));
        for group in comps(&one).groups().chain(comps(&other).groups()) {
            let known: Vec<_> = both.groups().filter(|other| other.id == group.id).collect();
            for package in names(&group) {
                prop_assert!(known.iter().any(|known| names(known).contains(&package)));
            }
        }
        let mut again = both.clone();
        again.merge(comps(&other));
        prop_assert_eq!(again, both);
    }
}
