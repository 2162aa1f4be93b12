//! Packages that are chosen of several repositories together.

mod changes;

use std::fs;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use mirror_core::format::compression::decoder;
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::primary::read_packages;
use mirror_core::format::rpm::repomd::Repomd;
use mirror_core::path::TreePath;
use mirror_core::report::{Outcome, Report};
use mirror_core::resolve::rpm::{Extent, PackageSet, Weak};
use mirror_core::source::rpm::{Answer, Closure, RpmSource, Selection, check};
use mirror_core::{Error, Job, Mirror, Mode};
use mirror_fixtures::upstream::Upstream;
use mirror_fixtures::{Extra, Package, Repository, Written};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::support::{options, patient, read_repository, source};

/// Upstreams of some repositories, and a root to mirror them to.
pub(super) struct Sites {
    folder: TempDir,
    pub(super) upstreams: Vec<(String, Upstream, Written)>,
}

/// What came of a run.
pub(super) struct Ran {
    pub(super) report: Report,
    pub(super) answers: Vec<Answer>,
}

impl Ran {
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        self.report.trees.iter().map(|tree| tree.outcome).collect()
    }

    pub(super) fn reasons(&self) -> Vec<String> {
        self.report.trees.iter().map(mirror_core::report::TreeReport::reason).collect()
    }
}

