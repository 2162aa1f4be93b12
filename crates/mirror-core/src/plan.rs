//! The plan: the pure difference between a manifest and what is there.
//!
//! Nothing here touches a disk. What is there is an [`Inventory`]; applying the plan makes the
//! tree hold exactly the manifest.

use std::collections::{HashMap, HashSet};

use crate::digest::{Digest, Sha256};
use crate::manifest::{Manifest, Origin, Role, StoredEntry, StoredManifest};
use crate::path::RepoPath;

/// What a store knows of its content, verified.
pub trait Inventory {
    /// The verified content of the tree's file at `path`.
    fn published(&mut self, path: &RepoPath) -> Option<Sha256>;

    /// The blob whose content has `digest`, if the store holds it, verified. A weak digest speaks
    /// only for content of the upstream at hand.
    fn blob(&mut self, digest: &Digest) -> Option<Sha256>;

    /// The same of what another tool left at `path`, where neither of the above knows it.
    fn adopt(&mut self, path: &RepoPath, digest: &Digest) -> Option<Sha256> {
        let _ = (path, digest);
        None
    }
}

/// What is to be done with a file of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is in the tree as it should be.
    Keep(Sha256),
    /// Its content is in the store and goes into the tree.
    Link(Sha256),
    /// Its content is to be fetched.
    Fetch,
}

/// What makes a tree equal to a manifest.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// A step for each of the manifest's entries, in their order.
    pub steps: Vec<Step>,
    /// Bytes to be fetched, as far as sizes are known; equal content counts once.
    pub fetch_bytes: u64,
    /// Files to be fetched; equal content counts once.
    pub fetch_files: u64,
    /// Those of them whose size is not known.
    pub fetch_unsized: u64,
    /// Files that the previous generation held and this one does not.
    pub retire: Vec<RepoPath>,
    /// The manifest against the previous generation, in payload.
    pub changes: Changes,
}

/// What a publication changes for the tree's users, in payload files by subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Changes {
    /// Files of subjects that were not there.
    pub new: u64,
    /// New files of subjects that were.
    pub updated: u64,
    /// Subjects that are no longer there.
    pub gone: u64,
    /// Files that are no longer there, of subjects that are and got no new file.
    pub dropped: u64,
}

impl Plan {
    /// The plan that makes a tree hold `manifest`.
    pub fn new(
        manifest: &Manifest,
        inventory: &mut dyn Inventory,
        previous: Option<&StoredManifest>,
    ) -> Self {
        let mut plan =
            Self { steps: Vec::with_capacity(manifest.entries().len()), ..Self::default() };
        let mut wanted = HashSet::new();
        for entry in manifest.entries() {
            let content = match entry.origin {
                Origin::Stored { sha256, .. } => Some(sha256),
                Origin::Remote(_) => None,
            };
            // Before the file is asked for: so that it is hashed once, by both algorithms.
            let foreign = entry.digest.filter(|digest| digest.as_sha256().is_none());
            let foreign = foreign.filter(|_| content.is_none()).and_then(|digest| {
                inventory.blob(&digest).or_else(|| inventory.adopt(&entry.path, &digest))
            });
            let published = inventory.published(&entry.path);
            let step = match (content, &entry.digest) {
                (Some(sha256), _) if published == Some(sha256) => Step::Keep(sha256),
                (Some(sha256), _) => Step::Link(sha256),
                (None, Some(digest)) => {
                    let held = match (digest.as_sha256(), published) {
                        (None, _) => foreign,
                        (Some(sha256), Some(there)) if sha256 == there => Some(sha256),
                        _ => {
                            inventory.blob(digest).or_else(|| inventory.adopt(&entry.path, digest))
                        }
                    };
                    match held {
                        Some(sha256) if published == Some(sha256) => Step::Keep(sha256),
                        Some(sha256) => Step::Link(sha256),
                        None => Step::Fetch,
                    }
                }
                (None, None) => Step::Fetch,
            };
            if step == Step::Fetch && entry.digest.is_none_or(|digest| wanted.insert(digest)) {
                plan.fetch_files += 1;
                plan.fetch_unsized += u64::from(entry.size.is_none());
                plan.fetch_bytes = plan.fetch_bytes.saturating_add(entry.size.unwrap_or(0));
            }
            plan.steps.push(step);
        }
        plan.compare(manifest, previous);
        plan
    }

