//! Faults of this side: what a disk, another program or a person did to a root.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::{Ground, KEPT, Kind, Named, Over, PRIMARY, REPOMD, Row};

/// Damage to a published root that the next run heals.
fn healed(name: &str, fault: impl Fn(&Ground) + Send + Sync + 'static) -> Row {
    Row::new(name, Kind::Healed, fault).published()
}

/// Damage that only a person can mend: `path` below the root is named, and it holds `content`.
fn refused(name: &str, path: &'static str, content: &'static str, reason: &str) -> Row {
    let kind = Kind::Fatal(Named::Path(path), reason.into());
    let at = move |ground: &Ground| ground.root().join(path);
    Row::new(name, kind, move |ground| {
        let path = at(ground);
        if let Ok(old) = fs::read(&path) {
            fs::write(aside(&path), old).unwrap();
        }
        fs::write(path, content).unwrap();
    })
    .mended(move |ground| {
        let old = aside(&at(ground));
        if old.exists() {
            fs::rename(old, at(ground)).unwrap();
        } else {
            fs::remove_file(at(ground)).unwrap();
        }
    })
    .published()
}

/// Where the content of a file of ours waits: not among its neighbours.
fn aside(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.ends_with(".mirror")).unwrap().join("waiting")
}

fn kept(ground: &Ground) -> PathBuf {
    ground.tree().join(KEPT)
}

fn replace_by_link(path: &Path, to: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
    symlink(to, path).unwrap();
}

/// All files below a folder of the state.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    super::listing(folder).into_keys().filter(|path| path.is_file()).collect()
}