impl Sites {
    pub(super) fn new(repositories: &[(&str, Repository)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let upstreams = repositories.iter().map(|(name, repository)| {
            let written = repository.write(folder.path().join("upstream").join(name));
            let upstream = Upstream::serve(&written.dir);
            ((*name).to_owned(), upstream, written)
        });
        Self { upstreams: upstreams.collect(), folder }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(super) fn upstream(&self, name: &str) -> &Upstream {
        &self.upstreams.iter().find(|(known, ..)| known == name).unwrap().1
    }

    pub(super) fn written(&self, name: &str) -> &Written {
        &self.upstreams.iter().find(|(known, ..)| known == name).unwrap().2
    }

    /// The repository's next version.
    pub(super) fn write(&mut self, name: &str, repository: &Repository) {
        let of = self.upstreams.iter_mut().find(|(known, ..)| known == name).unwrap();
        of.2 = repository.write(&of.2.dir);
        of.1.set_root(&of.2.dir);
    }

    pub(super) fn clear_requests(&self) {
        self.upstreams.iter().for_each(|(_, upstream, _)| upstream.clear_requests());
    }

    /// How often each upstream was asked.
    pub(super) fn requests(&self) -> Vec<usize> {
        self.upstreams.iter().map(|(_, upstream, _)| upstream.requests().len()).collect()
    }

    pub(super) fn jobs(
        &self,
        closure: &Arc<Closure>,
        made: impl Fn(&str, RpmSource) -> RpmSource,
    ) -> Vec<Job> {
        let job = |(name, upstream, _): &(String, Upstream, Written)| {
            let arches: &[&str] = match name.rsplit_once('-') {
                Some((_, "arm")) => &["aarch64"],
                Some((_, "both")) => &["x86_64", "aarch64"],
                _ => &["x86_64"],
            };
            let arches: Vec<String> = arches.iter().map(|&arch| arch.to_owned()).collect();
            let source = source(&upstream.url()).chosen_with(closure, &arches);
            Job::new(made(name, source), TreePath::new(name).unwrap()).in_group("site")
        };
        self.upstreams.iter().map(job).collect()
    }

    pub(super) async fn run_with(
        &self,
        sets: Vec<PackageSet>,
        made: impl Fn(&str, RpmSource) -> RpmSource,
    ) -> Ran {
        let closure = Arc::new(Closure::new(sets));
        let jobs = self.jobs(&closure, made);
        let mirror = Mirror::open(&self.root(), patient()).await.unwrap();
        let cancel = CancellationToken::new();
        let report = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel).await.unwrap();
        Ran { report, answers: closure.answers() }
    }

    pub(super) async fn run(&self, set: PackageSet) -> Ran {
        self.run_with(vec![set], |_, source| source).await
    }

    /// The packages that a tree lists and has, by name and version.
    pub(super) fn packages(&self, tree: &str) -> Vec<String> {
        let folder = self.root().join(tree);
        read_repository(&folder).unwrap();
        let repomd = fs::read(folder.join("repodata/repomd.xml")).unwrap();
        let primary = Repomd::read(&*repomd).unwrap().record("primary").unwrap().href.clone();
        let file = BufReader::new(fs::File::open(folder.join(primary)).unwrap());
        let mut found = Vec::new();
        read_packages(decoder(file, 1 << 30).unwrap(), |package| {
            found.push(format!("{}-{}-{}", package.name, package.version, package.release));
            Ok::<_, FormatError>(())
        })
        .unwrap();
        found.sort();
        found
    }

    /// Asserts that what was asked for can be installed from the trees alone, and that they list what
    /// they hold.
    pub(super) fn assert_sound(&self) {
        let folders: Vec<_> = self
            .upstreams
            .iter()
            .map(|(name, ..)| (name.as_str(), self.root().join(name)))
            .collect();
        let trees: Vec<_> = folders.iter().map(|(name, path)| (*name, path.as_path())).collect();
        let checked = check(&trees, &[], &|_, _| true, &|| false).unwrap();
        assert!(checked.is_good(), "{checked:#?}");
    }
}

pub(super) fn set(packages: &[&str]) -> PackageSet {
    PackageSet {
        packages: packages.iter().map(|&name| name.to_owned()).collect(),
        extent: Extent::Closed,
        ..PackageSet::default()
    }
}

fn package(name: &str) -> Package {
    Package::new(name, "1", "1")
}

/// Two repositories of which neither is closed without the other.
pub(super) fn pair() -> (Repository, Repository) {
    let base = Repository::new().packages([
        package("lib"),
        Package::new("lib", "2", "1"),
        package("shell").provides("/bin/sh"),
        package("words").file("/usr/share/dict/words", "a\n"),
        package("locale"),
        package("extra"),
        package("docs"),
    ]);
    let apps = Repository::new().packages([
        package("app")
            .requires("lib >= 2")
            .requires("/usr/share/dict/words")
            .requires("(locale if shell)")
            .recommends("docs"),
        package("other").requires("shell"),
        package("lonely").requires("nowhere"),
    ]);
    (base, apps)
}

pub(super) fn sites() -> Sites {
    let (base, apps) = pair();
    Sites::new(&[("base", base), ("apps", apps)])
}

#[tokio::test]
async fn what_one_repository_needs_of_the_other_comes_and_nothing_else() {
    let sites = sites();
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 2], "{:#?}", ran.report);
    assert_eq!(sites.packages("apps"), ["app-1-1"]);
    // `locale` only where there is a shell; the words are known by filelists alone.
    assert_eq!(sites.packages("base"), ["docs-1-1", "lib-2-1", "words-1-1"]);
    sites.assert_sound();

    let [answer] = &ran.answers[..] else { panic!("{:#?}", ran.answers) };
    assert_eq!((answer.arch.as_str(), answer.packages.len(), answer.brought()), ("x86_64", 4, 3));
    assert_eq!(answer.asked[0].packages, ["app-1-1.noarch"]);
    let lib = answer.packages.iter().find(|package| package.package == "lib-2-1.noarch").unwrap();
    assert_eq!((lib.tree.as_str(), lib.asked.len()), ("base", 0));
    let brought = &lib.brought[0];
    assert_eq!((brought.by.as_str(), &*brought.dependency), ("app-1-1.noarch", "lib >= 2"));

    // With the shell comes what goes with it; without what is only better, that.
    let strict = PackageSet { weak: Weak::No, ..set(&["app", "other"]) };
    sites.run(strict).await;
    assert_eq!(sites.packages("apps"), ["app-1-1", "other-1-1"]);
    assert_eq!(sites.packages("base"), ["lib-2-1", "locale-1-1", "shell-1-1", "words-1-1"]);
    sites.assert_sound();
}

