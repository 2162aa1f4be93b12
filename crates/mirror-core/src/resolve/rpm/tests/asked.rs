//! What users' words mean, alone and as dnf has it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::real::{self, judge, metadata};
use super::rules::{document, repositories};
use super::*;
use crate::format::rpm::comps::Comps;
use crate::format::rpm::installed;
use crate::format::rpm::modules::Modules;

/// Repositories with comps and modules.
struct Site {
    pool: Pool,
    comps: Vec<Comps>,
    modules: Vec<Modules>,
}

impl Site {
    fn new(packages: &[&str], comps: &[&str], modules: &[&str]) -> Self {
        Self {
            pool: repositories(packages),
            comps: comps.iter().map(|text| Comps::read(text.as_bytes()).unwrap()).collect(),
            modules: modules.iter().map(|text| Modules::read(text.as_bytes()).unwrap()).collect(),
        }
    }

    fn goal(&mut self, set: &PackageSet) -> Result<Asked, AskError> {
        goal(&mut self.pool, &self.comps, &self.modules, set)
    }

    /// The names, or builds, that are taken, and the notes.
    fn solve(&mut self, set: &PackageSet) -> (Vec<String>, Vec<String>) {
        let asked = self.goal(set).unwrap_or_else(|error| panic!("{error}"));
        let solution = asked.goal.solve(&self.pool, &|| false).unwrap();
        let words = solution.packages.iter().map(|chosen| self.pool.nevra(chosen.id).to_string());
        let mut words: Vec<String> =
            words.map(|word| word.replace("-1-1.noarch", "").replace(".noarch", "")).collect();
        words.sort();
        (words, [asked.notes, solution.notes].concat())
    }

    fn takes(&mut self, words: &[&str]) -> Vec<String> {
        self.solve(&set(words, &[])).0
    }

    /// What is not known, a line each.
    fn refuses(&mut self, words: &[&str], streams: &[&str]) -> Vec<String> {
        match self.goal(&set(words, streams)) {
            Err(error) => error.to_string().lines().map(str::to_owned).collect(),
            Ok(asked) => panic!("{asked:?}"),
        }
    }
}

fn set(words: &[&str], streams: &[&str]) -> PackageSet {
    PackageSet {
        packages: words.iter().map(|word| (*word).to_owned()).collect(),
        streams: streams.iter().map(|stream| stream.parse().unwrap()).collect(),
        extent: Extent::Closed,
        weak: Weak::No,
        ..PackageSet::default()
    }
}

fn host(lines: &str) -> PackageSet {
    let installed = installed::read(lines.as_bytes()).unwrap();
    PackageSet { installed, ..set(&[], &[]) }
}

const COMPS: &str = "<comps>
  <group><id>core</id><name>Core System</name><packagelist>
    <packagereq type='mandatory'>bash</packagereq>
    <packagereq type='default'>vim</packagereq>
    <packagereq type='optional'>emacs</packagereq>
    <packagereq type='conditional' requires='ssh'>ssh-agent</packagereq>
    <packagereq type='default'>of-another-release</packagereq>
  </packagelist></group>
  <group><id>web</id><name>Web Server</name><packagelist>
    <packagereq>ssh</packagereq>
  </packagelist></group>
  <group><id>extra</id><name>Extras</name><packagelist>
    <packagereq>emacs</packagereq>
  </packagelist></group>
  <environment><id>minimal</id><name>Minimal Install</name>
    <grouplist><groupid>core</groupid><groupid>web</groupid><groupid>gone</groupid></grouplist>
    <optionlist><groupid default='true'>extra</groupid></optionlist>
  </environment>
</comps>";

const GROUPED: &str = "bash-1-1.noarch | > libc
    bash-2-1.noarch | > libc
    libc-1-1.noarch
    vim-1-1.noarch
    emacs-1-1.noarch
    ssh-1-1.noarch
    ssh-agent-1-1.noarch";