#[allow(clippy::too_many_lines)] // a table
pub(super) fn rows() -> Vec<Row> {
    let ours = |ground: &Ground| ground.root().join(".mirror");
    let mut rows = vec![
        healed("a package is lost", |ground| fs::remove_file(kept(ground)).unwrap()),
        healed("half a package", |ground| {
            let half = fs::read(kept(ground)).unwrap();
            fs::write(kept(ground), &half[..half.len() / 2]).unwrap();
        }),
        healed("a package that is longer", |ground| {
            let content = fs::read(kept(ground)).unwrap();
            fs::write(kept(ground), [&content[..], b"more"].concat()).unwrap();
        }),
        healed("a package with rotten bits", |ground| {
            let mut content = fs::read(kept(ground)).unwrap();
            content[100] ^= 1;
            fs::write(kept(ground), content).unwrap();
        }),
        healed("a package that root alone may read", |ground| {
            fs::set_permissions(kept(ground), fs::Permissions::from_mode(0o600)).unwrap();
        }),
        healed("a package is a link to a file outside", |ground| {
            replace_by_link(&kept(ground), &ground.beside().join("file"));
        }),
        healed("a package is a link to nothing", |ground| {
            replace_by_link(&kept(ground), Path::new("/nowhere"));
        }),
        healed("a package is a folder", |ground| {
            fs::remove_file(kept(ground)).unwrap();
            fs::create_dir_all(kept(ground).join("deep")).unwrap();
            fs::write(kept(ground).join("deep/file"), "something").unwrap();
        }),
        healed("the folder of packages is a link outside", |ground| {
            replace_by_link(&ground.tree().join("Packages"), &ground.beside());
        }),
        healed("the folder of packages is a file", |ground| {
            fs::remove_dir_all(ground.tree().join("Packages")).unwrap();
            fs::write(ground.tree().join("Packages"), "something").unwrap();
        }),
        healed("repodata is a link outside", |ground| {
            replace_by_link(&ground.tree().join("repodata"), &ground.beside().join("folder"));
        }),
        healed("repodata is a file", |ground| {
            fs::remove_dir_all(ground.tree().join("repodata")).unwrap();
            fs::write(ground.tree().join("repodata"), "something").unwrap();
        }),
        healed("repomd.xml is lost", |ground| {
            fs::remove_file(ground.tree().join(REPOMD)).unwrap();
        }),
        healed("repomd.xml is a folder", |ground| {
            fs::remove_file(ground.tree().join(REPOMD)).unwrap();
            fs::create_dir_all(ground.tree().join(REPOMD).join("deep")).unwrap();
        }),
        healed("primary is cut in half", |ground| {
            let half = fs::read(ground.tree().join(PRIMARY)).unwrap();
            fs::write(ground.tree().join(PRIMARY), &half[..half.len() / 2]).unwrap();
        }),
        healed("the tree is lost", |ground| fs::remove_dir_all(ground.tree()).unwrap()),
        healed("the tree is a link outside", |ground| {
            replace_by_link(&ground.tree(), &ground.beside());
        }),
        healed("the stage is a link outside", |ground| {
            symlink(ground.beside(), ground.tree().join(".mirror-stage")).unwrap();
        }),
        healed("the stage is full", |ground| {
            let stage = ground.tree().join(".mirror-stage");
            fs::create_dir_all(stage.join("switched/deep")).unwrap();
            fs::write(stage.join("0"), "something").unwrap();
        }),
        healed("the state is lost", move |ground| {
            fs::remove_file(ours(ground).join("state")).unwrap();
        }),
        healed("the state is garbage", move |ground| {
            fs::write(ours(ground).join("state"), b"\xff\xfe\0garbage\nfile 0 1 2").unwrap();
        }),
        healed("the state is cut short", move |ground| {
            let text = fs::read(ours(ground).join("state")).unwrap();
            fs::write(ours(ground).join("state"), &text[..text.len() * 2 / 3]).unwrap();
        }),
        healed("the blobs are lost", move |ground| {
            fs::remove_dir_all(ours(ground).join("blobs")).unwrap();
        }),
        healed("all that is known is lost", move |ground| {
            fs::remove_dir_all(ours(ground)).unwrap();
        }),
        healed("parts are garbage", move |ground| {
            for path in super::new().keys() {
                let hex = mirror_core::digest::Sha256::of(&super::new()[path]).hex();
                let part = ours(ground).join(format!("parts/sha256-{hex}.0.part"));
                fs::write(part, "garbage").unwrap();
            }
        }),
        healed("parts are links outside", move |ground| {
            for content in super::new().values() {
                let hex = mirror_core::digest::Sha256::of(content).hex();
                let part = ours(ground).join(format!("parts/sha256-{hex}.0.part"));
                symlink(ground.beside().join("file"), part).unwrap();
            }
        }),
        healed("a root that was moved to another place", |ground| {
            let (root, away) = (ground.root(), ground.folder.path().join("away"));
            fs::rename(&root, &away).unwrap();
            copy(&away, &root);
            fs::remove_dir_all(away).unwrap();
        }),
        healed("blobs without their links", move |ground| {
            // As a copy without -H leaves them.
            for blob in files_below(&ours(ground).join("blobs")) {
                let content = fs::read(&blob).unwrap();
                fs::remove_file(&blob).unwrap();
                fs::write(&blob, content).unwrap();
            }
        }),
    ];
    rows.push(Row {
        kind: Kind::Harmless("damaged, "),
        ..healed("the generation is garbage", move |ground| {
            fs::write(ours(ground).join("generations/demo/1"), b"\xff\xfe\n\xff").unwrap();
        })
    });
    rows.extend([
        refused("a later version's state", ".mirror/state", "mirror-state 9\n", "format version 9"),
        refused(
            "a later version's generation",
            ".mirror/generations/demo/1",
            "mirror-generation 9\n",
            "format version 9",
        ),
        refused("a later version's journal", ".mirror/journal", "mirror-journal 9\n", {
            "format version 9"
        }),
        refused("a journal that is garbage", ".mirror/journal", "garbage", "damaged, "),
        refused("a journal that is cut short", ".mirror/journal", "mirror-journal 1\nrepl", {
            "damaged, "
        }),
        refused(
            "a journal that leads outside",
            ".mirror/journal",
            "mirror-journal 1\nreplace\t../beside/file\tdemo/x\nend\n",
            "damaged, ",
        ),
        refused(
            "a journal that leads into the outside",
            ".mirror/journal",
            "mirror-journal 1\nreplace\tdemo/repodata\t/../beside/file\nend\n",
            "damaged, ",
        ),
        Row {
            over: Over::Empty,
            ..Row::new(
                "the root is a file",
                Kind::Fatal(Named::Path(".mirror"), "cannot make the folder".into()),
                |ground| fs::write(ground.root(), "something").unwrap(),
            )
            .mended(|ground| fs::remove_file(ground.root()).unwrap())
        },
    ]);
    rows
}

/// Copies a folder without its links, as `cp -r` does.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