#[tokio::test]
async fn names_alone_bring_the_newest_of_each() {
    let sites = sites();
    let named = PackageSet { extent: Extent::Named, ..set(&["app", "l*", "/bin/sh"]) };
    let ran = sites.run(named).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 2], "{:#?}", ran.report);
    assert_eq!(sites.packages("apps"), ["app-1-1", "lonely-1-1"]);
    assert_eq!(sites.packages("base"), ["lib-2-1", "locale-1-1", "shell-1-1"]);
    let words = ran.answers[0].asked.iter().map(|asked| (&*asked.text, asked.packages.len()));
    assert_eq!(words.collect::<Vec<_>>(), [("app", 1), ("l*", 3), ("/bin/sh", 1)]);
}

#[tokio::test]
async fn all_that_cannot_be_had_is_told_and_nothing_is_published() {
    let sites = sites();
    sites.run(set(&["app"])).await;
    let ran = sites.run(set(&["app", "lonely", "oter"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Failed; 2]);
    assert_eq!(
        ran.answers[0].unsolved,
        ["nothing is called oter, and nothing provides it: did you mean other?"]
    );
    let ran = sites.run(set(&["app", "lonely", "other"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Failed; 2]);
    let why = "lonely: nothing provides nowhere, needed by lonely-1-1.noarch";
    assert_eq!(ran.answers[0].unsolved, [why]);
    for reason in ran.reasons() {
        assert_eq!(reason, format!("what is asked for cannot be had: {why}"));
    }
    assert_eq!(sites.packages("apps"), ["app-1-1"]);
}

#[tokio::test]
async fn what_a_selection_drops_is_not_to_be_chosen() {
    let sites = sites();
    let without = |name: &str, source: RpmSource| match name {
        "base" => source.select(Selection {
            exclude: vec![mirror_core::source::rpm::Glob::new("words").unwrap()],
            ..Selection::default()
        }),
        _ => source,
    };
    let ran = sites.run_with(vec![set(&["app"])], without).await;
    assert_eq!(ran.outcomes(), [Outcome::Failed; 2]);
    assert_eq!(
        ran.answers[0].unsolved,
        [
            "app: nothing provides /usr/share/dict/words, needed by app-1-1.noarch: words-1-1.noarch \
          would, and is excluded"
        ]
    );
}

#[tokio::test]
async fn sets_share_the_trees() {
    let sites = sites();
    let named = |name: &str, packages: &[&str]| PackageSet { name: name.into(), ..set(packages) };
    // Each is installed by itself: the shell of one is none of the other's.
    let ran = sites
        .run_with(vec![named("one", &["app"]), named("two", &["other", "lib-1"])], |_, s| s)
        .await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 2], "{:#?}", ran.report);
    assert_eq!(sites.packages("apps"), ["app-1-1", "other-1-1"]);
    let base = ["docs-1-1", "lib-1-1", "lib-2-1", "shell-1-1", "words-1-1"];
    assert_eq!(sites.packages("base"), base);
}