#[test]
fn groups_and_environments_are_their_packages() {
    let mut site = Site::new(&[GROUPED], &[COMPS], &[]);
    let core = ["bash-2-1", "libc", "vim"];
    for word in ["@core", "@Core System", "@CORE", "@cor*"] {
        assert_eq!(site.takes(&[word]), core, "{word}");
    }
    let all = ["bash-2-1", "libc", "ssh", "ssh-agent", "vim"];
    for word in ["@^minimal", "@minimal", "@Minimal Install"] {
        assert_eq!(site.takes(&[word]), all, "{word}");
    }
    assert_eq!(site.takes(&["@core", "ssh"]), all);
    assert_eq!(site.takes(&["@extra", "libc"]), ["emacs", "libc"]);
    let (_, notes) = site.solve(&set(&["@^minimal"], &[]));
    assert_eq!(
        notes,
        [
            "@^minimal: passed over @gone, which no comps has",
            "@^minimal: passed over what no repository has: of-another-release"
        ]
    );
    let asked = site.goal(&set(&["@core"], &[])).unwrap();
    let texts: Vec<&str> = asked.goal.roots.iter().map(|root| root.text.as_str()).collect();
    assert_eq!(texts, ["bash (@core)", "ssh-agent (@core)", "vim (@core)"]);
}

#[test]
fn groups_of_several_repositories_are_one() {
    let more = "<comps><group><id>core</id><name>Core</name><packagelist>
        <packagereq>emacs</packagereq></packagelist></group></comps>";
    let mut site = Site::new(&[GROUPED], &[COMPS, more], &[]);
    assert_eq!(site.takes(&["@core"]), ["bash-2-1", "emacs", "libc", "vim"]);
}

#[test]
fn all_unknown_words_are_told_at_once_each_with_what_was_perhaps_meant() {
    let mut site = Site::new(&[GROUPED], &[COMPS], &[MODULES]);
    let words = ["bahs", "@coer", "@^minimum", "vim", "nothing-like-it", "@nodejs:21", "@node:20"];
    assert_eq!(
        site.refuses(&words, &["nodjes:18"]),
        [
            "no stream of the module nodejs is called 21: there is 18, 20",
            "no module is called node: did you mean nodejs?",
            "no module is called nodjes: did you mean nodejs?",
            "nothing is called bahs, and nothing provides it: did you mean bash?",
            "no group or environment is called @coer: did you mean @core?",
            "no group or environment is called @^minimum: did you mean @^minimal?",
            "nothing is called nothing-like-it, and nothing provides it",
        ]
    );
}

/// Two streams of a module, of which one needs a stream of another that is not the default one.
const MODULES: &str = "---
document: modulemd
version: 2
data:
  name: nodejs
  stream: '18'
  version: 1
  context: aaaa
  arch: x86_64
  summary: a
  description: a
  license: {module: [MIT]}
  dependencies: [{requires: {platform: [el9]}}]
  profiles: {common: {rpms: [node, npm]}, tiny: {rpms: [node]}}
  artifacts: {rpms: ['node-0:18-1.noarch', 'npm-0:18-1.noarch', 'node-0:18-1.src']}
---
document: modulemd
version: 2
data:
  name: nodejs
  stream: '18'
  version: 2
  context: bbbb
  arch: x86_64
  summary: a
  description: a
  license: {module: [MIT]}
  dependencies: [{requires: {platform: [el9]}}]
  profiles: {common: {rpms: [node, npm]}, tiny: {rpms: [node]}}
  artifacts: {rpms: ['node-0:18-2.noarch', 'npm-0:18-1.noarch']}
---
document: modulemd
version: 2
data:
  name: nodejs
  stream: '20'
  version: 3
  context: cccc
  arch: x86_64
  summary: a
  description: a
  license: {module: [MIT]}
  dependencies: [{requires: {platform: [el9], perl: ['5.32']}}]
  profiles: {common: {rpms: [node]}}
  artifacts: {rpms: ['node-0:20-1.noarch']}
---
document: modulemd
version: 2
data:
  name: perl
  stream: '5.26'
  version: 1
  context: dddd
  arch: x86_64
  summary: a
  description: a
  license: {module: [MIT]}
  dependencies: [{requires: {platform: [el9]}}]
  artifacts: {rpms: ['perl-0:5.26-1.noarch']}
---
document: modulemd
version: 2
data:
  name: perl
  stream: '5.32'
  version: 1
  context: eeee
  arch: x86_64
  summary: a
  description: a
  license: {module: [MIT]}
  dependencies: [{requires: {platform: [el9]}}]
  artifacts: {rpms: ['perl-0:5.32-1.noarch']}