    fn compare<'p>(&mut self, manifest: &Manifest, previous: Option<&'p StoredManifest>) {
        let before = previous.map_or(&[][..], |previous| &previous.entries);
        let name = |old: &'p StoredEntry| subject(old.subject.as_deref(), &old.path);
        let mut subjects: HashMap<&str, Fate> = before
            .iter()
            .filter(|entry| entry.role == Role::Payload)
            .map(|entry| (name(entry), Fate::default()))
            .collect();
        // Both lists are in the order of their paths.
        let mut before = before.iter().peekable();
        let mut retire = |old: &'p StoredEntry, subjects: &mut HashMap<&str, Fate>| {
            self.retire.push(old.path.clone());
            if old.role == Role::Payload
                && let Some(fate) = subjects.get_mut(name(old))
            {
                fate.lost += 1;
            }
        };
        for entry in manifest.entries() {
            let mut there = false;
            while let Some(old) = before.next_if(|old| old.path <= entry.path) {
                if old.path == entry.path {
                    there = entry.digest.is_none_or(|new| {
                        old.digest == Some(new) || new.as_sha256() == Some(old.sha256)
                    });
                } else {
                    retire(old, &mut subjects);
                }
            }
            if entry.role != Role::Payload {
                continue;
            }
            match (there, subjects.get_mut(subject(entry.subject.as_deref(), &entry.path))) {
                (true, Some(fate)) => fate.is_kept = true,
                (false, Some(fate)) => {
                    (fate.is_kept, fate.is_updated) = (true, true);
                    self.changes.updated += 1;
                }
                (_, None) => self.changes.new += 1,
            }
        }
        for old in before {
            retire(old, &mut subjects);
        }
        for fate in subjects.values() {
            match fate {
                Fate { is_kept: false, .. } => self.changes.gone += 1,
                Fate { is_updated: false, lost, .. } => self.changes.dropped += lost,
                Fate { .. } => {}
            }
        }
    }

    /// Whether the tree holds the manifest already, and nothing is to be retired.
    pub fn is_empty(&self) -> bool {
        self.retire.is_empty() && self.steps.iter().all(|step| matches!(step, Step::Keep(_)))
    }
}

/// What becomes of a subject that was there.
#[derive(Default)]
struct Fate {
    is_kept: bool,
    is_updated: bool,
    /// Its files that go.
    lost: u64,
}

/// How many packages `previous` holds that `manifest` drops, and how many it holds. Those of names
/// that are gone are dropped; where there are fewer files than before, at least the difference is.
pub fn dropped(previous: &StoredManifest, manifest: &Manifest) -> (u64, u64) {
    let is_payload = |role: Role| role == Role::Payload;
    let new = manifest.entries().iter().filter(|entry| is_payload(entry.role));
    let there: Vec<_> = new.map(|e| subject(e.subject.as_deref(), &e.path)).collect();
    let names: HashSet<&str> = there.iter().copied().collect();
    let (mut gone, mut total) = (0, 0_u64);
    for entry in previous.entries.iter().filter(|entry| is_payload(entry.role)) {
        total += 1;
        gone += u64::from(!names.contains(subject(entry.subject.as_deref(), &entry.path)));
    }
    (gone.max(total.saturating_sub(there.len() as u64)), total)
}

