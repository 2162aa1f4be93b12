//! Metadata that lies, is broken, or means harm; and upstreams that move on meanwhile.

use std::fmt::Write as _;

use mirror_core::digest::Sha256;
use mirror_fixtures::Compression;
use mirror_fixtures::upstream::Fault;

use super::{
    FILELISTS, Files, Kind, LARGE, Over, PRIMARY, REPOMD, Row, between, edit, edit_listed, fatal,
    new, old, relist,
};

/// A row in which upstream serves other files from the beginning.
fn files(
    name: impl Into<String>,
    kind: Kind,
    change: impl Fn(&mut Files) + Send + Sync + 'static,
) -> Row {
    Row::new(name, kind, move |ground| {
        let mut files = new();
        change(&mut files);
        ground.serve(files);
    })
}

/// Documents that are none, and what is said of them: of repomd.xml, and of primary.
fn documents() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let doctype = |body: &str| format!("<?xml version=\"1.0\"?>\n<!DOCTYPE x [{body}]>\n");
    let mut entities = String::from("<!ENTITY a0 \"boom\">");
    for level in 1..30 {
        let _ = write!(entities, "<!ENTITY a{level} \"&a{0};&a{0};&a{0};\">", level - 1);
    }
    let root = "<ROOT><revision>&a29;</revision>";
    let outer = "<!ENTITY a29 SYSTEM \"file:///etc/passwd\">";
    let depth = 100_000;
    let nested = format!("<ROOT>{}{}</ROOT>", "<a>".repeat(depth), "</a>".repeat(depth));
    vec![
        ("nothing", Vec::new(), ""),
        ("no XML", b"nonsense\n".to_vec(), ""),
        ("a page", b"<!DOCTYPE html><html><body>Welcome</body></html>".to_vec(), "html"),
        ("bytes that are no UTF-8", b"<ROOT><revision>\xff\xfe\x80</revision></ROOT>".to_vec(), ""),
        ("a bomb of entities", (doctype(&entities) + root + "</ROOT>").into_bytes(), ""),
        ("an entity from outside", (doctype(outer) + root + "</ROOT>").into_bytes(), ""),
        ("deep nesting", nested.into_bytes(), "64"),
        ("another document", b"<filelists packages=\"0\"></filelists>".to_vec(), "filelists"),
    ]
}

/// A document of this size and more that becomes `unit` again and again when it is opened.
fn bomb(compression: Compression, unit: u8, bytes: usize) -> Vec<u8> {
    const PIECE: usize = 1 << 20;
    let mut content = compression.compress(b"<metadata packages=\"1\"><package><name n=\"");
    let piece = compression.compress(&vec![unit; PIECE]);
    for _ in 0..bytes.div_ceil(PIECE) {
        content.extend_from_slice(&piece);
    }
    content
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![files("nothing wrong, and legal names", Kind::Healed, |_| ())];
    for (name, content, reason) in documents() {
        let document = |root: &str| {
            let text = content.clone();
            match String::from_utf8(text) {
                Ok(text) => text.replace("ROOT", root).into_bytes(),
                Err(raw) => raw.into_bytes(),
            }
        };
        let (repomd, primary) = (document("repomd"), document("metadata"));
        rows.push(files(format!("repomd.xml: {name}"), fatal(REPOMD, reason), move |files| {
            files.insert(REPOMD.into(), repomd.clone());
        }));
        rows.push(files(format!("primary: {name}"), fatal(PRIMARY, reason), move |files| {
            relist(files, PRIMARY, primary.clone());
        }));
    }
    for (path, name) in [(REPOMD, "repomd.xml"), (PRIMARY, "primary")] {
        rows.push(files(format!("{name}: cut in half"), fatal(path, ""), move |files| {
            let half = |mut text: String| {
                text.truncate(text.len() / 2);
                text
            };
            if path == REPOMD { edit(files, path, half) } else { edit_listed(files, path, half) }
        }));
    }
    rows.push(files("repomd.xml: an attribute of 20 MB", fatal(REPOMD, "bytes, the bound"), |f| {
        let long = format!("<repomd a=\"{}\"/>", "a".repeat(20 << 20));
        f.insert(REPOMD.into(), long.into_bytes());
    }));
    rows.push(files("primary: an attribute of 12 MB", fatal(PRIMARY, ""), |files| {
        edit_listed(files, PRIMARY, |text| {
            text.replacen("<name>", &format!("<name a=\"{}\">", "a".repeat(12 << 20)), 1)
        });
    }));
    for compression in Compression::ALL.into_iter().filter(|c| *c != Compression::None) {
        for (name, unit, bytes) in [
            ("10 GB of white space", b' ', 10_usize << 30),
            ("an attribute of 200 MB", b'a', 200 << 20),
        ] {
            let row = format!("primary: {name}, {compression:?}");
            rows.push(files(row, fatal(PRIMARY, ""), move |files| {
                relist(files, PRIMARY, bomb(compression, unit, bytes));
            }));
        }
    }
    rows.push(Row {
        over: Over::Empty,
        ..files("primary: no packages at all", Kind::Healed, |files| {
            relist(files, PRIMARY, b"<metadata packages=\"0\"></metadata>".to_vec());
            files.retain(|path, _| !path.ends_with(".rpm"));
        })
    });
    rows.extend(records());
    rows.extend(packages());
    rows.extend(motion());
    rows
}