---
document: modulemd
version: 2
data:
  name: ruby
  stream: '3'
  version: 1
  context: ffff
  arch: x86_64
  summary: a
  description: a
  license: {module: [MIT]}
  dependencies: [{requires: {platform: [el9]}}]
  artifacts: {rpms: ['ruby-0:3-1.noarch']}
---
document: modulemd-defaults
version: 1
data: {module: nodejs, stream: '18', profiles: {'18': [common]}}
---
document: modulemd-defaults
version: 1
data: {module: perl, stream: '5.26'}
";

/// Packages of the streams, and of none: what stands beside those of an enabled stream is hidden.
const MODULAR: &str = "node-18-1.noarch | > perl
    node-18-2.noarch | > perl
    node-20-1.noarch | > perl
    node-21-1.noarch
    npm-18-1.noarch | > node
    iojs-99-1.noarch | + node = 99
    perl-5.26-1.noarch
    perl-5.32-1.noarch
    perl-5.40-1.noarch
    ruby-3-1.noarch
    ruby-2-1.noarch
    plain-1-1.noarch | > node";

#[test]
fn packages_are_those_of_the_enabled_streams() {
    let mut site = Site::new(&[MODULAR], &[], &[MODULES]);
    assert_eq!(site.takes(&["plain"]), ["node-18-2", "perl-5.26-1", "plain"]);
    assert_eq!(site.takes(&["node-18-1"]), ["node-18-1", "perl-5.26-1"]);
    // No stream of ruby is enabled, so that what is of no module may be had.
    assert_eq!(site.takes(&["ruby"]), ["ruby-2-1"]);
    let twenty = ["node-20-1", "perl-5.32-1", "plain"];
    let (taken, notes) = site.solve(&set(&["plain"], &["nodejs:20"]));
    assert_eq!(taken, twenty);
    assert_eq!(notes, ["perl:5.26 is not enabled by default: it does not go with nodejs:20"]);
    assert_eq!(site.solve(&set(&["ruby"], &["ruby:3"])).0, ["ruby-3-1"]);
    // Nothing is left of what was enabled before.
    assert_eq!(site.takes(&["plain"]), ["node-18-2", "perl-5.26-1", "plain"]);
}

#[test]
fn profiles_of_modules_are_their_packages() {
    let mut site = Site::new(&[MODULAR], &[], &[MODULES]);
    let common = ["node-18-2", "npm-18-1", "perl-5.26-1"];
    assert_eq!(site.takes(&["@nodejs"]), common);
    assert_eq!(site.takes(&["@nodejs:18/common"]), common);
    assert_eq!(site.takes(&["@nodejs/tiny"]), ["node-18-2", "perl-5.26-1"]);
    assert_eq!(site.takes(&["@nodejs:20/common"]), ["node-20-1", "perl-5.32-1"]);
    assert_eq!(
        site.refuses(&["@nodejs:20", "@nodejs/huge", "@ruby"], &[]),
        ["nodejs:20 and nodejs:18 do not go together"]
    );
}

#[test]
fn what_only_other_streams_have_is_told_with_them() {
    let packages = "node-18-1.noarch\n node-20-1.noarch\n npm-18-1.noarch\n ruby-3-1.noarch";
    let mut site = Site::new(&[packages], &[], &[MODULES]);
    assert_eq!(
        site.refuses(&["ruby", "node-20-1"], &[]),
        [
            "ruby is of modules only, of streams that are not enabled: ruby:3",
            "node-20-1 is of modules only, of streams that are not enabled: nodejs:20",
        ]
    );
}