fn subject<'a>(subject: Option<&'a str>, path: &'a RepoPath) -> &'a str {
    subject.unwrap_or(path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Entry, Remote};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    struct Shelf {
        tree: HashMap<String, Sha256>,
        blobs: HashSet<Sha256>,
    }

    impl Inventory for Shelf {
        fn published(&mut self, path: &RepoPath) -> Option<Sha256> {
            self.tree.get(path.as_str()).copied()
        }

        fn blob(&mut self, digest: &Digest) -> Option<Sha256> {
            digest.as_sha256().filter(|sha256| self.blobs.contains(sha256))
        }
    }

    fn entry(path: &str, content: &str) -> Entry {
        Entry {
            path: RepoPath::new(path).unwrap(),
            size: Some(content.len() as u64),
            digest: Some(Sha256::of(content.as_bytes()).into()),
            origin: Origin::Remote(Remote::new([].into())),
            role: Role::Payload,
            subject: path.split_once('-').map(|(name, _)| name.into()),
            unverified: None,
        }
    }

    fn stored(path: &str, content: &str) -> StoredEntry {
        let entry = entry(path, content);
        StoredEntry {
            path: entry.path,
            size: content.len() as u64,
            sha256: Sha256::of(content.as_bytes()),
            digest: None,
            remote: None,
            role: entry.role,
            subject: entry.subject,
            unverified: None,
        }
    }

    #[test]
    fn keeps_links_fetches_and_retires() {
        let manifest = Manifest::new(
            vec![entry("bash-2", "new bash"), entry("vim-1", "vim"), entry("zsh-1", "zsh")],
            "list",
        )
        .unwrap();
        let previous = StoredManifest {
            upstream: String::new(),
            fingerprint: String::new(),
            switched: None,
            signature: None,
            made_from: None,
            entries: vec![stored("awk-1", "awk"), stored("bash-1", "bash"), stored("vim-1", "vim")],
        };
        let vim = Sha256::of(b"vim");
        let zsh = Sha256::of(b"zsh");
        let mut shelf =
            Shelf { tree: [("vim-1".to_owned(), vim)].into(), blobs: [vim, zsh].into() };
        let plan = Plan::new(&manifest, &mut shelf, Some(&previous));
        assert_eq!(plan.steps, [Step::Fetch, Step::Keep(vim), Step::Link(zsh)]);
        assert_eq!((plan.fetch_files, plan.fetch_bytes), (1, 8));
        let retired: Vec<_> = plan.retire.iter().map(RepoPath::as_str).collect();
        assert_eq!(retired, ["awk-1", "bash-1"]);
        assert_eq!(plan.changes, Changes { new: 1, updated: 1, gone: 1, dropped: 0 });
        assert!(!plan.is_empty());
    }

    #[test]
    fn counts_equal_content_once() {
        let entries = vec![entry("a-1", "same"), entry("b-1", "same"), entry("c-1", "other")];
        let manifest = Manifest::new(entries, "list").unwrap();
        let mut shelf = Shelf { tree: HashMap::new(), blobs: HashSet::new() };
        let plan = Plan::new(&manifest, &mut shelf, None);
        assert_eq!((plan.fetch_files, plan.fetch_bytes), (2, 9));
        assert_eq!(plan.changes, Changes { new: 3, ..Changes::default() });
    }

    /// Some files of few names and fewer contents, so that they meet.
    fn files() -> impl Strategy<Value = BTreeMap<String, String>> {
        proptest::collection::btree_map("[a-c](/[x-z]|-[12])", "[pqr]{1,2}", 0..8)
    }

    proptest! {
        #[test]
        fn what_is_applied_is_the_manifest_and_nothing_is_left_to_do(
            before in files(), wanted in files(), damage in files(), blobs in files()
        ) {
            let sha256 = |content: &String| Sha256::of(content.as_bytes());
            let previous = StoredManifest {
                upstream: String::new(),
                fingerprint: String::new(),
                switched: None,
                signature: None,
                made_from: None,
                entries: before.iter().map(|(path, content)| stored(path, content)).collect(),
            };
            let entries = wanted.iter().map(|(path, content)| entry(path, content)).collect();
            // A path that is a file and a folder is refused elsewhere.
            let Ok(manifest) = Manifest::new(entries, "list") else { return Ok(()) };
            // What the tree holds by now: some of it is lost or another.
            let mut tree = before.clone();
            for (path, content) in &damage {
                if tree.contains_key(path) {
                    tree.insert(path.clone(), content.clone());
                }
            }
            let mut shelf = Shelf {
                tree: tree.iter().map(|(path, content)| (path.clone(), sha256(content))).collect(),
                blobs: blobs.values().map(sha256).collect(),
            };
            let plan = Plan::new(&manifest, &mut shelf, Some(&previous));
            let there = shelf.blobs.clone();
            for (entry, step) in manifest.entries().iter().zip(&plan.steps) {
                let content = sha256(&wanted[entry.path.as_str()]);
                match step {
                    Step::Keep(kept) => {
                        prop_assert_eq!(shelf.tree.get(entry.path.as_str()), Some(kept));
                    }
                    Step::Link(linked) => prop_assert!(there.contains(linked)),
                    Step::Fetch => prop_assert!(!there.contains(&content)),
                }
                shelf.tree.insert(entry.path.to_string(), content);
                shelf.blobs.insert(content);
            }
            for path in &plan.retire {
                shelf.tree.remove(path.as_str());
            }
            let expected: HashMap<_, _> =
                wanted.iter().map(|(path, content)| (path.clone(), sha256(content))).collect();
            prop_assert_eq!(&shelf.tree, &expected);
            let now = StoredManifest {
                entries: wanted.iter().map(|(path, content)| stored(path, content)).collect(),
                ..previous
            };
            let again = Plan::new(&manifest, &mut shelf, Some(&now));
            prop_assert!(again.is_empty());
            prop_assert_eq!((again.fetch_files, again.changes), (0, Changes::default()));
        }
    }
}
