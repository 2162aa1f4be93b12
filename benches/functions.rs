//! How fast the functions are that a run's time goes to: reading metadata, comparing versions,
//! planning, hashing; pages and packages of Python indexes; signatures in packages.
//!
//! ```text
//! cargo bench -p mirror-core              all of them
//! cargo bench -p mirror-core -- primary   some
//! ```
//!
//! What whole runs take, beside other tools, is measured by `benches/peers`.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs)]

use std::cmp::Ordering;
use std::hint::black_box;
use std::io::{self, BufRead, Write as _};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mirror_core::digest::{Algorithm, Digest, Hasher, Sha256};
use mirror_core::format::compression::{Compression, Encoder, decoder, read_ahead, write_behind};
use mirror_core::format::pypi::metadata::Metadata;
use mirror_core::format::pypi::page::write::{Project, href};
use mirror_core::format::pypi::page::{CoreMetadata, File, Form, Page};
use mirror_core::format::pypi::zip::{Directory, Step, Window, is_metadata};
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::blocks::{Entries, Kind, Packages};
use mirror_core::format::rpm::dependencies;
use mirror_core::format::rpm::metadata_file::MetadataFile;
use mirror_core::format::rpm::primary::read_packages;
use mirror_core::format::rpm::version;
use mirror_core::limits::METADATA_OPEN_SIZE;
use mirror_core::manifest::{Entry, Manifest, Origin, Remote, Role};
use mirror_core::path::RepoPath;
use mirror_core::plan::{Inventory, Plan};
use mirror_core::resolve::pypi::{self, Inputs, Listed, Target, best};
use mirror_core::resolve::rpm::{Goal, Pool, Weak};
use mirror_core::signature::package::{Verdict, Vouched, verify};
use mirror_core::signature::{Fingerprint, Keys};
use mirror_fixtures::signing::{PackageSignature, header_of, with_signatures};
use mirror_fixtures::{Gpg, Package, samples};

/// A large distribution's packages.
const PACKAGES: usize = 60_000;

fn primary(criterion: &mut Criterion) {
    let document = samples::primary(PACKAGES);
    let mut group = criterion.benchmark_group("primary");
    group.sample_size(10).throughput(Throughput::Bytes(document.len() as u64));
    group.bench_function("plain", |bench| bench.iter(|| count(&mut document.as_bytes())));
    let odd = document.replacen("<metadata", "<!-- --><metadata", 1);
    group.bench_function("plain, full reader", |bench| bench.iter(|| count(&mut odd.as_bytes())));

    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    gz.write_all(document.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let zstd = zstd::encode_all(document.as_bytes(), 5).unwrap();
    for (name, bytes) in [("gz", &gz), ("zstd", &zstd)] {
        let open = || decoder(&bytes[..], METADATA_OPEN_SIZE).unwrap();
        group.bench_function(format!("{name}, decompressed only"), |bench| {
            bench.iter(|| io::copy(&mut open(), &mut io::sink()).unwrap());
        });
        group.bench_function(name, |bench| bench.iter(|| count(&mut open())));
        group.bench_function(format!("{name}, read ahead"), |bench| {
            bench.iter(|| read_ahead(open(), count));
        });
    }
}

/// Reads all packages into owned fields, as a mirror does.
fn count(reader: &mut impl BufRead) {
    let mut packages = Vec::new();
    read_packages(reader, |package| {
        let name = (package.name.to_owned(), package.version.to_owned());
        packages.push((name, package.href.to_owned(), package.checksum, package.size));
        Ok::<_, FormatError>(())
    })
    .unwrap();
    assert_eq!(packages.len(), PACKAGES);
}

/// What a filtered mirror costs: every second package carried over, as `source::rpm` does it, beside
/// decompressing and compressing all of it at the same level, which it may take 1.5 times of.
fn filter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("filter");
    group.sample_size(10);
    let documents =
        [("primary", samples::primary(10_000)), ("filelists", samples::filelists(2_500))];
    for (kind, document) in &documents {
        group.throughput(Throughput::Bytes(document.len() as u64));
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut encoder = Encoder::new(Vec::new(), compression, None).unwrap();
            encoder.write_all(document.as_bytes()).unwrap();
            let bytes = encoder.finish().unwrap();
            let open = || decoder(&bytes[..], METADATA_OPEN_SIZE).unwrap();
            let name = compression.name();
            group.bench_function(format!("{kind}, {name}, as it is"), |bench| {
                bench.iter(|| {
                    let mut encoder = Encoder::new(io::sink(), compression, None).unwrap();
                    io::copy(&mut open(), &mut encoder).unwrap();
                    encoder.finish().unwrap();
                });
            });
            for (what, keep) in [("all", 1), ("half", 2)] {
                group.bench_function(format!("{kind}, {name}, {what} carried over"), |bench| {
                    bench.iter(|| {
                        let sha256 = Algorithm::Sha256;
                        let file =
                            MetadataFile::new(io::sink(), compression, None, sha256).unwrap();
                        let ((), file) = write_behind(file, |out| {
                            read_ahead(open(), |from| carry_over(kind, from, out, keep));
                        });
                        file.unwrap().finish().unwrap()
                    });
                });
            }
        }
    }
    group.finish();
}