#[test]
fn what_a_host_has_is_not_taken_again() {
    let packages = "app-2-1.noarch | > lib >= 1 | > helper
        lib-1-1.noarch
        lib-1:2-1.noarch
        helper-3:1-1.noarch
        kernel-core-5-1.noarch | + installonlypkg(kernel)
        kernel-core-6-1.noarch | + installonlypkg(kernel)";
    let mut site = Site::new(&[packages], &[], &[]);
    let ask = |words: &[&str], lines: &str| PackageSet {
        packages: words.iter().map(|word| (*word).to_owned()).collect(),
        ..host(lines)
    };
    assert_eq!(site.takes(&["app"]), ["app-2-1", "helper-3:1-1", "lib-1:2-1"]);
    // Builds without their epoch are those of the repositories, and others are as new as they say.
    let (taken, notes) = site.solve(&ask(&["app"], "helper-1-1.noarch\nlib-2-1.noarch\n"));
    assert_eq!((taken, notes), (vec!["app-2-1".to_owned()], Vec::new()));
    let (taken, _) = site.solve(&ask(&["app"], "helper-0.9-1.noarch\nlib-1.5-1.noarch\n"));
    assert_eq!(taken, ["app-2-1"]);
    let (taken, _) = site.solve(&ask(&["app"], "helper-0:9-1.noarch\n"));
    assert_eq!(taken, ["app-2-1", "lib-1:2-1"]);
    // What no repository has is told, and other sets of the same pool know nothing of it.
    let (taken, notes) = site.solve(&ask(&["own-tool", "lib"], "own-tool-1-1.noarch\n"));
    assert_eq!(taken, ["lib-1:2-1"]);
    assert_eq!(notes, ["own-tool is installed already, and no repository has it"]);
    assert_eq!(
        site.refuses(&["own-tool"], &[]),
        ["own-tool: all 1 matching packages are left out: installed, and in no repository"]
    );
    assert_eq!(site.takes(&["app"]), ["app-2-1", "helper-3:1-1", "lib-1:2-1"]);
    // Kernels stand beside each other.
    let kernels = "kernel-core-3-1.noarch\nkernel-core-4-1.noarch\n";
    let (taken, notes) = site.solve(&ask(&["kernel-core"], kernels));
    assert_eq!((taken, notes), (vec!["kernel-core-6-1".to_owned()], Vec::new()));
}

#[test]
fn a_host_keeps_what_is_of_streams_that_are_not_enabled() {
    let mut site = Site::new(&[MODULAR], &[], &[MODULES]);
    let asked = |lines| PackageSet { packages: vec!["plain".to_owned()], ..host(lines) };
    assert_eq!(site.solve(&asked("node-20-1.noarch\n")).0, ["plain"]);
    assert_eq!(site.solve(&asked("")).0, ["node-18-2", "perl-5.26-1", "plain"]);
}

#[test]
fn streams_that_do_not_go_together() {
    let mut site = Site::new(&[MODULAR], &[], &[MODULES]);
    assert_eq!(
        site.refuses(&["plain"], &["nodejs:20", "perl:5.26"]),
        ["perl:5.26 and nodejs:20 do not go together"]
    );
    // A default one gives way to what another default one needs.
    let other = MODULES.replace("stream: '18', profiles", "stream: '20', profiles");
    let mut site = Site::new(&[MODULAR], &[], &[&other]);
    let (taken, notes) = site.solve(&set(&["plain"], &[]));
    assert_eq!(taken, ["node-20-1", "perl-5.32-1", "plain"]);
    assert_eq!(notes, ["perl:5.26 is not enabled by default: it does not go with nodejs:20"]);
    // Repositories that do not agree choose nothing.
    let mut site = Site::new(&[MODULAR], &[], &[MODULES, &other]);
    assert_eq!(site.takes(&["plain"]), ["iojs-99-1", "plain"]);
    // Where it is not known what is modular, nothing is taken for what is not.
    let broken = format!("{MODULES}---\ndocument: modulemd\nversion: 2\ndata: [");
    let error = Site::new(&[MODULAR], &[], &[&broken]).goal(&set(&["plain"], &[])).unwrap_err();
    assert!(matches!(error, AskError::Modules(_)), "{error}");
}

#[test]
fn reads_streams() {
    let stream: ModuleStream = "container-tools:rhel8".parse().unwrap();
    assert_eq!((&*stream.module, &*stream.stream), ("container-tools", "rhel8"));
    for wrong in ["", "nodejs", "nodejs:", ":20", "nodejs:20:1", "nodejs:20/common", "a b:1"] {
        let error = wrong.parse::<ModuleStream>().unwrap_err().to_string();
        let expected = "expected a module and a stream of it, as nodejs:20, found ";
        assert_eq!(error, format!("{expected}{wrong:?}"));
    }
}