/// The digest of primary.xml as repomd.xml gives it.
fn primary_hex(files: &Files) -> String {
    Sha256::of(&files[PRIMARY]).hex()
}

/// What a record of repomd.xml says.
fn records() -> Vec<Row> {
    let hex = |name: &str, kind, change: fn(&str) -> String| {
        files(format!("repomd.xml: {name}"), kind, move |files| {
            let hex = primary_hex(files);
            let wanted = change(&hex);
            edit(files, REPOMD, |text| text.replace(&hex, &wanted));
        })
    };
    let text = |name: &str, kind, from: &'static str, to: &'static str| {
        files(format!("repomd.xml: {name}"), kind, move |files| {
            edit(files, REPOMD, |text| {
                let at = text.find("\"primary\"").unwrap();
                let (head, tail) = text.split_at(at);
                assert!(tail.contains(from), "{from} is not in {tail}");
                head.to_owned() + &tail.replacen(from, to, 1)
            });
        })
    };
    let size = |name: &str, kind, to: &'static str| {
        files(format!("repomd.xml: a size that is {name}"), kind, move |files| {
            let size = format!("<size>{}</size>", files[PRIMARY].len());
            edit(files, REPOMD, |text| text.replacen(&size, &format!("<size>{to}</size>"), 1));
        })
    };
    vec![
        hex("a wrong digest", fatal(PRIMARY, "expected sha256:0000"), |_| "0".repeat(64)),
        hex("a short digest", fatal(REPOMD, "checksum"), |hex| hex[..20].to_owned()),
        hex("a digest that is none", fatal(REPOMD, "checksum"), |_| "z".repeat(64)),
        hex("an empty digest", fatal(REPOMD, ""), |_| String::new()),
        hex("a digest in upper case", Kind::Healed, str::to_uppercase),
        text("an unknown digest", fatal(REPOMD, "blake3"), "\"sha256\"", "\"blake3\""),
        text("a digest's name in upper case", Kind::Healed, "\"sha256\"", "\"SHA256\""),
        files("repomd.xml: no digest", fatal(REPOMD, "primary has no checksum"), |files| {
            let hex = primary_hex(files);
            let checksum = format!("<checksum type=\"sha256\">{hex}</checksum>");
            edit(files, REPOMD, |text| text.replacen(&checksum, "", 1));
        }),
        text("no primary", fatal(REPOMD, "no primary metadata is listed"), "primary", "secondary"),
        size("wrong", Kind::Harmless("bytes, listed with 3"), "3"),
        size("negative", Kind::Healed, "-7"),
        size("huge", fatal(REPOMD, "primary is said to have over 8 GiB"), "18446744073709551615"),
        size("no number", Kind::Healed, "99999999999999999999999"),
        files("repomd.xml: one path for two digests", fatal(REPOMD, "is listed as sha256:"), |f| {
            edit(f, REPOMD, |text| {
                let at = text.find("<data").unwrap();
                let end = text.find("</data>").unwrap() + "</data>".len();
                let again = text[at..end].replace("\"primary\"", "\"weather\"");
                let start = again.find("sha256\">").unwrap() + "sha256\">".len();
                let again = again.replace(&again[start..start + 64], &"0".repeat(64));
                text.replacen("</repomd>", &format!("{again}</repomd>"), 1)
            });
        }),
        files("repomd.xml: the same file under two kinds", Kind::Healed, |files| {
            edit(files, REPOMD, |text| {
                let at = text.find("<data").unwrap();
                let end = text.find("</data>").unwrap() + "</data>".len();
                let again = text[at..end].replace("\"primary\"", "\"weather&#10;\"");
                text.replacen("</repomd>", &format!("{again}</repomd>"), 1)
            });
        }),
    ]
}

