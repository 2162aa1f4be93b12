//! Lists of packages: files, and those that `mirror` ships.
//!
//! A shipped one is a file that `--package-list` could be given as well. Its first line says what it is
//! for, the second which repositories have it.

use std::path::{Path, PathBuf};

use mirror_core::format::rpm::package_list;

/// A list that is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShippedList {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// The file.
    pub(crate) text: &'static str,
}

/// A list that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PackageList {
    /// One of ours.
    Shipped(ShippedList),
    /// A file, or a folder of them.
    Files(PathBuf),
}

impl PackageList {
    /// What a word means: a list of ours by its name, else a path below `folder`. A file that is called
    /// as one of ours is said with its folder (`./kubernetes-el9`).
    pub(crate) fn new(word: &str, folder: &Path) -> Self {
        shipped(word).map_or_else(|| Self::Files(folder.join(word)), Self::Shipped)
    }
}

/// All that are shipped.
pub(crate) const SHIPPED: [ShippedList; 3] = [
    ShippedList {
        name: "kubernetes-el10",
        text: include_str!("package_lists/kubernetes-el10.txt"),
    },
    ShippedList { name: "kubernetes-el9", text: include_str!("package_lists/kubernetes-el9.txt") },
    ShippedList { name: "kubernetes-el8", text: include_str!("package_lists/kubernetes-el8.txt") },
];

/// The list of that name.
pub(crate) fn shipped(name: &str) -> Option<ShippedList> {
    SHIPPED.into_iter().find(|list| list.name == name)
}

impl ShippedList {
    /// What it is for.
    pub(crate) fn title(self) -> &'static str {
        self.heading(0, "# ")
    }

    /// The repositories that have what it names.
    pub(crate) fn repositories(self) -> &'static str {
        self.heading(1, "# Repositories: ")
    }

    fn heading(self, line: usize, mark: &str) -> &'static str {
        let line = self.text.lines().nth(line);
        line.and_then(|line| line.strip_prefix(mark)).unwrap_or_default()
    }

    /// The packages. A list that does not parse, which none of ours is, has none.
    pub(crate) fn packages(self) -> Vec<String> {
        let entries = package_list::read(self.text.as_bytes()).unwrap_or_default();
        entries.into_iter().map(|entry| entry.word).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::BufReader;
    use std::path::{Path, PathBuf};

    use mirror_core::format::compression::decoder;
    use mirror_core::format::rpm::FormatError;
    use mirror_core::format::rpm::dependencies::{Kind, read_packages};
    use mirror_core::limits;

    use super::*;

    /// The packages below `# --- REPOSITORY`.
    fn section(list: ShippedList, repository: &str) -> Vec<String> {
        let heading = format!("\n# --- {repository}");
        let start = list.text.find(&heading).unwrap() + heading.len();
        let rest = &list.text[start..];
        let rest = &rest[..rest.find("\n# --- ").unwrap_or(rest.len())];
        // What is left of the heading is a comment.
        let entries = package_list::read(format!("#{rest}").as_bytes()).unwrap();
        entries.into_iter().map(|entry| entry.word).collect()
    }

    #[test]
    fn lists_say_what_they_are_and_name_each_package_once() {
        for list in SHIPPED {
            assert_eq!(shipped(list.name), Some(list));
            assert!(list.title().starts_with("Kubernetes node on EL "), "{}", list.name);
            assert!(list.repositories().starts_with("baseos and appstream of"), "{}", list.name);
            let packages = package_list::read(list.text.as_bytes()).unwrap();
            let packages: Vec<String> = packages.into_iter().map(|entry| entry.word).collect();
            assert_eq!(packages, list.packages());
            let names: BTreeSet<&String> = packages.iter().collect();
            assert_eq!(names.len(), packages.len(), "{}: twice", list.name);
            for needed in
                ["kubeadm", "kubelet", "containerd.io", "conntrack-tools", "socat", "chrony"]
            {
                assert!(names.contains(&needed.to_owned()), "{} in {}", needed, list.name);
            }
            let sections = ["kubernetes", "docker-ce", "baseos", "appstream"];
            let sections: Vec<String> =
                sections.into_iter().flat_map(|name| section(list, name)).collect();
            assert_eq!(sections, packages, "{}: each is in a section", list.name);
        }
        assert_eq!(shipped("kubernetes"), None);
    }

    #[test]
    fn a_real_repository_has_what_the_list_for_it_names() {
        let root = std::env::var_os("MIRROR_REAL_DATA").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real"),
            PathBuf::from,
        );
        let repodata = root.join("rpm/centos9-baseos-md/repodata");
        let Ok(files) = std::fs::read_dir(repodata) else { return };
        let mut files = files.map(|entry| entry.unwrap().path());
        let primary = files.find(|path| path.to_string_lossy().contains("primary.xml")).unwrap();
        let file = BufReader::new(std::fs::File::open(primary).unwrap());
        let open = decoder(file, limits::METADATA_OPEN_SIZE).unwrap();
        let mut known: BTreeSet<String> = BTreeSet::new();
        read_packages(BufReader::new(open), |package, relations| {
            known.insert(package.name.to_owned());
            let provided = relations.iter().filter(|one| one.kind == Kind::Provides);
            known.extend(provided.map(|one| one.name.to_owned()));
            Ok::<_, FormatError>(())
        })
        .unwrap();
        let wanted = section(shipped("kubernetes-el9").unwrap(), "baseos");
        assert!(wanted.len() > 30);
        let missing: Vec<&String> = wanted.iter().filter(|name| !known.contains(*name)).collect();
        assert_eq!(missing, [""; 0]);
    }
}
