//! How fast the functions are that a run's time goes to: reading metadata, comparing versions,
//! planning, hashing.
//!
//! ```text
//! cargo bench -p mirror-core              all of them
//! cargo bench -p mirror-core -- primary   some
//! ```
//!
//! What whole runs take, beside other tools, is measured by `benches/peers`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::cmp::Ordering;
use std::hint::black_box;
use std::io::{self, BufRead, Write as _};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mirror_core::digest::{Algorithm, Digest, Hasher, Sha256};
use mirror_core::format::compression::{decoder, read_ahead};
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::primary::read_packages;
use mirror_core::format::rpm::version;
use mirror_core::limits::METADATA_OPEN_SIZE;
use mirror_core::manifest::{Entry, Manifest, Origin, Remote, Role};
use mirror_core::path::RepoPath;
use mirror_core::plan::{Inventory, Plan};
use mirror_fixtures::samples;

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

criterion_group!(functions, primary, versions, planning, hashing);
criterion_main!(functions);