/// What primary says of a package.
fn packages() -> Vec<Row> {
    /// The text of the package `large`.
    fn large(files: &mut Files, change: impl FnOnce(String) -> String) {
        edit_listed(files, PRIMARY, |text| {
            let name = text.find("<name>large</name>").unwrap();
            let start = text[..name].rfind("<package ").unwrap();
            let end = start + text[start..].find("</package>").unwrap();
            let changed = change(text[start..end].to_owned());
            format!("{}{changed}{}", &text[..start], &text[end..])
        });
    }
    let hex = |name: &str, kind, change: fn(&str) -> String| {
        files(format!("primary: {name}"), kind, move |files| {
            let hex = Sha256::of(&files[LARGE]).hex();
            large(files, |text| text.replace(&hex, &change(&hex)));
        })
    };
    let text = |name: &str, kind, from: &'static str, to: &'static str| {
        files(format!("primary: {name}"), kind, move |files| {
            large(files, |text| {
                assert!(text.contains(from), "{from} is not in {text}");
                text.replacen(from, to, 1)
            });
        })
    };
    let size = |name: &str, kind, to: &'static str| {
        files(format!("primary: a size that is {name}"), kind, move |files| {
            let size = format!("package=\"{}\"", files[LARGE].len());
            large(files, |text| {
                assert!(text.contains(&size));
                text.replacen(&size, &format!("package=\"{to}\""), 1)
            });
        })
    };
    let refused = "clients refuse any other size";
    vec![
        hex("a wrong digest", fatal(LARGE, "expected sha256:0000"), |_| "0".repeat(64)),
        hex("a short digest", fatal(PRIMARY, "checksum"), |hex| hex[..20].to_owned()),
        hex("an empty digest", fatal(PRIMARY, "checksum"), |_| String::new()),
        hex("a digest in upper case", Kind::Healed, str::to_uppercase),
        text("an unknown digest", fatal(PRIMARY, "blake3"), "\"sha256\"", "\"blake3\""),
        text("no digest", fatal(PRIMARY, "checksum"), "<checksum", "<other"),
        text("no name", fatal(PRIMARY, "name"), "<name>large</name>", ""),
        files(
            "primary: a name without end, that moves the cursor",
            fatal(PRIMARY, "package \u{fffd}nnn"),
            |files| {
                large(files, |text| {
                    text.replacen("<name>large", &format!("<name>&#155;{}", "n".repeat(300)), 1)
                });
            },
        ),
        text("no location", fatal(PRIMARY, "location"), "<location", "<other"),
        text("no version", fatal(PRIMARY, "version"), "<version", "<other"),
        size("too small", fatal(LARGE, refused), "4"),
        size("too large", fatal(LARGE, refused), "999999"),
        size("over all bounds", fatal(PRIMARY, "package large is said to have over 1 TiB"), {
            "1099511627777"
        }),
        size("negative", Kind::Healed, "-7"),
        size("missing", Kind::Healed, ""),
        files(
            "primary: a count that lies",
            Kind::Harmless("says 99999 packages, lists 6"),
            |files| {
                edit_listed(files, PRIMARY, |text| {
                    text.replacen("packages=\"6\"", "packages=\"99999\"", 1)
                });
            },
        ),
        files("primary: the same package twice", Kind::Healed, |files| {
            edit_listed(files, PRIMARY, |text| {
                let start = text.find("<package ").unwrap();
                let end = text.find("</package>").unwrap() + "</package>".len();
                let again = text[start..end].to_owned();
                text.replace("packages=\"6\"", "packages=\"7\"")
                    .replace("</metadata>", &format!("{again}</metadata>"))
            });
        }),
        files(
            "primary: one path for two digests",
            fatal(REPOMD, "is listed as sha256:"),
            |files| {
                edit_listed(files, PRIMARY, |text| {
                    let start = text.find("<package ").unwrap();
                    let end = text.find("</package>").unwrap() + "</package>".len();
                    let again = &text[start..end];
                    let at = again.find("pkgid=\"YES\">").unwrap() + "pkgid=\"YES\">".len();
                    let again = again.replace(&again[at..at + 64], &"0".repeat(64));
                    text.replace("</metadata>", &format!("{again}</metadata>"))
                });
            },
        ),
    ]
}