/// Writes one of `keep` packages.
fn carry_over(kind: &str, from: &mut impl BufRead, out: &mut impl io::Write, keep: usize) {
    let mut number = 0;
    let mut is_left = || {
        number += 1;
        number % keep == 0
    };
    if kind == "primary" {
        let mut packages = Packages::new(from).unwrap();
        while let Some((_, element)) = packages.next().unwrap() {
            if is_left() {
                out.write_all(element).unwrap();
            }
        }
    } else {
        let mut entries = Entries::new(from, Kind::Filelists).unwrap();
        while let Some((_, element)) = entries.next().unwrap() {
            if is_left() {
                out.write_all(element).unwrap();
            }
        }
    }
}

/// What a mirror of some packages and all that they need costs: twenty of the size of `BaseOS`, and of a
/// large distribution; one whose names are many, and one that keeps fifty builds of each.
fn closure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("closure");
    group.sample_size(10);
    for (names, builds) in [(1_125, 1), (PACKAGES, 1), (PACKAGES / 50, 50)] {
        let document = samples::distribution(names, builds);
        let what = format!("{names} names in {builds}");
        group.bench_function(format!("{what}, reading"), |bench| bench.iter(|| pool(&document)));
        let pool = pool(&document);
        for (asked, roots) in [("20 of", 20), ("all of", names)] {
            let words = (0..roots).map(|root| format!("part-{}", root * names / roots));
            let roots = words.flat_map(|word| pool.roots(&word).unwrap()).collect();
            let goal = Goal { roots, installed: Vec::new(), weak: Weak::Yes };
            let packages = goal.solve(&pool, &|| false).unwrap().packages.len();
            group.bench_function(format!("{what}, {packages} for {asked} them"), |bench| {
                bench.iter(|| goal.solve(&pool, &|| false).unwrap());
            });
        }
    }
    group.finish();
}

fn pool(document: &str) -> Pool {
    let mut pool = Pool::new("x86_64");
    let (repository, mut number) = (pool.add_repository("large"), 0);
    dependencies::read_packages(document.as_bytes(), |package, relations| {
        pool.add(repository, number, &package, relations).unwrap();
        number += 1;
        Ok::<_, FormatError>(())
    })
    .unwrap();
    pool.finish();
    pool
}

fn versions(criterion: &mut Criterion) {
    let pairs = [
        ("1.0", "1.0"),
        ("5.14.0-611.el9_7", "5.14.0-570.el9_6"),
        ("1.10~rc1", "1.10"),
        ("20240101git1234abcd", "20240101git1234abce"),
        ("2.34-231.el9_7.10", "2.34-231.el9_7.2"),
    ];
    let mut group = criterion.benchmark_group("versions");
    group.throughput(Throughput::Elements(pairs.len() as u64));
    group.bench_function("compare", |bench| {
        bench.iter(|| {
            let compared = pairs.iter().map(|(a, b)| version::compare(black_box(a), black_box(b)));
            compared.filter(|order| *order == Ordering::Less).count()
        });
    });
}

/// What is there: nothing, or everything.
struct Held(bool);

impl Inventory for Held {
    fn published(&mut self, path: &RepoPath) -> Option<Sha256> {
        self.0.then(|| Sha256::from_hex(&path.as_str()[..64])).flatten()
    }

    fn blob(&mut self, _: &Digest) -> Option<Sha256> {
        None
    }
}

