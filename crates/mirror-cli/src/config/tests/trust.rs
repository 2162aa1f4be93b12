//! Whose signatures count, by the words that say so.

use std::fs;

use mirror_core::signature::Fingerprint;
use mirror_core::source::rpm::{Check, Trust};
use mirror_fixtures::Gpg;

use super::*;

const FIRST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const SECOND: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

fn trust(config: &Config, words: &str) -> Trust {
    config.upstreams(&wanted(words), "x86_64").unwrap().swap_remove(0).trust
}

fn fingerprints(words: &[&str]) -> Vec<Fingerprint> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn a_preset_pins_what_is_known_to_sign_metadata() {
    let config = Config::default();
    let kubernetes = trust(&config, "kubernetes");
    assert_eq!(kubernetes.check, Check::IfPresent);
    assert_eq!(kubernetes.pinned, fingerprints(&["DE15B14486CD377B9E876E1A234654DA9A296436"]));
    assert!(kubernetes.urls[0].path().ends_with("/rpm/repodata/repomd.xml.key"));
    // Whether the key of the packages signs metadata too shows at first use.
    let rocky = trust(&config, "rocky");
    assert_eq!(rocky.pinned, []);
    assert_eq!(rocky.expected, fingerprints(&["FC226859C0860BF0DDB95B085B106C736FEDFC85"]));
    // Who requires a signature means that key.
    let required = trust(&config, "rocky --repo-gpgcheck require");
    assert_eq!((required.check, required.pinned), (Check::Require, rocky.expected));
    assert_eq!(trust(&config, "rocky --repo-gpgcheck off").urls, []);
}

#[test]
fn the_users_keys_are_the_only_ones() {
    let config = Config::default();
    let trust = trust(&config, &format!("rocky --key {FIRST} 0x{SECOND}"));
    assert_eq!(trust.pinned, fingerprints(&[FIRST, SECOND]));
    assert_eq!(trust.expected, []);
    assert_eq!(trust.urls.len(), 1, "the bytes may come from there");
}

#[test]
fn says_what_is_no_key() {
    let config = Config::default();
    let url = "--url http://h/ --path x";
    for (words, expected) in [
        (
            "--key 621E9F35",
            "--key: 621E9F35 is a short key id, which other keys can be made to have; expected a \
             fingerprint of 40 or 64 hex digits\n`gpg --show-keys FILE` shows the fingerprints of \
             a key file",
        ),
        (
            "--key https://h/key",
            "--key takes a file or a fingerprint, found \"https://h/key\"\nfetch the file, hold \
             its fingerprint against the one that upstream publishes, and name the file: --key \
             FILE",
        ),
        ("--key missing.key", "missing.key: No such file or directory (os error 2)"),
        (
            "--key Cargo.toml",
            "Cargo.toml: no OpenPGP key file: no -----BEGIN PGP PUBLIC KEY BLOCK----- in it",
        ),
        (
            "--repo-gpgcheck require",
            "--url: a signature is required, and no key is pinned to hold it against\nname the \
             key that upstream signs with, by its file or its fingerprint: --key FILE|FINGERPRINT",
        ),
    ] {
        assert_eq!(error(&config, &format!("{url} {words}")), expected);
    }
    let unused = error(&config, "--key 621E9F35");
    assert!(unused.starts_with("--key applies to a preset"), "{unused}");
}

#[test]
fn a_file_says_the_same_in_its_words() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("vendor", "ed25519", "never", &[]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vendor.key"), gpg.export(&key)).unwrap();
    let text = format!(
        "[preset.vendor]\n\
         url = 'http://h/'\n\
         keys = [{{ url = 'http://h/key', fingerprint = '{FIRST}' }}, '{SECOND}', 'http://h/more']\n\
         repo_gpgcheck = 'require'\n\
         [preset.vendor.repo]\n\
         main = {{}}\n\
         loose = {{ repo_gpgcheck = 'if-present', keys = ['http://h/key'] }}\n\
         [[repo]]\n\
         preset = 'vendor'\n\
         [[repo]]\n\
         url = 'http://h/'\n\
         path = 'own'\n\
         repo_gpgcheck = 'require'\n\
         keys = ['vendor.key', '{FIRST}']\n"
    );
    let config = Config::parse(&text, &folder.path().join("mirror.toml")).unwrap();
    let all = config.upstreams(&Wanted::default(), "x86_64").unwrap();
    let of = |tree: &str| {
        let mut found = all.iter().filter(|upstream| upstream.tree.as_str() == tree);
        found.next().unwrap().trust.clone()
    };
    let main = of("vendor/main");
    assert_eq!((main.check, main.pinned), (Check::Require, fingerprints(&[FIRST, SECOND])));
    assert_eq!(main.urls.len(), 2);
    let loose = of("vendor/loose");
    assert_eq!((loose.check, loose.pinned.len(), loose.urls.len()), (Check::IfPresent, 0, 1));
    let own = of("own");
    assert_eq!((own.check, own.pinned), (Check::Require, fingerprints(&[&key, FIRST])));
    assert_eq!(own.keys.len(), 1);

    let error = |text: &str| message(&Config::parse(text, "mirror.toml".as_ref()).unwrap_err());
    let short = error("[preset.x]\nkeys = ['621E9F35']");
    assert!(short.starts_with("mirror.toml:2: ") && short.contains("short key id"), "{short}");
    let unknown = error("[preset.x]\nkeys = [{ urls = 'x' }]");
    assert!(unknown.ends_with("did you mean url?"), "{unknown}");
}

#[test]
fn a_repo_file_trusts_the_keys_that_it_names() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.make("vendor", "ed25519", "never", &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vendor.key");
    fs::write(&file, gpg.export(&key)).unwrap();
    let repo = |gpgkey: &str| {
        let path = folder.path().join("vendor.repo");
        let text = format!("[v]\nbaseurl=http://h/\nrepo_gpgcheck=1\ngpgkey={gpgkey}\n");
        fs::write(&path, text).unwrap();
        format!("--repo-file {}", path.display())
    };
    let config = Config::default();
    let at_url = trust(&config, &repo("https://h/$basearch/key"));
    assert_eq!((at_url.check, at_url.pinned.len()), (Check::Require, 0));
    assert_eq!(at_url.urls[0].as_str(), "https://h/x86_64/key");
    let local = trust(&config, &repo(&format!("file://{}", file.display())));
    assert_eq!((local.keys.len(), local.urls.len()), (1, 0));
    // The user's word wins.
    let words = repo("file:///nowhere/key") + " --repo-gpgcheck if-present";
    assert_eq!(trust(&config, &words), Trust::default());
    let missing = error(&config, &repo("file:///nowhere/key"));
    assert_eq!(missing, "/nowhere/key: No such file or directory (os error 2)");
    assert!(error(&config, &repo("")).contains("no key is pinned"));
}