/// Upstreams that move on while they are read, and such as stopped half way.
fn motion() -> Vec<Row> {
    let replace = |files: &Files, path: &str| Fault::Replace(files[path].clone());
    vec![
        Row::new("repomd.xml moves on before primary is read", Kind::Healed, move |ground| {
            ground.upstream.fault(REPOMD, replace(&between(), REPOMD)).times(1);
        }),
        Row::new("upstream moves on before packages are read", Kind::Healed, move |ground| {
            for path in between().keys().filter(|path| path.starts_with("repodata/")) {
                ground.upstream.fault(path, replace(&between(), path)).times(1);
            }
        }),
        Row::new("upstream moves on twice", Kind::Healed, move |ground| {
            for path in between().keys().filter(|path| path.starts_with("repodata/")) {
                ground.upstream.fault(path, replace(&between(), path)).times(1);
            }
            let mut third = new();
            let hex = primary_hex(&third);
            edit(&mut third, REPOMD, |text| text.replace(&hex, &"1".repeat(64)));
            ground.upstream.fault(REPOMD, replace(&third, REPOMD)).times(1);
        }),
        Row::new(
            "repomd.xml is another each time",
            fatal(REPOMD, "changed 5 times"),
            move |ground| {
                for number in 0..200 {
                    let mut files = new();
                    let hex = primary_hex(&files);
                    edit(&mut files, REPOMD, |text| text.replace(&hex, &format!("{number:064}")));
                    ground.upstream.fault(REPOMD, replace(&files, REPOMD)).times(1);
                }
            },
        ),
        files("half published: no primary yet", fatal(PRIMARY, "404"), |files| {
            files.remove(PRIMARY);
        }),
        files("half published: the old primary", fatal(PRIMARY, "expected sha256:"), |files| {
            files.insert(PRIMARY.into(), old()[PRIMARY].clone());
        }),
        files("half published: no filelists yet", fatal(FILELISTS, "404"), |files| {
            files.remove(FILELISTS);
        }),
        files("half published: no package yet", fatal(LARGE, "404"), |files| {
            files.remove(LARGE);
        }),
        files("half published: half a package", fatal(LARGE, "expected sha256:"), |files| {
            files.get_mut(LARGE).unwrap().truncate(1000);
        }),
        files("half published: no repomd.xml yet", fatal(REPOMD, "404"), |files| {
            files.remove(REPOMD);
        }),
    ]
}