fn planning(criterion: &mut Criterion) {
    let bases: Arc<[url::Url]> = ["https://example.com/".parse().unwrap()].into();
    let entry = |number: usize| {
        let hex = format!("{number:064x}");
        Entry {
            path: RepoPath::new(&format!("{hex}/package-{number}-1.0-1.noarch.rpm")).unwrap(),
            size: Some(1_000_000),
            digest: Some(Digest::from_hex(Algorithm::Sha256, &hex).unwrap()),
            origin: Origin::Remote(Remote::new(Arc::clone(&bases))),
            role: Role::Payload,
            subject: Some(format!("package-{number}.noarch").into()),
            unverified: None,
        }
    };
    let entries: Vec<_> = (0..PACKAGES).map(entry).collect();
    let mut group = criterion.benchmark_group("planning");
    group.sample_size(20).throughput(Throughput::Elements(PACKAGES as u64));
    group.bench_function("manifest", |bench| {
        bench.iter_batched(
            || entries.clone(),
            |entries| Manifest::new(entries, "bench").unwrap(),
            BatchSize::LargeInput,
        );
    });
    let manifest = Manifest::new(entries.clone(), "bench").unwrap();
    for (name, held) in [("all to fetch", false), ("all there", true)] {
        group.bench_function(name, |bench| {
            bench.iter(|| Plan::new(&manifest, &mut Held(held), None));
        });
    }
}

fn hashing(criterion: &mut Criterion) {
    let content = vec![7; 16 << 20];
    let mut group = criterion.benchmark_group("hashing");
    group.sample_size(20).throughput(Throughput::Bytes(content.len() as u64));
    for (name, also) in [("sha256", None), ("sha256 and sha1", Some(Algorithm::Sha1))] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut hasher = Hasher::new(also);
                content.chunks(64 << 10).for_each(|chunk| hasher.update(chunk));
                hasher.finish()
            });
        });
    }
}

/// Links of a page as large as the largest projects have.
const LINKS: usize = 20_000;

fn pages(criterion: &mut Criterion) {
    let file = |number: usize| {
        let filename = format!("demo-1.{number}.0-cp312-cp312-manylinux_2_17_x86_64.whl");
        let digest = Digest::from_hex(Algorithm::Sha256, &format!("{number:064x}")).unwrap();
        File {
            url: href(&filename),
            filename,
            digests: vec![digest],
            size: Some(1_234_567),
            requires_python: Some(">=3.8,<4".to_owned()),
            yanked: None,
            core_metadata: CoreMetadata::Digest(digest),
            upload_time: Some("2024-01-02T03:04:05.678901Z".to_owned()),
            provenance: None,
        }
    };
    let files: Vec<_> = (0..LINKS).map(file).collect();
    let name = "demo".parse().unwrap();
    let versions = (0..LINKS as u64).map(|number| pep440_rs::Version::new([1, number, 0]));
    let project = Project::new(&name, "demo", None, versions.zip(&files));
    let (html, json) = (project.html(), project.json());
    let mut group = criterion.benchmark_group("pages");
    group.sample_size(20);
    for (name, form, page) in [("html", Form::Html, &html), ("json", Form::Json, &json)] {
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let page = Page::read(form, page.as_bytes()).unwrap();
                assert_eq!(page.files.len(), LINKS);
                page
            });
        });
    }
    group.bench_function("json, as a tree of values", |bench| {
        bench.iter(|| serde_json::from_str::<serde_json::Value>(&json).unwrap());
    });
    group.bench_function("writing html", |bench| bench.iter(|| project.html()));
    group.bench_function("writing json", |bench| bench.iter(|| project.json()));
}

/// A page of [`LINKS`] wheels, of 40 kinds, ordered into releases, and searched by a target.
fn releases(criterion: &mut Criterion) {
    let wheel = |number: usize| {
        let (python, level) = (6 + number % 8, [5, 17, 24, 28, 34][number % 5]);
        let version = format!("1.{}.{}", number / 400, number / 40 % 10);
        format!("demo-{version}-cp3{python}-cp3{python}-manylinux_2_{level}_x86_64.whl")
    };
    let names: Vec<String> = (0..LINKS).map(wheel).collect();
    let order = || {
        let listed = names.iter().map(|filename| Listed {
            filename,
            requires_python: Some(">=3.6,!=3.7.*"),
            ..Listed::default()
        });
        pypi::Project::new("demo".parse().unwrap(), listed)
    };
    let project = order();
    assert_eq!(project.releases.len(), LINKS / 40);
    let python = "3.12".parse().unwrap();
    let platform = "manylinux_2_28_x86_64".parse().unwrap();
    let environment = Target::new(python, platform).environments().remove(0);
    let inputs = Inputs::default();
    let mut group = criterion.benchmark_group("releases");
    group.sample_size(20).throughput(Throughput::Elements(LINKS as u64));
    group.bench_function("ordered by version", |bench| bench.iter(order));
    group.bench_function("matched by tags", |bench| {
        bench.iter(|| {
            let releases = project.releases.iter();
            let best = releases.filter_map(|one| best(&project, one, &environment, &inputs));
            assert_eq!(best.count(), project.releases.len());
        });
    });
}

