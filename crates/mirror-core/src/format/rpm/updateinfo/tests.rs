use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn read(document: &str) -> Result<Vec<Advisory>, FormatError> {
    let mut advisories = Vec::new();
    read_advisories(document.as_bytes(), |advisory| {
        advisories.push(advisory);
        Ok::<_, FormatError>(())
    })?;
    Ok(advisories)
}

fn written(advisories: &[Advisory]) -> String {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    advisories.iter().try_for_each(|advisory| writer.write(advisory)).unwrap();
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn filtered(document: &str, keep: impl FnMut(&Package) -> bool) -> (String, Filtered) {
    let mut out = Vec::new();
    let filtered = filter(document.as_bytes(), &mut out, keep).unwrap();
    (String::from_utf8(out).unwrap(), filtered)
}

/// What `createrepo_c` 0.17.3 made of itself.
const DOCUMENT: &str = include_str!("createrepo_c.xml");

#[test]
fn reads_and_writes_what_createrepo_c_writes() {
    let advisories = read(DOCUMENT).unwrap();
    assert_eq!(written(&advisories), DOCUMENT);
    let first = &advisories[0];
    assert_eq!(first.cves().collect::<Vec<_>>(), ["CVE-2024-0001", "CVE-2024-0002"]);
    let names: Vec<_> = first.packages().map(|p| p.nevra().unwrap().to_string()).collect();
    assert_eq!(names, ["bar-1:2.0.1-3.noarch", "baz-2.0.1-3.noarch"]);
    assert_eq!(first.collections[1].module.as_ref().unwrap().stream, "5.10");
    assert_eq!(written(&[]), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates/>\n");
    assert!(read(&written(&[])).unwrap().is_empty());
}

#[test]
fn takes_what_clients_take() {
    let document = "<u:updates xmlns:u='x'><!-- x --><update version='-1' new='y'>\
        <issued date='15mangled2'/><id> \u{1}a\n</id><new><update/></new>\
        <reboot_suggested>False</reboot_suggested>\
        <pkglist><x/><collection><module version='many'/>\
        <package name='a' version='1' release='1' arch='noarch' epoch='-1'/>\
        <package name='a' version='1' release='1' arch='noarch'><restart_suggested/></package>\
        </collection></pkglist></update><update/></u:updates>";
    let advisories = read(document).unwrap();
    assert_eq!(advisories.len(), 2);
    let [first, second] = &advisories[..] else { panic!() };
    assert_eq!((first.id.as_str(), first.version.as_str()), ("a", "-1"));
    assert!(!first.reboot_suggested && first.title.is_empty());
    let packages: Vec<_> = first.packages().map(Package::nevra).collect();
    assert_eq!(packages[0], None, "an epoch that is no number names nothing");
    assert_eq!(packages[1].as_ref().unwrap().to_string(), "a-1-1.noarch");
    assert!(first.packages().nth(1).unwrap().restart_suggested);
    assert_eq!(second.label(), "advisory without an id (\"\")");
}

#[test]
fn refuses_what_is_no_updateinfo_and_what_is_over_its_bound() {
    let error = |document: &str| read(document).unwrap_err().to_string();
    assert_eq!(error("<html/>"), "is no updateinfo document: found <html>");
    assert!(error("<updates><update>").contains("found the end of the document"));
    let crowd = "<reference/>".repeat(limits::ADVISORY_ENTRIES + 1);
    let crowd = format!("<updates><update><references>{crowd}</references></update></updates>");
    assert_eq!(error(&crowd), "is too large: expected at most 200000 entries of one advisory");
}

#[test]
fn leaves_only_what_is_still_there() {
    let (text, result) = filtered(DOCUMENT, |package| package.name == "baz");
    assert_eq!(result, Filtered { kept: 2, dropped: 1, ..Filtered::default() });
    let advisories = read(&text).unwrap();
    let names: Vec<_> = advisories[0].packages().map(|p| p.name.as_str()).collect();
    assert_eq!((advisories[0].collections.len(), names), (1, vec!["baz"]));
    // This one never had packages: it says what it said.
    assert_eq!(advisories[1].id, "EMPTY-1");

    let nameless = "<updates><update><title>t</title></update></updates>";
    let (_, result) = filtered(nameless, |_| true);
    let first = Some("advisory without an id (\"t\")".to_owned());
    let expected =
        Filtered { kept: 1, without_id: 1, first_without_id: first, ..Filtered::default() };
    assert_eq!(result, expected);
}

#[test]
fn merges_editions_of_an_advisory() {
    let edition = |head: &str, package: &str| {
        format!(
            "<updates><update version='{head}'><id>A</id><title>{head}</title>\
             <pkglist><collection short='c'><package name='{package}' version='1' release='1' \
             arch='noarch'/></collection></pkglist></update>\
             <update><title>nameless</title></update></updates>"
        )
    };
    let merged = |documents: &[String]| {
        let mut out = Vec::new();
        merge(documents.iter().map(String::as_bytes), &mut out).unwrap();
        let advisories = read(std::str::from_utf8(&out).unwrap()).unwrap();
        let packages = advisories[0].packages().map(|p| p.name.clone()).collect::<Vec<_>>();
        (advisories[0].title.clone(), packages.join(" "), advisories.len())
    };
    let (one, ten) = (edition("9", "a"), edition("10", "b"));
    assert_eq!(merged(&[one.clone(), ten.clone()]), ("10".into(), "b a".into(), 3));
    assert_eq!(merged(&[ten.clone(), one.clone()]), ("10".into(), "b a".into(), 3));
    assert_eq!(merged(&[one.clone(), one.clone()]), ("9".into(), "a".into(), 3));
    // The date counts for more than the version.
    let dated = one.replace("<id>", "<updated date='2024-01-02'/><id>");
    let issued = ten.replace("<id>", "<issued date='2024-01-01'/><id>");
    assert_eq!(merged(&[dated.clone(), issued.clone()]), ("9".into(), "a b".into(), 3));
    assert_eq!(merged(&[issued, dated]), ("9".into(), "a b".into(), 3));
}

fn text() -> impl Strategy<Value = String> {
    "([!-~é]([ -~é€\r\n\t]{0,8}[!-~é])?)?"
}

fn package() -> impl Strategy<Value = Package> {
    let sum = (text(), "[0-9a-f]{1,8}").prop_map(|(algorithm, value)| Sum { algorithm, value });
    let texts = (text(), text(), text(), text(), text(), text());
    ("[a-c]?", texts, option::of(sum), any::<(bool, bool, bool)>()).prop_map(
        |(name, (version, release, epoch, arch, src, filename), sum, flags)| {
            let (reboot_suggested, restart_suggested, relogin_suggested) = flags;
            Package {
                name,
                version,
                release,
                epoch,
                arch,
                src,
                filename,
                sum,
                reboot_suggested,
                restart_suggested,
                relogin_suggested,
            }
        },
    )
}

fn collection() -> impl Strategy<Value = Collection> {
    let module = (text(), text(), text(), text(), text()).prop_map(
        |(name, stream, version, context, arch)| Module { name, stream, version, context, arch },
    );
    (text(), text(), option::of(module), vec(package(), 0..4))
        .prop_map(|(short, name, module, packages)| Collection { short, name, module, packages })
}

fn advisory() -> impl Strategy<Value = Advisory> {
    let reference = (text(), text(), text(), text())
        .prop_map(|(href, id, kind, title)| Reference { href, id, kind, title });
    let texts = (text(), text(), text(), text(), text(), text(), text(), text());
    let others = (text(), text(), text(), text(), text(), text(), text(), any::<bool>());
    (texts, others, vec(reference, 0..3), vec(collection(), 0..3)).prop_map(
        |(texts, others, references, collections)| {
            let (id, kind, severity, title, from, status, version, issued) = texts;
            let (updated, rights, release, summary, description, solution, message, reboot) =
                others;
            Advisory {
                id,
                kind,
                severity,
                title,
                from,
                status,
                version,
                issued,
                updated,
                rights,
                release,
                pushcount: String::new(),
                summary,
                description,
                solution,
                message,
                reboot_suggested: reboot,
                references,
                collections,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(advisories in vec(advisory(), 0..4)) {
        prop_assert_eq!(read(&written(&advisories)).unwrap(), advisories);
    }

    #[test]
    fn a_filter_leaves_what_is_kept_and_does_no_more_when_done_again(
        advisories in vec(advisory(), 0..4)
    ) {
        let document = written(&advisories);
        prop_assert_eq!(&filtered(&document, |_| true).0, &document);
        let keep = |package: &Package| package.name != "a";
        let once = filtered(&document, keep).0;
        prop_assert_eq!(&filtered(&once, keep).0, &once);
        let kept = |advisories: &[Advisory]| -> Vec<Package> {
            advisories.iter().flat_map(Advisory::packages).filter(|p| keep(p)).cloned().collect()
        };
        let left = read(&once).unwrap();
        prop_assert_eq!(kept(&left), kept(&advisories));
        prop_assert!(left.iter().flat_map(Advisory::packages).all(keep));
    }

    #[test]
    fn a_merge_loses_no_package(documents in vec(vec(advisory(), 0..4), 0..3)) {
        let texts: Vec<_> = documents.iter().map(|advisories| written(advisories)).collect();
        let mut out = Vec::new();
        merge(texts.iter().map(String::as_bytes), &mut out).unwrap();
        let merged = read(std::str::from_utf8(&out).unwrap()).unwrap();
        for advisory in documents.iter().flatten() {
            let same = merged.iter().filter(|other| other.id == advisory.id);
            let there: Vec<_> = same.flat_map(Advisory::packages).map(Package::nevra).collect();
            for package in advisory.packages() {
                prop_assert!(there.contains(&package.nevra()), "{:?}", package);
            }
        }
    }
}