#[tokio::test]
async fn a_member_that_cannot_be_read_fails_the_others_at_once() {
    let sites = sites();
    sites.upstream("base").fault_all(mirror_fixtures::upstream::Fault::Status(404));
    let ran = sites.run(set(&["app"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Failed; 2]);
    let reasons = ran.reasons();
    assert!(reasons[0].ends_with("404 Not Found, expected 200 OK"), "{reasons:?}");
    let without = "base could not be read, and what is asked of both cannot be chosen without it: ";
    assert!(reasons[1].starts_with(without), "{reasons:?}");
    assert!(!sites.root().join("apps/repodata").exists());
}

#[tokio::test]
async fn more_members_than_are_read_at_once_wait_for_each_other() {
    let repositories: Vec<(String, Repository)> = (0..20)
        .map(|at| {
            let one = package(&format!("one-{at}")).requires(&format!("one-{}", (at + 1) % 20));
            (format!("repo-{at:02}"), Repository::new().packages([one, package("unwanted")]))
        })
        .collect();
    let repositories: Vec<_> =
        repositories.iter().map(|(name, repository)| (name.as_str(), repository.clone())).collect();
    let sites = Sites::new(&repositories);
    let ran = sites.run(set(&["one-7"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 20], "{:#?}", ran.report);
    assert_eq!(ran.answers[0].packages.len(), 20);
}

#[tokio::test]
async fn each_architecture_is_solved_by_itself_and_shares_what_lies_together() {
    let of = |name: &str, arch: &str| package(name).arch(arch);
    let base = |arch: &str| Repository::new().packages([of("lib", arch), of("unwanted", arch)]);
    let both = ["x86_64", "aarch64"].map(|arch| of("app", arch).requires("lib"));
    let noarch = [package("data"), package("none")];
    let both = Repository::new().packages(both).packages(noarch);
    let sites =
        Sites::new(&[("x86", base("x86_64")), ("base-arm", base("aarch64")), ("apps-both", both)]);
    let ran = sites.run(set(&["app", "data"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 3], "{:#?}", ran.report);
    assert_eq!(sites.packages("x86"), ["lib-1-1"]);
    assert_eq!(sites.packages("base-arm"), ["lib-1-1"]);
    assert_eq!(sites.packages("apps-both"), ["app-1-1", "app-1-1", "data-1-1"]);
    let arches: Vec<_> = ran.answers.iter().map(|answer| answer.arch.as_str()).collect();
    assert_eq!(arches, ["aarch64", "x86_64"]);
    sites.assert_sound();
}

#[tokio::test]
async fn groups_are_what_the_metadata_of_any_of_them_says() {
    let (base, apps) = pair();
    let comps = Extra::Content {
        kind: "group".to_owned(),
        name: "comps.xml".to_owned(),
        content: b"<comps><group><id>core</id><name>Core</name><packagelist>\
                   <packagereq type='mandatory'>app</packagereq>\
                   <packagereq type='default'>extra</packagereq>\
                   <packagereq type='optional'>lonely</packagereq>\
                   </packagelist></group></comps>"
            .to_vec(),
    };
    let sites = Sites::new(&[("base", base.with(comps)), ("apps", apps)]);
    let ran = sites.run(set(&["@core"])).await;
    assert_eq!(ran.outcomes(), [Outcome::Published; 2], "{:#?}", ran.report);
    assert_eq!(sites.packages("apps"), ["app-1-1"]);
    assert_eq!(sites.packages("base"), ["docs-1-1", "extra-1-1", "lib-2-1", "words-1-1"]);
    assert_eq!(ran.answers[0].asked[0].text, "@core");
    assert_eq!(ran.answers[0].asked[0].packages, ["app-1-1.noarch", "extra-1-1.noarch"]);
}

#[tokio::test]
async fn an_interruption_ends_the_waiting() {
    let sites = sites();
    let silent = mirror_fixtures::upstream::Fault::HangBeforeHeaders;
    sites.upstream("base").fault("repodata/repomd.xml", silent);
    let closure = Arc::new(Closure::new(vec![set(&["app"])]));
    let jobs = sites.jobs(&closure, |_, source| source);
    let mirror = Mirror::open(&sites.root(), options()).await.unwrap();
    let cancel = CancellationToken::new();
    let syncing = mirror.sync(&jobs, Mode::Apply, Arc::new(()), &cancel);
    let stopping = async {
        while sites.upstream("base").requests().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (ran, ()) = futures::join!(syncing, stopping);
    assert!(matches!(ran, Err(Error::Cancelled)), "{ran:?}");
}