/// Writes a repository that dnf can read.
fn publish(folder: &Path, packages: &str, comps: &str, modules: &str) {
    let repodata = folder.join("repodata");
    fs::create_dir(&repodata).unwrap();
    let mut repomd = "<repomd xmlns='http://linux.duke.edu/metadata/repo'>".to_owned();
    let primary = document(packages);
    for (kind, name, text) in [
        ("primary", "primary.xml", primary.as_str()),
        ("group", "comps.xml", comps),
        ("modules", "modules.yaml", modules),
    ] {
        fs::write(repodata.join(name), text).unwrap();
        let digest = crate::digest::Sha256::of(text.as_bytes());
        let _ = write!(
            repomd,
            "<data type='{kind}'><checksum type='sha256'>{digest}</checksum>\
             <location href='repodata/{name}'/></data>"
        );
    }
    fs::write(repodata.join("repomd.xml"), repomd + "</repomd>").unwrap();
}

/// Each goal as words and streams, held against dnf.
fn hold_against_dnf(site: &mut Site, folders: &[&Path], goals: &[(&[&str], &[&str])]) {
    let asked = goals.iter().map(|(install, streams)| {
        let install: Vec<String> = install.iter().map(|word| word.replace("@^", "@")).collect();
        serde_json::json!({ "install": install, "streams": streams, "weak": false })
    });
    let answers = judge(folders, &asked.collect::<Vec<_>>()).unwrap();
    assert_eq!(answers.len(), goals.len());
    for ((words, streams), theirs) in goals.iter().zip(answers) {
        let asked = site.goal(&set(words, streams));
        let ours = asked.map_err(|error| error.to_string()).and_then(|asked| {
            let solved = asked.goal.solve(&site.pool, &|| false);
            solved.map_err(|error| error.to_string())
        });
        let ours = ours.map(|solution| {
            let ids = solution.packages.iter().map(|chosen| chosen.id);
            let mut words: Vec<String> = ids.map(|id| site.pool.nevra(id).to_string()).collect();
            words.sort();
            words
        });
        match (&ours, &theirs) {
            (Err(_), Err(_)) => {}
            _ => assert_eq!(ours, theirs, "{words:?} {streams:?}"),
        }
    }
}

#[test]
fn words_mean_what_they_mean_to_dnf() {
    if mirror_fixtures::tool("dnf").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let packages = format!("{GROUPED}\n{MODULAR}");
    publish(folder.path(), &packages, COMPS, MODULES);
    let mut site = Site::new(&[&packages], &[COMPS], &[MODULES]);
    let goals: [(&[&str], &[&str]); _] = [
        (&["@core"], &[]),
        (&["@Core System"], &[]),
        (&["@CORE", "ssh"], &[]),
        (&["@w*"], &[]),
        (&["@^minimal"], &[]),
        (&["@^Minimal Install", "emacs"], &[]),
        (&["@nothing"], &[]),
        (&["plain"], &[]),
        (&["node"], &[]),
        (&["node-18-1"], &[]),
        (&["iojs"], &[]),
        (&["ruby"], &[]),
        (&["ruby"], &["ruby:3"]),
        (&["perl"], &[]),
        (&["perl"], &["perl:5.32"]),
        (&["plain"], &["nodejs:20"]),
        (&["plain"], &["nodejs:20", "perl:5.32"]),
        (&["plain"], &["nodejs:20", "perl:5.26"]),
        (&["plain"], &["nodejs:21"]),
        (&["plain"], &["nodsje:20"]),
        (&["@nodejs"], &[]),
        (&["@nodejs:20"], &[]),
        (&["@nodejs:20/common"], &[]),
        (&["@nodejs:18/tiny"], &[]),
        (&["@nodejs"], &["nodejs:20"]),
        (&["@ruby"], &[]),
    ];
    hold_against_dnf(&mut site, &[folder.path()], &goals);
}

#[test]
fn streams_are_enabled_by_default_as_dnf_does() {
    if mirror_fixtures::tool("dnf").is_none() {
        return;
    }
    let other = MODULES.replace("stream: '18', profiles", "stream: '20', profiles");
    let goals: [(&[&str], &[&str]); _] = [
        (&["plain"], &[]),
        (&["ruby"], &[]),
        (&["perl"], &[]),
        (&["plain"], &["perl:5.26"]),
        (&["plain"], &["nodejs:18"]),
        (&["plain"], &["nodejs:20"]),
    ];
    for modules in [vec![other.as_str()], vec![MODULES, &other]] {
        let folders: Vec<_> = modules.iter().map(|_| tempfile::tempdir().unwrap()).collect();
        for (folder, modules) in folders.iter().zip(&modules) {
            publish(folder.path(), MODULAR, COMPS, modules);
        }
        let folders: Vec<&Path> = folders.iter().map(tempfile::TempDir::path).collect();
        let packages = vec![MODULAR; modules.len()];
        let mut site = Site::new(&packages, &[COMPS], &modules);
        hold_against_dnf(&mut site, &folders, &goals);
    }
}