/// Members of the largest wheels.
const MEMBERS: usize = 30_000;

fn packages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packages");
    group.sample_size(20);

    let mut metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n".to_owned();
    for number in 0..60 {
        let marker = format!("extra == 'extra{}' and python_version >= '3.8'", number % 10);
        metadata =
            format!("{metadata}Requires-Dist: package-{number}[x]<3,>=1.{number} ; {marker}\n");
    }
    metadata += "\n";
    metadata += &"A line of a description that is rather long.\n".repeat(500);
    group.throughput(Throughput::Bytes(metadata.len() as u64));
    group.bench_function("metadata", |bench| {
        bench.iter(|| Metadata::read(metadata.as_bytes()).unwrap());
    });

    let directory = zip_directory();
    let (start, size) = (100 * MEMBERS as u64, 100 * MEMBERS as u64 + directory.len() as u64);
    group.throughput(Throughput::Bytes(directory.len() as u64));
    group.bench_function("zip directory", |bench| {
        bench.iter(|| {
            let window = Window { start, bytes: &directory };
            let read = Directory::read(window, size, is_metadata).unwrap();
            assert!(matches!(&read, Step::Done(found) if found.members().len() == 1));
            read
        });
    });
}

/// The end of an archive with members of a hundred bytes each.
fn zip_directory() -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..MEMBERS {
        let name = match number {
            7 => "demo-1.0.dist-info/METADATA".to_owned(),
            _ => format!("demo/collections/part{}/module_{number}.py", number % 100),
        };
        out.extend(b"PK\x01\x02");
        out.extend([0; 24]);
        out.extend((name.len() as u16).to_le_bytes());
        out.extend([0; 12]);
        out.extend((100 * number as u32).to_le_bytes());
        out.extend(name.as_bytes());
    }
    let len = out.len() as u32;
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([(MEMBERS as u16).to_le_bytes(); 2].concat());
    out.extend(len.to_le_bytes());
    out.extend((100 * MEMBERS as u32).to_le_bytes());
    out.extend([0; 2]);
    out
}

/// Whether a package is signed by a key that counts: its headers alone, where signed metadata vouches for
/// the file, and all of it. The key is as distributions have them, and the package as large as most.
fn signatures(criterion: &mut Criterion) {
    let Some(gpg) = Gpg::new().map(Arc::new) else { return };
    let package = (0..200).fold(Package::new("demo", "1", "1"), |package, number| {
        package.file(&format!("/usr/share/demo/part{}/file{number}", number % 10), "content")
    });
    let package = package.payload_size(256 << 10).build();
    let mut group = criterion.benchmark_group("signatures");
    group.sample_size(20).throughput(Throughput::Elements(1));
    for (algorithm, tag) in [("rsa4096", 268), ("ed25519", 267)] {
        let key = gpg.make(algorithm, algorithm, "never", &[]);
        let signature = gpg.signer(&key).sign_binary(&header_of(&package), &[]);
        let signed = with_signatures(&package, &[PackageSignature::Header(tag, signature)]);
        let keys = Keys::read(&gpg.export(&key)).unwrap();
        let trusted: Vec<Fingerprint> = keys.fingerprints().copied().collect();
        let vouched = Vouched::read(&mut &signed[..], &Sha256::of(&signed).into()).unwrap();
        let now = jiff::Timestamp::now().as_second();
        for (what, vouched) in [("headers", vouched), ("payload too", None)] {
            group.bench_function(format!("{algorithm}, {what}"), |bench| {
                bench.iter(|| {
                    let mut file = io::Cursor::new(&signed);
                    let verdict = verify(&mut file, vouched, &keys, &trusted, now).unwrap();
                    assert!(matches!(verdict, Verdict::Good(_)), "{verdict}");
                });
            });
        }
    }
}

criterion_group!(
    functions, primary, filter, closure, versions, planning, hashing, pages, releases, packages,
    signatures
);
criterion_main!(functions);