#[test]
fn streams_of_real_modules_hide_what_they_hide_from_dnf() {
    let Some(folder) = real::real("modules-f29") else { return };
    if mirror_fixtures::tool("dnf").is_none() {
        return;
    }
    let texts = ["f29.yaml", "f29-updates.yaml"].map(|name| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        text.replace("platform: [f29]", "platform: [el9]")
    });
    // What the streams have, and a package of no module beside each.
    let packages = texts.each_ref().map(|text| {
        let modules = Modules::read(text.as_bytes()).unwrap();
        let mut lines = BTreeSet::new();
        for nevra in modules.streams().flat_map(|stream| &stream.artifacts) {
            if nevra.arch != "src" {
                lines.insert(nevra.to_string());
                lines.insert(format!("{}-99-1.noarch", nevra.name));
            }
        }
        lines.into_iter().collect::<Vec<_>>().join("\n")
    });
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for ((folder, packages), modules) in folders.iter().zip(&packages).zip(&texts) {
        publish(folder.path(), packages, "<comps/>", modules);
    }
    let mut site = Site::new(
        &packages.each_ref().map(String::as_str),
        &[],
        &texts.each_ref().map(String::as_str),
    );
    let mut streams: BTreeSet<String> = BTreeSet::new();
    for stream in site.modules.iter().flat_map(Modules::streams) {
        streams.insert(format!("{}:{}", stream.name, stream.stream));
    }
    let mut goals: Vec<Vec<&str>> = vec![Vec::new()];
    goals.extend(streams.iter().map(|stream| vec![stream.as_str()]));
    assert!(goals.len() > 30);
    let asked = goals.iter().map(|streams| serde_json::json!({ "streams": streams }));
    let paths = folders.each_ref().map(tempfile::TempDir::path);
    let answers = judge(&paths, &asked.collect::<Vec<_>>()).unwrap();
    for (streams, theirs) in goals.iter().zip(answers) {
        let ours = site.goal(&set(&[], streams)).map(|_| {
            let visible = site.pool.ids().filter(|id| site.pool.hidden(*id).is_none());
            let words: BTreeSet<String> =
                visible.map(|id| site.pool.nevra(id).to_string()).collect();
            words.into_iter().collect::<Vec<_>>()
        });
        match (ours, theirs) {
            (Err(_), Err(_)) => {}
            (Ok(ours), Ok(theirs)) => {
                let [ours, theirs] = [ours, theirs].map(|l| l.into_iter().collect::<BTreeSet<_>>());
                let more: Vec<_> = ours.difference(&theirs).take(5).collect();
                let less: Vec<_> = theirs.difference(&ours).take(5).collect();
                assert!(
                    more.is_empty() && less.is_empty(),
                    "{streams:?}: more {more:?}, less {less:?}"
                );
            }
            (ours, theirs) => panic!("{streams:?}: {:?}, dnf {:?}", ours.err(), theirs.err()),
        }
    }
}

#[test]
fn groups_of_a_real_repository_are_what_they_are_to_dnf() {
    let Some(folder) = real::real("centos9-baseos-md") else { return };
    if mirror_fixtures::tool("dnf").is_none() {
        return;
    }
    let comps = Comps::read(std::io::BufReader::new(metadata(&folder, "comps"))).unwrap();
    let words: Vec<String> = comps
        .groups()
        .map(|group| format!("@{}", group.id))
        .chain(comps.environments().map(|environment| format!("@^{}", environment.id)))
        .collect();
    let words: Vec<[&str; 1]> = words.iter().map(|word| [word.as_str()]).collect();
    let goals: Vec<(&[&str], &[&str])> =
        words.iter().map(|word| (word.as_slice(), [].as_slice())).collect();
    let mut site = Site { pool: real::pool(&folder), comps: vec![comps], modules: Vec::new() };
    assert!(goals.len() > 30);
    hold_against_dnf(&mut site, &[&folder], &goals);
}
